//! Tags of roles and policies; users' are IMS's.

use serde_json::{Value, json};

use super::model::Tags;
use super::names;
use crate::cloud::{Call, Outcome};
use crate::refusal::Refusal;

/// Whether tags hold all that a filter asks; a filter's empty value means any.
pub fn carries(tags: &Tags, filter: &Tags) -> bool {
    filter.iter().all(|(key, value)| tags.get(key).is_some_and(|own| value.is_empty() || own == value))
}

fn kind<'a>(call: &'a Call<'_>) -> Result<&'a str, Refusal> {
    match call.parameters.required("ResourceType")? {
        kind @ ("role" | "policy") => Ok(kind),
        _ => Err(Refusal::invalid("ResourceType")),
    }
}

fn of<'a>(call: &'a mut Call<'_>, kind: &str, name: &str) -> Result<&'a mut Tags, Refusal> {
    let now = call.now;
    match kind {
        "role" => Ok(&mut call.cloud.role_mut(name, now)?.tags),
        _ => Ok(&mut call.cloud.policy_mut(name, now)?.tags),
    }
}

fn resources(call: &Call<'_>) -> Result<Vec<String>, Refusal> {
    let names = call.parameters.list("ResourceNames");
    match names.len() {
        0 => Err(Refusal::missing("ResourceNames")),
        1..=50 => Ok(names),
        _ => Err(Refusal::length("ResourceNames")),
    }
}

/// Puts tags on what already has some.
pub fn put(own: &mut Tags, more: &Tags, longest: usize) -> Result<(), Refusal> {
    let mut all = own.clone();
    all.extend(more.clone());
    names::tags(&all, longest)?;
    *own = all;
    Ok(())
}

pub fn tag(call: &mut Call<'_>) -> Outcome {
    let (kind, names) = (kind(call)?.to_owned(), resources(call)?);
    let tags = call.parameters.tags()?;
    if tags.is_empty() {
        return Err(Refusal::missing("Tag"));
    }
    for name in &names {
        of(call, &kind, name)?;
    }
    for name in &names {
        put(of(call, &kind, name)?, &tags, 256)?;
    }
    Ok(Value::Null)
}

pub fn untag(call: &mut Call<'_>) -> Outcome {
    let (kind, names) = (kind(call)?.to_owned(), resources(call)?);
    let (keys, all) = (call.parameters.list("TagKeys"), call.parameters.boolean("All")?.unwrap_or(false));
    for name in &names {
        let tags = of(call, &kind, name)?;
        tags.retain(|key, _| !all && !keys.contains(key));
    }
    Ok(Value::Null)
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    let kind = kind(call)?.to_owned();
    let wanted = call.parameters.list("ResourceNames");
    let filter = call.parameters.tags()?;
    let ram = &call.cloud.ram;
    let all: Vec<(&String, &Tags)> = match kind.as_str() {
        "role" => ram.roles.values().map(|role| (&role.name, &role.tags)).collect(),
        _ => ram.policies.values().map(|policy| (&policy.name, &policy.tags)).collect(),
    };
    let mut rows = Vec::new();
    for (name, tags) in all {
        if (wanted.is_empty() || wanted.contains(name)) && carries(tags, &filter) {
            rows.extend(tags.iter().map(
                |(key, value)| json!({"ResourceType": kind, "ResourceName": name, "TagKey": key, "TagValue": value}),
            ));
        }
    }
    let (rows, next) = slice(call, rows)?;
    let mut answer = json!({"TagResources": rows});
    if let Some(next) = next {
        answer["NextToken"] = next.into();
    }
    Ok(answer)
}

/// The rows that `NextToken` and `PageSize` ask for, and the next token.
pub fn slice(call: &Call<'_>, rows: Vec<Value>) -> Result<(Vec<Value>, Option<String>), Refusal> {
    let size = call.parameters.number("PageSize")?.unwrap_or(100);
    if !(1..=100).contains(&size) {
        return Err(Refusal::range("PageSize", 1, 100));
    }
    let size = usize::try_from(size).unwrap_or(1).min(call.cloud.settings.page.max(1));
    let start: usize = match call.parameters.text("NextToken") {
        None => 0,
        Some(token) => token.parse().map_err(|_| Refusal::invalid("NextToken"))?,
    };
    let next = (rows.len() > start + size).then(|| (start + size).to_string());
    Ok((rows.into_iter().skip(start).take(size).collect(), next))
}
