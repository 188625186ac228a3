//! Time zones by name, as the table of offsets that the engine works with.
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use sillage_engine::Zone;

/// The first and the last second that the table knows: 1970 through 2100.
const FROM_S: i64 = 0;
const UNTIL_S: i64 = 4_133_980_800;

/// The zone with this IANA name, `None` if there is none. The database is part of the program, so
/// that days begin alike wherever it runs.
pub(crate) fn find(name: &str) -> Option<Zone> {
    if name == "UTC" {
        return Some(Zone::default());
    }
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    Some(Zone { name: name.to_owned(), offsets: offsets(&zone)? })
}

fn offsets(zone: &TimeZone) -> Option<Vec<(i64, i64)>> {
    let from = Timestamp::from_second(FROM_S).ok()?;
    let first = (FROM_S, zone.to_offset(from).seconds());
    let later = zone.following(from).map(|t| (t.timestamp().as_second(), t.offset().seconds()));
    let all = std::iter::once(first).chain(later.take_while(|(at, _)| *at < UNTIL_S));
    let mut table: Vec<(i64, i64)> =
        all.map(|(at, s)| (at * 1_000, i64::from(s) * 1_000)).collect();
    // Where only a name or a rule changes, no clock does.
    table.dedup_by_key(|(_, offset)| *offset);
    Some(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn offset_at(zone: &Zone, at: i64) -> i64 {
        zone.offsets[zone.offsets.partition_point(|(from, _)| *from <= at) - 1].1
    }

    #[test]
    fn paris_changes_its_clocks_when_the_law_says() {
        let paris = find("Europe/Paris").expect("in every database");
        // 2026-03-29 and 2026-10-25, both at 01:00 UTC; 1975 had no summer time.
        for (at, hours) in [
            (1_774_746_000_000 - 1, 1),
            (1_774_746_000_000, 2),
            (1_792_890_000_000 - 1, 2),
            (1_792_890_000_000, 1),
            (173_000_000_000, 1),
            (4_119_000_000_000, 2),
        ] {
            assert_eq!(offset_at(&paris, at), hours * HOUR, "{at}");
        }
        assert_eq!(paris.offsets[0], (0, HOUR));
        assert!(paris.offsets.is_sorted() && paris.offsets.len() > 200);
    }

    #[test]
    fn zones_that_never_change_have_one_offset_and_unknown_ones_none() {
        assert_eq!(find("UTC"), Some(Zone::default()));
        let kathmandu = find("Asia/Kathmandu").expect("in every database");
        assert_eq!(offset_at(&kathmandu, 1_774_746_000_000), 5 * HOUR + 45 * 60_000);
        assert_eq!(find("Europe/Pari"), None);
    }
}
