//! The role under which SageMaker or PAI works for a tenant: made in an account where the tenant needs one, and never
//! more than what everybody could do anyway who works through it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::ResourceExt;

use super::cloud_roles::{RoleDraft, is_in};
use super::dialect::part;
use super::grants::Grants;
use super::passing::{allows, passes};
use super::trust::{Trust, service};
use super::{AccountFacts, Compiler};
use crate::api::{TenantNotebook, TenantRole, TenantUser};
use crate::model::{PolicyRef, Provider};
use crate::names::{AccountName, EXECUTION_POLICY, TAG_CLUSTER, TAG_TENANT};
use crate::policy::{Effect, Scope, Statement};

/// What makes something that works under a role (service authorization reference, "Actions … for Amazon SageMaker",
/// those with iam:PassRole).
const SAGEMAKER: [&str; 7] = [
    "sagemaker:CreateModel",
    "sagemaker:CreateTrainingJob",
    "sagemaker:CreateProcessingJob",
    "sagemaker:CreateHyperParameterTuningJob",
    "sagemaker:CreateAutoMLJob",
    "sagemaker:CreatePipeline",
    "sagemaker:CreateNotebookInstance",
];

/// One who can have something done under the role: what is attached to it, and its roles.
struct Worker {
    attached: BTreeSet<PolicyRef>,
    roles: BTreeSet<String>,
}

/// What any of these roles denies: who is denied something must not come by it through the execution role.
fn denied(
    roles: &BTreeSet<String>,
    account: &AccountName,
    grants: &Grants,
    attached: &BTreeSet<PolicyRef>,
) -> Vec<Statement> {
    let grants = roles.iter().filter_map(|role| grants.get(role));
    let apart = grants.filter(|grant| !grant.attached.get(account).is_some_and(|of_role| of_role.is_subset(attached)));
    let documents = apart.filter_map(|grant| grant.documents.get(account)).flatten();
    let mut denied: Vec<Statement> = Vec::new();
    for statement in documents.flat_map(|document| &document.statements).filter(|it| it.effect == Effect::Deny) {
        if !denied.contains(statement) {
            denied.push(statement.clone());
        }
    }
    denied
}

impl Compiler<'_> {
    /// The execution role in each account in which a notebook runs, or a role makes what works under one.
    pub(super) fn execution_roles(
        &mut self,
        roles: &[Arc<TenantRole>],
        users: &[Arc<TenantUser>],
        notebooks: &[Arc<TenantNotebook>],
        grants: &Grants,
    ) {
        for (name, facts) in self.tenant_accounts() {
            let needing: BTreeSet<String> =
                roles.iter().filter(|role| needs_execution(role, &facts)).map(|role| role.name_any()).collect();
            // DSW's instances are given no role: who works in one uses a key or a role of their own.
            let are_made = facts.provider() == Provider::Aws;
            let here = || notebooks.iter().filter(|it| are_made && it.spec.account == name.as_str());
            let noted: BTreeSet<&str> = here().map(|it| it.spec.user.as_str()).collect();
            if needing.is_empty() && noted.is_empty() {
                continue;
            }
            // What every one of them has: who gets at the role's credentials gains nothing by them.
            let workers = self.workers(roles, users, &noted, &needing, &name, grants);
            let every_role: BTreeSet<String> = workers.iter().flat_map(|worker| worker.roles.clone()).collect();
            let shared = workers.into_iter().map(|worker| worker.attached).reduce(|shared, other| &shared & &other);
            let attached = shared.unwrap_or_else(|| self.everyone(&name, grants));
            let mut statements = denied(&every_role, &name, grants, &attached);
            if here().any(|it| it.spec.stop_after_idle.is_some()) {
                statements.extend(self.may_stop_itself(&facts));
            }
            self.execution_role(&name, &facts, attached, statements);
        }
    }

    /// What each has who can have something done under the role: users with a notebook, and all to whom a role that hands
    /// it on is given, for good or for a time; service accounts with such a role, and whom a provider vouches for.
    fn workers(
        &self,
        roles: &[Arc<TenantRole>],
        users: &[Arc<TenantUser>],
        noted: &BTreeSet<&str>,
        needing: &BTreeSet<String>,
        account: &AccountName,
        grants: &Grants,
    ) -> Vec<Worker> {
        let of_roles = |names: &[String]| -> BTreeSet<PolicyRef> {
            let grants = names.iter().filter_map(|role| grants.get(role));
            grants.filter_map(|grant| grant.attached.get(account)).flatten().cloned().collect()
        };
        let everyone = self.everyone(account, grants);
        let by_default = grants.defaults().any(|grant| needing.contains(&grant.role));
        let works = |user: &&Arc<TenantUser>| {
            let mut for_a_time = user.spec.temporary_roles.iter().filter(|it| it.until.0 > self.context.now);
            let has = user.spec.roles.iter().any(|role| needing.contains(role))
                || for_a_time.any(|it| needing.contains(&it.name));
            is_in(user, account) && (by_default || has || noted.contains(user.name_any().as_str()))
        };
        let worker = |names: &[String]| Worker { attached: of_roles(names), roles: names.iter().cloned().collect() };
        let person = |user: &Arc<TenantUser>| {
            let mut person = worker(&user.spec.roles);
            person.attached.extend(everyone.iter().cloned());
            person.roles.extend(user.spec.temporary_roles.iter().map(|it| it.name.clone()));
            person
        };
        let mut workers: Vec<Worker> = users.iter().filter(works).map(person).collect();
        for namespace in self.tenant.namespaces().iter() {
            let pods = namespace.service_accounts.iter().filter(|it| self.named_by(it).contains(account));
            let pods = pods.filter(|pod| pod.roles.iter().any(|role| needing.contains(role)));
            workers.extend(pods.map(|pod| worker(&pod.roles)));
        }
        let vouched = roles.iter().filter(|role| needing.contains(&role.name_any())).filter(|role| {
            let by = role.spec.assumable_by.as_ref();
            by.is_some_and(|by| !by.saml.is_empty() || !by.oidc.is_empty())
        });
        workers.extend(vouched.map(|role| worker(&[role.name_any()])));
        workers
    }

    /// What the script in a SageMaker notebook needs that stops it when nobody uses it. DSW stops its instances itself.
    fn may_stop_itself(&self, facts: &AccountFacts) -> Option<Statement> {
        (facts.provider() == Provider::Aws).then(|| {
            let these = |text: &str| Scope::These([text.to_owned()].into());
            let id = facts.id.as_deref().unwrap_or_default();
            let notebooks = format!("arn:{}:sagemaker:*:{id}:notebook-instance/*", facts.partition);
            let (cluster, tenant) = (self.context.cluster.as_str(), self.tenant_name.as_str());
            Statement::new(Effect::Allow, these("sagemaker:StopNotebookInstance"), these(&notebooks))
                .when("StringEquals", &format!("aws:ResourceTag/{TAG_CLUSTER}"), &[cluster])
                .when("StringEquals", &format!("aws:ResourceTag/{TAG_TENANT}"), &[tenant])
        })
    }

    fn execution_role(
        &mut self,
        account: &AccountName,
        facts: &AccountFacts,
        attached: BTreeSet<PolicyRef>,
        more: Vec<Statement>,
    ) {
        let naming = self.naming(facts);
        let name = naming.execution_role();
        let arn = naming.role_arn(&facts.partition, facts.id.as_deref().unwrap_or_default(), &name);
        let trust = Trust { facts, naming: &naming }.service();
        let (actions, key): (&[&str], &str) = match facts.provider() {
            Provider::Aws => (&["iam:PassRole"], "iam:PassedToService"),
            Provider::Alibaba => (&["ram:PassRole"], "acs:Service"),
        };
        let these = |texts: &[&str]| Scope::These(texts.iter().map(|&text| text.to_owned()).collect());
        let pass = Statement::new(Effect::Allow, these(actions), these(&[&arn]));
        let mut statements = vec![pass.when("StringEquals", key, &[service(facts)])];
        if facts.provider() == Provider::Aws {
            // SageMaker's SDK asks for the role's path.
            statements.push(Statement::new(Effect::Allow, these(&["iam:GetRole"]), these(&[&arn])));
        }
        statements.extend(more);
        let inline = BTreeMap::from([(EXECUTION_POLICY.to_owned(), facts.document(statements))]);
        self.accounts.entry(account.clone()).or_default().execution_role = Some(name.clone());
        let (owner, only_still) = (self.tenant_ref.clone(), false);
        let draft = RoleDraft { owner, name, trust, attached, inline, pod: None, only_still };
        self.want_role(account, facts, draft);
    }
}

/// Whether a role allows to make something that works under an execution role.
fn needs_execution(role: &TenantRole, facts: &AccountFacts) -> bool {
    let Some(part) = part(role, facts) else { return false };
    match facts.provider() {
        Provider::Aws => part.statements.iter().any(|it| SAGEMAKER.iter().any(|action| allows(it, action))),
        Provider::Alibaba => part.statements.iter().any(|it| passes(it, "ram:PassRole")),
    }
}
