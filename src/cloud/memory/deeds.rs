//! What each act does to the account that lives in memory, with IAM's conflicts and limits.

use std::fmt::Display;

use super::super::ownership::{judge, mark_of};
use super::world::World;
use crate::model::{
    Class, CloudAction, Effect, Fault, Finding, Group, NewKey, NotebookAction, ObjectId, ObjectKind, Policy, PolicyRef,
    RoleAction, User, WorkspaceAction,
};
use crate::names::{CloudName, Mark, ram_arn};
use crate::policy::Document;

const ATTACHMENTS: usize = 10;
const GROUPS_OF_USER: usize = 10;
const KEYS: usize = 2;
const OLD_VERSIONS: usize = 4;

pub(super) fn fault<T>(class: Class, object: impl Display, message: &str) -> Result<T, Fault> {
    Err(Fault::new(class, "memory", object, message))
}

pub(super) fn no_such<T>(object: impl Display) -> Result<T, Fault> {
    fault(Class::Transient, object, "NoSuchEntity")
}

fn limit<T>(object: impl Display) -> Result<T, Fault> {
    fault(Class::QuotaExceeded, object, "LimitExceeded")
}

impl World {
    pub(super) fn execute(
        &mut self,
        action: &CloudAction,
        own: impl Fn(&CloudName) -> Option<String>,
    ) -> Result<Effect, Fault> {
        self.guard(action);
        self.guard_notebooks(action);
        match action {
            CloudAction::CreateGroup(group) => self.create_group(group),
            CloudAction::CreateUser(user) => self.create_user(user),
            CloudAction::CreatePolicy(policy) => self.create_policy(policy),
            CloudAction::Notebook(action) => self.notebook(action),
            CloudAction::DeleteGroup(name) => {
                self.users.values_mut().for_each(|user| {
                    user.groups.remove(name);
                });
                self.groups.remove(name);
                Ok(Effect::Done)
            }
            CloudAction::MoveGroup { group, path } => {
                let Some(group) = self.groups.get_mut(group) else { return no_such(group) };
                group.path.clone_from(path);
                Ok(Effect::Done)
            }
            CloudAction::DeleteUser(name) => {
                self.users.remove(name);
                self.logins.remove(name);
                Ok(Effect::Done)
            }
            CloudAction::SetLogin { user, password, .. } => {
                if !self.users.contains_key(user) {
                    return no_such(user);
                }
                if password.expose().len() < self.password_length {
                    return fault(Class::Invalid, user, "PasswordPolicyViolation");
                }
                self.logins.insert(user.clone(), password.expose().to_owned());
                Ok(Effect::Done)
            }
            CloudAction::DeleteLogin(user) => {
                self.logins.remove(user);
                Ok(Effect::Done)
            }
            CloudAction::DeletePolicy(name) => self.delete_policy(name),
            CloudAction::Role(action) => self.execute_on_role(action),
            CloudAction::SetBoundary { of, boundary } => self.set_boundary(of, boundary.as_ref()),
            CloudAction::SetDocument { policy, document } => {
                let Some(policy) = self.policies.get_mut(policy) else { return no_such(policy) };
                if policy.old_versions.len() >= OLD_VERSIONS {
                    policy.old_versions.remove(0);
                }
                let next = policy.default_version.trim_start_matches('v').parse::<u32>().unwrap_or_default() + 1;
                policy.old_versions.push(std::mem::replace(&mut policy.default_version, format!("v{next}")));
                policy.document = Some(document.clone());
                Ok(Effect::Version { default: policy.default_version.clone(), old: policy.old_versions.clone() })
            }
            CloudAction::SetTags { of, set, unset } => {
                let tags = match of.kind {
                    ObjectKind::User => self.users.get_mut(&of.name).map(|user| &mut user.tags),
                    ObjectKind::Policy => self.policies.get_mut(&of.name).and_then(|policy| policy.tags.as_mut()),
                    ObjectKind::Notebook => self.notebooks.get_mut(&of.name).map(|notebook| &mut notebook.tags),
                    ObjectKind::Role => self.roles.get_mut(&of.name).map(|role| &mut role.tags),
                    ObjectKind::Group | ObjectKind::MaxCompute | ObjectKind::Workspace => {
                        return fault(Class::Invalid, of, "groups have no tags");
                    }
                };
                let Some(tags) = tags else { return no_such(of) };
                tags.retain(|key, _| !unset.contains(key));
                tags.extend(set.clone());
                Ok(Effect::Done)
            }
            CloudAction::Attach { to, policy } => self.attach(to, policy, own),
            CloudAction::Detach { from, arn } => {
                if let Some(attached) = self.attached_mut(from) {
                    attached.remove(arn);
                }
                Ok(Effect::Done)
            }
            CloudAction::PutInline { of, name, document } => {
                self.inline_mut(of).map(|inline| inline.insert(name.clone(), document.clone()));
                Ok(Effect::Done)
            }
            CloudAction::DeleteInline { of, name } => {
                self.inline_mut(of).map(|inline| inline.remove(name));
                Ok(Effect::Done)
            }
            CloudAction::Workspace(action) => self.on_workspace(action),
            CloudAction::CreateKey(user) => self.create_key(user),
            CloudAction::MaxCompute(action) => self.in_max_compute(action),
            _ => self.execute_on_user(action),
        }
    }

    fn create_key(&mut self, name: &CloudName) -> Result<Effect, Fault> {
        match self.users.get(name) {
            None => return no_such(name),
            Some(user) if user.keys.as_ref().is_some_and(|keys| keys.len() >= KEYS) => return limit(name),
            Some(_) => {}
        }
        let (key, secret) = self.new_key();
        let made = NewKey { id: key.id.clone(), secret: secret.into(), created: key.created };
        if let Some(user) = self.users.get_mut(name) {
            user.keys.get_or_insert_default().push(key);
        }
        Ok(Effect::Key(made))
    }

    fn execute_on_user(&mut self, action: &CloudAction) -> Result<Effect, Fault> {
        let object = action.object();
        let ends = matches!(
            action,
            CloudAction::RemoveMember { .. }
                | CloudAction::DeleteKey { .. }
                | CloudAction::SetKeyActive { active: false, .. }
        );
        let group_missing = matches!(action, CloudAction::AddMember { group, .. } if !self.groups.contains_key(group));
        let Some(user) = self.users.get_mut(&object.name) else {
            return if ends { Ok(Effect::Done) } else { no_such(object) };
        };
        let keys = user.keys.get_or_insert_default();
        match action {
            CloudAction::SetProfile { profile, .. } => user.profile.clone_from(profile),
            CloudAction::AddMember { .. } if group_missing => return no_such(object),
            CloudAction::AddMember { group, .. } => {
                if user.groups.len() >= GROUPS_OF_USER && !user.groups.contains(group) {
                    return limit(object);
                }
                user.groups.insert(group.clone());
            }
            CloudAction::RemoveMember { group, .. } => {
                user.groups.remove(group);
            }
            CloudAction::SetKeyActive { id, active, .. } => match keys.iter_mut().find(|key| key.id == *id) {
                Some(key) => key.active = *active,
                None if *active => return no_such(id),
                None => {}
            },
            CloudAction::DeleteKey { id, .. } => keys.retain(|key| key.id != *id),
            _ => return fault(Class::Invalid, object, "not an act on a user"),
        }
        Ok(Effect::Done)
    }

    fn create_group(&mut self, group: &Group) -> Result<Effect, Fault> {
        let object = ObjectId::group(&group.name);
        if self.groups.contains_key(&group.name) {
            return self.judge("iam:CreateGroup", &object, group.mark(&self.cluster));
        }
        let made = Group { attached: Default::default(), inline: Default::default(), ..group.clone() };
        self.groups.insert(group.name.clone(), made);
        Ok(Effect::Done)
    }

    fn create_user(&mut self, user: &User) -> Result<Effect, Fault> {
        let object = ObjectId::user(&user.name);
        if self.users.contains_key(&user.name) {
            return self.judge("iam:CreateUser", &object, user.mark());
        }
        if self.quotas().get("Users").is_some_and(|quota| quota.used >= quota.limit) {
            return limit(object);
        }
        if user.boundary.as_deref().is_some_and(|arn| !self.policy_exists(arn)) {
            return fault(Class::Invalid, object, "NoSuchEntity: the boundary");
        }
        let (tags, boundary, profile) = (user.tags.clone(), user.boundary.clone(), user.profile.clone());
        let made = self.add_user(user.name.as_str(), &user.path);
        made.tags = tags;
        made.boundary = boundary;
        made.profile = profile;
        Ok(made.id.clone().map_or(Effect::Done, Effect::Id))
    }

    fn create_policy(&mut self, policy: &Policy) -> Result<Effect, Fault> {
        let object = ObjectId::policy(&policy.name);
        if self.policies.contains_key(&policy.name) {
            return self.judge("iam:CreatePolicy", &object, policy.mark(&self.cluster));
        }
        let arn = if self.is_ram {
            ram_arn(&self.account, "policy", policy.name.as_str())
        } else {
            format!("arn:aws:iam::{}:policy{}{}", self.account, policy.path, policy.name)
        };
        let made = Policy {
            arn: arn.clone(),
            tags: Some(policy.tags.clone().unwrap_or_default()),
            default_version: "v1".to_owned(),
            old_versions: Vec::new(),
            ..policy.clone()
        };
        self.policies.insert(policy.name.clone(), made);
        Ok(Effect::Arn(arn))
    }

    fn delete_policy(&mut self, name: &CloudName) -> Result<Effect, Fault> {
        let Some(arn) = self.policies.get(name).map(|policy| policy.arn.clone()) else { return Ok(Effect::Done) };
        let bounded = self.roles.values().any(|role| role.boundary.as_ref() == Some(&arn));
        if bounded || self.users.values().any(|user| user.boundary.as_ref() == Some(&arn)) {
            return fault(Class::Waiting, name, "DeleteConflict: used as a boundary");
        }
        self.users.values_mut().for_each(|user| user.attached.retain(|other| *other != arn));
        self.groups.values_mut().for_each(|group| group.attached.retain(|other| *other != arn));
        self.roles.values_mut().for_each(|role| role.attached.retain(|other| *other != arn));
        self.policies.remove(name);
        Ok(Effect::Done)
    }

    fn attach(
        &mut self,
        to: &ObjectId,
        policy: &PolicyRef,
        own: impl Fn(&CloudName) -> Option<String>,
    ) -> Result<Effect, Fault> {
        let arn = match policy {
            PolicyRef::Arn(arn) => Some(arn.clone()),
            PolicyRef::Vendor(name) => self.vendor_arn(name),
            PolicyRef::Own(name) => match own(name) {
                Some(arn) => Some(arn),
                None => return fault(Class::Waiting, to, "the policy does not exist yet"),
            },
        };
        let Some(arn) = arn.filter(|arn| self.policy_exists(arn)) else {
            // One of ours may be on its way.
            let class = if matches!(policy, PolicyRef::Own(_)) { Class::Waiting } else { Class::Invalid };
            return fault(class, to, "NoSuchEntity: the policy");
        };
        if self.is_ram {
            self.hang(to, arn.clone())?;
            return Ok(Effect::Arn(arn));
        }
        let Some(attached) = self.attached_mut(to) else { return no_such(to) };
        if attached.len() >= ATTACHMENTS && !attached.contains(&arn) {
            return limit(to);
        }
        attached.insert(arn.clone());
        Ok(Effect::Arn(arn))
    }

    pub(super) fn attached_mut(&mut self, of: &ObjectId) -> Option<&mut std::collections::BTreeSet<String>> {
        match of.kind {
            ObjectKind::User => self.users.get_mut(&of.name).map(|user| &mut user.attached),
            ObjectKind::Group => self.groups.get_mut(&of.name).map(|group| &mut group.attached),
            ObjectKind::Role => self.roles.get_mut(&of.name).map(|role| &mut role.attached),
            ObjectKind::Policy | ObjectKind::Notebook | ObjectKind::MaxCompute | ObjectKind::Workspace => None,
        }
    }

    fn inline_mut(&mut self, of: &ObjectId) -> Option<&mut std::collections::BTreeMap<String, Document>> {
        match of.kind {
            ObjectKind::User => self.users.get_mut(&of.name).map(|user| &mut user.inline),
            ObjectKind::Group => self.groups.get_mut(&of.name).map(|group| &mut group.inline),
            ObjectKind::Role => self.roles.get_mut(&of.name).map(|role| &mut role.inline),
            ObjectKind::Policy | ObjectKind::Notebook | ObjectKind::MaxCompute | ObjectKind::Workspace => None,
        }
    }

    pub(super) fn judge(&self, action: &str, object: &ObjectId, wanted: Option<Mark>) -> Result<Effect, Fault> {
        judge(action, object.kind.to_string().as_str(), object, wanted.as_ref(), &self.cluster, self.find(object))
    }

    /// Notes an act on an existing object that carries no mark of ours; tagging one without any mark is adoption.
    pub(super) fn guard(&mut self, action: &CloudAction) {
        if matches!(
            action,
            CloudAction::CreateGroup(_)
                | CloudAction::CreateUser(_)
                | CloudAction::CreatePolicy(_)
                | CloudAction::Notebook(NotebookAction::Create(_))
                | CloudAction::Role(RoleAction::Create(_))
                | CloudAction::Workspace(WorkspaceAction::Create(_))
        ) {
            return;
        }
        let object = action.object();
        let found = self.find(&object);
        let mark = mark_of(&found, &self.cluster);
        let ours = mark.as_ref().is_some_and(|mark| mark.cluster == self.cluster) || self.lies_on_our_path(&found);
        let adopted = mark.is_none()
            && matches!(
                action,
                CloudAction::SetTags { .. }
                    | CloudAction::MoveGroup { .. }
                    | CloudAction::Workspace(WorkspaceAction::Describe { .. })
            );
        if found != Finding::Absent && !ours && !adopted {
            self.trespasses.push(format!("{object} is not ours and was touched by {action:?}"));
        }
    }

    fn lies_on_our_path(&self, found: &Finding) -> bool {
        let path = match found {
            Finding::User(user) => &user.path,
            Finding::Group(group) => &group.path,
            Finding::Policy(policy) => &policy.path,
            Finding::Role(role) => &role.path,
            Finding::Absent
            | Finding::Keys(_)
            | Finding::LastUse { .. }
            | Finding::Login(_)
            | Finding::Tags(_)
            | Finding::Notebook(_)
            | Finding::Notebooks(_)
            | Finding::MaxCompute(_)
            | Finding::Workspace(_)
            | Finding::Mark { .. } => return false,
        };
        crate::names::tenant_of_path(&self.cluster, path).is_some()
    }
}
