//! Suspension, expiry and roles for a time: what stands still can do nothing, loses nothing, and comes back as it was.

use std::collections::BTreeSet;

use aws_sdk_iam::types::StatusType;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::Api;
use tenantry::api::{Tenant, TenantUser};
use testbed::World;
use testbed::aws::Credentials;

use crate::support::{
    active_keys, definitions, delete, eventually, exists, namespace, of, own, ready, reconcile, role, says, shared,
    tenant, text, unescaped, user,
};
use crate::tenant::launch;

/// A role on the tenant's bucket, which may be bound in the cluster as well.
fn reader(tenant: &str) -> String {
    let role = role(tenant, &definitions(tenant), "reader");
    let conditions =
        format!("'arn:aws:s3:::bucket-{tenant}'], conditions: {{Bool: {{'aws:SecureTransport': ['true']}}}}}}");
    role.replace("'arn:aws:s3:::reader']}", &conditions) + "  kubernetes: {clusterRole: view}\n"
}

async fn key(world: &World, tenant: &str, user: &str) -> Credentials {
    let secret = of::<Secret>(world, &definitions(tenant)).get(&format!("{user}-aws")).await.unwrap();
    Credentials::new(&text(&secret, "AWS_ACCESS_KEY_ID"), &text(&secret, "AWS_SECRET_ACCESS_KEY"))
}

/// What the key gets when it lists the tenant's bucket.
async fn lists(world: &World, tenant: &str, key: &Credentials) -> u16 {
    world.moto.s3(key, "GET", &format!("/bucket-{tenant}?list-type=2"), "").await.0
}

async fn inline(world: &World, user: &str) -> BTreeSet<String> {
    let answer = world.moto.iam().list_user_policies().user_name(user).send().await.unwrap();
    answer.policy_names.into_iter().collect()
}

async fn inline_text(world: &World, user: &str, policy: &str) -> String {
    let answer = world.moto.iam().get_user_policy().user_name(user).policy_name(policy).send().await.unwrap();
    answer.policy_document
}

async fn subjects(world: &World, tenant: &str) -> Vec<String> {
    let binding = of::<RoleBinding>(world, tenant).get_opt("tenantry:role:reader:view").await.unwrap();
    let all = binding.and_then(|it| it.subjects).unwrap_or_default();
    all.into_iter().map(|it| it.name).collect()
}

fn in_seconds(seconds: i64) -> String {
    (Timestamp::now() + SignedDuration::from_secs(seconds)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

// proves: Tenant.spec.suspended TenantUser.spec.suspended Suspended
#[tokio::test]
async fn who_is_suspended_can_do_nothing_and_comes_back_as_it_was() {
    let world = shared().await;
    let (defs, users) = (definitions("su"), of::<TenantUser>(world, &definitions("su")));
    let tenants: Api<Tenant> = Api::all(world.client());
    world.moto.s3(&Credentials::root(), "PUT", "/bucket-su", "").await;
    world.apply(&(namespace(&defs) + &tenant("su", "") + &reader("su"))).await;
    let alice = |more: &str| {
        user(
            "su",
            &defs,
            "alice",
            &format!("  roles: [reader]\n  accessKey: {{}}\n  kubernetes: {{kind: User, name: alice@su}}\n{more}"),
        )
    };
    world.apply(&alice("")).await;
    world.apply(&user("su", &defs, "bob", "  roles: [reader]\n  accessKey: {}")).await;
    for name in ["alice", "bob"] {
        ready(world, &users, name).await;
    }
    let hers = key(world, "su", "alice").await;
    let iam = world.moto.iam();
    let before = (of::<Secret>(world, &defs).get("alice-aws").await.unwrap(), inline(world, "su.alice").await);
    assert_eq!(lists(world, "su", &hers).await, 200);
    eventually(world, "bound in the cluster", || async { subjects(world, "su").await == ["alice@su"] }).await;

    world.apply(&alice("  suspended: true")).await;
    says(world, &users, "alice", "True", "Suspended").await;
    assert!(active_keys(world, "su.alice").await.is_empty());
    assert_eq!(lists(world, "su", &hers).await, 403);
    eventually(world, "not bound", || async { subjects(world, "su").await.is_empty() }).await;
    let deny = inline_text(world, "su.alice", "tenantry-suspended").await;
    assert!(deny.contains("Deny") && !deny.contains("Condition"), "undated: {deny}");
    // The Deny holds even where somebody makes the key active again, until the operator sees it.
    let id = &hers.access_key_id;
    iam.update_access_key().user_name("su.alice").access_key_id(id).status(StatusType::Active).send().await.unwrap();
    assert_eq!(lists(world, "su", &hers).await, 403);
    assert!(world.moto.iam_as(&hers).get_user().send().await.is_err());
    reconcile(world, &users, "alice", "see").await;
    eventually(world, "inactive again", || async { active_keys(world, "su.alice").await.is_empty() }).await;

    world.apply(&alice("")).await;
    ready(world, &users, "alice").await;
    assert_eq!(active_keys(world, "su.alice").await, std::slice::from_ref(id));
    let after = (of::<Secret>(world, &defs).get("alice-aws").await.unwrap(), inline(world, "su.alice").await);
    assert_eq!((before.0.data, before.1), (after.0.data, after.1), "exactly as it was");
    assert_eq!(lists(world, "su", &hers).await, 200);
    eventually(world, "bound again", || async { subjects(world, "su").await == ["alice@su"] }).await;

    // The whole tenant. Who comes meanwhile comes without a key.
    world.apply(&tenant("su", "  suspended: true")).await;
    says(world, &tenants, "su", "True", "Suspended").await;
    world.apply(&user("su", &defs, "carol", "  roles: [reader]\n  accessKey: {}")).await;
    for name in ["alice", "bob", "carol"] {
        says(world, &users, name, "True", "Suspended").await;
        assert!(active_keys(world, &format!("su.{name}")).await.is_empty(), "{name}");
        assert!(inline(world, &format!("su.{name}")).await.contains("tenantry-suspended"), "{name}");
    }
    assert_eq!(lists(world, "su", &hers).await, 403);
    assert!(of::<Secret>(world, &defs).get_opt("carol-aws").await.unwrap().is_none());
    world.apply(&tenant("su", "")).await;
    for name in ["alice", "bob", "carol"] {
        ready(world, &users, name).await;
        assert!(inline(world, &format!("su.{name}")).await.is_empty(), "{name}");
        assert_eq!(lists(world, "su", &key(world, "su", name).await).await, 200, "{name}");
    }
    assert_eq!(key(world, "su", "alice").await, hers);
    delete(world, &tenants, "su").await;
}

// proves: TenantUser.spec.expiresAt TenantUser.spec.temporaryRoles[] TenantUser.spec.temporaryRoles[].{name,until}
// proves: Expired
#[tokio::test]
async fn who_expires_while_the_operator_runs_stands_still_from_that_moment() {
    let world = shared().await;
    let (defs, users) = (definitions("ex"), of::<TenantUser>(world, &definitions("ex")));
    let tenants: Api<Tenant> = Api::all(world.client());
    world.moto.s3(&Credentials::root(), "PUT", "/bucket-ex", "").await;
    world.apply(&(namespace(&defs) + &tenant("ex", "") + &reader("ex"))).await;
    let subject = |name: &str| format!("  accessKey: {{}}\n  kubernetes: {{kind: User, name: {name}@ex}}\n");
    world
        .apply(&user("ex", &defs, "past", "  roles: [reader]\n  accessKey: {}\n  expiresAt: '2020-01-01T00:00:00Z'"))
        .await;
    let soon = in_seconds(12);
    let alice = subject("alice") + "  roles: [reader]\n  expiresAt: '" + &soon + "'";
    world.apply(&user("ex", &defs, "alice", &alice)).await;
    let bob = subject("bob") + "  temporaryRoles: [{name: reader, until: '" + &soon + "'}]";
    world.apply(&user("ex", &defs, "bob", &bob)).await;
    for name in ["alice", "bob"] {
        ready(world, &users, name).await;
    }
    // A date in the past is no mistake: it stands still from the start.
    says(world, &users, "past", "True", "Expired").await;
    assert!(exists(world, "ex.past").await && active_keys(world, "ex.past").await.is_empty());
    assert!(inline_text(world, "ex.past", "tenantry-expiry").await.contains("2020-01-01"));

    let (hers, his) = (key(world, "ex", "alice").await, key(world, "ex", "bob").await);
    if Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string() < soon {
        assert_eq!(inline(world, "ex.bob").await, BTreeSet::from(["tenantry-until-reader".to_owned()]));
    }
    says(world, &users, "alice", "True", "Expired").await;
    assert!(active_keys(world, "ex.alice").await.is_empty());
    assert_eq!(lists(world, "ex", &hers).await, 403);
    eventually(world, "the role's time is over", || async { inline(world, "ex.bob").await.is_empty() }).await;
    assert_eq!(lists(world, "ex", &his).await, 403);
    assert_eq!(active_keys(world, "ex.bob").await.len(), 1, "only the role is gone");
    eventually(world, "nobody is bound", || async { subjects(world, "ex").await.is_empty() }).await;

    // More time, and everything is back.
    world.apply(&user("ex", &defs, "alice", &alice.replace(&soon, "2099-01-01T00:00:00Z"))).await;
    ready(world, &users, "alice").await;
    assert_eq!(lists(world, "ex", &hers).await, 200);
    world.apply(&user("ex", &defs, "alice", &(subject("alice") + "  roles: [reader]"))).await;
    ready(world, &users, "alice").await;
    assert!(inline(world, "ex.alice").await.is_empty());
    delete(world, &tenants, "ex").await;
}

// proves: TenantUser.spec.expiresAt TenantUser.spec.temporaryRoles[].until
#[tokio::test]
async fn dates_hold_without_the_operator() {
    let mut world = own(launch(), "").await;
    let (defs, users) = (definitions("da"), of::<TenantUser>(&world, &definitions("da")));
    world.moto.s3(&Credentials::root(), "PUT", "/bucket-da", "").await;
    world.apply(&(namespace(&defs) + &tenant("da", "") + &reader("da"))).await;
    let until = in_seconds(3600);
    world
        .apply(&user("da", &defs, "alice", &format!("  roles: [reader]\n  accessKey: {{}}\n  expiresAt: '{until}'")))
        .await;
    let temporary = format!("  temporaryRoles: [{{name: reader, until: '{until}'}}]\n  accessKey: {{}}");
    world.apply(&user("da", &defs, "bob", &temporary)).await;
    for name in ["alice", "bob"] {
        ready(&world, &users, name).await;
    }
    let (hers, his) = (key(&world, "da", "alice").await, key(&world, "da", "bob").await);
    // The role's own conditions stay beside the date.
    let document = unescaped(&inline_text(&world, "da.bob", "tenantry-until-reader").await);
    let conditions = &document["Statement"][0]["Condition"];
    assert!(conditions["Bool"]["aws:SecureTransport"].to_string().contains("true"), "{document}");
    assert!(conditions["DateLessThan"]["aws:CurrentTime"].to_string().contains(&until), "{document}");

    world.operator.kill();
    assert_eq!((lists(&world, "da", &hers).await, lists(&world, "da", &his).await), (200, 200));
    world.moto.clock_ahead(std::time::Duration::from_secs(7200)).await;
    assert_eq!((lists(&world, "da", &hers).await, lists(&world, "da", &his).await), (403, 403));
    assert_eq!(active_keys(&world, "da.alice").await.len(), 1, "by the date alone");
}
