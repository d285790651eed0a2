//! Reading the accounts: with the operator's credentials where the caller may read them, else with the caller's own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use kube::Client;
use secrecy::SecretString;

use crate::api::{CloudAccount, Management};
use crate::apply::Account;
use crate::cloud::{AnyCloud, Cloud as _};
use crate::cluster::read_secret_data;
use crate::controller::Accounts;
use crate::desired::account_rules;
use crate::model::{Class, Effect, FRESH_WRITE, Fault, Policy};
use crate::names::{AccountName, ClusterId, boundary_policy};
use crate::plan::{About, RulesPlan, plan_rules};

/// What helps where the caller's own credentials are used.
const HELP: &str =
    "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, to a key that may read the account";
const ALIBABA_HELP: &str =
    "Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET to a key that may read the account";

type Connected = Arc<Account<AnyCloud>>;

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

async fn connect(
    client: &Client,
    namespace: &str,
    accounts: &Accounts,
    name: &AccountName,
    manifest: &CloudAccount,
    notes: &mut Vec<String>,
) -> Result<(Connected, String), String> {
    let (own, help) = match manifest.spec.aws {
        Some(_) => ("your own AWS credentials".to_owned(), HELP),
        None => ("your own Alibaba Cloud credentials".to_owned(), ALIBABA_HELP),
    };
    let Some(secret) = manifest.spec.credentials_secret().map(str::to_owned) else {
        return match connect_with(accounts, name, manifest, None).await {
            Ok(account) => Ok((account, own)),
            Err(fault) => Err(format!("CloudAccount {name}, with {own}: {fault}. {help}")),
        };
    };
    let why = match read_secret_data(client, namespace, &secret).await {
        Ok(Some(data)) => {
            let credentials = format!("Secret {namespace}/{secret}");
            return match connect_with(accounts, name, manifest, Some(data)).await {
                Ok(account) => Ok((account, credentials)),
                Err(fault) => Err(format!("CloudAccount {name}, with {credentials}: {fault}")),
            };
        }
        Ok(None) => format!("there is no Secret {namespace}/{secret}"),
        Err(fault) if fault.class == Class::AccessDenied => format!("you may not read Secret {namespace}/{secret}"),
        Err(fault) => return Err(format!("CloudAccount {name}: {fault}")),
    };
    let account = with_own(accounts, name, manifest)
        .await
        .map_err(|fault| format!("CloudAccount {name}: {why}, and {own} do not do: {fault}. {help}"))?;
    notes.push(format!("CloudAccount {name} was read with {own}: {why}."));
    Ok((account, own))
}

/// With the caller's credentials through the same roles as the operator's, or without them where the caller may not
/// assume the first of them: then they must be the account's own.
async fn with_own(accounts: &Accounts, name: &AccountName, manifest: &CloudAccount) -> Result<Connected, Fault> {
    let mut manifest = manifest.clone();
    if let Some(aws) = &mut manifest.spec.aws {
        aws.credentials_secret = None;
    }
    if let Some(alibaba) = &mut manifest.spec.alibaba {
        alibaba.credentials_secret = None;
    }
    match connect_with(accounts, name, &manifest, None).await {
        Err(fault) if !manifest.spec.assume_roles().is_empty() => {
            if let Some(aws) = &mut manifest.spec.aws {
                aws.assume_roles.clear();
            }
            if let Some(alibaba) = &mut manifest.spec.alibaba {
                alibaba.assume_roles.clear();
            }
            connect_with(accounts, name, &manifest, None).await.map_err(|_| fault)
        }
        result => result,
    }
}

async fn connect_with(
    accounts: &Accounts,
    name: &AccountName,
    manifest: &CloudAccount,
    data: Option<BTreeMap<String, SecretString>>,
) -> Result<Connected, Fault> {
    let read = |_: String| {
        let data = data.clone();
        async move { Ok(data) }
    };
    accounts.connect(&read, name, manifest).await
}
