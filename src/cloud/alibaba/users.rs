//! Users: one function a call. They are IMS's, which puts tags on in the call that makes them.

use std::collections::BTreeSet;

use parking_lot::Mutex;

use super::act::Act;
use super::call::Call;
use super::{Alibaba, drain, kind, read};
use crate::cloud::ownership::judge;
use crate::model::{Effect, Fault, Inventory, ObjectId, ObjectKind, Profile, Tags, User};
use crate::names::CloudName;

pub(super) async fn create(
    cloud: &Alibaba,
    act: &Act<'_>,
    user: &User,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    let email = Some(&user.profile.email).filter(|email| !email.is_empty());
    let call = Call::ims("CreateUser")
        .with("UserPrincipalName", cloud.principal(&user.name).await?)
        .with("DisplayName", &user.profile.display_name)
        .with_some("Email", email)
        .flat_tags(&user.tags);
    match act.send(call).await {
        Ok(answer) => Ok(answer["User"]["UserId"].as_str().map_or(Effect::Done, |id| Effect::Id(id.to_owned()))),
        Err(refused) if refused.exists() => {
            let object = ObjectId::user(&user.name);
            let found = read::object(cloud, act, &object, inventory).await?;
            let cluster = inventory.lock().cluster.clone();
            judge("ram:CreateUser", kind(ObjectKind::User), &object, user.mark().as_ref(), &cluster, found)
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Deletes a user, with what stands in the way and is not in the inventory.
pub(super) async fn delete(
    cloud: &Alibaba,
    act: &Act<'_>,
    name: &CloudName,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    let id = inventory.lock().users.get(name).and_then(|user| user.id.clone());
    let call = || Call::ram("DeleteUser").with("UserName", name);
    match act.send(call()).await {
        Err(refused) if refused.conflict() => {
            read::still_ours(cloud, act, &ObjectId::user(name), inventory).await?;
            drain::user(act, name, inventory).await?;
            act.remove(call()).await?;
        }
        Err(refused) if !refused.absent() => return Err(refused.into()),
        _ => {}
    }
    if let Some(id) = id.filter(|_| cloud.empty_recycle_bin) {
        empty_bin(act, &id).await?;
    }
    Ok(Effect::Done)
}

/// Deletes a deleted user for good: this one, and nobody who had its name before.
async fn empty_bin(act: &Act<'_>, id: &str) -> Result<(), Fault> {
    act.remove(Call::ims("DeleteUserInRecycleBin").with("UserId", id)).await.map(drop)
}

/// Shows a user in another way. Both fields are sent: an empty address takes the one that is there away.
pub(super) async fn set_profile(
    cloud: &Alibaba,
    act: &Act<'_>,
    name: &CloudName,
    profile: &Profile,
) -> Result<Effect, Fault> {
    let call = Call::ims("UpdateUser")
        .with("UserPrincipalName", cloud.principal(name).await?)
        .with("NewDisplayName", &profile.display_name)
        .with("NewEmail", &profile.email);
    act.send(call).await?;
    Ok(Effect::Done)
}

pub(super) async fn set_tags(
    cloud: &Alibaba,
    act: &Act<'_>,
    name: &CloudName,
    set: &Tags,
    unset: &BTreeSet<String>,
) -> Result<Effect, Fault> {
    let principal = cloud.principal(name).await?;
    let of_user = |action| Call::ims(action).with("ResourceType", "user").with("ResourcePrincipalName.1", &principal);
    if !set.is_empty() {
        act.send(of_user("TagResources").flat_tags(set)).await?;
    }
    if !unset.is_empty() {
        let numbered = unset.iter().enumerate();
        let call = numbered
            .fold(of_user("UntagResources"), |call, (index, key)| call.with(format!("TagKey.{}", index + 1), key));
        act.send(call).await?;
    }
    Ok(Effect::Done)
}
