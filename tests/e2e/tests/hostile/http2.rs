//! Frames that cost the sender nothing and the receiver much, each beside a neighbour that is served.
use sillage_e2e::hostile::frames::{END_HEADERS, END_STREAM, Fate, H2, fields, frame, head, kind};
use sillage_e2e::hostile::{good, machine};
use sillage_e2e::{Collector, Project};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Memory that an attack may cost at any moment after it, in bytes.
const GROWTH_MAX: u64 = 64 << 20;
/// The longest that a neighbour's request may take beside an attack, on a busy machine of two cores.
const NEIGHBOUR_MAX: Duration = Duration::from_secs(3);

/// An attack, and what came of it.
struct Attack {
    name: &'static str,
    run: fn(&mut H2) -> String,
    /// One of these must have come of it.
    ends: &'static [&'static str],
}

const ATTACKS: &[Attack] = &[
    Attack { name: "53 rapid reset", run: rapid_reset, ends: &["gone 11", "closed"] },
    Attack {
        name: "54 CONTINUATION without end",
        run: continuations,
        ends: &["gone 11", "closed"],
    },
    Attack {
        name: "55 empty DATA without end",
        run: empty_data,
        ends: &["reset", "gone", "answered bad_body"],
    },
    Attack {
        name: "56 HPACK bomb",
        run: hpack_bomb,
        ends: &["reset", "gone", "answered", "closed"],
    },
    Attack {
        name: "57 SETTINGS without end",
        run: settings,
        ends: &["gone", "closed", "answered alive"],
    },
    Attack { name: "57 PING without end", run: pings, ends: &["gone", "closed", "answered alive"] },
    Attack { name: "57 RST_STREAM of nothing", run: resets_of_nothing, ends: &["gone 1"] },
    Attack { name: "57 windows that overflow", run: windows, ends: &["gone 3"] },
    Attack { name: "57 300 streams at once", run: streams, ends: &["refused 200"] },
    Attack { name: "57 an upper-case header", run: upper_case, ends: &["reset 1", "gone 1"] },
    Attack { name: "57 transfer-encoding", run: transfer_encoding, ends: &["reset 1", "gone 1"] },
    Attack { name: "57 less than its content-length", run: too_short, ends: &["reset 1"] },
    Attack { name: "57 more than its content-length", run: too_long, ends: &["reset 1"] },
    Attack { name: "57 no path", run: no_path, ends: &["reset 1", "gone 1"] },
    Attack { name: "57 CONNECT", run: connect, ends: &["answered method_not_allowed", "reset 1"] },
];

#[test]
fn floods_of_frames_cost_their_sender_the_connection_and_nobody_else_anything() {
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), "", "");
    let mut serves = H2::connect(collector.http);
    serves.ask(1, "POST", "/v1/batch", good("h2").as_bytes());
    let served = serves.fate(1);
    assert!(
        matches!(&served, Fate::Answered(body) if body.contains("\"accepted\":1,")),
        "{served:?}"
    );
    for attack in ATTACKS {
        let (memory, cpu, started) =
            (collector.memory(), machine::cpu_time(&collector), Instant::now());
        let (ended, longest) =
            beside_a_neighbour(&collector, || (attack.run)(&mut H2::connect(collector.http)));
        let grown = collector.memory().saturating_sub(memory);
        let (cpu, wall) = (machine::cpu_time(&collector) - cpu, started.elapsed());
        println!(
            "{:<35} {ended:<28} {wall:>9.3?} cpu {cpu:>6.2?} grown {:>2} MiB, neighbour waited {longest:.3?}",
            attack.name,
            grown >> 20
        );
        assert!(attack.ends.iter().any(|end| ended.starts_with(end)), "{}: {ended}", attack.name);
        assert!(cpu < wall + Duration::from_millis(500), "{}: more than a core", attack.name);
        assert!(grown < GROWTH_MAX, "{}: {} MiB", attack.name, grown >> 20);
        assert!(longest < NEIGHBOUR_MAX, "{}: a neighbour waited {longest:?}", attack.name);
    }
    // The number of events is that of the requests that were whole.
    collector.settle();
    let summary = collector.http().get("/v1/summary", Project::READ_TOKEN).json();
    assert_eq!(summary["events"]["Tried"], 1, "{summary}");
}

/// Runs an attack; how it ended, and the longest that somebody else waited for an answer meanwhile.
fn beside_a_neighbour(
    collector: &Collector,
    attack: impl FnOnce() -> String + Send,
) -> (String, Duration) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let neighbour = scope.spawn(|| {
            let mut longest = Duration::ZERO;
            loop {
                // Once more when it is over, so that somebody is served beside the shortest attack.
                let is_last = over.load(Ordering::Relaxed);
                let started = Instant::now();
                assert_eq!(collector.http().get("/healthz", "").status, 200);
                longest = longest.max(started.elapsed());
                if is_last {
                    return longest;
                }
            }
        });
        let ended = attack();
        over.store(true, Ordering::Relaxed);
        (ended, neighbour.join().expect("the neighbour is served"))
    })
}

/// How a stream ended, in words.
fn told(fate: Fate) -> String {
    match fate {
        Fate::Answered(body) => {
            let json: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
            format!("answered {}", json["code"].as_str().unwrap_or(body.trim()))
        }
        Fate::Reset(code) => format!("reset {code}"),
        Fate::Gone(code) => format!("gone {code}"),
        Fate::Closed => "closed".to_owned(),
    }
}

/// Stream numbers of a client.
fn odd(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|n| 2 * n + 1)
}

fn rapid_reset(h2: &mut H2) -> String {
    let head = head("POST", "/v1/batch", &[("content-length", "100")]);
    for stream in odd(100_000) {
        let begun = frame(kind::HEADERS, END_HEADERS, stream, &head);
        let ended = frame(kind::RST_STREAM, 0, stream, &[0, 0, 0, 8]);
        if !h2.send(&[begun, ended].concat()) {
            break;
        }
    }
    told(h2.fate(0))
}

fn continuations(h2: &mut H2) -> String {
    h2.send(&frame(kind::HEADERS, 0, 1, &head("GET", "/healthz", &[])));
    let more = frame(kind::CONTINUATION, 0, 1, &fields(&[("x-a", &"a".repeat(4_000))]));
    for _ in 0..16_000 {
        if !h2.send(&more) {
            break;
        }
    }
    told(h2.fate(1))
}

fn empty_data(h2: &mut H2) -> String {
    h2.send(&frame(kind::HEADERS, END_HEADERS, 1, &head("POST", "/v1/batch", &[])));
    let empty = frame(kind::DATA, 0, 1, &[]).repeat(1_000);
    for _ in 0..200 {
        if !h2.send(&empty) {
            break;
        }
    }
    told(h2.fate(1))
}

fn hpack_bomb(h2: &mut H2) -> String {
    // One entry of the dynamic table, then a byte for each time that it is meant again.
    let mut block = head("GET", "/healthz", &[]);
    let entry = fields(&[("x-bomb", &"b".repeat(4_000))]);
    block.push(0x40);
    block.extend(&entry[1..]);
    block.extend(std::iter::repeat_n(0xbe, 12_000));
    h2.send(&frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, &block));
    told(h2.fate(1))
}

/// Sends as many of a frame as are taken, reads nothing meanwhile, and asks for something then.
fn unread(h2: &mut H2, one: &[u8]) -> String {
    let many = one.repeat(1_000);
    let patience = Some(Duration::from_secs(2));
    h2.0.stream.set_write_timeout(patience).expect("an option can be set");
    let taken = (0..200).take_while(|_| h2.send(&many)).count();
    if taken == 200 {
        h2.ask(1, "GET", "/healthz", b"");
    }
    told(h2.fate(1))
}

fn settings(h2: &mut H2) -> String {
    unread(h2, &frame(kind::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]))
}

fn pings(h2: &mut H2) -> String {
    unread(h2, &frame(kind::PING, 0, 0, b"12345678"))
}

fn resets_of_nothing(h2: &mut H2) -> String {
    h2.send(&frame(kind::RST_STREAM, 0, 99, &[0, 0, 0, 8]));
    told(h2.fate(99))
}

fn windows(h2: &mut H2) -> String {
    let most = frame(kind::WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]);
    h2.send(&most.repeat(2));
    told(h2.fate(1))
}

/// Of streams that are all begun and none ended, those above the limit are refused.
fn streams(h2: &mut H2) -> String {
    let head = head("POST", "/v1/batch", &[("content-length", "100")]);
    for stream in odd(300) {
        h2.send(&frame(kind::HEADERS, END_HEADERS, stream, &head));
    }
    let refused = odd(300).skip(100).filter(|&stream| h2.fate(stream) == Fate::Reset(7));
    format!("refused {}", refused.count())
}

fn asked(h2: &mut H2, method: &str, more: &[(&str, &str)], body: &[u8]) -> String {
    let head = head(method, "/v1/batch", more);
    h2.send(&frame(kind::HEADERS, END_HEADERS, 1, &head));
    h2.send(&frame(kind::DATA, END_STREAM, 1, body));
    told(h2.fate(1))
}

fn upper_case(h2: &mut H2) -> String {
    asked(h2, "POST", &[("X-Upper", "x")], good("h2-upper").as_bytes())
}

fn transfer_encoding(h2: &mut H2) -> String {
    asked(h2, "POST", &[("transfer-encoding", "chunked")], good("h2-te").as_bytes())
}

fn too_short(h2: &mut H2) -> String {
    asked(h2, "POST", &[("content-length", "9999")], good("h2-short").as_bytes())
}

fn too_long(h2: &mut H2) -> String {
    asked(h2, "POST", &[("content-length", "3")], good("h2-long").as_bytes())
}

fn no_path(h2: &mut H2) -> String {
    let head = fields(&[(":method", "GET"), (":scheme", "http"), (":authority", "c")]);
    h2.send(&frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, &head));
    told(h2.fate(1))
}

fn connect(h2: &mut H2) -> String {
    let head = fields(&[(":method", "CONNECT"), (":authority", "c:443")]);
    h2.send(&frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, &head));
    told(h2.fate(1))
}
