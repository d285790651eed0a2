//! Requests that the official Python clients sent, verified; and each of them refused once anything in it is changed.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use alibaba_signature::{Credentials, acs3, odps, parse_query, rpc, sha256_hex};
use serde::Deserialize;

#[derive(Deserialize)]
struct Capture {
    name: String,
    kind: String,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
    canonical_request: Option<String>,
    signature: Option<String>,
    signed_headers: Option<String>,
}

impl Capture {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    fn query(&self) -> Vec<(String, String)> {
        parse_query(self.target.split_once('?').map_or("", |(_, query)| query))
    }
}

fn captures(kind: &str) -> Vec<Capture> {
    let all: Vec<Capture> = serde_json::from_str(include_str!("data/captures.json")).unwrap();
    assert_eq!(all.len(), 27);
    all.into_iter().filter(|capture| capture.kind.starts_with(kind)).collect()
}

#[test]
fn acs3() {
    let captures = captures("acs3");
    assert_eq!(captures.len(), 21);
    for capture in captures {
        let (name, query, hash) = (&capture.name, capture.query(), sha256_hex(capture.body.as_bytes()));
        let request = acs3::Request {
            method: &capture.method,
            path: capture.path(),
            query: &query,
            headers: &capture.headers,
            payload_hash: &hash,
        };
        let header = capture.header("authorization").unwrap();
        let authorization = acs3::Authorization::parse(header).unwrap();
        assert_eq!(&authorization.signature, capture.signature.as_ref().unwrap(), "{name}");
        assert_eq!(&authorization.signed_headers.join(";"), capture.signed_headers.as_ref().unwrap(), "{name}");
        let canonical = acs3::canonical_request(&request, &authorization.signed_headers);
        assert_eq!(&canonical, capture.canonical_request.as_ref().unwrap(), "{name}");
        let credentials = Credentials::new(&authorization.access_key_id, "testsecret");
        assert_eq!(acs3::authorize(&request, &credentials, &authorization.signed_headers), header, "{name}");

        let at = capture.header("x-acs-date").unwrap().parse().unwrap();
        let verify = |request: &acs3::Request<'_>, secret| acs3::verify(request, &authorization, secret, at);
        assert_eq!(verify(&request, "testsecret"), Ok(()), "{name}");
        assert_eq!(verify(&request, "another").unwrap_err().code(), "SignatureDoesNotMatch", "{name}");
        let mut more = query.clone();
        more.push(("Extra".to_owned(), "1".to_owned()));
        for other in [
            acs3::Request { method: "PATCH", ..request },
            acs3::Request { path: "/other", ..request },
            acs3::Request { query: &more, ..request },
        ] {
            assert_eq!(verify(&other, "testsecret").unwrap_err().code(), "SignatureDoesNotMatch", "{name}");
        }
        let other = acs3::Request { payload_hash: "0", ..request };
        assert_eq!(verify(&other, "testsecret"), Err(acs3::Rejected::Payload), "{name}");
        let late = at + std::time::Duration::from_secs(15 * 60 + 1);
        assert_eq!(acs3::verify(&request, &authorization, "testsecret", late), Err(acs3::Rejected::Expired), "{name}");
    }
}

#[test]
fn rpc() {
    for capture in captures("rpc-v1-sha1") {
        assert!(rpc::verify("testsecret", &capture.method, &capture.query()), "{}", capture.name);
        assert!(!rpc::verify("testsecret", "GET", &capture.query()), "{}", capture.name);
    }
}

#[test]
fn odps() {
    let captures = captures("odps");
    assert_eq!(captures.len(), 4);
    for capture in captures {
        let query = capture.query();
        let path = capture.path().strip_prefix("/api").unwrap();
        let request = odps::Request { method: &capture.method, path, query: &query, headers: &capture.headers };
        let header = capture.header("authorization").unwrap();
        let authorization = odps::Authorization::parse(header).unwrap();
        assert!(authorization.verify(&request, "aksecret"), "{}", capture.name);
        assert!(!authorization.verify(&request, "another"), "{}", capture.name);
        assert!(!authorization.verify(&odps::Request { method: "PUT", ..request }, "aksecret"), "{}", capture.name);

        let date = capture.header("date").unwrap();
        let at = odps::parse_date(date).unwrap();
        assert_eq!(odps::date(at), date);
        let credentials = Credentials::new("akid", "aksecret");
        let region = authorization.scope.as_ref().map(|(_, region)| region.as_str());
        assert_eq!(odps::authorize(&request, &credentials, region, at), header, "{}", capture.name);
    }
}

#[test]
fn a_call_with_no_signature_is_none() {
    let capture = captures("maybe-anonymous").remove(0);
    assert_eq!(capture.header("authorization"), None);
    assert!(!rpc::verify("testsecret", &capture.method, &capture.query()));
}

#[test]
fn what_is_signed_here_is_verified_here() {
    let credentials = Credentials::new("STS.x", "secret").with_security_token("token");
    let query = [("Name".to_owned(), "ä *~+".to_owned())];
    let call = acs3::Call {
        method: "PUT",
        host: "127.0.0.1:1",
        path: "/api/v1/a%3Ab",
        query: &query,
        content_type: Some("application/json"),
        body: b"{}",
        action: "A",
        version: "V",
    };
    let at = "2026-11-22T04:52:53.7Z".parse().unwrap();
    let headers = acs3::sign(&call, &credentials, at, "n");
    let hash = sha256_hex(call.body);
    let authorization = acs3::Authorization::parse(&headers.last().unwrap().1).unwrap();
    for token in ["x-acs-security-token", "content-type"] {
        assert!(authorization.signed_headers.iter().any(|name| name == token));
    }
    let request =
        acs3::Request { method: call.method, path: call.path, query: &query, headers: &headers, payload_hash: &hash };
    assert_eq!(acs3::verify(&request, &authorization, "secret", at), Ok(()));
    let fewer: Vec<_> = headers.iter().filter(|(name, _)| name != "x-acs-date").cloned().collect();
    let request = acs3::Request { headers: &fewer, ..request };
    let rejected = acs3::verify(&request, &authorization, "secret", at);
    assert_eq!(rejected, Err(acs3::Rejected::Missing("x-acs-date")));
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?}", Credentials::new("LTAI", "hidden-secret").with_security_token("hidden-token"));
    assert_eq!(shown, "Credentials { access_key_id: \"LTAI\", .. }");
}
