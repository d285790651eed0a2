//! The older signature of REST services: HMAC-SHA1, in the header `Authorization: acs …`.
//!
//! Source: the ECS documentation, "ROA signature", and the official Go SDK before the current one
//! (`alibaba-cloud-sdk-go`), whose clients of PAI and MaxCompute sign so. Current SDKs do not.

use crate::Credentials;
use crate::digest::{hmac_sha1_base64, same};
use crate::encoding::decode;

pub use crate::request::Request;

/// The first word of `Authorization`.
pub const SCHEME: &str = "acs";

/// The text that is signed.
#[must_use]
pub fn string_to_sign(request: &Request<'_>) -> String {
    let mut text = format!("{}\n", request.method);
    for name in ["accept", "content-md5", "content-type", "date"] {
        text.push_str(request.header(name));
        text.push('\n');
    }
    let own = request.headers.iter().filter(|(name, _)| name.starts_with("x-acs-"));
    let mut own: Vec<_> = own.map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    own.sort();
    let mut query = request.query.to_vec();
    query.sort();
    let query: Vec<_> = query
        .into_iter()
        .map(|(name, value)| if value.is_empty() { name } else { format!("{name}={value}") })
        .collect();
    let separator = if query.is_empty() { "" } else { "?" };
    text + &own.concat() + &decode(request.path) + separator + &query.join("&")
}

/// The signature of a text.
#[must_use]
pub fn signature(secret: &str, string_to_sign: &str) -> String {
    hmac_sha1_base64(secret.as_bytes(), string_to_sign)
}

/// The value of `Authorization`. The headers must already hold `accept`, `date`, `x-acs-version`,
/// `x-acs-signature-method` (`HMAC-SHA1`), `x-acs-signature-version` (`1.0`), best `x-acs-signature-nonce`, with a body
/// `content-md5` and `content-type`, and with a temporary key `x-acs-security-token`.
#[must_use]
pub fn authorize(request: &Request<'_>, credentials: &Credentials) -> String {
    let signature = signature(credentials.secret(), &string_to_sign(request));
    format!("{SCHEME} {}:{signature}", credentials.access_key_id)
}

/// The key and the signature of an `Authorization` header of this kind; `None` for another.
#[must_use]
pub fn parse(header: &str) -> Option<(&str, &str)> {
    header.trim().strip_prefix(SCHEME)?.strip_prefix(' ')?.trim().split_once(':')
}

/// Whether a signature is the request's. That `content-md5` is the body's, the date and the nonce are the caller's to
/// check.
#[must_use]
pub fn verify(request: &Request<'_>, secret: &str, given: &str) -> bool {
    same(&signature(secret, &string_to_sign(request)), given)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn requests_are_signed_in_one_way() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let query = pairs(&[("z", "a b"), ("Empty", ""), ("b", "1")]);
        let headers = pairs(&[
            ("x-acs-version", "2021-02-04"),
            ("date", "Sun, 22 Nov 2026 04:48:06 GMT"),
            ("accept", "application/json"),
            ("user-agent", "not signed"),
            ("x-acs-signature-nonce", "n"),
        ]);
        let request = Request { method: "GET", path: "/api/v1/a%3Ab", query: &query, headers: &headers };
        let text = "GET\napplication/json\n\n\nSun, 22 Nov 2026 04:48:06 GMT\nx-acs-signature-nonce:n\n\
                    x-acs-version:2021-02-04\n/api/v1/a:b?Empty&b=1&z=a b";
        assert_eq!(string_to_sign(&request), text);
        let header = authorize(&request, &Credentials::new("id", "secret"));
        let (id, given) = parse(&header).unwrap();
        assert_eq!(id, "id");
        assert!(verify(&request, "secret", given) && !verify(&request, "other", given));
        assert_eq!(parse("ACS3-HMAC-SHA256 Credential=a:b"), None);
        // From the tests of the official `tea-roa-utils`.
        assert_eq!(signature("secret", "stringtosign"), "OmuTAr79tpI6CRoAdmzKRq5lHs0=");
    }
}
