//! What a CloudAccount on Alibaba Cloud says of the whole account: rules for passwords, actions denied to everyone, and
//! what becomes of what is deleted.

use kube::api::Api;
use serde_json::{Value, json};
use tenantry::api::{CloudAccount, Tenant, TenantUser};
use testbed::World;
use testbed::alibaba::IMS;

use super::{
    account, active_keys, attached, has_login, key, may, names, policies, policy, principal, role_of, tenant, user,
};
use crate::modes::drifted;
use crate::support::{ALIBABA, definitions, delete, eventually, message, of, own_alibaba, ready, says, text};
use crate::tenant::launch;

const PASSWORDS: &str = "  driftCheckInterval: 1s\n  passwordPolicy: {minimumLength: 10, requireLowercase: true, requireUppercase: true, \
    requireNumbers: true, requireSymbols: true, maxAgeDays: 90, reusePrevention: 5, hardExpiry: true, maxLoginAttempts: 5}";
const DENIED: &str = "\n  deniedActions: ['ram:List*', 'sts:AssumeRole']";

async fn rules(world: &World) -> Value {
    world.alibaba.root().done("GetPasswordPolicy", &[]).await["PasswordPolicy"].clone()
}

async fn deleted(world: &World, list: &str, parameters: &[(&str, &str)]) -> Value {
    let answer = world.alibaba.root().rpc(IMS, list, parameters).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

/// The users and keys of that name in the recycle bin.
async fn in_bin(world: &World, user: &str) -> (usize, usize) {
    let users = deleted(world, "ListUsersInRecycleBin", &[("Filter", user)]).await;
    let keys = deleted(world, "ListAccessKeysInRecycleBin", &[("UserPrincipalName", &principal(user))]).await;
    let count = |list: &Value| list.as_array().map_or(0, Vec::len);
    (count(&users["Users"]["User"]), count(&keys["AccessKeys"]["AccessKey"]))
}

// proves: CloudAccount.spec.passwordPolicy CloudAccount.spec.passwordPolicy.{maxLoginAttempts,hardExpiry}
// proves: CloudAccount.spec.passwordPolicy.{minimumLength,requireLowercase,requireUppercase,requireNumbers,requireSymbols}
// proves: CloudAccount.spec.passwordPolicy.{maxAgeDays,reusePrevention} CloudAccount.spec.deniedActions
// proves: CloudAccount.spec.alibaba.recycleBin
#[tokio::test]
async fn rules_for_passwords_denied_actions_and_the_recycle_bin_are_as_the_account_says() {
    let world = &own_alibaba(launch().argument("--fresh-write=0"), PASSWORDS).await;
    let before = account(world).await;
    let (accounts, tenants) = (Api::<CloudAccount>::all(world.client()), Api::<Tenant>::all(world.client()));
    let defs = definitions("aw");
    let users = of::<TenantUser>(world, &defs);
    ready(world, &accounts, ALIBABA).await;
    let wanted = json!({
        "MinimumPasswordLength": 10, "RequireLowercaseCharacters": true, "RequireUppercaseCharacters": true,
        "RequireNumbers": true, "RequireSymbols": true, "HardExpiry": true, "MaxPasswordAge": 90,
        "PasswordReusePrevention": 5, "MaxLoginAttemps": 5,
    });
    assert_eq!(rules(world).await, wanted);
    // Changed by hand: put back, whole. A password that the operator makes meets the rules.
    let weaker = [("MinimumPasswordLength", "8"), ("MaxLoginAttemps", "0"), ("RequireSymbols", "false")];
    world.alibaba.root().done("SetPasswordPolicy", &weaker).await;
    eventually(world, "the rules are put back", || async { rules(world).await == wanted }).await;
    world.apply(&tenant("aw", "")).await;
    world.apply(&user("aw", "login", "  console: {}")).await;
    ready(world, &users, "login").await;
    assert!(has_login(world, "aw.login").await);

    // Another CloudAccount that is the same account and wants other rules: both say so. Taken out, they are nobody's.
    let other = PASSWORDS.replace("minimumLength: 10", "minimumLength: 12");
    let twin = world.alibaba_account(ALIBABA, &other).replacen("{name: ali}", "{name: twin}", 1);
    world.apply(&twin).await;
    for name in ["twin", ALIBABA] {
        let said = says(world, &accounts, name, "False", "Invalid").await;
        assert!(message(&said).contains("passwordPolicy"), "{}", message(&said));
    }
    assert_eq!(rules(world).await, wanted);
    delete(world, &accounts, "twin").await;
    ready(world, &accounts, ALIBABA).await;

    // Denied to everyone, whatever roles allow: one policy that all share.
    world.apply(&world.alibaba_account(ALIBABA, &format!("{PASSWORDS}{DENIED}"))).await;
    world
        .apply(&role_of("aw", "all", "", &["effect: Allow, actions: ['ram:Get*', 'ram:List*'], resources: ['*']"]))
        .await;
    for name in ["alice", "bob"] {
        world.apply(&user("aw", name, "  roles: [all]\n  accessKey: {}")).await;
        ready(world, &users, name).await;
        assert_eq!(attached(world, &format!("aw.{name}")).await, names(["aw-all", "tenantry-denied"]));
    }
    assert_eq!(policies(world, "tenantry-denied").await.len(), 1);
    let key = key(world, "aw", "alice").await;
    let alice = world.alibaba.client(key.clone());
    assert!(may(&alice, "GetUser", &[("UserName", "aw.bob")]).await);
    assert!(!may(&alice, "ListUsers", &[]).await);
    let old = policy(world, "tenantry-denied").await;
    let more = format!("{PASSWORDS}{}", DENIED.replace("'ram:List*'", "'ram:Get*'"));
    world.apply(&world.alibaba_account(ALIBABA, &more)).await;
    eventually(world, "another one is denied", || async {
        may(&alice, "ListUsers", &[]).await && !may(&alice, "GetUser", &[("UserName", "aw.bob")]).await
    })
    .await;
    eventually(world, "the old policy is gone", || async {
        let now = policies(world, "tenantry-denied").await;
        now.len() == 1 && now[0] != old
    })
    .await;
    world.apply(&world.alibaba_account(ALIBABA, PASSWORDS)).await;
    eventually(world, "nothing is denied", || async { policies(world, "tenantry-denied").await.is_empty() }).await;
    assert!(may(&alice, "ListUsers", &[]).await);

    // What is deleted can be restored, unless the account says otherwise.
    ready(world, &users, "bob").await;
    delete(world, &users, "bob").await;
    assert_eq!(in_bin(world, "aw.bob").await, (1, 1));
    let empty = world.alibaba_account(ALIBABA, PASSWORDS);
    let empty = empty.replacen("credentialsSecret: ali", "credentialsSecret: ali, recycleBin: Empty", 1);
    world.apply(&empty).await;
    ready(world, &accounts, ALIBABA).await;
    ready(world, &users, "alice").await;
    world.apply(&user("aw", "alice", "  roles: [all]")).await;
    eventually(world, "her key is gone", || async { active_keys(world, "aw.alice").await.is_empty() }).await;
    ready(world, &users, "alice").await;
    assert_eq!(in_bin(world, "aw.alice").await, (0, 0));
    world.apply(&user("aw", "alice", "  roles: [all]\n  accessKey: {}")).await;
    ready(world, &users, "alice").await;
    world.alibaba.another_key("aw.alice").await;
    delete(world, &users, "alice").await;
    assert_eq!(in_bin(world, "aw.alice").await, (0, 0), "the key that was added by hand as well");
    assert_eq!(in_bin(world, "aw.bob").await, (1, 1), "what was put there before is not ours to empty");

    // The account is only observed: its rules are told and not set.
    world.apply(&world.alibaba_account(ALIBABA, &format!("{PASSWORDS}\n  management: Observe"))).await;
    ready(world, &accounts, ALIBABA).await;
    world.alibaba.root().done("SetPasswordPolicy", &[("MinimumPasswordLength", "9")]).await;
    drifted(world, &accounts, ALIBABA, "minimumLength 9 → 10").await;
    assert_eq!(rules(world).await["MinimumPasswordLength"], 9);
    world.apply(&world.alibaba_account(ALIBABA, "  driftCheckInterval: 1s")).await;
    ready(world, &accounts, ALIBABA).await;
    delete(world, &tenants, "aw").await;
    assert_eq!(account(world).await, before);
    assert_eq!(rules(world).await["MinimumPasswordLength"], 9, "left as it was");
    let secret = of::<k8s_openapi::api::core::v1::Secret>(world, testbed::world::NAMESPACE).get(ALIBABA).await.unwrap();
    assert!(text(&secret, "ALIBABA_CLOUD_ACCESS_KEY_ID").starts_with("LTAI"));
}
