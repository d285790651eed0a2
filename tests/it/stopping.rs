//! A suspension: everybody and every role of the tenant is stopped at once, and it is undone exactly. And that of one user
//! alone, whose sessions of a cloud role stop while the others' go on.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::StatusType;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use tenantry::api::{CloudAccount, Tenant, TenantNotebook, TenantRole, TenantUser};
use testbed::World;
use testbed::aws::Credentials;

use crate::keyless::{AUDIENCE, account, assumed, key_of, reads, role, role_arn, with_token};
use crate::support::{
    ACCOUNT, definitions, eventually, namespace, of, operator_calls, own, ready, says, tenant, text, user,
};
use crate::tenant::launch;

const READER: &str = "  assumableBy: {users: true}
  aws:
    statements:
      - {effect: Allow, actions: ['s3:GetObject'], resources: ['arn:aws:s3:::data/$(tenant)/*']}";

/// A world in which the tenant `acme` has of everything: users with key and console, roles of people and of pods, and a
/// notebook under an execution role.
async fn everything() -> World {
    let world = own(launch().argument("--fresh-write=0").argument("--notebook-poll=0.5"), "").await;
    let root = Credentials::root();
    for (path, body) in [("/data", ""), ("/data/acme/x", "x")] {
        assert_eq!(world.moto.s3(&root, "PUT", path, body).await.0, 200, "{path}");
    }
    let (issuer, keys) = world.control_plane.issuer().await;
    world.moto.iam().create_open_id_connect_provider().url(&issuer).client_id_list(AUDIENCE).send().await.unwrap();
    world.moto.issuers(json!({issuer.as_str(): keys})).await;
    account(&world, &issuer, "  deniedActions: ['s3:DeleteObject']\n").await;
    ready(&world, &Api::<CloudAccount>::all(world.client()), ACCOUNT).await;
    let defs = definitions("acme");
    let pods = "  namespaces: [{name: acme, serviceAccounts: [{name: trainer, roles: [reader]}]}]";
    let lab = format!(
        "---\napiVersion: tenantry.dev/v1alpha1\nkind: TenantNotebook\nmetadata: {{name: lab, namespace: {defs}}}\n\
         spec: {{tenant: acme, user: alice, account: {ACCOUNT}, instanceType: ml.t3.medium}}\n"
    );
    let manifests = namespace(&defs)
        + &tenant("acme", pods)
        + &role("acme", "reader", READER)
        + &user("acme", &defs, "alice", "  roles: [reader]\n  accessKey: {}\n  console: {}")
        + &user("acme", &defs, "bob", "  roles: [reader]\n  accessKey: {secretName: bob}")
        + &lab;
    world.apply(&manifests).await;
    ready(&world, &Api::<Tenant>::all(world.client()), "acme").await;
    ready(&world, &of::<TenantRole>(&world, &defs), "reader").await;
    for name in ["alice", "bob"] {
        ready(&world, &of::<TenantUser>(&world, &defs), name).await;
    }
    ready(&world, &of::<TenantNotebook>(&world, &defs), "lab").await;
    world
}

/// The whole account as it is, but for times.
async fn snapshot(world: &World) -> Vec<String> {
    let iam = world.moto.iam();
    let mut all = Vec::new();
    for user in iam.list_users().path_prefix("/tenants/").send().await.unwrap().users {
        let name = user.user_name;
        let groups = iam.list_groups_for_user().user_name(&name).send().await.unwrap().groups;
        let groups: Vec<String> = groups.into_iter().map(|group| group.group_name).collect();
        let attached = iam.list_attached_user_policies().user_name(&name).send().await.unwrap().attached_policies;
        let mut inline = BTreeMap::new();
        for policy in iam.list_user_policies().user_name(&name).send().await.unwrap().policy_names {
            let said = iam.get_user_policy().user_name(&name).policy_name(&policy).send().await.unwrap();
            inline.insert(policy, said.policy_document);
        }
        let keys = iam.list_access_keys().user_name(&name).send().await.unwrap().access_key_metadata;
        let keys: Vec<_> = keys.into_iter().map(|key| (key.access_key_id, key.status)).collect();
        let login = iam.get_login_profile().user_name(&name).send().await.is_ok();
        let tags = iam.list_user_tags().user_name(&name).send().await.unwrap().tags;
        all.push(format!("{name} {groups:?} {attached:?} {inline:?} {keys:?} {login} {tags:?}"));
    }
    for role in iam.list_roles().path_prefix("/tenants/").send().await.unwrap().roles {
        let name = role.role_name;
        let attached = iam.list_attached_role_policies().role_name(&name).send().await.unwrap().attached_policies;
        let mut inline = BTreeMap::new();
        for policy in iam.list_role_policies().role_name(&name).send().await.unwrap().policy_names {
            let said = iam.get_role_policy().role_name(&name).policy_name(&policy).send().await.unwrap();
            inline.insert(policy, said.policy_document);
        }
        let role = iam.get_role().role_name(&name).send().await.unwrap().role.unwrap();
        let (trust, tags) = (role.assume_role_policy_document, role.tags);
        all.push(format!("{name} {attached:?} {inline:?} {trust:?} {tags:?} {:?}", role.max_session_duration));
    }
    for policy in iam.list_policies().path_prefix("/tenants/").send().await.unwrap().policies.unwrap_or_default() {
        all.push(format!("{:?} {:?} {:?}", policy.arn, policy.default_version_id, policy.attachment_count));
    }
    let notebooks = world.moto.sagemaker(&Credentials::root(), "ListNotebookInstances", json!({})).await.unwrap();
    for notebook in notebooks["NotebookInstances"].as_array().unwrap() {
        let input = json!({"ResourceArn": notebook["NotebookInstanceArn"]});
        let tags = world.moto.sagemaker(&Credentials::root(), "ListTags", input).await.unwrap();
        all.push(format!(
            "{} {} {}",
            notebook["NotebookInstanceName"], notebook["NotebookInstanceStatus"], tags["Tags"]
        ));
    }
    all
}

async fn suspend(world: &World, on: bool) {
    let patch = Patch::Merge(json!({"spec": {"suspended": on}}));
    let tenants: Api<Tenant> = Api::all(world.client());
    tenants.patch("acme", &PatchParams::default(), &patch).await.unwrap();
    if on {
        says(world, &tenants, "acme", "True", "Suspended").await;
    } else {
        ready(world, &tenants, "acme").await;
    }
}

/// The operator's writes, each operation once.
async fn writes(world: &World) -> BTreeSet<String> {
    let reads = |it: &String| ["Get", "List", "Describe"].iter().any(|verb| it.starts_with(verb));
    operator_calls(world).await.into_iter().filter(|it| !reads(it)).collect()
}

// proves: Tenant.spec.suspended
#[tokio::test]
async fn a_suspension_stops_everything_at_once_and_is_undone_exactly() {
    let world = &everything().await;
    let (defs, iam) = (definitions("acme"), world.moto.iam());
    let labs = of::<TenantNotebook>(world, &defs);
    let secrets = of::<Secret>(world, &defs);
    let password = text(&secrets.get("alice-aws-console").await.unwrap(), "password");
    let (alice, reader) = (key_of(world, "acme").await, role_arn(world, "acme.reader").await);
    let token = world.control_plane.token("acme", "trainer", AUDIENCE).await;
    let pod = with_token(world, &role_arn(world, "acme.acme.trainer").await, &token).await.unwrap();
    let session = assumed(world, &alice, &reader, &[]).await.unwrap();
    for who in [&alice, &pod, &session] {
        assert!(reads(world, who, "/data/acme/x").await);
    }
    let before = snapshot(world).await;

    world.moto.reset_calls().await;
    suspend(world, true).await;
    world
        .until(labs.clone(), "lab", "is stopped", |it| {
            it.status.as_ref().and_then(|status| status.state.as_deref()) == Some("Stopped")
        })
        .await;
    let told = BTreeSet::from(
        ["PutUserPolicy", "PutRolePolicy", "UpdateAccessKey", "DeleteLoginProfile", "StopNotebookInstance", "AddTags"]
            .map(str::to_owned),
    );
    assert_eq!(writes(world).await, told, "it does what stops, and nothing else");
    let calls = world.moto.calls().await;
    assert_eq!((calls["PutUserPolicy"], calls["PutRolePolicy"], calls["UpdateAccessKey"]), (2, 3, 2), "{calls:?}");
    for role in ["acme.reader", "acme.acme.trainer", "acme.sagemaker_execution"] {
        let deny = iam.get_role_policy().role_name(role).policy_name("tenantry-suspended").send().await.unwrap();
        let deny = crate::support::unescaped(&deny.policy_document);
        assert_eq!(deny["Statement"], json!([{"Effect": "Deny", "Action": "*", "Resource": "*"}]), "{role}");
    }
    for who in [&pod, &session] {
        assert!(!reads(world, who, "/data/acme/x").await);
    }
    assert!(!world.moto.signs_in("acme.alice", &password).await);
    for name in ["acme.alice", "acme.bob"] {
        let keys = iam.list_access_keys().user_name(name).send().await.unwrap().access_key_metadata;
        assert!(keys.iter().all(|key| key.status == Some(StatusType::Inactive)) && keys.len() == 1, "{name}: {keys:?}");
    }
    // A pod whose token is good gets in and can do nothing.
    let later = with_token(world, &role_arn(world, "acme.acme.trainer").await, &token).await.unwrap();
    assert!(!reads(world, &later, "/data/acme/x").await);

    suspend(world, false).await;
    ready(world, &labs, "lab").await;
    eventually(world, "all is as it was", || async { snapshot(world).await == before }).await;
    for who in [&alice, &pod, &session, &later] {
        assert!(reads(world, who, "/data/acme/x").await);
    }
    assert!(world.moto.signs_in("acme.alice", &password).await);
}

// proves: TenantUser.spec.suspended TenantUser.spec.expiresAt
#[tokio::test]
async fn a_user_who_is_suspended_alone_loses_the_sessions_that_name_it() {
    let world = &everything().await;
    let (defs, iam) = (definitions("acme"), world.moto.iam());
    let (users, roles) = (of::<TenantUser>(world, &defs), of::<TenantRole>(world, &defs));
    let reader = role_arn(world, "acme.reader").await;
    let secret = of::<Secret>(world, &defs).get("bob-aws").await.unwrap();
    let bob = Credentials::new(&text(&secret, "AWS_ACCESS_KEY_ID"), &text(&secret, "AWS_SECRET_ACCESS_KEY"));
    let alice = key_of(world, "acme").await;
    // The session's own name is alice in all of these.
    let by_name = assumed(world, &alice, &reader, &[]).await.unwrap();
    let by_tag = session(world, &alice, &reader, "work", Some("alice")).await;
    let unnamed = session(world, &alice, &reader, "work", None).await;
    let his = session(world, &bob, &reader, "bob", Some("bob")).await;
    let before = snapshot(world).await;

    let rest = "  roles: [reader]\n  accessKey: {}\n  console: {}";
    world.apply(&user("acme", &defs, "alice", &format!("{rest}\n  suspended: true"))).await;
    says(world, &users, "alice", "True", "Suspended").await;
    ready(world, &roles, "reader").await;
    for who in [&by_name, &by_tag] {
        assert!(!reads(world, who, "/data/acme/x").await);
    }
    // Who it is cannot be seen of a session that does not say it: it ends within the hour.
    assert!(reads(world, &unnamed, "/data/acme/x").await && reads(world, &his, "/data/acme/x").await);
    world.apply(&user("acme", &defs, "alice", &format!("{rest}\n  suspended: false"))).await;
    ready(world, &users, "alice").await;
    ready(world, &of::<TenantNotebook>(world, &defs), "lab").await;
    eventually(world, "all is as it was", || async { snapshot(world).await == before }).await;
    assert!(reads(world, &by_name, "/data/acme/x").await && reads(world, &by_tag, "/data/acme/x").await);

    // Who has expired is as one who is suspended.
    world.apply(&user("acme", &defs, "alice", &format!("{rest}\n  expiresAt: '2024-01-01T00:00:00Z'"))).await;
    says(world, &users, "alice", "True", "Expired").await;
    ready(world, &roles, "reader").await;
    assert!(!reads(world, &by_tag, "/data/acme/x").await && reads(world, &his, "/data/acme/x").await);
    let names = iam.list_role_policies().role_name("acme.reader").send().await.unwrap().policy_names;
    assert_eq!(names, ["tenantry-denied", "tenantry-suspended-users"]);
}

/// A session of a role under a name of its own.
async fn session(world: &World, who: &Credentials, role: &str, name: &str, user: Option<&str>) -> Credentials {
    use aws_sdk_sts::types::Tag;
    let tags = user.map(|user| vec![Tag::builder().key("user").value(user).build().unwrap()]);
    let asked = world.moto.sts_as(who).assume_role().role_arn(role).role_session_name(name).set_tags(tags);
    Credentials::session(&asked.send().await.unwrap().credentials.unwrap())
}
