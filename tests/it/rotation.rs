//! Rotation: a key is replaced when it is due, its readers are restarted, and the old one goes when nobody uses it.

use aws_sdk_iam::types::StatusType;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use tenantry::api::{Tenant, TenantUser};
use testbed::aws::Credentials;
use testbed::{Fault, World};

use crate::support::{
    active_keys, annotate, definitions, delete, eventually, message, namespace, of, own, ready, restart, says, shared,
    tenant, text, user,
};
use crate::tenant::launch;

const SHORT: &str = "  accessKey:\n    rotation: {every: 8s, overlap: 2s}";
const LONG: &str = "  accessKey:\n    rotation: {every: 90d, overlap: 24h}";

fn trainer(namespace: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: trainer, namespace: {namespace}}}\n\
         spec:\n  replicas: 0\n  selector: {{matchLabels: {{app: trainer}}}}\n  template:\n    \
         metadata: {{labels: {{app: trainer}}, annotations: {{team: vision}}}}\n    \
         spec: {{containers: [{{name: main, image: 'registry.example/trainer:1', envFrom: [{{secretRef: {{name: alice-aws}}}}]}}]}}\n"
    )
}

fn id(secret: &Secret) -> String {
    text(secret, "AWS_ACCESS_KEY_ID")
}

fn key(secret: &Secret) -> Credentials {
    Credentials::new(&id(secret), &text(secret, "AWS_SECRET_ACCESS_KEY"))
}

async fn works(world: &World, key: &Credentials) -> bool {
    world.moto.sts_as(key).get_caller_identity().send().await.is_ok()
}

async fn keys(world: &World, user: &str) -> Vec<(String, StatusType)> {
    let answer = world.moto.iam().list_access_keys().user_name(user).send().await.unwrap();
    let keys = answer.access_key_metadata.into_iter();
    keys.map(|key| (key.access_key_id.unwrap(), key.status.unwrap())).collect()
}

/// The calls that change a key of that user, in order.
async fn deeds(world: &World, user: &str, key: &str) -> Vec<String> {
    let calls = world.moto.requests().await.into_iter();
    let of_key = calls.filter(|call| {
        let parameter = |name: &str| call.parameters.get(name).map(String::as_str);
        parameter("UserName") == Some(user) && parameter("AccessKeyId") == Some(key)
    });
    of_key.map(|call| call.action).collect()
}

// proves: TenantUser.spec.accessKey.rotation TenantUser.spec.accessKey.rotation.{every,overlap}
// proves: TenantUser.spec.accessKey.restart[] TenantUser.spec.accessKey.restart[].{kind,name}
#[tokio::test]
async fn a_key_is_replaced_and_the_old_one_goes() {
    let world = &own(launch(), "").await;
    let defs = definitions("ro");
    world.apply(&namespace(&defs)).await;
    world.apply(&trainer(&defs)).await;
    world.apply(&tenant("ro", "")).await;
    let restart = "\n    restart: [{kind: Deployment, name: trainer}]";
    world.apply(&user("ro", &defs, "alice", &format!("{SHORT}{restart}"))).await;
    let (users, secrets) = (of::<TenantUser>(world, &defs), of::<Secret>(world, &defs));
    ready(world, &users, "alice").await;
    world.moto.enforce(true).await;
    let first = secrets.get("alice-aws").await.unwrap();
    let second = world.until(secrets.clone(), "alice-aws", "another key", |it| id(it) != id(&first)).await;
    assert!(works(world, &key(&second)).await, "the new key works when it is published");
    let deployments = of::<Deployment>(world, &defs);
    let annotation = "alice-aws.tenantry.dev/access-key-id";
    let template = |it: &Deployment| it.spec.as_ref().unwrap().template.clone();
    let annotations = |it: &Deployment| template(it).metadata.unwrap().annotations.unwrap_or_default();
    let rolled = |it: &Deployment| annotations(it).get(annotation).is_some_and(|noted| *noted == id(&second));
    let trainer = world.until(deployments, "trainer", "its pods are rolled", rolled).await;
    assert_eq!(annotations(&trainer)["team"], "vision");
    assert_eq!(template(&trainer).spec.unwrap().containers[0].image.as_deref(), Some("registry.example/trainer:1"));
    let fields = trainer.metadata.managed_fields.unwrap();
    let ours = fields.iter().find(|entry| entry.manager.as_deref() == Some("tenantry")).unwrap();
    let owned = serde_json::to_string(&ours.fields_v1).unwrap();
    assert!(owned.contains(annotation) && !owned.contains("f:spec\":{\"f:replicas"), "{owned}");

    eventually(world, "the first key is gone", || async {
        let keys = keys(world, "ro.alice").await;
        assert!(keys.len() <= 2, "{keys:?}");
        !keys.iter().any(|(key, _)| *key == id(&first))
    })
    .await;
    let deeds = deeds(world, "ro.alice", &id(&first)).await;
    assert_eq!(deeds, ["UpdateAccessKey", "DeleteAccessKey"], "inactive first, then deleted");
    assert!(!works(world, &key(&first)).await);
    let third = world.until(secrets.clone(), "alice-aws", "and again", |it| id(it) != id(&second)).await;
    assert!(works(world, &key(&third)).await);

    // A longer life of the same key; nothing goes on.
    world.moto.enforce(false).await;
    world.apply(&user("ro", &defs, "alice", &format!("{LONG}{restart}\n  console: {{}}"))).await;
    eventually(world, "one key is left", || async { keys(world, "ro.alice").await.len() <= 2 }).await;
    ready(world, &users, "alice").await;
    let before = users.get("alice").await.unwrap().metadata.resource_version;
    world.moto.reset_calls().await;
    annotate(&Api::<Tenant>::all(world.client()), "ro", "note", "x").await;
    // What is made after the poke is made by the pass that it woke, or by a later one.
    world.apply(&user("ro", &defs, "bob", "")).await;
    ready(world, &users, "bob").await;
    let calls = world.moto.requests().await;
    let of_alice: Vec<_> = calls.iter().filter(|it| it.parameters.values().any(|value| value == "ro.alice")).collect();
    assert!(of_alice.is_empty(), "{of_alice:?}");
    assert_eq!(users.get("alice").await.unwrap().metadata.resource_version, before);
    delete(world, &Api::<Tenant>::all(world.client()), "ro").await;
}

// proves: OldKeyInUse
#[tokio::test]
async fn an_old_key_that_is_used_stays_until_it_is_not() {
    let world = shared().await;
    let defs = definitions("ro-use");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("ro-use", "")).await;
    world.apply(&user("ro-use", &defs, "alice", SHORT)).await;
    let (users, secrets) = (of::<TenantUser>(world, &defs), of::<Secret>(world, &defs));
    ready(world, &users, "alice").await;
    let first = secrets.get("alice-aws").await.unwrap();
    // A workload that read the first key and does not let go of it.
    let told = |it: &TenantUser| {
        let conditions = it.status.iter().flat_map(|it| &it.conditions);
        conditions.into_iter().any(|it| it.type_ == "Ready" && it.status == "True" && it.reason == "OldKeyInUse")
    };
    eventually(world, "it is told that the old key is in use", || async {
        assert!(works(world, &key(&first)).await, "a key that is used works");
        told(&users.get("alice").await.unwrap())
    })
    .await;
    let alice = users.get("alice").await.unwrap();
    assert!(message(&alice).contains(&id(&first)) && message(&alice).contains("sts"), "{}", message(&alice));
    assert!(active_keys(world, "ro-use.alice").await.contains(&id(&first)));
    eventually(world, "once it is not used it goes", || async {
        !keys(world, "ro-use.alice").await.iter().any(|(key, _)| *key == id(&first))
    })
    .await;
    ready(world, &users, "alice").await;
    delete(world, &Api::<Tenant>::all(world.client()), "ro-use").await;
}

#[tokio::test]
async fn a_key_that_does_not_answer_is_not_published() {
    let world = &own(launch(), "").await;
    let defs = definitions("ro-no");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("ro-no", "")).await;
    world.apply(&user("ro-no", &defs, "alice", SHORT)).await;
    let (users, secrets) = (of::<TenantUser>(world, &defs), of::<Secret>(world, &defs));
    ready(world, &users, "alice").await;
    let first = secrets.get("alice-aws").await.unwrap();
    world.moto.reset_calls().await;
    world.moto.faults(&[Fault::new("GetCallerIdentity", 403, "InvalidClientTokenId", 10_000)]).await;
    let waits = says(world, &users, "alice", "False", "Waiting").await;
    assert!(message(&waits).contains("does not work yet"), "{}", message(&waits));
    assert_eq!(id(&secrets.get("alice-aws").await.unwrap()), id(&first), "nobody is given a key that does not work");
    assert_eq!(active_keys(world, "ro-no.alice").await, [id(&first)], "and it is not left lying about");
    world.moto.faults(&[]).await;
    world.until(secrets, "alice-aws", "the next one is", |it| id(it) != id(&first)).await;
    delete(world, &Api::<Tenant>::all(world.client()), "ro-no").await;
}

#[tokio::test]
async fn a_kill_in_the_middle_costs_one_key_that_nobody_saw() {
    let launch = launch();
    let mut world = own(launch.clone(), "").await;
    let defs = definitions("ro-kill");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("ro-kill", "")).await;
    world.apply(&user("ro-kill", &defs, "alice", SHORT)).await;
    let (users, secrets) = (of::<TenantUser>(&world, &defs), of::<Secret>(&world, &defs));
    ready(&world, &users, "alice").await;
    let first = secrets.get("alice-aws").await.unwrap();
    world.moto.reset_calls().await;
    // The second key is made, and its proof takes a while.
    world.moto.faults(&[Fault::delay("GetCallerIdentity", 5.0)]).await;
    eventually(&world, "the second key is made", || async { world.moto.calls().await.contains_key("CreateAccessKey") })
        .await;
    eventually(&world, "it is proved", || async { world.moto.calls().await.contains_key("GetCallerIdentity") }).await;
    world.operator.kill();
    assert_eq!(id(&secrets.get("alice-aws").await.unwrap()), id(&first), "proved before it is published");
    let left: Vec<String> = keys(&world, "ro-kill.alice").await.into_iter().map(|(key, _)| key).collect();
    assert_eq!(left.len(), 2);
    world.moto.faults(&[]).await;
    restart(&mut world, &launch).await;
    let second = world.until(secrets, "alice-aws", "the rotation goes on", |it| id(it) != id(&first)).await;
    assert!(!left.contains(&id(&second)), "what nobody saw is of no use");
    assert!(works(&world, &key(&second)).await);
    eventually(&world, "what the kill left is gone", || async {
        let now = keys(&world, "ro-kill.alice").await;
        assert!(now.len() <= 2, "{now:?}");
        !now.iter().any(|(key, _)| left.contains(key))
    })
    .await;
    delete(&world, &Api::<Tenant>::all(world.client()), "ro-kill").await;
}

#[tokio::test]
async fn rotation_waits_while_suspended_and_a_missing_workload_is_told() {
    let world = shared().await;
    let defs = definitions("ro-wait");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("ro-wait", "")).await;
    let restart = "\n    restart: [{kind: StatefulSet, name: nowhere}]";
    world.apply(&user("ro-wait", &defs, "alice", &format!("{LONG}{restart}"))).await;
    let (users, secrets) = (of::<TenantUser>(world, &defs), of::<Secret>(world, &defs));
    let told = says(world, &users, "alice", "False", "Invalid").await;
    assert!(message(&told).contains(&format!("StatefulSet {defs}/nowhere")), "{}", message(&told));
    let first = secrets.get("alice-aws").await.unwrap();
    assert_eq!(active_keys(world, "ro-wait.alice").await, [id(&first)], "the key itself is there");
    world.apply(&user("ro-wait", &defs, "alice", LONG)).await;
    ready(world, &users, "alice").await;

    world.apply(&user("ro-wait", &defs, "alice", &format!("{SHORT}\n  suspended: true"))).await;
    says(world, &users, "alice", "True", "Suspended").await;
    let made = jiff::Timestamp::now();
    eventually(world, "ten seconds, in which nothing is made", || async {
        assert_eq!(keys(world, "ro-wait.alice").await, [(id(&first), StatusType::Inactive)]);
        jiff::Timestamp::now().duration_since(made).as_secs() >= 10
    })
    .await;
    world.apply(&user("ro-wait", &defs, "alice", SHORT)).await;
    world.until(secrets.clone(), "alice-aws", "it is overdue", |it| id(it) != id(&first)).await;
    delete(world, &Api::<Tenant>::all(world.client()), "ro-wait").await;
}
