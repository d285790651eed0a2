//! Notebooks in a PAI workspace: whatever step the operator dies at, there is one instance for each manifest, of its user,
//! in its workspace, and in the end none, before the workspace and the users go.

use super::*;
use crate::api::TenantNotebook;
use crate::cloud::Cloud;
use crate::model::{Finding, Notebook, Phase, Read, WorkspaceRead};
use crate::names::Naming;

/// A random instance.
#[derive(Clone, Debug)]
struct Instance {
    user: usize,
    kind: u8,
    volume: i32,
    idle: Option<u8>,
    stopped: bool,
}

/// What a random tenant has.
#[derive(Clone, Debug)]
struct Lab {
    /// Whether each user is suspended.
    users: Vec<bool>,
    instances: Vec<Instance>,
}

fn lab() -> impl Strategy<Value = Lab> {
    let idle = prop::option::of(1..3u8);
    let instance = (0..2usize, 0..2u8, 100..103i32, idle, prop::bool::weighted(0.3));
    let instance =
        instance.prop_map(|(user, kind, volume, idle, stopped)| Instance { user, kind, volume, idle, stopped });
    let users = prop::collection::vec(prop::bool::weighted(0.2), 1..3);
    (users, prop::collection::vec(instance, 0..3)).prop_map(|(users, instances)| Lab { users, instances })
}

impl Lab {
    fn of_users(&self) -> impl Iterator<Item = (String, &Instance)> {
        let all = self.instances.iter().enumerate().filter(|(_, it)| it.user < self.users.len());
        all.map(|(index, it)| (format!("lab-{}-{index}", it.user), it))
    }

    fn manifests(&self) -> Manifests {
        let tenant = json!({"accounts": [{"name": "aws", "workspace": {"name": "acme_lab"}}]});
        let users = self.users.iter().enumerate().map(|(index, suspended)| {
            let spec = json!({"tenant": "acme", "suspended": suspended, "accessKey": {}});
            object("TenantUser", Some("acme"), &format!("user-{index}"), spec)
        });
        let notebooks = self.of_users().map(|(name, it)| -> Arc<TenantNotebook> {
            let mut spec = json!({
                "tenant": "acme", "user": format!("user-{}", it.user), "account": "aws",
                "instanceType": type_of(it), "volumeSizeGb": it.volume, "alibaba": {"image": "image-1"},
                "state": if it.stopped { "Stopped" } else { "Running" },
            });
            if let Some(hours) = it.idle {
                spec["stopAfterIdle"] = json!(format!("{hours}h"));
            }
            object("TenantNotebook", Some("acme"), &name, spec)
        });
        Manifests {
            tenant: Some(object("Tenant", None, "acme", tenant)),
            roles: Vec::new(),
            users: users.collect(),
            notebooks: notebooks.collect(),
        }
    }
}

fn type_of(instance: &Instance) -> &'static str {
    ["ecs.g6.large", "ecs.g7.large"][usize::from(instance.kind)]
}

fn name_of(manifest: &str) -> CloudName {
    let (cluster, tenant) = (ClusterId::new("c1"), TenantName::new("acme"));
    Naming { cluster, tenant, prefix: String::new(), ram: true }.notebook(manifest)
}

impl Simulation {
    /// A new process, which lists workspaces and instances in its first look at the account.
    async fn begin_in_pai(&mut self) {
        self.start().await;
        let account = Account { cloud: self.cloud.clone(), inventory: self.inventory.clone() };
        account.learn(&Read::Workspace(WorkspaceRead::Region("cn-shanghai".to_owned()))).await.unwrap();
    }

    /// What was on its way arrives, and a list shows it.
    async fn instances_arrive(&self) -> bool {
        let travelling = self.cloud.with(|world| {
            let travelling = world.notebooks.values().any(|notebook| notebook.phase.passes());
            world.notebooks_arrive();
            travelling
        });
        let read = Read::Notebooks("cn-shanghai".to_owned());
        if let Ok(Finding::Notebooks(list)) = self.cloud.read(&read, &self.inventory).await {
            self.inventory.lock().absorb_notebooks(list, std::time::Duration::ZERO);
        }
        travelling
    }

    async fn reach_instances(&mut self, manifests: &Manifests) {
        for _ in 0..30 {
            self.cloud.with(|world| world.now = world.now.checked_add(jiff::SignedDuration::from_secs(20)).unwrap());
            let settled = self.pass(manifests).await;
            let travelling = self.instances_arrive().await;
            if self.cloud.crashed() || self.cluster.crashed() {
                self.begin_in_pai().await;
                continue;
            }
            let surprised = settled.done.iter().any(|(_, outcome)| *outcome != Outcome::Done);
            let waits =
                settled.left.refusals.iter().any(|it| matches!(it.class, Class::Waiting | Class::AccountNotReady));
            let left = !settled.left.steps.is_empty() || !settled.left.reads.is_empty();
            if !(left || surprised || waits || travelling) {
                return;
            }
        }
        let left = self.pass(manifests).await;
        panic!("did not converge: {:#?}", left.left);
    }

    fn assert_instances(&self, lab: &Lab) {
        let violations = self.cloud.violations();
        assert!(violations.is_empty(), "{violations:?}");
        self.cloud.with(|world| {
            let workspace = world.workspaces.values().next().map(|it| it.id.clone());
            for (name, wanted) in lab.of_users() {
                let there = world.notebooks.get(&name_of(&name));
                if lab.users[wanted.user] {
                    assert!(there.is_none_or(|it| it.phase == Phase::Stopped), "{name} of a suspended user runs");
                    continue;
                }
                let there = there.unwrap_or_else(|| panic!("{name} is not there"));
                let phase = if wanted.stopped { Phase::Stopped } else { Phase::Running };
                assert_eq!((there.phase, there.instance_type.as_str()), (phase, type_of(wanted)), "{name}");
                let build = there.build.as_ref().unwrap();
                let user = world.users[&CloudName::new(format!("acme.user-{}", wanted.user))].id.clone();
                assert_eq!((&build.user, &build.workspace, build.public), (&user, &workspace, false), "{name}");
                assert!(build.volume_gb >= Some(wanted.volume), "{name} has {:?} GB", build.volume_gb);
                if phase == Phase::Running {
                    let minutes = wanted.idle.map(|hours| (u32::from(hours) * 60).to_string());
                    assert_eq!(build.idle, minutes, "{name}");
                }
            }
            assert!(world.notebooks.len() <= lab.of_users().count(), "no instance is left: {:?}", world.notebooks);
        });
    }
}

async fn life(before: &Lab, after: &Lab, trouble: Option<Trouble>) -> u64 {
    let mut simulation = Simulation::of(Provider::Alibaba);
    simulation.begin_in_pai().await;
    if let Some(Trouble::Cloud(write, how)) = trouble {
        simulation.cloud.disturb(At::Write(write), how);
    }
    let first = before.manifests();
    simulation.reach_instances(&first).await;
    simulation.assert_instances(before);
    let second = edited(&first, after.manifests());
    simulation.reach_instances(&second).await;
    simulation.assert_instances(after);
    let names = |lab: &Lab| lab.of_users().map(|(name, _)| name).collect::<BTreeSet<_>>();
    let both = u64::try_from(names(before).union(&names(after)).count()).unwrap();
    let made = simulation.cloud.with(|world| world.notebooks_made);
    assert!(made <= both, "{made} instances were made for {both} manifests");
    let idle = simulation.cloud.calls();
    let quiet = simulation.pass(&second).await;
    assert!(quiet.done.is_empty() && simulation.cloud.calls() == idle, "a pass with nothing to do: {:?}", quiet.done);
    simulation.reach_instances(&going(after.manifests())).await;
    let violations = simulation.cloud.violations();
    assert!(violations.is_empty(), "{violations:?}");
    // What a death left between two calls goes after the next look.
    simulation.sweep().await;
    simulation.assert_empty();
    assert!(simulation.cloud.with(|world| world.workspaces.is_empty()));
    simulation.cloud.writes()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn an_instance_is_there_once_for_its_user_whatever_happens(before in lab(), after in lab()) {
        let writes = run(life(&before, &after, None));
        for write in 1..=writes {
            for how in [
                Disturbance::CrashBefore,
                Disturbance::CrashAfter,
                Disturbance::LoseAnswer,
                Disturbance::Fail(Class::Throttled),
            ] {
                run(life(&before, &after, Some(Trouble::Cloud(write, how))));
            }
        }
    }
}

fn one() -> Lab {
    let instance = Instance { user: 0, kind: 0, volume: 100, idle: None, stopped: false };
    Lab { users: vec![false], instances: vec![instance] }
}

#[test]
fn users_and_workspaces_go_after_the_instances_that_go_with_them() {
    run(async {
        let mut simulation = Simulation::of(Provider::Alibaba);
        simulation.begin_in_pai().await;
        simulation.reach_instances(&one().manifests()).await;
        let going = going(one().manifests());
        for _ in 0..12 {
            simulation.pass(&going).await;
            simulation.cloud.with(|world| {
                if !world.notebooks.is_empty() {
                    assert!(world.users.len() == 1 && world.workspaces.len() == 1, "{world:#?}");
                    assert!(world.users.values().all(|user| user.keys.iter().flatten().next().is_none()), "{world:#?}");
                }
            });
            simulation.instances_arrive().await;
        }
        simulation.assert_empty();
    });
}

#[test]
fn an_instance_without_an_answer_that_shows_up_late_goes_again() {
    run(async {
        let mut simulation = Simulation::of(Provider::Alibaba);
        simulation.begin_in_pai().await;
        simulation.reach_instances(&one().manifests()).await;
        let second = simulation.cloud.with(|world| {
            let first = world.notebooks.values().next().unwrap().clone();
            let name = CloudName::new(format!("dsw-9/{}", first.name));
            let second = Notebook { id: "dsw-9".to_owned(), name, ..first };
            world.notebooks.insert(second.name.clone(), second.clone());
            second.name
        });
        simulation.instances_arrive().await;
        simulation.reach_instances(&one().manifests()).await;
        simulation.assert_instances(&one());
        assert!(!simulation.cloud.with(|world| world.notebooks.contains_key(&second)));
    });
}

#[test]
fn what_dsw_shows_in_other_words_stops_nothing() {
    run(async {
        let mut simulation = Simulation::of(Provider::Alibaba);
        simulation.begin_in_pai().await;
        simulation.reach_instances(&one().manifests()).await;
        simulation.cloud.with(|world| {
            let instance = world.notebooks.values_mut().next().unwrap();
            let build = instance.build.as_mut().unwrap();
            (build.images, build.volume_gb, build.vpc) =
                (["registry/image:1".to_owned()].into(), None, Some("vpc".into()));
            instance.tags.insert("theirs".to_owned(), "stays".to_owned());
        });
        simulation.instances_arrive().await;
        let settled = simulation.pass(&one().manifests()).await;
        assert!(settled.done.is_empty() && settled.left.steps.is_empty(), "{:?}", settled.done);
        let mut other = one();
        other.instances[0].volume = 101;
        simulation.reach_instances(&other.manifests()).await;
        simulation.cloud.with(|world| {
            let build = world.notebooks.values().next().unwrap().build.clone().unwrap();
            assert_eq!((build.images, build.volume_gb, build.vpc), (["image-1".to_owned()].into(), Some(101), None));
        });
    });
}

#[test]
fn nobody_is_given_an_instance_that_is_another_users() {
    run(async {
        let mut simulation = Simulation::of(Provider::Alibaba);
        simulation.begin_in_pai().await;
        let lab = Lab { users: vec![false, false], ..one() };
        simulation.reach_instances(&lab.manifests()).await;
        simulation.cloud.with(|world| {
            let other = world.users[&CloudName::new("acme.user-1")].id.clone();
            let instance = world.notebooks.values_mut().next().unwrap();
            instance.build.as_mut().unwrap().user = other;
        });
        simulation.instances_arrive().await;
        let settled = simulation.pass(&lab.manifests()).await;
        assert!(settled.done.is_empty(), "{:?}", settled.done);
        let [refusal] = &settled.left.refusals[..] else { panic!("{:?}", settled.left.refusals) };
        assert_eq!(refusal.class, Class::NotOwned);
        assert!(refusal.message.contains("belongs to acme.user-1"), "{}", refusal.message);
    });
}
