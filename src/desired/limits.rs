//! `Tenant.spec.limits`: they count what manifests want, oldest first; what is over is refused before any call.

use std::sync::Arc;

use super::{Compiler, manifest_ref};
use crate::api::{Tenant, TenantNotebook, TenantUser};
use crate::model::Class;
use crate::names::{ManifestKind, ManifestRef};

/// How many access keys a user wants: one in each of its accounts.
#[must_use]
pub fn keys_wanted(tenant: &Tenant, user: &TenantUser) -> i32 {
    let accounts = user.spec.accounts.as_ref().map_or(tenant.spec.accounts.len(), Vec::len);
    if user.spec.access_key.is_some() { i32::try_from(accounts).unwrap_or(i32::MAX) } else { 0 }
}

impl Compiler<'_> {
    /// The users that the limits leave room for, and those that are over; `users` comes oldest first. Who is refused takes
    /// no room.
    pub(super) fn within_limits(
        &mut self,
        users: Vec<Arc<TenantUser>>,
    ) -> (Vec<Arc<TenantUser>>, Vec<Arc<TenantUser>>) {
        let Some(limits) = self.tenant.spec.limits.clone() else { return (users, Vec::new()) };
        let (mut count, mut keys) = (0, 0);
        let (mut room, mut over) = (Vec::with_capacity(users.len()), Vec::new());
        for user in users {
            let mine = keys_wanted(self.tenant, &user);
            let with = [("users", count + 1, limits.users), ("accessKeys", keys + mine, limits.access_keys)];
            let asked = with.into_iter().filter(|(what, ..)| *what == "users" || mine > 0);
            match asked.into_iter().find(|(_, used, limit)| limit.is_some_and(|limit| *used > limit)) {
                Some((what, used, limit)) => {
                    let subject = manifest_ref(ManifestKind::TenantUser, user.as_ref());
                    let message = format!(
                        "with this user the tenant wants {used} {what}, and spec.limits.{what} of the Tenant is {}. Raise it, or delete another user.",
                        limit.unwrap_or_default()
                    );
                    self.refuse(&subject, None, Class::LimitExceeded, message);
                    self.hold(&subject);
                    over.push(user);
                }
                None => {
                    count += 1;
                    keys += mine;
                    room.push(user);
                }
            }
        }
        (room, over)
    }

    /// Whether the limits leave room for one more notebook of its type; `count` is how many have found room so far.
    pub(super) fn notebook_is_within_limits(
        &mut self,
        subject: &ManifestRef,
        notebook: &TenantNotebook,
        count: &mut i32,
    ) -> bool {
        let Some(limits) = self.tenant.spec.limits.clone() else { return true };
        let wanted = &notebook.spec.instance_type;
        let types = &limits.instance_types;
        if !types.is_empty() && !types.contains(wanted) {
            let message = format!(
                "instance type {wanted} is not allowed: spec.limits.instanceTypes of the Tenant has {}. Choose one of these, or add it there.",
                types.join(", ")
            );
            self.refuse(subject, None, Class::LimitExceeded, message);
            return false;
        }
        if let Some(limit) = limits.notebooks.filter(|limit| *count >= *limit) {
            let message = format!(
                "with this notebook the tenant wants {} notebooks, and spec.limits.notebooks of the Tenant is {limit}. Raise it, or delete another notebook.",
                *count + 1
            );
            self.refuse(subject, None, Class::LimitExceeded, message);
            return false;
        }
        *count += 1;
        true
    }
}
