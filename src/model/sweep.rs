//! How a sweep's reading becomes part of the inventory: whole or not at all, and silent on what we just wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::action::Finding;
use super::cloud::{ObjectId, ObjectKind};
use super::inventory::Inventory;
use crate::names::{CloudName, TenantName, inline_of_description};

/// How long after a write of ours a sweep says nothing about that object, unless another time is set: reads of IAM may
/// lag behind its writes.
pub const FRESH_WRITE: Duration = Duration::from_secs(120);

/// Everything that one reading of an account found. Built only when every page was read.
#[derive(Debug, Default)]
pub struct Sweep {
    /// Users, groups, roles and policies, without what the bulk call omits.
    pub found: Vec<Finding>,
    /// Whether the bulk calls also omit documents, memberships and attachments: what was known of them still holds, and
    /// of what was never read they are unknown.
    pub bare: bool,
    /// To how many each customer's policy is attached, where bulk calls tell that and not to whom.
    pub attachments: BTreeMap<CloudName, i64>,
    /// Policies that stand for inline ones and are nobody's, with their descriptions: a process that died between two
    /// calls left them.
    pub loose: Vec<(CloudName, String)>,
}

impl Inventory {
    /// Takes in a sweep that began at `started` and says which tenants' objects are not as they were known. Objects that
    /// we wrote since `fresh_write` before that stay as they are known.
    pub fn absorb(&mut self, sweep: Sweep, started: Instant, fresh_write: Duration) -> BTreeSet<TenantName> {
        let horizon = started.checked_sub(fresh_write);
        self.written.retain(|_, at| horizon.is_none_or(|horizon| *at > horizon));
        let fresh: BTreeSet<ObjectId> = self.written.keys().cloned().collect();

        let mut next = Self::new(self.cluster.clone(), self.account.clone(), self.partition.clone());
        let (found, bare) = (sweep.found, sweep.bare);
        for found in found {
            let Some(object) = id_of(&found) else { continue };
            if fresh.contains(&object) {
                continue;
            }
            let known = self.users.get(&object.name).filter(|_| object.kind == ObjectKind::User);
            let (found, unread) =
                if bare { self.with_known_parts(&object, found) } else { (self.with_known_rest(found), None) };
            next.place(found, known);
            next.note_unread(&object, unread);
        }
        next.notebooks = std::mem::take(&mut self.notebooks);
        let stubs = self.others.iter().filter(|(object, _)| object.kind == ObjectKind::Notebook);
        next.others.extend(stubs.map(|(object, stub)| (object.clone(), stub.clone())));
        for object in &fresh {
            self.carry_over(object, &mut next);
            next.note_unread(object, self.unread.get(object).copied());
            next.others.extend(self.others.get_key_value(object).map(|(object, stub)| (object.clone(), stub.clone())));
        }
        next.workspaces = std::mem::take(&mut self.workspaces);
        next.quotas = std::mem::take(&mut self.quotas);
        next.max_compute = std::mem::take(&mut self.max_compute);
        next.written = std::mem::take(&mut self.written);
        self.drop_old_confirmations(started);
        next.confirmed = std::mem::take(&mut self.confirmed);
        next.swept = true;
        let ours = |description: &str| inline_of_description(&self.cluster, description).is_some();
        let loose = sweep.loose.into_iter().filter(|(_, it)| ours(it)).map(|(name, _)| name);
        next.loose = loose.map(|name| (name.clone(), self.loose.get(&name).copied().unwrap_or(started))).collect();
        if bare {
            next.forget_what_is_gone();
        }
        let moved = self.compare_attachments(&sweep.attachments, &fresh, &mut next);
        let mut changed = self.changed_tenants(&next);
        changed.extend(moved);
        *self = next;
        changed
    }

    /// The bulk call omits the tags of policies and how long sessions of roles last: what was read of the same object
    /// before still holds.
    fn with_known_rest(&self, found: Finding) -> Finding {
        match found {
            Finding::Policy(mut policy) if policy.tags.is_none() => {
                let known = self.policies.get(&policy.name).filter(|known| known.arn == policy.arn);
                policy.tags = known.and_then(|known| known.tags.clone());
                Finding::Policy(policy)
            }
            Finding::Role(mut role) => {
                let known = self.roles.get(&role.name);
                role.session_seconds = role.session_seconds.or_else(|| known?.session_seconds);
                Finding::Role(role)
            }
            other => other,
        }
    }

    fn carry_over(&self, object: &ObjectId, next: &mut Self) {
        match object.kind {
            // Lists of their own show them.
            ObjectKind::Notebook => {}
            ObjectKind::User => {
                next.users
                    .extend(self.users.get_key_value(&object.name).map(|(name, user)| (name.clone(), user.clone())));
            }
            ObjectKind::Group => {
                next.groups
                    .extend(self.groups.get_key_value(&object.name).map(|(name, it)| (name.clone(), it.clone())));
            }
            ObjectKind::Role => {
                next.roles.extend(self.roles.get_key_value(&object.name).map(|(name, it)| (name.clone(), it.clone())));
            }
            ObjectKind::Policy => {
                next.policies
                    .extend(self.policies.get_key_value(&object.name).map(|(name, it)| (name.clone(), it.clone())));
            }
            ObjectKind::MaxCompute => {}
            ObjectKind::Workspace => {}
        }
    }

    /// The tenants whose objects differ: one look at each object, however many tenants there are.
    fn changed_tenants(&self, next: &Self) -> BTreeSet<TenantName> {
        let users = differing(&self.users, &next.users).map(|name| (ObjectKind::User, name));
        let groups = differing(&self.groups, &next.groups).map(|name| (ObjectKind::Group, name));
        let policies = differing(&self.policies, &next.policies).map(|name| (ObjectKind::Policy, name));
        let roles = differing(&self.roles, &next.roles).map(|name| (ObjectKind::Role, name));
        let both = |(kind, name)| [self.tenant_of(kind, name), next.tenant_of(kind, name)];
        users.chain(groups).chain(policies).chain(roles).flat_map(both).flatten().map(TenantName::new).collect()
    }
}

/// What is only in one of the two, or not the same in both.
fn differing<'n, T: PartialEq>(
    before: &'n BTreeMap<CloudName, T>,
    after: &'n BTreeMap<CloudName, T>,
) -> impl Iterator<Item = &'n CloudName> {
    let changed = before.iter().filter(|(name, it)| after.get(*name) != Some(*it)).map(|(name, _)| name);
    changed.chain(after.keys().filter(|name| !before.contains_key(*name)))
}

fn id_of(found: &Finding) -> Option<ObjectId> {
    match found {
        Finding::User(user) => Some(ObjectId::user(&user.name)),
        Finding::Group(group) => Some(ObjectId::group(&group.name)),
        Finding::Role(role) => Some(ObjectId::role(&role.name)),
        Finding::Policy(policy) => Some(ObjectId::policy(&policy.name)),
        Finding::Absent
        | Finding::Keys(_)
        | Finding::LastUse { .. }
        | Finding::Login(_)
        | Finding::Tags(_)
        | Finding::Notebook(_)
        | Finding::Notebooks(_)
        | Finding::MaxCompute(_)
        | Finding::Workspace(_)
        | Finding::Mark { .. } => None,
    }
}
