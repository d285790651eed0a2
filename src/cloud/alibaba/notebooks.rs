//! PAI DSW's instances, one function a call. They are known by ids that DSW gives; their names are not unique, so that a
//! creation whose answer was lost is looked for before it is tried again, and of two for one manifest one goes.

mod shapes;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use jiff::SignedDuration;
use parking_lot::Mutex;
use serde_json::{Value, json};

use self::shapes::{body, changed, notebook};
use super::Alibaba;
use super::act::Act;
use super::call::Call;
use super::read::absent_or;
use super::refusal::Refused;
use super::workspaces::pages;
use crate::cloud::ownership::judge;
use crate::model::{
    Class, Effect, Fault, Finding, Inventory, Notebook, NotebookAction, NotebookList, ObjectId, ObjectKind, Tags,
};
use crate::names::{CloudName, TAG_PRINCIPAL_USER};

/// A creation without an answer is tried again within this time.
const TRIED_WITHIN: SignedDuration = SignedDuration::from_hours(1);
/// Below this share of its processors, in percent, and of its GPUs where it has some, nobody uses an instance.
const IDLE_PERCENT: u32 = 10;

/// All instances of a region: one call a page.
pub(super) async fn list(act: &Act<'_>, region: &str, inventory: &Mutex<Inventory>) -> Result<Finding, Fault> {
    let asked = Instant::now();
    // In the order in which they were made no page loses one that is made meanwhile.
    let call = || {
        let call = Call::dsw(region, "ListInstances", "GET", "instances");
        call.with("SortBy", "GmtCreateTime").with("Order", "ASC")
    };
    let found = pages(act, call, "Instances").await?;
    let found = told_apart(found.iter().filter_map(|it| notebook(region, it)).collect(), &inventory.lock());
    Ok(Finding::Notebooks(NotebookList { region: region.to_owned(), asked, found }))
}

/// One instance: by its id where that is known, else by its name.
pub(super) async fn one(act: &Act<'_>, name: &CloudName, inventory: &Mutex<Inventory>) -> Result<Finding, Refused> {
    if let Some((region, id)) = place_of(name, inventory) {
        let answer = act.send(Call::dsw(&region, "GetInstance", "GET", &format!("instances/{id}"))).await?;
        let found = notebook(&region, &answer).map(|found| Notebook { name: name.clone(), ..found });
        return Ok(found.map_or(Finding::Absent, |found| Finding::Notebook(Box::new(found))));
    }
    let region = act.channel.wire.endpoints.region();
    // The service's own filter also finds names that only hold this one.
    let call = || Call::dsw(region, "ListInstances", "GET", "instances").with("InstanceName", name);
    let found = pages(act, call, "Instances").await?;
    let found = told_apart(found.iter().filter_map(|it| notebook(region, it)).collect(), &inventory.lock());
    let found = found.into_iter().find(|it| it.name == *name);
    Ok(found.map_or(Finding::Absent, |found| Finding::Notebook(Box::new(found))))
}

/// Of several with one name, all but one get a name that holds their id as well: that one stays which is known, else which
/// is its user's, else which came first. One that was made soon after it for the same user is what became of a creation
/// without an answer, and goes. Of others nobody but their user knows why they carry our labels: they are not touched.
fn told_apart(found: Vec<Notebook>, inventory: &Inventory) -> Vec<Notebook> {
    let mut by_name: BTreeMap<CloudName, Vec<Notebook>> = BTreeMap::new();
    for notebook in found {
        by_name.entry(notebook.name.clone()).or_default().push(notebook);
    }
    let user_of = |notebook: &Notebook| notebook.build.as_ref().and_then(|build| build.user.clone());
    let is_its_users = |notebook: &Notebook| {
        let (mark, user) = (notebook.mark(), user_of(notebook));
        let owner = inventory.users.values().find(|it| it.id.is_some() && it.id == user).and_then(|it| it.mark());
        let named = notebook.tags.get(TAG_PRINCIPAL_USER).map(String::as_str);
        mark.zip(owner).is_some_and(|(mark, owner)| {
            mark.tenant == owner.tenant && owner.owner.rsplit('/').next().is_some_and(|it| Some(it) == named)
        })
    };
    let one_name = |(name, mut all): (CloudName, Vec<Notebook>)| {
        let known = inventory.notebooks.ours.get(&name).map(|it| it.id.as_str()).filter(|id| !id.is_empty());
        all.sort_by_key(|it| {
            let rank = (known != Some(it.id.as_str()), it.mark().is_none(), !is_its_users(it));
            (rank, it.made, it.id.clone())
        });
        let first = all.first().map(|first| (user_of(first), first.made));
        for other in all.iter_mut().skip(1) {
            let soon_after = first.as_ref().is_some_and(|(user, made)| {
                let apart = other.made.zip(*made).map(|(other, made)| other.duration_since(made).abs());
                user_of(other) == *user && apart.is_some_and(|apart| apart < TRIED_WITHIN)
            });
            if !soon_after {
                other.tags = Tags::new();
            }
            other.name = CloudName::new(format!("{}/{name}", other.id));
        }
        all
    };
    by_name.into_iter().flat_map(one_name).collect()
}

pub(super) async fn execute(
    cloud: &Alibaba,
    act: &Act<'_>,
    action: &NotebookAction,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    let name = action.name();
    if let NotebookAction::Create(notebook) = action {
        return create(cloud, act, notebook, inventory).await;
    }
    let Some((region, id)) = place_of(name, inventory) else {
        if matches!(action, NotebookAction::Delete(_)) {
            return Ok(Effect::Done);
        }
        return Err(act.fault(Class::Transient, "paidsw:GetInstance", "its id is not known; it is read again"));
    };
    let call = |action, method, rest: &str| Call::dsw(&region, action, method, &format!("instances/{id}{rest}"));
    let known = inventory.lock().notebooks.ours.get(name).and_then(|notebook| notebook.build.clone());
    let known = known.unwrap_or_default();
    let call = match action {
        NotebookAction::Create(_) | NotebookAction::Start(_) => call("StartInstance", "PUT", "/start"),
        NotebookAction::Stop { .. } => call("StopInstance", "PUT", "/stop").with("SaveImage", false),
        NotebookAction::Delete(_) => call("DeleteInstance", "DELETE", ""),
        NotebookAction::Update { instance_type, build, .. } => {
            call("UpdateInstance", "PUT", "").body(changed(instance_type, build, &known))
        }
        NotebookAction::SetIdle { after, .. } => {
            const PATH: &str = "/idleinstanceculler";
            if known.idle.is_some() || after.is_none() {
                // There is one at most, and none is replaced.
                act.remove(call("DeleteIdleInstanceCuller", "DELETE", PATH)).await?;
            }
            let Some(minutes) = after.as_ref().and_then(|minutes| minutes.parse::<u32>().ok()) else {
                return Ok(Effect::Done);
            };
            let percent = IDLE_PERCENT;
            let body = json!({"CpuPercentThreshold": percent, "GpuPercentThreshold": percent, "MaxIdleTimeInMinutes": minutes});
            call("CreateIdleInstanceCuller", "POST", PATH).body(body)
        }
    };
    match act.send(call).await {
        Ok(_) => Ok(Effect::Done),
        Err(refused) if refused.absent() && matches!(action, NotebookAction::Delete(_)) => Ok(Effect::Done),
        // It is not doing what it was known to do: it is looked at again.
        Err(refused) if refused.absent() || (says_nothing_else(action) && refused.is("ValidationError")) => {
            Err(Fault { class: Class::Transient, ..refused.fault })
        }
        Err(refused) => Err(quota(refused)),
    }
}

/// Whether nothing in the call can be wrong but that the instance does something else.
fn says_nothing_else(action: &NotebookAction) -> bool {
    matches!(action, NotebookAction::Start(_) | NotebookAction::Stop { .. } | NotebookAction::Delete(_))
}

/// DSW has two codes, and no documented one for quotas: its words tell.
fn quota(refused: Refused) -> Fault {
    let said = refused.fault.message.to_ascii_lowercase();
    let is_quota = ["quota", "exceed", "upper limit"].iter().any(|word| said.contains(word));
    if is_quota && (refused.is("InternalError") || refused.is("ValidationError")) {
        return Fault { class: Class::QuotaExceeded, ..refused.fault };
    }
    refused.fault
}

/// DSW takes no token that would make a second try the same as the first: it is sent once, and where no clear answer came
/// it is looked for by its name before the next try.
async fn create(
    cloud: &Alibaba,
    act: &Act<'_>,
    wanted: &Notebook,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    let in_doubt = cloud.in_doubt.lock().contains(&wanted.name);
    if in_doubt {
        let found = absent_or(one(act, &wanted.name, inventory).await)?;
        if found != Finding::Absent {
            cloud.in_doubt.lock().remove(&wanted.name);
            let cluster = inventory.lock().cluster.clone();
            let (object, kind) = (ObjectId::notebook(&wanted.name), super::kind(ObjectKind::Notebook));
            return judge("paidsw:CreatePostPaidInstance", kind, &object, wanted.mark().as_ref(), &cluster, found);
        }
    }
    let call = Call::dsw(&wanted.region, "CreateInstance", "POST", "instances").body(body(wanted)).once();
    cloud.in_doubt.lock().insert(wanted.name.clone());
    let answer = act.send(call).await;
    let is_clear = match &answer {
        Ok(answer) => answer["InstanceId"].is_string(),
        Err(refused) => (1..500).contains(&refused.status),
    };
    if is_clear {
        cloud.in_doubt.lock().remove(&wanted.name);
    }
    match answer.map_err(quota)?["InstanceId"].as_str() {
        Some(id) => Ok(Effect::Id(id.to_owned())),
        None => {
            let words = "DSW did not say the id of the new instance";
            Err(act.fault(Class::Transient, "paidsw:CreatePostPaidInstance", words))
        }
    }
}

pub(super) async fn set_labels(
    act: &Act<'_>,
    name: &CloudName,
    set: &Tags,
    unset: &BTreeSet<String>,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    let Some((region, id)) = place_of(name, inventory) else {
        return Err(act.fault(Class::Transient, "paidsw:GetInstance", "its id is not known; it is read again"));
    };
    let call = |action, method| Call::dsw(&region, action, method, &format!("instances/{id}/labels"));
    if !set.is_empty() {
        act.send(call("UpdateInstanceLabels", "PUT").body(json!({"Labels": labels(set)}))).await?;
    }
    if !unset.is_empty() {
        let keys: Vec<&str> = unset.iter().map(String::as_str).collect();
        act.send(call("DeleteInstanceLabels", "DELETE").with("LabelKeys", keys.join(","))).await?;
    }
    Ok(Effect::Done)
}

fn labels(tags: &Tags) -> Vec<Value> {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// Region and id of an instance that is known.
fn place_of(name: &CloudName, inventory: &Mutex<Inventory>) -> Option<(String, String)> {
    let inventory = inventory.lock();
    let notebook = inventory.notebooks.ours.get(name).filter(|notebook| !notebook.id.is_empty())?;
    Some((notebook.region.clone(), notebook.id.clone()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::model::{Finding, User};
    use crate::names::{ClusterId, Naming, RAM_PARTITION, TAG_CLUSTER, TAG_OWNER, TAG_TENANT, TenantName};

    fn marks(owner: &str) -> Tags {
        let all = [(TAG_CLUSTER, "c1"), (TAG_TENANT, "acme"), (TAG_OWNER, owner), (TAG_PRINCIPAL_USER, "alice")];
        all.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    fn instance(id: &str, user: &str, minute: u8) -> Notebook {
        let naming =
            Naming { cluster: ClusterId::new("c1"), tenant: TenantName::new("acme"), prefix: String::new(), ram: true };
        let labels: Vec<Value> = labels(&marks("tenantnotebook/acme/lab"));
        let value = json!({
            "InstanceId": id, "InstanceName": naming.notebook("lab").as_str(), "UserId": user, "Status": "Running",
            "Labels": labels, "GmtCreateTime": format!("2026-11-22T{:02}:{:02}:00Z", minute / 60, minute % 60),
        });
        notebook("cn-shanghai", &value).unwrap()
    }

    fn inventory() -> Inventory {
        let mut inventory = Inventory::new(ClusterId::new("c1"), "1", RAM_PARTITION);
        for (name, id) in [("alice", "100"), ("bob", "200")] {
            let user = User {
                name: CloudName::new(format!("acme.{name}")),
                path: "/tenants/c1/acme/".to_owned(),
                arn: format!("acs:ram::1:user/acme.{name}"),
                id: Some(id.to_owned()),
                tags: marks(&format!("tenantuser/acme/{name}")),
                profile: Default::default(),
                boundary: None,
                groups: Default::default(),
                attached: Default::default(),
                inline: Default::default(),
                keys: None,
                login: None,
            };
            inventory.learn(&ObjectId::user(&user.name.clone()), Finding::User(user));
        }
        inventory
    }

    /// The ids of the one that stands for the manifest, of those that go, and of those that nobody touches.
    fn of(found: Vec<Notebook>, inventory: &Inventory) -> (Vec<String>, Vec<String>, Vec<String>) {
        let all = told_apart(found, inventory);
        let ids = |is: &dyn Fn(&Notebook) -> bool| all.iter().filter(|it| is(it)).map(|it| it.id.clone()).collect();
        let marked = |it: &Notebook| it.mark().is_some();
        (ids(&|it| !it.is_second()), ids(&|it| it.is_second() && marked(it)), ids(&|it| it.is_second() && !marked(it)))
    }

    #[test]
    fn of_two_for_one_manifest_the_younger_goes_and_nobodys_else_is_touched() {
        let mut inventory = inventory();
        let (first, second) = (instance("dsw-b", "100", 0), instance("dsw-a", "100", 1));
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let two = of(vec![second.clone(), first.clone()], &inventory);
        assert_eq!(two, (ids(&["dsw-b"]), ids(&["dsw-a"]), ids(&[])));
        // Bob has put alice's labels and name on his own, which is older; somebody has copied hers a day later.
        let (bobs, copy) = (instance("dsw-c", "200", 0), instance("dsw-d", "100", 200));
        let three = of(vec![bobs, copy, second.clone()], &inventory);
        assert_eq!(three, (ids(&["dsw-a"]), ids(&[]), ids(&["dsw-d", "dsw-c"])));
        // That which is known stays.
        inventory.notebooks.ours.insert(second.name.clone(), second.clone());
        assert_eq!(of(vec![first, second], &inventory).0, ids(&["dsw-a"]));
    }
}
