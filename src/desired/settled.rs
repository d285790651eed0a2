//! Whether all that a tenant's manifests say was carried out before, as their statuses tell: after a start that spares a
//! call for everything that no list shows.

use kube::Resource;

use super::{Context, Manifests};
use crate::api::ObservedStatus;
use crate::names::AccountName;

pub(super) fn settled(manifests: &Manifests, context: &Context) -> bool {
    let Some(tenant) = &manifests.tenant else { return false };
    let named = tenant.spec.accounts.iter().map(|account| AccountName::new(&account.name));
    let mut accounts = named.filter_map(|name| context.accounts.get(&name)).map(|facts| facts.manifest.as_ref());
    let told = |generation: Option<i64>, status: Option<&dyn Told>| status.is_some_and(|it| it.told(generation));
    told(tenant.meta().generation, tenant.status.as_ref().map(|it| it as &dyn Told))
        && accounts.all(|it| told(it.meta().generation, it.status.as_ref().map(|it| it as &dyn Told)))
        && manifests.roles.iter().all(|it| told(it.meta().generation, it.status.as_ref().map(|it| it as &dyn Told)))
        && manifests.notebooks.iter().all(|it| told(it.meta().generation, it.status.as_ref().map(|it| it as &dyn Told)))
        && manifests.users.iter().all(|it| told(it.meta().generation, it.status.as_ref().map(|it| it as &dyn Told)))
}

/// What a status says of its manifest.
trait Told {
    /// Whether it is of this generation and Ready.
    fn told(&self, generation: Option<i64>) -> bool;
}

impl<S: ObservedStatus> Told for S {
    fn told(&self, generation: Option<i64>) -> bool {
        let ready = self.conditions().iter().any(|it| it.type_ == "Ready" && it.status == "True");
        ready && self.observed_generation() == generation
    }
}
