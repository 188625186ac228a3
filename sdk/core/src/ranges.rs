//! A set of sequence numbers, kept as ranges: what is pending is mostly one run.
use crate::codec::{Source, put_u64};
use alloc::vec::Vec;

/// Ascending, apart from each other, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// Of numbers in ascending order.
    pub(crate) fn of(numbers: impl Iterator<Item = u64>) -> Self {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for number in numbers {
            match ranges.last_mut() {
                Some((_, last)) if number <= *last + 1 => *last = number.max(*last),
                _ => ranges.push((number, number)),
            }
        }
        Self(ranges)
    }

    pub(crate) fn contains(&self, number: u64) -> bool {
        let after = self.0.partition_point(|&(first, _)| first <= number);
        let before = after.checked_sub(1).and_then(|index| self.0.get(index));
        before.is_some_and(|&(_, last)| number <= last)
    }

    /// How many numbers; `None` if they are more than can be counted.
    pub(crate) fn count(&self) -> Option<u64> {
        let mut lens = self.0.iter().map(|(first, last)| last - first + 1);
        lens.try_fold(0u64, u64::checked_add)
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

    pub(crate) fn decode(source: &mut Source<'_>) -> Option<Self> {
        let len = source.len()?;
        let mut ranges = Vec::with_capacity(len);
        let mut before = 0u64;
        for _ in 0..len {
            let first = before.checked_add(source.u64()?)?;
            let last = first.checked_add(source.u64()?)?;
            if first <= before && !ranges.is_empty() || last == u64::MAX {
                return None;
            }
            ranges.push((first, last));
            before = last;
        }
        Some(Self(ranges))
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
            let ranges = Ranges::of(set.iter().copied());
            prop_assert_eq!(ranges.count(), Some(set.len() as u64));
            let found: BTreeSet<u64> = (0..70).filter(|&n| ranges.contains(n)).collect();
            prop_assert_eq!(&found, &set);
            let mut out = Vec::new();
            ranges.encode(&mut out);
            prop_assert_eq!(Ranges::decode(&mut Source(&out)), Some(ranges));
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(ranges) = Ranges::decode(&mut Source(&bytes)) {
                ranges.contains(5);
            }
        }
    }
}
