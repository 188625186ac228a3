//! Every bound of the ledger, with its unit and where the number comes from.

/// A source's name or version, in bytes; longer ones are cut at a character. The longest names of
/// libraries in the field have some 30.
pub const SOURCE_BYTES_MAX: usize = 64;

/// A code or reason, in bytes; longer ones are cut at a character. Our own end at 24.
pub const REASON_BYTES_MAX: usize = 64;

/// Names that one row or total keeps in each of its counts: as many as a batch may tell. An
/// installation that tells more is not one of ours; the rest is not kept.
pub const REASONS_MAX: usize = 32;

/// Sources, by name and version, that are told apart. A hundred releases of ten libraries.
pub const SOURCES_MAX: usize = 1_000;

/// An installation that has said nothing for so long is forgotten, in milliseconds: 90 days, after
/// which profiles leave the Redis keys too.
pub const SILENCE_MS_MAX: i64 = 90 * 86_400_000;

/// What stands for a version, or a source, beyond the bound.
pub const OTHER: &str = "other";

/// What stands for a source or version that nobody told.
pub const UNKNOWN: &str = "unknown";
