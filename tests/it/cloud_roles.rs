//! What holds for every cloud role, whoever it is for: its boundary, what its account denies, its tenant's name; that hands
//! on it are seen, that it is taken over, observed, released and pruned as a user is, and goes with its account.

use aws_sdk_iam::error::ProvideErrorMetadata;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::aws::{Credentials, REGION};
use testbed::moto::ACCOUNT_ID;
use testbed::{OperatorPolicy, World};

use crate::keyless::{AUDIENCE, assumed, key_of, reads, role, role_arn, with_token};
use crate::letting_go::tear_out;
use crate::modes::{drifted, looks, undrifted};
use crate::support::{
    ACCOUNT, annotate, definitions, delete, eventually, message, namespace, of, own, ready, reconcile, says, tenant,
    unescaped, user,
};
use crate::tenant::launch;

const ANYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const POWER: &str = "arn:aws:iam::aws:policy/PowerUserAccess";
const ASSUMABLE: &str = "  assumableBy: {users: true}
  aws:
    statements:
      - {effect: Allow, actions: ['s3:*'], resources: ['arn:aws:s3:::data/$(tenant)/*']}";
const DEPLOYER: &str = "  aws:
    statements:
      - {effect: Allow, actions: ['sagemaker:CreateModel'], resources: ['*'], conditions: {StringEquals: {'aws:RequestTag/tenant': ['$(tenant)']}}}";

fn tenants(world: &World) -> Api<Tenant> {
    Api::all(world.client())
}

/// The names of the roles on our path.
async fn roles(world: &World) -> Vec<String> {
    let all = world.moto.iam().list_roles().path_prefix("/tenants/").send().await.unwrap().roles;
    let mut names: Vec<String> = all.into_iter().map(|role| role.role_name).collect();
    names.sort();
    names
}

async fn attached(world: &World, role: &str) -> Vec<String> {
    let all = world.moto.iam().list_attached_role_policies().role_name(role).send().await.unwrap().attached_policies;
    let mut names: Vec<String> = all.unwrap_or_default().into_iter().filter_map(|it| it.policy_name).collect();
    names.sort();
    names
}

async fn trust(world: &World, role: &str) -> Value {
    let role = world.moto.iam().get_role().role_name(role).send().await.unwrap().role.unwrap();
    unescaped(&role.assume_role_policy_document.unwrap())
}

/// The marks of ours that a role carries.
async fn marks(world: &World, role: &str) -> Vec<String> {
    let tags = world.moto.iam().list_role_tags().role_name(role).send().await.unwrap().tags;
    tags.into_iter().map(|tag| tag.key).filter(|key| key.starts_with("tenantry.dev/")).collect()
}

/// Lets the whole account assume a role, as somebody does by hand.
async fn open(world: &World, role: &str) {
    let everybody = json!({"AWS": format!("arn:aws:iam::{ACCOUNT_ID}:root")});
    let statement = json!({"Effect": "Allow", "Principal": everybody, "Action": "sts:AssumeRole"});
    let document = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    let update = world.moto.iam().update_assume_role_policy().role_name(role).policy_document(document);
    update.send().await.unwrap();
}

// proves: CloudAccount.spec.aws.permissionsBoundary CloudAccount.spec.deniedActions TenantRole.spec.assumableBy
// proves: Tenant.spec.namespaces[].serviceAccounts[] Tenant.spec.accounts[]
#[tokio::test]
async fn every_role_has_its_boundary_and_what_is_denied_and_serves_its_tenant_alone() {
    let world = &own(launch().argument("--fresh-write=0"), "").await;
    let (iam, root) = (world.moto.iam(), Credentials::root());
    // With no more rights than the boundary leaves: it can be put on, and on what has it all else be done.
    let cluster = world.control_plane.cluster_id().await;
    let managed = format!("arn:aws:iam::{ACCOUNT_ID}:policy/tenants/{cluster}/tenantry_boundary_{cluster}");
    world.moto.operator_may(&OperatorPolicy::bounded(&cluster).with_boundary(&managed)).await;
    for (path, body) in [("/data", ""), ("/data/acme/x", "x"), ("/data/acme-corp/x", "x")] {
        assert_eq!(world.moto.s3(&root, "PUT", path, body).await.0, 200, "{path}");
    }
    let (issuer, keys) = world.control_plane.issuer().await;
    iam.create_open_id_connect_provider().url(&issuer).client_id_list(AUDIENCE).send().await.unwrap();
    world.moto.issuers(json!({issuer.as_str(): keys})).await;
    let provider = format!("arn:aws:iam::{ACCOUNT_ID}:oidc-provider/{}", issuer.trim_start_matches("https://"));
    let url = world.moto.url();
    world
        .apply(&format!(
            "---\napiVersion: tenantry.dev/v1alpha1\nkind: CloudAccount\nmetadata: {{name: {ACCOUNT}}}\nspec:\n  \
             driftCheckInterval: 1h\n  deniedActions: ['s3:DeleteObject']\n  aws: {{region: {REGION}, endpointUrl: '{url}', \
             credentialsSecret: {ACCOUNT}, permissionsBoundary: Managed, oidcProvider: '{provider}'}}\n"
        ))
        .await;
    ready(world, &Api::<CloudAccount>::all(world.client()), ACCOUNT).await;
    for name in ["acme", "acme-corp"] {
        let defs = definitions(name);
        let pods = format!("  namespaces: [{{name: {name}, serviceAccounts: [{{name: trainer, roles: [worker]}}]}}]");
        let manifests = namespace(&defs)
            + &tenant(name, &pods)
            + &role(name, "worker", ASSUMABLE)
            + &role(name, "deployer", DEPLOYER)
            + &user(name, &defs, "alice", "  roles: [worker, deployer]\n  accessKey: {}");
        world.apply(&manifests).await;
        ready(world, &tenants(world), name).await;
        ready(world, &of::<TenantUser>(world, &defs), "alice").await;
        ready(world, &of::<TenantRole>(world, &defs), "worker").await;
    }
    let expected = ["acme", "acme-corp"]
        .map(|it| [format!("{it}.{it}.trainer"), format!("{it}.sagemaker_execution"), format!("{it}.worker")]);
    let expected: Vec<String> = {
        let mut all = expected.concat();
        all.sort();
        all
    };
    eventually(world, "all roles", || async { roles(world).await == expected }).await;
    for name in &expected {
        let role = iam.get_role().role_name(name).send().await.unwrap().role.unwrap();
        let boundary = role.permissions_boundary.and_then(|it| it.permissions_boundary_arn).unwrap_or_default();
        assert_eq!(boundary, managed, "{name}");
        let denied = iam.get_role_policy().role_name(name).policy_name("tenantry-denied").send().await.unwrap();
        let denied = unescaped(&denied.policy_document);
        assert_eq!(denied["Statement"], json!([{"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"}]));
        let tenant = if name.starts_with("acme-corp.") { "acme-corp" } else { "acme" };
        assert!(role.path.ends_with(&format!("/{tenant}/")), "{name}: {}", role.path);
        let tags = iam.list_role_tags().role_name(name).send().await.unwrap().tags;
        assert!(tags.iter().any(|tag| tag.key == "tenant" && tag.value == tenant), "{name}: {tags:?}");
    }

    // Each serves its own, under its boundary, and not the other whose name begins alike.
    for (name, other) in [("acme", "acme-corp"), ("acme-corp", "acme")] {
        let (alice, worker) = (key_of(world, name).await, role_arn(world, &format!("{name}.worker")).await);
        let people = assumed(world, &alice, &worker, &[("user", "alice"), ("tenant", name)]).await.unwrap();
        let token = world.control_plane.token(name, "trainer", AUDIENCE).await;
        let pod_role = role_arn(world, &format!("{name}.{name}.trainer")).await;
        let pod = with_token(world, &pod_role, &token).await.unwrap();
        for who in [&people, &pod] {
            assert!(reads(world, who, &format!("/data/{name}/x")).await);
            assert!(!reads(world, who, &format!("/data/{other}/x")).await);
            assert_eq!(world.moto.s3(who, "DELETE", &format!("/data/{name}/x"), "").await.0, 403, "denied to all");
            let refused = world.moto.iam_as(who).create_user().user_name("mallory").send().await.unwrap_err();
            assert_eq!(refused.code(), Some("AccessDenied"));
        }
        let others = role_arn(world, &format!("{other}.worker")).await;
        for who in [&alice, &people, &pod] {
            assert_eq!(assumed(world, who, &others, &[]).await.unwrap_err(), "AccessDenied");
        }
        let others = role_arn(world, &format!("{other}.{other}.trainer")).await;
        assert_eq!(with_token(world, &others, &token).await.unwrap_err(), "AccessDenied");
    }

    // A boundary that somebody takes off comes back, as does the Deny.
    for name in ["acme.worker", "acme.sagemaker_execution"] {
        iam.delete_role_permissions_boundary().role_name(name).send().await.unwrap();
        iam.delete_role_policy().role_name(name).policy_name("tenantry-denied").send().await.unwrap();
    }
    reconcile(world, &tenants(world), "acme", "look").await;
    for name in ["acme.worker", "acme.sagemaker_execution"] {
        eventually(world, "its boundary and Deny are back", || async {
            let role = iam.get_role().role_name(name).send().await.unwrap().role.unwrap();
            let denies = iam.get_role_policy().role_name(name).policy_name("tenantry-denied").send().await.is_ok();
            role.permissions_boundary.is_some() && denies
        })
        .await;
    }

    // A tenant that leaves the account leaves no role there.
    let leave = json!({"spec": {"accounts": []}});
    tenants(world).patch("acme", &PatchParams::default(), &Patch::Merge(leave)).await.unwrap();
    eventually(world, "its roles are gone", || async {
        roles(world).await.iter().all(|name| name.starts_with("acme-corp."))
    })
    .await;
    assert_eq!(roles(world).await.len(), 3);
}

// proves: tenantry.dev/adopt CloudAccount.spec.extras CloudAccount.spec.management CloudAccount.spec.pruneOrphans
// proves: Tenant.spec.deletionPolicy Drifted NotOwned
#[tokio::test]
async fn a_role_is_taken_over_told_of_observed_released_and_pruned_as_a_user_is() {
    // The documented policy ends at our paths, and this role is elsewhere.
    let world = &World::start(launch().argument("--fresh-write=0").argument("--orphan-age=2")).await;
    world.credentials_secret(ACCOUNT, &world.moto.user_with_key("operator", ANYTHING).await).await;
    world.apply(&world.cloud_account(ACCOUNT, "  driftCheckInterval: 1s")).await;
    let (iam, defs) = (world.moto.iam(), definitions("ro"));
    let (accounts, manifests) = (Api::<CloudAccount>::all(world.client()), of::<TenantRole>(world, &defs));
    let conduct = |more: &str| world.cloud_account(ACCOUNT, &format!("  driftCheckInterval: 1s\n{more}"));

    // A role that somebody made under the name stays theirs until the manifest says otherwise.
    let theirs = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    iam.create_role().role_name("ro.worker").assume_role_policy_document(theirs.to_string()).send().await.unwrap();
    iam.attach_role_policy().role_name("ro.worker").policy_arn(POWER).send().await.unwrap();
    world.apply(&(namespace(&defs) + &tenant("ro", "") + &role("ro", "worker", ASSUMABLE))).await;
    let refused = says(world, &manifests, "worker", "False", "NotOwned").await;
    assert!(message(&refused).contains("role \"ro.worker\" exists"), "{}", message(&refused));
    assert!(attached(world, "ro.worker").await == ["PowerUserAccess"] && marks(world, "ro.worker").await.is_empty());
    assert_eq!(trust(world, "ro.worker").await, theirs);
    annotate(&manifests, "worker", "tenantry.dev/adopt", "true").await;
    ready(world, &manifests, "worker").await;
    eventually(world, "it is as the manifest says", || async {
        attached(world, "ro.worker").await == ["ro.worker"]
            && trust(world, "ro.worker").await["Statement"][0]["Principal"]["AWS"]
                .as_str()
                .is_some_and(|it| it.ends_with(":root"))
    })
    .await;
    assert_eq!(marks(world, "ro.worker").await.len(), 4);

    // Told and left, with extras: Report; who is trusted is no extra.
    world.apply(&conduct("  extras: Report")).await;
    ready(world, &accounts, ACCOUNT).await;
    let own = trust(world, "ro.worker").await;
    let tag = |key: &str| aws_sdk_iam::types::Tag::builder().key(key).value("x").build().unwrap();
    iam.attach_role_policy().role_name("ro.worker").policy_arn(POWER).send().await.unwrap();
    iam.put_role_policy()
        .role_name("ro.worker")
        .policy_name("more")
        .policy_document(
            json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
                .to_string(),
        )
        .send()
        .await
        .unwrap();
    iam.tag_role().role_name("ro.worker").tags(tag("note")).send().await.unwrap();
    open(world, "ro.worker").await;
    for words in ["attach PowerUserAccess → ro.worker", "inline more → ro.worker", "tags note → ro.worker"] {
        drifted(world, &manifests, "worker", words).await;
    }
    eventually(world, "its own trust is back", || async { trust(world, "ro.worker").await == own }).await;
    assert_eq!(attached(world, "ro.worker").await, ["PowerUserAccess", "ro.worker"]);
    world.apply(&conduct("")).await;
    undrifted(world, &manifests, "worker").await;
    eventually(world, "nothing is left of it", || async {
        attached(world, "ro.worker").await == ["ro.worker"]
            && iam.list_role_policies().role_name("ro.worker").send().await.unwrap().policy_names.is_empty()
    })
    .await;

    // Only observed: told, and not put right.
    world.apply(&conduct("  management: Observe")).await;
    ready(world, &accounts, ACCOUNT).await;
    open(world, "ro.worker").await;
    world.apply(&role("ro", "second", ASSUMABLE)).await;
    assert!(drifted(world, &manifests, "worker", "ro.worker").await.contains("only observed"));
    drifted(world, &manifests, "second", "role ro.second").await;
    looks(world, 2).await;
    assert!(trust(world, "ro.worker").await != own && iam.get_role().role_name("ro.second").send().await.is_err());
    world.apply(&conduct("")).await;
    ready(world, &manifests, "second").await;
    eventually(world, "put right at last", || async { trust(world, "ro.worker").await == own }).await;

    // A manifest that is torn out leaves an orphan, which is told, and pruned where the account says so.
    tear_out(world, &manifests, "second").await;
    drifted(world, &tenants(world), "ro", "role \"ro.second\"").await;
    world.apply(&conduct("  pruneOrphans: true")).await;
    eventually(world, "it is pruned", || async { iam.get_role().role_name("ro.second").send().await.is_err() }).await;
    assert!(iam.get_role().role_name("ro.worker").send().await.is_ok());
    world.apply(&conduct("")).await;
    ready(world, &accounts, ACCOUNT).await;

    // Retained, it stays whole and without a mark.
    world.apply(&tenant("ro", "  deletionPolicy: Retain")).await;
    ready(world, &tenants(world), "ro").await;
    delete(world, &manifests, "worker").await;
    assert!(marks(world, "ro.worker").await.is_empty());
    assert_eq!(
        (trust(world, "ro.worker").await, attached(world, "ro.worker").await),
        (own, vec!["ro.worker".to_owned()])
    );
    delete(world, &tenants(world), "ro").await;
    assert!(iam.get_role().role_name("ro.worker").send().await.is_ok());
}
