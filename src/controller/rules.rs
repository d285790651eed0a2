//! What holds for a whole account: the boundary that the operator keeps, and the rules for passwords.

use super::Operator;
use crate::api::{CloudAccount, Management};
use crate::apply::Account;
use crate::cloud::{AnyCloud, Cloud};
use crate::desired::{AccountFacts, account_rules, boundary_description};
use crate::model::{Class, CloudAction, Fault};
use crate::names::{AccountName, boundary_policy};
use crate::plan::plan_rules;

/// What became of an account's rules: tenants go on whatever it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    /// Why they do not hold.
    pub(super) fault: Option<Fault>,
    /// What differs and is not put right, because the account is only observed.
    pub(super) drift: Vec<String>,
    /// Whether the boundary was made or changed just now: tenants may wait for it.
    pub(super) made: bool,
}

impl Operator {
    /// Compares the account's rules with what is there and puts them right. One call where passwords are managed, none
    /// otherwise, as long as nothing differs.
    pub(super) async fn keep_rules(
        &self,
        name: &AccountName,
        manifest: &CloudAccount,
        account: &Account<AnyCloud>,
    ) -> Rules {
        let id = account.inventory.lock().account.clone();
        if let Some(other) = self.password_rival(name, manifest, &id) {
            let message = format!(
                "CloudAccount {other} is the same account, {id}, and its spec.passwordPolicy says otherwise. The rules \
                 for passwords stay as they are. Make the two alike, or take one of them out."
            );
            let fault = Fault::new(Class::Invalid, "compare", "spec.passwordPolicy", message);
            return Rules { fault: Some(fault), ..Rules::default() };
        }
        let result = self.put_right(name, manifest, account, &id).await;
        result.unwrap_or_else(|fault| Rules { fault: Some(fault), ..Rules::default() })
    }

    async fn put_right(
        &self,
        name: &AccountName,
        manifest: &CloudAccount,
        account: &Account<AnyCloud>,
        id: &str,
    ) -> Result<Rules, Fault> {
        let facts = AccountFacts {
            manifest: manifest.clone().into(),
            id: Some(id.to_owned()),
            partition: account.inventory.lock().partition.clone(),
            trouble: None,
            unreadable: false,
            issuer: None,
        };
        let wanted = account_rules(name, &facts, id, &self.settings.cluster);
        let seen = if wanted.passwords.is_some() { account.cloud.password_rules().await? } else { None };
        let plan = plan_rules(&wanted, &account.inventory.lock(), seen.as_ref());
        if manifest.spec.management == Management::Observe {
            return Ok(Rules { drift: plan.words(), ..Rules::default() });
        }
        if let Some(refusal) = plan.refusal {
            return Err(refusal);
        }
        account.tidy(self.settings.fresh_write, || self.may_write(name)).await?;
        for (action, detail) in &plan.steps {
            self.may_write(name)?;
            account.act(action).await?;
            tracing::info!(account = %name, object = %action.object(), ?detail, "done");
        }
        if let Some((rules, detail)) = &plan.passwords {
            self.may_write(name)?;
            account.cloud.set_password_rules(rules).await?;
            tracing::info!(account = %name, ?detail, "password policy set");
        }
        Ok(Rules { made: !plan.steps.is_empty(), ..Rules::default() })
    }

    fn may_write(&self, name: &AccountName) -> Result<(), Fault> {
        let lost = || Fault::new(Class::Transient, "write", name, "this process is no longer the leader");
        if self.leadership.is_current() { Ok(()) } else { Err(lost()) }
    }

    /// Another CloudAccount that is the same account and wants other rules for passwords.
    fn password_rival(&self, name: &AccountName, manifest: &CloudAccount, id: &str) -> Option<AccountName> {
        self.password_rivals(name, manifest, id).into_iter().next()
    }

    fn password_rivals(&self, name: &AccountName, manifest: &CloudAccount, id: &str) -> Vec<AccountName> {
        let Some(mine) = &manifest.spec.password_policy else { return Vec::new() };
        let mut twins = self.twins(name, id);
        twins.retain(|(_, other)| other.spec.password_policy.as_ref().is_some_and(|theirs| theirs != mine));
        twins.into_iter().map(|(other, _)| other).collect()
    }

    /// Whether the account's rules must be looked at although it was just read: they do not hold, or another CloudAccount
    /// has come to want others.
    pub(super) fn rules_are_in_doubt(&self, name: &AccountName, manifest: &CloudAccount) -> bool {
        let entry = self.accounts.entry(name);
        entry.rules.fault.is_some() || entry.id.is_some_and(|id| self.password_rival(name, manifest, &id).is_some())
    }

    /// CloudAccounts that do not know yet that this one wants other rules for the passwords of the same account.
    pub(super) fn rivals_to_tell(&self, name: &AccountName) -> Vec<AccountName> {
        let (Some(manifest), Some(id)) = (self.world.account(name), self.accounts.entry(name).id) else {
            return Vec::new();
        };
        let mut rivals = self.password_rivals(name, &manifest, &id);
        rivals.retain(|rival| self.accounts.entry(rival).rules.fault.is_none());
        rivals
    }

    /// The other CloudAccounts, not being deleted, that are the same account.
    pub(super) fn twins(&self, name: &AccountName, id: &str) -> Vec<(AccountName, std::sync::Arc<CloudAccount>)> {
        let others = self.world.accounts().into_iter().filter(|(other, manifest)| {
            other != name
                && manifest.metadata.deletion_timestamp.is_none()
                && self.accounts.entry(other).id.as_deref() == Some(id)
        });
        others.collect()
    }

    /// Takes away the boundary that was kept for a CloudAccount which goes, unless another one of the same account
    /// keeps it, or users that were released with it are still held by it.
    pub(super) async fn drop_boundary(
        &self,
        name: &AccountName,
        manifest: &CloudAccount,
        account: &Account<AnyCloud>,
    ) -> Result<(), Fault> {
        let (id, boundary) = {
            let inventory = account.inventory.lock();
            let boundary = boundary_policy(&self.settings.cluster, &manifest.spec.name_prefix);
            let free = inventory.policies.get(&boundary).is_some_and(|policy| {
                let holds = inventory.users.values().any(|user| user.boundary.as_ref() == Some(&policy.arn));
                policy.description == boundary_description(&self.settings.cluster) && !holds
            });
            (inventory.account.clone(), free.then_some(boundary))
        };
        let Some(boundary) = boundary else { return Ok(()) };
        let kept = self.twins(name, &id).iter().any(|(_, twin)| twin.spec.name_prefix == manifest.spec.name_prefix);
        if kept || manifest.spec.management == Management::Observe {
            return Ok(());
        }
        self.may_write(name)?;
        account.act(&CloudAction::DeletePolicy(boundary)).await
    }
}
