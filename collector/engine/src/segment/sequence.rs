//! Sequences: whether events came one after the other, and until when that answer holds.
//!
//! All kept events of a person are walked in the order of time. For each step the walk holds how it
//! may have been reached: when the chain began (which decides when it leaves the window) and since
//! when the next `within` counts. Of two ways the one that is later in both is better whatever comes,
//! so only those stay that no other beats; mostly that is one. Events of the same millisecond are in
//! no order: a step is strictly later than the one before it.
use super::ast::Events;
use super::condition::Property;
use super::feature::StepAt;
use alloc::vec::Vec;

/// A sequence, laid out for the walk.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SequencePlan {
    /// What an event must be to be a step; the place of each is its bit.
    pub(super) steps: Vec<StepTest>,
    /// The steps that must come, in order.
    pub(super) chain: Vec<Link>,
    /// What must not come after the last of them.
    pub(super) tail: Vec<Tail>,
    /// How long ago the first may be.
    pub(super) window_ms: Option<i64>,
    /// What all events have in common.
    pub(super) same: Vec<Property>,
}

/// What makes an event a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StepTest {
    pub(super) events: Events,
    pub(super) predicate: Option<u16>,
}

/// A step that must come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    /// Its bit.
    pub(super) step: u16,
    /// Less than so long after the latest earlier step that has such a time, or the first.
    pub(super) within_ms: Option<i64>,
    /// The bits of what must not come between the step before it and it.
    pub(super) forbidden: u16,
}

/// A step that must not come after the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail {
    /// Its bit.
    pub(super) step: u16,
    /// For so long; for ever if there is no time.
    pub(super) within_ms: Option<i64>,
}

/// A stretch of time in which the sequence counts as having happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stretch {
    from: i64,
    to: i64,
}

/// How a step was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    /// When the chain leaves the window.
    leaves: i64,
    /// Since when the next `within` counts.
    anchor: i64,
}

/// After all time.
const NEVER: i64 = i64::MAX;

impl SequencePlan {
    /// Whether no event can undo it.
    pub(super) fn only_rises(&self) -> bool {
        self.chain.iter().all(|link| link.forbidden == 0) && self.tail.is_empty()
    }

    /// Whether it can be forgotten how it happened, once it has: nothing undoes it.
    pub(super) fn latches(&self) -> bool {
        self.only_rises() && self.window_ms.is_none()
    }

    /// Whether it happened as of `now`, and until when that answer holds by time alone. The entries
    /// are ascending, none is after `now`.
    ///
    /// # Cost
    /// Steps times entries, as long as few ways compete; allocates a few short lists.
    pub(super) fn seen(&self, entries: &[StepAt], now: i64) -> (bool, i64) {
        let mut stretches = Vec::new();
        if self.same.is_empty() {
            self.walk(entries, &mut stretches);
        } else {
            let mut by_key = entries.to_vec();
            by_key.sort_by_key(|entry| (entry.key, entry.at));
            for chain in by_key.chunk_by(|a, b| a.key == b.key) {
                self.walk(chain, &mut stretches);
            }
        }
        stretches.sort_unstable();
        union_at(&stretches, now)
    }

    /// Walks events that may belong to one chain.
    fn walk(&self, entries: &[StepAt], stretches: &mut Vec<Stretch>) {
        let last = self.chain.len() - 1;
        let mut reached: Vec<Vec<Way>> = alloc::vec![Vec::new(); self.chain.len()];
        for (place, entry) in entries.iter().enumerate() {
            // From the end, so that each step sees how the one before it was reached before now.
            for index in (0..self.chain.len()).rev() {
                let link = self.chain[index];
                let ways = if entry.steps & link.step == 0 {
                    Vec::new()
                } else {
                    self.ways_to(index, entry.at, &reached)
                };
                let next = self.chain.get(index + 1);
                if next.is_some_and(|next| entry.steps & next.forbidden != 0) {
                    reached[index].clear();
                }
                if index == last {
                    let leaves = ways.iter().map(|way| way.leaves).max();
                    let from = self.completed(entry.at, &entries[place + 1..]);
                    if let (Some(from), Some(to)) = (from, leaves)
                        && from < to
                    {
                        stretches.push(Stretch { from, to });
                    }
                } else {
                    ways.into_iter().for_each(|way| add(&mut reached[index], way));
                }
            }
        }
    }

    /// How a step is reached at `at`.
    fn ways_to(&self, index: usize, at: i64, reached: &[Vec<Way>]) -> Vec<Way> {
        let Some(before) = index.checked_sub(1) else {
            let leaves = self.window_ms.map_or(NEVER, |window| at.saturating_add(window));
            return alloc::vec![Way { leaves, anchor: at }];
        };
        let within_ms = self.chain[index].within_ms;
        let in_time = |way: &&Way| within_ms.is_none_or(|within| at - way.anchor < within);
        let on = |way: &Way| Way { anchor: within_ms.map_or(way.anchor, |_| at), ..*way };
        reached[before].iter().filter(in_time).map(on).collect()
    }

    /// From when on a chain whose last step was at `at` counts; `None` if what must not come came.
    fn completed(&self, at: i64, after: &[StepAt]) -> Option<i64> {
        let mut from = at;
        for tail in &self.tail {
            let until = tail.within_ms.map_or(NEVER, |within| at.saturating_add(within));
            let near = after.iter().take_while(|entry| entry.at < until);
            if near.filter(|entry| entry.at > at).any(|entry| entry.steps & tail.step != 0) {
                return None;
            }
            if tail.within_ms.is_some() {
                from = from.max(until);
            }
        }
        Some(from)
    }
}

/// Adds a way unless another beats it, and drops those that it beats.
fn add(ways: &mut Vec<Way>, way: Way) {
    let beats = |a: &Way, b: &Way| a.leaves >= b.leaves && a.anchor >= b.anchor;
    if ways.iter().any(|other| beats(other, &way)) {
        return;
    }
    ways.retain(|other| !beats(&way, other));
    ways.push(way);
}

/// Whether any of the stretches, which are sorted, holds `now`, and when that changes.
fn union_at(stretches: &[Stretch], now: i64) -> (bool, i64) {
    let mut reach = None;
    for stretch in stretches.iter().filter(|stretch| stretch.to > now) {
        match reach {
            _ if stretch.from <= now => reach = reach.max(Some(stretch.to)),
            None => return (false, stretch.from),
            Some(to) if stretch.from <= to => reach = Some(to.max(stretch.to)),
            Some(to) => return (true, to),
        }
    }
    (reach.is_some(), reach.unwrap_or(NEVER))
}
