//! Too much, too slow, or going away: the sender is told to come again.
use crate::rig::{KEY, NOW, Rig, bare, batch_of, post, shop, track, with};
use bytes::Bytes;
use http::{Request, StatusCode};
use hyper::body::{Body, Frame};
use sillage_eventlog::{Append, Appended, Cursor, EventLog, LogError, LogRecord};
use sillage_ingest::{IngestConfig, ProjectIngest, Quota};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// A body that gives one byte after each pause, or breaks.
struct Dribble {
    pause: Duration,
    next: Pin<Box<Sleep>>,
}

impl Dribble {
    fn request(pause: Duration) -> Request<Self> {
        let next = Box::pin(tokio::time::sleep(pause));
        let request = Request::post("/v1/batch").header("host", "c").header("x-write-key", KEY);
        request.body(Self { pause, next }).unwrap()
    }
}

impl Body for Dribble {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::ready!(self.next.as_mut().poll(cx));
        let next = Instant::now() + self.pause;
        self.next.as_mut().reset(next);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_dribbles_is_given_up() {
    for (pause_s, after_s) in [(1, 30), (9, 30), (11, 10)] {
        let rig = Rig::new();
        let start = Instant::now();
        let answer = rig.send(Dribble::request(Duration::from_secs(pause_s))).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (408, "body_timeout"));
        assert_eq!(start.elapsed().as_secs(), after_s, "a byte each {pause_s} s");
        assert_eq!(answer.header("connection"), "close");
        assert_eq!(answer.json()["retryable"], true);
        assert_eq!(rig.ingest.signals().snapshot().in_flight_bytes, 0);
    }
}

/// A body that claims a length and must not be read.
struct Unread(u64);

impl Body for Unread {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("the body was read");
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.0)
    }
}

fn unread(key: &str, len: u64) -> Request<Unread> {
    let request = Request::post("/v1/batch").header("host", "c").header("x-write-key", key);
    request.body(Unread(len)).unwrap()
}

#[tokio::test]
async fn what_can_be_refused_before_the_body_is() {
    let small = IngestConfig { in_flight_bytes_max: 1_000, ..IngestConfig::default() };
    for (request, status, code) in [
        (unread("nope", 10), 401, "invalid_key"),
        (unread(KEY, i64::MAX as u64), 413, "body_too_large"),
        (unread(KEY, 1_001), 503, "overloaded"),
    ] {
        let rig = Rig::with(small.clone(), shop());
        let answer = rig.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code));
        assert_eq!(status == 503, answer.headers.contains_key("retry-after"), "{code}");
        assert_eq!(rig.ingest.signals().snapshot().in_flight_bytes, 0);
    }
}

#[tokio::test]
async fn a_draining_door_sends_everyone_away() {
    let rig = Rig::new();
    rig.ingest.drain();
    let answer = rig.send(post("/v1/batch", batch_of(&[track("m")]))).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "draining"));
    assert_eq!(answer.header("connection"), "close");
    assert_eq!(answer.header("retry-after"), "1");
}

/// A log that refuses.
struct Refusing(LogError);

impl EventLog for Refusing {
    async fn append(&self, _: Append) -> Result<Appended, LogError> {
        Err(self.0.clone())
    }

    fn read(
        &self,
        from: Cursor,
        _: usize,
        _: &mut dyn FnMut(LogRecord<'_>),
    ) -> Result<Cursor, LogError> {
        Ok(from)
    }

    fn oldest(&self) -> Cursor {
        Cursor::START
    }

    fn end(&self) -> Cursor {
        Cursor::START
    }

    fn wait_past(&self, _: Cursor, _: Duration) {}
}

#[tokio::test]
async fn nothing_is_acknowledged_that_is_not_durable() {
    let broken = std::io::Error::from_raw_os_error(5);
    let failed = LogError::Failed { what: "sync", place: "/x".into(), source: broken.into() };
    let later = LogError::Overloaded { retry_after: Duration::from_secs(1) };
    for (error, status, code) in [
        (later, 503, "overloaded"),
        (failed, 503, "storage_unavailable"),
        (LogError::Closed, 503, "draining"),
        (LogError::Refused("too large"), 413, "batch_too_large"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let rig = Rig::on(Refusing(error), dir, IngestConfig::default(), shop());
        // One event is bad: its dead letter waits for the facts, so a retry does not double it.
        let answer = rig.send(post("/v1/batch", batch_of(&[track("m"), track("")]))).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code));
        assert_eq!(status == 503, answer.headers.contains_key("retry-after"), "{code}");
        assert!(!answer.text().contains("/x"), "the inside is not told");
        assert!(rig.dead_letters().is_empty());
        let counted = rig.ingest.signals().snapshot();
        assert_eq!((counted.accepted, counted.refused), (0, vec![(code_of(&answer), 1)]));
    }
}

fn code_of(answer: &crate::rig::Answer) -> &'static str {
    Box::leak(answer.code().into_boxed_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heavy_body_is_judged_as_a_light_one() {
    let rig = Rig::new();
    let events: Vec<String> = (0..2_500)
        .map(|n| {
            let long = format!(r#","properties":{{"text":"{}"}}}}"#, "x".repeat(200));
            track(&format!("m-{n}")).replace('}', &long)
        })
        .collect();
    let verdict = rig.batch(&batch_of(&events)).await;
    assert_eq!(verdict["accepted"], 2_500);
    let bad = rig.send(post("/v1/batch", batch_of(&events) + "x")).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    assert_eq!(rig.facts().len(), 2_500);
    assert_eq!(rig.facts()[0].received, NOW);
    assert!(rig.dead_letters()[0].cut);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_senders_at_once_are_each_answered_for_their_own() {
    let rig = std::sync::Arc::new(Rig::on_disk(shop()));
    let senders: Vec<_> = (0..50)
        .map(|sender| {
            let rig = std::sync::Arc::clone(&rig);
            tokio::spawn(async move {
                let own = track(&format!("own-{sender}"));
                let verdict = rig.batch(&batch_of(&[own, track("shared")])).await;
                verdict["accepted"].as_u64().unwrap()
            })
        })
        .collect();
    let mut accepted = 0;
    for sender in senders {
        accepted += sender.await.unwrap();
    }
    assert_eq!((accepted, rig.facts().len()), (51, 51));
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_quota_is_used_up_is_told_when_to_come_again() {
    let quota = Some(Quota { events_per_second: 10, burst: 20 });
    let rig = Rig::with(IngestConfig::default(), ProjectIngest { quota, ..shop() });
    let events = |from: usize| batch_of(&(from..from + 15).map(id).collect::<Vec<_>>());
    let with_key =
        |from: usize| events(from).replacen('{', &format!(r#"{{"writeKey":"{KEY}","#), 1);
    rig.batch(&events(0)).await;
    rig.batch(&events(15)).await;
    // Ten more than the burst: the third is refused unread, and one whose key is in the body unkept.
    let unread = rig.send(unread(KEY, 100)).await;
    let in_body = rig.send(with("/v1/batch", with_key(30), &[])).await;
    for answer in [unread, in_body] {
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (429, "rate_limited"));
        let after: u32 = answer.header("retry-after").parse().unwrap();
        assert!((1..=30).contains(&after), "{after}");
        assert_eq!(answer.json()["retryable"], true);
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    assert_eq!(rig.facts().len(), 30, "nothing of what was refused is in the log");
    assert_eq!(rig.ingest.signals().snapshot().rate_limited, [("shop".to_owned(), 2)]);
    tokio::time::advance(Duration::from_secs(2)).await;
    let answer = rig.send(with("/v1/batch", with_key(30), &[])).await;
    assert_eq!(answer.json()["accepted"], 15, "{}", answer.text());
}

fn id(number: usize) -> String {
    track(&format!("m-{number}"))
}

#[tokio::test(start_paused = true)]
async fn a_pixel_and_a_refused_event_count_against_the_quota() {
    let quota = Some(Quota { events_per_second: 1, burst: 3 });
    let rig = Rig::with(IngestConfig::default(), ProjectIngest { quota, ..shop() });
    let no_event = r#"{"batch":[{"type":"track"}]}"#;
    assert_eq!(rig.send(post("/v1/batch", no_event)).await.status.as_u16(), 422);
    // {"messageId":"p","anonymousId":"d","event":"E"}
    let data = "eyJtZXNzYWdlSWQiOiJwIiwiYW5vbnltb3VzSWQiOiJkIiwiZXZlbnQiOiJFIn0";
    let pixel = format!("/v1/pixel/track?key={KEY}&data={data}");
    for expected in [200, 200, 429] {
        let answer = rig.send(bare("GET", &pixel, &[])).await;
        assert_eq!(answer.status.as_u16(), expected, "{}", answer.text());
    }
}

#[tokio::test]
async fn a_closed_project_sends_everyone_away_unread() {
    let rig = Rig::new();
    let valve = rig.ingest.valve(0).unwrap();
    assert!(valve.close(true));
    for request in [unread(KEY, 100), unread("", 100)] {
        let answer = rig.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "overloaded"));
        let after: u32 = answer.header("retry-after").parse().unwrap();
        assert!((2..=3).contains(&after), "{after}");
    }
    assert!(valve.close(false));
    assert_eq!(rig.batch(&batch_of(&[track("m")])).await["accepted"], 1);
    assert_eq!(rig.ingest.valve(1).map(|_| ()), None);
}
