//! What Alibaba Cloud's errors mean for us: the class of the fault and words that help, without secrets, request ids or
//! clocks.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::Value;

use super::http::{Answer, Silence};
use super::odps;
use crate::cloud::wording::tidy;
use crate::model::{Class, Fault};

/// What DSW answers for everything but bad input (PAI-DSW API reference): what it means, only the status and words tell.
const INTERNAL: &str = "InternalError";

/// A call that failed: the cloud's code, where it answered with one, and the fault that it is unless the caller knows
/// better.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) code: String,
    /// The answer's HTTP status; 0: there was none.
    pub(super) status: u16,
    pub(super) fault: Fault,
    /// Whether the same call may succeed a moment later.
    pub(super) passing: bool,
}

/// What messages name beside the error itself.
pub(super) struct About<'a> {
    /// The permission that the call needs, such as `ram:CreateUser`.
    pub(super) action: &'a str,
    pub(super) object: &'a str,
    /// The operator's ARN, without the name of a session.
    pub(super) operator: Option<&'a str>,
    /// Where the call went.
    pub(super) place: &'a str,
}

impl Refused {
    /// A fault that no code of the cloud stands for.
    pub(super) fn odd(fault: Fault) -> Self {
        Self { code: String::new(), status: 200, fault, passing: false }
    }

    pub(super) fn is(&self, code: &str) -> bool {
        self.code == code
    }

    /// Whether there is no such object, or it does not hang there.
    pub(super) fn absent(&self) -> bool {
        self.code.starts_with("EntityNotExist")
            || self.code.starts_with("NoSuch")
            || ((is_number(&self.code) || self.code == INTERNAL) && self.status == 404)
    }

    /// Whether it is there already, or hangs there.
    pub(super) fn exists(&self) -> bool {
        self.code.starts_with("EntityAlreadyExists")
            || self.code.starts_with("ObjectAlreadyExists")
            || self.code == "WorkspaceNameAlreadyExists"
            || (is_number(&self.code) && self.status == 409)
    }

    /// Whether temporary keys are not accepted any more.
    pub(super) fn ends_session(&self) -> bool {
        self.code.starts_with("InvalidSecurityToken") || self.code.ends_with("ODPS-0410051")
    }

    /// Whether something else must be taken away first.
    pub(super) fn conflict(&self) -> bool {
        self.code.starts_with("DeleteConflict")
    }

    /// What the call is counted as.
    pub(super) fn outcome(&self) -> &'static str {
        match self.fault.class {
            _ if self.absent() => "absent",
            _ if self.exists() => "exists",
            _ if self.conflict() => "conflict",
            Class::Invalid => "invalid",
            Class::AccessDenied => "denied",
            Class::QuotaExceeded => "quota",
            Class::Throttled => "throttled",
            _ => "transient",
        }
    }

    /// No answer at all.
    pub(super) fn silent(silence: Silence, about: &About<'_>) -> Self {
        let words = match silence {
            Silence::TimedOut => format!("{} did not answer in time", about.place),
            Silence::Unreachable(why) => format!("cannot reach {}: {why}", about.place),
        };
        let fault = Fault::new(Class::Transient, about.action, about.object, words);
        Self { code: String::new(), status: 0, fault, passing: true }
    }

    /// An answer that is no success.
    pub(super) fn of(answer: &Answer, about: &About<'_>, now: Timestamp) -> Self {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|_| odps::error(&answer.body));
        let text = |names: [&str; 2]| names.iter().find_map(|name| body[*name].as_str()).unwrap_or_default().to_owned();
        let message = tidy(&text(["Message", "message"]));
        let code = odps::numbered(text(["Code", "code"]), &message);
        let (class, words) = if code.is_empty() {
            without_code(answer.status, about)
        } else {
            let class = classify(&code, answer.status);
            (class, words(class, &code, &message, &body["AccessDeniedDetail"], about, skew(answer, now)))
        };
        let passing = class == Class::Throttled || answer.status >= 500 || code == "ServiceUnavailable";
        let fault = Fault::new(class, about.action, about.object, words);
        Self { code, status: answer.status, fault, passing }
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        refused.fault
    }
}

/// The class of an error code. Sources: the gateway's common errors, RAM's and STS's own; codes, never messages, are
/// matched, as the messages are not kept the same. What official tools take for throttling holds that word somewhere.
pub(super) fn classify(code: &str, status: u16) -> Class {
    let begins = |heads: &[&str]| heads.iter().any(|head| code.starts_with(head));
    match code {
        _ if code.contains("Throttling") || status == 429 => Class::Throttled,
        _ if refuses_credentials(code) => Class::AccessDenied,
        _ if begins(&["NoPermission", "Forbidden", "AccessDenied", "AuthenticationFail"]) || code == "Inactive" => {
            Class::AccessDenied
        }
        _ if begins(&["LimitExceeded"]) || code.contains("Quota") => Class::QuotaExceeded,
        _ if begins(&["EntityAlreadyExists", "WorkspaceNameAlreadyExists"]) => Class::NotOwned,
        "ValidationError" => Class::Invalid,
        // PAI's own codes are numbers; there is no list of them.
        _ if is_number(code) && status == 400 => Class::Invalid,
        _ if begins(&["EntityNotExist", "DeleteConflict", "SignatureNonceUsed"]) => Class::Transient,
        _ if begins(&["Malformed", "Invalid", "Missing", "Unsupported"]) => Class::Invalid,
        _ if status == 401 || status == 403 => Class::AccessDenied,
        _ => Class::Transient,
    }
}

fn is_number(code: &str) -> bool {
    !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the cloud does not accept who is calling, whatever the call.
pub(super) fn refuses_credentials(code: &str) -> bool {
    let heads = [
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "InvalidSecurityToken",
        "MissingSecurityToken",
        "InvalidTimeStamp",
        "Unauthorized.ODPS-",
    ];
    heads.iter().any(|head| code.starts_with(head))
}

/// Minutes that our clock is ahead of the cloud's; negative where it is behind.
fn skew(answer: &Answer, now: Timestamp) -> Option<i64> {
    let theirs = DateTimeParser::new().parse_timestamp(answer.date.as_deref()?).ok()?;
    Some((now.as_second() - theirs.as_second() + 30).div_euclid(60))
}

fn words(class: Class, code: &str, message: &str, detail: &Value, about: &About<'_>, skew: Option<i64>) -> String {
    match class {
        _ if code.starts_with("InvalidTimeStamp") || code.ends_with("ODPS-0410031") => off(skew),
        // The cloud's own text quotes what was signed here.
        Class::AccessDenied if refuses_credentials(code) => format!(
            "Alibaba Cloud refuses the operator's credentials ({code}). Check the Secret or the role that the \
             CloudAccount names: docs/alibaba.md#credentials"
        ),
        Class::AccessDenied if code == "Inactive" => {
            "RAM is not active in this account. Activate it in the console".to_owned()
        }
        Class::AccessDenied if about.action.starts_with("odps:") => denied_in_max_compute(message, about),
        Class::AccessDenied => denied(code, detail, about),
        Class::Throttled => "Alibaba Cloud asks to be called less often; it goes on by itself".to_owned(),
        Class::QuotaExceeded => {
            format!(
                "a quota of the account is used up ({message}). Have Alibaba Cloud raise it, or delete what is not needed"
            )
        }
        Class::Invalid => format!("Alibaba Cloud does not accept it ({code}): {message}"),
        _ if message.is_empty() => format!("Alibaba Cloud answered {code}"),
        _ => format!("Alibaba Cloud answered {code}: {message}"),
    }
}

/// Signatures count for 15 minutes in either direction.
fn off(skew: Option<i64>) -> String {
    let by = match skew {
        Some(minutes) if minutes > 0 => format!("{minutes} minutes ahead of Alibaba Cloud's"),
        Some(minutes) if minutes < 0 => format!("{} minutes behind Alibaba Cloud's", -minutes),
        _ => "more than 15 minutes off".to_owned(),
    };
    format!("the operator's clock is {by}, and no signature counts so. Set the clock of the node that it runs on")
}

fn denied(code: &str, detail: &Value, about: &About<'_>) -> String {
    let action = detail["AuthAction"].as_str().filter(|action| action.contains(':')).unwrap_or(about.action);
    let operator = about.operator.map(|arn| format!(" {arn}")).unwrap_or_default();
    let refused = format!("{action} is refused for the operator{operator} ({code})");
    if detail["NoPermissionType"] == "ExplicitDeny" {
        return format!("{refused}: an explicit Deny forbids it: docs/alibaba.md#permissions");
    }
    format!("{refused}. Add \"{action}\" to the operator's policy: docs/alibaba.md#permissions")
}

/// MaxCompute asks its own roles, not RAM.
fn denied_in_max_compute(message: &str, about: &About<'_>) -> String {
    let operator = about.operator.map(|arn| format!(" {arn}")).unwrap_or_default();
    format!(
        "MaxCompute refuses {} to the operator{operator} ({message}). Give it the tenant-level role admin, and admin in the \
         projects: docs/alibaba.md#maxcompute",
        about.action
    )
}

fn without_code(status: u16, about: &About<'_>) -> (Class, String) {
    let place = about.place;
    match status {
        429 => (Class::Throttled, format!("{place} asks to be called less often; it goes on by itself")),
        401 | 403 => {
            (Class::AccessDenied, format!("{place} refuses with HTTP status {status}: docs/alibaba.md#credentials"))
        }
        status => (Class::Transient, format!("{place} answered with HTTP status {status} and no code")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_classes_that_the_design_gives_them() {
        for (class, codes) in [
            (Class::Throttled, &["Throttling.User", "Throttling", "Rejected.Throttling"][..]),
            (Class::AccessDenied, &["NoPermission", "InvalidAccessKeyId.NotFound", "InvalidTimeStamp.Expired"]),
            (Class::AccessDenied, &["SignatureDoesNotMatch", "InvalidSecurityToken.Expired", "Inactive"]),
            (Class::AccessDenied, &["NoPermission.ODPS-0420095", "Unauthorized.ODPS-0410042"]),
            (Class::Invalid, &["InvalidParameter.ODPS-0420061"]),
            (Class::Transient, &["NoSuchObject.ODPS-0420111", "ObjectAlreadyExists.ODPS-0420081"]),
            (Class::QuotaExceeded, &["LimitExceeded.User", "LimitExceeded.User.AccessKey"]),
            (Class::Invalid, &["MalformedPolicyDocument", "InvalidParameter.UserName.InvalidChars", "MissingRoleArn"]),
            (Class::Transient, &["ServiceUnavailable", "DeleteConflict.User.Group", "EntityNotExist.User"]),
        ] {
            for code in codes {
                assert_eq!(classify(code, 400), class, "{code}");
            }
        }
        assert_eq!(classify("SomethingNew", 429), Class::Throttled);
        assert_eq!(classify("SomethingNew", 403), Class::AccessDenied);
    }

    #[test]
    fn a_clock_that_is_off_is_said_so() {
        assert!(off(Some(20)).starts_with("the operator's clock is 20 minutes ahead of"));
        assert!(off(Some(-20)).starts_with("the operator's clock is 20 minutes behind"));
    }
}
