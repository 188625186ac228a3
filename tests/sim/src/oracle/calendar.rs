//! Local days, weeks and months, and dates as text, by counting one by one.
const DAY_MS: i64 = 86_400_000;

/// The clocks of a place: from when on they are how far ahead of UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Its IANA name.
    pub name: &'static str,
    /// From this instant on, so many milliseconds ahead. The first holds before it, too.
    pub offsets: &'static [(i64, i64)],
}

/// No offset at all.
pub const UTC: Zone = Zone { name: "UTC", offsets: &[] };

/// Changes by an hour in the night, 2026-03-29 and 2026-10-25, at 01:00 UTC.
pub const PARIS: Zone = Zone {
    name: "Europe/Paris",
    offsets: &[
        (1_761_440_400_000, 3_600_000),
        (1_774_746_000_000, 7_200_000),
        (1_792_890_000_000, 3_600_000),
    ],
};

/// Changes by half an hour, 2026-04-05 and 2026-10-04, at 02:00 local time.
pub const LORD_HOWE: Zone = Zone {
    name: "Australia/Lord_Howe",
    offsets: &[
        (1_759_591_800_000, 39_600_000),
        (1_775_314_800_000, 37_800_000),
        (1_791_041_400_000, 39_600_000),
    ],
};

/// Changes at midnight: 2026-03-29 begins at 01:00, 2026-10-24 has the hour before midnight twice.
pub const BEIRUT: Zone = Zone {
    name: "Asia/Beirut",
    offsets: &[
        (1_761_426_000_000, 7_200_000),
        (1_774_735_200_000, 10_800_000),
        (1_792_875_600_000, 7_200_000),
    ],
};

/// Behind UTC, by a half hour too; changes 2026-03-08 and 2026-11-01, at 02:00 local time.
pub const ST_JOHNS: Zone = Zone {
    name: "America/St_Johns",
    offsets: &[
        (1_762_057_800_000, -12_600_000),
        (1_772_947_800_000, -9_000_000),
        (1_793_507_400_000, -12_600_000),
    ],
};

impl Zone {
    /// How far the clocks are ahead of UTC.
    #[must_use]
    pub fn offset_ms(&self, at: i64) -> i64 {
        let mut offset = self.offsets.first().map_or(0, |(_, offset)| *offset);
        for (from, then) in self.offsets {
            if *from <= at {
                offset = *then;
            }
        }
        offset
    }

    /// The number of the local day.
    #[must_use]
    pub fn day(&self, at: i64) -> i64 {
        (at + self.offset_ms(at)).div_euclid(DAY_MS)
    }

    /// The number of the local week, which begins on Monday. 1970-01-01 was a Thursday.
    #[must_use]
    pub fn week(&self, at: i64) -> i64 {
        (self.day(at) + 3).div_euclid(7)
    }

    /// Year and month of the local day.
    #[must_use]
    pub fn month(&self, at: i64) -> (i64, i64) {
        let (year, month, _) = date_of(self.day(at));
        (year, month)
    }

    /// The instants after `from` and up to `to` at which a local day begins.
    #[must_use]
    pub fn midnights(&self, from: i64, to: i64) -> Vec<i64> {
        let mut found = Vec::new();
        // A day begins at a whole quarter of an hour in each of the zones here.
        let quarter = 900_000;
        let mut at = (from + 1).div_euclid(quarter) * quarter;
        while at <= to {
            if at > from && self.day(at) != self.day(at - 1) {
                found.push(at);
            }
            at += quarter;
        }
        found
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Year, month and day of the month of a day since 1970-01-01, which it is not before.
#[must_use]
pub fn date_of(day: i64) -> (i64, i64, i64) {
    let (mut year, mut month, mut left) = (1970, 1, day);
    while left >= 365 + i64::from(is_leap(year)) {
        left -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    while left >= days_of(year, month) {
        left -= days_of(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

/// An instant as RFC 3339 writes it: a date alone at midnight UTC, else with a time, in UTC or, for
/// odd minutes, in a place two and a half hours ahead.
#[must_use]
pub fn rfc3339(at: i64) -> String {
    let shifted = at.div_euclid(60_000) % 2 != 0;
    let (local, suffix) = if shifted { (at + 9_000_000, "+02:30") } else { (at, "Z") };
    let (year, month, day) = date_of(local.div_euclid(DAY_MS));
    let date = format!("{year:04}-{month:02}-{day:02}");
    let ms = local.rem_euclid(DAY_MS);
    if at.rem_euclid(DAY_MS) == 0 {
        return date;
    }
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    let fraction = if ms % 1000 == 0 { String::new() } else { format!(".{:03}", ms % 1000) };
    format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    /// 2026-03-28T00:00:00Z, a Saturday.
    const MARCH_28: i64 = 1_774_656_000_000;

    #[test]
    fn dates_are_counted_through_leap_years() {
        assert_eq!(date_of(0), (1970, 1, 1));
        assert_eq!(date_of(19_782), (2024, 2, 29));
        assert_eq!(date_of(MARCH_28 / DAY_MS), (2026, 3, 28));
    }

    #[test]
    fn instants_are_written_as_rfc_3339() {
        assert_eq!(rfc3339(MARCH_28), "2026-03-28");
        assert_eq!(rfc3339(MARCH_28 + 2 * 60_000 + 1500), "2026-03-28T00:02:01.500Z");
        assert_eq!(rfc3339(MARCH_28 - 60_000), "2026-03-28T02:29:00+02:30");
    }

    #[test]
    fn the_zones_change_when_their_rules_say() {
        let written = |at: i64| rfc3339(at);
        assert_eq!(written(PARIS.offsets[1].0), "2026-03-29T01:00:00Z");
        assert_eq!(written(PARIS.offsets[2].0), "2026-10-25T01:00:00Z");
        assert_eq!(written(LORD_HOWE.offsets[1].0), "2026-04-04T15:00:00Z");
        assert_eq!(written(LORD_HOWE.offsets[2].0), "2026-10-03T15:30:00Z");
        assert_eq!(written(BEIRUT.offsets[1].0), "2026-03-28T22:00:00Z");
        assert_eq!(written(BEIRUT.offsets[2].0), "2026-10-24T21:00:00Z");
        assert_eq!(written(ST_JOHNS.offsets[1].0), "2026-03-08T05:30:00Z");
        assert_eq!(written(ST_JOHNS.offsets[2].0), "2026-11-01T04:30:00Z");
    }

    #[test]
    fn a_day_has_23_or_25_hours_when_the_clocks_change() {
        let hours = |zone: Zone, from: i64| {
            let days = zone.midnights(from, from + 4 * DAY_MS);
            days.windows(2).map(|day| (day[1] - day[0]) as f64 / HOUR as f64).collect::<Vec<_>>()
        };
        assert_eq!(hours(PARIS, MARCH_28 - DAY_MS), [24.0, 23.0, 24.0]);
        assert_eq!(hours(BEIRUT, MARCH_28 - DAY_MS), [24.0, 23.0, 24.0]);
        assert_eq!(hours(LORD_HOWE, 1_775_174_400_000), [24.0, 24.5, 24.0]);
        assert_eq!(hours(BEIRUT, 1_792_627_200_000), [24.0, 25.0, 24.0]);
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first_by_the_local_clock() {
        // Monday 2026-03-30 begins in Paris at 22:00 UTC of Sunday.
        let monday = MARCH_28 + 46 * HOUR;
        assert_eq!(PARIS.week(monday), PARIS.week(monday - 1) + 1);
        assert_eq!(UTC.week(monday), UTC.week(monday - 1));
        let april = MARCH_28 + 94 * HOUR;
        assert_eq!((PARIS.month(april - 1), PARIS.month(april)), ((2026, 3), (2026, 4)));
        assert_eq!(UTC.month(april), (2026, 3));
    }
}
