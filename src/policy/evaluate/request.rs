//! What is asked: an action on a resource, by whom, and what else is known about the call.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::policy::canonical::account_of_root;
use crate::policy::json::scalar;
use crate::policy::model::{PrincipalSet, Principals};

/// A call whose permission is in question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Such as `s3:GetObject`; its case does not matter.
    pub action: String,
    /// The resource's ARN, or `*` for calls that name none (most `List…`).
    pub resource: String,
    /// What is known about the call, its caller and its resource.
    #[serde(default)]
    pub context: Context,
    /// Who calls; it matters to resource and trust policies only.
    #[serde(default)]
    pub principal: Principal,
}

/// The context keys of a call. Their names are compared without case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context(BTreeMap<String, ContextValue>);

/// The value of a context key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextValue {
    /// One value, which `${key}` may also stand for.
    One(String),
    /// A key that may have several values, such as `aws:TagKeys`, however many it has now; none: the key is absent.
    /// `${key}` cannot stand for it.
    Many(Vec<String>),
}

impl From<&str> for ContextValue {
    fn from(value: &str) -> Self {
        Self::One(value.to_owned())
    }
}

impl From<String> for ContextValue {
    fn from(value: String) -> Self {
        Self::One(value)
    }
}

impl<const N: usize> From<[&str; N]> for ContextValue {
    fn from(values: [&str; N]) -> Self {
        Self::Many(values.map(str::to_owned).to_vec())
    }
}

impl Context {
    /// Nothing known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more key; a value given earlier is replaced.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<ContextValue>) -> Self {
        self.0.insert(key.to_lowercase(), value.into());
        self
    }

    /// All values of a key; `None` when it is absent, which having no value is too.
    #[must_use]
    pub fn values(&self, key: &str) -> Option<&[String]> {
        match self.0.get(&key.to_lowercase())? {
            ContextValue::One(value) => Some(std::slice::from_ref(value)),
            ContextValue::Many(values) if values.is_empty() => None,
            ContextValue::Many(values) => Some(values),
        }
    }

    /// What `${key}` stands for.
    pub(super) fn variable(&self, key: &str) -> Option<&str> {
        match self.0.get(&key.to_lowercase())? {
            ContextValue::One(value) => Some(value),
            ContextValue::Many(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for Context {
    /// From an object of scalars (one value) and lists (several).
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut context = Self::new();
        for (key, value) in BTreeMap::<String, serde_json::Value>::deserialize(deserializer)? {
            let value = match value {
                serde_json::Value::Array(items) => {
                    items.into_iter().map(scalar).collect::<Result<_, _>>().map(ContextValue::Many)
                }
                single => scalar(single).map(ContextValue::One),
            };
            context = context.with(&key, value.map_err(D::Error::custom)?);
        }
        Ok(context)
    }
}

/// Who calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields)]
pub enum Principal {
    /// Not said; only `"*"` covers it, which then grants nothing by itself.
    #[default]
    Unknown,
    /// An IAM user of the account that owns the resource.
    User {
        /// The account's id.
        account: String,
        /// The user's ARN.
        arn: String,
    },
    /// A session of a role of the account that owns the resource.
    Role {
        /// The account's id.
        account: String,
        /// The role's ARN.
        arn: String,
        /// The session's ARN (`arn:aws:sts::…:assumed-role/…`).
        session: String,
    },
    /// A service of the cloud, such as `ec2.amazonaws.com`.
    Service {
        /// Its name.
        name: String,
    },
    /// An identity from a SAML or OIDC provider.
    Federated {
        /// The provider's ARN or name.
        provider: String,
    },
}

/// How far a resource policy that names the caller grants by itself, within one account. Source: IAM user guide,
/// "How permissions boundaries interact with other policies" and "AWS account principals".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grant {
    /// It names the account, which leaves the decision to the account's own policies.
    Account,
    /// It names the role or everyone: boundary and session policy still limit what it grants.
    Limited,
    /// It names the user, the session, the service or the provider itself: nothing limits it but a Deny.
    Direct,
}

impl Principal {
    /// Whether and how a statement's principals cover this caller.
    pub(super) fn covered_by(&self, principals: &Principals) -> Option<Grant> {
        match principals {
            Principals::These(set) => self.found_in(set),
            // NotPrincipal covers as everyone does, except whom it lists, by any of their names.
            Principals::AllBut(set) if self.found_in(set).is_some() => None,
            Principals::AllBut(_) => Some(self.as_anyone()),
        }
    }

    fn as_anyone(&self) -> Grant {
        match self {
            Self::Unknown => Grant::Account,
            Self::Role { .. } => Grant::Limited,
            Self::User { .. } | Self::Service { .. } | Self::Federated { .. } => Grant::Direct,
        }
    }

    fn found_in(&self, set: &PrincipalSet) -> Option<Grant> {
        let kinds = match set {
            PrincipalSet::Anyone => return Some(self.as_anyone()),
            PrincipalSet::Of(kinds) => kinds,
        };
        let lists = |kind: &str, wanted: &str| kinds.get(kind).is_some_and(|names| names.iter().any(|n| n == wanted));
        let lists_account = |account: &str| {
            let named = |name: &String| name == account || account_of_root(name) == Some(account);
            kinds.get("AWS").is_some_and(|names| names.iter().any(named))
        };
        let own = match self {
            Self::Unknown => None,
            Self::User { account, arn } => {
                lists("AWS", arn).then_some(Grant::Direct).or_else(|| lists_account(account).then_some(Grant::Account))
            }
            Self::Role { account, arn, session } => lists("AWS", session)
                .then_some(Grant::Direct)
                .or_else(|| lists("AWS", arn).then_some(Grant::Limited))
                .or_else(|| lists_account(account).then_some(Grant::Account)),
            Self::Service { name } => lists("Service", name).then_some(Grant::Direct),
            Self::Federated { provider } => lists("Federated", provider).then_some(Grant::Direct),
        };
        own.max(lists("AWS", "*").then(|| self.as_anyone()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn keys_have_no_case_and_no_value_is_no_key() {
        let context = Context::new().with("aws:PrincipalTag/Team", "vision").with("aws:TagKeys", []);
        assert_eq!(context.values("AWS:principaltag/team").unwrap(), ["vision"]);
        assert_eq!(context.values("aws:TagKeys"), None);
        assert_eq!(context.variable("aws:principalTag/team"), Some("vision"));
    }

    #[test]
    fn requests_are_read_from_json() {
        let request: Request = serde_json::from_str(
            r#"{"action":"s3:GetObject","resource":"*","context":{"aws:TagKeys":["a",1],"aws:SecureTransport":true},
                "principal":{"kind":"User","account":"123456789012","arn":"arn:aws:iam::123456789012:user/a"}}"#,
        )
        .unwrap();
        assert_eq!(request.context.values("aws:tagkeys").unwrap(), ["a", "1"]);
        assert_eq!(request.context.variable("aws:tagkeys"), None);
        assert_eq!(request.context.variable("aws:securetransport"), Some("true"));
    }
}
