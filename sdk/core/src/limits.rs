//! Every bound that is not a setting, with its unit and where it comes from.

/// Bytes of an answer that a host reads; a longer one is cut, and not ours. A refusal of each of 500
/// events takes up to 90 KB. Telemetry clients that read without a bound were made to run out of
/// memory (CVE-2026-39882).
pub const REPLY_BYTES_MAX: usize = 256 * 1024;

/// One event's JSON as it is sent, in bytes: what a collector takes.
pub const EVENT_BYTES_MAX: usize = 64 * 1024;

/// What an event's JSON is longer than the members it is stored with: message id, time, sequence.
pub(crate) const EVENT_FRAME_BYTES: usize = 128;

/// The name of an event, in bytes: what a collector takes.
pub const EVENT_NAME_BYTES_MAX: usize = 200;

/// An id, in bytes: what a collector takes.
pub const ID_BYTES_MAX: usize = 256;

/// The first wait after a failure, in milliseconds; it doubles. Segment and RudderStack use the same.
pub(crate) const RETRY_BASE_MS: u64 = 500;

/// The longest wait while the app is used, in milliseconds.
pub(crate) const RETRY_FOREGROUND_MAX_MS: u64 = 60_000;

/// The longest wait while it is not, in milliseconds: a radio that is woken costs battery.
pub(crate) const RETRY_BACKGROUND_MAX_MS: u64 = 30 * 60_000;

/// The least and the most that a collector may ask to wait, in milliseconds. Segment's clients stop
/// at five minutes; an hour lets a collector under maintenance say so.
pub(crate) const RETRY_AFTER_MIN_MS: u64 = 1_000;
pub(crate) const RETRY_AFTER_MAX_MS: u64 = 60 * 60_000;

/// The wait after a collector has refused the key or the path, in milliseconds.
pub(crate) const HOLD_MS: u64 = 60 * 60_000;

/// The same when the answer is not a collector's: a captive portal refuses too, and is soon passed.
pub(crate) const HOLD_FOREIGN_MS: u64 = 5 * 60_000;

/// An unanswered batch is taken for lost after so long, in milliseconds: beyond any host's timeout.
pub(crate) const FLIGHT_MAX_MS: u64 = 90_000;

/// What was given up is reported after so long, in milliseconds, if no batch takes it along.
pub(crate) const REPORT_WAIT_MS: u64 = 60_000;

/// Numbers of events stay below this, which is beyond any device's life and exact as a float.
pub(crate) const SEQ_MAX: u64 = 1 << 53;
