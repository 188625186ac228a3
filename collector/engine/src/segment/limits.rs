//! What bounds a rule and the state it may keep about one person.

/// Longest rule, in bytes. A rule is written by a person; the longest met in rival products is
/// below 4 KiB.
pub(super) const RULE_BYTES_MAX: usize = 16 * 1024;

/// Deepest nesting of parentheses, `not` and `where` in a rule. Parsing and evaluation recurse
/// this deep at most.
pub(super) const RULE_DEPTH_MAX: usize = 64;

/// Largest number of distinct aggregates in one set of segments: a leaf is a `u16`.
pub(super) const LEAVES_MAX: usize = 65_535;

/// Largest number of segments in one set: a segment is a `u16`.
pub(super) const SEGMENTS_MAX: usize = 65_535;

/// Longest key of a segment, in bytes (fixed by the contract of the read side).
pub(super) const SEGMENT_KEY_BYTES_MAX: usize = 64;

/// Largest number of latest times (or distinct values) one windowed comparison may need: 80 kB of
/// times per person.
pub(super) const KEPT_MAX: u32 = 10_000;

/// How many events with a value a windowed `sum`, `avg`, `min`, `max`, `first` or
/// `time_since_first` keeps. Beyond it the oldest are dropped, so the answer is exact up to this
/// many events in the window.
pub(super) const WINDOW_ENTRIES_MAX: u32 = 4_096;

/// Shortest window, in milliseconds: one second.
pub(super) const WINDOW_MS_MIN: i64 = 1_000;

/// Longest window, in milliseconds: five years of which two are leap years.
pub(super) const WINDOW_MS_MAX: i64 = 1_827 * 86_400_000;

/// Longest text value, in bytes, that admission lets through; `first` and `last` keep it whole.
pub(super) const TEXT_VALUE_BYTES_MAX: usize = 8 * 1024;

const _: () = assert!(WINDOW_ENTRIES_MAX <= KEPT_MAX);

/// Most steps of a sequence, forbidden ones included; each is a bit.
pub(super) const STEPS_MAX: usize = 16;

/// Most properties that `same` may name.
pub(super) const SAME_MAX: usize = 4;

/// How many of a sequence's events are kept. The answer is computed from all of them, so there are
/// fewer than of plain times.
pub(super) const SEQUENCE_ENTRIES_MAX: u32 = 1_024;

/// How many texts a windowed `first` or `last` keeps, as one may have 8 KiB.
pub(super) const TEXT_ENTRIES_MAX: u32 = 512;

/// Most periods that `periods` may look at.
pub(super) const PERIODS_MAX: i64 = 366;

/// Most bytes that all rules together may keep of one person. What is exact takes what it needs;
/// lists that have a cap share the rest.
pub(super) const PERSON_BYTES_MAX: usize = 8 << 20;

/// Fewest entries to which such a list may shrink before the rules are refused.
pub(super) const WINDOW_ENTRIES_MIN: u32 = 64;

/// Largest compiled regular expression, in bytes.
pub(super) const REGEX_BYTES_MAX: usize = 256 * 1024;
