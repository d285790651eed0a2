//! Keys and passwords on RAM: rotation, a lost Secret, keys at the limit of two, and console logins.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams};
use tenantry::api::{Tenant, TenantUser};
use testbed::alibaba::ACCOUNT_ID;

use super::{
    active_keys, another, has_login, key_in, keys, looks_at_group, may, principal, role, role_of, shared, tenant, user,
};
use crate::support::{annotate, definitions, delete, eventually, message, of, ready, reconcile, says, text};

fn id(secret: &Secret) -> String {
    text(secret, "ALIBABA_CLOUD_ACCESS_KEY_ID")
}

// proves: TenantUser.spec.accessKey TenantUser.spec.accessKey.rotation TenantUser.spec.accessKey.rotation.{every,overlap}
#[tokio::test]
async fn a_key_is_replaced_and_a_lost_one_made_again() {
    let world = shared().await;
    let defs = definitions("ak");
    let (users, secrets) = (of::<TenantUser>(world, &defs), of::<Secret>(world, &defs));
    world.apply(&(tenant("ak", "") + &role("ak", "reader"))).await;
    let alice = |key: &str| user("ak", "alice", &format!("  roles: [reader]\n  accessKey: {{{key}}}"));
    world.apply(&alice("rotation: {every: 8s, overlap: 2s}")).await;
    ready(world, &users, "alice").await;
    let first = secrets.get("alice-ali").await.unwrap();
    let second = world.until(secrets.clone(), "alice-ali", "another key", |it| id(it) != id(&first)).await;
    assert!(looks_at_group(world, &key_in(&second), "ak").await, "the new key works when it is published");
    eventually(world, "the first key is gone", || async {
        let keys = keys(world, "ak.alice").await;
        assert!(keys.len() <= 2, "{keys:?}");
        !keys.contains_key(&id(&first))
    })
    .await;
    let calls = world.alibaba.requests().await.into_iter();
    let of_first = calls.filter(|it| it.parameters.get("UserAccessKeyId").is_some_and(|key| *key == id(&first)));
    let deeds: Vec<String> = of_first.map(|it| it.action).filter(|it| !it.starts_with("Get")).collect();
    assert_eq!(deeds, ["UpdateAccessKey", "DeleteAccessKey"], "inactive first, then deleted");

    // The Secret is lost, and with it the key.
    world.apply(&alice("rotation: {every: 90d, overlap: 24h}")).await;
    eventually(world, "one key is left", || async {
        let now = secrets.get("alice-ali").await.unwrap();
        active_keys(world, "ak.alice").await == [id(&now)]
    })
    .await;
    ready(world, &users, "alice").await;
    let old = secrets.get("alice-ali").await.unwrap();
    secrets.delete("alice-ali", &DeleteParams::default()).await.unwrap();
    let new = world.until(secrets.clone(), "alice-ali", "made again", |it| id(it) != id(&old)).await;
    eventually(world, "it is the only one", || async { active_keys(world, "ak.alice").await == [id(&new)] }).await;
    // What somebody makes by hand goes, and the Secret's stays.
    world.alibaba.another_key("ak.alice").await;
    reconcile(world, &users, "alice", "keys").await;
    eventually(world, "it is the only one", || async { active_keys(world, "ak.alice").await == [id(&new)] }).await;
    // Taken out: keys and Secret go.
    world.apply(&user("ak", "alice", "  roles: [reader]")).await;
    world.gone(secrets, "alice-ali").await;
    ready(world, &users, "alice").await;
    assert!(keys(world, "ak.alice").await.is_empty());
    delete(world, &Api::<Tenant>::all(world.client()), "ak").await;
}

// proves: QuotaExceeded
#[tokio::test]
async fn keys_at_the_limit_of_two_are_told_and_nobodys_key_is_taken() {
    let world = shared().await;
    let users = of::<TenantUser>(world, &definitions("al"));
    world.apply(&another(world, "rep", "  namePrefix: rep-\n  extras: Report\n  driftCheckInterval: 1s")).await;
    world.apply(&(tenant("al", "  accounts: [{name: rep}]") + &user("al", "alice", ""))).await;
    ready(world, &users, "alice").await;
    for _ in 0..2 {
        world.alibaba.another_key("rep-al.alice").await;
    }
    let by_hand = active_keys(world, "rep-al.alice").await;
    world.apply(&user("al", "alice", "  accessKey: {}")).await;
    reconcile(world, &users, "alice", "keys").await;
    let told = says(world, &users, "alice", "False", "QuotaExceeded").await;
    assert!(message(&told).contains("2 access keys") && message(&told).contains("RAM allows"), "{}", message(&told));
    assert_eq!(active_keys(world, "rep-al.alice").await, by_hand);
    let gone = [("UserName", "rep-al.alice"), ("UserAccessKeyId", by_hand[0].as_str())];
    world.alibaba.root().done("DeleteAccessKey", &gone).await;
    reconcile(world, &users, "alice", "again").await;
    ready(world, &users, "alice").await;
    assert_eq!(active_keys(world, "rep-al.alice").await.len(), 2, "theirs, and the Secret's");
    delete(world, &Api::<Tenant>::all(world.client()), "al").await;
    delete(world, &Api::<tenantry::api::CloudAccount>::all(world.client()), "rep").await;
}

// proves: TenantUser.spec.console TenantUser.spec.console.passwordResetRequired
#[tokio::test]
async fn the_first_password_of_a_console_login_is_in_its_secret_and_works() {
    let world = shared().await;
    let defs = definitions("ac");
    let (users, secrets) = (of::<TenantUser>(world, &defs), of::<Secret>(world, &defs));
    let own = "effect: Allow, actions: ['ram:ChangePassword'], resources: ['*']";
    world.apply(&(tenant("ac", "") + &role_of("ac", "own", "", &[own]))).await;
    world.apply(&user("ac", "alice", "  roles: [own]\n  accessKey: {}\n  console: {}")).await;
    world.apply(&user("ac", "robot", "  console: {passwordResetRequired: false}")).await;
    for name in ["alice", "robot"] {
        ready(world, &users, name).await;
    }
    let secret = secrets.get("alice-ali-console").await.unwrap();
    assert_eq!(text(&secret, "username"), principal("ac.alice"));
    assert_eq!(text(&secret, "url"), format!("https://signin.aliyun.com/{ACCOUNT_ID}.onaliyun.com/login.htm"));
    let reset = async |name: &str| {
        let answer = world.alibaba.root().done("GetLoginProfile", &[("UserName", name)]).await;
        answer["LoginProfile"]["PasswordResetRequired"].as_bool().unwrap()
    };
    assert!(reset("ac.alice").await && !reset("ac.robot").await);
    // No log on the way shows the password, and she can change it, for which she must know it.
    let first = text(&secret, "password");
    let requests = serde_json::to_string(&world.alibaba.see("requests").await).unwrap();
    assert!(!requests.contains(&first));
    let alice = world.alibaba.client(key_in(&secrets.get("alice-ali").await.unwrap()));
    let change = [("OldPassword", first.as_str()), ("NewPassword", "Another-one-9")];
    assert!(may(&alice, "ChangePassword", &change).await);
    let wrong = alice.ram("ChangePassword", &change).await;
    assert_eq!(wrong.code(), "InvalidParameter.OldPassword");

    // Another one, once for each wish.
    annotate(&users, "alice", "tenantry.dev/reset-password", "lost it").await;
    let second = |it: &Secret| text(it, "password") != first;
    let secret = world.until(secrets.clone(), "alice-ali-console", "another password", second).await;
    let second = text(&secret, "password");
    let change = [("OldPassword", second.as_str()), ("NewPassword", "A-third-one-10")];
    eventually(world, "it is in force", || async { alice.ram("ChangePassword", &change).await.status == 200 }).await;

    // Somebody deletes the login: it is back; somebody makes one that nobody asked for: it goes.
    world.alibaba.root().done("DeleteLoginProfile", &[("UserName", "ac.alice")]).await;
    world.apply(&user("ac", "plain", "")).await;
    ready(world, &users, "plain").await;
    let by_hand = [("UserName", "ac.plain"), ("Password", "By-hand-12345!")];
    world.alibaba.root().done("CreateLoginProfile", &by_hand).await;
    reconcile(world, &users, "plain", "logins").await;
    eventually(world, "logins are as manifests say", || async {
        has_login(world, "ac.alice").await && !has_login(world, "ac.plain").await
    })
    .await;
    world.apply(&user("ac", "alice", "  roles: [own]\n  accessKey: {}")).await;
    world.gone(secrets, "alice-ali-console").await;
    ready(world, &users, "alice").await;
    assert!(!has_login(world, "ac.alice").await);
    delete(world, &Api::<Tenant>::all(world.client()), "ac").await;
}
