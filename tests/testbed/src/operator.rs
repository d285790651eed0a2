//! The operator's real binary as its own process, with the rights of its ServiceAccount and nothing more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::ControlPlane;
use crate::child::{Child, Usage, free_port, tail};
use crate::control_plane::ready;
use crate::http;

/// How the operator is started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program: `env!("CARGO_BIN_EXE_tenantry")`.
    pub binary: PathBuf,
    /// The operator's own namespace.
    pub namespace: String,
    /// Its ServiceAccount there.
    pub service_account: String,
    /// Arguments behind `run`.
    pub arguments: Vec<String>,
    /// More environment variables.
    pub environment: BTreeMap<String, String>,
}

impl Launch {
    /// As the chart installs it, release `tenantry` in namespace `tenantry-system`.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
            namespace: "tenantry-system".to_owned(),
            service_account: "tenantry".to_owned(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
        }
    }

    /// With one more argument behind `run`.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// With one more environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }
}

/// A running operator; dropped, it is killed.
#[derive(Debug)]
pub struct Operator {
    process: Child,
    url: String,
}

impl Operator {
    /// Starts it and waits until `/readyz` says yes.
    ///
    /// # Panics
    /// When it ends or does not get ready, with the end of its log.
    pub async fn start(control_plane: &ControlPlane, launch: &Launch) -> Self {
        let mut operator = Self::launch(control_plane, launch).await;
        let readyz = format!("{}/readyz", operator.url);
        let started = ready(&mut operator.process, || async { matches!(http::get(&readyz).await, Ok((200, _))) }).await;
        started.unwrap_or_else(|why| panic!("{why}"));
        operator
    }

    /// Starts it and does not wait: for an operator that is to stand by, or to fail.
    pub async fn launch(control_plane: &ControlPlane, launch: &Launch) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let kubeconfig = control_plane.service_account_kubeconfig(&launch.namespace, &launch.service_account).await;
        let listen = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(&launch.binary);
        command.args(["run", "--listen", &listen]).args(&launch.arguments);
        for variable in AMBIENT {
            command.env_remove(variable);
        }
        // The SDK would otherwise ask the machine's metadata service for credentials.
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("KUBECONFIG", kubeconfig).env("POD_NAMESPACE", &launch.namespace).envs(&launch.environment);
        let log = format!("operator-{}.log", NEXT.fetch_add(1, Ordering::Relaxed));
        let process = Child::spawn("the operator", command, &control_plane.directory().join(log));
        Self { process, url: format!("http://{listen}") }
    }

    /// SIGKILL, as the kernel does when memory runs out.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGTERM, as the kubelet does, and waits for the end.
    ///
    /// # Panics
    /// When it has not ended after 30 seconds, with the end of its log.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.process.terminate();
        self.end().await
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// When it has not ended after 30 seconds, with the end of its log.
    pub async fn end(&mut self) -> ExitStatus {
        let ended = timeout(Duration::from_secs(30), async {
            loop {
                if let Some(status) = self.process.ended() {
                    return status;
                }
                sleep(Duration::from_millis(20)).await;
            }
        });
        if let Ok(status) = ended.await {
            return status;
        }
        panic!("{}", self.process.complaint("does not end"));
    }

    /// Whether it runs.
    #[must_use]
    pub fn runs(&mut self) -> bool {
        self.process.ended().is_none()
    }

    /// Where it serves `/metrics`, `/healthz` and `/readyz`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The text of `/metrics`.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn metrics(&self) -> String {
        http::get(&format!("{}/metrics", self.url)).await.expect("the operator answers").1
    }

    /// Its log file: everything it wrote to stdout and stderr.
    #[must_use]
    pub fn log(&self) -> &Path {
        self.process.log()
    }

    /// The last lines of its log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(self.log(), 60)
    }

    /// Memory and processor time used until now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.process.usage()
    }
}

/// What a developer's shell may have set and a pod would not.
const AMBIENT: [&str; 14] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
    "ALIBABA_CLOUD_ROLE_ARN",
    "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
    "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
    "RUST_LOG",
];
