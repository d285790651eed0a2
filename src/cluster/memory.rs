//! A cluster in memory with the API server's rules that matter to us, and with faults and crashes by call number.

#![allow(dead_code)]

mod deeds;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::{Mutex, MutexGuard};
use serde_json::{Value, json};

use super::SecretContent;
use crate::model::{
    Class, ClusterAction, ClusterState, Fault, KubeKind, KubeObject, NamespaceSeen, ObjRef, SecretSeen, SecretTarget,
    WorkloadSeen,
};
use crate::names::{MADE_FOR, ManifestRef, TAG_TENANT, TenantName};

/// What goes wrong at one call.
#[derive(Clone, Debug)]
pub(crate) enum Script {
    /// The call is answered with this fault and does nothing.
    Fault(Fault),
    /// The process dies before the call is sent.
    CrashBefore,
    /// The call is done, then the process dies without the answer.
    CrashAfter,
    /// The call is done, the answer is lost; the process lives.
    LostAnswer,
}

#[derive(Clone, Debug)]
struct StoredSecret {
    tenant: Option<TenantName>,
    seen: SecretSeen,
    half: String,
}

#[derive(Debug, Default)]
struct Inner {
    clock: u64,
    calls: u64,
    writes: u64,
    crashed: bool,
    script: BTreeMap<u64, Script>,
    namespaces: BTreeMap<String, NamespaceSeen>,
    objects: BTreeMap<ObjRef, Value>,
    secrets: BTreeMap<SecretTarget, StoredSecret>,
    manifests: BTreeSet<ManifestRef>,
    refused: BTreeMap<String, Fault>,
    workloads: BTreeMap<ObjRef, WorkloadSeen>,
    looked_at: BTreeMap<ObjRef, Option<WorkloadSeen>>,
}

/// The cluster.
#[derive(Debug, Default)]
pub(crate) struct MemoryCluster {
    inner: Mutex<Inner>,
}

impl MemoryCluster {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// Lets `what` happen at the `call`-th call from the start, counted from 0.
    pub(crate) fn at_call(&self, call: u64, what: Script) {
        self.lock().script.insert(call, what);
    }

    /// How many calls were made, failed ones too.
    pub(crate) fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// How many calls changed something.
    pub(crate) fn writes(&self) -> u64 {
        self.lock().writes
    }

    /// Whether a crash was played; from then on every call fails until [`MemoryCluster::restart`].
    pub(crate) fn crashed(&self) -> bool {
        self.lock().crashed
    }

    /// Starts the process again.
    pub(crate) fn restart(&self) {
        let mut inner = self.lock();
        inner.crashed = false;
        inner.looked_at.clear();
    }

    /// Refuses every write of Secrets in a namespace with a fault, until it is lifted by none.
    pub(crate) fn refuse_secrets(&self, namespace: &str, fault: Option<Fault>) {
        let mut inner = self.lock();
        match fault {
            Some(fault) => inner.refused.insert(namespace.to_owned(), fault),
            None => inner.refused.remove(namespace),
        };
    }

    /// Puts a namespace there that someone else made.
    pub(crate) fn put_namespace(&self, name: &str, labels: &[(&str, &str)], annotations: &[(&str, &str)]) {
        let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut inner = self.lock();
        let uid = inner.next_uid();
        let seen = NamespaceSeen { uid, labels: owned(labels), annotations: owned(annotations), terminating: false };
        inner.namespaces.insert(name.to_owned(), seen);
    }

    /// Starts a namespace's end: nothing can be made in it any more.
    pub(crate) fn terminate_namespace(&self, name: &str) {
        if let Some(namespace) = self.lock().namespaces.get_mut(name) {
            namespace.terminating = true;
        }
    }

    /// Ends a namespace with everything in it.
    pub(crate) fn remove_namespace(&self, name: &str) {
        self.lock().remove_namespace(name);
    }

    /// Puts a Secret there that is not ours.
    pub(crate) fn put_foreign_secret(&self, at: &SecretTarget) {
        let mut inner = self.lock();
        let seen = SecretSeen { uid: inner.next_uid(), resource_version: inner.tick(), ..SecretSeen::default() };
        inner.secrets.insert(at.clone(), StoredSecret { tenant: None, seen, half: String::new() });
    }

    /// Deletes a Secret behind the operator's back.
    pub(crate) fn lose_secret(&self, at: &SecretTarget) {
        self.lock().secrets.remove(at);
    }

    /// Changes an object behind the operator's back; none deletes it.
    pub(crate) fn tamper(&self, at: &ObjRef, body: Option<Value>) {
        let mut inner = self.lock();
        match body {
            Some(body) => inner.objects.insert(at.clone(), body),
            None => inner.objects.remove(at),
        };
    }

    /// Puts a manifest there, for `DeleteManifest`.
    pub(crate) fn put_manifest(&self, manifest: ManifestRef) {
        self.lock().manifests.insert(manifest);
    }

    /// Whether a manifest is there.
    pub(crate) fn has_manifest(&self, manifest: &ManifestRef) -> bool {
        self.lock().manifests.contains(manifest)
    }

    /// The secret half that a Secret holds, to try it at the cloud.
    pub(crate) fn secret_half(&self, at: &SecretTarget) -> Option<String> {
        self.lock().secrets.get(at).map(|stored| stored.half.clone())
    }

    /// What a snapshot of a tenant would hold; `named` are namespaces that its manifests name or live in.
    pub(crate) fn state(&self, tenant: &TenantName, named: &BTreeSet<String>) -> ClusterState {
        let inner = self.lock();
        let of_tenant = |labels: Option<&Value>| {
            labels.and_then(|labels| labels.get(TAG_TENANT)).and_then(Value::as_str) == Some(tenant.as_str())
        };
        ClusterState {
            namespaces: inner
                .namespaces
                .iter()
                .filter(|(name, seen)| {
                    named.contains(*name) || seen.labels.get(TAG_TENANT).map(String::as_str) == Some(tenant.as_str())
                })
                .map(|(name, seen)| (name.clone(), seen.clone()))
                .collect(),
            objects: inner
                .objects
                .iter()
                .filter(|(_, body)| of_tenant(body.pointer("/metadata/labels")))
                .map(|(at, body)| (at.clone(), body.clone()))
                .collect(),
            secrets: inner
                .secrets
                .iter()
                .filter(|(_, stored)| stored.tenant.as_ref() == Some(tenant))
                .map(|(at, stored)| (at.clone(), stored.seen.clone()))
                .collect(),
            secrets_known: named.clone(),
            workloads: inner.looked_at.clone(),
        }
    }

    /// Puts a workload there that someone else made.
    pub(crate) fn put_workload(&self, at: &ObjRef) {
        let mut inner = self.lock();
        let uid = inner.next_uid();
        inner.workloads.insert(at.clone(), WorkloadSeen { uid, ..WorkloadSeen::default() });
    }

    /// The annotations on a workload's pod template.
    pub(crate) fn annotations(&self, at: &ObjRef) -> BTreeMap<String, String> {
        self.lock().workloads.get(at).map(|seen| seen.keys.clone()).unwrap_or_default()
    }

    /// Plays the script around one call.
    fn call<T>(&self, write: bool, act: impl FnOnce(&mut Inner) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut inner = self.lock();
        if inner.crashed {
            return Err(lost("the process is dead"));
        }
        let number = inner.calls;
        inner.calls += 1;
        match inner.script.remove(&number) {
            Some(Script::Fault(fault)) => return Err(fault),
            Some(Script::CrashBefore) => {
                inner.crashed = true;
                return Err(lost("crash before the call"));
            }
            Some(Script::CrashAfter) => {
                inner.crashed = true;
                inner.act(write, act)?;
                return Err(lost("crash after the call"));
            }
            Some(Script::LostAnswer) => {
                inner.act(write, act)?;
                return Err(lost("the answer was lost"));
            }
            None => {}
        }
        inner.act(write, act)
    }
}

fn lost(message: &str) -> Fault {
    Fault::new(Class::Transient, "call", "cluster", message)
}

impl Inner {
    fn act<T>(&mut self, write: bool, act: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        let result = act(self)?;
        self.writes += u64::from(write);
        Ok(result)
    }

    fn tick(&mut self) -> String {
        self.clock += 1;
        self.clock.to_string()
    }

    fn next_uid(&mut self) -> String {
        self.clock += 1;
        format!("uid-{}", self.clock)
    }

    fn remove_namespace(&mut self, name: &str) {
        self.namespaces.remove(name);
        self.objects.retain(|at, _| at.namespace.as_deref() != Some(name));
        self.secrets.retain(|at, _| at.namespace != name);
        self.manifests.retain(|manifest| manifest.namespace.as_deref() != Some(name));
    }

    fn open(&self, namespace: &str, action: &str, object: &str) -> Result<(), Fault> {
        match self.namespaces.get(namespace) {
            None => {
                Err(Fault::new(Class::Waiting, action, object, format!("namespace {namespace} does not exist yet")))
            }
            Some(seen) if seen.terminating => {
                Err(Fault::new(Class::Waiting, action, object, format!("namespace {namespace} is being deleted")))
            }
            Some(_) => Ok(()),
        }
    }

    fn put(&mut self, object: &KubeObject, create: bool) -> Result<(), Fault> {
        let at = &object.at;
        if let Some(namespace) = &at.namespace {
            self.open(namespace, "patch", &at.to_string())?;
        }
        let exists = match at.kind {
            KubeKind::Namespace => self.namespaces.contains_key(&at.name),
            _ => self.objects.contains_key(at),
        };
        match (create, exists) {
            (true, true) => return Err(Fault::new(Class::Transient, "create", at, "exists already")),
            (false, false) => return Err(Fault::new(Class::Transient, "patch", at, "is gone")),
            _ => {}
        }
        let texts = |pointer: &str| -> BTreeMap<String, String> {
            object
                .body
                .pointer(pointer)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect()
        };
        if at.kind == KubeKind::Namespace {
            let uid = self.next_uid();
            let seen =
                self.namespaces.entry(at.name.clone()).or_insert_with(|| NamespaceSeen { uid, ..Default::default() });
            seen.labels.extend(texts("/metadata/labels"));
            seen.annotations.extend(texts("/metadata/annotations"));
        } else {
            self.objects.insert(at.clone(), object.body.clone());
        }
        Ok(())
    }

    fn delete(&mut self, at: &ObjRef) -> Result<(), Fault> {
        if at.kind == KubeKind::Namespace {
            let Some(seen) = self.namespaces.get(&at.name) else { return Ok(()) };
            if !seen.annotations.contains_key(MADE_FOR) {
                return Err(Fault::new(Class::NotOwned, "delete", at, "was not made by Tenantry"));
            }
            self.remove_namespace(&at.name);
        } else {
            self.objects.remove(at);
        }
        Ok(())
    }

    fn check_secret(&self, at: &SecretTarget, content: &SecretContent, seen: Option<&SecretSeen>) -> Result<(), Fault> {
        let object = format!("Secret {}/{}", at.namespace, at.name);
        self.open(&at.namespace, "patch", &object)?;
        if let Some(fault) = self.refused.get(&at.namespace) {
            return Err(fault.clone());
        }
        match (self.secrets.get(at), seen) {
            (Some(stored), _) if stored.tenant.as_ref() != Some(&content.tenant) => {
                Err(Fault::new(Class::NotOwned, "patch", object, "exists and is not Tenantry's"))
            }
            (None, None) => Ok(()),
            (Some(stored), Some(seen))
                if stored.seen.uid == seen.uid && stored.seen.resource_version == seen.resource_version =>
            {
                Ok(())
            }
            _ => Err(Fault::new(Class::Transient, "patch", object, "is not as it was seen")),
        }
    }
}
