//! Carries a plan out: the only caller of a cloud's `execute` and of cluster writes.
//!
//! Independent steps run side by side, within the account's API budget; a step that fails holds back only the steps
//! that need it. Before each step the gate is asked whether we may still write: leadership may be lost, or the
//! manifests may have changed and the plan be out of date.

mod account;
mod key;
mod login;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::cloud::Cloud;
use crate::cluster::Cluster;
use crate::model::{Class, ClusterState, Fault};
use crate::names::{AccountName, TenantName};
use crate::plan::{Action, Outcome, Plan, Step};

pub use account::Account;

/// How many steps of one plan run side by side; the account's budget is what limits calls.
const SIDE_BY_SIDE: usize = 16;

/// Whether the next step may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Go on.
    Open,
    /// No longer the leader: nothing more may be written.
    NotLeader,
    /// The manifests changed: what is left is planned anew.
    OutOfDate,
}

/// How a new key is proved: it must answer several times in a row, as IAM takes seconds to spread it.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// How many answers in a row.
    pub answers: u32,
    /// The pause between two tries; zero in tests.
    pub pause: Duration,
    /// How many tries in all.
    pub tries: u32,
}

impl Default for Proof {
    fn default() -> Self {
        Self { answers: 3, pause: Duration::from_secs(2), tries: 20 }
    }
}

/// What a plan is carried out with.
pub struct Applier<'a, C, K> {
    /// The tenant.
    pub tenant: &'a TenantName,
    /// The accounts that the plan may name.
    pub accounts: &'a BTreeMap<AccountName, Arc<Account<C>>>,
    /// The cluster.
    pub cluster: &'a K,
    /// The cluster as the plan saw it: what Secrets are replaced is told by it.
    pub state: &'a ClusterState,
    /// How new keys are proved.
    pub proof: Proof,
    /// Asked before each step.
    pub gate: &'a (dyn Fn() -> Gate + Send + Sync),
}

impl<C: Cloud, K: Cluster> Applier<'_, C, K> {
    /// Carries out the plan's steps and says what became of each, in the plan's order.
    pub async fn run(&self, plan: &Plan) -> Vec<Outcome> {
        let mut outcomes: Vec<Option<Outcome>> = vec![None; plan.steps.len()];
        let mut running = FuturesUnordered::new();
        let mut waiting: Vec<usize> = (0..plan.steps.len()).collect();
        loop {
            waiting.retain(|index| {
                let needs = &plan.steps[*index].needs;
                let blocked = needs.iter().any(|need| matches!(&outcomes[*need], Some(it) if *it != Outcome::Done));
                if blocked {
                    outcomes[*index] = Some(Outcome::Skipped);
                }
                !blocked
            });
            let mut at = 0;
            while running.len() < SIDE_BY_SIDE && at < waiting.len() {
                let index = waiting[at];
                let ready = plan.steps[index].needs.iter().all(|need| outcomes[*need] == Some(Outcome::Done));
                if !ready {
                    at += 1;
                    continue;
                }
                if (self.gate)() != Gate::Open {
                    waiting.clear();
                    break;
                }
                waiting.remove(at);
                let step = &plan.steps[index];
                running.push(async move { (index, self.step(step).await) });
            }
            let Some((index, result)) = running.next().await else { break };
            outcomes[index] = Some(match result {
                Ok(()) => Outcome::Done,
                Err(fault) => Outcome::Failed(fault),
            });
        }
        outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Skipped)).collect()
    }

    async fn step(&self, step: &Step) -> Result<(), Fault> {
        let result = match &step.action {
            Action::Cluster(action) => self.cluster.execute(action).await,
            Action::Cloud { account, action } => self.account(account)?.act(action).await,
            Action::IssueKey { account, user, wish, replaces } => {
                self.issue_key(self.account(account)?, account, user, wish, replaces.as_deref()).await
            }
            Action::IssueLogin { account, user, wish, fresh } => {
                self.issue_login(self.account(account)?, account, user, wish, *fresh).await
            }
        };
        match &result {
            Ok(()) => tracing::info!(tenant = %self.tenant, subject = %step.subject, step = %step.words(), "done"),
            Err(fault) => {
                tracing::warn!(tenant = %self.tenant, subject = %step.subject, step = %step.words(), class = ?fault.class, %fault, "failed");
            }
        }
        result
    }

    fn account(&self, name: &AccountName) -> Result<&Account<C>, Fault> {
        let account = self.accounts.get(name).map(Arc::as_ref);
        account.ok_or_else(|| Fault::new(Class::Waiting, "plan", name, "the account is not ready"))
    }
}
