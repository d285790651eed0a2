//! What must hold before a manifest is compiled: accounts that are there, are ready and are not the same one twice.

use super::Compiler;
use crate::api::{TenantRole, TenantUser};
use crate::model::Class;
use crate::names::{AccountName, ManifestRef};

impl Compiler<'_> {
    pub(super) fn check_tenant(&mut self) {
        let tenant = self.tenant_ref.clone();
        let spec = self.tenant.spec.clone();
        for account in &spec.accounts {
            let name = AccountName::new(&account.name);
            if self.gives_up(&name) {
                continue;
            }
            match self.context.accounts.get(&name) {
                None => {
                    let message = format!("there is no CloudAccount {name}. It is waited for.");
                    self.refuse(&tenant, Some(&name), Class::Waiting, message);
                }
                Some(facts) => {
                    if let Some(trouble) = facts.trouble.clone() {
                        self.refuse(&tenant, Some(&name), Class::AccountNotReady, trouble);
                    }
                }
            }
        }
        let mut ids = std::collections::BTreeMap::new();
        for account in &spec.accounts {
            let facts = self.context.accounts.get(&AccountName::new(&account.name));
            if let Some(id) = facts.and_then(|facts| facts.id.clone())
                && let Some(first) = ids.insert(id.clone(), account.name.clone())
            {
                let message =
                    format!("{} and {first} are the same account, {id}. Take one of the two out.", account.name);
                self.refuse(&tenant, Some(&AccountName::new(&account.name)), Class::Invalid, message);
                // Which of the two entries counts is not known: what only one of them asks for stays.
                self.hold(&tenant);
            }
        }
        self.check_abandoned();
    }

    pub(super) fn check_role(&mut self, subject: &ManifestRef, role: &TenantRole) {
        if role.spec.aws.is_some() || role.spec.alibaba.is_some() {
            self.wait_for_accounts(subject, None);
        }
        if let Some(alibaba) = &role.spec.alibaba
            && let Some(message) = self.reaches_all_roles(&alibaba.system_policies)
        {
            self.refuse(subject, None, Class::Invalid, message);
        }
    }

    pub(super) fn check_user(&mut self, subject: &ManifestRef, user: &TenantUser) {
        self.wait_for_accounts(subject, user.spec.accounts.as_deref());
    }
}
