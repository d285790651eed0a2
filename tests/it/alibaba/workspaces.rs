//! PAI workspaces, end to end: made, awaited, filled with members, kept so and taken down; and nobody sees another's.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use tenantry::api::{Tenant, TenantRole, TenantUser};
use testbed::World;
use testbed::alibaba::OPERATOR;
use testbed::layout::{root, tool};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{document, key, policy, role_of, tenant, user};
use crate::support::{
    ALIBABA, condition, definitions, delete, eventually, message, of, own_alibaba, ready, reconcile, restart, says,
};
use crate::tenant::launch;

/// The version of AIWorkSpace.
pub const PAI: &str = "2021-02-04";
/// The version of DSW.
pub const DSW: &str = "2022-01-01";

/// All workspaces of the account by name.
pub async fn workspaces(world: &World) -> BTreeMap<String, Value> {
    let answer = world.alibaba.root().rest(PAI, "GET", "/api/v1/workspaces", &[("PageSize", "100")], None).await;
    let all = answer.body["Workspaces"].as_array().cloned().unwrap_or_default();
    all.into_iter().map(|it| (it["WorkspaceName"].as_str().unwrap().to_owned(), it)).collect()
}

/// The id of a workspace.
pub async fn id(world: &World, name: &str) -> String {
    workspaces(world).await[name]["WorkspaceId"].as_str().unwrap().to_owned()
}

/// Who is in a workspace beside its owner, with which roles.
pub async fn members(world: &World, id: &str) -> BTreeMap<String, BTreeSet<String>> {
    let path = format!("/api/v1/workspaces/{id}/members");
    let answer = world.alibaba.root().rest(PAI, "GET", &path, &[("PageSize", "100")], None).await;
    let all = answer.body["Members"].as_array().cloned().unwrap_or_default();
    let roles = |it: &Value| it["Roles"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect();
    let all: BTreeMap<String, BTreeSet<String>> =
        all.iter().map(|it| (it["MemberName"].as_str().unwrap().to_owned(), roles(it))).collect();
    all.into_iter().filter(|(_, roles)| !roles.contains("PAI.WorkspaceOwner")).collect()
}

/// Who should be in a workspace.
pub fn roles<const N: usize>(all: [(&str, &[&str]); N]) -> BTreeMap<String, BTreeSet<String>> {
    all.into_iter().map(|(name, roles)| (name.to_owned(), roles.iter().map(|it| (*it).to_owned()).collect())).collect()
}

/// What the operator called of PAI since the counters were set to zero, lists of workspaces left out: they poll.
async fn calls(world: &World) -> BTreeMap<String, u64> {
    let mut calls = world.alibaba.calls_by_service().await.remove("pai").unwrap_or_default();
    calls.remove("ListWorkspaces");
    calls
}

/// The id in RAM of a user.
pub async fn user_id(world: &World, user: &str) -> String {
    let answer = world.alibaba.root().done("GetUser", &[("UserName", user)]).await;
    answer["User"]["UserId"].as_str().unwrap().to_owned()
}

/// Has the official clients try what members may do and what they may not, and gives the ids of the notebooks they made.
async fn tried(world: &World, given: &Value) -> Vec<String> {
    let mut python = Command::new(tool("venv-alibaba/bin/python"));
    python.arg(root().join("tests/alibaba-emulator/clients/in_workspace.py"));
    python.env("PYTHONDONTWRITEBYTECODE", "1").kill_on_drop(true);
    python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = python.spawn().unwrap();
    child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {why}", world.alibaba.url());
    String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect()
}

/// A tenant with a workspace, a developer's role that speaks of it and an administrator's.
fn with_workspace(name: &str, workspace: &str, more: &str) -> String {
    let accounts = format!("  accounts: [{{name: {ALIBABA}, workspace: {workspace}}}]\n{more}");
    let developer = "effect: Allow, actions: ['paidsw:*'], resources: ['acs:paidsw:*:$(account):workspace/$(workspace)/*'], \
                     conditions: {StringEquals: {'pai:Accessibility': [PRIVATE], 'pai:EntityAccessType': [CREATOR]}}";
    tenant(name, &accounts)
        + &role_of(name, "developer", "    workspaceRoles: [PAI.AlgoDeveloper]\n", &[developer])
        + &role_of(name, "administrator", "    workspaceRoles: [PAI.WorkspaceAdmin]\n", &[])
}

// proves: Tenant.spec.accounts[].workspace Tenant.spec.accounts[].workspace.{name,displayName,env}
// proves: Tenant.status.accounts[].workspaceId TenantRole.spec.alibaba.workspaceRoles
#[tokio::test]
async fn a_tenants_workspace_is_made_filled_and_kept_and_nobody_elses_to_see() {
    let launch = launch().argument("--fresh-write=0");
    let mut world = own_alibaba(launch.clone(), "  driftCheckInterval: 2s").await;
    world.alibaba.delays(Duration::from_millis(2500), Duration::from_millis(200)).await;
    let tenants = Api::<Tenant>::all(world.client());
    let users = of::<TenantUser>(&world, &definitions("wa"));

    // It takes a while, which is said; then everything is there.
    world.apply(&with_workspace("wa", "{name: wa_lab, displayName: Lab of A, env: [dev, prod]}", "")).await;
    world.apply(&with_workspace("wb", "{name: wb_lab}", "")).await;
    let waits = |it: &Tenant| message(it).contains("PAI makes workspace wa_lab");
    let waits = world.until(tenants.clone(), "wa", "waits for its workspace", waits).await;
    assert_eq!(condition(&waits, "Reconciling").unwrap().0, "True");
    world.apply(&user("wa", "alice", "  roles: [developer]\n  accessKey: {}")).await;
    world.apply(&user("wa", "bob", "  roles: [administrator]\n  accessKey: {}")).await;
    world.apply(&user("wb", "eve", "  roles: [developer]\n  accessKey: {}")).await;
    ready(&world, &users, "alice").await;
    ready(&world, &users, "bob").await;
    ready(&world, &of::<TenantUser>(&world, &definitions("wb")), "eve").await;
    let a = ready(&world, &tenants, "wa").await;
    let (own, other) = (id(&world, "wa_lab").await, id(&world, "wb_lab").await);
    assert_eq!(a.status.unwrap().accounts[0].workspace_id.as_ref(), Some(&own));
    let cluster = world.control_plane.cluster_id().await;
    let seen = workspaces(&world).await["wa_lab"].clone();
    assert_eq!(
        (&seen["DisplayName"], &seen["Description"], &seen["EnvTypes"]),
        (&json!("Lab of A"), &json!(format!("tenantry:{cluster}/wa")), &json!(["dev", "prod"]))
    );
    let mut wanted = roles([("wa.alice", &["PAI.AlgoDeveloper"]), ("wa.bob", &["PAI.WorkspaceAdmin"])]);
    assert_eq!(members(&world, &own).await, wanted);
    ready(&world, &of::<TenantRole>(&world, &definitions("wa")), "developer").await;
    let text = document(&world, &policy(&world, "wa-developer").await).await.to_string();
    assert!(text.contains(&format!(":workspace/{own}/*")), "{text}");

    // From outside, with the keys of the Secrets and the clients that nobody here wrote.
    let mut keys = serde_json::Map::new();
    for (name, tenant, user) in
        [("developer", "wa", "alice"), ("administrator", "wa", "bob"), ("stranger", "wb", "eve")]
    {
        let key = key(&world, tenant, user).await;
        keys.insert(name.to_owned(), json!([key.access_key_id, key.secret()]));
    }
    let given = json!({"address": world.alibaba.host(), "own": own, "other": other, "name": "wa_lab", "keys": keys,
        "members": ["wa.alice", "wa.bob"], "operator": OPERATOR});
    let notebooks = tried(&world, &given).await;
    assert_eq!(notebooks.len(), 3);

    // One more tenant costs one call for its workspace and one for its member; a pass with nothing to do costs none.
    world.alibaba.reset_calls().await;
    world.apply(&with_workspace("wc", "{name: wc_lab}", "")).await;
    world.apply(&user("wc", "carol", "  roles: [developer]")).await;
    ready(&world, &of::<TenantUser>(&world, &definitions("wc")), "carol").await;
    ready(&world, &tenants, "wc").await;
    let two: BTreeMap<String, u64> = [("CreateWorkspace".to_owned(), 1), ("CreateMember".to_owned(), 1)].into();
    assert_eq!(calls(&world).await, two);
    // After a start nothing is read of whom the statuses say that all was done: all of them must have said it.
    for tenant in ["wa", "wb", "wc"] {
        for role in ["developer", "administrator"] {
            ready(&world, &of::<TenantRole>(&world, &definitions(tenant)), role).await;
        }
        ready(&world, &tenants, tenant).await;
    }
    world.alibaba.reset_calls().await;
    restart(&mut world, &launch).await;
    super::looks(&world, 3).await;
    ready(&world, &tenants, "wa").await;
    assert_eq!(calls(&world).await, BTreeMap::new());

    // What people change is put right: whoever is in it for no manifest goes, but for its owner.
    let root = world.alibaba.root();
    let path = format!("/api/v1/workspaces/{own}");
    let alice = user_id(&world, "wa.alice").await;
    let gone = format!("{own}-{alice}");
    root.rest(PAI, "DELETE", &format!("{path}/members"), &[("MemberIds", &gone)], None).await;
    let bob = format!("{path}/members/{own}-{}/roles/PAI.LabelManager", user_id(&world, "wa.bob").await);
    assert_eq!(root.rest(PAI, "POST", &bob, &[], None).await.status, 200);
    let eve = json!({"Members": [{"UserId": user_id(&world, "wb.eve").await, "Roles": ["PAI.WorkspaceAdmin"]}]});
    assert_eq!(root.rest(PAI, "POST", &format!("{path}/members"), &[], Some(eve)).await.status, 200);
    assert_eq!(root.rest(PAI, "PUT", &path, &[], Some(json!({"DisplayName": "Mine"}))).await.status, 200);
    eventually(&world, "the display name is put right", || async {
        workspaces(&world).await["wa_lab"]["DisplayName"] == "Lab of A"
    })
    .await;
    reconcile(&world, &tenants, "wa", "now").await;
    eventually(&world, "the members are put right", || async { members(&world, &own).await == wanted }).await;

    // Manifests change: another role, a user suspended (who stays a member and can do nothing), a user that goes.
    let operator = json!({"spec": {"alibaba": {"workspaceRoles": ["PAI.AlgoOperator"]}}});
    let defs = of::<TenantRole>(&world, &definitions("wa"));
    defs.patch("developer", &PatchParams::default(), &Patch::Merge(operator)).await.unwrap();
    wanted.insert("wa.alice".to_owned(), ["PAI.AlgoOperator".to_owned()].into());
    eventually(&world, "the role is another", || async { members(&world, &own).await == wanted }).await;
    let suspended = json!({"spec": {"suspended": true}});
    users.patch("bob", &PatchParams::default(), &Patch::Merge(suspended)).await.unwrap();
    says(&world, &users, "bob", "True", "Suspended").await;
    assert_eq!(members(&world, &own).await, wanted);
    assert!(super::attached(&world, "wa.bob").await.contains("tenantry-suspended"));
    world.alibaba.reset_calls().await;
    delete(&world, &users, "alice").await;
    wanted.remove("wa.alice");
    assert_eq!(members(&world, &own).await, wanted);
    let order = world.alibaba.requests().await;
    let at = |action: &str| order.iter().position(|call| call.action == action && call.status == 200).unwrap();
    assert!(at("DeleteMembers") < at("DeleteUser"), "members first");

    // It goes with its tenant, once what runs in it is gone.
    for notebook in &notebooks[1..] {
        assert_eq!(root.rest(DSW, "DELETE", &format!("/api/v2/instances/{notebook}"), &[], None).await.status, 200);
    }
    tenants.delete("wa", &Default::default()).await.unwrap();
    let blocked = |it: &Tenant| condition(it, "Ready").is_some_and(|(_, why)| why.contains("is not empty"));
    let blocked = world.until(tenants.clone(), "wa", "says what is in the way", blocked).await;
    assert_eq!(condition(&blocked, "Reconciling").unwrap().0, "True");
    let last = format!("/api/v2/instances/{}", notebooks[0]);
    assert_eq!(root.rest(DSW, "DELETE", &last, &[], None).await.status, 200);
    world.gone(tenants.clone(), "wa").await;
    assert!(!workspaces(&world).await.contains_key("wa_lab"));

    // Taken out of the manifest it goes as well, and who spoke of it says what is missing.
    world.apply(&with_workspace("wc", "null", "").replace(", workspace: null", "")).await;
    let roles = of::<TenantRole>(&world, &definitions("wc"));
    let missing = says(&world, &roles, "developer", "False", "Invalid").await;
    assert!(message(&missing).contains("the tenant has no workspace in this account"), "{}", message(&missing));
    eventually(&world, "the workspace is gone", || async { !workspaces(&world).await.contains_key("wc_lab") }).await;
    let c = ready(&world, &tenants, "wc").await;
    assert_eq!(c.status.unwrap().accounts[0].workspace_id, None);
    for name in ["wb", "wc"] {
        delete(&world, &tenants, name).await;
    }
    assert!(workspaces(&world).await.is_empty());
}
