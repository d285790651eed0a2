//! Tags of users.

use serde_json::{Value, json};

use super::principals::name_in;
use crate::cloud::{Call, Outcome};
use crate::ram::tags::{carries, put, slice};
use crate::refusal::Refusal;

/// The users that `ResourceId.N` and `ResourcePrincipalName.N` name.
fn users(call: &Call<'_>) -> Result<Vec<String>, Refusal> {
    if call.parameters.required("ResourceType")? != "user" {
        return Err(Refusal::invalid("ResourceType"));
    }
    let mut names = Vec::new();
    for id in call.parameters.list("ResourceId") {
        let user = call.cloud.ram.users.values().find(|user| user.id == id);
        names.push(user.ok_or_else(|| Refusal::known("EntityNotExist.User"))?.name.clone());
    }
    for principal in call.parameters.list("ResourcePrincipalName") {
        let name = name_in(call.cloud, &principal)?;
        names.push(call.cloud.user(&name, call.now)?.name.clone());
    }
    if names.len() > 50 { Err(Refusal::length("ResourceId")) } else { Ok(names) }
}

fn required(call: &Call<'_>) -> Result<Vec<String>, Refusal> {
    let users = users(call)?;
    if users.is_empty() { Err(Refusal::missing("ResourceId")) } else { Ok(users) }
}

pub fn tag(call: &mut Call<'_>) -> Outcome {
    let (names, tags, now) = (required(call)?, call.parameters.tags()?, call.now);
    if tags.is_empty() {
        return Err(Refusal::missing("Tag"));
    }
    for name in &names {
        put(&mut call.cloud.user_mut(name, now)?.tags, &tags, 128)?;
    }
    Ok(Value::Null)
}

pub fn untag(call: &mut Call<'_>) -> Outcome {
    let (names, now) = (required(call)?, call.now);
    let (keys, all) = (call.parameters.list("TagKey"), call.parameters.boolean("All")?.unwrap_or(false));
    for name in &names {
        call.cloud.user_mut(name, now)?.tags.retain(|key, _| !all && !keys.contains(key));
    }
    Ok(Value::Null)
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    let (wanted, filter) = (users(call)?, call.parameters.tags()?);
    let mut rows = Vec::new();
    for user in call.cloud.ram.users.values() {
        if (wanted.is_empty() || wanted.contains(&user.name)) && carries(&user.tags, &filter) {
            rows.extend(user.tags.iter().map(
                |(key, value)| json!({"ResourceType": "user", "ResourceId": user.id, "TagKey": key, "TagValue": value}),
            ));
        }
    }
    let (rows, next) = slice(call, rows)?;
    let mut answer = json!({"TagResources": {"TagResource": rows}, "IsTruncated": next.is_some()});
    if let Some(next) = next {
        answer["NextToken"] = next.into();
    }
    Ok(answer)
}
