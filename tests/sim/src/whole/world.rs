//! A world: what is there, and the moves that are made in it.
use super::collector::{Answered, Collector, Ground, NoStart};
use super::disk::{End, Troubles};
use super::met::Met;
use super::plan::Plan;
use super::redis::side::Side;
use super::sender::{Made, Sender, Sort};
use super::tape::Tape;
use super::trace::Trace;
use super::{Violation, damage, rest};
use crate::rng::Rng;
use sillage_eventlog::{EventLog as _, LogError};
use sillage_model::PARTITIONS_EMBEDDED;
use sillage_worker::WorkerError;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// When worlds begin: 2026-11-22T10:00:00Z.
const EPOCH_MS: i64 = 1_795_341_600_000;
/// Starts that may fail one after the other before somebody sees to the disk.
const STARTS_MAX: u32 = 12;

/// Something on its way.
#[derive(Debug)]
struct Packet {
    due: i64,
    sender: usize,
    batch: String,
    what: What,
}

#[derive(Debug)]
enum What {
    Request(String),
    Answer(u16, Vec<u8>),
}

/// Whether somebody follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Nobody does.
    Silent,
    /// What happens is told on standard error.
    Told,
}

/// How one world ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The broken promise, if one was.
    pub violation: Option<Violation>,
    /// What was met.
    pub met: Met,
    /// A hash of everything that happened.
    pub trace: u64,
    /// Records in its log.
    pub records: usize,
}

/// A world that runs.
pub struct World {
    pub(super) seed: u64,
    pub(super) plan: Plan,
    pub(super) ground: Ground,
    pub(super) collector: Option<Collector>,
    /// Draws and counts for itself: nothing else in the world depends on it.
    pub(super) redis: Option<Side>,
    pub(super) senders: Vec<Sender>,
    packets: Vec<Packet>,
    pub(super) tape: Tape,
    /// Ids of events that were refused, and that left a dead letter.
    pub(super) refused: Vec<Made>,
    pub(super) letters_dropped: bool,
    pub(super) met: Met,
    pub(super) trace: Trace,
    pub(super) rng: Rng,
    /// How many workers each start has.
    workers: Rng,
    follow: Follow,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("seed", &self.seed).finish_non_exhaustive()
    }
}

/// Plays the world of a seed.
#[must_use]
pub fn run(seed: u64) -> Outcome {
    run_plan(seed, Plan::new(seed), Follow::Silent)
}

/// Plays the world of a seed, with another plan than its own.
#[must_use]
pub fn run_plan(seed: u64, plan: Plan, follow: Follow) -> Outcome {
    let mut world = World::new(seed, plan);
    world.follow = follow;
    world.tell(&world.plan);
    let violation = world.play().err();
    // Before the disk is asked what was met: closing is part of the world too.
    world.collector = None;
    let World { mut met, mut trace, ground, tape, redis, .. } = world;
    if let Some(redis) = redis {
        met.add(&redis.met);
    }
    met.add(&ground.disk.met());
    trace.tell("disk", &[ground.disk.trace()]);
    met.many("worker: facts forwarded to persons", tape.forwarded);
    met.many("log: an id again after its window", tape.again_after_window);
    Outcome { violation, met, trace: trace.hash(), records: tape.len() }
}

impl World {
    fn new(seed: u64, plan: Plan) -> Self {
        let ground = Ground::new(seed, &plan, EPOCH_MS);
        let asks = plan.denied > 0;
        let senders = (0..plan.senders).map(|index| Sender::new(seed, index, asks)).collect();
        Self {
            seed,
            ground,
            collector: None,
            redis: plan.redis.then(|| Side::new(seed)),
            senders,
            packets: Vec::new(),
            tape: Tape::default(),
            refused: Vec::new(),
            letters_dropped: false,
            met: Met::default(),
            trace: Trace::default(),
            rng: Rng::new(seed),
            workers: Rng::new(seed ^ 0x776f_726b_6572),
            follow: Follow::Silent,
            plan,
        }
    }

    fn play(&mut self) -> Result<(), Violation> {
        self.start()?;
        for _ in 0..self.plan.moves {
            self.make_move()?;
        }
        rest::come_to_rest(self)
    }

    /// Tells who follows.
    #[allow(clippy::print_stderr, reason = "only when a person asks for it")]
    pub(super) fn tell(&self, what: impl std::fmt::Debug) {
        if self.follow == Follow::Told {
            eprintln!("{} op {}: {what:?}", self.now(), self.ground.disk.ops());
        }
    }

    pub(super) fn now(&self) -> i64 {
        self.ground.now.load(Ordering::SeqCst)
    }

    pub(super) fn pass(&mut self, ms: i64) {
        self.ground.now.fetch_add(ms, Ordering::SeqCst);
    }

    /// Makes one move and looks at what must hold.
    fn make_move(&mut self) -> Result<(), Violation> {
        let kind = self.rng.index(100);
        self.trace.tell("move", &[kind as u64, self.now().cast_unsigned(), self.ground.disk.ops()]);
        match kind {
            0..25 => self.make_event(),
            25..45 => self.send(),
            45..65 => self.deliver()?,
            65..77 => self.answer()?,
            77..87 => self.work()?,
            87..89 => self.checkpoint()?,
            89..92 => {
                if let Some(collector) = &self.collector {
                    collector.log.tend_by_hand();
                }
            }
            _ => {
                let ms = self.rng.range(1, 3_000);
                self.pass(ms);
            }
        }
        self.trouble();
        self.look()?;
        if self.per_mille(self.plan.restarts) {
            self.restart_in_order()?;
        }
        if self.per_mille(self.plan.damage) {
            damage::check(self)?;
        }
        self.see_to_collector()?;
        let now = self.now();
        match &mut self.redis {
            Some(redis) => redis.make_move(self.collector.as_ref(), now),
            None => Ok(()),
        }
    }

    pub(super) fn per_mille(&mut self, rate: u64) -> bool {
        self.rng.bits() % 1_000 < rate
    }

    /// What goes wrong without anybody's doing.
    fn trouble(&mut self) {
        if self.per_mille(self.plan.deaths) {
            let ops = self.rng.range(1, 40).cast_unsigned();
            self.ground.disk.die_in(ops);
        }
        if self.per_mille(self.plan.full) {
            let full = self.rng.chance(50);
            self.ground.disk.set_full(full);
        }
        if self.per_mille(self.plan.leaps) {
            let ms = *self.rng.pick(&[60_000, 600_000, 3_600_000, 36_000_000]);
            // No request waits for hours at the log: its answer is given up after seconds.
            if self.collector.as_ref().is_none_or(|it| it.waiting.is_empty()) {
                self.pass(ms);
                self.met.one("time: a leap");
                self.tell("leap");
            }
        }
    }

    fn make_event(&mut self) {
        let sort = match self.rng.bits() % 100 {
            n if n < self.plan.invalid => Sort::Invalid,
            n if n < self.plan.invalid + self.plan.denied => Sort::Denied,
            n if n < self.plan.invalid + self.plan.denied + self.plan.identify => Sort::Identify,
            _ => Sort::Plain,
        };
        let sender = self.rng.index(self.senders.len());
        let now = self.now();
        let made = self.senders[sender].make(now, sort, &mut self.rng);
        self.met.one(match sort {
            Sort::Plain => "event: plain",
            Sort::Identify => "event: identify",
            Sort::Invalid => "event: invalid",
            Sort::Denied => "event: without consent",
        });
        self.tape.made.insert(made.message.clone(), made);
    }

    /// A device sends what it has.
    pub(super) fn send(&mut self) {
        let sender = self.rng.index(self.senders.len());
        let now = self.now();
        let sent = self.senders[sender].send(now, self.plan.batch_events);
        let Some((batch, body)) = sent else { return };
        let copies = if self.rng.chance(self.plan.twice) { 2 } else { 1 };
        self.met.many("net: a request arrives twice", copies - 1);
        for _ in 0..copies {
            self.post(sender, batch.clone(), What::Request(body.clone()));
        }
    }

    fn post(&mut self, sender: usize, batch: String, what: What) {
        if self.rng.chance(self.plan.loss) {
            self.met.one(match what {
                What::Request(_) => "net: a request is lost",
                What::Answer(..) => "net: an answer is lost",
            });
            return;
        }
        let due = self.now() + self.rng.range(0, self.plan.delay_ms);
        self.packets.push(Packet { due, sender, batch, what });
    }

    /// Something arrives; packets overtake each other.
    pub(super) fn deliver(&mut self) -> Result<(), Violation> {
        let now = self.now();
        let due: Vec<usize> =
            (0..self.packets.len()).filter(|&i| self.packets[i].due <= now).collect();
        if due.is_empty() {
            return Ok(());
        }
        let packet = self.packets.swap_remove(*self.rng.pick(&due));
        match (packet.what, &mut self.collector) {
            (What::Request(body), Some(collector)) => {
                collector.receive(&self.ground, packet.sender, packet.batch, body);
            }
            (What::Request(_), None) => self.met.one("net: nobody listens"),
            (What::Answer(status, body), _) => {
                let sender = &mut self.senders[packet.sender];
                let answer = (status, &*body);
                let settled = sender.answered(now, &packet.batch, answer, &mut self.rng)?;
                for (made, code) in settled.refused {
                    self.check_refusal(made, &code)?;
                }
                for made in settled.there {
                    if !matches!(made.sort, Sort::Plain | Sort::Identify) {
                        let seen = format!("{made:?} was taken");
                        return Err(Violation::new("what must be refused is", seen));
                    }
                }
            }
        }
        Ok(())
    }

    fn check_refusal(&mut self, made: Made, code: &str) -> Result<(), Violation> {
        let expected = match made.sort {
            Sort::Denied => code == "consent_denied",
            Sort::Invalid => code != "consent_denied",
            Sort::Plain | Sort::Identify => false,
        };
        if !expected {
            let seen = format!("{made:?} was refused as {code}");
            return Err(Violation::new("only what is wrong is refused", seen));
        }
        if made.sort == Sort::Invalid {
            self.refused.push(made);
        }
        Ok(())
    }

    /// The log takes what waits.
    pub(super) fn answer(&mut self) -> Result<(), Violation> {
        let Some(collector) = &mut self.collector else { return Ok(()) };
        if collector.waiting.len() > 1 {
            self.met.one("log: a group of several");
        }
        let before = collector.letters.stats().dropped;
        let answered = collector.answer(&self.ground);
        self.letters_dropped |= collector.letters.stats().dropped > before;
        self.look()?;
        if self.ground.disk.is_dead() {
            // Nothing leaves a process that has ended.
            return Ok(());
        }
        for Answered { sender, batch, status, body } in answered {
            self.trace.tell("answer", &[u64::from(status)]);
            self.tell((&batch, status, &body));
            self.met.one(match status {
                200 => "answer: 200",
                422 => "answer: 422",
                503 => "answer: 503",
                _ => "answer: other",
            });
            if status == 200 {
                self.check_answer(sender, &batch, &body)?;
            }
            self.post(sender, batch, What::Answer(status, body.to_vec()));
        }
        Ok(())
    }

    /// I1: what is answered for can be read.
    fn check_answer(&mut self, sender: usize, batch: &str, body: &[u8]) -> Result<(), Violation> {
        let told: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let rejected = told["rejected"].as_array().cloned().unwrap_or_default();
        let rejected: Vec<&str> = rejected.iter().filter_map(|r| r["messageId"].as_str()).collect();
        self.met.many("answer: duplicates", told["duplicates"].as_u64().unwrap_or_default());
        let read_all = self.collector.as_ref().is_some_and(|c| c.log.end().0 == self.tape.end());
        if !read_all {
            // The disk refused to be read just now.
            return Ok(());
        }
        let Some(batch) = self.senders[sender].batch_of(batch) else { return Ok(()) };
        for made in batch {
            if !rejected.contains(&&*made.message) && !self.tape.holds(&made.message) {
                let seen = format!("{} is answered for and is not there", made.message);
                return Err(Violation::new("I1: what is answered for is there", seen));
            }
        }
        Ok(())
    }

    /// A worker takes a turn.
    fn work(&mut self) -> Result<(), Violation> {
        self.answer()?;
        let Some(collector) = &mut self.collector else { return Ok(()) };
        let worker = self.rng.index(collector.workers.len());
        match collector.turn(worker) {
            Ok(_) => Ok(()),
            Err(error) => self.worker_stopped(&error),
        }
    }

    pub(super) fn checkpoint(&mut self) -> Result<(), Violation> {
        self.answer()?;
        let Some(collector) = &mut self.collector else { return Ok(()) };
        self.met.one("worker: a checkpoint");
        match collector.checkpoint(&self.ground) {
            Ok(()) => Ok(()),
            Err(error) => self.worker_stopped(&error),
        }
    }

    /// A worker may stop because the log has; its process is then started anew.
    pub(super) fn worker_stopped(&mut self, error: &WorkerError) -> Result<(), Violation> {
        match error {
            WorkerError::Log(LogError::Failed { .. } | LogError::Io { .. } | LogError::Closed) => {
                self.met.one("worker: stopped by the log");
                if !self.ground.disk.is_dead() {
                    self.end(End::Kill);
                }
                Ok(())
            }
            error => Err(Violation::new("a worker goes on", format!("{error:?}"))),
        }
    }

    /// What must hold after each move.
    pub(super) fn look(&mut self) -> Result<(), Violation> {
        let now = self.now();
        let Some(collector) = &self.collector else { return Ok(()) };
        if self.ground.disk.is_dead() {
            return Ok(());
        }
        self.tape.follow(&*collector.log, now, self.plan.window_ms)?;
        self.tape.account()?;
        let stats = collector.log.stats();
        let one = 1 << 16;
        if stats.in_flight_bytes > (self.plan.in_flight_bytes + one) as u64 {
            return Err(Violation::new("I11: queues are bounded", format!("{stats:?}")));
        }
        let end = collector.log.end().0;
        for worker in &collector.workers {
            let (read, kept) = (worker.stats().cursor(), worker.stats().committed());
            if read > end || kept > read {
                let seen = format!("read {read}, kept {kept}, the log ends at {end}");
                return Err(Violation::new("I13: nobody is ahead of the log", seen));
            }
        }
        let needed = self.ground.store.committed(PARTITIONS_EMBEDDED);
        if collector.log.oldest().0 > needed {
            let seen = format!("kept from {}, needed from {needed}", collector.log.oldest().0);
            return Err(Violation::new("I13: what is needed is kept", seen));
        }
        Ok(())
    }

    /// The process ends against its will.
    pub(super) fn end(&mut self, end: End) {
        self.tell(end);
        self.ground.disk.die();
        self.collector = None;
        self.ground.disk.restart(end);
        self.met.one(match end {
            End::Kill => "process: killed",
            End::PowerCut => "process: power cut",
        });
        if end == End::PowerCut {
            let commits = self.rng.index(self.plan.commits_lost + 1);
            let lost = self.ground.store.lose(commits);
            self.met.many("store: a commit was lost", lost as u64);
        }
    }

    fn some_end(&mut self) -> End {
        if self.rng.chance(self.plan.power_cuts) { End::PowerCut } else { End::Kill }
    }

    fn restart_in_order(&mut self) -> Result<(), Violation> {
        if self.collector.is_none() || self.ground.disk.is_dead() {
            return Ok(());
        }
        self.answer()?;
        self.met.one("process: restarted");
        self.tell("restart");
        self.collector = None;
        Ok(())
    }

    /// Starts the collector if it has ended.
    pub(super) fn see_to_collector(&mut self) -> Result<(), Violation> {
        if self.ground.disk.is_dead() {
            let end = self.some_end();
            self.end(end);
        } else if self.collector.as_ref().is_some_and(Collector::has_failed) && self.rng.chance(30)
        {
            self.met.one("process: ended for a failed log");
            self.tell("failed");
            // In good order, as far as a failed log lets it.
            self.collector = None;
            self.ground.disk.restart(End::Kill);
        }
        if self.collector.is_none() { self.start() } else { Ok(()) }
    }

    fn start(&mut self) -> Result<(), Violation> {
        for attempt in 0.. {
            if attempt == STARTS_MAX {
                self.met.one("process: somebody saw to the disk");
                self.ground.disk.set_troubles(Troubles::default());
                self.ground.disk.set_full(false);
            }
            if attempt < STARTS_MAX && self.rng.chance(self.plan.deaths_at_start) {
                let ops = self.rng.range(1, 60).cast_unsigned();
                self.ground.disk.die_in(ops);
            }
            let workers = self.workers.index(usize::from(self.plan.workers)) + 1;
            match Collector::start(&self.ground, &self.plan, workers) {
                Ok(collector) if !self.ground.disk.is_dead() => {
                    self.collector = Some(collector);
                    return self.started();
                }
                Ok(_) => self.met.one("process: died in its start"),
                Err(NoStart::Log(LogError::Io { .. } | LogError::Failed { .. })) => {
                    let dead = self.ground.disk.is_dead();
                    self.met.one(if dead {
                        "process: died in its start"
                    } else {
                        "process: no start"
                    });
                }
                Err(NoStart::Log(error)) => {
                    return Err(Violation::new(
                        "P9: it starts after any end",
                        format!("{error:?}"),
                    ));
                }
                Err(NoStart::Worker(error)) => {
                    return Err(Violation::new(
                        "P9: it starts after any end",
                        format!("{error:?}"),
                    ));
                }
            }
            if attempt > 2 * STARTS_MAX {
                return Err(Violation::new("P9: it starts after any end", "it never did"));
            }
            let end = self.some_end();
            self.end(end);
        }
        Ok(())
    }

    fn started(&mut self) -> Result<(), Violation> {
        let now = self.now();
        let Some(collector) = &self.collector else { return Ok(()) };
        self.tell(("started", collector.log.stats(), self.tape.end()));
        self.tape.recheck(&*collector.log, now, self.plan.window_ms, &mut self.met)?;
        self.look()
    }

    /// Whether anything is on its way.
    pub(super) fn is_quiet(&self) -> bool {
        self.packets.is_empty() && self.senders.iter().all(|sender| sender.queue.is_empty())
    }

    /// Nothing is lost, late or twice from now on.
    pub(super) fn heal(&mut self) {
        let plan = &mut self.plan;
        (plan.loss, plan.twice, plan.delay_ms) = (0, 0, 0);
        (plan.deaths, plan.deaths_at_start, plan.full, plan.leaps) = (0, 0, 0, 0);
        self.ground.disk.set_troubles(Troubles::default());
        self.ground.disk.set_full(false);
        self.ground.disk.die_never();
    }

    pub(super) fn by_device(&self) -> BTreeMap<&str, &Sender> {
        self.senders.iter().map(|sender| (&*sender.device, sender)).collect()
    }
}
