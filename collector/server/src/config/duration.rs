use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::time::Duration;

/// A length of time as it is written in the configuration: `250ms`, `30s`, `30m`, `24h`, `7d`, `2w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span(u64);

/// The longest length that is accepted, as in rules.
const SPAN_MAX_MS: u64 = 5 * 366 * 86_400_000;

impl Span {
    pub(crate) const fn from_secs(secs: u64) -> Self {
        Self(secs * 1000)
    }

    pub(crate) fn ms(self) -> i64 {
        i64::try_from(self.0).expect("bounded by SPAN_MAX_MS")
    }

    pub(crate) fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at_checked(digits)?;
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            _ => return None,
        };
        let ms = number.parse::<u64>().ok()?.checked_mul(unit_ms)?;
        (ms <= SPAN_MAX_MS).then_some(Self(ms))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(604_800_000, "w"), (86_400_000, "d"), (3_600_000, "h"), (60_000, "m")];
        for (ms, unit) in units.into_iter().chain([(1_000, "s"), (1, "ms")]) {
            if self.0 > 0 && self.0.is_multiple_of(ms) {
                return write!(f, "{}{unit}", self.0 / ms);
            }
        }
        f.write_str("0ms")
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "`{text}` is no length of time: write a whole number and one of ms, s, m, h, d, w, \
                 such as \"30m\", at most five years"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_read_as_people_write_them() {
        let table = [
            ("250ms", Some(250)),
            ("30m", Some(1_800_000)),
            ("24h", Some(86_400_000)),
            ("2w", Some(14 * 86_400_000)),
            ("0s", Some(0)),
            ("30", None),
            ("m", None),
            ("-1s", None),
            ("1.5h", None),
            ("6000d", None),
            ("99999999999999999999d", None),
            ("1é", None),
        ];
        for (text, ms) in table {
            assert_eq!(Span::parse(text).map(Span::ms), ms, "{text}");
        }
        assert_eq!(Span::from_secs(5_400).to_string(), "90m");
    }
}
