//! Users.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::model::{Binned, Tags, User};
use super::{names, pages};
use crate::cloud::{Call, Outcome, iso};
use crate::refusal::Refusal;

/// A user as RAM shows it.
pub fn shown(user: &User) -> Map<String, Value> {
    let value = json!({
        "UserId": user.id, "UserName": user.name, "DisplayName": user.display_name, "MobilePhone": user.mobile,
        "Email": user.email, "Comments": user.comments, "CreateDate": iso(user.created),
    });
    value.as_object().cloned().unwrap_or_default()
}

pub fn with_dates(user: &User) -> Value {
    let mut shown = shown(user);
    shown.insert("UpdateDate".to_owned(), iso(user.updated).into());
    Value::Object(shown)
}

/// What a new user is made of.
pub struct New<'a> {
    pub name: &'a str,
    pub display_name: Option<&'a str>,
    /// The longest that a display name may be.
    pub longest: usize,
    pub tags: Tags,
}

/// Makes a user from the call's parameters; both RAM and IMS do.
pub fn make(call: &mut Call<'_>, new: New<'_>) -> Result<(), Refusal> {
    names::user(new.name, "UserName")?;
    let parameters = call.parameters;
    let display_name = names::text(new.display_name, "DisplayName", new.longest)?;
    let comments = names::text(parameters.text("Comments"), "Comments", 128)?;
    let email = names::email(parameters.text("Email"), "Email")?;
    let mobile = names::mobile(parameters.text("MobilePhone"), "MobilePhone")?;
    if call.cloud.ram.users.contains_key(new.name) {
        return Err(Refusal::known("EntityAlreadyExists.User"));
    }
    call.room(call.cloud.ram.users.len(), "Users", 5000, "LimitExceeded.User")?;
    let (now, seen_from) = (call.now, call.seen_from());
    let name = new.name.to_owned();
    let user = User {
        id: call.cloud.numeric_id('2'),
        display_name: if display_name.is_empty() { name.clone() } else { display_name },
        name: name.clone(),
        mobile,
        email,
        comments,
        created: now,
        updated: now,
        seen_from,
        tags: new.tags,
        keys: Vec::new(),
        login: None,
        mfa: None,
        groups: BTreeMap::new(),
        policies: BTreeMap::new(),
    };
    call.cloud.ram.users.insert(name, user);
    Ok(())
}

/// Gives a user another name; its memberships and attachments are its own and go along.
pub fn rename(call: &mut Call<'_>, old: &str, new: &str) -> Result<(), Refusal> {
    names::user(new, "NewUserName")?;
    if new == old {
        return Ok(());
    }
    if call.cloud.ram.users.contains_key(new) {
        return Err(Refusal::known("EntityAlreadyExists.User"));
    }
    if let Some(mut user) = call.cloud.ram.users.remove(old) {
        new.clone_into(&mut user.name);
        call.cloud.ram.users.insert(new.to_owned(), user);
    }
    for device in call.cloud.ram.devices.values_mut() {
        if let Some((name, _)) = device.user.as_mut().filter(|(name, _)| name == old) {
            new.clone_into(name);
        }
    }
    Ok(())
}

/// Changes what `New…` parameters say.
pub fn change(call: &mut Call<'_>, name: &str, longest: usize) -> Result<(), Refusal> {
    let (parameters, now) = (call.parameters, call.now);
    let sent = |parameter: &str| parameters.sent(parameter);
    let display_name = names::text(sent("NewDisplayName"), "NewDisplayName", longest)?;
    let comments = names::text(sent("NewComments"), "NewComments", 128)?;
    let email = names::email(sent("NewEmail"), "NewEmail")?;
    let mobile = names::mobile(sent("NewMobilePhone"), "NewMobilePhone")?;
    let user = call.cloud.user_mut(name, now)?;
    user.updated = now;
    for (parameter, field, value) in [
        ("NewDisplayName", &mut user.display_name, display_name),
        ("NewComments", &mut user.comments, comments),
        ("NewEmail", &mut user.email, email),
        ("NewMobilePhone", &mut user.mobile, mobile),
    ] {
        if sent(parameter).is_some() {
            *field = value;
        }
    }
    Ok(())
}

/// Deletes a user into the recycle bin, unless something still hangs on it.
pub fn remove(call: &mut Call<'_>, name: &str) -> Result<(), Refusal> {
    let user = call.cloud.user(name, call.now)?;
    let lingers = |kind: &str| call.cloud.lingers(&format!("user/{name}"), kind, call.now);
    let conflicts = [
        ("Group", !user.groups.is_empty()),
        ("AccessKey", !user.keys.is_empty()),
        ("LoginProfile", user.login.is_some()),
        ("MFADevice", user.mfa.is_some()),
        ("Policy", !user.policies.is_empty()),
    ];
    for (kind, holds) in conflicts {
        if holds || lingers(kind) {
            return Err(Refusal::known(&format!("DeleteConflict.User.{kind}")));
        }
    }
    if let Some(user) = call.cloud.ram.users.remove(name) {
        call.cloud.ram.user_bin.push(Binned { what: user, deleted: call.now });
    }
    Ok(())
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let name = call.parameters.required("UserName")?;
    let display_name = call.parameters.text("DisplayName");
    make(call, New { name, display_name, longest: 128, tags: Tags::new() })?;
    Ok(json!({"User": call.cloud.ram.users.get(name).map(shown)}))
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    let user = call.cloud.user(call.parameters.required("UserName")?, call.now)?;
    let mut shown = with_dates(user);
    shown["LastLoginDate"] = "".into();
    Ok(json!({"User": shown}))
}

pub fn update(call: &mut Call<'_>) -> Outcome {
    let name = call.parameters.required("UserName")?;
    change(call, name, 128)?;
    let new = call.parameters.text("NewUserName").unwrap_or(name);
    rename(call, name, new)?;
    Ok(json!({"User": call.cloud.ram.users.get(new).map(with_dates)}))
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let name = call.parameters.required("UserName")?;
    remove(call, name)?;
    Ok(Value::Null)
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    let seen = call.cloud.ram.users.values().filter(|user| user.seen_from <= call.now);
    let users = seen.map(|user| (user.name.clone(), with_dates(user))).collect();
    pages::page(call, "Users", "User", users, 1000, 100)
}
