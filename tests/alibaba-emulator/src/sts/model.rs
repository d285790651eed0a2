//! Sessions of roles as they are kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

/// A session of a role.
#[derive(Clone)]
pub struct Session {
    pub key_id: String,
    pub secret: String,
    pub token: String,
    pub role: String,
    pub role_id: String,
    pub name: String,
    /// What narrows it, as text.
    pub policy: Option<String>,
    pub expires: Timestamp,
}

/// All sessions, by their keys' ids.
#[derive(Default)]
pub struct Sts {
    pub sessions: BTreeMap<String, Session>,
    /// Keys of issuers that tests told, as a JWKS; others are fetched.
    pub issuers: BTreeMap<String, Value>,
}

impl Sts {
    pub fn session(&self, key_id: &str) -> Option<&Session> {
        self.sessions.get(key_id)
    }

    pub fn knows_token(&self, token: &str) -> bool {
        self.sessions.values().any(|session| session.token == token)
    }
}
