//! One account and two clusters: a rebuilt cluster takes its objects over, another one never does.

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::Api;
use tenantry::api::{Tenant, TenantRole, TenantUser};
use testbed::{ControlPlane, Launch, Operator, World};

use crate::support::{
    account, active_keys, definitions, delete, eventually, exists, message, namespace, of, own, ready, role, says,
    tenant, text, user,
};
use crate::tenant::launch;

fn with_id(cluster: &str) -> Launch {
    launch().argument(&format!("--cluster-id={cluster}"))
}

async fn apply_all(world: &World) {
    let defs = definitions("tw");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("tw", "")).await;
    world.apply(&role("tw", &defs, "reader")).await;
    world.apply(&user("tw", &defs, "alice", "  roles: [reader]\n  accessKey: {}")).await;
}

async fn tag(world: &World, key: &str) -> Option<String> {
    let user = world.moto.iam().get_user().user_name("tw.alice").send().await.unwrap().user.unwrap();
    user.tags().iter().find(|it| it.key() == key).map(|it| it.value().to_owned())
}

#[tokio::test]
async fn a_rebuilt_cluster_takes_over_and_another_one_does_not() {
    let first = own(with_id("one"), "").await;
    let before = account(&first).await;
    apply_all(&first).await;
    let defs = definitions("tw");
    let old = ready(&first, &of::<TenantUser>(&first, &defs), "alice").await;
    let made = account(&first).await;
    let credentials = first.moto.another_key("operator").await;

    // Everything but the account is lost.
    let World { control_plane, moto, alibaba, operator } = first;
    drop((operator, control_plane));
    let control_plane = ControlPlane::start().await;
    control_plane.install_chart("tenantry-system", &[]).await;
    let operator = Operator::start(&control_plane, &with_id("two")).await;
    let mut world = World { control_plane, moto, alibaba, operator };
    world.credentials_secret("aws", &credentials).await;
    world.apply(&world.cloud_account("aws", "")).await;
    apply_all(&world).await;
    let (users, roles) = (of::<TenantUser>(&world, &defs), of::<TenantRole>(&world, &defs));
    let tenants: Api<Tenant> = Api::all(world.client());

    // With another id it is another cluster: nothing is touched.
    let refused = says(&world, &users, "alice", "False", "NotOwned").await;
    assert!(message(&refused).contains("cluster one"), "{}", message(&refused));
    says(&world, &roles, "reader", "False", "NotOwned").await;
    says(&world, &tenants, "tw", "False", "NotOwned").await;
    assert_eq!(account(&world).await, made);
    assert_eq!(tag(&world, "tenantry.dev/uid").await, old.uid());
    assert_eq!(active_keys(&world, "tw.alice").await.len(), 1);

    // With the same id it is the same owner: it takes over, marks anew, and hands out a key that somebody holds.
    crate::support::restart(&mut world, &with_id("one")).await;
    let alice = ready(&world, &users, "alice").await;
    ready(&world, &roles, "reader").await;
    ready(&world, &tenants, "tw").await;
    assert_eq!(account(&world).await, made);
    assert_ne!(alice.uid(), old.uid());
    eventually(&world, "marked anew", || async { tag(&world, "tenantry.dev/uid").await == alice.uid() }).await;
    let secret = of::<Secret>(&world, &defs).get("alice-aws").await.unwrap();
    eventually(&world, "exactly one key, the Secret's", || async {
        active_keys(&world, "tw.alice").await == [text(&secret, "AWS_ACCESS_KEY_ID")]
    })
    .await;
    delete(&world, &tenants, "tw").await;
    assert!(!exists(&world, "tw.alice").await);
    assert_eq!(account(&world).await, before);
}
