//! MaxCompute at tenant level: the account's users and roles there, what may be done to them, and what is asked.

mod known;
mod wanted;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::action::Read;
use super::cloud::{ObjectId, ObjectKind};
use crate::names::CloudName;
use crate::policy::Document;

pub use known::{MaxComputeKnown, MaxComputeRegion, MaxComputeRole};
pub use wanted::{ToldMaxCompute, WantedGrants, WantedMaxCompute, WantedMaxComputeRole};

/// Where tenant-level commands go: users and roles are the region's, the project only passes the commands on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MaxComputePlace {
    /// The region, such as `cn-shanghai`.
    pub region: String,
    /// The project through which commands are sent.
    pub project: String,
}

impl fmt::Display for MaxComputePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MaxCompute in {} through project {}", self.region, self.project)
    }
}

/// One act at tenant level. All may be repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MaxComputeAction {
    /// Through which project, in which region.
    pub place: MaxComputePlace,
    /// What.
    pub deed: MaxComputeDeed,
}

/// What is done. Users are principals as commands write them, such as `RAM$1234567890123456:acme.alice`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum MaxComputeDeed {
    /// Makes a role that says nothing.
    CreateRole(CloudName),
    /// Drops a role.
    DropRole(CloudName),
    /// Puts a policy on a role, in place of the one before.
    SetPolicy {
        /// On which.
        role: CloudName,
        /// What it shall say.
        document: Document,
    },
    /// Makes a RAM user one of the tenant's. Grants that it had before hold again.
    AddUser(CloudName),
    /// Takes a user out of the tenant. Its grants wait for it.
    RemoveUser(CloudName),
    /// Grants a role.
    Grant {
        /// Which role.
        role: CloudName,
        /// To whom.
        user: CloudName,
    },
    /// Revokes a role.
    Revoke {
        /// Which role.
        role: CloudName,
        /// From whom.
        user: CloudName,
        /// Whether it is because the user can do nothing for now, which goes on under a pause.
        still: bool,
    },
    /// Puts a role into a project, where only then what it says of the project holds.
    AddToProject {
        /// Which role.
        role: CloudName,
        /// Which project.
        project: String,
    },
    /// Takes a role out of a project.
    RemoveFromProject {
        /// Which role.
        role: CloudName,
        /// Which project.
        project: String,
    },
}

/// Something to be read at tenant level.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct MaxComputeRead {
    /// Through which project, in which region.
    pub place: MaxComputePlace,
    /// What.
    pub what: MaxComputeQuery,
}

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum MaxComputeQuery {
    /// The names of all users and roles: two calls.
    Lists,
    /// What a role says and who has it: two calls.
    Role(CloudName),
    /// The roles of a user: one call.
    Grants(CloudName),
    /// The roles in a project: one call.
    Project(String),
}

/// What was asked and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaxComputeFinding {
    /// What was asked.
    pub asked: MaxComputeRead,
    /// The answer.
    pub found: MaxComputeFound,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaxComputeFound {
    /// There is no such project to send commands through.
    NoWay,
    /// There is no such role, user or project.
    Absent,
    /// All users and roles.
    Lists {
        /// Principals.
        users: BTreeSet<CloudName>,
        /// Roles, the service's own too.
        roles: BTreeSet<CloudName>,
    },
    /// A role.
    Role(MaxComputeRole),
    /// The roles of a user.
    Grants(BTreeSet<CloudName>),
    /// The roles in a project, its own too.
    Project(BTreeSet<CloudName>),
}

/// How such an object is told of.
fn object(what: &str, name: impl fmt::Display, region: &str) -> ObjectId {
    ObjectId { kind: ObjectKind::MaxCompute, name: CloudName::new(format!("{what} {name} in {region}")) }
}

impl MaxComputeAction {
    /// The object that the act changes.
    #[must_use]
    pub fn object(&self) -> ObjectId {
        let region = &self.place.region;
        match &self.deed {
            MaxComputeDeed::CreateRole(role) | MaxComputeDeed::DropRole(role) => object("role", role, region),
            MaxComputeDeed::SetPolicy { role, .. }
            | MaxComputeDeed::AddToProject { role, .. }
            | MaxComputeDeed::RemoveFromProject { role, .. } => object("role", role, region),
            MaxComputeDeed::AddUser(user)
            | MaxComputeDeed::RemoveUser(user)
            | MaxComputeDeed::Grant { user, .. }
            | MaxComputeDeed::Revoke { user, .. } => object("user", user, region),
        }
    }

    /// Whether the act only takes something away.
    #[must_use]
    pub fn takes_away(&self) -> bool {
        matches!(
            self.deed,
            MaxComputeDeed::DropRole(_)
                | MaxComputeDeed::RemoveUser(_)
                | MaxComputeDeed::Revoke { .. }
                | MaxComputeDeed::RemoveFromProject { .. }
        )
    }

    /// What is read after a surprise, so that the next plan sees what is there.
    #[must_use]
    pub fn read_after(&self) -> Read {
        let what = match &self.deed {
            MaxComputeDeed::CreateRole(_)
            | MaxComputeDeed::DropRole(_)
            | MaxComputeDeed::AddUser(_)
            | MaxComputeDeed::RemoveUser(_) => MaxComputeQuery::Lists,
            MaxComputeDeed::SetPolicy { role, .. } => MaxComputeQuery::Role(role.clone()),
            MaxComputeDeed::Grant { user, .. } | MaxComputeDeed::Revoke { user, .. } => {
                MaxComputeQuery::Grants(user.clone())
            }
            MaxComputeDeed::AddToProject { project, .. } | MaxComputeDeed::RemoveFromProject { project, .. } => {
                MaxComputeQuery::Project(project.clone())
            }
        };
        Read::MaxCompute(MaxComputeRead { place: self.place.clone(), what })
    }

    /// The policy that the act puts in force, if it is that.
    #[must_use]
    pub fn document(&self) -> Option<&Document> {
        match &self.deed {
            MaxComputeDeed::SetPolicy { document, .. } => Some(document),
            _ => None,
        }
    }

    /// Sign, noun and object, as a plan prints the act.
    #[must_use]
    pub fn words(&self) -> (char, &'static str, String) {
        match &self.deed {
            MaxComputeDeed::CreateRole(role) => ('+', "odps role", role.to_string()),
            MaxComputeDeed::DropRole(role) => ('-', "odps role", role.to_string()),
            MaxComputeDeed::SetPolicy { role, .. } => ('~', "odps policy", role.to_string()),
            MaxComputeDeed::AddUser(user) => ('+', "odps user", user.to_string()),
            MaxComputeDeed::RemoveUser(user) => ('-', "odps user", user.to_string()),
            MaxComputeDeed::Grant { role, user } => ('+', "odps grant", format!("{role} → {user}")),
            MaxComputeDeed::Revoke { role, user, .. } => ('-', "odps grant", format!("{role} → {user}")),
            MaxComputeDeed::AddToProject { role, project } => ('+', "odps project", format!("{role} → {project}")),
            MaxComputeDeed::RemoveFromProject { role, project } => ('-', "odps project", format!("{role} → {project}")),
        }
    }
}

impl MaxComputeRead {
    /// What is read, as people name it.
    #[must_use]
    pub fn object(&self) -> ObjectId {
        let region = &self.place.region;
        match &self.what {
            MaxComputeQuery::Lists => object("project", &self.place.project, region),
            MaxComputeQuery::Role(role) => object("role", role, region),
            MaxComputeQuery::Grants(user) => object("user", user, region),
            MaxComputeQuery::Project(project) => object("project", project, region),
        }
    }
}
