//! Names of the cloud roles of a tenant: the one that stands for a TenantRole, the one of a ServiceAccount, and the one
//! under which the machine learning service works.
//!
//! They cannot meet: a TenantRole's name is a DNS label, a ServiceAccount's comes behind its namespace and a dot, and
//! no label holds an `_` or begins with a `-`.

use super::{AWS_PRINCIPAL_NAME_MAX, CloudName, Naming, RAM_PARTITION, RAM_PRINCIPAL_NAME_MAX, ram};

/// The inline policy that lets an execution role hand itself on.
pub const EXECUTION_POLICY: &str = "tenantry-execution";
/// The inline policy that stops the sessions of users who are suspended or expired while their tenant is not.
pub const SUSPENDED_USERS_POLICY: &str = "tenantry-suspended-users";
/// What follows the tenant in the name of the role that SageMaker assumes.
const SAGEMAKER_EXECUTION: &str = "sagemaker_execution";
/// The same for PAI; RAM's names hold no `_`.
const PAI_EXECUTION: &str = "-pai-execution";

impl Naming {
    /// The cloud role that stands for a TenantRole: called like its policy on AWS.
    #[must_use]
    pub fn role(&self, role: &str) -> CloudName {
        self.fit_role(role)
    }

    /// The role under which the tenant's notebooks, training jobs and endpoints work: SageMaker assumes it, or PAI.
    #[must_use]
    pub fn execution_role(&self) -> CloudName {
        self.fit_role(if self.ram { PAI_EXECUTION } else { SAGEMAKER_EXECUTION })
    }

    /// The role of a ServiceAccount of the tenant.
    #[must_use]
    pub fn service_account_role(&self, namespace: &str, name: &str) -> CloudName {
        self.fit_role(&format!("{namespace}.{name}"))
    }

    /// The ARN that a role of the tenant has in an account; `partition` is the account's.
    #[must_use]
    pub fn role_arn(&self, partition: &str, account: &str, name: &CloudName) -> String {
        if self.ram {
            return role_arn_of_ram(account, name);
        }
        format!("arn:{partition}:iam::{account}:role{}{name}", self.path())
    }

    fn fit_role(&self, name: &str) -> CloudName {
        if !self.ram {
            return self.fit(self.dotted(name), AWS_PRINCIPAL_NAME_MAX, "role", name);
        }
        let full = format!("{}{}", self.prefix, self.dotted(name));
        let fits = full.len() <= RAM_PRINCIPAL_NAME_MAX
            && full.chars().all(|c| c == '-' || c == '.' || c.is_ascii_alphanumeric());
        if fits {
            CloudName::new(full)
        } else {
            ram::plain(&full, &self.identity("role", name), RAM_PRINCIPAL_NAME_MAX)
        }
    }
}

/// RAM writes a role's name in lower case into its ARN (RAM API reference, CreateRole).
#[must_use]
pub fn role_arn_of_ram(account: &str, name: &CloudName) -> String {
    format!("{RAM_PARTITION}:ram::{account}:role/{}", name.as_str().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{ClusterId, TenantName};

    fn naming(ram: bool, prefix: &str) -> Naming {
        let (cluster, tenant) = (ClusterId::new("c1"), TenantName::new("acme"));
        Naming { cluster, tenant, prefix: prefix.to_owned(), ram }
    }

    #[test]
    fn roles_are_readable_and_never_meet() {
        let aws = naming(false, "");
        assert_eq!(aws.role("developer").as_str(), "acme.developer");
        assert_eq!(aws.execution_role().as_str(), "acme.sagemaker_execution");
        assert_eq!(aws.service_account_role("acme", "trainer").as_str(), "acme.acme.trainer");
        let arn = aws.role_arn("aws", "123456789012", &aws.role("developer"));
        assert_eq!(arn, "arn:aws:iam::123456789012:role/tenants/c1/acme/acme.developer");
        let ram = naming(true, "");
        assert_eq!(ram.role("developer").as_str(), "acme.developer");
        assert_eq!(ram.execution_role().as_str(), "acme.-pai-execution");
        let arn = naming(true, "X-").role_arn("acs", "1", &naming(true, "X-").role("developer"));
        assert_eq!(arn, "acs:ram::1:role/x-acme.developer");
    }

    #[test]
    fn what_ram_forbids_or_is_too_long_is_cut_and_told_apart() {
        let prefixed = naming(true, "x_").role("developer");
        assert!(prefixed.as_str().starts_with("x-acme-developer-"), "{prefixed}");
        let long = |last: char| naming(true, "").service_account_role("acme", &format!("{}{last}", "s".repeat(62)));
        assert_ne!(long('a'), long('b'));
        assert_eq!(long('a').as_str().len(), RAM_PRINCIPAL_NAME_MAX);
        assert_eq!(naming(false, "").service_account_role("acme", &"s".repeat(63)).as_str().len(), 64);
    }
}
