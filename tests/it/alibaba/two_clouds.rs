//! One Tenant on both clouds: the same manifests make it on each, and while one cloud does not answer the other goes on.

use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::World;
use testbed::aws::REGION as AWS_REGION;

use super::{account, attached, exists, key_in, looks_at_group, names};
use crate::accounts::proxy;
use crate::support::{
    ACCOUNT, ALIBABA, condition, definitions, delete, namespace, of, own_both, ready, says, tenant, text, user,
};
use crate::tenant::launch;

fn role(tenant: &str, aws: &str) -> String {
    format!(
        "---\napiVersion: tenantry.dev/v1alpha1\nkind: TenantRole\nmetadata: {{name: reader, namespace: {}}}\n\
         spec:\n  tenant: {tenant}\n  aws:\n    statements:\n      \
         - {{effect: Allow, actions: ['{aws}'], resources: ['arn:aws:s3:::data-$(tenant)']}}\n  \
         alibaba:\n    statements:\n      \
         - {{effect: Allow, actions: ['ram:GetGroup'], resources: ['acs:ram:*:*:group/$(tenant)']}}\n",
        definitions(tenant)
    )
}

const BOTH: &str = "  accounts: [{name: aws, managedPolicies: [ReadOnlyAccess]}, {name: ali, systemPolicies: [AliyunPAIReadOnlyAccess]}]";

fn aws_at(url: &str) -> String {
    format!(
        "---\napiVersion: tenantry.dev/v1alpha1\nkind: CloudAccount\nmetadata: {{name: {ACCOUNT}}}\n\
         spec:\n  driftCheckInterval: 1s\n  aws: {{region: {AWS_REGION}, endpointUrl: '{url}', credentialsSecret: {ACCOUNT}}}\n"
    )
}

fn alibaba_at(world: &World, url: &str) -> String {
    world.alibaba_account(ALIBABA, "  driftCheckInterval: 1s").replace(world.alibaba.url(), url)
}

async fn secret(world: &World, tenant: &str, name: &str) -> Option<Secret> {
    of::<Secret>(world, &definitions(tenant)).get_opt(name).await.unwrap()
}

/// What `tenantry plan` says of the cluster as it is.
async fn planned(world: &World) -> String {
    let mut plan = tokio::process::Command::new(env!("CARGO_BIN_EXE_tenantry"));
    plan.arg("plan").env("KUBECONFIG", world.control_plane.kubeconfig()).kill_on_drop(true);
    let output = plan.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Waits until an account's part of a user's status is well and the other's is not.
async fn half_done(world: &World, users: &Api<TenantUser>, user: &str, done: &str, missing: &str) {
    let half = |it: &TenantUser| {
        let accounts = it.status.iter().flat_map(|it| &it.accounts);
        let is_done = accounts.clone().any(|it| it.name == done && it.ready);
        let waits = condition(it, "Ready").is_some_and(|(status, _)| status != "True");
        is_done && waits && condition(it, "Reconciling").is_some_and(|(_, why)| why.contains(missing))
    };
    world.until(users.clone(), user, &format!("is in {done} and waits for {missing}"), half).await;
}

// proves: Tenant.spec.accounts[] TenantUser.spec.accounts TenantUser.status.accounts[]
#[tokio::test]
async fn a_tenant_is_on_both_clouds_and_one_that_is_down_does_not_hold_up_the_other() {
    let world = &own_both(launch().argument("--fresh-write=0")).await;
    let (in_aws, in_alibaba) = (crate::support::account(world).await, account(world).await);
    let (accounts, tenants) = (Api::<CloudAccount>::all(world.client()), Api::<Tenant>::all(world.client()));
    let defs = definitions("tc");
    let (users, roles) = (of::<TenantUser>(world, &defs), of::<TenantRole>(world, &defs));
    let (aws_url, aws_way) = proxy(world.moto.url()).await;
    let (alibaba_url, alibaba_way) = proxy(world.alibaba.url()).await;
    world.apply(&(aws_at(&aws_url) + &alibaba_at(world, &alibaba_url))).await;
    for name in [ACCOUNT, ALIBABA] {
        ready(world, &accounts, name).await;
    }
    world.apply(&(namespace(&defs) + &tenant("tc", BOTH) + &role("tc", "s3:ListBucket"))).await;
    world.apply(&user("tc", &defs, "alice", "  roles: [reader]\n  accessKey: {}")).await;
    world.apply(&user("tc", &defs, "here", "  roles: [reader]\n  accounts: [ali]\n  accessKey: {}")).await;
    for name in ["alice", "here"] {
        ready(world, &users, name).await;
    }
    let told = ready(world, &tenants, "tc").await.status.unwrap();
    assert_eq!(told.account_names.as_deref(), Some("aws,ali"));
    assert!(told.accounts.iter().all(|it| it.ready && it.group.as_deref() == Some("tc")), "{:?}", told.accounts);
    let told = ready(world, &roles, "reader").await.status.unwrap();
    let policies: Vec<&str> = told.accounts.iter().filter_map(|it| it.policy.as_deref()).collect();
    assert!(policies[0].starts_with("acs:ram::") && policies[1].starts_with("arn:aws:iam::"), "{policies:?}");
    let of_aws = secret(world, "tc", "alice-aws").await.unwrap();
    let aws_key =
        testbed::aws::Credentials::new(&text(&of_aws, "AWS_ACCESS_KEY_ID"), &text(&of_aws, "AWS_SECRET_ACCESS_KEY"));
    world.moto.sts_as(&aws_key).get_caller_identity().send().await.expect("the key for AWS works");
    let key = key_in(&secret(world, "tc", "alice-ali").await.unwrap());
    assert!(looks_at_group(world, &key, "tc").await);
    assert_eq!(attached(world, "tc.alice").await, names(["tc-reader"]));
    assert!(exists(world, "tc.here").await && !crate::support::exists(world, "tc.here").await);

    let plan = planned(world).await;
    assert!(plan.contains("No changes."), "{plan}");

    // Alibaba Cloud is down: what is new is made in AWS, and says what is missing.
    let before = ready(world, &users, "alice").await;
    alibaba_way.abort();
    let told = |it: &CloudAccount| {
        condition(it, "Ready").is_some_and(|(status, why)| status != "True" && why.contains(&alibaba_url))
    };
    world.until(accounts.clone(), ALIBABA, "says that the endpoint is down", told).await;
    world.apply(&user("tc", &defs, "bob", "  roles: [reader]\n  accessKey: {}")).await;
    half_done(world, &users, "bob", ACCOUNT, ALIBABA).await;
    assert!(secret(world, "tc", "bob-aws").await.is_some() && secret(world, "tc", "bob-ali").await.is_none());
    world.apply(&role("tc", "s3:GetBucketLocation")).await;
    crate::support::eventually(world, "the role changes in AWS", || async {
        crate::policies::document(world, "tc.reader")
            .await
            .is_some_and(|it| it.to_string().contains("GetBucketLocation"))
    })
    .await;
    assert_eq!(users.get("alice").await.unwrap().status.unwrap().accounts, before.status.unwrap().accounts);
    world.apply(&alibaba_at(world, world.alibaba.url())).await;
    ready(world, &users, "bob").await;
    assert!(secret(world, "tc", "bob-ali").await.is_some());

    // The other way round.
    aws_way.abort();
    let told = |it: &CloudAccount| {
        condition(it, "Ready").is_some_and(|(status, why)| status != "True" && why.contains(&aws_url))
    };
    world.until(accounts.clone(), ACCOUNT, "says that the endpoint is down", told).await;
    world.apply(&user("tc", &defs, "carol", "  roles: [reader]\n  accessKey: {}")).await;
    half_done(world, &users, "carol", ALIBABA, ACCOUNT).await;
    assert!(secret(world, "tc", "carol-ali").await.is_some() && secret(world, "tc", "carol-aws").await.is_none());
    world.apply(&aws_at(world.moto.url())).await;
    ready(world, &users, "carol").await;

    // Suspended, it stands still on both; out of one account, it stays in the other.
    world.apply(&tenant("tc", &format!("{BOTH}\n  suspended: true"))).await;
    says(world, &users, "alice", "True", "Suspended").await;
    assert!(super::active_keys(world, "tc.alice").await.is_empty());
    assert!(crate::support::active_keys(world, "tc.alice").await.is_empty());
    world.apply(&tenant("tc", "")).await;
    world.gone(of::<Secret>(world, &defs), "alice-ali").await;
    ready(world, &users, "alice").await;
    crate::support::eventually(world, "the account is clean", || async { account(world).await == in_alibaba }).await;
    delete(world, &tenants, "tc").await;
    assert_eq!(crate::support::account(world).await, in_aws);
}
