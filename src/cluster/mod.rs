//! Every read and write of the Kubernetes API: watches and their overlay in, server-side apply out. `apply` writes
//! through [`Cluster`], passes read through [`World`].

mod contract;
mod secrets;
mod snapshot;

#[cfg(test)]
pub(crate) mod memory;

pub use contract::Cluster;
pub use secrets::{ACCESS_KEY_TYPE, ANNOTATION_KEY_ID, LABEL_ACCOUNT, LABEL_USER, SecretContent};
pub use snapshot::Snapshot;

/// The field manager of every write of ours.
pub const FIELD_MANAGER: &str = "tenantry";
/// The annotation of a namespace that we made; its value is the tenant. A namespace without it is never deleted.
pub const ANNOTATION_MADE_FOR: &str = "tenantry.dev/made-for";
