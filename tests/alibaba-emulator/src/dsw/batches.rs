//! The same for several instances at once.

use serde_json::json;

use super::instances::{allowed, settle};
use super::invalid;
use super::lifecycle::{DELETE, STOP, deleted, stopped};
use crate::cloud::{Call, Outcome};
use crate::parameters::plain;
use crate::refusal::Refusal;

fn each(call: &mut Call<'_>, codes: &[&str], act: impl Fn(&mut Call<'_>, &str) -> Result<(), Refusal>) -> Outcome {
    settle(call);
    let ids: Vec<_> = match call.body["InstanceIds"].as_array() {
        Some(ids) => ids.iter().map(plain).collect(),
        None => call.parameters.list("InstanceIds"),
    };
    if ids.is_empty() {
        return Err(invalid("InstanceIds is mandatory"));
    }
    for id in &ids {
        allowed(call, id, codes)?;
    }
    for id in &ids {
        act(call, id)?;
    }
    Ok(json!({"InstanceIds": ids}))
}

pub fn stop(call: &mut Call<'_>) -> Outcome {
    each(call, STOP, |call, id| stopped(call, id, false))
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    each(call, DELETE, deleted)
}
