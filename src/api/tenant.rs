//! `Tenant`: a team, with its accounts, its namespaces and its limits.

use std::{borrow::Cow, collections::BTreeMap};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Contact, Subject, TenantNamespace, Usage, schema};

/// A team: its accounts, its namespaces, its limits.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "tenantry.dev",
    version = "v1alpha1",
    kind = "Tenant",
    doc = "A team: its accounts, its namespaces, its limits.",
    status = "TenantStatus",
    derive = "PartialEq",
    derive = "Default",
    category = "tenantry",
    printcolumn(name = "Accounts", type_ = "string", json_path = ".status.accountNames"),
    printcolumn(name = "Namespaces", type_ = "string", json_path = ".status.namespaceNames"),
    printcolumn(name = "Users", type_ = "integer", json_path = ".status.users"),
    printcolumn(name = "Roles", type_ = "integer", json_path = ".status.roles", priority = 1),
    printcolumn(name = "Notebooks", type_ = "integer", json_path = ".status.notebooks", priority = 1),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = schema::name_is_label(),
    validation = (
        "!self.metadata.name.contains('--')",
        "metadata.name must not contain --: it separates the parts of cloud names"
    ),
    validation = (
        "has(self.spec.namespaces) || (self.metadata.name != 'default' && !self.metadata.name.startsWith('kube-'))",
        "a tenant without spec.namespaces has one that is named after it, and default and kube-* are the cluster's"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct TenantSpec {
    /// The name that people know, at most 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<128>")]
    pub display_name: Option<String>,
    /// Whom to ask about this team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// Tags on every cloud object of this tenant that can carry tags; at most 40. They go before the account's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::tags")]
    pub tags: BTreeMap<String, String>,
    /// Who runs the team: they are bound to the ClusterRole tenantry-owner in its namespaces; at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(validation = ("self.all(a, self.exists_one(b, a == b))", "an owner is named twice"))]
    pub owners: Vec<Subject>,
    /// The cloud accounts that this tenant's users, roles and notebooks live in; at most 16. Taking one out cleans that account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub accounts: Vec<TenantAccount>,
    /// The tenant's own namespaces; at most 64. Left out: one, named after the tenant. One that is taken out of the list is
    /// released, never deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub namespaces: Option<Vec<TenantNamespace>>,
    /// Namespaces, beside its own, whose TenantUsers, TenantRoles and TenantNotebooks may name this tenant; at most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::namespace_set::<32>")]
    pub definition_namespaces: Vec<String>,
    /// The ClusterRoles that a TenantRole may bind; at most 32. Default view and tenantry-developer.
    #[serde(default = "allowed_cluster_roles")]
    #[schemars(schema_with = "schema::cluster_role_list::<32>")]
    pub allowed_cluster_roles: Vec<String>,
    /// How much there may be. They count what manifests want, oldest first; lowering one removes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Whether everything stands still: keys inactive, logins off, everything denied, notebooks stopped, nothing deleted.
    /// Default false.
    #[serde(default)]
    pub suspended: bool,
    /// Delete or Retain, default Delete: what becomes of the cloud objects and Secrets when the manifests go.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Whether deleting this tenant, or anything in it, is refused. Default false.
    #[serde(default)]
    pub deletion_protection: bool,
}

impl Default for TenantSpec {
    fn default() -> Self {
        Self {
            display_name: None,
            contact: None,
            tags: BTreeMap::new(),
            owners: Vec::new(),
            accounts: Vec::new(),
            namespaces: None,
            definition_namespaces: Vec::new(),
            allowed_cluster_roles: allowed_cluster_roles(),
            limits: None,
            suspended: false,
            deletion_policy: DeletionPolicy::default(),
            deletion_protection: false,
        }
    }
}

fn allowed_cluster_roles() -> Vec<String> {
    vec!["view".to_owned(), "tenantry-developer".to_owned()]
}

impl Tenant {
    /// The tenant's own namespaces: those of the list, or the one that is named after it, with the defaults.
    #[must_use]
    pub fn namespaces(&self) -> Cow<'_, [TenantNamespace]> {
        match &self.spec.namespaces {
            Some(namespaces) => Cow::Borrowed(namespaces),
            None => Cow::Owned(vec![TenantNamespace {
                name: self.metadata.name.clone().unwrap_or_default(),
                ..TenantNamespace::default()
            }]),
        }
    }

    /// The names of [`Tenant::namespaces`].
    #[must_use]
    pub fn namespace_names(&self) -> Vec<String> {
        self.namespaces().iter().map(|n| n.name.clone()).collect()
    }

    /// Whether manifests in `namespace` may name this tenant.
    #[must_use]
    pub fn may_be_named_from(&self, namespace: &str) -> bool {
        self.spec.definition_namespaces.iter().any(|n| n == namespace)
            || self.namespaces().iter().any(|n| n.name == namespace)
    }
}

/// What a tenant has in one cloud account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.managedPolicies) || (!has(self.systemPolicies) && !has(self.workspace) && !has(self.maxCompute))",
    "managedPolicies is for AWS; systemPolicies, workspace and maxCompute are for Alibaba Cloud: an account is one or the other"
))]
pub struct TenantAccount {
    /// The CloudAccount's name.
    #[schemars(schema_with = "schema::label")]
    pub name: String,
    /// Group: the tenant's users are in a cloud group, which carries what all have. None: no group, what it would carry goes
    /// on each user, where an account's limit of groups is tight. Default Group.
    #[serde(default)]
    pub grouping: Grouping,
    /// AWS: policies that every member has; at most 20. A bare name is AWS's own, a customer's policy goes by ARN.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::aws_policy_set")]
    pub managed_policies: Vec<String>,
    /// Alibaba Cloud: system policies that every member has, by name; at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::alibaba_policy_set")]
    pub system_policies: Vec<String>,
    /// Alibaba Cloud: a PAI workspace for the tenant. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Workspace>,
    /// Alibaba Cloud: tenant-level users and roles in MaxCompute. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_compute: Option<TenantMaxCompute>,
}

/// A PAI workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    /// The workspace's name in its region: 3 to 23 letters, digits and `_`, starting with a letter. PAI cannot rename one.
    #[schemars(length(min = 3, max = 23), regex(pattern = r"^[A-Za-z][A-Za-z0-9_]*$"))]
    pub name: String,
    /// The name that people see, at most 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<64>")]
    pub display_name: Option<String>,
    /// The environments, prod, or dev and prod. Left out: prod. PAI cannot change them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2), extend("x-kubernetes-list-type" = "set"))]
    pub env: Vec<WorkspaceEnv>,
}

/// An environment of a PAI workspace: dev or prod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WorkspaceEnv {
    /// For development.
    Dev,
    /// For production.
    Prod,
}

/// The tenant in MaxCompute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantMaxCompute {
    /// The region of the MaxCompute tenant, such as `cn-shanghai`.
    #[schemars(schema_with = "schema::region")]
    pub region: String,
    /// A project through which the tenant-level commands are sent.
    #[schemars(length(min = 3, max = 63), regex(pattern = r"^[A-Za-z][A-Za-z0-9_]*$"))]
    pub project: String,
}

/// Group: a cloud group carries what all members have. None: each user carries it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Grouping {
    /// A cloud group.
    #[default]
    Group,
    /// No cloud group.
    None,
}

/// How much there may be of something; what is left out has no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// TenantUsers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::count")]
    pub users: Option<i32>,
    /// Access keys, over all accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::count")]
    pub access_keys: Option<i32>,
    /// TenantNotebooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::count")]
    pub notebooks: Option<i32>,
    /// The instance types that notebooks may have; at most 64. Left out: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 64)), extend("x-kubernetes-list-type" = "set"))]
    pub instance_types: Vec<String>,
}

/// Delete: cloud objects, keys and Secrets go with the manifests. Retain: our marks come off, and they stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// They go.
    #[default]
    Delete,
    /// They stay.
    Retain,
}

/// What the operator did for the tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantStatus {
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
    /// Each account: those of the manifest, and those that are being cleaned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub accounts: Vec<TenantAccountStatus>,
    /// The accounts' names, joined by commas, for printing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<8192>")]
    pub account_names: Option<String>,
    /// The tenant's own namespaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::label_set::<256>")]
    pub namespaces: Vec<String>,
    /// The namespaces' names, joined by commas, for printing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<32768>")]
    pub namespace_names: Option<String>,
    /// How many TenantUsers there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::count")]
    pub users: Option<i32>,
    /// How many TenantRoles there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::count")]
    pub roles: Option<i32>,
    /// How many TenantNotebooks there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::count")]
    pub notebooks: Option<i32>,
    /// How much of each limit is used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub limits: Vec<Usage>,
}

/// What a tenant has in one account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantAccountStatus {
    /// The CloudAccount's name.
    #[schemars(schema_with = "schema::label")]
    pub name: String,
    /// The cloud account's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<64>")]
    pub account_id: Option<String>,
    /// The cloud group's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<256>")]
    pub group: Option<String>,
    /// The role that SageMaker or PAI assumes for the tenant, by ARN; none where it needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<512>")]
    pub execution_role: Option<String>,
    /// The PAI workspace's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<64>")]
    pub workspace_id: Option<String>,
    /// Where in MaxCompute the tenant's users and roles are; until all is gone there, the place before as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub max_compute: Vec<TenantMaxCompute>,
    /// Whether everything of the tenant's own is there.
    #[serde(default)]
    pub ready: bool,
    /// What is missing, and what would help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<32768>")]
    pub message: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_without_a_list_has_the_namespace_of_its_name() {
        let mut tenant = Tenant::new("acme", TenantSpec::default());
        assert_eq!(tenant.namespace_names(), ["acme"]);
        assert!(tenant.may_be_named_from("acme"));

        let names = ["acme-dev", "acme-prod"];
        let listed = names.map(|name| TenantNamespace { name: name.to_owned(), ..TenantNamespace::default() });
        tenant.spec.namespaces = Some(listed.to_vec());
        tenant.spec.definition_namespaces = vec!["tenancy".to_owned()];
        assert_eq!(tenant.namespace_names(), names);
        assert!(tenant.may_be_named_from("acme-prod") && tenant.may_be_named_from("tenancy"));
        assert!(!tenant.may_be_named_from("acme"));
    }
}
