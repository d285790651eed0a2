//! Secrecy: with everything logged, the secret halves of keys stand in Secrets and nowhere else.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams};
use tenantry::api::{Tenant, TenantUser};
use testbed::world::NAMESPACE;
use testbed::{Fault, World};

use crate::support::{definitions, delete, namespace, of, own, ready, restart, role, says, tenant, text, user};
use crate::tenant::launch;

const HALF: &str = "AWS_SECRET_ACCESS_KEY";

/// The secret half that a Secret holds now, as it is and as the API carries it.
async fn note(world: &World, namespace: &str, name: &str, canaries: &mut BTreeSet<String>) {
    let half = text(&of::<Secret>(world, namespace).get(name).await.unwrap(), HALF);
    assert!(half.len() >= 16, "a secret half: {} characters", half.len());
    canaries.insert(BASE64.encode(half.as_bytes()));
    canaries.insert(half);
}

#[tokio::test]
async fn secret_halves_are_in_secrets_and_nowhere_else() {
    let launch = launch().environment("RUST_LOG", "trace").argument("--log-format=json");
    let mut world = own(launch.clone(), "  driftCheckInterval: 2s").await;
    let mut canaries = BTreeSet::new();
    let mut logs = vec![world.operator.log().to_owned()];
    let defs = definitions("se");
    note(&world, NAMESPACE, "aws", &mut canaries).await;
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("se", "")).await;
    world.apply(&role("se", &defs, "reader")).await;
    world
        .moto
        .faults(&[Fault::lost_answer("CreateAccessKey", 1), Fault::new("CreateAccessKey", 500, "ServiceFailure", 1)])
        .await;
    let users = of::<TenantUser>(&world, &defs);
    for name in ["alice", "bob"] {
        world.apply(&user("se", &defs, name, "  roles: [reader]\n  accessKey: {}")).await;
    }
    for name in ["alice", "bob"] {
        ready(&world, &users, name).await;
        note(&world, &defs, &format!("{name}-aws"), &mut canaries).await;
    }
    // A Secret that is lost, one that somebody spoils, one that is someone else's, and another life of the process.
    let secrets = of::<Secret>(&world, &defs);
    let before = secrets.get("alice-aws").await.unwrap();
    secrets.delete("alice-aws", &DeleteParams::default()).await.unwrap();
    world.until(secrets.clone(), "alice-aws", "made again", |it| text(it, HALF) != text(&before, HALF)).await;
    note(&world, &defs, "alice-aws", &mut canaries).await;
    restart(&mut world, &launch).await;
    logs.push(world.operator.log().to_owned());
    let before = secrets.get("bob-aws").await.unwrap();
    let spoilt = serde_json::json!({"data": {"AWS_REGION": "eA=="}});
    let patch = kube::api::Patch::Merge(spoilt);
    secrets.patch("bob-aws", &Default::default(), &patch).await.unwrap();
    world.until(secrets, "bob-aws", "made anew", |it| text(it, HALF) != text(&before, HALF)).await;
    note(&world, &defs, "bob-aws", &mut canaries).await;
    let theirs = format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: carl-aws, namespace: {defs}}}\nstringData: {{a: b}}\n"
    );
    world.apply(&theirs).await;
    world.apply(&user("se", &defs, "carl", "  accessKey: {}")).await;
    says(&world, &users, "carl", "False", "NotOwned").await;

    let metrics = world.operator.metrics().await;
    let dump = world.control_plane.etcd_dump().await;
    assert!(dump.iter().any(|(key, _)| key.starts_with("/registry/events/")), "there are events to look at");
    let tenants: Api<Tenant> = Api::all(world.client());
    delete(&world, &tenants, "se").await;
    let dump: Vec<_> = dump.into_iter().chain(world.control_plane.etcd_dump().await).collect();

    let has = |text: &[u8], canary: &str| text.windows(canary.len()).any(|window| window == canary.as_bytes());
    let in_secrets =
        |canary: &&String| dump.iter().any(|(key, value)| key.starts_with("/registry/secrets/") && has(value, canary));
    assert!(canaries.iter().filter(in_secrets).count() >= 3, "the canaries are found where they belong");
    for canary in &canaries {
        assert!(!has(metrics.as_bytes(), canary), "in the metrics");
        let elsewhere = dump.iter().filter(|(key, _)| !key.starts_with("/registry/secrets/"));
        for (key, value) in elsewhere {
            assert!(!has(value, canary), "in etcd under {key}");
        }
    }
    for log in logs {
        let log = std::fs::read_to_string(log).unwrap();
        assert!(log.contains("\"TRACE\""), "everything is logged");
        for line in log.lines() {
            assert!(
                !canaries.iter().any(|canary| line.contains(canary)),
                "in the log: {}",
                line.chars().take(120).collect::<String>()
            );
        }
    }
}
