//! What differs between the clouds in what roles, tenants and accounts say: the policy language, what may be attached
//! and how much of it, and the variables.

use std::collections::{BTreeMap, BTreeSet};

use super::users::everything;
use kube::ResourceExt;

use super::{AccountFacts, Compiler};
use crate::api::{self, TenantRole};
use crate::model::{PolicyRef, Provider};
use crate::names::{AccountName, SUSPENDED_POLICY};
use crate::policy::{self, Document, ExpandError, Scope, Statement, Variable, Variables};

/// IAM attaches at most ten managed policies to a user or group (IAM user guide, quotas).
const AWS_ATTACHMENTS_MAX: usize = 10;
/// RAM attaches at most ten policies of the customer's and twenty of its own (RAM, "Limits").
const RAM_CUSTOM_MAX: usize = 10;
const RAM_SYSTEM_MAX: usize = 20;
/// Why `$(workspace)` stands for nothing.
const NO_WORKSPACE: &str = "the tenant has no workspace in this account. Add spec.accounts[].workspace to the Tenant";
/// What stands for the user's own name in a role.
const USER: &str = "$(user)";

/// What a role says for the cloud of an account.
pub(super) struct Part<'r> {
    /// Policies that exist.
    pub(super) policies: BTreeSet<PolicyRef>,
    /// Statements of one that we make.
    pub(super) statements: &'r [api::Statement],
}

impl Part<'_> {
    /// Whether it must be one policy a user: the language has no variables, and the role speaks of its user.
    pub(super) fn is_per_user(&self, facts: &AccountFacts) -> bool {
        facts.provider() == Provider::Alibaba && speak_of_user(self.statements)
    }
}

/// Whether any of them speaks of the user that has it.
pub(super) fn speak_of_user(statements: &[api::Statement]) -> bool {
    statements.iter().any(speaks_of_user)
}

fn speaks_of_user(statement: &api::Statement) -> bool {
    let values = statement.conditions.values().flat_map(|keys| keys.values()).flatten();
    let mut texts = statement.resources.iter().chain(&statement.not_resources).chain(values);
    texts.any(|text| text.contains(USER))
}

/// What a role says for the cloud of an account; none where it says nothing for that cloud.
pub(super) fn part<'r>(role: &'r TenantRole, facts: &AccountFacts) -> Option<Part<'r>> {
    match facts.provider() {
        Provider::Aws => role.spec.aws.as_ref().map(|aws| Part {
            policies: aws.managed_policies.iter().map(|text| policy_ref(text)).collect(),
            statements: &aws.statements,
        }),
        Provider::Alibaba => role.spec.alibaba.as_ref().map(|alibaba| Part {
            policies: alibaba.system_policies.iter().cloned().map(PolicyRef::Vendor).collect(),
            statements: &alibaba.statements,
        }),
    }
}

/// A bare name is the cloud's own policy; anything else goes by ARN.
pub(super) fn policy_ref(text: &str) -> PolicyRef {
    if text.starts_with("arn:") { PolicyRef::Arn(text.to_owned()) } else { PolicyRef::Vendor(text.to_owned()) }
}

impl AccountFacts {
    /// A document in the account's language.
    pub(super) fn document(&self, statements: Vec<Statement>) -> Document {
        match self.provider() {
            Provider::Aws => Document::aws(statements),
            Provider::Alibaba => Document::ram(statements),
        }
    }

    /// The condition key of the current time.
    pub(super) fn current_time(&self) -> &'static str {
        match self.provider() {
            Provider::Aws => "aws:CurrentTime",
            Provider::Alibaba => "acs:CurrentTime",
        }
    }

    /// Why so much cannot be attached to one user or group; `inline` counts the inline policies, which on RAM are
    /// attached as well. `help` says what would help.
    pub(super) fn too_many(
        &self,
        attached: &BTreeSet<PolicyRef>,
        inline: usize,
        whom: &str,
        help: &str,
    ) -> Option<String> {
        let system = attached.iter().filter(|policy| matches!(policy, PolicyRef::Vendor(_))).count();
        let (count, max, what) = match self.provider() {
            Provider::Aws => (attached.len(), AWS_ATTACHMENTS_MAX, "policies would be attached to {whom}: IAM"),
            Provider::Alibaba if system > RAM_SYSTEM_MAX => {
                (system, RAM_SYSTEM_MAX, "system policies would be attached to {whom}: RAM")
            }
            Provider::Alibaba => {
                let custom = attached.len() - system + inline;
                (custom, RAM_CUSTOM_MAX, "custom policies would be attached to {whom}: RAM")
            }
        };
        (count > max).then(|| format!("{count} {} allows {max}. {help}", what.replace("{whom}", whom)))
    }

    /// Why these inline policies cannot be put on one user: IAM counts all of them together, with room left for a
    /// suspension; on RAM each is a policy of its own.
    pub(super) fn too_long(&self, inline: &BTreeMap<String, Document>) -> Option<String> {
        let sizes = || inline.iter().filter(|(name, _)| *name != SUSPENDED_POLICY).map(|(_, document)| document.size());
        let suspension = self.document(vec![everything()]).size();
        let (count, max, what, cloud) = match self.provider() {
            Provider::Aws => {
                (suspension + sizes().sum::<usize>(), policy::AWS_INLINE_USER, "the inline policies", "IAM")
            }
            Provider::Alibaba => {
                (sizes().max().unwrap_or_default(), policy::RAM_POLICY, "the longest of the policies", "RAM")
            }
        };
        (count > max).then(|| {
            format!(
                "{what} for temporaryRoles, expiresAt and the account's deniedActions: {count} characters, and {cloud} allows {max}. Give fewer or shorter roles for a time, or deny fewer actions."
            )
        })
    }
}

/// Statements in the words of one account, in one document without our variables.
pub(super) fn document(
    facts: &AccountFacts,
    statements: &[api::Statement],
    variables: &Variables,
) -> Result<Document, String> {
    let template = facts.document(statements.iter().map(statement).collect());
    let document = template.expand(variables).map_err(|problem: ExpandError| problem.to_string())?;
    match policy::validate(&document).into_iter().next() {
        Some(problem) => Err(problem.to_string()),
        None => Ok(document),
    }
}

impl Compiler<'_> {
    /// Statements in the words of one account, in as few documents as fit. `user` is whose policy it is, where the
    /// language has no variable for that.
    pub(super) fn documents(
        &self,
        facts: &AccountFacts,
        statements: &[api::Statement],
        user: Option<&str>,
    ) -> Result<Vec<Document>, String> {
        let document = document(facts, statements, &self.variables(facts, user))?;
        let limit = match facts.provider() {
            Provider::Aws => policy::AWS_MANAGED_POLICY,
            Provider::Alibaba => policy::RAM_POLICY,
        };
        policy::split(&document, limit).map_err(|problem| problem.to_string())
    }

    pub(super) fn variables(&self, facts: &AccountFacts, user: Option<&str>) -> Variables {
        let (user, workspace) = match facts.provider() {
            Provider::Aws => ("${aws:PrincipalTag/user}", Some("an AWS account has no PAI workspace")),
            Provider::Alibaba if self.has_workspace(&AccountName::new(facts.manifest.name_any())) => {
                (user.unwrap_or_default(), None)
            }
            Provider::Alibaba => (user.unwrap_or_default(), Some(NO_WORKSPACE)),
        };
        let variables = match workspace {
            Some(why) => Variables::new().unavailable(Variable::Workspace, why),
            // Its id is known once it is there, which the plan sees.
            None => Variables::new().workspace_later(),
        };
        variables
            .with(Variable::Tenant, self.tenant_name.as_str())
            .with(Variable::User, user)
            .with(Variable::Account, facts.id.clone().unwrap_or_default())
            .with(Variable::Region, facts.region())
            .with(Variable::Cluster, self.context.cluster.as_str())
    }
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
