//! The client against collectors, and against what only looks like one.
#![allow(clippy::unwrap_used, reason = "what the test sets up itself must work")]

mod support;

use sillage_sdk::{Client, Config, Durability, Lifecycle, Notice, Signal};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{Answer, Stub, http, until};

const LONG: Duration = Duration::from_secs(30);

fn client(endpoint: &str, folder: &Path) -> Client {
    let config = Config { batch_age_ms: 100, ..Config::native() };
    let builder = Client::builder("wk_test", endpoint).folder(folder).config(config);
    builder.start().expect("the settings are good")
}

fn signals(client: &Client) -> Arc<Mutex<Vec<Signal>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hearing = Arc::clone(&heard);
    client.on_signal(move |signal| hearing.lock().unwrap().push(signal.clone()));
    heard
}

/// Every id that was sent in a request from the `first` on, each of which must be there once.
fn delivered(stub: &Stub, first: usize) -> BTreeSet<String> {
    let requests = stub.requests();
    let ids: Vec<_> =
        requests.get(first..).unwrap_or_default().iter().flat_map(|r| r.message_ids()).collect();
    let set: BTreeSet<_> = ids.iter().cloned().collect();
    assert_eq!(set.len(), ids.len(), "an event was sent twice to a collector that had taken it");
    set
}

#[test]
fn events_arrive_once_over_one_connection() {
    let (folder, stub) = (tempfile::tempdir().unwrap(), Stub::start([]));
    let client = client(&format!("{}/prefix/", stub.endpoint()), folder.path());
    for n in 0..45 {
        client
            .track("Product Viewed", &[("n", n.into()), ("text", "x".repeat(50).as_str().into())]);
    }
    assert_eq!(client.flush_blocking(LONG).pending, 0);
    assert_eq!(delivered(&stub, 0).len(), 45);
    assert_eq!(stub.connections(), 1, "a connection is kept");
    for request in stub.requests() {
        assert_eq!(request.line, "POST /prefix/v1/batch HTTP/1.1");
        for line in
            ["x-write-key: wk_test", "content-type: application/json", "user-agent: sillage-rust/"]
        {
            assert!(request.head.contains(line), "{line} in {}", request.head);
        }
        assert!(!request.head.contains("accept-encoding"), "answers come as they are");
        let is_long = request.body.len() > 1_024;
        assert_eq!(request.head.contains("content-encoding: gzip"), is_long);
    }
    let ledger = client.ledger();
    assert_eq!((ledger.created, ledger.acknowledged, ledger.pending), (45, 45, 0));
}

#[test]
fn a_burst_right_after_the_start_is_kept_whole() {
    let (folder, stub) = (tempfile::tempdir().unwrap(), Stub::start([]));
    let client = client(&stub.endpoint(), folder.path());
    assert!(!client.anonymous_id().is_empty(), "storage has been read");
    client.lifecycle(Lifecycle::Offline);
    for n in 0..5_000 {
        client.track("Tried", &[("n", n.into())]);
    }
    let ledger = client.ledger();
    assert_eq!((ledger.created, ledger.pending), (5_000, 5_000), "{ledger:?}");
}

/// One answer that is no collector's own; the next try is accepted.
fn survives(answer: Answer, sent_away: bool) {
    let (folder, stub) = (tempfile::tempdir().unwrap(), Stub::start([answer.clone()]));
    let client = client(&stub.endpoint(), folder.path());
    let heard = signals(&client);
    for n in 0..5 {
        client.track("Tried", &[("n", n.into())]);
    }
    let started = Instant::now();
    while client.flush_blocking(LONG).pending > 0 {
        assert!(started.elapsed() < LONG, "{answer:?} holds events up: {:?}", client.ledger());
    }
    let ledger = client.ledger();
    assert_eq!((ledger.created, ledger.acknowledged), (5, 5), "{answer:?}");
    assert!(stub.requests().len() >= 2, "{answer:?} is no success");
    assert_eq!(delivered(&stub, 1).len(), 5);
    let foreign = |signal: &Signal| matches!(signal, Signal::Notice(Notice::ForeignAnswer { .. }));
    assert_eq!(heard.lock().unwrap().iter().any(foreign), sent_away, "{answer:?}");
}

#[test]
fn the_page_of_a_captive_portal_is_no_success() {
    survives(Answer::Raw(http("200 OK", "text/html", "", b"<html>Please sign in</html>")), true);
}

#[test]
fn somebody_elses_json_is_no_success() {
    survives(Answer::Raw(http("200 OK", "application/json", "", b"{\"success\":true}")), true);
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Stub::start([]);
    let to = format!("location: {}/v1/batch\r\n", elsewhere.endpoint());
    survives(Answer::Raw(http("302 Found", "text/html", &to, b"")), true);
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn an_answer_that_is_cut_off_is_no_success() {
    let whole = http("200 OK", "application/json", "", b"{\"success\":true,\"batchId\":\"x\"}");
    let cut = whole.get(..whole.len() - 9).unwrap().to_vec();
    survives(Answer::Raw(cut), true);
}

#[test]
fn a_connection_that_closes_without_a_word_is_tried_again() {
    survives(Answer::Silence, false);
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let head =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000000\r\n\r\n";
    let stub = Stub::start([Answer::Endless(head.to_vec())]);
    let folder = tempfile::tempdir().unwrap();
    let client = client(&stub.endpoint(), folder.path());
    client.track("Tried", &[]);
    let started = Instant::now();
    while client.flush_blocking(LONG).pending > 0 {
        assert!(started.elapsed() < LONG);
    }
    // What the sockets between them hold, and the bound.
    assert!(stub.written_bytes() < 32 << 20, "{} bytes were taken", stub.written_bytes());
}

#[test]
fn what_found_no_collector_is_delivered_by_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    // A port that was free a moment ago: nobody listens.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let first = client(&format!("http://{nobody}"), folder.path());
    let second = client(&format!("http://{nobody}"), folder.path());
    for n in 0..10 {
        first.track("Tried", &[("n", n.into())]);
        second.track("Tried", &[("n", n.into())]);
    }
    assert_eq!(first.flush_blocking(Duration::from_millis(300)).pending, 10);
    assert_eq!(first.ledger().pending, 10, "an unsent batch is no loss");
    drop(first);
    drop(second);
    assert!(folder.path().join("lane-0").exists() && folder.path().join("lane-1").exists());

    let stub = Stub::start([]);
    let third = client(&stub.endpoint(), folder.path());
    until("both lanes to be delivered", || {
        third.flush_blocking(LONG).pending == 0 && delivered(&stub, 0).len() == 20
    });
}

#[test]
fn a_shut_down_client_takes_nothing_and_harms_nobody() {
    let (folder, stub) = (tempfile::tempdir().unwrap(), Stub::start([]));
    let client = client(&stub.endpoint(), folder.path());
    client.track("Before", &[]);
    assert_eq!(client.shutdown_blocking(LONG).pending, 0);
    client.track("After", &[]);
    client.identify("u", &[]);
    assert!(client.segments().is_empty());
    assert_eq!(client.flush_blocking(LONG).pending, 0);
    assert_eq!(delivered(&stub, 0).len(), 1);
}

#[test]
fn flushing_works_in_a_runtime_that_is_not_ours() {
    let (folder, stub) = (tempfile::tempdir().unwrap(), Stub::start([]));
    let client = client(&stub.endpoint(), folder.path());
    client.track("Tried", &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(client.flush(LONG)).pending, 0);
    assert_eq!(runtime.block_on(client.shutdown(LONG)).pending, 0);
}

#[test]
fn an_app_that_panics_in_its_own_function_keeps_its_client() {
    let (folder, stub) = (tempfile::tempdir().unwrap(), Stub::start([]));
    let client = client(&stub.endpoint(), folder.path());
    client.on_signal(|_| panic!("made for this test"));
    for _ in 0..3 {
        client.track("Tried", &[]);
        assert_eq!(client.flush_blocking(LONG).pending, 0);
    }
    assert_eq!(delivered(&stub, 0).len(), 3);
}

#[test]
fn a_thread_that_hangs_behind_the_client_holds_up_no_caller() {
    let (folder, stub) = (tempfile::tempdir().unwrap(), Stub::start([Answer::Hang]));
    let client = client(&stub.endpoint(), folder.path());
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (is_stuck, stuck) = std::sync::mpsc::channel();
    client.on_signal(move |_| {
        is_stuck.send(()).ok();
        held.recv().ok();
    });
    // Its own notice stops the thread, as a disk that never comes back would.
    client.track("", &[]);
    stuck.recv_timeout(LONG).expect("an event without a name is told");
    let started = Instant::now();
    for n in 0..20_000 {
        client.track("Tried", &[("n", n.into())]);
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let ledger = client.ledger();
    assert_eq!(ledger.created, 20_001);
    assert!(ledger.is_balanced() && ledger.pending <= 10_000, "{ledger:?}");
    // Who may block blocks no longer than was said, give or take the last write.
    let started = Instant::now();
    assert!(client.flush_blocking(Duration::from_millis(50)).pending > 0);
    assert!(started.elapsed() < Duration::from_secs(10));
    drop(release);
}

#[test]
fn a_full_disk_loses_nothing_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mount = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=128k", "tmpfs"])
        .arg(folder.path())
        .output();
    if !mount.is_ok_and(|mount| mount.status.success()) {
        eprintln!("left out: mounting a small file system needs rights that are not here");
        return;
    }
    let stub = Stub::start([]);
    let client = client(&stub.endpoint(), folder.path());
    let heard = signals(&client);
    client.lifecycle(Lifecycle::Offline);
    for n in 0..400 {
        client.track("Tried", &[("n", n.into()), ("text", "x".repeat(1_000).as_str().into())]);
    }
    let failed = |signal: &Signal| matches!(signal, Signal::StorageFailed(_));
    until("a word about the full disk", || heard.lock().unwrap().iter().any(failed));
    client.lifecycle(Lifecycle::Online);
    let left = client.flush_blocking(LONG).pending;
    let ledger = client.ledger();
    client.shutdown_blocking(LONG);
    drop(client);
    let unmounted = std::process::Command::new("umount").arg(folder.path()).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    assert_eq!((left, ledger.created, ledger.acknowledged), (0, 400, 400));
    assert_eq!(delivered(&stub, 0).len(), 400);
}

#[test]
fn a_durable_call_is_on_disk_when_it_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let stub = Stub::start([]);
    let builder = Client::builder("wk_test", &stub.endpoint()).folder(folder.path());
    let client = builder.durability(Durability::BeforeReturn).start().unwrap();
    client.lifecycle(Lifecycle::Offline);
    for n in 0..20 {
        let canary = format!("canary-{n:03}");
        client.track("Tried", &[("canary", canary.as_str().into())]);
        let files = std::fs::read_dir(folder.path().join("lane-0")).unwrap().flatten();
        let bytes: Vec<u8> = files.flat_map(|file| std::fs::read(file.path()).unwrap()).collect();
        let is_there = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
        assert!(is_there, "{canary} is in the spool");
    }
}

#[test]
fn a_start_that_could_not_open_its_folder_says_so_to_whoever_listens_later() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("not-a-folder");
    std::fs::write(&file, "").unwrap();
    let client = client("http://127.0.0.1:9", &file);
    let heard = signals(&client);
    // The thread behind the client opens the folder, before or after this one listens.
    until("a word about the folder", || !heard.lock().unwrap().is_empty());
    let heard = heard.lock().unwrap().clone();
    assert!(matches!(heard.first(), Some(Signal::StorageFailed(_))), "{heard:?}");
}
