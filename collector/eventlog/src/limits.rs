//! Every bound of this room, with its unit and where the number comes from.
use std::time::Duration;

/// Bytes of one journal segment. Large enough that rolling (two fsyncs) is rare at full speed,
/// small enough that retention and recovery work in small steps.
pub const SEGMENT_BYTES: u64 = 128 << 20;

/// Bytes of one block, so of one append. Three times the largest decompressed body.
pub const BLOCK_BYTES_MAX: usize = 32 << 20;

/// Records of one append. The largest batch has 2 500 events and an event yields at most two.
pub const APPEND_RECORDS_MAX: usize = 65_536;

/// Bytes written and made durable together. Beyond a few MiB a larger write costs more latency
/// than the shared fsync saves.
pub const GROUP_BYTES_MAX: usize = 4 << 20;

/// Appends made durable together.
pub const GROUP_APPENDS_MAX: usize = 1_024;

/// Bytes of appends that wait for their answer, after which new ones are refused as overload.
pub const IN_FLIGHT_BYTES_MAX: usize = 64 << 20;

/// What a refused append should wait before it tries again.
pub const OVERLOAD_RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long an id stays known, in milliseconds: 7 days, the longest time a device retries.
pub const DEDUP_WINDOW_MS: i64 = 7 * 24 * 3_600_000;

/// Ids kept in memory before they are sealed into a run: 7/8 of 2^20, which is exactly what a hash
/// table of 2^20 places holds before it doubles (17 bytes a place: 18 MB).
pub const GENERATION_IDS_MAX: usize = 917_504;

/// The window is divided into so many slots of time. Each becomes one run in the end, so that ids
/// are kept at most a slot longer than promised and few runs are searched.
pub const SLOTS_PER_WINDOW: i64 = 8;

/// Runs of similar size that are merged into one.
pub const RUNS_PER_MERGE: usize = 8;

/// Bits of filter for one id of a run: about 1 % of new ids cost a page read per run.
pub const FILTER_BITS_PER_ID: u64 = 10;

/// How long the sequencer waits idle before it looks after retention and old runs, and before it
/// closes the last group with a block that proves it complete.
pub const IDLE_TICK: Duration = Duration::from_secs(1);

/// The least that is read from a file at once.
pub(crate) const READ_BYTES_MIN: usize = 64 << 10;

/// The most that is read from a file at once, unless one block is larger.
pub(crate) const READ_BYTES_MAX: usize = 1 << 20;

/// Read buffers kept for the next reader.
pub(crate) const READ_BUFFERS_KEPT: usize = 4;

/// Bytes that a [`crate::MemoryLog`] keeps; then it refuses as overload.
pub const MEMORY_LOG_BYTES_MAX: usize = 1 << 30;

/// Bytes of dead letters kept on disk; the oldest go first.
pub const DEAD_LETTERS_BYTES_MAX: u64 = 256 << 20;

/// Dead letters are dropped a segment at a time: this part of what is kept.
pub const DEAD_LETTER_SEGMENTS: u64 = 16;

/// Raw bytes kept of one dead letter; the rest is cut off, which the letter says.
pub const DEAD_LETTER_RAW_BYTES_MAX: usize = 1 << 20;

/// Bytes kept of a dead letter's code and of its message.
pub const DEAD_LETTER_TEXT_BYTES_MAX: usize = 1_024;

/// Bytes of dead letters that wait for their answer.
pub const DEAD_LETTERS_IN_FLIGHT_BYTES_MAX: usize = 16 << 20;

/// Raw bytes listed at once; at least one letter is.
pub const DEAD_LETTERS_LISTED_BYTES_MAX: usize = 16 << 20;

/// Dead letters listed at once.
pub const DEAD_LETTERS_LISTED_MAX: usize = 1_000;

const _: () = {
    assert!(BLOCK_BYTES_MAX as u64 <= SEGMENT_BYTES, "a default segment holds any block");
    assert!(BLOCK_BYTES_MAX <= IN_FLIGHT_BYTES_MAX, "one append is never overload");
    assert!(GROUP_BYTES_MAX <= IN_FLIGHT_BYTES_MAX, "a group can fill");
    assert!(DEAD_LETTER_RAW_BYTES_MAX as u64 * DEAD_LETTER_SEGMENTS <= DEAD_LETTERS_BYTES_MAX);
};
