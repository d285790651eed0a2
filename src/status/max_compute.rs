//! Where in MaxCompute things of the tenant are, as statuses tell it: what is left there is found by it after a restart,
//! whatever the manifests say by then.

use std::collections::{BTreeMap, BTreeSet};

use super::verdict::Report;
use crate::api::{
    MAX_COMPUTE_ROLES_MAX, MaxComputeRoleStatus, RoleAccountStatus, Tenant, TenantAccountStatus, TenantMaxCompute,
};
use crate::model::{CloudAction, MaxComputeRegion, Read, WantedMaxComputeRole};
use crate::names::{AccountName, CloudName, ManifestKind, ManifestRef, max_compute_is_of, max_compute_suffix};
use crate::plan::Action;

impl Report<'_> {
    fn region(&self, account: &AccountName, region: &str) -> Option<&MaxComputeRegion> {
        let inventory = self.accounts.get(account)?.inventory?;
        inventory.max_compute.regions.get(region).filter(|region| region.listed)
    }

    /// Whether something may be left to do in a region.
    fn is_unfinished(&self, account: &AccountName, region: &str) -> bool {
        let paused = self.wanted.manifests.get(&self.wanted.tenant_ref()).is_some_and(|life| life.paused);
        let steps = self.left.steps.iter().any(|step| match &step.action {
            Action::Cloud { account: of, action: CloudAction::MaxCompute(action) } => {
                of == account && action.place.region == region
            }
            _ => false,
        });
        let reads = self.left.reads.get(account).into_iter().flatten();
        let mut reads = reads.filter_map(|read| match read {
            Read::MaxCompute(read) => Some(&read.place.region),
            _ => None,
        });
        paused || steps || reads.any(|of| of == region) || self.region(account, region).is_none()
    }

    /// The places of the tenant in one account: the one that is wanted, once it answered, and those that are not clean.
    pub(super) fn max_compute_places(
        &self,
        account: &AccountName,
        wanted: Option<&TenantMaxCompute>,
        before: &[TenantMaxCompute],
    ) -> Vec<TenantMaxCompute> {
        let answers = |place: &&TenantMaxCompute| {
            let region = self.region(account, &place.region);
            region.is_some_and(|region| region.through.get(&place.project) == Some(&true))
        };
        let kept = before.iter().filter(|place| Some(*place) == wanted || self.is_unfinished(account, &place.region));
        let mut places: Vec<TenantMaxCompute> = wanted.into_iter().filter(answers).chain(kept).cloned().collect();
        places.sort_by(|a, b| (&a.region, &a.project).cmp(&(&b.region, &b.project)));
        places.dedup();
        places
    }

    /// The accounts that the Tenant does not name any more and whose MaxCompute is not clean, or whose workspace is there.
    pub(super) fn accounts_being_cleaned(
        &self,
        tenant: &Tenant,
        before: &[TenantAccountStatus],
    ) -> Vec<TenantAccountStatus> {
        let gone = before.iter().filter(|it| !tenant.spec.accounts.iter().any(|named| named.name == it.name));
        let unclean = gone.filter_map(|it| {
            let name = AccountName::new(&it.name);
            let max_compute = self.max_compute_places(&name, None, &it.max_compute);
            let tally = self.tally(&self.wanted.tenant_ref(), Some(&name));
            let ready = false;
            let workspace_id = self.workspace_id(&name, Some(it));
            let left = match (max_compute.is_empty(), &workspace_id) {
                (false, _) => "what is in MaxCompute is being cleaned",
                (true, Some(_)) => "the workspace is being deleted",
                (true, None) => return None,
            };
            (!self.wanted.abandons(&name)).then(|| TenantAccountStatus {
                max_compute,
                workspace_id,
                ready,
                message: tally.words().or_else(|| Some(left.to_owned())),
                ..it.clone()
            })
        });
        unclean.collect()
    }

    /// The role in MaxCompute, as far as it is there.
    pub(super) fn max_compute_role(
        &self,
        account: &AccountName,
        subject: &ManifestRef,
        before: Option<&MaxComputeRoleStatus>,
    ) -> Option<MaxComputeRoleStatus> {
        let wanted = self.wanted.accounts.get(account).and_then(|wanted| wanted.max_compute.as_ref());
        let mine = wanted.into_iter().flat_map(|it| it.all_roles()).filter(|(_, role)| role.owner == *subject);
        let mine: BTreeMap<&CloudName, &WantedMaxComputeRole> = mine.collect();
        let Some(wanted) = wanted.filter(|_| !mine.is_empty()) else {
            return before.filter(|before| self.is_there(account, subject, before)).cloned();
        };
        let Some(region) = self.region(account, &wanted.place.region) else { return before.cloned() };
        // Those that are on their way out are still in their projects.
        let told = before.into_iter().flat_map(|it| it.role.split(',')).map(CloudName::new);
        let named: BTreeSet<CloudName> = mine.keys().copied().cloned().chain(told).collect();
        let there: Vec<&CloudName> = named.iter().filter(|name| region.roles.contains_key(*name)).collect();
        let asked_for = mine.values().flat_map(|role| &role.projects);
        if there.is_empty() {
            return None;
        }
        let inside = |roles: &BTreeSet<CloudName>| there.iter().any(|name| roles.contains(*name));
        let read = region.projects.iter().filter(|(_, roles)| roles.as_ref().is_some_and(inside)).map(|(name, _)| name);
        // Of a project that could not be looked at, the best that is known is what was said of it, and that the role may have
        // been put into it by now.
        let told = before.into_iter().flat_map(|it| &it.projects).chain(asked_for);
        let told = told.filter(|it| !region.projects.contains_key(*it));
        let projects: BTreeSet<String> = read.chain(told).cloned().collect();
        Some(MaxComputeRoleStatus {
            region: wanted.place.region.clone(),
            project: wanted.place.project.clone(),
            role: in_one_field(&there),
            projects: projects.into_iter().collect(),
        })
    }

    /// Whether anything of a role is there: what its status names, and, as that may not hold all names, what is called as
    /// this role is, for everyone or for one user.
    fn is_there(&self, account: &AccountName, subject: &ManifestRef, told: &MaxComputeRoleStatus) -> bool {
        let mut names = told.role.split(',').map(CloudName::new);
        self.region(account, &told.region).is_none_or(|region| {
            names.any(|name| region.roles.contains_key(&name)) || self.has_one_called_so(account, subject, region)
        })
    }

    fn has_one_called_so(&self, account: &AccountName, subject: &ManifestRef, region: &MaxComputeRegion) -> bool {
        let Some(inventory) = self.accounts.get(account).and_then(|view| view.inventory) else { return false };
        let users = self.wanted.manifests.keys().filter(|manifest| manifest.kind == ManifestKind::TenantUser);
        let names = users.map(|user| format!("{}.{}", subject.name, user.name)).chain([subject.name.clone()]);
        let (cluster, tenant) = (inventory.cluster.as_str(), self.wanted.tenant.as_str());
        let suffixes: BTreeSet<String> = names.map(|name| max_compute_suffix(cluster, tenant, &name)).collect();
        region.roles.keys().any(|role| max_compute_is_of(role, &suffixes))
    }

    /// What is left of a role in accounts where nothing is wanted of it any more.
    pub(super) fn roles_being_cleaned(
        &self,
        subject: &ManifestRef,
        now: &[RoleAccountStatus],
        before: &[RoleAccountStatus],
    ) -> Vec<RoleAccountStatus> {
        let gone = before.iter().filter(|it| !now.iter().any(|named| named.name == it.name));
        let left = gone.filter(|it| {
            let account = AccountName::new(&it.name);
            let told = it.max_compute.as_ref();
            told.is_some_and(|told| !self.wanted.abandons(&account) && self.is_there(&account, subject, told))
        });
        left.map(|it| RoleAccountStatus { ready: false, ..it.clone() }).collect()
    }
}

/// Names joined by commas: as many whole ones, in their order, as the field holds.
fn in_one_field(names: &[&CloudName]) -> String {
    let most = usize::try_from(MAX_COMPUTE_ROLES_MAX).unwrap_or(usize::MAX);
    let mut text = String::new();
    for name in names {
        if text.len() + name.as_str().len() >= most {
            break;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(name.as_str());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_of_very_many_fits_its_field() {
        let names: Vec<CloudName> =
            (0..400).map(|user| CloudName::new(format!("acme_developer_user_{user:03}_abcdefgh"))).collect();
        let all: Vec<&CloudName> = names.iter().collect();
        let text = in_one_field(&all);
        assert!(text.len() <= 8192 && text.len() > 8192 - 64, "{}", text.len());
        let told: Vec<CloudName> = text.split(',').map(CloudName::new).collect();
        assert_eq!(told, names[..told.len()], "whole names, the first ones");
        assert_eq!(in_one_field(&all[..2]), format!("{},{}", names[0], names[1]));
        assert_eq!(in_one_field(&[]), "");
    }
}
