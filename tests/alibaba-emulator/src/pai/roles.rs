//! A workspace's own roles.

use serde_json::{Value, json};

use super::access::require;
use super::model::{CustomRole, Job, ROLES, Workspace, invalid, refusal};
use super::workspaces::{id, numbered};
use crate::cloud::{Call, Outcome, iso_millis};
use crate::parameters::plain;
use crate::refusal::Refusal;

fn shown(role: &CustomRole) -> Value {
    json!({
        "RoleId": role.id, "RoleName": role.name, "Creator": role.creator, "ModulePermissions": role.modules,
        "GmtCreateTime": iso_millis(role.created), "GmtModifiedTime": iso_millis(role.modified), "Status": "ENABLED",
    })
}

fn begin(call: &mut Call<'_>, subject: &str, kind: &'static str) -> Value {
    let id = format!("job-{:016x}", call.cloud.counted());
    let job = Job { id: id.clone(), subject: subject.to_owned(), kind, created: call.now };
    call.cloud.pai.jobs.insert(id.clone(), job);
    json!({"InstanceJobId": id})
}

fn no_role() -> Refusal {
    refusal(404, "100600021", "Role not exists")
}

fn named<'a>(workspace: &'a mut Workspace, id: &str) -> Result<&'a mut CustomRole, Refusal> {
    workspace.roles.get_mut(id).ok_or_else(no_role)
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let (workspace, now) = (id(call)?, call.now);
    let name = plain(&call.body["RoleName"]);
    let modules = call.body["ModulePermissions"].clone();
    let found = call.cloud.workspace(&workspace)?;
    require(call, &workspace, &["PaiWorkspace:AddWorkspaceRole"], None)?;
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(word) {
        return Err(invalid("RoleName is 1 to 64 letters, digits, _ and -"));
    }
    if found.roles.values().any(|role| role.name == name) || ROLES.contains(&name.as_str()) {
        return Err(refusal(409, "100600022", format!("Role {name} already exists")));
    }
    let id = format!("role-{:016x}", call.cloud.counted());
    let creator = call.caller.id(call.account());
    let role = CustomRole { id: id.clone(), name, creator, modules, created: now, modified: now };
    call.cloud.workspace_mut(&workspace)?.roles.insert(id.clone(), role);
    Ok(begin(call, &id, "CreateWorkspaceRole"))
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    let (workspace, id) = (id(call)?, call.parameters.required("RoleId")?);
    let found = call.cloud.workspace(&workspace)?;
    require(call, &workspace, &["PaiWorkspace:GetWorkspaceRole"], None)?;
    found.roles.get(id).map(shown).ok_or_else(no_role)
}

pub fn update(call: &mut Call<'_>) -> Outcome {
    let (workspace, id, now) = (id(call)?, call.parameters.required("RoleId")?, call.now);
    call.cloud.workspace(&workspace)?;
    require(call, &workspace, &["PaiWorkspace:UpdateWorkspaceRole"], None)?;
    let modules = call.body["ModulePermissions"].clone();
    let role = named(call.cloud.workspace_mut(&workspace)?, id)?;
    if !modules.is_null() {
        role.modules = modules;
    }
    role.modified = now;
    Ok(begin(call, id, "UpdateWorkspaceRole"))
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    let workspace = id(call)?;
    let found = call.cloud.workspace(&workspace)?;
    require(call, &workspace, &["PaiWorkspace:ListWorkspaceRoles"], None)?;
    let name = call.parameters.text("RoleName").unwrap_or_default();
    let roles: Vec<_> = found.roles.values().filter(|role| role.name.contains(name)).map(shown).collect();
    let total = roles.len();
    Ok(json!({"Roles": numbered(call, roles)?, "TotalCount": total}))
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let workspace = id(call)?;
    call.cloud.workspace(&workspace)?;
    require(call, &workspace, &["PaiWorkspace:RemoveWorkspaceRole"], None)?;
    let ids: Vec<_> = call.body["RoleIds"].as_array().into_iter().flatten().map(plain).collect();
    let found = call.cloud.workspace_mut(&workspace)?;
    for id in &ids {
        let role = named(found, id)?;
        let name = role.name.clone();
        if found.members.values().any(|member| member.roles.contains(&name) || member.roles.contains(id)) {
            return Err(refusal(400, "100600023", format!("Role {name} is given to members")));
        }
    }
    found.roles.retain(|id, _| !ids.contains(id));
    Ok(Value::Null)
}

pub fn job(call: &mut Call<'_>) -> Outcome {
    let id = call.parameters.required("JobId")?;
    let job = call.cloud.pai.jobs.get(id).ok_or_else(|| refusal(404, "100600031", "Job not exists"))?;
    Ok(json!({
        "InstanceJobId": job.id, "InstanceId": job.subject, "Type": job.kind, "Status": "Success", "ReasonMessage": "",
        "GmtCreateTime": iso_millis(job.created),
    }))
}
