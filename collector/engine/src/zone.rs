//! Days, weeks and months as the clocks of a zone show them.
//!
//! A zone is a table of offsets; where it comes from is the caller's business. Weeks begin on Monday
//! (ISO 8601). The calendar is the proleptic Gregorian one, computed as Howard Hinnant describes in
//! "chrono-Compatible Low-Level Date Algorithms".
use crate::limits::DAY_MS;
use crate::rules::Zone;

/// A stretch of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Day,
    Week,
    Month,
}

impl Unit {
    /// As it is written after `this`, or `today`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Day => "today",
            Self::Week => "this week",
            Self::Month => "this month",
        }
    }

    /// No such stretch is longer, in milliseconds, whatever clocks do within it.
    pub(crate) fn longest_ms(self) -> i64 {
        let days = match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 31,
        };
        // No zone has ever moved its clocks by more than a day at once.
        (days + 1) * DAY_MS
    }
}

impl Zone {
    fn offset(&self, at: i64) -> i64 {
        let index = self.offsets.partition_point(|(from, _)| *from <= at).saturating_sub(1);
        self.offsets.get(index).map_or(0, |(_, offset)| *offset)
    }

    /// The number of the local day, counted from 1970-01-01, that holds an instant (milliseconds
    /// since the epoch).
    #[must_use]
    pub fn day(&self, at: i64) -> i64 {
        at.saturating_add(self.offset(at)).div_euclid(DAY_MS)
    }

    /// The first instant of a local day, or of the first one after it that there is.
    #[must_use]
    pub fn start_of_day(&self, day: i64) -> i64 {
        let midnight = day.saturating_mul(DAY_MS);
        // Offsets stay within a day, so the midnight lies between its neighbours in UTC. Of all
        // instants there that belong to the day or a later one the earliest is either where some
        // offset puts midnight, or where clocks jump over it.
        let first = self.offsets.partition_point(|(from, _)| *from <= midnight - 2 * DAY_MS);
        let before = self.offsets.get(first.saturating_sub(1)).copied().unwrap_or((i64::MIN, 0));
        let near =
            self.offsets[first..].iter().take_while(|(from, _)| *from < midnight + 2 * DAY_MS);
        let pieces = core::iter::once((i64::MIN, before.1)).chain(near.copied());
        let mut earliest = i64::MAX;
        for (from, offset) in pieces {
            let candidate = from.max(midnight - offset);
            if self.day(candidate) >= day {
                earliest = earliest.min(candidate);
            }
        }
        earliest
    }

    /// The number of the first day of the unit that `at` lies in, and of the next one.
    fn days_of(&self, unit: Unit, at: i64) -> (i64, i64) {
        let day = self.day(at);
        match unit {
            Unit::Day => (day, day + 1),
            Unit::Week => {
                // 1970-01-01 was a Thursday, three days after a Monday.
                let monday = day - (day + 3).rem_euclid(7);
                (monday, monday + 7)
            }
            Unit::Month => {
                let (year, month) = month_of(day);
                let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                (first_day(year, month), first_day(next.0, next.1))
            }
        }
    }

    /// When the current day, week or month began and when the next one begins.
    pub(crate) fn around(&self, unit: Unit, now: i64) -> (i64, i64) {
        let (this, next) = self.days_of(unit, now);
        (self.start_of_day(this), self.start_of_day(next))
    }
}

/// Year and month (1 to 12) of a day.
fn month_of(day: i64) -> (i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year + i64::from(month <= 2), month)
}

/// The number of the first day of a month.
fn first_day(year: i64, month: i64) -> i64 {
    day_number(year, month, 1)
}

/// The number of a day of the calendar, counted from 1970-01-01.
pub(crate) fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600_000;

    /// Clocks go forward on 2026-03-29 at 01:00 UTC and back on 2026-10-25 at 01:00 UTC.
    fn paris() -> Zone {
        let spring = day_number(2026, 3, 29) * DAY_MS + HOUR;
        let autumn = day_number(2026, 10, 25) * DAY_MS + HOUR;
        let offsets = alloc::vec![(0, HOUR), (spring, 2 * HOUR), (autumn, HOUR)];
        Zone { name: "Europe/Paris".into(), offsets }
    }

    /// Clocks jump from midnight to one o'clock, so that day has no midnight.
    fn no_midnight() -> Zone {
        let spring = day_number(2026, 3, 29) * DAY_MS + 5 * HOUR;
        let offsets = alloc::vec![(0, -5 * HOUR), (spring, -4 * HOUR)];
        Zone { name: "x".into(), offsets }
    }

    #[test]
    fn days_are_as_long_as_clocks_make_them() {
        let zone = paris();
        let length = |month, day| {
            let number = day_number(2026, month, day);
            (zone.start_of_day(number + 1) - zone.start_of_day(number)) / HOUR
        };
        assert_eq!([length(3, 28), length(3, 29), length(3, 30)], [24, 23, 24]);
        assert_eq!([length(10, 24), length(10, 25), length(10, 26)], [24, 25, 24]);
        let number = day_number(2026, 3, 29);
        assert_eq!(no_midnight().start_of_day(number), number * DAY_MS + 5 * HOUR);
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first() {
        let zone = Zone::default();
        // 2026-11-22 is a Sunday.
        let now = day_number(2026, 11, 22) * DAY_MS + 5 * HOUR;
        let days = |unit| {
            let (start, end) = zone.around(unit, now);
            (start / DAY_MS, end / DAY_MS)
        };
        assert_eq!(days(Unit::Week), (day_number(2026, 11, 16), day_number(2026, 11, 23)));
        assert_eq!(days(Unit::Month), (day_number(2026, 11, 1), day_number(2026, 12, 1)));
        let december = day_number(2027, 12, 31) * DAY_MS;
        let (start, end) = zone.around(Unit::Month, december);
        assert_eq!(
            (start / DAY_MS, end / DAY_MS),
            (day_number(2027, 12, 1), day_number(2028, 1, 1))
        );
    }

    proptest! {
        #[test]
        fn a_day_begins_where_the_one_before_ends(hours in 0..24 * 400_i64, pick in 0..3_usize) {
            let zone = [paris(), no_midnight(), Zone::default()][pick].clone();
            let at = day_number(2026, 1, 1) * DAY_MS + hours * HOUR;
            let day = zone.day(at);
            let (start, next) = zone.around(Unit::Day, at);
            prop_assert!(start <= at && at < next);
            prop_assert_eq!(zone.day(start), day);
            prop_assert_eq!(zone.day(start - 1), day - 1);
            prop_assert_eq!(zone.day(next - 1), day);
            prop_assert!(next - start <= Unit::Day.longest_ms());
        }

        #[test]
        fn numbers_and_months_agree(day in -800_000..800_000_i64) {
            let (year, month) = month_of(day);
            prop_assert!(first_day(year, month) <= day);
            let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            prop_assert!(day < first_day(next.0, next.1));
        }
    }
}
