//! `deletionPolicy: Retain`, and other ways in which what was made is let go: our marks come off, and it stays.

use std::collections::BTreeSet;

use super::account::Account;
use super::{Action, Draft, Observed, Rank};
use crate::model::{CloudAction, ClusterAction, Life, ObjectId, ObjectKind, Read, SecretSeen, SecretTarget, Tags};
use crate::names::{AccountName, MARK_PREFIX, ManifestKind, ManifestRef, released_path};

impl Account<'_, '_, '_> {
    /// What becomes of an object whose manifest is being deleted.
    pub(super) fn let_go(&mut self, object: &ObjectId, subject: &ManifestRef) {
        if self.draft.wanted.retain {
            self.release(object, subject);
        } else {
            self.remove(object, subject);
        }
    }

    /// Takes our marks off. Keys, memberships and attachments stay, and so do the tags `tenant` and `user`, by which its
    /// policies may grant. A group's mark is its path, so it moves.
    fn release(&mut self, object: &ObjectId, subject: &ManifestRef) {
        let mut first = Vec::new();
        if object.kind == ObjectKind::User && self.draft.wanted.life == Life::Alive {
            if self.must_be_read(object) {
                return;
            }
            for policy in self.policies_of_one(object) {
                first.extend(self.take_marks_off(&policy, subject, &[]));
            }
        }
        self.take_marks_off(object, subject, &first);
    }

    fn take_marks_off(&mut self, object: &ObjectId, subject: &ManifestRef, after: &[usize]) -> Option<usize> {
        let tags = match object.kind {
            ObjectKind::Group => {
                let path = released_path(&self.inventory.cluster, &self.draft.wanted.tenant);
                let action = CloudAction::MoveGroup { group: object.name.clone(), path };
                return self.step(subject, Rank::Change, action, Vec::new());
            }
            ObjectKind::Workspace => {
                self.release_workspace(&object.name, subject);
                return None;
            }
            ObjectKind::Notebook => {
                let notebook = self.inventory.notebooks.ours.get(&object.name);
                notebook.map(|notebook| notebook.tags.clone())
            }
            ObjectKind::User => self.inventory.users.get(&object.name).map(|user| user.tags.clone()),
            ObjectKind::Role => self.inventory.roles.get(&object.name).map(|role| role.tags.clone()),
            ObjectKind::MaxCompute => None,
            ObjectKind::Policy => {
                let policy = self.inventory.policies.get(&object.name)?;
                if policy.tags.is_none() {
                    self.draft.read(self.name, Read::Tags(object.name.clone()));
                }
                policy.tags.clone()
            }
        };
        let unset: BTreeSet<String> = tags?.into_keys().filter(|key| key.starts_with(MARK_PREFIX)).collect();
        let detail = unset.iter().map(|key| format!("- {key}")).collect();
        let action = CloudAction::SetTags { of: object.clone(), set: Tags::new(), unset };
        let action = Action::Cloud { account: self.name.clone(), action };
        self.draft.step_after(after, subject, Rank::Change, action, detail)
    }

    /// The policies that a role which speaks of its user is for this user alone, where the language has no variables: no
    /// manifest asks for them once the user's is being deleted.
    fn policies_of_one(&self, user: &ObjectId) -> Vec<ObjectId> {
        let attached = self.inventory.users.get(&user.name).map(|user| &user.attached);
        let own = self.inventory.policies.values().filter(|policy| attached.is_some_and(|it| it.contains(&policy.arn)));
        let own = own.map(|policy| ObjectId::policy(&policy.name)).filter(|policy| !self.claimed.contains(policy));
        own.filter(|policy| self.inventory.mark(policy).is_some_and(|it| it.tenant == self.draft.wanted.tenant))
            .collect()
    }

    /// Whether a policy is let go with a user that is retained, or may be: of that user it is not known yet.
    pub(super) fn stays_with_its_user(&self, object: &ObjectId) -> bool {
        let users = self.inventory.users.keys().map(ObjectId::user);
        let mut leaving = users.filter(|user| self.draft.wanted.retain && self.is_leaving(user));
        leaving.any(|user| self.inventory.is_unread(&user) || self.policies_of_one(&user).contains(object))
    }
}

impl Draft<'_> {
    /// What becomes of a Secret that no manifest wants any more. With `Retain` it is released for good; in an account
    /// that is only observed it merely stays when its owner goes; else it is deleted. `after` are the steps before it.
    pub(super) fn end_of_secret(
        &mut self,
        after: &[usize],
        account: &AccountName,
        subject: &ManifestRef,
        secret: &SecretTarget,
        seen: &SecretSeen,
    ) {
        let wanted = self.wanted;
        let goes = wanted.life == Life::Deleting || wanted.manifests.get(subject).is_some_and(|life| life.deleting);
        let (secret, uid) = (secret.clone(), seen.uid.clone());
        let (rank, action) = if goes && wanted.observes(account) {
            if seen.owner_uid.is_empty() {
                return;
            }
            (Rank::Change, ClusterAction::ReleaseSecret { secret, uid, unmark: false })
        } else if goes && wanted.retain && !wanted.abandons(account) {
            (Rank::Change, ClusterAction::ReleaseSecret { secret, uid, unmark: true })
        } else {
            (Rank::Revoke, ClusterAction::DeleteSecret { secret, uid })
        };
        self.step_after(after, subject, rank, Action::Cluster(action), Vec::new());
    }

    /// Whose condition tells of a Secret: its user's, or the Tenant's where the user is gone.
    pub(super) fn subject_of_secret(&self, secret: &SecretTarget, seen: &SecretSeen) -> ManifestRef {
        let user = ManifestRef::namespaced(ManifestKind::TenantUser, &secret.namespace, &seen.owner_name);
        if self.wanted.manifests.contains_key(&user) { user } else { self.wanted.tenant_ref() }
    }
}

/// Secrets of accounts in which nothing can be planned: those that the Tenant gives up, and at the end of their owner those
/// that have no CloudAccount any more, whose Secrets would be left for ever, or that are only observed and not readable.
pub(super) fn secrets_of_lost_accounts(draft: &mut Draft<'_>, observed: &Observed<'_>) {
    let wanted = draft.wanted;
    for (secret, seen) in &observed.cluster.secrets {
        let account = AccountName::new(&seen.account);
        let subject = draft.subject_of_secret(secret, seen);
        let goes = wanted.life == Life::Deleting || wanted.manifests.get(&subject).is_some_and(|life| life.deleting);
        let unreachable = !wanted.conduct.contains_key(&account)
            || (wanted.observes(&account) && !observed.accounts.contains_key(&account));
        if wanted.abandons(&account) || (goes && unreachable) {
            draft.end_of_secret(&[], &account, &subject, secret, seen);
        }
    }
}
