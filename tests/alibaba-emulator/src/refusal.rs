//! What a service says when it will not: status, code and text as the real one gives them.

use serde_json::{Map, Value, json};

/// A call that was not carried out.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
    /// Why policies do not allow it, for the services that tell.
    pub detail: Option<Value>,
    pub headers: Vec<(String, String)>,
}

impl Refusal {
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), detail: None, headers: Vec::new() }
    }

    /// A refusal of the table.
    pub fn known(code: &str) -> Self {
        match KNOWN.iter().find(|(known, ..)| *known == code) {
            Some((code, status, message)) => Self::new(*status, *code, *message),
            None => Self::new(500, code, "An internal error occurred."),
        }
    }

    pub fn missing(parameter: &str) -> Self {
        Self::new(400, format!("Missing{parameter}"), format!("{parameter} is mandatory for this action."))
    }

    pub fn invalid(parameter: &str) -> Self {
        let message = format!("The parameter - \"{parameter}\" is incorrect.");
        Self::new(400, format!("InvalidParameter.{parameter}"), message)
    }

    pub fn chars(parameter: &str) -> Self {
        let message = format!("The parameter - \"{parameter}\" contains invalid chars.");
        Self::new(400, format!("InvalidParameter.{parameter}.InvalidChars"), message)
    }

    pub fn length(parameter: &str) -> Self {
        let message = format!("The parameter - \"{parameter}\" beyond the length limit.");
        Self::new(400, format!("InvalidParameter.{parameter}.Length"), message)
    }

    pub fn format(parameter: &str) -> Self {
        let message = format!("The format of the parameter - \"{parameter}\" is incorrect.");
        Self::new(400, format!("InvalidParameter.{parameter}.Format"), message)
    }

    pub fn range(parameter: &str, low: i64, high: i64) -> Self {
        let message = format!("The parameter - \"{parameter}\" MUST be in the range of {low} and {high}.");
        Self::new(400, format!("InvalidParameter.{parameter}.Range"), message)
    }

    pub fn malformed_policy(why: impl Into<String>) -> Self {
        Self::new(400, "MalformedPolicyDocument", why)
    }

    /// The body in which the OpenAPI gateway says it.
    pub fn body(&self, request_id: &str, host: &str) -> Value {
        let mut body = Map::new();
        body.insert("RequestId".into(), request_id.into());
        body.insert("HostId".into(), host.into());
        body.insert("Code".into(), self.code.clone().into());
        body.insert("Message".into(), self.message.clone().into());
        body.insert("Recommend".into(), json!(format!("https://api.aliyun.com/troubleshoot?q={}", self.code)));
        if let Some(detail) = &self.detail {
            body.insert("AccessDeniedDetail".into(), detail.clone());
        }
        Value::Object(body)
    }
}

/// Code, status and text. Source: RAM's and STS's documentation; the texts of the gateway are its own page's.
const KNOWN: &[(&str, u16, &str)] = &[
    ("InvalidAction.NotFound", 404, "Specified api is not found, please check your url and method."),
    ("InvalidApi.NotFound", 404, "Specified api is not found, please check your url and method."),
    ("InvalidProduct.NotFound", 404, "Cannot find product according to your specified domain."),
    ("InvalidAccessKeyId.NotFound", 404, "Specified access key is not found."),
    ("InvalidAccessKeyId.Inactive", 400, "Specified access key is disabled."),
    ("InvalidTimeStamp.Format", 400, "Specified time stamp or date value is not well formatted."),
    ("InvalidTimeStamp.Expired", 400, "Specified time stamp or date value is expired."),
    ("SignatureNonceUsed", 400, "Specified signature nonce was used already."),
    ("SignatureDoesNotMatch", 400, "Specified signature is not matched with our calculation."),
    ("InvalidSignatureMethod", 400, "Specified signature method is not supported."),
    ("UnsupportedHTTPMethod", 400, "This http method is not supported."),
    ("MissingSecurityToken", 400, "SecurityToken is mandatory for this action."),
    ("InvalidSecurityToken.Expired", 400, "Specified SecurityToken is expired."),
    ("InvalidSecurityToken.Malformed", 400, "Specified SecurityToken is malformed."),
    ("InvalidSecurityToken.MismatchWithAccessKey", 400, "Specified SecurityToken mismatch with the AccessKey."),
    ("Throttling.User", 400, "Request was denied due to user flow control."),
    ("NoPermission", 403, "You are not authorized to do this action. You should be authorized by RAM."),
    ("InvalidParameter.PolicyType", 400, "The parameter - \"PolicyType\" is incorrect."),
    (
        "InvalidParameter.Password.TooWeak",
        400,
        "The parameter - \"Password\" is not compliant with the password policy.",
    ),
    ("InvalidParameter.AuthenticationCode.Format", 400, "The parameter - \"AuthenticationCode\" MUST be 6 numbers."),
    ("InvalidParameter.AccountAlias.Length", 400, "The parameter - \"AccountAlias\" MUST be in the range of 3 and 63."),
    ("EntityNotExist.User", 404, "The user does not exist."),
    ("EntityNotExist.Group", 404, "The group does not exist."),
    ("EntityNotExist.Policy", 404, "The policy does not exist."),
    ("EntityNotExist.Role", 404, "The role does not exist."),
    ("EntityNotExist.Policy.Version", 404, "The policy version does not exist."),
    ("EntityNotExist.User.AccessKey", 404, "The user access key does not exist."),
    ("EntityNotExist.User.LoginProfile", 404, "The user login profile does not exist."),
    ("EntityNotExist.User.MFADevice", 404, "The user has not bound any MFA device."),
    ("EntityNotExist.VirtualMFADevice", 404, "The virtual mfa device does not exist."),
    ("EntityNotExist.User.Group", 404, "The user has not joined the group."),
    ("EntityNotExist.User.Policy", 404, "The indicate policy of the user does not exist."),
    ("EntityNotExist.Group.Policy", 404, "The indicate policy attached to the group does not exist."),
    ("EntityNotExist.Role.Policy", 404, "The indicate policy attached to the role does not exist."),
    ("EntityNotExist.OIDCProvider", 404, "The OIDC provider does not exist."),
    ("EntityAlreadyExists.User", 409, "The user does already EXIST."),
    ("EntityAlreadyExists.Group", 409, "The group does already EXIST."),
    ("EntityAlreadyExists.Role", 409, "The role does already EXIST."),
    // So it is documented.
    ("EntityAlreadyExists.Policy", 409, "The group does already EXIST."),
    ("EntityAlreadyExists.User.Group", 409, "The user has already joined the group."),
    ("EntityAlreadyExists.User.Policy", 409, "The user has already been attached this policy."),
    ("EntityAlreadyExists.Group.Policy", 409, "The group has already been attached this policy."),
    ("EntityAlreadyExists.Role.Policy", 409, "The role has already been attached this policy."),
    ("EntityAlreadyExists.User.LoginProfile", 409, "The user login profile does already EXIST."),
    ("EntityAlreadyExists.User.MFADevice", 409, "The user has already bound a MFA device."),
    ("EntityAlreadyExists.VirtualMFADevice", 409, "The virtual mfa device does already EXIST."),
    ("EntityAlreadyExists.OIDCProvider", 409, "The OIDC provider does already EXIST."),
    ("DeleteConflict.User.Group", 409, "The user CAN NOT be in any group while deleting the user."),
    ("DeleteConflict.User.AccessKey", 409, "The user CAN NOT has any access key while deleting the user."),
    ("DeleteConflict.User.LoginProfile", 409, "The user CAN NOT has any login profile while deleting the user."),
    ("DeleteConflict.User.MFADevice", 409, "The user CAN NOT has any mfa device while deleting the user."),
    ("DeleteConflict.User.Policy", 409, "The user CAN NOT has any attached policy while deleting the user."),
    ("DeleteConflict.Group.User", 409, "The group CAN NOT has any user member while deleting the group."),
    ("DeleteConflict.Group.Policy", 409, "The entity CAN NOT has any attached policy while deleting the group."),
    ("DeleteConflict.Policy.User", 409, "The policy CAN NOT been attached to any user while deleting the policy."),
    ("DeleteConflict.Policy.Group", 409, "The policy CAN NOT been attached to any group while deleting the policy."),
    ("DeleteConflict.Policy.Version", 409, "The policy CAN NOT has any version except the default version."),
    ("DeleteConflict.Policy.Version.Default", 409, "The default policy version CAN NOT been deleted directly."),
    ("DeleteConflict.Role.Policy", 409, "The role CAN NOT has any attached policy while deleting the role."),
    (
        "DeleteConflict.VirtualMFADevice.User",
        409,
        "The virtual mfa device CAN NOT been bound to any user while deleting it.",
    ),
    ("LimitExceeded.User", 409, "The count of users beyond the current limits."),
    ("LimitExceeded.Group", 409, "The count of groups beyond the current limits."),
    ("LimitExceeded.Role", 409, "The count of roles beyond the current limits."),
    ("LimitExceeded.Policy", 409, "The count of policy beyond the current limits."),
    ("LimitExceeded.Policy.Version", 409, "The count of policy version beyond the current limits."),
    ("LimitExceeded.User.AccessKey", 409, "The access key count of the user access keys beyond the current limits."),
    ("LimitExceeded.User.Group", 409, "The count of groups the target user joined beyond the current limits."),
    ("LimitExceeded.User.Policy", 409, "The policy count of the user attached policies beyond the current limits."),
    ("LimitExceeded.Group.Policy", 409, "The policy count of the group beyond the current limits."),
    ("LimitExceeded.Role.Policy", 409, "The count of policies attached to the role beyond the current limits."),
    ("LimitExceeded.OIDCProvider", 409, "The count of OIDC providers beyond the current limits."),
];
