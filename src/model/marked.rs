//! What in an account carries our marks, or may: as long as anything of a tenant does, there is work to be done for it.

use std::collections::BTreeSet;

use super::cloud::{ObjectId, ObjectKind};
use super::inventory::Inventory;
use crate::names::{Mark, TenantName};

impl Inventory {
    /// Whether anything of the tenant carries our marks, or may: a policy whose tags were never read. What lies under its
    /// path alone is nobody's: somebody took the marks off, or we did on purpose.
    #[must_use]
    pub fn is_marked(&self, tenant: &TenantName) -> bool {
        self.of_tenant(tenant).iter().any(|object| self.may_be_marked(object))
    }

    /// Whether anything of the tenant must still go before its Tenant can; `took_over` tells of an owner, by its mark,
    /// whether it took something over, and `is_left` of an object whether it stays.
    #[must_use]
    pub fn holds_up(
        &self,
        tenant: &TenantName,
        took_over: impl Fn(&Mark) -> bool,
        is_left: impl Fn(&ObjectId) -> bool,
    ) -> bool {
        self.of_tenant(tenant).iter().filter(|object| !is_left(object)).any(|object| {
            let ours = || self.is_on_our_path(object) || self.mark(object).is_some_and(|mark| took_over(&mark));
            self.may_be_marked(object) && ours()
        })
    }

    /// The tenants of which anything here carries our marks, or may.
    #[must_use]
    pub fn tenants_marked(&self) -> BTreeSet<TenantName> {
        self.tenants().into_iter().filter(|tenant| self.is_marked(tenant)).collect()
    }

    fn may_be_marked(&self, object: &ObjectId) -> bool {
        let unread =
            object.kind == ObjectKind::Policy && self.policies.get(&object.name).is_some_and(|it| it.tags.is_none());
        unread || self.mark(object).is_some_and(|mark| mark.cluster == self.cluster)
    }
}
