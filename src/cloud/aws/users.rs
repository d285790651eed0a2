//! Users: one function a call.

use std::collections::BTreeSet;

use parking_lot::Mutex;

use super::act::Act;
use super::{drain, kind, read, shapes};
use crate::cloud::ownership::judge;
use crate::model::{Class, Effect, Fault, Inventory, ObjectId, ObjectKind, Tags, User};
use crate::names::CloudName;

pub(super) async fn create(act: &Act<'_>, user: &User, inventory: &Mutex<Inventory>) -> Result<Effect, Fault> {
    let request = act
        .iam
        .create_user()
        .user_name(user.name.as_str())
        .path(&user.path)
        .set_permissions_boundary(user.boundary.clone())
        .set_tags(shapes::sdk_tags(&user.tags));
    match act.send("CreateUser", request.send()).await {
        Ok(_) => Ok(Effect::Done),
        Err(refused) if refused.is("EntityAlreadyExists") => {
            let object = ObjectId::user(&user.name);
            let found = read::object(act, &object, inventory).await?;
            let cluster = inventory.lock().cluster.clone();
            judge("iam:CreateUser", kind(ObjectKind::User), &object, user.mark().as_ref(), &cluster, found)
        }
        Err(refused) if refused.absent() => Err(no_boundary(act, "CreateUser", user.boundary.as_deref())),
        Err(refused) => Err(refused.into()),
    }
}

/// Deletes a user. What hangs on it and was not known is removed when AWS says that something does.
pub(super) async fn delete(act: &Act<'_>, name: &CloudName) -> Result<Effect, Fault> {
    let name = name.as_str();
    if let Some(effect) = try_delete(act, name).await? {
        return Ok(effect);
    }
    drain::user(act, name).await?;
    if let Some(effect) = try_delete(act, name).await? {
        return Ok(effect);
    }
    drain::rare_credentials(act, name).await?;
    match act.send("DeleteUser", act.iam.delete_user().user_name(name).send()).await {
        Ok(_) => Ok(Effect::Done),
        Err(refused) if refused.absent() => Ok(Effect::Done),
        Err(refused) => Err(refused.into()),
    }
}

/// None where something still hangs on the user.
async fn try_delete(act: &Act<'_>, name: &str) -> Result<Option<Effect>, Fault> {
    match act.send("DeleteUser", act.iam.delete_user().user_name(name).send()).await {
        Ok(_) => Ok(Some(Effect::Done)),
        Err(refused) if refused.absent() => Ok(Some(Effect::Done)),
        Err(refused) if refused.is("DeleteConflict") => Ok(None),
        Err(refused) => Err(refused.into()),
    }
}

pub(super) async fn set_tags(
    act: &Act<'_>,
    name: &CloudName,
    set: &Tags,
    unset: &BTreeSet<String>,
) -> Result<Effect, Fault> {
    if let Some(tags) = shapes::sdk_tags(set) {
        act.send("TagUser", act.iam.tag_user().user_name(name.as_str()).set_tags(Some(tags)).send()).await?;
    }
    if !unset.is_empty() {
        let keys = unset.iter().cloned().collect();
        let request = act.iam.untag_user().user_name(name.as_str()).set_tag_keys(Some(keys));
        act.send("UntagUser", request.send()).await?;
    }
    Ok(Effect::Done)
}

pub(super) async fn set_boundary(act: &Act<'_>, name: &CloudName, boundary: Option<&str>) -> Result<Effect, Fault> {
    let Some(arn) = boundary else {
        let request = act.iam.delete_user_permissions_boundary().user_name(name.as_str());
        return act.remove("DeleteUserPermissionsBoundary", request.send()).await;
    };
    let request = act.iam.put_user_permissions_boundary().user_name(name.as_str()).permissions_boundary(arn);
    match act.send("PutUserPermissionsBoundary", request.send()).await {
        Ok(_) => Ok(Effect::Done),
        Err(refused) if refused.absent() && refused.message.contains(arn) => {
            Err(no_boundary(act, "PutUserPermissionsBoundary", boundary))
        }
        Err(refused) => Err(refused.into()),
    }
}

pub(super) fn no_boundary(act: &Act<'_>, operation: &str, arn: Option<&str>) -> Fault {
    let message = format!(
        "the permissions boundary {} does not exist. Make that policy, or name another in the CloudAccount",
        arn.unwrap_or_default()
    );
    act.fault(Class::Invalid, operation, message)
}
