//! The lists that show what notebooks are doing: one a region and account, however many notebooks are on their way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::Operator;
use super::settle::Settled;
use crate::api::CloudAccount;
use crate::apply::Account;
use crate::cloud::{AnyCloud, Cloud};
use crate::desired::notebook_region;
use crate::model::{CloudAction, Finding, Read};
use crate::names::{AccountName, TenantName};
use crate::plan::{Action, Outcome};

impl Operator {
    /// Lists the notebooks of the regions where it is time to: never looked at, something is on its way there, or with
    /// `all` every one. A list that fails makes what is there unknown, which the tenants' passes then tell; the account
    /// itself is well.
    pub(super) async fn look_at_notebooks(
        &self,
        name: &AccountName,
        manifest: &CloudAccount,
        account: &Account<AnyCloud>,
        all: bool,
    ) -> BTreeSet<TenantName> {
        let mut changed = BTreeSet::new();
        if !self.accounts.is_first(name) {
            return changed;
        }
        for region in self.regions_to_list(name, manifest, account, all) {
            match account.cloud.read(&Read::Notebooks(region.clone()), &account.inventory).await {
                Ok(Finding::Notebooks(list)) => {
                    changed.extend(account.inventory.lock().absorb_notebooks(list, self.settings.fresh_write));
                }
                Ok(_) => {}
                Err(fault) => {
                    tracing::warn!(account = %name, region, %fault, "notebooks not listed");
                    changed.extend(account.inventory.lock().forget_notebooks(&region));
                }
            }
        }
        changed
    }

    fn regions_to_list(
        &self,
        name: &AccountName,
        manifest: &CloudAccount,
        account: &Account<AnyCloud>,
        all: bool,
    ) -> BTreeSet<String> {
        let id = account.inventory.lock().account.clone();
        let all_of_it = self.twins(name, &id).into_iter().chain([(name.clone(), Arc::new(manifest.clone()))]);
        let mut regions: BTreeSet<String> = all_of_it
            .flat_map(|(name, manifest)| {
                let notebooks = self.world.notebooks_in(&name).into_iter();
                notebooks.map(move |it| notebook_region(&it, &manifest)).collect::<Vec<_>>()
            })
            .collect();
        let inventory = account.inventory.lock();
        regions.extend(inventory.notebooks.ours.values().map(|notebook| notebook.region.clone()));
        let restless = inventory.notebooks.restless();
        regions.retain(|region| match inventory.notebooks.listed.get(region) {
            None => true,
            Some(at) => all || (restless.contains(region) && at.elapsed() >= self.settings.notebook_poll),
        });
        regions
    }

    /// How long it is until a list is due, if something is on its way.
    pub(super) fn until_next_list(&self, account: &Account<AnyCloud>) -> Option<Duration> {
        let inventory = account.inventory.lock();
        let restless = inventory.notebooks.restless();
        let listed = restless.iter().filter_map(|region| inventory.notebooks.listed.get(region));
        listed.map(|at| self.settings.notebook_poll.saturating_sub(at.elapsed())).min()
    }
}

/// The accounts in which a pass set notebooks on their way: somebody must look how they arrive.
pub(super) fn set_going(settled: &Settled) -> BTreeSet<AccountName> {
    let going = settled.done.iter().filter_map(|(step, outcome)| match &step.action {
        Action::Cloud { account, action: CloudAction::Notebook(_) } if *outcome == Outcome::Done => {
            Some(account.clone())
        }
        _ => None,
    });
    going.collect()
}
