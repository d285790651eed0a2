//! One HTTP request out and its answer in, through the client that AWS's calls use as well.

use std::sync::LazyLock;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use crate::cloud::wording::{innermost, tidy};

/// One try of one call ends within this.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// Loading the root certificates is dear, and connections are worth sharing: one client for the process.
static HTTP: LazyLock<Connector> = LazyLock::new(|| {
    let settings = HttpConnectorSettings::builder().build();
    Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).connector_settings(settings).build()
});

/// A request, ready to go. It may hold secrets, so it has no `Debug`.
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) date: Option<String>,
    /// `x-acs-retry-after`, which is in milliseconds.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// Why nothing came back, in words.
pub(super) enum Silence {
    /// Not in time.
    TimedOut,
    /// No connection, or one that broke.
    Unreachable(String),
}

pub(super) async fn send(request: Request) -> Result<Answer, Silence> {
    match tokio::time::timeout(ATTEMPT_TIMEOUT, exchange(request)).await {
        Ok(answer) => answer,
        Err(_) => Err(Silence::TimedOut),
    }
}

async fn exchange(request: Request) -> Result<Answer, Silence> {
    let broken = |why: &(dyn std::error::Error + 'static)| Silence::Unreachable(tidy(&innermost(why)));
    let mut outgoing = HttpRequest::new(SdkBody::from(request.body));
    outgoing.set_method(request.method).map_err(|error| broken(&error))?;
    outgoing.set_uri(request.url).map_err(|error| broken(&error))?;
    for (name, value) in request.headers {
        outgoing.headers_mut().try_insert(name, value).map_err(|error| broken(&error))?;
    }
    let response = HTTP
        .call(outgoing)
        .await
        .map_err(|error| if error.is_timeout() { Silence::TimedOut } else { broken(&error) })?;
    let header = |name: &str| response.headers().get(name).map(str::to_owned);
    let (date, wait) = (header("date"), header("x-acs-retry-after"));
    let status = response.status().as_u16();
    let retry_after = wait.and_then(|text| text.parse().ok()).filter(|wait| *wait > 0).map(Duration::from_millis);
    let body = ByteStream::new(response.into_body()).collect().await.map_err(|error| broken(&error))?;
    Ok(Answer { status, date, retry_after, body: body.to_vec() })
}
