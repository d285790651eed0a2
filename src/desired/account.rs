//! CloudAccount → what should hold for the whole account: the boundary of everyone in it, the rules for passwords.

use super::AccountFacts;
use crate::api::{PasswordPolicy, PermissionsBoundary};
use crate::model::{PasswordRules, Tags, WantedPolicy, WantedRules};
use crate::names::{
    AccountName, ClusterId, DESCRIPTION_PREFIX, ManifestKind, ManifestRef, TAG_CLUSTER, TAG_OWNER, boundary_policy,
    cluster_path,
};
use crate::policy::{Document, Effect, Scope, Statement};

/// Shortest password where the manifest says nothing: AWS's own (IAM API reference, UpdateAccountPasswordPolicy).
const AWS_MINIMUM_LENGTH: i32 = 6;
/// What resources and principals of a tenant carry, and nobody but the operator may change.
const PRINCIPAL_TENANT: &str = "aws:PrincipalTag/tenant";
const RESOURCE_TENANT: &str = "aws:ResourceTag/tenant";
/// Every act by which somebody could come to more rights, own or another's.
const ESCALATION: [&str; 18] = [
    "iam:Add*",
    "iam:Attach*",
    "iam:Create*",
    "iam:Deactivate*",
    "iam:Delete*",
    "iam:Detach*",
    "iam:Put*",
    "iam:Remove*",
    "iam:Set*",
    "iam:Tag*",
    "iam:Untag*",
    "iam:Update*",
    "iam:Upload*",
    "sts:GetFederationToken",
    "sts:TagSession",
    "organizations:*",
    "account:*",
    "sso:*",
];
/// What shows other tenants' principals and policies.
const IDENTITY_READS: [&str; 10] = [
    "iam:GetAccessKeyLastUsed",
    "iam:GetGroup*",
    "iam:GetLoginProfile",
    "iam:GetRole*",
    "iam:GetUser*",
    "iam:GetSSHPublicKey",
    "iam:ListAccessKeys",
    "iam:ListAttached*",
    "iam:ListGroupsForUser",
    "iam:ListUserPolicies",
];

/// What should hold for an account; `id` is the account's, once its credentials have answered.
#[must_use]
pub fn account_rules(name: &AccountName, facts: &AccountFacts, id: &str, cluster: &ClusterId) -> WantedRules {
    let spec = &facts.manifest.spec;
    let managed =
        spec.aws.as_ref().and_then(|aws| aws.permissions_boundary.as_ref()) == Some(&PermissionsBoundary::Managed);
    let boundary = managed.then(|| {
        let owner = ManifestRef::cluster_scoped(ManifestKind::CloudAccount, name.as_str());
        let mut tags: Tags = spec.tags.clone();
        tags.insert(TAG_CLUSTER.to_owned(), cluster.to_string());
        tags.insert(TAG_OWNER.to_owned(), owner.mark_text());
        let policy = WantedPolicy {
            path: cluster_path(cluster),
            description: boundary_description(cluster),
            tags,
            document: managed_boundary(&facts.partition, id, cluster),
            owner,
        };
        (boundary_policy(cluster, &spec.name_prefix), policy)
    });
    WantedRules { boundary, passwords: spec.password_policy.as_ref().map(password_rules) }
}

/// How the boundary that we keep is known again. Two CloudAccounts that are one account keep one.
#[must_use]
pub fn boundary_description(cluster: &ClusterId) -> String {
    format!("{DESCRIPTION_PREFIX}boundary of cluster {cluster}")
}

fn password_rules(policy: &PasswordPolicy) -> PasswordRules {
    PasswordRules {
        minimum_length: policy.minimum_length.unwrap_or(AWS_MINIMUM_LENGTH),
        lowercase: policy.require_lowercase,
        uppercase: policy.require_uppercase,
        numbers: policy.require_numbers,
        symbols: policy.require_symbols,
        max_age_days: policy.max_age_days,
        reuse_prevention: policy.reuse_prevention,
        hard_expiry: policy.hard_expiry,
        users_may_change: policy.allow_users_to_change.unwrap_or(false),
    }
}

/// The ceiling of everyone who is made in the account: all that their policies allow, but for what leads to more rights,
/// to another tenant or to this policy. A principal without the tag `tenant` is denied wherever tenants are told apart.
fn managed_boundary(partition: &str, id: &str, cluster: &ClusterId) -> Document {
    let these = |texts: &[&str]| Scope::These(texts.iter().map(|&text| text.to_owned()).collect());
    let named = |mut statement: Statement, sid: &str| {
        statement.sid = Some(sid.to_owned());
        statement
    };
    let own =
        |kind: &str| format!("arn:{partition}:iam::{id}:{kind}{}${{{PRINCIPAL_TENANT}}}/*", cluster_path(cluster));
    let everything = these(&["*"]);
    let own_roles = Scope::AllBut(vec![own("role")]);
    let own_identities = Scope::AllBut(vec![own("user"), own("group"), own("role"), own("policy")]);
    Document::aws(vec![
        named(Statement::new(Effect::Allow, everything.clone(), everything.clone()), "Ceiling"),
        named(Statement::new(Effect::Deny, these(&ESCALATION), everything.clone()), "NoEscalation"),
        named(Statement::new(Effect::Deny, these(&["iam:PassRole", "sts:AssumeRole"]), own_roles), "OwnRolesOnly"),
        named(Statement::new(Effect::Deny, these(&IDENTITY_READS), own_identities), "OwnIdentitiesOnly"),
        named(
            Statement::new(Effect::Deny, everything.clone(), everything)
                .when("StringNotEquals", RESOURCE_TENANT, &[&format!("${{{PRINCIPAL_TENANT}}}")])
                .when("Null", RESOURCE_TENANT, &["false"]),
            "OtherTenants",
        ),
    ])
}
