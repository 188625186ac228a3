//! Dates as the files write them, to milliseconds since the epoch.

/// Reads `YYYY-MM-DD HH:MM:SS`, with `T` or a space, and an optional fraction and `Z`.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (date, time) = text.trim_end_matches('Z').split_once(['T', ' '])?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut time = time.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let ms: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some((((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms)
}

/// Days since 1970-01-01 by counting years and months one by one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    const MONTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = |year: i64| i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    let years: i64 = (1970..year).map(|y| 365 + leap(y)).sum();
    let before = MONTHS.iter().zip(1..month).map(|(days, _)| days).sum::<i64>();
    years + before + if month > 2 { leap(year) } else { 0 } + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_the_files_write_them() {
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse("2010-12-01 08:26:00"), Some(1_291_191_960_000));
        assert_eq!(parse("2020-02-29 12:48:01.938488"), Some(1_582_980_481_938));
        assert_eq!(parse("2020-02-29"), None);
    }
}
