//! Crashes: the real binary is killed ten times while it makes users with keys in an account that throttles, fails and
//! loses answers. In the end everything is there once, and goes again.

use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tenantry::api::{Tenant, TenantUser};
use testbed::aws::Credentials;
use testbed::{Fault, Launch, Operator, World};

use crate::support::{
    account, active_keys, definitions, delete, eventually, forget_lease, namespace, of, own, ready, role, tenant, text,
    user,
};

const TENANTS: [&str; 2] = ["ca", "cb"];
const USERS: usize = 8;
const KILLS: usize = 10;

/// Slow enough for ten kills to fall in between.
fn launch() -> Launch {
    ["--key-proof=0", "--write-rate=15", "--read-rate=100"]
        .into_iter()
        .fold(Launch::new(env!("CARGO_BIN_EXE_tenantry")), Launch::argument)
}

/// Another mixture of faults for every life.
fn faults(dice: &mut StdRng) -> Vec<Fault> {
    let mut faults = vec![
        Fault::new("*", 400, "Throttling", dice.random_range(0..3)),
        Fault::new("*", 500, "ServiceFailure", dice.random_range(0..2)),
        Fault::new("GetAccountAuthorizationDetails", 503, "ServiceUnavailable", dice.random_range(0..2)),
    ];
    for action in
        ["CreateUser", "CreateAccessKey", "AddUserToGroup", "AttachUserPolicy", "CreatePolicy", "DeleteAccessKey"]
    {
        faults.push(Fault::lost_answer(action, dice.random_range(0..2)));
    }
    faults
}

/// Waits until the operator has made so many more writes, or one key more: right after a key was made is where a crash
/// would hurt.
async fn progress(world: &World, writes: u64, key: bool) {
    let count = || async {
        let calls = world.moto.calls().await;
        let keys = calls.get("CreateAccessKey").copied().unwrap_or_default();
        let reads = ["Get", "List"];
        let all: u64 =
            calls.iter().filter(|(name, _)| !reads.iter().any(|it| name.starts_with(it))).map(|(_, n)| n).sum();
        (all, keys)
    };
    let (all, keys) = count().await;
    eventually(world, "the operator goes on", || async {
        let now = count().await;
        now.0 >= all + writes || (key && now.1 > keys) || all_ready(world).await
    })
    .await;
}

async fn all_ready(world: &World) -> bool {
    for tenant in TENANTS {
        let all = of::<TenantUser>(world, &definitions(tenant)).list(&Default::default()).await.unwrap();
        let ready = |it: &TenantUser| {
            let conditions = it.status.iter().flat_map(|it| &it.conditions);
            conditions.into_iter().any(|it| it.type_ == "Ready" && it.status == "True")
        };
        if !all.items.iter().all(ready) {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn ten_kills_leave_one_key_a_user_and_no_orphan() {
    let seed =
        std::env::var("CRASHES_SEED").ok().and_then(|it| it.parse().ok()).unwrap_or_else(|| rand::rng().random());
    println!("again with: CRASHES_SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let launch = launch();
    let mut world = own(launch.clone(), "  driftCheckInterval: 2s").await;
    let before = account(&world).await;
    for name in TENANTS {
        let defs = definitions(name);
        world.apply(&namespace(&defs)).await;
        world.apply(&tenant(name, "")).await;
        world.apply(&role(name, &defs, "reader")).await;
        for number in 0..USERS {
            world.apply(&user(name, &defs, &format!("u{number}"), "  roles: [reader]\n  accessKey: {}")).await;
        }
    }
    for kill in 1..=KILLS {
        world.moto.faults(&faults(&mut dice)).await;
        let (writes, key) = (dice.random_range(1..8), dice.random_bool(0.6));
        progress(&world, writes, key).await;
        world.operator.kill();
        println!("kill {kill} after {writes} writes{}", if key { " or a key" } else { "" });
        forget_lease(&world.client()).await;
        world.operator = Operator::start(&world.control_plane, &launch).await;
    }
    world.moto.faults(&[]).await;

    let mut wanted = before.clone();
    for name in TENANTS {
        let defs = definitions(name);
        let (users, secrets) = (of::<TenantUser>(&world, &defs), of::<Secret>(&world, &defs));
        wanted.extend([format!("group {name}"), format!("policy {name}.reader")]);
        for number in 0..USERS {
            let user = format!("u{number}");
            ready(&world, &users, &user).await;
            wanted.insert(format!("user {name}.{user}"));
            let secret = secrets.get(&format!("{user}-aws")).await.unwrap();
            let id = text(&secret, "AWS_ACCESS_KEY_ID");
            let all = world.moto.iam().list_access_keys().user_name(format!("{name}.{user}")).send().await.unwrap();
            assert_eq!(all.access_key_metadata().len(), 1, "{name}.{user}: exactly one key, seed {seed}");
            assert_eq!(active_keys(&world, &format!("{name}.{user}")).await, std::slice::from_ref(&id), "seed {seed}");
            let key = Credentials::new(&id, &text(&secret, "AWS_SECRET_ACCESS_KEY"));
            let who = world.moto.sts_as(&key).get_caller_identity().send().await.unwrap();
            assert!(who.arn().unwrap().ends_with(&format!("{name}.{user}")), "the Secret's halves belong together");
        }
    }
    assert_eq!(account(&world).await, wanted, "no orphan, seed {seed}");
    let tenants: Api<Tenant> = Api::all(world.client());
    for name in TENANTS {
        delete(&world, &tenants, name).await;
    }
    assert_eq!(account(&world).await, before, "as it was, seed {seed}");
}
