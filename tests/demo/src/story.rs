//! What happens, in order. Every sentence on the screen is checked before it is printed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use aws_sdk_iam::types::PolicyScopeType;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::{Resource, ResourceExt};
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::alibaba;
use testbed::aws::Credentials;
use testbed::world::NAMESPACE;

use crate::listing::Listing;
use crate::notebooks;
use crate::show;
use crate::stage::{BUCKET, PAI, SECOND_CLOUD, Stage};

/// What the story leaves behind when it is not played to its end.
pub struct Left {
    /// Keeps everything running.
    pub stage: Stage,
    /// Where the manifests are.
    pub manifests: PathBuf,
}

/// The whole story. With `keep` it stops before anything is deleted and gives what is there.
pub async fn play(binary: PathBuf, keep: bool) -> Option<Left> {
    show::heading(1, "A Kubernetes cluster, an account in each of two clouds, and two teams' manifests");
    let mut stage = Stage::set(binary).await;
    let operator_key = stage.furnish().await;
    let (second_key, others) = stage.furnish_alibaba().await;
    let before = (Listing::read(&stage.moto.iam()).await, Listing::read_alibaba(&stage.alibaba).await);
    show::fact("a bucket with both teams' data, and an IAM and a RAM user for the operator", None);
    show::fact(&format!("the AWS account before: {}", before.0.summary()), None);
    show::fact(&format!("the Alibaba Cloud account before: {}", before.1.summary()), None);
    let manifests = stage.manifests();
    submit(&stage, &manifests, &operator_key).await;

    show::heading(2, "What the operator would do");
    let plan = stage.plan().await;
    assert!(plan.contains("+ user     acme.alice"), "the plan does not make alice");

    show::heading(3, "The operator at work, with its ServiceAccount and an IAM user of its own, no admin");
    work(&mut stage).await;
    let plan = stage.plan().await;
    assert!(plan.contains("No changes."), "the operator left something to do");

    show::heading(4, "Alice's key is real");
    let alice = act_as_alice(&stage).await;

    show::heading(5, "A role changes: its users may write as well");
    change_role(&stage, &manifests, &alice).await;

    show::heading(6, "Someone removes Alice from her group, in AWS, by hand");
    lose_a_membership(&stage).await;

    show::heading(7, "Alice and Bob get notebooks, each for its owner alone");
    let lab = notebooks::appear(&stage, &manifests, &alice).await;

    show::heading(8, "Acme is suspended, and comes back");
    notebooks::rest(&stage, &alice).await;

    show::heading(9, "Acme goes to Alibaba Cloud as well: one Tenant, two clouds");
    let twin = second_cloud(&stage, &manifests, &second_key, &others).await;
    if keep {
        return Some(Left { stage, manifests });
    }

    show::heading(10, "The teams go, and nothing of them stays in either cloud");
    delete(&stage, &alice, &twin, &before).await;
    assert!(stage.moto.notebook(&lab).await.is_none(), "Alice's notebook is still there");
    show::fact("SageMaker: no notebook", None);
    None
}

async fn submit(stage: &Stage, manifests: &Path, key: &Credentials) {
    let id = format!("--from-literal=AWS_ACCESS_KEY_ID={}", key.access_key_id);
    let secret = format!("--from-literal=AWS_SECRET_ACCESS_KEY={}", key.secret_access_key);
    stage.kubectl(&["-n", NAMESPACE, "create", "secret", "generic", "aws-demo", &id, &secret]).await;
    stage.kubectl(&["apply", "-f", &manifests.display().to_string()]).await;
}

async fn work(stage: &mut Stage) {
    let began = Instant::now();
    stage.start_operator().await;
    show::since("the operator runs and leads", began);
    let began = Instant::now();
    all_ready::<CloudAccount>(stage, "account", began).await;
    all_ready::<TenantUser>(stage, "user", began).await;
    all_ready::<TenantRole>(stage, "role", began).await;
    all_ready::<Tenant>(stage, "tenant", began).await;
    let now = Listing::read(&stage.moto.iam()).await;
    show::fact(&format!("the AWS account now: {}", now.summary()), None);
    stage.kubectl(&["get", "cloudaccounts"]).await;
    stage.kubectl(&["get", "tenants"]).await;
    stage.kubectl(&["get", "tenantusers", "-A"]).await;
}

/// Waits until all objects of a kind are ready and says so of each.
async fn all_ready<K: Resource<DynamicType = ()>>(stage: &Stage, noun: &str, began: Instant) {
    let (client, kind) = (stage.control_plane.client(), ApiResource::erase::<K>(&()));
    let all: Api<DynamicObject> = Api::all_with(client.clone(), &kind);
    for object in all.list(&ListParams::default()).await.expect("a list").items {
        let (api, of) = match object.namespace() {
            Some(namespace) => (Api::namespaced_with(client.clone(), &namespace, &kind), format!(" of {namespace}")),
            None => (Api::all_with(client.clone(), &kind), String::new()),
        };
        let name = object.name_any();
        stage.until(api, &name, "Ready=True", is_ready).await;
        show::since(&format!("{noun} {name}{of} is ready"), began);
    }
}

/// Ready, and that is said of what the manifest says now.
fn is_ready(object: &DynamicObject) -> bool {
    let status = &object.data["status"];
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    status["observedGeneration"].as_i64() == object.metadata.generation
        && conditions.any(|it| it["type"] == "Ready" && it["status"] == "True")
}

/// The key in AWS of one of acme's people, from their Secret.
pub async fn key_of(stage: &Stage, user: &str) -> Credentials {
    let secrets: Api<Secret> = Api::namespaced(stage.control_plane.client(), "acme");
    let secret = secrets.get(&format!("{user}-aws-demo")).await.expect("the user's Secret is there");
    let data = secret.data.unwrap_or_default();
    let text = |key: &str| String::from_utf8_lossy(&data[key].0).into_owned();
    Credentials::new(&text("AWS_ACCESS_KEY_ID"), &text("AWS_SECRET_ACCESS_KEY"))
}

async fn act_as_alice(stage: &Stage) -> Credentials {
    let alice = key_of(stage, "alice").await;
    show::fact("her key is in the Secret acme/alice-aws-demo", None);
    let who = stage.moto.sts_as(&alice).get_caller_identity().send().await.expect("STS knows her");
    let who = who.arn.unwrap_or_default();
    assert!(who.ends_with("/acme/acme.alice"), "STS says that she is {who}");
    show::fact(&format!("STS says that its holder is {who}"), None);
    expect(stage, &alice, "GET", "/acme/report.txt", 200).await;
    expect(stage, &alice, "GET", "/beta/report.txt", 403).await;
    expect(stage, &alice, "PUT", "/acme/notes.txt", 403).await;
    let made = stage.moto.iam_as(&alice).create_user().user_name("mallory").send().await;
    assert!(made.is_err(), "alice can make users");
    show::fact("iam:CreateUser: refused", None);
    alice
}

/// One request to the bucket, and what must come of it.
pub async fn expect(stage: &Stage, who: &Credentials, method: &str, path: &str, status: u16) {
    let (answer, body) = stage.moto.s3(who, method, &format!("{BUCKET}{path}"), "notes").await;
    assert_eq!(answer, status, "{method} s3:/{BUCKET}{path}: {body}");
    let word = if status == 200 { "allowed" } else { "refused" };
    show::fact(&format!("{method} s3:/{BUCKET}{path}: {word} ({status})"), None);
}

async fn change_role(stage: &Stage, manifests: &Path, alice: &Credentials) {
    let file = manifests.join("30-roles.yaml");
    let text = fs::read_to_string(&file).expect("the roles' manifests");
    let changed = text.replacen("actions: [s3:GetObject]", "actions: [s3:GetObject, s3:PutObject]", 1);
    assert_ne!(text, changed, "the quickstart's first role allows s3:GetObject");
    fs::write(&file, changed).expect("the manifest can be changed");
    show::note("acme's algorithm-developer: actions [s3:GetObject] → [s3:GetObject, s3:PutObject]");
    let before = version(stage).await;
    stage.kubectl(&["apply", "-f", &file.display().to_string()]).await;
    let began = Instant::now();
    let kind = ApiResource::erase::<TenantRole>(&());
    let roles: Api<DynamicObject> = Api::namespaced_with(stage.control_plane.client(), "acme", &kind);
    stage.until(roles, "algorithm-developer", "ready again", is_ready).await;
    let after = version(stage).await;
    assert_ne!(before, after, "the policy has no new version");
    show::since(&format!("policy acme.algorithm-developer: version {before} → {after}"), began);
    expect(stage, alice, "PUT", "/acme/notes.txt", 200).await;
    expect(stage, alice, "PUT", "/beta/notes.txt", 403).await;
}

/// The default version of the changed role's policy.
async fn version(stage: &Stage) -> String {
    let policies = stage.moto.iam().list_policies().scope(PolicyScopeType::Local).send().await.expect("ListPolicies");
    let mut policies = policies.policies.unwrap_or_default().into_iter();
    let policy = policies.find(|it| it.policy_name() == Some("acme.algorithm-developer"));
    policy.and_then(|it| it.default_version_id).expect("the role's policy is there")
}

async fn lose_a_membership(stage: &Stage) {
    let iam = stage.moto.iam();
    let is_member = || async {
        let groups = iam.list_groups_for_user().user_name("acme.alice").send().await.expect("ListGroupsForUser");
        groups.groups().iter().any(|it| it.group_name == "acme")
    };
    assert!(is_member().await, "alice is in her group");
    let removed = iam.remove_user_from_group().group_name("acme").user_name("acme.alice").send().await;
    removed.expect("RemoveUserFromGroup");
    assert!(!is_member().await, "alice is out of her group");
    show::fact("acme.alice is no member of acme", None);
    let began = Instant::now();
    stage.until_cloud("alice is in her group again", is_member).await;
    show::since("the next drift check saw it: she is a member again", began);
}

/// Connects the second account and adds it to acme; gives Alice's key there. `others` is the workspace of another team.
async fn second_cloud(
    stage: &Stage,
    manifests: &Path,
    key: &alibaba::Credentials,
    others: &str,
) -> alibaba::Credentials {
    let id = format!("--from-literal=ALIBABA_CLOUD_ACCESS_KEY_ID={}", key.access_key_id);
    let secret = format!("--from-literal=ALIBABA_CLOUD_ACCESS_KEY_SECRET={}", key.secret());
    stage.kubectl(&["-n", NAMESPACE, "create", "secret", "generic", "alibaba-demo", &id, &secret]).await;
    let began = Instant::now();
    stage.kubectl(&["apply", "-f", &manifests.join(SECOND_CLOUD).display().to_string()]).await;
    let client = stage.control_plane.client();
    let accounts: Api<DynamicObject> = Api::all_with(client.clone(), &ApiResource::erase::<CloudAccount>(&()));
    stage.until(accounts, "alibaba-demo", "Ready=True", is_ready).await;
    show::since("account alibaba-demo is ready", began);
    let tenants: Api<Tenant> = Api::all(client.clone());
    let workspace = |it: &Tenant| {
        let accounts = it.status.as_ref().map(|it| it.accounts.clone()).unwrap_or_default();
        accounts.into_iter().find(|it| it.name == "alibaba-demo" && it.ready).and_then(|it| it.workspace_id)
    };
    let acme = stage.until(tenants, "acme", "has a workspace", |it| workspace(it).is_some()).await;
    let own = workspace(&acme).unwrap_or_default();
    show::since(&format!("tenant acme has a RAM group and the PAI workspace {own}"), began);
    let users: Api<TenantUser> = Api::namespaced(client, "acme");
    let in_both = |it: &TenantUser| {
        let accounts = it.status.iter().flat_map(|it| &it.accounts);
        accounts.clone().count() == 2 && accounts.clone().all(|it| it.ready)
    };
    for user in ["alice", "bob"] {
        stage.until(users.clone(), user, "ready in both accounts", in_both).await;
        show::since(&format!("user {user} of acme is ready in both accounts"), began);
    }
    let now = Listing::read_alibaba(&stage.alibaba).await;
    show::fact(&format!("the Alibaba Cloud account now: {}", now.summary()), None);
    stage.kubectl(&["get", "tenants"]).await;
    stage.kubectl(&["-n", "acme", "get", "secrets"]).await;

    let secrets: Api<Secret> = Api::namespaced(stage.control_plane.client(), "acme");
    let data = secrets.get("alice-alibaba-demo").await.expect("alice's second Secret is there").data;
    let data = data.unwrap_or_default();
    let text = |key: &str| String::from_utf8_lossy(&data[key].0).into_owned();
    let alice = alibaba::Credentials::new(text("ALIBABA_CLOUD_ACCESS_KEY_ID"), text("ALIBABA_CLOUD_ACCESS_KEY_SECRET"));
    let client = stage.alibaba.client(alice.clone());
    let who = client.who().await.expect("STS knows her");
    assert!(who.ends_with(":user/acme.alice"), "STS says that she is {who}");
    show::fact(&format!("Alibaba Cloud's STS says that the holder of her second key is {who}"), None);
    for (team, id, status) in [("acme", own.as_str(), 200), ("finance", others, 403)] {
        let answer = client.rest(PAI, "GET", &format!("/api/v1/workspaces/{id}"), &[], None).await;
        assert_eq!(answer.status, status, "GetWorkspace {team}: {}", answer.body);
        let word = if status == 200 { "allowed" } else { "refused" };
        show::fact(&format!("paiworkspace:GetWorkspace of {team}: {word} ({status})"), None);
    }
    let made = client.ram("CreateUser", &[("UserName", "mallory")]).await;
    assert_eq!(made.status, 403, "alice can make users: {}", made.body);
    show::fact("ram:CreateUser: refused, whatever her roles say", None);
    alice
}

async fn delete(stage: &Stage, alice: &Credentials, twin: &alibaba::Credentials, before: &(Listing, Listing)) {
    let began = Instant::now();
    stage.kubectl(&["delete", "tenants", "acme", "beta", "--timeout=60s"]).await;
    show::since("both are gone, with their manifests, users, policies, groups, keys and Secrets", began);
    stage.kubectl(&["get", "tenants,tenantroles,tenantusers", "-A"]).await;
    let client = stage.control_plane.client();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let there = namespaces.list(&ListParams::default()).await.expect("namespaces").items;
    let there: Vec<String> = there.iter().map(ResourceExt::name_any).filter(|it| !it.starts_with("kube-")).collect();
    assert!(!there.contains(&"acme-batch".to_owned()), "the namespace that the operator made is still there");
    assert!(there.contains(&"acme".to_owned()), "an adopted namespace was deleted");
    show::fact("namespace acme-batch, which the operator made, is gone; acme and beta, which it took over, stay", None);
    let known = stage.moto.sts_as(alice).get_caller_identity().send().await;
    assert!(known.is_err(), "alice's key still works");
    assert!(stage.alibaba.client(twin.clone()).who().await.is_err(), "alice's second key still works");
    show::fact("alice's keys: unknown to either cloud's STS", None);
    stage.kubectl(&["delete", "cloudaccounts", "aws-demo", "alibaba-demo"]).await;
    let after = (Listing::read(&stage.moto.iam()).await, Listing::read_alibaba(&stage.alibaba).await);
    for (cloud, before, after) in [("AWS", &before.0, &after.0), ("Alibaba Cloud", &before.1, &after.1)] {
        assert_eq!(before, after, "the {cloud} account is not as it was:\n{}", before.difference(after));
        show::fact(&format!("the {cloud} account after: {}, in every field as it was before", after.summary()), None);
    }
}
