//! Access keys.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::model::{Binned, BinnedKey, Key};
use super::resources::user_name;
use crate::caller::Caller;
use crate::cloud::{Call, Outcome, iso, random};
use crate::refusal::Refusal;

pub fn status(key: &Key) -> &'static str {
    if key.active { "Active" } else { "Inactive" }
}

/// The user of a call: named, or the one that calls. A key named alone is searched with all users for the account
/// itself and for roles, and with its own for a user.
pub fn owner(call: &Call<'_>) -> Result<String, Refusal> {
    let by_key = call.parameters.text("UserAccessKeyId").is_some();
    match user_name(call) {
        Some(name) => call.cloud.user(&name, call.now).map(|user| user.name.clone()),
        None if by_key => Err(Refusal::known("EntityNotExist.User.AccessKey")),
        None if *call.caller == Caller::Root => Err(Refusal::missing("UserName")),
        None => Err(Refusal::known("EntityNotExist.User")),
    }
}

fn key_mut<'a>(call: &'a mut Call<'_>, owner: &str) -> Result<&'a mut Key, Refusal> {
    let (id, now) = (call.parameters.required("UserAccessKeyId")?.to_owned(), call.now);
    let user = call.cloud.user_mut(owner, now)?;
    let key = user.keys.iter_mut().find(|key| key.id == id);
    key.ok_or_else(|| Refusal::known("EntityNotExist.User.AccessKey"))
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let owner = owner(call)?;
    let (now, seen_from) = (call.now, call.seen_from());
    let count = call.cloud.user(&owner, now)?.keys.len();
    call.room(count, "AccessKeysPerUser", 2, "LimitExceeded.User.AccessKey")?;
    let key = Key {
        id: format!("LTAI5t{}", random(18)),
        secret: random(30),
        active: true,
        created: now,
        updated: now,
        seen_from,
        used: None,
    };
    let answer = json!({"AccessKey": {
        "AccessKeyId": key.id, "AccessKeySecret": key.secret, "Status": "Active", "CreateDate": iso(now),
    }});
    call.cloud.user_mut(&owner, now)?.keys.push(key);
    Ok(answer)
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    let owner = owner(call)?;
    let user = call.cloud.user(&owner, call.now)?;
    let shown = |key: &Key| {
        json!({
            "AccessKeyId": key.id, "Status": status(key), "CreateDate": iso(key.created), "UpdateDate": iso(key.updated),
        })
    };
    Ok(json!({"AccessKeys": {"AccessKey": user.keys.iter().map(shown).collect::<Vec<_>>()}}))
}

pub fn update(call: &mut Call<'_>) -> Outcome {
    let active = match call.parameters.required("Status")? {
        "Active" => true,
        "Inactive" => false,
        _ => return Err(Refusal::invalid("Status")),
    };
    let (owner, now) = (owner(call)?, call.now);
    let key = key_mut(call, &owner)?;
    key.active = active;
    key.updated = now;
    Ok(Value::Null)
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let (owner, now) = (owner(call)?, call.now);
    let id = key_mut(call, &owner)?.id.clone();
    let user = call.cloud.user_mut(&owner, now)?;
    let (user_id, user_name) = (user.id.clone(), user.name.clone());
    if let Some(at) = user.keys.iter().position(|key| key.id == id) {
        let key = user.keys.remove(at);
        call.cloud.ram.key_bin.push(Binned { what: BinnedKey { key, user_id, user_name }, deleted: now });
    }
    call.cloud.linger(&format!("user/{owner}"), "AccessKey", now);
    Ok(Value::Null)
}

pub fn last_used(call: &mut Call<'_>) -> Outcome {
    let owner = owner(call)?;
    let used: Option<Timestamp> = key_mut(call, &owner)?.used;
    Ok(json!({"AccessKeyLastUsed": {
        "LastUsedDate": used.map(iso).unwrap_or_default(), "ServiceName": used.map_or("", |_| "Ram"),
    }}))
}
