//! What may be done to a cloud account, each variant one act, and what each act leaves behind.

use std::collections::BTreeSet;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;

use super::cloud::{AccessKey, Group, LastUse, ObjectId, Policy, PolicyRef, Tags, User};
use super::kube::ObjRef;
use super::login::{Login, Password};
use super::max_compute::{MaxComputeAction, MaxComputeFinding, MaxComputeRead};
use super::notebook::{Notebook, NotebookAction, NotebookList};
use super::profile::Profile;
use super::role::{Role, RoleAction};
use super::workspace::{WorkspaceAction, WorkspaceFinding, WorkspaceRead};
use crate::names::{CloudName, ManifestRef, Mark};
use crate::policy::Document;

/// Where a user's key is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SecretTarget {
    /// The Secret's namespace: the TenantUser's.
    pub namespace: String,
    /// The Secret's name: `<secretName>-<account>`.
    pub name: String,
}

/// Whose cloud an account is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Provider {
    /// Amazon Web Services.
    Aws,
    /// Alibaba Cloud.
    Alibaba,
}

/// What is wanted of a user's access key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyWish {
    /// The Secret that holds it.
    pub secret: SecretTarget,
    /// The TenantUser, which owns the Secret.
    pub owner: ManifestRef,
    /// The TenantUser's UID.
    pub owner_uid: String,
    /// Whose key it is.
    pub provider: Provider,
    /// The region written beside the key.
    pub region: String,
    /// How old a key may become, in seconds; older ones are replaced. None: as old as it likes.
    pub rotate_after_seconds: Option<i64>,
    /// How long a key that is replaced goes on working, in seconds.
    pub overlap_seconds: i64,
    /// Workloads that are restarted when the Secret holds another key.
    pub restart: Vec<ObjRef>,
    /// Whether the key must not work for now (suspended, expired): nothing new is made, what is there is inactive.
    pub inactive: bool,
}

/// One act on a cloud account. All but the key acts may be repeated without harm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum CloudAction {
    /// Makes a group.
    CreateGroup(Group),
    /// Deletes an empty group.
    DeleteGroup(CloudName),
    /// Gives a group another path: off ours, it is released; onto ours, it is taken over.
    MoveGroup {
        /// Which group.
        group: CloudName,
        /// Its new path.
        path: String,
    },
    /// Makes a user with path, tags and boundary; edges follow as steps of their own.
    CreateUser(User),
    /// Deletes a user with everything that hangs on it and that the inventory does not know.
    DeleteUser(CloudName),
    /// Sets and removes tags.
    SetTags {
        /// Of which object.
        of: ObjectId,
        /// Tags to set.
        set: Tags,
        /// Keys to remove.
        unset: BTreeSet<String>,
    },
    /// Shows a user to people in another way (Alibaba Cloud).
    SetProfile {
        /// Which user.
        user: CloudName,
        /// How.
        profile: Profile,
    },
    /// Sets or removes the permissions boundary of a user or role.
    SetBoundary {
        /// Whose.
        of: ObjectId,
        /// The policy's ARN; none removes it.
        boundary: Option<String>,
    },
    /// Makes a policy.
    CreatePolicy(Policy),
    /// Puts a new version of a policy in force.
    SetDocument {
        /// Which policy.
        policy: CloudName,
        /// What it shall say.
        document: Document,
    },
    /// Deletes a policy and its versions.
    DeletePolicy(CloudName),
    /// Makes a user a member.
    AddMember {
        /// Of which group.
        group: CloudName,
        /// Which user.
        user: CloudName,
    },
    /// Ends a membership.
    RemoveMember {
        /// Of which group.
        group: CloudName,
        /// Which user.
        user: CloudName,
    },
    /// Does something to a role itself.
    Role(RoleAction),
    /// Attaches a policy to a user, group or role.
    Attach {
        /// To which.
        to: ObjectId,
        /// Which policy.
        policy: PolicyRef,
    },
    /// Detaches a policy.
    Detach {
        /// From which.
        from: ObjectId,
        /// The policy's ARN.
        arn: String,
    },
    /// Puts an inline policy in force.
    PutInline {
        /// On which user, group or role.
        of: ObjectId,
        /// The policy's name.
        name: String,
        /// What it says.
        document: Document,
    },
    /// Removes an inline policy.
    DeleteInline {
        /// Of which user, group or role.
        of: ObjectId,
        /// The policy's name.
        name: String,
    },
    /// Deletes a policy that stood for an inline one, unless somebody has it.
    DropLoose(CloudName),
    /// Makes a key. Done only inside the key protocol, which writes the secret half into its Secret at once.
    CreateKey(CloudName),
    /// Makes a key usable or unusable.
    SetKeyActive {
        /// Whose.
        user: CloudName,
        /// The key's id.
        id: String,
        /// Whether it can be used afterwards.
        active: bool,
    },
    /// Deletes a key.
    DeleteKey {
        /// Whose.
        user: CloudName,
        /// The key's id.
        id: String,
    },
    /// Gives a user a console password, whether it had one or not. Done only inside the login protocol, which has the
    /// password in its Secret before.
    SetLogin {
        /// Whose.
        user: CloudName,
        /// The password.
        password: Password,
        /// Whether it must be changed at the first login.
        reset_required: bool,
    },
    /// Takes a user's console password away.
    DeleteLogin(CloudName),
    /// Does something to a notebook.
    Notebook(NotebookAction),
    /// At tenant level in MaxCompute.
    MaxCompute(MaxComputeAction),
    /// On a PAI workspace.
    Workspace(WorkspaceAction),
}

/// What an act left behind that the act itself did not say.
#[derive(Debug)]
pub enum Effect {
    /// Just what was asked for.
    Done,
    /// It hung there as it was known to, and came off.
    CameOff,
    /// The policy's ARN (made, or attached).
    Arn(String),
    /// The id that the user or workspace got.
    Id(String),
    /// The version now in force and the ones beside it.
    Version {
        /// In force.
        default: String,
        /// Not in force, oldest first.
        old: Vec<String>,
    },
    /// A key was made.
    Key(NewKey),
    /// The object to be made was there already and is ours (an answer that was lost): this is how it was found.
    Found(Box<Finding>),
}

/// A key with its secret half, which the cloud shows once. `Debug` hides the secret.
#[derive(Debug)]
pub struct NewKey {
    /// The key's id.
    pub id: String,
    /// Its secret half.
    pub secret: SecretString,
    /// When it was made.
    pub created: Timestamp,
}

/// Something that must be read before the plan can decide.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Read {
    /// The keys of a user.
    Keys(CloudName),
    /// When a key was last used.
    LastUse {
        /// Whose key.
        user: CloudName,
        /// The key's id.
        id: String,
    },
    /// Whether a user has a console login.
    Login(CloudName),
    /// All notebooks of a region: one call for a page of them, and one for each whose tags nobody has read yet.
    Notebooks(String),
    /// One object, whole and live.
    Object(ObjectId),
    /// The tags of a policy, which the bulk call omits: one call.
    Tags(CloudName),
    /// Whose one object is and which version is in force, live: one call, before an act that cannot be undone.
    Mark(ObjectId),
    /// At tenant level in MaxCompute.
    MaxCompute(MaxComputeRead),
    /// PAI workspaces.
    Workspace(WorkspaceRead),
}

impl Read {
    /// The object that is read; of a list of notebooks, one that no manifest wants.
    #[must_use]
    pub fn object(&self) -> ObjectId {
        match self {
            Self::Keys(user) | Self::Login(user) | Self::LastUse { user, .. } => ObjectId::user(user),
            Self::Tags(policy) => ObjectId::policy(policy),
            Self::Notebooks(region) => ObjectId::notebook(&CloudName::new(region.as_str())),
            Self::Object(object) | Self::Mark(object) => object.clone(),
            Self::MaxCompute(read) => read.object(),
            Self::Workspace(read) => read.object(),
        }
    }
}

/// What a live read of one object found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// There is none.
    Absent,
    /// A user.
    User(User),
    /// A group.
    Group(Group),
    /// A role.
    Role(Role),
    /// A policy.
    Policy(Policy),
    /// A notebook.
    Notebook(Box<Notebook>),
    /// The notebooks of a region.
    Notebooks(NotebookList),
    /// A user's keys.
    Keys(Vec<AccessKey>),
    /// When one of a user's keys was last used.
    LastUse {
        /// The key's id.
        id: String,
        /// The answer.
        last_use: LastUse,
    },
    /// Whether a user has a console login.
    Login(Login),
    /// A policy's tags.
    Tags(Tags),
    /// PAI workspaces, or who is in one.
    Workspace(WorkspaceFinding),
    /// There is one; nothing more of it was read.
    Mark {
        /// Whose it is.
        mark: Option<Mark>,
        /// Of a policy: the version in force.
        default_version: Option<String>,
    },
    /// At tenant level in MaxCompute.
    MaxCompute(MaxComputeFinding),
}

impl CloudAction {
    /// The object that the act changes.
    #[must_use]
    pub fn object(&self) -> ObjectId {
        match self {
            Self::CreateGroup(group) => ObjectId::group(&group.name),
            Self::DeleteGroup(name) | Self::MoveGroup { group: name, .. } => ObjectId::group(name),
            Self::CreateUser(user) => ObjectId::user(&user.name),
            Self::CreatePolicy(policy) => ObjectId::policy(&policy.name),
            Self::SetDocument { policy, .. } => ObjectId::policy(policy),
            Self::DeletePolicy(name) | Self::DropLoose(name) => ObjectId::policy(name),
            Self::Workspace(action) => ObjectId::workspace(action.workspace()),
            Self::Notebook(action) => ObjectId::notebook(action.name()),
            Self::Role(action) => action.object(),
            Self::SetTags { of, .. }
            | Self::SetBoundary { of, .. }
            | Self::PutInline { of, .. }
            | Self::DeleteInline { of, .. } => of.clone(),
            Self::Attach { to, .. } => to.clone(),
            Self::Detach { from, .. } => from.clone(),
            Self::DeleteUser(user)
            | Self::CreateKey(user)
            | Self::DeleteLogin(user)
            | Self::SetLogin { user, .. }
            | Self::SetProfile { user, .. }
            | Self::AddMember { user, .. }
            | Self::RemoveMember { user, .. }
            | Self::SetKeyActive { user, .. }
            | Self::DeleteKey { user, .. } => ObjectId::user(user),
            Self::MaxCompute(action) => action.object(),
        }
    }

    /// Whether the act only takes something away, so that it is done as well where there is nothing.
    #[must_use]
    pub fn takes_away(&self) -> bool {
        if let Self::Role(action) = self {
            return action.takes_away();
        }
        if let Self::Workspace(action) = self {
            return action.takes_away();
        }
        matches!(
            self,
            Self::DeleteGroup(_)
                | Self::DeleteUser(_)
                | Self::DeletePolicy(_)
                | Self::RemoveMember { .. }
                | Self::Detach { .. }
                | Self::DeleteInline { .. }
                | Self::DropLoose(_)
                | Self::SetKeyActive { active: false, .. }
                | Self::DeleteKey { .. }
                | Self::Notebook(NotebookAction::Delete(_) | NotebookAction::Stop { .. })
        ) || matches!(self, Self::MaxCompute(action) if action.takes_away())
    }

    /// What is read after a surprise, so that the next plan sees what is there.
    #[must_use]
    pub fn read_after(&self) -> Read {
        match self {
            Self::MaxCompute(action) => action.read_after(),
            Self::Workspace(action) => action.read_after(),
            _ => Read::Object(self.object()),
        }
    }

    /// Whether after the act it is known what the object says and what hangs on it.
    #[must_use]
    pub fn says_all(&self) -> bool {
        if let Self::Role(action) = self {
            return action.says_all();
        }
        matches!(
            self,
            Self::CreateGroup(_)
                | Self::CreateUser(_)
                | Self::CreatePolicy(_)
                | Self::SetDocument { .. }
                | Self::DeleteGroup(_)
                | Self::DeleteUser(_)
                | Self::DeletePolicy(_)
        )
    }

    /// Whether the object must be read live, and still be ours, before the act: acts that cannot be undone.
    #[must_use]
    pub fn needs_live_read(&self) -> bool {
        if let Self::Role(action) = self {
            return action.takes_away();
        }
        matches!(
            self,
            Self::DeleteGroup(_)
                | Self::DeleteUser(_)
                | Self::DeletePolicy(_)
                | Self::SetDocument { .. }
                | Self::Notebook(NotebookAction::Delete(_))
                | Self::Workspace(WorkspaceAction::Delete(_))
        )
    }
}
