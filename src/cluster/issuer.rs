//! Who issues the tokens of this cluster's ServiceAccounts, as the API server says of itself: clouds must know that issuer
//! before they take a token.

use kube::Client;
use kube::api::GetParams;
use kube::core::Request;
use serde_json::Value;

/// Where every API server says it (Kubernetes, "ServiceAccount token issuer discovery"); ServiceAccounts may read it.
const DISCOVERY: (&str, &str) = ("/.well-known", "openid-configuration");

/// The issuer, or none where the API server does not say: then nothing can be compared with it.
pub async fn token_issuer(client: &Client) -> Option<String> {
    let (path, name) = DISCOVERY;
    let request = Request::new(path).get(name, &GetParams::default()).ok()?;
    let answer: Value = match client.request(request).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::debug!(%error, "the issuer of ServiceAccounts' tokens is not known");
            return None;
        }
    };
    answer["issuer"].as_str().map(str::to_owned)
}
