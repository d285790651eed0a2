//! `namespaces[].serviceAccounts` → a ServiceAccount, and a cloud role for each of its accounts that its pods' tokens
//! open: IRSA on AWS, RRSA on Alibaba Cloud. No key is made.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::cloud_roles::RoleDraft;
use super::grants::Grants;
use super::trust::{Trust, issuer_of_arn};
use super::{AccountFacts, Compiler};
use crate::api::TenantServiceAccount;
use crate::model::{Class, KubeKind, ObjRef, Provider};
use crate::names::{AccountName, CloudName};

/// The annotation by which EKS's webhook gives pods their role (EKS user guide, "IAM roles for service accounts").
const IRSA_ROLE: &str = "eks.amazonaws.com/role-arn";
/// The same of ACK's webhook (ACK, "Use RRSA to authorize different pods to access different cloud services").
const RRSA_ROLE: &str = "pod-identity.alibabacloud.com/role-name";
/// The label on a namespace in whose pods ACK's webhook works.
pub(super) const RRSA_INJECTION: (&str, &str) = ("pod-identity.alibabacloud.com/injection", "on");

impl Compiler<'_> {
    pub(super) fn service_accounts(&mut self, grants: &Grants) {
        for namespace in self.tenant.namespaces().iter() {
            for service_account in &namespace.service_accounts {
                self.service_account(&namespace.name, service_account, grants);
            }
        }
    }

    /// Whether pods of a namespace shall have roles of Alibaba Cloud.
    pub(super) fn wants_rrsa(&self, service_accounts: &[TenantServiceAccount]) -> bool {
        let accounts = self.tenant_accounts();
        let on_ram = |name: &AccountName| {
            let facts = accounts.iter().find(|(it, _)| it == name).map(|(_, facts)| facts);
            facts.is_some_and(|facts| facts.provider() == Provider::Alibaba)
        };
        service_accounts.iter().any(|it| self.named_by(it).iter().any(on_ram))
    }

    pub(super) fn named_by(&self, service_account: &TenantServiceAccount) -> Vec<AccountName> {
        if service_account.accounts.is_empty() {
            return self.tenant.spec.accounts.iter().map(|it| AccountName::new(&it.name)).collect();
        }
        service_account.accounts.iter().map(AccountName::new).collect()
    }

    fn service_account(&mut self, namespace: &str, wanted: &TenantServiceAccount, grants: &Grants) {
        let whom = format!("service account {namespace}/{}", wanted.name);
        let mut is_refused = false;
        for role in wanted.roles.iter().filter(|role| grants.get(role).is_none()) {
            let tenant = self.tenant_name;
            let message = format!(
                "{whom}: there is no TenantRole {role} in tenant {tenant}. Make it, or take it out of the service account's roles."
            );
            self.refuse_tenant(None, message);
        }
        let named = self.named_by(wanted);
        for name in named.iter().filter(|name| !self.tenant.spec.accounts.iter().any(|it| it.name == name.as_str())) {
            let message = format!(
                "{whom}: the tenant is not in account {name}. Add it to spec.accounts, or take it out of the service account's accounts."
            );
            self.refuse_tenant(None, message);
        }
        let accounts: Vec<(AccountName, AccountFacts)> =
            self.tenant_accounts().into_iter().filter(|(name, _)| named.contains(name)).collect();
        for cloud in [Provider::Aws, Provider::Alibaba] {
            let of_cloud = accounts.iter().filter(|(_, facts)| facts.provider() == cloud);
            let names: Vec<&str> = of_cloud.map(|(name, _)| name.as_str()).collect();
            if names.len() > 1 {
                let message = format!(
                    "{whom}: {} are of one cloud, and a pod's SDK takes one role a cloud. Name one of them in the service account's accounts.",
                    names.join(", ")
                );
                self.refuse_tenant(None, message);
                is_refused = true;
            }
        }
        let mut annotations = Map::new();
        for (name, facts) in accounts {
            let cloud_name = self.naming(&facts).service_account_role(namespace, &wanted.name);
            if !is_refused {
                let (key, value) = self.annotation(&facts, &cloud_name);
                annotations.insert(key.to_owned(), value.into());
            }
            self.role_of_service_account(namespace, wanted, grants, (&name, &facts), cloud_name, is_refused);
        }
        let at = ObjRef::namespaced(KubeKind::ServiceAccount, namespace, &wanted.name);
        // What is refused keeps what it has: pods may run with it.
        if !is_refused {
            let tenant = self.tenant_ref.clone();
            self.put(&tenant, at, json!({"metadata": {"annotations": Value::Object(annotations)}}));
        } else {
            self.cluster.kept.insert(at);
        }
    }

    fn annotation(&self, facts: &AccountFacts, role: &CloudName) -> (&'static str, String) {
        match facts.provider() {
            Provider::Aws => {
                let id = facts.id.as_deref().unwrap_or_default();
                (IRSA_ROLE, self.naming(facts).role_arn(&facts.partition, id, role))
            }
            Provider::Alibaba => (RRSA_ROLE, role.to_string()),
        }
    }

    fn role_of_service_account(
        &mut self,
        namespace: &str,
        wanted: &TenantServiceAccount,
        grants: &Grants,
        (account, facts): (&AccountName, &AccountFacts),
        name: CloudName,
        is_refused: bool,
    ) {
        let whom = format!("service account {namespace}/{}", wanted.name);
        let mut only_still = is_refused;
        let provider = match self.provider_of(account, facts) {
            Ok(provider) => provider,
            Err(message) => {
                self.refuse_tenant(Some(account), format!("{whom}: {message}"));
                only_still = true;
                String::new()
            }
        };
        let granted: Vec<_> = wanted.roles.iter().filter_map(|role| grants.get(role)).collect();
        for grant in granted.iter().filter(|grant| grant.templates.contains_key(account)) {
            let message = format!(
                "{whom}: TenantRole {} speaks of $(user), which a service account is not; RAM has no variable for it. Take it out of the service account's roles.",
                grant.role
            );
            self.refuse_tenant(Some(account), message);
        }
        only_still |= granted.iter().any(|grant| grant.unknown.contains_key(account));
        let attached: BTreeSet<_> =
            granted.iter().filter_map(|it| it.attached.get(account)).flatten().cloned().collect();
        let naming = self.naming(facts);
        let trust = Trust { facts, naming: &naming };
        let issuer = self.context.issuer.as_deref();
        let trust = trust.service_account(&provider, issuer, namespace, &wanted.name);
        let (owner, inline) = (self.tenant_ref.clone(), BTreeMap::new());
        let pod = Some(ObjRef::namespaced(KubeKind::ServiceAccount, namespace, &wanted.name));
        self.want_role(account, facts, RoleDraft { owner, name, trust, attached, inline, pod, only_still });
    }

    /// The account's OIDC provider of this cluster.
    fn provider_of(&self, account: &AccountName, facts: &AccountFacts) -> Result<String, String> {
        let spec = &facts.manifest.spec;
        let (field, provider) = match (&spec.aws, &spec.alibaba) {
            (Some(aws), _) => ("spec.aws.oidcProvider", aws.oidc_provider.as_ref()),
            (None, Some(alibaba)) => ("spec.alibaba.oidcProvider", alibaba.oidc_provider.as_ref()),
            (None, None) => ("spec", None),
        };
        let Some(provider) = provider else {
            return Err(format!(
                "CloudAccount {account} does not say which OIDC provider stands for this cluster. Set {field} there."
            ));
        };
        if !facts.has_provider(provider) {
            let id = facts.id.as_deref().unwrap_or_default();
            return Err(format!(
                "{field} of CloudAccount {account} is {provider}, which is not in account {id}. Correct it."
            ));
        }
        let known = match facts.provider() {
            Provider::Aws => Some(format!("https://{}", issuer_of_arn(provider))),
            Provider::Alibaba => facts.issuer.clone(),
        };
        if known.as_deref() == Some("") {
            return Err(format!(
                "{field} of CloudAccount {account} is {provider}, and there is no such provider. Make it."
            ));
        }
        let Some(issuer) = &self.context.issuer else { return Ok(provider.clone()) };
        match known.filter(|known| known.trim_end_matches('/') != issuer.trim_end_matches('/')) {
            Some(other) => Err(format!(
                "{field} of CloudAccount {account} stands for the issuer {other}, and this cluster's tokens are issued by {issuer}: none of them would be accepted. Name the provider of this cluster."
            )),
            None => Ok(provider.clone()),
        }
    }

    fn refuse_tenant(&mut self, account: Option<&AccountName>, message: String) {
        let tenant = self.tenant_ref.clone();
        self.refuse(&tenant, account, Class::Invalid, message);
    }
}
