//! The boundary as a host meets it: one thread asks what there is to do, and answers.
#![allow(clippy::unwrap_used, reason = "what the test sets up itself must work")]

use sillage_ffi::{
    Call, Client, Config, EventOptions, Now, Reply, Settings, Signal, SillageError, Task, Tracker,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LONG_MS: u64 = 30_000;

fn settings() -> Settings {
    Settings {
        write_key: "wk_test".to_owned(),
        endpoint: "https://collect.example.com/prefix/".to_owned(),
        folder: None,
        durable: false,
        library: "sillage-test".to_owned(),
        library_version: "1.2.3".to_owned(),
        config: Config { batch_age_ms: Some(10), ..Config::default() },
    }
}

fn client() -> Arc<Client> {
    Client::start(settings()).expect("the settings are good")
}

/// The next upload; signals in between are the reader's own affair.
fn upload(client: &Client) -> (u64, String, serde_json::Value) {
    loop {
        match client.next_task(LONG_MS) {
            Task::Upload { id, url, headers, body } => {
                let header = |name: &str| headers.iter().find(|header| header.name == name);
                assert_eq!(header("x-write-key").unwrap().value, "wk_test");
                assert_eq!(header("user-agent").unwrap().value, "sillage-test/1.2.3");
                assert_eq!(header("content-type").unwrap().value, "application/json");
                assert!(header("content-encoding").is_none(), "a small body goes as it is");
                return (id, url, serde_json::from_slice(&body).unwrap());
            }
            Task::Segments { .. } | Task::Told { .. } => {}
            other => panic!("waited for an upload, and there is {other:?}"),
        }
    }
}

/// A collector's answer that takes the whole batch.
fn accepted(body: &serde_json::Value, segments: &[&str]) -> Reply {
    let answer = serde_json::json!({
        "success": true, "batchId": body["sillage"]["batchId"], "duplicates": 0, "rejected": [],
        "accepted": body["batch"].as_array().unwrap().len(), "segments": segments,
        "receivedAt": "2026-11-22T10:00:00.000Z",
    });
    let body = answer.to_string().into_bytes();
    let content_type = "application/json".to_owned();
    Reply::Answer { status: 200, content_type, retry_after: String::new(), body }
}

/// Waits for what another thread does.
fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < Duration::from_secs(30), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn an_upload_is_handed_out_and_settled_by_its_answer() {
    let client = client();
    client.track("Product Viewed", r#"{"price":80.50}"#);
    let (id, url, body) = upload(&client);
    assert_eq!(url, "https://collect.example.com/prefix/v1/batch");
    assert_eq!(body["batch"][0]["event"], "Product Viewed");
    assert_eq!(body["batch"][0]["properties"]["price"].to_string(), "80.5");
    client.upload_done(id + 7, accepted(&body, &[])); // nobody is owed that one
    assert_eq!(client.ledger().pending, 1);
    client.upload_done(id, accepted(&body, &["buyers"]));
    client.upload_done(id, Reply::Lost); // told twice
    until("the answer to count", || client.ledger().acknowledged == 1);
    assert_eq!(client.segments(), ["buyers"]);
    let told = client.next_task(LONG_MS);
    assert!(matches!(&told, Task::Segments { segments } if segments == &["buyers"]), "{told:?}");
    let told = client.next_task(LONG_MS);
    assert!(matches!(told, Task::Told { signal: Signal::Delivered { count: 1 } }), "{told:?}");
    assert!(matches!(client.next_task(0), Task::Nothing));
}

#[test]
fn what_was_lost_is_uploaded_again_with_the_same_ids() {
    let client = client();
    let options = EventOptions { user_id: Some("u-42".to_owned()), ..EventOptions::default() };
    let (event, properties) = ("Seen".to_owned(), String::new());
    client.call(Call::Track { event, properties, options: Some(options) });
    let (id, _, first) = upload(&client);
    assert_eq!(first["batch"][0]["userId"], "u-42");
    client.upload_done(id, Reply::Unsent);
    let (id, _, second) = upload(&client);
    assert_eq!(first["batch"][0]["messageId"], second["batch"][0]["messageId"]);
    client.upload_done(id, accepted(&second, &[]));
    assert_eq!(client.shutdown(LONG_MS), 0);
    assert_eq!(client.ledger().acknowledged, 1, "it can be read after the end");
}

#[test]
fn the_end_reaches_a_thread_that_waits() {
    let client = client();
    let waiting = Arc::clone(&client);
    let thread = std::thread::spawn(move || waiting.next_task(LONG_MS));
    client.track("Never sent", "");
    let Task::Upload { .. } = thread.join().unwrap() else { panic!("the event is to be uploaded") };
    let waiting = Arc::clone(&client);
    let thread =
        std::thread::spawn(move || while !matches!(waiting.next_task(LONG_MS), Task::Ended) {});
    assert_eq!(client.shutdown(50), 1, "nobody answered");
    thread.join().unwrap();
    client.track("Too late", "");
    assert!(matches!(client.next_task(0), Task::Ended));
}

#[test]
fn wrong_arguments_are_told_in_words() {
    let endpoint = Settings { endpoint: "collect.example.com".to_owned(), ..settings() };
    let Err(SillageError::Endpoint { reason }) = Client::start(endpoint) else {
        panic!("no scheme")
    };
    assert!(reason.contains("https://collect.example.com"), "{reason}");
    let now = Now { wall_ms: 0, mono_ms: 0 };
    let Err(SillageError::Argument { reason }) = Tracker::new(Config::default(), vec![1; 31], now)
    else {
        panic!("31 bytes are too few")
    };
    assert_eq!(reason, "entropy has 31 bytes and must have 32");
    let tracker = Tracker::new(Config::default(), vec![1; 32], now).unwrap();
    let record = sillage_ffi::Record { key: 2, value: vec![] };
    assert!(tracker.restored(now, vec![record], 0, None, None).is_err(), "2 is no key");
}

#[test]
fn a_host_that_never_asks_costs_bounded_memory() {
    let client = client();
    let large = format!("{{\"text\":\"{}\"}}", "x".repeat(30_000));
    for n in 0..100 {
        client.track(&format!("Event {n}"), &large);
    }
    // Each of these lets as much leave as may be on its way at once.
    for _ in 0..20 {
        client.call(Call::Lifecycle { state: sillage_ffi::Lifecycle::Background });
        assert_eq!(client.flush(20), 100, "nobody answers");
    }
    let mut uploads = 0;
    while let Task::Upload { .. } = client.next_task(0) {
        uploads += 1;
    }
    assert!((1..=8).contains(&uploads), "{uploads} uploads were kept");
    assert_eq!(client.ledger().pending, 100, "nothing is lost by it");
}
