//! What each call does to the cluster that lives in memory.

use super::super::secrets::Credential;
use super::super::{Cluster, SecretContent};
use super::{MemoryCluster, StoredSecret};
use crate::model::{Class, ClusterAction, Fault, ObjRef, Password, SecretSeen, SecretTarget};
use crate::names::MADE_FOR;

impl Cluster for MemoryCluster {
    async fn execute(&self, action: &ClusterAction) -> Result<(), Fault> {
        self.call(true, |inner| match action {
            ClusterAction::Create(object) => inner.put(object, true),
            ClusterAction::Apply(object) => inner.put(object, false),
            ClusterAction::Delete(at) => inner.delete(at),
            ClusterAction::Release(name) => {
                if let Some(seen) = inner.namespaces.get_mut(name) {
                    seen.labels.retain(|key, _| !key.starts_with("tenantry.dev/"));
                    seen.annotations.remove(MADE_FOR);
                }
                Ok(())
            }
            ClusterAction::DeleteSecret { secret, uid } => {
                if inner.secrets.get(secret).is_some_and(|stored| stored.seen.uid == *uid) {
                    inner.secrets.remove(secret);
                }
                Ok(())
            }
            ClusterAction::NoteLogin { secret, uid, in_force } => {
                let version = inner.tick();
                match inner.secrets.get_mut(secret).filter(|stored| stored.seen.uid == *uid) {
                    Some(stored) => {
                        stored.seen.resource_version = version;
                        stored.seen.login.get_or_insert_default().in_force = *in_force;
                        Ok(())
                    }
                    None => Err(Fault::new(Class::Transient, "patch", &secret.name, "is gone")),
                }
            }
            ClusterAction::Restart { workload, uid, annotation, key } => {
                inner.looked_at.remove(workload);
                match inner.workloads.get_mut(workload).filter(|seen| seen.uid == *uid) {
                    Some(seen) => {
                        seen.keys.insert(annotation.clone(), key.clone());
                        let seen = Some(seen.clone());
                        inner.looked_at.insert(workload.clone(), seen);
                        Ok(())
                    }
                    None => Err(Fault::new(Class::Transient, "patch", workload, "is gone")),
                }
            }
            ClusterAction::ReleaseSecret { secret, uid, unmark } => {
                let version = inner.tick();
                if let Some(stored) = inner.secrets.get_mut(secret).filter(|stored| stored.seen.uid == *uid) {
                    stored.seen.owner_uid.clear();
                    stored.seen.resource_version = version;
                    stored.tenant = stored.tenant.take().filter(|_| !*unmark);
                }
                Ok(())
            }
            ClusterAction::DeleteManifest(manifest) => {
                inner.manifests.remove(manifest);
                Ok(())
            }
        })
    }

    async fn rehearse_secret(
        &self,
        at: &SecretTarget,
        content: &SecretContent,
        seen: Option<&SecretSeen>,
    ) -> Result<(), Fault> {
        self.call(false, |inner| inner.check_secret(at, content, seen))
    }

    async fn write_secret(
        &self,
        at: &SecretTarget,
        content: &SecretContent,
        seen: Option<&SecretSeen>,
    ) -> Result<SecretSeen, Fault> {
        self.call(true, |inner| {
            inner.check_secret(at, content, seen)?;
            let uid = seen.map_or_else(|| inner.next_uid(), |seen| seen.uid.clone());
            let version = inner.tick();
            let seen = content.seen(&uid, &version);
            let half = match &content.credential {
                Credential::Key { half, .. } => secrecy::ExposeSecret::expose_secret(half).to_owned(),
                Credential::Password { password, .. } => password.expose().to_owned(),
            };
            let stored = StoredSecret { tenant: Some(content.tenant.clone()), seen: seen.clone(), half };
            inner.secrets.insert(at.clone(), stored);
            Ok(seen)
        })
    }

    async fn read_password(&self, at: &SecretTarget) -> Result<Option<Password>, Fault> {
        self.call(false, |inner| Ok(inner.secrets.get(at).map(|stored| Password::new(stored.half.clone()))))
    }

    async fn look_at(&self, workload: &ObjRef) -> Result<(), Fault> {
        self.call(false, |inner| {
            let seen = inner.workloads.get(workload).cloned();
            inner.looked_at.insert(workload.clone(), seen);
            Ok(())
        })
    }

    async fn read_secret(&self, at: &SecretTarget) -> Result<Option<SecretSeen>, Fault> {
        self.call(false, |inner| match inner.secrets.get(at) {
            Some(stored) if stored.tenant.is_none() => {
                let object = format!("Secret {}/{}", at.namespace, at.name);
                Err(Fault::new(Class::NotOwned, "get", object, "exists and is not Tenantry's"))
            }
            stored => Ok(stored.map(|stored| stored.seen.clone())),
        })
    }
}
