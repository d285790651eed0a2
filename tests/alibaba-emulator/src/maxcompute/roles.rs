//! A project's own roles.

use serde_json::{Value, json};

use super::model::ProjectRole;
use super::projects::{named, project};
use super::{data, illegal, not_there};
use crate::cloud::{Call, Outcome};
use crate::parameters::plain;
use crate::refusal::Refusal;

fn role<'a>(call: &'a mut Call<'_>, action: &str) -> Result<&'a mut ProjectRole, Refusal> {
    let (name, role) = (named(call, action)?, call.parameters.required("Role")?.to_owned());
    project(call, &name)?.roles.get_mut(&role).ok_or_else(not_there)
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let project_name = named(call, "CreateRole")?;
    let name = plain(&call.body["name"]);
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || name.len() > 64 || !name.as_bytes()[0].is_ascii_alphabetic() || !name.bytes().all(word) {
        return Err(illegal(format!("The role name {name:?} is invalid.")));
    }
    let kind = match plain(&call.body["type"]) {
        kind if kind.is_empty() => "resource".to_owned(),
        kind if kind == "resource" || kind == "admin" => kind,
        _ => return Err(illegal("type is resource or admin")),
    };
    let made = ProjectRole {
        kind,
        policy: plain(&call.body["policy"]),
        acl: call.body["acl"].clone(),
        users: Default::default(),
    };
    let project = project(call, &project_name)?;
    if project.roles.contains_key(&name) {
        return Err(illegal(format!("The role {name} already exists.")));
    }
    project.roles.insert(name, made);
    Ok(data("success"))
}

pub fn update(call: &mut Call<'_>) -> Outcome {
    let (policy, acl) = (call.body["policy"].clone(), call.body["acl"].clone());
    let role = role(call, "UpdateRole")?;
    if !policy.is_null() {
        role.policy = plain(&policy);
    }
    if !acl.is_null() {
        role.acl = acl;
    }
    Ok(data("success"))
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    role(call, "DeleteRole")?;
    let (name, role) = (call.parameters.required("Project")?, call.parameters.required("Role")?);
    project(call, name)?.roles.remove(role);
    Ok(data("success"))
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    let name = named(call, "ListRoles")?;
    let shown = |(name, role): (&String, &ProjectRole)| json!({"name": name, "type": role.kind, "policy": role.policy, "acl": role.acl});
    let roles: Vec<Value> = project(call, &name)?.roles.iter().map(shown).collect();
    Ok(data(json!({"roles": roles})))
}

pub fn policy(call: &mut Call<'_>) -> Outcome {
    Ok(data(role(call, "GetRolePolicy")?.policy.clone()))
}

pub fn acl(call: &mut Call<'_>) -> Outcome {
    Ok(data(role(call, "GetRoleAcl")?.acl.clone()))
}

pub fn acl_on_object(call: &mut Call<'_>) -> Outcome {
    let (kind, name) = (call.parameters.required("objectType")?, call.parameters.required("objectName")?);
    let (kind, name) = (kind.to_lowercase(), name.to_owned());
    let acl = &role(call, "GetRoleAclOnObject")?.acl;
    let found = acl[&kind].as_array().into_iter().flatten().find(|object| object["name"] == name);
    Ok(data(json!({"actions": found.map_or(json!([]), |object| object["actions"].clone())})))
}

pub fn users(call: &mut Call<'_>) -> Outcome {
    let users: Vec<_> = role(call, "ListUsersByRole")?.users.iter().map(|user| json!({"name": user})).collect();
    Ok(data(json!({"users": users})))
}

pub fn update_users(call: &mut Call<'_>) -> Outcome {
    let listed =
        |field: &str| -> Vec<String> { call.body[field].as_array().into_iter().flatten().map(plain).collect() };
    let (added, removed) = (listed("add"), listed("remove"));
    let known: Vec<_> =
        added.iter().map(|user| call.cloud.odps_known(user).ok_or_else(not_there)).collect::<Result<_, _>>()?;
    let role = role(call, "UpdateUsersToRole")?;
    role.users.extend(known);
    role.users.retain(|user| !removed.contains(user));
    Ok(data("success"))
}
