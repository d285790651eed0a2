//! Desired × observed → the ordered steps between them: a value that people read, tests compare and `apply` carries out.
//! Pure. Refuses what is foreign, and says what must be read before it can decide.

mod account;
mod cluster;
mod conduct;
mod difference;
mod keys;
mod markdown;
mod order;
mod orphans;
mod people;
mod release;
mod removal;
mod render;
mod report;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{CloudAction, ClusterAction, ClusterState, Fault, Inventory, KeyWish, Life, Read, Refusal, Wanted};
use crate::names::{AccountName, CloudName, ManifestRef, TenantName};
use crate::policy::Effect;

pub use conduct::{Why, Withheld};
pub use orphans::Orphan;
pub use people::{People, Share, people};
pub use render::{Line, Tone, render};
pub use report::{About, Change, Deed, Left, REPORT_FORMAT, Refused, Report, Summary, Told};
pub use rules::{RulesPlan, plan_rules};

/// One act of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Action {
    /// On a cloud account.
    Cloud {
        /// Which.
        account: AccountName,
        /// What.
        action: CloudAction,
    },
    /// Make a key, write its Secret and prove it: one act, because the cloud shows the secret half once.
    IssueKey {
        /// In which account.
        account: AccountName,
        /// Whose.
        user: CloudName,
        /// Where it is written.
        wish: KeyWish,
    },
    /// On the cluster.
    Cluster(ClusterAction),
}

impl Action {
    /// The account that it is done in, if in one.
    #[must_use]
    pub fn account(&self) -> Option<&AccountName> {
        match self {
            Self::Cloud { account, .. } | Self::IssueKey { account, .. } => Some(account),
            Self::Cluster(_) => None,
        }
    }
}

/// When a step goes, among those that could.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Rank {
    /// Takes access away.
    Revoke,
    /// What a manifest newly asks for.
    Change,
    /// What someone else changed.
    Repair,
}

/// One step: an act, for whom, and the steps that must have succeeded before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Whose condition tells of it.
    pub subject: ManifestRef,
    /// The act.
    pub action: Action,
    /// When it goes.
    pub rank: Rank,
    /// Indices of steps that come first.
    pub needs: BTreeSet<usize>,
    /// What people read beside it: old and new, or why.
    pub detail: Vec<String>,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It failed.
    Failed(Fault),
    /// It was not tried: a step that it needs failed, or the gate was shut.
    Skipped,
}

/// What lies between what should be and what is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The tenant.
    pub tenant: TenantName,
    /// The steps, in an order in which they could all be done one after the other.
    pub steps: Vec<Step>,
    /// What must be read before the plan can decide on more.
    pub reads: BTreeMap<AccountName, BTreeSet<Read>>,
    /// What is not done, and why.
    pub refusals: Vec<Refusal>,
    /// What differs and is not put right, because the account, its conduct or a pause says so.
    pub withheld: Vec<Withheld>,
    /// What no manifest wants.
    pub orphans: Vec<Orphan>,
}

/// What is known at the moment of planning.
pub struct Observed<'a> {
    /// The inventories of the accounts that are ready, by CloudAccount.
    pub accounts: BTreeMap<AccountName, &'a Inventory>,
    /// The cluster.
    pub cluster: &'a ClusterState,
    /// Now: keys have an age.
    pub now: Timestamp,
}

/// Collects steps, reads and refusals while the rooms below look at their part.
struct Draft<'a> {
    wanted: &'a Wanted,
    now: Timestamp,
    steps: Vec<Step>,
    reads: BTreeMap<AccountName, BTreeSet<Read>>,
    refusals: Vec<Refusal>,
    withheld: Vec<Withheld>,
    orphans: Vec<Orphan>,
}

impl Draft<'_> {
    /// Notes a step. For a paused manifest only what takes access away, and what its deletion needs.
    fn step(&mut self, subject: &ManifestRef, rank: Rank, action: Action, detail: Vec<String>) {
        let step = Step { subject: subject.clone(), action, rank, needs: BTreeSet::new(), detail };
        let life = self.wanted.manifests.get(subject);
        let goes = self.wanted.life == Life::Deleting || life.is_some_and(|life| life.deleting);
        if life.is_some_and(|life| life.paused) && !goes && !takes_access_away(&step.action) {
            self.withheld.push(Withheld::of(&step, step.action.account(), Why::Paused));
            return;
        }
        self.steps.push(step);
    }

    fn read(&mut self, account: &AccountName, read: Read) {
        self.reads.entry(account.clone()).or_default().insert(read);
    }
}

impl Plan {
    /// The part that takes access away and waits for nothing: it goes before anything is read.
    #[must_use]
    pub fn at_once(&self) -> Self {
        let mut part = Self { reads: BTreeMap::new(), ..self.clone() };
        part.steps.retain(|step| step.needs.is_empty() && takes_access_away(&step.action));
        part
    }
}

/// Suspension and expiry go on while everything else is paused.
fn takes_access_away(action: &Action) -> bool {
    let Action::Cloud { action, .. } = action else { return false };
    match action {
        // A role for a time is an inline policy too.
        CloudAction::PutInline { document, .. } => document.statements.iter().all(|it| it.effect == Effect::Deny),
        CloudAction::SetKeyActive { active, .. } => !active,
        _ => false,
    }
}

/// Compares what should be with what is.
#[must_use]
pub fn plan(wanted: &Wanted, observed: &Observed<'_>) -> Plan {
    let mut draft = Draft {
        wanted,
        now: observed.now,
        steps: Vec::new(),
        reads: BTreeMap::new(),
        refusals: wanted.refusals.clone(),
        withheld: Vec::new(),
        orphans: Vec::new(),
    };
    for (account, inventory) in &observed.accounts {
        let first = draft.steps.len();
        account::plan(&mut draft, account, inventory, observed.cluster);
        if wanted.observes(account) {
            draft.hold_back(account, first);
        }
    }
    release::secrets_of_lost_accounts(&mut draft, observed);
    cluster::plan(&mut draft, observed);
    draft.refusals.sort();
    draft.refusals.dedup();
    draft.withheld.extend(conduct::given_up(wanted));
    draft.withheld.sort();
    draft.withheld.dedup();
    Plan {
        tenant: wanted.tenant.clone(),
        steps: order::sorted(&wanted.tenant, draft.steps),
        reads: draft.reads,
        refusals: draft.refusals,
        withheld: draft.withheld,
        orphans: draft.orphans,
    }
}

#[cfg(test)]
mod tests;
