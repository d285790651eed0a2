//! A tenant with a PAI workspace: whatever step the operator dies at, there is one workspace with the right members, and
//! in the end none.

use super::telling::keep_statuses;
use super::*;
use crate::cloud::memory::World;
use crate::model::{Member, Workspace, WorkspaceRead};

/// What a random tenant has of a workspace.
#[derive(Clone, Debug)]
struct Lab {
    /// Whether it asks for one.
    workspace: bool,
    display_name: u8,
    /// Of each role the workspace roles, by their places in [`NAMES`].
    roles: Vec<BTreeSet<usize>>,
    /// Whether the first role's policy speaks of the workspace.
    speaks: bool,
    /// Of each user the roles.
    users: Vec<BTreeSet<usize>>,
}

const NAMES: [&str; 3] = ["PAI.AlgoDeveloper", "PAI.LabelManager", "PAI.WorkspaceAdmin"];

fn lab() -> impl Strategy<Value = Lab> {
    let set = || prop::collection::btree_set(0..3usize, 0..3);
    let sets = |most| prop::collection::vec(set(), 0..most);
    (prop::bool::weighted(0.8), 0..2u8, sets(3), any::<bool>(), sets(3)).prop_map(
        |(workspace, display_name, roles, speaks, users)| Lab { workspace, display_name, roles, speaks, users },
    )
}

impl Lab {
    fn manifests(&self) -> Manifests {
        let mut account = json!({"name": "aws"});
        if self.workspace {
            account["workspace"] = json!({"name": "acme_lab", "displayName": format!("Lab {}", self.display_name)});
        }
        let tenant = object("Tenant", None, "acme", json!({"accounts": [account]}));
        let roles = self.roles.iter().enumerate().map(|(index, names)| {
            let names: Vec<&str> = names.iter().filter(|_| self.workspace).map(|name| NAMES[*name]).collect();
            let id = if self.speaks && self.workspace && index == 0 { "$(workspace)" } else { "7" };
            let resource = format!("acs:paidsw:*:*:workspace/{id}/*");
            let statement = json!({"effect": "Allow", "actions": ["paidsw:*"], "resources": [resource]});
            let spec = json!({"tenant": "acme", "alibaba": {"workspaceRoles": names, "statements": [statement]}});
            object("TenantRole", Some("acme"), &format!("role-{index}"), spec)
        });
        let users = self.users.iter().enumerate().map(|(index, roles)| {
            let roles = roles.iter().filter(|role| **role < self.roles.len());
            let roles: Vec<String> = roles.map(|role| format!("role-{role}")).collect();
            object("TenantUser", Some("acme"), &format!("user-{index}"), json!({"tenant": "acme", "roles": roles}))
        });
        Manifests { tenant: Some(tenant), roles: roles.collect(), users: users.collect(), notebooks: Vec::new() }
    }

    fn of_user(&self, user: usize) -> BTreeSet<String> {
        let roles = self.users[user].iter().filter_map(|role| self.roles.get(*role)).flatten();
        roles.map(|name| NAMES[*name].to_owned()).collect()
    }
}

impl Simulation {
    fn on_alibaba() -> Self {
        let mut simulation = Self::new();
        simulation.conduct = json!({"aws": null, "alibaba": {"region": "cn-shanghai"}});
        simulation
    }

    /// A new process, which lists workspaces in its first look at the account.
    async fn begin(&mut self) {
        self.start().await;
        let account = Account { cloud: self.cloud.clone(), inventory: self.inventory.clone() };
        account.learn(&Read::Workspace(WorkspaceRead::Region("cn-shanghai".to_owned()))).await.unwrap();
    }

    /// Passes until nothing is left and nothing is waited for; time goes by.
    async fn reach(&mut self, manifests: &mut Manifests) {
        for _ in 0..24 {
            self.cloud.with(|world| world.now = world.now.checked_add(jiff::SignedDuration::from_secs(20)).unwrap());
            let settled = self.pass(manifests).await;
            if self.cloud.crashed() || self.cluster.crashed() {
                self.begin().await;
                continue;
            }
            self.tell(manifests, &settled);
            let surprised = settled.done.iter().any(|(_, outcome)| *outcome != Outcome::Done);
            let waits =
                settled.left.refusals.iter().any(|it| matches!(it.class, Class::Waiting | Class::AccountNotReady));
            if settled.left.steps.is_empty() && settled.left.reads.is_empty() && !surprised && !waits {
                return;
            }
        }
        let left = self.pass(manifests).await;
        panic!("did not converge: {:#?}", left.left);
    }

    fn assert_lab(&self, lab: &Lab) {
        let violations = self.cloud.violations();
        assert!(violations.is_empty(), "{violations:?}");
        self.cloud.with(|world| {
            assert_eq!(world.workspaces.len(), usize::from(lab.workspace), "{:?}", world.workspaces);
            let Some(workspace) = world.workspaces.values().next() else { return };
            assert_eq!(workspace.display_name, format!("Lab {}", lab.display_name));
            let wanted = (0..lab.users.len()).map(|user| (format!("acme.user-{user}"), lab.of_user(user)));
            let wanted: BTreeMap<String, BTreeSet<String>> = wanted.filter(|(_, roles)| !roles.is_empty()).collect();
            assert_eq!(members(workspace), wanted);
            let id = format!("workspace/{}/", workspace.id);
            let speaking = world.policies.values().filter(|it| it.document.as_ref().unwrap().to_json().contains(&id));
            let expected = usize::from(lab.speaks && !lab.roles.is_empty());
            assert!(speaking.count() >= expected, "{:?}", world.policies);
        });
    }
}

fn members(workspace: &Workspace) -> BTreeMap<String, BTreeSet<String>> {
    let all = workspace.members.iter().flatten().filter(|(_, member)| !member.fixed);
    all.map(|(_, member)| (member.name.clone(), member.roles.clone())).collect()
}

async fn life(before: &Lab, after: &Lab, trouble: Option<Trouble>) -> (u64, u64) {
    let mut simulation = Simulation::on_alibaba();
    simulation.begin().await;
    match trouble {
        Some(Trouble::Cloud(write, how)) => simulation.cloud.disturb(At::Write(write), how),
        Some(Trouble::Cluster(call, ref what)) => simulation.cluster.at_call(call, what.clone()),
        None => {}
    }
    let mut first = before.manifests();
    simulation.reach(&mut first).await;
    simulation.assert_lab(before);
    let mut second = edited(&first, after.manifests());
    keep_statuses(&first, &mut second);
    simulation.reach(&mut second).await;
    simulation.assert_lab(after);
    let made = simulation.cloud.with(|world| world.workspaces_made);
    let both = u64::from(before.workspace) + u64::from(after.workspace && !before.workspace);
    assert!(made <= both, "{made} workspaces were made");
    let idle = simulation.cloud.calls();
    let quiet = simulation.pass(&second).await;
    assert!(quiet.done.is_empty(), "a pass with nothing to do plans nothing: {:?}", quiet.done);
    assert_eq!(simulation.cloud.calls(), idle, "a pass with nothing to do makes no call");
    simulation.reach(&mut going(second)).await;
    simulation.assert_empty();
    assert!(simulation.cloud.with(|world| world.workspaces.is_empty()));
    (simulation.cloud.writes(), simulation.cluster.calls())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn a_workspace_is_there_once_with_its_members_whatever_happens(before in lab(), after in lab()) {
        let (cloud, _) = run(life(&before, &after, None));
        for write in 1..=cloud {
            for how in [
                Disturbance::CrashBefore,
                Disturbance::CrashAfter,
                Disturbance::LoseAnswer,
                Disturbance::LoseTwoAnswers,
                Disturbance::Fail(Class::Throttled),
            ] {
                run(life(&before, &after, Some(Trouble::Cloud(write, how))));
            }
        }
    }

    /// Whoever is put in or taken out by hand, a new process puts it right, and leaves the owner alone.
    #[test]
    fn members_are_put_right(lab in lab(), hand in prop::collection::vec((0..5usize, 0..3usize, any::<bool>()), 1..4)) {
        run(async {
            let mut simulation = Simulation::on_alibaba();
            simulation.begin().await;
            let mut manifests = lab.manifests();
            simulation.reach(&mut manifests).await;
            simulation.cloud.with(|world| by_hand(world, &hand));
            simulation.begin().await;
            simulation.reach(&mut manifests).await;
            simulation.assert_lab(&lab);
        });
    }
}

fn by_hand(world: &mut World, hand: &[(usize, usize, bool)]) {
    let Some(members) = world.workspaces.values_mut().next().and_then(|it| it.members.as_mut()) else { return };
    for (who, role, there) in hand {
        let (name, role) = (format!("acme.user-{who}"), NAMES[*role].to_owned());
        let id = format!("id-of-{name}");
        if *there {
            let member = members.entry(id).or_insert(Member { name, roles: BTreeSet::new(), fixed: false });
            member.roles.insert(role);
        } else {
            members.remove(&id);
        }
    }
}
