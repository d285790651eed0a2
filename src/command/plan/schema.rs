//! Whether an object is as its CustomResourceDefinition says, as the API server would judge it under strict validation:
//! unknown fields, types, limits, patterns, and rules.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use regex_lite::Regex;
use serde_json::Value;

use super::cel;

/// The value with the defaults that the API server fills in; a field without a value gets its default, too.
pub fn with_defaults(schema: &JSONSchemaProps, value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields = fields.clone();
            for (name, schema) in schema.properties.iter().flatten() {
                let given = fields.get(name).filter(|value| !value.is_null());
                let default = schema.default.as_ref().map(|default| &default.0);
                if let Some(value) = given.or(default).map(|value| with_defaults(schema, value)) {
                    fields.insert(name.clone(), value);
                }
            }
            if let Some(JSONSchemaPropsOrBool::Schema(each)) = &schema.additional_properties {
                fields.values_mut().for_each(|value| *value = with_defaults(each, value));
            }
            Value::Object(fields)
        }
        Value::Array(items) => match &schema.items {
            Some(JSONSchemaPropsOrArray::Schema(each)) => items.iter().map(|item| with_defaults(each, item)).collect(),
            _ => value.clone(),
        },
        other => other.clone(),
    }
}

/// Notes which rules a value breaks, or with `old` which rules about changes.
pub fn check_rules(
    schema: &JSONSchemaProps,
    value: &Value,
    old: Option<&Value>,
    path: &str,
    problems: &mut Vec<String>,
) {
    for rule in schema.x_kubernetes_validations.iter().flatten() {
        let judged = cel::is_about_change(&rule.rule) == old.is_some();
        if judged && cel::holds(&rule.rule, value, old) == Ok(false) {
            let field = rule.field_path.as_deref().unwrap_or_default();
            let path = format!("{path}{field}");
            let path = if path.is_empty() { String::new() } else { format!("{}: ", path.trim_start_matches('.')) };
            problems.push(format!("{path}{}", rule.message.as_ref().unwrap_or(&rule.rule)));
        }
    }
    let at = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    if let Some(fields) = value.as_object() {
        for (name, value) in fields {
            let known = schema.properties.as_ref().and_then(|properties| properties.get(name));
            let any = match &schema.additional_properties {
                Some(JSONSchemaPropsOrBool::Schema(schema)) => Some(schema.as_ref()),
                _ => None,
            };
            let before = old.map(|old| old.get(name));
            match (known.or(any), before) {
                // What was not there before has not changed.
                (None, _) | (_, Some(None)) => {}
                (Some(schema), before) => check_rules(schema, value, before.flatten(), &at(name), problems),
            }
        }
    }
    // Items of a list have no past: they are not the same by their place.
    if let (Some(items), Some(JSONSchemaPropsOrArray::Schema(each)), None) = (value.as_array(), &schema.items, old) {
        for (index, item) in items.iter().enumerate() {
            check_rules(each, item, None, &format!("{path}[{index}]"), problems);
        }
    }
}

/// Notes all that is wrong with `value`, each with its path.
pub fn check(schema: &JSONSchemaProps, value: &Value, path: &str, problems: &mut Vec<String>) {
    let mut problem = |what: String| problems.push(format!("{path}: {what}"));
    if schema.x_kubernetes_int_or_string == Some(true) {
        match value {
            Value::Number(number) if number.is_i64() => {}
            Value::String(text) => matches_pattern(schema, text, &mut problem),
            other => problem(format!("{} where a number or a text is expected", kind_of(other))),
        }
        return;
    }
    match (schema.type_.as_deref(), value) {
        (Some("object"), Value::Object(_)) => check_object(schema, value, path, problems),
        (Some("array"), Value::Array(_)) => check_array(schema, value, path, problems),
        (Some("string"), Value::String(text)) => check_text(schema, text, &mut problem),
        (Some("boolean"), Value::Bool(_)) | (None, _) => {}
        (Some("integer"), Value::Number(number)) if number.is_i64() || number.is_u64() => {
            check_number(schema, number.as_f64().unwrap_or_default(), &mut problem);
        }
        (Some("number"), Value::Number(number)) => {
            check_number(schema, number.as_f64().unwrap_or_default(), &mut problem);
        }
        (Some(_), Value::Null) => problem("it has no value: give it one, or leave it out".to_owned()),
        (Some(expected), other) => problem(format!("{} where {} is expected", kind_of(other), article(expected))),
    }
}

fn check_object(schema: &JSONSchemaProps, value: &Value, path: &str, problems: &mut Vec<String>) {
    let Some(fields) = value.as_object() else { return };
    let at = |field: &str| if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") };
    for name in schema.required.iter().flatten().filter(|name| !fields.contains_key(*name)) {
        problems.push(format!("{}: it is required", at(name)));
    }
    if let Some(max) = schema.max_properties.filter(|max| count(fields.len()) > *max) {
        problems.push(format!("{path}: {} entries, and at most {max} may be", fields.len()));
    }
    if let Some(min) = schema.min_properties.filter(|min| count(fields.len()) < *min) {
        problems.push(format!("{path}: {} entries, and at least {min} must be", fields.len()));
    }
    for (name, value) in fields {
        let known = schema.properties.as_ref().and_then(|properties| properties.get(name));
        let any = match &schema.additional_properties {
            Some(JSONSchemaPropsOrBool::Schema(schema)) => Some(schema.as_ref()),
            _ => None,
        };
        match known.or(any) {
            Some(schema) => check(schema, value, &at(name), problems),
            None => {
                let known: Vec<&str> = schema.properties.iter().flatten().map(|(name, _)| name.as_str()).collect();
                problems.push(format!("{}: there is no such field; there are {}", at(name), known.join(", ")));
            }
        }
    }
}

fn check_array(schema: &JSONSchemaProps, value: &Value, path: &str, problems: &mut Vec<String>) {
    let Some(items) = value.as_array() else { return };
    if let Some(max) = schema.max_items.filter(|max| count(items.len()) > *max) {
        problems.push(format!("{path}: {} items, and at most {max} may be", items.len()));
    }
    if let Some(min) = schema.min_items.filter(|min| count(items.len()) < *min) {
        problems.push(format!("{path}: {} items, and at least {min} must be", items.len()));
    }
    if let Some(JSONSchemaPropsOrArray::Schema(each)) = &schema.items {
        for (index, item) in items.iter().enumerate() {
            check(each, item, &format!("{path}[{index}]"), problems);
        }
    }
    let keys = schema.x_kubernetes_list_map_keys.iter().flatten();
    let identity = |item: &Value| match schema.x_kubernetes_list_type.as_deref() {
        Some("set") => Some(item.to_string()),
        Some("map") => Some(keys.clone().map(|key| item[key].to_string()).collect::<Vec<_>>().join("/")),
        _ => None,
    };
    for (index, item) in items.iter().enumerate() {
        let same = |other: &Value| identity(item).is_some_and(|own| identity(other) == Some(own));
        if items.iter().take(index).any(same) {
            problems.push(format!("{path}[{index}]: it is there twice"));
        }
    }
}

fn check_text(schema: &JSONSchemaProps, text: &str, problem: &mut impl FnMut(String)) {
    let length = count(text.chars().count());
    if let Some(max) = schema.max_length.filter(|max| length > *max) {
        problem(format!("{length} characters, and at most {max} may be"));
    }
    if let Some(min) = schema.min_length.filter(|min| length < *min) {
        problem(format!("{length} characters, and at least {min} must be"));
    }
    if let Some(allowed) = &schema.enum_
        && !allowed.iter().any(|it| it.0 == *text)
    {
        let allowed: Vec<String> =
            allowed.iter().map(|it| it.0.as_str().map_or_else(|| it.0.to_string(), str::to_owned)).collect();
        problem(format!("{text:?} is none of {}", allowed.join(", ")));
    }
    if schema.format.as_deref() == Some("date-time") && text.parse::<jiff::Timestamp>().is_err() {
        problem(format!("{text:?} is no time such as 2027-01-01T00:00:00Z"));
        return;
    }
    matches_pattern(schema, text, problem);
}

fn matches_pattern(schema: &JSONSchemaProps, text: &str, problem: &mut impl FnMut(String)) {
    let Some(pattern) = &schema.pattern else { return };
    // A pattern that cannot be read here is left to the API server.
    if Regex::new(pattern).is_ok_and(|regex| !regex.is_match(text)) {
        problem(format!("{text:?} does not match {pattern}"));
    }
}

fn check_number(schema: &JSONSchemaProps, number: f64, problem: &mut impl FnMut(String)) {
    if let Some(max) = schema.maximum.filter(|max| number > *max) {
        problem(format!("{number} is more than {max}"));
    }
    if let Some(min) = schema.minimum.filter(|min| number < *min) {
        problem(format!("{number} is less than {min}"));
    }
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "fields",
    }
}

fn article(kind: &str) -> &'static str {
    match kind {
        "object" => "an object with fields",
        "array" => "a list",
        "string" => "a text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use serde_json::json;

    use super::*;
    use crate::api;

    fn schema(kind: &str) -> JSONSchemaProps {
        let crd = api::crds().into_iter().find(|crd| crd.spec.names.kind == kind).unwrap();
        crd.spec.versions[0].schema.clone().unwrap().open_api_v3_schema.unwrap()
    }

    fn problems(kind: &str, spec: Value) -> Vec<String> {
        let mut problems = Vec::new();
        check(&schema(kind).properties.unwrap()["spec"], &spec, "spec", &mut problems);
        problems
    }

    #[test]
    fn what_is_as_it_should_be_has_no_problems() {
        let statement = json!({"effect": "Allow", "actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::x/$(tenant)/${aws:username}"],
            "conditions": {"StringLike": {"s3:prefix": ["a"]}}});
        assert_eq!(problems("TenantRole", json!({"tenant": "acme", "aws": {"statements": [statement]}})), [""; 0]);
        let namespace = json!({"name": "acme", "quota": {"pods": 10, "requests.cpu": "2000m"}});
        assert_eq!(problems("Tenant", json!({"namespaces": [namespace]})), [""; 0]);
        let user = json!({"tenant": "acme", "expiresAt": "2027-01-01T00:00:00Z", "accessKey": {}});
        assert_eq!(problems("TenantUser", user), [""; 0]);
    }

    #[test]
    fn all_that_is_wrong_is_told_with_its_path() {
        for (kind, spec, expected) in [
            ("TenantUser", json!({"tenant": "acme", "role": []}), "spec.role: there is no such field; there are "),
            ("TenantUser", json!({}), "spec.tenant: it is required"),
            ("TenantUser", json!({"tenant": "Acme"}), "spec.tenant: \"Acme\" does not match ^[a-z0-9]"),
            (
                "TenantUser",
                json!({"tenant": "acme", "suspended": "no"}),
                "spec.suspended: a text where true or false is expected",
            ),
            ("TenantUser", json!({"tenant": "acme", "console": null}), "spec.console: it has no value"),
            ("TenantUser", json!({"tenant": "acme", "roles": ["a", "a"]}), "spec.roles[1]: it is there twice"),
            ("TenantUser", json!({"tenant": "acme", "expiresAt": "2027-02-30T00:00:00Z"}), "is no time"),
            (
                "TenantRole",
                json!({"tenant": "acme", "aws": {"statements": [{"effect": "Permit"}]}}),
                "spec.aws.statements[0].effect: \"Permit\" is none of Allow, Deny",
            ),
            (
                "Tenant",
                json!({"namespaces": [{"name": "a", "quota": {"pods": "many"}}]}),
                "spec.namespaces[0].quota.pods: \"many\" does not match",
            ),
            ("Tenant", json!({"accounts": {}}), "spec.accounts: fields where a list is expected"),
            ("Tenant", json!({"limits": {"users": -1}}), "spec.limits.users: -1 is less than 0"),
        ] {
            let problems = problems(kind, spec);
            assert!(problems.len() == 1 && problems[0].contains(expected), "{expected}: {problems:?}");
        }
    }

    #[test]
    fn what_may_not_change_is_compared() {
        let change = |old: Value, new: Value| {
            let mut problems = Vec::new();
            check_rules(&schema("TenantUser").properties.unwrap()["spec"], &new, Some(&old), "spec", &mut problems);
            problems
        };
        assert_eq!(change(json!({"tenant": "a"}), json!({"tenant": "a", "suspended": true})), [""; 0]);
        assert!(change(json!({"tenant": "a"}), json!({"tenant": "b"}))[0].starts_with("spec.tenant: immutable"));
        assert!(change(json!({"tenant": "a"}), json!({"tenant": "a", "userName": "x"}))[0].contains("spec.userName"));
        assert_eq!(change(json!({"tenant": "a"}), json!({"tenant": "a", "userName": ""})), [""; 0]);
    }

    /// The cases that the API server is asked in `tests/it/admission.rs`: here the answer is the same.
    #[test]
    fn the_answers_are_those_of_the_api_server() {
        #[derive(serde::Deserialize)]
        struct Cases {
            kind: String,
            base: Value,
            good: Vec<Case>,
            bad: Vec<Case>,
            changes: Vec<Change>,
        }
        #[derive(serde::Deserialize)]
        struct Case {
            #[serde(default)]
            name: Option<String>,
            set: Value,
        }
        #[derive(serde::Deserialize)]
        struct Change {
            #[serde(default)]
            from: Value,
            to: Value,
            #[serde(default)]
            refused: Option<String>,
        }
        fn merged(value: &Value, patch: &Value) -> Value {
            let Value::Object(patch) = patch else { return patch.clone() };
            let mut fields = value.as_object().cloned().unwrap_or_default();
            for (key, change) in patch {
                match fields.remove(key) {
                    _ if change.is_null() => {}
                    old => drop(fields.insert(key.clone(), merged(&old.unwrap_or_default(), change))),
                }
            }
            Value::Object(fields)
        }
        let judged = |schema: &JSONSchemaProps, name: &str, spec: &Value| {
            let object = with_defaults(schema, &json!({"metadata": {"name": name}, "spec": spec}));
            let mut problems = Vec::new();
            check(&schema.properties.as_ref().unwrap()["spec"], &object["spec"], "spec", &mut problems);
            if problems.is_empty() {
                check_rules(schema, &object, None, "", &mut problems);
            }
            (object, problems)
        };
        let (mut wrong, mut count) = (Vec::new(), 0);
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/admission");
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let cases: Cases = serde_saphyr::from_str(&text).unwrap();
            let schema = schema(&cases.kind);
            let both = cases.good.iter().map(|it| (it, true)).chain(cases.bad.iter().map(|it| (it, false)));
            for (case, good) in both {
                let name = case.name.as_deref().unwrap_or("acme");
                let (_, problems) = judged(&schema, name, &merged(&cases.base, &case.set));
                count += 1;
                if problems.is_empty() != good {
                    wrong.push(format!("{} {name} {}: good is {good}, {problems:?}", cases.kind, case.set));
                }
            }
            for change in &cases.changes {
                let from = if change.from.is_null() { cases.base.clone() } else { merged(&cases.base, &change.from) };
                let (old, _) = judged(&schema, "acme", &from);
                let (new, mut problems) = judged(&schema, "acme", &merged(&from, &change.to));
                if problems.is_empty() {
                    check_rules(&schema, &new, Some(&old), "", &mut problems);
                }
                count += 1;
                if problems.is_empty() != change.refused.is_none() {
                    wrong.push(format!("{} {from} → {}: {problems:?}", cases.kind, change.to));
                }
            }
        }
        assert!(wrong.is_empty() && count > 100, "{count} cases:\n{}", wrong.join("\n"));
    }

    #[test]
    fn every_pattern_and_every_rule_of_our_kinds_can_be_read() {
        fn walk(schema: &JSONSchemaProps, patterns: &mut Vec<String>, rules: &mut Vec<String>) {
            patterns.extend(schema.pattern.clone());
            rules.extend(schema.x_kubernetes_validations.iter().flatten().map(|rule| rule.rule.clone()));
            schema.properties.iter().flat_map(|it| it.values()).for_each(|it| walk(it, patterns, rules));
            if let Some(JSONSchemaPropsOrArray::Schema(each)) = &schema.items {
                walk(each, patterns, rules);
            }
            if let Some(JSONSchemaPropsOrBool::Schema(each)) = &schema.additional_properties {
                walk(each, patterns, rules);
            }
        }
        let (mut patterns, mut rules) = (Vec::new(), Vec::new());
        for crd in api::crds() {
            walk(&schema(&crd.spec.names.kind), &mut patterns, &mut rules);
        }
        assert!(patterns.len() > 20 && rules.len() > 20);
        for pattern in patterns {
            assert!(Regex::new(&pattern).is_ok(), "{pattern}");
        }
        for rule in rules {
            assert!(cel::is_understood(&rule), "{rule}");
        }
    }
}
