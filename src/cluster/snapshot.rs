//! What one pass looks at: everything that the cluster says about one tenant, at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::{CloudAccount, Tenant, TenantNotebook, TenantRole, TenantUser};
use crate::model::ClusterState;
use crate::names::AccountName;

/// The manifests and cluster objects of one tenant name. Lists are sorted by namespace and name, and hold manifests that
/// are being deleted too.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The Tenant, if there is one of that name.
    pub tenant: Option<Arc<Tenant>>,
    /// TenantUsers that name it, from any namespace.
    pub users: Vec<Arc<TenantUser>>,
    /// TenantRoles that name it, from any namespace.
    pub roles: Vec<Arc<TenantRole>>,
    /// TenantNotebooks that name it, from any namespace.
    pub notebooks: Vec<Arc<TenantNotebook>>,
    /// All CloudAccounts.
    pub accounts: BTreeMap<AccountName, Arc<CloudAccount>>,
    /// Namespaces that the tenant names, that carry its label or that its manifests live in; objects and Secrets with
    /// its label.
    pub cluster: ClusterState,
    /// Whether every watch but those of Secrets was listed and none has lost its list since. While it is false, what is
    /// not here may yet exist: nothing may be deleted for not being wanted.
    pub ready: bool,
}
