//! Notebooks on PAI DSW, end to end: made in the tenant's workspace for their user, changed, stopped, started and deleted as
//! their manifests say, before the workspace and the user go.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::api::{Api, DeleteParams};
use serde_json::{Value, json};
use tenantry::api::{CloudAccount, Tenant, TenantNotebook, TenantUser};
use testbed::alibaba::Credentials;
use testbed::{Fault, Launch, World};

use super::outside::compared;
use super::workspaces::{DSW, id, user_id, workspaces};
use super::{exists, key, keys, tenant, user};
use crate::support::{
    ALIBABA, annotate, definitions, delete, eventually, message, of, own_alibaba, ready, reconcile, restart, says,
};
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
pub fn notebook(tenant: &str, name: &str, user: &str, more: &str) -> String {
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

/// What somebody does by hand.
async fn as_root(world: &World, method: &str, path: &str, body: Option<Value>) -> Result<(), String> {
    let path = format!("{PATH}/{path}");
    let answer = world.alibaba.root().rest(DSW, method, path.trim_end_matches('/'), &[], body).await;
    if answer.status == 200 { Ok(()) } else { Err(format!("{method} {path}: {}", answer.body)) }
}

fn labels(instance: &Value) -> BTreeMap<String, String> {
    let text = |label: &Value, name: &str| label[name].as_str().unwrap().to_owned();
    instance["Labels"].as_array().unwrap().iter().map(|it| (text(it, "Key"), text(it, "Value"))).collect()
}

async fn calls(world: &World) -> BTreeMap<String, u64> {
    world.alibaba.calls_by_service().await.remove("dsw").unwrap_or_default()
}

// proves: TenantNotebook.spec.alibaba TenantNotebook.spec.alibaba.{image,network,datasets[]}
// proves: TenantNotebook.spec.alibaba.network.{vpcId,vSwitchId,securityGroupId}
// proves: TenantNotebook.spec.alibaba.datasets[].{id,mountPath,readOnly}
#[tokio::test]
async fn an_instance_lives_as_its_manifest_says() {
    let world = &world(Duration::from_millis(100)).await;
    team(world, "nb", "", &["alice"]).await;
    let (notebooks, users) =
        (of::<TenantNotebook>(world, &definitions("nb")), of::<TenantUser>(world, &definitions("nb")));
    let placed = "  alibaba:\n    image: image-1\n    network: {vpcId: vpc-1, vSwitchId: vsw-1, securityGroupId: sg-1}\n    \
                  datasets: [{id: d-models, mountPath: /mnt/models, readOnly: true}]\n";
    world.apply(&notebook("nb", "lab", "alice", &format!("{placed}  volumeSizeGb: 100"))).await;
    says(world, &notebooks, "lab", "False", "Waiting").await;
    let lab = ready(world, &notebooks, "lab").await;
    assert_eq!(state(&lab), "Running");
    let own = instance(&lab);
    let marks = labels(&seen(world, &own).await);
    for (key, value) in [("tenant", "nb"), ("user", "alice"), ("tenantry.dev/owner", "tenantnotebook/nb-defs/lab")] {
        assert_eq!(marks.get(key).map(String::as_str), Some(value), "{marks:?}");
    }
    // As the client shows it that nobody here wrote.
    let mut wanted = json!({"id": own, "labels": marks, "fields": {
        "WorkspaceId": id(world, "nb_lab").await, "UserId": user_id(world, "nb.alice").await, "UserName": "nb.alice",
        "InstanceName": marks["tenantry.dev/name"], "Accessibility": "PRIVATE", "EcsSpec": "ecs.g6.large",
        "ImageId": "image-1", "CloudDisks": [{"Capacity": "100Gi", "SubType": "rootfs"}],
        "UserVpc": {"VpcId": "vpc-1", "VSwitchId": "vsw-1", "SecurityGroupId": "sg-1", "ForwardInfos": []},
        "Datasets": [{"DatasetId": "d-models", "MountPath": "/mnt/models", "MountAccess": "RO"}],
    }});
    assert_eq!(compared(world, "made_notebook.py", &wanted).await, "");
    wanted["fields"]["EcsSpec"] = json!("ecs.g7.large");
    assert!(compared(world, "made_notebook.py", &wanted).await.contains("EcsSpec"), "it compares");

    // What can only be changed while it is stopped: it is stopped for that, and starts again.
    let grown = "  volumeSizeGb: 200\n  instanceType: ecs.g7.large\n  alibaba: {image: registry.example/pai/torch:2}";
    world.apply(&notebook("nb", "lab", "alice", grown)).await;
    says(world, &notebooks, "lab", "False", "Waiting").await;
    assert_eq!(state(&ready(world, &notebooks, "lab").await), "Running");
    let changed = seen(world, &own).await;
    let told = (&changed["EcsSpec"], &changed["ImageUrl"], &changed["CloudDisks"][0]["Capacity"]);
    assert_eq!(told, (&json!("ecs.g7.large"), &json!("registry.example/pai/torch:2"), &json!("200Gi")));
    assert!(changed["UserVpc"].is_null() && changed["Datasets"].is_null(), "{changed}");
    let marks = labels(&changed);

    // Stopped and started by the manifest, and by the suspension of who it is for.
    world.apply(&notebook("nb", "lab", "alice", &format!("{grown}\n  state: Stopped"))).await;
    assert_eq!(state(&ready(world, &notebooks, "lab").await), "Stopped");
    world.apply(&notebook("nb", "lab", "alice", grown)).await;
    assert_eq!(state(&ready(world, &notebooks, "lab").await), "Running");
    world.apply(&user("nb", "alice", "  suspended: true")).await;
    world.until(notebooks.clone(), "lab", "stopped with its user", |it| state(it) == "Stopped").await;
    says(world, &notebooks, "lab", "True", "Suspended").await;
    world.apply(&user("nb", "alice", "  suspended: false")).await;
    world.until(notebooks.clone(), "lab", "runs again", |it| state(it) == "Running").await;
    ready(world, &notebooks, "lab").await;

    // What people do to it by hand is put right.
    as_root(world, "PUT", &format!("{own}/stop"), None).await.unwrap();
    let gone = [("LabelKeys", "user")];
    let path = format!("{PATH}/{own}/labels");
    assert_eq!(world.alibaba.root().rest(DSW, "DELETE", &path, &gone, None).await.status, 200);
    eventually(world, "it stopped", || async { seen(world, &own).await["Status"] == "Stopped" }).await;
    as_root(world, "PUT", &own, Some(json!({"Accessibility": "PUBLIC", "InstanceName": "mine"}))).await.unwrap();
    reconcile(world, &notebooks, "lab", "now").await;
    world.until(notebooks.clone(), "lab", "it runs again", |it| state(it) == "Running").await;
    ready(world, &notebooks, "lab").await;
    let again = seen(world, &own).await;
    assert_eq!((&again["Accessibility"], labels(&again)), (&json!("PRIVATE"), marks));

    assert_eq!(calls(world).await["CreateInstance"], 1, "there was never a second one");
    // Its user is made again, as another one in RAM: it is theirs.
    let before = user_id(world, "nb.alice").await;
    delete(world, &users, "alice").await;
    let lab = world.until(notebooks.clone(), "lab", "is stopped", |it| state(it) == "Stopped").await;
    assert!(message(&lab).contains("no TenantUser alice"), "{}", message(&lab));
    world.apply(&user("nb", "alice", "")).await;
    ready(world, &notebooks, "lab").await;
    let now = user_id(world, "nb.alice").await;
    assert!(before != now && seen(world, &own).await["UserId"] == json!(now));
    delete(world, &notebooks, "lab").await;
    assert!(there(world, &own).await.is_none(), "it is gone before its manifest is");
}

// proves: TenantNotebook.spec.alibaba TenantNotebook.spec.aws Invalid
#[tokio::test]
async fn what_an_instance_cannot_be_is_said_before_any_call() {
    let world = &world(Duration::from_millis(50)).await;
    team(world, "nb", "", &["alice"]).await;
    world.apply(&(tenant("none", "") + &user("none", "carol", ""))).await;
    let refused = |tenant: &'static str, who: &'static str, more: &'static str| async move {
        let notebooks = of::<TenantNotebook>(world, &definitions(tenant));
        world.apply(&notebook(tenant, "lab", who, more)).await;
        let told =
            |it: &TenantNotebook| !message(it).is_empty() && it.status.as_ref().unwrap().observed_generation >= Some(1);
        let it = world.until(notebooks.clone(), "lab", "is refused", told).await;
        delete(world, &notebooks, "lab").await;
        message(&it)
    };
    for (tenant, who, more, why) in [
        ("none", "carol", "", "tenant none has none in this account. Add spec.accounts[].workspace"),
        ("nb", "carol", "", "no TenantUser carol in tenant nb"),
        ("nb", "alice", "  instanceType: ml.t3.medium", "no type of a DSW instance; those begin with ecs."),
        ("nb", "alice", "  # without alibaba:", "needs an image"),
        ("nb", "alice", "  aws: {rootAccess: true}", "spec.aws is for SageMaker"),
        ("nb", "alice", "  region: cn-beijing", "and not in cn-beijing"),
    ] {
        let said = refused(tenant, who, more).await;
        assert!(said.contains(why), "{said}");
    }
    assert!(!calls(world).await.contains_key("CreateInstance"), "nothing was asked of the cloud");

    // A disk that is larger than the manifest's; a type that DSW does not know.
    let notebooks = of::<TenantNotebook>(world, &definitions("nb"));
    world.apply(&notebook("nb", "lab", "alice", "")).await;
    let own = instance(&ready(world, &notebooks, "lab").await);
    world.apply(&notebook("nb", "lab", "alice", "  state: Stopped")).await;
    ready(world, &notebooks, "lab").await;
    let disk = json!({"CloudDisks": [{"Capacity": "300Gi", "SubType": "rootfs"}]});
    as_root(world, "PUT", &own, Some(disk)).await.unwrap();
    reconcile(world, &notebooks, "lab", "now").await;
    world.apply(&notebook("nb", "lab", "alice", "  volumeSizeGb: 200")).await;
    let told = |it: &TenantNotebook| message(it).contains("its volume has 300 GB, and a volume only grows");
    world.until(notebooks.clone(), "lab", "its disk is larger", told).await;
    world.apply(&notebook("nb", "new", "alice", "  instanceType: ecs.unknown")).await;
    let said = says(world, &notebooks, "new", "False", "Invalid").await;
    assert!(message(&said).contains("EcsSpec ecs.unknown does not exist"), "{}", message(&said));
}

// proves: TenantNotebook.spec.{stopAfterIdle,schedule}
#[tokio::test]
async fn an_instance_keeps_its_hours_and_stops_when_nobody_uses_it() {
    let world = &world(Duration::from_millis(50)).await;
    team(world, "nb", "", &["alice"]).await;
    let notebooks = of::<TenantNotebook>(world, &definitions("nb"));
    // Idleness is DSW's to see. What it stopped stays so until its user wants it.
    world.apply(&notebook("nb", "lab", "alice", "  stopAfterIdle: 2h")).await;
    let own = instance(&ready(world, &notebooks, "lab").await);
    assert_eq!(seen(world, &own).await["IdleInstanceCuller"]["MaxIdleTimeInMinutes"], 120);
    as_root(world, "PUT", &format!("{own}/stop"), None).await.unwrap();
    eventually(world, "it stopped", || async { seen(world, &own).await["Status"] == "Stopped" }).await;
    reconcile(world, &notebooks, "lab", "after it was idle").await;
    let idle = world.until(notebooks.clone(), "lab", "is stopped", |it| state(it) == "Stopped").await;
    assert!(message(&idle).contains("its user may start it"), "{}", message(&idle));
    as_root(world, "PUT", &format!("{own}/start"), None).await.unwrap();
    eventually(world, "it runs", || async { seen(world, &own).await["Status"] == "Running" }).await;
    reconcile(world, &notebooks, "lab", "after its user came").await;
    world.until(notebooks.clone(), "lab", "runs", |it| state(it) == "Running").await;
    // Another time, and none, without a stop.
    let stops = calls(world).await["StopInstance"];
    world.apply(&notebook("nb", "lab", "alice", "  stopAfterIdle: 90m")).await;
    eventually(world, "another time", || async {
        seen(world, &own).await["IdleInstanceCuller"]["MaxIdleTimeInMinutes"] == 90
    })
    .await;
    world.apply(&notebook("nb", "lab", "alice", "")).await;
    eventually(world, "never", || async { seen(world, &own).await["IdleInstanceCuller"].is_null() }).await;
    ready(world, &notebooks, "lab").await;
    assert_eq!(calls(world).await["StopInstance"], stops);

    // Hours: it runs since long; the last time to stop was this very minute.
    let berlin = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::get("Europe/Berlin").unwrap());
    let now = format!("\"{} {} * * *\"", berlin.minute(), berlin.hour());
    world.alibaba.notebooks_age(Duration::from_secs(7200)).await;
    reconcile(world, &notebooks, "lab", "hours later").await;
    let hours = |what: &str| format!("  schedule: {{timeZone: Europe/Berlin, {what}}}");
    world.apply(&notebook("nb", "lab", "alice", &hours(&format!("stop: {now}")))).await;
    world.until(notebooks.clone(), "lab", "stops", |it| state(it) == "Stopped").await;
    world.alibaba.notebooks_age(Duration::from_secs(7200)).await;
    reconcile(world, &notebooks, "lab", "more hours later").await;
    world.apply(&notebook("nb", "lab", "alice", &hours(&format!("start: {now}")))).await;
    world.until(notebooks.clone(), "lab", "starts", |it| state(it) == "Running").await;
    ready(world, &notebooks, "lab").await;
}

// proves: TenantNotebook.status.message QuotaExceeded CloudError Deleting
#[tokio::test]
async fn what_goes_wrong_in_dsw_is_told_and_never_leaves_two() {
    let mut world = world(Duration::from_millis(50)).await;
    team(&world, "nb", "", &["alice"]).await;
    let notebooks = of::<TenantNotebook>(&world, &definitions("nb"));

    // An answer that is lost: it is looked for before it is made again. A death while it is made.
    world.alibaba.faults(&[Fault::lost_answer("CreateInstance", 1)]).await;
    world.apply(&notebook("nb", "lab", "alice", "")).await;
    let own = instance(&ready(&world, &notebooks, "lab").await);
    assert_eq!((all(&world).await.len(), calls(&world).await["CreateInstance"]), (1, 1));
    world.alibaba.delays(Duration::from_millis(200), Duration::from_millis(700)).await;
    world.apply(&notebook("nb", "dying", "alice", "")).await;
    eventually(&world, "it is being made", || async { calls(&world).await["CreateInstance"] == 2 }).await;
    restart(&mut world, &quick()).await;
    let world = &world;
    ready(world, &notebooks, "dying").await;
    assert_eq!(all(world).await.len(), 2);
    delete(world, &notebooks, "dying").await;
    world.alibaba.delays(Duration::from_millis(200), Duration::from_millis(50)).await;

    // One that shows up late, from a creation that nobody heard of again: the younger goes.
    let mut twin = seen(world, &own).await;
    twin["UserId"] = json!(user_id(world, "nb.alice").await);
    as_root(world, "POST", "", Some(twin)).await.unwrap();
    assert_eq!(all(world).await.len(), 2);
    annotate(&Api::<CloudAccount>::all(world.client()), ALIBABA, "tenantry.dev/reconcile", "now").await;
    eventually(world, "one is left", || async { all(world).await.len() == 1 }).await;
    assert_eq!(all(world).await[0]["InstanceId"], json!(own));
    assert_eq!(instance(&ready(world, &notebooks, "lab").await), own);

    // A quota, and a machine that does not come up.
    let why = "The instance quota of the account is exceeded.";
    let full = json!([{"action": "CreateInstance", "status": 400, "code": "InternalError", "message": why}]);
    world.alibaba.turn("faults", full).await;
    world.apply(&notebook("nb", "second", "alice", "  instanceType: ecs.gn7e-c16g1.4xlarge")).await;
    let second = says(world, &notebooks, "second", "False", "QuotaExceeded").await;
    assert!(message(&second).contains("quota"), "{}", message(&second));
    reconcile(world, &notebooks, "second", "now").await;
    let second = says(world, &notebooks, "second", "False", "CloudError").await;
    assert!(message(&second).contains("The specification is sold out"), "{}", message(&second));
    assert_eq!(state(&second), "Failed");
    // Another type may be there, and is tried at once.
    world.apply(&notebook("nb", "second", "alice", "")).await;
    ready(world, &notebooks, "second").await;
    // What hangs is told.
    world.alibaba.delays(Duration::from_millis(200), Duration::from_secs(7200)).await;
    world.alibaba.notebooks_age(Duration::from_secs(7000)).await;
    reconcile(world, &notebooks, "second", "hours later").await;
    let hangs = |it: &TenantNotebook| message(it).contains("for more than an hour. Look at it in PAI's console");
    world.until(notebooks.clone(), "second", "is told to hang", hangs).await;
    world.alibaba.delays(Duration::from_millis(200), Duration::from_millis(50)).await;
    ready(world, &notebooks, "second").await;

    // A whole tenant goes, its instances first, which takes its time and holds up nobody else.
    world.alibaba.delays(Duration::from_millis(200), Duration::from_millis(2000)).await;
    world.apply(&user("nb", "alice", "  accessKey: {}")).await;
    ready(world, &of::<TenantUser>(world, &definitions("nb")), "alice").await;
    team(world, "other", "", &["bob"]).await;
    let tenants = Api::<Tenant>::all(world.client());
    tenants.delete("nb", &DeleteParams::default()).await.unwrap();
    for each in ["lab", "second"] {
        notebooks.delete(each, &DeleteParams::default()).await.unwrap();
    }
    of::<TenantUser>(world, &definitions("nb")).delete("alice", &DeleteParams::default()).await.unwrap();
    says(world, &notebooks, "lab", "False", "Deleting").await;
    eventually(world, "her key is gone", || async { keys(world, "nb.alice").await.is_empty() }).await;
    world.apply(&user("other", "carol", "")).await;
    ready(world, &of::<TenantUser>(world, &definitions("other")), "carol").await;
    assert!(there(world, &own).await.is_some(), "the other tenant did not wait for it");
    assert!(exists(world, "nb.alice").await && workspaces(world).await.contains_key("nb_lab"), "they wait for it");
    world.gone(notebooks.clone(), "lab").await;
    world.gone(notebooks, "second").await;
    world.gone(tenants, "nb").await;
    assert!(all(world).await.is_empty() && !workspaces(world).await.contains_key("nb_lab"));
    let order = world.alibaba.requests().await;
    let last = |action: &str| order.iter().rposition(|call| call.action == action && call.status == 200).unwrap();
    assert!(last("DeleteInstance") < last("DeleteUser") && last("DeleteInstance") < last("DeleteWorkspace"));
}

#[tokio::test]
async fn everyone_opens_their_own_instance_and_nobody_elses() {
    let world = &world(Duration::from_millis(50)).await;
    team(world, "nb", "", &[]).await;
    let defs = definitions("nb");
    for role in ["notebook-user", "pai-algorithm-developer"] {
        let role =
            std::fs::read_to_string(testbed::layout::root().join(format!("examples/roles/{role}.yaml"))).unwrap();
        let role = role.replace("namespace: acme", &format!("namespace: {defs}"));
        world.apply(&role.replace("tenant: acme", "tenant: nb")).await;
    }
    let mut ids = Vec::new();
    for (who, role) in [("alice", "notebook-user"), ("bob", "pai-algorithm-developer")] {
        world.apply(&user("nb", who, &format!("  roles: [{role}]\n  accessKey: {{}}"))).await;
        world.apply(&notebook("nb", &format!("{who}-lab"), who, "")).await;
        let lab = ready(world, &of::<TenantNotebook>(world, &defs), &format!("{who}-lab")).await;
        ready(world, &of::<TenantUser>(world, &defs), who).await;
        ids.push(instance(&lab));
    }
    let [hers, his] = &ids[..] else { panic!("two instances") };
    let tried = |who: &Credentials, method: &'static str, path: String, body: Option<Value>| {
        let client = world.alibaba.client(who.clone());
        async move {
            let query = [("InstanceId", path.as_str())];
            let answer = match path.starts_with("dsw-") && method == "TOKEN" {
                true => client.rest(DSW, "GET", "/api/v2/tokens", &query, None).await,
                false => client.rest(DSW, method, &format!("{PATH}/{path}"), &[], body).await,
            };
            assert!(answer.status == 200 || answer.code() == "NoPermissionError", "{method} {path}: {}", answer.body);
            answer.status == 200
        }
    };
    let (alice, bob) = (&key(world, "nb", "alice").await, &key(world, "nb", "bob").await);
    for (who, own, other) in [(alice, hers, his), (bob, his, hers)] {
        assert!(tried(who, "GET", own.clone(), None).await && tried(who, "TOKEN", own.clone(), None).await);
        let labels = json!({"Labels": [{"Key": "user", "Value": "alice"}]});
        for (method, path, body) in [
            ("GET", other.clone(), None),
            ("TOKEN", other.clone(), None),
            ("PUT", format!("{other}/stop"), None),
            ("PUT", format!("{other}/start"), None),
            ("PUT", other.clone(), Some(json!({"Accessibility": "PUBLIC"}))),
            ("DELETE", other.clone(), None),
            ("PUT", format!("{other}/labels"), Some(labels.clone())),
            ("PUT", format!("{own}/labels"), Some(labels.clone())),
        ] {
            assert!(!tried(who, method, path.clone(), body).await, "{method} {path}");
        }
    }
    // Her instance is changed by its manifest alone; the list shows her no other.
    assert!(!tried(alice, "PUT", hers.clone(), Some(json!({"Accessibility": "PUBLIC"}))).await);
    assert!(!tried(alice, "DELETE", hers.clone(), None).await);
    let listed = world.alibaba.client(alice.clone()).rest(DSW, "GET", PATH, &[], None).await;
    assert_eq!(listed.body["TotalCount"], 1, "{}", listed.body);

    // What the command does is asked of the cloud as alice, with the key in her Secret.
    let (code, url, said) = open(world, &format!("{defs}/alice-lab"), &[], None).await;
    assert!(code == 0 && url.starts_with("https://") && url.contains(hers.as_str()), "{url} {said}");
    let (code, url, said) = open(world, &format!("{defs}/bob-lab"), &["--own"], Some(alice)).await;
    assert!(code == 1 && url.is_empty() && said.contains("your own cloud credentials"), "{said}");
    assert!(said.contains("paidsw:GetInstance is refused (NoPermissionError)"), "{said}");
    let (code, url, _) = open(world, &format!("{defs}/alice-lab"), &["--own"], Some(alice)).await;
    assert!(code == 0 && url.contains(hers.as_str()), "{url}");
    assert!(tried(alice, "PUT", format!("{hers}/stop"), None).await);
    let (code, url, said) = open(world, &format!("{defs}/alice-lab"), &[], None).await;
    assert!(code == 1 && url.is_empty() && said.contains("has no address"), "{said}");
}

/// `tenantry notebook open`, as an administrator of the cluster, with these cloud credentials or none.
async fn open(world: &World, notebook: &str, more: &[&str], own: Option<&Credentials>) -> (i32, String, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_tenantry"));
    command.args(["notebook", "open", notebook]).args(more).env_clear();
    command.env("KUBECONFIG", world.control_plane.kubeconfig());
    if let Some(own) = own {
        command.env("ALIBABA_CLOUD_ACCESS_KEY_ID", &own.access_key_id);
        command.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", own.secret());
    }
    let output = command.output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn many_instances_on_their_way_cost_one_list() {
    let world = &world(Duration::from_secs(1)).await;
    team(world, "nb", "", &["alice"]).await;
    world.alibaba.largest_page(10).await;
    let notebooks = of::<TenantNotebook>(world, &definitions("nb"));
    let many: String = (0..25).map(|it| notebook("nb", &format!("lab-{it}"), "alice", "")).collect();
    world.alibaba.reset_calls().await;
    world.apply(&many).await;
    for it in 0..25 {
        ready(world, &notebooks, &format!("lab-{it}")).await;
    }
    let calls = calls(world).await;
    assert_eq!(calls["CreateInstance"], 25);
    assert!(calls["ListInstances"] <= 100 && !calls.contains_key("GetInstance"), "{calls:?}");
}
