//! How soon a suspension is felt while the operator is busy making others: from the patch to the first call that takes
//! access away, and to the last.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::json;
use tenantry::api::{Tenant, TenantUser};

use super::cloud::Cloud;
use super::{Bench, DEFINITIONS, Size, ready};

/// Users of the tenant that is suspended.
const SUSPENDED: usize = 50;
/// Users of each of the others.
const OTHERS: usize = 25;

fn tenant(name: &str, users: usize) -> String {
    let mut yaml = format!(
        "apiVersion: tenantry.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: {name}}}\n\
         spec: {{accounts: [{{name: aws}}], definitionNamespaces: [{DEFINITIONS}]}}\n"
    );
    for user in 0..users {
        let _ = write!(
            yaml,
            "---\napiVersion: tenantry.dev/v1alpha1\nkind: TenantUser\n\
             metadata: {{name: {name}-u{user}, namespace: {DEFINITIONS}}}\nspec: {{tenant: {name}}}\n"
        );
    }
    yaml
}

/// Measures it with the default API budget; `scale` is 100 for 500 others.
pub async fn measure(scale: usize) {
    let size = Size { cloud: Cloud::Aws, tenants: scale.div_ceil(5), keys: false, open: false, latency: 0 };
    let bench = Bench::new(size).await;
    let client = bench.client();
    testbed::apply::apply(&client, &tenant("leaving", SUSPENDED)).await.unwrap();
    let users: Api<TenantUser> = Api::namespaced(client.clone(), DEFINITIONS);
    bench
        .eventually("the tenant is Ready", async || {
            let all = users.list(&ListParams::default()).await.unwrap().items;
            all.len() == SUSPENDED
                && all.iter().all(|it| it.status.as_ref().is_some_and(|status| ready(status, it.metadata.generation)))
        })
        .await;
    for index in 0..size.tenants {
        testbed::apply::apply(&client, &tenant(&format!("t{index}"), OTHERS)).await.unwrap();
    }
    bench.world.moto.reset_calls().await;
    bench.eventually("the others are being made", async || bench.calls("CreateUser").await > 5).await;

    let tenants: Api<Tenant> = Api::all(client);
    let suspend = json!({"spec": {"suspended": true}});
    let began = Instant::now();
    tenants.patch("leaving", &PatchParams::default(), &Patch::Merge(&suspend)).await.unwrap();
    let first = after(&bench, began, 1).await;
    let last = after(&bench, began, SUSPENDED as u64).await;
    println!(
        "\n### A tenant of {SUSPENDED} users suspended while {} others are being made, default API budget\n",
        size.tenants * OTHERS
    );
    println!("The first Deny was called for {first:.2} s after the patch, the last {last:.1} s after it.");
}

/// Seconds since `began` when so many inline policies were put.
async fn after(bench: &Bench, began: Instant, count: u64) -> f64 {
    while bench.calls("PutUserPolicy").await < count {
        assert!(began.elapsed() < super::PATIENCE, "the suspension is felt");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    began.elapsed().as_secs_f64()
}
