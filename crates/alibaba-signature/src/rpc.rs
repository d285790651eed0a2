//! The older signature of RPC services: HMAC-SHA1, in the query.
//!
//! Source: RAM's documentation, "Signature method", and the official credentials library, which signs `AssumeRole` so.

use crate::digest::{hmac_sha1_base64, same};
use crate::encoding::{canonical_query, percent_encode};

/// The text that is signed: method, `/` and all parameters of query and form but `Signature` itself.
#[must_use]
pub fn string_to_sign(method: &str, parameters: &[(String, String)]) -> String {
    let signed: Vec<_> = parameters.iter().filter(|(name, _)| name != "Signature").cloned().collect();
    format!("{method}&{}&{}", percent_encode("/"), percent_encode(&canonical_query(&signed)))
}

/// The value of the parameter `Signature`. The parameters must already hold `Action`, `Version`, `Format`,
/// `AccessKeyId`, `Timestamp`, `SignatureMethod` (`HMAC-SHA1`), `SignatureVersion` (`1.0`), `SignatureNonce` and, with
/// a temporary key, `SecurityToken`.
#[must_use]
pub fn signature(secret: &str, method: &str, parameters: &[(String, String)]) -> String {
    hmac_sha1_base64(format!("{secret}&").as_bytes(), &string_to_sign(method, parameters))
}

/// Whether the parameters' own `Signature` is the right one.
#[must_use]
pub fn verify(secret: &str, method: &str, parameters: &[(String, String)]) -> bool {
    let given = parameters.iter().find(|(name, _)| name == "Signature").map_or("", |(_, value)| value);
    same(&signature(secret, method, parameters), given)
}
