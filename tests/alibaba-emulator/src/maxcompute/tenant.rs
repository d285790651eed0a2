//! The tenant's commands, carried out.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tenantry::policy::Document;

use super::commands::Command;
use super::data_plane::refuse;
use super::model::{BUILTIN, TenantRole, role_key};
use crate::caller::Caller;
use crate::cloud::Cloud;
use crate::refusal::Refusal;

/// What a command answers: a word, or JSON.
pub type Said = Result<Value, Refusal>;

fn denied(action: &str) -> Refusal {
    let text = format!("Authorization exception - You have no privilege 'odps:{action}' on the tenant");
    refuse(403, "NoPermission", "0420095", &text)
}

fn missing(kind: &str, name: &str) -> Refusal {
    refuse(
        404,
        "NoSuchObject",
        "0420061",
        &format!("Invalid parameter in HTTP request - the {kind} '{name}' does not exist"),
    )
}

fn invalid(text: &str) -> Refusal {
    refuse(400, "InvalidParameter", "0420061", &format!("Invalid parameter in HTTP request - {text}"))
}

fn role(cloud: &Cloud, name: &str) -> Result<String, Refusal> {
    let key = role_key(name);
    let known = cloud.maxcompute.roles.contains_key(&key) || BUILTIN.iter().any(|(builtin, _)| *builtin == key);
    if known { Ok(key) } else { Err(missing("tenant role", name)) }
}

/// 6 to 64 letters, digits and `_`, a letter first. The console's rule; the command line states no minimum.
fn check_name(name: &str) -> Result<(), Refusal> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let fine = (6..=64).contains(&name.len()) && name.as_bytes()[0].is_ascii_alphabetic() && name.bytes().all(word);
    if fine { Ok(()) } else { Err(invalid(&format!("the tenant role name '{name}' is invalid"))) }
}

/// Carries out a command that a caller sent.
pub fn run(cloud: &mut Cloud, caller: &Caller, command: &Command) -> Said {
    let done = || Ok(json!("OK"));
    let may = match command {
        Command::WhoAmI | Command::ShowPackages | Command::OfTheClient => true,
        Command::GrantsForUser(user) => {
            cloud.odps_known(user).is_some_and(|user| user == cloud.odps_user(caller))
                || cloud.administers_tenant(caller)
        }
        Command::AddRoleToProject { project, .. } | Command::RemoveRoleFromProject { project, .. } => {
            let found = cloud.maxcompute.projects.get(project).ok_or_else(|| no_project(project))?;
            cloud.administers_project(caller, found)
        }
        _ => cloud.administers_tenant(caller),
    };
    if !may {
        return Err(denied(command.name()));
    }
    match command {
        Command::AddUser(text) => {
            let user = cloud.odps_known(text).ok_or_else(|| missing("user", text))?;
            if !cloud.maxcompute.users.insert(user) {
                let text = format!("Object already exists - the tenant user '{text}' already exists");
                return Err(refuse(409, "ObjectAlreadyExists", "0420081", &text));
            }
            done()
        }
        Command::RemoveUser(text) => {
            // A user that was deleted in RAM can still be removed here, by the name it had.
            let user = cloud.odps_known(text).unwrap_or_else(|| text.clone());
            if !cloud.maxcompute.users.remove(&user) {
                return Err(missing("tenant user", text));
            }
            done()
        }
        Command::ListUsers => Ok(json!(cloud.maxcompute.users)),
        Command::ListRoles => {
            let builtin = BUILTIN.iter().map(|(key, _)| (*key).to_owned());
            Ok(json!(builtin.chain(cloud.maxcompute.roles.keys().cloned()).collect::<BTreeSet<_>>()))
        }
        Command::CreateRole(name) => {
            check_name(name)?;
            if role(cloud, name).is_ok() {
                let text = format!("Object already exists - the tenant role '{name}' already exists");
                return Err(refuse(409, "ObjectAlreadyExists", "0420081", &text));
            }
            cloud.maxcompute.roles.insert(name.clone(), TenantRole::default());
            done()
        }
        Command::DropRole(name) => {
            let key = role(cloud, name)?;
            if cloud.maxcompute.roles.remove(&key).is_none() {
                return Err(invalid(&format!("the built-in role '{name}' cannot be dropped")));
            }
            cloud.maxcompute.grants.remove(&key);
            for project in cloud.maxcompute.projects.values_mut() {
                project.tenant_roles.remove(&key);
            }
            done()
        }
        Command::DescribeRole(name) => {
            let key = role(cloud, name)?;
            Ok(json!(format!("[users] {}\n{}", members(cloud, &key).join(", "), grants_of_role(cloud, &key))))
        }
        Command::Grant { roles, user } => {
            let known = tenant_user(cloud, user)?;
            let keys: Vec<String> = roles.iter().map(|name| role(cloud, name)).collect::<Result<_, _>>()?;
            for key in keys {
                cloud.maxcompute.grants.entry(key).or_default().insert(known.clone());
            }
            done()
        }
        Command::Revoke { roles, user } => {
            let known = cloud.odps_known(user).unwrap_or_else(|| user.clone());
            for name in roles {
                let key = role(cloud, name)?;
                let users = cloud.maxcompute.grants.get_mut(&key);
                if !users.is_some_and(|users| users.remove(&known)) {
                    return Err(missing("grant of the tenant role to the user", user));
                }
            }
            done()
        }
        Command::AddRoleToProject { role: name, project } => {
            let key = role(cloud, name)?;
            let found = cloud.maxcompute.projects.get_mut(project);
            found.ok_or_else(|| no_project(project))?.tenant_roles.insert(key);
            done()
        }
        Command::RemoveRoleFromProject { role: name, project } => {
            let key = role(cloud, name)?;
            let found = cloud.maxcompute.projects.get_mut(project).ok_or_else(|| no_project(project))?;
            if found.tenant_roles.remove(&key) { done() } else { Err(missing("tenant role in the project", name)) }
        }
        Command::GrantsForRole(name) => {
            let key = role(cloud, name)?;
            Ok(json!(grants_of_role(cloud, &key)))
        }
        Command::GrantsForUser(text) => {
            let user = tenant_user(cloud, text)?;
            let roles = cloud.maxcompute.grants.iter().filter(|(_, users)| users.contains(&user));
            let roles: Vec<&String> = roles.map(|(role, _)| role).collect();
            let heading =
                format!("[roles]\n{}\n\n", roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", "));
            let blocks: Vec<_> = roles.iter().map(|role| grants_of_role(cloud, role)).collect();
            Ok(json!(heading + &blocks.join("\n")))
        }
        Command::Principals(name) => {
            let key = role(cloud, name)?;
            Ok(json!(members(cloud, &key).join("\n")))
        }
        Command::WhoAmI => Ok(json!({
            "DisplayName": cloud.odps_user(caller), "ID": caller.id(&cloud.account.id), "SourceIP": "127.0.0.1",
        })),
        Command::ShowPackages => Ok(json!([])),
        Command::OfTheClient => Err(invalid("policies are put and read through the role's address")),
    }
}

/// A user that was added to the tenant.
fn tenant_user(cloud: &Cloud, text: &str) -> Result<String, Refusal> {
    let user = cloud.odps_known(text).unwrap_or_else(|| text.to_owned());
    if cloud.maxcompute.users.contains(&user) { Ok(user) } else { Err(missing("tenant user", text)) }
}

pub fn no_project(name: &str) -> Refusal {
    refuse(404, "NoSuchObject", "0420111", &format!("Project not found - '{name}'"))
}

/// Only users that are in the tenant: grants of others wait until they are added again.
fn members(cloud: &Cloud, role: &str) -> Vec<String> {
    let users = cloud.maxcompute.grants.get(role).into_iter().flatten();
    users.filter(|user| cloud.maxcompute.users.contains(*user)).cloned().collect()
}

/// The statements of a role's policy, a line for each resource, as `show grants` prints them.
fn grants_of_role(cloud: &Cloud, role: &str) -> String {
    let policy = cloud.maxcompute.roles.get(role).and_then(|role| role.policy.as_deref());
    let document = policy.and_then(|text| Document::parse(text).ok());
    let mut text = format!("Authorization Type: Policy\n[role/{role}]\n");
    for statement in document.iter().flat_map(|document| &document.statements) {
        let mut letter = statement.effect.as_str()[..1].to_owned();
        if !statement.conditions.is_empty() {
            letter.push('C');
        }
        let actions: Vec<_> =
            statement.actions.patterns().iter().map(|name| name.trim_start_matches("odps:")).collect();
        for resource in statement.resources.iter().flat_map(|resources| resources.patterns()) {
            let object = resource.trim_start_matches("acs:odps:*:");
            text.push_str(&format!("{letter}       {object}: {}\n", actions.join(" | ")));
        }
    }
    text
}

/// Puts a policy on a role, exactly as it came.
pub fn put_policy(cloud: &mut Cloud, caller: &Caller, name: &str, text: &str) -> Result<(), Refusal> {
    if !cloud.administers_tenant(caller) {
        return Err(denied("PutTenantRolePolicy"));
    }
    let key = role(cloud, name)?;
    let wrong = |why: &str| invalid(&format!("failed to check policy format: {why}"));
    let document = Document::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if document.version != "1" {
        return Err(wrong("invalid Version"));
    }
    for statement in &document.statements {
        if let Some(action) =
            statement.actions.patterns().iter().find(|action| !action.starts_with("odps:") && *action != "*")
        {
            return Err(wrong(&format!("invalid Action value - {action}")));
        }
        let resources = statement.resources.iter().flat_map(|resources| resources.patterns());
        for resource in resources {
            let parts: Vec<_> = resource.splitn(4, ':').collect();
            if resource != "*"
                && !(parts.len() == 4 && parts[0] == "acs" && parts[1] == "odps" && !parts[3].contains(':'))
            {
                return Err(wrong(&format!("invalid Resource value - {resource}")));
            }
        }
    }
    match cloud.maxcompute.roles.get_mut(&key) {
        Some(role) => {
            role.policy = Some(text.to_owned());
            Ok(())
        }
        None => Err(invalid(&format!("the policy of the built-in role '{name}' cannot be changed"))),
    }
}

/// The policy of a role, exactly as it was put.
pub fn get_policy(cloud: &Cloud, caller: &Caller, name: &str) -> Said {
    if !cloud.administers_tenant(caller) {
        return Err(denied("GetTenantRolePolicy"));
    }
    let key = role(cloud, name)?;
    let policy = cloud.maxcompute.roles.get(&key).and_then(|role| role.policy.clone());
    Ok(json!({"Policy": policy.unwrap_or_default()}))
}
