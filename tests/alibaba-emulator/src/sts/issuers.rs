//! The keys of a token's issuer: told by a test (`/ext/issuers`), else read from it on the loopback.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use serde_json::Value;

use super::tokens;
use crate::cloud::Cloud;
use crate::parameters::Parameters;

/// The JWKS of the issuer that the call's token names.
///
/// # Errors
/// Why it cannot be read, for the answer.
pub async fn keys(cloud: &Mutex<Cloud>, parameters: &Parameters) -> Result<Value, String> {
    let issuer = parameters.text("OIDCToken").and_then(tokens::issuer).unwrap_or_default();
    if let Some(keys) = cloud.lock().sts.issuers.get(&issuer) {
        return Ok(keys.clone());
    }
    let discovery = get(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))).await?;
    let address = discovery["jwks_uri"].as_str().unwrap_or_default().to_owned();
    get(&address).await
}

async fn get(address: &str) -> Result<Value, String> {
    let uri: http::Uri = address.parse().map_err(|_| format!("{address} is not a URL"))?;
    let local = uri.scheme_str() == Some("http") && matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
    if !local {
        return Err(format!(
            "{address} is not plain HTTP on the loopback: tell the issuer's keys through /ext/issuers"
        ));
    }
    let client: Client<HttpConnector, Empty<axum::body::Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let answer = tokio::time::timeout(Duration::from_secs(5), client.get(uri)).await;
    let answer = answer.map_err(|_| format!("{address} does not answer"))?.map_err(|error| error.to_string())?;
    let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    serde_json::from_slice(&body).map_err(|error| format!("{address}: {error}"))
}
