//! Names and marks where RAM's rules differ from IAM's: other alphabets, no paths, no tags on groups.
//!
//! Sources: RAM's API reference (CreateUser, CreateGroup, CreatePolicy) and its page "Limits".

use super::{CloudName, ClusterId, DESCRIPTION_PREFIX, short_hash};

/// The inline policy that takes everything away while a user or its tenant is suspended; on RAM the one that stands for it.
pub const SUSPENDED_POLICY: &str = "tenantry-suspended";
/// The first part of every ARN of Alibaba Cloud; as an account's partition it says whose account it is.
pub const RAM_PARTITION: &str = "acs";
/// Longest name of a RAM user or group, in characters.
pub const RAM_PRINCIPAL_NAME_MAX: usize = 64;
/// Longest name of a RAM policy, in characters.
pub const RAM_POLICY_NAME_MAX: usize = 128;
/// Longest display name of a user, as IMS takes it, in characters.
pub const RAM_DISPLAY_NAME_MAX: usize = 24;

/// Whether an account with this partition is Alibaba Cloud's.
#[must_use]
pub fn is_ram(partition: &str) -> bool {
    partition == RAM_PARTITION
}

/// The ARN of an object of an account. Names alone tell objects apart: there are no paths.
#[must_use]
pub fn ram_arn(account: &str, kind: &str, name: &str) -> String {
    format!("{RAM_PARTITION}:ram::{account}:{kind}/{name}")
}

/// The ARN of one of the cloud's own policies.
#[must_use]
pub fn system_policy_arn(name: &str) -> String {
    format!("{RAM_PARTITION}:ram:*:system:policy/{name}")
}

/// Name of a policy and whether it is the cloud's own, by its ARN.
#[must_use]
pub fn ram_policy(arn: &str) -> Option<(&str, bool)> {
    let (head, name) = arn.split_once(":policy/")?;
    let owner = head.strip_prefix("acs:ram:")?.rsplit(':').next()?;
    Some((name, owner == "system"))
}

/// A name for what may hold letters, digits and `-` only: what is forbidden becomes `-`, and because that is not one to
/// one (and `acme-x` must not match what is `acme-x`'s own), a hash of the full identity follows.
pub(super) fn plain(readable: &str, identity: &str, max: usize) -> CloudName {
    let hash = short_hash(identity);
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let head: String = readable.chars().map(plain).take(max - hash.len() - 1).collect();
    CloudName::new(format!("{head}-{hash}"))
}

/// The comment of a group, which is its mark: the path that it would have on AWS.
#[must_use]
pub fn group_comment(path: &str) -> String {
    format!("{DESCRIPTION_PREFIX}{path}")
}

/// The path that a group's comment stands for; `/`, nobody's, where it was not made by us.
#[must_use]
pub fn path_of_comment(comment: &str) -> String {
    comment.strip_prefix(DESCRIPTION_PREFIX).filter(|path| path.starts_with('/')).unwrap_or("/").to_owned()
}

/// The description of a policy that stands for an inline one: RAM has none, so each is a policy of its own, shared by
/// all for whom it says the same.
#[must_use]
pub fn inline_description(cluster: &ClusterId, name: &str) -> String {
    format!("{DESCRIPTION_PREFIX}inline {name} of cluster {cluster}")
}

/// The inline policy's name in such a description.
#[must_use]
pub fn inline_of_description<'d>(cluster: &ClusterId, description: &'d str) -> Option<&'d str> {
    let rest = description.strip_prefix(DESCRIPTION_PREFIX)?.strip_prefix("inline ")?;
    rest.strip_suffix(cluster.as_str())?.strip_suffix(" of cluster ").filter(|name| !name.is_empty())
}

/// The name of the policy that stands for an inline one: what it says decides, so who is to have the same shares it.
#[must_use]
pub fn inline_policy(cluster: &ClusterId, name: &str, document: &str) -> CloudName {
    plain(name, &format!("{cluster}/inline/{name}/{document}"), RAM_POLICY_NAME_MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn arns_of_policies_are_read_back() {
        assert_eq!(ram_policy(&system_policy_arn("ReadOnlyAccess")), Some(("ReadOnlyAccess", true)));
        assert_eq!(ram_policy(&ram_arn("1", "policy", "acme-dev")), Some(("acme-dev", false)));
        assert_eq!(ram_policy("arn:aws:iam::aws:policy/x"), None);
    }

    #[test]
    fn a_comment_is_a_groups_mark() {
        assert_eq!(path_of_comment(&group_comment("/tenants/c1/acme/")), "/tenants/c1/acme/");
        for foreign in ["", "our group", "tenantry: hello", "/tenants/c1/acme/"] {
            assert_eq!(path_of_comment(foreign), "/", "{foreign}");
        }
    }

    #[test]
    fn inline_policies_are_known_by_their_description() {
        let cluster = ClusterId::new("c1");
        let description = inline_description(&cluster, "tenantry-until-dev");
        assert_eq!(inline_of_description(&cluster, &description), Some("tenantry-until-dev"));
        assert_eq!(inline_of_description(&ClusterId::new("c2"), &description), None);
        assert_eq!(inline_of_description(&cluster, "tenantry: tenantrole/acme/dev"), None);
        let (a, b) = (inline_policy(&cluster, "tenantry-denied", "a"), inline_policy(&cluster, "tenantry-denied", "b"));
        assert_ne!(a, b);
        assert!(a.as_str().starts_with("tenantry-denied-"));
    }
}
