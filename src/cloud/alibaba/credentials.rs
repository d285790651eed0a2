//! Whose keys calls are signed with: a Secret's, the environment's, those of a role that the pod may assume (RRSA), and
//! from there through a chain of roles. Temporary ones are renewed before they end.

use std::path::PathBuf;
use std::time::Duration;

use alibaba_signature::Credentials as Keys;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::Mutex;

use super::call::Call;
use super::refusal::Refused;
use super::wire::Wire;
use crate::cloud::budget::Priority;
use crate::model::{Class, Fault};

/// Temporary keys are renewed this long before they end, or a quarter of their life where that is less: no call that has
/// begun outlives them.
const RENEWAL: Duration = Duration::from_secs(120);
/// Fixed, so that the operator's ARN is the same in every process.
const SESSION: &str = "tenantry";

/// Where the operator's credentials come from. `Debug` hides the secrets.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// From the CloudAccount's Secret.
    Static {
        /// `ALIBABA_CLOUD_ACCESS_KEY_ID`.
        id: String,
        /// `ALIBABA_CLOUD_ACCESS_KEY_SECRET`.
        secret: SecretString,
        /// `ALIBABA_CLOUD_SECURITY_TOKEN`.
        token: Option<SecretString>,
    },
    /// The official libraries' chain, as far as it makes sense in a pod: a key in the environment, else RRSA.
    Chain,
}

/// A role on the way to the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumeRole {
    /// Its ARN.
    pub arn: String,
    /// What its trust policy asks for.
    pub external_id: Option<String>,
}

/// What the first keys come from.
#[derive(Debug)]
enum Source {
    Keys(Keys),
    /// A role that the pod's token may assume.
    Token {
        role: String,
        provider: String,
        file: PathBuf,
        session: String,
    },
}

/// Keys with an end.
#[derive(Clone, Debug)]
struct Temporary {
    keys: Keys,
    renew_at: Timestamp,
}

/// Gives the keys to sign with.
#[derive(Debug)]
pub(super) struct Provider {
    source: Source,
    roles: Vec<AssumeRole>,
    /// What was fetched last: the token's keys, if there is a token, then each role's.
    fetched: Mutex<Vec<Temporary>>,
}

impl Provider {
    /// `environment` reads a variable.
    ///
    /// # Errors
    /// Nothing in the CloudAccount and nothing in the environment.
    pub(super) fn new(
        credentials: &Credentials,
        roles: Vec<AssumeRole>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Fault> {
        let source = match credentials {
            Credentials::Static { id, secret, token } => {
                keys(id, secret.expose_secret(), token.as_ref().map(ExposeSecret::expose_secret))
            }
            Credentials::Chain => from_environment(environment)?,
        };
        Ok(Self { source, roles, fetched: Mutex::default() })
    }

    /// The keys of the last role, or the first keys where there is none. Who asks meanwhile waits for one fetching.
    pub(super) async fn current(&self, wire: &Wire) -> Result<Keys, Refused> {
        let mut fetched = self.fetched.lock().await;
        let now = Timestamp::now();
        // A link of the chain needs the one before only while it is fetched.
        let fresh = |temporary: &Temporary| temporary.renew_at > now;
        if let Some(last) = fetched.last().filter(|last| fetched.len() == self.links() && fresh(last)) {
            return Ok(last.keys.clone());
        }
        let mut reached = Vec::with_capacity(self.links());
        let mut keys = match &self.source {
            Source::Keys(keys) => keys.clone(),
            Source::Token { role, provider, file, session } => {
                let known = fetched.first().filter(|first| fresh(first)).cloned();
                let first = match known {
                    Some(known) => known,
                    None => with_token(wire, role, provider, file, session).await?,
                };
                reached.push(first.clone());
                first.keys
            }
        };
        for role in &self.roles {
            let known = fetched.get(reached.len()).filter(|it| fresh(it)).cloned();
            let next = match known {
                Some(known) => known,
                None => assume(wire, role, &keys).await?,
            };
            reached.push(next.clone());
            keys = next.keys;
        }
        *fetched = reached;
        Ok(keys)
    }

    /// Forgets what was fetched: the cloud says that it has ended.
    pub(super) async fn expired(&self) {
        self.fetched.lock().await.clear();
    }

    /// Whether the keys can be fetched anew.
    pub(super) fn renews(&self) -> bool {
        self.links() > 0
    }

    fn links(&self) -> usize {
        self.roles.len() + usize::from(matches!(self.source, Source::Token { .. }))
    }
}

fn keys(id: &str, secret: &str, token: Option<&str>) -> Source {
    let keys = Keys::new(id, secret);
    Source::Keys(match token.filter(|token| !token.is_empty()) {
        Some(token) => keys.with_security_token(token),
        None => keys,
    })
}

/// Variables as the official credentials libraries and ACK's webhook for RRSA name them.
fn from_environment(environment: impl Fn(&str) -> Option<String>) -> Result<Source, Fault> {
    let read = |name: &str| environment(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if let (Some(id), Some(secret)) = (read("ALIBABA_CLOUD_ACCESS_KEY_ID"), read("ALIBABA_CLOUD_ACCESS_KEY_SECRET")) {
        return Ok(keys(&id, &secret, read("ALIBABA_CLOUD_SECURITY_TOKEN").as_deref()));
    }
    let names = ["ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE"];
    if let [Some(role), Some(provider), Some(file)] = names.map(read) {
        let session = read("ALIBABA_CLOUD_ROLE_SESSION_NAME").unwrap_or_else(|| SESSION.to_owned());
        return Ok(Source::Token { role, provider, file: file.into(), session });
    }
    let message = "no credentials for the operator. Name a Secret in the CloudAccount, or give the pod a role (RRSA): \
                   docs/alibaba.md#credentials";
    Err(Fault::new(Class::AccessDenied, "sts:AssumeRoleWithOIDC", "the account", message))
}

async fn with_token(
    wire: &Wire,
    role: &str,
    provider: &str,
    file: &PathBuf,
    session: &str,
) -> Result<Temporary, Refused> {
    let object = format!("role {role}");
    // The kubelet puts another token there before this one ends.
    let token = tokio::fs::read_to_string(file).await.map_err(|error| {
        let words = format!("the pod's token cannot be read ({error}): docs/alibaba.md#credentials");
        Refused::odd(Fault::new(Class::AccessDenied, "sts:AssumeRoleWithOIDC", &object, words))
    })?;
    let call = Call::sts("AssumeRoleWithOIDC")
        .with("RoleArn", role)
        .with("OIDCProviderArn", provider)
        .with("RoleSessionName", session)
        .secret("OIDCToken", token.trim());
    temporary(&wire.exchange(&call, None, &object, Priority::Urgent).await?, &object)
}

async fn assume(wire: &Wire, role: &AssumeRole, keys: &Keys) -> Result<Temporary, Refused> {
    let object = format!("role {}", role.arn);
    let call = Call::sts("AssumeRole")
        .with("RoleArn", &role.arn)
        .with("RoleSessionName", SESSION)
        .with_some("ExternalId", role.external_id.as_ref());
    temporary(&wire.exchange(&call, Some(keys), &object, Priority::Urgent).await?, &object)
}

fn temporary(answer: &Value, object: &str) -> Result<Temporary, Refused> {
    let credentials = &answer["Credentials"];
    let text = |name: &str| credentials[name].as_str().map(str::to_owned);
    let parts = (text("AccessKeyId"), text("AccessKeySecret"), text("SecurityToken"), text("Expiration"));
    let (Some(id), Some(secret), Some(token), Some(end)) = parts else {
        let words = "Alibaba Cloud answered without the keys";
        return Err(Refused::odd(Fault::new(Class::Transient, "sts:AssumeRole", object, words)));
    };
    let now = Timestamp::now();
    let end: Timestamp = end.parse().unwrap_or(now);
    let margin = i64::try_from(RENEWAL.as_secs()).unwrap_or(120).min((end.as_second() - now.as_second()) / 4);
    let renew_at = Timestamp::from_second(end.as_second() - margin.max(0)).unwrap_or(now);
    Ok(Temporary { keys: Keys::new(id, secret).with_security_token(token), renew_at })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_environment_gives_a_key_before_a_role() {
        let of = |names: &'static [&'static str]| {
            from_environment(move |name| names.contains(&name).then(|| format!("value of {name}")))
        };
        let role = ["ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE"];
        assert!(matches!(of(&["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"]), Ok(Source::Keys(_))));
        assert!(matches!(of(Box::leak(Box::new(role))), Ok(Source::Token { .. })));
        assert_eq!(of(&["ALIBABA_CLOUD_ROLE_ARN"]).unwrap_err().class, Class::AccessDenied);
    }

    #[test]
    fn no_secret_is_shown() {
        let token = Some(SecretString::from("hush"));
        let credentials = Credentials::Static { id: "LTAI".to_owned(), secret: SecretString::from("hush"), token };
        let provider = Provider::new(&credentials, Vec::new(), |_| None).unwrap();
        assert!(!format!("{credentials:?}{provider:?}").contains("hush"));
    }
}
