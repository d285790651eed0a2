//! The cache of one cloud account that every pass compares against: filled by sweeps, kept true by our own writes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde::Serialize;

use super::action::Finding;
use super::cloud::{Group, ObjectId, ObjectKind, Policy, Stub, Tags, User};
use super::max_compute::MaxComputeKnown;
use super::notebook::Notebooks;
use super::role::Role;
use super::sweep::FRESH_WRITE;
use super::unread::Unread;
use super::workspace::Workspaces;
use crate::names::{CloudName, ClusterId, ManifestRef, Mark, TAG_CLUSTER, TAG_OWNER, TAG_TENANT, TenantName};
use crate::policy::Document;

/// A quota of an account, as the cloud counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quota {
    /// In use.
    pub used: i64,
    /// Allowed.
    pub limit: i64,
}

/// What is known of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// The cluster whose marks are ours.
    pub cluster: ClusterId,
    /// The account's id.
    pub account: String,
    /// `aws`, `aws-cn`, …: the second part of every ARN; for Alibaba Cloud their first, `acs`.
    pub partition: String,
    /// Whether a sweep has succeeded since the start; before that nothing here means anything.
    pub swept: bool,
    /// Users with our marks or on our path.
    pub users: BTreeMap<CloudName, User>,
    /// Groups on our path.
    pub groups: BTreeMap<CloudName, Group>,
    /// Roles with our marks or on our path.
    pub roles: BTreeMap<CloudName, Role>,
    /// Policies with our marks or on our path; among them, of no tenant, the boundary that we keep.
    pub policies: BTreeMap<CloudName, Policy>,
    /// Notebooks, as far as they were listed.
    pub notebooks: Notebooks,
    /// PAI workspaces, ours or not.
    pub workspaces: Workspaces,
    /// Everything else that has a name.
    pub others: BTreeMap<ObjectId, Stub>,
    /// Objects of ours of which only what lists show is known.
    pub(super) unread: BTreeMap<ObjectId, Unread>,
    /// How much more often each of our policies was attached at the last sweep than was known.
    pub(super) surplus: BTreeMap<CloudName, i64>,
    /// Policies that stood for inline ones and were nobody's at the last sweep, and since which one.
    pub loose: BTreeMap<CloudName, Instant>,
    /// What is known of MaxCompute.
    pub max_compute: MaxComputeKnown,
    /// Quotas by name.
    pub quotas: BTreeMap<String, Quota>,
    /// When we last wrote each object.
    pub(super) written: BTreeMap<ObjectId, Instant>,
    /// When the cloud last confirmed that an object is what we know.
    pub(super) confirmed: BTreeMap<ObjectId, Instant>,
}

impl Inventory {
    /// An account of which nothing is known yet.
    pub fn new(cluster: ClusterId, account: impl Into<String>, partition: impl Into<String>) -> Self {
        Self {
            cluster,
            account: account.into(),
            partition: partition.into(),
            swept: false,
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            roles: BTreeMap::new(),
            policies: BTreeMap::new(),
            notebooks: Notebooks::default(),
            workspaces: Workspaces::default(),
            others: BTreeMap::new(),
            unread: BTreeMap::new(),
            surplus: BTreeMap::new(),
            max_compute: MaxComputeKnown::default(),
            loose: BTreeMap::new(),
            quotas: BTreeMap::new(),
            written: BTreeMap::new(),
            confirmed: BTreeMap::new(),
        }
    }

    /// Whose an object is, where that is known.
    #[must_use]
    pub fn mark(&self, object: &ObjectId) -> Option<Mark> {
        match object.kind {
            ObjectKind::User => self.users.get(&object.name)?.mark(),
            ObjectKind::Policy => self.policies.get(&object.name)?.mark(&self.cluster),
            ObjectKind::Group => self.groups.get(&object.name)?.mark(&self.cluster),
            ObjectKind::Notebook => self.notebooks.ours.get(&object.name)?.mark(),
            ObjectKind::Role => self.roles.get(&object.name)?.mark(),
            ObjectKind::MaxCompute => None,
            ObjectKind::Workspace => self.workspaces.known.get(&object.name)?.mark(),
        }
    }

    /// Every object that carries the tenant's marks or lies under its path.
    #[must_use]
    pub fn of_tenant(&self, tenant: &TenantName) -> Vec<ObjectId> {
        let of_tenant = self.objects_with_tenants().filter(|(_, _, owner)| *owner == tenant.as_str());
        of_tenant.map(|(kind, name, _)| ObjectId { kind, name: name.clone() }).collect()
    }

    /// Whether anything of the tenant is that manifest's: it carries its mark on a path of ours or, where the manifest took
    /// something over, on any.
    #[must_use]
    pub fn has_owned_by(&self, tenant: &TenantName, owner: &ManifestRef, took_over: bool) -> bool {
        let is_its = |object: &ObjectId| self.mark(object).is_some_and(|mark| mark.is_of(owner));
        self.of_tenant(tenant).iter().any(|object| (took_over || self.is_on_our_path(object)) && is_its(object))
    }

    /// Whether an object lies on a path of ours. A mark on another path counts only beside a manifest's word that it took
    /// the object over: tags can be forged.
    #[must_use]
    pub fn is_on_our_path(&self, object: &ObjectId) -> bool {
        let path = match object.kind {
            ObjectKind::User => self.users.get(&object.name).map(|it| &it.path),
            ObjectKind::Group => self.groups.get(&object.name).map(|it| &it.path),
            ObjectKind::Policy => self.policies.get(&object.name).map(|it| &it.path),
            // Its name is what its mark stands for, which is as good.
            ObjectKind::Notebook => return self.notebooks.ours.contains_key(&object.name),
            ObjectKind::Role => self.roles.get(&object.name).map(|it| &it.path),
            ObjectKind::MaxCompute => None,
            // Its description is its mark and its path.
            ObjectKind::Workspace => return self.tenant_of(object.kind, &object.name).is_some(),
        };
        path.is_some_and(|path| self.tenant_by_path(path).is_some())
    }

    /// A copy of what is the tenant's, to be looked at without holding up anybody.
    #[must_use]
    pub fn part_of(&self, tenant: &TenantName) -> Self {
        let mut part = Self::new(self.cluster.clone(), self.account.clone(), self.partition.clone());
        part.swept = self.swept;
        part.notebooks.listed.clone_from(&self.notebooks.listed);
        part.max_compute.clone_from(&self.max_compute);
        part.workspaces = self.workspaces.part_of(&self.cluster, tenant);
        for object in self.of_tenant(tenant) {
            let name = &object.name;
            part.unread.extend(self.unread.get_key_value(&object).map(|(object, why)| (object.clone(), *why)));
            match object.kind {
                ObjectKind::User => part.users.extend(self.users.get(name).map(|it| (name.clone(), it.clone()))),
                ObjectKind::Group => part.groups.extend(self.groups.get(name).map(|it| (name.clone(), it.clone()))),
                ObjectKind::Notebook => {
                    part.notebooks.ours.extend(self.notebooks.ours.get(name).map(|it| (name.clone(), it.clone())));
                }
                ObjectKind::Policy => {
                    part.policies.extend(self.policies.get(name).map(|it| (name.clone(), it.clone())))
                }
                ObjectKind::Role => part.roles.extend(self.roles.get(name).map(|it| (name.clone(), it.clone()))),
                ObjectKind::MaxCompute | ObjectKind::Workspace => {}
            }
        }
        part
    }

    /// Whether anybody of ours has that inline policy.
    #[must_use]
    pub fn has_inline(&self, name: &str, document: &Document) -> bool {
        let of_users = self.users.values().map(|it| &it.inline);
        let of_groups = self.groups.values().map(|it| &it.inline);
        let mut all = of_users.chain(of_groups).chain(self.roles.values().map(|it| &it.inline));
        all.any(|inline| inline.get(name) == Some(document))
    }

    /// The tenants that have anything here.
    #[must_use]
    pub fn tenants(&self) -> BTreeSet<TenantName> {
        let names: BTreeSet<&str> = self.objects_with_tenants().map(|(_, _, tenant)| tenant).collect();
        names.into_iter().map(TenantName::new).collect()
    }

    /// The tenant whose marks an object carries, or under whose path it lies.
    pub(super) fn tenant_of(&self, kind: ObjectKind, name: &CloudName) -> Option<&str> {
        match kind {
            ObjectKind::User => self.tenant_of_user(self.users.get(name)?),
            ObjectKind::Group => self.tenant_by_path(&self.groups.get(name)?.path),
            ObjectKind::Policy => self.tenant_of_policy(self.policies.get(name)?),
            ObjectKind::Notebook => self.tenant_by_tags(&self.notebooks.ours.get(name)?.tags),
            ObjectKind::Role => self.tenant_of_role(self.roles.get(name)?),
            ObjectKind::MaxCompute => None,
            ObjectKind::Workspace => self.workspaces.known.get(name)?.tenant(&self.cluster),
        }
    }

    fn objects_with_tenants(&self) -> impl Iterator<Item = (ObjectKind, &CloudName, &str)> {
        let users = self.users.iter().map(|(name, it)| (ObjectKind::User, name, self.tenant_of_user(it)));
        let groups = self.groups.iter().map(|(name, it)| (ObjectKind::Group, name, self.tenant_by_path(&it.path)));
        let policies = self.policies.iter().map(|(name, it)| (ObjectKind::Policy, name, self.tenant_of_policy(it)));
        let roles = self.roles.iter().map(|(name, it)| (ObjectKind::Role, name, self.tenant_of_role(it)));
        let notebooks = self.notebooks.ours.iter();
        let notebooks = notebooks.map(|(name, it)| (ObjectKind::Notebook, name, self.tenant_by_tags(&it.tags)));
        let workspaces = self.workspaces.known.iter();
        let workspaces = workspaces.map(|(name, it)| (ObjectKind::Workspace, name, it.tenant(&self.cluster)));
        let all = users.chain(groups).chain(policies).chain(roles).chain(notebooks).chain(workspaces);
        all.filter_map(|(kind, name, tenant)| Some((kind, name, tenant?)))
    }

    fn tenant_of_role<'r>(&self, role: &'r Role) -> Option<&'r str> {
        self.tenant_by_tags(&role.tags).or_else(|| self.tenant_by_path(&role.path))
    }

    fn tenant_of_user<'u>(&self, user: &'u User) -> Option<&'u str> {
        self.tenant_by_tags(&user.tags).or_else(|| self.tenant_by_path(&user.path))
    }

    fn tenant_of_policy<'p>(&self, policy: &'p Policy) -> Option<&'p str> {
        policy.tags.as_ref().and_then(|tags| self.tenant_by_tags(tags)).or_else(|| self.tenant_by_path(&policy.path))
    }

    fn tenant_by_tags<'t>(&self, tags: &'t Tags) -> Option<&'t str> {
        let ours = tags.get(TAG_CLUSTER)? == self.cluster.as_str() && tags.contains_key(TAG_OWNER);
        tags.get(TAG_TENANT).filter(|_| ours).map(String::as_str)
    }

    fn tenant_by_path<'p>(&self, path: &'p str) -> Option<&'p str> {
        crate::names::tenant_in_path(&self.cluster, path)
    }

    /// Takes in what a live read of one object found. A read of a mark alone changes nothing here unless there is no
    /// such object: the caller compares it with what is known.
    pub fn learn(&mut self, object: &ObjectId, finding: Finding) {
        match finding {
            Finding::Keys(mut keys) => {
                if let Some(user) = self.users.get_mut(&object.name) {
                    for key in &mut keys {
                        let known = user.keys.iter().flatten().find(|known| known.id == key.id);
                        key.last_use = known.and_then(|known| known.last_use.clone());
                    }
                    user.keys = Some(keys);
                }
            }
            Finding::LastUse { id, last_use } => {
                let keys = self.users.get_mut(&object.name).into_iter().flat_map(|user| user.keys.iter_mut().flatten());
                keys.filter(|key| key.id == id).for_each(|key| key.last_use = Some(last_use.clone()));
            }
            Finding::Login(login) => {
                if let Some(user) = self.users.get_mut(&object.name) {
                    user.login = Some(login);
                }
            }
            Finding::Tags(tags) => {
                if let Some(policy) = self.policies.get_mut(&object.name) {
                    policy.tags = Some(tags);
                }
            }
            Finding::Notebooks(list) => drop(self.absorb_notebooks(list, FRESH_WRITE)),
            Finding::Mark { .. } => {}
            Finding::MaxCompute(finding) => self.max_compute.learn(finding),
            Finding::Workspace(finding) => self.learn_workspaces(object, finding),
            found => {
                let mut known = None;
                match object.kind {
                    ObjectKind::User => known = self.users.remove(&object.name),
                    ObjectKind::Group => drop(self.groups.remove(&object.name)),
                    ObjectKind::Policy => drop(self.policies.remove(&object.name)),
                    ObjectKind::Notebook => drop(self.notebooks.ours.remove(&object.name)),
                    ObjectKind::Role => drop(self.roles.remove(&object.name)),
                    ObjectKind::MaxCompute => {}
                    ObjectKind::Workspace => drop(self.workspaces.known.remove(&object.name)),
                }
                self.others.remove(object);
                self.unread.remove(object);
                self.place(found, known.as_ref());
            }
        }
    }

    /// Puts a found object among ours or among the others; of a user `known` has what only single reads show.
    pub(super) fn place(&mut self, found: Finding, known: Option<&User>) {
        let cluster = self.cluster.clone();
        let on_path = |path: &str| crate::names::tenant_of_path(&cluster, path).is_some();
        let ours = |mark: &Option<Mark>| mark.as_ref().is_some_and(|mark| mark.cluster == cluster);
        match found {
            Finding::Absent
            | Finding::Keys(_)
            | Finding::LastUse { .. }
            | Finding::Login(_)
            | Finding::Tags(_)
            | Finding::Notebooks(_)
            | Finding::MaxCompute(_)
            | Finding::Workspace(_)
            | Finding::Mark { .. } => {}
            Finding::Notebook(notebook) => self.place_notebook(*notebook),
            Finding::User(mut user) => {
                let mark = user.mark();
                if ours(&mark) || on_path(&user.path) {
                    user.keys = user.keys.or_else(|| known?.keys.clone());
                    user.login = user.login.or_else(|| known?.login);
                    self.users.insert(user.name.clone(), user);
                } else {
                    let stub = Stub { arn: user.arn, mark, mark_read: true };
                    self.others.insert(ObjectId::user(&user.name), stub);
                }
            }
            Finding::Role(role) => self.place_role(role),
            Finding::Group(group) => {
                if on_path(&group.path) {
                    self.groups.insert(group.name.clone(), group);
                } else {
                    let arn = self.arn(ObjectKind::Group, &group.path, &group.name);
                    self.others.insert(ObjectId::group(&group.name), Stub { arn, mark: None, mark_read: true });
                }
            }
            Finding::Policy(policy) => {
                let mark = policy.mark(&cluster);
                let of_account = policy.path == crate::names::cluster_path(&cluster);
                if ours(&mark) || of_account || on_path(&policy.path) {
                    self.policies.insert(policy.name.clone(), policy);
                } else {
                    let stub = Stub { arn: policy.arn, mark, mark_read: policy.tags.is_some() };
                    self.others.insert(ObjectId::policy(&policy.name), stub);
                }
            }
        }
    }
}
