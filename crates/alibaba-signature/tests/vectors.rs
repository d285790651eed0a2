//! Every published vector, and every vector from an official client's own tests.

#![allow(clippy::unwrap_used, missing_docs)]

use alibaba_signature::{acs3, odps, parse_query, rpc, sha256_hex};
use serde::Deserialize;

type Pairs = Vec<(String, String)>;

#[derive(Deserialize)]
struct Vectors {
    acs3: Vec<Acs3>,
    rpc: Vec<Rpc>,
    odps: Vec<Odps>,
}

#[derive(Deserialize)]
struct Acs3 {
    source: String,
    method: String,
    path: String,
    secret: String,
    query: Pairs,
    headers: Pairs,
    payload_hash: String,
    canonical: Option<String>,
    hash: Option<String>,
    signature: String,
}

#[derive(Deserialize)]
struct Rpc {
    source: String,
    method: String,
    secret: String,
    query: String,
    signature: String,
}

#[derive(Deserialize)]
struct Odps {
    source: String,
    secret: String,
    method: String,
    path: String,
    query: String,
    headers: Pairs,
    v2: String,
    v4: Option<String>,
    day: Option<String>,
    region: Option<String>,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("data/vectors.json")).unwrap()
}

#[test]
fn acs3_signs_as_documented() {
    let vectors = vectors().acs3;
    assert_eq!(vectors.len(), 6);
    for vector in vectors {
        let names: Vec<String> = vector.headers.iter().map(|(name, _)| name.clone()).collect();
        let request = acs3::Request {
            method: &vector.method,
            path: &vector.path,
            query: &vector.query,
            headers: &vector.headers,
            payload_hash: &vector.payload_hash,
        };
        let canonical = acs3::canonical_request(&request, &names);
        if let Some(expected) = &vector.canonical {
            assert_eq!(&canonical, expected, "{}", vector.source);
        }
        if let Some(expected) = &vector.hash {
            assert_eq!(&sha256_hex(canonical.as_bytes()), expected, "{}", vector.source);
        }
        assert_eq!(acs3::signature(&vector.secret, &canonical), vector.signature, "{}", vector.source);
    }
}

#[test]
fn rpc_signs_as_documented() {
    for vector in vectors().rpc {
        let mut parameters = parse_query(&vector.query);
        assert_eq!(rpc::signature(&vector.secret, &vector.method, &parameters), vector.signature, "{}", vector.source);
        parameters.push(("Signature".to_owned(), vector.signature));
        assert!(rpc::verify(&vector.secret, &vector.method, &parameters), "{}", vector.source);
        assert!(!rpc::verify("another", &vector.method, &parameters), "{}", vector.source);
    }
}

#[test]
fn odps_signs_as_its_clients_do() {
    for vector in vectors().odps {
        let query = parse_query(&vector.query);
        let request =
            odps::Request { method: &vector.method, path: &vector.path, query: &query, headers: &vector.headers };
        let text = odps::string_to_sign(&request);
        assert_eq!(odps::signature_v2(&vector.secret, &text), vector.v2, "{}", vector.source);
        if let (Some(v4), Some(day), Some(region)) = (vector.v4, vector.day, vector.region) {
            assert_eq!(odps::signature_v4(&vector.secret, &day, &region, &text), v4, "{}", vector.source);
        }
    }
}
