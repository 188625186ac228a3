//! Whether a real Redis holds what the collector shows, and whether versions only ever rise there.
use crate::{Collector, Http, Project, RedisServer, Reply, Resp, now_ms, until};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Somewhere with Redis keys.
pub trait Keys {
    /// Asks where the key is; `None` if nobody answers.
    fn ask(&self, words: &[&str]) -> Option<Reply>;
    /// The servers that have keys.
    fn servers(&self) -> Vec<SocketAddr>;
    /// Asks one of them.
    fn ask_one(&self, server: SocketAddr, words: &[&str]) -> Option<Reply>;
}

impl Keys for RedisServer {
    fn ask(&self, words: &[&str]) -> Option<Reply> {
        self.ask_one(self.address, words)
    }

    fn servers(&self) -> Vec<SocketAddr> {
        vec![self.address]
    }

    fn ask_one(&self, server: SocketAddr, words: &[&str]) -> Option<Reply> {
        Resp::try_connect(server)?.patient_for(Duration::from_secs(2)).try_ask(words)
    }
}

/// Persons that do something now and then: some of everything that ends up in Redis.
#[derive(Debug, Default)]
pub struct Crowd {
    rounds: AtomicU64,
}

impl Crowd {
    /// Segments that are entered by number, by a single event, and left by time alone.
    pub const RULES: &str = r#"
[[project.segment]]
key = "viewers"
when = 'count("Product Viewed" within 7d) >= 2'
[[project.segment]]
key = "buyers"
when = 'exists("Order Completed")'
[[project.segment]]
key = "recent"
when = 'exists("Product Viewed" within 2s)'
"#;
    /// Users that the crowd has; each with a device, and as many devices without a user.
    pub const USERS: u64 = 40;

    /// Sends one event or more of each; false if the collector did not take them all.
    pub fn act(&self, http: SocketAddr) -> bool {
        let (round, at) = (self.rounds.fetch_add(1, Ordering::Relaxed), now_ms());
        let mut events = Vec::new();
        for n in 0..Self::USERS {
            let event =
                if (n + round).is_multiple_of(3) { "Order Completed" } else { "Product Viewed" };
            events.push(format!(
                r#"{{"type":"track","event":"{event}","anonymousId":"d{n}","messageId":"t{n}-{round}","timestamp":{at}}}"#
            ));
            events.push(format!(
                r#"{{"type":"track","event":"Product Viewed","anonymousId":"x{n}","messageId":"x{n}-{round}","timestamp":{at}}}"#
            ));
            if round % Self::USERS == n || round == 1 {
                events.push(format!(
                    r#"{{"type":"identify","userId":"{n}","anonymousId":"d{n}","messageId":"i{n}-{round}","timestamp":{at}}}"#
                ));
            }
        }
        let (count, body) = (events.len(), format!(r#"{{"batch":[{}]}}"#, events.join(",")));
        let answer = Http::try_connect(http).and_then(|mut http| http.batch(&body));
        answer.is_some_and(|answer| answer.status == 200 && answer.json()["accepted"] == count)
    }
}

/// All keys that the collector shows but the change stream.
fn shown(face: &mut Resp) -> BTreeSet<String> {
    let (mut keys, mut cursor) = (BTreeSet::new(), "0".to_owned());
    loop {
        let page = face.ask(&["SCAN", &cursor, "COUNT", "1000"]).items();
        let [next, found] = <[Reply; 2]>::try_from(page).expect("a cursor and keys");
        keys.extend(found.items().into_iter().map(Reply::text));
        cursor = next.text();
        if cursor == "0" {
            keys.retain(|key| !key.ends_with(":changes"));
            return keys;
        }
    }
}

fn held(redis: &impl Keys) -> Option<BTreeSet<String>> {
    let mut keys = BTreeSet::new();
    for server in redis.servers() {
        let Reply::Array(found) = redis.ask_one(server, &["KEYS", "sl:*"])? else { return None };
        keys.extend(found.into_iter().map(Reply::text));
    }
    // What the writer keeps for itself in a cluster.
    let own = [":changes", ":fence:", ":mark:"];
    keys.retain(|key| !own.iter().any(|part| key.contains(part)));
    Some(keys)
}

/// What is not the same in the collector's own face and in Redis; `None` if Redis does not answer.
pub fn differences(collector: &Collector, redis: &impl Keys) -> Option<Vec<String>> {
    let mut face = collector.resp();
    let (ours, theirs) = (shown(&mut face), held(redis)?);
    let mut differ: Vec<String> = ours.symmetric_difference(&theirs).cloned().collect();
    for key in ours.intersection(&theirs).filter(|key| !key.ends_with(":meta")) {
        let words = match key.contains(":seg:") {
            true => vec!["ZRANGE", key, "0", "-1", "WITHSCORES"],
            false => vec!["HGETALL", key],
        };
        let pairs = |reply: Reply| {
            let Reply::Array(items) = reply else { return None };
            let texts: Vec<String> = items.into_iter().map(Reply::text).collect();
            let pairs = texts.chunks(2).map(<[String]>::to_vec);
            Some(pairs.collect::<BTreeSet<_>>())
        };
        let (ours, theirs) = (pairs(face.ask(&words)), pairs(redis.ask(&words)?));
        if ours != theirs {
            differ.push(format!("{key}: {ours:?} is {theirs:?}"));
        }
    }
    Some(differ)
}

/// Waits until Redis holds what the collector shows.
///
/// # Panics
/// If it never does; says what differs.
pub fn until_mirrored(collector: &Collector, redis: &impl Keys) {
    collector.settle();
    let started = std::time::Instant::now();
    loop {
        let found = differences(collector, redis);
        if found.as_ref().is_some_and(Vec::is_empty) {
            return;
        }
        let log = collector.log();
        assert!(started.elapsed().as_secs() < 60, "after 60 s: {found:#?}\n{log}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Reads the versions of the crowd over and over, and remembers any that went back.
#[derive(Debug)]
pub struct Watcher {
    shared: Arc<Watched>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Watched {
    stop: AtomicBool,
    reads: AtomicU64,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    highest: BTreeMap<String, u64>,
    wrong: Vec<String>,
}

impl Watcher {
    /// Starts watching, wherever the keys are.
    #[must_use]
    pub fn start(redis: Arc<impl Keys + Send + Sync + 'static>) -> Self {
        let shared = Arc::new(Watched::default());
        let ours = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            while !ours.stop.load(Ordering::Relaxed) {
                ours.look(&*redis);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { shared, thread: Some(thread) }
    }

    /// From here on other data count: Redis has lost some, by no fault of who writes.
    ///
    /// # Panics
    /// If the watching thread failed.
    pub fn forget(&self) {
        self.shared.seen.lock().expect("no thread failed").highest.clear();
    }

    /// Ends watching; how many versions were read.
    ///
    /// # Panics
    /// If a version went back, or none was ever read.
    pub fn finish(mut self) -> u64 {
        self.end();
        let seen = self.shared.seen.lock().expect("no thread failed");
        assert!(seen.wrong.is_empty(), "versions went back: {:#?}", seen.wrong);
        let reads = self.shared.reads.load(Ordering::Relaxed);
        assert!(reads > 0, "nothing was watched");
        reads
    }

    fn end(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the watching thread ends");
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

impl Watched {
    fn look(&self, redis: &impl Keys) {
        for n in 0..8 {
            for member in [format!("u:{n}"), format!("a:d{n}"), format!("a:x{n}")] {
                let key = format!("sl:{}:{member}", Project::NAME);
                // The lock is held while it is asked, so that `forget` is between two readings.
                let mut seen = self.seen.lock().expect("no thread failed");
                let Some(Reply::Bulk(Some(text))) = redis.ask(&["HGET", &key, "v"]) else {
                    continue;
                };
                let version: u64 = text.parse().expect("a version is a number");
                self.reads.fetch_add(1, Ordering::Relaxed);
                let before = seen.highest.insert(key.clone(), version).unwrap_or(0);
                if version < before {
                    seen.wrong.push(format!("{key}: {version} after {before}"));
                }
            }
        }
    }
}

/// Waits until the collector has logged this.
///
/// # Panics
/// If it never does.
pub fn until_logged(collector: &Collector, text: &str) {
    until(&format!("`{text}` in the log"), || collector.log().contains(text).then_some(()));
}
