//! The plan for how a user is shown to people, where its cloud shows more than a name.

use super::Rank;
use super::account::Account;
use crate::model::{CloudAction, User, WantedUser};

impl Account<'_, '_, '_> {
    pub(super) fn profile(&mut self, seen: &User, wanted: &WantedUser) {
        let detail = wanted.profile.differences(&seen.profile);
        if !detail.is_empty() {
            let action = CloudAction::SetProfile { user: seen.name.clone(), profile: wanted.profile.clone() };
            self.step(&wanted.owner, Rank::Repair, action, detail);
        }
    }
}
