//! Who is to be looked at again, each once however often it was said.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::names::{AccountName, TenantName};

/// What changed in the cluster, for the controllers. A status, a managed field or the echo of our own write is no change;
/// an echo that overtakes the answer to its write cannot be told from another's, and wakes once more than needed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    /// A CloudAccount.
    Account(AccountName),
    /// A Secret in the operator's namespace, which may hold an account's credentials.
    CredentialsSecret(String),
    /// Anything of a tenant: its manifests, namespaces, objects or Secrets.
    Tenant(TenantName),
}

#[derive(Debug, Default)]
struct Pending {
    wakes: BTreeSet<Wake>,
    open: bool,
}

/// The wakes that nobody has taken yet. Holds at most one for each tenant, account and Secret.
#[derive(Clone, Debug, Default)]
pub struct Wakes {
    pending: Arc<Mutex<Pending>>,
    notify: Arc<Notify>,
}

impl Wakes {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock()
    }

    /// What shall be looked at.
    pub fn add(&self, wakes: impl IntoIterator<Item = Wake>) {
        let mut pending = self.lock();
        pending.wakes.extend(wakes);
        if pending.open && !pending.wakes.is_empty() {
            self.notify.notify_one();
        }
    }

    /// From here on wakes are given out: before every kind was listed once, a pass would see half a world.
    pub(super) fn open(&self) {
        self.lock().open = true;
        self.notify.notify_one();
    }

    /// The next wake; waits until there is one. For one taker.
    pub async fn next(&self) -> Wake {
        loop {
            {
                let mut pending = self.lock();
                if pending.open
                    && let Some(wake) = pending.wakes.pop_first()
                {
                    return wake;
                }
            }
            self.notify.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wake_is_given_once_and_not_before_all_was_listed() {
        let wakes = Wakes::default();
        let wake = Wake::Tenant(TenantName::new("acme"));
        wakes.add([wake.clone(), wake.clone()]);
        let early = tokio::time::timeout(std::time::Duration::from_millis(10), wakes.next()).await;
        assert!(early.is_err());
        wakes.open();
        assert_eq!(wakes.next().await, wake);
        let again = tokio::time::timeout(std::time::Duration::from_millis(10), wakes.next()).await;
        assert!(again.is_err());
    }
}
