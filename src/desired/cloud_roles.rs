//! What becomes a cloud role: TenantRoles that may be assumed, ServiceAccounts, and the role that machine learning
//! services work under. Here is what all of them have in common, and the first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::ResourceExt;

use super::dialect::part;
use super::grants::{Grant, Grants};
use super::trust::Trust;
use super::users::{DENIED_POLICY, everything};
use super::{AccountFacts, Compiler, manifest_ref};
use crate::api::{self, AssumableBy, TenantRole, TenantUser};
use crate::model::{Class, ObjRef, PolicyRef, Provider, WantedRole};
use crate::names::{
    AccountName, CloudName, ManifestKind, ManifestRef, SUSPENDED_POLICY, SUSPENDED_USERS_POLICY, TAG_PRINCIPAL_TENANT,
    TAG_PRINCIPAL_USER,
};
use crate::policy::{self, Document, Effect, Scope, Statement};

/// Its most characters: room is left for the other inline policies of a role.
const STOPPED_MAX: usize = policy::AWS_INLINE_ROLE - 3 * 1024;
/// The longest trust policy that both clouds take, in characters (IAM quotas; RAM says nothing shorter).
const TRUST_MAX: usize = policy::AWS_TRUST_POLICY;

/// A cloud role before it is put among what is wanted.
pub(super) struct RoleDraft {
    pub(super) owner: ManifestRef,
    pub(super) name: CloudName,
    /// Who may assume it.
    pub(super) trust: Vec<Statement>,
    pub(super) attached: BTreeSet<PolicyRef>,
    /// Inline policies of its own.
    pub(super) inline: BTreeMap<String, Document>,
    /// The ServiceAccount whose tokens open it.
    pub(super) pod: Option<ObjRef>,
    /// What it should be is refused: what is there stays.
    pub(super) only_still: bool,
}

impl Compiler<'_> {
    /// Wants a role, with everything that every role of the tenant has: marks and tags, the account's boundary and denied
    /// actions, and while the tenant is suspended a Deny of everything, which running sessions feel too.
    pub(super) fn want_role(&mut self, account: &AccountName, facts: &AccountFacts, draft: RoleDraft) {
        let naming = self.naming(facts);
        let RoleDraft { owner, name, trust, attached, mut inline, pod, mut only_still } = draft;
        let mut tags = self.tags(facts, &owner, &BTreeMap::new());
        tags.insert(TAG_PRINCIPAL_TENANT.to_owned(), self.tenant_name.to_string());
        let denied = &facts.manifest.spec.denied_actions;
        if !denied.is_empty() {
            let deny = Statement::new(Effect::Deny, Scope::These(denied.clone()), Scope::These(vec!["*".into()]));
            inline.insert(DENIED_POLICY.to_owned(), facts.document(vec![deny]));
        }
        // There is always room left for a suspension.
        let inlines = inline.len() + 1;
        if self.tenant.spec.suspended {
            inline.insert(SUSPENDED_POLICY.to_owned(), facts.document(vec![everything()]));
        }
        let trust = facts.document(trust);
        let whom = format!("the cloud role {name}");
        let too_many = facts.too_many(&attached, inlines, &whom, "Merge roles, or take some out.");
        let too_long = (trust.size() > TRUST_MAX).then(|| {
            format!(
                "the trust policy of {whom} has {} characters: {TRUST_MAX} are allowed. Trust fewer subjects, or give the role to fewer users.",
                trust.size()
            )
        });
        let refused_tags = facts.refused_tags(&tags).map(|message| format!("{whom}: {message}"));
        for message in
            [too_many, too_long, refused_tags].into_iter().flatten().filter(|_| !only_still).collect::<Vec<_>>()
        {
            self.refuse(&owner, Some(account), Class::Invalid, message);
            only_still = true;
        }
        let boundary = self.boundary(facts);
        let role = WantedRole { owner, path: naming.path(), tags, trust, boundary, attached, inline, pod, only_still };
        self.accounts.entry(account.clone()).or_default().roles.entry(name).or_default().push(role);
    }

    /// Of each role that may be assumed: a cloud role in each account where somebody may.
    pub(super) fn assumable_roles(&mut self, roles: &[Arc<TenantRole>], users: &[Arc<TenantUser>], grants: &Grants) {
        for role in roles {
            let Some(by) = &role.spec.assumable_by else { continue };
            let subject = manifest_ref(ManifestKind::TenantRole, role.as_ref());
            self.check_providers(&subject, by);
            // Of two of one name in different namespaces the older one counts.
            let Some(grant) = grants.get(&role.name_any()).filter(|grant| grant.is_of(&subject)) else { continue };
            for (name, facts) in self.tenant_accounts() {
                self.assumable_role(&subject, role, by, grant, users, &name, &facts);
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one role in one account, and what is known of both")]
    fn assumable_role(
        &mut self,
        subject: &ManifestRef,
        role: &TenantRole,
        by: &AssumableBy,
        grant: &Grant,
        users: &[Arc<TenantUser>],
        account: &AccountName,
        facts: &AccountFacts,
    ) {
        let Some(attached) = grant.attached.get(account) else { return };
        if part(role, facts).is_some_and(|part| part.is_per_user(facts)) {
            let message = "the role speaks of $(user), and RAM has no session tags: it cannot be a cloud role there. Take $(user) or assumableBy out.";
            return self.refuse(subject, Some(account), Class::Invalid, message.to_owned());
        }
        let naming = self.naming(facts);
        let trust = Trust { facts, naming: &naming };
        let mut statements = Vec::new();
        let listed = self.users_with(grant, users, account, facts);
        if by.users && (facts.provider() == Provider::Aws || !listed.is_empty()) {
            statements.extend(trust.users(&listed));
        }
        let saml: Vec<String> = by.saml.iter().filter(|arn| facts.has_provider(arn)).cloned().collect();
        if !saml.is_empty() {
            statements.extend(trust.saml(saml));
        }
        let oidc = by.oidc.iter().filter(|trusted| facts.has_provider(&trusted.provider) && !is_everybody(trusted));
        statements.extend(oidc.flat_map(|trusted| trust.oidc(trusted)));
        if statements.is_empty() {
            return;
        }
        let only_still = grant.unknown.contains_key(account);
        let name = naming.role(&role.name_any());
        let inline = self.stopped_sessions(subject, users, account, facts);
        let (owner, attached, inline) = (subject.clone(), attached.clone(), inline.into_iter().collect());
        let draft = RoleDraft { owner, name, trust: statements, attached, inline, pod: None, only_still };
        self.want_role(account, facts, draft);
    }

    /// A Deny of everything for the sessions of users who may do nothing for now while their tenant may: those that say
    /// by their tag or by their own name whose they are. RAM's sessions do not say it.
    fn stopped_sessions(
        &mut self,
        subject: &ManifestRef,
        users: &[Arc<TenantUser>],
        account: &AccountName,
        facts: &AccountFacts,
    ) -> Option<(String, Document)> {
        if facts.provider() != Provider::Aws {
            return None;
        }
        let is_stopped = |user: &TenantUser| {
            user.spec.suspended || user.spec.expires_at.as_ref().is_some_and(|time| time.0 <= self.context.now)
        };
        let (stopped, others): (Vec<_>, Vec<_>) =
            users.iter().filter(|user| is_in(user, account)).partition(|user| is_stopped(user));
        let others: BTreeSet<String> = others.iter().map(|user| user.name_any()).collect();
        let mut stopped: BTreeSet<String> = stopped.iter().map(|user| user.name_any()).collect();
        stopped.retain(|name| !others.contains(name));
        let tag = format!("aws:PrincipalTag/{TAG_PRINCIPAL_USER}");
        let document = |names: &BTreeSet<String>| {
            let sessions: Vec<String> = names.iter().map(|name| format!("*:{name}")).collect();
            let (names, sessions): (Vec<&str>, Vec<&str>) =
                (names.iter().map(String::as_str).collect(), sessions.iter().map(String::as_str).collect());
            facts.document(vec![
                everything().when("StringEquals", &tag, &names),
                everything().when("StringLike", "aws:userid", &sessions),
            ])
        };
        let all = stopped.len();
        while document(&stopped).size() > STOPPED_MAX {
            stopped.pop_last();
        }
        if stopped.len() < all {
            let message = format!(
                "{all} users of the tenant are suspended or expired, and only of {} of them running sessions are refused: no more find place on the role. Delete those who will not come back.",
                stopped.len()
            );
            self.refuse(subject, Some(account), Class::Invalid, message);
        }
        (!stopped.is_empty()).then(|| (SUSPENDED_USERS_POLICY.to_owned(), document(&stopped)))
    }

    /// The users that have a role in an account, by ARN, as RAM's trust policies name them.
    fn users_with(
        &self,
        grant: &Grant,
        users: &[Arc<TenantUser>],
        account: &AccountName,
        facts: &AccountFacts,
    ) -> Vec<String> {
        let naming = self.naming(facts);
        let has = |user: &&Arc<TenantUser>| {
            let mut for_a_time = user.spec.temporary_roles.iter().filter(|it| it.until.0 > self.context.now);
            grant.default || user.spec.roles.contains(&grant.role) || for_a_time.any(|it| it.name == grant.role)
        };
        let arns = users.iter().filter(has).filter(|user| is_in(user, account)).map(|user| {
            let name = naming.user(&user.name_any(), Some(user.spec.user_name.as_str()));
            crate::names::ram_arn(facts.id.as_deref().unwrap_or_default(), "user", name.as_str())
        });
        let arns: BTreeSet<String> = arns.collect();
        arns.into_iter().collect()
    }

    /// Providers that no account of the tenant has, and subjects that are everybody.
    fn check_providers(&mut self, subject: &ManifestRef, by: &AssumableBy) {
        let known = self.tenant_accounts();
        let all_known = self.tenant.spec.accounts.len() == known.len();
        let providers = by.saml.iter().chain(by.oidc.iter().map(|trusted| &trusted.provider));
        let foreign = |arn: &&String| all_known && !known.iter().any(|(_, facts)| facts.has_provider(arn));
        let foreign: Vec<String> = providers.filter(foreign).cloned().collect();
        for arn in foreign {
            let message = format!(
                "{arn} is in no account of tenant {}: nobody is trusted because of it. Correct its account id, or take it out.",
                self.tenant_name
            );
            self.refuse(subject, None, Class::Invalid, message);
        }
        for trusted in by.oidc.iter().filter(|it| is_everybody(it)) {
            let message = format!(
                "a subject of {} is a wildcard alone: everybody whom that provider knows could assume the role. Name whom you mean.",
                trusted.provider
            );
            self.refuse(subject, None, Class::Invalid, message);
        }
    }

    /// What those who have the role need beside it, so that they may assume it: on top of the role's own statements.
    pub(super) fn right_to_assume(&self, role: &TenantRole, facts: &AccountFacts) -> Option<api::Statement> {
        role.spec.assumable_by.as_ref().filter(|by| by.users)?;
        let naming = self.naming(facts);
        let name = naming.role(&role.name_any());
        let arn = naming.role_arn(&facts.partition, facts.id.as_deref().unwrap_or_default(), &name);
        let actions: &[&str] = match facts.provider() {
            Provider::Aws => &["sts:AssumeRole", "sts:TagSession"],
            Provider::Alibaba => &["sts:AssumeRole"],
        };
        Some(api::Statement {
            effect: api::Effect::Allow,
            actions: actions.iter().map(|&action| action.to_owned()).collect(),
            resources: vec![arn],
            ..api::Statement::default()
        })
    }
}

/// Whether a user lives in an account.
pub(super) fn is_in(user: &TenantUser, account: &AccountName) -> bool {
    user.spec.accounts.as_ref().is_none_or(|accounts| accounts.iter().any(|it| it == account.as_str()))
}

impl AccountFacts {
    /// Whether a SAML or OIDC provider is in this account, by its ARN.
    pub(super) fn has_provider(&self, arn: &str) -> bool {
        let id = self.id.as_deref().unwrap_or_default();
        let own = match self.provider() {
            Provider::Aws => format!("arn:{}:iam::{id}:", self.partition),
            Provider::Alibaba => format!("acs:ram::{id}:"),
        };
        arn.starts_with(&own)
    }
}

/// Whether a subject is a wildcard alone.
fn is_everybody(trusted: &api::OidcTrust) -> bool {
    trusted.subjects.iter().any(|text| text.chars().all(|c| c == '*' || c == '?'))
}
