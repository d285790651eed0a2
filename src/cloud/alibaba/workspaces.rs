//! PAI's workspaces and who is in them, one function a call. They are regional, and members go by their ids in RAM.

use std::collections::BTreeMap;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::act::Act;
use super::call::Call;
use super::kind;
use super::read::absent_or;
use super::refusal::Refused;
use super::shapes::text;
use crate::cloud::ownership::judge;
use crate::model::{
    Class, Effect, Fault, Finding, Inventory, Member, ObjectId, ObjectKind, Workspace, WorkspaceAction,
    WorkspaceFinding, WorkspaceState,
};
use crate::names::{CloudName, region_of_workspace, workspace_in};

/// How many a page holds.
const PAGE: usize = 100;
/// The role of who made a workspace; nobody else can have it, and it cannot be taken away.
const OWNER: &str = "PAI.WorkspaceOwner";
/// The account itself, among kinds of members.
const ROOT: &str = "1";
/// The environments of a workspace of which no manifest says them.
const ENVIRONMENT: &str = "prod";
/// Regions with an endpoint of their own (PAI's API reference, "Endpoints", November 2026). Elsewhere no answer means that
/// there is no such service; a region that is new needs no change here, as it answers.
const REGIONS: [&str; 19] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-southeast-7",
    "cn-beijing",
    "cn-guangzhou",
    "cn-hangzhou",
    "cn-heyuan",
    "cn-hongkong",
    "cn-shanghai",
    "cn-shanghai-finance-1",
    "cn-shenzhen",
    "cn-wulanchabu",
    "eu-central-1",
    "us-east-1",
    "us-west-1",
];

/// All workspaces of a region: one call a page.
pub(super) async fn list(act: &Act<'_>, region: &str) -> Result<Finding, Fault> {
    let asked = Timestamp::now();
    let found = pages(act, || Call::pai(region, "ListWorkspaces", "GET", "workspaces"), "Workspaces").await;
    let found = found.map_err(|refused| explained(act, region, refused))?;
    let found = found.iter().filter_map(|value| workspace(region, value)).collect();
    Ok(Finding::Workspace(WorkspaceFinding::Region { region: region.to_owned(), found, asked }))
}

/// Who is in a workspace: one call a page.
pub(super) async fn members(act: &Act<'_>, name: &CloudName, inventory: &Mutex<Inventory>) -> Result<Finding, Fault> {
    let Some(id) = id_of(name, inventory) else { return Ok(Finding::Absent) };
    let region = region_of_workspace(name).0;
    let path = format!("workspaces/{id}/members");
    let found = pages(act, || Call::pai(region, "ListMembers", "GET", &path), "Members").await;
    let found = found.map(|found| {
        let members: BTreeMap<String, Member> = found.iter().filter_map(member).collect();
        Finding::Workspace(WorkspaceFinding::Members(members))
    });
    absent_or(found)
}

/// One workspace, without its members: by its id where that is known, else by its name.
pub(super) async fn one(act: &Act<'_>, object: &CloudName, inventory: &Mutex<Inventory>) -> Result<Finding, Refused> {
    let (region, name) = region_of_workspace(object);
    let found = match id_of(object, inventory) {
        Some(id) => {
            let answer = act.send(Call::pai(region, "GetWorkspace", "GET", &format!("workspaces/{id}"))).await?;
            workspace(region, &answer)
        }
        None => {
            // The service's own filter also finds names that only hold this one.
            let call = || Call::pai(region, "ListWorkspaces", "GET", "workspaces").with("WorkspaceName", name);
            let found = pages(act, call, "Workspaces").await?;
            found.iter().filter_map(|value| workspace(region, value)).find(|found| found.name == *object)
        }
    };
    Ok(found.map_or(Finding::Absent, |found| Finding::Workspace(WorkspaceFinding::One(found))))
}

pub(super) async fn execute(
    act: &Act<'_>,
    action: &WorkspaceAction,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    let name = action.workspace();
    let region = region_of_workspace(name).0;
    if let WorkspaceAction::Create(workspace) = action {
        return create(act, region, workspace, inventory).await;
    }
    let Some(id) = id_of(name, inventory) else {
        if action.takes_away() {
            return Ok(Effect::Done);
        }
        return Err(act.fault(Class::Transient, "paiworkspace:GetWorkspace", "its id is not known; it is read again"));
    };
    let call = |action, method, rest: &str| Call::pai(region, action, method, &format!("workspaces/{id}{rest}"));
    match action {
        WorkspaceAction::Create(_) => Ok(Effect::Done),
        WorkspaceAction::Describe { display_name, description, .. } => {
            let mut body = json!({});
            let fields = [("DisplayName", display_name), ("Description", description)];
            fields.into_iter().filter_map(|(field, text)| Some((field, text.as_ref()?))).for_each(|(field, text)| {
                body[field] = json!(text);
            });
            act.send(call("UpdateWorkspace", "PUT", "").body(body)).await?;
            Ok(Effect::Done)
        }
        WorkspaceAction::Delete(_) => match act.send(call("DeleteWorkspace", "DELETE", "")).await {
            // There is no list of what may be in the way; what is in it has to go first.
            Err(refused) if refused.status == 400 && refused.fault.class == Class::Invalid => {
                let words = format!("the workspace is not empty, or cannot be deleted now: {}", refused.fault.message);
                Err(act.fault(Class::Waiting, "paiworkspace:DeleteWorkspace", words))
            }
            Err(refused) if !refused.absent() => Err(refused.into()),
            _ => Ok(Effect::Done),
        },
        WorkspaceAction::AddMember { user, roles, .. } => {
            let known = inventory.lock().users.get(user).and_then(|user| user.id.clone());
            let Some(user) = known else {
                let words = format!("the id of user {user} is not known; it is read again");
                return Err(act.fault(Class::Transient, "paiworkspace:CreateMember", words));
            };
            let body = json!({"Members": [{"UserId": user, "Roles": roles}]});
            match act.send(call("CreateMember", "POST", "/members").body(body)).await {
                // With which roles, only a reading tells.
                Err(refused) if refused.exists() => Ok(Effect::Found(Box::new(members(act, name, inventory).await?))),
                other => {
                    other?;
                    Ok(Effect::Done)
                }
            }
        }
        WorkspaceAction::AddRole { member, role, .. } => {
            act.join(call("AddMemberRole", "POST", &format!("/members/{id}-{member}/roles/{role}"))).await?;
            Ok(Effect::Done)
        }
        WorkspaceAction::RemoveRole { member, role, .. } => {
            act.remove(call("RemoveMemberRole", "DELETE", &format!("/members/{id}-{member}/roles/{role}"))).await
        }
        WorkspaceAction::RemoveMember { member, .. } => {
            let call = call("DeleteMembers", "DELETE", "/members").with("MemberIds", format!("{id}-{member}"));
            act.remove(call).await
        }
    }
}

/// PAI takes no token that would make a second try the same as the first: it is sent once, and a name that is taken is
/// looked at.
async fn create(
    act: &Act<'_>,
    region: &str,
    wanted: &Workspace,
    inventory: &Mutex<Inventory>,
) -> Result<Effect, Fault> {
    let name = region_of_workspace(&wanted.name).1;
    let env = if wanted.env.is_empty() { json!([ENVIRONMENT]) } else { json!(wanted.env) };
    let mut body = json!({"WorkspaceName": name, "Description": wanted.description, "EnvTypes": env});
    if !wanted.display_name.is_empty() {
        body["DisplayName"] = json!(wanted.display_name);
    }
    match act.send(Call::pai(region, "CreateWorkspace", "POST", "workspaces").body(body).once()).await {
        Ok(answer) => match id(&answer["WorkspaceId"]) {
            Some(id) => Ok(Effect::Id(id)),
            None => {
                let words = "PAI did not say the id of the new workspace";
                Err(act.fault(Class::Transient, "paiworkspace:CreateWorkspace", words))
            }
        },
        Err(refused) if refused.exists() => {
            let found = absent_or(one(act, &wanted.name, inventory).await)?;
            let cluster = inventory.lock().cluster.clone();
            let object = ObjectId::workspace(&wanted.name);
            let (action, kind) = ("paiworkspace:CreateWorkspace", kind(ObjectKind::Workspace));
            judge(action, kind, &object, wanted.mark().as_ref(), &cluster, found)
        }
        Err(refused) => Err(explained(act, region, refused)),
    }
}

/// What a refusal means in a region that has no PAI.
fn explained(act: &Act<'_>, region: &str, refused: Refused) -> Fault {
    let unknown = ["InvalidProduct", "InvalidApi", "InvalidAction"].iter().any(|head| refused.code.starts_with(head));
    let silent = refused.status == 0 && act.channel.wire.endpoints.are_own() && !REGIONS.contains(&region);
    if !unknown && !silent {
        return refused.into();
    }
    let words = format!(
        "PAI has no workspaces in region {region}. Use a CloudAccount of a region that has, or take \
         spec.accounts[].workspace out of the Tenant; everything else goes on"
    );
    act.fault(Class::Invalid, &refused.fault.action, words)
}

/// Reads a list to its end: pages are numbered, and the last is the one with which all that there are were read.
pub(super) async fn pages(act: &Act<'_>, call: impl Fn() -> Call, field: &str) -> Result<Vec<Value>, Refused> {
    let mut all = Vec::new();
    for number in 1_u32.. {
        let call = call().with("PageNumber", number).with("PageSize", PAGE);
        let operation = call.permission();
        let mut page = act.send(call).await?;
        let total = page["TotalCount"].as_u64().and_then(|total| usize::try_from(total).ok());
        let (Some(items), Some(total)) = (page[field].as_array_mut(), total) else {
            let words = format!("PAI answered without {field}");
            return Err(Refused::odd(act.fault(Class::Transient, &operation, words)));
        };
        let nothing = items.is_empty();
        all.append(items);
        if all.len() >= total {
            break;
        }
        if nothing {
            let words = format!("PAI's list of {field} breaks off before its end");
            return Err(Refused::odd(act.fault(Class::Transient, &operation, words)));
        }
    }
    Ok(all)
}

fn id_of(workspace: &CloudName, inventory: &Mutex<Inventory>) -> Option<String> {
    inventory.lock().workspaces.known.get(workspace).map(|it| it.id.clone()).filter(|id| !id.is_empty())
}

/// Ids are numbers, and come as texts.
pub(super) fn id(value: &Value) -> Option<String> {
    let text = value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|number| number.to_string()));
    text.filter(|text| !text.is_empty())
}

fn workspace(region: &str, value: &Value) -> Option<Workspace> {
    let env = value["EnvTypes"].as_array().into_iter().flatten();
    Some(Workspace {
        name: workspace_in(region, value["WorkspaceName"].as_str()?),
        id: id(&value["WorkspaceId"])?,
        display_name: text(value, "DisplayName").to_owned(),
        description: text(value, "Description").to_owned(),
        env: env.filter_map(|it| it.as_str().map(str::to_owned)).collect(),
        state: match text(value, "Status") {
            "ENABLED" => WorkspaceState::Enabled,
            "INITIALIZING" | "UPDATING" => WorkspaceState::Making,
            other => WorkspaceState::Halted(other.to_owned()),
        },
        created: text(value, "GmtCreateTime").parse().unwrap_or_default(),
        members: None,
    })
}

fn member(value: &Value) -> Option<(String, Member)> {
    let roles = value["Roles"].as_array().into_iter().flatten();
    let roles: std::collections::BTreeSet<String> = roles.filter_map(|it| it.as_str().map(str::to_owned)).collect();
    let name = [text(value, "MemberName"), text(value, "AccountName")].into_iter().find(|name| !name.is_empty());
    let fixed = roles.contains(OWNER) || text(value, "AccountType") == ROOT;
    Some((id(&value["UserId"])?, Member { name: name.unwrap_or_default().to_owned(), roles, fixed }))
}
