//! The contract with a cloud: what the inventory is filled by and the plan is carried out through, one module a cloud.

pub mod alibaba;
pub mod aws;
pub mod budget;
pub mod calls;
#[cfg(test)]
pub(crate) mod memory;
mod ownership;
mod pages;
mod wording;

use std::collections::BTreeMap;
use std::future::Future;

use parking_lot::Mutex;

pub use budget::{Budgets, Priority, Rates};
pub use calls::Calls;
pub use ownership::not_owned;

use crate::model::{CloudAction, Effect, Fault, Finding, Inventory, NewKey, PasswordRules, Quota, Read, Sweep};

/// One cloud account. Every call waits for the account's API budget and is counted. The inventory that some calls take
/// is locked briefly for look-ups (ARNs, versions, the cluster's id), never across an await; nothing here writes to it:
/// the caller records what an act left behind.
pub trait Cloud: Send + Sync {
    /// Reads every object of the account: whole, or a fault. One page that fails throws all away, for what a partial
    /// reading lacks would look like what was deleted.
    fn sweep(&self) -> impl Future<Output = Result<Sweep, Fault>> + Send;

    /// Reads one thing live. What there is none of is [`Finding::Absent`], not a fault.
    fn read(&self, what: &Read, inventory: &Mutex<Inventory>) -> impl Future<Output = Result<Finding, Fault>> + Send;

    /// Does one act. All but [`CloudAction::CreateKey`] may be repeated: what is made already is done, what is gone
    /// already is removed.
    fn execute(
        &self,
        action: &CloudAction,
        inventory: &Mutex<Inventory>,
    ) -> impl Future<Output = Result<Effect, Fault>> + Send;

    /// Quotas by name (`Users`, `Groups`, `Policies`, …), with what is used of them.
    fn quotas(&self) -> impl Future<Output = Result<BTreeMap<String, Quota>, Fault>> + Send;

    /// The account's rules for passwords; none where it has none of its own.
    fn password_rules(&self) -> impl Future<Output = Result<Option<PasswordRules>, Fault>> + Send;

    /// Puts the rules for passwords in force, whole. May be repeated.
    fn set_password_rules(&self, rules: &PasswordRules) -> impl Future<Output = Result<(), Fault>> + Send;

    /// The issuer that an OIDC provider of the account stands for; none where it is not told, empty where there is no such
    /// provider.
    fn issuer_of(&self, provider: &str) -> impl Future<Output = Result<Option<String>, Fault>> + Send;

    /// Whether a new key works by now: asks the cloud once, with that key, who it is.
    fn answers(&self, key: &NewKey) -> impl Future<Output = Result<bool, Fault>> + Send;
}

/// An account of any cloud that we know.
#[derive(Debug)]
pub enum AnyCloud {
    /// An AWS account.
    Aws(Box<aws::Aws>),
    /// An Alibaba Cloud account.
    Alibaba(Box<alibaba::Alibaba>),
    /// An account that lives in the memory of a test.
    #[cfg(test)]
    Memory(memory::MemoryCloud),
}

impl Cloud for AnyCloud {
    async fn sweep(&self) -> Result<Sweep, Fault> {
        match self {
            Self::Aws(aws) => aws.sweep().await,
            Self::Alibaba(alibaba) => alibaba.sweep().await,
            #[cfg(test)]
            Self::Memory(memory) => memory.sweep().await,
        }
    }

    async fn read(&self, what: &Read, inventory: &Mutex<Inventory>) -> Result<Finding, Fault> {
        match self {
            Self::Aws(aws) => aws.read(what, inventory).await,
            Self::Alibaba(alibaba) => alibaba.read(what, inventory).await,
            #[cfg(test)]
            Self::Memory(memory) => memory.read(what, inventory).await,
        }
    }

    async fn execute(&self, action: &CloudAction, inventory: &Mutex<Inventory>) -> Result<Effect, Fault> {
        match self {
            Self::Aws(aws) => aws.execute(action, inventory).await,
            Self::Alibaba(alibaba) => alibaba.execute(action, inventory).await,
            #[cfg(test)]
            Self::Memory(memory) => memory.execute(action, inventory).await,
        }
    }

    async fn quotas(&self) -> Result<BTreeMap<String, Quota>, Fault> {
        match self {
            Self::Aws(aws) => aws.quotas().await,
            Self::Alibaba(alibaba) => alibaba.quotas().await,
            #[cfg(test)]
            Self::Memory(memory) => memory.quotas().await,
        }
    }

    async fn password_rules(&self) -> Result<Option<PasswordRules>, Fault> {
        match self {
            Self::Aws(aws) => aws.password_rules().await,
            Self::Alibaba(alibaba) => alibaba.password_rules().await,
            #[cfg(test)]
            Self::Memory(memory) => memory.password_rules().await,
        }
    }

    async fn set_password_rules(&self, rules: &PasswordRules) -> Result<(), Fault> {
        match self {
            Self::Aws(aws) => aws.set_password_rules(rules).await,
            Self::Alibaba(alibaba) => alibaba.set_password_rules(rules).await,
            #[cfg(test)]
            Self::Memory(memory) => memory.set_password_rules(rules).await,
        }
    }

    async fn issuer_of(&self, provider: &str) -> Result<Option<String>, Fault> {
        match self {
            Self::Aws(aws) => aws.issuer_of(provider).await,
            Self::Alibaba(alibaba) => alibaba.issuer_of(provider).await,
            #[cfg(test)]
            Self::Memory(memory) => memory.issuer_of(provider).await,
        }
    }

    async fn answers(&self, key: &NewKey) -> Result<bool, Fault> {
        match self {
            Self::Aws(aws) => aws.answers(key).await,
            Self::Alibaba(alibaba) => alibaba.answers(key).await,
            #[cfg(test)]
            Self::Memory(memory) => memory.answers(key).await,
        }
    }
}
