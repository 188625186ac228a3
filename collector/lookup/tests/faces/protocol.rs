//! What a socket may do to the Redis face, well-meaning or not.
use crate::world::{Face, NOW, empty_view, encode, entering, person, shop};
use sillage_model::PersonKey;

#[test]
fn a_request_may_come_one_byte_at_a_time() {
    let face = Face::of(&[shop(4)]);
    let request = encode(&[b"HGET", b"sl:shop:u:2", b"seg:hot-cart"]);
    let mut wire = face.connect();
    for cut in 0..=request.len() {
        wire.stream.set_nodelay(true).unwrap();
        wire.send(&request[..cut]);
        wire.send(&request[cut..]);
        wire.expect("$13\r\n1700000000000\r\n");
    }
    for byte in &request {
        wire.send(&[*byte]);
    }
    wire.expect("$13\r\n1700000000000\r\n");
}

#[test]
fn a_pipeline_is_answered_in_order_and_whole() {
    let face = Face::of(&[shop(4)]);
    let mut wire = face.connect();
    let mut requests = Vec::new();
    let mut replies = String::new();
    for number in 0..5_000 {
        let text = number.to_string();
        if number % 2 == 0 {
            requests.extend(encode(&[b"ECHO", text.as_bytes()]));
        } else {
            requests.extend(format!("echo {text}\r\n").into_bytes());
        }
        replies += &format!("${}\r\n{text}\r\n", text.len());
    }
    requests.extend(b"QUIT\r\nPING\r\n");
    wire.send(&requests);
    wire.expect(&replies);
    assert_eq!(wire.rest(), "+OK\r\n");
}

#[test]
fn a_pipeline_with_more_replies_than_are_gathered_arrives_whole() {
    let face = Face::of(&[shop(300)]);
    let mut wire = face.connect();
    let one = wire.say("XRANGE sl:shop:changes - +");
    let count = 100;
    let writer = wire.stream.try_clone().unwrap();
    let sent = std::thread::spawn(move || {
        use std::io::Write as _;
        let request = encode(&[b"XRANGE", b"sl:shop:changes", b"-", b"+"]);
        (&writer).write_all(&request.repeat(count)).unwrap();
    });
    for _ in 0..count {
        wire.expect(&one);
    }
    sent.join().unwrap();
}

#[test]
fn what_is_not_the_protocol_gets_an_error_and_the_door() {
    let face = Face::of(&[shop(1)]);
    let huge = format!("*2\r\n$4\r\nECHO\r\n${}\r\n", 2 * 1024 * 1024);
    let parts = format!("*2\r\n$600000\r\n{}\r\n$600000\r\n", "x".repeat(600_000));
    let cases = [
        ("*1\r\n:1\r\n", "-ERR Protocol error: expected '$', got ':'\r\n"),
        ("*1000000\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
        (&huge, "-ERR Protocol error: invalid bulk length\r\n"),
        (&parts, "-ERR Protocol error: request exceeds the query buffer\r\n"),
        ("ping \"a\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
        ("PING\r\n*x\r\n", "+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n"),
        ("POST / HTTP/1.1\r\n\r\n", ""),
    ];
    for (request, want) in cases {
        let mut wire = face.connect();
        wire.send(request.as_bytes());
        assert_eq!(wire.rest(), want);
    }
}

#[test]
fn nothing_is_said_before_the_password() {
    let face = Face::with(&[shop(1)], Some("sesame"), 100);
    let mut wire = face.connect();
    let noauth = "-NOAUTH Authentication required.\r\n";
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    let hello = "-NOAUTH HELLO must be called with the client already authenticated, otherwise the \
                 HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and \
                 select the RESP protocol version at the same time\r\n";
    let cases = [
        ("PING", noauth),
        ("HGETALL sl:shop:u:0", noauth),
        ("SET a b", noauth),
        ("COMMAND", noauth),
        ("AUTH open", wrong),
        ("AUTH admin sesame", wrong),
        ("HELLO 3", hello),
        ("HELLO 3 AUTH default open", wrong),
        ("AUTH sesame", "+OK\r\n"),
        ("PING", "+PONG\r\n"),
        ("RESET", "+RESET\r\n"),
        ("PING", noauth),
        ("AUTH default sesame", "+OK\r\n"),
        ("EXISTS sl:shop:u:0", ":1\r\n"),
    ];
    for (command, want) in cases {
        wire.send(format!("{command}\r\n").as_bytes());
        wire.expect(want);
    }
    let mut stranger = face.connect();
    stranger.send(b"*11\r\n");
    assert_eq!(stranger.rest(), "-ERR Protocol error: unauthenticated multibulk length\r\n");
}

#[test]
fn the_client_too_many_is_told_so() {
    let face = Face::with(&[shop(1)], None, 2);
    let (mut first, mut second) = (face.connect(), face.connect());
    assert_eq!(first.say("PING"), "+PONG\r\n");
    assert_eq!(second.say("PING"), "+PONG\r\n");
    assert_eq!(face.connect().rest(), "-ERR max number of clients reached\r\n");
    first.send(b"QUIT\r\n");
    assert_eq!(first.rest(), "+OK\r\n");
    // The place is free once the server has seen the end, which may be a moment after the client.
    while !face.connect().try_ping() {
        std::thread::yield_now();
    }
}

#[test]
fn before_everything_is_loaded_nothing_is_answered_about_keys() {
    let face = Face::of(&[shop(1)]);
    face.ready.store(false, std::sync::atomic::Ordering::SeqCst);
    let mut wire = face.connect();
    let loading = "-LOADING Redis is loading the dataset in memory\r\n";
    for command in ["HGETALL sl:shop:u:0", "EXISTS sl:shop:u:9", "SCAN 0", "XINFO STREAM x"] {
        assert_eq!(wire.say(command), loading, "{command}");
    }
    assert_eq!(wire.say("PING"), "+PONG\r\n");
    assert!(wire.say("INFO persistence").contains("loading:1\r\n"));
    face.ready.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(wire.say("EXISTS sl:shop:u:0"), ":1\r\n");
}

#[test]
fn a_reader_that_waits_gets_the_change_when_it_happens() {
    let view = empty_view("shop");
    let face = Face::of(std::slice::from_ref(&view));
    let mut waiting = face.connect();
    waiting.send(b"XREAD BLOCK 0 STREAMS other sl:shop:changes 0 0\r\nPING\r\n");
    let mut resp3 = face.connect();
    resp3.say("HELLO 3");
    resp3.send(b"XREAD COUNT 1 BLOCK 60000 STREAMS sl:shop:changes 0\r\n");
    let profile = person(PersonKey::user("6"), 6);
    let transitions = entering(&profile);
    // Whether it is published before or after the server sees the wait, it must be answered.
    view.publish(profile, &transitions, NOW);
    resp3.expect("%1\r\n$15\r\nsl:shop:changes\r\n*1\r\n*2\r\n$15\r\n1700000000000-0\r\n*10\r\n$2\r\nid\r\n$3\r\nu:6\r\n");
    let mut late = face.connect();
    assert_eq!(late.say("XREAD BLOCK 1 STREAMS sl:shop:changes $"), "*-1\r\n");
    waiting.expect("*1\r\n*2\r\n$15\r\nsl:shop:changes\r\n*");
}

#[test]
fn a_reader_that_waits_may_leave_and_the_server_may_stop() {
    let view = empty_view("shop");
    let mut face = Face::with(&[view], None, 1);
    let mut waiting = face.connect();
    waiting.send(b"XREAD BLOCK 0 STREAMS sl:shop:changes $\r\n");
    drop(waiting);
    while !face.connect().try_ping() {
        std::thread::yield_now();
    }
    let mut idle = face.connect();
    while !idle.try_ping() {
        idle = face.connect();
    }
    face.stop();
    assert_eq!(idle.rest(), "");
}

#[test]
fn two_projects_are_one_keyspace_that_a_scan_walks_once() {
    let face = Face::of(&[shop(40), empty_view("zoo")]);
    let mut wire = face.connect();
    let (mut cursor, mut names) = ("0".to_owned(), Vec::new());
    loop {
        let reply = wire.say(&format!("SCAN {cursor} COUNT 7"));
        let mut lines = reply.split("\r\n").filter(|l| !l.is_empty() && !l.starts_with(['$', '*']));
        cursor = lines.next().unwrap().to_owned();
        names.extend(lines.map(str::to_owned));
        if cursor == "0" {
            break;
        }
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "no key twice");
    assert_eq!(wire.say("DBSIZE"), format!(":{count}\r\n"));
    assert!(names.contains(&"sl:zoo:meta".to_owned()));
    assert!(names.contains(&"sl:shop:a:phone".to_owned()));
    let some = wire.say("SCAN 0 COUNT 10000 MATCH sl:shop:u:1? TYPE hash");
    assert_eq!(some.matches("sl:shop:u:1").count(), 10);
}
