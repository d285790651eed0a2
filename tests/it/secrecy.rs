//! Secrecy: with everything logged, the secret halves of keys stand in Secrets and nowhere else.

use std::collections::BTreeSet;
use std::path::PathBuf;

use data_encoding::BASE64;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tenantry::api::{Tenant, TenantUser};
use testbed::world::NAMESPACE;
use testbed::{Fault, World};

use crate::support::{
    annotate, definitions, delete, namespace, of, own, ready, restart, role, says, tenant, text, user,
};
use crate::tenant::launch;

const HALF: &str = "AWS_SECRET_ACCESS_KEY";

/// What must be in Secrets and nowhere else.
#[derive(Default)]
pub struct Canaries(BTreeSet<String>);

impl Canaries {
    /// What a Secret holds now under that key, as it is, as the API carries it and as a form does.
    pub async fn note(&mut self, world: &World, namespace: &str, name: &str, key: &str) {
        let secret = text(&of::<Secret>(world, namespace).get(name).await.unwrap(), key);
        assert!(secret.len() >= 16, "{} characters", secret.len());
        self.0.insert(BASE64.encode(secret.as_bytes()));
        self.0.insert(utf8_percent_encode(&secret, NON_ALPHANUMERIC).to_string());
        // The longest part that no encoding changes.
        let plain = secret.split(|c: char| !c.is_ascii_alphanumeric()).max_by_key(|part| part.len());
        self.0.extend(plain.filter(|part| part.len() >= 8).map(str::to_owned));
        self.0.insert(secret);
    }

    /// They are in etcd's Secrets, and in nothing else of what etcd holds, in no metric and in no log, which was asked
    /// to tell everything.
    pub fn are_hidden(&self, dump: &[(String, Vec<u8>)], metrics: &str, logs: &[PathBuf]) {
        let has = |text: &[u8], canary: &str| text.windows(canary.len()).any(|window| window == canary.as_bytes());
        let in_secrets = |canary: &&String| {
            dump.iter().any(|(key, value)| key.starts_with("/registry/secrets/") && has(value, canary))
        };
        assert!(self.0.iter().filter(in_secrets).count() >= 3, "the canaries are found where they belong");
        for canary in &self.0 {
            assert!(!has(metrics.as_bytes(), canary), "in the metrics");
            let elsewhere = dump.iter().filter(|(key, _)| !key.starts_with("/registry/secrets/"));
            for (key, value) in elsewhere {
                assert!(!has(value, canary), "in etcd under {key}");
            }
        }
        for log in logs {
            let log = std::fs::read_to_string(log).unwrap();
            assert!(log.contains("\"DEBUG\""), "all that may be logged is");
            for line in log.lines() {
                assert!(
                    !self.0.iter().any(|canary| line.contains(canary)),
                    "in the log: {}",
                    line.chars().take(120).collect::<String>()
                );
            }
        }
    }
}

#[tokio::test]
async fn secret_halves_are_in_secrets_and_nowhere_else() {
    let launch = launch().environment("RUST_LOG", "trace").argument("--log-format=json");
    let mut world = own(launch.clone(), "  driftCheckInterval: 2s").await;
    let mut canaries = Canaries::default();
    let mut logs = vec![world.operator.log().to_owned()];
    let defs = definitions("se");
    canaries.note(&world, NAMESPACE, "aws", HALF).await;
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("se", "")).await;
    world.apply(&role("se", &defs, "reader")).await;
    world
        .moto
        .faults(&[Fault::lost_answer("CreateAccessKey", 1), Fault::new("CreateAccessKey", 500, "ServiceFailure", 1)])
        .await;
    let users = of::<TenantUser>(&world, &defs);
    for name in ["alice", "bob"] {
        world.apply(&user("se", &defs, name, "  roles: [reader]\n  accessKey: {}\n  console: {}")).await;
    }
    for name in ["alice", "bob"] {
        ready(&world, &users, name).await;
        canaries.note(&world, &defs, &format!("{name}-aws"), HALF).await;
        canaries.note(&world, &defs, &format!("{name}-aws-console"), "password").await;
    }
    // A Secret that is lost, one that somebody spoils, one that is someone else's, and another life of the process.
    let secrets = of::<Secret>(&world, &defs);
    let before = secrets.get("alice-aws").await.unwrap();
    secrets.delete("alice-aws", &DeleteParams::default()).await.unwrap();
    world.until(secrets.clone(), "alice-aws", "made again", |it| text(it, HALF) != text(&before, HALF)).await;
    canaries.note(&world, &defs, "alice-aws", HALF).await;
    restart(&mut world, &launch).await;
    logs.push(world.operator.log().to_owned());
    let before = secrets.get("bob-aws").await.unwrap();
    let spoilt = serde_json::json!({"data": {"AWS_REGION": "eA=="}});
    let patch = kube::api::Patch::Merge(spoilt);
    secrets.patch("bob-aws", &Default::default(), &patch).await.unwrap();
    world.until(secrets, "bob-aws", "made anew", |it| text(it, HALF) != text(&before, HALF)).await;
    canaries.note(&world, &defs, "bob-aws", HALF).await;
    let before = of::<Secret>(&world, &defs).get("bob-aws-console").await.unwrap();
    annotate(&users, "bob", "tenantry.dev/reset-password", "again").await;
    let console = of::<Secret>(&world, &defs);
    world.until(console, "bob-aws-console", "another", |it| text(it, "password") != text(&before, "password")).await;
    canaries.note(&world, &defs, "bob-aws-console", "password").await;
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

    canaries.are_hidden(&dump, &metrics, &logs);
}
