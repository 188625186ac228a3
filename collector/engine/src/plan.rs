//! A project's rules, checked and laid out for speed.
//!
//! A plan never changes. Records made under one plan mean nothing under another, except that plans
//! with the same [`Plan::digest`] are the same plan.
use crate::limits::{AMOUNT_ABS_MAX, CAP_PER_DAY_MAX, ENGAGED_MS_MAX, WEIGHTS_MAX};
use crate::rules::{EngagementRules, RuleSet, SegmentSource, SessionRules, Weight, Zone};
use crate::score::Engagement;
use crate::segment::hash::{FixedHash, Mixer};
use crate::segment::{Diagnostic, RuleInfo, RulePart, Rules, Setting};
use crate::session::SessionPlan;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::hash::Hasher;
use hashbrown::HashMap;
use sillage_model::SegmentIndex;

/// Version of everything this crate writes. A state written under another one cannot be read; it is
/// made again from the log. The histories that devices brought to their persons are *in* the log
/// (`FactKind::Absorb`), so whoever raises this must go on reading those of the version before: the kept
/// data folders under `tests/fixtures/data` fail otherwise.
pub(crate) const FORMAT_VERSION: u8 = 2;

/// A project's rules, ready to be applied.
#[derive(Debug)]
pub struct Plan {
    pub(crate) rules: Rules,
    pub(crate) session: SessionPlan,
    pub(crate) engagement: Engagement,
    weights: Vec<PlannedWeight>,
    uses: HashMap<Box<str>, EventUse, FixedHash>,
    segments: Vec<SegmentInfo>,
    sources: Vec<SegmentSource>,
    zone: Zone,
    raises_scores: bool,
    digest: u64,
}

/// What is known of a segment without looking at any person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its key.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whether a device may be told that it is in it.
    pub public: bool,
    /// The names of the events that its rule looks at; `*` for any.
    pub events_read: Vec<String>,
    /// The most that its rule keeps about one person, in bytes.
    pub bytes_per_person: usize,
    /// How late an exit by time alone may be published, beyond the timer's own delay.
    pub worst_exit_lag_ms: u64,
    /// When it is evaluated: `static` (a trait or another segment changes), `event` (an event that
    /// it reads comes) or `timed` (also at its own deadlines).
    pub class: &'static str,
    /// `exact`, or up to where it is.
    pub exactness: String,
}

/// What an event's name makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct EventUse {
    /// It counts as a conversion.
    pub(crate) is_conversion: bool,
    /// It tells the engaged time of a view.
    pub(crate) is_engagement: bool,
    /// Its weights, as a range of places.
    weights: (u16, u16),
}

/// A weight, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PlannedWeight {
    pub(crate) weight: f64,
    pub(crate) property: Option<Box<str>>,
    pub(crate) cap: Option<usize>,
}

/// The events that tell how long a view has been engaged.
const ENGAGEMENT_EVENTS: [&str; 2] = ["Page Engaged", "Page Left"];

/// The names of scores, in the order of their places.
const SCORE_NAMES: [&str; 1] = ["engagement"];

impl Plan {
    /// Checks rules and lays them out.
    ///
    /// # Errors
    /// Everything that is wrong with them, not only the first fault. A fault outside the rule of a
    /// segment has an empty `segment` and an empty span.
    pub fn compile(set: &RuleSet) -> Result<Self, Vec<Diagnostic>> {
        let mut faults = faults_of(set);
        let setting =
            Setting { scores: &SCORE_NAMES, zone: &set.zone, session_max_ms: set.session.max_ms };
        let rules = match Rules::compile(&set.segments, setting) {
            Ok(rules) if faults.is_empty() => rules,
            Ok(_) => return Err(faults),
            Err(more) => {
                faults.extend(more);
                return Err(faults);
            }
        };
        let (weights, uses) = lay_out(set);
        let engagement = Engagement {
            half_life_ms: set.engagement.half_life_ms,
            scale: set.engagement.scale,
            engaged_second: set.engagement.engaged_second,
        };
        let segments = infos(set, &rules);
        let digest = digest_of(set, &rules);
        let session = SessionPlan { rules: set.session.clone(), ended_ms: rules.sessions_ms() };
        let (sources, zone) = (set.segments.clone(), set.zone.clone());
        // A property that multiplies a weight may be negative.
        let rises = |weight: &PlannedWeight| weight.weight >= 0.0 && weight.property.is_none();
        let raises_scores = weights.iter().all(rises) && engagement.engaged_second >= 0.0;
        Ok(Self {
            rules,
            session,
            engagement,
            weights,
            uses,
            segments,
            sources,
            zone,
            raises_scores,
            digest,
        })
    }

    /// A number that is the same exactly for plans under which records look the same.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The segments, in the order of their indices.
    #[must_use]
    pub fn segments(&self) -> &[SegmentInfo] {
        &self.segments
    }

    /// The segments as they were written, in the order of their indices.
    #[must_use]
    pub fn sources(&self) -> &[SegmentSource] {
        &self.sources
    }

    /// What the rules were compiled for.
    pub(crate) fn setting(&self) -> Setting<'_> {
        setting(&self.zone, self.session.max_ms)
    }

    /// The index of a segment by its key.
    #[must_use]
    pub fn segment_index(&self, key: &str) -> Option<SegmentIndex> {
        let index = self.segments.iter().position(|segment| segment.key == key)?;
        u16::try_from(index).ok().map(SegmentIndex)
    }

    /// The segments whose rules refer to this one.
    pub fn dependents(&self, segment: SegmentIndex) -> impl Iterator<Item = SegmentIndex> {
        self.rules.dependents(segment)
    }

    /// The names of the scores that a profile holds, in its order.
    #[must_use]
    pub fn score_names(&self) -> &[&str] {
        &SCORE_NAMES
    }

    /// What an event of this name is used for beside rules.
    pub(crate) fn use_of(&self, name: &str) -> EventUse {
        self.uses.get(name).copied().unwrap_or_default()
    }

    /// The weights of an event, each with its place.
    pub(crate) fn weights(&self, of: EventUse) -> impl Iterator<Item = (u16, &PlannedWeight)> {
        let (start, end) = of.weights;
        (start..end).zip(&self.weights[usize::from(start)..usize::from(end)])
    }

    /// Whether no event can lower a score.
    pub(crate) fn only_raises_scores(&self) -> bool {
        self.raises_scores
    }

    /// How many events a day count for the weight at a place.
    pub(crate) fn cap(&self, weight: u16) -> usize {
        self.weights.get(usize::from(weight)).and_then(|w| w.cap).unwrap_or(0)
    }
}

fn setting(zone: &Zone, session_max_ms: i64) -> Setting<'_> {
    Setting { scores: &SCORE_NAMES, zone, session_max_ms }
}

fn lay_out(set: &RuleSet) -> (Vec<PlannedWeight>, HashMap<Box<str>, EventUse, FixedHash>) {
    let mut sorted: Vec<&Weight> = set.engagement.weights.iter().collect();
    sorted.sort_by(|a, b| a.event.cmp(&b.event));
    let mut uses: HashMap<Box<str>, EventUse, FixedHash> = HashMap::default();
    let mut weights = Vec::with_capacity(sorted.len());
    for (place, weight) in (0_u16..).zip(sorted) {
        let known = uses.entry(weight.event.as_str().into()).or_default();
        if known.weights.1 == 0 {
            known.weights.0 = place;
        }
        known.weights.1 = place + 1;
        weights.push(PlannedWeight {
            weight: weight.weight,
            property: weight.property.as_deref().map(Into::into),
            cap: weight.cap_per_day.and_then(|cap| usize::try_from(cap).ok()),
        });
    }
    for event in &set.session.conversions {
        uses.entry(event.as_str().into()).or_default().is_conversion = true;
    }
    for event in ENGAGEMENT_EVENTS {
        uses.entry(event.into()).or_default().is_engagement = true;
    }
    (weights, uses)
}

fn infos(set: &RuleSet, rules: &Rules) -> Vec<SegmentInfo> {
    let describe = |(source, info): (&SegmentSource, &RuleInfo)| SegmentInfo {
        key: source.key.clone(),
        name: source.name.clone(),
        description: source.description.clone(),
        public: source.public,
        events_read: info.events_read.clone(),
        bytes_per_person: info.bytes_per_person,
        worst_exit_lag_ms: info.worst_exit_lag_ms,
        class: info.class.name(),
        exactness: info.exactness.clone(),
    };
    set.segments.iter().zip(rules.infos()).map(describe).collect()
}

/// What is wrong outside the segments.
fn faults_of(set: &RuleSet) -> Vec<Diagnostic> {
    let SessionRules { idle_ms, max_ms, lateness_ms, split_on_campaign: _, conversions: _ } =
        &set.session;
    let EngagementRules { half_life_ms, scale, weights, engaged_second } = &set.engagement;
    let mut faults = Vec::new();
    let spans = [
        ("session.idle", *idle_ms, 1_000),
        ("session.max", *max_ms, 1_000),
        ("session.lateness", *lateness_ms, 0),
        ("engagement.half_life", *half_life_ms, 60_000),
    ];
    for (what, ms, least) in spans {
        if !(least..=SPAN_MS_MAX).contains(&ms) {
            let message = format!("`{what}` is {ms} ms; it must be {least} ms to five years");
            faults.push(fault(message));
        }
    }
    if !(scale.is_finite() && *scale > 0.0) {
        faults.push(fault(format!("`engagement.scale` is {scale}; it must be above 0")));
    }
    let engaged_day = engaged_second * f64::from(ENGAGED_MS_MAX) / 1_000.0;
    if engaged_day.is_nan() || engaged_day.abs() > AMOUNT_ABS_MAX {
        let message = format!("an engaged second is worth {engaged_second}; at most 11.5 is kept");
        faults.push(fault(message));
    }
    if weights.len() > WEIGHTS_MAX {
        faults.push(fault(format!("there are more than {WEIGHTS_MAX} weights")));
    }
    for Weight { event, weight, property: _, cap_per_day } in weights {
        if weight.is_nan() || weight.abs() > AMOUNT_ABS_MAX {
            let message =
                format!("the weight of `{event}` is {weight}; at most {AMOUNT_ABS_MAX} is kept");
            faults.push(fault(message));
        }
        if cap_per_day.is_some_and(|cap| !(1..=CAP_PER_DAY_MAX).contains(&cap)) {
            let message = format!("the cap of `{event}` must be 1 to {CAP_PER_DAY_MAX} a day");
            faults.push(fault(message));
        }
    }
    faults
}

/// Five years, of which two are leap years.
const SPAN_MS_MAX: i64 = 1_827 * crate::limits::DAY_MS;

fn fault(message: String) -> Diagnostic {
    Diagnostic {
        segment: String::new(),
        part: RulePart::When,
        span: 0..0,
        message,
        label: "here".to_string(),
        help: None,
    }
}

fn digest_of(set: &RuleSet, rules: &Rules) -> u64 {
    let RuleSet { session, engagement, segments, zone } = set;
    let mut hash = Mixer::default();
    // Each write closes with its length, so the borders between texts count.
    let mut text = |text: &str| hash.write(text.as_bytes());
    text(&FORMAT_VERSION.to_string());
    let SessionRules { idle_ms, max_ms, lateness_ms, split_on_campaign, conversions } = session;
    text(&format!("{idle_ms} {max_ms} {lateness_ms} {split_on_campaign} {}", conversions.len()));
    conversions.iter().for_each(|event| text(event));
    let EngagementRules { half_life_ms, scale, weights, engaged_second } = engagement;
    let (scale, engaged_second) = (scale.to_bits(), engaged_second.to_bits());
    text(&format!("{half_life_ms} {scale} {engaged_second} {}", weights.len()));
    for Weight { event, weight, property, cap_per_day } in weights {
        text(event);
        text(&format!("{} {property:?} {cap_per_day:?}", weight.to_bits()));
    }
    for segment in segments {
        text(&segment.key);
        text(&format!("{} {}", segment.min_stay_ms, segment.holdout));
    }
    text(&format!("{:?}", zone.offsets));
    text(&rules.digest().to_string());
    hash.finish()
}
