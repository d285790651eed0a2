//! What the plan for notebooks minds on PAI DSW alone: the workspace that an instance is in and the user whose it is, which
//! both must be there first and go last, and what DSW lets be changed.

use std::borrow::Cow;

use super::{Differences, or_none};
use crate::model::{
    Build, Class, CloudAction, Life, Notebook, NotebookAction, ObjectId, Rest, Tags, User, WantedNotebook,
    WantedWorkspace, WorkspaceState,
};
use crate::names::{CloudName, LABEL_ASKED, MARK_PREFIX, ManifestRef};
use crate::plan::Rank;
use crate::plan::account::Account;

/// Whether it is to be stopped after another time without use, which DSW changes while it runs.
pub(super) fn differs_in_idle(seen: &Notebook, wanted: &WantedNotebook) -> bool {
    wanted.place.is_some() && seen.build.as_ref().is_some_and(|has| has.idle != wanted.build.idle)
}

impl Account<'_, '_, '_> {
    /// The notebook as it is wanted, with the ids of its workspace and its user. As long as one of them is not there,
    /// nothing is done but what takes access away.
    pub(super) fn placed<'w>(
        &mut self,
        wanted: &'w WantedNotebook,
        workspace: Option<&WantedWorkspace>,
    ) -> Cow<'w, WantedNotebook> {
        let Some(place) = &wanted.place else { return Cow::Borrowed(wanted) };
        let mut placed = wanted.clone();
        placed.build.workspace = workspace.filter(|it| it.name == place.workspace).and_then(|it| self.usable(it));
        placed.build.user = self.id_of_user(&place.user);
        if placed.only_still || (placed.build.workspace.is_some() && placed.build.user.is_some()) {
            return Cow::Owned(placed);
        }
        if wanted.rest != Some(Rest::Still) {
            if placed.build.workspace.is_none() {
                self.wait_for_workspace(&wanted.owner, workspace);
            } else {
                let message = format!("waits for user {} in RAM, whose it will be", place.user);
                self.refuse(&wanted.owner, Class::Waiting, message);
            }
        }
        placed.only_still = true;
        Cow::Owned(placed)
    }

    /// The id of the tenant's workspace, if something can be made in it.
    fn usable(&self, wanted: &WantedWorkspace) -> Option<String> {
        let there = self.inventory.workspaces.known.get(&wanted.name)?;
        let usable = there.description == wanted.description && there.state == WorkspaceState::Enabled;
        Some(there.id.clone()).filter(|id| usable && !id.is_empty())
    }

    fn id_of_user(&self, user: &CloudName) -> Option<String> {
        let mark = self.inventory.mark(&ObjectId::user(user))?;
        let is_ours = mark.cluster == self.inventory.cluster && mark.tenant == self.draft.wanted.tenant;
        self.inventory.users.get(user).filter(|_| is_ours)?.id.clone()
    }

    /// Whether an instance that carries the manifest's marks is another of our users': labels can be copied, and nobody's
    /// disk is handed to somebody else. One whose user is gone, and was made again under the same name, is handed over.
    pub(super) fn is_another_users(&mut self, seen: &Notebook, wanted: &WantedNotebook) -> bool {
        // Where nothing is given to anybody, it may be stopped whoever has it.
        let place = wanted.place.as_ref().filter(|_| !wanted.only_still);
        let (Some(place), Some(has)) = (place, seen.build.as_ref().and_then(|build| build.user.as_ref())) else {
            return false;
        };
        let owner = self.inventory.users.values().find(|user| user.id.as_ref() == Some(has));
        let Some(owner) = owner.filter(|owner| owner.name != place.user) else { return false };
        let message = format!(
            "DSW instance {} carries the marks of this manifest and belongs to {} in RAM. Nothing was changed. Delete it, or take its labels off.",
            seen.id, owner.name
        );
        self.refuse(&wanted.owner, Class::NotOwned, message);
        true
    }

    /// In what an instance differs beside its type and its disk.
    pub(super) fn changes_on_dsw(
        &mut self,
        seen: &Notebook,
        has: &Build,
        wanted: &WantedNotebook,
        changes: &mut Differences,
    ) {
        let build = &wanted.build;
        changes.compare("user", or_none(&has.user), or_none(&build.user));
        let seen_by = |public: bool| if public { "everyone in the workspace" } else { "its user" };
        changes.compare("open to", seen_by(has.public), seen_by(build.public));
        if !was_asked(seen, wanted) {
            compare_what_is_asked(has, build, changes);
        }
        if has.workspace != build.workspace {
            let message = format!(
                "the instance is in workspace {} and cannot be moved: make a new TenantNotebook with another name and delete this one",
                or_none(&has.workspace)
            );
            self.refuse(&wanted.owner, Class::Invalid, message);
        }
    }

    pub(super) fn set_idle(&mut self, seen: &Notebook, wanted: &WantedNotebook) {
        let after = wanted.build.idle.clone();
        let detail = match &after {
            Some(minutes) => format!("after {minutes} minutes"),
            None => "never".to_owned(),
        };
        let action = CloudAction::Notebook(NotebookAction::SetIdle { name: seen.name.clone(), after });
        self.step(&wanted.owner, Rank::Change, action, vec![detail]);
    }

    /// Whether a user that goes still has instances that go as well: these are first. What is said waits for them.
    pub(in crate::plan) fn has_leaving_instances(&mut self, user: &User, subject: &ManifestRef) -> bool {
        let wanted = self.draft.wanted;
        if wanted.retain || user.id.is_none() {
            return false;
        }
        let stays = |name: &CloudName| {
            let object = ObjectId::notebook(name);
            let mark = self.inventory.mark(&object);
            let owner = mark.as_ref().and_then(|mark| wanted.owner(&mark.owner));
            let held = wanted.life != Life::Deleting && owner.is_none_or(|(_, life)| life.held && !life.deleting);
            held || (self.claimed.contains(&object) && !self.is_leaving(&object))
        };
        let is_its = |it: &&Notebook| it.build.as_ref().is_some_and(|build| build.user == user.id);
        let first = self.inventory.notebooks.ours.values().filter(is_its).find(|it| !stays(&it.name));
        let Some(name) = first.map(|it| it.name.clone()) else { return false };
        self.refuse(subject, Class::Waiting, format!("goes once notebook {name} is gone, which takes minutes"));
        true
    }

    /// Whether there are still instances of ours in a workspace that goes: these are first.
    pub(in crate::plan) fn has_instances(&mut self, workspace: &CloudName, subject: &ManifestRef) -> bool {
        let Some(id) = self.inventory.workspaces.known.get(workspace).map(|it| it.id.clone()) else { return false };
        let is_in = |it: &&Notebook| it.build.as_ref().is_some_and(|build| build.workspace.as_ref() == Some(&id));
        let Some(name) = self.inventory.notebooks.ours.values().find(is_in).map(|it| it.name.clone()) else {
            return false;
        };
        self.refuse(
            subject,
            Class::Waiting,
            format!("the workspace goes once notebook {name} is gone, which takes minutes"),
        );
        true
    }
}

/// Image, network and data sets.
fn compare_what_is_asked(has: &Build, build: &Build, changes: &mut Differences) {
    let list = |texts: &mut dyn Iterator<Item = String>| {
        let texts: Vec<String> = texts.collect();
        if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
    };
    let images = |build: &Build| list(&mut build.images.iter().cloned());
    if !build.images.is_subset(&has.images) {
        changes.compare("image", &images(has), &images(build));
    }
    let mounts = |build: &Build| {
        let access = |read_only| if read_only { " (read only)" } else { "" };
        let mounts = build.mounts.iter();
        list(&mut mounts.map(|(path, it)| format!("{} on {path}{}", it.dataset, access(it.read_only))))
    };
    changes.compare("data sets", &mounts(has), &mounts(build));
    if !same_network(has, build) {
        let network = |build: &Build| {
            let groups = build.security_groups.iter();
            list(&mut build.vpc.iter().chain(&build.subnet).chain(groups).cloned())
        };
        changes.compare("network", &network(has), &network(build));
    }
}

/// Whether all that DSW may show in other words was asked for already: it is not asked for again, which would stop the
/// instance for nothing, time and again.
pub(super) fn was_asked(seen: &Notebook, wanted: &WantedNotebook) -> bool {
    let asked = wanted.tags.get(LABEL_ASKED);
    asked.is_some() && seen.tags.get(LABEL_ASKED) == asked
}

/// The tags of a notebook as far as they are ours to set: DSW and the notebook's user may put labels of their own.
pub(super) fn our_labels<'s>(seen: &'s Notebook, wanted: &WantedNotebook) -> Cow<'s, Tags> {
    if wanted.place.is_none() {
        return Cow::Borrowed(&seen.tags);
    }
    let is_ours = |key: &String| key.starts_with(MARK_PREFIX) || wanted.tags.contains_key(key);
    let ours = seen.tags.iter().filter(|(key, _)| is_ours(key));
    Cow::Owned(ours.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// Of a network, what the manifest leaves open is the cloud's to choose.
fn same_network(has: &Build, wanted: &Build) -> bool {
    has.vpc == wanted.vpc
        && (wanted.subnet.is_none() || has.subnet == wanted.subnet)
        && (wanted.security_groups.is_empty() || has.security_groups == wanted.security_groups)
}
