//! What AWS's errors mean for us: the class of the fault and words that help, without secrets, request ids or clocks.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};

use super::denied;
use crate::cloud::wording::{innermost, tidy};
use crate::model::{Class, Fault};

/// What messages name beside the error itself.
#[derive(Debug, Default)]
pub(super) struct Voice {
    /// The operator's ARN, without the name of a session.
    pub(super) operator: Option<String>,
    /// Where the calls go, if not to AWS's own endpoints.
    pub(super) endpoint: Option<String>,
}

/// A call that failed: AWS's code, where it answered with one, and the fault that it is unless the caller knows better.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) fault: Fault,
}

impl Refused {
    /// A fault that no code of AWS stands for.
    pub(super) fn odd(fault: Fault) -> Self {
        Self { code: String::new(), message: String::new(), fault }
    }

    pub(super) fn is(&self, code: &str) -> bool {
        self.code == code
    }

    /// Whether there is no such object.
    pub(super) fn absent(&self) -> bool {
        self.is("NoSuchEntity") || (self.is("ValidationException") && self.message.contains("RecordNotFound"))
    }

    /// What the call is counted as.
    pub(super) fn outcome(&self) -> &'static str {
        match (self.code.as_str(), self.fault.class) {
            _ if self.absent() => "absent",
            ("EntityAlreadyExists", _) => "exists",
            ("DeleteConflict", _) => "conflict",
            (_, Class::Invalid) => "invalid",
            (_, Class::AccessDenied) => "denied",
            (_, Class::QuotaExceeded) => "quota",
            (_, Class::Throttled) => "throttled",
            _ => "transient",
        }
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        refused.fault
    }
}

/// Reads the client's error.
pub(super) fn refused<E>(error: &SdkError<E>, action: &str, object: &str, voice: &Voice) -> Refused
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let (code, message) = match error.as_service_error() {
        Some(service) => (service.code().unwrap_or_default(), service.message().unwrap_or_default()),
        None => ("", ""),
    };
    let message = tidy(message);
    let (class, words) = if code.is_empty() {
        unanswered(error, status, voice)
    } else {
        let class = classify(code, status.unwrap_or_default());
        (class, words(class, code, &message, action, voice))
    };
    Refused { code: code.to_owned(), message, fault: Fault::new(class, action, object, words) }
}

/// The class of one of AWS's error codes. Sources: the IAM API reference's "Common errors" and each operation's errors.
pub(super) fn classify(code: &str, status: u16) -> Class {
    match code {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequests"
        | "TooManyRequestsException"
        | "LimitExceededException"
        | "PriorRequestNotComplete"
        | "SlowDown" => Class::Throttled,
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "NotAuthorized" => Class::AccessDenied,
        _ if refuses_credentials(code) => Class::AccessDenied,
        "LimitExceeded" | "ResourceLimitExceeded" | "ServiceQuotaExceededException" => Class::QuotaExceeded,
        "EntityAlreadyExists" => Class::NotOwned,
        "MalformedPolicyDocument"
        | "ValidationError"
        | "ValidationException"
        | "InvalidInput"
        | "InvalidParameterValue"
        | "InvalidParameterCombination"
        | "MissingParameter"
        | "PasswordPolicyViolation"
        | "PolicyNotAttachable"
        | "UnmodifiableEntity" => Class::Invalid,
        _ if status == 429 => Class::Throttled,
        _ if status == 403 => Class::AccessDenied,
        _ => Class::Transient,
    }
}

/// Whether AWS does not accept who is calling, whatever the call.
pub(super) fn refuses_credentials(code: &str) -> bool {
    matches!(
        code,
        "InvalidClientTokenId"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "RequestExpired"
            | "UnrecognizedClientException"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "AuthFailure"
            | "OptInRequired"
    )
}

fn words(class: Class, code: &str, message: &str, action: &str, voice: &Voice) -> String {
    let operator = voice.operator.as_deref().map(|arn| format!(" {arn}")).unwrap_or_default();
    match class {
        // AWS's own text quotes what was signed here, tokens included.
        Class::AccessDenied if refuses_credentials(code) => format!(
            "AWS refuses the operator's credentials ({code}). Check the Secret or the role that the CloudAccount names: \
             docs/aws.md#credentials"
        ),
        Class::AccessDenied => denied::words(message, action, &operator),
        Class::Throttled => "AWS asks to be called less often; it goes on by itself".to_owned(),
        Class::QuotaExceeded => {
            format!("a quota of the account is used up ({message}). Have AWS raise it, or delete what is not needed")
        }
        Class::Invalid => format!("AWS does not accept it ({code}): {message}"),
        _ if message.is_empty() => format!("AWS answered {code}"),
        _ => format!("AWS answered {code}: {message}"),
    }
}

/// Words for a call that got no answer, or none that can be read.
fn unanswered<E>(error: &SdkError<E>, status: Option<u16>, voice: &Voice) -> (Class, String)
where
    E: std::error::Error + Send + Sync + 'static,
{
    let place = voice.endpoint.as_deref().unwrap_or("AWS");
    if let Some(credentials) = credentials_error(error) {
        let why = tidy(&innermost(credentials));
        let message = format!(
            "no credentials for the operator ({why}). Name a Secret in the CloudAccount, or give the pod a role: \
             docs/aws.md#credentials"
        );
        return (Class::AccessDenied, message);
    }
    match (error, status) {
        (_, Some(429)) => (Class::Throttled, format!("{place} asks to be called less often; it goes on by itself")),
        (_, Some(status @ (401 | 403))) => {
            (Class::AccessDenied, format!("{place} refuses with HTTP status {status}: docs/aws.md#credentials"))
        }
        (SdkError::TimeoutError(_), _) => (Class::Transient, format!("{place} did not answer in time")),
        (SdkError::DispatchFailure(_), _) => {
            (Class::Transient, format!("cannot reach {place}: {}", tidy(&innermost(error))))
        }
        (_, Some(status)) => (Class::Transient, format!("{place} answered with HTTP status {status} and no code")),
        _ => (Class::Transient, format!("the call did not go out: {}", tidy(&innermost(error)))),
    }
}

fn credentials_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a CredentialsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<CredentialsError>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn codes_have_the_classes_that_the_design_gives_them() {
        for (class, codes) in [
            (Class::Throttled, &["Throttling", "ThrottlingException", "RequestLimitExceeded"][..]),
            (Class::AccessDenied, &["AccessDenied", "InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken"]),
            (Class::QuotaExceeded, &["LimitExceeded"]),
            (
                Class::Invalid,
                &["MalformedPolicyDocument", "ValidationError", "InvalidInput", "PasswordPolicyViolation"],
            ),
            (
                Class::Transient,
                &[
                    "ConcurrentModification",
                    "EntityTemporarilyUnmodifiable",
                    "DeleteConflict",
                    "NoSuchEntity",
                    "ServiceFailure",
                ],
            ),
        ] {
            for code in codes {
                assert_eq!(classify(code, 400), class, "{code}");
            }
        }
        assert_eq!(classify("SomethingNew", 429), Class::Throttled);
        assert_eq!(classify("SomethingNew", 403), Class::AccessDenied);
    }

    #[test]
    fn no_token_is_repeated() {
        let voice = Voice { operator: Some("arn:aws:iam::1:role/tenantry".to_owned()), endpoint: None };
        let text = "The Canonical String should have been x-amz-security-token:SECRET";
        let said = words(Class::AccessDenied, "SignatureDoesNotMatch", text, "iam:CreateUser", &voice);
        assert!(!said.contains("SECRET"), "{said}");
    }
}
