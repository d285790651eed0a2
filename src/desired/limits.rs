//! `Tenant.spec.limits`: they count what manifests want, oldest first; what is over is refused before any call.

use std::sync::Arc;

use super::{Compiler, manifest_ref};
use crate::api::TenantUser;
use crate::model::Class;
use crate::names::ManifestKind;

impl Compiler<'_> {
    /// The users that the limits leave room for; `users` comes oldest first.
    pub(super) fn within_limits(&mut self, users: Vec<Arc<TenantUser>>) -> Vec<Arc<TenantUser>> {
        let Some(limits) = self.tenant.spec.limits.clone() else { return users };
        let (mut count, mut keys) = (0, 0);
        let mut room = Vec::with_capacity(users.len());
        for user in users {
            count += 1;
            if user.spec.access_key.is_some() {
                let accounts = user.spec.accounts.as_ref().map_or(self.tenant.spec.accounts.len(), Vec::len);
                keys += i32::try_from(accounts).unwrap_or(i32::MAX);
            }
            let over = [("users", count, limits.users), ("accessKeys", keys, limits.access_keys)];
            let over = over.into_iter().find(|(_, used, limit)| limit.is_some_and(|limit| *used > limit));
            match over {
                Some((what, used, limit)) => {
                    let subject = manifest_ref(ManifestKind::TenantUser, user.as_ref());
                    let message = format!(
                        "with this user the tenant wants {used} {what}, and spec.limits.{what} of the Tenant is {}. Raise it, or delete another user.",
                        limit.unwrap_or_default()
                    );
                    self.refuse(&subject, None, Class::LimitExceeded, message);
                    self.hold(&subject);
                }
                None => room.push(user),
            }
        }
        room
    }
}
