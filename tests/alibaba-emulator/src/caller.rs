//! Who calls.

use serde_json::{Value, json};

/// The identity behind a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// The account itself: policies do not bind it.
    Root,
    /// A user, by its name at this moment.
    User { name: String, id: String },
    /// A session of a role.
    Session { role: String, role_id: String, name: String, policy: Option<String> },
    /// Nobody: only what needs no signature.
    Nobody,
}

impl Caller {
    /// The ARN that `acs:PrincipalARN` and `GetCallerIdentity` show.
    pub fn arn(&self, account: &str) -> String {
        match self {
            Self::Root => format!("acs:ram::{account}:root"),
            Self::User { name, .. } => format!("acs:ram::{account}:user/{name}"),
            Self::Session { role, name, .. } => format!("acs:ram::{account}:role/{}/{name}", role.to_lowercase()),
            Self::Nobody => String::new(),
        }
    }

    /// The id by which PAI knows it: of a session that of its role.
    pub fn id(&self, account: &str) -> String {
        match self {
            Self::Root => account.to_owned(),
            Self::User { id, .. } => id.clone(),
            Self::Session { role_id, .. } => role_id.clone(),
            Self::Nobody => String::new(),
        }
    }

    /// `GetCallerIdentity`'s answer.
    pub fn identity(&self, account: &str) -> Value {
        let arn = self.arn(account);
        match self {
            Self::Root | Self::Nobody => json!({
                "AccountId": account, "Arn": arn, "IdentityType": "Account", "PrincipalId": account, "UserId": account,
            }),
            Self::User { id, .. } => json!({
                "AccountId": account, "Arn": arn, "IdentityType": "RAMUser", "PrincipalId": id, "UserId": id,
            }),
            Self::Session { role_id, name, .. } => json!({
                "AccountId": account, "Arn": arn, "IdentityType": "AssumedRoleUser", "RoleId": role_id,
                "PrincipalId": format!("{role_id}:{name}"),
            }),
        }
    }

    /// How a refusal names it: its kind and its name.
    pub fn shown(&self, account: &str) -> (&'static str, String) {
        match self {
            Self::Root | Self::Nobody => ("Account", account.to_owned()),
            Self::User { id, .. } => ("SubUser", id.clone()),
            Self::Session { role, name, .. } => ("AssumedRoleUser", format!("{role}:{name}")),
        }
    }
}
