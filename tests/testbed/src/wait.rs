//! Waiting for the cluster by watching it, with a deadline and a message that shows what was there instead.

use std::fmt::Debug;
use std::time::Duration;

use futures::TryStreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::runtime::watcher::watch_object;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

/// How long a test waits for something that should come at once, on a machine that may be busy.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until the object is there and `holds` for it.
///
/// # Errors
/// After [`DEADLINE`], or when the watch fails: a text with `what` was awaited and the object as it is.
pub async fn until<K>(api: Api<K>, name: &str, what: &str, holds: impl FnMut(&K) -> bool) -> Result<K, String>
where
    K: Clone + Debug + Send + DeserializeOwned + Serialize + Resource + 'static,
{
    let mut holds = holds;
    match watched(api, name, |object| object.is_some_and(&mut holds)).await {
        Ok(object) => Ok(object.expect("only an object that is there is waited for")),
        Err(seen) => Err(format!("{name}: {what}, awaited for {DEADLINE:?}. {seen}")),
    }
}

/// Waits until the object is gone.
///
/// # Errors
/// After [`DEADLINE`], or when the watch fails: a text with the object as it is.
pub async fn gone<K>(api: Api<K>, name: &str) -> Result<(), String>
where
    K: Clone + Debug + Send + DeserializeOwned + Serialize + Resource + 'static,
{
    match watched(api, name, |object| object.is_none()).await {
        Ok(_) => Ok(()),
        Err(seen) => Err(format!("{name}: to be gone, awaited for {DEADLINE:?}. {seen}")),
    }
}

async fn watched<K>(api: Api<K>, name: &str, mut holds: impl FnMut(Option<&K>) -> bool) -> Result<Option<K>, String>
where
    K: Clone + Debug + Send + DeserializeOwned + Serialize + Resource + 'static,
{
    let mut last = None;
    let mut watch = std::pin::pin!(watch_object(api, name));
    let found = timeout(DEADLINE, async {
        loop {
            match watch.try_next().await {
                Ok(Some(object)) if holds(object.as_ref()) => return Ok(object),
                Ok(Some(object)) => last = object,
                Ok(None) => return Err("the watch ended".to_owned()),
                Err(e) => return Err(format!("the watch failed: {e}")),
            }
        }
    });
    match found.await {
        Ok(Ok(object)) => return Ok(object),
        Ok(Err(why)) => return Err(why),
        Err(_) => {}
    }
    let Some(mut object) = last else { return Err("It is not there.".to_owned()) };
    object.meta_mut().managed_fields = None;
    let text = serde_json::to_string_pretty(&object).unwrap_or_else(|_| format!("{object:?}"));
    Err(format!("It is:\n{text}"))
}

/// Waits until every CRD that is there is established, and its kinds can be asked for.
pub(crate) async fn crds_served(client: &Client) {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let all = crds.list(&ListParams::default()).await.expect("CRDs can be listed");
    for crd in all.items {
        let name = crd.metadata.name.unwrap_or_default();
        let established = |crd: &CustomResourceDefinition| {
            let conditions = crd.status.as_ref().and_then(|s| s.conditions.as_ref());
            conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Established" && c.status == "True"))
        };
        until(crds.clone(), &name, "Established", established).await.unwrap_or_else(|e| panic!("{e}"));
    }
}
