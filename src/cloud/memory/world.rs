//! What exists in the account that lives in memory.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::max_compute::MaxCompute;
use crate::model::{
    AccessKey, Finding, Group, Login, Notebook, ObjectId, ObjectKind, PasswordRules, Policy, Quota, Role, User,
    Workspace,
};
use crate::names::{CloudName, ClusterId, system_policy_arn};

/// The account's objects, open to tests.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// The cluster whose marks are ours.
    pub(crate) cluster: ClusterId,
    /// The account's id.
    pub(crate) account: String,
    /// Whether it behaves as RAM does, not as IAM.
    pub(crate) is_ram: bool,
    /// The time that new keys get.
    pub(crate) now: Timestamp,
    /// Users; their keys are always `Some`.
    pub(crate) users: BTreeMap<CloudName, User>,
    /// Groups; members are on the users.
    pub(crate) groups: BTreeMap<CloudName, Group>,
    /// Roles.
    pub(crate) roles: BTreeMap<CloudName, Role>,
    /// Policies; their tags are always `Some`.
    pub(crate) policies: BTreeMap<CloudName, Policy>,
    /// Notebooks.
    pub(crate) notebooks: BTreeMap<CloudName, Notebook>,
    /// How many notebooks were ever made.
    pub(crate) notebooks_made: u64,
    /// PAI workspaces; their members are always `Some`.
    pub(crate) workspaces: BTreeMap<CloudName, Workspace>,
    /// The vendor's policies: path by name.
    pub(crate) vendor: BTreeMap<String, String>,
    /// The most users that the account may have.
    pub(crate) user_limit: i64,
    /// The account's rules for passwords.
    pub(crate) passwords: Option<PasswordRules>,
    /// Secret halves by key id.
    pub(crate) secrets: BTreeMap<String, String>,
    /// When keys were last used, by id.
    pub(crate) used: BTreeMap<String, Timestamp>,
    /// MaxCompute.
    pub(crate) max_compute: MaxCompute,
    /// Console passwords by user.
    pub(crate) logins: BTreeMap<CloudName, String>,
    /// The fewest characters that a password may have.
    pub(crate) password_length: usize,
    /// Every write that touched what is not ours.
    pub(crate) trespasses: Vec<String>,
    /// How many workspaces were ever made.
    pub(crate) workspaces_made: u64,
    /// How many keys were ever made.
    pub(crate) keys_made: u64,
}

impl World {
    pub(super) fn new(cluster: ClusterId, account: &str) -> Self {
        let vendor = [("ReadOnlyAccess", "/"), ("AdministratorAccess", "/"), ("Billing", "/job-function/")];
        Self {
            cluster,
            account: account.to_owned(),
            is_ram: false,
            now: Timestamp::UNIX_EPOCH,
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            roles: BTreeMap::new(),
            policies: BTreeMap::new(),
            notebooks: BTreeMap::new(),
            notebooks_made: 0,
            workspaces: BTreeMap::new(),
            vendor: vendor.map(|(name, path)| (name.to_owned(), path.to_owned())).into(),
            user_limit: 5000,
            passwords: None,
            secrets: BTreeMap::new(),
            used: BTreeMap::new(),
            max_compute: MaxCompute::default(),
            logins: BTreeMap::new(),
            password_length: 8,
            trespasses: Vec::new(),
            workspaces_made: 0,
            keys_made: 0,
        }
    }

    pub(super) fn vendor_arn(&self, name: &str) -> Option<String> {
        let path = self.vendor.get(name)?;
        Some(if self.is_ram { system_policy_arn(name) } else { format!("arn:aws:iam::aws:policy{path}{name}") })
    }

    pub(super) fn policy_exists(&self, arn: &str) -> bool {
        self.policies.values().any(|policy| policy.arn == arn)
            || self.vendor.keys().any(|name| self.vendor_arn(name).as_deref() == Some(arn))
    }

    pub(super) fn find(&self, object: &ObjectId) -> Finding {
        let found = match object.kind {
            ObjectKind::User => self.users.get(&object.name).cloned().map(Finding::User),
            ObjectKind::Group => self.groups.get(&object.name).cloned().map(Finding::Group),
            ObjectKind::Policy => self.policies.get(&object.name).cloned().map(Finding::Policy),
            ObjectKind::Notebook => self.notebooks.get(&object.name).cloned().map(Box::new).map(Finding::Notebook),
            ObjectKind::Role => self.roles.get(&object.name).cloned().map(Finding::Role),
            ObjectKind::MaxCompute => None,
            ObjectKind::Workspace => self.workspace(&object.name),
        };
        let found = found.unwrap_or(Finding::Absent);
        if self.is_ram { self.as_ram_shows(found) } else { found }
    }

    pub(super) fn login(&self, user: &CloudName) -> Login {
        if self.logins.contains_key(user) { Login::On } else { Login::Off }
    }

    /// As the bulk call shows it: without keys, the tags of policies and how long sessions of roles last.
    pub(super) fn everything(&self) -> Vec<Finding> {
        let users = self.users.values().map(|user| Finding::User(User { keys: None, ..user.clone() }));
        let groups = self.groups.values().cloned().map(Finding::Group);
        let policies = self.policies.values().map(|policy| Finding::Policy(Policy { tags: None, ..policy.clone() }));
        let roles = self.roles.values().map(|role| Finding::Role(Role { session_seconds: None, ..role.clone() }));
        users.chain(groups).chain(policies).chain(roles).collect()
    }

    pub(super) fn quotas(&self) -> BTreeMap<String, Quota> {
        let used = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        BTreeMap::from([
            ("Users".to_owned(), Quota { used: used(self.users.len()), limit: self.user_limit }),
            ("Groups".to_owned(), Quota { used: used(self.groups.len()), limit: 300 }),
            ("Roles".to_owned(), Quota { used: used(self.roles.len()), limit: 1000 }),
            ("Policies".to_owned(), Quota { used: used(self.policies.len()), limit: 1500 }),
        ])
    }

    pub(crate) fn accepts(&self, id: &str, secret: &str) -> bool {
        let mut keys = self.users.values().flat_map(|user| user.keys.iter().flatten());
        keys.any(|key| key.id == id && key.active) && self.secrets.get(id).is_some_and(|known| known == secret)
    }

    pub(super) fn violations(&self) -> Vec<String> {
        let mut wrong = self.trespasses.clone();
        for user in self.users.values() {
            let keys = user.keys.as_deref().unwrap_or_default();
            if keys.len() > 2 {
                wrong.push(format!("user {} has {} keys", user.name, keys.len()));
            }
            wrong.extend(missing(&user.groups, |group| self.groups.contains_key(group), &user.name, "member of"));
            wrong.extend(missing(&user.attached, |arn| self.policy_exists(arn), &user.name, "attached"));
        }
        for group in self.groups.values() {
            wrong.extend(missing(&group.attached, |arn| self.policy_exists(arn), &group.name, "attached"));
        }
        for role in self.roles.values() {
            wrong.extend(missing(&role.attached, |arn| self.policy_exists(arn), &role.name, "attached"));
        }
        wrong.extend(
            self.policies
                .values()
                .filter(|policy| policy.old_versions.len() > 4)
                .map(|policy| format!("policy {} has {} versions", policy.name, policy.old_versions.len() + 1)),
        );
        wrong
    }

    /// Adds a user by hand, as people do; further fields are set on the result.
    pub(crate) fn add_user(&mut self, name: &str, path: &str) -> &mut User {
        let name = CloudName::new(name);
        let user = User {
            arn: format!("arn:aws:iam::{}:user{path}{name}", self.account),
            id: Some(format!("id-of-{name}")),
            name: name.clone(),
            path: path.to_owned(),
            tags: BTreeMap::new(),
            profile: Default::default(),
            boundary: None,
            groups: BTreeSet::new(),
            attached: BTreeSet::new(),
            inline: BTreeMap::new(),
            keys: Some(Vec::new()),
            login: None,
        };
        self.users.entry(name).or_insert(user)
    }

    pub(super) fn new_key(&mut self) -> (AccessKey, String) {
        self.keys_made += 1;
        let id = format!("AKIA{:016}", self.keys_made);
        let secret = format!("secret-of-{id}");
        self.secrets.insert(id.clone(), secret.clone());
        (AccessKey { id, active: true, created: self.now, last_use: None }, secret)
    }
}

fn missing<T: std::fmt::Display>(
    edges: &BTreeSet<T>,
    exists: impl Fn(&T) -> bool,
    of: &CloudName,
    what: &str,
) -> Vec<String> {
    edges.iter().filter(|edge| !exists(edge)).map(|edge| format!("{of}: {what} {edge}, which does not exist")).collect()
}
