//! What acts on roles do to the account that lives in memory.

use super::deeds::{fault, no_such};
use super::world::World;
use crate::model::{Class, Effect, Fault, ObjectId, ObjectKind, Role, RoleAction};
use crate::names::role_arn_of_ram;

pub(super) fn operation_of(action: &RoleAction) -> &'static str {
    match action {
        RoleAction::Create(_) => "CreateRole",
        RoleAction::SetTrust { .. } => "UpdateAssumeRolePolicy",
        RoleAction::SetSession { .. } => "UpdateRole",
        RoleAction::Delete(_) => "DeleteRole",
    }
}

impl World {
    pub(super) fn execute_on_role(&mut self, action: &RoleAction) -> Result<Effect, Fault> {
        let object = action.object();
        match action {
            RoleAction::Create(role) => {
                if self.roles.contains_key(&role.name) {
                    return self.judge("iam:CreateRole", &object, role.mark());
                }
                if role.boundary.as_deref().is_some_and(|arn| !self.policy_exists(arn)) {
                    return fault(Class::Invalid, object, "NoSuchEntity: the boundary");
                }
                let arn = if self.is_ram {
                    role_arn_of_ram(&self.account, &role.name)
                } else {
                    format!("arn:aws:iam::{}:role{}{}", self.account, role.path, role.name)
                };
                let made = Role { arn, attached: Default::default(), inline: Default::default(), ..role.clone() };
                self.roles.insert(role.name.clone(), made);
            }
            RoleAction::SetTrust { role, trust } => match self.roles.get_mut(role) {
                Some(role) => role.trust = Some(trust.clone()),
                None => return no_such(object),
            },
            RoleAction::SetSession { role, seconds } => match self.roles.get_mut(role) {
                Some(role) => role.session_seconds = Some(*seconds),
                None => return no_such(object),
            },
            RoleAction::Delete(name) => drop(self.roles.remove(name)),
        }
        Ok(Effect::Done)
    }

    pub(super) fn set_boundary(&mut self, of: &ObjectId, boundary: Option<&String>) -> Result<Effect, Fault> {
        if boundary.is_some_and(|arn| !self.policy_exists(arn)) {
            return fault(Class::Invalid, of, "NoSuchEntity");
        }
        let known = match of.kind {
            ObjectKind::User => self.users.get_mut(&of.name).map(|user| &mut user.boundary),
            ObjectKind::Role => self.roles.get_mut(&of.name).map(|role| &mut role.boundary),
            ObjectKind::Group
            | ObjectKind::Policy
            | ObjectKind::Notebook
            | ObjectKind::MaxCompute
            | ObjectKind::Workspace => None,
        };
        match known {
            Some(known) => *known = boundary.cloned(),
            None => return no_such(of),
        }
        Ok(Effect::Done)
    }
}
