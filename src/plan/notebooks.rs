//! The plan for notebooks: made, started, stopped, changed while they are stopped, and deleted once they are. What takes a
//! cloud minutes is never waited for here: the next list shows what became of it, and that is planned anew.

use jiff::{SignedDuration, Timestamp};

mod dsw;

use super::account::{Account, Standing};
use super::{Action, Rank};
use crate::model::{
    Build, Class, CloudAction, Hours, Notebook, NotebookAction, ObjectId, Phase, Read, Rest, Tags, WantedNotebook,
    WantedWorkspace,
};
use crate::names::{CloudName, LABEL_ASKED, ManifestRef, TAG_STOPPED};

/// After so long in a passing state a notebook is told to hang. Clouds have no way to end that.
const HANGS_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// One that failed is started again so long after: what made it fail is seldom over at once.
const TRIED_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// What [`TAG_STOPPED`] says of one that we stopped, and of one that stops as soon as it has started.
const STOPPED: &str = "true";
const DUE: &str = "due";

impl Account<'_, '_, '_> {
    /// Asks for lists of the regions where notebooks of the tenant may be and that nobody has looked at.
    pub(super) fn list_notebooks(&mut self) {
        let wanted = self.draft.wanted;
        for region in wanted.notebook_regions.get(self.name).into_iter().flatten() {
            if !self.inventory.knows_notebooks(region) {
                self.draft.read(self.name, Read::Notebooks(region.clone()));
            }
        }
    }

    /// `workspace` is the tenant's in the account, where it has one.
    pub(super) fn notebook(
        &mut self,
        name: &CloudName,
        claims: &[WantedNotebook],
        workspace: Option<&WantedWorkspace>,
    ) {
        let object = ObjectId::notebook(name);
        self.claimed.insert(object.clone());
        let Some(wanted) = self.choose(&object, claims, |claim| &claim.owner) else { return };
        if !self.inventory.knows_notebooks(&wanted.region) {
            return;
        }
        let standing = self.standing_of_notebook(&object, &wanted.owner);
        if matches!(standing, Standing::Other | Standing::Adoptable) {
            return;
        }
        let wanted = self.placed(wanted, workspace);
        match self.inventory.notebooks.ours.get(name).cloned() {
            None => self.make_notebook(name, &wanted),
            Some(seen) if self.is_another_users(&seen, &wanted) => {}
            Some(seen) => self.keep_notebook(&seen, &wanted),
        }
    }

    fn standing_of_notebook(&mut self, object: &ObjectId, owner: &ManifestRef) -> Standing {
        if self.inventory.notebooks.ours.contains_key(&object.name) {
            let mark = self.inventory.mark(object);
            if mark.as_ref().is_some_and(|mark| self.is_mark_of(mark, owner)) {
                return Standing::Ours;
            }
            return self.foreign(object, owner, mark.as_ref());
        }
        match self.inventory.others.get(object).cloned() {
            None => Standing::Absent,
            Some(stub) => self.foreign(object, owner, stub.mark.as_ref()),
        }
    }

    fn make_notebook(&mut self, name: &CloudName, wanted: &WantedNotebook) {
        if wanted.only_still || wanted.rest == Some(Rest::Still) {
            return;
        }
        let notebook = Notebook {
            name: name.clone(),
            region: wanted.region.clone(),
            id: if wanted.place.is_some() { String::new() } else { self.inventory.notebook_arn(&wanted.region, name) },
            tags: wanted.tags.clone(),
            phase: Phase::Starting,
            state: "Pending".to_owned(),
            instance_type: wanted.instance_type.clone(),
            build: Some(wanted.build.clone()),
            failure: None,
            made: None,
            moved: None,
            before: None,
        };
        let detail = vec![wanted.instance_type.clone(), format!("in {}", wanted.region)];
        let action = CloudAction::Notebook(NotebookAction::Create(Box::new(notebook)));
        self.step(&wanted.owner, Rank::Change, action, detail);
    }

    fn keep_notebook(&mut self, seen: &Notebook, wanted: &WantedNotebook) {
        let (subject, name) = (&wanted.owner, seen.name.clone());
        if wanted.only_still {
            self.still_notebook(seen, wanted);
            return;
        }
        if seen.build.is_none() && !self.draft.wanted.settled {
            self.draft.read(self.name, Read::Object(ObjectId::notebook(&name)));
        }
        let changes = self.changes_of_notebook(seen, wanted);
        let tags = tags_now(seen, wanted, !changes.is_empty());
        let before = self.draft.steps.len();
        let noted = self.note_stop(&name, subject, dsw::our_labels(seen, wanted).into_owned(), tags.get(TAG_STOPPED));
        self.tags(&ObjectId::notebook(&name), subject, &noted, &tags);
        let noted: Vec<usize> = (before..self.draft.steps.len()).collect();
        match seen.phase {
            Phase::Running if wanted.rest == Some(Rest::Still) => {
                self.stop_notebook(subject, name, true, "nobody may use it");
            }
            Phase::Running if wanted.rest.is_some() => self.stop_notebook(subject, name, false, "as the manifest says"),
            Phase::Running if !changes.is_empty() => {
                let mut detail = vec!["to be changed; it starts again by itself".to_owned()];
                detail.extend(changes);
                // Once it stands still, only what was noted before says that it starts again.
                let action = CloudAction::Notebook(NotebookAction::Stop { name, urgent: false });
                let action = Action::Cloud { account: self.name.clone(), action };
                self.draft.step_after(&noted, subject, Rank::Change, action, detail);
            }
            Phase::Running if dsw::differs_in_idle(seen, wanted) => self.set_idle(seen, wanted),
            Phase::Running if is_out_of_hours(seen, wanted) || is_due(seen, wanted) => {
                self.stop_notebook(subject, name, false, "as its schedule says");
            }
            Phase::Stopped | Phase::Failed if !changes.is_empty() => {
                let (instance_type, mut build) = (wanted.instance_type.clone(), Box::new(wanted.build.clone()));
                // A size that cannot be keeps nothing else from being changed.
                let has = seen.build.as_ref().and_then(|has| has.volume_gb);
                build.volume_gb = build.volume_gb.filter(|wanted| has.is_none_or(|has| *wanted >= has));
                let action = NotebookAction::Update { name: name.clone(), instance_type, build };
                let changed = self.step(subject, Rank::Change, CloudAction::Notebook(action), changes);
                // DSW leaves one that failed as it is.
                if seen.phase == Phase::Failed && wanted.place.is_some() && wanted.rest.is_none() {
                    let start = CloudAction::Notebook(NotebookAction::Start(name));
                    let start = Action::Cloud { account: self.name.clone(), action: start };
                    let changed: Vec<usize> = changed.into_iter().collect();
                    self.draft.step_after(&changed, subject, Rank::Change, start, Vec::new());
                }
            }
            Phase::Stopped if starts(seen, wanted) => self.start_notebook(subject, name),
            Phase::Running | Phase::Stopped => {}
            Phase::Failed => self.failed_notebook(seen, wanted),
            Phase::Starting | Phase::Stopping | Phase::Updating | Phase::Deleting => {
                self.wait_for_notebook(seen, subject)
            }
        }
    }

    /// Of one whose manifest is refused nothing changes but that it stops: that is asked for, whatever else is wrong.
    fn still_notebook(&mut self, seen: &Notebook, wanted: &WantedNotebook) {
        let (subject, name) = (&wanted.owner, seen.name.clone());
        if seen.phase != Phase::Running {
            return;
        }
        if wanted.rest.is_some() {
            self.note_stop(&name, subject, seen.tags.clone(), Some(&STOPPED.to_owned()));
        }
        match wanted.rest {
            Some(Rest::Still) => self.stop_notebook(subject, name, true, "nobody may use it"),
            Some(Rest::Asked) => self.stop_notebook(subject, name, false, "as the manifest says"),
            None if is_out_of_hours(seen, wanted) => self.stop_notebook(subject, name, false, "as its schedule says"),
            None => {}
        }
    }

    /// Nobody may use it; it runs again once somebody may.
    pub(super) fn rest_notebook(&mut self, name: &CloudName, subject: &ManifestRef) {
        let Some(seen) = self.inventory.notebooks.ours.get(name).filter(|it| it.phase == Phase::Running) else {
            return;
        };
        self.note_stop(name, subject, seen.tags.clone(), Some(&STOPPED.to_owned()));
        self.stop_notebook(subject, name.clone(), true, "nobody may use it");
    }

    /// Notes on the notebook why it stops, in a step of its own that goes wherever the stop goes. Gives the tags as they
    /// are then.
    fn note_stop(&mut self, name: &CloudName, subject: &ManifestRef, seen: Tags, note: Option<&String>) -> Tags {
        let mut tags = seen.clone();
        if let Some(note) = note {
            tags.insert(TAG_STOPPED.to_owned(), note.clone());
            self.tags(&ObjectId::notebook(name), subject, &seen, &tags);
        }
        tags
    }

    fn start_notebook(&mut self, subject: &ManifestRef, name: CloudName) {
        self.step(subject, Rank::Change, CloudAction::Notebook(NotebookAction::Start(name)), Vec::new());
    }

    fn stop_notebook(&mut self, subject: &ManifestRef, name: CloudName, urgent: bool, why: &str) {
        let rank = if urgent { Rank::Revoke } else { Rank::Change };
        let action = CloudAction::Notebook(NotebookAction::Stop { name, urgent });
        self.step(subject, rank, action, vec![why.to_owned()]);
    }

    /// In what a notebook differs from its manifest, as people read it. What cannot be changed is refused.
    fn changes_of_notebook(&mut self, seen: &Notebook, wanted: &WantedNotebook) -> Vec<String> {
        let mut changes = Differences::default();
        changes.compare("type", &seen.instance_type, &wanted.instance_type);
        let Some(has) = &seen.build else { return changes.0 };
        let smaller = wanted.build.volume_gb.zip(has.volume_gb).filter(|(wanted, has)| wanted < has);
        if let Some((wanted_size, has)) = smaller {
            let message = format!("its volume has {has} GB, and a volume only grows: {wanted_size} GB cannot be");
            self.refuse(&wanted.owner, Class::Invalid, message);
        } else if let Some(size) = wanted.build.volume_gb.filter(|_| !dsw::was_asked(seen, wanted)) {
            let has = has.volume_gb.map_or_else(|| "of the cloud's size".to_owned(), |has| format!("{has} GB"));
            changes.compare("volume", &has, &format!("{size} GB"));
        }
        if wanted.place.is_some() {
            self.changes_on_dsw(seen, has, wanted, &mut changes);
            return changes.0;
        }
        let Build { role, root_access, idle, .. } = &wanted.build;
        changes.compare("role", or_none(&has.role), or_none(role));
        let root = |on: bool| if on { "on" } else { "off" };
        changes.compare("root access", root(has.root_access), root(*root_access));
        changes.compare("stop when idle", or_none(&has.idle), or_none(idle));
        if (&has.subnet, &has.security_groups) != (&wanted.build.subnet, &wanted.build.security_groups) {
            let message = "a notebook cannot be moved to another subnet or other security groups: make a new \
                           TenantNotebook with another name and delete this one";
            self.refuse(&wanted.owner, Class::Invalid, message.to_owned());
        }
        changes.0
    }

    fn failed_notebook(&mut self, seen: &Notebook, wanted: &WantedNotebook) {
        let again = seen.moved.map(|moved| moved.saturating_add(TRIED_AGAIN_AFTER));
        if let Some(again) = again.and_then(Result::ok).filter(|_| wanted.rest.is_none() && !is_night(wanted)) {
            if again <= self.draft.now {
                return self.start_notebook(&wanted.owner, seen.name.clone());
            }
            self.draft.due_at(again);
        }
        if seen.failure.is_none() {
            self.draft.read(self.name, Read::Object(ObjectId::notebook(&seen.name)));
        }
        let why = seen.failure.as_deref().unwrap_or("no reason was given");
        let message = format!(
            "the notebook failed: {why}. It is started again once an hour; to begin anew, delete the manifest and apply it again"
        );
        self.refuse(&wanted.owner, Class::Failed, message);
    }

    fn wait_for_notebook(&mut self, seen: &Notebook, subject: &ManifestRef) {
        let hangs_at = seen.moved.and_then(|moved| moved.saturating_add(HANGS_AFTER).ok());
        let hangs = hangs_at.is_some_and(|at| at <= self.draft.now);
        if let Some(at) = hangs_at.filter(|_| !hangs) {
            self.draft.due_at(at);
        }
        let message = if hangs {
            let help = match self.inventory.is_ram() {
                true => ". Look at it in PAI's console, ask its support, or wait",
                false => ", which the cloud does not let anybody end. Ask its support, or wait",
            };
            format!("the notebook has been {} for more than an hour{help}", seen.state)
        } else {
            format!("the notebook is {}, which takes minutes", seen.state)
        };
        self.refuse(subject, Class::Waiting, message);
    }

    /// One that runs is stopped first, one that is on its way somewhere arrives first.
    pub(super) fn remove_notebook(&mut self, name: &CloudName, subject: &ManifestRef) {
        let Some(seen) = self.inventory.notebooks.ours.get(name).cloned() else { return };
        match seen.phase {
            Phase::Running => self.stop_notebook(subject, name.clone(), true, "to be deleted"),
            Phase::Stopped | Phase::Failed => {
                let action = CloudAction::Notebook(NotebookAction::Delete(name.clone()));
                self.step(subject, Rank::Revoke, action, Vec::new());
            }
            Phase::Starting | Phase::Stopping | Phase::Updating | Phase::Deleting => {
                self.wait_for_notebook(&seen, subject)
            }
        }
    }
}

/// What differs, as people read it.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn compare(&mut self, what: &str, seen: &str, wanted: &str) {
        if seen != wanted {
            self.0.push(format!("{what} {seen} → {wanted}"));
        }
    }
}

fn or_none(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or("none")
}

/// The tags that it should have now. That we stopped it is noted while it does not run, and forgotten once it does; that
/// its time to stop came while it started, until it runs and can be stopped.
fn tags_now(seen: &Notebook, wanted: &WantedNotebook, changes: bool) -> Tags {
    let noted = seen.tags.get(TAG_STOPPED).map(String::as_str);
    let note = match seen.phase {
        _ if wanted.rest == Some(Rest::Asked) => Some(STOPPED),
        Phase::Starting | Phase::Running if changes || wanted.rest.is_some() => Some(STOPPED),
        Phase::Starting if is_out_of_hours(seen, wanted) || is_due(seen, wanted) => Some(DUE),
        Phase::Running if is_due(seen, wanted) => Some(DUE),
        Phase::Starting | Phase::Running => None,
        _ => noted.filter(|noted| *noted == STOPPED),
    };
    let mut tags = wanted.tags.clone();
    if let Some(note) = note {
        tags.insert(TAG_STOPPED.to_owned(), note.to_owned());
    }
    if changes {
        // It is asked for when it was.
        tags.remove(LABEL_ASKED);
        tags.extend(seen.tags.get_key_value(LABEL_ASKED).map(|(key, value)| (key.clone(), value.clone())));
    }
    tags
}

/// Whether its time to stop came while it started.
fn is_due(seen: &Notebook, wanted: &WantedNotebook) -> bool {
    let is_over = |hours: &Hours| hours.stop.is_some() && hours.stop > hours.start;
    seen.tags.get(TAG_STOPPED).is_some_and(|note| note == DUE) && wanted.hours.as_ref().is_some_and(is_over)
}

/// Whether its schedule will start it.
fn is_night(wanted: &WantedNotebook) -> bool {
    wanted.hours.as_ref().is_some_and(|hours| hours.start.is_some() && hours.stop > hours.start)
}

/// Whether a time to stop has come since it was last started, by whomever, and no time to start after.
fn is_out_of_hours(seen: &Notebook, wanted: &WantedNotebook) -> bool {
    let Some(hours) = &wanted.hours else { return false };
    let is_after = |at: Timestamp, other: Option<Timestamp>| other.is_none_or(|other| at > other);
    hours.stop.is_some_and(|stop| is_after(stop, hours.start) && seen.moved.is_some_and(|moved| stop > moved))
}

/// Whether one that is stopped starts: because we stopped it for what no longer holds, because its time has come, or
/// because nothing but a hand has stopped it and the manifest says that it runs.
fn starts(seen: &Notebook, wanted: &WantedNotebook) -> bool {
    if wanted.rest.is_some() {
        return false;
    }
    let hours = wanted.hours.clone().unwrap_or_default();
    if seen.tags.get(TAG_STOPPED).is_some_and(|note| note == STOPPED) {
        return !is_night(wanted);
    }
    let has_begun = hours.start.is_some_and(|start| seen.moved.is_some_and(|moved| start > moved));
    (has_begun && !is_night(wanted)) || !wanted.may_rest()
}

#[cfg(test)]
mod tests;
