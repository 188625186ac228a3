//! A door with a log and dead letters behind it, and what one says to it.
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use serde_json::Value as Json;
use sillage_eventlog::{
    Clock, Cursor, DeadLetter, DeadLetterConfig, DeadLetters, EventLog, FileLog, FileLogConfig,
    ListOrder, MemoryLog,
};
use sillage_ingest::{Ingest, IngestConfig, Intake, ProjectIngest, PublicSegments};
use sillage_ledger::{Counts, Report};
use sillage_model::{Fact, FactKind, Map, Partition, SharedContexts, Value, partition_of};
use std::net::SocketAddr;
use std::sync::Arc;
use tempfile::TempDir;

/// 2026-11-22T10:00:00.000Z.
pub(crate) const NOW: i64 = 1_795_341_600_000;

pub(crate) const KEY: &str = "wk_shop";

pub(crate) struct Rig<L> {
    pub(crate) ingest: Ingest<L>,
    pub(crate) log: Arc<L>,
    pub(crate) letters: Arc<DeadLetters>,
    pub(crate) dir: TempDir,
}

pub(crate) fn shop() -> ProjectIngest {
    ProjectIngest::new("shop", KEY, [7; 16])
}

impl Rig<MemoryLog> {
    pub(crate) fn new() -> Self {
        Self::with(IngestConfig::default(), shop())
    }

    pub(crate) fn with(config: IngestConfig, project: ProjectIngest) -> Self {
        Self::on(MemoryLog::new(), tempfile::tempdir().unwrap(), config, project)
    }
}

impl Rig<FileLog> {
    pub(crate) fn on_disk(project: ProjectIngest) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = FileLogConfig::new(dir.path().join("log"), dir.path().join("dedup"));
        let log = FileLog::open(config).unwrap();
        Self::on(log, dir, IngestConfig::default(), project)
    }
}

impl<L: EventLog> Rig<L> {
    pub(crate) fn on(log: L, dir: TempDir, config: IngestConfig, project: ProjectIngest) -> Self {
        Self::telling(None, Arc::new(log), dir, (config, project))
    }

    /// One whose devices are told their segments.
    pub(crate) fn telling(
        segments: Option<Arc<dyn PublicSegments>>,
        log: Arc<L>,
        dir: TempDir,
        (config, project): (IngestConfig, ProjectIngest),
    ) -> Self {
        let letters = DeadLetterConfig::new(dir.path().join("dead-letters"));
        let letters = Arc::new(DeadLetters::open(letters).unwrap());
        let (log_in, dead_letters) = (Arc::clone(&log), Arc::clone(&letters));
        let intake = Intake { project, log: log_in, dead_letters, segments };
        let ingest = Ingest::new(config, vec![intake], Clock::new(|| NOW)).unwrap();
        Self { ingest, log, letters, dir }
    }

    /// Sends a request as a server's SDK in 198.51.100.77 would.
    pub(crate) async fn send<B: Body<Data = Bytes>>(&self, request: Request<B>) -> Answer {
        let peer: SocketAddr = "198.51.100.77:40000".parse().unwrap();
        let (parts, body) = self.ingest.respond(request, peer).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Posts a batch and expects a verdict.
    pub(crate) async fn batch(&self, body: &str) -> Json {
        let answer = self.send(post("/v1/batch", body.to_owned())).await;
        assert_eq!(answer.status, StatusCode::OK, "{body}: {}", answer.text());
        answer.json()
    }

    /// Every event in the log, and what follows from it.
    pub(crate) fn facts(&self) -> Vec<Kept> {
        let mut facts = Vec::new();
        self.visit(&mut |fact, partition| {
            if fact.kind != FactKind::Report {
                fact.props.check().unwrap();
                fact.context.check().unwrap();
                facts.push(Kept::new(fact, partition));
            }
        });
        facts
    }

    /// Every report in the log: its subject, and what it says.
    pub(crate) fn reports(&self) -> Vec<(String, String)> {
        let mut reports = Vec::new();
        self.visit(&mut |fact, partition| {
            if fact.kind == FactKind::Report {
                assert_eq!(partition, partition_of(fact.subject, 64));
                assert_eq!((fact.received.0, fact.context.is_empty()), (NOW, true));
                let report = Report::decode(fact.props.as_bytes()).unwrap();
                reports.push((fact.subject.to_owned(), told(&report)));
            }
        });
        reports
    }

    fn visit(&self, visit: &mut dyn FnMut(&Fact<'_>, Partition)) {
        let mut at = Cursor::START;
        loop {
            let next = self.log.read(at, 1 << 20, &mut |record| {
                let shared = SharedContexts::from_bytes(record.shared);
                visit(&Fact::decode(shared, record.body).unwrap(), record.partition);
            });
            match next.unwrap() {
                next if next == at => return,
                next => at = next,
            }
        }
    }

    pub(crate) fn dead_letters(&self) -> Vec<DeadLetter> {
        let listed = self.letters.list(None, 100, ListOrder::OldestFirst).unwrap();
        listed.into_iter().map(|stored| stored.letter).collect()
    }
}

/// A report in one line.
fn told(report: &Report<'_>) -> String {
    let list = |counts: &Counts| {
        counts.iter().map(|(name, count)| format!(" {name}={count}")).collect::<String>()
    };
    match report {
        Report::Told(told, tally) => format!(
            "{}/{} created {} acknowledged {} rejected{} dropped{} unsure{} batch {}{} new {} again {}",
            told.source.0,
            told.source.1,
            told.created,
            told.acknowledged,
            list(&told.rejected),
            list(&told.dropped),
            list(&told.unsure),
            told.last_batch,
            list(&told.last_rejected),
            tally.accepted,
            tally.duplicates
        ),
        Report::Counted(counted) => format!(
            "{}/{} received {} duplicates {} rejected{} dropped{}",
            counted.source.0,
            counted.source.1,
            counted.received,
            counted.duplicates,
            list(&counted.rejected),
            list(&counted.dropped)
        ),
    }
}

/// A fact that outlives the log's buffer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    pub(crate) kind: FactKind,
    pub(crate) subject: String,
    pub(crate) device: String,
    pub(crate) name: String,
    pub(crate) at: i64,
    pub(crate) received: i64,
    pub(crate) seq: Option<u64>,
    pub(crate) partition: Partition,
    pub(crate) context: Json,
    pub(crate) props: Json,
}

impl Kept {
    fn new(fact: &Fact<'_>, partition: Partition) -> Self {
        Self {
            kind: fact.kind,
            subject: fact.subject.to_owned(),
            device: fact.device.to_owned(),
            name: fact.name.to_owned(),
            at: fact.at.0,
            received: fact.received.0,
            seq: fact.seq,
            partition,
            context: map_json(fact.context),
            props: map_json(fact.props),
        }
    }
}

fn map_json(map: Map<'_>) -> Json {
    Json::Object(map.iter().map(|(key, value)| (key.to_owned(), json(value))).collect())
}

fn json(value: Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(b) => b.into(),
        Value::Int(n) => n.into(),
        Value::Float(n) => n.into(),
        Value::Str(s) => s.into(),
        Value::List(list) => list.iter().map(json).collect(),
        Value::Map(map) => map_json(map),
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or(Json::Null)
    }

    /// The public code of a problem; empty for a good answer.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A POST with the shop's key.
pub(crate) fn post(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    with(path, body, &[("x-write-key", KEY)])
}

/// A POST with these headers and a host.
pub(crate) fn with(
    path: &str,
    body: impl Into<Bytes>,
    headers: &[(&str, &str)],
) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(Method::POST).uri(path).header("host", "c");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(body.into())).unwrap()
}

/// A request without a body.
pub(crate) fn bare(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let mut request = with(path, "", headers);
    *request.method_mut() = method.parse().unwrap();
    request
}

/// A track event of device `d` with this id.
pub(crate) fn track(id: &str) -> String {
    format!(r#"{{"type":"track","messageId":"{id}","anonymousId":"d","event":"E"}}"#)
}

pub(crate) fn batch_of(events: &[String]) -> String {
    format!(r#"{{"batch":[{}]}}"#, events.join(","))
}
