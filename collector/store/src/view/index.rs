//! Who is in a segment, in the order of entry: the reverse of the profiles' memberships.
//!
//! Only members and times of entry are kept. The time of one member is read from its profile.
use crate::keys::segment_shard;
use crate::limits::SEGMENT_SHARDS;
use parking_lot::RwLock;
use sillage_model::{Membership, SegmentIndex};
use std::collections::BTreeSet;
use std::ops::{Bound, RangeInclusive};
use std::sync::atomic::{AtomicU64, Ordering};

/// A member of a segment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// When it came in, in milliseconds since the epoch: the score.
    pub entered_at: i64,
    /// `u:<id>` or `a:<id>`.
    pub member: Box<str>,
}

/// In which direction a sorted set is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Earliest entry first.
    Ascending,
    /// Latest entry first.
    Descending,
}

type Set = RwLock<BTreeSet<Listed>>;

/// All segments, each in its sixteen sorted sets.
#[derive(Debug)]
pub(super) struct Index {
    segments: Vec<[Set; SEGMENT_SHARDS as usize]>,
    /// How many are held out of each segment.
    held_out: Vec<AtomicU64>,
}

impl Index {
    pub(super) fn new(segments: usize) -> Self {
        Self {
            segments: (0..segments).map(|_| Default::default()).collect(),
            held_out: (0..segments).map(|_| AtomicU64::default()).collect(),
        }
    }

    /// Makes the sets list `member` as `after` says, who was listed as `before` says.
    pub(super) fn replace(&self, member: &str, before: &[Membership], after: &[Membership]) {
        if before == after {
            return;
        }
        let shard = segment_shard(member);
        let listed = |m: &Membership| Listed { entered_at: m.entered_at.0, member: member.into() };
        for old in before.iter().filter(|old| !after.contains(old)) {
            if let Some(set) = self.set(old.segment, shard) {
                set.write().remove(&listed(old));
            }
        }
        for new in after.iter().filter(|new| !before.contains(new)) {
            if let Some(set) = self.set(new.segment, shard) {
                set.write().insert(listed(new));
            }
        }
    }

    /// Counts somebody as held out as `after` says, who was counted as `before` says.
    pub(super) fn recount(&self, before: &[Membership], after: &[Membership]) {
        let counter = |m: &Membership| self.held_out.get(usize::from(m.segment.0));
        for count in after.iter().filter_map(counter) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        for count in before.iter().filter_map(counter) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn held_out(&self, segment: SegmentIndex) -> u64 {
        self.held_out.get(usize::from(segment.0)).map_or(0, |c| c.load(Ordering::Relaxed))
    }

    pub(super) fn count(&self, segment: SegmentIndex, shard: u8) -> usize {
        self.set(segment, shard).map_or(0, |set| set.read().len())
    }

    /// Members from rank `start` to rank `stop`, both included, counted from 0 in this order.
    pub(super) fn by_rank(
        &self,
        (segment, shard): (SegmentIndex, u8),
        start: usize,
        stop: usize,
        order: Order,
    ) -> Vec<Listed> {
        let Some(set) = self.set(segment, shard) else { return Vec::new() };
        let set = set.read();
        let count = stop.saturating_add(1).saturating_sub(start);
        match order {
            Order::Ascending => set.iter().skip(start).take(count).cloned().collect(),
            Order::Descending => set.iter().rev().skip(start).take(count).cloned().collect(),
        }
    }

    /// Members whose time of entry is in `times`, without the first `offset`, at most `limit`.
    pub(super) fn by_time(
        &self,
        (segment, shard): (SegmentIndex, u8),
        times: RangeInclusive<i64>,
        order: Order,
        (offset, limit): (usize, usize),
    ) -> Vec<Listed> {
        let Some(set) = self.set(segment, shard) else { return Vec::new() };
        if times.is_empty() {
            return Vec::new();
        }
        let from = Bound::Included(first_at(*times.start()));
        let to = times.end().checked_add(1).map_or(Bound::Unbounded, |end| {
            // No member is empty, so nothing that entered at `end` lies before this.
            Bound::Excluded(first_at(end))
        });
        let set = set.read();
        let range = set.range((from, to));
        match order {
            Order::Ascending => range.skip(offset).take(limit).cloned().collect(),
            Order::Descending => range.rev().skip(offset).take(limit).cloned().collect(),
        }
    }

    /// One step of a scan: at least `count` members if there are, and the cursor to go on from, 0
    /// at the end. Members of the same millisecond come together, so that the cursor can be a
    /// time; it stays below 2^53, which every client can count to.
    pub(super) fn scan(
        &self,
        (segment, shard): (SegmentIndex, u8),
        cursor: u64,
        count: usize,
    ) -> (u64, Vec<Listed>) {
        let Some(set) = self.set(segment, shard) else { return (0, Vec::new()) };
        let from = if cursor == 0 { i64::MIN } else { i64::try_from(cursor).unwrap_or(i64::MAX) };
        let set = set.read();
        let mut out: Vec<Listed> = Vec::new();
        for listed in set.range(first_at(from)..) {
            // Times before 1970 count as one millisecond, for a cursor cannot be negative.
            let last = out.last().map_or(i64::MIN, |last| last.entered_at.max(0));
            if out.len() >= count && listed.entered_at > last {
                return (u64::try_from(last).map_or(1, |last| last + 1), out);
            }
            out.push(listed.clone());
        }
        (0, out)
    }

    /// Up to `limit` members of all sixteen sets after `after`, in the order of entry.
    pub(super) fn page(
        &self,
        segment: SegmentIndex,
        after: Option<&Listed>,
        limit: usize,
    ) -> Vec<Listed> {
        let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.clone()));
        let mut out = Vec::new();
        for set in self.segments.get(usize::from(segment.0)).into_iter().flatten() {
            let set = set.read();
            out.extend(set.range((from.clone(), Bound::Unbounded)).take(limit).cloned());
        }
        out.sort_unstable();
        out.truncate(limit);
        out
    }

    fn set(&self, segment: SegmentIndex, shard: u8) -> Option<&Set> {
        self.segments.get(usize::from(segment.0))?.get(usize::from(shard))
    }
}

fn first_at(entered_at: i64) -> Listed {
    Listed { entered_at, member: Box::default() }
}
