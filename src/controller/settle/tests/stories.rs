//! The whole life of a random tenant, with something going wrong at each write in turn.

use super::*;

/// Makes `before`, edits it to `after`, deletes everything; at the given write of the cloud or the cluster something
/// goes wrong. Returns how many writes each saw.
async fn story(provider: Provider, before: &Shape, after: &Shape, trouble: Option<Trouble>) -> (u64, u64) {
    let mut simulation = Simulation::of(provider);
    if provider == Provider::Alibaba {
        simulation.conduct = json!({"deniedActions": ["ram:*"]});
    }
    simulation.start().await;
    match trouble {
        Some(Trouble::Cloud(write, how)) => simulation.cloud.disturb(At::Write(write), how),
        Some(Trouble::Cluster(call, ref what)) => simulation.cluster.at_call(call, what.clone()),
        None => {}
    }
    let first = manifests(before);
    simulation.converge(&first).await;
    simulation.assert_right(before);
    let second = edited(&first, manifests(after));
    simulation.converge(&second).await;
    simulation.assert_right(after);
    let keys = |simulation: &Simulation| simulation.cloud.with(|world| world.secrets.len());
    let made = keys(&simulation);
    simulation.rotate(after, &second).await;
    simulation.assert_right(after);
    let rotating = after.users.iter().filter(|person| person.key && !after.is_still(person)).count();
    assert!(keys(&simulation) >= made + rotating, "every key was replaced");
    let idle = simulation.cloud.calls();
    let quiet = simulation.pass(&second).await;
    assert!(quiet.done.is_empty(), "a pass with nothing to do plans nothing: {:?}", quiet.done);
    assert_eq!(simulation.cloud.calls(), idle, "a pass with nothing to do makes no call");
    // What the operator thinks is there is what is there.
    simulation.start().await;
    simulation.converge(&second).await;
    let quiet = simulation.pass(&second).await;
    assert!(quiet.done.is_empty() && quiet.left.reads.is_empty(), "{quiet:?}");
    simulation.converge(&going(manifests(after))).await;
    // What a death left between two calls goes after the next look.
    simulation.sweep().await;
    simulation.assert_empty();
    (simulation.cloud.writes(), simulation.cluster.calls())
}

impl Simulation {
    fn advance(&self, days: i64) {
        self.cloud
            .with(|world| world.now = world.now.checked_add(jiff::SignedDuration::from_hours(24 * days)).unwrap());
    }

    /// At no moment is there a key in a Secret that does not work.
    fn assert_keys_work(&self) {
        let named = BTreeSet::from(["acme".to_owned()]);
        for (at, secret) in &self.cluster.state(&TenantName::new("acme"), &named).secrets {
            if let Some(id) = &secret.key_id {
                let half = self.cluster.secret_half(at).unwrap();
                self.cloud.with(|world| assert!(world.accepts(id, &half), "the key in {at:?} works"));
            }
        }
    }

    /// Ten days: every key is replaced, and what it replaced is gone. No published key stops working before another is.
    async fn rotate(&mut self, shape: &Shape, manifests: &Manifests) {
        let all_may_act = shape.users.iter().all(|person| !shape.is_still(person));
        for days in [10, 1, 1] {
            self.advance(days);
            for count in 1.. {
                assert!(count < 12, "the rotation does not end");
                let settled = self.pass(manifests).await;
                if all_may_act {
                    self.assert_keys_work();
                }
                if self.cloud.crashed() || self.cluster.crashed() {
                    self.start().await;
                } else if settled.left.steps.is_empty()
                    && settled.left.reads.is_empty()
                    && settled.done.iter().all(|(_, outcome)| *outcome == Outcome::Done)
                {
                    break;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5, ..ProptestConfig::default() })]

    /// Whatever step the operator dies at, or whose answer is lost, the next passes finish the work, with no orphan and
    /// no second key.
    #[test]
    fn every_crash_and_every_lost_answer_converges(before in shape(), after in shape()) {
        trouble_everywhere(Provider::Aws, &before, &after);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5, ..ProptestConfig::default() })]

    /// The same where lists show no edges, and where one act may be several calls.
    #[test]
    fn every_crash_and_every_lost_answer_converges_on_ram(before in shape(), after in shape()) {
        trouble_everywhere(Provider::Alibaba, &before, &after);
    }
}

fn trouble_everywhere(provider: Provider, before: &Shape, after: &Shape) {
    let (before, after) = (&before.on(provider), &after.on(provider));
    let (cloud, cluster) = run(story(provider, before, after, None));
    for write in 1..=cloud {
        for how in [
            Disturbance::CrashBefore,
            Disturbance::CrashAfter,
            Disturbance::LoseAnswer,
            Disturbance::Fail(Class::Throttled),
        ] {
            run(story(provider, before, after, Some(Trouble::Cloud(write, how))));
        }
    }
    for call in 0..cluster {
        for what in [Script::CrashBefore, Script::CrashAfter, Script::LostAnswer] {
            run(story(provider, before, after, Some(Trouble::Cluster(call, what))));
        }
    }
}

#[test]
fn what_people_change_by_hand_is_put_right() {
    let alice = Person { console: true, ..plain(BTreeSet::from([1]), true) };
    let shape = Shape { roles: vec![(true, 0), (false, 1)], users: vec![alice], ..Shape::default() };
    run(async {
        let mut simulation = Simulation::new();
        simulation.start().await;
        let manifests = manifests(&shape);
        simulation.converge(&manifests).await;
        tokio::time::advance(std::time::Duration::from_secs(300)).await;
        simulation.cloud.with(|world| {
            let user = world.users.values_mut().next().unwrap();
            user.groups.clear();
            user.attached.insert("arn:aws:iam::aws:policy/AdministratorAccess".to_owned());
        });
        // A new process trusts nothing that it did not read.
        simulation.start().await;
        simulation.converge(&manifests).await;
        simulation.assert_right(&shape);
        simulation.cloud.with(|world| {
            let user = world.users.values().next().unwrap();
            assert_eq!(user.groups.len(), 1);
            assert!(!user.attached.iter().any(|arn| arn.ends_with("AdministratorAccess")));
        });
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// After a start what statuses say is believed, without a call; and what was not read then is read before it goes.
    #[test]
    fn after_a_start_nothing_is_read_and_everything_goes_all_the_same(shape in shape()) {
        let shape = shape.on(Provider::Alibaba);
        run(async {
            let mut simulation = Simulation::of(Provider::Alibaba);
            simulation.conduct = json!({"deniedActions": ["ram:*"]});
            simulation.start().await;
            simulation.converge(&manifests(&shape)).await;
            // No rotation is under way.
            simulation.advance(4);
            simulation.start().await;
            simulation.told = true;
            let before = simulation.cloud.calls();
            let quiet = simulation.pass(&manifests(&shape)).await;
            assert!(quiet.done.is_empty(), "{:?}", quiet.done);
            let reads = simulation.cloud.calls() - before;
            let asks = shape.users.iter().filter(|person| shape.is_still(person)).count();
            assert!(reads <= 2 * asks as u64, "only keys and logins of who is suspended: {reads}");
            simulation.told = false;
            simulation.converge(&going(manifests(&shape))).await;
            simulation.sweep().await;
            simulation.assert_empty();
            assert!(simulation.cloud.violations().is_empty());
        });
    }
}
