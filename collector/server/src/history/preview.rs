//! One segment over all of history.
use super::{Held, Refusal, Watch, date, time};
use crate::diagnose::diagnoses;
use serde::{Deserialize, Serialize};
use sillage_engine::{Plan, RuleSet};
use sillage_eventlog::EventLog;
use sillage_model::{PersonKey, SegmentIndex};
use sillage_worker::history::{Survey, SurveyOf, survey};
use std::sync::Arc;
use std::time::Instant;

/// Local days that are told one by one.
pub(crate) const DAYS: usize = 90;
/// Members that are named.
const SAMPLE: usize = 20;

/// What is to be run.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) project: String,
    /// All rules, the previewed one among them.
    pub(crate) rules: RuleSet,
    pub(crate) segment: SegmentIndex,
    /// The moment as of which, in milliseconds since the epoch.
    pub(crate) until: i64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Preview {
    pub(crate) project: String,
    pub(crate) segment: Shown,
    pub(crate) as_of: String,
    pub(crate) history: Held,
    /// Persons, and devices that belong to nobody.
    pub(crate) persons: u64,
    pub(crate) members: u64,
    pub(crate) held_out: u64,
    /// Entries and exits over all of history.
    pub(crate) entries: u64,
    pub(crate) exits: u64,
    /// Local days of this zone, oldest first.
    pub(crate) zone: String,
    pub(crate) days: Vec<DayShown>,
    pub(crate) overlap: Vec<OverlapShown>,
    pub(crate) sample: Vec<SampleShown>,
    pub(crate) events: u64,
    pub(crate) seconds: f64,
    pub(crate) events_per_second: f64,
}

/// The segment, with what the compiler says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shown {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) when: String,
    pub(crate) exit: Option<String>,
    pub(crate) class: String,
    pub(crate) exactness: String,
    pub(crate) events_read: Vec<String>,
    pub(crate) bytes_per_person: usize,
    pub(crate) worst_exit_lag_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DayShown {
    pub(crate) day: String,
    pub(crate) entries: u64,
    pub(crate) exits: u64,
    /// When the day ended; today, now.
    pub(crate) members: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OverlapShown {
    pub(crate) segment: String,
    /// Members of the other segment.
    pub(crate) members: u64,
    /// Null if both are empty.
    pub(crate) jaccard: Option<f64>,
    pub(crate) both: u64,
    pub(crate) only_this: u64,
    pub(crate) only_that: u64,
}

/// Exactly one of the two ids is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SampleShown {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) anonymous_id: Option<String>,
    pub(crate) entered_at: String,
}

/// Compiles rules, or says in full what is wrong with them.
pub(crate) fn compiled(rules: &RuleSet) -> Result<Arc<Plan>, Refusal> {
    let wrong = |diagnostics: Vec<_>| Refusal::Rules(diagnoses(&rules.segments, &diagnostics));
    Plan::compile(rules).map(Arc::new).map_err(wrong)
}

/// Runs it. Fails with [`Refusal::BrokenOff`] if `watch` breaks.
pub(crate) fn preview<L: EventLog>(
    log: &L,
    asked: &Asked,
    watch: Watch<'_>,
) -> Result<Preview, Refusal> {
    let plan = compiled(&asked.rules)?;
    let started = Instant::now();
    let of = SurveyOf {
        plan: Arc::clone(&plan),
        zone: asked.rules.zone.clone(),
        until: asked.until,
        days: DAYS,
    };
    let found = survey(log, of, watch)?.ok_or(Refusal::BrokenOff)?;
    let seconds = started.elapsed().as_secs_f64();
    let trace = &found.traces[usize::from(asked.segment.0)];
    let day = |(number, day): (i64, &sillage_worker::history::Day)| DayShown {
        day: date(number),
        entries: day.entered,
        exits: day.left,
        members: day.members,
    };
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    let events_per_second = found.facts as f64 / seconds.max(1e-6);
    Ok(Preview {
        project: asked.project.clone(),
        segment: shown(&asked.rules, &plan, asked.segment),
        as_of: time(asked.until),
        history: Held::of(log, found.from),
        persons: found.persons(),
        members: trace.members,
        held_out: found.held_out(asked.segment),
        entries: trace.entered,
        exits: trace.left,
        zone: asked.rules.zone.name.clone(),
        days: (found.first_day..).zip(&trace.days).map(day).collect(),
        overlap: overlaps(&found, &plan, asked.segment),
        sample: sample(&found, asked.segment),
        events: found.facts,
        seconds,
        events_per_second,
    })
}

fn shown(rules: &RuleSet, plan: &Plan, segment: SegmentIndex) -> Shown {
    let place = usize::from(segment.0);
    let (source, info) = (&rules.segments[place], &plan.segments()[place]);
    Shown {
        key: info.key.clone(),
        name: info.name.clone(),
        when: source.when.trim().to_owned(),
        exit: source.exit.as_deref().map(|exit| exit.trim().to_owned()),
        class: info.class.to_owned(),
        exactness: info.exactness.clone(),
        events_read: info.events_read.clone(),
        bytes_per_person: info.bytes_per_person,
        worst_exit_lag_ms: info.worst_exit_lag_ms,
    }
}

/// Every other segment, the most alike first.
fn overlaps(found: &Survey, plan: &Plan, this: SegmentIndex) -> Vec<OverlapShown> {
    let all = plan.segments().iter().zip(found.overlaps(this)).enumerate();
    let others = all.filter(|(place, _)| *place != usize::from(this.0));
    let mut overlaps: Vec<OverlapShown> = others
        .map(|(_, (info, overlap))| OverlapShown {
            segment: info.key.clone(),
            members: overlap.both + overlap.only_that,
            jaccard: overlap.jaccard(),
            both: overlap.both,
            only_this: overlap.only_this,
            only_that: overlap.only_that,
        })
        .collect();
    let likeness = |overlap: &OverlapShown| overlap.jaccard.unwrap_or(-1.0);
    overlaps.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    overlaps
}

fn sample(found: &Survey, segment: SegmentIndex) -> Vec<SampleShown> {
    let id =
        |member: &PersonKey, user: bool| (member.is_user() == user).then(|| member.id().to_owned());
    let sampled = found.sample(segment, SAMPLE).into_iter().map(|sampled| SampleShown {
        user_id: id(&sampled.member, true),
        anonymous_id: id(&sampled.member, false),
        entered_at: time(sampled.entered_at),
    });
    sampled.collect()
}
