//! The collector is killed again and again under load: nothing that it acknowledged may be lost,
//! and nothing may count twice although everything unanswered is sent again.
use sillage_e2e::{Collector, Http, Project, Reply, Resp, now_ms};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const KILLS: u64 = 30;
const SENDERS: u64 = 3;
const BATCH: u64 = 50;
/// Pause of a sender between batches: together some ten thousand events a second, so that the kills
/// come while all parts work and a restart has seconds, not minutes, of log to fold.
const PACE: Duration = Duration::from_millis(10);

/// What the senders share.
#[derive(Default)]
struct Journal {
    /// Batches (number of their first person) that were sent without an answer.
    open: Mutex<VecDeque<u64>>,
    /// Batches that were acknowledged.
    acked: Mutex<Vec<u64>>,
    next: AtomicU64,
    duplicates: AtomicU64,
    stop: AtomicBool,
}

fn body(first: u64) -> String {
    let mut body = String::from("{\"batch\":[");
    for person in first..first + BATCH {
        let comma = if person == first { "" } else { "," };
        write!(
            body,
            "{comma}{{\"type\":\"track\",\"event\":\"Tried\",\"userId\":\"p{person}\",\"messageId\":\"m{person}\"}}"
        )
        .expect("a string takes all");
    }
    body + "]}"
}

/// Sends batches until told to stop; a batch whose answer did not come is sent again first.
fn send(address: SocketAddr, journal: &Journal) {
    while !journal.stop.load(Ordering::Relaxed) {
        if std::net::TcpStream::connect(address).is_err() {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        }
        let Ok(mut http) = std::panic::catch_unwind(|| Http::connect(address)) else {
            continue;
        };
        while !journal.stop.load(Ordering::Relaxed) {
            std::thread::sleep(PACE);
            let again = journal.open.lock().expect("not poisoned").pop_front();
            let first = again.unwrap_or_else(|| journal.next.fetch_add(BATCH, Ordering::Relaxed));
            match http.batch(&body(first)) {
                Some(answer) if answer.status == 200 => {
                    let answer = answer.json();
                    let count = |key: &str| answer[key].as_u64().expect("a count");
                    assert_eq!(count("accepted") + count("duplicates"), BATCH, "{answer}");
                    journal.duplicates.fetch_add(count("duplicates"), Ordering::Relaxed);
                    journal.acked.lock().expect("not poisoned").push(first);
                }
                answer => {
                    journal.open.lock().expect("not poisoned").push_back(first);
                    if answer.is_none() {
                        break;
                    }
                }
            }
        }
    }
}

#[test]
fn thirty_kills_lose_nothing_and_double_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = "[[project.segment]]\nkey = \"tried\"\nwhen = 'count(\"Tried\") >= 1'\n\
                 [[project.segment]]\nkey = \"twice\"\nwhen = 'count(\"Tried\") >= 2'\n";
    let mut collector = Collector::start(folder.path(), "", rules);
    let journal = Arc::new(Journal::default());
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (journal, address) = (Arc::clone(&journal), collector.http);
            std::thread::spawn(move || send(address, &journal))
        })
        .collect();
    for kill in 0..KILLS {
        // Some kills come soon after the start, while the log is still being folded again.
        let busy = Duration::from_millis(20 + (kill * 7919) % 400);
        std::thread::sleep(busy);
        collector.kill();
        collector.restart();
    }
    std::thread::sleep(Duration::from_millis(300));
    journal.stop.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.join().expect("a sender saw what it should not");
    }
    // What is still open may be there or not; sending it once more settles it.
    let mut http = collector.http();
    for first in journal.open.lock().expect("not poisoned").drain(..) {
        assert_eq!(http.batch(&body(first)).map(|a| a.status), Some(200));
        journal.acked.lock().expect("not poisoned").push(first);
    }
    collector.settle();
    let acked = journal.acked.lock().expect("not poisoned");
    let events = acked.len() as u64 * BATCH;
    let summary = collector.http().get("/v1/summary", Project::READ_TOKEN).json();
    let (mut lost, mut doubled) = (0, 0);
    let mut resp = collector.resp();
    for person in acked.iter().flat_map(|first| *first..first + BATCH) {
        match seen(&mut resp, person) {
            None => lost += 1,
            Some(1) => {}
            Some(_) => doubled += 1,
        }
    }
    println!(
        "{KILLS} kills: {lost} of {events} acknowledged events lost, {doubled} counted twice \
         ({} resends were recognised)",
        journal.duplicates.load(Ordering::Relaxed)
    );
    assert!(events > 1_000, "the kills came under load");
    assert_eq!((lost, doubled), (0, 0));
    assert_eq!(summary["events"]["Tried"], events, "{summary}");
    assert_eq!(summary["persons"], events, "{summary}");
    // Who is in a checkpoint and did nothing since must be shown as of a moment that was.
    collector.kill();
    collector.restart();
    let mut resp = collector.resp();
    for person in [acked[0], acked[acked.len() - 1]] {
        let key = format!("sl:{}:u:p{person}", Project::NAME);
        let as_of = resp.ask(&["HGET", &key, "as_of"]).text().parse::<i64>().expect("ms");
        assert!((now_ms() - as_of).abs() < 600_000, "p{person} is shown as of {as_of}");
        assert_eq!(seen(&mut resp, person), Some(1));
    }
    assert!(collector.stop(), "{}", collector.log());
}

/// How many events a person's session has; `None` if the person is unknown.
fn seen(resp: &mut Resp, person: u64) -> Option<u64> {
    let key = format!("sl:{}:u:p{person}", Project::NAME);
    let fields = ["HMGET", &key, "sess:events", "seg:tried", "seg:twice"];
    let replies = resp.ask(&fields).items();
    match replies.as_slice() {
        [Reply::Bulk(None), ..] => None,
        [Reply::Bulk(Some(count)), Reply::Bulk(Some(_)), Reply::Bulk(None)] => count.parse().ok(),
        other => panic!("p{person} is in the wrong segments: {other:?}"),
    }
}
