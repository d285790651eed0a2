//! Alibaba Cloud, end to end: the same manifests, in RAM's terms. Its own words for what the tests read there.

mod account_wide;
mod bad_input;
mod cloud_roles;
mod crashes;
mod credentials;
mod drift;
mod economy;
mod faults;
mod keyless;
mod keys;
mod least_privilege;
mod letting_go;
mod life;
mod max_compute;
mod modes;
mod notebooks;
mod outside;
mod plan;
mod roles;
mod secrecy;
mod standing_still;
mod two_clouds;
mod workspace_limits;
mod workspaces;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use serde_json::Value;
use testbed::World;
use testbed::alibaba::{ACCOUNT_ID, Client, Credentials, IMS};
use tokio::sync::OnceCell;

use crate::support::{ALIBABA, definitions, namespace, of, own_alibaba, text};
use crate::tenant::launch;

/// What hangs on whom, and who is in what: lists that are wrapped twice.
pub const POLICIES: (&str, &str) = ("Policies", "Policy");
pub const GROUPS: (&str, &str) = ("Groups", "Group");
pub const USERS: (&str, &str) = ("Users", "User");
/// A policy that anybody could attach by hand.
pub const POWER: [(&str, &str); 2] = [("PolicyName", "AdministratorAccess"), ("PolicyType", "System")];

/// The world that tests share which stop nothing and set no account-wide switch: each uses tenants of its own. What the
/// operator wrote is read again at once, and lists every second.
pub async fn shared() -> &'static World {
    static SHARED: OnceCell<World> = OnceCell::const_new();
    SHARED.get_or_init(|| own_alibaba(launch().argument("--fresh-write=0"), "  driftCheckInterval: 1s")).await
}

/// Another CloudAccount of the same account, with ways of its own.
pub fn another(world: &World, name: &str, more: &str) -> String {
    let secret = format!("credentialsSecret: {name}");
    world.alibaba_account(name, more).replacen(&secret, &format!("credentialsSecret: {ALIBABA}"), 1)
}

/// A tenant's definition namespace and the Tenant, in the account unless `more` (YAML, two spaces deep) says otherwise.
pub fn tenant(name: &str, more: &str) -> String {
    let here = format!("  accounts: [{{name: {ALIBABA}}}]\n{more}");
    let more = if more.contains("  accounts:") { more } else { &here };
    namespace(&definitions(name)) + &crate::support::tenant(name, more)
}

/// A TenantRole in the tenant's definition namespace with these statements, as YAML in flow style without the braces.
pub fn role_of(tenant: &str, name: &str, more: &str, statements: &[&str]) -> String {
    let definitions = definitions(tenant);
    let listed: Vec<String> = statements.iter().map(|it| format!("      - {{{it}}}\n")).collect();
    let statements = if listed.is_empty() { String::new() } else { format!("    statements:\n{}", listed.concat()) };
    format!(
        "---\napiVersion: tenantry.dev/v1alpha1\nkind: TenantRole\nmetadata: {{name: {name}, namespace: {definitions}}}\n\
         spec:\n  tenant: {tenant}\n  alibaba:\n{statements}{more}\n"
    )
}

/// A TenantRole that may look at its tenant's group, which is how these tests see that it is in force.
pub fn role(tenant: &str, name: &str) -> String {
    role_of(tenant, name, "", &["effect: Allow, actions: ['ram:GetGroup'], resources: ['acs:ram:*:*:group/$(tenant)']"])
}

/// A TenantUser in the tenant's definition namespace.
pub fn user(tenant: &str, name: &str, more: &str) -> String {
    crate::support::user(tenant, &definitions(tenant), name, more)
}

/// One field of each element of a list.
pub fn field(list: &[Value], name: &str) -> BTreeSet<String> {
    list.iter().map(|it| it[name].as_str().unwrap_or_default().to_owned()).collect()
}

/// These texts.
pub fn names<const N: usize>(all: [&str; N]) -> BTreeSet<String> {
    all.map(str::to_owned).into()
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

/// The account's customers' policies whose name is this and a hash behind it.
pub async fn policies(world: &World, head: &str) -> Vec<String> {
    let custom = world.alibaba.root().all("ListPolicies", &[("PolicyType", "Custom")], POLICIES).await;
    let all = field(&custom, "PolicyName").into_iter();
    let hashed = |name: &String| name.strip_prefix(head).is_some_and(|rest| rest.len() == 9 && rest.starts_with('-'));
    all.filter(hashed).collect()
}

/// The one policy whose name is this and a hash behind it.
pub async fn policy(world: &World, head: &str) -> String {
    let all = policies(world, head).await;
    let [only] = all.as_slice() else { panic!("{head}: {all:?}") };
    only.clone()
}

/// What a policy says.
pub async fn document(world: &World, policy: &str) -> Value {
    let answer = world.alibaba.root().done("GetPolicy", &[("PolicyName", policy), ("PolicyType", "Custom")]).await;
    serde_json::from_str(answer["DefaultPolicyVersion"]["PolicyDocument"].as_str().unwrap()).unwrap()
}

/// The names of the policies that are attached to a user, the hashes of our own left out.
pub async fn attached(world: &World, user: &str) -> BTreeSet<String> {
    let answer = world.alibaba.root().ram("ListPoliciesForUser", &[("UserName", user)]).await;
    plain(&answer.body)
}

/// The names of the policies that are attached to a group, the hashes of our own left out; none where there is no such
/// group.
pub async fn of_group(world: &World, group: &str) -> Option<BTreeSet<String>> {
    let answer = world.alibaba.root().ram("ListPoliciesForGroup", &[("GroupName", group)]).await;
    (answer.status == 200).then(|| plain(&answer.body))
}

fn plain(body: &Value) -> BTreeSet<String> {
    let all = body["Policies"]["Policy"].as_array().into_iter().flatten();
    let name = |it: &Value| {
        let name = it["PolicyName"].as_str().unwrap_or_default();
        if it["PolicyType"] == "System" { name } else { name.rsplit_once('-').map_or(name, |(head, _)| head) }
            .to_owned()
    };
    all.map(name).collect()
}

/// The names of the groups that a user is in.
pub async fn groups(world: &World, user: &str) -> BTreeSet<String> {
    let answer = world.alibaba.root().ram("ListGroupsForUser", &[("UserName", user)]).await;
    field(answer.body["Groups"]["Group"].as_array().unwrap_or(&Vec::new()), "GroupName")
}

/// Whether the account has such a user.
pub async fn exists(world: &World, user: &str) -> bool {
    world.alibaba.root().ram("GetUser", &[("UserName", user)]).await.status == 200
}

/// The name by which IMS knows a user.
pub fn principal(user: &str) -> String {
    format!("{user}@{ACCOUNT_ID}.onaliyun.com")
}

/// A user as IMS shows it, which is with its tags.
pub async fn seen(world: &World, user: &str) -> Value {
    let answer = world.alibaba.root().rpc(IMS, "GetUser", &[("UserPrincipalName", &principal(user))]).await;
    assert_eq!(answer.status, 200, "{user}: {}", answer.body);
    answer.body["User"].clone()
}

/// A user's tags.
pub async fn tags(world: &World, user: &str) -> BTreeMap<String, String> {
    let user = seen(world, user).await;
    let text = |tag: &Value, name: &str| tag[name].as_str().unwrap_or_default().to_owned();
    let tags = user["Tags"]["Tag"].as_array().into_iter().flatten();
    tags.map(|tag| (text(tag, "TagKey"), text(tag, "TagValue"))).collect()
}

/// Sets tags of a user, as somebody does by hand.
pub async fn tag(world: &World, user: &str, tags: &[(&str, &str)]) {
    let mut call =
        vec![("ResourceType".to_owned(), "user".to_owned()), ("ResourcePrincipalName.1".to_owned(), principal(user))];
    for (index, (key, value)) in tags.iter().enumerate() {
        call.push((format!("Tag.{}.Key", index + 1), (*key).to_owned()));
        call.push((format!("Tag.{}.Value", index + 1), (*value).to_owned()));
    }
    let call: Vec<_> = call.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = world.alibaba.root().rpc(IMS, "TagResources", &call).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// A user's keys by id, with whether they work.
pub async fn keys(world: &World, user: &str) -> BTreeMap<String, bool> {
    let answer = world.alibaba.root().ram("ListAccessKeys", &[("UserName", user)]).await;
    let all = answer.body["AccessKeys"]["AccessKey"].as_array().cloned().unwrap_or_default();
    all.iter().map(|key| (key["AccessKeyId"].as_str().unwrap().to_owned(), key["Status"] == "Active")).collect()
}

/// The ids of a user's keys that work.
pub async fn active_keys(world: &World, user: &str) -> Vec<String> {
    keys(world, user).await.into_iter().filter(|(_, active)| *active).map(|(id, _)| id).collect()
}

/// Whether a user can log in at the console.
pub async fn has_login(world: &World, user: &str) -> bool {
    world.alibaba.root().ram("GetLoginProfile", &[("UserName", user)]).await.status == 200
}

/// The key in a Secret.
pub fn key_in(secret: &Secret) -> Credentials {
    Credentials::new(text(secret, "ALIBABA_CLOUD_ACCESS_KEY_ID"), text(secret, "ALIBABA_CLOUD_ACCESS_KEY_SECRET"))
}

/// The key of a user of a tenant.
pub async fn key(world: &World, tenant: &str, user: &str) -> Credentials {
    let secrets: Api<Secret> = of(world, &definitions(tenant));
    key_in(&secrets.get(&format!("{user}-{ALIBABA}")).await.unwrap())
}

/// Makes a RAM user with one policy and gives its key.
pub async fn another_who_may(world: &World, name: &str, policy: &str) -> Credentials {
    let root = world.alibaba.root();
    root.done("CreateUser", &[("UserName", name)]).await;
    root.done("CreatePolicy", &[("PolicyName", name), ("PolicyDocument", policy)]).await;
    let attach = [("PolicyName", name), ("PolicyType", "Custom"), ("UserName", name)];
    root.done("AttachPolicyToUser", &attach).await;
    world.alibaba.another_key(name).await
}

/// Whether who has this client may do something; whatever is refused for another reason is a mistake of the test.
pub async fn may(client: &Client<'_>, action: &str, parameters: &[(&str, &str)]) -> bool {
    let answer = client.ram(action, parameters).await;
    assert!(answer.status == 200 || answer.code() == "NoPermission", "{action}: {}", answer.body);
    answer.status == 200
}

/// Whether a key is accepted, and [`role`] is in force for it.
pub async fn looks_at_group(world: &World, key: &Credentials, group: &str) -> bool {
    let answer = world.alibaba.client(key.clone()).ram("GetGroup", &[("GroupName", group)]).await;
    answer.status == 200
}

/// Waits until the account's lists were read a few times more.
pub async fn looks(world: &World, times: u64) {
    let swept = || async { world.alibaba.calls().await.get("ListPolicies").copied().unwrap_or_default() };
    let before = swept().await;
    crate::support::eventually(world, "the account is read again", || async { swept().await >= before + times }).await;
}

/// The operations that the operator called.
pub async fn operator_calls(world: &World) -> Vec<String> {
    let own = keys(world, testbed::alibaba::OPERATOR).await;
    let calls = world.alibaba.requests().await.into_iter();
    calls.filter(|it| own.contains_key(&it.access_key_id)).map(|it| it.action).collect()
}
