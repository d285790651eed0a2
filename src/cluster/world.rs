//! The operator's view of the cluster: starts the watches and gives out what they and our own writes say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::Client;
use kube::api::{Api, DynamicObject, PartialObjectMeta};
use kube::runtime::watcher::Config;
use parking_lot::Mutex;
use secrecy::SecretString;
use tokio_util::task::AbortOnDropHandle;

use super::events::Events;
use super::finalizer::Finalizers;
use super::link::{Link, WriteCounts};
use super::status::StatusWriter;
use super::store::{Listed, Store};
use super::tables::Watched;
use super::wakes::Wakes;
use super::watch::{follow, labelled};
use super::writer::{KubeCluster, resource};
use super::{LABELLED_KINDS, Snapshot};
use crate::api::{CloudAccount, Tenant, TenantNotebook, TenantRole, TenantUser};
use crate::model::Fault;
use crate::names::{AccountName, ManifestKind, ManifestRef, TenantName};

/// Everything that is watched. Its watches end when it is dropped.
pub struct World {
    link: Link,
    counts: Arc<WriteCounts>,
    store: Arc<Store>,
    own_namespace: String,
    secret_watches: Mutex<BTreeMap<String, AbortOnDropHandle<()>>>,
    _watches: Vec<AbortOnDropHandle<()>>,
}

impl World {
    /// Starts the watches of everything but tenants' Secrets. `own_namespace` is the operator's, where CloudAccounts'
    /// credentials are. The CRDs must be there, see [`super::missing_crds`]. Must be called inside a Tokio runtime.
    #[must_use]
    pub fn start(client: Client, own_namespace: &str) -> Self {
        let store = Arc::new(Store::default());
        let counts = Arc::new(WriteCounts::default());
        let mut watches = vec![
            watch_manifests::<CloudAccount>(&client, &store),
            watch_manifests::<Tenant>(&client, &store),
            watch_manifests::<TenantRole>(&client, &store),
            watch_manifests::<TenantUser>(&client, &store),
            watch_manifests::<TenantNotebook>(&client, &store),
        ];
        let namespaces: Api<PartialObjectMeta<Namespace>> = Api::all(client.clone());
        let take = |store: &Store, event| store.namespace(event);
        watches.push(spawn(follow(namespaces, Config::default(), Listed::Namespaces, store.clone(), take)));
        for kind in LABELLED_KINDS {
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource(kind));
            let take = move |store: &Store, event| store.object(kind, event);
            watches.push(spawn(follow(api, labelled(), Listed::Objects(kind), store.clone(), take)));
        }
        let credentials: Api<PartialObjectMeta<Secret>> = Api::namespaced(client.clone(), own_namespace);
        let take = |store: &Store, event| store.credentials(event);
        watches.push(spawn(follow(credentials, Config::default(), Listed::Credentials, store.clone(), take)));
        Self {
            link: Link::new(client, counts.clone()),
            counts,
            store,
            own_namespace: own_namespace.to_owned(),
            secret_watches: Mutex::default(),
            _watches: watches,
        }
    }

    /// What writes to the cluster. Its writes are in snapshots at once.
    #[must_use]
    pub fn cluster(&self) -> KubeCluster {
        KubeCluster::new(self.link.clone(), self.store.clone())
    }

    /// What puts our finalizer on and takes it off.
    #[must_use]
    pub fn finalizers(&self) -> Finalizers {
        Finalizers::new(self.link.clone(), self.store.clone())
    }

    /// What writes status. One for the whole process: it remembers.
    #[must_use]
    pub fn status_writer(&self) -> StatusWriter {
        StatusWriter::new(self.link.clone(), self.store.clone())
    }

    /// What publishes events; `instance` is this process's name, such as the pod's. One for the whole process.
    #[must_use]
    pub fn events(&self, instance: &str) -> Events {
        Events::new(self.link.clone(), instance.to_owned())
    }

    /// Writes to the Kubernetes API since the start, the Lease aside.
    #[must_use]
    pub fn write_counts(&self) -> Arc<WriteCounts> {
        self.counts.clone()
    }

    /// What one tenant's pass looks at.
    #[must_use]
    pub fn snapshot(&self, tenant: &TenantName) -> Snapshot {
        self.store.snapshot(tenant)
    }

    /// Who is to be looked at again. Clones share what is pending; there should be one taker.
    #[must_use]
    pub fn wakes(&self) -> Wakes {
        self.store.wakes().clone()
    }

    /// Whether everything but Secrets was listed, and no list has failed since.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.store.is_ready()
    }

    /// The resources that [`World::is_ready`] waits for.
    #[must_use]
    pub fn waiting_for(&self) -> Vec<String> {
        self.store.waiting_for()
    }

    /// Every tenant name that a manifest, a namespace, an object or a Secret mentions.
    #[must_use]
    pub fn tenant_names(&self) -> BTreeSet<TenantName> {
        self.store.tenant_names()
    }

    /// All CloudAccounts.
    #[must_use]
    pub fn accounts(&self) -> BTreeMap<AccountName, Arc<CloudAccount>> {
        self.store.accounts()
    }

    /// Whether there is such a manifest.
    #[must_use]
    pub fn exists(&self, manifest: &ManifestRef) -> bool {
        self.store.manifest_uid(manifest).is_some()
    }

    /// Whether there is any manifest of a kind.
    #[must_use]
    pub fn has_any(&self, kind: ManifestKind) -> bool {
        self.store.has_any(kind)
    }

    /// One CloudAccount.
    #[must_use]
    pub fn account(&self, name: &AccountName) -> Option<Arc<CloudAccount>> {
        self.store.account(name)
    }

    /// Whether the tenant, or a user of it, was suspended and no pass has seen that yet: such a pass cannot wait.
    #[must_use]
    pub fn is_being_suspended(&self, tenant: &TenantName) -> bool {
        self.store.is_being_suspended(tenant)
    }

    /// Whether any Tenant asks for a PAI workspace in an account, or tells of one.
    #[must_use]
    pub fn has_workspaces(&self, name: &AccountName) -> bool {
        self.store.has_workspaces(name)
    }

    /// The tenants whose manifests name a CloudAccount.
    #[must_use]
    pub fn tenants_of_account(&self, name: &AccountName) -> BTreeSet<TenantName> {
        self.store.tenants_of_account(name)
    }

    /// The TenantNotebooks in a CloudAccount, those that are being deleted too.
    #[must_use]
    pub fn notebooks_in(&self, name: &AccountName) -> Vec<Arc<TenantNotebook>> {
        self.store.notebooks_in(name)
    }

    /// Namespaces where TenantUsers live: where Secrets of ours may be.
    #[must_use]
    pub fn namespaces_of_users(&self) -> BTreeSet<String> {
        self.store.namespaces_of_users()
    }

    /// How many manifests of each kind have `Ready` with each status: `True`, `False` or `Unknown`.
    #[must_use]
    pub fn readiness(&self) -> BTreeMap<(ManifestKind, &'static str), u64> {
        self.store.readiness()
    }

    /// Watches our Secrets in exactly these namespaces. The right to do so may come later: a refusal is no error, it is
    /// tried again, soon at first. A namespace whose Secrets are listed appears in the snapshot's `cluster.secrets_known`, and its
    /// tenants are woken.
    pub fn watch_secrets(&self, namespaces: &BTreeSet<String>) {
        let mut watches = self.secret_watches.lock();
        watches.retain(|namespace, _| {
            let wanted = namespaces.contains(namespace);
            if !wanted {
                self.store.drop_secrets(namespace);
            }
            wanted
        });
        for namespace in namespaces {
            if watches.contains_key(namespace) {
                continue;
            }
            self.store.expect_secrets(namespace);
            let api: Api<Secret> = Api::namespaced(self.link.client.clone(), namespace);
            let listed = Listed::Secrets(namespace.clone());
            let name = namespace.clone();
            let take = move |store: &Store, event| store.secret(&name, event);
            watches.insert(namespace.clone(), spawn(follow(api, labelled(), listed, self.store.clone(), take)));
        }
    }

    /// From here on workloads that were not there are looked at again.
    pub fn forget_missing_workloads(&self) {
        self.store.forget_missing_workloads();
    }

    /// Reads a Secret of the operator's own namespace, for a CloudAccount's credentials; none if there is none.
    pub async fn credentials(&self, secret: &str) -> Result<Option<BTreeMap<String, SecretString>>, Fault> {
        super::once::secret_data(&self.link, &self.own_namespace, secret).await
    }
}

fn watch_manifests<K: Watched>(client: &Client, store: &Arc<Store>) -> AbortOnDropHandle<()> {
    let take = |store: &Store, event| store.manifest::<K>(event);
    spawn(follow(Api::<K>::all(client.clone()), Config::default(), Listed::Manifests(K::KIND), store.clone(), take))
}

fn spawn(watch: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(watch))
}
