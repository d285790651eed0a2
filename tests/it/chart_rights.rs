//! The Helm chart on a real API server: it installs, and everyone may do exactly what they should.

use std::fs;

use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicy;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, PostParams};
use kube::{Client, Error};
use tenantry::api::Tenant;
use testbed::ControlPlane;
use testbed::apply::apply;
use testbed::layout::root;
use tokio::sync::OnceCell;

use crate::chart::{VALUE_SETS, helm};

const OPERATOR: &str = "tenantry-system";
/// Helm keeps a release in one Secret of at most 1 MiB: half of it is where we start to worry.
const RELEASE_MAX: usize = 500_000;

/// One control plane with the chart, for all tests here.
async fn cluster() -> &'static ControlPlane {
    static CLUSTER: OnceCell<ControlPlane> = OnceCell::const_new();
    CLUSTER
        .get_or_init(|| async {
            let cluster = ControlPlane::start().await;
            cluster.install_chart(OPERATOR, &[]).await;
            admission_policies_in_force(&cluster).await;
            cluster
        })
        .await
}

/// The API server takes up new policies with a delay: waits until one of them is seen to refuse.
async fn admission_policies_in_force(cluster: &ControlPlane) {
    let forged = "{apiVersion: v1, kind: Namespace, metadata: {name: probe-NN, labels: {tenantry.dev/tenant: probe}}}";
    let nobody = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: probe}
rules: [{apiGroups: [''], resources: [namespaces], verbs: [get, create, patch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: probe}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: probe}
subjects: [{kind: User, name: probe, apiGroup: rbac.authorization.k8s.io}]
";
    apply(&cluster.client(), nobody).await.unwrap();
    let probe = cluster.impersonate("probe", &["system:authenticated"]);
    for n in 0..200 {
        let answer = apply(&probe, &forged.replace("NN", &n.to_string())).await;
        if matches!(&answer, Err(Error::Api(status)) if status.message.contains("tenantry-namespace-labels")) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the admission policies are not in force");
}

/// `verb resource[.group][/subresource][:name] [namespace]`, as in `kubectl auth can-i`.
pub async fn can(client: &Client, question: &str) -> bool {
    let mut words = question.split(' ');
    let verb = words.next().unwrap();
    let (what, name) = words
        .next()
        .unwrap()
        .split_once(':')
        .map_or_else(|| (question.split(' ').nth(1).unwrap(), None), |(what, name)| (what, Some(name)));
    let namespace = words.next();
    let (what, subresource) = what.split_once('/').map_or((what, None), |(what, sub)| (what, Some(sub)));
    let (resource, group) = what.split_once('.').unwrap_or((what, ""));
    let resource_attributes = ResourceAttributes {
        verb: Some(verb.to_owned()),
        resource: Some(resource.to_owned()),
        group: Some(group.to_owned()),
        subresource: subresource.map(str::to_owned),
        name: name.map(str::to_owned),
        namespace: namespace.map(str::to_owned),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec {
        resource_attributes: Some(resource_attributes),
        ..SelfSubjectAccessReviewSpec::default()
    };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let answer = Api::all(client.clone()).create(&PostParams::default(), &review).await.unwrap();
    answer.status.unwrap().allowed
}

async fn check(client: &Client, who: &str, yes: &[&str], no: &[&str]) {
    for question in yes {
        assert!(can(client, question).await, "{who} may not {question}");
    }
    for question in no {
        assert!(!can(client, question).await, "{who} may {question}");
    }
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Error>, why: &str) {
    match answer {
        Err(Error::Api(status)) if status.message.contains(why) => {}
        other => panic!("to be refused with {why:?}, but: {other:?}"),
    }
}

fn binding(kind: &str, name: &str, namespace: &str, cluster_role: &str, subject: &str) -> String {
    let namespace = if namespace.is_empty() { String::new() } else { format!(", namespace: {namespace}") };
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\n\
         kind: {kind}\n\
         metadata: {{name: '{name}'{namespace}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: '{cluster_role}'}}\n\
         subjects: [{subject}]\n"
    )
}

fn user(name: &str) -> String {
    format!("{{kind: User, name: {name}, apiGroup: rbac.authorization.k8s.io}}")
}

const ITSELF: &str = "{kind: ServiceAccount, name: tenantry, namespace: tenantry-system}";

/// What the operator does for a tenant of that name, with its own rights; a right that it gives itself takes a moment.
async fn make_tenant(cluster: &ControlPlane, tenant: &str) -> Client {
    let operator = cluster.client_as(OPERATOR, "tenantry").await;
    let namespace = format!(
        "{{apiVersion: v1, kind: Namespace, metadata: {{name: {tenant}, labels: {{tenantry.dev/tenant: {tenant}}}}}}}"
    );
    apply(&operator, &namespace).await.unwrap();
    let own = binding("RoleBinding", &format!("tenantry:operator:{tenant}"), tenant, "tenantry-secrets", ITSELF);
    apply(&operator, &own).await.unwrap();
    for _ in 0..100 {
        if can(&operator, &format!("patch secrets {tenant}")).await {
            return operator;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the operator's right to Secrets does not come");
}

#[tokio::test]
async fn it_is_accepted_with_any_values_and_small_enough() {
    let cluster = ControlPlane::start().await;
    for set in VALUE_SETS {
        // Helm would go on with the values of the time before where none are given.
        cluster.install_chart(OPERATOR, &[&["--reset-values"][..], set].concat()).await;
    }
    let releases: Api<Secret> = Api::namespaced(cluster.client(), OPERATOR);
    let size =
        |secret: &Secret| secret.data.iter().flat_map(|data| data.values()).map(|value| value.0.len()).sum::<usize>();
    let largest = releases.list(&ListParams::default()).await.unwrap().iter().map(size).max().unwrap();
    assert!(largest > 0 && largest < RELEASE_MAX, "a release takes {largest} bytes");
}

#[tokio::test]
async fn tenants_outlive_the_release_and_the_next_one_takes_them_up() {
    let cluster = ControlPlane::start().await;
    cluster.install_chart(OPERATOR, &[]).await;
    let tenant = "{apiVersion: tenantry.dev/v1alpha1, kind: Tenant, metadata: {name: kept}, spec: {}}";
    apply(&cluster.client(), tenant).await.unwrap();
    let kubeconfig = cluster.kubeconfig().display().to_string();
    let output = helm(&["uninstall", "tenantry", "--namespace", OPERATOR, "--kubeconfig", &kubeconfig]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tenants: Api<Tenant> = Api::all(cluster.client());
    tenants.get("kept").await.unwrap();
    let roles: Api<ClusterRole> = Api::all(cluster.client());
    assert!(roles.get_opt("tenantry-owner").await.unwrap().is_none(), "the rest is gone");
    cluster.install_chart(OPERATOR, &[]).await;
    tenants.get("kept").await.unwrap();
}

#[tokio::test]
async fn its_pod_meets_the_restricted_standard() {
    let cluster = cluster().await;
    let namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: strict, labels: {pod-security.kubernetes.io/enforce: restricted}}}";
    apply(&cluster.client(), namespace).await.unwrap();
    let account = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: tenantry, namespace: strict}}";
    apply(&cluster.client(), account).await.unwrap();
    let deployments: Api<Deployment> = Api::namespaced(cluster.client(), OPERATOR);
    let template = deployments.get("tenantry").await.unwrap().spec.unwrap().template;
    let metadata = ObjectMeta { name: Some("tenantry".to_owned()), ..ObjectMeta::default() };
    let pod = Pod { metadata, spec: template.spec, ..Pod::default() };
    let pods: Api<Pod> = Api::namespaced(cluster.client(), "strict");
    pods.create(&PostParams { dry_run: true, ..PostParams::default() }, &pod).await.unwrap();
}

#[tokio::test]
async fn its_admission_policies_compile_without_a_warning() {
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(cluster().await.client());
    for policy in policies.list(&ListParams::default()).await.unwrap() {
        let name = policy.metadata.name.unwrap();
        let checked = testbed::until(policies.clone(), &name, "type-checked", |it| {
            it.status.as_ref().is_some_and(|s| s.type_checking.is_some())
        });
        let warnings = checked.await.unwrap().status.unwrap().type_checking.unwrap().expression_warnings;
        assert!(warnings.clone().unwrap_or_default().is_empty(), "{name}: {warnings:?}");
    }
}

#[tokio::test]
async fn the_operator_may_do_its_work_and_no_more() {
    let cluster = cluster().await;
    let operator = cluster.client_as(OPERATOR, "tenantry").await;
    let yes = [
        "watch tenants.tenantry.dev",
        "patch tenantusers.tenantry.dev",
        "patch cloudaccounts.tenantry.dev/status",
        "delete tenantroles.tenantry.dev",
        "get namespaces:kube-system",
        "create namespaces",
        "delete namespaces",
        "patch resourcequotas anywhere",
        "create networkpolicies.networking.k8s.io anywhere",
        "create serviceaccounts anywhere",
        "delete rolebindings.rbac.authorization.k8s.io anywhere",
        "patch clusterroles.rbac.authorization.k8s.io",
        "bind clusterroles.rbac.authorization.k8s.io:tenantry-secrets",
        "bind clusterroles.rbac.authorization.k8s.io:view",
        "create events.events.k8s.io anywhere",
        "list customresourcedefinitions.apiextensions.k8s.io",
        "create leases.coordination.k8s.io tenantry-system",
        "update leases.coordination.k8s.io:tenantry tenantry-system",
        "watch secrets tenantry-system",
    ];
    let no = [
        "get secrets",
        "list secrets anywhere",
        "list secrets kube-system",
        "create secrets tenantry-system",
        "delete tenants.tenantry.dev",
        "create tenants.tenantry.dev",
        "delete cloudaccounts.tenantry.dev",
        "bind clusterroles.rbac.authorization.k8s.io:cluster-admin",
        "bind clusterroles.rbac.authorization.k8s.io:edit",
        "escalate clusterroles.rbac.authorization.k8s.io",
        "escalate roles.rbac.authorization.k8s.io anywhere",
        "impersonate users",
        "create pods anywhere",
        "create pods/exec anywhere",
        "patch deployments.apps anywhere",
        "get deployments.apps kube-system",
        "get configmaps anywhere",
        "create serviceaccounts/token anywhere",
        "update leases.coordination.k8s.io:other tenantry-system",
        "get leases.coordination.k8s.io:tenantry anywhere",
        "patch validatingadmissionpolicies.admissionregistration.k8s.io",
        "patch customresourcedefinitions.apiextensions.k8s.io",
        "get nodes",
    ];
    check(&operator, "the operator", &yes, &no).await;
}

#[tokio::test]
async fn the_operator_can_make_a_tenant_and_break_out_of_none() {
    let cluster = cluster().await;
    let operator = make_tenant(cluster, "umbra").await;
    let work = [
        "{apiVersion: v1, kind: ResourceQuota, metadata: {name: tenantry, namespace: umbra}, spec: {hard: {pods: '3'}}}".to_owned(),
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: 'tenantry:user:ann', namespace: umbra}, rules: [{apiGroups: [''], resources: [secrets], resourceNames: [ann-aws], verbs: [get]}]}".to_owned(),
        binding("RoleBinding", "tenantry:owners", "umbra", "tenantry-owner", &user("olga")),
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: 'tenantry:tenant:umbra'}, rules: [{apiGroups: [tenantry.dev], resources: [tenants], resourceNames: [umbra], verbs: [get, list, watch]}]}".to_owned(),
        binding("ClusterRoleBinding", "tenantry:tenant:umbra", "", "tenantry:tenant:umbra", &user("olga")),
        "{apiVersion: v1, kind: Secret, metadata: {name: ann-aws, namespace: umbra}, type: tenantry.dev/access-key}".to_owned(),
        "{apiVersion: v1, kind: ServiceAccount, metadata: {name: trainer, namespace: umbra}}".to_owned(),
    ];
    for object in &work {
        apply(&operator, object).await.unwrap_or_else(|e| panic!("{e}\n{object}"));
    }
    let restarts = ["get deployments.apps umbra", "patch statefulsets.apps umbra", "patch daemonsets.apps umbra"];
    check(&operator, "the operator", &restarts, &["create deployments.apps umbra", "list deployments.apps umbra"])
        .await;
    let outside = binding("RoleBinding", "tenantry:operator:umbra", "kube-system", "tenantry-secrets", ITSELF);
    refused(apply(&operator, &outside).await, "only in the namespaces of tenants");
    let pod = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: trainer, namespace: kube-system}}";
    refused(apply(&operator, pod).await, "only in the namespaces of tenants");
    let everywhere = binding("ClusterRoleBinding", "tenantry:tenant:evil", "", "tenantry-secrets", ITSELF);
    refused(apply(&operator, &everywhere).await, "binds the ClusterRole of its own name");
    let admin = binding("RoleBinding", "tenantry:owners", "umbra", "cluster-admin", ITSELF);
    refused(apply(&operator, &admin).await, "forbidden");
    let more = "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: 'tenantry:tenant:umbra'}, rules: [{apiGroups: [tenantry.dev], resources: [tenants], verbs: [get]}]}";
    refused(apply(&operator, more).await, "own Tenant and nothing else");
    let system =
        "{apiVersion: v1, kind: Namespace, metadata: {name: kube-system, labels: {tenantry.dev/tenant: umbra}}}";
    refused(apply(&operator, system).await, "cannot be a tenant's");
    let secrets: Api<Secret> = Api::namespaced(operator.clone(), "kube-system");
    refused(secrets.list(&ListParams::default()).await, "forbidden");

    for object in work.iter().rev() {
        testbed::apply::delete(&operator, object).await.unwrap();
    }
    let namespaces: Api<Namespace> = Api::all(operator);
    refused(namespaces.delete("kube-node-lease", &DeleteParams::default()).await, "only namespaces of tenants");
    namespaces.delete("umbra", &DeleteParams::default()).await.unwrap();
}

#[tokio::test]
async fn people_may_do_what_their_role_says() {
    let cluster = cluster().await;
    let operator = make_tenant(cluster, "acme").await;
    for (name, role, who) in [
        ("tenantry:owners", "tenantry-owner", "alice"),
        ("tenantry:role:dev:tenantry-developer", "tenantry-developer", "bob"),
        ("tenantry:role:guest:view", "view", "vic"),
    ] {
        apply(&operator, &binding("RoleBinding", name, "acme", role, &user(who))).await.unwrap();
    }
    let authenticated = ["system:authenticated"];
    let [alice, bob, vic] = ["alice", "bob", "vic"].map(|who| cluster.impersonate(who, &authenticated));
    // Bindings and the aggregation into view take a moment.
    for _ in 0..100 {
        if can(&vic, "get tenantusers.tenantry.dev acme").await && can(&bob, "get pods acme").await {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let never = [
        "get secrets acme",
        "list secrets acme",
        "watch secrets acme",
        "create secrets acme",
        "create networkpolicies.networking.k8s.io acme",
        "create rolebindings.rbac.authorization.k8s.io acme",
        "create serviceaccounts/token acme",
        "impersonate serviceaccounts acme",
        "get cloudaccounts.tenantry.dev",
        "list tenants.tenantry.dev",
        "update namespaces:acme acme",
        "get pods beta",
    ];
    let writes_ours = [
        "create tenantusers.tenantry.dev acme",
        "patch tenantroles.tenantry.dev acme",
        "delete tenantnotebooks.tenantry.dev acme",
    ];
    let works = [
        "create pods acme",
        "create pods/exec acme",
        "delete jobs.batch acme",
        "patch deployments.apps acme",
        "get pods/log acme",
        "create resourceclaims.resource.k8s.io acme",
        "create persistentvolumeclaims acme",
        "get resourcequotas acme",
    ];
    let reads_ours = ["list tenantusers.tenantry.dev acme", "get tenantroles.tenantry.dev/status acme"];

    check(&alice, "an owner", &[&writes_ours[..], &works, &reads_ours].concat(), &never).await;
    check(&alice, "an owner", &[], &["patch tenantusers.tenantry.dev/status acme"]).await;
    check(&bob, "a developer", &works, &[&never[..], &writes_ours].concat()).await;
    check(
        &vic,
        "a viewer",
        &[&reads_ours[..], &["get pods acme"]].concat(),
        &[&never[..], &writes_ours, &["create pods acme"]].concat(),
    )
    .await;
}

#[tokio::test]
async fn the_examples_are_accepted_as_they_are() {
    let cluster = cluster().await;
    let mut directories: Vec<_> =
        fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path()).collect();
    directories.retain(|path| path.is_dir());
    assert!(!directories.is_empty());
    for directory in directories {
        let mut files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
        files.sort();
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            apply(&cluster.client(), &text).await.unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        }
    }
}
