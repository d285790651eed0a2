//! A tenant in MaxCompute: whatever step the operator dies at, users, roles, policies, grants and projects are as the
//! manifests say, and in the end there is nothing.

use super::telling::keep_statuses;
use super::*;
use crate::api::TenantMaxCompute;
use crate::names::{ManifestKind, Naming, max_compute_user};

const OPS: &str = "acme_ops";
const DATA: &str = "acme_data";

/// The shape's manifests in MaxCompute: each role also says something there, and is in a project or not.
fn in_max_compute(shape: &Shape) -> Manifests {
    let mut all = manifests(shape);
    let place = json!({"region": "cn-shanghai", "project": OPS});
    let spec = json!({"accounts": [{"name": "aws", "maxCompute": place}]});
    all.tenant = Some(object("Tenant", None, "acme", spec));
    for (role, (default, version)) in all.roles.iter_mut().zip(&shape.roles) {
        let of = if *version == OF_ONE { "$(user)".to_owned() } else { version.to_string() };
        let resource = format!("acs:odps:*:projects/$(tenant)_data/tables/{of}");
        let statement = json!({"effect": "Allow", "actions": ["odps:List"], "resources": [resource]});
        let projects: Vec<&str> = (*version > 0).then_some(DATA).into_iter().collect();
        let spec = json!({"tenant": "acme", "default": default,
            "alibaba": {"maxCompute": {"statements": [statement], "projects": projects}}});
        *role = object("TenantRole", Some("acme"), &role.name_any(), spec);
    }
    all
}

/// The grants that there should be, as names of roles and users; and beside their roles those that nobody has.
fn expected(shape: &Shape) -> (BTreeSet<CloudName>, BTreeSet<(CloudName, CloudName)>) {
    let naming =
        Naming { cluster: ClusterId::new("c1"), tenant: TenantName::new("acme"), prefix: String::new(), ram: true };
    let shared = |index: usize| naming.max_compute_role(&format!("role-{index}"));
    let own = |index: usize, user: usize| naming.max_compute_role(&format!("role-{index}.user-{user}"));
    let (mut roles, mut grants) = (BTreeSet::new(), BTreeSet::new());
    for (index, (default, version)) in shape.roles.iter().enumerate() {
        if *version != OF_ONE {
            roles.insert(shared(index));
        }
        for (user, person) in shape.users.iter().enumerate() {
            let always = *default || person.roles.contains(&index);
            let role = match (always, person.temporary == Some(index)) {
                (true, _) if *version != OF_ONE => shared(index),
                (false, false) => continue,
                _ => own(index, user),
            };
            roles.insert(role.clone());
            if !person.suspended {
                grants.insert((role, max_compute_user(ACCOUNT, &CloudName::new(format!("acme.user-{user}")))));
            }
        }
    }
    (roles, grants)
}

impl Simulation {
    fn with_projects() -> Self {
        let simulation = Self::of(Provider::Alibaba);
        simulation.cloud.with(|world| {
            let projects = [OPS, DATA].map(|name| (name.to_owned(), BTreeSet::new()));
            world.max_compute.projects = projects.into();
        });
        simulation
    }

    fn assert_max_compute(&self, shape: &Shape) {
        let (roles, grants) = expected(shape);
        self.cloud.with(|world| {
            let it = &world.max_compute;
            let of_data = |role: &&CloudName| {
                shape.roles.iter().enumerate().any(|(index, (_, version))| {
                    *version > 0 && role.as_str().starts_with(&format!("acme_role_{index}_"))
                })
            };
            let inside: BTreeSet<CloudName> = roles.iter().filter(of_data).cloned().collect();
            assert_eq!(it.users.len(), shape.users.len(), "users");
            assert_eq!(it.roles.keys().cloned().collect::<BTreeSet<_>>(), roles, "roles");
            assert_eq!(it.grants, grants, "grants");
            assert!(it.roles.values().all(|policy| policy.statements.len() == 1), "policies");
            assert!(it.projects[OPS].is_empty(), "projects");
            assert_eq!(it.projects[DATA], inside, "projects");
        });
    }
}

/// The same, but the edit comes when the first pass has told what it did, whatever became of it, and then the operator is
/// started again: what it does not say in statuses, nobody knows any more.
async fn hurried_story(before: &Shape, after: &Shape, trouble: Option<(u64, Disturbance)>) -> u64 {
    let mut simulation = Simulation::with_projects();
    simulation.start().await;
    if let Some((write, how)) = trouble {
        simulation.cloud.disturb(At::Write(write), how);
    }
    let mut first = in_max_compute(before);
    let settled = simulation.pass(&first).await;
    simulation.tell(&mut first, &settled);
    let writes = simulation.cloud.writes();
    let mut second = edited(&first, in_max_compute(after));
    keep_statuses(&first, &mut second);
    simulation.start().await;
    simulation.converge_telling(&mut second).await;
    simulation.assert_max_compute(after);
    simulation.converge_telling(&mut going(second)).await;
    simulation.sweep().await;
    simulation.assert_empty();
    simulation.cloud.with(|world| assert!(world.max_compute.roles.is_empty(), "{:?}", world.max_compute));
    writes
}

async fn story_in_max_compute(before: &Shape, after: &Shape, trouble: Option<(u64, Disturbance)>) -> u64 {
    let mut simulation = Simulation::with_projects();
    simulation.start().await;
    if let Some((write, how)) = trouble {
        simulation.cloud.disturb(At::Write(write), how);
    }
    let mut first = in_max_compute(before);
    simulation.converge_telling(&mut first).await;
    simulation.assert_max_compute(before);
    let mut second = edited(&first, in_max_compute(after));
    keep_statuses(&first, &mut second);
    simulation.converge_telling(&mut second).await;
    simulation.assert_max_compute(after);
    let idle = simulation.cloud.calls();
    let quiet = simulation.pass(&second).await;
    assert!(quiet.done.is_empty(), "a pass with nothing to do plans nothing: {:?}", quiet.done);
    assert_eq!(simulation.cloud.calls(), idle, "a pass with nothing to do makes no call");
    simulation.converge_telling(&mut going(second)).await;
    // What a death left in RAM between two calls goes after the next look.
    simulation.sweep().await;
    simulation.assert_empty();
    simulation.cloud.with(|world| {
        let it = &world.max_compute;
        assert!(it.users.is_empty() && it.roles.is_empty() && it.grants.is_empty(), "{it:?}");
        assert!(it.projects.values().all(BTreeSet::is_empty), "{it:?}");
    });
    simulation.cloud.writes()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, ..ProptestConfig::default() })]

    /// Whatever step the operator dies at, or whose answer is lost, the next passes finish the work.
    #[test]
    fn crashes_in_max_compute_converge(before in shape(), after in shape()) {
        let (before, after) = (before.on(Provider::Alibaba), after.on(Provider::Alibaba));
        let writes = run(story_in_max_compute(&before, &after, None));
        for write in 1..=writes {
            for how in [
                Disturbance::CrashBefore,
                Disturbance::CrashAfter,
                Disturbance::LoseAnswer,
                Disturbance::LoseTwoAnswers,
                Disturbance::Fail(Class::Throttled),
            ] {
                run(story_in_max_compute(&before, &after, Some((write, how))));
            }
        }
    }

    /// Whatever answer is lost, the next operator finds by the statuses what came of it, even if the manifests say another
    /// thing by then.
    #[test]
    fn what_came_of_lost_answers_in_max_compute_is_found(before in shape(), after in shape()) {
        let (before, after) = (before.on(Provider::Alibaba), after.on(Provider::Alibaba));
        let writes = run(hurried_story(&before, &after, None));
        for write in 1..=writes {
            for how in [Disturbance::LoseAnswer, Disturbance::LoseTwoAnswers, Disturbance::Fail(Class::Throttled)] {
                run(hurried_story(&before, &after, Some((write, how))));
            }
        }
    }
}

#[test]
fn what_people_change_in_max_compute_is_put_right_by_a_new_process() {
    let alice = plain(BTreeSet::from([0]), false);
    let shape = Shape { roles: vec![(false, 1), (true, 2)], users: vec![alice], ..Shape::default() };
    run(async {
        let mut simulation = Simulation::with_projects();
        simulation.start().await;
        let manifests = in_max_compute(&shape);
        simulation.converge(&manifests).await;
        simulation.cloud.with(|world| {
            let it = &mut world.max_compute;
            let user = it.users.first().cloned().unwrap();
            it.grants.clear();
            it.grants.insert((CloudName::new("admin"), user));
            it.projects.get_mut(DATA).unwrap().clear();
            let lost = it.roles.keys().next().cloned().unwrap();
            it.roles.remove(&lost);
            it.roles.values_mut().for_each(|policy| policy.statements.clear());
        });
        simulation.start().await;
        simulation.converge(&manifests).await;
        simulation.assert_max_compute(&shape);
        // Taken out of the Tenant: all of it goes there, and nothing else.
        let mut without = manifests.clone();
        without.tenant = Some(object("Tenant", None, "acme", json!({"accounts": [{"name": "aws"}]})));
        simulation.converge(&without).await;
        simulation.cloud.with(|world| {
            assert!(world.max_compute.users.is_empty() && world.max_compute.roles.is_empty());
            assert_eq!(world.users.len(), 1);
        });
    });
}

/// What only one object says of itself, and whether it may end.
fn said(settled: &Settled, kind: ManifestKind) -> (Vec<&str>, bool) {
    let of = |subject: &crate::names::ManifestRef| subject.kind == kind;
    let words = settled.left.refusals.iter().filter(|it| of(&it.subject)).map(|it| it.message.as_str());
    (words.collect(), !settled.left.stuck.iter().any(of))
}

/// The project that passed commands on is gone: what is left in MaxCompute is neither lost nor waited for without a word,
/// and another project of the region is the way out.
#[test]
fn a_project_that_is_gone_loses_nobody_silently() {
    let shape = Shape { roles: vec![(false, 1)], users: vec![plain(BTreeSet::from([0]), false)], ..Shape::default() };
    for (restarted, taken_out) in [(false, false), (true, false), (false, true), (true, true)] {
        run(async {
            let mut simulation = Simulation::with_projects();
            simulation.start().await;
            let mut manifests = in_max_compute(&shape);
            simulation.converge_telling(&mut manifests).await;
            simulation.cloud.with(|world| world.max_compute.projects.remove(OPS));
            if restarted {
                simulation.start().await;
            }
            // As with each look at the account.
            let lists = simulation.inventory.lock().max_compute.to_list();
            let account = Account { cloud: simulation.cloud.clone(), inventory: simulation.inventory.clone() };
            for read in lists {
                account.learn(&read).await.unwrap();
            }
            let mut one = edited(&manifests, in_max_compute(&Shape::default()));
            keep_statuses(&manifests, &mut one);
            if taken_out {
                let tenant = Arc::make_mut(one.tenant.as_mut().unwrap());
                tenant.spec.accounts.iter_mut().for_each(|it| it.max_compute = None);
            }
            let mut settled = simulation.pass(&one).await;
            for _ in 0..3 {
                simulation.tell(&mut one, &settled);
                settled = simulation.pass(&one).await;
            }
            assert!(settled.left.steps.is_empty() && settled.left.reads.is_empty(), "{settled:?}");
            assert!(settled.done.is_empty(), "nothing is tried over and over: {settled:?}");
            simulation.cloud.with(|world| assert_eq!((world.users.len(), world.max_compute.users.len()), (1, 1)));
            for kind in [ManifestKind::TenantUser, ManifestKind::TenantRole, ManifestKind::Tenant] {
                let (words, may_end) = said(&settled, kind);
                assert!(words.len() == 1 && words[0].contains(OPS), "{kind:?} {words:?}");
                assert!(words[0].contains("another"), "{kind:?} {words:?}");
                assert_eq!(may_end, kind == ManifestKind::Tenant && !taken_out, "{kind:?}");
            }
            simulation.cloud.with(|world| world.max_compute.projects.insert("acme_new".to_owned(), BTreeSet::new()));
            let tenant = Arc::make_mut(one.tenant.as_mut().unwrap());
            let place = TenantMaxCompute { region: "cn-shanghai".to_owned(), project: "acme_new".to_owned() };
            tenant.spec.accounts[0].max_compute = Some(place);
            simulation.converge_telling(&mut one).await;
            simulation.cloud.with(|world| {
                assert!(world.users.is_empty() && world.max_compute.users.is_empty(), "{:?}", world.max_compute);
                assert!(world.max_compute.roles.is_empty(), "{:?}", world.max_compute);
            });
            assert!(simulation.pass(&one).await.left.stuck.is_empty());
        });
    }
}

/// A wrong name in the Tenant, found by a new process: what is to go goes through the project that statuses tell of, and
/// nothing is made through it.
#[test]
fn a_wrong_project_keeps_nobody_in_max_compute() {
    let people = vec![plain(BTreeSet::from([0]), false), plain(BTreeSet::from([0]), false)];
    let shape = Shape { roles: vec![(false, 1)], users: people, ..Shape::default() };
    run(async {
        let mut simulation = Simulation::with_projects();
        simulation.start().await;
        let mut manifests = in_max_compute(&shape);
        simulation.converge_telling(&mut manifests).await;
        simulation.start().await;
        let mut third = plain(BTreeSet::from([0]), false);
        third.suspended = true;
        let mut one = in_max_compute(&Shape { users: vec![third], ..shape.clone() });
        one.roles
            .push(in_max_compute(&Shape { roles: vec![(false, 0), (false, 0)], ..shape.clone() }).roles[1].clone());
        let mut one = edited(&manifests, one);
        keep_statuses(&manifests, &mut one);
        let place = TenantMaxCompute { region: "cn-shanghai".to_owned(), project: "acme_typo".to_owned() };
        Arc::make_mut(one.tenant.as_mut().unwrap()).spec.accounts[0].max_compute = Some(place);
        simulation.converge_telling(&mut one).await;
        let settled = simulation.pass(&one).await;
        let (words, _) = said(&settled, ManifestKind::Tenant);
        assert!(words.len() == 1 && words[0].contains("there is no MaxCompute project acme_typo"), "{words:?}");
        simulation.cloud.with(|world| {
            let it = &world.max_compute;
            assert_eq!((world.users.len(), it.users.len()), (1, 1), "who is deleted is gone from both");
            assert!(it.grants.is_empty(), "who is suspended has no role");
            assert_eq!(it.roles.len(), 1, "nothing is made through a project that the Tenant does not name");
        });
    });
}

/// Whatever is refused, the pass in which it was says so: nobody comes back to it soon.
#[test]
fn what_is_refused_is_told_at_once() {
    let shape = Shape { roles: vec![(false, 1)], users: vec![plain(BTreeSet::from([0]), false)], ..Shape::default() };
    run(async {
        for write in 1.. {
            let mut simulation = Simulation::with_projects();
            simulation.start().await;
            simulation.cloud.disturb(At::Write(write), Disturbance::Fail(Class::AccessDenied));
            let manifests = in_max_compute(&shape);
            let settled = simulation.pass(&manifests).await;
            if simulation.cloud.writes() < write {
                assert!(write > 8, "{write}");
                break;
            }
            let what = settled.done.iter().find(|(_, outcome)| matches!(outcome, Outcome::Failed(_))).unwrap();
            let verdict = simulation.report(&manifests, &settled, |report| report.verdict(&what.0.subject, ""));
            assert_eq!(verdict.reason(), crate::api::Reason::AccessDenied, "{} {verdict:?}", what.0.words());
        }
    });
}
