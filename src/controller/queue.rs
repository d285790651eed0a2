//! Who is to be looked at, and when: each key at most once in the queue and once at work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

/// A queue of keys with due times. A key that is at work is not given out again until it is finished; whoever asks for
/// it meanwhile raises its flag, so that the work in hand can stop early, and it is due again at once.
#[derive(Debug)]
pub(super) struct Queue<K> {
    /// Before every due time: what is due then goes first.
    first: Instant,
    due: BTreeMap<K, Instant>,
    order: BTreeSet<(Instant, K)>,
    at_work: BTreeMap<K, Arc<AtomicBool>>,
}

impl<K: Ord + Clone> Default for Queue<K> {
    fn default() -> Self {
        Self { first: Instant::now(), due: BTreeMap::new(), order: BTreeSet::new(), at_work: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> Queue<K> {
    /// Something changed: due now.
    pub(super) fn wake(&mut self, key: K) {
        self.wake_at(key, Instant::now());
    }

    /// Something changed that cannot wait: due before everything else.
    pub(super) fn wake_first(&mut self, key: K) {
        self.wake_at(key, self.first);
    }

    fn wake_at(&mut self, key: K, at: Instant) {
        if let Some(flag) = self.at_work.get(&key) {
            flag.store(true, Ordering::Release);
        }
        self.add(key, at);
    }

    /// Due at a time, or sooner if it is already.
    pub(super) fn add(&mut self, key: K, at: Instant) {
        if let Some(before) = self.due.get(&key).copied() {
            if before <= at {
                return;
            }
            self.order.remove(&(before, key.clone()));
        }
        self.due.insert(key.clone(), at);
        self.order.insert((at, key));
    }

    /// Whether the next key that is due cannot wait.
    pub(super) fn is_urgent(&self) -> bool {
        self.next_due() == Some(self.first)
    }

    /// The next key that is due and not at work, with the flag that says when its work is out of date.
    pub(super) fn take(&mut self, now: Instant) -> Option<(K, Arc<AtomicBool>)> {
        let next = self.order.iter().take_while(|(at, _)| *at <= now);
        let (at, key) = next.into_iter().find(|(_, key)| !self.at_work.contains_key(key)).cloned()?;
        self.order.remove(&(at, key.clone()));
        self.due.remove(&key);
        let flag = Arc::new(AtomicBool::new(false));
        self.at_work.insert(key.clone(), flag.clone());
        Some((key, flag))
    }

    /// Its work ended.
    pub(super) fn finish(&mut self, key: &K) {
        self.at_work.remove(key);
    }

    /// When the next key that is not at work is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.order.iter().find(|(_, key)| !self.at_work.contains_key(key)).map(|(at, _)| *at)
    }

    /// How many keys wait, due or not.
    pub(super) fn len(&self) -> usize {
        self.due.len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_is_worked_on_once_and_again_when_it_was_woken_meanwhile() {
        let mut queue = Queue::default();
        queue.wake("acme");
        queue.wake("acme");
        let (key, flag) = queue.take(Instant::now()).unwrap();
        assert!(queue.take(Instant::now()).is_none());
        assert!(!flag.load(Ordering::Acquire));
        queue.wake(key);
        assert!(flag.load(Ordering::Acquire), "the work in hand is told");
        assert!(queue.take(Instant::now()).is_none(), "never two at once");
        queue.finish(&"acme");
        assert!(queue.take(Instant::now()).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_wait_goes_first() {
        let mut queue = Queue::default();
        tokio::time::advance(Duration::from_secs(1)).await;
        queue.wake("acme");
        tokio::time::advance(Duration::from_secs(1)).await;
        queue.wake("beta");
        assert!(!queue.is_urgent());
        queue.wake_first("beta");
        assert!(queue.is_urgent());
        assert_eq!(queue.take(Instant::now()).unwrap().0, "beta");
        assert!(!queue.is_urgent());
    }

    #[tokio::test(start_paused = true)]
    async fn sooner_wins_over_later() {
        let mut queue = Queue::default();
        let now = Instant::now();
        queue.add("acme", now + Duration::from_secs(60));
        queue.add("acme", now + Duration::from_secs(5));
        queue.add("acme", now + Duration::from_secs(30));
        assert_eq!(queue.next_due(), Some(now + Duration::from_secs(5)));
        assert_eq!(queue.len(), 1);
    }
}
