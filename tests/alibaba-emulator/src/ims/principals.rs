//! `<name>@<domain>`, by which IMS knows users.

use crate::cloud::{Call, Cloud};
use crate::refusal::Refusal;

/// The domain of the account's users.
pub fn domain(cloud: &Cloud) -> String {
    match cloud.ram.preference.get("DefaultDomainName").and_then(|name| name.as_str()) {
        Some(name) => name.to_owned(),
        None => format!("{}.onaliyun.com", cloud.ram.alias.as_deref().unwrap_or(&cloud.account.id)),
    }
}

pub fn principal(cloud: &Cloud, name: &str) -> String {
    format!("{name}@{}", domain(cloud))
}

/// The name in a principal name of this account; the domain of the account's id always counts.
pub fn name_in(cloud: &Cloud, principal: &str) -> Result<String, Refusal> {
    let Some((name, given)) = principal.split_once('@') else {
        return Err(Refusal::format("UserPrincipalName"));
    };
    if given == domain(cloud) || given == format!("{}.onaliyun.com", cloud.account.id) {
        return Ok(name.to_owned());
    }
    Err(Refusal::known("EntityNotExist.User"))
}

/// The user that `UserPrincipalName`, `UserId` or `UserAccessKeyId` names, exactly one of them.
pub fn user(call: &Call<'_>, allowed: &[&str]) -> Result<String, Refusal> {
    let given: Vec<_> = allowed.iter().filter(|name| call.parameters.text(name).is_some()).collect();
    let [parameter] = given[..] else {
        return Err(Refusal::missing("UserPrincipalName"));
    };
    let value = call.parameters.required(parameter)?;
    let users = &call.cloud.ram.users;
    let name = match *parameter {
        "UserPrincipalName" => name_in(call.cloud, value)?,
        "UserId" => match users.values().find(|user| user.id == value) {
            Some(user) => user.name.clone(),
            None => return Err(Refusal::known("EntityNotExist.User")),
        },
        _ => match call.cloud.ram.key(value) {
            Some((user, _)) => user.name.clone(),
            None => return Err(Refusal::known("EntityNotExist.User.AccessKey")),
        },
    };
    call.cloud.user(&name, call.now).map(|user| user.name.clone())
}

/// The user that `UserPrincipalName` names; it exists.
pub fn named(call: &Call<'_>) -> Result<String, Refusal> {
    user(call, &["UserPrincipalName"])
}
