//! The annotation and label keys that people and the operator use on Kubernetes objects; part of the contract.

/// On any of our kinds: a new value forces a pass with fresh reads.
pub const RECONCILE: &str = "tenantry.dev/reconcile";
/// What `flux reconcile` sets; means the same as [`RECONCILE`].
pub const FLUX_RECONCILE: &str = "reconcile.fluxcd.io/requestedAt";
/// On any of our kinds: with the value `"true"` nothing is made or changed; deletion, suspension and expiry go on.
pub const PAUSED: &str = "tenantry.dev/paused";
/// On a TenantUser: a new value makes a new first password for its console login.
pub const RESET_PASSWORD: &str = "tenantry.dev/reset-password";
/// On a Tenant: the closed accounts, by name and separated by commas, whose objects are given up. On a CloudAccount, with its
/// own name: it is closed for everyone. Counts only for an account that cannot be read.
pub const ABANDON: &str = "tenantry.dev/abandon";
