//! The examples as the operator reads them: nothing in them is refused, and the plan is what their README promises.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tenantry::api::CloudAccount;
use tenantry::desired::{AccountFacts, Context, Manifests, compile};
use tenantry::model::{ClusterState, Inventory, NamespaceSeen};
use tenantry::names::{AccountName, ClusterId, TenantName};
use tenantry::plan::{About, Observed, Plan, plan, render};
use testbed::layout::root;

const ACCOUNT: &str = "123456789012";

fn documents(directory: &Path) -> Vec<Value> {
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    files.sort();
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    texts.flat_map(|text| serde_saphyr::from_multiple::<Option<Value>>(&text).unwrap()).flatten().collect()
}

/// The manifests of a kind that belong to a tenant: by their own name, or by the one that they name.
fn of<K: DeserializeOwned>(documents: &[Value], kind: &str, tenant: Option<&str>) -> Vec<Arc<K>> {
    let belongs = |it: &&Value| {
        let named = it["spec"]["tenant"].as_str().or(it["metadata"]["name"].as_str());
        it["kind"] == kind && (tenant.is_none() || named == tenant)
    };
    documents.iter().filter(belongs).map(|it| Arc::new(serde_json::from_value(it.clone()).unwrap())).collect()
}

/// The plan of one tenant on the first day: namespaces of the files are there, the account is empty.
fn first_plan(documents: &[Value], tenant: &str) -> Plan {
    let manifests = Manifests {
        tenant: of(documents, "Tenant", Some(tenant)).pop(),
        roles: of(documents, "TenantRole", Some(tenant)),
        users: of(documents, "TenantUser", Some(tenant)),
        notebooks: of(documents, "TenantNotebook", Some(tenant)),
    };
    let cluster_id = ClusterId::new("c1a2b3c4");
    let facts = of::<CloudAccount>(documents, "CloudAccount", None).into_iter().map(|manifest| {
        let name = AccountName::new(manifest.metadata.name.clone().unwrap());
        let id = Some(ACCOUNT.to_owned());
        (
            name,
            AccountFacts { manifest, id, partition: "aws".to_owned(), trouble: None, unreadable: false, issuer: None },
        )
    });
    let context = Context {
        cluster: cluster_id.clone(),
        accounts: facts.collect(),
        operator_namespace: "tenantry-system".to_owned(),
        operator_account: "tenantry".to_owned(),
        issuer: None,
        now: Timestamp::now(),
    };
    let wanted = compile(&TenantName::new(tenant), &manifests, &context);
    let namespaces = documents.iter().filter(|it| it["kind"] == "Namespace").map(|it| {
        let annotations = serde_json::from_value(it["metadata"]["annotations"].clone()).unwrap_or_default();
        let name = it["metadata"]["name"].as_str().unwrap().to_owned();
        (name, NamespaceSeen { annotations, ..NamespaceSeen::default() })
    });
    let cluster = ClusterState { namespaces: namespaces.collect(), ..ClusterState::default() };
    let inventory = Inventory::new(cluster_id, ACCOUNT, "aws");
    let accounts = context.accounts.keys().map(|name| (name.clone(), &inventory)).collect();
    plan(&wanted, &Observed { accounts, cluster: &cluster, now: context.now })
}

#[test]
fn the_quickstart_is_carried_out_in_full() {
    let documents = documents(&root().join("examples/quickstart"));
    let plans: Vec<Plan> = ["acme", "beta"].map(|tenant| first_plan(&documents, tenant)).into();
    for plan in &plans {
        assert!(plan.refusals.is_empty(), "{:?}", plan.refusals);
    }
    let about = BTreeMap::from([(AccountName::new("aws-demo"), About::new(ACCOUNT, "eu-west-1"))]);
    let text = render(&plans, &about, 5.0);
    let readme = fs::read_to_string(root().join("examples/quickstart/README.md")).unwrap();
    let in_the_cloud = text.split("cluster\n").next().unwrap();
    assert!(readme.contains(in_the_cloud), "the README does not show this plan:\n{in_the_cloud}");
    for line in [
        "+ object   Namespace acme-batch",
        "~ object   Namespace acme",
        "+ object   NetworkPolicy beta/tenantry-isolation",
        "+ object   Role acme/tenantry:user:alice",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
}
