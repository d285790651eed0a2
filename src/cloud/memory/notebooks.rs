//! Notebooks in the account that lives in memory: each state that passes by itself passes when the test lets time go on.

use super::super::ownership::judge;
use super::deeds::{fault, no_such};
use super::world::World;
use crate::model::{
    Build, Class, CloudAction, Effect, Fault, Notebook, NotebookAction, NotebookList, ObjectId, Phase, WorkspaceAction,
};

impl World {
    pub(super) fn notebook(&mut self, action: &NotebookAction) -> Result<Effect, Fault> {
        let name = action.name();
        if let NotebookAction::Create(notebook) = action {
            let object = ObjectId::notebook(name);
            if self.notebooks.contains_key(name) {
                let found = self.find(&object);
                let kind = object.kind.to_string();
                return judge("CreateNotebook", &kind, &object, notebook.mark().as_ref(), &self.cluster, found);
            }
            self.notebooks_made += 1;
            let id = if self.is_ram { format!("dsw-{}", self.notebooks_made) } else { notebook.id.clone() };
            let made =
                Notebook { id: id.clone(), made: Some(self.now), moved: Some(self.now), ..Notebook::clone(notebook) };
            self.notebooks.insert(name.clone(), made);
            return Ok(Effect::Arn(id));
        }
        let now = self.now;
        let Some(notebook) = self.notebooks.get_mut(name) else {
            return if matches!(action, NotebookAction::Delete(_)) { Ok(Effect::Done) } else { no_such(name) };
        };
        if let NotebookAction::SetIdle { after, .. } = action {
            notebook.build.iter_mut().for_each(|build| build.idle.clone_from(after));
            return Ok(Effect::Done);
        }
        let (from, to): (&[Phase], Phase) = match action {
            NotebookAction::Stop { .. } => (&[Phase::Running], Phase::Stopping),
            NotebookAction::Delete(_) => (&[Phase::Stopped, Phase::Failed], Phase::Deleting),
            NotebookAction::Update { .. } => (&[Phase::Stopped, Phase::Failed], Phase::Updating),
            NotebookAction::Create(_) | NotebookAction::SetIdle { .. } | NotebookAction::Start(_) => {
                (&[Phase::Stopped, Phase::Failed], Phase::Starting)
            }
        };
        if !from.contains(&notebook.phase) {
            return fault(Class::Transient, name, "Unable to transition");
        }
        if let NotebookAction::Update { instance_type, build, .. } = action {
            let has = notebook.build.clone().unwrap_or_default();
            if build.volume_gb < has.volume_gb && build.volume_gb.is_some() {
                return fault(Class::Invalid, name, "a volume only grows");
            }
            notebook.instance_type.clone_from(instance_type);
            notebook.build = Some(Build { volume_gb: build.volume_gb.or(has.volume_gb), ..Build::clone(build) });
        }
        // DSW changes one that is stopped at once.
        if !(self.is_ram && to == Phase::Updating) {
            notebook.phase = to;
            notebook.state = format!("{to:?}");
        }
        notebook.moved = Some(now);
        Ok(Effect::Done)
    }

    /// A workspace goes after what is in it, and a user after what runs for it.
    pub(super) fn guard_notebooks(&mut self, action: &CloudAction) {
        let first = |is_its: &dyn Fn(&Build) -> bool, counts: &dyn Fn(Phase) -> bool| {
            let all = self.notebooks.values().filter(|it| counts(it.phase));
            all.filter(|it| it.build.as_ref().is_some_and(is_its)).map(|it| it.name.clone()).next()
        };
        let first = match action {
            CloudAction::Workspace(WorkspaceAction::Delete(name)) => {
                let id = self.workspaces.get(name).map(|it| it.id.clone());
                first(&|build| id.is_some() && build.workspace == id, &|_| true)
            }
            CloudAction::DeleteUser(name) => {
                let id = self.users.get(name).and_then(|it| it.id.clone());
                first(&|build| id.is_some() && build.user == id, &|phase| phase == Phase::Running)
            }
            _ => None,
        };
        if let Some(notebook) = first {
            self.trespasses.push(format!("{action:?} before notebook {notebook}"));
        }
    }

    /// What passes by itself has passed.
    pub(crate) fn notebooks_arrive(&mut self) {
        self.notebooks.retain(|_, notebook| notebook.phase != Phase::Deleting);
        for notebook in self.notebooks.values_mut().filter(|notebook| notebook.phase.passes()) {
            notebook.phase = if notebook.phase == Phase::Starting { Phase::Running } else { Phase::Stopped };
            notebook.state = format!("{:?}", notebook.phase);
            notebook.moved = Some(self.now);
        }
    }

    pub(super) fn notebook_list(&self, region: &str) -> NotebookList {
        let found = self.notebooks.values().filter(|notebook| notebook.region == region).cloned();
        NotebookList { region: region.to_owned(), asked: std::time::Instant::now(), found: found.collect() }
    }
}
