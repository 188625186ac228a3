//! How often each fault and each rare branch was met, so that a world without trouble is noticed.
use std::collections::BTreeMap;

/// Counters by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Met(BTreeMap<&'static str, u64>);

impl Met {
    /// Counts one.
    pub fn one(&mut self, what: &'static str) {
        self.many(what, 1);
    }

    /// Counts `n`.
    pub fn many(&mut self, what: &'static str, n: u64) {
        *self.0.entry(what).or_default() += n;
    }

    /// Adds another world's counters.
    pub fn add(&mut self, other: &Self) {
        for (what, n) in &other.0 {
            self.many(what, *n);
        }
    }

    /// How often something was met.
    #[must_use]
    pub fn count(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(what, n)| (*what, *n))
    }
}
