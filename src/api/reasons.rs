//! The words of `status.conditions`: condition types and the stable reasons that users and tools may rely on.

use std::fmt;

/// The types of our conditions. In every written status exactly one of these holds: `Ready=True`; `Ready` not True and
/// `Reconciling=True`; `Ready=False` and `Stalled=True`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// The cloud and the cluster are as the manifest says.
    Ready,
    /// Not there yet, but it goes on by itself. Absent when it does not hold.
    Reconciling,
    /// Someone must act. Absent when it does not hold.
    Stalled,
    /// Something differs and is not being put right. Absent when it does not hold.
    Drifted,
}

impl ConditionType {
    /// The word in `conditions[].type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::Drifted => "Drifted",
        }
    }
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a condition is as it is: a stable CamelCase word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Everything is as the manifest says.
    Provisioned,
    /// Something else must come first, and will.
    Waiting,
    /// The manifest cannot be carried out as it is.
    Invalid,
    /// The named Tenant does not exist.
    TenantNotFound,
    /// The manifest may not do this here, for example name a tenant from a foreign namespace.
    NotAllowed,
    /// A cloud or cluster object with the right name belongs to somebody else.
    NotOwned,
    /// The cloud account's quota is used up.
    QuotaExceeded,
    /// The Tenant's own limit is used up.
    LimitExceeded,
    /// The operator's credentials lack an action.
    AccessDenied,
    /// The cloud asks for slower requests.
    Throttled,
    /// The cloud failed in a way that may pass.
    CloudError,
    /// Suspended, as the manifest says.
    Suspended,
    /// Past its `expiresAt`.
    Expired,
    /// Held by the paused annotation.
    Paused,
    /// Being deleted.
    Deleting,
    /// Being deleted, and something stands in the way.
    DeletionBlocked,
    /// Rotation waits: the old key is still in use.
    OldKeyInUse,
}

impl Reason {
    /// Every reason, in the order of the contract.
    pub const ALL: [Self; 17] = [
        Self::Provisioned,
        Self::Waiting,
        Self::Invalid,
        Self::TenantNotFound,
        Self::NotAllowed,
        Self::NotOwned,
        Self::QuotaExceeded,
        Self::LimitExceeded,
        Self::AccessDenied,
        Self::Throttled,
        Self::CloudError,
        Self::Suspended,
        Self::Expired,
        Self::Paused,
        Self::Deleting,
        Self::DeletionBlocked,
        Self::OldKeyInUse,
    ];

    /// The word in `conditions[].reason`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provisioned => "Provisioned",
            Self::Waiting => "Waiting",
            Self::Invalid => "Invalid",
            Self::TenantNotFound => "TenantNotFound",
            Self::NotAllowed => "NotAllowed",
            Self::NotOwned => "NotOwned",
            Self::QuotaExceeded => "QuotaExceeded",
            Self::LimitExceeded => "LimitExceeded",
            Self::AccessDenied => "AccessDenied",
            Self::Throttled => "Throttled",
            Self::CloudError => "CloudError",
            Self::Suspended => "Suspended",
            Self::Expired => "Expired",
            Self::Paused => "Paused",
            Self::Deleting => "Deleting",
            Self::DeletionBlocked => "DeletionBlocked",
            Self::OldKeyInUse => "OldKeyInUse",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_the_variants_names() {
        for reason in Reason::ALL {
            assert_eq!(reason.as_str(), format!("{reason:?}"));
        }
        for ty in [ConditionType::Ready, ConditionType::Reconciling, ConditionType::Stalled, ConditionType::Drifted] {
            assert_eq!(ty.as_str(), format!("{ty:?}"));
        }
    }
}
