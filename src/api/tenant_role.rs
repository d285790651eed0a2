//! `TenantRole`: a set of permissions, written once for AWS, Alibaba Cloud, MaxCompute and Kubernetes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Statement, schema};

/// A set of permissions that TenantUsers, service accounts and, on request, others may have.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "tenantry.dev",
    version = "v1alpha1",
    kind = "TenantRole",
    namespaced,
    doc = "A set of permissions, written once for AWS, Alibaba Cloud, MaxCompute and Kubernetes.",
    status = "TenantRoleStatus",
    derive = "PartialEq",
    derive = "Default",
    category = "tenantry",
    shortname = "trole",
    selectable = ".spec.tenant",
    printcolumn(name = "Tenant", type_ = "string", json_path = ".spec.tenant"),
    printcolumn(name = "Default", type_ = "boolean", json_path = ".spec.default", description = "Whether every user of the tenant has it."),
    printcolumn(name = "Users", type_ = "integer", json_path = ".status.users", description = "How many users have it."),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = schema::name_is_label()
)]
#[serde(rename_all = "camelCase")]
pub struct TenantRoleSpec {
    /// The Tenant's name. Immutable.
    #[schemars(schema_with = "schema::label")]
    #[x_kube(validation = ("self == oldSelf", "immutable: make a new TenantRole in the other tenant and delete this one"))]
    pub tenant: String,
    /// Whether every user of the tenant has this role, through the tenant's group. Default false.
    #[serde(default)]
    pub default: bool,
    /// Permissions in the tenant's AWS accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsPermissions>,
    /// Permissions in the tenant's Alibaba Cloud accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alibaba: Option<AlibabaPermissions>,
    /// Permissions in the tenant's Kubernetes namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesRole>,
    /// Makes a cloud role with these permissions as well, and says who may assume it. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumable_by: Option<AssumableBy>,
}

/// Permissions on AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsPermissions {
    /// Policies that exist; at most 20. A bare name is AWS's own, on any path; a customer's policy goes by ARN.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::aws_policy_set")]
    pub managed_policies: Vec<String>,
    /// Statements of a policy that the operator makes; at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub statements: Vec<Statement>,
}

/// Permissions on Alibaba Cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlibabaPermissions {
    /// System policies, by name; at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::alibaba_policy_set")]
    pub system_policies: Vec<String>,
    /// Statements of a RAM policy that the operator makes; at most 64. `$(user)` makes it one policy a user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub statements: Vec<Statement>,
    /// Roles in the tenant's PAI workspace, such as `PAI.AlgoDeveloper`; at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z][A-Za-z0-9._-]*$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub workspace_roles: Vec<String>,
    /// Permissions in MaxCompute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_compute: Option<MaxComputePermissions>,
}

/// Permissions in MaxCompute, as a tenant-level role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MaxComputePermissions {
    /// Statements of the tenant-level role's policy; at most 64. In `$(tenant)`, `_` stands for `-`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub statements: Vec<Statement>,
    /// The projects that the tenant-level role is added to; at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        inner(length(min = 3, max = 63), regex(pattern = r"^[A-Za-z][A-Za-z0-9_]*$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub projects: Vec<String>,
}

/// Permissions in Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesRole {
    /// A ClusterRole that the Tenant allows (`spec.allowedClusterRoles`); it is bound in the tenant's namespaces to the
    /// Kubernetes subjects of the users that have this role.
    #[schemars(schema_with = "schema::cluster_role")]
    pub cluster_role: String,
}

/// Who may assume a cloud role with these permissions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.users || (has(self.saml) && self.saml.size() > 0) || (has(self.oidc) && self.oidc.size() > 0)",
    "say who may assume the role: users, saml or oidc; or leave assumableBy out"
))]
pub struct AssumableBy {
    /// The tenant's users that have this role. Default false.
    #[serde(default)]
    pub users: bool,
    /// People that come through these SAML providers, by the provider's ARN; at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 8),
        inner(length(max = 512), regex(pattern = r"^(arn:[a-z0-9-]+:iam|acs:ram)::[0-9]+:saml-provider/[\x21-\x7e]+$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub saml: Vec<String>,
    /// Machines and people that come through OIDC providers; at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["provider".into()]))]
    pub oidc: Vec<OidcTrust>,
}

/// Whom an OIDC provider vouches for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcTrust {
    /// The provider's ARN.
    #[schemars(
        length(max = 512),
        regex(pattern = r"^(arn:[a-z0-9-]+:iam|acs:ram)::[0-9]+:oidc-provider/[\x21-\x7e]+$")
    )]
    pub provider: String,
    /// The `sub` claims that are trusted, with wildcards if need be, such as `repo:acme/site:ref:refs/heads/main`; 1 to 20.
    /// Without one, everybody whom the provider knows could assume the role.
    #[schemars(length(min = 1, max = 20), inner(length(min = 1, max = 512)), extend("x-kubernetes-list-type" = "set"))]
    pub subjects: Vec<String>,
    /// The `aud` claims that are trusted; at most 20. Left out: the cloud's usual one, `sts.amazonaws.com` or `sts.aliyuncs.com`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 256)), extend("x-kubernetes-list-type" = "set"))]
    pub audiences: Vec<String>,
}

/// What the operator did for the role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantRoleStatus {
    /// The generation that this status speaks of; -1 before the first pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::observed_generation")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled, Drifted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The value of the last reconcile annotation that was handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<262144>")]
    pub last_handled_reconcile_at: Option<String>,
    /// Each account of the tenant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub accounts: Vec<RoleAccountStatus>,
    /// How many users have the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::count")]
    pub users: Option<i32>,
}

/// The role in one account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleAccountStatus {
    /// The CloudAccount's name.
    #[schemars(schema_with = "schema::label")]
    pub name: String,
    /// The cloud policy, by ARN or name; several joined by commas where one was too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<8192>")]
    pub policy: Option<String>,
    /// The cloud role that may be assumed, by ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<512>")]
    pub role: Option<String>,
    /// The tenant-level role in MaxCompute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_compute: Option<MaxComputeRoleStatus>,
    /// Whether policy and role are there, as the manifest says.
    #[serde(default)]
    pub ready: bool,
    /// What is missing, and what would help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<32768>")]
    pub message: Option<String>,
}

/// The most characters in which a status names roles of MaxCompute.
pub const MAX_COMPUTE_ROLES_MAX: u32 = 8192;

/// A role at tenant level in MaxCompute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MaxComputeRoleStatus {
    /// The region.
    #[schemars(schema_with = "schema::region")]
    pub region: String,
    /// The project through which it was made.
    #[schemars(schema_with = "schema::text::<63>")]
    pub project: String,
    /// Its name there; several joined by commas where users have one each, of very many the first ones.
    #[schemars(schema_with = "schema::text::<MAX_COMPUTE_ROLES_MAX>")]
    pub role: String,
    /// The projects that it is in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), extend("x-kubernetes-list-type" = "set"))]
    pub projects: Vec<String>,
}
