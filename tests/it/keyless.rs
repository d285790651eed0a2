//! Cloud roles end to end: pods and people who work in a tenant without any long-lived key, and a suspension that their
//! running sessions feel.

use aws_sdk_iam::error::ProvideErrorMetadata;
use aws_sdk_sts::types::Tag;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::Api;
use serde_json::json;
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::World;
use testbed::aws::{Credentials, REGION};
use testbed::moto::ACCOUNT_ID;

use crate::support::{
    ACCOUNT, definitions, delete, eventually, message, namespace, of, own, ready, reconcile, says, tenant, text, user,
};
use crate::tenant::launch;

pub const AUDIENCE: &str = "sts.amazonaws.com";

/// A CloudAccount whose OIDC provider stands for that issuer.
pub async fn account(world: &World, issuer: &str, more: &str) {
    let (url, provider) = (world.moto.url(), issuer.trim_start_matches("https://"));
    let manifest = format!(
        "---\napiVersion: tenantry.dev/v1alpha1\nkind: CloudAccount\nmetadata: {{name: {ACCOUNT}}}\nspec:\n  \
         driftCheckInterval: 1h\n  aws: {{region: {REGION}, endpointUrl: '{url}', credentialsSecret: {ACCOUNT}, \
         oidcProvider: 'arn:aws:iam::{ACCOUNT_ID}:oidc-provider/{provider}'}}\n{more}"
    );
    world.apply(&manifest).await;
}

pub fn role(tenant: &str, name: &str, more: &str) -> String {
    format!(
        "---\napiVersion: tenantry.dev/v1alpha1\nkind: TenantRole\nmetadata: {{name: {name}, namespace: {}}}\n\
         spec:\n  tenant: {tenant}\n{more}\n",
        definitions(tenant)
    )
}

const READER: &str = "  assumableBy: {users: true, saml: ['arn:aws:iam::123456789012:saml-provider/okta']}
  aws:
    statements:
      - {effect: Allow, actions: ['s3:GetObject'], resources: ['arn:aws:s3:::data/$(tenant)/shared', 'arn:aws:s3:::data/$(tenant)/$(user)']}";
const DEPLOYER: &str = "  aws:
    statements:
      - {effect: Allow, actions: ['sagemaker:CreateModel'], resources: ['*'], conditions: {StringEquals: {'aws:RequestTag/tenant': ['$(tenant)']}}}
      - {effect: Allow, actions: ['iam:PassRole'], resources: ['arn:aws:iam::$(account):role/tenants/$(cluster)/$(tenant)/$(tenant).sagemaker_execution']}";

/// A tenant whose ServiceAccount `trainer` and user `alice` have the role `reader`.
async fn make(world: &World, name: &str, more: &str) {
    let pods =
        format!("  namespaces: [{{name: {name}, serviceAccounts: [{{name: trainer, roles: [reader]}}]}}]\n{more}");
    let manifests = namespace(&definitions(name))
        + &tenant(name, &pods)
        + &role(name, "reader", READER)
        + &user(name, &definitions(name), "alice", "  roles: [reader]\n  accessKey: {}");
    world.apply(&manifests).await;
    ready(world, &Api::<Tenant>::all(world.client()), name).await;
    ready(world, &of::<TenantUser>(world, &definitions(name)), "alice").await;
    ready(world, &of::<TenantRole>(world, &definitions(name)), "reader").await;
}

/// A world with two tenants, and what each has in one bucket.
pub async fn two_tenants() -> World {
    let world = own(launch().argument("--fresh-write=0"), "").await;
    let root = Credentials::root();
    for path in ["/data", "/data/acme/shared", "/data/acme/alice", "/data/beta/shared", "/data/beta/alice"] {
        let body = if path == "/data" { "" } else { "x" };
        assert_eq!(world.moto.s3(&root, "PUT", path, body).await.0, 200, "{path}");
    }
    let (issuer, keys) = world.control_plane.issuer().await;
    let made = world.moto.iam().create_open_id_connect_provider().url(&issuer).client_id_list(AUDIENCE);
    made.send().await.unwrap();
    world.moto.issuers(json!({issuer.as_str(): keys})).await;
    account(&world, &issuer, "").await;
    ready(&world, &Api::<CloudAccount>::all(world.client()), ACCOUNT).await;
    make(&world, "acme", "").await;
    make(&world, "beta", "").await;
    world
}

pub async fn role_arn(world: &World, name: &str) -> String {
    world.moto.iam().get_role().role_name(name).send().await.unwrap().role.unwrap().arn
}

/// A session that a token opens, or AWS's code.
pub async fn with_token(world: &World, role: &str, token: &str) -> Result<Credentials, String> {
    let nobody = Credentials::new("AKIANOBODY", "none");
    let asked = world.moto.sts_as(&nobody).assume_role_with_web_identity();
    let asked = asked.role_arn(role).role_session_name("pod").web_identity_token(token).send().await;
    let answer = asked.map_err(|refused| refused.code().unwrap_or_default().to_owned())?;
    Ok(Credentials::session(&answer.credentials.unwrap()))
}

/// A session of a role with session tags, or AWS's code.
pub async fn assumed(
    world: &World,
    who: &Credentials,
    role: &str,
    tags: &[(&str, &str)],
) -> Result<Credentials, String> {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build().unwrap()).collect();
    let asked = world.moto.sts_as(who).assume_role().role_arn(role).role_session_name("alice").set_tags(Some(tags));
    let answer = asked.send().await.map_err(|refused| refused.code().unwrap_or_default().to_owned())?;
    Ok(Credentials::session(&answer.credentials.unwrap()))
}

pub async fn reads(world: &World, who: &Credentials, path: &str) -> bool {
    match world.moto.s3(who, "GET", path, "").await {
        (200, _) => true,
        (403, _) => false,
        other => panic!("{path}: {other:?}"),
    }
}

pub async fn key_of(world: &World, tenant: &str) -> Credentials {
    let secret = of::<Secret>(world, &definitions(tenant)).get("alice-aws").await.unwrap();
    Credentials::new(&text(&secret, "AWS_ACCESS_KEY_ID"), &text(&secret, "AWS_SECRET_ACCESS_KEY"))
}

// proves: Tenant.spec.namespaces[].serviceAccounts[] Tenant.spec.namespaces[].serviceAccounts[].{name,roles} Tenant.spec.suspended CloudAccount.spec.aws.oidcProvider
// proves: TenantRole.spec.assumableBy TenantRole.spec.assumableBy.users TenantRole.status.accounts[].role
#[tokio::test]
async fn pods_and_people_work_without_keys_and_are_stopped_at_once() {
    let world = &two_tenants().await;
    let tenants: Api<Tenant> = Api::all(world.client());

    // A pod's token opens its own role, which reads the tenant's data and nothing else.
    let pods = of::<ServiceAccount>(world, "acme");
    let trainer = pods.get("trainer").await.unwrap();
    let arn = trainer.metadata.annotations.unwrap()["eks.amazonaws.com/role-arn"].clone();
    assert_eq!(arn, role_arn(world, "acme.acme.trainer").await);
    let token = world.control_plane.token("acme", "trainer", AUDIENCE).await;
    let pod = with_token(world, &arn, &token).await.unwrap();
    assert!(reads(world, &pod, "/data/acme/shared").await);
    for path in ["/data/beta/shared", "/data/acme/alice"] {
        assert!(!reads(world, &pod, path).await, "{path}");
    }
    assert_eq!(world.moto.s3(&pod, "PUT", "/data/acme/shared", "y").await.0, 403);
    let others = role_arn(world, "beta.beta.trainer").await;
    let stranger = world.control_plane.token("beta", "trainer", AUDIENCE).await;
    let default = world.control_plane.token("acme", "default", AUDIENCE).await;
    let elsewhere = world.control_plane.token("acme", "trainer", "vault").await;
    let (said, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{said}.{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    for (role, token, code) in [
        (&others, &token, "AccessDenied"),
        (&arn, &stranger, "AccessDenied"),
        (&arn, &default, "AccessDenied"),
        (&arn, &elsewhere, "InvalidIdentityToken"),
        (&arn, &forged, "InvalidIdentityToken"),
    ] {
        assert_eq!(with_token(world, role, token).await.unwrap_err(), code);
    }

    // A user assumes the role with its own name, and no other's; another tenant's user does not.
    let reader = role_arn(world, "acme.reader").await;
    let (alice, eve) = (key_of(world, "acme").await, key_of(world, "beta").await);
    let session = assumed(world, &alice, &reader, &[("user", "alice"), ("tenant", "acme")]).await.unwrap();
    for path in ["/data/acme/shared", "/data/acme/alice"] {
        assert!(reads(world, &session, path).await, "{path}");
    }
    assert!(!reads(world, &session, "/data/beta/alice").await);
    let plain = assumed(world, &alice, &reader, &[]).await.unwrap();
    assert!(reads(world, &plain, "/data/acme/shared").await && !reads(world, &plain, "/data/acme/alice").await);
    for tags in [[("user", "bob")], [("tenant", "beta")], [("team", "x")]] {
        assert_eq!(assumed(world, &alice, &reader, &tags).await.unwrap_err(), "AccessDenied", "{tags:?}");
    }
    assert_eq!(assumed(world, &eve, &reader, &[]).await.unwrap_err(), "AccessDenied");
    for role in [&arn, &others] {
        assert_eq!(assumed(world, &alice, role, &[]).await.unwrap_err(), "AccessDenied", "only tokens open it");
    }
    let roles = of::<TenantRole>(world, &definitions("acme"));
    let status = roles.get("reader").await.unwrap().status.unwrap();
    assert_eq!(status.accounts[0].role.as_deref(), Some(reader.as_str()));
    assert_eq!(world.moto.iam().get_role().role_name("acme.reader").send().await.unwrap().role.unwrap().path, {
        let cluster = world.control_plane.cluster_id().await;
        format!("/tenants/{cluster}/acme/")
    });

    // A suspension stops running sessions too, of every role, and leaves the other tenant alone.
    let theirs = with_token(world, &others, &stranger).await.unwrap();
    let before = snapshot(world).await;
    let pods_of = |suspended: bool| {
        format!(
            "  namespaces: [{{name: acme, serviceAccounts: [{{name: trainer, roles: [reader]}}]}}]\n  suspended: {suspended}"
        )
    };
    world.apply(&tenant("acme", &pods_of(true))).await;
    says(world, &tenants, "acme", "True", "Suspended").await;
    for (who, path) in [(&pod, "/data/acme/shared"), (&session, "/data/acme/shared"), (&session, "/data/acme/alice")] {
        assert!(!reads(world, who, path).await, "{path}");
    }
    assert!(reads(world, &theirs, "/data/beta/shared").await);
    world.apply(&tenant("acme", &pods_of(false))).await;
    ready(world, &tenants, "acme").await;
    assert!(reads(world, &pod, "/data/acme/shared").await && reads(world, &session, "/data/acme/alice").await);
    assert_eq!(snapshot(world).await, before, "undone exactly");

    // What somebody adds by hand goes: a stranger who is trusted, a policy, another boundary.
    let iam = world.moto.iam();
    let open = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT_ID}:root")}, "Action": "sts:AssumeRole"}]});
    iam.update_assume_role_policy()
        .role_name("acme.acme.trainer")
        .policy_document(open.to_string())
        .send()
        .await
        .unwrap();
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    iam.attach_role_policy().role_name("acme.acme.trainer").policy_arn(admin).send().await.unwrap();
    iam.update_role().role_name("acme.reader").max_session_duration(43_200).send().await.unwrap();
    reconcile(world, &tenants, "acme", "now").await;
    eventually(world, "all is as it was", || async { snapshot(world).await == before }).await;

    // One more pod costs its role and its policy, and nothing later.
    world.moto.reset_calls().await;
    let two = "  namespaces: [{name: acme, serviceAccounts: [{name: trainer, roles: [reader]}, {name: tuner, roles: [reader]}]}]";
    world.apply(&tenant("acme", two)).await;
    ready(world, &tenants, "acme").await;
    let calls = world.moto.calls().await;
    let expected = [("AttachRolePolicy".to_owned(), 1), ("CreateRole".to_owned(), 1)];
    assert_eq!(calls, expected.into(), "what one service account costs");

    // Taken out, ServiceAccount and role go; the other stays.
    world
        .apply(&tenant("acme", "  namespaces: [{name: acme, serviceAccounts: [{name: tuner, roles: [reader]}]}]"))
        .await;
    world.gone(pods.clone(), "trainer").await;
    eventually(world, "its role is gone", || async {
        iam.get_role().role_name("acme.acme.trainer").send().await.is_err()
    })
    .await;
    pods.get("tuner").await.unwrap();
    delete(world, &tenants, "acme").await;
    let left = iam.list_roles().path_prefix("/tenants/").send().await.unwrap().roles;
    assert!(left.iter().all(|role| role.role_name.starts_with("beta.")), "{left:?}");
}

/// All roles of the account as IAM shows them, without times.
async fn snapshot(world: &World) -> Vec<String> {
    let iam = world.moto.iam();
    let roles = iam.list_roles().path_prefix("/tenants/").send().await.unwrap().roles;
    let mut all = Vec::new();
    for role in roles {
        let name = role.role_name;
        let attached = iam.list_attached_role_policies().role_name(&name).send().await.unwrap().attached_policies;
        let inline = iam.list_role_policies().role_name(&name).send().await.unwrap().policy_names;
        let role = iam.get_role().role_name(&name).send().await.unwrap().role.unwrap();
        let (trust, tags) = (role.assume_role_policy_document, role.tags);
        all.push(format!("{name} {attached:?} {inline:?} {trust:?} {tags:?} {:?}", role.max_session_duration));
    }
    all
}

// proves: Tenant.spec.namespaces[].serviceAccounts[].accounts TenantRole.spec.assumableBy.oidc[] TenantRole.spec.assumableBy.oidc[].{provider,subjects}
// proves: Tenant.status.accounts[].executionRole
#[tokio::test]
async fn what_would_open_more_than_is_meant_is_refused() {
    let world = &two_tenants().await;
    let tenants: Api<Tenant> = Api::all(world.client());
    let defs = definitions("acme");
    let roles = of::<TenantRole>(world, &defs);

    // Another tenant's execution role can be neither passed nor assumed; one's own is made because a role needs it.
    world.apply(&role("acme", "deployer", DEPLOYER)).await;
    ready(world, &roles, "deployer").await;
    let execution = role_arn(world, "acme.sagemaker_execution").await;
    let shown = |it: &Tenant| it.status.as_ref().and_then(|it| it.accounts.first()?.execution_role.clone());
    world.until(tenants.clone(), "acme", "its execution role", |it| shown(it).as_ref() == Some(&execution)).await;
    let trust = world.moto.iam().get_role().role_name("acme.sagemaker_execution").send().await.unwrap().role.unwrap();
    let trust = trust.assume_role_policy_document.unwrap_or_default();
    assert!(trust.contains("sagemaker.amazonaws.com") && trust.contains(ACCOUNT_ID), "{trust}");
    assert_eq!(assumed(world, &key_of(world, "acme").await, &execution, &[]).await.unwrap_err(), "AccessDenied");
    for (name, statement) in [
        ("greedy", "{effect: Allow, actions: ['iam:*'], resources: ['*']}"),
        (
            "nosy",
            "{effect: Allow, actions: ['iam:PassRole'], resources: ['arn:aws:iam::$(account):role/tenants/$(cluster)/beta/*']}",
        ),
        ("sly", "{effect: Allow, actions: ['sts:AssumeRole'], resources: ['arn:aws:iam::*:role/tenants/*/acme*/*']}"),
    ] {
        world.apply(&role("acme", name, &format!("  aws: {{statements: [{statement}]}}"))).await;
        let refused = says(world, &roles, name, "False", "Invalid").await;
        assert!(message(&refused).contains("on roles that other tenants may have"), "{}", message(&refused));
        delete(world, &roles, name).await;
    }

    // Nobody is trusted by a provider that no account has, nor by a wildcard alone.
    let (issuer, _) = world.control_plane.issuer().await;
    let provider = format!("arn:aws:iam::{ACCOUNT_ID}:oidc-provider/{}", issuer.trim_start_matches("https://"));
    let trusted = |provider: &str, subject: &str| {
        format!(
            "  assumableBy: {{oidc: [{{provider: '{provider}', subjects: ['{subject}']}}]}}\n  aws: {{managedPolicies: [ReadOnlyAccess]}}"
        )
    };
    world.apply(&role("acme", "ci", &trusted("arn:aws:iam::999999999999:oidc-provider/x", "repo:acme/site:*"))).await;
    let refused = says(world, &roles, "ci", "False", "Invalid").await;
    assert!(message(&refused).contains("is in no account of tenant acme"), "{}", message(&refused));
    world.apply(&role("acme", "ci", &trusted(&provider, "*"))).await;
    let refused = says(world, &roles, "ci", "False", "Invalid").await;
    assert!(message(&refused).contains("everybody whom that provider knows"), "{}", message(&refused));
    assert!(world.moto.iam().get_role().role_name("acme.ci").send().await.is_err(), "nobody is let in");
    world.apply(&role("acme", "ci", &trusted(&provider, "system:serviceaccount:acme:def*"))).await;
    ready(world, &roles, "ci").await;
    let token = world.control_plane.token("acme", "default", AUDIENCE).await;
    let ci = role_arn(world, "acme.ci").await;
    assert!(with_token(world, &ci, &token).await.is_ok());
    let token = world.control_plane.token("acme", "trainer", AUDIENCE).await;
    assert_eq!(with_token(world, &ci, &token).await.unwrap_err(), "AccessDenied");

    // A ServiceAccount that is somebody else's gets no role, and what is refused keeps what it has.
    let pods = of::<ServiceAccount>(world, "acme");
    let own = world.control_plane.token("acme", "trainer", AUDIENCE).await;
    let arn = role_arn(world, "acme.acme.trainer").await;
    let listed = |more: &str| {
        format!("  namespaces: [{{name: acme, serviceAccounts: [{{name: trainer, roles: [reader]}}, {more}]}}]")
    };
    world.apply(&tenant("acme", &listed("{name: default, roles: [reader]}"))).await;
    says(world, &tenants, "acme", "False", "NotOwned").await;
    assert!(world.moto.iam().get_role().role_name("acme.acme.default").send().await.is_err());
    world.apply(&tenant("acme", &listed("{name: ghost, roles: [nothing], accounts: [nowhere]}"))).await;
    let refused = says(world, &tenants, "acme", "False", "Invalid").await;
    for part in ["there is no TenantRole nothing", "the tenant is not in account nowhere"] {
        assert!(message(&refused).contains(part), "{}", message(&refused));
    }
    account(world, "https://oidc.example.com/id/1", "").await;
    world.apply(&tenant("acme", &listed("{name: tuner, roles: [reader]}"))).await;
    let said = |it: &Tenant| message(it).contains("stands for the issuer https://oidc.example.com/id/1");
    world.until(tenants.clone(), "acme", "the issuer is another", said).await;
    pods.get("trainer").await.unwrap();
    assert!(with_token(world, &arn, &own).await.is_ok(), "what is there goes on");
    account(world, &issuer, "").await;
    ready(world, &tenants, "acme").await;

    // What the account denies to everyone is denied to its roles.
    account(world, &issuer, "  deniedActions: ['s3:GetObject']\n").await;
    let pod = with_token(world, &arn, &own).await.unwrap();
    eventually(world, "denied to sessions", || async { !reads(world, &pod, "/data/acme/shared").await }).await;
}
