//! How the writer is doing, for metrics and for people.
use super::{RedisTopology, RedisTrouble};
use crate::view::Work;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// How the writing to Redis goes. Counts are since the start of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RedisStats {
    /// Whether there is a connection now.
    pub connected: bool,
    /// Whether Redis holds everybody, changes of the last moments apart.
    pub filled: bool,
    /// Persons and device links written.
    pub writes: u64,
    /// Persons not written because Redis holds as new a version.
    pub refused: u64,
    /// Persons and device links that must be written again because a write failed.
    pub retries: u64,
    /// Times the connection was lost or could not be made.
    pub outages: u64,
    /// Times everybody was written because Redis did not hold what it should.
    pub refills: u64,
    /// Persons and device links changed and not written yet.
    pub dirty: u64,
    /// Age of the oldest of these changes, in milliseconds; 0 if there is none. What is on its way to
    /// Redis counts until Redis has answered.
    pub lag_ms: u64,
    /// What is wrong now; `None` while all is well.
    pub trouble: Option<RedisTrouble>,
    /// What kind of Redis it is.
    pub topology: RedisTopology,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    connected: AtomicBool,
    filled: AtomicBool,
    writes: AtomicU64,
    refused: AtomicU64,
    retries: AtomicU64,
    outages: AtomicU64,
    refills: AtomicU64,
    /// Taken from the set of changed persons and not written yet.
    held: AtomicU64,
    /// The time of the oldest change of these; 0 if there is none.
    held_since_ms: AtomicI64,
    batches_begun: AtomicU64,
    batches_ended: AtomicU64,
    /// Of those held, what Redis refused and is given again at the next check.
    parked: AtomicU64,
    trouble: Mutex<Wrong>,
    topology: RedisTopology,
}

/// What is wrong, and what has been said of it since all was well.
#[derive(Debug, Default)]
struct Wrong {
    now: Option<RedisTrouble>,
    said: Vec<RedisTrouble>,
}

impl Counters {
    pub(super) fn new(topology: RedisTopology) -> Self {
        Self { topology, ..Self::default() }
    }

    /// Notes what is wrong; true if it is to be said, which is once until all is well.
    pub(super) fn is_news(&self, trouble: RedisTrouble) -> bool {
        let mut wrong = self.trouble.lock();
        wrong.now = Some(trouble);
        let news = !wrong.said.contains(&trouble);
        if news {
            wrong.said.push(trouble);
        }
        news
    }

    /// Notes that all is well.
    pub(super) fn calm(&self) {
        *self.trouble.lock() = Wrong::default();
    }

    pub(super) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
    }

    pub(super) fn set_filled(&self, filled: bool) {
        self.filled.store(filled, Ordering::SeqCst);
    }

    pub(super) fn is_filled(&self) -> bool {
        self.filled.load(Ordering::SeqCst)
    }

    pub(super) fn wrote(&self, writes: u64, refused: u64) {
        self.writes.fetch_add(writes, Ordering::Relaxed);
        self.refused.fetch_add(refused, Ordering::Relaxed);
    }

    pub(super) fn put_back(&self, count: u64) {
        self.retries.fetch_add(count, Ordering::SeqCst);
    }

    pub(super) fn broke_off(&self) {
        self.outages.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refilled(&self) {
        self.refills.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes what is taken from the set of changed persons and not written yet.
    pub(super) fn hold<'a>(&self, works: impl Iterator<Item = &'a Work> + Clone) {
        let since_ms = works.clone().map(|work| work.since_ms).min();
        self.hold_since(since_ms.filter(|&since_ms| since_ms != i64::MAX));
        self.held.store(works.count() as u64, Ordering::SeqCst);
    }

    /// Notes that up to `count` more will be taken, the oldest of them changed at `since_ms`: before
    /// they are, so that they are never in neither number.
    pub(super) fn begin_batch(&self, count: usize, since_ms: Option<i64>) {
        self.batches_begun.fetch_add(1, Ordering::SeqCst);
        self.held.fetch_add(count as u64, Ordering::SeqCst);
        self.hold_since([since_ms, self.held_since()].into_iter().flatten().min());
    }

    fn hold_since(&self, since_ms: Option<i64>) {
        self.held_since_ms.store(since_ms.unwrap_or(0), Ordering::SeqCst);
    }

    fn held_since(&self) -> Option<i64> {
        Some(self.held_since_ms.load(Ordering::SeqCst)).filter(|&since_ms| since_ms != 0)
    }

    /// Notes that a batch was written, or that what could not be is marked again or parked.
    pub(super) fn end_batch(&self, parked: usize) {
        self.parked.store(parked as u64, Ordering::SeqCst);
        self.batches_ended.fetch_add(1, Ordering::SeqCst);
    }

    /// How many batches were begun, and how many of them have ended.
    pub(super) fn batches(&self) -> (u64, u64) {
        let ended = self.batches_ended.load(Ordering::SeqCst);
        (self.batches_begun.load(Ordering::SeqCst), ended)
    }

    pub(super) fn parked(&self) -> u64 {
        self.parked.load(Ordering::SeqCst)
    }

    pub(super) fn retries(&self) -> u64 {
        self.retries.load(Ordering::SeqCst)
    }

    pub(super) fn read(&self, (dirty, since_ms): (u64, Option<i64>), now_ms: i64) -> RedisStats {
        let since_ms = [since_ms, self.held_since()].into_iter().flatten().min();
        let age_ms = since_ms.map_or(0, |since_ms| now_ms.saturating_sub(since_ms));
        let lag_ms = u64::try_from(age_ms).unwrap_or(0);
        RedisStats {
            connected: self.connected.load(Ordering::Relaxed),
            filled: self.filled.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            outages: self.outages.load(Ordering::Relaxed),
            refills: self.refills.load(Ordering::Relaxed),
            dirty: dirty + self.held.load(Ordering::SeqCst),
            lag_ms,
            trouble: self.trouble.lock().now,
            topology: self.topology,
        }
    }
}
