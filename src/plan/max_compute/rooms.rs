//! In which regions of MaxCompute something of the tenant is wanted or may be, and through which project each is reached.

use std::collections::{BTreeMap, BTreeSet};

use super::Account;
use crate::model::{
    Class, Life, MaxComputePlace, MaxComputeQuery, MaxComputeRead, MaxComputeRegion, Read, WantedAccount,
    WantedMaxCompute,
};
use crate::names::{CloudName, ManifestKind, ManifestRef, max_compute_suffix, ram_user_of_max_compute};

/// One region, with all that is wanted there.
pub(super) struct Room<'r> {
    /// Through which steps and readings go.
    pub(super) place: MaxComputePlace,
    pub(super) region: &'r MaxComputeRegion,
    /// What is wanted here; none: nothing.
    pub(super) wanted: Option<&'r WantedMaxCompute>,
    /// Whether things are only taken away, as the project that the Tenant names is not there and another one passes that on.
    pub(super) only_away: bool,
    /// The tenant's roles that no manifest wants, by whose they are.
    pub(super) leaving: BTreeMap<CloudName, ManifestRef>,
}

/// What specs and statuses say of a region.
#[derive(Default)]
pub(super) struct Told {
    /// The projects in which, or through which, the tenant may be there.
    projects: BTreeSet<String>,
    /// Whether a status says that it is.
    pub(super) is_there: bool,
}

/// The regions in which something of the tenant is wanted or may be, as far as they are known; what is not known is asked.
pub(super) fn rooms<'r, 'a: 'r>(account: &mut Account<'_, 'a, '_>, target: &'r WantedAccount) -> Vec<Room<'r>> {
    let inventory = account.inventory;
    let mut rooms = Vec::new();
    let mut suffixes = None;
    for (name, told) in account.regions(target) {
        let wanted = target.max_compute.as_ref().filter(|wanted| wanted.place.region == name);
        let region = inventory.max_compute.regions.get(&name);
        let only_away = wanted.is_some_and(|wanted| is_missing(region, &wanted.place.project));
        if let Some(wanted) = wanted.filter(|_| only_away) {
            account.no_way(wanted);
        }
        if told.projects.is_empty() && !region.is_some_and(|region| account.is_mentioned(region)) {
            continue;
        }
        let suffixes = suffixes.get_or_insert_with(|| account.suffixes());
        let Some(project) = way(region, wanted, &told) else {
            account.cannot_clean(&name, region, wanted, &told, suffixes);
            continue;
        };
        let place = MaxComputePlace { region: name, project };
        let Some(region) = region.filter(|region| region.listed) else {
            let read = MaxComputeRead { place, what: MaxComputeQuery::Lists };
            account.draft.read(account.name, Read::MaxCompute(read));
            continue;
        };
        let leaving = account.leaving(region, wanted, suffixes);
        rooms.push(Room { place, region, wanted, only_away, leaving });
    }
    rooms
}

fn is_missing(region: Option<&MaxComputeRegion>, project: &str) -> bool {
    region.is_some_and(|region| region.through.get(project) == Some(&false))
}

/// Through which project commands reach a region: the one that is wanted, else any that is there, else one that was not
/// tried yet.
pub(super) fn way(region: Option<&MaxComputeRegion>, wanted: Option<&WantedMaxCompute>, told: &Told) -> Option<String> {
    let wanted = wanted.map(|wanted| &wanted.place.project).filter(|project| !is_missing(region, project));
    let there = || region?.through.iter().find(|(_, there)| **there).map(|(project, _)| project);
    let untried = || told.projects.iter().find(|project| !is_missing(region, project));
    wanted.or_else(there).or_else(untried).cloned()
}

impl Account<'_, '_, '_> {
    /// Every region that is known, wanted or told of.
    pub(super) fn regions(&self, target: &WantedAccount) -> BTreeMap<String, Told> {
        let mut regions: BTreeMap<String, Told> = BTreeMap::new();
        let told = self.draft.wanted.conduct.get(self.name).into_iter().flat_map(|it| &it.max_compute.places);
        for (place, is_there) in told {
            let told = regions.entry(place.region.clone()).or_default();
            told.projects.insert(place.project.clone());
            told.is_there |= is_there;
        }
        if let Some(wanted) = &target.max_compute {
            regions.entry(wanted.place.region.clone()).or_default().projects.insert(wanted.place.project.clone());
        }
        for region in self.inventory.max_compute.regions.keys() {
            regions.entry(region.clone()).or_default();
        }
        regions
    }

    /// Says what of the tenant cannot be taken away, as no project passes commands on to its region.
    fn cannot_clean(
        &mut self,
        name: &str,
        region: Option<&MaxComputeRegion>,
        wanted: Option<&WantedMaxCompute>,
        told: &Told,
        suffixes: &BTreeMap<String, ManifestRef>,
    ) {
        let all_goes = self.draft.wanted.life == Life::Deleting;
        if self.draft.wanted.observes(self.name) || (all_goes && self.draft.wanted.retain) {
            return;
        }
        let listed = region.filter(|region| region.listed);
        let of = self.draft.wanted.conduct.get(self.name);
        let (roles, users): (BTreeSet<ManifestRef>, bool) = match listed {
            Some(region) => {
                let own = |user: &CloudName| ram_user_of_max_compute(user).is_some_and(|user| self.is_own_user(&user));
                (self.leaving(region, wanted, suffixes).into_values().collect(), region.users.keys().any(own))
            }
            // Nobody can say whether that is still there of which statuses tell.
            None if told.is_there => (of.into_iter().flat_map(|it| &it.max_compute.roles).cloned().collect(), true),
            None => return,
        };
        for role in &roles {
            if self.life(role).is_some_and(|life| life.deleting) {
                self.cannot_leave(role, &role.to_string(), name, told);
            }
        }
        // Where it names a project that is not there, it says so already.
        if (all_goes || wanted.is_none()) && (users || !roles.is_empty()) {
            let tenant = self.draft.wanted.tenant_ref();
            self.cannot_leave(&tenant, "something of the tenant", name, told);
        }
    }

    /// Says that something cannot be taken out of a region, and keeps what would end without it.
    pub(super) fn cannot_leave(&mut self, subject: &ManifestRef, what: &str, region: &str, told: &Told) {
        let projects: Vec<&str> = told.projects.iter().map(String::as_str).collect();
        let message = format!(
            "{what} may still be in MaxCompute in {region}, and nothing can be taken away there: no project passes commands on, as {} is not there. Make it again, or name another project of that region in spec.accounts[].maxCompute of the Tenant.",
            if projects.is_empty() { "the one before".to_owned() } else { projects.join(", ") }
        );
        self.refuse(subject, Class::Invalid, message);
        self.draft.stuck.insert(subject.clone());
    }

    fn no_way(&mut self, wanted: &WantedMaxCompute) {
        let place = &wanted.place;
        let message = format!(
            "there is no MaxCompute project {} in {}: nothing was done in MaxCompute. Make it, or name another in spec.accounts[].maxCompute.",
            place.project, place.region
        );
        self.refuse(&wanted.owner, Class::Invalid, message);
        let waiting = wanted.users.values().flatten().filter(|user| !user.roles.is_empty()).map(|user| &user.owner);
        let waiting: BTreeSet<ManifestRef> =
            wanted.all_roles().map(|(_, role)| &role.owner).chain(waiting).cloned().collect();
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
        let named = wanted.into_iter().flat_map(|wanted| wanted.all_roles().map(|(role, _)| role).chain(&wanted.kept));
        let named: BTreeSet<&CloudName> = named.collect();
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
        let leaving = owned.filter(|(role, owner)| !named.contains(role) && may_go(owner));
        leaving.map(|(role, owner)| (role.clone(), owner.clone())).collect()
    }
}
