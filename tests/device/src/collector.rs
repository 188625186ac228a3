//! The collector of a world: the real decoding, admission, de-duplication and answer; around them
//! only what HTTP would add.
use crate::clock::{EPOCH_MS, WorldMs};
use crate::net::{Answer, Fault, retry_after};
use crate::rng::Rng;
use serde_json::{Value as Json, json};
use sillage_eventlog::{Append, Appended, EventLog, MemoryLog};
use sillage_ingest::{
    Admission, AdmitScratch, Admitted, Arrival, ProjectIngest, Refusal, Rejected, Visitor,
};
use sillage_model::{Fact, FactKind, Map, ReceiptMillis, SharedContexts, Value};
use sillage_wire::{BodyError, Code, Limits, Reply, decode_batch, write_reply};
use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// One collector with one project.
#[derive(Debug)]
pub struct Collector {
    admission: Admission,
    limits: Limits,
    log: MemoryLog,
    scratch: AdmitScratch,
    /// What each installation has told, and what came of it.
    pub installs: BTreeMap<String, Told>,
}

/// What an installation said of itself, and what the collector counted of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Events created, the largest number told.
    pub created: u64,
    /// The largest number told.
    pub acknowledged: u64,
    /// The largest numbers told, by code.
    pub rejected: BTreeMap<String, u64>,
    /// The largest numbers told, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// The largest numbers told, by reason.
    pub unsure: BTreeMap<String, u64>,
    /// Events accepted and not known before.
    pub received: u64,
    /// Refused in the newest batch.
    pub last_rejected: u64,
    /// Events of the newest batch.
    pub last_batch: u64,
    newest: (u64, u64),
}

/// One event as the log took it, for the first time.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// The installation that sent it.
    pub install: String,
    /// Its number, if it carried one.
    pub seq: Option<u64>,
    /// Its id.
    pub message_id: String,
    /// What it is.
    pub kind: FactKind,
    /// Its subject's key.
    pub subject: String,
    /// Its device.
    pub device: String,
    /// Its name, or its group.
    pub name: String,
    /// When it happened by the collector's reckoning, in milliseconds since 1970.
    pub at: i64,
    /// Properties or traits.
    pub props: Json,
    /// The context in which it happened.
    pub context: Json,
}

/// What one request did.
#[derive(Debug, Default)]
pub struct Received {
    /// What is answered.
    pub answer: Answer,
    /// Events that were new.
    pub taken: Vec<Taken>,
    /// Events that were refused one by one: installation, number, code.
    pub refused: Vec<(String, u64, &'static str)>,
    /// Events that were known.
    pub duplicates: u64,
    /// Whether the body was a report without events.
    pub report: bool,
}

impl Collector {
    /// A collector that knows nothing yet. `body_bytes_max` and `batch_events_max` are what it takes.
    #[must_use]
    pub fn new(body_bytes_max: usize, batch_events_max: usize) -> Self {
        let project = ProjectIngest::new("shop", "wk_shop", [7; 16]);
        let limits = Limits { body_bytes_max, batch_events_max, ..Limits::default() };
        Self {
            admission: Admission::new(&project, limits, 64),
            limits,
            log: MemoryLog::new(),
            scratch: AdmitScratch::default(),
            installs: BTreeMap::new(),
        }
    }

    /// What it takes: bytes of a body, events of a batch.
    #[must_use]
    pub fn caps(&self) -> (usize, usize) {
        (self.limits.body_bytes_max, self.limits.batch_events_max)
    }

    /// Changes what it takes.
    pub fn set_caps(&mut self, (body_bytes_max, batch_events_max): (usize, usize)) {
        self.limits.body_bytes_max = body_bytes_max;
        self.limits.batch_events_max = batch_events_max;
    }

    /// Takes a request that has come in whole.
    ///
    /// # Errors
    /// What a body of our own SDK must never be.
    pub fn receive(
        &mut self,
        at: WorldMs,
        body: &[u8],
        fault: Option<Fault>,
        rng: &mut Rng,
    ) -> Result<Received, String> {
        let told: Json = serde_json::from_slice(body).map_err(|e| format!("no JSON: {e}"))?;
        let batch_id = told["sillage"]["batchId"].as_str().unwrap_or_default().to_owned();
        let received_at = EPOCH_MS + at.cast_signed();
        let problem = |refusal: &Refusal, rejected: &[Rejected]| Received {
            answer: problem(refusal, &batch_id, received_at, rejected),
            ..Received::default()
        };
        let door = match fault {
            Some(Fault::TooManyRequests) => Some(too_many_requests(&batch_id, rng)),
            Some(Fault::Overloaded) => {
                let refusal = rng.pick(&[
                    Refusal::Overloaded,
                    Refusal::StorageUnavailable,
                    Refusal::Draining,
                ]);
                let mut answer = problem(refusal, &[]).answer;
                if rng.per_mille(500) {
                    answer.retry_after = retry_after(rng);
                }
                Some(answer)
            }
            Some(Fault::Unauthorized) => Some(problem(&Refusal::InvalidKey, &[]).answer),
            Some(Fault::Forbidden) => Some(problem(&Refusal::OriginNotAllowed, &[]).answer),
            Some(Fault::NotFound) => Some(problem(&Refusal::NotFound, &[]).answer),
            Some(Fault::Gone) => Some(gone(&batch_id)),
            _ => None,
        };
        if let Some(answer) = door {
            return Ok(Received { answer, ..Received::default() });
        }
        if body.len() > self.limits.body_bytes_max {
            let refusal = Refusal::BodyTooLarge(self.limits.body_bytes_max as u64);
            return Ok(problem(&refusal, &[]));
        }
        let batch = match decode_batch(body, &self.limits) {
            Ok(batch) => batch,
            Err(error) if error.code == Code::EmptyBatch && !install(&told).is_empty() => {
                return Ok(self.report(&told, &batch_id, received_at));
            }
            Err(error) => return Ok(problem(&unreadable(error, &self.limits), &[])),
        };
        let visitor = Visitor::default();
        let arrival = Arrival::Live(ReceiptMillis(received_at));
        let admitted = match self.admission.admit(&batch, visitor, arrival, &mut self.scratch) {
            Ok(admitted) => admitted,
            Err(refusal) => return Ok(problem(&refusal, &[])),
        };
        Ok(self.settle(&told, admitted, &batch_id, received_at))
    }

    /// Appends what was admitted and answers.
    fn settle(
        &mut self,
        told: &Json,
        admitted: Admitted,
        batch_id: &str,
        received_at: i64,
    ) -> Received {
        let Admitted { append, companions, rejected, events, consent_denied, .. } = admitted;
        let appended = append_now(&self.log, append.clone());
        let install = install(told);
        let mut received = Received::default();
        let shared = SharedContexts::from_bytes(&append.shared);
        for (index, record) in append.records.iter().enumerate() {
            let index = u32::try_from(index).expect("a batch is bounded");
            if companions.binary_search(&index).is_ok() {
                continue;
            }
            if appended.duplicates.binary_search(&index).is_ok() {
                received.duplicates += 1;
                continue;
            }
            let body = append.bodies.get(record.body.0 as usize..record.body.1 as usize);
            let fact = Fact::decode(shared, body.unwrap_or_default());
            received.taken.push(taken(&fact.expect("admission writes facts"), &install));
        }
        for event in &rejected {
            let seq = told["batch"][event.index]["seq"].as_u64().unwrap_or_default();
            received.refused.push((install.clone(), seq, event.code));
        }
        self.note(told, received.taken.len() as u64, rejected.len() as u64);
        let refusal = Refusal::NoValidEvent;
        if events == 0 && consent_denied == 0 {
            received.answer = problem(&refusal, batch_id, received_at, &rejected);
            return received;
        }
        let mut out = String::new();
        write_reply(
            &mut out,
            &Reply {
                batch_id,
                accepted: received.taken.len() as u64,
                duplicates: received.duplicates,
                rejected: &on_the_wire(&rejected),
                received_at,
                sent_at: told["sentAt"].as_str().unwrap_or_default(),
            },
        );
        received.answer = json_answer(200, "application/json", out);
        received
    }

    fn report(&mut self, told: &Json, batch_id: &str, received_at: i64) -> Received {
        self.note(told, 0, 0);
        let mut out = String::new();
        let sent_at = told["sentAt"].as_str().unwrap_or_default();
        write_reply(
            &mut out,
            &Reply { batch_id, accepted: 0, duplicates: 0, rejected: &[], received_at, sent_at },
        );
        let answer = json_answer(200, "application/json", out);
        Received { answer, report: true, ..Received::default() }
    }

    /// Keeps what a batch says of its installation.
    fn note(&mut self, told: &Json, new: u64, refused: u64) {
        let say = &told["sillage"];
        let install = install(told);
        if install.is_empty() {
            return;
        }
        let row = self.installs.entry(install).or_default();
        row.received += new;
        let count = |name: &str| say[name].as_u64().unwrap_or_default();
        let sum = |name: &str| -> u64 {
            let map = say[name].as_object();
            map.into_iter().flat_map(|m| m.values()).filter_map(Json::as_u64).sum()
        };
        let settled = count("acknowledged") + sum("rejected") + sum("dropped") + sum("unsure");
        let stale = count("seq") < row.newest.0 || settled < row.newest.1;
        if !stale {
            row.newest = (count("seq"), settled);
            row.last_rejected = refused;
            row.last_batch = told["batch"].as_array().map_or(0, Vec::len) as u64;
        }
        row.created = row.created.max(count("seq"));
        row.acknowledged = row.acknowledged.max(count("acknowledged"));
        for (map, name) in [
            (&mut row.rejected, "rejected"),
            (&mut row.dropped, "dropped"),
            (&mut row.unsure, "unsure"),
        ] {
            for (reason, n) in say[name].as_object().into_iter().flatten() {
                let kept = map.entry(reason.clone()).or_default();
                *kept = n.as_u64().unwrap_or_default().max(*kept);
            }
        }
    }
}

impl Told {
    /// Events that are neither received nor refused nor dropped, nor still on the device, nor such
    /// of which the device itself is unsure: what the collector would have to call lost.
    #[must_use]
    pub fn lost(&self) -> i64 {
        let sum = |map: &BTreeMap<String, u64>| map.values().sum::<u64>().cast_signed();
        let (rejected, dropped, unsure) =
            (sum(&self.rejected), sum(&self.dropped), sum(&self.unsure));
        let refused = rejected + self.last_rejected.cast_signed();
        let created = self.created.cast_signed();
        let outstanding = created - self.received.cast_signed() - refused - dropped;
        let pending = created
            - self.acknowledged.cast_signed()
            - rejected
            - dropped
            - unsure
            - self.last_batch.cast_signed();
        (outstanding - pending.max(0) - unsure).max(0)
    }
}

fn install(told: &Json) -> String {
    told["sillage"]["install"].as_str().unwrap_or_default().to_owned()
}

/// Appends to a log that never waits.
fn append_now(log: &MemoryLog, append: Append) -> Appended {
    if append.records.is_empty() {
        return Appended { duplicates: Vec::new(), end: log.end() };
    }
    let mut appending = pin!(log.append(append));
    match appending.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(appended)) => appended,
        other => panic!("a log in memory takes what was admitted at once: {other:?}"),
    }
}

fn taken(fact: &Fact<'_>, install: &str) -> Taken {
    Taken {
        install: install.to_owned(),
        seq: fact.seq,
        message_id: fact.message_id.to_owned(),
        kind: fact.kind,
        subject: fact.subject.to_owned(),
        device: fact.device.to_owned(),
        name: fact.name.to_owned(),
        at: fact.at.0,
        props: map_json(fact.props),
        context: map_json(fact.context),
    }
}

fn map_json(map: Map<'_>) -> Json {
    Json::Object(map.iter().map(|(key, value)| (key.to_owned(), value_json(value))).collect())
}

fn value_json(value: Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(b) => b.into(),
        Value::Int(n) => n.into(),
        Value::Float(n) => n.into(),
        Value::Str(s) => s.into(),
        Value::List(list) => list.iter().map(value_json).collect(),
        Value::Map(map) => map_json(map),
    }
}

fn on_the_wire(rejected: &[Rejected]) -> Vec<sillage_wire::Rejected<'_>> {
    rejected
        .iter()
        .map(|event| sillage_wire::Rejected {
            index: event.index,
            message_id: &event.message_id,
            code: event.code,
            message: &event.message,
        })
        .collect()
}

/// A body that ingest cannot read is refused so.
fn unreadable(error: BodyError, limits: &Limits) -> Refusal {
    match error.code {
        Code::EmptyBody => Refusal::EmptyBody,
        Code::EmptyBatch => Refusal::EmptyBatch,
        Code::TooManyEvents => Refusal::TooManyEvents(limits.batch_events_max),
        code => Refusal::Malformed { code: code.as_str(), message: error.to_string() },
    }
}

/// A problem document as ingest writes it.
fn problem(refusal: &Refusal, batch_id: &str, received_at: i64, rejected: &[Rejected]) -> Answer {
    let face = refusal.face();
    let detail = refusal.to_string();
    let mut at = String::new();
    sillage_wire::format_time_ms(received_at, &mut at);
    let mut body = json!({
        "type": format!("urn:sillage:problem:{}", face.code), "title": face.title,
        "status": face.status.as_u16(), "detail": detail, "code": face.code, "message": detail,
        "retryable": face.retryable, "request_id": "00000000000000aa", "receivedAt": at,
    });
    if !batch_id.is_empty() {
        body["batchId"] = batch_id.into();
    }
    if !rejected.is_empty() {
        let mut list = String::new();
        sillage_wire::write_rejected(&mut list, &on_the_wire(rejected));
        body["rejected"] = serde_json::from_str(&list).expect("our writer writes JSON");
    }
    let retry_after = face.retry_after_s.map(|s| s.to_string()).unwrap_or_default();
    let answer = json_answer(face.status.as_u16(), "application/problem+json", body.to_string());
    Answer { retry_after, ..answer }
}

/// There is no quota yet; when there is one, this is how it will answer.
fn too_many_requests(batch_id: &str, rng: &mut Rng) -> Answer {
    let body = json!({
        "type": "urn:sillage:problem:quota", "title": "Too many requests", "status": 429,
        "code": "quota", "message": "slower", "retryable": true, "batchId": batch_id,
    });
    let answer = json_answer(429, "application/problem+json", body.to_string());
    Answer { retry_after: retry_after(rng), ..answer }
}

/// An address that was given up by whoever ran it.
fn gone(batch_id: &str) -> Answer {
    let body = json!({
        "type": "urn:sillage:problem:gone", "title": "Gone", "status": 410, "code": "gone",
        "message": "this collector has been closed", "retryable": false, "batchId": batch_id,
    });
    json_answer(410, "application/problem+json", body.to_string())
}

fn json_answer(status: u16, content_type: &str, body: String) -> Answer {
    Answer {
        status,
        content_type: content_type.to_owned(),
        retry_after: String::new(),
        body: body.into_bytes(),
    }
}
