//! What a CloudAccount says of the whole account: rules for passwords, a boundary that is kept, actions denied to all.

use aws_sdk_iam::error::ProvideErrorMetadata;
use kube::api::Api;
use tenantry::api::{CloudAccount, TenantUser};
use testbed::World;
use testbed::aws::{Credentials, REGION};

use crate::support::{
    ACCOUNT, definitions, delete, eventually, exists, message, namespace, of, own, ready, says, tenant, text, user,
};
use crate::tenant::launch;

const PASSWORDS: &str = "  driftCheckInterval: 1s\n  passwordPolicy: {minimumLength: 10, requireLowercase: true, requireUppercase: true, \
    requireNumbers: true, requireSymbols: true, maxAgeDays: 90, reusePrevention: 5, hardExpiry: true, allowUsersToChange: true}";

async fn minimum_length(world: &World) -> Option<i32> {
    let answer = world.moto.iam().get_account_password_policy().send().await.ok()?;
    answer.password_policy?.minimum_password_length
}

// proves: CloudAccount.spec.passwordPolicy
// proves: CloudAccount.spec.passwordPolicy.{minimumLength,requireLowercase,requireUppercase,requireNumbers,requireSymbols}
// proves: CloudAccount.spec.passwordPolicy.{maxAgeDays,reusePrevention,hardExpiry,allowUsersToChange}
#[tokio::test]
async fn rules_for_passwords_are_kept_and_two_accounts_that_are_one_must_agree() {
    let world = &own(launch(), PASSWORDS).await;
    let accounts: Api<CloudAccount> = Api::all(world.client());
    let iam = world.moto.iam();
    ready(world, &accounts, ACCOUNT).await;
    let rules = iam.get_account_password_policy().send().await.unwrap().password_policy.unwrap();
    assert_eq!(rules.minimum_password_length, Some(10));
    assert!(rules.require_lowercase_characters && rules.require_uppercase_characters);
    assert!(rules.require_numbers && rules.require_symbols && rules.allow_users_to_change_password);
    assert_eq!(
        (rules.max_password_age, rules.password_reuse_prevention, rules.hard_expiry),
        (Some(90), Some(5), Some(true))
    );

    // Changed by hand: put back, whole.
    iam.update_account_password_policy().minimum_password_length(6).send().await.unwrap();
    eventually(world, "the rules are put back", || async { minimum_length(world).await == Some(10) }).await;

    // Another CloudAccount that is the same account and says otherwise: both say so, nothing is written.
    let twin = |length: u8| {
        format!(
            "---\napiVersion: tenantry.dev/v1alpha1\nkind: CloudAccount\nmetadata: {{name: twin}}\nspec:\n  \
             aws: {{region: {REGION}, endpointUrl: '{}', credentialsSecret: {ACCOUNT}}}\n{}\n",
            world.moto.url(),
            PASSWORDS.replace("minimumLength: 10", &format!("minimumLength: {length}")),
        )
    };
    world.apply(&twin(12)).await;
    let said = says(world, &accounts, "twin", "False", "Invalid").await;
    assert!(message(&said).contains(ACCOUNT) && message(&said).contains("passwordPolicy"), "{}", message(&said));
    let said = says(world, &accounts, ACCOUNT, "False", "Invalid").await;
    assert!(message(&said).contains("CloudAccount twin"), "{}", message(&said));
    assert_eq!(minimum_length(world).await, Some(10));

    // Tenants go on all the same; made alike, both are well again.
    world.apply(&(namespace(&definitions("acme")) + &tenant("acme", ""))).await;
    world.apply(&user("acme", &definitions("acme"), "alice", "")).await;
    ready(world, &of::<TenantUser>(world, &definitions("acme")), "alice").await;
    world.apply(&twin(10)).await;
    ready(world, &accounts, "twin").await;
    ready(world, &accounts, ACCOUNT).await;

    // Taken out: the rules stay as they are, and are nobody's.
    delete(world, &accounts, "twin").await;
    world.apply(&world.cloud_account(ACCOUNT, "  driftCheckInterval: 1s")).await;
    ready(world, &accounts, ACCOUNT).await;
    iam.update_account_password_policy().minimum_password_length(7).send().await.unwrap();
    let swept = world.moto.calls().await["GetAccountAuthorizationDetails"];
    eventually(world, "the account is read twice more", || async {
        world.moto.calls().await["GetAccountAuthorizationDetails"] > swept + 1
    })
    .await;
    assert_eq!(minimum_length(world).await, Some(7));
}

// proves: CloudAccount.spec.aws.permissionsBoundary CloudAccount.spec.deniedActions
#[tokio::test]
async fn a_managed_boundary_and_denied_actions_hold_whatever_roles_say() {
    let everything = "    statements: [{effect: Allow, actions: ['*'], resources: ['*']}]\n";
    let managed = |more: &str| {
        format!(
            "---\napiVersion: tenantry.dev/v1alpha1\nkind: CloudAccount\nmetadata: {{name: {ACCOUNT}}}\nspec:\n  \
             driftCheckInterval: 1s\n  aws: {{region: {REGION}, endpointUrl: 'URL', credentialsSecret: {ACCOUNT}, permissionsBoundary: Managed}}\n{more}\n"
        )
    };
    let world = &own(launch().argument("--fresh-write=0"), "").await;
    let managed = |more: &str| managed(more).replace("URL", world.moto.url());
    let accounts: Api<CloudAccount> = Api::all(world.client());
    let (iam, root) = (world.moto.iam(), Credentials::root());
    for path in ["/ai-model-data", "/ai-model-data/x"] {
        assert_eq!(
            world.moto.s3(&root, "PUT", path, if path.ends_with("/x") { "x" } else { "" }).await,
            (200, String::new()),
            "{path}"
        );
    }
    world.moto.enforce(true).await;
    world.apply(&managed("  deniedActions: ['s3:DeleteObject']")).await;
    world.apply(&(namespace(&definitions("acme")) + &tenant("acme", ""))).await;
    world
        .apply(&format!(
            "---\napiVersion: tenantry.dev/v1alpha1\nkind: TenantRole\nmetadata: {{name: all, namespace: {0}}}\n\
             spec:\n  tenant: acme\n  aws:\n{everything}",
            definitions("acme")
        ))
        .await;
    world.apply(&user("acme", &definitions("acme"), "alice", "  roles: [all]\n  accessKey: {}")).await;
    let users = of::<TenantUser>(world, &definitions("acme"));
    ready(world, &users, "alice").await;

    let alice = iam.get_user().user_name("acme.alice").send().await.unwrap().user.unwrap();
    let boundary = alice.permissions_boundary.unwrap().permissions_boundary_arn.unwrap();
    assert!(boundary.contains(":policy/tenants/"), "{boundary}");
    let secret = of::<k8s_openapi::api::core::v1::Secret>(world, &definitions("acme")).get("alice-aws").await.unwrap();
    let key = Credentials::new(&text(&secret, "AWS_ACCESS_KEY_ID"), &text(&secret, "AWS_SECRET_ACCESS_KEY"));
    assert_eq!(world.moto.s3(&key, "GET", "/ai-model-data/x", "").await.0, 200, "what the role allows goes");
    assert_eq!(world.moto.s3(&key, "DELETE", "/ai-model-data/x", "").await.0, 403, "but what the account denies");
    let as_alice = world.moto.iam_as(&key);
    let denied = |code: Option<&str>| assert_eq!(code, Some("AccessDenied"));
    let refused = as_alice.create_user().user_name("mallory").send().await.unwrap_err();
    denied(refused.code());
    let refused = as_alice.delete_user_permissions_boundary().user_name("acme.alice").send().await.unwrap_err();
    denied(refused.code());
    let refused =
        as_alice.create_policy_version().policy_arn(&boundary).policy_document("{}").send().await.unwrap_err();
    denied(refused.code());
    let refused = as_alice.list_access_keys().user_name("operator").send().await.unwrap_err();
    denied(refused.code());
    as_alice.list_access_keys().user_name("acme.alice").send().await.expect("one's own is one's own");

    // Weakened by hand: put back.
    let open = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    iam.create_policy_version().policy_arn(&boundary).policy_document(open).set_as_default(true).send().await.unwrap();
    eventually(world, "the boundary is put back", || async {
        let policy = iam.get_policy().policy_arn(&boundary).send().await.unwrap().policy.unwrap();
        let version = policy.default_version_id.unwrap();
        let version = iam.get_policy_version().policy_arn(&boundary).version_id(version).send().await.unwrap();
        version.policy_version.unwrap().document.unwrap().contains("NoEscalation")
    })
    .await;

    // No longer denied: the Deny goes, the rest stays.
    world.apply(&managed("")).await;
    eventually(world, "the Deny is taken off", || async {
        iam.list_user_policies().user_name("acme.alice").send().await.unwrap().policy_names().is_empty()
    })
    .await;
    assert_eq!(world.moto.s3(&key, "DELETE", "/ai-model-data/x", "").await.0, 204);

    // The boundary goes with its CloudAccount, which goes when nobody needs it.
    delete(world, &Api::<tenantry::api::Tenant>::all(world.client()), "acme").await;
    assert!(!exists(world, "acme.alice").await);
    delete(world, &accounts, ACCOUNT).await;
    let gone = iam.get_policy().policy_arn(&boundary).send().await.unwrap_err();
    assert_eq!(gone.code(), Some("NoSuchEntity"));
}
