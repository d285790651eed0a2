//! Plan → read what the plan asks for → plan → apply, until nothing is left that could be done now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::apply::{Account, Applier, Gate, Proof};
use crate::cloud::Cloud;
use crate::cluster::Cluster;
use crate::model::{CloudAction, ClusterState, Fault, Read, Wanted};
use crate::names::AccountName;
use crate::plan::{Action, Observed, Outcome, Plan, Step, plan};

/// Plans in a row within one pass: what one plan made possible the next one does (a namespace that can go once its
/// manifests are gone).
const ROUNDS: usize = 6;
/// Readings in a row before one plan.
const READINGS: usize = 3;

/// What a pass did, and what is left.
#[derive(Debug)]
pub struct Settled {
    /// Every step that was planned, with what became of it, in the order of the plans.
    pub done: Vec<(Step, Outcome)>,
    /// What still lies between what should be and what is; its steps were not tried, or failed.
    pub left: Plan,
    /// Readings that failed.
    pub unread: Vec<(AccountName, Fault)>,
}

/// What a pass works with.
pub struct Stage<'a, C, K> {
    /// What should exist.
    pub wanted: &'a Wanted,
    /// The accounts that are ready.
    pub accounts: &'a BTreeMap<AccountName, Arc<Account<C>>>,
    /// The cluster's writer.
    pub cluster: &'a K,
    /// The cluster as it is now, our own writes included.
    pub state: &'a (dyn Fn() -> ClusterState + Send + Sync),
    /// How new keys are proved.
    pub proof: Proof,
    /// Whether the next write may be done.
    pub gate: &'a (dyn Fn() -> Gate + Send + Sync),
    /// The time by which keys have an age.
    pub now: &'a (dyn Fn() -> Timestamp + Send + Sync),
}

/// Runs one pass.
pub async fn settle<C: Cloud, K: Cluster>(stage: &Stage<'_, C, K>) -> Settled {
    let mut done: Vec<(Step, Outcome)> = Vec::new();
    let mut unread = Unread::new();
    for _ in 0..ROUNDS {
        let mut state = (stage.state)();
        let mut known = stage.plan(&state);
        if !known.reads.is_empty() {
            // Reading may take its time: what takes access away does not wait for it.
            let urgent = known.at_once();
            if !urgent.steps.is_empty() {
                let outcomes = stage.applier(&state).run(&urgent).await;
                done.extend(urgent.steps.into_iter().zip(outcomes));
                known = stage.plan(&state);
            }
        }
        let mut next = stage.read_for(known, &state, &mut unread).await;
        if !next.lookups.is_empty() {
            unread.extend(stage.look_at_workloads(&next).await);
            state = (stage.state)();
            next = stage.plan(&state);
        }
        if next.steps.is_empty() || (stage.gate)() != Gate::Open {
            return Settled { done, left: next, unread: faults(unread) };
        }
        let outcomes = stage.applier(&state).run(&next).await;
        let complete = outcomes.iter().all(|outcome| *outcome == Outcome::Done);
        let opens = opens_the_way(&next.steps, &outcomes);
        done.extend(next.steps.into_iter().zip(outcomes));
        if !complete && !opens {
            break;
        }
    }
    let left = stage.plan(&(stage.state)());
    Settled { done, left, unread: faults(unread) }
}

/// Whether something that failed may go now: an operator whose rights end with the boundary can do little to what had
/// none until it was put on.
fn opens_the_way(steps: &[Step], outcomes: &[Outcome]) -> bool {
    let object = |step: &Step| match &step.action {
        Action::Cloud { account, action } => Some((account.clone(), action.object())),
        _ => None,
    };
    let bounds = |step: &Step| matches!(&step.action, Action::Cloud { action: CloudAction::SetBoundary { .. }, .. });
    let all = || steps.iter().zip(outcomes);
    let bounded = all().filter(|(step, outcome)| bounds(step) && **outcome == Outcome::Done);
    let bounded: BTreeSet<_> = bounded.filter_map(|(step, _)| object(step)).collect();
    let mut failed = all().filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
    failed.any(|(step, _)| object(step).is_some_and(|object| bounded.contains(&object)))
}

/// What could not be read or looked at in a pass, and why; of a workload no reading is named.
type Unread = Vec<(AccountName, Option<Read>, Fault)>;

fn faults(unread: Unread) -> Vec<(AccountName, Fault)> {
    unread.into_iter().map(|(account, _, fault)| (account, fault)).collect()
}

impl<C: Cloud, K: Cluster> Stage<'_, C, K> {
    fn applier<'s>(&'s self, state: &'s ClusterState) -> Applier<'s, C, K> {
        Applier {
            tenant: &self.wanted.tenant,
            accounts: self.accounts,
            cluster: self.cluster,
            state,
            proof: self.proof,
            gate: self.gate,
        }
    }

    async fn look_at_workloads(&self, plan: &Plan) -> Unread {
        let mut faults = Vec::new();
        let mut seen = BTreeSet::new();
        for lookup in plan.lookups.iter().filter(|lookup| seen.insert(&lookup.workload)) {
            if let Err(fault) = self.cluster.look_at(&lookup.workload).await {
                faults.push((lookup.account.clone(), None, fault));
            }
        }
        faults
    }
}

impl<C: Cloud, K> Stage<'_, C, K> {
    /// Plans, reads what the plan asks for and plans again, and writes nothing. Also says which readings failed.
    pub async fn look(&self, state: &ClusterState) -> (Plan, Vec<(AccountName, Fault)>) {
        let mut unread = Unread::new();
        let plan = self.read_for(self.plan(state), state, &mut unread).await;
        (plan, faults(unread))
    }

    /// Reads what a plan for this state asks for and plans again. What could not be read is not tried again: a service that
    /// is away holds up what needs it and nothing else.
    async fn read_for(&self, mut next: Plan, state: &ClusterState, unread: &mut Unread) -> Plan {
        for _ in 0..READINGS {
            let before = unread.len();
            if !self.read(&next, unread).await && unread.len() == before {
                break;
            }
            next = self.plan(state);
        }
        next
    }

    /// The plan for what is known now. Inventories are locked only while it is made.
    #[must_use]
    pub fn plan(&self, state: &ClusterState) -> Plan {
        // Two CloudAccounts may share one inventory: each is locked once.
        let mut guards = Vec::new();
        let mut index: BTreeMap<&AccountName, usize> = BTreeMap::new();
        let mut by_inventory: BTreeMap<usize, usize> = BTreeMap::new();
        for (name, account) in self.accounts {
            let key = Arc::as_ptr(&account.inventory) as usize;
            let at = *by_inventory.entry(key).or_insert_with(|| {
                guards.push(account.inventory.lock());
                guards.len() - 1
            });
            index.insert(name, at);
        }
        let accounts = index.into_iter().filter(|(_, at)| guards[*at].swept);
        let accounts = accounts.map(|(name, at)| (name.clone(), &*guards[at])).collect();
        plan(self.wanted, &Observed { accounts, cluster: state, now: (self.now)() })
    }

    /// Reads all that a plan asks for and did not fail before; says whether anything was read.
    async fn read(&self, plan: &Plan, unread: &mut Unread) -> bool {
        let mut any = false;
        for (name, reads) in &plan.reads {
            let Some(account) = self.accounts.get(name) else { continue };
            for read in reads {
                if unread.iter().any(|(account, failed, _)| account == name && failed.as_ref() == Some(read)) {
                    continue;
                }
                match account.learn(read).await {
                    Ok(()) => any = true,
                    Err(fault) => unread.push((name.clone(), Some(read.clone()), fault)),
                }
            }
        }
        any
    }
}

#[cfg(test)]
mod tests;
