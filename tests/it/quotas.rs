//! What the account has no room for is refused before the first call, with the numbers; and marks that somebody writes on
//! an object of ours.

use std::collections::BTreeMap;

use aws_sdk_iam::types::Tag;
use kube::api::Api;
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::{OperatorPolicy, World};

use crate::support::{
    ACCOUNT, account, active_keys, annotate, definitions, delete, eventually, exists, message, namespace, of, ready,
    role, says, tenant, user,
};
use crate::tenant::launch;

// proves: CloudAccount.status.quotas[] QuotaExceeded
#[tokio::test]
async fn what_an_account_has_no_room_for_is_refused_before_the_first_call() {
    let world = &World::start(launch().argument("--fresh-write=0")).await;
    let cluster = world.control_plane.cluster_id().await;
    let operator = world.moto.operator(&OperatorPolicy::unbounded(&cluster)).await;
    world.credentials_secret(ACCOUNT, &operator).await;
    // The operator's own user and policy count too.
    let quotas = [("Groups", 1), ("Users", 3), ("Policies", 2)].map(|(name, limit)| (name.to_owned(), limit));
    world.moto.quotas(&BTreeMap::from(quotas)).await;
    world.apply(&world.cloud_account(ACCOUNT, "")).await;
    let (accounts, tenants) = (Api::<CloudAccount>::all(world.client()), Api::<Tenant>::all(world.client()));
    ready(world, &accounts, ACCOUNT).await;

    let (defs, users) = (definitions("qa"), of::<TenantUser>(world, &definitions("qa")));
    world.apply(&(namespace(&defs) + &tenant("qa", "") + &role("qa", &defs, "first"))).await;
    for name in ["alice", "bob"] {
        world.apply(&user("qa", &defs, name, "  roles: [first]\n  accessKey: {}")).await;
        ready(world, &users, name).await;
    }
    ready(world, &tenants, "qa").await;
    let full = account(world).await;

    world.apply(&(namespace(&definitions("qb")) + &tenant("qb", "") + &role("qa", &defs, "second"))).await;
    world.apply(&user("qa", &defs, "carol", "  roles: [first]\n  accessKey: {}")).await;
    let refused = says(world, &tenants, "qb", "False", "QuotaExceeded").await;
    assert!(message(&refused).contains("1 of 1 groups"), "{}", message(&refused));
    let refused = says(world, &of::<TenantRole>(world, &defs), "second", "False", "QuotaExceeded").await;
    assert!(message(&refused).contains("2 of 2 policies"), "{}", message(&refused));
    let refused = says(world, &users, "carol", "False", "QuotaExceeded").await;
    assert!(message(&refused).contains("3 of 3 users"), "{}", message(&refused));
    assert_eq!(account(world).await, full);
    let failed: Vec<_> = world.moto.requests().await.into_iter().filter(|it| it.status == 409).collect();
    assert!(failed.is_empty(), "nothing was tried: {failed:?}");
    // One goes, and there is room.
    delete(world, &users, "bob").await;
    ready(world, &users, "carol").await;

    // A user of ours on which somebody writes another owner is not touched until the mark is put right.
    let iam = world.moto.iam();
    let marked = async |owner: &str| {
        let tag = Tag::builder().key("tenantry.dev/owner").value(owner).build().unwrap();
        iam.tag_user().user_name("qa.alice").tags(tag).send().await.unwrap();
        annotate(&users, "alice", "tenantry.dev/reconcile", owner).await;
    };
    marked("tenantuser/elsewhere/mallory").await;
    let alice = says(world, &users, "alice", "False", "NotOwned").await;
    assert!(message(&alice).contains("tenantuser/elsewhere/mallory"), "{}", message(&alice));
    assert_eq!(active_keys(world, "qa.alice").await.len(), 1, "nothing was changed");
    marked("tenantuser/qa-defs/alice").await;
    ready(world, &users, "alice").await;

    for name in ["qa", "qb"] {
        delete(world, &tenants, name).await;
    }
    eventually(world, "all is gone", || async { !exists(world, "qa.alice").await }).await;
    let shown = accounts.get(ACCOUNT).await.unwrap().status.unwrap().quotas;
    assert!(shown.iter().any(|it| it.name == "Groups" && it.limit == 1), "{shown:?}");
}
