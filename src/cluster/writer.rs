//! The real cluster: server-side apply under one field manager, and never over an object that is not ours.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::api::{Api, DeleteParams, DynamicObject, PartialObjectMeta, Patch, PatchParams, Preconditions};
use kube::core::ApiResource;
use serde_json::{Value, json};

use super::faults::Deed;
use super::link::Link;
use super::secrets::{self, SecretContent};
use super::store::Store;
use super::{Cluster, FIELD_MANAGER};
use crate::model::{Class, ClusterAction, Fault, KubeKind, KubeObject, ObjRef, Password, SecretSeen, SecretTarget};
use crate::names::{MADE_FOR, ManifestKind, ManifestRef, TAG_TENANT};

/// A resource version that no object has. Server-side apply ignores it where there is no object and answers 409 where
/// there is one: a create that owns its fields. A POST would own them under another operation, and what a later apply
/// leaves out would stay.
const NEVER: &str = "1";

/// The cluster behind an API server.
#[derive(Clone)]
pub struct KubeCluster {
    pub(super) link: Link,
    pub(super) store: Arc<Store>,
}

impl KubeCluster {
    pub(super) fn new(link: Link, store: Arc<Store>) -> Self {
        Self { link, store }
    }

    pub(super) fn api(&self, at: &ObjRef) -> Api<DynamicObject> {
        let resource = resource(at.kind);
        match &at.namespace {
            Some(namespace) => Api::namespaced_with(self.link.client.clone(), namespace, &resource),
            None => Api::all_with(self.link.client.clone(), &resource),
        }
    }

    async fn create(&self, object: &KubeObject) -> Result<(), Fault> {
        match self.apply(object, "create", ("resourceVersion", NEVER)).await {
            Err(fault) if fault.class == Class::Transient && object.at.kind != KubeKind::Namespace => {
                self.take_back(object, fault).await
            }
            answer => answer,
        }
    }

    /// An object of that name that the watch of our label does not show: the watch is behind, or someone took our label
    /// off, or it is not ours.
    async fn take_back(&self, object: &KubeObject, conflict: Fault) -> Result<(), Fault> {
        let at = &object.at;
        let deed = Deed::on("get", at);
        let Some(found) = self.link.read(&deed, self.api(at).get_opt(&at.name)).await? else { return Err(conflict) };
        let labelled = found.metadata.labels.as_ref().and_then(|labels| labels.get(TAG_TENANT)).map(String::as_str);
        let wanted = object.body.pointer("/metadata/labels").and_then(|labels| labels.get(TAG_TENANT));
        let made_by_us = |entry: &ManagedFieldsEntry| {
            entry.manager.as_deref() == Some(FIELD_MANAGER) && entry.operation.as_deref() == Some("Apply")
        };
        match (labelled, &found.metadata.uid) {
            (Some(label), _) if wanted.and_then(Value::as_str) == Some(label) => Err(conflict),
            (None, Some(uid)) if found.metadata.managed_fields.iter().flatten().any(made_by_us) => {
                self.apply(object, "patch", ("uid", uid)).await
            }
            _ => Err(deed.fault(Class::NotOwned, "it exists and was not made by Tenantry: delete or rename it")),
        }
    }

    /// Applies to exactly the object that was seen: server-side apply would make a vanished one again, were it not for
    /// the UID.
    async fn change(&self, object: &KubeObject) -> Result<(), Fault> {
        let deed = Deed::on("patch", &object.at);
        let Some(uid) = self.store.uid(&object.at) else {
            return Err(deed.fault(Class::Transient, "it does not exist (any more)"));
        };
        let label = object.body.pointer("/metadata/labels").and_then(|labels| labels.get(TAG_TENANT));
        let ours = self.store.tenant(&object.at).map(|tenant| Value::from(tenant.as_str()));
        if object.at.kind != KubeKind::Namespace && ours.as_ref() != label {
            return Err(deed.fault(Class::NotOwned, "it exists and is not this tenant's"));
        }
        self.apply(object, "patch", ("uid", &uid)).await
    }

    async fn apply(&self, object: &KubeObject, verb: &'static str, guard: (&str, &str)) -> Result<(), Fault> {
        let at = &object.at;
        let body = apply_body(object, guard);
        let api = self.api(at);
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(&body);
        let answer = self.link.write(&Deed::on(verb, at), api.patch(&at.name, &params, &patch)).await?;
        self.written(at, answer);
        Ok(())
    }

    fn written(&self, at: &ObjRef, object: DynamicObject) {
        if at.kind == KubeKind::Namespace {
            self.store.namespace_written(metadata_of(object));
        } else {
            self.store.object_written(at.kind, object);
        }
    }

    async fn delete(&self, at: &ObjRef) -> Result<(), Fault> {
        let Some(uid) = self.store.uid(at) else { return Ok(()) };
        let deed = Deed::on("delete", at);
        if at.kind == KubeKind::Namespace {
            let made = self.store.namespace_seen(&at.name).is_some_and(|it| it.annotations.contains_key(MADE_FOR));
            if !made {
                return Err(deed.fault(Class::NotOwned, "it was not made by Tenantry"));
            }
        }
        let api = self.api(at);
        let call = async { api.delete(&at.name, &exactly(&uid)).await.map(|answer| answer.left()) };
        match self.link.write(&deed, absent_is_gone(call)).await? {
            Some(object) if still_there(&object) => self.written(at, object),
            _ => self.store.object_gone(at, &uid),
        }
        Ok(())
    }

    /// Applies nothing at all: the fields that only we own go, everybody else's stay.
    async fn release(&self, name: &str) -> Result<(), Fault> {
        let at = ObjRef::cluster_scoped(KubeKind::Namespace, name);
        let Some(uid) = self.store.uid(&at) else { return Ok(()) };
        let nothing = KubeObject { at, body: json!({}) };
        self.apply(&nothing, "patch", ("uid", &uid)).await
    }

    async fn delete_secret(&self, at: &SecretTarget, uid: &str) -> Result<(), Fault> {
        let api = self.secrets(at);
        let deed = Deed::on_secret("delete", at);
        let call = async { api.delete(&at.name, &exactly(uid)).await.map(|answer| answer.left()) };
        match self.link.write(&deed, absent_is_gone(call)).await? {
            Some(secret) if has_finalizers(&secret.metadata) => self.store.secret_written(&secret),
            _ => self.store.secret_gone(at, uid),
        }
        Ok(())
    }

    /// Changes nothing but the note: the password stays what it is and is not read.
    async fn note_login(&self, at: &SecretTarget, uid: &str, in_force: bool) -> Result<(), Fault> {
        let mut metadata = secrets::login_note(in_force);
        metadata["uid"] = Value::from(uid);
        let body = json!({"metadata": metadata});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let (api, patch) = (self.secrets(at), Patch::Merge(&body));
        let secret = self.link.write(&Deed::on_secret("patch", at), api.patch(&at.name, &params, &patch)).await?;
        self.store.secret_written(&secret);
        Ok(())
    }

    /// Takes off what ties the Secret to its TenantUser, and with `unmark` what says that it is ours. Its data are not
    /// stated, so server-side apply would take them away: a merge patch does not.
    async fn release_secret(&self, at: &SecretTarget, uid: &str, unmark: bool) -> Result<(), Fault> {
        let api = self.secrets(at);
        let found = self.link.read(&Deed::on_secret("get", at), api.get_metadata_opt(&at.name)).await?;
        let Some(meta) = found.map(|found| found.metadata).filter(|meta| meta.uid.as_deref() == Some(uid)) else {
            self.store.secret_gone(at, uid);
            return Ok(());
        };
        let (params, patch) = (PatchParams::default(), Patch::Merge(secrets::release_body(&meta, unmark)));
        let call = api.patch(&at.name, &params, &patch);
        let released = self.link.write(&Deed::on_secret("patch", at), call).await?;
        self.store.secret_written(&released);
        Ok(())
    }

    async fn delete_manifest(&self, manifest: &ManifestRef) -> Result<(), Fault> {
        let Some(uid) = self.store.manifest_uid(manifest) else { return Ok(()) };
        let resource = manifest_resource(manifest.kind);
        let api: Api<DynamicObject> = match &manifest.namespace {
            Some(namespace) => Api::namespaced_with(self.link.client.clone(), namespace, &resource),
            None => Api::all_with(self.link.client.clone(), &resource),
        };
        let deed = Deed::on_manifest("delete", manifest_plural(manifest.kind), manifest);
        let call = async { api.delete(&manifest.name, &exactly(&uid)).await.map(|_| None::<()>) };
        self.link.write(&deed, absent_is_gone(call)).await?;
        Ok(())
    }

    fn secrets(&self, at: &SecretTarget) -> Api<Secret> {
        Api::namespaced(self.link.client.clone(), &at.namespace)
    }

    /// One server-side apply of a Secret, for real or as a dry run.
    async fn put_secret(
        &self,
        at: &SecretTarget,
        content: &SecretContent,
        seen: Option<&SecretSeen>,
        dry_run: bool,
    ) -> Result<Secret, Fault> {
        let mut body = content.apply_body(at);
        match seen {
            Some(seen) => {
                body["metadata"]["uid"] = Value::from(seen.uid.as_str());
                body["metadata"]["resourceVersion"] = Value::from(seen.resource_version.as_str());
            }
            None => body["metadata"]["resourceVersion"] = Value::from(NEVER),
        }
        let deed = Deed::on_secret(if seen.is_some() { "patch" } else { "create" }, at);
        let params = PatchParams { dry_run, ..PatchParams::apply(FIELD_MANAGER).force() };
        let (api, patch) = (self.secrets(at), Patch::Apply(&body));
        let call = api.patch(&at.name, &params, &patch);
        let answer = if dry_run { self.link.read(&deed, call).await } else { self.link.write(&deed, call).await };
        match answer {
            Err(fault) if fault.class == Class::Transient => Err(self.why_not(at, content, fault).await),
            answer => answer,
        }
    }

    /// A conflict may be with a Secret that is not ours: that is for people, and no retry helps.
    async fn why_not(&self, at: &SecretTarget, content: &SecretContent, fault: Fault) -> Fault {
        let deed = Deed::on_secret("get", at);
        match self.link.read(&deed, self.secrets(at).get_opt(&at.name)).await {
            Ok(Some(found)) if secrets::tenant_of(&found).as_ref() != Some(&content.tenant) => not_ours(&deed),
            Ok(_) | Err(_) => fault,
        }
    }
}

impl Cluster for KubeCluster {
    async fn execute(&self, action: &ClusterAction) -> Result<(), Fault> {
        match action {
            ClusterAction::Create(object) => self.create(object).await,
            ClusterAction::Apply(object) => self.change(object).await,
            ClusterAction::Delete(at) => self.delete(at).await,
            ClusterAction::Release(name) => self.release(name).await,
            ClusterAction::DeleteSecret { secret, uid } => self.delete_secret(secret, uid).await,
            ClusterAction::NoteLogin { secret, uid, in_force } => self.note_login(secret, uid, *in_force).await,
            ClusterAction::Restart { workload, uid, annotation, key } => {
                self.restart(workload, uid, annotation, key).await
            }
            ClusterAction::ReleaseSecret { secret, uid, unmark } => self.release_secret(secret, uid, *unmark).await,
            ClusterAction::DeleteManifest(manifest) => self.delete_manifest(manifest).await,
        }
    }

    async fn rehearse_secret(
        &self,
        at: &SecretTarget,
        content: &SecretContent,
        seen: Option<&SecretSeen>,
    ) -> Result<(), Fault> {
        self.put_secret(at, content, seen, true).await.map(|_| ())
    }

    async fn write_secret(
        &self,
        at: &SecretTarget,
        content: &SecretContent,
        seen: Option<&SecretSeen>,
    ) -> Result<SecretSeen, Fault> {
        let secret = self.put_secret(at, content, seen, false).await?;
        let seen = secrets::reduce(&secret);
        self.store.secret_written(&secret);
        Ok(seen)
    }

    async fn read_password(&self, at: &SecretTarget) -> Result<Option<Password>, Fault> {
        let deed = Deed::on_secret("get", at);
        match self.link.read(&deed, self.secrets(at).get_opt(&at.name)).await? {
            None => Ok(None),
            Some(secret) if secrets::tenant_of(&secret).is_none() => Err(not_ours(&deed)),
            Some(secret) => Ok(secrets::password(&secret)),
        }
    }

    async fn look_at(&self, workload: &ObjRef) -> Result<(), Fault> {
        self.look_at_workload(workload).await
    }

    async fn read_secret(&self, at: &SecretTarget) -> Result<Option<SecretSeen>, Fault> {
        let deed = Deed::on_secret("get", at);
        match self.link.read(&deed, self.secrets(at).get_opt(&at.name)).await? {
            None => Ok(None),
            Some(secret) if secrets::tenant_of(&secret).is_none() => Err(not_ours(&deed)),
            Some(secret) => {
                self.store.secret_written(&secret);
                Ok(Some(secrets::reduce(&secret)))
            }
        }
    }
}

fn not_ours(deed: &Deed) -> Fault {
    deed.fault(
        Class::NotOwned,
        "it exists and was not made by Tenantry: delete or rename it, or set accessKey.secretName to another name",
    )
}

fn apply_body(object: &KubeObject, (guard, value): (&str, &str)) -> Value {
    let at = &object.at;
    let mut body = object.body.clone();
    if !body.is_object() {
        body = json!({});
    }
    body["apiVersion"] = Value::from(at.kind.api_version());
    body["kind"] = Value::from(at.kind.as_str());
    if !body["metadata"].is_object() {
        body["metadata"] = json!({});
    }
    body["metadata"]["name"] = Value::from(at.name.as_str());
    if let Some(namespace) = &at.namespace {
        body["metadata"]["namespace"] = Value::from(namespace.as_str());
    }
    body["metadata"][guard] = Value::from(value);
    body
}

pub(super) fn metadata_of(object: DynamicObject) -> PartialObjectMeta<Namespace> {
    PartialObjectMeta { types: None, metadata: object.metadata, _phantom: std::marker::PhantomData }
}

pub(super) fn resource(kind: KubeKind) -> ApiResource {
    let api_version = kind.api_version();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: api_version.to_owned(),
        kind: kind.as_str().to_owned(),
        plural: kind.plural().to_owned(),
    }
}

fn manifest_resource(kind: ManifestKind) -> ApiResource {
    ApiResource {
        group: crate::api::GROUP.to_owned(),
        version: crate::api::VERSION.to_owned(),
        api_version: format!("{}/{}", crate::api::GROUP, crate::api::VERSION),
        kind: kind.as_str().to_owned(),
        plural: manifest_plural(kind).to_owned(),
    }
}

pub(super) fn manifest_plural(kind: ManifestKind) -> &'static str {
    match kind {
        ManifestKind::CloudAccount => "cloudaccounts",
        ManifestKind::Tenant => "tenants",
        ManifestKind::TenantRole => "tenantroles",
        ManifestKind::TenantUser => "tenantusers",
        ManifestKind::TenantNotebook => "tenantnotebooks",
    }
}

fn exactly(uid: &str) -> DeleteParams {
    DeleteParams::background().preconditions(Preconditions { uid: Some(uid.to_owned()), resource_version: None })
}

/// An object that is gone, or is another one by now, is what a delete wants.
async fn absent_is_gone<T>(call: impl Future<Output = kube::Result<Option<T>>>) -> kube::Result<Option<T>> {
    match call.await {
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(None),
        answer => answer,
    }
}

/// Some kinds answer a delete with the object although it is gone; what stays has a deletion timestamp and finalizers
/// (a namespace: in its spec).
fn still_there(object: &DynamicObject) -> bool {
    let spec = object.data.pointer("/spec/finalizers").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    object.metadata.deletion_timestamp.is_some() && (spec || has_finalizers(&object.metadata))
}

fn has_finalizers(meta: &ObjectMeta) -> bool {
    meta.finalizers.as_ref().is_some_and(|finalizers| !finalizers.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_applied_names_its_object_and_its_precondition() {
        let at = ObjRef::namespaced(KubeKind::RoleBinding, "acme", "tenantry:owners");
        let object = KubeObject { at, body: json!({"metadata": {"labels": {"a": "b"}}, "subjects": []}) };
        assert_eq!(
            apply_body(&object, ("uid", "u1")),
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": {"name": "tenantry:owners", "namespace": "acme", "labels": {"a": "b"}, "uid": "u1"},
                "subjects": [],
            })
        );
    }

    #[test]
    fn a_namespace_that_terminates_is_still_there_and_a_quota_that_was_deleted_is_not() {
        let object = |text: Value| -> DynamicObject { serde_json::from_value(text).unwrap_or_else(|_| unreachable!()) };
        let stamp = "2026-01-01T00:00:00Z";
        assert!(still_there(&object(json!({
            "metadata": {"name": "acme", "deletionTimestamp": stamp}, "spec": {"finalizers": ["kubernetes"]},
        }))));
        assert!(!still_there(&object(json!({"metadata": {"name": "tenantry"}, "spec": {}}))));
    }
}
