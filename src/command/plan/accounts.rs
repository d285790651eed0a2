//! Reading the accounts whole.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use kube::Client;

use super::super::connect::{Connected, connect};
use crate::api::{CloudAccount, Management};
use crate::cloud::Cloud as _;
use crate::controller::Accounts;
use crate::desired::account_rules;
use crate::model::{Class, Effect, FRESH_WRITE, Fault, Policy};
use crate::names::{AccountName, ClusterId, boundary_policy};
use crate::plan::{About, RulesPlan, plan_rules};

/// What was read, and what is said of it.
#[derive(Debug, Default)]
pub struct Read {
    /// By CloudAccount.
    pub about: BTreeMap<AccountName, About>,
    /// The boundaries that are kept for accounts, as they are now.
    pub boundaries: BTreeMap<AccountName, Policy>,
}

/// Connects to each account and reads it whole. What becomes of its own rules is noted in its inventory as done: the
/// operator does that before it turns to tenants.
pub async fn read<'m>(
    client: &Client,
    namespace: &str,
    cluster: &ClusterId,
    accounts: &Accounts,
    manifests: impl Iterator<Item = (&'m AccountName, &'m Arc<CloudAccount>)>,
    notes: &mut Vec<String>,
) -> Result<Read, String> {
    let mut found = Read::default();
    for (name, manifest) in manifests {
        let (account, credentials) = connect(client, namespace, accounts, name, manifest, notes).await?;
        let result = async {
            let started = Instant::now();
            let sweep = account.cloud.sweep().await?;
            let quotas = account.cloud.quotas().await?;
            let id = {
                let mut inventory = account.inventory.lock();
                inventory.absorb(sweep, started, FRESH_WRITE);
                inventory.quotas = quotas;
                inventory.account.clone()
            };
            let rules = rules(cluster, accounts, name, manifest, &account, &id).await?;
            Ok::<(String, RulesPlan), Fault>((id, rules))
        };
        let (id, rules) = result.await.map_err(|fault| {
            let help = match manifest.spec.aws {
                Some(_) => "What reading needs is in docs/aws/plan-policy.json",
                None => "What reading needs is in docs/alibaba/plan-policy.json",
            };
            let help = if fault.class == Class::AccessDenied { format!(". {help}") } else { String::new() };
            format!("CloudAccount {name}, read with {credentials}: {fault}{help}")
        })?;
        let observed = manifest.spec.management == Management::Observe;
        let mut inventory = account.inventory.lock();
        let boundary = inventory.policies.get(&boundary_policy(cluster, &manifest.spec.name_prefix)).cloned();
        found.boundaries.extend(boundary.map(|policy| (name.clone(), policy)));
        for (action, _) in rules.steps.iter().filter(|_| !observed) {
            inventory.record(action, &Effect::Done, Instant::now());
        }
        drop(inventory);
        let (region, credentials) = (manifest.spec.region().to_owned(), Some(credentials));
        found.about.insert(name.clone(), About { id, region, credentials, rules, observed });
    }
    Ok(found)
}

/// What lies between an account's own rules and what is there.
async fn rules(
    cluster: &ClusterId,
    accounts: &Accounts,
    name: &AccountName,
    manifest: &Arc<CloudAccount>,
    account: &Connected,
    id: &str,
) -> Result<RulesPlan, Fault> {
    let facts = accounts.facts(&BTreeMap::from([(name.clone(), manifest.clone())]));
    let Some(facts) = facts.get(name) else { return Ok(RulesPlan::default()) };
    let wanted = account_rules(name, facts, id, cluster);
    let seen = if wanted.passwords.is_some() { account.cloud.password_rules().await? } else { None };
    Ok(plan_rules(&wanted, &account.inventory.lock(), seen.as_ref()))
}
