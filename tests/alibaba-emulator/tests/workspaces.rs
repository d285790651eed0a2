//! The operator's own client on PAI's workspaces, against the emulator: what is made is found again, an answer that was
//! lost makes nothing twice, lists are read to their end, and what is another's is left.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::json;
use support::{ACCOUNT, Cloud as Emulator};
use tenantry::cloud::alibaba::{Alibaba, Credentials, Settings};
use tenantry::cloud::{Budgets, Cloud as _, Rates};
use tenantry::model::{
    Class, CloudAction, Effect, Fault, Finding, Inventory, Login, ObjectId, Profile, Read, User, Workspace,
    WorkspaceAction, WorkspaceFinding, WorkspaceRead, WorkspaceState,
};
use tenantry::names::{CloudName, ClusterId, RAM_PARTITION, workspace_in};

const REGION: &str = "cn-shanghai";

struct Operator {
    cloud: Alibaba,
    inventory: Mutex<Inventory>,
}

impl Operator {
    async fn of(emulator: &Emulator) -> Self {
        let settings = Settings {
            region: REGION.to_owned(),
            endpoint_url: Some(format!("http://{}", emulator.host)),
            credentials: Credentials::Static {
                id: emulator.credentials.access_key_id.clone(),
                secret: emulator.credentials.secret().into(),
                token: None,
            },
            assume_roles: Vec::new(),
            empty_recycle_bin: false,
        };
        let budgets = Budgets::new(Rates { write: 1000.0, read: 1000.0 });
        let cloud = Alibaba::connect(settings, &budgets, Arc::default()).await.unwrap();
        Self { cloud, inventory: Mutex::new(Inventory::new(ClusterId::new("c1"), ACCOUNT, RAM_PARTITION)) }
    }

    async fn act(&self, action: CloudAction) -> Result<(), Fault> {
        let effect = self.cloud.execute(&action, &self.inventory).await?;
        self.inventory.lock().record(&action, &effect, Instant::now());
        Ok(())
    }

    async fn on(&self, action: WorkspaceAction) -> Result<(), Fault> {
        self.act(CloudAction::Workspace(action)).await
    }

    async fn learn(&self, read: WorkspaceRead) -> Result<(), Fault> {
        let read = Read::Workspace(read);
        let finding = self.cloud.read(&read, &self.inventory).await?;
        self.inventory.lock().learn(&read.object(), finding);
        Ok(())
    }

    async fn list(&self) -> Vec<String> {
        self.learn(WorkspaceRead::Region(REGION.to_owned())).await.unwrap();
        self.inventory.lock().workspaces.known.keys().map(ToString::to_string).collect()
    }

    fn known(&self, name: &str) -> Workspace {
        self.inventory.lock().workspaces.known[&workspace_in(REGION, name)].clone()
    }

    async fn user(&self, name: &str) {
        let user = User {
            name: CloudName::new(name),
            path: "/tenants/c1/acme/".to_owned(),
            arn: String::new(),
            id: None,
            tags: Default::default(),
            profile: Profile { display_name: name.to_owned(), email: String::new() },
            boundary: None,
            groups: Default::default(),
            attached: Default::default(),
            inline: Default::default(),
            keys: Some(Vec::new()),
            login: Some(Login::Off),
        };
        self.act(CloudAction::CreateUser(user)).await.unwrap();
    }
}

fn workspace(name: &str) -> Workspace {
    Workspace {
        name: workspace_in(REGION, name),
        id: String::new(),
        display_name: "Shown".to_owned(),
        description: "tenantry:c1/acme".to_owned(),
        env: BTreeSet::new(),
        state: WorkspaceState::Making,
        created: Timestamp::UNIX_EPOCH,
        members: Some(Default::default()),
    }
}

fn roles(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|role| (*role).to_owned()).collect()
}

#[tokio::test]
async fn a_workspace_lives_as_it_is_told() {
    let emulator = Emulator::start().await;
    let operator = Operator::of(&emulator).await;
    emulator.turn("delays", json!({"workspace": 60_000})).await;
    operator.on(WorkspaceAction::Create(workspace("acme"))).await.unwrap();
    let name = workspace_in(REGION, "acme");
    let id = operator.known("acme").id;
    assert!(!id.is_empty());
    operator.list().await;
    assert_eq!(operator.known("acme").state, WorkspaceState::Making);
    emulator.turn("delays", json!({"workspace": 0})).await;
    operator.list().await;
    let known = operator.known("acme");
    assert_eq!((known.state, known.id, known.display_name.as_str()), (WorkspaceState::Enabled, id, "Shown"));

    operator.user("acme.alice").await;
    let add = |all: &[&str]| WorkspaceAction::AddMember {
        workspace: name.clone(),
        user: CloudName::new("acme.alice"),
        roles: roles(all),
    };
    operator.on(add(&["PAI.AlgoDeveloper"])).await.unwrap();
    let alice = operator.inventory.lock().users[&CloudName::new("acme.alice")].id.clone().unwrap();
    // A member that is one already keeps what it has, and that is known.
    operator.on(add(&["PAI.LabelManager"])).await.unwrap();
    let members = operator.known("acme").members.unwrap();
    assert_eq!(members[&alice].roles, roles(&["PAI.AlgoDeveloper"]));
    assert!(members.values().any(|member| member.fixed && member.roles.contains("PAI.WorkspaceOwner")));
    let (member, role) = (alice.clone(), "PAI.LabelManager".to_owned());
    let on = |member: String, role: String| (name.clone(), member, "acme.alice".to_owned(), role);
    for _ in 0..2 {
        let (workspace, member, name, role) = on(member.clone(), role.clone());
        operator.on(WorkspaceAction::AddRole { workspace, member, name, role }).await.unwrap();
    }
    for _ in 0..2 {
        let (workspace, member, name, role) = on(member.clone(), "PAI.AlgoDeveloper".to_owned());
        operator.on(WorkspaceAction::RemoveRole { workspace, member, name, role }).await.unwrap();
    }
    operator.learn(WorkspaceRead::Members(name.clone())).await.unwrap();
    assert_eq!(operator.known("acme").members.unwrap()[&alice].roles, roles(&["PAI.LabelManager"]));
    for _ in 0..2 {
        let (workspace, member, name, _) = on(member.clone(), String::new());
        operator.on(WorkspaceAction::RemoveMember { workspace, member, name }).await.unwrap();
    }
    let description = Some("Shown".to_owned());
    let release = WorkspaceAction::Describe { workspace: name.clone(), display_name: None, description };
    operator.on(release).await.unwrap();
    operator.list().await;
    assert_eq!((operator.known("acme").mark(), operator.known("acme").display_name.as_str()), (None, "Shown"));
    operator.on(WorkspaceAction::Delete(name.clone())).await.unwrap();
    operator.on(WorkspaceAction::Delete(name.clone())).await.unwrap();
    assert!(operator.list().await.is_empty());
    let gone = operator.cloud.read(&Read::Object(ObjectId::workspace(&name)), &operator.inventory).await.unwrap();
    assert_eq!(gone, Finding::Absent);
}

#[tokio::test]
async fn a_name_that_is_taken_is_looked_at_and_nothing_is_made_twice() {
    let emulator = Emulator::start().await;
    let operator = Operator::of(&emulator).await;
    let lost = json!([{"action": "CreateWorkspace", "status": 503, "code": "ServiceUnavailable", "after": true}]);
    emulator.turn("faults", lost).await;
    let create = CloudAction::Workspace(WorkspaceAction::Create(workspace("acme")));
    assert_eq!(operator.act(create.clone()).await.unwrap_err().class, Class::Transient);
    let effect = operator.cloud.execute(&create, &operator.inventory).await.unwrap();
    let Effect::Found(found) = &effect else { panic!("{effect:?}") };
    let Finding::Workspace(WorkspaceFinding::One(found)) = found.as_ref() else { panic!("{found:?}") };
    assert_eq!(found.description, "tenantry:c1/acme");
    assert_eq!(operator.list().await, ["cn-shanghai/acme"]);
    let theirs = Workspace { description: "tenantry:c1/beta".to_owned(), ..workspace("acme") };
    let fault = Operator::of(&emulator).await.on(WorkspaceAction::Create(theirs)).await.unwrap_err();
    assert_eq!(fault.class, Class::NotOwned);
    assert!(fault.message.contains("its mark says tenant/acme of tenant acme"), "{fault}");
}

#[tokio::test]
async fn lists_are_read_to_their_end_or_not_at_all() {
    let emulator = Emulator::start().await;
    let operator = Operator::of(&emulator).await;
    for name in ["one", "two", "three"] {
        operator.on(WorkspaceAction::Create(workspace(name))).await.unwrap();
    }
    emulator.turn("page", json!({"items": 1})).await;
    let operator = Operator::of(&emulator).await;
    assert_eq!(operator.list().await, ["cn-shanghai/one", "cn-shanghai/three", "cn-shanghai/two"]);
    let fault = |status: u16, code: &str| json!([{"action": "ListWorkspaces", "status": status, "code": code, "count": 9, "parameters": {"PageNumber": "2"}}]);
    emulator.turn("faults", fault(500, "InternalError")).await;
    assert!(operator.learn(WorkspaceRead::Region(REGION.to_owned())).await.is_err());
    // A region without PAI is said so.
    let nowhere =
        json!([{"action": "*", "service": "pai", "status": 404, "code": "InvalidProduct.NotFound", "count": 9}]);
    emulator.turn("faults", nowhere).await;
    let fault = operator.learn(WorkspaceRead::Region(REGION.to_owned())).await.unwrap_err();
    assert_eq!(fault.class, Class::Invalid);
    assert!(fault.message.contains("PAI has no workspaces in region cn-shanghai"), "{fault}");
    let create = WorkspaceAction::Create(workspace("four"));
    assert_eq!(operator.on(create).await.unwrap_err().class, Class::Invalid);
}
