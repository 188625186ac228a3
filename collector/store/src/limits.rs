//! Every bound of this crate, with its unit and source.

/// Shards of the person table. Far above the number of worker threads, so that two of them seldom
/// want the same lock.
pub const TABLE_SHARDS: usize = 64;

/// Sorted sets a segment is spread over, so that none grows too big for one Redis key (key contract).
pub const SEGMENT_SHARDS: u8 = 16;

/// Entries kept of the change stream, about 80 bytes each (key contract).
pub const CHANGES_MAX: usize = 1_000_000;

/// How long after the last activity a profile is shown, in milliseconds: 90 days (key contract).
pub const PROFILE_TTL_MS: i64 = 90 * 86_400_000;

/// Nesting of a trait that is rendered; what lies deeper is `null`. Admission allows 8 levels.
pub const TRAIT_DEPTH_MAX: usize = 16;

/// Members of one page of a segment, whatever was asked for.
pub const MEMBERS_PAGE_MAX: usize = 1_000;

/// Keys or members examined for one step of a scan, whatever was asked for.
pub const SCAN_COUNT_MAX: usize = 10_000;

/// Persons in one pipeline to Redis. About 0.5 MB and 5 ms of the server's time, so that its
/// readers are not held up.
pub const REDIS_BATCH_PERSONS: usize = 512;

/// Places of each pipeline that a refill may always use, so that it ends under any live load.
pub const REDIS_BATCH_REFILL_MIN: usize = 64;

/// Longest wait for a connection or an answer of Redis, in milliseconds. Past it the connection is
/// dropped: an answer that comes later must not be taken for that of another command.
pub const REDIS_TIMEOUT_MS: u64 = 5_000;

/// First wait before trying Redis again, in milliseconds; doubled up to [`REDIS_BACKOFF_MAX_MS`].
pub const REDIS_BACKOFF_MIN_MS: u64 = 100;

/// Longest wait before trying Redis again, in milliseconds.
pub const REDIS_BACKOFF_MAX_MS: u64 = 5_000;

/// How often it is checked that Redis still holds what was written, in milliseconds.
pub const REDIS_CHECK_EVERY_MS: u64 = 1_000;

/// How long a stopping writer goes on writing what is dirty, in milliseconds.
pub const REDIS_DRAIN_MS: u64 = 3_000;

/// Hosts that the address of a Redis may name.
pub const REDIS_SEEDS_MAX: usize = 64;

/// Times that a command is asked again because a cluster sends it elsewhere or asks for patience.
pub const REDIS_REDIRECTS_MAX: u32 = 16;

/// First wait for a cluster that asks for patience, in milliseconds; doubled up to sixteen times.
pub const REDIS_RETRY_MS: u64 = 25;

/// Times that a new epoch is tried to be made the highest before the connection is given up.
pub const REDIS_EPOCH_TRIES_MAX: u32 = 4;

/// Persons that are remembered as perhaps half written to a cluster; beyond that everybody is compared.
pub const REDIS_SUSPECTS_MAX: usize = 16 * REDIS_BATCH_PERSONS;

/// Names tried for a key on each server of a cluster: a server with one slot of 16 384 is found with
/// a chance of 98 %.
pub const REDIS_MARK_TRIES_MAX: u32 = 65_536;

/// How often evicted keys are written again at most, in milliseconds: a Redis that is too small would
/// evict others for them.
pub const REDIS_MEND_EVERY_MS: u64 = 600_000;

/// How often Sentinels are asked whether the master still is one, in milliseconds.
pub const REDIS_MASTER_EVERY_MS: u64 = 5_000;

/// Keys or members that a comparison with Redis holds at a time: about 0.25 MB of answers.
pub const REDIS_CHECK_PAGE: usize = 256;

/// Pages of one walk over one set or keyspace: at 256 to a page more than any Redis holds. A bound
/// against a server whose cursor never ends.
pub const REDIS_CHECK_PAGES_MAX: usize = 1 << 24;

/// Differences that a comparison names; the others are counted.
pub const REDIS_CHECK_NAMED_MAX: usize = 20;

/// How far a time to live may be from the right one, in seconds. It is set relative to the moment
/// when Redis runs the command, which may be a timeout and a slewed clock after it was worked out.
pub const REDIS_CHECK_TTL_SLACK_S: i64 = 60;

/// Pause before what still changes is looked at again, in milliseconds: a few batches of the writer.
pub const REDIS_CHECK_PAUSE_MS: u64 = 20;

/// How long one comparison waits in all for what goes on changing, in milliseconds.
pub const REDIS_CHECK_SETTLE_MS: u64 = 30_000;

/// How long a writer may write nobody before it is not waited for any longer, in milliseconds. Above
/// the longest pause between two tries and the time of a try.
pub const REDIS_CHECK_STALL_MS: u64 = 15_000;

/// How often a comparison begins anew because rules changed or everybody was written meanwhile.
pub const REDIS_CHECK_WALKS_MAX: usize = 5;

/// Block cache of the embedded store, in bytes. Small: states are read once, at start.
pub const STORE_CACHE_BYTES: u64 = 8 << 20;

/// Write buffer of the states' keyspace, in bytes.
pub const STORE_MEMTABLE_BYTES: u64 = 16 << 20;

/// Bound of the embedded store's journals, in bytes; a checkpoint waits for a flush beyond it.
pub const STORE_JOURNAL_BYTES: u64 = 256 << 20;

const _: () = assert!(REDIS_BATCH_REFILL_MIN < REDIS_BATCH_PERSONS);
const _: () = assert!(REDIS_BACKOFF_MIN_MS <= REDIS_BACKOFF_MAX_MS);
const _: () = assert!(REDIS_CHECK_STALL_MS > REDIS_BACKOFF_MAX_MS + REDIS_TIMEOUT_MS);
const _: () = assert!(TABLE_SHARDS.is_power_of_two());
