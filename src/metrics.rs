//! What `/metrics` shows: the counters of all rooms in one registry. Every label has few values, save accounts.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::cluster::{World, WriteCounts};
use crate::lease::Leadership;

/// Which of the controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ControllerLabels {
    /// `tenant` or `account`.
    pub controller: &'static str,
}

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    controller: &'static str,
    result: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabels {
    name: &'static str,
}

/// How a pass ended, in controller-runtime's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassResult {
    /// All is as it should be, or will be without another pass.
    Success,
    /// A pass follows at a set time.
    RequeueAfter,
    /// Something failed; a pass follows.
    Error,
}

impl PassResult {
    fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::RequeueAfter => "requeue_after",
            Self::Error => "error",
        }
    }
}

/// The controllers' counters, under the names that dashboards for controller-runtime expect.
#[derive(Clone, Debug)]
pub struct Passes {
    results: Family<ResultLabels, Counter<u64, AtomicU64>>,
    errors: Family<ControllerLabels, Counter<u64, AtomicU64>>,
    seconds: Family<ControllerLabels, Histogram, fn() -> Histogram>,
    active: Family<ControllerLabels, Gauge<i64, AtomicI64>>,
    concurrency: Family<ControllerLabels, Gauge<i64, AtomicI64>>,
    depth: Family<QueueLabels, Gauge<i64, AtomicI64>>,
}

impl Default for Passes {
    fn default() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new([0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0]);
        Self {
            results: Family::default(),
            errors: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            active: Family::default(),
            concurrency: Family::default(),
            depth: Family::default(),
        }
    }
}

impl Passes {
    /// Notes how many passes a controller may run at once.
    pub fn limit(&self, controller: &'static str, passes: usize) {
        let passes = i64::try_from(passes).unwrap_or(i64::MAX);
        self.concurrency.get_or_create(&ControllerLabels { controller }).set(passes);
    }

    /// Notes that a pass begins; what is returned notes its end when it is dropped.
    #[must_use]
    pub fn begin(&self, controller: &'static str) -> Running {
        self.active.get_or_create(&ControllerLabels { controller }).inc();
        Running { passes: self.clone(), controller }
    }

    /// Notes a finished pass.
    pub fn finished(&self, controller: &'static str, result: PassResult, took: Duration) {
        self.results.get_or_create(&ResultLabels { controller, result: result.as_str() }).inc();
        self.seconds.get_or_create(&ControllerLabels { controller }).observe(took.as_secs_f64());
        if result == PassResult::Error {
            self.errors.get_or_create(&ControllerLabels { controller }).inc();
        }
    }

    /// Notes how many keys of work wait for a pass.
    pub fn waiting(&self, controller: &'static str, keys: usize) {
        let keys = i64::try_from(keys).unwrap_or(i64::MAX);
        self.depth.get_or_create(&QueueLabels { name: controller }).set(keys);
    }

    fn register(&self, registry: &mut Registry) {
        registry.register("controller_runtime_reconcile", "Passes by controller and result", self.results.clone());
        registry.register("controller_runtime_reconcile_errors", "Passes that failed", self.errors.clone());
        registry.register("controller_runtime_reconcile_time_seconds", "Seconds a pass took", self.seconds.clone());
        registry.register("controller_runtime_active_workers", "Passes under way", self.active.clone());
        let help = "Passes that may run at once";
        registry.register("controller_runtime_max_concurrent_reconciles", help, self.concurrency.clone());
        registry.register("workqueue_depth", "Keys of work that wait for a pass", self.depth.clone());
    }
}

/// A pass that is under way.
#[derive(Debug)]
pub struct Running {
    passes: Passes,
    controller: &'static str,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.passes.active.get_or_create(&ControllerLabels { controller: self.controller }).dec();
    }
}

/// A registry with what this process always shows. The clouds' calls register themselves into it.
#[must_use]
pub fn registry(passes: &Passes, world: &Arc<World>, leadership: &Leadership) -> Registry {
    let mut registry = Registry::default();
    let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("tenantry_build", "The version that runs", build);
    passes.register(&mut registry);
    registry.register_collector(Box::new(Writes(world.write_counts())));
    registry.register_collector(Box::new(Readiness(world.clone())));
    registry.register_collector(Box::new(Leader(leadership.clone())));
    registry.register_collector(Box::new(Process));
    registry
}

#[derive(Debug)]
struct Writes(Arc<WriteCounts>);

impl Collector for Writes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let help = "Writes to the Kubernetes API by verb and resource, the Lease aside";
        let mut family = encoder.encode_descriptor("tenantry_kubernetes_writes", help, None, MetricType::Counter)?;
        for ((verb, resource), count) in self.0.all() {
            let labels = [("verb", verb), ("resource", resource)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

struct Readiness(Arc<World>);

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Readiness")
    }
}

impl Collector for Readiness {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let help = "Manifests by kind and the status of their condition Ready";
        let mut family = encoder.encode_descriptor("tenantry_resources", help, None, MetricType::Gauge)?;
        for ((kind, status), count) in self.0.readiness() {
            let labels = [("kind", kind.as_str()), ("condition", "Ready"), ("status", status)];
            ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX)).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Leader(Leadership);

impl Collector for Leader {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let help = "1 where this process leads";
        let mut family = encoder.encode_descriptor("leader_election_master_status", help, None, MetricType::Gauge)?;
        let leads = i64::from(self.0.is_current());
        ConstGauge::new(leads).encode(family.encode_family(&[("name", "tenantry")])?)
    }
}

/// What every Prometheus client library shows of its process; from `/proc`, and absent where there is none.
#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return Ok(()) };
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<i64>().ok());
        if let Some(kilobytes) = resident {
            let gauge = ConstGauge::new(kilobytes * 1024);
            let name = "process_resident_memory_bytes";
            gauge.encode(encoder.encode_descriptor(name, "Resident memory", None, MetricType::Gauge)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn dashboards_find_the_names_that_they_expect() {
        let (mut registry, passes) = (Registry::default(), Passes::default());
        passes.register(&mut registry);
        registry.register_collector(Box::new(Leader(Leadership::uncontested())));
        passes.limit("tenant", 8);
        passes.waiting("tenant", 3);
        passes.finished("tenant", PassResult::Error, Duration::from_millis(20));
        drop(passes.begin("tenant"));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            r#"controller_runtime_reconcile_total{controller="tenant",result="error"} 1"#,
            r#"controller_runtime_reconcile_errors_total{controller="tenant"} 1"#,
            r#"controller_runtime_reconcile_time_seconds_count{controller="tenant"} 1"#,
            r#"controller_runtime_active_workers{controller="tenant"} 0"#,
            r#"controller_runtime_max_concurrent_reconciles{controller="tenant"} 8"#,
            r#"workqueue_depth{name="tenant"} 3"#,
            r#"leader_election_master_status{name="tenantry"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
