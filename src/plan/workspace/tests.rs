#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::tests::{World, context, list_workspaces, manifests};
use super::super::{Plan, Why};
use super::*;
use crate::names::workspace_in;

/// A tenant with a workspace, a role for it and one user; the closure changes the documents.
fn documents(change: impl FnOnce(&mut [Value; 4])) -> Vec<Value> {
    let statement =
        json!({"effect": "Allow", "actions": ["paidsw:*"], "resources": ["acs:paidsw:*:*:workspace/$(workspace)/*"]});
    let mut documents = [
        json!({"kind": "CloudAccount", "metadata": {"name": "aws"}, "spec": {"alibaba": {"region": "cn-shanghai"}}}),
        json!({"kind": "Tenant", "metadata": {"name": "acme"}, "spec": {
            "accounts": [{"name": "aws", "workspace": {"name": "acme"}}], "definitionNamespaces": ["tenancy"]}}),
        json!({"kind": "TenantRole", "metadata": {"name": "dev", "namespace": "tenancy"}, "spec": {"tenant": "acme",
            "alibaba": {"workspaceRoles": ["PAI.AlgoDeveloper"], "statements": [statement]}}}),
        json!({"kind": "TenantUser", "metadata": {"name": "alice", "namespace": "tenancy"},
            "spec": {"tenant": "acme", "roles": ["dev"]}}),
    ];
    change(&mut documents);
    documents.to_vec()
}

fn plan_of(world: &World, documents: &[Value]) -> Plan {
    world.plan_in(&manifests(documents), &context(documents))
}

fn words(plan: &Plan) -> Vec<String> {
    let of_workspace = |it: &String| it.contains("workspace") || it.contains("policy");
    plan.steps.iter().map(super::super::Step::words).filter(of_workspace).collect()
}

/// The world in which the documents were carried out.
fn settled(documents: &[Value]) -> World {
    let mut world = world();
    for _ in 0..3 {
        let plan = plan_of(&world, documents);
        world.carry_out(&plan);
    }
    let left = plan_of(&world, documents);
    assert!(left.steps.is_empty() && left.refusals.is_empty() && left.reads.is_empty(), "{left:#?}");
    world
}

fn world() -> World {
    World::of(&context(&documents(|_| {})))
}

fn found(name: &str, description: &str) -> Workspace {
    Workspace {
        name: workspace_in("cn-shanghai", name),
        id: "7".to_owned(),
        display_name: "Shown".to_owned(),
        description: description.to_owned(),
        env: ["prod".to_owned()].into(),
        state: WorkspaceState::Enabled,
        created: Timestamp::UNIX_EPOCH,
        members: None,
    }
}

fn refusals(plan: &Plan) -> String {
    plan.refusals.iter().map(|it| format!("{:?} {}: {}\n", it.class, it.subject, it.message)).collect()
}

#[test]
fn a_workspace_is_made_and_what_needs_it_waits() {
    let mut world = world();
    let documents = documents(|_| {});
    let first = plan_of(&world, &documents);
    assert_eq!(words(&first), ["+ workspace acme"]);
    let told = refusals(&first);
    assert!(told.contains("Waiting TenantRole tenancy/dev: waits for the workspace acme"), "{told}");
    assert!(told.contains("Waiting TenantUser tenancy/alice: waits for the workspace acme"), "{told}");
    world.carry_out(&first);
    // Its id is known at once, and it can be used when PAI says so.
    let name = workspace_in("cn-shanghai", "acme");
    world.inventory.workspaces.known.get_mut(&name).unwrap().state = WorkspaceState::Making;
    let second = plan_of(&world, &documents);
    assert!(words(&second)[0].starts_with("+ policy"), "{:?}", words(&second));
    assert!(refusals(&second).contains("PAI makes workspace acme"), "{}", refusals(&second));
    let due = second.due.unwrap();
    assert!(second.reads.is_empty() && due > world.now);
    world.now = due + SignedDuration::from_secs(1);
    let third = plan_of(&world, &documents);
    let region = Read::Workspace(WorkspaceRead::Region("cn-shanghai".to_owned()));
    assert!(third.reads.values().flatten().any(|read| *read == region), "{:?}", third.reads);
}

#[test]
fn members_that_nobody_asks_for_go_and_the_owner_stays() {
    let documents = documents(|_| {});
    let mut world = settled(&documents);
    let name = workspace_in("cn-shanghai", "acme");
    let member =
        |name: &str, role: &str, fixed| Member { name: name.to_owned(), roles: [role.to_owned()].into(), fixed };
    let seen = world.inventory.workspaces.known.get_mut(&name).unwrap().members.as_mut().unwrap();
    seen.insert("1".to_owned(), member("operator", "PAI.WorkspaceOwner", true));
    seen.insert("99".to_owned(), member("eve", "PAI.WorkspaceAdmin", false));
    seen.get_mut("id-of-acme.alice").unwrap().roles = ["PAI.WorkspaceGuest".to_owned()].into();
    let plan = plan_of(&world, &documents);
    assert_eq!(
        words(&plan),
        [
            "- member eve → workspace acme",
            "+ member acme.alice → workspace acme as PAI.AlgoDeveloper",
            "- member acme.alice → workspace acme as PAI.WorkspaceGuest",
        ]
    );
    assert_eq!(plan.steps[2].needs.len(), 1, "nobody is without a role in between");
    // With extras: Report, and for what may have been released, it is only told.
    let mut reported = documents.clone();
    reported[0]["spec"]["extras"] = json!("Report");
    let mut retained = documents.clone();
    retained[1]["spec"]["deletionPolicy"] = json!("Retain");
    for documents in [reported, retained] {
        let plan = plan_of(&world, &documents);
        assert!(!words(&plan).iter().any(|it| it.contains("member eve")), "{:?}", words(&plan));
        let told = plan.withheld.iter().find(|it| it.why == Why::Extra).unwrap();
        assert_eq!(told.words, "- member eve → workspace acme");
    }
}

#[test]
fn a_user_that_goes_leaves_first_and_a_role_less_takes_one_away() {
    let documents = documents(|_| {});
    let mut world = settled(&documents);
    let mut less = documents.clone();
    less[3]["spec"]["roles"] = json!([]);
    let plan = plan_of(&world, &less);
    assert!(words(&plan).contains(&"- member acme.alice → workspace acme".to_owned()), "{:?}", words(&plan));
    let mut going = documents.clone();
    going[3]["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let plan = plan_of(&world, &going);
    let at = |what: &str| plan.steps.iter().position(|step| step.words() == what).unwrap();
    let (left, deleted) = (at("- member acme.alice → workspace acme"), at("- user acme.alice"));
    assert!(plan.steps[deleted].needs.contains(&left));
    // With the whole tenant the workspace goes, and its members with it.
    let mut all = documents;
    all.iter_mut().for_each(|it| it["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"));
    let plan = plan_of(&world, &all);
    let of_workspace: Vec<String> = words(&plan).into_iter().filter(|it| it.contains("workspace")).collect();
    assert_eq!(of_workspace, ["- workspace acme"]);
    // Retained, only its mark comes off.
    all[1]["spec"]["deletionPolicy"] = json!("Retain");
    let plan = plan_of(&world, &all);
    let of_workspace: Vec<String> = words(&plan).into_iter().filter(|it| it.contains("workspace")).collect();
    assert_eq!(of_workspace, ["~ workspace acme"]);
    world.carry_out(&plan);
    let seen = world.inventory.workspaces.known.values().next().unwrap();
    assert_eq!((seen.mark(), seen.description.as_str()), (None, "acme"));
}

#[test]
fn what_is_anothers_or_cannot_be_is_said() {
    let documents = documents(|_| {});
    for (description, adopt, part) in [
        (
            "ours",
            false,
            "NotOwned Tenant acme: workspace \"cn-shanghai/acme\" exists and was not made from this manifest (it carries no mark of ours)",
        ),
        ("tenantry:c1/beta", true, "its mark says tenant/beta of tenant beta)"),
        ("tenantry:c2/acme", true, "of cluster c2)"),
    ] {
        let mut world = world();
        list_workspaces(&mut world.inventory, vec![found("acme", description)]);
        let mut documents = documents.clone();
        if adopt {
            documents[1]["metadata"]["annotations"] = json!({"tenantry.dev/adopt": "true"});
        }
        let plan = plan_of(&world, &documents);
        assert!(refusals(&plan).contains(part), "{part}: {}", refusals(&plan));
        assert!(!words(&plan).iter().any(|it| it.contains("workspace")), "{:?}", words(&plan));
    }
    // Nobody's is taken over where the manifest says so, and then its members are read.
    let mut world = world();
    list_workspaces(&mut world.inventory, vec![found("acme", "ours")]);
    let mut adopting = documents.clone();
    adopting[1]["metadata"]["annotations"] = json!({"tenantry.dev/adopt": "true"});
    let plan = plan_of(&world, &adopting);
    assert_eq!(words(&plan), ["~ workspace acme"]);
    world.carry_out(&plan);
    let reads: Vec<Read> = plan_of(&world, &adopting).reads.into_values().flatten().collect();
    assert!(reads.contains(&Read::Workspace(WorkspaceRead::Members(workspace_in("cn-shanghai", "acme")))), "{reads:?}");
    // Nothing is renamed, and no environment changes.
    let world = settled(&documents);
    let mut renamed = documents.clone();
    renamed[1]["spec"]["accounts"][0]["workspace"] = json!({"name": "acme_two"});
    renamed[1]["status"] = json!({"accounts": [{"name": "aws", "workspaceId": "45678", "ready": true}]});
    let plan = plan_of(&world, &renamed);
    assert!(
        refusals(&plan).contains("Invalid Tenant acme: workspace \"cn-shanghai/acme\" is this tenant's"),
        "{}",
        refusals(&plan)
    );
    assert!(!words(&plan).iter().any(|it| it.contains("workspace")), "{:?}", words(&plan));
    let mut other_env = documents.clone();
    other_env[1]["spec"]["accounts"][0]["workspace"]["env"] = json!(["dev", "prod"]);
    assert!(refusals(&plan_of(&world, &other_env)).contains("which PAI cannot change to [dev, prod]"));
    // Taken out, it goes.
    let mut out = documents;
    out[1]["spec"]["accounts"][0].as_object_mut().unwrap().remove("workspace");
    out[1]["status"] = json!({"accounts": [{"name": "aws", "workspaceId": "45678", "ready": true}]});
    let plan = plan_of(&world, &out);
    assert!(words(&plan).contains(&"- workspace acme".to_owned()), "{:?}", words(&plan));
    let told = refusals(&plan);
    assert!(told.contains("$(workspace) cannot be replaced: the tenant has no workspace in this account"), "{told}");
    assert!(told.contains("the role has spec.alibaba.workspaceRoles, and the tenant has no workspace"), "{told}");
}

#[test]
fn roles_that_there_are_not_are_named_and_take_nothing_away() {
    let documents = documents(|_| {});
    let world = settled(&documents);
    let mut wrong = documents.clone();
    wrong[2]["spec"]["alibaba"]["workspaceRoles"] = json!(["PAI.AlgoDevelopper", "PAI.WorkspaceOwner"]);
    let plan = plan_of(&world, &wrong);
    let told = refusals(&plan);
    assert!(
        told.contains("there is no workspace role PAI.AlgoDevelopper. There are PAI.AlgoDeveloper, PAI.AlgoOperator,"),
        "{told}"
    );
    assert!(told.contains("PAI.WorkspaceOwner is the role of who made the workspace"), "{told}");
    assert!(plan.steps.is_empty(), "{:?}", words(&plan));
    let mut temporary = documents;
    temporary[3]["spec"] =
        json!({"tenant": "acme", "temporaryRoles": [{"name": "dev", "until": "2030-01-01T00:00:00Z"}]});
    let plan = plan_of(&world, &temporary);
    assert!(refusals(&plan).contains("has the workspace role PAI.AlgoDeveloper, which cannot be given for a time"));
    assert!(words(&plan).contains(&"- member acme.alice → workspace acme".to_owned()), "{:?}", words(&plan));
}

#[test]
fn while_nothing_is_known_of_the_region_nothing_is_said_of_it() {
    let documents = documents(|_| {});
    let mut world = settled(&documents);
    world.inventory.workspaces = Default::default();
    let plan = plan_of(&world, &documents);
    assert!(plan.steps.is_empty(), "{:?}", words(&plan));
    let read = Read::Workspace(WorkspaceRead::Region("cn-shanghai".to_owned()));
    assert!(plan.reads.values().flatten().any(|it| *it == read));
    assert!(plan.refusals.iter().all(|it| it.class == Class::AccountNotReady), "{}", refusals(&plan));
}

#[test]
fn a_mark_alone_does_not_have_a_workspace_deleted() {
    let documents = documents(|_| {});
    let mut world = settled(&documents);
    let own = world.inventory.workspaces.known.values().next().unwrap().clone();
    // Somebody who may edit it wrote the tenant's mark into another's.
    let stolen = Workspace { id: "99".to_owned(), ..found("another", &own.description) };
    let told = |plan: &Plan| -> Vec<String> {
        let unconfirmed = plan.withheld.iter().filter(|it| it.why == Why::Unconfirmed);
        unconfirmed.map(|it| format!("{} {}", it.subject, it.words)).collect()
    };
    let of_workspace = |plan: &Plan| -> Vec<String> {
        words(plan).into_iter().filter(|it| it.ends_with("workspace another") || it.starts_with("- work")).collect()
    };
    list_workspaces(&mut world.inventory, vec![own.clone(), stolen.clone()]);
    let mut out = documents.clone();
    out[1]["spec"]["accounts"][0].as_object_mut().unwrap().remove("workspace");
    out[1]["status"] = json!({"accounts": [{"name": "aws", "workspaceId": own.id, "ready": true}]});
    let mut going = documents.clone();
    going.iter_mut().for_each(|it| it["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"));
    for (documents, deleted) in
        [(&documents, None), (&out, Some("- workspace acme")), (&going, Some("- workspace acme"))]
    {
        let plan = plan_of(&world, documents);
        assert_eq!(of_workspace(&plan), deleted.into_iter().collect::<Vec<_>>());
        assert_eq!(told(&plan), ["Tenant acme - workspace another"]);
    }
    // Nor does it keep the tenant from having its own.
    world.inventory.workspaces = Default::default();
    list_workspaces(&mut world.inventory, vec![stolen]);
    let plan = plan_of(&world, &documents);
    assert!(words(&plan).contains(&"+ workspace acme".to_owned()), "{:?} {}", words(&plan), refusals(&plan));
    // Nor is it pruned where there is no such tenant at all.
    let mut pruning = documents[..1].to_vec();
    pruning[0]["spec"]["pruneOrphans"] = json!(true);
    let plan = plan_of(&world, &pruning);
    let orphaned = plan.orphans.iter().any(|it| it.object.kind == ObjectKind::Workspace);
    assert!(of_workspace(&plan).is_empty() && orphaned, "{:?}", plan.orphans);
}

#[test]
fn somebody_who_is_only_called_as_a_user_of_the_tenant_is_no_member() {
    let documents = documents(|_| {});
    let mut world = settled(&documents);
    let user = world.inventory.users.get_mut(&crate::names::CloudName::new("acme.alice")).unwrap();
    user.tags.insert(crate::names::TAG_TENANT.to_owned(), "beta".to_owned());
    let plan = plan_of(&world, &documents);
    assert!(words(&plan).contains(&"- member acme.alice → workspace acme".to_owned()), "{:?}", words(&plan));
}
