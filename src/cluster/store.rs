//! The one place that knows the cluster: takes in what the watches and our own writes say, and wakes whom it concerns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::runtime::watcher::Event;
use parking_lot::{Mutex, MutexGuard};

use super::Snapshot;
use super::kept;
use super::table::{Kept as _, Key};
use super::tables::{Tables, Watched, wakes_of};
use super::wakes::{Wake, Wakes};
use crate::api::{CloudAccount, Tenant, TenantNotebook};
use crate::model::{KubeKind, NamespaceSeen, ObjRef, SecretTarget, WorkloadSeen};
use crate::names::{AccountName, ManifestKind, ManifestRef, TenantName};

/// Everything known of the cluster.
#[derive(Debug, Default)]
pub(super) struct Store {
    tables: Mutex<Tables>,
    wakes: Wakes,
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock()
    }

    pub(super) fn wakes(&self) -> &Wakes {
        &self.wakes
    }

    /// Runs `change` and tells who is touched by it. When the world becomes whole, everybody is.
    fn change(&self, change: impl FnOnce(&mut Tables) -> BTreeSet<Wake>) {
        let mut tables = self.lock();
        let was_ready = tables.is_ready();
        let mut wakes = change(&mut tables);
        let is_ready = tables.is_ready();
        if is_ready && !was_ready {
            wakes.extend(tables.all());
        }
        drop(tables);
        self.wakes.add(wakes);
        if is_ready && !was_ready {
            self.wakes.open();
        }
    }

    pub(super) fn manifest<K: Watched>(&self, event: Event<K>) {
        self.change(|tables| {
            let touched = K::table(tables).observe(event, kept::manifest);
            tables.wakes_of_manifests(K::KIND, touched)
        });
    }

    /// Takes in the answer to a write of ours. What others changed at the same time wakes as if the watch had told it.
    pub(super) fn manifest_written<K: Watched>(&self, object: K) {
        self.change(|tables| {
            let touched = K::table(tables).written(kept::manifest(object));
            tables.wakes_of_manifests(K::KIND, touched)
        });
    }

    pub(super) fn manifest_gone<K: Watched>(&self, object: &K) {
        let meta = object.meta();
        let key = Key::new(meta.namespace.as_deref(), meta.name.as_deref().unwrap_or_default());
        self.change(|tables| {
            let touched = K::table(tables).deleted(&key, meta.uid.as_deref().unwrap_or_default());
            tables.wakes_of_manifests(K::KIND, touched)
        });
    }

    /// The newest version of a manifest that is known, if it is still the same object.
    pub(super) fn newest<K: Watched>(&self, object: &K) -> Option<Arc<K>> {
        let meta = object.meta();
        let key = Key::new(meta.namespace.as_deref(), meta.name.as_deref().unwrap_or_default());
        let mut tables = self.lock();
        let (uid, newest) = K::table(&mut tables).get(&key)?;
        (Some(uid) == meta.uid.as_deref()).then(|| newest.clone())
    }

    pub(super) fn namespace(&self, event: Event<PartialObjectMeta<Namespace>>) {
        self.change(|tables| {
            let touched = tables.namespaces.observe(event, kept::namespace);
            tables.wakes_of_namespaces(touched)
        });
    }

    pub(super) fn namespace_written(&self, object: PartialObjectMeta<Namespace>) {
        self.change(|tables| {
            let touched = tables.namespaces.written(kept::namespace(object));
            tables.wakes_of_namespaces(touched)
        });
    }

    pub(super) fn object(&self, kind: KubeKind, event: Event<DynamicObject>) {
        self.change(|tables| wakes_of(tables.objects.entry(kind).or_default().observe(event, kept::object)));
    }

    pub(super) fn object_written(&self, kind: KubeKind, object: DynamicObject) {
        self.lock().objects.entry(kind).or_default().written(kept::object(object));
    }

    pub(super) fn secret(&self, namespace: &str, event: Event<Secret>) {
        let done = matches!(event, Event::InitDone);
        self.change(|tables| {
            let Some(table) = tables.secrets.get_mut(namespace) else { return BTreeSet::new() };
            let first = done && !table.is_ready();
            let mut wakes = wakes_of(table.observe(event, |secret| kept::secret(&secret)));
            if first {
                wakes.extend(tables.concerned_by(namespace).into_iter().map(Wake::Tenant));
            }
            wakes
        });
    }

    pub(super) fn secret_written(&self, object: &Secret) {
        let namespace = object.metadata.namespace.clone().unwrap_or_default();
        if let Some(table) = self.lock().secrets.get_mut(&namespace) {
            table.written(kept::secret(object));
        }
    }

    pub(super) fn secret_gone(&self, at: &SecretTarget, uid: &str) {
        if let Some(table) = self.lock().secrets.get_mut(&at.namespace) {
            table.deleted(&Key::new(Some(&at.namespace), &at.name), uid);
        }
    }

    /// Takes in what a look at a workload, or a write of ours, says of it.
    pub(super) fn workload_seen(&self, at: &ObjRef, seen: Option<WorkloadSeen>) {
        self.lock().workloads.insert(at.clone(), seen);
    }

    /// What was seen of the workload no longer counts.
    pub(super) fn forget_workload(&self, at: &ObjRef) {
        self.lock().workloads.remove(at);
    }

    /// Workloads that were not there may be there by now.
    pub(super) fn forget_missing_workloads(&self) {
        self.lock().workloads.retain(|_, seen| seen.is_some());
    }

    /// Makes room for a namespace's Secrets: they are watched from now on.
    pub(super) fn expect_secrets(&self, namespace: &str) {
        self.lock().secrets.entry(namespace.to_owned()).or_default();
    }

    /// Forgets a namespace's Secrets: they are watched no more.
    pub(super) fn drop_secrets(&self, namespace: &str) {
        self.lock().secrets.remove(namespace);
    }

    pub(super) fn credentials(&self, event: Event<PartialObjectMeta<Secret>>) {
        self.change(|tables| {
            let touched = tables.credentials.observe(event, kept::credentials);
            touched.keys.into_iter().map(|key| Wake::CredentialsSecret(key.name)).collect()
        });
    }

    /// Takes in that the list of a kind failed.
    pub(super) fn list_failed(&self, of: &Listed) {
        let mut tables = self.lock();
        match of {
            Listed::Manifests(ManifestKind::CloudAccount) => tables.accounts.list_failed(),
            Listed::Manifests(ManifestKind::Tenant) => tables.tenants.list_failed(),
            Listed::Manifests(ManifestKind::TenantRole) => tables.roles.list_failed(),
            Listed::Manifests(ManifestKind::TenantUser) => tables.users.list_failed(),
            Listed::Manifests(ManifestKind::TenantNotebook) => tables.notebooks.list_failed(),
            Listed::Namespaces => tables.namespaces.list_failed(),
            Listed::Objects(kind) => tables.objects.entry(*kind).or_default().list_failed(),
            Listed::Secrets(namespace) => {
                if let Some(table) = tables.secrets.get_mut(namespace) {
                    table.list_failed();
                }
            }
            Listed::Credentials => tables.credentials.list_failed(),
        }
    }

    /// The UID of an object of ours; none where it is not there or carries no label of ours.
    pub(super) fn uid(&self, at: &ObjRef) -> Option<String> {
        let key = Key::new(at.namespace.as_deref(), &at.name);
        let tables = self.lock();
        match at.kind {
            KubeKind::Namespace => tables.namespaces.get(&key).map(|(uid, _)| uid.to_owned()),
            kind => tables.objects.get(&kind)?.get(&key).map(|(uid, _)| uid.to_owned()),
        }
    }

    /// The tenant whose label an object of ours carries.
    pub(super) fn tenant(&self, at: &ObjRef) -> Option<TenantName> {
        let key = Key::new(at.namespace.as_deref(), &at.name);
        let tables = self.lock();
        match at.kind {
            KubeKind::Namespace => tables.namespaces.get(&key)?.1.tenant(),
            kind => tables.objects.get(&kind)?.get(&key)?.1.tenant(),
        }
    }

    /// A namespace as it was last seen.
    pub(super) fn namespace_seen(&self, name: &str) -> Option<NamespaceSeen> {
        self.lock().namespaces.get(&Key::new(None, name)).map(|(_, seen)| seen.clone())
    }

    /// Takes in that an object of ours is gone by our own doing.
    pub(super) fn object_gone(&self, at: &ObjRef, uid: &str) {
        let key = Key::new(at.namespace.as_deref(), &at.name);
        let mut tables = self.lock();
        match at.kind {
            KubeKind::Namespace => tables.namespaces.deleted(&key, uid),
            kind => tables.objects.entry(kind).or_default().deleted(&key, uid),
        };
    }

    /// The UID of a manifest.
    pub(super) fn manifest_uid(&self, manifest: &ManifestRef) -> Option<String> {
        let key = Key::new(manifest.namespace.as_deref(), &manifest.name);
        let tables = self.lock();
        let uid = match manifest.kind {
            ManifestKind::CloudAccount => tables.accounts.get(&key)?.0,
            ManifestKind::Tenant => tables.tenants.get(&key)?.0,
            ManifestKind::TenantRole => tables.roles.get(&key)?.0,
            ManifestKind::TenantUser => tables.users.get(&key)?.0,
            ManifestKind::TenantNotebook => tables.notebooks.get(&key)?.0,
        };
        Some(uid.to_owned())
    }

    /// Whether there is any manifest of a kind.
    pub(super) fn has_any(&self, kind: ManifestKind) -> bool {
        let tables = self.lock();
        match kind {
            ManifestKind::CloudAccount => tables.accounts.iter().next().is_some(),
            ManifestKind::Tenant => tables.tenants.iter().next().is_some(),
            ManifestKind::TenantRole => tables.roles.iter().next().is_some(),
            ManifestKind::TenantUser => tables.users.iter().next().is_some(),
            ManifestKind::TenantNotebook => tables.notebooks.iter().next().is_some(),
        }
    }

    pub(super) fn snapshot(&self, tenant: &TenantName) -> Snapshot {
        self.lock().snapshot(tenant)
    }

    /// Every tenant name that any manifest, namespace, object or Secret mentions.
    pub(super) fn tenant_names(&self) -> BTreeSet<TenantName> {
        self.lock().tenant_names()
    }

    pub(super) fn is_being_suspended(&self, tenant: &TenantName) -> bool {
        self.lock().is_being_suspended(tenant)
    }

    pub(super) fn account(&self, name: &AccountName) -> Option<Arc<CloudAccount>> {
        self.lock().accounts.get(&Key::new(None, name.as_str())).map(|(_, account)| account.clone())
    }

    pub(super) fn accounts(&self) -> BTreeMap<AccountName, Arc<CloudAccount>> {
        self.lock().accounts()
    }

    /// Whether any Tenant asks for a PAI workspace in an account, or tells of one.
    pub(super) fn has_workspaces(&self, name: &AccountName) -> bool {
        let has = |tenant: &Tenant| {
            let asks = tenant.spec.accounts.iter().any(|it| it.name == name.as_str() && it.workspace.is_some());
            let told = tenant.status.iter().flat_map(|status| &status.accounts);
            asks || told.into_iter().any(|it| it.name == name.as_str() && it.workspace_id.is_some())
        };
        self.lock().tenants.iter().any(|(_, tenant)| has(tenant))
    }

    pub(super) fn tenants_of_account(&self, name: &AccountName) -> BTreeSet<TenantName> {
        let uses = |tenant: &Tenant| tenant.spec.accounts.iter().any(|account| account.name == name.as_str());
        let tables = self.lock();
        tables
            .tenants
            .iter()
            .filter(|(_, tenant)| uses(tenant))
            .map(|(key, _)| TenantName::new(key.name.clone()))
            .collect()
    }

    /// The notebooks of an account that are there, or that their Tenants allow to be: others give nobody work.
    pub(super) fn notebooks_in(&self, name: &AccountName) -> Vec<Arc<TenantNotebook>> {
        let tables = self.lock();
        let allows = |tenant: &Tenant, notebook: &TenantNotebook| {
            let namespace = notebook.metadata.namespace.as_deref().unwrap_or_default();
            let is_in = tenant.spec.accounts.iter().any(|account| account.name == name.as_str());
            is_in && tenant.may_be_named_from(namespace)
        };
        let counts = |notebook: &TenantNotebook| {
            let tenant = || tables.tenants.iter().find(|(key, _)| key.name == notebook.spec.tenant);
            notebook.status.as_ref().is_some_and(|status| status.instance.is_some())
                || tenant().is_some_and(|(_, tenant)| allows(tenant, notebook))
        };
        let of_account = tables.notebooks.iter().filter(|(_, notebook)| notebook.spec.account == name.as_str());
        of_account.filter(|(_, notebook)| counts(notebook)).map(|(_, notebook)| notebook.clone()).collect()
    }

    /// Namespaces that tenants name or that carry a tenant's label: where Secrets of ours may be.
    pub(super) fn namespaces_of_tenants(&self) -> BTreeSet<String> {
        let tables = self.lock();
        let labelled = tables.namespaces.iter().filter(|(_, seen)| seen.tenant().is_some());
        tables.named.keys().cloned().chain(labelled.map(|(key, _)| key.name.clone())).collect()
    }

    /// Namespaces where TenantUsers live. A watch is a connection: one is kept only where there can be something to see.
    pub(super) fn namespaces_of_users(&self) -> BTreeSet<String> {
        self.lock().users.iter().map(|(key, _)| key.namespace.clone()).collect()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.lock().is_ready()
    }

    /// What is not listed, or has lost its list, for people.
    pub(super) fn waiting_for(&self) -> Vec<String> {
        self.lock().waiting_for()
    }

    pub(super) fn readiness(&self) -> BTreeMap<(ManifestKind, &'static str), u64> {
        self.lock().readiness()
    }
}

/// What a list is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    Manifests(ManifestKind),
    Namespaces,
    Objects(KubeKind),
    Secrets(String),
    Credentials,
}
