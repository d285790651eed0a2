//! The cluster's reader and writer against a real API server: what server-side apply, preconditions, watches and RBAC
//! really do, where our safety rests on it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use secrecy::SecretString;
use serde_json::{Value, json};
use tenantry::api::{TenantUser, TenantUserStatus};
use tenantry::cluster::{
    ANNOTATION_MADE_FOR, Cluster, FINALIZER, SecretContent, Tone, Wake, World, cluster_id, has_finalizer, missing_crds,
    read_once,
};
use tenantry::lease::{Elector, Ended, KubeSlot, Settings, client as lease_client};
use tenantry::model::{Class, ClusterAction, Fault, KubeKind, KubeObject, ObjRef, SecretTarget};
use tenantry::names::{AccountName, ManifestKind, ManifestRef, TAG_TENANT, TenantName};
use testbed::{ControlPlane, gone, until};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

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
    let mut body = json!({"metadata": {"labels": {TAG_TENANT: tenant}, "annotations": {ANNOTATION_MADE_FOR: tenant}}});
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
        key_id: key.to_owned(),
        key_secret: SecretString::from("half"),
        region: "eu-west-1".to_owned(),
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

#[tokio::test]
async fn a_create_never_takes_over_and_owns_what_it_wrote() {
    let client = control_plane().await.client();
    let world = world(&client).await;
    let (cluster, acme) = (world.cluster(), TenantName::new("own-ns"));
    let namespaces: Api<Namespace> = Api::all(client.clone());
    testbed::apply::apply(&client, "apiVersion: v1\nkind: Namespace\nmetadata: {name: own-foreign}").await.unwrap();
    let foreign = ClusterAction::Create(namespace("own-foreign", "own-ns", &[]));
    assert_eq!(class(cluster.execute(&foreign).await), Class::Transient);
    assert!(!namespaces.get("own-foreign").await.unwrap().labels().contains_key(TAG_TENANT), "it was not adopted");

    cluster.execute(&ClusterAction::Create(namespace("own-ns", "own-ns", &["team", "tier"]))).await.unwrap();
    assert!(world.snapshot(&acme).cluster.namespaces.contains_key("own-ns"), "a write of ours shows at once");
    assert_eq!(
        class(cluster.execute(&ClusterAction::Create(namespace("own-ns", "own-ns", &[]))).await),
        Class::Transient
    );
    merge(&namespaces, "own-ns", json!({"metadata": {"labels": {"by-hand": "y"}}})).await;
    cluster.execute(&ClusterAction::Apply(namespace("own-ns", "own-ns", &["team"]))).await.unwrap();
    let live = namespaces.get("own-ns").await.unwrap();
    assert!(live.labels().contains_key("team") && !live.labels().contains_key("tier"), "what is left out goes");
    assert!(live.labels().contains_key("by-hand"), "what others wrote stays");

    cluster.execute(&ClusterAction::Release("own-ns".to_owned())).await.unwrap();
    let live = namespaces.get("own-ns").await.unwrap();
    assert!(!live.labels().contains_key(TAG_TENANT) && live.annotations().is_empty(), "{live:?}");
    let delete = ClusterAction::Delete(ObjRef::cluster_scoped(KubeKind::Namespace, "own-ns"));
    assert_eq!(class(cluster.execute(&delete).await), Class::NotOwned, "what was released is never deleted");

    cluster.execute(&ClusterAction::Create(namespace("own-gone", "own-ns", &[]))).await.unwrap();
    cluster.execute(&ClusterAction::Delete(ObjRef::cluster_scoped(KubeKind::Namespace, "own-gone"))).await.unwrap();
    assert!(world.snapshot(&acme).cluster.namespaces["own-gone"].terminating, "it ends, and shows so at once");
    assert_eq!(
        class(cluster.execute(&ClusterAction::Create(owners("own-gone", "own-ns", &["a"]))).await),
        Class::Waiting
    );
    gone(namespaces, "own-gone").await.unwrap();
    eventually("the watch tells", || !world.snapshot(&acme).cluster.namespaces.contains_key("own-gone")).await;
    let late = class(cluster.execute(&ClusterAction::Create(owners("own-gone", "own-ns", &["a"]))).await);
    assert_eq!(late, Class::Waiting, "there is no such namespace");
}

#[tokio::test]
async fn others_changes_wake_and_our_own_do_not() {
    let client = control_plane().await.client();
    let world = world(&client).await;
    let (cluster, acme) = (world.cluster(), TenantName::new("wakes"));
    cluster.execute(&ClusterAction::Create(namespace("wakes", "wakes", &[]))).await.unwrap();
    wakes(&world, "wakes").await;
    let at = owners("wakes", "wakes", &[]).at;
    cluster.execute(&ClusterAction::Create(owners("wakes", "wakes", &["alice"]))).await.unwrap();
    cluster.execute(&ClusterAction::Apply(owners("wakes", "wakes", &["alice", "bob"]))).await.unwrap();
    let subjects = |world: &World| {
        let objects = world.snapshot(&acme).cluster.objects;
        objects.get(&at).and_then(|body| body["subjects"].as_array()).map(Vec::len)
    };
    assert_eq!(subjects(&world), Some(2), "a write of ours shows at once");
    assert!(wakes(&world, "wakes").await <= 2, "only an echo that overtakes its answer wakes");
    assert_eq!(subjects(&world), Some(2), "late events do not undo it");

    let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), "wakes");
    merge(&bindings, &at.name, json!({"subjects": []})).await;
    assert_eq!(wakes(&world, "wakes").await, 1);
    assert!(subjects(&world).is_none_or(|count| count == 0), "drift shows");
    bindings.delete(&at.name, &DeleteParams::default()).await.unwrap();
    let apply = ClusterAction::Apply(owners("wakes", "wakes", &["alice"]));
    assert_eq!(class(cluster.execute(&apply).await), Class::Transient, "a vanished object is not made by a change");
    assert!(bindings.get_opt(&at.name).await.unwrap().is_none());
    assert_eq!(wakes(&world, "wakes").await, 1);
    cluster.execute(&ClusterAction::Delete(at)).await.unwrap();
}

#[tokio::test]
async fn a_secret_is_rehearsed_written_replaced_and_never_taken_from_others() {
    let client = control_plane().await.client();
    let world = world(&client).await;
    let (cluster, acme) = (world.cluster(), TenantName::new("keys"));
    let at = SecretTarget { namespace: "keys".to_owned(), name: "alice-aws-prod".to_owned() };
    let secrets: Api<Secret> = Api::namespaced(client.clone(), "keys");
    assert_eq!(class(cluster.rehearse_secret(&at, &content("keys", "keys", "A"), None).await), Class::Waiting);
    cluster.execute(&ClusterAction::Create(namespace("keys", "keys", &[]))).await.unwrap();
    world.watch_secrets(&BTreeSet::from(["keys".to_owned()]));
    eventually("the Secrets are listed", || world.snapshot(&acme).secrets_known.contains("keys")).await;

    cluster.rehearse_secret(&at, &content("keys", "keys", "A"), None).await.unwrap();
    assert!(secrets.get_opt(&at.name).await.unwrap().is_none(), "a rehearsal writes nothing");
    let first = cluster.write_secret(&at, &content("keys", "keys", "AKIA1"), None).await.unwrap();
    assert_eq!(world.snapshot(&acme).cluster.secrets[&at], first, "a write of ours shows at once");
    assert_eq!(class(cluster.rehearse_secret(&at, &content("keys", "keys", "B"), None).await), Class::Transient);
    cluster.rehearse_secret(&at, &content("keys", "keys", "B"), Some(&first)).await.unwrap();
    let second = cluster.write_secret(&at, &content("keys", "keys", "AKIA2"), Some(&first)).await.unwrap();
    assert_eq!((second.key_id.as_deref(), &second.uid), (Some("AKIA2"), &first.uid));
    assert_eq!(class(cluster.write_secret(&at, &content("keys", "keys", "C"), Some(&first)).await), Class::Transient);
    assert_eq!(cluster.read_secret(&at).await.unwrap(), Some(second.clone()));
    let live = secrets.get(&at.name).await.unwrap();
    let owner = &live.owner_references()[0];
    assert_eq!(
        (owner.kind.as_str(), owner.controller, owner.block_owner_deletion),
        ("TenantUser", Some(true), Some(false))
    );
    assert_eq!(live.data.as_ref().unwrap()["AWS_SECRET_ACCESS_KEY"].0, b"half");

    wakes(&world, "keys").await;
    merge(&secrets, &at.name, json!({"data": {"AWS_ACCESS_KEY_ID": "QUtJQTM="}})).await;
    assert_eq!(wakes(&world, "keys").await, 1, "someone changed the key's id");
    assert_eq!(world.snapshot(&acme).cluster.secrets[&at].key_id, None);
    let delete = |uid: &str| ClusterAction::DeleteSecret { secret: at.clone(), uid: uid.to_owned() };
    cluster.execute(&delete("another-uid")).await.unwrap();
    assert!(secrets.get_opt(&at.name).await.unwrap().is_some(), "another Secret of that name is left alone");
    cluster.execute(&delete(&second.uid)).await.unwrap();
    assert!(secrets.get_opt(&at.name).await.unwrap().is_none());
    assert!(world.snapshot(&acme).cluster.secrets.is_empty());
    let again = class(cluster.write_secret(&at, &content("keys", "keys", "D"), Some(&second)).await);
    assert_eq!(again, Class::Transient, "a vanished Secret is not made by a replacement");

    let foreign =
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: {}, namespace: keys}}\nstringData: {{a: b}}", at.name);
    testbed::apply::apply(&client, &foreign).await.unwrap();
    assert_eq!(class(cluster.rehearse_secret(&at, &content("keys", "keys", "E"), None).await), Class::NotOwned);
    assert_eq!(class(cluster.write_secret(&at, &content("keys", "keys", "E"), None).await), Class::NotOwned);
    assert_eq!(class(cluster.read_secret(&at).await), Class::NotOwned);
    assert!(secrets.get(&at.name).await.unwrap().data.unwrap().contains_key("a"));
}

#[tokio::test]
async fn finalizer_and_status_are_written_once_and_never_bring_a_manifest_back() {
    let client = control_plane().await.client();
    let world = world(&client).await;
    let (finalizers, statuses, acme) = (world.finalizers(), world.status_writer(), TenantName::new("final"));
    let manifest = "
apiVersion: v1
kind: Namespace
metadata: {name: final}
---
apiVersion: tenantry.dev/v1alpha1
kind: TenantUser
metadata: {name: alice, namespace: final, finalizers: [example.org/other]}
spec: {tenant: final}
";
    testbed::apply::apply(&client, manifest).await.unwrap();
    eventually("alice is seen", || world.snapshot(&acme).users.len() == 1).await;
    let alice = world.snapshot(&acme).users[0].clone();
    wakes(&world, "final").await;
    let before = world.write_counts().all().values().sum::<u64>();
    assert!(finalizers.add(alice.as_ref()).await.unwrap());
    assert!(finalizers.add(alice.as_ref()).await.unwrap(), "the overlay knows, though `alice` is old");
    assert!(has_finalizer(world.snapshot(&acme).users[0].as_ref()));
    let status = TenantUserStatus { observed_generation: Some(1), keys: Some(0), ..TenantUserStatus::default() };
    assert!(statuses.write(alice.as_ref(), &status).await.unwrap());
    assert!(!statuses.write(alice.as_ref(), &status).await.unwrap(), "it says nothing new");
    assert_eq!(world.write_counts().all().values().sum::<u64>() - before, 2);
    assert_eq!(wakes(&world, "final").await, 0, "our own writes are no change");

    let users: Api<TenantUser> = Api::namespaced(client.clone(), "final");
    merge(&users, "alice", json!({"spec": {"roles": ["admin"]}})).await;
    assert_eq!(wakes(&world, "final").await, 1);
    world.events("it").publish(alice.as_ref(), Tone::Normal, "Provisioned", "Apply", "all is there").await;
    assert_eq!(world.write_counts().all()[&("create", "events")], 1);

    finalizers.remove(alice.as_ref()).await.unwrap();
    assert_eq!(users.get("alice").await.unwrap().finalizers(), ["example.org/other"], "only ours came off");
    assert!(finalizers.add(alice.as_ref()).await.unwrap());
    users.delete("alice", &DeleteParams::default()).await.unwrap();
    eventually("the deletion is seen", || world.snapshot(&acme).users[0].metadata.deletion_timestamp.is_some()).await;
    merge(&users, "alice", json!({"metadata": {"finalizers": [FINALIZER]}})).await;
    wakes(&world, "final").await;
    finalizers.remove(alice.as_ref()).await.unwrap();
    assert!(world.snapshot(&acme).users.is_empty(), "with the last finalizer it is gone, at once");
    assert!(users.get_opt("alice").await.unwrap().is_none());
    assert_eq!(wakes(&world, "final").await, 1, "its tenant counts one user less");

    assert_eq!(class(finalizers.add(alice.as_ref()).await), Class::Transient);
    assert!(!statuses.write(alice.as_ref(), &TenantUserStatus::default()).await.unwrap());
    finalizers.remove(alice.as_ref()).await.unwrap();
    assert!(users.get_opt("alice").await.unwrap().is_none(), "it was not made again");
}

#[tokio::test]
async fn a_missing_right_is_named_and_the_watch_of_secrets_waits_for_it() {
    let control_plane = control_plane().await;
    let admin = control_plane.client();
    let setup = "
apiVersion: v1
kind: Namespace
metadata: {name: rights}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, namespace: rights}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: rights-reader}
rules:
  - {apiGroups: [tenantry.dev], resources: ['*'], verbs: [get, list, watch]}
  - {apiGroups: [''], resources: [namespaces, resourcequotas, limitranges], verbs: [get, list, watch]}
  - {apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [get, list, watch]}
  - {apiGroups: [rbac.authorization.k8s.io], resources: ['*'], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: rights-reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: rights-reader}
subjects: [{kind: ServiceAccount, name: robot, namespace: rights}]
---
apiVersion: tenantry.dev/v1alpha1
kind: Tenant
metadata: {name: rights}
spec: {}
";
    testbed::apply::apply(&admin, setup).await.unwrap();
    let robot = control_plane.client_as("rights", "robot").await;
    let (world, acme) = (world(&robot).await, TenantName::new("rights"));
    eventually("the tenant is seen", || world.snapshot(&acme).tenant.is_some()).await;
    let fault = world.cluster().execute(&ClusterAction::Create(owners("rights", "rights", &["a"]))).await.unwrap_err();
    assert_eq!(fault.class, Class::AccessDenied);
    assert!(fault.message.contains("rolebindings in namespace rights"), "{fault}");

    world.watch_secrets(&BTreeSet::from(["rights".to_owned()]));
    wakes(&world, "rights").await;
    assert!(world.snapshot(&acme).secrets_known.is_empty(), "what may not be read is not known");
    assert!(world.snapshot(&acme).ready, "and holds nothing else up");
    let once = read_once(robot.clone()).await.unwrap();
    assert!(once[&acme].tenant.is_some() && once[&acme].secrets_known.is_empty());
    let right = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: secrets, namespace: rights}
rules: [{apiGroups: [''], resources: [secrets], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: secrets, namespace: rights}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: secrets}
subjects: [{kind: ServiceAccount, name: robot, namespace: rights}]
";
    testbed::apply::apply(&admin, right).await.unwrap();
    eventually("the Secrets are known", || world.snapshot(&acme).secrets_known.contains("rights")).await;
    assert!(wakes(&world, "rights").await >= 1, "the tenant can go on");
    assert!(read_once(robot).await.unwrap()[&acme].secrets_known.contains("rights"));
    world.watch_secrets(&BTreeSet::new());
    assert!(world.snapshot(&acme).secrets_known.is_empty());
}

#[tokio::test]
async fn a_manifest_is_deleted_and_credentials_are_read() {
    let client = control_plane().await.client();
    let world = world(&client).await;
    let manifests = "
apiVersion: v1
kind: Namespace
metadata: {name: doomed}
---
apiVersion: tenantry.dev/v1alpha1
kind: TenantUser
metadata: {name: bob, namespace: doomed}
spec: {tenant: doomed}
---
apiVersion: v1
kind: Secret
metadata: {name: aws-doomed, namespace: default}
stringData: {AWS_ACCESS_KEY_ID: AKIA}
";
    testbed::apply::apply(&client, manifests).await.unwrap();
    let doomed = TenantName::new("doomed");
    eventually("bob is seen", || world.snapshot(&doomed).users.len() == 1).await;
    let bob = ManifestRef::namespaced(ManifestKind::TenantUser, "doomed", "bob");
    world.cluster().execute(&ClusterAction::DeleteManifest(bob.clone())).await.unwrap();
    world.cluster().execute(&ClusterAction::DeleteManifest(bob)).await.unwrap();
    assert!(Api::<TenantUser>::namespaced(client.clone(), "doomed").get_opt("bob").await.unwrap().is_none());
    assert!(world.credentials("aws-doomed").await.unwrap().unwrap().contains_key("AWS_ACCESS_KEY_ID"));
    assert!(world.credentials("aws-none").await.unwrap().is_none());
    let wakes = world.wakes();
    let told = async { while wakes.next().await != Wake::CredentialsSecret("aws-doomed".to_owned()) {} };
    tokio::time::timeout(Duration::from_secs(30), told).await.expect("a change of credentials is told");
    assert_eq!(cluster_id(&client).await.unwrap().as_str().len(), 8);
}

#[tokio::test]
async fn a_lease_is_handed_over_at_once_and_lost_when_it_is_taken() {
    let control_plane = control_plane().await;
    let settings =
        Settings { retry: Duration::from_millis(200), renew: Duration::from_millis(500), ..Settings::default() };
    let start = |name: &str| {
        let slot = KubeSlot::new(control_plane.client(), "default", "tenantry");
        let elector = Elector::new(slot, name.to_owned(), settings);
        let (leadership, stop) = (elector.leadership(), CancellationToken::new());
        (leadership, tokio::spawn(elector.run(stop.clone())), stop)
    };
    let (mut first, first_run, first_stop) = start("first");
    first.acquired().await;
    let (mut second, second_run, _second_stop) = start("second");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(first.is_current() && !second.is_current());
    first_stop.cancel();
    assert_eq!(first_run.await.unwrap(), Ended::Released);
    tokio::time::timeout(Duration::from_secs(5), second.acquired()).await.expect("it is taken over at once");
    let leases: Api<k8s_openapi::api::coordination::v1::Lease> = Api::namespaced(control_plane.client(), "default");
    until(leases.clone(), "tenantry", "held by the second", |lease| {
        lease.spec.as_ref().unwrap().holder_identity.as_deref() == Some("second")
    })
    .await
    .unwrap();
    merge(&leases, "tenantry", json!({"spec": {"holderIdentity": "thief"}})).await;
    assert_eq!(second_run.await.unwrap(), Ended::Lost);
    assert!(!second.is_current());
    let config = kube::Config::new("https://127.0.0.1:1".parse().unwrap());
    assert!(lease_client(config, Duration::from_secs(1)).is_ok());
}
