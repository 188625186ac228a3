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
//! downlink in another still leave a narrow bound. Within it the guess lies nearer to the end whose
//! direction is the steadier: where only one way is slow, its delays vary, and the other's do not.
use crate::codec::{Source, put_i64, put_u64};
use crate::time::{MonoMillis, Now, bounded_time};
use alloc::vec::Vec;

/// How far two quartz clocks drift apart at most: one millisecond in so many (100 ppm), twice what
/// makers of crystals promise.
const DRIFT_ONE_IN: u64 = 10_000;

/// Steady time and its offset.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    start: Now,
    /// The bounds, and when they were last narrowed.
    bound: Option<(Bound, MonoMillis)>,
    /// How far answers have lain within the lower and the upper bound, in milliseconds, averaged over
    /// about eight of them: how much the way back and the way there vary.
    slack: (u64, u64),
}

/// Between what the collector's clock minus steady time lies, and where most likely; in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) low: i64,
    pub(crate) high: i64,
    /// From `low` up.
    pub(crate) guess: u64,
}

impl Bound {
    /// The offset to use, and how far it can be wrong. Where the clock may be right, it is taken to
    /// be: most devices are set by a network.
    pub(crate) fn offset(self) -> (i64, u64) {
        let likely = (self.low + self.guess.cast_signed()).min(self.high);
        let offset = if self.low <= 0 && self.high >= 0 { 0 } else { likely };
        (offset, self.high.abs_diff(offset).max(self.low.abs_diff(offset)))
    }

    pub(crate) fn encode(&self, boot: u32, out: &mut Vec<u8>) {
        put_u64(out, boot.into());
        put_i64(out, self.low);
        put_i64(out, self.high);
        put_u64(out, self.guess);
    }

    pub(crate) fn decode(source: &mut Source<'_>) -> Self {
        let (low, high) = (bounded_time(source.i64()), bounded_time(source.i64()));
        Self { low, high, guess: source.u64().min(low.abs_diff(high)) }
    }
}

impl Clock {
    pub(crate) fn new(start: Now) -> Self {
        Self { start, bound: None, slack: (0, 0) }
    }

    /// Steady time at `now`.
    pub(crate) fn steady(&self, now: Now) -> i64 {
        self.start.wall.0 + (now.mono.0.cast_signed() - self.start.mono.0.cast_signed())
    }

    /// Age of the process.
    pub(crate) fn uptime_ms(&self, now: Now) -> u64 {
        now.mono.0.saturating_sub(self.start.mono.0)
    }

    /// Learns from an answer to what was sent at `sent` and is answered at `now`, both steady.
    pub(crate) fn learn(&mut self, now: Now, sent: i64, received: i64) {
        // Both ends are cut to whole milliseconds somewhere, on either side.
        let (low, high) = (received - self.steady(now) - 1, received - sent + 1);
        let mut bound = Bound { low, high, guess: 0 };
        let mut slack = (0, 0);
        if let Some(known) = self.bound(now) {
            let (cut_low, cut_high) = (known.low.max(low), known.high.min(high));
            // Bounds that exclude each other mean that one of the clocks was set: the latest counts.
            if cut_low <= cut_high {
                (bound.low, bound.high) = (cut_low, cut_high);
                let share = |slack: u64, more: u64| slack - slack / 8 + more / 8;
                slack.0 = share(self.slack.0, cut_low.abs_diff(low));
                slack.1 = share(self.slack.1, cut_high.abs_diff(high));
            }
        }
        self.slack = slack;
        bound.guess = self.guess(bound.low.abs_diff(bound.high));
        self.bound = Some((bound, now.mono));
    }

    /// Where in a bound of this width the offset most likely lies: from its lower end, in proportion
    /// to how much the way back varies. In the middle, if nothing is known.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "exact below 2^53, and nothing here is negative"
    )]
    fn guess(&self, width: u64) -> u64 {
        let (back, there) = ((self.slack.0 + 1) as f64, (self.slack.1 + 1) as f64);
        (width as f64 * back / (back + there)) as u64
    }

    /// The bounds at `now`, wider by what may have drifted since.
    pub(crate) fn bound(&self, now: Now) -> Option<Bound> {
        let (bound, since) = self.bound?;
        let drift = now.mono.0.saturating_sub(since.0).div_ceil(DRIFT_ONE_IN);
        Some(Bound {
            low: bound.low - drift.cast_signed(),
            high: bound.high + drift.cast_signed(),
            guess: bound.guess + drift,
        })
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
            let (mut t, mut beside) = (0, 0);
            for (pause, up, down) in trips {
                t += pause;
                let sent = clock.steady(device(t));
                let (arrived, answered) = (t + up, t + up + down);
                clock.learn(device(answered), sent, server(arrived));
                t = answered;
                let bound = clock.bound(device(t)).unwrap();
                let truth = server(t) - clock.steady(device(t));
                // Clocks are read in whole milliseconds, and what they drift during a trip is left out.
                beside = beside.max(1 + (up + down).div_ceil(DRIFT_ONE_IN));
                let (low, high) = (bound.low, bound.high.saturating_add_unsigned(beside));
                let low = low.saturating_sub_unsigned(beside);
                prop_assert!(low <= truth && truth <= high, "{truth} in {bound:?}");
                let (guess, error) = bound.offset();
                prop_assert!((guess - truth).unsigned_abs() <= error + beside);
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
        assert_eq!(Bound { low: -40, high: 900, guess: 470 }.offset(), (0, 900));
        assert_eq!(Bound { low: 100, high: 300, guess: 100 }.offset(), (200, 100));
        assert_eq!(Bound { low: -301, high: -100, guess: 10 }.offset(), (-291, 191));
    }

    #[test]
    fn the_steadier_direction_is_believed() {
        for slow_back in [true, false] {
            let mut clock = Clock::new(now(0, 0));
            let mut at = 0;
            for round in 0..12u64 {
                let slow = 1_000 + round * 7_919 % 30_000;
                let (up, down) = if slow_back { (20, slow) } else { (slow, 20) };
                let (sent, answered) = (at, at + up + down);
                let sent_steady = clock.steady(now(sent, 0));
                let received = 100_000 + i64::try_from(sent + up).unwrap();
                clock.learn(now(answered, 0), sent_steady, received);
                at = answered + 1_000;
            }
            let (offset, error) = clock.bound(now(at, 0)).unwrap().offset();
            assert!((offset - 100_000).abs() < 150, "{offset} ± {error}, slow back: {slow_back}");
            assert!(error > 400, "the bound knows no better");
        }
    }

    #[test]
    fn a_collector_whose_clock_was_set_is_believed_at_once() {
        let mut clock = Clock::new(now(0, 0));
        clock.learn(now(10, 0), 0, 5);
        clock.learn(now(1_010, 0), 1_000, 86_401_005);
        assert_eq!(clock.bound(now(1_010, 0)).unwrap().offset(), (86_400_000, 6));
    }
}
