//! Where the story plays: the cluster and the cloud before the operator starts, the manifests, and the programs that a
//! person would run.

use std::fmt::Debug;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use testbed::aws::Credentials;
use testbed::layout::{RunDirectory, root, tool};
use testbed::world::NAMESPACE;
use testbed::{Alibaba, ControlPlane, Launch, Moto, Operator, OperatorPolicy, alibaba, wait};
use tokio::process::Command;
use tokio::time::sleep;

use crate::show;

/// What the quickstart has for Alibaba Cloud.
pub const SECOND_CLOUD: &str = "second-cloud";
/// What it has for notebooks.
pub const NOTEBOOKS: &str = "notebooks";
/// The bucket that the quickstart's roles speak of.
pub const BUCKET: &str = "/ai-model-data";

/// AIWorkSpace's version.
pub const PAI: &str = "2021-02-04";

/// A cluster with the chart installed and two clouds with the operator's user in each.
pub struct Stage {
    // Field order is the order of dropping: who would complain about a lost server goes first.
    pub operator: Option<Operator>,
    pub control_plane: ControlPlane,
    pub moto: Moto,
    pub alibaba: Alibaba,
    binary: PathBuf,
    directory: RunDirectory,
}

impl Stage {
    /// Starts all of them and says how it goes.
    pub async fn set(binary: PathBuf) -> Self {
        let began = Instant::now();
        let control_plane = async {
            let it = ControlPlane::start().await;
            show::since("Kubernetes: etcd, kube-apiserver with RBAC, kube-controller-manager", began);
            it
        };
        let moto = async {
            let it = Moto::start().await;
            show::since("AWS: moto, made as strict as AWS", began);
            it
        };
        let alibaba = async {
            let it = Alibaba::start().await;
            show::since("Alibaba Cloud: an emulator as strict as the real one", began);
            it
        };
        let (control_plane, moto, alibaba) = tokio::join!(control_plane, moto, alibaba);
        let began = Instant::now();
        control_plane.install_chart(NAMESPACE, &[]).await;
        show::since("the chart, with Helm: CRDs, RBAC, admission policies", began);
        Self { operator: None, control_plane, moto, alibaba, binary, directory: RunDirectory::new("demo") }
    }

    /// Puts into AWS what is there before the operator comes: the teams' data and the operator's own user with
    /// the rights that docs/aws.md gives it. From then on every call is checked against its caller's policies. Returns
    /// the operator's key.
    pub async fn furnish(&self) -> Credentials {
        let root = Credentials::root();
        for path in ["", "/acme/report.txt", "/beta/report.txt"] {
            let text = path.split('/').nth(1).map(|team| format!("numbers of {team}")).unwrap_or_default();
            let (status, body) = self.moto.s3(&root, "PUT", &format!("{BUCKET}{path}"), &text).await;
            assert_eq!(status, 200, "{BUCKET}{path} cannot be made: {body}");
        }
        self.moto.operator(&OperatorPolicy::unbounded(&self.control_plane.cluster_id().await)).await
    }

    /// The same for Alibaba Cloud, with the rights of docs/alibaba.md and somebody else's PAI workspace, whose id is
    /// returned as well. RAM judges every call of everybody but the account itself.
    pub async fn furnish_alibaba(&self) -> (alibaba::Credentials, String) {
        let made =
            serde_json::json!({"WorkspaceName": "finance", "Description": "another team's", "EnvTypes": ["prod"]});
        let answer = self.alibaba.root().rest(PAI, "POST", "/api/v1/workspaces", &[], Some(made)).await;
        let id = answer.body["WorkspaceId"].as_str().unwrap_or_else(|| panic!("no workspace: {}", answer.body));
        let path = format!("/api/v1/workspaces/{id}");
        let is_there =
            || async { self.alibaba.root().rest(PAI, "GET", &path, &[], None).await.body["Status"] == "ENABLED" };
        self.until_cloud("another team's workspace is there", is_there).await;
        (self.alibaba.operator(&OperatorPolicy::alibaba()).await, id.to_owned())
    }

    /// The directory with the manifests of `examples/quickstart`, the emulator's address put in, and drift looked for
    /// every second instead of every five minutes.
    pub fn manifests(&self) -> PathBuf {
        let directory = self.directory.path().join("quickstart");
        let examples = root().join("examples/quickstart");
        for part in ["", SECOND_CLOUD, NOTEBOOKS] {
            fs::create_dir_all(directory.join(part)).expect("a directory for the manifests can be made");
            for entry in fs::read_dir(examples.join(part)).expect("examples/quickstart is there").flatten() {
                if entry.path().extension().is_some_and(|end| end == "yaml") {
                    let text = fs::read_to_string(entry.path()).expect("an example can be read");
                    let text = text.replace("http://127.0.0.1:5000", self.moto.url());
                    let text = text.replace("http://127.0.0.1:4600", self.alibaba.url());
                    let often = "  tags: {cost-centre: ml}\n  driftCheckInterval: 1s";
                    let text = text.replace("  tags: {cost-centre: ml}", often);
                    fs::write(directory.join(part).join(entry.file_name()), text).expect("a manifest can be written");
                }
            }
        }
        directory
    }

    /// Starts the operator with its ServiceAccount's rights.
    pub async fn start_operator(&mut self) {
        // The emulator's keys work at once and its reads do not lag, so nothing is waited for.
        let launch = Launch::new(&self.binary).argument("--key-proof=0").argument("--fresh-write=0");
        // What takes SageMaker minutes is over in half a second.
        let launch = launch.argument("--notebook-poll=0.5");
        self.operator = Some(Operator::start(&self.control_plane, &launch).await);
    }

    /// Waits until the object is there and `holds` for it.
    pub async fn until<K>(&self, api: Api<K>, name: &str, what: &str, holds: impl FnMut(&K) -> bool) -> K
    where
        K: Clone + Debug + Send + DeserializeOwned + Serialize + Resource + 'static,
    {
        wait::until(api, name, what, holds).await.unwrap_or_else(|why| self.fail(&why))
    }

    /// Asks the cloud again and again until it says so.
    pub async fn until_cloud<F: Future<Output = bool>>(&self, what: &str, holds: impl Fn() -> F) {
        let deadline = Instant::now() + wait::DEADLINE;
        while !holds().await {
            if Instant::now() > deadline {
                self.fail(&format!("{what}, awaited for {:?}", wait::DEADLINE));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends the demo, with the end of the operator's log.
    pub fn fail(&self, why: &str) -> ! {
        let log = self.operator.as_ref().map(Operator::log_tail).unwrap_or_default();
        panic!("{why}\n--- the end of the operator's log ---\n{log}")
    }

    /// Runs kubectl, shows the command and what it answers.
    pub async fn kubectl(&self, arguments: &[&str]) -> String {
        show::command(&format!("kubectl {}", self.shortened(arguments)));
        let mut kubectl = Command::new(tool("venv/bin/kubectl"));
        kubectl.env("KUBECACHEDIR", self.directory.path().join("kubectl-cache"));
        let text = self.run(kubectl, arguments).await;
        show::answer(&text);
        text
    }

    /// Runs `tenantry plan`, shows the command and what it answers.
    pub async fn plan(&self) -> String {
        show::command("tenantry plan");
        let text = self.run(Command::new(&self.binary), &["plan"]).await;
        show::answer(&text);
        text
    }

    /// Runs `tenantry notebook open`, shows the command and that it answers. The address is a credential.
    pub async fn open(&self, notebook: &str) -> String {
        show::command(&format!("tenantry notebook open {notebook}"));
        let text = self.run(Command::new(&self.binary), &["notebook", "open", notebook]).await;
        show::answer(text.split_once('?').map_or(text.as_str(), |(address, _)| address));
        text
    }

    async fn run(&self, mut program: Command, arguments: &[&str]) -> String {
        program.args(arguments).env("KUBECONFIG", self.control_plane.kubeconfig()).kill_on_drop(true);
        let output = program.output().await.unwrap_or_else(|e| panic!("{program:?} cannot be started: {e}"));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{} ended with {}: {complaint}{text}",
            self.shortened(arguments),
            output.status
        );
        if text.is_empty() { complaint.into_owned() } else { text }
    }

    /// The arguments as one would type them: without our directory's long path and without what is secret.
    fn shortened(&self, arguments: &[&str]) -> String {
        let directory = format!("{}/", self.directory.path().display());
        let shown =
            arguments.iter().map(|it| match it.strip_prefix("--from-literal=").and_then(|it| it.split_once('=')) {
                Some((name, _)) => format!("--from-literal={name}=…"),
                None => it.replace(&directory, ""),
            });
        shown.collect::<Vec<_>>().join(" ")
    }
}
