//! Heads of requests: paths, queries, headers, keys and tokens, at the door and at the reading paths.
use crate::places::folder;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use sillage_eventlog::{Clock, DeadLetterConfig, DeadLetters, Durability, MemoryLog};
use sillage_ingest::{Ingest, IngestConfig, Intake, ProjectIngest};
use sillage_ledger::{Balance, Source, Total};
use sillage_lookup::{
    DeadLetter, DeadLetterPage, DeadLetterSource, EditAnswer, EditRefused, ExplainAsked,
    HistoryAnswer, HistoryProblem, HistorySource, LedgerSource, Lookup, LookupProject,
    SegmentDetail, Segments, SummaryParts,
};
use sillage_model::{EventTime, Membership, PersonKey, Profile, SegmentIndex};
use sillage_store::{SegmentLabel, Shown, View, ViewConfig};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub(crate) const NOW: i64 = 1_795_341_600_000;

/// A request: the first line is method and target, then come headers, an empty line and the body.
fn request(bytes: &[u8]) -> Option<Request<Full<Bytes>>> {
    let mut lines = bytes.splitn(12, |byte| *byte == b'\n');
    let first = lines.next()?;
    let at = first.iter().position(|byte| *byte == b' ')?;
    let (method, target) = (&first[..at], &first[at + 1..]);
    let mut request = Request::builder().method(method).uri(target);
    for line in lines.by_ref() {
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..colon], &line[colon + 1..]);
    }
    let body: Vec<&[u8]> = lines.collect();
    request.body(Full::new(Bytes::from(body.join(&b'\n')))).ok()
}

/// How many requests a door serves before its log in memory is thrown away.
const REQUESTS_MAX: u32 = 20_000;

struct Door {
    ingest: Ingest<MemoryLog>,
    served: u32,
    _letters: TempDir,
}

impl Door {
    fn new() -> Self {
        let place = folder();
        let letters =
            DeadLetterConfig { durability: Durability::Os, ..DeadLetterConfig::new(place.path()) };
        let intake = Intake {
            project: ProjectIngest::new("shop", "wk", [7; 16]),
            log: Arc::new(MemoryLog::new()),
            dead_letters: Arc::new(DeadLetters::open(letters).expect("new letters")),
            segments: None,
        };
        let ingest = Ingest::new(IngestConfig::default(), vec![intake], Clock::new(|| NOW));
        Self { ingest: ingest.expect("one key"), served: 0, _letters: place }
    }
}

thread_local! {
    static DOOR: RefCell<Option<Door>> = const { RefCell::new(None) };
    static RUNTIME: Runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    static LOOKUP: Lookup = shop();
}

/// Any head is answered, and what is refused is refused for what the sender did.
pub(crate) fn ingest(bytes: &[u8]) {
    let Some(request) = request(bytes) else { return };
    if !Ingest::<MemoryLog>::matches(request.uri().path()) {
        return;
    }
    let peer = SocketAddr::from(([10, 0, 0, 1], 4_000));
    DOOR.with_borrow_mut(|kept| {
        let mut door =
            kept.take().filter(|door| door.served < REQUESTS_MAX).unwrap_or_else(Door::new);
        let status =
            RUNTIME.with(|runtime| runtime.block_on(door.ingest.respond(request, peer))).status();
        let is_theirs = status.is_success() || status.is_client_error();
        assert!(is_theirs || status == StatusCode::SERVICE_UNAVAILABLE, "{status}");
        door.served += 1;
        *kept = Some(door);
    });
}

/// Any question is answered or refused, and nothing is told without a token.
pub(crate) fn lookup(bytes: &[u8]) {
    let Some(request) = request(bytes) else { return };
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let known = request.headers().get("authorization").is_some_and(|value| {
        [&b"rt"[..], b"at"].iter().any(|token| value.as_bytes().trim_ascii().ends_with(token))
    });
    LOOKUP.with(|lookup| {
        let answered = RUNTIME.with(|runtime| {
            runtime.block_on(async {
                if lookup.edits(&method, &path) {
                    Some(lookup.edit(request).await)
                } else if lookup.looks_back(&method, &path) {
                    Some(lookup.look_back(request).await)
                } else if lookup.matches(&path) {
                    Some(lookup.respond(request).await)
                } else {
                    None
                }
            })
        });
        let Some(status) = answered.map(|answer| answer.status()) else { return };
        assert!(status.is_success() || status.is_client_error(), "{status}");
        assert!(known || !status.is_success(), "{path} told something without a token");
    });
}

fn profile(member: PersonKey, number: i64) -> Profile {
    let membership = Membership { segment: SegmentIndex(0), entered_at: EventTime(NOW - number) };
    Profile {
        member,
        devices: Vec::new(),
        segments: vec![membership],
        held_out: Vec::new(),
        scores: vec![1.5],
        session: None,
        traits: Vec::new().into(),
        as_of: NOW,
        version: 1 << 32 | 7,
    }
}

/// A view of some persons whose ids have all that a path may not.
pub(crate) fn view() -> Arc<View> {
    let view = View::new(ViewConfig {
        project: "shop".to_owned(),
        segments: vec![SegmentLabel { key: "vip".to_owned(), name: "VIP".to_owned() }],
        scores: vec!["engagement".to_owned()],
        traits_shown: Vec::new(),
        half_life_ms: 604_800_000,
        digest: 7,
        generation: 1,
        clock: Arc::new(|| NOW),
    });
    for (number, id) in ["1", "é", "a/b", "a b%", "{x}:*\n", "42"].into_iter().enumerate() {
        let number = i64::try_from(number).expect("small");
        view.publish(profile(PersonKey::user(id), number), &[], NOW);
        view.publish(profile(PersonKey::device(id), number), &[], NOW);
    }
    view
}

fn shop() -> Lookup {
    Lookup::new(vec![LookupProject {
        name: "shop".to_owned(),
        view: Shown::new(view()),
        read_tokens: vec!["rt".to_owned()],
        admin_tokens: vec!["at".to_owned()],
        write_keys: vec!["wk".to_owned()],
        segments: Arc::new(Behind),
        lag: Arc::new(|| 0),
        ready: Arc::new(|| true),
        counts: Arc::new(SummaryParts::default),
        dead_letters: Arc::new(Behind),
        ledger: Arc::new(Behind),
        history: Arc::new(Behind),
        redis: None,
    }])
}

/// What stands behind the reading paths: little, for here it is about what comes in front.
struct Behind;

impl Segments for Behind {
    fn list(&self) -> Vec<SegmentDetail> {
        Vec::new()
    }

    fn put(&self, _: String, _: Vec<u8>, _: bool) -> EditAnswer<'_> {
        Box::pin(async { Err(EditRefused::Busy) })
    }

    fn remove(&self, _: String, _: bool) -> EditAnswer<'_> {
        Box::pin(async { Err(EditRefused::Unknown) })
    }
}

impl DeadLetterSource for Behind {
    fn list(&self, after: Option<u64>, limit: usize) -> DeadLetterPage<'_> {
        let letter = |position| DeadLetter {
            position,
            received_ms: NOW,
            code: "too_deep".to_owned(),
            message: "é".to_owned(),
            raw: vec![0xff, b'"'],
        };
        let first = after.map_or(0, |after| after.saturating_add(1));
        Box::pin(
            async move { Ok((first..first.saturating_add(9)).take(limit).map(letter).collect()) },
        )
    }
}

impl LedgerSource for Behind {
    fn sources(&self) -> BTreeMap<Source, Total> {
        BTreeMap::new()
    }

    fn install(&self, _: &str) -> Option<(Source, Balance)> {
        None
    }
}

impl HistorySource for Behind {
    fn preview(&self, _: Vec<u8>) -> HistoryAnswer<'_> {
        Box::pin(async { Err(HistoryProblem::PersonUnknown) })
    }

    fn audit(&self, _: Option<String>) -> HistoryAnswer<'_> {
        Box::pin(async { Err(HistoryProblem::PersonUnknown) })
    }

    fn explain(&self, _: ExplainAsked) -> HistoryAnswer<'_> {
        Box::pin(async { Err(HistoryProblem::PersonUnknown) })
    }
}

pub(crate) fn asked() -> Vec<Vec<u8>> {
    let event = r#"{"type":"track","event":"A","userId":"u","messageId":"m"}"#;
    let heads = [
        "POST /v1/batch\nx-write-key:wk\ncontent-type:application/json\n\n",
        "POST /v1/batch?key=wk&writeKey=wk\ncontent-type:text/plain;charset=utf-8\n\n",
        "POST /v1/t\nauthorization:Basic d2s6\ncontent-type:application/json\norigin:https://a.example\n\n",
        "POST /v1/batch\nauthorization:Basic d2s\ncontent-encoding:gzip, gzip\ncontent-type:application/json\n\n",
        "POST /v1/track?key=%77%6b\ncontent-encoding:br\n\n",
        "OPTIONS /v1/batch\norigin:https://a.example\naccess-control-request-method:POST\naccess-control-request-headers:x\n\n",
        "POST /v1/identify\nx-write-key:wk\nx-forwarded-for:1.2.3.4, ::1\nsec-gpc:1\ncontent-type:application/xml\n\n",
        "GET /v1/pixel.gif?key=wk&data=eyJ0eXBlIjoidHJhY2siLCJldmVudCI6IkEiLCJ1c2VySWQiOiJ1IiwibWVzc2FnZUlkIjoibSJ9\nuser-agent:x\n\n",
        "GET /v1/pixel.gif?data=%ff&key=%zz\n\n",
        "HEAD /v1/batch\n\n",
    ];
    heads.iter().map(|head| [head.as_bytes(), event.as_bytes()].concat()).collect()
}

pub(crate) fn read() -> Vec<Vec<u8>> {
    let targets = [
        "GET /v1/users/a%2Fb",
        "GET /v1/users/%C3%A9",
        "GET /v1/users/%7Bx%7D%3A%2A%0A",
        "GET /v1/devices/a%20b%25",
        "GET /v1/segments/vip/members?cursor=abc&limit=2",
        "GET /v1/segments/vip/members?limit=0",
        "GET /v1/segments",
        "GET /v1/segments/vip",
        "GET /v1/dead-letters?cursor=AAAAAAAAAAA&limit=3",
        "GET /v1/dead-letters?code=too_deep",
        "GET /v1/ledger?install=i+1",
        "GET /v1/summary",
        "GET /v1/users/1/explain/vip?at=2026-01-01T00:00:00Z",
        "PUT /v1/segments/new?history=partial",
        "DELETE /v1/segments/vip",
        "POST /v1/segments/preview",
        "GET /v1/segments/audit?at=x",
        "GET /v1/users/%zz",
        "GET /v1/users/%ff",
        "GET /v1/users/",
        "HEAD /v1/users/42",
    ];
    let headers =
        ["authorization:Bearer rt", "authorization:bearer  at", "authorization:Bearer wk", "x:y"];
    let all = targets.iter().flat_map(|target| {
        headers
            .iter()
            .map(move |header| format!("{target}\n{header}\n\n{{\"when\":\"true\"}}").into_bytes())
    });
    all.collect()
}
