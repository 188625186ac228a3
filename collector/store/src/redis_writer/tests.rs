//! Against a real `redis-server`, which each test starts for itself.
mod cluster;
use super::link::Link;
use super::*;
use crate::keys::Key;
use crate::limits::{PROFILE_TTL_MS, REDIS_BATCH_PERSONS};
use crate::sample::{self, NOW, membership, person};
use crate::{Order, Shown, StreamId, Ttl, ViewConfig};
use sillage_model::{
    EventTime, MapWriter, PersonKey, Profile, SegmentChange, SegmentIndex, Transition, Value,
};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

const HOT: SegmentIndex = SegmentIndex(0);
const VIP: SegmentIndex = SegmentIndex(1);

/// A server on a socket of its own, ended with its handle.
struct Server {
    child: Child,
    dir: tempfile::TempDir,
    kept: &'static str,
    /// Held open, so that the server can go on printing.
    _output: BufReader<ChildStdout>,
}

impl Server {
    fn start() -> Self {
        Self::start_keeping("no")
    }

    /// `kept` is `yes` for a server that has its data again after a restart.
    fn start_keeping(kept: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (child, output) = launch(dir.path(), kept);
        Self { child, dir, kept, _output: output }
    }

    /// As the kernel's out-of-memory killer would.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start_again(&mut self) {
        (self.child, self._output) = launch(self.dir.path(), self.kept);
    }

    fn url(&self) -> String {
        format!("redis+unix://{}", self.dir.path().join("redis.sock").display())
    }

    fn writer(&self, view: &Arc<View>) -> RedisWriter {
        RedisWriter::spawn(address(&self.url()), Shown::new(Arc::clone(view)), || true)
    }

    async fn client(&self) -> Link {
        Link::open(&address(&self.url()), Arc::from([])).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn address(url: &str) -> RedisAddress {
    RedisAddress::parse(url, RedisTls::default()).unwrap()
}

fn launch(dir: &Path, kept: &str) -> (Child, BufReader<ChildStdout>) {
    let socket = ["--port", "0", "--unixsocket", "redis.sock", "--save", "", "--appendonly", kept];
    launch_with(dir, &[&socket[..], &["--appendfsync", "always"]].concat())
}

fn launch_with(dir: &Path, options: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new("redis-server")
        .args(options)
        .current_dir(dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("these tests need redis-server (package redis-server) in the path: {error}")
        });
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.to_ascii_lowercase().contains("ready to accept connections") {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "redis-server ended while starting");
    }
    (child, output)
}

fn transition(segment: SegmentIndex, change: SegmentChange, at: i64) -> Transition {
    Transition { segment, change, at: EventTime(at) }
}

fn with_segments(mut profile: Profile, segments: &[(u16, i64)]) -> Profile {
    profile.segments = segments.iter().map(|&(s, at)| membership(s, at)).collect();
    profile
}

fn with_devices(mut profile: Profile, devices: &[&str]) -> Profile {
    profile.devices = devices.iter().map(|&device| device.into()).collect();
    profile
}

async fn ask<T: redis::FromRedisValue>(redis: &mut Link, words: &[&str]) -> T {
    let (name, args) = words.split_first().unwrap();
    redis.ask(redis::cmd(name).arg(args).take()).await.unwrap()
}

async fn stream(redis: &mut Link) -> Vec<Vec<(String, String)>> {
    let entries: Vec<(String, Vec<(String, String)>)> =
        ask(redis, &["XRANGE", "sl:shop:changes", "-", "+"]).await;
    entries.into_iter().map(|(_, fields)| fields).collect()
}

fn published(view: &View) -> Vec<Vec<(String, String)>> {
    let all = view.changes().range(StreamId::MIN, StreamId::MAX, usize::MAX);
    let owned = |change| view.change_fields(change).map(|(f, v)| (f.to_owned(), v)).to_vec();
    all.iter().map(owned).collect()
}

/// Every key of the view is in Redis with the same content, and Redis has no other.
async fn assert_equal(view: &View, redis: &mut Link) {
    let mut expected = Vec::new();
    let mut cursor = 0;
    loop {
        let page = view.scan(cursor, 1_000);
        expected.extend(page.keys);
        cursor = page.cursor;
        if cursor == 0 {
            break;
        }
    }
    let mut keys = Vec::new();
    for server in redis.primaries() {
        let found: Vec<String> = redis.ask_at(server, redis::cmd("KEYS").arg("*")).await.unwrap();
        keys.extend(found);
    }
    expected.retain(|key| !key.ends_with(":changes"));
    let own = [":changes", ":fence:", ":mark:"];
    keys.retain(|key| !own.iter().any(|part| key.contains(part)));
    keys.sort();
    expected.sort();
    assert_eq!(keys, expected);
    for name in &expected {
        match view.key(name).unwrap() {
            key @ Key::Profile(_) => {
                let fields: Vec<(String, String)> = ask(redis, &["HGETALL", name]).await;
                assert_eq!(Some(fields), view.hash(&key), "{name}");
                let ttl: i64 = ask(redis, &["TTL", name]).await;
                let Ttl::Seconds(expected) = view.ttl(&key) else { panic!("{name} expires") };
                assert!((expected - 60..=expected).contains(&ttl), "{name}: {ttl} of {expected}");
            }
            Key::Segment(segment, shard) => {
                let command = ["ZRANGE", name, "0", "-1", "WITHSCORES"];
                let members: Vec<(String, i64)> = ask(redis, &command).await;
                let listed = view.zrange(segment, shard, (0, -1), Order::Ascending);
                let listed: Vec<(String, i64)> =
                    listed.into_iter().map(|m| (m.member.into(), m.entered_at)).collect();
                assert_eq!(members, listed, "{name}");
            }
            Key::Meta => {
                let fields: Vec<(String, String)> = ask(redis, &["HGETALL", name]).await;
                for field in view.hash(&Key::Meta).unwrap() {
                    assert!(fields.contains(&field), "{field:?} in {fields:?}");
                }
            }
            Key::Changes => unreachable!("left out above"),
        }
    }
}

/// Some of everything: persons with devices and traits, devices alone, several segments.
fn populate(view: &View, count: i64) {
    for n in 0..count {
        let segments: &[(u16, i64)] = match n % 3 {
            0 => &[],
            1 => &[(0, 1_000)],
            _ => &[(0, 1_001), (2, 1_002)],
        };
        let member = if n % 5 == 0 { format!("a:d{n}") } else { format!("u:{n}") };
        let mut profile = with_segments(person(&member, 1), segments);
        if n % 5 == 1 {
            profile.devices = vec![format!("d{n}a").into(), format!("d{n}é").into()];
        }
        let traits =
            MapWriter::new().with("plan", Value::Str("or «é»\n")).with("age", Value::Int(n));
        profile.traits = traits.into_bytes().into();
        view.publish(profile, &[], NOW);
    }
}

#[tokio::test]
async fn redis_holds_the_same_keys_as_the_view() {
    let server = Server::start();
    let view = sample::view();
    populate(&view, 2 * i64::try_from(REDIS_BATCH_PERSONS).unwrap());
    let writer = server.writer(&view);
    writer.settled().await;
    let mut redis = server.client().await;
    assert_equal(&view, &mut redis).await;
    for member in ["u:1", "u:2", "a:d5", "u:6"] {
        let shown = view.member(member).unwrap();
        let mut profile = with_segments((*shown).clone(), &[(1, 7)]);
        profile.version = 2;
        view.publish(profile, &[], NOW);
    }
    writer.settled().await;
    assert_equal(&view, &mut redis).await;
}

#[tokio::test]
async fn writing_everything_again_changes_nothing() {
    let server = Server::start();
    let view = sample::view();
    populate(&view, 50);
    let writer = server.writer(&view);
    writer.settled().await;
    let mut redis = server.client().await;
    let changes = stream(&mut redis).await;
    writer.rebuild();
    writer.settled().await;
    assert_equal(&view, &mut redis).await;
    assert_eq!(stream(&mut redis).await, changes);
    writer.shutdown().await;
    let again = server.writer(&view);
    again.settled().await;
    let stats = again.stats();
    // The links of the devices have no version; to take them off the lists twice is harmless.
    assert_eq!((stats.refused, stats.writes), (50, 20));
    assert_equal(&view, &mut redis).await;
    assert_eq!(stream(&mut redis).await, changes);
}

#[tokio::test]
async fn a_rebuild_repairs_what_others_have_broken() {
    let server = Server::start();
    let view = sample::view();
    populate(&view, 50);
    let writer = server.writer(&view);
    writer.settled().await;
    let mut redis = server.client().await;
    for shard in 0..16 {
        let key = format!("sl:shop:seg:hot-cart:{shard}");
        let () = ask(&mut redis, &["DEL", &key]).await;
    }
    let () = ask(&mut redis, &["ZADD", "sl:shop:seg:vip:3", "1", "u:2"]).await;
    let () = ask(&mut redis, &["DEL", "sl:shop:u:1"]).await;
    let () = ask(&mut redis, &["HSET", "sl:shop:u:2", "foreign", "1"]).await;
    writer.rebuild();
    writer.settled().await;
    let () = ask(&mut redis, &["ZREM", "sl:shop:seg:vip:3", "u:2"]).await;
    assert_equal(&view, &mut redis).await;
}

#[tokio::test]
async fn a_lower_version_never_overwrites_a_higher_one() {
    let server = Server::start();
    // Above 2^53 a float cannot tell neighbours apart.
    let high = (1 << 60) + 1;
    let newer = sample::view();
    newer.publish(with_segments(person("u:1", high), &[(1, 5)]), &[], NOW);
    newer.publish(person("u:2", 9), &[], NOW);
    let writer = server.writer(&newer);
    writer.settled().await;
    writer.shutdown().await;
    let older = sample::view();
    older.publish(person("u:1", high - 1), &[], NOW);
    older.publish(person("u:2", 10), &[], NOW);
    let writer = server.writer(&older);
    writer.settled().await;
    assert_eq!((writer.stats().refused, writer.stats().writes), (1, 1));
    writer.rebuild();
    writer.settled().await;
    let mut redis = server.client().await;
    let versions = (
        ask::<String>(&mut redis, &["HGET", "sl:shop:u:1", "v"]).await,
        ask::<String>(&mut redis, &["HGET", "sl:shop:u:2", "v"]).await,
        ask::<Option<String>>(&mut redis, &["HGET", "sl:shop:u:1", "seg:vip"]).await,
    );
    assert_eq!(versions, (high.to_string(), "10".to_owned(), Some("5".to_owned())));
}

/// Memberships and what led to them.
type Step<'a> = (&'a [(u16, i64)], &'a [Transition]);

#[tokio::test]
async fn the_stream_tells_who_came_and_who_left_and_when() {
    let server = Server::start();
    let view = sample::view();
    let writer = server.writer(&view);
    let steps: [Step<'_>; 3] = [
        (
            &[(0, 10), (1, 11)],
            &[transition(HOT, SegmentChange::Enter, 10), transition(VIP, SegmentChange::Enter, 11)],
        ),
        (&[(1, 11)], &[transition(HOT, SegmentChange::Exit, 20)]),
        (&[(1, 11)], &[]),
    ];
    for (version, (segments, transitions)) in (1..).zip(steps) {
        view.publish(with_segments(person("u:1", version), segments), transitions, NOW);
        writer.settled().await;
    }
    let mut redis = server.client().await;
    assert_eq!(stream(&mut redis).await, published(&view));
    writer.shutdown().await;
    // Out and in again while nobody was writing; then out by a deadline nobody told of.
    let out = [transition(VIP, SegmentChange::Exit, 30)];
    view.publish(with_segments(person("u:1", 4), &[]), &out, NOW);
    let back = [transition(VIP, SegmentChange::Enter, 40)];
    view.publish(with_segments(person("u:1", 5), &[(1, 40)]), &back, NOW);
    let writer = server.writer(&view);
    writer.settled().await;
    view.publish(with_segments(person("u:1", 6), &[]), &[], NOW);
    writer.settled().await;
    let told: Vec<String> = stream(&mut redis).await[3..]
        .iter()
        .map(|fields| fields.iter().skip(1).map(|(_, v)| v.as_str()).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(told, ["vip exit 30 5", "vip enter 40 5", "vip exit 1700000000300 6"]);
}

#[tokio::test]
async fn a_linked_device_moves_into_its_person_without_a_change() {
    let server = Server::start();
    let view = sample::view();
    let writer = server.writer(&view);
    view.publish(person("a:d", 9), &[], NOW);
    view.publish(with_segments(person("u:1", 1), &[]), &[], NOW);
    writer.settled().await;
    let mut redis = server.client().await;
    let before = stream(&mut redis).await;
    view.publish_tombstone(&PersonKey::device("d"), &PersonKey::user("1"));
    view.publish(with_devices(with_segments(person("u:1", 2), &[]), &["d"]), &[], NOW);
    writer.settled().await;
    assert_equal(&view, &mut redis).await;
    let as_device: Vec<(String, String)> = ask(&mut redis, &["HGETALL", "sl:shop:a:d"]).await;
    let as_user: Vec<(String, String)> = ask(&mut redis, &["HGETALL", "sl:shop:u:1"]).await;
    assert_eq!(as_device, as_user);
    assert_eq!(stream(&mut redis).await, before);
}

#[tokio::test]
async fn a_redis_that_restarts_empty_is_refilled_without_being_asked() {
    let mut server = Server::start();
    let view = sample::view();
    populate(&view, 600);
    let writer = server.writer(&view);
    writer.settled().await;
    server.kill();
    writer.wait_until(|stats| !stats.connected).await;
    server.start_again();
    writer.settled().await;
    assert_equal(&view, &mut server.client().await).await;
    assert_eq!(writer.stats().refills, 2);
}

#[tokio::test]
async fn a_redis_that_was_flushed_is_refilled_without_being_asked() {
    let server = Server::start();
    let view = sample::view();
    populate(&view, 600);
    let writer = server.writer(&view);
    writer.settled().await;
    let mut redis = server.client().await;
    let () = ask(&mut redis, &["FLUSHALL"]).await;
    writer.wait_until(|stats| stats.refills == 2 && stats.filled).await;
    assert_equal(&view, &mut redis).await;
    assert_eq!(writer.stats().outages, 0);
}

#[tokio::test]
async fn an_outage_of_any_length_costs_one_write_per_changed_person() {
    let mut server = Server::start_keeping("yes");
    let view = sample::view();
    for n in 0..100 {
        view.publish(person(&format!("u:{n}"), 1), &[], NOW);
    }
    let writer = server.writer(&view);
    writer.settled().await;
    let before = writer.stats().writes;
    server.kill();
    writer.wait_until(|stats| !stats.connected).await;
    for version in 2..1_000 {
        for n in 0..3 {
            view.publish(person(&format!("u:{n}"), version), &[], NOW);
        }
    }
    assert_eq!(writer.stats().dirty, 3);
    server.start_again();
    writer.settled().await;
    assert_equal(&view, &mut server.client().await).await;
    // Another run of the server may hold less, so the others are offered, and refused as known.
    assert_eq!((writer.stats().writes - before, writer.stats().refused), (3, 97));
}

#[tokio::test]
async fn a_redis_that_does_not_answer_is_left_and_tried_again() {
    let server = Server::start();
    let view = sample::view();
    let writer = server.writer(&view);
    view.publish(person("u:1", 1), &[], NOW);
    writer.settled().await;
    let mut redis = server.client().await;
    let () = ask(&mut redis, &["CLIENT", "PAUSE", "600000", "WRITE"]).await;
    view.publish(person("u:1", 2), &[], NOW);
    writer.wait_until(|stats| stats.outages > 0).await;
    view.publish(person("u:1", 3), &[], NOW);
    let () = ask(&mut redis, &["CLIENT", "UNPAUSE"]).await;
    writer.settled().await;
    assert_equal(&view, &mut redis).await;
    assert!(writer.stats().retries > 0);
}

#[tokio::test]
async fn the_lag_is_the_age_of_the_oldest_change_also_while_it_is_on_its_way() {
    let server = Server::start();
    let view = sample::view();
    let writer = server.writer(&view);
    writer.settled().await;
    assert_eq!(writer.stats().lag_ms, 0);
    let mut redis = server.client().await;
    let () = ask(&mut redis, &["CLIENT", "PAUSE", "600000", "WRITE"]).await;
    view.publish(person("u:1", 1), &[], NOW - 5_000);
    while view.dirty_count() > 0 {
        tokio::task::yield_now().await;
    }
    // Taken, and not answered.
    assert_eq!((writer.stats().lag_ms, writer.stats().retries), (5_000, 0));
    view.publish(person("u:1", 2), &[], NOW - 3_000);
    view.publish(person("u:2", 1), &[], NOW - 2_000);
    writer.wait_until(|stats| stats.outages > 0).await;
    assert_eq!((writer.stats().lag_ms, writer.stats().dirty), (5_000, 2));
    let () = ask(&mut redis, &["CLIENT", "UNPAUSE"]).await;
    writer.settled().await;
    assert_eq!(writer.stats().lag_ms, 0);
}

#[tokio::test]
async fn a_lost_script_is_loaded_again() {
    let server = Server::start();
    let view = sample::view();
    let writer = server.writer(&view);
    writer.settled().await;
    let mut redis = server.client().await;
    let () = ask(&mut redis, &["SCRIPT", "FLUSH"]).await;
    view.publish(person("u:1", 1), &[], NOW);
    writer.settled().await;
    assert_equal(&view, &mut redis).await;
    assert_eq!(writer.stats().outages, 0);
}

#[tokio::test]
async fn a_full_redis_keeps_what_it_has_and_takes_the_rest_later() {
    let server = Server::start();
    let view = sample::view();
    let writer = server.writer(&view);
    view.publish(person("u:1", 1), &[], NOW);
    writer.settled().await;
    let mut redis = server.client().await;
    let before: Vec<(String, String)> = ask(&mut redis, &["HGETALL", "sl:shop:u:1"]).await;
    let () = ask(&mut redis, &["CONFIG", "SET", "maxmemory", "1"]).await;
    view.publish(with_segments(person("u:1", 2), &[(0, 1_700_000_000_100), (1, 5)]), &[], NOW);
    writer.wait_until(|stats| stats.outages > 1).await;
    let during: Vec<(String, String)> = ask(&mut redis, &["HGETALL", "sl:shop:u:1"]).await;
    assert_eq!(during, before);
    let () = ask(&mut redis, &["CONFIG", "SET", "maxmemory", "0"]).await;
    writer.settled().await;
    assert_equal(&view, &mut redis).await;
}

#[tokio::test]
async fn one_person_that_cannot_be_written_holds_up_nobody() {
    let server = Server::start();
    let view = sample::view();
    let mut redis = server.client().await;
    let () = ask(&mut redis, &["SET", "sl:shop:u:1", "not a hash"]).await;
    let writer = server.writer(&view);
    writer.wait_until(|stats| stats.filled).await;
    for n in 0..50 {
        view.publish(person(&format!("u:{n}"), 1), &[], NOW);
    }
    writer.wait_until(|stats| stats.writes == 49).await;
    assert_eq!(writer.stats().dirty, 1);
    let () = ask(&mut redis, &["DEL", "sl:shop:u:1"]).await;
    writer.settled().await;
    assert_equal(&view, &mut redis).await;
}

#[tokio::test]
async fn an_expired_person_has_no_hash_and_still_leaves_properly() {
    let server = Server::start();
    let view = sample::view();
    let writer = server.writer(&view);
    let expired = |version, segments| {
        let mut profile = with_devices(with_segments(person("u:1", version), segments), &["d"]);
        profile.session.as_mut().unwrap().last = EventTime(NOW - PROFILE_TTL_MS);
        profile
    };
    view.publish(with_devices(person("u:1", 1), &["d"]), &[], NOW);
    writer.settled().await;
    view.publish(expired(2, &[(0, 1_700_000_000_100)]), &[], NOW);
    writer.settled().await;
    let mut redis = server.client().await;
    assert_equal(&view, &mut redis).await;
    assert!(!view.exists(&Key::Profile("u:1")));
    view.publish(expired(3, &[]), &[transition(HOT, SegmentChange::Exit, 77)], NOW);
    writer.settled().await;
    assert_equal(&view, &mut redis).await;
    let last = stream(&mut redis).await.pop().unwrap();
    let exit =
        [("id", "u:1"), ("segment", "hot-cart"), ("change", "exit"), ("at", "77"), ("v", "3")];
    assert_eq!(last, exit.map(|(f, v)| (f.to_owned(), v.to_owned())));
}

#[tokio::test]
async fn a_segment_that_is_no_longer_defined_is_left() {
    let server = Server::start();
    let before = sample::view();
    before.publish(with_segments(person("u:1", 1), &[(0, 10), (2, 12)]), &[], NOW);
    let writer = server.writer(&before);
    writer.settled().await;
    writer.shutdown().await;
    let after = View::new(ViewConfig {
        project: "shop".to_owned(),
        segments: sample::segments()[..1].to_vec(),
        scores: vec!["engagement".to_owned()],
        traits_shown: sample::traits_shown(),
        half_life_ms: 1,
        digest: 2,
        generation: 2,
        clock: Arc::new(|| NOW),
    });
    after.publish(with_segments(person("u:1", 1 << 33), &[(0, 10)]), &[], NOW);
    let writer = server.writer(&after);
    writer.settled().await;
    assert_equal(&after, &mut server.client().await).await;
}

#[tokio::test]
async fn more_fields_than_a_script_can_pass_at_once_are_written() {
    let server = Server::start();
    let names: Vec<String> = (0..5_000).map(|n| format!("t{n}")).collect();
    let mut traits = MapWriter::new();
    for name in &names {
        traits.push(name, Value::Bool(true));
    }
    let view = View::new(ViewConfig {
        project: "shop".to_owned(),
        segments: sample::segments(),
        scores: vec!["engagement".to_owned()],
        traits_shown: names,
        half_life_ms: 1,
        digest: 2,
        generation: 2,
        clock: Arc::new(|| NOW),
    });
    let mut profile = person("u:1", 1);
    profile.traits = traits.into_bytes().into();
    view.publish(profile, &[], NOW);
    let writer = server.writer(&view);
    writer.settled().await;
    let mut redis = server.client().await;
    let mut fields: Vec<(String, String)> = ask(&mut redis, &["HGETALL", "sl:shop:u:1"]).await;
    let mut expected = view.hash(&Key::Profile("u:1")).unwrap();
    fields.sort();
    expected.sort();
    assert_eq!(fields, expected);
}

#[tokio::test]
async fn a_stopping_writer_writes_what_is_changed() {
    let server = Server::start();
    let view = sample::view();
    let writer = server.writer(&view);
    writer.settled().await;
    for n in 0..2_000 {
        view.publish(person(&format!("u:{n}"), 1), &[], NOW);
    }
    writer.shutdown().await;
    assert_equal(&view, &mut server.client().await).await;
}

#[tokio::test]
async fn a_writer_without_a_redis_stops_at_once() {
    let nowhere = tempfile::tempdir().unwrap();
    let url = format!("redis+unix://{}", nowhere.path().join("none.sock").display());
    let writer = RedisWriter::spawn(address(&url), Shown::new(sample::view()), || true);
    writer.wait_until(|stats| stats.outages > 0).await;
    writer.shutdown().await;
}

#[test]
fn pauses_grow_to_their_bound() {
    let mut pause = Pause::new();
    assert!(pause.is_first());
    let pauses: Vec<u128> = (0..10).map(|_| pause.next().as_millis()).collect();
    assert!((50..=100).contains(&pauses[0]), "{pauses:?}");
    assert!((2_500..=5_000).contains(&pauses[9]), "{pauses:?}");
    pause.reset();
    assert!(pause.is_first());
}
