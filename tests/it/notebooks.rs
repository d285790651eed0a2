//! Notebooks on SageMaker, end to end: made, changed, stopped, started and deleted as their manifests say, by nobody but
//! who may.

use std::time::Duration;

use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tenantry::api::{Tenant, TenantNotebook, TenantUser};
use testbed::aws::Credentials;
use testbed::{Fault, Launch, World};

use crate::support::{
    definitions, delete, eventually, message, namespace, of, own, ready, reconcile, restart, says, tenant, user,
};
use crate::tenant::launch;

/// What SageMaker takes minutes for is over in half a second here.
fn quick() -> Launch {
    launch().argument("--fresh-write=0").argument("--notebook-poll=0.5")
}

/// A TenantNotebook; `more` is YAML of its `spec`, two spaces deep.
fn notebook(tenant: &str, namespace: &str, name: &str, user: &str, more: &str) -> String {
    let typed = if more.contains("instanceType:") { "" } else { "  instanceType: ml.t3.medium\n" };
    let account = if more.contains("account:") { "" } else { "  account: aws\n" };
    format!(
        "---\napiVersion: tenantry.dev/v1alpha1\nkind: TenantNotebook\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec:\n  tenant: {tenant}\n  user: {user}\n{account}{typed}{more}\n"
    )
}

/// A tenant with users.
async fn team(world: &World, name: &str, more: &str, users: &[&str]) -> String {
    let defs = definitions(name);
    let users: String = users.iter().map(|it| user(name, &defs, it, "")).collect();
    world.apply(&(namespace(&defs) + &tenant(name, more) + &users)).await;
    ready(world, &Api::<Tenant>::all(world.client()), name).await;
    defs
}

/// The name that a notebook has in SageMaker, from its status.
fn cloud_name(notebook: &TenantNotebook) -> String {
    let status = notebook.status.as_ref().unwrap();
    status.instance.as_ref().unwrap().rsplit('/').next().unwrap().to_owned()
}

fn state(notebook: &TenantNotebook) -> &str {
    notebook.status.as_ref().and_then(|status| status.state.as_deref()).unwrap_or_default()
}

async fn seen(world: &World, name: &str) -> Value {
    world.moto.notebook(name).await.unwrap_or_else(|| panic!("there is no notebook {name}"))
}

async fn tags(world: &World, arn: &str) -> Vec<(String, String)> {
    let answer = world.moto.sagemaker(&Credentials::root(), "ListTags", json!({"ResourceArn": arn})).await.unwrap();
    let text = |tag: &Value, key: &str| tag[key].as_str().unwrap().to_owned();
    answer["Tags"].as_array().unwrap().iter().map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect()
}

async fn as_root(world: &World, operation: &str, name: &str) {
    let input = json!({"NotebookInstanceName": name});
    world.moto.sagemaker(&Credentials::root(), operation, input).await.unwrap();
}

// proves: TenantNotebook.spec.{tenant,user,account,instanceType,volumeSizeGb,state}
// proves: TenantNotebook.spec.aws TenantNotebook.spec.aws.{subnetId,securityGroupIds,rootAccess}
// proves: TenantNotebook.status.{state,instance,observedGeneration,lastHandledReconcileAt,conditions[]}
#[tokio::test]
async fn a_notebook_lives_as_its_manifest_says() {
    let world = &own(quick(), "").await;
    let defs = team(world, "nb", "", &["alice"]).await;
    let notebooks = of::<TenantNotebook>(world, &defs);
    let users = of::<TenantUser>(world, &defs);
    let placed = "  aws: {subnetId: subnet-1, securityGroupIds: [sg-1, sg-2]}\n";
    world.apply(&notebook("nb", &defs, "lab", "alice", &format!("{placed}  volumeSizeGb: 10"))).await;
    says(world, &notebooks, "lab", "False", "Waiting").await;
    let lab = ready(world, &notebooks, "lab").await;
    assert_eq!(state(&lab), "InService");
    let name = cloud_name(&lab);
    let arn = lab.status.as_ref().unwrap().instance.clone().unwrap();
    let there = seen(world, &name).await;
    assert_eq!((there["VolumeSizeInGB"].as_i64(), there["RootAccess"].as_str()), (Some(10), Some("Disabled")));
    assert_eq!(
        (there["SubnetId"].as_str(), there["DirectInternetAccess"].as_str()),
        (Some("subnet-1"), Some("Disabled"))
    );
    assert_eq!(there["SecurityGroups"], json!(["sg-1", "sg-2"]));
    assert!(there["RoleArn"].as_str().unwrap().ends_with("/nb/nb.sagemaker_execution"), "{there}");
    let marks = tags(world, &arn).await;
    for mark in [("tenant", "nb"), ("user", "alice"), ("tenantry.dev/owner", "tenantnotebook/nb-defs/lab")] {
        assert!(marks.iter().any(|(key, value)| (key.as_str(), value.as_str()) == mark), "{marks:?}");
    }

    // What can only be changed while it is stopped: it is stopped for that, and starts again.
    world
        .apply(&notebook(
            "nb",
            &defs,
            "lab",
            "alice",
            &format!("{placed}  volumeSizeGb: 20\n  instanceType: ml.m5.xlarge"),
        ))
        .await;
    says(world, &notebooks, "lab", "False", "Waiting").await;
    assert_eq!(state(&ready(world, &notebooks, "lab").await), "InService");
    let there = seen(world, &name).await;
    assert_eq!((there["VolumeSizeInGB"].as_i64(), there["InstanceType"].as_str()), (Some(20), Some("ml.m5.xlarge")));

    // Stopped and started by the manifest, and by the suspension of who it is for.
    let grown = format!("{placed}  volumeSizeGb: 20\n  instanceType: ml.m5.xlarge");
    world.apply(&notebook("nb", &defs, "lab", "alice", &format!("{grown}\n  state: Stopped"))).await;
    assert_eq!(state(&ready(world, &notebooks, "lab").await), "Stopped");
    world.apply(&notebook("nb", &defs, "lab", "alice", &grown)).await;
    assert_eq!(state(&ready(world, &notebooks, "lab").await), "InService");
    world.apply(&user("nb", &defs, "alice", "  suspended: true")).await;
    let stopped = |it: &TenantNotebook| state(it) == "Stopped";
    world.until(notebooks.clone(), "lab", "stopped with its user", stopped).await;
    says(world, &notebooks, "lab", "True", "Suspended").await;
    says(world, &users, "alice", "True", "Suspended").await;
    world.apply(&user("nb", &defs, "alice", "  suspended: false")).await;
    world.until(notebooks.clone(), "lab", "runs again", |it| state(it) == "InService").await;
    ready(world, &notebooks, "lab").await;

    // What people do to it by hand is put right.
    as_root(world, "StopNotebookInstance", &name).await;
    let input = json!({"ResourceArn": arn, "TagKeys": ["user"]});
    world.moto.sagemaker(&Credentials::root(), "DeleteTags", input).await.unwrap();
    eventually(world, "it stopped", || async { seen(world, &name).await["NotebookInstanceStatus"] == "Stopped" }).await;
    reconcile(world, &notebooks, "lab", "now").await;
    world.until(notebooks.clone(), "lab", "it runs again", |it| state(it) == "InService").await;
    assert!(tags(world, &arn).await.iter().any(|(key, _)| key == "user"));
    ready(world, &notebooks, "lab").await;
    assert!(!tags(world, &arn).await.iter().any(|(key, _)| key == "tenantry.dev/stopped"));

    let calls = world.moto.calls().await;
    assert_eq!(calls["CreateNotebookInstance"], 1, "there was never a second one");
    delete(world, &notebooks, "lab").await;
    assert!(world.moto.notebook(&name).await.is_none(), "it is gone before its manifest is");
}

// proves: TenantNotebook.spec.{tenant,user,account,region,instanceType,volumeSizeGb} Invalid LimitExceeded
// proves: Tenant.spec.limits.{notebooks,instanceTypes} Tenant.status.limits[] Tenant.status.notebooks
#[tokio::test]
async fn what_a_notebook_cannot_be_is_said_before_any_call() {
    let world = &own(quick(), "").await;
    let limits = "  limits: {notebooks: 1, instanceTypes: [ml.t3.medium, ml.t3.large]}";
    let defs = team(world, "nb", limits, &["alice"]).await;
    team(world, "other", "", &["bob"]).await;
    let notebooks = of::<TenantNotebook>(world, &defs);
    let refused = |name: &'static str, who: &'static str, more: &'static str| {
        let (notebooks, defs) = (notebooks.clone(), defs.clone());
        async move {
            world.apply(&notebook("nb", &defs, name, who, more)).await;
            let told = |it: &TenantNotebook| {
                !message(it).is_empty() && it.status.as_ref().unwrap().observed_generation >= Some(1)
            };
            let it = world.until(notebooks.clone(), name, "is refused", told).await;
            delete(world, &notebooks, name).await;
            message(&it)
        }
    };
    let said = refused("foreign", "bob", "").await;
    assert!(said.contains("no TenantUser bob in tenant nb"), "{said}");
    // What the Tenant says of types and accounts the API server sees itself. A dry run is let through: the Tenant may be
    // changed beside it. Where the notebook comes before its Tenant, its status says it.
    for (name, more, why) in [
        (
            "large",
            "  instanceType: ml.p3.16xlarge",
            "ml.p3.16xlarge is not allowed: spec.limits.instanceTypes of Tenant nb has ml.t3.medium, ml.t3.large",
        ),
        ("elsewhere", "  account: nowhere", "tenant nb is not in account nowhere"),
    ] {
        let manifest = notebook("nb", &defs, name, "alice", more);
        let object: TenantNotebook = serde_saphyr::from_str(manifest.trim_start_matches("---\n")).unwrap();
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        notebooks.create(&dry, &object).await.unwrap();
        let said = notebooks.create(&PostParams::default(), &object).await.unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
    let early = definitions("late");
    let large = notebook("late", &early, "large", "alice", "  instanceType: ml.p3.16xlarge");
    world
        .apply(&(namespace(&early) + &large + &notebook("late", &early, "elsewhere", "alice", "  account: nowhere")))
        .await;
    world.apply(&(tenant("late", limits) + &user("late", &early, "alice", ""))).await;
    let waiting = of::<TenantNotebook>(world, &early);
    let said = message(&says(world, &waiting, "large", "False", "LimitExceeded").await);
    assert!(said.contains("ml.p3.16xlarge is not allowed") && said.contains("ml.t3.medium, ml.t3.large"), "{said}");
    let said = message(&says(world, &waiting, "elsewhere", "False", "Invalid").await);
    assert!(said.contains("tenant late is not in account nowhere"), "{said}");
    let said = refused("half", "alice", "  aws: {subnetId: subnet-1}").await;
    assert!(said.contains("go together"), "{said}");
    assert!(!world.moto.calls().await.contains_key("CreateNotebookInstance"), "nothing was asked of the cloud");

    world.apply(&notebook("nb", &defs, "lab", "alice", "  volumeSizeGb: 10")).await;
    ready(world, &notebooks, "lab").await;
    world.apply(&notebook("nb", &defs, "second", "alice", "")).await;
    let second = says(world, &notebooks, "second", "False", "LimitExceeded").await;
    assert!(message(&second).contains("spec.limits.notebooks of the Tenant is 1"), "{}", message(&second));
    let tenants = Api::<Tenant>::all(world.client());
    let used = |it: &Tenant| {
        let limits = it.status.as_ref().map(|status| status.limits.clone()).unwrap_or_default();
        let notebooks = it.status.as_ref().and_then(|status| status.notebooks);
        notebooks == Some(2)
            && limits.iter().any(|limit| limit.name == "notebooks" && (limit.used, limit.limit) == (2, 1))
    };
    world.until(tenants, "nb", "says what is used and allowed", used).await;

    // What the API server itself refuses.
    for (change, why) in [
        (json!({"user": "bob"}), "immutable"),
        (json!({"region": "us-east-1"}), "immutable"),
        (json!({"account": "other"}), "immutable"),
        (json!({"tenant": "other"}), "immutable"),
        (json!({"volumeSizeGb": 9}), "a volume only grows"),
    ] {
        let patch = Patch::Merge(json!({"spec": change}));
        let said = notebooks.patch("lab", &PatchParams::default(), &patch).await.unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }

    // A limit that becomes lower takes nothing away, and lets everything else of the notebook be changed.
    world.apply(&tenant("nb", "  limits: {instanceTypes: [ml.t3.large]}")).await;
    says(world, &notebooks, "lab", "False", "LimitExceeded").await;
    let labelled = Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}, "spec": {"volumeSizeGb": 11}}));
    notebooks.patch("lab", &PatchParams::default(), &labelled).await.unwrap();
    let typed = Patch::Merge(json!({"spec": {"instanceType": "ml.p3.16xlarge"}}));
    let said = notebooks.patch("lab", &PatchParams::default(), &typed).await.unwrap_err().to_string();
    assert!(said.contains("ml.p3.16xlarge is not allowed"), "{said}");
    let name = cloud_name(&notebooks.get("lab").await.unwrap());
    assert_eq!(seen(world, &name).await["NotebookInstanceStatus"], "InService");
    world.apply(&tenant("nb", "")).await;

    // Who is deleted uses no notebook any more; it is stopped first, and the manifest says what became of it.
    ready(world, &notebooks, "lab").await;
    world.moto.reset_calls().await;
    delete(world, &of::<TenantUser>(world, &defs), "alice").await;
    let calls: Vec<String> = world.moto.requests().await.into_iter().map(|call| call.action).collect();
    let at = |action: &str| calls.iter().position(|it| it == action).unwrap_or_else(|| panic!("{action}: {calls:?}"));
    assert!(at("StopNotebookInstance") < at("DeleteUser"), "{calls:?}");
    let lab = world.until(notebooks, "lab", "is stopped", |it| state(it) == "Stopped").await;
    assert!(message(&lab).contains("no TenantUser alice"), "{}", message(&lab));
}

// proves: TenantNotebook.spec.{stopAfterIdle,region} TenantNotebook.spec.schedule TenantNotebook.spec.schedule.{start,stop,timeZone}
#[tokio::test]
async fn a_notebook_keeps_its_hours_and_stops_when_nobody_uses_it() {
    let world = &own(quick(), "").await;
    let defs = team(world, "nb", "", &["alice"]).await;
    let notebooks = of::<TenantNotebook>(world, &defs);
    let config = |name: String| async move {
        let input = json!({"NotebookInstanceLifecycleConfigName": name});
        world.moto.sagemaker(&Credentials::root(), "DescribeNotebookInstanceLifecycleConfig", input).await
    };

    // Idle: the script is the cloud's to run. Who was stopped by it stays so until its user wants it.
    world.apply(&notebook("nb", &defs, "idle", "alice", "  stopAfterIdle: 2h")).await;
    world.apply(&notebook("nb", &defs, "far", "alice", "  region: us-east-1")).await;
    let name = cloud_name(&ready(world, &notebooks, "idle").await);
    let script = seen(world, &name).await["NotebookInstanceLifecycleConfigName"].as_str().unwrap().to_owned();
    assert!(script.starts_with("tenantry-idle-120m-"), "{script}");
    assert!(config(script.clone()).await.unwrap()["OnStart"][0]["Content"].as_str().is_some_and(|it| it.len() < 16384));
    as_root(world, "StopNotebookInstance", &name).await;
    eventually(world, "it stopped", || async { seen(world, &name).await["NotebookInstanceStatus"] == "Stopped" }).await;
    reconcile(world, &notebooks, "idle", "after it was idle").await;
    let idle = world.until(notebooks.clone(), "idle", "is stopped", |it| state(it) == "Stopped").await;
    assert!(message(&idle).contains("its user may start it"), "{}", message(&idle));
    as_root(world, "StartNotebookInstance", &name).await;
    reconcile(world, &notebooks, "idle", "after its user came").await;
    world.until(notebooks.clone(), "idle", "runs", |it| state(it) == "InService").await;
    // Without the wish it is changed, for which it is stopped.
    world.apply(&notebook("nb", &defs, "idle", "alice", "")).await;
    eventually(world, "no script", || async {
        seen(world, &name).await["NotebookInstanceLifecycleConfigName"].as_str().is_none()
    })
    .await;
    world.until(notebooks.clone(), "idle", "runs again", |it| state(it) == "InService").await;
    let far = ready(world, &notebooks, "far").await;
    assert!(far.status.unwrap().instance.unwrap().contains(":us-east-1:"));

    // Hours: it runs since long; the last time to stop was this very minute.
    let berlin = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::get("Europe/Berlin").unwrap());
    let now = format!("\"{} {} * * *\"", berlin.minute(), berlin.hour());
    world.moto.notebooks_age(Duration::from_secs(7200)).await;
    reconcile(world, &notebooks, "idle", "hours later").await;
    let hours = |what: &str| format!("  schedule: {{timeZone: Europe/Berlin, {what}}}");
    world.apply(&notebook("nb", &defs, "idle", "alice", &hours(&format!("stop: {now}")))).await;
    world.until(notebooks.clone(), "idle", "stops", |it| state(it) == "Stopped").await;
    world.moto.notebooks_age(Duration::from_secs(7200)).await;
    reconcile(world, &notebooks, "idle", "more hours later").await;
    world.apply(&notebook("nb", &defs, "idle", "alice", &hours(&format!("start: {now}")))).await;
    world.until(notebooks.clone(), "idle", "starts", |it| state(it) == "InService").await;
    ready(world, &notebooks, "idle").await;
    // What the API server does not see of these.
    for (never, why) in [
        ("start: \"0 0 30,31 2 *\"".to_owned(), "never comes"),
        ("start: \"0 0 * foo *\"".to_owned(), "is no schedule"),
    ] {
        world.apply(&notebook("nb", &defs, "idle", "alice", &hours(&never))).await;
        let told = |it: &TenantNotebook| message(it).contains(why);
        world.until(notebooks.clone(), "idle", why, told).await;
    }
    world.apply(&notebook("nb", &defs, "idle", "alice", "  stopAfterIdle: 2h")).await;
    eventually(world, "a script", || async { config(script.clone()).await.is_ok() }).await;
    ready(world, &notebooks, "idle").await;
    delete(world, &notebooks, "idle").await;
    assert!(config(script).await.is_err(), "the script goes with the last notebook that has it");
    delete(world, &notebooks, "far").await;
}

// proves: TenantNotebook.status.message QuotaExceeded CloudError Deleting
#[tokio::test]
async fn what_goes_wrong_in_the_cloud_is_told_and_never_makes_two() {
    let mut world = own(quick(), "").await;
    let defs = team(&world, "nb", "", &["alice"]).await;
    let notebooks = of::<TenantNotebook>(&world, &defs);

    // An answer that is lost, and a death while it is made.
    world.moto.faults(&[Fault::lost_answer("CreateNotebookInstance", 3)]).await;
    world.moto.notebooks_take(Duration::from_secs(3)).await;
    world.apply(&notebook("nb", &defs, "lab", "alice", "")).await;
    eventually(&world, "it is being made", || async {
        world.moto.calls().await.get("CreateNotebookInstance").is_some_and(|calls| *calls > 0)
    })
    .await;
    restart(&mut world, &quick()).await;
    let world = &world;
    let name = cloud_name(&ready(world, &notebooks, "lab").await);
    let list = world.moto.sagemaker(&Credentials::root(), "ListNotebookInstances", json!({})).await.unwrap();
    assert_eq!(list["NotebookInstances"].as_array().unwrap().len(), 1, "{list}");
    world.moto.notebooks_take(Duration::from_millis(300)).await;

    // A quota, and a machine that does not come up.
    world.moto.most_notebooks(1).await;
    world.apply(&notebook("nb", &defs, "second", "alice", "")).await;
    let second = says(world, &notebooks, "second", "False", "QuotaExceeded").await;
    assert!(message(&second).contains("Total number of notebook instances"), "{}", message(&second));
    world.moto.most_notebooks(9).await;
    world.moto.notebooks_fail(&["no capacity for ml.t3.medium"]).await;
    reconcile(world, &notebooks, "second", "now").await;
    let second = says(world, &notebooks, "second", "False", "CloudError").await;
    assert!(message(&second).contains("no capacity for ml.t3.medium"), "{}", message(&second));
    assert_eq!(state(&second), "Failed");
    // What hangs is told, and what failed is tried again, though not at once.
    world.moto.notebooks_age(Duration::from_secs(7200)).await;
    world.moto.notebooks_take(Duration::from_secs(600)).await;
    reconcile(world, &notebooks, "second", "hours later").await;
    says(world, &notebooks, "second", "False", "Waiting").await;
    world.moto.notebooks_age(Duration::from_secs(7200)).await;
    reconcile(world, &notebooks, "second", "more hours later").await;
    let hangs = |it: &TenantNotebook| message(it).contains("for more than an hour");
    world.until(notebooks.clone(), "second", "is told to hang", hangs).await;
    world.moto.notebooks_take(Duration::from_millis(300)).await;
    world.moto.notebooks_arrive().await;
    // Another type may be there.
    world.apply(&notebook("nb", &defs, "second", "alice", "  instanceType: ml.t3.large")).await;
    ready(world, &notebooks, "second").await;

    // A whole tenant goes, its notebooks first, which takes its time and holds up nobody else.
    world.moto.notebooks_take(Duration::from_secs(2)).await;
    let others = team(world, "other", "", &["bob"]).await;
    let tenants = Api::<Tenant>::all(world.client());
    tenants.delete("nb", &DeleteParams::default()).await.unwrap();
    for each in ["lab", "second"] {
        notebooks.delete(each, &DeleteParams::default()).await.unwrap();
    }
    says(world, &notebooks, "lab", "False", "Deleting").await;
    world.apply(&user("other", &others, "carol", "")).await;
    ready(world, &of::<TenantUser>(world, &others), "carol").await;
    assert!(world.moto.notebook(&name).await.is_some(), "the other tenant did not wait for it");
    world.gone(notebooks.clone(), "lab").await;
    world.gone(notebooks, "second").await;
    assert!(world.moto.notebook(&name).await.is_none());
}

#[tokio::test]
async fn everyone_opens_their_own_notebook_and_nobody_elses() {
    let world = &own(quick(), "").await;
    let defs = team(world, "nb", "", &[]).await;
    let role = std::fs::read_to_string(testbed::layout::root().join("examples/roles/notebook-user.yaml")).unwrap();
    world
        .apply(&role.replace("namespace: acme", &format!("namespace: {defs}")).replace("tenant: acme", "tenant: nb"))
        .await;
    let mut names = Vec::new();
    for who in ["alice", "bob"] {
        let more = format!(
            "  roles: [notebook-user]\n  accessKey: {{}}\n  kubernetes: {{kind: User, name: {who}@nb.example}}"
        );
        world.apply(&user("nb", &defs, who, &more)).await;
        world.apply(&notebook("nb", &defs, &format!("{who}-lab"), who, "")).await;
        let lab = ready(world, &of::<TenantNotebook>(world, &defs), &format!("{who}-lab")).await;
        names.push((cloud_name(&lab), lab.status.unwrap().instance.unwrap()));
    }
    ready(world, &of::<TenantUser>(world, &defs), "alice").await;
    let secret = of::<k8s_openapi::api::core::v1::Secret>(world, &defs).get("alice-aws").await.unwrap();
    let part = |key| crate::support::text(&secret, key);
    let alice = &Credentials::new(&part("AWS_ACCESS_KEY_ID"), &part("AWS_SECRET_ACCESS_KEY"));
    let [(hers, her_arn), (his, his_arn)] = &names[..] else { panic!("two notebooks") };
    let named = |name: &str| json!({"NotebookInstanceName": name});
    let opened = world.moto.sagemaker(alice, "CreatePresignedNotebookInstanceUrl", named(hers)).await.unwrap();
    assert!(opened["AuthorizedUrl"].as_str().unwrap().starts_with("https://"), "{opened}");
    for operation in [
        "CreatePresignedNotebookInstanceUrl",
        "DescribeNotebookInstance",
        "StartNotebookInstance",
        "StopNotebookInstance",
        "DeleteNotebookInstance",
    ] {
        let (code, said) = world.moto.sagemaker(alice, operation, named(his)).await.unwrap_err();
        assert_eq!(code, "AccessDeniedException", "{operation}: {said}");
    }
    // A lifecycle script of hers would be root in the notebook; a tag of hers would make his notebook hers.
    let mut mine = named(hers);
    mine["LifecycleConfigName"] = json!("x");
    let retag = |arn: &str| json!({"ResourceArn": arn, "Tags": [{"Key": "user", "Value": "alice"}]});
    for (operation, input) in [
        ("UpdateNotebookInstance", mine),
        ("AddTags", retag(his_arn)),
        ("AddTags", retag(her_arn)),
        ("DeleteTags", json!({"ResourceArn": his_arn, "TagKeys": ["user"]})),
    ] {
        let (code, said) = world.moto.sagemaker(alice, operation, input).await.unwrap_err();
        assert_eq!(code, "AccessDeniedException", "{operation}: {said}");
    }
    // Whoever alice is in the cluster may read what the command asks for, and nothing of bob's.
    let as_alice = world.control_plane.impersonate("alice@nb.example", &[]);
    let labs: Api<TenantNotebook> = Api::namespaced(as_alice.clone(), &defs);
    let people: Api<TenantUser> = Api::namespaced(as_alice, &defs);
    eventually(world, "she may read hers", || async {
        labs.get("alice-lab").await.is_ok() && people.get("alice").await.is_ok()
    })
    .await;
    assert!(labs.get("bob-lab").await.is_err() && people.get("bob").await.is_err());
    // What the command does is asked of the cloud as alice, with the key in her Secret.
    let (code, url, said) = open(world, &defs, "alice-lab", &[]).await;
    assert!(code == 0 && url.starts_with("https://"), "{url} {said}");
    let (code, url, said) = open(world, &defs, "no-lab", &[]).await;
    assert!(code == 1 && url.is_empty() && said.contains("no-lab"), "{said}");
    let (code, url, said) = open(world, &defs, "bob-lab", &["--own"]).await;
    assert!(code == 1 && url.is_empty() && said.contains("your own cloud credentials"), "{said}");
    world.moto.sagemaker(alice, "StopNotebookInstance", named(hers)).await.unwrap();
    let (code, _, said) = open(world, &defs, "alice-lab", &[]).await;
    assert!(code == 1 && said.contains("is not InService"), "{said}");
}

/// `tenantry notebook open`, as an administrator of the cluster without cloud credentials.
async fn open(world: &World, namespace: &str, name: &str, more: &[&str]) -> (i32, String, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_tenantry"));
    command.args(["notebook", "open", &format!("{namespace}/{name}")]).args(more).env_clear();
    command.env("KUBECONFIG", world.control_plane.kubeconfig()).env("AWS_EC2_METADATA_DISABLED", "true");
    let output = command.output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn many_notebooks_on_their_way_cost_one_list() {
    let world = &own(launch().argument("--fresh-write=0").argument("--notebook-poll=1"), "").await;
    let defs = team(world, "nb", "", &["alice"]).await;
    world.moto.notebooks_take(Duration::from_secs(6)).await;
    let notebooks = of::<TenantNotebook>(world, &defs);
    let many: String = (0..25).map(|it| notebook("nb", &defs, &format!("lab-{it}"), "alice", "")).collect();
    world.moto.reset_calls().await;
    world.apply(&many).await;
    for it in 0..25 {
        ready(world, &notebooks, &format!("lab-{it}")).await;
    }
    let calls = world.moto.calls().await;
    assert_eq!(calls["CreateNotebookInstance"], 25);
    assert!(calls["ListNotebookInstances"] <= 16, "{calls:?}");
    assert!(!calls.contains_key("DescribeNotebookInstance") && !calls.contains_key("ListTags"), "{calls:?}");
}
