//! Names and marks of PAI workspaces: short names of letters, digits and `_`, and no tags.
//!
//! Source: PAI's API reference, CreateWorkspace.

use super::{CloudName, ClusterId, ManifestKind, ManifestRef, Mark, Naming, TenantName, short_hash};

/// Fewest and most characters of a workspace's name.
const NAME_LENGTH: std::ops::RangeInclusive<usize> = 3..=23;
/// Most characters of a workspace's description.
pub const WORKSPACE_DESCRIPTION_MAX: usize = 80;
/// How a description begins that is a mark of ours.
const MARK: &str = "tenantry:";

impl Naming {
    /// The tenant's PAI workspace in a region.
    #[must_use]
    pub fn workspace(&self, region: &str, name: &str) -> CloudName {
        let full = format!("{}{name}", self.prefix);
        workspace_in(region, &workspace(&full, &self.identity("workspace", name)))
    }
}

/// A workspace's name as PAI takes it: as it is where it may be so, else a readable part and a hash of the identity.
fn workspace(full: &str, identity: &str) -> String {
    let allowed = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let begins_well = full.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    if begins_well && NAME_LENGTH.contains(&full.len()) && full.chars().all(allowed) {
        return full.to_owned();
    }
    let hash = short_hash(identity);
    let plain: String = full.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    let plain = if begins_well { plain } else { format!("w{plain}") };
    let head: String = plain.chars().take(NAME_LENGTH.end() - hash.len() - 1).collect();
    format!("{head}_{hash}")
}

/// A workspace among all of an account: names are unique in their region only, so the region stands before them.
#[must_use]
pub fn workspace_in(region: &str, name: &str) -> CloudName {
    CloudName::new(format!("{region}/{name}"))
}

/// Region and name of a workspace.
#[must_use]
pub fn region_of_workspace(workspace: &CloudName) -> (&str, &str) {
    workspace.as_str().split_once('/').unwrap_or_default()
}

/// The description of a tenant's workspace, which is its mark.
#[must_use]
pub fn workspace_mark(cluster: &ClusterId, tenant: &TenantName) -> String {
    format!("{MARK}{cluster}/{tenant}")
}

/// Whose a workspace is, by its description.
#[must_use]
pub fn mark_of_workspace(description: &str) -> Option<Mark> {
    let (cluster, tenant) = description.strip_prefix(MARK)?.rsplit_once('/')?;
    if cluster.is_empty() || tenant.is_empty() {
        return None;
    }
    let owner = ManifestRef::cluster_scoped(ManifestKind::Tenant, tenant).mark_text();
    Some(Mark { cluster: ClusterId::new(cluster), tenant: TenantName::new(tenant), owner })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_name_that_pai_allows_stays_and_others_are_made_so() {
        assert_eq!(workspace("acme_lab", "c1/acme/workspace/acme_lab"), "acme_lab");
        let (a, b) = (workspace("x-acme", "c1/acme/workspace/acme"), workspace("x_acme_", "c1/acme/workspace/acme"));
        assert!(a.starts_with("x_acme_") && a.len() <= 23, "{a}");
        assert_eq!(b, "x_acme_");
        for full in ["1acme", "a", &"a".repeat(30), "prod-acme-and-very-much-more", "-"] {
            let name = workspace(full, full);
            assert!(NAME_LENGTH.contains(&name.len()) && name.as_bytes()[0].is_ascii_alphabetic(), "{name}");
            assert!(name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()), "{name}");
        }
    }

    #[test]
    fn a_description_is_a_workspaces_mark() {
        let (cluster, tenant) = (ClusterId::new("c1a2b3c4"), TenantName::new("acme"));
        let text = workspace_mark(&cluster, &tenant);
        assert_eq!(text, "tenantry:c1a2b3c4/acme");
        let mark = mark_of_workspace(&text).unwrap();
        assert_eq!((mark.cluster, mark.tenant, mark.owner.as_str()), (cluster, tenant, "tenant/acme"));
        for foreign in ["", "our workspace", "tenantry:", "tenantry:x", "tenantry:/acme", "tenantry:c1/"] {
            assert_eq!(mark_of_workspace(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_workspace_is_known_by_region_and_name() {
        assert_eq!(region_of_workspace(&workspace_in("cn-shanghai", "acme")), ("cn-shanghai", "acme"));
    }
}
