//! What is let go: by a Tenant that retains, by an account that is closed, and by a Tenant that leaves an account.

use aws_sdk_iam::types::PolicyScopeType;
use k8s_openapi::api::core::v1::{Namespace, ResourceQuota, Secret};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::World;
use testbed::aws::Credentials;

use crate::modes::{drifted, undrifted};
use crate::support::{
    account, active_keys, annotate, definitions, delete, eventually, exists, message, namespace, of, own, ready, role,
    says, tenant, text, user,
};
use crate::tenant::launch;

fn tenants(world: &World) -> Api<Tenant> {
    Api::all(world.client())
}

fn key(secret: &Secret) -> Credentials {
    Credentials::new(&text(secret, "AWS_ACCESS_KEY_ID"), &text(secret, "AWS_SECRET_ACCESS_KEY"))
}

/// Deleted at once, with nobody asked: what a finalizer that is torn off does.
pub async fn tear_out<K>(world: &World, api: &Api<K>, name: &str)
where
    K: crate::support::Object + kube::Resource<DynamicType = ()>,
{
    let bare = Patch::Merge(serde_json::json!({"metadata": {"finalizers": null}}));
    api.patch_metadata(name, &PatchParams::default(), &bare).await.unwrap();
    api.delete(name, &DeleteParams::default()).await.unwrap();
    // By now it may have got its finalizer back.
    let _ = api.patch_metadata(name, &PatchParams::default(), &bare).await;
    world.gone(api.clone(), name).await;
}

async fn marks(world: &World, user: &str) -> Vec<String> {
    let user = world.moto.iam().get_user().user_name(user).send().await.unwrap().user.unwrap();
    let keys = user.tags().iter().map(|it| it.key().to_owned());
    keys.filter(|key| key.starts_with("tenantry.dev/")).collect()
}

// proves: Tenant.spec.deletionPolicy
#[tokio::test]
async fn a_tenant_that_retains_leaves_what_it_made_whole_and_unmarked() {
    let launch = launch().argument("--fresh-write=0");
    let mut world = own(launch.clone(), "  driftCheckInterval: 1s").await;
    let client = world.client();
    let iam = world.moto.iam();
    let defs = definitions("re");
    world.apply(&namespace(&defs)).await;
    let more = "  deletionPolicy: Retain\n  owners: [{kind: User, name: olga@re.example}]\n  namespaces: [{name: re, quota: {pods: '10'}}]";
    world.apply(&tenant("re", more)).await;
    world.apply(&role("re", &defs, "reader")).await;
    world.apply(&user("re", &defs, "alice", "  roles: [reader]\n  accessKey: {}")).await;
    world.apply(&user("re", &defs, "bob", "  roles: [reader]\n  accessKey: {}")).await;
    let users = of::<TenantUser>(&world, &defs);
    ready(&world, &users, "alice").await;
    ready(&world, &users, "bob").await;
    world.apply(&user("re", "re", "carol", "  roles: [reader]\n  accessKey: {}")).await;
    ready(&world, &of::<TenantUser>(&world, "re"), "carol").await;
    let made = account(&world).await;
    let secrets = of::<Secret>(&world, &defs);

    // One manifest alone: its user stays as it is, and Secret and key with it.
    let before = secrets.get("alice-aws").await.unwrap();
    delete(&world, &users, "alice").await;
    let after = secrets.get("alice-aws").await.unwrap();
    assert_eq!(after.data, before.data);
    assert!(after.owner_references().is_empty(), "or it would go with its owner");
    let ours = |key: &String| key.starts_with("tenantry.dev/");
    assert!(!after.labels().keys().chain(after.annotations().keys()).any(ours), "{:?}", after.metadata);
    assert!(marks(&world, "re.alice").await.is_empty());
    let alice = iam.get_user().user_name("re.alice").send().await.unwrap().user.unwrap();
    assert!(alice.tags().iter().any(|it| it.key() == "tenant"), "by which policies grant");
    world.moto.sts_as(&key(&after)).get_caller_identity().send().await.expect("the key works");
    undrifted(&world, &tenants(&world), "re").await;

    // The Tenant: all of it, and the namespace that was made for it too.
    delete(&world, &tenants(&world), "re").await;
    world.gone(of::<TenantUser>(&world, "re"), "carol").await;
    assert_eq!(account(&world).await, made, "everything stays");
    for name in ["re.bob", "re.carol"] {
        assert!(marks(&world, name).await.is_empty());
        assert_eq!(active_keys(&world, name).await.len(), 1);
        let groups = iam.list_groups_for_user().user_name(name).send().await.unwrap().groups;
        assert_eq!(groups.len(), 1, "still a member");
        let attached = iam.list_attached_user_policies().user_name(name).send().await.unwrap();
        assert_eq!(attached.attached_policies().len(), 1, "still attached");
    }
    let group = iam.get_group().group_name("re").send().await.unwrap().group.unwrap();
    assert!(group.path.ends_with("/re/released/"), "{}", group.path);
    let policies = iam.list_policies().scope(PolicyScopeType::Local).send().await.unwrap().policies.unwrap();
    let arn = policies.iter().find(|it| it.policy_name() == Some("re.reader")).unwrap().arn().unwrap();
    let policy = iam.get_policy().policy_arn(arn).send().await.unwrap().policy.unwrap();
    assert!(!policy.tags().iter().any(|it| it.key().starts_with("tenantry.dev/")), "{:?}", policy.tags());
    let kept = of::<Secret>(&world, "re").get("carol-aws").await.unwrap();
    world.moto.sts_as(&key(&kept)).get_caller_identity().send().await.expect("the key works");
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let released = namespaces.get("re").await.unwrap();
    assert!(released.metadata.deletion_timestamp.is_none());
    assert!(!released.labels().keys().any(ours), "{:?}", released.metadata);
    assert!(of::<ResourceQuota>(&world, "re").get_opt("tenantry").await.unwrap().is_none());
    assert!(of::<RoleBinding>(&world, "re").list(&Default::default()).await.unwrap().items.is_empty());

    // A new process takes nothing of it for ours, nor for an orphan: the account can go.
    crate::support::restart(&mut world, &launch).await;
    let accounts: Api<CloudAccount> = Api::all(client);
    ready(&world, &accounts, "aws").await;
    delete(&world, &accounts, "aws").await;
    assert_eq!(account(&world).await, made);

    // Who makes the Tenant again says whether it takes them back.
    world.apply(&world.cloud_account("aws", "")).await;
    world.apply(&tenant("re", "")).await;
    world.apply(&user("re", &defs, "alice", "  roles: [reader]")).await;
    for name in ["alice", "bob"] {
        says(&world, &users, name, "False", "NotOwned").await;
    }
    let roles = of::<TenantRole>(&world, &defs);
    says(&world, &roles, "reader", "False", "NotOwned").await;
    annotate(&namespaces, "re", "tenantry.dev/adopt", "re").await;
    annotate(&tenants(&world), "re", "tenantry.dev/adopt", "true").await;
    annotate(&roles, "reader", "tenantry.dev/adopt", "true").await;
    annotate(&users, "alice", "tenantry.dev/adopt", "true").await;
    ready(&world, &tenants(&world), "re").await;
    ready(&world, &roles, "reader").await;
    ready(&world, &users, "alice").await;
    assert_eq!(marks(&world, "re.alice").await.len(), 4);
    assert!(active_keys(&world, "re.alice").await.is_empty(), "no manifest asks for a key now");
    delete(&world, &tenants(&world), "re").await;
    assert!(!exists(&world, "re.alice").await && exists(&world, "re.bob").await);
}

// proves: Tenant.spec.accounts[]
#[tokio::test]
async fn an_account_that_a_tenant_leaves_is_cleaned() {
    let world = &own(launch(), "").await;
    let defs = definitions("le");
    let before = account(world).await;
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("le", "")).await;
    world.apply(&role("le", &defs, "reader")).await;
    world.apply(&user("le", &defs, "alice", "  roles: [reader]\n  accessKey: {}")).await;
    let users = of::<TenantUser>(world, &defs);
    ready(world, &users, "alice").await;
    let accounts: Api<CloudAccount> = Api::all(world.client());
    accounts.delete("aws", &DeleteParams::default()).await.unwrap();
    says(world, &accounts, "aws", "False", "DeletionBlocked").await;
    world.apply(&tenant("le", "  accounts: []")).await;
    world.gone(of::<Secret>(world, &defs), "alice-aws").await;
    world.gone(accounts, "aws").await;
    assert_eq!(account(world).await, before);
    let alice = ready(world, &users, "alice").await;
    assert!(alice.status.unwrap().accounts.is_empty());
    delete(world, &tenants(world), "le").await;
}

// proves: tenantry.dev/abandon DeletionBlocked
#[tokio::test]
async fn a_closed_account_is_given_up_when_its_tenant_says_so() {
    let world = &own(launch(), "  driftCheckInterval: 1s").await;
    let iam = world.moto.iam();
    let defs = definitions("cl");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("cl", "")).await;
    world.apply(&user("cl", &defs, "alice", "  accessKey: {}")).await;
    world.apply(&user("cl", &defs, "bob", "  accessKey: {}")).await;
    let (users, secrets) = (of::<TenantUser>(world, &defs), of::<Secret>(world, &defs));
    ready(world, &users, "alice").await;
    ready(world, &users, "bob").await;

    // An account that can be read is not given up.
    annotate(&tenants(world), "cl", "tenantry.dev/abandon", "aws").await;
    let refused = says(world, &tenants(world), "cl", "False", "Invalid").await;
    assert!(message(&refused).contains("can be read"), "{}", message(&refused));
    assert!(secrets.get_opt("alice-aws").await.unwrap().is_some());
    let off = serde_json::json!({"metadata": {"annotations": {"tenantry.dev/abandon": null}}});
    tenants(world).patch_metadata("cl", &PatchParams::default(), &Patch::Merge(off)).await.unwrap();
    ready(world, &tenants(world), "cl").await;

    // Closed: nobody's credentials work any more.
    world.moto.enforce(true).await;
    for key in active_keys(world, "operator").await {
        iam.delete_access_key().user_name("operator").access_key_id(key).send().await.unwrap();
    }
    let accounts: Api<CloudAccount> = Api::all(world.client());
    says(world, &accounts, "aws", "False", "AccessDenied").await;
    users.delete("alice", &DeleteParams::default()).await.unwrap();
    says(world, &users, "alice", "False", "DeletionBlocked").await;
    annotate(&tenants(world), "cl", "tenantry.dev/abandon", "aws").await;
    world.gone(users.clone(), "alice").await;
    let said = drifted(world, &tenants(world), "cl", "given up").await;
    assert!(said.contains("aws"), "{said}");
    world.gone(secrets, "bob-aws").await;
    ready(world, &users, "bob").await;
    delete(world, &tenants(world), "cl").await;

    // Where the Tenant is gone, the CloudAccount says itself that it is closed.
    users.delete("bob", &DeleteParams::default()).await.unwrap();
    says(world, &users, "bob", "False", "DeletionBlocked").await;
    accounts.delete("aws", &DeleteParams::default()).await.unwrap();
    says(world, &accounts, "aws", "False", "DeletionBlocked").await;
    annotate(&accounts, "aws", "tenantry.dev/abandon", "aws").await;
    world.gone(users, "bob").await;
    world.gone(accounts, "aws").await;
    assert!(exists(world, "cl.alice").await, "nobody could remove it");
}

#[tokio::test]
async fn a_cloud_account_that_was_torn_out_does_not_hold_up_its_tenants() {
    let world = &own(launch(), "").await;
    let defs = definitions("to");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("to", "")).await;
    world.apply(&user("to", &defs, "alice", "  accessKey: {}")).await;
    ready(world, &of::<TenantUser>(world, &defs), "alice").await;
    let accounts: Api<CloudAccount> = Api::all(world.client());
    tear_out(world, &accounts, "aws").await;
    says(world, &tenants(world), "to", "False", "Waiting").await;
    delete(world, &tenants(world), "to").await;
    eventually(world, "its Secret is gone", || async {
        of::<Secret>(world, &defs).get_opt("alice-aws").await.unwrap().is_none()
    })
    .await;
}
