use std::collections::BTreeSet;

/// When which person changes by itself: one entry a person at most, ordered by deadline.
///
/// # Cost
/// About 40 bytes an armed person; O(log n) to move one.
#[derive(Debug, Default)]
pub(crate) struct Wakes(BTreeSet<(i64, u32)>);

impl Wakes {
    pub(crate) fn reschedule(&mut self, slot: u32, before: Option<i64>, after: Option<i64>) {
        if before == after {
            return;
        }
        if let Some(at) = before {
            self.0.remove(&(at, slot));
        }
        if let Some(at) = after {
            self.0.insert((at, slot));
        }
    }

    pub(crate) fn next_at(&self) -> Option<i64> {
        self.0.first().map(|&(at, _)| at)
    }

    /// The earliest person due at `now`, without removing it: the caller reschedules it.
    pub(crate) fn due(&self, now: i64) -> Option<(i64, u32)> {
        self.0.first().copied().filter(|&(at, _)| at <= now)
    }
}
