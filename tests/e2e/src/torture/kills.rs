//! Worlds in which the collector is killed, while it works and while it recovers.
use super::check::Oracle;
use super::event::Dice;
use super::journal::Journal;
use super::load::Load;
use super::node::{Node, Settings, Start};
use super::report::{Stage, Tally};
use super::trace::{Injection, Work, work_of};
use crate::{RedisServer, Resp};
use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pause of a sender between batches: in all, four fifths of what a debug build takes on two cores.
pub const PACE: Duration = Duration::from_millis(3);

/// How long a collector may live that is to be killed at a call, before it is killed anyway.
const LIFE_MAX: Duration = Duration::from_millis(1_500);

/// Deaths of one recovery, at most.
const DEATHS_IN_A_ROW: u64 = 3;

/// Settings of a world, by its seed: each second one keeps only the newest of its log, each third one writes to a
/// real Redis.
fn settings(dice: &mut Dice, redis: Option<&RedisServer>) -> Settings {
    Settings {
        retention_mib: if dice.once_in(2) { 16 } else { 0 },
        dedup: if dice.once_in(2) { "1m" } else { "2m" },
        workers: if dice.once_in(2) { 1 } else { 2 },
        redis_url: redis.map(RedisServer::url).unwrap_or_default(),
        ..Settings::default()
    }
}

/// Runs one world with so many kills.
///
/// # Panics
/// If the machine does not let it.
#[must_use]
pub fn world(seed: u64, kills: u64) -> Tally {
    let mut dice = Dice::new(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let redis = dice.once_in(3).then(RedisServer::start);
    let settings = settings(&mut dice, redis.as_ref());
    let node = Node::new(folder.path(), &folder.path().join("data"), &settings);
    let journal = Arc::new(Journal::create(&folder.path().join("journal")));
    let oracle = Oracle::new(&journal);
    let load = Load::start(node.http, seed, &journal, PACE);
    let tally = Tally { worlds: 1, ..Tally::default() };
    let mut world = World { dice, node, oracle, load, tally };
    while world.tally.count() < kills && world.oracle.findings.is_clean() {
        world.live_and_die();
        for _ in 1..DEATHS_IN_A_ROW {
            if world.tally.count() < kills && world.dice.once_in(2) {
                world.recover_and_die();
            }
        }
        world.oracle.look_at_log(&world.node);
    }
    world.finish(settings.retention_mib == 0, redis.as_ref())
}

struct World {
    dice: Dice,
    node: Node,
    oracle: Oracle,
    load: Load,
    tally: Tally,
}

impl World {
    /// A life that ends while the collector works, if it comes so far.
    fn live_and_die(&mut self) {
        let injection = (!self.dice.once_in(3)).then(|| Injection::live(&mut self.dice));
        self.node.start(injection.as_ref());
        match self.node.wait_ready() {
            Start::Ready(after) => {
                if injection.is_none() {
                    self.tally.started(after);
                }
                let most = u64::try_from(LIFE_MAX.as_millis()).expect("short");
                let life =
                    injection.as_ref().map_or_else(|| self.dice.within(5, most / 2), |_| most);
                self.live_for(Duration::from_millis(life));
                self.die(Stage::Live, injection.as_ref());
            }
            Start::Ended(status) => {
                self.expect_killed(status);
                self.note_call(Stage::Recovering, injection.as_ref());
            }
        }
    }

    /// A life that is to end before the collector is ready.
    fn recover_and_die(&mut self) {
        let injection = self.dice.once_in(2).then(|| Injection::starting(&mut self.dice));
        self.node.start(injection.as_ref());
        let life = if injection.is_some() { 1_000 } else { self.dice.within(0, 120) };
        let deadline = Instant::now() + Duration::from_millis(life);
        let mut stage = Stage::Recovering;
        while Instant::now() < deadline && stage == Stage::Recovering {
            if let Some(status) = self.node.ended() {
                self.expect_killed(status);
                return self.note_call(stage, injection.as_ref());
            }
            if injection.is_some() && self.node.is_ready() {
                stage = Stage::Live;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        self.die(stage, injection.as_ref());
    }

    fn live_for(&mut self, life: Duration) {
        let deadline = Instant::now() + life;
        while Instant::now() < deadline {
            if let Some(status) = self.node.ended() {
                self.expect_killed(status);
                return;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// Kills it, if it has not come to the call that kills it, and notes the death.
    fn die(&mut self, stage: Stage, injection: Option<&Injection>) {
        let by_call = injection.is_some() && !self.node.is_running();
        let in_flight = self.load.in_flight();
        self.node.kill();
        if by_call {
            return self.note_call(stage, injection);
        }
        let work = match stage {
            Stage::Recovering => Work::Other,
            Stage::Live if in_flight > 0 => Work::Ingest,
            Stage::Live => Work::Idle,
        };
        self.tally.died(stage, work, "any time");
    }

    fn note_call(&mut self, stage: Stage, injection: Option<&Injection>) {
        let line = self.node.last_call().unwrap_or_default();
        let call = injection.map_or("any time", |injection| injection.call);
        self.tally.died(stage, work_of(&line), call);
    }

    fn expect_killed(&mut self, status: std::process::ExitStatus) {
        if status.signal() != Some(9) {
            let tail = self.node.tail();
            self.oracle.findings.break_down(|| format!("it ended with {status}:\n{tail}"));
        }
    }

    /// All views, after everything was answered.
    fn finish(mut self, is_whole: bool, redis: Option<&RedisServer>) -> Tally {
        if self.oracle.findings.is_clean() {
            self.node.start_ready();
            std::thread::sleep(Duration::from_millis(200));
        }
        let met = self.load.stop();
        self.tally.recognised = met.recognised;
        if met.forgotten > 0 {
            let forgotten = met.forgotten;
            self.oracle
                .findings
                .break_down(|| format!("{forgotten} acknowledged events came anew"));
        }
        if self.oracle.findings.is_clean() {
            self.node.settle();
            self.node.kill();
            self.oracle.look_at_log(&self.node);
            self.node.start_ready();
            let mut redis = redis.map(|redis| Resp::connect(redis.address));
            self.oracle.look_at_views(&self.node, redis.as_mut());
            if !self.node.stop() {
                let tail = self.node.tail();
                self.oracle.findings.break_down(|| format!("it did not end well:\n{tail}"));
            }
        }
        if is_whole && self.oracle.findings.is_clean() {
            let (equal, said) = self.node.replay();
            if !equal {
                self.oracle.findings.break_down(|| said);
            }
        }
        self.tally.acked = self.oracle.acked;
        self.tally.unknown = (self.oracle.unknown, self.oracle.unknown_there);
        self.tally.findings = self.oracle.findings.clone();
        self.tally
    }
}
