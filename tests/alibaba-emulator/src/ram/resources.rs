//! The ARNs and the condition keys of a call to RAM or IMS, for the caller's policies.

use tenantry::policy::evaluate::Context;

use super::model::Tags;
use crate::caller::Caller;
use crate::cloud::Call;
use crate::routes::Target;

/// The name of the user that a call is about: by name, by principal name, by id, by a key, or the caller itself.
/// `None` when it names none that exists.
pub fn user_name(call: &Call<'_>) -> Option<String> {
    let parameters = call.parameters;
    if let Some(name) = parameters.text("UserName") {
        return Some(name.to_owned());
    }
    if let Some(principal) = parameters.text("UserPrincipalName") {
        return Some(principal.split('@').next().unwrap_or_default().to_owned());
    }
    if let Some(id) = parameters.text("UserId") {
        return call.cloud.ram.users.values().find(|user| user.id == id).map(|user| user.name.clone());
    }
    match (call.caller, parameters.text("UserAccessKeyId")) {
        (Caller::User { name, .. }, _) => Some(name.clone()),
        (_, Some(key)) => call.cloud.ram.key(key).map(|(user, _)| user.name.clone()),
        _ => None,
    }
}

/// The ARNs of what a call is about.
pub fn of(call: &Call<'_>, targets: &[Target]) -> Vec<String> {
    let own = |rest: &str| format!("acs:ram:*:{}:{rest}", call.account());
    let named =
        |kind: &str, parameter: &str| own(&format!("{kind}/{}", call.parameters.text(parameter).unwrap_or("*")));
    let mut resources = Vec::new();
    for target in targets {
        match target {
            Target::User => resources.push(own(&format!("user/{}", user_name(call).unwrap_or_else(|| "*".to_owned())))),
            Target::Users => resources.push(own("user/*")),
            Target::Group => resources.push(named("group", "GroupName")),
            Target::Groups => resources.push(own("group/*")),
            Target::Policy => {
                let name = call.parameters.text("PolicyName").unwrap_or("*");
                resources.push(if call.parameters.text("PolicyType") == Some("System") {
                    format!("acs:ram:*:system:policy/{name}")
                } else {
                    own(&format!("policy/{name}"))
                });
            }
            Target::Policies => resources.push(own("policy/*")),
            Target::Role => resources.push(named("role", "RoleName")),
            Target::Roles => resources.push(own("role/*")),
            Target::Mfa => resources.push(own("mfa/*")),
            Target::Oidc => resources.push(named("oidc-provider", "OIDCProviderName")),
            Target::Tagged => {
                let kind = call.parameters.text("ResourceType").unwrap_or("*");
                let mut names = call.parameters.list("ResourceNames");
                for name in call.parameters.list("ResourcePrincipalName") {
                    names.push(name.split('@').next().unwrap_or_default().to_owned());
                }
                for id in call.parameters.list("ResourceId") {
                    let user = call.cloud.ram.users.values().find(|user| user.id == id);
                    names.push(user.map_or_else(|| "*".to_owned(), |user| user.name.clone()));
                }
                if names.is_empty() {
                    names.push("*".to_owned());
                }
                resources.extend(names.iter().map(|name| own(&format!("{kind}/{name}"))));
            }
            Target::Account => resources.push(own("*")),
        }
    }
    resources
}

/// What conditions see: the call's, with the tags of what it is about and those that it sends.
pub fn context(call: &Call<'_>, targets: &[Target]) -> Context {
    let mut context = call.context.clone();
    let name = |parameter| call.parameters.text(parameter).unwrap_or_default();
    let ram = &call.cloud.ram;
    for target in targets {
        let tags: Option<&Tags> = match target {
            Target::User => user_name(call).and_then(|name| ram.users.get(&name)).map(|user| &user.tags),
            Target::Role => ram.roles.get(&name("RoleName").to_lowercase()).map(|role| &role.tags),
            Target::Policy => ram.policies.get(name("PolicyName")).map(|policy| &policy.tags),
            _ => None,
        };
        for (key, value) in tags.into_iter().flatten() {
            context = context.with(&format!("acs:ResourceTag/{key}"), value.as_str());
        }
    }
    for (key, value) in call.parameters.tags().unwrap_or_default() {
        context = context.with(&format!("acs:RequestTag/{key}"), value);
    }
    context
}
