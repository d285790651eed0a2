//! Groups, their members by principal name.

use serde_json::json;

use super::principals::{named, principal};
use crate::cloud::{Call, Outcome, iso};
use crate::ram::{groups, pages};

pub use crate::ram::groups::{create, delete, get, list, update};

pub fn add_user(call: &mut Call<'_>) -> Outcome {
    let name = named(call)?;
    groups::join(call, &name, call.parameters.required("GroupName")?)
}

pub fn remove_user(call: &mut Call<'_>) -> Outcome {
    let name = named(call)?;
    groups::leave(call, &name, call.parameters.required("GroupName")?)
}

pub fn list_for_user(call: &mut Call<'_>) -> Outcome {
    let name = named(call)?;
    groups::of_user(call, &name)
}

pub fn list_users(call: &mut Call<'_>) -> Outcome {
    let group = call.parameters.required("GroupName")?;
    call.cloud.group(group, call.now)?;
    let members = groups::members(call, group).map(|(user, joined)| {
        let value = json!({
            "UserId": user.id, "UserPrincipalName": principal(call.cloud, &user.name), "DisplayName": user.display_name,
            "JoinDate": iso(joined),
        });
        (user.name.clone(), value)
    });
    let members = members.collect();
    pages::page(call, "Users", "User", members, 100, 100)
}
