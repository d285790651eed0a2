//! JSON Web Tokens: read, and verified with their issuer's keys.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::Value;

/// What a token says.
pub struct Claims {
    pub issuer: String,
    pub subject: String,
    pub audiences: Vec<String>,
    pub issued: Option<Timestamp>,
    pub expires: Option<Timestamp>,
}

/// Why a token does not count.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    Invalid(&'static str),
    Signature,
}

impl Refused {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "OIDCToken.Invalid",
            Self::Signature => "OIDCToken.InvalidSignature",
        }
    }

    pub fn text(&self) -> &'static str {
        match self {
            Self::Invalid(text) => text,
            Self::Signature => "OIDC token validate failed: invalid signature.",
        }
    }
}

fn part(text: &str) -> Result<Value, Refused> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| Refused::Invalid("The token is no base64."))?;
    serde_json::from_slice(&bytes).map_err(|_| Refused::Invalid("The token's content is not recognised."))
}

/// The issuer that a token names, unverified: to know whose keys to read.
pub fn issuer(token: &str) -> Option<String> {
    part(token.split('.').nth(1)?).ok()?["iss"].as_str().map(str::to_owned)
}

/// Verifies the signature with the key of a JWKS that the token names.
///
/// # Errors
/// Why it does not count. Times and audience are the caller's to check.
pub fn verify(token: &str, keys: &Value) -> Result<Claims, Refused> {
    let parts: Vec<_> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        return Err(Refused::Invalid("The token does not consist of three parts."));
    };
    let claims = part(payload)?;
    let header_value = part(header)?;
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).map_err(|_| Refused::Signature)?;
    let signed = format!("{header}.{payload}");
    let algorithm = header_value["alg"].as_str().unwrap_or_default();
    if !matches!(algorithm, "RS256" | "ES256") {
        return Err(Refused::Invalid("The algorithm of the token is not supported."));
    }
    let id = header_value["kid"].as_str();
    let candidates = keys["keys"].as_array().into_iter().flatten();
    let right = candidates
        .filter(|key| id.is_none_or(|id| key["kid"].as_str().is_none_or(|other| other == id)))
        .any(|key| signed_by(key, algorithm, signed.as_bytes(), &signature));
    if !right {
        return Err(Refused::Signature);
    }
    let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
    let time = |name: &str| claims[name].as_i64().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let audiences = match &claims["aud"] {
        Value::Array(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        single => single.as_str().map(str::to_owned).into_iter().collect(),
    };
    Ok(Claims { issuer: text("iss"), subject: text("sub"), audiences, issued: time("iat"), expires: time("exp") })
}

fn signed_by(key: &Value, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
    let number =
        |name: &str| BASE64URL_NOPAD.decode(key[name].as_str().unwrap_or_default().as_bytes()).unwrap_or_default();
    match (algorithm, key["kty"].as_str()) {
        ("RS256", Some("RSA")) => {
            let public = RsaPublicKeyComponents { n: number("n"), e: number("e") };
            public.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
        }
        ("ES256", Some("EC")) => {
            let point = [vec![4], number("x"), number("y")].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // Made with Python's cryptography, so that no code is held against itself.
    const TOKEN: &str = concat!(
        "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogInIxIn0.eyJpc3MiOiAiaHR0cHM6Ly9rdWJlcm5ldGVzLmRlZmF1bHQuc3ZjIiwgImF1",
        "ZCI6ICJzdHMuYWxpeXVuY3MuY29tIiwgInN1YiI6ICJzeXN0ZW06c2VydmljZWFjY291bnQ6YWNtZTp0cmFpbmVyIiwgImlhdCI6",
        "IDE3OTAwMDAwMDAsICJleHAiOiAxNzkwMDAzNjAwfQ.grjhQlzgU-QGnBu0UfE_Zc6wIvePwjGbN6D-cUyuA5VmldK7CQSfb0spl",
        "By1bHtk26g5XD32VW74J-3PAoeWyFLDsvoXwjGXBLAjV0qa_oqjBdgGkozNZPQx6NQb3zHeDbW-uSVycx_YGT144YJLYLY3TaZrK",
        "lXGpcKmMGUo9Bg3q7GusIkou74MOnWFXvEcdciAgd8vRSlVSduSTQuIGIriH1Muq76kVzPsiMseFkwVsj4v8AATjgy9hgMP3KNdh",
        "QkPLiyM9-MTpt5mNTwJRsSLxDQlalIfRSHn1fgoci1nqzhOxKbxA_mTD3SNLSdUoN20tw3Rw8g6-BjptSG74A"
    );
    const MODULUS: &str = concat!(
        "lWrjcTgO7v3yRsyU29wtasqi7ba8emyHx5d3dxFJImYIcH0-iHrhkCP4lKSb-YuVGSuSNWbi4Wp0j90mTbgI-vjt_LAWmOGoW3DN",
        "jn4jNUQPA_Y3JBTwrdbPcmVlrA9VTADjNbv6ij7iQBP2Q99WaONZdmKDj4oHkp_QFdzSpTmYC_ya24MIcdpZQ-9lM_deqqB3rrRL",
        "vrKcgOeYZ8wf58hEIDPavAFjZlKGRZUeMjLRjSWBW1urFrB95aTXyQ1S9mQF2ZPbImu0OzyBav_x6UGuV8U_uW8uDlVe0kMkRQaS",
        "aWLjug-wXo0KBQFuyFuQdAQeBo3fD3Ql9X-5Ck0ZvQ"
    );

    #[test]
    fn a_token_counts_with_its_issuers_key_only() {
        let keys = |id: &str, modulus: &str| json!({"keys": [{"kty": "RSA", "kid": id, "n": modulus, "e": "AQAB"}]});
        assert_eq!(issuer(TOKEN).as_deref(), Some("https://kubernetes.default.svc"));
        let claims = verify(TOKEN, &keys("r1", MODULUS)).ok();
        assert_eq!(claims.map(|claims| claims.audiences), Some(vec!["sts.aliyuncs.com".to_owned()]));
        assert_eq!(verify(TOKEN, &keys("r2", MODULUS)).err(), Some(Refused::Signature));
        let other = MODULUS.replacen(&MODULUS[20..24], "AAAA", 1);
        assert_eq!(verify(TOKEN, &keys("r1", &other)).err(), Some(Refused::Signature));
        assert!(matches!(verify("a.b", &keys("r1", MODULUS)).err(), Some(Refused::Invalid(_))));
        assert!(matches!(verify("a.%.c", &keys("r1", MODULUS)).err(), Some(Refused::Invalid(_))));
    }
}
