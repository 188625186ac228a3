//! Everybody's history under given rules, in one pass over the log.
use super::STEP_BYTES;
use super::traces::{Trace, Traces};
use crate::WorkerError;
use crate::fold::Folder;
use sillage_engine::{Plan, Zone};
use sillage_eventlog::{Cursor, EventLog, LogRecord};
use sillage_model::{Fact, FactKind, Membership, SharedContexts};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// What is to be surveyed.
#[derive(Debug, Clone)]
pub struct SurveyOf {
    /// The rules.
    pub plan: Arc<Plan>,
    /// Whose days are counted.
    pub zone: Zone,
    /// The moment up to which time passes, in milliseconds since the epoch. Facts received later
    /// are left out.
    pub until: i64,
    /// How many local days, today included, are told one by one.
    pub days: usize,
}

/// Where everybody stands at the end, and how they came there.
#[derive(Debug)]
pub struct Survey {
    /// Facts folded.
    pub facts: u64,
    /// When the first fact that the log still holds was received, in milliseconds since the epoch.
    pub from: Option<i64>,
    /// The local day of the first of each trace's days.
    pub first_day: i64,
    /// How each segment came to its size, in the plan's order.
    pub traces: Vec<Trace>,
    /// Events by name; beyond some thousands of names the rest is counted as `(other)`.
    pub events: BTreeMap<String, u64>,
    pub(super) folder: Folder,
    pub(super) until: i64,
}

/// Folds the log from its oldest fact to where it ends now.
///
/// `watch` hears the position after each step; if it breaks, the survey is given up and `None`
/// comes back.
///
/// # Guarantees
/// Entries and exits are those that a worker with these rules would have told, had it seen every
/// fact when it was received.
///
/// # Errors
/// [`WorkerError`] if the log cannot be read or holds a damaged fact.
///
/// # Cost
/// The states of all persons in memory; about as fast as the engine folds.
pub fn survey<L: EventLog>(
    log: &L,
    of: SurveyOf,
    watch: &mut dyn FnMut(Cursor) -> ControlFlow<()>,
) -> Result<Option<Survey>, WorkerError> {
    let (mut surveyor, end) = (Surveyor::new(of), log.end());
    let mut cursor = log.oldest();
    while cursor < end {
        let mut failed = None;
        let next = log.read(cursor, STEP_BYTES, &mut |record| {
            if failed.is_none() && record.block < end {
                failed = surveyor.take(&record).err();
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        // What the fold derives was derived before, and lies further on in the log.
        drop(surveyor.folder.derived.take());
        if watch(next).is_break() {
            return Ok(None);
        }
        if next == cursor {
            break;
        }
        cursor = next;
    }
    Ok(Some(surveyor.finish()))
}

struct Surveyor {
    of: SurveyOf,
    folder: Folder,
    traces: Traces,
    from: Option<i64>,
    /// Where the log's own clock stands.
    clock: i64,
    /// The local day of the clock, or the one before the first that is told; and when it ends.
    today: (i64, i64),
}

impl Surveyor {
    fn new(of: SurveyOf) -> Self {
        let mut folder = Folder::new(Arc::clone(&of.plan), sillage_model::PARTITIONS_EMBEDDED);
        folder.keeps_histories = true;
        let days = i64::try_from(of.days).unwrap_or(i64::MAX);
        let first_day = of.zone.day(of.until).saturating_sub(days).saturating_add(1);
        let traces = Traces::new(of.plan.segments().len(), first_day, of.days);
        // Earlier days are not told, so they need no stop of their own.
        let today = (first_day - 1, of.zone.start_of_day(first_day));
        Self { of, folder, traces, from: None, clock: i64::MIN, today }
    }

    fn take(&mut self, record: &LogRecord<'_>) -> Result<(), WorkerError> {
        let shared = SharedContexts::from_bytes(record.shared);
        // A damaged fact is left for the fold to report.
        let Ok(fact) = Fact::decode(shared, record.body) else { return self.folder.fold(record) };
        if fact.kind == FactKind::Report {
            return Ok(());
        }
        let received = fact.received.0;
        self.from = Some(self.from.map_or(received, |from| from.min(received)));
        if received > self.of.until {
            return Ok(());
        }
        self.pass_until(received);
        let joining = match fact.kind {
            FactKind::Linked => self.standing_of(fact.subject, record),
            _ => None,
        };
        self.folder.fold(record)?;
        self.settle();
        if let Some(members) = joining {
            self.traces.joined(&members);
        }
        Ok(())
    }

    /// What a device that is about to be linked is in; `None` if it was linked before.
    fn standing_of(&mut self, subject: &str, record: &LogRecord<'_>) -> Option<Vec<Membership>> {
        let slot = self.folder.persons.slot(subject, record.partition)?;
        let known = &self.folder.persons.at(slot).record;
        known.linked_to().is_none().then(|| known.members().to_vec())
    }

    /// Lets time pass, stopping at each local midnight on the way.
    fn pass_until(&mut self, now: i64) {
        if now <= self.clock {
            return;
        }
        while now >= self.today.1 {
            let (day, end) = self.today;
            self.fire(end - 1);
            self.traces.close(day);
            self.today = (day + 1, self.of.zone.start_of_day(day + 2));
        }
        self.fire(now);
    }

    fn fire(&mut self, now: i64) {
        self.clock = self.clock.max(now);
        self.folder.fire(self.clock, usize::MAX);
        self.settle();
    }

    /// Counts what the last step told.
    fn settle(&mut self) {
        let Self { of, folder, traces, .. } = self;
        let mut changed = std::mem::take(&mut folder.persons.unpublished);
        for slot in changed.drain(..) {
            let person = folder.persons.at(slot);
            person.unpublished = false;
            for transition in person.transitions.drain(..) {
                traces.note(&transition, of.zone.day(transition.at.0));
            }
        }
        folder.persons.unpublished = changed;
    }

    fn finish(mut self) -> Survey {
        self.pass_until(self.of.until);
        self.traces.close(self.of.zone.day(self.of.until));
        let mut events = BTreeMap::new();
        self.folder.counts.drain_into(&mut events);
        Survey {
            facts: self.folder.tally.facts,
            from: self.from,
            first_day: self.traces.first_day(),
            traces: self.traces.into_inner(),
            events,
            until: self.of.until,
            folder: self.folder,
        }
    }
}
