//! Crashes on Alibaba Cloud: the real binary is killed several times while it makes users with keys in an account that
//! throttles, fails, loses answers and shows writes late. In the end everything is there once, and goes again.

use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tenantry::api::{CloudAccount, Tenant, TenantUser};
use testbed::{Fault, Launch, Operator, World};

use super::{account, key_in, keys, names, policies, role, tenant, user};
use crate::support::{ALIBABA, definitions, delete, eventually, forget_lease, of, own_alibaba, ready};

const TENANTS: [&str; 2] = ["ka", "kb"];
const USERS: usize = 5;
const KILLS: usize = 7;

/// Slow enough for the kills to fall in between.
fn launch() -> Launch {
    ["--key-proof=0", "--write-rate=12", "--read-rate=100", "--fresh-write=3"]
        .into_iter()
        .fold(Launch::new(env!("CARGO_BIN_EXE_tenantry")), Launch::argument)
}

/// Another mixture of faults for every life.
fn faults(dice: &mut StdRng) -> Vec<Fault> {
    let mut faults = vec![
        Fault::new("*", 400, "Throttling.User", dice.random_range(0..3)),
        Fault::new("*", 503, "ServiceUnavailable", dice.random_range(0..2)),
        Fault::new("ListPolicies", 500, "InternalError", dice.random_range(0..2)),
    ];
    let actions = ["CreateUser", "CreateAccessKey", "AddUserToGroup", "AttachPolicyToUser", "CreatePolicy"];
    for action in actions.into_iter().chain(["DeleteAccessKey", "DetachPolicyFromUser"]) {
        let lost = Fault::new(action, 500, "InternalError", dice.random_range(0..2));
        faults.push(Fault { after: true, ..lost });
    }
    faults
}

/// Waits until the operator has made so many more writes, or one key more: right after a key was made is where a crash
/// would hurt; or until there is nothing more to do.
async fn progress(world: &World, writes: u64, key: bool) {
    let count = || async {
        let calls = world.alibaba.calls().await;
        let reads = ["Get", "List"];
        let all: u64 =
            calls.iter().filter(|(name, _)| !reads.iter().any(|it| name.starts_with(it))).map(|(_, n)| n).sum();
        (all, calls.get("CreateAccessKey").copied().unwrap_or_default())
    };
    let (all, made) = count().await;
    eventually(world, "the operator goes on", || async {
        let now = count().await;
        now.0 >= all + writes || (key && now.1 > made) || all_ready(world).await
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
async fn kills_leave_one_key_a_user_and_no_orphan_on_alibaba_cloud() {
    let seed =
        std::env::var("CRASHES_SEED").ok().and_then(|it| it.parse().ok()).unwrap_or_else(|| rand::rng().random());
    println!("again with: CRASHES_SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let launch = launch();
    let denied = "  driftCheckInterval: 2s\n  deniedActions: ['sts:AssumeRole']";
    let mut world = own_alibaba(launch.clone(), denied).await;
    ready(&world, &Api::<CloudAccount>::all(world.client()), ALIBABA).await;
    let before = account(&world).await;
    world.alibaba.visibility(200).await;
    for name in TENANTS {
        world.apply(&(tenant(name, "") + &role(name, "reader"))).await;
        for number in 0..USERS {
            world.apply(&user(name, &format!("u{number}"), "  roles: [reader]\n  accessKey: {}")).await;
        }
    }
    for kill in 1..=KILLS {
        world.alibaba.faults(&faults(&mut dice)).await;
        let (writes, key) = (dice.random_range(1..9), dice.random_bool(0.6));
        progress(&world, writes, key).await;
        world.operator.kill();
        println!("kill {kill} after {writes} writes{}", if key { " or a key" } else { "" });
        forget_lease(&world.client()).await;
        world.operator = Operator::start(&world.control_plane, &launch).await;
    }
    world.alibaba.faults(&[]).await;

    let mut wanted = before.clone();
    for name in TENANTS {
        let (users, secrets) = (of::<TenantUser>(&world, &definitions(name)), of::<Secret>(&world, &definitions(name)));
        wanted.insert(format!("group {name}"));
        for number in 0..USERS {
            let user = format!("u{number}");
            ready(&world, &users, &user).await;
            wanted.insert(format!("user {name}.{user}"));
            let key = key_in(&secrets.get(&format!("{user}-{ALIBABA}")).await.unwrap());
            let all = keys(&world, &format!("{name}.{user}")).await;
            let only = [(key.access_key_id.clone(), true)].into();
            assert_eq!(all, only, "{name}.{user}: exactly one key, seed {seed}");
            let who = world.alibaba.client(key).who().await;
            assert!(who.unwrap().ends_with(&format!("{name}.{user}")), "the Secret's halves belong together");
            let attached = super::attached(&world, &format!("{name}.{user}")).await;
            let reader = format!("{name}-reader");
            assert_eq!(attached, names([reader.as_str(), "tenantry-denied"]), "seed {seed}");
        }
        wanted.insert(format!("policy {}", super::policy(&world, &format!("{name}-reader")).await));
    }
    let [denied] = &policies(&world, "tenantry-denied").await[..] else { panic!("one for all, seed {seed}") };
    wanted.insert(format!("policy {denied}"));
    assert_eq!(account(&world).await, wanted, "no orphan, seed {seed}");
    let tenants: Api<Tenant> = Api::all(world.client());
    for name in TENANTS {
        delete(&world, &tenants, name).await;
    }
    eventually(&world, "all is as it was", || async { account(&world).await == before }).await;
}
