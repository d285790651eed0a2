//! What is let go in RAM: by a Tenant that retains, by one that leaves an account, and what no manifest wants any more.

use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};

use super::{
    account, active_keys, attached, exists, groups, key_in, names, of_group, policy, role, tags, tenant, user,
};
use crate::letting_go::tear_out;
use crate::modes::{drifted, undrifted};
use crate::support::{ALIBABA, annotate, definitions, delete, eventually, of, own_alibaba, ready, says};
use crate::tenant::launch;

// proves: Tenant.spec.deletionPolicy Tenant.spec.accounts[]
#[tokio::test]
async fn a_tenant_that_retains_leaves_what_it_made_whole_and_unmarked() {
    let launch = launch().argument("--fresh-write=0");
    let mut world = own_alibaba(launch.clone(), "  driftCheckInterval: 1s").await;
    let before = account(&world).await;
    let defs = definitions("re");
    let (users, roles) = (of::<TenantUser>(&world, &defs), of::<TenantRole>(&world, &defs));
    let (accounts, tenants) = (Api::<CloudAccount>::all(world.client()), Api::<Tenant>::all(world.client()));
    world.apply(&(tenant("re", "  deletionPolicy: Retain") + &role("re", "reader"))).await;
    for name in ["alice", "bob"] {
        world.apply(&user("re", name, "  roles: [reader]\n  accessKey: {}")).await;
        ready(&world, &users, name).await;
    }
    ready(&world, &tenants, "re").await;
    let made = account(&world).await;
    let secrets = of::<Secret>(&world, &defs);
    let secret = secrets.get("alice-ali").await.unwrap();
    delete(&world, &users, "alice").await;
    assert_eq!(secrets.get("alice-ali").await.unwrap().data, secret.data);
    delete(&world, &tenants, "re").await;
    assert_eq!(account(&world).await, made, "everything stays");
    for name in ["re.alice", "re.bob"] {
        let tags = tags(&world, name).await;
        assert!(!tags.keys().any(|key| key.starts_with("tenantry.dev/")) && tags["tenant"] == "re", "{tags:?}");
        assert_eq!(groups(&world, name).await, names(["re"]));
        assert_eq!(attached(&world, name).await, names(["re-reader"]));
        assert_eq!(active_keys(&world, name).await.len(), 1);
    }
    let group = world.alibaba.root().done("GetGroup", &[("GroupName", "re")]).await;
    assert!(group["Group"]["Comments"].as_str().unwrap().ends_with("/re/released/"), "{group}");
    assert!(world.alibaba.client(key_in(&secret)).who().await.is_ok(), "the key works");

    // A new process takes nothing of it for ours, nor for an orphan: the account can go.
    crate::support::restart(&mut world, &launch).await;
    ready(&world, &accounts, ALIBABA).await;
    delete(&world, &accounts, ALIBABA).await;
    assert_eq!(account(&world).await, made);

    // Who makes the Tenant again says whether it takes them back.
    world.apply(&world.alibaba_account(ALIBABA, "")).await;
    let bare = |name: &str| user("re", name, "  roles: [reader]");
    world.apply(&(tenant("re", "") + &bare("alice") + &bare("bob"))).await;
    says(&world, &users, "alice", "False", "NotOwned").await;
    says(&world, &roles, "reader", "False", "NotOwned").await;
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(world.client());
    annotate(&namespaces, "re", "tenantry.dev/adopt", "re").await;
    annotate(&tenants, "re", "tenantry.dev/adopt", "true").await;
    annotate(&roles, "reader", "tenantry.dev/adopt", "true").await;
    for name in ["alice", "bob"] {
        annotate(&users, name, "tenantry.dev/adopt", "true").await;
    }
    ready(&world, &tenants, "re").await;
    ready(&world, &roles, "reader").await;
    ready(&world, &users, "bob").await;
    ready(&world, &users, "alice").await;
    eventually(&world, "no manifest asks for her key now", || async {
        active_keys(&world, "re.alice").await.is_empty()
    })
    .await;

    // Leaving the account cleans it.
    world.apply(&tenant("re", "  accounts: []")).await;
    eventually(&world, "the account is as it was", || async { account(&world).await == before }).await;
    let alice = ready(&world, &users, "alice").await;
    assert!(alice.status.unwrap().accounts.is_empty());
    delete(&world, &tenants, "re").await;
    delete(&world, &accounts, ALIBABA).await;
}

// proves: CloudAccount.spec.pruneOrphans Drifted
#[tokio::test]
async fn orphans_are_told_taken_in_again_and_pruned_where_the_account_says_so() {
    let launch = launch().argument("--fresh-write=0").argument("--orphan-age=3");
    let world = &own_alibaba(launch, "  driftCheckInterval: 1s").await;
    let before = account(world).await;
    let defs = definitions("or");
    let (users, roles) = (of::<TenantUser>(world, &defs), of::<TenantRole>(world, &defs));
    let (accounts, tenants) = (Api::<CloudAccount>::all(world.client()), Api::<Tenant>::all(world.client()));
    world.apply(&(tenant("or", "") + &role("or", "reader"))).await;
    // The only TenantRole of a cluster is never pruned: an empty list is more often a mistake.
    world.apply(&role("or", "stays")).await;
    for name in ["alice", "bob"] {
        world.apply(&user("or", name, "  roles: [reader]\n  accessKey: {}")).await;
        ready(world, &users, name).await;
    }
    ready(world, &roles, "reader").await;
    tear_out(world, &users, "alice").await;
    let said = drifted(world, &tenants, "or", "tenantuser/or-defs/alice").await;
    assert!(said.contains("or.alice"), "{said}");
    world.apply(&user("or", "alice", "  roles: [reader]\n  accessKey: {}")).await;
    ready(world, &users, "alice").await;
    undrifted(world, &tenants, "or").await;

    // First its key goes off, then it goes, with all that hangs on it; policies and groups go at once.
    tear_out(world, &users, "alice").await;
    world.apply(&user("or", "bob", "  accessKey: {}")).await;
    ready(world, &users, "bob").await;
    tear_out(world, &roles, "reader").await;
    let reader = policy(world, "or-reader").await;
    drifted(world, &tenants, "or", &reader).await;
    assert!(exists(world, "or.alice").await);
    world.apply(&world.alibaba_account(ALIBABA, "  driftCheckInterval: 1s\n  pruneOrphans: true")).await;
    eventually(world, "her key is inactive", || async { active_keys(world, "or.alice").await.is_empty() }).await;
    eventually(world, "then she goes", || async { !exists(world, "or.alice").await }).await;
    eventually(world, "and the policy", || async { !account(world).await.contains(&format!("policy {reader}")) }).await;
    undrifted(world, &tenants, "or").await;
    assert!(exists(world, "or.bob").await);

    // A whole tenant whose Tenant is gone: told by the account, and gone as soon as there is another Tenant and user.
    tear_out(world, &tenants, "or").await;
    tear_out(world, &users, "bob").await;
    drifted(world, &accounts, ALIBABA, "of tenant or").await;
    world.apply(&(tenant("other", "") + &user("other", "zoe", ""))).await;
    eventually(world, "the user and the group go", || async {
        !exists(world, "or.bob").await && of_group(world, "or").await.is_none()
    })
    .await;
    undrifted(world, &accounts, ALIBABA).await;
    delete(world, &roles, "stays").await;
    delete(world, &tenants, "other").await;
    assert_eq!(account(world).await, before);
}
