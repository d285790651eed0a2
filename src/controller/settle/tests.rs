//! The engine against a cloud and a cluster in memory: random tenants, a crash or a lost answer at every write, and what
//! must hold afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use parking_lot::Mutex;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::api::{CloudAccount, TenantUser, annotations};
use crate::cloud::memory::{At, Disturbance, MemoryCloud};
use crate::cluster::memory::{MemoryCluster, Script};
use crate::desired::{AccountFacts, Context, Manifests, compile};
use crate::model::{Class, Inventory, KubeKind, ObjRef, Provider, SecretTarget};
use crate::names::{CloudName, ClusterId, RAM_PARTITION, TenantName};
use kube::ResourceExt;

const ACCOUNT: &str = "123456789012";
/// The statement of a role that speaks of its user.
const OF_ONE: u8 = 3;
/// When roles for some days end.
const UNTIL: &str = "1970-01-06T00:00:00Z";

fn object<K: serde::de::DeserializeOwned>(kind: &str, namespace: Option<&str>, name: &str, spec: Value) -> Arc<K> {
    let mut metadata = json!({"name": name, "uid": format!("uid-{kind}-{name}")});
    if let Some(namespace) = namespace {
        metadata["namespace"] = json!(namespace);
    }
    let value = json!({"apiVersion": "tenantry.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec});
    Arc::new(serde_json::from_value(value).unwrap())
}

/// What a random tenant has.
#[derive(Clone, Debug, Default)]
struct Shape {
    /// Each role: whether everyone has it, and which statement it makes; the third one makes what works under an
    /// execution role, the last one speaks of its user.
    roles: Vec<(bool, u8)>,
    /// The roles that users may assume.
    assumable: BTreeSet<usize>,
    /// Each user.
    users: Vec<Person>,
    /// Each notebook.
    labs: Vec<labs::Lab>,
    /// Each service account, by its roles.
    pods: Vec<BTreeSet<usize>>,
    suspended: bool,
}

/// The statement that needs an execution role.
const EXECUTING: u8 = 2;

/// What a random user has.
#[derive(Clone, Debug)]
struct Person {
    roles: BTreeSet<usize>,
    /// A role for some days.
    temporary: Option<usize>,
    /// A key, which is replaced every ten days.
    key: bool,
    /// A workload that reads the key.
    restart: bool,
    console: bool,
    /// The value of the annotation that asks for another password.
    reset: Option<u8>,
    suspended: bool,
}

fn person() -> impl Strategy<Value = Person> {
    let roles = prop::collection::btree_set(0..3usize, 0..3);
    let temporary = prop::option::weighted(0.3, 0..3usize);
    let rest = (any::<bool>(), any::<bool>(), any::<bool>(), prop::option::of(0..2u8), prop::bool::weighted(0.2));
    (roles, temporary, rest).prop_map(|(roles, temporary, (key, restart, console, reset, suspended))| Person {
        roles,
        temporary,
        key,
        restart,
        console,
        reset,
        suspended,
    })
}

/// A user with so many roles, and a key where it is said.
fn plain(roles: BTreeSet<usize>, key: bool) -> Person {
    Person { roles, temporary: None, key, restart: false, console: false, reset: None, suspended: false }
}

fn shape() -> impl Strategy<Value = Shape> {
    let roles = prop::collection::vec((any::<bool>(), 0..=OF_ONE), 0..3);
    let assumable = prop::collection::btree_set(0..3usize, 0..2);
    let pods = prop::collection::vec(prop::collection::btree_set(0..3usize, 0..2), 0..2);
    let users = (prop::collection::vec(person(), 0..3), prop::collection::vec(labs::lab(), 0..3));
    (roles, assumable, users, pods, prop::bool::weighted(0.2)).prop_map(
        |(roles, assumable, (users, labs), pods, suspended)| Shape { roles, assumable, users, labs, pods, suspended },
    )
}

fn workload(user: usize) -> ObjRef {
    ObjRef::namespaced(KubeKind::Deployment, "acme", format!("reader-{user}"))
}

fn manifests(shape: &Shape) -> Manifests {
    let named = |roles: &BTreeSet<usize>| -> Vec<String> {
        roles.iter().filter(|role| **role < shape.roles.len()).map(|role| format!("role-{role}")).collect()
    };
    let pods = shape.pods.iter().enumerate();
    let pods: Vec<Value> =
        pods.map(|(pod, roles)| json!({"name": format!("pod-{pod}"), "roles": named(roles)})).collect();
    let namespaces = json!([{"name": "acme", "serviceAccounts": pods}]);
    let spec = json!({"accounts": [{"name": "aws"}], "namespaces": namespaces, "suspended": shape.suspended});
    let tenant = object("Tenant", None, "acme", spec);
    let roles = shape.roles.iter().enumerate().map(|(index, (default, version))| {
        let what = if *version == OF_ONE { "$(tenant)/$(user)/*".to_owned() } else { format!("{version}/$(tenant)/*") };
        let may = |action, resource| json!({"effect": "Allow", "actions": [action], "resources": [resource]});
        let executes = *version == EXECUTING;
        let action = if executes { "sagemaker:CreateModel" } else { "s3:GetObject" };
        let aws = may(action, format!("arn:aws:s3:::bucket/{what}"));
        let ram = if executes {
            may("ram:PassRole", "acs:ram:*:*:role/$(tenant).-pai-execution".to_owned())
        } else {
            may("oss:GetObject", format!("acs:oss:*:*:bucket/{what}"))
        };
        let both = json!({"aws": {"statements": [aws]}, "alibaba": {"statements": [ram]}});
        let mut spec = json!({"tenant": "acme", "default": default});
        spec.as_object_mut().unwrap().extend(both.as_object().unwrap().clone());
        if shape.assumable.contains(&index) {
            spec["assumableBy"] = json!({"users": true});
        }
        object("TenantRole", Some("acme"), &format!("role-{index}"), spec)
    });
    let users = shape.users.iter().enumerate().map(|(index, person)| {
        let mut spec = json!({"tenant": "acme", "roles": named(&person.roles), "suspended": person.suspended});
        if let Some(role) = person.temporary.filter(|role| *role < shape.roles.len()) {
            spec["temporaryRoles"] = json!([{"name": format!("role-{role}"), "until": UNTIL}]);
        }
        if person.key {
            spec["accessKey"] = json!({"rotation": {"every": "10d", "overlap": "24h"}});
            if person.restart {
                spec["accessKey"]["restart"] = json!([{"kind": "Deployment", "name": workload(index).name}]);
            }
        }
        if person.console {
            spec["console"] = json!({});
        }
        let mut user: Arc<TenantUser> = object("TenantUser", Some("acme"), &format!("user-{index}"), spec);
        if let Some(value) = person.reset {
            let annotation = (annotations::RESET_PASSWORD.to_owned(), value.to_string());
            Arc::make_mut(&mut user).metadata.annotations = Some(BTreeMap::from([annotation]));
        }
        user
    });
    let notebooks = labs::manifests(shape);
    Manifests { tenant: Some(tenant), roles: roles.collect(), users: users.collect(), notebooks }
}

/// The same manifests, in a Tenant that retains what is deleted.
fn retaining(mut manifests: Manifests) -> Manifests {
    let tenant = manifests.tenant.as_mut().map(Arc::make_mut);
    tenant.unwrap().spec.deletion_policy = crate::api::DeletionPolicy::Retain;
    manifests
}

/// The same manifests, all being deleted.
fn going(mut manifests: Manifests) -> Manifests {
    let now = Some(Time(Timestamp::UNIX_EPOCH));
    let mark = |meta: &mut k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta| {
        meta.deletion_timestamp = now.clone();
    };
    manifests.tenant = manifests.tenant.map(|it| {
        let mut it = Arc::unwrap_or_clone(it);
        mark(&mut it.metadata);
        Arc::new(it)
    });
    for role in &mut manifests.roles {
        mark(&mut Arc::make_mut(role).metadata);
    }
    for user in &mut manifests.users {
        mark(&mut Arc::make_mut(user).metadata);
    }
    for notebook in &mut manifests.notebooks {
        mark(&mut Arc::make_mut(notebook).metadata);
    }
    manifests
}

/// What manifests are deleted between two shapes stay, marked, until nothing of theirs is left.
fn edited(before: &Manifests, after: Manifests) -> Manifests {
    let mut after = after;
    let gone = going(before.clone());
    for role in gone.roles {
        if !after.roles.iter().any(|it| it.name_any() == role.name_any()) {
            after.roles.push(role);
        }
    }
    for user in gone.users {
        if !after.users.iter().any(|it| it.name_any() == user.name_any()) {
            after.users.push(user);
        }
    }
    for notebook in gone.notebooks {
        if !after.notebooks.iter().any(|it| it.name_any() == notebook.name_any()) {
            after.notebooks.push(notebook);
        }
    }
    after
}

fn partition(provider: Provider) -> &'static str {
    match provider {
        Provider::Aws => "aws",
        Provider::Alibaba => RAM_PARTITION,
    }
}

/// How many policies there are beside those that stand for inline ones: a role that speaks of its user is on RAM one
/// policy for each who has it.
fn policies(shape: &Shape, provider: Provider) -> usize {
    let has = |person: &Person, index: usize, default: bool| default || person.roles.contains(&index);
    let of = |(index, (default, version)): (usize, &(bool, u8))| match provider {
        Provider::Alibaba if *version == OF_ONE => {
            shape.users.iter().filter(|person| has(person, index, *default)).count()
        }
        _ => 1,
    };
    shape.roles.iter().enumerate().map(of).sum()
}

/// A cloud, a cluster, and an operator that can die.
struct Simulation {
    provider: Provider,
    /// Whether the statuses say that all was carried out.
    told: bool,
    /// More of the CloudAccount's `spec`.
    conduct: Value,
    cloud: MemoryCloud,
    cluster: MemoryCluster,
    inventory: Arc<Mutex<Inventory>>,
}

impl Simulation {
    fn new() -> Self {
        Self::of(Provider::Aws)
    }

    fn of(provider: Provider) -> Self {
        let id = ClusterId::new("c1");
        let cluster = MemoryCluster::default();
        (0..3).for_each(|user| cluster.put_workload(&workload(user)));
        let cloud = match provider {
            Provider::Aws => MemoryCloud::new(id.clone(), ACCOUNT),
            Provider::Alibaba => MemoryCloud::ram(id.clone(), ACCOUNT),
        };
        let inventory = Arc::new(Mutex::new(Inventory::new(id, ACCOUNT, partition(provider))));
        Self { provider, told: false, conduct: json!({}), cloud, cluster, inventory }
    }

    fn context(&self) -> Context {
        let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/issuer.example");
        let mut spec = match self.provider {
            Provider::Aws => json!({"aws": {"region": "eu-west-1", "oidcProvider": provider}}),
            Provider::Alibaba => {
                let provider = format!("acs:ram::{ACCOUNT}:oidc-provider/here");
                json!({"alibaba": {"region": "cn-shanghai", "oidcProvider": provider}})
            }
        };
        spec.as_object_mut().unwrap().extend(self.conduct.as_object().unwrap().clone());
        let manifest: Arc<CloudAccount> = object("CloudAccount", None, "aws", spec);
        let facts = AccountFacts {
            manifest,
            id: Some(ACCOUNT.to_owned()),
            partition: partition(self.provider).to_owned(),
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
            now: self.now(),
        }
    }

    fn now(&self) -> Timestamp {
        self.cloud.with(|world| world.now)
    }

    /// A new process: it knows nothing until it has read the account.
    async fn start(&mut self) {
        self.cloud.restart();
        self.cluster.restart();
        let inventory = Inventory::new(ClusterId::new("c1"), ACCOUNT, partition(self.provider));
        self.inventory = Arc::new(Mutex::new(inventory));
        self.sweep().await;
    }

    async fn sweep(&self) {
        let started = std::time::Instant::now();
        if let Ok(sweep) = self.cloud.sweep().await {
            self.inventory.lock().absorb(sweep, started, crate::model::FRESH_WRITE);
            let account = Account { cloud: self.cloud.clone(), inventory: self.inventory.clone() };
            let _ = account.tidy(std::time::Duration::ZERO, || Ok(())).await;
        }
    }

    async fn pass(&self, manifests: &Manifests) -> Settled {
        let tenant = TenantName::new("acme");
        let mut wanted = compile(&tenant, manifests, &self.context());
        wanted.settled |= self.told;
        let account = Account { cloud: self.cloud.clone(), inventory: self.inventory.clone() };
        let named = BTreeSet::from(["acme".to_owned()]);
        settle(&Stage {
            wanted: &wanted,
            accounts: &BTreeMap::from([(AccountName::new("aws"), Arc::new(account))]),
            cluster: &self.cluster,
            state: &|| self.cluster.state(&tenant, &named),
            proof: Proof { answers: 1, pause: std::time::Duration::ZERO, tries: 1 },
            gate: &|| Gate::Open,
            now: &|| self.now(),
        })
        .await
    }

    /// Passes until nothing is left, starting again after each death. Returns how many passes it took.
    async fn converge(&mut self, manifests: &Manifests) -> usize {
        for count in 1..=24 {
            let settled = self.pass(manifests).await;
            let travelling = self.arrive().await;
            if self.cloud.crashed() || self.cluster.crashed() {
                self.start().await;
                continue;
            }
            let surprised = settled.done.iter().any(|(_, outcome)| *outcome != Outcome::Done);
            if settled.left.steps.is_empty() && settled.left.reads.is_empty() && !surprised && !travelling {
                return count;
            }
        }
        let left = self.pass(manifests).await;
        panic!("did not converge: {:#?}", left.left);
    }

    /// What users and the cloud would notice if it were wrong.
    fn assert_right(&self, shape: &Shape) {
        let violations = self.cloud.violations();
        assert!(violations.is_empty(), "{violations:?}");
        let named = BTreeSet::from(["acme".to_owned()]);
        let state = self.cluster.state(&TenantName::new("acme"), &named);
        // A namespace that was let go is not taken back unasked, and its service accounts are not the tenant's.
        let ours = state.namespaces["acme"].labels.contains_key(crate::names::TAG_TENANT);
        self.cloud.with(|world| {
            assert_eq!(world.users.len(), shape.users.len(), "users");
            let stand_ins = world.stand_ins().count();
            assert_eq!(world.policies.len() - stand_ins, policies(shape, self.provider), "policies");
            assert_eq!(world.groups.len(), 1, "groups");
        });
        self.assert_roles(shape, ours);
        self.assert_labs(shape);
        for pod in (0..shape.pods.len()).filter(|_| ours) {
            let at = ObjRef::namespaced(KubeKind::ServiceAccount, "acme", format!("pod-{pod}"));
            self.assert_pod(pod, &state.objects[&at]);
        }
        for (index, person) in shape.users.iter().enumerate() {
            let name = CloudName::new(format!("acme.user-{index}"));
            let at =
                |suffix: &str| SecretTarget { namespace: "acme".to_owned(), name: format!("user-{index}-aws{suffix}") };
            let key = state.secrets.get(&at("")).and_then(|secret| secret.key_id.clone());
            let keys = self.cloud.with(|world| world.users[&name].keys.clone().unwrap());
            let active: Vec<&String> = keys.iter().filter(|key| key.active).map(|key| &key.id).collect();
            if shape.is_still(person) {
                assert!(active.is_empty(), "a suspended user has no active key");
            } else {
                assert_eq!(key.is_some(), person.key, "the Secret of {name}");
                assert_eq!(active, key.iter().collect::<Vec<_>>(), "no key beside that in the Secret");
                assert_eq!(keys.len(), active.len(), "no inactive key is left");
                if let (Some(id), Some(half)) = (&key, self.cluster.secret_half(&at(""))) {
                    assert!(self.cloud.with(|world| world.accepts(id, &half)), "the Secret's half is the key's");
                }
            }
            if let Some(id) = key.filter(|_| person.restart && !shape.is_still(person)) {
                let told = self.cluster.annotations(&workload(index));
                assert_eq!(told.into_values().collect::<Vec<_>>(), [id], "its reader has the key");
            }
            let on = self.cloud.with(|world| world.logins.get(&name).cloned());
            assert_eq!(on.is_some(), person.console && !shape.is_still(person), "the login of {name}");
            if !person.console {
                assert!(!state.secrets.contains_key(&at("-console")));
            } else if !shape.is_still(person) {
                let login = state.secrets[&at("-console")].login.clone().unwrap();
                assert!(login.in_force && on == self.cluster.secret_half(&at("-console")), "the Secret's password");
                let reset = person.reset.map(|value| crate::names::short_hash(&value.to_string()));
                assert!(reset.is_none() || login.reset == reset, "the wish for another password");
            }
        }
    }

    fn assert_empty(&self) {
        self.cloud.with(|world| {
            let all = (world.users.len(), world.groups.len(), world.policies.len(), world.roles.len());
            assert_eq!(all, (0, 0, 0, 0), "{world:#?}");
            assert!(world.notebooks.is_empty(), "{world:#?}");
        });
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}

/// What goes wrong, and at which write.
#[derive(Clone, Debug)]
enum Trouble {
    Cloud(u64, Disturbance),
    Cluster(u64, Script),
}

mod cloud_roles;
mod instances;
mod labs;
mod max_compute;
mod modes;
mod stories;
mod telling;
mod workspaces;
