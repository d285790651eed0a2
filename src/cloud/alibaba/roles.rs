//! Roles: one function a call. What they carry hangs on them as on users ([`super::policies`], [`super::inline`]).

use std::collections::BTreeSet;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::act::Act;
use super::call::Call;
use super::policies::json_tags;
use super::refusal::Refused;
use super::{Alibaba, drain, kind, lists, read, shapes};
use crate::cloud::ownership::judge;
use crate::model::{Class, Effect, Fault, Inventory, ObjectId, ObjectKind, Role, RoleAction, Tags};
use crate::names::CloudName;
use crate::policy::Document;

pub(super) async fn carry_out(
    cloud: &Alibaba,
    act: &Act<'_>,
    action: &RoleAction,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    match action {
        RoleAction::Create(role) => create(cloud, act, role, inventory).await,
        RoleAction::SetTrust { role, trust } => {
            update(act, update_call(role).with("NewAssumeRolePolicyDocument", trust.to_json())).await
        }
        RoleAction::SetSession { role, seconds } => {
            update(act, update_call(role).with("NewMaxSessionDuration", seconds)).await
        }
        RoleAction::Delete(role) => delete(act, role, inventory).await,
    }
}

async fn create(cloud: &Alibaba, act: &Act<'_>, role: &Role, inventory: &Mutex<Inventory>) -> Result<Effect, Fault> {
    let Some(trust) = &role.trust else {
        return Err(act.fault(Class::Invalid, "ram:CreateRole", "a role needs a trust policy"));
    };
    let call = Call::ram("CreateRole")
        .with("RoleName", &role.name)
        .with("AssumeRolePolicyDocument", trust.to_json())
        .with_some("MaxSessionDuration", role.session_seconds)
        .with("Tag", json_tags(&role.tags));
    match act.send(call).await {
        Ok(_) => Ok(Effect::Done),
        Err(refused) if refused.exists() => {
            let object = ObjectId::role(&role.name);
            let found = read::object(cloud, act, &object, inventory).await?;
            let cluster = inventory.lock().cluster.clone();
            judge("ram:CreateRole", kind(ObjectKind::Role), &object, role.mark().as_ref(), &cluster, found)
        }
        Err(refused) => Err(refused.into()),
    }
}

fn update_call(role: &CloudName) -> Call {
    Call::ram("UpdateRole").with("RoleName", role)
}

async fn update(act: &Act<'_>, call: Call) -> Result<Effect, Fault> {
    act.send(call).await?;
    Ok(Effect::Done)
}

/// Deletes a role, with the policies that stand in the way.
async fn delete(act: &Act<'_>, name: &CloudName, inventory: &Mutex<Inventory>) -> Result<Effect, Fault> {
    let call = || Call::ram("DeleteRole").with("RoleName", name);
    match act.send(call()).await {
        Err(refused) if refused.conflict() => {
            drain::role(act, name, inventory).await?;
            act.remove(call()).await
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
    let of_role = |action| Call::ram(action).with("ResourceType", "role").with("ResourceNames", json!([name.as_str()]));
    if !set.is_empty() {
        act.send(of_role("TagResources").with("Tag", json_tags(set))).await?;
    }
    if !unset.is_empty() {
        act.send(of_role("UntagResources").with("TagKeys", json!(unset))).await?;
    }
    Ok(Effect::Done)
}

/// A role as lists and reads show it, without what hangs on it. None where it has no name.
pub(super) fn shape(account: &str, value: &Value, tags: Tags) -> Option<Role> {
    let name = CloudName::new(value["RoleName"].as_str()?);
    let shown = shapes::text(value, "Arn");
    Some(Role {
        path: shapes::path(&tags),
        arn: if shown.is_empty() { crate::names::role_arn_of_ram(account, &name) } else { shown.to_owned() },
        name,
        tags,
        trust: value["AssumeRolePolicyDocument"].as_str().and_then(|text| Document::parse(text).ok()),
        session_seconds: value["MaxSessionDuration"].as_i64(),
        boundary: None,
        attached: Default::default(),
        inline: Default::default(),
    })
}

/// A role without what hangs on it: two calls, as a read of it alone does not show its tags.
pub(super) async fn read_alone(cloud: &Alibaba, act: &Act<'_>, name: &CloudName) -> Result<Role, Refused> {
    let answer = act.send(Call::ram("GetRole").with("RoleName", name)).await?;
    let tags = lists::tags_of(act, "role", name.as_str()).await?;
    shape(&cloud.identity.account, &answer["Role"], tags).ok_or_else(|| read::empty(act, "ram:GetRole"))
}

/// The issuer of an OIDC provider: its ARN holds only its name.
pub(super) async fn issuer_of(act: &Act<'_>, provider: &str) -> Result<Option<String>, Fault> {
    let name = provider.rsplit('/').next().unwrap_or_default();
    match act.send(Call::ims("GetOIDCProvider").with("OIDCProviderName", name)).await {
        Ok(answer) => Ok(answer["OIDCProvider"]["IssuerUrl"].as_str().map(str::to_owned)),
        Err(refused) if refused.absent() => Ok(Some(String::new())),
        Err(refused) => Err(refused.into()),
    }
}
