#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};

use super::super::tests::{World, context, manifests};
use super::super::{Plan, Step};

/// A tenant in a workspace and in MaxCompute, two roles, and those who want the one cloud name: each with its role and the
/// day that it was made on.
fn documents(users: &[(&str, &str, u8)]) -> Vec<Value> {
    let role = |name: &str, of_workspace: &str| {
        let statement = json!({"effect": "Allow", "actions": ["odps:List"],
            "resources": [format!("acs:odps:*:projects/acme_{name}/tables/$(user)")]});
        json!({"kind": "TenantRole", "metadata": {"name": name, "namespace": "tenancy"}, "spec": {"tenant": "acme",
            "alibaba": {"workspaceRoles": [of_workspace], "maxCompute": {"statements": [statement]}}}})
    };
    let mut documents = vec![
        json!({"kind": "CloudAccount", "metadata": {"name": "aws"}, "spec": {"alibaba": {"region": "cn-shanghai"}}}),
        json!({"kind": "Tenant", "metadata": {"name": "acme"}, "spec": {"definitionNamespaces": ["tenancy"], "accounts": [
            {"name": "aws", "workspace": {"name": "acme"},
                "maxCompute": {"region": "cn-shanghai", "project": "acme_ops"}}]}}),
        role("dev", "PAI.AlgoDeveloper"),
        role("label", "PAI.LabelManager"),
    ];
    documents.extend(users.iter().map(|(name, role, day)| {
        let made = format!("2026-01-{day:02}T00:00:00Z");
        json!({"kind": "TenantUser", "metadata": {"name": name, "namespace": "tenancy", "creationTimestamp": made},
            "spec": {"tenant": "acme", "userName": "shared", "roles": [role]}})
    }));
    documents
}

fn plan_of(world: &World, documents: &[Value]) -> Plan {
    world.plan_in(&manifests(documents), &context(documents))
}

#[test]
fn who_has_a_name_in_ram_has_it_in_max_compute_and_in_the_workspace() {
    let alone = documents(&[("younger", "dev", 2)]);
    let mut world = World::of(&context(&alone));
    let mut made = Vec::new();
    for _ in 0..4 {
        let plan = plan_of(&world, &alone);
        made.extend(plan.steps.iter().map(Step::words));
        world.carry_out(&plan);
    }
    assert!(made.iter().any(|it| it.contains("odps grant")), "{made:#?}");
    assert!(made.iter().any(|it| it.contains("PAI.AlgoDeveloper")), "{made:#?}");
    let both = documents(&[("older", "label", 1), ("younger", "dev", 2)]);
    let plan = plan_of(&world, &both);
    let words: Vec<String> = plan.steps.iter().map(Step::words).collect();
    let others = |it: &&String| it.contains("odps") || it.contains("PAI") || it.contains("shared");
    assert_eq!(words.iter().filter(others).count(), 0, "{words:#?}");
    assert!(plan.refusals.iter().any(|it| it.subject.name == "older"), "{:?}", plan.refusals);
    // While nobody has it, the older one does.
    let world = World::of(&context(&both));
    let words: Vec<String> = plan_of(&world, &both).steps.iter().map(Step::words).collect();
    assert!(words.iter().any(|it| it.contains("label_older")), "{words:#?}");
    assert!(!words.iter().any(|it| it.contains("dev_younger")), "{words:#?}");
}
