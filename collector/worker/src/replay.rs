//! The state again, from the log alone, and its comparison with the state that was kept.
use crate::WorkerError;
use crate::fold::Folder;
use crate::ledger::{self, INSTALL};
use sillage_engine::{Plan, Record};
use sillage_eventlog::{Cursor, EventLog};
use sillage_model::{Corrupt, Partition, SegmentIndex};
use sillage_store::PersonStore;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Log read between two reports of progress.
const STEP_BYTES: usize = 4 << 20;
/// How many differing persons are named; all are counted.
const NAMED_MAX: usize = 20;

/// The state that the log's facts make.
#[derive(Debug)]
pub struct Replayed {
    folder: Folder,
}

/// How a replayed state compares with the stored one.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Persons and devices in the store.
    pub stored: u64,
    /// Persons and devices that the replay made.
    pub replayed: u64,
    /// Bytes of state compared.
    pub bytes: u64,
    /// Those whose state differs in any byte, or that only one side has.
    pub differ: u64,
    /// Those with equal state but other memberships at the same instant.
    pub members_differ: u64,
    /// Installations in the stored ledger.
    pub rows: u64,
    /// Rows of the ledger, and sums of its partitions, that differ in any byte or that only one side
    /// has.
    pub rows_differ: u64,
    /// The first of any of these, by name.
    pub named: Vec<String>,
}

impl Comparison {
    /// Whether both sides are the same, byte for byte, segment for segment and row for row.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.differ == 0 && self.members_differ == 0 && self.rows_differ == 0
    }
}

/// Folds the log from its beginning into fresh states.
///
/// Stops before the cursors in `until_cursor` (what the store holds), and leaves out facts received
/// after `until`, if given. `progress` hears the position after each step.
///
/// # Errors
/// [`WorkerError`] if the log cannot be read or holds a damaged fact.
///
/// # Cost
/// The whole state in memory; about as fast as the engine folds.
pub fn replay<L: EventLog>(
    plan: &Arc<Plan>,
    log: &L,
    until_cursor: &[(Partition, u64)],
    until: Option<i64>,
    progress: &mut dyn FnMut(Cursor),
) -> Result<Replayed, WorkerError> {
    let partitions = sillage_model::PARTITIONS_EMBEDDED;
    let mut folder = Folder::new(Arc::clone(plan), partitions);
    folder.keeps_histories = true;
    folder.tells = false;
    let mut ends = vec![u64::MAX; usize::from(partitions)];
    for &(partition, end) in until_cursor {
        ends[usize::from(partition.0)] = end;
    }
    let mut cursor = log.oldest();
    loop {
        let mut failed = None;
        let next = log.read(cursor, STEP_BYTES, &mut |record| {
            let kept = ends.get(usize::from(record.partition.0));
            let in_time = until.is_none_or(|until| received_before(&record, until));
            if failed.is_none() && in_time && kept.is_some_and(|&end| record.block.0 < end) {
                failed = folder.fold(&record).err();
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        // What the fold derives was derived before, and lies further on in the log.
        drop(folder.derived.take());
        folder.persons.unpublished.clear();
        progress(next);
        if next == cursor {
            return Ok(Replayed { folder });
        }
        cursor = next;
    }
}

fn received_before(record: &sillage_eventlog::LogRecord<'_>, until: i64) -> bool {
    let shared = sillage_model::SharedContexts::from_bytes(record.shared);
    // A damaged fact is left for the fold to report.
    sillage_model::Fact::decode(shared, record.body).map_or(true, |fact| fact.received.0 <= until)
}

impl Replayed {
    /// Facts folded.
    #[must_use]
    pub fn facts(&self) -> u64 {
        self.folder.tally.facts
    }

    /// Sessions of all persons.
    #[must_use]
    pub fn sessions(&self) -> i64 {
        self.folder.tally.sessions
    }

    /// Persons and unlinked devices.
    #[must_use]
    pub fn persons(&self) -> u64 {
        self.folder.persons.iter().filter(|p| p.record.linked_to().is_none()).count() as u64
    }

    /// Members of each segment at `now`, in the plan's order.
    pub fn members_at(&mut self, now: i64) -> BTreeMap<SegmentIndex, u64> {
        let plan = Arc::clone(&self.folder.plan);
        let mut counts = BTreeMap::new();
        for slot in self.folder.persons.slots() {
            let person = self.folder.persons.at(slot);
            let record = advanced(&mut person.record, &plan, now);
            for membership in record.members() {
                *counts.entry(membership.segment).or_default() += 1;
            }
        }
        counts
    }

    /// Compares with what `store` holds, both looked at as of `now`.
    ///
    /// # Errors
    /// [`WorkerError`] if the store cannot be read or holds a damaged state.
    pub fn compare(
        &mut self,
        store: &dyn PersonStore,
        now: i64,
    ) -> Result<Comparison, WorkerError> {
        let plan = Arc::clone(&self.folder.plan);
        let partitions: Vec<Partition> = (0..self.folder.partitions).map(Partition).collect();
        let mut found = Comparison { replayed: self.folder.persons.len(), ..Comparison::default() };
        let mut failed: Option<(String, Corrupt)> = None;
        store.load(&partitions, &mut |partition, member, bytes| {
            if let Some(install) = member.strip_prefix(INSTALL) {
                found.rows += 1;
                let made = self.folder.ledger.lock().state(partition, install);
                found.add_row(member, made.as_deref() == Some(bytes));
                return;
            }
            found.stored += 1;
            match Record::decode(bytes) {
                Ok(mut kept) => {
                    kept.advance(&plan, now, &mut Vec::new());
                    let made = self.made(&plan, (partition, member), now);
                    found.add(member, made, &kept);
                }
                Err(source) => failed = Some((member.to_owned(), source)),
            }
        })?;
        if let Some((whose, source)) = failed {
            return Err(WorkerError::Unreadable { what: "the state", whose, source });
        }
        found.differ += found.replayed.saturating_sub(found.stored);
        let ledger = self.folder.ledger.lock();
        found.rows_differ += ledger.rows().saturating_sub(found.rows);
        for partition in partitions {
            let name = ledger::note_name(partition);
            let is_equal = store.note(&name)? == ledger.note(partition);
            found.add_row(&name, is_equal);
        }
        Ok(found)
    }

    /// The record that the replay made of a member, as of `now`; `None` if it knows none.
    fn made(
        &mut self,
        plan: &Plan,
        (partition, member): (Partition, &str),
        now: i64,
    ) -> Option<&Record> {
        let known = self.folder.persons.len();
        let slot = self.folder.persons.slot(member, partition)?;
        let is_new = self.folder.persons.len() > known;
        let record = advanced(&mut self.folder.persons.at(slot).record, plan, now);
        (!is_new).then_some(record)
    }
}

impl Comparison {
    fn add(&mut self, member: &str, made: Option<&Record>, kept: &Record) {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        kept.state_bytes(&mut right);
        self.bytes += right.len() as u64;
        let segments = |record: &Record| record.members().iter().map(|m| m.segment).collect();
        let known: Vec<SegmentIndex> = segments(kept);
        match made {
            Some(made) => {
                made.state_bytes(&mut left);
                if left == right && segments(made) == known {
                    return;
                }
                self.members_differ += u64::from(left == right);
                self.differ += u64::from(left != right);
            }
            None => self.differ += 1,
        }
        self.name(member);
    }

    fn add_row(&mut self, name: &str, is_equal: bool) {
        if !is_equal {
            self.rows_differ += 1;
            self.name(name);
        }
    }

    fn name(&mut self, name: &str) {
        if self.named.len() < NAMED_MAX {
            self.named.push(name.to_owned());
        }
    }
}

fn advanced<'r>(record: &'r mut Record, plan: &Plan, now: i64) -> &'r Record {
    record.advance(plan, now, &mut Vec::new());
    record
}
