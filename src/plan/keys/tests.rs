//! The life of keys, told by what each plan does at which moment.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jiff::ToSpan;
use serde_json::{Value, json};

use super::super::tests::{World, context, manifests};
use super::super::{Action, Plan};
use super::*;
use crate::desired::Manifests;
use crate::model::{ClusterAction, Finding, KubeKind, LastUse, ObjRef, ObjectId, WorkloadSeen};
use crate::names::CloudName;

const USER: &str = "acme.alice";

/// alice with a key that is replaced after 9 to 10 days; a day of overlap. `more` is put into her manifest.
fn alice(more: &Value) -> Manifests {
    let tenant = json!({"kind": "Tenant", "metadata": {"name": "acme"}, "spec": {"accounts": [{"name": "aws"}]}});
    let rotation = json!({"every": "10d", "overlap": "24h"});
    let restart = json!([{"kind": "Deployment", "name": "trainer"}]);
    let key = json!({"rotation": rotation, "restart": restart});
    let mut user = json!({
        "kind": "TenantUser", "metadata": {"name": "alice", "namespace": "acme"},
        "spec": {"tenant": "acme", "accessKey": key},
    });
    for (part, fields) in more.as_object().into_iter().flatten() {
        user[part].as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    }
    manifests(&[tenant, user])
}

fn days(world: &mut World, days: i64) {
    world.now = world.now.checked_add((days * 24).hours()).unwrap();
}

/// alice is there, and a Deployment that reads her key.
fn world() -> World {
    let mut world = World::new();
    let trainer = ObjRef::namespaced(KubeKind::Deployment, "acme", "trainer");
    let seen = WorkloadSeen { uid: "1".to_owned(), ..WorkloadSeen::default() };
    world.cluster.workloads.insert(trainer, Some(seen));
    for _ in 0..2 {
        let plan = world.plan(&alice(&json!({})));
        world.carry_out(&plan);
    }
    world
}

/// What a plan does about keys, in words.
fn acts(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(super::super::Step::words).collect()
}

fn ids(world: &World) -> Vec<(String, bool)> {
    let user = &world.inventory.users[&CloudName::new(USER)];
    user.keys.iter().flatten().map(|key| (key.id.clone(), key.active)).collect()
}

fn answer(world: &mut World, id: &str, at: Option<Timestamp>) {
    let last_use = LastUse { at, service: at.map(|_| "s3".to_owned()), asked: world.now };
    let object = ObjectId::user(&CloudName::new(USER));
    world.inventory.learn(&object, Finding::LastUse { id: id.to_owned(), last_use });
}

fn asks(plan: &Plan, id: &str) -> bool {
    plan.reads.values().flatten().any(|read| matches!(read, Read::LastUse { id: asked, .. } if asked == id))
}

fn go(world: &mut World, more: &Value) -> Vec<String> {
    let plan = world.plan(&alice(more));
    assert!(plan.reads.is_empty(), "{:?}", plan.reads);
    world.carry_out(&plan);
    acts(&plan)
}

#[test]
fn a_key_is_replaced_when_it_is_due_and_the_old_one_goes_by_and_by() {
    let mut world = world();
    let plan = world.plan(&alice(&json!({})));
    assert_eq!(acts(&plan), Vec::<String>::new());
    let due = plan.due.unwrap().duration_since(world.now);
    assert!((9 * 24..=10 * 24).contains(&due.as_hours()), "{due:?}");
    world.now = plan.due.unwrap();
    let published = world.now;
    assert_eq!(go(&mut world, &json!({})), ["~ key acme.alice → Secret acme/alice-aws"]);
    assert_eq!(go(&mut world, &json!({})), ["~ restart Deployment acme/trainer"]);
    assert_eq!(go(&mut world, &json!({})), Vec::<String>::new());
    assert_eq!(ids(&world), [("AKIAACME.ALICE".to_owned(), true), ("AKIA2".to_owned(), true)]);
    assert_eq!(world.plan(&alice(&json!({}))).due, published.checked_add(24.hours()).ok());

    // It is inactive only when the cloud has said, after the overlap, that it was not used within it.
    answer(&mut world, "AKIAACME.ALICE", None);
    days(&mut world, 1);
    assert!(asks(&world.plan(&alice(&json!({}))), "AKIAACME.ALICE"), "an answer from before says nothing");
    answer(&mut world, "AKIAACME.ALICE", Some(published));
    assert_eq!(go(&mut world, &json!({})), ["~ key AKIAACME.ALICE of acme.alice inactive"]);
    assert_eq!(go(&mut world, &json!({})), Vec::<String>::new());
    assert_eq!(world.plan(&alice(&json!({}))).due, published.checked_add(48.hours()).ok());
    days(&mut world, 1);
    assert_eq!(go(&mut world, &json!({})), ["- key AKIAACME.ALICE of acme.alice"]);
    assert_eq!(ids(&world), [("AKIA2".to_owned(), true)]);
}

#[test]
fn an_old_key_that_is_used_stays_until_it_is_not() {
    let mut world = world();
    days(&mut world, 10);
    go(&mut world, &json!({}));
    go(&mut world, &json!({}));
    days(&mut world, 1);
    let used = world.now.checked_sub(1.hours()).unwrap();
    answer(&mut world, "AKIAACME.ALICE", Some(used));
    let plan = world.plan(&alice(&json!({})));
    assert_eq!(acts(&plan), Vec::<String>::new());
    let told = plan.in_use.first().unwrap();
    assert_eq!((told.id.as_str(), told.service.as_deref()), ("AKIAACME.ALICE", Some("s3")));
    assert_eq!(plan.due, used.checked_add(24.hours()).ok());
    // However long that lasts, there is no third key.
    days(&mut world, 20);
    let now = world.now;
    answer(&mut world, "AKIAACME.ALICE", Some(now));
    assert_eq!(go(&mut world, &json!({})), Vec::<String>::new());
    days(&mut world, 1);
    let used = world.now.checked_sub(24.hours()).unwrap();
    answer(&mut world, "AKIAACME.ALICE", Some(used));
    assert_eq!(go(&mut world, &json!({})), ["~ key AKIAACME.ALICE of acme.alice inactive"]);
    days(&mut world, 1);
    assert_eq!(go(&mut world, &json!({})), ["- key AKIAACME.ALICE of acme.alice"]);
    assert_eq!(go(&mut world, &json!({})), ["~ key acme.alice → Secret acme/alice-aws"], "overdue by now");
}

#[test]
fn rotation_waits_while_the_user_may_do_nothing() {
    let mut world = world();
    days(&mut world, 30);
    assert_eq!(
        go(&mut world, &json!({"metadata": {"annotations": {"tenantry.dev/paused": "true"}}})),
        Vec::<String>::new()
    );
    let suspended = json!({"spec": {"suspended": true}});
    let acts = go(&mut world, &suspended);
    assert!(acts.contains(&"~ key AKIAACME.ALICE of acme.alice inactive".to_owned()), "{acts:?}");
    assert_eq!(go(&mut world, &suspended), Vec::<String>::new());
    let acts = go(&mut world, &json!({}));
    assert!(acts.contains(&"~ key AKIAACME.ALICE of acme.alice active".to_owned()), "{acts:?}");
    go(&mut world, &json!({}));
    assert_eq!(ids(&world).len(), 2);
}

#[test]
fn while_paused_an_old_key_stays_as_it_is() {
    let mut world = world();
    days(&mut world, 10);
    go(&mut world, &json!({}));
    days(&mut world, 3);
    let paused = json!({"metadata": {"annotations": {"tenantry.dev/paused": "true"}}});
    assert_eq!(go(&mut world, &paused), Vec::<String>::new());
    assert!(ids(&world).iter().all(|(_, active)| *active));
}

#[test]
fn a_key_made_by_hand_is_inactive_at_once_and_goes_after_the_overlap() {
    let mut world = world();
    days(&mut world, 5);
    let by_hand = AccessKey { id: "AKIAHAND".to_owned(), active: true, created: world.now, last_use: None };
    let user = world.inventory.users.get_mut(&CloudName::new(USER)).unwrap();
    user.keys.as_mut().unwrap().push(by_hand);
    world.now = world.now.checked_add(2.hours()).unwrap();
    let made = world.now;
    assert_eq!(go(&mut world, &json!({})), ["~ key AKIAHAND of acme.alice inactive"]);
    assert_eq!(go(&mut world, &json!({})), Vec::<String>::new());
    days(&mut world, 1);
    assert!(asks(&world.plan(&alice(&json!({}))), "AKIAHAND"));
    answer(&mut world, "AKIAHAND", Some(made));
    assert_eq!(go(&mut world, &json!({})), ["- key AKIAHAND of acme.alice"]);
}

#[test]
fn what_a_crash_left_makes_room_before_the_next_key() {
    let mut world = world();
    days(&mut world, 10);
    let left = AccessKey { id: "AKIALEFT".to_owned(), active: true, created: world.now, last_use: None };
    let user = world.inventory.users.get_mut(&CloudName::new(USER)).unwrap();
    user.keys.as_mut().unwrap().push(left);
    assert_eq!(go(&mut world, &json!({})), ["- key AKIALEFT of acme.alice"]);
    assert_eq!(go(&mut world, &json!({})), ["~ key acme.alice → Secret acme/alice-aws"]);
}

#[test]
fn after_a_start_keys_are_read_only_where_a_rotation_moves() {
    let mut world = world();
    let forget = |world: &mut World| world.inventory.users.get_mut(&CloudName::new(USER)).unwrap().keys = None;
    days(&mut world, 5);
    forget(&mut world);
    let plan = world.plan(&alice(&json!({})));
    assert!(plan.reads.is_empty() && plan.steps.is_empty());
    let due = plan.due.unwrap();
    world.now = due;
    let plan = world.plan(&alice(&json!({})));
    assert_eq!(plan.reads.values().flatten().count(), 1);
}

#[test]
fn a_workload_that_is_not_there_is_told_and_harms_nothing() {
    let mut world = world();
    world.cluster.workloads.values_mut().for_each(|seen| *seen = None);
    let plan = world.plan(&alice(&json!({})));
    assert!(plan.steps.is_empty());
    assert!(plan.refusals[0].message.contains("Deployment acme/trainer"), "{:?}", plan.refusals);
    world.cluster.workloads.clear();
    let plan = world.plan(&alice(&json!({})));
    assert_eq!(plan.lookups.len(), 1);
    // One that is younger than the key has read no other; an older one is rolled.
    let trainer = ObjRef::namespaced(KubeKind::Deployment, "acme", "trainer");
    let seen = WorkloadSeen { created: world.now.checked_add(1.hours()).unwrap(), ..WorkloadSeen::default() };
    world.cluster.workloads.insert(trainer.clone(), Some(seen));
    assert!(world.plan(&alice(&json!({}))).steps.is_empty());
    world.cluster.workloads.insert(trainer, Some(WorkloadSeen::default()));
    let plan = world.plan(&alice(&json!({})));
    let [step] = plan.steps.as_slice() else { panic!("{:?}", plan.steps) };
    let Action::Cluster(ClusterAction::Restart { annotation, key, .. }) = &step.action else { panic!("{step:?}") };
    assert_eq!((annotation.as_str(), key.as_str()), ("alice-aws.tenantry.dev/access-key-id", "AKIAACME.ALICE"));
}

#[test]
fn where_extras_are_only_told_the_key_that_was_replaced_goes_all_the_same() {
    let mut world = world();
    let reports = context(&[json!({"kind": "CloudAccount", "spec": {"extras": "Report"}})]);
    let told = |world: &mut World| {
        let plan = world.plan_in(&alice(&json!({})), &reports);
        assert!(plan.reads.is_empty(), "{:?}", plan.reads);
        world.carry_out(&plan);
        (acts(&plan), plan.withheld.into_iter().map(|it| it.words).collect::<Vec<_>>())
    };
    days(&mut world, 10);
    assert_eq!(told(&mut world).0, ["~ key acme.alice → Secret acme/alice-aws"]);
    told(&mut world);
    days(&mut world, 1);
    answer(&mut world, "AKIAACME.ALICE", None);
    assert_eq!(told(&mut world).0, ["~ key AKIAACME.ALICE of acme.alice inactive"]);
    days(&mut world, 1);
    assert_eq!(told(&mut world).0, ["- key AKIAACME.ALICE of acme.alice"]);
    let by_hand = AccessKey { id: "AKIAHAND".to_owned(), active: true, created: world.now, last_use: None };
    let user = world.inventory.users.get_mut(&CloudName::new(USER)).unwrap();
    user.keys.as_mut().unwrap().push(by_hand);
    days(&mut world, 30);
    let (acts, told) = told(&mut world);
    assert_eq!(acts, Vec::<String>::new(), "and it leaves no room for another");
    assert_eq!(told, ["- key AKIAHAND of acme.alice"]);
}
