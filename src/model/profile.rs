//! What people see of a user beside its name, where its cloud shows it: only RAM does.

use serde::Serialize;

use super::{CloudAction, Inventory};

/// How a RAM user is shown to people. On AWS, which has nothing of the kind, always empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// Its display name, of at most [`RAM_DISPLAY_NAME_MAX`](crate::names::RAM_DISPLAY_NAME_MAX) characters.
    pub display_name: String,
    /// Its e-mail address; empty: none.
    pub email: String,
}

impl Profile {
    /// What differs from what is seen, one line a field: `displayName "a" → "b"`.
    #[must_use]
    pub fn differences(&self, seen: &Self) -> Vec<String> {
        let fields = [("displayName", &self.display_name, &seen.display_name), ("email", &self.email, &seen.email)];
        let differ = fields.into_iter().filter(|(_, wanted, seen)| wanted != seen);
        differ.map(|(name, wanted, seen)| format!("{name} {seen:?} → {wanted:?}")).collect()
    }
}

impl Inventory {
    /// Notes another profile of a user.
    pub(super) fn record_profile(&mut self, action: &CloudAction) {
        if let CloudAction::SetProfile { user, profile } = action
            && let Some(user) = self.users.get_mut(user)
        {
            user.profile.clone_from(profile);
        }
    }
}
