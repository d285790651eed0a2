//! A cloud account in memory for tests of the engine: it behaves as IAM does, fails, loses answers and crashes on
//! command, and notes what must never happen.

#![allow(dead_code)]

mod deeds;
mod max_compute;
mod notebooks;
mod ram;
mod roles;
mod workspaces;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use secrecy::ExposeSecret;

pub(crate) use world::World;

use super::Cloud;
use super::ownership::mark_of;
use crate::model::{
    Class, CloudAction, Effect, Fault, Finding, Inventory, LastUse, NewKey, NotebookAction, ObjectKind, PasswordRules,
    Quota, Read, Sweep,
};
use crate::names::ClusterId;

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disturbance {
    /// It is refused with this class before anything is done.
    Fail(Class),
    /// It is done, but its answer is lost: the caller sees `Transient`.
    LoseAnswer,
    /// The same, and the call after it, which would look what became of it, is not answered either.
    LoseTwoAnswers,
    /// The caller dies before the call is sent.
    CrashBefore,
    /// The caller dies after the call was done, before its answer.
    CrashAfter,
}

/// Which call, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum At {
    /// The n-th call of any kind.
    Call(u64),
    /// The n-th `execute`.
    Write(u64),
}

#[derive(Debug, Default)]
struct Script {
    disturbances: BTreeMap<At, Disturbance>,
    calls: u64,
    writes: u64,
    by_operation: BTreeMap<&'static str, u64>,
    crashed: bool,
}

/// The account. Clones share it, so that an operator that is started again finds what the one before it left.
#[derive(Clone, Debug)]
pub struct MemoryCloud {
    world: Arc<Mutex<World>>,
    script: Arc<Mutex<Script>>,
}

const CRASH: &str = "crash";

/// Whether a fault stands for the death of the operator's process.
pub(crate) fn is_crash(fault: &Fault) -> bool {
    fault.action == CRASH
}

impl MemoryCloud {
    /// An empty account whose objects of `cluster` are ours.
    pub(crate) fn new(cluster: ClusterId, account: &str) -> Self {
        Self { world: Arc::new(Mutex::new(World::new(cluster, account))), script: Arc::default() }
    }

    /// The same, behaving as RAM does.
    pub(crate) fn ram(cluster: ClusterId, account: &str) -> Self {
        let cloud = Self::new(cluster, account);
        cloud.with(|world| world.is_ram = true);
        cloud
    }

    /// Disturbs one call.
    pub(crate) fn disturb(&self, at: At, how: Disturbance) {
        self.script.lock().disturbances.insert(at, how);
    }

    /// Forgets all disturbances that are still to come.
    pub(crate) fn calm(&self) {
        self.script.lock().disturbances.clear();
    }

    /// Lets calls through again after a crash.
    pub(crate) fn restart(&self) {
        self.script.lock().crashed = false;
    }

    /// Whether a crash is in force.
    pub(crate) fn crashed(&self) -> bool {
        self.script.lock().crashed
    }

    /// How many calls there were, disturbed ones too.
    pub(crate) fn calls(&self) -> u64 {
        self.script.lock().calls
    }

    /// How many of them were `execute`.
    pub(crate) fn writes(&self) -> u64 {
        self.script.lock().writes
    }

    /// Calls by the cloud's name of the operation.
    pub(crate) fn calls_by_operation(&self) -> BTreeMap<&'static str, u64> {
        self.script.lock().by_operation.clone()
    }

    /// Sets all counters to zero; calls are numbered from 1 again.
    pub(crate) fn reset_calls(&self) {
        let mut script = self.script.lock();
        script.calls = 0;
        script.writes = 0;
        script.by_operation.clear();
    }

    /// Looks at the account, or changes it by hand as people do.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.lock())
    }

    /// What must never be: dangling edges, a third key, and every write to what is not ours.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.world.lock().violations()
    }

    async fn call<T>(
        &self,
        operation: &'static str,
        deed: impl FnOnce(&mut World) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        // As over a network, others get their turn between the sending and the doing.
        tokio::task::yield_now().await;
        match self.disturbance(operation)? {
            Some(Disturbance::Fail(class)) => Err(Fault::new(class, operation, "the account", "as the test wants it")),
            Some(Disturbance::CrashBefore) => Err(self.crash()),
            Some(how @ (Disturbance::LoseAnswer | Disturbance::LoseTwoAnswers)) => {
                let _ = deed(&mut self.world.lock());
                if how == Disturbance::LoseTwoAnswers {
                    let mut script = self.script.lock();
                    let next = At::Call(script.calls + 1);
                    script.disturbances.insert(next, Disturbance::Fail(Class::Transient));
                }
                Err(Fault::new(Class::Transient, operation, "the account", "no answer"))
            }
            Some(Disturbance::CrashAfter) => {
                let _ = deed(&mut self.world.lock());
                Err(self.crash())
            }
            None => deed(&mut self.world.lock()),
        }
    }

    fn disturbance(&self, operation: &'static str) -> Result<Option<Disturbance>, Fault> {
        let mut script = self.script.lock();
        if script.crashed {
            return Err(Fault::new(Class::Transient, CRASH, "the account", "the operator is dead"));
        }
        script.calls += 1;
        *script.by_operation.entry(operation).or_default() += 1;
        let mut disturbance = None;
        if !is_read(operation) {
            script.writes += 1;
            let write = At::Write(script.writes);
            disturbance = script.disturbances.remove(&write);
        }
        let call = At::Call(script.calls);
        Ok(script.disturbances.remove(&call).or(disturbance))
    }

    fn crash(&self) -> Fault {
        self.script.lock().crashed = true;
        Fault::new(Class::Transient, CRASH, "the account", "the operator dies")
    }
}

fn is_read(operation: &str) -> bool {
    operation.starts_with("Get") || operation.starts_with("List")
}

fn operation_of(action: &CloudAction) -> &'static str {
    match action {
        CloudAction::CreateGroup(_) => "CreateGroup",
        CloudAction::DeleteGroup(_) => "DeleteGroup",
        CloudAction::MoveGroup { .. } => "UpdateGroup",
        CloudAction::CreateUser(_) => "CreateUser",
        CloudAction::DeleteUser(_) => "DeleteUser",
        CloudAction::SetTags { .. } => "Tag",
        CloudAction::SetProfile { .. } => "UpdateUser",
        CloudAction::SetBoundary { .. } => "PutPermissionsBoundary",
        CloudAction::Role(action) => roles::operation_of(action),
        CloudAction::CreatePolicy(_) => "CreatePolicy",
        CloudAction::SetDocument { .. } => "CreatePolicyVersion",
        CloudAction::DeletePolicy(_) => "DeletePolicy",
        CloudAction::AddMember { .. } => "AddUserToGroup",
        CloudAction::RemoveMember { .. } => "RemoveUserFromGroup",
        CloudAction::Attach { .. } => "AttachPolicy",
        CloudAction::Detach { .. } => "DetachPolicy",
        CloudAction::PutInline { .. } => "PutInlinePolicy",
        CloudAction::DeleteInline { .. } => "DeleteInlinePolicy",
        CloudAction::DropLoose(_) => "DeletePolicy",
        CloudAction::CreateKey(_) => "CreateAccessKey",
        CloudAction::SetKeyActive { .. } => "UpdateAccessKey",
        CloudAction::DeleteKey { .. } => "DeleteAccessKey",
        CloudAction::SetLogin { .. } => "CreateLoginProfile",
        CloudAction::DeleteLogin(_) => "DeleteLoginProfile",
        CloudAction::Notebook(action) => match action {
            NotebookAction::Create(_) => "CreateNotebook",
            NotebookAction::Start(_) => "StartNotebook",
            NotebookAction::SetIdle { .. } => "SetIdleOfNotebook",
            NotebookAction::Stop { .. } => "StopNotebook",
            NotebookAction::Update { .. } => "UpdateNotebook",
            NotebookAction::Delete(_) => "DeleteNotebook",
        },
        CloudAction::MaxCompute(action) => max_compute::operation_of(&action.deed),
        CloudAction::Workspace(action) => workspaces::operation_of(action),
    }
}

impl Cloud for MemoryCloud {
    async fn sweep(&self) -> Result<Sweep, Fault> {
        self.call("GetAccountAuthorizationDetails", |world| {
            if world.is_ram {
                return Ok(world.lists());
            }
            Ok(Sweep { found: world.everything(), ..Sweep::default() })
        })
        .await
    }

    async fn read(&self, what: &Read, _inventory: &Mutex<Inventory>) -> Result<Finding, Fault> {
        let operation = match what {
            Read::Keys(_) => "ListAccessKeys",
            Read::LastUse { .. } => "GetAccessKeyLastUsed",
            Read::Login(_) => "GetLoginProfile",
            Read::Tags(_) => "GetPolicy",
            Read::Notebooks(_) => "ListNotebooks",
            Read::Workspace(_) => "ListWorkspaces",
            Read::Object(object) | Read::Mark(object) => match object.kind {
                ObjectKind::User => "GetUser",
                ObjectKind::Group => "GetGroup",
                ObjectKind::Policy => "GetPolicy",
                ObjectKind::Notebook => "GetNotebook",
                ObjectKind::Role => "GetRole",
                ObjectKind::MaxCompute => "GetNothing",
                ObjectKind::Workspace => "GetWorkspace",
            },
            Read::MaxCompute(_) => "GetMaxCompute",
        };
        self.call(operation, |world| {
            Ok(match what {
                Read::Keys(user) => world
                    .users
                    .get(user)
                    .map_or(Finding::Absent, |user| Finding::Keys(user.keys.clone().unwrap_or_default())),
                Read::LastUse { id, .. } => {
                    let at = world.used.get(id).copied();
                    let service = at.map(|_| "s3".to_owned());
                    Finding::LastUse { id: id.clone(), last_use: LastUse { at, service, asked: world.now } }
                }
                Read::Login(user) => Finding::Login(world.login(user)),
                Read::Tags(policy) => world
                    .policies
                    .get(policy)
                    .map_or(Finding::Absent, |policy| Finding::Tags(policy.tags.clone().unwrap_or_default())),
                Read::Notebooks(region) => Finding::Notebooks(world.notebook_list(region)),
                Read::Workspace(read) => world.workspaces(read),
                Read::Object(object) => world.find(object),
                Read::MaxCompute(asked) => world.see_max_compute(asked),
                Read::Mark(object) => match world.find(object) {
                    Finding::Absent => Finding::Absent,
                    found => {
                        let default_version = match &found {
                            Finding::Policy(policy) => Some(policy.default_version.clone()),
                            _ => None,
                        };
                        Finding::Mark { mark: mark_of(&found, &world.cluster), default_version }
                    }
                },
            })
        })
        .await
    }

    async fn execute(&self, action: &CloudAction, inventory: &Mutex<Inventory>) -> Result<Effect, Fault> {
        if self.with(|world| world.is_ram) {
            return ram::execute(self, action, inventory).await;
        }
        let own = |name: &_| inventory.lock().policies.get(name).map(|policy| policy.arn.clone());
        self.call(operation_of(action), |world| world.execute(action, own)).await
    }

    async fn quotas(&self) -> Result<BTreeMap<String, Quota>, Fault> {
        self.call("GetAccountSummary", |world| Ok(world.quotas())).await
    }

    async fn password_rules(&self) -> Result<Option<PasswordRules>, Fault> {
        self.call("GetAccountPasswordPolicy", |world| Ok(world.passwords.clone())).await
    }

    async fn set_password_rules(&self, rules: &PasswordRules) -> Result<(), Fault> {
        self.call("UpdateAccountPasswordPolicy", |world| {
            world.passwords = Some(rules.clone());
            Ok(())
        })
        .await
    }

    async fn issuer_of(&self, _provider: &str) -> Result<Option<String>, Fault> {
        Ok(None)
    }

    async fn answers(&self, key: &NewKey) -> Result<bool, Fault> {
        self.call("GetCallerIdentity", |world| Ok(world.accepts(&key.id, key.secret.expose_secret()))).await
    }
}

#[cfg(test)]
mod tests;
