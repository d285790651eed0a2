//! ARNs in an account: what an object has or would have, and which policy one stands for.

use super::cloud::{ObjectKind, PolicyRef};
use super::inventory::Inventory;
use super::notebook::Notebook;
use crate::names::{CloudName, is_ram, ram_arn, role_arn_of_ram, system_policy_arn};

impl Inventory {
    /// The ARN of a SageMaker notebook; SageMaker writes names in lower case there.
    #[must_use]
    pub fn notebook_arn(&self, region: &str, name: &CloudName) -> String {
        let name = name.as_str().to_ascii_lowercase();
        format!("arn:{}:sagemaker:{region}:{}:notebook-instance/{name}", self.partition, self.account)
    }

    /// The ARN of a DSW instance.
    #[must_use]
    pub fn dsw_arn(&self, notebook: &Notebook) -> String {
        let workspace = notebook.build.as_ref().and_then(|build| build.workspace.as_deref()).unwrap_or_default();
        let (region, account, id) = (&notebook.region, &self.account, &notebook.id);
        format!("{}:paidsw:{region}:{account}:workspace/{workspace}/dswinstance/{id}", self.partition)
    }

    /// Whether the account is Alibaba Cloud's.
    #[must_use]
    pub fn is_ram(&self) -> bool {
        is_ram(&self.partition)
    }

    /// The ARN that an object of this account has or would have.
    #[must_use]
    pub fn arn(&self, kind: ObjectKind, path: &str, name: &CloudName) -> String {
        if self.is_ram() && kind == ObjectKind::Role {
            return role_arn_of_ram(&self.account, name);
        }
        if self.is_ram() {
            return ram_arn(&self.account, &kind.to_string(), name.as_str());
        }
        format!("arn:{}:iam::{}:{kind}{path}{name}", self.partition, self.account)
    }

    /// The ARN that one of the cloud's own policies has, or would have on the root path.
    #[must_use]
    pub fn vendor_arn(&self, name: &str) -> String {
        if self.is_ram() { system_policy_arn(name) } else { format!("arn:{}:iam::aws:policy/{name}", self.partition) }
    }

    /// The ARN of a policy as far as it is known: not of one that does not exist yet, and of a vendor's only where its
    /// path is known.
    #[must_use]
    pub fn resolve(&self, policy: &PolicyRef) -> Option<String> {
        match policy {
            PolicyRef::Own(name) => self.policies.get(name).map(|policy| policy.arn.clone()),
            PolicyRef::Arn(arn) => Some(arn.clone()),
            PolicyRef::Vendor(name) => self.is_ram().then(|| system_policy_arn(name)),
        }
    }

    /// Whether an attached ARN is the policy that is wanted.
    #[must_use]
    pub fn is(&self, arn: &str, wanted: &PolicyRef) -> bool {
        match wanted {
            PolicyRef::Vendor(name) if !self.is_ram() => arn
                .strip_prefix(&format!("arn:{}:iam::aws:policy/", self.partition))
                .is_some_and(|rest| rest.rsplit('/').next() == Some(name)),
            _ => self.resolve(wanted).as_deref() == Some(arn),
        }
    }
}

/// The region in an ARN of either cloud.
pub(super) fn region_of_arn(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    let before = if parts.next().is_some_and(is_ram) { 1 } else { 2 };
    parts.nth(before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{ClusterId, RAM_PARTITION};

    #[test]
    fn alibabas_own_policies_are_known_by_name() {
        let inventory = Inventory::new(ClusterId::new("c1"), "1234567890123456", RAM_PARTITION);
        let wanted = PolicyRef::Vendor("ReadOnlyAccess".to_owned());
        assert!(inventory.is("acs:ram:*:system:policy/ReadOnlyAccess", &wanted));
        assert!(!inventory.is("acs:ram::1234567890123456:policy/ReadOnlyAccess", &wanted));
        let user = inventory.arn(ObjectKind::User, "/tenants/c1/acme/", &CloudName::new("acme.alice"));
        assert_eq!(user, "acs:ram::1234567890123456:user/acme.alice");
    }
}
