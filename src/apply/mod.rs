//! Carries a plan out: the only caller of a cloud's `execute` and of cluster writes.
//!
//! Independent steps run side by side, within the account's API budget; a step that fails holds back only the steps
//! that need it. Before each step the gate is asked whether we may still write: leadership may be lost, or the
//! manifests may have changed and the plan be out of date.

mod key;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use parking_lot::Mutex;

use crate::cloud::Cloud;
use crate::cluster::Cluster;
use crate::model::{Class, CloudAction, ClusterState, Fault, Finding, Inventory, ObjectId, Read};
use crate::names::{AccountName, TenantName};
use crate::plan::{Action, Outcome, Plan, Step};

/// How many steps of one plan run side by side; the account's budget is what limits calls.
const SIDE_BY_SIDE: usize = 16;

/// A cloud account as a plan is carried out in it.
#[derive(Debug)]
pub struct Account<C> {
    /// Its API.
    pub cloud: C,
    /// What is known of it; shared by all CloudAccounts that are this account.
    pub inventory: Arc<Mutex<Inventory>>,
}

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
            Action::Cloud { account, action } => self.on_cloud(self.account(account)?, action).await,
            Action::IssueKey { account, user, wish } => {
                self.issue_key(self.account(account)?, account, user, wish).await
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

    async fn on_cloud(&self, account: &Account<C>, action: &CloudAction) -> Result<(), Fault> {
        let object = action.object();
        if action.needs_live_read() && !self.is_still_ours(account, action, &object).await? {
            return Ok(());
        }
        let known = account.inventory.lock().mark(&object).is_some();
        match account.cloud.execute(action, &account.inventory).await {
            Ok(effect) => account.inventory.lock().record(action, &effect, Instant::now()),
            Err(fault) => {
                if matches!(fault.class, Class::Transient | Class::Invalid) {
                    self.look_again(account, &object).await;
                }
                return Err(fault);
            }
        }
        if !known && matches!(action, CloudAction::SetTags { .. } | CloudAction::MoveGroup { .. }) {
            // Taken over: now that it carries our marks, all of it is known.
            let finding = account.cloud.read(&Read::Object(object.clone()), &account.inventory).await?;
            account.inventory.lock().learn(&object, finding);
        }
        Ok(())
    }

    /// Before what cannot be undone: whether the object is, live, still there and still ours.
    async fn is_still_ours(
        &self,
        account: &Account<C>,
        action: &CloudAction,
        object: &ObjectId,
    ) -> Result<bool, Fault> {
        let finding = account.cloud.read(&Read::Mark(object.clone()), &account.inventory).await?;
        let (expected, version) = {
            let inventory = account.inventory.lock();
            let version = inventory.policies.get(&object.name).map(|policy| policy.default_version.clone());
            (inventory.mark(object), version)
        };
        match finding {
            Finding::Mark { mark, .. } if mark != expected => {
                account.inventory.lock().learn(object, Finding::Absent);
                self.look_again(account, object).await;
                Err(crate::cloud::not_owned("compare", &object.kind.to_string(), object, mark.as_ref()))
            }
            Finding::Mark { default_version: Some(live), .. }
                if matches!(action, CloudAction::SetDocument { .. }) && version.as_ref() != Some(&live) =>
            {
                self.look_again(account, object).await;
                Err(Fault::new(Class::Transient, "compare", object, "it was changed meanwhile; it is compared anew"))
            }
            Finding::Mark { .. } => Ok(true),
            _ => {
                account.inventory.lock().learn(object, Finding::Absent);
                if matches!(action, CloudAction::SetDocument { .. }) {
                    return Err(Fault::new(Class::Transient, "compare", object, "it is gone; it is made again"));
                }
                Ok(false)
            }
        }
    }

    /// After a surprise the object is read again, so that the next plan sees what is there. A fault here changes nothing:
    /// the surprise itself is what is told.
    async fn look_again(&self, account: &Account<C>, object: &ObjectId) {
        if let Ok(finding) = account.cloud.read(&Read::Object(object.clone()), &account.inventory).await {
            account.inventory.lock().learn(object, finding);
        }
    }
}
