//! The three views of what happened, compared: the log's bytes, the engine's answers, Redis.
use super::dump::{Dump, Found};
use super::event::PERSONS;
use super::journal::{Fate, Journal};
use super::node::Node;
use crate::{Http, Project, Reply, Resp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sentences that are kept of what is wrong; the rest is only counted.
const NOTES_MAX: usize = 20;

/// What is wrong, by kind; all zero if nothing is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Events acknowledged and not in the log.
    pub lost: u64,
    /// Events that are in the log more than once.
    pub doubled: u64,
    /// Events in the log that are not what was sent.
    pub altered: u64,
    /// Events in the log that nobody sent.
    pub foreign: u64,
    /// Persons of whom the engine counts something else than the log holds.
    pub engine_differs: u64,
    /// Persons whose Redis value is not the engine's.
    pub redis_differs: u64,
    /// Starts that failed, files that cannot be read, states that are not what the log says.
    pub broken: u64,
    /// The first of them, in words.
    pub notes: Vec<String>,
}

impl Findings {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let Self { lost, doubled, altered, foreign, engine_differs, redis_differs, broken, .. } =
            self;
        lost + doubled + altered + foreign + engine_differs + redis_differs + broken == 0
    }

    /// Notes one thing in words.
    pub fn note(&mut self, text: impl FnOnce() -> String) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(text());
        }
    }

    /// Notes what must not be.
    pub fn break_down(&mut self, text: impl FnOnce() -> String) {
        self.broken += 1;
        self.note(text);
    }

    /// Adds those of another world.
    pub fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.altered += other.altered;
        self.foreign += other.foreign;
        self.engine_differs += other.engine_differs;
        self.redis_differs += other.redis_differs;
        self.broken += other.broken;
        for text in &other.notes {
            self.note(|| text.clone());
        }
    }
}

/// Who knows what was sent, and what of it must be where.
#[derive(Debug)]
pub struct Oracle {
    journal: Arc<Journal>,
    dump: Dump,
    /// What was found wrong so far.
    pub findings: Findings,
    /// Events acknowledged, as of the last look at the log.
    pub acked: u64,
    /// Events of which it is not known, as of then.
    pub unknown: u64,
    /// Of these, how many are there.
    pub unknown_there: u64,
}

impl Oracle {
    /// One that has seen nothing.
    #[must_use]
    pub fn new(journal: &Arc<Journal>) -> Self {
        Self {
            journal: Arc::clone(journal),
            dump: Dump::default(),
            findings: Findings::default(),
            acked: 0,
            unknown: 0,
            unknown_there: 0,
        }
    }

    /// Events that are in the log, as of the last look.
    #[must_use]
    pub fn in_log(&self) -> u64 {
        self.dump.persons.values().sum()
    }

    /// Compares the journal with the log of a collector that does not run. What it says of losses replaces
    /// what it said before.
    pub fn look_at_log(&mut self, node: &Node) {
        if let Err(error) = self.dump.read_on(&node.project_folder("log")) {
            self.findings.break_down(|| error);
        }
        let intents = self.journal.read();
        let (mut lost, mut doubled, mut altered, mut foreign) = (0, 0, 0, 0);
        (self.acked, self.unknown, self.unknown_there) = (0, 0, 0);
        for (number, intent) in &intents {
            let found = self.dump.events.get(number);
            let is_acked = intent.fate == Fate::Acked;
            self.acked += u64::from(is_acked);
            self.unknown += u64::from(!is_acked);
            self.unknown_there += u64::from(!is_acked && found.is_some());
            let Some(found) = found else {
                lost += u64::from(is_acked);
                continue;
            };
            doubled += u64::from(found.times > 1);
            altered += u64::from(found.hash != intent.hash);
        }
        for number in self.dump.events.keys() {
            foreign += u64::from(!intents.contains_key(number));
        }
        altered += self.dump.altered.len() as u64;
        let findings = &mut self.findings;
        (findings.lost, findings.doubled, findings.altered, findings.foreign) =
            (lost, doubled, altered, foreign);
    }

    /// Takes from the journal alone what must be there: for a log that was whole when all was answered.
    pub fn count_by_journal(&mut self) {
        for (number, intent) in self.journal.read() {
            if intent.fate == Fate::Acked {
                self.dump.events.insert(number, Found { times: 1, hash: intent.hash });
                *self.dump.persons.entry(intent.person).or_default() += 1;
            }
        }
    }

    /// Compares what the engine and Redis say with the log, as it was looked at last. Nothing may be sent since.
    ///
    /// # Panics
    /// If the collector does not answer.
    pub fn look_at_views(&mut self, node: &Node, redis: Option<&mut Resp>) {
        node.settle();
        let summary = Http::connect(node.http).get("/v1/summary", Project::READ_TOKEN).json();
        let total = self.in_log();
        if summary["events"]["Tried"].as_u64().unwrap_or(0) != total {
            self.findings.break_down(|| format!("{total} events are in the log: {summary}"));
        }
        let engine = engine(node);
        let mut face = shown(&mut node.resp());
        // The face is the collector's own and is there at once; a real Redis follows.
        let behind = redis.map(|redis| {
            let caught_up = || (shown(redis) == face).then_some(());
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(15);
            let mut caught_up = caught_up;
            while caught_up().is_none() && std::time::Instant::now() < deadline {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            shown(redis)
        });
        if let Some(behind) = behind {
            let differ = (0..PERSONS).filter(|p| behind.get(p) != face.get(p)).count();
            self.findings.redis_differs += differ as u64;
            if differ > 0 {
                self.findings.note(|| format!("{differ} persons differ in the real Redis"));
            }
        }
        for person in 0..PERSONS {
            let there = self.dump.persons.get(&person).copied().unwrap_or(0);
            let counted = engine.get(&person).copied().unwrap_or(0);
            if counted != there {
                self.findings.engine_differs += 1;
                self.findings.note(|| format!("p{person}: {there} in the log, {counted} counted"));
            }
            let shown = face.remove(&person).unwrap_or_default();
            let expected = Shown { events: counted, tried: counted >= 1, often: counted >= 10 };
            if shown != expected {
                self.findings.redis_differs += 1;
                self.findings.note(|| format!("p{person}: {shown:?}, not {expected:?}"));
            }
        }
    }
}

/// What Redis shows of a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Shown {
    events: u64,
    tried: bool,
    often: bool,
}

/// How many events each person has, over HTTP.
fn engine(node: &Node) -> BTreeMap<u64, u64> {
    let mut http = Http::connect(node.http);
    let ask = |person| {
        let answer = http.get(&format!("/v1/users/p{person}"), Project::READ_TOKEN);
        assert!(answer.status == 200 || answer.status == 404, "{}", answer.status);
        let count = (answer.status == 200).then(|| answer.json()["session"]["events"].as_u64());
        (person, count.flatten().unwrap_or(0))
    };
    (0..PERSONS).map(ask).collect()
}

/// What each person has in Redis.
fn shown(redis: &mut Resp) -> BTreeMap<u64, Shown> {
    let ask = |person| {
        let key = format!("sl:{}:u:p{person}", Project::NAME);
        let reply = redis.ask(&["HMGET", &key, "sess:events", "seg:tried", "seg:often"]).items();
        let is = |at: usize| matches!(&reply[at], Reply::Bulk(Some(_)));
        let events = match &reply[0] {
            Reply::Bulk(Some(text)) => text.parse().expect("a count"),
            _ => 0,
        };
        (person, Shown { events, tried: is(1), often: is(2) })
    };
    (0..PERSONS).map(ask).collect()
}
