//! What holds for the whole account: password policy, security preference, alias.

use data_encoding::BASE64;
use serde_json::{Map, Value, json};

use crate::cloud::{Call, Outcome};
use crate::refusal::Refusal;

/// The kind, the default and the range of a setting.
#[derive(Clone, Copy)]
pub enum Setting {
    Flag(bool),
    Number(i64, i64, i64),
    Text(&'static str),
    List(&'static str),
}

impl Setting {
    fn default(self) -> Value {
        match self {
            Self::Flag(value) => value.into(),
            Self::Number(value, ..) => value.into(),
            Self::Text(value) => value.into(),
            Self::List(value) => json!(value.split(',').collect::<Vec<_>>()),
        }
    }

    fn read(self, call: &Call<'_>, name: &str) -> Result<Option<Value>, Refusal> {
        Ok(match self {
            Self::Flag(_) => call.parameters.boolean(name)?.map(Value::from),
            Self::Number(_, low, high) => match call.parameters.number(name)? {
                Some(number) if !(low..=high).contains(&number) => return Err(Refusal::range(name, low, high)),
                number => number.map(Value::from),
            },
            Self::Text(_) => call.parameters.sent(name).map(Value::from),
            Self::List(_) => call.parameters.text(name).map(|_| json!(call.parameters.list(name))),
        })
    }
}

use Setting::{Flag, List, Number, Text};

/// Of the password policy, by RAM's names.
const PASSWORD: &[(&str, Setting)] = &[
    ("MinimumPasswordLength", Number(8, 8, 32)),
    ("RequireLowercaseCharacters", Flag(false)),
    ("RequireUppercaseCharacters", Flag(false)),
    ("RequireNumbers", Flag(false)),
    ("RequireSymbols", Flag(false)),
    ("HardExpiry", Flag(false)),
    ("MaxPasswordAge", Number(0, 0, 1095)),
    ("PasswordReusePrevention", Number(0, 0, 24)),
    ("MaxLoginAttemps", Number(5, 0, 32)),
];

/// What IMS has beside.
const PASSWORD_MORE: &[(&str, Setting)] = &[
    ("MinimumPasswordDifferentCharacter", Number(0, 0, 8)),
    ("PasswordNotContainUserName", Flag(false)),
    ("InitialPasswordAge", Number(14, 0, 90)),
    ("InterceptRiskPasswordOnApi", Flag(false)),
];

/// Of the security preference, with the group in which it is shown.
pub const PREFERENCE: &[(&str, &str, Setting)] = &[
    ("LoginProfilePreference", "EnableSaveMFATicket", Flag(false)),
    ("LoginProfilePreference", "AllowUserToChangePassword", Flag(true)),
    ("LoginProfilePreference", "LoginSessionDuration", Number(6, 1, 24)),
    ("LoginProfilePreference", "LoginNetworkMasks", Text("")),
    ("AccessKeyPreference", "AllowUserToManageAccessKeys", Flag(false)),
    ("MFAPreference", "AllowUserToManageMFADevices", Flag(true)),
    ("PublicKeyPreference", "AllowUserToManagePublicKeys", Flag(false)),
];

/// The same for IMS, which has no public keys and more of the rest.
pub const PREFERENCE_IMS: &[(&str, &str, Setting)] = &[
    ("LoginProfilePreference", "EnableSaveMFATicket", Flag(false)),
    ("LoginProfilePreference", "AllowUserToChangePassword", Flag(true)),
    ("LoginProfilePreference", "LoginSessionDuration", Number(6, 1, 24)),
    ("LoginProfilePreference", "LoginNetworkMasks", Text("")),
    ("LoginProfilePreference", "MFAOperationForLogin", Text("independent")),
    ("LoginProfilePreference", "OperationForRiskLogin", Text("autonomous")),
    ("LoginProfilePreference", "AllowUserToLoginWithPasskey", Flag(true)),
    ("AccessKeyPreference", "AllowUserToManageAccessKeys", Flag(false)),
    ("AccessKeyPreference", "AllowUserToManageServiceCredentials", Flag(false)),
    ("MFAPreference", "AllowUserToManageMFADevices", Flag(true)),
    ("PersonalInfoPreference", "AllowUserToManagePersonalDingTalk", Flag(true)),
    ("VerificationPreference", "VerificationTypes", List("sms,email")),
    ("MaxIdleDays", "MaxIdleDaysForUsers", Number(730, 90, 730)),
    ("MaxIdleDays", "MaxIdleDaysForAccessKeys", Number(730, 90, 730)),
];

/// IMS calls one of the fields by another name.
fn field(name: &str, ims: bool) -> &str {
    if ims && name == "HardExpiry" { "HardExpire" } else { name }
}

fn settings(ims: bool) -> impl Iterator<Item = &'static (&'static str, Setting)> {
    PASSWORD.iter().chain(if ims { PASSWORD_MORE } else { &[] })
}

pub fn password_policy(call: &Call<'_>, ims: bool) -> Value {
    let mut shown = Map::new();
    for (name, setting) in settings(ims) {
        let value = call.cloud.ram.password_policy.get(*name).cloned().unwrap_or_else(|| setting.default());
        shown.insert(field(name, ims).to_owned(), value);
    }
    json!({"PasswordPolicy": shown})
}

/// Sets what was sent and gives all.
pub fn change_password_policy(call: &mut Call<'_>, ims: bool) -> Outcome {
    let mut sent = Vec::new();
    for (name, setting) in settings(ims) {
        if let Some(value) = setting.read(call, field(name, ims))? {
            sent.push(((*name).to_owned(), value));
        }
    }
    call.cloud.ram.password_policy.extend(sent);
    Ok(password_policy(call, ims))
}

pub fn preference(call: &Call<'_>, fields: &[(&str, &str, Setting)]) -> Value {
    let mut shown = json!({});
    for (group, name, setting) in fields {
        let value = call.cloud.ram.preference.get(*name).cloned().unwrap_or_else(|| setting.default());
        shown[*group][*name] = value;
    }
    json!({"SecurityPreference": shown})
}

pub fn change_preference(call: &mut Call<'_>, fields: &[(&str, &str, Setting)]) -> Outcome {
    let mut sent = Vec::new();
    for (_, name, setting) in fields {
        if let Some(value) = setting.read(call, name)? {
            sent.push(((*name).to_owned(), value));
        }
    }
    call.cloud.ram.preference.extend(sent);
    Ok(preference(call, fields))
}

/// Fails for a password that the account's policy does not allow.
pub fn check_password(call: &Call<'_>, user: &str, password: &str) -> Result<(), Refusal> {
    let policy = password_policy(call, true);
    let policy = &policy["PasswordPolicy"];
    let wanted = |name: &str| policy[name].as_bool().unwrap_or(false);
    let length = password.chars().count() as i64;
    let class = |name: &str, has: bool| has || !wanted(name);
    let fine = length >= policy["MinimumPasswordLength"].as_i64().unwrap_or(8)
        && length <= 32
        && class("RequireLowercaseCharacters", password.chars().any(|c| c.is_ascii_lowercase()))
        && class("RequireUppercaseCharacters", password.chars().any(|c| c.is_ascii_uppercase()))
        && class("RequireNumbers", password.chars().any(|c| c.is_ascii_digit()))
        && class("RequireSymbols", password.chars().any(|c| c.is_ascii_punctuation()))
        && !(wanted("PasswordNotContainUserName") && password.contains(user));
    if fine { Ok(()) } else { Err(Refusal::known("InvalidParameter.Password.TooWeak")) }
}

pub fn set_password_policy(call: &mut Call<'_>) -> Outcome {
    change_password_policy(call, false)
}

pub fn get_password_policy(call: &mut Call<'_>) -> Outcome {
    Ok(password_policy(call, false))
}

pub fn set_preference(call: &mut Call<'_>) -> Outcome {
    change_preference(call, PREFERENCE)
}

pub fn get_preference(call: &mut Call<'_>) -> Outcome {
    Ok(preference(call, PREFERENCE))
}

pub fn set_alias(call: &mut Call<'_>) -> Outcome {
    let alias = call.parameters.required("AccountAlias")?;
    if !(3..=63).contains(&alias.len()) {
        return Err(Refusal::known("InvalidParameter.AccountAlias.Length"));
    }
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !alias.bytes().all(word) || alias.starts_with('-') || alias.ends_with('-') || alias.contains("--") {
        return Err(Refusal::chars("AccountAlias"));
    }
    call.cloud.ram.alias = Some(alias.to_owned());
    Ok(Value::Null)
}

pub fn get_alias(call: &mut Call<'_>) -> Outcome {
    let alias = call.cloud.ram.alias.clone();
    Ok(json!({"AccountAlias": alias.unwrap_or_else(|| call.account().to_owned())}))
}

pub fn clear_alias(call: &mut Call<'_>) -> Outcome {
    call.cloud.ram.alias = None;
    Ok(Value::Null)
}

pub fn decode_message(call: &mut Call<'_>) -> Outcome {
    let text = call.parameters.required("EncodedDiagnosticMessage")?;
    let decoded = BASE64.decode(text.as_bytes()).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let decoded = decoded.ok_or_else(|| Refusal::invalid("EncodedDiagnosticMessage"))?;
    Ok(json!({"DecodedDiagnosticMessage": decoded}))
}
