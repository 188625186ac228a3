use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A percentage with at most two decimals, kept in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Percent(u16);

impl Percent {
    /// From 0 to 10 000.
    pub(crate) fn hundredths(self) -> u16 {
        self.0
    }

    /// As it is written.
    pub(crate) fn value(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    fn parse(value: f64) -> Option<Self> {
        let hundredths = (value * 100.0).round();
        let exact = (value * 100.0 - hundredths).abs() < 1e-6;
        let found = (0..=10_000).find(|&n| f64::from(n) == hundredths);
        found.filter(|_| exact).map(Self)
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.value())
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        Self::parse(value).ok_or_else(|| {
            de::Error::custom(format!(
                "{value} is no percentage: write a number from 0 to 100 with at most two decimals"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_have_two_decimals_at_most() {
        let table = [
            (0.0, Some(0)),
            (12.5, Some(1_250)),
            (0.29, Some(29)),
            (99.99, Some(9_999)),
            (100.0, Some(10_000)),
            (100.01, None),
            (-0.5, None),
            (0.125, None),
            (f64::NAN, None),
        ];
        for (value, want) in table {
            assert_eq!(Percent::parse(value).map(Percent::hundredths), want, "{value}");
        }
    }
}
