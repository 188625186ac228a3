//! What is kept about one person so that every rule can be answered.
//!
//! Each state is a function of the *set* of folded events, so facts may come in any order and two
//! histories merge into what one would have been. This file holds the shapes and how one entry goes
//! into a bounded list; which leaf keeps what is in `leaf`.
use super::condition::Plain;
use crate::limits::is_sane;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;
use serde::{Deserialize, Serialize};
use sillage_model::Corrupt;

/// The states of the leaves that have any, by leaf, ascending.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Features {
    pub(super) leaves: Vec<(u16, LeafState)>,
    /// No entry leaves the longest window that sees it before this instant. It only saves looking,
    /// so it is neither written nor compared; a freshly read state is looked at once.
    #[serde(skip, default = "always")]
    pub(super) stale_from: i64,
}

impl Default for Features {
    fn default() -> Self {
        Self { leaves: Vec::new(), stale_from: i64::MAX }
    }
}

impl PartialEq for Features {
    fn eq(&self, other: &Self) -> bool {
        self.leaves == other.leaves
    }
}

fn always() -> i64 {
    i64::MIN
}

impl Features {
    /// The state of one leaf.
    pub(super) fn of(&self, leaf: u16) -> Option<&LeafState> {
        let at = self.position(leaf).ok()?;
        Some(&self.leaves[at].1)
    }

    /// Checks what arithmetic on it relies on.
    pub(crate) fn check(&self) -> Result<(), Corrupt> {
        match self.leaves.iter().all(|(_, state)| state.is_sane()) {
            true => Ok(()),
            false => Err(Corrupt("a time or a count that no event gives")),
        }
    }

    /// Where a leaf's state is, or where it would be.
    pub(super) fn position(&self, leaf: u16) -> Result<usize, usize> {
        self.leaves.binary_search_by_key(&leaf, |(index, _)| *index)
    }
}

/// The state of one leaf.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum LeafState {
    /// How many events ever.
    Counter(u64),
    /// The latest time: what [`LeafState::Times`] is when one is enough.
    Latest(i64),
    /// The latest times, ascending; equal times stand side by side.
    Times(Vec<i64>),
    /// The earliest time.
    Earliest(i64),
    /// The sum of all values and how many there were.
    Sum { count: u64, micros: Micros },
    /// The smallest and the largest value.
    Extremes { min: f64, max: f64 },
    /// Values with their times, ascending.
    Numbers(Vec<NumberAt>),
    /// Distinct values with the latest time of each, ascending by that time.
    Distinct(Vec<HashAt>),
    /// The first or the last value.
    Value(Box<ValueAt>),
    /// All values in a window, ascending.
    Values(Vec<ValueAt>),
    /// Events with all that may be asked of them, ascending.
    Log(Vec<LogAt>),
    /// Events that are steps of a sequence, ascending.
    Steps(Vec<StepAt>),
    /// The sequence happened, and nothing can undo it.
    Latched,
}

/// An event, for windows that more than its time decides about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct LogAt {
    pub(super) at: i64,
    pub(super) tie: u64,
    /// The hash of its device; 0 where nobody asks.
    pub(super) device: u64,
    /// Whether it came in time to shape a session; false where nobody asks.
    pub(super) shapes: bool,
    /// The value of the property, where one is asked for.
    pub(super) value: Option<Kept>,
}

/// An instant at which steps of a sequence happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct StepAt {
    pub(super) at: i64,
    /// The hash of what all events of a chain have in common; 0 where nothing is asked for.
    pub(super) key: u64,
    /// Which steps, as bits.
    pub(super) steps: u16,
}

/// A number and when it was sent. `tie` orders events of the same millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct NumberAt {
    pub(super) at: i64,
    pub(super) tie: u64,
    pub(super) value: f64,
}

/// The hash of a value and the latest time it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct HashAt {
    pub(super) at: i64,
    pub(super) hash: u64,
}

/// A value and when it was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ValueAt {
    pub(super) at: i64,
    pub(super) tie: u64,
    pub(super) value: Kept,
}

/// A value that outlives its event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Kept {
    Bool(bool),
    Number(f64),
    Text(Box<str>),
}

/// Millionths, as two words so that a state needs no alignment of 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "i128", into = "i128")]
pub(super) struct Micros {
    high: i64,
    low: u64,
}

impl From<i128> for Micros {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the two halves are taken apart"
    )]
    fn from(whole: i128) -> Self {
        Self { high: (whole >> 64) as i64, low: whole as u64 }
    }
}

impl From<Micros> for i128 {
    fn from(micros: Micros) -> Self {
        (Self::from(micros.high) << 64) | Self::from(micros.low)
    }
}

impl Micros {
    /// The sum. It wraps, so that it stays independent of the order even beyond 10^32 units.
    pub(super) fn plus(self, other: i128) -> Self {
        Self::from(i128::from(self).wrapping_add(other))
    }

    /// The amount in units.
    pub(super) fn units(self) -> f64 {
        units(self.into())
    }
}

/// A number in millionths, half rounded away from zero. Beyond 10^24 units it is cut there, so that
/// no sum of fewer than 10^8 of them overflows.
pub(super) fn to_micros(value: f64) -> i128 {
    #[allow(clippy::cast_possible_truncation, reason = "10^30 is below 2^127")]
    let micros = libm::round(value.clamp(-1e24, 1e24) * 1e6) as i128;
    micros
}

/// Millionths in units: the nearest number to the exact decimal, as long as it has 15 digits.
pub(super) fn units(micros: i128) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "documented above")]
    let micros = micros as f64;
    micros / 1e6
}

impl Kept {
    pub(super) fn of(value: Plain<'_>) -> Option<Self> {
        Some(match value {
            Plain::Bool(b) => Self::Bool(b),
            Plain::Number(n) => Self::Number(n),
            Plain::Text(text) => Self::Text(text.into()),
            Plain::List(_) => return None,
        })
    }

    pub(super) fn plain(&self) -> Plain<'_> {
        match self {
            Self::Bool(b) => Plain::Bool(*b),
            Self::Number(n) => Plain::Number(*n),
            Self::Text(text) => Plain::Text(text),
        }
    }
}

impl LeafState {
    /// Whether its times and counts are such as events give.
    fn is_sane(&self) -> bool {
        match self {
            Self::Counter(count) => i64::try_from(*count).is_ok_and(is_sane),
            Self::Sum { count, .. } => i64::try_from(*count).is_ok_and(is_sane),
            Self::Latest(at) | Self::Earliest(at) => is_sane(*at),
            Self::Times(list) => list.iter().all(|at| is_sane(*at)),
            Self::Numbers(list) => list.iter().all(|held| is_sane(held.at)),
            Self::Distinct(list) => list.iter().all(|held| is_sane(held.at)),
            Self::Value(held) => is_sane(held.at),
            Self::Values(list) => list.iter().all(|held| is_sane(held.at)),
            Self::Log(list) => list.iter().all(|held| is_sane(held.at)),
            Self::Steps(list) => list.iter().all(|held| is_sane(held.at)),
            Self::Extremes { .. } | Self::Latched => true,
        }
    }
}

impl ValueAt {
    /// The order of (time, tie, value): total, so that it does not matter which came first.
    pub(super) fn order(&self, at: i64, tie: u64, value: Plain<'_>) -> Ordering {
        let time = (self.at, self.tie).cmp(&(at, tie));
        time.then_with(|| order_values(self.value.plain(), value))
    }
}

impl LogAt {
    /// The order of (time, tie, device, value).
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let key = |entry: &Self| (entry.at, entry.tie, entry.device);
        key(self).cmp(&key(other)).then_with(|| match (&self.value, &other.value) {
            (Some(a), Some(b)) => order_values(a.plain(), b.plain()),
            (a, b) => a.is_some().cmp(&b.is_some()),
        })
    }
}

impl NumberAt {
    /// The order of (time, tie, value).
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let time = (self.at, self.tie).cmp(&(other.at, other.tie));
        time.then_with(|| self.value.total_cmp(&other.value))
    }
}

pub(super) fn order_values(a: Plain<'_>, b: Plain<'_>) -> Ordering {
    match (a, b) {
        (Plain::Number(a), Plain::Number(b)) => a.total_cmp(&b),
        (Plain::Bool(a), Plain::Bool(b)) => a.cmp(&b),
        (Plain::Text(a), Plain::Text(b)) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}

/// The place of a value's type in the order of values.
pub(super) fn rank(value: Plain<'_>) -> u8 {
    match value {
        Plain::Bool(_) => 0,
        Plain::Number(_) => 1,
        Plain::Text(_) => 2,
        Plain::List(_) => 3,
    }
}

/// Puts an entry into an ascending list of at most `keep` entries, of which the smallest gives way.
/// Says whether the list changed.
pub(super) fn insert_bounded<T>(
    list: &mut Vec<T>,
    entry: T,
    keep: usize,
    order: impl Fn(&T, &T) -> Ordering,
) -> bool {
    let place = list.partition_point(|held| order(held, &entry) != Ordering::Greater);
    if list.len() < keep {
        list.insert(place, entry);
        return true;
    }
    if place == 0 || order(&list[0], &entry) == Ordering::Equal {
        return false;
    }
    list[..place].rotate_left(1);
    list[place - 1] = entry;
    true
}

/// Drops the smallest entries of an ascending list until at most `keep` are left.
pub(super) fn keep_latest<T>(list: &mut Vec<T>, keep: usize) {
    list.drain(..list.len().saturating_sub(keep));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn millionths_survive_two_words_and_the_codec() {
        for whole in [0, 1, -1, i128::from(u64::MAX), -i128::from(u64::MAX) - 5, 10_i128.pow(30)] {
            assert_eq!(i128::from(Micros::from(whole)), whole);
            let bytes = postcard::to_allocvec(&Micros::from(whole)).unwrap();
            assert_eq!(postcard::from_bytes::<Micros>(&bytes).unwrap(), Micros::from(whole));
        }
    }

    #[test]
    fn decimals_sum_to_what_their_digits_say() {
        let sum = Micros::from(0).plus(to_micros(0.1)).plus(to_micros(0.2));
        assert_eq!(sum.units().to_bits(), 0.3_f64.to_bits());
        assert_eq!(to_micros(0.000_000_5), 1);
        assert_eq!(to_micros(-0.000_000_5), -1);
        assert_eq!(to_micros(f64::MAX), to_micros(1e24));
        assert_eq!(to_micros(f64::MIN), -to_micros(1e24));
    }

    #[test]
    fn a_bounded_list_keeps_the_largest_with_repeats() {
        let mut list = Vec::new();
        for n in [5, 3, 5, 1, 9, 5, 2] {
            insert_bounded(&mut list, n, 4, i32::cmp);
        }
        assert_eq!(list, [5, 5, 5, 9]);
        assert!(!insert_bounded(&mut list, 5, 4, i32::cmp));
    }

    #[test]
    fn a_leaf_costs_forty_bytes_and_its_heap() {
        assert_eq!(size_of::<(u16, LeafState)>(), 40);
    }
}
