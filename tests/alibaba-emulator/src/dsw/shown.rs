//! An instance as the service shows it.

use serde_json::{Value, json};

use super::model::Instance;
use crate::cloud::{Call, iso_millis};

/// What was asked for and is shown again as it was.
pub const KEPT: &[&str] = &[
    "AccessRestrictionRules",
    "Affinity",
    "CloudDisks",
    "CredentialConfig",
    "Datasets",
    "DockerConfig",
    "Driver",
    "DynamicMount",
    "EcsSpec",
    "EnvironmentVariables",
    "ImageAuth",
    "ImageId",
    "ImageUrl",
    "MigrationOptions",
    "OversoldType",
    "Priority",
    "RequestedResource",
    "ResourceId",
    "SpotSpec",
    "UserCommand",
    "UserVpc",
    "WorkspaceSource",
];

/// All of an instance.
pub fn whole(call: &Call<'_>, instance: &Instance) -> Value {
    let step = call.cloud.settings.notebook;
    let status = instance.status(call.now, step);
    let mut value = Value::Object(instance.fields.clone());
    let mut set = |name: &str, field: Value| value[name] = field;
    set("InstanceId", instance.id.clone().into());
    set("InstanceName", instance.name.clone().into());
    set("WorkspaceId", instance.workspace.clone().into());
    let workspace = call.cloud.pai.workspaces.get(&instance.workspace);
    set("WorkspaceName", workspace.map(|workspace| workspace.name.clone()).into());
    set("UserId", instance.owner.clone().into());
    set("UserName", call.cloud.person(&instance.owner).map(|(_, name, _)| name).into());
    set("Accessibility", instance.accessibility.clone().into());
    set("Status", status.into());
    let failed = status == "Failed";
    set("ReasonCode", if failed { "ResourceSoldOut" } else { "" }.into());
    set("ReasonMessage", if failed { "The specification is sold out." } else { "" }.into());
    set("PaymentType", if instance.fields.contains_key("ResourceId") { "Subscription" } else { "PayAsYouGo" }.into());
    set("GmtCreateTime", iso_millis(instance.created).into());
    set("GmtModifiedTime", iso_millis(instance.modified).into());
    set("AccumulatedRunningTimeInMs", instance.ran(call.now, step).into());
    let labels = instance.labels.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
    set("Labels", labels.collect());
    set("InstanceSnapshotList", instance.snapshots.iter().map(super::snapshots::shown).collect());
    if status == "Running" {
        let id = &instance.id;
        let base = format!("https://dsw-cn-hangzhou.data.aliyun.com/{id}");
        set("InstanceUrl", format!("{base}/").into());
        set("JupyterlabUrl", format!("{base}/lab/").into());
        set("WebIDEUrl", format!("{base}/ide/").into());
        set("TerminalUrl", format!("{base}/tty/").into());
        set("ProxyPath", format!("{id}/proxy/").into());
    }
    if let Some(timer) = &instance.shutdown {
        set("InstanceShutdownTimer", super::timers::shown(instance, timer, call.now));
    }
    if let Some(culler) = &instance.culler {
        set("IdleInstanceCuller", culler.clone());
    }
    value
}
