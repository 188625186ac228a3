//! One person in two worlds: known from the start, or put together from devices later.
use crate::encode::{Encoded, rule_set};
use crate::oracle::event::{Event, Kind};
use crate::rng::Rng;
use crate::world::World;
use sillage_engine::{Plan, Record};
use sillage_model::{PersonKey, ReceiptMillis};
use std::collections::{BTreeMap, BTreeSet};

/// Whom all devices of the world belong to here.
const PERSON: &str = "u:one";
/// Long enough for nothing in a world to come too late: a session that is over does not wait for
/// devices that join.
const LATENESS_MS: i64 = 120 * 86_400_000;
/// How long after the last receipt both are looked at.
const LATER_MS: &[i64] = &[0, 3_600_000, 86_400_000, 9 * 86_400_000, 40 * 86_400_000];

/// What was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compared {
    /// Devices that joined.
    pub devices: usize,
    /// Of these, how many had facts before and after they joined.
    pub split: usize,
    /// Bytes of state.
    pub bytes: usize,
    /// Memberships, held out or not, at some instant.
    pub memberships: usize,
}

impl Compared {
    /// Adds what was compared elsewhere.
    pub fn add(&mut self, other: Self) {
        self.devices += other.devices;
        self.split += other.split;
        self.bytes += other.bytes;
        self.memberships += other.memberships;
    }
}

/// Something that happens to the records of the person.
enum Step<'a> {
    Fact(&'a Encoded),
    Join { device: &'a str, received: i64 },
}

/// Folds all facts of a world as one person's, once into one record and once with each device apart
/// until it joins, in two orders, and compares.
///
/// # Errors
/// In which way the two differ.
pub fn unite(world: &World) -> Result<Compared, String> {
    let mut rng = Rng::new(world.seed);
    let mut rules = world.rules.clone();
    rules.lateness_ms = LATENESS_MS;
    for segment in &mut rules.segments {
        // What has a memory depends on the order in which things became known, and may.
        (segment.exit, segment.min_stay_ms) = (None, 0);
    }
    let plan = Plan::compile(&rule_set(&rules)).map_err(|found| format!("{found:?}"))?;
    let mut known = BTreeSet::new();
    let events = world.arrivals.iter().filter(|e| known.insert(e.message));
    let facts: Vec<(&Event, Encoded)> =
        events.filter(|e| e.kind != Kind::Alias).map(|e| (e, Encoded::new(e))).collect();
    let joins = joins(&mut rng, &facts);
    let mut compared = Compared { devices: joins.len(), ..Compared::default() };

    let whole = fold(&plan, &steps(&mut rng, &facts, &joins), &BTreeSet::new())?.0;
    let end = facts.iter().map(|(event, _)| event.received).max().unwrap_or_default();
    let apart = joins.keys().copied().collect();
    for _ in 0..2 {
        let (united, split) = fold(&plan, &steps(&mut rng, &facts, &joins), &apart)?;
        compared.split += split;
        compare(&plan, (&whole, &united), end, &mut compared)?;
    }
    Ok(compared)
}

/// When each device joins: the receipt of its link.
fn joins<'a>(rng: &mut Rng, facts: &[(&'a Event, Encoded)]) -> BTreeMap<&'a str, i64> {
    let devices: BTreeSet<&str> = facts.iter().filter_map(|(e, _)| e.device.as_deref()).collect();
    let receipt = |rng: &mut Rng| facts[rng.index(facts.len())].0.received;
    devices.into_iter().map(|device| (device, receipt(rng))).collect()
}

/// All facts and joins, in any order.
fn steps<'a>(
    rng: &mut Rng,
    facts: &'a [(&Event, Encoded)],
    joins: &BTreeMap<&'a str, i64>,
) -> Vec<Step<'a>> {
    let facts = facts.iter().map(|(_, encoded)| Step::Fact(encoded));
    let joins = joins.iter().map(|(&device, &received)| Step::Join { device, received });
    let mut steps: Vec<Step<'_>> = facts.chain(joins).collect();
    for last in (1..steps.len()).rev() {
        steps.swap(last, rng.index(last + 1));
    }
    steps
}

fn blank(member: &str) -> Record {
    Record::of(&PersonKey::parse(member).expect("a member's key"))
}

/// The person's record, and how many devices had facts on both sides of their joining. A device that
/// is not `apart` is the person's from the start.
fn fold(
    plan: &Plan,
    steps: &[Step<'_>],
    apart: &BTreeSet<&str>,
) -> Result<(Record, usize), String> {
    let mut person = blank(PERSON);
    let mut devices: BTreeMap<&str, Record> =
        apart.iter().map(|&device| (device, blank(&format!("a:{device}")))).collect();
    let (mut before, mut split) = (BTreeSet::new(), BTreeSet::<&str>::new());
    let mut out = Vec::new();
    for step in steps {
        match step {
            Step::Fact(encoded) => {
                let fact = encoded.fact(PERSON);
                match devices.get_mut(fact.device) {
                    Some(device) => {
                        before.insert(fact.device);
                        device.step(plan, &encoded.fact(&format!("a:{}", fact.device)), &mut out);
                    }
                    None => {
                        split.extend(before.get(fact.device));
                        person.step(plan, &fact, &mut out);
                    }
                }
            }
            Step::Join { device, received } => {
                let history =
                    devices.remove(device).unwrap_or_else(|| blank(&format!("a:{device}")));
                person
                    .absorb(plan, device, &history.export(), ReceiptMillis(*received), &mut out)
                    .map_err(|corrupt| corrupt.to_string())?;
            }
        }
    }
    Ok((person, split.len()))
}

/// Compares two records that know the same, the last of it received at `end`.
fn compare(
    plan: &Plan,
    (whole, united): (&Record, &Record),
    end: i64,
    compared: &mut Compared,
) -> Result<(), String> {
    let bytes = |record: &Record| {
        let mut bytes = Vec::new();
        record.state_bytes(&mut bytes);
        bytes
    };
    let (ours, theirs) = (bytes(whole), bytes(united));
    compared.bytes += ours.len();
    if ours != theirs {
        return Err("the state is not that of one person from the start".to_owned());
    }
    for later in LATER_MS {
        let now = end + later;
        let (ours, theirs) = (members(plan, whole, now), members(plan, united, now));
        compared.memberships += ours.len();
        if ours != theirs {
            return Err(format!("members at {now}: from the start {ours:?}, united {theirs:?}"));
        }
    }
    Ok(())
}

/// In which segments the person is, and out of which held, at an instant.
fn members(plan: &Plan, record: &Record, now: i64) -> Vec<(u16, bool)> {
    let mut record = record.clone();
    record.advance(plan, now, &mut Vec::new());
    let key = PersonKey::parse(PERSON).expect("a member's key");
    let profile = record.profile(plan, &key, now, 1);
    let shown = profile.segments.iter().map(|member| (member.segment.0, false));
    shown.chain(profile.held_out.iter().map(|member| (member.segment.0, true))).collect()
}
