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
use sillage_ledger::{Counts, Row, Tally, Told};
use sillage_model::{Fact, FactKind, Map, ReceiptMillis, SharedContexts, Value};
use sillage_wire::{Batch, BodyError, Code, Limits, Reply, decode_batch, write_reply};
use std::borrow::Cow;
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
    /// The ledger's row of each installation.
    pub installs: BTreeMap<String, Row>,
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
        // Whoever has not read the body cannot say whose it is.
        let problem = |refusal: &Refusal| Received {
            answer: problem(refusal, None, &[]),
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
                let mut answer = problem(refusal).answer;
                if rng.per_mille(500) {
                    answer.retry_after = retry_after(rng);
                }
                Some(answer)
            }
            Some(Fault::Unauthorized) => Some(problem(&Refusal::InvalidKey).answer),
            Some(Fault::Forbidden) => Some(problem(&Refusal::OriginNotAllowed).answer),
            Some(Fault::NotFound) => Some(problem(&Refusal::NotFound).answer),
            Some(Fault::Gone) => Some(gone(&batch_id)),
            _ => None,
        };
        if let Some(answer) = door {
            return Ok(Received { answer, ..Received::default() });
        }
        if body.len() > self.limits.body_bytes_max {
            let refusal = Refusal::BodyTooLarge(self.limits.body_bytes_max as u64);
            return Ok(problem(&refusal));
        }
        let batch = match decode_batch(body, &self.limits) {
            Ok(batch) => batch,
            Err(error) => return Ok(problem(&unreadable(error, &self.limits))),
        };
        let visitor = Visitor::default();
        let arrival = Arrival::Live(ReceiptMillis(received_at));
        let admitted = match self.admission.admit(&batch, visitor, arrival, &mut self.scratch) {
            Ok(admitted) => admitted,
            Err(refusal) => {
                let answer = self::problem(&refusal, Some((&batch_id, received_at)), &[]);
                return Ok(Received { answer, ..Received::default() });
            }
        };
        Ok(self.settle(&told, &batch, admitted, received_at))
    }

    /// Appends what was admitted and answers.
    fn settle(
        &mut self,
        told: &Json,
        batch: &Batch<'_>,
        admitted: Admitted,
        received_at: i64,
    ) -> Received {
        let batch_id = told["sillage"]["batchId"].as_str().unwrap_or_default();
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
        let number = |count: u64| u32::try_from(count).expect("a batch is bounded");
        let tally = Tally {
            accepted: number(received.taken.len() as u64),
            duplicates: number(received.duplicates),
        };
        self.note(batch, &rejected, tally, ReceiptMillis(received_at));
        received.report = batch.event_count() == 0;
        let refusal = Refusal::NoValidEvent;
        if events == 0 && consent_denied == 0 && !rejected.is_empty() {
            received.answer = problem(&refusal, Some((batch_id, received_at)), &rejected);
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
                segments: None,
            },
        );
        received.answer = json_answer(200, "application/json", out);
        received
    }

    /// Keeps what a batch says of its installation, in the row of the real ledger.
    fn note(&mut self, batch: &Batch<'_>, rejected: &[Rejected], tally: Tally, at: ReceiptMillis) {
        let Some(say) = &batch.envelope.sillage else { return };
        let counts = |told: &[(Cow<'_, str>, u64)]| -> Counts {
            told.iter().map(|(name, count)| (&**name, *count)).collect()
        };
        let told = Told {
            source: ("sim", "1"),
            created: say.seq.unwrap_or(0),
            acknowledged: say.acknowledged.unwrap_or(0),
            rejected: counts(&say.rejected),
            dropped: counts(&say.dropped),
            unsure: counts(&say.unsure),
            last_batch: batch.event_count() as u64,
            last_rejected: rejected.iter().map(|event| (event.code, 1)).collect(),
        };
        match self.installs.get_mut(&*say.install) {
            Some(row) => {
                row.fold(&told, tally, at);
            }
            None => {
                let row = Row::begin(&told, tally, at);
                self.installs.insert(say.install.clone().into_owned(), row);
            }
        }
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
fn problem(refusal: &Refusal, echo: Option<(&str, i64)>, rejected: &[Rejected]) -> Answer {
    let face = refusal.face();
    let detail = refusal.to_string();
    let mut body = json!({
        "type": format!("urn:sillage:problem:{}", face.code), "title": face.title,
        "status": face.status.as_u16(), "detail": detail, "code": face.code, "message": detail,
        "retryable": face.retryable, "request_id": "00000000000000aa",
    });
    if let Some((batch_id, received_at)) = echo {
        let mut at = String::new();
        sillage_wire::format_time_ms(received_at, &mut at);
        body["batchId"] = batch_id.into();
        body["receivedAt"] = at.into();
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
