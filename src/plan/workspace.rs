//! The plan for the tenant's PAI workspace in one account and for who is in it.
//!
//! A workspace takes minutes to be made, and its members and what roles say of it wait for it. What is in it was made by
//! people and is not ours: a manifest that would have another workspace in its place is refused, as nothing is renamed.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::Timestamp;

use super::account::Account;
use super::{Action, Rank};
use crate::model::{
    Class, CloudAction, Inventory, Life, Member, ObjectId, ObjectKind, Read, User, WantedAccount, WantedMember,
    WantedWorkspace, Workspace, WorkspaceAction, WorkspaceRead, WorkspaceState,
};
use crate::names::{CloudName, ManifestRef, region_of_workspace};
use crate::policy::Document;

/// The account as it is wanted, with the id of the workspace in every document that speaks of it. Documents whose
/// workspace is not there yet are left out; also says which manifest's policies, and whose inline ones, these are.
pub(super) fn with_workspace<'w>(
    target: &'w WantedAccount,
    inventory: &Inventory,
) -> (Cow<'w, WantedAccount>, BTreeSet<(ManifestRef, CloudName)>) {
    let mut waiting = BTreeSet::new();
    let speaks = |document: &Document| document.speaks_of_workspace();
    let policies = target.policies.values().flatten().any(|policy| speaks(&policy.document));
    let inline = target.users.values().flatten().any(|user| user.inline.values().any(speaks));
    if !policies && !inline {
        return (Cow::Borrowed(target), waiting);
    }
    let wanted = target.workspace.as_ref();
    let id = wanted.and_then(|wanted| {
        let there = inventory.workspaces.known.get(&wanted.name)?;
        (there.description == wanted.description && !there.id.is_empty()).then(|| there.id.clone())
    });
    let mut target = target.clone();
    for (name, claims) in &mut target.policies {
        for claim in claims.iter_mut().filter(|claim| speaks(&claim.document)) {
            match &id {
                Some(id) => claim.document = claim.document.in_workspace(id),
                None => drop(waiting.insert((claim.owner.clone(), name.clone()))),
            }
        }
        claims.retain(|claim| !speaks(&claim.document));
    }
    for user in target.users.values_mut().flatten() {
        let (open, known) = std::mem::take(&mut user.inline).into_iter().partition(|(_, document)| speaks(document));
        user.inline = known;
        for (name, document) in open {
            match &id {
                Some(id) => drop(user.inline.insert(name, document.in_workspace(id))),
                None => drop(user.kept_inline.insert(name)),
            }
        }
    }
    (Cow::Owned(target), waiting)
}

impl Account<'_, '_, '_> {
    /// What must be known before anything can be said of a workspace that the tenant may have.
    pub(super) fn look_for_workspace(&mut self) {
        let conduct = self.draft.wanted.conduct.get(self.name);
        if let Some(region) = conduct.and_then(|conduct| conduct.workspace_in.as_ref())
            && self.inventory.workspaces.listed(region).is_none()
        {
            self.draft.read(self.name, Read::Workspace(WorkspaceRead::Region(region.clone())));
        }
    }

    /// Says on a manifest that its policy waits for the workspace; what is there of it stays.
    pub(super) fn wait_for_workspace(&mut self, subject: &ManifestRef, wanted: Option<&WantedWorkspace>) {
        let Some(wanted) = wanted else {
            return self.refuse(subject, Class::Waiting, "waits for the workspace of the Tenant".to_owned());
        };
        let (region, name) = region_of_workspace(&wanted.name);
        // Of what was never read nothing is said: whatever was so before still is.
        let unknown = self.inventory.workspaces.listed(region).is_none();
        let class = if unknown { Class::AccountNotReady } else { Class::Waiting };
        self.refuse(subject, class, format!("waits for the workspace {name} of the Tenant in {region}"));
    }

    /// The workspace itself.
    pub(super) fn workspace(&mut self, wanted: &WantedWorkspace) {
        let object = ObjectId::workspace(&wanted.name);
        self.claimed.insert(object.clone());
        let (region, name) = region_of_workspace(&wanted.name);
        if self.inventory.workspaces.listed(region).is_none() {
            return;
        }
        let Some(seen) = self.inventory.workspaces.known.get(&wanted.name).cloned() else {
            return self.make_workspace(wanted);
        };
        let mark = self.inventory.mark(&object);
        if seen.description != wanted.description {
            if mark.is_none() && self.life(&wanted.owner).is_some_and(|life| life.adopt) {
                let description = Some(wanted.description.clone());
                self.describe(wanted, None, description, vec![format!("description  {} → mark", seen.description)]);
                return;
            }
            let message = object.not_owned(mark.as_ref(), &self.inventory.cluster);
            return self.refuse(&wanted.owner, Class::NotOwned, message);
        }
        if let Some(display) = wanted.display_name.as_ref().filter(|display| **display != seen.display_name) {
            let detail = vec![format!("displayName  {} → {display}", seen.display_name)];
            self.describe(wanted, Some(display.clone()), None, detail);
        }
        if !wanted.env.is_empty() && wanted.env != seen.env {
            let list = |env: &BTreeSet<String>| env.iter().cloned().collect::<Vec<_>>().join(", ");
            let message = format!(
                "workspace {name} was made with env [{}], which PAI cannot change to [{}]. Put spec.accounts[].workspace.env back.",
                list(&seen.env),
                list(&wanted.env)
            );
            self.refuse(&wanted.owner, Class::Invalid, message);
        }
        match &seen.state {
            WorkspaceState::Enabled => {}
            WorkspaceState::Making => {
                let next = self.inventory.next_look_at(&seen);
                if self.draft.now >= next {
                    self.draft.read(self.name, Read::Workspace(WorkspaceRead::Region(region.to_owned())));
                } else {
                    self.draft.due_at(next);
                }
                self.refuse(&wanted.owner, Class::Waiting, format!("PAI makes workspace {name}, which takes a while"));
            }
            WorkspaceState::Halted(state) => {
                let message = format!(
                    "PAI says {state} of workspace {name}. Look at it in PAI's console; what is in it stays as it is."
                );
                self.refuse(&wanted.owner, Class::Waiting, message);
            }
        }
    }

    fn make_workspace(&mut self, wanted: &WantedWorkspace) {
        let ours = self.inventory.of_tenant(&self.draft.wanted.tenant).into_iter();
        let ours = ours.filter(|object| object.kind == ObjectKind::Workspace && self.knows_workspace(&object.name));
        let ours: Vec<ObjectId> = ours.collect();
        if let Some(other) = ours.first() {
            let message = format!(
                "{other} is this tenant's, and PAI cannot rename or move one: put spec.accounts[].workspace back, or take it out first, which deletes that workspace with all that is in it."
            );
            self.refuse(&wanted.owner, Class::Invalid, message);
            self.claimed.extend(ours);
            return;
        }
        let workspace = Workspace {
            name: wanted.name.clone(),
            id: String::new(),
            display_name: wanted.display_name.clone().unwrap_or_default(),
            description: wanted.description.clone(),
            env: wanted.env.clone(),
            state: WorkspaceState::Making,
            created: Timestamp::UNIX_EPOCH,
            members: Some(Default::default()),
        };
        let detail = vec![format!("in {}", region_of_workspace(&wanted.name).0)];
        self.on_workspace(&wanted.owner, Rank::Change, WorkspaceAction::Create(workspace), detail);
    }

    fn describe(
        &mut self,
        wanted: &WantedWorkspace,
        display_name: Option<String>,
        description: Option<String>,
        detail: Vec<String>,
    ) {
        let action = WorkspaceAction::Describe { workspace: wanted.name.clone(), display_name, description };
        self.on_workspace(&wanted.owner, Rank::Change, action, detail);
    }

    fn on_workspace(
        &mut self,
        subject: &ManifestRef,
        rank: Rank,
        action: WorkspaceAction,
        detail: Vec<String>,
    ) -> Option<usize> {
        self.step(subject, rank, CloudAction::Workspace(action), detail)
    }

    /// Who is in the workspace. Comes after the users: who is made in this plan may be a member at its end.
    pub(super) fn members(&mut self, wanted: &WantedWorkspace) {
        let name = &wanted.name;
        let seen = self.inventory.workspaces.known.get(name).filter(|seen| seen.description == wanted.description);
        let Some(seen) = seen.filter(|seen| seen.state == WorkspaceState::Enabled) else {
            for member in wanted.members.values().flatten().filter(|member| !member.roles.is_empty()) {
                self.wait_for_workspace(&member.owner, Some(wanted));
            }
            return;
        };
        let Some(members) = seen.members.clone() else {
            if !self.draft.wanted.settled {
                self.draft.read(self.name, Read::Workspace(WorkspaceRead::Members(name.clone())));
            }
            return;
        };
        let mut matched = BTreeSet::new();
        let first = wanted.members.iter().filter_map(|(user, claims)| Some((user, claims.first()?)));
        for (user, member) in first.filter(|(_, member)| member.is_asked_for()) {
            let own = self.inventory.users.get(user).filter(|_| self.is_own_user(user));
            let id = own.and_then(|user| user.id.clone());
            let there = id.and_then(|id| members.get_key_value(&id));
            match there {
                Some((id, seen)) => {
                    matched.insert(id.clone());
                    self.roles_of_member(name, (id, seen), member);
                }
                None if !member.roles.is_empty() && (own.is_some() || self.step_that_makes(user).is_some()) => {
                    let (user, roles) = (user.clone(), member.roles.clone());
                    let action = WorkspaceAction::AddMember { workspace: name.clone(), user, roles };
                    self.on_workspace(&member.owner, Rank::Change, action, Vec::new());
                }
                None => {}
            }
        }
        for (id, member) in members.iter().filter(|(id, member)| !member.fixed && !matched.contains(*id)) {
            self.not_asked_for(wanted, id, member);
        }
    }

    fn roles_of_member(&mut self, workspace: &CloudName, (id, seen): (&String, &Member), wanted: &WantedMember) {
        if seen.fixed {
            return;
        }
        let of = |role: &String| (workspace.clone(), id.clone(), seen.name.clone(), role.clone());
        let mut added = Vec::new();
        for (workspace, member, name, role) in wanted.roles.difference(&seen.roles).map(of) {
            let action = WorkspaceAction::AddRole { workspace, member, name, role };
            added.extend(self.on_workspace(&wanted.owner, Rank::Change, action, Vec::new()));
        }
        if wanted.keeps {
            return;
        }
        for (workspace, member, name, role) in seen.roles.difference(&wanted.roles).map(of) {
            // Nobody is a member without a role.
            let action = CloudAction::Workspace(WorkspaceAction::RemoveRole { workspace, member, name, role });
            let action = Action::Cloud { account: self.name.clone(), action };
            self.draft.step_after(&added, &wanted.owner, Rank::Revoke, action, Vec::new());
        }
    }

    /// A member that no manifest wants in the workspace.
    fn not_asked_for(&mut self, wanted: &WantedWorkspace, id: &str, member: &Member) {
        let (workspace, name) = (wanted.name.clone(), member.name.clone());
        let action = WorkspaceAction::RemoveMember { workspace, member: id.to_owned(), name };
        let user = self.inventory.users.values().find(|user| user.id.as_deref() == Some(id));
        let mark = user.and_then(User::mark).filter(|mark| mark.cluster == self.inventory.cluster);
        let Some((user, mark)) = user.zip(mark.filter(|mark| mark.tenant == self.draft.wanted.tenant)) else {
            // What was released has no mark any more, and keeps what it has.
            return match self.draft.wanted.retain {
                true => self.tell_extra(&wanted.owner, CloudAction::Workspace(action)),
                false => self.take_away(&wanted.owner, CloudAction::Workspace(action), true),
            };
        };
        // Of a user that goes the membership goes with it, and of one that is held or an orphan all stays.
        let claimed = self.claimed.contains(&ObjectId::user(&user.name));
        let owner = self.draft.wanted.owner(&mark.owner).filter(|(_, life)| claimed && !life.held && !life.deleting);
        if let Some((owner, _)) = owner {
            self.on_workspace(owner, Rank::Revoke, action, Vec::new());
        }
    }

    /// Ends what a user that goes is a member of: PAI would keep the members' ids. Where the workspace goes as well, they go
    /// with it.
    pub(super) fn leave_workspaces(&mut self, user: &User, subject: &ManifestRef) {
        let wanted = self.draft.wanted;
        let Some(id) = user.id.as_ref().filter(|_| wanted.life != Life::Deleting) else { return };
        let inventory = self.inventory;
        for object in inventory.of_tenant(&wanted.tenant).iter().filter(|it| it.kind == ObjectKind::Workspace) {
            let workspace = object.name.clone();
            let members = inventory.workspaces.known.get(&workspace).map(|it| &it.members);
            match members {
                Some(Some(members)) => {
                    if let Some(member) = members.get(id).filter(|member| !member.fixed) {
                        let (member, name) = (id.clone(), member.name.clone());
                        let action = WorkspaceAction::RemoveMember { workspace, member, name };
                        self.on_workspace(subject, Rank::Revoke, action, Vec::new());
                    }
                }
                Some(None) => self.draft.read(self.name, Read::Workspace(WorkspaceRead::Members(workspace))),
                None => {}
            }
        }
    }

    /// Whether more than its mark says that a workspace is the tenant's.
    pub(super) fn knows_workspace(&self, name: &CloudName) -> bool {
        self.draft.wanted.knows_workspace(self.name, self.inventory, name)
    }

    /// Its members go with it.
    pub(super) fn remove_workspace(&mut self, name: &CloudName, subject: &ManifestRef) {
        if self.has_instances(name, subject) {
            return;
        }
        self.on_workspace(subject, Rank::Revoke, WorkspaceAction::Delete(name.clone()), Vec::new());
    }

    /// Takes our mark off: the description says what people see.
    pub(super) fn release_workspace(&mut self, name: &CloudName, subject: &ManifestRef) {
        let Some(seen) = self.inventory.workspaces.known.get(name) else { return };
        let shown = if seen.display_name.is_empty() { region_of_workspace(name).1 } else { &seen.display_name };
        let description = Some(shown.to_owned());
        let action = WorkspaceAction::Describe { workspace: name.clone(), display_name: None, description };
        self.on_workspace(subject, Rank::Change, action, vec!["mark comes off".to_owned()]);
    }
}

/// Sign, noun and object of an act.
pub(super) fn line(action: &WorkspaceAction) -> (char, &'static str, String) {
    let shown = |workspace: &CloudName| region_of_workspace(workspace).1.to_owned();
    let at = shown(action.workspace());
    match action {
        WorkspaceAction::Create(_) => ('+', "workspace", at),
        WorkspaceAction::Describe { .. } => ('~', "workspace", at),
        WorkspaceAction::Delete(_) => ('-', "workspace", at),
        WorkspaceAction::AddMember { user, roles, .. } => {
            let roles = roles.iter().cloned().collect::<Vec<_>>().join(", ");
            ('+', "member", format!("{user} → workspace {at} as {roles}"))
        }
        WorkspaceAction::AddRole { name, role, .. } => ('+', "member", format!("{name} → workspace {at} as {role}")),
        WorkspaceAction::RemoveRole { name, role, .. } => ('-', "member", format!("{name} → workspace {at} as {role}")),
        WorkspaceAction::RemoveMember { name, .. } => ('-', "member", format!("{name} → workspace {at}")),
    }
}

#[cfg(test)]
mod tests;
