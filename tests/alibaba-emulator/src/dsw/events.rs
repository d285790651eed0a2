//! What happened to instances, and what they can be made of.

use serde_json::{Value, json};

use super::instances::{instance, named, settle};
use super::invalid;
use crate::cloud::{Call, Outcome, iso_millis};
use crate::pai::access::require;
use crate::pai::workspaces::numbered;

/// A specification that instances can have.
pub struct Spec {
    name: &'static str,
    accelerator: &'static str,
    cpu: u32,
    memory: u32,
    gpu: u32,
    gpu_type: &'static str,
    /// An instance of one that is not fails to start.
    pub available: bool,
}

const fn of(name: &'static str, cpu: u32, memory: u32) -> Spec {
    Spec { name, accelerator: "CPU", cpu, memory, gpu: 0, gpu_type: "", available: true }
}

const fn gpu(name: &'static str, cpu: u32, memory: u32, gpu_type: &'static str, available: bool) -> Spec {
    Spec { name, accelerator: "GPU", cpu, memory, gpu: 1, gpu_type, available }
}

const SPECS: &[Spec] = &[
    of("ecs.g6.large", 2, 8),
    of("ecs.g6.xlarge", 4, 16),
    of("ecs.g6.2xlarge", 8, 32),
    of("ecs.g7.large", 2, 8),
    of("ecs.g7.xlarge", 4, 16),
    of("ecs.c6.large", 2, 4),
    gpu("ecs.gn6i-c4g1.xlarge", 4, 15, "T4", true),
    gpu("ecs.gn6v-c8g1.2xlarge", 8, 32, "V100", true),
    gpu("ecs.gn7e-c16g1.4xlarge", 16, 125, "A100", false),
];

pub fn spec(name: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.name == name)
}

pub fn specs(call: &mut Call<'_>) -> Outcome {
    let kind = match call.parameters.text("AcceleratorType") {
        Some(kind @ ("CPU" | "GPU")) => kind,
        _ => return Err(invalid("AcceleratorType is mandatory: CPU or GPU")),
    };
    let shown = |spec: &Spec| {
        json!({
            "InstanceType": spec.name, "AcceleratorType": spec.accelerator, "CPU": spec.cpu, "Memory": spec.memory,
            "GPU": spec.gpu, "GPUType": spec.gpu_type, "IsAvailable": spec.available, "Currency": "CNY",
            "Price": f64::from(spec.cpu) * 0.25, "Labels": [],
        })
    };
    let specs: Vec<_> = SPECS.iter().filter(|spec| spec.accelerator == kind).map(shown).collect();
    let total = specs.len();
    Ok(json!({"EcsSpecs": numbered(call, specs)?, "TotalCount": total}))
}

pub fn lifecycle(call: &mut Call<'_>) -> Outcome {
    let id = named(call, &["PaiDSW:GetLifecycle"])?;
    let (now, step) = (call.now, call.cloud.settings.notebook);
    let instance = instance(call, &id)?;
    let current = instance.status(now, step);
    let mut rows = Vec::new();
    for (index, status) in instance.course.states().iter().enumerate() {
        let start = instance.since + step * i32::try_from(index).unwrap_or(0);
        rows.push(json!({
            "Status": status, "ReasonCode": "", "ReasonMessage": "", "GmtCreateTime": iso_millis(start),
            "LifecycleId": format!("{id}-{index}"),
        }));
        if *status == current {
            break;
        }
    }
    Ok(json!({"TotalCount": rows.len(), "Lifecycle": [rows]}))
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    let id = named(call, &["PaiDSW:GetInstanceEvents"])?;
    let (now, step) = (call.now, call.cloud.settings.notebook);
    let status = instance(call, &id)?.status(now, step);
    Ok(json!({"InstanceId": id, "Events": [format!("instance {id} is {status}")]}))
}

pub fn statistics(call: &mut Call<'_>) -> Outcome {
    settle(call);
    let mut statistics = json!({});
    for workspace in call.parameters.list("WorkspaceIds") {
        require(call, &workspace, &["PaiDSW:ListInstanceStatistics"], None)?;
        let step = call.cloud.settings.notebook;
        let mut counts = json!({});
        for instance in call.cloud.dsw.instances.values().filter(|instance| instance.workspace == workspace) {
            let status = instance.status(call.now, step);
            counts[status] = (counts[status].as_u64().unwrap_or(0) + 1).into();
        }
        statistics[workspace] = counts;
    }
    Ok(json!({"Statistics": statistics}))
}

pub fn user_config(_: &mut Call<'_>) -> Outcome {
    Ok(json!({
        "AccountSufficient": true, "EnableEciDisk": false, "FreeTierSpecAvailable": false,
        "FreeTier": Value::Object(Default::default()),
    }))
}
