//! The two controllers, what wakes them and the pass that they run.

mod account;
mod accounts;
mod announce;
mod forced;
mod max_compute;
mod notebooks;
mod orphans;
mod pass;
mod queue;
mod reach;
mod release;
mod rules;
mod settle;
mod work;
mod workspaces;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::apply::Proof;
use crate::cluster::{Events, Finalizers, KubeCluster, StatusWriter, World};
use crate::lease::Leadership;
use crate::metrics::Passes;
use crate::names::{ClusterId, ManifestRef, TenantName};

use forced::Asked;

pub use accounts::Accounts;
pub use pass::manifests_of;
pub use settle::{Settled, Stage, settle};

/// What holds for the whole process.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The cluster's id.
    pub cluster: ClusterId,
    /// The operator's own namespace.
    pub namespace: String,
    /// The operator's ServiceAccount.
    pub service_account: String,
    /// Who issues the tokens of this cluster's ServiceAccounts, where the API server says.
    pub issuer: Option<String>,
    /// How new keys are proved.
    pub proof: Proof,
    /// How long after a write of ours a sweep says nothing about that object.
    pub fresh_write: Duration,
    /// How often notebooks that are on their way are looked at, all of a region at once.
    pub notebook_poll: Duration,
    /// Within which time everything is read that no list shows.
    pub full_check: Duration,
    /// How long something must have been an orphan before anything is done about it.
    pub orphan_age: Duration,
    /// How many tenants are worked on side by side.
    pub concurrency: usize,
}

/// What one tenant's passes remember between them; lost with the process without harm.
#[derive(Clone, Debug, Default)]
struct Memory {
    /// Failed passes in a row.
    failures: u32,
    /// The forced reconciles whose fresh reads were made.
    asked: BTreeMap<ManifestRef, Asked>,
    /// Whether a manifest or an account of it said something new since the start: then statuses, which another manifest's
    /// trouble does not hold up, are no proof that all was carried out.
    unsettled: bool,
}

/// The operator: everything that its controllers work with.
pub struct Operator {
    settings: Settings,
    world: Arc<World>,
    cluster: KubeCluster,
    finalizers: Finalizers,
    status: StatusWriter,
    events: Events,
    accounts: Accounts,
    leadership: Leadership,
    memory: Mutex<BTreeMap<TenantName, Memory>>,
    orphans: orphans::Orphans,
    passes: Passes,
}

impl Operator {
    /// Puts the operator together; nothing happens before [`Operator::run`]. `instance` names this process in events.
    #[must_use]
    pub fn new(
        settings: Settings,
        world: Arc<World>,
        accounts: Accounts,
        leadership: Leadership,
        passes: Passes,
        instance: &str,
    ) -> Self {
        Self {
            cluster: world.cluster(),
            finalizers: world.finalizers(),
            status: world.status_writer(),
            events: world.events(instance),
            memory: Mutex::default(),
            orphans: orphans::Orphans::default(),
            settings,
            world,
            accounts,
            leadership,
            passes,
        }
    }
}
