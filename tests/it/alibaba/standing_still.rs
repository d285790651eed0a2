//! Suspension, expiry and roles for a time on RAM, which has no inline policies: policies that everyone in the same case
//! shares stand for them.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use tenantry::api::{Tenant, TenantUser};

use super::{
    account, active_keys, attached, document, exists, has_login, key, looks_at_group, names, policies, policy, role,
    shared, tenant, user,
};
use crate::support::{definitions, delete, eventually, of, own_alibaba, ready, reconcile, says};
use crate::tenant::launch;

fn in_seconds(seconds: i64) -> String {
    (Timestamp::now() + SignedDuration::from_secs(seconds)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

// proves: Tenant.spec.suspended TenantUser.spec.suspended Suspended
#[tokio::test]
async fn who_is_suspended_can_do_nothing_and_comes_back_as_it_was() {
    let world = shared().await;
    let defs = definitions("as");
    let (users, tenants) = (of::<TenantUser>(world, &defs), Api::<Tenant>::all(world.client()));
    let alice =
        |more: &str| user("as", "alice", &format!("  roles: [reader]\n  accessKey: {{}}\n  console: {{}}\n{more}"));
    world.apply(&(tenant("as", "") + &role("as", "reader") + &alice(""))).await;
    world.apply(&user("as", "bob", "  roles: [reader]\n  accessKey: {}")).await;
    for name in ["alice", "bob"] {
        ready(world, &users, name).await;
    }
    let (hers, his) = (key(world, "as", "alice").await, key(world, "as", "bob").await);
    let before = of::<Secret>(world, &defs).get("alice-ali").await.unwrap();
    let login = of::<Secret>(world, &defs).get("alice-ali-console").await.unwrap();
    assert!(looks_at_group(world, &hers, "as").await && has_login(world, "as.alice").await);

    world.apply(&alice("  suspended: true")).await;
    says(world, &users, "alice", "True", "Suspended").await;
    assert!(active_keys(world, "as.alice").await.is_empty() && !has_login(world, "as.alice").await);
    assert_eq!(attached(world, "as.alice").await, names(["as-reader", "tenantry-suspended"]));
    let deny = document(world, &policy(world, "tenantry-suspended").await).await.to_string();
    assert!(deny.contains("Deny") && !deny.contains("Condition"), "undated: {deny}");
    // The Deny holds even where somebody makes the key active again, until the operator sees it.
    let on = [("UserName", "as.alice"), ("UserAccessKeyId", hers.access_key_id.as_str()), ("Status", "Active")];
    world.alibaba.root().done("UpdateAccessKey", &on).await;
    let answer = world.alibaba.client(hers.clone()).ram("GetGroup", &[("GroupName", "as")]).await;
    assert_eq!(answer.code(), "NoPermission");
    reconcile(world, &users, "alice", "see").await;
    eventually(world, "inactive again", || async { active_keys(world, "as.alice").await.is_empty() }).await;
    assert!(looks_at_group(world, &his, "as").await);

    world.apply(&alice("")).await;
    ready(world, &users, "alice").await;
    assert_eq!(active_keys(world, "as.alice").await, std::slice::from_ref(&hers.access_key_id));
    assert_eq!(of::<Secret>(world, &defs).get("alice-ali").await.unwrap().data, before.data);
    let after = of::<Secret>(world, &defs).get("alice-ali-console").await.unwrap();
    assert_eq!(after.data, login.data, "the same password is in force again");
    assert_eq!(attached(world, "as.alice").await, names(["as-reader"]));
    assert!(looks_at_group(world, &hers, "as").await && has_login(world, "as.alice").await);

    // The whole tenant: one policy for all of them, which goes with the last.
    world.apply(&tenant("as", "  suspended: true")).await;
    says(world, &tenants, "as", "True", "Suspended").await;
    for name in ["alice", "bob"] {
        says(world, &users, name, "True", "Suspended").await;
        assert!(active_keys(world, &format!("as.{name}")).await.is_empty(), "{name}");
    }
    assert_eq!(policies(world, "tenantry-suspended").await.len(), 1);
    world.apply(&tenant("as", "")).await;
    for name in ["alice", "bob"] {
        ready(world, &users, name).await;
    }
    assert!(looks_at_group(world, &hers, "as").await && looks_at_group(world, &his, "as").await);
    delete(world, &tenants, "as").await;
}

// proves: TenantUser.spec.expiresAt TenantUser.spec.temporaryRoles[] TenantUser.spec.temporaryRoles[].{name,until}
#[tokio::test]
async fn dates_are_in_the_policies_and_hold_without_the_operator() {
    let mut world = own_alibaba(launch(), "").await;
    let before = account(&world).await;
    let (users, tenants) = (of::<TenantUser>(&world, &definitions("ad")), Api::<Tenant>::all(world.client()));
    world.apply(&(tenant("ad", "") + &role("ad", "reader"))).await;
    let (soon, until) = (in_seconds(12), in_seconds(3600));
    world.apply(&user("ad", "past", "  roles: [reader]\n  accessKey: {}\n  expiresAt: '2020-01-01T00:00:00Z'")).await;
    world.apply(&user("ad", "soon", &format!("  roles: [reader]\n  accessKey: {{}}\n  expiresAt: '{soon}'"))).await;
    world.apply(&user("ad", "alice", &format!("  roles: [reader]\n  accessKey: {{}}\n  expiresAt: '{until}'"))).await;
    let temporary = format!("  temporaryRoles: [{{name: reader, until: '{until}'}}]\n  accessKey: {{}}");
    world.apply(&user("ad", "bob", &temporary)).await;
    for name in ["alice", "bob"] {
        ready(&world, &users, name).await;
    }
    says(&world, &users, "past", "True", "Expired").await;
    assert!(exists(&world, "ad.past").await && active_keys(&world, "ad.past").await.is_empty());
    says(&world, &users, "soon", "True", "Expired").await;
    assert!(active_keys(&world, "ad.soon").await.is_empty());
    let (hers, his) = (key(&world, "ad", "alice").await, key(&world, "ad", "bob").await);
    assert_eq!(attached(&world, "ad.bob").await, names(["tenantry-until-reader"]));
    let said = document(&world, &policy(&world, "tenantry-until-reader").await).await;
    let bound = &said["Statement"][0]["Condition"]["DateLessThan"]["acs:CurrentTime"];
    assert!(bound.to_string().contains(&until), "{said}");
    assert_eq!(policies(&world, "tenantry-expiry").await.len(), 3, "three dates");

    world.operator.kill();
    assert!(looks_at_group(&world, &hers, "ad").await && looks_at_group(&world, &his, "ad").await);
    world.alibaba.clock_ahead(std::time::Duration::from_secs(7200)).await;
    assert!(!looks_at_group(&world, &hers, "ad").await && !looks_at_group(&world, &his, "ad").await);
    assert_eq!(active_keys(&world, "ad.alice").await.len(), 1, "by the date alone");

    // A new process knows whose they are: all of it goes.
    crate::support::restart(&mut world, &launch()).await;
    delete(&world, &tenants, "ad").await;
    assert_eq!(account(&world).await, before);
}
