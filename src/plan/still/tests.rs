//! What is refused stays as it is, and nobody gains by it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};

use super::super::tests::{World, manifests};
use super::super::{Action, Plan, Step};
use crate::desired::Manifests;
use crate::model::{Class, ClusterAction, Finding, ObjectId, User};
use crate::names::CloudName;

fn tenant(more: &Value) -> Value {
    let mut tenant = json!({"kind": "Tenant", "metadata": {"name": "acme"}, "spec": {"accounts": [{"name": "aws"}]}});
    tenant["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    tenant
}

fn user(name: &str, more: &Value) -> Value {
    let metadata = json!({"name": name, "namespace": "acme"});
    let mut user = json!({"kind": "TenantUser", "metadata": metadata, "spec": {"tenant": "acme", "accessKey": {}}});
    for (part, fields) in more.as_object().into_iter().flatten() {
        user[part].as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    }
    user
}

fn all(objects: &[Value]) -> Manifests {
    manifests(objects)
}

fn settled(world: &mut World, manifests: &Manifests) {
    for _ in 0..3 {
        let plan = world.plan(manifests);
        world.carry_out(&plan);
    }
}

fn acts(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(Step::words).collect()
}

#[test]
fn who_is_over_a_limit_keeps_what_it_has_and_can_be_suspended() {
    let mut world = World::new();
    settled(&mut world, &all(&[tenant(&json!({})), user("alice", &json!({}))]));
    let over = |more: &Value| {
        let mut limited = tenant(&json!({"limits": {"users": 0}}));
        limited["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all(&[limited, user("alice", &json!({}))])
    };
    let lowered = world.plan(&over(&json!({})));
    assert!(lowered.refusals.iter().any(|it| it.class == Class::LimitExceeded));
    assert_eq!(acts(&lowered), Vec::<String>::new(), "nothing is removed");

    let suspended = over(&json!({"suspended": true}));
    let plan = world.plan(&suspended);
    let acts = acts(&plan);
    assert!(acts.iter().any(|it| it.contains("tenantry-suspended")), "{acts:?}");
    assert!(acts.iter().any(|it| it.contains("AKIAACME.ALICE")), "its key goes off: {acts:?}");
    assert!(!acts.iter().any(|it| it.starts_with('-')), "and nothing goes: {acts:?}");
    settled(&mut world, &suspended);
    settled(&mut world, &over(&json!({})));
    let alice = &world.inventory.users[&CloudName::new("acme.alice")];
    assert!(alice.inline.is_empty() && alice.keys.iter().flatten().all(|key| key.active), "{alice:?}");
}

#[test]
fn a_key_limit_is_no_matter_of_who_wants_no_key() {
    let world = World::new();
    let keyless =
        json!({"kind": "TenantUser", "metadata": {"name": "zoe", "namespace": "acme"}, "spec": {"tenant": "acme"}});
    let limited = tenant(&json!({"limits": {"accessKeys": 1}}));
    let plan = world.plan(&all(&[limited, user("alice", &json!({})), user("bob", &json!({})), keyless]));
    let refused: Vec<&str> = plan.refusals.iter().map(|it| it.subject.name.as_str()).collect();
    assert_eq!(refused, ["bob"]);
}

#[test]
fn two_users_with_one_secret_do_not_overwrite_each_other() {
    let mut world = World::new();
    let named = json!({"spec": {"accessKey": {"secretName": "shared"}}});
    let both = all(&[tenant(&json!({})), user("alice", &named), user("bob", &named)]);
    let alone = all(&[tenant(&json!({})), user("alice", &named)]);
    settled(&mut world, &alone);
    let plan = world.plan(&both);
    let said = plan.refusals.iter().find(|it| it.class == Class::NotOwned).unwrap();
    assert!(said.subject.name == "bob" && said.message.contains("TenantUser alice"), "{said:?}");
    assert!(!plan.steps.iter().any(|step| matches!(step.action, Action::IssueKey { .. })), "{:?}", acts(&plan));
}

#[test]
fn a_subject_gets_only_secrets_that_are_seen_to_be_its_users() {
    let mut world = World::new();
    let subject =
        json!({"spec": {"kubernetes": {"kind": "User", "name": "mallory"}, "accessKey": {"secretName": "bob"}}});
    let manifests = all(&[tenant(&json!({})), user("mallory", &subject)]);
    let roles = |plan: &Plan| acts(plan).iter().filter(|it| it.contains("tenantry:user:mallory")).count();
    let first = world.plan(&manifests);
    let key = first.steps.iter().position(|step| matches!(step.action, Action::IssueKey { .. })).unwrap();
    let role = first.steps.iter().find(|step| step.words().contains("Role acme/tenantry:user:mallory")).unwrap();
    assert!(role.needs.contains(&key), "a Secret that is not its own fails the key, and with it the Role");
    assert_eq!(roles(&first), 2);
    settled(&mut world, &manifests);
    assert!(world.cluster.objects.keys().any(|at| at.name == "tenantry:user:mallory"));
    for seen in world.cluster.secrets.values_mut() {
        (seen.owner_uid, seen.owner_name) = ("another".to_owned(), "bob".to_owned());
    }
    assert!(acts(&world.plan(&manifests)).iter().any(|it| it.starts_with('-') && it.contains("tenantry:user:mallory")));
}

#[test]
fn what_lies_under_another_tenants_path_cannot_be_adopted() {
    let mut world = World::new();
    let bob = |path: &str| User {
        name: CloudName::new("beta.bob"),
        path: path.to_owned(),
        arn: format!("arn:aws:iam::123456789012:user{path}beta.bob"),
        id: None,
        tags: Default::default(),
        profile: Default::default(),
        boundary: None,
        groups: Default::default(),
        attached: Default::default(),
        inline: Default::default(),
        keys: None,
        login: None,
    };
    let adopting =
        json!({"metadata": {"annotations": {"tenantry.dev/adopt": "true"}}, "spec": {"userName": "beta.bob"}});
    let manifests = all(&[tenant(&json!({})), user("eve", &adopting)]);
    for path in ["/tenants/c1/beta/", "/tenants/c2/acme/"] {
        world.inventory.learn(&ObjectId::user(&CloudName::new("beta.bob")), Finding::User(bob(path)));
        let plan = world.plan(&manifests);
        assert!(plan.refusals.iter().any(|it| it.class == Class::NotOwned && it.message.contains(path)), "{path}");
        assert!(!acts(&plan).iter().any(|it| it.contains("beta.bob")), "{:?}", acts(&plan));
    }
    world.inventory.learn(&ObjectId::user(&CloudName::new("beta.bob")), Finding::User(bob("/people/")));
    assert!(acts(&world.plan(&manifests)).iter().any(|it| it.contains("beta.bob")), "what is nobody's can be");
}

#[test]
fn what_is_taken_out_of_a_map_is_applied_again() {
    let mut world = World::new();
    let with = |labels: Value, quota: Value| {
        all(&[tenant(&json!({"namespaces": [{"name": "acme", "labels": labels, "quota": quota}]}))])
    };
    settled(&mut world, &with(json!({"team": "a", "egress": "open"}), json!({"pods": "9", "requests.cpu": "2"})));
    let less = with(json!({"team": "a"}), json!({"pods": "9"}));
    let plan = world.plan(&less);
    let applied: Vec<&str> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Cluster(ClusterAction::Apply(object)) => Some(object.at.kind.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(applied, ["Namespace", "ResourceQuota"]);
    settled(&mut world, &less);
    assert!(world.plan(&less).steps.is_empty(), "once");
}
