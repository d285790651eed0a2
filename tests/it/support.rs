//! What the tests of behaviour share: a world with one account, manifests with little to say, and waiting for conditions.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::core::object::HasStatus;
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenantry::api::ObservedStatus;
use testbed::aws::Credentials;
use testbed::wait::DEADLINE;
use testbed::world::NAMESPACE;
use testbed::{Clouds, Launch, Operator, OperatorPolicy, World};
use tokio::sync::OnceCell;

use crate::tenant::{is, launch};

/// The CloudAccount of every world here; the operator has a key of its own, so that its calls can be told from ours.
pub const ACCOUNT: &str = "aws";

/// The world that tests share which stop nothing and set no account-wide switch: each uses tenants of its own.
pub async fn shared() -> &'static World {
    static SHARED: OnceCell<World> = OnceCell::const_new();
    SHARED.get_or_init(|| own(launch(), "")).await
}

/// The CloudAccount on Alibaba Cloud of the worlds that have one.
pub const ALIBABA: &str = "ali";

/// A world of one's own on Alibaba Cloud, with a CloudAccount [`ALIBABA`] that says `more` (YAML, two spaces deep). The
/// operator has the rights that docs/alibaba.md gives it, and no others.
pub async fn own_alibaba(launch: Launch, more: &str) -> World {
    let world = World::start_with(launch, Clouds::Alibaba).await;
    connect_alibaba(&world, more).await;
    world
}

/// A world of one's own with an account on each cloud, [`ACCOUNT`] and [`ALIBABA`].
pub async fn own_both(launch: Launch) -> World {
    let world = World::start_with(launch, Clouds::Both).await;
    let operator = world.moto.operator(&OperatorPolicy::unbounded(&world.control_plane.cluster_id().await)).await;
    world.credentials_secret(ACCOUNT, &operator).await;
    world.apply(&world.cloud_account(ACCOUNT, "")).await;
    connect_alibaba(&world, "").await;
    world
}

async fn connect_alibaba(world: &World, more: &str) {
    let operator = world.alibaba.operator(&OperatorPolicy::alibaba()).await;
    world.alibaba_secret(ALIBABA, &operator).await;
    world.apply(&world.alibaba_account(ALIBABA, more)).await;
}

/// A world of one's own, with a CloudAccount that says `more` (YAML, two spaces deep). The operator has the rights that
/// docs/aws.md gives it where there is no boundary, and no others.
pub async fn own(launch: Launch, more: &str) -> World {
    let given = launch.arguments.iter().find_map(|it| it.strip_prefix("--cluster-id=").map(str::to_owned));
    let world = World::start(launch).await;
    let cluster = match given {
        Some(cluster) => cluster,
        None => world.control_plane.cluster_id().await,
    };
    let operator = world.moto.operator(&OperatorPolicy::unbounded(&cluster)).await;
    world.credentials_secret(ACCOUNT, &operator).await;
    world.apply(&world.cloud_account(ACCOUNT, more)).await;
    world
}

/// SIGKILL and a new start. The Lease is taken away in between, as an administrator in a hurry does: nobody waits
/// until it is over.
pub async fn restart(world: &mut World, launch: &Launch) {
    world.operator.kill();
    forget_lease(&world.client()).await;
    world.operator = Operator::start(&world.control_plane, launch).await;
}

/// Takes the Lease away from an operator that is dead.
pub async fn forget_lease(client: &Client) {
    let leases: Api<Lease> = Api::namespaced(client.clone(), NAMESPACE);
    let _ = leases.delete("tenantry", &DeleteParams::default()).await;
}

/// The namespace beside the tenant's own whose manifests may name it.
pub fn definitions(tenant: &str) -> String {
    format!("{tenant}-defs")
}

/// A namespace.
pub fn namespace(name: &str) -> String {
    format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n")
}

/// A Tenant in the account, with a definition namespace; `more` is YAML of its `spec`, two spaces deep.
pub fn tenant(name: &str, more: &str) -> String {
    let accounts =
        if more.contains("  accounts:") { String::new() } else { format!("  accounts: [{{name: {ACCOUNT}}}]\n") };
    let definitions = definitions(name);
    format!(
        "---\napiVersion: tenantry.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: {name}}}\n\
         spec:\n{accounts}  definitionNamespaces: [{definitions}]\n{more}\n"
    )
}

/// A TenantRole that may list one bucket.
pub fn role(tenant: &str, namespace: &str, name: &str) -> String {
    format!(
        "---\napiVersion: tenantry.dev/v1alpha1\nkind: TenantRole\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec:\n  tenant: {tenant}\n  aws:\n    statements:\n      \
         - {{effect: Allow, actions: ['s3:ListBucket'], resources: ['arn:aws:s3:::{name}']}}\n"
    )
}

/// A TenantUser; `more` is YAML of its `spec`, two spaces deep.
pub fn user(tenant: &str, namespace: &str, name: &str, more: &str) -> String {
    format!(
        "---\napiVersion: tenantry.dev/v1alpha1\nkind: TenantUser\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec:\n  tenant: {tenant}\n{more}\n"
    )
}

/// What these tests wait for.
pub trait Told: Resource<DynamicType = ()> + HasStatus<Status: ObservedStatus> + Object {}
impl<K: Resource<DynamicType = ()> + HasStatus<Status: ObservedStatus> + Object> Told for K {}

/// What the API needs of an object.
pub trait Object: Clone + Debug + Send + Serialize + DeserializeOwned + 'static {}
impl<K: Clone + Debug + Send + Serialize + DeserializeOwned + 'static> Object for K {}

/// The objects of a namespace.
pub fn of<K: Resource<DynamicType = (), Scope = NamespaceResourceScope>>(world: &World, namespace: &str) -> Api<K> {
    Api::namespaced(world.client(), namespace)
}

/// Waits until Ready has this status and reason for the newest generation, and gives the object.
pub async fn says<K: Told>(world: &World, api: &Api<K>, name: &str, status: &str, reason: &str) -> K {
    let what = format!("Ready={status} {reason}");
    world.until(api.clone(), name, &what, |it| is(it, it.meta().generation, status, reason)).await
}

/// Waits until it is provisioned.
pub async fn ready<K: Told>(world: &World, api: &Api<K>, name: &str) -> K {
    says(world, api, name, "True", "Provisioned").await
}

/// The message of its Ready condition.
pub fn message<K: Told>(object: &K) -> String {
    condition(object, "Ready").map(|(_, message)| message).unwrap_or_default()
}

/// Status and message of one of its conditions.
pub fn condition<K: Told>(object: &K, type_: &str) -> Option<(String, String)> {
    let all = object.status()?.conditions();
    all.iter().find(|it| it.type_ == type_).map(|it| (it.status.clone(), it.message.clone()))
}

/// Sets an annotation.
pub async fn annotate<K: Object + Resource<DynamicType = ()>>(api: &Api<K>, name: &str, key: &str, value: &str) {
    let patch = serde_json::json!({"metadata": {"annotations": {key: value}}});
    api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

/// Forces a pass with fresh reads and waits until it was carried out.
pub async fn reconcile<K: Told>(world: &World, api: &Api<K>, name: &str, value: &str) -> K {
    annotate(api, name, "tenantry.dev/reconcile", value).await;
    let echoed = |it: &K| it.status().and_then(ObservedStatus::last_handled_reconcile_at) == Some(value);
    world.until(api.clone(), name, "the forced reconcile is echoed", echoed).await
}

/// Deletes an object and waits until it is gone.
pub async fn delete<K: Object + Resource<DynamicType = ()>>(world: &World, api: &Api<K>, name: &str) {
    api.delete(name, &DeleteParams::default()).await.unwrap();
    world.gone(api.clone(), name).await;
}

/// The ids of a user's access keys in the cloud that work.
pub async fn active_keys(world: &World, user: &str) -> Vec<String> {
    use aws_sdk_iam::types::StatusType;
    let answer = world.moto.iam().list_access_keys().user_name(user).send().await.unwrap();
    let active = answer.access_key_metadata.into_iter().filter(|key| key.status == Some(StatusType::Active));
    active.filter_map(|key| key.access_key_id).collect()
}

/// Whether the cloud has such a user.
pub async fn exists(world: &World, user: &str) -> bool {
    world.moto.iam().get_user().user_name(user).send().await.is_ok()
}

/// The operations that were not called by the tests' root, in order.
pub async fn operator_calls(world: &World) -> Vec<String> {
    let root = Credentials::root().access_key_id;
    let calls = world.moto.requests().await.into_iter();
    calls.filter(|it| it.access_key_id != root).map(|it| it.action).collect()
}

/// The names of all users, groups and customers' policies of the account.
pub async fn account(world: &World) -> BTreeSet<String> {
    use aws_sdk_iam::types::PolicyScopeType;
    let iam = world.moto.iam();
    let mut all = BTreeSet::new();
    let mut users = iam.list_users().into_paginator().items().send();
    while let Some(user) = users.try_next().await.unwrap() {
        all.insert(format!("user {}", user.user_name));
    }
    let mut groups = iam.list_groups().into_paginator().items().send();
    while let Some(group) = groups.try_next().await.unwrap() {
        all.insert(format!("group {}", group.group_name));
    }
    let mut policies = iam.list_policies().scope(PolicyScopeType::Local).into_paginator().items().send();
    while let Some(policy) = policies.try_next().await.unwrap() {
        all.insert(format!("policy {}", policy.policy_name.unwrap_or_default()));
    }
    all
}

/// Asks the cloud until the answer is yes.
pub async fn eventually<F: Future<Output = bool>>(world: &World, what: &str, mut asked: impl FnMut() -> F) {
    let deadline = Instant::now() + DEADLINE;
    while !asked().await {
        if Instant::now() > deadline {
            world.fail(&format!("awaited for {DEADLINE:?}: {what}"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A policy's document as IAM hands it out: JSON, escaped for a URL.
pub fn unescaped(document: &str) -> serde_json::Value {
    let mut parts = document.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    serde_json::from_slice(&bytes).unwrap()
}

/// A text out of a Secret.
pub fn text(secret: &k8s_openapi::api::core::v1::Secret, key: &str) -> String {
    let data = secret
        .data
        .as_ref()
        .and_then(|data| data.get(key))
        .unwrap_or_else(|| panic!("{} has no {key}", secret.name_any()));
    String::from_utf8(data.0.clone()).unwrap()
}
