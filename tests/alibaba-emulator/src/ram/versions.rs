//! Versions of policies.

use serde_json::{Value, json};

use super::model::{Policy, PolicyKind, Version};
use super::policies::{SYSTEM_DATE, named};
use super::{documents, system_policies};
use crate::cloud::{Call, Outcome, iso};
use crate::refusal::Refusal;

pub fn shown(policy: &Policy, version: &Version) -> Value {
    json!({
        "VersionId": format!("v{}", version.number), "IsDefaultVersion": version.number == policy.default,
        "PolicyDocument": version.document, "CreateDate": iso(version.created),
    })
}

fn number(call: &Call<'_>) -> Result<u64, Refusal> {
    let id = call.parameters.required("VersionId")?;
    let number = id.strip_prefix('v').and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| Refusal::format("VersionId"))
}

fn system(name: &str) -> Value {
    let document = system_policies::find(name).map_or("", |policy| policy.document);
    json!({"VersionId": "v1", "IsDefaultVersion": true, "PolicyDocument": document, "CreateDate": SYSTEM_DATE})
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let (parameters, now) = (call.parameters, call.now);
    let name = parameters.required("PolicyName")?;
    let document = parameters.required("PolicyDocument")?;
    let as_default = parameters.boolean("SetAsDefault")?.unwrap_or(false);
    let rotates = match parameters.text("RotateStrategy") {
        None | Some("None") => false,
        Some("DeleteOldestNonDefaultVersionWhenLimitExceeded") => true,
        Some(_) => return Err(Refusal::invalid("RotateStrategy")),
    };
    let most = usize::try_from(call.cloud.quota("VersionsPerPolicy", 5)).unwrap_or(5);
    call.cloud.policy(name, now)?;
    documents::permissions(call, document, "PolicyDocument")?;
    let policy = call.cloud.policy_mut(name, now)?;
    if policy.versions.len() >= most {
        let default = policy.default;
        let oldest = policy.versions.iter().position(|version| version.number != default);
        match oldest.filter(|_| rotates) {
            Some(at) => drop(policy.versions.remove(at)),
            None => return Err(Refusal::known("LimitExceeded.Policy.Version")),
        }
    }
    policy.last += 1;
    policy.versions.push(Version { number: policy.last, document: document.to_owned(), created: now });
    policy.updated = now;
    if as_default {
        policy.default = policy.last;
    }
    let version = policy.versions.last().map(|version| shown(policy, version));
    Ok(json!({"PolicyVersion": version}))
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    let reference = named(call)?;
    let number = number(call)?;
    if reference.kind == PolicyKind::System {
        return match number {
            1 => Ok(json!({"PolicyVersion": system(&reference.name)})),
            _ => Err(Refusal::known("EntityNotExist.Policy.Version")),
        };
    }
    let policy = call.cloud.policy(&reference.name, call.now)?;
    let version = policy.versions.iter().find(|version| version.number == number);
    let version = version.ok_or_else(|| Refusal::known("EntityNotExist.Policy.Version"))?;
    Ok(json!({"PolicyVersion": shown(policy, version)}))
}

pub fn set_default(call: &mut Call<'_>) -> Outcome {
    let (name, number, now) = (call.parameters.required("PolicyName")?, number(call)?, call.now);
    let policy = call.cloud.policy_mut(name, now)?;
    if !policy.versions.iter().any(|version| version.number == number) {
        return Err(Refusal::known("EntityNotExist.Policy.Version"));
    }
    policy.default = number;
    policy.updated = now;
    Ok(Value::Null)
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let (name, number, now) = (call.parameters.required("PolicyName")?, number(call)?, call.now);
    let policy = call.cloud.policy_mut(name, now)?;
    let at = policy.versions.iter().position(|version| version.number == number);
    let at = at.ok_or_else(|| Refusal::known("EntityNotExist.Policy.Version"))?;
    if policy.default == number {
        return Err(Refusal::known("DeleteConflict.Policy.Version.Default"));
    }
    policy.versions.remove(at);
    policy.updated = now;
    Ok(Value::Null)
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    let reference = named(call)?;
    let versions = match reference.kind {
        PolicyKind::System => vec![system(&reference.name)],
        PolicyKind::Custom => {
            let policy = call.cloud.policy(&reference.name, call.now)?;
            policy.versions.iter().map(|version| shown(policy, version)).collect()
        }
    };
    Ok(json!({"PolicyVersions": {"PolicyVersion": versions}}))
}
