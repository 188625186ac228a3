//! Every bound of this room that the wire's own limits do not hold, with its unit and its source.
use std::time::Duration;

/// How long an answer waits for the log to make its events durable, before the sender is told to try
/// again. A healthy disk flushes in milliseconds, a busy one within a second; clients give up after ten.
pub const APPEND_WAIT_MAX: Duration = Duration::from_secs(5);

/// Bytes of bodies and of what is made from them that may be held at once; beyond it requests get
/// 503 before their body is read. A bound on bytes, because a bound on requests says nothing about
/// memory: one request may be a pixel or 10 MiB.
pub const IN_FLIGHT_BYTES_MAX: u64 = 256 << 20;

/// Longest write key looked at, in bytes; longer ones are unknown without being hashed.
pub const KEY_BYTES_MAX: usize = 256;

/// Base-two logarithm of the largest zstd window accepted: 8 MiB, what RFC 9659 grants to HTTP.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// First size of the buffer that a stream without a declared length is inflated into, in bytes.
pub const INFLATE_FIRST_BYTES: usize = 64 << 10;

/// How much of a thread's buffer survives a request, in bytes; a rare big body must not pin its
/// size on every thread for ever.
pub const SCRATCH_KEEP_BYTES: usize = 1 << 20;

/// A body that is expected to be larger than this when decoded leaves the reactor's thread, in
/// bytes. 256 KiB take about half a millisecond, which is what one request may cost its neighbours.
pub const INLINE_DECODE_BYTES_MAX: usize = 256 << 10;

/// How many times its size a stream of unknown length is expected to grow, when judging whether it
/// is heavy. Typical batches of JSON compress seven to ten times.
pub const EXPECTED_RATIO: usize = 8;

/// How many heavy bodies are decoded at once for each core. Bounds memory (each may fill the
/// decompressed cap), and more would only take turns.
pub const HEAVY_DECODES_PER_CORE: usize = 2;

/// A timestamp further ahead of its receipt than this is clamped to it, in milliseconds.
pub const FUTURE_MS_MAX: i64 = 5 * 60_000;

/// The difference between receipt and `sentAt` from which it is taken for a wrong clock rather
/// than for a slow network, in milliseconds.
pub const SKEW_MS_MIN: i64 = 60_000;

/// Longest part of an undecodable body that is kept as a dead letter, in bytes. Enough to see what
/// is wrong; the sender was told and still has the rest.
pub const UNDECODABLE_KEPT_BYTES: usize = 64 << 10;

/// Longest `User-Agent` that is added to a context, in bytes; longer ones are cut at a character.
pub const USER_AGENT_BYTES_MAX: usize = 512;

/// Seconds after which a sender may try again when memory or the log is full.
pub const RETRY_AFTER_OVERLOAD_S: u32 = 2;

/// The shortest wait that a sender whose quota is used up is told, in seconds: less is a loop.
pub const RETRY_AFTER_QUOTA_MIN_S: u32 = 1;

/// The longest, in seconds; half as much again is added to some, which makes 30. After more the
/// client's own backing off is as good.
pub const RETRY_AFTER_QUOTA_MAX_S: u32 = 20;

/// Decoded bytes of one pass over the waiting connections, for each core: about 8 ms at the half a
/// GB/s that a core decodes and admits. Refusals wait for that, and have 50 ms.
pub const PASS_BYTES_PER_CORE: u64 = 4 << 20;

/// What a request costs beside its decoded bytes, in decoded bytes: some 30 µs of head, locks and
/// answer.
pub const PASS_REQUEST_BYTES: u64 = 16 << 10;

/// How long passes may be full before requests are refused: a burst, not a standing queue. CoDel's
/// interval (RFC 8289), for the same reason: a round trip of the whole world.
pub const PASS_FULL_MAX: Duration = Duration::from_millis(100);

/// Heavy bodies that may wait for their turn, for each that is decoded; further ones are refused
/// before they are read. One takes about 30 ms, so that none waits for more than about a quarter of
/// a second.
pub const HEAVY_WAITING_PER_TURN: usize = 8;

/// Seconds after which a sender may try again when nothing can be made durable: someone must act.
pub const RETRY_AFTER_STORAGE_S: u32 = 10;

/// Seconds after which a sender may try again when this process is going away.
pub const RETRY_AFTER_DRAINING_S: u32 = 1;

/// How long a browser may remember a preflight, in seconds; Chromium caps it here.
pub const PREFLIGHT_MAX_AGE_S: u32 = 7200;

/// How long a settings document may be cached, in seconds.
pub const SETTINGS_MAX_AGE_S: u32 = 300;

/// Room made ahead for the fact of one event, in bytes; a guess that spares a few moves.
pub const FACT_BYTES_TYPICAL: usize = 384;

/// Events of a batch are never more than this, whatever is configured: each may yield two records,
/// and the log takes 65 536 in one append.
pub const BATCH_EVENTS_CEILING: usize = 30_000;

const _: () = assert!(INFLATE_FIRST_BYTES <= SCRATCH_KEEP_BYTES);
