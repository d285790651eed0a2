//! The end in MaxCompute of users that leave RAM, or only the tenant's part of MaxCompute.

use super::rooms::{Room, rooms, way};
use super::{Account, is_in};
use crate::model::{CloudAction, MaxComputeDeed, MaxComputeQuery, WantedAccount};
use crate::names::{CloudName, ManifestRef, max_compute_user};

impl Account<'_, '_, '_> {
    /// Takes a user that leaves RAM out of MaxCompute first: who is gone there could not be taken out any more. Gives the
    /// steps that its deletion waits for; none where it is not known yet what there is, or where nothing can be done.
    pub(in super::super) fn leave_max_compute(
        &mut self,
        name: &CloudName,
        subject: &ManifestRef,
    ) -> Option<Vec<usize>> {
        let (wanted, nothing) = (self.draft.wanted, WantedAccount::default());
        let target = wanted.accounts.get(self.name).unwrap_or(&nothing);
        let principal = max_compute_user(&self.inventory.account, name);
        let inventory = self.inventory;
        let rooms = rooms(self, target);
        let (mut steps, mut all_known) = (Vec::new(), true);
        for (region_name, told) in self.regions(target) {
            let region = inventory.max_compute.regions.get(&region_name);
            let listed = region.filter(|region| region.listed);
            if !listed.map_or(told.is_there, |region| region.users.contains_key(&principal)) {
                continue;
            }
            let wanted = target.max_compute.as_ref().filter(|wanted| wanted.place.region == region_name);
            match rooms.iter().find(|room| room.place.region == region_name) {
                Some(room) => match self.take_out(room, name, subject, false) {
                    Some(step) => steps.extend(step),
                    None => all_known = false,
                },
                None if way(region, wanted, &told).is_none() => {
                    self.cannot_leave(subject, &principal.to_string(), &region_name, &told);
                    all_known = false;
                }
                None => all_known &= listed.is_some(),
            }
        }
        all_known.then_some(steps)
    }

    pub(super) fn take_out(
        &mut self,
        room: &Room<'_>,
        name: &CloudName,
        subject: &ManifestRef,
        still: bool,
    ) -> Option<Option<usize>> {
        let principal = max_compute_user(&self.inventory.account, name);
        let Some(has) = room.region.users.get(&principal) else { return Some(None) };
        let Some(has) = has else {
            self.ask(room, MaxComputeQuery::Grants(principal));
            return None;
        };
        // Grants that stay behind would hold again for the next user of that name.
        let mut before = Vec::new();
        for role in has.iter().filter(|role| still || !room.leaving.contains_key(*role)) {
            before.push(self.revoke(room, subject, role, &principal, still));
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
}
