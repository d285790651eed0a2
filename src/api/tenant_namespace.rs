//! What a `Tenant` says about each of its namespaces.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// One of a tenant's namespaces and what is in force there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantNamespace {
    /// The namespace's name. One that exists is taken over only with the annotation tenantry.dev/adopt: <tenant> on it.
    #[schemars(schema_with = "schema::namespace")]
    pub name: String,
    /// A ResourceQuota's limits, such as `{requests.cpu: "20", pods: "100"}`; at most 50. Left out: no quota.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::quantities")]
    pub quota: BTreeMap<String, Quantity>,
    /// What containers ask for and get when they do not say. Left out: no LimitRange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_defaults: Option<ContainerDefaults>,
    /// Isolated: only DNS and traffic within the tenant. Open: no network policy. Default Isolated.
    #[serde(default)]
    pub network: NetworkMode,
    /// The Pod Security Standard that is enforced: privileged, baseline or restricted. Default baseline.
    #[serde(default)]
    pub pod_security: PodSecurity,
    /// Labels on the namespace; at most 40.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::namespace_labels")]
    pub labels: BTreeMap<String, String>,
    /// Service accounts that get cloud roles without keys (IRSA, RRSA); at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub service_accounts: Vec<TenantServiceAccount>,
}

/// What containers ask for and get when they do not say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerDefaults {
    /// Default requests, such as `{cpu: 100m, memory: 128Mi}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::quantities")]
    pub requests: BTreeMap<String, Quantity>,
    /// Default limits, such as `{cpu: "1", memory: 1Gi}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::quantities")]
    pub limits: BTreeMap<String, Quantity>,
}

/// Isolated: only DNS and traffic within the tenant. Open: no network policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NetworkMode {
    /// Only DNS and traffic within the tenant.
    #[default]
    Isolated,
    /// No network policy.
    Open,
}

/// A Pod Security Standard: privileged, baseline or restricted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PodSecurity {
    /// No restriction.
    Privileged,
    /// Prevents known privilege escalations.
    #[default]
    Baseline,
    /// Current hardening practice.
    Restricted,
}

impl PodSecurity {
    /// The value of the pod-security labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// A service account that gets cloud roles without keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantServiceAccount {
    /// The service account's name.
    #[schemars(schema_with = "schema::subdomain")]
    pub name: String,
    /// The TenantRoles whose permissions it has; at most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::label_set::<32>")]
    pub roles: Vec<String>,
    /// In which of the tenant's accounts, one a cloud. Left out: all of the tenant's, if they are one a cloud.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::label_set::<2>")]
    pub accounts: Vec<String>,
}
