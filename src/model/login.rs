//! Console logins: what is known of one, what is wanted of one, and a password on its way to where it belongs.

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};

use super::action::SecretTarget;
use crate::names::{CloudName, ManifestRef};

/// Whether a user can log in at the cloud's console with a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Login {
    /// It has no password.
    Off,
    /// It has one.
    On,
}

/// What is wanted of a user's console login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoginWish {
    /// The Secret that holds the first password.
    pub secret: SecretTarget,
    /// The TenantUser, which owns the Secret.
    pub owner: ManifestRef,
    /// The TenantUser's UID.
    pub owner_uid: String,
    /// Where the user logs in.
    pub url: String,
    /// What stands behind the user's name when it logs in, after an `@`; none: nothing.
    pub domain: Option<String>,
    /// Whether the password must be changed at the first login.
    pub reset_required: bool,
    /// Stands for the last wish for another password, if there was one; each is fulfilled once.
    pub reset: Option<String>,
    /// Whether the login must be off for now (suspended, expired).
    pub inactive: bool,
}

impl LoginWish {
    /// The name that the user types when it logs in.
    #[must_use]
    pub fn typed(&self, user: &CloudName) -> String {
        match &self.domain {
            Some(domain) => format!("{user}@{domain}"),
            None => user.to_string(),
        }
    }
}

/// A console password. Neither `Debug` nor serialization shows it.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

impl Password {
    /// Takes a password.
    pub fn new(text: impl Into<SecretString>) -> Self {
        Self(text.into())
    }

    /// The password itself: for the request or the Secret that it goes into, and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Password {}

impl Serialize for Password {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("hidden")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let password = Password::new("Tr0ub4dor&3");
        assert!(!format!("{password:?}").contains("Tr0ub4dor"));
        assert_eq!(serde_json::to_string(&password).unwrap(), "\"hidden\"");
    }
}
