//! The loop that hands out work: wakes and due times in, passes out, a bounded number side by side.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Operator;
use super::queue::Queue;
use crate::cluster::Wake;
use crate::metrics::PassResult;
use crate::names::{AccountName, TenantName};

/// The controllers' names in metrics.
const ACCOUNT: &str = "account";
const TENANT: &str = "tenant";
/// How long work that has begun may go on after the end was asked for.
const GRACE: Duration = Duration::from_secs(8);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Account(AccountName),
    Tenant(TenantName),
}

/// What a piece of work asks for: who else is to be looked at now, and when it is due again itself.
struct After {
    key: Key,
    wake: Vec<Key>,
    again: Option<Duration>,
    failed: bool,
}

impl Operator {
    /// Works until `stop`. Leadership must be held; each write checks that it still is.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let wakes = self.world.wakes();
        self.passes.limit(TENANT, self.settings.concurrency);
        let mut queue: Queue<Key> = Queue::default();
        let mut running: JoinSet<After> = JoinSet::new();
        let mut tenants_running = 0;
        loop {
            while let Some((key, flag)) = self.next(&mut queue, tenants_running) {
                tenants_running += usize::from(matches!(key, Key::Tenant(_)));
                running.spawn(self.clone().work(key, flag));
            }
            self.passes.waiting(TENANT, queue.len());
            let full = tenants_running >= self.settings.concurrency && !queue.is_urgent();
            let due = queue.next_due().filter(|at| !full || *at > Instant::now());
            let due = due.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                () = stop.cancelled() => break,
                wake = wakes.next() => match wake {
                    Wake::Tenant(tenant) if self.world.is_being_suspended(&tenant) => queue.wake_first(Key::Tenant(tenant)),
                    Wake::Tenant(tenant) => queue.wake(Key::Tenant(tenant)),
                    Wake::Account(account) => self.wake_account(&mut queue, account),
                    Wake::CredentialsSecret(secret) => {
                        for account in self.accounts_with(&secret) {
                            self.wake_account(&mut queue, account);
                        }
                    }
                },
                Some(done) = running.join_next() => match done {
                    Ok(after) => {
                        tenants_running -= usize::from(matches!(after.key, Key::Tenant(_)));
                        queue.finish(&after.key);
                        after.wake.into_iter().for_each(|key| queue.wake(key));
                        if let Some(again) = after.again {
                            queue.add(after.key, Instant::now() + again);
                        }
                    }
                    // A panic is a bug; a process that starts again from what is there is safer than a tenant that is
                    // never looked at again.
                    Err(error) => {
                        tracing::error!(%error, "a pass panicked");
                        break;
                    }
                },
                () = tokio::time::sleep_until(due) => {}
            }
        }
        // What has begun may end: a key that was made is written.
        let _ = tokio::time::timeout(GRACE, async { while running.join_next().await.is_some() {} }).await;
    }

    fn next(&self, queue: &mut Queue<Key>, tenants_running: usize) -> Option<(Key, Arc<AtomicBool>)> {
        // What cannot wait has as many places again as all else.
        let places = self.settings.concurrency * if queue.is_urgent() { 2 } else { 1 };
        let (key, flag) = queue.take(Instant::now())?;
        if matches!(key, Key::Tenant(_)) && tenants_running >= places {
            queue.finish(&key);
            queue.add(key, Instant::now());
            return None;
        }
        Some((key, flag))
    }

    /// A changed CloudAccount is looked at first; the tenants follow, as what it says of itself may matter to them.
    fn wake_account(&self, queue: &mut Queue<Key>, account: AccountName) {
        for tenant in self.world.tenants_of_account(&account) {
            queue.wake(Key::Tenant(tenant));
        }
        self.accounts.update(&account, |entry| entry.swept_at = None);
        queue.wake(Key::Account(account));
    }

    fn accounts_with(&self, secret: &str) -> Vec<AccountName> {
        let accounts = self.world.accounts();
        let named = accounts.into_iter().filter(|(_, account)| account.spec.credentials_secret() == Some(secret));
        named.map(|(name, _)| name).collect()
    }

    async fn work(self: Arc<Self>, key: Key, out_of_date: Arc<AtomicBool>) -> After {
        let controller = if matches!(key, Key::Account(_)) { ACCOUNT } else { TENANT };
        let running = self.passes.begin(controller);
        let began = Instant::now();
        let after = self.work_on(key, &out_of_date).await;
        drop(running);
        let result = if after.failed {
            PassResult::Error
        } else if after.again.is_some() {
            PassResult::RequeueAfter
        } else {
            PassResult::Success
        };
        self.passes.finished(controller, result, began.elapsed());
        after
    }

    async fn work_on(&self, key: Key, out_of_date: &AtomicBool) -> After {
        match key {
            Key::Account(name) => {
                let (changed, again) = self.reconcile_account(&name).await;
                let failed = self.accounts.entry(&name).failures > 0;
                let tenants = changed.into_iter().map(Key::Tenant);
                let rivals = self.rivals_to_tell(&name).into_iter().map(Key::Account);
                After { wake: tenants.chain(rivals).collect(), key: Key::Account(name), again, failed }
            }
            Key::Tenant(name) => {
                let next = self.pass(&name, out_of_date).await;
                let wake = next.accounts.into_iter().map(Key::Account).collect();
                After { key: Key::Tenant(name), wake, again: next.again, failed: next.failed }
            }
        }
    }
}
