//! Policies, their versions and their attachments: one function a call.

use std::collections::BTreeSet;

use parking_lot::Mutex;

use super::act::Act;
use super::catalogue::Catalogue;
use super::refusal::Refused;
use super::{drain, kind, lists, read, shapes};
use crate::cloud::ownership::judge;
use crate::model::{Class, Effect, Fault, Finding, Inventory, ObjectId, ObjectKind, Policy, PolicyRef, Tags};
use crate::names::CloudName;
use crate::policy::Document;

/// A policy has at most five versions, one of them in force.
const OLD_VERSIONS: usize = 4;

pub(super) async fn create(act: &Act<'_>, policy: &Policy, inventory: &Mutex<Inventory>) -> Result<Effect, Fault> {
    let Some(document) = &policy.document else {
        return Err(act.fault(Class::Invalid, "CreatePolicy", "a policy needs a document"));
    };
    let request = act
        .iam
        .create_policy()
        .policy_name(policy.name.as_str())
        .path(&policy.path)
        .description(&policy.description)
        .policy_document(document.to_json())
        .set_tags(policy.tags.as_ref().and_then(shapes::sdk_tags));
    match act.send("CreatePolicy", request.send()).await {
        Ok(answer) => {
            let arn = answer.policy.and_then(|made| made.arn).unwrap_or_else(|| policy.arn.clone());
            Ok(Effect::Arn(arn))
        }
        Err(refused) if refused.is("EntityAlreadyExists") => {
            let object = ObjectId::policy(&policy.name);
            let found = read::object(act, &object, inventory).await?;
            let cluster = inventory.lock().cluster.clone();
            let wanted = policy.mark(&cluster);
            // What is the account's own carries no tenant's mark: its description and path say that it is ours.
            if let Finding::Policy(there) = &found
                && wanted.is_none()
                && (&there.description, &there.path) == (&policy.description, &policy.path)
            {
                return Ok(Effect::Found(Box::new(found)));
            }
            judge("iam:CreatePolicy", kind(ObjectKind::Policy), &object, wanted.as_ref(), &cluster, found)
        }
        Err(refused) => Err(refused.into()),
    }
}

/// ARN, version in force and old versions, as far as they are known.
fn known(name: &CloudName, inventory: &Mutex<Inventory>) -> Option<(String, String, Vec<String>)> {
    let inventory = inventory.lock();
    let policy = inventory.policies.get(name)?;
    Some((policy.arn.clone(), policy.default_version.clone(), policy.old_versions.clone()))
}

fn not_yet(act: &Act<'_>, operation: &str, name: &CloudName) -> Fault {
    act.fault(Class::Waiting, operation, format!("the policy \"{name}\" does not exist yet"))
}

/// Puts a new version in force. The oldest makes room where there are five.
pub(super) async fn set_document(
    act: &Act<'_>,
    name: &CloudName,
    document: &Document,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    let Some((arn, before, mut old)) = known(name, inventory) else {
        return Err(not_yet(act, "CreatePolicyVersion", name));
    };
    if old.len() >= OLD_VERSIONS {
        delete_version(act, &arn, &old.remove(0)).await?;
    }
    let made = match create_version(act, &arn, document).await {
        Err(refused) if refused.is("LimitExceeded") => {
            old = lists::old_versions(act, &arn).await?;
            if old.len() < OLD_VERSIONS {
                return Err(refused.into());
            }
            delete_version(act, &arn, &old.remove(0)).await?;
            create_version(act, &arn, document).await?
        }
        other => other?,
    };
    if !before.is_empty() && !old.contains(&before) {
        old.push(before);
    }
    old.retain(|version| *version != made);
    Ok(Effect::Version { default: made, old })
}

async fn create_version(act: &Act<'_>, arn: &str, document: &Document) -> Result<String, Refused> {
    let request =
        act.iam.create_policy_version().policy_arn(arn).policy_document(document.to_json()).set_as_default(true);
    let answer = act.send("CreatePolicyVersion", request.send()).await?;
    Ok(answer.policy_version.and_then(|version| version.version_id).unwrap_or_default())
}

async fn delete_version(act: &Act<'_>, arn: &str, version: &str) -> Result<Effect, Fault> {
    let request = act.iam.delete_policy_version().policy_arn(arn).version_id(version);
    act.remove("DeletePolicyVersion", request.send()).await
}

/// Deletes a policy and its versions; one that the inventory does not know is gone already.
pub(super) async fn delete(act: &Act<'_>, name: &CloudName, inventory: &Mutex<Inventory>) -> Result<Effect, Fault> {
    let Some((arn, _, old)) = known(name, inventory) else { return Ok(Effect::Done) };
    for version in old {
        delete_version(act, &arn, &version).await?;
    }
    match act.send("DeletePolicy", act.iam.delete_policy().policy_arn(&arn).send()).await {
        Err(refused) if refused.is("DeleteConflict") => {
            drain::policy(act, &arn).await?;
            act.remove("DeletePolicy", act.iam.delete_policy().policy_arn(&arn).send()).await
        }
        Err(refused) if !refused.absent() => Err(refused.into()),
        _ => Ok(Effect::Done),
    }
}

pub(super) async fn set_tags(
    act: &Act<'_>,
    name: &CloudName,
    set: &Tags,
    unset: &BTreeSet<String>,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    // A policy that is being taken over stands among the others until its marks are on.
    let arn = {
        let inventory = inventory.lock();
        let ours = inventory.policies.get(name).map(|policy| &policy.arn);
        ours.or_else(|| inventory.others.get(&ObjectId::policy(name)).map(|stub| &stub.arn)).cloned()
    };
    let Some(arn) = arn else { return Err(not_yet(act, "TagPolicy", name)) };
    if let Some(tags) = shapes::sdk_tags(set) {
        act.send("TagPolicy", act.iam.tag_policy().policy_arn(&arn).set_tags(Some(tags)).send()).await?;
    }
    if !unset.is_empty() {
        let keys = unset.iter().cloned().collect();
        let request = act.iam.untag_policy().policy_arn(&arn).set_tag_keys(Some(keys));
        act.send("UntagPolicy", request.send()).await?;
    }
    Ok(Effect::Done)
}

/// Attaches a policy and says its ARN.
pub(super) async fn attach(
    act: &Act<'_>,
    to: &ObjectId,
    policy: &PolicyRef,
    inventory: &Mutex<Inventory>,
    catalogue: &Catalogue,
    partition: &str,
) -> Result<Effect, Fault> {
    match policy {
        PolicyRef::Own(name) => {
            let Some((arn, ..)) = known(name, inventory) else { return Err(not_yet(act, operation(to), name)) };
            attach_arn(act, to, &arn).await?;
            Ok(Effect::Arn(arn))
        }
        PolicyRef::Arn(arn) => match attach_arn(act, to, arn).await {
            Err(refused) if is_about(&refused, arn) => {
                let message = format!(
                    "no policy has the ARN {arn}. Check account, path and name; a policy must exist before it is named"
                );
                Err(act.fault(Class::Invalid, operation(to), message))
            }
            other => other.map(|()| Effect::Arn(arn.clone())).map_err(Fault::from),
        },
        PolicyRef::Vendor(name) => attach_vendor(act, to, name, catalogue, partition).await,
    }
}

/// Most of AWS's policies lie on the root path, so that is tried before all of them are listed.
async fn attach_vendor(
    act: &Act<'_>,
    to: &ObjectId,
    name: &str,
    catalogue: &Catalogue,
    partition: &str,
) -> Result<Effect, Fault> {
    let guess = format!("arn:{partition}:iam::aws:policy/{name}");
    let known = catalogue.known(name).await;
    if known.is_some() || !catalogue.complete().await {
        let arn = known.unwrap_or_else(|| guess.clone());
        match attach_arn(act, to, &arn).await {
            Ok(()) => {
                catalogue.note(name, &arn).await;
                return Ok(Effect::Arn(arn));
            }
            Err(refused) if is_about(&refused, &arn) => {}
            Err(refused) => return Err(refused.into()),
        }
    }
    match catalogue.find(act, name).await? {
        Some(arn) if arn != guess => {
            attach_arn(act, to, &arn).await?;
            Ok(Effect::Arn(arn))
        }
        _ => {
            let message = format!(
                "AWS has no policy of its own named \"{name}\". Check the spelling; a customer's policy goes by its ARN"
            );
            Err(act.fault(Class::Invalid, operation(to), message))
        }
    }
}

/// Whether it is the policy that does not exist, not who shall have it.
fn is_about(refused: &Refused, arn: &str) -> bool {
    refused.absent() && refused.message.contains(arn)
}

fn operation(to: &ObjectId) -> &'static str {
    match to.kind {
        ObjectKind::Group => "AttachGroupPolicy",
        ObjectKind::Role => "AttachRolePolicy",
        ObjectKind::User
        | ObjectKind::Policy
        | ObjectKind::Notebook
        | ObjectKind::MaxCompute
        | ObjectKind::Workspace => "AttachUserPolicy",
    }
}

async fn attach_arn(act: &Act<'_>, to: &ObjectId, arn: &str) -> Result<(), Refused> {
    let name = to.name.as_str();
    if to.kind == ObjectKind::Group {
        let request = act.iam.attach_group_policy().group_name(name).policy_arn(arn);
        act.send("AttachGroupPolicy", request.send()).await?;
    } else if to.kind == ObjectKind::Role {
        let request = act.iam.attach_role_policy().role_name(name).policy_arn(arn);
        act.send("AttachRolePolicy", request.send()).await?;
    } else {
        let request = act.iam.attach_user_policy().user_name(name).policy_arn(arn);
        act.send("AttachUserPolicy", request.send()).await?;
    }
    Ok(())
}

pub(super) async fn detach(act: &Act<'_>, from: &ObjectId, arn: &str) -> Result<Effect, Fault> {
    let name = from.name.as_str();
    if from.kind == ObjectKind::Group {
        let request = act.iam.detach_group_policy().group_name(name).policy_arn(arn);
        return act.remove("DetachGroupPolicy", request.send()).await;
    }
    if from.kind == ObjectKind::Role {
        let request = act.iam.detach_role_policy().role_name(name).policy_arn(arn);
        return act.remove("DetachRolePolicy", request.send()).await;
    }
    let request = act.iam.detach_user_policy().user_name(name).policy_arn(arn);
    act.remove("DetachUserPolicy", request.send()).await
}

pub(super) async fn put_inline(
    act: &Act<'_>,
    of: &ObjectId,
    policy: &str,
    document: &Document,
) -> Result<Effect, Fault> {
    let (name, text) = (of.name.as_str(), document.to_json());
    if of.kind == ObjectKind::Group {
        let request = act.iam.put_group_policy().group_name(name).policy_name(policy).policy_document(text);
        act.send("PutGroupPolicy", request.send()).await?;
    } else if of.kind == ObjectKind::Role {
        let request = act.iam.put_role_policy().role_name(name).policy_name(policy).policy_document(text);
        act.send("PutRolePolicy", request.send()).await?;
    } else {
        let request = act.iam.put_user_policy().user_name(name).policy_name(policy).policy_document(text);
        act.send("PutUserPolicy", request.send()).await?;
    }
    Ok(Effect::Done)
}

pub(super) async fn delete_inline(act: &Act<'_>, of: &ObjectId, policy: &str) -> Result<Effect, Fault> {
    let name = of.name.as_str();
    if of.kind == ObjectKind::Group {
        let request = act.iam.delete_group_policy().group_name(name).policy_name(policy);
        return act.remove("DeleteGroupPolicy", request.send()).await;
    }
    if of.kind == ObjectKind::Role {
        let request = act.iam.delete_role_policy().role_name(name).policy_name(policy);
        return act.remove("DeleteRolePolicy", request.send()).await;
    }
    let request = act.iam.delete_user_policy().user_name(name).policy_name(policy);
    act.remove("DeleteUserPolicy", request.send()).await
}
