//! Roles.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::model::Role;
use super::{documents, names, pages, policies, tags};
use crate::cloud::{Call, Outcome, iso};
use crate::refusal::Refusal;

fn shown(role: &Role, account: &str) -> Map<String, Value> {
    let value = json!({
        "RoleId": role.id, "RoleName": role.name, "Arn": role.arn(account), "Description": role.description,
        "MaxSessionDuration": role.session, "AllowConsoleLogin": role.console, "CreateDate": iso(role.created),
        "UpdateDate": iso(role.updated),
    });
    value.as_object().cloned().unwrap_or_default()
}

fn whole(role: &Role, account: &str) -> Value {
    let mut shown = shown(role, account);
    shown.insert("AssumeRolePolicyDocument".to_owned(), role.trust.clone().into());
    Value::Object(shown)
}

fn duration(call: &Call<'_>, parameter: &str) -> Result<Option<i64>, Refusal> {
    let duration = call.parameters.number(parameter)?;
    match duration.filter(|seconds| !(3600..=43_200).contains(seconds)) {
        Some(_) => Err(Refusal::range(parameter, 3600, 43_200)),
        None => Ok(duration),
    }
}

/// Makes a role and gives it as it is shown.
pub fn make(
    call: &mut Call<'_>,
    name: &str,
    trust: &str,
    description: String,
    service_linked: bool,
) -> Result<Value, Refusal> {
    let (parameters, now) = (call.parameters, call.now);
    let session = duration(call, "MaxSessionDuration")?.unwrap_or(3600);
    let tags = parameters.tags()?;
    names::tags(&tags, 256)?;
    documents::trust(trust)?;
    if call.cloud.ram.roles.contains_key(&name.to_lowercase()) {
        return Err(Refusal::known("EntityAlreadyExists.Role"));
    }
    call.room(call.cloud.ram.roles.len(), "Roles", 1000, "LimitExceeded.Role")?;
    let seen_from = call.seen_from();
    let role = Role {
        id: call.cloud.numeric_id('3'),
        name: name.to_owned(),
        description,
        trust: trust.to_owned(),
        session,
        console: parameters.boolean("AllowConsoleLogin")?.unwrap_or(true),
        service_linked,
        created: now,
        updated: now,
        seen_from,
        tags,
        policies: BTreeMap::new(),
    };
    let shown = whole(&role, call.account());
    call.cloud.ram.roles.insert(name.to_lowercase(), role);
    Ok(shown)
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let parameters = call.parameters;
    let name = parameters.required("RoleName")?;
    names::role(name)?;
    let trust = parameters.required("AssumeRolePolicyDocument")?;
    let description = names::text(parameters.text("Description"), "Description", 1024)?;
    Ok(json!({"Role": make(call, name, trust, description, false)?}))
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    let role = call.cloud.role(call.parameters.required("RoleName")?, call.now)?;
    let mut shown = whole(role, call.account());
    shown["IsServiceLinkedRole"] = role.service_linked.into();
    shown["RolePrincipalName"] = format!("{}@role.{}.onaliyunservice.com", role.name, call.account()).into();
    Ok(json!({"Role": shown}))
}

pub fn update(call: &mut Call<'_>) -> Outcome {
    let (parameters, now) = (call.parameters, call.now);
    let name = parameters.required("RoleName")?;
    let description = names::text(parameters.sent("NewDescription"), "NewDescription", 1024)?;
    let session = duration(call, "NewMaxSessionDuration")?;
    let console = parameters.boolean("NewAllowConsoleLogin")?;
    call.cloud.role(name, now)?;
    let trust = parameters.text("NewAssumeRolePolicyDocument");
    if let Some(trust) = trust {
        documents::trust(trust)?;
    }
    let role = call.cloud.role_mut(name, now)?;
    if let Some(trust) = trust {
        trust.clone_into(&mut role.trust);
    }
    if parameters.sent("NewDescription").is_some() {
        role.description = description;
    }
    role.session = session.unwrap_or(role.session);
    role.console = console.unwrap_or(role.console);
    role.updated = now;
    Ok(json!({"Role": whole(call.cloud.role(name, now)?, call.account())}))
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let name = call.parameters.required("RoleName")?;
    let role = call.cloud.role(name, call.now)?;
    if !role.policies.is_empty() || call.cloud.lingers(&format!("role/{name}"), "Policy", call.now) {
        return Err(Refusal::known("DeleteConflict.Role.Policy"));
    }
    call.cloud.ram.roles.remove(&name.to_lowercase());
    Ok(Value::Null)
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    let filter = call.parameters.tags()?;
    let seen = call.cloud.ram.roles.iter().filter(|(_, role)| role.seen_from <= call.now);
    let roles = seen.filter(|(_, role)| tags::carries(&role.tags, &filter)).map(|(key, role)| {
        let mut shown = shown(role, call.account());
        shown.insert("Tags".to_owned(), policies::tags(&role.tags));
        (key.clone(), Value::Object(shown))
    });
    let roles = roles.collect();
    pages::page(call, "Roles", "Role", roles, 1000, 100)
}
