//! What watches and RBAC really do: who is woken, and what is known when.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, DeleteParams};
use serde_json::json;
use tenantry::api::TenantUser;
use tenantry::cluster::{Cluster, Overlay, Wake, World, cluster_id, read_once};
use tenantry::model::{Class, ClusterAction};
use tenantry::names::{ManifestKind, ManifestRef, TAG_TENANT, TenantName};

use super::*;

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
    merge(&bindings, &at.name, json!({"metadata": {"labels": {TAG_TENANT: null}}})).await;
    eventually("it is out of sight", || subjects(&world).is_none()).await;
    cluster.execute(&ClusterAction::Create(owners("wakes", "wakes", &["alice"]))).await.unwrap();
    assert_eq!(subjects(&world), Some(1), "ours without its label is taken back");
    bindings.delete(&at.name, &DeleteParams::default()).await.unwrap();
    let apply = ClusterAction::Apply(owners("wakes", "wakes", &["alice"]));
    assert_eq!(class(cluster.execute(&apply).await), Class::Transient, "a vanished object is not made by a change");
    assert!(bindings.get_opt(&at.name).await.unwrap().is_none());
    assert_eq!(wakes(&world, "wakes").await, 1);
    cluster.execute(&ClusterAction::Delete(at.clone())).await.unwrap();

    let foreign = "
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: 'tenantry:owners', namespace: wakes}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
";
    testbed::apply::apply(&client, foreign).await.unwrap();
    let create = ClusterAction::Create(owners("wakes", "wakes", &["alice"]));
    assert_eq!(class(cluster.execute(&create).await), Class::NotOwned);
    assert!(bindings.get(&at.name).await.unwrap().subjects.is_none(), "and is left as it is");
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
  - {apiGroups: [''], resources: [namespaces, resourcequotas, limitranges, serviceaccounts], verbs: [get, list, watch]}
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
    assert!(world.snapshot(&acme).cluster.secrets_known.is_empty(), "what may not be read is not known");
    assert!(world.snapshot(&acme).ready, "and holds nothing else up");
    let once = read_once(robot.clone(), &mut Overlay::default()).await.unwrap();
    assert!(once[&acme].tenant.is_some() && once[&acme].cluster.secrets_known.is_empty());
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
    eventually("the Secrets are known", || world.snapshot(&acme).cluster.secrets_known.contains("rights")).await;
    assert!(wakes(&world, "rights").await >= 1, "the tenant can go on");
    assert!(read_once(robot, &mut Overlay::default()).await.unwrap()[&acme].cluster.secrets_known.contains("rights"));
    world.watch_secrets(&BTreeSet::new());
    assert!(world.snapshot(&acme).cluster.secrets_known.is_empty());
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
