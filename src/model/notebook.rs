//! Notebooks: what is known of one, what may be done to it, and how the lists that show their states are taken in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use super::action::Effect;
use super::arns::region_of_arn;
use super::cloud::{ObjectId, ObjectKind, Stub, Tags, mark_of_tags};
use super::inventory::Inventory;
use crate::names::{CloudName, ManifestRef, Mark, TenantName, is_name_of_notebook, short_hash};

/// What a notebook is doing, whatever word its cloud has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Phase {
    /// It is being made or started.
    Starting,
    /// It can be used.
    Running,
    /// It is being stopped.
    Stopping,
    /// It does not run; its disk stays.
    Stopped,
    /// It is being changed.
    Updating,
    /// It goes.
    Deleting,
    /// The cloud gave up on it.
    Failed,
}

impl Phase {
    /// Whether it becomes another by itself, so that it is looked at again soon.
    #[must_use]
    pub fn passes(self) -> bool {
        !matches!(self, Self::Running | Self::Stopped | Self::Failed)
    }
}

/// A data set that is mounted in a notebook (DSW).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// The data set's id.
    pub dataset: String,
    /// Whether nothing can be written to it.
    pub read_only: bool,
}

/// What a notebook is made of. On SageMaker no list shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Build {
    /// The size of its disk in GB; none: the cloud's default.
    pub volume_gb: Option<i32>,
    /// The ARN of the role that what runs in it has (SageMaker).
    pub role: Option<String>,
    /// The VPC (DSW).
    pub vpc: Option<String>,
    /// The subnet (SageMaker) or vSwitch (DSW).
    pub subnet: Option<String>,
    /// Its security groups.
    pub security_groups: BTreeSet<String>,
    /// Whether its user is root on it (SageMaker).
    pub root_access: bool,
    /// How it is stopped when nobody uses it: the lifecycle configuration (SageMaker) or after how many minutes (DSW).
    pub idle: Option<String>,
    /// Its image (DSW): as one is wanted by id or by address, and as it is known by either.
    pub images: BTreeSet<String>,
    /// What is mounted in it, by where (DSW).
    pub mounts: BTreeMap<String, Mount>,
    /// The id of the PAI workspace that it is in (DSW).
    pub workspace: Option<String>,
    /// The id in RAM of the user whose it is (DSW).
    pub user: Option<String>,
    /// Whether everyone in its workspace may use it (DSW).
    pub public: bool,
}

impl Build {
    /// A hash of what DSW may show in other words than it was asked for.
    #[must_use]
    pub fn asked(&self) -> String {
        let mounts: Vec<_> = self.mounts.iter().map(|(path, it)| (path, &it.dataset, it.read_only)).collect();
        let network = (&self.vpc, &self.subnet, &self.security_groups);
        short_hash(&format!("{:?}", (&self.images, self.volume_gb, network, mounts)))
    }
}

/// Where a notebook of DSW is to be and whose it is, by names; their ids are known once both are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The tenant's PAI workspace.
    pub workspace: CloudName,
    /// The user in RAM.
    pub user: CloudName,
}

/// A notebook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notebook {
    /// Its name, unique in its region. DSW lets several have one name: there all but one are known by id and name.
    pub name: CloudName,
    /// Its region.
    pub region: String,
    /// Its ARN (SageMaker) or id (DSW).
    pub id: String,
    /// Its tags; empty where its name is none of ours, and nobody looked.
    pub tags: Tags,
    /// What it is doing.
    pub phase: Phase,
    /// The cloud's own word for that.
    pub state: String,
    /// The machine's type.
    pub instance_type: String,
    /// What it is made of; none where it was not read.
    pub build: Option<Build>,
    /// Why it failed, in the cloud's words.
    pub failure: Option<String>,
    /// When it was made; none before a list has shown it.
    pub made: Option<Timestamp>,
    /// When the cloud last changed it; none where an act of ours came after and no list has shown what it became.
    pub moved: Option<Timestamp>,
    /// What it was doing before our last act: a list that still shows that is behind.
    pub before: Option<Phase>,
}

impl Notebook {
    /// Whose it is: by its tags, and only where its name is what they stand for.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        mark_of_tags(&self.tags).filter(|mark| is_name_of_notebook(&self.name, mark))
    }

    /// Whether another instance of the same name stands for the manifest (DSW).
    #[must_use]
    pub fn is_second(&self) -> bool {
        self.name.as_str().contains('/')
    }

    /// Our own act sets it on its way.
    fn goes(&mut self, phase: Phase, state: &str) {
        self.before = Some(self.phase);
        self.phase = phase;
        self.state = state.to_owned();
        self.moved = None;
    }
}

/// Why a notebook must not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Rest {
    /// Its manifest says so.
    Asked,
    /// Its user or its tenant is suspended, or its user is over or gone: nobody may use it.
    Still,
}

/// When a notebook was last to start and to stop by its schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hours {
    /// The last time it was to start.
    pub start: Option<Timestamp>,
    /// The last time it was to stop.
    pub stop: Option<Timestamp>,
}

/// A notebook that should exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WantedNotebook {
    /// The TenantNotebook.
    pub owner: ManifestRef,
    /// Its region.
    pub region: String,
    /// Its tags.
    pub tags: Tags,
    /// The machine's type.
    pub instance_type: String,
    /// What it is made of.
    pub build: Build,
    /// Where it is and whose (DSW).
    pub place: Option<Place>,
    /// Why it must not run; none: it may.
    pub rest: Option<Rest>,
    /// Its schedule; none: it has none.
    pub hours: Option<Hours>,
    /// Whether only what takes access away is done: the manifest is refused, and what it has stays.
    pub only_still: bool,
}

impl WantedNotebook {
    /// Whether one that stopped without us stays so until somebody starts it.
    #[must_use]
    pub fn may_rest(&self) -> bool {
        self.build.idle.is_some() || self.hours.is_some()
    }
}

/// One act on a notebook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum NotebookAction {
    /// Makes one; it starts by itself.
    Create(Box<Notebook>),
    /// Starts one that is stopped.
    Start(CloudName),
    /// Stops one that runs.
    Stop {
        /// Which.
        name: CloudName,
        /// Whether nobody may use it any more.
        urgent: bool,
    },
    /// Changes one that is stopped.
    Update {
        /// Which.
        name: CloudName,
        /// The machine's type.
        instance_type: String,
        /// What it shall be made of.
        build: Box<Build>,
    },
    /// Sets after how many minutes without use one that runs is stopped; none: never (DSW).
    SetIdle {
        /// Which.
        name: CloudName,
        /// The minutes.
        after: Option<String>,
    },
    /// Deletes one that is stopped.
    Delete(CloudName),
}

impl NotebookAction {
    /// The notebook.
    #[must_use]
    pub fn name(&self) -> &CloudName {
        match self {
            Self::Create(notebook) => &notebook.name,
            Self::Start(name)
            | Self::Delete(name)
            | Self::Stop { name, .. }
            | Self::SetIdle { name, .. }
            | Self::Update { name, .. } => name,
        }
    }
}

/// All notebooks of one region of an account, as a list shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotebookList {
    /// The region.
    pub region: String,
    /// When the list was asked for.
    pub asked: Instant,
    /// The notebooks, with what is known of them beside what the list shows.
    pub found: Vec<Notebook>,
}

/// The notebooks of an account: ours by name, and which regions were listed, and when last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notebooks {
    /// Ours.
    pub ours: BTreeMap<CloudName, Notebook>,
    /// When each region was last listed. In one that is not here nothing is known.
    pub listed: BTreeMap<String, Instant>,
}

impl Notebooks {
    /// The regions with a notebook that becomes another by itself.
    #[must_use]
    pub fn restless(&self) -> BTreeSet<String> {
        let restless = self.ours.values().filter(|notebook| notebook.phase.passes());
        restless.map(|notebook| notebook.region.clone()).collect()
    }

    /// Notes an act of ours.
    pub(super) fn record(&mut self, action: &NotebookAction, effect: &Effect) {
        if let NotebookAction::Create(notebook) = action {
            let mut made = Notebook::clone(notebook);
            if let Effect::Arn(id) | Effect::Id(id) = effect {
                made.id.clone_from(id);
            }
            self.ours.insert(notebook.name.clone(), made);
            return;
        }
        let Some(notebook) = self.ours.get_mut(action.name()) else { return };
        match action {
            NotebookAction::Create(_) => {}
            NotebookAction::Start(_) => notebook.goes(Phase::Starting, "Pending"),
            NotebookAction::Stop { .. } => notebook.goes(Phase::Stopping, "Stopping"),
            NotebookAction::Delete(_) => notebook.goes(Phase::Deleting, "Deleting"),
            NotebookAction::SetIdle { after, .. } => {
                notebook.build.iter_mut().for_each(|build| build.idle.clone_from(after));
            }
            NotebookAction::Update { instance_type, build, .. } => {
                // DSW changes one that is stopped at once.
                if build.workspace.is_none() {
                    notebook.goes(Phase::Updating, "Updating");
                }
                notebook.instance_type.clone_from(instance_type);
                let has = notebook.build.take().unwrap_or_default();
                let volume_gb = build.volume_gb.or(has.volume_gb);
                notebook.build = Some(Build { volume_gb, ..Build::clone(build) });
            }
        }
    }
}

impl Inventory {
    /// Whether it is known which notebooks there are in a region.
    #[must_use]
    pub fn knows_notebooks(&self, region: &str) -> bool {
        self.notebooks.listed.contains_key(region)
    }

    /// From here on nothing is known of the notebooks of a region. Says whose they were.
    pub fn forget_notebooks(&mut self, region: &str) -> BTreeSet<TenantName> {
        self.notebooks.listed.remove(region);
        let there = self.notebooks.ours.values().filter(|notebook| notebook.region == region);
        there.filter_map(|notebook| notebook.mark()).map(|mark| mark.tenant).collect()
    }

    /// Takes in a list of a region's notebooks and says whose are not as they were known. What we did within
    /// `fresh_write` before may not show in it yet.
    pub fn absorb_notebooks(&mut self, list: NotebookList, fresh_write: Duration) -> BTreeSet<TenantName> {
        let NotebookList { region, asked, found } = list;
        let horizon = asked.checked_sub(fresh_write);
        let is_fresh = |written: &BTreeMap<ObjectId, Instant>, name: &CloudName| {
            let at = written.get(&ObjectId::notebook(name));
            at.is_some_and(|at| *at > asked || horizon.is_none_or(|horizon| *at > horizon))
        };
        let (mut kept, mut known): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.notebooks.ours).into_iter().partition(|(_, it)| it.region != region);
        let of_region = |object: &ObjectId, stub: &Stub| {
            object.kind == ObjectKind::Notebook && region_of_arn(&stub.arn) == Some(region.as_str())
        };
        self.others.retain(|object, stub| !of_region(object, stub));
        let mut changed = BTreeSet::new();
        for notebook in found {
            let before = known.remove(&notebook.name);
            let now = match before.clone() {
                Some(before) if before.before == Some(notebook.phase) && is_fresh(&self.written, &notebook.name) => {
                    before
                }
                _ => notebook,
            };
            if before.as_ref() != Some(&now) {
                changed.extend(before.iter().chain([&now]).filter_map(Notebook::mark).map(|mark| mark.tenant));
            }
            self.place_notebook(now);
        }
        kept.append(&mut self.notebooks.ours);
        for (name, notebook) in known {
            if notebook.phase != Phase::Deleting && is_fresh(&self.written, &name) {
                kept.insert(name, notebook);
            } else {
                changed.extend(notebook.mark().map(|mark| mark.tenant));
            }
        }
        self.notebooks.ours = kept;
        self.notebooks.listed.insert(region, asked);
        changed
    }
}

impl Inventory {
    /// Puts a found notebook among ours or among the others.
    pub(super) fn place_notebook(&mut self, notebook: Notebook) {
        match notebook.mark() {
            Some(mark) if mark.cluster == self.cluster => {
                self.notebooks.ours.insert(notebook.name.clone(), notebook);
            }
            mark => {
                let arn = if self.is_ram() { self.dsw_arn(&notebook) } else { notebook.id };
                let stub = Stub { arn, mark, mark_read: true };
                self.others.insert(ObjectId::notebook(&notebook.name), stub);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::names::{ClusterId, Naming, TAG_CLUSTER, TAG_OWNER, TAG_TENANT};

    fn lab(phase: Phase) -> Notebook {
        let naming = Naming {
            cluster: ClusterId::new("c1"),
            tenant: TenantName::new("acme"),
            prefix: String::new(),
            ram: false,
        };
        let marks = [(TAG_CLUSTER, "c1"), (TAG_TENANT, "acme"), (TAG_OWNER, "tenantnotebook/acme/lab")];
        Notebook {
            name: naming.notebook("lab"),
            region: "r1".to_owned(),
            id: "arn:aws:sagemaker:r1:1:notebook-instance/lab".to_owned(),
            tags: marks.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            phase,
            state: format!("{phase:?}"),
            instance_type: "ml.t3.medium".to_owned(),
            build: None,
            failure: None,
            made: None,
            moved: None,
            before: None,
        }
    }

    fn list(found: Vec<Notebook>) -> NotebookList {
        NotebookList { region: "r1".to_owned(), asked: Instant::now(), found }
    }

    #[test]
    fn a_list_that_is_behind_our_own_act_does_not_undo_it() {
        let mut inventory = Inventory::new(ClusterId::new("c1"), "1", "aws");
        let fresh = Duration::from_secs(60);
        let acme: BTreeSet<TenantName> = [TenantName::new("acme")].into();
        assert_eq!(inventory.absorb_notebooks(list(vec![lab(Phase::Running)]), fresh), acme);
        let stop = NotebookAction::Stop { name: lab(Phase::Running).name, urgent: false };
        let action = super::super::CloudAction::Notebook(stop);
        inventory.record(&action, &super::super::Effect::Done, Instant::now());
        let phase = |inventory: &Inventory| inventory.notebooks.ours.values().next().map(|it| it.phase);
        assert!(inventory.absorb_notebooks(list(vec![lab(Phase::Running)]), fresh).is_empty());
        assert_eq!(phase(&inventory), Some(Phase::Stopping));
        assert!(inventory.absorb_notebooks(list(Vec::new()), fresh).is_empty(), "lists may lag");
        assert_eq!(inventory.absorb_notebooks(list(vec![lab(Phase::Stopped)]), fresh), acme);
        assert_eq!(phase(&inventory), Some(Phase::Stopped));
        assert_eq!(inventory.absorb_notebooks(list(Vec::new()), Duration::ZERO), acme);
        assert_eq!(phase(&inventory), None);
    }

    #[test]
    fn what_carries_another_clusters_mark_is_known_by_its_name_alone() {
        let mut inventory = Inventory::new(ClusterId::new("c2"), "1", "aws");
        inventory.absorb_notebooks(list(vec![lab(Phase::Running)]), Duration::ZERO);
        assert!(inventory.notebooks.ours.is_empty() && inventory.knows_notebooks("r1"));
        assert_eq!(inventory.others.len(), 1);
    }
}
