//! `TenantNotebook`: a SageMaker notebook instance or a PAI DSW instance.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Duration, schema};

/// A SageMaker notebook instance or a PAI DSW instance, for one user.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "tenantry.dev",
    version = "v1alpha1",
    kind = "TenantNotebook",
    namespaced,
    doc = "A SageMaker notebook instance or a PAI DSW instance, for one user.",
    status = "TenantNotebookStatus",
    derive = "PartialEq",
    derive = "Default",
    category = "tenantry",
    shortname = "tnb",
    selectable = ".spec.tenant",
    printcolumn(name = "Tenant", type_ = "string", json_path = ".spec.tenant"),
    printcolumn(name = "User", type_ = "string", json_path = ".spec.user"),
    printcolumn(name = "Account", type_ = "string", json_path = ".spec.account"),
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.instanceType"),
    printcolumn(name = "Wanted", type_ = "string", json_path = ".spec.state", priority = 1),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = schema::name_is_label()
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = schema::immutable_text("region", "immutable: make a new TenantNotebook in the other region and delete this one"),
    validation = Rule::new("!has(oldSelf.volumeSizeGb) || (has(self.volumeSizeGb) && self.volumeSizeGb >= oldSelf.volumeSizeGb)")
        .message("a volume only grows").field_path(".volumeSizeGb")
)]
pub struct TenantNotebookSpec {
    /// The Tenant's name. Immutable.
    #[schemars(schema_with = "schema::label")]
    #[x_kube(validation = ("self == oldSelf", "immutable: make a new TenantNotebook in the other tenant and delete this one"))]
    pub tenant: String,
    /// The TenantUser whose notebook it is. Immutable.
    #[schemars(schema_with = "schema::label")]
    #[x_kube(validation = ("self == oldSelf", "immutable: make a new TenantNotebook for the other user and delete this one"))]
    pub user: String,
    /// The CloudAccount that it lives in, one of the tenant's. Immutable.
    #[schemars(schema_with = "schema::label")]
    #[x_kube(validation = ("self == oldSelf", "immutable: make a new TenantNotebook in the other account and delete this one"))]
    pub account: String,
    /// The region that it lives in. Immutable. Default the account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::region")]
    pub region: Option<String>,
    /// The machine's type, such as `ml.t3.medium` or `ecs.g6.large`.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9._-]+$"))]
    pub instance_type: String,
    /// The size of its disk in GB, 5 to 16384. Grows only. Left out: the cloud's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 5, max = 16384))]
    pub volume_size_gb: Option<i32>,
    /// Running or Stopped. Default Running.
    #[serde(default)]
    pub state: NotebookState,
    /// Stop it after so long without use, such as `2h`. Left out: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_after_idle: Option<Duration>,
    /// Start and stop it at fixed times. Left out: not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// What only SageMaker has; only where the account is AWS's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsNotebook>,
    /// What only PAI DSW has; needed where the account is Alibaba Cloud's, and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alibaba: Option<AlibabaNotebook>,
}

/// Whether a notebook runs: Running or Stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NotebookState {
    /// It runs.
    #[default]
    Running,
    /// It is stopped; its disk stays.
    Stopped,
}

/// Fixed times at which a notebook starts and stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("has(self.start) || has(self.stop)", "a schedule has a start, a stop or both"))]
pub struct Schedule {
    /// The time zone of the times, by its IANA name, such as `Europe/Berlin`. Default UTC.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9_+/-]+$"))]
    pub time_zone: String,
    /// When it starts, as cron: minute, hour, day of month, month, day of week, such as `0 8 * * 1-5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::cron")]
    pub start: Option<String>,
    /// When it stops, as cron.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::cron")]
    pub stop: Option<String>,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// What only SageMaker has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsNotebook {
    /// The subnet that it is in. Left out: none, with SageMaker's own access to the Internet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^[-0-9A-Za-z]+$"))]
    pub subnet_id: Option<String>,
    /// Its security groups; at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 5),
        inner(length(max = 32), regex(pattern = r"^[-0-9A-Za-z]+$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub security_group_ids: Vec<String>,
    /// Whether its user is root on it. Default false.
    #[serde(default)]
    pub root_access: bool,
}

/// What only PAI DSW has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlibabaNotebook {
    /// The image, by id or by URL.
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[\x21-\x7e]+$"))]
    pub image: String,
    /// The network that it is in. Left out: DSW's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<AlibabaNotebookNetwork>,
    /// PAI data sets that are mounted in it, each at a path of its own; at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["mountPath"])
    )]
    pub datasets: Vec<NotebookDataset>,
}

/// A PAI data set that is mounted in a notebook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotebookDataset {
    /// The data set's id, such as `d-vsqjvsjp4orp5l206u`.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[-0-9A-Za-z]+$"))]
    pub id: String,
    /// Where it is mounted, such as `/mnt/data`.
    #[schemars(length(min = 2, max = 256), regex(pattern = r"^/[-./0-9A-Z_a-z]+$"))]
    pub mount_path: String,
    /// Whether nothing can be written to it. Default false.
    #[serde(default)]
    pub read_only: bool,
}

/// A network of the account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlibabaNotebookNetwork {
    /// The VPC.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[-0-9A-Za-z]+$"))]
    pub vpc_id: String,
    /// The vSwitch in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[-0-9A-Za-z]+$"))]
    pub v_switch_id: Option<String>,
    /// The security group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[-0-9A-Za-z]+$"))]
    pub security_group_id: Option<String>,
}

/// What the operator saw of the notebook.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantNotebookStatus {
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
    /// The cloud's own word for its state, such as InService or Running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<64>")]
    pub state: Option<String>,
    /// Its ARN (SageMaker) or id (DSW).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<2048>")]
    pub instance: Option<String>,
    /// What is missing, and what would help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<32768>")]
    pub message: Option<String>,
}
