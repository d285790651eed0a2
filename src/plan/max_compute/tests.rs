#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::tests::{World, context, manifests};
use super::super::{Plan, Step};
use crate::model::{MaxComputeFinding, MaxComputeFound, MaxComputePlace, MaxComputeQuery, MaxComputeRead};
use crate::names::{CloudName, max_compute_user};

const ACCOUNT: &str = "123456789012";

/// A tenant in MaxCompute with two roles and a user who has both; the closure changes the documents.
fn documents(change: impl FnOnce(&mut Vec<Value>)) -> Vec<Value> {
    let role = |name: &str| {
        let statement = json!({"effect": "Allow", "actions": ["odps:List"],
            "resources": [format!("acs:odps:*:projects/acme_{name}/*")]});
        json!({"kind": "TenantRole", "metadata": {"name": name, "namespace": "tenancy"}, "spec": {"tenant": "acme",
            "alibaba": {"maxCompute": {"statements": [statement]}}}})
    };
    let place = json!({"region": "cn-shanghai", "project": "acme_ops"});
    let mut documents = vec![
        json!({"kind": "CloudAccount", "metadata": {"name": "aws"}, "spec": {"alibaba": {"region": "cn-shanghai"}}}),
        json!({"kind": "Tenant", "metadata": {"name": "acme"}, "spec": {"definitionNamespaces": ["tenancy"],
            "accounts": [{"name": "aws", "maxCompute": place}]}}),
        role("dev"),
        role("ops"),
        json!({"kind": "TenantUser", "metadata": {"name": "alice", "namespace": "tenancy"},
            "spec": {"tenant": "acme", "roles": ["dev", "ops"]}}),
    ];
    change(&mut documents);
    documents
}

fn plan_of(world: &World, documents: &[Value]) -> Plan {
    world.plan_in(&manifests(documents), &context(documents))
}

fn words(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(Step::words).filter(|it| it.contains("odps")).collect()
}

fn alice() -> CloudName {
    max_compute_user(ACCOUNT, &CloudName::new("acme.alice"))
}

/// Takes in an answer of MaxCompute.
fn learn(world: &mut World, what: MaxComputeQuery, found: MaxComputeFound) {
    let place = MaxComputePlace { region: "cn-shanghai".to_owned(), project: "acme_ops".to_owned() };
    world.inventory.max_compute.learn(MaxComputeFinding { asked: MaxComputeRead { place, what }, found });
}

/// The world in which the documents were carried out.
fn settled(documents: &[Value]) -> World {
    let mut world = World::of(&context(documents));
    for _ in 0..6 {
        let plan = plan_of(&world, documents);
        world.carry_out(&plan);
        let asked = world.inventory.max_compute.regions["cn-shanghai"].users.get(&alice()) == Some(&None);
        if asked {
            learn(&mut world, MaxComputeQuery::Grants(alice()), MaxComputeFound::Grants(BTreeSet::new()));
        }
    }
    let left = plan_of(&world, documents);
    assert!(left.steps.is_empty() && left.refusals.is_empty() && left.reads.is_empty(), "{left:#?}");
    world
}

#[test]
fn a_suspension_takes_every_role_under_a_pause_also_those_that_go() {
    let world = settled(&documents(|_| {}));
    let pause = |document: &mut Value| document["metadata"]["annotations"] = json!({"tenantry.dev/paused": "true"});
    // The role dev says nothing of MaxCompute any more, and all are paused.
    let stop = |documents: &mut Vec<Value>| {
        documents[2]["spec"] = json!({"tenant": "acme"});
        documents[4]["spec"]["suspended"] = json!(true);
        documents[1..].iter_mut().for_each(pause);
    };
    let plan = plan_of(&world, &documents(stop));
    let revoked = words(&plan);
    assert_eq!(revoked.len(), 2, "{revoked:#?}");
    assert!(revoked.iter().all(|it| it.starts_with("- odps grant") && it.ends_with("acme.alice")), "{revoked:#?}");
    // The same where the Tenant left MaxCompute.
    let plan = plan_of(
        &world,
        &documents(|documents| {
            stop(documents);
            documents[1]["spec"]["accounts"] = json!([{"name": "aws"}]);
        }),
    );
    assert_eq!(words(&plan), revoked);
    // Without a pause each role is revoked once, and then goes.
    let plan = plan_of(
        &world,
        &documents(|documents| {
            documents[2]["spec"] = json!({"tenant": "acme"});
            documents[4]["spec"]["suspended"] = json!(true);
        }),
    );
    let all = words(&plan);
    assert_eq!(all.len(), 3, "{all:#?}");
    assert!(all[2].starts_with("- odps role"), "{all:#?}");
}

#[test]
fn somebody_who_is_only_called_as_a_user_of_the_tenant_is_a_stranger() {
    let documents = documents(|_| {});
    let mut world = settled(&documents);
    let user = world.inventory.users.get_mut(&CloudName::new("acme.alice")).unwrap();
    user.tags.insert(crate::names::TAG_TENANT.to_owned(), "beta".to_owned());
    let plan = plan_of(&world, &documents);
    let taken = words(&plan);
    assert_eq!(taken.len(), 2, "{taken:#?}");
    assert!(taken.iter().all(|it| it.starts_with("- odps grant") && it.ends_with("acme.alice")), "{taken:#?}");
}
