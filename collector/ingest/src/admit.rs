//! From events of a body to facts for the log. Pure: bytes, a moment and a project's rules in;
//! facts and verdicts out.
//!
//! Time is corrected here, once; subjects are chosen, contexts merged, addresses cut. What a
//! session, a segment or a person is, is not known here.
use crate::context::{ContextRules, ContextScratch, Contexts, Visitor};
use crate::facts::FactSink;
use crate::limits::{FACT_BYTES_TYPICAL, FUTURE_MS_MAX, SKEW_MS_MIN};
use crate::{ProjectIngest, Refusal, address};
use sillage_eventlog::{Append, AppendRecord, DeadLetter};
use sillage_model::{
    EventId, EventTime, Fact, FactKind, Map, Opened, Partition, ReceiptMillis,
    SharedContextsWriter, ValueWriter, partition_of,
};
use sillage_wire::{
    Batch, Code, Envelope, Event, EventError, EventType, Limits, Raw, transcode_object,
};
use siphasher::sip128::SipHasher13;
use std::borrow::Cow;

/// The code of an event that its person has not consented to. Not a fault, so not among the wire's.
pub const CONSENT_DENIED: &str = "consent_denied";

/// Distinguishes the id of a link from the id of the event that it was derived from.
const LINK_MARK: u128 = 0x6c69_6e6b_6564_0000_0000_0000_0000_0001;

/// A project's rules, in the form in which they are asked for each event.
#[derive(Debug, Clone)]
pub struct Admission {
    limits: Limits,
    ids: SipHasher13,
    pub(crate) consent_required: Vec<String>,
    ip_truncation: bool,
    pub(crate) partitions: u16,
}

/// When a body came in, and what its receipt means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It was sent by a device at this moment.
    Live(ReceiptMillis),
    /// It is history read at this moment: each event counts as received when it happened.
    History(ReceiptMillis),
}

/// What became of a body.
#[derive(Debug, Default)]
pub struct Admitted {
    /// The facts.
    pub append: Append,
    /// Events admitted: records of the append that are neither companions nor its tally.
    pub events: u64,
    /// Which records are companions, ascending.
    pub companions: Vec<u32>,
    /// Events refused, consent included, by ascending index.
    pub rejected: Vec<Rejected>,
    /// What must be kept of them.
    pub dead_letters: Vec<DeadLetter>,
    /// How many were refused for want of consent; these leave no dead letter.
    pub consent_denied: u64,
    /// How many came from too far ahead and were clamped to their receipt.
    pub clamped_future: u64,
}

/// One refused event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its place in the batch.
    pub index: usize,
    /// Its `messageId`, as far as it could be read.
    pub message_id: String,
    /// The stable name of the reason.
    pub code: &'static str,
    /// One sentence for a person.
    pub message: Cow<'static, str>,
}

/// Buffers that a thread keeps from request to request.
#[derive(Debug, Default)]
pub struct AdmitScratch {
    pub(crate) context: ContextScratch,
    shared: SharedContextsWriter,
    open: Vec<Opened>,
    subject: String,
}

impl Admission {
    /// The rules of a project under these limits, whose log has so many partitions.
    #[must_use]
    pub fn new(project: &ProjectIngest, limits: Limits, partitions: u16) -> Self {
        Self {
            limits,
            ids: SipHasher13::new_with_key(&project.id_key),
            consent_required: project.consent_required.clone(),
            ip_truncation: project.ip_truncation,
            partitions,
        }
    }

    /// The de-duplication key of a message id.
    #[must_use]
    pub fn event_id(&self, message_id: &str) -> EventId {
        EventId(self.ids.hash(message_id.as_bytes()).as_u128())
    }

    /// What may be kept of a text that was refused: as it is, or with addresses cut.
    #[must_use]
    pub fn keepable(&self, raw: &[u8]) -> Vec<u8> {
        if self.ip_truncation { address::scrub_json(raw).into_owned() } else { raw.to_vec() }
    }

    /// Judges every event of a batch.
    ///
    /// # Guarantees
    /// A refused event changes nothing about its neighbours. The same batch gives the same facts.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] if the context that all events share cannot be used.
    ///
    /// # Cost
    /// One pass; no allocation for an event that is admitted, beyond the growth of the append.
    pub fn admit(
        &self,
        batch: &Batch<'_>,
        visitor: Visitor<'_>,
        arrival: Arrival,
        scratch: &mut AdmitScratch,
    ) -> Result<Admitted, Refusal> {
        let AdmitScratch { context, shared, open, subject } = scratch;
        let rules = ContextRules {
            limits: &self.limits,
            ip_truncation: self.ip_truncation,
            consent_required: &self.consent_required,
        };
        let contexts = Contexts::new(batch.envelope.context, rules, visitor, context, shared);
        let mut contexts = contexts.map_err(|error| Refusal::Malformed {
            code: error.code,
            message: format!("the batch's context: {}", error.message),
        })?;
        let mut desk = Desk {
            rules: self,
            arrival,
            offset_ms: clock_offset_ms(&batch.envelope, arrival),
            open,
            subject,
            out: Admitted::default(),
        };
        desk.out.append.records.reserve_exact(batch.event_count());
        desk.out.append.bodies.reserve(batch.event_count() * FACT_BYTES_TYPICAL);
        for (index, event) in batch.events().enumerate() {
            if let Err(error) = event.and_then(|event| desk.admit(index, &event, &mut contexts)) {
                desk.reject(index, &error);
            }
        }
        let mut out = desk.out;
        out.append.shared = shared.as_bytes().to_vec();
        Ok(out)
    }
}

/// The device's clock error: its own estimate, or else the difference between sending and receipt
/// where that is too large to be the network's. Never added to history, whose clocks are unknown.
fn clock_offset_ms(envelope: &Envelope<'_>, arrival: Arrival) -> i64 {
    let Arrival::Live(received) = arrival else { return 0 };
    if let Some(offset) = envelope.sillage.as_ref().and_then(|s| s.clock_offset_ms) {
        return offset;
    }
    let offset = envelope.sent_at.map_or(0, |sent| received.0.saturating_sub(sent));
    if offset.unsigned_abs() > SKEW_MS_MIN.unsigned_abs() { offset } else { 0 }
}

/// Where the events of one batch are judged, one by one.
struct Desk<'d> {
    rules: &'d Admission,
    arrival: Arrival,
    offset_ms: i64,
    open: &'d mut Vec<Opened>,
    subject: &'d mut String,
    out: Admitted,
}

struct Times {
    at: EventTime,
    received: ReceiptMillis,
    clamped: bool,
}

impl Desk<'_> {
    fn admit<'a>(
        &mut self,
        index: usize,
        event: &Event<'a>,
        contexts: &mut Contexts<'a, '_>,
    ) -> Result<(), EventError<'a>> {
        let context = contexts.of(event.context).map_err(|e| in_event(event, e))?;
        if !context.consented {
            self.deny(index, event);
            return Ok(());
        }
        let times = self.times(event)?;
        let id = self.rules.event_id(&event.message_id);
        let (prefix, subject) = match event.user_id.is_empty() {
            true => ("a:", &event.anonymous_id),
            false => ("u:", &event.user_id),
        };
        self.subject.clear();
        self.subject.push_str(prefix);
        self.subject.push_str(subject);
        let fact = Fact {
            kind: fact_kind(event.kind),
            subject: self.subject.as_str(),
            device: device(event),
            at: times.at,
            received: times.received,
            seq: event.seq,
            name: fact_name(event),
            message_id: &event.message_id,
            context: Map::default(),
            props: Map::default(),
        };
        let append = &mut self.out.append;
        let start = append.bodies.len();
        fact.encode_head(context.index, &mut append.bodies);
        let props = append.bodies.len();
        let mut sink = FactSink::new(&mut append.bodies, self.open);
        if let Err(error) = transcode_object(properties(event), &self.rules.limits, &mut sink) {
            append.bodies.truncate(start);
            return Err(in_event(event, error));
        }
        name_view(event, props, &mut append.bodies);
        let partition = partition_of(fact.subject, self.rules.partitions);
        append.records.push(record(id, partition, start, &append.bodies));
        self.out.events += 1;
        self.out.clamped_future += u64::from(times.clamped);
        if links(event) {
            self.link(id, event, &times);
        }
        Ok(())
    }

    /// Appends the fact that a device belongs to a person, for the device's own partition.
    fn link(&mut self, id: EventId, event: &Event<'_>, times: &Times) {
        let device = device(event);
        self.subject.clear();
        self.subject.push_str("a:");
        self.subject.push_str(device);
        let fact = Fact {
            kind: FactKind::Linked,
            subject: self.subject.as_str(),
            device,
            at: times.at,
            received: times.received,
            seq: event.seq,
            name: &event.user_id,
            message_id: &event.message_id,
            context: Map::default(),
            props: Map::default(),
        };
        let append = &mut self.out.append;
        let start = append.bodies.len();
        fact.encode(None, &mut append.bodies);
        let partition = partition_of(fact.subject, self.rules.partitions);
        let record = record(EventId(id.0 ^ LINK_MARK), partition, start, &append.bodies);
        let index = u32::try_from(append.records.len()).expect("a batch is bounded");
        append.records.push(AppendRecord { companion: true, ..record });
        self.out.companions.push(index);
    }

    /// When an event happened and when it was received.
    fn times<'a>(&self, event: &Event<'a>) -> Result<Times, EventError<'a>> {
        let (Arrival::Live(now) | Arrival::History(now)) = self.arrival;
        let told = event.timestamp.map_or(now.0, |t| t.saturating_add(self.offset_ms));
        if told < 0 {
            let id = event.message_id.clone();
            return Err(EventError::new(Code::InvalidTimestamp, id, event.raw));
        }
        let clamped = told > now.0.saturating_add(FUTURE_MS_MAX);
        let at = if clamped { now.0 } else { told };
        let received = match self.arrival {
            Arrival::Live(received) => received,
            Arrival::History(_) => ReceiptMillis(at),
        };
        Ok(Times { at: EventTime(at), received, clamped })
    }

    fn deny(&mut self, index: usize, event: &Event<'_>) {
        self.out.consent_denied += 1;
        self.out.rejected.push(Rejected {
            index,
            message_id: event.message_id.clone().into_owned(),
            code: CONSENT_DENIED,
            message: Cow::Borrowed("the project requires a consent that the context lacks"),
        });
    }

    fn reject(&mut self, index: usize, error: &EventError<'_>) {
        let (Arrival::Live(received) | Arrival::History(received)) = self.arrival;
        let raw = self.rules.keepable(error.raw);
        let letter = DeadLetter::new(received, error.code, &*error.message, raw);
        self.out.dead_letters.push(letter);
        self.out.rejected.push(Rejected {
            index,
            message_id: error.message_id.clone().into_owned(),
            code: error.code,
            message: error.message.clone(),
        });
    }
}

/// An error inside an event's object, told as an error of the event.
fn in_event<'a>(event: &Event<'a>, mut error: EventError<'a>) -> EventError<'a> {
    error.raw = event.raw;
    error.message_id = event.message_id.clone();
    error
}

pub(crate) fn record(
    id: EventId,
    partition: Partition,
    start: usize,
    bodies: &[u8],
) -> AppendRecord {
    let offset = |at: usize| u32::try_from(at).expect("a body is bounded far below 4 GiB");
    let body = (offset(start), offset(bodies.len()));
    AppendRecord { id, partition, body, companion: false }
}

fn fact_kind(kind: EventType) -> FactKind {
    match kind {
        EventType::Track => FactKind::Track,
        EventType::Page => FactKind::Page,
        EventType::Screen => FactKind::Screen,
        EventType::Identify | EventType::Alias => FactKind::Identify,
        EventType::Group => FactKind::Group,
    }
}

fn fact_name<'e>(event: &'e Event<'_>) -> &'e str {
    match event.kind {
        EventType::Track => &event.event,
        EventType::Page => "Page Viewed",
        EventType::Screen => "Screen Viewed",
        EventType::Group => &event.group_id,
        EventType::Identify | EventType::Alias => "",
    }
}

/// The device an event came from; of an alias, the device that is given to the person.
fn device<'e>(event: &'e Event<'_>) -> &'e str {
    match event.kind {
        EventType::Alias => &event.previous_id,
        EventType::Track
        | EventType::Page
        | EventType::Screen
        | EventType::Identify
        | EventType::Group => &event.anonymous_id,
    }
}

fn properties<'a>(event: &Event<'a>) -> Raw<'a> {
    match event.kind {
        EventType::Track | EventType::Page | EventType::Screen => event.properties,
        EventType::Identify | EventType::Group => event.traits,
        EventType::Alias => Raw::default(),
    }
}

/// Whether the event says that its device belongs to its person.
fn links(event: &Event<'_>) -> bool {
    let says = matches!(event.kind, EventType::Identify | EventType::Alias);
    says && !event.user_id.is_empty() && !device(event).is_empty()
}

/// A view's name and category stand beside its properties on the wire and among them in a fact.
fn name_view(event: &Event<'_>, props: usize, bodies: &mut Vec<u8>) {
    if !matches!(event.kind, EventType::Page | EventType::Screen) {
        return;
    }
    for (key, text) in [("name", &event.name), ("category", &event.category)] {
        let present = Map::from_bytes(bodies.get(props..).unwrap_or_default()).get(key).is_some();
        if !present && !text.is_empty() {
            let mut writer = ValueWriter::new(bodies);
            writer.key(key);
            writer.str(text);
        }
    }
}
