//! What manifests say in passing, and what statuses tell: names, tags and their precedence, Secrets, and every field of a
//! status.

use std::collections::BTreeMap;

use aws_sdk_iam::types::Tag;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Api, PostParams};
use tenantry::api::{AccessKeyState, CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::World;
use testbed::moto::ACCOUNT_ID;

use crate::support::{
    condition, definitions, delete, exists, message, namespace, of, ready, reconcile, role, says, shared, tenant, text,
    user,
};

/// A second CloudAccount of the same account, with ways of its own.
fn account(world: &World) -> String {
    format!(
        "---\napiVersion: tenantry.dev/v1alpha1\nkind: CloudAccount\nmetadata: {{name: pre}}\nspec:\n  \
         accountId: '{ACCOUNT_ID}'\n  namePrefix: t-\n  tags: {{cost-centre: ml, project: none, who: account}}\n  \
         aws: {{region: us-east-2, endpointUrl: '{}', credentialsSecret: aws}}\n",
        world.moto.url()
    )
}

fn map(tags: &[Tag]) -> BTreeMap<&str, &str> {
    tags.iter().map(|tag| (tag.key(), tag.value())).collect()
}

// proves: CloudAccount.spec.{accountId,namePrefix,tags} CloudAccount.spec.aws.region
// proves: CloudAccount.status.{accountId,tenants,quotas[]} CloudAccount.status.quotas[].{name,used,limit}
// proves: Tenant.spec.tags Tenant.spec.accounts[].name
// proves: Tenant.status.{accountNames,namespaceNames,namespaces,users,roles,accounts[],limits[]}
// proves: Tenant.status.accounts[].{name,accountId,group,ready,message} Tenant.status.limits[].{name,used,limit}
// proves: TenantRole.status.{users,accounts[],lastHandledReconcileAt}
// proves: TenantRole.status.accounts[].{name,policy,ready,message} TenantUser.spec.{accounts,tags}
// proves: TenantUser.spec.accessKey.secretName TenantUser.status.{keys,newestKeyAt,roleNames,accounts[]}
// proves: TenantUser.status.accounts[].{name,userName,principal,secretName,ready,message,accessKeys[]}
// proves: TenantUser.status.accounts[].accessKeys[].{id,state,createdAt} $(workspace)
#[tokio::test]
async fn names_tags_and_secrets_are_as_manifests_say_and_statuses_tell_of_them() {
    let world = shared().await;
    let (iam, defs) = (world.moto.iam(), definitions("sm"));
    let (accounts, tenants) = (Api::<CloudAccount>::all(world.client()), Api::<Tenant>::all(world.client()));
    let (roles, users) = (of::<TenantRole>(world, &defs), of::<TenantUser>(world, &defs));
    world.apply(&account(world)).await;
    let more = "  accounts: [{name: pre}]\n  tags: {project: x, who: tenant}\n  limits: {users: 5}\n  \
                displayName: Small things\n  contact: {email: sm@acme.example}";
    world.apply(&(namespace(&defs) + &tenant("sm", more) + &role("sm", &defs, "reader"))).await;
    let alice = "  roles: [reader]\n  tags: {who: alice}\n  accessKey: {secretName: creds}\n  accounts: [pre]\n  \
                 displayName: Alice\n  contact: {email: alice@acme.example}";
    world.apply(&user("sm", &defs, "alice", alice)).await;
    world.apply(&user("sm", &defs, "elsewhere", "  accessKey: {}\n  accounts: [aws]")).await;

    // The user, and what its status tells.
    let told = ready(world, &users, "alice").await.status.unwrap();
    let made = iam.get_user().user_name("t-sm.alice").send().await.unwrap().user.unwrap();
    let tags = map(made.tags());
    assert_eq!((tags["cost-centre"], tags["project"], tags["who"]), ("ml", "x", "alice"));
    assert_eq!((tags["tenant"], tags["user"]), ("sm", "alice"));
    let secret = of::<Secret>(world, &defs).get("creds-pre").await.unwrap();
    assert_eq!(text(&secret, "AWS_REGION"), "us-east-2");
    let file = text(&secret, "credentials");
    assert!(file.contains(&text(&secret, "AWS_SECRET_ACCESS_KEY")) && file.contains("[default]"), "{file:.40}");
    let [there] = told.accounts.as_slice() else { panic!("{:?}", told.accounts) };
    assert_eq!((there.name.as_str(), there.user_name.as_deref()), ("pre", Some("t-sm.alice")));
    assert_eq!(there.principal.as_deref(), Some(made.arn()));
    assert_eq!((there.secret_name.as_deref(), there.ready), (Some("creds-pre"), true));
    let [key] = there.access_keys.as_slice() else { panic!("{:?}", there.access_keys) };
    assert_eq!((key.id.clone(), key.state), (text(&secret, "AWS_ACCESS_KEY_ID"), AccessKeyState::Active));
    assert_eq!((told.keys, told.newest_key_at), (Some(1), key.created_at.clone()));
    assert!(key.created_at.is_some());
    assert_eq!(told.role_names.as_deref(), Some("reader"));
    // An account that its tenant is not in is refused.
    let refused = says(world, &users, "elsewhere", "False", "Invalid").await;
    assert!(message(&refused).contains("not in account aws"), "{}", message(&refused));
    assert!(!exists(world, "sm.elsewhere").await && !exists(world, "t-sm.elsewhere").await);

    // The role and its policy, the tenant and its group.
    let told = reconcile(world, &roles, "reader", "afresh").await.status.unwrap();
    let [there] = told.accounts.as_slice() else { panic!("{:?}", told.accounts) };
    assert_eq!((there.name.as_str(), there.ready, told.users), ("pre", true, Some(1)));
    let arn = made.arn().replace(":user/", ":policy/").replace("t-sm.alice", "t-sm.reader");
    assert_eq!(there.policy.as_deref(), Some(arn.as_str()));
    let policy = iam.get_policy().policy_arn(&arn).send().await.unwrap().policy.unwrap();
    assert_eq!(map(policy.tags())["who"], "tenant");
    let told = ready(world, &tenants, "sm").await.status.unwrap();
    let [there] = told.accounts.as_slice() else { panic!("{:?}", told.accounts) };
    assert_eq!((there.name.as_str(), there.account_id.as_deref(), there.ready), ("pre", Some(ACCOUNT_ID), true));
    assert_eq!(there.group.as_deref(), Some("t-sm"));
    iam.get_group().group_name("t-sm").send().await.unwrap();
    assert_eq!((told.account_names.as_deref(), told.namespace_names.as_deref()), (Some("pre"), Some("sm")));
    assert_eq!((told.namespaces.as_slice(), told.users, told.roles), (&["sm".to_owned()][..], Some(2), Some(1)));
    let limits: Vec<_> = told.limits.iter().map(|it| (it.name.as_str(), it.used, it.limit)).collect();
    assert_eq!(limits, [("users", 2, 5)]);
    let told = reconcile(world, &accounts, "pre", "now").await;
    assert_eq!(told.status.as_ref().unwrap().observed_generation, told.metadata.generation);
    let told = told.status.unwrap();
    assert_eq!((told.account_id.as_deref(), told.tenants), (Some(ACCOUNT_ID), Some(1)));
    let users_quota = told.quotas.iter().find(|it| it.name == "Users").unwrap();
    assert!(users_quota.used > 0 && users_quota.limit == 5000, "{users_quota:?}");

    // What is wrong in one account is told there.
    let foreign = ByteString(b"theirs".to_vec());
    let mut theirs = Secret { data: Some([("password".to_owned(), foreign)].into()), ..Secret::default() };
    theirs.metadata.name = Some("bob-pre".to_owned());
    of::<Secret>(world, &defs).create(&PostParams::default(), &theirs).await.unwrap();
    world.apply(&user("sm", &defs, "bob", "  accessKey: {}")).await;
    let told = says(world, &users, "bob", "False", "NotOwned").await.status.unwrap();
    assert!(!told.accounts[0].ready && told.accounts[0].message.as_ref().unwrap().contains("bob-pre"), "{told:?}");
    world.apply(&role("sm", &defs, "spoilt").replace("s3:::spoilt", "s3:::$(workspace)")).await;
    let told = says(world, &roles, "spoilt", "False", "Invalid").await.status.unwrap();
    assert!(!told.accounts[0].ready && told.accounts[0].message.as_ref().unwrap().contains("workspace"), "{told:?}");
    let missing = more.replace("{name: pre}", "{name: pre, managedPolicies: [NoSuchPolicyAccess]}");
    world.apply(&tenant("sm", &missing)).await;
    let told = says(world, &tenants, "sm", "False", "Invalid").await;
    assert!(condition(&told, "Stalled").is_some_and(|(status, _)| status == "True"));
    let told = told.status.unwrap();
    assert!(!told.accounts[0].ready && told.accounts[0].message.as_ref().unwrap().contains("NoSuchPolicy"), "{told:?}");
    delete(world, &tenants, "sm").await;
    delete(world, &accounts, "pre").await;
    assert!(of::<Secret>(world, &defs).get("bob-pre").await.unwrap().labels().is_empty(), "theirs is as it was");
}
