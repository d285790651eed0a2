//! Names in MaxCompute: tenant-level roles, whose name is all that says whose they are, and users as commands write them.
//!
//! Sources: MaxCompute's user guide ("Tenant-level role authorization": 6 to 64 letters, digits and `_`, a letter first),
//! the grammar of its official console.

use std::collections::BTreeSet;

use super::{CloudName, Naming, short_hash};

/// Longest name of a tenant-level role, in characters.
pub const MAX_COMPUTE_ROLE_NAME_MAX: usize = 64;
/// Before a name that would not begin with a letter.
const LETTER: &str = "t_";

impl Naming {
    /// The tenant-level role of a TenantRole, or of one for one user (`dev.alice`). What is forbidden becomes `_`, and the
    /// hash of the full identity follows: there are no marks but the name.
    #[must_use]
    pub fn max_compute_role(&self, name: &str) -> CloudName {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let mut head: String = format!("{}{}", self.prefix, self.dotted(name)).chars().map(plain).collect();
        if !head.starts_with(|c: char| c.is_ascii_alphabetic()) {
            head.insert_str(0, LETTER);
        }
        let suffix = max_compute_suffix(self.cluster.as_str(), self.tenant.as_str(), name);
        let head: String = head.chars().take(MAX_COMPUTE_ROLE_NAME_MAX - suffix.len()).collect();
        CloudName::new(format!("{head}{suffix}"))
    }
}

/// How the name of a tenant-level role ends: whatever the account's prefix is, it says whose role it is.
#[must_use]
pub fn max_compute_suffix(cluster: &str, tenant: &str, name: &str) -> String {
    format!("_{}", short_hash(&format!("{cluster}/{tenant}/maxcompute/{name}")))
}

/// Whether a role's name ends as one of these.
#[must_use]
pub fn max_compute_is_of(role: &CloudName, suffixes: &BTreeSet<String>) -> bool {
    let name = role.as_str();
    name.rfind('_').is_some_and(|at| suffixes.contains(&name[at..].to_ascii_lowercase()))
}

/// A RAM user as MaxCompute's commands write it.
#[must_use]
pub fn max_compute_user(account: &str, user: &CloudName) -> CloudName {
    CloudName::new(format!("RAM${account}:{user}"))
}

/// The RAM user of an account that such a text names; none where it is a role, an account, or nothing of these.
#[must_use]
pub fn ram_user_of_max_compute(principal: &CloudName) -> Option<CloudName> {
    let (kind, name) = principal.as_str().split_once(':')?;
    (kind.starts_with("RAM$") && !name.starts_with('`') && !name.is_empty()).then(|| CloudName::new(name))
}

/// A principal as MaxCompute shows it, with the account's id in place of its login name, which older answers have.
#[must_use]
pub fn max_compute_principal(account: &str, shown: &str) -> CloudName {
    let shown = shown.trim();
    match shown.strip_prefix("RAM$").and_then(|rest| rest.split_once(':')) {
        Some((owner, name)) if !owner.bytes().all(|byte| byte.is_ascii_digit()) => {
            CloudName::new(format!("RAM${account}:{name}"))
        }
        _ => CloudName::new(shown),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ClusterId, TenantName};
    use super::*;

    fn naming(prefix: &str, tenant: &str) -> Naming {
        Naming { cluster: ClusterId::new("c1"), tenant: TenantName::new(tenant), prefix: prefix.to_owned(), ram: true }
    }

    #[test]
    fn roles_fit_what_max_compute_allows_however_long_the_names_are() {
        let long = "r".repeat(63);
        for (prefix, tenant, role) in [
            ("", "acme", "algorithm-developer"),
            ("x-", "3m", "a"),
            ("7", "t", "r"),
            ("", &"t".repeat(63), &long),
            ("", "acme", &format!("{long}.{long}")),
        ] {
            let name = naming(prefix, tenant).max_compute_role(role);
            let name = name.as_str();
            assert!((6..=64).contains(&name.len()), "{name}");
            assert!(name.starts_with(|c: char| c.is_ascii_alphabetic()), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{name}");
        }
        let dev = naming("", "acme").max_compute_role("algorithm-developer");
        assert!(dev.as_str().starts_with("acme_algorithm_developer_"), "{dev}");
    }

    #[test]
    fn the_end_of_a_name_tells_whose_role_it_is_whatever_stands_before() {
        let suffixes = BTreeSet::from([max_compute_suffix("c1", "acme", "dev")]);
        assert!(max_compute_is_of(&naming("", "acme").max_compute_role("dev"), &suffixes));
        assert!(max_compute_is_of(&naming("x-", "acme").max_compute_role("dev"), &suffixes));
        assert!(!max_compute_is_of(&naming("", "acme-dev").max_compute_role("dev"), &suffixes));
        assert!(!max_compute_is_of(&naming("", "acme").max_compute_role("dev.alice"), &suffixes));
        assert!(!max_compute_is_of(&CloudName::new("admin"), &suffixes));
    }

    #[test]
    fn users_are_known_by_their_names_in_ram() {
        let alice = CloudName::new("acme.alice");
        let shown = max_compute_user("1234", &alice);
        assert_eq!(shown.as_str(), "RAM$1234:acme.alice");
        assert_eq!(ram_user_of_max_compute(&shown), Some(alice));
        assert_eq!(max_compute_principal("1234", " RAM$people@acme.example:acme.alice"), shown);
        for other in ["ALIYUN$1234", "RAM$1234:`role/ops`", "admin"] {
            assert_eq!(ram_user_of_max_compute(&CloudName::new(other)), None, "{other}");
        }
    }
}
