//! `tenantry run`: the operator, from its first call to its last.

use std::sync::Arc;
use std::time::Duration;

use kube::{Client, Config};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::apply::Proof;
use crate::cloud::{Calls, Rates};
use crate::cluster::{World, cluster_id, missing_crds, token_issuer};
use crate::config::RunArgs;
use crate::controller::{Accounts, Operator, Settings};
use crate::lease::{self, Elector, Ended, KubeSlot};
use crate::metrics::{Passes, registry};
use crate::names::ClusterId;
use crate::server::{Health, serve};
use crate::telemetry;

/// The name of the Lease.
const LEASE: &str = "tenantry";
/// How often the API server is asked again for CRDs that are not there, or when it does not answer at the start.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Runs the operator until it is told to end or loses the Lease.
///
/// # Errors
/// What stops it from starting, and the loss of leadership: the process must end then, with a code that is not zero.
pub async fn run(args: RunArgs) -> Result<(), String> {
    telemetry::start(args.log_format, args.log.as_deref()).map_err(|error| error.to_string())?;
    let stop = stop_on_signal()?;
    let config = Config::infer().await.map_err(|error| format!("no cluster to work in: {error}"))?;
    let client = Client::try_from(config.clone()).map_err(|error| format!("no client for the cluster: {error}"))?;
    let Some(cluster) = stop.run_until_cancelled(know_the_cluster(&client, &args)).await else { return Ok(()) };

    let settings = lease::Settings::default();
    let lease_client =
        lease::client(config, settings.call).map_err(|error| format!("no client for the Lease: {error}"))?;
    let elector = Elector::new(KubeSlot::new(lease_client, &args.namespace, LEASE), args.identity(), settings);
    let mut leadership = elector.leadership();

    let issuer = token_issuer(&client).await;
    let world = Arc::new(World::start(client, &args.namespace));
    let calls = Arc::new(Calls::default());
    let passes = Passes::default();
    let mut registry = registry(&passes, &world, &leadership);
    calls.register(&mut registry);
    let listener =
        TcpListener::bind(args.listen).await.map_err(|error| format!("cannot listen on {}: {error}", args.listen))?;
    tracing::info!(listen = %args.listen, cluster = %cluster, namespace = %args.namespace, "started");
    let health = Health { world: world.clone(), leadership: leadership.clone(), registry };
    let server = tokio::spawn(serve(listener, health, stop.clone()));

    // The Lease is given up only after the last write.
    let release = CancellationToken::new();
    let mut election = tokio::spawn(elector.run(release.clone()));
    let rates = Rates { write: args.write_rate, read: args.read_rate };
    let work = async {
        tokio::select! {
            () = stop.cancelled() => {}
            () = leadership.acquired() => {
                let settings = Settings {
                    cluster: cluster.clone(),
                    namespace: args.namespace.clone(),
                    service_account: args.service_account.clone(),
                    proof: Proof { pause: args.key_proof, ..Proof::default() },
                    fresh_write: args.fresh_write,
                    notebook_poll: args.notebook_poll,
                    full_check: args.full_check,
                    orphan_age: args.orphan_age,
                    concurrency: args.concurrency,
                    issuer: issuer.clone(),
                };
                let accounts = Accounts::new(cluster.clone(), rates, calls.clone());
                let operator =
                    Operator::new(settings, world.clone(), accounts, leadership.clone(), passes.clone(), &args.instance());
                Arc::new(operator).run(stop.clone()).await;
            }
        }
    };
    let ended = tokio::select! {
        ended = &mut election => ended,
        () = work => {
            release.cancel();
            election.await
        }
    };
    match ended {
        Ok(Ended::Released) => {
            let _ = tokio::time::timeout(Duration::from_secs(2), server).await;
            tracing::info!("ended");
            Ok(())
        }
        Ok(Ended::Lost) => Err("leadership was lost; another process may act now".to_owned()),
        Err(error) => Err(format!("the election failed: {error}")),
    }
}

/// Waits for the CRDs and learns the cluster's id.
async fn know_the_cluster(client: &Client, args: &RunArgs) -> ClusterId {
    loop {
        match missing_crds(client).await {
            Ok(missing) if missing.is_empty() => break,
            Ok(missing) => tracing::error!(
                missing = missing.join(", "),
                "the CustomResourceDefinitions are not there; apply them with: kubectl apply --server-side -f crds/"
            ),
            Err(fault) => tracing::warn!(%fault, "the API server does not answer"),
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
    if let Some(id) = &args.cluster_id {
        return ClusterId::new(id.clone());
    }
    loop {
        match cluster_id(client).await {
            Ok(id) => return id,
            Err(fault) => tracing::warn!(%fault, "the cluster's id is not known"),
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

fn stop_on_signal() -> Result<CancellationToken, String> {
    let stop = CancellationToken::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind).map_err(|error| format!("no signal handler: {error}"))?;
        let stop = stop.clone();
        tokio::spawn(async move {
            signals.recv().await;
            stop.cancel();
        });
    }
    Ok(stop)
}
