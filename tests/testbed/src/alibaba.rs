//! Alibaba Cloud as `tests/alibaba-emulator` plays it: its process, its switches, what it saw, and a client that signs.

mod max_compute;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

pub use alibaba_signature::Credentials;
use alibaba_signature::{acs3, canonical_query};
use data_encoding::HEXLOWER;
use http::Request;
use jiff::Timestamp;
pub use max_compute::{MAX_COMPUTE, max_compute_user};
use serde_json::{Value, json};

use crate::child::{Child, free_port, tail};
use crate::control_plane::ready;
use crate::layout::{RunDirectory, root};
use crate::moto::{Call, Fault};
use crate::{OperatorPolicy, http as plain};

/// The account that the emulator plays.
pub const ACCOUNT_ID: &str = "1234567890123456";
/// The region of what is made here.
pub const REGION: &str = "cn-shanghai";
/// RAM's version, for [`Client::rpc`].
pub const RAM: &str = "2015-05-01";
/// The version of IMS, which makes users with their tags and empties the recycle bin.
pub const IMS: &str = "2019-08-15";
/// STS's version.
pub const STS: &str = "2015-04-01";
/// The operator's RAM user.
pub const OPERATOR: &str = "tenantry-operator";

/// The account's own key, which may do everything but assume roles.
#[must_use]
pub fn root_key() -> Credentials {
    Credentials::new("LTAIROOTROOTROOTROOT", "the-secret-of-the-account-in-tests")
}

/// A running emulator. Dropped, it is killed; it also ends when our process does.
#[derive(Debug)]
pub struct Alibaba {
    url: String,
    process: Child,
    _directory: RunDirectory,
}

impl Alibaba {
    /// Starts one with an empty account and waits until it answers.
    ///
    /// # Panics
    /// When it does not start, with the end of its log.
    pub async fn start() -> Self {
        let directory = RunDirectory::new("alibaba");
        let address = format!("127.0.0.1:{}", free_port());
        let mut emulator = Command::new(binary());
        emulator.args(["--listen", &address, "--account", ACCOUNT_ID]);
        let key = root_key();
        emulator.env("ALIBABA_EMULATOR_ROOT_KEY", format!("{}:{}", key.access_key_id, key.secret()));
        let mut process = Child::spawn("alibaba-emulator", emulator, &directory.path().join("alibaba.log"));
        let url = format!("http://{address}");
        let calls = format!("{url}/ext/calls");
        let started = ready(&mut process, || async { matches!(plain::get(&calls).await, Ok((200, _))) }).await;
        started.unwrap_or_else(|why| panic!("{why}"));
        Self { url, process, _directory: directory }
    }

    /// The endpoint of every service.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Host and port, as the official clients take an endpoint.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Memory and processor time used until now.
    #[must_use]
    pub fn usage(&self) -> crate::child::Usage {
        self.process.usage()
    }

    /// The last lines of its log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(self.process.log(), 40)
    }

    /// Empties the account and takes back every switch, counter and fault.
    pub async fn reset(&self) {
        self.turn("reset-account", Value::Null).await;
        self.turn("reset", Value::Null).await;
    }

    /// Replaces the faults that wait for their calls.
    pub async fn faults(&self, faults: &[Fault]) {
        self.turn("faults", json!(faults)).await;
    }

    /// Every call takes this much longer.
    pub async fn latency(&self, milliseconds: u32) {
        self.turn("latency", json!({"milliseconds": milliseconds})).await;
    }

    /// What is new is not seen, and what was taken away still hinders a deletion, for as long.
    pub async fn visibility(&self, milliseconds: u32) {
        self.turn("visibility", json!({"milliseconds": milliseconds})).await;
    }

    /// How long a workspace initializes, and a notebook stays in each state on its way.
    pub async fn delays(&self, workspace: Duration, notebook: Duration) {
        let [workspace, notebook] = [workspace, notebook].map(|it| it.as_secs_f64() * 1e3);
        self.turn("delays", json!({"workspace": workspace, "notebook": notebook})).await;
    }

    /// Every notebook is so much older.
    pub async fn notebooks_age(&self, by: Duration) {
        self.turn("age", json!({"milliseconds": by.as_secs_f64() * 1e3})).await;
    }

    /// Sets account quotas by their names in `GetAccountSummary`: `Users`, `Groups`, `Policies`, `GroupsPerUser`.
    pub async fn quotas(&self, quotas: &BTreeMap<String, u64>) {
        self.turn("quotas", json!(quotas)).await;
    }

    /// No page of a list holds more than this, whatever was asked for.
    pub async fn largest_page(&self, items: u32) {
        self.turn("page", json!({"items": items})).await;
    }

    /// Conditions on time see a clock that is this far ahead.
    pub async fn clock_ahead(&self, by: Duration) {
        self.turn("clock", json!({"ahead": by.as_secs()})).await;
    }

    /// The clock that signatures are checked with, and that answers show, is this many seconds ahead.
    pub async fn skew(&self, seconds: i64) {
        self.turn("skew", json!({"seconds": seconds})).await;
    }

    /// Sessions of roles that begin from now on end after this.
    pub async fn sessions_of(&self, length: Duration) {
        self.turn("session", json!({"seconds": length.as_secs_f64()})).await;
    }

    /// Whether more calls a second than an API documents are throttled.
    pub async fn keep_rates(&self, kept: bool) {
        self.turn("rates", json!({"kept": kept})).await;
    }

    /// The keys of OIDC issuers, by their URLs, for `AssumeRoleWithOIDC`.
    pub async fn issuers(&self, keys: Value) {
        self.turn("issuers", keys).await;
    }

    /// How often each operation was called since the last [`Alibaba::reset_calls`], over all services.
    ///
    /// # Panics
    /// When the emulator does not answer.
    pub async fn calls(&self) -> BTreeMap<String, u64> {
        serde_json::from_value(self.see("calls").await).expect("counters as JSON")
    }

    /// The same by service: `ram`, `ims`, `sts`, `pai`, `dsw`, `maxcompute`, `odps`.
    ///
    /// # Panics
    /// When the emulator does not answer.
    pub async fn calls_by_service(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        serde_json::from_value(self.see("calls-by-service").await).expect("counters as JSON")
    }

    /// Of each operation, such as `ram:CreateUser`: the most calls in any second, and how many are documented to be
    /// allowed, where a number is.
    ///
    /// # Panics
    /// When the emulator does not answer.
    pub async fn rates(&self) -> BTreeMap<String, (u64, Option<u64>)> {
        let all = self.see("rates").await;
        let rate = |rate: &Value| (rate["most"].as_u64().expect("a number"), rate["documented"].as_u64());
        all.as_object().expect("rates as JSON").iter().map(|(name, value)| (name.clone(), rate(value))).collect()
    }

    /// The calls since the last [`Alibaba::reset_calls`], oldest first, at most the last 20,000.
    ///
    /// # Panics
    /// When the emulator does not answer.
    pub async fn requests(&self) -> Vec<Call> {
        serde_json::from_value(self.see("requests").await).expect("calls as JSON")
    }

    /// What a user of the account was ever allowed: policy, number of the statement, action.
    ///
    /// # Panics
    /// When the emulator does not answer.
    pub async fn granted(&self, user: &str) -> BTreeSet<(String, usize, String)> {
        let all = self.see("granted").await;
        let of_user = all.get(format!("acs:ram::{ACCOUNT_ID}:user/{user}")).cloned().unwrap_or_else(|| json!([]));
        serde_json::from_value(of_user).expect("grants as JSON")
    }

    /// Starts counting anew.
    pub async fn reset_calls(&self) {
        self.turn("reset-calls", Value::Null).await;
    }

    /// A client with the account's own key.
    #[must_use]
    pub fn root(&self) -> Client<'_> {
        self.client(root_key())
    }

    /// A client with these credentials.
    #[must_use]
    pub fn client(&self, credentials: Credentials) -> Client<'_> {
        Client { emulator: self, credentials }
    }

    /// Makes the operator's RAM user as docs/alibaba.md says, with these rights and no others, and gives its key.
    ///
    /// # Panics
    /// When RAM refuses.
    pub async fn operator(&self, policy: &OperatorPolicy) -> Credentials {
        let root = self.root();
        root.done("CreateUser", &[("UserName", OPERATOR)]).await;
        root.done("CreatePolicy", &[("PolicyName", OPERATOR), ("PolicyDocument", &policy.text())]).await;
        let attach = [("PolicyName", OPERATOR), ("PolicyType", "Custom"), ("UserName", OPERATOR)];
        root.done("AttachPolicyToUser", &attach).await;
        self.another_key(OPERATOR).await
    }

    /// Gives the operator of [`Alibaba::operator`] other rights.
    ///
    /// # Panics
    /// When RAM refuses.
    pub async fn operator_may(&self, policy: &OperatorPolicy) {
        let set = [("PolicyName", OPERATOR), ("PolicyDocument", &policy.text()), ("SetAsDefault", "true")];
        let rotate = [("RotateStrategy", "DeleteOldestNonDefaultVersionWhenLimitExceeded")];
        self.root().done("CreatePolicyVersion", &[&set[..], &rotate].concat()).await;
    }

    /// Makes an access key for a user that is there.
    ///
    /// # Panics
    /// When RAM refuses.
    pub async fn another_key(&self, user: &str) -> Credentials {
        let answer = self.root().done("CreateAccessKey", &[("UserName", user)]).await;
        let part = |name: &str| answer["AccessKey"][name].as_str().expect("a key has an id and a secret").to_owned();
        Credentials::new(part("AccessKeyId"), part("AccessKeySecret"))
    }

    /// Turns a switch, by its name in the emulator's README.md.
    ///
    /// # Panics
    /// When there is no such switch, or the emulator does not answer.
    pub async fn turn(&self, switch: &str, value: Value) -> Value {
        let body = if value.is_null() { String::new() } else { value.to_string() };
        let url = format!("{}/ext/{switch}", self.url);
        let (status, answer) = plain::post(&url, "application/json", body).await.expect("the emulator answers");
        assert_eq!(status, 200, "alibaba-emulator, {switch}: {answer}");
        serde_json::from_str(&answer).unwrap_or_default()
    }

    /// What a switch shows.
    ///
    /// # Panics
    /// When there is no such switch, or the emulator does not answer.
    pub async fn see(&self, switch: &str) -> Value {
        let (status, body) = plain::get(&format!("{}/ext/{switch}", self.url)).await.expect("the emulator answers");
        assert_eq!(status, 200, "alibaba-emulator, {switch}: {body}");
        serde_json::from_str(&body).expect("an answer in JSON")
    }
}

/// What came back of a call.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; null where it is no JSON.
    pub body: Value,
}

impl Answer {
    /// The error's code; empty when there was none.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["Code"].as_str().unwrap_or_default()
    }
}

/// Calls with one key. Nothing is retried, so that a test sees what happens.
#[derive(Clone, Debug)]
pub struct Client<'a> {
    emulator: &'a Alibaba,
    credentials: Credentials,
}

impl Client<'_> {
    /// One call of an RPC service.
    ///
    /// # Panics
    /// When the emulator does not answer.
    pub async fn rpc(&self, version: &str, action: &str, parameters: &[(&str, &str)]) -> Answer {
        self.send("POST", "/", version, action, parameters, None).await
    }

    /// One call of a REST service.
    ///
    /// # Panics
    /// When the emulator does not answer.
    pub async fn rest(
        &self,
        version: &str,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        self.send(method, path, version, "Any", query, body).await
    }

    /// One call of RAM.
    ///
    /// # Panics
    /// When the emulator does not answer.
    pub async fn ram(&self, action: &str, parameters: &[(&str, &str)]) -> Answer {
        self.rpc(RAM, action, parameters).await
    }

    /// One call of RAM that must not fail, and its answer.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn done(&self, action: &str, parameters: &[(&str, &str)]) -> Value {
        let answer = self.ram(action, parameters).await;
        assert_eq!(answer.status, 200, "{action}: {}", answer.body);
        answer.body
    }

    /// One list of RAM to its end, over all pages. Lists are wrapped twice: `Users: {User: […]}`.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn all(&self, action: &str, parameters: &[(&str, &str)], (outer, inner): (&str, &str)) -> Vec<Value> {
        let (mut all, mut marker) = (Vec::new(), None::<String>);
        loop {
            let mut asked = parameters.to_vec();
            asked.extend(marker.as_deref().map(|marker| ("Marker", marker)));
            let mut page = self.done(action, &asked).await;
            all.append(page[outer][inner].as_array_mut().unwrap_or(&mut Vec::new()));
            match page["Marker"].as_str().filter(|_| page["IsTruncated"] == true) {
                Some(next) => marker = Some(next.to_owned()),
                None => return all,
            }
        }
    }

    /// The ARN behind the key, or the code of the refusal.
    ///
    /// # Errors
    /// The code, such as `InvalidAccessKeyId.NotFound`.
    pub async fn who(&self) -> Result<String, String> {
        let answer = self.rpc(STS, "GetCallerIdentity", &[]).await;
        answer.body["Arn"].as_str().map(str::to_owned).ok_or_else(|| answer.code().to_owned())
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        version: &str,
        action: &str,
        query: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        let host = self.emulator.host();
        let content_type = (!text.is_empty()).then_some("application/json; charset=utf-8");
        let body = text.as_bytes();
        let call = acs3::Call { method, host, path, query: &query, content_type, body, action, version };
        let nonce = HEXLOWER.encode(&rand::random::<[u8; 16]>());
        let headers = acs3::sign(&call, &self.credentials, Timestamp::now(), &nonce);
        let target = format!("{}{path}?{}", self.emulator.url, canonical_query(&query));
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers.iter().filter(|(name, _)| name != "host") {
            request = request.header(name, value);
        }
        let answer = plain::send(request.body(text).expect("a request")).await.expect("the emulator answers");
        let body = serde_json::from_slice(answer.body()).unwrap_or_default();
        Answer { status: answer.status().as_u16(), body }
    }
}

/// The emulator's program: beside ours, where cargo puts all programs of a profile, or else the debug profile's.
fn binary() -> PathBuf {
    const NAME: &str = "alibaba-emulator";
    let own = env::current_exe().expect("our own program has a path");
    let beside = own.ancestors().skip(1).take(2).map(|directory| directory.join(NAME));
    let found = beside.chain([root().join("target/debug").join(NAME)]).find(|it| it.is_file());
    found.unwrap_or_else(|| panic!("{NAME} is not there: `cargo build --package {NAME}` makes it"))
}
