//! A key and what belongs to it.

use std::fmt;

/// An access key, with the token that temporary ones also need. Its `Debug` shows the key's id and nothing secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `LTAI…` for a key of an account or a user, `STS.…` for a temporary one.
    pub access_key_id: String,
    secret: String,
    security_token: Option<String>,
}

impl Credentials {
    /// A key of an account or a user.
    #[must_use]
    pub fn new(access_key_id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { access_key_id: access_key_id.into(), secret: secret.into(), security_token: None }
    }

    /// The same key as a temporary one, which counts only together with this token.
    #[must_use]
    pub fn with_security_token(mut self, token: impl Into<String>) -> Self {
        self.security_token = Some(token.into());
        self
    }

    /// The key's secret: what signs, and what is never sent.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The token of a temporary key, which is sent along.
    #[must_use]
    pub fn security_token(&self) -> Option<&str> {
        self.security_token.as_deref()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}
