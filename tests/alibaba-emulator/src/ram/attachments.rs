//! Policies on users, groups and roles.

use serde_json::{Value, json};

use super::model::{Attachments, PolicyKind};
use super::policies::{described, named};
use crate::cloud::{Call, Outcome, iso};
use crate::refusal::Refusal;

/// What a policy is put on.
#[derive(Clone, Copy)]
enum Holder {
    User,
    Group,
    Role,
}

impl Holder {
    fn word(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::Role => "Role",
        }
    }

    fn name<'a>(self, call: &'a Call<'_>) -> Result<&'a str, Refusal> {
        call.parameters.required(&format!("{}Name", self.word()))
    }

    fn attachments<'a>(self, call: &'a mut Call<'_>) -> Result<&'a mut Attachments, Refusal> {
        let (name, now) = (self.name(call)?.to_owned(), call.now);
        Ok(match self {
            Self::User => &mut call.cloud.user_mut(&name, now)?.policies,
            Self::Group => &mut call.cloud.group_mut(&name, now)?.policies,
            Self::Role => &mut call.cloud.role_mut(&name, now)?.policies,
        })
    }
}

fn attach(call: &mut Call<'_>, holder: Holder) -> Outcome {
    holder.attachments(call)?;
    let policy = named(call)?;
    let scope = call.parameters.text("ResourceGroupId").unwrap_or_default().to_owned();
    let word = holder.word();
    let (quota, default) = match policy.kind {
        PolicyKind::Custom => (format!("AttachedPoliciesPer{word}"), 10),
        PolicyKind::System => (format!("AttachedSystemPoliciesPer{word}"), 20),
    };
    let (now, kind) = (call.now, policy.kind);
    let attachments = holder.attachments(call)?;
    if attachments.contains_key(&(policy.clone(), scope.clone())) {
        return Err(Refusal::known(&format!("EntityAlreadyExists.{word}.Policy")));
    }
    let count = attachments.keys().filter(|(attached, _)| attached.kind == kind).count();
    call.room(count, &quota, default, &format!("LimitExceeded.{word}.Policy"))?;
    holder.attachments(call)?.insert((policy, scope), now);
    Ok(Value::Null)
}

fn detach(call: &mut Call<'_>, holder: Holder) -> Outcome {
    holder.attachments(call)?;
    let policy = named(call)?;
    let scope = call.parameters.text("ResourceGroupId").unwrap_or_default().to_owned();
    let (word, now) = (holder.word(), call.now);
    let policy_name = policy.name.clone();
    if holder.attachments(call)?.remove(&(policy, scope)).is_none() {
        return Err(Refusal::known(&format!("EntityNotExist.{word}.Policy")));
    }
    let name = holder.name(call)?.to_owned();
    call.cloud.linger(&format!("{}/{name}", word.to_lowercase()), "Policy", now);
    call.cloud.linger(&format!("policy/{policy_name}"), word, now);
    Ok(Value::Null)
}

/// Not paged.
fn list(call: &mut Call<'_>, holder: Holder) -> Outcome {
    let attached: Vec<_> = holder.attachments(call)?.iter().map(|((policy, _), at)| (policy.clone(), *at)).collect();
    let shown = attached.iter().map(|(policy, at)| {
        let (description, version) = described(call.cloud, policy);
        json!({
            "PolicyName": policy.name, "PolicyType": policy.kind.as_str(), "Description": description,
            "DefaultVersion": version, "AttachDate": iso(*at),
        })
    });
    Ok(json!({"Policies": {"Policy": shown.collect::<Vec<_>>()}}))
}

pub fn to_user(call: &mut Call<'_>) -> Outcome {
    attach(call, Holder::User)
}

pub fn to_group(call: &mut Call<'_>) -> Outcome {
    attach(call, Holder::Group)
}

pub fn to_role(call: &mut Call<'_>) -> Outcome {
    attach(call, Holder::Role)
}

pub fn from_user(call: &mut Call<'_>) -> Outcome {
    detach(call, Holder::User)
}

pub fn from_group(call: &mut Call<'_>) -> Outcome {
    detach(call, Holder::Group)
}

pub fn from_role(call: &mut Call<'_>) -> Outcome {
    detach(call, Holder::Role)
}

pub fn of_user(call: &mut Call<'_>) -> Outcome {
    list(call, Holder::User)
}

pub fn of_group(call: &mut Call<'_>) -> Outcome {
    list(call, Holder::Group)
}

pub fn of_role(call: &mut Call<'_>) -> Outcome {
    list(call, Holder::Role)
}
