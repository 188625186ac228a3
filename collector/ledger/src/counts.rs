use crate::bytes::{cut, put_number, put_text, take_number, take_text};
use crate::limits::{REASON_BYTES_MAX, REASONS_MAX};
use alloc::boxed::Box;
use alloc::vec::Vec;
use sillage_model::Corrupt;

/// Events by code or reason, each name once, in the order of names. Compact, for every
/// installation has some: empty, it is two words and allocates nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts(Box<[(Box<str>, u64)]>);

impl Counts {
    /// Nothing counted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All names and their counts, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, count)| (&**name, *count))
    }

    /// How many were counted under `name`.
    #[must_use]
    pub fn of(&self, name: &str) -> u64 {
        self.place(name).map_or(0, |place| self.0[place].1)
    }

    /// How many were counted under any name.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Counts `count` more under `name`, which is cut to [`REASON_BYTES_MAX`]. A name beyond
    /// [`REASONS_MAX`] is not kept.
    pub fn add(&mut self, name: &str, count: u64) {
        self.change(name, |known| known.saturating_add(count));
    }

    /// Raises every count to that of `other`, where that is more.
    pub fn raise(&mut self, other: &Self) {
        for (name, count) in other.iter() {
            self.change(name, |known| known.max(count));
        }
    }

    /// What is counted here beyond `before`.
    #[must_use]
    pub fn beyond(&self, before: &Self) -> Self {
        let left = self.iter().map(|(name, count)| (name, count.saturating_sub(before.of(name))));
        let left = left.filter(|(_, count)| *count > 0);
        Self(left.map(|(name, count)| (name.into(), count)).collect())
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(name))
    }

    fn change(&mut self, name: &str, act: impl FnOnce(u64) -> u64) {
        let name = cut(name, REASON_BYTES_MAX);
        match self.place(name) {
            Ok(place) => self.0[place].1 = act(self.0[place].1),
            Err(place) => {
                let count = act(0);
                if count > 0 && self.0.len() < REASONS_MAX {
                    let mut counts = core::mem::take(&mut self.0).into_vec();
                    counts.insert(place, (name.into(), count));
                    self.0 = counts.into_boxed_slice();
                }
            }
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_number(self.0.len() as u64, out);
        for (name, count) in self.iter() {
            put_text(name, out);
            put_number(count, out);
        }
    }

    pub(crate) fn decode(rest: &mut &[u8]) -> Result<Self, Corrupt> {
        let mut counts = Self::default();
        for _ in 0..take_number(rest)? {
            let name = take_text(rest)?;
            counts.add(name, take_number(rest)?);
        }
        Ok(counts)
    }
}

impl<'a> FromIterator<(&'a str, u64)> for Counts {
    fn from_iter<I: IntoIterator<Item = (&'a str, u64)>>(pairs: I) -> Self {
        let mut counts = Self::default();
        pairs.into_iter().for_each(|(name, count)| counts.add(name, count));
        counts
    }
}
