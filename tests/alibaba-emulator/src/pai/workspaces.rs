//! Workspaces.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::access::{require, require_by_policy};
use super::model::{Member, Workspace, invalid, refusal};
use crate::cloud::{Call, Outcome, iso_millis};
use crate::parameters::plain;
use crate::refusal::Refusal;

/// The id in the call's path.
pub fn id(call: &Call<'_>) -> Result<String, Refusal> {
    call.parameters.required("WorkspaceId").map(str::to_owned)
}

fn admins(workspace: &Workspace, call: &Call<'_>) -> Vec<String> {
    let admin = |member: &Member| member.roles.iter().any(|role| role.starts_with("PAI.WorkspaceAdmin"));
    let members = workspace.members.iter().filter(|(_, member)| admin(member));
    members.filter_map(|(id, _)| call.cloud.person(id).map(|(_, name, _)| name)).collect()
}

fn shown(call: &Call<'_>, workspace: &Workspace) -> Value {
    json!({
        "WorkspaceId": workspace.id, "WorkspaceName": workspace.name, "DisplayName": workspace.display_name,
        "Description": workspace.description, "EnvTypes": workspace.env, "Creator": workspace.owner,
        "Status": workspace.status(call.now, call.cloud.settings.workspace),
        "GmtCreateTime": iso_millis(workspace.created), "GmtModifiedTime": iso_millis(workspace.modified),
        "IsDefault": call.cloud.pai.default.as_ref() == Some(&workspace.id), "AdminNames": admins(workspace, call),
        "ExtraInfos": {"TenantId": call.account()},
    })
}

fn words(body: &Value, field: &str) -> Vec<String> {
    body[field].as_array().into_iter().flatten().map(plain).collect()
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    require_by_policy(call, "PaiWorkspace:CreateWorkspace", "*")?;
    let name = plain(&call.body["WorkspaceName"]);
    let description = plain(&call.body["Description"]);
    let env = words(call.body, "EnvTypes");
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !(3..=23).contains(&name.len()) || !name.as_bytes()[0].is_ascii_alphabetic() || !name.bytes().all(word) {
        return Err(invalid(format!(
            "WorkspaceName {name:?} is invalid: 3 to 23 letters, digits and _, a letter first"
        )));
    }
    if description.is_empty() || description.chars().count() > 80 {
        return Err(invalid("Description is mandatory and holds at most 80 characters"));
    }
    let mut kinds = env.clone();
    kinds.sort();
    if kinds != ["prod"] && kinds != ["dev", "prod"] {
        return Err(invalid("EnvTypes is [\"prod\"] or [\"dev\",\"prod\"]"));
    }
    if call.cloud.pai.workspaces.values().any(|other| other.name.eq_ignore_ascii_case(&name)) {
        return Err(refusal(409, "WorkspaceNameAlreadyExists", format!("Workspace name {name} already exists")));
    }
    let display_name = plain(&call.body["DisplayName"]);
    let owner = call.caller.id(call.account());
    let roles = BTreeSet::from(["PAI.WorkspaceOwner".to_owned()]);
    let id = (10_000 + call.cloud.counted()).to_string();
    let workspace = Workspace {
        id: id.clone(),
        display_name: if display_name.is_empty() { name.clone() } else { display_name },
        name,
        description,
        env,
        resource_group: plain(&call.body["ResourceGroupId"]),
        members: BTreeMap::from([(owner.clone(), Member { roles, created: call.now })]),
        owner,
        created: call.now,
        modified: call.now,
        roles: BTreeMap::new(),
        configs: BTreeMap::new(),
        resources: Vec::new(),
    };
    call.cloud.pai.workspaces.insert(id.clone(), workspace);
    Ok(json!({"WorkspaceId": id}))
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    let id = id(call)?;
    call.cloud.workspace(&id)?;
    require(call, &id, &["PaiWorkspace:GetWorkspace"], None)?;
    let workspace = call.cloud.workspace(&id)?;
    let mut answer = shown(call, workspace);
    answer["ResourceGroupId"] = workspace.resource_group.clone().into();
    if call.parameters.boolean("Verbose")?.unwrap_or(false) {
        let (_, name, display_name) = call.cloud.person(&workspace.owner).unwrap_or_default();
        let owner = &workspace.owner;
        answer["Owner"] = json!({"UserId": owner, "UserKp": owner, "UserName": name, "DisplayName": display_name});
    }
    Ok(answer)
}

pub fn update(call: &mut Call<'_>) -> Outcome {
    let (id, now) = (id(call)?, call.now);
    call.cloud.workspace(&id)?;
    require(call, &id, &["PaiWorkspace:UpdateWorkspace"], None)?;
    let description = call.body["Description"].as_str();
    if description.is_some_and(|text| text.chars().count() > 80) {
        return Err(invalid("Description holds at most 80 characters"));
    }
    let display_name = call.body["DisplayName"].as_str();
    let workspace = call.cloud.workspace_mut(&id)?;
    if let Some(text) = description {
        text.clone_into(&mut workspace.description);
    }
    if let Some(text) = display_name {
        text.clone_into(&mut workspace.display_name);
    }
    workspace.modified = now;
    Ok(Value::Null)
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let id = id(call)?;
    call.cloud.workspace(&id)?;
    require_by_policy(call, "PaiWorkspace:DeleteWorkspace", &id)?;
    crate::dsw::instances::settle(call);
    if call.cloud.dsw.instances.values().any(|instance| instance.workspace == id) {
        return Err(refusal(400, "100400031", "Workspace has running resources and cannot be deleted"));
    }
    call.cloud.pai.workspaces.remove(&id);
    if call.cloud.pai.default.as_ref() == Some(&id) {
        call.cloud.pai.default = None;
    }
    Ok(Value::Null)
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    require_by_policy(call, "PaiWorkspace:ListWorkspaces", "*")?;
    let parameters = call.parameters;
    if parameters.text("Option") == Some("GetResourceLimits") {
        return Ok(json!({"ResourceLimits": {}, "TotalCount": 0, "Workspaces": []}));
    }
    let exact = parameters.text("Option") == Some("CheckWorkspaceExists");
    let ids = parameters.text("WorkspaceIds").map(|_| parameters.list("WorkspaceIds"));
    let mut found: Vec<&Workspace> = call
        .cloud
        .pai
        .workspaces
        .values()
        .filter(|workspace| match parameters.text("WorkspaceName") {
            Some(name) if exact => workspace.name == name,
            Some(name) => workspace.name.contains(name),
            None => true,
        })
        .filter(|workspace| ids.as_ref().is_none_or(|ids| ids.contains(&workspace.id)))
        .filter(|workspace| parameters.text("UserId").is_none_or(|user| workspace.members.contains_key(user)))
        .filter(|workspace| parameters.text("ResourceGroupId").is_none_or(|group| workspace.resource_group == group))
        .filter(|workspace| {
            let status = workspace.status(call.now, call.cloud.settings.workspace);
            parameters.text("Status").is_none_or(|wanted| wanted == status)
        })
        .collect();
    match parameters.text("SortBy") {
        Some("GmtModifiedTime") => found.sort_by_key(|workspace| (workspace.modified, workspace.id.clone())),
        _ => found.sort_by_key(|workspace| (workspace.created, workspace.id.clone())),
    }
    if parameters.text("Order").is_some_and(|order| order.eq_ignore_ascii_case("DESC")) {
        found.reverse();
    }
    let total = found.len();
    let found = numbered(call, found)?;
    let only_ids = parameters.text("Fields") == Some("Id");
    let rows = found
        .into_iter()
        .map(|workspace| if only_ids { json!({"WorkspaceId": workspace.id}) } else { shown(call, workspace) });
    Ok(json!({"Workspaces": rows.collect::<Vec<_>>(), "TotalCount": total}))
}

/// The items of the page that `PageNumber` and `PageSize` ask for.
pub fn numbered<T>(call: &Call<'_>, items: Vec<T>) -> Result<Vec<T>, Refusal> {
    let number = usize::try_from(call.parameters.number("PageNumber")?.unwrap_or(1)).unwrap_or(0);
    let size = usize::try_from(call.parameters.number("PageSize")?.unwrap_or(20)).unwrap_or(0);
    if number == 0 || size == 0 {
        return Err(invalid("PageNumber and PageSize are positive"));
    }
    let size = size.min(call.cloud.settings.page.max(1));
    Ok(items.into_iter().skip((number - 1) * size).take(size).collect())
}

pub fn get_default(call: &mut Call<'_>) -> Outcome {
    require_by_policy(call, "PaiWorkspace:GetDefaultWorkspace", "*")?;
    let default = call.cloud.pai.default.clone().unwrap_or_default();
    Ok(shown(call, call.cloud.workspace(&default)?))
}

pub fn set_default(call: &mut Call<'_>) -> Outcome {
    let id = plain(&call.body["WorkspaceId"]);
    let id = if id.is_empty() { id_in_query(call) } else { id };
    call.cloud.workspace(&id)?;
    require_by_policy(call, "PaiWorkspace:UpdateDefaultWorkspace", &id)?;
    call.cloud.pai.default = Some(id);
    Ok(Value::Null)
}

fn id_in_query(call: &Call<'_>) -> String {
    call.parameters.text("WorkspaceId").unwrap_or_default().to_owned()
}

pub fn change_group(call: &mut Call<'_>) -> Outcome {
    let of = |name: &str| {
        let sent = plain(&call.body[name]);
        if sent.is_empty() { call.parameters.text(name).unwrap_or_default().to_owned() } else { sent }
    };
    let (id, group) = (of("ResourceId"), of("NewResourceGroupId"));
    call.cloud.workspace(&id)?;
    require(call, &id, &["PaiWorkspace:UpdateWorkspace"], None)?;
    call.cloud.workspace_mut(&id)?.resource_group = group;
    Ok(Value::Null)
}
