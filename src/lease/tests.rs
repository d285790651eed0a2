//! Several processes compete for one Lease on paused time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// A Lease in memory; a process can be cut off from it.
#[derive(Clone, Debug, Default)]
struct Memory {
    held: Arc<Mutex<Option<Held>>>,
    cut_off: Arc<AtomicBool>,
    answers_lost: Arc<AtomicBool>,
}

impl Memory {
    /// The same Lease over another line.
    fn line(&self) -> Self {
        Self { held: self.held.clone(), ..Self::default() }
    }

    fn holder(&self) -> Option<String> {
        self.held.lock().as_ref().and_then(|held| held.claim.holder.clone())
    }

    async fn pass(&self) -> Result<(), SlotError> {
        tokio::time::sleep(Duration::from_millis(5)).await;
        if self.cut_off.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

impl Slot for Memory {
    async fn read(&self) -> Result<Option<Held>, SlotError> {
        self.pass().await?;
        Ok(self.held.lock().clone())
    }

    async fn write(&self, known: Option<&Held>, claim: &Claim) -> Result<Held, SlotError> {
        self.pass().await?;
        let mut held = self.held.lock();
        if held.as_ref().map(|held| &held.version) != known.map(|known| &known.version) {
            return Err(SlotError::Conflict);
        }
        let version = held.as_ref().map_or(0, |held| held.version.parse::<u64>().unwrap()) + 1;
        let next = Held { claim: claim.clone(), version: version.to_string(), acquired: None };
        *held = Some(next.clone());
        if self.answers_lost.swap(false, Ordering::Relaxed) {
            return Err(SlotError::Unreachable("lost".to_owned()));
        }
        Ok(next)
    }
}

struct Process {
    leadership: Leadership,
    stop: CancellationToken,
    line: Memory,
    run: tokio::task::JoinHandle<Ended>,
}

fn start(lease: &Memory, name: &str) -> Process {
    let (line, stop) = (lease.line(), CancellationToken::new());
    let elector = Elector::new(line.clone(), name.to_owned(), Settings::default());
    let leadership = elector.leadership();
    Process { leadership, line, run: tokio::spawn(elector.run(stop.clone())), stop }
}

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn one_leads_the_other_stands_by_and_takes_over_at_once_when_it_is_let() {
    let lease = Memory::default();
    let mut first = start(&lease, "first");
    first.leadership.acquired().await;
    let mut second = start(&lease, "second");
    seconds(120).await;
    assert!(first.leadership.is_current() && !second.leadership.is_current());
    first.stop.cancel();
    assert_eq!(first.run.await.unwrap(), Ended::Released);
    let begin = Instant::now();
    second.leadership.acquired().await;
    assert!(begin.elapsed() <= Duration::from_secs(3), "{:?}", begin.elapsed());
    assert!(!first.leadership.is_current());
    assert_eq!(lease.held.lock().as_ref().unwrap().claim.transitions, 1);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_stops_before_another_begins() {
    let lease = Memory::default();
    let mut first = start(&lease, "first");
    first.leadership.acquired().await;
    let second = start(&lease, "second");
    seconds(30).await;
    first.line.cut_off.store(true, Ordering::Relaxed);
    let mut stopped = None;
    let mut begun = None;
    let begin = Instant::now();
    while begun.is_none() {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!(first.leadership.is_current() && second.leadership.is_current()), "two leaders");
        if !first.leadership.is_current() {
            stopped.get_or_insert(begin.elapsed());
        }
        if second.leadership.is_current() {
            begun = Some(begin.elapsed());
        }
        assert!(begin.elapsed() < Duration::from_secs(60));
    }
    assert!(begun.unwrap() - stopped.unwrap() >= Duration::from_secs(4), "writes under way need time to end");
    assert_eq!(first.run.await.unwrap(), Ended::Lost);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_renewal_does_not_end_leadership() {
    let lease = Memory::default();
    let mut first = start(&lease, "first");
    first.leadership.acquired().await;
    for _ in 0..20 {
        first.line.answers_lost.store(true, Ordering::Relaxed);
        seconds(7).await;
        assert!(first.leadership.is_current());
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_someone_else_took_is_lost_at_the_next_renewal() {
    let lease = Memory::default();
    let mut first = start(&lease, "first");
    first.leadership.acquired().await;
    let claim = Claim { holder: Some("thief".to_owned()), duration: Duration::from_secs(15), transitions: 9 };
    *lease.held.lock() = Some(Held { claim, version: "99".to_owned(), acquired: None });
    assert_eq!(first.run.await.unwrap(), Ended::Lost);
    assert!(!first.leadership.is_current());
}

#[tokio::test(start_paused = true)]
async fn of_many_only_one_ever_leads() {
    let lease = Memory::default();
    let processes: Vec<Process> = (0..8).map(|number| start(&lease, &format!("p{number}"))).collect();
    for step in 0..200 {
        seconds(1).await;
        let leaders = processes.iter().filter(|process| process.leadership.is_current()).count();
        assert!(leaders <= 1, "{leaders} leaders after {step} s");
        if step % 40 == 39 {
            let leader = processes.iter().find(|process| process.leadership.is_current());
            leader.unwrap().line.cut_off.store(true, Ordering::Relaxed);
        }
    }
    assert!(lease.holder().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_is_asked_to_end_leaves_the_lease_alone() {
    let lease = Memory::default();
    let mut first = start(&lease, "first");
    first.leadership.acquired().await;
    let second = start(&lease, "second");
    seconds(5).await;
    second.stop.cancel();
    assert_eq!(second.run.await.unwrap(), Ended::Released);
    assert_eq!(lease.holder().as_deref(), Some("first"));
}
