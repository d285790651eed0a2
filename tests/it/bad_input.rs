//! Bad input gets a clear answer, and nothing is lost: what people get wrong in manifests, and what is taken already.

use aws_sdk_iam::types::Tag;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use tenantry::api::{Tenant, TenantRole, TenantUser};
use testbed::{Fault, World};

use crate::support::{
    active_keys, annotate, definitions, delete, eventually, exists, message, namespace, of, ready, role, says, shared,
    tenant, text, user,
};

fn tenants(world: &World) -> Api<Tenant> {
    Api::all(world.client())
}

// proves: TenantUser.spec.tenant TenantNotFound
#[tokio::test]
async fn an_unknown_tenant_is_waited_for() {
    let world = shared().await;
    let defs = definitions("bi-late");
    world.apply(&namespace(&defs)).await;
    world.apply(&user("bi-late", &defs, "alice", "")).await;
    let users = of::<TenantUser>(world, &defs);
    let alice = says(world, &users, "alice", "False", "TenantNotFound").await;
    assert!(message(&alice).contains("bi-late"), "{}", message(&alice));
    assert!(alice.finalizers().is_empty(), "nothing was made for it: it can be deleted freely");
    assert!(!exists(world, "bi-late.alice").await);
    world.apply(&tenant("bi-late", "")).await;
    ready(world, &users, "alice").await;
    assert!(exists(world, "bi-late.alice").await);
}

// proves: TenantUser.spec.roles Invalid
#[tokio::test]
async fn an_unknown_role_is_named_and_the_rest_is_provisioned() {
    let world = shared().await;
    let defs = definitions("bi-role");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("bi-role", "")).await;
    world.apply(&role("bi-role", &defs, "reader")).await;
    world.apply(&user("bi-role", &defs, "alice", "  roles: [reader, raeder]\n  accessKey: {}")).await;
    let users = of::<TenantUser>(world, &defs);
    let alice = says(world, &users, "alice", "False", "Invalid").await;
    assert!(message(&alice).contains("TenantRole raeder"), "{}", message(&alice));
    let secret = world.until(of::<Secret>(world, &defs), "alice-aws", "is there all the same", |_| true).await;
    assert_eq!(active_keys(world, "bi-role.alice").await, [text(&secret, "AWS_ACCESS_KEY_ID")]);
    eventually(world, "the role that is there is attached", || async {
        let answer = world.moto.iam().list_attached_user_policies().user_name("bi-role.alice").send().await.unwrap();
        answer.attached_policies().iter().any(|it| it.policy_name() == Some("bi-role.reader"))
    })
    .await;
    let owner = says(world, &tenants(world), "bi-role", "True", "Provisioned").await;
    assert!(message(&owner).contains("alice"), "the Tenant names who is not ready: {}", message(&owner));
    world.apply(&role("bi-role", &defs, "raeder")).await;
    ready(world, &users, "alice").await;
}

// proves: Tenant.spec.definitionNamespaces NotAllowed
#[tokio::test]
async fn a_namespace_that_may_not_name_the_tenant_makes_nothing() {
    let world = shared().await;
    world.apply(&namespace("bi-elsewhere")).await;
    world.apply(&namespace(&definitions("bi-closed"))).await;
    world.apply(&tenant("bi-closed", "")).await;
    world.apply(&role("bi-closed", "bi-elsewhere", "admin")).await;
    world.apply(&user("bi-closed", "bi-elsewhere", "mallory", "  roles: [admin]\n  accessKey: {}")).await;
    let users = of::<TenantUser>(world, "bi-elsewhere");
    let mallory = says(world, &users, "mallory", "False", "NotAllowed").await;
    assert!(message(&mallory).contains("bi-elsewhere"), "{}", message(&mallory));
    says(world, &of::<TenantRole>(world, "bi-elsewhere"), "admin", "False", "NotAllowed").await;
    ready(world, &tenants(world), "bi-closed").await;
    assert!(!exists(world, "bi-closed.mallory").await);
    assert!(of::<Secret>(world, "bi-elsewhere").get_opt("mallory-aws").await.unwrap().is_none());
    delete(world, &users, "mallory").await;
}

// proves: TenantRole.spec.aws.managedPolicies Tenant.spec.accounts[].managedPolicies
#[tokio::test]
async fn a_policy_that_does_not_exist_is_named() {
    let world = shared().await;
    let defs = definitions("bi-arn");
    let missing = "arn:aws:iam::123456789012:policy/not-there";
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("bi-arn", "")).await;
    let typed =
        role("bi-arn", &defs, "typo").replace("  aws:\n", &format!("  aws:\n    managedPolicies: ['{missing}']\n"));
    world.apply(&typed).await;
    world.apply(&user("bi-arn", &defs, "alice", "  roles: [typo]\n  accessKey: {}")).await;
    let users = of::<TenantUser>(world, &defs);
    let alice = says(world, &users, "alice", "False", "Invalid").await;
    assert!(message(&alice).contains(missing), "{}", message(&alice));
    eventually(world, "the rest is done", || async { active_keys(world, "bi-arn.alice").await.len() == 1 }).await;
    world.apply(&tenant("bi-arn2", &format!("  accounts: [{{name: aws, managedPolicies: ['{missing}']}}]"))).await;
    let owner = says(world, &tenants(world), "bi-arn2", "False", "Invalid").await;
    assert!(message(&owner).contains(missing), "{}", message(&owner));
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:List*","Resource":"*"}]}"#;
    world.moto.iam().create_policy().policy_name("not-there").policy_document(document).send().await.unwrap();
    annotate(&users, "alice", "tenantry.dev/reconcile", "now").await;
    ready(world, &users, "alice").await;
}

// proves: NotOwned
#[tokio::test]
async fn a_human_of_that_name_is_left_alone() {
    let world = shared().await;
    let iam = world.moto.iam();
    let defs = definitions("bi-human");
    let tag = Tag::builder().key("team").value("people").build().unwrap();
    iam.create_user().user_name("bi-human.alice").tags(tag).send().await.unwrap();
    let key = world.moto.another_key("bi-human.alice").await;
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("bi-human", "")).await;
    world.apply(&user("bi-human", &defs, "alice", "  accessKey: {}")).await;
    let users = of::<TenantUser>(world, &defs);
    let alice = says(world, &users, "alice", "False", "NotOwned").await;
    assert!(message(&alice).contains("bi-human.alice") && message(&alice).contains("adopt"), "{}", message(&alice));
    delete(world, &users, "alice").await;
    delete(world, &tenants(world), "bi-human").await;
    let human = iam.get_user().user_name("bi-human.alice").send().await.unwrap().user.unwrap();
    assert_eq!(human.tags().iter().map(|it| it.key()).collect::<Vec<_>>(), ["team"]);
    assert_eq!(active_keys(world, "bi-human.alice").await, [key.access_key_id]);
    assert!(iam.list_groups_for_user().user_name("bi-human.alice").send().await.unwrap().groups().is_empty());
}

// proves: TenantUser.spec.accessKey NotOwned
#[tokio::test]
async fn a_foreign_secret_is_never_overwritten() {
    let world = shared().await;
    let defs = definitions("bi-secret");
    world.apply(&namespace(&defs)).await;
    let secrets = of::<Secret>(world, &defs);
    let mut foreign: Secret =
        Secret { data: Some([("password".to_owned(), ByteString(b"theirs".to_vec()))].into()), ..Secret::default() };
    foreign.metadata.name = Some("alice-aws".to_owned());
    let before = secrets.create(&PostParams::default(), &foreign).await.unwrap();
    world.apply(&tenant("bi-secret", "")).await;
    world.apply(&user("bi-secret", &defs, "alice", "  accessKey: {}")).await;
    let users = of::<TenantUser>(world, &defs);
    let alice = says(world, &users, "alice", "False", "NotOwned").await;
    assert!(message(&alice).contains("alice-aws"), "{}", message(&alice));
    assert_eq!(secrets.get("alice-aws").await.unwrap(), before, "byte for byte");
    let keys = world.moto.iam().list_access_keys().user_name("bi-secret.alice").send().await.unwrap();
    assert!(keys.access_key_metadata().is_empty(), "no key whose secret half would be lost");
    delete(world, &users, "alice").await;
    assert_eq!(secrets.get("alice-aws").await.unwrap(), before);
}

// proves: TenantUser.spec.accessKey
#[tokio::test]
async fn a_lost_secret_is_made_again_with_a_new_key() {
    let world = shared().await;
    let defs = definitions("bi-lost");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("bi-lost", "")).await;
    world.apply(&user("bi-lost", &defs, "alice", "  accessKey: {}")).await;
    ready(world, &of::<TenantUser>(world, &defs), "alice").await;
    let secrets = of::<Secret>(world, &defs);
    let old = text(&secrets.get("alice-aws").await.unwrap(), "AWS_ACCESS_KEY_ID");
    secrets.delete("alice-aws", &DeleteParams::default()).await.unwrap();
    let new = world.until(secrets, "alice-aws", "made again", |it| text(it, "AWS_ACCESS_KEY_ID") != old).await;
    let new = text(&new, "AWS_ACCESS_KEY_ID");
    let users = of::<TenantUser>(world, &defs);
    let one = |it: &TenantUser| {
        let keys = &it.status.as_ref().unwrap().accounts[0].access_keys;
        keys.len() == 1 && keys[0].id == new
    };
    world.until(users, "alice", "has the new key and no other", one).await;
    assert_eq!(active_keys(world, "bi-lost.alice").await, [new]);
}

#[tokio::test]
async fn a_namespace_that_terminates_under_a_new_key_leaves_no_key() {
    let world = shared().await;
    let defs = definitions("bi-ends");
    world.apply(&namespace(&defs)).await;
    // What keeps the namespace from going at once, so that it is seen terminating.
    let keeper = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: keeper, namespace: bi-ends-defs, finalizers: [example.com/keep]}\n";
    world.apply(keeper).await;
    world.apply(&tenant("bi-ends", "")).await;
    ready(world, &tenants(world), "bi-ends").await;
    world.moto.faults(&[Fault::delay("CreateAccessKey", 3.0).only("UserName", "bi-ends\\.alice")]).await;
    world.apply(&user("bi-ends", &defs, "alice", "  accessKey: {}")).await;
    let mut asked = false;
    while !asked {
        let calls = world.moto.requests().await;
        asked = calls.iter().any(|it| {
            it.action == "CreateAccessKey" && it.parameters.get("UserName").is_some_and(|user| user == "bi-ends.alice")
        });
        tokio::task::yield_now().await;
    }
    let namespaces: Api<Namespace> = Api::all(world.client());
    namespaces.delete(&defs, &DeleteParams::default()).await.unwrap();
    world.gone(of::<TenantUser>(world, &defs), "alice").await;
    assert!(!exists(world, "bi-ends.alice").await, "with its key");
    assert!(of::<Secret>(world, &defs).get_opt("alice-aws").await.unwrap().is_none());
    let free = serde_json::json!({"metadata": {"finalizers": null}});
    of::<ConfigMap>(world, &defs).patch("keeper", &PatchParams::default(), &Patch::Merge(free)).await.unwrap();
    world.gone(namespaces, &defs).await;
}

// proves: TenantRole.spec.tenant
#[tokio::test]
async fn a_tenant_goes_with_its_own_manifests_and_leaves_those_of_others() {
    let world = shared().await;
    let defs = definitions("bi-goes");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("bi-goes", "")).await;
    ready(world, &tenants(world), "bi-goes").await;
    world.apply(&role("bi-goes", "bi-goes", "inside")).await;
    world.apply(&user("bi-goes", "bi-goes", "alice", "  roles: [inside, outside]\n  accessKey: {}")).await;
    world.apply(&role("bi-goes", &defs, "outside")).await;
    world.apply(&user("bi-goes", &defs, "bob", "  roles: [inside, outside]\n  accessKey: {}")).await;
    ready(world, &of::<TenantUser>(world, "bi-goes"), "alice").await;
    let users = of::<TenantUser>(world, &defs);
    ready(world, &users, "bob").await;
    delete(world, &tenants(world), "bi-goes").await;
    world.gone(of::<TenantUser>(world, "bi-goes"), "alice").await;
    world.gone(Api::<Namespace>::all(world.client()), "bi-goes").await;
    for user in ["bi-goes.alice", "bi-goes.bob"] {
        assert!(!exists(world, user).await, "{user}");
    }
    assert!(of::<Secret>(world, &defs).get_opt("bob-aws").await.unwrap().is_none());
    let bob = says(world, &users, "bob", "False", "TenantNotFound").await;
    assert_eq!(bob.spec.roles, ["inside", "outside"], "untouched");
    delete(world, &users, "bob").await;
    delete(world, &of::<TenantRole>(world, &defs), "outside").await;
}

#[tokio::test]
async fn manifests_converge_in_any_order() {
    let world = shared().await;
    let seed: u64 = rand::rng().random();
    println!("seed {seed}");
    let mut order = rand::rngs::StdRng::seed_from_u64(seed);
    for round in 0..3 {
        let name = format!("bi-order{round}");
        let defs = definitions(&name);
        world.apply(&namespace(&defs)).await;
        let mut manifests = vec![
            tenant(&name, ""),
            role(&name, &defs, "reader"),
            role(&name, &defs, "writer"),
            user(&name, &defs, "alice", "  roles: [reader, writer]\n  accessKey: {}"),
            user(&name, &defs, "bob", "  roles: [writer]"),
        ];
        manifests.shuffle(&mut order);
        for manifest in manifests {
            world.apply(&manifest).await;
        }
        ready(world, &of::<TenantUser>(world, &defs), "alice").await;
        ready(world, &of::<TenantUser>(world, &defs), "bob").await;
        ready(world, &of::<TenantRole>(world, &defs), "reader").await;
        let owner = ready(world, &tenants(world), &name).await;
        assert_eq!(owner.status.unwrap().users, Some(2));
    }
}

// proves: TenantUser.spec.tenant
#[tokio::test]
async fn a_user_cannot_be_moved_to_another_tenant() {
    let world = shared().await;
    let defs = definitions("bi-moved");
    world.apply(&namespace(&defs)).await;
    world.apply(&user("bi-moved", &defs, "alice", "")).await;
    let moved = testbed::apply::apply(&world.client(), &user("bi-other", &defs, "alice", "")).await;
    let why = moved.expect_err("the tenant is immutable").to_string();
    assert!(why.contains("immutable") && why.contains("new TenantUser"), "{why}");
}

#[tokio::test]
async fn a_forged_mark_gives_nothing_and_takes_nothing() {
    let world = shared().await;
    let (iam, defs) = (world.moto.iam(), definitions("bi-forge"));
    let cluster = world.control_plane.cluster_id().await;
    let marks = |owner: &str| {
        let all = [("cluster", cluster.as_str()), ("tenant", "bi-forge"), ("owner", owner), ("uid", "u")];
        Some(
            all.map(|(key, value)| Tag::builder().key(format!("tenantry.dev/{key}")).value(value).build().unwrap())
                .to_vec(),
        )
    };
    // A stranger that carries all of our marks, elsewhere than where the operator makes users.
    let stranger = iam.create_user().user_name("bi-forge.alice").set_tags(marks("tenantuser/bi-forge-defs/alice"));
    stranger.send().await.unwrap();
    let key = world.moto.another_key("bi-forge.alice").await;
    world.apply(&(namespace(&defs) + &tenant("bi-forge", ""))).await;
    let users = of::<TenantUser>(world, &defs);
    world.apply(&user("bi-forge", &defs, "alice", "  accessKey: {}")).await;
    let alice = says(world, &users, "alice", "False", "NotOwned").await;
    assert!(message(&alice).contains("bi-forge.alice"), "{}", message(&alice));
    annotate(&users, "alice", "tenantry.dev/reconcile", "with fresh reads").await;
    says(world, &users, "alice", "False", "NotOwned").await;

    delete(world, &users, "alice").await;
    delete(world, &tenants(world), "bi-forge").await;
    assert_eq!(active_keys(world, "bi-forge.alice").await, [key.access_key_id], "the stranger is as it was");
}

// proves: Tenant.spec.limits Tenant.spec.limits.{users,accessKeys} Tenant.status.limits[] LimitExceeded
#[tokio::test]
async fn limits_that_are_lowered_below_use_remove_nothing() {
    let world = shared().await;
    let (defs, users) = (definitions("bi-less"), of::<TenantUser>(world, &definitions("bi-less")));
    world.apply(&(namespace(&defs) + &tenant("bi-less", "  limits: {users: 3, accessKeys: 2}"))).await;
    for name in ["first", "second"] {
        world.apply(&user("bi-less", &defs, name, "  accessKey: {}")).await;
        ready(world, &users, name).await;
    }
    world.apply(&user("bi-less", &defs, "third", "  accessKey: {}")).await;
    let third = says(world, &users, "third", "False", "LimitExceeded").await;
    assert!(message(&third).contains("3 accessKeys") && message(&third).contains("is 2"), "{}", message(&third));
    assert!(!exists(world, "bi-less.third").await, "refused before the first call");
    world.apply(&tenant("bi-less", "  limits: {users: 1}")).await;
    let second = says(world, &users, "second", "False", "LimitExceeded").await;
    assert!(message(&second).contains("2 users") && message(&second).contains("is 1"), "{}", message(&second));
    ready(world, &users, "first").await;
    let owner = ready(world, &tenants(world), "bi-less").await;
    let limits = owner.status.unwrap().limits.into_iter().map(|it| (it.name, it.used, it.limit)).collect::<Vec<_>>();
    assert!(limits.contains(&("users".to_owned(), 3, 1)), "{limits:?}");
    for name in ["first", "second"] {
        let secret = of::<Secret>(world, &defs).get(&format!("{name}-aws")).await.unwrap();
        assert_eq!(
            active_keys(world, &format!("bi-less.{name}")).await,
            [text(&secret, "AWS_ACCESS_KEY_ID")],
            "{name}"
        );
    }
    world.apply(&tenant("bi-less", "")).await;
    for name in ["first", "second", "third"] {
        ready(world, &users, name).await;
    }
    delete(world, &tenants(world), "bi-less").await;
}

#[tokio::test]
async fn a_secret_that_is_restored_from_a_backup_with_a_dead_key_gets_one_that_works() {
    let world = shared().await;
    let (defs, users) = (definitions("bi-back"), of::<TenantUser>(world, &definitions("bi-back")));
    let secrets = of::<Secret>(world, &defs);
    world
        .apply(&(namespace(&defs) + &tenant("bi-back", "") + &user("bi-back", &defs, "alice", "  accessKey: {}")))
        .await;
    ready(world, &users, "alice").await;
    let mut backup = secrets.get("alice-aws").await.unwrap();
    let dead = text(&backup, "AWS_ACCESS_KEY_ID");
    secrets.delete("alice-aws", &DeleteParams::default()).await.unwrap();
    let lives =
        world.until(secrets.clone(), "alice-aws", "made again", |it| text(it, "AWS_ACCESS_KEY_ID") != dead).await;
    let lives = text(&lives, "AWS_ACCESS_KEY_ID");
    eventually(world, "the first key is dead", || async {
        active_keys(world, "bi-back.alice").await == [lives.clone()]
    })
    .await;
    ready(world, &users, "alice").await;
    // As a backup tool does it: over what is there.
    (backup.metadata.resource_version, backup.metadata.uid, backup.metadata.managed_fields) = (None, None, None);
    let forced = PatchParams::apply("backup").force();
    secrets.patch("alice-aws", &forced, &Patch::Apply(&backup)).await.unwrap();
    let fresh = |it: &Secret| ![dead.clone(), lives.clone()].contains(&text(it, "AWS_ACCESS_KEY_ID"));
    let fresh = world.until(secrets, "alice-aws", "a key that works is published", fresh).await;
    let id = text(&fresh, "AWS_ACCESS_KEY_ID");
    let key = testbed::aws::Credentials::new(&id, &text(&fresh, "AWS_SECRET_ACCESS_KEY"));
    world.moto.sts_as(&key).get_caller_identity().send().await.expect("it works");
    // The other one is younger than an hour and in no Secret: nobody has it.
    eventually(world, "it is the only one", || async { active_keys(world, "bi-back.alice").await == [id.clone()] })
        .await;
    ready(world, &users, "alice").await;
    delete(world, &tenants(world), "bi-back").await;
}
