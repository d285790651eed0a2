//! The operator's own credentials: chains of roles with external ids, renewed before they end, and ones that end all the
//! same in the middle of the work.

use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use tenantry::api::{CloudAccount, TenantUser};
use testbed::aws::{Credentials, REGION};
use testbed::moto::ACCOUNT_ID;
use testbed::world::NAMESPACE;
use testbed::{OperatorPolicy, World};

use crate::support::{active_keys, definitions, eventually, message, namespace, of, own, ready, says, tenant, user};
use crate::tenant::launch;

const WORD: &str = "shared-word";

fn arn(role: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT_ID}:role/{role}")
}

/// A role that `trusted` may assume, with the shared word, and that may do what `policy` says.
async fn role(world: &World, name: &str, trusted: &str, policy: &str) {
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": WORD}},
    }]});
    let iam = world.moto.iam();
    iam.create_role().role_name(name).assume_role_policy_document(trust.to_string()).send().await.unwrap();
    iam.put_role_policy().role_name(name).policy_name("rights").policy_document(policy).send().await.unwrap();
}

async fn operators_rights(world: &World) -> String {
    OperatorPolicy::unbounded(&world.control_plane.cluster_id().await).text()
}

fn may_assume(role: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arn(role)},
    ]})
    .to_string()
}

fn chained(world: &World, word: &str) -> String {
    format!(
        "---\napiVersion: tenantry.dev/v1alpha1\nkind: CloudAccount\nmetadata: {{name: chain}}\nspec:\n  driftCheckInterval: 1s\n  \
         aws:\n    region: {REGION}\n    endpointUrl: '{}'\n    credentialsSecret: chain\n    assumeRoles:\n    \
         - {{roleArn: '{}', externalId: {WORD}}}\n    - {{roleArn: '{}', externalId: {word}}}\n",
        world.moto.url(),
        arn("hub"),
        arn("spoke"),
    )
}

fn tenant_in(name: &str, account: &str) -> String {
    namespace(&definitions(name)) + &tenant(name, &format!("  accounts: [{{name: {account}}}]"))
}

// proves: CloudAccount.spec.aws.assumeRoles[] CloudAccount.spec.aws.assumeRoles[].{roleArn,externalId} AccessDenied
#[tokio::test]
async fn a_chain_of_roles_is_assumed_anew_before_it_ends() {
    let world = &own(launch(), "").await;
    let weak = world.moto.user_with_key("weak", &may_assume("hub")).await;
    role(world, "hub", &format!("arn:aws:iam::{ACCOUNT_ID}:user/weak"), &may_assume("spoke")).await;
    role(world, "spoke", &arn("hub"), &operators_rights(world).await).await;
    // Shorter than what the operator renews ahead of: each reading of the account needs a new session.
    world.moto.sessions_of(Duration::from_secs(62)).await;
    world.credentials_secret("chain", &weak).await;

    let accounts: Api<CloudAccount> = Api::all(world.client());
    world.apply(&chained(world, "another-word")).await;
    let denied = says(world, &accounts, "chain", "False", "AccessDenied").await;
    assert!(message(&denied).contains("sts:AssumeRole") || message(&denied).contains("assume"), "{}", message(&denied));
    world.apply(&chained(world, WORD)).await;
    ready(world, &accounts, "chain").await;
    world.apply(&tenant_in("chained", "chain")).await;
    world.apply(&user("chained", &definitions("chained"), "alice", "  accessKey: {}")).await;
    let users = of::<TenantUser>(world, &definitions("chained"));
    ready(world, &users, "alice").await;

    let assumed = world.moto.calls().await["AssumeRole"];
    eventually(world, "the chain is assumed anew twice", || async {
        world.moto.calls().await["AssumeRole"] >= assumed + 4
    })
    .await;
    ready(world, &accounts, "chain").await;
    world.apply(&user("chained", &definitions("chained"), "bob", "  accessKey: {}")).await;
    ready(world, &users, "bob").await;
}

#[tokio::test]
async fn credentials_that_end_in_the_middle_of_a_pass_are_told_and_work_goes_on_with_new_ones() {
    let launch = ["--key-proof=0", "--write-rate=4", "--read-rate=200"]
        .into_iter()
        .fold(testbed::Launch::new(env!("CARGO_BIN_EXE_tenantry")), testbed::Launch::argument);
    let world = &own(launch, "").await;
    let weak = world.moto.user_with_key("weak", &may_assume("operator")).await;
    role(world, "operator", &format!("arn:aws:iam::{ACCOUNT_ID}:user/weak"), &operators_rights(world).await).await;
    let session = async |seconds: u64| {
        world.moto.sessions_of(Duration::from_secs(seconds)).await;
        let sts = world.moto.sts_as(&weak);
        let answer =
            sts.assume_role().role_arn(arn("operator")).role_session_name("short").external_id(WORD).send().await;
        let it = answer.unwrap().credentials.unwrap();
        (Credentials::new(it.access_key_id(), it.secret_access_key()), it.session_token().to_owned())
    };
    let write = async |(key, token): (Credentials, String)| {
        let text = |text: &str| ByteString(text.as_bytes().to_vec());
        let data = json!({"data": {
            "AWS_ACCESS_KEY_ID": text(&key.access_key_id),
            "AWS_SECRET_ACCESS_KEY": text(&key.secret_access_key),
            "AWS_SESSION_TOKEN": text(&token),
        }});
        let secrets: Api<Secret> = Api::namespaced(world.client(), NAMESPACE);
        secrets.patch("short", &PatchParams::default(), &Patch::Merge(data)).await.unwrap();
    };
    let first = session(6).await;
    world.credentials_secret("short", &first.0).await;
    write(first).await;
    world
        .apply(&format!(
            "---\napiVersion: tenantry.dev/v1alpha1\nkind: CloudAccount\nmetadata: {{name: short}}\nspec:\n  driftCheckInterval: 2s\n  \
             aws: {{region: {REGION}, endpointUrl: '{}', credentialsSecret: short}}\n",
            world.moto.url()
        ))
        .await;
    world.apply(&tenant_in("ending", "short")).await;
    let people: Vec<String> = (0..16).map(|n| format!("user-{n}")).collect();
    for person in &people {
        world.apply(&user("ending", &definitions("ending"), person, "  accessKey: {}")).await;
    }
    let accounts: Api<CloudAccount> = Api::all(world.client());
    let ended = says(world, &accounts, "short", "False", "AccessDenied").await;
    assert!(message(&ended).contains("refuses the operator's credentials"), "{}", message(&ended));

    write(session(3600).await).await;
    ready(world, &accounts, "short").await;
    let users = of::<TenantUser>(world, &definitions("ending"));
    for person in &people {
        ready(world, &users, person).await;
        assert_eq!(active_keys(world, &format!("ending.{person}")).await.len(), 1, "{person}: nothing was made twice");
    }
}
