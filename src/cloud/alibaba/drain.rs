//! What stands in the way of a deletion and is not in the inventory: things that people added by hand, listed and
//! removed after a `DeleteConflict`. Order: what gives access first.

use parking_lot::Mutex;

use super::act::Act;
use super::call::Call;
use super::policies::{Verb, edge_call};
use super::{inline, lists, shapes};
use crate::model::{Fault, Inventory, ObjectId};
use crate::names::{CloudName, inline_of_description};

/// Removes a user's keys, console login, memberships, policies and MFA device.
pub(super) async fn user(act: &Act<'_>, user: &CloudName, inventory: &Mutex<Inventory>) -> Result<(), Fault> {
    let of_user = |action| Call::ram(action).with("UserName", user);
    for key in lists::keys(act, user.as_str()).await? {
        if key.active {
            let off = of_user("UpdateAccessKey").with("UserAccessKeyId", &key.id).with("Status", "Inactive");
            act.remove(off).await?;
        }
        act.remove(of_user("DeleteAccessKey").with("UserAccessKeyId", &key.id)).await?;
    }
    act.remove(of_user("DeleteLoginProfile")).await?;
    for group in lists::groups_of(act, user.as_str()).await? {
        act.remove(of_user("RemoveUserFromGroup").with("GroupName", group)).await?;
    }
    policies_with_inline(act, &ObjectId::user(user), inventory).await?;
    act.remove(of_user("UnbindMFADevice")).await?;
    Ok(())
}

/// Removes a role's policies.
pub(super) async fn role(act: &Act<'_>, role: &CloudName, inventory: &Mutex<Inventory>) -> Result<(), Fault> {
    policies_with_inline(act, &ObjectId::role(role), inventory).await
}

/// Detaches all policies, and deletes those that stand for inline ones and nobody else has.
async fn policies_with_inline(act: &Act<'_>, of: &ObjectId, inventory: &Mutex<Inventory>) -> Result<(), Fault> {
    let cluster = inventory.lock().cluster.clone();
    for (policy, description) in policies_of(act, of).await? {
        if inline_of_description(&cluster, &description).is_some() {
            inline::discard(act, &policy).await?;
        }
    }
    Ok(())
}

/// Removes a group's members and policies.
pub(super) async fn group(act: &Act<'_>, group: &CloudName) -> Result<(), Fault> {
    for user in lists::members(act, group.as_str()).await? {
        act.remove(Call::ram("RemoveUserFromGroup").with("GroupName", group).with("UserName", user)).await?;
    }
    policies_of(act, &ObjectId::group(group)).await?;
    Ok(())
}

/// Detaches all policies and says which customer's ones they were, with their descriptions.
async fn policies_of(act: &Act<'_>, of: &ObjectId) -> Result<Vec<(CloudName, String)>, Fault> {
    let mut customers = Vec::new();
    for policy in lists::attached(act, of).await? {
        let (name, system) = (shapes::text(&policy, "PolicyName"), policy["PolicyType"] == "System");
        act.remove(edge_call(Verb::Detach, of, name, system)).await?;
        if !system {
            customers.push((CloudName::new(name), shapes::text(&policy, "Description").to_owned()));
        }
    }
    Ok(customers)
}

/// Detaches a policy from everyone.
pub(super) async fn policy(act: &Act<'_>, name: &CloudName) -> Result<(), Fault> {
    let call = Call::ram("ListEntitiesForPolicy").with("PolicyName", name).with("PolicyType", "Custom");
    let holders = act.send(call).await?;
    let names = |outer: &str, inner: &str, field: &str| -> Vec<String> {
        let all = holders[outer][inner].as_array().into_iter().flatten();
        all.map(|holder| shapes::text(holder, field).to_owned()).collect()
    };
    for user in names("Users", "User", "UserName") {
        act.remove(edge_call(Verb::Detach, &ObjectId::user(&CloudName::new(user)), name.as_str(), false)).await?;
    }
    for group in names("Groups", "Group", "GroupName") {
        act.remove(edge_call(Verb::Detach, &ObjectId::group(&CloudName::new(group)), name.as_str(), false)).await?;
    }
    for role in names("Roles", "Role", "RoleName") {
        act.remove(edge_call(Verb::Detach, &ObjectId::role(&CloudName::new(role)), name.as_str(), false)).await?;
    }
    Ok(())
}
