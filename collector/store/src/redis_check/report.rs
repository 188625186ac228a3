//! What a comparison found.
use crate::limits::REDIS_CHECK_NAMED_MAX;
use std::time::Duration;

/// How Redis can differ from what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A key or a member of a sorted set is not in Redis.
    Missing,
    /// Redis has a key or a member that should not be there.
    Extra,
    /// The content is another.
    Different,
    /// The version in Redis is above the one shown, so the writer would be refused.
    Ahead,
    /// The content is right, but it would expire at another time.
    Lifetime,
    /// It went on changing, or waiting to be written, for as long as was waited.
    Unsettled,
}

impl Fault {
    /// All of them, in the order of [`RedisReport::counts`].
    pub const ALL: [Self; 6] =
        [Self::Missing, Self::Extra, Self::Different, Self::Ahead, Self::Lifetime, Self::Unsettled];

    /// Its name for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Different => "different",
            Self::Ahead => "ahead",
            Self::Lifetime => "lifetime",
            Self::Unsettled => "unsettled",
        }
    }
}

/// One key, or one member of a sorted set, that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// In which way.
    pub fault: Fault,
    /// The key in Redis. It holds the id of a person: for people who asked, not for logs.
    pub key: String,
    /// Which field or member, without any value.
    pub what: String,
}

/// The outcome of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RedisReport {
    /// Persons with a user id whose hashes were compared.
    pub persons: u64,
    /// Devices whose hashes were compared, linked or not.
    pub devices: u64,
    /// Keys that were compared: hashes, sorted sets, the two single ones, and those of Redis that
    /// nobody expected.
    pub keys: u64,
    /// Members of sorted sets that were compared.
    pub members: u64,
    /// How many differences there are of each kind, in the order of [`Fault::ALL`].
    pub counts: [u64; Fault::ALL.len()],
    /// The first differences, [`REDIS_CHECK_NAMED_MAX`] at most.
    pub first: Vec<Difference>,
    /// How many differences a rebuild mended before this comparison.
    pub mended: u64,
    /// How long it took.
    pub took: Duration,
}

impl RedisReport {
    /// How many differences of this kind there are.
    #[must_use]
    pub fn count(&self, fault: Fault) -> u64 {
        self.counts[fault as usize]
    }

    /// How many differences there are.
    #[must_use]
    pub fn differences(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Whether Redis holds exactly what is shown.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.differences() == 0
    }

    pub(super) fn add(&mut self, difference: Difference) {
        self.counts[difference.fault as usize] += 1;
        if self.first.len() < REDIS_CHECK_NAMED_MAX {
            self.first.push(difference);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_differences_count_and_only_the_first_are_named() {
        let mut report = RedisReport::default();
        assert!(report.is_clean());
        for number in 0..100 {
            let fault = Fault::ALL[number % Fault::ALL.len()];
            report.add(Difference { fault, key: number.to_string(), what: String::new() });
        }
        assert_eq!((report.differences(), report.first.len()), (100, REDIS_CHECK_NAMED_MAX));
        assert_eq!((report.count(Fault::Missing), report.count(Fault::Unsettled)), (17, 16));
    }
}
