//! CloudAccount → what should hold for the whole account: the boundary of everyone in it, the rules for passwords.

use super::AccountFacts;
use crate::api::{PasswordPolicy, PermissionsBoundary};
use crate::model::{PasswordRules, Tags, WantedPolicy, WantedRules};
use crate::names::{
    AccountName, ClusterId, DESCRIPTION_PREFIX, ManifestKind, ManifestRef, TAG_CLUSTER, TAG_OWNER, TAG_PRINCIPAL_USER,
    TAG_TENANT, TAG_UID, boundary_policy, cluster_path,
};
use crate::policy::{Document, Effect, Scope, Statement};

/// Shortest password where the manifest says nothing: AWS's own (IAM API reference, UpdateAccountPasswordPolicy).
const AWS_MINIMUM_LENGTH: i32 = 6;
/// The same on Alibaba Cloud (RAM API reference, SetPasswordPolicy).
const RAM_MINIMUM_LENGTH: i32 = 8;
/// What resources and principals of a tenant carry, and nobody but the operator may change.
const PRINCIPAL_TENANT: &str = "aws:PrincipalTag/tenant";
const RESOURCE_TENANT: &str = "aws:ResourceTag/tenant";
const REQUEST_TENANT: &str = "aws:RequestTag/tenant";
const PRINCIPAL_USER: &str = "aws:PrincipalTag/user";
const REQUEST_USER: &str = "aws:RequestTag/user";
/// Every act by which somebody could come to more rights, own or another's.
const ESCALATION: [&str; 23] = [
    "iam:Accept*",
    "iam:Add*",
    "iam:Attach*",
    "iam:Create*",
    "iam:Deactivate*",
    "iam:Delete*",
    "iam:Detach*",
    "iam:Disable*",
    "iam:Put*",
    "iam:Remove*",
    "iam:Reset*",
    "iam:Set*",
    "iam:Tag*",
    "iam:Untag*",
    "iam:Update*",
    "iam:Upload*",
    "sts:AssumeRoot",
    "sts:GetFederationToken",
    "organizations:*",
    "account:*",
    "identitystore:*",
    "sso-directory:*",
    "sso:*",
];
/// What shows other tenants' principals and policies.
const IDENTITY_READS: [&str; 12] = [
    "iam:GenerateCredentialReport",
    "iam:GetAccessKeyLastUsed",
    "iam:GetAccountAuthorizationDetails",
    "iam:GetCredentialReport",
    "iam:GetGroup*",
    "iam:GetLoginProfile",
    "iam:GetPolicy*",
    "iam:GetRole*",
    "iam:GetSSHPublicKey",
    "iam:GetUser*",
    "iam:List*",
    "iam:Simulate*",
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
    let shortest = if spec.alibaba.is_some() { RAM_MINIMUM_LENGTH } else { AWS_MINIMUM_LENGTH };
    WantedRules { boundary, passwords: spec.password_policy.as_ref().map(|policy| password_rules(policy, shortest)) }
}

/// How the boundary that we keep is known again. Two CloudAccounts that are one account keep one.
#[must_use]
pub fn boundary_description(cluster: &ClusterId) -> String {
    format!("{DESCRIPTION_PREFIX}boundary of cluster {cluster}")
}

fn password_rules(policy: &PasswordPolicy, shortest: i32) -> PasswordRules {
    PasswordRules {
        minimum_length: policy.minimum_length.unwrap_or(shortest),
        lowercase: policy.require_lowercase,
        uppercase: policy.require_uppercase,
        numbers: policy.require_numbers,
        symbols: policy.require_symbols,
        max_age_days: policy.max_age_days,
        reuse_prevention: policy.reuse_prevention,
        hard_expiry: policy.hard_expiry,
        max_login_attempts: policy.max_login_attempts,
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
    let vendors = format!("arn:{partition}:iam::aws:policy/*");
    let own_identities = Scope::AllBut(vec![own("user"), own("group"), own("role"), own("policy"), vendors]);
    let marks = [TAG_CLUSTER, TAG_TENANT, TAG_OWNER, TAG_UID];
    let sessions = || these(&["sts:AssumeRole", "sts:TagSession"]);
    let all_but_sessions = Scope::AllBut(sessions().patterns().to_vec());
    Document::aws(vec![
        named(Statement::new(Effect::Allow, everything.clone(), everything.clone()), "Ceiling"),
        named(Statement::new(Effect::Deny, these(&ESCALATION), everything.clone()), "NoEscalation"),
        named(Statement::new(Effect::Deny, these(&["iam:PassRole", "sts:AssumeRole"]), own_roles), "OwnRolesOnly"),
        named(Statement::new(Effect::Deny, these(&IDENTITY_READS), own_identities), "OwnIdentitiesOnly"),
        // A variable without a value would make the statements above say nothing.
        named(
            Statement::new(Effect::Deny, everything.clone(), everything.clone()).when(
                "Null",
                PRINCIPAL_TENANT,
                &["true"],
            ),
            "Untagged",
        ),
        named(
            Statement::new(Effect::Deny, everything.clone(), everything.clone()).when(
                "ForAnyValue:StringEquals",
                "aws:TagKeys",
                &marks,
            ),
            "MarksAreOurs",
        ),
        named(
            Statement::new(Effect::Deny, all_but_sessions, everything.clone()).when(
                "ForAnyValue:StringEquals",
                "aws:TagKeys",
                &[TAG_PRINCIPAL_USER],
            ),
            "UsersAreOurs",
        ),
        // With a session goes one's own name, and no other's.
        named(
            Statement::new(Effect::Deny, sessions(), everything.clone())
                .when("StringNotEquals", REQUEST_USER, &[&format!("${{{PRINCIPAL_USER}}}")])
                .when("Null", REQUEST_USER, &["false"]),
            "OwnSessionsOnly",
        ),
        named(
            Statement::new(Effect::Deny, everything.clone(), everything.clone())
                .when("StringNotEquals", REQUEST_TENANT, &[&format!("${{{PRINCIPAL_TENANT}}}")])
                .when("Null", REQUEST_TENANT, &["false"]),
            "TagsOfOthers",
        ),
        named(
            Statement::new(Effect::Deny, everything.clone(), everything)
                .when("StringNotEquals", RESOURCE_TENANT, &[&format!("${{{PRINCIPAL_TENANT}}}")])
                .when("Null", RESOURCE_TENANT, &["false"]),
            "OtherTenants",
        ),
    ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::policy::evaluate::{Context, Layers, Request, Source, evaluate};
    use crate::policy::{AWS_MANAGED_POLICY, validate};

    fn boundary() -> Document {
        managed_boundary("aws", "123456789012", &ClusterId::new("c1"))
    }

    fn allowed(action: &str, resource: &str, tag: Option<&str>) -> bool {
        let all = Document::aws(vec![Statement::new(
            Effect::Allow,
            Scope::These(vec!["*".into()]),
            Scope::These(vec!["*".into()]),
        )]);
        let source = |name: &str, document: Document| Source { name: name.to_owned(), document };
        let layers = Layers {
            identity: vec![source("all", all)],
            boundary: Some(source("boundary", boundary())),
            ..Layers::default()
        };
        let mut context = Context::new().with(PRINCIPAL_TENANT, "acme");
        if let Some(tag) = tag {
            context = context.with(RESOURCE_TENANT, tag);
        }
        let request =
            Request { action: action.to_owned(), resource: resource.to_owned(), context, ..Request::default() };
        evaluate(&layers, &request).is_allowed()
    }

    #[test]
    fn the_managed_boundary_is_a_valid_policy() {
        assert!(validate(&boundary()).is_empty(), "{:?}", validate(&boundary()));
        assert!(boundary().size() < AWS_MANAGED_POLICY);
    }

    #[test]
    fn the_managed_boundary_keeps_tenants_apart_and_everyone_where_they_are() {
        let arn = |rest: &str| format!("arn:aws:iam::123456789012:{rest}");
        assert!(allowed("s3:GetObject", "arn:aws:s3:::any/thing", None));
        assert!(allowed("sagemaker:StopNotebookInstance", "arn:aws:sagemaker:r:1:x", Some("acme")));
        assert!(!allowed("sagemaker:StopNotebookInstance", "arn:aws:sagemaker:r:1:x", Some("beta")));
        assert!(allowed("sts:AssumeRole", &arn("role/tenants/c1/acme/acme.trainer"), None));
        for role in ["role/tenants/c1/acme-corp/acme-corp.trainer", "role/tenants/c2/acme/x", "role/admin"] {
            assert!(!allowed("sts:AssumeRole", &arn(role), None), "{role}");
            assert!(!allowed("iam:PassRole", &arn(role), None), "{role}");
        }
        assert!(allowed("iam:GetUser", &arn("user/tenants/c1/acme/acme.alice"), None));
        assert!(!allowed("iam:GetUser", &arn("user/tenants/c1/beta/beta.eve"), None));
        for action in ["iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:DeletePolicy"] {
            assert!(!allowed(action, &arn("policy/tenants/c1/tenantry_boundary_c1"), None), "{action}");
        }
        for action in ["iam:GetAccountAuthorizationDetails", "iam:ListUsers", "iam:ResetServiceSpecificCredential"] {
            assert!(!allowed(action, &arn("user/admin"), None), "{action}");
        }
        assert!(allowed("iam:ListAccessKeys", &arn("user/tenants/c1/acme/acme.alice"), None));
        assert!(!allowed("iam:DeleteUserPermissionsBoundary", &arn("user/tenants/c1/acme/acme.alice"), None));
    }
}
