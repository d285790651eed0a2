//! The primitives under every signature.

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// SHA-256 in lower-case hexadecimal: what `x-acs-content-sha256` holds of a body.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key) else { unreachable!("any length is a key") };
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

pub(crate) fn hmac_sha256_hex(key: &str, message: &str) -> String {
    HEXLOWER.encode(&hmac_sha256(key.as_bytes(), message.as_bytes()))
}

pub(crate) fn hmac_sha1_base64(key: &[u8], message: &str) -> String {
    let Ok(mut mac) = <Hmac<Sha1> as KeyInit>::new_from_slice(key) else { unreachable!("any length is a key") };
    mac.update(message.as_bytes());
    BASE64.encode(&mac.finalize().into_bytes())
}

/// Whether two texts are equal, in a time that does not tell where they differ.
pub(crate) fn same(left: &str, right: &str) -> bool {
    left.len() == right.len() && left.bytes().zip(right.bytes()).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}
