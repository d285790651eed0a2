//! Everything that the account holds, and the call that changes it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use rand::RngExt;
use serde_json::Value;
use tenantry::policy::evaluate::Context;

use crate::Account;
use crate::caller::Caller;
use crate::dsw::model::Dsw;
use crate::maxcompute::model::MaxCompute;
use crate::pai::model::Pai;
use crate::parameters::Parameters;
use crate::ram::model::Ram;
use crate::refusal::Refusal;
use crate::sts::model::Sts;

/// The account and all that is in it.
pub struct Cloud {
    pub account: Account,
    pub ram: Ram,
    pub sts: Sts,
    pub pai: Pai,
    pub dsw: Dsw,
    pub maxcompute: MaxCompute,
    pub settings: Settings,
    /// What each caller was allowed, by ARN: which statement of which policy allowed which action.
    pub granted: Mutex<BTreeMap<String, BTreeSet<Grant>>>,
    /// What was taken away but is still seen for a while, by entity and kind, with the end of that while.
    lingering: BTreeMap<(String, String), Timestamp>,
    next_id: u64,
}

/// Policy, number of its statement, action.
pub type Grant = (String, usize, String);

/// What tests turn about the account; `/ext/reset` puts it back.
#[derive(Debug, Clone)]
pub struct Settings {
    /// By the names of `GetAccountSummary`, without `Quota`.
    pub quotas: BTreeMap<String, i64>,
    /// No page of a list holds more.
    pub page: usize,
    /// How far conditions on time are ahead.
    pub ahead: SignedDuration,
    /// How far the clock that signatures are checked with is ahead.
    pub skew: SignedDuration,
    /// How long a session lasts, whatever was asked for.
    pub session: Option<SignedDuration>,
    /// How long it takes until others see a write.
    pub visibility: SignedDuration,
    /// How long a new workspace initializes.
    pub workspace: SignedDuration,
    /// How long a notebook stays in each state on its way.
    pub notebook: SignedDuration,
    /// Whether nonces that were used are refused.
    pub nonces: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            quotas: BTreeMap::new(),
            page: 1000,
            ahead: SignedDuration::ZERO,
            skew: SignedDuration::ZERO,
            session: None,
            visibility: SignedDuration::ZERO,
            workspace: SignedDuration::from_millis(200),
            notebook: SignedDuration::from_millis(200),
            nonces: true,
        }
    }
}

impl Cloud {
    pub fn new(account: Account) -> Self {
        Self {
            account,
            ram: Ram::default(),
            sts: Sts::default(),
            pai: Pai::default(),
            dsw: Dsw::default(),
            maxcompute: MaxCompute::default(),
            settings: Settings::default(),
            granted: Mutex::default(),
            lingering: BTreeMap::new(),
            next_id: 0,
        }
    }

    /// A numeric id such as users have, 18 digits, never given twice.
    pub fn numeric_id(&mut self, first: char) -> String {
        self.next_id += 1;
        format!("{first}{:017}", 30_000_000_000 + self.next_id * 7919)
    }

    /// A count, never given twice.
    pub fn counted(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub fn quota(&self, name: &str, default: i64) -> i64 {
        self.settings.quotas.get(name).copied().unwrap_or(default)
    }

    /// Remembers that something of this kind was taken from an entity, for as long as others still see it.
    pub fn linger(&mut self, entity: &str, kind: &str, now: Timestamp) {
        if !self.settings.visibility.is_zero() {
            self.lingering.insert((entity.to_owned(), kind.to_owned()), now + self.settings.visibility);
        }
    }

    pub fn lingers(&self, entity: &str, kind: &str, now: Timestamp) -> bool {
        self.lingering.get(&(entity.to_owned(), kind.to_owned())).is_some_and(|end| now < *end)
    }
}

/// One call, as the function that carries it out sees it.
pub struct Call<'a> {
    pub cloud: &'a mut Cloud,
    pub caller: &'a Caller,
    pub parameters: &'a Parameters,
    /// A REST call's body.
    pub body: &'a Value,
    /// What conditions see.
    pub context: Context,
    /// The instant of everything that is written.
    pub now: Timestamp,
    /// An issuer's keys, read before the call where it needs them.
    pub keys: Option<Result<Value, String>>,
}

/// What an operation gives: the answer without its request id.
pub type Outcome = Result<Value, Refusal>;

impl Call<'_> {
    pub fn account(&self) -> &str {
        &self.cloud.account.id
    }

    /// When what is written now is seen.
    pub fn seen_from(&self) -> Timestamp {
        self.now + self.cloud.settings.visibility
    }

    /// Fails when one more would be too many.
    pub fn room(&self, count: usize, quota: &str, default: i64, code: &str) -> Result<(), Refusal> {
        if i64::try_from(count).is_ok_and(|count| count < self.cloud.quota(quota, default)) {
            return Ok(());
        }
        Err(Refusal::known(code))
    }
}

/// `2026-11-22T04:52:53Z`.
pub fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `2026-11-22T04:52:53.123Z`, as PAI writes it.
pub fn iso_millis(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Letters and digits that nobody can guess.
pub fn random(length: usize) -> String {
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())])).collect()
}

/// An upper-case UUID, as request ids are.
pub fn uuid() -> String {
    let mut bytes: [u8; 16] = rand::rng().random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = data_encoding::HEXUPPER.encode(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
