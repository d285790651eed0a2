//! What lists do not show: on a cloud without a bulk read of documents, memberships and attachments these are known of
//! an object only once it was read itself, and stay known as long as nothing says otherwise.

use std::collections::{BTreeMap, BTreeSet};

use super::action::{Finding, Read};
use super::cloud::{Group, ObjectId, ObjectKind, Stub};
use super::inventory::Inventory;
use super::max_compute::MaxComputeQuery;
use super::workspace::{WorkspaceFinding, WorkspaceRead};
use crate::names::{CloudName, TenantName, ram_policy};

/// Why what an object says and what hangs on it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It was never read.
    Never,
    /// It was, and lists show that it is another by now.
    Moved,
}

impl Inventory {
    /// Whether of one of our objects only marks are known: what it says, whom it belongs to and what is attached to it
    /// is not, and makes no step.
    #[must_use]
    pub fn is_unread(&self, object: &ObjectId) -> bool {
        self.unread.contains_key(object)
    }

    /// Whether lists show that the object is not as it was read, so that it should be read again soon.
    #[must_use]
    pub fn has_moved(&self, object: &ObjectId) -> bool {
        self.unread.get(object) == Some(&Unread::Moved)
    }

    /// Our objects of which something is shown by no bulk call.
    #[must_use]
    pub fn with_hidden_parts(&self) -> Vec<ObjectId> {
        let users = self.users.keys().map(ObjectId::user);
        if !self.is_ram() {
            return users.chain(self.notebooks.ours.keys().map(ObjectId::notebook)).collect();
        }
        let rest = self.groups.keys().map(ObjectId::group).chain(self.policies.keys().map(ObjectId::policy));
        let max_compute = self.max_compute_hidden().into_iter().map(|(object, _)| object);
        let workspaces = self.workspaces.known.iter().filter(|(_, it)| it.tenant(&self.cluster).is_some());
        users
            .chain(rest)
            .chain(self.roles.keys().map(ObjectId::role))
            .chain(workspaces.map(|(name, _)| ObjectId::workspace(name)))
            .chain(max_compute)
            .collect()
    }

    /// The readings that show what no bulk call does.
    #[must_use]
    pub fn hidden_parts(&self, object: &ObjectId) -> Vec<Read> {
        if object.kind == ObjectKind::MaxCompute {
            let hidden = self.max_compute_hidden().into_iter();
            return hidden.filter(|(hidden, _)| hidden == object).map(|(_, read)| read).collect();
        }
        if object.kind == ObjectKind::Workspace {
            return vec![Read::Workspace(WorkspaceRead::Members(object.name.clone()))];
        }
        let whole = (self.is_ram() || object.kind == ObjectKind::Notebook).then(|| Read::Object(object.clone()));
        let of_user = [Read::Keys(object.name.clone()), Read::Login(object.name.clone())];
        let of_user = of_user.into_iter().filter(|_| object.kind == ObjectKind::User);
        whole.into_iter().chain(of_user).collect()
    }

    /// Everything that is known of an object of ours, to be compared with what is known later.
    #[must_use]
    pub fn state_of(&self, object: &ObjectId) -> Option<Finding> {
        let name = &object.name;
        match object.kind {
            ObjectKind::MaxCompute => None,
            ObjectKind::User => self.users.get(name).cloned().map(Finding::User),
            ObjectKind::Group => self.groups.get(name).cloned().map(Finding::Group),
            ObjectKind::Policy => self.policies.get(name).cloned().map(Finding::Policy),
            ObjectKind::Notebook => self.notebooks.ours.get(name).cloned().map(Box::new).map(Finding::Notebook),
            ObjectKind::Role => self.roles.get(name).cloned().map(Finding::Role),
            ObjectKind::Workspace => {
                let known = self.workspaces.known.get(name).cloned();
                known.map(WorkspaceFinding::One).map(Finding::Workspace)
            }
        }
    }

    /// The readings of what lists do not show of a tenant in MaxCompute. Roles are taken by the tenant's name in theirs.
    #[must_use]
    pub fn max_compute_of(&self, tenant: &TenantName) -> Vec<Read> {
        let is_its = |user: &CloudName| self.tenant_of(ObjectKind::User, user) == Some(tenant.as_str());
        let name = tenant.as_str().replace('-', "_");
        let hidden = self.max_compute.hidden(is_its).into_iter().map(|(_, read)| read);
        let concerns = |read: &Read| match read {
            Read::MaxCompute(read) => match &read.what {
                MaxComputeQuery::Role(role) => role.as_str().contains(&name),
                _ => true,
            },
            _ => false,
        };
        hidden.filter(concerns).collect()
    }

    fn max_compute_hidden(&self) -> Vec<(ObjectId, Read)> {
        self.max_compute.hidden(|user| self.users.contains_key(user))
    }

    /// A found object with what is known of it beside what lists show, and why not where it is
    /// nothing.
    pub(super) fn with_known_parts(&self, object: &ObjectId, found: Finding) -> (Finding, Option<Unread>) {
        let read = !self.is_unread(object);
        let unread = self.unread.get(object).copied().or(Some(Unread::Never));
        match found {
            Finding::User(mut user) => match self.users.get(&user.name).filter(|_| read) {
                Some(known) => {
                    user.groups.clone_from(&known.groups);
                    user.attached.clone_from(&known.attached);
                    user.inline.clone_from(&known.inline);
                    (Finding::User(user), None)
                }
                None => (Finding::User(user), unread),
            },
            Finding::Group(mut group) => match self.groups.get(&group.name).filter(|_| read) {
                Some(known) => {
                    group.attached.clone_from(&known.attached);
                    group.inline.clone_from(&known.inline);
                    (Finding::Group(group), None)
                }
                None => (Finding::Group(group), unread),
            },
            Finding::Role(mut role) => match self.roles.get(&role.name).filter(|_| read) {
                Some(known) => {
                    role.trust.clone_from(&known.trust);
                    role.attached.clone_from(&known.attached);
                    role.inline.clone_from(&known.inline);
                    (Finding::Role(role), None)
                }
                None => (Finding::Role(role), unread),
            },
            Finding::Policy(mut policy) => {
                // Another version in force says something else.
                match self.policies.get(&policy.name).filter(|_| read) {
                    Some(known) if known.default_version == policy.default_version => {
                        policy.document.clone_from(&known.document);
                        policy.old_versions.clone_from(&known.old_versions);
                        (Finding::Policy(policy), None)
                    }
                    Some(_) => (Finding::Policy(policy), Some(Unread::Moved)),
                    None => (Finding::Policy(policy), unread),
                }
            }
            other => (other, None),
        }
    }

    /// What lists do not show any more hangs on nothing: whoever deleted it had to take it off first.
    pub(super) fn forget_what_is_gone(&mut self) {
        let is_gone = |groups: &BTreeMap<CloudName, Group>, others: &BTreeMap<ObjectId, Stub>, name: &CloudName| {
            !groups.contains_key(name) && !others.contains_key(&ObjectId::group(name))
        };
        for user in self.users.values_mut() {
            user.groups.retain(|name| !is_gone(&self.groups, &self.others, name));
        }
        let own = self.policies.values().map(|policy| policy.arn.clone());
        let there: BTreeSet<String> = own.chain(self.others.values().map(|stub| stub.arn.clone())).collect();
        let stays = |arn: &String| ram_policy(arn).is_none_or(|(_, system)| system) || there.contains(arn);
        self.users.values_mut().for_each(|user| user.attached.retain(stays));
        self.groups.values_mut().for_each(|group| group.attached.retain(stays));
        self.roles.values_mut().for_each(|role| role.attached.retain(stays));
    }

    /// Compares how often each of our policies is attached with what is known. Where that has changed since the last sweep
    /// somebody's hand was in it: who may have it is read again soon. Says whose tenants these are.
    pub(super) fn compare_attachments(
        &self,
        counts: &BTreeMap<CloudName, i64>,
        fresh: &BTreeSet<ObjectId>,
        next: &mut Self,
    ) -> BTreeSet<TenantName> {
        if counts.is_empty() {
            return BTreeSet::new();
        }
        let mut bearers: BTreeMap<String, Vec<ObjectId>> = BTreeMap::new();
        let all = next.users.keys().map(ObjectId::user).chain(next.groups.keys().map(ObjectId::group));
        let all = all.chain(next.roles.keys().map(ObjectId::role));
        for object in all {
            if let Some(tenant) = next.tenant_of(object.kind, &object.name).map(str::to_owned) {
                bearers.entry(tenant).or_default().push(object);
            }
        }
        let mut moved = BTreeMap::new();
        for (name, policy) in &next.policies {
            let Some(count) = counts.get(name) else { continue };
            let Some(tenant) = policy.mark(&next.cluster).map(|mark| mark.tenant) else { continue };
            let before = self.surplus.get(name).copied().unwrap_or_default();
            let bearers = bearers.get(tenant.as_str()).map_or(&[][..], Vec::as_slice);
            // Lists may not show yet what we just wrote, and what was never read cannot be compared.
            let known = bearers.iter().all(|object| !fresh.contains(object) && !next.is_unread(object));
            if !known || fresh.contains(&ObjectId::policy(name)) {
                next.surplus.insert(name.clone(), before);
                continue;
            }
            let has = |object: &&ObjectId| {
                let attached = match object.kind {
                    ObjectKind::User => next.users.get(&object.name).map(|user| &user.attached),
                    ObjectKind::Role => next.roles.get(&object.name).map(|role| &role.attached),
                    _ => next.groups.get(&object.name).map(|group| &group.attached),
                };
                attached.is_some_and(|attached| attached.contains(&policy.arn))
            };
            let surplus = count - i64::try_from(bearers.iter().filter(has).count()).unwrap_or(i64::MAX);
            if surplus != before {
                let suspects = bearers.iter().filter(|object| surplus > before || has(object)).cloned();
                moved.extend(suspects.map(|object| (object, tenant.clone())));
            }
            next.surplus.insert(name.clone(), surplus);
        }
        next.unread.extend(moved.keys().map(|object| (object.clone(), Unread::Moved)));
        moved.into_values().collect()
    }

    /// Notes whether the parts of an object are known, if it is ours.
    pub(super) fn note_unread(&mut self, object: &ObjectId, unread: Option<Unread>) {
        let ours = match object.kind {
            ObjectKind::User => self.users.contains_key(&object.name),
            ObjectKind::Group => self.groups.contains_key(&object.name),
            ObjectKind::Policy => self.policies.contains_key(&object.name),
            ObjectKind::Notebook => false,
            ObjectKind::Role => self.roles.contains_key(&object.name),
            ObjectKind::MaxCompute => false,
            ObjectKind::Workspace => false,
        };
        if let Some(unread) = unread.filter(|_| ours) {
            self.unread.insert(object.clone(), unread);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::{Duration, Instant};

    use super::*;
    use crate::model::{Policy, Sweep, Tags, User};
    use crate::names::{CloudName, ClusterId, RAM_PARTITION, TAG_CLUSTER, TAG_OWNER, TAG_TENANT};

    fn alice() -> User {
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let marks = [(TAG_CLUSTER, "c1"), (TAG_TENANT, "acme"), (TAG_OWNER, "tenantuser/acme/alice")];
        User {
            name: CloudName::new("acme.alice"),
            path: "/tenants/c1/acme/".to_owned(),
            arn: "acs:ram::1:user/acme.alice".to_owned(),
            id: None,
            tags: marks.map(|(key, value)| tag(key, value)).into_iter().collect::<Tags>(),
            profile: Default::default(),
            boundary: None,
            groups: Default::default(),
            attached: Default::default(),
            inline: Default::default(),
            keys: None,
            login: None,
        }
    }

    fn dev() -> Policy {
        let marks = [(TAG_CLUSTER, "c1"), (TAG_TENANT, "acme"), (TAG_OWNER, "tenantrole/acme/dev")];
        Policy {
            name: CloudName::new("acme-dev"),
            path: "/tenants/c1/acme/".to_owned(),
            arn: "acs:ram::1:policy/acme-dev".to_owned(),
            description: String::new(),
            tags: Some(marks.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect()),
            default_version: "v1".to_owned(),
            old_versions: Vec::new(),
            document: None,
        }
    }

    #[test]
    fn a_count_that_moves_has_the_suspects_read_once() {
        let mut inventory = Inventory::new(ClusterId::new("c1"), "1", RAM_PARTITION);
        let (alice_id, dev_id) = (ObjectId::user(&alice().name), ObjectId::policy(&dev().name));
        let found = || vec![Finding::User(alice()), Finding::Policy(dev())];
        let sweep = |inventory: &mut Inventory, count| {
            let attachments = [(dev().name, count)].into();
            inventory.absorb(
                Sweep { found: found(), bare: true, attachments, ..Sweep::default() },
                Instant::now(),
                Duration::ZERO,
            )
        };
        let has_it = || Finding::User(User { attached: [dev().arn].into(), ..alice() });
        sweep(&mut inventory, 1);
        inventory.learn(&alice_id, has_it());
        inventory.learn(&dev_id, Finding::Policy(dev()));
        assert!(sweep(&mut inventory, 1).is_empty() && !inventory.is_unread(&alice_id));
        // Somebody has attached it to something else: alice does not turn out to be that, and is left in peace.
        assert_eq!(sweep(&mut inventory, 2), [TenantName::new("acme")].into());
        assert!(inventory.has_moved(&alice_id));
        inventory.learn(&alice_id, has_it());
        assert!(sweep(&mut inventory, 2).is_empty() && !inventory.is_unread(&alice_id));
        // Somebody has detached it.
        sweep(&mut inventory, 1);
        assert!(inventory.has_moved(&alice_id));
    }

    #[test]
    fn what_hangs_on_a_user_is_forgotten_when_it_is_deleted() {
        let mut inventory = Inventory::new(ClusterId::new("c1"), "1", RAM_PARTITION);
        let group = |name: &str, path: &str| {
            let (name, path) = (CloudName::new(name), path.to_owned());
            Finding::Group(Group { name, path, attached: Default::default(), inline: Default::default() })
        };
        let sweep = |inventory: &mut Inventory, found| {
            inventory.absorb(Sweep { found, bare: true, ..Sweep::default() }, Instant::now(), Duration::ZERO)
        };
        let all = || {
            vec![
                Finding::User(alice()),
                Finding::Policy(dev()),
                group("acme", "/tenants/c1/acme/"),
                group("people", "/"),
            ]
        };
        sweep(&mut inventory, all());
        let groups = ["acme", "people"].map(CloudName::new).into();
        let attached: BTreeSet<String> = [dev().arn, "acs:ram:*:system:policy/ReadOnlyAccess".to_owned()].into();
        let object = ObjectId::user(&alice().name);
        inventory.learn(&object, Finding::User(User { groups, attached: attached.clone(), ..alice() }));
        assert!(sweep(&mut inventory, all()).is_empty());
        assert_eq!(
            (inventory.users[&object.name].groups.len(), &inventory.users[&object.name].attached),
            (2, &attached)
        );
        assert_eq!(sweep(&mut inventory, vec![Finding::User(alice())]), [TenantName::new("acme")].into());
        let left = &inventory.users[&object.name];
        assert!(left.groups.is_empty() && left.attached.len() == 1, "{left:?}");
    }

    #[test]
    fn what_was_read_once_outlives_sweeps_that_do_not_show_it() {
        let mut inventory = Inventory::new(ClusterId::new("c1"), "1", RAM_PARTITION);
        let object = ObjectId::user(&CloudName::new("acme.alice"));
        let sweep = || Sweep { found: vec![Finding::User(alice())], bare: true, ..Sweep::default() };
        inventory.absorb(sweep(), Instant::now(), Duration::ZERO);
        assert!(inventory.is_unread(&object));
        let attached = ["acs:ram:*:system:policy/ReadOnlyAccess".to_owned()].into();
        inventory.learn(&object, Finding::User(User { attached, ..alice() }));
        assert!(!inventory.is_unread(&object));
        let changed = inventory.absorb(sweep(), Instant::now(), Duration::ZERO);
        assert!(changed.is_empty() && !inventory.is_unread(&object));
        assert_eq!(inventory.users[&object.name].attached.len(), 1);
    }
}
