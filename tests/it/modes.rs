//! Modes in which something is left as it is, and told: observed, reported, paused; and objects that are taken over.

use aws_sdk_iam::types::Tag;
use k8s_openapi::api::core::v1::{Namespace, ResourceQuota, Secret};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use kube::api::Api;
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::World;
use testbed::aws::Credentials;

use crate::support::{
    Told, active_keys, annotate, condition, definitions, delete, eventually, exists, message, namespace, of,
    operator_calls, own, ready, role, says, shared, tenant, text, user,
};
use crate::tenant::launch;

const POWER: &str = "arn:aws:iam::aws:policy/PowerUserAccess";
const ANYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

fn tenants(world: &World) -> Api<Tenant> {
    Api::all(world.client())
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().unwrap()
}

/// Waits until the condition Drifted names this, and gives its whole message.
pub async fn drifted<K: Told>(world: &World, api: &Api<K>, name: &str, words: &str) -> String {
    let tells =
        |it: &K| condition(it, "Drifted").is_some_and(|(status, said)| status == "True" && said.contains(words));
    let object = world.until(api.clone(), name, &format!("Drifted says {words}"), tells).await;
    condition(&object, "Drifted").unwrap().1
}

/// Waits until nothing differs any more.
pub async fn undrifted<K: Told>(world: &World, api: &Api<K>, name: &str) {
    world.until(api.clone(), name, "is not Drifted", |it: &K| condition(it, "Drifted").is_none()).await;
}

async fn attached(world: &World, user: &str) -> Vec<String> {
    let answer = world.moto.iam().list_attached_user_policies().user_name(user).send().await.unwrap();
    let mut names: Vec<String> =
        answer.attached_policies.unwrap_or_default().into_iter().filter_map(|it| it.policy_name).collect();
    names.sort();
    names
}

async fn inline(world: &World, user: &str) -> Vec<String> {
    world.moto.iam().list_user_policies().user_name(user).send().await.unwrap().policy_names
}

/// Waits until the account was read whole a few times more.
pub async fn looks(world: &World, times: u64) {
    let swept =
        || async { world.moto.calls().await.get("GetAccountAuthorizationDetails").copied().unwrap_or_default() };
    let before = swept().await;
    eventually(world, "the account is read again", || async { swept().await >= before + times }).await;
}

async fn assert_works(world: &World, secret: &Secret) {
    let key = Credentials::new(&text(secret, "AWS_ACCESS_KEY_ID"), &text(secret, "AWS_SECRET_ACCESS_KEY"));
    world.moto.sts_as(&key).get_caller_identity().send().await.expect("the key works");
}

// proves: CloudAccount.spec.management Drifted
#[tokio::test]
async fn an_account_that_is_only_observed_is_not_written_and_everything_is_told() {
    let world = &own(launch().argument("--fresh-write=0"), "  driftCheckInterval: 1s").await;
    let defs = definitions("ob");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("ob", "")).await;
    world.apply(&role("ob", &defs, "reader")).await;
    world.apply(&user("ob", &defs, "alice", "  roles: [reader]\n  accessKey: {}")).await;
    let (users, roles) = (of::<TenantUser>(world, &defs), of::<TenantRole>(world, &defs));
    ready(world, &users, "alice").await;
    ready(world, &roles, "reader").await;
    ready(world, &tenants(world), "ob").await;
    world.apply(&user("ob", "ob", "bob", "  accessKey: {}")).await;
    ready(world, &of::<TenantUser>(world, "ob"), "bob").await;
    let secrets = of::<Secret>(world, &defs);
    let before = secrets.get("alice-aws").await.unwrap();

    let accounts: Api<CloudAccount> = Api::all(world.client());
    world.apply(&world.cloud_account("aws", "  driftCheckInterval: 1s\n  management: Observe")).await;
    ready(world, &accounts, "aws").await;
    world.moto.reset_calls().await;
    world.apply(&role("ob", &defs, "reader").replace("s3:ListBucket", "s3:GetObject")).await;
    world.apply(&user("ob", &defs, "alice", "  suspended: true\n  accessKey: {}")).await;
    world.apply(&user("ob", &defs, "carol", "  roles: [reader]\n  accessKey: {}")).await;
    world.apply(&tenant("ob", "  namespaces: [{name: ob, quota: {pods: '10'}}]")).await;
    world.moto.iam().remove_user_from_group().user_name("ob.bob").group_name("ob").send().await.unwrap();
    assert!(drifted(world, &roles, "reader", "policy ob.reader").await.contains("only observed"));
    let said = drifted(world, &users, "alice", "tenantry-suspended").await;
    assert!(said.contains("attach ob.reader") && said.contains("inactive"), "{said}");
    drifted(world, &of::<TenantUser>(world, "ob"), "bob", "member ob.bob → ob").await;
    drifted(world, &users, "carol", "user ob.carol").await;
    // What is wanted of the cluster is done, and manifests are Ready: nothing is waited for.
    let carol = ready(world, &users, "carol").await;
    let seen = &carol.status.as_ref().unwrap().accounts[0];
    assert!(!seen.ready && seen.message.as_ref().is_some_and(|it| it.contains("only observed")), "{seen:?}");
    says(world, &users, "alice", "True", "Suspended").await;
    world.until(of::<ResourceQuota>(world, "ob"), "tenantry", "is made", |_| true).await;
    assert!(!exists(world, "ob.carol").await);
    assert!(secrets.get_opt("carol-aws").await.unwrap().is_none());
    assert_eq!(secrets.get("alice-aws").await.unwrap().resource_version(), before.resource_version(), "untouched");

    // Deletion releases: manifests go, what they made stays, a Secret too although its owner is gone.
    delete(world, &users, "carol").await;
    delete(world, &users, "alice").await;
    let after = secrets.get("alice-aws").await.unwrap();
    assert_eq!((&after.data, after.owner_references().len()), (&before.data, 0));
    assert_works(world, &after).await;
    drifted(world, &tenants(world), "ob", "tenantuser/ob-defs/alice").await;
    delete(world, &tenants(world), "ob").await;
    world.gone(of::<TenantUser>(world, "ob"), "bob").await;
    let kept = of::<Secret>(world, "ob").get("bob-aws").await.unwrap();
    assert_works(world, &kept).await;
    let namespaces: Api<Namespace> = Api::all(world.client());
    let released = namespaces.get("ob").await.unwrap();
    assert!(released.metadata.deletion_timestamp.is_none() && !released.labels().contains_key("tenantry.dev/tenant"));
    assert!(exists(world, "ob.alice").await && exists(world, "ob.bob").await);
    drifted(world, &accounts, "aws", "of tenant ob").await;
    delete(world, &accounts, "aws").await;
    let written: Vec<String> = operator_calls(world).await;
    let written: Vec<&String> = written.iter().filter(|it| !it.starts_with("Get") && !it.starts_with("List")).collect();
    assert!(written.is_empty(), "{written:?}");
}

// proves: CloudAccount.spec.extras Drifted
#[tokio::test]
async fn what_people_attach_by_hand_is_only_told_with_extras_report() {
    let more = "  driftCheckInterval: 1s\n  extras: Report";
    let world = &own(launch().argument("--fresh-write=0"), more).await;
    let iam = world.moto.iam();
    let defs = definitions("ex");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("ex", "")).await;
    world.apply(&role("ex", &defs, "reader")).await;
    world.apply(&role("ex", &defs, "writer")).await;
    world.apply(&user("ex", &defs, "alice", "  roles: [reader, writer]\n  accessKey: {}")).await;
    let users = of::<TenantUser>(world, &defs);
    ready(world, &users, "alice").await;
    iam.create_group().group_name("people").send().await.unwrap();
    iam.add_user_to_group().user_name("ex.alice").group_name("people").send().await.unwrap();
    iam.attach_user_policy().user_name("ex.alice").policy_arn(POWER).send().await.unwrap();
    iam.put_user_policy().user_name("ex.alice").policy_name("more").policy_document(ANYTHING).send().await.unwrap();
    iam.put_user_policy()
        .user_name("ex.alice")
        .policy_name("tenantry-suspended")
        .policy_document(ANYTHING)
        .send()
        .await
        .unwrap();
    iam.tag_user().user_name("ex.alice").tags(tag("note", "x")).tags(tag("tenant", "beta")).send().await.unwrap();
    iam.attach_group_policy().group_name("ex").policy_arn(POWER).send().await.unwrap();
    let theirs = world.moto.another_key("ex.alice").await;
    annotate(&users, "alice", "tenantry.dev/reconcile", "keys").await;
    for words in [
        "attach PowerUserAccess → ex.alice",
        "inline more",
        "member ex.alice → people",
        "tags note",
        &theirs.access_key_id,
    ] {
        drifted(world, &users, "alice", words).await;
    }
    drifted(world, &tenants(world), "ex", "attach PowerUserAccess → ex").await;
    // What is ours by its name or mark goes as ever, and what is changed of it is put right.
    world.apply(&user("ex", &defs, "alice", "  roles: [reader]\n  accessKey: {}")).await;
    eventually(world, "the role that was taken off is off", || async {
        attached(world, "ex.alice").await == ["PowerUserAccess", "ex.reader"]
    })
    .await;
    eventually(world, "our inline policy is off", || async { inline(world, "ex.alice").await == ["more"] }).await;
    eventually(world, "the tag that grants is put right", || async {
        let user = iam.get_user().user_name("ex.alice").send().await.unwrap().user.unwrap();
        let value = |key: &str| user.tags().iter().find(|it| it.key() == key).map(|it| it.value().to_owned());
        value("tenant").as_deref() == Some("ex") && value("note").as_deref() == Some("x")
    })
    .await;
    assert_eq!(active_keys(world, "ex.alice").await.len(), 2);
    ready(world, &users, "alice").await;

    // With Remove, the default, all of it goes.
    world.apply(&world.cloud_account("aws", "  driftCheckInterval: 1s\n  extras: Remove")).await;
    undrifted(world, &users, "alice").await;
    undrifted(world, &tenants(world), "ex").await;
    assert_eq!(attached(world, "ex.alice").await, ["ex.reader"]);
    assert!(inline(world, "ex.alice").await.is_empty());
    let groups = iam.list_groups_for_user().user_name("ex.alice").send().await.unwrap().groups;
    assert_eq!(groups.iter().map(|it| it.group_name.as_str()).collect::<Vec<_>>(), ["ex"]);
    delete(world, &tenants(world), "ex").await;
}

// proves: tenantry.dev/paused Paused
#[tokio::test]
async fn a_pause_holds_everything_but_deletion_suspension_and_expiry() {
    let world = shared().await;
    let defs = definitions("pa");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("pa", "")).await;
    world.apply(&role("pa", &defs, "reader")).await;
    for name in ["alice", "bob", "carol"] {
        world.apply(&user("pa", &defs, name, "  accessKey: {}")).await;
    }
    let (users, roles) = (of::<TenantUser>(world, &defs), of::<TenantRole>(world, &defs));
    for name in ["alice", "bob", "carol"] {
        ready(world, &users, name).await;
        annotate(&users, name, "tenantry.dev/paused", "true").await;
        says(world, &users, name, "True", "Paused").await;
    }
    world.apply(&user("pa", &defs, "alice", "  roles: [reader]\n  accessKey: {}")).await;
    drifted(world, &users, "alice", "attach pa.reader → pa.alice").await;
    assert!(attached(world, "pa.alice").await.is_empty(), "nothing is made");
    world.apply(&user("pa", &defs, "alice", "  roles: [reader]\n  suspended: true\n  accessKey: {}")).await;
    eventually(world, "alice is suspended", || async {
        active_keys(world, "pa.alice").await.is_empty() && inline(world, "pa.alice").await == ["tenantry-suspended"]
    })
    .await;
    let soon = Timestamp::now() + SignedDuration::from_secs(2);
    world.apply(&user("pa", &defs, "bob", &format!("  expiresAt: '{soon:.0}'\n  accessKey: {{}}"))).await;
    eventually(world, "bob's time is over", || async {
        active_keys(world, "pa.bob").await.is_empty() && inline(world, "pa.bob").await == ["tenantry-expiry"]
    })
    .await;
    assert!(attached(world, "pa.alice").await.is_empty());
    delete(world, &users, "carol").await;
    assert!(!exists(world, "pa.carol").await);

    // A paused Tenant pauses all that is in it; the pause of one ends with its annotation.
    annotate(&tenants(world), "pa", "tenantry.dev/paused", "true").await;
    says(world, &roles, "reader", "True", "Paused").await;
    world.apply(&user("pa", &defs, "dave", "  accessKey: {}")).await;
    drifted(world, &users, "dave", "user pa.dave").await;
    assert!(!exists(world, "pa.dave").await);
    annotate(&tenants(world), "pa", "tenantry.dev/paused", "false").await;
    annotate(&users, "alice", "tenantry.dev/paused", "false").await;
    ready(world, &users, "dave").await;
    says(world, &users, "alice", "True", "Suspended").await;
    eventually(world, "alice has her role", || async { attached(world, "pa.alice").await == ["pa.reader"] }).await;
    undrifted(world, &users, "alice").await;
    delete(world, &tenants(world), "pa").await;
    assert!(!exists(world, "pa.bob").await, "a pause does not stop a Tenant's end");
}

// proves: tenantry.dev/adopt
#[tokio::test]
async fn a_user_and_a_policy_without_a_mark_are_taken_over_and_anothers_never() {
    // The documented policy ends at our paths, and these are elsewhere.
    let world = &World::start(launch()).await;
    world.credentials_secret("aws", &world.moto.user_with_key("operator", ANYTHING).await).await;
    world.apply(&world.cloud_account("aws", "")).await;
    let iam = world.moto.iam();
    let defs = definitions("ad");
    for name in ["ad.alice", "ad.bob"] {
        iam.create_user().user_name(name).tags(tag("team", "people")).send().await.unwrap();
        iam.attach_user_policy().user_name(name).policy_arn(POWER).send().await.unwrap();
    }
    let marks = [("cluster", "elsewhere"), ("tenant", "ad"), ("owner", "tenantuser/ad-defs/bob")];
    let marks = marks.map(|(key, value)| tag(&format!("tenantry.dev/{key}"), value));
    iam.tag_user().user_name("ad.bob").set_tags(Some(marks.to_vec())).send().await.unwrap();
    let made = iam.create_policy().policy_name("ad.reader").policy_document(ANYTHING).send().await.unwrap();
    let arn = made.policy.unwrap().arn.unwrap();
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("ad", "")).await;
    world.apply(&role("ad", &defs, "reader")).await;
    for name in ["alice", "bob"] {
        world.apply(&user("ad", &defs, name, "  roles: [reader]\n  accessKey: {}")).await;
    }
    let (users, roles) = (of::<TenantUser>(world, &defs), of::<TenantRole>(world, &defs));
    says(world, &roles, "reader", "False", "NotOwned").await;
    says(world, &users, "alice", "False", "NotOwned").await;
    annotate(&roles, "reader", "tenantry.dev/adopt", "true").await;
    ready(world, &roles, "reader").await;
    for name in ["alice", "bob"] {
        annotate(&users, name, "tenantry.dev/adopt", "true").await;
    }
    ready(world, &users, "alice").await;
    // However long ago the account was read: whose it is, is looked up before it is taken.
    let theirs = |it: &TenantUser| message(it).contains("cluster elsewhere");
    world.until(users.clone(), "bob", "says whose it is", theirs).await;
    says(world, &users, "bob", "False", "NotOwned").await;

    // Taken over, they are ours: marked, and as the manifests say.
    let alice = iam.get_user().user_name("ad.alice").send().await.unwrap().user.unwrap();
    let keys: Vec<&str> = alice.tags().iter().map(|it| it.key()).collect();
    assert!(keys.contains(&"tenantry.dev/owner") && !keys.contains(&"team"), "{keys:?}");
    assert_eq!(attached(world, "ad.alice").await, ["ad.reader"]);
    let policy = iam.get_policy().policy_arn(&arn).send().await.unwrap().policy.unwrap();
    let version = policy.default_version_id().unwrap().to_owned();
    let version = iam.get_policy_version().policy_arn(&arn).version_id(version).send().await.unwrap();
    assert!(version.policy_version.unwrap().document.unwrap().contains("ListBucket"));
    let bob = iam.get_user().user_name("ad.bob").send().await.unwrap().user.unwrap();
    assert!(bob.tags().iter().any(|it| it.key() == "team"));
    assert_eq!(
        (attached(world, "ad.bob").await, active_keys(world, "ad.bob").await.len()),
        (vec!["PowerUserAccess".to_owned()], 0)
    );
    delete(world, &tenants(world), "ad").await;
    assert!(!exists(world, "ad.alice").await && exists(world, "ad.bob").await);
    assert!(iam.get_policy().policy_arn(&arn).send().await.is_err(), "what was taken over goes like the rest");
}

// proves: reconcile.fluxcd.io/requestedAt
#[tokio::test]
async fn flux_asks_for_fresh_reads_too() {
    let world = &own(launch().argument("--fresh-write=0"), "  driftCheckInterval: 1h").await;
    let defs = definitions("fl");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("fl", "")).await;
    world.apply(&user("fl", &defs, "alice", "")).await;
    let users = of::<TenantUser>(world, &defs);
    ready(world, &users, "alice").await;
    for key in ["reconcile.fluxcd.io/requestedAt", "tenantry.dev/reconcile"] {
        world.moto.iam().attach_user_policy().user_name("fl.alice").policy_arn(POWER).send().await.unwrap();
        annotate(&users, "alice", key, &format!("{key}-1")).await;
        eventually(world, "what was attached by hand is off", || async {
            attached(world, "fl.alice").await.is_empty()
        })
        .await;
    }
    delete(world, &tenants(world), "fl").await;
}
