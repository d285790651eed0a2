//! Access keys: one function a call.

use aws_config::SdkConfig;
use aws_sdk_iam::types::StatusType;
use aws_smithy_types::retry::RetryConfig;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::act::Act;
use super::refusal::refuses_credentials;
use super::{lists, shapes};
use crate::model::{Class, Effect, Fault, Finding, NewKey};
use crate::names::CloudName;

/// A user's keys, oldest first.
pub(super) async fn read(act: &Act<'_>, user: &CloudName) -> Result<Finding, Fault> {
    match lists::keys(act, user.as_str()).await {
        Ok(mut keys) => {
            keys.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
            Ok(Finding::Keys(keys))
        }
        Err(refused) if refused.absent() => Ok(Finding::Absent),
        Err(refused) => Err(refused.into()),
    }
}

/// When a key was last used. AWS counts requests that it accepted, to any service, and is minutes behind. A key that is
/// gone is used by nobody.
pub(super) async fn last_use(act: &Act<'_>, id: &str) -> Result<Finding, Fault> {
    let request = act.iam.get_access_key_last_used().access_key_id(id);
    let answer = match act.send("GetAccessKeyLastUsed", request.send()).await {
        Ok(answer) => answer.access_key_last_used,
        Err(refused) if refused.absent() => None,
        Err(refused) => return Err(refused.into()),
    };
    Ok(Finding::LastUse { id: id.to_owned(), last_use: shapes::last_use(answer, Timestamp::now()) })
}

/// Makes a key, without the client's retries: an answer that is lost leaves a key that nobody can use, and a retry would
/// leave a second.
pub(super) async fn create(act: &Act<'_>, user: &CloudName) -> Result<Effect, Fault> {
    let once = aws_sdk_iam::config::Builder::new().retry_config(RetryConfig::standard().with_max_attempts(1));
    let request = act.iam.create_access_key().user_name(user.as_str()).customize().config_override(once);
    match act.send("CreateAccessKey", request.send()).await {
        Ok(answer) => {
            let made = answer.access_key;
            let Some(key) = made else {
                return Err(act.fault(Class::Transient, "CreateAccessKey", "AWS answered without the key"));
            };
            Ok(Effect::Key(NewKey {
                id: key.access_key_id,
                secret: SecretString::from(key.secret_access_key),
                created: key.create_date.map_or_else(Timestamp::now, shapes::timestamp),
            }))
        }
        Err(refused) if refused.fault.class == Class::QuotaExceeded => {
            let message = "the user has two access keys, AWS's limit. One of them must go first";
            Err(act.fault(Class::QuotaExceeded, "CreateAccessKey", message))
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Makes a key usable or unusable. One that is gone cannot be used either.
pub(super) async fn set_active(act: &Act<'_>, user: &CloudName, id: &str, active: bool) -> Result<Effect, Fault> {
    let status = if active { StatusType::Active } else { StatusType::Inactive };
    let request = act.iam.update_access_key().user_name(user.as_str()).access_key_id(id).status(status);
    if !active {
        return act.remove("UpdateAccessKey", request.send()).await;
    }
    act.send("UpdateAccessKey", request.send()).await?;
    Ok(Effect::Done)
}

pub(super) async fn delete(act: &Act<'_>, user: &CloudName, id: &str) -> Result<Effect, Fault> {
    let request = act.iam.delete_access_key().user_name(user.as_str()).access_key_id(id);
    act.remove("DeleteAccessKey", request.send()).await
}

/// Asks STS with the new key who that is. A key that is not known yet is the expected answer for some seconds.
pub(super) async fn answers(act: &Act<'_>, base: &SdkConfig, key: &NewKey) -> Result<bool, Fault> {
    let credentials =
        aws_credential_types::Credentials::new(&key.id, key.secret.expose_secret(), None, None, "new key");
    // The shared cache would keep an entry for every key that was ever proved.
    let config = aws_sdk_sts::config::Builder::from(base)
        .credentials_provider(credentials)
        .identity_cache(aws_sdk_sts::config::IdentityCache::no_cache())
        .retry_config(RetryConfig::standard().with_max_attempts(1))
        .build();
    let client = aws_sdk_sts::Client::from_conf(config);
    match act.send("GetCallerIdentity", client.get_caller_identity().send()).await {
        Ok(_) => Ok(true),
        Err(refused) if refuses_credentials(&refused.code) || refused.is("AccessDenied") => Ok(false),
        Err(refused) => Err(refused.into()),
    }
}
