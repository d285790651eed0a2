//! Roles: one function a call.

use std::collections::BTreeSet;

use parking_lot::Mutex;

use super::act::Act;
use super::refusal::Refused;
use super::{drain, kind, lists, read, shapes};
use crate::cloud::ownership::judge;
use crate::model::{Class, Effect, Fault, Finding, Inventory, ObjectId, ObjectKind, Role, RoleAction, Tags};
use crate::names::CloudName;
use crate::policy::Document;

pub(super) async fn carry_out(
    act: &Act<'_>,
    action: &RoleAction,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    match action {
        RoleAction::Create(role) => create(act, role, inventory).await,
        RoleAction::SetTrust { role, trust } => set_trust(act, role, trust).await,
        RoleAction::SetSession { role, seconds } => set_session(act, role, *seconds).await,
        RoleAction::Delete(role) => delete(act, role).await,
    }
}

async fn create(act: &Act<'_>, role: &Role, inventory: &Mutex<Inventory>) -> Result<Effect, Fault> {
    let Some(trust) = &role.trust else {
        return Err(act.fault(Class::Invalid, "CreateRole", "a role needs a trust policy"));
    };
    let request = act
        .iam
        .create_role()
        .role_name(role.name.as_str())
        .path(&role.path)
        .assume_role_policy_document(trust.to_json())
        .set_max_session_duration(role.session_seconds.and_then(|seconds| i32::try_from(seconds).ok()))
        .set_permissions_boundary(role.boundary.clone())
        .set_tags(shapes::sdk_tags(&role.tags));
    match act.send("CreateRole", request.send()).await {
        Ok(_) => Ok(Effect::Done),
        Err(refused) if refused.is("EntityAlreadyExists") => {
            let object = ObjectId::role(&role.name);
            let found = read::object(act, &object, inventory).await?;
            let cluster = inventory.lock().cluster.clone();
            judge("iam:CreateRole", kind(ObjectKind::Role), &object, role.mark().as_ref(), &cluster, found)
        }
        Err(refused) if refused.absent() => Err(super::users::no_boundary(act, "CreateRole", role.boundary.as_deref())),
        Err(refused) => Err(untrusted(act, "CreateRole", refused)),
    }
}

async fn set_trust(act: &Act<'_>, role: &CloudName, trust: &Document) -> Result<Effect, Fault> {
    let request = act.iam.update_assume_role_policy().role_name(role.as_str()).policy_document(trust.to_json());
    match act.send("UpdateAssumeRolePolicy", request.send()).await {
        Ok(_) => Ok(Effect::Done),
        Err(refused) => Err(untrusted(act, "UpdateAssumeRolePolicy", refused)),
    }
}

/// A trust policy names providers, which must exist. What it says is ours: nothing else in it can be wrong.
fn untrusted(act: &Act<'_>, operation: &'static str, refused: Refused) -> Fault {
    if !refused.is("MalformedPolicyDocument") {
        return refused.into();
    }
    let message = format!(
        "a provider that it shall trust does not exist in the account ({}). Check the ARNs of assumableBy and of the CloudAccount's oidcProvider",
        refused.message
    );
    act.fault(Class::Invalid, operation, message)
}

async fn set_session(act: &Act<'_>, role: &CloudName, seconds: i64) -> Result<Effect, Fault> {
    let request = act.iam.update_role().role_name(role.as_str()).set_max_session_duration(i32::try_from(seconds).ok());
    act.send("UpdateRole", request.send()).await?;
    Ok(Effect::Done)
}

/// Deletes a role, with the policies that stand in the way. One that somebody put into an instance profile stays until
/// it is taken out there: a right to do that would reach beyond our paths.
async fn delete(act: &Act<'_>, name: &CloudName) -> Result<Effect, Fault> {
    let delete = || act.iam.delete_role().role_name(name.as_str());
    match act.send("DeleteRole", delete().send()).await {
        Err(refused) if refused.is("DeleteConflict") => {
            drain::role(act, name).await?;
            act.remove("DeleteRole", delete().send()).await
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
) -> Result<Effect, Fault> {
    if let Some(tags) = shapes::sdk_tags(set) {
        act.send("TagRole", act.iam.tag_role().role_name(name.as_str()).set_tags(Some(tags)).send()).await?;
    }
    if !unset.is_empty() {
        let keys = unset.iter().cloned().collect();
        let request = act.iam.untag_role().role_name(name.as_str()).set_tag_keys(Some(keys));
        act.send("UntagRole", request.send()).await?;
    }
    Ok(Effect::Done)
}

pub(super) async fn set_boundary(act: &Act<'_>, name: &CloudName, boundary: Option<&str>) -> Result<Effect, Fault> {
    let Some(arn) = boundary else {
        let request = act.iam.delete_role_permissions_boundary().role_name(name.as_str());
        return act.remove("DeleteRolePermissionsBoundary", request.send()).await;
    };
    let request = act.iam.put_role_permissions_boundary().role_name(name.as_str()).permissions_boundary(arn);
    match act.send("PutRolePermissionsBoundary", request.send()).await {
        Ok(_) => Ok(Effect::Done),
        Err(refused) if refused.absent() && refused.message.contains(arn) => {
            Err(super::users::no_boundary(act, "PutRolePermissionsBoundary", boundary))
        }
        Err(refused) => Err(refused.into()),
    }
}

/// A role without what hangs on it.
pub(super) async fn read_alone(act: &Act<'_>, name: &CloudName) -> Result<Role, Refused> {
    let answer = act.send("GetRole", act.iam.get_role().role_name(name.as_str()).send()).await?;
    let role = answer.role.ok_or_else(|| read::empty(act, "GetRole"))?;
    Ok(Role {
        name: CloudName::new(role.role_name),
        path: role.path,
        arn: role.arn,
        tags: shapes::tags(role.tags.unwrap_or_default()),
        trust: role.assume_role_policy_document.as_deref().and_then(shapes::document),
        session_seconds: role.max_session_duration.map(i64::from),
        boundary: shapes::boundary(role.permissions_boundary),
        attached: Default::default(),
        inline: Default::default(),
    })
}

pub(super) async fn read_whole(act: &Act<'_>, name: &CloudName) -> Result<Finding, Refused> {
    let mut role = read_alone(act, name).await?;
    let name = name.as_str();
    role.attached = lists::attached(act, ObjectKind::Role, name).await?.into_iter().collect();
    for policy in lists::inline(act, ObjectKind::Role, name).await? {
        let request = act.iam.get_role_policy().role_name(name).policy_name(&policy);
        let text = act.send("GetRolePolicy", request.send()).await?.policy_document;
        role.inline.insert(policy, shapes::document(&text).unwrap_or_else(shapes::unreadable));
    }
    Ok(Finding::Role(role))
}
