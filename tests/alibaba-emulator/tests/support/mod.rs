//! An emulator in this process, and a client that signs with the crate.

#![allow(dead_code)]

use std::sync::atomic::{AtomicU64, Ordering};

use alibaba_emulator::{Account, serve};
use alibaba_signature::{Credentials, acs3, canonical_query, odps, percent_encode, rpc};
use axum::body::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub const ACCOUNT: &str = "1234567890123456";
pub const RAM: &str = "2015-05-01";
pub const IMS: &str = "2019-08-15";
pub const STS: &str = "2015-04-01";
pub const PAI: &str = "2021-02-04";
pub const DSW: &str = "2022-01-01";

static NONCE: AtomicU64 = AtomicU64::new(0);

pub fn nonce() -> String {
    format!("nonce-{}-{}", std::process::id(), NONCE.fetch_add(1, Ordering::Relaxed))
}

/// The emulator and a key.
#[derive(Clone)]
pub struct Cloud {
    pub host: String,
    pub credentials: Credentials,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["Code"].as_str().unwrap_or_default()
    }

    /// The answer, which must be no error.
    #[track_caller]
    pub fn fine(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.body
    }

    #[track_caller]
    pub fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.text);
    }
}

pub fn pairs(parameters: &[(&str, &str)]) -> Vec<(String, String)> {
    parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl Cloud {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        tokio::spawn(serve(listener, Account::new(ACCOUNT, "LTAIroot", "rootsecret")));
        Self { host, credentials: Credentials::new("LTAIroot", "rootsecret") }
    }

    pub fn with(&self, credentials: Credentials) -> Self {
        Self { host: self.host.clone(), credentials }
    }

    pub async fn send(&self, method: &str, target: &str, headers: &[(String, String)], body: &str) -> Answer {
        let own: Vec<_> = headers.iter().filter(|(name, _)| name != "host").cloned().collect();
        self.replay(method, target, &own, body).await
    }

    /// A request with exactly these headers, `host` too.
    pub async fn replay(&self, method: &str, target: &str, headers: &[(String, String)], body: &str) -> Answer {
        let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let mut request = Request::builder().method(method).uri(format!("http://{}{target}", self.host));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let (parts, body) = client.request(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body, text }
    }

    /// An RPC call at an instant with a nonce.
    pub async fn rpc_at(
        &self,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
        at: Timestamp,
        nonce: &str,
    ) -> Answer {
        let query = pairs(parameters);
        let call = acs3::Call {
            method: "POST",
            host: &self.host,
            path: "/",
            query: &query,
            content_type: None,
            body: b"",
            action,
            version,
        };
        let headers = acs3::sign(&call, &self.credentials, at, nonce);
        self.send("POST", &format!("/?{}", canonical_query(&query)), &headers, "").await
    }

    pub async fn rpc(&self, version: &str, action: &str, parameters: &[(&str, &str)]) -> Answer {
        self.rpc_at(version, action, parameters, Timestamp::now(), &nonce()).await
    }

    pub async fn ram(&self, action: &str, parameters: &[(&str, &str)]) -> Answer {
        self.rpc(RAM, action, parameters).await
    }

    /// A REST call.
    pub async fn rest(
        &self,
        version: &str,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let query = pairs(query);
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        let call = acs3::Call {
            method,
            host: &self.host,
            path,
            query: &query,
            content_type: (!text.is_empty()).then_some("application/json; charset=utf-8"),
            body: text.as_bytes(),
            action: "Any",
            version,
        };
        let headers = acs3::sign(&call, &self.credentials, Timestamp::now(), &nonce());
        self.send(method, &format!("{path}?{}", canonical_query(&query)), &headers, &text).await
    }

    /// A call with the older signature.
    pub async fn rpc_v1(&self, version: &str, action: &str, parameters: &[(&str, &str)]) -> Answer {
        let mut all = pairs(parameters);
        all.extend(pairs(&[
            ("Action", action),
            ("Version", version),
            ("Format", "JSON"),
            ("AccessKeyId", &self.credentials.access_key_id),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureVersion", "1.0"),
            ("SignatureNonce", &nonce()),
            ("Timestamp", &Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ]));
        if let Some(token) = self.credentials.security_token() {
            all.push(("SecurityToken".to_owned(), token.to_owned()));
        }
        all.push(("Signature".to_owned(), rpc::signature(self.credentials.secret(), "GET", &all)));
        self.send("GET", &format!("/?{}", canonical_query(&all)), &[], "").await
    }

    /// A request to MaxCompute's data plane.
    pub async fn odps(
        &self,
        method: &str,
        path: &str,
        query: &str,
        body: &str,
        region: Option<&str>,
        at: Timestamp,
    ) -> Answer {
        let mut headers = vec![("date".to_owned(), odps::date(at))];
        if method == "POST" {
            headers.push(("content-type".to_owned(), "application/xml".to_owned()));
        }
        if let Some(token) = self.credentials.security_token() {
            headers.push((odps::TOKEN_HEADER.to_owned(), token.to_owned()));
        }
        let parsed = alibaba_signature::parse_query(query);
        let request = odps::Request { method, path, query: &parsed, headers: &headers };
        headers.push(("authorization".to_owned(), odps::authorize(&request, &self.credentials, region, at)));
        self.send(method, &format!("/api{path}?{query}"), &headers, body).await
    }

    /// A command of the tenant, through a project.
    pub async fn say(&self, project: &str, command: &str) -> Answer {
        let query = command.replace('&', "&amp;").replace('<', "&lt;");
        let body = format!(
            "<Authorization><Query>{query}</Query><ResponseInJsonFormat>true</ResponseInJsonFormat></Authorization>"
        );
        let path = format!("/projects/{}/authorization", percent_encode(project));
        self.odps("POST", &path, "", &body, None, Timestamp::now()).await
    }

    /// A switch.
    pub async fn turn(&self, switch: &str, value: Value) -> Value {
        let answer = self.send("POST", &format!("/ext/{switch}"), &[], &value.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    }

    pub async fn read(&self, switch: &str) -> Value {
        self.send("GET", &format!("/ext/{switch}"), &[], "").await.body
    }

    /// A user and a client with its key.
    pub async fn person(&self, name: &str) -> (String, Self) {
        let user = self.ram("CreateUser", &[("UserName", name)]).await.fine();
        let key = self.ram("CreateAccessKey", &[("UserName", name)]).await.fine();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let key = &key["AccessKey"];
        let credentials = Credentials::new(text(&key["AccessKeyId"]), text(&key["AccessKeySecret"]));
        (text(&user["User"]["UserId"]), self.with(credentials))
    }

    /// A policy that grants these statements, attached to a user.
    pub async fn grant(&self, user: &str, policy: &str, statements: Value) {
        let document = json!({"Version": "1", "Statement": statements}).to_string();
        self.ram("CreatePolicy", &[("PolicyName", policy), ("PolicyDocument", &document)]).await.fine();
        let attach = [("PolicyName", policy), ("PolicyType", "Custom"), ("UserName", user)];
        self.ram("AttachPolicyToUser", &attach).await.fine();
    }

    /// Credentials of an answer of STS.
    pub fn session(&self, answer: &Value) -> Self {
        let text = |name: &str| answer["Credentials"][name].as_str().unwrap().to_owned();
        let credentials = Credentials::new(text("AccessKeyId"), text("AccessKeySecret"));
        self.with(credentials.with_security_token(text("SecurityToken")))
    }
}
