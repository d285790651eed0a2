//! What roles, names and tags become in RAM: policies of the customer's and the cloud's own, one policy a user where a
//! role speaks of its user, and no group where the Tenant wants none.

use kube::api::Api;
use serde_json::json;
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::alibaba::{ACCOUNT_ID, REGION};

use super::{
    account, another, attached, document, exists, field, groups, key_in, may, names, of_group, policies, policy, role,
    role_of, seen, shared, tags, tenant, user,
};
use crate::support::{definitions, delete, eventually, of, ready, reconcile, says, text};

/// A second CloudAccount of the same account, with ways of its own.
const PRE: &str = "  accountId: '1234567890123456'\n  namePrefix: t-\n  tags: {cost-centre: ml, project: none, who: account}\n  driftCheckInterval: 1s";
const OWN: &str =
    "effect: Allow, actions: ['ram:ListAccessKeys'], resources: ['acs:ram:*:$(account):user/t-$(tenant).$(user)']";

// proves: CloudAccount.spec.{accountId,namePrefix,tags} Tenant.spec.accounts[].systemPolicies
// proves: TenantRole.spec.alibaba.systemPolicies TenantRole.spec.alibaba.statements[].conditions
// proves: TenantRole.spec.alibaba.statements[].{notActions,notResources} TenantUser.spec.userName
// proves: Tenant.spec.accounts[].grouping TenantRole.spec.default $(user)
#[tokio::test]
async fn roles_names_and_tags_are_as_manifests_say_in_rams_terms() {
    let world = shared().await;
    let before = account(world).await;
    let defs = definitions("rt");
    let (tenants, users) = (Api::<Tenant>::all(world.client()), of::<TenantUser>(world, &defs));
    let roles = of::<TenantRole>(world, &defs);
    let wide = |grouping: &str| {
        let account = format!("{{name: pre, grouping: {grouping}, systemPolicies: [AliyunPAIReadOnlyAccess]}}");
        tenant("rt", &format!("  accounts: [{account}]\n  tags: {{project: x, who: tenant}}"))
    };
    world.apply(&another(world, "pre", PRE)).await;
    world.apply(&wide("Group")).await;
    let base = "effect: Allow, actions: ['ram:GetGroup'], resources: ['acs:ram:*:*:group/t-$(tenant)']";
    world.apply(&role_of("rt", "base", "", &[base]).replace("  alibaba:", "  default: true\n  alibaba:")).await;
    let reader = [
        "effect: Allow, actions: ['ram:GetUser'], resources: ['acs:ram:*:$(account):user/t-$(tenant).*'], \
         conditions: {IpAddress: {'acs:SourceIp': ['127.0.0.0/8']}, StringEquals: {'oss:Prefix': ['$(tenant)/$(region)/$(cluster)']}}",
        "effect: Allow, actions: ['ram:GetUser'], resources: ['acs:ram:*:$(account):user/t-$(tenant).*'], \
         conditions: {IpAddress: {'acs:SourceIp': ['127.0.0.0/8']}}",
        "effect: Deny, notActions: ['ram:*', 'sts:*'], resources: ['*']",
        "effect: Deny, actions: ['ram:GetUser'], notResources: ['acs:ram:*:$(account):user/t-$(tenant).*']",
    ];
    world.apply(&role_of("rt", "reader", "    systemPolicies: [AliyunOSSReadOnlyAccess]\n", &reader)).await;
    world.apply(&role_of("rt", "own", "", &[OWN])).await;
    let alice = "  roles: [reader, own]\n  tags: {who: alice}\n  accessKey: {secretName: creds}\n  \
                 displayName: Alice of Acme\n  contact: {email: alice@acme.example}";
    world.apply(&user("rt", "alice", alice)).await;
    world.apply(&user("rt", "carol", "  roles: [own]\n  accessKey: {secretName: carols}")).await;
    world.apply(&user("rt", "robot", "  userName: Robot_7.rt\n  accounts: [pre]")).await;
    for name in ["alice", "carol", "robot"] {
        ready(world, &users, name).await;
    }

    // Users: names, tags with their precedence, the group.
    let hers = tags(world, "t-rt.alice").await;
    assert_eq!((hers["cost-centre"].as_str(), hers["project"].as_str(), hers["who"].as_str()), ("ml", "x", "alice"));
    assert_eq!((hers["tenant"].as_str(), hers["user"].as_str()), ("rt", "alice"));
    assert_eq!(hers["tenantry.dev/owner"], "tenantuser/rt-defs/alice");
    assert_eq!(hers["tenantry.dev/cluster"], world.control_plane.cluster_id().await);
    let robot = ready(world, &users, "robot").await.status.unwrap();
    assert_eq!(robot.accounts[0].user_name.as_deref(), Some("t-Robot_7.rt"));
    for name in ["t-rt.alice", "t-rt.carol", "t-Robot_7.rt"] {
        assert_eq!(groups(world, name).await, names(["t-rt"]), "{name}");
    }
    let shown = seen(world, "t-rt.alice").await;
    assert_eq!((&shown["DisplayName"], &shown["Email"]), (&json!("Alice of Acme"), &json!("alice@acme.example")));
    assert_eq!(seen(world, "t-rt.carol").await["DisplayName"], "t-rt.carol");

    // Policies: what everyone has on the group, the cloud's own beside ours, one a user where the role speaks of it.
    assert_eq!(of_group(world, "t-rt").await, Some(names(["AliyunPAIReadOnlyAccess", "t-rt-base"])));
    let on_alice = names(["AliyunOSSReadOnlyAccess", "t-rt-reader", "t-rt-own-alice"]);
    assert_eq!(attached(world, "t-rt.alice").await, on_alice);
    assert_eq!(attached(world, "t-rt.carol").await, names(["t-rt-own-carol"]));
    assert!(attached(world, "t-Robot_7.rt").await.is_empty());
    let cluster = world.control_plane.cluster_id().await;
    let said = document(world, &policy(world, "t-rt-reader").await).await;
    assert_eq!(said["Version"], "1");
    let first = &said["Statement"][0];
    assert!(first["Resource"].to_string().contains(&format!("acs:ram:*:{ACCOUNT_ID}:user/t-rt.*")), "{said}");
    let prefix = first["Condition"]["StringEquals"]["oss:Prefix"].to_string();
    assert!(prefix.contains(&format!("rt/{REGION}/{cluster}")), "{said}");
    assert!(said["Statement"][2]["NotAction"].is_array(), "{said}");

    // They hold: each has what is theirs.
    let key = async |name: &str| key_in(&of(world, &defs).get(name).await.unwrap());
    let (alice_key, carol_key) = (key("creds-pre").await, key("carols-pre").await);
    let (alice, carol) = (world.alibaba.client(alice_key), world.alibaba.client(carol_key));
    for (client, own, other) in [(&alice, "t-rt.alice", "t-rt.carol"), (&carol, "t-rt.carol", "t-rt.alice")] {
        assert!(may(client, "ListAccessKeys", &[("UserName", own)]).await, "{own}");
        assert!(!may(client, "ListAccessKeys", &[("UserName", other)]).await, "{own}");
        assert!(may(client, "GetGroup", &[("GroupName", "t-rt")]).await, "{own}");
        assert!(!may(client, "ListUsers", &[]).await, "{own}");
    }
    assert!(may(&alice, "GetUser", &[("UserName", "t-rt.carol")]).await);
    assert!(!may(&carol, "GetUser", &[("UserName", "t-rt.carol")]).await);

    // The statuses tell of them.
    let told = ready(world, &roles, "reader").await.status.unwrap();
    let arn = format!("acs:ram::{ACCOUNT_ID}:policy/{}", policy(world, "t-rt-reader").await);
    assert_eq!((told.accounts[0].policy.as_deref(), told.users), (Some(arn.as_str()), Some(1)));
    let told = ready(world, &roles, "own").await.status.unwrap();
    assert!(told.accounts[0].ready && told.accounts[0].policy.as_ref().is_some_and(|it| it.contains("t-rt-own-")));
    let told = ready(world, &tenants, "rt").await.status.unwrap();
    assert_eq!(
        (told.accounts[0].account_id.as_deref(), told.accounts[0].group.as_deref()),
        (Some(ACCOUNT_ID), Some("t-rt"))
    );
    let told = ready(world, &users, "alice").await.status.unwrap();
    assert_eq!(told.accounts[0].secret_name.as_deref(), Some("creds-pre"));
    let secret = of::<k8s_openapi::api::core::v1::Secret>(world, &defs).get("creds-pre").await.unwrap();
    let profile: serde_json::Value = serde_json::from_str(&text(&secret, "config.json")).unwrap();
    assert_eq!(profile["profiles"][0]["access_key_id"], text(&secret, "ALIBABA_CLOUD_ACCESS_KEY_ID").as_str());
    let accounts: Api<CloudAccount> = Api::all(world.client());
    let told = reconcile(world, &accounts, "pre", "now").await.status.unwrap();
    assert_eq!((told.account_id.as_deref(), told.tenants), (Some(ACCOUNT_ID), Some(1)));
    assert!(told.quotas.iter().any(|it| it.name == "Groups" && it.limit == 300), "{:?}", told.quotas);

    // A role that speaks of its user changes: each one's policy does. Who loses it, loses the policy.
    let versions = async |head: &str| {
        let name = policy(world, head).await;
        let call = [("PolicyName", name.as_str()), ("PolicyType", "Custom")];
        world.alibaba.root().all("ListPolicyVersions", &call, ("PolicyVersions", "PolicyVersion")).await.len()
    };
    world.apply(&role_of("rt", "own", "", &[&OWN.replace("ListAccessKeys", "GetLoginProfile")])).await;
    ready(world, &roles, "own").await;
    for head in ["t-rt-own-alice", "t-rt-own-carol"] {
        assert_eq!(versions(head).await, 2, "{head}");
    }
    assert!(!may(&carol, "ListAccessKeys", &[("UserName", "t-rt.carol")]).await);
    world.apply(&user("rt", "carol", "  accessKey: {secretName: carols}")).await;
    eventually(world, "carol's own policy is gone", || async {
        policies(world, "t-rt-own-carol").await.is_empty() && attached(world, "t-rt.carol").await.is_empty()
    })
    .await;

    // Another name to show and no address; what people change of them is put back.
    let shown = alice_is("Dr. Alice, who has a name of more than 24").replace("alice@acme.example", "");
    let shown = shown.replace("  contact: {email: }", "");
    world.apply(&user("rt", "alice", &shown)).await;
    let as_said = || async {
        let seen = seen(world, "t-rt.alice").await;
        seen["DisplayName"] == "Dr. Alice, who has a nam" && seen["Email"] == ""
    };
    eventually(world, "the name is cut to what RAM takes, and the address is gone", as_said).await;
    let by_hand = [("UserName", "t-rt.alice"), ("NewDisplayName", "Mallory"), ("NewEmail", "mallory@evil.example")];
    world.alibaba.root().done("UpdateUser", &by_hand).await;
    eventually(world, "put back", as_said).await;

    // No group: what it carried goes on each of them, and back.
    world.apply(&wide("None")).await;
    eventually(world, "everyone carries it", || async {
        of_group(world, "t-rt").await.is_none()
            && attached(world, "t-rt.carol").await == names(["AliyunPAIReadOnlyAccess", "t-rt-base"])
            && attached(world, "t-Robot_7.rt").await == names(["AliyunPAIReadOnlyAccess", "t-rt-base"])
    })
    .await;
    world.apply(&wide("Group")).await;
    eventually(world, "the group carries it", || async {
        of_group(world, "t-rt").await == Some(names(["AliyunPAIReadOnlyAccess", "t-rt-base"]))
            && attached(world, "t-rt.carol").await.is_empty()
            && groups(world, "t-rt.carol").await == names(["t-rt"])
    })
    .await;
    ready(world, &users, "carol").await;

    delete(world, &tenants, "rt").await;
    assert!(!exists(world, "t-Robot_7.rt").await);
    delete(world, &accounts, "pre").await;
    let left: Vec<_> = account(world).await.difference(&before).filter(|it| it.contains(" t-")).cloned().collect();
    assert!(left.is_empty(), "{left:?}");
}

fn alice_is(name: &str) -> String {
    format!(
        "  roles: [reader, own]\n  tags: {{who: alice}}\n  accessKey: {{secretName: creds}}\n  displayName: '{name}'\n  \
         contact: {{email: alice@acme.example}}"
    )
}

#[tokio::test]
async fn what_ram_attaches_no_more_of_is_refused_before_the_first_call() {
    let world = shared().await;
    let (defs, users) = (definitions("rx"), of::<TenantUser>(world, &definitions("rx")));
    world.apply(&tenant("rx", "")).await;
    let all: Vec<String> = (0..11).map(|n| format!("r{n}")).collect();
    for name in &all {
        world.apply(&role("rx", name)).await;
    }
    world.apply(&user("rx", "alice", &format!("  roles: [{}]", all[..10].join(", ")))).await;
    world.apply(&user("rx", "bob", &format!("  roles: [{}]\n  accessKey: {{}}", all.join(", ")))).await;
    ready(world, &users, "alice").await;
    let bob = says(world, &users, "bob", "False", "Invalid").await;
    let said = crate::support::message(&bob);
    assert!(said.contains("11 custom policies") && said.contains("RAM allows 10"), "{said}");
    assert!(!exists(world, "rx.bob").await);
    // A policy that stands for an inline one counts as well.
    world
        .apply(&user(
            "rx",
            "alice",
            &format!("  roles: [{}]\n  expiresAt: '2099-01-01T00:00:00Z'", all[..10].join(", ")),
        ))
        .await;
    says(world, &users, "alice", "False", "Invalid").await;
    assert_eq!(attached(world, "rx.alice").await.len(), 10, "what she had she has");
    let roles = of::<TenantRole>(world, &defs);
    ready(world, &roles, "r10").await;

    // A role that is too long for one policy is several.
    let resources: Vec<String> = (0..150).map(|n| format!("'acs:oss:*:*:rx-long-{n:06}/{}'", "x".repeat(28))).collect();
    let long = format!("effect: Allow, actions: ['oss:GetObject'], resources: [{}]", resources.join(", "));
    world.apply(&role_of("rx", "long", "", &[&long])).await;
    world.apply(&user("rx", "carol", "  roles: [long]")).await;
    ready(world, &users, "carol").await;
    assert_eq!(attached(world, "rx.carol").await, names(["rx-long", "rx-long-2"]));
    let mut granted = Vec::new();
    for head in ["rx-long", "rx-long-2"] {
        let said = document(world, &policy(world, head).await).await;
        assert!(said.to_string().len() <= 6144);
        granted.extend(
            said["Statement"].as_array().unwrap().iter().flat_map(|it| it["Resource"].as_array().unwrap().clone()),
        );
    }
    assert_eq!(granted.len(), 150, "together they say all of it");
    delete(world, &Api::<Tenant>::all(world.client()), "rx").await;
    let left = world.alibaba.root().all("ListUsers", &[], super::USERS).await;
    assert!(!field(&left, "UserName").iter().any(|name| name.starts_with("rx.")));
}
