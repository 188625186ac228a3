//! The whole path behind admission: log, two workers with a store, and the view that is read.
//!
//! Runs on real threads. Each step waits until the workers have read the log to its end, so what is
//! compared does not depend on their speed; looking stops and restarts them, so that every look is
//! also a restart from a checkpoint.
mod faults;

use crate::encode::{Encoded, rule_set};
use crate::engine::look_of_profile;
use crate::oracle::Rules;
use crate::oracle::event::{Event, Kind};
use crate::subject::{Change, Look, Subject};
use faults::{FaultyLog, FaultyStore};
use sillage_engine::{Plan, Record};
use sillage_eventlog::{Append, AppendRecord, Clock, EventLog, MemoryLog};
use sillage_model::{EventId, Fact, FactKind, Map, PARTITIONS_EMBEDDED, Partition, partition_of};
use sillage_store::{PersonStore, SegmentLabel, View, ViewConfig};
use sillage_worker::{Parts, WorkerConfig, WorkerHandle, spawn};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How often a stop lets the workers run before it rings again.
const YIELDS_PER_RING: u32 = 200;

/// The id of the device that rings; nobody looks at it.
const BELL: &str = "bell";

/// How the work is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// How many partitions there are.
    pub partitions: u16,
    /// How many workers share them.
    pub workers: u16,
    /// How often a worker keeps what it knows.
    pub checkpoint_every: Duration,
}

impl Setup {
    /// As the collector has it, with two workers, so that links cross from one to the other.
    #[must_use]
    pub fn embedded() -> Self {
        let checkpoint_every = WorkerConfig::single().checkpoint_every;
        Self { partitions: PARTITIONS_EMBEDDED, workers: 2, checkpoint_every }
    }
}

/// What has been done to the workers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Suffered {
    /// Checkpoints that were lost when a worker was cut off after it.
    pub lost_checkpoints: usize,
    /// Workers cut off between folding a link and telling what follows from it.
    pub cut_appends: usize,
}

/// The path from the log to the view.
pub struct Pipeline {
    setup: Setup,
    plan: Arc<Plan>,
    half_life_ms: i64,
    log: Arc<FaultyLog>,
    store: Arc<FaultyStore>,
    view: Arc<View>,
    now: Arc<AtomicI64>,
    workers: Vec<WorkerHandle>,
    subjects: BTreeSet<String>,
    /// The message id of the next ring; counts down, far above those of worlds.
    rings: AtomicU64,
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Pipeline {
    /// An empty project with these settings.
    ///
    /// # Errors
    /// What the compiler says of the rules, or why a worker did not start.
    pub fn new(rules: &Rules) -> Result<Self, String> {
        Self::with(rules, Setup::embedded())
    }

    /// The same, with the work divided in another way.
    ///
    /// # Errors
    /// As [`Pipeline::new`].
    pub fn with(rules: &Rules, setup: Setup) -> Result<Self, String> {
        let plan = Plan::compile(&rule_set(rules)).map_err(|found| format!("{found:?}"))?;
        let now = Arc::new(AtomicI64::new(0));
        let mut pipeline = Self {
            setup,
            view: view(&plan, rules.half_life_ms, &now),
            plan: Arc::new(plan),
            half_life_ms: rules.half_life_ms,
            log: Arc::new(FaultyLog::default()),
            store: Arc::new(FaultyStore::default()),
            now,
            workers: Vec::new(),
            subjects: BTreeSet::new(),
            rings: AtomicU64::new(u64::MAX),
        };
        pipeline.start()?;
        Ok(pipeline)
    }

    fn start(&mut self) -> Result<(), String> {
        self.view = view(&self.plan, self.half_life_ms, &self.now);
        let Setup { partitions, workers, checkpoint_every } = self.setup;
        for index in 0..workers {
            let config = WorkerConfig {
                partitions,
                index,
                count: workers,
                checkpoint_every,
                ..WorkerConfig::single()
            };
            let now = Arc::clone(&self.now);
            let parts = Parts {
                plan: Arc::clone(&self.plan),
                log: Arc::clone(&self.log),
                store: Arc::clone(&self.store) as Arc<dyn PersonStore>,
                view: Arc::clone(&self.view),
                clock: Clock::new(move || now.load(Ordering::SeqCst)),
            };
            self.workers.push(spawn(config, parts).map_err(|error| error.to_string())?);
        }
        Ok(())
    }

    /// Stops all workers in good order and starts them again.
    ///
    /// # Errors
    /// Why a worker could not.
    pub fn restart(&mut self) -> Result<(), String> {
        self.stop()?;
        self.start()
    }

    /// Keeps nothing that these workers commit from now on, until [`Pipeline::crash`].
    pub fn freeze(&self, is_frozen: impl Fn(u16) -> bool) {
        let Setup { partitions, workers, .. } = self.setup;
        let frozen = (0..partitions).filter(|partition| is_frozen(partition % workers));
        self.store.freeze(frozen.map(Partition));
    }

    /// Ends all workers, whatever state they are in, and starts them with what was kept.
    ///
    /// # Errors
    /// Why a worker could not start.
    pub fn crash(&mut self) -> Result<(), String> {
        self.log.set_cut(false);
        // Who was cut off before has failed, and says so.
        drop(self.stop());
        self.store.thaw();
        self.start()
    }

    /// Lets the next append of a worker fail.
    pub fn cut_next_append(&self) {
        self.log.set_cut(true);
    }

    /// Whether a worker has failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.workers.iter().any(|worker| worker.stats().failed())
    }

    /// What has been done to the workers so far.
    #[must_use]
    pub fn suffered(&self) -> Suffered {
        Suffered { lost_checkpoints: self.store.lost(), cut_appends: self.log.failed() }
    }

    /// Sets the clock forward and lets the workers notice.
    pub fn tick(&self, now: i64) {
        self.now.fetch_max(now, Ordering::SeqCst);
        self.ring();
    }

    /// The moment that the clock shows.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    /// Appends arrivals at once; they are durable together, and folded some time later.
    ///
    /// # Errors
    /// Why the log does not take them.
    pub fn append(&mut self, events: &[Event]) -> Result<(), String> {
        for event in events {
            self.now.fetch_max(event.received, Ordering::SeqCst);
            self.subjects.insert(event.subject());
            if let Some((device, _)) = event.link() {
                self.subjects.insert(format!("a:{device}"));
            }
        }
        append(&self.log.inner, append_of(events, self.setup.partitions))
    }

    /// The kept record of everybody, after everything is folded and the workers have stopped.
    ///
    /// # Errors
    /// What is wrong with the store.
    pub fn into_records(mut self) -> Result<BTreeMap<String, Record>, String> {
        self.ring();
        self.stop()?;
        let mut records = BTreeMap::new();
        let mut unreadable = None;
        let partitions: Vec<Partition> = (0..self.setup.partitions).map(Partition).collect();
        let loaded =
            self.store.load(&partitions, &mut |_, member, bytes| match Record::decode(bytes) {
                Ok(record) => drop(records.insert(member.to_owned(), record)),
                Err(corrupt) => unreadable = Some(format!("{member}: {corrupt}")),
            });
        loaded.map_err(|error| error.to_string())?;
        records.remove(&format!("a:{BELL}"));
        unreadable.map_or(Ok(records), Err)
    }

    fn stop(&mut self) -> Result<(), String> {
        self.catch_up();
        let workers = std::mem::take(&mut self.workers);
        let stopped: Vec<_> = std::thread::scope(|scope| {
            let stopping: Vec<_> =
                workers.into_iter().map(|worker| scope.spawn(move || worker.stop())).collect();
            while stopping.iter().any(|stopping| !stopping.is_finished()) {
                self.ring();
                (0..YIELDS_PER_RING).for_each(|_| std::thread::yield_now());
            }
            stopping.into_iter().map(|stopping| stopping.join().expect("no panic")).collect()
        });
        stopped.into_iter().try_for_each(|stopped| stopped.map_err(|error| error.to_string()))
    }

    /// Appends a fact about nobody who is looked at: who waits for the log wakes up and takes a turn.
    fn ring(&self) {
        let now = self.now.load(Ordering::SeqCst);
        let message = self.rings.fetch_sub(1, Ordering::SeqCst);
        let bell = Event {
            kind: Kind::Track,
            message,
            user: None,
            device: Some(BELL.into()),
            at: now,
            received: now,
            seq: None,
            name: "Bell".into(),
            props: Vec::new(),
            context: Vec::new(),
        };
        let rung = append(&self.log.inner, append_of(&[bell], self.setup.partitions));
        rung.expect("a log in memory takes it");
    }

    /// Returns once a worker has failed, or every one has read to the end of the log, derived facts included.
    pub fn catch_up(&self) {
        loop {
            let end = self.log.end();
            let failed = self.workers.iter().any(|worker| worker.stats().failed());
            let read = self.workers.iter().all(|worker| worker.stats().cursor() >= end.0);
            if failed || (read && self.log.end() == end) {
                return;
            }
            std::thread::yield_now();
        }
    }
}

pub(crate) fn view(plan: &Plan, half_life_ms: i64, now: &Arc<AtomicI64>) -> Arc<View> {
    let label = |key: &str| SegmentLabel { key: key.to_owned(), name: key.to_owned() };
    let now = Arc::clone(now);
    View::new(ViewConfig {
        project: "sim".to_owned(),
        segments: plan.segments().iter().map(|segment| label(&segment.key)).collect(),
        scores: plan.score_names().iter().map(ToString::to_string).collect(),
        traits_shown: Vec::new(),
        half_life_ms,
        digest: plan.digest(),
        generation: 1,
        clock: Arc::new(move || now.load(Ordering::SeqCst)),
    })
}

/// What admission makes of a batch: the fact of each event, and the link beside it.
pub(crate) fn append_of(events: &[Event], partitions: u16) -> Append {
    let mut append = Append::default();
    let mut contexts = sillage_model::SharedContextsWriter::default();
    for event in events {
        let encoded = Encoded::new(event);
        let fact = encoded.fact(encoded.subject());
        let context = (!fact.context.is_empty())
            .then(|| contexts.add(|out| out.extend_from_slice(fact.context.as_bytes())))
            .flatten();
        let id = u128::from(event.message) << 8;
        push(&mut append, EventId(id), (&fact, context), partitions);
        if let Some((device, person)) = event.link() {
            let subject = format!("a:{device}");
            let linked = Fact {
                kind: FactKind::Linked,
                subject: &subject,
                name: person.strip_prefix("u:").unwrap_or_default(),
                context: Map::default(),
                props: Map::default(),
                ..fact
            };
            push(&mut append, EventId(id | 1), (&linked, None), partitions);
        }
    }
    append.shared = contexts.as_bytes().to_vec();
    append
}

fn push(
    append: &mut Append,
    id: EventId,
    (fact, context): (&Fact<'_>, Option<u16>),
    partitions: u16,
) {
    let position = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a batch is small");
    let start = position(&append.bodies);
    fact.encode(context, &mut append.bodies);
    append.records.push(AppendRecord {
        id,
        partition: partition_of(fact.subject, partitions),
        body: (start, position(&append.bodies)),
        companion: fact.kind == FactKind::Linked,
    });
}

pub(crate) fn append(log: &MemoryLog, new: Append) -> Result<(), String> {
    let appending = pin!(log.append(new));
    match appending.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(_)) => Ok(()),
        Poll::Ready(Err(error)) => Err(error.to_string()),
        Poll::Pending => Err("a log in memory must not wait".to_owned()),
    }
}

impl Subject for Pipeline {
    fn deliver(&mut self, event: &Event) -> Result<Vec<Change>, String> {
        self.append(std::slice::from_ref(event))?;
        self.catch_up();
        Ok(Vec::new())
    }

    fn advance(&mut self, now: i64) -> Vec<Change> {
        self.now.fetch_max(now, Ordering::SeqCst);
        // The turn that reads the ring looks at a clock that is set, so it fires everything due.
        self.ring();
        self.restart().expect("workers stop in good order and start again");
        Vec::new()
    }

    fn tells_changes(&self) -> bool {
        false
    }

    fn look(&self, _now: i64) -> BTreeMap<String, Look> {
        let member = |subject: &String| {
            let profile = self.view.member(subject)?;
            (profile.member.as_str() == subject)
                .then(|| (subject.clone(), look_of_profile(&self.plan, &profile)))
        };
        self.subjects.iter().filter_map(member).collect()
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        for worker in self.workers.drain(..) {
            // A worker that failed has already been seen to differ.
            drop(worker.stop());
        }
    }
}
