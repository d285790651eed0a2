//! Who signed a request: the signature verified, the key looked up, the nonce remembered.

use std::collections::HashMap;

use alibaba_signature::{acs3, odps, roa, rpc, sha256_hex};
use jiff::{SignedDuration, Timestamp};

use crate::caller::Caller;
use crate::cloud::Cloud;
use crate::refusal::Refusal;
use crate::wire::Wire;

/// Nonces that were used, with the instant after which they may be forgotten.
#[derive(Default)]
pub struct Nonces(HashMap<(String, String), Timestamp>);

impl Nonces {
    /// Whether this is the first use of a nonce by a key; it is remembered.
    fn first_use(&mut self, key: &str, nonce: &str, now: Timestamp) -> bool {
        if self.0.len() > 50_000 {
            self.0.retain(|_, end| *end > now);
        }
        let end = now + SignedDuration::from_secs(2 * acs3::MAX_SKEW_SECONDS);
        self.0.insert((key.to_owned(), nonce.to_owned()), end).is_none_or(|old| old < now)
    }
}

/// A key found in the account.
struct Found {
    caller: Caller,
    secret: String,
    token: Option<String>,
    expires: Option<Timestamp>,
}

/// The caller of an OpenAPI request.
///
/// # Errors
/// What the gateway answers when key, signature, clock or nonce are not right.
pub fn openapi(wire: &Wire, cloud: &mut Cloud, nonces: &mut Nonces) -> Result<Caller, Refusal> {
    let now = Timestamp::now();
    let seen = now + cloud.settings.skew;
    if let Some((key_id, signature)) = wire.header("authorization").and_then(roa::parse) {
        return older_rest(wire, cloud, nonces, key_id, signature);
    }
    if let Some(header) = wire.header("authorization") {
        let Some(authorization) = acs3::Authorization::parse(header) else {
            return Err(Refusal::known("InvalidSignatureMethod"));
        };
        let key = find(cloud, &authorization.access_key_id, wire.header("x-acs-security-token"), now)?;
        let payload_hash = sha256_hex(&wire.body);
        let request = acs3::Request {
            method: &wire.method,
            path: &wire.path,
            query: &wire.query,
            headers: &wire.headers,
            payload_hash: &payload_hash,
        };
        if let Err(rejected) = acs3::verify(&request, &authorization, &key.secret, seen) {
            return Err(Refusal::new(400, rejected.code(), rejected.to_string()));
        }
        let nonce = wire.header("x-acs-signature-nonce").unwrap_or_default();
        return accept(cloud, nonces, &authorization.access_key_id, nonce, key.caller, now);
    }
    let pairs = wire.pairs();
    let parameters = wire.parameters();
    if parameters.text("Signature").is_none() {
        return Err(Refusal::missing("AccessKeyId"));
    }
    let key_id = parameters.required("AccessKeyId")?;
    let nonce = parameters.required("SignatureNonce")?;
    if parameters.required("SignatureMethod")? != "HMAC-SHA1" {
        return Err(Refusal::known("InvalidSignatureMethod"));
    }
    let at: Timestamp =
        parameters.required("Timestamp")?.parse().map_err(|_| Refusal::known("InvalidTimeStamp.Format"))?;
    let key = find(cloud, key_id, parameters.text("SecurityToken"), now)?;
    if (seen.as_second() - at.as_second()).abs() > acs3::MAX_SKEW_SECONDS {
        return Err(Refusal::known("InvalidTimeStamp.Expired"));
    }
    if !rpc::verify(&key.secret, &wire.method, &pairs) {
        let mut refusal = Refusal::known("SignatureDoesNotMatch");
        let text = rpc::string_to_sign(&wire.method, &pairs);
        refusal.message = format!("{} server string to sign is:{text}", refusal.message);
        return Err(refusal);
    }
    accept(cloud, nonces, key_id, nonce, key.caller, now)
}

/// The same for a request with the older signature of REST services.
fn older_rest(
    wire: &Wire,
    cloud: &mut Cloud,
    nonces: &mut Nonces,
    key_id: &str,
    signature: &str,
) -> Result<Caller, Refusal> {
    let now = Timestamp::now();
    let date = wire.header("date").ok_or_else(|| Refusal::missing("Date"))?;
    let at = odps::parse_date(date).ok_or_else(|| Refusal::known("InvalidTimeStamp.Format"))?;
    let key = find(cloud, key_id, wire.header("x-acs-security-token"), now)?;
    if ((now + cloud.settings.skew).as_second() - at.as_second()).abs() > acs3::MAX_SKEW_SECONDS {
        return Err(Refusal::known("InvalidTimeStamp.Expired"));
    }
    let request = roa::Request { method: &wire.method, path: &wire.path, query: &wire.query, headers: &wire.headers };
    if !roa::verify(&request, &key.secret, signature) {
        return Err(Refusal::known("SignatureDoesNotMatch"));
    }
    match wire.header("x-acs-signature-nonce") {
        Some(nonce) => accept(cloud, nonces, key_id, nonce, key.caller, now),
        // Its own SDK sends none.
        None => {
            cloud.ram.key_was_used(key_id, now);
            Ok(key.caller)
        }
    }
}

fn accept(
    cloud: &mut Cloud,
    nonces: &mut Nonces,
    key: &str,
    nonce: &str,
    caller: Caller,
    now: Timestamp,
) -> Result<Caller, Refusal> {
    if !nonces.first_use(key, nonce, now) && cloud.settings.nonces {
        return Err(Refusal::known("SignatureNonceUsed"));
    }
    cloud.ram.key_was_used(key, now);
    Ok(caller)
}

/// The caller of a request to MaxCompute's data plane.
///
/// # Errors
/// Its own codes.
pub fn data_plane(wire: &Wire, cloud: &mut Cloud) -> Result<Caller, Refusal> {
    let refuse =
        |status, code: &str, text: &str| Err(Refusal::new(status, "Unauthorized", format!("ODPS-{code}:{text}")));
    let Some(header) = wire.header("authorization") else {
        return refuse(400, "0410001", "Missing authentication parameters - authorization");
    };
    let Some(authorization) = odps::Authorization::parse(header) else {
        return refuse(400, "0410011", "Invalid authentication parameters - authorization");
    };
    let Some(date) = wire.header("date").and_then(odps::parse_date) else {
        return refuse(400, "0410001", "Missing authentication parameters - date");
    };
    let now = Timestamp::now();
    if ((now + cloud.settings.skew).as_second() - date.as_second()).abs() > acs3::MAX_SKEW_SECONDS {
        return refuse(
            400,
            "0410031",
            "Authentication request expired - the expire time interval exceeds the max limitation",
        );
    }
    let day = date.strftime("%Y%m%d").to_string();
    if authorization.scope.as_ref().is_some_and(|(of, _)| *of != day) {
        return refuse(400, "0410011", "Invalid authentication parameters - the day of the signature");
    }
    let key = match find(cloud, &authorization.access_key_id, wire.header(odps::TOKEN_HEADER), now) {
        Ok(key) => key,
        Err(refusal) => {
            return refuse(401, "0410051", &format!("Invalid credentials - {}: {}", refusal.code, refusal.message));
        }
    };
    let path = wire.path.strip_prefix("/api").unwrap_or(&wire.path);
    let request = odps::Request { method: &wire.method, path, query: &wire.query, headers: &wire.headers };
    if !authorization.verify(&request, &key.secret) {
        return refuse(401, "0410042", "Invalid signature value - User signature does not match");
    }
    cloud.ram.key_was_used(&authorization.access_key_id, now);
    Ok(key.caller)
}

fn find(cloud: &Cloud, id: &str, token: Option<&str>, now: Timestamp) -> Result<Found, Refusal> {
    let found = if id == cloud.account.key_id {
        Found { caller: Caller::Root, secret: cloud.account.secret.clone(), token: None, expires: None }
    } else if let Some(session) = cloud.sts.session(id) {
        let role = cloud.ram.roles.get(&session.role.to_lowercase());
        // A role made anew under the name is another one.
        if role.is_none_or(|role| role.id != session.role_id) {
            return Err(Refusal::known("InvalidSecurityToken.Expired"));
        }
        Found {
            caller: Caller::Session {
                role: session.role.clone(),
                role_id: session.role_id.clone(),
                name: session.name.clone(),
                policy: session.policy.clone(),
            },
            secret: session.secret.clone(),
            token: Some(session.token.clone()),
            expires: Some(session.expires),
        }
    } else {
        let (user, key) = cloud.ram.key(id).ok_or_else(|| Refusal::known("InvalidAccessKeyId.NotFound"))?;
        if key.seen_from > now {
            return Err(Refusal::known("InvalidAccessKeyId.NotFound"));
        }
        if !key.active {
            return Err(Refusal::known("InvalidAccessKeyId.Inactive"));
        }
        let caller = Caller::User { name: user.name.clone(), id: user.id.clone() };
        Found { caller, secret: key.secret.clone(), token: None, expires: None }
    };
    match (&found.token, token) {
        (None, None) => Ok(found),
        (None, Some(_)) => Err(Refusal::known("InvalidSecurityToken.MismatchWithAccessKey")),
        (Some(_), None) => Err(Refusal::known("MissingSecurityToken")),
        (Some(own), Some(sent)) if own != sent => {
            let known = cloud.sts.knows_token(sent);
            Err(Refusal::known(if known {
                "InvalidSecurityToken.MismatchWithAccessKey"
            } else {
                "InvalidSecurityToken.Malformed"
            }))
        }
        (Some(_), Some(_)) if found.expires.is_some_and(|end| end <= now) => {
            Err(Refusal::known("InvalidSecurityToken.Expired"))
        }
        (Some(_), Some(_)) => Ok(found),
    }
}
