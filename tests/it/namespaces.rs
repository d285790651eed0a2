//! Whose a namespace is: the cluster's own are refused, others' are left alone, and what is lent is given back.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::ResourceExt;
use kube::api::{Api, ListParams, PostParams};
use tenantry::api::Tenant;

use crate::support::{annotate, definitions, delete, message, namespace, of, ready, says, shared, tenant};

#[tokio::test]
async fn the_cluster_s_own_namespaces_are_refused() {
    let world = shared().await;
    for name in ["kube-system", "kube-mine", "default"] {
        let wish = tenant("ns-cluster", &format!("  namespaces: [{{name: {name}}}]"));
        let why = testbed::apply::apply(&world.client(), &wish).await.expect_err("refused").to_string();
        assert!(why.contains("the cluster's"), "{why}");
    }
    world.apply(&namespace(&definitions("ns-operator"))).await;
    world.apply(&tenant("ns-operator", "  namespaces: [{name: tenantry-system}, {name: ns-operator}]")).await;
    let tenants: Api<Tenant> = Api::all(world.client());
    let refused = says(world, &tenants, "ns-operator", "False", "Invalid").await;
    assert!(message(&refused).contains("tenantry-system"), "{}", message(&refused));
    let namespaces: Api<Namespace> = Api::all(world.client());
    assert!(!namespaces.get("tenantry-system").await.unwrap().labels().contains_key("tenantry.dev/tenant"));
    world.until(namespaces.clone(), "ns-operator", "the other one is made", |_| true).await;
    delete(world, &tenants, "ns-operator").await;
    assert!(namespaces.get("tenantry-system").await.unwrap().metadata.deletion_timestamp.is_none());
}

#[tokio::test]
async fn a_namespace_that_was_there_is_adopted_when_it_says_so_and_given_back() {
    let world = shared().await;
    let namespaces: Api<Namespace> = Api::all(world.client());
    let theirs = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ns-there, labels: {team: old}}\n";
    world.apply(theirs).await;
    let mut note = ConfigMap::default();
    note.metadata.name = Some("note".to_owned());
    let notes = of::<ConfigMap>(world, "ns-there");
    notes.create(&PostParams::default(), &note).await.unwrap();
    world.apply(&namespace(&definitions("ns-adopt"))).await;
    world.apply(&tenant("ns-adopt", "  namespaces: [{name: ns-there, labels: {team: new}}]")).await;
    let tenants: Api<Tenant> = Api::all(world.client());
    let refused = says(world, &tenants, "ns-adopt", "False", "NotOwned").await;
    assert!(message(&refused).contains("kubectl annotate namespace ns-there"), "{}", message(&refused));
    let seen = namespaces.get("ns-there").await.unwrap();
    assert_eq!(seen.labels().get("team").map(String::as_str), Some("old"), "untouched");
    assert!(of::<RoleBinding>(world, "ns-there").list(&ListParams::default()).await.unwrap().items.is_empty());

    annotate(&namespaces, "ns-there", "tenantry.dev/adopt", "ns-adopt").await;
    ready(world, &tenants, "ns-adopt").await;
    let adopted = namespaces.get("ns-there").await.unwrap();
    assert_eq!(adopted.labels()["tenantry.dev/tenant"], "ns-adopt");
    // Nobody else gets it meanwhile.
    world.apply(&namespace(&definitions("ns-rival"))).await;
    world.apply(&tenant("ns-rival", "  namespaces: [{name: ns-there}]")).await;
    let rival = says(world, &tenants, "ns-rival", "False", "NotOwned").await;
    assert!(message(&rival).contains("ns-adopt"), "{}", message(&rival));
    delete(world, &tenants, "ns-rival").await;

    delete(world, &tenants, "ns-adopt").await;
    let released = namespaces.get("ns-there").await.unwrap();
    assert!(released.metadata.deletion_timestamp.is_none(), "given back, not deleted");
    assert!(!released.labels().contains_key("tenantry.dev/tenant"));
    notes.get("note").await.expect("with what was in it");
    assert!(of::<RoleBinding>(world, "ns-there").list(&ListParams::default()).await.unwrap().items.is_empty());
    assert!(!released.managed_fields().iter().any(|it| it.manager.as_deref() == Some("tenantry")));
}
