//! Bad input gets a clear answer in RAM's terms, and a cloud that refuses or stumbles is told of once, in words that help.

use std::collections::BTreeMap;

use kube::api::Api;
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::alibaba::Credentials;
use testbed::{Fault, World};

use super::{account, another, attached, exists, names, role, role_of, shared, tenant, user};
use crate::support::{
    ALIBABA, Told, annotate, condition, definitions, delete, eventually, message, of, own_alibaba, ready, says,
};
use crate::tenant::{is, launch};

/// Waits until it is refused, and gives the words, which speak of RAM.
async fn refused<K: Told>(world: &World, api: &Api<K>, name: &str, reason: &str) -> String {
    let said = message(&says(world, api, name, "False", reason).await);
    assert!(!said.contains("IAM"), "{said}");
    said
}

// proves: Invalid TenantUser.spec.userName
#[tokio::test]
async fn what_ram_does_not_know_is_refused_by_name_and_the_rest_is_done() {
    let world = shared().await;
    let (users, roles) = (of::<TenantUser>(world, &definitions("bi")), of::<TenantRole>(world, &definitions("bi")));
    let tenants: Api<Tenant> = Api::all(world.client());
    world.apply(&(tenant("bi", "") + &role("bi", "reader"))).await;
    let condition = |operator: &str, key: &str, value: &str| {
        format!(
            "effect: Allow, actions: ['oss:GetObject'], resources: ['*'], conditions: {{'{operator}': {{'{key}': ['{value}']}}}}"
        )
    };
    let wrong = [
        ("op-arn", condition("ArnLike", "acs:SourceArn", "acs:ram::1:user/x"), "ArnLike is not a condition operator"),
        ("op-exists", condition("StringEqualsIfExists", "acs:SourceVpc", "vpc-1"), "StringEqualsIfExists"),
        ("op-any", condition("ForAnyValue:StringEquals", "acs:SourceVpc", "vpc-1"), "ForAnyValue:StringEquals"),
        ("op-null", condition("Null", "acs:SourceVpc", "true"), "Null"),
        ("key", condition("DateLessThan", "aws:CurrentTime", "2027-01-01T00:00:00Z"), "aws:CurrentTime"),
        (
            "arn",
            "effect: Allow, actions: ['oss:GetObject'], resources: ['arn:aws:s3:::data/*']".to_owned(),
            "arn:aws:s3",
        ),
        ("action", "effect: Allow, actions: ['oss.Get:Object'], resources: ['*']".to_owned(), "oss.Get:Object"),
    ];
    for (name, statement, _) in &wrong {
        world.apply(&role_of("bi", name, "", &[statement])).await;
    }
    for (name, _, words) in &wrong {
        let said = refused(world, &roles, name, "Invalid").await;
        assert!(said.contains(words), "{name}: {said}");
    }
    world.apply(&user("bi", "alice", "  roles: [reader, op-arn]\n  accessKey: {}")).await;
    ready(world, &users, "alice").await;
    assert_eq!(attached(world, "bi.alice").await, names(["bi-reader"]));
    // Right in one cloud is wrong in the other, and its key says which.
    let said = condition_of(&roles.get("key").await.unwrap());
    assert!(said.contains("acs:CurrentTime"), "{said}");

    // Policies of the cloud that there are not.
    world.apply(&role_of("bi", "typo", "    systemPolicies: [AliyunNoSuchAccess]\n", &[])).await;
    world.apply(&user("bi", "bob", "  roles: [reader, typo]")).await;
    let said = refused(world, &users, "bob", "Invalid").await;
    assert!(said.contains("AliyunNoSuchAccess"), "{said}");
    eventually(world, "the rest is done", || async { attached(world, "bi.bob").await == names(["bi-reader"]) }).await;

    // Names and tags that RAM does not take are refused before the first call.
    world.apply(&user("bi", "named", "  userName: named+1@bi.example\n  accessKey: {}")).await;
    let said = refused(world, &users, "named", "Invalid").await;
    assert!(said.contains("named+1@bi.example") && said.contains("RAM"), "{said}");
    let many: Vec<String> = (0..15).map(|n| format!("t{n:02}: x")).collect();
    world.apply(&user("bi", "tagged", &format!("  tags: {{{}}}", many.join(", ")))).await;
    let said = refused(world, &users, "tagged", "Invalid").await;
    assert!(said.contains("21 tags") && said.contains("RAM takes 20"), "{said}");
    world.apply(&user("bi", "linked", "  tags: {home: 'https://bi.example'}")).await;
    let said = refused(world, &users, "linked", "Invalid").await;
    assert!(said.contains("home"), "{said}");
    let tried = world.alibaba.requests().await.into_iter().filter(|it| it.status == 400).collect::<Vec<_>>();
    assert!(!tried.iter().any(|it| it.parameters.values().any(|value| value.contains("bi."))), "{tried:?}");
    assert!(!exists(world, "bi.tagged").await && !exists(world, "bi.linked").await);

    // A name that another has: its mark or the lack of one is told, and nothing is touched.
    world.alibaba.root().done("CreateUser", &[("UserName", "bi.human")]).await;
    world.apply(&user("bi", "human", "  accessKey: {}")).await;
    let said = refused(world, &users, "human", "NotOwned").await;
    assert!(said.contains("bi.human") && said.contains("adopt"), "{said}");
    world.apply(&tenant("bi", "  accounts: [{name: ali, systemPolicies: [AliyunNoSuchAccess]}]")).await;
    let said = refused(world, &tenants, "bi", "Invalid").await;
    assert!(said.contains("AliyunNoSuchAccess"), "{said}");
    delete(world, &tenants, "bi").await;
    assert!(exists(world, "bi.human").await && super::keys(world, "bi.human").await.is_empty());
}

fn condition_of(role: &TenantRole) -> String {
    condition(role, "Ready").map(|(_, message)| message).unwrap_or_default()
}

// proves: CloudAccount.status.quotas[] QuotaExceeded AccessDenied Throttled
#[tokio::test]
async fn an_account_that_is_full_refused_slow_or_of_another_time_is_told_of() {
    let world = &own_alibaba(launch().argument("--fresh-write=0"), "  driftCheckInterval: 1s").await;
    let (accounts, tenants) = (Api::<CloudAccount>::all(world.client()), Api::<Tenant>::all(world.client()));
    let users = of::<TenantUser>(world, &definitions("qa"));
    let roles = of::<TenantRole>(world, &definitions("qa"));
    ready(world, &accounts, ALIBABA).await;
    // The operator's own user and policy count too.
    let quotas = [("Groups", 1), ("Users", 2), ("Policies", 2)].map(|(name, limit)| (name.to_owned(), limit));
    world.alibaba.quotas(&BTreeMap::from(quotas)).await;
    // Quotas are read every hour: a new connection reads them now.
    world.apply(&world.alibaba_account(ALIBABA, "  driftCheckInterval: 2s")).await;
    let limited =
        |it: &CloudAccount| it.status.iter().flat_map(|it| &it.quotas).any(|it| it.name == "Groups" && it.limit == 1);
    world.until(accounts.clone(), ALIBABA, "knows its quotas", limited).await;
    world
        .apply(&(tenant("qa", "") + &role("qa", "reader") + &user("qa", "alice", "  roles: [reader]\n  accessKey: {}")))
        .await;
    ready(world, &users, "alice").await;
    ready(world, &tenants, "qa").await;
    let full = account(world).await;
    world.apply(&(tenant("qb", "") + &role("qa", "second") + &user("qa", "bob", "  accessKey: {}"))).await;
    let said = refused(world, &tenants, "qb", "QuotaExceeded").await;
    assert!(said.contains("1 of 1 groups"), "{said}");
    let said = refused(world, &users, "bob", "QuotaExceeded").await;
    assert!(said.contains("2 of 2 users"), "{said}");
    let said = refused(world, &roles, "second", "QuotaExceeded").await;
    assert!(said.contains("2 of 2 policies"), "{said}");
    assert_eq!(account(world).await, full);
    let failed: Vec<_> = world.alibaba.requests().await.into_iter().filter(|it| it.status == 409).collect();
    assert!(failed.is_empty(), "nothing was tried: {failed:?}");
    delete(world, &tenants, "qb").await;
    delete(world, &users, "bob").await;
    delete(world, &roles, "second").await;

    // The operator's clock is 20 minutes behind the cloud's: told once, and what is Ready stays so.
    world.alibaba.skew(20 * 60).await;
    let said = refused_by_account(world, "20 minutes behind").await;
    assert!(said.contains("clock"), "{said}");
    world.alibaba.skew(-20 * 60).await;
    annotate(&accounts, ALIBABA, "tenantry.dev/reconcile", "behind").await;
    refused_by_account(world, "20 minutes ahead").await;
    let alice = users.get("alice").await.unwrap();
    assert!(is(&alice, alice.metadata.generation, "True", "Provisioned"));
    world.alibaba.skew(0).await;
    annotate(&accounts, ALIBABA, "tenantry.dev/reconcile", "right").await;
    ready(world, &accounts, ALIBABA).await;

    // It asks to be called less often, and goes on by itself.
    let throttled = Fault::new("CreateUser", 400, "Throttling.User", 7).only("UserPrincipalName", "qa\\.carl@.*");
    world.alibaba.faults(&[throttled]).await;
    world.alibaba.quotas(&BTreeMap::from([("Users".to_owned(), 100)])).await;
    world.apply(&world.alibaba_account(ALIBABA, "  driftCheckInterval: 1s")).await;
    let roomy =
        |it: &CloudAccount| it.status.iter().flat_map(|it| &it.quotas).any(|it| it.name == "Users" && it.limit == 100);
    world.until(accounts.clone(), ALIBABA, "knows its quotas", roomy).await;
    world.apply(&user("qa", "carl", "")).await;
    says(world, &users, "carl", "False", "Throttled").await;
    world.alibaba.faults(&[]).await;
    ready(world, &users, "carl").await;

    // A right that the operator has not is named; a key that is nobody's is told on the account.
    world.alibaba.operator_may(&testbed::OperatorPolicy::alibaba().without("ram:CreateAccessKey")).await;
    world.apply(&user("qa", "carl", "  accessKey: {}")).await;
    let said = refused(world, &users, "carl", "AccessDenied").await;
    assert!(said.contains("ram:CreateAccessKey") && said.contains("docs/alibaba.md#permissions"), "{said}");
    world.alibaba.operator_may(&testbed::OperatorPolicy::alibaba()).await;
    annotate(&users, "carl", "tenantry.dev/reconcile", "again").await;
    ready(world, &users, "carl").await;
    world.alibaba_secret("wrong", &Credentials::new("LTAI5tNobodyNobodyNobody", "no-such-secret")).await;
    let wrong = world.alibaba_account("wrong", "");
    world.apply(&wrong).await;
    let said = refused(world, &accounts, "wrong", "AccessDenied").await;
    assert!(said.contains("InvalidAccessKeyId") && !said.contains("no-such-secret"), "{said}");
    world.apply(&another(world, "other", "  accountId: '9999999999999999'")).await;
    let said = refused(world, &accounts, "other", "Invalid").await;
    assert!(said.contains("1234567890123456") && said.contains("9999999999999999"), "{said}");
    for name in ["wrong", "other"] {
        delete(world, &accounts, name).await;
    }
    delete(world, &tenants, "qa").await;
}

async fn refused_by_account(world: &World, words: &str) -> String {
    let accounts: Api<CloudAccount> = Api::all(world.client());
    let says = |it: &CloudAccount| condition(it, "Ready").is_some_and(|(_, said)| said.contains(words));
    message(&world.until(accounts, ALIBABA, words, says).await)
}
