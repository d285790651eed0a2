//! Plain HTTP on the loopback, for what has no client of its own: etcd's gateway, moto's switches, the operator's pages.

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Sends a request and reads the whole answer.
///
/// # Errors
/// What went wrong on the way, as a text. An answer with any status is no error.
pub async fn send(request: Request<String>) -> Result<Response<Vec<u8>>, String> {
    let client: Client<HttpConnector, Full<_>> = Client::builder(TokioExecutor::new()).build_http();
    let request = request.map(|body| Full::new(std::io::Cursor::new(body.into_bytes())));
    let (parts, body) = client.request(request).await.map_err(|e| format!("{e:?}"))?.into_parts();
    let body = body.collect().await.map_err(|e| e.to_string())?.to_bytes().to_vec();
    Ok(Response::from_parts(parts, body))
}

/// GET of `url`, the body as text, whatever the status.
///
/// # Errors
/// What went wrong on the way, as a text.
pub async fn get(url: &str) -> Result<(u16, String), String> {
    text(send(Request::get(url).body(String::new()).map_err(|e| e.to_string())?).await?)
}

/// POST of `body` to `url`, with its content type.
///
/// # Errors
/// What went wrong on the way, as a text.
pub async fn post(url: &str, content_type: &str, body: impl Into<String>) -> Result<(u16, String), String> {
    let request = Request::post(url).header("content-type", content_type).body(body.into());
    text(send(request.map_err(|e| e.to_string())?).await?)
}

fn text(response: Response<Vec<u8>>) -> Result<(u16, String), String> {
    let (parts, body) = response.into_parts();
    Ok((parts.status.as_u16(), String::from_utf8(body).map_err(|e| e.to_string())?))
}
