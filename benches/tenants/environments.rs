//! What notebooks and keyless ServiceAccounts cost: from the manifests until all are Ready, and afterwards.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::json;
use tenantry::api::{CloudAccount, Tenant, TenantNotebook};

use super::cloud::Cloud;
use super::{Bench, DEFINITIONS, Size, counts, ready};

/// The tenants that share the notebooks and ServiceAccounts.
const TENANTS: usize = 10;
/// How long SageMaker takes to start a notebook here. On AWS it is minutes.
const STARTING: Duration = Duration::from_secs(60);
/// No pass that anybody asked for comes later than this.
const QUIET: Duration = Duration::from_secs(10);

async fn bench() -> Bench {
    Bench::new(Size { cloud: Cloud::Aws, tenants: TENANTS, keys: false, open: true, latency: 0 }).await
}

async fn apply(bench: &Bench, tenant: usize, more: &str, others: &str) {
    let yaml = format!(
        "apiVersion: tenantry.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: t{tenant}}}\n\
         spec: {{accounts: [{{name: aws}}], definitionNamespaces: [{DEFINITIONS}]{more}}}\n{others}"
    );
    testbed::apply::apply(&bench.client(), &yaml).await.unwrap();
}

async fn tenants_ready(bench: &Bench) {
    let tenants: Api<Tenant> = Api::all(bench.client());
    bench
        .eventually("the tenants are Ready", async || {
            let all = tenants.list(&ListParams::default()).await.unwrap().items;
            all.len() == TENANTS
                && all.iter().all(|it| it.status.as_ref().is_some_and(|status| ready(status, it.metadata.generation)))
        })
        .await;
}

/// Measures so many notebooks that start at the same time, with the list call as often as is the default.
pub async fn notebooks(count: usize) {
    let bench = bench().await;
    bench.world.moto.notebooks_take(STARTING).await;
    for tenant in 0..TENANTS {
        let user = format!(
            "---\napiVersion: tenantry.dev/v1alpha1\nkind: TenantUser\n\
             metadata: {{name: t{tenant}-u, namespace: {DEFINITIONS}}}\nspec: {{tenant: t{tenant}}}\n"
        );
        apply(&bench, tenant, "", &user).await;
    }
    tenants_ready(&bench).await;
    let mut yaml = String::new();
    for index in 0..count {
        let tenant = index % TENANTS;
        let _ = write!(
            yaml,
            "---\napiVersion: tenantry.dev/v1alpha1\nkind: TenantNotebook\n\
             metadata: {{name: lab-{index}, namespace: {DEFINITIONS}}}\n\
             spec: {{tenant: t{tenant}, user: t{tenant}-u, account: aws, instanceType: ml.t3.medium}}\n"
        );
    }
    bench.world.moto.reset_calls().await;
    let began = Instant::now();
    testbed::apply::apply(&bench.client(), &yaml).await.unwrap();
    let notebooks: Api<TenantNotebook> = Api::namespaced(bench.client(), DEFINITIONS);
    bench
        .eventually("the notebooks are Ready", async || {
            let all = notebooks.list(&ListParams::default()).await.unwrap().items;
            all.len() == count
                && all.iter().all(|it| it.status.as_ref().is_some_and(|status| ready(status, it.metadata.generation)))
        })
        .await;
    let seconds = began.elapsed().as_secs_f64();
    println!("\n### {count} notebooks that take {} s to start, in one account\n", STARTING.as_secs());
    println!("All Ready after {seconds:.1} s: {}.", counts(&bench.world.moto.calls().await, "no cloud call"));
}

/// Measures so many ServiceAccounts, each with a cloud role of its own and nothing that others have.
pub async fn service_accounts(count: usize) {
    let bench = bench().await;
    let (issuer, _) = bench.world.control_plane.issuer().await;
    let provider =
        bench.world.moto.iam().create_open_id_connect_provider().url(&issuer).client_id_list("sts.amazonaws.com");
    let provider = provider.send().await.unwrap().open_id_connect_provider_arn.unwrap();
    let accounts: Api<CloudAccount> = Api::all(bench.client());
    let trust = json!({"spec": {"aws": {"oidcProvider": provider}}});
    let account = accounts.patch("aws", &PatchParams::default(), &Patch::Merge(&trust)).await.unwrap();
    bench
        .eventually("the account knows its provider", async || {
            let seen = accounts.get("aws").await.unwrap();
            seen.status.is_some_and(|status| ready(&status, account.metadata.generation))
        })
        .await;
    bench.world.moto.reset_calls().await;
    let each = count / TENANTS;
    for tenant in 0..TENANTS {
        let accounts: Vec<String> =
            (0..each).map(|index| format!("{{name: pod-{index}, roles: [t{tenant}-data]}}")).collect();
        let namespaces = format!(", namespaces: [{{name: t{tenant}, serviceAccounts: [{}]}}]", accounts.join(", "));
        let role = format!(
            "---\napiVersion: tenantry.dev/v1alpha1\nkind: TenantRole\n\
             metadata: {{name: t{tenant}-data, namespace: {DEFINITIONS}}}\n\
             spec:\n  tenant: t{tenant}\n  aws:\n    statements:\n    - \
             {{effect: Allow, actions: ['s3:GetObject'], resources: ['arn:aws:s3:::data/$(tenant)/*']}}\n"
        );
        apply(&bench, tenant, &namespaces, &role).await;
    }
    tenants_ready(&bench).await;
    println!("\n### {count} ServiceAccounts with a cloud role each, in {TENANTS} tenants\n");
    println!("Made: {}.", counts(&bench.world.moto.calls().await, "no cloud call"));
    let passes = bench.passes().await;
    bench.world.moto.reset_calls().await;
    let tenants: Api<Tenant> = Api::all(bench.client());
    for tenant in 0..TENANTS {
        let note = json!({"metadata": {"annotations": {"note": "touched"}}});
        tenants.patch_metadata(&format!("t{tenant}"), &PatchParams::default(), &Patch::Merge(&note)).await.unwrap();
    }
    let all = passes + TENANTS as u64;
    bench.eventually("a pass for every tenant", async || bench.passes().await >= all).await;
    tokio::time::sleep(QUIET).await;
    println!("\nA pass for every tenant later: {}.", counts(&bench.world.moto.calls().await, "no cloud call"));
}
