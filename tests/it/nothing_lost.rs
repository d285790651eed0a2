//! What people change their minds about, or lose, and what becomes of what was made: nothing is left, nothing is lost.

use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use tenantry::api::{Tenant, TenantRole, TenantUser};
use testbed::World;

use crate::support::{
    account, active_keys, definitions, delete, eventually, exists, message, namespace, of, ready, role, says, shared,
    tenant, text, user,
};

fn tenants(world: &World) -> Api<Tenant> {
    Api::all(world.client())
}

async fn attached(world: &World, user: &str) -> Vec<String> {
    let answer = world.moto.iam().list_attached_user_policies().user_name(user).send().await.unwrap();
    answer.attached_policies.unwrap_or_default().into_iter().filter_map(|it| it.policy_name).collect()
}

#[tokio::test]
async fn a_namespace_that_somebody_deletes_is_made_again() {
    let world = shared().await;
    world.apply(&namespace(&definitions("nl-ns"))).await;
    world.apply(&tenant("nl-ns", "")).await;
    ready(world, &tenants(world), "nl-ns").await;
    world.apply(&user("nl-ns", "nl-ns", "alice", "  accessKey: {}")).await;
    ready(world, &of::<TenantUser>(world, "nl-ns"), "alice").await;
    let namespaces: Api<Namespace> = Api::all(world.client());
    let first = namespaces.get("nl-ns").await.unwrap();
    namespaces.delete("nl-ns", &DeleteParams::default()).await.unwrap();
    world.until(namespaces, "nl-ns", "made again", |it| it.uid() != first.uid()).await;
    let policies = of::<NetworkPolicy>(world, "nl-ns");
    world.until(policies, "tenantry-isolation", "with what belongs into it", |_| true).await;
    eventually(world, "the user that was in it is gone", || async { !exists(world, "nl-ns.alice").await }).await;
    ready(world, &tenants(world), "nl-ns").await;
    delete(world, &tenants(world), "nl-ns").await;
}

// proves: TenantUser.spec.accessKey Tenant.spec.accounts[]
#[tokio::test]
async fn a_key_and_an_account_that_are_taken_out_are_cleaned() {
    let world = shared().await;
    let defs = definitions("nl-out");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("nl-out", "")).await;
    world.apply(&role("nl-out", &defs, "reader")).await;
    for name in ["alice", "bob"] {
        world.apply(&user("nl-out", &defs, name, "  roles: [reader]\n  accessKey: {}")).await;
    }
    let (users, secrets) = (of::<TenantUser>(world, &defs), of::<Secret>(world, &defs));
    for name in ["alice", "bob"] {
        ready(world, &users, name).await;
    }
    world.apply(&user("nl-out", &defs, "alice", "  roles: [reader]")).await;
    world.gone(secrets.clone(), "alice-aws").await;
    ready(world, &users, "alice").await;
    assert_eq!(active_keys(world, "nl-out.alice").await, Vec::<String>::new());
    assert_eq!(attached(world, "nl-out.alice").await, ["nl-out.reader"]);

    world.apply(&tenant("nl-out", "  accounts: []")).await;
    world.gone(secrets, "bob-aws").await;
    eventually(world, "the account is clean", || async {
        !account(world).await.iter().any(|it| it.contains(" nl-out"))
    })
    .await;
    ready(world, &tenants(world), "nl-out").await;
    world.apply(&tenant("nl-out", "")).await;
    eventually(world, "all is back", || async {
        exists(world, "nl-out.bob").await && attached(world, "nl-out.bob").await == ["nl-out.reader"]
    })
    .await;
    ready(world, &users, "bob").await;
    delete(world, &tenants(world), "nl-out").await;
}

// proves: TenantUser.spec.userName
#[tokio::test]
async fn of_two_users_with_one_cloud_name_the_older_has_it() {
    let world = shared().await;
    let (defs, users) = (definitions("nl-two"), of::<TenantUser>(world, &definitions("nl-two")));
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("nl-two", "")).await;
    world.apply(&user("nl-two", &defs, "zoe", "  userName: robot\n  accessKey: {}")).await;
    let zoe = ready(world, &users, "zoe").await;
    let name = zoe.status.unwrap().accounts[0].user_name.clone().unwrap();
    world.apply(&user("nl-two", &defs, "adam", "  userName: robot\n  accessKey: {}")).await;
    let adam = says(world, &users, "adam", "False", "NotOwned").await;
    assert!(message(&adam).contains("zoe"), "{}", message(&adam));
    assert!(of::<Secret>(world, &defs).get_opt("adam-aws").await.unwrap().is_none());
    let key = text(&of::<Secret>(world, &defs).get("zoe-aws").await.unwrap(), "AWS_ACCESS_KEY_ID");
    assert_eq!(active_keys(world, &name).await, [key]);
    delete(world, &users, "zoe").await;
    ready(world, &users, "adam").await;
    let key = text(&of::<Secret>(world, &defs).get("adam-aws").await.unwrap(), "AWS_ACCESS_KEY_ID");
    assert_eq!(active_keys(world, &name).await, [key]);
    delete(world, &tenants(world), "nl-two").await;
}

#[tokio::test]
async fn of_two_roles_with_one_name_the_younger_follows_the_older() {
    let world = shared().await;
    let defs = definitions("nl-same");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("nl-same", "")).await;
    ready(world, &tenants(world), "nl-same").await;
    world.apply(&role("nl-same", &defs, "reader")).await;
    let (older, younger) = (of::<TenantRole>(world, &defs), of::<TenantRole>(world, "nl-same"));
    ready(world, &older, "reader").await;
    world.apply(&role("nl-same", "nl-same", "reader")).await;
    world.apply(&user("nl-same", &defs, "alice", "  roles: [reader]")).await;
    let refused = says(world, &younger, "reader", "False", "NotOwned").await;
    assert!(message(&refused).contains(&format!("{defs}/reader")), "{}", message(&refused));
    ready(world, &of::<TenantUser>(world, &defs), "alice").await;
    delete(world, &older, "reader").await;
    ready(world, &younger, "reader").await;
    eventually(world, "alice has the younger one", || async {
        attached(world, "nl-same.alice").await == ["nl-same.reader"]
    })
    .await;
    delete(world, &tenants(world), "nl-same").await;
    assert!(!account(world).await.contains("policy nl-same.reader"));
}

#[tokio::test]
async fn a_role_that_is_spoilt_keeps_what_it_gave() {
    let world = shared().await;
    let defs = definitions("nl-role");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("nl-role", "")).await;
    let good = role("nl-role", &defs, "reader");
    world.apply(&good).await;
    world.apply(&user("nl-role", &defs, "alice", "  roles: [reader]")).await;
    let (users, roles) = (of::<TenantUser>(world, &defs), of::<TenantRole>(world, &defs));
    ready(world, &users, "alice").await;
    world.apply(&good.replace("arn:aws:s3:::reader", "arn:aws:s3:::$(workspace)")).await;
    let spoilt = says(world, &roles, "reader", "False", "Invalid").await;
    assert!(message(&spoilt).contains("workspace"), "{}", message(&spoilt));
    assert_eq!(attached(world, "nl-role.alice").await, ["nl-role.reader"]);
    ready(world, &users, "alice").await;
    world.apply(&good).await;
    ready(world, &roles, "reader").await;
    delete(world, &users, "alice").await;
    delete(world, &roles, "reader").await;
    assert!(!account(world).await.contains("policy nl-role.reader"));
    delete(world, &tenants(world), "nl-role").await;
}

#[tokio::test]
async fn a_tenant_that_comes_back_finds_its_manifests() {
    let world = shared().await;
    let (defs, users) = (definitions("nl-back"), of::<TenantUser>(world, &definitions("nl-back")));
    world.apply(&namespace(&defs)).await;
    for _ in 0..2 {
        world.apply(&tenant("nl-back", "")).await;
        world.apply(&user("nl-back", &defs, "alice", "  accessKey: {}")).await;
        ready(world, &users, "alice").await;
        assert_eq!(active_keys(world, "nl-back.alice").await.len(), 1);
        delete(world, &tenants(world), "nl-back").await;
        says(world, &users, "alice", "False", "TenantNotFound").await;
        assert!(!exists(world, "nl-back.alice").await);
    }
}

#[tokio::test]
async fn a_manifest_that_was_torn_out_and_restored_takes_its_user_over() {
    let world = shared().await;
    let (defs, users) = (definitions("nl-torn"), of::<TenantUser>(world, &definitions("nl-torn")));
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("nl-torn", "")).await;
    let manifest = user("nl-torn", &defs, "alice", "  accessKey: {}");
    world.apply(&manifest).await;
    ready(world, &users, "alice").await;
    let before = users.get("alice").await.unwrap();
    // Deleted and torn off in one: by the time that the operator looks, there may be nothing to clean up for.
    let bare = serde_json::json!({"metadata": {"finalizers": null}});
    users.delete("alice", &DeleteParams::default()).await.unwrap();
    let _ = users.patch("alice", &PatchParams::default(), &Patch::Merge(bare)).await;
    world.gone(users.clone(), "alice").await;
    world.apply(&manifest).await;
    let after = ready(world, &users, "alice").await;
    assert_ne!(after.uid(), before.uid());
    let user = world.moto.iam().get_user().user_name("nl-torn.alice").send().await.unwrap().user.unwrap();
    let uid = user.tags().iter().find(|it| it.key() == "tenantry.dev/uid").map(|it| it.value().to_owned());
    assert_eq!(uid, after.uid(), "marked anew, or made anew");
    let secrets = of::<Secret>(world, &defs);
    eventually(world, "exactly one key, the Secret's", || async {
        let Some(secret) = secrets.get_opt("alice-aws").await.unwrap() else { return false };
        active_keys(world, "nl-torn.alice").await == [text(&secret, "AWS_ACCESS_KEY_ID")]
    })
    .await;
    delete(world, &tenants(world), "nl-torn").await;
    assert!(!exists(world, "nl-torn.alice").await);
}
