//! When an instance stops by itself: at a time, or after being idle (which nothing here ever is).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::instances::{instance, named};
use super::model::{Instance, Timer};
use super::{internal, invalid};
use crate::cloud::{Call, Outcome, iso_millis};

pub fn shown(instance: &Instance, timer: &Timer, now: Timestamp) -> Value {
    let left = i64::try_from(timer.due.duration_since(now).as_millis()).unwrap_or(0).max(0);
    json!({
        "InstanceId": instance.id, "DueTime": iso_millis(timer.due), "RemainingTimeInMs": left,
        "GmtCreateTime": iso_millis(timer.created), "GmtModifiedTime": iso_millis(timer.created),
    })
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let id = named(call, &["PaiDSW:CreateInstanceShutdownTimer"])?;
    let now = call.now;
    let due = match (call.body["DueTime"].as_str(), call.body["RemainingTimeInMs"].as_i64()) {
        (Some(text), _) => text.parse().map_err(|_| invalid("DueTime is a date in UTC"))?,
        (None, Some(left)) => now + SignedDuration::from_millis(left),
        (None, None) => return Err(invalid("DueTime or RemainingTimeInMs is mandatory")),
    };
    if due <= now {
        return Err(invalid("DueTime is in the past"));
    }
    instance(call, &id)?.shutdown = Some(Timer { due, created: now });
    Ok(json!({"InstanceId": id}))
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    let id = named(call, &["PaiDSW:GetInstanceShutdownTimer"])?;
    let now = call.now;
    let instance = instance(call, &id)?;
    let timer = instance.shutdown.as_ref().ok_or_else(|| internal(404, "There is no shutdown timer"))?;
    Ok(shown(instance, timer, now))
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let id = named(call, &["PaiDSW:DeleteInstanceShutdownTimer"])?;
    match instance(call, &id)?.shutdown.take() {
        Some(_) => Ok(json!({"InstanceId": id})),
        None => Err(internal(404, "There is no shutdown timer")),
    }
}

pub fn create_culler(call: &mut Call<'_>) -> Outcome {
    let id = named(call, &["PaiDSW:CreateIdleInstanceCuller"])?;
    let body = call.body;
    let percent = |name: &str| body[name].as_i64().filter(|percent| (1..=100).contains(percent));
    let (cpu, gpu) = (percent("CpuPercentThreshold"), percent("GpuPercentThreshold"));
    let Some(minutes) = body["MaxIdleTimeInMinutes"].as_i64().filter(|minutes| *minutes > 0) else {
        return Err(invalid("MaxIdleTimeInMinutes is mandatory and positive"));
    };
    if cpu.is_none() && gpu.is_none() {
        return Err(invalid("CpuPercentThreshold or GpuPercentThreshold is mandatory, from 1 to 100"));
    }
    let instance = instance(call, &id)?;
    if instance.culler.is_some() {
        return Err(invalid("There is an idle culler already: delete it first"));
    }
    instance.culler = Some(json!({
        "InstanceId": id, "CpuPercentThreshold": cpu, "GpuPercentThreshold": gpu, "MaxIdleTimeInMinutes": minutes,
        "IdleTimeInMinutes": 0,
    }));
    Ok(json!({"InstanceId": id}))
}

pub fn get_culler(call: &mut Call<'_>) -> Outcome {
    let id = named(call, &["PaiDSW:GetIdleInstanceCuller"])?;
    let culler = instance(call, &id)?.culler.clone();
    culler.ok_or_else(|| internal(404, "There is no idle culler"))
}

pub fn delete_culler(call: &mut Call<'_>) -> Outcome {
    let id = named(call, &["PaiDSW:DeleteIdleInstanceCuller"])?;
    match instance(call, &id)?.culler.take() {
        Some(_) => Ok(json!({"InstanceId": id})),
        None => Err(internal(404, "There is no idle culler")),
    }
}
