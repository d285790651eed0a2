//! Plans as text for the cases in `tests/cases/`, and what must hold for every plan.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::api::CloudAccount;
use crate::desired::{AccountFacts, Context, Manifests, compile};
use crate::model::{
    Effect, Finding, LoginNote, MaxComputeFinding, MaxComputeFound, MaxComputePlace, MaxComputeQuery, MaxComputeRead,
    NamespaceSeen, NewKey, ObjectId, Password, Phase, SecretSeen, User, Workspace, WorkspaceAction, WorkspaceFinding,
    WorkspaceRead, WorkspaceState, covers,
};
use crate::names::{ClusterId, RAM_PARTITION, TAG_OWNER};

const ACCOUNT: &str = "123456789012";
const TENANT: &str = "acme";

/// An account and a cluster that do as they are told, at once and without a network.
pub(super) struct World {
    pub(super) inventory: Inventory,
    pub(super) cluster: ClusterState,
    pub(super) now: Timestamp,
    keys_made: u32,
}

impl World {
    pub(super) fn new() -> Self {
        Self::of(&context(&[]))
    }

    /// The world of the account that a context speaks of.
    pub(super) fn of(context: &Context) -> Self {
        let partition = context.accounts.values().next().unwrap().partition.clone();
        let mut inventory = Inventory::new(ClusterId::new("c1"), ACCOUNT, partition);
        inventory.swept = true;
        if inventory.is_ram() {
            list_workspaces(&mut inventory, Vec::new());
            list_max_compute(&mut inventory);
        }
        for region in ["eu-west-1", "cn-shanghai"] {
            inventory.notebooks.listed.insert(region.to_owned(), Instant::now());
        }
        let mut cluster = ClusterState::default();
        cluster.namespaces.insert("tenancy".to_owned(), NamespaceSeen::default());
        cluster.secrets_known.extend(["acme".to_owned(), "tenancy".to_owned()]);
        Self { inventory, cluster, now: Timestamp::UNIX_EPOCH, keys_made: 0 }
    }

    pub(super) fn plan(&self, manifests: &Manifests) -> Plan {
        self.plan_in(manifests, &context(&[]))
    }

    pub(super) fn plan_in(&self, manifests: &Manifests, context: &Context) -> Plan {
        let context = Context { now: self.now, ..context.clone() };
        let wanted = compile(&TenantName::new(TENANT), manifests, &context);
        let accounts = BTreeMap::from([(AccountName::new("aws"), &self.inventory)]);
        plan(&wanted, &Observed { accounts, cluster: &self.cluster, now: self.now })
    }

    pub(super) fn carry_out(&mut self, plan: &Plan) {
        for step in &plan.steps {
            match &step.action {
                Action::Cloud { action, .. } => {
                    let effect = match action {
                        CloudAction::Attach { policy: crate::model::PolicyRef::Vendor(name), .. }
                            if !self.inventory.is_ram() =>
                        {
                            Effect::Arn(format!("arn:aws:iam::aws:policy/job-function/{name}"))
                        }
                        CloudAction::CreateUser(user) => Effect::Id(format!("id-of-{}", user.name)),
                        CloudAction::Workspace(WorkspaceAction::Create(_)) => Effect::Id("45678".to_owned()),
                        CloudAction::Notebook(action) if self.inventory.is_ram() => {
                            Effect::Id(format!("dsw-{}", action.name()))
                        }
                        _ => Effect::Done,
                    };
                    self.inventory.record(action, &effect, Instant::now());
                    if let CloudAction::Workspace(action) = action
                        && let Some(made) = self.inventory.workspaces.known.get_mut(action.workspace())
                    {
                        made.state = WorkspaceState::Enabled;
                    }
                }
                Action::IssueKey { user, wish, replaces, .. } => {
                    self.keys_made += 1;
                    let has_one = self.cluster.secrets.contains_key(&wish.secret);
                    let name = user.as_str().to_ascii_uppercase();
                    let id = if has_one { format!("AKIA{}", self.keys_made) } else { format!("AKIA{name}") };
                    let secret = "hush".to_owned().into();
                    let key = NewKey { id: id.clone(), secret, created: self.now };
                    self.inventory.record(&CloudAction::CreateKey(user.clone()), &Effect::Key(key), Instant::now());
                    let seen = SecretSeen {
                        owner_uid: wish.owner_uid.clone(),
                        owner_name: wish.owner.name.clone(),
                        account: "aws".to_owned(),
                        key_id: Some(id),
                        key_created: Some(self.now),
                        replaces: replaces.clone(),
                        ..SecretSeen::default()
                    };
                    self.cluster.secrets.insert(wish.secret.clone(), seen);
                }
                Action::IssueLogin { user, wish, .. } => {
                    let (user, password) = (user.clone(), Password::new("hush".to_owned()));
                    let action = CloudAction::SetLogin { user, password, reset_required: wish.reset_required };
                    self.inventory.record(&action, &Effect::Done, Instant::now());
                    let seen = SecretSeen {
                        owner_uid: wish.owner_uid.clone(),
                        owner_name: wish.owner.name.clone(),
                        account: "aws".to_owned(),
                        login: Some(LoginNote { in_force: true, reset: wish.reset.clone() }),
                        ..SecretSeen::default()
                    };
                    self.cluster.secrets.insert(wish.secret.clone(), seen);
                }
                Action::Cluster(action) => self.on_cluster(action),
            }
        }
        // What takes a cloud minutes is over.
        for notebook in self.inventory.notebooks.ours.values_mut().filter(|it| it.phase == Phase::Starting) {
            notebook.phase = Phase::Running;
        }
    }

    fn on_cluster(&mut self, action: &ClusterAction) {
        match action {
            ClusterAction::Create(object) | ClusterAction::Apply(object) => {
                if object.at.kind == crate::model::KubeKind::Namespace {
                    let seen = self.cluster.namespaces.entry(object.at.name.clone()).or_default();
                    let texts = |value: &Value| serde_json::from_value(value.clone()).unwrap_or_default();
                    seen.labels = texts(&object.body["metadata"]["labels"]);
                    seen.annotations = texts(&object.body["metadata"]["annotations"]);
                } else {
                    self.cluster.objects.insert(object.at.clone(), object.body.clone());
                }
            }
            ClusterAction::Delete(at) => {
                self.cluster.objects.remove(at);
                self.cluster.namespaces.remove(&at.name);
            }
            ClusterAction::Release(name) => drop(self.cluster.namespaces.remove(name)),
            ClusterAction::DeleteSecret { secret, .. } => drop(self.cluster.secrets.remove(secret)),
            ClusterAction::NoteLogin { secret, in_force, .. } => {
                let login = self.cluster.secrets.get_mut(secret).and_then(|secret| secret.login.as_mut());
                login.unwrap().in_force = *in_force;
            }
            ClusterAction::Restart { workload, annotation, key, .. } => {
                let seen = self.cluster.workloads.get_mut(workload).and_then(Option::as_mut).unwrap();
                seen.keys.insert(annotation.clone(), key.clone());
            }
            ClusterAction::ReleaseSecret { secret, unmark, .. } => {
                if *unmark {
                    self.cluster.secrets.remove(secret);
                } else if let Some(seen) = self.cluster.secrets.get_mut(secret) {
                    seen.owner_uid.clear();
                }
            }
            ClusterAction::DeleteManifest(_) => {}
        }
    }
}

/// Takes in that these are all workspaces of the region.
pub(super) fn list_workspaces(inventory: &mut Inventory, found: Vec<Workspace>) {
    let region = "cn-shanghai".to_owned();
    let object = Read::Workspace(WorkspaceRead::Region(region.clone())).object();
    let finding = WorkspaceFinding::Region { region, found, asked: Timestamp::UNIX_EPOCH };
    inventory.learn(&object, Finding::Workspace(finding));
}

/// Takes in that MaxCompute has nobody's users and no roles but its own.
fn list_max_compute(inventory: &mut Inventory) {
    let place = MaxComputePlace { region: "cn-shanghai".to_owned(), project: "acme_ops".to_owned() };
    let asked = MaxComputeRead { place, what: MaxComputeQuery::Lists };
    let found = MaxComputeFound::Lists { users: BTreeSet::new(), roles: BTreeSet::from([CloudName::new("admin")]) };
    let object = asked.object();
    inventory.learn(&object, Finding::MaxCompute(MaxComputeFinding { asked, found }));
}

/// The account `aws`, with what a CloudAccount among the documents says beside.
pub(super) fn context(documents: &[Value]) -> Context {
    let mut spec = json!({"aws": {"region": "eu-west-1"}, "tags": {"cost-centre": "ml"}});
    let said = documents.iter().find(|it| it["kind"] == "CloudAccount").and_then(|it| it["spec"].as_object());
    spec.as_object_mut().unwrap().extend(said.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
    let alibaba = spec.get("alibaba").is_some();
    if alibaba {
        spec.as_object_mut().unwrap().remove("aws");
    }
    let metadata = json!({"name": "aws", "uid": "uid-aws"});
    let manifest: CloudAccount = serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap();
    let facts = AccountFacts {
        manifest: Arc::new(manifest),
        id: Some(ACCOUNT.to_owned()),
        partition: if alibaba { RAM_PARTITION } else { "aws" }.to_owned(),
        trouble: None,
        unreadable: false,
        issuer: None,
    };
    Context {
        cluster: ClusterId::new("c1"),
        accounts: BTreeMap::from([(AccountName::new("aws"), facts)]),
        operator_namespace: "tenantry-system".to_owned(),
        operator_account: "tenantry".to_owned(),
        issuer: None,
        now: Timestamp::UNIX_EPOCH,
    }
}

pub(super) fn manifests(documents: &[Value]) -> Manifests {
    fn of<K: DeserializeOwned>(documents: &[Value], kind: &str) -> Vec<Arc<K>> {
        let uid = |value: &Value| {
            let mut value = value.clone();
            value["metadata"]["uid"] = json!(format!("uid-{}", value["metadata"]["name"].as_str().unwrap_or_default()));
            value
        };
        let mine = documents.iter().filter(|value| value["kind"] == kind);
        mine.map(|value| Arc::new(serde_json::from_value(uid(value)).unwrap())).collect()
    }
    Manifests {
        tenant: of(documents, "Tenant").pop(),
        roles: of(documents, "TenantRole"),
        users: of(documents, "TenantUser"),
        notebooks: of(documents, "TenantNotebook"),
    }
}

fn read(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    serde_saphyr::from_multiple::<Option<Value>>(&text).unwrap().into_iter().flatten().collect()
}

/// Each folder in `tests/cases/` has `before.yaml` (what is carried out first), `after.yaml`, and `plan.txt`: the plan
/// from the one to the other. With `UPDATE_CASES=1` the texts are written anew, to be read in the change.
#[test]
fn the_cases_give_their_plans() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(!cases.is_empty());
    for case in cases.iter().filter(|case| case.join("after.yaml").exists()) {
        let (before, after) = (read(&case.join("before.yaml")), read(&case.join("after.yaml")));
        let mut world = World::of(&context(&after));
        for _ in 0..2 {
            let first = world.plan_in(&manifests(&before), &context(&before));
            world.carry_out(&first);
        }
        let next = world.plan_in(&manifests(&after), &context(&after));
        let about = BTreeMap::from([(AccountName::new("aws"), About::new(ACCOUNT, "eu-west-1"))]);
        let text = render(&[next], &about, 5.0);
        let file = case.join("plan.txt");
        if std::env::var_os("UPDATE_CASES").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        assert_eq!(text, std::fs::read_to_string(&file).unwrap_or_default(), "{}", case.display());
    }
}

fn random_manifests() -> impl Strategy<Value = Manifests> {
    let role = (any::<bool>(), 0..3u8, prop::option::of(Just("ReadOnlyAccess")));
    let of = prop::collection::btree_set(0..3usize, 0..3);
    let user = (of, any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let roles = prop::collection::vec(role, 0..3);
    let users = prop::collection::vec(user, 0..4);
    (roles, users, any::<bool>()).prop_map(|(roles, users, grouped)| {
        let grouping = if grouped { "Group" } else { "None" };
        let accounts = json!([{"name": "aws", "grouping": grouping}]);
        let spec = json!({"accounts": accounts, "definitionNamespaces": ["tenancy"]});
        let mut documents = vec![json!({"kind": "Tenant", "metadata": {"name": TENANT}, "spec": spec})];
        for (index, (default, version, managed)) in roles.iter().enumerate() {
            let resource = format!("arn:aws:s3:::bucket-{version}/$(user)/*");
            let statement = json!({"effect": "Allow", "actions": ["s3:GetObject"], "resources": [resource]});
            let aws = json!({"statements": [statement], "managedPolicies": managed.iter().collect::<Vec<_>>()});
            let spec = json!({"tenant": TENANT, "default": default, "aws": aws});
            let metadata = json!({"name": format!("role-{index}"), "namespace": "tenancy"});
            documents.push(json!({"kind": "TenantRole", "metadata": metadata, "spec": spec}));
        }
        for (index, (of, key, console, suspended, subject)) in users.iter().enumerate() {
            let names: Vec<String> = of.iter().map(|role| format!("role-{role}")).collect();
            let mut spec = json!({"tenant": TENANT, "roles": names, "suspended": suspended});
            if *key {
                spec["accessKey"] = json!({});
            }
            if *console {
                spec["console"] = json!({});
            }
            if *subject {
                spec["kubernetes"] = json!({"kind": "User", "name": format!("user-{index}@acme.example")});
            }
            let metadata = json!({"name": format!("user-{index}"), "namespace": "tenancy"});
            documents.push(json!({"kind": "TenantUser", "metadata": metadata, "spec": spec}));
        }
        manifests(&documents)
    })
}

/// Objects of others, some under names that we would choose.
fn foreign(world: &mut World) -> User {
    let user = User {
        name: CloudName::new("acme.user-0"),
        path: "/people/".to_owned(),
        arn: format!("arn:aws:iam::{ACCOUNT}:user/people/acme.user-0"),
        id: None,
        tags: BTreeMap::new(),
        profile: Default::default(),
        boundary: None,
        groups: BTreeSet::from([CloudName::new("admins")]),
        attached: BTreeSet::from(["arn:aws:iam::aws:policy/AdministratorAccess".to_owned()]),
        inline: BTreeMap::new(),
        keys: None,
        login: None,
    };
    world.inventory.learn(&ObjectId::user(&user.name), crate::model::Finding::User(user.clone()));
    user
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// What a plan did is not planned again, from whatever came before.
    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing(before in random_manifests(), after in random_manifests()) {
        let mut world = World::new();
        for manifests in [&before, &after] {
            for _ in 0..2 {
                let next = world.plan(manifests);
                world.carry_out(&next);
            }
            let left = world.plan(manifests);
            prop_assert!(left.steps.is_empty() && left.reads.is_empty(), "{:#?}", left.steps);
        }
    }

    /// The order respects what steps need, and no step touches an object that does not carry our mark.
    #[test]
    fn plans_are_ordered_and_touch_only_ours(manifests in random_manifests()) {
        let mut world = World::new();
        let theirs = foreign(&mut world);
        let plan = world.plan(&manifests);
        let others = plan.steps.iter().skip_while(|step| takes_access_away(&step.action));
        let late = others.filter(|step| takes_access_away(&step.action));
        prop_assert!(late.into_iter().all(|step| !step.needs.is_empty()), "what takes access away waits for nothing else");
        for (index, step) in plan.steps.iter().enumerate() {
            prop_assert!(step.needs.iter().all(|need| *need < index));
            if let Action::Cloud { action, .. } = &step.action {
                prop_assert_ne!(action.object(), ObjectId::user(&theirs.name));
                if let CloudAction::CreateUser(user) = action {
                    prop_assert!(user.tags.contains_key(TAG_OWNER) && user.path == "/tenants/c1/acme/");
                }
            }
        }
        let twice = world.plan(&manifests);
        prop_assert_eq!(serde_json::to_string(&plan).unwrap(), serde_json::to_string(&twice).unwrap());
    }
}

#[test]
fn an_object_covers_itself() {
    let mut world = World::new();
    let documents = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/first-day/after.yaml"));
    let first = world.plan(&manifests(&documents));
    world.carry_out(&first);
    assert!(world.cluster.objects.values().all(|body| covers(body, body)));
}
