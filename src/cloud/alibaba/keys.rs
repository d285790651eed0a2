//! Access keys: one function a call.

use alibaba_signature::Credentials;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::act::Act;
use super::call::Call;
use super::refusal::refuses_credentials;
use super::{Alibaba, lists, shapes};
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

/// When a key was last used. A key that is gone is used by nobody.
pub(super) async fn last_use(cloud: &Alibaba, act: &Act<'_>, user: &CloudName, id: &str) -> Result<Finding, Fault> {
    let call = Call::ims("GetAccessKeyLastUsed")
        .with("UserAccessKeyId", id)
        .with("UserPrincipalName", cloud.principal(user).await?);
    let answer = match act.send(call).await {
        Ok(answer) => answer,
        Err(refused) if refused.absent() => serde_json::Value::Null,
        Err(refused) => return Err(refused.into()),
    };
    Ok(Finding::LastUse { id: id.to_owned(), last_use: shapes::last_use(&answer, Timestamp::now()) })
}

/// Makes a key, in one try: an answer that is lost leaves a key that nobody can use, and a retry would leave a second.
pub(super) async fn create(act: &Act<'_>, user: &CloudName) -> Result<Effect, Fault> {
    let action = "ram:CreateAccessKey";
    match act.send(Call::ram("CreateAccessKey").with("UserName", user).once()).await {
        Ok(answer) => {
            let key = &answer["AccessKey"];
            let (Some(id), Some(secret)) = (key["AccessKeyId"].as_str(), key["AccessKeySecret"].as_str()) else {
                return Err(act.fault(Class::Transient, action, "Alibaba Cloud answered without the key"));
            };
            let created = shapes::text(key, "CreateDate").parse().unwrap_or_else(|_| Timestamp::now());
            Ok(Effect::Key(NewKey { id: id.to_owned(), secret: SecretString::from(secret), created }))
        }
        Err(refused) if refused.fault.class == Class::QuotaExceeded => {
            let message = "the user has two access keys, RAM's limit. One of them must go first";
            Err(act.fault(Class::QuotaExceeded, action, message))
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Makes a key usable or unusable. One that is gone cannot be used either.
pub(super) async fn set_active(act: &Act<'_>, user: &CloudName, id: &str, active: bool) -> Result<Effect, Fault> {
    let status = if active { "Active" } else { "Inactive" };
    let call = Call::ram("UpdateAccessKey").with("UserName", user).with("UserAccessKeyId", id).with("Status", status);
    if !active {
        return act.remove(call).await;
    }
    act.send(call).await?;
    Ok(Effect::Done)
}

pub(super) async fn delete(cloud: &Alibaba, act: &Act<'_>, user: &CloudName, id: &str) -> Result<Effect, Fault> {
    let done = act.remove(Call::ram("DeleteAccessKey").with("UserName", user).with("UserAccessKeyId", id)).await?;
    if cloud.empty_recycle_bin {
        act.remove(Call::ims("DeleteAccessKeyInRecycleBin").with("UserAccessKeyId", id)).await?;
    }
    Ok(done)
}

/// Asks STS with the new key who that is. A key that is not known yet is the expected answer for some seconds.
pub(super) async fn answers(act: &Act<'_>, key: &NewKey) -> Result<bool, Fault> {
    let keys = Credentials::new(&key.id, key.secret.expose_secret());
    match act.send_as(Call::sts("GetCallerIdentity").once(), &keys).await {
        Ok(_) => Ok(true),
        Err(refused) if refused.code.starts_with("InvalidTimeStamp") => Err(refused.into()),
        Err(refused) if refuses_credentials(&refused.code) || refused.is("NoPermission") => Ok(false),
        Err(refused) => Err(refused.into()),
    }
}
