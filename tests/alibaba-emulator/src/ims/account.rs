//! What holds for the whole account, and how much of it is used.

use serde_json::{Map, Value, json};

use super::principals::domain;
use crate::cloud::{Call, Outcome};
use crate::ram::account::{self, PREFERENCE_IMS};
use crate::refusal::Refusal;

pub fn set_password_policy(call: &mut Call<'_>) -> Outcome {
    account::change_password_policy(call, true)
}

pub fn get_password_policy(call: &mut Call<'_>) -> Outcome {
    Ok(account::password_policy(call, true))
}

pub fn set_preference(call: &mut Call<'_>) -> Outcome {
    account::change_preference(call, PREFERENCE_IMS)
}

pub fn get_preference(call: &mut Call<'_>) -> Outcome {
    Ok(account::preference(call, PREFERENCE_IMS))
}

pub fn set_domain(call: &mut Call<'_>) -> Outcome {
    let name = call.parameters.required("DefaultDomainName")?;
    if !name.contains('.') {
        return Err(Refusal::format("DefaultDomainName"));
    }
    call.cloud.ram.preference.insert("DefaultDomainName".to_owned(), name.into());
    Ok(json!({"DefaultDomainName": name}))
}

pub fn get_domain(call: &mut Call<'_>) -> Outcome {
    Ok(json!({"DefaultDomainName": domain(call.cloud)}))
}

/// Source: RAM's page "Limits"; the last two are not on it.
const QUOTAS: &[(&str, i64)] = &[
    ("Users", 5000),
    ("Groups", 300),
    ("Roles", 1000),
    ("Policies", 1500),
    ("PolicySize", 6144),
    ("VersionsPerPolicy", 5),
    ("GroupsPerUser", 10),
    ("AccessKeysPerUser", 2),
    ("AccountAccessKeysPerAccount", 5),
    ("AttachedPoliciesPerUser", 10),
    ("AttachedPoliciesPerGroup", 10),
    ("AttachedPoliciesPerRole", 10),
    ("AttachedSystemPoliciesPerUser", 20),
    ("AttachedSystemPoliciesPerGroup", 20),
    ("AttachedSystemPoliciesPerRole", 20),
    ("AuthorizedClientPerUser", 100),
    ("VirtualMFADevices", 5000),
    ("ServiceCredentialsPerUserPerService", 2),
    ("ConditionsPerAKPolicy", 8),
    ("IPItemsPerAKPolicy", 50),
];

pub fn summary(call: &mut Call<'_>) -> Outcome {
    let mut map = Map::new();
    for (name, default) in QUOTAS {
        map.insert(format!("{name}Quota"), call.cloud.quota(name, *default).into());
    }
    let ram = &call.cloud.ram;
    let in_use = ram.devices.values().filter(|device| device.user.is_some()).count();
    for (name, count) in [
        ("Users", ram.users.len()),
        ("Groups", ram.groups.len()),
        ("Roles", ram.roles.len()),
        ("Policies", ram.policies.len()),
        ("MFADevices", ram.devices.len()),
        ("MFADevicesInUse", in_use),
    ] {
        map.insert(name.to_owned(), count.into());
    }
    Ok(json!({"SummaryMap": Value::Object(map)}))
}
