//! The plan for MaxCompute at tenant level. Roles are known by their names, users by their users in RAM; what was never
//! read makes no step. Order: role, policy, user, grant, project; back in reverse.

use std::collections::{BTreeMap, BTreeSet};

use super::account::Account;
use super::{Action, Rank};
use crate::model::{
    Class, CloudAction, Life, MaxComputeAction, MaxComputeDeed, MaxComputePlace, MaxComputeQuery, MaxComputeRead,
    MaxComputeRegion, ObjectId, Read, WantedAccount, WantedGrants, WantedMaxCompute, WantedMaxComputeRole,
};
use crate::names::{
    AccountName, CloudName, ManifestKind, ManifestRef, max_compute_suffix, max_compute_user, ram_user_of_max_compute,
};
use crate::policy;

/// One region, with all that is wanted there.
struct Room<'r> {
    /// Through which steps and readings go.
    place: MaxComputePlace,
    region: &'r MaxComputeRegion,
    /// What is wanted here; none: nothing.
    wanted: Option<&'r WantedMaxCompute>,
    /// The tenant's roles that no manifest wants, by whose they are.
    leaving: BTreeMap<CloudName, ManifestRef>,
}

/// Plans all but the end of users that leave RAM too.
pub(super) fn plan(account: &mut Account<'_, '_, '_>, target: &WantedAccount) {
    for room in rooms(account, target) {
        if let Some(wanted) = room.wanted {
            account.roles(&room, wanted);
            account.grants(&room, wanted);
        }
        for (role, owner) in &room.leaving {
            account.drop_role(&room, role, owner);
        }
        account.put_out_of_projects(&room);
        // Who stays in RAM and is not wanted here any more.
        for (name, claims) in &target.users {
            let wanted = room.wanted.is_some_and(|wanted| wanted.users.contains_key(name));
            if let Some(owner) = claims.first().filter(|claim| !wanted && !claim.only_still).map(|claim| &claim.owner)
                && account.is_own_user(name)
            {
                account.take_out(&room, name, owner);
            }
        }
    }
}

/// The regions in which something of the tenant is wanted or may be, as far as they are known; what is not known is asked.
fn rooms<'r, 'a: 'r>(account: &mut Account<'_, 'a, '_>, target: &'r WantedAccount) -> Vec<Room<'r>> {
    let wanted = target.max_compute.as_ref();
    let told = account.draft.wanted.conduct.get(account.name).map(|conduct| conduct.max_compute.clone());
    let mut places = told.unwrap_or_default().places;
    places.extend(wanted.map(|wanted| (wanted.place.clone(), true)));
    let inventory = account.inventory;
    let mut rooms = Vec::new();
    let mut names: BTreeMap<String, Vec<MaxComputePlace>> = BTreeMap::new();
    for place in places.into_keys() {
        names.entry(place.region.clone()).or_default().push(place);
    }
    for region in inventory.max_compute.regions.keys() {
        names.entry(region.clone()).or_default();
    }
    let mut suffixes = None;
    for (name, places) in names {
        let wanted = wanted.filter(|wanted| wanted.place.region == name);
        let region = inventory.max_compute.regions.get(&name);
        let is_missing =
            |place: &MaxComputePlace| region.is_some_and(|region| region.through.get(&place.project) == Some(&false));
        if let Some(wanted) = wanted.filter(|wanted| is_missing(&wanted.place)) {
            account.no_way(wanted);
            continue;
        }
        if places.is_empty() && !region.is_some_and(|region| account.is_mentioned(region)) {
            continue;
        }
        let Some(region) = region.filter(|region| region.listed) else {
            let first = wanted.map(|wanted| &wanted.place);
            if let Some(place) = first.or_else(|| places.iter().find(|place| !is_missing(place))) {
                let read = MaxComputeRead { place: place.clone(), what: MaxComputeQuery::Lists };
                account.draft.read(account.name, Read::MaxCompute(read));
            }
            continue;
        };
        let through = region.through.iter().find(|(_, there)| **there).map(|(project, _)| project.clone());
        let project = wanted.map(|wanted| wanted.place.project.clone()).or(through);
        let Some(project) = project else { continue };
        let suffixes = suffixes.get_or_insert_with(|| account.suffixes());
        let leaving = account.leaving(region, wanted, suffixes);
        rooms.push(Room { place: MaxComputePlace { region: name, project }, region, wanted, leaving });
    }
    rooms
}

impl Account<'_, '_, '_> {
    fn no_way(&mut self, wanted: &WantedMaxCompute) {
        let place = &wanted.place;
        let message = format!(
            "there is no MaxCompute project {} in {}: nothing was done in MaxCompute. Make it, or name another in spec.accounts[].maxCompute.",
            place.project, place.region
        );
        self.refuse(&wanted.owner, Class::Invalid, message);
        let waiting = wanted.users.values().filter(|user| !user.roles.is_empty()).map(|user| &user.owner);
        let waiting: BTreeSet<ManifestRef> =
            wanted.roles.values().map(|role| &role.owner).chain(waiting).cloned().collect();
        for owner in waiting {
            let message = format!("waits for MaxCompute project {}, of which its Tenant says more", place.project);
            self.refuse(&owner, Class::Waiting, message);
        }
    }

    /// Whether anything in a region may be the tenant's.
    fn is_mentioned(&self, region: &MaxComputeRegion) -> bool {
        let name = self.draft.wanted.tenant.as_str().replace('-', "_");
        let own = |user: &CloudName| ram_user_of_max_compute(user).is_some_and(|user| self.is_own_user(&user));
        region.roles.keys().any(|role| role.as_str().contains(&name)) || region.users.keys().any(own)
    }

    /// How the names of the tenant's roles end, by whose they are. One that is for one user is the user's that goes.
    fn suffixes(&self) -> BTreeMap<String, ManifestRef> {
        let (cluster, wanted) = (self.inventory.cluster.as_str(), self.draft.wanted);
        let of = |kind| wanted.manifests.iter().filter(move |(manifest, _)| manifest.kind == kind);
        let mut all = BTreeMap::new();
        for (role, _) in of(ManifestKind::TenantRole) {
            let suffix = |name: &str| max_compute_suffix(cluster, wanted.tenant.as_str(), name);
            all.entry(suffix(&role.name)).or_insert_with(|| role.clone());
            for (user, life) in of(ManifestKind::TenantUser) {
                let owner = if life.deleting { user } else { role };
                all.entry(suffix(&format!("{}.{}", role.name, user.name))).or_insert_with(|| owner.clone());
            }
        }
        all
    }

    /// The tenant's roles in a region that no manifest wants and that may go.
    fn leaving(
        &self,
        region: &MaxComputeRegion,
        wanted: Option<&WantedMaxCompute>,
        suffixes: &BTreeMap<String, ManifestRef>,
    ) -> BTreeMap<CloudName, ManifestRef> {
        let is_wanted = |role: &CloudName| {
            wanted.is_some_and(|wanted| wanted.roles.contains_key(role) || wanted.kept.contains(role))
        };
        let owned = region.roles.keys().filter_map(|role| {
            let end = role.as_str().rfind('_')?;
            Some((role, suffixes.get(&role.as_str()[end..].to_ascii_lowercase())?))
        });
        let may_go = |owner: &ManifestRef| {
            let life = self.life(owner);
            let deleting = life.is_some_and(|life| life.deleting);
            let held = life.is_some_and(|life| life.held) && !deleting;
            let all_goes = self.draft.wanted.life == Life::Deleting;
            let retained = self.draft.wanted.retain && (deleting || all_goes);
            !held && !retained && (deleting || self.draft.wanted.life != Life::Absent)
        };
        let leaving = owned.filter(|(role, owner)| !is_wanted(role) && may_go(owner));
        leaving.map(|(role, owner)| (role.clone(), owner.clone())).collect()
    }

    fn is_own_user(&self, name: &CloudName) -> bool {
        let mark = self.inventory.mark(&ObjectId::user(name));
        mark.is_some_and(|mark| mark.cluster == self.inventory.cluster && mark.tenant == self.draft.wanted.tenant)
    }

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
                        !known.is_some_and(|user| wanted.users.contains_key(&user) || self.is_own_user(&user))
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
        for (name, user) in &wanted.users {
            let made = self.step_of(|action| matches!(action, CloudAction::CreateUser(user) if user.name == *name));
            if made.is_none() && !self.is_own_user(name) {
                continue;
            }
            let principal = max_compute_user(&self.inventory.account, name);
            match room.region.users.get(&principal) {
                None if user.only_still => {}
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
        let revoke = |role: &CloudName| {
            let deed = MaxComputeDeed::Revoke { role: role.clone(), user: principal.clone(), still: user.still };
            CloudAction::MaxCompute(MaxComputeAction { place: room.place.clone(), deed })
        };
        let stays = |role: &&CloudName| !room.leaving.contains_key(*role);
        if user.still {
            for role in has.iter().filter(stays) {
                self.step(&user.owner, Rank::Revoke, revoke(role), Vec::new());
            }
            return;
        }
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
        let revoked = seen.users.iter().map(|user| {
            let deed = MaxComputeDeed::Revoke { role: role.clone(), user: user.clone(), still: false };
            self.odps(&[], room, owner, deed, Vec::new())
        });
        let mut before: Vec<_> = revoked.collect();
        // A project that cannot be read keeps the role, and nobody in it.
        if !unread.is_empty() {
            unread.into_iter().for_each(|project| self.ask(room, MaxComputeQuery::Project(project)));
            return;
        }
        // Where it may be without a status that says so it is taken out unseen; the project may also be another's.
        for project in told.named.into_iter().filter(is_unread) {
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

    /// Takes a user that leaves RAM out of MaxCompute first: who is gone there could not be taken out any more. Gives the
    /// steps that its deletion waits for; none where it is not known yet what there is.
    pub(super) fn leave_max_compute(&mut self, name: &CloudName, subject: &ManifestRef) -> Option<Vec<usize>> {
        let told = self.draft.wanted.conduct.get(self.name).map(|conduct| conduct.max_compute.places.clone());
        let known = &self.inventory.max_compute.regions;
        let mut unknown = told
            .unwrap_or_default()
            .into_iter()
            .filter(|(place, told)| *told && !known.get(&place.region).is_some_and(|region| region.listed));
        if unknown.next().is_some() {
            return None;
        }
        let (wanted, nothing) = (self.draft.wanted, WantedAccount::default());
        let mut steps = Vec::new();
        for room in rooms(self, wanted.accounts.get(self.name).unwrap_or(&nothing)) {
            steps.extend(self.take_out(&room, name, subject)?);
        }
        Some(steps)
    }

    fn take_out(&mut self, room: &Room<'_>, name: &CloudName, subject: &ManifestRef) -> Option<Option<usize>> {
        let principal = max_compute_user(&self.inventory.account, name);
        let Some(has) = room.region.users.get(&principal) else { return Some(None) };
        let Some(has) = has else {
            self.ask(room, MaxComputeQuery::Grants(principal));
            return None;
        };
        // Grants that stay behind would hold again for the next user of that name.
        let mut before = Vec::new();
        for role in has.iter().filter(|role| !room.leaving.contains_key(*role)) {
            let deed = MaxComputeDeed::Revoke { role: role.clone(), user: principal.clone(), still: false };
            before.push(self.odps(&[], room, subject, deed, Vec::new()));
        }
        let of_user = |action: &CloudAction| match action {
            CloudAction::MaxCompute(it) => {
                matches!(&it.deed, MaxComputeDeed::Revoke { user, .. } if *user == principal)
            }
            _ => false,
        };
        let planned = self.draft.steps.iter().enumerate().filter(|(_, step)| is_in(&step.action, self.name, of_user));
        before.extend(planned.map(|(index, _)| Some(index)).collect::<Vec<_>>());
        Some(self.odps(&before, room, subject, MaxComputeDeed::RemoveUser(principal.clone()), Vec::new()))
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
