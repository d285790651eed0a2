//! AWS as moto plays it, with the strictness of `tests/aws/`: its process, its switches and what it saw.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::aws::Credentials;
use crate::child::{Child, free_port};
use crate::control_plane::ready;
use crate::http;
use crate::layout::{RunDirectory, root, tool};

/// The account that moto plays.
pub const ACCOUNT_ID: &str = "123456789012";

/// A fault that an emulator answers with instead of, or after, doing what it was asked.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// The operation, for example `CreateAccessKey`, or `*`.
    pub action: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The error code of the answer, for example `Throttling`.
    pub code: String,
    /// How many calls it hits.
    pub count: u32,
    /// Whether the call is carried out first, so that only its answer is lost.
    pub after: bool,
    /// Seconds until the answer.
    pub delay: f64,
    /// Only calls whose parameters match these regular expressions, from end to end, for example `UserName`.
    pub parameters: BTreeMap<String, String>,
    /// Milliseconds until the caller may ask again, which only Alibaba Cloud says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Fault {
    /// `count` calls of `action` answer with this status and code, undone.
    #[must_use]
    pub fn new(action: &str, status: u16, code: &str, count: u32) -> Self {
        let (action, code) = (action.to_owned(), code.to_owned());
        Self { action, status, code, count, after: false, delay: 0.0, parameters: BTreeMap::new(), retry_after: None }
    }

    /// `count` calls of `action` are carried out, and their answer is lost behind a 500.
    #[must_use]
    pub fn lost_answer(action: &str, count: u32) -> Self {
        Self { after: true, ..Self::new(action, 500, "ServiceFailure", count) }
    }

    /// One call of `action` is carried out this many seconds late.
    #[must_use]
    pub fn delay(action: &str, seconds: f64) -> Self {
        Self { delay: seconds, ..Self::new(action, 0, "", 1) }
    }

    /// Only calls that have this parameter with a value that matches the regular expression.
    #[must_use]
    pub fn only(mut self, parameter: &str, pattern: &str) -> Self {
        self.parameters.insert(parameter.to_owned(), pattern.to_owned());
        self
    }
}

/// One call that an emulator answered.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Call {
    /// `iam`, `sts`, `s3` or `sagemaker`; `ram`, `ims`, `sts`, `pai`, `dsw`, `maxcompute` or `odps`.
    pub service: String,
    /// The operation, for example `CreateUser`; empty for S3.
    pub action: String,
    /// The parameters as sent, documents, passwords and the like left out.
    pub parameters: BTreeMap<String, String>,
    /// The id of the key it was signed with; empty when it was not.
    pub access_key_id: String,
    /// Its User-Agent header.
    pub user_agent: String,
    /// The HTTP status of the answer.
    pub status: u16,
}

/// A running moto. Dropped, it is killed; it also ends when our process does.
#[derive(Debug)]
pub struct Moto {
    url: String,
    process: Child,
    _directory: RunDirectory,
}

impl Moto {
    /// Starts one, with all of AWS's managed policies and enforcement off, and waits until it answers.
    ///
    /// # Panics
    /// When it does not start, with the end of its log.
    pub async fn start() -> Self {
        let directory = RunDirectory::new("moto");
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let mut python = Command::new(tool("venv/bin/python"));
        python.args(["-m", "strict_moto", "-H", "127.0.0.1", "-p", &port.to_string()]);
        python.env("PYTHONPATH", root().join("tests/aws")).env("PYTHONDONTWRITEBYTECODE", "1");
        python.env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
        let root = Credentials::root();
        python.env("EXT_ROOT_KEY", format!("{}:{}", root.access_key_id, root.secret_access_key));
        let mut process = Child::spawn("moto", python, &directory.path().join("moto.log"));
        let calls = format!("{url}/ext/calls");
        let started = ready(&mut process, || async { matches!(http::get(&calls).await, Ok((200, _))) }).await;
        started.unwrap_or_else(|why| panic!("{why}"));
        Self { url, process, _directory: directory }
    }

    /// The endpoint of every service.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Memory and processor time used until now.
    #[must_use]
    pub fn usage(&self) -> crate::child::Usage {
        self.process.usage()
    }

    /// Empties the account and takes back enforcement, faults, quotas, latency, the page's size, clock and counters.
    pub async fn reset(&self) {
        self.enforce(false).await;
        self.post("/moto-api/reset", "").await;
        self.post("/ext/reset", "").await;
    }

    /// With enforcement every call is checked against the policies of the key that signed it; without, all is allowed.
    /// The root credentials may do everything always.
    pub async fn enforce(&self, on: bool) {
        self.post("/moto-api/reset-auth", if on { "0" } else { "1000000000" }).await;
    }

    /// Replaces the faults that wait for their calls.
    ///
    /// # Panics
    /// When moto does not answer.
    pub async fn faults(&self, faults: &[Fault]) {
        self.post("/ext/faults", &serde_json::to_string(faults).expect("faults as JSON")).await;
    }

    /// Every AWS call takes this much longer.
    pub async fn latency(&self, milliseconds: u32) {
        self.post("/ext/latency", &format!("{{\"milliseconds\": {milliseconds}}}")).await;
    }

    /// Sets account quotas by their names in `GetAccountSummary`, without `Quota`: `Users`, `Groups`, `Policies`, `Roles`.
    ///
    /// # Panics
    /// When moto does not answer.
    pub async fn quotas(&self, quotas: &BTreeMap<String, u64>) {
        self.post("/ext/quotas", &serde_json::to_string(quotas).expect("quotas as JSON")).await;
    }

    /// No page of a list holds more than this, whatever was asked for.
    pub async fn largest_page(&self, items: u32) {
        self.post("/ext/page", &format!("{{\"items\": {items}}}")).await;
    }

    /// Conditions on time see a clock that is this far ahead.
    pub async fn clock_ahead(&self, by: Duration) {
        self.post("/ext/clock", &format!("{{\"ahead\": {}}}", by.as_secs())).await;
    }

    /// Whether the console would let this user in with this password; IAM itself never shows a password.
    ///
    /// # Panics
    /// When moto does not answer.
    pub async fn signs_in(&self, user: &str, password: &str) -> bool {
        let body = serde_json::json!({"user": user, "password": password});
        self.post("/ext/sign-in", &body.to_string()).await.trim() == "true"
    }

    /// The keys of OIDC issuers, by their URLs, for `AssumeRoleWithWebIdentity`.
    pub async fn issuers(&self, keys: serde_json::Value) {
        self.post("/ext/issuers", &keys.to_string()).await;
    }

    /// A token with these claims, signed by the issuer that they name, which moto plays.
    ///
    /// # Panics
    /// When moto does not answer.
    pub async fn token(&self, claims: &serde_json::Value) -> String {
        serde_json::from_str(&self.post("/ext/token", &claims.to_string()).await).expect("a token as JSON")
    }

    /// Sessions of roles that begin from now on end after this.
    pub async fn sessions_of(&self, length: Duration) {
        self.post("/ext/session", &format!("{{\"seconds\": {}}}", length.as_secs())).await;
    }

    /// How often each operation was called since the last [`Moto::reset_calls`].
    ///
    /// # Panics
    /// When moto does not answer.
    pub async fn calls(&self) -> BTreeMap<String, u64> {
        serde_json::from_str(&self.get("/ext/calls").await).expect("counters as JSON")
    }

    /// The calls since the last [`Moto::reset_calls`], oldest first, at most the last 20,000.
    ///
    /// # Panics
    /// When moto does not answer.
    pub async fn requests(&self) -> Vec<Call> {
        serde_json::from_str(&self.get("/ext/requests").await).expect("calls as JSON")
    }

    /// What a key was allowed, ever: statement and action, where no other statement of its policies allowed it.
    ///
    /// # Panics
    /// When moto does not answer.
    pub async fn granted(&self, access_key_id: &str) -> BTreeSet<(String, String)> {
        let all: BTreeMap<String, BTreeSet<(String, String)>> =
            serde_json::from_str(&self.get("/ext/grants").await).expect("grants as JSON");
        all.into_iter().filter(|(key, _)| key == access_key_id).flat_map(|(_, grants)| grants).collect()
    }

    /// Starts counting anew.
    pub async fn reset_calls(&self) {
        self.post("/ext/reset-calls", "").await;
    }

    async fn get(&self, path: &str) -> String {
        let (status, body) = http::get(&format!("{}{path}", self.url)).await.expect("moto answers");
        assert_eq!(status, 200, "moto, {path}: {body}");
        body
    }

    async fn post(&self, path: &str, body: &str) -> String {
        // As text: moto would take a form's content type for parameters and lose the body.
        let url = format!("{}{path}", self.url);
        let (status, answer) = http::post(&url, "text/plain", body).await.expect("moto answers");
        assert_eq!(status, 200, "moto, {path}: {answer}");
        answer
    }
}
