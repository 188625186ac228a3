//! Which segments may go.
use crate::journal::Span;

/// By what the oldest segments are judged. A limit of 0 keeps everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retention {
    pub(crate) bytes: u64,
    pub(crate) age_ms: i64,
    /// Blocks from here on are still needed.
    pub(crate) keep_from: u64,
    pub(crate) now: i64,
}

impl Retention {
    /// How many of the oldest segments may be removed. Never the last, which is being written.
    pub(crate) fn removable(&self, spans: &[Span]) -> usize {
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return 0 };
        let end = last.end;
        let oldest_kept = self.now.saturating_sub(self.age_ms);
        let mut bytes = end - first.base;
        let mut removable = 0;
        for span in spans {
            let too_much = self.bytes > 0 && bytes > self.bytes;
            let too_old = self.age_ms > 0 && span.closed.is_some_and(|at| at < oldest_kept);
            let is_active = span.closed.is_none();
            if is_active || span.end > self.keep_from || !(too_much || too_old) {
                break;
            }
            bytes -= span.end - span.base;
            removable += 1;
        }
        removable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: [Span; 4] = [
        Span { base: 0, end: 100, created: 0, closed: Some(10) },
        Span { base: 100, end: 200, created: 10, closed: Some(20) },
        Span { base: 200, end: 300, created: 20, closed: Some(30) },
        Span { base: 300, end: 350, created: 30, closed: None },
    ];

    #[test]
    fn only_old_or_surplus_segments_that_nobody_needs_go() {
        // (bytes, age, keep_from, removable)
        let cases = [
            (0, 0, u64::MAX, 0),
            (1, 0, u64::MAX, 3),
            (1, 0, 299, 2),
            (1, 0, 0, 0),
            (250, 0, u64::MAX, 1),
            (150, 0, u64::MAX, 2),
            (350, 0, u64::MAX, 0),
            (0, 85, u64::MAX, 1),
            (0, 85, 99, 0),
            (0, 1, u64::MAX, 3),
        ];
        for (bytes, age_ms, keep_from, removable) in cases {
            let retention = Retention { bytes, age_ms, keep_from, now: 100 };
            assert_eq!(retention.removable(&FOUR), removable, "{retention:?}");
        }
    }
}
