//! The rules of the cluster in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::super::Cluster;
use super::super::secrets::tests::content;
use super::*;

fn at() -> SecretTarget {
    SecretTarget { namespace: "acme".to_owned(), name: "alice-aws-prod".to_owned() }
}

fn namespace() -> KubeObject {
    let body = json!({"metadata": {"labels": {TAG_TENANT: "acme"}, "annotations": {MADE_FOR: "acme"}}});
    KubeObject { at: ObjRef::cluster_scoped(KubeKind::Namespace, "acme"), body }
}

#[tokio::test]
async fn a_secret_is_written_once_by_whoever_saw_it_last() {
    let cluster = MemoryCluster::default();
    assert_eq!(cluster.rehearse_secret(&at(), &content("A"), None).await.unwrap_err().class, Class::Waiting);
    cluster.execute(&ClusterAction::Create(namespace())).await.unwrap();
    assert_eq!(
        cluster.execute(&ClusterAction::Create(namespace())).await.unwrap_err().class,
        Class::Transient,
        "a namespace that exists is not adopted"
    );
    let first = cluster.write_secret(&at(), &content("A"), None).await.unwrap();
    assert_eq!(cluster.write_secret(&at(), &content("B"), None).await.unwrap_err().class, Class::Transient);
    let second = cluster.write_secret(&at(), &content("B"), Some(&first)).await.unwrap();
    assert_eq!(cluster.write_secret(&at(), &content("C"), Some(&first)).await.unwrap_err().class, Class::Transient);
    assert_eq!(second.key_id.as_deref(), Some("B"));
    cluster.terminate_namespace("acme");
    assert_eq!(cluster.rehearse_secret(&at(), &content("C"), Some(&second)).await.unwrap_err().class, Class::Waiting);
}

#[tokio::test]
async fn a_foreign_secret_is_never_written() {
    let cluster = MemoryCluster::default();
    cluster.put_namespace("acme", &[], &[]);
    cluster.put_foreign_secret(&at());
    assert_eq!(cluster.rehearse_secret(&at(), &content("A"), None).await.unwrap_err().class, Class::NotOwned);
    assert_eq!(cluster.write_secret(&at(), &content("A"), None).await.unwrap_err().class, Class::NotOwned);
}

#[tokio::test]
async fn a_crash_after_the_call_leaves_its_effect_and_a_dead_process() {
    let cluster = MemoryCluster::default();
    cluster.at_call(0, Script::CrashAfter);
    assert!(cluster.execute(&ClusterAction::Create(namespace())).await.is_err());
    assert!(cluster.crashed());
    assert!(cluster.read_secret(&at()).await.is_err());
    cluster.restart();
    let state = cluster.state(&TenantName::new("acme"), &BTreeSet::new());
    assert!(state.namespaces.contains_key("acme"));
}
