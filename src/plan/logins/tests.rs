//! The life of a console login, told by what each plan does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};

use super::super::tests::{World, context, manifests};
use super::super::{Plan, Step};
use super::*;
use crate::desired::Manifests;
use crate::model::SecretTarget;
use crate::names::CloudName;

const USER: &str = "acme.alice";

fn alice(spec: &Value, annotations: &Value) -> Manifests {
    let tenant = json!({"kind": "Tenant", "metadata": {"name": "acme"}, "spec": {"accounts": [{"name": "aws"}]}});
    let mut user = json!({
        "kind": "TenantUser", "metadata": {"name": "alice", "namespace": "acme", "annotations": annotations},
        "spec": {"tenant": "acme"},
    });
    user["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    manifests(&[tenant, user])
}

fn with_console() -> Manifests {
    alice(&json!({"console": {}}), &json!({}))
}

/// alice, with her login.
fn world() -> World {
    let mut world = World::new();
    for _ in 0..2 {
        let plan = world.plan(&with_console());
        world.carry_out(&plan);
    }
    world
}

fn at() -> SecretTarget {
    SecretTarget { namespace: "acme".to_owned(), name: "alice-aws-console".to_owned() }
}

fn login(world: &mut World) -> &mut Option<Login> {
    &mut world.inventory.users.get_mut(&CloudName::new(USER)).unwrap().login
}

fn go(world: &mut World, manifests: &Manifests) -> Vec<String> {
    let plan = world.plan(manifests);
    assert!(plan.reads.is_empty(), "{:?}", plan.reads);
    world.carry_out(&plan);
    acts(&plan)
}

fn acts(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(Step::words).filter(|words| !words.contains("inline")).collect()
}

const FRESH: &str = "+ login acme.alice → Secret acme/alice-aws-console";
const AGAIN: &str = "~ login acme.alice → Secret acme/alice-aws-console";
const NOTHING: [&str; 0] = [];

#[test]
fn a_login_is_made_once_and_goes_with_its_secret() {
    let plan = World::new().plan(&with_console());
    assert!(acts(&plan).contains(&FRESH.to_owned()), "{:?}", acts(&plan));
    let mut world = self::world();
    assert_eq!(go(&mut world, &with_console()), NOTHING);
    // A new process believes the Secret; the read in turn, too, finds what should be.
    *login(&mut world) = None;
    assert_eq!(go(&mut world, &with_console()), NOTHING);
    let without = alice(&json!({}), &json!({}));
    let plan = world.plan(&without);
    assert_eq!(acts(&plan), ["- login acme.alice", "- object Secret acme/alice-aws-console"]);
    assert_eq!(plan.steps[1].needs, [0].into(), "the Secret tells of the login: it goes last");
    world.carry_out(&plan);
    assert_eq!(go(&mut world, &without), NOTHING);
}

#[test]
fn a_login_that_nobody_asked_for_goes_when_it_is_found() {
    let mut world = world();
    let without = alice(&json!({}), &json!({}));
    go(&mut world, &without);
    *login(&mut world) = None;
    assert_eq!(go(&mut world, &without), NOTHING, "unknown makes no step");
    *login(&mut world) = Some(Login::On);
    let reports = context(&[json!({"kind": "CloudAccount", "spec": {"extras": "Report"}})]);
    let plan = world.plan_in(&without, &reports);
    assert_eq!((acts(&plan), plan.withheld[0].words.as_str()), (Vec::new(), "- login acme.alice"));
    assert_eq!(go(&mut world, &without), ["- login acme.alice"]);
}

#[test]
fn one_that_was_deleted_by_hand_is_made_again_with_the_same_password() {
    let mut world = world();
    *login(&mut world) = Some(Login::Off);
    assert_eq!(go(&mut world, &with_console()), [AGAIN]);
    // Who deletes the Secret has the password.
    world.cluster.secrets.remove(&at());
    assert_eq!(go(&mut world, &with_console()), NOTHING);
    *login(&mut world) = None;
    assert!(!world.plan(&with_console()).reads.is_empty());
    *login(&mut world) = Some(Login::Off);
    assert_eq!(go(&mut world, &with_console()), [FRESH]);
}

#[test]
fn a_crash_before_the_password_was_in_force_is_seen() {
    let mut world = world();
    world.cluster.secrets.get_mut(&at()).unwrap().login.as_mut().unwrap().in_force = false;
    *login(&mut world) = None;
    assert_eq!(go(&mut world, &with_console()), [AGAIN]);
}

#[test]
fn each_wish_for_another_password_is_fulfilled_once() {
    let mut world = world();
    let wish = |value: &str| alice(&json!({"console": {}}), &json!({"tenantry.dev/reset-password": value}));
    assert_eq!(go(&mut world, &wish("monday")), [FRESH]);
    *login(&mut world) = None;
    assert_eq!(go(&mut world, &wish("monday")), NOTHING, "across restarts, too");
    assert_eq!(go(&mut world, &wish("tuesday")), [FRESH]);
    assert_eq!(go(&mut world, &with_console()), NOTHING);
}

#[test]
fn a_suspension_takes_it_off_and_its_end_restores_it() {
    let mut world = world();
    let suspended = alice(&json!({"console": {}, "suspended": true}), &json!({}));
    let off = ["- login acme.alice", "~ object Secret acme/alice-aws-console"];
    assert_eq!(go(&mut world, &suspended), off);
    assert_eq!(go(&mut world, &suspended), NOTHING);
    *login(&mut world) = None;
    assert_eq!(go(&mut world, &suspended), NOTHING, "the Secret says that it is off");
    assert_eq!(go(&mut world, &with_console()), [AGAIN]);
    // A pause does not keep it on.
    let both = json!({"tenantry.dev/paused": "true"});
    assert_eq!(go(&mut world, &alice(&json!({"console": {}, "suspended": true}), &both)), off);
    assert_eq!(go(&mut world, &alice(&json!({}), &both)), NOTHING);
    assert_eq!(go(&mut world, &alice(&json!({"console": {}}), &both)), NOTHING);
}
