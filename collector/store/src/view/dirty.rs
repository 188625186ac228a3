//! Which persons have changed since they were last written to Redis.
//!
//! A set of places in the table, never a queue of writes: however long Redis is away, a person is
//! in it once. Off until a writer asks for it; then nothing is marked and nothing is kept.
use super::View;
use super::shard::{Entry, Exits};
use crate::limits::TABLE_SHARDS;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// One entry to be written.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) entry: Entry,
    pub(crate) exits: Exits,
    /// When the oldest change that it carries was made; `i64::MAX` if it was only met on a walk.
    pub(crate) since_ms: i64,
}

/// Where a walk over all entries stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sweep {
    pub(super) shard: usize,
    pub(super) slot: usize,
}

impl Sweep {
    pub(crate) fn is_over(&self) -> bool {
        self.shard >= TABLE_SHARDS
    }
}

#[derive(Debug, Default)]
pub(super) struct Dirty {
    switch: Arc<Switch>,
    count: AtomicU64,
    /// The shard from which the next work is taken first.
    turn: AtomicUsize,
}

/// What a view shares with the one that takes its place.
#[derive(Debug, Default)]
struct Switch {
    on: AtomicBool,
    changed: Notify,
}

impl Dirty {
    /// An empty set, switched on and waited for together with `other`.
    pub(super) fn beside(other: &Self) -> Self {
        Self { switch: Arc::clone(&other.switch), ..Self::default() }
    }

    pub(super) fn is_on(&self) -> bool {
        // Ordered by the shard's lock: a publication that misses the switch was finished before
        // the first walk came by.
        self.switch.on.load(Ordering::Relaxed)
    }

    pub(super) fn marked(&self, newly: bool) {
        if newly && self.count.fetch_add(1, Ordering::Relaxed) == 0 {
            self.switch.changed.notify_one();
        }
    }

    /// Wakes who waits for the first mark: there may be marks in a view it did not look at.
    pub(super) fn wake(&self) {
        self.switch.changed.notify_one();
    }
}

impl View {
    /// Starts marking changed persons. What was published before is found by a [`Sweep`].
    pub(crate) fn mark_changes(&self) {
        self.dirty.switch.on.store(true, Ordering::SeqCst);
    }

    /// How many persons are marked.
    pub(crate) fn dirty_count(&self) -> u64 {
        self.dirty.count.load(Ordering::Relaxed)
    }

    /// The time of the oldest change that is marked.
    ///
    /// # Cost
    /// Looks at every mark.
    pub(crate) fn dirty_since_ms(&self) -> Option<i64> {
        if self.dirty_count() == 0 {
            return None;
        }
        self.shards.iter().filter_map(|shard| shard.read().oldest_ms()).min()
    }

    /// Has somebody written once more, though nothing has changed.
    pub(crate) fn touch(&self, member: &str) {
        if self.dirty.is_on() {
            let (shard, hash) = self.place(member);
            let newly = self.shards[shard].write().touch(hash, member, self.now_ms());
            self.dirty.marked(newly);
        }
    }

    /// Waits until the empty set gets its first person.
    pub(crate) async fn dirtied(&self) {
        self.dirty.switch.changed.notified().await;
    }

    /// Takes up to `limit` marked persons, each shard in its turn, oldest first within a shard.
    pub(crate) fn take_dirty(&self, limit: usize) -> Vec<Work> {
        let mut out = Vec::new();
        let first = self.dirty.turn.load(Ordering::Relaxed);
        for step in 0..TABLE_SHARDS {
            let index = (first + step) % TABLE_SHARDS;
            if out.len() == limit || self.dirty_count() == out.len() as u64 {
                self.dirty.turn.store(index, Ordering::Relaxed);
                break;
            }
            self.shards[index].write().take_dirty(limit - out.len(), &mut out);
        }
        self.dirty.count.fetch_sub(out.len() as u64, Ordering::Relaxed);
        out
    }

    /// Takes up to `limit` persons in the order of the table; those marked only if `all`.
    pub(crate) fn sweep(&self, sweep: &mut Sweep, limit: usize, all: bool) -> Vec<Work> {
        let mut out = Vec::new();
        while !sweep.is_over() && out.len() < limit {
            let mut shard = self.shards[sweep.shard].write();
            let room = limit - out.len();
            sweep.slot = shard.sweep(*sweep, room, all, &mut out);
            if sweep.slot >= shard.len() {
                *sweep = Sweep { shard: sweep.shard + 1, slot: 0 };
            }
        }
        out
    }

    /// Marks again what could not be written.
    pub(crate) fn put_back(&self, works: impl IntoIterator<Item = Work>) {
        let now_ms = self.now_ms();
        for work in works {
            let member = work.entry.member().as_str();
            let (shard, hash) = self.place(member);
            let at_ms = work.since_ms.min(now_ms);
            let newly = self.shards[shard].write().put_back(hash, member, work.exits, at_ms);
            self.dirty.marked(newly);
        }
    }
}
