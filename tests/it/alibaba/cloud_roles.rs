//! What holds for every cloud role in RAM, whoever it is for: what its account denies, its tenant's name, who is trusted by
//! it; that it is taken over, released and pruned as a user is, goes with its account, and is stopped with its tenant.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::World;
use testbed::alibaba::ACCOUNT_ID;

use super::keyless::{AUDIENCE, account, assumed, provider, sees, with_token};
use super::{GROUPS, POLICIES, POWER, USERS, document, has_login, key, keys, role, role_of, tags, tenant, user};
use crate::letting_go::tear_out;
use crate::modes::{drifted, undrifted};
use crate::support::{
    ALIBABA, annotate, definitions, delete, eventually, message, of, own_alibaba, ready, reconcile, says,
};
use crate::tenant::launch;

const ROLES: (&str, &str) = ("Roles", "Role");

fn tenants(world: &World) -> Api<Tenant> {
    Api::all(world.client())
}

/// A TenantRole that may be assumed and looks at its tenant's group; it may delete it as well.
fn assumable(name: &str, role_name: &str, more: &str) -> String {
    let line = format!("  tenant: {name}\n");
    role(name, role_name)
        .replace("'ram:GetGroup'", "'ram:GetGroup', 'ram:DeleteGroup'")
        .replace(&line, &format!("{line}  assumableBy: {{users: true{more}}}\n"))
}

async fn roles(world: &World) -> Vec<String> {
    let all = world.alibaba.root().all("ListRoles", &[], ROLES).await;
    let mut names: Vec<String> = all.iter().filter_map(|role| role["RoleName"].as_str()).map(str::to_owned).collect();
    names.sort();
    names
}

async fn seen(world: &World, role: &str) -> Value {
    world.alibaba.root().done("GetRole", &[("RoleName", role)]).await["Role"].clone()
}

async fn trust(world: &World, role: &str) -> Value {
    serde_json::from_str(seen(world, role).await["AssumeRolePolicyDocument"].as_str().unwrap()).unwrap()
}

/// The policies that are attached to a role.
async fn attached(world: &World, role: &str) -> Vec<Value> {
    let answer = world.alibaba.root().done("ListPoliciesForRole", &[("RoleName", role)]).await;
    answer["Policies"]["Policy"].as_array().cloned().unwrap_or_default()
}

fn names_of(policies: &[Value]) -> Vec<&str> {
    policies.iter().filter_map(|policy| policy["PolicyName"].as_str()).collect()
}

/// Whether a policy that stands for the inline one of this name is attached to a role.
async fn denies(world: &World, role: &str, inline: &str) -> bool {
    attached(world, role).await.iter().any(|it| it["Description"].as_str().is_some_and(|it| it.contains(inline)))
}

/// A role's tags.
async fn tags_of_role(world: &World, role: &str) -> BTreeMap<String, String> {
    let all = world.alibaba.root().all("ListRoles", &[], ROLES).await;
    let role = all.into_iter().find(|it| it["RoleName"] == role).unwrap();
    let text = |tag: &Value, name: &str| tag[name].as_str().unwrap_or_default().to_owned();
    let tags = role["Tags"]["Tag"].as_array().into_iter().flatten();
    tags.map(|tag| (text(tag, "TagKey"), text(tag, "TagValue"))).collect()
}

/// A world whose account denies one action to everyone, and knows the cluster's issuer.
async fn begin(more: &str) -> World {
    let world = own_alibaba(launch().argument("--fresh-write=0").argument("--orphan-age=2"), more).await;
    let (issuer, keys) = world.control_plane.issuer().await;
    provider(&world, "here", &issuer).await;
    world.alibaba.issuers(json!({issuer.as_str(): keys})).await;
    account(&world, "here", more).await;
    ready(&world, &Api::<CloudAccount>::all(world.client()), ALIBABA).await;
    world
}

/// A tenant with a role for its users, one for a pod, and one for PAI.
async fn make(world: &World, name: &str) {
    let passes =
        format!("effect: Allow, actions: ['ram:PassRole'], resources: ['acs:ram:*:*:role/{name}.-pai-execution']");
    let pods = format!("  namespaces: [{{name: {name}, serviceAccounts: [{{name: trainer, roles: [worker]}}]}}]");
    let oidc = format!(
        ", oidc: [{{provider: 'acs:ram::{ACCOUNT_ID}:oidc-provider/here', subjects: ['system:serviceaccount:{name}:default']}}]"
    );
    let manifests = tenant(name, &pods)
        + &assumable(name, "worker", &oidc)
        + &role_of(name, "deployer", "", &[&passes])
        + &user(name, "alice", "  roles: [worker, deployer]\n  accessKey: {}\n  console: {}");
    world.apply(&manifests).await;
    ready(world, &tenants(world), name).await;
    ready(world, &of::<TenantUser>(world, &definitions(name)), "alice").await;
    ready(world, &of::<TenantRole>(world, &definitions(name)), "worker").await;
}

/// The whole account as it is, but for times.
async fn snapshot(world: &World) -> Vec<String> {
    let root = world.alibaba.root();
    let mut all = Vec::new();
    for user in root.all("ListUsers", &[], USERS).await {
        let name = user["UserName"].as_str().unwrap();
        let policies = root.done("ListPoliciesForUser", &[("UserName", name)]).await;
        let policies = policies["Policies"]["Policy"].as_array().cloned().unwrap_or_default();
        let groups = super::groups(world, name).await;
        let (keys, login, tags) = (keys(world, name).await, has_login(world, name).await, tags(world, name).await);
        all.push(format!("{name} {:?} {groups:?} {keys:?} {login} {tags:?}", names_of(&policies)));
    }
    for group in root.all("ListGroups", &[], GROUPS).await {
        all.push(format!("{} {}", group["GroupName"], group["Comments"]));
    }
    for name in roles(world).await {
        let (role, policies) = (seen(world, &name).await, attached(world, &name).await);
        let (trust, seconds) = (&role["AssumeRolePolicyDocument"], &role["MaxSessionDuration"]);
        all.push(format!("{name} {trust} {seconds} {:?} {:?}", names_of(&policies), tags_of_role(world, &name).await));
    }
    for policy in root.all("ListPolicies", &[("PolicyType", "Custom")], POLICIES).await {
        let name = policy["PolicyName"].as_str().unwrap();
        all.push(format!(
            "{name} {} {} {}",
            policy["AttachmentCount"],
            policy["Description"],
            document(world, name).await
        ));
    }
    all
}

const DENIED: &str = "\n  deniedActions: ['ram:DeleteGroup']";

// proves: CloudAccount.spec.deniedActions TenantRole.spec.assumableBy Tenant.spec.namespaces[].serviceAccounts[]
// proves: Tenant.spec.suspended Tenant.spec.accounts[]
#[tokio::test]
async fn every_role_has_what_is_denied_serves_its_tenant_alone_and_stops_with_it() {
    let world = &begin(&format!("  driftCheckInterval: 1h{DENIED}")).await;
    for name in ["acme", "acme-corp"] {
        make(world, name).await;
    }
    let expected = [
        "acme-corp.-pai-execution",
        "acme-corp.acme-corp.trainer",
        "acme-corp.worker",
        "acme.-pai-execution",
        "acme.acme.trainer",
        "acme.worker",
    ];
    eventually(world, "all roles", || async { roles(world).await == expected }).await;
    for name in expected {
        assert!(denies(world, name, "tenantry-denied").await, "{name}");
        let (tags, tenant) = (tags_of_role(world, name).await, name.split('.').next().unwrap());
        assert!(tags["tenant"] == tenant && tags["tenantry.dev/tenant"] == tenant, "{name}: {tags:?}");
    }
    let execution = trust(world, "acme.-pai-execution").await;
    assert_eq!(execution["Statement"][0]["Principal"], json!({"Service": "pai.aliyuncs.com"}));

    // Each serves its own, and not the other whose name begins alike: users, pods and whom a provider vouches for.
    let mut sessions = Vec::new();
    for (name, other) in [("acme", "acme-corp"), ("acme-corp", "acme")] {
        let alice = key(world, name, "alice").await;
        let people = assumed(world, &alice, &format!("{name}.worker")).await.unwrap();
        let token = world.control_plane.token(name, "trainer", AUDIENCE).await;
        let pod = with_token(world, &format!("{name}.{name}.trainer"), &token).await.unwrap();
        let vouched = world.control_plane.token(name, "default", AUDIENCE).await;
        let guest = with_token(world, &format!("{name}.worker"), &vouched).await.unwrap();
        for who in [&people, &pod, &guest] {
            assert!(sees(world, who, name).await && !sees(world, who, other).await);
            let deleted = world.alibaba.client(who.clone()).ram("DeleteGroup", &[("GroupName", name)]).await;
            assert_eq!(deleted.code(), "NoPermission", "denied to all: {}", deleted.body);
        }
        for who in [&alice, &people, &pod] {
            assert_eq!(assumed(world, who, &format!("{other}.worker")).await.unwrap_err(), "NoPermission");
        }
        let others = with_token(world, &format!("{other}.worker"), &vouched).await;
        assert_eq!(others.unwrap_err(), "AuthenticationFail.NoPermission");
        sessions.push((name, [people, pod, guest]));
    }

    // Stopped at once: nothing is done but what stops, and it is undone exactly.
    let before = snapshot(world).await;
    let suspend = |on: bool| {
        let patch = Patch::Merge(json!({"spec": {"suspended": on}}));
        async move { tenants(world).patch("acme", &PatchParams::default(), &patch).await.unwrap() }
    };
    world.alibaba.reset_calls().await;
    suspend(true).await;
    says(world, &tenants(world), "acme", "True", "Suspended").await;
    let reads = |it: &String| it.starts_with("Get") || it.starts_with("List");
    let mut written: Vec<String> = super::operator_calls(world).await.into_iter().filter(|it| !reads(it)).collect();
    written.sort();
    written.dedup();
    assert_eq!(
        written,
        ["AttachPolicyToRole", "AttachPolicyToUser", "CreatePolicy", "DeleteLoginProfile", "UpdateAccessKey"]
    );
    for name in ["acme.-pai-execution", "acme.acme.trainer", "acme.worker"] {
        assert!(denies(world, name, "tenantry-suspended").await, "{name}");
    }
    for (name, sessions) in &sessions {
        for who in sessions {
            assert_eq!(sees(world, who, name).await, *name != "acme");
        }
    }
    assert!(keys(world, "acme.alice").await.values().all(|active| !active) && !has_login(world, "acme.alice").await);
    suspend(false).await;
    ready(world, &tenants(world), "acme").await;
    eventually(world, "all is as it was", || async { snapshot(world).await == before }).await;
    for (name, sessions) in &sessions {
        for who in sessions {
            assert!(sees(world, who, name).await);
        }
    }
    let secret = of::<Secret>(world, &definitions("acme")).get("alice-ali-console").await;
    assert!(secret.is_ok() && has_login(world, "acme.alice").await);

    // What would reach another tenant's roles, and what a role of RAM cannot be.
    let refused = |name: &'static str, manifest: String| async move {
        world.apply(&manifest).await;
        let manifests = of::<TenantRole>(world, &definitions("acme"));
        let said = message(&says(world, &manifests, name, "False", "Invalid").await);
        delete(world, &manifests, name).await;
        said
    };
    for statement in [
        "effect: Allow, actions: ['ram:PassRole'], resources: ['acs:ram:*:*:role/acme-corp.-pai-execution']",
        "effect: Allow, actions: ['ram:PassRole'], resources: ['acs:ram:*:*:role/acme*']",
        "effect: Allow, actions: ['sts:AssumeRole'], resources: ['*']",
        "effect: Allow, actions: ['ram:*'], resources: ['acs:ram:*:*:role/*']",
    ] {
        let said = refused("greedy", role_of("acme", "greedy", "", &[statement])).await;
        assert!(said.contains("on roles that other tenants may have"), "{statement}: {said}");
    }
    let said = refused("any", role_of("acme", "any", "    systemPolicies: [AliyunSTSAssumeRoleAccess]\n", &[])).await;
    assert!(said.contains("lets assume every role of the account"), "{said}");
    let own = assumable("acme", "own", "").replace("group/$(tenant)", "group/$(user)");
    let said = refused("own", own).await;
    assert!(said.contains("speaks of $(user)") && said.contains("cannot be a cloud role"), "{said}");
    assert!(roles(world).await == expected, "nothing was made for these");

    // A tenant that leaves the account leaves no role there.
    let leave = Patch::Merge(json!({"spec": {"accounts": []}}));
    tenants(world).patch("acme", &PatchParams::default(), &leave).await.unwrap();
    eventually(world, "its roles are gone", || async { roles(world).await == expected[..3] }).await;
}

// proves: tenantry.dev/adopt CloudAccount.spec.extras CloudAccount.spec.management CloudAccount.spec.pruneOrphans
// proves: Tenant.spec.deletionPolicy Drifted NotOwned
#[tokio::test]
async fn a_role_is_taken_over_told_of_observed_released_and_pruned_as_a_user_is() {
    let world = &begin("  driftCheckInterval: 1s").await;
    let (root, defs) = (world.alibaba.root(), definitions("ro"));
    let (accounts, manifests) = (Api::<CloudAccount>::all(world.client()), of::<TenantRole>(world, &defs));
    let theirs = json!({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["ecs.aliyuncs.com"]}}]});
    let open = json!({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": [format!("acs:ram::{ACCOUNT_ID}:root")]}}]});
    let conduct = |more: &'static str| async move {
        account(world, "here", &format!("  driftCheckInterval: 1s{more}")).await;
    };
    let by_hand = |document: Value| async move {
        let update = [("RoleName", "ro.worker"), ("NewAssumeRolePolicyDocument", &document.to_string())];
        world.alibaba.root().done("UpdateRole", &update).await;
    };
    let power = [&POWER[..], &[("RoleName", "ro.worker")]].concat();

    // A role that somebody made under the name stays theirs until the manifest says otherwise.
    let made = [("RoleName", "ro.worker"), ("AssumeRolePolicyDocument", &theirs.to_string())];
    root.done("CreateRole", &made).await;
    root.done("AttachPolicyToRole", &power).await;
    let all = tenant("ro", "") + &assumable("ro", "worker", "") + &user("ro", "alice", "  roles: [worker]");
    world.apply(&all).await;
    let refused = says(world, &manifests, "worker", "False", "NotOwned").await;
    assert!(message(&refused).contains("role \"ro.worker\" exists"), "{}", message(&refused));
    assert_eq!(names_of(&attached(world, "ro.worker").await), ["AdministratorAccess"]);
    assert_eq!(trust(world, "ro.worker").await, theirs);
    annotate(&manifests, "worker", "tenantry.dev/adopt", "true").await;
    ready(world, &manifests, "worker").await;
    let is_as_it_says = || async {
        let own = attached(world, "ro.worker").await;
        names_of(&own).iter().all(|name| name.starts_with("ro-worker-"))
            && trust(world, "ro.worker").await.to_string().contains("user/ro.alice")
    };
    eventually(world, "it is as the manifest says", is_as_it_says).await;
    let own = trust(world, "ro.worker").await;

    // Told and left, with extras: Report; who is trusted is no extra.
    conduct("\n  extras: Report").await;
    ready(world, &accounts, ALIBABA).await;
    root.done("AttachPolicyToRole", &power).await;
    by_hand(open.clone()).await;
    reconcile(world, &manifests, "worker", "look").await;
    drifted(world, &manifests, "worker", "attach AdministratorAccess → ro.worker").await;
    eventually(world, "its own trust is back", || async { trust(world, "ro.worker").await == own }).await;
    conduct("").await;
    undrifted(world, &manifests, "worker").await;
    eventually(world, "nothing is left of it", is_as_it_says).await;

    // Only observed: told, and not put right.
    conduct("\n  management: Observe").await;
    ready(world, &accounts, ALIBABA).await;
    by_hand(open).await;
    world.apply(&assumable("ro", "second", "").replace("assumableBy: {", "default: true\n  assumableBy: {")).await;
    reconcile(world, &manifests, "worker", "look again").await;
    assert!(drifted(world, &manifests, "worker", "ro.worker").await.contains("only observed"));
    drifted(world, &manifests, "second", "role ro.second").await;
    assert!(trust(world, "ro.worker").await != own && !roles(world).await.contains(&"ro.second".to_owned()));
    conduct("").await;
    ready(world, &manifests, "second").await;
    eventually(world, "put right at last", || async { trust(world, "ro.worker").await == own }).await;

    // A manifest that is torn out leaves an orphan, which is told, and pruned where the account says so.
    tear_out(world, &manifests, "second").await;
    drifted(world, &tenants(world), "ro", "role \"ro.second\"").await;
    conduct("\n  pruneOrphans: true").await;
    eventually(world, "it is pruned", || async { roles(world).await == ["ro.worker"] }).await;
    conduct("").await;
    ready(world, &accounts, ALIBABA).await;

    // Retained, it stays whole and without a mark.
    world.apply(&tenant("ro", "  deletionPolicy: Retain")).await;
    ready(world, &tenants(world), "ro").await;
    delete(world, &manifests, "worker").await;
    let tags = tags_of_role(world, "ro.worker").await;
    assert!(!tags.keys().any(|key| key.starts_with("tenantry.dev/")) && tags["tenant"] == "ro", "{tags:?}");
    assert!(is_as_it_says().await);
    delete(world, &tenants(world), "ro").await;
    assert_eq!(roles(world).await, ["ro.worker"]);
}
