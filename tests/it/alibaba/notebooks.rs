//! Notebooks on PAI DSW, end to end: made in the tenant's workspace for their user, changed, stopped, started and deleted as
//! their manifests say, before the workspace and the user go.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::api::Api;
use serde_json::{Value, json};
use tenantry::api::{Tenant, TenantNotebook, TenantUser};
use testbed::{Launch, World};

use super::workspaces::{DSW, id, user_id};
use super::{tenant, user};
use crate::support::{ALIBABA, definitions, delete, eventually, message, of, own_alibaba, ready, reconcile, says};
use crate::tenant::launch;

const PATH: &str = "/api/v2/instances";

/// What DSW takes minutes for is over in half a second here.
fn quick() -> Launch {
    launch().argument("--fresh-write=0").argument("--notebook-poll=0.5")
}

/// A world whose instances stay for so long in each state on their way.
async fn world(step: Duration) -> World {
    let world = own_alibaba(quick(), "  driftCheckInterval: 1h").await;
    world.alibaba.delays(Duration::from_millis(200), step).await;
    world
}

/// A TenantNotebook; `more` is YAML of its `spec`, two spaces deep.
fn notebook(tenant: &str, name: &str, user: &str, more: &str) -> String {
    let typed = if more.contains("instanceType:") { "" } else { "  instanceType: ecs.g6.large\n" };
    let account = if more.contains("account:") { String::new() } else { format!("  account: {ALIBABA}\n") };
    let image = if more.contains("alibaba:") { "" } else { "  alibaba: {image: image-1}\n" };
    let namespace = definitions(tenant);
    format!(
        "---\napiVersion: tenantry.dev/v1alpha1\nkind: TenantNotebook\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec:\n  tenant: {tenant}\n  user: {user}\n{account}{typed}{image}{more}\n"
    )
}

/// A tenant with a workspace and users.
async fn team(world: &World, name: &str, more: &str, users: &[&str]) {
    let accounts = format!("  accounts: [{{name: {ALIBABA}, workspace: {{name: {name}_lab}}}}]\n{more}");
    let users: String = users.iter().map(|it| user(name, it, "")).collect();
    world.apply(&(tenant(name, &accounts) + &users)).await;
    ready(world, &Api::<Tenant>::all(world.client()), name).await;
}

fn instance(notebook: &TenantNotebook) -> String {
    notebook.status.as_ref().unwrap().instance.clone().unwrap()
}

fn state(notebook: &TenantNotebook) -> &str {
    notebook.status.as_ref().and_then(|status| status.state.as_deref()).unwrap_or_default()
}

/// An instance as DSW shows it; none where there is none.
async fn there(world: &World, id: &str) -> Option<Value> {
    let answer = world.alibaba.root().rest(DSW, "GET", &format!("{PATH}/{id}"), &[], None).await;
    (answer.status == 200).then_some(answer.body)
}

async fn seen(world: &World, id: &str) -> Value {
    there(world, id).await.unwrap_or_else(|| panic!("there is no instance {id}"))
}

/// All instances of the account.
async fn all(world: &World) -> Vec<Value> {
    let answer = world.alibaba.root().rest(DSW, "GET", PATH, &[("PageSize", "100")], None).await;
    answer.body["Instances"].as_array().unwrap().clone()
}

async fn as_root(world: &World, method: &str, path: &str, body: Option<Value>) {
    let answer = world.alibaba.root().rest(DSW, method, &format!("{PATH}/{path}"), &[], body).await;
    assert_eq!(answer.status, 200, "{method} {path}: {}", answer.body);
}

fn labels(instance: &Value) -> BTreeMap<String, String> {
    let text = |label: &Value, name: &str| label[name].as_str().unwrap().to_owned();
    instance["Labels"].as_array().unwrap().iter().map(|it| (text(it, "Key"), text(it, "Value"))).collect()
}

// proves: TenantNotebook.spec.alibaba TenantNotebook.spec.alibaba.{image,network,datasets}
#[tokio::test]
async fn an_instance_lives_as_its_manifest_says() {
    let world = &world(Duration::from_millis(100)).await;
    team(world, "nb", "", &["alice"]).await;
    let notebooks = of::<TenantNotebook>(world, &definitions("nb"));
    world.apply(&notebook("nb", "lab", "alice", "  volumeSizeGb: 100")).await;
    says(world, &notebooks, "lab", "False", "Waiting").await;
    let lab = ready(world, &notebooks, "lab").await;
    assert_eq!(state(&lab), "Running");
    let id_of_lab = instance(&lab);
    let made = seen(world, &id_of_lab).await;
    assert_eq!(made["WorkspaceId"], json!(id(world, "nb_lab").await));
    assert_eq!(made["UserId"], json!(user_id(world, "nb.alice").await));
    assert_eq!(
        (&made["Accessibility"], &made["EcsSpec"], &made["ImageId"]),
        (&json!("PRIVATE"), &json!("ecs.g6.large"), &json!("image-1"))
    );
    assert_eq!(made["CloudDisks"], json!([{"Capacity": "100Gi", "SubType": "rootfs"}]));
    let marks = labels(&made);
    for (key, value) in [("tenant", "nb"), ("user", "alice"), ("tenantry.dev/owner", "tenantnotebook/nb-defs/lab")] {
        assert_eq!(marks.get(key).map(String::as_str), Some(value), "{marks:?}");
    }
    delete(world, &notebooks, "lab").await;
    assert!(there(world, &id_of_lab).await.is_none(), "it is gone before its manifest is");
    assert!(all(world).await.is_empty());
}
