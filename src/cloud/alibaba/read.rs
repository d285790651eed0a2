//! Live reads of one object: whole, or only its mark.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;

use super::act::Act;
use super::call::Call;
use super::refusal::Refused;
use super::{Alibaba, kind, lists, notebooks, policies, roles, shapes, workspaces};
use crate::cloud::ownership::{mark_of, not_owned};
use crate::model::{Class, Fault, Finding, Group, Inventory, ObjectId, ObjectKind, Policy, User};
use crate::names::{CloudName, ClusterId, inline_of_description};
use crate::policy::Document;

/// One object, whole. A user and a role cost 3 calls, a group and a policy 2, and each inline policy one.
pub(super) async fn object(
    cloud: &Alibaba,
    act: &Act<'_>,
    object: &ObjectId,
    inventory: &Mutex<Inventory>,
) -> Result<Finding, Fault> {
    let cluster = inventory.lock().cluster.clone();
    let found = match object.kind {
        ObjectKind::User => user(cloud, act, &object.name, &cluster).await,
        ObjectKind::Group => group(cloud, act, &object.name, &cluster).await,
        ObjectKind::Policy => policy(cloud, act, &object.name).await.map(Finding::Policy),
        ObjectKind::Notebook => notebooks::one(act, &object.name, inventory).await,
        ObjectKind::Role => role(cloud, act, &object.name, &cluster).await,
        ObjectKind::MaxCompute => Ok(Finding::Absent),
        ObjectKind::Workspace => workspaces::one(act, &object.name, inventory).await,
    };
    absent_or(found)
}

/// Whose an object is, and of a policy which version is in force: one call, of a policy or role two.
pub(super) async fn mark(
    cloud: &Alibaba,
    act: &Act<'_>,
    object: &ObjectId,
    inventory: &Mutex<Inventory>,
) -> Result<Finding, Fault> {
    let found = match object.kind {
        ObjectKind::User => user_alone(cloud, act, &object.name).await.map(Finding::User),
        ObjectKind::Group => group_alone(act, &object.name).await.map(Finding::Group),
        ObjectKind::Policy => policy(cloud, act, &object.name).await.map(Finding::Policy),
        ObjectKind::Notebook => notebooks::one(act, &object.name, inventory).await,
        ObjectKind::Role => roles::read_alone(cloud, act, &object.name).await.map(Finding::Role),
        ObjectKind::MaxCompute => Ok(Finding::Absent),
        ObjectKind::Workspace => workspaces::one(act, &object.name, inventory).await,
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

/// Before what hangs on an object is taken away unseen: whether the object is, live, still whose it was known to be.
pub(super) async fn still_ours(
    cloud: &Alibaba,
    act: &Act<'_>,
    object: &ObjectId,
    inventory: &Mutex<Inventory>,
) -> Result<(), Fault> {
    let found = mark(cloud, act, object, inventory).await?;
    let inventory = inventory.lock();
    match found {
        Finding::Mark { mark, .. } if mark != inventory.mark(object) => {
            Err(not_owned("compare", kind(object.kind), object, mark.as_ref(), &inventory.cluster))
        }
        _ => Ok(()),
    }
}

/// The tags of a policy: one call.
pub(super) async fn tags(act: &Act<'_>, name: &CloudName) -> Result<Finding, Fault> {
    absent_or(lists::tags_of(act, "policy", name.as_str()).await.map(Finding::Tags))
}

pub(super) fn absent_or(found: Result<Finding, Refused>) -> Result<Finding, Fault> {
    match found {
        Err(refused) if refused.absent() => Ok(Finding::Absent),
        other => Ok(other?),
    }
}

pub(super) fn empty(act: &Act<'_>, action: &str) -> Refused {
    Refused::odd(act.fault(Class::Transient, action, "Alibaba Cloud answered without the object"))
}

async fn user_alone(cloud: &Alibaba, act: &Act<'_>, name: &CloudName) -> Result<User, Refused> {
    let principal = cloud.principal(name).await.map_err(Refused::odd)?;
    let answer = act.send(Call::ims("GetUser").with("UserPrincipalName", principal)).await?;
    shapes::user(&cloud.identity.account, &answer["User"]).ok_or_else(|| empty(act, "ram:GetUser"))
}

async fn user(cloud: &Alibaba, act: &Act<'_>, name: &CloudName, cluster: &ClusterId) -> Result<Finding, Refused> {
    let mut user = user_alone(cloud, act, name).await?;
    user.groups = lists::groups_of(act, name.as_str()).await?.into_iter().map(CloudName::new).collect();
    (user.attached, user.inline) = edges(cloud, act, &ObjectId::user(name), cluster).await?;
    Ok(Finding::User(user))
}

async fn group_alone(act: &Act<'_>, name: &CloudName) -> Result<Group, Refused> {
    let answer = act.send(Call::ram("GetGroup").with("GroupName", name)).await?;
    shapes::group(&answer["Group"]).ok_or_else(|| empty(act, "ram:GetGroup"))
}

async fn group(cloud: &Alibaba, act: &Act<'_>, name: &CloudName, cluster: &ClusterId) -> Result<Finding, Refused> {
    let mut group = group_alone(act, name).await?;
    (group.attached, group.inline) = edges(cloud, act, &ObjectId::group(name), cluster).await?;
    Ok(Finding::Group(group))
}

async fn role(cloud: &Alibaba, act: &Act<'_>, name: &CloudName, cluster: &ClusterId) -> Result<Finding, Refused> {
    let mut role = roles::read_alone(cloud, act, name).await?;
    (role.attached, role.inline) = edges(cloud, act, &ObjectId::role(name), cluster).await?;
    Ok(Finding::Role(role))
}

/// What is attached: policies by ARN, and those that stand for inline ones by their names, with what they say.
async fn edges(
    cloud: &Alibaba,
    act: &Act<'_>,
    of: &ObjectId,
    cluster: &ClusterId,
) -> Result<(BTreeSet<String>, BTreeMap<String, Document>), Refused> {
    let (mut attached, mut inline) = (BTreeSet::new(), BTreeMap::new());
    for policy in lists::attached(act, of).await? {
        match inline_of_description(cluster, shapes::text(&policy, "Description")) {
            Some(name) if policy["PolicyType"] != "System" => {
                let answer = act.send(policies::get_call(&CloudName::new(shapes::text(&policy, "PolicyName")))).await?;
                // One that cannot be read never equals what is wanted, and has its name, by which it is removed.
                let document = shapes::document(&answer).unwrap_or_else(|| Document::ram(Vec::new()));
                // Two under one name (a death came between putting the new one on and taking the old one off) are as
                // little what is wanted.
                let is_second = inline.contains_key(name);
                inline.insert(name.to_owned(), if is_second { Document::ram(Vec::new()) } else { document });
            }
            _ => drop(attached.insert(shapes::attached_arn(&cloud.identity.account, &policy))),
        }
    }
    Ok((attached, inline))
}

async fn policy(cloud: &Alibaba, act: &Act<'_>, name: &CloudName) -> Result<Policy, Refused> {
    let answer = act.send(policies::get_call(name)).await?;
    let tags = lists::tags_of(act, "policy", name.as_str()).await?;
    let policy = shapes::policy(&cloud.identity.account, &answer["Policy"], Some(tags));
    let policy = policy.ok_or_else(|| empty(act, "ram:GetPolicy"))?;
    Ok(Policy { document: shapes::document(&answer), ..policy })
}
