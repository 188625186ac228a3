//! Senders that tell nothing about themselves: what came of their events is added up here, and
//! written from time to time.
use crate::Rejected;
use crate::admit::record;
use crate::report::report_fact;
use parking_lot::Mutex;
use sillage_eventlog::Append;
use sillage_ledger::limits::SOURCES_MAX;
use sillage_ledger::{Counted, Counts, Source};
use sillage_model::{EventId, ReceiptMillis, partition_of};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// What one project's requests came to since it was last written.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    open: Mutex<BTreeMap<Source, Sums>>,
    /// Draws the ids of what is written. Secret, so that no sender can be mistaken for it.
    ids: RandomState,
    next: AtomicU64,
}

/// What a request, or several, came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) received: u64,
    pub(crate) duplicates: u64,
    pub(crate) rejected: Counts,
    pub(crate) dropped: Counts,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.duplicates += other.duplicates;
        other.rejected.iter().for_each(|(code, count)| self.rejected.add(code, count));
        other.dropped.iter().for_each(|(reason, count)| self.dropped.add(reason, count));
    }
}

impl Desk {
    pub(crate) fn add(&self, source: Source, sums: &Sums) {
        if *sums == Sums::default() {
            return;
        }
        let mut open = self.open.lock();
        let known = open.contains_key(&source) || open.len() < SOURCES_MAX;
        let source = if known { source } else { Source::other() };
        open.entry(source).or_default().add(sums);
    }

    /// Takes what is open.
    pub(crate) fn take(&self) -> BTreeMap<Source, Sums> {
        std::mem::take(&mut self.open.lock())
    }

    /// Puts back what could not be written.
    pub(crate) fn put_back(&self, taken: BTreeMap<Source, Sums>) {
        for (source, sums) in taken {
            self.add(source, &sums);
        }
    }

    /// What writes it: one report for each source.
    pub(crate) fn append(
        &self,
        taken: &BTreeMap<Source, Sums>,
        received: ReceiptMillis,
        partitions: u16,
    ) -> Append {
        let mut append = Append::default();
        for (source, sums) in taken {
            let start = append.bodies.len();
            let subject = format!("s:{}/{}", source.name, source.version);
            report_fact(&subject, received).encode_head(None, &mut append.bodies);
            let counted = Counted {
                source: (&source.name, &source.version),
                received: sums.received,
                duplicates: sums.duplicates,
                rejected: sums.rejected.clone(),
                dropped: sums.dropped.clone(),
            };
            counted.encode(&mut append.bodies);
            let partition = partition_of(&subject, partitions);
            append.records.push(record(self.id(), partition, start, &append.bodies));
        }
        append
    }

    fn id(&self) -> EventId {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let half = |side: u8| u128::from(self.ids.hash_one((number, side)));
        EventId(half(0) << 64 | half(1))
    }
}

/// Refused events by code.
pub(crate) fn by_code(rejected: &[Rejected]) -> Counts {
    rejected.iter().map(|event| (event.code, 1)).collect()
}
