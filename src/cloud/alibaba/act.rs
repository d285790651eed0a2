//! One act under way: on what, how urgent it is, and through which account.

use alibaba_signature::Credentials;
use serde_json::Value;

use super::call::Call;
use super::credentials::Provider;
use super::refusal::Refused;
use super::wire::Wire;
use crate::cloud::budget::Priority;
use crate::cloud::pages::following;
use crate::model::{Class, Effect, Fault};

/// An account's calls, signed with whatever keys are good now.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) wire: Wire,
    pub(super) provider: Provider,
}

impl Channel {
    pub(super) async fn send(&self, call: &Call, object: &str, priority: Priority) -> Result<Value, Refused> {
        let keys = self.provider.current(&self.wire).await?;
        let answer = self.wire.exchange(call, Some(&keys), object, priority).await;
        // Keys may end early: a role's sessions can be revoked, and clocks differ.
        if answer.as_ref().is_err_and(|refused| refused.ends_session()) && self.provider.renews() {
            self.provider.expired().await;
            let keys = self.provider.current(&self.wire).await?;
            return self.wire.exchange(call, Some(&keys), object, priority).await;
        }
        answer
    }
}

pub(super) struct Act<'a> {
    pub(super) channel: &'a Channel,
    /// The object as people name it, such as `RAM user "acme.alice"`.
    pub(super) object: String,
    pub(super) priority: Priority,
}

impl Act<'_> {
    /// Sends one call.
    pub(super) async fn send(&self, call: Call) -> Result<Value, Refused> {
        self.channel.send(&call, &self.object, self.priority).await
    }

    /// Sends one call with other keys than the account's.
    pub(super) async fn send_as(&self, call: Call, keys: &Credentials) -> Result<Value, Refused> {
        self.channel.wire.exchange(&call, Some(keys), &self.object, self.priority).await
    }

    /// Sends a call that takes something away: what is gone already is as good.
    pub(super) async fn remove(&self, call: Call) -> Result<Effect, Fault> {
        match self.send(call).await {
            Err(refused) if !refused.absent() => Err(refused.into()),
            Err(_) => Ok(Effect::Done),
            Ok(_) => Ok(Effect::CameOff),
        }
    }

    /// Sends a call that puts two things together: where they are so already it is done.
    pub(super) async fn join(&self, call: Call) -> Result<(), Refused> {
        match self.send(call).await {
            Err(refused) if !refused.exists() => Err(refused),
            _ => Ok(()),
        }
    }

    /// Reads a list to its end: all pages or a refusal. Lists are wrapped twice: `Users: {User: […]}`.
    pub(super) async fn pages(
        &self,
        call: impl Fn() -> Call,
        most: u32,
        (outer, inner): (&str, &str),
    ) -> Result<Vec<Value>, Refused> {
        let mut all = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let call = call().with("MaxItems", most).with_some("Marker", marker.as_ref());
            let operation = call.permission();
            let mut page = self.send(call).await?;
            let Some(items) = page[outer][inner].as_array_mut() else {
                let words = format!("Alibaba Cloud answered without {outer}");
                return Err(Refused::odd(Fault::new(Class::Transient, operation, &self.object, words)));
            };
            all.append(items);
            let truncated = page["IsTruncated"].as_bool().unwrap_or_default();
            let next = page["Marker"].as_str().map(str::to_owned).filter(|_| truncated);
            marker = match following(marker.as_deref(), truncated, next) {
                Ok(None) => return Ok(all),
                Ok(next) => next,
                Err(words) => {
                    return Err(Refused::odd(Fault::new(Class::Transient, operation, &self.object, words)));
                }
            };
        }
    }

    /// Reads a list that comes whole.
    pub(super) async fn list(&self, call: Call, (outer, inner): (&str, &str)) -> Result<Vec<Value>, Refused> {
        let mut answer = self.send(call).await?;
        Ok(answer[outer][inner].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// A fault in this act that the cloud's own answer does not word well enough.
    pub(super) fn fault(&self, class: Class, action: &str, message: impl Into<String>) -> Fault {
        Fault::new(class, action, &self.object, message)
    }
}
