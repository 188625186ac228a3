use std::time::Duration;

/// How one worker of a project behaves.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// How many partitions the project has; fixed when its data directory was made.
    pub partitions: u16,
    /// Which worker this is, from 0. It owns the partitions `p` with `p % count == index`.
    pub index: u16,
    /// How many workers the project has.
    pub count: u16,
    /// The number of this state since the data directory was made; grows with each rebuild.
    pub generation: u32,
    /// At most this long after a change is its person's state in the store. Longer costs less, and
    /// more log to fold again after a crash. Default 30 s.
    pub checkpoint_every: Duration,
    /// Bytes of log read in one go. Larger batches coalesce more changes of one person into one
    /// publication; smaller ones are readable sooner. Default 1 MiB; one group commit is at most 4 MiB.
    pub read_bytes: usize,
}

impl WorkerConfig {
    /// The only worker of a project with the embedded number of partitions.
    #[must_use]
    pub fn single() -> Self {
        Self {
            partitions: sillage_model::PARTITIONS_EMBEDDED,
            index: 0,
            count: 1,
            generation: 1,
            checkpoint_every: Duration::from_secs(30),
            read_bytes: READ_BYTES,
        }
    }
}

/// Bytes of log read in one go by default, and by a rebuild.
pub(crate) const READ_BYTES: usize = 1 << 20;

/// Longest sleep while nothing happens, so that a stop request and a clock that was set are noticed.
pub(crate) const IDLE_WAIT: Duration = Duration::from_millis(50);

/// Persons whose timers are fired before the log is looked at again, so that a flood of deadlines
/// does not hold up events. At 1 µs to 10 µs each this is a few tens of milliseconds.
pub(crate) const WAKES_PER_TURN: usize = 4_096;

/// Dirty persons at which a checkpoint starts before its time, so that it stays small in memory.
pub(crate) const CHECKPOINT_DIRTY: usize = 200_000;

/// Persons in one part of all states that go to an emptied store: about 10 MB, a tenth of a second of
/// the store's time.
pub(crate) const MOVE_PERSONS: usize = 20_000;

/// How often installations that have long been silent are looked for: once in a day of receipt.
pub(crate) const SWEEP_EVERY_MS: i64 = 86_400_000;

/// Log that may still be unread when workers are brought to a halt for other rules. Folded in some
/// tens of milliseconds, so that a halt is short.
pub(crate) const REBUILD_CLOSE_BYTES: u64 = 1 << 20;

/// How often a rebuild tries to come that close. Under a load that outruns it the halt is longer.
pub(crate) const REBUILD_ROUNDS: usize = 100;

/// Different event names counted per partition; further ones are counted together as `(other)`.
pub(crate) const EVENT_NAMES: usize = 2_000;

/// Wait before an append of a derived fact is tried again while the log is overloaded.
pub(crate) const RETRY_WAIT: Duration = Duration::from_millis(20);
