//! Leadership by a Lease: one process acts, others stand by, and one that cannot renew in time ends itself.
//!
//! The clouds cannot be fenced by the API server, so a leader stops writing before anyone else may begin: it counts its
//! time from before a renewal was sent, others count theirs from when they saw it, and its time is the shorter one. No
//! clock of another machine is believed: the times written into the Lease are for people.

mod slot;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use slot::{Claim, Held, Slot, SlotError};
pub use slot::{KubeSlot, client};

/// How leadership is kept.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long others wait after the last sign of life.
    pub duration: Duration,
    /// How long after a renewal was sent the leader may act; shorter than `duration` by what a write may be under way.
    pub deadline: Duration,
    /// Time between renewals.
    pub renew: Duration,
    /// Time between tries: of a standby, and of a leader whose renewal failed.
    pub retry: Duration,
    /// How long one call to the API server may take.
    pub call: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(15),
            deadline: Duration::from_secs(10),
            renew: Duration::from_secs(5),
            retry: Duration::from_secs(2),
            call: Duration::from_secs(3),
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Ended {
    /// It was asked to end; the Lease, if it was ours, is free and a standby takes over at once.
    Released,
    /// The Lease could not be renewed in time, or someone else has it: the process must end without another write.
    Lost,
}

/// Whether this process may act. Cheap to clone; asked before every write.
#[derive(Clone, Debug)]
pub struct Leadership {
    until: Arc<Mutex<Option<Instant>>>,
    leading: watch::Receiver<bool>,
    beat: Arc<Mutex<Instant>>,
}

impl Leadership {
    /// Leadership that nobody contests, for a single process without a Lease.
    #[must_use]
    pub fn uncontested() -> Self {
        let forever = Instant::now() + Duration::from_secs(u32::MAX.into());
        let (sender, leading) = watch::channel(true);
        drop(sender);
        Self { until: Arc::new(Mutex::new(Some(forever))), leading, beat: Arc::new(Mutex::new(forever)) }
    }

    /// Whether this process is the leader at this moment: not by what it was told, but by the time that has passed since.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.until.lock().is_some_and(|until| Instant::now() < until)
    }

    /// Waits until this process has become the leader.
    pub async fn acquired(&mut self) {
        if self.leading.wait_for(|leading| *leading).await.is_err() && !self.is_current() {
            std::future::pending::<()>().await;
        }
    }

    /// How long ago the loop that keeps the Lease last turned; of a process that hangs it grows.
    #[must_use]
    pub fn silence(&self) -> Duration {
        Instant::now().saturating_duration_since(*self.beat.lock())
    }
}

/// Keeps the Lease, or waits for it.
#[derive(Debug)]
pub struct Elector<S> {
    slot: S,
    me: String,
    settings: Settings,
    until: Arc<Mutex<Option<Instant>>>,
    leading: watch::Sender<bool>,
    beat: Arc<Mutex<Instant>>,
}

/// The Lease as it was last seen, and since when it has looked like that.
#[derive(Clone, Debug)]
struct Observed {
    held: Option<Held>,
    since: Instant,
}

impl<S: Slot> Elector<S> {
    /// An elector for the process `me`, a name that no other process and no earlier life of this one has.
    pub fn new(slot: S, me: String, settings: Settings) -> Self {
        let (leading, _) = watch::channel(false);
        Self { slot, me, settings, until: Arc::default(), leading, beat: Arc::new(Mutex::new(Instant::now())) }
    }

    /// What tells whether this process leads.
    #[must_use]
    pub fn leadership(&self) -> Leadership {
        Leadership { until: self.until.clone(), leading: self.leading.subscribe(), beat: self.beat.clone() }
    }

    /// Waits for the Lease, takes it and keeps it, until it is lost or `stop` is cancelled. Cancel `stop` only after all
    /// work has ended: the Lease is given up then.
    pub async fn run(self, stop: CancellationToken) -> Ended {
        let Some(held) = stop.run_until_cancelled(self.acquire()).await else {
            return Ended::Released;
        };
        tracing::info!(identity = %self.me, "leading");
        let mut held = held;
        let kept = stop.run_until_cancelled(self.keep(&mut held)).await;
        *self.until.lock() = None;
        self.leading.send_replace(false);
        if kept.is_some() {
            tracing::error!(identity = %self.me, "leadership lost");
            return Ended::Lost;
        }
        self.release(&held).await;
        Ended::Released
    }

    /// Tries until the Lease is ours.
    async fn acquire(&self) -> Held {
        let mut observed: Option<Observed> = None;
        loop {
            self.beat();
            match self.call(self.slot.read()).await {
                Ok(held) => {
                    let unchanged = observed.as_ref().is_some_and(|it| {
                        it.held.as_ref().map(|it| &it.version) == held.as_ref().map(|it| &it.version)
                    });
                    if !unchanged {
                        observed = Some(Observed { held, since: Instant::now() });
                    }
                }
                Err(error) => tracing::warn!(%error, "the Lease cannot be read"),
            }
            if let Some(known) = &observed
                && self.is_free(known)
            {
                let sent = Instant::now();
                match self.call(self.slot.write(known.held.as_ref(), &self.claim(known.held.as_ref()))).await {
                    Ok(held) => {
                        self.lead_from(sent);
                        return held;
                    }
                    Err(SlotError::Conflict) => tracing::debug!("another process was faster"),
                    Err(error) => tracing::warn!(%error, "the Lease cannot be taken"),
                }
            }
            tokio::time::sleep(self.settings.retry).await;
        }
    }

    /// Renews until that fails for good.
    async fn keep(&self, held: &mut Held) {
        let mut pause = self.settings.renew;
        loop {
            let until = self.until.lock().unwrap_or_else(Instant::now);
            let next = Instant::now() + pause;
            tokio::time::sleep_until(next.min(until)).await;
            if Instant::now() >= until {
                return;
            }
            self.beat();
            let sent = Instant::now();
            let claim = self.claim(Some(held));
            pause = match tokio::time::timeout_at(until, self.call(self.slot.write(Some(held), &claim))).await {
                Ok(Ok(renewed)) => {
                    *held = renewed;
                    self.lead_from(sent);
                    self.settings.renew
                }
                Ok(Err(SlotError::Conflict)) => match self.call(self.slot.read()).await {
                    // Our own write whose answer was lost, or someone edited the Lease: it still names us.
                    Ok(Some(found)) if found.claim.holder.as_deref() == Some(&self.me) => {
                        *held = found;
                        Duration::ZERO
                    }
                    Ok(_) => return,
                    Err(_) => self.settings.retry,
                },
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the Lease cannot be renewed");
                    self.settings.retry
                }
                Err(_) => return,
            };
        }
    }

    /// Gives the Lease up. Where that fails, others wait for its time to pass.
    async fn release(&self, held: &Held) {
        let free = Claim { holder: None, duration: Duration::from_secs(1), transitions: held.claim.transitions };
        let mut answer = self.call(self.slot.write(Some(held), &free)).await;
        // A renewal may have been under way when we were asked to end.
        if answer == Err(SlotError::Conflict)
            && let Ok(Some(found)) = self.call(self.slot.read()).await
            && found.claim.holder.as_deref() == Some(&self.me)
        {
            answer = self.call(self.slot.write(Some(&found), &free)).await;
        }
        match answer {
            Ok(_) => tracing::info!(identity = %self.me, "leadership given up"),
            Err(error) => tracing::warn!(%error, "the Lease cannot be given up"),
        }
    }

    fn is_free(&self, observed: &Observed) -> bool {
        let Some(held) = &observed.held else { return true };
        let Some(holder) = &held.claim.holder else { return true };
        *holder == self.me || observed.since.elapsed() >= held.claim.duration.max(self.settings.retry)
    }

    fn claim(&self, held: Option<&Held>) -> Claim {
        let (holder, transitions) =
            held.map_or((None, 0), |held| (held.claim.holder.as_deref(), held.claim.transitions));
        let changes = i32::from(holder != Some(&self.me) && held.is_some());
        Claim {
            holder: Some(self.me.clone()),
            duration: self.settings.duration,
            transitions: transitions.saturating_add(changes),
        }
    }

    fn lead_from(&self, sent: Instant) {
        *self.until.lock() = Some(sent + self.settings.deadline);
        self.leading.send_replace(true);
    }

    fn beat(&self) {
        *self.beat.lock() = Instant::now();
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T, SlotError>>) -> Result<T, SlotError> {
        tokio::time::timeout(self.settings.call, call)
            .await
            .unwrap_or(Err(SlotError::Unreachable("no answer in time".to_owned())))
    }
}
