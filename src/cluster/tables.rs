//! All tables together, and what can be computed from them: snapshots, who a change concerns, how things stand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::kept::{CredentialsKept, Manifest, ObjectSeen, SecretKept};
use super::table::{Kept as _, Key, Table, Touched};
use super::wakes::Wake;
use super::{LABELLED_KINDS, Snapshot};
use crate::api::{CloudAccount, ObservedStatus as _, Tenant, TenantNotebook, TenantRole, TenantUser};
use crate::model::{ClusterState, KubeKind, NamespaceSeen, ObjRef, SecretTarget, WorkloadSeen};
use crate::names::{AccountName, ManifestKind, TenantName};

#[derive(Debug, Default)]
pub struct Tables {
    pub(super) accounts: Table<Arc<CloudAccount>>,
    pub(super) tenants: Table<Arc<Tenant>>,
    pub(super) roles: Table<Arc<TenantRole>>,
    pub(super) users: Table<Arc<TenantUser>>,
    pub(super) notebooks: Table<Arc<TenantNotebook>>,
    pub(super) namespaces: Table<NamespaceSeen>,
    pub(super) objects: BTreeMap<KubeKind, Table<ObjectSeen>>,
    pub(super) secrets: BTreeMap<String, Table<SecretKept>>,
    pub(super) credentials: Table<CredentialsKept>,
    /// Workloads that were looked at, and whether they were there.
    pub(super) workloads: BTreeMap<ObjRef, Option<WorkloadSeen>>,
    /// Which tenants name a namespace, as their own or for definitions.
    pub(super) named: BTreeMap<String, BTreeSet<TenantName>>,
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

impl Tables {
    pub(super) fn wakes_of_manifests(&mut self, kind: ManifestKind, touched: Touched) -> BTreeSet<Wake> {
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
    pub(super) fn rename(&mut self, tenant: &TenantName) {
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

    pub(super) fn wakes_of_namespaces(&self, touched: Touched) -> BTreeSet<Wake> {
        let named = touched.keys.iter().filter_map(|key| self.named.get(&key.name)).flatten().cloned();
        named.chain(touched.tenants).map(Wake::Tenant).collect()
    }

    /// The tenants that a namespace concerns.
    pub(super) fn concerned_by(&self, namespace: &str) -> BTreeSet<TenantName> {
        let labelled = self.namespaces.get(&Key::new(None, namespace)).and_then(|(_, seen)| seen.tenant());
        self.named.get(namespace).into_iter().flatten().cloned().chain(labelled).collect()
    }

    pub(super) fn all(&self) -> BTreeSet<Wake> {
        let accounts = self.accounts.iter().map(|(key, _)| Wake::Account(AccountName::new(key.name.clone())));
        accounts.chain(self.tenant_names().into_iter().map(Wake::Tenant)).collect()
    }

    pub(super) fn tenant_names(&self) -> BTreeSet<TenantName> {
        let mut names: BTreeSet<TenantName> = self.tenants.tenants().cloned().collect();
        names.extend(self.roles.tenants().cloned());
        names.extend(self.users.tenants().cloned());
        names.extend(self.notebooks.tenants().cloned());
        names.extend(self.namespaces.tenants().cloned());
        names.extend(self.objects.values().flat_map(Table::tenants).cloned());
        names.extend(self.secrets.values().flat_map(Table::tenants).cloned());
        names
    }

    pub(super) fn accounts(&self) -> BTreeMap<AccountName, Arc<CloudAccount>> {
        self.accounts.iter().map(|(key, account)| (AccountName::new(key.name.clone()), account.clone())).collect()
    }

    pub(super) fn snapshot(&self, tenant: &TenantName) -> Snapshot {
        let manifest = self.tenants.get(&Key::new(None, tenant.as_str())).map(|(_, manifest)| manifest.clone());
        let mut snapshot = Snapshot {
            users: self.users.of_tenant(tenant).map(|(_, user)| user.clone()).collect(),
            roles: self.roles.of_tenant(tenant).map(|(_, role)| role.clone()).collect(),
            notebooks: self.notebooks.of_tenant(tenant).map(|(_, notebook)| notebook.clone()).collect(),
            accounts: self.accounts(),
            ready: self.is_ready(),
            cluster: ClusterState::default(),
            tenant: None,
        };
        let mut names: BTreeSet<String> = manifest.iter().flat_map(|manifest| named_by(manifest)).collect();
        names.extend(self.users.of_tenant(tenant).map(|(key, _)| key.namespace.clone()));
        names.extend(self.roles.of_tenant(tenant).map(|(key, _)| key.namespace.clone()));
        names.extend(self.notebooks.of_tenant(tenant).map(|(key, _)| key.namespace.clone()));
        names.extend(self.namespaces.of_tenant(tenant).map(|(key, _)| key.name.clone()));
        let among = |at: &ObjRef| at.namespace.as_ref().is_some_and(|name| names.contains(name));
        let workloads = self.workloads.iter().filter(|(at, _)| among(at));
        snapshot.cluster.workloads = workloads.map(|(at, seen)| (at.clone(), seen.clone())).collect();
        for name in names {
            if self.secrets.get(&name).is_some_and(Table::is_ready) {
                snapshot.cluster.secrets_known.insert(name.clone());
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

    pub(super) fn is_being_suspended(&self, tenant: &TenantName) -> bool {
        let unseen = |generation: Option<i64>, observed: Option<i64>| generation != observed;
        let manifest = self.tenants.get(&Key::new(None, tenant.as_str()));
        let of_tenant = manifest.is_some_and(|(_, it)| {
            let observed = it.status.as_ref().and_then(|status| status.observed_generation);
            it.spec.suspended && unseen(it.metadata.generation, observed)
        });
        of_tenant
            || self.users.of_tenant(tenant).any(|(_, it)| {
                let observed = it.status.as_ref().and_then(|status| status.observed_generation);
                it.spec.suspended && unseen(it.metadata.generation, observed)
            })
    }

    pub(super) fn is_ready(&self) -> bool {
        self.waiting_for().is_empty()
    }

    /// Secrets are not waited for: the right to read them comes with a RoleBinding that a pass makes.
    pub(super) fn waiting_for(&self) -> Vec<String> {
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

    /// How many manifests of each kind have `Ready` with each status.
    pub(super) fn readiness(&self) -> BTreeMap<(ManifestKind, &'static str), u64> {
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
        for (_, it) in self.accounts.iter() {
            count(CloudAccount::KIND, it.status.as_ref().map(|status| status.conditions()));
        }
        for (_, it) in self.tenants.iter() {
            count(Tenant::KIND, it.status.as_ref().map(|status| status.conditions()));
        }
        for (_, it) in self.roles.iter() {
            count(TenantRole::KIND, it.status.as_ref().map(|status| status.conditions()));
        }
        for (_, it) in self.users.iter() {
            count(TenantUser::KIND, it.status.as_ref().map(|status| status.conditions()));
        }
        for (_, it) in self.notebooks.iter() {
            count(TenantNotebook::KIND, it.status.as_ref().map(|status| status.conditions()));
        }
        counts
    }
}

pub(super) fn wakes_of(touched: Touched) -> BTreeSet<Wake> {
    touched.tenants.into_iter().map(Wake::Tenant).collect()
}

fn named_by(tenant: &Tenant) -> impl Iterator<Item = String> + '_ {
    tenant.namespace_names().into_iter().chain(tenant.spec.definition_namespaces.iter().cloned())
}
