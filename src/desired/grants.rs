//! What each role gives in each account, so that users and the group can be told what to carry.

use std::collections::{BTreeMap, BTreeSet};

use super::workspaces::InWorkspaces;
use crate::api::Statement;
use crate::model::PolicyRef;
use crate::names::{AccountName, ManifestRef};
use crate::policy::Document;

/// One role, compiled.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    /// The TenantRole.
    pub(super) manifest: ManifestRef,
    /// The TenantRole's name.
    pub(super) role: String,
    /// Whether every user has it.
    pub(super) default: bool,
    /// What is attached to who has it, by account.
    pub(super) attached: BTreeMap<AccountName, BTreeSet<PolicyRef>>,
    /// What is attached to who has it where the role is refused, by account: it stays as it is, as far as it is there.
    pub(super) unknown: BTreeMap<AccountName, BTreeSet<PolicyRef>>,
    /// Its documents, by account; for those who have it for a time.
    pub(super) documents: BTreeMap<AccountName, Vec<Document>>,
    /// Where it is one policy a user, what that is made from, by account.
    pub(super) templates: BTreeMap<AccountName, Template>,
    /// What it gives in PAI workspaces.
    pub(super) in_workspaces: InWorkspaces,
}

impl Grant {
    /// Whether this is what a manifest gives: of several roles of one name the oldest counts.
    pub(super) fn is_of(&self, manifest: &ManifestRef) -> bool {
        self.manifest == *manifest
    }
}

/// What each user's own policy of a role is made from.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// The TenantRole, which owns the policies.
    pub(super) role: ManifestRef,
    /// What they say.
    pub(super) statements: Vec<Statement>,
}

/// All roles of the tenant by name.
#[derive(Clone, Debug)]
pub(super) struct Grants(BTreeMap<String, Vec<Grant>>);

impl Grants {
    pub(super) fn new(grants: Vec<Grant>) -> Self {
        let mut by_name: BTreeMap<String, Vec<Grant>> = BTreeMap::new();
        for grant in grants {
            by_name.entry(grant.role.clone()).or_default().push(grant);
        }
        Self(by_name)
    }

    /// The role of that name; of several in different namespaces, the oldest.
    pub(super) fn get(&self, role: &str) -> Option<&Grant> {
        self.0.get(role)?.first()
    }

    /// The roles that every user has.
    pub(super) fn defaults(&self) -> impl Iterator<Item = &Grant> {
        self.0.values().filter_map(|same| same.first()).filter(|grant| grant.default)
    }

    /// What roles that are refused may have left in an account.
    pub(super) fn unknown(&self, account: &AccountName) -> BTreeSet<PolicyRef> {
        let all = self.0.values().flatten();
        all.filter_map(|grant| grant.unknown.get(account)).flatten().cloned().collect()
    }

    /// What every user has in an account.
    pub(super) fn of_everyone(&self, account: &AccountName) -> BTreeSet<PolicyRef> {
        self.defaults().filter_map(|grant| grant.attached.get(account)).flatten().cloned().collect()
    }
}
