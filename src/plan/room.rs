//! Whether an account has room for one more object, as the cloud counts them.

use super::Action;
use super::account::Account;
use crate::model::{Class, CloudAction, ObjectId, ObjectKind, RoleAction};
use crate::names::ManifestRef;

impl Account<'_, '_, '_> {
    /// Whether the account's quota has room for one more, counting what this plan already makes.
    pub(super) fn has_room(&mut self, subject: &ManifestRef, quota: &str, object: &ObjectId) -> bool {
        let Some(known) = self.inventory.quotas.get(quota).copied() else { return true };
        let planned = self.draft.steps.iter().filter(|step| match &step.action {
            Action::Cloud { account, action } if account == self.name => matches!(
                (action, object.kind),
                (CloudAction::CreatePolicy(_), ObjectKind::Policy)
                    | (CloudAction::CreateGroup(_), ObjectKind::Group)
                    | (CloudAction::CreateUser(_), ObjectKind::User)
                    | (CloudAction::Role(RoleAction::Create(_)), ObjectKind::Role)
            ),
            _ => false,
        });
        let planned = i64::try_from(planned.count()).unwrap_or(i64::MAX);
        if known.used + planned < known.limit {
            return true;
        }
        let message = format!(
            "{object} was not made: the account has {} of {} {}. Ask the cloud for more, delete some, or use another account.",
            known.used,
            known.limit,
            quota.to_ascii_lowercase()
        );
        self.refuse(subject, Class::QuotaExceeded, message);
        false
    }
}
