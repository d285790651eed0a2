//! The main job, end to end: manifests become AWS identities, namespaces and Secrets with working keys, and go again.

use aws_sdk_iam::types::StatusType;
use k8s_openapi::api::core::v1::{Namespace, ResourceQuota, Secret};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, DeleteParams};
use tenantry::api::{Tenant, TenantRole, TenantUser};
use testbed::aws::Credentials;
use testbed::{Launch, OperatorPolicy, World};

/// How the operator of these tests runs: keys work at once on moto, and nobody is throttled.
pub fn launch() -> Launch {
    ["--key-proof=0", "--write-rate=200", "--read-rate=200"]
        .into_iter()
        .fold(Launch::new(env!("CARGO_BIN_EXE_tenantry")), Launch::argument)
}

/// Whether Ready has that status and reason.
pub fn is<K: kube::core::object::HasStatus<Status = S>, S: tenantry::api::ObservedStatus>(
    object: &K,
    generation: Option<i64>,
    status: &str,
    reason: &str,
) -> bool {
    object.status().is_some_and(|it| {
        it.observed_generation() == generation
            && it.conditions().iter().any(|it| it.type_ == "Ready" && it.status == status && it.reason == reason)
    })
}

const ACME: &str = r"
apiVersion: tenantry.dev/v1alpha1
kind: Tenant
metadata: {name: acme}
spec:
  owners: [{kind: User, name: olga@acme.example}]
  accounts: [{name: aws, managedPolicies: [ReadOnlyAccess]}]
  namespaces:
    - name: acme
      quota: {pods: '10', requests.cpu: 2000m}
      containerDefaults: {requests: {cpu: 100m}, limits: {memory: 1Gi}}
  definitionNamespaces: [tenancy]
---
apiVersion: tenantry.dev/v1alpha1
kind: TenantRole
metadata: {name: reader, namespace: tenancy}
spec:
  tenant: acme
  aws:
    statements:
      - {effect: Allow, actions: ['s3:ListBucket'], resources: ['arn:aws:s3:::ai-model-data'], conditions: {StringLike: {'s3:prefix': ['$(tenant)/*']}}}
      - {effect: Allow, actions: ['s3:GetObject'], resources: ['arn:aws:s3:::ai-model-data/$(tenant)/*']}
---
apiVersion: tenantry.dev/v1alpha1
kind: TenantUser
metadata: {name: alice, namespace: tenancy}
spec:
  tenant: acme
  roles: [reader]
  accessKey: {}
  kubernetes: {kind: User, name: alice@acme.example}
";

// proves: Tenant.spec.{owners[],accounts[],namespaces[],definitionNamespaces}
// proves: TenantUser.spec.{roles,accessKey,kubernetes} CloudAccount.spec.aws
#[tokio::test]
async fn manifests_become_identities_and_go_again() {
    let world = World::start(launch()).await;
    let client = world.client();
    let iam = world.moto.iam();
    let root = Credentials::root();
    for (path, body) in [("/ai-model-data", ""), ("/ai-model-data/acme/x", "ours"), ("/ai-model-data/beta/x", "theirs")]
    {
        assert_eq!(world.moto.s3(&root, "PUT", path, body).await.0, 200, "{path}");
    }
    let rights = OperatorPolicy::unbounded(&world.control_plane.cluster_id().await);
    world.credentials_secret("aws", &world.moto.operator(&rights).await).await;
    world.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: tenancy}\n").await;
    world.apply(&world.cloud_account("aws", "")).await;
    world.apply(ACME).await;

    let users: Api<TenantUser> = Api::namespaced(client.clone(), "tenancy");
    let alice = world
        .until(users.clone(), "alice", "alice is ready", |it| is(it, it.metadata.generation, "True", "Provisioned"))
        .await;
    let tenants: Api<Tenant> = Api::all(client.clone());
    world
        .until(tenants.clone(), "acme", "acme is ready", |it| is(it, it.metadata.generation, "True", "Provisioned"))
        .await;

    // In AWS: path, tags, membership, attachments.
    let user = iam.get_user().user_name("acme.alice").send().await.unwrap().user.unwrap();
    assert!(user.path.starts_with("/tenants/") && user.path.ends_with("/acme/"), "{}", user.path);
    let tag = |key: &str| user.tags().iter().find(|it| it.key == key).map(|it| it.value.clone());
    assert_eq!(tag("tenantry.dev/owner").as_deref(), Some("tenantuser/tenancy/alice"));
    assert_eq!((tag("tenant").as_deref(), tag("user").as_deref()), (Some("acme"), Some("alice")));
    let groups = iam.list_groups_for_user().user_name("acme.alice").send().await.unwrap();
    assert_eq!(groups.groups().iter().map(|it| it.group_name.as_str()).collect::<Vec<_>>(), ["acme"]);
    let of_group = iam.list_attached_group_policies().group_name("acme").send().await.unwrap();
    assert_eq!(of_group.attached_policies()[0].policy_name(), Some("ReadOnlyAccess"));
    let of_user = iam.list_attached_user_policies().user_name("acme.alice").send().await.unwrap();
    assert_eq!(of_user.attached_policies()[0].policy_name(), Some("acme.reader"));

    // In the cluster: the namespace and what is in it.
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let labels = namespaces.get("acme").await.unwrap().metadata.labels.unwrap();
    assert_eq!(labels["tenantry.dev/tenant"], "acme");
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "baseline");
    Api::<ResourceQuota>::namespaced(client.clone(), "acme").get("tenantry").await.unwrap();
    Api::<NetworkPolicy>::namespaced(client.clone(), "acme").get("tenantry-isolation").await.unwrap();
    Api::<RoleBinding>::namespaced(client.clone(), "acme").get("tenantry:owners").await.unwrap();

    // The key works, within its tenant and no further.
    let secrets: Api<Secret> = Api::namespaced(client.clone(), "tenancy");
    let secret = secrets.get("alice-aws").await.unwrap();
    assert_eq!(secret.type_.as_deref(), Some("tenantry.dev/access-key"));
    let text = |key: &str| String::from_utf8(secret.data.as_ref().unwrap()[key].0.clone()).unwrap();
    let key = Credentials::new(&text("AWS_ACCESS_KEY_ID"), &text("AWS_SECRET_ACCESS_KEY"));
    let who = world.moto.sts_as(&key).get_caller_identity().send().await.unwrap();
    assert_eq!(who.arn(), alice.status.as_ref().unwrap().accounts[0].principal.as_deref());
    assert_eq!(world.moto.s3(&key, "GET", "/ai-model-data/acme/x", "").await, (200, "ours".to_owned()));
    let iam_of_alice = world.moto.iam_as(&key);
    assert!(iam_of_alice.create_user().user_name("mallory").send().await.is_err());

    // A pass with nothing to do makes no cloud call.
    world.moto.reset_calls().await;
    let before = alice.metadata.resource_version.clone();
    tenants
        .patch_metadata(
            "acme",
            &Default::default(),
            &kube::api::Patch::Merge(serde_json::json!({"metadata": {"annotations": {"note": "x"}}})),
        )
        .await
        .unwrap();
    let roles: Api<TenantRole> = Api::namespaced(client.clone(), "tenancy");
    world
        .until(roles.clone(), "reader", "the role is ready", |it| is(it, it.metadata.generation, "True", "Provisioned"))
        .await;
    assert_eq!(users.get("alice").await.unwrap().metadata.resource_version, before);
    let calls = world.moto.calls().await;
    assert!(calls.keys().all(|call| call.starts_with("Get") || call.starts_with("List")), "{calls:?}");

    // Everything goes.
    tenants.delete("acme", &DeleteParams::default()).await.unwrap();
    world.gone(tenants.clone(), "acme").await;
    world.gone(namespaces, "acme").await;
    let left = iam.list_users().path_prefix("/tenants/").send().await.unwrap();
    assert!(left.users().is_empty());
    assert!(iam.list_groups().path_prefix("/tenants/").send().await.unwrap().groups().is_empty());
    assert!(iam.list_policies().path_prefix("/tenants/").send().await.unwrap().policies().is_empty());
    assert!(secrets.get_opt("alice-aws").await.unwrap().is_none());
    let keys = iam.list_access_keys().user_name("operator").send().await.unwrap();
    assert_eq!(keys.access_key_metadata()[0].status(), Some(&StatusType::Active), "nothing else was touched");
    world
        .until(users.clone(), "alice", "alice has no tenant", |it| {
            is(it, it.metadata.generation, "False", "TenantNotFound")
        })
        .await;
    users.delete("alice", &DeleteParams::default()).await.unwrap();
    world.gone(users, "alice").await;
}
