//! Groups and who is in them: one function a call. RAM has no tags on groups, so a group's comment is its mark.

use parking_lot::Mutex;

use super::act::Act;
use super::call::Call;
use super::{Alibaba, drain, kind, read};
use crate::cloud::ownership::judge;
use crate::model::{Class, Effect, Fault, Group, Inventory, ObjectId, ObjectKind};
use crate::names::{CloudName, group_comment};

pub(super) async fn create(
    cloud: &Alibaba,
    act: &Act<'_>,
    group: &Group,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    let call = Call::ram("CreateGroup").with("GroupName", &group.name).with("Comments", group_comment(&group.path));
    match act.send(call).await {
        Ok(_) => Ok(Effect::Done),
        Err(refused) if refused.exists() => {
            let object = ObjectId::group(&group.name);
            let found = read::object(cloud, act, &object, inventory).await?;
            let cluster = inventory.lock().cluster.clone();
            let wanted = group.mark(&cluster);
            judge("ram:CreateGroup", kind(ObjectKind::Group), &object, wanted.as_ref(), &cluster, found)
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Deletes a group, with the members and policies that stand in the way.
pub(super) async fn delete(
    cloud: &Alibaba,
    act: &Act<'_>,
    name: &CloudName,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    let call = || Call::ram("DeleteGroup").with("GroupName", name);
    match act.send(call()).await {
        Err(refused) if refused.conflict() => {
            read::still_ours(cloud, act, &ObjectId::group(name), inventory).await?;
            drain::group(act, name).await?;
            act.remove(call()).await
        }
        Err(refused) if !refused.absent() => Err(refused.into()),
        _ => Ok(Effect::Done),
    }
}

/// Marks a group as another path would on AWS.
pub(super) async fn set_path(act: &Act<'_>, name: &CloudName, path: &str) -> Result<Effect, Fault> {
    act.send(Call::ram("UpdateGroup").with("GroupName", name).with("NewComments", group_comment(path))).await?;
    Ok(Effect::Done)
}

pub(super) fn set_tags(act: &Act<'_>) -> Result<Effect, Fault> {
    Err(act.fault(Class::Invalid, "ram:TagResources", "groups have no tags on Alibaba Cloud"))
}

pub(super) async fn add_member(act: &Act<'_>, group: &CloudName, user: &CloudName) -> Result<Effect, Fault> {
    act.join(Call::ram("AddUserToGroup").with("GroupName", group).with("UserName", user)).await?;
    Ok(Effect::Done)
}

pub(super) async fn remove_member(act: &Act<'_>, group: &CloudName, user: &CloudName) -> Result<Effect, Fault> {
    act.remove(Call::ram("RemoveUserFromGroup").with("GroupName", group).with("UserName", user)).await
}
