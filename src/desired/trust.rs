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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::api::{AlibabaAccount, AwsAccount, CloudAccount, CloudAccountSpec};
    use crate::names::{ClusterId, TenantName};
    use crate::policy::evaluate::{Context, Layers, Principal, Request, Source, evaluate};
    use crate::policy::{AWS_TRUST_POLICY, Document};

    const ACCOUNT: &str = "123456789012";

    fn facts() -> AccountFacts {
        let spec = CloudAccountSpec { aws: Some(AwsAccount::default()), ..CloudAccountSpec::default() };
        AccountFacts {
            manifest: CloudAccount::new("account", spec).into(),
            id: Some(ACCOUNT.to_owned()),
            partition: "aws".to_owned(),
            trouble: None,
            unreadable: false,
            issuer: None,
        }
    }

    fn naming() -> Naming {
        Naming { cluster: ClusterId::new("c1"), tenant: TenantName::new("acme"), prefix: String::new(), ram: false }
    }

    /// Whether a user of a tenant may do that with the role, and sends these tags with it.
    fn may(trust: &Document, action: &str, tenant: &str, tags: &[(&str, &str)]) -> bool {
        let arn = format!("arn:aws:iam::{ACCOUNT}:user/tenants/c1/{tenant}/{tenant}.alice");
        let mut context = Context::new()
            .with("aws:PrincipalArn", arn.as_str())
            .with("aws:PrincipalTag/tenant", tenant)
            .with("aws:PrincipalTag/user", "alice");
        for (key, value) in tags {
            context = context.with(&format!("aws:RequestTag/{key}"), *value);
        }
        let keys: Vec<String> = tags.iter().map(|(key, _)| (*key).to_owned()).collect();
        context = context.with("aws:TagKeys", crate::policy::evaluate::ContextValue::Many(keys));
        let everything = Scope::These(vec!["*".to_owned()]);
        let all = Document::aws(vec![Statement::new(Effect::Allow, everything.clone(), everything)]);
        let source = |name: &str, document: &Document| Source { name: name.to_owned(), document: document.clone() };
        let layers =
            Layers { identity: vec![source("all", &all)], resource: Some(source("trust", trust)), ..Layers::default() };
        let principal = Principal::User { account: ACCOUNT.to_owned(), arn };
        let resource = format!("arn:aws:iam::{ACCOUNT}:role/tenants/c1/acme/acme.reader");
        // Of a role both must allow; the evaluator has one account's rule, so the trust is asked alone as well.
        let alone = Document { statements: trust.statements.iter().map(bare).collect(), ..trust.clone() };
        let request = Request { action: action.to_owned(), resource, context, principal };
        evaluate(&layers, &request).is_allowed()
            && evaluate(&Layers { identity: vec![source("trust", &alone)], ..Layers::default() }, &request).is_allowed()
    }

    /// The statement as one of an identity's permissions, so that it alone decides.
    fn bare(statement: &Statement) -> Statement {
        Statement { principals: None, resources: Some(Scope::These(vec!["*".to_owned()])), ..statement.clone() }
    }

    #[test]
    fn users_assume_their_own_tenants_role_with_their_own_name_alone() {
        let (facts, naming) = (facts(), naming());
        let trust = facts.document(Trust { facts: &facts, naming: &naming }.users(&[]));
        assert!(trust.size() < AWS_TRUST_POLICY, "{}", trust.size());
        assert!(may(&trust, "sts:AssumeRole", "acme", &[]));
        for tags in [&[("user", "alice")][..], &[("tenant", "acme")], &[("user", "alice"), ("tenant", "acme")]] {
            assert!(may(&trust, "sts:TagSession", "acme", tags), "{tags:?}");
        }
        for tags in [&[("user", "bob")][..], &[("tenant", "beta")], &[("team", "x")], &[("user", "alice"), ("x", "y")]]
        {
            assert!(!may(&trust, "sts:TagSession", "acme", tags), "{tags:?}");
        }
        for other in ["beta", "acme-corp"] {
            assert!(!may(&trust, "sts:AssumeRole", other, &[]), "{other}");
        }
    }

    #[test]
    fn on_alibaba_cloud_a_provider_vouches_for_whom_the_role_names() {
        let spec = CloudAccountSpec { alibaba: Some(AlibabaAccount::default()), ..CloudAccountSpec::default() };
        let facts = AccountFacts {
            manifest: CloudAccount::new("account", spec).into(),
            partition: crate::names::RAM_PARTITION.to_owned(),
            ..facts()
        };
        let naming = Naming { ram: true, ..naming() };
        let trust = Trust { facts: &facts, naming: &naming };
        let provider = |kind: &str| format!("acs:ram::{ACCOUNT}:{kind}-provider/okta");
        let subjects = ["acme:*".to_owned(), "robot".to_owned()];
        let trusted = OidcTrust { provider: provider("oidc"), subjects: subjects.to_vec(), ..OidcTrust::default() };
        let saml = facts.document(trust.saml(vec![provider("saml")]));
        let oidc = facts.document(trust.oidc(&trusted));
        let said = |document: &Document| serde_json::from_str::<serde_json::Value>(&document.to_json()).unwrap();
        let condition =
            serde_json::json!({"StringEquals": {"saml:recipient": "https://signin.aliyun.com/saml-role/sso"}});
        let principal = serde_json::json!({"Federated": provider("saml")});
        assert_eq!(
            said(&saml)["Statement"],
            serde_json::json!([{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", "Condition": condition}])
        );
        let may = |document: &Document, who: &str, context: &[(&str, &str)]| {
            let resource = Some(Source { name: "trust".to_owned(), document: document.clone() });
            let context = context.iter().fold(Context::new(), |context, (key, value)| context.with(key, *value));
            let request = Request {
                action: "sts:AssumeRole".to_owned(),
                resource: format!("acs:ram::{ACCOUNT}:role/acme.reader"),
                context,
                principal: Principal::Federated { provider: provider(who) },
            };
            evaluate(&Layers { resource, ..Layers::default() }, &request).is_allowed()
        };
        let page = [("saml:recipient", "https://signin.aliyun.com/saml-role/sso")];
        assert!(may(&saml, "saml", &page));
        assert!(!may(&saml, "oidc", &page) && !may(&saml, "saml", &[("saml:recipient", "https://elsewhere.example")]));
        let token = |sub, aud| [("oidc:sub", sub), ("oidc:aud", aud)];
        for (sub, aud, is_trusted) in [
            ("acme:olga", RAM_AUDIENCE, true),
            ("robot", RAM_AUDIENCE, true),
            ("acme-corp:olga", RAM_AUDIENCE, false),
            ("robots", RAM_AUDIENCE, false),
            ("acme:olga", "shop", false),
        ] {
            assert_eq!(may(&oidc, "oidc", &token(sub, aud)), is_trusted, "{sub} {aud}");
        }
        assert!(!may(&oidc, "saml", &token("robot", RAM_AUDIENCE)));
    }

    #[test]
    fn people_of_a_provider_may_send_no_other_tenants_name() {
        let (facts, naming) = (facts(), naming());
        let provider = format!("arn:aws:iam::{ACCOUNT}:saml-provider/okta");
        let trust = facts.document(Trust { facts: &facts, naming: &naming }.saml(vec![provider]));
        let tags = |tags: &[(&str, &str)]| {
            let document = Document { statements: trust.statements.iter().map(bare).collect(), ..trust.clone() };
            let source = Source { name: "trust".to_owned(), document };
            let mut context = Context::new().with("SAML:aud", "https://signin.aws.amazon.com/saml");
            for (key, value) in tags {
                context = context.with(&format!("aws:RequestTag/{key}"), *value);
            }
            let keys: Vec<String> = tags.iter().map(|(key, _)| (*key).to_owned()).collect();
            context = context.with("aws:TagKeys", crate::policy::evaluate::ContextValue::Many(keys));
            let request = Request {
                action: "sts:TagSession".to_owned(),
                resource: "*".to_owned(),
                context,
                ..Request::default()
            };
            evaluate(&Layers { identity: vec![source], ..Layers::default() }, &request).is_allowed()
        };
        assert!(tags(&[("tenant", "acme"), ("user", "alice")]) && tags(&[("user", "alice")]));
        assert!(!tags(&[("tenant", "beta")]) && !tags(&[("department", "x")]));
    }
}
