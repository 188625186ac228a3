//! The stream of transitions: bounded, in memory, read like a Redis stream.
use crate::Labels;
use crate::limits::CHANGES_MAX;
use parking_lot::RwLock;
use sillage_model::{Profile, SegmentChange, Transition};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use tokio::sync::Notify;

/// The id of a stream entry, written `<ms>-<seq>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId {
    /// When it was published, in milliseconds since the epoch.
    pub ms: u64,
    /// Its number within that millisecond.
    pub seq: u64,
}

impl StreamId {
    /// Not above any id.
    pub const MIN: Self = Self { ms: 0, seq: 0 };
    /// Not below any id.
    pub const MAX: Self = Self { ms: u64::MAX, seq: u64::MAX };

    /// The next id; [`StreamId::MAX`] follows itself.
    #[must_use]
    pub fn next(self) -> Self {
        match self.seq.checked_add(1) {
            Some(seq) => Self { ms: self.ms, seq },
            None => self.ms.checked_add(1).map_or(Self::MAX, |ms| Self { ms, seq: 0 }),
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// Somebody came into a segment or left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in the stream.
    pub id: StreamId,
    /// `u:<id>` or `a:<id>`.
    pub member: Box<str>,
    /// The key of the segment. Not its number, which other rules may give to another segment.
    pub segment: Arc<str>,
    /// In or out.
    pub change: SegmentChange,
    /// When, in milliseconds since the epoch.
    pub at: i64,
    /// The version of the profile that shows it.
    pub version: u64,
}

/// A change that has no place in the stream yet.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) member: Box<str>,
    pub(super) segment: Arc<str>,
    pub(super) change: SegmentChange,
    pub(super) at: i64,
    pub(super) version: u64,
}

/// The latest transitions of a project.
#[derive(Debug, Default)]
pub struct Changes {
    kept: RwLock<Kept>,
    appended: Notify,
}

#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<Change>,
    last: StreamId,
    added: u64,
}

impl Changes {
    /// How many entries are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.read().entries.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many entries there have ever been.
    #[must_use]
    pub fn added(&self) -> u64 {
        self.kept.read().added
    }

    /// The id of the last entry, [`StreamId::MIN`] if there was none.
    #[must_use]
    pub fn last_id(&self) -> StreamId {
        self.kept.read().last
    }

    /// The first `limit` entries from `start` to `end`, both included.
    #[must_use]
    pub fn range(&self, start: StreamId, end: StreamId, limit: usize) -> Vec<Change> {
        let kept = self.kept.read();
        let from = kept.entries.partition_point(|entry| entry.id < start);
        let entries = kept.entries.range(from..);
        entries.take_while(|entry| entry.id <= end).take(limit).cloned().collect()
    }

    /// The last `limit` entries from `start` to `end`, both included, latest first.
    #[must_use]
    pub fn range_back(&self, start: StreamId, end: StreamId, limit: usize) -> Vec<Change> {
        let kept = self.kept.read();
        let to = kept.entries.partition_point(|entry| entry.id <= end);
        let entries = kept.entries.range(..to).rev();
        entries.take_while(|entry| entry.id >= start).take(limit).cloned().collect()
    }

    /// Waits until there is an entry after `id`. Nothing is lost if the wait is given up.
    pub async fn wait_after(&self, id: StreamId) {
        loop {
            // Listening begins before looking, so that an entry in between is not missed.
            let mut appended = std::pin::pin!(self.appended.notified());
            appended.as_mut().enable();
            if self.last_id() > id {
                return;
            }
            appended.await;
        }
    }

    pub(super) fn append(
        &self,
        labels: &Labels,
        profile: &Profile,
        transitions: &[Transition],
        now_ms: i64,
    ) {
        let told = transitions.iter().filter_map(|transition| {
            Some(Told {
                member: profile.member.as_str().into(),
                segment: Arc::clone(labels.segment_key(transition.segment)?),
                change: transition.change,
                at: transition.at.0,
                version: profile.version,
            })
        });
        self.tell(told, now_ms);
    }

    /// Appends what is told, all under one lock: who reads on sees all of it or none.
    pub(super) fn tell(&self, told: impl Iterator<Item = Told>, now_ms: i64) {
        let mut told = told.peekable();
        if told.peek().is_none() {
            return;
        }
        let now = StreamId { ms: u64::try_from(now_ms).unwrap_or(0), seq: 0 };
        let mut kept = self.kept.write();
        for Told { member, segment, change, at, version } in told {
            kept.last = kept.last.next().max(now);
            kept.added += 1;
            if kept.entries.len() == CHANGES_MAX {
                kept.entries.pop_front();
            }
            let id = kept.last;
            kept.entries.push_back(Change { id, member, segment, change, at, version });
        }
        drop(kept);
        self.appended.notify_waiters();
    }
}
