//! Policies, their versions and their attachments: one function a call.

use std::collections::BTreeSet;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::act::Act;
use super::call::Call;
use super::refusal::Refused;
use super::{Alibaba, drain, kind, read};
use crate::cloud::ownership::judge;
use crate::model::{Class, Effect, Fault, Inventory, ObjectId, ObjectKind, Policy, PolicyRef, Tags};
use crate::names::{CloudName, ram_arn, ram_policy, system_policy_arn};
use crate::policy::Document;

/// A policy has at most five versions, one of them in force.
const OLD_VERSIONS: usize = 4;

/// The first and the last pause before a policy that was made just now is attached.
const SOON: Duration = Duration::from_millis(200);
const LATE: Duration = Duration::from_millis(1600);

/// RAM takes a policy's tags as JSON, unlike IMS a user's.
pub(super) fn json_tags(tags: &Tags) -> String {
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    Value::from(tags).to_string()
}

pub(super) fn create_call(name: &CloudName, description: &str, document: &Document, tags: &Tags) -> Call {
    let call = Call::ram("CreatePolicy")
        .with("PolicyName", name)
        .with("Description", description)
        .with("PolicyDocument", document.to_json());
    if tags.is_empty() { call } else { call.with("Tag", json_tags(tags)) }
}

/// The call that reads a customer's policy.
pub(super) fn get_call(name: &CloudName) -> Call {
    Call::ram("GetPolicy").with("PolicyName", name).with("PolicyType", "Custom")
}

pub(super) async fn create(
    cloud: &Alibaba,
    act: &Act<'_>,
    policy: &Policy,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    let Some(document) = &policy.document else {
        return Err(act.fault(Class::Invalid, "ram:CreatePolicy", "a policy needs a document"));
    };
    let tags = policy.tags.clone().unwrap_or_default();
    match act.send(create_call(&policy.name, &policy.description, document, &tags)).await {
        Ok(_) => Ok(Effect::Arn(ram_arn(&cloud.identity.account, "policy", policy.name.as_str()))),
        Err(refused) if refused.exists() => {
            let object = ObjectId::policy(&policy.name);
            let found = read::object(cloud, act, &object, inventory).await?;
            let cluster = inventory.lock().cluster.clone();
            let wanted = policy.mark(&cluster);
            judge("ram:CreatePolicy", kind(ObjectKind::Policy), &object, wanted.as_ref(), &cluster, found)
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Puts a new version in force; RAM itself makes room where there are five.
pub(super) async fn set_document(
    act: &Act<'_>,
    name: &CloudName,
    document: &Document,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    let (before, mut old) = {
        let inventory = inventory.lock();
        let policy = inventory.policies.get(name);
        policy.map(|it| (it.default_version.clone(), it.old_versions.clone())).unwrap_or_default()
    };
    let made = new_version(act, name, document).await?;
    if !before.is_empty() && !old.contains(&before) {
        old.push(before);
    }
    old.retain(|version| *version != made);
    old.drain(..old.len().saturating_sub(OLD_VERSIONS));
    Ok(Effect::Version { default: made, old })
}

pub(super) async fn new_version(act: &Act<'_>, name: &CloudName, document: &Document) -> Result<String, Refused> {
    let call = Call::ram("CreatePolicyVersion")
        .with("PolicyName", name)
        .with("PolicyDocument", document.to_json())
        .with("SetAsDefault", true)
        .with("RotateStrategy", "DeleteOldestNonDefaultVersionWhenLimitExceeded");
    let answer = act.send(call).await?;
    Ok(answer["PolicyVersion"]["VersionId"].as_str().unwrap_or_default().to_owned())
}

/// Deletes a policy with all its versions, detached from whom it is still attached to.
pub(super) async fn delete(
    cloud: &Alibaba,
    act: &Act<'_>,
    name: &CloudName,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    match act.send(delete_call(name)).await {
        Err(refused) if refused.conflict() => {
            read::still_ours(cloud, act, &ObjectId::policy(name), inventory).await?;
            drain::policy(act, name).await?;
            act.remove(delete_call(name)).await
        }
        Err(refused) if !refused.absent() => Err(refused.into()),
        _ => Ok(Effect::Done),
    }
}

pub(super) fn delete_call(name: &CloudName) -> Call {
    Call::ram("DeletePolicy").with("PolicyName", name).with("CascadingDelete", true)
}

pub(super) async fn set_tags(
    act: &Act<'_>,
    name: &CloudName,
    set: &Tags,
    unset: &BTreeSet<String>,
) -> Result<Effect, Fault> {
    let of_policy =
        |action| Call::ram(action).with("ResourceType", "policy").with("ResourceNames", json!([name.as_str()]));
    if !set.is_empty() {
        act.send(of_policy("TagResources").with("Tag", json_tags(set))).await?;
    }
    if !unset.is_empty() {
        act.send(of_policy("UntagResources").with("TagKeys", json!(unset))).await?;
    }
    Ok(Effect::Done)
}

/// A call that attaches a policy to a user, group or role, or detaches it.
pub(super) fn edge_call(verb: Verb, object: &ObjectId, policy: &str, system: bool) -> Call {
    let call = match (verb, object.kind) {
        (Verb::Attach, ObjectKind::Group) => Call::ram("AttachPolicyToGroup").with("GroupName", &object.name),
        (Verb::Attach, ObjectKind::Role) => Call::ram("AttachPolicyToRole").with("RoleName", &object.name),
        (Verb::Attach, _) => Call::ram("AttachPolicyToUser").with("UserName", &object.name),
        (Verb::Detach, ObjectKind::Group) => Call::ram("DetachPolicyFromGroup").with("GroupName", &object.name),
        (Verb::Detach, ObjectKind::Role) => Call::ram("DetachPolicyFromRole").with("RoleName", &object.name),
        (Verb::Detach, _) => Call::ram("DetachPolicyFromUser").with("UserName", &object.name),
    };
    call.with("PolicyName", policy).with("PolicyType", if system { "System" } else { "Custom" })
}

/// What is done to an attachment.
#[derive(Clone, Copy)]
pub(super) enum Verb {
    Attach,
    Detach,
}

/// Attaches what was made just now: RAM may take a moment to know of it, and a Deny is not put off for long.
pub(super) async fn attach_new(act: &Act<'_>, attach: impl Fn() -> Call) -> Result<(), Refused> {
    let mut pause = SOON;
    loop {
        match act.join(attach()).await {
            Err(refused) if refused.is("EntityNotExist.Policy") && pause <= LATE => sleep(pause).await,
            other => return other,
        }
        pause *= 2;
    }
}

/// Attaches a policy and says its ARN.
pub(super) async fn attach(cloud: &Alibaba, act: &Act<'_>, to: &ObjectId, policy: &PolicyRef) -> Result<Effect, Fault> {
    let own = |name: &str| ram_arn(&cloud.identity.account, "policy", name);
    let (name, system, arn) = match policy {
        PolicyRef::Own(name) => (name.as_str(), false, own(name.as_str())),
        PolicyRef::Vendor(name) => (name.as_str(), true, system_policy_arn(name)),
        PolicyRef::Arn(arn) => match ram_policy(arn) {
            Some((name, system)) => (name, system, arn.clone()),
            None => {
                let message = format!("{arn} is not the ARN of a RAM policy, such as {}", own("name"));
                return Err(act.fault(Class::Invalid, "ram:AttachPolicy", message));
            }
        },
    };
    let call = || edge_call(Verb::Attach, to, name, system);
    let action = call().permission();
    let own = matches!(policy, PolicyRef::Own(_));
    match if own { attach_new(act, call).await } else { act.join(call()).await } {
        Ok(()) => Ok(Effect::Arn(arn)),
        Err(refused) if refused.is("EntityNotExist.Policy") => Err(match policy {
            PolicyRef::Own(_) => {
                act.fault(Class::Waiting, &action, format!("the policy \"{name}\" does not exist yet"))
            }
            PolicyRef::Vendor(_) => {
                let message = format!("Alibaba Cloud has no system policy named \"{name}\". Check the spelling");
                act.fault(Class::Invalid, &action, message)
            }
            PolicyRef::Arn(_) => {
                let message = format!("no policy has the ARN {arn}. A policy must exist before it is named");
                act.fault(Class::Invalid, &action, message)
            }
        }),
        Err(refused) => Err(refused.into()),
    }
}

pub(super) async fn detach(act: &Act<'_>, from: &ObjectId, arn: &str) -> Result<Effect, Fault> {
    let Some((name, system)) = ram_policy(arn) else { return Ok(Effect::Done) };
    act.remove(edge_call(Verb::Detach, from, name, system)).await
}
