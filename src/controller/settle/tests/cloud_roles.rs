//! The cloud roles that a random tenant should have.

use super::*;

impl Shape {
    /// Without notebooks where the account in memory does not play them.
    pub(super) fn on(&self, provider: Provider) -> Self {
        if provider == Provider::Aws {
            return self.clone();
        }
        Self { labs: Vec::new(), ..self.clone() }
    }

    pub(super) fn is_still(&self, person: &Person) -> bool {
        self.suspended || person.suspended
    }

    /// The cloud roles by name, each with how many of the tenant's policies hang on it.
    pub(super) fn cloud_roles(&self, provider: Provider, now: Timestamp) -> BTreeMap<CloudName, Option<usize>> {
        let is_aws = provider == Provider::Aws;
        // RAM has no variable for a user, and a role there without anybody to trust is none.
        let is_role = |role: &&usize| self.roles.get(**role).is_some_and(|(_, version)| is_aws || *version != OF_ONE);
        let is_had = |role: &&usize| is_aws || self.users.iter().any(|person| self.has(person, **role, now));
        let assumable = self.assumable.iter().filter(is_role).filter(is_had);
        let assumable = assumable.map(|role| (format!("acme.role-{role}"), Some(1)));
        let pods = self.pods.iter().enumerate();
        let pods =
            pods.map(|(pod, roles)| (format!("acme.acme.pod-{pod}"), Some(roles.iter().filter(is_role).count())));
        let execution =
            self.roles.iter().any(|(_, version)| *version == EXECUTING) || labs::of_users(self).next().is_some();
        let name = if is_aws { "acme.sagemaker_execution" } else { "acme.-pai-execution" };
        let execution = execution.then(|| (name.to_owned(), None));
        assumable.chain(pods).chain(execution).map(|(name, count)| (CloudName::new(name), count)).collect()
    }

    /// Whether somebody has a role, for good or for a time.
    fn has(&self, person: &Person, role: usize, now: Timestamp) -> bool {
        let for_a_time = person.temporary == Some(role) && now < UNTIL.parse().unwrap();
        self.roles[role].0 || person.roles.contains(&role) || for_a_time
    }
}

impl Simulation {
    /// There is one role for each manifest that wants one, with its policies, and denied everything while all are; `ours`
    /// says whether the tenant has its namespace.
    pub(super) fn assert_roles(&self, shape: &Shape, ours: bool) {
        let now = self.now();
        let mut expected = shape.cloud_roles(self.provider, now);
        expected.retain(|name, _| ours || !name.as_str().contains(".pod-"));
        let denies = self.conduct["deniedActions"].is_array();
        self.cloud.with(|world| {
            assert_eq!(world.roles.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "roles");
            for (name, role) in &world.roles {
                let (attached, inline) = world.edges(role);
                assert!(expected[name].is_none_or(|count| attached.len() == count), "{role:?}");
                assert_eq!(inline.contains_key("tenantry-suspended"), shape.suspended, "{role:?}");
                assert_eq!(inline.contains_key("tenantry-denied"), denies, "{role:?}");
                self.assert_trust(shape, name, &role.trust.as_ref().unwrap().to_json(), now);
            }
        });
    }

    /// In RAM a role that users may assume names those who have it, and nobody else.
    fn assert_trust(&self, shape: &Shape, name: &CloudName, trust: &str, now: Timestamp) {
        let Some(role) = name.as_str().strip_prefix("acme.role-").filter(|_| self.provider == Provider::Alibaba) else {
            return;
        };
        for (index, person) in shape.users.iter().enumerate() {
            let named = trust.contains(&format!("user/acme.user-{index}\""));
            assert_eq!(named, shape.has(person, role.parse().unwrap(), now), "{name} {index}: {trust}");
        }
    }

    /// Its role is written on a ServiceAccount as the webhook of each cloud reads it.
    pub(super) fn assert_pod(&self, pod: usize, body: &Value) {
        let role = CloudName::new(format!("acme.acme.pod-{pod}"));
        let annotations = &body["metadata"]["annotations"];
        match self.provider {
            Provider::Aws => {
                let arn = self.cloud.with(|world| world.roles[&role].arn.clone());
                assert_eq!(annotations["eks.amazonaws.com/role-arn"], arn);
            }
            Provider::Alibaba => assert_eq!(annotations["pod-identity.alibabacloud.com/role-name"], role.as_str()),
        }
    }
}

fn many(count: usize, suspended: bool) -> Shape {
    let person = Person { suspended, ..plain(BTreeSet::from([0]), false) };
    Shape { roles: vec![(false, 0)], assumable: BTreeSet::from([0]), users: vec![person; count], ..Shape::default() }
}

#[test]
fn more_users_than_a_trust_policy_of_ram_can_name_are_refused_before_any_call() {
    run(async {
        let mut simulation = Simulation::of(Provider::Alibaba);
        simulation.start().await;
        let few = manifests(&many(5, false));
        simulation.converge(&few).await;
        let role = CloudName::new("acme.role-0");
        let trust = |simulation: &Simulation| simulation.cloud.with(|world| world.roles[&role].trust.clone());
        let before = trust(&simulation);
        simulation.cloud.reset_calls();
        let after = edited(&few, manifests(&many(60, false)));
        simulation.converge(&after).await;
        let refusals = simulation.pass(&after).await.left.refusals;
        let said = refusals.iter().find(|it| it.class == Class::Invalid).unwrap();
        assert_eq!(said.subject.mark_text(), "tenantrole/acme/role-0");
        assert!(said.message.starts_with("the trust policy of the cloud role acme.role-0 has"), "{}", said.message);
        assert!(said.message.ends_with("2048 are allowed. Trust fewer subjects, or give the role to fewer users."));
        assert!(!simulation.cloud.calls_by_operation().contains_key("UpdateAssumeRolePolicy"));
        assert_eq!(trust(&simulation), before, "who was trusted still is");
        assert_eq!(simulation.cloud.with(|world| world.users.len()), 60, "users are made all the same");
    });
}

#[test]
fn the_deny_for_suspended_users_never_outgrows_its_role() {
    let simulation = Simulation::new();
    let denies = |count: usize| {
        let wanted = compile(&TenantName::new("acme"), &manifests(&many(count, true)), &simulation.context());
        let role = &wanted.accounts[&AccountName::new("aws")].roles[&CloudName::new("acme.role-0")][0];
        assert!(
            role.inline.values().map(crate::policy::Document::size).sum::<usize>() < crate::policy::AWS_INLINE_ROLE
        );
        let refused = wanted.refusals.into_iter().find(|it| it.class == Class::Invalid).map(|it| it.message);
        (role.inline["tenantry-suspended-users"].to_json(), refused)
    };
    let (few, refused) = denies(20);
    assert!(few.contains("\"user-7\"") && few.contains("\"*:user-7\"") && refused.is_none(), "{few}");
    let (_, refused) = denies(400);
    assert!(refused.unwrap().starts_with("400 users of the tenant are suspended or expired, and only of"));
}

#[test]
fn the_execution_role_carries_what_each_has_who_works_through_it() {
    let simulation = Simulation::new();
    let roles = |by_default| vec![(by_default, EXECUTING), (false, 0)];
    let carries = |shape: Shape| -> Vec<String> {
        let wanted = compile(&TenantName::new("acme"), &manifests(&shape), &simulation.context());
        let roles = &wanted.accounts[&AccountName::new("aws")].roles;
        let attached = &roles[&CloudName::new("acme.sagemaker_execution")][0].attached;
        attached.iter().map(ToString::to_string).collect()
    };
    let both = || plain(BTreeSet::from([0, 1]), false);
    let shape = |by_default, users| Shape { roles: roles(by_default), users, ..Shape::default() };
    let all = ["acme.role-0", "acme.role-1"];
    assert_eq!(carries(shape(false, vec![both(), both()])), all);
    assert_eq!(carries(shape(false, vec![both(), plain(BTreeSet::from([1]), false)])), all, "one cannot hand it on");
    assert_eq!(carries(shape(false, vec![both(), plain(BTreeSet::from([0]), false)])), all[..1]);
    // Who has the role for a time, by default, or as a pod, has it as well.
    let for_a_time = Person { temporary: Some(0), ..plain(BTreeSet::from([1]), false) };
    assert_eq!(carries(shape(false, vec![both(), for_a_time])), all[1..]);
    assert_eq!(carries(shape(true, vec![both(), plain(BTreeSet::new(), false)])), all[..1]);
    let pods = vec![BTreeSet::from([0])];
    assert_eq!(carries(Shape { pods, ..shape(false, vec![both()]) }), all[..1]);
    let pods = vec![BTreeSet::from([1])];
    assert_eq!(carries(Shape { pods, ..shape(false, vec![both()]) }), all);
    // Whom a provider vouches for has that role and no other.
    let mut vouched = manifests(&shape(true, vec![both()]));
    let provider = format!("arn:aws:iam::{ACCOUNT}:saml-provider/okta");
    Arc::make_mut(&mut vouched.roles[0]).spec.assumable_by =
        serde_json::from_value(json!({"saml": [provider]})).unwrap();
    let wanted = compile(&TenantName::new("acme"), &vouched, &simulation.context());
    let role = &wanted.accounts[&AccountName::new("aws")].roles[&CloudName::new("acme.sagemaker_execution")][0];
    assert_eq!(role.attached.iter().map(ToString::to_string).collect::<Vec<_>>(), all[..1]);
}
