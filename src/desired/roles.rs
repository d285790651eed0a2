//! TenantRole → a policy in each of the tenant's accounts, and the tenant's group that carries what everyone has.

use std::collections::{BTreeMap, BTreeSet};

use super::grants::{Grant, Grants};
use super::{AccountFacts, Compiler, manifest_ref};
use crate::api::{self, Grouping, TenantRole};
use crate::model::{Class, PolicyRef, WantedGroup, WantedPolicy};
use crate::names::{AccountName, DESCRIPTION_PREFIX, ManifestKind, ManifestRef};
use crate::policy::{self, Document, ExpandError, Scope, Statement, Variable, Variables};
use kube::ResourceExt;

/// IAM attaches at most ten managed policies to a user or group (IAM user guide, quotas).
pub(super) const ATTACHMENTS_MAX: usize = 10;

impl Compiler<'_> {
    pub(super) fn role(&mut self, role: &TenantRole) -> Grant {
        let subject = manifest_ref(ManifestKind::TenantRole, role);
        self.check_role(&subject, role);
        let mut grant = Grant {
            role: role.name_any(),
            default: role.spec.default,
            attached: BTreeMap::new(),
            unknown: BTreeMap::new(),
            documents: BTreeMap::new(),
        };
        let Some(aws) = &role.spec.aws else { return grant };
        for (name, facts) in self.tenant_accounts() {
            let mut attached: BTreeSet<PolicyRef> = aws.managed_policies.iter().map(|text| policy_ref(text)).collect();
            if !aws.statements.is_empty() {
                match self.documents(&facts, &aws.statements) {
                    Ok(documents) => {
                        attached.extend(self.own_policies(&subject, &grant.role, &name, &facts, &documents));
                        grant.documents.insert(name.clone(), documents);
                    }
                    Err(message) => {
                        self.refuse(&subject, Some(&name), Class::Invalid, message);
                        self.hold(&subject);
                        // Its policies stay as they are, however many there are, and so do their attachments.
                        let naming = self.naming(&facts);
                        let parts = (1..=ATTACHMENTS_MAX).map(|part| naming.policy(&grant.role, part));
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

    fn own_policies(
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

    /// The role's statements in the words of one account, in as few documents as fit.
    fn documents(&self, facts: &AccountFacts, statements: &[api::Statement]) -> Result<Vec<Document>, String> {
        let template = Document::aws(statements.iter().map(statement).collect());
        let document = template.expand(&self.variables(facts)).map_err(|problem: ExpandError| problem.to_string())?;
        if let Some(problem) = policy::validate(&document).into_iter().next() {
            return Err(problem.to_string());
        }
        policy::split(&document, policy::AWS_MANAGED_POLICY).map_err(|problem| problem.to_string())
    }

    fn variables(&self, facts: &AccountFacts) -> Variables {
        let region = facts.manifest.spec.aws.as_ref().map(|aws| aws.region.clone()).unwrap_or_default();
        Variables::new()
            .with(Variable::Tenant, self.tenant_name.as_str())
            .with(Variable::User, "${aws:PrincipalTag/user}")
            .with(Variable::Account, facts.id.clone().unwrap_or_default())
            .with(Variable::Region, region)
            .with(Variable::Cluster, self.context.cluster.as_str())
            .unavailable(Variable::Workspace, "an AWS account has no PAI workspace")
    }

    /// The tenant's group in each account, with what everyone has.
    pub(super) fn groups(&mut self, grants: &Grants) {
        for (name, facts) in self.tenant_accounts() {
            if self.grouping(&name) == Grouping::None {
                continue;
            }
            let naming = self.naming(&facts);
            let attached = self.everyone(&name, grants);
            let number = attached.difference(&grants.unknown(&name)).count();
            if number > ATTACHMENTS_MAX {
                let message = format!(
                    "{number} policies would be attached to group {}: IAM allows {ATTACHMENTS_MAX}. Merge default roles, or drop some managedPolicies.",
                    naming.group()
                );
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
            listed.flat_map(|it| &it.managed_policies).map(|text| policy_ref(text)).collect();
        all.extend(grants.of_everyone(account));
        all
    }

    pub(super) fn grouping(&self, account: &AccountName) -> Grouping {
        let listed = self.tenant.spec.accounts.iter().find(|it| it.name == account.as_str());
        listed.map(|it| it.grouping).unwrap_or_default()
    }
}

/// A bare name is the cloud's own policy; anything else goes by ARN.
fn policy_ref(text: &str) -> PolicyRef {
    if text.starts_with("arn:") { PolicyRef::Arn(text.to_owned()) } else { PolicyRef::Vendor(text.to_owned()) }
}

fn statement(from: &api::Statement) -> Statement {
    let effect = match from.effect {
        api::Effect::Allow => policy::Effect::Allow,
        api::Effect::Deny => policy::Effect::Deny,
    };
    let actions = if from.not_actions.is_empty() {
        Scope::These(from.actions.clone())
    } else {
        Scope::AllBut(from.not_actions.clone())
    };
    let resources = if from.not_resources.is_empty() {
        Scope::These(from.resources.clone())
    } else {
        Scope::AllBut(from.not_resources.clone())
    };
    let mut statement = Statement::new(effect, actions, resources);
    statement.conditions.clone_from(&from.conditions);
    statement
}
