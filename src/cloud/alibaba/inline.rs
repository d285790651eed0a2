//! What stands for inline policies, which RAM does not have: a policy named for what it says, attached to all for whom
//! it says that, and deleted with its last attachment.

use parking_lot::Mutex;

use super::act::Act;
use super::policies::{self, Verb, edge_call};
use super::{Alibaba, kind, lists, read, shapes};
use crate::cloud::ownership::not_owned;
use crate::model::{Effect, Fault, Inventory, ObjectId, ObjectKind, Tags};
use crate::names::{
    CloudName, ClusterId, SUSPENDED_POLICY, TAG_CLUSTER, inline_description, inline_of_description, inline_policy,
};
use crate::policy::Document;

/// Puts one in force. Where somebody is known to have it it is only attached: a call each for all but the first. Else it is
/// made, or read: under its name anybody may have made something else.
pub(super) async fn put(
    cloud: &Alibaba,
    act: &Act<'_>,
    of: &ObjectId,
    name: &str,
    document: &Document,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    let (cluster, differs, somebody_has_it) = {
        let inventory = inventory.lock();
        let users = inventory.users.get(&of.name).map(|user| &user.inline);
        let known = match of.kind {
            ObjectKind::Group => inventory.groups.get(&of.name).map(|group| &group.inline),
            ObjectKind::Role => inventory.roles.get(&of.name).map(|role| &role.inline),
            _ => users,
        };
        let differs = known.is_some_and(|inline| inline.contains_key(name));
        (inventory.cluster.clone(), differs, inventory.has_inline(name, document))
    };
    let policy = inline_policy(&cluster, name, &document.to_json());
    let attach = || edge_call(Verb::Attach, of, policy.as_str(), false);
    if differs {
        // Somebody changed it, or it shall say something else.
        make(act, &cluster, &policy, name, document).await?;
        match policies::attach_new(act, attach).await {
            // There is no place for both.
            Err(refused) if refused.code.starts_with("LimitExceeded") => {
                drop_others(act, &cluster, of, name, Some(&policy)).await?;
                policies::attach_new(act, attach).await?;
            }
            attached => {
                attached?;
                drop_others(act, &cluster, of, name, Some(&policy)).await?;
            }
        }
        return Ok(Effect::Done);
    }
    let mut attached = Ok(());
    if somebody_has_it {
        attached = act.join(attach()).await;
    }
    if !somebody_has_it || matches!(&attached, Err(refused) if refused.is("EntityNotExist.Policy")) {
        make(act, &cluster, &policy, name, document).await?;
        attached = policies::attach_new(act, attach).await;
    }
    match attached {
        Err(refused) if refused.code.starts_with("LimitExceeded") && name == SUSPENDED_POLICY => {
            make_room(act, &cluster, of).await?;
            policies::attach_new(act, attach).await?;
            Ok(Effect::Found(Box::new(read::object(cloud, act, of, inventory).await?)))
        }
        other => Ok(other.map(|()| Effect::Done)?),
    }
}

/// Takes one policy off that gives something, for a Deny of everything that finds no place: what it gave comes back when
/// the Deny goes.
async fn make_room(act: &Act<'_>, cluster: &ClusterId, of: &ObjectId) -> Result<(), Fault> {
    let attached = lists::attached(act, of).await?;
    let gives = |policy: &&serde_json::Value| {
        policy["PolicyType"] != "System"
            && inline_of_description(cluster, shapes::text(policy, "Description")).is_none()
    };
    if let Some(policy) = attached.iter().find(gives) {
        act.remove(edge_call(Verb::Detach, of, shapes::text(policy, "PolicyName"), false)).await?;
    }
    Ok(())
}

/// Makes the policy; one that is there and says something else gets another version.
async fn make(
    act: &Act<'_>,
    cluster: &ClusterId,
    policy: &CloudName,
    name: &str,
    document: &Document,
) -> Result<(), Fault> {
    let tags = Tags::from([(TAG_CLUSTER.to_owned(), cluster.to_string())]);
    let create = policies::create_call(policy, &inline_description(cluster, name), document, &tags);
    match act.send(create).await {
        Err(refused) if refused.exists() => {
            let answer = act.send(policies::get_call(policy)).await?;
            let whose = shapes::text(&answer["Policy"], "Description");
            if inline_of_description(cluster, whose) != Some(name) {
                let object = ObjectId::policy(policy);
                return Err(not_owned("ram:CreatePolicy", kind(ObjectKind::Policy), &object, None, cluster));
            }
            if !shapes::document(&answer).is_some_and(|there| there.same_meaning(document)) {
                policies::new_version(act, policy, document).await?;
            }
            Ok(())
        }
        Err(refused) => Err(refused.into()),
        Ok(_) => Ok(()),
    }
}

pub(super) async fn delete(
    act: &Act<'_>,
    of: &ObjectId,
    name: &str,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    let cluster = inventory.lock().cluster.clone();
    drop_others(act, &cluster, of, name, None).await?;
    Ok(Effect::Done)
}

/// Detaches what is attached under that name, but for `kept`.
async fn drop_others(
    act: &Act<'_>,
    cluster: &ClusterId,
    of: &ObjectId,
    name: &str,
    kept: Option<&CloudName>,
) -> Result<(), Fault> {
    let attached = match lists::attached(act, of).await {
        Err(refused) if refused.absent() => return Ok(()),
        other => other?,
    };
    for policy in attached {
        let its = inline_of_description(cluster, shapes::text(&policy, "Description")) == Some(name);
        let policy = CloudName::new(shapes::text(&policy, "PolicyName"));
        if its && kept != Some(&policy) {
            act.remove(edge_call(Verb::Detach, of, policy.as_str(), false)).await?;
            discard(act, &policy).await?;
        }
    }
    Ok(())
}

/// Deletes the policy unless somebody else has it.
pub(super) async fn discard(act: &Act<'_>, policy: &CloudName) -> Result<(), Fault> {
    match act.send(policies::delete_call(policy)).await {
        Err(refused) if !refused.absent() && !refused.conflict() => Err(refused.into()),
        _ => Ok(()),
    }
}
