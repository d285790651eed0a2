//! What `apply` may do to the cluster. A trait, so that property tests run the real `apply` against a cluster in memory.

use std::future::Future;

use super::secrets::SecretContent;
use crate::model::{ClusterAction, Fault, ObjRef, Password, SecretSeen, SecretTarget};

/// The only way by which anything in the cluster changes, manifests' status, finalizers and events aside.
///
/// No method retries: a fault of class `Transient` means that what was planned on is no longer so, or may not be, and
/// the next plan decides.
pub trait Cluster: Send + Sync {
    /// Does one act. An object to be deleted that is gone is no fault; one to be made that exists is `Transient` where it
    /// is ours or a namespace, `NotOwned` else.
    fn execute(&self, action: &ClusterAction) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Proves, before a key is made, that [`Cluster::write_secret`] with the same arguments would succeed: a dry run at
    /// the API server. Faults: `NotOwned` for a Secret that is not ours, `Waiting` while the namespace does not exist or
    /// terminates, `AccessDenied`, and `Transient` where `seen` is behind.
    fn rehearse_secret(
        &self,
        at: &SecretTarget,
        content: &SecretContent,
        seen: Option<&SecretSeen>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Writes a Secret: makes it where `seen` is none, else puts the content into exactly the one that was seen (UID and
    /// resource version are preconditions). Never touches one that is not ours. Returns the Secret as written, which is
    /// the precondition of the next write.
    fn write_secret(
        &self,
        at: &SecretTarget,
        content: &SecretContent,
        seen: Option<&SecretSeen>,
    ) -> impl Future<Output = Result<SecretSeen, Fault>> + Send;

    /// Reads the password in a console login's Secret, live; none where there is none, or no such Secret. `NotOwned` where
    /// the Secret exists and is not ours.
    fn read_password(&self, at: &SecretTarget) -> impl Future<Output = Result<Option<Password>, Fault>> + Send;

    /// Looks at a workload, so that the next state of the cluster tells of it. That there is none is no fault.
    fn look_at(&self, workload: &ObjRef) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Reads a Secret live, past every cache. `NotOwned` where it exists and is not ours.
    fn read_secret(&self, at: &SecretTarget) -> impl Future<Output = Result<Option<SecretSeen>, Fault>> + Send;
}
