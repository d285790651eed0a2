//! Members of workspaces: users and roles of RAM, by their ids.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::access::require;
use super::model::{Member, ROLES, Workspace, invalid, refusal};
use super::workspaces::{id, numbered};
use crate::cloud::{Call, Cloud, Outcome, iso_millis};
use crate::parameters::plain;
use crate::refusal::Refusal;

const OWNER: &str = "PAI.WorkspaceOwner";

fn no_member() -> Refusal {
    refusal(404, "100600006", "Member not exists")
}

/// The user's id in a member's id, `<workspace>-<user>`.
fn user_in(workspace: &str, member: &str) -> Result<String, Refusal> {
    let user = member.strip_prefix(workspace).and_then(|rest| rest.strip_prefix('-'));
    user.map(str::to_owned).ok_or_else(no_member)
}

fn shown(cloud: &Cloud, workspace: &str, user: &str, member: &Member) -> Value {
    let (kind, name, display_name) = cloud.person(user).unwrap_or_default();
    json!({
        "MemberId": format!("{workspace}-{user}"), "UserId": user, "Roles": member.roles, "AccountType": kind,
        "AccountName": name, "MemberName": name, "DisplayName": display_name,
        "GmtCreateTime": iso_millis(member.created),
    })
}

fn known_role(workspace: &Workspace, role: &str) -> Result<(), Refusal> {
    let custom = workspace.roles.values().any(|own| own.id == role || own.name == role);
    if role == OWNER || !(custom || ROLES.contains(&role)) {
        return Err(invalid(format!("Role {role} is not a role that a member can be given")));
    }
    Ok(())
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let (id, now) = (id(call)?, call.now);
    call.cloud.workspace(&id)?;
    require(call, &id, &["PaiWorkspace:CreateMember"], None)?;
    let mut wanted = Vec::new();
    for item in call.body["Members"].as_array().into_iter().flatten() {
        let user = plain(&item["UserId"]);
        let roles: BTreeSet<_> = item["Roles"].as_array().into_iter().flatten().map(plain).collect();
        if call.cloud.person(&user).is_none() {
            return Err(refusal(404, "100600003", format!("User {user} not exists")));
        }
        if roles.is_empty() {
            return Err(invalid("Roles is mandatory for this action."));
        }
        let workspace = call.cloud.workspace(&id)?;
        for role in &roles {
            known_role(workspace, role)?;
        }
        if workspace.members.contains_key(&user) {
            return Err(refusal(409, "100600002", format!("Member {id}-{user} already exists")));
        }
        wanted.push((user, roles));
    }
    if wanted.is_empty() {
        return Err(invalid("Members is mandatory for this action."));
    }
    let mut made = Vec::new();
    for (user, roles) in wanted {
        let member = Member { roles, created: now };
        made.push(shown(call.cloud, &id, &user, &member));
        call.cloud.workspace_mut(&id)?.members.insert(user, member);
    }
    Ok(json!({"Members": made}))
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    let id = id(call)?;
    let workspace = call.cloud.workspace(&id)?;
    require(call, &id, &["PaiWorkspace:GetMember"], None)?;
    let user = match (call.parameters.text("UserId"), call.parameters.text("MemberId")) {
        (Some(user), _) => user.to_owned(),
        (None, Some(member)) => user_in(&id, member)?,
        (None, None) => return Err(invalid("UserId or MemberId is mandatory for this action.")),
    };
    let member = workspace.members.get(&user).ok_or_else(no_member)?;
    Ok(shown(call.cloud, &id, &user, member))
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    let id = id(call)?;
    let workspace = call.cloud.workspace(&id)?;
    require(call, &id, &["PaiWorkspace:ListMembers"], None)?;
    let roles = call.parameters.list("Roles");
    let name = call.parameters.text("MemberName").unwrap_or_default();
    let members = workspace.members.iter().filter(|(user, member)| {
        let (_, own, _) = call.cloud.person(user).unwrap_or_default();
        call.parameters.text("UserId").is_none_or(|wanted| wanted == *user)
            && own.contains(name)
            && (roles.is_empty() || roles.iter().any(|role| member.roles.contains(role)))
    });
    let members: Vec<_> = members.map(|(user, member)| shown(call.cloud, &id, user, member)).collect();
    let total = members.len();
    Ok(json!({"Members": numbered(call, members)?, "TotalCount": total}))
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let id = id(call)?;
    call.cloud.workspace(&id)?;
    require(call, &id, &["PaiWorkspace:DeleteMembers"], None)?;
    let mut users = Vec::new();
    for member in call.parameters.list("MemberIds") {
        let user = user_in(&id, &member)?;
        match call.cloud.workspace(&id)?.members.get(&user) {
            None => return Err(no_member()),
            Some(found) if found.roles.contains(OWNER) => {
                return Err(refusal(400, "100600017", "The owner of a workspace cannot be deleted"));
            }
            Some(_) => users.push(user),
        }
    }
    let workspace = call.cloud.workspace_mut(&id)?;
    workspace.members.retain(|user, _| !users.contains(user));
    Ok(json!({"Code": "", "Message": ""}))
}

fn change(
    call: &mut Call<'_>,
    code: &str,
    change: fn(&mut BTreeSet<String>, String) -> Result<(), Refusal>,
) -> Outcome {
    let id = id(call)?;
    let user = user_in(&id, call.parameters.required("MemberId")?)?;
    let role = call.parameters.required("Role")?.to_owned();
    let workspace = call.cloud.workspace(&id)?;
    require(call, &id, &[code], None)?;
    known_role(workspace, &role)?;
    let workspace = call.cloud.workspace_mut(&id)?;
    let member = workspace.members.get_mut(&user).ok_or_else(no_member)?;
    change(&mut member.roles, role)?;
    Ok(Value::Null)
}

pub fn add_role(call: &mut Call<'_>) -> Outcome {
    change(call, "PaiWorkspace:AddMemberRole", |roles, role| {
        roles.insert(role);
        Ok(())
    })
}

pub fn remove_role(call: &mut Call<'_>) -> Outcome {
    change(call, "PaiWorkspace:RemoveMemberRole", |roles, role| match roles.remove(&role) {
        true => Ok(()),
        false => Err(refusal(404, "100600007", format!("The member does not have the role {role}"))),
    })
}

/// Users of RAM that are no members.
pub fn outsiders(call: &mut Call<'_>) -> Outcome {
    let id = id(call)?;
    let workspace = call.cloud.workspace(&id)?;
    require(call, &id, &["PaiWorkspace:ListWorkspaceUsers"], None)?;
    let name = call.parameters.text("UserName").unwrap_or_default();
    let wanted = call.parameters.text("UserId");
    let users = call.cloud.ram.users.values().filter(|user| {
        !workspace.members.contains_key(&user.id)
            && user.name.contains(name)
            && wanted.is_none_or(|wanted| wanted == user.id)
    });
    let users: Vec<_> = users.map(|user| json!({"UserId": user.id, "UserName": user.name})).collect();
    Ok(json!({"TotalCount": users.len(), "Users": users}))
}
