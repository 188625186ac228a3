//! Clients that take their time, many at once, and ends in the middle of something.
use sillage_e2e::hostile::wire::Wire;
use sillage_e2e::hostile::{batch, event, good, machine, post};
use sillage_e2e::{Collector, Project, Resp, until};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// What timers may be late on a busy machine.
const LATE: f64 = 4.0;

/// When something ended, in seconds from `started`, is what it should be.
fn assert_about(name: &str, started: Instant, due_s: f64) {
    let took = started.elapsed().as_secs_f64();
    println!("{name}: {took:.1} s");
    assert!((due_s * 0.8..due_s + LATE).contains(&took), "{name}: {took:.1} s, not {due_s}");
}

/// Sends a byte after each pause until the other side closes.
fn dribble(wire: &mut Wire, pause: Duration) {
    while wire.send(b"a") {
        std::thread::sleep(pause);
    }
}

#[test]
fn clients_that_dribble_stall_or_do_not_read_are_ended_in_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), "", "");
    let memory = collector.memory();
    let http = || Wire::connect(collector.http);
    let begun =
        "POST /v1/batch HTTP/1.1\r\nHost: c\r\nX-Write-Key: wk_test\r\nContent-Length: 100\r\n";
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut wire, started) = (http(), Instant::now());
            wire.send(format!("{begun}X-Slow: ").as_bytes());
            dribble(&mut wire, Duration::from_millis(200));
            assert_about("47 a head that dribbles", started, 10.0);
        });
        scope.spawn(|| {
            let (mut wire, started) = (http(), Instant::now());
            wire.send(post("", good("before")).as_slice());
            assert_eq!(wire.hear().map(|heard| heard.status), Some(200));
            wire.send(b"POST /v1/ba");
            assert!(wire.rest(Duration::from_secs(20)).is_some_and(|rest| rest.is_empty()));
            assert_about("47 the next head that stalls", started, 10.0);
        });
        scope.spawn(|| {
            let (mut wire, started) = (http(), Instant::now());
            wire.send(format!("{begun}\r\n{{").as_bytes());
            timed_out(&mut wire);
            assert_about("48 a body that stalls", started, 10.0);
        });
        scope.spawn(|| {
            let (mut wire, started) = (http(), Instant::now());
            wire.send(format!("{begun}\r\n{{").as_bytes());
            let mut reader = Wire::over(wire.stream.try_clone().expect("a socket has copies"));
            let dribbling = scope.spawn(move || dribble(&mut wire, Duration::from_secs(1)));
            reader.stream.set_read_timeout(Some(Duration::from_secs(60))).expect("an option");
            timed_out(&mut reader);
            assert_about("48 a body that dribbles", started, 30.0);
            dribbling.join().expect("it ends with the connection");
        });
        scope.spawn(|| {
            let request = b"GET /metrics HTTP/1.1\r\nHost: c\r\n\r\n";
            let ended = unread(http(), request);
            assert_about("52 answers that nobody reads", ended, 30.0);
        });
        scope.spawn(|| {
            let wire = Wire::connect(collector.resp);
            let ended = unread(wire, b"COMMAND\r\n");
            assert_about("Redis: replies that nobody reads", ended, 30.0);
        });
        let over = Instant::now() + Duration::from_secs(28);
        let at = (collector.http, collector.resp);
        scope.spawn(move || neighbours(at, over));
    });
    let grown = collector.memory().saturating_sub(memory);
    println!("memory grew by {} MiB", grown >> 20);
    assert!(grown < 64 << 20, "{grown}");
    assert_eq!(accepted(&collector), 1, "only what was whole is stored");
}

/// Others are served meanwhile, by both faces.
fn neighbours(at: (SocketAddr, SocketAddr), until: Instant) {
    let mut longest = Duration::ZERO;
    while Instant::now() < until {
        let started = Instant::now();
        let answer = sillage_e2e::Http::connect(at.0).get("/healthz", "");
        assert_eq!(answer.status, 200);
        Resp::connect(at.1).ask(&["PING"]);
        longest = longest.max(started.elapsed());
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("neighbours waited {longest:?} at most");
    assert!(longest < Duration::from_secs(3), "{longest:?}");
}

fn timed_out(wire: &mut Wire) {
    let heard = wire.hear().expect("an answer");
    assert_eq!((heard.status, heard.code().as_str()), (408, "body_timeout"));
    assert_eq!(heard.header("connection"), Some("close"));
    assert!(heard.body.contains("\"retryable\":true"), "{}", heard.body);
}

/// Asks again and again and reads nothing, until the other side has given up; from when on nothing more was
/// taken.
fn unread(mut wire: Wire, request: &[u8]) -> Instant {
    let many = request.repeat(1_000);
    wire.stream.set_write_timeout(Some(Duration::from_secs(2))).expect("an option can be set");
    let mut full = Instant::now();
    while wire.send(&many) {
        full = Instant::now();
    }
    wire.stream.set_write_timeout(Some(Duration::from_millis(200))).expect("an option can be set");
    loop {
        match wire.stream.write(b"\r\n") {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return full,
            Ok(_) => std::thread::sleep(Duration::from_millis(200)),
        }
    }
}

fn accepted(collector: &Collector) -> u64 {
    collector.settle();
    let summary = collector.http().get("/v1/summary", Project::READ_TOKEN).json();
    summary["events"]["Tried"].as_u64().unwrap_or(0)
}

#[test]
fn a_hundred_requests_in_one_piece_are_answered_in_order_and_broken_ones_store_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), "", "");
    let mut wire = Wire::connect(collector.http);
    let request = |n: u64| {
        let told = format!("{{\"sillage\":{{\"batchId\":\"b-{n}\"}},");
        post("", batch(&[event(&format!("p-{n}"), "")]).replacen('{', &told, 1))
    };
    let all: Vec<u8> = (0..100).flat_map(request).collect();
    wire.send(&all);
    for n in 0..100 {
        let heard = wire.hear().expect("an answer");
        assert_eq!(heard.status, 200, "{}", heard.body);
        assert!(heard.body.contains(&format!("\"batchId\":\"b-{n}\"")), "{n}: {}", heard.body);
    }
    // A sender that breaks off has stored nothing, and is told nothing.
    for n in 0..50 {
        let mut wire = Wire::connect(collector.http);
        let whole = request(1_000 + n);
        wire.send(whole.split_last().map_or(&[], |(_, most)| most));
        wire.reset();
    }
    assert_eq!(accepted(&collector), 100);
}

/// Of these each address may have 200.
const ADDRESSES: u8 = 48;
const EACH: usize = 190;

#[test]
fn nine_thousand_slow_heads_leave_room_for_others_and_are_gone_after_ten_seconds() {
    machine::limit_open_files(std::process::id(), 20_000);
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), "", "");
    let (memory, before) = (collector.memory(), machine::descriptors(collector.pid()));
    let address = |n: u8| IpAddr::from(Ipv4Addr::new(127, 0, 1, n));
    let mut wires = Vec::new();
    let started = Instant::now();
    for n in 1..=ADDRESSES {
        for _ in 0..EACH {
            let mut wire = Wire::connect_from(address(n), collector.http).expect("it is taken");
            wire.send(b"POST /v1/batch HTTP/1.1\r\nHost:");
            wires.push(wire);
        }
    }
    let opened = started.elapsed();
    assert_eq!(collector.http().get("/healthz", "").status, 200);
    let answered = collector.http().batch(&good("beside")).expect("an answer");
    assert_eq!(answered.status, 200);
    let grown = collector.memory().saturating_sub(memory);
    println!(
        "{} connections in {opened:?}, {} KiB each",
        wires.len(),
        grown / 1_024 / wires.len() as u64
    );
    assert!(grown < 400 << 20, "{grown}");
    // Ten more than one address may have; a proxy on this machine may have as many as it likes.
    let greedy: Vec<_> =
        (0..210).filter_map(|_| Wire::connect_from(address(200), collector.http)).collect();
    let mut served = 0;
    for mut wire in greedy {
        wire.send(b"GET /healthz HTTP/1.1\r\nHost: c\r\n\r\n");
        served += usize::from(wire.hear().is_some_and(|heard| heard.status == 200));
        wires.push(wire);
    }
    assert_eq!(served, 200, "of 210 connections of one address");
    until("the slow heads to be closed", || {
        let open = machine::descriptors(collector.pid());
        (open < before + 300).then_some(())
    });
    println!("closed after {:?}", started.elapsed());
    assert!(started.elapsed() < opened + Duration::from_secs(25));
    drop(wires);
    assert_eq!(collector.http().get("/healthz", "").status, 200);
}

#[test]
fn a_collector_without_descriptors_serves_again_once_it_has_some() {
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), "", "");
    let limit = machine::descriptors(collector.pid()) as u64 + 10;
    machine::limit_open_files(collector.pid(), limit);
    let wires: Vec<Wire> = (0..100).map(|_| Wire::connect(collector.http)).collect();
    until("descriptors to be used up", || {
        collector.log().contains("cannot accept a connection").then_some(())
    });
    drop(wires);
    let answer = collector.http().batch(&good("after")).expect("an answer");
    assert_eq!(answer.status, 200);
    assert!(
        collector.log().matches("cannot accept a connection").count() < 20,
        "no flood of lines"
    );
}

#[test]
fn connections_take_no_descriptor_that_files_need() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut collector = Collector::start(folder.path(), "", "");
    assert!(collector.stop(), "{}", collector.log());
    let child = machine::starved(&collector, 400);
    let mut wires: Vec<Wire> = (0..300).map(|_| Wire::connect(collector.http)).collect();
    // The first are served, the last wait.
    let asked = b"GET /healthz HTTP/1.1\r\nHost: c\r\n\r\n";
    for wire in &mut wires {
        wire.send(asked);
    }
    assert_eq!(wires.first_mut().and_then(Wire::hear).map(|heard| heard.status), Some(200));
    let open = machine::descriptors(child.pid());
    println!("{open} of 400 descriptors with 300 connections made");
    assert!(open < 400 - 150, "{open}: the rest is for files");
    drop(wires.drain(..250));
    assert_eq!(wires.last_mut().and_then(Wire::hear).map(|heard| heard.status), Some(200));
    assert!(collector.log().contains("leaves fewer connections"), "it says so");
    assert!(!collector.log().contains("cannot accept"), "{}", collector.log());
}

#[test]
fn bodies_beyond_what_is_held_at_once_are_sent_away_before_they_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let collector = machine::tuned(folder.path(), "in_flight_bytes_max = 16777216");
    let announced = "POST /v1/batch HTTP/1.1\r\nHost: c\r\nX-Write-Key: wk_test\r\n\
                     Content-Length: 1048576\r\nExpect: 100-continue\r\n\r\n";
    let mut holding = Vec::new();
    for _ in 0..16 {
        let mut wire = Wire::connect(collector.http);
        wire.send(announced.as_bytes());
        assert_eq!(wire.hear().map(|heard| heard.status), Some(100));
        holding.push(wire);
    }
    let (mut wire, started) = (Wire::connect(collector.http), Instant::now());
    wire.send(announced.as_bytes());
    let heard = wire.hear().expect("an answer");
    assert_eq!((heard.status, heard.code().as_str()), (503, "overloaded"));
    // Spread, so that those sent away do not all come back at once.
    assert!(matches!(heard.header("retry-after"), Some("2" | "3")), "{heard:?}");
    println!("124 sent away after {:?}", started.elapsed());
    drop(holding);
    until("room", || {
        let answer = collector.http().batch(&good("after"))?;
        (answer.status == 200).then_some(())
    });
}

#[test]
fn a_stop_answers_what_was_begun_and_waits_for_nobody_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut collector = Collector::start(folder.path(), "", "");
    let address = collector.http;
    let body = good("begun");
    let mut begun = Wire::connect(address);
    begun.send(
        format!(
            "POST /v1/batch HTTP/1.1\r\nHost: c\r\nX-Write-Key: wk_test\r\nContent-Length: {}\r\n\
             Expect: 100-continue\r\n\r\n",
            body.len()
        )
        .as_bytes(),
    );
    assert_eq!(begun.hear().map(|heard| heard.status), Some(100), "its body is awaited");
    let mut idle = Wire::connect(address);
    idle.send(&post("", good("idle")));
    assert_eq!(idle.hear().map(|heard| heard.status), Some(200));
    let mut silent = Wire::connect(address);
    let started = Instant::now();
    let stopping = std::thread::spawn(move || (collector.stop(), collector));
    assert_eq!(idle.rest(Duration::from_secs(5)), Some(Vec::new()), "closed at once");
    assert_eq!(silent.rest(Duration::from_secs(5)), Some(Vec::new()), "closed at once");
    until("nobody to listen", || std::net::TcpStream::connect(address).is_err().then_some(()));
    // Behind the body a second request, which comes too late.
    begun.send(&[body.as_bytes(), &post("", good("late"))].concat());
    let heard = begun.hear().expect("an answer");
    assert_eq!((heard.status, heard.header("connection")), (200, Some("close")), "{}", heard.body);
    begun.end();
    let rest = begun.rest(Duration::from_secs(5));
    assert_eq!(rest, Some(Vec::new()), "nothing behind the last answer");
    let (ended_well, mut collector) = stopping.join().expect("it ends");
    assert!(ended_well, "{}", collector.log());
    println!("stopped after {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(8), "it waited for nobody");
    collector.restart();
    assert_eq!(accepted(&collector), 2, "what was answered is there");
}
