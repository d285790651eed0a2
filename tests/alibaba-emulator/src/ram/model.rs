//! Users, groups, policies and roles as they are kept.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::cloud::Cloud;
use crate::refusal::Refusal;

pub type Tags = BTreeMap<String, String>;

/// Whose a policy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyKind {
    Custom,
    System,
}

impl PolicyKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Custom => "Custom",
            Self::System => "System",
        }
    }
}

/// A policy's identity: there are no ARNs for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyRef {
    pub kind: PolicyKind,
    pub name: String,
}

/// When each policy was attached, for the account (an empty scope) or for a resource group.
pub type Attachments = BTreeMap<(PolicyRef, String), Timestamp>;

pub struct User {
    pub id: String,
    pub name: String,
    pub display_name: String,
    pub mobile: String,
    pub email: String,
    pub comments: String,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub seen_from: Timestamp,
    pub tags: Tags,
    pub keys: Vec<Key>,
    pub login: Option<Login>,
    /// The serial number of its MFA device.
    pub mfa: Option<String>,
    /// Names of groups, and when it joined them.
    pub groups: BTreeMap<String, Timestamp>,
    pub policies: Attachments,
}

pub struct Key {
    pub id: String,
    pub secret: String,
    pub active: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub seen_from: Timestamp,
    pub used: Option<Timestamp>,
}

pub struct Login {
    pub password: String,
    pub reset_required: bool,
    pub mfa_required: bool,
    pub active: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
}

pub struct Group {
    pub id: String,
    pub name: String,
    pub display_name: String,
    pub comments: String,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub seen_from: Timestamp,
    pub policies: Attachments,
}

pub struct Policy {
    pub name: String,
    pub description: String,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub seen_from: Timestamp,
    pub versions: Vec<Version>,
    pub default: u64,
    /// Numbers are not given twice.
    pub last: u64,
    pub tags: Tags,
}

pub struct Version {
    pub number: u64,
    pub document: String,
    pub created: Timestamp,
}

impl Policy {
    /// The document that counts, as it was sent.
    pub fn default_text(&self) -> &str {
        self.versions.iter().find(|version| version.number == self.default).map_or("", |version| &version.document)
    }
}

pub struct Role {
    pub id: String,
    pub name: String,
    pub description: String,
    pub trust: String,
    pub session: i64,
    pub console: bool,
    /// Made by a service for itself.
    pub service_linked: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub seen_from: Timestamp,
    pub tags: Tags,
    pub policies: Attachments,
}

impl Role {
    /// In ARNs names are in lower case.
    pub fn arn(&self, account: &str) -> String {
        format!("acs:ram::{account}:role/{}", self.name.to_lowercase())
    }
}

pub struct MfaDevice {
    pub name: String,
    pub serial: String,
    pub user: Option<(String, Timestamp)>,
}

/// A user or key that was deleted and can be restored.
pub struct Binned<T> {
    pub what: T,
    pub deleted: Timestamp,
}

pub struct BinnedKey {
    pub key: Key,
    pub user_id: String,
    pub user_name: String,
}

pub struct OidcProvider {
    pub name: String,
    pub description: String,
    pub issuer: String,
    pub clients: Vec<String>,
    pub fingerprints: Vec<String>,
    pub hours: i64,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// All of RAM. Roles are under their names in lower case, as their ARNs are.
#[derive(Default)]
pub struct Ram {
    pub users: BTreeMap<String, User>,
    pub groups: BTreeMap<String, Group>,
    pub policies: BTreeMap<String, Policy>,
    pub roles: BTreeMap<String, Role>,
    pub devices: BTreeMap<String, MfaDevice>,
    pub providers: BTreeMap<String, OidcProvider>,
    pub user_bin: Vec<Binned<User>>,
    pub key_bin: Vec<Binned<BinnedKey>>,
    /// What was set of the password policy, the security preference and the alias, by wire name.
    pub password_policy: BTreeMap<String, serde_json::Value>,
    pub preference: BTreeMap<String, serde_json::Value>,
    pub alias: Option<String>,
}

impl Ram {
    /// A key of any user, with its user.
    pub fn key(&self, id: &str) -> Option<(&User, &Key)> {
        self.users.values().find_map(|user| Some((user, user.keys.iter().find(|key| key.id == id)?)))
    }

    pub fn key_was_used(&mut self, id: &str, now: Timestamp) {
        let keys = self.users.values_mut().flat_map(|user| &mut user.keys);
        if let Some(key) = keys.into_iter().find(|key| key.id == id) {
            key.used = Some(now);
        }
    }
}

impl Cloud {
    pub fn user(&self, name: &str, now: Timestamp) -> Result<&User, Refusal> {
        let user = self.ram.users.get(name).filter(|user| user.seen_from <= now);
        user.ok_or_else(|| Refusal::known("EntityNotExist.User"))
    }

    pub fn user_mut(&mut self, name: &str, now: Timestamp) -> Result<&mut User, Refusal> {
        let user = self.ram.users.get_mut(name).filter(|user| user.seen_from <= now);
        user.ok_or_else(|| Refusal::known("EntityNotExist.User"))
    }

    pub fn group(&self, name: &str, now: Timestamp) -> Result<&Group, Refusal> {
        let group = self.ram.groups.get(name).filter(|group| group.seen_from <= now);
        group.ok_or_else(|| Refusal::known("EntityNotExist.Group"))
    }

    pub fn group_mut(&mut self, name: &str, now: Timestamp) -> Result<&mut Group, Refusal> {
        let group = self.ram.groups.get_mut(name).filter(|group| group.seen_from <= now);
        group.ok_or_else(|| Refusal::known("EntityNotExist.Group"))
    }

    pub fn policy(&self, name: &str, now: Timestamp) -> Result<&Policy, Refusal> {
        let policy = self.ram.policies.get(name).filter(|policy| policy.seen_from <= now);
        policy.ok_or_else(|| Refusal::known("EntityNotExist.Policy"))
    }

    pub fn policy_mut(&mut self, name: &str, now: Timestamp) -> Result<&mut Policy, Refusal> {
        let policy = self.ram.policies.get_mut(name).filter(|policy| policy.seen_from <= now);
        policy.ok_or_else(|| Refusal::known("EntityNotExist.Policy"))
    }

    pub fn role(&self, name: &str, now: Timestamp) -> Result<&Role, Refusal> {
        let role = self.ram.roles.get(&name.to_lowercase()).filter(|role| role.seen_from <= now);
        role.ok_or_else(|| Refusal::known("EntityNotExist.Role"))
    }

    pub fn role_mut(&mut self, name: &str, now: Timestamp) -> Result<&mut Role, Refusal> {
        let role = self.ram.roles.get_mut(&name.to_lowercase()).filter(|role| role.seen_from <= now);
        role.ok_or_else(|| Refusal::known("EntityNotExist.Role"))
    }
}
