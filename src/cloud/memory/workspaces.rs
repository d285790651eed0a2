//! PAI workspaces in the account that lives in memory: they are made at the next list, and delete their members.

use super::deeds::{fault, no_such};
use super::world::World;
use crate::model::{
    Class, Effect, Fault, Finding, Member, ObjectId, Workspace, WorkspaceAction, WorkspaceFinding, WorkspaceRead,
    WorkspaceState,
};
use crate::names::{CloudName, region_of_workspace};

pub(super) fn operation_of(action: &WorkspaceAction) -> &'static str {
    match action {
        WorkspaceAction::Create(_) => "CreateWorkspace",
        WorkspaceAction::Describe { .. } => "UpdateWorkspace",
        WorkspaceAction::Delete(_) => "DeleteWorkspace",
        WorkspaceAction::AddMember { .. } => "CreateMember",
        WorkspaceAction::AddRole { .. } => "AddMemberRole",
        WorkspaceAction::RemoveRole { .. } => "RemoveMemberRole",
        WorkspaceAction::RemoveMember { .. } => "DeleteMembers",
    }
}

impl World {
    pub(super) fn workspaces(&mut self, read: &WorkspaceRead) -> Finding {
        match read {
            WorkspaceRead::Region(region) => {
                let here = self.workspaces.values_mut().filter(|it| region_of_workspace(&it.name).0 == region);
                let found = here.map(|workspace| {
                    if workspace.created < self.now && workspace.state == WorkspaceState::Making {
                        workspace.state = WorkspaceState::Enabled;
                    }
                    Workspace { members: None, ..workspace.clone() }
                });
                let (region, found) = (region.clone(), found.collect());
                Finding::Workspace(WorkspaceFinding::Region { region, found, asked: self.now })
            }
            WorkspaceRead::Members(name) => {
                let members = self.workspaces.get(name).and_then(|it| it.members.clone());
                members.map_or(Finding::Absent, |it| Finding::Workspace(WorkspaceFinding::Members(it)))
            }
        }
    }

    pub(super) fn workspace(&self, name: &CloudName) -> Option<Finding> {
        let found = self.workspaces.get(name)?;
        Some(Finding::Workspace(WorkspaceFinding::One(Workspace { members: None, ..found.clone() })))
    }

    pub(super) fn on_workspace(&mut self, action: &WorkspaceAction) -> Result<Effect, Fault> {
        let object = ObjectId::workspace(action.workspace());
        if let WorkspaceAction::Create(wanted) = action {
            if self.workspaces.contains_key(&wanted.name) {
                return self.judge("paiworkspace:CreateWorkspace", &object, wanted.mark());
            }
            self.workspaces_made += 1;
            let id = self.workspaces_made.to_string();
            let owner =
                Member { name: "operator".to_owned(), roles: ["PAI.WorkspaceOwner".to_owned()].into(), fixed: true };
            let members = Some([("1".to_owned(), owner)].into());
            let made = Workspace { id: id.clone(), created: self.now, members, ..wanted.clone() };
            self.workspaces.insert(wanted.name.clone(), made);
            return Ok(Effect::Id(id));
        }
        let id = if let WorkspaceAction::AddMember { user, .. } = action {
            let known = self.users.get(user).and_then(|user| user.id.clone());
            let Some(known) = known else { return no_such(user) };
            Some(known)
        } else {
            None
        };
        let Some(workspace) = self.workspaces.get_mut(&object.name) else {
            return if action.takes_away() { Ok(Effect::Done) } else { no_such(object) };
        };
        let state = workspace.state.clone();
        let members = workspace.members.get_or_insert_default();
        match action {
            WorkspaceAction::Create(_) => {}
            WorkspaceAction::Describe { display_name, description, .. } => {
                display_name.iter().for_each(|text| workspace.display_name.clone_from(text));
                description.iter().for_each(|text| workspace.description.clone_from(text));
            }
            WorkspaceAction::Delete(name) => drop(self.workspaces.remove(name)),
            _ if state != WorkspaceState::Enabled => return fault(Class::Invalid, object, "it is not enabled"),
            WorkspaceAction::AddMember { user, roles, .. } => {
                let member = Member { name: user.to_string(), roles: roles.clone(), fixed: false };
                members.entry(id.unwrap_or_default()).or_insert(member);
                let members = WorkspaceFinding::Members(members.clone());
                return Ok(Effect::Found(Box::new(Finding::Workspace(members))));
            }
            WorkspaceAction::AddRole { member, role, .. } => {
                let Some(member) = members.get_mut(member) else { return no_such(member) };
                member.roles.insert(role.clone());
            }
            WorkspaceAction::RemoveRole { member, role, .. } => {
                if let Some(member) = members.get_mut(member) {
                    if member.roles.len() == 1 {
                        return fault(Class::Invalid, object, "a member has a role");
                    }
                    member.roles.remove(role);
                }
            }
            WorkspaceAction::RemoveMember { member, .. } => {
                if members.get(member).is_some_and(|member| member.fixed) {
                    self.trespasses.push(format!("the owner of {object} was taken out"));
                }
                members.remove(member);
            }
        }
        Ok(Effect::Done)
    }
}
