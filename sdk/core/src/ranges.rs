//! A set of sequence numbers, kept as ranges: what is pending is mostly one run.
use crate::codec::{Source, put_u64};
use crate::limits::SEQ_MAX;
use alloc::vec::Vec;

/// Ascending, apart from each other, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// Adds a number higher than all others.
    pub(crate) fn push(&mut self, number: u64) {
        match self.0.last_mut() {
            Some((_, last)) if number == *last + 1 => *last = number,
            _ => self.0.push((number, number)),
        }
    }

    pub(crate) fn contains(&self, number: u64) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }

    /// How many numbers.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, self.0.len() as u64);
        let mut before = 0;
        for &(first, last) in &self.0 {
            put_u64(out, first - before);
            put_u64(out, last - first);
            before = last;
        }
    }

    pub(crate) fn decode(source: &mut Source<'_>) -> Self {
        let mut ranges = Self::default();
        let mut before = 0;
        for _ in 0..source.len() {
            let (gap, len) = (source.u64(), source.u64());
            source.must(gap > 0 && gap < SEQ_MAX && len < SEQ_MAX && before < SEQ_MAX);
            if !source.is_whole() {
                break;
            }
            let first = before + gap;
            before = first + len;
            ranges.0.push((first, before));
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn ranges_are_the_set_they_were_made_of(set in prop::collection::btree_set(1u64..60, 0..40)) {
            let mut ranges = Ranges::default();
            set.iter().for_each(|number| ranges.push(*number));
            prop_assert_eq!(ranges.count(), set.len() as u64);
            let found: BTreeSet<u64> = (0..70).filter(|&n| ranges.contains(n)).collect();
            prop_assert_eq!(&found, &set);
            let mut out = Vec::new();
            ranges.encode(&mut out);
            prop_assert_eq!(Ranges::decode(&mut Source::new(&out)), ranges);
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let ranges = Ranges::decode(&mut Source::new(&bytes));
            prop_assert!(!ranges.contains(5) || ranges.count() > 0);
        }
    }
}
