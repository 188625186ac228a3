//! Takes Redis away under load and gives it back, with somebody watching: how long until it holds
//! everything again, what that costs, and whether any version ever went back.
mod load;
mod servers;
mod watch;

pub use servers::Case;
pub use watch::Versions;

use crate::{Collector, Project, until};
use load::{Load, Stage};
use serde_json::Value;
use servers::Servers;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use watch::{Watched, key_of, watch};

/// Keys that are watched.
const WATCHED: u64 = 500;

const RULES: &str = "[[project.segment]]\nkey = \"viewers\"\n\
     when = 'count(\"Product Viewed\" within 1m) >= 3'\n\
     [[project.segment]]\nkey = \"buyers\"\nwhen = 'exists(\"Order Completed\" within 7d)'\n";

/// What is done.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// What happens to Redis.
    pub case: Case,
    /// How many persons there are.
    pub persons: u64,
    /// How long Redis is away.
    pub stop: Duration,
    /// How long the load goes on before and after.
    pub calm: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// From Redis' return until everybody was written and nothing waited longer than a second.
    pub caught_up: Duration,
    /// From Redis' return until a comparison found no difference.
    pub clean: Duration,
    /// Persons that waited to be written when Redis came back.
    pub dirty: u64,
    /// Events sent before, during and after, and the wait of 99 of 100 batches in milliseconds.
    pub waits: [(u64, f64); 3],
    /// The collector's memory before, at its highest in the outage, and after, in bytes.
    pub memory: [u64; 3],
    /// What the watcher saw.
    pub versions: Versions,
    /// Keys and members that the last comparison compared, once the load had ended.
    pub compared: (u64, u64),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, peak, after] = self.memory.map(|bytes| bytes as f64 / f64::from(1 << 20));
        let [calm, away, back] = self.waits;
        let Versions { seen, distinct, regressions, rolled_back, never_healed } = self.versions;
        writeln!(f, "caught up {:.1} s after Redis' return", self.caught_up.as_secs_f64())?;
        writeln!(f, "verify clean {:.1} s after Redis' return", self.clean.as_secs_f64())?;
        writeln!(f, "dirty at the end of the outage: {}", self.dirty)?;
        writeln!(f, "memory: {before:.1} MiB before, {peak:.1} peak in outage, {after:.1} after")?;
        for (name, (events, p99)) in [("before", calm), ("in outage", away), ("after", back)] {
            writeln!(f, "ingest {name}: {events} events, p99 of a batch {p99:.1} ms")?;
        }
        writeln!(
            f,
            "versions: {seen} read, {distinct} different, {regressions} regressions, \
             {rolled_back} rolled back by lost data, {never_healed} never healed"
        )?;
        let (keys, members) = self.compared;
        write!(f, "at the end: {keys} keys and {members} members compared, all equal")
    }
}

/// Does it.
///
/// # Panics
/// If something does not start, events are refused, or Redis is not equal in the end.
#[must_use]
pub fn run(plan: Plan) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    let mut servers = Servers::start(plan.case, folder.path());
    let collector = Collector::start(folder.path(), &servers.url(), RULES);
    let load = Load::new(collector.http, plan.persons);
    load.fill();
    collector.settle();
    verified(&collector, Duration::from_secs(300));
    let (addresses, watched) = (servers.addresses(), Watched::default());
    let keys: Vec<String> = (0..plan.persons.min(WATCHED))
        .map(|n| key_of(n * (plan.persons / plan.persons.min(WATCHED))))
        .collect();
    let peak = Peak::default();
    std::thread::scope(|scope| {
        let versions = scope.spawn(|| watch(&addresses, &keys, &watched));
        scope.spawn(|| peak.follow(&collector));
        let guard = Guard { load: &load, watched: &watched, peak: &peak };
        load.run(scope);
        std::thread::sleep(plan.calm);
        let before = collector.memory();
        servers.blind();
        if plan.case == Case::Failover {
            std::thread::sleep(Duration::from_secs(1));
        }
        load.enter(Stage::During);
        servers.take();
        watched.epoch.fetch_add(1, Ordering::SeqCst);
        peak.start();
        std::thread::sleep(plan.stop);
        let dirty = redis(&collector)["dirty"].as_u64().expect("a count");
        servers.give();
        let returned = Instant::now();
        load.enter(Stage::After);
        until("Redis to catch up", || {
            let redis = redis(&collector);
            (redis["filled"] == true && redis["lag_ms"].as_u64() < Some(1_000)).then_some(())
        });
        let caught_up = returned.elapsed();
        verified(&collector, Duration::from_secs(300));
        let clean = returned.elapsed();
        std::thread::sleep(plan.calm);
        load.end();
        collector.settle();
        let last = verified(&collector, Duration::from_secs(60));
        let memory = [before, peak.highest(), collector.memory()];
        drop(guard);
        let versions = versions.join().expect("the watcher ends");
        let waits = [Stage::Before, Stage::During, Stage::After].map(|stage| load.waited(stage));
        let count = |what: &str| last[what].as_u64().expect("a count");
        let compared = (count("keys"), count("members"));
        Outcome { caught_up, clean, dirty, waits, memory, versions, compared }
    })
}

/// Ends all threads, also when something failed.
struct Guard<'a> {
    load: &'a Load,
    watched: &'a Watched,
    peak: &'a Peak,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.load.end();
        self.watched.over.store(true, Ordering::SeqCst);
        self.peak.over.store(true, Ordering::SeqCst);
    }
}

fn redis(collector: &Collector) -> Value {
    let summary = collector.http().get("/v1/summary", Project::READ_TOKEN).json();
    summary["redis"].clone()
}

/// Has everything compared until nothing differs; the last report.
fn verified(collector: &Collector, patience: Duration) -> Value {
    let began = Instant::now();
    loop {
        let mut http = collector.http();
        let begun = http.admin("POST", "/v1/redis/verify", "");
        assert_eq!(begun.status, 202, "{}", begun.json());
        let run = until("the comparison", || {
            let run = http.admin("GET", "/v1/redis", "").json()["run"].clone();
            (run["state"] != "running").then_some(run)
        });
        if run["report"]["clean"] == true {
            return run["report"].clone();
        }
        assert!(began.elapsed() < patience, "Redis is not equal: {run:#}\n{}", collector.log());
    }
}

/// The collector's memory at its highest.
#[derive(Debug, Default)]
struct Peak {
    bytes: AtomicU64,
    over: AtomicBool,
}

impl Peak {
    fn start(&self) {
        self.bytes.store(0, Ordering::SeqCst);
    }

    fn highest(&self) -> u64 {
        self.bytes.load(Ordering::SeqCst)
    }

    fn follow(&self, collector: &Collector) {
        while !self.over.load(Ordering::SeqCst) {
            self.bytes.fetch_max(collector.memory(), Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
