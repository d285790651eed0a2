//! PAI-DSW 2022-01-01: notebook instances.

pub mod batches;
pub mod events;
pub mod instances;
pub mod labels;
pub mod lifecycle;
pub mod model;
pub mod shown;
pub mod snapshots;
pub mod timers;

use serde_json::{Value, json};

use crate::refusal::Refusal;
use crate::routes::{Operation, roa};

/// All tables of the service.
pub const TABLES: &[&[Operation]] = &[INSTANCES, REST];

const INSTANCES: &[Operation] = &[
    roa("CreateInstance", "POST", "/api/v2/instances", instances::create),
    roa("ListInstances", "GET", "/api/v2/instances", instances::list),
    roa("GetInstance", "GET", "/api/v2/instances/{InstanceId}", instances::get),
    roa("UpdateInstance", "PUT", "/api/v2/instances/{InstanceId}", instances::update),
    roa("DeleteInstance", "DELETE", "/api/v2/instances/{InstanceId}", lifecycle::delete),
    roa("StartInstance", "PUT", "/api/v2/instances/{InstanceId}/start", lifecycle::start),
    roa("StopInstance", "PUT", "/api/v2/instances/{InstanceId}/stop", lifecycle::stop),
    roa("DeleteInstances", "PUT", "/api/v2/batch/instances/delete", batches::delete),
    roa("StopInstances", "PUT", "/api/v2/batch/instances/stop", batches::stop),
    roa("GetToken", "GET", "/api/v2/tokens", instances::token),
];

const REST: &[Operation] = &[
    roa("GetLifecycle", "GET", "/api/v2/instances/{InstanceId}/lifecycle", events::lifecycle),
    roa("GetInstanceEvents", "GET", "/api/v2/instances/{InstanceId}/events", events::list),
    roa("UpdateInstanceLabels", "PUT", "/api/v2/instances/{InstanceId}/labels", labels::update),
    roa("DeleteInstanceLabels", "DELETE", "/api/v2/instances/{InstanceId}/labels", labels::delete),
    roa("CreateInstanceShutdownTimer", "POST", "/api/v2/instances/{InstanceId}/shutdowntimer", timers::create),
    roa("GetInstanceShutdownTimer", "GET", "/api/v2/instances/{InstanceId}/shutdowntimer", timers::get),
    roa("DeleteInstanceShutdownTimer", "DELETE", "/api/v2/instances/{InstanceId}/shutdowntimer", timers::delete),
    roa("CreateIdleInstanceCuller", "POST", "/api/v2/instances/{InstanceId}/idleinstanceculler", timers::create_culler),
    roa("GetIdleInstanceCuller", "GET", "/api/v2/instances/{InstanceId}/idleinstanceculler", timers::get_culler),
    roa(
        "DeleteIdleInstanceCuller",
        "DELETE",
        "/api/v2/instances/{InstanceId}/idleinstanceculler",
        timers::delete_culler,
    ),
    roa("CreateInstanceSnapshot", "POST", "/api/v2/instances/{InstanceId}/snapshots", snapshots::create),
    roa("ListInstanceSnapshot", "GET", "/api/v2/instances/{InstanceId}/snapshots", snapshots::list),
    roa("GetInstanceSnapshot", "GET", "/api/v2/instances/{InstanceId}/snapshots/{SnapshotId}", snapshots::get),
    roa("DeleteInstanceSnapshot", "DELETE", "/api/v2/instances/{InstanceId}/snapshots/{SnapshotId}", snapshots::delete),
    roa("ListEcsSpecs", "GET", "/api/v2/ecsspecs", events::specs),
    roa("ListInstanceStatistics", "GET", "/api/v2/instancestatistics", events::statistics),
    roa("GetUserConfig", "GET", "/api/v2/userconfig", events::user_config),
];

/// Bad input, as the service says it.
pub fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "ValidationError", message)
}

/// Everything else, as the service says it.
pub fn internal(status: u16, message: impl Into<String>) -> Refusal {
    Refusal::new(status, "InternalError", message)
}

/// An error in the service's envelope.
pub fn refused(refusal: &Refusal, id: &str) -> Value {
    json!({
        "RequestId": id, "Success": false, "Code": refusal.code, "Message": refusal.message,
        "HttpStatusCode": refusal.status,
    })
}
