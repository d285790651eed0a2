//! The recycle bin: users and keys that were deleted, for 30 days.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::principals::principal;
use crate::cloud::{Call, Outcome, iso};
use crate::ram::model::{Binned, BinnedKey, User};
use crate::ram::pages;
use crate::refusal::Refusal;

const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// When it was put there and when it goes for good.
fn dates(deleted: Timestamp) -> (String, String) {
    (iso(deleted), iso(deleted + KEPT))
}

fn shown_user(call: &Call<'_>, user: &Binned<User>) -> Value {
    let (recycled, gone) = dates(user.deleted);
    json!({
        "UserId": user.what.id, "UserPrincipalName": principal(call.cloud, &user.what.name),
        "DisplayName": user.what.display_name, "CreateDate": iso(user.what.created), "RecycleDate": recycled,
        "DeleteDate": gone,
    })
}

fn shown_key(key: &Binned<BinnedKey>) -> Map<String, Value> {
    let (recycled, gone) = dates(key.deleted);
    let value = json!({
        "AccessKeyId": key.what.key.id, "CreateDate": iso(key.what.key.created), "RecycleDate": recycled,
        "DeleteDate": gone,
    });
    value.as_object().cloned().unwrap_or_default()
}

fn user_at(call: &Call<'_>) -> Result<usize, Refusal> {
    let id = call.parameters.required("UserId")?;
    let at = call.cloud.ram.user_bin.iter().position(|user| user.what.id == id);
    at.ok_or_else(|| Refusal::known("EntityNotExist.User"))
}

fn key_at(call: &Call<'_>) -> Result<usize, Refusal> {
    let id = call.parameters.required("UserAccessKeyId")?;
    let user = call.parameters.text("UserId");
    let mut keys = call.cloud.ram.key_bin.iter();
    let at = keys.position(|key| key.what.key.id == id && user.is_none_or(|user| key.what.user_id == user));
    at.ok_or_else(|| Refusal::known("EntityNotExist.User.AccessKey"))
}

pub fn list_users(call: &mut Call<'_>) -> Outcome {
    let filter = call.parameters.text("Filter").unwrap_or_default();
    let named = call.cloud.ram.user_bin.iter().filter(|user| user.what.name.contains(filter));
    let users = named.map(|user| (user.what.id.clone(), shown_user(call, user)));
    let mut users: Vec<_> = users.collect();
    users.sort_by(|left, right| left.0.cmp(&right.0));
    pages::page(call, "Users", "User", users, 1000, 100)
}

pub fn get_user(call: &mut Call<'_>) -> Outcome {
    let at = user_at(call)?;
    Ok(json!({"User": shown_user(call, &call.cloud.ram.user_bin[at])}))
}

pub fn restore_user(call: &mut Call<'_>) -> Outcome {
    let at = user_at(call)?;
    let name = call.cloud.ram.user_bin[at].what.name.clone();
    if call.cloud.ram.users.contains_key(&name) {
        return Err(Refusal::known("EntityAlreadyExists.User"));
    }
    call.room(call.cloud.ram.users.len(), "Users", 5000, "LimitExceeded.User")?;
    let user = call.cloud.ram.user_bin.remove(at).what;
    let id = user.id.clone();
    call.cloud.ram.users.insert(name, user);
    Ok(json!({"UserId": id}))
}

pub fn delete_user(call: &mut Call<'_>) -> Outcome {
    let at = user_at(call)?;
    let user = call.cloud.ram.user_bin.remove(at);
    call.cloud.ram.key_bin.retain(|key| key.what.user_id != user.what.id);
    Ok(Value::Null)
}

pub fn list_keys(call: &mut Call<'_>) -> Outcome {
    let user = call.parameters.text("UserId");
    let name = call.parameters.text("UserPrincipalName").and_then(|principal| principal.split('@').next());
    let of = |key: &&Binned<BinnedKey>| {
        user.is_none_or(|user| key.what.user_id == user) && name.is_none_or(|name| key.what.user_name == name)
    };
    let keys: Vec<_> = call.cloud.ram.key_bin.iter().filter(of).map(shown_key).collect();
    Ok(json!({"AccessKeys": {"AccessKey": keys}}))
}

pub fn get_key(call: &mut Call<'_>) -> Outcome {
    let binned = &call.cloud.ram.key_bin[key_at(call)?];
    let mut shown = shown_key(binned);
    shown.insert("UserId".to_owned(), binned.what.user_id.clone().into());
    let name = principal(call.cloud, &binned.what.user_name);
    shown.insert("UserPrincipalName".to_owned(), name.into());
    let recycled = call.cloud.ram.user_bin.iter().any(|user| user.what.id == binned.what.user_id);
    shown.insert("UserRecycled".to_owned(), recycled.into());
    Ok(json!({"AccessKey": shown}))
}

/// A restored key is disabled.
pub fn restore_key(call: &mut Call<'_>) -> Outcome {
    let at = key_at(call)?;
    let owner = call.cloud.ram.key_bin[at].what.user_id.clone();
    let most = usize::try_from(call.cloud.quota("AccessKeysPerUser", 2)).unwrap_or(2);
    let user = call.cloud.ram.users.values_mut().find(|user| user.id == owner);
    let user = user.ok_or_else(|| Refusal::known("EntityNotExist.User"))?;
    if user.keys.len() >= most {
        return Err(Refusal::known("LimitExceeded.User.AccessKey"));
    }
    let mut key = call.cloud.ram.key_bin.remove(at).what.key;
    key.active = false;
    key.updated = call.now;
    user.keys.push(key);
    Ok(Value::Null)
}

pub fn delete_key(call: &mut Call<'_>) -> Outcome {
    let at = key_at(call)?;
    call.cloud.ram.key_bin.remove(at);
    Ok(Value::Null)
}
