//! What is kept of each kind of object: enough for plans, small, and never a secret.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::object::HasStatus;
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::{Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::finalizer::FINALIZER;
use super::secrets;
use super::table::{Kept, Key, Record};
use crate::api::{CloudAccount, Tenant, TenantNotebook, TenantRole, TenantUser};
use crate::model::{NamespaceSeen, SecretSeen};
use crate::names::{ManifestKind, ManifestRef, TAG_TENANT, TenantName};

/// One of the five kinds that users write.
pub trait Manifest:
    Resource<DynamicType = ()>
    + HasStatus<Status: Serialize + Send + Sync>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// Its kind.
    const KIND: ManifestKind;

    /// The tenant that it is or names.
    fn tenant(&self) -> Option<TenantName>;

    /// Which manifest it is.
    fn manifest_ref(&self) -> ManifestRef {
        ManifestRef { kind: Self::KIND, namespace: self.meta().namespace.clone(), name: self.name_any() }
    }
}

impl Manifest for CloudAccount {
    const KIND: ManifestKind = ManifestKind::CloudAccount;

    fn tenant(&self) -> Option<TenantName> {
        None
    }
}

impl Manifest for Tenant {
    const KIND: ManifestKind = ManifestKind::Tenant;

    fn tenant(&self) -> Option<TenantName> {
        Some(TenantName::new(self.name_any()))
    }
}

macro_rules! names_its_tenant {
    ($($kind:ident),+) => {$(
        impl Manifest for $kind {
            const KIND: ManifestKind = ManifestKind::$kind;

            fn tenant(&self) -> Option<TenantName> {
                Some(TenantName::new(self.spec.tenant.clone()))
            }
        }
    )+};
}

names_its_tenant!(TenantRole, TenantUser, TenantNotebook);

impl<K: Manifest> Kept for Arc<K> {
    fn tenant(&self) -> Option<TenantName> {
        Manifest::tenant(self.as_ref())
    }

    /// Status and managed fields do not count, nor does our own finalizer.
    fn is_same(&self, other: &Self) -> bool {
        fn essence(meta: &ObjectMeta) -> impl PartialEq + '_ {
            let finalizers: Vec<&String> = meta.finalizers.iter().flatten().filter(|name| *name != FINALIZER).collect();
            (
                meta.generation,
                meta.deletion_timestamp.as_ref(),
                meta.labels.as_ref(),
                meta.annotations.as_ref(),
                finalizers,
            )
        }
        essence(self.meta()) == essence(other.meta())
    }
}

pub(super) fn manifest<K: Manifest>(mut object: K) -> Record<Arc<K>> {
    object.meta_mut().managed_fields = None;
    record(&object.meta().clone(), Arc::new(object))
}

impl Kept for NamespaceSeen {
    fn tenant(&self) -> Option<TenantName> {
        self.labels.get(TAG_TENANT).map(TenantName::new)
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}

pub(super) fn namespace(object: PartialObjectMeta<Namespace>) -> Record<NamespaceSeen> {
    let meta = object.metadata;
    let value = NamespaceSeen {
        uid: meta.uid.clone().unwrap_or_default(),
        labels: meta.labels.clone().unwrap_or_default(),
        annotations: meta.annotations.clone().unwrap_or_default(),
        terminating: meta.deletion_timestamp.is_some(),
    };
    record(&meta, value)
}

/// An object of ours, as compact JSON: parsed only for its tenant's passes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ObjectSeen {
    tenant: Option<TenantName>,
    text: Box<str>,
}

impl ObjectSeen {
    pub(super) fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl Kept for ObjectSeen {
    fn tenant(&self) -> Option<TenantName> {
        self.tenant.clone()
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}

/// Keeps labels, annotations and everything beside `metadata` and `status`, in the form of [`crate::model::KubeObject`].
pub(super) fn object(object: DynamicObject) -> Record<ObjectSeen> {
    let meta = object.metadata;
    let mut body = match object.data {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    body.remove("status");
    let mut kept = Map::new();
    for (name, texts) in [("labels", &meta.labels), ("annotations", &meta.annotations)] {
        if let Some(texts) = texts.as_ref().filter(|texts| !texts.is_empty()) {
            kept.insert(name.to_owned(), texts.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect());
        }
    }
    body.insert("metadata".to_owned(), Value::Object(kept));
    let tenant = meta.labels.as_ref().and_then(|labels| labels.get(TAG_TENANT)).map(TenantName::new);
    record(&meta, ObjectSeen { tenant, text: Value::Object(body).to_string().into_boxed_str() })
}

/// A Secret of ours without its data.
#[derive(Clone, Debug)]
pub(super) struct SecretKept {
    tenant: Option<TenantName>,
    pub(super) seen: SecretSeen,
}

impl Kept for SecretKept {
    fn tenant(&self) -> Option<TenantName> {
        self.tenant.clone()
    }

    /// The resource version alone is no change; a changed key id, owner or label is.
    fn is_same(&self, other: &Self) -> bool {
        let essence = |kept: &Self| SecretSeen { resource_version: String::new(), ..kept.seen.clone() };
        self.tenant == other.tenant && essence(self) == essence(other)
    }
}

pub(super) fn secret(object: &Secret) -> Record<SecretKept> {
    record(&object.metadata, SecretKept { tenant: secrets::tenant_of(object), seen: secrets::reduce(object) })
}

/// A Secret of the operator's own namespace: only that it changed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CredentialsKept(String);

impl Kept for CredentialsKept {
    fn tenant(&self) -> Option<TenantName> {
        None
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}

pub(super) fn credentials(object: PartialObjectMeta<Secret>) -> Record<CredentialsKept> {
    let version = object.metadata.resource_version.clone().unwrap_or_default();
    record(&object.metadata, CredentialsKept(version))
}

fn record<T>(meta: &ObjectMeta, value: T) -> Record<T> {
    Record {
        key: Key::new(meta.namespace.as_deref(), meta.name.as_deref().unwrap_or_default()),
        uid: meta.uid.clone().unwrap_or_default(),
        version: meta.resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or_default(),
        value,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use serde_json::json;

    fn user(change: impl FnOnce(&mut Value)) -> Record<Arc<TenantUser>> {
        let mut text = json!({
            "apiVersion": "tenantry.dev/v1alpha1", "kind": "TenantUser",
            "metadata": {"name": "alice", "namespace": "acme", "uid": "1", "resourceVersion": "7", "generation": 1},
            "spec": {"tenant": "acme"},
        });
        change(&mut text);
        manifest(serde_json::from_value(text).unwrap())
    }

    #[test]
    fn a_status_a_managed_field_or_our_finalizer_wakes_nobody() {
        let before = user(|_| {}).value;
        let quiet = user(|user| {
            user["status"] = json!({"observedGeneration": 1});
            user["metadata"]["finalizers"] = json!([FINALIZER]);
            user["metadata"]["resourceVersion"] = json!("8");
            user["metadata"]["managedFields"] = json!([{"manager": "tenantry", "operation": "Apply"}]);
        });
        assert!(before.is_same(&quiet.value));
        assert_eq!(quiet.value.metadata.managed_fields, None);
        assert_eq!((quiet.version, quiet.key), (8, Key::new(Some("acme"), "alice")));
    }

    #[test]
    fn a_generation_a_deletion_an_annotation_or_a_foreign_finalizer_wakes() {
        let before = user(|_| {}).value;
        for (field, value) in [
            ("generation", json!(2)),
            ("deletionTimestamp", json!("2026-01-01T00:00:00Z")),
            ("annotations", json!({"tenantry.dev/reconcile": "1"})),
            ("labels", json!({"a": "b"})),
            ("finalizers", json!(["foregroundDeletion"])),
        ] {
            let after = user(|user| user["metadata"][field] = value).value;
            assert!(!before.is_same(&after), "{field}");
        }
    }

    #[test]
    fn an_object_is_kept_without_status_and_server_fields() {
        let seen: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "ResourceQuota",
            "metadata": {"name": "tenantry", "namespace": "acme", "uid": "1", "resourceVersion": "7",
                "labels": {TAG_TENANT: "acme"}, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"hard": {"pods": "3"}},
            "status": {"used": {"pods": "1"}},
        }))
        .unwrap();
        let record = object(seen);
        assert_eq!(Kept::tenant(&record.value), Some(TenantName::new("acme")));
        assert_eq!(
            record.value.body(),
            json!({"metadata": {"labels": {TAG_TENANT: "acme"}}, "spec": {"hard": {"pods": "3"}}})
        );
    }
}
