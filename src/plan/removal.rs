//! The plan for what carries our marks in one account and no manifest wants: who may remove it, and in which order.

use super::account::Account;
use super::{Action, Rank, Why, keys, logins};
use crate::model::{CloudAction, Life, ManifestLife, Notebook, ObjectId, ObjectKind, Read, WorkspaceAction};
use crate::names::{CloudName, EXECUTION_POLICY, ManifestRef, SUSPENDED_POLICY};

impl Account<'_, '_, '_> {
    /// Removes what carries our marks and no manifest asks for, or tells of it where the manifest is gone without us.
    pub(super) fn remove_unwanted(&mut self) {
        let wanted = self.draft.wanted;
        for object in self.inventory.of_tenant(&wanted.tenant) {
            let Some(mark) = self.inventory.mark(&object) else {
                if self.is_unread(&object) && !self.claimed.contains(&object) {
                    self.draft.read(self.name, Read::Tags(object.name));
                }
                continue;
            };
            if mark.cluster != self.inventory.cluster || (self.claimed.contains(&object) && !self.is_leaving(&object)) {
                continue;
            }
            let is_workspace = object.kind == ObjectKind::Workspace;
            if is_workspace && wanted.life != Life::Absent && !self.knows_workspace(&object.name) {
                let action = CloudAction::Workspace(WorkspaceAction::Delete(object.name));
                self.tell(&wanted.tenant_ref(), action, Why::Unconfirmed);
                continue;
            }
            // A description says whose a policy was made for; whether it still is, its tags say.
            if wanted.life == Life::Absent && self.is_unread(&object) {
                self.draft.read(self.name, Read::Tags(object.name));
                continue;
            }
            let owner = wanted.owner(&mark.owner).map(|(manifest, life)| (manifest.clone(), life.clone()));
            let tenant = wanted.tenant_ref();
            match (owner, wanted.life) {
                (Some((manifest, life)), Life::Alive | Life::Absent) if life.held && !life.deleting => {
                    self.still_held(&object, &manifest);
                }
                (Some((manifest, life)), Life::Alive) if self.may_remove(&object, &life) => {
                    if life.deleting {
                        self.let_go(&object, &manifest);
                    } else if self.is_worked_under(&object) {
                    } else if wanted.retain && self.is_execution_role(&object) {
                        // Notebooks that were let go work under it.
                        self.let_go(&object, &manifest);
                    } else if !self.stays_with_its_user(&object) {
                        self.remove(&object, &manifest);
                    }
                }
                (Some((manifest, life)), Life::Absent) if life.deleting && self.may_remove(&object, &life) => {
                    self.remove(&object, &manifest);
                }
                (owner, Life::Deleting) => {
                    let manifest = owner.map_or(tenant, |(manifest, _)| manifest);
                    if self.inventory.is_on_our_path(&object) || self.life(&manifest).is_some_and(|life| life.adopt) {
                        self.let_go(&object, &manifest);
                    }
                }
                _ if self.is_unread(&object) => self.draft.read(self.name, Read::Tags(object.name)),
                _ => self.orphan(object, mark.owner),
            }
        }
    }

    /// What a manifest has that is not allowed stays as it is, but a suspension of the tenant holds for it too.
    fn still_held(&mut self, object: &ObjectId, subject: &ManifestRef) {
        let conduct = self.draft.wanted.conduct.get(self.name);
        let suspension = conduct.and_then(|conduct| conduct.suspension.clone());
        let inline = match object.kind {
            ObjectKind::User => self.inventory.users.get(&object.name).map(|user| &user.inline),
            ObjectKind::Role => self.inventory.roles.get(&object.name).map(|role| &role.inline),
            ObjectKind::Notebook if suspension.is_some() => return self.rest_notebook(&object.name, subject),
            _ => None,
        };
        let Some(inline) = inline else { return };
        let (of, name) = (object.clone(), SUSPENDED_POLICY.to_owned());
        match (suspension, inline.contains_key(SUSPENDED_POLICY)) {
            (Some(document), false) => {
                let action = CloudAction::PutInline { of, name, document };
                self.step(subject, Rank::Revoke, action, Vec::new());
            }
            // Of a user it is not known whether it is suspended itself.
            (None, true) if object.kind == ObjectKind::Role => {
                self.step(subject, Rank::Revoke, CloudAction::DeleteInline { of, name }, Vec::new());
            }
            _ => {}
        }
    }

    /// Whether a notebook that is still there works under the role.
    fn is_worked_under(&self, object: &ObjectId) -> bool {
        let end = format!("/{}", object.name);
        let role_of = |notebook: &Notebook| notebook.build.as_ref().and_then(|build| build.role.clone());
        let mut notebooks = self.inventory.notebooks.ours.values();
        object.kind == ObjectKind::Role && notebooks.any(|it| role_of(it).is_some_and(|role| role.ends_with(&end)))
    }

    fn is_execution_role(&self, object: &ObjectId) -> bool {
        let role = self.inventory.roles.get(&object.name).filter(|_| object.kind == ObjectKind::Role);
        role.is_some_and(|role| role.inline.contains_key(EXECUTION_POLICY))
    }

    /// Whether the object goes with the manifest that its mark names, although another manifest wants the name too: that
    /// one has it once this one's object is gone.
    pub(super) fn is_leaving(&self, object: &ObjectId) -> bool {
        let wanted = self.draft.wanted;
        let mark = self.inventory.mark(object).filter(|mark| mark.cluster == self.inventory.cluster);
        mark.and_then(|mark| wanted.owner(&mark.owner)).is_some_and(|(owner, life)| {
            let target = wanted.accounts.get(self.name);
            life.deleting && !target.is_some_and(|target| target.is_claimed_by(object, owner))
        })
    }

    /// A mark on another path than ours counts only beside the manifest's word that it took the object over.
    fn may_remove(&self, object: &ObjectId, life: &ManifestLife) -> bool {
        life.adopt || self.inventory.is_on_our_path(object)
    }

    pub(super) fn remove(&mut self, object: &ObjectId, subject: &ManifestRef) {
        match object.kind {
            ObjectKind::Notebook => self.remove_notebook(&object.name, subject),
            ObjectKind::User => self.remove_user(&object.name, subject),
            ObjectKind::Group => self.remove_group(&object.name, subject),
            ObjectKind::Policy => self.remove_policy(&object.name, subject),
            ObjectKind::Role => self.remove_role(&object.name, subject),
            ObjectKind::MaxCompute => {}
            ObjectKind::Workspace => self.remove_workspace(&object.name, subject),
        }
    }

    fn remove_user(&mut self, name: &CloudName, subject: &ManifestRef) {
        let Some(user) = self.inventory.users.get(name) else { return };
        let object = ObjectId::user(name);
        let waits = self.has_leaving_instances(user, subject);
        if !waits {
            self.leave_workspaces(user, subject);
        }
        for id in keys::known_ids(self, user, subject) {
            self.step(subject, Rank::Revoke, CloudAction::DeleteKey { user: name.clone(), id }, Vec::new());
        }
        if logins::may_be_there(self, user, subject) {
            self.step(subject, Rank::Revoke, CloudAction::DeleteLogin(name.clone()), Vec::new());
        }
        if self.must_be_read(&object) {
            return;
        }
        for group in &user.groups {
            let action = CloudAction::RemoveMember { group: group.clone(), user: name.clone() };
            self.step(subject, Rank::Revoke, action, Vec::new());
        }
        for arn in &user.attached {
            let action = CloudAction::Detach { from: object.clone(), arn: arn.clone() };
            self.step(subject, Rank::Revoke, action, Vec::new());
        }
        self.drop_inline(&object, subject, user.inline.keys().cloned().collect());
        if waits {
            return;
        }
        // Where it is not known whether MaxCompute still has it, it waits; what it could do, it can do no longer.
        let Some(before) = self.leave_max_compute(name, subject) else { return };
        let action = Action::Cloud { account: self.name.clone(), action: CloudAction::DeleteUser(name.clone()) };
        self.draft.step_after(&before, subject, Rank::Revoke, action, Vec::new());
    }

    fn remove_group(&mut self, name: &CloudName, subject: &ManifestRef) {
        let Some(group) = self.inventory.groups.get(name) else { return };
        let object = ObjectId::group(name);
        if self.must_be_read(&object) {
            return;
        }
        for arn in &group.attached {
            let action = CloudAction::Detach { from: object.clone(), arn: arn.clone() };
            self.step(subject, Rank::Revoke, action, Vec::new());
        }
        self.drop_inline(&object, subject, group.inline.keys().cloned().collect());
        self.step(subject, Rank::Revoke, CloudAction::DeleteGroup(name.clone()), Vec::new());
    }

    /// What hangs on an object is read before it is deleted, where it is not known: that is less than to be refused and to
    /// list it then.
    pub(super) fn must_be_read(&mut self, object: &ObjectId) -> bool {
        let unread = self.inventory.is_unread(object);
        if unread {
            self.draft.read(self.name, Read::Object(object.clone()));
        }
        unread
    }

    fn remove_policy(&mut self, name: &CloudName, subject: &ManifestRef) {
        self.step(subject, Rank::Revoke, CloudAction::DeletePolicy(name.clone()), Vec::new());
    }
}
