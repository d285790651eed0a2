//! Everything that an account holds of identities, as text: two listings that are equal show an unchanged account.

use std::collections::BTreeSet;

use aws_sdk_iam::types::EntityType;
use testbed::Alibaba;

use crate::stage::PAI;

/// One account at one time.
#[derive(Debug, PartialEq, Eq)]
pub struct Listing {
    lines: BTreeSet<String>,
    users: usize,
    groups: usize,
    policies: usize,
    keys: usize,
    workspaces: Option<usize>,
}

impl Listing {
    /// Reads all pages.
    ///
    /// # Panics
    /// When IAM refuses.
    pub async fn read(iam: &aws_sdk_iam::Client) -> Self {
        let mut it = Self { lines: BTreeSet::new(), users: 0, groups: 0, policies: 0, keys: 0, workspaces: None };
        let mut marker = None;
        loop {
            let request = iam.get_account_authorization_details().set_marker(marker);
            let own = [EntityType::User, EntityType::Group, EntityType::Role, EntityType::LocalManagedPolicy];
            let page = request.set_filter(Some(own.to_vec())).send().await.expect("GetAccountAuthorizationDetails");
            for user in page.user_detail_list() {
                let keys = iam.list_access_keys().set_user_name(user.user_name.clone()).send().await;
                let keys = keys.expect("ListAccessKeys").access_key_metadata;
                it.users += 1;
                it.keys += keys.len();
                it.lines.extend(keys.iter().map(|key| format!("{key:?}")));
                it.lines.insert(format!("{user:?}"));
            }
            it.groups += page.group_detail_list().len();
            it.policies += page.policies().len();
            it.lines.extend(page.group_detail_list().iter().map(|group| format!("{group:?}")));
            it.lines.extend(page.policies().iter().map(|policy| format!("{policy:?}")));
            it.lines.extend(page.role_detail_list().iter().map(|role| format!("{role:?}")));
            marker = page.marker;
            if marker.is_none() {
                return it;
            }
        }
    }

    /// Reads an Alibaba Cloud account, all pages.
    ///
    /// # Panics
    /// When RAM refuses.
    pub async fn read_alibaba(alibaba: &Alibaba) -> Self {
        let root = alibaba.root();
        let mut it = Self { lines: BTreeSet::new(), users: 0, groups: 0, policies: 0, keys: 0, workspaces: None };
        for user in root.all("ListUsers", &[], ("Users", "User")).await {
            let of_user = [("UserName", user["UserName"].as_str().unwrap_or_default())];
            let keys = root.done("ListAccessKeys", &of_user).await;
            let policies = root.done("ListPoliciesForUser", &of_user).await;
            it.users += 1;
            it.keys += keys["AccessKeys"]["AccessKey"].as_array().map_or(0, Vec::len);
            let parts = [&user, &keys["AccessKeys"], &policies["Policies"]];
            it.lines.extend(parts.map(|part| format!("{of_user:?} {part}")));
        }
        let groups = root.all("ListGroups", &[], ("Groups", "Group")).await;
        let policies = root.all("ListPolicies", &[("PolicyType", "Custom")], ("Policies", "Policy")).await;
        let workspaces = root.rest(PAI, "GET", "/api/v1/workspaces", &[("PageSize", "100")], None).await.body;
        let workspaces = workspaces["Workspaces"].as_array().cloned().unwrap_or_default();
        (it.groups, it.policies, it.workspaces) = (groups.len(), policies.len(), Some(workspaces.len()));
        it.lines.extend(groups.iter().chain(&policies).chain(&workspaces).map(ToString::to_string));
        it
    }

    /// How many of each.
    pub fn summary(&self) -> String {
        let Self { users, groups, policies, keys, workspaces, .. } = self;
        let of = |count: &usize, one: &str, more: &str| format!("{count} {}", if *count == 1 { one } else { more });
        let counts = [
            of(users, "user", "users"),
            of(groups, "group", "groups"),
            of(policies, "policy", "policies"),
            of(keys, "key", "keys"),
        ];
        let workspaces = workspaces.iter().map(|count| of(count, "workspace", "workspaces"));
        counts.into_iter().chain(workspaces).collect::<Vec<_>>().join(", ")
    }

    /// What one has and the other lacks, `-` before what only this one has.
    pub fn difference(&self, later: &Self) -> String {
        let gone = self.lines.difference(&later.lines).map(|line| format!("- {line}"));
        gone.chain(later.lines.difference(&self.lines).map(|line| format!("+ {line}"))).collect::<Vec<_>>().join("\n")
    }
}
