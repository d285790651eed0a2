//! Every read and write of the Kubernetes API: watches and their overlay in, server-side apply out. `apply` writes
//! through [`Cluster`], passes read through [`World`].

mod contract;
mod events;
mod faults;
mod finalizer;
mod issuer;
mod kept;
mod key_data;
mod link;
mod once;
mod overlay;
mod rehearsal;
mod secrets;
mod snapshot;
mod status;
mod store;
mod table;
mod tables;
mod wakes;
mod watch;
mod workloads;
mod world;
mod writer;

#[cfg(test)]
pub(crate) mod memory;

pub use contract::Cluster;
pub use events::{Events, Tone};
pub use finalizer::{FINALIZER, Finalizers, has as has_finalizer};
pub use issuer::token_issuer;
pub use kept::Manifest;
pub use link::WriteCounts;
pub use once::{cluster_id, missing_crds, read_once, read_secret_data};
pub use overlay::{Overlay, Prune, Replaced};
pub use rehearsal::rehearse;
pub use secrets::{
    ACCESS_KEY_TYPE, ANNOTATION_KEY_ID, CONSOLE_TYPE, Credential, LABEL_ACCOUNT, LABEL_USER, SecretContent,
};
pub use snapshot::Snapshot;
pub use status::StatusWriter;
pub use tables::Watched;
pub use wakes::{Wake, Wakes};
pub use world::World;
pub use writer::KubeCluster;

use crate::model::KubeKind;

/// The field manager of every write of ours.
pub const FIELD_MANAGER: &str = "tenantry";

/// The kinds that are watched by our label. Namespaces are watched all, by their metadata.
const LABELLED_KINDS: [KubeKind; 8] = [
    KubeKind::ClusterRole,
    KubeKind::ClusterRoleBinding,
    KubeKind::ResourceQuota,
    KubeKind::LimitRange,
    KubeKind::NetworkPolicy,
    KubeKind::Role,
    KubeKind::RoleBinding,
    KubeKind::ServiceAccount,
];
