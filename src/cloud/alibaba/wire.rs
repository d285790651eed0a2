//! How a call goes out: it waits for its turn in the budget, is signed, timed, counted and logged, sent again where that
//! may help, and its refusal is classified.

use std::sync::Arc;
use std::time::Duration;

use alibaba_signature::Credentials;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::call::Call;
use super::endpoints::{Endpoints, Service};
use super::http;
use super::rates::documented;
use super::refusal::{About, Refused};
use crate::cloud::budget::{Budget, Family, Priority};
use crate::cloud::calls::{CallLabels, Calls};
use crate::model::{Class, Fault};

/// Tries of one call.
const ATTEMPTS: u32 = 3;
/// No try begins later than this after the first.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first pause after an error of the server's and after throttling; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(200);
const THROTTLED_PAUSE: Duration = Duration::from_secs(1);

/// What all calls to one account share.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) account: String,
    /// The operator's ARN, without the name of a session.
    pub(super) operator: Option<String>,
    pub(super) endpoints: Endpoints,
    pub(super) budget: Arc<Budget>,
    pub(super) calls: Arc<Calls>,
}

impl Wire {
    /// Sends one call with these credentials, or anonymously.
    pub(super) async fn exchange(
        &self,
        call: &Call,
        credentials: Option<&Credentials>,
        object: &str,
        priority: Priority,
    ) -> Result<Value, Refused> {
        let begun = Instant::now();
        let mut tried = 0;
        loop {
            tried += 1;
            let (answer, wait) = self.once(call, credentials, object, priority).await;
            let Err(refused) = &answer else { return answer };
            let first = if refused.fault.class == Class::Throttled { THROTTLED_PAUSE } else { PAUSE };
            let pause = wait.unwrap_or_else(|| (first * 2_u32.pow(tried - 1)).mul_f64(rand::random_range(0.7..1.3)));
            let again = call.repeatable && refused.passing && tried < ATTEMPTS;
            if !again || begun.elapsed() + pause > PATIENCE {
                return answer;
            }
            sleep(pause).await;
        }
    }

    async fn once(
        &self,
        call: &Call,
        credentials: Option<&Credentials>,
        object: &str,
        priority: Priority,
    ) -> (Result<Value, Refused>, Option<Duration>) {
        let (family, api) = (family_of(call), (call.service.name(), call.action));
        self.budget.acquire(family, priority).await;
        if let Some(documented) = documented(call) {
            self.budget.acquire_of(api, documented, priority).await;
        }
        let sent = Instant::now();
        let request = call.request(&self.endpoints, credentials, Timestamp::now(), &nonce());
        let came = http::send(request).await;
        let took = sent.elapsed();
        let permission = call.permission();
        let (operator, place) = (self.operator.as_deref(), self.endpoints.place());
        let about = About { action: &permission, object, operator, place };
        let wait = came.as_ref().ok().and_then(|answer| answer.retry_after);
        let answer = match came {
            Err(silence) => Err(Refused::silent(silence, &about)),
            Ok(answer) if answer.status == 200 && !call.is_refused(&answer.body) => {
                call.read(&answer.body).ok_or_else(|| {
                    let words = format!("{place} answered with something that is no JSON");
                    Refused::odd(Fault::new(Class::Transient, &permission, object, words))
                })
            }
            Ok(answer) => Err(Refused::of(&answer, &about, Timestamp::now())),
        };
        let outcome = answer.as_ref().err().map_or("ok", Refused::outcome);
        if outcome == "throttled" {
            self.budget.throttled(family);
            self.budget.throttled_of(api);
        }
        let (service, operation) = (call.service.name(), call.action);
        self.calls.count(&CallLabels { account: self.account.clone(), service, operation, outcome }, took);
        let seconds = took.as_secs_f64();
        tracing::debug!(account = self.account, service, operation, object, outcome, seconds, "called Alibaba Cloud");
        (answer, wait)
    }
}

fn family_of(call: &Call) -> Family {
    if call.service == Service::Sts {
        Family::Token
    } else if call.service == Service::Dsw {
        Family::Notebook
    } else if ["Get", "List", "Show"].iter().any(|head| call.action.starts_with(head)) {
        Family::Read
    } else {
        Family::Write
    }
}

/// Never the same twice.
fn nonce() -> String {
    HEXLOWER.encode(&rand::random::<[u8; 16]>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_drink_from_the_right_bucket() {
        assert_eq!(family_of(&Call::ram("CreateUser")), Family::Write);
        assert_eq!(family_of(&Call::ims("ListUsers")), Family::Read);
        assert_eq!(family_of(&Call::sts("GetCallerIdentity")), Family::Token);
        assert_eq!(family_of(&Call::pai("cn-shanghai", "ListMembers", "GET", "x")), Family::Read);
        assert_ne!(nonce(), nonce());
    }
}
