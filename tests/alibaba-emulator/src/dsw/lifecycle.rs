//! Starting, stopping and deleting instances.

use serde_json::json;

use super::instances::{instance, named};
use super::invalid;
use super::model::Course;
use crate::cloud::{Call, Outcome};
use crate::refusal::Refusal;

pub const START: &[&str] = &["PaiDSW:StartInstance"];
pub const STOP: &[&str] = &["PaiDSW:StopInstance"];
pub const DELETE: &[&str] = &["PaiDSW:DeletePostPaidInstance", "PaiDSW:DeletePrePaidInstance", "PaiDSW:DeleteInstance"];

/// Sends an instance on its way, from one of these states.
fn set_out(call: &mut Call<'_>, id: &str, from: &[&str], course: Course) -> Result<(), Refusal> {
    let (now, step) = (call.now, call.cloud.settings.notebook);
    let instance = instance(call, id)?;
    let status = instance.status(now, step);
    if !from.contains(&status) {
        return Err(invalid(format!("Instance {id} is {status}, which does not allow this")));
    }
    instance.sets_out(course, now, step);
    Ok(())
}

pub fn start(call: &mut Call<'_>) -> Outcome {
    let id = named(call, START)?;
    set_out(call, &id, &["Stopped", "Failed"], Course::Starting)?;
    Ok(json!({"InstanceId": id}))
}

pub fn stopped(call: &mut Call<'_>, id: &str, saving: bool) -> Result<(), Refusal> {
    let from = ["Running", "Creating", "ResourceAllocating", "EnvPreparing", "Starting", "Queuing"];
    set_out(call, id, &from, Course::Stopping { saving })
}

pub fn stop(call: &mut Call<'_>) -> Outcome {
    let id = named(call, STOP)?;
    let saving = call.parameters.boolean("SaveImage")?.unwrap_or(false);
    stopped(call, &id, saving)?;
    Ok(json!({"InstanceId": id}))
}

pub fn deleted(call: &mut Call<'_>, id: &str) -> Result<(), Refusal> {
    let from = ["Stopped", "Failed", "Running", "Creating", "ResourceAllocating", "EnvPreparing", "Starting"];
    set_out(call, id, &from, Course::Deleting)
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let id = named(call, DELETE)?;
    deleted(call, &id)?;
    Ok(json!({"InstanceId": id}))
}
