//! All tables together: what the watches and our own writes say, put into snapshots, and who is woken by it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::runtime::watcher::Event;
use parking_lot::{Mutex, MutexGuard};

use super::kept::{self, CredentialsKept, Manifest, ObjectSeen, SecretKept};
use super::table::{Key, Table, Touched};
use super::wakes::{Wake, Wakes};
use super::{LABELLED_KINDS, Snapshot};
use crate::api::{CloudAccount, ObservedStatus as _, Tenant, TenantNotebook, TenantRole, TenantUser};
use crate::model::{ClusterState, KubeKind, NamespaceSeen, ObjRef, SecretTarget};
use crate::names::{AccountName, ManifestKind, ManifestRef, TenantName};

#[derive(Debug, Default)]
pub struct Tables {
    accounts: Table<Arc<CloudAccount>>,
    tenants: Table<Arc<Tenant>>,
    roles: Table<Arc<TenantRole>>,
    users: Table<Arc<TenantUser>>,
    notebooks: Table<Arc<TenantNotebook>>,
    namespaces: Table<NamespaceSeen>,
    objects: BTreeMap<KubeKind, Table<ObjectSeen>>,
    secrets: BTreeMap<String, Table<SecretKept>>,
    credentials: Table<CredentialsKept>,
    /// Which tenants name a namespace, as their own or for definitions.
    named: BTreeMap<String, BTreeSet<TenantName>>,
}

/// A kind of manifest that is watched: all five are.
pub trait Watched: Manifest {
    /// Where it is kept.
    #[doc(hidden)]
    fn table(tables: &mut Tables) -> &mut Table<Arc<Self>>;
}

macro_rules! in_table {
    ($($kind:ident: $field:ident),+) => {$(
        impl Watched for $kind {
            fn table(tables: &mut Tables) -> &mut Table<Arc<Self>> {
                &mut tables.$field
            }
        }
    )+};
}

in_table!(CloudAccount: accounts, Tenant: tenants, TenantRole: roles, TenantUser: users, TenantNotebook: notebooks);

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
        use super::table::Kept as _;
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

    pub(super) fn snapshot(&self, tenant: &TenantName) -> Snapshot {
        self.lock().snapshot(tenant)
    }

    /// Every tenant name that any manifest, namespace, object or Secret mentions.
    pub(super) fn tenant_names(&self) -> BTreeSet<TenantName> {
        self.lock().tenant_names()
    }

    pub(super) fn account(&self, name: &AccountName) -> Option<Arc<CloudAccount>> {
        self.lock().accounts.get(&Key::new(None, name.as_str())).map(|(_, account)| account.clone())
    }

    pub(super) fn accounts(&self) -> BTreeMap<AccountName, Arc<CloudAccount>> {
        self.lock().accounts()
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

    /// Namespaces that tenants name or that carry a tenant's label: where Secrets of ours may be.
    pub(super) fn namespaces_of_tenants(&self) -> BTreeSet<String> {
        use super::table::Kept as _;
        let tables = self.lock();
        let labelled = tables.namespaces.iter().filter(|(_, seen)| seen.tenant().is_some());
        tables.named.keys().cloned().chain(labelled.map(|(key, _)| key.name.clone())).collect()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.lock().is_ready()
    }

    /// What is not listed, or has lost its list, for people.
    pub(super) fn waiting_for(&self) -> Vec<String> {
        self.lock().waiting_for()
    }

    /// How many manifests of each kind have `Ready` with each status.
    pub(super) fn readiness(&self) -> BTreeMap<(ManifestKind, &'static str), u64> {
        let tables = self.lock();
        let mut counts = BTreeMap::new();
        let mut count = |kind, conditions: Option<&[Condition]>| {
            let ready = conditions.into_iter().flatten().find(|condition| condition.type_ == "Ready");
            let status = match ready.map(|ready| ready.status.as_str()) {
                Some("True") => "True",
                Some("False") => "False",
                _ => "Unknown",
            };
            *counts.entry((kind, status)).or_default() += 1;
        };
        for (_, it) in tables.accounts.iter() {
            count(CloudAccount::KIND, it.status.as_ref().map(|status| status.conditions()));
        }
        for (_, it) in tables.tenants.iter() {
            count(Tenant::KIND, it.status.as_ref().map(|status| status.conditions()));
        }
        for (_, it) in tables.roles.iter() {
            count(TenantRole::KIND, it.status.as_ref().map(|status| status.conditions()));
        }
        for (_, it) in tables.users.iter() {
            count(TenantUser::KIND, it.status.as_ref().map(|status| status.conditions()));
        }
        for (_, it) in tables.notebooks.iter() {
            count(TenantNotebook::KIND, it.status.as_ref().map(|status| status.conditions()));
        }
        counts
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

fn wakes_of(touched: Touched) -> BTreeSet<Wake> {
    touched.tenants.into_iter().map(Wake::Tenant).collect()
}

impl Tables {
    fn wakes_of_manifests(&mut self, kind: ManifestKind, touched: Touched) -> BTreeSet<Wake> {
        if kind == ManifestKind::CloudAccount {
            return touched.keys.into_iter().map(|key| Wake::Account(AccountName::new(key.name))).collect();
        }
        if kind == ManifestKind::Tenant {
            for tenant in &touched.tenants {
                self.rename(tenant);
            }
        }
        wakes_of(touched)
    }

    /// Brings the index of named namespaces up to date for one tenant.
    fn rename(&mut self, tenant: &TenantName) {
        self.named.retain(|_, tenants| {
            tenants.remove(tenant);
            !tenants.is_empty()
        });
        if let Some((_, manifest)) = self.tenants.get(&Key::new(None, tenant.as_str())) {
            for namespace in named_by(manifest) {
                self.named.entry(namespace).or_default().insert(tenant.clone());
            }
        }
    }

    fn wakes_of_namespaces(&self, touched: Touched) -> BTreeSet<Wake> {
        let named = touched.keys.iter().filter_map(|key| self.named.get(&key.name)).flatten().cloned();
        named.chain(touched.tenants).map(Wake::Tenant).collect()
    }

    /// The tenants that a namespace concerns.
    fn concerned_by(&self, namespace: &str) -> BTreeSet<TenantName> {
        use super::table::Kept as _;
        let labelled = self.namespaces.get(&Key::new(None, namespace)).and_then(|(_, seen)| seen.tenant());
        self.named.get(namespace).into_iter().flatten().cloned().chain(labelled).collect()
    }

    fn all(&self) -> BTreeSet<Wake> {
        let accounts = self.accounts.iter().map(|(key, _)| Wake::Account(AccountName::new(key.name.clone())));
        accounts.chain(self.tenant_names().into_iter().map(Wake::Tenant)).collect()
    }

    fn tenant_names(&self) -> BTreeSet<TenantName> {
        let mut names: BTreeSet<TenantName> = self.tenants.tenants().cloned().collect();
        names.extend(self.roles.tenants().cloned());
        names.extend(self.users.tenants().cloned());
        names.extend(self.notebooks.tenants().cloned());
        names.extend(self.namespaces.tenants().cloned());
        names.extend(self.objects.values().flat_map(Table::tenants).cloned());
        names.extend(self.secrets.values().flat_map(Table::tenants).cloned());
        names
    }

    fn accounts(&self) -> BTreeMap<AccountName, Arc<CloudAccount>> {
        self.accounts.iter().map(|(key, account)| (AccountName::new(key.name.clone()), account.clone())).collect()
    }

    fn snapshot(&self, tenant: &TenantName) -> Snapshot {
        let manifest = self.tenants.get(&Key::new(None, tenant.as_str())).map(|(_, manifest)| manifest.clone());
        let mut snapshot = Snapshot {
            users: self.users.of_tenant(tenant).map(|(_, user)| user.clone()).collect(),
            roles: self.roles.of_tenant(tenant).map(|(_, role)| role.clone()).collect(),
            notebooks: self.notebooks.of_tenant(tenant).map(|(_, notebook)| notebook.clone()).collect(),
            accounts: self.accounts(),
            secrets_known: BTreeSet::new(),
            ready: self.is_ready(),
            cluster: ClusterState::default(),
            tenant: None,
        };
        let mut names: BTreeSet<String> = manifest.iter().flat_map(|manifest| named_by(manifest)).collect();
        names.extend(self.users.of_tenant(tenant).map(|(key, _)| key.namespace.clone()));
        names.extend(self.roles.of_tenant(tenant).map(|(key, _)| key.namespace.clone()));
        names.extend(self.notebooks.of_tenant(tenant).map(|(key, _)| key.namespace.clone()));
        names.extend(self.namespaces.of_tenant(tenant).map(|(key, _)| key.name.clone()));
        for name in names {
            if self.secrets.get(&name).is_some_and(Table::is_ready) {
                snapshot.secrets_known.insert(name.clone());
            }
            if let Some((_, seen)) = self.namespaces.get(&Key::new(None, &name)) {
                snapshot.cluster.namespaces.insert(name, seen.clone());
            }
        }
        for (kind, table) in &self.objects {
            for (key, seen) in table.of_tenant(tenant) {
                let namespace = (!key.namespace.is_empty()).then(|| key.namespace.clone());
                let at = ObjRef { kind: *kind, namespace, name: key.name.clone() };
                snapshot.cluster.objects.insert(at, seen.body());
            }
        }
        for (key, kept) in self.secrets.values().flat_map(|table| table.of_tenant(tenant)) {
            let at = SecretTarget { namespace: key.namespace.clone(), name: key.name.clone() };
            snapshot.cluster.secrets.insert(at, kept.seen.clone());
        }
        snapshot.tenant = manifest;
        snapshot
    }

    fn is_ready(&self) -> bool {
        self.waiting_for().is_empty()
    }

    /// Secrets are not waited for: the right to read them comes with a RoleBinding that a pass makes.
    fn waiting_for(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let mut check = |ready: bool, plural: &str| {
            if !ready {
                missing.push(plural.to_owned());
            }
        };
        check(self.accounts.is_ready(), "cloudaccounts");
        check(self.tenants.is_ready(), "tenants");
        check(self.roles.is_ready(), "tenantroles");
        check(self.users.is_ready(), "tenantusers");
        check(self.notebooks.is_ready(), "tenantnotebooks");
        check(self.namespaces.is_ready(), "namespaces");
        for kind in LABELLED_KINDS {
            check(self.objects.get(&kind).is_some_and(Table::is_ready), kind.plural());
        }
        missing
    }
}

fn named_by(tenant: &Tenant) -> impl Iterator<Item = String> + '_ {
    tenant.namespace_names().into_iter().chain(tenant.spec.definition_namespaces.iter().cloned())
}
