//! The plan for workloads that read a key into their environment: their pods are rolled when the Secret holds another key.

use jiff::SignedDuration;

use super::account::Account;
use super::{Action, Lookup, Rank};
use crate::model::{Class, ClusterAction, KeyWish, SecretSeen};
use crate::names::{ManifestRef, RESTART_ANNOTATION};

/// A workload that was made this long after the key has read no other one.
const PUBLISHED_WITHIN: SignedDuration = SignedDuration::from_mins(2);
/// How often a workload that is not there is looked for.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(1);

/// `key` is the id of the key in the Secret.
pub(super) fn plan(
    account: &mut Account<'_, '_, '_>,
    owner: &ManifestRef,
    wish: &KeyWish,
    secret: &SecretSeen,
    key: &str,
) {
    if account.draft.is_paused(owner) {
        return;
    }
    let cluster = account.cluster;
    let annotation = format!("{}{RESTART_ANNOTATION}", wish.secret.name);
    for workload in &wish.restart {
        let Some(known) = cluster.workloads.get(workload) else {
            let (subject, workload) = (owner.clone(), workload.clone());
            account.draft.lookups.insert(Lookup { subject, account: account.name.clone(), workload });
            continue;
        };
        let Some(seen) = known else {
            let message = format!(
                "there is no {workload} to restart; the key itself is in its Secret. Make it, or take it out of spec.accessKey.restart."
            );
            account.refuse(owner, Class::Invalid, message);
            let again = account.draft.now.checked_add(LOOK_AGAIN);
            again.into_iter().for_each(|at| account.draft.due_at(at));
            continue;
        };
        let published = secret.key_created.and_then(|created| created.checked_add(PUBLISHED_WITHIN).ok());
        let reads = match seen.keys.get(&annotation) {
            Some(noted) => noted == key,
            None => published.is_some_and(|published| seen.created > published),
        };
        if !reads {
            let (workload, uid, key) = (workload.clone(), seen.uid.clone(), key.to_owned());
            let action = ClusterAction::Restart { workload, uid, annotation: annotation.clone(), key };
            account.draft.step(owner, Rank::Change, Action::Cluster(action), Vec::new());
        }
    }
}
