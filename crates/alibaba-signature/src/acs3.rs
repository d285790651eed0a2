//! `ACS3-HMAC-SHA256`, the signature of every current SDK.
//!
//! Source: Alibaba Cloud, "V3 request structure and signature", and the official SDKs' own tests. Unlike AWS's there
//! is no scope and no derived key: the secret signs the hash of a canonical request. SDKs differ in which headers they
//! sign (Python's all that it sets, others `host`, `content-type` and `x-acs-*`); a verifier goes by the list that came.

use jiff::Timestamp;

use crate::Credentials;
use crate::digest::{hmac_sha256_hex, same, sha256_hex};
use crate::encoding::{canonical_query, decode, percent_encode};

/// The algorithm's name, the first word of `Authorization`.
pub const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// Headers without which no signature counts.
pub const REQUIRED: [&str; 6] =
    ["host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"];

/// Seconds that a request's clock may be off in either direction.
pub const MAX_SKEW_SECONDS: i64 = 15 * 60;

/// A call that is to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// `GET`, `POST`, `PUT` or `DELETE`; RPC services take `POST`.
    pub method: &'a str,
    /// The value of the `Host` header, with its port where that is not the scheme's own.
    pub host: &'a str,
    /// `/` for RPC; for REST the path, each segment encoded with [`percent_encode`], exactly as it is sent.
    pub path: &'a str,
    /// All parameters of the query, decoded. Send [`canonical_query`] of them.
    pub query: &'a [(String, String)],
    /// The body's type; `None` for no body.
    pub content_type: Option<&'a str>,
    /// The body, empty for none.
    pub body: &'a [u8],
    /// Such as `CreateUser`.
    pub action: &'a str,
    /// The service's version, such as `2015-05-01`.
    pub version: &'a str,
}

/// The headers that a call is sent with, names in lower case, `authorization` the last; `host` is among them.
/// A `nonce` must never be used again within half an hour.
#[must_use]
pub fn sign(call: &Call<'_>, credentials: &Credentials, at: Timestamp, nonce: &str) -> Vec<(String, String)> {
    let hash = sha256_hex(call.body);
    let mut headers = vec![
        ("host", call.host.to_owned()),
        ("x-acs-action", call.action.to_owned()),
        ("x-acs-content-sha256", hash.clone()),
        ("x-acs-date", at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ("x-acs-signature-nonce", nonce.to_owned()),
        ("x-acs-version", call.version.to_owned()),
    ];
    if let Some(content_type) = call.content_type {
        headers.push(("content-type", content_type.to_owned()));
    }
    if let Some(token) = credentials.security_token() {
        headers.push(("x-acs-accesskey-id", credentials.access_key_id.clone()));
        headers.push(("x-acs-security-token", token.to_owned()));
    }
    let mut headers: Vec<_> = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let names: Vec<String> = headers.iter().map(|(name, _)| name.clone()).collect();
    let request =
        Request { method: call.method, path: call.path, query: call.query, headers: &headers, payload_hash: &hash };
    let authorization = authorize(&request, credentials, &names);
    headers.push(("authorization".to_owned(), authorization));
    headers
}

/// A request as it is signed.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The path as it is on the wire.
    pub path: &'a str,
    /// The query, decoded.
    pub query: &'a [(String, String)],
    /// The headers, names in lower case.
    pub headers: &'a [(String, String)],
    /// [`sha256_hex`] of the body.
    pub payload_hash: &'a str,
}

impl Request<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// The text whose hash is signed. `signed` are names of headers; their order does not matter.
#[must_use]
pub fn canonical_request(request: &Request<'_>, signed: &[String]) -> String {
    canonical_with_path(request, request.path, signed)
}

fn canonical_with_path(request: &Request<'_>, path: &str, signed: &[String]) -> String {
    let mut names: Vec<String> = signed.iter().map(|name| name.to_lowercase()).collect();
    names.sort();
    names.dedup();
    let mut headers = String::new();
    for name in &names {
        let mut values: Vec<_> =
            request.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.trim()).collect();
        values.sort_unstable();
        headers.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    let path = if path.is_empty() { "/" } else { path };
    let query = canonical_query(request.query);
    format!("{}\n{path}\n{query}\n{headers}\n{}\n{}", request.method, names.join(";"), request.payload_hash)
}

/// The signature of a canonical request, in lower-case hexadecimal.
#[must_use]
pub fn signature(secret: &str, canonical_request: &str) -> String {
    hmac_sha256_hex(secret, &format!("{ALGORITHM}\n{}", sha256_hex(canonical_request.as_bytes())))
}

/// The value of `Authorization` for a request that signs these headers.
#[must_use]
pub fn authorize(request: &Request<'_>, credentials: &Credentials, signed: &[String]) -> String {
    let mut names = signed.to_vec();
    names.sort();
    let signature = signature(credentials.secret(), &canonical_request(request, &names));
    let id = &credentials.access_key_id;
    format!("{ALGORITHM} Credential={id},SignedHeaders={},Signature={signature}", names.join(";"))
}

/// What an `Authorization` header of this kind says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The key that signed.
    pub access_key_id: String,
    /// The headers that were signed.
    pub signed_headers: Vec<String>,
    /// The signature.
    pub signature: String,
}

impl Authorization {
    /// Reads the header; `None` for another kind of authorization or one that lacks a part.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let rest = header.trim().strip_prefix(ALGORITHM)?.trim_start();
        let part = |name: &str| {
            rest.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
        };
        Some(Self {
            access_key_id: part("Credential")?,
            signed_headers: part("SignedHeaders")?.split(';').map(str::to_lowercase).collect(),
            signature: part("Signature")?,
        })
    }
}

/// Why a signature does not count. The codes of [`code`](Self::code) are what the cloud answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// A header that must be signed is not there or not signed.
    #[error("{0} is mandatory for this action.")]
    Missing(&'static str),
    /// `x-acs-date` cannot be read.
    #[error("Specified time stamp or date value is not well formatted.")]
    Date,
    /// The request is more than 15 minutes old, or from the future.
    #[error("Specified time stamp or date value is expired.")]
    Expired,
    /// `x-acs-content-sha256` is not the body's.
    #[error("Specified content sha256 is not matched with the body.")]
    Payload,
    /// The signature is another one.
    #[error("Specified signature is not matched with our calculation. server string to sign is: {0}")]
    Signature(String),
}

impl Rejected {
    /// The error code that Alibaba Cloud's gateway answers with.
    #[must_use]
    pub fn code(&self) -> String {
        match self {
            Self::Missing(name) => format!("Missing{name}"),
            Self::Date => "InvalidTimeStamp.Format".to_owned(),
            Self::Expired => "InvalidTimeStamp.Expired".to_owned(),
            // No code of its own is documented for a body that is another.
            Self::Payload | Self::Signature(_) => "SignatureDoesNotMatch".to_owned(),
        }
    }
}

/// Verifies a request that came, all but its key (which the caller looked up) and its nonce (which the caller must
/// remember). `payload_hash` must be the hash of the body that came, not the header's.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(
    request: &Request<'_>,
    authorization: &Authorization,
    secret: &str,
    now: Timestamp,
) -> Result<(), Rejected> {
    for name in REQUIRED {
        if request.header(name).is_none() || !authorization.signed_headers.iter().any(|signed| signed == name) {
            return Err(Rejected::Missing(name));
        }
    }
    let date: Timestamp = request.header("x-acs-date").unwrap_or_default().parse().map_err(|_| Rejected::Date)?;
    if (now.as_second() - date.as_second()).abs() > MAX_SKEW_SECONDS {
        return Err(Rejected::Expired);
    }
    if request.header("x-acs-content-sha256") != Some(request.payload_hash) {
        return Err(Rejected::Payload);
    }
    // Go's SDK rewrites a path before it signs; both spellings of one path are the same request.
    let rewritten: Vec<_> = request.path.split('/').map(|segment| percent_encode(&decode(segment))).collect();
    for path in [request.path, &rewritten.join("/")] {
        let canonical = canonical_with_path(request, path, &authorization.signed_headers);
        if same(&signature(secret, &canonical), &authorization.signature) {
            return Ok(());
        }
    }
    let canonical = canonical_request(request, &authorization.signed_headers);
    Err(Rejected::Signature(format!("{ALGORITHM}\n{}", sha256_hex(canonical.as_bytes()))))
}
