//! Desired × observed → the ordered steps between them: a value that people read, tests compare and `apply` carries out.
//! Pure. Refuses what is foreign, and says what must be read before it can decide.

mod account;
mod claims;
mod cluster;
mod conduct;
mod difference;
mod keys;
mod logins;
mod markdown;
mod max_compute;
mod notebooks;
mod order;
mod orphans;
mod people;
mod profile;
mod release;
mod removal;
mod render;
mod report;
mod restarts;
mod role;
mod room;
mod rules;
mod secrets;
mod still;
mod workspace;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{
    CloudAction, ClusterAction, ClusterState, Fault, Inventory, KeyWish, Life, LoginWish, MaxComputeDeed,
    NotebookAction, ObjRef, Read, Refusal, Wanted,
};
use crate::names::{AccountName, CloudName, ManifestRef, TAG_STOPPED, TenantName};

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
        /// The id of the key that works and is to be replaced: the new one is proved before it takes its place. None
        /// where the Secret holds no key that works: then it is written at once.
        replaces: Option<String>,
    },
    /// Write a console password into its Secret and put it in force: one act, because nobody else knows the password.
    IssueLogin {
        /// In which account.
        account: AccountName,
        /// Whose.
        user: CloudName,
        /// Where it is written.
        wish: LoginWish,
        /// Whether it is a new password; else it is the one in the Secret.
        fresh: bool,
    },
    /// On the cluster.
    Cluster(ClusterAction),
}

impl Action {
    /// The account that it is done in, if in one.
    #[must_use]
    pub fn account(&self) -> Option<&AccountName> {
        match self {
            Self::Cloud { account, .. } | Self::IssueKey { account, .. } | Self::IssueLogin { account, .. } => {
                Some(account)
            }
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

/// A key that was replaced and is still used: it stays until it is not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct KeyInUse {
    /// Whose condition tells of it.
    pub subject: ManifestRef,
    /// In which account.
    pub account: AccountName,
    /// The key's id.
    pub id: String,
    /// The service that accepted it last.
    pub service: Option<String>,
}

/// A workload that must be looked at before the plan can decide whether it is restarted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Lookup {
    /// Whose condition tells of it.
    pub subject: ManifestRef,
    /// The account whose key it reads.
    pub account: AccountName,
    /// Which workload.
    pub workload: ObjRef,
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
    /// What must be looked at in the cluster before.
    pub lookups: BTreeSet<Lookup>,
    /// What is not done, and why.
    pub refusals: Vec<Refusal>,
    /// What differs and is not put right, because the account, its conduct or a pause says so.
    pub withheld: Vec<Withheld>,
    /// What no manifest wants.
    pub orphans: Vec<Orphan>,
    /// Replaced keys that are still used.
    pub in_use: BTreeSet<KeyInUse>,
    /// Manifests of which something is left that no step can reach: they do not end before it is gone.
    pub stuck: BTreeSet<ManifestRef>,
    /// When the same world will have another plan, as keys have an age.
    pub due: Option<Timestamp>,
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
    lookups: BTreeSet<Lookup>,
    refusals: Vec<Refusal>,
    withheld: Vec<Withheld>,
    orphans: Vec<Orphan>,
    in_use: BTreeSet<KeyInUse>,
    stuck: BTreeSet<ManifestRef>,
    due: Option<Timestamp>,
}

impl Draft<'_> {
    /// Notes a step and gives its index. For a paused manifest only what takes access away, and what its deletion needs.
    fn step(&mut self, subject: &ManifestRef, rank: Rank, action: Action, detail: Vec<String>) -> Option<usize> {
        self.step_after(&[], subject, rank, action, detail)
    }

    /// A step that comes after others, by their indices.
    fn step_after(
        &mut self,
        needs: &[usize],
        subject: &ManifestRef,
        rank: Rank,
        action: Action,
        detail: Vec<String>,
    ) -> Option<usize> {
        let needs = needs.iter().copied().collect();
        let step = Step { subject: subject.clone(), action, rank, needs, detail };
        if self.is_paused(subject) && !takes_access_away(&step.action) {
            self.withheld.push(Withheld::of(&step, step.action.account(), Why::Paused));
            return None;
        }
        self.steps.push(step);
        Some(self.steps.len() - 1)
    }

    /// Whether nothing is made or changed for the manifest.
    fn is_paused(&self, subject: &ManifestRef) -> bool {
        let life = self.wanted.manifests.get(subject);
        let goes = self.wanted.life == Life::Deleting || life.is_some_and(|life| life.deleting);
        life.is_some_and(|life| life.paused) && !goes
    }

    /// The plan will be another one from that moment on.
    fn due_at(&mut self, at: Timestamp) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
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
    match action {
        Action::Cloud { action, .. } => match action {
            // A role for a time is an inline policy too.
            CloudAction::PutInline { document, .. } => document.only_denies(),
            CloudAction::SetKeyActive { active, .. } => !active,
            CloudAction::DeleteLogin(_) => true,
            CloudAction::Notebook(NotebookAction::Stop { urgent, .. }) => *urgent,
            // What brings a stopped notebook back goes with the stop.
            CloudAction::SetTags { set, unset, .. } => unset.is_empty() && set.keys().eq([TAG_STOPPED]),
            CloudAction::MaxCompute(action) => matches!(action.deed, MaxComputeDeed::Revoke { still: true, .. }),
            _ => false,
        },
        Action::Cluster(action) => matches!(action, ClusterAction::NoteLogin { in_force: false, .. }),
        Action::IssueKey { .. } | Action::IssueLogin { .. } => false,
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
        lookups: BTreeSet::new(),
        refusals: wanted.refusals.clone(),
        withheld: Vec::new(),
        orphans: Vec::new(),
        in_use: BTreeSet::new(),
        stuck: BTreeSet::new(),
        due: None,
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
    role::behind_their_pods(&mut draft);
    draft.refusals.sort();
    draft.refusals.dedup();
    draft.withheld.extend(conduct::given_up(wanted));
    draft.withheld.sort();
    draft.withheld.dedup();
    Plan {
        tenant: wanted.tenant.clone(),
        steps: order::sorted(&wanted.tenant, draft.steps),
        reads: draft.reads,
        lookups: draft.lookups,
        refusals: draft.refusals,
        withheld: draft.withheld,
        orphans: draft.orphans,
        in_use: draft.in_use,
        stuck: draft.stuck,
        due: draft.due,
    }
}

#[cfg(test)]
mod tests;
