//! Every bound that is not a setting, with its unit and where it comes from.

/// Bytes of an answer that a host reads; the rest is not looked at, and such an answer is not ours.
/// A verdict on each of 500 events fits. Telemetry clients that read without a bound were made to
/// run out of memory (CVE-2026-39882).
pub const REPLY_BYTES_MAX: usize = 64 * 1024;

/// An event's record, in bytes: what a collector takes of one event.
pub const EVENT_BYTES_MAX: usize = 64 * 1024;
