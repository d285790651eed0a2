//! Labels of instances.

use serde_json::{Value, json};

use super::instances::{instance, named};
use super::invalid;
use crate::cloud::{Call, Outcome};
use crate::parameters::plain;

pub fn update(call: &mut Call<'_>) -> Outcome {
    let id = named(call, &["PaiDSW:UpdateInstanceLabels"])?;
    let Some(labels) = call.body["Labels"].as_array() else { return Err(invalid("Labels is mandatory")) };
    let labels: Vec<_> = labels.iter().map(|label| (plain(&label["Key"]), plain(&label["Value"]))).collect();
    instance(call, &id)?.labels.extend(labels);
    Ok(json!({}))
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let id = named(call, &["PaiDSW:DeleteInstanceLabels"])?;
    let keys = call.parameters.list("LabelKeys");
    instance(call, &id)?.labels.retain(|key, _| !keys.contains(key));
    Ok(Value::Object(Default::default()))
}
