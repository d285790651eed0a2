//! The cloud roles that a random tenant should have.

use super::*;

impl Shape {
    /// Without cloud roles where the account in memory does not play them.
    pub(super) fn on(&self, provider: Provider) -> Self {
        if provider == Provider::Aws {
            return self.clone();
        }
        Self { assumable: BTreeSet::new(), pods: Vec::new(), labs: Vec::new(), ..self.clone() }
    }

    pub(super) fn is_still(&self, person: &Person) -> bool {
        self.suspended || person.suspended
    }

    /// The cloud roles by name, each with how many of the tenant's policies hang on it.
    pub(super) fn cloud_roles(&self, provider: Provider) -> BTreeMap<CloudName, Option<usize>> {
        if provider == Provider::Alibaba {
            return BTreeMap::new();
        }
        let is_role = |role: &&usize| **role < self.roles.len();
        let assumable = self.assumable.iter().filter(is_role).map(|role| (format!("acme.role-{role}"), Some(1)));
        let pods = self.pods.iter().enumerate();
        let pods =
            pods.map(|(pod, roles)| (format!("acme.acme.pod-{pod}"), Some(roles.iter().filter(is_role).count())));
        let execution =
            self.roles.iter().any(|(_, version)| *version == EXECUTING) || labs::of_users(self).next().is_some();
        let execution = execution.then(|| ("acme.sagemaker_execution".to_owned(), None));
        assumable.chain(pods).chain(execution).map(|(name, count)| (CloudName::new(name), count)).collect()
    }
}
