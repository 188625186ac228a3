//! What bounds the state of one person.

/// Events held per device so that late ones can still reshape sessions. 4 096 in three days is one
/// each minute, day and night: beyond any person, so what lies beyond is a script.
pub(crate) const ATOMS_MAX: usize = 4_096;

/// How many of them are let go at once when there are more, so that their removal is cheap.
pub(crate) const ATOMS_STEP: usize = 512;

/// Longest page address, referrer or campaign kept with an event, in bytes. Longer ones are cut; the
/// longest that browsers and proxies reliably carry is about twice this.
pub(crate) const TEXT_BYTES_MAX: usize = 1_024;

/// Sessions are sealed in whole steps of this, in milliseconds, so that not every event pays for it.
/// A quarter of a day costs a twelfth more events held than the lateness window asks for.
pub(crate) const SEAL_STEP_MS: i64 = 6 * 3_600_000;

/// A view that was silent for longer than this begins anew, in milliseconds: a tab left open over a
/// weekend still goes on.
pub(crate) const VIEW_SILENCE_MS: i64 = 72 * 3_600_000;

/// Ends of sessions remembered per device for rules that count sessions in a window.
pub(crate) const ENDED_MAX: usize = 4_096;

/// Longest engaged time of one view, in milliseconds: a day. More is a broken clock.
pub(crate) const ENGAGED_MS_MAX: u32 = 86_400_000;

/// How many half-lives a score remembers: after 64 an event is worth less than one unit in 2^64.
pub(crate) const SCORE_BUCKETS_MAX: i64 = 64;

/// Largest absolute amount that one event adds to a score, so that sums of 2^10 of them are exact.
pub(crate) const AMOUNT_ABS_MAX: f64 = 1_000_000.0;

/// Largest daily cap of a weight: its times are kept until the day can no longer change.
pub(crate) const CAP_PER_DAY_MAX: u32 = 1_000;

/// Weights in one plan: a weight is a `u16`.
pub(crate) const WEIGHTS_MAX: usize = 65_535;

/// Trait names kept per person, those set to null included; the alphabetically first ones stay.
/// As many as one event may carry properties.
pub(crate) const TRAITS_MAX: usize = 255;

/// Groups kept per person; the alphabetically first ones stay.
pub(crate) const GROUPS_MAX: usize = 64;

/// Devices with sessions of their own per person. The events of further ones make sessions together,
/// as events without a device do. A shared kiosk account stays below it.
pub(crate) const DEVICES_MAX: usize = 1_024;

/// Facts from the near future that wait per person. Further ones are folded when they come.
pub(crate) const PENDING_MAX: usize = 128;

/// Deadlines fired by one call; then everything is evaluated once at its end. A rule changes by
/// itself a few times a day at most, so this is years of silence.
pub(crate) const DEADLINES_MAX: usize = 10_000;

/// Times in a state lie this close to the epoch, in milliseconds, and its counts are below it: 285 000
/// years, and the largest whole numbers that a float holds. What is beyond was not written here.
pub(crate) const SANE_MAX: i64 = 1 << 53;

/// Largest revision that a state is read with: a fact each microsecond for nine years.
pub(crate) const REVISION_MAX: u64 = 1 << 48;

/// Milliseconds of a day, UTC.
pub(crate) const DAY_MS: i64 = 86_400_000;

const _: () = assert!(ATOMS_STEP < ATOMS_MAX);

/// Whether a time may be one that was written here.
pub(crate) fn is_sane(at: i64) -> bool {
    (-SANE_MAX..=SANE_MAX).contains(&at)
}
