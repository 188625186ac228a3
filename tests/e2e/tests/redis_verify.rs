//! Whatever differs between Redis and what is shown is named, and a rebuild mends all of it.
use serde_json::Value;
use sillage_e2e::{Collector, Http, Project, RedisServer, Reply, Resp, binary, now_ms, until};
use std::fmt::Write as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

const RULES: &str = r#"
[[project.segment]]
key = "viewers"
when = 'count("Product Viewed" within 7d) >= 2'
[[project.segment]]
key = "buyers"
when = 'exists("Order Completed")'
"#;

const PERSONS: u64 = 300;

/// Two views of every person, each on a device of its own; every third has bought.
fn feed(http: &mut Http, round: u64) {
    let at = now_ms();
    for first in (0..PERSONS).step_by(100) {
        let mut body = String::from("{\"batch\":[");
        for person in first..first + 100 {
            let who = format!(
                "\"userId\":\"p{person}\",\"anonymousId\":\"d{person}\",\"timestamp\":{at}"
            );
            let mut event = |number: u64, kind: &str, name: &str| {
                let id = format!("{round}-{number}-{person}");
                let comma = if body.ends_with('[') { "" } else { "," };
                write!(
                    body,
                    "{comma}{{\"type\":\"{kind}\",\"event\":\"{name}\",\"messageId\":\"{id}\",{who}}}"
                )
                .expect("a string takes all");
            };
            event(0, "identify", "");
            event(1, "track", "Product Viewed");
            event(2, "track", if person % 3 == 0 { "Order Completed" } else { "Product Viewed" });
        }
        body.push_str("]}");
        let answer = http.batch(&body).expect("it answers");
        assert_eq!(answer.status, 200, "{}", answer.json());
    }
}

/// Runs `sillage redis …`; whether it succeeded, and what it printed.
fn sillage(collector: &Collector, words: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(binary())
        .args(["redis"])
        .args(words)
        .arg("--config")
        .arg(collector.config())
        .output()
        .expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn report(collector: &Collector, task: &str) -> (Option<i32>, Value) {
    let (code, said, complained) = sillage(collector, &[task, "--json"]);
    let answer: Value = serde_json::from_str(&said)
        .unwrap_or_else(|error| panic!("{error}: {said}{complained}{}", collector.log()));
    let run = &answer["run"];
    let found = if run["state"] == "done" { &run["report"] } else { run };
    (code, found.clone())
}

fn key(rest: &str) -> String {
    format!("sl:{}:{rest}", Project::NAME)
}

/// The sorted set that lists this member.
fn set_of(redis: &mut Resp, segment: &str, member: &str) -> String {
    let sets = (0..16).map(|shard| key(&format!("seg:{segment}:{shard}")));
    let mut found = sets.filter(|set| redis.ask(&["ZSCORE", set, member]) != Reply::Bulk(None));
    found.next().unwrap_or_else(|| panic!("{member} is listed in {segment}"))
}

/// Breaks one thing of each kind; what is to be found, as kind and key.
fn tamper(redis: &mut Resp) -> Vec<(&'static str, String)> {
    let profile = |n: u64| key(&format!("u:p{n}"));
    let lost = set_of(redis, "viewers", "u:p4");
    let moved = set_of(redis, "viewers", "u:p5");
    let broken = set_of(redis, "buyers", "u:p6");
    let (stranger, ghost) = (key("seg:viewers:0"), key("u:ghost"));
    let (gone, meta, device) = (key("seg:gone:3"), key("meta"), key("a:d10"));
    let steps: [(&[&str], &str, &str); 16] = [
        (&["HDEL", &profile(1), "seg:viewers"], "different", &profile(1)),
        (&["HSET", &profile(2), "seg:viewers", "1"], "different", &profile(2)),
        (&["ZREM", &lost, "u:p4"], "missing", &lost),
        (&["ZADD", &moved, "1", "u:p5"], "different", &moved),
        (&["ZADD", &stranger, "5", "u:nobody"], "extra", &stranger),
        (&["DEL", &profile(7)], "missing", &profile(7)),
        (&["HSET", &ghost, "v", "1"], "extra", &ghost),
        (&["HSET", &meta, "generation", "1"], "different", &meta),
        (&["HSET", &profile(8), "v", "9007199254740991"], "ahead", &profile(8)),
        (&["PERSIST", &profile(11)], "lifetime", &profile(11)),
        (&["SET", &gone, "x"], "extra", &gone),
        (&["SET", &profile(13), "no hash"], "different", &profile(13)),
        (&["HSET", &device, "foreign", "1"], "different", &device),
        (&["SET", &broken, "no set"], "different", &broken),
        (&["EXPIRE", &profile(14), "100"], "lifetime", &profile(14)),
        (&["ZADD", &stranger, "5", "u:p\u{e9}{*}"], "extra", &stranger),
    ];
    steps
        .into_iter()
        .map(|(command, kind, key)| {
            let reply = redis.ask(command);
            assert!(!matches!(reply, Reply::Error(_)), "{command:?}: {reply:?}");
            (kind, key.to_owned())
        })
        .collect()
}

#[test]
fn everything_that_differs_is_named_and_a_rebuild_mends_it() {
    let redis = RedisServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), &redis.url(), RULES);
    feed(&mut collector.http(), 0);
    collector.settle();
    let (code, clean) = report(&collector, "verify");
    assert_eq!((code, &clean["clean"]), (Some(0), &Value::Bool(true)), "{clean}");
    assert_eq!((&clean["persons"], &clean["devices"]), (&PERSONS.into(), &PERSONS.into()));
    // Two of three have two views, one of three has bought.
    assert_eq!(clean["members"], PERSONS, "{clean}");
    let mut resp = Resp::connect(redis.address);
    let expected = tamper(&mut resp);
    let (code, found) = report(&collector, "verify");
    assert_eq!(code, Some(1));
    let named = found["first"].as_array().expect("a list");
    for (kind, key) in &expected {
        let is_it = |d: &&Value| d["kind"] == *kind && d["key"] == key.as_str();
        assert!(named.iter().any(|d| is_it(&d)), "{kind} {key} in {found:#}");
    }
    assert_eq!(named.len(), expected.len(), "{found:#}");
    let (_, said, complained) = sillage(&collector, &["verify"]);
    assert!(said.contains("Redis differs: 2 missing, 4 extra, 7 different, 1 ahead"), "{said}");
    assert!(!said.contains("u:p1") && complained.contains("redis rebuild"), "{said}{complained}");
    assert!(!collector.log().contains("u:p1"), "{}", collector.log());
    assert!(sillage(&collector, &["verify", "--verbose"]).1.contains("u:p1"));
    let (code, mended) = report(&collector, "rebuild");
    assert_eq!((code, &mended["clean"]), (Some(0), &Value::Bool(true)), "{mended:#}");
    assert!(mended["mended"].as_u64() >= Some(5), "{mended}");
    assert_eq!(report(&collector, "verify").0, Some(0));
    // Whoever was mended is written as before when something happens.
    feed(&mut collector.http(), 1);
    collector.settle();
    assert_eq!(report(&collector, "verify").0, Some(0));
}

#[test]
fn without_a_collector_the_data_folder_is_the_truth() {
    let redis = RedisServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let mut collector = Collector::start(folder.path(), &redis.url(), RULES);
    feed(&mut collector.http(), 0);
    collector.settle();
    assert_eq!(report(&collector, "verify").0, Some(0));
    assert!(collector.stop(), "{}", collector.log());
    let (code, clean) = report(&collector, "verify");
    assert_eq!((code, &clean["persons"]), (Some(0), &PERSONS.into()), "{clean}");
    let mut resp = Resp::connect(redis.address);
    tamper(&mut resp);
    assert_eq!(report(&collector, "verify").0, Some(1));
    // A comparison alone changes nothing.
    assert_eq!(resp.ask(&["HGET", &key("u:ghost"), "v"]), Reply::Bulk(Some("1".to_owned())));
    let (code, mended) = report(&collector, "rebuild");
    assert_eq!((code, &mended["clean"]), (Some(0), &Value::Bool(true)), "{mended:#}");
    assert_eq!(report(&collector, "verify").0, Some(0));
    let (code, _, complained) = sillage(&collector, &["verify", "--project", "none"]);
    assert!(code == Some(1) && complained.contains("no project is called none"), "{complained}");
    assert_eq!(sillage(&collector, &["verify", "--frob"]).0, Some(2));
    drop(redis);
    let (code, _, complained) = sillage(&collector, &["verify"]);
    assert!(code == Some(1) && complained.contains("Redis failed"), "{complained}");
}

#[test]
fn a_comparison_under_load_finds_nothing_that_is_not_there() {
    let redis = RedisServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), &redis.url(), RULES);
    feed(&mut collector.http(), 0);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut http = collector.http();
            for round in 1.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                feed(&mut http, round);
            }
        });
        // Also when it fails: nobody would end the load else.
        let compared = std::panic::catch_unwind(|| {
            for _ in 0..8 {
                let (code, found) = report(&collector, "verify");
                assert_eq!(code, Some(0), "{found:#}");
            }
        });
        over.store(true, Ordering::Relaxed);
        compared.expect("no difference");
    });
}

#[test]
fn only_an_admin_may_ask_and_everybody_who_reads_sees_how_redis_is() {
    let mut redis = RedisServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), &redis.url(), RULES);
    feed(&mut collector.http(), 0);
    collector.settle();
    let mut http = collector.http();
    assert_eq!(http.get("/v1/redis", Project::READ_TOKEN).status, 403);
    assert_eq!(http.admin("GET", "/v1/redis/verify", "").status, 405);
    assert_eq!(http.admin("GET", "/v1/redis", "").json()["run"], Value::Null);
    let begun = http.admin("POST", "/v1/redis/verify", "");
    assert_eq!((begun.status, begun.header("location")), (202, "/v1/redis"));
    let done = until("the comparison", || {
        let answer = http.admin("GET", "/v1/redis", "").json();
        (answer["run"]["state"] == "done").then_some(answer)
    });
    assert_eq!(done["run"]["report"]["clean"], true, "{done:#}");
    let summary = |http: &mut Http| http.get("/v1/summary", Project::READ_TOKEN).json();
    let calm = summary(&mut http)["redis"].clone();
    assert_eq!(calm, serde_json::json!({"connected":true,"filled":true,"lag_ms":0,"dirty":0}));
    redis.kill();
    feed(&mut http, 1);
    let lag = until("the lag to grow", || {
        let redis = summary(&mut http)["redis"].clone();
        (redis["lag_ms"].as_u64() > Some(1_000)).then_some(redis)
    });
    assert_eq!((&lag["connected"], &lag["filled"]), (&false.into(), &false.into()), "{lag}");
    assert!((1..=2 * PERSONS).contains(&lag["dirty"].as_u64().expect("a count")), "{lag}");
    let metrics = String::from_utf8(http.get("/metrics", "").body).expect("UTF-8");
    let number = |name: &str| -> u64 {
        let start = format!("sillage_{name}{{project=\"shop\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&start));
        line.and_then(|rest| rest.parse().ok()).unwrap_or_else(|| panic!("{name}: {metrics}"))
    };
    assert_eq!((number("redis_connected"), number("redis_filled")), (0, 0));
    assert!(number("redis_lag_ms") > 1_000 && number("redis_dirty_persons") > 0, "{metrics}");
    assert!(number("redis_writes_total") >= PERSONS && number("redis_outages_total") > 0);
    assert_eq!(number("redis_refills_total"), 1);
    let why = "sillage_redis_trouble{project=\"shop\",trouble=\"unreachable\"} 1";
    assert!(metrics.contains(why), "{metrics}");
    let wrong = http.admin("GET", "/v1/redis", "").json()["redis"].clone();
    assert_eq!((&wrong["trouble"], &wrong["topology"]), (&"unreachable".into(), &"single".into()));
    redis.restart();
    until("Redis to be filled again", || {
        let redis = summary(&mut http)["redis"].clone();
        (redis["filled"] == true && redis["dirty"] == 0 && redis["lag_ms"] == 0).then_some(())
    });
    assert_eq!(report(&collector, "verify").0, Some(0));
}
