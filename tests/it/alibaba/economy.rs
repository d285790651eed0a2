//! What work costs in calls, and how fast they come, by the emulator's own counts. No figure here depends on time.

use std::collections::BTreeMap;

use kube::api::{Api, DeleteParams, ListParams};
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::World;

use super::{attached, groups, role, tenant, user};
use crate::support::{ALIBABA, annotate, definitions, delete, eventually, of, own_alibaba, ready, reconcile, restart};
use crate::tenant::launch;

/// Nothing is looked at by itself while a test counts.
const QUIET: &str = "  driftCheckInterval: 24h";
const SELDOM: &str = "--full-check=604800";

/// Calls of RAM and IMS since counting began, by name. Under which domain users log in is asked once a process.
async fn calls(world: &World) -> BTreeMap<String, u64> {
    let mut services = world.alibaba.calls_by_service().await;
    let both = ["ram", "ims"].map(|name| services.remove(name).unwrap_or_default());
    both.into_iter().flatten().filter(|(name, _)| name != "GetDefaultDomain").collect()
}

fn once<const N: usize>(names: [&str; N]) -> BTreeMap<String, u64> {
    names.map(|name| (name.to_owned(), 1)).into()
}

/// Passes over tenants since the operator's start.
async fn passes(world: &World) -> u64 {
    let metrics = world.operator.metrics().await;
    let lines = metrics.lines().filter(|it| it.starts_with("controller_runtime_reconcile_total{controller=\"tenant\""));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).map(|count| count as u64).sum()
}

/// Waits until a new process has read the account, and passed over every tenant after that.
async fn all_passed(world: &World, tenants: &[String]) {
    let read = || async { world.alibaba.calls().await.contains_key("GetAccountSummary") };
    eventually(world, "the account is read", read).await;
    let before = passes(world).await;
    for tenant in tenants {
        annotate(&Api::<Tenant>::all(world.client()), tenant, "note", &before.to_string()).await;
    }
    let all = before + tenants.len() as u64;
    eventually(world, "a pass for every tenant", || async { passes(world).await >= all }).await;
}

/// A tenant with one role and one user who has it, and a key.
async fn one_of_each(world: &World, name: &str) {
    let all = tenant(name, "") + &role(name, "reader") + &user(name, "alice", "  roles: [reader]\n  accessKey: {}");
    world.apply(&all).await;
    ready(world, &of::<TenantUser>(world, &definitions(name)), "alice").await;
    ready(world, &of::<TenantRole>(world, &definitions(name)), "reader").await;
    ready(world, &Api::<Tenant>::all(world.client()), name).await;
}

#[tokio::test]
async fn a_tenant_costs_six_calls_to_make_six_to_delete_and_none_in_between() {
    let world = &own_alibaba(launch().argument(SELDOM), QUIET).await;
    ready(world, &Api::<CloudAccount>::all(world.client()), ALIBABA).await;
    world.alibaba.reset_calls().await;
    one_of_each(world, "ec").await;
    let made = ["AddUserToGroup", "AttachPolicyToUser", "CreateAccessKey", "CreateGroup", "CreatePolicy", "CreateUser"];
    assert_eq!(calls(world).await, once(made));

    world.alibaba.reset_calls().await;
    let before = passes(world).await;
    let tenants: Api<Tenant> = Api::all(world.client());
    annotate(&tenants, "ec", "note", "touched").await;
    eventually(world, "a pass", || async { passes(world).await > before }).await;
    assert!(world.alibaba.calls().await.is_empty(), "{:?}", world.alibaba.calls().await);

    delete(world, &tenants, "ec").await;
    let gone =
        ["DeleteAccessKey", "DeleteGroup", "DeletePolicy", "DeleteUser", "DetachPolicyFromUser", "RemoveUserFromGroup"];
    assert_eq!(calls(world).await, once(gone));

    // One by one it is the same: what came off confirms what it hung on.
    one_of_each(world, "ed").await;
    world.alibaba.reset_calls().await;
    delete(world, &of::<TenantUser>(world, &definitions("ed")), "alice").await;
    delete(world, &of::<TenantRole>(world, &definitions("ed")), "reader").await;
    delete(world, &tenants, "ed").await;
    assert_eq!(calls(world).await, once(gone));
}

#[tokio::test]
async fn a_restart_reads_lists_and_what_no_list_shows_is_read_in_turn() {
    const TENANTS: usize = 12;
    let seldom = launch().argument(SELDOM);
    let mut world = own_alibaba(seldom.clone(), QUIET).await;
    let names: Vec<String> = (0..TENANTS).map(|number| format!("er{number}")).collect();
    for name in &names {
        let all = tenant(name, "") + &role(name, "reader") + &user(name, "alice", "  roles: [reader]\n  accessKey: {}");
        world.apply(&all).await;
    }
    let tenants: Api<Tenant> = Api::all(world.client());
    for name in &names {
        ready(&world, &of::<TenantUser>(&world, &definitions(name)), "alice").await;
        ready(&world, &tenants, name).await;
    }
    // Lists in pages: a page more each is all that more tenants cost.
    world.alibaba.largest_page(10).await;
    world.alibaba.reset_calls().await;
    restart(&mut world, &seldom).await;
    all_passed(&world, &names).await;
    let read = world.alibaba.calls().await;
    // The operator is a user and has a policy as well.
    let pages = [("ListUsers", 2), ("ListGroups", 2), ("ListPolicies", 2)];
    for (list, most) in pages {
        assert_eq!(read[list], most, "{read:?}");
    }
    let others: u64 = read.iter().filter(|(name, _)| !pages.iter().any(|(list, _)| list == name)).map(|(_, n)| n).sum();
    assert!(others + 3 <= 9, "{read:?}");

    // A membership and an attachment that lists do not show are found in their turn, and put back.
    let root = world.alibaba.root();
    root.done("RemoveUserFromGroup", &[("UserName", "er0.alice"), ("GroupName", "er0")]).await;
    let power = [("PolicyName", "AdministratorAccess"), ("PolicyType", "System"), ("UserName", "er1.alice")];
    root.done("AttachPolicyToUser", &power).await;
    restart(&mut world, &launch().argument("--full-check=6")).await;
    eventually(&world, "both are put right", || async {
        groups(&world, "er0.alice").await.contains("er0")
            && !attached(&world, "er1.alice").await.contains("AdministratorAccess")
    })
    .await;

    // Deleting what was not read yet costs a look at it, and leaves nothing.
    world.alibaba.reset_calls().await;
    restart(&mut world, &seldom).await;
    all_passed(&world, &names).await;
    world.alibaba.reset_calls().await;
    delete(&world, &tenants, "er2").await;
    let spent = calls(&world).await;
    let looks = ["GetGroup", "GetUser", "ListGroupsForUser", "ListPoliciesForGroup", "ListPoliciesForUser"];
    for look in looks {
        assert_eq!(spent.get(look), Some(&1), "{spent:?}");
    }
    assert_eq!(spent.values().sum::<u64>(), 6 + 5, "{spent:?}");
    reconcile(&world, &tenants, "er3", "fresh").await;
    delete(&world, &tenants, "er3").await;
}

#[tokio::test]
async fn no_api_is_called_more_often_than_it_documents_however_much_is_to_be_done() {
    let opened = ["--key-proof=0", "--write-rate=1000", "--read-rate=1000", "--concurrency=16"];
    let opened = opened
        .into_iter()
        .fold(testbed::Launch::new(env!("CARGO_BIN_EXE_tenantry")), |it, argument| it.argument(argument));
    let world = &own_alibaba(opened, "  driftCheckInterval: 1s").await;
    let tenants: Api<Tenant> = Api::all(world.client());
    let names: Vec<String> = (0..10).map(|number| format!("ra{number}")).collect();
    for name in &names {
        let people: String = (0..3)
            .map(|number| user(name, &format!("u{number}"), "  roles: [reader]\n  accessKey: {}\n  console: {}"))
            .collect();
        world.apply(&(tenant(name, "") + &role(name, "reader") + &people)).await;
    }
    for name in &names {
        let users = of::<TenantUser>(world, &definitions(name));
        for number in 0..3 {
            ready(world, &users, &format!("u{number}")).await;
        }
    }
    tenants.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    for name in &names {
        world.gone(tenants.clone(), name).await;
    }
    let rates = world.alibaba.rates().await;
    assert!(rates["ram:AddUserToGroup"].0 >= 3, "there was something to do: {rates:?}");
    let above: Vec<_> =
        rates.iter().filter(|(_, (most, documented))| documented.is_some_and(|it| *most > it)).collect();
    assert!(above.is_empty(), "{above:?} of {rates:?}");
}
