//! The only writer of manifests' status, and only when it says something new.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use kube::api::{Patch, PatchParams};
use kube::core::object::HasStatus;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::FIELD_MANAGER;
use super::faults::Deed;
use super::finalizer::{name, url};
use super::link::Link;
use super::store::Store;
use super::tables::Watched;
use crate::model::{Class, Fault};
use crate::names::ManifestKind;

/// Writes status by server-side apply.
pub struct StatusWriter {
    link: Link,
    store: Arc<Store>,
    /// By UID: what was wanted and what came of it, as hashes, where the two differ because someone else owns fields
    /// beside ours. The same again would change nothing.
    foreign: Mutex<BTreeMap<String, (u64, u64)>>,
}

impl StatusWriter {
    pub(super) fn new(link: Link, store: Arc<Store>) -> Self {
        Self { link, store, foreign: Mutex::default() }
    }

    /// Writes `status` unless the newest version that is known, our own last write included, already has it. Returns
    /// whether it was written. A manifest that has vanished is no fault.
    pub async fn write<K: Watched>(&self, object: &K, status: &<K as HasStatus>::Status) -> Result<bool, Fault> {
        let deed = Deed::on_manifest("patch", status_resource(K::KIND), &object.manifest_ref());
        let wanted = serde_json::to_value(status).map_err(|_| deed.fault(Class::Invalid, "it has no JSON form"))?;
        let newest = self.store.newest(object);
        let current = status_of(newest.as_deref().unwrap_or(object));
        if wanted == current || self.is_known_to_differ(object, &wanted, &current) {
            return Ok(false);
        }
        let body = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": {"name": object.meta().name, "namespace": object.meta().namespace, "uid": object.meta().uid},
            "status": wanted,
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let request = url(object)
            .patch_subresource("status", &name(object), &params, &Patch::Apply(&body))
            .map_err(kube::Error::BuildRequest);
        let call = async {
            match self.link.client.request::<K>(request?).await {
                Err(kube::Error::Api(answer)) if answer.is_not_found() => Ok(None),
                answer => answer.map(Some),
            }
        };
        let Some(written) = self.link.write(&deed, call).await? else { return Ok(false) };
        self.remember(object, &wanted, &status_of(&written));
        self.store.manifest_written(written);
        Ok(true)
    }

    fn is_known_to_differ<K: Watched>(&self, object: &K, wanted: &Value, current: &Value) -> bool {
        let Some(uid) = &object.meta().uid else { return false };
        let foreign = self.foreign.lock();
        foreign.get(uid) == Some(&(hash(wanted), hash(current)))
    }

    fn remember<K: Watched>(&self, object: &K, wanted: &Value, result: &Value) {
        let Some(uid) = &object.meta().uid else { return };
        let mut foreign = self.foreign.lock();
        if wanted == result {
            foreign.remove(uid);
        } else {
            foreign.insert(uid.clone(), (hash(wanted), hash(result)));
        }
    }
}

fn status_of<K: Watched>(object: &K) -> Value {
    HasStatus::status(object).and_then(|status| serde_json::to_value(status).ok()).unwrap_or_default()
}

fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.to_string().hash(&mut hasher);
    hasher.finish()
}

fn status_resource(kind: ManifestKind) -> &'static str {
    match kind {
        ManifestKind::CloudAccount => "cloudaccounts/status",
        ManifestKind::Tenant => "tenants/status",
        ManifestKind::TenantRole => "tenantroles/status",
        ManifestKind::TenantUser => "tenantusers/status",
        ManifestKind::TenantNotebook => "tenantnotebooks/status",
    }
}
