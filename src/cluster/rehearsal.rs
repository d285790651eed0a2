//! Whether the API server would take a manifest: a dry run, which stores nothing and needs the right to patch.

use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams, ValidationDirective};
use kube::core::GroupVersionKind;
use serde_json::Value;

/// What the API server says when it would refuse the manifest; none: it would take it. Webhooks
/// and admission policies are asked, too.
///
/// # Errors
/// Why it could not be asked: no right to patch, a namespace that does not exist yet.
pub async fn rehearse(client: &Client, manifest: &Value, plural: &str) -> Result<Option<String>, String> {
    let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = text("/apiVersion").split_once('/').unwrap_or(("", text("/apiVersion")));
    let kind = GroupVersionKind::gvk(group, version, text("/kind"));
    let resource = ApiResource::from_gvk_with_plural(&kind, plural);
    let api: Api<DynamicObject> = match text("/metadata/namespace") {
        "" => Api::all_with(client.clone(), &resource),
        namespace => Api::namespaced_with(client.clone(), namespace, &resource),
    };
    let parameters = PatchParams {
        dry_run: true,
        force: true,
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::apply("tenantry-plan")
    };
    match api.patch(text("/metadata/name"), &parameters, &Patch::Apply(manifest)).await {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => Ok(Some(status.message.clone())),
        Err(kube::Error::Api(status)) if status.code == 403 && !status.message.contains(" cannot ") => {
            Ok(Some(status.message.clone()))
        }
        Err(kube::Error::Api(status)) => Err(status.message.clone()),
        Err(error) => Err(error.to_string()),
    }
}
