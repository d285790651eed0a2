//! Documents of files → our kinds, checked as the API server would; what else is in files is counted and passed over.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::files::Document;
use super::schema::{check, check_rules, with_defaults};
use crate::api;
use crate::cluster::{Overlay, Replaced};

/// Longest name of a namespace.
const NAMESPACE_MAX: usize = 63;

/// A manifest of ours, or a Namespace, with its place.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Where it stands.
    pub place: String,
    /// `TenantUser acme/alice`, as people name it.
    pub name: String,
    /// What it is in URLs.
    pub plural: String,
    /// It, with its namespace.
    pub value: Value,
}

/// What files hold.
#[derive(Debug, Default)]
pub struct Manifests {
    /// All that counts.
    pub placed: Vec<Placed>,
    /// As it is laid over the cluster.
    pub overlay: Overlay,
    /// Kinds that were passed over, with how often.
    pub others: BTreeMap<String, usize>,
}

/// The definitions of our kinds by kind.
fn definitions() -> BTreeMap<String, (String, bool, JSONSchemaProps)> {
    let of = |crd: k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition| {
        let schema = crd.spec.versions.into_iter().next()?.schema?.open_api_v3_schema?;
        Some((crd.spec.names.kind, (crd.spec.names.plural, crd.spec.scope == "Namespaced", schema)))
    };
    api::crds().into_iter().filter_map(of).collect()
}

/// Sorts documents by kind and checks them; all that is wrong is told at once. Manifests that name no namespace are in
/// `namespace`.
pub fn sort(documents: Vec<Document>, namespace: &str) -> Result<Manifests, Vec<String>> {
    let definitions = definitions();
    let mut manifests = Manifests::default();
    let mut problems = Vec::new();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for Document { place, mut value } in documents {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (version, kind) = (text("/apiVersion"), text("/kind"));
        if version.is_empty() || kind.is_empty() {
            problems.push(format!("{place}: it has no apiVersion or no kind: is it a Kubernetes manifest?"));
            continue;
        }
        let ours = version == api::GROUP || version.starts_with(&format!("{}/", api::GROUP));
        let is_namespace = version == "v1" && kind == "Namespace";
        if !ours && !is_namespace {
            *manifests.others.entry(kind).or_default() += 1;
            continue;
        }
        if ours && version != format!("{}/{}", api::GROUP, api::VERSION) {
            problems.push(format!("{place}: apiVersion {version} is not known: use {}/{}", api::GROUP, api::VERSION));
            continue;
        }
        let definition = definitions.get(&kind);
        if ours && definition.is_none() {
            let known: Vec<&str> = definitions.keys().map(String::as_str).collect();
            problems.push(format!("{place}: there is no kind {kind}; there are {}", known.join(", ")));
            continue;
        }
        let namespaced = definition.is_some_and(|(_, namespaced, _)| *namespaced);
        if !value["metadata"].is_object() {
            problems.push(format!("{place}: it has no metadata"));
            continue;
        }
        if namespaced && text("/metadata/namespace").is_empty() {
            value["metadata"]["namespace"] = Value::from(namespace);
        }
        let name = name_of(&kind, &value, namespaced);
        let place = format!("{place}, {name}");
        if let Some(first) = seen.insert(name.clone(), place.clone()) {
            problems.push(format!("{place}: it is in the files twice, first in {first}"));
            continue;
        }
        let before = problems.len();
        let mut found = Vec::new();
        check_meta(&value["metadata"], is_namespace, &mut found);
        let mut whole = value.clone();
        if let Some((_, _, schema)) = definition {
            if let Some(spec) = whole.get_mut("spec") {
                *spec = with_defaults(spec_of(schema), spec);
            }
            check_ours(schema, &whole, &mut found);
        }
        problems.extend(found.into_iter().map(|problem| format!("{place}: {problem}")));
        if problems.len() > before {
            continue;
        }
        if let Err(problem) = take(&mut manifests.overlay, &kind, &whole) {
            problems.push(format!("{place}: {problem}"));
        }
        let plural = definition.map_or_else(|| "namespaces".to_owned(), |(plural, ..)| plural.clone());
        manifests.placed.push(Placed { place, name, plural, value });
    }
    if problems.is_empty() { Ok(manifests) } else { Err(problems) }
}

fn name_of(kind: &str, value: &Value, namespaced: bool) -> String {
    let text = |key: &str| value["metadata"][key].as_str().unwrap_or_default();
    if namespaced {
        format!("{kind} {}/{}", text("namespace"), text("name"))
    } else {
        format!("{kind} {}", text("name"))
    }
}

/// What the API server asks of all objects.
fn check_meta(metadata: &Value, is_namespace: bool, problems: &mut Vec<String>) {
    let name = metadata["name"].as_str().unwrap_or_default();
    if name.is_empty() {
        problems.push("metadata.name: it is required".to_owned());
    } else if !is_label(name) || (is_namespace && name.len() > NAMESPACE_MAX) {
        let what = "lower case letters, digits and '-', neither first nor last, at most 63 characters";
        problems.push(format!("metadata.name: {name:?} is no DNS label: {what}"));
    }
    if let Some(namespace) = metadata["namespace"].as_str().filter(|namespace| !is_label(namespace)) {
        problems.push(format!("metadata.namespace: {namespace:?} is no DNS label"));
    }
    for key in ["labels", "annotations"] {
        let Some(texts) = metadata.get(key) else { continue };
        let Some(texts) = texts.as_object() else {
            problems.push(format!("metadata.{key}: texts by key are expected"));
            continue;
        };
        for (name, _) in texts.iter().filter(|(_, value)| !value.is_string()) {
            problems.push(format!("metadata.{key}.{name}: a text is expected; put it in quotes"));
        }
    }
    if problems.is_empty()
        && let Err(error) = serde_json::from_value::<ObjectMeta>(metadata.clone())
    {
        problems.push(format!("metadata: {error}"));
    }
}

fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= NAMESPACE_MAX && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// The part that users write.
fn spec_of(schema: &JSONSchemaProps) -> &JSONSchemaProps {
    schema.properties.as_ref().and_then(|properties| properties.get("spec")).unwrap_or(schema)
}

/// What the definition asks of one of ours. `status` is not the file's to say, and the API server drops it.
fn check_ours(schema: &JSONSchemaProps, value: &Value, problems: &mut Vec<String>) {
    const TOP: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
    let nothing = Map::new();
    let fields = value.as_object().unwrap_or(&nothing);
    for name in fields.keys().filter(|name| !TOP.contains(&name.as_str())) {
        problems.push(format!("{name}: there is no such field; there are {}", TOP.join(", ")));
    }
    match fields.get("spec") {
        Some(spec) => check(spec_of(schema), spec, "spec", problems),
        None => problems.push("spec: it is required".to_owned()),
    }
    // Rules are only asked of what is well formed.
    if problems.is_empty() {
        check_rules(schema, value, None, "", problems);
    }
}

fn take(overlay: &mut Overlay, kind: &str, value: &Value) -> Result<(), String> {
    fn read<K: DeserializeOwned>(value: &Value) -> Result<K, String> {
        let mut value = value.clone();
        if let Some(fields) = value.as_object_mut() {
            fields.remove("status");
        }
        serde_json::from_value(value).map_err(|error| error.to_string())
    }
    match kind {
        "CloudAccount" => overlay.accounts.push(read(value)?),
        "Tenant" => overlay.tenants.push(read(value)?),
        "TenantRole" => overlay.roles.push(read(value)?),
        "TenantUser" => overlay.users.push(read(value)?),
        "TenantNotebook" => overlay.notebooks.push(read(value)?),
        _ => overlay.namespaces.push(read(&value["metadata"])?),
    }
    Ok(())
}

/// What files change and may not: told with the places of the files.
pub fn forbidden_changes(placed: &[Placed], replaced: &[Replaced]) -> Vec<String> {
    let definitions = definitions();
    let mut problems = Vec::new();
    for change in replaced {
        let name = change.manifest.to_string();
        let Some((_, _, schema)) = definitions.get(change.manifest.kind.as_str()) else { continue };
        let place = placed.iter().find(|it| it.name == name).map_or(name.as_str(), |it| it.place.as_str());
        let mut found = Vec::new();
        let whole = |spec: &Value| json!({"spec": with_defaults(spec_of(schema), spec)});
        check_rules(schema, &whole(&change.after), Some(&whole(&change.before)), "", &mut found);
        problems.extend(found.into_iter().map(|problem| format!("{place}: {problem}")));
    }
    problems
}

/// The namespaces that files make.
pub fn namespaces(overlay: &Overlay) -> BTreeSet<String> {
    overlay.namespaces.iter().filter_map(|it| it.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn documents(yaml: &str) -> Vec<Document> {
        let found: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap();
        found
            .into_iter()
            .enumerate()
            .map(|(at, value)| Document { place: format!("f.yaml, document {}", at + 1), value })
            .collect()
    }

    #[test]
    fn our_kinds_are_taken_and_others_counted() {
        let yaml = "
{apiVersion: v1, kind: Namespace, metadata: {name: acme, annotations: {tenantry.dev/adopt: acme}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}}
---
{apiVersion: tenantry.dev/v1alpha1, kind: Tenant, metadata: {name: acme}, spec: {}}
---
{apiVersion: tenantry.dev/v1alpha1, kind: TenantUser, metadata: {name: alice}, spec: {tenant: acme}, status: {what: ever}}
";
        let found = sort(documents(yaml), "here").unwrap();
        assert_eq!(
            found.placed.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(),
            ["Namespace acme", "Tenant acme", "TenantUser here/alice"]
        );
        assert_eq!(found.others, BTreeMap::from([("Deployment".to_owned(), 1)]));
        assert_eq!(found.overlay.users[0].metadata.namespace.as_deref(), Some("here"));
    }

    #[test]
    fn problems_name_file_object_and_field() {
        let yaml = "
{apiVersion: tenantry.dev/v1, kind: Tenant, metadata: {name: acme}, spec: {}}
---
{apiVersion: tenantry.dev/v1alpha1, kind: Tennant, metadata: {name: acme}, spec: {}}
---
{apiVersion: tenantry.dev/v1alpha1, kind: Tenant, metadata: {name: Acme}, spec: {}}
---
{apiVersion: tenantry.dev/v1alpha1, kind: Tenant, metadata: {name: beta, labels: {a: 1}}, spec: {}, extra: 1}
---
{apiVersion: tenantry.dev/v1alpha1, kind: Tenant, metadata: {name: gamma}, spec: {suspendet: true}}
---
{apiVersion: tenantry.dev/v1alpha1, kind: Tenant, metadata: {name: gamma}, spec: {}}
---
{name: nothing}
";
        let problems = sort(documents(yaml), "here").unwrap_err();
        let parts = [
            "document 1: apiVersion tenantry.dev/v1 is not known",
            "document 2: there is no kind Tennant",
            "document 3, Tenant Acme: metadata.name: \"Acme\" is no DNS label",
            "document 4, Tenant beta: metadata.labels.a: a text is expected",
            "document 4, Tenant beta: extra: there is no such field",
            "document 5, Tenant gamma: spec.suspendet: there is no such field; there are accounts,",
            "document 6, Tenant gamma: it is in the files twice, first in f.yaml, document 5",
            "document 7: it has no apiVersion",
        ];
        assert_eq!(problems.len(), parts.len(), "{problems:#?}");
        for (problem, part) in problems.iter().zip(parts) {
            assert!(problem.contains(part), "{problem} has no {part}");
        }
    }
}
