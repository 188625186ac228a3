//! The ids of the newest blocks, in memory.
use super::filter::mix;
use super::run::Coverage;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Ids of a stretch of the journal that no run covers yet.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(crate) ids: HashSet<u128, BuildHasherDefault<IdHasher>>,
    pub(crate) coverage: Coverage,
}

impl Generation {
    /// Covers nothing yet, from `from` on.
    pub(crate) fn starting(from: u64, salt: u64) -> Self {
        let coverage = Coverage { from, to: from, least_ms: i64::MAX, largest_ms: i64::MIN, salt };
        Self { ids: HashSet::default(), coverage }
    }

    /// Covers up to `to`, which was received at `received`.
    pub(crate) fn extend(&mut self, to: u64, received: i64) {
        self.coverage.to = to;
        self.coverage.least_ms = self.coverage.least_ms.min(received);
        self.coverage.largest_ms = self.coverage.largest_ms.max(received);
    }

    pub(crate) fn sorted(&self) -> Vec<u128> {
        let mut ids: Vec<u128> = self.ids.iter().copied().collect();
        ids.sort_unstable();
        ids
    }
}

/// Ids are keyed hashes already, so no stranger can choose them to collide.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = mix(u128::from(self.0) << 8 | u128::from(byte));
        }
    }

    fn write_u128(&mut self, id: u128) {
        self.0 = mix(id);
    }
}
