//! What exists in the cluster, in the few words that plans are made of; knows no Kubernetes client.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::action::SecretTarget;
use crate::names::{ManifestRef, TAG_TENANT, TenantName};

/// The kinds of cluster object that we make, and those that we restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum KubeKind {
    /// `v1/Namespace`.
    Namespace,
    /// `rbac.authorization.k8s.io/v1/ClusterRole`.
    ClusterRole,
    /// `rbac.authorization.k8s.io/v1/ClusterRoleBinding`.
    ClusterRoleBinding,
    /// `v1/ResourceQuota`.
    ResourceQuota,
    /// `v1/LimitRange`.
    LimitRange,
    /// `networking.k8s.io/v1/NetworkPolicy`.
    NetworkPolicy,
    /// `rbac.authorization.k8s.io/v1/Role`.
    Role,
    /// `rbac.authorization.k8s.io/v1/RoleBinding`.
    RoleBinding,
    /// `v1/ServiceAccount`.
    ServiceAccount,
    /// `apps/v1/Deployment`; never made.
    Deployment,
    /// `apps/v1/StatefulSet`; never made.
    StatefulSet,
    /// `apps/v1/DaemonSet`; never made.
    DaemonSet,
}

impl KubeKind {
    /// The kind as Kubernetes writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::ClusterRole => "ClusterRole",
            Self::ClusterRoleBinding => "ClusterRoleBinding",
            Self::ResourceQuota => "ResourceQuota",
            Self::LimitRange => "LimitRange",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::Role => "Role",
            Self::RoleBinding => "RoleBinding",
            Self::ServiceAccount => "ServiceAccount",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }

    /// Its API group and version, as in `apiVersion`.
    #[must_use]
    pub fn api_version(self) -> &'static str {
        match self {
            Self::Namespace | Self::ResourceQuota | Self::LimitRange | Self::ServiceAccount => "v1",
            Self::NetworkPolicy => "networking.k8s.io/v1",
            Self::ClusterRole | Self::ClusterRoleBinding | Self::Role | Self::RoleBinding => {
                "rbac.authorization.k8s.io/v1"
            }
            Self::Deployment | Self::StatefulSet | Self::DaemonSet => "apps/v1",
        }
    }

    /// Its name in URLs.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Namespace => "namespaces",
            Self::ClusterRole => "clusterroles",
            Self::ClusterRoleBinding => "clusterrolebindings",
            Self::ResourceQuota => "resourcequotas",
            Self::LimitRange => "limitranges",
            Self::NetworkPolicy => "networkpolicies",
            Self::Role => "roles",
            Self::RoleBinding => "rolebindings",
            Self::ServiceAccount => "serviceaccounts",
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
        }
    }
}

/// Which cluster object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ObjRef {
    /// Its kind.
    pub kind: KubeKind,
    /// Its namespace; none for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl ObjRef {
    /// A cluster-scoped object.
    pub fn cluster_scoped(kind: KubeKind, name: impl Into<String>) -> Self {
        Self { kind, namespace: None, name: name.into() }
    }

    /// An object in a namespace.
    pub fn namespaced(kind: KubeKind, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind, namespace: Some(namespace.into()), name: name.into() }
    }
}

impl fmt::Display for ObjRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind.as_str(), self.name),
            None => write!(f, "{} {}", self.kind.as_str(), self.name),
        }
    }
}

/// A cluster object as we want it: the fields that we own and no others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KubeObject {
    /// Which object.
    pub at: ObjRef,
    /// Its fields without `apiVersion`, `kind`, name and namespace; `metadata` holds labels and annotations only.
    pub body: Value,
}

/// A namespace as it was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NamespaceSeen {
    /// Its UID.
    pub uid: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Whether it is being deleted.
    pub terminating: bool,
}

/// A Secret of ours as it was seen, without its data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SecretSeen {
    /// Its UID.
    pub uid: String,
    /// Its resource version, the precondition of the next write.
    pub resource_version: String,
    /// The UID of the TenantUser that owns it.
    pub owner_uid: String,
    /// The TenantUser's name.
    pub owner_name: String,
    /// The CloudAccount whose key it holds.
    pub account: String,
    /// The id of the key in it; none where the data are missing or were changed by someone.
    pub key_id: Option<String>,
    /// When the cloud made that key.
    pub key_created: Option<Timestamp>,
    /// The id of the key that it held before, where a rotation wrote it.
    pub replaces: Option<String>,
    /// What it says of the console login whose password it holds; none where it holds a key.
    pub login: Option<LoginNote>,
}

/// What a console login's Secret says beside the password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LoginNote {
    /// Whether the password was put in force, and not taken out of force since.
    pub in_force: bool,
    /// The last wish for another password that was fulfilled.
    pub reset: Option<String>,
}

/// A workload that is to be restarted when a key changes, as it was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WorkloadSeen {
    /// Its UID.
    pub uid: String,
    /// When it was made.
    pub created: Timestamp,
    /// The annotations on its pod template by which keys are told.
    pub keys: BTreeMap<String, String>,
}

/// What is known of the cluster for one tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClusterState {
    /// Namespaces by name: those that the tenant names and those that carry its label.
    pub namespaces: BTreeMap<String, NamespaceSeen>,
    /// Objects with our label for the tenant.
    pub objects: BTreeMap<ObjRef, Value>,
    /// Secrets with our label for the tenant.
    pub secrets: BTreeMap<SecretTarget, SecretSeen>,
    /// The namespaces whose Secrets were listed. Of any other, a Secret that is not here may yet exist.
    pub secrets_known: BTreeSet<String>,
    /// Workloads that were looked at; none: there is no such workload.
    pub workloads: BTreeMap<ObjRef, Option<WorkloadSeen>>,
}

/// One act on the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum ClusterAction {
    /// Makes an object that must not exist yet (a namespace: taking over another's would be adoption).
    Create(KubeObject),
    /// Server-side apply of the fields that we own.
    Apply(KubeObject),
    /// Deletes an object of ours.
    Delete(ObjRef),
    /// Takes our fields off a namespace and leaves it.
    Release(String),
    /// Deletes a Secret of ours, by its UID.
    DeleteSecret {
        /// Which.
        secret: SecretTarget,
        /// The UID that it must have.
        uid: String,
    },
    /// Takes the TenantUser's ownership off a Secret of ours, so that it stays when its owner goes.
    ReleaseSecret {
        /// Which.
        secret: SecretTarget,
        /// The UID that it must have.
        uid: String,
        /// Whether our labels and annotations come off too: from then on it is nobody's.
        unmark: bool,
    },
    /// Notes on a console login's Secret whether its password is in force.
    NoteLogin {
        /// Which.
        secret: SecretTarget,
        /// The UID that it must have.
        uid: String,
        /// Whether it is.
        in_force: bool,
    },
    /// Sets an annotation on a workload's pod template, which rolls its pods.
    Restart {
        /// Which.
        workload: ObjRef,
        /// The UID that it must have.
        uid: String,
        /// The annotation.
        annotation: String,
        /// Its value: the id of the key that the pods shall read.
        key: String,
    },
    /// Deletes a manifest in a namespace of a Tenant that is being deleted.
    DeleteManifest(ManifestRef),
}

/// The label by which everything that we make in the cluster for a tenant is found.
#[must_use]
pub fn label_of_tenant(tenant: &TenantName) -> (String, String) {
    (TAG_TENANT.to_owned(), tenant.to_string())
}

/// Whether `seen` has every field that `wanted` states: maps may hold more, lists may not. Quantities are compared by
/// value (`1000m` is `1`), as the API server rewrites them.
#[must_use]
pub fn covers(wanted: &Value, seen: &Value) -> bool {
    match (wanted, seen) {
        (Value::Object(wanted), Value::Object(seen)) => wanted.iter().all(|(key, value)| match seen.get(key) {
            Some(seen) => covers(value, seen),
            None => is_empty(value),
        }),
        (Value::Array(wanted), Value::Array(seen)) => {
            wanted.len() == seen.len() && wanted.iter().zip(seen).all(|(wanted, seen)| covers(wanted, seen))
        }
        (Value::String(wanted), Value::String(seen)) => {
            wanted == seen || quantity(wanted).is_some_and(|amount| quantity(seen) == Some(amount))
        }
        (wanted, seen) => wanted == seen,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// A Kubernetes quantity in thousandths, as far as 128 bits hold it.
fn quantity(text: &str) -> Option<i128> {
    const SUFFIXES: [(&str, i128); 13] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("Pi", 1 << 50),
        ("Ei", 1 << 60),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
        ("P", 1_000_000_000_000_000),
        ("E", 1_000_000_000_000_000_000),
        ("m", 0),
    ];
    let suffix = SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (digits, factor) = suffix.unwrap_or((text, 1));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let value: i128 = format!("{whole}{fraction}").parse().ok()?;
    let thousandths = if factor == 0 { value } else { value.checked_mul(factor)?.checked_mul(1000)? };
    Some(thousandths / scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_others_add_is_no_difference_but_what_they_change_is() {
        let wanted = json!({"hard": {"cpu": "1000m", "memory": "1Gi"}, "selector": {}});
        assert!(covers(&wanted, &json!({"hard": {"cpu": "1", "memory": "1024Mi", "pods": "3"}})));
        assert!(!covers(&wanted, &json!({"hard": {"cpu": "2", "memory": "1Gi"}})));
        assert!(!covers(&wanted, &json!({"hard": {"cpu": "1"}})));
    }

    #[test]
    fn lists_must_be_the_same() {
        assert!(!covers(&json!([1]), &json!([1, 2])));
        assert!(covers(&json!([{"a": 1}]), &json!([{"a": 1, "b": 2}])));
    }
}
