//! How far a comparison is, for whoever waits for it.
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisPhase {
    /// Waiting until everybody is written.
    Writing,
    /// Putting right what writing alone does not.
    Mending,
    /// Comparing.
    Comparing,
}

impl RedisPhase {
    /// Its name for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Writing => "writing",
            Self::Mending => "mending",
            Self::Comparing => "comparing",
        }
    }
}

/// How far it is. The total is an estimate: what is compared goes on changing.
#[derive(Debug, Default)]
pub struct RedisProgress {
    phase: AtomicU8,
    done: AtomicU64,
    total: AtomicU64,
}

impl RedisProgress {
    /// What is being done, how much of it is done, and about how much there is.
    #[must_use]
    pub fn read(&self) -> (RedisPhase, u64, u64) {
        let phase = match self.phase.load(Ordering::Relaxed) {
            0 => RedisPhase::Writing,
            1 => RedisPhase::Mending,
            _ => RedisPhase::Comparing,
        };
        (phase, self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    pub(super) fn begin(&self, phase: RedisPhase, total: u64) {
        self.phase.store(phase as u8, Ordering::Relaxed);
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    pub(super) fn advance(&self, count: usize) {
        self.done.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(super) fn reach(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
    }
}
