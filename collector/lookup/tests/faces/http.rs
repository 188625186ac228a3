//! The reading paths, asked as a server would ask them.
use crate::world::{NOW, SEGMENTS, person, shop};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use sillage_ledger::{Balance, Counted, Row, Source, Tally, Told, Total};
use sillage_lookup::{
    DeadLetter, DeadLetterPage, DeadLetterSource, Diagnosis, EditAnswer, EditRefused, Edited,
    ExplainAsked, HistoryAnswer, HistoryProblem, HistorySource, LedgerSource, Lookup,
    LookupProject, SegmentDetail, SegmentState, Segments, SourceError, SummaryParts,
};
use sillage_model::{PersonKey, ReceiptMillis};
use sillage_store::Shown;
use std::collections::BTreeMap;
use std::sync::Arc;

struct Letters(Vec<DeadLetter>);

impl DeadLetterSource for Letters {
    fn list(&self, after: Option<u64>, limit: usize) -> DeadLetterPage<'_> {
        let page = self.0.iter().filter(move |l| after.is_none_or(|after| l.position > after));
        let page: Vec<DeadLetter> = page.take(limit).cloned().collect();
        let broken = self.0.is_empty();
        Box::pin(async move { if broken { Err(SourceError("disk".into())) } else { Ok(page) } })
    }
}

/// Segments that take one definition and refuse all others.
struct Fixed;

impl Segments for Fixed {
    fn list(&self) -> Vec<SegmentDetail> {
        SEGMENTS.map(detail).to_vec()
    }

    fn put(&self, key: String, definition: Vec<u8>, partial: bool) -> EditAnswer<'_> {
        let detail = SegmentDetail { state: SegmentState::Building, ..detail(&key) };
        Box::pin(async move {
            match definition.as_slice() {
                b"good" => Ok(Edited { detail, done: partial }),
                b"busy" => Err(EditRefused::Busy),
                _ => Err(EditRefused::Invalid(vec![Diagnosis {
                    segment: key,
                    part: "when",
                    message: "wrong".into(),
                    start: 1,
                    end: 2,
                    label: "here".into(),
                    help: None,
                    rendered: "^".into(),
                }])),
            }
        })
    }

    fn remove(&self, key: String, _partial: bool) -> EditAnswer<'_> {
        let found = if key == "vip" {
            EditRefused::Referred(vec!["hot".into()])
        } else {
            EditRefused::Unknown
        };
        Box::pin(async move { Err(found) })
    }
}

fn detail(key: &str) -> SegmentDetail {
    SegmentDetail {
        key: key.into(),
        name: key.to_uppercase(),
        description: "for tests".into(),
        when: "exists(\"*\")".into(),
        exit: None,
        min_stay: "0ms".into(),
        holdout: 0.0,
        requires_consent: None,
        public: key == "vip",
        class: "event",
        events_read: vec!["*".into()],
        bytes: 48,
        worst_exit_lag_ms: 0,
        exactness: "exact".into(),
        version: 1,
        saved_at_ms: None,
        state: SegmentState::Live,
        progress: None,
        failed: None,
    }
}

#[test]
fn segments_are_changed_by_admins_alone_and_refusals_say_why() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let edit = |method: &str, path: &str, token: &str, body: &'static str| {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", format!("Bearer {token}"));
        let request = request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap();
        let lookup = lookup();
        assert!(lookup.edits(request.method(), request.uri().path()));
        runtime.block_on(async {
            let response = lookup.edit(request).await;
            let place = response.headers().get("location").cloned();
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let body: Value = serde_json::from_slice(&body).unwrap();
            (status, place.map(|p| p.to_str().unwrap().to_owned()), body)
        })
    };
    let path = "/v1/segments/new";
    let (status, place, body) = edit("PUT", path, "admin-shop", "good");
    assert_eq!((status, place.as_deref(), &body["state"]), (202, Some(path), &json!("building")));
    assert_eq!(edit("PUT", "/v1/segments/new?history=partial", "admin-shop", "good").0, 200);
    for (method, path, token, body, status, code) in [
        ("PUT", path, "read-shop", "good", 403, "scope"),
        ("PUT", path, "write-shop", "good", 403, "scope"),
        ("PUT", path, "nobody", "good", 401, "token_unknown"),
        ("PUT", path, "admin-cold", "good", 503, "unavailable"),
        ("PUT", path, "admin-shop", "busy", 409, "edit_in_progress"),
        ("PUT", path, "admin-shop", "bad", 422, "segment_invalid"),
        ("DELETE", path, "admin-shop", "", 404, "segment_unknown"),
        ("DELETE", "/v1/segments/vip", "admin-shop", "", 409, "segment_referred"),
    ] {
        let (got, _, problem) = edit(method, path, token, body);
        assert_eq!(
            (got, &problem["code"]),
            (status, &json!(code)),
            "{method} {path} {token} {body}"
        );
        match code {
            "segment_invalid" => assert_eq!(problem["diagnostics"][0]["rendered"], "^"),
            "segment_referred" => assert_eq!(problem["referred_by"], json!(["hot"])),
            _ => {}
        }
    }
}

/// Answers with what it was asked, or as the definition wishes.
struct Past;

impl HistorySource for Past {
    fn preview(&self, definition: Vec<u8>) -> HistoryAnswer<'_> {
        let fault = Diagnosis {
            segment: "preview".into(),
            part: "when",
            message: "unknown unit `days`".into(),
            start: 3,
            end: 7,
            label: "not a unit of time".into(),
            help: Some("write `7d`".into()),
            rendered: "error: unknown unit `days`".into(),
        };
        let answer = match &definition[..] {
            b"wrong" => Err(HistoryProblem::Rules(vec![fault])),
            b"busy" => Err(HistoryProblem::Busy),
            b"gone" => Err(HistoryProblem::Unavailable("disk".into())),
            other => Ok(serde_json::to_vec(&json!({"bytes": other.len()})).unwrap()),
        };
        Box::pin(async move { answer })
    }

    fn audit(&self, at: Option<String>) -> HistoryAnswer<'_> {
        Box::pin(async move { Ok(serde_json::to_vec(&json!({"at": at})).unwrap()) })
    }

    fn explain(&self, asked: ExplainAsked) -> HistoryAnswer<'_> {
        let ids: Vec<&str> = asked.ids.iter().map(PersonKey::as_str).collect();
        let shown = json!({"member": asked.member.as_str(), "ids": ids, "at": asked.at});
        Box::pin(async move { Ok(serde_json::to_vec(&shown).unwrap()) })
    }
}

pub(crate) fn project(name: &str, users: i64, letters: u64) -> LookupProject {
    let letter = |position| DeadLetter {
        position,
        received_ms: 1_700_000_000_000,
        code: "event_name_missing".into(),
        message: "a track event needs a name".into(),
        raw: b"{\"type\":\"track\",\xff}".to_vec(),
    };
    LookupProject {
        name: name.into(),
        view: Shown::new(shop(users)),
        read_tokens: vec![format!("read-{name}")],
        admin_tokens: vec![format!("admin-{name}")],
        write_keys: vec![format!("write-{name}")],
        segments: Arc::new(Fixed),
        lag: Arc::new(|| 12),
        ready: Arc::new(move || users > 0),
        counts: Arc::new(|| SummaryParts { sessions: 9, events: vec![("Page Viewed".into(), 4)] }),
        dead_letters: Arc::new(Letters((1..=letters).map(letter).collect())),
        ledger: Arc::new(Books),
        history: Arc::new(Past),
        redis: None,
    }
}

/// The ledger of one installation, and of a library that tells nothing.
struct Books;

impl Books {
    fn balance() -> Balance {
        let told = Told {
            created: 12,
            acknowledged: 5,
            dropped: [("queue_full", 2)].into_iter().collect(),
            unsure: [("too_old", 1)].into_iter().collect(),
            last_batch: 3,
            last_rejected: [("missing_id", 1)].into_iter().collect(),
            ..Told::default()
        };
        let at = ReceiptMillis(NOW);
        let first = Told { created: 6, last_batch: 6, ..Told::default() };
        let mut row = Row::begin(&first, Tally { accepted: 4, duplicates: 0 }, at);
        row.fold(&told, Tally { accepted: 2, duplicates: 3 }, at);
        row.balance()
    }
}

impl LedgerSource for Books {
    fn sources(&self) -> BTreeMap<Source, Total> {
        let (mut web, mut pixel) = (Total::default(), Total::default());
        web.add(&Self::balance());
        let seen = Counted { received: 3, duplicates: 1, ..Counted::default() };
        pixel.count(&seen, ReceiptMillis(NOW + 1));
        [(Source::new(("web", "1.2")), web), (Source::new(("", "")), pixel)].into()
    }

    fn install(&self, id: &str) -> Option<(Source, Balance)> {
        (id == "in/1").then(|| (Source::new(("web", "1.2")), Self::balance()))
    }
}

#[test]
fn the_ledger_tells_the_fate_of_every_event_by_library_and_by_installation() {
    let numbers = json!({
        "installs": 1, "created": 12, "received": 6, "duplicates": 3,
        "rejected": {"missing_id": 1}, "dropped": {"queue_full": 2}, "unsure": {"too_old": 1},
        "unsure_arrived": 0, "pending": 1, "lost": 1, "surplus": 0,
        "last_report_at": "2023-11-14T22:13:20.000Z",
    });
    let with = |more: Value, numbers: &Value| {
        let mut all = numbers.as_object().unwrap().clone();
        all.extend(more.as_object().unwrap().clone());
        Value::Object(all)
    };
    let counted = json!({
        "source": "unknown", "version": "unknown", "installs": 0, "created": null, "received": 3,
        "duplicates": 1, "rejected": {}, "dropped": {}, "unsure": {}, "unsure_arrived": 0,
        "pending": null, "lost": null, "surplus": 0, "last_report_at": "2023-11-14T22:13:20.001Z",
    });
    let total =
        json!({"received": 9, "duplicates": 4, "last_report_at": "2023-11-14T22:13:20.001Z"});
    let answer = ask("/v1/ledger");
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body["project"], "shop");
    assert!(answer.body["as_of"].is_string());
    let web = with(json!({"source": "web", "version": "1.2"}), &numbers);
    assert_eq!(answer.body["sources"], json!([counted, web]));
    assert_eq!(answer.body["total"], with(total, &numbers));
    let one = ask("/v1/ledger?install=in%2F1").body;
    let as_of = one["as_of"].clone();
    let who = json!({"project": "shop", "as_of": as_of, "install": "in/1"});
    assert_eq!(one, with(who, &web));
    let unknown = ask("/v1/ledger?install=in-2");
    assert_eq!(
        (unknown.status, &unknown.body["code"]),
        (StatusCode::NOT_FOUND, &json!("install_unknown"))
    );
    let token = |token| ask_with(Method::GET, "/v1/ledger", Some(token));
    assert_eq!(token("Bearer write-shop").body["code"], "scope");
    assert_eq!(token("Bearer read-cold").status, StatusCode::SERVICE_UNAVAILABLE);
    let posted = ask_with(Method::POST, "/v1/ledger", Some("Bearer read-shop"));
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
}

fn lookup() -> Lookup {
    let shop = project("shop", 40, 5);
    let mut linked = person(PersonKey::user("a b/c"), 6);
    linked.devices = vec!["tablet".into()];
    shop.view.view().publish(linked, &[], 0);
    Lookup::new(vec![shop, project("cold", 0, 0), project("tiny", 1, 1)])
}

struct Answer {
    status: StatusCode,
    headers: http::HeaderMap,
    body: Value,
}

fn ask_with(method: Method, path: &str, authorization: Option<&str>) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let response: Response<Full<Bytes>> = lookup().respond(request.body(()).unwrap()).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    })
}

fn ask(path: &str) -> Answer {
    ask_with(Method::GET, path, Some("Bearer read-shop"))
}

#[test]
fn a_person_is_shown_with_everything_that_is_known() {
    let answer = ask("/v1/users/0");
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    let want = json!({
        "user_id": "0",
        "devices": ["phone", "laptop"],
        "segments": [
            {"key": "hot-cart", "entered_at": "2023-11-14T22:13:20.000Z"},
            {"key": "vip", "entered_at": "2023-11-14T22:13:20.000Z"},
        ],
        "held_out": [],
        "scores": {"engagement": 41.7},
        "session": {
            "id": "00000000000000ff",
            "start": "2023-11-14T22:11:50.000Z",
            "last": "2023-11-14T22:12:20.000Z",
            "events": 3,
            "pages": 2,
            "engaged_ms": 1500,
        },
        "traits": {"plan": "or \"24\" carats\r\n", "bio": "long ".repeat(30), "secret": 0},
        "as_of": "2023-11-14T22:13:20.000Z",
        "lag_ms": 12,
    });
    assert_eq!(answer.body, want);
    assert_eq!(ask("/v1/devices/laptop").body, want, "by any id");
}

#[test]
fn ids_are_percent_decoded() {
    for path in ["/v1/users/a%20b%2Fc", "/v1/devices/tablet"] {
        assert_eq!(ask(path).body["user_id"], json!("a b/c"), "{path}");
    }
    assert_eq!(ask("/v1/devices/d%3A3").body["devices"], json!(["d:3"]));
    assert_eq!(ask("/v1/devices/d:3").body["user_id"], Value::Null);
}

#[test]
fn problems_say_what_is_wrong() {
    let read = Some("Bearer read-shop");
    let cases = [
        (Method::GET, "/v1/users/nobody", read, 404, "person_unknown"),
        (Method::GET, "/v1/devices/nobody", read, 404, "person_unknown"),
        (Method::GET, "/v1/users/0/explain/vip", read, 404, "path_unknown"),
        (Method::GET, "/v1/users/", read, 404, "path_unknown"),
        (Method::GET, "/v1/live", read, 404, "path_unknown"),
        (Method::GET, "/v1/users/%zz", read, 400, "malformed"),
        (Method::GET, "/v1/segments/none", read, 404, "segment_unknown"),
        (Method::GET, "/v1/segments/none/members", read, 404, "segment_unknown"),
        (Method::GET, "/v1/segments/vip/members?limit=1001", read, 400, "malformed"),
        (Method::GET, "/v1/segments/vip/members?limit=0", read, 400, "malformed"),
        (Method::GET, "/v1/segments/vip/members?cursor=zz", read, 400, "malformed"),
        (Method::GET, "/v1/dead-letters?after=x", read, 400, "malformed"),
        (Method::DELETE, "/v1/users/0", read, 405, "method_refused"),
        (Method::PUT, "/v1/segments/vip", Some("Bearer admin-shop"), 405, "method_refused"),
        (Method::GET, "/v1/users/0", None, 401, "token_missing"),
        (Method::GET, "/v1/users/0", Some("Bearer guess"), 401, "token_unknown"),
        (Method::GET, "/v1/users/0", Some("Basic cmVhZC1zaG9wOg=="), 401, "token_missing"),
        (Method::GET, "/v1/users/0", Some("Bearer write-shop"), 403, "scope"),
        (Method::GET, "/v1/nothing", None, 401, "token_missing"),
        (Method::GET, "/v1/users/0", Some("Bearer read-cold"), 503, "unavailable"),
        (Method::GET, "/v1/segments", Some("Bearer read-cold"), 503, "unavailable"),
        (Method::GET, "/v1/dead-letters", Some("Bearer read-cold"), 503, "unavailable"),
    ];
    for (method, path, token, status, code) in cases {
        let answer = ask_with(method, path, token);
        assert_eq!(
            (answer.status.as_u16(), &answer.body["code"]),
            (status, &json!(code)),
            "{path}"
        );
        assert_eq!(answer.body["status"], json!(status));
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        let belongs = match status {
            401 => Some("www-authenticate"),
            405 => Some("allow"),
            503 => Some("retry-after"),
            _ => None,
        };
        assert!(belongs.is_none_or(|name| answer.headers.contains_key(name)), "{path}");
    }
}

#[test]
fn a_token_reads_its_own_project_only() {
    for (token, status) in [("read-shop", 200), ("admin-shop", 200), ("read-tiny", 404)] {
        let answer = ask_with(Method::GET, "/v1/users/30", Some(&format!("Bearer {token}")));
        assert_eq!(answer.status.as_u16(), status, "{token}");
    }
}

#[test]
fn segments_are_listed_with_their_rule_and_their_size() {
    let all = ask("/v1/segments").body;
    let keys: Vec<&Value> = all["segments"].as_array().unwrap().iter().map(|s| &s["key"]).collect();
    assert_eq!(keys, SEGMENTS);
    let want = json!({
        "key": "vip", "name": "VIP", "description": "for tests", "when": "exists(\"*\")",
        "exit": null, "min_stay": "0ms", "holdout": 0.0, "requires_consent": null,
        "public": true, "class": "event", "events_read": ["*"], "bytes": 48,
        "worst_exit_lag_ms": 0, "exactness": "exact", "version": 1, "saved_at": null,
        "state": "live", "members": 14 + 7 + 1, "held_out": 0, "reads": 0,
    });
    assert_eq!(ask("/v1/segments/vip").body, want);
    assert_eq!(all["segments"][1], want);
    assert_eq!(all["segments"][2]["members"], json!(0));
}

#[test]
fn pages_of_members_hold_everyone_once() {
    for limit in [1, 7, 22, 23, 1_000] {
        let (mut cursor, mut seen) = (String::new(), Vec::new());
        loop {
            let page = ask(&format!("/v1/segments/vip/members?limit={limit}&cursor={cursor}")).body;
            seen.extend(page["members"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(seen.len(), 22, "pages of {limit}");
        let ids = |m: &Value| (m["user_id"].to_string(), m["anonymous_id"].to_string());
        let mut distinct: Vec<_> = seen.iter().map(ids).collect();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), 22, "pages of {limit}");
    }
    assert_eq!(ask("/v1/segments/empty/members").body["members"], json!([]));
}

#[test]
fn the_summary_counts_what_the_view_and_the_server_know() {
    let body = ask("/v1/summary").body;
    assert_eq!(body["persons"], json!(41));
    assert_eq!(body["devices"], json!(20 + 3));
    assert_eq!(body["devices_linked"], json!(3));
    assert_eq!(body["sessions"], json!(9));
    assert_eq!(body["events"], json!({"Page Viewed": 4}));
    assert_eq!(body["segments"]["empty"], json!(0));
    assert_eq!(body["lag_ms"], json!(12));
    assert_eq!(body["as_of"], json!("2023-11-14T22:13:20.000Z"));
}

#[test]
fn dead_letters_are_read_page_by_page() {
    let first = ask("/v1/dead-letters?limit=3").body;
    assert_eq!(first["dead_letters"].as_array().unwrap().len(), 3);
    assert_eq!(first["next_after"], json!(3));
    let letter = &first["dead_letters"][0];
    assert_eq!(letter["code"], json!("event_name_missing"));
    assert_eq!(letter["raw"], json!("{\"type\":\"track\",\u{fffd}}"));
    let second = ask("/v1/dead-letters?limit=3&after=3").body;
    assert_eq!(second["dead_letters"].as_array().unwrap().len(), 2);
    assert_eq!(second["next_after"], Value::Null);
}

#[test]
fn only_reading_paths_are_answered_here() {
    let lookup = lookup();
    for (path, want) in
        [("/v1/users/1", true), ("/v1/live", true), ("/v1/batch", false), ("/", false)]
    {
        assert_eq!(lookup.matches(path), want, "{path}");
    }
}

fn look_back(method: Method, path: &str, token: &str, body: &str) -> Answer {
    let request = Request::builder().method(&method).uri(path);
    let request = request.header("authorization", format!("Bearer {token}"));
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    let lookup = lookup();
    assert!(lookup.looks_back(&method, request.uri().path()), "{path}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let response: Response<Full<Bytes>> = lookup.look_back(request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    })
}

#[test]
fn looking_back_takes_the_token_that_belongs_to_it() {
    let preview = |token, body| look_back(Method::POST, "/v1/segments/preview", token, body);
    assert_eq!(preview("admin-shop", "{}").body, json!({"bytes": 2}));
    assert_eq!(preview("read-shop", "{}").body["code"], "scope");
    assert_eq!(preview("write-shop", "{}").body["code"], "scope");
    assert_eq!(preview("nobody", "{}").status, StatusCode::UNAUTHORIZED);
    assert_eq!(preview("admin-cold", "{}").status, StatusCode::SERVICE_UNAVAILABLE);
    let long = "x".repeat(300_000);
    assert_eq!(preview("admin-shop", &long).body["code"], "too_large");
    let audit = look_back(Method::POST, "/v1/segments/audit?at=2026-01-01", "admin-shop", "");
    assert_eq!(audit.body, json!({"at": "2026-01-01"}));
    let lookup = lookup();
    for (method, path) in [
        (Method::GET, "/v1/segments/preview"),
        (Method::PUT, "/v1/segments/audit"),
        (Method::GET, "/v1/segments"),
    ] {
        assert!(!lookup.looks_back(&method, path), "a segment may have any key: {path}");
    }
}

#[test]
fn what_is_wrong_with_a_preview_is_told_in_full() {
    let preview = |body| look_back(Method::POST, "/v1/segments/preview", "admin-shop", body);
    let wrong = preview("wrong");
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(wrong.headers["content-type"], "application/problem+json");
    assert_eq!(wrong.body["code"], "segment_invalid");
    let fault = json!({"segment": "preview", "part": "when", "message": "unknown unit `days`", "start": 3, "end": 7,
                       "label": "not a unit of time", "help": "write `7d`",
                       "rendered": "error: unknown unit `days`"});
    assert_eq!(wrong.body["diagnostics"], json!([fault]));
    let busy = preview("busy");
    assert_eq!(
        (busy.status, busy.body["code"].clone()),
        (StatusCode::SERVICE_UNAVAILABLE, json!("busy"))
    );
    assert!(busy.headers.contains_key("retry-after"));
    let gone = preview("gone");
    assert_eq!(gone.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!gone.body["detail"].as_str().unwrap().contains("disk"), "that is for the log");
}

#[test]
fn an_explanation_is_asked_for_by_any_id_of_a_person() {
    let ask = |path| look_back(Method::GET, path, "read-shop", "");
    let user = ask("/v1/users/a%20b%2Fc/explain/vip?at=2026-01-01T00:00:00Z");
    let want = json!({"member": "u:a b/c", "ids": ["a:tablet", "u:a b/c"],
                      "at": "2026-01-01T00:00:00Z"});
    assert_eq!(user.body, want);
    let device = ask("/v1/devices/tablet/explain/vip");
    assert_eq!(device.body["ids"], json!(["a:tablet", "u:a b/c"]));
    assert_eq!(ask("/v1/users/0/explain/nothing").body["code"], "segment_unknown");
    assert_eq!(ask("/v1/users/nobody/explain/vip").body["code"], "person_unknown");
    let posted = look_back(Method::POST, "/v1/users/0/explain/vip", "read-shop", "");
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
}
