//! What tests turn and read, under `/ext/`, and the counting of every call; README.md lists it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloud::{Cloud, Settings};
use crate::parameters::Parameters;

/// The next `count` calls of `action` (`*` is any) whose parameters match get this answer; with `after` the call is
/// carried out first and only its answer is lost; with status 0 it is only slow.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub action: String,
    /// `ram`, `ims`, `sts`, `pai`, `dsw`, `maxcompute` or `odps`; left out: any.
    #[serde(default)]
    pub service: Option<String>,
    #[serde(default)]
    pub status: u16,
    #[serde(default)]
    pub code: String,
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default = "once")]
    pub count: u32,
    #[serde(default)]
    pub after: bool,
    /// Seconds until the answer.
    #[serde(default)]
    pub delay: f64,
    /// Milliseconds for `x-acs-retry-after`; left out: no such header, as older gateways.
    #[serde(default)]
    pub retry_after: Option<u64>,
    /// Regular expressions that match parameters from end to end.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
}

fn once() -> u32 {
    1
}

/// A call as `/ext/requests` shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    pub number: u64,
    pub service: &'static str,
    pub action: String,
    pub parameters: BTreeMap<String, String>,
    pub access_key_id: String,
    pub user_agent: String,
    pub status: u16,
    /// The error's code; empty when there was none.
    pub code: String,
}

#[derive(Default)]
struct Seen {
    faults: Vec<Fault>,
    calls: BTreeMap<(&'static str, String), u64>,
    requests: VecDeque<Entry>,
    rates: BTreeMap<(&'static str, String), Rate>,
    limits: bool,
}

/// How often an action is called.
#[derive(Default, Serialize)]
struct Rate {
    /// The calls of the last second.
    #[serde(skip)]
    recent: VecDeque<Timestamp>,
    /// The most that there were in any second.
    most: usize,
    /// How many a second are documented to be allowed; `None`: nothing is.
    documented: Option<usize>,
}

/// Faults, counters and the rest that is not the account's.
#[derive(Default)]
pub struct Switches {
    seen: Mutex<Seen>,
    latency: AtomicU64,
    numbers: AtomicU64,
}

const KEPT: usize = 20_000;

/// What the older signature sends as parameters, which are not the action's.
const OF_THE_GATEWAY: [&str; 6] = ["Action", "Version", "Format", "Timestamp", "AccessKeyId", "RegionId"];

/// Never kept: what is secret, what is long, and what is not the action's.
fn logged(name: &str) -> bool {
    if OF_THE_GATEWAY.contains(&name) {
        return false;
    }
    let name = name.to_lowercase();
    !["password", "document", "token", "secret", "signature", "imageauth"].iter().any(|part| name.contains(part))
}

impl Switches {
    pub fn latency(&self) -> u64 {
        self.latency.load(Ordering::Relaxed)
    }

    /// Counts a call; true when it is above the published rate and rates are kept.
    pub fn count(
        &self,
        service: &'static str,
        action: &str,
        documented: Option<usize>,
        parameters: &Parameters,
        (key, agent): (String, String),
    ) -> (u64, bool) {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let mut seen = self.seen.lock();
        *seen.calls.entry((service, action.to_owned())).or_default() += 1;
        let parameters = parameters.all().iter().filter(|(name, _)| logged(name));
        let parameters = parameters.map(|(name, value)| (name.clone(), value.clone())).collect();
        if seen.requests.len() == KEPT {
            seen.requests.pop_front();
        }
        let (action, code) = (action.to_owned(), String::new());
        let entry = Entry {
            number,
            service,
            action: action.clone(),
            parameters,
            access_key_id: key,
            user_agent: agent,
            status: 0,
            code,
        };
        seen.requests.push_back(entry);
        let now = Timestamp::now();
        let limits = seen.limits;
        let rate = seen.rates.entry((service, action)).or_default();
        rate.documented = documented;
        while rate.recent.front().is_some_and(|at| now.duration_since(*at) >= SignedDuration::from_secs(1)) {
            rate.recent.pop_front();
        }
        let above = limits && documented.is_some_and(|documented| rate.recent.len() >= documented);
        if !above {
            rate.recent.push_back(now);
            rate.most = rate.most.max(rate.recent.len());
        }
        (number, above)
    }

    /// The fault that hits this call, if any, used up by one.
    pub fn fault(&self, service: &str, action: &str, parameters: &Parameters) -> Option<Fault> {
        let mut seen = self.seen.lock();
        let hit = seen.faults.iter_mut().find(|fault| {
            fault.count > 0
                && (fault.action == "*" || fault.action == action)
                && fault.service.as_deref().is_none_or(|wanted| wanted == service)
                && fault.parameters.iter().all(|(name, pattern)| {
                    let value = parameters.sent(name).unwrap_or_default();
                    Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|pattern| pattern.is_match(value))
                })
        })?;
        hit.count -= 1;
        Some(hit.clone())
    }

    /// Notes how a call ended.
    pub fn ended(&self, number: u64, status: u16, code: &str) {
        let mut seen = self.seen.lock();
        let first = seen.requests.front().map_or(0, |entry| entry.number);
        let found = number.checked_sub(first).and_then(|at| seen.requests.get_mut(at as usize));
        if let Some(entry) = found.filter(|entry| entry.number == number) {
            entry.status = status;
            code.clone_into(&mut entry.code);
        }
    }

    fn reset_calls(&self) {
        let mut seen = self.seen.lock();
        seen.calls.clear();
        seen.requests.clear();
        seen.rates.clear();
    }

    /// Turns one switch and gives what to answer; `Err` with the status of what cannot be turned.
    ///
    /// # Errors
    /// 404 for no switch, 400 for a body that it cannot read.
    pub fn turn(&self, path: &str, body: &[u8], cloud: &Mutex<Cloud>) -> Result<Value, (u16, String)> {
        let bad = |error: serde_json::Error| (400, error.to_string());
        let value: Value = if body.is_empty() { Value::Null } else { serde_json::from_slice(body).map_err(bad)? };
        let duration = |name: &str| match value[name].as_f64() {
            Some(number) => Ok(number),
            None => Err((400, format!("{path}: a number {name} is missing"))),
        };
        match path.trim_start_matches("/ext/") {
            "faults" if !value.is_null() => {
                let faults: Vec<Fault> = serde_json::from_value(value).map_err(bad)?;
                for pattern in faults.iter().flat_map(|fault| fault.parameters.values()) {
                    Regex::new(pattern).map_err(|error| (400, error.to_string()))?;
                }
                self.seen.lock().faults = faults;
            }
            "faults" => return Ok(json!(self.seen.lock().faults)),
            "latency" => self.latency.store(duration("milliseconds")? as u64, Ordering::Relaxed),
            "quotas" => {
                let quotas: BTreeMap<String, i64> = serde_json::from_value(value).map_err(bad)?;
                let named = |name: String| name.strip_suffix("Quota").map(str::to_owned).unwrap_or(name);
                cloud.lock().settings.quotas.extend(quotas.into_iter().map(|(name, value)| (named(name), value)));
            }
            "page" => cloud.lock().settings.page = duration("items")? as usize,
            "clock" => cloud.lock().settings.ahead = SignedDuration::from_secs(duration("ahead")? as i64),
            "skew" => cloud.lock().settings.skew = SignedDuration::from_secs(duration("seconds")? as i64),
            "session" => {
                cloud.lock().settings.session = Some(SignedDuration::from_millis((duration("seconds")? * 1e3) as i64));
            }
            "visibility" => {
                cloud.lock().settings.visibility = SignedDuration::from_millis(duration("milliseconds")? as i64);
            }
            "delays" => {
                let mut cloud = cloud.lock();
                if !value["workspace"].is_null() {
                    cloud.settings.workspace = SignedDuration::from_millis(duration("workspace")? as i64);
                }
                if !value["notebook"].is_null() {
                    cloud.settings.notebook = SignedDuration::from_millis(duration("notebook")? as i64);
                }
            }
            "age" => {
                let by = SignedDuration::from_millis(duration("milliseconds")? as i64);
                let mut cloud = cloud.lock();
                for instance in cloud.dsw.instances.values_mut() {
                    instance.created -= by;
                    instance.modified -= by;
                    instance.since -= by;
                }
            }
            "nonces" => cloud.lock().settings.nonces = value["checked"].as_bool().unwrap_or(true),
            "rates" if !value.is_null() => self.seen.lock().limits = value["kept"].as_bool().unwrap_or(true),
            "rates" => {
                let seen = self.seen.lock();
                let rates = seen.rates.iter().map(|((service, action), rate)| (format!("{service}:{action}"), rate));
                return Ok(json!(rates.collect::<BTreeMap<_, _>>()));
            }
            "issuers" => {
                let issuers: BTreeMap<String, Value> = serde_json::from_value(value).map_err(bad)?;
                cloud.lock().sts.issuers.extend(issuers);
            }
            "reset-calls" => self.reset_calls(),
            "reset" => {
                self.reset_calls();
                let mut seen = self.seen.lock();
                seen.faults.clear();
                seen.limits = false;
                self.latency.store(0, Ordering::Relaxed);
                cloud.lock().settings = Settings::default();
            }
            "reset-account" => {
                let mut cloud = cloud.lock();
                let settings = cloud.settings.clone();
                *cloud = Cloud::new(cloud.account.clone());
                cloud.settings = settings;
            }
            "calls" => {}
            "granted" => return Ok(json!(*cloud.lock().granted.lock())),
            "calls-by-service" => {
                let mut services = BTreeMap::<&str, BTreeMap<String, u64>>::new();
                for ((service, action), count) in &self.seen.lock().calls {
                    services.entry(service).or_default().insert(action.clone(), *count);
                }
                return Ok(json!(services));
            }
            "requests" => return Ok(json!(self.seen.lock().requests)),
            _ => return Err((404, format!("{path} is no switch"))),
        }
        let mut calls = BTreeMap::<String, u64>::new();
        for ((_, action), count) in &self.seen.lock().calls {
            *calls.entry(action.clone()).or_default() += count;
        }
        Ok(json!(calls))
    }
}
