//! An AWS account: IAM, STS and SageMaker behind the contract of [`Cloud`], one function a call.

mod act;
mod catalogue;
mod connect;
mod denied;
mod drain;
mod groups;
mod keys;
mod lists;
mod logins;
mod notebooks;
mod opening;
mod passwords;
mod policies;
mod read;
mod refusal;
mod roles;
mod sagemaker;
mod shapes;
mod sweep;
mod users;

use std::collections::BTreeMap;

use parking_lot::Mutex;

use self::act::{Act, Channel};
use self::catalogue::Catalogue;
use super::{Cloud, Priority};
use crate::model::{
    Class, CloudAction, Effect, Fault, Finding, Inventory, NewKey, NotebookAction, ObjectId, ObjectKind, PasswordRules,
    Quota, Read, RoleAction, Sweep,
};

pub use self::connect::{AssumeRole, Credentials, Identity, Settings};
pub use self::opening::presigned_notebook_url;

/// One AWS account, reached with one set of credentials. Its [API budget](super::budget::Budget) is the account's,
/// whoever else calls it.
#[derive(Debug)]
pub struct Aws {
    iam: aws_sdk_iam::Client,
    /// What a client with other credentials is made of.
    base: aws_config::SdkConfig,
    channel: Channel,
    identity: Identity,
    catalogue: Catalogue,
}

impl Aws {
    /// Who the operator is here, as STS said at the start.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    fn act(&self, object: impl Into<String>, priority: Priority) -> Act<'_> {
        Act { iam: &self.iam, channel: &self.channel, object: object.into(), priority }
    }

    fn act_on(&self, object: &ObjectId, priority: Priority) -> Act<'_> {
        self.act(format!("{} \"{}\"", kind(object.kind), object.name), priority)
    }
}

/// What AWS calls the kinds of object.
fn kind(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Group => "IAM group",
        ObjectKind::Notebook => notebooks::KIND,
        ObjectKind::Policy => "IAM policy",
        ObjectKind::Role => "IAM role",
        ObjectKind::User => "IAM user",
        ObjectKind::MaxCompute => "MaxCompute",
        ObjectKind::Workspace => "workspace",
    }
}

impl Cloud for Aws {
    async fn sweep(&self) -> Result<Sweep, Fault> {
        sweep::sweep(&self.act("the account", Priority::Normal)).await
    }

    async fn read(&self, what: &Read, inventory: &Mutex<Inventory>) -> Result<Finding, Fault> {
        match what {
            Read::Keys(user) => keys::read(&self.act_on(&ObjectId::user(user), Priority::Normal), user).await,
            Read::LastUse { user, id } => {
                keys::last_use(&self.act_on(&ObjectId::user(user), Priority::Normal), id).await
            }
            Read::Login(user) => logins::read(&self.act_on(&ObjectId::user(user), Priority::Normal), user).await,
            Read::Tags(policy) => {
                read::tags(&self.act_on(&ObjectId::policy(policy), Priority::Normal), policy, inventory).await
            }
            Read::Notebooks(region) => self.list_notebooks(region, inventory).await.map(Finding::Notebooks),
            Read::Object(object) if object.kind == ObjectKind::Notebook => {
                self.find_notebook(&self.act_on(object, Priority::Normal), &object.name, inventory).await
            }
            Read::Object(object) => read::object(&self.act_on(object, Priority::Normal), object, inventory).await,
            Read::Mark(object) => self.whose(&self.act_on(object, Priority::Normal), object, inventory).await,
            // AWS has none.
            Read::MaxCompute(_) => Ok(Finding::Absent),
            Read::Workspace(_) => Ok(Finding::Absent),
        }
    }

    async fn execute(&self, action: &CloudAction, inventory: &Mutex<Inventory>) -> Result<Effect, Fault> {
        match self.carry_out(action, inventory).await {
            Err(fault) if fault.class == Class::AccessDenied => self.denied_or_gone(action, inventory, fault).await,
            done => done,
        }
    }

    async fn quotas(&self) -> Result<BTreeMap<String, Quota>, Fault> {
        let act = self.act("the account", Priority::Normal);
        let summary = act.send("GetAccountSummary", self.iam.get_account_summary().send()).await?;
        Ok(shapes::quotas(summary.summary_map.unwrap_or_default()))
    }

    async fn password_rules(&self) -> Result<Option<PasswordRules>, Fault> {
        passwords::read(&self.act("the account's password policy", Priority::Normal)).await
    }

    async fn set_password_rules(&self, rules: &PasswordRules) -> Result<(), Fault> {
        passwords::set(&self.act("the account's password policy", Priority::Normal), rules).await
    }

    /// The ARN says it.
    async fn issuer_of(&self, provider: &str) -> Result<Option<String>, Fault> {
        Ok(provider.split_once(":oidc-provider/").map(|(_, issuer)| format!("https://{issuer}")))
    }

    async fn answers(&self, key: &NewKey) -> Result<bool, Fault> {
        keys::answers(&self.act(format!("key {}", key.id), Priority::Normal), &self.base, key).await
    }
}

impl Aws {
    /// Whose an object is, if there is one.
    async fn whose(&self, act: &Act<'_>, object: &ObjectId, inventory: &Mutex<Inventory>) -> Result<Finding, Fault> {
        match object.kind {
            ObjectKind::Notebook => self.mark_of_notebook(act, &object.name, inventory).await,
            _ => read::mark(act, object, inventory).await,
        }
    }

    async fn carry_out(&self, action: &CloudAction, inventory: &Mutex<Inventory>) -> Result<Effect, Fault> {
        let act = self.act_on(&action.object(), Priority::of(action));
        match action {
            CloudAction::CreateGroup(group) => groups::create(&act, group, inventory).await,
            CloudAction::DeleteGroup(name) => groups::delete(&act, name).await,
            CloudAction::MoveGroup { group, path } => groups::set_path(&act, group, path).await,
            CloudAction::CreateUser(user) => users::create(&act, user, inventory).await,
            CloudAction::DeleteUser(name) => users::delete(&act, name).await,
            CloudAction::SetTags { of, set, unset } => match of.kind {
                ObjectKind::User => users::set_tags(&act, &of.name, set, unset).await,
                ObjectKind::Policy => policies::set_tags(&act, &of.name, set, unset, inventory).await,
                ObjectKind::Role => roles::set_tags(&act, &of.name, set, unset).await,
                ObjectKind::Group | ObjectKind::MaxCompute | ObjectKind::Workspace => groups::set_tags(&act),
                ObjectKind::Notebook => self.tag_notebook(&act, &of.name, set, unset, inventory).await,
            },
            CloudAction::SetProfile { .. } => {
                Err(act.fault(Class::Invalid, "iam:UpdateUser", "IAM shows nothing of a user but its name"))
            }
            CloudAction::SetBoundary { of, boundary } if of.kind == ObjectKind::Role => {
                roles::set_boundary(&act, &of.name, boundary.as_deref()).await
            }
            CloudAction::SetBoundary { of, boundary } => users::set_boundary(&act, &of.name, boundary.as_deref()).await,
            CloudAction::Role(action) => roles::carry_out(&act, action, inventory).await,
            CloudAction::CreatePolicy(policy) => policies::create(&act, policy, inventory).await,
            CloudAction::SetDocument { policy, document } => {
                policies::set_document(&act, policy, document, inventory).await
            }
            CloudAction::DeletePolicy(name) => policies::delete(&act, name, inventory).await,
            CloudAction::AddMember { group, user } => groups::add_member(&act, group, user).await,
            CloudAction::RemoveMember { group, user } => groups::remove_member(&act, group, user).await,
            CloudAction::Attach { to, policy } => {
                let partition = &self.identity.partition;
                policies::attach(&act, to, policy, inventory, &self.catalogue, partition).await
            }
            CloudAction::Detach { from, arn } => policies::detach(&act, from, arn).await,
            CloudAction::PutInline { of, name, document } => policies::put_inline(&act, of, name, document).await,
            CloudAction::DeleteInline { of, name } => policies::delete_inline(&act, of, name).await,
            // Inline policies are IAM's own.
            CloudAction::DropLoose(_) => Ok(Effect::Done),
            CloudAction::CreateKey(user) => keys::create(&act, user).await,
            CloudAction::SetKeyActive { user, id, active } => keys::set_active(&act, user, id, *active).await,
            CloudAction::DeleteKey { user, id } => keys::delete(&act, user, id).await,
            CloudAction::SetLogin { user, password, reset_required } => {
                logins::set(&act, user, password, *reset_required).await
            }
            CloudAction::DeleteLogin(user) => logins::delete(&act, user).await,
            CloudAction::Notebook(action) => self.notebook(action, inventory).await,
            CloudAction::MaxCompute(_) => Err(act.fault(Class::Invalid, "odps", "AWS has no MaxCompute")),
            CloudAction::Workspace(_) => Err(act.fault(Class::Invalid, "CreateWorkspace", "AWS has no PAI workspaces")),
        }
    }

    /// IAM looks at rights before it looks for the object. Of one that is not there it knows no path, so rights that are
    /// for paths do not cover it, and what somebody else removed looks like a denied action.
    async fn denied_or_gone(
        &self,
        action: &CloudAction,
        inventory: &Mutex<Inventory>,
        denied: Fault,
    ) -> Result<Effect, Fault> {
        let mut objects = vec![action.object()];
        match action {
            CloudAction::CreateGroup(_)
            | CloudAction::CreatePolicy(_)
            | CloudAction::CreateUser(_)
            | CloudAction::Notebook(NotebookAction::Create(_))
            | CloudAction::Role(RoleAction::Create(_)) => {
                return Err(denied);
            }
            CloudAction::AddMember { group, .. } | CloudAction::RemoveMember { group, .. } => {
                objects.push(ObjectId::group(group));
            }
            _ => {}
        }
        for object in objects {
            let act = self.act_on(&object, Priority::of(action));
            if let Ok(Finding::Absent) = self.whose(&act, &object, inventory).await {
                if action.takes_away() {
                    return Ok(Effect::Done);
                }
                return Err(Fault {
                    class: Class::Transient,
                    message: format!("{object} is not there any more"),
                    ..denied
                });
            }
        }
        Err(denied)
    }
}

#[cfg(test)]
mod tests;
