//! PAI workspaces: what is known of them, what is wanted of one, what may be done to one, and how a list of a region
//! becomes part of the inventory.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::action::{Effect, Read};
use super::cloud::ObjectId;
use super::inventory::Inventory;
use crate::names::{
    CloudName, ClusterId, ManifestRef, Mark, TenantName, mark_of_workspace, region_of_workspace, workspace_in,
};

/// In which state a workspace is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum WorkspaceState {
    /// It is being made or changed; that ends by itself.
    Making,
    /// It can be used.
    Enabled,
    /// It cannot be used, and only people can change that: PAI's own word for why (`FAILURE`, `DISABLED`, `FROZEN`).
    Halted(String),
}

/// Who is in a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its name in RAM.
    pub name: String,
    /// Its roles in the workspace.
    pub roles: BTreeSet<String>,
    /// Whether it is never touched: who made the workspace, its owner, the account itself.
    pub fixed: bool,
}

/// A workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Workspace {
    /// Its region and name.
    pub name: CloudName,
    /// Its id, a number.
    pub id: String,
    /// The name that people see.
    pub display_name: String,
    /// Its description; of ours, the mark.
    pub description: String,
    /// Its environments, which never change.
    pub env: BTreeSet<String>,
    /// Its state.
    pub state: WorkspaceState,
    /// When it was made, as lists tell.
    pub created: Timestamp,
    /// Its members by their ids in RAM; none where they were never read.
    pub members: Option<BTreeMap<String, Member>>,
}

impl Workspace {
    /// Whose it is, by its description: PAI has no tags on workspaces.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        mark_of_workspace(&self.description)
    }

    /// The tenant of this cluster whose it is.
    pub(super) fn tenant(&self, cluster: &ClusterId) -> Option<&str> {
        self.mark().filter(|mark| mark.cluster == *cluster)?;
        self.description.rsplit_once('/').map(|(_, tenant)| tenant)
    }
}

/// The workspaces of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workspaces {
    /// All that are there, ours or not.
    pub known: BTreeMap<CloudName, Workspace>,
    /// When each region was listed last.
    listed: BTreeMap<String, Timestamp>,
}

impl Workspaces {
    /// Those of a tenant, with what is known of regions.
    pub(super) fn part_of(&self, cluster: &ClusterId, tenant: &TenantName) -> Self {
        let known = self.known.iter().filter(|(_, it)| it.tenant(cluster) == Some(tenant.as_str()));
        Self { known: known.map(|(name, it)| (name.clone(), it.clone())).collect(), listed: self.listed.clone() }
    }

    /// When a region was listed last; none: what is in it is unknown.
    #[must_use]
    pub fn listed(&self, region: &str) -> Option<Timestamp> {
        self.listed.get(region).copied()
    }
}

/// One act on a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum WorkspaceAction {
    /// Makes one.
    Create(Workspace),
    /// Sets what may change of one: what people see, and the description, which is its mark. None: it stays.
    Describe {
        /// Which.
        workspace: CloudName,
        /// The name that people see.
        display_name: Option<String>,
        /// The description.
        description: Option<String>,
    },
    /// Deletes one, with its memberships.
    Delete(CloudName),
    /// Makes a user a member.
    AddMember {
        /// Of which.
        workspace: CloudName,
        /// Which user.
        user: CloudName,
        /// With which roles, at least one.
        roles: BTreeSet<String>,
    },
    /// Gives a member one more role.
    AddRole {
        /// In which.
        workspace: CloudName,
        /// The member's id in RAM.
        member: String,
        /// Its name in RAM.
        name: String,
        /// The role.
        role: String,
    },
    /// Takes a role from a member that has another one.
    RemoveRole {
        /// In which.
        workspace: CloudName,
        /// The member's id in RAM.
        member: String,
        /// Its name in RAM.
        name: String,
        /// The role.
        role: String,
    },
    /// Ends a membership.
    RemoveMember {
        /// In which.
        workspace: CloudName,
        /// The member's id in RAM.
        member: String,
        /// Its name in RAM.
        name: String,
    },
}

impl WorkspaceAction {
    /// The workspace.
    #[must_use]
    pub fn workspace(&self) -> &CloudName {
        match self {
            Self::Create(workspace) => &workspace.name,
            Self::Delete(workspace)
            | Self::Describe { workspace, .. }
            | Self::AddMember { workspace, .. }
            | Self::AddRole { workspace, .. }
            | Self::RemoveRole { workspace, .. }
            | Self::RemoveMember { workspace, .. } => workspace,
        }
    }

    /// Whether it only takes something away.
    #[must_use]
    pub fn takes_away(&self) -> bool {
        matches!(self, Self::Delete(_) | Self::RemoveRole { .. } | Self::RemoveMember { .. })
    }

    /// Whether it is about who is in the workspace.
    #[must_use]
    pub fn is_of_member(&self) -> bool {
        matches!(
            self,
            Self::AddMember { .. } | Self::AddRole { .. } | Self::RemoveRole { .. } | Self::RemoveMember { .. }
        )
    }

    /// What is read after a surprise: a workspace is shown without its members.
    #[must_use]
    pub fn read_after(&self) -> Read {
        match self {
            _ if self.is_of_member() => Read::Workspace(WorkspaceRead::Members(self.workspace().clone())),
            _ => Read::Object(ObjectId::workspace(self.workspace())),
        }
    }

    /// The mark that the workspace shall have afterwards, where the act gives it one.
    #[must_use]
    pub fn mark_to_be(&self) -> Option<Mark> {
        match self {
            Self::Describe { description: Some(description), .. } => mark_of_workspace(description),
            _ => None,
        }
    }
}

/// Something of workspaces that must be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum WorkspaceRead {
    /// Which there are in a region, in which state.
    Region(String),
    /// Who is in one.
    Members(CloudName),
}

impl WorkspaceRead {
    /// The object that is read; of a region, a workspace without a name.
    #[must_use]
    pub fn object(&self) -> ObjectId {
        match self {
            Self::Region(region) => ObjectId::workspace(&workspace_in(region, "")),
            Self::Members(workspace) => ObjectId::workspace(workspace),
        }
    }
}

/// What a read of workspaces found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkspaceFinding {
    /// All of a region.
    Region {
        /// The region.
        region: String,
        /// What is there.
        found: Vec<Workspace>,
        /// When this was asked.
        asked: Timestamp,
    },
    /// One.
    One(Workspace),
    /// Who is in one, by their ids in RAM.
    Members(BTreeMap<String, Member>),
}

/// A user that should be in a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WantedMember {
    /// The TenantUser.
    pub owner: ManifestRef,
    /// Its roles; none where only what is there stays.
    pub roles: BTreeSet<String>,
    /// Whether roles that it has beside these stay: what it should have is not known now.
    pub keeps: bool,
}

impl WantedMember {
    /// Whether the user is a member at all.
    #[must_use]
    pub fn is_asked_for(&self) -> bool {
        self.keeps || !self.roles.is_empty()
    }
}

/// A workspace that should exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WantedWorkspace {
    /// The Tenant.
    pub owner: ManifestRef,
    /// Its region and name.
    pub name: CloudName,
    /// Its description, which is its mark.
    pub description: String,
    /// The name that people see; none: whatever is there.
    pub display_name: Option<String>,
    /// Its environments; none are named where any will do.
    pub env: BTreeSet<String>,
    /// Who should be in it, by their names in RAM; of a name that several want, each one's wish, oldest first.
    pub members: BTreeMap<CloudName, Vec<WantedMember>>,
}

impl WantedWorkspace {
    /// Whether the manifest has to do with what is read of the object.
    pub(super) fn concerns(&self, object: &ObjectId, manifest: &ManifestRef) -> bool {
        let (region, name) = region_of_workspace(&object.name);
        let here = object.name == self.name || (name.is_empty() && region == region_of_workspace(&self.name).0);
        let mut members = self.members.values().flatten().filter(|member| member.is_asked_for());
        let mut is_member = || members.any(|member| member.owner == *manifest);
        here && (self.owner == *manifest || (!name.is_empty() && is_member()))
    }
}

impl Inventory {
    /// Notes an act of ours on a workspace.
    pub(super) fn record_workspace(&mut self, action: &WorkspaceAction, effect: &Effect) {
        if let WorkspaceAction::Create(workspace) = action {
            let id = if let Effect::Id(id) = effect { id.clone() } else { workspace.id.clone() };
            self.workspaces.known.insert(workspace.name.clone(), Workspace { id, ..workspace.clone() });
            return;
        }
        let id_of_user = |user| self.users.get(user).and_then(|user| user.id.clone());
        let added = if let WorkspaceAction::AddMember { user, .. } = action { id_of_user(user) } else { None };
        let Some(workspace) = self.workspaces.known.get_mut(action.workspace()) else { return };
        match action {
            WorkspaceAction::Create(_) => {}
            WorkspaceAction::Describe { display_name, description, .. } => {
                workspace.display_name = display_name.clone().unwrap_or_else(|| workspace.display_name.clone());
                workspace.description = description.clone().unwrap_or_else(|| workspace.description.clone());
            }
            WorkspaceAction::Delete(name) => drop(self.workspaces.known.remove(name)),
            WorkspaceAction::AddMember { user, roles, .. } => {
                let member = Member { name: user.to_string(), roles: roles.clone(), fixed: false };
                let members = workspace.members.iter_mut();
                let id = added.unwrap_or_else(|| user.to_string());
                members.for_each(|members| drop(members.insert(id.clone(), member.clone())));
            }
            WorkspaceAction::AddRole { member, role, .. } => {
                if let Some(member) = workspace.members.iter_mut().find_map(|members| members.get_mut(member)) {
                    member.roles.insert(role.clone());
                }
            }
            WorkspaceAction::RemoveRole { member, role, .. } => {
                if let Some(member) = workspace.members.iter_mut().find_map(|members| members.get_mut(member)) {
                    member.roles.remove(role);
                }
            }
            WorkspaceAction::RemoveMember { member, .. } => {
                workspace.members.iter_mut().for_each(|members| drop(members.remove(member)));
            }
        }
    }

    /// Takes in what a read found.
    pub(super) fn learn_workspaces(&mut self, object: &ObjectId, finding: WorkspaceFinding) {
        match finding {
            WorkspaceFinding::Region { region, found, asked } => self.learn_region(&region, found, asked),
            WorkspaceFinding::One(workspace) => self.place_workspace(workspace),
            WorkspaceFinding::Members(members) => {
                if let Some(workspace) = self.workspaces.known.get_mut(&object.name) {
                    workspace.members = Some(members);
                }
            }
        }
    }

    /// A list says nothing about what we wrote since the sweep before, but in which state it is by now.
    fn learn_region(&mut self, region: &str, found: Vec<Workspace>, asked: Timestamp) {
        let fresh = |name: &CloudName| self.written.contains_key(&ObjectId::workspace(name));
        let mut listed: BTreeMap<CloudName, Workspace> = found.into_iter().map(|it| (it.name.clone(), it)).collect();
        let mut next = BTreeMap::new();
        for (name, known) in std::mem::take(&mut self.workspaces.known) {
            let here = region_of_workspace(&name).0 == region;
            match listed.remove(&name) {
                Some(seen) if fresh(&name) && seen.id == known.id => {
                    next.insert(name, Workspace { state: seen.state, created: seen.created, ..known });
                }
                Some(seen) => {
                    let members = known.members.filter(|_| seen.id == known.id);
                    next.insert(name, Workspace { members: seen.members.or(members), ..seen });
                }
                None if !here || fresh(&name) => drop(next.insert(name, known)),
                None => {}
            }
        }
        next.extend(listed.into_iter().filter(|(name, _)| !fresh(name)));
        self.workspaces.known = next;
        self.workspaces.listed.insert(region.to_owned(), asked);
    }

    fn place_workspace(&mut self, workspace: Workspace) {
        let known = self.workspaces.known.remove(&workspace.name).filter(|known| known.id == workspace.id);
        let members = workspace.members.clone().or_else(|| known?.members);
        self.workspaces.known.insert(workspace.name.clone(), Workspace { members, ..workspace });
    }

    /// When a workspace that is being made should be looked at again: soon at first, then less and less often.
    #[must_use]
    pub fn next_look_at(&self, workspace: &Workspace) -> Timestamp {
        let asked = self.workspaces.listed(region_of_workspace(&workspace.name).0).unwrap_or(workspace.created);
        let age = asked.duration_since(workspace.created);
        let pause = (age / 2).clamp(SignedDuration::from_secs(1), SignedDuration::from_secs(15));
        asked.max(workspace.created).checked_add(pause).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests;
