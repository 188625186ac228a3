use crate::WorkerError;
use crate::counts::EventCounts;
use crate::histories::Histories;
use crate::identity::{self, Derived};
use crate::ledger::{INSTALL, LedgerHandle};
use crate::persons::Persons;
use crate::wakes::Wakes;
use sillage_engine::{Plan, Record};
use sillage_eventlog::LogRecord;
use sillage_model::{EventId, Fact, FactKind, Partition, PersonKey, SharedContexts, Transition};
use sillage_store::View;
use std::sync::Arc;

/// Everything of a worker that facts and time change; it touches neither log nor store.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) plan: Arc<Plan>,
    pub(crate) partitions: u16,
    pub(crate) persons: Persons,
    pub(crate) wakes: Wakes,
    pub(crate) counts: EventCounts,
    pub(crate) ledger: LedgerHandle,
    pub(crate) derived: Derived,
    /// For each partition: what follows from facts before this is in the log already, from the time
    /// before the state was last made again.
    pub(crate) derived_before: Vec<u64>,
    /// What linked devices were, until the log says that their persons take it in. Facts that carry
    /// a history made by other rules are read with these instead.
    pub(crate) histories: Histories,
    /// Whether all partitions are folded beside each other, so that histories kept here meet their
    /// persons.
    pub(crate) keeps_histories: bool,
    /// Whether transitions are kept until they are published.
    pub(crate) tells: bool,
    pub(crate) tally: Tally,
    /// Where the log's own clock stands: the latest receipt time folded, or moment fired up to.
    pub(crate) received: i64,
}

/// What happened since it was last taken.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) facts: u64,
    pub(crate) transitions: u64,
    pub(crate) sessions: i64,
}

impl Folder {
    pub(crate) fn new(plan: Arc<Plan>, partitions: u16) -> Self {
        Self {
            plan,
            partitions,
            persons: Persons::default(),
            wakes: Wakes::default(),
            counts: EventCounts::new(partitions),
            ledger: LedgerHandle::new(partitions),
            derived: Derived::default(),
            derived_before: vec![0; usize::from(partitions)],
            histories: Histories::default(),
            keeps_histories: false,
            tells: true,
            tally: Tally::default(),
            received: 0,
        }
    }

    /// Takes a state, of a person or of an installation, as a checkpoint kept it.
    pub(crate) fn restore(
        &mut self,
        partition: Partition,
        member: &str,
        bytes: &[u8],
    ) -> Result<(), WorkerError> {
        let unreadable = |source| WorkerError::Unreadable {
            what: "the state",
            whose: member.to_owned(),
            source,
        };
        if let Some(install) = member.strip_prefix(INSTALL) {
            return self.ledger.lock().restore(partition, install, bytes).map_err(unreadable);
        }
        let record = Record::decode(bytes).map_err(unreadable)?;
        let slot = self.persons.slot(member, partition).ok_or_else(|| {
            unreadable(sillage_model::Corrupt("a member that is neither person nor device"))
        })?;
        let person = self.persons.at(slot);
        person.armed = record.wake_at();
        self.tally.sessions += sessions_of(&record);
        person.record = record;
        let armed = person.armed;
        self.wakes.reschedule(slot, None, armed);
        Ok(())
    }

    /// Folds one record of the log.
    pub(crate) fn fold(&mut self, record: &LogRecord<'_>) -> Result<(), WorkerError> {
        let unreadable = |source| WorkerError::Unreadable {
            what: "a fact",
            whose: format!("partition {} at {}", record.partition.0, record.block.0),
            source,
        };
        let shared = SharedContexts::from_bytes(record.shared);
        let fact = Fact::decode(shared, record.body).map_err(unreadable)?;
        if fact.kind == FactKind::Report {
            return self.ledger.lock().fold(record.partition, &fact).map_err(unreadable);
        }
        let Some(slot) = self.persons.slot(fact.subject, record.partition) else {
            return Err(unreadable(sillage_model::Corrupt("a fact about nobody")));
        };
        self.received = self.received.max(fact.received.0);
        if let Some(person) = self.persons.at(slot).record.linked_to().cloned() {
            if record.block.0 >= self.derived_before[usize::from(record.partition.0)] {
                self.pass_on(record.id, &fact, &person);
            }
            return Ok(());
        }
        self.tally.facts += 1;
        if fact.kind.is_activity() {
            self.counts.count(record.partition, event_name(&fact));
        }
        match fact.kind {
            FactKind::Linked => self.link(slot, record.id, &fact),
            FactKind::Absorb => {
                let kept = self.histories.take(fact.device);
                let history = identity::history(&fact, self.plan.digest());
                if let Some(history) = history.or(kept.as_deref()) {
                    let absorb = |plan: &Plan, record: &mut Record, out: &mut Vec<Transition>| {
                        record.absorb(plan, fact.device, history, fact.received, out)
                    };
                    self.change(slot, absorb).map_err(unreadable)?;
                }
            }
            FactKind::Track
            | FactKind::Page
            | FactKind::Screen
            | FactKind::Identify
            | FactKind::Group => self.change(slot, |plan, record, out| {
                record.step(plan, &fact, out);
            }),
            FactKind::Report => {}
        }
        Ok(())
    }

    /// Fires what is due at `now`, at most `max` persons; gives how many, and the largest delay.
    pub(crate) fn fire(&mut self, now: i64, max: usize) -> (usize, i64) {
        let mut late_ms_max = 0;
        for fired in 0..max {
            let Some((at, slot)) = self.wakes.due(now) else {
                return (fired, late_ms_max);
            };
            late_ms_max = late_ms_max.max(now - at);
            self.change(slot, |plan, record, out| record.advance(plan, now, out));
            debug_assert!(self.persons.at(slot).armed.is_none_or(|next| next > now));
        }
        (max, late_ms_max)
    }

    /// Publishes who has changed since the last time, as of `as_of`; gives how many.
    pub(crate) fn publish(&mut self, view: &View, generation: u32, as_of: i64, now: i64) -> usize {
        let mut changed = std::mem::take(&mut self.persons.unpublished);
        for &slot in &changed {
            let person = self.persons.at(slot);
            person.unpublished = false;
            if let Some(owner) = person.record.linked_to() {
                view.publish_tombstone(&person.key, owner);
            } else {
                let profile = person.record.profile(&self.plan, &person.key, as_of, generation);
                debug_assert!(self.tells || person.transitions.is_empty());
                view.publish(profile, &person.transitions, now);
            }
            person.transitions.clear();
        }
        let count = changed.len();
        changed.clear();
        self.persons.unpublished = changed;
        count
    }

    /// Lets `act` change a record and keeps everything that follows from it in step.
    fn change<T>(
        &mut self,
        slot: u32,
        act: impl FnOnce(&Plan, &mut Record, &mut Vec<Transition>) -> T,
    ) -> T {
        let person = self.persons.at(slot);
        let sessions = sessions_of(&person.record);
        let known = person.transitions.len();
        let result = act(&self.plan, &mut person.record, &mut person.transitions);
        self.tally.sessions += sessions_of(&person.record) - sessions;
        self.tally.transitions += (person.transitions.len() - known) as u64;
        if !self.tells {
            person.transitions.clear();
        }
        let (before, after) = (person.armed, person.record.wake_at());
        person.armed = after;
        self.wakes.reschedule(slot, before, after);
        self.persons.changed(slot);
        result
    }

    /// The device in `slot` belongs to a person from now on.
    fn link(&mut self, slot: u32, id: EventId, fact: &Fact<'_>) {
        let person = PersonKey::user(fact.name);
        let history = self.persons.at(slot).record.export();
        let digest = self.plan.digest();
        self.derived.absorb((id, fact), &person, (digest, &history), self.partitions);
        if self.keeps_histories {
            self.histories.keep(id, fact, history);
        }
        self.change(slot, |_, record, out| record.leave_tombstone(&person, out));
    }

    /// A fact for a device that has been linked: its person folds it. A second link is refused.
    fn pass_on(&mut self, id: EventId, fact: &Fact<'_>, person: &PersonKey) {
        match fact.kind {
            FactKind::Linked | FactKind::Absorb | FactKind::Report => {}
            FactKind::Track
            | FactKind::Page
            | FactKind::Screen
            | FactKind::Identify
            | FactKind::Group => self.derived.forward(id, fact, person, self.partitions),
        }
    }
}

/// The name under which rules, weights and counts know an activity.
fn event_name<'a>(fact: &Fact<'a>) -> &'a str {
    match fact.kind {
        FactKind::Page => "Page Viewed",
        FactKind::Screen => "Screen Viewed",
        FactKind::Track
        | FactKind::Identify
        | FactKind::Group
        | FactKind::Linked
        | FactKind::Absorb
        | FactKind::Report => fact.name,
    }
}

fn sessions_of(record: &Record) -> i64 {
    i64::try_from(record.session_count()).unwrap_or(i64::MAX)
}
