//! What can go wrong, by class: the class decides condition, delay and words, so that no caller chooses them.

use std::fmt;

use serde::Serialize;

/// The class of a fault. It decides what the condition says and when the work is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Class {
    /// Something else must happen first; it will by itself.
    Waiting,
    /// The account cannot be used now; its CloudAccount says why.
    AccountNotReady,
    /// The Tenant that the manifest names does not exist, or is being deleted.
    TenantNotFound,
    /// The manifest's namespace may not name the tenant.
    NotAllowed,
    /// The manifest asks for what cannot be; only a change of it helps.
    Invalid,
    /// A limit of the Tenant is used up.
    LimitExceeded,
    /// An object of that name exists and is not ours.
    NotOwned,
    /// The operator's credentials lack an action.
    AccessDenied,
    /// The cloud made it, and it does not work.
    Failed,
    /// The cloud's quota is used up.
    QuotaExceeded,
    /// The cloud asked us to slow down.
    Throttled,
    /// A time-out, a server error, a conflict: the next try may succeed.
    Transient,
}

/// One failed act: what was done to what, what went wrong and what would help. Never holds a secret, a request id or a
/// clock, so that it may stand in a status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{object}: {action} failed: {message}")]
pub struct Fault {
    /// Its class.
    pub class: Class,
    /// The cloud's or Kubernetes' name of the action, such as `iam:CreateUser`.
    pub action: String,
    /// The object it was done to, as people name it.
    pub object: String,
    /// What went wrong and what would help.
    pub message: String,
}

impl Fault {
    /// A fault in doing `action` to `object`.
    pub fn new(class: Class, action: impl Into<String>, object: impl fmt::Display, message: impl Into<String>) -> Self {
        Self { class, action: action.into(), object: object.to_string(), message: message.into() }
    }

    /// What went wrong first, then what was tried: as a condition tells it.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{} ({} of {})", self.message, self.action, self.object)
    }
}
