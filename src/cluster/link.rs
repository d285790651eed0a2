//! The line to the API server: every call has an end in time, every write is counted, every error has a class.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::faults::Deed;
use crate::model::{Class, Fault};
use parking_lot::Mutex;

/// How long one call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Writes to the Kubernetes API since the start, by verb and resource; failed ones too.
#[derive(Debug, Default)]
pub struct WriteCounts {
    counts: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

impl WriteCounts {
    pub(super) fn add(&self, verb: &'static str, resource: &'static str) {
        *self.counts.lock().entry((verb, resource)).or_default() += 1;
    }

    /// The counts by verb and resource (`status` after a slash).
    #[must_use]
    pub fn all(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        self.counts.lock().clone()
    }
}

/// A client whose writes are counted.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) client: kube::Client,
    counts: Arc<WriteCounts>,
}

impl Link {
    pub(super) fn new(client: kube::Client, counts: Arc<WriteCounts>) -> Self {
        Self { client, counts }
    }

    pub(super) async fn read<T>(&self, deed: &Deed, call: impl Future<Output = kube::Result<T>>) -> Result<T, Fault> {
        match tokio::time::timeout(CALL_TIMEOUT, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(deed.failed(&error)),
            Err(_) => Err(deed.fault(Class::Transient, "the Kubernetes API does not answer in time")),
        }
    }

    pub(super) async fn write<T>(&self, deed: &Deed, call: impl Future<Output = kube::Result<T>>) -> Result<T, Fault> {
        self.counts.add(deed.verb(), deed.resource());
        self.read(deed, call).await
    }
}
