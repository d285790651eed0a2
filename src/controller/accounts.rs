//! The cloud accounts that the operator can reach: clients by CloudAccount, inventories by account id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use secrecy::SecretString;

use super::forced::Asked;
use super::reach::{credentials, fingerprint, reach};
use super::rules::Rules;
use crate::api::CloudAccount;
use crate::apply::Account;
use crate::cloud::{AnyCloud, Budgets, Calls, Rates};
use crate::desired::AccountFacts;
use crate::model::{Class, Fault, Inventory, ObjectId};
use crate::names::{AccountName, ClusterId, TenantName, share};

/// Failed looks in a row after which an account that does not answer counts as one that cannot be read.
const LOST_AFTER: u32 = 3;

/// What is known of one CloudAccount beside its manifest.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// The client, once it was made and the account is the one that is meant.
    pub(super) account: Option<Arc<Account<AnyCloud>>>,
    /// The account's id.
    pub(super) id: Option<String>,
    /// `aws`, …
    pub(super) partition: String,
    /// What the client was made from: the manifest's UID and generation, and the credentials' bytes by hash.
    pub(super) made_from: Option<String>,
    /// Why the account cannot be used now.
    pub(super) trouble: Option<Fault>,
    /// Failed tries in a row.
    pub(super) failures: u32,
    /// When that of each object is read next which no bulk call shows.
    pub(super) turns: BTreeMap<ObjectId, Instant>,
    /// The issuer that the account's OIDC provider stands for, once it was asked for.
    pub(super) issuer: Option<String>,
    /// When the account was last read whole.
    pub(super) swept_at: Option<Instant>,
    /// When the account's rules were last compared.
    pub(super) rules_at: Option<Instant>,
    /// What became of the account's rules.
    pub(super) rules: Rules,
    /// The forced reconcile that was answered last.
    pub(super) asked: Asked,
    /// Whether its manifest said something new since the start.
    pub(super) restated: bool,
    /// Whether PAI was asked for workspaces since the start.
    pub(super) workspaces_looked_for: bool,
    /// When quotas were last read.
    pub(super) quotas_at: Option<Instant>,
}

impl Entry {
    /// Whether the last looks failed in a way that does not pass by itself.
    fn is_unreadable(&self) -> bool {
        self.trouble.as_ref().is_some_and(|fault| match fault.class {
            Class::Transient | Class::Throttled => self.failures >= LOST_AFTER,
            _ => true,
        })
    }
}

/// All accounts.
#[derive(Debug)]
pub struct Accounts {
    cluster: ClusterId,
    budgets: Budgets,
    calls: Arc<Calls>,
    entries: Mutex<BTreeMap<AccountName, Entry>>,
    inventories: Mutex<BTreeMap<String, Arc<Mutex<Inventory>>>>,
}

impl Accounts {
    /// No account yet.
    #[must_use]
    pub fn new(cluster: ClusterId, rates: Rates, calls: Arc<Calls>) -> Self {
        Self { cluster, budgets: Budgets::new(rates), calls, entries: Mutex::default(), inventories: Mutex::default() }
    }

    pub(super) fn entry(&self, name: &AccountName) -> Entry {
        self.entries.lock().get(name).cloned().unwrap_or_default()
    }

    pub(super) fn update(&self, name: &AccountName, change: impl FnOnce(&mut Entry)) {
        change(self.entries.lock().entry(name.clone()).or_default());
    }

    /// Notes that a look succeeded.
    pub(super) fn works(&self, name: &AccountName) {
        self.update(name, |entry| {
            entry.trouble = None;
            entry.failures = 0;
        });
    }

    /// Notes that a look failed, and says how many have in a row.
    pub(super) fn failed(&self, name: &AccountName, fault: &Fault) -> u32 {
        self.update(name, |entry| {
            entry.trouble = Some(fault.clone());
            entry.failures += 1;
        });
        self.entry(name).failures
    }

    /// Notes for every CloudAccount that is this account when it was last read whole: one reading serves them all.
    pub(super) fn was_swept(&self, id: &str, at: Instant) {
        for entry in self.entries.lock().values_mut().filter(|entry| entry.id.as_deref() == Some(id)) {
            entry.swept_at = Some(at);
        }
    }

    /// Whether this is the first by name of the CloudAccounts that are one account: what is read in turn is read once.
    pub(super) fn is_first(&self, name: &AccountName) -> bool {
        let entries = self.entries.lock();
        let id = entries.get(name).and_then(|entry| entry.id.clone());
        let first = entries.iter().find(|(_, entry)| {
            entry.id.is_some() && entry.id == id && entry.account.is_some() && entry.trouble.is_none()
        });
        first.is_none_or(|(first, _)| first == name)
    }

    pub(super) fn forget(&self, name: &AccountName) {
        self.entries.lock().remove(name);
    }

    /// Those of the objects whose turn has come; their next one comes a whole `turn` later.
    pub(super) fn take_turns(&self, name: &AccountName, objects: Vec<ObjectId>, turn: Duration) -> Vec<ObjectId> {
        let now = Instant::now();
        let mut entries = self.entries.lock();
        let entry = entries.entry(name.clone()).or_default();
        let mut due = Vec::new();
        let mut turns = BTreeMap::new();
        for object in objects {
            let at = entry.turns.get(&object).copied();
            let at = at.unwrap_or_else(|| now + turn.mul_f64(share(object.name.as_str())));
            turns.insert(object.clone(), if at <= now { now + turn } else { at });
            if at <= now {
                due.push(object);
            }
        }
        entry.turns = turns;
        due
    }

    /// The turn of these was for nothing: it comes again at once.
    pub(super) fn give_back_turns(&self, name: &AccountName, objects: &[ObjectId]) {
        let now = Instant::now();
        self.update(name, |entry| entry.turns.extend(objects.iter().map(|object| (object.clone(), now))));
    }

    /// The accounts that can be worked in.
    #[must_use]
    pub fn ready(&self) -> BTreeMap<AccountName, Arc<Account<AnyCloud>>> {
        let entries = self.entries.lock();
        let ready = entries.iter().filter(|(_, entry)| entry.id.is_some());
        ready.filter_map(|(name, entry)| Some((name.clone(), entry.account.clone()?))).collect()
    }

    /// Whether the account has been looked at since the start, with whatever outcome. Before that nothing can be said of
    /// what is in it, not even that it is missing.
    #[must_use]
    pub fn was_looked_at(&self, name: &AccountName) -> bool {
        let entry = self.entry(name);
        entry.trouble.is_some() || entry.account.is_some_and(|account| account.inventory.lock().swept)
    }

    /// Whether nobody can read the account, as far as can be told.
    pub(super) fn is_unreadable(&self, name: &AccountName) -> bool {
        self.entry(name).is_unreadable()
    }

    /// What a compilation must know of the CloudAccounts.
    #[must_use]
    pub fn facts(&self, manifests: &BTreeMap<AccountName, Arc<CloudAccount>>) -> BTreeMap<AccountName, AccountFacts> {
        let facts = |(name, manifest): (&AccountName, &Arc<CloudAccount>)| {
            let entry = self.entry(name);
            let swept = entry.account.as_ref().is_some_and(|account| account.inventory.lock().swept);
            let trouble = (!swept).then(|| match &entry.trouble {
                Some(fault) => format!("CloudAccount {name} is not ready: {}", fault.message),
                None => format!("CloudAccount {name} was not read yet"),
            });
            let unreadable = entry.is_unreadable();
            let id = entry.id.filter(|_| swept);
            let manifest = manifest.clone();
            let (partition, issuer) = (entry.partition, entry.issuer);
            (name.clone(), AccountFacts { manifest, id, partition, trouble, unreadable, issuer })
        };
        manifests.iter().map(facts).collect()
    }

    fn inventory(&self, id: &str, partition: &str) -> Arc<Mutex<Inventory>> {
        let mut all = self.inventories.lock();
        let new = || Arc::new(Mutex::new(Inventory::new(self.cluster.clone(), id, partition)));
        all.entry(id.to_owned()).or_insert_with(new).clone()
    }

    /// The tenants that have anything in an account.
    #[must_use]
    pub fn tenants_in(&self, name: &AccountName) -> BTreeSet<TenantName> {
        let account = self.entry(name).account;
        account.map(|account| account.inventory.lock().tenants_marked()).unwrap_or_default()
    }

    /// Makes the client of a CloudAccount where there is none, or where what it was made from changed.
    ///
    /// # Errors
    /// Credentials that are not there or are refused, an endpoint that does not answer, an account that is not the
    /// pinned one.
    pub async fn connect<R, F>(
        &self,
        read_secret: &R,
        name: &AccountName,
        manifest: &CloudAccount,
    ) -> Result<Arc<Account<AnyCloud>>, Fault>
    where
        R: Fn(String) -> F,
        F: Future<Output = Result<Option<BTreeMap<String, SecretString>>, Fault>>,
    {
        let credentials = credentials(read_secret, manifest).await?;
        let made_from = fingerprint(manifest, credentials.as_ref());
        let entry = self.entry(name);
        if let Some(account) = entry.account.filter(|_| entry.made_from.as_ref() == Some(&made_from)) {
            return Ok(account);
        }
        let (cloud, id, partition) = reach(manifest, credentials, &self.budgets, self.calls.clone()).await?;
        if let Some(pinned) = manifest.spec.account_id.as_ref().filter(|pinned| **pinned != id) {
            self.update(name, |entry| *entry = Entry { failures: entry.failures, ..Entry::default() });
            let message = format!(
                "the credentials belong to account {id}, and spec.accountId is {pinned}. Nothing is written. Correct one of the two."
            );
            return Err(Fault::new(Class::Invalid, "sts:GetCallerIdentity", name, message));
        }
        let inventory = self.inventory(&id, &partition);
        let account = Arc::new(Account { cloud, inventory });
        self.update(name, |entry| {
            // Credentials may change more often than everything is read in turn.
            let turns = std::mem::take(&mut entry.turns);
            let turns = if entry.id.as_ref() == Some(&id) { turns } else { BTreeMap::new() };
            *entry = Entry {
                account: Some(account.clone()),
                id: Some(id),
                partition,
                made_from: Some(made_from),
                failures: entry.failures,
                turns,
                ..Entry::default()
            };
        });
        Ok(account)
    }
}

/// When to try again after `failures` in a row: 1 s · 2ⁿ, at most 5 min, with full jitter.
#[must_use]
pub(super) fn backoff(failures: u32) -> Duration {
    let cap = Duration::from_secs(300).min(Duration::from_secs(1) * 2_u32.saturating_pow(failures.min(16)));
    cap.mul_f64(rand::random_range(0.3..1.0))
}
