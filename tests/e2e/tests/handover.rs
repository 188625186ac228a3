//! One collector takes the place of another under load, again and again: no connection is refused, none is
//! broken off, nothing acknowledged is lost and nothing counts twice.
use sillage_e2e::{Collector, Http, Project};
use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const HANDOVERS: usize = 3;

/// What the senders share.
#[derive(Default)]
struct Load {
    next: AtomicU64,
    accepted: AtomicU64,
    stop: AtomicBool,
}

impl Load {
    fn send(&self, http: &mut Http) -> bool {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let body = format!(
            r#"{{"batch":[{{"type":"track","event":"Tried","userId":"p{n}","messageId":"m{n}"}}]}}"#
        );
        let answer = http.batch(&body).unwrap_or_else(|| panic!("request {n} was broken off"));
        assert_eq!(answer.status, 200, "{}", answer.json());
        self.accepted
            .fetch_add(answer.json()["accepted"].as_u64().expect("a count"), Ordering::Relaxed);
        answer.header("connection") != "close"
    }
}

/// One connection for as long as the collector wants it.
fn faithful(address: SocketAddr, load: &Load) {
    while !load.stop.load(Ordering::Relaxed) {
        let mut http = Http::connect(address);
        while load.send(&mut http) && !load.stop.load(Ordering::Relaxed) {}
    }
}

/// A connection for each request.
fn fickle(address: SocketAddr, load: &Load) {
    while !load.stop.load(Ordering::Relaxed) {
        load.send(&mut Http::connect(address));
    }
}

#[test]
fn a_successor_takes_over_under_load_and_nobody_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = "[[project.segment]]\nkey = \"tried\"\nwhen = 'count(\"Tried\") >= 1'\n";
    let mut collector = Collector::start(folder.path(), "", rules);
    let load = Arc::new(Load::default());
    let senders: Vec<_> = [faithful, faithful, fickle, fickle]
        .map(|send: fn(SocketAddr, &Load)| {
            let (load, address) = (Arc::clone(&load), collector.http);
            thread::spawn(move || send(address, &load))
        })
        .into();
    let mut longest = Duration::ZERO;
    for _ in 0..HANDOVERS {
        let before = load.accepted.load(Ordering::Relaxed);
        while load.accepted.load(Ordering::Relaxed) < before + 200 {
            thread::sleep(Duration::from_millis(5));
        }
        let begun = Instant::now();
        assert!(collector.succeed(), "{}", collector.log());
        longest = longest.max(begun.elapsed());
    }
    load.stop.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.join().expect("nobody was refused or broken off");
    }
    collector.settle();
    let accepted = load.accepted.load(Ordering::Relaxed);
    let summary = collector.http().get("/v1/summary", Project::READ_TOKEN).json();
    println!(
        "{HANDOVERS} handovers under load, the longest {longest:?}: {accepted} events, none refused"
    );
    assert_eq!(accepted, load.next.load(Ordering::Relaxed), "each was accepted once");
    assert_eq!(summary["events"]["Tried"], accepted, "{summary}");
    assert_eq!(summary["persons"], accepted, "{summary}");
}

#[test]
fn a_successor_that_cannot_start_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut collector = Collector::start(folder.path(), "", "");
    let mut http = collector.http();
    let config = std::fs::read_to_string(collector.config()).expect("a file");
    let wrong = format!("{config}[[project.segment]]\nkey = \"no\"\nwhen = 'count('\n");
    std::fs::write(collector.config(), wrong).expect("the folder is writable");
    let refused = collector.try_succeed();
    assert!(refused.contains("segments of project shop cannot be used"), "{refused}");
    assert_eq!(http.get("/readyz", "").status, 200, "the same connection goes on");
    // Somebody who asks and says nothing, or nonsense, changes nothing either.
    let socket = folder.path().join("data/handover.sock");
    let mut curious = std::os::unix::net::UnixStream::connect(&socket).expect("it is open");
    assert!(curious.read(&mut [0; 64]).expect("it answers") > 0);
    std::io::Write::write_all(&mut curious, b"give!").expect("it listens");
    drop(curious);
    std::fs::write(collector.config(), config).expect("the folder is writable");
    assert!(collector.succeed(), "{}", collector.log());
    assert_eq!(collector.http().get("/readyz", "").status, 200);
}

#[test]
fn whoever_stops_for_good_refuses_connections_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut collector = Collector::start(folder.path(), "", "");
    let address = collector.http;
    assert!(collector.stop(), "{}", collector.log());
    assert!(TcpStream::connect(address).is_err());
    // A socket file that its owner left behind is nobody's.
    collector.spawn(&["--takeover"]);
    collector.wait_until_ready();
}
