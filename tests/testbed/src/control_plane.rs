//! A Kubernetes control plane of its own: etcd, kube-apiserver with RBAC and audit log, kube-controller-manager with
//! the controllers that an operator meets.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use data_encoding::BASE64;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::certificates::Certificates;
use crate::child::{Child, free_port};
use crate::layout::{RunDirectory, root, tool};
use crate::{audit, http};

/// Namespace deletion, garbage collection, quota, and what makes service accounts, aggregated ClusterRoles, CA bundles
/// and the warnings of admission policies; nothing that runs pods, because there are no nodes.
const CONTROLLERS: &str = "namespace-controller,garbage-collector-controller,resourcequota-controller,\
    serviceaccount-controller,clusterrole-aggregation-controller,root-ca-certificate-publisher-controller,\
    validatingadmissionpolicy-status-controller";
const STARTUP: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(50);
const ATTEMPTS: usize = 3;

/// The user of the admin's kubeconfig, a member of `system:masters`.
pub const ADMIN: &str = "test-admin";
const ADMIN_TOKEN: &str = "test-admin-token";
const CONTROLLER_MANAGER_TOKEN: &str = "test-controller-manager-token";

/// A running control plane. Dropped, its processes are killed and its directory is removed; when our process ends
/// without that, the children see it and end within half a second.
#[derive(Debug)]
pub struct ControlPlane {
    url: String,
    etcd_url: String,
    ca_certificate: PathBuf,
    kubeconfig: PathBuf,
    // Field order is the order of dropping: those that would complain about a lost server go first.
    controller_manager: Child,
    apiserver: Child,
    etcd: Child,
    directory: RunDirectory,
}

impl ControlPlane {
    /// Starts one and waits until it answers and its controllers work.
    ///
    /// # Panics
    /// When a part of it ends or does not get ready in 90 seconds, with the end of that part's log.
    pub async fn start() -> Self {
        let mut attempt = 1;
        loop {
            match Self::try_start().await {
                Ok(control_plane) => return control_plane,
                // Another process may have taken a port between our look and the child's bind.
                Err(why) if why.contains("address already in use") && attempt < ATTEMPTS => attempt += 1,
                Err(why) => panic!("{why}"),
            }
        }
    }

    async fn try_start() -> Result<Self, String> {
        let directory = RunDirectory::new("control-plane");
        let certificates = Certificates::make(&directory);
        let (etcd_url, mut etcd) = start_etcd(&directory);
        let health = format!("{etcd_url}/health");
        ready(&mut etcd, || async { matches!(http::get(&health).await, Ok((200, _))) }).await?;

        let (url, mut apiserver) = start_apiserver(&directory, &certificates, &etcd_url);
        let kubeconfig = kubeconfig(&url, &certificates.ca_certificate, ADMIN_TOKEN);
        let kubeconfig = directory.write("admin.kubeconfig", kubeconfig);
        let client = client_of(&kubeconfig);
        ready(&mut apiserver, || async {
            client.request_text(::http::Request::get("/readyz").body(Vec::new()).expect("a request")).await.is_ok()
        })
        .await?;

        let mut controller_manager = start_controller_manager(&directory, &certificates, &url);
        let accounts: Api<ServiceAccount> = Api::default_namespaced(client.clone());
        ready(&mut controller_manager, || async { accounts.get("default").await.is_ok() }).await?;
        let ca_certificate = certificates.ca_certificate;
        Ok(Self { url, etcd_url, ca_certificate, kubeconfig, controller_manager, apiserver, etcd, directory })
    }

    /// The address of the API server.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of etcd.
    #[must_use]
    pub fn etcd_url(&self) -> &str {
        &self.etcd_url
    }

    /// A new client with all rights. Each test makes its own, because a client belongs to the runtime that made it.
    #[must_use]
    pub fn client(&self) -> Client {
        client_of(&self.kubeconfig)
    }

    /// A new client that acts as the service account, with its token and nothing more.
    pub async fn client_as(&self, namespace: &str, service_account: &str) -> Client {
        client_of(&self.service_account_kubeconfig(namespace, service_account).await)
    }

    /// A new client with all rights that acts as someone else, as `kubectl --as` does: for what a tenant's owner or
    /// user may and may not do.
    ///
    /// # Panics
    /// When the kubeconfig that this control plane wrote cannot be read.
    #[must_use]
    pub fn impersonate(&self, user: &str, groups: &[&str]) -> Client {
        let mut kubeconfig = Kubeconfig::read_from(&self.kubeconfig).expect("the admin's kubeconfig");
        for auth in kubeconfig.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
            auth.impersonate = Some(user.to_owned());
            auth.impersonate_groups = Some(groups.iter().map(ToString::to_string).collect());
        }
        client_from(kubeconfig)
    }

    /// Where its logs are.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The admin's kubeconfig file.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Asks for a token of the service account, valid for a day, and writes a kubeconfig file with it.
    ///
    /// # Panics
    /// When the service account does not exist.
    pub async fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> PathBuf {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let spec = TokenRequestSpec { expiration_seconds: Some(24 * 3600), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let answer = accounts.create_token_request(name, &PostParams::default(), &request).await;
        let answer = answer.unwrap_or_else(|e| panic!("no token for service account {namespace}/{name}: {e}"));
        let token = answer.status.expect("a TokenRequest is answered with a status").token;
        self.directory
            .write(&format!("{namespace}.{name}.kubeconfig"), kubeconfig(&self.url, &self.ca_certificate, &token))
    }

    /// The keys that its ServiceAccounts' tokens are signed with, as a JWKS.
    ///
    /// # Panics
    /// When the API server refuses.
    pub async fn issuer_keys(&self) -> serde_json::Value {
        let request = ::http::Request::get("/openid/v1/jwks").body(Vec::new()).expect("a request");
        self.client().request(request).await.expect("the issuer's keys")
    }

    /// Runs `kubectl` as the admin, for what a user would see.
    ///
    /// # Panics
    /// When kubectl cannot be started.
    #[must_use]
    pub fn kubectl(&self, arguments: &[&str]) -> Output {
        let mut kubectl = Command::new(tool("venv/bin/kubectl"));
        let kubectl = kubectl.env("KUBECONFIG", &self.kubeconfig).args(arguments);
        // Discovery is cached by address, and ports come again with other contents.
        kubectl.env("KUBECACHEDIR", self.directory.path().join("kubectl-cache"));
        kubectl.output().unwrap_or_else(|e| panic!("kubectl cannot be started: {e}"))
    }

    /// The id by which the operator tells this cluster from others, unless it is given one.
    ///
    /// # Panics
    /// When the API server refuses.
    pub async fn cluster_id(&self) -> String {
        let namespaces: Api<Namespace> = Api::all(self.client());
        let system = namespaces.get("kube-system").await.expect("kube-system is there");
        system.metadata.uid.unwrap_or_default().chars().take(8).collect()
    }

    /// Applies the CRDs of `crds/` and waits until the API server serves them.
    ///
    /// # Panics
    /// When one is refused.
    pub async fn install_crds(&self) {
        let mut files: Vec<PathBuf> = fs::read_dir(root().join("crds"))
            .expect("crds/ is there: `make crds`")
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
            .collect();
        files.sort();
        for file in files {
            let text = fs::read_to_string(&file).expect("a CRD file can be read");
            crate::apply::apply(&self.client(), &text).await.unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        }
        crate::wait::crds_served(&self.client()).await;
    }

    /// Installs `charts/tenantry` (CRDs, RBAC, admission policies and all) with Helm, as an administrator does.
    ///
    /// # Panics
    /// When Helm refuses, with what it said.
    pub async fn install_chart(&self, namespace: &str, arguments: &[&str]) {
        let mut helm = tokio::process::Command::new(tool("tools/bin/helm"));
        helm.args(["upgrade", "--install", "tenantry", "charts/tenantry", "--namespace", namespace]);
        helm.args(["--create-namespace", "--kubeconfig"]).arg(&self.kubeconfig).args(arguments).current_dir(root());
        for (variable, name) in
            [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")]
        {
            helm.env(variable, self.directory.path().join("helm").join(name));
        }
        let output = helm.output().await.unwrap_or_else(|e| panic!("helm cannot be started: {e}"));
        assert!(output.status.success(), "helm upgrade --install: {}", String::from_utf8_lossy(&output.stderr));
        crate::wait::crds_served(&self.client()).await;
    }

    /// Every key and value that etcd holds, as they are on disk: to prove what is *not* there.
    ///
    /// # Panics
    /// When etcd does not answer.
    pub async fn etcd_dump(&self) -> Vec<(String, Vec<u8>)> {
        #[derive(Deserialize)]
        struct Range {
            kvs: Vec<KeyValue>,
        }
        #[derive(Deserialize)]
        struct KeyValue {
            key: String,
            #[serde(default)]
            value: String,
        }
        // etcd's own way to say "all keys": from the zero byte to the zero byte.
        let everything = r#"{"key": "AA==", "range_end": "AA=="}"#;
        let url = format!("{}/v3/kv/range", self.etcd_url);
        let (status, body) = http::post(&url, "application/json", everything).await.expect("etcd answers");
        assert_eq!(status, 200, "etcd: {body}");
        let range: Range = serde_json::from_str(&body).expect("etcd's answer");
        let decode = |text: &str| BASE64.decode(text.as_bytes()).expect("etcd's base64");
        let pair = |kv: &KeyValue| (String::from_utf8_lossy(&decode(&kv.key)).into_owned(), decode(&kv.value));
        range.kvs.iter().map(pair).collect()
    }

    /// Who issues the tokens of ServiceAccounts, and the keys that verify them, as clouds read both.
    ///
    /// # Panics
    /// When the API server does not say.
    pub async fn issuer(&self) -> (String, serde_json::Value) {
        let keys = kube::core::Request::new("/openid/v1").get("jwks", &kube::api::GetParams::default());
        let keys = self.client().request(keys.expect("a path")).await.expect("the issuer's keys");
        (self.url.clone(), keys)
    }

    /// A token of a ServiceAccount for that audience, as a pod's projected volume has it.
    ///
    /// # Panics
    /// When the API server gives none.
    pub async fn token(&self, namespace: &str, name: &str, audience: &str) -> String {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let spec = TokenRequestSpec { audiences: vec![audience.to_owned()], ..TokenRequestSpec::default() };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let answer = accounts.create_token_request(name, &PostParams::default(), &request).await;
        answer.expect("a token").status.expect("a token").token
    }

    /// The API requests of service accounts, and everyone's writes, since it started.
    #[must_use]
    pub fn requests(&self) -> Vec<audit::Request> {
        audit::read(&self.directory.path().join("audit.log"))
    }

    /// Memory and processor time of its three processes together.
    #[must_use]
    pub fn usage(&self) -> crate::child::Usage {
        let mut sum = crate::child::Usage::default();
        for part in [&self.etcd, &self.apiserver, &self.controller_manager] {
            let usage = part.usage();
            sum.rss_bytes += usage.rss_bytes;
            sum.peak_rss_bytes += usage.peak_rss_bytes;
            sum.cpu_seconds += usage.cpu_seconds;
        }
        sum
    }
}

/// Waits until `probe` says so; an error when the child ends first or takes too long.
pub(crate) async fn ready<F: Future<Output = bool>>(child: &mut Child, probe: impl Fn() -> F) -> Result<(), String> {
    let deadline = Instant::now() + STARTUP;
    while !probe().await {
        if let Some(status) = child.ended() {
            return Err(child.complaint(&format!("ended with {status}")));
        }
        if Instant::now() > deadline {
            return Err(child.complaint(&format!("was not ready after {STARTUP:?}")));
        }
        sleep(POLL).await;
    }
    Ok(())
}

fn program(name: &str, directory: &RunDirectory) -> Command {
    let mut command = Command::new(tool(&format!("tools/bin/{name}")));
    command.current_dir(directory.path());
    command
}

fn start_etcd(directory: &RunDirectory) -> (String, Child) {
    let (client, peer) = (free_port(), free_port());
    let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    let mut etcd = program("etcd", directory);
    etcd.arg("--data-dir").arg(directory.path().join("etcd"));
    etcd.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
    etcd.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
    etcd.args(["--initial-cluster", &format!("default={peer}"), "--log-level", "warn"]);
    // What a power cut would lose does not matter here, and every write gets faster.
    etcd.arg("--unsafe-no-fsync");
    (client, Child::spawn("etcd", etcd, &directory.path().join("etcd.log")))
}

fn start_apiserver(directory: &RunDirectory, certificates: &Certificates, etcd: &str) -> (String, Child) {
    let port = free_port();
    let url = format!("https://127.0.0.1:{port}");
    let tokens = format!(
        "{ADMIN_TOKEN},{ADMIN},1,\"system:masters\"\n\
         {CONTROLLER_MANAGER_TOKEN},system:kube-controller-manager,2,\"system:masters\"\n"
    );
    let mut apiserver = program("kube-apiserver", directory);
    apiserver.args(["--bind-address=127.0.0.1", &format!("--secure-port={port}"), &format!("--etcd-servers={etcd}")]);
    apiserver.args(["--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/16"]);
    apiserver.args(["--advertise-address=127.0.0.1", "--external-hostname=127.0.0.1"]);
    // The API server would publish its loopback address as an Endpoints object, which Kubernetes refuses.
    apiserver.args(["--endpoint-reconciler-type=none", &format!("--service-account-issuer={url}")]);
    let mut file = |flag: &str, path: &Path| {
        apiserver.arg(format!("{flag}={}", path.display()));
    };
    file("--tls-cert-file", &certificates.serving_certificate);
    file("--tls-private-key-file", &certificates.serving_key);
    file("--service-account-key-file", &certificates.service_account_public_key);
    file("--service-account-signing-key-file", &certificates.service_account_key);
    file("--token-auth-file", &directory.write("tokens.csv", tokens));
    file("--audit-policy-file", &directory.write("audit-policy.yaml", audit::POLICY));
    file("--audit-log-path", &directory.path().join("audit.log"));
    file("--cert-dir", directory.path());
    (url, Child::spawn("kube-apiserver", apiserver, &directory.path().join("kube-apiserver.log")))
}

fn start_controller_manager(directory: &RunDirectory, certificates: &Certificates, url: &str) -> Child {
    let kubeconfig = kubeconfig(url, &certificates.ca_certificate, CONTROLLER_MANAGER_TOKEN);
    let kubeconfig = directory.write("controller-manager.kubeconfig", kubeconfig);
    let mut command = program("kube-controller-manager", directory);
    command.args(["--leader-elect=false", "--secure-port=0", &format!("--controllers={CONTROLLERS}")]);
    command.args(["--kube-api-qps=500", "--kube-api-burst=1000", "--concurrent-namespace-syncs=10"]);
    command.arg(format!("--kubeconfig={}", kubeconfig.display()));
    command.arg(format!("--root-ca-file={}", certificates.ca_certificate.display()));
    Child::spawn("kube-controller-manager", command, &directory.path().join("kube-controller-manager.log"))
}

fn kubeconfig(url: &str, ca_certificate: &Path, token: &str) -> String {
    let ca_certificate = ca_certificate.display();
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters: [{{name: test, cluster: {{server: '{url}', certificate-authority: '{ca_certificate}'}}}}]\n\
         users: [{{name: test, user: {{token: '{token}'}}}}]\n\
         contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n\
         current-context: test\n"
    )
}

fn client_of(kubeconfig: &Path) -> Client {
    client_from(Kubeconfig::read_from(kubeconfig).expect("a kubeconfig that we wrote"))
}

fn client_from(kubeconfig: Kubeconfig) -> Client {
    // Nothing in it waits: there is no exec plugin and no provider in a kubeconfig of ours.
    let config = futures::executor::block_on(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()));
    Client::try_from(config.expect("a kubeconfig that we wrote")).expect("a client for it")
}
