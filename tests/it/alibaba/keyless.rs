//! Cloud roles on Alibaba Cloud: a pod's token opens its role (RRSA), users assume theirs, and a suspension stops both.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::Api;
use serde_json::json;
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::World;
use testbed::alibaba::{ACCOUNT_ID, Credentials, IMS, STS};

use super::{key, role, tenant, user};
use crate::support::{ALIBABA, definitions, delete, eventually, message, of, own_alibaba, ready, reconcile, says};
use crate::tenant::launch;

const HOURLY: &str = "  driftCheckInterval: 1h";
pub const AUDIENCE: &str = "sts.aliyuncs.com";

/// The CloudAccount with that OIDC provider; `more` is YAML of its `spec`, two spaces deep.
pub async fn account(world: &World, provider: &str, more: &str) {
    let provider = format!("alibaba: {{oidcProvider: 'acs:ram::{ACCOUNT_ID}:oidc-provider/{provider}', ");
    world.apply(&world.alibaba_account(ALIBABA, more).replacen("alibaba: {", &provider, 1)).await;
}

pub async fn provider(world: &World, name: &str, issuer: &str) {
    let asked = [("OIDCProviderName", name), ("IssuerUrl", issuer), ("ClientIds", AUDIENCE)];
    let answer = world.alibaba.root().rpc(IMS, "CreateOIDCProvider", &asked).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// A tenant whose ServiceAccount `trainer` and user `alice` have the role `reader`, which sees the tenant's group.
async fn make(world: &World, name: &str) {
    let pods = format!("  namespaces: [{{name: {name}, serviceAccounts: [{{name: trainer, roles: [reader]}}]}}]");
    let tenant_line = format!("  tenant: {name}\n");
    let role = role(name, "reader").replace(&tenant_line, &format!("{tenant_line}  assumableBy: {{users: true}}\n"));
    world.apply(&(tenant(name, &pods) + &role + &user(name, "alice", "  roles: [reader]\n  accessKey: {}"))).await;
    ready(world, &Api::<Tenant>::all(world.client()), name).await;
    ready(world, &of::<TenantUser>(world, &definitions(name)), "alice").await;
    ready(world, &of::<TenantRole>(world, &definitions(name)), "reader").await;
}

fn arn(role: &str) -> String {
    format!("acs:ram::{ACCOUNT_ID}:role/{role}")
}

fn session(answer: &testbed::alibaba::Answer) -> Result<Credentials, String> {
    if answer.status != 200 {
        return Err(answer.code().to_owned());
    }
    let part = |name: &str| answer.body["Credentials"][name].as_str().unwrap().to_owned();
    let token = part("SecurityToken");
    Ok(Credentials::new(part("AccessKeyId"), part("AccessKeySecret")).with_security_token(token))
}

/// A session that a token opens, or the cloud's code.
pub async fn with_token(world: &World, role: &str, token: &str) -> Result<Credentials, String> {
    let provider = format!("acs:ram::{ACCOUNT_ID}:oidc-provider/here");
    let role = arn(role);
    let asked = [
        ("RoleArn", role.as_str()),
        ("RoleSessionName", "pod"),
        ("OIDCProviderArn", provider.as_str()),
        ("OIDCToken", token),
    ];
    session(&world.alibaba.root().rpc(STS, "AssumeRoleWithOIDC", &asked).await)
}

pub async fn assumed(world: &World, who: &Credentials, role: &str) -> Result<Credentials, String> {
    let role = arn(role);
    let asked = [("RoleArn", role.as_str()), ("RoleSessionName", "alice")];
    session(&world.alibaba.client(who.clone()).rpc(STS, "AssumeRole", &asked).await)
}

pub async fn sees(world: &World, who: &Credentials, group: &str) -> bool {
    let answer = world.alibaba.client(who.clone()).ram("GetGroup", &[("GroupName", group)]).await;
    assert!(answer.status == 200 || answer.code() == "NoPermission", "{}", answer.body);
    answer.status == 200
}

// proves: CloudAccount.spec.alibaba.oidcProvider Tenant.spec.namespaces[].serviceAccounts[] TenantRole.spec.assumableBy
#[tokio::test]
async fn pods_and_people_work_without_keys_on_alibaba_cloud_and_are_stopped_at_once() {
    let world = &own_alibaba(launch().argument("--fresh-write=0"), "  driftCheckInterval: 1h").await;
    let (issuer, keys) = world.control_plane.issuer().await;
    provider(world, "here", &issuer).await;
    provider(world, "elsewhere", "https://oidc.example.com/1").await;
    world.alibaba.issuers(json!({issuer.as_str(): keys})).await;
    account(world, "here", HOURLY).await;
    ready(world, &Api::<CloudAccount>::all(world.client()), ALIBABA).await;
    make(world, "acme").await;
    make(world, "beta").await;

    // What ACK's webhook looks for.
    let pods = of::<ServiceAccount>(world, "acme");
    let annotations = pods.get("trainer").await.unwrap().metadata.annotations.unwrap();
    assert_eq!(annotations["pod-identity.alibabacloud.com/role-name"], "acme.acme.trainer");
    let namespace = Api::<Namespace>::all(world.client()).get("acme").await.unwrap();
    assert_eq!(namespace.metadata.labels.unwrap()["pod-identity.alibabacloud.com/injection"], "on");

    let token = world.control_plane.token("acme", "trainer", AUDIENCE).await;
    let pod = with_token(world, "acme.acme.trainer", &token).await.unwrap();
    assert!(sees(world, &pod, "acme").await && !sees(world, &pod, "beta").await);
    let stranger = world.control_plane.token("beta", "trainer", AUDIENCE).await;
    let default = world.control_plane.token("acme", "default", AUDIENCE).await;
    let elsewhere = world.control_plane.token("acme", "trainer", "vault").await;
    for (role, token, code) in [
        ("beta.beta.trainer", &token, "AuthenticationFail.NoPermission"),
        ("acme.acme.trainer", &stranger, "AuthenticationFail.NoPermission"),
        ("acme.acme.trainer", &default, "AuthenticationFail.NoPermission"),
        ("acme.reader", &token, "AuthenticationFail.NoPermission"),
        ("acme.acme.trainer", &elsewhere, "AuthenticationFail.OIDCToken.AudienceNotMatch"),
    ] {
        assert_eq!(with_token(world, role, token).await.unwrap_err(), code, "{role}");
    }

    let (alice, eve) = (key(world, "acme", "alice").await, key(world, "beta", "alice").await);
    let people = assumed(world, &alice, "acme.reader").await.unwrap();
    assert!(sees(world, &people, "acme").await && !sees(world, &people, "beta").await);
    for (who, role) in [(&eve, "acme.reader"), (&alice, "acme.acme.trainer"), (&alice, "beta.reader")] {
        assert_eq!(assumed(world, who, role).await.unwrap_err(), "NoPermission", "{role}");
    }

    // Stopped at once, and undone.
    let tenants: Api<Tenant> = Api::all(world.client());
    let suspended = |it: bool| {
        let pods = "  namespaces: [{name: acme, serviceAccounts: [{name: trainer, roles: [reader]}]}]";
        tenant("acme", &format!("{pods}\n  suspended: {it}"))
    };
    world.apply(&suspended(true)).await;
    says(world, &tenants, "acme", "True", "Suspended").await;
    assert!(!sees(world, &pod, "acme").await && !sees(world, &people, "acme").await);
    world.apply(&suspended(false)).await;
    ready(world, &tenants, "acme").await;
    assert!(sees(world, &pod, "acme").await && sees(world, &people, "acme").await);

    // Somebody opens the role to the whole account; it is closed again.
    let open = json!({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": [format!("acs:ram::{ACCOUNT_ID}:root")]}}]});
    let root = world.alibaba.root();
    root.done("UpdateRole", &[("RoleName", "acme.acme.trainer"), ("NewAssumeRolePolicyDocument", &open.to_string())])
        .await;
    reconcile(world, &tenants, "acme", "now").await;
    eventually(world, "its own trust again", || async {
        let role = root.done("GetRole", &[("RoleName", "acme.acme.trainer")]).await;
        role["Role"]["AssumeRolePolicyDocument"].as_str().unwrap().contains("system:serviceaccount:acme:trainer")
    })
    .await;

    // Another issuer's provider would let no token in.
    account(world, "elsewhere", HOURLY).await;
    let said = |it: &Tenant| message(it).contains("stands for the issuer https://oidc.example.com/1");
    world.until(tenants.clone(), "acme", "the issuer is another", said).await;
    account(world, "nowhere", HOURLY).await;
    let said = |it: &Tenant| message(it).contains("there is no such provider");
    world.until(tenants.clone(), "acme", "there is none", said).await;
    account(world, "here", HOURLY).await;
    ready(world, &tenants, "acme").await;
    assert!(with_token(world, "acme.acme.trainer", &token).await.is_ok());

    delete(world, &tenants, "acme").await;
    let left = root.all("ListRoles", &[], ("Roles", "Role")).await;
    let left: BTreeSet<&str> = left.iter().filter_map(|role| role["RoleName"].as_str()).collect();
    assert_eq!(left, ["beta.beta.trainer", "beta.reader"].into());
}
