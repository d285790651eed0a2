//! `tenantry plan -f`: files against a live cluster and account, by someone who may only read, without an operator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use kube::api::Api;
use serde_json::Value;
use tempfile::TempDir;
use tenantry::api::{Tenant, TenantUser};
use testbed::World;
use testbed::aws::Credentials;
use testbed::layout::root;
use testbed::moto::ACCOUNT_ID;

use crate::support::{ACCOUNT, definitions, namespace, of, operator_calls, own, ready, role, tenant, user};
use crate::tenant::launch;

const PLANNER: &str = "system:serviceaccount:default:planner";

/// A folder of manifests, one file each.
pub struct Files(TempDir);

impl Files {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn write(&self, name: &str, text: &str) -> &Self {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Who plans: a kubeconfig and credentials of one's own.
#[derive(Default)]
pub struct Planner {
    pub kubeconfig: PathBuf,
    pub key: Option<Credentials>,
    pub alibaba: Option<testbed::alibaba::Credentials>,
}

impl Planner {
    pub async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.output(arguments).await;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    async fn output(&self, arguments: &[&str]) -> Output {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_tenantry"));
        command.arg("plan").args(arguments).env_clear().env("KUBECONFIG", &self.kubeconfig);
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        if let Some(key) = &self.key {
            command.env("AWS_ACCESS_KEY_ID", &key.access_key_id);
            command.env("AWS_SECRET_ACCESS_KEY", &key.secret_access_key);
        }
        if let Some(key) = &self.alibaba {
            command.env("ALIBABA_CLOUD_ACCESS_KEY_ID", &key.access_key_id);
            command.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", key.secret());
        }
        command.output().await.unwrap()
    }

    /// Runs it, expects success, and gives what it printed.
    pub async fn plan(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.run(arguments).await;
        assert_eq!(code, 0, "{err}{out}");
        out
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.extend(["-o", "json"]);
        serde_json::from_str(&self.plan(&all).await).unwrap()
    }
}

pub fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

/// The kubeconfig of one who may read in the cluster as the documentation says, and nothing else.
pub async fn reads_the_cluster(world: &World) -> PathBuf {
    let rbac = fs::read_to_string(root().join("docs/plan/rbac.yaml")).unwrap();
    world.apply(&rbac).await;
    world
        .apply(
            "
apiVersion: v1
kind: ServiceAccount
metadata: {name: planner, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: planner}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: tenantry-planner}
subjects: [{kind: ServiceAccount, name: planner, namespace: default}]
",
        )
        .await;
    world.control_plane.service_account_kubeconfig("default", "planner").await
}

/// One who may read, in the cluster and in the account, as the documentation says, and nothing else.
async fn reader(world: &World) -> Planner {
    let kubeconfig = reads_the_cluster(world).await;
    let policy = fs::read_to_string(root().join("docs/aws/plan-policy.json")).unwrap();
    let key = Some(world.moto.user_with_key("planner", &policy).await);
    Planner { kubeconfig, key, alibaba: None }
}

/// The same role with one action more.
fn wider_role(tenant: &str, namespace: &str, name: &str) -> String {
    role(tenant, namespace, name).replace("'s3:ListBucket'", "'s3:ListBucket', 's3:PutObject'")
}

#[tokio::test]
async fn files_are_planned_against_what_is_live_by_one_who_may_only_read() {
    let mut world = own(launch(), "").await;
    let defs = definitions("acme");
    world.apply(&namespace(&defs)).await;
    let acme = tenant("acme", "  owners: [{kind: User, name: olga@acme.example}]");
    let alice = user("acme", &defs, "alice", "  roles: [reader]\n  accessKey: {}");
    let eve = user("acme", &defs, "eve", "  roles: [reader]\n  accessKey: {}");
    let reader_role = role("acme", &defs, "reader");
    world.apply(&[&*acme, &reader_role, &alice, &eve].concat()).await;
    ready(&world, &of::<TenantUser>(&world, &defs), "alice").await;
    ready(&world, &of::<TenantUser>(&world, &defs), "eve").await;
    ready(&world, &Api::<Tenant>::all(world.client()), "acme").await;
    world.operator.kill();
    let iam = world.moto.iam();
    iam.create_group().group_name("beta").send().await.unwrap();

    let reader = reader(&world).await;
    world.moto.enforce(true).await;
    world.moto.reset_calls().await;
    let before = world.control_plane.requests().len();

    // What is live and in the files is the same: nothing to do, whoever looks.
    let files = Files::new();
    files.write("acme/tenant.yaml", &acme).write("acme/roles.yaml", &reader_role);
    files.write("acme/users.yaml", &[&*alice, &eve].concat()).write("namespaces.yaml", &namespace(&defs));
    files.write("others.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}");
    let folder = files.path().to_str().unwrap().to_owned();
    let (code, out, err) = reader.run(&["-f", &folder, "--detailed-exitcode"]).await;
    assert_eq!(code, 0, "{err}{out}");
    contains(
        &out,
        &[
            &format!("aws ({ACCOUNT_ID}, eu-west-1)\n  nothing to do\n"),
            "No changes. Everything is as the manifests say.",
            "Note: Other kinds in the files were passed over: 1 ConfigMap.",
            "Note: CloudAccount aws was read with your own AWS credentials: you may not read Secret tenantry-system/aws.",
            "Note: You may not list Secrets in namespace acme-defs",
        ],
    );
    assert!(!out.contains('\u{1b}'), "no colours where there is no terminal");

    // One role wider, one user more, one less, a tenant that is new and whose group is another's.
    files.write("acme/roles.yaml", &wider_role("acme", &defs, "reader"));
    files.write("acme/users.yaml", &alice);
    files.write(
        "acme/dave.yaml",
        &user(
            "acme",
            &defs,
            "dave",
            "  roles: [reader]\n  accessKey: {}\n  kubernetes: {kind: User, name: dave@acme.example}",
        ),
    );
    files.write(
        "beta.yaml",
        &tenant("beta", "").replace("definitionNamespaces: [beta-defs]", "namespaces: [{name: beta}]"),
    );
    let out = reader.plan(&["-f", &folder, "--prune"]).await;
    contains(
        &out,
        &[
            "  tenant acme\n",
            "    ~ policy   acme.reader                         version v1 → next\n        statement 1: actions  + s3:PutObject\n",
            "    + user     acme.dave                           path /tenants/",
            "    + member   acme.dave → acme\n",
            "    + attach   acme.reader → acme.dave\n",
            "    + key      acme.dave → Secret acme-defs/dave-aws\n",
            "    - user     acme.eve\n",
            "    > alice gains s3:PutObject on arn:aws:s3:::reader\n",
            "    > dave gains s3:ListBucket, s3:PutObject on arn:aws:s3:::reader\n",
            "    > eve loses everything\n",
            "  tenant beta\n    ! Tenant beta: group \"beta\" exists and was not made from this manifest",
            "    + object   Namespace beta\n",
            "    > dave@acme.example gains Role tenantry:user:dave in namespace acme-defs\n",
            "1 refused.",
            "Note: In the cluster, not in the files, and so deleted: TenantUser acme-defs/eve.",
        ],
    );
    assert!(!out.contains("alice-aws"), "a key whose Secret cannot be seen is left as the status says:\n{out}");

    // Without --prune a live manifest that is not in the files stays as it is.
    let kept = reader.plan(&["-f", &folder]).await;
    assert!(!kept.contains("acme.eve\n") && !kept.contains("eve loses"), "{kept}");
    // A plan of one tenant.
    let one = reader.plan(&["-f", &folder, "--tenant", "beta"]).await;
    assert!(one.contains("tenant beta") && !one.contains("tenant acme"), "{one}");

    // Forms and exit codes.
    let (code, _, _) = reader.run(&["-f", &folder, "--detailed-exitcode"]).await;
    assert_eq!(code, 2);
    let colourful = reader.plan(&["-f", &folder, "--color", "always"]).await;
    assert!(colourful.contains("\u{1b}[32m    + user     acme.dave"), "{colourful:?}");
    let report = reader.json(&["-f", &folder, "--prune"]).await;
    assert_eq!(report["format"], "tenantry.dev/plan.v1");
    assert_eq!(report["accounts"][ACCOUNT]["id"], ACCOUNT_ID);
    assert_eq!(report["accounts"][ACCOUNT]["credentials"], "your own AWS credentials");
    let change = |noun: &str, object: &str| {
        let all = report["changes"].as_array().unwrap();
        all.iter().find(|it| it["noun"] == noun && it["object"] == object).cloned().unwrap_or_default()
    };
    assert_eq!(change("policy", "acme.reader")["deed"], "change");
    assert_eq!(change("policy", "acme.reader")["document"]["Statement"][0]["Action"][1], "s3:PutObject");
    assert_eq!(change("user", "acme.dave")["manifest"], "TenantUser acme-defs/dave");
    assert_eq!(change("user", "acme.eve")["deed"], "delete");
    assert_eq!(report["refused"][0]["class"], "NotOwned");
    let gains = |who: &str| {
        let all = report["people"].as_array().unwrap();
        all.iter().find(|it| it["users"][0] == who).cloned().unwrap_or_default()
    };
    assert_eq!(gains("alice")["gains"][0]["actions"][0], "s3:PutObject");
    assert_eq!(gains("eve")["losesEverything"], true);
    let counted = report["changes"].as_array().unwrap().iter().filter(|it| it["deed"] == "add").count();
    assert_eq!(report["summary"]["add"], counted);
    let markdown = reader.plan(&["-f", &folder, "--prune", "-o", "markdown"]).await;
    contains(
        &markdown,
        &[
            "### Tenantry plan\n\n**",
            "#### Refused\n\n- Tenant beta: group",
            "| acme | aws | dave gains s3:ListBucket, s3:PutObject on arn:aws:s3:::reader |",
            "<details><summary>aws: tenant acme, ",
            "```diff\n",
            "+ user     acme.dave",
        ],
    );

    // Accounts that only files know, with what holds for the whole of them.
    let two = world.cloud_account("aws-two", "  passwordPolicy: {minimumLength: 12}");
    let two = two.replace("credentialsSecret: aws-two", "permissionsBoundary: Managed");
    let gamma = tenant("gamma", "  accounts: [{name: aws-two}]").replace("  definitionNamespaces: [gamma-defs]\n", "");
    files.write("only/account.yaml", &two).write("only/gamma.yaml", &gamma);
    let only = files.path().join("only");
    let out = reader.plan(&["-f", only.to_str().unwrap()]).await;
    let heading = format!("aws-two ({ACCOUNT_ID}, eu-west-1)\n  whole account\n    + policy   tenantry_boundary_");
    contains(
        &out,
        &[&heading, "    ~ rules    for passwords", "minimumLength", "  tenant gamma\n    + group    gamma\n"],
    );
    assert!(!out.contains("tenant acme"), "{out}");
    fs::remove_dir_all(only).unwrap();

    // All of that was reading.
    let key = reader.key.as_ref().unwrap().access_key_id.clone();
    let calls = world.moto.requests().await;
    assert!(calls.iter().any(|it| it.access_key_id == key));
    assert!(calls.iter().all(|it| it.action.starts_with("Get") || it.action.starts_with("List")), "{calls:?}");
    assert_eq!(operator_calls(&world).await.len(), calls.iter().filter(|it| it.access_key_id == key).count());
    let asked = world.control_plane.requests().split_off(before);
    assert!(asked.iter().any(|it| it.user == PLANNER && it.resource == "tenantusers"));
    let written: Vec<_> = asked.iter().filter(|it| it.user == PLANNER && it.is_write()).collect();
    assert!(written.is_empty(), "{written:?}");

    // One who may read the Secret plans with the operator's credentials, and needs none.
    let admin = Planner { kubeconfig: world.control_plane.kubeconfig().to_owned(), ..Planner::default() };
    let report = admin.json(&["-f", &folder]).await;
    assert_eq!(report["accounts"][ACCOUNT]["credentials"], "Secret tenantry-system/aws");
    errors(&reader, &admin, &files, &defs).await;
}

/// What cannot be planned is code 1, and says file, object and way out.
async fn errors(reader: &Planner, admin: &Planner, good: &Files, defs: &str) {
    let fails = async |planner: &Planner, arguments: &[&str], parts: &[&str]| {
        let (code, out, err) = planner.run(arguments).await;
        assert_eq!((code, out.as_str()), (1, ""), "{err}");
        contains(&err, parts);
    };
    let files = Files::new();
    let folder = files.path().to_str().unwrap().to_owned();
    files.write("bad.yaml", &user("acme", defs, "zoe", "  role: [x]\n  suspended: 'no'"));
    files.write("worse.yaml", "a: [");
    fails(reader, &["-f", &folder], &["worse.yaml: not YAML"]).await;
    fs::remove_file(files.path().join("worse.yaml")).unwrap();
    fails(
        reader,
        &["-f", &folder, "--detailed-exitcode"],
        &[
            "2 problems in the files:",
            "bad.yaml, TenantUser acme-defs/zoe: spec.role: there is no such field; there are accessKey,",
            "spec.suspended: a text where true or false is expected",
        ],
    )
    .await;
    fails(reader, &["-f", "nowhere.yaml"], &["nowhere.yaml cannot be read"]).await;
    fails(reader, &["--tenant", "nobody"], &["there is no tenant nobody"]).await;

    // What a rule of the definition forbids, what may not change, and what only the API server can judge.
    files.write("bad.yaml", &user("acme", defs, "zoe", "  kubernetes: {kind: ServiceAccount, name: x}"));
    fails(reader, &["-f", &folder], &["TenantUser acme-defs/zoe: spec.kubernetes: namespace belongs to kind"]).await;
    files.write("bad.yaml", &user("other", defs, "alice", ""));
    fails(reader, &["-f", &folder], &["bad.yaml, TenantUser acme-defs/alice: spec.tenant: immutable"]).await;
    let name = "{apiVersion: v1, kind: Namespace, metadata: {name: zeta, labels: {tenantry.dev/tenant: acme}}}";
    files.write("bad.yaml", name);
    let asked = ["-f", &folder, "--server-dry-run"];
    reader.plan(&["-f", &folder]).await;
    fails(reader, &asked, &["bad.yaml, Namespace zeta: the API server cannot be asked", "cannot patch resource"]).await;
    let label = "labels: {bad label: x}";
    files.write("bad.yaml", &name.replace("labels: {tenantry.dev/tenant: acme}", label));
    fails(admin, &asked, &["bad.yaml, Namespace zeta: the API server refuses it", "bad label"]).await;

    // Credentials and clusters that do not do.
    let nobody = Planner {
        kubeconfig: reader.kubeconfig.clone(),
        key: Some(Credentials::new("AKIANOBODYNOBODYNOBO", "x")),
        alibaba: None,
    };
    let path = good.path().to_str().unwrap().to_owned();
    let parts =
        ["CloudAccount aws: you may not read Secret tenantry-system/aws, and your own AWS credentials do not do"];
    fails(&nobody, &["-f", &path], &parts).await;
    let nowhere = Planner { kubeconfig: PathBuf::from("/nonexistent/kubeconfig"), ..Planner::default() };
    fails(&nowhere, &["-f", &path], &["no cluster to plan for"]).await;
}
