//! The set of segments whose inputs changed.
use alloc::vec::Vec;
use sillage_model::SegmentIndex;

/// A set of segments, as bits. The first 256 need no allocation, so that one can be made per fact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Touched {
    first: [u64; INLINE_WORDS],
    more: Vec<u64>,
}

/// Words that are kept in place.
const INLINE_WORDS: usize = 4;

impl Touched {
    /// Adds one segment.
    pub(crate) fn mark(&mut self, segment: SegmentIndex) {
        let word = usize::from(segment.0 / 64);
        let bit = 1 << (segment.0 % 64);
        if let Some(word) = self.first.get_mut(word) {
            *word |= bit;
            return;
        }
        let word = word - INLINE_WORDS;
        if word >= self.more.len() {
            self.more.resize(word + 1, 0);
        }
        self.more[word] |= bit;
    }

    /// Adds several segments.
    pub(crate) fn mark_all(&mut self, segments: &[SegmentIndex]) {
        for &segment in segments {
            self.mark(segment);
        }
    }

    /// Whether a segment is in it.
    pub(crate) fn contains(&self, segment: SegmentIndex) -> bool {
        let word = usize::from(segment.0 / 64);
        let word = self.first.get(word).or_else(|| self.more.get(word - INLINE_WORDS));
        word.is_some_and(|word| word & (1 << (segment.0 % 64)) != 0)
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.iter().chain(&self.more).all(|word| *word == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_marked_is_found() {
        let marked = [0, 63, 64, 255, 256, 999];
        let mut touched = Touched::default();
        assert!(touched.is_empty());
        for segment in marked {
            touched.mark_all(&[SegmentIndex(segment)]);
            assert!(!touched.is_empty());
        }
        let found = (0..2_000).filter(|i| touched.contains(SegmentIndex(*i)));
        assert_eq!(found.collect::<Vec<_>>(), marked);
        let mut far = Touched::default();
        far.mark(SegmentIndex(u16::MAX));
        assert!(!far.is_empty() && far.contains(SegmentIndex(u16::MAX)));
    }
}
