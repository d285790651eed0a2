//! What carries our marks although no manifest wants it and none is left to say so: told, and removed only in time.

use serde::Serialize;

use super::Rank;
use super::account::Account;
use crate::model::{CloudAction, ObjectId, ObjectKind, Read, Ripe};
use crate::names::{AccountName, TenantName};

/// An object with our marks that no manifest wants and whose manifest is gone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Orphan {
    /// In which account.
    pub account: AccountName,
    /// Which object.
    pub object: ObjectId,
    /// The owner that its mark names.
    pub owner: String,
}

impl Orphan {
    /// The orphan as a status tells of it.
    #[must_use]
    pub fn words(&self, tenant: &TenantName) -> String {
        format!("{} ({} of tenant {tenant})", self.object, self.owner)
    }
}

impl Account<'_, '_, '_> {
    /// Tells of an orphan. Where its time has come its keys go off, and later it goes; but not while something of ours
    /// still uses it, and never on the word of a mark alone: marks are tags, and whoever may set tags could have us
    /// delete what is not ours.
    pub(super) fn orphan(&mut self, object: ObjectId, owner: String) {
        let paused = self.draft.is_paused(&self.draft.wanted.tenant_ref());
        let ripe = self.draft.wanted.conduct.get(self.name).and_then(|conduct| {
            let ripe = conduct.ripe.get(&object).copied();
            ripe.filter(|_| conduct.prune_orphans && !paused)
        });
        // A workspace has nothing but its mark, and much in it that people made.
        if self.inventory.is_on_our_path(&object) && object.kind != ObjectKind::Workspace {
            match ripe {
                Some(Ripe::DisableKeys) => self.disable_keys(&object),
                Some(Ripe::Remove) if !self.is_in_use(&object) => {
                    let tenant = self.draft.wanted.tenant_ref();
                    self.remove(&object, &tenant);
                }
                Some(Ripe::Remove) | None => {}
            }
        }
        self.draft.orphans.push(Orphan { account: self.name.clone(), object, owner });
    }

    fn disable_keys(&mut self, object: &ObjectId) {
        let Some(user) = self.inventory.users.get(&object.name).filter(|_| object.kind == ObjectKind::User) else {
            return;
        };
        if user.keys.is_none() {
            self.draft.read(self.name, Read::Keys(user.name.clone()));
        }
        let tenant = self.draft.wanted.tenant_ref();
        for key in user.keys.iter().flatten().filter(|key| key.active) {
            let action = CloudAction::SetKeyActive { user: user.name.clone(), id: key.id.clone(), active: false };
            self.step(&tenant, Rank::Revoke, action, Vec::new());
        }
    }

    /// Whether a user, role or group that we know has the policy, or is in the group.
    fn is_in_use(&self, object: &ObjectId) -> bool {
        let (users, groups) = (&self.inventory.users, &self.inventory.groups);
        let roles = &self.inventory.roles;
        match object.kind {
            ObjectKind::User
            | ObjectKind::Role
            | ObjectKind::Notebook
            | ObjectKind::MaxCompute
            | ObjectKind::Workspace => false,
            ObjectKind::Group => users.values().any(|user| user.groups.contains(&object.name)),
            ObjectKind::Policy => self.inventory.policies.get(&object.name).is_some_and(|policy| {
                users.values().any(|user| user.attached.contains(&policy.arn))
                    || groups.values().any(|group| group.attached.contains(&policy.arn))
                    || roles.values().any(|role| role.attached.contains(&policy.arn))
            }),
        }
    }
}
