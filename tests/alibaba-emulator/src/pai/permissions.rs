//! What the caller may do in a workspace by its roles there.

use serde_json::{Value, json};

use super::access::{CODES, Rule, rules};
use super::workspaces::id;
use crate::caller::Caller;
use crate::cloud::{Call, Outcome};

fn shown(rules: &[Rule]) -> Vec<Value> {
    let mut seen: Vec<Rule> = Vec::new();
    for rule in rules {
        if !seen.contains(rule) {
            seen.push(*rule);
        }
    }
    let shown = |rule: &Rule| json!({"Accessibility": rule.accessibility, "EntityAccessType": rule.entity});
    seen.iter().map(shown).collect()
}

fn of(call: &Call<'_>, workspace: &str, code: &str) -> Result<Vec<Value>, crate::refusal::Refusal> {
    let workspace = call.cloud.workspace(workspace)?;
    if *call.caller == Caller::Root {
        return Ok(vec![json!({"Accessibility": "ANY", "EntityAccessType": "ANY"})]);
    }
    Ok(shown(&rules(call, workspace, code)))
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    let (id, code) = (id(call)?, call.parameters.required("PermissionCode")?);
    let mut rules = of(call, &id, code)?;
    let own = call.caller.id(call.account());
    if let Some(accessibility) = call.parameters.text("Accessibility") {
        rules.retain(|rule| rule["Accessibility"] == "ANY" || rule["Accessibility"] == accessibility);
    }
    if let Some(creator) = call.parameters.text("Creator") {
        rules.retain(|rule| rule["EntityAccessType"] == "ANY" || creator == own);
    }
    if rules.is_empty() {
        let message = format!("No permission {code} in workspace {id}");
        return Err(super::model::refusal(403, "NoPermissionError", message));
    }
    Ok(json!({"PermissionCode": code, "PermissionRules": rules}))
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    let id = id(call)?;
    let mut permissions = Vec::new();
    for code in CODES {
        let rules = of(call, &id, code)?;
        if !rules.is_empty() {
            permissions.push(json!({"PermissionCode": code, "PermissionRules": rules}));
        }
    }
    Ok(json!({"TotalCount": permissions.len(), "Permissions": permissions}))
}
