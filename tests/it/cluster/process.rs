//! The process around the passes: health, metrics and the Lease.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::Api;
use serde_json::json;
use tenantry::cluster::{Cluster, World};
use tenantry::lease::{Elector, Ended, KubeSlot, Leadership, Settings, client as lease_client};
use tenantry::metrics::{self, Passes};
use tenantry::model::ClusterAction;
use tenantry::server::{Health, serve};
use testbed::until;
use tokio_util::sync::CancellationToken;

use super::*;

#[tokio::test]
async fn health_and_metrics_tell_what_is_so() {
    let client = control_plane().await.client();
    let world = Arc::new(World::start(client, "default"));
    let (passes, leadership) = (Passes::default(), Leadership::uncontested());
    let registry = metrics::registry(&passes, &world, &leadership);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, health) = (CancellationToken::new(), Health { world: world.clone(), leadership, registry });
    let server = tokio::spawn(serve(listener, health, stop.clone()));
    assert_eq!(testbed::http::get(&format!("{url}/healthz")).await.unwrap().0, 200);
    eventually("the world is ready", || world.is_ready()).await;
    assert_eq!(testbed::http::get(&format!("{url}/readyz")).await.unwrap(), (200, "ok\n".to_owned()));
    let namespace = ClusterAction::Create(namespace("shown", "shown", &[]));
    world.cluster().execute(&namespace).await.unwrap();
    let text = testbed::http::get(&format!("{url}/metrics")).await.unwrap().1;
    for line in [
        r#"tenantry_kubernetes_writes_total{verb="create",resource="namespaces"} 1"#,
        r#"leader_election_master_status{name="tenantry"} 1"#,
        r#"tenantry_build_info{version="#,
        "process_resident_memory_bytes ",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    stop.cancel();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_lease_is_handed_over_at_once_and_lost_when_it_is_taken() {
    let control_plane = control_plane().await;
    let settings =
        Settings { retry: Duration::from_millis(200), renew: Duration::from_millis(500), ..Settings::default() };
    let start = |name: &str| {
        let slot = KubeSlot::new(control_plane.client(), "default", "tenantry");
        let elector = Elector::new(slot, name.to_owned(), settings);
        let (leadership, stop) = (elector.leadership(), CancellationToken::new());
        (leadership, tokio::spawn(elector.run(stop.clone())), stop)
    };
    let (mut first, first_run, first_stop) = start("first");
    first.acquired().await;
    let (mut second, second_run, _second_stop) = start("second");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(first.is_current() && !second.is_current());
    first_stop.cancel();
    assert_eq!(first_run.await.unwrap(), Ended::Released);
    tokio::time::timeout(Duration::from_secs(5), second.acquired()).await.expect("it is taken over at once");
    let leases: Api<Lease> = Api::namespaced(control_plane.client(), "default");
    until(leases.clone(), "tenantry", "held by the second", |lease| {
        lease.spec.as_ref().unwrap().holder_identity.as_deref() == Some("second")
    })
    .await
    .unwrap();
    merge(&leases, "tenantry", json!({"spec": {"holderIdentity": "thief"}})).await;
    assert_eq!(second_run.await.unwrap(), Ended::Lost);
    assert!(!second.is_current());
    let config = kube::Config::new("https://127.0.0.1:1".parse().unwrap());
    assert!(lease_client(config, Duration::from_secs(1)).is_ok());
}
