//! What time it really is, as far as a device can know.
//!
//! Events are stamped with *steady* time: the wall clock as it stood when the process began, carried
//! on by the monotonic clock. However often somebody sets the wall clock, one offset to the
//! collector's clock then holds for all events of a boot.
//!
//! The offset is bounded from both sides by every answer: the collector received a batch after it was
//! sent and before its answer came, so `received − answered ≤ offset ≤ received − sent`. This is
//! Cristian's observation (1989) that NTP's formula halves; intersecting the bounds of all answers
//! (Marzullo, 1984) keeps the best of each direction, so that a slow uplink in one try and a slow
//! downlink in another still leave a narrow bound. Network delay never leaks into it.
use crate::time::{MonoMillis, Now};

/// How far two quartz clocks drift apart at most: 100 ppm, twice what makers of crystals promise.
const DRIFT_PPM: u64 = 100;

/// Steady time and its offset.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    start: Now,
    /// The bounds, and when they were last narrowed.
    bound: Option<(Bound, MonoMillis)>,
}

/// Between what the collector's clock minus steady time lies, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) low: i64,
    pub(crate) high: i64,
}

impl Bound {
    /// The offset to use, and how far it can be wrong. Where the clock may be right, it is taken to
    /// be: most devices are set by a network.
    pub(crate) fn offset(self) -> (i64, u64) {
        if self.low <= 0 && self.high >= 0 {
            return (0, self.high.max(-self.low).unsigned_abs());
        }
        let width = self.high.saturating_sub(self.low);
        (self.low.saturating_add(width / 2), width.unsigned_abs().div_ceil(2))
    }
}

impl Clock {
    pub(crate) fn new(start: Now) -> Self {
        Self { start, bound: None }
    }

    /// Steady time at `now`.
    pub(crate) fn steady(&self, now: Now) -> i64 {
        let passed = i64::try_from(now.mono.0).unwrap_or(i64::MAX);
        let start = i64::try_from(self.start.mono.0).unwrap_or(i64::MAX);
        self.start.wall.0.saturating_add(passed.saturating_sub(start))
    }

    /// Age of the process.
    pub(crate) fn uptime_ms(&self, now: Now) -> u64 {
        now.mono.0.saturating_sub(self.start.mono.0)
    }

    /// Learns from an answer to what was sent at `sent` and is answered at `now`, both steady.
    pub(crate) fn learn(&mut self, now: Now, sent: i64, received: i64) {
        let answered = self.steady(now);
        // Both ends are cut to whole milliseconds somewhere, on either side.
        let fresh = Bound {
            low: received.saturating_sub(answered).saturating_sub(1),
            high: received.saturating_sub(sent).saturating_add(1),
        };
        let narrowed = self
            .bound(now)
            .map(|known| Bound { low: known.low.max(fresh.low), high: known.high.min(fresh.high) });
        // Bounds that exclude each other mean that one of the clocks was set: the latest counts.
        let bound = narrowed.filter(|bound| bound.low <= bound.high).unwrap_or(fresh);
        self.bound = Some((bound, now.mono));
    }

    /// The bounds at `now`, wider by what may have drifted since.
    pub(crate) fn bound(&self, now: Now) -> Option<Bound> {
        let (bound, since) = self.bound?;
        let drift =
            now.mono.0.saturating_sub(since.0).saturating_mul(DRIFT_PPM).div_ceil(1_000_000);
        let drift = i64::try_from(drift).unwrap_or(i64::MAX);
        Some(Bound { low: bound.low.saturating_sub(drift), high: bound.high.saturating_add(drift) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DeviceMillis;
    use proptest::prelude::*;

    fn now(mono: u64, wall: i64) -> Now {
        Now { wall: DeviceMillis(wall), mono: MonoMillis(mono) }
    }

    proptest! {
        #[test]
        fn the_true_offset_is_always_within_the_bound(
            offset in -200_000_000i64..200_000_000,
            ppm in -90i64..90,
            trips in prop::collection::vec((0u64..3_600_000, 0u64..60_000, 0u64..60_000), 1..40),
        ) {
            let start = 1_795_000_000_000i64;
            let mut clock = Clock::new(now(5_000, start));
            // True time since the start; the device counts `ppm` more or less.
            let device = |t: u64| {
                let t = i64::try_from(t).unwrap();
                now((5_000 + t + t * ppm / 1_000_000).unsigned_abs(), 0)
            };
            let server = |t: u64| start + offset + i64::try_from(t).unwrap();
            let mut t = 0;
            for (pause, up, down) in trips {
                t += pause;
                let sent = clock.steady(device(t));
                let (arrived, answered) = (t + up, t + up + down);
                clock.learn(device(answered), sent, server(arrived));
                t = answered;
                let bound = clock.bound(device(t)).unwrap();
                let truth = server(t) - clock.steady(device(t));
                prop_assert!(bound.low <= truth && truth <= bound.high, "{truth} in {bound:?}");
                let (guess, error) = bound.offset();
                prop_assert!((guess - truth).unsigned_abs() <= error);
            }
        }
    }

    #[test]
    fn slow_ways_in_either_direction_cut_each_other_out() {
        let mut clock = Clock::new(now(0, 0));
        // The collector is 100 s ahead. First the way there takes a minute, then the way back.
        clock.learn(now(60_000, 0), 0, 160_000);
        assert_eq!(clock.bound(now(60_000, 0)).unwrap().offset(), (130_000, 30_001));
        clock.learn(now(120_010, 0), 60_010, 160_015);
        let (offset, error) = clock.bound(now(120_010, 0)).unwrap().offset();
        assert!((offset - 100_000).abs() < 10 && error < 15, "{offset} {error}");
    }

    #[test]
    fn steady_time_does_not_jump_with_the_wall_clock() {
        let clock = Clock::new(now(1_000, 500_000));
        assert_eq!(clock.steady(now(3_500, 999_999_999)), 502_500);
        assert_eq!(clock.uptime_ms(now(3_500, 0)), 2_500);
    }

    #[test]
    fn a_clock_that_may_be_right_is_left_alone() {
        assert_eq!(Bound { low: -40, high: 900 }.offset(), (0, 900));
        assert_eq!(Bound { low: 100, high: 300 }.offset(), (200, 100));
        assert_eq!(Bound { low: -301, high: -100 }.offset(), (-201, 101));
    }

    #[test]
    fn a_collector_whose_clock_was_set_is_believed_at_once() {
        let mut clock = Clock::new(now(0, 0));
        clock.learn(now(10, 0), 0, 5);
        clock.learn(now(1_010, 0), 1_000, 86_401_005);
        assert_eq!(clock.bound(now(1_010, 0)).unwrap().offset(), (86_400_000, 6));
    }
}
