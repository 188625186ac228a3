//! Points in time: text to milliseconds since 1970-01-01T00:00:00Z and back.
//!
//! Days are counted in the proleptic Gregorian calendar, for years 0000 to 9999. No leap seconds:
//! second 60 is the next minute's first. Source of the calendar arithmetic: Howard Hinnant,
//! "chrono-compatible low-level date algorithms" (days_from_civil, civil_from_days).
use alloc::string::String;

const DAY_MS: i64 = 86_400_000;
/// 0000-01-01T00:00:00.000Z.
const FIRST_MS: i64 = -62_167_219_200_000;
/// 9999-12-31T23:59:59.999Z.
const LAST_MS: i64 = 253_402_300_799_999;
/// Text of any moment is shorter than this many bytes; longer text is no moment.
const TEXT_BYTES_MAX: usize = 64;

/// Reads a moment.
///
/// # Shape and units
/// RFC 3339 with any fraction (digits below the millisecond are dropped) and any offset; also with a
/// space for the `T`, without seconds, without an offset (UTC) and a date alone (midnight); or a
/// number: milliseconds since 1970. `None` for anything else and outside the years 0000 to 9999.
#[must_use]
pub fn parse_time_ms(text: &str) -> Option<i64> {
    if let Some(ms) = text.as_bytes().try_into().ok().and_then(usual_ms) {
        return Some(ms);
    }
    let text = text.trim_ascii();
    let bytes = text.as_bytes();
    if bytes.len() > TEXT_BYTES_MAX {
        return None;
    }
    let ms = match bytes.get(4) {
        Some(b'-') => calendar_ms(bytes)?,
        _ => epoch_ms(text)?,
    };
    (FIRST_MS..=LAST_MS).contains(&ms).then_some(ms)
}

/// Reads exactly what [`format_time_ms`] writes, and nothing else: all that a device needs, at a
/// tenth of the code.
#[must_use]
pub fn parse_own_time_ms(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| {
        let digits = text.as_bytes().get(from..to).unwrap_or_default();
        digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit & 15))
    };
    let days = days_from_civil(number(0, 4), number(5, 7), number(8, 10));
    let minutes = days * 1_440 + number(11, 13) * 60 + number(14, 16);
    let ms = minutes * 60_000 + number(17, 19) * 1_000 + number(20, 23);
    // Whatever is wrong with it, it would not be written so.
    (time_text(ms) == text.as_bytes()).then_some(ms)
}

/// Reads `2026-11-22T10:00:00.123Z`, which is how JavaScript writes every moment; `None` means that
/// another form has to be tried. It exists because it takes a third of the time.
#[inline(always)]
fn usual_ms(text: &[u8; 24]) -> Option<i64> {
    let mut wrong = 0;
    for (b, shape) in text.iter().zip(SHAPE) {
        let digit = u8::from(b.wrapping_sub(b'0') > 9);
        wrong |= if *shape == b'0' { digit } else { b ^ shape };
    }
    if wrong != 0 {
        return None;
    }
    let digit = |at: usize| i64::from(text[at] - b'0');
    let two = |at: usize| digit(at) * 10 + digit(at + 1);
    let (year, month, day) = (two(0) * 100 + two(2), two(5), two(8));
    let (hour, minute, second) = (two(11), two(14), two(17));
    let ms = two(20) * 10 + digit(22);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let of_day = (hour * 3_600 + minute * 60 + second) * 1_000 + ms;
    Some(days_from_civil(year, month, day) * DAY_MS + of_day)
}

/// How moments are written; each zero is a digit.
const SHAPE: &[u8; 24] = b"0000-00-00T00:00:00.000Z";

/// A moment as `2026-11-22T10:00:00.123Z`. Moments outside the years 0000 to 9999 become the nearest
/// one inside.
#[must_use]
pub fn time_text(ms: i64) -> [u8; 24] {
    let ms = (ms.clamp(FIRST_MS, LAST_MS) - FIRST_MS).unsigned_abs();
    let days = u32::try_from(ms / DAY_MS.unsigned_abs()).unwrap_or_default();
    let mut of_day = u32::try_from(ms % DAY_MS.unsigned_abs()).unwrap_or_default();
    let (year, month, day) = civil_from_days(days);
    let mut text = *SHAPE;
    write_digits(&mut text, 4, year);
    write_digits(&mut text, 7, month);
    write_digits(&mut text, 10, day);
    for (end, unit) in [(13, 3_600_000), (16, 60_000), (19, 1_000), (23, 1)] {
        write_digits(&mut text, end, of_day / unit);
        of_day %= unit;
    }
    text
}

/// Writes a number over the zeros that end there.
fn write_digits(text: &mut [u8; 24], mut end: usize, mut number: u32) {
    while number > 0 {
        end -= 1;
        text[end] += u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

/// Appends a moment as [`time_text`] writes it.
pub fn format_time_ms(ms: i64, out: &mut String) {
    out.push_str(core::str::from_utf8(&time_text(ms)).unwrap_or_default());
}

fn epoch_ms(text: &str) -> Option<i64> {
    if let Ok(ms) = text.parse() {
        return Some(ms);
    }
    // "inf" and "nan" parse as numbers too; a number of JSON starts with a digit or a minus.
    if !text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return None;
    }
    let ms: f64 = text.parse().ok()?;
    #[allow(clippy::cast_possible_truncation, reason = "bounded on the line above the cast")]
    (ms > FIRST_MS as f64 && ms < LAST_MS as f64).then_some(ms as i64)
}

fn calendar_ms(bytes: &[u8]) -> Option<i64> {
    let mut rest = bytes;
    let year = digits(&mut rest, 4)?;
    literal(&mut rest, b"-")?;
    let month = digits(&mut rest, 2)?;
    literal(&mut rest, b"-")?;
    let day = digits(&mut rest, 2)?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let midnight = days_from_civil(year, month, day) * DAY_MS;
    if rest.is_empty() {
        return Some(midnight);
    }
    literal(&mut rest, b"Tt ")?;
    let hour = digits(&mut rest, 2)?;
    literal(&mut rest, b":")?;
    let minute = digits(&mut rest, 2)?;
    let (second, ms) = seconds(&mut rest)?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let of_day = (hour * 3_600 + minute * 60 + second) * 1_000 + ms;
    Some(midnight + of_day - offset_ms(rest)?)
}

/// Seconds and their milliseconds, if there are any.
fn seconds(rest: &mut &[u8]) -> Option<(i64, i64)> {
    if literal(rest, b":").is_none() {
        return Some((0, 0));
    }
    let second = digits(rest, 2)?;
    if literal(rest, b".,").is_none() {
        return Some((second, 0));
    }
    let len = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let (fraction, after) = rest.split_at_checked(len).filter(|_| len > 0)?;
    *rest = after;
    let ms = (0..3).fold(0, |ms, i| ms * 10 + fraction.get(i).map_or(0, |b| i64::from(b - b'0')));
    Some((second, ms))
}

/// `Z`, `±HH:MM`, `±HHMM`, `±HH` or nothing, to the end of the text.
fn offset_ms(mut rest: &[u8]) -> Option<i64> {
    if let Some(after) = rest.strip_prefix(b" ") {
        rest = after;
    }
    let sign = match rest.split_first() {
        None => return Some(0),
        Some((b'Z' | b'z', [])) => return Some(0),
        Some((b'+', after)) => {
            rest = after;
            1
        }
        Some((b'-', after)) => {
            rest = after;
            -1
        }
        Some(_) => return None,
    };
    let hours = digits(&mut rest, 2)?;
    let minutes = if rest.is_empty() {
        0
    } else {
        let _ = literal(&mut rest, b":");
        digits(&mut rest, 2)?
    };
    (rest.is_empty() && hours < 24 && minutes < 60)
        .then_some(sign * (hours * 60 + minutes) * 60_000)
}

fn digits(rest: &mut &[u8], count: usize) -> Option<i64> {
    let (head, tail) = rest.split_at_checked(count)?;
    let mut value = 0;
    for b in head {
        if !b.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(b - b'0');
    }
    *rest = tail;
    Some(value)
}

/// Passes over one of `allowed`.
fn literal(rest: &mut &[u8], allowed: &[u8]) -> Option<()> {
    let (first, tail) = rest.split_first()?;
    allowed.contains(first).then(|| *rest = tail)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // The year begins in March, so that the leap day is its last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date so many days after 0000-01-01.
fn civil_from_days(days: u32) -> (u32, u32, u32) {
    // Years begin in March here, the first of them 400 years and 10 months before.
    let days = days + 146_097 - 60;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + u32::from(month <= 2) - 400, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_are_read_in_every_form_that_senders_use() {
        let cases: &[(&str, Option<i64>)] = &[
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-11-22T10:00:00.123Z", Some(1_795_341_600_123)),
            ("2026-11-22t10:00:00.123456789z", Some(1_795_341_600_123)),
            ("2026-11-22T11:30:00.1+01:30", Some(1_795_341_600_100)),
            ("2026-11-22T09:00:00-0100", Some(1_795_341_600_000)),
            ("2026-11-22T12:00:00+02", Some(1_795_341_600_000)),
            ("2026-11-22 10:00:00", Some(1_795_341_600_000)),
            ("2026-11-22 10:00:00 +00:00", Some(1_795_341_600_000)),
            ("2026-11-22T10:00", Some(1_795_341_600_000)),
            (" 2026-11-22 ", Some(1_795_305_600_000)),
            ("2026-12-31T23:59:60Z", Some(1_798_761_600_000)),
            ("2024-02-29T00:00:00Z", Some(1_709_164_800_000)),
            ("9999-12-31T23:59:59.999Z", Some(LAST_MS)),
            ("0000-01-01T00:00:00Z", Some(FIRST_MS)),
            ("1795341600123", Some(1_795_341_600_123)),
            ("1795341600123.75", Some(1_795_341_600_123)),
            ("1.795341600123e12", Some(1_795_341_600_123)),
            ("-1", Some(-1)),
            ("", None),
            ("yesterday", None),
            ("inf", None),
            ("NaN", None),
            ("1e20", None),
            ("99999999999999999", None),
            ("2023-02-29T00:00:00Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-11-22T24:00:00Z", None),
            ("2026-11-22T10:00:00.Z", None),
            ("2026-11-22T10:00:00Zulu", None),
            ("2026-11-22T10:00:00+25:00", None),
            ("0000-01-01T00:00:00+00:01", None),
            ("2026-11-é", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_time_ms(text), *expected, "{text}");
        }
    }

    #[test]
    fn only_what_we_write_is_our_own() {
        let ours = "2024-02-29T10:00:00.123Z";
        assert_eq!(parse_own_time_ms(ours), parse_time_ms(ours));
        for (from, to) in [
            ("02-29", "02-30"),
            ("T", " "),
            ("Z", ""),
            ("10:", "24:"),
            ("00.", "60."),
            ("3Z", "xZ"),
        ] {
            assert_eq!(parse_own_time_ms(&ours.replace(from, to)), None, "{to}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(ms in FIRST_MS..=LAST_MS) {
            let mut text = String::new();
            format_time_ms(ms, &mut text);
            prop_assert_eq!(text.len(), 24);
            prop_assert_eq!(parse_time_ms(&text), Some(ms));
            prop_assert_eq!(parse_own_time_ms(&text), Some(ms));
        }

        #[test]
        fn foreign_text_never_panics(text in "[0-9TZ:+. -]{0,40}|.{0,40}") {
            let read = parse_time_ms(&text);
            prop_assert!(read.is_none_or(|ms| (FIRST_MS..=LAST_MS).contains(&ms)));
            prop_assert!(parse_own_time_ms(&text).is_none_or(|ms| read == Some(ms)));
        }
    }
}
