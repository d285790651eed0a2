//! The contract of statuses, as tools read them: every status that is ever written, and the silence when nothing is to do.

use std::sync::Arc;
use std::sync::Mutex;

use futures::TryStreamExt;
use kube::api::{Api, DynamicObject};
use kube::runtime::watcher;
use kube::{Client, ResourceExt};
use serde_json::Value;
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::{Fault, World};

use crate::support::{
    Told, annotate, condition, definitions, delete, eventually, message, namespace, of, operator_calls, own, ready,
    reconcile, role, says, tenant, user,
};
use crate::tenant::launch;

type Complaints = Arc<Mutex<Vec<String>>>;

/// What is wrong with a status, if anything: exactly one of three forms holds in whatever was written.
fn complaint<K: Told>(object: &K) -> Option<String> {
    use tenantry::api::ObservedStatus as _;
    let status = object.status()?;
    let generation = status.observed_generation()?;
    if generation < 0 {
        return None;
    }
    let wrong = |why: &str| Some(format!("{}: {why}: {:?}", object.name_any(), status.conditions()));
    let held = |type_: &str| condition(object, type_).map(|(status, _)| status);
    let forms = matches!(
        (held("Ready").as_deref(), held("Reconciling").as_deref(), held("Stalled").as_deref()),
        (Some("True"), None, None)
            | (Some("False" | "Unknown"), Some("True"), None)
            | (Some("False"), None, Some("True"))
    );
    if !forms {
        return wrong("not exactly one of Ready, Reconciling and Stalled");
    }
    if object.meta().generation.is_some_and(|newest| generation > newest) {
        return wrong("observes a generation that is not there yet");
    }
    for it in status.conditions() {
        if it.message.is_empty() || !it.reason.chars().all(|c| c.is_ascii_alphanumeric()) {
            return wrong("a condition without a message or with an odd reason");
        }
        if it.message.contains("RequestId") || it.message.contains("request id") {
            return wrong("a request id in a message");
        }
    }
    None
}

/// Judges every version of the objects of a kind from now on.
fn judge<K: Told>(api: Api<K>, complaints: &Complaints) {
    let complaints = complaints.clone();
    tokio::spawn(async move {
        let mut events = std::pin::pin!(watcher(api, watcher::Config::default()));
        while let Ok(Some(event)) = events.try_next().await {
            if let watcher::Event::Apply(object) | watcher::Event::InitApply(object) = event {
                complaints.lock().unwrap().extend(complaint(&object));
            }
        }
    });
}

fn judge_all(client: &Client) -> Complaints {
    let complaints = Complaints::default();
    judge(Api::<CloudAccount>::all(client.clone()), &complaints);
    judge(Api::<Tenant>::all(client.clone()), &complaints);
    judge(Api::<TenantRole>::all(client.clone()), &complaints);
    judge(Api::<TenantUser>::all(client.clone()), &complaints);
    complaints
}

async fn apply(world: &World, yaml: &str) -> Vec<DynamicObject> {
    testbed::apply::apply(&world.client(), yaml).await.unwrap()
}

// proves: {CloudAccount,Tenant,TenantRole,TenantUser}.status.conditions[]
// proves: {CloudAccount,Tenant,TenantRole,TenantUser}.status.observedGeneration
// proves: {CloudAccount,Tenant,TenantUser}.status.lastHandledReconcileAt tenantry.dev/reconcile
// proves: reconcile.fluxcd.io/requestedAt Provisioned Suspended Paused Deleting
#[tokio::test]
async fn every_status_has_one_form_in_a_whole_life() {
    let world = &own(launch(), "  driftCheckInterval: 2s").await;
    let complaints = judge_all(&world.client());
    let defs = definitions("co");
    world.apply(&namespace(&defs)).await;
    let (users, roles) = (of::<TenantUser>(world, &defs), of::<TenantRole>(world, &defs));
    let tenants: Api<Tenant> = Api::all(world.client());
    // The user first, so that it waits.
    for made in apply(world, &user("co", &defs, "alice", "  roles: [reader]\n  accessKey: {}")).await {
        assert_eq!(made.data["status"]["observedGeneration"], -1, "new: nobody may take it for finished");
    }
    says(world, &users, "alice", "False", "TenantNotFound").await;
    for made in apply(world, &(tenant("co", "") + &role("co", &defs, "reader"))).await {
        assert_eq!(made.data["status"]["observedGeneration"], -1);
    }
    ready(world, &users, "alice").await;
    ready(world, &roles, "reader").await;
    ready(world, &tenants, "co").await;

    // Forced.
    reconcile(world, &users, "alice", "one").await;
    annotate(&tenants, "co", "reconcile.fluxcd.io/requestedAt", "2026-01-02T03:04:05Z").await;
    let echoed = |it: &Tenant| {
        it.status.as_ref().and_then(|it| it.last_handled_reconcile_at.as_deref()) == Some("2026-01-02T03:04:05Z")
    };
    world.until(tenants.clone(), "co", "Flux is answered", echoed).await;
    let accounts: Api<CloudAccount> = Api::all(world.client());
    reconcile(world, &accounts, "aws", "two").await;

    // Edited, broken and repaired.
    world.apply(&user("co", &defs, "alice", "  roles: [reader, nobody]\n  accessKey: {}")).await;
    says(world, &users, "alice", "False", "Invalid").await;
    world.moto.faults(&[Fault::new("TagUser", 500, "ServiceFailure", 20).only("UserName", "co\\.alice")]).await;
    world.apply(&user("co", &defs, "alice", "  roles: [reader]\n  tags: {a: b}\n  accessKey: {}")).await;
    let failing =
        |it: &TenantUser| condition(it, "Reconciling").is_some_and(|(_, message)| message.contains("co.alice"));
    let failing = world.until(users.clone(), "alice", "says what fails", failing).await;
    assert!(
        condition(&failing, "Ready").is_some_and(|(status, _)| status != "True"),
        "of a new generation nothing is known"
    );
    world.moto.faults(&[]).await;
    ready(world, &users, "alice").await;
    let denied = Fault::new("PutUserPolicy", 403, "AccessDenied", 50).only("UserName", "co\\.alice");
    world.moto.faults(&[denied]).await;
    world.apply(&user("co", &defs, "alice", "  roles: [reader]\n  suspended: true\n  accessKey: {}")).await;
    let denied = says(world, &users, "alice", "False", "AccessDenied").await;
    assert!(message(&denied).contains("iam:PutUserPolicy"), "{}", message(&denied));
    world.moto.faults(&[]).await;
    reconcile(world, &users, "alice", "three").await;
    says(world, &users, "alice", "True", "Suspended").await;
    annotate(&users, "alice", "tenantry.dev/paused", "true").await;
    says(world, &users, "alice", "True", "Paused").await;
    annotate(&users, "alice", "tenantry.dev/paused", "false").await;
    world.apply(&user("co", &defs, "alice", "  roles: [reader]")).await;
    ready(world, &users, "alice").await;

    // Deleted, with trouble.
    world.moto.faults(&[Fault::new("DeleteUser", 500, "ServiceFailure", 4)]).await;
    delete(world, &users, "alice").await;
    delete(world, &tenants, "co").await;
    says(world, &roles, "reader", "False", "TenantNotFound").await;
    delete(world, &roles, "reader").await;
    let complaints = complaints.lock().unwrap();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// How many passes over tenants have ended, and whether one is under way.
async fn passes(world: &World) -> (u64, bool) {
    let metrics = world.operator.metrics().await;
    let of = |name: &str| -> u64 {
        let lines = metrics.lines().filter(|line| line.starts_with(name) && line.contains("controller=\"tenant\""));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    };
    (of("controller_runtime_reconcile_total"), of("controller_runtime_active_workers") > 0)
}

fn manifest(object: &DynamicObject) -> Value {
    let annotations: Vec<_> = object.annotations().iter().filter(|(key, _)| *key != "note").collect();
    serde_json::json!({
        "labels": object.labels(),
        "annotations": annotations,
        "spec": object.data["spec"],
        "generation": object.metadata.generation,
    })
}

#[tokio::test]
async fn a_pass_with_nothing_to_do_is_silent_and_manifests_stay_as_they_were_written() {
    let world = &own(launch(), "").await;
    let defs = definitions("qu");
    world.apply(&namespace(&defs)).await;
    let more = "  owners: [{kind: User, name: olga@qu.example}]\n  namespaces: [{name: qu, quota: {pods: '10'}}]";
    let mut manifests = tenant("qu", more) + &role("qu", &defs, "reader");
    let subject = "  roles: [reader]\n  accessKey: {}\n  kubernetes: {kind: User, name: alice@qu.example}";
    manifests += &user("qu", &defs, "alice", subject);
    let canary = ", labels: {argocd.argoproj.io/instance: copy-canary}, annotations: {argocd.argoproj.io/tracking-id: copy-canary}}";
    let manifests: String = manifests
        .lines()
        .map(|line| match line.strip_prefix("metadata: ").and_then(|it| it.strip_suffix('}')) {
            Some(metadata) => format!("metadata: {metadata}{canary}\n"),
            None => format!("{line}\n"),
        })
        .collect();
    let written = apply(world, &manifests).await;
    let (users, tenants) = (of::<TenantUser>(world, &defs), Api::<Tenant>::all(world.client()));
    ready(world, &users, "alice").await;
    ready(world, &tenants, "qu").await;
    ready(world, &of::<TenantRole>(world, &defs), "reader").await;

    // Passes with nothing to do; the first may still see the echo of the last write.
    for round in ["settled", "silent"] {
        eventually(world, "no pass is under way", || async { !passes(world).await.1 }).await;
        let (before, asked) = (passes(world).await.0, world.control_plane.requests().len());
        world.moto.reset_calls().await;
        annotate(&tenants, "qu", "note", round).await;
        annotate(&users, "alice", "note", round).await;
        eventually(world, "a pass", || async { matches!(passes(world).await, (all, false) if all > before) }).await;
        if round == "silent" {
            assert_eq!(operator_calls(world).await, Vec::<String>::new());
            let requests = world.control_plane.requests();
            let writes = requests[asked..].iter().filter(|it| it.user.ends_with(":tenantry") && it.is_write());
            let writes: Vec<_> = writes.filter(|it| it.resource != "leases").collect();
            assert!(writes.is_empty(), "{writes:?}");
        }
    }

    let now = read(world, &written).await;
    for (was, is) in written.iter().zip(&now) {
        assert_eq!(manifest(is), manifest(was), "byte for byte");
    }
    let copied: Vec<String> = world
        .control_plane
        .etcd_dump()
        .await
        .into_iter()
        .filter(|(key, value)| {
            !key.starts_with("/registry/tenantry.dev/") && value.windows(11).any(|it| it == b"copy-canary")
        })
        .map(|(key, _)| key)
        .collect();
    assert!(copied.is_empty(), "a GitOps tool would adopt and prune: {copied:?}");
}

/// The manifests as the API server has them now.
async fn read(world: &World, written: &[DynamicObject]) -> Vec<DynamicObject> {
    let mut now = Vec::new();
    for object in written {
        let types = object.types.clone().unwrap();
        let kind = kube::core::GroupVersionKind::try_from(&types).unwrap();
        let (resource, _) = kube::discovery::pinned_kind(&world.client(), &kind).await.unwrap();
        let api: Api<DynamicObject> = match object.namespace() {
            Some(namespace) => Api::namespaced_with(world.client(), &namespace, &resource),
            None => Api::all_with(world.client(), &resource),
        };
        now.push(api.get(&object.name_any()).await.unwrap());
    }
    now
}
