//! From a CloudAccount's settings to an account that answers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::Alibaba;
use super::act::Channel;
use super::call::Call;
use super::credentials::{AssumeRole, Credentials, Provider};
use super::endpoints::Endpoints;
use super::wire::Wire;
use crate::cloud::budget::{Budgets, Priority};
use crate::cloud::calls::Calls;
use crate::model::{Class, Fault};

/// How to reach one account.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The region; it chooses the endpoints of services that are not central.
    pub region: String,
    /// An endpoint for every service, in place of Alibaba Cloud's own.
    pub endpoint_url: Option<String>,
    /// The first credentials.
    pub credentials: Credentials,
    /// Roles to assume with them, each with the credentials of the one before.
    pub assume_roles: Vec<AssumeRole>,
    /// Whether what we delete is also deleted from RAM's recycle bin.
    pub empty_recycle_bin: bool,
}

/// Who the operator is in an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account's id.
    pub account: String,
    /// The caller's ARN, without the name of a session.
    pub arn: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

impl Alibaba {
    /// Makes the client and asks STS who we are (one call, and one for each role). Compare [`Identity::account`] with the
    /// account that is meant before anything else is done.
    ///
    /// # Errors
    /// The fault of that call: credentials refused or missing, endpoint out of reach, a clock that is off.
    pub async fn connect(settings: Settings, budgets: &Budgets, calls: Arc<Calls>) -> Result<Self, Fault> {
        let environment = |name: &str| std::env::var(name).ok();
        let provider = Provider::new(&settings.credentials, settings.assume_roles, environment)?;
        let endpoints = Endpoints::new(settings.region, settings.endpoint_url.as_deref());
        let wire = Wire { account: String::new(), operator: None, endpoints, budget: budgets.fresh(), calls };
        let mut channel = Channel { wire, provider };
        let call = Call::sts("GetCallerIdentity");
        let said = channel.send(&call, "the account", Priority::Normal).await?;
        let (Some(account), Some(arn)) = (said["AccountId"].as_str(), said["Arn"].as_str()) else {
            let message = "Alibaba Cloud did not say whose account it is";
            return Err(Fault::new(Class::Transient, "sts:GetCallerIdentity", "the account", message));
        };
        let identity = Identity { account: account.to_owned(), arn: without_session(arn).to_owned() };
        channel.wire.account.clone_from(&identity.account);
        channel.wire.budget = budgets.of(&identity.account);
        channel.wire.operator = Some(identity.arn.clone());
        Ok(Self {
            channel,
            identity,
            domain: tokio::sync::Mutex::default(),
            empty_recycle_bin: settings.empty_recycle_bin,
            older_odps: AtomicBool::new(false),
            in_doubt: Default::default(),
        })
    }
}

/// The ARN of who assumed a role ends with the session's name, which may hold a clock; messages must stay the same.
fn without_session(arn: &str) -> &str {
    match arn.split_once(":role/").or_else(|| arn.split_once(":assumed-role/")) {
        Some((_, rest)) => rest.find('/').map_or(arn, |at| &arn[..arn.len() - rest.len() + at]),
        None => arn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_has_no_session_in_it() {
        assert_eq!(without_session("acs:ram::1234567890123456:user/ops"), "acs:ram::1234567890123456:user/ops");
        assert_eq!(without_session("acs:ram::1:role/tenantry/173226"), "acs:ram::1:role/tenantry");
        assert_eq!(without_session("acs:ram::1:assumed-role/tenantry/173226"), "acs:ram::1:assumed-role/tenantry");
    }
}
