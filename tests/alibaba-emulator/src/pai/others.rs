//! Resources, settings, quotas and products of workspaces.

use serde_json::{Value, json};

use super::access::require;
use super::model::refusal;
use super::workspaces::{id, numbered};
use crate::cloud::{Call, Outcome, iso_millis};
use crate::parameters::plain;

pub fn create_resource(call: &mut Call<'_>) -> Outcome {
    let (workspace, now) = (id(call)?, call.now);
    call.cloud.workspace(&workspace)?;
    require(call, &workspace, &["PaiWorkspace:CreateWorkspaceResource"], None)?;
    let mut made = Vec::new();
    for item in call.body["Resources"].as_array().cloned().unwrap_or_default() {
        let mut resource = item;
        let id = format!("Resource-{}", call.cloud.counted());
        resource["Id"] = id.clone().into();
        resource["WorkspaceId"] = workspace.clone().into();
        resource["GmtCreateTime"] = iso_millis(now).into();
        call.cloud.workspace_mut(&workspace)?.resources.push(resource);
        made.push(json!({"Id": id}));
    }
    Ok(json!({"TotalCount": made.len(), "Resources": made}))
}

pub fn list_resources(call: &mut Call<'_>) -> Outcome {
    let workspace = id(call)?;
    let found = call.cloud.workspace(&workspace)?;
    require(call, &workspace, &["PaiWorkspace:ListResources"], None)?;
    let group = call.parameters.text("GroupName");
    let wanted = |resource: &&Value| group.is_none_or(|group| resource["GroupName"] == group);
    let resources: Vec<_> = found.resources.iter().filter(wanted).cloned().collect();
    let total = resources.len();
    Ok(json!({"Resources": numbered(call, resources)?, "TotalCount": total}))
}

pub fn list_quotas(_: &mut Call<'_>) -> Outcome {
    Ok(json!({"Quotas": [], "TotalCount": 0}))
}

pub fn list_products(call: &mut Call<'_>) -> Outcome {
    let shown = |code: String| {
        json!({
            "ProductCode": code, "ProductId": code, "IsPurchased": true, "HasPermissionToPurchase": true,
            "PurchaseUrl": "",
        })
    };
    let services: Vec<_> = call.parameters.list("ServiceCodes");
    let services = services.into_iter().map(|code| json!({"ServiceCode": code, "IsOpen": true, "OpenUrl": ""}));
    let products = call.parameters.list("ProductCodes").into_iter().map(shown);
    Ok(json!({"Products": products.collect::<Vec<_>>(), "Services": services.collect::<Vec<_>>()}))
}

pub fn update_configs(call: &mut Call<'_>) -> Outcome {
    let (workspace, now) = (id(call)?, call.now);
    call.cloud.workspace(&workspace)?;
    require(call, &workspace, &["PaiWorkspace:UpdateConfigs"], None)?;
    for mut config in call.body["Configs"].as_array().cloned().unwrap_or_default() {
        let key = plain(&config["ConfigKey"]);
        config["ConfigId"] = format!("config-{}", call.cloud.counted()).into();
        config["GmtCreateTime"] = iso_millis(now).into();
        config["GmtModifiedTime"] = iso_millis(now).into();
        call.cloud.workspace_mut(&workspace)?.configs.insert(key, config);
    }
    Ok(Value::Null)
}

pub fn list_configs(call: &mut Call<'_>) -> Outcome {
    let workspace = id(call)?;
    let found = call.cloud.workspace(&workspace)?;
    require(call, &workspace, &["PaiWorkspace:ListConfigs"], None)?;
    let keys = call.parameters.list("ConfigKeys");
    let configs = found.configs.iter().filter(|(key, _)| keys.is_empty() || keys.contains(key));
    let configs: Vec<_> = configs.map(|(_, config)| config.clone()).collect();
    Ok(json!({"TotalCount": configs.len(), "Configs": configs}))
}

pub fn delete_config(call: &mut Call<'_>) -> Outcome {
    let (workspace, key) = (id(call)?, call.parameters.required("ConfigKey")?);
    call.cloud.workspace(&workspace)?;
    require(call, &workspace, &["PaiWorkspace:DeleteConfig"], None)?;
    match call.cloud.workspace_mut(&workspace)?.configs.remove(key) {
        Some(_) => Ok(Value::Null),
        None => Err(refusal(404, "100700021", "Config not exists")),
    }
}
