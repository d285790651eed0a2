//! TenantRole → a policy in each of the tenant's accounts, and the tenant's group that carries what everyone has.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;

use super::dialect::{part, policy_ref};
use super::grants::{Grant, Grants, Template};
use super::{AccountFacts, Compiler, manifest_ref};
use crate::api::{Grouping, TenantRole};
use crate::model::{Class, PolicyRef, Provider, WantedGroup, WantedPolicy};
use crate::names::{AccountName, DESCRIPTION_PREFIX, ManifestKind, ManifestRef};
use crate::policy::Document;

/// The most policies that one role can have been split into, as no more can be attached to anyone on either cloud.
const PARTS_MAX: usize = 10;
/// Stands for a user where a role is only tried out.
const ANYBODY: &str = "user";

impl Compiler<'_> {
    pub(super) fn role(&mut self, role: &TenantRole) -> Grant {
        let subject = manifest_ref(ManifestKind::TenantRole, role);
        self.check_role(&subject, role);
        let in_workspaces = self.workspace_roles(&subject, role);
        let mut grant = Grant {
            manifest: subject.clone(),
            in_workspaces,
            role: role.name_any(),
            default: role.spec.default,
            attached: BTreeMap::new(),
            unknown: BTreeMap::new(),
            documents: BTreeMap::new(),
            templates: BTreeMap::new(),
        };
        for (name, facts) in self.tenant_accounts() {
            let Some(part) = part(role, &facts) else { continue };
            let per_user = part.is_per_user(&facts);
            let mut attached = part.policies;
            let mut statements = part.statements.to_vec();
            statements.extend(self.right_to_assume(role, &facts).filter(|_| !per_user));
            if !statements.is_empty() {
                let tags = self.tags(&facts, &subject, &BTreeMap::new());
                let refused = facts.refused_tags(&tags).map_or(Ok(()), Err);
                let own = refused.and_then(|()| self.documents(&facts, part.statements, Some(ANYBODY)));
                let own = own.and_then(|documents| self.only_own_roles(&facts, documents));
                match own.and_then(|_| self.documents(&facts, &statements, Some(ANYBODY))) {
                    Ok(_) if per_user => {
                        let template = Template { role: subject.clone(), statements };
                        grant.templates.insert(name.clone(), template);
                    }
                    Ok(documents) => {
                        attached.extend(self.own_policies(&subject, &grant.role, &name, &facts, &documents));
                        grant.documents.insert(name.clone(), documents);
                    }
                    Err(message) => {
                        self.refuse(&subject, Some(&name), Class::Invalid, message);
                        self.hold(&subject);
                        // Its policies stay as they are, however many there are, and so do their attachments.
                        let naming = self.naming(&facts);
                        let parts = (1..=PARTS_MAX).map(|part| naming.policy(&grant.role, part));
                        let parts: BTreeSet<PolicyRef> = parts.map(PolicyRef::Own).collect();
                        attached.extend(parts.clone());
                        grant.unknown.insert(name.clone(), parts);
                    }
                }
            }
            grant.attached.insert(name, attached);
        }
        grant
    }

    pub(super) fn own_policies(
        &mut self,
        subject: &ManifestRef,
        role: &str,
        account: &AccountName,
        facts: &AccountFacts,
        documents: &[Document],
    ) -> Vec<PolicyRef> {
        let naming = self.naming(facts);
        let tags = self.tags(facts, subject, &BTreeMap::new());
        let wanted = self.accounts.entry(account.clone()).or_default();
        let mut refs = Vec::with_capacity(documents.len());
        for (index, document) in documents.iter().enumerate() {
            let name = naming.policy(role, index + 1);
            let policy = WantedPolicy {
                owner: subject.clone(),
                path: naming.path(),
                description: format!("{DESCRIPTION_PREFIX}{}", subject.mark_text()),
                tags: tags.clone(),
                document: document.clone(),
            };
            wanted.policies.entry(name.clone()).or_default().push(policy);
            refs.push(PolicyRef::Own(name));
        }
        refs
    }

    /// The tenant's group in each account, with what everyone has.
    pub(super) fn groups(&mut self, grants: &Grants) {
        for (name, facts) in self.tenant_accounts() {
            if self.grouping(&name) == Grouping::None {
                continue;
            }
            let naming = self.naming(&facts);
            let attached = self.everyone(&name, grants);
            let group = format!("group {}", naming.group());
            let help = match facts.provider() {
                Provider::Aws => "Merge default roles, or drop some managedPolicies.",
                Provider::Alibaba => "Merge default roles, or drop some systemPolicies.",
            };
            let counted = attached.difference(&grants.unknown(&name)).cloned().collect();
            if let Some(message) = facts.too_many(&counted, 0, &group, help) {
                let tenant = self.tenant_ref.clone();
                self.refuse(&tenant, Some(&name), Class::Invalid, message);
                self.hold(&tenant);
                continue;
            }
            let group = WantedGroup { owner: self.tenant_ref.clone(), path: naming.path(), attached };
            self.accounts.entry(name).or_default().groups.entry(naming.group()).or_default().push(group);
        }
    }

    /// What every user of the tenant has in an account.
    pub(super) fn everyone(&self, account: &AccountName, grants: &Grants) -> BTreeSet<PolicyRef> {
        let listed = self.tenant.spec.accounts.iter().filter(|it| it.name == account.as_str());
        let mut all: BTreeSet<PolicyRef> =
            listed.clone().flat_map(|it| &it.managed_policies).map(|text| policy_ref(text)).collect();
        all.extend(listed.flat_map(|it| &it.system_policies).cloned().map(PolicyRef::Vendor));
        all.extend(grants.of_everyone(account));
        all
    }

    pub(super) fn grouping(&self, account: &AccountName) -> Grouping {
        let listed = self.tenant.spec.accounts.iter().find(|it| it.name == account.as_str());
        listed.map(|it| it.grouping).unwrap_or_default()
    }
}
