//! The account controller: one CloudAccount's credentials, sweeps, rotating slice, quotas and status.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;

use super::Operator;
use super::accounts::{Entry, backoff};
use crate::api::{CloudAccount, PermissionsBoundary, Reason, Usage, annotations};
use crate::apply::Account;
use crate::cloud::{AnyCloud, Cloud};
use crate::cluster::{Tone, has_finalizer};
use crate::desired::given_up;
use crate::model::{Class, Fault, Finding, ObjectId, Read};
use crate::names::{AccountName, CloudName, TenantName};
use crate::status::{Verdict, mark_drifted, set_verdict};

/// Everything that no bulk call shows is read within this.
const SLICE_TURN: Duration = Duration::from_secs(3600);
/// How often a part of it is read.
const SLICE_STEP: Duration = Duration::from_secs(60);
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
        if let Some(what) = unusable(&manifest) {
            let message = format!("{what} is not supported yet. Nothing is done in this account. Take it out.");
            let fault = Fault::new(Class::Invalid, "read", name, &message);
            self.accounts.update(name, |entry| *entry = Entry { trouble: Some(fault), ..Entry::default() });
            self.say(name, &manifest, &Verdict::Stalled(Reason::Invalid, message)).await;
            return (self.world.tenants_of_account(name), None);
        }
        match self.look(name, &manifest).await {
            Ok(changed) => {
                self.accounts.works(name);
                let verdict = match unsupported(&manifest) {
                    Some(what) => {
                        let message =
                            format!("{what} is not supported yet; everything else is carried out. Take it out.");
                        Verdict::Stalled(Reason::Invalid, message)
                    }
                    None => Verdict::Ready(Reason::Provisioned, "credentials work and the account is read".to_owned()),
                };
                self.say(name, &manifest, &verdict).await;
                (changed, Some(self.until_next_look(name, &manifest)))
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

    async fn look(&self, name: &AccountName, manifest: &CloudAccount) -> Result<BTreeSet<TenantName>, Fault> {
        let was_ready = self.accounts.entry(name).account.is_some_and(|account| account.inventory.lock().swept);
        let world = &self.world;
        let read = |secret: String| async move { world.credentials(&secret).await };
        let account = self.accounts.connect(&read, name, manifest).await?;
        let entry = self.accounts.entry(name);
        let mut changed = BTreeSet::new();
        let interval = manifest.spec.drift_check_interval.get();
        if entry.swept_at.is_none_or(|at| at.elapsed() + Duration::from_millis(500) >= interval) || entry.failures > 0 {
            changed.extend(self.sweep(name, &account).await?);
            // An orphan's clock runs on what every look shows.
            changed.extend(self.orphans.tenants_in(name));
        }
        if entry.quotas_at.is_none_or(|at| at.elapsed() >= QUOTAS_EVERY) {
            let quotas = account.cloud.quotas().await?;
            account.inventory.lock().quotas = quotas;
            self.accounts.update(name, |entry| entry.quotas_at = Some(Instant::now()));
        }
        changed.extend(self.slice(name, &account).await?);
        if !was_ready || entry.failures > 0 {
            changed.extend(self.world.tenants_of_account(name));
            changed.extend(account.inventory.lock().tenants());
        }
        Ok(changed)
    }

    /// Reads the whole account.
    pub(super) async fn sweep(
        &self,
        name: &AccountName,
        account: &Account<AnyCloud>,
    ) -> Result<BTreeSet<TenantName>, Fault> {
        let started = Instant::now();
        let sweep = account.cloud.sweep().await?;
        let changed = account.inventory.lock().absorb(sweep, started, self.settings.fresh_write);
        self.accounts.update(name, |entry| entry.swept_at = Some(started));
        Ok(changed)
    }

    /// Reads the keys of the users whose turn it is: every user's comes once in [`SLICE_TURN`], the first one at a moment
    /// that its name decides, so that a start makes no burst of calls.
    async fn slice(&self, name: &AccountName, account: &Account<AnyCloud>) -> Result<BTreeSet<TenantName>, Fault> {
        let users: Vec<CloudName> = account.inventory.lock().users.keys().cloned().collect();
        let mut changed = BTreeSet::new();
        for user in self.accounts.take_turns(name, users, SLICE_TURN) {
            let finding = account.cloud.read(&Read::Keys(user.clone()), &account.inventory).await?;
            let object = ObjectId::user(&user);
            let mut inventory = account.inventory.lock();
            let before = inventory.users.get(&user).and_then(|user| user.keys.clone());
            if matches!(&finding, Finding::Keys(keys) if before.as_ref() != Some(keys)) {
                changed.extend(inventory.mark(&object).map(|mark| mark.tenant));
            }
            inventory.learn(&object, finding);
        }
        Ok(changed)
    }

    fn until_next_look(&self, name: &AccountName, manifest: &CloudAccount) -> Duration {
        let interval = manifest.spec.drift_check_interval.get();
        let since = self.accounts.entry(name).swept_at.map(|at| at.elapsed()).unwrap_or_default();
        interval.saturating_sub(since).clamp(Duration::from_millis(500), SLICE_STEP)
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
        mark_drifted(&mut status, self.drift_of_account(name), generation, now);
        status.last_handled_reconcile_at = super::forced(manifest.annotations());
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
        if users.is_empty() && self.is_given_up(name, manifest) {
            if let Err(fault) = self.finalizers.remove(manifest.as_ref()).await {
                tracing::warn!(account = %name, %fault, "finalizer not removed");
                return Some(backoff(1));
            }
            self.accounts.forget(name);
            return None;
        }
        users.extend(self.accounts.tenants_in(name));
        if users.is_empty() {
            let known = self.accounts.entry(name).account.is_some_and(|account| account.inventory.lock().swept);
            let ever = manifest.status.as_ref().is_some_and(|status| status.account_id.is_some());
            if known || !ever {
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

/// What makes an account unusable as long as no code stands behind it: passing it over would do what must not be done.
fn unusable(manifest: &CloudAccount) -> Option<&'static str> {
    let spec = &manifest.spec;
    if spec.alibaba.is_some() {
        return Some("spec.alibaba");
    }
    if !spec.denied_actions.is_empty() {
        return Some("spec.deniedActions");
    }
    let boundary = spec.aws.as_ref().and_then(|aws| aws.permissions_boundary.as_ref());
    (boundary == Some(&PermissionsBoundary::Managed)).then_some("spec.aws.permissionsBoundary Managed")
}

/// What is not done yet, and whose absence harms nothing.
fn unsupported(manifest: &CloudAccount) -> Option<&'static str> {
    let spec = &manifest.spec;
    if spec.password_policy.is_some() {
        return Some("spec.passwordPolicy");
    }
    spec.aws.as_ref().and_then(|aws| aws.oidc_provider.as_ref()).map(|_| "spec.aws.oidcProvider")
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
        Class::Invalid | Class::NotAllowed | Class::NotOwned | Class::LimitExceeded | Class::QuotaExceeded => {
            (Verdict::Stalled(Reason::Invalid, message), Duration::from_secs(300))
        }
    }
}
