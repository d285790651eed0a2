//! Kubernetes events about manifests: what changed and what failed. They help people; nothing depends on them.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::FIELD_MANAGER;
use super::faults::Deed;
use super::kept::Manifest;
use super::link::Link;

/// How long the same words about the same object are not said again.
const QUIET: Duration = Duration::from_secs(600);
/// How many said words are remembered; the API server's own limit on a note is 1 kB, on a reason 128 bytes.
const REMEMBERED: usize = 4096;
const NOTE_MAX: usize = 1000;
/// Cluster-scoped objects have their events in this namespace, as the API server demands.
const CLUSTER_SCOPED_IN: &str = "default";

/// Whether someone should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tone {
    /// Something was done.
    Normal,
    /// Something failed.
    Warning,
}

/// Publishes events.
pub struct Events {
    link: Link,
    instance: String,
    said: Mutex<BTreeMap<u64, Instant>>,
}

impl Events {
    pub(super) fn new(link: Link, instance: String) -> Self {
        Self { link, instance, said: Mutex::default() }
    }

    /// Publishes one event about a manifest. `reason` and `action` are stable CamelCase words, `note` a sentence, cut at
    /// 1,000 bytes; the same again within ten minutes is left out. A failure is logged and goes no further.
    pub async fn publish<K: Manifest>(&self, on: &K, tone: Tone, reason: &str, action: &str, note: &str) {
        if !self.is_news(on.meta().uid.as_deref(), tone, reason, action, note) {
            return;
        }
        let event = event(on.object_ref(&()), tone, reason, action, note, &self.instance);
        let namespace = event.metadata.namespace.clone().unwrap_or_default();
        let api: Api<Event> = Api::namespaced(self.link.client.clone(), &namespace);
        let deed = Deed::on_all("create", "events", Some(&namespace));
        if let Err(fault) = self.link.write(&deed, api.create(&PostParams::default(), &event)).await {
            tracing::debug!(object = %on.manifest_ref(), reason, error = %fault, "event not published");
        }
    }

    fn is_news(&self, uid: Option<&str>, tone: Tone, reason: &str, action: &str, note: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        (uid, tone, reason, action, note).hash(&mut hasher);
        let (words, now) = (hasher.finish(), Instant::now());
        let mut said = self.said.lock();
        if said.get(&words).is_some_and(|at| now.duration_since(*at) < QUIET) {
            return false;
        }
        if said.len() >= REMEMBERED {
            said.retain(|_, at| now.duration_since(*at) < QUIET);
        }
        if said.len() >= REMEMBERED {
            said.clear();
        }
        said.insert(words, now);
        true
    }
}

fn event(on: ObjectReference, tone: Tone, reason: &str, action: &str, note: &str, instance: &str) -> Event {
    let now = Timestamp::now();
    let stem: String = on.name.as_deref().unwrap_or(FIELD_MANAGER).chars().take(200).collect();
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{stem}.{:x}", now.as_nanosecond())),
            namespace: Some(on.namespace.clone().unwrap_or_else(|| CLUSTER_SCOPED_IN.to_owned())),
            ..ObjectMeta::default()
        },
        type_: Some(if tone == Tone::Normal { "Normal" } else { "Warning" }.to_owned()),
        reason: Some(reason.to_owned()),
        action: Some(action.to_owned()),
        note: Some(cut(note, NOTE_MAX)),
        regarding: Some(on),
        event_time: Some(MicroTime(now)),
        reporting_controller: Some("tenantry.dev/operator".to_owned()),
        reporting_instance: Some(instance.chars().take(128).collect()),
        ..Event::default()
    }
}

/// The longest beginning of at most `max` bytes that ends between two characters.
fn cut(text: &str, max: usize) -> String {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_note_is_cut_between_characters() {
        assert_eq!(cut("grün", 3), "gr");
        assert_eq!(cut("grün", 99), "grün");
    }

    #[test]
    fn an_event_of_a_cluster_scoped_object_is_in_default() {
        let on = ObjectReference { name: Some("acme".to_owned()), ..ObjectReference::default() };
        let event = event(on, Tone::Warning, "NotOwned", "CreateUser", "note", "pod-1");
        assert_eq!(event.metadata.namespace.as_deref(), Some("default"));
        assert_eq!(event.type_.as_deref(), Some("Warning"));
    }
}
