//! Console logins: the first password is in its Secret and works, and the login goes where the manifest says so.

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::Role;
use kube::api::Api;
use tenantry::api::{Tenant, TenantUser};
use testbed::{Fault, World};

use crate::support::{
    annotate, definitions, delete, eventually, message, namespace, of, own, ready, reconcile, restart, says, shared,
    tenant, text, user,
};
use crate::tenant::launch;

const CONSOLE: &str = "  console: {}";

fn password(secret: &Secret) -> String {
    text(secret, "password")
}

async fn signs_in(world: &World, user: &str, secret: &Secret) -> bool {
    world.moto.signs_in(user, &password(secret)).await
}

async fn has_login(world: &World, user: &str) -> bool {
    world.moto.iam().get_login_profile().user_name(user).send().await.is_ok()
}

// proves: TenantUser.spec.console TenantUser.spec.console.passwordResetRequired
#[tokio::test]
async fn the_first_password_is_in_its_secret_and_works() {
    let world = shared().await;
    let defs = definitions("co");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("co", "")).await;
    let subject = "\n  kubernetes: {kind: User, name: alice@co.example}";
    world.apply(&user("co", &defs, "alice", &format!("{CONSOLE}{subject}"))).await;
    world.apply(&user("co", &defs, "robot", "  console: {passwordResetRequired: false}")).await;
    let (users, secrets) = (of::<TenantUser>(world, &defs), of::<Secret>(world, &defs));
    for name in ["alice", "robot"] {
        ready(world, &users, name).await;
    }
    let secret = secrets.get("alice-aws-console").await.unwrap();
    assert_eq!(text(&secret, "username"), "co.alice");
    assert_eq!(text(&secret, "url"), "https://123456789012.signin.aws.amazon.com/console");
    let first = password(&secret);
    assert!(first.len() >= 24, "{} characters", first.len());
    for kind in [char::is_lowercase, char::is_uppercase, char::is_numeric, |c: char| c.is_ascii_punctuation()] {
        assert!(first.chars().any(kind));
    }
    assert!(signs_in(world, "co.alice", &secret).await);
    assert_eq!(secret.metadata.owner_references.as_ref().unwrap()[0].name, "alice");
    assert!(secrets.get_opt("alice-aws").await.unwrap().is_none(), "a login is no access key");
    let profile = |name: &'static str| async move {
        let answer = world.moto.iam().get_login_profile().user_name(name).send().await.unwrap();
        answer.login_profile.unwrap().password_reset_required
    };
    assert!(profile("co.alice").await && !profile("co.robot").await);
    // She may read exactly that.
    let role = of::<Role>(world, &defs).get("tenantry:user:alice").await.unwrap();
    assert_eq!(role.rules.unwrap()[0].resource_names, Some(vec!["alice-aws-console".to_owned()]));

    // Suspended, the login is off and the Secret stays; undone, it is as it was.
    world.apply(&user("co", &defs, "alice", &format!("{CONSOLE}{subject}\n  suspended: true"))).await;
    says(world, &users, "alice", "True", "Suspended").await;
    assert!(!has_login(world, "co.alice").await);
    assert_eq!(password(&secrets.get("alice-aws-console").await.unwrap()), first);
    world.apply(&user("co", &defs, "alice", &format!("{CONSOLE}{subject}"))).await;
    ready(world, &users, "alice").await;
    assert!(signs_in(world, "co.alice", &secret).await, "restored exactly");
    assert_eq!(password(&secrets.get("alice-aws-console").await.unwrap()), first);

    // Somebody deletes the login in the account.
    world.moto.iam().delete_login_profile().user_name("co.alice").send().await.unwrap();
    reconcile(world, &users, "alice", "logins").await;
    eventually(world, "it is back", || async { signs_in(world, "co.alice", &secret).await }).await;
    // Somebody makes one that nobody asked for.
    world.apply(&user("co", &defs, "plain", "")).await;
    ready(world, &users, "plain").await;
    let by_hand = world.moto.iam().create_login_profile().user_name("co.plain").password("By-hand-12345!");
    by_hand.send().await.unwrap();
    reconcile(world, &users, "plain", "logins").await;
    eventually(world, "it is gone", || async { !has_login(world, "co.plain").await }).await;

    // Taken out: login and Secret go, and the user stays.
    world.apply(&user("co", &defs, "alice", "")).await;
    world.gone(secrets.clone(), "alice-aws-console").await;
    ready(world, &users, "alice").await;
    assert!(!has_login(world, "co.alice").await);
    let tenants: Api<Tenant> = Api::all(world.client());
    delete(world, &tenants, "co").await;
    assert!(secrets.get_opt("robot-aws-console").await.unwrap().is_none());
}

// proves: tenantry.dev/reset-password
#[tokio::test]
async fn another_password_is_made_once_for_each_wish_and_a_kill_forgets_none() {
    let launch = launch();
    let mut world = own(launch.clone(), "").await;
    let defs = definitions("cr");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("cr", "")).await;
    world.apply(&user("cr", &defs, "alice", CONSOLE)).await;
    let (users, secrets) = (of::<TenantUser>(&world, &defs), of::<Secret>(&world, &defs));
    ready(&world, &users, "alice").await;
    let first = secrets.get("alice-aws-console").await.unwrap();
    annotate(&users, "alice", "tenantry.dev/reset-password", "lost it").await;
    let other = |before: &Secret| {
        let before = password(before);
        move |it: &Secret| password(it) != before
    };
    let second = world.until(secrets.clone(), "alice-aws-console", "another password", other(&first)).await;
    eventually(&world, "it is in force", || async { signs_in(&world, "cr.alice", &second).await }).await;
    assert!(!signs_in(&world, "cr.alice", &first).await);
    // The same wish is not fulfilled again, whoever runs.
    restart(&mut world, &launch).await;
    reconcile(&world, &users, "alice", "again").await;
    ready(&world, &users, "alice").await;
    assert_eq!(password(&secrets.get("alice-aws-console").await.unwrap()), password(&second));

    // Killed between the Secret and the login.
    world.moto.faults(&[Fault::delay("CreateLoginProfile", 5.0)]).await;
    world.moto.reset_calls().await;
    annotate(&users, "alice", "tenantry.dev/reset-password", "lost that, too").await;
    eventually(&world, "the login is being set", || async {
        world.moto.calls().await.contains_key("CreateLoginProfile")
    })
    .await;
    world.operator.kill();
    world.moto.faults(&[]).await;
    let third = secrets.get("alice-aws-console").await.unwrap();
    assert_ne!(password(&third), password(&second));
    restart(&mut world, &launch).await;
    eventually(&world, "the password in the Secret is put in force", || async {
        signs_in(&world, "cr.alice", &third).await
    })
    .await;
    // Suspended by one life of the process and restored by the next.
    world.apply(&user("cr", &defs, "alice", &format!("{CONSOLE}\n  suspended: true"))).await;
    says(&world, &users, "alice", "True", "Suspended").await;
    world.operator.kill();
    world.apply(&user("cr", &defs, "alice", CONSOLE)).await;
    restart(&mut world, &launch).await;
    eventually(&world, "the login is back", || async { signs_in(&world, "cr.alice", &third).await }).await;
    delete(&world, &Api::<Tenant>::all(world.client()), "cr").await;
}

#[tokio::test]
async fn a_strict_password_policy_is_met_and_a_foreign_secret_is_left_alone() {
    let world = &own(launch(), "").await;
    let defs = definitions("cp");
    world.apply(&namespace(&defs)).await;
    let theirs = format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: bob-aws-console, namespace: {defs}}}\nstringData: {{a: b}}\n"
    );
    world.apply(&theirs).await;
    let policy = world.moto.iam().update_account_password_policy().minimum_password_length(100);
    let policy = policy.require_symbols(true).require_numbers(true).require_lowercase_characters(true);
    policy.require_uppercase_characters(true).send().await.unwrap();
    world.apply(&tenant("cp", "")).await;
    world.apply(&user("cp", &defs, "alice", CONSOLE)).await;
    world.apply(&user("cp", &defs, "bob", CONSOLE)).await;
    let (users, secrets) = (of::<TenantUser>(world, &defs), of::<Secret>(world, &defs));
    ready(world, &users, "alice").await;
    let secret = secrets.get("alice-aws-console").await.unwrap();
    assert!(password(&secret).len() >= 100 && signs_in(world, "cp.alice", &secret).await);
    let refused = says(world, &users, "bob", "False", "NotOwned").await;
    assert!(message(&refused).contains("bob-aws-console"), "{}", message(&refused));
    assert!(!has_login(world, "cp.bob").await, "no login without a place for its password");
    assert_eq!(text(&secrets.get("bob-aws-console").await.unwrap(), "a"), "b");
    secrets.delete("bob-aws-console", &Default::default()).await.unwrap();
    reconcile(world, &users, "bob", "again").await;
    ready(world, &users, "bob").await;
    delete(world, &Api::<Tenant>::all(world.client()), "cp").await;
}
