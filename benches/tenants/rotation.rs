//! What replacing one access key costs, from the moment it is due until the old one is gone.

use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use tenantry::api::TenantUser;

use super::cloud::Cloud;
use super::{Bench, DEFINITIONS, Size, ready};

/// Due at once, and over soon: production says `90d` and `24h`.
const EVERY: &str = "10s";
const OVERLAP: &str = "3s";

/// Measures it with the API budget opened.
pub async fn measure() {
    let bench = Bench::new(Size { cloud: Cloud::Aws, tenants: 1, keys: true, open: true, latency: 0 }).await;
    let client = bench.client();
    testbed::apply::apply(&client, &bench.manifests(0)).await.unwrap();
    bench.all_ready().await;
    let users: Api<TenantUser> = Api::namespaced(client, DEFINITIONS);
    bench.world.moto.reset_calls().await;
    let rotation = |rotation| json!({"spec": {"accessKey": {"rotation": rotation}}});
    let patch = rotation(json!({"every": EVERY, "overlap": OVERLAP}));
    users.patch("t0-u0", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    bench.eventually("the old key is inactive", async || bench.calls("UpdateAccessKey").await == 1).await;
    // No second rotation is to begin while the first one ends.
    let patch = rotation(json!({"every": "90d", "overlap": OVERLAP}));
    let user = users.patch("t0-u0", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    bench.eventually("the old key is gone", async || bench.calls("DeleteAccessKey").await == 1).await;
    bench
        .eventually("the user is Ready", async || {
            let seen = users.get("t0-u0").await.unwrap();
            seen.status.is_some_and(|status| ready(&status, user.metadata.generation))
        })
        .await;
    println!("\n### One access key replaced (every {EVERY}, overlap {OVERLAP})\n");
    println!("{}.", super::counts(&bench.world.moto.calls().await, "no cloud call"));
}
