//! `TenantUser`: a person or a machine, its roles, its keys and its console login.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Contact, Duration, Subject, duration::cel_seconds, schema, yes};

/// A person or a machine.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "tenantry.dev",
    version = "v1alpha1",
    kind = "TenantUser",
    namespaced,
    doc = "A person or a machine: its roles, its keys, its console login.",
    status = "TenantUserStatus",
    derive = "PartialEq",
    derive = "Default",
    category = "tenantry",
    shortname = "tuser",
    selectable = ".spec.tenant",
    printcolumn(name = "Tenant", type_ = "string", json_path = ".spec.tenant"),
    printcolumn(name = "Roles", type_ = "string", json_path = ".status.roleNames"),
    printcolumn(name = "Keys", type_ = "integer", json_path = ".status.keys", description = "How many access keys there are, over all accounts."),
    printcolumn(name = "Key Age", type_ = "date", json_path = ".status.newestKeyAt", description = "The age of the newest access key."),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = schema::name_is_label()
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = schema::immutable_text("userName", "immutable: make a new TenantUser with the other name and delete this one"))]
pub struct TenantUserSpec {
    /// The Tenant's name. Immutable.
    #[schemars(schema_with = "schema::label")]
    #[x_kube(validation = ("self == oldSelf", "immutable: make a new TenantUser in the other tenant and delete this one"))]
    pub tenant: String,
    /// The name of the cloud user, where it must not be <tenant>.<name>; at most 64 characters. Immutable. Default empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64), regex(pattern = r"^[A-Za-z0-9+=,.@_-]*$"))]
    pub user_name: String,
    /// The TenantRoles that it has, by name; at most 32. The tenant's default roles come on top.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::label_set::<32>")]
    pub roles: Vec<String>,
    /// TenantRoles that it has for a time; at most 16. The end is written into the cloud's policy, so it holds by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub temporary_roles: Vec<TemporaryRole>,
    /// In which of the tenant's accounts it is; at most 16. Left out: all of the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::some_labels::<16>")]
    pub accounts: Option<Vec<String>>,
    /// The name that people know, at most 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<128>")]
    pub display_name: Option<String>,
    /// How to reach the person, or who runs the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// Tags on the cloud user; at most 40. They go before the tenant's and the account's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::tags")]
    pub tags: BTreeMap<String, String>,
    /// An access key in each account, published in the Secret <secretName>-<account>. Left out: none; taken out: keys and
    /// Secrets go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key: Option<AccessKey>,
    /// A console login in each account; the first password goes once into the Secret <secretName>-<account>-console. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<Console>,
    /// Who this is in Kubernetes: may get its own Secrets, and has what its roles grant in the tenant's namespaces. Left out: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<Subject>,
    /// Whether it stands still: keys inactive, login off, everything denied, nothing deleted. Default false.
    #[serde(default)]
    pub suspended: bool,
    /// When it ends, as RFC 3339, such as `2027-01-01T00:00:00Z`: from then on as if suspended. Also written into the cloud's
    /// policies, so it holds by itself. Left out: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub expires_at: Option<Time>,
}

/// A role for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemporaryRole {
    /// The TenantRole's name.
    #[schemars(schema_with = "schema::label")]
    pub name: String,
    /// When it ends, as RFC 3339, such as `2026-12-01T00:00:00Z`.
    #[schemars(schema_with = "schema::time")]
    pub until: Time,
}

/// An access key and what becomes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessKey {
    /// When the key is replaced by a new one. Left out: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// The first part of the Secrets' names, <secretName>-<account>; at most 63 characters. Default the TenantUser's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label")]
    pub secret_name: Option<String>,
    /// Workloads in this namespace that are restarted when a Secret changes; at most 16. Needed where they read it into
    /// their environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["kind".into(), "name".into()]))]
    pub restart: Vec<Workload>,
}

/// When an access key is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(format!("3 * ({}) < {}", cel_seconds("self.overlap"), cel_seconds("self.every")))
    .message("3 × overlap must be less than every: the old key is kept for one overlap, then inactive for another (overlap is 24h where it is left out)"))]
pub struct Rotation {
    /// How old the newest key may become, such as `90d`.
    pub every: Duration,
    /// How long the old key stays active beside the new one, and after that inactive, such as `24h`. Default 24h.
    #[serde(default = "Rotation::default_overlap")]
    pub overlap: Duration,
}

impl Rotation {
    /// How long an old key lives on where nothing else is said: a day.
    #[must_use]
    pub fn default_overlap() -> Duration {
        Duration::hours(24)
    }
}

/// A workload that is restarted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    /// Deployment, StatefulSet or DaemonSet.
    pub kind: WorkloadKind,
    /// Its name.
    #[schemars(schema_with = "schema::subdomain")]
    pub name: String,
}

/// The kind of a workload: Deployment, StatefulSet or DaemonSet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum WorkloadKind {
    /// A Deployment.
    Deployment,
    /// A StatefulSet.
    StatefulSet,
    /// A DaemonSet.
    DaemonSet,
}

/// A console login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Console {
    /// Whether the first password must be changed at the first login. Default true.
    #[serde(default = "yes")]
    pub password_reset_required: bool,
}

/// What the operator did for the user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantUserStatus {
    /// The generation that this status speaks of; -1 before the first pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::observed_generation")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled, Drifted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The value of the last reconcile annotation that was handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<262144>")]
    pub last_handled_reconcile_at: Option<String>,
    /// Each account that it is in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub accounts: Vec<UserAccountStatus>,
    /// The roles in force, joined by commas, for printing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<32768>")]
    pub role_names: Option<String>,
    /// How many access keys there are, over all accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::count")]
    pub keys: Option<i32>,
    /// When the newest access key was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::reported_time")]
    pub newest_key_at: Option<Time>,
}

/// The user in one account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserAccountStatus {
    /// The CloudAccount's name.
    #[schemars(schema_with = "schema::label")]
    pub name: String,
    /// The cloud user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<256>")]
    pub user_name: Option<String>,
    /// The cloud user's ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<2048>")]
    pub principal: Option<String>,
    /// The Secret with the access key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<253>")]
    pub secret_name: Option<String>,
    /// The access keys; never their secret halves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"]))]
    pub access_keys: Vec<AccessKeyStatus>,
    /// Whether everything is there, as the manifest says.
    #[serde(default)]
    pub ready: bool,
    /// What is missing, and what would help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<32768>")]
    pub message: Option<String>,
}

/// An access key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessKeyStatus {
    /// Its id.
    #[schemars(schema_with = "schema::text::<128>")]
    pub id: String,
    /// Active or Inactive.
    pub state: AccessKeyState,
    /// When the cloud made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::reported_time")]
    pub created_at: Option<Time>,
}

/// Whether an access key works: Active or Inactive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum AccessKeyState {
    /// It works.
    Active,
    /// It is refused.
    Inactive,
}
