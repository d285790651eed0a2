//! The manifests: one file a kind with its spec, status, CEL rules and print columns. First stage of the flow, no logic.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt as _;

pub mod annotations;
mod cloud_account;
mod common;
mod duration;
mod reasons;
mod schema;
mod tenant;
mod tenant_namespace;
mod tenant_notebook;
mod tenant_role;
mod tenant_user;

pub use cloud_account::{
    AlibabaAccount, AssumeRole, AwsAccount, CloudAccount, CloudAccountSpec, CloudAccountStatus, Extras, Management,
    PasswordPolicy, PermissionsBoundary, RecycleBin,
};
pub use common::{Contact, Effect, ObservedStatus, PolicyConditions, Statement, Subject, SubjectKind, Usage};
pub use duration::{Duration, DurationError};
pub use reasons::{ConditionType, Reason};
pub use tenant::{
    DeletionPolicy, Grouping, Limits, Tenant, TenantAccount, TenantAccountStatus, TenantMaxCompute, TenantSpec,
    TenantStatus, Workspace, WorkspaceEnv,
};
pub use tenant_namespace::{ContainerDefaults, NetworkMode, PodSecurity, TenantNamespace, TenantServiceAccount};
pub use tenant_notebook::{
    AlibabaNotebook, AlibabaNotebookNetwork, AwsNotebook, NotebookDataset, NotebookState, Schedule, TenantNotebook,
    TenantNotebookSpec, TenantNotebookStatus,
};
pub use tenant_role::{
    AlibabaPermissions, AssumableBy, AwsPermissions, KubernetesRole, MAX_COMPUTE_ROLES_MAX, MaxComputePermissions,
    MaxComputeRoleStatus, OidcTrust, RoleAccountStatus, TenantRole, TenantRoleSpec, TenantRoleStatus,
};
pub use tenant_user::{
    AccessKey, AccessKeyState, AccessKeyStatus, Console, Rotation, TemporaryRole, TenantUser, TenantUserSpec,
    TenantUserStatus, UserAccountStatus, Workload, WorkloadKind,
};

/// The API group of all our kinds.
pub const GROUP: &str = "tenantry.dev";
/// The API version of all our kinds.
pub const VERSION: &str = "v1alpha1";

/// The definitions of all five kinds, as they are to be applied: cluster-scoped kinds first.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    [CloudAccount::crd(), Tenant::crd(), TenantRole::crd(), TenantUser::crd(), TenantNotebook::crd()]
        .into_iter()
        .map(finished)
        .collect()
}

/// What cannot be said on the types: a new object shows `status.observedGeneration: -1`, so that no tool takes it for
/// finished; and nothing is nullable, so that rules may trust `has()`, and a bare `console:` is refused instead of meaning
/// the opposite of `console: {}`.
fn finished(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let Some(root) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()) else { continue };
        tidy(root);
        if let Some(status) = root.properties.as_mut().and_then(|p| p.get_mut("status")) {
            status.default = Some(JSON(serde_json::json!({"observedGeneration": -1})));
            status.description = Some("What the operator last saw and did. Written by the operator only.".to_owned());
        }
        if let Some(spec) = root.properties.as_mut().and_then(|p| p.get_mut("spec")) {
            spec.description = Some("What is wanted. Never written by the operator.".to_owned());
        }
    }
    crd
}

/// Takes out `nullable`, and the line breaks that the source's line length put into descriptions.
fn tidy(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.description = schema.description.take().map(|text| text.replace('\n', " "));
    for property in schema.properties.iter_mut().flat_map(|p| p.values_mut()) {
        tidy(property);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        tidy(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        tidy(values);
    }
}

/// For `#[serde(default = …)]` on switches that are on unless they are turned off.
const fn yes() -> bool {
    true
}
