//! Our own finalizer on manifests: on before anything is made for them, off when nothing of theirs is left.

use std::sync::Arc;

use kube::api::{Patch, PatchParams};
use kube::core::Request;
use serde_json::{Value, json};

use super::FIELD_MANAGER;
use super::faults::Deed;
use super::link::Link;
use super::store::Store;
use super::tables::Watched;
use super::writer::manifest_plural;
use crate::model::{Class, Fault};

/// The finalizer on every manifest that we act for.
pub const FINALIZER: &str = "tenantry.dev/cleanup";
/// How often a removal is tried against finalizers that others change at the same time.
const TRIES: usize = 3;

/// Puts our finalizer on manifests and takes it off.
#[derive(Clone)]
pub struct Finalizers {
    link: Link,
    store: Arc<Store>,
}

impl Finalizers {
    pub(super) fn new(link: Link, store: Arc<Store>) -> Self {
        Self { link, store }
    }

    /// Puts it on; returns whether it is on now. It is not where the manifest is being deleted: then none can be added.
    /// A manifest that has vanished is not made again (the UID sees to that) and is a `Transient` fault.
    pub async fn add<K: Watched>(&self, object: &K) -> Result<bool, Fault> {
        let object = self.store.newest(object).map_or_else(|| object.clone(), |newest| newest.as_ref().clone());
        if has(&object) || object.meta().deletion_timestamp.is_some() {
            return Ok(has(&object));
        }
        let body = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": {
                "name": object.meta().name, "namespace": object.meta().namespace, "uid": object.meta().uid,
                "finalizers": [FINALIZER],
            },
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let added: K = self.patch(&object, &params, &Patch::Apply(&body)).await?;
        self.store.manifest_written(added);
        Ok(true)
    }

    /// Takes it off, whoever else claims it. A manifest that has vanished is no fault.
    pub async fn remove<K: Watched>(&self, object: &K) -> Result<(), Fault> {
        let mut object = self.store.newest(object).map_or_else(|| object.clone(), |newest| newest.as_ref().clone());
        for _ in 0..TRIES {
            if !has(&object) {
                return Ok(());
            }
            match self.try_remove(&object).await {
                Ok(removed) => {
                    let meta = removed.meta();
                    if meta.deletion_timestamp.is_some() && meta.finalizers.iter().flatten().next().is_none() {
                        self.store.manifest_gone(&removed);
                    } else {
                        self.store.manifest_written(removed);
                    }
                    return Ok(());
                }
                Err(fault) if matches!(fault.class, Class::Transient | Class::Invalid) => {
                    match self.read(&object).await? {
                        Some(live) if live.meta().uid == object.meta().uid => object = live,
                        _ => {
                            self.store.manifest_gone(&object);
                            return Ok(());
                        }
                    }
                }
                Err(fault) => return Err(fault),
            }
        }
        Err(deed("patch", &object).fault(Class::Transient, "its finalizers are being changed by someone else"))
    }

    /// A JSON patch that holds only for the object and the list of finalizers that we know.
    async fn try_remove<K: Watched>(&self, object: &K) -> Result<K, Fault> {
        let known: Vec<&String> = object.meta().finalizers.iter().flatten().collect();
        let rest: Vec<&&String> = known.iter().filter(|name| name.as_str() != FINALIZER).collect();
        let patch: Value = json!([
            {"op": "test", "path": "/metadata/uid", "value": object.meta().uid},
            {"op": "test", "path": "/metadata/finalizers", "value": known},
            {"op": "replace", "path": "/metadata/finalizers", "value": rest},
        ]);
        let patch =
            serde_json::from_value(patch).map_err(|_| deed("patch", object).fault(Class::Invalid, "no patch"))?;
        self.patch(object, &PatchParams::default(), &Patch::<()>::Json(patch)).await
    }

    async fn patch<K: Watched, P: serde::Serialize>(
        &self,
        object: &K,
        params: &PatchParams,
        patch: &Patch<P>,
    ) -> Result<K, Fault> {
        let request = url(object).patch(&name(object), params, patch).map_err(kube::Error::BuildRequest);
        let call = async { self.link.client.request::<K>(request?).await };
        self.link.write(&deed("patch", object), call).await
    }

    async fn read<K: Watched>(&self, object: &K) -> Result<Option<K>, Fault> {
        let request = url(object).get(&name(object), &Default::default()).map_err(kube::Error::BuildRequest);
        let call = async {
            match self.link.client.request::<K>(request?).await {
                Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
                answer => answer.map(Some),
            }
        };
        self.link.read(&deed("get", object), call).await
    }
}

/// Whether our finalizer is on.
#[must_use]
pub fn has<K: kube::Resource>(object: &K) -> bool {
    object.meta().finalizers.iter().flatten().any(|name| name == FINALIZER)
}

pub(super) fn url<K: Watched>(object: &K) -> Request {
    Request::new(K::url_path(&(), object.meta().namespace.as_deref()))
}

pub(super) fn name<K: Watched>(object: &K) -> String {
    object.meta().name.clone().unwrap_or_default()
}

fn deed<K: Watched>(verb: &'static str, object: &K) -> Deed {
    Deed::on_manifest(verb, manifest_plural(K::KIND), &object.manifest_ref())
}
