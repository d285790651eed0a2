//! What no manifest wants and whose manifest is gone: told at once, removed only where the account says so, and slowly.

use std::collections::BTreeSet;

use aws_sdk_iam::types::StatusType;
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams};
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::World;

use crate::letting_go::tear_out;
use crate::modes::{drifted, looks, undrifted};
use crate::support::{
    account, active_keys, definitions, delete, eventually, exists, namespace, of, own, ready, role, says, tenant, user,
};
use crate::tenant::launch;

fn tenants(world: &World) -> Api<Tenant> {
    Api::all(world.client())
}

// proves: Drifted
#[tokio::test]
async fn orphans_are_told_and_those_whose_manifest_comes_back_are_taken_in() {
    let world = &own(launch().argument("--fresh-write=0"), "  driftCheckInterval: 1s").await;
    let defs = definitions("or");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("or", "")).await;
    world.apply(&role("or", &defs, "reader")).await;
    world.apply(&user("or", &defs, "alice", "  roles: [reader]")).await;
    world.apply(&user("or", &defs, "bob", "")).await;
    let (users, roles) = (of::<TenantUser>(world, &defs), of::<TenantRole>(world, &defs));
    ready(world, &users, "alice").await;
    ready(world, &users, "bob").await;
    ready(world, &roles, "reader").await;
    tear_out(world, &users, "alice").await;
    let said = drifted(world, &tenants(world), "or", "tenantuser/or-defs/alice").await;
    assert!(said.contains("or.alice"), "{said}");
    ready(world, &tenants(world), "or").await;
    world.apply(&user("or", &defs, "alice", "  roles: [reader]")).await;
    ready(world, &users, "alice").await;
    undrifted(world, &tenants(world), "or").await;

    // A manifest whose Tenant is gone: what it has stays until it is deleted, and then goes by its marks. What the Tenant
    // had is told by the account.
    tear_out(world, &tenants(world), "or").await;
    says(world, &users, "alice", "False", "TenantNotFound").await;
    let accounts: Api<CloudAccount> = Api::all(world.client());
    drifted(world, &accounts, "aws", "tenant/or of tenant or").await;
    assert!(exists(world, "or.alice").await);
    delete(world, &users, "alice").await;
    assert!(!exists(world, "or.alice").await && exists(world, "or.bob").await);
    delete(world, &roles, "reader").await;
    delete(world, &users, "bob").await;
    let said = drifted(world, &accounts, "aws", "1 objects").await;
    assert!(said.contains("group \"or\""), "{said}");
    // An account with an orphan in it is in use.
    accounts.delete("aws", &DeleteParams::default()).await.unwrap();
    says(world, &accounts, "aws", "False", "DeletionBlocked").await;
    world.moto.iam().delete_group().group_name("or").send().await.unwrap();
    world.gone(accounts, "aws").await;
}

// proves: CloudAccount.spec.pruneOrphans
#[tokio::test]
async fn orphans_are_pruned_slowly_and_never_on_an_empty_list() {
    let launch = launch().argument("--orphan-age=2").argument("--fresh-write=0");
    let world = &own(launch, "  driftCheckInterval: 1s\n  pruneOrphans: true").await;
    let client = world.client();
    let accounts: Api<CloudAccount> = Api::all(client.clone());
    let defs = definitions("pr");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("pr", "")).await;
    world.apply(&user("pr", &defs, "alice", "  accessKey: {}")).await;
    let users = of::<TenantUser>(world, &defs);
    ready(world, &users, "alice").await;

    // Without any Tenant in the cluster nothing is touched, however old.
    tear_out(world, &tenants(world), "pr").await;
    tear_out(world, &users, "alice").await;
    drifted(world, &accounts, "aws", "2 objects").await;
    looks(world, 5).await;
    assert_eq!(active_keys(world, "pr.alice").await.len(), 1);

    // With one: groups go, and the user is left while there is no TenantUser at all.
    world.apply(&namespace(&definitions("other"))).await;
    world.apply(&tenant("other", "")).await;
    looks(world, 5).await;
    assert_eq!(active_keys(world, "pr.alice").await.len(), 1);
    world.apply(&user("other", &definitions("other"), "zoe", "")).await;
    // First its key goes off.
    let keys = || async {
        let answer = world.moto.iam().list_access_keys().user_name("pr.alice").send().await;
        answer.map(|it| it.access_key_metadata).unwrap_or_default()
    };
    eventually(world, "the key is inactive", || async {
        keys().await.iter().any(|key| key.status == Some(StatusType::Inactive))
    })
    .await;
    eventually(world, "then the user goes", || async { !exists(world, "pr.alice").await }).await;
    eventually(world, "and the group", || async { !account(world).await.contains("group pr") }).await;
    undrifted(world, &accounts, "aws").await;

    // Ten objects a day: these were two.
    let roles = of::<TenantRole>(world, &definitions("other"));
    for index in 0..11 {
        world.apply(&role("other", &definitions("other"), &format!("r{index:02}"))).await;
    }
    world.apply(&role("other", &definitions("other"), "stays")).await;
    for index in 0..11 {
        ready(world, &roles, &format!("r{index:02}")).await;
    }
    for index in 0..11 {
        tear_out(world, &roles, &format!("r{index:02}")).await;
    }
    let left = || async { account(world).await.into_iter().filter(|it| it.starts_with("policy other.r")).count() };
    eventually(world, "eight more go", || async { left().await == 3 }).await;
    looks(world, 5).await;
    assert_eq!(left().await, 3);
    drifted(world, &tenants(world), "other", "tenantrole/other-defs/").await;
    assert!(account(world).await.contains("policy other.stays"));
    let events: Api<Event> = Api::all(client);
    let events = events.list(&ListParams::default()).await.unwrap();
    let pruned: BTreeSet<String> = events
        .iter()
        .filter(|it| it.reason.as_deref() == Some("OrphanPruned") && it.type_.as_deref() == Some("Warning"))
        .map(|it| {
            format!("{} {}", it.regarding.as_ref().and_then(|it| it.name.clone()).unwrap_or_default(), it.name_any())
        })
        .collect();
    assert!(!pruned.is_empty() && pruned.iter().all(|it| it.starts_with("aws ")), "{pruned:?}");
    delete(world, &tenants(world), "other").await;
}
