//! What a pass did, in events: one for what was made, changed and deleted, one for what failed.

use super::Operator;
use super::settle::Settled;
use crate::cluster::{Tone, Watched};
use crate::names::ManifestRef;
use crate::plan::{Outcome, Step};
use crate::status::Verdict;

/// How many steps one event names; the rest is counted.
const NAMED: usize = 6;

impl Operator {
    /// Publishes what became of one manifest.
    pub(super) async fn announce<K: Watched>(
        &self,
        object: &K,
        subject: &ManifestRef,
        verdict: &Verdict,
        settled: &Settled,
    ) {
        let mine: Vec<&(Step, Outcome)> = settled.done.iter().filter(|(step, _)| step.subject == *subject).collect();
        let done: Vec<String> =
            mine.iter().filter(|(_, outcome)| *outcome == Outcome::Done).map(|(step, _)| step.words()).collect();
        if !done.is_empty() {
            let mut note = done.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            if done.len() > NAMED {
                note.push_str(&format!(", and {} more", done.len() - NAMED));
            }
            self.events.publish(object, Tone::Normal, "Applied", "Reconcile", &note).await;
        }
        let failed = mine.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
        if failed || matches!(verdict, Verdict::Stalled(..)) {
            let reason = verdict.reason().as_str();
            self.events.publish(object, Tone::Warning, reason, "Reconcile", verdict.message()).await;
        }
    }
}
