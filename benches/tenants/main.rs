//! What many tenants cost: cloud calls, Kubernetes writes, seconds, memory and processor time of the real operator on a
//! real API server, strict moto and the emulator of Alibaba Cloud. Prints Markdown; `docs/performance.md` says how to read it.
//!
//! `cargo bench` measures 100 tenants with three users each and no keys, the work of a measured peer, how soon a
//! suspension is felt, what a rotation costs, what 100 notebooks and 100 ServiceAccounts cost, and 100 tenants with a role,
//! a user and a key each on Alibaba Cloud; with `-- --full` also 300 tenants whose users have keys while every cloud call
//! takes 50 ms, and a few at the rate that is the default. `-- --environments` and `-- --alibaba` measure only these.
//! `TENANTRY_BIN` names another binary to measure, `TENANTS` another number.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod cloud;
mod environments;
mod rotation;
mod suspension;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;
use tenantry::api::{CloudAccount, ObservedStatus, Tenant, TenantRole, TenantUser};
use testbed::{Launch, World};

use self::cloud::Cloud;

/// The namespace that holds all roles and users.
const DEFINITIONS: &str = "tenancy";
/// The account of the operator in the audit log.
const OPERATOR: &str = "system:serviceaccount:tenantry-system:tenantry";
/// No phase takes longer.
const PATIENCE: Duration = Duration::from_secs(900);

/// One measured phase.
struct Phase {
    name: &'static str,
    seconds: f64,
    calls: BTreeMap<String, u64>,
    writes: BTreeMap<String, u64>,
    rss_mb: f64,
    peak_mb: f64,
    cpu: f64,
}

/// What is measured.
#[derive(Clone, Copy)]
struct Size {
    cloud: Cloud,
    tenants: usize,
    /// Whether users have access keys.
    keys: bool,
    /// Whether the API budget is opened.
    open: bool,
    /// How much longer every cloud call takes, in milliseconds.
    latency: u32,
}

struct Bench {
    world: World,
    size: Size,
    phases: Vec<Phase>,
    /// Seconds until nothing was left in the cloud, when all was deleted.
    clean: f64,
    /// The APIs that came nearest to what is documented in a second, in any phase.
    nearest: BTreeMap<String, (u64, u64)>,
}

/// Where the counters stood when a phase began.
struct Mark {
    at: Instant,
    writes: BTreeMap<String, u64>,
    cpu: f64,
}

impl Bench {
    async fn new(size: Size) -> Self {
        let world = size.cloud.start(size.launch()).await;
        world.apply(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {DEFINITIONS}}}\n")).await;
        size.cloud.latency(&world, size.latency).await;
        Self { world, size, phases: Vec::new(), clean: 0.0, nearest: BTreeMap::new() }
    }

    fn client(&self) -> Client {
        self.world.client()
    }

    /// How often an operation was called since the counters were set to zero.
    async fn calls(&self, operation: &str) -> u64 {
        self.size.cloud.calls(&self.world).await.get(operation).copied().unwrap_or_default()
    }

    async fn mark(&self) -> Mark {
        self.size.cloud.reset_calls(&self.world).await;
        Mark { at: Instant::now(), writes: self.writes(), cpu: self.world.operator.usage().cpu_seconds }
    }

    /// The operator's writes to Kubernetes so far, the Lease aside, by what is written.
    fn writes(&self) -> BTreeMap<String, u64> {
        let mut writes = BTreeMap::new();
        for request in self.world.control_plane.requests() {
            if request.user == OPERATOR && request.is_write() && request.resource != "leases" {
                *writes.entry(format!("{} {}", request.verb, request.resource)).or_default() += 1;
            }
        }
        writes
    }

    async fn end(&mut self, name: &'static str, mark: Mark) {
        let seconds = mark.at.elapsed().as_secs_f64();
        // The audit log is written a little later than the answer.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let usage = self.world.operator.usage();
        #[allow(clippy::cast_precision_loss)]
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        self.phases.push(Phase {
            name,
            seconds,
            calls: self.size.cloud.calls(&self.world).await,
            writes: since(&mark.writes, self.writes()),
            rss_mb: megabytes(usage.rss_bytes),
            peak_mb: megabytes(usage.peak_rss_bytes),
            cpu: usage.cpu_seconds - mark.cpu,
        });
        for (api, most, documented) in self.size.cloud.nearest(&self.world).await {
            let known = self.nearest.entry(api).or_insert((0, documented));
            known.0 = known.0.max(most);
        }
        eprintln!("{name}: {seconds:.1} s");
    }

    fn manifests(&self, index: usize) -> String {
        self.size.cloud.manifests(index, self.size.keys)
    }

    async fn create(&mut self) {
        let mark = self.mark().await;
        let client = self.client();
        let all: Vec<String> = (0..self.size.tenants).map(|index| self.manifests(index)).collect();
        futures::stream::iter(all)
            .for_each_concurrent(4, |yaml| {
                let client = client.clone();
                async move {
                    testbed::apply::apply(&client, &yaml).await.unwrap();
                }
            })
            .await;
        self.all_ready().await;
        self.end("create, all Ready", mark).await;
    }

    async fn all_ready(&self) {
        let users: Api<TenantUser> = Api::namespaced(self.client(), DEFINITIONS);
        let tenants: Api<Tenant> = Api::all(self.client());
        self.eventually("all are Ready", async || {
            let users = users.list(&ListParams::default()).await.unwrap().items;
            let tenants = tenants.list(&ListParams::default()).await.unwrap().items;
            users.len() == self.size.tenants * self.size.cloud.users()
                && tenants.len() == self.size.tenants
                && users.iter().all(|it| it.status.as_ref().is_some_and(|s| ready(s, it.metadata.generation)))
                && tenants.iter().all(|it| it.status.as_ref().is_some_and(|s| ready(s, it.metadata.generation)))
        })
        .await;
    }

    async fn eventually(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let began = Instant::now();
        while !holds().await {
            if began.elapsed() > PATIENCE {
                self.world.fail(&format!("not in time: {what}"));
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// How many passes over tenants there were since the operator's start.
    async fn passes(&self) -> u64 {
        let metrics = self.world.operator.metrics().await;
        let lines =
            metrics.lines().filter(|it| it.starts_with("controller_runtime_reconcile_total{controller=\"tenant\""));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).map(|count| count as u64).sum()
    }

    async fn no_op(&mut self) {
        let before = self.passes().await;
        let mark = self.mark().await;
        let tenants: Api<Tenant> = Api::all(self.client());
        for index in 0..self.size.tenants {
            let note = json!({"metadata": {"annotations": {"note": "touched"}}});
            tenants.patch_metadata(&format!("t{index}"), &PatchParams::default(), &Patch::Merge(&note)).await.unwrap();
        }
        let all = before + self.size.tenants as u64;
        self.eventually("a pass for every tenant", async || self.passes().await >= all).await;
        self.end("no-op, a pass for every tenant", mark).await;
    }

    async fn restart(&mut self) {
        self.world.operator.kill();
        let mark = self.mark().await;
        self.world.operator = testbed::Operator::start(&self.world.control_plane, &self.size.launch()).await;
        let all = self.size.tenants as u64;
        self.eventually("a pass for every tenant", async || self.passes().await >= all).await;
        let mark = Mark { cpu: 0.0, ..mark };
        self.end("restart, until every tenant was passed over", mark).await;
    }

    async fn drift(&mut self) {
        let back = self.size.cloud.take_away(&self.world).await;
        let mark = self.mark().await;
        // A drift check at once: the sweep that would come by itself within driftCheckInterval.
        let accounts: Api<CloudAccount> = Api::all(self.client());
        let ask = json!({"metadata": {"annotations": {"tenantry.dev/reconcile": "drift"}}});
        accounts.patch_metadata(self.size.cloud.account(), &PatchParams::default(), &Patch::Merge(&ask)).await.unwrap();
        self.eventually("it is back", async || self.calls(back).await == 1).await;
        self.end("one membership or attachment removed by hand, put back", mark).await;
    }

    async fn edit(&mut self) {
        let mark = self.mark().await;
        let roles: Api<TenantRole> = Api::namespaced(self.client(), DEFINITIONS);
        let edit = self.size.cloud.edited_role();
        let edited = roles.patch("t0-reader", &PatchParams::default(), &Patch::Merge(&edit)).await.unwrap();
        self.eventually("the role says so", async || {
            let role = roles.get("t0-reader").await.unwrap();
            role.status.is_some_and(|it| ready(&it, edited.metadata.generation))
        })
        .await;
        self.end("one role edited", mark).await;
    }

    async fn fresh(&mut self) {
        let mark = self.mark().await;
        let tenants: Api<Tenant> = Api::all(self.client());
        let ask = json!({"metadata": {"annotations": {"tenantry.dev/reconcile": "fresh"}}});
        tenants.patch_metadata("t0", &PatchParams::default(), &Patch::Merge(&ask)).await.unwrap();
        self.eventually("the asking is answered", async || {
            let tenant = tenants.get("t0").await.unwrap();
            tenant.status.is_some_and(|it| it.last_handled_reconcile_at().is_some())
        })
        .await;
        self.end("one tenant asked for fresh reads", mark).await;
    }

    async fn delete(&mut self) {
        let mark = self.mark().await;
        let users: Api<TenantUser> = Api::namespaced(self.client(), DEFINITIONS);
        let roles: Api<TenantRole> = Api::namespaced(self.client(), DEFINITIONS);
        let tenants: Api<Tenant> = Api::all(self.client());
        let (gone, all) = (DeleteParams::default(), ListParams::default());
        users.delete_collection(&gone, &all).await.unwrap();
        roles.delete_collection(&gone, &all).await.unwrap();
        tenants.delete_collection(&gone, &all).await.unwrap();
        self.eventually("the cloud is clean", async || {
            let calls = self.size.cloud.calls(&self.world).await;
            let count = |operation: &str| calls.get(operation).copied().unwrap_or_default() as usize;
            count("DeleteUser") >= self.size.tenants * self.size.cloud.users()
                && count("DeleteGroup").min(count("DeletePolicy")) >= self.size.tenants
        })
        .await;
        self.clean = mark.at.elapsed().as_secs_f64();
        self.eventually("everything is gone", async || {
            users.list(&all).await.unwrap().items.is_empty()
                && roles.list(&all).await.unwrap().items.is_empty()
                && tenants.list(&all).await.unwrap().items.is_empty()
        })
        .await;
        self.end("delete everything", mark).await;
        assert_eq!(self.size.cloud.left(&self.world).await, 0, "users are left");
    }

    fn print(&self) {
        let keys = if self.size.keys { "with keys" } else { "without keys" };
        let rate = if self.size.open { "API budget opened" } else { "default API budget, 5 writes a second" };
        let latency = if self.size.latency > 0 { format!(", {} ms a call", self.size.latency) } else { String::new() };
        let what = match self.size.cloud {
            Cloud::Aws => format!("1 role for all, 3 users {keys}"),
            Cloud::Alibaba => format!("1 role, 1 user {keys}"),
        };
        println!("\n### {:?}: {} tenants × ({what}), {rate}{latency}\n", self.size.cloud, self.size.tenants);
        println!("| phase | cloud calls | a tenant | seconds | Kubernetes writes | RSS MB (peak) | CPU s |");
        println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
        for phase in &self.phases {
            let calls: u64 = phase.calls.values().sum();
            let writes: u64 = phase.writes.values().sum();
            #[allow(clippy::cast_precision_loss)]
            let each = calls as f64 / self.size.tenants as f64;
            println!(
                "| {} | {calls} | {each:.2} | {:.1} | {writes} | {:.1} ({:.1}) | {:.2} |",
                phase.name, phase.seconds, phase.rss_mb, phase.peak_mb, phase.cpu
            );
        }
        println!(
            "\nDeletion: nothing was left in the cloud after {:.1} s; then namespaces end and finalizers go.",
            self.clean
        );
        if !self.nearest.is_empty() {
            let each = self.nearest.iter().map(|(api, (most, documented))| format!("{api} {most} of {documented}"));
            println!("\nMost calls in any second: {}.", each.collect::<Vec<_>>().join(", "));
        }
        println!("\nBy operation:\n");
        for phase in &self.phases {
            println!(
                "- {}: {}; {}",
                phase.name,
                counts(&phase.calls, "no cloud call"),
                counts(&phase.writes, "no write")
            );
        }
    }
}

impl Size {
    /// The operator, if asked for with its budget opened: the peer that it is compared with has none.
    fn launch(self) -> Launch {
        let binary = std::env::var_os("TENANTRY_BIN");
        let binary = binary.map_or_else(|| env!("CARGO_BIN_EXE_tenantry").into(), PathBuf::from);
        let launch = Launch::new(binary).argument("--key-proof=0").argument("--log=warn");
        // The emulator's reads never lag behind its writes, and no turn of the full check falls into a phase.
        let quiet = ["--fresh-write=0", "--full-check=604800"].into_iter().filter(|_| self.cloud == Cloud::Alibaba);
        let launch = quiet.fold(launch, Launch::argument);
        if self.open { launch.argument("--write-rate=200").argument("--read-rate=200") } else { launch }
    }
}

fn since(before: &BTreeMap<String, u64>, now: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let more = now.into_iter().map(|(what, count)| {
        let known = before.get(&what).copied().unwrap_or_default();
        (what, count - known)
    });
    more.filter(|(_, count)| *count > 0).collect()
}

fn counts(of: &BTreeMap<String, u64>, none: &str) -> String {
    let each: Vec<String> = of.iter().map(|(what, count)| format!("{what} {count}")).collect();
    if each.is_empty() { none.to_owned() } else { each.join(", ") }
}

fn ready<S: ObservedStatus>(status: &S, generation: Option<i64>) -> bool {
    status.observed_generation() == generation
        && status.conditions().iter().any(|it| it.type_ == "Ready" && it.status == "True")
}

async fn measure(size: Size) {
    let mut bench = Bench::new(size).await;
    bench.create().await;
    bench.no_op().await;
    if size.cloud == Cloud::Aws {
        bench.restart().await;
    }
    bench.drift().await;
    bench.edit().await;
    bench.fresh().await;
    bench.delete().await;
    // On Alibaba Cloud a new process knows less: what it believes it reads before it changes or deletes it.
    if size.cloud == Cloud::Alibaba {
        bench.create().await;
        bench.restart().await;
        bench.delete().await;
    }
    bench.print();
}

fn main() {
    let full = std::env::args().any(|argument| argument == "--full");
    let only_environments = std::env::args().any(|argument| argument == "--environments");
    let only_alibaba = std::env::args().any(|argument| argument == "--alibaba");
    let tenants = std::env::var("TENANTS").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
        if only_environments {
            environments::notebooks(tenants).await;
            return environments::service_accounts(tenants).await;
        }
        if only_alibaba {
            return measure(Size { cloud: Cloud::Alibaba, tenants, keys: true, open: true, latency: 0 }).await;
        }
        measure(Size { cloud: Cloud::Aws, tenants, keys: false, open: true, latency: 0 }).await;
        suspension::measure(tenants).await;
        rotation::measure().await;
        environments::notebooks(tenants).await;
        environments::service_accounts(tenants).await;
        measure(Size { cloud: Cloud::Alibaba, tenants, keys: true, open: true, latency: 0 }).await;
        if full {
            measure(Size { cloud: Cloud::Aws, tenants: 3 * tenants, keys: true, open: true, latency: 50 }).await;
            measure(Size { cloud: Cloud::Aws, tenants: tenants.div_ceil(5), keys: false, open: false, latency: 0 })
                .await;
        }
    });
}
