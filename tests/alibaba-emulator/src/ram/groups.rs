//! Groups and who is in them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::model::Group;
use super::{names, pages};
use crate::cloud::{Call, Outcome, iso};
use crate::refusal::Refusal;

pub fn shown(group: &Group) -> Value {
    json!({
        "GroupId": group.id, "GroupName": group.name, "DisplayName": group.display_name, "Comments": group.comments,
        "CreateDate": iso(group.created), "UpdateDate": iso(group.updated),
    })
}

/// The members of a group and when they joined.
pub fn members<'a>(call: &'a Call<'_>, group: &'a str) -> impl Iterator<Item = (&'a super::model::User, Timestamp)> {
    let users = call.cloud.ram.users.values();
    users.filter_map(move |user| user.groups.get(group).map(|joined| (user, *joined)))
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let name = call.parameters.required("GroupName")?;
    names::group(name, "GroupName")?;
    let comments = names::text(call.parameters.text("Comments"), "Comments", 128)?;
    let display_name = names::text(call.parameters.text("DisplayName"), "DisplayName", 128)?;
    if call.cloud.ram.groups.contains_key(name) {
        return Err(Refusal::known("EntityAlreadyExists.Group"));
    }
    call.room(call.cloud.ram.groups.len(), "Groups", 300, "LimitExceeded.Group")?;
    let (now, seen_from) = (call.now, call.seen_from());
    let group = Group {
        id: format!("g-{}", call.cloud.numeric_id('1')),
        name: name.to_owned(),
        display_name,
        comments,
        created: now,
        updated: now,
        seen_from,
        policies: BTreeMap::new(),
    };
    let answer = json!({"Group": shown(&group)});
    call.cloud.ram.groups.insert(name.to_owned(), group);
    Ok(answer)
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    Ok(json!({"Group": shown(call.cloud.group(call.parameters.required("GroupName")?, call.now)?)}))
}

pub fn update(call: &mut Call<'_>) -> Outcome {
    let (parameters, now) = (call.parameters, call.now);
    let name = parameters.required("GroupName")?;
    let comments = names::text(parameters.sent("NewComments"), "NewComments", 128)?;
    let display_name = names::text(parameters.sent("NewDisplayName"), "NewDisplayName", 128)?;
    call.cloud.group(name, now)?;
    let new = parameters.text("NewGroupName").unwrap_or(name);
    names::group(new, "NewGroupName")?;
    if new != name && call.cloud.ram.groups.contains_key(new) {
        return Err(Refusal::known("EntityAlreadyExists.Group"));
    }
    let Some(mut group) = call.cloud.ram.groups.remove(name) else {
        return Err(Refusal::known("EntityNotExist.Group"));
    };
    if parameters.sent("NewComments").is_some() {
        group.comments = comments;
    }
    if parameters.sent("NewDisplayName").is_some() {
        group.display_name = display_name;
    }
    group.updated = now;
    new.clone_into(&mut group.name);
    for user in call.cloud.ram.users.values_mut() {
        if let Some(joined) = user.groups.remove(name) {
            user.groups.insert(new.to_owned(), joined);
        }
    }
    let answer = json!({"Group": shown(&group)});
    call.cloud.ram.groups.insert(new.to_owned(), group);
    Ok(answer)
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let name = call.parameters.required("GroupName")?;
    let group = call.cloud.group(name, call.now)?;
    let lingers = |kind: &str| call.cloud.lingers(&format!("group/{name}"), kind, call.now);
    if members(call, name).next().is_some() || lingers("User") {
        return Err(Refusal::known("DeleteConflict.Group.User"));
    }
    if !group.policies.is_empty() || lingers("Policy") {
        return Err(Refusal::known("DeleteConflict.Group.Policy"));
    }
    call.cloud.ram.groups.remove(name);
    Ok(Value::Null)
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    let seen = call.cloud.ram.groups.values().filter(|group| group.seen_from <= call.now);
    let groups = seen.map(|group| (group.name.clone(), shown(group))).collect();
    pages::page(call, "Groups", "Group", groups, 100, 100)
}

pub fn join(call: &mut Call<'_>, user: &str, group: &str) -> Outcome {
    let now = call.now;
    let count = call.cloud.user(user, now)?.groups.len();
    call.cloud.group(group, now)?;
    if call.cloud.user(user, now)?.groups.contains_key(group) {
        return Err(Refusal::known("EntityAlreadyExists.User.Group"));
    }
    call.room(count, "GroupsPerUser", 10, "LimitExceeded.User.Group")?;
    call.cloud.user_mut(user, now)?.groups.insert(group.to_owned(), now);
    Ok(Value::Null)
}

pub fn leave(call: &mut Call<'_>, user: &str, group: &str) -> Outcome {
    let now = call.now;
    call.cloud.user(user, now)?;
    call.cloud.group(group, now)?;
    if call.cloud.user_mut(user, now)?.groups.remove(group).is_none() {
        return Err(Refusal::known("EntityNotExist.User.Group"));
    }
    call.cloud.linger(&format!("user/{user}"), "Group", now);
    call.cloud.linger(&format!("group/{group}"), "User", now);
    Ok(Value::Null)
}

pub fn add_user(call: &mut Call<'_>) -> Outcome {
    let (user, group) = (call.parameters.required("UserName")?, call.parameters.required("GroupName")?);
    join(call, user, group)
}

pub fn remove_user(call: &mut Call<'_>) -> Outcome {
    let (user, group) = (call.parameters.required("UserName")?, call.parameters.required("GroupName")?);
    leave(call, user, group)
}

/// The groups of a user, not paged.
pub fn of_user(call: &Call<'_>, user: &str) -> Outcome {
    let user = call.cloud.user(user, call.now)?;
    let joined = |(name, joined): (&String, &Timestamp)| {
        let group = call.cloud.ram.groups.get(name)?;
        Some(json!({
            "GroupId": group.id, "GroupName": name, "DisplayName": group.display_name, "Comments": group.comments,
            "JoinDate": iso(*joined),
        }))
    };
    Ok(json!({"Groups": {"Group": user.groups.iter().filter_map(joined).collect::<Vec<_>>()}}))
}

pub fn list_for_user(call: &mut Call<'_>) -> Outcome {
    of_user(call, call.parameters.required("UserName")?)
}

pub fn list_users(call: &mut Call<'_>) -> Outcome {
    let name = call.parameters.required("GroupName")?;
    call.cloud.group(name, call.now)?;
    let shown = members(call, name).map(|(user, joined)| {
        let value = json!({"UserName": user.name, "DisplayName": user.display_name, "JoinDate": iso(joined)});
        (user.name.clone(), value)
    });
    let members = shown.collect();
    pages::page(call, "Users", "User", members, 1000, 100)
}
