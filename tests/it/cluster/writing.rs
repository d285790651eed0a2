//! What server-side apply and preconditions really do, where our safety rests on them.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams};
use serde_json::json;
use tenantry::api::{TenantUser, TenantUserStatus};
use tenantry::cluster::{Cluster, FINALIZER, Tone, has_finalizer};
use tenantry::model::{Class, ClusterAction, KubeKind, ObjRef, SecretTarget};
use tenantry::names::{TAG_TENANT, TenantName};
use testbed::gone;

use super::*;

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
async fn a_secret_is_rehearsed_written_replaced_and_never_taken_from_others() {
    let client = control_plane().await.client();
    let world = world(&client).await;
    let (cluster, acme) = (world.cluster(), TenantName::new("keys"));
    let at = SecretTarget { namespace: "keys".to_owned(), name: "alice-aws-prod".to_owned() };
    let secrets: Api<Secret> = Api::namespaced(client.clone(), "keys");
    assert_eq!(class(cluster.rehearse_secret(&at, &content("keys", "keys", "A"), None).await), Class::Waiting);
    cluster.execute(&ClusterAction::Create(namespace("keys", "keys", &[]))).await.unwrap();
    world.watch_secrets(&BTreeSet::from(["keys".to_owned()]));
    eventually("the Secrets are listed", || world.snapshot(&acme).cluster.secrets_known.contains("keys")).await;

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
