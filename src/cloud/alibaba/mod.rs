//! An Alibaba Cloud account: RAM, IMS, STS and PAI's workspaces behind the contract of [`Cloud`], one function a call.
//!
//! What RAM lacks is played with what it has: a path is what marks say, a group's mark is its comment, an inline policy
//! is a policy of its own ([`inline`]).

mod act;
mod call;
mod connect;
mod credentials;
mod drain;
mod endpoints;
mod groups;
mod http;
mod inline;
mod keys;
mod lists;
mod logins;
mod max_compute;
mod notebooks;
mod odps;
mod opening;
mod passwords;
mod policies;
mod rates;
mod read;
mod refusal;
mod roles;
mod shapes;
mod sweep;
mod users;
mod wire;
mod workspaces;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

use parking_lot::Mutex;

use self::act::{Act, Channel};
use self::call::Call;
use super::{Cloud, Priority};
use crate::model::{
    Class, CloudAction, Effect, Fault, Finding, Inventory, NewKey, ObjectId, ObjectKind, PasswordRules, Quota, Read,
    Sweep, WorkspaceRead,
};
use crate::names::CloudName;

pub use self::connect::{Identity, Settings};
pub use self::credentials::{AssumeRole, Credentials};
pub use self::opening::address_of_notebook;

/// One Alibaba Cloud account, reached with one set of credentials. Its [API budget](super::budget::Budget) is the
/// account's, whoever else calls it.
#[derive(Debug)]
pub struct Alibaba {
    channel: Channel,
    identity: Identity,
    /// What follows the `@` in the names by which IMS knows users.
    domain: tokio::sync::Mutex<Option<String>>,
    empty_recycle_bin: bool,
    /// Whether MaxCompute accepts only the older of its signatures.
    older_odps: AtomicBool,
    /// Notebooks of which nobody knows whether they were made: their creation had no clear answer.
    in_doubt: Mutex<BTreeSet<CloudName>>,
}

impl Alibaba {
    /// Who the operator is here, as STS said at the start.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    fn act(&self, object: impl Into<String>, priority: Priority) -> Act<'_> {
        Act { channel: &self.channel, object: object.into(), priority }
    }

    fn act_on(&self, object: &ObjectId, priority: Priority) -> Act<'_> {
        self.act(format!("{} \"{}\"", kind(object.kind), object.name), priority)
    }

    /// A user's name as IMS takes it: `acme.alice@1234567890123456.onaliyun.com`. The domain is asked for once; people may
    /// change it, which sweeps show.
    async fn principal(&self, user: &CloudName) -> Result<String, Fault> {
        let mut domain = self.domain.lock().await;
        if let Some(domain) = domain.as_ref() {
            return Ok(format!("{user}@{domain}"));
        }
        let act = self.act("the account", Priority::Normal);
        let answer = act.send(Call::ims("GetDefaultDomain")).await?;
        let Some(asked) = answer["DefaultDomainName"].as_str() else {
            let message = "Alibaba Cloud did not say under which domain users log in";
            return Err(act.fault(Class::Transient, "ram:GetDefaultDomain", message));
        };
        *domain = Some(asked.to_owned());
        Ok(format!("{user}@{asked}"))
    }

    /// Takes over the domain that all users' names show by now. Where they show none, or several, it is asked for again.
    async fn note_domain(&self, principals: impl Iterator<Item = &str>) {
        let mut domains = principals.filter_map(|it| Some(it.split_once('@')?.1));
        let first = domains.next();
        let same = domains.all(|domain| Some(domain) == first);
        let mut known = self.domain.lock().await;
        *known = known.as_ref().and(first.filter(|_| same)).map(str::to_owned);
    }
}

/// What Alibaba Cloud calls the kinds of object.
fn kind(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Group => "RAM group",
        ObjectKind::Notebook => "DSW instance",
        ObjectKind::Policy => "RAM policy",
        ObjectKind::Role => "RAM role",
        ObjectKind::User => "RAM user",
        ObjectKind::MaxCompute => "MaxCompute",
        ObjectKind::Workspace => "PAI workspace",
    }
}

impl Cloud for Alibaba {
    async fn sweep(&self) -> Result<Sweep, Fault> {
        sweep::sweep(self, &self.act("the account", Priority::Normal)).await
    }

    async fn read(&self, what: &Read, inventory: &Mutex<Inventory>) -> Result<Finding, Fault> {
        let act = self.act_on(&what.object(), Priority::Normal);
        match what {
            Read::Keys(user) => keys::read(&act, user).await,
            Read::LastUse { user, id } => keys::last_use(self, &act, user, id).await,
            Read::Login(user) => logins::read(&act, user).await,
            Read::Tags(policy) => read::tags(&act, policy).await,
            Read::Notebooks(region) => {
                let act = self.act(format!("the notebooks in {region}"), Priority::Normal);
                notebooks::list(&act, region, inventory).await
            }
            Read::Object(object) => read::object(self, &act, object, inventory).await,
            Read::Mark(object) => read::mark(self, &act, object, inventory).await,
            Read::MaxCompute(asked) => max_compute::read(self, &act, asked).await,
            Read::Workspace(WorkspaceRead::Region(region)) => {
                let act = self.act(format!("the PAI workspaces in {region}"), Priority::Normal);
                workspaces::list(&act, region).await
            }
            Read::Workspace(WorkspaceRead::Members(workspace)) => workspaces::members(&act, workspace, inventory).await,
        }
    }

    async fn execute(&self, action: &CloudAction, inventory: &Mutex<Inventory>) -> Result<Effect, Fault> {
        let act = self.act_on(&action.object(), Priority::of(action));
        match action {
            CloudAction::CreateGroup(group) => groups::create(self, &act, group, inventory).await,
            CloudAction::DeleteGroup(name) => groups::delete(self, &act, name, inventory).await,
            CloudAction::MoveGroup { group, path } => groups::set_path(&act, group, path).await,
            CloudAction::CreateUser(user) => users::create(self, &act, user, inventory).await,
            CloudAction::DeleteUser(name) => users::delete(self, &act, name, inventory).await,
            CloudAction::SetTags { of, set, unset } => match of.kind {
                ObjectKind::User => users::set_tags(self, &act, &of.name, set, unset).await,
                ObjectKind::Policy => policies::set_tags(&act, &of.name, set, unset).await,
                ObjectKind::Role => roles::set_tags(&act, &of.name, set, unset).await,
                ObjectKind::Notebook => notebooks::set_labels(&act, &of.name, set, unset, inventory).await,
                ObjectKind::Group | ObjectKind::MaxCompute | ObjectKind::Workspace => groups::set_tags(&act),
            },
            CloudAction::SetProfile { user, profile } => users::set_profile(self, &act, user, profile).await,
            CloudAction::SetBoundary { .. } => {
                Err(act.fault(Class::Invalid, "ram:SetBoundary", "RAM has no permissions boundaries"))
            }
            CloudAction::Role(action) => roles::carry_out(self, &act, action, inventory).await,
            CloudAction::CreatePolicy(policy) => policies::create(self, &act, policy, inventory).await,
            CloudAction::SetDocument { policy, document } => {
                policies::set_document(&act, policy, document, inventory).await
            }
            CloudAction::DeletePolicy(name) => policies::delete(self, &act, name, inventory).await,
            CloudAction::AddMember { group, user } => groups::add_member(&act, group, user).await,
            CloudAction::RemoveMember { group, user } => groups::remove_member(&act, group, user).await,
            CloudAction::Attach { to, policy } => policies::attach(self, &act, to, policy).await,
            CloudAction::Detach { from, arn } => policies::detach(&act, from, arn).await,
            CloudAction::PutInline { of, name, document } => {
                inline::put(self, &act, of, name, document, inventory).await
            }
            CloudAction::DeleteInline { of, name } => inline::delete(&act, of, name, inventory).await,
            CloudAction::DropLoose(name) => inline::discard(&act, name).await.map(|()| Effect::Done),
            CloudAction::CreateKey(user) => keys::create(&act, user).await,
            CloudAction::SetKeyActive { user, id, active } => keys::set_active(&act, user, id, *active).await,
            CloudAction::DeleteKey { user, id } => keys::delete(self, &act, user, id).await,
            CloudAction::SetLogin { user, password, reset_required } => {
                logins::set(&act, user, password, *reset_required).await
            }
            CloudAction::DeleteLogin(user) => logins::delete(&act, user).await,
            CloudAction::Notebook(action) => notebooks::execute(self, &act, action, inventory).await,
            CloudAction::MaxCompute(action) => max_compute::execute(self, &act, action).await,
            CloudAction::Workspace(action) => workspaces::execute(&act, action, inventory).await,
        }
    }

    async fn quotas(&self) -> Result<BTreeMap<String, Quota>, Fault> {
        let act = self.act("the account", Priority::Normal);
        Ok(shapes::quotas(&act.send(Call::ims("GetAccountSummary")).await?))
    }

    async fn password_rules(&self) -> Result<Option<PasswordRules>, Fault> {
        passwords::read(&self.act("the account's password policy", Priority::Normal)).await
    }

    async fn set_password_rules(&self, rules: &PasswordRules) -> Result<(), Fault> {
        passwords::set(&self.act("the account's password policy", Priority::Normal), rules).await
    }

    async fn issuer_of(&self, provider: &str) -> Result<Option<String>, Fault> {
        roles::issuer_of(&self.act(format!("OIDC provider {provider}"), Priority::Normal), provider).await
    }

    async fn answers(&self, key: &NewKey) -> Result<bool, Fault> {
        keys::answers(&self.act(format!("key {}", key.id), Priority::Normal), key).await
    }
}

#[cfg(test)]
mod tests;
