//! Dates and times as they are written in rules (RFC 3339, or a date alone for its midnight in UTC).
use crate::limits::DAY_MS;
use crate::zone::day_number;

/// The milliseconds since the epoch that a text names; `None` if it names none.
pub(super) fn instant(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let mut parts = date.split('-');
    let (year, month, day) =
        (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let number = day_number(year, month, day);
    let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    if !(1..=12).contains(&month) || day < 1 || number >= day_number(next.0, next.1, 1) {
        return None;
    }
    let of_day = if rest.is_empty() { 0 } else { time(rest.strip_prefix(['T', 't', ' '])?)? };
    Some(number * DAY_MS + of_day)
}

/// `18:00:00.5+01:00`, as milliseconds after the midnight of UTC.
fn time(text: &str) -> Option<i64> {
    let zone = text.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = text.split_at_checked(zone)?;
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let seconds = parts.next()?;
    let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let second = digits(second, 2)?;
    let in_range = hour < 24 && minute < 60 && second < 60 && parts.next().is_none();
    if !in_range || fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths = fraction.bytes().chain([b'0', b'0']).take(3);
    let ms = thousandths.fold(0, |ms, digit| ms * 10 + i64::from(digit - b'0'));
    let of_day = ((hour * 60 + minute) * 60 + second) * 1_000 + ms;
    Some(of_day - offset(zone)? * 60_000)
}

/// `Z` or `+01:00`, in minutes.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = match zone.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, zone.strip_prefix('+')?),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// A number of exactly so many digits.
fn digits(text: &str, count: usize) -> Option<i64> {
    let is_number = text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::instant;

    #[test]
    fn dates_and_times_are_read_and_others_refused() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("2026-11-22", Some(1_795_305_600_000)),
            ("2026-11-22T10:00:00.123Z", Some(1_795_341_600_123)),
            ("2026-11-22T10:00:00.5+01:30", Some(1_795_336_200_500)),
            ("2026-11-22 10:00:00-00:00", Some(1_795_341_600_000)),
            ("2024-02-29", Some(1_709_164_800_000)),
            ("2026-02-29", None),
            ("2026-13-01", None),
            ("2026-11-22T24:00:00Z", None),
            ("2026-11-22T10:00:00", None),
            ("2026-11-22T10:00:00.Z", None),
            ("22.11.2026", None),
            ("", None),
            ("2026-11-2é", None),
        ] {
            assert_eq!(instant(text), expected, "{text}");
        }
    }
}
