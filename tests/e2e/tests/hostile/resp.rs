//! The Redis face: bytes that no client sends, and more of the usual ones than any does.
use sillage_e2e::hostile::wire::Wire;
use sillage_e2e::hostile::{good, machine};
use sillage_e2e::{Collector, Reply};
use std::time::{Duration, Instant};

/// What is sent, how the reply begins, and whether that is all.
struct Row {
    name: &'static str,
    bytes: Vec<u8>,
    reply: &'static str,
    closes: bool,
}

fn closed(name: &'static str, bytes: impl Into<Vec<u8>>, reply: &'static str) -> Row {
    Row { name, bytes: bytes.into(), reply, closes: true }
}

fn said(name: &'static str, bytes: impl Into<Vec<u8>>, reply: &'static str) -> Row {
    Row { name, bytes: bytes.into(), reply, closes: false }
}

fn rows() -> Vec<Row> {
    let deep = "*1\r\n".repeat(100_000);
    let long_line = "x".repeat(64 << 10);
    let long_number = format!("*1\r\n${}", "1".repeat(100_000));
    let quoted = format!("ECHO \"{}\r\n", "\\x00".repeat(10_000));
    let arguments = format!("*1024\r\n{}", "$1\r\na\r\n".repeat(1_024));
    let spaces = format!("{}PING\r\n", " ".repeat(60_000));
    let pattern = format!("SCAN 0 MATCH {}\r\n", "*a".repeat(10_000));
    vec![
        closed(
            "a bulk of 2^63",
            "*2\r\n$4\r\nECHO\r\n$9223372036854775807\r\n",
            "-ERR Protocol error",
        ),
        closed("a bulk of -5", "*1\r\n$-5\r\n", "-ERR Protocol error"),
        closed("2^31 arguments", "*2147483648\r\n", "-ERR Protocol error"),
        closed("100 000 arrays in each other", deep, "-ERR Protocol error"),
        closed("a number without end", long_number, "-ERR Protocol error"),
        closed("a line without end", long_line, "-ERR Protocol error"),
        closed("quotes that do not close", quoted, "-ERR Protocol error"),
        closed("a browser", "POST / HTTP/1.1\r\nHost: c\r\n\r\nFLUSHALL\r\n", ""),
        said("hello of TLS", b"\x16\x03\x01\x02\x00\x01\r\n", "-ERR unknown command"),
        said("1 024 arguments", arguments, "-ERR unknown command"),
        said("60 000 spaces", spaces, "+PONG\r\n"),
        said("a pattern that explodes elsewhere", pattern, "*2\r\n"),
        said("SET", "SET a b\r\n", "-READONLY"),
        said("FLUSHALL", "FLUSHALL\r\n", "-READONLY"),
        said("EVAL", "EVAL \"while true do end\" 0\r\n", "-"),
        said("CONFIG SET", "CONFIG SET dir /tmp\r\n", "-"),
        said("DEBUG SLEEP", "DEBUG SLEEP 100\r\n", "-"),
        said("SHUTDOWN", "SHUTDOWN\r\n", "-"),
        said("REPLICAOF", "REPLICAOF 127.0.0.1 1\r\n", "-"),
        said("MONITOR", "MONITOR\r\n", "-"),
        said("SUBSCRIBE", "SUBSCRIBE a\r\n", "-"),
        said("a count of 2^63", "SCAN 0 COUNT 9223372036854775807\r\n", "*2\r\n"),
        said("another project", "HGETALL sl:neighbour:u:42\r\n", "*0\r\n"),
    ]
}

#[test]
fn every_row_of_the_redis_face_has_its_reply() {
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), "", "");
    let memory = collector.memory();
    for row in rows() {
        let mut wire = Wire::connect(collector.resp);
        wire.send(&row.bytes);
        let reply = if row.closes {
            wire.rest(Duration::from_secs(10)).unwrap_or_else(|| panic!("{} stays open", row.name))
        } else {
            // The echo marks the end, whatever the reply is.
            wire.send(b"ECHO end-of-row\r\n");
            until_text(&mut wire, "end-of-row")
        };
        let reply = String::from_utf8_lossy(&reply).into_owned();
        println!("{:<40} {}", row.name, reply.lines().next().unwrap_or("(closed)"));
        assert!(reply.starts_with(row.reply), "{}: {reply}", row.name);
        assert_eq!(
            collector.resp().ask(&["PING"]),
            Reply::Simple("PONG".to_owned()),
            "{}",
            row.name
        );
        let grown = collector.memory().saturating_sub(memory);
        assert!(grown < 32 << 20, "{}: {} MiB", row.name, grown >> 20);
    }
}

fn until_text(wire: &mut Wire, text: &str) -> Vec<u8> {
    let mut all = Vec::new();
    while !all.windows(text.len()).any(|window| window == text.as_bytes()) {
        all.extend(wire.take(1).expect("the connection goes on"));
    }
    all
}

#[test]
fn random_bytes_end_a_connection_or_say_nothing_and_harm_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), "", "");
    let (memory, mut state) = (collector.memory(), 0x9e37_79b9_7f4a_7c15_u64);
    for _ in 0..200 {
        let mut bytes = Vec::new();
        while bytes.len() < 4_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let pieces: [&[u8]; 8] =
                [b"*", b"$", b"\r\n", b"1", b"-", b"\"", b"PING", &state.to_le_bytes()];
            bytes.extend(pieces[(state >> 60) as usize & 7]);
        }
        let (mut resp, mut http) = (Wire::connect(collector.resp), Wire::connect(collector.http));
        resp.send(&bytes);
        http.send(&bytes);
        resp.end();
        http.end();
        assert!(resp.rest(Duration::from_secs(10)).is_some(), "it ends");
        assert!(http.rest(Duration::from_secs(10)).is_some(), "it ends");
    }
    assert_eq!(collector.resp().ask(&["PING"]), Reply::Simple("PONG".to_owned()));
    assert_eq!(collector.http().batch(&good("after")).map(|answer| answer.status), Some(200));
    assert!(collector.memory().saturating_sub(memory) < 32 << 20);
    assert!(!collector.log().contains("panicked"), "{}", collector.log());
}

#[test]
fn a_pipeline_of_a_hundred_thousand_and_ten_thousand_clients_are_served() {
    machine::limit_open_files(std::process::id(), 20_000);
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), "", "");
    let mut wire = Wire::connect(collector.resp);
    let mut writer = Wire::over(wire.stream.try_clone().expect("a socket has copies"));
    let started = Instant::now();
    let sending = std::thread::spawn(move || writer.send(&b"*1\r\n$4\r\nPING\r\n".repeat(100_000)));
    let replies = wire.take(100_000 * b"+PONG\r\n".len()).expect("all replies");
    assert!(sending.join().expect("it was sent"));
    assert!(replies.chunks(7).all(|reply| reply == b"+PONG\r\n"));
    println!("a pipeline of 100 000: {:?}", started.elapsed());
    let (memory, started) = (collector.memory(), Instant::now());
    let mut clients = Vec::new();
    let refused = loop {
        let mut client = Wire::connect(collector.resp);
        if clients.len() % 500 == 0 || clients.len() > 9_500 {
            client.send(b"PING\r\n");
            let reply = client.take(5).expect("a reply");
            if reply != b"+PONG" {
                break reply;
            }
        }
        clients.push(client);
        assert!(clients.len() <= 10_000, "more clients than are configured");
    };
    assert_eq!(refused, b"-ERR ", "told, not left waiting");
    let grown = collector.memory().saturating_sub(memory);
    println!(
        "{} clients in {:?}, {} bytes each",
        clients.len(),
        started.elapsed(),
        grown / clients.len() as u64
    );
    assert!(clients.len() > 9_000, "{}", clients.len());
    assert!(grown < 400 << 20, "{grown}");
    assert_eq!(collector.http().get("/healthz", "").status, 200);
    drop(clients);
    sillage_e2e::until("places to be free", || {
        let mut wire = Wire::connect(collector.resp);
        wire.send(b"PING\r\n");
        (wire.take(5)? == b"+PONG").then_some(())
    });
}
