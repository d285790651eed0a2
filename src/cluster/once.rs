//! The cluster read once by plain lists, with whatever rights a kubeconfig gives: for `tenantry plan`, and the checks
//! before the watches start.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{Api, DynamicObject, ListParams, PartialObjectMeta};
use kube::runtime::watcher::Event;
use kube::{Client, Resource};
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use super::faults::Deed;
use super::link::{Link, WriteCounts};
use super::overlay::{Laid, Overlay};
use super::store::Store;
use super::writer::{manifest_plural, resource};
use super::{LABELLED_KINDS, Snapshot};
use crate::api::{self, CloudAccount, Tenant, TenantNotebook, TenantRole, TenantUser};
use crate::model::{Class, Fault, SecretTarget};
use crate::names::{ClusterId, ManifestKind, TAG_TENANT, TenantName};

/// Objects a page.
const PAGE: u32 = 500;

/// Reads the whole cluster once: a snapshot for every tenant that anything mentions. Needs the right to list manifests,
/// namespaces and the kinds that we make; a namespace whose Secrets may not be listed is left out of
/// the snapshots' `cluster.secrets_known`. What `files` says is laid over what was read, and `files` notes what came of
/// it.
///
/// # Errors
/// No answer, or no right to one of these lists.
pub async fn read_once(client: Client, files: &mut Overlay) -> Result<BTreeMap<TenantName, Snapshot>, Fault> {
    let store = Store::default();
    let link = Link::new(client, Arc::new(WriteCounts::default()));
    manifests::<CloudAccount>(&link, &store, files).await?;
    manifests::<Tenant>(&link, &store, files).await?;
    manifests::<TenantRole>(&link, &store, files).await?;
    manifests::<TenantUser>(&link, &store, files).await?;
    manifests::<TenantNotebook>(&link, &store, files).await?;
    let namespaces: Api<PartialObjectMeta<Namespace>> = Api::all(link.client.clone());
    let deed = Deed::on_all("list", "namespaces", None);
    let mut found = list(&link, &namespaces, ListParams::default(), &deed).await?;
    let there: BTreeSet<String> = found.iter().filter_map(|it| it.metadata.name.clone()).collect();
    files.lay_namespaces(&mut found);
    tell(found, |event| store.namespace(event));
    for kind in LABELLED_KINDS {
        let api: Api<DynamicObject> = Api::all_with(link.client.clone(), &resource(kind));
        let deed = Deed::on_all("list", kind.plural(), None);
        let found = list(&link, &api, ListParams::default().labels(TAG_TENANT), &deed).await?;
        tell(found, |event| store.object(kind, event));
    }
    for namespace in store.namespaces_of_tenants() {
        let api: Api<Secret> = Api::namespaced(link.client.clone(), &namespace);
        let deed = Deed::on_all("list", "secrets", Some(&namespace));
        match list(&link, &api, ListParams::default().labels(TAG_TENANT), &deed).await {
            Ok(found) => {
                store.expect_secrets(&namespace);
                tell(found, |event| store.secret(&namespace, event));
            }
            // What does not exist holds no Secrets.
            Err(fault) if fault.class == Class::AccessDenied && !there.contains(&namespace) => {
                store.expect_secrets(&namespace);
                tell(Vec::new(), |event| store.secret(&namespace, event));
            }
            Err(fault) if fault.class == Class::AccessDenied => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(store.tenant_names().into_iter().map(|tenant| (tenant.clone(), store.snapshot(&tenant))).collect())
}

/// The plurals of our kinds that the API server does not know. Not empty: `kubectl apply --server-side -f crds/` is
/// needed, and nothing can be watched before.
pub async fn missing_crds(client: &Client) -> Result<Vec<&'static str>, Fault> {
    const KINDS: [ManifestKind; 5] = [
        ManifestKind::CloudAccount,
        ManifestKind::Tenant,
        ManifestKind::TenantRole,
        ManifestKind::TenantUser,
        ManifestKind::TenantNotebook,
    ];
    let link = Link::new(client.clone(), Arc::new(WriteCounts::default()));
    let version = format!("{}/{}", api::GROUP, api::VERSION);
    let call = async {
        match client.list_api_group_resources(&version).await {
            // A group that is not known at all is answered by a plain page, without a reason.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
            answer => answer.map(|list| list.resources),
        }
    };
    let known = link.read(&Deed::on_all("get", "apis", None), call).await?;
    let is_known = |kind: &ManifestKind| known.iter().any(|resource| resource.name == manifest_plural(*kind));
    Ok(KINDS.iter().filter(|kind| !is_known(kind)).map(|kind| manifest_plural(*kind)).collect())
}

/// The cluster's default id, from the UID of the kube-system namespace.
pub async fn cluster_id(client: &Client) -> Result<ClusterId, Fault> {
    let link = Link::new(client.clone(), Arc::new(WriteCounts::default()));
    let api: Api<Namespace> = Api::all(client.clone());
    let deed = Deed::on_all("get", "namespaces", None);
    let found = link.read(&deed, api.get_metadata("kube-system")).await?;
    match found.metadata.uid {
        Some(uid) => Ok(ClusterId::from_kube_system_uid(&uid)),
        None => Err(deed.fault(Class::Transient, "the namespace kube-system has no UID")),
    }
}

/// Reads the texts in a Secret; none where there is no such Secret.
pub async fn read_secret_data(
    client: &Client,
    namespace: &str,
    secret: &str,
) -> Result<Option<BTreeMap<String, SecretString>>, Fault> {
    secret_data(&Link::new(client.clone(), Arc::new(WriteCounts::default())), namespace, secret).await
}

pub(super) async fn secret_data(
    link: &Link,
    namespace: &str,
    secret: &str,
) -> Result<Option<BTreeMap<String, SecretString>>, Fault> {
    let at = SecretTarget { namespace: namespace.to_owned(), name: secret.to_owned() };
    let api: Api<Secret> = Api::namespaced(link.client.clone(), namespace);
    let found = link.read(&Deed::on_secret("get", &at), api.get_opt(secret)).await?;
    let texts = |secret: Secret| {
        let data = secret.data.unwrap_or_default().into_iter();
        data.filter_map(|(key, bytes)| Some((key, SecretString::from(String::from_utf8(bytes.0).ok()?)))).collect()
    };
    Ok(found.map(texts))
}

async fn manifests<K: Laid>(link: &Link, store: &Store, files: &mut Overlay) -> Result<(), Fault> {
    let api = Api::<K>::all(link.client.clone());
    let deed = Deed::on_all("list", manifest_plural(K::KIND), None);
    let mut found = list(link, &api, ListParams::default(), &deed).await?;
    files.lay(&mut found, Timestamp::now());
    tell(found, |event| store.manifest::<K>(event));
    Ok(())
}

async fn list<K>(link: &Link, api: &Api<K>, params: ListParams, deed: &Deed) -> Result<Vec<K>, Fault>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let mut params = params.limit(PAGE);
    let mut found = Vec::new();
    loop {
        let page = link.read(deed, api.list(&params)).await?;
        found.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params.continue_token = Some(token),
            None => return Ok(found),
        }
    }
}

/// Tells a list as a watch would.
fn tell<K>(found: Vec<K>, take: impl Fn(Event<K>)) {
    take(Event::Init);
    for object in found {
        take(Event::InitApply(object));
    }
    take(Event::InitDone);
}
