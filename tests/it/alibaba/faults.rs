//! Faults of Alibaba Cloud: answers that are lost at every kind of write, throttling with and without a time to wait,
//! errors of the servers, and writes that are seen late. In the end everything is there once, and goes again.

use kube::api::Api;
use serde_json::{Value, json};
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::World;

use super::{account, active_keys, attached, groups, has_login, keys, role_of, tenant, user};
use crate::support::{ALIBABA, annotate, definitions, delete, eventually, of, own_alibaba, ready, says};
use crate::tenant::launch;

/// The call is carried out, and its answer is an error of the server's or none that can be told from it.
fn lost(action: &str) -> Value {
    json!({"action": action, "status": 500, "code": "InternalError", "count": 1, "after": true})
}

fn refused(action: &str, status: u16, code: &str, retry_after: Option<u64>) -> Value {
    json!({"action": action, "status": status, "code": code, "count": 1, "retry_after": retry_after})
}

/// Sets the faults; each hits one call.
async fn hit(world: &World, faults: Vec<Value>) {
    world.alibaba.turn("faults", json!(faults)).await;
}

/// Every fault has hit something by now.
async fn all_hit(world: &World) {
    let left = || async {
        let faults = world.alibaba.see("faults").await;
        let left = faults.as_array().unwrap().iter().filter(|it| it["count"] != 0);
        left.map(|it| it["action"].to_string()).collect::<Vec<_>>()
    };
    let all = left().await;
    eventually(world, &format!("faults hit {all:?}"), || async { left().await.is_empty() }).await;
}

fn roles(more: &str, default: bool) -> String {
    let allow = |actions: &str| format!("effect: Allow, actions: [{actions}], resources: ['*']");
    let everyones = role_of("fa", "everyones", "", &[&allow("'oss:ListBuckets'")]);
    let everyones = everyones.replace("  tenant: fa\n", &format!("  tenant: fa\n  default: {default}\n"));
    role_of("fa", "reader", "", &[&allow(&format!("'oss:GetObject'{more}"))]) + &everyones
}

#[tokio::test]
async fn answers_that_are_lost_late_or_refused_leave_everything_once() {
    let more = "  driftCheckInterval: 2s\n  deniedActions: ['sts:AssumeRole']";
    let world = &own_alibaba(launch().argument("--fresh-write=3"), more).await;
    ready(world, &Api::<CloudAccount>::all(world.client()), ALIBABA).await;
    let before = account(world).await;
    let (tenants, users) = (Api::<Tenant>::all(world.client()), of::<TenantUser>(world, &definitions("fa")));
    let made = of::<TenantRole>(world, &definitions("fa"));
    world.alibaba.visibility(300).await;

    let creating = ["CreateGroup", "CreatePolicy", "CreateUser", "AddUserToGroup", "AttachPolicyToUser"];
    let creating = creating.into_iter().chain(["AttachPolicyToGroup", "CreateAccessKey", "CreateLoginProfile"]);
    let mut faults: Vec<Value> = creating.map(lost).collect();
    faults.push(refused("CreateUser", 400, "Throttling.User", Some(400)));
    faults.push(refused("AttachPolicyToUser", 400, "Throttling.Api", None));
    faults.push(refused("ListUsers", 503, "ServiceUnavailable", None));
    hit(world, faults).await;
    let alice =
        |more: &str| user("fa", "alice", &format!("  roles: [reader]\n  accessKey: {{}}\n  console: {{}}\n{more}"));
    world.apply(&(tenant("fa", "") + &roles("", true) + &alice("") + &user("fa", "bob", "  accessKey: {}"))).await;
    for name in ["alice", "bob"] {
        ready(world, &users, name).await;
        assert_eq!(active_keys(world, &format!("fa.{name}")).await.len(), 1, "{name}");
    }
    all_hit(world).await;
    ready(world, &tenants, "fa").await;
    assert!(has_login(world, "fa.alice").await);
    assert_eq!(groups(world, "fa.alice").await.len(), 1);
    assert_eq!(attached(world, "fa.alice").await, super::names(["fa-reader", "tenantry-denied"]));

    // Changes.
    let changing = ["CreatePolicyVersion", "TagResources", "UpdateAccessKey", "DetachPolicyFromGroup"];
    let mut faults: Vec<Value> = changing.into_iter().map(lost).collect();
    faults.push(refused("GetPolicy", 503, "ServiceUnavailable", None));
    faults.push(refused("CreatePolicyVersion", 400, "Throttling", Some(200)));
    hit(world, faults).await;
    world.apply(&(tenant("fa", "  tags: {team: x}") + &roles(", 'oss:PutObject'", false))).await;
    world.apply(&alice("  suspended: true")).await;
    says(world, &users, "alice", "True", "Suspended").await;
    for name in ["reader", "everyones"] {
        ready(world, &made, name).await;
    }
    ready(world, &tenants, "fa").await;
    all_hit(world).await;
    assert!(active_keys(world, "fa.alice").await.is_empty());
    let back = ["UpdateAccessKey", "CreateLoginProfile", "DetachPolicyFromUser", "UntagResources"];
    hit(world, back.into_iter().map(lost).collect()).await;
    world.apply(&(tenant("fa", "") + &alice("  suspended: false"))).await;
    ready(world, &users, "alice").await;
    ready(world, &tenants, "fa").await;
    all_hit(world).await;
    hit(world, vec![lost("UpdateLoginProfile")]).await;
    annotate(&users, "alice", "tenantry.dev/reset-password", "again").await;
    all_hit(world).await;
    ready(world, &users, "alice").await;
    assert_eq!(keys(world, "fa.alice").await.len(), 1);

    // The end.
    let ending = ["DeleteAccessKey", "DeleteLoginProfile", "RemoveUserFromGroup", "DetachPolicyFromUser"];
    let ending = ending.into_iter().chain(["DeleteUser", "DeleteGroup", "DeletePolicy"]);
    hit(world, ending.map(lost).collect()).await;
    delete(world, &tenants, "fa").await;
    all_hit(world).await;
    // What stood for inline policies may have lost its last bearer and the answer to that.
    eventually(world, "all is as before", || async { account(world).await == before }).await;
}
