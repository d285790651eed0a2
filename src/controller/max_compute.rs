//! What is read of MaxCompute outside of passes: lists with each look at an account, and the rest in turn. That MaxCompute
//! is away is no fault of the account: RAM goes on, and the tenants that are in MaxCompute say so.

use std::collections::BTreeSet;

use super::Operator;
use super::pass::Reached;
use crate::apply::Account;
use crate::cloud::AnyCloud;
use crate::model::{Inventory, Read, Wanted};
use crate::names::{AccountName, CloudName, TenantName, ram_user_of_max_compute};
use crate::plan::Plan;

impl Operator {
    /// Reads the lists of every region that anybody asked about anew. Says whose tenants' users and roles are not as they
    /// were; where the lists cannot be read now, which tenants are there.
    pub(super) async fn list_max_compute(
        &self,
        name: &AccountName,
        account: &Account<AnyCloud>,
    ) -> BTreeSet<TenantName> {
        let reads = account.inventory.lock().max_compute.to_list();
        let (mut changed, read_all) = read_max_compute(account, reads).await;
        if !read_all {
            account.inventory.lock().max_compute.doubt_lists();
            changed.extend(self.tenants_in_max_compute(name));
        }
        changed
    }

    /// The tenants of which something is left in an account's MaxCompute, by their statuses.
    pub(super) fn tenants_leaving_max_compute(&self, name: &AccountName) -> BTreeSet<TenantName> {
        let mut tenants = self.world.tenant_names();
        tenants.retain(|tenant| {
            let status = self.world.snapshot(tenant).tenant.and_then(|tenant| tenant.status.clone());
            let mut accounts = status.iter().flat_map(|status| &status.accounts);
            accounts.any(|it| it.name == name.as_str() && !it.max_compute.is_empty())
        });
        tenants
    }

    fn tenants_in_max_compute(&self, name: &AccountName) -> BTreeSet<TenantName> {
        let mut tenants = self.world.tenants_of_account(name);
        tenants.retain(|tenant| {
            let manifest = self.world.snapshot(tenant).tenant;
            let mut accounts = manifest.iter().flat_map(|tenant| &tenant.spec.accounts);
            accounts.any(|it| it.name == name.as_str() && it.max_compute.is_some())
        });
        tenants
    }
}

/// Reads these and says which tenants' users and roles turned out otherwise, and whether all could be read.
pub(super) async fn read_max_compute(account: &Account<AnyCloud>, reads: Vec<Read>) -> (BTreeSet<TenantName>, bool) {
    if reads.is_empty() {
        return (BTreeSet::new(), true);
    }
    let before = account.inventory.lock().max_compute.clone();
    let mut read_all = true;
    for read in reads {
        if let Err(fault) = account.learn(&read).await {
            tracing::warn!(object = %read.object(), class = ?fault.class, %fault, "not read");
            read_all = false;
        }
    }
    let inventory = account.inventory.lock();
    let moved = inventory.max_compute.moved_since(&before);
    (moved.iter().flat_map(|name| tenants_of(&inventory, name)).collect(), read_all)
}

/// Whose a user or a role may be: of a role more than one tenant may think so, which costs a look and no call.
fn tenants_of(inventory: &Inventory, name: &CloudName) -> BTreeSet<TenantName> {
    if let Some(user) = ram_user_of_max_compute(name) {
        let mark = inventory.users.get(&user).and_then(|user| user.mark());
        return mark.map(|mark| mark.tenant).into_iter().collect();
    }
    let is_in_name = |tenant: &TenantName| name.as_str().contains(&tenant.as_str().replace('-', "_"));
    inventory.tenants().into_iter().filter(is_in_name).collect()
}

/// What of MaxCompute a plan still has to read, as far as anything of the tenant may be there: before that is known nothing
/// of it is gone.
pub(super) fn is_unclear(left: &Plan, wanted: &Wanted, accounts: &Reached) -> bool {
    left.reads.iter().any(|(account, reads)| {
        let told = wanted.conduct.get(account).map(|conduct| &conduct.max_compute.places);
        reads.iter().any(|read| {
            let Read::MaxCompute(read) = read else { return false };
            let was_there =
                told.is_some_and(|places| places.iter().any(|(it, told)| *told && it.region == read.place.region));
            let known = accounts.get(account).is_some_and(|account| {
                let inventory = account.inventory.lock();
                inventory.max_compute.regions.get(&read.place.region).is_some_and(|region| !region.roles.is_empty())
            });
            was_there || known
        })
    })
}
