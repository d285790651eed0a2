//! The cluster's reader and writer against a real API server.

mod process;
mod watching;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use secrecy::SecretString;
use serde_json::{Value, json};
use tenantry::cluster::{Credential, SecretContent, Wake, World, missing_crds};
use tenantry::model::{Class, Fault, KubeKind, KubeObject, ObjRef};
use tenantry::names::{AccountName, MADE_FOR, ManifestKind, ManifestRef, TAG_TENANT, TenantName};
use testbed::ControlPlane;
use tokio::sync::OnceCell;

/// One control plane for these tests; each has tenants of its own.
async fn control_plane() -> &'static ControlPlane {
    static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();
    SHARED
        .get_or_init(|| async {
            let control_plane = ControlPlane::start().await;
            assert_eq!(missing_crds(&control_plane.client()).await.unwrap().len(), 5, "none is there yet");
            control_plane.install_crds().await;
            assert!(missing_crds(&control_plane.client()).await.unwrap().is_empty());
            control_plane
        })
        .await
}

async fn eventually(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: not in 30 s");
}

async fn world(client: &Client) -> Arc<World> {
    let world = Arc::new(World::start(client.clone(), "default"));
    eventually("the world is ready", || world.is_ready()).await;
    world
}

/// The tenant's wakes that come before it has been quiet for a while.
async fn wakes(world: &World, tenant: &str) -> usize {
    let (wakes, wanted) = (world.wakes(), Wake::Tenant(TenantName::new(tenant)));
    let mut count = 0;
    while let Ok(wake) = tokio::time::timeout(Duration::from_millis(800), wakes.next()).await {
        count += usize::from(wake == wanted);
    }
    count
}

fn namespace(name: &str, tenant: &str, labels: &[&str]) -> KubeObject {
    let mut body = json!({"metadata": {"labels": {TAG_TENANT: tenant}, "annotations": {MADE_FOR: tenant}}});
    for label in labels {
        body["metadata"]["labels"][label] = Value::from("x");
    }
    KubeObject { at: ObjRef::cluster_scoped(KubeKind::Namespace, name), body }
}

fn owners(namespace: &str, tenant: &str, subjects: &[&str]) -> KubeObject {
    let subject = |name: &&str| json!({"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"});
    let body = json!({
        "metadata": {"labels": {TAG_TENANT: tenant}},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": subjects.iter().map(subject).collect::<Vec<_>>(),
    });
    KubeObject { at: ObjRef::namespaced(KubeKind::RoleBinding, namespace, "tenantry:owners"), body }
}

fn content(namespace: &str, tenant: &str, key: &str) -> SecretContent {
    SecretContent {
        tenant: TenantName::new(tenant),
        account: AccountName::new("aws-prod"),
        owner: ManifestRef::namespaced(ManifestKind::TenantUser, namespace, "alice"),
        owner_uid: "8d1c6a52-0000-4000-8000-000000000000".to_owned(),
        credential: Credential::Key {
            provider: tenantry::model::Provider::Aws,
            id: key.to_owned(),
            half: SecretString::from("half"),
            created: Timestamp::UNIX_EPOCH,
            region: "eu-west-1".to_owned(),
            replaces: None,
        },
    }
}

fn class<T: std::fmt::Debug>(answer: Result<T, Fault>) -> Class {
    answer.expect_err("a fault was expected").class
}

async fn merge<K>(api: &Api<K>, name: &str, patch: Value)
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}
