//! One process of the collector: the door, the log and the dead letters on a simulated disk, the
//! workers and the view, all run by hand.
use super::disk::SimDisk;
use super::kept::Store;
use super::plan::Plan;
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use sillage_engine::{Plan as Rules, RuleSet, SegmentSource};
use sillage_eventlog::{
    Clock, Cursor, DeadLetterConfig, DeadLetters, Disk, Durability, EventLog as _, FileLog,
    FileLogConfig, LogError,
};
use sillage_ingest::{Ingest, IngestConfig, Intake, ProjectIngest};
use sillage_model::PARTITIONS_EMBEDDED;
use sillage_store::{PersonStore, SegmentLabel, View, ViewConfig};
use sillage_worker::{HandWorker, Parts, WorkerConfig, WorkerError};
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The key of the only project.
const KEY: &str = "wk_sim";
/// How often a request is asked before it must have been answered: its append, its letters, and
/// the letter of its refusal each take two.
const POLLS_MAX: usize = 16;
/// Turns in which a worker must have caught up.
const TURNS_MAX: usize = 10_000;

/// What the world's processes share.
pub struct Ground {
    /// The disk.
    pub disk: SimDisk,
    /// Where states are kept.
    pub store: Arc<Store>,
    /// What time it is.
    pub now: Arc<AtomicI64>,
    /// The rules.
    pub rules: Arc<Rules>,
    runtime: tokio::runtime::Runtime,
}

impl std::fmt::Debug for Ground {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ground").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Ground {
    /// An empty disk and an empty store at this moment.
    ///
    /// # Panics
    /// If the rules do not compile, or the machine gives no runtime.
    #[must_use]
    pub fn new(seed: u64, plan: &Plan, now: i64) -> Self {
        // Bodies are read with a deadline, which asks for a timer that never fires here.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        Self {
            disk: SimDisk::new(seed ^ 0x6469_736b, plan.disk_bytes, plan.troubles, plan.lie),
            store: Arc::new(Store::new(plan.commits_lost)),
            now: Arc::new(AtomicI64::new(now)),
            rules: Arc::new(rules()),
            runtime: runtime.expect("a runtime without threads"),
        }
    }

    /// The clock of the world.
    #[must_use]
    pub fn clock(&self) -> Clock {
        let now = Arc::clone(&self.now);
        Clock::new(move || now.load(Ordering::SeqCst))
    }

    /// How a plan's log is kept.
    #[must_use]
    pub fn log_config(&self, plan: &Plan) -> FileLogConfig {
        FileLogConfig {
            segment_bytes: plan.segment_bytes,
            durability: if plan.answers_early { Durability::Os } else { Durability::Fsync },
            retention_bytes: plan.retention_bytes,
            retention_age_ms: plan.retention_age_ms,
            dedup_window_ms: plan.window_ms,
            dedup_generation_ids: plan.generation_ids,
            in_flight_bytes_max: plan.in_flight_bytes,
            clock: self.clock(),
            ..FileLogConfig::new("log", "dedup")
        }
    }
}

fn rules() -> Rules {
    let segment = |key: &str, when: &str| SegmentSource {
        key: key.to_owned(),
        name: key.to_owned(),
        when: when.to_owned(),
        ..SegmentSource::default()
    };
    let segments = vec![
        segment("three", "count(\"Product Viewed\") >= 3"),
        segment("bought", "exists(\"Order Completed\")"),
        segment("lately", "count(\"*\" within 10m) >= 2"),
        segment(
            "left",
            "exists(\"Product Added\" within 1h) and not exists(\"Order Completed\" within 30m)",
        ),
        segment("keen", "score.engagement >= 40"),
    ];
    let rules = RuleSet { segments, ..RuleSet::default() };
    Rules::compile(&rules).expect("the rules of worlds are well made")
}

type Answer = Pin<Box<dyn Future<Output = http::Response<Full<Bytes>>>>>;

/// A request that is being answered.
pub struct Waiting {
    /// Whose it is.
    pub sender: usize,
    /// Its batch.
    pub batch: String,
    answer: Answer,
}

/// What was answered to whom.
#[derive(Debug)]
pub struct Answered {
    /// Whose request it was.
    pub sender: usize,
    /// Its batch.
    pub batch: String,
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

/// Why a collector did not start.
#[derive(Debug)]
pub enum NoStart {
    /// The log or the dead letters.
    Log(LogError),
    /// A worker.
    Worker(WorkerError),
}

/// A running collector.
pub struct Collector {
    /// Its log.
    pub log: Arc<FileLog>,
    /// Its dead letters.
    pub letters: Arc<DeadLetters>,
    /// Its view.
    pub view: Arc<View>,
    /// Its workers.
    pub workers: Vec<HandWorker<FileLog>>,
    /// Requests that are being answered.
    pub waiting: Vec<Waiting>,
    ingest: Arc<Ingest<FileLog>>,
}

impl Collector {
    /// Opens everything and loads the last checkpoints, with so many workers.
    ///
    /// # Errors
    /// What does not open.
    pub fn start(ground: &Ground, plan: &Plan, workers: usize) -> Result<Self, NoStart> {
        let count = u16::try_from(workers).expect("few");
        let disk = || Arc::new(ground.disk.clone()) as Arc<dyn Disk>;
        let log = FileLog::open_by_hand(ground.log_config(plan), disk()).map_err(NoStart::Log)?;
        let log = Arc::new(log);
        let letters = DeadLetterConfig {
            bytes_max: plan.letters_bytes,
            clock: ground.clock(),
            ..DeadLetterConfig::new("letters")
        };
        let letters = DeadLetters::open_by_hand(letters, disk()).map_err(NoStart::Log)?;
        let letters = Arc::new(letters);
        let view = view(ground);
        let mut workers = Vec::new();
        for index in 0..count {
            let config = WorkerConfig {
                index,
                count,
                // Only when the world says so.
                checkpoint_every: Duration::MAX,
                read_bytes: plan.read_bytes,
                ..WorkerConfig::single()
            };
            let parts = Parts {
                plan: Arc::clone(&ground.rules),
                log: Arc::clone(&log),
                store: Arc::clone(&ground.store) as Arc<dyn PersonStore>,
                view: Arc::clone(&view),
                clock: ground.clock(),
            };
            workers.push(HandWorker::load(config, parts).map_err(NoStart::Worker)?);
        }
        let mut project = ProjectIngest::new("sim", KEY, [7; 16]);
        if plan.denied > 0 {
            project.consent_required = vec!["analytics".to_owned()];
        }
        let intake = Intake {
            project,
            log: Arc::clone(&log),
            dead_letters: Arc::clone(&letters),
            segments: None,
        };
        let ingest = Ingest::new(IngestConfig::default(), vec![intake], ground.clock());
        let ingest = Arc::new(ingest.expect("one project with one key"));
        Ok(Self { log, letters, view, workers, waiting: Vec::new(), ingest })
    }

    /// Takes a request in: it is judged and waits for the log.
    pub fn receive(&mut self, ground: &Ground, sender: usize, batch: String, body: String) {
        let ingest = Arc::clone(&self.ingest);
        let request = Request::post("/v1/batch")
            .header(header::HOST, "collector.example")
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-write-key", KEY)
            .body(Full::new(Bytes::from(body)));
        let request = request.expect("a request is well made");
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000));
        let answer: Answer = Box::pin(async move { ingest.respond(request, peer).await });
        let mut waiting = Waiting { sender, batch, answer };
        // The first look hands its facts to the log; what is handed in before a turn is one group.
        let _runtime = ground.runtime.enter();
        let looked = waiting.answer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(response) = looked {
            waiting.answer = Box::pin(std::future::ready(response));
        }
        self.waiting.push(waiting);
    }

    /// The log takes what waits and answers all of it.
    ///
    /// # Panics
    /// If a request is never answered.
    pub fn answer(&mut self, ground: &Ground) -> Vec<Answered> {
        let _runtime = ground.runtime.enter();
        let mut answered = Vec::new();
        for _ in 0..POLLS_MAX {
            let mut left = Vec::new();
            for mut waiting in self.waiting.drain(..) {
                let context = &mut Context::from_waker(Waker::noop());
                match waiting.answer.as_mut().poll(context) {
                    Poll::Pending => left.push(waiting),
                    Poll::Ready(response) => {
                        let Waiting { sender, batch, .. } = waiting;
                        let status = response.status().as_u16();
                        let body = whole(response);
                        answered.push(Answered { sender, batch, status, body });
                    }
                }
            }
            self.waiting = left;
            if self.waiting.is_empty() {
                return answered;
            }
        }
        panic!("a request waits for ever");
    }

    /// One worker takes one turn; whether it has more to do.
    ///
    /// # Errors
    /// Why it stopped.
    pub fn turn(&mut self, worker: usize) -> Result<bool, WorkerError> {
        self.workers[worker].turn()
    }

    /// All workers read to the end of the log.
    ///
    /// # Errors
    /// Why one stopped.
    ///
    /// # Panics
    /// If they never do.
    pub fn catch_up(&mut self) -> Result<(), WorkerError> {
        for _ in 0..TURNS_MAX {
            let end = self.log.end();
            let mut moved = false;
            for worker in &mut self.workers {
                moved |= worker.turn()?;
            }
            if !moved && self.log.end() == end {
                return Ok(());
            }
        }
        panic!("the workers never come to the end of the log");
    }

    /// All workers commit, and the log learns what nobody needs any more.
    ///
    /// # Errors
    /// Why one could not.
    pub fn checkpoint(&mut self, ground: &Ground) -> Result<(), WorkerError> {
        for worker in &mut self.workers {
            worker.checkpoint()?;
        }
        self.log.set_keep_from(Cursor(ground.store.committed(PARTITIONS_EMBEDDED)));
        Ok(())
    }

    /// Whether the log or the dead letters take nothing more until they are opened anew.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.log.stats().failed || self.letters.stats().failed
    }
}

fn whole(response: http::Response<Full<Bytes>>) -> Bytes {
    let mut collected = std::pin::pin!(response.into_body().collect());
    match collected.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(body)) => body.to_bytes(),
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => unreachable!("an answer is whole"),
    }
}

fn view(ground: &Ground) -> Arc<View> {
    let rules = &ground.rules;
    let label = |key: &str| SegmentLabel { key: key.to_owned(), name: key.to_owned() };
    let now = Arc::clone(&ground.now);
    View::new(ViewConfig {
        project: "sim".to_owned(),
        segments: rules.segments().iter().map(|segment| label(&segment.key)).collect(),
        scores: rules.score_names().iter().map(ToString::to_string).collect(),
        traits_shown: Vec::new(),
        half_life_ms: RuleSet::default().engagement.half_life_ms,
        digest: rules.digest(),
        generation: 1,
        clock: Arc::new(move || now.load(Ordering::SeqCst)),
    })
}
