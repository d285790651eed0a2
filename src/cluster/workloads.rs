//! Workloads that read a user's key: looked at once for each key, and restarted by an annotation on their pod template.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use super::FIELD_MANAGER;
use super::faults::Deed;
use super::writer::KubeCluster;
use crate::model::{Fault, ObjRef, WorkloadSeen};

const TEMPLATE: &str = "/spec/template/metadata/annotations";

impl KubeCluster {
    pub(super) async fn look_at_workload(&self, at: &ObjRef) -> Result<(), Fault> {
        let found = self.link.read(&Deed::on("get", at), self.api(at).get_opt(&at.name)).await?;
        self.store.workload_seen(at, found.as_ref().map(reduce));
        Ok(())
    }

    /// Adds one annotation to the pod template, as `kubectl rollout restart` does, and states nothing else: who applies
    /// the workload from Git neither loses a field nor sees one of its own changed.
    pub(super) async fn restart(&self, at: &ObjRef, uid: &str, annotation: &str, key: &str) -> Result<(), Fault> {
        let deed = Deed::on("patch", at);
        let body = json!({
            "metadata": {"uid": uid},
            "spec": {"template": {"metadata": {"annotations": {annotation: key}}}},
        });
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let (api, patch) = (self.api(at), Patch::Merge(&body));
        match self.link.write(&deed, api.patch(&at.name, &params, &patch)).await {
            Ok(object) => {
                self.store.workload_seen(at, Some(reduce(&object)));
                Ok(())
            }
            Err(fault) => {
                // It is another one by now, or gone: it is looked at again.
                self.store.forget_workload(at);
                Err(fault)
            }
        }
    }
}

fn reduce(object: &DynamicObject) -> WorkloadSeen {
    let annotations = object.data.pointer(TEMPLATE).and_then(Value::as_object).into_iter().flatten();
    let ours = annotations.filter(|(name, _)| name.ends_with(crate::names::RESTART_ANNOTATION));
    let keys = ours.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    WorkloadSeen {
        uid: object.metadata.uid.clone().unwrap_or_default(),
        created: object.metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0),
        keys: keys.collect::<BTreeMap<String, String>>(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn of_a_workload_only_what_tells_of_keys_is_kept() {
        let object: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "trainer", "namespace": "acme", "uid": "1", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"template": {"metadata": {"annotations": {
                "alice-aws.tenantry.dev/access-key-id": "AKIA1", "kubectl.kubernetes.io/restartedAt": "x",
            }}}},
        }))
        .unwrap();
        let seen = reduce(&object);
        assert_eq!(seen.uid, "1");
        assert_eq!(
            seen.keys.into_iter().collect::<Vec<_>>(),
            [("alice-aws.tenantry.dev/access-key-id".to_owned(), "AKIA1".to_owned())]
        );
    }
}
