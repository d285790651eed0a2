//! Who may assume a role: trust policies in the words of each cloud. Each role has its own, so none grows with the number
//! of tenants.
//!
//! On AWS a session's principal tags are those of its role, over which come those that were sent with the call: what may
//! be sent is a matter of trust too (`sts:TagSession`; IAM user guide, "Pass session tags in AWS STS"). RAM has no
//! session tags, and one action for every way of assuming (RAM user guide, "Edit the trust policy of a RAM role").

use std::collections::BTreeMap;

use super::AccountFacts;
use crate::api::OidcTrust;
use crate::model::Provider;
use crate::names::{Naming, TAG_PRINCIPAL_TENANT, TAG_PRINCIPAL_USER};
use crate::policy::{Effect, PrincipalSet, Principals, Scope, Statement};

/// What `sts:AssumeRoleWithWebIdentity` is asked for where nobody says: the audience of EKS's tokens.
const AWS_AUDIENCE: &str = "sts.amazonaws.com";
/// The audience of ACK's tokens.
const RAM_AUDIENCE: &str = "sts.aliyuncs.com";
/// Where an OIDC provider's ARN ends and its issuer, or its name, begins.
const PROVIDER: &str = ":oidc-provider/";

/// The issuer that an IAM OIDC provider stands for, without `https://`: its ARN says it.
pub(super) fn issuer_of_arn(provider: &str) -> &str {
    provider.split_once(PROVIDER).map_or(provider, |(_, issuer)| issuer)
}

/// Trust policies for roles of one tenant in one account.
pub(super) struct Trust<'a> {
    pub(super) facts: &'a AccountFacts,
    pub(super) naming: &'a Naming,
}

impl Trust<'_> {
    fn id(&self) -> &str {
        self.facts.id.as_deref().unwrap_or_default()
    }

    fn arn(&self, rest: &str) -> String {
        match self.facts.provider() {
            Provider::Aws => format!("arn:{}:iam::{}:{rest}", self.facts.partition, self.id()),
            Provider::Alibaba => format!("acs:ram::{}:{rest}", self.id()),
        }
    }

    fn is_aws(&self) -> bool {
        self.facts.provider() == Provider::Aws
    }

    /// The tenant's users: on AWS those on its path with its tag, who must have the right to assume the role as well; in
    /// RAM, which has no paths, `users` one by one. On AWS a session may carry their own name, and no other's.
    pub(super) fn users(&self, users: &[String]) -> Vec<Statement> {
        if !self.is_aws() {
            let users: Vec<&str> = users.iter().map(String::as_str).collect();
            let trust = statement("RAM", vec![self.arn("root")], "sts:AssumeRole");
            return vec![trust.when("StringEquals", "acs:PrincipalARN", &users)];
        }
        let (tenant, path) = (self.naming.tenant.as_str(), self.naming.path());
        let own = |action| {
            let tag = format!("aws:PrincipalTag/{TAG_PRINCIPAL_TENANT}");
            let trust = statement("AWS", vec![self.arn("root")], action).when("StringEquals", &tag, &[tenant]);
            trust.when("ArnLike", "aws:PrincipalArn", &[&self.arn(&format!("user{path}*"))])
        };
        let mut tagged = self.tags(own("sts:TagSession"));
        let user = format!("${{aws:PrincipalTag/{TAG_PRINCIPAL_USER}}}");
        let sent = format!("aws:RequestTag/{TAG_PRINCIPAL_USER}");
        tagged.conditions.entry("StringEqualsIfExists".to_owned()).or_default().insert(sent, vec![user]);
        vec![own("sts:AssumeRole"), tagged]
    }

    /// People whom a SAML provider vouches for; its assertions say which role they are for.
    pub(super) fn saml(&self, providers: Vec<String>) -> Vec<Statement> {
        if !self.is_aws() {
            let trust = statement("Federated", providers, "sts:AssumeRole");
            return vec![trust.when("StringEquals", "saml:recipient", &["https://signin.aliyun.com/saml-role/sso"])];
        }
        let audience = match self.facts.partition.as_str() {
            "aws-cn" => "https://signin.amazonaws.cn/saml",
            "aws-us-gov" => "https://signin.amazonaws-us-gov.com/saml",
            _ => "https://signin.aws.amazon.com/saml",
        };
        let trust = statement("Federated", providers.clone(), "sts:AssumeRoleWithSAML");
        let tagged = self.tags(statement("Federated", providers, "sts:TagSession"));
        vec![trust.when("StringEquals", "SAML:aud", &[audience]), tagged]
    }

    /// Whom an OIDC provider vouches for.
    pub(super) fn oidc(&self, trusted: &OidcTrust) -> Vec<Statement> {
        let usual = vec![if self.is_aws() { AWS_AUDIENCE } else { RAM_AUDIENCE }.to_owned()];
        let audiences = if trusted.audiences.is_empty() { &usual } else { &trusted.audiences };
        let trust = self.token(&trusted.provider, &trusted.subjects, audiences);
        if !self.is_aws() {
            return vec![trust];
        }
        let tagged = self.tags(statement("Federated", vec![trusted.provider.clone()], "sts:TagSession"));
        vec![trust, tagged]
    }

    /// Exactly one ServiceAccount of this cluster; `issuer` is the cluster's, where it is known.
    pub(super) fn service_account(
        &self,
        provider: &str,
        issuer: Option<&str>,
        namespace: &str,
        name: &str,
    ) -> Vec<Statement> {
        let subject = format!("system:serviceaccount:{namespace}:{name}");
        let audience = if self.is_aws() { AWS_AUDIENCE } else { RAM_AUDIENCE };
        let mut trust = self.token(provider, &[subject], &[audience.to_owned()]);
        if let Some(issuer) = issuer.filter(|_| !self.is_aws()) {
            trust = trust.when("StringEquals", "oidc:iss", &[issuer]);
        }
        vec![trust]
    }

    /// The machine learning service, for this account only.
    pub(super) fn service(&self) -> Vec<Statement> {
        let trust = statement("Service", vec![service(self.facts).to_owned()], "sts:AssumeRole");
        if !self.is_aws() {
            return vec![trust];
        }
        let source = format!("arn:{}:sagemaker:*:{}:*", self.facts.partition, self.id());
        let trust = trust.when("StringEquals", "aws:SourceAccount", &[self.id()]);
        vec![trust.when("ArnLike", "aws:SourceArn", &[&source])]
    }

    fn token(&self, provider: &str, subjects: &[String], audiences: &[String]) -> Statement {
        let (action, prefix) = if self.is_aws() {
            ("sts:AssumeRoleWithWebIdentity", issuer_of_arn(provider))
        } else {
            ("sts:AssumeRole", "oidc")
        };
        let mut trust = statement("Federated", vec![provider.to_owned()], action);
        let wild = subjects.iter().any(|subject| subject.contains(['*', '?']));
        let operator = if wild { "StringLike" } else { "StringEquals" };
        let mut set = |operator: &str, key: &str, values: &[String]| {
            trust.conditions.entry(operator.to_owned()).or_default().insert(format!("{prefix}:{key}"), values.to_vec());
        };
        set(operator, "sub", subjects);
        set("StringEquals", "aud", audiences);
        trust
    }

    /// The tags that may be sent with a session: the tenant's own name, and a user's. Every tag is a right wherever
    /// policies look at it.
    fn tags(&self, statement: Statement) -> Statement {
        let tenant = format!("aws:RequestTag/{TAG_PRINCIPAL_TENANT}");
        statement.when("StringEqualsIfExists", &tenant, &[self.naming.tenant.as_str()]).when(
            "ForAllValues:StringEquals",
            "aws:TagKeys",
            &[TAG_PRINCIPAL_TENANT, TAG_PRINCIPAL_USER],
        )
    }
}

/// The service that assumes execution roles.
pub(super) fn service(facts: &AccountFacts) -> &'static str {
    match facts.provider() {
        Provider::Aws => "sagemaker.amazonaws.com",
        Provider::Alibaba => "pai.aliyuncs.com",
    }
}

fn statement(kind: &str, principals: Vec<String>, action: &str) -> Statement {
    Statement {
        sid: None,
        effect: Effect::Allow,
        principals: Some(Principals::These(PrincipalSet::Of(BTreeMap::from([(kind.to_owned(), principals)])))),
        actions: Scope::These(vec![action.to_owned()]),
        resources: None,
        conditions: BTreeMap::new(),
    }
}
