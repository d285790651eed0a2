//! What names and texts may be.

use std::collections::BTreeMap;

use crate::refusal::Refusal;

fn checked(value: &str, parameter: &str, most: usize, allowed: fn(u8) -> bool) -> Result<(), Refusal> {
    if value.is_empty() || value.chars().count() > most {
        return Err(Refusal::length(parameter));
    }
    if value.bytes().all(allowed) { Ok(()) } else { Err(Refusal::chars(parameter)) }
}

pub fn user(value: &str, parameter: &str) -> Result<(), Refusal> {
    checked(value, parameter, 64, |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

pub fn group(value: &str, parameter: &str) -> Result<(), Refusal> {
    user(value, parameter)
}

pub fn policy(value: &str) -> Result<(), Refusal> {
    checked(value, "PolicyName", 128, |byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

pub fn role(value: &str) -> Result<(), Refusal> {
    checked(value, "RoleName", 64, |byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
}

pub fn provider(value: &str) -> Result<(), Refusal> {
    checked(value, "OIDCProviderName", 128, |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))?;
    let ends = [value.as_bytes()[0], value.as_bytes()[value.len() - 1]];
    if ends.iter().all(u8::is_ascii_alphanumeric) { Ok(()) } else { Err(Refusal::chars("OIDCProviderName")) }
}

pub fn text(value: Option<&str>, parameter: &str, most: usize) -> Result<String, Refusal> {
    let value = value.unwrap_or_default();
    if value.chars().count() > most { Err(Refusal::length(parameter)) } else { Ok(value.to_owned()) }
}

pub fn email(value: Option<&str>, parameter: &str) -> Result<String, Refusal> {
    let value = value.unwrap_or_default();
    let fine = value.is_empty()
        || value
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'));
    if fine { Ok(value.to_owned()) } else { Err(Refusal::format(parameter)) }
}

/// `<country>-<number>`, such as `86-18600008888`.
pub fn mobile(value: Option<&str>, parameter: &str) -> Result<String, Refusal> {
    let value = value.unwrap_or_default();
    let fine = value.is_empty()
        || (value.len() >= 5 && value.bytes().all(|byte| byte.is_ascii_digit() || b"-+".contains(&byte)));
    if fine { Ok(value.to_owned()) } else { Err(Refusal::format(parameter)) }
}

/// At most 20, keys of up to 128 characters, values of up to `longest`.
pub fn tags(tags: &BTreeMap<String, String>, longest: usize) -> Result<(), Refusal> {
    if tags.len() > 20 {
        return Err(Refusal::length("Tag"));
    }
    for (key, value) in tags {
        let reserved = |text: &str| text.contains("http://") || text.contains("https://");
        if key.is_empty() || key.chars().count() > 128 || key.starts_with("aliyun") || key.starts_with("acs:") {
            return Err(Refusal::invalid("TagKey"));
        }
        if value.chars().count() > longest || reserved(value) || reserved(key) {
            return Err(Refusal::invalid("TagValue"));
        }
    }
    Ok(())
}
