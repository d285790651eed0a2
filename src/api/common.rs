//! Types that several kinds share: people, permission statements, usage figures.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// Whom to ask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// E-mail address. On Alibaba Cloud also set on the RAM user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::email")]
    pub email: Option<String>,
}

/// What a Kubernetes subject is: User, Group or ServiceAccount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum SubjectKind {
    /// A user, as the cluster's authentication names it.
    #[default]
    User,
    /// A group, as the cluster's authentication names it.
    Group,
    /// A service account.
    ServiceAccount,
}

impl SubjectKind {
    /// The word in a RoleBinding's `subjects[].kind`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::ServiceAccount => "ServiceAccount",
        }
    }
}

/// Who somebody is in Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "(self.kind == 'ServiceAccount') == has(self.__namespace__)",
    "namespace belongs to kind ServiceAccount, and only there"
))]
pub struct Subject {
    /// User, Group or ServiceAccount.
    pub kind: SubjectKind,
    /// The name as the API server sees it, with any prefix that the cluster's authentication adds.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The service account's namespace; only for kind ServiceAccount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label")]
    pub namespace: Option<String>,
}

/// What a statement does: Allow or Deny.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Effect {
    /// Grants.
    #[default]
    Allow,
    /// Forbids, whatever else grants.
    Deny,
}

/// A statement's conditions: operator, then condition key, then the values of which one must match.
pub type PolicyConditions = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// One statement of a permission document, in the words of the cloud it is for. In resources and condition values
/// `$(tenant)`, `$(user)`, `$(account)`, `$(region)`, `$(workspace)` and `$(cluster)` are replaced; the clouds' own `${...}` pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("has(self.actions) != has(self.notActions)", "a statement has exactly one of actions and notActions"),
    validation = ("has(self.resources) != has(self.notResources)", "a statement has exactly one of resources and notResources")
)]
pub struct Statement {
    /// Allow or Deny.
    pub effect: Effect,
    /// The actions it is about, such as `s3:GetObject` or `pai:*`; at most 200. Exactly one of actions and notActions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::actions")]
    pub actions: Vec<String>,
    /// All actions but these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::actions")]
    pub not_actions: Vec<String>,
    /// The resources it is about: ARNs with wildcards, or `*`; at most 200. Exactly one of resources and notResources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::resources")]
    pub resources: Vec<String>,
    /// All resources but these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::resources")]
    pub not_resources: Vec<String>,
    /// When it applies: operator, then condition key, then values, such as `{StringLike: {"s3:prefix": ["$(tenant)/*"]}}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::policy_conditions")]
    pub conditions: PolicyConditions,
}

/// How much of something is used, of how much there may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// What is counted.
    #[schemars(schema_with = "schema::text::<128>")]
    pub name: String,
    /// How many there are.
    pub used: i64,
    /// How many there may be.
    pub limit: i64,
}

/// What the status of every kind has.
pub trait ObservedStatus {
    /// The generation that the status speaks of; `None` before the first pass, when the API server shows -1.
    fn observed_generation(&self) -> Option<i64>;
    /// Sets the generation that the status speaks of.
    fn set_observed_generation(&mut self, generation: Option<i64>);
    /// The conditions, one of a type.
    fn conditions(&self) -> &[Condition];
    /// The conditions, to be replaced.
    fn conditions_mut(&mut self) -> &mut Vec<Condition>;
    /// The value of the last forced reconcile that was carried out.
    fn last_handled_reconcile_at(&self) -> Option<&str>;
    /// Sets the value of the last forced reconcile that was carried out.
    fn set_last_handled_reconcile_at(&mut self, value: Option<String>);
}

macro_rules! observed_status {
    ($($status:ty),+ $(,)?) => {$(
        impl ObservedStatus for $status {
            fn observed_generation(&self) -> Option<i64> {
                self.observed_generation
            }

            fn set_observed_generation(&mut self, generation: Option<i64>) {
                self.observed_generation = generation;
            }

            fn conditions(&self) -> &[Condition] {
                &self.conditions
            }

            fn conditions_mut(&mut self) -> &mut Vec<Condition> {
                &mut self.conditions
            }

            fn last_handled_reconcile_at(&self) -> Option<&str> {
                self.last_handled_reconcile_at.as_deref()
            }

            fn set_last_handled_reconcile_at(&mut self, value: Option<String>) {
                self.last_handled_reconcile_at = value;
            }
        }
    )+};
}

observed_status!(
    super::CloudAccountStatus,
    super::TenantStatus,
    super::TenantRoleStatus,
    super::TenantUserStatus,
    super::TenantNotebookStatus,
);
