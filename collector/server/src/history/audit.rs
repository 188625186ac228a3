//! All segments over all of history: how large, how alike, how used, and what to do about it.
use super::audit_findings::{Finding, Ground, findings};
use super::preview::{DAYS, compiled};
use super::{Held, Refusal, Watch, time};
use serde::{Deserialize, Serialize};
use sillage_engine::{Plan, RuleSet};
use sillage_eventlog::EventLog;
use sillage_model::SegmentIndex;
use sillage_worker::history::{Pairs, Survey, SurveyOf, Trace, survey};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Segments that are compared two by two: the largest. 512 of them make 2 MiB of counts.
const COMPARED_MAX: usize = 512;
/// Days over which entries and exits are averaged.
const RATE_DAYS: usize = 30;

/// What is to be audited.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) project: String,
    pub(crate) rules: RuleSet,
    /// The moment as of which, in milliseconds since the epoch.
    pub(crate) until: i64,
    /// Reads by segment, and since when they are counted; known to a running collector only.
    pub(crate) reads: Option<(BTreeMap<String, u64>, i64)>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Audit {
    pub(crate) project: String,
    pub(crate) as_of: String,
    pub(crate) history: Held,
    /// Persons, and devices that belong to nobody.
    pub(crate) persons: u64,
    pub(crate) events: u64,
    pub(crate) seconds: f64,
    /// Since when reads are counted; null without a running collector.
    pub(crate) reads_since: Option<String>,
    pub(crate) findings: Vec<Finding>,
    /// The largest first.
    pub(crate) segments: Vec<Row>,
    /// Persons in no segment, in one, in two, and so on.
    pub(crate) persons_by_memberships: Vec<u64>,
    pub(crate) correlation: Correlation,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) public: bool,
    pub(crate) members: u64,
    /// Of all persons, from 0 to 1.
    pub(crate) share: f64,
    /// Null if the log does not reach back so far.
    pub(crate) members_7d_ago: Option<u64>,
    pub(crate) members_30d_ago: Option<u64>,
    /// Entries and exits over all of history.
    pub(crate) entries: u64,
    pub(crate) exits: u64,
    /// Means over the last 30 days.
    pub(crate) entries_per_day: f64,
    pub(crate) exits_per_day: f64,
    /// Null without a running collector.
    pub(crate) reads: Option<u64>,
    /// Segments whose rules refer to it.
    pub(crate) referred_by: Vec<String>,
    /// As each of the last 90 local days ended, oldest first.
    pub(crate) members_by_day: Vec<u64>,
}

/// Pearson's correlation of every two memberships (φ).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Correlation {
    /// By size; the largest, if there are very many.
    pub(crate) segments: Vec<String>,
    /// A row for each of them; null where a segment holds nobody or everybody.
    pub(crate) phi: Vec<Vec<Option<f64>>>,
}

/// Looks at everything. Fails with [`Refusal::BrokenOff`] if `watch` breaks.
pub(crate) fn audit<L: EventLog>(
    log: &L,
    asked: &Asked,
    watch: Watch<'_>,
) -> Result<Audit, Refusal> {
    let plan = compiled(&asked.rules)?;
    let started = Instant::now();
    let (zone, until) = (asked.rules.zone.clone(), asked.until);
    let of = SurveyOf { plan: Arc::clone(&plan), zone, until, days: DAYS };
    let found = survey(log, of, watch)?.ok_or(Refusal::BrokenOff)?;
    let persons = found.persons();
    let order = by_size(&found.traces);
    let known_from = found.from.map_or(i64::MAX, |from| asked.rules.zone.day(from));
    let row = |&segment: &SegmentIndex| row(asked, (&plan, &found, persons), segment, known_from);
    let segments: Vec<Row> = order.iter().map(row).collect();
    let compared = &order[..order.len().min(COMPARED_MAX)];
    let pairs = found.pairs(compared);
    let ground = Ground {
        rules: &asked.rules,
        plan: &plan,
        found: &found,
        persons,
        until: asked.until,
        rows: &segments,
        order: &order,
        pairs: (&pairs, compared.len()),
    };
    Ok(Audit {
        project: asked.project.clone(),
        as_of: time(asked.until),
        history: Held::of(log, found.from),
        persons,
        events: found.facts,
        reads_since: asked.reads.as_ref().map(|(_, since)| time(*since)),
        findings: findings(&ground),
        correlation: correlation(&pairs, &segments[..compared.len()], persons),
        persons_by_memberships: found.by_memberships(),
        segments,
        seconds: started.elapsed().as_secs_f64(),
    })
}

fn by_size(traces: &[Trace]) -> Vec<SegmentIndex> {
    let mut order: Vec<SegmentIndex> =
        (0..=u16::MAX).map(SegmentIndex).take(traces.len()).collect();
    order.sort_by_key(|segment| std::cmp::Reverse(traces[usize::from(segment.0)].members));
    order
}

#[allow(clippy::cast_precision_loss, reason = "shares and means of counts far below 2^53")]
fn row(
    asked: &Asked,
    (plan, found, persons): (&Plan, &Survey, u64),
    segment: SegmentIndex,
    known_from: i64,
) -> Row {
    let place = usize::from(segment.0);
    let (info, trace) = (&plan.segments()[place], &found.traces[place]);
    let days = &trace.days;
    let last_day = found.first_day + i64::try_from(days.len()).unwrap_or(0) - 1;
    let ago = |ago: usize| {
        let place = days.len().checked_sub(1 + ago)?;
        let is_known = last_day - i64::try_from(ago).ok()? >= known_from;
        days.get(place).map(|day| day.members).filter(|_| is_known)
    };
    let recent = &days[days.len().saturating_sub(RATE_DAYS)..];
    let rate = |pick: fn(&sillage_worker::history::Day) -> u64| {
        recent.iter().map(pick).sum::<u64>() as f64 / recent.len().max(1) as f64
    };
    let key_of = |other: SegmentIndex| plan.segments()[usize::from(other.0)].key.clone();
    let read = |reads: &BTreeMap<String, u64>| reads.get(&info.key).copied().unwrap_or(0);
    Row {
        key: info.key.clone(),
        name: info.name.clone(),
        public: info.public,
        members: trace.members,
        share: trace.members as f64 / persons.max(1) as f64,
        members_7d_ago: ago(7),
        members_30d_ago: ago(30),
        entries: trace.entered,
        exits: trace.left,
        entries_per_day: rate(|day| day.entered),
        exits_per_day: rate(|day| day.left),
        reads: asked.reads.as_ref().map(|(reads, _)| read(reads)),
        referred_by: plan.dependents(segment).map(key_of).collect(),
        members_by_day: days.iter().map(|day| day.members).collect(),
    }
}

fn correlation(pairs: &Pairs, rows: &[Row], persons: u64) -> Correlation {
    let phi = |a: usize, b: usize| pairs.overlap(a, b).phi(persons);
    Correlation {
        segments: rows.iter().map(|row| row.key.clone()).collect(),
        phi: (0..rows.len()).map(|a| (0..rows.len()).map(|b| phi(a, b)).collect()).collect(),
    }
}
