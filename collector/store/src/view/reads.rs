//! How often each segment was read, so that an audit can tell those that nobody asks for.
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Reads by segment since the process started. Kept by key, so that they outlive a change of rules.
#[derive(Debug, Default)]
pub struct Reads {
    by_key: RwLock<BTreeMap<Box<str>, AtomicU64>>,
}

impl Reads {
    /// One more read of this segment. The caller sees to it that there is one, which bounds how many
    /// are counted.
    ///
    /// # Cost
    /// A shared lock and one search by name.
    pub fn count(&self, key: &str) {
        if let Some(count) = self.by_key.read().get(key) {
            count.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut by_key = self.by_key.write();
        by_key.entry(key.into()).or_default().fetch_add(1, Ordering::Relaxed);
    }

    /// How often this segment was read.
    #[must_use]
    pub fn of(&self, key: &str) -> u64 {
        self.by_key.read().get(key).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_counted_by_segment() {
        let reads = Reads::default();
        for key in ["vip", "new", "vip"] {
            reads.count(key);
        }
        assert_eq!((reads.of("vip"), reads.of("new"), reads.of("other")), (2, 1, 0));
    }
}
