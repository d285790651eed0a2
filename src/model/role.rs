//! A cloud role: who may assume it, what it may then do, and the acts by which it is made and kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::cloud::{ObjectId, PolicyRef, Stub, Tags, mark_of_tags};
use super::inventory::Inventory;
use super::kube::ObjRef;
use crate::names::{CloudName, ManifestRef, Mark, tenant_of_path};
use crate::policy::Document;

/// The longest session of every role that we make, in seconds: both clouds' default, and the least they take.
pub const SESSION_SECONDS: i64 = 3600;

/// A cloud role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Role {
    /// Its name.
    pub name: CloudName,
    /// Its path (AWS).
    pub path: String,
    /// Its ARN.
    pub arn: String,
    /// Its tags.
    pub tags: Tags,
    /// Who may assume it; none where it cannot be read as a policy, which never equals what is wanted.
    pub trust: Option<Document>,
    /// How long a session of it may last, in seconds; none where it was never read: AWS's bulk call does not show it.
    pub session_seconds: Option<i64>,
    /// The ARN of its permissions boundary (AWS).
    pub boundary: Option<String>,
    /// ARNs of the policies attached to it.
    pub attached: BTreeSet<String>,
    /// Inline policies by name.
    pub inline: BTreeMap<String, Document>,
}

impl Role {
    /// Whose it is, by its tags.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        mark_of_tags(&self.tags)
    }
}

/// A role that should exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WantedRole {
    /// The TenantRole, or the Tenant of a ServiceAccount's role and of the execution role.
    pub owner: ManifestRef,
    /// Its path.
    pub path: String,
    /// Its tags.
    pub tags: Tags,
    /// Who may assume it.
    pub trust: Document,
    /// The ARN of its boundary.
    pub boundary: Option<String>,
    /// What is attached to it.
    pub attached: BTreeSet<PolicyRef>,
    /// Its inline policies by name.
    pub inline: BTreeMap<String, Document>,
    /// The ServiceAccount whose tokens open it: it is the tenant's only where that one's namespace is.
    pub pod: Option<ObjRef>,
    /// Whether only what takes access away, and undoes that, is done: what it should be is refused, and what is there
    /// stays.
    pub only_still: bool,
}

/// One act on a role itself; tags, boundary, attachments and inline policies are as everything else's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum RoleAction {
    /// Makes a role with path, trust policy, tags and boundary; edges follow as steps of their own.
    Create(Role),
    /// Puts another trust policy in force.
    SetTrust {
        /// Which role.
        role: CloudName,
        /// Who may assume it from now on.
        trust: Document,
    },
    /// Sets how long sessions may last.
    SetSession {
        /// Which role.
        role: CloudName,
        /// In seconds.
        seconds: i64,
    },
    /// Deletes a role with everything that hangs on it and that the inventory does not know.
    Delete(CloudName),
}

impl RoleAction {
    /// The role that the act changes.
    #[must_use]
    pub fn object(&self) -> ObjectId {
        match self {
            Self::Create(role) => ObjectId::role(&role.name),
            Self::SetTrust { role, .. } | Self::SetSession { role, .. } | Self::Delete(role) => ObjectId::role(role),
        }
    }

    /// Whether the act only takes something away.
    #[must_use]
    pub fn takes_away(&self) -> bool {
        matches!(self, Self::Delete(_))
    }

    /// Whether after the act it is known what the role says and what hangs on it.
    #[must_use]
    pub fn says_all(&self) -> bool {
        matches!(self, Self::Create(_) | Self::Delete(_))
    }
}

impl ObjectId {
    /// The role of that name.
    #[must_use]
    pub fn role(name: &CloudName) -> Self {
        Self { kind: super::cloud::ObjectKind::Role, name: name.clone() }
    }
}

impl Inventory {
    pub(super) fn record_on_role(&mut self, action: &RoleAction) {
        match action {
            RoleAction::Create(role) => {
                self.roles.insert(role.name.clone(), role.clone());
                self.count("Roles", 1);
            }
            RoleAction::Delete(name) => {
                self.roles.remove(name);
                self.count("Roles", -1);
            }
            RoleAction::SetTrust { role, trust } => {
                if let Some(role) = self.roles.get_mut(role) {
                    role.trust = Some(trust.clone());
                }
            }
            RoleAction::SetSession { role, seconds } => {
                if let Some(role) = self.roles.get_mut(role) {
                    role.session_seconds = Some(*seconds);
                }
            }
        }
    }

    /// Puts a found role among ours or among the others.
    pub(super) fn place_role(&mut self, role: Role) {
        let mark = role.mark();
        let ours = mark.as_ref().is_some_and(|mark| mark.cluster == self.cluster);
        if ours || tenant_of_path(&self.cluster, &role.path).is_some() {
            self.roles.insert(role.name.clone(), role);
        } else {
            self.others.insert(ObjectId::role(&role.name), Stub { arn: role.arn, mark, mark_read: true });
        }
    }
}
