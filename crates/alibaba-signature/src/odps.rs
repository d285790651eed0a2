//! MaxCompute's own signature, for its data plane (`https://service.<region>.maxcompute.aliyun.com/api`).
//!
//! Source: the official clients (`pyodps`, the ODPS Java SDK). There are two: V2 signs with the secret itself, V4 with
//! a key derived from it for a day and a region; both end in HMAC-SHA1.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use crate::Credentials;
use crate::digest::{hmac_sha1_base64, hmac_sha256, same};
use crate::encoding::decode;

pub use crate::request::Request;

/// The first word of `Authorization`.
pub const SCHEME: &str = "ODPS";

/// The header that carries the token of a temporary key.
pub const TOKEN_HEADER: &str = "authorization-sts-token";

/// The value of the `Date` header for an instant, such as `Sun, 22 Nov 2026 04:48:06 GMT`.
#[must_use]
pub fn date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The instant of a `Date` header.
#[must_use]
pub fn parse_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

/// The text that is signed.
#[must_use]
pub fn string_to_sign(request: &Request<'_>) -> String {
    let own = |name: &str| name.starts_with("x-odps-");
    let both = request.headers.iter().chain(request.query);
    let mut special: Vec<_> =
        both.filter(|(name, _)| own(name)).map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    special.sort();
    let mut query: Vec<_> = request
        .query
        .iter()
        .map(|(name, value)| if value.is_empty() { name.clone() } else { format!("{name}={value}") })
        .collect();
    query.sort();
    let mut resource = decode(request.path);
    if !query.is_empty() {
        resource = format!("{resource}?{}", query.join("&"));
    }
    format!(
        "{}\n{}\n{}\n{}\n{}{resource}",
        request.method,
        request.header("content-md5"),
        request.header("content-type"),
        request.header("date"),
        special.concat()
    )
}

/// The signature V2 of a text.
#[must_use]
pub fn signature_v2(secret: &str, string_to_sign: &str) -> String {
    hmac_sha1_base64(secret.as_bytes(), string_to_sign)
}

/// The signature V4 of a text, for a day (`20261122`) and a region.
#[must_use]
pub fn signature_v4(secret: &str, day: &str, region: &str, string_to_sign: &str) -> String {
    let day_key = hmac_sha256(format!("aliyun_v4{secret}").as_bytes(), day.as_bytes());
    let region_key = hmac_sha256(&day_key, region.as_bytes());
    let service_key = hmac_sha256(&region_key, b"odps");
    hmac_sha1_base64(&hmac_sha256(&service_key, b"aliyun_v4_request"), string_to_sign)
}

/// The value of `Authorization`: V4 where a region is given, else V2. The instant must be the `Date` header's.
/// A temporary key's token goes into [`TOKEN_HEADER`], which is not signed.
#[must_use]
pub fn authorize(request: &Request<'_>, credentials: &Credentials, region: Option<&str>, at: Timestamp) -> String {
    let (id, text) = (&credentials.access_key_id, string_to_sign(request));
    match region {
        None => format!("{SCHEME} {id}:{}", signature_v2(credentials.secret(), &text)),
        Some(region) => {
            let day = at.strftime("%Y%m%d").to_string();
            let signature = signature_v4(credentials.secret(), &day, region, &text);
            format!("{SCHEME} {id}/{day}/{region}/odps/aliyun_v4_request:{signature}")
        }
    }
}

/// What an `Authorization` header of this kind says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The key that signed.
    pub access_key_id: String,
    /// Day and region of a V4 signature; `None` for V2.
    pub scope: Option<(String, String)>,
    /// The signature.
    pub signature: String,
}

impl Authorization {
    /// Reads the header; `None` for another kind of authorization or one that lacks a part.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let (credential, signature) = header.trim().strip_prefix(SCHEME)?.strip_prefix(' ')?.trim().split_once(':')?;
        let parts: Vec<_> = credential.split('/').collect();
        let scope = match parts[..] {
            [_] => None,
            [_, day, region, "odps", "aliyun_v4_request"] => Some((day.to_owned(), region.to_owned())),
            _ => return None,
        };
        Some(Self { access_key_id: parts[0].to_owned(), scope, signature: signature.to_owned() })
    }

    /// Whether this is the request's signature. Key, age and, for V4, that its day is today's are the caller's to check.
    #[must_use]
    pub fn verify(&self, request: &Request<'_>, secret: &str) -> bool {
        let text = string_to_sign(request);
        let right = match &self.scope {
            None => signature_v2(secret, &text),
            Some((day, region)) => signature_v4(secret, day, region, &text),
        };
        same(&right, &self.signature)
    }
}
