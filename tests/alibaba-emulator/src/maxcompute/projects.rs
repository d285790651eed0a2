//! Projects.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::model::Project;
use super::{data, illegal, require};
use crate::cloud::{Call, Outcome};
use crate::parameters::plain;
use crate::refusal::Refusal;

/// The project in the call's path; it exists and the caller may do this in it.
pub fn named(call: &Call<'_>, action: &str) -> Result<String, Refusal> {
    let name = call.parameters.required("Project")?.to_owned();
    require(call, action, &name)?;
    if !call.cloud.maxcompute.projects.contains_key(&name) {
        return Err(Refusal::new(403, "ProjectNotExist", format!("The project {name} does not exist.")));
    }
    Ok(name)
}

pub fn project<'a>(call: &'a mut Call<'_>, name: &str) -> Result<&'a mut Project, Refusal> {
    call.cloud.maxcompute.projects.get_mut(name).ok_or_else(super::not_there)
}

fn shown(project: &Project) -> Value {
    json!({
        "name": project.name, "owner": project.owner, "comment": project.comment, "type": "managed",
        "status": "AVAILABLE", "regionId": "cn-hangzhou", "defaultQuota": project.quota,
        "createdTime": project.created.as_millisecond(), "properties": project.properties, "superAdmins": [],
        "ipWhiteList": {"ipList": project.ip_white_list, "vpcIpList": ""}, "threeTierModel": false,
        "productType": "payasyougo",
    })
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let name = plain(&call.body["name"]);
    require(call, "CreateProject", "*")?;
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !(3..=28).contains(&name.len()) || !name.as_bytes()[0].is_ascii_alphabetic() || !name.bytes().all(word) {
        return Err(illegal(format!("The project name {name:?} is invalid.")));
    }
    if call.cloud.maxcompute.projects.contains_key(&name) {
        return Err(illegal(format!("The project {name} already exists.")));
    }
    let owner = call.cloud.odps_user(call.caller);
    let project = Project {
        name: name.clone(),
        users: BTreeSet::from([owner.clone()]),
        owner,
        comment: plain(&call.body["comment"]),
        quota: plain(&call.body["defaultQuota"]),
        properties: call.body["properties"].clone(),
        created: call.now,
        roles: BTreeMap::from([
            ("admin".to_owned(), Default::default()),
            ("super_administrator".to_owned(), Default::default()),
        ]),
        tenant_roles: BTreeSet::new(),
        ip_white_list: String::new(),
    };
    call.cloud.maxcompute.projects.insert(name, project);
    Ok(data("success"))
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    let name = named(call, "GetProject")?;
    Ok(data(shown(project(call, &name)?)))
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let name = named(call, "DeleteProject")?;
    call.cloud.maxcompute.projects.remove(&name);
    Ok(data("success"))
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    require(call, "ListProjects", "*")?;
    let parameters = call.parameters;
    let size = parameters.number("maxItem")?.unwrap_or(10).clamp(1, 100);
    let size = usize::try_from(size).unwrap_or(10).min(call.cloud.settings.page.max(1));
    let prefix = parameters.text("prefix").unwrap_or_default();
    let after = match parameters.text("marker") {
        None => String::new(),
        Some(marker) => BASE64
            .decode(marker.as_bytes())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| illegal("marker is invalid"))?,
    };
    let names = call.cloud.maxcompute.projects.values();
    let names = names.filter(|project| project.name.starts_with(prefix) && project.name > after);
    let found: Vec<&Project> = names.take(size + 1).collect();
    let next = (found.len() > size).then(|| BASE64.encode(found[size - 1].name.as_bytes()));
    let page: Vec<_> = found.into_iter().take(size).map(shown).collect();
    let mut answer = json!({"projects": page, "maxItem": size});
    if let Some(next) = next {
        answer["NextToken"] = next.clone().into();
        answer["marker"] = next.into();
    }
    Ok(data(answer))
}

pub fn users(call: &mut Call<'_>) -> Outcome {
    let name = named(call, "ListProjectUsers")?;
    let users: Vec<_> = project(call, &name)?.users.iter().map(|user| json!({"name": user})).collect();
    Ok(data(json!({"users": users})))
}

pub fn update_meta(call: &mut Call<'_>) -> Outcome {
    let name = named(call, "UpdateProjectBasicMeta")?;
    let (comment, properties) = (call.body["comment"].clone(), call.body["properties"].clone());
    let project = project(call, &name)?;
    if !comment.is_null() {
        project.comment = plain(&comment);
    }
    if !properties.is_null() {
        project.properties = properties;
    }
    Ok(data("success"))
}

pub fn update_quota(call: &mut Call<'_>) -> Outcome {
    let name = named(call, "UpdateProjectDefaultQuota")?;
    let quota = call.parameters.text("quota").ok_or_else(|| illegal("quota is missing"))?.to_owned();
    project(call, &name)?.quota = quota;
    Ok(data("success"))
}

pub fn update_white_list(call: &mut Call<'_>) -> Outcome {
    let name = named(call, "UpdateProjectIpWhiteList")?;
    let list = plain(&call.body["ipWhiteList"]["ipList"]);
    project(call, &name)?.ip_white_list = list;
    Ok(data("success"))
}

pub fn trusted(call: &mut Call<'_>) -> Outcome {
    named(call, "GetTrustedProjects")?;
    Ok(data(json!([])))
}

pub fn quotas(call: &mut Call<'_>) -> Outcome {
    require(call, "ListQuotas", "*")?;
    Ok(json!({"quotaInfoList": [], "data": {"quotaInfoList": []}, "maxItem": 10}))
}
