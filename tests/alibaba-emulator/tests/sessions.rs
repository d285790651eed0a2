//! Being someone else for a while: roles by one's own right and by an issuer's token.

#![allow(missing_docs)]

mod support;

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use support::{ACCOUNT, Cloud, IMS, STS};

const SUBJECT: &str = "system:serviceaccount:acme:trainer";

fn role_arn(name: &str) -> String {
    format!("acs:ram::{ACCOUNT}:role/{name}")
}

async fn role(cloud: &Cloud, name: &str, statement: Value) {
    let trust = json!({"Version": "1", "Statement": [statement]}).to_string();
    cloud.ram("CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", &trust)]).await.fine();
}

async fn assume(cloud: &Cloud, name: &str, more: &[(&str, &str)]) -> support::Answer {
    let arn = role_arn(name);
    let parameters = [&[("RoleArn", arn.as_str()), ("RoleSessionName", "it")], more].concat();
    cloud.rpc(STS, "AssumeRole", &parameters).await
}

#[tokio::test]
async fn a_role_needs_trust_and_the_right_to_assume_it() {
    let cloud = Cloud::start().await;
    let (_, alice) = cloud.person("alice").await;
    let (_, bob) = cloud.person("bob").await;
    let alice_only = json!({
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": format!("acs:ram::{ACCOUNT}:user/alice")},
    });
    role(&cloud, "trainer", alice_only).await;
    assume(&alice, "trainer", &[]).await.is(403, "NoPermission");
    let may = json!([{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": format!("acs:ram:*:{ACCOUNT}:role/trainer")}]);
    cloud.grant("alice", "assume", may.clone()).await;
    cloud.grant("bob", "assume-too", may).await;
    let answer = assume(&alice, "trainer", &[]).await.fine();
    assume(&bob, "trainer", &[]).await.is(403, "NoPermission");
    assume(&cloud, "trainer", &[]).await.is(403, "NoPermission");
    assume(&alice, "none", &[]).await.is(404, "EntityNotExist.Role");
    assume(&alice, "trainer", &[("DurationSeconds", "899")]).await.is(400, "InvalidParameter.DurationSeconds");
    assume(&alice, "trainer", &[("Policy", "{}")]).await.is(400, "InvalidParameter.PolicyGrammar");

    let session = cloud.session(&answer);
    let identity = session.rpc(STS, "GetCallerIdentity", &[]).await.fine();
    assert_eq!(identity["Arn"], format!("acs:ram::{ACCOUNT}:role/trainer/it"));
    assert_eq!(session.rpc_v1(STS, "GetCallerIdentity", &[]).await.fine()["IdentityType"], "AssumedRoleUser");
    let without = cloud
        .with(alibaba_signature::Credentials::new(&session.credentials.access_key_id, session.credentials.secret()));
    without.rpc(STS, "GetCallerIdentity", &[]).await.is(400, "MissingSecurityToken");
    let other = without.credentials.clone().with_security_token("x");
    cloud.with(other).rpc(STS, "GetCallerIdentity", &[]).await.is(400, "InvalidSecurityToken.Malformed");
    cloud.turn("session", json!({"seconds": 0})).await;
    let ended = cloud.session(&assume(&alice, "trainer", &[]).await.fine());
    ended.rpc(STS, "GetCallerIdentity", &[]).await.is(400, "InvalidSecurityToken.Expired");
}

#[tokio::test]
async fn conditions_and_denials_of_a_trust_policy_hold() {
    let cloud = Cloud::start().await;
    let (_, alice) = cloud.person("alice").await;
    let policy = [("PolicyName", "AliyunSTSAssumeRoleAccess"), ("PolicyType", "System"), ("UserName", "alice")];
    cloud.ram("AttachPolicyToUser", &policy).await.fine();
    let root = json!({"RAM": [format!("acs:ram::{ACCOUNT}:root")]});
    let with_id = json!({
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": root,
        "Condition": {"StringEquals": {"sts:ExternalId": "x1"}},
    });
    role(&cloud, "external", with_id).await;
    assume(&alice, "external", &[]).await.is(403, "NoPermission");
    assume(&alice, "external", &[("ExternalId", "x2")]).await.is(403, "NoPermission");
    assume(&alice, "external", &[("ExternalId", "x1")]).await.fine();

    let statements = json!({"Version": "1", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": root},
        {"Effect": "Deny", "Action": "sts:AssumeRole", "Principal": {"RAM": format!("acs:ram::{ACCOUNT}:user/alice")}},
    ]});
    let trust = statements.to_string();
    cloud.ram("CreateRole", &[("RoleName", "denied"), ("AssumeRolePolicyDocument", &trust)]).await.fine();
    assume(&alice, "denied", &[]).await.is(403, "NoPermission");
}

/// An issuer of tokens with one key.
struct Issuer {
    url: &'static str,
    key: EcdsaKeyPair,
}

impl Issuer {
    fn new(url: &'static str) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self { url, key: EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap() }
    }

    fn keys(&self) -> Value {
        let point = self.key.public_key().as_ref();
        let (x, y) = (BASE64URL_NOPAD.encode(&point[1..33]), BASE64URL_NOPAD.encode(&point[33..]));
        json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k1", "x": x, "y": y}]})
    }

    fn token(&self, audience: &str, subject: &str, seconds: i64) -> String {
        let now = Timestamp::now().as_second();
        let claims = json!({"iss": self.url, "aud": [audience], "sub": subject, "iat": now, "exp": now + seconds});
        let encode = |value: Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", encode(json!({"alg": "ES256", "kid": "k1"})), encode(claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }
}

async fn with_token(cloud: &Cloud, provider: &str, token: &str) -> support::Answer {
    let (role, provider) = (role_arn("rrsa"), format!("acs:ram::{ACCOUNT}:oidc-provider/{provider}"));
    let query = support::pairs(&[
        ("Action", "AssumeRoleWithOIDC"),
        ("Version", STS),
        ("Format", "JSON"),
        ("RoleArn", &role),
        ("OIDCProviderArn", &provider),
        ("RoleSessionName", "it"),
        ("OIDCToken", token),
    ]);
    cloud.send("POST", &format!("/?{}", alibaba_signature::canonical_query(&query)), &[], "").await
}

#[tokio::test]
async fn a_token_of_a_trusted_issuer_needs_no_key() {
    let cloud = Cloud::start().await;
    let issuer = Issuer::new("https://issuer.acme.example");
    let provider = [
        ("OIDCProviderName", "ack-rrsa-c1"),
        ("IssuerUrl", issuer.url),
        ("ClientIds", "sts.aliyuncs.com,other"),
        ("Fingerprints", "902ef2deeb3c5b13ea4c3d5193629309e231ae55"),
    ];
    cloud.rpc(IMS, "CreateOIDCProvider", &provider).await.fine();
    cloud.rpc(IMS, "CreateOIDCProvider", &provider).await.is(409, "EntityAlreadyExists.OIDCProvider");
    let arn = format!("acs:ram::{ACCOUNT}:oidc-provider/ack-rrsa-c1");
    let trust = json!({
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Federated": [arn]},
        "Condition": {"StringEquals": {
            "oidc:iss": issuer.url, "oidc:aud": "sts.aliyuncs.com", "oidc:sub": SUBJECT,
        }},
    });
    role(&cloud, "rrsa", trust).await;

    let audience = "sts.aliyuncs.com";
    let good = issuer.token(audience, SUBJECT, 600);
    let unread = with_token(&cloud, "ack-rrsa-c1", &good).await;
    unread.is(401, "AuthenticationFail.OIDCToken.HttpsUrlInvalid");
    cloud.turn("issuers", json!({issuer.url: issuer.keys()})).await;

    let answer = with_token(&cloud, "ack-rrsa-c1", &good).await.fine();
    assert_eq!(answer["OIDCTokenInfo"]["Subject"], SUBJECT);
    let identity = cloud.session(&answer).rpc(STS, "GetCallerIdentity", &[]).await.fine();
    assert_eq!(identity["Arn"], format!("acs:ram::{ACCOUNT}:role/rrsa/it"));

    let other = Issuer::new(issuer.url);
    let header = BASE64URL_NOPAD.encode(br#"{"alg":"HS256"}"#);
    let weak = format!("{header}.{}", good.split_once('.').unwrap().1);
    for (token, code) in [
        (issuer.token("someone", SUBJECT, 600), "OIDCToken.AudienceNotMatch"),
        (issuer.token(audience, SUBJECT, -1), "OIDCToken.Expired"),
        (issuer.token(audience, "system:serviceaccount:beta:trainer", 600), "NoPermission"),
        (issuer.token("other", SUBJECT, 600), "NoPermission"),
        (other.token(audience, SUBJECT, 600), "OIDCToken.InvalidSignature"),
        (weak, "OIDCToken.Invalid"),
    ] {
        with_token(&cloud, "ack-rrsa-c1", &token).await.is(401, &format!("AuthenticationFail.{code}"));
    }
    with_token(&cloud, "none", &good).await.is(401, "AuthenticationFail.NoPermission");
    let (_, alice) = cloud.person("alice").await;
    alice
        .rpc(STS, "AssumeRole", &[("RoleArn", &role_arn("rrsa")), ("RoleSessionName", "it")])
        .await
        .is(403, "NoPermission");
}
