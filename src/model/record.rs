//! Our own writes, noted in the inventory, so that the next pass sees them without a call.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::action::{CloudAction, Effect, Finding};
use super::cloud::{AccessKey, Group, ObjectId, ObjectKind, User};
use super::inventory::Inventory;
use super::login::Login;
use crate::policy::Document;

impl Inventory {
    /// Notes an act of ours, so that the next pass sees it without a call.
    pub fn record(&mut self, action: &CloudAction, effect: &Effect, now: Instant) {
        self.written.insert(action.object(), now);
        self.confirm_by(action, effect, now);
        if action.says_all() {
            self.unread.remove(&action.object());
        }
        if let Effect::Found(found) = effect {
            self.learn(&action.object(), Finding::clone(found));
            return;
        }
        match action {
            CloudAction::CreateGroup(group) => {
                self.groups.insert(group.name.clone(), group.clone());
                self.count("Groups", 1);
            }
            CloudAction::DeleteGroup(name) => {
                self.groups.remove(name);
                self.count("Groups", -1);
            }
            CloudAction::MoveGroup { group, path } => {
                if let Some(known) = self.groups.get(group).cloned() {
                    self.learn(&ObjectId::group(group), Finding::Group(Group { path: path.clone(), ..known }));
                }
            }
            CloudAction::CreateUser(user) => {
                let id = if let Effect::Id(id) = effect { Some(id.clone()) } else { user.id.clone() };
                self.users.insert(user.name.clone(), User { id, ..user.clone() });
                self.count("Users", 1);
            }
            CloudAction::DeleteUser(name) => {
                self.users.remove(name);
                self.count("Users", -1);
            }
            CloudAction::CreatePolicy(policy) => {
                let mut policy = policy.clone();
                if let Effect::Arn(arn) = effect {
                    policy.arn.clone_from(arn);
                }
                self.policies.insert(policy.name.clone(), policy);
                self.count("Policies", 1);
            }
            CloudAction::DeletePolicy(name) => {
                self.policies.remove(name);
                self.count("Policies", -1);
            }
            CloudAction::Role(action) => self.record_on_role(action),
            CloudAction::SetProfile { .. } => self.record_profile(action),
            CloudAction::Workspace(action) => self.record_workspace(action, effect),
            CloudAction::SetDocument { policy, document } => {
                if let Some(policy) = self.policies.get_mut(policy) {
                    policy.document = Some(document.clone());
                    if let Effect::Version { default, old } = effect {
                        policy.default_version.clone_from(default);
                        policy.old_versions.clone_from(old);
                    }
                }
            }
            CloudAction::Notebook(action) => self.notebooks.record(action, effect),
            CloudAction::MaxCompute(action) => self.max_compute.record(action),
            _ => self.record_edge(action, effect),
        }
    }

    /// What an act did is not known, nor could it be read: what no sweep shows is read again before anything is said of it.
    pub fn doubt(&mut self, action: &CloudAction) {
        match action {
            CloudAction::MaxCompute(action) => self.max_compute.doubt(action),
            CloudAction::Workspace(action) if action.is_of_member() => {
                let workspace = self.workspaces.known.get_mut(action.workspace());
                workspace.into_iter().for_each(|workspace| workspace.members = None);
            }
            _ => {}
        }
    }

    fn record_edge(&mut self, action: &CloudAction, effect: &Effect) {
        match action {
            CloudAction::SetTags { of, set, unset } => {
                let tags = match of.kind {
                    ObjectKind::User => self.users.get_mut(&of.name).map(|user| &mut user.tags),
                    ObjectKind::Policy => self.policies.get_mut(&of.name).and_then(|policy| policy.tags.as_mut()),
                    ObjectKind::Role => self.roles.get_mut(&of.name).map(|role| &mut role.tags),
                    ObjectKind::Notebook => self.notebooks.ours.get_mut(&of.name).map(|it| &mut it.tags),
                    ObjectKind::Group | ObjectKind::MaxCompute | ObjectKind::Workspace => None,
                };
                if let Some(tags) = tags {
                    tags.retain(|key, _| !unset.contains(key));
                    tags.extend(set.clone());
                }
            }
            CloudAction::Attach { to, policy } => {
                let known = self.resolve(policy);
                let arn = if let Effect::Arn(arn) = effect { Some(arn.clone()) } else { known };
                if let (Some(arn), Some(attached)) = (arn, self.attached_mut(to)) {
                    attached.insert(arn);
                }
            }
            CloudAction::Detach { from, arn } => {
                if let Some(attached) = self.attached_mut(from) {
                    attached.remove(arn);
                }
            }
            CloudAction::PutInline { of, name, document } => {
                if let Some(inline) = self.inline_mut(of) {
                    inline.insert(name.clone(), document.clone());
                }
            }
            CloudAction::DeleteInline { of, name } => {
                if let Some(inline) = self.inline_mut(of) {
                    inline.remove(name);
                }
            }
            CloudAction::SetBoundary { of, boundary } => {
                let user = self.users.get_mut(&of.name).filter(|_| of.kind == ObjectKind::User);
                let role = self.roles.get_mut(&of.name).filter(|_| of.kind == ObjectKind::Role);
                let known = user.map(|user| &mut user.boundary).or(role.map(|role| &mut role.boundary));
                if let Some(known) = known {
                    known.clone_from(boundary);
                }
            }
            _ => self.record_on_user(action, effect),
        }
    }

    fn record_on_user(&mut self, action: &CloudAction, effect: &Effect) {
        let Some(user) = self.users.get_mut(&action.object().name) else { return };
        match action {
            CloudAction::AddMember { group, .. } => {
                user.groups.insert(group.clone());
            }
            CloudAction::RemoveMember { group, .. } => {
                user.groups.remove(group);
            }
            CloudAction::CreateKey(_) => {
                if let Effect::Key(key) = effect {
                    let made = AccessKey { id: key.id.clone(), active: true, created: key.created, last_use: None };
                    user.keys.get_or_insert_default().push(made);
                }
            }
            CloudAction::SetKeyActive { id, active, .. } => {
                let keys = user.keys.iter_mut().flatten();
                keys.filter(|key| key.id == *id).for_each(|key| key.active = *active);
            }
            CloudAction::DeleteKey { id, .. } => {
                if let Some(keys) = &mut user.keys {
                    keys.retain(|key| key.id != *id);
                }
            }
            CloudAction::SetLogin { .. } => user.login = Some(Login::On),
            CloudAction::DeleteLogin(_) => user.login = Some(Login::Off),
            _ => {}
        }
    }

    fn inline_mut(&mut self, of: &ObjectId) -> Option<&mut BTreeMap<String, Document>> {
        match of.kind {
            ObjectKind::User => self.users.get_mut(&of.name).map(|user| &mut user.inline),
            ObjectKind::Group => self.groups.get_mut(&of.name).map(|group| &mut group.inline),
            ObjectKind::Role => self.roles.get_mut(&of.name).map(|role| &mut role.inline),
            ObjectKind::Policy | ObjectKind::Notebook | ObjectKind::MaxCompute | ObjectKind::Workspace => None,
        }
    }

    fn attached_mut(&mut self, of: &ObjectId) -> Option<&mut BTreeSet<String>> {
        match of.kind {
            ObjectKind::User => self.users.get_mut(&of.name).map(|user| &mut user.attached),
            ObjectKind::Group => self.groups.get_mut(&of.name).map(|group| &mut group.attached),
            ObjectKind::Role => self.roles.get_mut(&of.name).map(|role| &mut role.attached),
            ObjectKind::Policy | ObjectKind::Notebook | ObjectKind::MaxCompute | ObjectKind::Workspace => None,
        }
    }

    pub(super) fn count(&mut self, quota: &str, by: i64) {
        if let Some(quota) = self.quotas.get_mut(quota) {
            quota.used += by;
        }
    }
}
