//! What cannot be, and what is missing, gets a clear answer; RAM goes on.

use kube::api::Api;
use serde_json::json;
use tenantry::api::{Tenant, TenantRole, TenantUser};
use testbed::Operator;
use testbed::alibaba::max_compute_user;

use super::super::{active_keys, exists, looks, user};
use super::{OPS, grants, prepare, projects, role, roles, tenant, with_max_compute};
use crate::support::{definitions, delete, eventually, forget_lease, message, of, own_alibaba, ready, says};
use crate::tenant::launch;

// proves: AccessDenied Invalid
#[tokio::test]
async fn what_max_compute_does_not_take_is_said_in_words() {
    let world = with_max_compute().await;
    world.alibaba.projects(&["mc_bad_theirs"]).await;
    projects(world, &["mc_bad_ours"]).await;
    let defs = definitions("mc-bad");
    let (tenants, users) = (Api::<Tenant>::all(world.client()), of::<TenantUser>(world, &defs));
    let all_roles = of::<TenantRole>(world, &defs);
    world.apply(&tenant("mc-bad", "")).await;
    let anywhere = "acs:odps:*:projects/mc_bad_ours/*";
    world.apply(&role("mc-bad", "fine", anywhere, &["mc_bad_ours"])).await;
    world.apply(&role("mc-bad", "nowhere", anywhere, &["mc_bad_nowhere"])).await;
    world.apply(&role("mc-bad", "theirs", anywhere, &["mc_bad_theirs"])).await;
    world.apply(&role("mc-bad", "arn", "acs:oss:*:*:bucket/*", &[])).await;
    world.apply(&role("mc-bad", "action", anywhere, &[]).replace("odps:Read", "oss:GetObject")).await;
    world
        .apply(
            &role("mc-bad", "aws", anywhere, &[])
                .replace("effect: Allow", "conditions: {StringLikeIfExists: {'a:b': [c]}}, effect: Allow"),
        )
        .await;
    let long = "r".repeat(63);
    world.apply(&role("mc-bad", &long, anywhere, &["mc_bad_ours"])).await;
    world.apply(&user("mc-bad", "alice", &format!("  roles: [fine, arn, {long}]\n  accessKey: {{}}"))).await;
    let told = async |name: &str, reason: &str, part: &str| {
        let role = says(world, &all_roles, name, "False", reason).await;
        assert!(message(&role).contains(part), "{name}: {}", message(&role));
    };
    told("nowhere", "Invalid", "there is no MaxCompute project").await;
    told("theirs", "AccessDenied", "docs/alibaba.md#maxcompute").await;
    told("arn", "Invalid", "is no resource of MaxCompute").await;
    told("action", "Invalid", "\"oss:GetObject\" is no action of MaxCompute").await;
    told("aws", "Invalid", "StringLikeIfExists").await;
    ready(world, &all_roles, "fine").await;
    ready(world, &all_roles, &long).await;
    ready(world, &users, "alice").await;
    assert_eq!(grants(world, "mc-bad.alice").await.map(|it| it.len()), Some(2));
    // Put right: the operator gets the right, and the role is where it should be.
    world.alibaba.administers_project("mc_bad_theirs", true).await;
    crate::support::reconcile(world, &all_roles, "theirs", "again").await;
    ready(world, &all_roles, "theirs").await;

    // A Tenant that names a project that is not there: RAM goes on.
    world.apply(&tenant("mc-lost", "").replace(OPS, "mc_lost_ops")).await;
    world.apply(&user("mc-lost", "bob", "  accessKey: {}")).await;
    let lost = says(world, &tenants, "mc-lost", "False", "Invalid").await;
    assert!(message(&lost).contains("there is no MaxCompute project mc_lost_ops in cn-shanghai"), "{}", message(&lost));
    eventually(world, "bob is in RAM, with a key", || async {
        exists(world, "mc-lost.bob").await && active_keys(world, "mc-lost.bob").await.len() == 1
    })
    .await;
    assert_eq!(grants(world, "mc-lost.bob").await, None);
    delete(world, &tenants, "mc-lost").await;
    assert!(!exists(world, "mc-lost.bob").await);
    delete(world, &tenants, "mc-bad").await;
    for head in ["mc_bad_fine", "mc_bad_theirs", "mc_bad_nowhere"] {
        assert!(roles(world, head).await.is_empty(), "{head}");
    }
}

#[tokio::test]
async fn while_max_compute_is_away_ram_goes_on_and_nothing_is_lost() {
    let launch = launch().argument("--fresh-write=0");
    let mut own = own_alibaba(launch.clone(), "  driftCheckInterval: 1s").await;
    let world = &own;
    prepare(world).await;
    projects(world, &["mc_away_a"]).await;
    let defs = definitions("mc-away");
    let (tenants, users) = (Api::<Tenant>::all(world.client()), of::<TenantUser>(world, &defs));
    let all_roles = of::<TenantRole>(world, &defs);
    world.apply(&tenant("mc-away", "")).await;
    world.apply(&role("mc-away", "dev", "acs:odps:*:projects/mc_away_a/*", &["mc_away_a"])).await;
    world.apply(&user("mc-away", "alice", "  roles: [dev]\n  accessKey: {}")).await;
    ready(world, &users, "alice").await;
    ready(world, &all_roles, "dev").await;
    ready(world, &tenants, "mc-away").await;

    // Nothing to do costs nothing but the lists.
    looks(world, 2).await;
    world.alibaba.reset_calls().await;
    looks(world, 2).await;
    let calls = world.alibaba.calls_by_service().await["odps"].clone();
    assert!(calls.keys().all(|call| call.starts_with("ListTenant")), "{calls:?}");

    let away = json!([{"action": "*", "service": "odps", "status": 503, "code": "ServiceUnavailable", "message": "away", "count": 100_000}]);
    world.alibaba.turn("faults", away).await;
    world.apply(&user("mc-away", "bob", "  roles: [dev]\n  accessKey: {}")).await;
    eventually(world, "bob is in RAM, with a key", || async {
        exists(world, "mc-away.bob").await && active_keys(world, "mc-away.bob").await.len() == 1
    })
    .await;
    let said = |it: &TenantUser| {
        it.status
            .as_ref()
            .is_some_and(|it| it.accounts.iter().any(|it| it.message.as_ref().is_some_and(|it| it.contains("odps:"))))
    };
    world.until(users.clone(), "bob", "says what is missing", said).await;
    // Who is deleted can do nothing at once, and stays in RAM until MaxCompute can be told.
    users.delete("alice", &Default::default()).await.unwrap();
    eventually(world, "alice has no key", || async { active_keys(world, "mc-away.alice").await.is_empty() }).await;
    assert!(exists(world, "mc-away.alice").await);
    world.alibaba.faults(&[]).await;
    world.gone(users.clone(), "alice").await;
    assert!(!exists(world, "mc-away.alice").await);
    let listed: Vec<String> = serde_json::from_str(&world.alibaba.root().said(OPS, "list tenant users").await).unwrap();
    assert!(!listed.contains(&max_compute_user("mc-away.alice")), "{listed:?}");
    ready(world, &users, "bob").await;
    assert_eq!(grants(world, "mc-away.bob").await.map(|it| it.len()), Some(1));

    // After a restart nothing is read again that the statuses vouch for, and what was taken out meanwhile is found.
    own.operator.kill();
    let without = format!(", maxCompute: {{region: cn-shanghai, project: {OPS}}}");
    own.apply(&tenant("mc-away", "").replace(&without, "")).await;
    forget_lease(&own.client()).await;
    own.operator = Operator::start(&own.control_plane, &launch).await;
    let world = &own;
    eventually(world, "nothing is left in MaxCompute", || async {
        grants(world, "mc-away.bob").await.is_none() && roles(world, "mc_away_dev").await.is_empty()
    })
    .await;
    delete(world, &tenants, "mc-away").await;
    assert!(roles(world, "mc_away_dev").await.is_empty());
}
