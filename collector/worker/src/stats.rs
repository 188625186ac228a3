use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// What a worker has done since it started and where it stands; read by metrics and lookups while
/// it runs. Each number is exact alone; together they are of slightly different moments.
#[derive(Debug, Default)]
pub struct WorkerStats {
    facts: AtomicU64,
    transitions: AtomicU64,
    wakes: AtomicU64,
    wake_late_ms_max: AtomicI64,
    published: AtomicU64,
    checkpoints: AtomicU64,
    checkpoint_us: AtomicU64,
    sessions: AtomicI64,
    cursor: AtomicU64,
    committed: AtomicU64,
    behind_since: AtomicI64,
    caught_up: AtomicBool,
    failed: AtomicBool,
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {
        impl WorkerStats {
            $($(#[$doc])* #[must_use] pub fn $name(&self) -> $type {
                // Paired with the release of `stands_at`.
                self.$name.load(Ordering::Acquire)
            })*
        }
    };
}

counters! {
    /// Facts folded.
    facts: u64;
    /// Entries into and exits from segments.
    transitions: u64;
    /// Deadlines that changed something or were looked at.
    wakes: u64;
    /// The largest delay between a deadline and its publication since the start, in milliseconds.
    wake_late_ms_max: i64;
    /// Profiles published.
    published: u64;
    /// Checkpoints committed.
    checkpoints: u64;
    /// Time spent committing them, in microseconds.
    checkpoint_us: u64;
    /// Sessions of all persons, now.
    sessions: i64;
    /// The position up to which the log has been folded and published.
    cursor: u64;
    /// The position before which the log is no longer needed for this worker's states.
    committed: u64;
    /// Whether the end of the log was reached when it was last looked at.
    caught_up: bool;
    /// Whether the worker has stopped on an error.
    failed: bool;
}

impl WorkerStats {
    /// How long ago the oldest fact that is not yet published was received, in milliseconds; 0 when
    /// all is published.
    #[must_use]
    pub fn lag_ms(&self, now: i64) -> i64 {
        match self.behind_since.load(Ordering::Relaxed) {
            0 => 0,
            since => (now - since).max(0),
        }
    }

    pub(crate) fn folded(&self, facts: u64, transitions: u64, sessions: i64) {
        self.facts.fetch_add(facts, Ordering::Relaxed);
        self.transitions.fetch_add(transitions, Ordering::Relaxed);
        self.sessions.fetch_add(sessions, Ordering::Relaxed);
    }

    pub(crate) fn woke(&self, count: u64, late_ms_max: i64) {
        self.wakes.fetch_add(count, Ordering::Relaxed);
        self.wake_late_ms_max.fetch_max(late_ms_max, Ordering::Relaxed);
    }

    pub(crate) fn published_more(&self, count: u64) {
        self.published.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn checkpointed(&self, took: std::time::Duration, cursor: Option<u64>) {
        if let Some(cursor) = cursor {
            self.committed.store(cursor, Ordering::Relaxed);
        }
        self.checkpoints.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.checkpoint_us.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn stands_at(&self, cursor: u64, behind_since: Option<i64>) {
        self.behind_since.store(behind_since.unwrap_or(0), Ordering::Relaxed);
        self.caught_up.store(behind_since.is_none(), Ordering::Relaxed);
        // Last, and with release: who sees this position sees everything published before it.
        self.cursor.store(cursor, Ordering::Release);
    }

    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }
}
