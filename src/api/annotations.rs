//! The annotation and label keys that people and the operator use on Kubernetes objects; part of the contract.

/// On any of our kinds: a new value forces a pass with fresh reads.
pub const RECONCILE: &str = "tenantry.dev/reconcile";
/// What `flux reconcile` sets; means the same as [`RECONCILE`].
pub const FLUX_RECONCILE: &str = "reconcile.fluxcd.io/requestedAt";
/// On any of our kinds: with the value `"true"` nothing is made or changed; deletion, suspension and expiry go on.
pub const PAUSED: &str = "tenantry.dev/paused";
/// On a Namespace: the tenant that may take it over. On a TenantUser or TenantRole: `"true"` takes over a cloud object
/// that has the right name and no owner mark.
pub const ADOPT: &str = "tenantry.dev/adopt";
/// On a TenantUser: a new value makes a new first password for its console login.
pub const RESET_PASSWORD: &str = "tenantry.dev/reset-password";
/// On a Tenant: the name of a closed account whose objects are given up.
pub const ABANDON: &str = "tenantry.dev/abandon";

/// Label on each of a tenant's namespaces; the value is the tenant's name. Only the operator may set it.
pub const TENANT_LABEL: &str = "tenantry.dev/tenant";
/// Label with the value `"true"` on namespaces whose manifests may name a tenant without being the tenant's own. Only the
/// operator may set it.
pub const DEFINITIONS_LABEL: &str = "tenantry.dev/definitions";
