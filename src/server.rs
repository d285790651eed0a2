//! The HTTP side: `/metrics`, `/healthz` and `/readyz`. Reads only, holds no secret, needs no authentication.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cluster::World;
use crate::lease::Leadership;

/// How long the loop that keeps the Lease may be silent before the process counts as hanging; with the Lease's default
/// times it turns every two to eight seconds.
const SILENCE: Duration = Duration::from_secs(60);

/// What the pages tell about.
pub struct Health {
    /// Whether the watches are complete.
    pub world: Arc<World>,
    /// Whether the Lease is being kept or waited for.
    pub leadership: Leadership,
    /// The metrics.
    pub registry: Registry,
}

impl Health {
    /// A process that cannot even turn its Lease loop is to be restarted.
    fn alive(&self) -> Result<(), String> {
        let silence = self.leadership.silence();
        if silence > SILENCE { Err(format!("no sign of life for {} s", silence.as_secs())) } else { Ok(()) }
    }

    /// Ready is who leads or could at once: a standby too.
    fn ready(&self) -> Result<(), String> {
        self.alive()?;
        let missing = self.world.waiting_for();
        if missing.is_empty() { Ok(()) } else { Err(format!("waiting for {}", missing.join(", "))) }
    }
}

/// Serves the pages until `stop` is cancelled.
pub async fn serve(listener: TcpListener, health: Health, stop: CancellationToken) -> std::io::Result<()> {
    let app = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(async |State(health): State<Arc<Health>>| answer(health.alive())))
        .route("/readyz", get(async |State(health): State<Arc<Health>>| answer(health.ready())))
        .with_state(Arc::new(health));
    axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn metrics(State(health): State<Arc<Health>>) -> impl IntoResponse {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &health.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (StatusCode::OK, [(header::CONTENT_TYPE, kind)], text)
        }
        Err(_) => {
            let kind = "text/plain; charset=utf-8";
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, kind)], "cannot be written\n".to_owned())
        }
    }
}

fn answer(state: Result<(), String>) -> (StatusCode, String) {
    match state {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}
