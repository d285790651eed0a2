//! The account controller: one CloudAccount's credentials, sweeps, rotating slice, quotas and status.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;

use super::Operator;
use super::accounts::backoff;
use super::max_compute::read_max_compute;
use crate::api::{CloudAccount, Management, Reason, Usage, annotations};
use crate::apply::Account;
use crate::cloud::{AnyCloud, Cloud};
use crate::cluster::{Tone, has_finalizer};
use crate::desired::given_up;
use crate::model::{Class, Fault, ObjectKind, Read};
use crate::names::{AccountName, TenantName};
use crate::status::{Verdict, mark_drifted, set_verdict};

/// How often a part of what no bulk call shows is read, at least; and how many parts there are, at least.
const SLICE_STEP: Duration = Duration::from_secs(60);
const SLICES: u32 = 20;
const HALF_A_SECOND: Duration = Duration::from_millis(500);
/// How often quotas are read; between, our own writes are counted.
const QUOTAS_EVERY: Duration = Duration::from_secs(3600);

impl Operator {
    /// One look at a CloudAccount. Returns which tenants' objects are not as they were known, and when to look again.
    pub(super) async fn reconcile_account(&self, name: &AccountName) -> (BTreeSet<TenantName>, Option<Duration>) {
        let Some(manifest) = self.world.account(name) else {
            self.accounts.forget(name);
            return (BTreeSet::new(), None);
        };
        if manifest.metadata.deletion_timestamp.is_some() {
            return (BTreeSet::new(), self.delete_account(name, &manifest).await);
        }
        if let Err(fault) = self.finalizers.add(manifest.as_ref()).await {
            tracing::warn!(account = %name, %fault, "finalizer not added");
            return (BTreeSet::new(), Some(backoff(1)));
        }
        let told = manifest.status.as_ref().and_then(|status| status.observed_generation);
        if told != manifest.metadata.generation {
            self.accounts.update(name, |entry| entry.restated = true);
        }
        match self.look(name, &manifest).await {
            Ok(changed) => {
                self.accounts.works(name);
                let (verdict, again) = self.well(name, &manifest);
                self.say(name, &manifest, &verdict).await;
                (changed, Some(again))
            }
            Err(fault) => {
                let failures = self.accounts.failed(name, &fault);
                tracing::warn!(account = %name, class = ?fault.class, %fault, "account not read");
                let (verdict, delay) = judge(&fault, failures);
                self.say(name, &manifest, &verdict).await;
                // The first failure and the recovery are news for the tenants.
                let news = if failures == 1 { self.world.tenants_of_account(name) } else { BTreeSet::new() };
                (news, Some(delay))
            }
        }
    }

    /// What is said of an account that is read, and when it is due again: its rules may not hold all the same.
    fn well(&self, name: &AccountName, manifest: &CloudAccount) -> (Verdict, Duration) {
        let again = self.until_next_look(name, manifest);
        if let Some(fault) = self.accounts.entry(name).rules.fault {
            return (judge(&fault, 1).0, again);
        }
        (Verdict::Ready(Reason::Provisioned, "credentials work and the account is read".to_owned()), again)
    }

    async fn look(&self, name: &AccountName, manifest: &CloudAccount) -> Result<BTreeSet<TenantName>, Fault> {
        let was_ready = self.accounts.entry(name).account.is_some_and(|account| account.inventory.lock().swept);
        let world = &self.world;
        let read = |secret: String| async move { world.credentials(&secret).await };
        let account = self.accounts.connect(&read, name, manifest).await?;
        let entry = self.accounts.entry(name);
        let mut changed = BTreeSet::new();
        let interval = manifest.spec.drift_check_interval.get();
        let due = entry.swept_at.is_none_or(|at| at.elapsed() + HALF_A_SECOND >= interval);
        if due || entry.failures > 0 {
            changed.extend(self.sweep(&account).await?);
            changed.extend(self.list_max_compute(name, &account).await);
            changed.extend(self.list_workspaces(name, manifest, &account).await);
            // An orphan's clock runs on what every look shows.
            changed.extend(self.orphans.tenants_in(name));
        }
        // Where a twin reads the account for all of them, its rules are still this one's to compare.
        let rules_due = entry.rules_at.is_none_or(|at| at.elapsed() + HALF_A_SECOND >= interval);
        if due || rules_due || entry.failures > 0 || self.rules_are_in_doubt(name, manifest) {
            let rules = self.keep_rules(name, manifest, &account).await;
            if rules.made {
                changed.extend(self.world.tenants_of_account(name));
            }
            self.accounts.update(name, |entry| {
                entry.rules = rules;
                entry.rules_at = Some(Instant::now());
            });
        }
        let provider = manifest.spec.alibaba.as_ref().and_then(|it| it.oidc_provider.as_ref());
        if let Some(provider) = provider.filter(|_| due || entry.issuer.is_none()) {
            let issuer = account.cloud.issuer_of(provider).await?;
            if issuer != entry.issuer {
                changed.extend(self.world.tenants_of_account(name));
                self.accounts.update(name, |entry| entry.issuer = issuer);
            }
        }
        if entry.quotas_at.is_none_or(|at| at.elapsed() >= QUOTAS_EVERY) {
            let quotas = account.cloud.quotas().await?;
            account.inventory.lock().quotas = quotas;
            self.accounts.update(name, |entry| entry.quotas_at = Some(Instant::now()));
        }
        let swept = due || entry.failures > 0;
        changed.extend(self.look_at_notebooks(name, manifest, &account, swept).await);
        if self.accounts.is_first(name) {
            changed.extend(self.slice(name, &account).await?);
        }
        if !was_ready || entry.failures > 0 {
            changed.extend(self.world.tenants_of_account(name));
            changed.extend(account.inventory.lock().tenants());
        }
        Ok(changed)
    }

    /// Reads the whole account.
    pub(super) async fn sweep(&self, account: &Account<AnyCloud>) -> Result<BTreeSet<TenantName>, Fault> {
        let started = Instant::now();
        let sweep = account.cloud.sweep().await?;
        let mut inventory = account.inventory.lock();
        let changed = inventory.absorb(sweep, started, self.settings.fresh_write);
        self.accounts.was_swept(&inventory.account, started);
        Ok(changed)
    }

    /// Reads of the objects whose turn it is what no bulk call shows: every one's comes once in the time of a full check, the first at
    /// a moment that its name decides, so that a start makes no burst of calls.
    async fn slice(&self, name: &AccountName, account: &Account<AnyCloud>) -> Result<BTreeSet<TenantName>, Fault> {
        let objects = account.inventory.lock().with_hidden_parts();
        let mut changed = BTreeSet::new();
        let due = self.accounts.take_turns(name, objects, self.settings.full_check);
        for (index, object) in due.iter().enumerate() {
            if object.kind == ObjectKind::MaxCompute {
                let reads = account.inventory.lock().hidden_parts(object);
                changed.extend(read_max_compute(account, reads).await.0);
                continue;
            }
            let known = || {
                let inventory = account.inventory.lock();
                (inventory.mark(object).map(|mark| mark.tenant), inventory.state_of(object))
            };
            let (tenant, before) = known();
            let reads = account.inventory.lock().hidden_parts(object);
            for read in reads {
                match account.learn(&read).await {
                    Ok(()) => {}
                    // That PAI is away is no fault of the account.
                    Err(fault) if matches!(read, Read::Workspace(_)) => {
                        tracing::info!(account = %name, %object, %fault, "members not read");
                    }
                    Err(fault) => {
                        self.accounts.give_back_turns(name, due.get(index..).unwrap_or_default());
                        return Err(fault);
                    }
                }
            }
            let (now_tenant, now) = known();
            if now != before {
                changed.extend(tenant.into_iter().chain(now_tenant));
            }
        }
        Ok(changed)
    }

    fn until_next_look(&self, name: &AccountName, manifest: &CloudAccount) -> Duration {
        let interval = manifest.spec.drift_check_interval.get();
        let since = self.accounts.entry(name).swept_at.map(|at| at.elapsed()).unwrap_or_default();
        let slice = SLICE_STEP.min(self.settings.full_check / SLICES);
        let look = interval.saturating_sub(since).min(slice.max(HALF_A_SECOND));
        let list = self.accounts.entry(name).account.and_then(|account| self.until_next_list(&account));
        list.map_or(look, |list| look.min(list)).max(HALF_A_SECOND)
    }

    async fn say(&self, name: &AccountName, manifest: &Arc<CloudAccount>, verdict: &Verdict) {
        let entry = self.accounts.entry(name);
        let mut status = manifest.status.clone().unwrap_or_default();
        let generation = manifest.metadata.generation.unwrap_or_default();
        status.account_id = entry.id.or(status.account_id);
        if let Some(account) = &entry.account {
            let quotas = account.inventory.lock().quotas.clone();
            // What is used moves with every pass; a status that moved with it would be written for ever.
            let known: Vec<Usage> =
                quotas.into_iter().map(|(name, quota)| Usage { name, used: quota.used, limit: quota.limit }).collect();
            if entry.quotas_at.is_some() {
                status.quotas = known;
            }
        }
        status.tenants = Some(i32::try_from(self.world.tenants_of_account(name).len()).unwrap_or(i32::MAX));
        let now = Timestamp::now();
        set_verdict(&mut status, verdict, generation, now);
        let drift: Vec<String> = entry.rules.drift.iter().cloned().chain(self.drift_of_account(name)).collect();
        mark_drifted(&mut status, (!drift.is_empty()).then(|| drift.join("; ")), generation, now);
        let asked = entry.asked.next(manifest.annotations(), status.last_handled_reconcile_at.as_deref());
        status.last_handled_reconcile_at = asked.newest().cloned();
        self.accounts.update(name, |entry| entry.asked = asked);
        if let Err(fault) = self.status.write(manifest.as_ref(), &status).await {
            tracing::warn!(account = %name, %fault, "status not written");
        }
        if !verdict.is_ready() {
            let reason = verdict.reason().as_str();
            self.events.publish(manifest.as_ref(), Tone::Warning, reason, "Reconcile", verdict.message()).await;
        }
    }

    /// A CloudAccount is in use while a Tenant names it or anything in it carries our marks.
    async fn delete_account(&self, name: &AccountName, manifest: &Arc<CloudAccount>) -> Option<Duration> {
        if !has_finalizer(manifest.as_ref()) {
            return None;
        }
        let mut users = self.tenants_that_need(name);
        // What is only observed is let go as it is.
        let observed = manifest.spec.management == Management::Observe;
        if users.is_empty() && (observed || self.is_given_up(name, manifest)) {
            if let Err(fault) = self.finalizers.remove(manifest.as_ref()).await {
                tracing::warn!(account = %name, %fault, "finalizer not removed");
                return Some(backoff(1));
            }
            self.accounts.forget(name);
            return None;
        }
        // Another CloudAccount that is the same account goes on looking after what is in it.
        if self.accounts.entry(name).id.is_none_or(|id| self.twins(name, &id).is_empty()) {
            users.extend(self.accounts.tenants_in(name));
        }
        if users.is_empty() {
            let account = self.accounts.entry(name).account;
            let known = account.as_ref().is_some_and(|account| account.inventory.lock().swept);
            let ever = manifest.status.as_ref().is_some_and(|status| status.account_id.is_some());
            if known || !ever {
                if let Some(account) = account.filter(|_| known)
                    && let Err(fault) = self.drop_boundary(name, manifest, &account).await
                {
                    self.say(name, manifest, &Verdict::Stalled(Reason::DeletionBlocked, fault.words())).await;
                    return Some(Duration::from_secs(60));
                }
                if let Err(fault) = self.finalizers.remove(manifest.as_ref()).await {
                    tracing::warn!(account = %name, %fault, "finalizer not removed");
                    return Some(backoff(1));
                }
                self.accounts.forget(name);
                return None;
            }
            // After a restart: what is in it must be read before it can be let go.
            if let Err(fault) = self.look(name, manifest).await {
                self.accounts.failed(name, &fault);
                let message = format!(
                    "what is in the account cannot be read: {}. If the account is closed, give it up with the annotation {}={name}",
                    fault.message,
                    annotations::ABANDON
                );
                self.say(name, manifest, &Verdict::Stalled(Reason::DeletionBlocked, message)).await;
                return Some(Duration::from_secs(60));
            }
            return Some(Duration::ZERO);
        }
        let names: Vec<&str> = users.iter().map(TenantName::as_str).collect();
        let message = format!(
            "in use by tenants: {}. Take the account out of their spec.accounts, or delete them; then it goes by itself.",
            names.join(", ")
        );
        self.say(name, manifest, &Verdict::Stalled(Reason::DeletionBlocked, message)).await;
        // Tenants still need the account to clean it.
        match self.look(name, manifest).await {
            Ok(_) => self.accounts.works(name),
            Err(fault) => {
                tracing::warn!(account = %name, %fault, "account not read");
                self.accounts.failed(name, &fault);
            }
        }
        Some(Duration::from_secs(5))
    }

    /// The tenants that are in an account and do not give it up.
    fn tenants_that_need(&self, name: &AccountName) -> BTreeSet<TenantName> {
        let mut tenants = self.world.tenants_of_account(name);
        tenants.extend(self.tenants_leaving_max_compute(name));
        tenants.retain(|tenant| {
            let manifest = self.world.snapshot(tenant).tenant;
            !manifest.is_some_and(|tenant| given_up(tenant.as_ref()).contains(name))
        });
        tenants
    }

    /// Whether the CloudAccount itself says that it is closed, and nobody can read it.
    fn is_given_up(&self, name: &AccountName, manifest: &CloudAccount) -> bool {
        given_up(manifest).contains(name) && self.accounts.is_unreadable(name)
    }
}

fn judge(fault: &Fault, failures: u32) -> (Verdict, Duration) {
    let message = fault.words();
    match fault.class {
        Class::AccessDenied => {
            (Verdict::Stalled(Reason::AccessDenied, message), Duration::from_secs(300).min(backoff(failures + 4)))
        }
        Class::Waiting | Class::AccountNotReady | Class::TenantNotFound => {
            (Verdict::Reconciling(Reason::Waiting, message), Duration::from_secs(15))
        }
        Class::Throttled => (Verdict::Unchanged(Reason::Throttled, message), backoff(failures)),
        Class::Transient if failures >= 3 => (Verdict::Unknown(Reason::CloudError, message), backoff(failures)),
        Class::Transient => (Verdict::Unchanged(Reason::CloudError, message), backoff(failures)),
        Class::Invalid
        | Class::NotAllowed
        | Class::NotOwned
        | Class::LimitExceeded
        | Class::QuotaExceeded
        | Class::Failed => (Verdict::Stalled(Reason::Invalid, message), Duration::from_secs(300)),
    }
}
