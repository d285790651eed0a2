//! What the operator made, read from outside by clients that nobody here wrote: Alibaba Cloud's own for Python, which
//! compare every field.

use std::process::Stdio;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::Api;
use serde_json::{Value, json};
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::World;
use testbed::alibaba::{ACCOUNT_ID, OPERATOR, root_key};
use testbed::layout::{root, tool};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{account, key_in, policy, role_of, tenant, user};
use crate::support::{ALIBABA, definitions, delete, of, own_alibaba, ready, says};
use crate::tenant::launch;

/// Has the official clients compare, and gives what differs.
pub async fn compared(world: &World, script: &str, wanted: &Value) -> String {
    let key = root_key();
    let key = format!("{}:{}", key.access_key_id, key.secret());
    let mut python = Command::new(tool("venv-alibaba/bin/python"));
    python.arg(root().join("tests/alibaba-emulator/clients").join(script));
    python.args(["--address", world.alibaba.host(), "--account", ACCOUNT_ID, "--root-key", &key]);
    python.env("PYTHONDONTWRITEBYTECODE", "1").kill_on_drop(true);
    python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = python.spawn().unwrap();
    child.stdin.take().unwrap().write_all(wanted.to_string().as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() || !said.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    said
}

const RULES: &str = "  tags: {cost-centre: ml}\n  deniedActions: ['ram:*']\n  passwordPolicy: {minimumLength: 10, requireLowercase: true, \
    requireUppercase: true, requireNumbers: true, requireSymbols: true, maxAgeDays: 90, reusePrevention: 5, hardExpiry: true, maxLoginAttempts: 5}";

// proves: TenantUser.spec.displayName TenantUser.spec.contact TenantUser.spec.contact.email
#[tokio::test]
async fn the_official_clients_see_what_the_manifests_say() {
    let world = &own_alibaba(launch().argument("--fresh-write=0"), RULES).await;
    let before = account(world).await;
    let defs = definitions("of");
    let (users, roles) = (of::<TenantUser>(world, &defs), of::<TenantRole>(world, &defs));
    let (accounts, tenants) = (Api::<CloudAccount>::all(world.client()), Api::<Tenant>::all(world.client()));
    let more = "  accounts: [{name: ali, systemPolicies: [AliyunPAIReadOnlyAccess]}]\n  tags: {project: vision}";
    world.apply(&tenant("of", more)).await;
    let data = "effect: Allow, actions: ['oss:GetObject', 'oss:ListObjects'], resources: ['acs:oss:*:$(account):data/$(tenant)/*'], \
                conditions: {StringLike: {'oss:Prefix': ['$(tenant)/*']}, Bool: {'acs:SecureTransport': ['true']}}";
    world.apply(&role_of("of", "data", "    systemPolicies: [AliyunOSSReadOnlyAccess]\n", &[data])).await;
    let base = "effect: Allow, actions: ['log:Get*'], resources: ['*']";
    world.apply(&role_of("of", "base", "", &[base]).replace("  alibaba:", "  default: true\n  alibaba:")).await;
    let home = "effect: Allow, actions: ['oss:PutObject'], resources: ['acs:oss:*:*:home/$(tenant)/$(user)/*']";
    world.apply(&role_of("of", "home", "", &[home])).await;
    let alice = "  roles: [data, home]\n  displayName: Alice 张\n  contact: {email: alice@acme.example}\n  tags: {shift: day}\n  accessKey: {}\n  console: {}";
    world.apply(&user("of", "alice", alice)).await;
    world.apply(&user("of", "bob", "  roles: [data]\n  accessKey: {}\n  suspended: true")).await;
    ready(world, &users, "alice").await;
    says(world, &users, "bob", "True", "Suspended").await;
    ready(world, &tenants, "of").await;
    ready(world, &accounts, ALIBABA).await;

    let cluster = world.control_plane.cluster_id().await;
    let uids = [
        ("alice", users.get("alice").await.unwrap().uid().unwrap()),
        ("bob", users.get("bob").await.unwrap().uid().unwrap()),
        ("data", roles.get("data").await.unwrap().uid().unwrap()),
        ("base", roles.get("base").await.unwrap().uid().unwrap()),
        ("home", roles.get("home").await.unwrap().uid().unwrap()),
    ];
    let uid = |of: &str| uids.iter().find(|(name, _)| *name == of).unwrap().1.clone();
    let marked = |kind: &str, name: &str, more: Value| {
        let mut tags = json!({
            "tenantry.dev/cluster": cluster, "tenantry.dev/tenant": "of", "cost-centre": "ml", "project": "vision",
            "tenantry.dev/owner": format!("{kind}/{defs}/{name}"), "tenantry.dev/uid": uid(name),
        });
        tags.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        tags
    };
    let mut heads = std::collections::BTreeMap::new();
    for head in ["of-data", "of-base", "of-home-alice", "tenantry-denied", "tenantry-suspended"] {
        heads.insert(head, policy(world, head).await);
    }
    let custom = |head: &str| format!("Custom/{}", heads[head]);
    let secret = of::<Secret>(world, &defs).get("alice-ali").await.unwrap();
    let key = key_in(&secret);
    let principal = |name: &str| json!({"tenant": "of", "user": name});
    let with = |mut one: Value, more: Value| {
        one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        one
    };
    let document = |effect: &str, action: Value, resource: &str, condition: Value| {
        let mut statement = json!({"Effect": effect, "Action": action, "Resource": resource});
        if !condition.is_null() {
            statement["Condition"] = condition;
        }
        json!({"Version": "1", "Statement": statement})
    };
    let own = |head: &str, role: &str, document: Value, users: Value, groups: Value| {
        let tags = marked("tenantrole", role, json!({}));
        let description = format!("tenantry: tenantrole/{defs}/{role}");
        (
            heads[head].clone(),
            json!({"description": description, "document": document, "users": users, "groups": groups, "tags": tags}),
        )
    };
    let inline = |head: &str, document: Value, users: Value| {
        let description = format!("tenantry: inline {head} of cluster {cluster}");
        let tags = json!({"tenantry.dev/cluster": cluster});
        (
            heads[head].clone(),
            json!({"description": description, "document": document, "users": users, "groups": [], "tags": tags}),
        )
    };
    let conditions = json!({"StringLike": {"oss:Prefix": "of/*"}, "Bool": {"acs:SecureTransport": "true"}});
    let policies: serde_json::Map<String, Value> = [
        own(
            "of-data",
            "data",
            document(
                "Allow",
                json!(["oss:GetObject", "oss:ListObjects"]),
                &format!("acs:oss:*:{ACCOUNT_ID}:data/of/*"),
                conditions,
            ),
            json!(["of.alice", "of.bob"]),
            json!([]),
        ),
        own("of-base", "base", document("Allow", json!("log:Get*"), "*", Value::Null), json!([]), json!(["of"])),
        own(
            "of-home-alice",
            "home",
            document("Allow", json!("oss:PutObject"), "acs:oss:*:*:home/of/alice/*", Value::Null),
            json!(["of.alice"]),
            json!([]),
        ),
        inline("tenantry-denied", document("Deny", json!("ram:*"), "*", Value::Null), json!(["of.alice", "of.bob"])),
        inline("tenantry-suspended", document("Deny", json!("*"), "*", Value::Null), json!(["of.bob"])),
    ]
    .into_iter()
    .collect();
    let wanted = json!({
        "users": {
            "of.alice": {
                "displayName": "Alice 张", "email": "alice@acme.example",
                "tags": marked("tenantuser", "alice", with(principal("alice"), json!({"shift": "day"}))), "groups": ["of"],
                "policies": ["System/AliyunOSSReadOnlyAccess", custom("of-data"), custom("of-home-alice"), custom("tenantry-denied")],
                "keys": {key.access_key_id.clone(): "Active"}, "login": {"resetRequired": true},
                "key": key.access_key_id, "secret": key.secret(), "arn": format!("acs:ram::{ACCOUNT_ID}:user/of.alice"),
            },
            "of.bob": {
                "displayName": "of.bob", "email": "", "tags": marked("tenantuser", "bob", principal("bob")), "groups": ["of"],
                "policies": ["System/AliyunOSSReadOnlyAccess", custom("of-data"), custom("tenantry-denied"), custom("tenantry-suspended")],
                "keys": {}, "login": null,
            },
        },
        "groups": {"of": {
            "comment": format!("tenantry: /tenants/{cluster}/of/"), "members": ["of.alice", "of.bob"],
            "policies": ["System/AliyunPAIReadOnlyAccess", custom("of-base")],
        }},
        "policies": policies,
        "others": {"users": [OPERATOR], "policies": [OPERATOR]},
        "passwords": {
            "MinimumPasswordLength": 10, "RequireLowercaseCharacters": true, "RequireUppercaseCharacters": true,
            "RequireNumbers": true, "RequireSymbols": true, "HardExpiry": true, "MaxPasswordAge": 90,
            "PasswordReusePrevention": 5, "MaxLoginAttemps": 5,
        },
    });
    assert_eq!(compared(world, "made.py", &wanted).await, "");
    // The comparison sees what differs.
    let mut other = wanted.clone();
    other["users"]["of.alice"]["tags"]["tenant"] = json!("beta");
    assert!(compared(world, "made.py", &other).await.contains("of.alice: tags"), "it compares");

    delete(world, &tenants, "of").await;
    assert_eq!(account(world).await, before);
}
