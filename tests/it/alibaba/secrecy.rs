//! Secrecy on Alibaba Cloud: with everything logged, the secret halves of keys and first passwords stand in Secrets and
//! nowhere else, and no address of a call shows one.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams};
use serde_json::json;
use tenantry::api::{CloudAccount, Tenant, TenantUser};
use testbed::world::NAMESPACE;

use super::{role, tenant, user};
use crate::secrecy::Canaries;
use crate::support::{ALIBABA, annotate, definitions, delete, of, own_alibaba, ready, restart, text};
use crate::tenant::launch;

const HALF: &str = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";

#[tokio::test]
async fn halves_and_passwords_of_alibaba_cloud_are_in_secrets_and_nowhere_else() {
    let launch = launch().environment("RUST_LOG", "trace").argument("--log-format=json");
    let mut world = own_alibaba(launch.clone(), "  driftCheckInterval: 2s").await;
    let mut canaries = Canaries::default();
    let mut logs = vec![world.operator.log().to_owned()];
    let defs = definitions("sa");
    ready(&world, &Api::<CloudAccount>::all(world.client()), ALIBABA).await;
    canaries.note(&world, NAMESPACE, ALIBABA, HALF).await;
    let wrong =
        |action: &str, after: bool| json!({"action": action, "status": 500, "code": "InternalError", "after": after});
    let faults = [("CreateAccessKey", true), ("CreateAccessKey", false), ("CreateLoginProfile", true)];
    world.alibaba.turn("faults", json!(faults.map(|(action, after)| wrong(action, after)))).await;
    world.apply(&(tenant("sa", "") + &role("sa", "reader"))).await;
    let users = of::<TenantUser>(&world, &defs);
    for name in ["alice", "bob"] {
        world.apply(&user("sa", name, "  roles: [reader]\n  accessKey: {}\n  console: {}")).await;
    }
    for name in ["alice", "bob"] {
        ready(&world, &users, name).await;
        canaries.note(&world, &defs, &format!("{name}-ali"), HALF).await;
        canaries.note(&world, &defs, &format!("{name}-ali-console"), "password").await;
    }
    // A Secret that is lost, another password, and another life of the process.
    let secrets = of::<Secret>(&world, &defs);
    let before = secrets.get("alice-ali").await.unwrap();
    secrets.delete("alice-ali", &DeleteParams::default()).await.unwrap();
    world.until(secrets.clone(), "alice-ali", "made again", |it| text(it, HALF) != text(&before, HALF)).await;
    canaries.note(&world, &defs, "alice-ali", HALF).await;
    restart(&mut world, &launch).await;
    logs.push(world.operator.log().to_owned());
    let before = secrets.get("bob-ali-console").await.unwrap();
    annotate(&users, "bob", "tenantry.dev/reset-password", "again").await;
    let another = |it: &Secret| text(it, "password") != text(&before, "password");
    world.until(of::<Secret>(&world, &defs), "bob-ali-console", "another", another).await;
    ready(&world, &users, "bob").await;
    canaries.note(&world, &defs, "bob-ali-console", "password").await;

    let metrics = world.operator.metrics().await;
    let dump = world.control_plane.etcd_dump().await;
    delete(&world, &Api::<Tenant>::all(world.client()), "sa").await;
    let dump: Vec<_> = dump.into_iter().chain(world.control_plane.etcd_dump().await).collect();
    canaries.are_hidden(&dump, &metrics, &logs);
}
