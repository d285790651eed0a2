//! What the API server refuses at admission, and with which words, by the schemas and rules of the CRDs.

use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams, ValidationDirective};
use kube::core::GroupVersionKind;
use kube::{Client, Resource};
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry::api::{Tenant, TenantUser};
use testbed::ControlPlane;
use testbed::apply::apply;

/// The cases of one kind: specs as merge patches on `base`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    kind: String,
    base: Value,
    good: Vec<Case>,
    bad: Vec<Case>,
    changes: Vec<Change>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default = "a_name")]
    name: String,
    set: Value,
    #[serde(default)]
    refused: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default = "nothing")]
    from: Value,
    to: Value,
    #[serde(default)]
    refused: Option<String>,
}

const CASES: [&str; 5] = [
    include_str!("admission/cloud_account.yaml"),
    include_str!("admission/tenant.yaml"),
    include_str!("admission/tenant_role.yaml"),
    include_str!("admission/tenant_user.yaml"),
    include_str!("admission/tenant_notebook.yaml"),
];

fn a_name() -> String {
    "acme".to_owned()
}

fn nothing() -> Value {
    json!({})
}

fn merged(mut value: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    if !value.is_object() {
        value = json!({});
    }
    let fields = value.as_object_mut().unwrap();
    for (key, change) in patch {
        if change.is_null() {
            fields.remove(key);
        } else {
            let old = fields.remove(key).unwrap_or_default();
            fields.insert(key.clone(), merged(old, change));
        }
    }
    value
}

/// Applies as a GitOps tool does, strictly; what the server says when it refuses.
async fn submit(api: &Api<DynamicObject>, kind: &str, name: &str, spec: &Value, dry_run: bool) -> Option<String> {
    let object = json!({"apiVersion": "tenantry.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    let parameters =
        PatchParams { dry_run, field_validation: Some(ValidationDirective::Strict), ..PatchParams::apply("tests") };
    match api.patch(name, &parameters, &Patch::Apply(&object)).await {
        Ok(_) => None,
        Err(kube::Error::Api(status)) => Some(status.message),
        Err(other) => panic!("{kind} {name}: {other}"),
    }
}

fn judge(what: &str, expected: Option<&str>, said: Option<&str>, wrong: &mut Vec<String>) {
    match (expected, said) {
        (None, None) => {}
        (Some(expected), Some(said)) if said.contains(expected) => {}
        (Some(expected), said) => {
            wrong.push(format!("{what}\n  to be refused with: {expected}\n  was answered:       {said:?}"))
        }
        (None, Some(said)) => wrong.push(format!("{what}\n  to be accepted, was refused: {said}")),
    }
}

async fn walk(client: &Client, cases: Cases, wrong: &mut Vec<String>) {
    let kind = cases.kind;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("tenantry.dev", "v1alpha1", &kind));
    let api = match kind.as_str() {
        "CloudAccount" | "Tenant" => Api::all_with(client.clone(), &resource),
        _ => Api::default_namespaced_with(client.clone(), &resource),
    };
    for (case, good) in cases.good.iter().map(|c| (c, true)).chain(cases.bad.iter().map(|c| (c, false))) {
        let what = format!("{kind} {} {}", case.name, case.set);
        assert_eq!(case.refused.is_none(), good, "{what}: only bad cases say what is refused");
        let said = submit(&api, &kind, &case.name, &merged(cases.base.clone(), &case.set), true).await;
        judge(&what, case.refused.as_deref(), said.as_deref(), wrong);
    }
    for (n, change) in cases.changes.iter().enumerate() {
        let name = format!("change-{n}");
        let from = merged(cases.base.clone(), &change.from);
        let said = submit(&api, &kind, &name, &from, false).await;
        judge(&format!("{kind} {from}"), None, said.as_deref(), wrong);
        let said = submit(&api, &kind, &name, &merged(from.clone(), &change.to), true).await;
        judge(&format!("{kind} {from} → {}", change.to), change.refused.as_deref(), said.as_deref(), wrong);
    }
}

// proves: CloudAccount.spec.aws Tenant.spec.displayName TenantUser.spec.displayName {Tenant,TenantUser}.spec.contact
// proves: {Tenant,TenantUser}.spec.contact.email TenantUser.spec.accessKey.rotation.overlap
// proves: TenantRole.spec.aws.statements[].effect Tenant.spec.owners[].namespace TenantUser.spec.kubernetes.namespace
#[tokio::test]
async fn manifests_are_accepted_and_refused_as_the_contract_says() {
    let control_plane = ControlPlane::start().await;
    control_plane.install_crds().await;
    let client = control_plane.client();
    let mut wrong = Vec::new();
    for text in CASES {
        walk(&client, serde_saphyr::from_str(text).unwrap(), &mut wrong).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    new_objects_show_defaults_and_are_not_taken_for_finished(&client).await;
    nulls_are_refused_or_the_default(&client).await;
    users_are_found_by_tenant(&client).await;
}

async fn new_objects_show_defaults_and_are_not_taken_for_finished(client: &Client) {
    apply(client, "{apiVersion: tenantry.dev/v1alpha1, kind: Tenant, metadata: {name: defaults}, spec: {namespaces: [{name: a}]}}")
        .await
        .unwrap();
    let resource = ApiResource::erase::<Tenant>(&());
    let raw: DynamicObject = Api::all_with(client.clone(), &resource).get("defaults").await.unwrap();
    assert_eq!(raw.data["status"], json!({"observedGeneration": -1}));
    assert_eq!(
        raw.data["spec"],
        json!({
            "allowedClusterRoles": ["view", "tenantry-developer"],
            "deletionPolicy": "Delete",
            "deletionProtection": false,
            "namespaces": [{"name": "a", "network": "Isolated", "podSecurity": "baseline"}],
            "suspended": false,
        })
    );
    // What the API server fills in and what the type fills in are the same, so that a manifest read from a file plans alike.
    let typed: Tenant = Api::all(client.clone()).get("defaults").await.unwrap();
    let from_file: Tenant = serde_json::from_value(
        json!({"apiVersion": "tenantry.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": "defaults"}, "spec": {"namespaces": [{"name": "a"}]}}),
    )
    .unwrap();
    assert_eq!(typed.spec, from_file.spec);
}

async fn nulls_are_refused_or_the_default(client: &Client) {
    let manifest = |spec: &str| {
        format!(
            "{{apiVersion: tenantry.dev/v1alpha1, kind: TenantUser, metadata: {{name: nulls, namespace: default}}, spec: {spec}}}"
        )
    };
    let said = apply(client, &manifest("{tenant: acme, console: null}")).await.unwrap_err().to_string();
    assert!(said.contains("spec.console in body must be of type object"), "{said}");
    apply(client, &manifest("{tenant: acme, suspended: null}")).await.unwrap();
    let user: TenantUser = Api::default_namespaced(client.clone()).get("nulls").await.unwrap();
    assert_eq!(user.spec, serde_json::from_value(json!({"tenant": "acme"})).unwrap());
}

async fn users_are_found_by_tenant(client: &Client) {
    let manifest = "{apiVersion: tenantry.dev/v1alpha1, kind: TenantUser, metadata: {name: bob, namespace: default}, spec: {tenant: umbra}}";
    apply(client, manifest).await.unwrap();
    let users: Api<TenantUser> = Api::all(client.clone());
    let found = users.list(&ListParams::default().fields("spec.tenant=umbra")).await.unwrap();
    assert_eq!(found.items.iter().filter_map(|u| u.meta().name.as_deref()).collect::<Vec<_>>(), ["bob"]);
}
