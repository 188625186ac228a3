//! Too much at once: what cannot be taken is refused soon and with advice, what was acknowledged is there, and
//! afterwards all is as before. The long runs are made by `sillage-bench overload`; this is a slice of them.
use sillage_e2e::{Collector, Http, Project, free_port, now_ms, until};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What tests usually say, and what takes its place here.
const NO_BOUNDS: &str = "lag_max = \"0s\"\nwait_max = \"0s\"";

/// A collector with these lines in its sections.
fn start(folder: &tempfile::TempDir, server: &str, project: &str) -> Collector {
    let mut collector = Collector::start(folder.path(), "", project);
    if !server.is_empty() {
        let config = std::fs::read_to_string(collector.config()).expect("it was written");
        let config = config.replacen(NO_BOUNDS, server, 1);
        assert!(config.contains(server), "{config}");
        std::fs::write(collector.config(), config).expect("it is ours");
        collector.stop();
        collector.restart();
    }
    collector
}

fn batch(prefix: &str, events: usize) -> String {
    let event = |n: usize| {
        format!(
            r#"{{"type":"track","event":"Product Viewed","messageId":"{prefix}-{n}","anonymousId":"d-{}"}}"#,
            n % 50
        )
    };
    format!(r#"{{"batch":[{}]}}"#, (0..events).map(event).collect::<Vec<_>>().join(","))
}

fn summed(collector: &Collector) -> u64 {
    collector.settle();
    let summary = collector.http().get("/v1/summary", Project::READ_TOKEN).json();
    summary["events"]
        .as_object()
        .expect("names")
        .values()
        .filter_map(serde_json::Value::as_u64)
        .sum()
}

fn metric(collector: &Collector, name: &str) -> u64 {
    let text = String::from_utf8(collector.http().get("/metrics", "").body).expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.trim().parse().ok()).unwrap_or(0)
}

#[test]
fn a_quota_refuses_what_is_beyond_it_and_keeps_what_it_took() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = "[project.quota]\nevents_per_second = 100\nburst = 300";
    let collector = start(&folder, "", rules);
    let mut http = collector.http();
    let (mut accepted, mut refused) = (0, 0);
    let started = Instant::now();
    for number in 0..60 {
        let answer = http.batch(&batch(&format!("q{number}"), 50)).expect("it answers");
        match answer.status {
            200 => accepted += 50,
            429 => {
                let after: u64 = answer.header("retry-after").parse().expect("seconds");
                assert!((1..=30).contains(&after), "{after}");
                assert_eq!(answer.json()["code"], "rate_limited");
                refused += 1;
            }
            other => panic!("{other}: {}", answer.json()),
        }
    }
    // The burst, the last batch that overdraws it, and what the rate gave meanwhile.
    let most = 300 + 50 + started.elapsed().as_secs() * 100 + 100;
    assert!((300..=most).contains(&accepted), "{accepted} of at most {most}");
    assert_eq!(summed(&collector), accepted);
    let name = "sillage_ingest_rate_limited_requests_total{project=\"shop\"}";
    assert_eq!(metric(&collector, name), refused);
}

#[test]
fn an_overload_is_refused_soon_and_leaves_nothing_behind() {
    const SENDERS: usize = 24;
    let folder = tempfile::tempdir().expect("a folder");
    // Segments may be half a second late here, so that a slow machine has too much soon.
    let collector = start(&folder, "lag_max = \"500ms\"", RULES);
    let before = quiet_p99(&collector, "before");
    let (over, acked) = (AtomicBool::new(false), AtomicU64::new(0));
    let seen = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (over, acked, address) = (&over, &acked, collector.http);
                scope.spawn(move || flood(address, sender, over, acked))
            })
            .collect();
        let (mut lag_max, mut memory_max) = (0, 0);
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(8) {
            let answer =
                Http::try_connect(collector.http).and_then(|mut http| http.try_get("/healthz"));
            assert_eq!(answer.expect("health is told under load").status, 200);
            let summary = collector.http().get("/v1/summary", Project::READ_TOKEN).json();
            lag_max = lag_max.max(summary["lag_ms"].as_u64().unwrap_or(0));
            memory_max = memory_max.max(collector.memory());
            std::thread::sleep(Duration::from_millis(100));
        }
        over.store(true, Ordering::Relaxed);
        let mut shed = Vec::new();
        for sender in senders {
            shed.extend(sender.join().expect("no sender panics"));
        }
        shed.sort_unstable();
        (shed, lag_max, memory_max)
    });
    let (shed, lag_max, memory_max) = seen;
    let started = Instant::now();
    let kept = summed(&collector);
    let settled = started.elapsed();
    let after = quiet_p99(&collector, "after");
    let p99 = shed.get(shed.len() * 99 / 100).copied().unwrap_or_default();
    #[allow(clippy::print_stdout, reason = "the numbers are what it is run for")]
    {
        println!(
            "{} acknowledged, {} refused (p99 {p99:?}), lag at most {lag_max} ms, {} MiB, settled after {settled:?}; quiet p99 \
             {before:?} before, {after:?} after",
            acked.load(Ordering::Relaxed),
            shed.len(),
            memory_max >> 20
        );
    }
    assert_eq!(kept, acked.load(Ordering::Relaxed), "each acknowledged event once");
    assert!(!shed.is_empty(), "it was too much");
    // The senders, the collector and whatever else runs share the machine; seconds would be a queue.
    assert!(p99 < Duration::from_millis(500), "{p99:?}");
    assert!(memory_max < 1 << 30, "{memory_max}");
    assert!(lag_max < 10_000, "{lag_max} ms");
    assert!(settled < Duration::from_secs(10), "{settled:?}");
    assert!(after < before * 10 + Duration::from_millis(200), "{before:?}, then {after:?}");
}

/// Rules that make an event cost something.
const RULES: &str = r#"
[[project.segment]]
key = "viewers"
when = 'count("Product Viewed" within 7d) >= 3'
[[project.segment]]
key = "active"
when = 'count("*" within 1h) >= 5 and not exists("Order Completed" within 1h)'
"#;

/// Sends as fast as answers come until it is over; gives how long each refusal took.
fn flood(
    address: std::net::SocketAddr,
    sender: usize,
    over: &AtomicBool,
    acked: &AtomicU64,
) -> Vec<Duration> {
    let (mut http, mut shed) = (Http::connect(address), Vec::new());
    let mut number = 0;
    let mut body = batch(&format!("f{sender}-{number}"), 500);
    while !over.load(Ordering::Relaxed) {
        let sent = Instant::now();
        let Some(answer) = http.batch(&body) else {
            panic!("an answer was lost under overload");
        };
        match answer.status {
            200 => {
                acked.fetch_add(
                    answer.json()["accepted"].as_u64().expect("a count"),
                    Ordering::Relaxed,
                );
                number += 1;
                body = batch(&format!("f{sender}-{number}"), 500);
            }
            503 => {
                shed.push(sent.elapsed());
                assert!(!answer.header("retry-after").is_empty());
                assert_eq!(answer.json()["code"], "overloaded");
                assert_ne!(answer.header("connection"), "close", "it is read to its end instead");
            }
            other => panic!("{other}: {}", answer.json()),
        }
    }
    shed
}

/// How long an answer takes while nobody else asks.
fn quiet_p99(collector: &Collector, prefix: &str) -> Duration {
    let mut http = collector.http();
    let mut times = Vec::new();
    for number in 0..100 {
        let at = now_ms();
        let sent = Instant::now();
        let body = format!(
            r#"{{"batch":[{{"type":"identify","messageId":"{prefix}-{number}","userId":"u","timestamp":{at}}}]}}"#
        );
        assert_eq!(http.batch(&body).expect("it answers").status, 200);
        times.push(sent.elapsed());
    }
    times.sort_unstable();
    times[98]
}

#[test]
fn a_full_memory_takes_no_events_and_goes_on_answering() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut collector = start(&folder, "", "");
    let taken = collector.http().batch(&batch("m", 50)).expect("it answers");
    assert_eq!(taken.status, 200);
    collector.settle();
    let config = std::fs::read_to_string(collector.config()).expect("it was written");
    let config = config.replacen(NO_BOUNDS, "memory_max_mib = 1", 1);
    std::fs::write(collector.config(), config).expect("it is ours");
    collector.stop();
    drop(collector.spawn(&[]));
    let mut http = until("it to listen", || Http::try_connect(collector.http));
    let refused = http.batch(&batch("n", 50)).expect("it answers");
    let code = refused.json()["code"].clone();
    assert_eq!((refused.status, refused.header("retry-after")), (503, "10"), "{code}");
    assert_eq!(code, "overloaded");
    until("what is known to be read", || {
        (http.get("/v1/devices/d-1", Project::READ_TOKEN).status == 200).then_some(())
    });
    let ready = http.get("/readyz", "");
    let why = String::from_utf8(ready.body).expect("text");
    assert_eq!((ready.status, why.as_str()), (503, "memory is full; give more of it\n"));
    assert_eq!(metric(&collector, "sillage_ingest_memory_full{}"), 1);
    assert_eq!(summed(&collector), 50, "and nothing else");
}

#[test]
fn health_is_told_while_every_connection_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = free_port();
    let collector = start(&folder, &format!("connections_max = 4\nops_listen = \"{address}\""), "");
    // Four that say nothing take every place.
    let held: Vec<_> = (0..4).map(|_| std::net::TcpStream::connect(collector.http)).collect();
    assert!(held.iter().all(Result::is_ok));
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer =
            until("health on a listener of its own", || Http::try_connect(address)?.try_get(path));
        assert_eq!(answer.status, 200, "{path}");
    }
    let answer = Http::try_connect(address).and_then(|mut http| http.try_get("/v1/summary"));
    assert_eq!(answer.expect("it answers").status, 404, "and nothing else");
}

#[test]
fn a_refusal_is_heard_however_much_is_still_being_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = "[project.quota]\nevents_per_second = 1\nburst = 1";
    let collector = start(&folder, "", rules);
    let mut http = collector.http();
    assert_eq!(http.batch(&batch("first", 20)).expect("it answers").status, 200);
    // Bodies of nearly a megabyte, of which nothing is read before the answer is ready.
    let body = format!(r#"{{"batch":[],"pad":"{}"}}"#, "x".repeat(1_000_000));
    for _ in 0..20 {
        let answer = http.batch(&body).expect("the answer is not lost with the connection");
        assert_eq!(answer.status, 429);
    }
}
