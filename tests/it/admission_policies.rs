//! What the admission policies refuse: deleting what is protected, the operator's reach, the labels that say whose a
//! namespace is. The operator has all of RBAC's rights here, so that only the policies can refuse.

use std::fs;
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicy;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tenantry::api::{Tenant, TenantNotebook, TenantUser};
use testbed::apply::apply;
use testbed::{ControlPlane, until};
use tokio::time::{Instant, sleep};

const OPERATOR: &str = "system:serviceaccount:tenantry-system:tenantry";

const WORLD: &str = "
{apiVersion: v1, kind: Namespace, metadata: {name: tenantry-system}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: tenantry, namespace: tenantry-system}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: operator-may-all}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: tenantry, namespace: tenantry-system}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: namespace-editor}
rules: [{apiGroups: [''], resources: [namespaces, namespaces/status, namespaces/finalize], verbs: [get, create, update, patch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: mallory-edits-namespaces}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: namespace-editor}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: mallory}]
---
{apiVersion: v1, kind: Namespace, metadata: {name: acme, labels: {tenantry.dev/tenant: acme}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: umbra, labels: {tenantry.dev/tenant: umbra}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: tenancy, labels: {tenantry.dev/definitions: 'true'}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: free}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: trainer, namespace: acme}
spec:
  replicas: 0
  selector: {matchLabels: {app: trainer}}
  template:
    metadata: {labels: {app: trainer}, annotations: {team: vision}}
    spec: {containers: [{name: main, image: 'registry.example/trainer:1'}]}
---
{apiVersion: tenantry.dev/v1alpha1, kind: Tenant, metadata: {name: acme}, spec: {deletionProtection: true, definitionNamespaces: [tenancy]}}
---
{apiVersion: tenantry.dev/v1alpha1, kind: Tenant, metadata: {name: umbra}, spec: {}}
---
{apiVersion: tenantry.dev/v1alpha1, kind: Tenant, metadata: {name: lumen}, spec: {accounts: [{name: aws}], limits: {instanceTypes: [ml.t3.medium, ml.t3.large]}}}
---
{apiVersion: tenantry.dev/v1alpha1, kind: TenantUser, metadata: {name: alice, namespace: acme}, spec: {tenant: acme}}
---
{apiVersion: tenantry.dev/v1alpha1, kind: TenantUser, metadata: {name: bob, namespace: tenancy}, spec: {tenant: acme}}
---
{apiVersion: tenantry.dev/v1alpha1, kind: TenantUser, metadata: {name: carol, namespace: free}, spec: {tenant: acme}}
---
{apiVersion: tenantry.dev/v1alpha1, kind: TenantUser, metadata: {name: dave, namespace: umbra}, spec: {tenant: umbra}}
";

/// The refusal of a request, if it was refused.
fn refusal<T>(answer: Result<T, kube::Error>) -> Option<String> {
    match answer {
        Ok(_) => None,
        Err(kube::Error::Api(status)) => Some(status.message),
        Err(other) => panic!("{other}"),
    }
}

#[track_caller]
fn accepted<T>(answer: Result<T, kube::Error>) {
    if let Some(message) = refusal(answer) {
        panic!("to be accepted, was refused: {message}");
    }
}

#[track_caller]
fn refused<T>(answer: Result<T, kube::Error>, because: &str) {
    let message = refusal(answer).unwrap_or_else(|| panic!("to be refused, was accepted: {because}"));
    assert!(message.contains(because), "to be refused with: {because}\nwas refused with: {message}");
}

async fn would_delete<K>(api: Api<K>, name: &str) -> Result<(), kube::Error>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    api.delete(name, &DeleteParams { dry_run: true, ..DeleteParams::default() }).await.map(drop)
}

async fn would_create<K>(api: Api<K>, object: Value) -> Result<K, kube::Error>
where
    K: Resource + Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    api.create(&PostParams { dry_run: true, ..PostParams::default() }, &serde_json::from_value(object).unwrap()).await
}

async fn would_label(client: &Client, namespace: &str, labels: Value) -> Result<Namespace, kube::Error> {
    let patch = Patch::Merge(json!({"metadata": {"labels": labels}}));
    Api::<Namespace>::all(client.clone())
        .patch(namespace, &PatchParams { dry_run: true, ..Default::default() }, &patch)
        .await
}

/// The API server takes note of policies and of their parameters a moment after they were written.
async fn eventually<F: Future<Output = bool>>(what: &str, probe: impl Fn() -> F) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !probe().await {
        assert!(Instant::now() < deadline, "{what}: not within 30 s");
        sleep(Duration::from_millis(100)).await;
    }
}

async fn start() -> ControlPlane {
    let control_plane = ControlPlane::start().await;
    control_plane.install_crds().await;
    let client = control_plane.client();
    apply(&client, WORLD).await.unwrap();
    for entry in fs::read_dir(testbed::layout::root().join("charts/tenantry/files/admission")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        apply(&client, &text.replace("OPERATOR_USERNAME", OPERATOR)).await.unwrap();
    }
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(client.clone());
    for policy in policies.list(&ListParams::default()).await.unwrap() {
        let name = policy.metadata.name.unwrap();
        let checked = |p: &ValidatingAdmissionPolicy| p.status.as_ref().is_some_and(|s| s.type_checking.is_some());
        let policy = until(policies.clone(), &name, "type-checked", checked).await.unwrap();
        let warnings = policy.status.and_then(|s| s.type_checking).and_then(|t| t.expression_warnings);
        assert!(warnings.is_none(), "{name}: {warnings:?}");
    }
    control_plane
}

// proves: Tenant.spec.deletionProtection
#[tokio::test]
async fn admission_policies_hold() {
    let control_plane = start().await;
    let admin = control_plane.client();
    let users = |namespace: &str| Api::<TenantUser>::namespaced(admin.clone(), namespace);
    eventually("protection", || async {
        refusal(would_delete(users("acme"), "alice").await).is_some()
            && refusal(would_delete(Api::<Tenant>::all(admin.clone()), "acme").await).is_some()
            && refusal(would_delete(Api::<Namespace>::all(admin.clone()), "acme").await).is_some()
    })
    .await;
    eventually("labels", || async {
        let mallory = control_plane.impersonate("mallory", &[]);
        refusal(would_label(&mallory, "free", json!({"tenantry.dev/tenant": "acme"})).await).is_some()
    })
    .await;

    what_is_protected_stays(&admin).await;
    let operator = control_plane.client_as("tenantry-system", "tenantry").await;
    eventually("the operator's reach", || async {
        let namespaces: Api<Namespace> = Api::all(operator.clone());
        let roles: Api<ClusterRole> = Api::all(operator.clone());
        let quotas: Api<ResourceQuota> = Api::namespaced(operator.clone(), "free");
        let quota = json!({"metadata": {"name": "x"}});
        refusal(would_delete(namespaces, "free").await).is_some()
            && refusal(would_delete(roles, "view").await).is_some()
            && refusal(would_create(quotas, quota).await).is_some()
            && refusal(would_delete(Api::<Deployment>::namespaced(operator.clone(), "acme"), "trainer").await).is_some()
    })
    .await;
    the_operator_stays_in_its_namespaces(&operator, &admin).await;
    the_operator_restarts_workloads_and_does_no_more(&operator, &admin).await;
    labels_are_the_operators(&operator, &admin, &control_plane.impersonate("mallory", &[])).await;
    notebooks_are_what_their_tenant_allows(&admin).await;
    protection_ends_with_the_field(&admin).await;
}

async fn notebooks_are_what_their_tenant_allows(admin: &Client) {
    let notebooks: Api<TenantNotebook> = Api::namespaced(admin.clone(), "free");
    let notebook = |name: &str, tenant: &str, account: &str, typed: &str| {
        let spec = json!({"tenant": tenant, "user": "alice", "account": account, "instanceType": typed});
        serde_json::from_value::<TenantNotebook>(json!({"metadata": {"name": name}, "spec": spec})).unwrap()
    };
    let make = |notebook: TenantNotebook| {
        let notebooks = notebooks.clone();
        async move { notebooks.create(&PostParams::default(), &notebook).await }
    };
    let change = |spec: Value| {
        let (notebooks, patch) = (notebooks.clone(), Patch::Merge(spec));
        async move { notebooks.patch("lab", &PatchParams::default(), &patch).await }
    };
    const TYPE: &str =
        "is not allowed: spec.limits.instanceTypes of Tenant lumen has ml.t3.medium, ml.t3.large. Choose one";
    let large = notebook("large", "lumen", "aws", "ml.p3.16xlarge");
    eventually("limits", || async { refusal(make(large.clone()).await).is_some() }).await;
    refused(make(large.clone()).await, &format!("spec.instanceType: ml.p3.16xlarge {TYPE}"));
    let elsewhere = notebook("elsewhere", "lumen", "aws-two", "ml.t3.large");
    refused(make(elsewhere).await, "spec.account: tenant lumen is not in account aws-two. Add it to spec.accounts");
    // A Tenant that says nothing of types, one that is not there yet, and what is only tried.
    refused(make(notebook("none", "umbra", "aws", "ml.p3.16xlarge")).await, "tenant umbra is not in account aws");
    accepted(make(notebook("early", "nobody", "aws", "ml.p3.16xlarge")).await);
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    accepted(notebooks.create(&dry, &large).await);

    // What is there can be changed, but not to another type that is not allowed.
    accepted(make(notebook("lab", "lumen", "aws", "ml.t3.medium")).await);
    let tenants: Api<Tenant> = Api::all(admin.clone());
    let less = Patch::Merge(json!({"spec": {"accounts": [], "limits": {"instanceTypes": ["ml.t3.large"]}}}));
    tenants.patch("lumen", &PatchParams::default(), &less).await.unwrap();
    let back = notebook("back", "lumen", "aws", "ml.t3.medium");
    eventually("the lower limit", || async {
        let said = refusal(make(back.clone()).await);
        let _ = notebooks.delete("back", &DeleteParams::default()).await;
        said.is_some()
    })
    .await;
    accepted(change(json!({"spec": {"volumeSizeGb": 20, "state": "Stopped"}})).await);
    accepted(change(json!({"metadata": {"finalizers": ["tenantry.dev/test"], "labels": {"a": "b"}}})).await);
    refused(change(json!({"spec": {"instanceType": "ml.p3.16xlarge"}})).await, "ml.p3.16xlarge is not allowed");
    accepted(change(json!({"spec": {"instanceType": "ml.t3.large"}})).await);
    let status = Patch::Merge(json!({"status": {"state": "InService"}}));
    accepted(notebooks.patch_status("lab", &PatchParams::default(), &status).await);
    accepted(change(json!({"metadata": {"finalizers": null}})).await);
}

async fn what_is_protected_stays(admin: &Client) {
    let users = |namespace: &str| Api::<TenantUser>::namespaced(admin.clone(), namespace);
    let namespaces: Api<Namespace> = Api::all(admin.clone());
    let tenants: Api<Tenant> = Api::all(admin.clone());
    refused(
        would_delete(tenants.clone(), "acme").await,
        "tenant acme is protected: to delete it, set its spec.deletionProtection to false first",
    );
    refused(
        would_delete(users("acme"), "alice").await,
        "tenant acme is protected, with everything in it: to delete this, set spec.deletionProtection",
    );
    refused(would_delete(users("tenancy"), "bob").await, "tenant acme is protected");
    refused(
        would_delete(namespaces.clone(), "acme").await,
        "namespace acme belongs to tenant acme, which is protected",
    );
    let all = users("acme").delete_collection(&DeleteParams::default(), &ListParams::default()).await;
    refused(all, "tenant acme is protected");

    // A manifest that does not count, and what is another tenant's.
    accepted(would_delete(users("free"), "carol").await);
    accepted(would_delete(users("umbra"), "dave").await);
    accepted(would_delete(tenants, "umbra").await);
    for name in ["umbra", "tenancy", "free"] {
        accepted(would_delete(namespaces.clone(), name).await);
    }
}

async fn the_operator_stays_in_its_namespaces(operator: &Client, admin: &Client) {
    const ELSEWHERE: &str = "only in the namespaces of tenants, and";
    let view = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"});
    let binding = json!({"metadata": {"name": "x"}, "roleRef": view});
    let named = json!({"metadata": {"name": "x"}});
    let policy = json!({"metadata": {"name": "x"}, "spec": {"podSelector": {}}});
    for (namespace, roles, others) in
        [("acme", true, true), ("tenancy", true, false), ("free", false, false), ("kube-system", false, false)]
    {
        let check = |allowed: bool, said: Option<String>| match (allowed, said) {
            (true, None) => {}
            (false, Some(message)) if message.contains(ELSEWHERE) => {}
            (_, said) => panic!("{namespace}: {said:?}"),
        };
        let c = || operator.clone();
        check(roles, refusal(would_create::<RoleBinding>(Api::namespaced(c(), namespace), binding.clone()).await));
        check(roles, refusal(would_create::<Role>(Api::namespaced(c(), namespace), named.clone()).await));
        check(others, refusal(would_create::<ResourceQuota>(Api::namespaced(c(), namespace), named.clone()).await));
        check(
            others,
            refusal(
                would_create::<LimitRange>(
                    Api::namespaced(c(), namespace),
                    json!({"metadata": {"name": "x"}, "spec": {"limits": []}}),
                )
                .await,
            ),
        );
        check(others, refusal(would_create::<NetworkPolicy>(Api::namespaced(c(), namespace), policy.clone()).await));
        check(others, refusal(would_create::<ServiceAccount>(Api::namespaced(c(), namespace), named.clone()).await));
        accepted(would_create::<RoleBinding>(Api::namespaced(admin.clone(), namespace), binding.clone()).await);
    }
    let patch = Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}}));
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    let system: Api<Role> = Api::namespaced(operator.clone(), "kube-system");
    refused(system.patch("extension-apiserver-authentication-reader", &dry, &patch).await, ELSEWHERE);
    refused(would_delete(system, "extension-apiserver-authentication-reader").await, ELSEWHERE);

    const NAMES: &str = "whose names start with tenantry:tenant:";
    let roles: Api<ClusterRole> = Api::all(operator.clone());
    let bindings: Api<ClusterRoleBinding> = Api::all(operator.clone());
    let own = json!({"apiGroups": ["tenantry.dev"], "resources": ["tenants"], "resourceNames": ["acme"], "verbs": ["get", "list", "watch"]});
    accepted(would_create(roles.clone(), json!({"metadata": {"name": "tenantry:tenant:acme"}, "rules": [own]})).await);
    refused(would_create(roles.clone(), json!({"metadata": {"name": "tenantry-owner"}})).await, NAMES);
    refused(would_create(roles.clone(), json!({"metadata": {"generateName": "tenantry:"}})).await, NAMES);
    refused(roles.patch("view", &dry, &patch).await, NAMES);
    let reader =
        json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "tenantry:tenant:acme"});
    let binding = json!({"metadata": {"name": "tenantry:tenant:acme"}, "roleRef": reader});
    accepted(would_create(bindings.clone(), binding).await);
    refused(would_create(bindings.clone(), json!({"metadata": {"name": "x"}, "roleRef": view})).await, NAMES);
    refused(would_delete(bindings, "cluster-admin").await, NAMES);

    let namespaces: Api<Namespace> = Api::all(operator.clone());
    refused(would_delete(namespaces.clone(), "free").await, "the operator may delete only namespaces of tenants");
    accepted(would_delete(namespaces, "umbra").await);
}

async fn the_operator_restarts_workloads_and_does_no_more(operator: &Client, admin: &Client) {
    const NO_MORE: &str = "change nothing else of them";
    let ours: Api<Deployment> = Api::namespaced(operator.clone(), "acme");
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    let would = |template: Value| {
        let (api, patch) = (ours.clone(), Patch::Merge(json!({"spec": {"template": template}})));
        let dry = dry.clone();
        async move { api.patch("trainer", &dry, &patch).await }
    };
    let annotated = |annotations: Value| json!({"metadata": {"annotations": annotations}});
    accepted(would(annotated(json!({"alice-aws.tenantry.dev/access-key-id": "AKIA1"}))).await);
    refused(would(annotated(json!({"sidecar.example/inject": "true"}))).await, NO_MORE);
    refused(would(annotated(json!({"team": "other"}))).await, NO_MORE);
    refused(would(annotated(json!({"team": null}))).await, NO_MORE);
    let image = json!({"spec": {"containers": [{"name": "main", "image": "registry.example/evil:1"}]}});
    refused(would(image.clone()).await, NO_MORE);
    refused(would(json!({"metadata": {"labels": {"team": "other"}}})).await, NO_MORE);
    for other in [
        json!({"spec": {"replicas": 3}}),
        json!({"spec": {"paused": true}}),
        json!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}}),
        json!({"metadata": {"labels": {"team": "other"}}}),
        json!({"metadata": {"annotations": {"team": "other"}}}),
        json!({"metadata": {"finalizers": ["example.com/stays"]}}),
    ] {
        refused(ours.patch("trainer", &dry, &Patch::Merge(other)).await, NO_MORE);
    }
    refused(would_delete(ours.clone(), "trainer").await, NO_MORE);
    let theirs: Api<Deployment> = Api::namespaced(admin.clone(), "acme");
    accepted(theirs.patch("trainer", &dry, &Patch::Merge(json!({"spec": {"template": image}}))).await);
}

async fn labels_are_the_operators(operator: &Client, admin: &Client, mallory: &Client) {
    const NOT_YOURS: &str = "are set by the operator: name the namespace in a Tenant";
    let namespaces: Api<Namespace> = Api::all(mallory.clone());
    refused(would_label(mallory, "free", json!({"tenantry.dev/tenant": "acme"})).await, NOT_YOURS);
    refused(would_label(mallory, "free", json!({"tenantry.dev/definitions": "true"})).await, NOT_YOURS);
    refused(would_label(mallory, "acme", json!({"tenantry.dev/tenant": "umbra"})).await, NOT_YOURS);
    refused(would_label(mallory, "acme", json!({"tenantry.dev/tenant": null})).await, NOT_YOURS);
    let new = json!({"metadata": {"name": "new", "labels": {"tenantry.dev/tenant": "acme"}}});
    refused(would_create(namespaces.clone(), new.clone()).await, NOT_YOURS);
    let patch = Patch::Merge(json!({"metadata": {"labels": {"tenantry.dev/tenant": "acme"}}}));
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    refused(namespaces.patch_status("free", &dry, &patch).await, NOT_YOURS);
    accepted(would_label(mallory, "acme", json!({"team": "a"})).await);
    accepted(would_label(mallory, "free", json!({"team": "a"})).await);
    accepted(would_create(namespaces, json!({"metadata": {"name": "new"}})).await);

    accepted(would_label(admin, "free", json!({"tenantry.dev/tenant": "acme"})).await);
    accepted(would_label(operator, "free", json!({"tenantry.dev/tenant": "acme"})).await);
    accepted(would_label(operator, "acme", json!({"tenantry.dev/tenant": null})).await);
    accepted(would_create::<Namespace>(Api::all(operator.clone()), new).await);
    for name in ["default", "kube-system", "kube-public", "tenantry-system"] {
        for label in ["tenantry.dev/tenant", "tenantry.dev/definitions"] {
            refused(
                would_label(operator, name, json!({label: "acme"})).await,
                "default, kube-* and the operator's own namespace",
            );
        }
    }
}

async fn protection_ends_with_the_field(admin: &Client) {
    let tenants: Api<Tenant> = Api::all(admin.clone());
    let users: Api<TenantUser> = Api::namespaced(admin.clone(), "acme");
    let protect = |on: bool| {
        Patch::Merge(json!({"metadata": {"finalizers": ["tenantry.dev/test"]}, "spec": {"deletionProtection": on}}))
    };
    tenants.patch("acme", &PatchParams::default(), &protect(false)).await.unwrap();
    eventually("the end of protection", || async { refusal(would_delete(users.clone(), "alice").await).is_none() })
        .await;

    // What is being deleted already takes its manifests along, whatever is written into it now.
    tenants.delete("acme", &DeleteParams::default()).await.unwrap();
    tenants.patch("acme", &PatchParams::default(), &protect(true)).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    accepted(would_delete(users, "alice").await);
    accepted(would_delete(Api::<Namespace>::all(admin.clone()), "acme").await);
}
