//! Users by principal name.

use serde_json::{Value, json};

use super::principals::{name_in, principal, user};
use crate::cloud::{Call, Cloud, Outcome, iso};
use crate::ram::model::User;
use crate::ram::{names, pages, policies, tags, users};
use crate::refusal::Refusal;

fn shown(cloud: &Cloud, user: &User) -> Value {
    json!({
        "UserId": user.id, "UserName": user.name, "UserPrincipalName": principal(cloud, &user.name),
        "DisplayName": user.display_name, "MobilePhone": user.mobile, "Email": user.email, "Comments": user.comments,
        "CreateDate": iso(user.created), "UpdateDate": iso(user.updated), "LastLoginDate": "", "ProvisionType": "Manual",
        "Status": "active", "Tags": policies::tags(&user.tags),
    })
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let parameters = call.parameters;
    let name = name_in(call.cloud, parameters.required("UserPrincipalName")?)?;
    let display_name = Some(parameters.required("DisplayName")?);
    let tags = parameters.tags()?;
    names::tags(&tags, 128)?;
    users::make(call, users::New { name: &name, display_name, longest: 24, tags })?;
    Ok(json!({"User": call.cloud.ram.users.get(&name).map(|user| shown(call.cloud, user))}))
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    let name = user(call, &["UserPrincipalName", "UserId", "UserAccessKeyId"])?;
    Ok(json!({"User": shown(call.cloud, call.cloud.user(&name, call.now)?)}))
}

pub fn update(call: &mut Call<'_>) -> Outcome {
    let mut name = user(call, &["UserPrincipalName", "UserId"])?;
    users::change(call, &name, 24)?;
    if let Some(new) = call.parameters.text("NewUserPrincipalName") {
        let new = name_in(call.cloud, new)?;
        users::rename(call, &name, &new)?;
        name = new;
    }
    Ok(json!({"User": call.cloud.ram.users.get(&name).map(|user| shown(call.cloud, user))}))
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let name = user(call, &["UserPrincipalName", "UserId"])?;
    users::remove(call, &name)?;
    Ok(Value::Null)
}

fn all(call: &Call<'_>) -> Result<Vec<(String, Value)>, Refusal> {
    let filter = call.parameters.tags()?;
    let users = call.cloud.ram.users.values().filter(|user| user.seen_from <= call.now);
    let users = users.filter(|user| tags::carries(&user.tags, &filter));
    Ok(users.map(|user| (user.name.clone(), shown(call.cloud, user))).collect())
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    pages::page(call, "Users", "User", all(call)?, 1000, 1000)
}

pub fn list_basic(call: &mut Call<'_>) -> Outcome {
    let light = |(key, user): (String, Value)| {
        let fields = ["DisplayName", "Status", "UserId", "UserPrincipalName"];
        (key, fields.iter().map(|field| ((*field).to_owned(), user[*field].clone())).collect::<Value>())
    };
    let users = all(call)?.into_iter().map(light).collect();
    pages::page(call, "UserBasicInfos", "UserBasicInfo", users, 1000, 1000)
}
