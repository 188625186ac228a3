//! The real writer beside a world: it is run between moves, killed with its collector, and looked at.
use super::server::{Refusal, Server};
use crate::rng::Rng;
use crate::whole::Violation;
use crate::whole::collector::Collector;
use crate::whole::met::Met;
use sillage_eventlog::EventLog as _;
use sillage_store::keys::{Key, segment_shard};
use sillage_store::{RedisAddress, RedisStats, RedisTls, RedisWriter, Shown, View};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Looks at both sides in which nothing moved before time passes.
const IDLE_LOOKS: u32 = 4;
/// How much passes then, in milliseconds.
const STEP_MS: u64 = 20;
/// Time in which the writer is to notice what its server has lost: above the second between two of
/// its checks.
const NOTICE_MS: u64 = 2_500;
/// Time given to a writer between two moves.
const SETTLE_MS: u64 = 10_000;
/// Time in which a writer whose server is well must have written everything: above its longest
/// pause and its longest wait for an answer.
const REST_MS: u64 = 60_000;

/// What is told of hashes and sets: by key, by field or member, the value.
type Content = BTreeMap<String, Fields>;
type Fields = BTreeMap<String, String>;

/// When Redis and view are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compared {
    /// While the collector goes on.
    Between,
    /// When nothing is on its way any more.
    AtRest,
}

/// One life of the writer. The runtime goes first: its end is the end of the task.
struct Life {
    runtime: tokio::runtime::Runtime,
    writer: RedisWriter,
    view: Arc<View>,
    /// Where the log ended when it began: before that has been read, nothing is written.
    from: u64,
    ready: Arc<AtomicBool>,
}

/// A Redis and its writer.
pub struct Side {
    server: Server,
    rng: Rng,
    life: Option<Life>,
    /// The highest version of each hash since Redis last lost anything.
    high: BTreeMap<String, u64>,
    /// Whether the writer may not have noticed yet what its server has lost.
    is_suspect: bool,
    /// Per mille of moves in which something goes wrong.
    faults: u64,
    /// What was met.
    pub met: Met,
}

impl std::fmt::Debug for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Side").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Side {
    /// An empty Redis.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x7265_6469_7300);
        let server = Server::new();
        let faults = *rng.pick(&[0, 40, 80]);
        Self {
            server,
            rng,
            life: None,
            high: BTreeMap::new(),
            is_suspect: false,
            faults,
            met: Met::default(),
        }
    }

    /// What happens to Redis in one move of the world.
    ///
    /// # Errors
    /// I6 is broken.
    pub fn make_move(&mut self, collector: Option<&Collector>, now: i64) -> Result<(), Violation> {
        self.follow(collector, now);
        if self.rng.bits() % 1_000 < self.faults {
            self.go_wrong();
        }
        // Drawn each time, so that what is drawn hangs on nothing that sockets do.
        if self.rng.chance(8) && self.server.has_late() {
            self.do_late(now);
        }
        // Only now and then to the end, and sometimes not at all, so that collectors die with much
        // that is unwritten.
        let whole = match self.rng.index(10) {
            0..3 => true,
            3..6 => false,
            _ => return self.look(),
        };
        let settled = self.run(now, if whole { SETTLE_MS } else { 0 });
        self.look()?;
        if whole && settled { self.compare(Compared::Between) } else { Ok(()) }
    }

    /// Nothing goes wrong any more: Redis must become what the view shows, and stay so.
    ///
    /// # Errors
    /// I6 is broken, or the writer never comes to the end.
    pub fn come_to_rest(
        &mut self,
        collector: Option<&Collector>,
        now: i64,
    ) -> Result<(), Violation> {
        self.follow(collector, now);
        self.server.heal();
        while self.server.has_late() {
            self.do_late(now);
        }
        if !self.run(now, REST_MS) {
            let seen = self.life.as_ref().map(|life| life.writer.stats());
            return Err(Violation::new("I6: Redis comes to rest", format!("{seen:?}")));
        }
        self.met.one("redis: compared at the end");
        self.look()?;
        self.compare(Compared::AtRest)
    }

    /// Lets the writer end with the collector whose view it wrote, and another begin.
    fn follow(&mut self, collector: Option<&Collector>, now: i64) {
        let is_same = match (&self.life, collector) {
            (Some(life), Some(collector)) => Arc::ptr_eq(&life.view, &collector.view),
            (None, None) => true,
            _ => false,
        };
        if !is_same {
            self.kill(now);
            self.life = collector.map(|collector| self.begin(collector));
        }
        let (Some(life), Some(collector)) = (&self.life, collector) else { return };
        let read = collector.workers.iter().map(|worker| worker.stats().cursor()).min();
        if read.is_some_and(|read| read >= life.from) {
            life.ready.store(true, Ordering::SeqCst);
        }
    }

    fn begin(&self, collector: &Collector) -> Life {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let runtime = runtime.expect("a runtime without threads");
        let url = format!("redis://{}", self.server.address());
        let address = RedisAddress::parse(&url, RedisTls::default()).expect("an address");
        let ready = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&ready);
        let writer = {
            let _within = runtime.enter();
            let shown = Shown::new(Arc::clone(&collector.view));
            RedisWriter::spawn(address, shown, move || asked.load(Ordering::SeqCst))
        };
        let view = Arc::clone(&collector.view);
        Life { runtime, writer, view, from: collector.log.end().0, ready }
    }

    /// The collector has ended: its writer with it, perhaps with a pipeline on its way.
    fn kill(&mut self, now: i64) {
        let Some(life) = self.life.take() else { return };
        if self.rng.chance(60) {
            self.server.hold(u64::MAX / 2);
            let waiting = life.view.profiles().count();
            run(&mut self.server, &life, now, (0, 0));
            drop(life);
            self.server.turn(now);
            self.server.hold(0);
            self.met.many("redis: a writer was killed over a pipeline", u64::from(waiting > 0));
        } else {
            self.met.one("redis: a writer was killed");
        }
    }

    fn run(&mut self, now: i64, most_ms: u64) -> bool {
        let Some(life) = &self.life else {
            self.server.turn(now);
            return false;
        };
        let least_ms = if self.is_suspect { NOTICE_MS.min(most_ms) } else { 0 };
        let settled = run(&mut self.server, life, now, (least_ms, most_ms));
        if settled && least_ms == NOTICE_MS {
            self.is_suspect = false;
        }
        settled
    }

    fn do_late(&mut self, now: i64) {
        if self.server.do_late(now) > 0 {
            self.met.one("redis: a pipeline was done late");
            // It may have overwritten the marker of the writer of now.
            self.is_suspect = true;
        }
    }

    fn go_wrong(&mut self) {
        self.is_suspect = true;
        let server = &mut self.server;
        let ms = *self.rng.pick(&[50, 1_000, 8_000]);
        self.met.one(match self.rng.index(12) {
            0 => {
                server.forget();
                "redis: lost its keys"
            }
            1 => {
                server.forget();
                server.restart();
                "redis: began anew without keys"
            }
            2 => {
                server.go_back();
                "redis: began anew with older keys"
            }
            3 | 4 => {
                server.save();
                "redis: saved"
            }
            5 => {
                server.lose_scripts();
                "redis: lost its scripts"
            }
            6 => {
                server.restart();
                "redis: began anew with its keys"
            }
            7 | 11 => {
                let every = *self.rng.pick(&[1, 3]);
                let what = *self.rng.pick(&[Refusal::Memory, Refusal::ReadOnly, Refusal::Loading]);
                server.refuse(what, every, ms);
                match what {
                    Refusal::Memory => "redis: no memory",
                    Refusal::ReadOnly => "redis: read only",
                    Refusal::Loading => "redis: loading",
                }
            }
            8 => {
                let commands = self.rng.range(1, 12).cast_unsigned();
                server.cut_after(commands, self.rng.chance(50));
                "redis: cut its connections"
            }
            9 => {
                server.hold(ms);
                "redis: answered late"
            }
            _ => {
                server.go_down(ms);
                "redis: took nobody in"
            }
        });
        self.high.clear();
    }

    /// I6: no version goes back while Redis keeps what it was given.
    fn look(&mut self) -> Result<(), Violation> {
        for (key, hash) in &self.server.keys.hashes {
            let Some(version) = hash.get("v").and_then(|v| v.parse().ok()) else { continue };
            let high = self.high.entry(key.clone()).or_default();
            if version < *high {
                let seen = format!("{key}: {version} after {high}");
                return Err(Violation::new("I6: no version goes back", seen));
            }
            *high = version;
        }
        Ok(())
    }

    /// I6: Redis holds what the view shows, and nothing else.
    fn compare(&mut self, when: Compared) -> Result<(), Violation> {
        let Some(life) = &self.life else { return Ok(()) };
        self.met.one("redis: compared");
        let (shown, held) = (shown(&life.view), held(&self.server));
        for key in shown.keys().chain(held.keys()) {
            let (shown, held) = (shown.get(key), held.get(key));
            // Facts are on their way from a device to its person, whose write replaces the hash.
            let is_moving = when == Compared::Between && shown.is_none() && key.contains(":a:");
            if !is_moving && !is_same(shown, held) {
                let seen = format!("{key}: shown {shown:?}, in Redis {held:?}");
                return Err(Violation::new("I6: Redis is what the view shows", seen));
            }
        }
        Ok(())
    }
}

/// Runs the writer and its server until Redis holds everything, at least and at most so long;
/// whether it does.
fn run(server: &mut Server, life: &Life, now: i64, (least_ms, most_ms): (u64, u64)) -> bool {
    let is_ready = life.ready.load(Ordering::SeqCst);
    life.runtime.block_on(async {
        let (mut idle, mut passed, mut well) = (0, 0, 0);
        loop {
            let is_busy = server.turn(now);
            tokio::task::yield_now().await;
            idle = if is_busy { 0 } else { idle + 1 };
            if idle < IDLE_LOOKS {
                continue;
            }
            let RedisStats { connected, filled, dirty, .. } = life.writer.stats();
            let settled = is_ready && connected && filled && dirty == 0;
            let is_enough = settled && well >= least_ms;
            if is_enough || passed >= most_ms {
                return is_enough;
            }
            idle = 0;
            passed += STEP_MS;
            // What was lost is noticed only by a check that is answered.
            well = if server.is_well() { well + STEP_MS } else { 0 };
            server.ms += STEP_MS;
            tokio::time::advance(Duration::from_millis(STEP_MS)).await;
        }
    })
}

/// Whether both are the same, or one version as of two instants: after a start everybody is shown as
/// of a later one, with scores that have decayed since, and Redis keeps what it has of that version.
fn is_same(shown: Option<&Fields>, held: Option<&Fields>) -> bool {
    let (Some(shown), Some(held)) = (shown, held) else { return shown == held };
    let lasting = |fields: &Fields| -> Fields {
        let lasts = |field: &str| field != "as_of" && !field.starts_with("score:");
        fields.iter().filter(|(f, _)| lasts(f)).map(|(f, v)| (f.clone(), v.clone())).collect()
    };
    let is_instant = shown.contains_key("v") && shown.get("as_of") != held.get("as_of");
    if is_instant { lasting(shown) == lasting(held) } else { shown == held }
}

fn shown(view: &View) -> Content {
    let mut content = Content::new();
    let prefix = format!("sl:{}:", view.project());
    for profile in view.profiles() {
        let member = profile.member.as_str();
        let Some(fields) = view.hash(&Key::Profile(member)) else { continue };
        let fields: Fields = fields.into_iter().collect();
        for device in &profile.devices {
            content.insert(format!("{prefix}a:{device}"), fields.clone());
        }
        content.insert(format!("{prefix}{member}"), fields);
        for membership in &profile.segments {
            let Some(label) = view.labels().segment(membership.segment) else { continue };
            let key = format!("{prefix}seg:{}:{}", label.key, segment_shard(member));
            let set = content.entry(key).or_default();
            set.insert(member.to_owned(), membership.entered_at.0.to_string());
        }
    }
    content
}

fn held(server: &Server) -> Content {
    let hashes = server.keys.hashes.iter().filter(|(key, _)| !key.ends_with(":meta"));
    let hashes = hashes.map(|(key, hash)| (key.clone(), hash.fields.iter().cloned().collect()));
    let sets = server.keys.sets.iter().map(|(key, set)| {
        let members = set.iter().map(|(member, score)| (member.clone(), score.to_string()));
        (key.clone(), members.collect())
    });
    hashes.chain(sets).collect()
}
