//! Manifests as text, applied as a GitOps tool applies them: server-side, with strict field validation.

use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, ValidationDirective};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use kube::{Client, Error};

/// The field manager of what tests apply.
pub const FIELD_MANAGER: &str = "tests";

/// Applies every document of `yaml` in order and gives what the server answered.
///
/// # Errors
/// The first answer that is a refusal.
///
/// # Panics
/// When the text is not YAML or a document is not an object with a name.
pub async fn apply(client: &Client, yaml: &str) -> Result<Vec<DynamicObject>, Error> {
    let parameters =
        PatchParams { field_validation: Some(ValidationDirective::Strict), ..PatchParams::apply(FIELD_MANAGER) };
    let mut answers = Vec::new();
    for object in objects(yaml) {
        let api = api_of(client, &object).await?;
        answers.push(api.patch(&name(&object), &parameters, &Patch::Apply(&object)).await?);
    }
    Ok(answers)
}

/// Asks for the deletion of every object named in `yaml`, last first. What is not there is passed over.
///
/// # Errors
/// The first refusal, for example of an admission policy.
///
/// # Panics
/// When the text is not YAML or a document is not an object with a name.
pub async fn delete(client: &Client, yaml: &str) -> Result<(), Error> {
    for object in objects(yaml).iter().rev() {
        match api_of(client, object).await?.delete(&name(object), &DeleteParams::default()).await {
            Err(Error::Api(status)) if status.code == 404 => {}
            other => drop(other?),
        }
    }
    Ok(())
}

fn objects(yaml: &str) -> Vec<DynamicObject> {
    let documents: Vec<Option<serde_json::Value>> = serde_saphyr::from_multiple(yaml).expect("manifests in YAML");
    let objects = documents.into_iter().flatten();
    objects.map(|document| serde_json::from_value(document).expect("a Kubernetes object")).collect()
}

fn name(object: &DynamicObject) -> String {
    object.metadata.name.clone().expect("a manifest has a name")
}

async fn api_of(client: &Client, object: &DynamicObject) -> Result<Api<DynamicObject>, Error> {
    let types = object.types.as_ref().expect("a manifest has apiVersion and kind");
    let kind = GroupVersionKind::try_from(types).expect("a manifest's apiVersion");
    let (resource, capabilities): (ApiResource, _) = pinned_kind(client, &kind).await?;
    Ok(match (capabilities.scope, &object.metadata.namespace) {
        (Scope::Cluster, _) => Api::all_with(client.clone(), &resource),
        (Scope::Namespaced, Some(namespace)) => Api::namespaced_with(client.clone(), namespace, &resource),
        (Scope::Namespaced, None) => Api::default_namespaced_with(client.clone(), &resource),
    })
}
