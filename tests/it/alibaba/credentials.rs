//! The operator's own credentials on Alibaba Cloud: RRSA with a token of the control plane, which is read anew; chains of
//! roles; and sessions that end.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tenantry::api::{CloudAccount, TenantUser};
use testbed::alibaba::{ACCOUNT_ID, Alibaba, Credentials, IMS, REGION, STS};
use testbed::layout::RunDirectory;
use testbed::world::NAMESPACE;
use testbed::{Clouds, OperatorPolicy, World};

use super::{active_keys, user};
use crate::support::{definitions, eventually, message, namespace, of, own_alibaba, ready, says, tenant};
use crate::tenant::launch;

const AUDIENCE: &str = "sts.aliyuncs.com";
const WORD: &str = "shared-word";

fn arn(role: &str) -> String {
    format!("acs:ram::{ACCOUNT_ID}:role/{role}")
}

/// A role that these statements let in, and that may do what `policy` says.
async fn role(cloud: &Alibaba, name: &str, trust: Value, policy: &str) {
    let root = cloud.root();
    let trust = json!({"Version": "1", "Statement": [trust]}).to_string();
    root.done("CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", &trust)]).await;
    root.done("CreatePolicy", &[("PolicyName", name), ("PolicyDocument", policy)]).await;
    let attach = [("PolicyName", name), ("PolicyType", "Custom"), ("RoleName", name)];
    root.done("AttachPolicyToRole", &attach).await;
}

fn may_assume(role: &str) -> String {
    let allow = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arn(role)});
    json!({"Version": "1", "Statement": [allow]}).to_string()
}

/// Lets in who says the word.
fn trusts(principal: &str) -> Value {
    json!({
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": [principal]},
        "Condition": {"StringEquals": {"sts:ExternalId": WORD}},
    })
}

/// Lets in a ServiceAccount of the operator's namespace.
fn federated(issuer: &str, service_account: &str) -> Value {
    json!({
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Federated": [format!("acs:ram::{ACCOUNT_ID}:oidc-provider/ack-rrsa")]},
        "Condition": {"StringEquals": {
            "oidc:iss": issuer, "oidc:aud": AUDIENCE, "oidc:sub": format!("system:serviceaccount:{NAMESPACE}:{service_account}"),
        }},
    })
}

/// A CloudAccount that says where its credentials come from: YAML in flow style, beginning with a comma.
fn account(world: &World, name: &str, credentials: &str) -> String {
    format!(
        "---\napiVersion: tenantry.dev/v1alpha1\nkind: CloudAccount\nmetadata: {{name: {name}}}\nspec:\n  \
         driftCheckInterval: 1s\n  alibaba: {{region: {REGION}, endpointUrl: '{}'{credentials}}}\n",
        world.alibaba.url()
    )
}

fn assumed(roles: &[(&str, &str)]) -> String {
    let each: Vec<_> =
        roles.iter().map(|(role, word)| format!("{{roleArn: '{}', externalId: {word}}}", arn(role))).collect();
    format!(", assumeRoles: [{}]", each.join(", "))
}

fn tenant_in(name: &str, account: &str) -> String {
    namespace(&definitions(name)) + &tenant(name, &format!("  accounts: [{{name: {account}}}]"))
}

/// A token of the control plane, as the kubelet puts it into a pod.
async fn put_token(world: &World, service_account: &str, file: &Path) {
    let accounts: Api<ServiceAccount> = Api::namespaced(world.client(), NAMESPACE);
    let spec = TokenRequestSpec {
        audiences: vec![AUDIENCE.to_owned()],
        expiration_seconds: Some(600),
        ..TokenRequestSpec::default()
    };
    let request = TokenRequest { spec, ..TokenRequest::default() };
    let token = accounts.create_token_request(service_account, &PostParams::default(), &request).await.unwrap();
    // As a whole: the operator may read it at any time.
    let whole = file.with_extension("new");
    std::fs::write(&whole, token.status.unwrap().token).unwrap();
    std::fs::rename(whole, file).unwrap();
}

/// How often tokens were taken for keys.
async fn taken(world: &World) -> u64 {
    world.alibaba.calls().await.get("AssumeRoleWithOIDC").copied().unwrap_or_default()
}

// proves: CloudAccount.spec.alibaba.assumeRoles[] CloudAccount.spec.alibaba.assumeRoles[].{roleArn,externalId}
#[tokio::test]
async fn a_token_of_the_cluster_is_taken_for_keys_anew_before_they_end() {
    let directory = RunDirectory::new("token");
    let file = directory.path().join("token");
    let launch = launch()
        .environment("ALIBABA_CLOUD_ROLE_ARN", &arn("tenantry"))
        .environment("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", &format!("acs:ram::{ACCOUNT_ID}:oidc-provider/ack-rrsa"))
        .environment("ALIBABA_CLOUD_OIDC_TOKEN_FILE", file.to_str().unwrap());
    let world = &World::start_with(launch, Clouds::Alibaba).await;
    let accounts: Api<CloudAccount> = Api::all(world.client());

    // What ACK does when RRSA is switched on, and whom the operator's role trusts.
    let issuer = world.control_plane.url().to_owned();
    let keys = world.control_plane.issuer_keys().await;
    world.alibaba.issuers(json!({issuer.as_str(): keys})).await;
    let provider = [("OIDCProviderName", "ack-rrsa"), ("IssuerUrl", &issuer), ("ClientIds", AUDIENCE)];
    let made = world.alibaba.root().rpc(IMS, "CreateOIDCProvider", &provider).await;
    assert_eq!(made.status, 200, "{}", made.body);
    role(&world.alibaba, "tenantry", federated(&issuer, "tenantry"), &OperatorPolicy::alibaba().text()).await;

    // Without a token there is nothing; with one there is.
    world.apply(&account(world, "rrsa", "")).await;
    let said = says(world, &accounts, "rrsa", "False", "AccessDenied").await;
    assert!(message(&said).contains("token cannot be read"), "{}", message(&said));
    world.alibaba.sessions_of(Duration::from_secs(6)).await;
    put_token(world, "tenantry", &file).await;
    ready(world, &accounts, "rrsa").await;
    world.apply(&tenant_in("rr", "rrsa")).await;
    world.apply(&user("rr", "alice", "  accessKey: {}")).await;
    let users = of::<TenantUser>(world, &definitions("rr"));
    ready(world, &users, "alice").await;

    // Keys are renewed before they end: nothing was ever refused.
    let before = taken(world).await;
    eventually(world, "keys are renewed twice", || async { taken(world).await >= before + 2 }).await;
    ready(world, &accounts, "rrsa").await;
    let refused: Vec<_> = world.alibaba.requests().await.into_iter().filter(|it| it.status >= 400).collect();
    assert!(refused.is_empty(), "{refused:?}");

    // Another ServiceAccount is trusted now, and the kubelet puts another token there: it is read, without a restart.
    let another =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "other", "namespace": NAMESPACE}});
    world.apply(&another.to_string()).await;
    let trust = json!({"Version": "1", "Statement": [federated(&issuer, "other")]}).to_string();
    let root = world.alibaba.root();
    root.done("UpdateRole", &[("RoleName", "tenantry"), ("NewAssumeRolePolicyDocument", &trust)]).await;
    let said = says(world, &accounts, "rrsa", "False", "AccessDenied").await;
    assert!(message(&said).contains("sts:AssumeRoleWithOIDC"), "{}", message(&said));
    put_token(world, "other", &file).await;
    ready(world, &accounts, "rrsa").await;
    world.apply(&user("rr", "bob", "  accessKey: {}")).await;
    ready(world, &users, "bob").await;

    // From there through another role.
    role(&world.alibaba, "spoke", trusts(&arn("tenantry")), &OperatorPolicy::alibaba().text()).await;
    let document = may_assume("spoke");
    root.done("CreatePolicy", &[("PolicyName", "to-spoke"), ("PolicyDocument", &document)]).await;
    let attach = [("PolicyName", "to-spoke"), ("PolicyType", "Custom"), ("RoleName", "tenantry")];
    root.done("AttachPolicyToRole", &attach).await;
    world.apply(&account(world, "rrsa", &assumed(&[("spoke", WORD)]))).await;
    world.apply(&user("rr", "carl", "  accessKey: {}")).await;
    ready(world, &users, "carl").await;
    ready(world, &accounts, "rrsa").await;
}

#[tokio::test]
async fn a_chain_of_roles_on_alibaba_cloud_is_assumed_anew_and_a_session_that_ended_is_told() {
    let world = &own_alibaba(launch(), "").await;
    let (cloud, root) = (&world.alibaba, world.alibaba.root());
    root.done("CreateUser", &[("UserName", "weak")]).await;
    root.done("CreatePolicy", &[("PolicyName", "weak"), ("PolicyDocument", &may_assume("hub"))]).await;
    let attach = [("PolicyName", "weak"), ("PolicyType", "Custom"), ("UserName", "weak")];
    root.done("AttachPolicyToUser", &attach).await;
    let weak = cloud.another_key("weak").await;
    let rights = OperatorPolicy::alibaba().text();
    role(cloud, "hub", trusts(&format!("acs:ram::{ACCOUNT_ID}:user/weak")), &may_assume("spoke")).await;
    role(cloud, "spoke", trusts(&arn("hub")), &rights).await;
    cloud.sessions_of(Duration::from_secs(6)).await;
    world.alibaba_secret("chain", &weak).await;

    let accounts: Api<CloudAccount> = Api::all(world.client());
    let chain = |word: &str| {
        account(world, "chain", &format!(", credentialsSecret: chain{}", assumed(&[("hub", WORD), ("spoke", word)])))
    };
    world.apply(&chain("another-word")).await;
    let denied = says(world, &accounts, "chain", "False", "AccessDenied").await;
    assert!(message(&denied).contains("sts:AssumeRole") && message(&denied).contains("spoke"), "{}", message(&denied));
    world.apply(&chain(WORD)).await;
    ready(world, &accounts, "chain").await;
    world.apply(&tenant_in("ch", "chain")).await;
    world.apply(&user("ch", "alice", "  accessKey: {}")).await;
    let users = of::<TenantUser>(world, &definitions("ch"));
    ready(world, &users, "alice").await;
    let assumed = world.alibaba.calls().await["AssumeRole"];
    eventually(world, "the chain is assumed anew twice", || async {
        world.alibaba.calls().await["AssumeRole"] >= assumed + 4
    })
    .await;
    ready(world, &accounts, "chain").await;

    // A session in the Secret ends: told, and work goes on with another one.
    role(cloud, "operator", trusts(&format!("acs:ram::{ACCOUNT_ID}:user/weak")), &rights).await;
    root.done("CreatePolicy", &[("PolicyName", "weak-too"), ("PolicyDocument", &may_assume("operator"))]).await;
    let attach = [("PolicyName", "weak-too"), ("PolicyType", "Custom"), ("UserName", "weak")];
    root.done("AttachPolicyToUser", &attach).await;
    let session = async |seconds: u64| {
        cloud.sessions_of(Duration::from_secs(seconds)).await;
        let ask = [("RoleArn", arn("operator")), ("RoleSessionName", "it".to_owned()), ("ExternalId", WORD.to_owned())];
        let ask: Vec<_> = ask.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = cloud.client(weak.clone()).rpc(STS, "AssumeRole", &ask).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let part = |name: &str| answer.body["Credentials"][name].as_str().unwrap().to_owned();
        Credentials::new(part("AccessKeyId"), part("AccessKeySecret")).with_security_token(part("SecurityToken"))
    };
    world.alibaba_secret("short", &session(8).await).await;
    world.apply(&account(world, "short", ", credentialsSecret: short")).await;
    ready(world, &accounts, "short").await;
    let ended = says(world, &accounts, "short", "False", "AccessDenied").await;
    assert!(message(&ended).contains("refuses the operator's credentials"), "{}", message(&ended));
    let fresh = session(3600).await;
    let text = |text: &str| ByteString(text.as_bytes().to_vec());
    let data = BTreeMap::from([
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", text(&fresh.access_key_id)),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", text(fresh.secret())),
        ("ALIBABA_CLOUD_SECURITY_TOKEN", text(fresh.security_token().unwrap())),
    ]);
    let secrets: Api<Secret> = Api::namespaced(world.client(), NAMESPACE);
    secrets.patch("short", &PatchParams::default(), &Patch::Merge(json!({"data": data}))).await.unwrap();
    ready(world, &accounts, "short").await;
    assert_eq!(active_keys(world, "ch.alice").await.len(), 1, "nothing was made twice");
}
