//! Roles that reach other tenants' roles: who may pass another's execution role to a service, or assume another's role,
//! has what the other has. Such a TenantRole is refused.

use super::{AccountFacts, Compiler};
use crate::api::{self, PermissionsBoundary};
use crate::model::Provider;
use crate::policy::{Document, Effect, Scope, Statement};

/// What hands a role on, or takes it.
const AWS: [&str; 2] = ["iam:PassRole", "sts:AssumeRole"];
const RAM: [&str; 2] = ["ram:PassRole", "sts:AssumeRole"];
/// The system policy that lets assume every role of the account.
const ASSUME_ANY: &str = "AliyunSTSAssumeRoleAccess";
/// How an AWS policy names the caller's own tenant.
const OWN_TAG: &str = "${aws:PrincipalTag/tenant}";

/// Whether a statement of a manifest allows an action on anything.
pub(super) fn allows(statement: &api::Statement, action: &str) -> bool {
    let covers = |pattern: &String| overlap(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase());
    statement.effect == api::Effect::Allow
        && if statement.not_actions.is_empty() {
            statement.actions.iter().any(covers)
        } else {
            !statement.not_actions.iter().any(covers)
        }
}

/// Whether a statement names an action itself, and not only among all others.
pub(super) fn passes(statement: &api::Statement, action: &str) -> bool {
    statement.effect == api::Effect::Allow && statement.actions.iter().any(|it| it.eq_ignore_ascii_case(action))
}

impl Compiler<'_> {
    /// Hands the documents back, or says which action of theirs reaches other tenants' roles.
    pub(super) fn only_own_roles(
        &self,
        facts: &AccountFacts,
        documents: Vec<Document>,
    ) -> Result<Vec<Document>, String> {
        let actions = match facts.provider() {
            Provider::Aws => AWS,
            Provider::Alibaba => RAM,
        };
        // The boundary that we keep denies both on all roles but the tenant's own.
        let boundary = facts.manifest.spec.aws.as_ref().and_then(|aws| aws.permissions_boundary.as_ref());
        if boundary == Some(&PermissionsBoundary::Managed) {
            return Ok(documents);
        }
        let denied = &facts.manifest.spec.denied_actions;
        for action in actions {
            let covers = |pattern: &String| overlap(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase());
            if denied.iter().any(covers) {
                continue;
            }
            let statements = || documents.iter().flat_map(|document| &document.statements);
            let held_back = statements().any(|it| self.denies_others(facts, it, action));
            if !held_back && statements().any(|it| self.reaches_others(facts, it, action)) {
                let own = self.own_roles(facts);
                return Err(format!(
                    "it allows {action} on roles that other tenants may have. Name this tenant's own: {own}*, or what is nobody's."
                ));
            }
        }
        Ok(documents)
    }

    /// Why a system policy may not be a tenant's.
    pub(super) fn reaches_all_roles(&self, policies: &[String]) -> Option<String> {
        policies.iter().any(|name| name == ASSUME_ANY).then(|| {
            format!("{ASSUME_ANY} lets assume every role of the account, other tenants' too. Allow sts:AssumeRole on the roles that are meant, as statements.")
        })
    }

    /// How the ARNs of the tenant's own roles begin.
    fn own_roles(&self, facts: &AccountFacts) -> String {
        let id = facts.id.as_deref().unwrap_or_default();
        let naming = self.naming(facts);
        match facts.provider() {
            Provider::Aws => format!("arn:{}:iam::{id}:role{}", facts.partition, naming.path()),
            Provider::Alibaba => {
                format!("acs:ram:*:{id}:role/{}{}.", naming.prefix.to_ascii_lowercase(), naming.tenant)
            }
        }
    }

    fn reaches_others(&self, facts: &AccountFacts, statement: &Statement, action: &str) -> bool {
        if statement.effect != Effect::Allow || !is_about(&statement.actions, action) {
            return false;
        }
        match &statement.resources {
            Some(Scope::These(resources)) => resources.iter().any(|resource| self.may_be_anothers(facts, resource)),
            Some(Scope::AllBut(_)) => true,
            None => false,
        }
    }

    /// Whether a statement takes the action away on every role that is not the tenant's own, whatever else allows it.
    fn denies_others(&self, facts: &AccountFacts, statement: &Statement, action: &str) -> bool {
        let always = statement.effect == Effect::Deny && statement.conditions.is_empty();
        always
            && is_about(&statement.actions, action)
            && match &statement.resources {
                Some(Scope::These(resources)) => resources.iter().any(|it| it == "*"),
                Some(Scope::AllBut(resources)) => resources.iter().all(|it| !self.may_be_anothers(facts, it)),
                None => false,
            }
    }

    /// Whether a pattern may match a role of another tenant.
    fn may_be_anothers(&self, facts: &AccountFacts, resource: &str) -> bool {
        let naming = self.naming(facts);
        let Some((head, role)) = resource.split_once(":role/") else {
            // Wildcards may stand for it.
            let any_role = match facts.provider() {
                Provider::Aws => format!("arn:{}:iam::*:role/tenants/*", facts.partition),
                Provider::Alibaba => "acs:ram:*:*:role/*".to_owned(),
            };
            return overlap(&plain(resource), &any_role);
        };
        let whole = head.split(':').count() == if facts.provider() == Provider::Aws { 5 } else { 4 };
        match facts.provider() {
            Provider::Aws => {
                let own = naming.path();
                let tagged = own.replacen(&format!("/{}/", naming.tenant), &format!("/{OWN_TAG}/"), 1);
                let own = [own, tagged].iter().any(|own| role.starts_with(own.trim_start_matches('/')));
                !(own && whole) && overlap(&plain(role), "tenants/*")
            }
            Provider::Alibaba => {
                let own = format!("{}{}.", naming.prefix, naming.tenant).to_ascii_lowercase();
                let role = role.to_ascii_lowercase();
                let wild = role.contains(['*', '?']);
                !(whole && role.starts_with(&own)) && (wild || role.contains('.') || ends_in_hash(&role))
            }
        }
    }
}

fn is_about(actions: &Scope, action: &str) -> bool {
    let covers = |pattern: &String| overlap(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase());
    match actions {
        Scope::These(patterns) => patterns.iter().any(covers),
        Scope::AllBut(patterns) => !patterns.iter().any(covers),
    }
}

/// Names that are too long for RAM end in a hash.
fn ends_in_hash(name: &str) -> bool {
    let last = name.rsplit('-').next().unwrap_or_default();
    last.len() == 8 && last.bytes().all(|byte| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte))
}

/// A pattern in which each of the cloud's own variables stands for anything.
fn plain(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        text.push('*');
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    text
}

/// Whether there is a text that both patterns match.
fn overlap(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // reach[j]: whether the part of `a` so far and the first j of `b` match a common text.
    let mut reach = vec![false; b.len() + 1];
    reach[0] = true;
    for j in 0..b.len() {
        reach[j + 1] = reach[j] && b[j] == '*';
    }
    for &left in &a {
        let mut next = vec![false; b.len() + 1];
        next[0] = reach[0] && left == '*';
        for j in 0..b.len() {
            let right = b[j];
            let same = left == right || left == '?' || right == '?';
            next[j + 1] = match (left, right) {
                ('*', _) | (_, '*') => reach[j + 1] || next[j] || reach[j],
                _ => same && reach[j],
            };
        }
        reach = next;
    }
    reach[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_overlap_where_one_text_matches_both() {
        for (a, b) in [("*", "tenants/*"), ("ten?nts/c1/*", "tenants/*"), ("*/beta/*", "tenants/*"), ("a*c", "ab*")] {
            assert!(overlap(a, b) && overlap(b, a), "{a} {b}");
        }
        for (a, b) in [("service-role/*", "tenants/*"), ("tenants", "tenants/*"), ("a*c", "b*"), ("", "?")] {
            assert!(!overlap(a, b) && !overlap(b, a), "{a} {b}");
        }
        assert_eq!(plain("x/${aws:PrincipalTag/tenant}/*"), "x/*/*");
        assert!(ends_in_hash("beta-trainer-abcd2345") && !ends_in_hash("data-reader"));
    }
}
