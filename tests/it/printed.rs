//! What `kubectl get` prints of our kinds, and that the API server keeps every field of their statuses.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::{Timestamp, ToSpan};
use kube::api::{Api, GetParams, Patch, PatchParams, Request, ValidationDirective};
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tenantry::api::{
    AccessKeyState, AccessKeyStatus, CloudAccount, CloudAccountStatus, ConditionType, Reason, RoleAccountStatus,
    Tenant, TenantAccountStatus, TenantNotebook, TenantNotebookStatus, TenantRole, TenantRoleStatus, TenantStatus,
    TenantUser, TenantUserStatus, Usage, UserAccountStatus,
};
use testbed::ControlPlane;
use testbed::apply::apply;

const MANIFESTS: &str = "
{apiVersion: tenantry.dev/v1alpha1, kind: CloudAccount, metadata: {name: aws-prod}, spec: {aws: {region: eu-west-1}}}
---
{apiVersion: tenantry.dev/v1alpha1, kind: Tenant, metadata: {name: acme}, spec: {}}
---
{apiVersion: tenantry.dev/v1alpha1, kind: TenantRole, metadata: {name: ops, namespace: default}, spec: {tenant: acme}}
---
{apiVersion: tenantry.dev/v1alpha1, kind: TenantUser, metadata: {name: alice, namespace: default}, spec: {tenant: acme}}
---
apiVersion: tenantry.dev/v1alpha1
kind: TenantNotebook
metadata: {name: lab, namespace: default}
spec: {tenant: acme, user: alice, account: aws-prod, instanceType: ml.t3.medium}
";

fn ready(reason: Reason) -> Vec<Condition> {
    vec![Condition {
        type_: ConditionType::Ready.to_string(),
        status: "True".to_owned(),
        reason: reason.to_string(),
        message: "all is well".to_owned(),
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
        observed_generation: Some(1),
    }]
}

/// Writes the status as the operator does and gives the row that `kubectl get` prints: the header and the cells.
async fn written_and_printed<K>(client: &Client, api: Api<K>, name: &str, status: Value) -> Vec<(String, String)>
where
    K: Resource<DynamicType = ()> + Clone + Serialize + DeserializeOwned + std::fmt::Debug,
{
    let parameters =
        PatchParams { field_validation: Some(ValidationDirective::Strict), ..PatchParams::apply("operator").force() };
    let body = json!({"apiVersion": K::api_version(&()), "kind": K::kind(&()), "status": status});
    let kept = api.patch_status(name, &parameters, &Patch::Apply(&body)).await.unwrap();
    assert_eq!(serde_json::to_value(&kept).unwrap()["status"], status, "every field of the status is kept");

    let mut request = Request::new(api.resource_url()).get(name, &GetParams::default()).unwrap();
    request.headers_mut().insert("accept", "application/json;as=Table;v=v1;g=meta.k8s.io".parse().unwrap());
    let table: Value = client.request(request).await.unwrap();
    let cell = |cell: &Value| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned);
    let columns = table["columnDefinitions"].as_array().unwrap().iter();
    columns
        .zip(table["rows"][0]["cells"].as_array().unwrap())
        .filter(|(column, _)| column["priority"] == 0)
        .map(|(column, value)| (column["name"].as_str().unwrap().to_uppercase(), cell(value)))
        .collect()
}

fn row(columns: &[(String, String)]) -> Vec<(&str, &str)> {
    columns.iter().map(|(name, value)| (name.as_str(), value.as_str())).filter(|(name, _)| *name != "AGE").collect()
}

#[tokio::test]
async fn statuses_are_kept_and_printed() {
    let control_plane = ControlPlane::start().await;
    control_plane.install_crds().await;
    let client = control_plane.client();
    apply(&client, MANIFESTS).await.unwrap();
    let text = |text: &str| Some(text.to_owned());
    let usage = |name: &str| Usage { name: name.to_owned(), used: 3, limit: 50 };

    let status = CloudAccountStatus {
        observed_generation: Some(1),
        conditions: ready(Reason::Provisioned),
        last_handled_reconcile_at: text("now"),
        account_id: text("123456789012"),
        quotas: vec![usage("Users"), usage("Groups")],
        tenants: Some(2),
    };
    let api: Api<CloudAccount> = Api::all(client.clone());
    let printed = written_and_printed(&client, api, "aws-prod", serde_json::to_value(status).unwrap()).await;
    assert_eq!(
        row(&printed),
        [
            ("NAME", "aws-prod"),
            ("ACCOUNT", "123456789012"),
            ("AWS", "eu-west-1"),
            ("ALIBABA", "null"),
            ("TENANTS", "2"),
            ("READY", "True"),
            ("REASON", "Provisioned")
        ]
    );

    let status = TenantStatus {
        observed_generation: Some(1),
        conditions: ready(Reason::Provisioned),
        last_handled_reconcile_at: None,
        accounts: vec![TenantAccountStatus {
            execution_role: None,
            name: "aws-prod".to_owned(),
            account_id: text("123456789012"),
            group: text("acme"),
            workspace_id: text("1234"),
            max_compute: Vec::new(),
            ready: true,
            message: text("fine"),
        }],
        account_names: text("aws-prod,alibaba-prod"),
        namespaces: vec!["acme".to_owned()],
        namespace_names: text("acme"),
        users: Some(12),
        roles: Some(2),
        notebooks: Some(0),
        limits: vec![usage("users")],
    };
    let api: Api<Tenant> = Api::all(client.clone());
    let printed = written_and_printed(&client, api, "acme", serde_json::to_value(status).unwrap()).await;
    assert_eq!(
        row(&printed),
        [
            ("NAME", "acme"),
            ("ACCOUNTS", "aws-prod,alibaba-prod"),
            ("NAMESPACES", "acme"),
            ("USERS", "12"),
            ("READY", "True"),
            ("REASON", "Provisioned")
        ]
    );

    let status = TenantRoleStatus {
        observed_generation: Some(1),
        conditions: ready(Reason::Paused),
        last_handled_reconcile_at: None,
        accounts: vec![RoleAccountStatus {
            role: None,
            name: "aws-prod".to_owned(),
            policy: text("arn:aws:iam::123456789012:policy/tenants/c1/acme/acme.ops"),
            max_compute: None,
            ready: true,
            message: None,
        }],
        users: Some(3),
    };
    let api: Api<TenantRole> = Api::default_namespaced(client.clone());
    let printed = written_and_printed(&client, api, "ops", serde_json::to_value(status).unwrap()).await;
    assert_eq!(
        row(&printed),
        [
            ("NAME", "ops"),
            ("TENANT", "acme"),
            ("DEFAULT", "false"),
            ("USERS", "3"),
            ("READY", "True"),
            ("REASON", "Paused")
        ]
    );

    let twelve_days_ago = Time(Timestamp::from_second((Timestamp::now() - (12 * 24 + 1).hours()).as_second()).unwrap());
    let key = AccessKeyStatus {
        id: "AKIAEXAMPLE".to_owned(),
        state: AccessKeyState::Active,
        created_at: Some(twelve_days_ago.clone()),
    };
    let status = TenantUserStatus {
        observed_generation: Some(1),
        conditions: ready(Reason::Suspended),
        last_handled_reconcile_at: None,
        accounts: vec![UserAccountStatus {
            name: "aws-prod".to_owned(),
            user_name: text("acme.alice"),
            principal: text("arn:aws:iam::123456789012:user/tenants/c1/acme/acme.alice"),
            secret_name: text("alice-aws-prod"),
            access_keys: vec![key],
            ready: true,
            message: None,
        }],
        role_names: text("algorithm-developer,ops"),
        keys: Some(2),
        newest_key_at: Some(twelve_days_ago),
    };
    let api: Api<TenantUser> = Api::default_namespaced(client.clone());
    let printed = written_and_printed(&client, api, "alice", serde_json::to_value(status).unwrap()).await;
    assert_eq!(
        row(&printed),
        [
            ("NAME", "alice"),
            ("TENANT", "acme"),
            ("ROLES", "algorithm-developer,ops"),
            ("KEYS", "2"),
            ("KEY AGE", "12d"),
            ("READY", "True"),
            ("REASON", "Suspended")
        ]
    );

    let status = TenantNotebookStatus {
        observed_generation: Some(1),
        conditions: ready(Reason::Provisioned),
        last_handled_reconcile_at: None,
        state: text("InService"),
        instance: text("arn:aws:sagemaker:eu-west-1:123456789012:notebook-instance/acme--lab"),
        message: text("fine"),
    };
    let api: Api<TenantNotebook> = Api::default_namespaced(client.clone());
    let printed = written_and_printed(&client, api, "lab", serde_json::to_value(status).unwrap()).await;
    assert_eq!(
        row(&printed),
        [
            ("NAME", "lab"),
            ("TENANT", "acme"),
            ("USER", "alice"),
            ("ACCOUNT", "aws-prod"),
            ("TYPE", "ml.t3.medium"),
            ("STATE", "InService"),
            ("READY", "True"),
            ("REASON", "Provisioned")
        ]
    );
}
