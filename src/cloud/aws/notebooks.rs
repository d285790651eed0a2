//! SageMaker notebook instances. What a list shows is read for all at once; tags and make only where they are not known.
//!
//! SageMaker models next to no errors: what there is none of, a name that is taken and a state that does not allow an act
//! are all a `ValidationException`, told apart by their texts (SageMaker API reference; `RecordNotFound` is what AWS's own
//! waiters look for).

use std::collections::BTreeSet;
use std::time::Instant;

use data_encoding::BASE64;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::Aws;
use super::act::Act;
use super::refusal::Refused;
use super::sagemaker::call;
use crate::cloud::Priority;
use crate::cloud::ownership::{judge, mark_of};
use crate::cloud::pages::following;
use crate::model::{
    Build, Class, Effect, Fault, Finding, Inventory, Notebook, NotebookAction, NotebookList, ObjectId, Phase, Tags,
    mark_of_tags,
};
use crate::names::{CloudName, idle_minutes, may_be_our_notebook};

/// The most notebooks that one page holds (ListNotebookInstances), and the most tags (ListTags).
const PAGE: i64 = 100;
/// Runs in a notebook whenever it starts.
const IDLE: &str = include_str!("idle.sh");
/// What SageMaker calls a notebook.
pub(super) const KIND: &str = "SageMaker notebook";

impl Aws {
    pub(super) async fn notebook(
        &self,
        action: &NotebookAction,
        inventory: &Mutex<Inventory>,
    ) -> Result<Effect, Fault> {
        let object = ObjectId::notebook(action.name());
        let act = self.act_on(&object, Priority::of(&crate::model::CloudAction::Notebook(action.clone())));
        if let NotebookAction::Create(notebook) = action {
            return self.create_notebook(&act, notebook, inventory).await;
        }
        let region = self.region_of(&object, inventory)?;
        if let NotebookAction::Update { build, .. } = action {
            self.script(&act, &region, build.idle.as_deref()).await?;
        }
        let mut input = json!({"NotebookInstanceName": action.name().as_str()});
        let operation = match action {
            NotebookAction::Start(_) => "StartNotebookInstance",
            NotebookAction::Stop { .. } => "StopNotebookInstance",
            NotebookAction::Delete(_) => "DeleteNotebookInstance",
            // Only DSW has idleness apart from the rest.
            NotebookAction::Create(_) | NotebookAction::Update { .. } | NotebookAction::SetIdle { .. } => {
                "UpdateNotebookInstance"
            }
        };
        if let NotebookAction::Update { instance_type, build, .. } = action {
            changeable(&mut input, instance_type, build);
            if build.idle.is_none() {
                input["DisassociateLifecycleConfig"] = json!(true);
            }
        }
        match self.ask(&act, &region, operation, input).await {
            Ok(_) => {
                if matches!(action, NotebookAction::Delete(_)) {
                    self.drop_script(&act, &region, action.name(), inventory).await;
                }
                Ok(Effect::Done)
            }
            Err(refused) if refused.absent() && matches!(action, NotebookAction::Delete(_)) => Ok(Effect::Done),
            // It is not doing what it was known to do: it is looked at again.
            Err(refused) if refused.absent() || refused.message.contains("Unable to transition") => {
                Err(Fault { class: Class::Transient, ..refused.fault })
            }
            Err(refused) => Err(not_yet(refused)),
        }
    }

    /// Sees to it that the lifecycle configuration is there which stops notebooks when they are idle.
    async fn script(&self, act: &Act<'_>, region: &str, name: Option<&str>) -> Result<(), Fault> {
        let Some((name, minutes)) = name.and_then(|name| Some((name, idle_minutes(name)?))) else { return Ok(()) };
        let text = IDLE.replace("MINUTES", &minutes.to_string());
        let input = json!({
            "NotebookInstanceLifecycleConfigName": name,
            "OnStart": [{"Content": BASE64.encode(text.as_bytes())}],
        });
        match self.ask(act, region, "CreateNotebookInstanceLifecycleConfig", input).await {
            Err(refused) if !is_taken(&refused) => Err(refused.fault),
            _ => Ok(()),
        }
    }

    /// Removes the lifecycle configuration of a notebook that goes, if it was the last that had it. Where that is refused
    /// it stays: it does nothing by itself, and the next notebook takes it up.
    async fn drop_script(&self, act: &Act<'_>, region: &str, name: &CloudName, inventory: &Mutex<Inventory>) {
        let script = {
            let inventory = inventory.lock();
            let script_of = |it: &Notebook| it.build.as_ref().and_then(|build| build.idle.clone());
            let notebooks = &inventory.notebooks.ours;
            let script = notebooks.get(name).and_then(script_of);
            let mut others = notebooks.values().filter(|it| it.region == region && it.name != *name);
            script.filter(|script| others.all(|it| it.build.is_some() && script_of(it).as_ref() != Some(script)))
        };
        if let Some(script) = script.filter(|script| idle_minutes(script).is_some()) {
            let input = json!({"NotebookInstanceLifecycleConfigName": script});
            let _ = self.ask(act, region, "DeleteNotebookInstanceLifecycleConfig", input).await;
        }
    }

    async fn create_notebook(
        &self,
        act: &Act<'_>,
        notebook: &Notebook,
        inventory: &Mutex<Inventory>,
    ) -> Result<Effect, Fault> {
        let build = notebook.build.clone().unwrap_or_default();
        self.script(act, &notebook.region, build.idle.as_deref()).await?;
        let tags: Vec<Value> = notebook.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        let mut input = json!({
            "NotebookInstanceName": notebook.name.as_str(),
            "Tags": tags,
            // The second version of the metadata service does not give the role's credentials to forged requests.
            "InstanceMetadataServiceConfiguration": {"MinimumInstanceMetadataServiceVersion": "2"},
            "DirectInternetAccess": if build.subnet.is_some() { "Disabled" } else { "Enabled" },
        });
        changeable(&mut input, &notebook.instance_type, &build);
        if let Some(subnet) = &build.subnet {
            input["SubnetId"] = json!(subnet);
            input["SecurityGroupIds"] = json!(build.security_groups);
        }
        match self.ask(act, &notebook.region, "CreateNotebookInstance", input).await {
            Ok(answer) => Ok(Effect::Arn(text(&answer, "NotebookInstanceArn").unwrap_or_else(|| notebook.id.clone()))),
            // An answer that was lost, or somebody else's.
            Err(refused) if is_taken(&refused) => {
                let object = ObjectId::notebook(&notebook.name);
                let found = self.read_notebook(act, &notebook.region, &notebook.name).await?;
                let cluster = inventory.lock().cluster.clone();
                let wanted = mark_of_tags(&notebook.tags);
                judge("sagemaker:CreateNotebookInstance", KIND, &object, wanted.as_ref(), &cluster, found)
            }
            Err(refused) => Err(not_yet(refused)),
        }
    }

    /// All notebooks of a region. Of those that are known and are still the same it keeps what no list shows; the tags of
    /// others are read where the name could be ours.
    pub(super) async fn list_notebooks(
        &self,
        region: &str,
        inventory: &Mutex<Inventory>,
    ) -> Result<NotebookList, Fault> {
        let asked = Instant::now();
        let act = self.act(format!("the notebooks of {region}"), Priority::Normal);
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let mut input = json!({"MaxResults": PAGE});
            if let Some(token) = &next {
                input["NextToken"] = json!(token);
            }
            let page = self.ask(&act, region, "ListNotebookInstances", input).await?;
            for summary in page["NotebookInstances"].as_array().into_iter().flatten() {
                found.extend(summary_of(summary, region));
            }
            next = match following(next.as_deref(), false, text(&page, "NextToken")) {
                Ok(None) => break,
                Ok(next) => next,
                Err(message) => return Err(act.fault(Class::Transient, "ListNotebookInstances", message)),
            };
        }
        for notebook in &mut found {
            let known = inventory.lock().notebooks.ours.get(&notebook.name).cloned();
            let known =
                known.filter(|known| known.id == notebook.id && known.made.is_none_or(|at| Some(at) == notebook.made));
            match known {
                Some(known) => {
                    notebook.tags = known.tags;
                    // Why it failed is told by it alone.
                    let news = notebook.phase == Phase::Failed && known.phase != Phase::Failed;
                    notebook.build = known.build.filter(|_| !news);
                    notebook.failure = known.failure;
                }
                None if may_be_our_notebook(&notebook.name) => {
                    let act = self.act_on(&ObjectId::notebook(&notebook.name), Priority::Normal);
                    notebook.tags = self.tags_of_notebook(&act, region, &notebook.id).await?;
                }
                None => {}
            }
        }
        Ok(NotebookList { region: region.to_owned(), asked, found })
    }

    /// One notebook, whole: two calls.
    pub(super) async fn find_notebook(
        &self,
        act: &Act<'_>,
        name: &CloudName,
        inventory: &Mutex<Inventory>,
    ) -> Result<Finding, Fault> {
        let region = self.region_of(&ObjectId::notebook(name), inventory)?;
        self.read_notebook(act, &region, name).await
    }

    /// Whose a notebook is, and whether there is one: two calls.
    pub(super) async fn mark_of_notebook(
        &self,
        act: &Act<'_>,
        name: &CloudName,
        inventory: &Mutex<Inventory>,
    ) -> Result<Finding, Fault> {
        let found = self.find_notebook(act, name, inventory).await?;
        if found == Finding::Absent {
            return Ok(found);
        }
        let cluster = inventory.lock().cluster.clone();
        Ok(Finding::Mark { mark: mark_of(&found, &cluster), default_version: None })
    }

    pub(super) async fn tag_notebook(
        &self,
        act: &Act<'_>,
        name: &CloudName,
        set: &Tags,
        unset: &BTreeSet<String>,
        inventory: &Mutex<Inventory>,
    ) -> Result<Effect, Fault> {
        let object = ObjectId::notebook(name);
        let region = self.region_of(&object, inventory)?;
        let arn = inventory.lock().notebooks.ours.get(name).map(|notebook| notebook.id.clone()).unwrap_or_default();
        if !set.is_empty() {
            let tags: Vec<Value> = set.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
            self.ask(act, &region, "AddTags", json!({"ResourceArn": arn, "Tags": tags})).await?;
        }
        if !unset.is_empty() {
            self.ask(act, &region, "DeleteTags", json!({"ResourceArn": arn, "TagKeys": unset})).await?;
        }
        Ok(Effect::Done)
    }

    async fn read_notebook(&self, act: &Act<'_>, region: &str, name: &CloudName) -> Result<Finding, Fault> {
        let input = json!({"NotebookInstanceName": name.as_str()});
        let described = match self.ask(act, region, "DescribeNotebookInstance", input).await {
            Err(refused) if refused.absent() => return Ok(Finding::Absent),
            described => described?,
        };
        let Some(mut notebook) = summary_of(&described, region) else { return Ok(Finding::Absent) };
        notebook.build = Some(build_of(&described));
        notebook.failure = text(&described, "FailureReason").filter(|_| notebook.phase == Phase::Failed);
        notebook.tags = self.tags_of_notebook(act, region, &notebook.id).await?;
        Ok(Finding::Notebook(Box::new(notebook)))
    }

    async fn tags_of_notebook(&self, act: &Act<'_>, region: &str, arn: &str) -> Result<Tags, Fault> {
        let answer = self.ask(act, region, "ListTags", json!({"ResourceArn": arn, "MaxResults": PAGE})).await;
        let answer = match answer {
            // It went while it was looked at.
            Err(refused) if refused.absent() => return Ok(Tags::new()),
            answer => answer?,
        };
        let tags = answer["Tags"].as_array().into_iter().flatten();
        Ok(tags.filter_map(|tag| Some((text(tag, "Key")?, text(tag, "Value").unwrap_or_default()))).collect())
    }

    async fn ask(&self, act: &Act<'_>, region: &str, operation: &'static str, input: Value) -> Result<Value, Refused> {
        act.send(operation, call(self.base.clone(), region.to_owned(), operation, input)).await
    }

    fn region_of(&self, object: &ObjectId, inventory: &Mutex<Inventory>) -> Result<String, Fault> {
        let region = inventory.lock().notebooks.ours.get(&object.name).map(|notebook| notebook.region.clone());
        region.ok_or_else(|| Fault::new(Class::Transient, "find", object, "it is not there any more"))
    }
}

/// What may be given when a notebook is made, and changed later.
fn changeable(input: &mut Value, instance_type: &str, build: &Build) {
    input["InstanceType"] = json!(instance_type);
    input["RoleArn"] = json!(build.role);
    input["RootAccess"] = json!(if build.root_access { "Enabled" } else { "Disabled" });
    if let Some(script) = &build.idle {
        input["LifecycleConfigName"] = json!(script);
    }
    if let Some(size) = build.volume_gb {
        input["VolumeSizeInGB"] = json!(size);
    }
}

/// A role that was just made is not known to SageMaker for some seconds, and a script may go just when it is needed.
fn not_yet(refused: Refused) -> Fault {
    if refused.absent() || (refused.is("ValidationException") && refused.message.contains("assume")) {
        return Fault { class: Class::Transient, ..refused.fault };
    }
    refused.fault
}

/// What lists and single readings both show. None where it has no name, which AWS never answers.
fn summary_of(notebook: &Value, region: &str) -> Option<Notebook> {
    let state = text(notebook, "NotebookInstanceStatus").unwrap_or_default();
    Some(Notebook {
        name: CloudName::new(text(notebook, "NotebookInstanceName")?),
        region: region.to_owned(),
        id: text(notebook, "NotebookInstanceArn").unwrap_or_default(),
        tags: Tags::new(),
        phase: phase_of(&state),
        state,
        instance_type: text(notebook, "InstanceType").unwrap_or_default(),
        build: None,
        failure: None,
        made: time(notebook, "CreationTime"),
        moved: time(notebook, "LastModifiedTime"),
        before: None,
    })
}

fn build_of(notebook: &Value) -> Build {
    let groups = notebook["SecurityGroups"].as_array().into_iter().flatten();
    Build {
        volume_gb: notebook["VolumeSizeInGB"].as_i64().and_then(|size| i32::try_from(size).ok()),
        role: text(notebook, "RoleArn"),
        subnet: text(notebook, "SubnetId"),
        security_groups: groups.filter_map(Value::as_str).map(str::to_owned).collect(),
        root_access: notebook["RootAccess"] == "Enabled",
        idle: text(notebook, "NotebookInstanceLifecycleConfigName"),
        ..Build::default()
    }
}

fn phase_of(state: &str) -> Phase {
    match state {
        "InService" => Phase::Running,
        "Stopping" => Phase::Stopping,
        "Stopped" => Phase::Stopped,
        "Deleting" => Phase::Deleting,
        "Failed" => Phase::Failed,
        "Updating" | "PendingMaintenance" | "InMaintenance" => Phase::Updating,
        _ => Phase::Starting,
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.as_object().and_then(|fields: &Map<String, Value>| fields.get(key))?.as_str().map(str::to_owned)
}

/// Times are seconds since 1970, with a fraction.
fn time(value: &Value, key: &str) -> Option<Timestamp> {
    #[allow(clippy::cast_possible_truncation)]
    let milliseconds = (value[key].as_f64()? * 1000.0) as i64;
    Timestamp::from_millisecond(milliseconds).ok()
}

/// Whether there is something of that name.
fn is_taken(refused: &Refused) -> bool {
    refused.message.contains("duplicate") || refused.message.contains("already exist")
}
