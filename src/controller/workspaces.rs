//! Which PAI workspaces there are, as a part of a look at an Alibaba Cloud account: one list call, and only where anybody
//! has one. That PAI is away or not there is no fault of the account.

use std::collections::{BTreeMap, BTreeSet};

use super::Operator;
use crate::api::CloudAccount;
use crate::apply::Account;
use crate::cloud::AnyCloud;
use crate::model::{Class, Finding, Inventory, ObjectId, ObjectKind, Read, WorkspaceRead};
use crate::names::{AccountName, TenantName};

impl Operator {
    /// Lists the account's workspaces and says which tenants' are not as they were known. The first look of a process always
    /// lists them: whose Tenant is gone is in nobody's manifest.
    pub(super) async fn list_workspaces(
        &self,
        name: &AccountName,
        manifest: &CloudAccount,
        account: &Account<AnyCloud>,
    ) -> BTreeSet<TenantName> {
        let Some(alibaba) = &manifest.spec.alibaba else { return BTreeSet::new() };
        let region = &alibaba.region;
        let before = ours(&account.inventory.lock());
        let first = !self.accounts.entry(name).workspaces_looked_for;
        if !first && before.is_empty() && !self.world.has_workspaces(name) {
            return BTreeSet::new();
        }
        let learned = account.learn(&Read::Workspace(WorkspaceRead::Region(region.clone()))).await;
        // Where there is no PAI there is nothing to be found later.
        let answered = learned.as_ref().map_or_else(|fault| fault.class == Class::Invalid, |()| true);
        self.accounts.update(name, |entry| entry.workspaces_looked_for |= answered);
        if let Err(fault) = learned {
            // Who has a workspace says so where it matters.
            tracing::debug!(account = %name, class = ?fault.class, %fault, "workspaces not listed");
            return BTreeSet::new();
        }
        let inventory = account.inventory.lock();
        let after = ours(&inventory);
        let differs = |object: &&ObjectId| before.get(*object) != after.get(*object);
        let objects: BTreeSet<&ObjectId> = before.keys().chain(after.keys()).filter(differs).collect();
        objects
            .into_iter()
            .filter_map(|object| Some(after.get(object).or_else(|| before.get(object))?.0.clone()))
            .collect()
    }
}

/// What is known of the tenants' workspaces.
fn ours(inventory: &Inventory) -> BTreeMap<ObjectId, (TenantName, Option<Finding>)> {
    let objects = inventory.with_hidden_parts().into_iter().filter(|object| object.kind == ObjectKind::Workspace);
    let ours = objects.filter_map(|object| {
        let tenant = inventory.mark(&object)?.tenant;
        let state = inventory.state_of(&object);
        Some((object, (tenant, state)))
    });
    ours.collect()
}
