//! What exists in a cloud account, in the words that both clouds share.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::login::Login;
use super::profile::Profile;
use crate::names::{CloudName, ClusterId, DESCRIPTION_PREFIX, Mark, TAG_CLUSTER, TAG_OWNER, TAG_TENANT, TenantName};
use crate::policy::Document;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// The kinds of cloud object that we make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum ObjectKind {
    /// A group of users.
    Group,
    /// A notebook.
    Notebook,
    /// A policy that can be attached.
    Policy,
    /// A role that may be assumed.
    Role,
    /// A user.
    User,
    /// Something at tenant level in MaxCompute. It carries no mark: its name says whose it is.
    MaxCompute,
    /// A PAI workspace.
    Workspace,
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Group => "group",
            Self::Notebook => "notebook",
            Self::Policy => "policy",
            Self::Role => "role",
            Self::User => "user",
            Self::MaxCompute => "MaxCompute",
            Self::Workspace => "workspace",
        })
    }
}

/// Which object of an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ObjectId {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name, unique in the account for its kind.
    pub name: CloudName,
}

impl ObjectId {
    /// The group of that name.
    #[must_use]
    pub fn group(name: &CloudName) -> Self {
        Self { kind: ObjectKind::Group, name: name.clone() }
    }

    /// The notebook of that name.
    #[must_use]
    pub fn notebook(name: &CloudName) -> Self {
        Self { kind: ObjectKind::Notebook, name: name.clone() }
    }

    /// The policy of that name.
    #[must_use]
    pub fn policy(name: &CloudName) -> Self {
        Self { kind: ObjectKind::Policy, name: name.clone() }
    }

    /// The user of that name.
    #[must_use]
    pub fn user(name: &CloudName) -> Self {
        Self { kind: ObjectKind::User, name: name.clone() }
    }

    /// The workspace of that region and name.
    #[must_use]
    pub fn workspace(name: &CloudName) -> Self {
        Self { kind: ObjectKind::Workspace, name: name.clone() }
    }
}

impl ObjectId {
    /// Why it is not touched although it has our name, and what would help. `mark` is whose it is, `cluster` ours.
    #[must_use]
    pub fn not_owned(&self, mark: Option<&Mark>, cluster: &ClusterId) -> String {
        let whose = match mark {
            Some(mark) if mark.cluster == *cluster => format!("its mark says {} of tenant {}", mark.owner, mark.tenant),
            Some(mark) => format!("its mark says {} of tenant {} of cluster {}", mark.owner, mark.tenant, mark.cluster),
            None => "it carries no mark of ours".to_owned(),
        };
        let help = match (self.kind, mark) {
            (ObjectKind::Group, _) => {
                "Rename that group, set spec.namePrefix on the CloudAccount, or take the group over with the annotation tenantry.dev/adopt=true on the Tenant."
            }
            (ObjectKind::Notebook, None) => "Delete that notebook, or rename this one.",
            (ObjectKind::Workspace, None) => {
                "Choose another spec.accounts[].workspace.name, or take the workspace over with the annotation tenantry.dev/adopt=true on the Tenant."
            }
            (ObjectKind::Workspace, Some(_)) => "Choose another spec.accounts[].workspace.name.",
            (ObjectKind::User, None) => {
                "Choose spec.userName, or take it over with the annotation tenantry.dev/adopt=true."
            }
            (ObjectKind::Policy | ObjectKind::Role, None) => {
                "Rename one of the two, or take it over with the annotation tenantry.dev/adopt=true."
            }
            (ObjectKind::User, Some(_)) => "Delete that manifest or choose spec.userName.",
            (ObjectKind::Notebook | ObjectKind::Policy | ObjectKind::Role, Some(_)) => {
                "Delete that manifest or rename one of the two."
            }
            (ObjectKind::MaxCompute, _) => "Rename one of the two.",
        };
        format!("{self} exists and was not made from this manifest ({whose}). Nothing was changed. {help}")
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} \"{}\"", self.kind, self.name)
    }
}

/// A long-lived key of a user, without its secret half.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessKey {
    /// The key's id.
    pub id: String,
    /// Whether it can be used.
    pub active: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last used; none where that was never asked for.
    pub last_use: Option<LastUse>,
}

/// When a key was last used, as the cloud says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastUse {
    /// When; none: never.
    pub at: Option<Timestamp>,
    /// By which service it was accepted.
    pub service: Option<String>,
    /// When this was asked.
    pub asked: Timestamp,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// Its name.
    pub name: CloudName,
    /// Its path (AWS).
    pub path: String,
    /// Its ARN.
    pub arn: String,
    /// Its id, where other services know it by that (Alibaba Cloud).
    pub id: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// How it is shown to people (Alibaba Cloud).
    pub profile: Profile,
    /// The ARN of its permissions boundary (AWS).
    pub boundary: Option<String>,
    /// The groups it is a member of.
    pub groups: BTreeSet<CloudName>,
    /// ARNs of the policies attached to it.
    pub attached: BTreeSet<String>,
    /// Inline policies by name.
    pub inline: BTreeMap<String, Document>,
    /// Its keys, newest last; none where they were never read.
    pub keys: Option<Vec<AccessKey>>,
    /// Its console login; none where it was never read.
    pub login: Option<Login>,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Its name.
    pub name: CloudName,
    /// Its path (AWS).
    pub path: String,
    /// ARNs of the policies attached to it.
    pub attached: BTreeSet<String>,
    /// Inline policies by name.
    pub inline: BTreeMap<String, Document>,
}

/// A customer's own policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// Its name.
    pub name: CloudName,
    /// Its path (AWS).
    pub path: String,
    /// Its ARN.
    pub arn: String,
    /// Its description, fixed when it was made.
    pub description: String,
    /// Its tags; none where they were never read.
    pub tags: Option<Tags>,
    /// The version in force.
    pub default_version: String,
    /// The versions that are not in force, oldest first.
    pub old_versions: Vec<String>,
    /// The document in force; none where it cannot be read as a policy, which never equals what is wanted.
    pub document: Option<Document>,
}

/// An object that does not carry our marks: its name is taken, and that is all that matters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stub {
    /// Its ARN or id.
    pub arn: String,
    /// Whose mark it carries, if any; of an unread policy, unknown.
    pub mark: Option<Mark>,
    /// Whether the mark was looked for. `GetAccountAuthorizationDetails` omits the tags of policies.
    pub mark_read: bool,
}

/// A policy to attach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum PolicyRef {
    /// One that we make in the same account.
    Own(CloudName),
    /// The cloud's own, by its bare name, on whatever path it lives.
    Vendor(String),
    /// Any policy, by its ARN.
    Arn(String),
}

impl fmt::Display for PolicyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(name) => name.fmt(f),
            Self::Vendor(name) | Self::Arn(name) => f.write_str(name),
        }
    }
}

/// Reads an owner mark out of tags.
#[must_use]
pub fn mark_of_tags(tags: &Tags) -> Option<Mark> {
    Some(Mark {
        cluster: ClusterId::new(tags.get(TAG_CLUSTER)?.clone()),
        tenant: TenantName::new(tags.get(TAG_TENANT)?.clone()),
        owner: tags.get(TAG_OWNER)?.clone(),
    })
}

impl User {
    /// Whose it is, by its tags.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        mark_of_tags(&self.tags)
    }
}

impl Policy {
    /// Whose it is: by its tags where they were read, else by path and description, which a sweep sees.
    #[must_use]
    pub fn mark(&self, cluster: &ClusterId) -> Option<Mark> {
        match &self.tags {
            Some(tags) => mark_of_tags(tags),
            None => Some(Mark {
                cluster: cluster.clone(),
                tenant: crate::names::tenant_of_path(cluster, &self.path)?,
                owner: self.description.strip_prefix(DESCRIPTION_PREFIX)?.to_owned(),
            }),
        }
    }
}

impl Group {
    /// The tenant whose group it is, by its path: groups carry no tags.
    #[must_use]
    pub fn tenant(&self, cluster: &ClusterId) -> Option<TenantName> {
        crate::names::tenant_of_path(cluster, &self.path)
    }

    /// Whose it is: the tenant's, as its path says.
    #[must_use]
    pub fn mark(&self, cluster: &ClusterId) -> Option<Mark> {
        let tenant = self.tenant(cluster)?;
        let owner = format!("tenant/{tenant}");
        Some(Mark { cluster: cluster.clone(), tenant, owner })
    }
}
