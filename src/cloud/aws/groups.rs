//! Groups and who is in them: one function a call.

use parking_lot::Mutex;

use super::act::Act;
use super::{drain, kind, read};
use crate::cloud::ownership::judge;
use crate::model::{Class, Effect, Fault, Group, Inventory, ObjectId, ObjectKind};
use crate::names::CloudName;

pub(super) async fn create(act: &Act<'_>, group: &Group, inventory: &Mutex<Inventory>) -> Result<Effect, Fault> {
    let request = act.iam.create_group().group_name(group.name.as_str()).path(&group.path);
    match act.send("CreateGroup", request.send()).await {
        Ok(_) => Ok(Effect::Done),
        Err(refused) if refused.is("EntityAlreadyExists") => {
            let object = ObjectId::group(&group.name);
            let found = read::object(act, &object, inventory).await?;
            let cluster = inventory.lock().cluster.clone();
            let wanted = group.mark(&cluster);
            judge("iam:CreateGroup", kind(ObjectKind::Group), &object, wanted.as_ref(), &cluster, found)
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Deletes a group, with the members and policies that stand in the way.
pub(super) async fn delete(act: &Act<'_>, name: &CloudName) -> Result<Effect, Fault> {
    let name = name.as_str();
    match act.send("DeleteGroup", act.iam.delete_group().group_name(name).send()).await {
        Err(refused) if refused.is("DeleteConflict") => {
            drain::group(act, name).await?;
            act.remove("DeleteGroup", act.iam.delete_group().group_name(name).send()).await
        }
        Err(refused) if !refused.absent() => Err(refused.into()),
        _ => Ok(Effect::Done),
    }
}

/// Gives a group another path. IAM asks for the right to both, the old one and the new.
pub(super) async fn set_path(act: &Act<'_>, name: &CloudName, path: &str) -> Result<Effect, Fault> {
    let request = act.iam.update_group().group_name(name.as_str()).new_path(path);
    act.send("UpdateGroup", request.send()).await?;
    Ok(Effect::Done)
}

/// IAM has no tags on groups.
pub(super) fn set_tags(act: &Act<'_>) -> Result<Effect, Fault> {
    Err(act.fault(Class::Invalid, "TagGroup", "groups have no tags on AWS"))
}

pub(super) async fn add_member(act: &Act<'_>, group: &CloudName, user: &CloudName) -> Result<Effect, Fault> {
    let request = act.iam.add_user_to_group().group_name(group.as_str()).user_name(user.as_str());
    act.send("AddUserToGroup", request.send()).await?;
    Ok(Effect::Done)
}

pub(super) async fn remove_member(act: &Act<'_>, group: &CloudName, user: &CloudName) -> Result<Effect, Fault> {
    let request = act.iam.remove_user_from_group().group_name(group.as_str()).user_name(user.as_str());
    act.remove("RemoveUserFromGroup", request.send()).await
}
