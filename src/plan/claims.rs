//! Several manifests that want one name: the one whose mark the object carries has it, else the oldest.

use std::borrow::Cow;

use super::Action;
use super::account::Account;
use crate::model::{Class, CloudAction, Inventory, ObjectId, WantedAccount};
use crate::names::{CloudName, ManifestRef, Mark, TenantName};

/// The account as it is wanted, with one wish for each user in MaxCompute and in the workspace: of those that want its
/// name, that of the manifest which has the user in RAM.
pub(super) fn with_one_claim_each<'w>(
    target: Cow<'w, WantedAccount>,
    inventory: &Inventory,
    tenant: &TenantName,
) -> Cow<'w, WantedAccount> {
    let in_max_compute = target.max_compute.iter().flat_map(|it| it.users.values().map(Vec::len));
    let in_workspace = target.workspace.iter().flat_map(|it| it.members.values().map(Vec::len));
    if in_max_compute.chain(in_workspace).all(|claims| claims < 2) {
        return target;
    }
    let mut target = target.into_owned();
    let has_it = |user: &CloudName, owner: &ManifestRef| {
        let mark = inventory.mark(&ObjectId::user(user));
        mark.is_some_and(|mark| is_mark_of(inventory, tenant, &mark, owner))
    };
    if let Some(wanted) = &mut target.max_compute {
        for (user, claims) in &mut wanted.users {
            keep_one(claims, |claim| has_it(user, &claim.owner));
            wanted.roles.extend(claims.iter_mut().flat_map(|claim| std::mem::take(&mut claim.own)));
        }
    }
    for (user, claims) in target.workspace.iter_mut().flat_map(|it| &mut it.members) {
        keep_one(claims, |claim| has_it(user, &claim.owner));
    }
    Cow::Owned(target)
}

/// The one that has it, else the first.
fn keep_one<W>(claims: &mut Vec<W>, has_it: impl Fn(&W) -> bool) {
    let at = claims.iter().position(has_it).unwrap_or_default();
    claims.swap(0, at);
    claims.truncate(1);
}

fn is_mark_of(inventory: &Inventory, tenant: &TenantName, mark: &Mark, owner: &ManifestRef) -> bool {
    mark.cluster == inventory.cluster && mark.tenant == *tenant && mark.is_of(owner)
}

impl Account<'_, '_, '_> {
    /// The claim of the manifest whose mark the object carries, else the oldest one's.
    pub(super) fn chosen<'c, W>(
        &self,
        object: &ObjectId,
        claims: &'c [W],
        owner: fn(&W) -> &ManifestRef,
    ) -> Option<&'c W> {
        let mark = self.inventory.mark(object);
        let has_it = |claim: &&W| mark.as_ref().is_some_and(|mark| self.is_mark_of(mark, owner(claim)));
        claims.iter().find(has_it).or_else(|| claims.first())
    }

    /// The same, and says on the others' manifests why they do not have it.
    pub(super) fn choose<'c, W>(
        &mut self,
        object: &ObjectId,
        claims: &'c [W],
        owner: fn(&W) -> &ManifestRef,
    ) -> Option<&'c W> {
        let chosen = self.chosen(object, claims, owner)?;
        for other in claims.iter().filter(|claim| owner(claim) != owner(chosen)) {
            let message = format!(
                "{object} is also wanted by {}, which came first. Give one of the two another name.",
                owner(chosen)
            );
            self.refuse(owner(other), Class::NotOwned, message);
        }
        Some(chosen)
    }

    /// Whether a user is the tenant's own, and not only called as one of its would be.
    pub(super) fn is_own_user(&self, name: &CloudName) -> bool {
        let mark = self.inventory.mark(&ObjectId::user(name));
        mark.is_some_and(|mark| mark.cluster == self.inventory.cluster && mark.tenant == self.draft.wanted.tenant)
    }

    /// The same of one that this plan makes; gives the step.
    pub(super) fn step_that_makes(&self, user: &CloudName) -> Option<usize> {
        let made = |action: &CloudAction| matches!(action, CloudAction::CreateUser(it) if it.name == *user);
        self.draft.steps.iter().position(|step| match &step.action {
            Action::Cloud { account, action } => account == self.name && made(action),
            _ => false,
        })
    }

    pub(super) fn is_mark_of(&self, mark: &Mark, owner: &ManifestRef) -> bool {
        is_mark_of(self.inventory, &self.draft.wanted.tenant, mark, owner)
    }
}

#[cfg(test)]
mod tests;
