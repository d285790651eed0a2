//! Every call to a cloud, counted and timed, for `/metrics` and the benchmark.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// What a call is counted under. All four come from small fixed sets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CallLabels {
    /// The cloud account's id.
    pub account: String,
    /// `iam`, `sts`, ….
    pub service: &'static str,
    /// The cloud's name of the operation.
    pub operation: &'static str,
    /// `ok`, `absent`, `exists`, `conflict`, `invalid`, `denied`, `quota`, `throttled` or `transient`.
    pub outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TimeLabels {
    service: &'static str,
    operation: &'static str,
}

type Times = Family<TimeLabels, Histogram, fn() -> Histogram>;

/// The counters of one process.
#[derive(Debug)]
pub struct Calls {
    counts: Family<CallLabels, Counter>,
    times: Times,
    total: AtomicU64,
}

impl Default for Calls {
    fn default() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new([0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0]);
        Self { counts: Family::default(), times: Family::new_with_constructor(seconds), total: AtomicU64::new(0) }
    }
}

impl Calls {
    /// Counts one call. `took` is from sending to the answer, with the client's own retries, without the wait for the
    /// budget.
    pub fn count(&self, labels: &CallLabels, took: Duration) {
        self.total.fetch_add(1, Ordering::Relaxed);
        self.counts.get_or_create(labels).inc();
        let time = TimeLabels { service: labels.service, operation: labels.operation };
        self.times.get_or_create(&time).observe(took.as_secs_f64());
    }

    /// All calls since the start.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Puts the counters on show.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Calls to clouds by account, service, operation and outcome";
        registry.register("tenantry_cloud_calls", help, self.counts.clone());
        let help = "Seconds that calls to clouds took, with retries";
        registry.register("tenantry_cloud_call_seconds", help, self.times.clone());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn calls_show_in_the_metrics() {
        let calls = Calls::default();
        let labels = CallLabels { account: "1".to_owned(), service: "iam", operation: "CreateUser", outcome: "ok" };
        calls.count(&labels, Duration::from_millis(30));
        calls.count(&labels, Duration::from_millis(30));
        assert_eq!(calls.total(), 2);
        let mut registry = Registry::default();
        calls.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let line = r#"tenantry_cloud_calls_total{account="1",service="iam",operation="CreateUser",outcome="ok"} 2"#;
        assert!(text.contains(line), "{text}");
    }
}
