//! The modes in which something is left as it is: retained, only observed, or attached by hand and only told.

use super::*;
use crate::model::{ClusterState, PolicyRef, Role, SecretSeen};
use crate::names::{CloudName, SUSPENDED_USERS_POLICY};
use crate::plan::Why;

impl Simulation {
    fn state(&self) -> ClusterState {
        self.cluster.state(&TenantName::new("acme"), &BTreeSet::from(["acme".to_owned()]))
    }

    /// Everything in the cloud but our marks: what must be the same after it was released.
    fn substance(&self) -> Value {
        self.cloud.with(|world| {
            let users = world.users.values().map(|user| {
                let tags: Vec<_> = user.tags.iter().filter(|(key, _)| !key.starts_with("tenantry.dev/")).collect();
                json!([user.name, user.arn, tags, user.groups, user.attached, user.inline, user.keys, user.login])
            });
            let groups = world.groups.values().map(|group| json!([group.name, group.attached]));
            let policies = world.policies.values().map(|policy| json!([policy.arn, policy.document]));
            // Who works under the execution role decides what it has, and one of them is deleted here.
            let attached = |role: &Role| if role.arn.ends_with("execution") { json!([]) } else { json!(role.attached) };
            // In RAM a role trusts its users one by one, and one of them is deleted here: with the last one it goes.
            let stays = |role: &&Role| !world.is_ram || !role.arn.contains("acme.role-");
            let trusts = |role: &Role| {
                let trust = role.trust.as_ref().filter(|_| !world.is_ram);
                trust.map(crate::policy::Document::to_json)
            };
            // The sessions of a suspended user are refused as long as there is such a user.
            let inline = |role: &Role| {
                let kept = role.inline.iter().filter(|(name, _)| *name != SUSPENDED_USERS_POLICY);
                json!(kept.collect::<BTreeMap<_, _>>())
            };
            let roles = world.roles.values().filter(stays);
            let roles = roles.map(|role| json!([role.arn, trusts(role), attached(role), inline(role)]));
            let (users, groups): (Vec<_>, Vec<_>) = (users.collect(), groups.collect());
            json!([users, groups, policies.collect::<Vec<_>>(), roles.collect::<Vec<_>>()])
        })
    }

    /// Nothing carries a mark of ours, and every Secret works and is nobody's.
    fn assert_released(&self, secrets: &[(crate::model::SecretTarget, String)]) {
        self.cloud.with(|world| {
            let marked = |tags: &crate::model::Tags| tags.keys().any(|key| key.starts_with("tenantry.dev/"));
            assert!(!world.users.values().any(|user| marked(&user.tags)), "{:?}", world.users);
            assert!(!world.roles.values().any(|role| marked(&role.tags)), "{:?}", world.roles);
            // What stands for an inline policy is nobody's own.
            let stand_ins: BTreeSet<CloudName> = world.stand_ins().map(|(policy, _)| policy.name.clone()).collect();
            let mut own = world.policies.values().filter(|it| !stand_ins.contains(&it.name));
            assert!(!own.any(|it| it.tags.as_ref().is_some_and(marked)), "{:?}", world.policies);
            assert!(!world.groups.values().any(|group| group.mark(&world.cluster).is_some()), "{:?}", world.groups);
        });
        let state = self.state();
        assert!(state.secrets.is_empty() && state.objects.is_empty(), "{state:?}");
        for (at, half) in secrets {
            assert_eq!(self.cluster.secret_half(at).as_ref(), Some(half), "{at:?} stays");
            let known = |world: &mut crate::cloud::memory::World| {
                world.secrets.values().chain(world.logins.values()).any(|known| known == half)
            };
            assert!(self.cloud.with(known), "and works");
        }
        let named = BTreeSet::from(["acme".to_owned()]);
        let namespace = &self.cluster.state(&TenantName::new("nobody"), &named).namespaces["acme"];
        assert!(namespace.labels.keys().all(|key| !key.starts_with("tenantry.dev/")), "{namespace:?}");
        let inventory = self.inventory.lock();
        assert!(!inventory.is_marked(&TenantName::new("acme")) && inventory.tenants_marked().is_empty());
    }
}

/// Makes a tenant that retains, deletes one user and one role of it, then all; at the given write something goes wrong.
async fn retained(provider: Provider, shape: &Shape, trouble: Option<Trouble>) -> (u64, u64) {
    let shape = &shape.on(provider);
    let mut simulation = Simulation::of(provider);
    simulation.start().await;
    let first = retaining(manifests(shape));
    simulation.converge(&first).await;
    simulation.assert_right(shape);
    let substance = simulation.substance();
    let state = simulation.state();
    // A suspended user's password is in no force, and works again when the user does.
    let works = |secret: &SecretSeen| secret.login.as_ref().is_none_or(|login| login.in_force);
    let secrets = state.secrets.iter().filter(|(_, secret)| works(secret));
    let secrets: Vec<_> = secrets.map(|(at, _)| (at.clone(), simulation.cluster.secret_half(at).unwrap())).collect();
    let (cloud, cluster) = (simulation.cloud.writes(), simulation.cluster.calls());
    match trouble {
        Some(Trouble::Cloud(write, how)) => simulation.cloud.disturb(At::Write(cloud + write), how),
        Some(Trouble::Cluster(call, ref what)) => simulation.cluster.at_call(cluster + call, what.clone()),
        None => {}
    }
    let mut one = first.clone();
    let all = going(first);
    if let Some(user) = one.users.first_mut() {
        *user = all.users[0].clone();
    }
    simulation.converge(&one).await;
    simulation.converge(&all).await;
    assert_eq!(simulation.substance(), substance, "released, not changed");
    simulation.assert_released(&secrets);
    // A new process takes nothing of it for ours, nor for an orphan.
    simulation.start().await;
    let nobody = Manifests::default();
    let after = simulation.pass(&nobody).await;
    assert!(after.done.is_empty() && after.left.orphans.is_empty(), "{after:?}");
    simulation.assert_released(&secrets);
    assert!(simulation.cloud.violations().is_empty(), "{:?}", simulation.cloud.violations());
    (simulation.cloud.writes() - cloud, simulation.cluster.calls() - cluster)
}

fn provider() -> impl Strategy<Value = Provider> {
    prop::sample::select(vec![Provider::Aws, Provider::Alibaba])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Whatever step the operator dies at, what a Tenant retains ends whole, unmarked and with its Secrets.
    #[test]
    fn what_is_retained_is_released_whole_whatever_happens(provider in provider(), shape in shape()) {
        let (cloud, cluster) = run(retained(provider, &shape, None));
        for write in 1..=cloud {
            for how in [Disturbance::CrashBefore, Disturbance::CrashAfter, Disturbance::LoseAnswer] {
                run(retained(provider, &shape, Some(Trouble::Cloud(write, how))));
            }
        }
        for call in 0..cluster {
            for what in [Script::CrashBefore, Script::CrashAfter, Script::LostAnswer] {
                run(retained(provider, &shape, Some(Trouble::Cluster(call, what))));
            }
        }
    }

    /// Whatever manifests ask for, in an account that is only observed nothing changes, and no Secret either.
    #[test]
    fn what_is_observed_is_never_written(provider in provider(), before in shape(), after in shape()) {
        run(async {
            let (before, after) = (before.on(provider), after.on(provider));
            let mut simulation = Simulation::of(provider);
            simulation.start().await;
            let first = manifests(&before);
            simulation.converge(&first).await;
            simulation.conduct = json!({"management": "Observe"});
            let (cloud, state) = (simulation.cloud.writes(), simulation.state());
            let second = edited(&first, manifests(&after));
            for manifests in [second.clone(), going(manifests(&after)), Manifests::default()] {
                let settled = simulation.pass(&manifests).await;
                assert!(settled.left.steps.is_empty(), "{:?}", settled.left.steps);
                assert!(settled.left.withheld.iter().all(|it| it.why == Why::Observed));
                assert_eq!(simulation.cloud.writes(), cloud);
            }
            let now = simulation.state();
            for (at, secret) in &state.secrets {
                let now = now.secrets.get(at).map(|it| (&it.key_id, &it.login));
                assert_eq!(now, Some((&secret.key_id, &secret.login)), "{at:?}");
            }
            // Managed again, all is put right as if nothing had been.
            simulation.conduct = json!({});
            simulation.converge(&second).await;
            simulation.assert_right(&after);
        });
    }
}

#[test]
fn what_people_attach_by_hand_is_only_told_where_the_account_says_so() {
    let users = vec![plain(BTreeSet::from([1]), true)];
    let shape = Shape { roles: vec![(true, 0), (false, 1)], users, ..Shape::default() };
    run(async {
        let mut simulation = Simulation::new();
        simulation.conduct = json!({"extras": "Report"});
        simulation.start().await;
        simulation.converge(&manifests(&shape)).await;
        tokio::time::advance(std::time::Duration::from_secs(300)).await;
        let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
        simulation.cloud.with(|world| {
            let others = crate::model::Group {
                name: CloudName::new("admins"),
                path: "/".to_owned(),
                attached: BTreeSet::new(),
                inline: BTreeMap::new(),
            };
            world.groups.insert(others.name.clone(), others);
            let user = world.users.values_mut().next().unwrap();
            user.groups.insert(CloudName::new("admins"));
            user.attached.insert(admin.to_owned());
            user.inline.insert("by-hand".to_owned(), crate::policy::Document::aws(Vec::new()));
            user.inline.insert("tenantry-suspended".to_owned(), crate::policy::Document::aws(Vec::new()));
            user.tags.insert("note".to_owned(), "x".to_owned());
            let id = "AKIABYHAND".to_owned();
            user.keys.as_mut().unwrap().push(crate::model::AccessKey {
                id,
                active: true,
                created: Timestamp::UNIX_EPOCH,
                last_use: None,
            });
            for group in world.groups.values_mut() {
                group.attached.insert(admin.to_owned());
            }
        });
        simulation.start().await;
        let name = CloudName::new("acme.user-0");
        let keys = simulation.cloud.read(&crate::model::Read::Keys(name.clone()), &simulation.inventory).await.unwrap();
        simulation.inventory.lock().learn(&crate::model::ObjectId::user(&name), keys);
        // The role that the user had is taken off it: that is ours, and goes.
        let less = Shape { users: vec![plain(BTreeSet::new(), true)], ..shape.clone() };
        simulation.converge(&manifests(&less)).await;
        let told = simulation.pass(&manifests(&less)).await.left.withheld;
        let words = |kind: &str| -> Vec<String> {
            told.iter().filter(|it| it.subject.mark_text().starts_with(kind)).map(|it| it.words.clone()).collect()
        };
        assert_eq!(words("tenant/"), ["- attach AdministratorAccess → acme"]);
        assert_eq!(
            words("tenantuser/"),
            [
                "- attach AdministratorAccess → acme.user-0",
                "- inline by-hand → acme.user-0",
                "- key AKIABYHAND of acme.user-0",
                "- member acme.user-0 → admins",
                "tags note → acme.user-0",
            ]
        );
        simulation.cloud.with(|world| {
            let user = &world.users[&name];
            assert_eq!(user.attached, BTreeSet::from([admin.to_owned()]));
            assert_eq!(user.inline.keys().collect::<Vec<_>>(), ["by-hand"]);
            assert_eq!((user.groups.len(), user.keys.as_ref().unwrap().len()), (2, 2));
        });
        // The default is to remove it all.
        simulation.conduct = json!({});
        simulation.converge(&manifests(&less)).await;
        simulation.cloud.with(|world| {
            let user = &world.users[&name];
            assert!(user.attached.is_empty() && user.inline.is_empty() && !user.tags.contains_key("note"), "{user:?}");
            assert_eq!(user.groups.len(), 1);
        });
    });
}

#[test]
fn what_was_retained_is_taken_back_only_when_the_manifests_say_so() {
    let shape = Shape { roles: vec![(true, 0)], users: vec![plain(BTreeSet::new(), false)], ..Shape::default() };
    run(async {
        let mut simulation = Simulation::new();
        simulation.start().await;
        let first = retaining(manifests(&shape));
        simulation.converge(&first).await;
        simulation.converge(&going(first)).await;
        simulation.assert_released(&[]);
        for restarted in [false, true] {
            if restarted {
                simulation.start().await;
            }
            let refused = simulation.pass(&manifests(&shape)).await.left.refusals;
            assert_eq!(refused.iter().filter(|it| it.class == Class::NotOwned).count(), 4, "{refused:?}");
        }
        simulation.cluster.put_namespace("acme", &[], &[("tenantry.dev/adopt", "acme")]);
        let mut adopting = manifests(&shape);
        let adopt = || Some([("tenantry.dev/adopt".to_owned(), "true".to_owned())].into());
        Arc::make_mut(adopting.tenant.as_mut().unwrap()).metadata.annotations = adopt();
        adopting.roles.iter_mut().for_each(|role| Arc::make_mut(role).metadata.annotations = adopt());
        adopting.users.iter_mut().for_each(|user| Arc::make_mut(user).metadata.annotations = adopt());
        simulation.converge(&adopting).await;
        let settled = simulation.pass(&adopting).await;
        assert!(settled.left.refusals.is_empty(), "{:?}", settled.left.refusals);
        simulation.assert_right(&shape);
        let own = PolicyRef::Own(CloudName::new("acme.role-0"));
        let group = simulation.cloud.with(|world| world.groups.values().next().unwrap().clone());
        assert!(group.attached.iter().all(|arn| simulation.inventory.lock().is(arn, &own)), "{group:?}");
    });
}
