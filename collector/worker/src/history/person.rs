//! One person's history out of everybody's: their facts, and the record these make.
use super::STEP_BYTES;
use crate::WorkerError;
use crate::fold::Folder;
use sillage_engine::{Plan, Record};
use sillage_eventlog::{Cursor, EventLog, LogRecord};
use sillage_model::{
    EventTime, Fact, FactKind, Map, PARTITIONS_EMBEDDED, Partition, PersonKey, ReceiptMillis,
    SharedContexts, partition_of,
};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Bytes of facts that are kept for one person to be shown as evidence; older ones give way. At some
/// 200 bytes each these are the last 150 000 events.
const KEPT_BYTES_MAX: usize = 32 << 20;

/// Who is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whom {
    /// The person or device.
    pub member: PersonKey,
    /// Everything that is or will be one with it, itself included: a person and its devices.
    pub ids: Vec<PersonKey>,
}

/// A fact that outlives the block it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFact {
    kind: FactKind,
    subject: Box<str>,
    device: Box<str>,
    at: EventTime,
    received: ReceiptMillis,
    seq: Option<u64>,
    name: Box<str>,
    message_id: Box<str>,
    context: Box<[u8]>,
    props: Box<[u8]>,
}

impl KeptFact {
    fn of(fact: &Fact<'_>) -> Self {
        Self {
            kind: fact.kind,
            subject: fact.subject.into(),
            device: fact.device.into(),
            at: fact.at,
            received: fact.received,
            seq: fact.seq,
            name: fact.name.into(),
            message_id: fact.message_id.into(),
            context: fact.context.as_bytes().into(),
            props: fact.props.as_bytes().into(),
        }
    }

    /// The fact.
    #[must_use]
    pub fn fact(&self) -> Fact<'_> {
        Fact {
            kind: self.kind,
            subject: &self.subject,
            device: &self.device,
            at: self.at,
            received: self.received,
            seq: self.seq,
            name: &self.name,
            message_id: &self.message_id,
            context: Map::from_bytes(&self.context),
            props: Map::from_bytes(&self.props),
        }
    }

    fn bytes(&self) -> usize {
        let texts = [&self.subject, &self.device, &self.name, &self.message_id];
        let texts: usize = texts.iter().map(|text| text.len()).sum();
        size_of::<Self>() + texts + self.context.len() + self.props.len()
    }
}

/// What a person did up to a moment, and what it came to.
#[derive(Debug)]
pub struct Life {
    /// Who it was at that moment: a device that belonged to nobody yet is itself.
    pub member: PersonKey,
    /// The state, advanced to the moment.
    pub record: Record,
    /// The facts that made it, in the order of the log; the latest, if there are very many.
    pub facts: Vec<KeptFact>,
    /// Older facts that are in the state but not among the facts.
    pub facts_left_out: u64,
    /// When the first fact that the log still holds, of anybody, was received, in milliseconds since
    /// the epoch.
    pub from: Option<i64>,
}

/// What came of looking for a person.
type Found = Option<Life>;

/// Folds one person's facts that were received until `until` (milliseconds since the epoch), and lets
/// time pass until then. `None` if there is none by then, or if `watch` breaks.
///
/// # Errors
/// [`WorkerError`] if the log cannot be read or holds a damaged fact.
///
/// # Cost
/// Reads the whole log; decodes only the partitions of these ids, and keeps at most 32 MiB of facts.
pub fn life<L: EventLog>(
    log: &L,
    plan: &Arc<Plan>,
    whom: &Whom,
    until: i64,
    watch: &mut dyn FnMut(Cursor) -> ControlFlow<()>,
) -> Result<Found, WorkerError> {
    let (mut seeker, end) = (Seeker::new(plan, whom, until), log.end());
    let mut cursor = log.oldest();
    while cursor < end {
        let mut failed = None;
        let next = log.read(cursor, STEP_BYTES, &mut |record| {
            if failed.is_none() && record.block < end {
                failed = seeker.take(&record).err();
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        drop(seeker.folder.derived.take());
        if watch(next).is_break() {
            return Ok(None);
        }
        if next == cursor {
            break;
        }
        cursor = next;
    }
    Ok(seeker.finish(&whom.member))
}

/// Finds out what is one with a person or device by now, from the log's links alone: for those who
/// have no view to ask. `None` if `watch` breaks.
///
/// # Errors
/// [`WorkerError`] if the log cannot be read.
///
/// # Cost
/// One scan of the log, two for a device.
pub fn whom<L: EventLog>(
    log: &L,
    member: &PersonKey,
    watch: &mut dyn FnMut(Cursor) -> ControlFlow<()>,
) -> Result<Option<Whom>, WorkerError> {
    let mut person = member.clone();
    if !member.is_user() {
        let mut owner = None;
        // The first link of a device counts.
        let seen = links(log, watch, &mut |device, user| {
            if owner.is_none() && device == member.as_str() {
                owner = Some(PersonKey::user(user));
            }
        })?;
        match (seen, owner) {
            (false, _) => return Ok(None),
            (true, None) => return Ok(Some(Whom { member: member.clone(), ids: Vec::new() })),
            (true, Some(owner)) => person = owner,
        }
    }
    let mut ids = vec![person.clone()];
    let seen = links(log, watch, &mut |device, user| {
        if user == person.id() {
            ids.extend(PersonKey::parse(device));
        }
    })?;
    Ok(seen.then(|| Whom { member: member.clone(), ids }))
}

/// Visits every link of a device to a user id; whether it came to the end.
fn links<L: EventLog>(
    log: &L,
    watch: &mut dyn FnMut(Cursor) -> ControlFlow<()>,
    visit: &mut dyn FnMut(&str, &str),
) -> Result<bool, WorkerError> {
    let (mut cursor, end) = (log.oldest(), log.end());
    while cursor < end {
        let next = log.read(cursor, STEP_BYTES, &mut |record| {
            let shared = SharedContexts::from_bytes(record.shared);
            // A damaged fact is found again, and reported, when facts are folded.
            if let Ok(fact) = Fact::decode(shared, record.body)
                && fact.kind == FactKind::Linked
            {
                visit(fact.subject, fact.name);
            }
        })?;
        if watch(next).is_break() {
            return Ok(false);
        }
        if next == cursor {
            break;
        }
        cursor = next;
    }
    Ok(true)
}

struct Seeker<'a> {
    folder: Folder,
    ids: Vec<&'a str>,
    partitions: Vec<Partition>,
    until: i64,
    facts: VecDeque<KeptFact>,
    kept_bytes: usize,
    facts_left_out: u64,
    from: Option<i64>,
}

impl<'a> Seeker<'a> {
    fn new(plan: &Arc<Plan>, whom: &'a Whom, until: i64) -> Self {
        let mut folder = Folder::new(Arc::clone(plan), PARTITIONS_EMBEDDED);
        folder.keeps_histories = true;
        let mut ids: Vec<&str> = whom.ids.iter().map(PersonKey::as_str).collect();
        ids.push(whom.member.as_str());
        ids.sort_unstable();
        ids.dedup();
        let partitions = ids.iter().map(|id| partition_of(id, PARTITIONS_EMBEDDED)).collect();
        Self {
            folder,
            ids,
            partitions,
            until,
            facts: VecDeque::new(),
            kept_bytes: 0,
            facts_left_out: 0,
            from: None,
        }
    }

    fn take(&mut self, record: &LogRecord<'_>) -> Result<(), WorkerError> {
        if self.from.is_some() && !self.partitions.contains(&record.partition) {
            return Ok(());
        }
        let shared = SharedContexts::from_bytes(record.shared);
        let fact = match Fact::decode(shared, record.body) {
            Ok(fact) => fact,
            Err(_) => return self.folder.fold(record),
        };
        if fact.kind == FactKind::Report {
            return Ok(());
        }
        self.from.get_or_insert(fact.received.0);
        if fact.received.0 > self.until || self.ids.binary_search(&fact.subject).is_err() {
            return Ok(());
        }
        // A device that is about to be linked takes along what time has done to it until then.
        let clock = self.folder.received.max(fact.received.0);
        self.folder.fire(clock, usize::MAX);
        let Some(slot) = self.folder.persons.slot(fact.subject, record.partition) else {
            return self.folder.fold(record);
        };
        let counts = self.folder.persons.at(slot).record.linked_to().is_none();
        self.folder.fold(record)?;
        let told = matches!(
            fact.kind,
            FactKind::Track
                | FactKind::Page
                | FactKind::Screen
                | FactKind::Identify
                | FactKind::Group
        );
        if counts && told {
            self.keep(&fact);
        }
        Ok(())
    }

    fn keep(&mut self, fact: &Fact<'_>) {
        let kept = KeptFact::of(fact);
        self.kept_bytes += kept.bytes();
        self.facts.push_back(kept);
        while self.kept_bytes > KEPT_BYTES_MAX {
            let Some(oldest) = self.facts.pop_front() else { break };
            self.kept_bytes -= oldest.bytes();
            self.facts_left_out += 1;
        }
    }

    fn finish(mut self, asked: &PersonKey) -> Found {
        let owner = |folder: &mut Folder, id: &str| {
            let slot = folder.persons.slot(id, partition_of(id, PARTITIONS_EMBEDDED))?;
            folder.persons.at(slot).record.linked_to().cloned()
        };
        let member = owner(&mut self.folder, asked.as_str()).unwrap_or_else(|| asked.clone());
        let partition = partition_of(member.as_str(), PARTITIONS_EMBEDDED);
        let slot = self.folder.persons.slot(member.as_str(), partition)?;
        let plan = Arc::clone(&self.folder.plan);
        let mut record = self.folder.persons.at(slot).record.clone();
        // Not `last_seen`: the only fact of somebody may still wait for its time.
        if record.revision() == 0 {
            return None;
        }
        record.advance(&plan, self.until, &mut Vec::new());
        let mut facts = Vec::with_capacity(self.facts.len());
        for kept in self.facts {
            let whose = owner(&mut self.folder, &kept.subject);
            if whose.as_ref().map_or(&*kept.subject, PersonKey::as_str) == member.as_str() {
                facts.push(kept);
            }
        }
        let (facts_left_out, from) = (self.facts_left_out, self.from);
        Some(Life { member, record, facts, facts_left_out, from })
    }
}
