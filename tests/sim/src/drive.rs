//! One world driven through the pipeline in any way: partitions, batches, clocks that run ahead,
//! restarts, crashes. None of it may show in what becomes of anybody.
use crate::compare::reads_memory;
use crate::encode::rule_set;
use crate::engine::{Engine, Handling};
use crate::oracle::Rules;
use crate::oracle::rule::Segment;
use crate::pipeline::{Pipeline, Setup};
use crate::rng::Rng;
use crate::subject::Subject;
use crate::world::World;
use sillage_engine::{Plan, Record};
use sillage_model::PersonKey;
use std::collections::BTreeSet;
use std::time::Duration;

const DAY_MS: i64 = 86_400_000;
/// Long enough for nothing to come too late, in whatever order partitions are read.
const LATENESS_MS: i64 = 120 * DAY_MS;
/// How far a clock runs ahead at once, at most.
const AHEAD_MS_MAX: i64 = 10 * DAY_MS;
/// How long after everything both are looked at.
const LATER_MS: i64 = 3 * DAY_MS;

/// What was done, and what was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Driven {
    /// Ways of driving a world.
    pub drives: usize,
    /// Batches appended.
    pub batches: usize,
    /// Times the clock ran ahead.
    pub ticks: usize,
    /// Restarts in good order.
    pub restarts: usize,
    /// Restarts after a crash.
    pub crashes: usize,
    /// Checkpoints lost in them.
    pub lost_checkpoints: usize,
    /// Workers cut off between folding a link and telling what follows from it.
    pub cut_appends: usize,
    /// Persons and devices whose state was compared.
    pub records: usize,
    /// Bytes of it.
    pub bytes: usize,
    /// Memberships compared, those with a memory where the order of facts was the same.
    pub memberships: usize,
}

impl Driven {
    /// Adds what was done elsewhere.
    pub fn add(&mut self, other: Self) {
        self.drives += other.drives;
        self.batches += other.batches;
        self.ticks += other.ticks;
        self.restarts += other.restarts;
        self.crashes += other.crashes;
        self.lost_checkpoints += other.lost_checkpoints;
        self.cut_appends += other.cut_appends;
        self.records += other.records;
        self.bytes += other.bytes;
        self.memberships += other.memberships;
    }
}

/// Drives the world once with so many partitions and compares with the engine alone.
///
/// # Errors
/// What differs.
pub fn drive(world: &World, partitions: u16) -> Result<Driven, String> {
    let rules = Rules { lateness_ms: LATENESS_MS, ..world.rules.clone() };
    let mut rng = Rng::new(world.seed ^ (u64::from(partitions) << 32));
    let mut alone = Engine::new(&rules, Handling::Gentle)?;
    for event in &world.arrivals {
        alone.deliver(event)?;
    }
    let setup = Setup {
        partitions,
        workers: u16::try_from(rng.range(1, 3)).expect("few").min(partitions),
        checkpoint_every: *rng.pick(&[Duration::ZERO, Duration::from_secs(30)]),
    };
    let batch = *rng.pick(&[1, 1, 1, 3, 17, usize::MAX]);
    let mut drive = Drive {
        pipeline: Pipeline::with(&rules, setup)?,
        rng,
        is_frozen: false,
        in_order: batch == 1,
        done: Driven { drives: 1, ..Driven::default() },
    };
    drive.go(world, batch).map_err(|why| format!("{setup:?}, batches of {batch}: {why}"))?;
    let Drive { pipeline, mut done, .. } = drive;
    let suffered = pipeline.suffered();
    done.lost_checkpoints = suffered.lost_checkpoints;
    done.cut_appends = suffered.cut_appends;
    let end = pipeline.now().max(rules_end(world)) + LATER_MS;
    alone.advance(end);
    let same = Same { rules: &rules, in_order: batch == 1, end };
    same.compare(&alone, pipeline, &mut done)
        .map_err(|why| format!("{setup:?}, batches of {batch}, {done:?}: {why}"))?;
    Ok(done)
}

fn rules_end(world: &World) -> i64 {
    world.arrivals.iter().map(|event| event.received.max(event.at)).max().unwrap_or_default()
}

struct Drive {
    pipeline: Pipeline,
    rng: Rng,
    is_frozen: bool,
    /// Whether everybody keeps step, so that the order of facts is the world's.
    in_order: bool,
    done: Driven,
}

impl Drive {
    /// Takes the world's arrivals in, with everything that may happen between them.
    fn go(&mut self, world: &World, batch: usize) -> Result<(), String> {
        for events in world.arrivals.chunks(batch) {
            if self.rng.chance(10) {
                let some = self.rng.bits();
                self.pipeline.freeze(|worker| some >> worker & 1 == 1);
                self.is_frozen = true;
            }
            if self.rng.chance(10) {
                self.pipeline.cut_next_append();
            }
            self.pipeline.append(events)?;
            self.done.batches += 1;
            if self.in_order || self.rng.chance(50) {
                self.pipeline.catch_up();
            }
            if self.rng.chance(8) {
                let ahead = self.rng.range(0, AHEAD_MS_MAX);
                self.pipeline.tick(self.pipeline.now() + ahead);
                self.done.ticks += 1;
            }
            self.interrupt()?;
        }
        self.crash()
    }

    fn interrupt(&mut self) -> Result<(), String> {
        if self.pipeline.has_failed() || (self.is_frozen && self.rng.chance(30)) {
            return self.crash();
        }
        if !self.is_frozen && self.rng.chance(5) {
            // Who is told to stop while an append fails ends as in a crash.
            self.done.restarts += 1;
            if self.pipeline.restart().is_err() {
                return self.crash();
            }
        }
        Ok(())
    }

    fn crash(&mut self) -> Result<(), String> {
        self.done.crashes += 1;
        self.is_frozen = false;
        self.pipeline.crash()?;
        if self.in_order {
            self.pipeline.catch_up();
        }
        Ok(())
    }
}

/// Holds what became of everybody to what the engine alone makes of the same facts.
struct Same<'a> {
    rules: &'a Rules,
    /// Whether everybody's facts were folded in the order in which they arrived.
    in_order: bool,
    end: i64,
}

impl Same<'_> {
    fn compare(&self, alone: &Engine, pipeline: Pipeline, done: &mut Driven) -> Result<(), String> {
        let plan = Plan::compile(&rule_set(self.rules)).map_err(|found| format!("{found:?}"))?;
        let records = pipeline.into_records()?;
        let states = alone.fingerprints();
        if !states.keys().eq(records.keys()) {
            return Err(format!("not the same persons: {:?} {:?}", states.keys(), records.keys()));
        }
        let looks = alone.look(self.end);
        for (owner, mut record) in records {
            let mut bytes = Vec::new();
            record.state_bytes(&mut bytes);
            done.records += 1;
            done.bytes += bytes.len();
            if states[&owner] != bytes {
                return Err(format!("the state of {owner} is not what its facts make"));
            }
            let Some(look) = looks.get(&owner) else { continue };
            let (shown, held_out) = self.members(&plan, &owner, &mut record);
            let compared = self.rules.segments.iter().filter(|segment| self.is_compared(segment));
            for Segment { key, .. } in compared {
                done.memberships += 1;
                let ours = (look.segments.contains_key(key), look.held_out.contains_key(key));
                let theirs = (shown.contains(key), held_out.contains(key));
                if ours != theirs {
                    return Err(format!("{owner} in {key}: alone {ours:?}, driven {theirs:?}"));
                }
            }
        }
        Ok(())
    }

    /// What has a memory depends on the order of facts, which batches may change for a device that
    /// was linked in another partition.
    fn is_compared(&self, segment: &Segment) -> bool {
        self.in_order || !reads_memory(segment, self.rules)
    }

    fn members(
        &self,
        plan: &Plan,
        owner: &str,
        record: &mut Record,
    ) -> (BTreeSet<String>, BTreeSet<String>) {
        record.advance(plan, self.end, &mut Vec::new());
        let key = PersonKey::parse(owner).expect("records lie under person keys");
        let profile = record.profile(plan, &key, self.end, 1);
        let name = |index: u16| plan.segments()[usize::from(index)].key.to_string();
        let shown = profile.segments.iter().map(|member| name(member.segment.0)).collect();
        (shown, profile.held_out.iter().map(|member| name(member.segment.0)).collect())
    }
}
