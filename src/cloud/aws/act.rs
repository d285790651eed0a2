//! How a call goes out: it waits for its turn in the budget, is timed, counted and logged, and its refusal is classified.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use futures::future::BoxFuture;

use super::refusal::{Refused, Voice, refused};
use crate::cloud::budget::{Budget, Family, Priority};
use crate::cloud::calls::{CallLabels, Calls};
use crate::cloud::pages::following;
use crate::model::{Class, Effect, Fault};

/// What all calls to one account share.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) account: String,
    pub(super) voice: Voice,
    pub(super) budget: Arc<Budget>,
    pub(super) calls: Arc<Calls>,
}

/// One act under way: through which client, on what, and how urgent it is.
pub(super) struct Act<'a> {
    pub(super) iam: &'a aws_sdk_iam::Client,
    pub(super) channel: &'a Channel,
    /// The object as people name it, such as `IAM user "acme.alice"`.
    pub(super) object: String,
    pub(super) priority: Priority,
}

/// One page of a list.
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) truncated: bool,
    pub(super) marker: Option<String>,
}

impl Act<'_> {
    /// Sends one call. `operation` is AWS's name of it.
    pub(super) fn send<'a, T, E>(
        &'a self,
        operation: &'static str,
        request: impl Future<Output = Result<T, SdkError<E>>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, Refused>>
    where
        T: Send + 'a,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.channel.send(operation, &self.object, self.priority, request)
    }

    /// Sends a call that takes something away: what is gone already is as good.
    pub(super) fn remove<'a, T, E>(
        &'a self,
        operation: &'static str,
        request: impl Future<Output = Result<T, SdkError<E>>> + Send + 'a,
    ) -> BoxFuture<'a, Result<Effect, Fault>>
    where
        T: Send + 'a,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let sent = self.send(operation, request);
        Box::pin(async move {
            match sent.await {
                Ok(_) => Ok(Effect::Done),
                Err(refused) if refused.absent() => Ok(Effect::Done),
                Err(refused) => Err(refused.fault),
            }
        })
    }

    /// Reads a list to its end: all pages or a refusal.
    pub(super) async fn pages<T, F>(
        &self,
        operation: &'static str,
        fetch: impl Fn(Option<String>) -> F,
    ) -> Result<Vec<T>, Refused>
    where
        F: Future<Output = Result<Page<T>, Refused>>,
    {
        let mut all = Vec::new();
        let mut marker = None;
        loop {
            let page = fetch(marker.clone()).await?;
            all.extend(page.items);
            marker = match following(marker.as_deref(), page.truncated, page.marker) {
                Ok(None) => return Ok(all),
                Ok(next) => next,
                Err(message) => return Err(Refused::odd(self.fault(Class::Transient, operation, message))),
            };
        }
    }

    /// A fault in this act that AWS's own answer does not word well enough.
    pub(super) fn fault(&self, class: Class, operation: &str, message: impl Into<String>) -> Fault {
        Fault::new(class, action_of(operation), &self.object, message)
    }
}

impl Channel {
    /// Sends one call to IAM or STS. The client's future goes to the heap at once: it is tens of kilobytes, and a
    /// function of several calls would hold one for each on the stack.
    pub(super) fn send<'a, T, E>(
        &'a self,
        operation: &'static str,
        object: &'a str,
        priority: Priority,
        request: impl Future<Output = Result<T, SdkError<E>>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, Refused>>
    where
        T: Send + 'a,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let request = Box::pin(request);
        Box::pin(async move {
            let family = family_of(operation);
            self.budget.acquire(family, priority).await;
            let sent = Instant::now();
            let answer = request.await;
            let took = sent.elapsed();
            let answer = answer.map_err(|error| refused(&error, &action_of(operation), object, &self.voice));
            let outcome = answer.as_ref().err().map_or("ok", Refused::outcome);
            if answer.as_ref().is_err_and(|refused| refused.fault.class == Class::Throttled) {
                self.budget.throttled(family);
            }
            let labels =
                CallLabels { account: self.account.clone(), service: service_of(operation), operation, outcome };
            self.calls.count(&labels, took);
            let seconds = took.as_secs_f64();
            tracing::debug!(account = self.account, operation, object, outcome, seconds, "called AWS");
            answer
        })
    }
}

fn service_of(operation: &str) -> &'static str {
    match operation {
        "GetCallerIdentity" => "sts",
        "AddTags" | "DeleteTags" | "ListTags" => "sagemaker",
        _ if operation.contains("Notebook") => "sagemaker",
        _ => "iam",
    }
}

fn action_of(operation: &str) -> String {
    format!("{}:{operation}", service_of(operation))
}

fn family_of(operation: &str) -> Family {
    if service_of(operation) == "sts" {
        Family::Token
    } else if service_of(operation) == "sagemaker" {
        Family::Notebook
    } else if operation.starts_with("Get") || operation.starts_with("List") {
        Family::Read
    } else {
        Family::Write
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn calls_drink_from_the_right_bucket() {
        assert_eq!(family_of("CreateUser"), Family::Write);
        assert_eq!(family_of("ListUsers"), Family::Read);
        assert_eq!(family_of("ListNotebookInstances"), Family::Notebook);
        assert_eq!(family_of("GetCallerIdentity"), Family::Token);
        assert_eq!(action_of("GetCallerIdentity"), "sts:GetCallerIdentity");
    }
}
