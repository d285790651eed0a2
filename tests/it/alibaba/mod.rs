//! Alibaba Cloud, end to end: the same manifests, in RAM's terms. Its own words for what the tests read there.

mod life;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use testbed::World;
use testbed::alibaba::{Client, Credentials};

use crate::support::{of, text};

/// What hangs on whom, and who is in what: lists that are wrapped twice.
pub const POLICIES: (&str, &str) = ("Policies", "Policy");
pub const GROUPS: (&str, &str) = ("Groups", "Group");
pub const USERS: (&str, &str) = ("Users", "User");

/// One field of each element of a list, in order.
pub fn field(list: &[serde_json::Value], name: &str) -> BTreeSet<String> {
    list.iter().map(|it| it[name].as_str().unwrap_or_default().to_owned()).collect()
}

/// The names of all users, groups and customers' policies of the account.
pub async fn account(world: &World) -> BTreeSet<String> {
    let root = world.alibaba.root();
    let mut all = BTreeSet::new();
    let named = |kind: &'static str, names: BTreeSet<String>| names.into_iter().map(move |it| format!("{kind} {it}"));
    all.extend(named("user", field(&root.all("ListUsers", &[], USERS).await, "UserName")));
    all.extend(named("group", field(&root.all("ListGroups", &[], GROUPS).await, "GroupName")));
    let custom = root.all("ListPolicies", &[("PolicyType", "Custom")], POLICIES).await;
    all.extend(named("policy", field(&custom, "PolicyName")));
    all
}

/// The names of the policies that are attached to a user.
pub async fn attached(world: &World, user: &str) -> BTreeSet<String> {
    field(&world.alibaba.root().all("ListPoliciesForUser", &[("UserName", user)], POLICIES).await, "PolicyName")
}

/// The names of the groups that a user is in.
pub async fn groups(world: &World, user: &str) -> BTreeSet<String> {
    field(&world.alibaba.root().all("ListGroupsForUser", &[("UserName", user)], GROUPS).await, "GroupName")
}

/// The key in a Secret.
pub async fn key(world: &World, namespace: &str, secret: &str) -> Credentials {
    let secrets: Api<Secret> = of(world, namespace);
    let secret = secrets.get(secret).await.unwrap();
    let part = |name| text(&secret, name);
    Credentials::new(part("ALIBABA_CLOUD_ACCESS_KEY_ID"), part("ALIBABA_CLOUD_ACCESS_KEY_SECRET"))
}

/// Whether who has this client may do something that only reads.
pub async fn may(client: &Client<'_>, action: &str, parameters: &[(&str, &str)]) -> bool {
    let answer = client.ram(action, parameters).await;
    assert!(answer.status == 200 || answer.code() == "NoPermission", "{action}: {}", answer.body);
    answer.status == 200
}
