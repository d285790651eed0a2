//! Workspaces as they are kept.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::cloud::Cloud;
use crate::refusal::Refusal;

pub struct Workspace {
    pub id: String,
    pub name: String,
    pub display_name: String,
    pub description: String,
    pub env: Vec<String>,
    pub resource_group: String,
    pub owner: String,
    pub created: Timestamp,
    pub modified: Timestamp,
    /// By user id.
    pub members: BTreeMap<String, Member>,
    /// Custom roles, by id.
    pub roles: BTreeMap<String, CustomRole>,
    pub configs: BTreeMap<String, Value>,
    pub resources: Vec<Value>,
}

impl Workspace {
    pub fn status(&self, now: Timestamp, delay: SignedDuration) -> &'static str {
        if now < self.created + delay { "INITIALIZING" } else { "ENABLED" }
    }
}

pub struct Member {
    pub roles: BTreeSet<String>,
    pub created: Timestamp,
}

pub struct CustomRole {
    pub id: String,
    pub name: String,
    pub creator: String,
    pub modules: Value,
    pub created: Timestamp,
    pub modified: Timestamp,
}

/// An asynchronous piece of work; here all end at once.
pub struct Job {
    pub id: String,
    pub subject: String,
    pub kind: &'static str,
    pub created: Timestamp,
}

#[derive(Default)]
pub struct Pai {
    pub workspaces: BTreeMap<String, Workspace>,
    pub jobs: BTreeMap<String, Job>,
    pub default: Option<String>,
}

/// The service's own roles.
pub const ROLES: [&str; 7] = [
    "PAI.AlgoDeveloper",
    "PAI.AlgoOperator",
    "PAI.LabelManager",
    "PAI.MaxComputeDeveloper",
    "PAI.WorkspaceAdmin",
    "PAI.WorkspaceGuest",
    "PAI.WorkspaceOwner",
];

/// The service's errors: nine digits.
pub fn refusal(status: u16, code: &str, message: impl Into<String>) -> Refusal {
    Refusal::new(status, code, message)
}

pub const INVALID: &str = "100100001";

pub fn invalid(message: impl Into<String>) -> Refusal {
    refusal(400, INVALID, message)
}

impl Cloud {
    pub fn workspace(&self, id: &str) -> Result<&Workspace, Refusal> {
        self.pai.workspaces.get(id).ok_or_else(|| refusal(404, "100400027", "Workspace not exists"))
    }

    pub fn workspace_mut(&mut self, id: &str) -> Result<&mut Workspace, Refusal> {
        self.pai.workspaces.get_mut(id).ok_or_else(|| refusal(404, "100400027", "Workspace not exists"))
    }

    /// Account type, login name and display name of who has this id; `None` when nobody has.
    pub fn person(&self, id: &str) -> Option<(&'static str, String, String)> {
        if id == self.account.id {
            return Some(("1", "root".to_owned(), "root".to_owned()));
        }
        if let Some(user) = self.ram.users.values().find(|user| user.id == id) {
            return Some(("5", user.name.clone(), user.display_name.clone()));
        }
        let role = self.ram.roles.values().find(|role| role.id == id)?;
        Some(("6", format!("role/{}", role.name), role.name.clone()))
    }
}
