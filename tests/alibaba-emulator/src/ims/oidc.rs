//! OIDC providers: whose tokens roles may trust.

use serde_json::{Value, json};

use crate::cloud::{Call, Outcome, iso};
use crate::ram::model::OidcProvider;
use crate::ram::{names, pages};
use crate::refusal::Refusal;

pub fn arn(account: &str, name: &str) -> String {
    format!("acs:ram::{account}:oidc-provider/{name}")
}

fn shown(provider: &OidcProvider, account: &str) -> Value {
    json!({
        "OIDCProviderName": provider.name, "Arn": arn(account, &provider.name), "Description": provider.description,
        "IssuerUrl": provider.issuer, "ClientIds": provider.clients.join(","),
        "Fingerprints": provider.fingerprints.join(","), "IssuanceLimitTime": provider.hours,
        "CreateDate": iso(provider.created), "UpdateDate": iso(provider.updated),
        "GmtCreate": provider.created.as_millisecond().to_string(),
        "GmtModified": provider.updated.as_millisecond().to_string(),
    })
}

fn short(items: Vec<String>, parameter: &str, most: usize) -> Result<Vec<String>, Refusal> {
    if items.len() > most || items.iter().any(|item| item.is_empty() || item.len() > 128) {
        return Err(Refusal::length(parameter));
    }
    Ok(items)
}

fn hours(call: &Call<'_>) -> Result<Option<i64>, Refusal> {
    let hours = call.parameters.number("IssuanceLimitTime")?;
    match hours.filter(|hours| !(1..=168).contains(hours)) {
        Some(_) => Err(Refusal::range("IssuanceLimitTime", 1, 168)),
        None => Ok(hours),
    }
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let (parameters, now) = (call.parameters, call.now);
    let name = parameters.required("OIDCProviderName")?;
    names::provider(name)?;
    let issuer = parameters.required("IssuerUrl")?;
    // A test's issuer on the loopback may speak plain HTTP.
    let local = issuer.starts_with("http://127.0.0.1") || issuer.starts_with("http://localhost");
    if issuer.len() > 255 || !(issuer.starts_with("https://") || local) || issuer.contains(['?', '#', '@']) {
        return Err(Refusal::format("IssuerUrl"));
    }
    if parameters.text("ClientIds").is_none() {
        return Err(Refusal::missing("ClientIds"));
    }
    let provider = OidcProvider {
        name: name.to_owned(),
        description: names::text(parameters.text("Description"), "Description", 256)?,
        issuer: issuer.to_owned(),
        clients: short(parameters.list("ClientIds"), "ClientIds", 50)?,
        fingerprints: short(parameters.list("Fingerprints"), "Fingerprints", 5)?,
        hours: hours(call)?.unwrap_or(12),
        created: now,
        updated: now,
    };
    let providers = &call.cloud.ram.providers;
    if providers.contains_key(name) || providers.values().any(|other| other.issuer == issuer) {
        return Err(Refusal::known("EntityAlreadyExists.OIDCProvider"));
    }
    call.room(providers.len(), "OIDCProviders", 100, "LimitExceeded.OIDCProvider")?;
    let answer = json!({"OIDCProvider": shown(&provider, call.account())});
    call.cloud.ram.providers.insert(name.to_owned(), provider);
    Ok(answer)
}

fn changed(call: &mut Call<'_>, change: impl FnOnce(&mut OidcProvider)) -> Outcome {
    let (name, now) = (call.parameters.required("OIDCProviderName")?, call.now);
    let account = call.account().to_owned();
    let provider = call.cloud.ram.providers.get_mut(name);
    let provider = provider.ok_or_else(|| Refusal::known("EntityNotExist.OIDCProvider"))?;
    change(provider);
    provider.updated = now;
    Ok(json!({"OIDCProvider": shown(provider, &account)}))
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    let provider = call.cloud.ram.providers.get(call.parameters.required("OIDCProviderName")?);
    let provider = provider.ok_or_else(|| Refusal::known("EntityNotExist.OIDCProvider"))?;
    Ok(json!({"OIDCProvider": shown(provider, call.account())}))
}

pub fn update(call: &mut Call<'_>) -> Outcome {
    let parameters = call.parameters;
    let description = names::text(parameters.sent("NewDescription"), "NewDescription", 256)?;
    let (clients, hours) = (short(parameters.list("ClientIds"), "ClientIds", 50)?, hours(call)?);
    changed(call, |provider| {
        if parameters.sent("NewDescription").is_some() {
            provider.description = description;
        }
        if !clients.is_empty() {
            provider.clients = clients;
        }
        provider.hours = hours.unwrap_or(provider.hours);
    })
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    match call.cloud.ram.providers.remove(call.parameters.required("OIDCProviderName")?) {
        Some(_) => Ok(Value::Null),
        None => Err(Refusal::known("EntityNotExist.OIDCProvider")),
    }
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    let all = call.cloud.ram.providers.values();
    let all = all.map(|provider| (provider.name.clone(), shown(provider, call.account()))).collect();
    pages::page(call, "OIDCProviders", "OIDCProvider", all, 100, 100)
}

pub fn add_client(call: &mut Call<'_>) -> Outcome {
    let client = call.parameters.required("ClientId")?.to_owned();
    changed(call, |provider| {
        if !provider.clients.contains(&client) {
            provider.clients.push(client);
        }
    })
}

pub fn remove_client(call: &mut Call<'_>) -> Outcome {
    let client = call.parameters.required("ClientId")?;
    changed(call, |provider| provider.clients.retain(|other| other != client))
}

pub fn add_fingerprint(call: &mut Call<'_>) -> Outcome {
    let fingerprint = call.parameters.required("Fingerprint")?.to_owned();
    changed(call, |provider| {
        if !provider.fingerprints.contains(&fingerprint) {
            provider.fingerprints.push(fingerprint);
        }
    })
}

pub fn remove_fingerprint(call: &mut Call<'_>) -> Outcome {
    let fingerprint = call.parameters.required("Fingerprint")?;
    changed(call, |provider| provider.fingerprints.retain(|other| other != fingerprint))
}
