//! Every flag of `tenantry run`, each also an environment variable. In a pod none is needed.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use crate::telemetry::LogFormat;

/// How the operator runs. The cluster comes from `KUBECONFIG`, or from the pod that it runs in.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// The operator's own namespace: its Lease, and the Secrets with CloudAccounts' credentials.
    #[arg(long, env = "POD_NAMESPACE", default_value = "tenantry-system", value_name = "NAMESPACE")]
    pub namespace: String,
    /// The name of the operator's ServiceAccount, which is given Secrets in tenants' namespaces.
    #[arg(long, env = "POD_SERVICE_ACCOUNT", default_value = "tenantry", value_name = "NAME")]
    pub service_account: String,
    /// This process's name in the Lease and in events [default: the host's name]
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    pub pod_name: Option<String>,
    /// What tells this cluster's objects from another's in one cloud account: letters, digits and hyphens, at most 32
    /// characters [default: the first eight hex digits of the kube-system namespace's UID]
    #[arg(long, env = "CLUSTER_ID", value_name = "ID", value_parser = cluster_id)]
    pub cluster_id: Option<String>,
    /// Where /metrics, /healthz and /readyz are served.
    #[arg(long, env = "LISTEN", default_value = "0.0.0.0:8080", value_name = "ADDR")]
    pub listen: SocketAddr,
    /// Cloud calls that change something, a second and an account.
    #[arg(long, env = "WRITE_RATE", default_value_t = 5.0, value_name = "PER_SECOND", value_parser = rate)]
    pub write_rate: f64,
    /// Cloud calls that read, a second and an account.
    #[arg(long, env = "READ_RATE", default_value_t = 10.0, value_name = "PER_SECOND", value_parser = rate)]
    pub read_rate: f64,
    /// Seconds between two proofs of a new key, which must answer three times; 0 only where keys work at once.
    #[arg(long, env = "KEY_PROOF", default_value = "2", value_name = "SECONDS", value_parser = seconds)]
    pub key_proof: Duration,
    /// Seconds after a write during which a drift check leaves the written object alone: the cloud's reads may lag behind
    /// its writes. 0 only where they do not.
    #[arg(long, env = "FRESH_WRITE", default_value = "120", value_name = "SECONDS", value_parser = lag)]
    pub fresh_write: Duration,
    /// Seconds between two looks at notebooks that start, stop or change: one list call a region and account, however many.
    /// Shorter than 15 only in tests.
    #[arg(long, env = "NOTEBOOK_POLL", default_value = "15", value_name = "SECONDS", value_parser = lag, hide = true)]
    pub notebook_poll: Duration,
    /// Seconds within which everything that no list shows is read: users' keys and logins, and on Alibaba Cloud also what
    /// policies say, who is in which group and what is attached.
    #[arg(long, env = "FULL_CHECK", default_value = "3600", value_name = "SECONDS", value_parser = full)]
    pub full_check: Duration,
    /// Seconds that something must have been an orphan, in every look at its account, before `pruneOrphans` does anything
    /// about it: first its keys go off, and after as long again it is removed. Shorter than a day only in tests.
    #[arg(long, env = "ORPHAN_AGE", default_value = "86400", value_name = "SECONDS", value_parser = age, hide = true)]
    pub orphan_age: Duration,
    /// Tenants that are worked on at once.
    #[arg(long, env = "CONCURRENCY", default_value_t = 8, value_name = "TENANTS", value_parser = concurrency)]
    pub concurrency: usize,
    /// How log lines look.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// What is logged, such as info or tenantry=debug [default: info]
    #[arg(long, env = "RUST_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

impl RunArgs {
    /// A name that no other process and no earlier life of this one has, for the Lease.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("{}_{:08x}", self.instance(), rand::random::<u32>())
    }

    /// This process as people know it: the pod's name, else the host's.
    #[must_use]
    pub fn instance(&self) -> String {
        let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
        self.pod_name.clone().or_else(host).filter(|name| !name.is_empty()).unwrap_or_else(|| "tenantry".to_owned())
    }
}

/// Reads a cluster's id.
pub(crate) fn cluster_id(text: &str) -> Result<String, String> {
    let fits = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if fits { Ok(text.to_owned()) } else { Err("1 to 32 letters, digits and hyphens".to_owned()) }
}

/// Reads calls a second.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.01..=1000.0).contains(&rate) { Ok(rate) } else { Err("from 0.01 to 1000".to_owned()) }
}

fn seconds(text: &str) -> Result<Duration, String> {
    up_to(60.0, text)
}

fn lag(text: &str) -> Result<Duration, String> {
    up_to(3600.0, text)
}

fn full(text: &str) -> Result<Duration, String> {
    let most = up_to(7.0 * 86400.0, text)?;
    if most >= Duration::from_secs(5) { Ok(most) } else { Err("at least 5".to_owned()) }
}

fn age(text: &str) -> Result<Duration, String> {
    up_to(30.0 * 86400.0, text)
}

fn up_to(most: f64, text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.trim_end_matches('s').parse().map_err(|_| "not a number of seconds".to_owned())?;
    if (0.0..=most).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(format!("from 0 to {most}"))
    }
}

fn concurrency(text: &str) -> Result<usize, String> {
    let tenants: usize = text.parse().map_err(|_| "not a number".to_owned())?;
    if (1..=64).contains(&tenants) { Ok(tenants) } else { Err("from 1 to 64".to_owned()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        run: RunArgs,
    }

    fn parse(args: &[&str]) -> Result<RunArgs, clap::Error> {
        Cli::try_parse_from(std::iter::once("run").chain(args.iter().copied())).map(|cli| cli.run)
    }

    #[test]
    fn no_flag_is_needed() {
        let run = parse(&[]).unwrap();
        assert_eq!((run.write_rate, run.read_rate, run.concurrency), (5.0, 10.0, 8));
        assert_eq!(run.key_proof, Duration::from_secs(2));
        assert_eq!(run.full_check, Duration::from_secs(3600));
        assert_eq!(run.orphan_age, Duration::from_secs(24 * 3600));
        assert_eq!(run.fresh_write, crate::model::FRESH_WRITE);
        assert_ne!(run.identity(), run.identity());
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for args in [
            ["--write-rate", "0"],
            ["--concurrency", "0"],
            ["--cluster-id", "a/b"],
            ["--key-proof", "-1"],
            ["--full-check", "1"],
        ] {
            assert!(parse(&args).is_err(), "{args:?}");
        }
        assert_eq!(parse(&["--key-proof", "0"]).unwrap().key_proof, Duration::ZERO);
    }
}
