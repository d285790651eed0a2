//! The tenant's users, and the structured way to give them roles.

use serde_json::{Value, json};

use super::model::role_key;
use super::{data, illegal, not_there, require};
use crate::cloud::{Call, Cloud, Outcome};
use crate::parameters::plain;
use crate::refusal::Refusal;

/// A user by the id that this interface has for it: the account's own, `p4_<user>` or `v4_<role>`.
fn by_id(cloud: &Cloud, id: &str) -> Option<String> {
    let account = &cloud.account.id;
    if id == account {
        return Some(format!("ALIYUN${account}"));
    }
    if let Some(id) = id.strip_prefix("p4_") {
        return cloud.ram.users.values().find(|user| user.id == id).map(|user| format!("RAM${account}:{}", user.name));
    }
    let role = cloud.ram.roles.values().find(|role| Some(role.id.as_str()) == id.strip_prefix("v4_"))?;
    Some(format!("RAM${account}:`role/{}`", role.name))
}

fn shown(cloud: &Cloud, user: &str) -> Value {
    let account = &cloud.account.id;
    let name = user.split_once(':').map(|(_, name)| name.trim_matches('`'));
    let ram = name.and_then(|name| cloud.ram.users.get(name));
    let role =
        name.and_then(|name| name.strip_prefix("role/")).and_then(|name| cloud.ram.roles.get(&name.to_lowercase()));
    let id = match (ram, role) {
        (Some(user), _) => format!("p4_{}", user.id),
        (None, Some(role)) => format!("v4_{}", role.id),
        (None, None) => account.clone(),
    };
    let kind = if user.starts_with("ALIYUN") { "ALIYUN" } else { "RAM" };
    json!({
        "accountId": id, "accountName": user, "accountType": kind, "displayName": name.unwrap_or(account),
        "tenantId": account,
    })
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    require(call, "ListUsers", "*")?;
    let number = call.parameters.number("pageNumber")?.unwrap_or(1).max(1);
    let size = call.parameters.number("pageSize")?.unwrap_or(10).max(1);
    let users = &call.cloud.maxcompute.users;
    let skipped = usize::try_from((number - 1) * size).unwrap_or(0);
    let page: Vec<_> = users
        .iter()
        .skip(skipped)
        .take(usize::try_from(size).unwrap_or(10))
        .map(|user| shown(call.cloud, user))
        .collect();
    Ok(data(json!({"users": page, "pageNumber": number, "pageSize": size, "totalCount": users.len()})))
}

fn named(call: &Call<'_>, id: &str) -> Result<String, Refusal> {
    let user = by_id(call.cloud, id).ok_or_else(|| {
        Refusal::new(400, "INVALID_USER", "Please buy MaxCompute product firstly. The user does not exist.")
    })?;
    if call.cloud.maxcompute.users.contains(&user) { Ok(user) } else { Err(not_there()) }
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    require(call, "GetUser", "*")?;
    let id = call.parameters.text("accountId").ok_or_else(|| illegal("accountId is missing"))?;
    let user = named(call, id)?;
    let grants = call.cloud.maxcompute.grants.iter().filter(|(_, users)| users.contains(&user));
    let roles: Vec<_> = grants.map(|(role, _)| role).collect();
    let mut shown = shown(call.cloud, &user);
    shown["roles"] = json!(roles);
    Ok(data(shown))
}

pub fn update_roles(call: &mut Call<'_>) -> Outcome {
    require(call, "UpdateTenantUserRoles", "*")?;
    let user = named(call, &plain(&call.body["accountId"]))?;
    let roles = |field: &str| -> Vec<String> {
        call.body[field].as_array().into_iter().flatten().map(|role| role_key(&plain(role))).collect()
    };
    let (granted, revoked) = (roles("grant"), roles("revoke"));
    let known = |role: &String| {
        call.cloud.maxcompute.roles.contains_key(role) || super::model::BUILTIN.iter().any(|(key, _)| key == role)
    };
    if !granted.iter().chain(&revoked).all(known) {
        return Err(not_there());
    }
    for role in granted {
        call.cloud.maxcompute.grants.entry(role).or_default().insert(user.clone());
    }
    for role in revoked {
        call.cloud.maxcompute.grants.entry(role).or_default().remove(&user);
    }
    Ok(data("success"))
}
