//! Object identity → valid cloud and cluster names, and the owner marks by which we know our own objects again.
//!
//! Every name is a pure function of cluster, tenant, kind and manifest name, so that a process which dies between two
//! calls finds what it made. The separator is an isolation boundary: Kubernetes names hold no `.`, so a pattern for
//! tenant `acme` (`acme.*`) never matches an object of `acme-corp`.

mod max_compute;
mod notebooks;
mod pai;
mod ram;
mod roles;

use std::cmp::Ordering;
use std::fmt;

use data_encoding::BASE32_NOPAD;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

pub use max_compute::*;
pub use notebooks::*;
pub use pai::*;
pub use ram::*;
pub use roles::*;

/// Longest name of an IAM user or role, in characters (IAM user guide, "IAM and AWS STS quotas").
pub const AWS_PRINCIPAL_NAME_MAX: usize = 64;
/// Longest name of an IAM group or customer managed policy, in characters (same source).
pub const AWS_GROUP_NAME_MAX: usize = 128;

/// Tag and label key that carries the cluster's id.
pub const TAG_CLUSTER: &str = "tenantry.dev/cluster";
/// Tag and label key that carries the tenant's name.
pub const TAG_TENANT: &str = "tenantry.dev/tenant";
/// Tag key that carries the owner, `kind/namespace/name`.
pub const TAG_OWNER: &str = "tenantry.dev/owner";
/// Tag key that carries the UID of the owning manifest.
pub const TAG_UID: &str = "tenantry.dev/uid";
/// Principal tag for policy conditions: the tenant's name.
pub const TAG_PRINCIPAL_TENANT: &str = "tenant";
/// Principal tag for policy conditions: the TenantUser's name.
pub const TAG_PRINCIPAL_USER: &str = "user";
/// How every tag, label and annotation of ours begins that says whose something is.
pub const MARK_PREFIX: &str = "tenantry.dev/";
/// How the description of a policy that we made begins; the owner follows. `GetAccountAuthorizationDetails` shows
/// descriptions but not policy tags, so a sweep knows our policies without a call for each.
pub const DESCRIPTION_PREFIX: &str = "tenantry: ";

/// Before a TenantUser's name, in the name of the Role that gives its subject its own Secrets, and of its binding.
pub const USER_PREFIX: &str = "tenantry:user:";
/// The annotation that stands for what we last applied to a namespace or an object: what is taken out of a manifest is
/// told by it, as fields of others beside ours are no difference.
pub const APPLIED: &str = "tenantry.dev/applied";
/// The annotation on a namespace that says which tenant it was made for; without it a namespace was adopted.
pub const MADE_FOR: &str = "tenantry.dev/made-for";
/// The annotation by which a namespace's admin gives it to the tenant that it names; on a TenantUser or TenantRole `"true"`
/// takes over a cloud object that has the right name and no owner mark.
pub const ADOPT: &str = "tenantry.dev/adopt";
/// How the annotation on a workload's pod template ends that names the key which its pods read; the Secret's name comes
/// before it, so that two Secrets of one workload do not get in each other's way.
pub const RESTART_ANNOTATION: &str = ".tenantry.dev/access-key-id";
/// Label on a namespace that is not a tenant's but holds manifests of tenants.
pub const LABEL_DEFINITIONS: &str = "tenantry.dev/definitions";

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub struct $name(String);

        impl $name {
            /// Takes a text that the API server or a cloud has already validated.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_newtype! {
    /// What tells this cluster's objects from another's in one cloud account.
    ClusterId
}
text_newtype! {
    /// A Tenant's `metadata.name`; the key of all work.
    TenantName
}
text_newtype! {
    /// A CloudAccount's `metadata.name`.
    AccountName
}

impl ClusterId {
    /// The default id: the first eight hex digits of the kube-system namespace's UID.
    #[must_use]
    pub fn from_kube_system_uid(uid: &str) -> Self {
        Self(uid.chars().filter(char::is_ascii_hexdigit).take(8).collect())
    }
}

/// The name of an object in a cloud. IAM names are unique regardless of case, so two names that differ by case only are
/// one name here; the spelling is kept for display and for calls.
#[derive(Clone, Debug)]
pub struct CloudName(String);

impl CloudName {
    /// Takes a name as a cloud or [`Naming`] gave it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The name in its own spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CloudName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for CloudName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl PartialEq for CloudName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for CloudName {}

impl PartialOrd for CloudName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CloudName {
    fn cmp(&self, other: &Self) -> Ordering {
        let fold = |text: &str| text.bytes().map(|b| b.to_ascii_lowercase()).collect::<Vec<_>>();
        fold(&self.0).cmp(&fold(&other.0))
    }
}

/// The kinds of manifest, as they stand in owner marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum ManifestKind {
    /// A cloud account; cluster-scoped.
    CloudAccount,
    /// A team; cluster-scoped.
    Tenant,
    /// A set of permissions.
    TenantRole,
    /// A person or machine.
    TenantUser,
    /// A notebook.
    TenantNotebook,
}

impl ManifestKind {
    /// The kind as Kubernetes writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CloudAccount => "CloudAccount",
            Self::Tenant => "Tenant",
            Self::TenantRole => "TenantRole",
            Self::TenantUser => "TenantUser",
            Self::TenantNotebook => "TenantNotebook",
        }
    }
}

impl fmt::Display for ManifestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which manifest: kind, namespace (none for cluster-scoped kinds) and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ManifestRef {
    /// Its kind.
    pub kind: ManifestKind,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl ManifestRef {
    /// A cluster-scoped manifest.
    pub fn cluster_scoped(kind: ManifestKind, name: impl Into<String>) -> Self {
        Self { kind, namespace: None, name: name.into() }
    }

    /// A namespaced manifest.
    pub fn namespaced(kind: ManifestKind, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind, namespace: Some(namespace.into()), name: name.into() }
    }

    /// The mark's text: `tenantuser/acme/alice`, `tenant//acme` without the empty part: `tenant/acme`.
    #[must_use]
    pub fn mark_text(&self) -> String {
        let kind = self.kind.as_str().to_ascii_lowercase();
        match &self.namespace {
            Some(namespace) => format!("{kind}/{namespace}/{}", self.name),
            None => format!("{kind}/{}", self.name),
        }
    }
}

impl fmt::Display for ManifestRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// Whose an object is: cluster, tenant and the text of the owning manifest. Two marks with the same owner and another
/// UID are the same owner (a restored or rebuilt cluster).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mark {
    /// The cluster.
    pub cluster: ClusterId,
    /// The tenant.
    pub tenant: TenantName,
    /// `kind/namespace/name` of the manifest.
    pub owner: String,
}

impl Mark {
    /// Whether `owner` is the manifest that this mark names.
    #[must_use]
    pub fn is_of(&self, owner: &ManifestRef) -> bool {
        self.owner == owner.mark_text()
    }
}

/// Makes every name for one tenant of one cluster in one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    /// The cluster.
    pub cluster: ClusterId,
    /// The tenant.
    pub tenant: TenantName,
    /// `CloudAccount.spec.namePrefix`, before every cloud name.
    pub prefix: String,
    /// Whether names follow RAM's rules instead of IAM's.
    pub ram: bool,
}

impl Naming {
    /// The path under which all of the tenant's AWS objects live.
    #[must_use]
    pub fn path(&self) -> String {
        tenant_path(&self.cluster, &self.tenant)
    }

    /// The tenant's group.
    #[must_use]
    pub fn group(&self) -> CloudName {
        let tenant = self.tenant.as_str();
        if self.ram {
            // Older accounts take letters, digits and `-` only, which is what a tenant's name is made of.
            let full = format!("{}{tenant}", self.prefix);
            let fits =
                full.len() <= RAM_PRINCIPAL_NAME_MAX && full.chars().all(|c| c == '-' || c.is_ascii_alphanumeric());
            let named = || ram::plain(&full, &self.identity("group", tenant), RAM_PRINCIPAL_NAME_MAX);
            return if fits { CloudName::new(&full) } else { named() };
        }
        self.fit(tenant.to_owned(), AWS_GROUP_NAME_MAX, "group", tenant)
    }

    /// A user; `name` is `spec.userName` or the manifest's name. A chosen `userName` is taken as it stands.
    #[must_use]
    pub fn user(&self, name: &str, chosen: Option<&str>) -> CloudName {
        match chosen.filter(|text| !text.is_empty()) {
            Some(chosen) => CloudName::new(format!("{}{chosen}", self.prefix)),
            None => self.fit(self.dotted(name), AWS_PRINCIPAL_NAME_MAX, "user", name),
        }
    }

    /// The policy of a role. `part` counts the documents of a role that is too long for one, from 1.
    #[must_use]
    pub fn policy(&self, role: &str, part: usize) -> CloudName {
        let name = if part <= 1 { role.to_owned() } else { format!("{role}.{part}") };
        if self.ram {
            let full = format!("{}{}", self.prefix, self.dotted(&name));
            return ram::plain(&full, &self.identity("policy", &name), RAM_POLICY_NAME_MAX);
        }
        self.fit(self.dotted(&name), AWS_GROUP_NAME_MAX, "policy", &name)
    }

    fn dotted(&self, name: &str) -> String {
        format!("{}.{name}", self.tenant)
    }

    fn identity(&self, kind: &str, name: &str) -> String {
        format!("{}/{}/{kind}/{name}", self.cluster, self.tenant)
    }

    fn fit(&self, plain: String, max: usize, kind: &str, name: &str) -> CloudName {
        let full = format!("{}{plain}", self.prefix);
        if full.len() <= max {
            return CloudName::new(full);
        }
        let hash = short_hash(&self.identity(kind, name));
        let head: String = full.chars().take(max - hash.len() - 1).collect();
        CloudName::new(format!("{head}_{hash}"))
    }
}

/// The path of a tenant's AWS objects: `/tenants/<cluster>/<tenant>/`.
#[must_use]
pub fn tenant_path(cluster: &ClusterId, tenant: &TenantName) -> String {
    format!("{}{tenant}/", cluster_path(cluster))
}

/// The path of all AWS objects of a cluster: `/tenants/<cluster>/`.
#[must_use]
pub fn cluster_path(cluster: &ClusterId) -> String {
    format!("/tenants/{cluster}/")
}

/// Where a group of a tenant goes whose Tenant was deleted with `deletionPolicy: Retain`: groups carry no tags, so their
/// path is their mark, and this one is no tenant's. It stays below the cluster's, beyond which the operator has no rights.
#[must_use]
pub fn released_path(cluster: &ClusterId, tenant: &TenantName) -> String {
    format!("{}released/", tenant_path(cluster, tenant))
}

/// The tenant that a path of ours names, if the path is of this cluster.
#[must_use]
pub fn tenant_of_path(cluster: &ClusterId, path: &str) -> Option<TenantName> {
    tenant_in_path(cluster, path).map(TenantName::new)
}

/// [`tenant_of_path`] for who asks it of every object of an account: nothing is copied.
#[must_use]
pub fn tenant_in_path<'p>(cluster: &ClusterId, path: &'p str) -> Option<&'p str> {
    let rest = path.strip_prefix("/tenants/")?.strip_prefix(cluster.as_str())?.strip_prefix('/')?.strip_suffix('/')?;
    (!rest.is_empty() && !rest.contains('/')).then_some(rest)
}

/// The policy that is the boundary of everyone whom this cluster makes in an account. No tenant's name holds an `_`, so no
/// role's policy is ever called so.
#[must_use]
pub fn boundary_policy(cluster: &ClusterId, prefix: &str) -> CloudName {
    CloudName::new(format!("{prefix}tenantry_boundary_{cluster}"))
}

/// The RoleBinding that gives the operator its right to Secrets in one namespace, for one tenant.
#[must_use]
pub fn operator_binding(tenant: &TenantName) -> String {
    format!("tenantry:operator:{tenant}")
}

/// A share between 0 and 1 that is always the same for one text and evenly spread over texts: what is due for many is
/// not due at once.
#[must_use]
pub fn share(text: &str) -> f64 {
    let hash = Sha256::digest(text.as_bytes());
    f64::from(u16::from_be_bytes([hash[0], hash[1]])) / f64::from(u16::MAX)
}

/// Eight base32 characters of a SHA-256, lower case: tells texts apart where they are too long to be kept.
#[must_use]
pub fn short_hash(text: &str) -> String {
    BASE32_NOPAD.encode(&Sha256::digest(text.as_bytes())).chars().take(8).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naming(prefix: &str) -> Naming {
        Naming { cluster: ClusterId::new("c1"), tenant: TenantName::new("acme"), prefix: prefix.to_owned(), ram: false }
    }

    #[test]
    fn names_are_readable_where_they_fit() {
        let names = naming("");
        assert_eq!(names.user("alice", None).as_str(), "acme.alice");
        assert_eq!(names.group().as_str(), "acme");
        assert_eq!(names.policy("algorithm-developer", 1).as_str(), "acme.algorithm-developer");
        assert_eq!(names.policy("algorithm-developer", 2).as_str(), "acme.algorithm-developer.2");
        assert_eq!(naming("x-").user("alice", Some("Al")).as_str(), "x-Al");
    }

    #[test]
    fn names_on_ram_use_only_what_it_allows() {
        let names = Naming { ram: true, ..naming("") };
        assert_eq!(names.user("alice", None).as_str(), "acme.alice");
        assert_eq!(names.group().as_str(), "acme");
        let policy = names.policy("algorithm-developer", 1);
        assert!(policy.as_str().starts_with("acme-algorithm-developer-"), "{policy}");
        assert!(policy.as_str().chars().all(|c| c == '-' || c.is_ascii_alphanumeric()), "{policy}");
        let corp = Naming { tenant: TenantName::new("acme-algorithm"), ..names.clone() };
        assert_ne!(corp.policy("developer", 1), policy);
        assert!(Naming { ram: true, ..naming("x_") }.group().as_str().starts_with("x-acme-"));
    }

    #[test]
    fn long_names_are_cut_and_told_apart_by_a_hash() {
        let names = naming("");
        let (a, b) = (format!("{}a", "u".repeat(62)), format!("{}b", "u".repeat(62)));
        let (a, b) = (names.user(&a, None), names.user(&b, None));
        assert_eq!(a.as_str().len(), AWS_PRINCIPAL_NAME_MAX);
        assert_ne!(a, b);
        assert!(a.as_str().starts_with("acme.uuu"));
    }

    #[test]
    fn a_path_names_its_tenant_and_no_other_cluster() {
        let cluster = ClusterId::new("c1");
        assert_eq!(tenant_of_path(&cluster, "/tenants/c1/acme/"), Some(TenantName::new("acme")));
        for foreign in ["/", "/tenants/c1/", "/tenants/c2/acme/", "/tenants/c1/acme/released/", "/tenants/c11/acme/"] {
            assert_eq!(tenant_of_path(&cluster, foreign), None, "{foreign}");
        }
    }

    #[test]
    fn cloud_names_ignore_case_but_keep_it() {
        assert_eq!(CloudName::new("Acme.Alice"), CloudName::new("acme.alice"));
        assert_eq!(CloudName::new("Acme.Alice").as_str(), "Acme.Alice");
    }
}
