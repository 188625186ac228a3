//! The same keys in a real Redis and here: the same bytes for the same request.
//!
//! What differs on purpose is listed in [`DIFFERENT`], each with its reason; everything else in
//! these tables must be equal to the byte, in RESP2 and in RESP3.
use crate::world::{Face, RealRedis, Wire, all_keys, shop};
use sillage_store::keys::segment_shard;
use std::io::{Read, Write};

/// Commands whose replies differ, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("HELLO 3", "role is replica, for writes are refused; id counts connections"),
    ("SELECT 1", "there is one database"),
    ("CLIENT SETINFO LIB-NAME x", "known since Redis 7.2; accepted so that newer clients work"),
    ("CLIENT LIST", "the fields that mean something here, and this connection only"),
    ("COMMAND COUNT", "only what is answered"),
    ("COMMAND INFO client", "has no list of subcommands"),
    ("COMMAND DOCS hget", "other words; no complexity, no history"),
    ("INFO server", "describes another server"),
    ("GET sl:shop:meta", "commands on kinds of values that the keys do not have are unknown"),
    ("PUBLISH x y", "no publish and subscribe"),
    ("EXEC", "no transactions"),
    ("DEL nope", "read only"),
    (
        "PTTL sl:shop:u:0",
        "whole seconds, and time goes on for Redis alone; TTL has a test of its own",
    ),
    (
        "XINFO STREAM sl:shop:changes",
        "the radix tree is Redis' own; its nodes are counted otherwise",
    ),
    ("SCAN 0", "another order of keys and other cursors"),
    ("KEYS *", "another order of keys"),
    ("ZRANGE {set} - + BYLEX", "members of a segment have different scores, so it has no meaning"),
    ("TIME", "time goes on"),
];

/// `{set}` is a sorted set with several members, `{member}` one of them.
const SAME: &str = "
PING
PING hello
ping a b
ECHO x
ECHO
SELECT 0
SELECT x
AUTH x
AUTH default x
AUTH other x
AUTH a b c
HELLO 4
HELLO x
HELLO 3 FOO
HELLO 3 AUTH other x
HELLO 3 SETNAME a\u{1}b
CLIENT
CLIENT FOO
CLIENT GETNAME
CLIENT SETNAME me
CLIENT GETNAME
CLIENT SETNAME
CLIENT ID x
CLIENT NO-EVICT x
CLIENT NO-EVICT on
COMMAND FOO
COMMAND COUNT x
COMMAND INFO nope
COMMAND INFO ping hello auth select quit reset echo time info dbsize
COMMAND INFO exists type ttl pttl keys scan
COMMAND INFO hget hmget hgetall hexists hkeys hvals hlen hstrlen hscan
COMMAND INFO zrange zrevrange zrangebyscore zrevrangebyscore zscore zmscore zcard zcount zscan
COMMAND INFO xrange xrevrange xread xlen
COMMAND DOCS nope
FOO
FOO bar baz
INFO nope
DBSIZE
DBSIZE x
EXISTS
EXISTS sl:shop:u:0 sl:shop:u:0 sl:shop:a:phone sl:shop:meta nope sl:shop:u:nobody
TYPE sl:shop:u:0
TYPE {set}
TYPE sl:shop:changes
TYPE sl:shop:meta
TYPE nope
TTL {set}
TTL sl:shop:changes
TTL nope
PTTL nope
PTTL {set}
HGET sl:shop:u:0 seg:hot-cart
HGET sl:shop:u:0 seg:vip
HGET sl:shop:u:1 seg:vip
HGET sl:shop:u:0 trait:plan
HGET sl:shop:u:0 trait:secret
HGET sl:shop:u:nobody v
HGET {set} v
HGET sl:shop:u:0
HMGET sl:shop:u:0 v as_of nope sess:id score:engagement v
HMGET nope a b
HMGET sl:shop:changes a
HMGET sl:shop:u:0
HGETALL sl:shop:u:0
HGETALL sl:shop:u:1
HGETALL sl:shop:a:phone
HGETALL sl:shop:a:laptop
HGETALL sl:shop:a:d:3
HGETALL sl:shop:meta
HGETALL nope
HGETALL {set}
HEXISTS sl:shop:u:0 seg:hot-cart
HEXISTS sl:shop:u:1 seg:hot-cart
HEXISTS nope x
HEXISTS sl:shop:changes x
HKEYS sl:shop:u:6
HKEYS nope
HVALS sl:shop:u:6
HVALS nope
HLEN sl:shop:u:6
HLEN nope
HLEN {set}
HSTRLEN sl:shop:u:6 trait:bio
HSTRLEN sl:shop:u:6 nope
HSCAN sl:shop:u:6 0
HSCAN sl:shop:u:6 0 MATCH s*:[a-e]* COUNT 1
HSCAN sl:shop:u:6 0 TYPE hash
HSCAN sl:shop:u:6 x
HSCAN sl:shop:u:6 0 COUNT 0
HSCAN sl:shop:u:6 0 COUNT x
HSCAN sl:shop:u:6 0 COUNT
HSCAN nope 0
HSCAN {set} 0
ZRANGE {set} 0 -1
ZRANGE {set} 0 -1 WITHSCORES
ZRANGE {set} 1 2 REV
ZRANGE {set} -2 -1 REV WITHSCORES
ZRANGE {set} 5 1
ZRANGE {set} -100 100
ZRANGE {set} 100 200
ZRANGE {set} -5 -100
ZRANGE {set} 0 x
ZRANGE {set} 0 -1 FOO
ZRANGE {set} 0 -1 LIMIT 0 1
ZRANGE {set} -inf +inf BYSCORE
ZRANGE {set} -inf +inf BYSCORE WITHSCORES LIMIT 1 2
ZRANGE {set} +inf -inf BYSCORE REV LIMIT 1 -1
ZRANGE {set} -inf +inf BYSCORE REV
ZRANGE {set} -inf +inf BYSCORE LIMIT -1 5
ZRANGE {set} -inf +inf BYSCORE LIMIT 0 0
ZRANGE {set} -inf +inf BYSCORE LIMIT 1
ZRANGE {set} -inf +inf BYSCORE LIMIT a b
ZRANGE {set} 1699999990000 (1700000000000 BYSCORE WITHSCORES
ZRANGE {set} (1699999990000 1.7e12 BYSCORE WITHSCORES
ZRANGE {set} a b BYSCORE
ZRANGE nope 0 -1
ZRANGE nope a b
ZRANGE sl:shop:meta 0 -1
ZRANGE {set} 0
ZREVRANGE {set} 0 2 WITHSCORES
ZREVRANGE {set} 0 2 REV
ZRANGEBYSCORE {set} -inf 1699999999000 WITHSCORES LIMIT 0 3
ZRANGEBYSCORE {set} x y
ZRANGEBYSCORE {set} nan 1
ZRANGEBYSCORE {set} 0 1 BYSCORE
ZREVRANGEBYSCORE {set} +inf (1699999990000 WITHSCORES
ZSCORE {set} {member}
ZSCORE {set} u:nobody
ZSCORE nope x
ZSCORE sl:shop:meta x
ZMSCORE {set} {member} u:nobody {member}
ZMSCORE nope x
ZCARD {set}
ZCARD nope
ZCARD sl:shop:changes
ZCOUNT {set} -inf +inf
ZCOUNT {set} (1699999990000 1699999999000
ZCOUNT {set} a b
ZCOUNT nope 0 1
ZSCAN {set} 0
ZSCAN {set} 0 MATCH u:1*
ZSCAN nope 0
ZSCAN {set} x
XLEN sl:shop:changes
XLEN nope
XLEN {set}
XRANGE sl:shop:changes - +
XRANGE sl:shop:changes - + COUNT 2
XRANGE sl:shop:changes - + COUNT 0
XRANGE sl:shop:changes - + COUNT -1
XRANGE sl:shop:changes - + COUNT x
XRANGE sl:shop:changes - + FOO 1
XRANGE sl:shop:changes - + COUNT
XRANGE sl:shop:changes 1700000000002 1700000000003-0
XRANGE sl:shop:changes (1700000000002-0 (1700000000004
XRANGE sl:shop:changes + -
XRANGE sl:shop:changes a b
XRANGE sl:shop:changes (18446744073709551615-18446744073709551615 +
XRANGE sl:shop:changes - (0-0
XRANGE nope - +
XRANGE nope - + COUNT 0
XRANGE {set} - +
XREVRANGE sl:shop:changes + - COUNT 3
XREVRANGE sl:shop:changes 1700000000003 1700000000002
XREAD STREAMS sl:shop:changes 0
XREAD COUNT 2 STREAMS sl:shop:changes 1700000000002-0
XREAD COUNT 0 STREAMS sl:shop:changes 1700000000008
XREAD COUNT 1 STREAMS sl:shop:changes nope 0 0
XREAD STREAMS nope 0
XREAD STREAMS sl:shop:changes $
XREAD BLOCK 1 STREAMS sl:shop:changes $
XREAD BLOCK 1 STREAMS nope 0
XREAD BLOCK -1 STREAMS sl:shop:changes 0
XREAD BLOCK x STREAMS sl:shop:changes 0
XREAD COUNT x STREAMS sl:shop:changes 0
XREAD STREAMS sl:shop:changes 0 0
XREAD STREAMS sl:shop:changes >
XREAD STREAMS sl:shop:changes x
XREAD STREAMS {set} 0
XREAD FOO a b c
XREAD NOACK STREAMS a b
XREAD GROUP g c STREAMS a b
XREAD STREAMS a
XINFO
XINFO FOO
XINFO STREAM
XINFO STREAM nope
XINFO STREAM {set}
XINFO STREAM sl:shop:changes FOO
XINFO STREAM sl:shop:changes FULL COUNT x
XINFO GROUPS sl:shop:changes
XINFO GROUPS nope
XINFO CONSUMERS sl:shop:changes g
SCAN x
SCAN 0 COUNT 0
SCAN 0 TYPE
SCAN 0 FOO bar
SCAN 0 COUNT 10000 TYPE stream
SCAN 0 COUNT 10000 TYPE nope
SCAN 0 COUNT 10000 MATCH sl:*:meta
KEYS sl:shop:m[a-f]ta
KEYS
SET
SET a
HSET a b
ZADD
RESET
";

/// A sorted set with at least six members, and one of them.
fn sample(view: &sillage_store::View) -> (String, String) {
    let shard = (0..16).find(|&shard| view.zcard(sillage_model::SegmentIndex(0), shard) > 5);
    let shard = shard.expect("forty persons in sixteen sets");
    let of_shard = |n: &i64| segment_shard(&format!("u:{n}")) == shard;
    let member = (0..).step_by(2).find(of_shard).unwrap();
    (format!("sl:shop:seg:hot-cart:{shard}"), format!("u:{member}"))
}

fn say<S: Read + Write>(wire: &mut Wire<S>, command: &str, names: &(String, String)) -> String {
    wire.say(&command.replace("{set}", &names.0).replace("{member}", &names.1))
}

#[test]
fn replies_are_those_of_a_real_redis_to_the_byte() {
    let view = shop(120);
    let face = Face::of(std::slice::from_ref(&view));
    let redis = RealRedis::start("bytes");
    redis.load(&view);
    let names = sample(&view);
    let mut unequal = Vec::new();
    for protocol in ["HELLO 2", "HELLO 3"] {
        let (mut ours, mut real) = (face.connect(), redis.connect());
        for command in SAME.lines().filter(|line| !line.is_empty()) {
            ours.say(protocol);
            real.say(protocol);
            let (got, want) = (say(&mut ours, command, &names), say(&mut real, command, &names));
            if got != want {
                unequal.push(format!("{protocol}, {command}\n  here:  {got:?}\n  Redis: {want:?}"));
            }
        }
    }
    assert!(unequal.is_empty(), "{}", unequal.join("\n"));
}

#[test]
fn keys_expire_when_they_do_in_redis() {
    let view = shop(8);
    let face = Face::of(std::slice::from_ref(&view));
    let redis = RealRedis::start("expiry");
    redis.load(&view);
    let (mut ours, mut real) = (face.connect(), redis.connect());
    let seconds = |reply: String| reply.trim().trim_start_matches(':').parse::<i64>().unwrap();
    for key in ["u:0", "u:1", "a:phone", "a:d:3"] {
        let command = format!("TTL sl:shop:{key}");
        let (here, there) = (seconds(ours.say(&command)), seconds(real.say(&command)));
        // The view's clock stands still in this test; that of Redis does not.
        assert!((here - 600..=here).contains(&there), "{command}: {here} here, {there} there");
        assert!(here > 89 * 86_400);
    }
}

#[test]
fn the_listed_differences_are_all_there_are() {
    let view = shop(120);
    let face = Face::of(std::slice::from_ref(&view));
    let redis = RealRedis::start("differences");
    redis.load(&view);
    let names = sample(&view);
    for (command, reason) in DIFFERENT {
        let (mut ours, mut real) = (face.connect(), redis.connect());
        let (got, want) = (say(&mut ours, command, &names), say(&mut real, command, &names));
        assert_ne!(got, want, "{command} is listed as different: {reason}");
    }
    // Where only the order differs, or a number that Redis alone has, the rest is still equal.
    let (mut ours, mut real) = (face.connect(), redis.connect());
    let sorted = |reply: String| {
        let mut lines: Vec<String> = reply.split("\r\n").map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(ours.say("KEYS *")), sorted(real.say("KEYS *")));
    assert_eq!(format!(":{}\r\n", all_keys(&view).len()), real.say("DBSIZE"));
    let stream = |reply: String| -> Vec<String> {
        let mut lines = reply.split("\r\n").map(str::to_owned).collect::<Vec<_>>();
        // The two counts after the length belong to the radix tree.
        lines.drain(4..10);
        lines
    };
    for command in ["XINFO STREAM sl:shop:changes", "XINFO STREAM sl:shop:changes FULL"] {
        assert_eq!(stream(ours.say(command)), stream(real.say(command)), "{command}");
    }
}

#[test]
fn a_write_is_refused_as_a_replica_refuses_it() {
    let face = Face::of(&[shop(2)]);
    let mut wire = face.connect();
    for command in
        ["SET a b", "del sl:shop:u:0", "FLUSHALL", "XADD s * a b", "HSET sl:shop:u:0 v 1"]
    {
        let want = "-READONLY You can't write against a read only replica.\r\n";
        assert_eq!(wire.say(command), want, "{command}");
    }
    assert_eq!(wire.say("EXISTS sl:shop:u:0"), ":1\r\n");
}
