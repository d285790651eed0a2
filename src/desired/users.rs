//! TenantUser → a user in each of its accounts, with what it carries.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kube::ResourceExt;

use super::grants::{Grant, Grants};
use super::{AccountFacts, Compiler, manifest_ref};
use crate::api::{Grouping, PermissionsBoundary, TenantUser};
use crate::model::{Class, PolicyRef, Profile, Provider, Tags, WantedUser};
use crate::names::{
    AccountName, ManifestKind, ManifestRef, SUSPENDED_POLICY, TAG_PRINCIPAL_TENANT, TAG_PRINCIPAL_USER,
    boundary_policy, cluster_path,
};
use crate::policy::{Document, Effect, Scope, Statement};

/// The inline policy that takes everything away from `spec.expiresAt` on, whether the operator runs or not.
pub const EXPIRY_POLICY: &str = "tenantry-expiry";
/// The inline policy with the actions that the account denies to everyone.
pub const DENIED_POLICY: &str = "tenantry-denied";
/// Before the name of a role that a user has for a time, in the name of its inline policy.
const UNTIL_PREFIX: &str = "tenantry-until-";

impl Compiler<'_> {
    /// `is_over` says that the tenant's limits leave no room for the user: what it has stays as it is, and it can still be
    /// suspended.
    pub(super) fn user(&mut self, user: &TenantUser, grants: &Grants, is_over: bool) {
        let subject = manifest_ref(ManifestKind::TenantUser, user);
        self.check_user(&subject, user);
        for role in user.spec.roles.iter().chain(user.spec.temporary_roles.iter().map(|it| &it.name)) {
            if grants.get(role).is_none() {
                let message = format!(
                    "there is no TenantRole {role} in tenant {}. Make it, or take it out of spec.roles.",
                    self.tenant_name
                );
                self.refuse(&subject, None, Class::Invalid, message);
            }
        }
        for temporary in &user.spec.temporary_roles {
            let grant = grants.get(&temporary.name);
            let attached = grant.iter().flat_map(|grant| grant.attached.values()).flatten();
            let mut managed = attached.filter(|policy| !matches!(policy, PolicyRef::Own(_)));
            if let Some(policy) = managed.next() {
                let message = format!(
                    "TenantRole {} names the policy {policy}, and a policy that is named cannot be given for a time: the rest of the role is. Write what it allows as statements.",
                    temporary.name
                );
                self.refuse(&subject, None, Class::Invalid, message);
            }
        }
        self.check_temporary_in_workspaces(&subject, user, grants);
        for (name, facts) in self.accounts_of(&subject, user) {
            let cloud_name = self.naming(&facts).user(&user.name_any(), Some(user.spec.user_name.as_str()));
            if let Some(message) = facts.refused_name(&cloud_name) {
                self.refuse(&subject, Some(&name), Class::Invalid, message);
                self.hold(&subject);
                continue;
            }
            let mut wanted = self.user_in(&subject, user, &name, &facts, grants);
            wanted.profile = facts.profile(user, &cloud_name);
            if let Some(message) = facts.refused_tags(&wanted.tags) {
                self.refuse(&subject, Some(&name), Class::Invalid, message);
                self.hold(&subject);
                wanted.only_still = true;
            }
            wanted.only_still |= is_over;
            let counted = wanted.attached.difference(&grants.unknown(&name)).cloned().collect();
            let help = "Merge roles, or make some default: true, which go on the group.";
            if let Some(message) = facts.too_many(&counted, wanted.inline.len(), "the user", help) {
                self.refuse(&subject, Some(&name), Class::Invalid, message);
                self.hold(&subject);
                wanted.only_still = true;
            }
            if let Some(message) = facts.too_long(&wanted.inline) {
                self.refuse(&subject, Some(&name), Class::Invalid, message);
                self.hold(&subject);
                wanted.only_still = true;
            }
            self.member(&subject, user, &name, &cloud_name, grants, wanted.only_still);
            let account = self.accounts.entry(name).or_default();
            account.users.entry(cloud_name).or_default().push(wanted);
        }
    }

    /// The accounts that the user lives in; what it names and its tenant has not is refused.
    fn accounts_of(&mut self, subject: &ManifestRef, user: &TenantUser) -> Vec<(AccountName, AccountFacts)> {
        let all = self.tenant_accounts();
        let Some(named) = &user.spec.accounts else { return all };
        for name in named.iter().filter(|name| !self.tenant.spec.accounts.iter().any(|it| it.name == **name)) {
            let message = format!(
                "tenant {} is not in account {name}. Add it to spec.accounts of the Tenant, or take it out here.",
                self.tenant_name
            );
            self.refuse(subject, None, Class::Invalid, message);
        }
        // A second CloudAccount of one account is refused on the Tenant; whom it was for is not taken away.
        let is_twin = |name: &String| {
            let facts = self.context.accounts.get(&AccountName::new(name));
            let id = facts.and_then(|facts| facts.id.as_ref());
            let same = |(_, other): &(AccountName, AccountFacts)| id.is_some() && other.id.as_ref() == id;
            !all.iter().any(|(it, _)| it.as_str() == name) && all.iter().any(same)
        };
        if named.iter().any(is_twin) {
            self.hold(subject);
        }
        all.into_iter().filter(|(name, _)| named.iter().any(|it| it == name.as_str())).collect()
    }

    fn user_in(
        &mut self,
        subject: &ManifestRef,
        user: &TenantUser,
        account: &AccountName,
        facts: &AccountFacts,
        grants: &Grants,
    ) -> WantedUser {
        let naming = self.naming(facts);
        let everyone = self.everyone(account, grants);
        let grouped = self.grouping(account) == Grouping::Group;
        let mut attached: BTreeSet<PolicyRef> = BTreeSet::new();
        let of_roles = user.spec.roles.iter().filter_map(|role| grants.get(role));
        attached.extend(of_roles.filter_map(|grant| grant.attached.get(account)).flatten().cloned());
        if grouped {
            attached.retain(|policy| !everyone.contains(policy));
        } else {
            attached.extend(everyone);
        }
        attached.extend(self.policies_of_one(user, account, facts, grants));
        WantedUser {
            owner: subject.clone(),
            path: naming.path(),
            tags: self.user_tags(subject, user, facts),
            profile: Profile::default(),
            boundary: self.boundary(facts),
            groups: grouped.then(|| naming.group()).into_iter().collect(),
            attached,
            inline: self.inline(user, account, facts, grants),
            kept_inline: self.kept_inline(user, account, grants),
            only_still: false,
            still: self.stands_still(user),
            key: self.key(subject, user, account, facts),
            login: self.login(subject, user, account, facts),
        }
    }

    /// The policies that roles which speak of their user are for this one.
    fn policies_of_one(
        &mut self,
        user: &TenantUser,
        account: &AccountName,
        facts: &AccountFacts,
        grants: &Grants,
    ) -> Vec<PolicyRef> {
        let named = user.spec.roles.iter().filter_map(|role| grants.get(role));
        let mut all: Vec<&Grant> = named.chain(grants.defaults()).collect();
        all.sort_by(|a, b| a.role.cmp(&b.role));
        all.dedup_by(|a, b| a.role == b.role);
        let mut policies = Vec::new();
        for grant in all {
            let Some(template) = grant.templates.get(account) else { continue };
            // It was tried out when the role was compiled.
            let documents = self.documents(facts, &template.statements, Some(&user.name_any())).unwrap_or_default();
            let name = format!("{}.{}", grant.role, user.name_any());
            policies.extend(self.own_policies(&template.role, &name, account, facts, &documents));
        }
        policies
    }

    fn user_tags(&self, subject: &ManifestRef, user: &TenantUser, facts: &AccountFacts) -> Tags {
        let mut tags = self.tags(facts, subject, &user.spec.tags);
        tags.insert(TAG_PRINCIPAL_TENANT.to_owned(), self.tenant_name.to_string());
        tags.insert(TAG_PRINCIPAL_USER.to_owned(), user.name_any());
        tags
    }

    /// Whether the user can do nothing for now: it, or its tenant, is suspended, or its time is over.
    pub(super) fn stands_still(&self, user: &TenantUser) -> bool {
        let expired = user.spec.expires_at.as_ref().is_some_and(|time| time.0 <= self.context.now);
        self.tenant.spec.suspended || user.spec.suspended || expired
    }

    pub(super) fn boundary(&self, facts: &AccountFacts) -> Option<String> {
        match facts.manifest.spec.aws.as_ref()?.permissions_boundary.as_ref()? {
            PermissionsBoundary::Arn(arn) => Some(arn.clone()),
            PermissionsBoundary::Managed => {
                let cluster = &self.context.cluster;
                let name = boundary_policy(cluster, &facts.manifest.spec.name_prefix);
                let id = facts.id.as_deref().unwrap_or_default();
                Some(format!("arn:{}:iam::{id}:policy{}{name}", facts.partition, cluster_path(cluster)))
            }
        }
    }

    /// Of roles for a time whose statements are not known now, what the user has of them stays.
    fn kept_inline(&self, user: &TenantUser, account: &AccountName, grants: &Grants) -> BTreeSet<String> {
        let unknown = |role: &str| grants.get(role).is_some_and(|grant| grant.unknown.contains_key(account));
        let roles = user.spec.temporary_roles.iter().filter(|it| it.until.0 > self.context.now && unknown(&it.name));
        roles.map(|it| format!("{UNTIL_PREFIX}{}", it.name)).collect()
    }

    fn inline(
        &self,
        user: &TenantUser,
        account: &AccountName,
        facts: &AccountFacts,
        grants: &Grants,
    ) -> BTreeMap<String, Document> {
        let mut inline = BTreeMap::new();
        if self.tenant.spec.suspended || user.spec.suspended {
            inline.insert(SUSPENDED_POLICY.to_owned(), facts.document(vec![everything()]));
        }
        let denied = &facts.manifest.spec.denied_actions;
        if !denied.is_empty() {
            let deny = Statement::new(Effect::Deny, Scope::These(denied.clone()), Scope::These(vec!["*".into()]));
            inline.insert(DENIED_POLICY.to_owned(), facts.document(vec![deny]));
        }
        if let Some(time) = &user.spec.expires_at {
            let deny = everything().when("DateGreaterThanEquals", facts.current_time(), &[&utc(time.0)]);
            inline.insert(EXPIRY_POLICY.to_owned(), facts.document(vec![deny]));
        }
        for temporary in &user.spec.temporary_roles {
            if temporary.until.0 <= self.context.now || user.spec.roles.contains(&temporary.name) {
                continue;
            }
            let Some(grant) = grants.get(&temporary.name) else { continue };
            let own = grant
                .templates
                .get(account)
                .and_then(|template| self.documents(facts, &template.statements, Some(&user.name_any())).ok());
            let documents = own.as_ref().or_else(|| grant.documents.get(account));
            let statements = documents.into_iter().flatten().flat_map(|document| document.statements.clone());
            let until = utc(temporary.until.0);
            let statements: Vec<Statement> = statements.filter_map(|it| before(it, facts, &until)).collect();
            if !statements.is_empty() {
                inline.insert(format!("{UNTIL_PREFIX}{}", temporary.name), facts.document(statements));
            }
        }
        inline
    }
}

/// A Deny of everything.
pub(super) fn everything() -> Statement {
    Statement::new(Effect::Deny, Scope::These(vec!["*".into()]), Scope::These(vec!["*".into()]))
}

/// The statement until then. A bound of the role's own stays beside it, under another operator: on AWS the same one with
/// `IfExists`, which means the same as the current time always exists; RAM has no such, and where none is left the role
/// does not give that statement for a time.
pub(super) fn before(statement: Statement, facts: &AccountFacts, until: &str) -> Option<Statement> {
    let key = facts.current_time();
    let free = |operator: &&str| !statement.conditions.get(*operator).is_some_and(|keys| keys.contains_key(key));
    let operator = match facts.provider() {
        Provider::Aws if free(&"DateLessThan") => "DateLessThan",
        Provider::Aws => "DateLessThanIfExists",
        Provider::Alibaba => ["DateLessThan", "DateLessThanEquals"].into_iter().find(free)?,
    };
    Some(statement.when(operator, key, &[until]))
}

/// Seconds are the finest that condition values of IAM take.
pub(super) fn utc(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
