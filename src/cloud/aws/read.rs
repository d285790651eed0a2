//! Live reads of one object: whole, or only its mark.

use aws_sdk_iam::types::{self, PolicyScopeType};
use parking_lot::Mutex;

use super::act::Act;
use super::refusal::Refused;
use super::{lists, roles, shapes};
use crate::cloud::ownership::mark_of;
use crate::model::{Fault, Finding, Group, Inventory, ObjectId, ObjectKind, Policy, User};
use crate::names::CloudName;

/// One object, whole: as a sweep shows it, and a policy with its tags. Costs 3 to 4 calls and one for each inline policy.
pub(super) async fn object(act: &Act<'_>, object: &ObjectId, inventory: &Mutex<Inventory>) -> Result<Finding, Fault> {
    let found = match object.kind {
        ObjectKind::User => user(act, &object.name).await,
        ObjectKind::Group => group(act, &object.name).await,
        ObjectKind::Policy => policy(act, &object.name, inventory).await,
        // Not IAM's.
        ObjectKind::Notebook => Ok(Finding::Absent),
        ObjectKind::Role => roles::read_whole(act, &object.name).await,
        ObjectKind::MaxCompute => Ok(Finding::Absent),
        ObjectKind::Workspace => Ok(Finding::Absent),
    };
    absent_or(found)
}

/// Whose an object is, and of a policy which version is in force: one call, unless the inventory does not know the
/// policy's ARN.
pub(super) async fn mark(act: &Act<'_>, object: &ObjectId, inventory: &Mutex<Inventory>) -> Result<Finding, Fault> {
    let found = match object.kind {
        ObjectKind::User => user_alone(act, &object.name).await.map(Finding::User),
        ObjectKind::Group => group_alone(act, &object.name).await.map(Finding::Group),
        ObjectKind::Role => roles::read_alone(act, &object.name).await.map(Finding::Role),
        ObjectKind::Policy => match policy_arn(act, &object.name, inventory).await {
            Ok(Some(arn)) => policy_alone(act, &arn).await.map(Finding::Policy),
            Ok(None) => Ok(Finding::Absent),
            Err(refused) => Err(refused),
        },
        ObjectKind::Notebook => Ok(Finding::Absent),
        ObjectKind::MaxCompute => Ok(Finding::Absent),
        ObjectKind::Workspace => Ok(Finding::Absent),
    };
    let found = absent_or(found)?;
    let default_version = match &found {
        Finding::Absent => return Ok(found),
        Finding::Policy(policy) => Some(policy.default_version.clone()),
        _ => None,
    };
    let cluster = inventory.lock().cluster.clone();
    Ok(Finding::Mark { mark: mark_of(&found, &cluster), default_version })
}

/// The tags of a policy: one call, unless the inventory does not know the policy's ARN.
pub(super) async fn tags(act: &Act<'_>, name: &CloudName, inventory: &Mutex<Inventory>) -> Result<Finding, Fault> {
    let found = match policy_arn(act, name, inventory).await {
        Ok(Some(arn)) => policy_alone(act, &arn).await.map(|policy| Finding::Tags(policy.tags.unwrap_or_default())),
        Ok(None) => Ok(Finding::Absent),
        Err(refused) => Err(refused),
    };
    absent_or(found)
}

fn absent_or(found: Result<Finding, Refused>) -> Result<Finding, Fault> {
    match found {
        Err(refused) if refused.absent() => Ok(Finding::Absent),
        other => Ok(other?),
    }
}

async fn user_alone(act: &Act<'_>, name: &CloudName) -> Result<User, Refused> {
    let answer = act.send("GetUser", act.iam.get_user().user_name(name.as_str()).send()).await?;
    let user = answer.user.ok_or_else(|| empty(act, "GetUser"))?;
    Ok(User {
        name: CloudName::new(user.user_name),
        path: user.path,
        arn: user.arn,
        id: None,
        tags: shapes::tags(user.tags.unwrap_or_default()),
        profile: Default::default(),
        boundary: shapes::boundary(user.permissions_boundary),
        groups: Default::default(),
        attached: Default::default(),
        inline: Default::default(),
        keys: None,
        login: None,
    })
}

async fn user(act: &Act<'_>, name: &CloudName) -> Result<Finding, Refused> {
    let mut user = user_alone(act, name).await?;
    let name = name.as_str();
    user.groups = lists::groups_of(act, name).await?.into_iter().map(CloudName::new).collect();
    user.attached = lists::attached(act, ObjectKind::User, name).await?.into_iter().collect();
    for policy in lists::inline(act, ObjectKind::User, name).await? {
        let request = act.iam.get_user_policy().user_name(name).policy_name(&policy);
        let text = act.send("GetUserPolicy", request.send()).await?.policy_document;
        user.inline.insert(policy, shapes::document(&text).unwrap_or_else(shapes::unreadable));
    }
    Ok(Finding::User(user))
}

async fn group_alone(act: &Act<'_>, name: &CloudName) -> Result<Group, Refused> {
    let request = act.iam.get_group().group_name(name.as_str()).max_items(1);
    let answer = act.send("GetGroup", request.send()).await?;
    let group = answer.group.ok_or_else(|| empty(act, "GetGroup"))?;
    Ok(Group {
        name: CloudName::new(group.group_name),
        path: group.path,
        attached: Default::default(),
        inline: Default::default(),
    })
}

async fn group(act: &Act<'_>, name: &CloudName) -> Result<Finding, Refused> {
    let mut group = group_alone(act, name).await?;
    let name = name.as_str();
    group.attached = lists::attached(act, ObjectKind::Group, name).await?.into_iter().collect();
    for policy in lists::inline(act, ObjectKind::Group, name).await? {
        let request = act.iam.get_group_policy().group_name(name).policy_name(&policy);
        let text = act.send("GetGroupPolicy", request.send()).await?.policy_document;
        group.inline.insert(policy, shapes::document(&text).unwrap_or_else(shapes::unreadable));
    }
    Ok(Finding::Group(group))
}

/// Without document and old versions.
async fn policy_alone(act: &Act<'_>, arn: &str) -> Result<Policy, Refused> {
    let answer = act.send("GetPolicy", act.iam.get_policy().policy_arn(arn).send()).await?;
    let policy: types::Policy = answer.policy.ok_or_else(|| empty(act, "GetPolicy"))?;
    Ok(Policy {
        name: CloudName::new(policy.policy_name.unwrap_or_default()),
        path: policy.path.unwrap_or_default(),
        arn: arn.to_owned(),
        description: policy.description.unwrap_or_default(),
        tags: Some(shapes::tags(policy.tags.unwrap_or_default())),
        default_version: policy.default_version_id.unwrap_or_default(),
        old_versions: Vec::new(),
        document: None,
    })
}

async fn policy(act: &Act<'_>, name: &CloudName, inventory: &Mutex<Inventory>) -> Result<Finding, Refused> {
    let Some(arn) = policy_arn(act, name, inventory).await? else { return Ok(Finding::Absent) };
    let mut policy = policy_alone(act, &arn).await?;
    let request = act.iam.get_policy_version().policy_arn(&arn).version_id(&policy.default_version);
    let version = act.send("GetPolicyVersion", request.send()).await?.policy_version;
    policy.document = version.and_then(|version| version.document).as_deref().and_then(shapes::document);
    policy.old_versions = lists::old_versions(act, &arn).await?;
    Ok(Finding::Policy(policy))
}

/// The ARN of the customer's policy of that name. A name is unique in an account but may lie on any path, and only the
/// ARN names a policy: where the inventory knows none, all are listed.
async fn policy_arn(act: &Act<'_>, name: &CloudName, inventory: &Mutex<Inventory>) -> Result<Option<String>, Refused> {
    let known = {
        let inventory = inventory.lock();
        let ours = inventory.policies.get(name).map(|policy| &policy.arn);
        ours.or_else(|| inventory.others.get(&ObjectId::policy(name)).map(|stub| &stub.arn)).cloned()
    };
    if known.is_some() {
        return Ok(known);
    }
    let all = lists::policies(act, PolicyScopeType::Local).await?;
    Ok(all.into_iter().find(|(other, _)| CloudName::new(other.as_str()) == *name).map(|(_, arn)| arn))
}

pub(super) fn empty(act: &Act<'_>, operation: &str) -> Refused {
    Refused::odd(act.fault(crate::model::Class::Transient, operation, "AWS answered without the object"))
}
