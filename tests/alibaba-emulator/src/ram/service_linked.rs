//! Roles that services make for themselves. There are no real services here: they have no policies.

use serde_json::{Value, json};

use super::roles;
use crate::cloud::{Call, Outcome};
use crate::refusal::Refusal;

/// `AliyunServiceRoleForX` of `x.aliyuncs.com`.
fn name(service: &str) -> Result<String, Refusal> {
    let word = service.strip_suffix(".aliyuncs.com").filter(|word| !word.is_empty());
    let word = word.ok_or_else(|| Refusal::invalid("ServiceName"))?;
    let parts = word.split(['.', '-']).filter(|part| !part.is_empty());
    Ok(parts.fold("AliyunServiceRoleFor".to_owned(), |name, part| name + &part[..1].to_uppercase() + &part[1..]))
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let service = call.parameters.required("ServiceName")?.to_owned();
    let mut name = name(&service)?;
    if let Some(suffix) = call.parameters.text("CustomSuffix") {
        name = format!("{name}-{suffix}");
    }
    let trust = json!({"Version": "1", "Statement": [
        {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": [service]}},
    ]});
    let description = call.parameters.text("Description").unwrap_or_default().to_owned();
    let role = roles::make(call, &name, &trust.to_string(), description, true)?;
    Ok(json!({"Role": role}))
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let name = call.parameters.required("RoleName")?;
    if !call.cloud.role(name, call.now)?.service_linked {
        return Err(Refusal::invalid("RoleName"));
    }
    call.cloud.ram.roles.remove(&name.to_lowercase());
    let task = format!("task/{name}/{}", call.cloud.counted());
    Ok(json!({"DeletionTaskId": task}))
}

pub fn template(call: &mut Call<'_>) -> Outcome {
    let service = call.parameters.required("ServiceName")?;
    let prefix = name(service)?;
    let policy = prefix.replacen("AliyunServiceRoleFor", "AliyunServiceRolePolicyFor", 1);
    Ok(json!({"ServiceLinkedRoleTemplate": {
        "ServiceName": service, "RoleNamePrefix": prefix, "SystemPolicyName": policy, "MultipleRolesAllowed": false,
        "RoleDescriptions": {"RoleDescription": Value::Array(Vec::new())},
    }}))
}
