//! People who are no users of the account: an identity provider vouches for them, by SAML or by OIDC, and says with session
//! tags whose they are.

use aws_sdk_iam::error::ProvideErrorMetadata;
use data_encoding::BASE64;
use kube::api::Api;
use serde_json::json;
use tenantry::api::{Tenant, TenantRole};
use testbed::World;
use testbed::aws::Credentials;
use testbed::moto::ACCOUNT_ID;

use crate::keyless::{reads, role, role_arn, with_token};
use crate::support::{definitions, namespace, of, own, ready, tenant};
use crate::tenant::launch;

const RECIPIENT: &str = "https://signin.aws.amazon.com/saml";
const OKTA: &str = "https://okta.example/acme";
const ISSUER: &str = "https://people.example";

fn provider(kind: &str, name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT_ID}:{kind}-provider/{name}")
}

/// What Okta's sign-in page hands to who wants this role: issuer, recipient, role and session tags.
fn assertion(issuer: &str, recipient: &str, role: &str, tags: &[(&str, &str)]) -> String {
    const NAME: &str = "https://aws.amazon.com/SAML/Attributes/";
    let attribute = |name: &str, value: &str| {
        format!(
            "<saml:Attribute Name=\"{NAME}{name}\"><saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>"
        )
    };
    let mut attributes = attribute("Role", &format!("{role},{}", provider("saml", "okta")));
    attributes += &attribute("RoleSessionName", "olga@acme.example");
    for (key, value) in tags {
        attributes += &attribute(&format!("PrincipalTag:{key}"), value);
    }
    let text = format!(
        "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">\
         <saml:Assertion><saml:Issuer>{issuer}</saml:Issuer><saml:Subject><saml:NameID>olga</saml:NameID>\
         <saml:SubjectConfirmation><saml:SubjectConfirmationData Recipient=\"{recipient}\"/></saml:SubjectConfirmation></saml:Subject>\
         <saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion></samlp:Response>"
    );
    BASE64.encode(text.as_bytes())
}

/// A session that an assertion opens, or AWS's code.
async fn with_assertion(world: &World, role: &str, assertion: String) -> Result<Credentials, String> {
    let asked = world.moto.sts_as(&Credentials::new("AKIANOBODY", "none")).assume_role_with_saml();
    let asked = asked.role_arn(role).principal_arn(provider("saml", "okta")).saml_assertion(assertion);
    let answer = asked.send().await.map_err(|refused| refused.code().unwrap_or_default().to_owned())?;
    Ok(Credentials::session(&answer.credentials.unwrap()))
}

/// Two tenants whose people come from one SAML and one OIDC provider.
async fn two_tenants() -> World {
    let world = own(launch().argument("--fresh-write=0"), "").await;
    let root = Credentials::root();
    for path in ["/data", "/data/acme/shared", "/data/acme/olga", "/data/acme/otto", "/data/beta/shared"] {
        let body = if path == "/data" { "" } else { "x" };
        assert_eq!(world.moto.s3(&root, "PUT", path, body).await.0, 200, "{path}");
    }
    let metadata = format!(
        "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{OKTA}\">{}</EntityDescriptor>",
        " ".repeat(1000)
    );
    let iam = world.moto.iam();
    iam.create_saml_provider().name("okta").saml_metadata_document(metadata).send().await.unwrap();
    let oidc = iam.create_open_id_connect_provider().url(ISSUER).client_id_list("lab").send().await.unwrap();
    let oidc = oidc.open_id_connect_provider_arn.unwrap();
    for name in ["acme", "beta"] {
        let reader = format!(
            "  assumableBy:\n    saml: ['{}']\n    oidc: [{{provider: '{oidc}', subjects: ['{name}:*'], audiences: [lab]}}]\n  aws:\n    statements:\n      \
             - {{effect: Allow, actions: ['s3:GetObject'], resources: ['arn:aws:s3:::data/$(tenant)/shared', 'arn:aws:s3:::data/$(tenant)/$(user)']}}",
            provider("saml", "okta")
        );
        let manifests = namespace(&definitions(name)) + &tenant(name, "") + &role(name, "reader", &reader);
        world.apply(&manifests).await;
        ready(&world, &Api::<Tenant>::all(world.client()), name).await;
        ready(&world, &of::<TenantRole>(&world, &definitions(name)), "reader").await;
    }
    world
}

// proves: TenantRole.spec.assumableBy TenantRole.spec.assumableBy.saml
// proves: TenantRole.spec.assumableBy.oidc[] TenantRole.spec.assumableBy.oidc[].{provider,subjects,audiences}
#[tokio::test]
async fn people_of_a_provider_work_as_who_it_says_they_are() {
    let world = &two_tenants().await;
    let (reader, others) = (role_arn(world, "acme.reader").await, role_arn(world, "beta.reader").await);

    // SAML: the assertion says for which role, and who it is.
    let olga = &[("user", "olga"), ("tenant", "acme")];
    let session = with_assertion(world, &reader, assertion(OKTA, RECIPIENT, &reader, olga)).await.unwrap();
    assert!(reads(world, &session, "/data/acme/shared").await && reads(world, &session, "/data/acme/olga").await);
    for path in ["/data/acme/otto", "/data/beta/shared"] {
        assert!(!reads(world, &session, path).await, "{path}");
    }
    let plain = with_assertion(world, &reader, assertion(OKTA, RECIPIENT, &reader, &[])).await.unwrap();
    assert!(reads(world, &plain, "/data/acme/shared").await && !reads(world, &plain, "/data/acme/olga").await);
    for (what, role, said, code) in [
        ("another tenant's name", &reader, assertion(OKTA, RECIPIENT, &reader, &[("tenant", "beta")]), "AccessDenied"),
        ("a tag that means nothing", &reader, assertion(OKTA, RECIPIENT, &reader, &[("team", "x")]), "AccessDenied"),
        ("another page", &reader, assertion(OKTA, "https://elsewhere.example", &reader, olga), "AccessDenied"),
        (
            "another issuer",
            &reader,
            assertion("https://evil.example", RECIPIENT, &reader, olga),
            "InvalidIdentityToken",
        ),
        ("another role", &others, assertion(OKTA, RECIPIENT, &reader, olga), "InvalidIdentityToken"),
    ] {
        assert_eq!(with_assertion(world, role, said).await.unwrap_err(), code, "{what}");
    }

    // OIDC: the token's subject says whether it may at all, and its tags who it is.
    let token = |subject: &str, audience: &str, tags: &[(&str, &str)]| {
        let tags: serde_json::Map<_, _> = tags.iter().map(|(key, value)| ((*key).to_owned(), json!([value]))).collect();
        let soon = jiff::Timestamp::now().as_second() + 600;
        json!({"iss": ISSUER, "sub": subject, "aud": audience, "exp": soon, "https://aws.amazon.com/tags": {"principal_tags": tags}})
    };
    let signed = |claims: serde_json::Value| async move { world.moto.token(&claims).await };
    let otto = signed(token("acme:otto", "lab", &[("user", "otto")])).await;
    let session = with_token(world, &reader, &otto).await.unwrap();
    assert!(reads(world, &session, "/data/acme/shared").await && reads(world, &session, "/data/acme/otto").await);
    assert!(!reads(world, &session, "/data/acme/olga").await);
    assert_eq!(with_token(world, &others, &otto).await.unwrap_err(), "AccessDenied", "a subject of acme's");
    for (what, claims, code) in [
        ("another tenant's name", token("acme:otto", "lab", &[("tenant", "beta")]), "AccessDenied"),
        ("a tag that means nothing", token("acme:otto", "lab", &[("user", "otto"), ("team", "x")]), "AccessDenied"),
        ("another subject", token("acme-corp:otto", "lab", &[]), "AccessDenied"),
        ("another audience", token("acme:otto", "shop", &[]), "InvalidIdentityToken"),
    ] {
        assert_eq!(with_token(world, &reader, &signed(claims).await).await.unwrap_err(), code, "{what}");
    }
}
