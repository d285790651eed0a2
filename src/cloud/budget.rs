//! How fast an account's API may be called: every call waits here first, revocations before everything else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::model::{CloudAction, NotebookAction, RoleAction, WorkspaceAction};

/// The slowest that throttling makes us, in calls a second.
const FLOOR: f64 = 0.5;
/// How long it takes to grow from nothing back to the full rate.
const RECOVERY: Duration = Duration::from_secs(60);
/// How much of an API's documented rate is ours in the long run, and how much of it may come at once: together never more
/// than seven tenths in any second, for others call the account too and calls bunch up on the way.
const OURS: f64 = 0.5;
const AT_ONCE: f64 = 0.2;
/// Calls that were under way together are throttled together: that halves the rate once.
const ONE_THROTTLING: Duration = Duration::from_secs(1);

/// Calls a second that an account gets; a burst may be twice that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Calls that change something. IAM's own rate is not published; 5/s has been safe for others.
    pub write: f64,
    /// Calls that read.
    pub read: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { write: 5.0, read: 10.0 }
    }
}

/// Which of the account's buckets a call drinks from: clouds throttle them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Calls of the identity service that change something.
    Write,
    /// Calls of the identity service that read.
    Read,
    /// Calls of the token service.
    Token,
    /// Calls of the service that keeps notebooks, at the rate of reads.
    Notebook,
}

/// Who is served first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// What takes access away.
    Urgent,
    /// Everything else.
    Normal,
}

impl Priority {
    /// How urgent an act is. Our own inline policies take rights away, or give them for a time.
    #[must_use]
    pub fn of(action: &CloudAction) -> Self {
        match action {
            CloudAction::SetKeyActive { active: false, .. }
            | CloudAction::DeleteKey { .. }
            | CloudAction::DeleteLogin(_)
            | CloudAction::RemoveMember { .. }
            | CloudAction::Detach { .. }
            | CloudAction::PutInline { .. }
            | CloudAction::DeleteInline { .. }
            | CloudAction::Notebook(NotebookAction::Stop { urgent: true, .. })
            | CloudAction::Role(RoleAction::SetTrust { .. } | RoleAction::Delete(_))
            | CloudAction::Workspace(WorkspaceAction::RemoveMember { .. } | WorkspaceAction::RemoveRole { .. })
            | CloudAction::DeleteUser(_) => Self::Urgent,
            CloudAction::MaxCompute(action) if action.takes_away() => Self::Urgent,
            _ => Self::Normal,
        }
    }
}

/// The budgets of all accounts, one for each account id: CloudAccounts that are one account drink from one budget.
#[derive(Debug)]
pub struct Budgets {
    rates: Rates,
    by_account: Mutex<BTreeMap<String, Arc<Budget>>>,
}

impl Budgets {
    /// Every account gets these rates.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self { rates, by_account: Mutex::default() }
    }

    /// The account's budget.
    #[must_use]
    pub fn of(&self, account: &str) -> Arc<Budget> {
        self.by_account.lock().entry(account.to_owned()).or_insert_with(|| self.fresh()).clone()
    }

    /// A budget for the one call that asks whose account it is.
    #[must_use]
    pub fn fresh(&self) -> Arc<Budget> {
        Arc::new(Budget::new(self.rates))
    }
}

/// The API budget of one account.
#[derive(Debug)]
pub struct Budget {
    write: Bucket,
    read: Bucket,
    token: Bucket,
    notebook: Bucket,
    /// Where the cloud documents a rate for each API, each has a bucket beside its family's.
    apis: Mutex<BTreeMap<Api, Arc<Bucket>>>,
}

/// Service and operation.
pub type Api = (&'static str, &'static str);

impl Budget {
    /// A full budget. The token service gets the rate of reads.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self {
            write: Bucket::new(rates.write, 2.0),
            read: Bucket::new(rates.read, 2.0),
            token: Bucket::new(rates.read, 2.0),
            notebook: Bucket::new(rates.read, 2.0),
            apis: Mutex::default(),
        }
    }

    /// Waits for one call's turn: urgent ones first, in order of arrival among equals. May be cancelled.
    pub async fn acquire(&self, family: Family, priority: Priority) {
        self.bucket(family).acquire(priority).await;
    }

    /// Waits for a call's turn within what the cloud documents for this one API, in calls a second: the last wait before
    /// the call, after that for its family. May be cancelled.
    pub async fn acquire_of(&self, api: Api, documented: f64, priority: Priority) {
        let new = || Arc::new(Bucket::new(documented * OURS, AT_ONCE / OURS));
        let bucket = self.apis.lock().entry(api).or_insert_with(new).clone();
        bucket.acquire(priority).await;
    }

    /// The cloud asked us to slow down with one API.
    pub fn throttled_of(&self, api: Api) {
        if let Some(bucket) = self.apis.lock().get(&api) {
            bucket.state.lock().throttled();
        }
    }

    /// The cloud asked us to slow down: halves the rate, which then grows back within a minute.
    pub fn throttled(&self, family: Family) {
        self.bucket(family).state.lock().throttled();
    }

    /// The rate now in force, in calls a second.
    #[must_use]
    pub fn rate(&self, family: Family) -> f64 {
        let mut state = self.bucket(family).state.lock();
        state.refill();
        state.rate
    }

    fn bucket(&self, family: Family) -> &Bucket {
        match family {
            Family::Write => &self.write,
            Family::Read => &self.read,
            Family::Token => &self.token,
            Family::Notebook => &self.notebook,
        }
    }
}

type Ticket = (Priority, u64);

#[derive(Debug)]
struct Bucket {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: f64,
    burst: f64,
    rate: f64,
    full_rate: f64,
    at: Instant,
    throttled_at: Option<Instant>,
    tickets: u64,
    waiting: BTreeMap<Ticket, Arc<Notify>>,
}

enum Turn {
    Taken,
    First(Duration),
    Behind(Arc<Notify>),
}

impl Bucket {
    /// A full bucket, which holds the calls of so many seconds.
    fn new(rate: f64, seconds: f64) -> Self {
        let rate = rate.max(FLOOR);
        let burst = (rate * seconds).max(1.0);
        let state = State {
            tokens: burst,
            burst,
            rate,
            full_rate: rate,
            at: Instant::now(),
            throttled_at: None,
            tickets: 0,
            waiting: BTreeMap::new(),
        };
        Self { state: Mutex::new(state) }
    }

    async fn acquire(&self, priority: Priority) {
        let place = self.enqueue(priority);
        loop {
            let turn = self.state.lock().turn(place.ticket);
            match turn {
                Turn::Taken => return,
                Turn::First(wait) => sleep(wait).await,
                Turn::Behind(called) => called.notified().await,
            }
        }
    }

    fn enqueue(&self, priority: Priority) -> Place<'_> {
        let mut state = self.state.lock();
        state.tickets += 1;
        let ticket = (priority, state.tickets);
        state.waiting.insert(ticket, Arc::default());
        Place { bucket: self, ticket }
    }
}

impl State {
    fn turn(&mut self, ticket: Ticket) -> Turn {
        self.refill();
        if let Some(called) = self.waiting.get(&ticket).filter(|_| self.first() != Some(ticket)) {
            return Turn::Behind(Arc::clone(called));
        }
        // A thousandth is forgiven: a sleep that ends a rounding error early must not sleep again for nothing.
        if self.tokens >= 0.999 {
            self.tokens -= 1.0;
            return Turn::Taken;
        }
        Turn::First(Duration::from_secs_f64((1.0 - self.tokens) / self.rate))
    }

    fn first(&self) -> Option<Ticket> {
        self.waiting.first_key_value().map(|(ticket, _)| *ticket)
    }

    fn refill(&mut self) {
        let now = Instant::now();
        let passed = now.duration_since(self.at).as_secs_f64();
        self.at = now;
        self.tokens = (self.tokens + passed * self.rate).min(self.burst);
        self.rate = (self.rate + passed * self.full_rate / RECOVERY.as_secs_f64()).min(self.full_rate);
    }

    fn throttled(&mut self) {
        self.refill();
        let now = Instant::now();
        if self.throttled_at.is_some_and(|at| now.duration_since(at) < ONE_THROTTLING) {
            return;
        }
        self.throttled_at = Some(now);
        self.rate = (self.rate / 2.0).max(FLOOR);
        self.tokens = self.tokens.min(0.0);
    }
}

/// A place in the line; leaving it, served or cancelled, calls the next.
struct Place<'a> {
    bucket: &'a Bucket,
    ticket: Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.bucket.state.lock();
        state.waiting.remove(&self.ticket);
        if let Some((_, called)) = state.waiting.first_key_value() {
            called.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn budget(write: f64) -> Arc<Budget> {
        Arc::new(Budget::new(Rates { write, read: 1000.0 }))
    }

    /// Seconds, to the hundredth, that `calls` calls take one after the other.
    async fn seconds(budget: &Budget, calls: usize) -> f64 {
        let start = Instant::now();
        for _ in 0..calls {
            budget.acquire(Family::Write, Priority::Normal).await;
        }
        (start.elapsed().as_secs_f64() * 100.0).round() / 100.0
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_free_and_then_the_rate_holds() {
        let budget = budget(5.0);
        assert_eq!(seconds(&budget, 10).await, 0.0);
        let spent = seconds(&budget, 20).await;
        assert!((3.9..=4.1).contains(&spent), "{spent}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_api_is_never_called_more_often_than_it_documents_whatever_the_budget_is() {
        let budget = budget(1000.0);
        let (mut times, start) = (Vec::new(), Instant::now());
        for _ in 0..30 {
            budget.acquire(Family::Write, Priority::Normal).await;
            budget.acquire_of(("ram", "AttachPolicyToUser"), 10.0, Priority::Normal).await;
            times.push(start.elapsed().as_secs_f64());
        }
        let most = times.iter().map(|from| times.iter().filter(|at| (*from..from + 1.0).contains(*at)).count()).max();
        assert!((6..=7).contains(&most.unwrap_or_default()), "{most:?}");
        // Another API has its own.
        let before = start.elapsed();
        budget.acquire_of(("ram", "AddUserToGroup"), 10.0, Priority::Normal).await;
        assert_eq!(start.elapsed(), before);
    }

    #[tokio::test(start_paused = true)]
    async fn revocations_overtake_and_equals_keep_their_order() {
        let budget = budget(1.0);
        seconds(&budget, 2).await;
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (name, priority) in
            [("a", Priority::Normal), ("b", Priority::Normal), ("x", Priority::Urgent), ("y", Priority::Urgent)]
        {
            let (budget, served) = (Arc::clone(&budget), Arc::clone(&served));
            tasks.push(tokio::spawn(async move {
                budget.acquire(Family::Write, priority).await;
                served.lock().push(name);
            }));
            tokio::task::yield_now().await;
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*served.lock(), ["x", "y", "a", "b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_gives_up_does_not_hold_up_the_line() {
        let budget = budget(1.0);
        seconds(&budget, 2).await;
        let gone = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move { budget.acquire(Family::Write, Priority::Urgent).await }
        });
        tokio::task::yield_now().await;
        let next = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move { budget.acquire(Family::Write, Priority::Normal).await }
        });
        tokio::task::yield_now().await;
        gone.abort();
        tokio::time::timeout(Duration::from_secs(2), next).await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_halves_once_a_second_not_below_the_floor_and_wears_off() {
        let budget = budget(8.0);
        budget.throttled(Family::Write);
        budget.throttled(Family::Write);
        assert_eq!(budget.rate(Family::Write), 4.0);
        for _ in 0..10 {
            sleep(ONE_THROTTLING).await;
            budget.throttled(Family::Write);
        }
        assert_eq!(budget.rate(Family::Write), FLOOR);
        assert_eq!(budget.rate(Family::Read), 1000.0);
        sleep(RECOVERY).await;
        assert_eq!(budget.rate(Family::Write), 8.0);
    }

    #[test]
    fn taking_access_away_is_urgent() {
        use crate::names::CloudName;
        let (user, group) = (CloudName::new("acme.alice"), CloudName::new("acme"));
        let off = CloudAction::SetKeyActive { user: user.clone(), id: String::new(), active: false };
        let on = CloudAction::SetKeyActive { user: user.clone(), id: String::new(), active: true };
        assert_eq!(Priority::of(&off), Priority::Urgent);
        assert_eq!(Priority::of(&on), Priority::Normal);
        assert_eq!(Priority::of(&CloudAction::RemoveMember { group, user }), Priority::Urgent);
    }
}
