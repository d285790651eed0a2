//! Policies and who has them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::model::{Attachments, Policy, PolicyKind, PolicyRef, Version};
use super::system_policies::{self, SystemPolicy};
use super::{documents, names, pages};
use crate::cloud::{Call, Cloud, Outcome, iso};
use crate::refusal::Refusal;

/// When Alibaba Cloud made its own policies, as far as anyone here is told.
pub const SYSTEM_DATE: &str = "2018-11-03T01:45:06Z";

/// The policy that `PolicyName` and `PolicyType` name; it exists.
pub fn named(call: &Call<'_>) -> Result<PolicyRef, Refusal> {
    let name = call.parameters.required("PolicyName")?.to_owned();
    let kind = match call.parameters.required("PolicyType")? {
        "Custom" => PolicyKind::Custom,
        "System" => PolicyKind::System,
        _ => return Err(Refusal::known("InvalidParameter.PolicyType")),
    };
    match kind {
        PolicyKind::Custom => {
            call.cloud.policy(&name, call.now)?;
        }
        PolicyKind::System => {
            system_policies::find(&name).ok_or_else(|| Refusal::known("EntityNotExist.Policy"))?;
        }
    }
    Ok(PolicyRef { kind, name })
}

/// Where policies are attached: users', groups' and roles' attachments.
fn holders(cloud: &Cloud) -> impl Iterator<Item = &Attachments> {
    let users = cloud.ram.users.values().map(|user| &user.policies);
    let groups = cloud.ram.groups.values().map(|group| &group.policies);
    users.chain(groups).chain(cloud.ram.roles.values().map(|role| &role.policies))
}

/// How often each policy is attached.
fn counts(cloud: &Cloud) -> BTreeMap<&PolicyRef, usize> {
    let mut counts = BTreeMap::new();
    for (policy, _) in holders(cloud).flat_map(|attachments| attachments.keys()) {
        *counts.entry(policy).or_default() += 1;
    }
    counts
}

pub fn tags(tags: &super::model::Tags) -> Value {
    let tags = tags.iter().map(|(key, value)| json!({"TagKey": key, "TagValue": value}));
    json!({"Tag": tags.collect::<Vec<_>>()})
}

fn shown(counts: &BTreeMap<&PolicyRef, usize>, policy: &Policy) -> Map<String, Value> {
    let reference = PolicyRef { kind: PolicyKind::Custom, name: policy.name.clone() };
    let count = counts.get(&reference).copied().unwrap_or_default();
    let value = json!({
        "PolicyName": policy.name, "PolicyType": "Custom", "Description": policy.description,
        "DefaultVersion": format!("v{}", policy.default), "CreateDate": iso(policy.created),
        "UpdateDate": iso(policy.updated), "AttachmentCount": count,
    });
    value.as_object().cloned().unwrap_or_default()
}

fn shown_system(counts: &BTreeMap<&PolicyRef, usize>, policy: &SystemPolicy) -> Map<String, Value> {
    let reference = PolicyRef { kind: PolicyKind::System, name: policy.name.to_owned() };
    let count = counts.get(&reference).copied().unwrap_or_default();
    let value = json!({
        "PolicyName": policy.name, "PolicyType": "System", "Description": policy.description, "DefaultVersion": "v1",
        "CreateDate": SYSTEM_DATE, "UpdateDate": SYSTEM_DATE, "AttachmentCount": count,
    });
    value.as_object().cloned().unwrap_or_default()
}

/// A policy as lists of attachments show it: description and default version.
pub fn described(cloud: &Cloud, policy: &PolicyRef) -> (String, String) {
    match policy.kind {
        PolicyKind::System => {
            let description = system_policies::find(&policy.name).map_or("", |policy| policy.description);
            (description.to_owned(), "v1".to_owned())
        }
        PolicyKind::Custom => match cloud.ram.policies.get(&policy.name) {
            Some(policy) => (policy.description.clone(), format!("v{}", policy.default)),
            None => Default::default(),
        },
    }
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let (parameters, now) = (call.parameters, call.now);
    let name = parameters.required("PolicyName")?;
    names::policy(name)?;
    let document = parameters.required("PolicyDocument")?;
    let description = names::text(parameters.text("Description"), "Description", 1024)?;
    let tags = parameters.tags()?;
    names::tags(&tags, 256)?;
    documents::permissions(call, document, "PolicyDocument")?;
    if call.cloud.ram.policies.contains_key(name) {
        return Err(Refusal::known("EntityAlreadyExists.Policy"));
    }
    call.room(call.cloud.ram.policies.len(), "Policies", 1500, "LimitExceeded.Policy")?;
    let version = Version { number: 1, document: document.to_owned(), created: now };
    let policy = Policy {
        name: name.to_owned(),
        description,
        created: now,
        updated: now,
        seen_from: call.seen_from(),
        versions: vec![version],
        default: 1,
        last: 1,
        tags,
    };
    let answer = json!({"Policy": {
        "PolicyName": name, "PolicyType": "Custom", "Description": policy.description, "DefaultVersion": "v1",
        "CreateDate": iso(now),
    }});
    call.cloud.ram.policies.insert(name.to_owned(), policy);
    Ok(answer)
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    let policy = named(call)?;
    let (mut shown, version) = match policy.kind {
        PolicyKind::System => {
            let system = system_policies::find(&policy.name).ok_or_else(|| Refusal::known("EntityNotExist.Policy"))?;
            let version = json!({
                "VersionId": "v1", "IsDefaultVersion": true, "PolicyDocument": system.document, "CreateDate": SYSTEM_DATE,
            });
            (shown_system(&counts(call.cloud), system), version)
        }
        PolicyKind::Custom => {
            let custom = call.cloud.policy(&policy.name, call.now)?;
            let default = custom.versions.iter().find(|version| version.number == custom.default);
            (
                shown(&counts(call.cloud), custom),
                default.map(|version| super::versions::shown(custom, version)).unwrap_or_default(),
            )
        }
    };
    shown.insert("PolicyDocument".to_owned(), version["PolicyDocument"].clone());
    Ok(json!({"Policy": shown, "DefaultPolicyVersion": version}))
}

pub fn describe(call: &mut Call<'_>) -> Outcome {
    let (name, now) = (call.parameters.required("PolicyName")?, call.now);
    let description = names::text(call.parameters.sent("NewDescription"), "NewDescription", 1024)?;
    let policy = call.cloud.policy_mut(name, now)?;
    policy.description = description;
    policy.updated = now;
    Ok(json!({"Policy": shown(&counts(call.cloud), call.cloud.policy(name, now)?)}))
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let name = call.parameters.required("PolicyName")?;
    let cascading = call.parameters.boolean("CascadingDelete")?.unwrap_or(false);
    let policy = call.cloud.policy(name, call.now)?;
    let reference = PolicyRef { kind: PolicyKind::Custom, name: name.to_owned() };
    let has = |attachments: &Attachments| attachments.keys().any(|(attached, _)| *attached == reference);
    let ram = &call.cloud.ram;
    let lingers = |kind: &str| call.cloud.lingers(&format!("policy/{name}"), kind, call.now);
    if ram.users.values().any(|user| has(&user.policies)) || lingers("User") {
        return Err(Refusal::known("DeleteConflict.Policy.User"));
    }
    if ram.groups.values().any(|group| has(&group.policies)) || lingers("Group") {
        return Err(Refusal::known("DeleteConflict.Policy.Group"));
    }
    if ram.roles.values().any(|role| has(&role.policies)) || lingers("Role") {
        return Err(Refusal::known("DeleteConflict.Role.Policy"));
    }
    if policy.versions.len() > 1 && !cascading {
        return Err(Refusal::known("DeleteConflict.Policy.Version"));
    }
    call.cloud.ram.policies.remove(name);
    Ok(Value::Null)
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    let wanted = call.parameters.text("PolicyType");
    if wanted.is_some_and(|kind| !matches!(kind, "System" | "Custom")) {
        return Err(Refusal::known("InvalidParameter.PolicyType"));
    }
    let filter = call.parameters.tags()?;
    let counts = counts(call.cloud);
    let mut policies = Vec::new();
    if wanted != Some("System") {
        let custom = call.cloud.ram.policies.values().filter(|policy| policy.seen_from <= call.now);
        for policy in custom.filter(|policy| super::tags::carries(&policy.tags, &filter)) {
            let mut shown = shown(&counts, policy);
            shown.insert("Tags".to_owned(), tags(&policy.tags));
            policies.push((format!("Custom/{}", policy.name), Value::Object(shown)));
        }
    }
    if wanted != Some("Custom") && filter.is_empty() {
        for policy in system_policies::ALL {
            policies.push((format!("System/{}", policy.name), Value::Object(shown_system(&counts, policy))));
        }
    }
    policies.sort_by(|left, right| left.0.cmp(&right.0));
    pages::page(call, "Policies", "Policy", policies, 1000, 100)
}

pub fn entities(call: &mut Call<'_>) -> Outcome {
    let policy = named(call)?;
    let ram = &call.cloud.ram;
    let date = |attachments: &Attachments| {
        attachments.iter().find(|((attached, _), _)| *attached == policy).map(|(_, at)| iso(*at))
    };
    let users = ram.users.values().filter_map(|user| {
        let at = date(&user.policies)?;
        Some(json!({"UserId": user.id, "UserName": user.name, "DisplayName": user.display_name, "AttachDate": at}))
    });
    let groups = ram.groups.values().filter_map(|group| {
        let at = date(&group.policies)?;
        Some(json!({"GroupName": group.name, "Comments": group.comments, "AttachDate": at}))
    });
    let roles = ram.roles.values().filter_map(|role| {
        let at = date(&role.policies)?;
        let arn = role.arn(call.account());
        Some(json!({
            "RoleId": role.id, "RoleName": role.name, "Arn": arn, "Description": role.description, "AttachDate": at,
        }))
    });
    Ok(json!({
        "Users": {"User": users.collect::<Vec<_>>()}, "Groups": {"Group": groups.collect::<Vec<_>>()},
        "Roles": {"Role": roles.collect::<Vec<_>>()},
    }))
}
