//! A collector's inside that lives through events as they come, by a clock of the test's own, and
//! remembers everything it told: what a look at history is held against.
use crate::oracle::event::{Event, Kind};
use crate::pipeline::{append, append_of, view};
use sillage_engine::{Plan, RuleSet};
use sillage_eventlog::{Clock, EventLog, MemoryLog};
use sillage_model::PARTITIONS_EMBEDDED;
use sillage_store::{Change, MemoryStore, PersonStore, StreamId, View};
use sillage_worker::{Parts, WorkerConfig, WorkerHandle, spawn};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Two, so that links cross from one to the other.
const WORKERS: u16 = 2;

/// Log, workers and view under one set of rules from the first event on.
pub struct Live {
    /// The rules.
    pub plan: Arc<Plan>,
    /// Everything that came, and what the workers derived from it.
    pub log: Arc<MemoryLog>,
    /// What is read.
    pub view: Arc<View>,
    now: Arc<AtomicI64>,
    rings: u64,
    workers: Vec<WorkerHandle>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Live {
    /// Starts with nothing.
    ///
    /// # Errors
    /// What the compiler says of the rules, or why a worker did not start.
    pub fn start(rules: &RuleSet) -> Result<Self, String> {
        let plan = Plan::compile(rules).map_err(|found| format!("{found:?}"))?;
        let now = Arc::new(AtomicI64::new(0));
        let store: Arc<dyn PersonStore> = Arc::new(MemoryStore::new());
        let mut live = Self {
            view: view(&plan, rules.engagement.half_life_ms, &now),
            plan: Arc::new(plan),
            log: Arc::new(MemoryLog::new()),
            now: Arc::clone(&now),
            rings: u64::MAX,
            workers: Vec::new(),
        };
        for index in 0..WORKERS {
            let config = WorkerConfig { index, count: WORKERS, ..WorkerConfig::single() };
            let now = Arc::clone(&now);
            let parts = Parts {
                plan: Arc::clone(&live.plan),
                log: Arc::clone(&live.log),
                store: Arc::clone(&store),
                view: Arc::clone(&live.view),
                clock: Clock::new(move || now.load(Ordering::SeqCst)),
            };
            live.workers.push(spawn(config, parts).map_err(|error| error.to_string())?);
        }
        Ok(live)
    }

    /// Sets the clock and lets every worker take a turn: whatever was due until then has happened
    /// when this returns.
    ///
    /// # Panics
    /// If a worker failed.
    pub fn pass_until(&mut self, now: i64) {
        self.now.fetch_max(now, Ordering::SeqCst);
        self.rings -= 1;
        let bell = Event {
            kind: Kind::Track,
            message: self.rings,
            user: None,
            device: Some("bell".into()),
            at: now,
            received: now,
            seq: None,
            name: "Bell".into(),
            props: Vec::new(),
            context: Vec::new(),
        };
        self.deliver(&[bell]);
    }

    /// Everything in `events` arrives, in this order; nothing was due between them.
    ///
    /// # Panics
    /// If a worker failed.
    pub fn deliver(&mut self, events: &[Event]) {
        let arrived = append_of(events, PARTITIONS_EMBEDDED);
        append(&self.log, arrived).expect("a log in memory takes it");
        self.catch_up();
    }

    /// All entries and exits that were told.
    #[must_use]
    pub fn told(&self) -> Vec<Change> {
        self.view.changes().range(StreamId::MIN, StreamId::MAX, usize::MAX)
    }

    /// Returns once every worker has read to the end of the log, derived facts included.
    fn catch_up(&self) {
        loop {
            let end = self.log.end();
            assert!(!self.workers.iter().any(|worker| worker.stats().failed()), "a worker failed");
            let read = self.workers.iter().all(|worker| worker.stats().cursor() >= end.0);
            if read && self.log.end() == end {
                return;
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        for worker in self.workers.drain(..) {
            // A worker that failed was noticed while it was waited for.
            drop(worker.stop());
        }
    }
}
