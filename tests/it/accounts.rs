//! What goes wrong with a whole account is told once, on its CloudAccount; tenants wait, and what is Ready stays so.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use tenantry::api::{CloudAccount, Tenant, TenantUser};
use testbed::Fault;
use testbed::aws::{Credentials, REGION};
use testbed::world::NAMESPACE;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::support::{
    account, condition, definitions, delete, exists, message, namespace, of, own, ready, says, tenant, user,
};
use crate::tenant::{is, launch};

/// A way to a cloud that can be cut.
pub async fn proxy(cloud: &str) -> (String, JoinHandle<()>) {
    let cloud = cloud.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut here, _)) = listener.accept().await {
            let cloud = cloud.clone();
            connections.spawn(async move {
                if let Ok(mut there) = TcpStream::connect(cloud).await {
                    let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                }
            });
        }
    });
    (url, task)
}

fn cloud_account(name: &str, url: &str, secret: &str, more: &str) -> String {
    format!(
        "---\napiVersion: tenantry.dev/v1alpha1\nkind: CloudAccount\nmetadata: {{name: {name}}}\n\
         spec:\n  aws: {{region: {REGION}, endpointUrl: '{url}', credentialsSecret: {secret}}}\n{more}\n"
    )
}

fn tenant_in(name: &str, account: &str) -> String {
    namespace(&definitions(name)) + &tenant(name, &format!("  accounts: [{{name: {account}}}]"))
}

// proves: CloudAccount.spec.accountId CloudAccount.spec.aws.{credentialsSecret,endpointUrl}
// proves: CloudAccount.status.conditions[] Waiting AccessDenied
#[tokio::test]
async fn a_fault_of_an_account_is_told_there_and_its_tenants_wait() {
    let world = &own(launch(), "").await;
    let before = account(world).await;
    let client = world.client();
    let (accounts, tenants) = (Api::<CloudAccount>::all(client.clone()), Api::<Tenant>::all(client.clone()));
    let moto = world.moto.url();

    // An endpoint where nobody answers, credentials that are refused, another account than the pinned one, no Secret.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    world.apply(&cloud_account("down", &format!("http://{closed}"), "aws", "")).await;
    world
        .credentials_secret(
            "bad",
            &Credentials::new("AKIANOBODYNOBODYNOBO", "no-such-secret-no-such-secret-no-such-se"),
        )
        .await;
    world.apply(&cloud_account("bad", moto, "bad", "")).await;
    world.apply(&cloud_account("pinned", moto, "aws", "  accountId: '999999999999'")).await;
    world.apply(&cloud_account("unkeyed", moto, "later", "")).await;
    for name in ["down", "bad", "pinned", "unkeyed", "nowhere"] {
        world.apply(&tenant_in(&format!("t-{name}"), name)).await;
        world.apply(&user(&format!("t-{name}"), &definitions(&format!("t-{name}")), "alice", "  accessKey: {}")).await;
    }
    let down =
        |it: &CloudAccount| condition(it, "Reconciling").is_some_and(|(_, why)| why.contains(&closed.to_string()));
    let down = world.until(accounts.clone(), "down", "says what does not answer", down).await;
    assert_ne!(condition(&down, "Ready").unwrap().0, "True");
    let bad = says(world, &accounts, "bad", "False", "AccessDenied").await;
    assert!(message(&bad).contains("refuses the operator's credentials"), "{}", message(&bad));
    let pinned = says(world, &accounts, "pinned", "False", "Invalid").await;
    assert!(
        message(&pinned).contains("123456789012") && message(&pinned).contains("999999999999"),
        "{}",
        message(&pinned)
    );
    let unkeyed = says(world, &accounts, "unkeyed", "False", "Waiting").await;
    assert!(message(&unkeyed).contains("later"), "{}", message(&unkeyed));
    for name in ["down", "bad", "pinned", "unkeyed", "nowhere"] {
        let waits = says(world, &tenants, &format!("t-{name}"), "False", "Waiting").await;
        assert!(message(&waits).contains(name), "{}", message(&waits));
        let users = of::<TenantUser>(world, &definitions(&format!("t-{name}")));
        let waits = says(world, &users, "alice", "False", "Waiting").await;
        assert!(message(&waits).contains(&format!("CloudAccount {name}")), "{}", message(&waits));
    }
    assert_eq!(account(world).await, before, "nothing is written anywhere");

    // Put right, each goes on by itself.
    let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    let good = secrets.get("aws").await.unwrap();
    let patch = Patch::Merge(serde_json::json!({"data": good.data}));
    secrets.patch("bad", &PatchParams::default(), &patch).await.unwrap();
    ready(world, &of::<TenantUser>(world, &definitions("t-bad")), "alice").await;
    world.apply(&cloud_account("pinned", moto, "aws", "  accountId: '123456789012'")).await;
    ready(world, &of::<TenantUser>(world, &definitions("t-pinned")), "alice").await;
    world.apply(&cloud_account("nowhere", moto, "aws", "")).await;
    ready(world, &of::<TenantUser>(world, &definitions("t-nowhere")), "alice").await;
    ready(world, &accounts, "bad").await;

    // Deletion waits for the tenants that are in it, and goes by itself afterwards; a tenant of an account that never
    // answered can go all the same.
    accounts.delete("aws", &DeleteParams::default()).await.unwrap();
    accounts.delete("bad", &DeleteParams::default()).await.unwrap();
    let blocked = says(world, &accounts, "bad", "False", "DeletionBlocked").await;
    assert!(message(&blocked).contains("t-bad"), "{}", message(&blocked));
    assert!(exists(world, "t-bad.alice").await);
    for name in ["down", "bad", "pinned", "unkeyed", "nowhere"] {
        delete(world, &tenants, &format!("t-{name}")).await;
    }
    world.gone(accounts.clone(), "bad").await;
    world.gone(accounts.clone(), "aws").await;
    for name in ["down", "pinned", "unkeyed", "nowhere"] {
        delete(world, &accounts, name).await;
    }
    assert_eq!(account(world).await, before);
}

// proves: CloudAccount.spec.aws.endpointUrl CloudError Throttled
#[tokio::test]
async fn what_is_ready_stays_ready_while_the_endpoint_is_down() {
    let world = &own(launch(), "").await;
    let (url, way) = proxy(world.moto.url()).await;
    let client = world.client();
    let (accounts, tenants) = (Api::<CloudAccount>::all(client.clone()), Api::<Tenant>::all(client.clone()));
    world.apply(&cloud_account("far", &url, "aws", "  driftCheckInterval: 1s")).await;
    world.apply(&tenant_in("ep", "far")).await;
    let defs = definitions("ep");
    world.apply(&user("ep", &defs, "alice", "  accessKey: {}")).await;
    let users = of::<TenantUser>(world, &defs);
    let alice = ready(world, &users, "alice").await;
    let owner = ready(world, &tenants, "ep").await;
    way.abort();
    let told =
        |it: &CloudAccount| condition(it, "Ready").is_some_and(|(status, why)| status != "True" && why.contains(&url));
    world.until(accounts.clone(), "far", "says that the endpoint is down", told).await;
    // What is new waits; what was there is as it was.
    world.apply(&user("ep", &defs, "bob", "")).await;
    let waits = |it: &TenantUser| condition(it, "Reconciling").is_some_and(|(_, why)| why.contains(&url));
    world.until(users.clone(), "bob", "says why it is not there", waits).await;
    let now = users.get("alice").await.unwrap();
    assert!(is(&now, now.metadata.generation, "True", "Provisioned"));
    assert_eq!(now.status, alice.status);
    let now = tenants.get("ep").await.unwrap();
    assert!(is(&now, owner.metadata.generation, "True", "Provisioned"));
    // The account has another address now.
    world.apply(&cloud_account("far", world.moto.url(), "aws", "  driftCheckInterval: 1s")).await;
    ready(world, &users, "bob").await;
    ready(world, &accounts, "far").await;
    // It answers, and asks to be called less often.
    world.moto.faults(&[Fault::new("CreateUser", 400, "Throttling", 7).only("UserName", "ep\\.carl")]).await;
    world.apply(&user("ep", &defs, "carl", "")).await;
    says(world, &users, "carl", "False", "Throttled").await;
    world.moto.faults(&[]).await;
    ready(world, &users, "carl").await;
    delete(world, &tenants, "ep").await;
}

#[tokio::test]
async fn what_is_in_an_account_that_cannot_be_reached_is_not_cleaned_through_its_twin() {
    let launch = launch();
    let mut world = own(launch.clone(), "").await;
    let secrets: Api<Secret> = Api::namespaced(world.client(), NAMESPACE);
    let good = secrets.get("aws").await.unwrap().data;
    world.credentials_secret("twin", &Credentials::new("AKIANOTYETNOTYETNOTY", "x")).await;
    let set = |data: &Option<_>| Patch::Merge(serde_json::json!({"data": data}));
    secrets.patch("twin", &PatchParams::default(), &set(&good)).await.unwrap();
    let moto = world.moto.url().to_owned();
    world.apply(&cloud_account("twin", &moto, "twin", "")).await;
    world.apply(&tenant_in("tw", "twin")).await;
    world.apply(&user("tw", &definitions("tw"), "alice", "  accessKey: {}")).await;
    ready(&world, &of::<TenantUser>(&world, &definitions("tw")), "alice").await;
    let before = account(&world).await;
    let keys = crate::support::active_keys(&world, "tw.alice").await;

    secrets.delete("twin", &DeleteParams::default()).await.unwrap();
    crate::support::restart(&mut world, &launch).await;
    ready(&world, &Api::<CloudAccount>::all(world.client()), "aws").await;
    says(&world, &Api::<CloudAccount>::all(world.client()), "twin", "False", "Waiting").await;
    let waits = |it: &Tenant| {
        let accounts = it.status.iter().flat_map(|status| &status.accounts);
        accounts.flat_map(|account| &account.message).any(|message| message.contains("CloudAccount twin"))
    };
    world.until(Api::<Tenant>::all(world.client()), "tw", "says what it waits for", waits).await;
    crate::support::annotate(&Api::<Tenant>::all(world.client()), "tw", "note", "another pass").await;
    let alice = of::<TenantUser>(&world, &definitions("tw")).get("alice").await.unwrap();
    assert_eq!(alice.status.unwrap().accounts.len(), 1, "what was known of it is still told");
    assert_eq!(account(&world).await, before);
    assert_eq!(crate::support::active_keys(&world, "tw.alice").await, keys);
}
