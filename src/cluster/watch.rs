//! One watch: list, follow, and after an error again, for as long as the process lives.

use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use kube::Resource;
use kube::api::Api;
use kube::runtime::watcher::{Config, Error, Event, watcher};
use serde::de::DeserializeOwned;

use super::store::{Listed, Store};
use crate::names::TAG_TENANT;

/// The first pause after an error; it doubles up to [`SLOWEST`]. Short, as the right to read a namespace's Secrets comes
/// a moment after the watch is asked for.
const FIRST: Duration = Duration::from_millis(200);
const SLOWEST: Duration = Duration::from_secs(30);

/// What watches of objects that we make select.
pub(super) fn labelled() -> Config {
    Config::default().labels(TAG_TENANT)
}

/// Follows one kind and tells the store; never ends.
pub(super) async fn follow<K>(
    api: Api<K>,
    config: Config,
    listed: Listed,
    store: Arc<Store>,
    take: impl Fn(&Store, Event<K>) + Send,
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    K::DynamicType: Send + Sync,
{
    let what = api.resource_url().to_owned();
    let mut stream = pin!(watcher(api, config));
    let mut pause = FIRST;
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => {
                if !matches!(event, Event::Init | Event::InitApply(_)) {
                    pause = FIRST;
                }
                take(&store, event);
            }
            Err(error) => {
                tell(&what, &listed, &error);
                if matches!(error, Error::InitialListFailed(_)) {
                    store.list_failed(&listed);
                }
                let jitter = rand::random_range(0.5..1.0);
                tokio::time::sleep(pause.mul_f64(jitter)).await;
                pause = (pause * 2).min(SLOWEST);
            }
        }
    }
}

/// Says what failed, as loud as it matters: a watch that ends with 410 is the API server's way to ask for a new list.
fn tell(what: &str, listed: &Listed, error: &Error) {
    let status = match error {
        Error::InitialListFailed(kube::Error::Api(status))
        | Error::WatchStartFailed(kube::Error::Api(status))
        | Error::WatchFailed(kube::Error::Api(status))
        | Error::WatchError(status) => Some(status),
        _ => None,
    };
    let code = status.map_or(0, |status| status.code);
    let expected = code == 410 || (code == 403 && matches!(listed, Listed::Secrets(_)));
    if expected || status.is_none() && !matches!(error, Error::InitialListFailed(_)) {
        tracing::debug!(what, code, "watch starts again");
        return;
    }
    let message = match status {
        Some(status) => status.message.clone(),
        None => "the Kubernetes API does not answer".to_owned(),
    };
    tracing::warn!(what, code, message, "watch failed, it is tried again");
}
