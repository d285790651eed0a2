//! Instances: made, read, changed, listed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::events::spec;
use super::model::{Course, Instance};
use super::shown::{KEPT, whole};
use super::{internal, invalid};
use crate::cloud::{Call, Outcome, random};
use crate::pai::access::{Entity, require};
use crate::pai::workspaces::numbered;
use crate::parameters::plain;
use crate::refusal::Refusal;

/// Lets time do what it has done since the last call: timers that fell due, deletions that ended.
pub fn settle(call: &mut Call<'_>) {
    let (now, step) = (call.now, call.cloud.settings.notebook);
    for instance in call.cloud.dsw.instances.values_mut() {
        let due = instance.shutdown.as_ref().map(|timer| timer.due).filter(|due| *due <= now);
        if let Some(due) = due.filter(|_| instance.status(now, step) == "Running") {
            instance.sets_out(Course::Stopping { saving: false }, due, step);
            instance.shutdown = None;
        }
    }
    call.cloud.dsw.instances.retain(|_, instance| !instance.status(now, step).is_empty());
}

/// The id in the call's path; the instance exists and the caller may do this with it.
pub fn named(call: &mut Call<'_>, codes: &[&str]) -> Result<String, Refusal> {
    settle(call);
    let id = call.parameters.required("InstanceId")?.to_owned();
    allowed(call, &id, codes)?;
    Ok(id)
}

/// Fails unless an instance exists and the caller may do this with it.
pub fn allowed(call: &Call<'_>, id: &str, codes: &[&str]) -> Result<(), Refusal> {
    let instance = call.cloud.dsw.instances.get(id);
    let instance = instance.ok_or_else(|| internal(404, format!("Instance {id} does not exist")))?;
    let path = format!("dswinstance/{id}");
    let entity = Entity { path: &path, creator: &instance.owner, accessibility: &instance.accessibility };
    require(call, &instance.workspace, codes, Some(entity))
}

pub fn instance<'a>(call: &'a mut Call<'_>, id: &str) -> Result<&'a mut Instance, Refusal> {
    let instance = call.cloud.dsw.instances.get_mut(id);
    instance.ok_or_else(|| internal(404, format!("Instance {id} does not exist")))
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || name.len() > 27 || !name.bytes().all(word) {
        return Err(invalid(format!("InstanceName {name:?} is invalid: up to 27 letters, digits and _")));
    }
    Ok(())
}

fn check_accessibility(text: &str) -> Result<(), Refusal> {
    if matches!(text, "PUBLIC" | "PRIVATE") { Ok(()) } else { Err(invalid("Accessibility is PUBLIC or PRIVATE")) }
}

fn kept(body: &Value) -> Map<String, Value> {
    let sent = KEPT.iter().filter(|name| !body[**name].is_null());
    sent.map(|name| ((*name).to_owned(), body[*name].clone())).collect()
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    settle(call);
    let body = call.body;
    let workspace = plain(&body["WorkspaceId"]);
    let found = call.cloud.pai.workspaces.get(&workspace);
    let found = found.ok_or_else(|| invalid(format!("Workspace {workspace} does not exist")))?;
    if found.status(call.now, call.cloud.settings.workspace) != "ENABLED" {
        return Err(invalid(format!("Workspace {workspace} is not enabled")));
    }
    let name = plain(&body["InstanceName"]);
    check_name(&name)?;
    let own = call.caller.id(call.account());
    let owner = Some(plain(&body["UserId"])).filter(|id| !id.is_empty()).unwrap_or(own);
    let accessibility = Some(plain(&body["Accessibility"])).filter(|text| !text.is_empty());
    let accessibility = accessibility.unwrap_or_else(|| "PRIVATE".to_owned());
    check_accessibility(&accessibility)?;
    let prepaid = body["ResourceId"].is_string();
    let code = if prepaid { "PaiDSW:CreatePrePaidInstance" } else { "PaiDSW:CreatePostPaidInstance" };
    let entity = Entity { path: "dswinstance/*", creator: &owner, accessibility: &accessibility };
    require(call, &workspace, &[code, "PaiDSW:CreateInstance"], Some(entity))?;
    if call.cloud.person(&owner).is_none() {
        return Err(invalid(format!("User {owner} does not exist")));
    }
    let sold_out = match body["EcsSpec"].as_str() {
        Some(name) => !spec(name).ok_or_else(|| invalid(format!("EcsSpec {name} does not exist")))?.available,
        None if prepaid && body["RequestedResource"].is_object() => false,
        None => return Err(invalid("EcsSpec, or ResourceId with RequestedResource, is mandatory")),
    };
    if !body["ImageId"].is_string() && !body["ImageUrl"].is_string() {
        return Err(invalid("ImageId or ImageUrl is mandatory"));
    }
    let labels = body["Labels"].as_array().into_iter().flatten();
    let labels = labels.map(|label| (plain(&label["Key"]), plain(&label["Value"]))).collect();
    let id = format!("dsw-{}", random(14).to_lowercase());
    let mut fields = kept(body);
    if let Some(tags) = body["Tag"].as_array() {
        let tags = tags.iter().map(|tag| json!({"TagKey": tag["Key"], "TagValue": tag["Value"]}));
        fields.insert("Tags".to_owned(), tags.collect());
    }
    let instance = Instance {
        id: id.clone(),
        name,
        workspace,
        owner,
        accessibility,
        fields,
        labels,
        created: call.now,
        modified: call.now,
        course: if sold_out { Course::Failed } else { Course::Creating },
        since: call.now,
        ran: 0,
        shutdown: None,
        culler: None,
        snapshots: Vec::new(),
    };
    call.cloud.dsw.instances.insert(id.clone(), instance);
    Ok(json!({"InstanceId": id}))
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    let id = named(call, &["PaiDSW:GetInstance"])?;
    match call.cloud.dsw.instances.get(&id) {
        Some(instance) => Ok(whole(call, instance)),
        None => Err(internal(404, format!("Instance {id} does not exist"))),
    }
}

/// `100Gi` in bytes, or as near as matters to compare two.
fn capacity(disks: &Value) -> u64 {
    let text = plain(&disks[0]["Capacity"]);
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

pub fn update(call: &mut Call<'_>) -> Outcome {
    let id = named(call, &["PaiDSW:UpdatePostPaidInstance", "PaiDSW:UpdatePrePaidInstance", "PaiDSW:UpdateInstance"])?;
    let (body, now, step) = (call.body, call.now, call.cloud.settings.notebook);
    if let Some(name) = body["InstanceName"].as_str() {
        check_name(name)?;
    }
    if let Some(text) = body["Accessibility"].as_str() {
        check_accessibility(text)?;
    }
    if let Some(name) = body["EcsSpec"].as_str() {
        spec(name).ok_or_else(|| invalid(format!("EcsSpec {name} does not exist")))?;
    }
    let owner = body["UserId"].as_str().map(str::to_owned);
    if owner.as_ref().is_some_and(|owner| call.cloud.person(owner).is_none()) {
        return Err(invalid("UserId does not exist"));
    }
    let instance = instance(call, &id)?;
    let status = instance.status(now, step);
    if !matches!(status, "Stopped" | "Failed" | "Running") {
        return Err(invalid(format!("Instance {id} is {status} and cannot be updated")));
    }
    if status == "Running" && ["EcsSpec", "RequestedResource"].iter().any(|name| !body[*name].is_null()) {
        return Err(invalid(format!("Instance {id} is Running: stop it before its specification is changed")));
    }
    let fields = kept(body);
    if let (Some(new), Some(old)) = (fields.get("CloudDisks"), instance.fields.get("CloudDisks"))
        && capacity(new) < capacity(old)
    {
        return Err(invalid("CloudDisks can only grow"));
    }
    instance.fields.extend(fields);
    for (switch, field) in [
        ("DisassociateVpc", "UserVpc"),
        ("DisassociateDatasets", "Datasets"),
        ("DisassociateDriver", "Driver"),
        ("DisassociateCredential", "CredentialConfig"),
        ("DisassociateEnvironmentVariables", "EnvironmentVariables"),
        ("DisassociateUserCommand", "UserCommand"),
        ("DisassociateSpot", "SpotSpec"),
    ] {
        if body[switch] == true {
            instance.fields.remove(field);
        }
    }
    if let Some(name) = body["InstanceName"].as_str() {
        name.clone_into(&mut instance.name);
    }
    if let Some(text) = body["Accessibility"].as_str() {
        text.clone_into(&mut instance.accessibility);
    }
    instance.owner = owner.unwrap_or_else(|| instance.owner.clone());
    instance.modified = now;
    if body["StartInstance"] == true && status != "Running" {
        instance.sets_out(Course::Starting, now, step);
    }
    Ok(json!({"InstanceId": id}))
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    settle(call);
    let (parameters, step) = (call.parameters, call.cloud.settings.notebook);
    let text = |name: &str| parameters.text(name).map(str::to_owned);
    let wanted: BTreeMap<String, String> = match parameters.text("Labels") {
        None => BTreeMap::new(),
        Some(labels) => serde_json::from_str(labels).map_err(|_| invalid("Labels is a JSON object"))?,
    };
    let fits = |instance: &&Instance| {
        let is = |name: &str, value: &str| text(name).is_none_or(|wanted| wanted == value);
        is("WorkspaceId", &instance.workspace)
            && is("Status", instance.status(call.now, step))
            && is("Accessibility", &instance.accessibility)
            && is("CreateUserId", &instance.owner)
            && is("InstanceId", &instance.id)
            && text("InstanceName").is_none_or(|part| instance.name.contains(&part))
            && wanted.iter().all(|(key, value)| instance.labels.get(key) == Some(value))
            && allowed(call, &instance.id, &["PaiDSW:ListInstances", "PaiDSW:ListAllInstances"]).is_ok()
    };
    let mut found: Vec<&Instance> = call.cloud.dsw.instances.values().filter(fits).collect();
    found.sort_by_key(|instance| match parameters.text("SortBy") {
        Some("GmtModifiedTime") => (instance.modified, instance.id.clone()),
        _ => (instance.created, instance.id.clone()),
    });
    if parameters.text("Order").is_some_and(|order| order.eq_ignore_ascii_case("DESC")) {
        found.reverse();
    }
    let total = found.len();
    let page = numbered(call, found)?;
    let shown: Vec<_> = page.into_iter().map(|instance| whole(call, instance)).collect();
    Ok(json!({"Instances": shown, "TotalCount": total}))
}

pub fn token(call: &mut Call<'_>) -> Outcome {
    let id = named(call, &["PaiDSW:GetToken", "PaiDSW:OpenInstance"])?;
    if call.parameters.number("ExpireTime")?.is_some_and(|seconds| seconds <= 0) {
        return Err(invalid("ExpireTime is positive"));
    }
    let step = call.cloud.settings.notebook;
    let now = call.now;
    if instance(call, &id)?.status(now, step) != "Running" {
        return Err(invalid(format!("Instance {id} is not Running")));
    }
    Ok(json!({"Token": random(64)}))
}
