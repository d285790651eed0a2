//! Drift: what people change behind the operator's back, in the account and in the cluster, is put right.

use aws_sdk_iam::Client as Iam;
use k8s_openapi::api::core::v1::{Namespace, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use tenantry::api::{Tenant, TenantRole, TenantUser};
use testbed::World;

use crate::support::{
    account, active_keys, definitions, delete, eventually, namespace, of, operator_calls, own, ready, reconcile,
    restart, role, shared, tenant, text, user,
};
use crate::tenant::launch;

const POWER: &str = "arn:aws:iam::aws:policy/PowerUserAccess";
const ANYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const USERS: [&str; 8] = ["member", "detached", "attached", "gone", "inline", "keyed", "tagged", "unbound"];

async fn groups_of(iam: &Iam, user: &str) -> Vec<String> {
    let answer = iam.list_groups_for_user().user_name(user).send().await;
    answer.map(|it| it.groups.into_iter().map(|it| it.group_name).collect()).unwrap_or_default()
}

async fn attached_to(iam: &Iam, user: &str) -> Vec<String> {
    let answer = iam.list_attached_user_policies().user_name(user).send().await;
    let attached = answer.map(|it| it.attached_policies.unwrap_or_default()).unwrap_or_default();
    attached.into_iter().filter_map(|it| it.policy_name).collect()
}

async fn arn(iam: &Iam, policy: &str) -> String {
    let all = iam.list_policies().path_prefix("/tenants/").send().await.unwrap().policies.unwrap_or_default();
    all.into_iter().find(|it| it.policy_name() == Some(policy)).and_then(|it| it.arn).unwrap_or_default()
}

/// As the console deletes a user: everything on it first. A sweep may come in between and put something back.
async fn delete_user(world: &World, user: &str) -> bool {
    let iam = world.moto.iam();
    for key in active_keys(world, user).await {
        let _ = iam.delete_access_key().user_name(user).access_key_id(key).send().await;
    }
    for group in groups_of(&iam, user).await {
        let _ = iam.remove_user_from_group().user_name(user).group_name(group).send().await;
    }
    for policy in attached_to(&iam, user).await {
        let arn = arn(&iam, &policy).await;
        let _ = iam.detach_user_policy().user_name(user).policy_arn(arn).send().await;
    }
    iam.delete_user().user_name(user).send().await.is_ok()
}

// proves: CloudAccount.spec.driftCheckInterval TenantUser.spec.tags
#[tokio::test]
async fn what_people_change_in_the_account_is_put_right() {
    let launch = launch();
    let mut world = own(launch.clone(), "  driftCheckInterval: 2s").await;
    let before = account(&world).await;
    let defs = definitions("dr");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("dr", "  accounts: [{name: aws, managedPolicies: [ReadOnlyAccess]}]")).await;
    for name in ["reader", "edited", "lost"] {
        world.apply(&role("dr", &defs, name)).await;
    }
    for name in USERS {
        let roles = if name == "unbound" { "reader, lost" } else { "reader" };
        world
            .apply(&user(
                "dr",
                &defs,
                name,
                &format!("  roles: [{roles}]\n  accessKey: {{}}\n  tags: {{team: vision}}"),
            ))
            .await;
    }
    world.apply(&namespace(&definitions("dg"))).await;
    world.apply(&tenant("dg", "")).await;
    world.apply(&user("dg", &definitions("dg"), "alone", "")).await;
    let users = of::<TenantUser>(&world, &defs);
    for name in USERS {
        ready(&world, &users, name).await;
    }
    ready(&world, &of::<TenantUser>(&world, &definitions("dg")), "alone").await;
    // A sweep is silent for two minutes about what this process wrote itself; a new one wrote nothing.
    restart(&mut world, &launch).await;
    let (world, iam) = (&world, &world.moto.iam());
    let swept = || async { world.moto.calls().await.contains_key("GetAccountAuthorizationDetails") };
    world.moto.reset_calls().await;
    eventually(world, "the account is read", swept).await;

    // One removed membership, and what it costs.
    world.moto.reset_calls().await;
    iam.remove_user_from_group().user_name("dr.member").group_name("dr").send().await.unwrap();
    eventually(world, "the member is back", || async { groups_of(iam, "dr.member").await == ["dr"] }).await;
    let calls = operator_calls(world).await;
    let beside: Vec<&String> = calls.iter().filter(|it| *it != "GetAccountAuthorizationDetails").collect();
    assert!(beside.len() <= 3, "{beside:?}");

    tamper(world, iam).await;
    eventually(world, "the attachment is back", || async { attached_to(iam, "dr.detached").await == ["dr.reader"] })
        .await;
    eventually(world, "the extra one is off", || async { attached_to(iam, "dr.attached").await == ["dr.reader"] })
        .await;
    eventually(world, "the group carries its own alone", || async {
        let answer = iam.list_attached_group_policies().group_name("dr").send().await.unwrap();
        answer.attached_policies().iter().filter_map(|it| it.policy_name()).collect::<Vec<_>>() == ["ReadOnlyAccess"]
    })
    .await;
    let edited = arn(iam, "dr.edited").await;
    eventually(world, "the document is the role's again", || async {
        let version = iam.get_policy().policy_arn(&edited).send().await.unwrap().policy.unwrap().default_version_id;
        let version = iam.get_policy_version().policy_arn(&edited).version_id(version.unwrap()).send().await.unwrap();
        version.policy_version.unwrap().document.unwrap().contains("ListBucket")
    })
    .await;
    eventually(world, "the lost policy is made again and attached", || async {
        let attached = attached_to(iam, "dr.unbound").await;
        attached.len() == 2 && attached.iter().any(|it| it == "dr.lost")
    })
    .await;
    eventually(world, "no inline policy", || async {
        let of_user = iam.list_user_policies().user_name("dr.inline").send().await.unwrap();
        let of_group = iam.list_group_policies().group_name("dr").send().await.unwrap();
        of_user.policy_names().is_empty() && of_group.policy_names().is_empty()
    })
    .await;
    eventually(world, "tags are as they were", || async {
        let user = iam.get_user().user_name("dr.tagged").send().await.unwrap().user.unwrap();
        let tag = |key: &str| user.tags().iter().find(|it| it.key() == key).map(|it| it.value().to_owned());
        tag("team").as_deref() == Some("vision") && tag("tenant").as_deref() == Some("dr") && tag("note").is_none()
    })
    .await;
    eventually(world, "the group is back with its member", || async { groups_of(iam, "dg.alone").await == ["dg"] })
        .await;
    eventually(world, "the user is back", || async { groups_of(iam, "dr.gone").await == ["dr"] }).await;
    let secrets = of(world, &defs);
    eventually(world, "with a new key in its Secret", || async {
        let secret = secrets.get("gone-aws").await.unwrap();
        active_keys(world, "dr.gone").await == [text(&secret, "AWS_ACCESS_KEY_ID")]
    })
    .await;

    // Keys are in no bulk call: asked for, they are read at once.
    let added = world.moto.another_key("dr.keyed").await;
    reconcile(world, &users, "keyed", "keys").await;
    eventually(world, "the key that nobody asked for is gone", || async {
        let secret = secrets.get("keyed-aws").await.unwrap();
        active_keys(world, "dr.keyed").await == [text(&secret, "AWS_ACCESS_KEY_ID")]
    })
    .await;
    assert_ne!(text(&secrets.get("keyed-aws").await.unwrap(), "AWS_ACCESS_KEY_ID"), added.access_key_id);
    for name in USERS {
        ready(world, &users, name).await;
    }
    ready(world, &of::<TenantRole>(world, &defs), "edited").await;

    let tenants: Api<Tenant> = Api::all(world.client());
    delete(world, &tenants, "dr").await;
    delete(world, &tenants, "dg").await;
    assert_eq!(account(world).await, before);
}

async fn tamper(world: &World, iam: &Iam) {
    let reader = arn(iam, "dr.reader").await;
    iam.detach_user_policy().user_name("dr.detached").policy_arn(&reader).send().await.unwrap();
    iam.attach_user_policy().user_name("dr.attached").policy_arn(POWER).send().await.unwrap();
    iam.attach_group_policy().group_name("dr").policy_arn(POWER).send().await.unwrap();
    let version = iam.create_policy_version().policy_arn(arn(iam, "dr.edited").await).policy_document(ANYTHING);
    version.set_as_default(true).send().await.unwrap();
    eventually(world, "a user is deleted", || delete_user(world, "dr.gone")).await;
    let lost = arn(iam, "dr.lost").await;
    eventually(world, "a policy is deleted", || async {
        let _ = iam.detach_user_policy().user_name("dr.unbound").policy_arn(&lost).send().await;
        iam.delete_policy().policy_arn(&lost).send().await.is_ok()
    })
    .await;
    iam.put_user_policy().user_name("dr.inline").policy_name("more").policy_document(ANYTHING).send().await.unwrap();
    iam.put_group_policy().group_name("dr").policy_name("more").policy_document(ANYTHING).send().await.unwrap();
    let tag = |key: &str, value: &str| aws_sdk_iam::types::Tag::builder().key(key).value(value).build().unwrap();
    iam.tag_user().user_name("dr.tagged").tags(tag("tenant", "beta")).tags(tag("note", "x")).send().await.unwrap();
    iam.untag_user().user_name("dr.tagged").tag_keys("team").send().await.unwrap();
    eventually(world, "a group is deleted", || async {
        let _ = iam.remove_user_from_group().user_name("dg.alone").group_name("dg").send().await;
        iam.delete_group().group_name("dg").send().await.is_ok()
    })
    .await;
}

const IN_THE_CLUSTER: &str = "  owners: [{kind: User, name: olga@dc.example}]
  namespaces:
    - name: dc
      quota: {pods: '10'}
    - name: dc-second
      quota: {pods: '5'}";

// proves: Tenant.spec.namespaces[] Tenant.spec.namespaces[].{quota,podSecurity,network}
#[tokio::test]
async fn what_people_change_in_the_cluster_is_put_back_and_what_is_not_wanted_goes() {
    let world = shared().await;
    world.apply(&namespace(&definitions("dc"))).await;
    world.apply(&tenant("dc", IN_THE_CLUSTER)).await;
    let tenants: Api<Tenant> = Api::all(world.client());
    ready(world, &tenants, "dc").await;
    let quotas = of::<ResourceQuota>(world, "dc");
    let quota = quotas.get("tenantry").await.unwrap();
    quotas.delete("tenantry", &DeleteParams::default()).await.unwrap();
    let again = |it: &ResourceQuota| it.uid() != quota.uid() && it.spec == quota.spec;
    world.until(quotas.clone(), "tenantry", "the quota is made again", again).await;
    let more = serde_json::json!({"spec": {"hard": {"pods": "1000"}}});
    quotas.patch("tenantry", &PatchParams::default(), &Patch::Merge(more)).await.unwrap();
    world.until(quotas.clone(), "tenantry", "the quota is put back", |it| it.spec == quota.spec).await;

    let policies = of::<NetworkPolicy>(world, "dc");
    let policy = policies.get("tenantry-isolation").await.unwrap();
    let open = serde_json::json!({"spec": {"ingress": [{}], "policyTypes": ["Ingress"]}});
    policies.patch("tenantry-isolation", &PatchParams::default(), &Patch::Merge(open)).await.unwrap();
    world.until(policies, "tenantry-isolation", "the isolation is put back", |it| it.spec == policy.spec).await;

    let bindings = of::<RoleBinding>(world, "dc");
    let binding = bindings.get("tenantry:owners").await.unwrap();
    let mallory =
        serde_json::json!({"subjects": [{"kind": "User", "name": "mallory", "apiGroup": "rbac.authorization.k8s.io"}]});
    bindings.patch("tenantry:owners", &PatchParams::default(), &Patch::Merge(mallory)).await.unwrap();
    let same = |it: &RoleBinding| it.subjects == binding.subjects;
    world.until(bindings.clone(), "tenantry:owners", "its subjects are put back", same).await;
    bindings.delete("tenantry:owners", &DeleteParams::default()).await.unwrap();
    world.until(bindings, "tenantry:owners", "the binding is made again", |it| it.uid() != binding.uid()).await;

    let namespaces: Api<Namespace> = Api::all(world.client());
    let labels = serde_json::json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}});
    namespaces.patch("dc", &PatchParams::default(), &Patch::Merge(labels)).await.unwrap();
    let safe = |it: &Namespace| it.labels()["pod-security.kubernetes.io/enforce"] == "baseline";
    world.until(namespaces.clone(), "dc", "pod security is put back", safe).await;

    // No quota and one namespace less.
    let less = "  owners: [{kind: User, name: olga@dc.example}]\n  namespaces: [{name: dc}]";
    world.apply(&tenant("dc", less)).await;
    world.gone(quotas, "tenantry").await;
    let free = |it: &Namespace| {
        !it.labels().keys().any(|key| key.starts_with("tenantry.dev/") || key.starts_with("pod-security"))
    };
    world.until(namespaces.clone(), "dc-second", "is released", free).await;
    world.gone(of::<ResourceQuota>(world, "dc-second"), "tenantry").await;
    world.gone(of::<RoleBinding>(world, "dc-second"), "tenantry:owners").await;
    world.gone(of::<RoleBinding>(world, "dc-second"), "tenantry:operator").await;
    ready(world, &tenants, "dc").await;
    delete(world, &tenants, "dc").await;
    world.gone(namespaces.clone(), "dc").await;
    let second = namespaces.get("dc-second").await.unwrap();
    assert!(second.metadata.deletion_timestamp.is_none(), "released, not deleted");
}

#[tokio::test]
async fn a_forced_reading_for_one_tenant_lets_no_other_tenants_drift_pass_unseen() {
    let world = &own(launch().argument("--fresh-write=0"), "  driftCheckInterval: 24h").await;
    for name in ["asks", "drifts"] {
        let defs = definitions(name);
        world.apply(&(namespace(&defs) + &tenant(name, "") + &user(name, &defs, "alice", ""))).await;
        ready(world, &of::<TenantUser>(world, &defs), "alice").await;
    }
    let iam = world.moto.iam();
    iam.remove_user_from_group().user_name("drifts.alice").group_name("drifts").send().await.unwrap();
    reconcile(world, &Api::<Tenant>::all(world.client()), "asks", "1").await;
    eventually(world, "the other tenant's user is in its group again", || async {
        groups_of(&iam, "drifts.alice").await == ["drifts"]
    })
    .await;
}
