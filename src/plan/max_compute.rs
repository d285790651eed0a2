//! The plan for MaxCompute at tenant level. Roles are known by their names, users by their users in RAM; what was never
//! read makes no step. Order: role, policy, user, grant, project; back in reverse.

mod leave;
mod rooms;

use std::collections::BTreeSet;

use rooms::{Room, rooms};

use super::account::Account;
use super::{Action, Rank};
use crate::model::{
    Class, CloudAction, MaxComputeAction, MaxComputeDeed, MaxComputeQuery, MaxComputeRead, ObjectId, Read,
    WantedAccount, WantedGrants, WantedMaxCompute, WantedMaxComputeRole,
};
use crate::names::{AccountName, CloudName, ManifestRef, max_compute_user, ram_user_of_max_compute};
use crate::policy;

/// Plans all but the end of users that leave RAM too.
pub(super) fn plan(account: &mut Account<'_, '_, '_>, target: &WantedAccount) {
    for room in rooms(account, target) {
        if let Some(wanted) = room.wanted {
            if !room.only_away {
                account.roles(&room, wanted);
            }
            account.grants(&room, wanted);
        }
        for (role, owner) in &room.leaving {
            account.drop_role(&room, role, owner);
        }
        account.put_out_of_projects(&room);
        // Who stays in RAM and is not wanted here any more.
        for (name, claims) in &target.users {
            let wanted = room.wanted.is_some_and(|wanted| wanted.users.contains_key(name));
            let claim = account.chosen(&ObjectId::user(name), claims, |claim| &claim.owner);
            if let Some(claim) = claim.filter(|claim| !wanted && !claim.only_still)
                && account.is_own_user(name)
            {
                account.take_out(&room, name, &claim.owner, claim.still);
            }
        }
    }
}

impl Account<'_, '_, '_> {
    fn odps(
        &mut self,
        needs: &[Option<usize>],
        room: &Room<'_>,
        subject: &ManifestRef,
        deed: MaxComputeDeed,
        detail: Vec<String>,
    ) -> Option<usize> {
        let needs: Vec<usize> = needs.iter().flatten().copied().collect();
        let action = MaxComputeAction { place: room.place.clone(), deed };
        let rank = if action.takes_away() { Rank::Revoke } else { Rank::Change };
        let action = Action::Cloud { account: self.name.clone(), action: CloudAction::MaxCompute(action) };
        self.draft.step_after(&needs, subject, rank, action, detail)
    }

    fn ask(&mut self, room: &Room<'_>, what: MaxComputeQuery) {
        let read = MaxComputeRead { place: room.place.clone(), what };
        self.draft.read(self.name, Read::MaxCompute(read));
    }

    /// Asks now, or where the statuses say that all was well, leaves it to its turn.
    fn ask_unless_settled(&mut self, room: &Room<'_>, what: MaxComputeQuery) {
        if !self.draft.wanted.settled {
            self.ask(room, what);
        }
    }

    fn roles(&mut self, room: &Room<'_>, wanted: &WantedMaxCompute) {
        for (name, role) in &wanted.roles {
            let seen = room.region.roles.get(name);
            let mut ready = None;
            match seen {
                None => {
                    let made = self.odps(&[], room, &role.owner, MaxComputeDeed::CreateRole(name.clone()), Vec::new());
                    let document = role.document.clone();
                    let put = MaxComputeDeed::SetPolicy { role: name.clone(), document };
                    ready = made;
                    if !role.document.statements.is_empty() {
                        ready = self.odps(&[made], room, &role.owner, put, Vec::new());
                    }
                }
                Some(None) => self.ask_unless_settled(room, MaxComputeQuery::Role(name.clone())),
                Some(Some(seen)) => {
                    if !seen.document.as_ref().is_some_and(|seen| seen.same_meaning(&role.document)) {
                        let mut detail = vec!["differs".to_owned()];
                        detail.extend(seen.document.iter().flat_map(|seen| policy::diff(seen, &role.document)));
                        let document = role.document.clone();
                        let put = MaxComputeDeed::SetPolicy { role: name.clone(), document };
                        ready = self.odps(&[], room, &role.owner, put, detail);
                    }
                    let strangers = seen.users.iter().filter(|user| {
                        let known = ram_user_of_max_compute(user);
                        !known.is_some_and(|user| self.is_own_user(&user) || self.step_that_makes(&user).is_some())
                    });
                    for user in strangers.cloned().collect::<Vec<_>>() {
                        let deed = MaxComputeDeed::Revoke { role: name.clone(), user, still: false };
                        let action = MaxComputeAction { place: room.place.clone(), deed };
                        self.take_away(&role.owner, CloudAction::MaxCompute(action), true);
                    }
                }
            }
            self.projects(room, name, role, seen.is_none(), ready);
        }
    }

    fn projects(
        &mut self,
        room: &Room<'_>,
        name: &CloudName,
        role: &WantedMaxComputeRole,
        is_new: bool,
        ready: Option<usize>,
    ) {
        for project in &role.projects {
            match room.region.projects.get(project) {
                Some(None) => {
                    let message = format!(
                        "there is no MaxCompute project {project} in {}: the role was not added to it. Make it, or take it out of spec.alibaba.maxCompute.projects.",
                        room.place.region
                    );
                    self.refuse(&role.owner, Class::Invalid, message);
                }
                Some(Some(roles)) if roles.contains(name) => {}
                None if !is_new => self.ask_unless_settled(room, MaxComputeQuery::Project(project.clone())),
                _ => {
                    let deed = MaxComputeDeed::AddToProject { role: name.clone(), project: project.clone() };
                    self.odps(&[ready], room, &role.owner, deed, Vec::new());
                }
            }
        }
    }

    fn grants(&mut self, room: &Room<'_>, wanted: &WantedMaxCompute) {
        for (name, user) in wanted.users.iter().filter_map(|(name, claims)| Some((name, claims.first()?))) {
            let made = self.step_that_makes(name);
            if made.is_none() && !self.is_own_user(name) {
                continue;
            }
            let principal = max_compute_user(&self.inventory.account, name);
            match room.region.users.get(&principal) {
                _ if room.only_away && !user.still => {}
                None if user.only_still || room.only_away => {}
                None => {
                    let deed = MaxComputeDeed::AddUser(principal.clone());
                    let added = self.odps(&[made], room, &user.owner, deed, Vec::new());
                    let roles = if user.still { BTreeSet::new() } else { user.roles.clone() };
                    self.grant(room, &principal, user, &roles, added);
                }
                // Whether somebody who can do nothing for now still has a role does not wait for its turn.
                Some(None) if user.still => self.ask(room, MaxComputeQuery::Grants(principal)),
                Some(None) => self.ask_unless_settled(room, MaxComputeQuery::Grants(principal)),
                Some(Some(has)) => self.compare_grants(room, wanted, &principal, user, has),
            }
        }
    }

    fn compare_grants(
        &mut self,
        room: &Room<'_>,
        wanted: &WantedMaxCompute,
        principal: &CloudName,
        user: &WantedGrants,
        has: &BTreeSet<CloudName>,
    ) {
        if user.still {
            // Roles that go as well: their own manifests may be paused, and wait.
            for role in has {
                self.revoke(room, &user.owner, role, principal, true);
            }
            return;
        }
        let revoke = |role: &CloudName| {
            let deed = MaxComputeDeed::Revoke { role: role.clone(), user: principal.clone(), still: false };
            CloudAction::MaxCompute(MaxComputeAction { place: room.place.clone(), deed })
        };
        let stays = |role: &&CloudName| !room.leaving.contains_key(*role);
        if !(user.only_still && has.iter().any(|role| user.roles.contains(role))) {
            let missing = user.roles.difference(has).cloned().collect();
            self.grant(room, principal, user, &missing, None);
        }
        let extra = has.difference(&user.roles).filter(|role| !wanted.kept.contains(*role) && !user.only_still);
        for role in extra.filter(stays) {
            self.take_away(&user.owner, revoke(role), !wanted.roles.contains_key(role));
        }
    }

    fn grant(
        &mut self,
        room: &Room<'_>,
        principal: &CloudName,
        user: &WantedGrants,
        roles: &BTreeSet<CloudName>,
        added: Option<usize>,
    ) {
        for role in roles {
            let is_of_role = |deed: &MaxComputeDeed| match deed {
                MaxComputeDeed::CreateRole(name) => name == role,
                MaxComputeDeed::SetPolicy { role: name, .. } => name == role,
                _ => false,
            };
            let is_before = |action: &CloudAction| matches!(action, CloudAction::MaxCompute(it) if it.place.region == room.place.region && is_of_role(&it.deed));
            let before = self.last_step_of(is_before);
            if before.is_some() || room.region.roles.contains_key(role) {
                let deed = MaxComputeDeed::Grant { role: role.clone(), user: principal.clone() };
                self.odps(&[added, before], room, &user.owner, deed, Vec::new());
            }
        }
    }

    /// Roles are in no other projects than their manifests name: in those that statuses speak of, and in those that were
    /// looked at for another role.
    fn put_out_of_projects(&mut self, room: &Room<'_>) {
        let Some(wanted) = room.wanted else { return };
        let told = self.draft.wanted.conduct.get(self.name).map(|conduct| conduct.max_compute.projects.clone());
        let told = told.unwrap_or_default();
        for project in told.iter().filter(|project| !room.region.projects.contains_key(*project)) {
            if !wanted.roles.values().any(|role| role.projects.contains(project)) {
                self.ask(room, MaxComputeQuery::Project(project.clone()));
            }
        }
        for (project, roles) in &room.region.projects {
            let unwanted = wanted.roles.iter().filter(|(name, role)| {
                roles.as_ref().is_some_and(|roles| roles.contains(*name)) && !role.projects.contains(project)
            });
            for (name, role) in unwanted {
                let deed = MaxComputeDeed::RemoveFromProject { role: name.clone(), project: project.clone() };
                let action = MaxComputeAction { place: room.place.clone(), deed };
                self.take_away(&role.owner, CloudAction::MaxCompute(action), !told.contains(project));
            }
        }
    }

    /// Out of its projects, from its users, and away: when all of these are known.
    fn drop_role(&mut self, room: &Room<'_>, role: &CloudName, owner: &ManifestRef) {
        let Some(seen) = room.region.roles.get(role).cloned().flatten() else {
            return self.ask(room, MaxComputeQuery::Role(role.clone()));
        };
        let told =
            self.draft.wanted.conduct.get(self.name).map(|conduct| conduct.max_compute.clone()).unwrap_or_default();
        let is_unread = |project: &String| !room.region.projects.contains_key(project);
        let unread: Vec<String> = told.projects.into_iter().filter(is_unread).collect();
        let revoked = seen.users.iter().map(|user| self.revoke(room, owner, role, user, false));
        let mut before: Vec<_> = revoked.collect();
        // A project that cannot be read keeps the role, and nobody in it.
        if !unread.is_empty() {
            unread.into_iter().for_each(|project| self.ask(room, MaxComputeQuery::Project(project)));
            return;
        }
        // Where it may be without a status that says so, or after an answer that was lost, it is taken out unseen; the
        // project may also be another's.
        let is_seen_in = |project: &String| {
            room.region.projects.get(project).is_some_and(|it| it.as_ref().is_some_and(|it| it.contains(role)))
        };
        for project in told.named.into_iter().filter(|project| !is_seen_in(project)) {
            let deed = MaxComputeDeed::RemoveFromProject { role: role.clone(), project };
            self.odps(&[], room, owner, deed, Vec::new());
        }
        let inside =
            room.region.projects.iter().filter(|(_, roles)| roles.as_ref().is_some_and(|it| it.contains(role)));
        for (project, _) in inside {
            let deed = MaxComputeDeed::RemoveFromProject { role: role.clone(), project: project.clone() };
            before.push(self.odps(&[], room, owner, deed, Vec::new()));
        }
        self.odps(&before, room, owner, MaxComputeDeed::DropRole(role.clone()), Vec::new());
    }

    /// Revokes a role, once: gives the step that does.
    fn revoke(
        &mut self,
        room: &Room<'_>,
        subject: &ManifestRef,
        role: &CloudName,
        user: &CloudName,
        still: bool,
    ) -> Option<usize> {
        let is_it = |action: &CloudAction| match action {
            CloudAction::MaxCompute(it) if it.place.region == room.place.region => {
                matches!(&it.deed, MaxComputeDeed::Revoke { role: of, user: from, .. } if of == role && from == user)
            }
            _ => false,
        };
        self.step_of(is_it).or_else(|| {
            let deed = MaxComputeDeed::Revoke { role: role.clone(), user: user.clone(), still };
            self.odps(&[], room, subject, deed, Vec::new())
        })
    }

    fn step_of(&self, is: impl Fn(&CloudAction) -> bool) -> Option<usize> {
        self.draft.steps.iter().position(|step| is_in(&step.action, self.name, &is))
    }

    fn last_step_of(&self, is: impl Fn(&CloudAction) -> bool) -> Option<usize> {
        self.draft.steps.iter().rposition(|step| is_in(&step.action, self.name, &is))
    }
}

fn is_in(action: &Action, name: &AccountName, is: impl Fn(&CloudAction) -> bool) -> bool {
    matches!(action, Action::Cloud { account, action } if account == name && is(action))
}

#[cfg(test)]
mod tests;
