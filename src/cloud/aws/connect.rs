//! From a CloudAccount's settings to clients that work: credentials, roles to assume, endpoints, limits of time.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_iam::config::SharedHttpClient;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use secrecy::{ExposeSecret, SecretString};

use super::Aws;
use super::act::Channel;
use super::catalogue::Catalogue;
use super::refusal::Voice;
use crate::cloud::budget::{Budgets, Priority};
use crate::cloud::calls::Calls;
use crate::model::{Class, Fault};

/// With the client's retries: three tries of one call end within this.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);
const ATTEMPTS: u32 = 3;
/// Temporary credentials are renewed this long before they end: no call that has begun outlives them.
const RENEWAL: Duration = Duration::from_secs(120);
/// What the SDK's defaults are: fixed, for they change with it.
pub(super) const BEHAVIOR: fn() -> BehaviorVersion = BehaviorVersion::v2026_01_12;
/// Fixed, so that the operator's ARN is the same in every process.
const SESSION: &str = "tenantry";

/// Loading the root certificates is dear, and connections are worth sharing: one client for the process.
static HTTP: LazyLock<SharedHttpClient> = LazyLock::new(|| {
    aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
});

/// Where the operator's credentials come from. `Debug` hides the secrets.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// From the CloudAccount's Secret.
    Static {
        /// `AWS_ACCESS_KEY_ID`.
        id: String,
        /// `AWS_SECRET_ACCESS_KEY`.
        secret: SecretString,
        /// `AWS_SESSION_TOKEN`.
        token: Option<SecretString>,
    },
    /// The SDK's own chain: environment, web identity (IRSA), Pod Identity, instance.
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

/// How to reach one account.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The region; it chooses STS's endpoint and, for IAM, the partition.
    pub region: String,
    /// An endpoint for every service, in place of AWS's own.
    pub endpoint_url: Option<String>,
    /// The first credentials.
    pub credentials: Credentials,
    /// Roles to assume with them, each with the credentials of the one before.
    pub assume_roles: Vec<AssumeRole>,
}

/// Who the operator is in an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account's id.
    pub account: String,
    /// `aws`, `aws-cn`, `aws-us-gov`: the second part of every ARN.
    pub partition: String,
    /// The caller's ARN, without the name of a session.
    pub arn: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

impl Aws {
    /// Makes the clients and asks STS who we are (one call). Compare [`Identity::account`] with the account that is
    /// meant before anything else is done.
    ///
    /// # Errors
    /// The fault of that call: credentials refused or missing, endpoint out of reach.
    pub async fn connect(settings: Settings, budgets: &Budgets, calls: Arc<Calls>) -> Result<Self, Fault> {
        let base = Box::pin(configuration(&settings)).await;
        let sts = aws_sdk_sts::Client::new(&base);
        let iam = aws_sdk_iam::Client::new(&base);
        let voice = Voice { operator: None, endpoint: settings.endpoint_url };
        let mut channel = Channel { account: String::new(), voice, budget: budgets.fresh(), calls };
        let caller = sts.get_caller_identity().send();
        let said = channel.send("GetCallerIdentity", "the account", Priority::Normal, caller).await?;
        let Some(identity) = said.arn.as_deref().and_then(identity_of) else {
            let message = "AWS did not say whose account it is";
            return Err(Fault::new(Class::Transient, "sts:GetCallerIdentity", "the account", message));
        };
        channel.account.clone_from(&identity.account);
        channel.budget = budgets.of(&identity.account);
        channel.voice.operator = Some(identity.arn.clone());
        Ok(Self { iam, base, channel, identity, catalogue: Catalogue::default() })
    }
}

pub(super) async fn configuration(settings: &Settings) -> SdkConfig {
    let timeouts =
        TimeoutConfig::builder().operation_timeout(OPERATION_TIMEOUT).connect_timeout(CONNECT_TIMEOUT).build();
    let mut loader = aws_config::defaults(BEHAVIOR())
        .http_client(HTTP.clone())
        .region(Region::new(settings.region.clone()))
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .identity_cache(IdentityCache::lazy().buffer_time(RENEWAL).build())
        .timeout_config(timeouts);
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Credentials::Static { id, secret, token } = &settings.credentials {
        let token = token.as_ref().map(|token| token.expose_secret().to_owned());
        loader = loader.credentials_provider(aws_credential_types::Credentials::new(
            id,
            secret.expose_secret(),
            token,
            None,
            "CloudAccount",
        ));
    }
    let mut config = loader.load().await;
    for role in &settings.assume_roles {
        let mut builder = AssumeRoleProvider::builder(&role.arn).session_name(SESSION).configure(&config);
        if let Some(id) = &role.external_id {
            builder = builder.external_id(id);
        }
        let provider = SharedCredentialsProvider::new(builder.build().await);
        config = config.into_builder().credentials_provider(provider).build();
    }
    config
}

/// Account, partition and ARN out of what STS says. The session's name of an assumed role is left out: it may hold a
/// clock, and messages must stay the same.
fn identity_of(arn: &str) -> Option<Identity> {
    let mut parts = arn.splitn(6, ':');
    let (partition, account) = (parts.nth(1)?, parts.nth(2)?);
    let resource = parts.next()?;
    let arn = match resource.strip_prefix("assumed-role/").and_then(|rest| rest.split_once('/')) {
        Some((role, _)) => format!("arn:{partition}:sts::{account}:assumed-role/{role}"),
        None => arn.to_owned(),
    };
    Some(Identity { account: account.to_owned(), partition: partition.to_owned(), arn })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn an_identity_has_no_session_in_it() {
        let user = identity_of("arn:aws:iam::123456789012:user/ops/tenantry").unwrap();
        assert_eq!((user.account.as_str(), user.partition.as_str()), ("123456789012", "aws"));
        assert_eq!(user.arn, "arn:aws:iam::123456789012:user/ops/tenantry");
        let role = identity_of("arn:aws-cn:sts::123456789012:assumed-role/tenantry/1732264000").unwrap();
        assert_eq!(role.partition, "aws-cn");
        assert_eq!(role.arn, "arn:aws-cn:sts::123456789012:assumed-role/tenantry");
        assert_eq!(identity_of("nonsense"), None);
    }

    #[test]
    fn settings_do_not_show_their_secrets() {
        let secret = |text: &str| SecretString::from(text.to_owned());
        let credentials =
            Credentials::Static { id: "AKIA".to_owned(), secret: secret("hush"), token: Some(secret("hush")) };
        assert!(!format!("{credentials:?}").contains("hush"));
    }
}
