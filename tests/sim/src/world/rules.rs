//! What a project sets: sessions, the score, the time zone, and segments drawn from the grammar.
use super::grammar::Grammar;
use crate::oracle::calendar::{BEIRUT, LORD_HOWE, PARIS, ST_JOHNS, UTC, Zone};
use crate::oracle::rule::Segment;
use crate::oracle::waits::Waits;
use crate::oracle::{Rules, Weight};
use crate::rng::Rng;
use std::collections::BTreeMap;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How many segments a world has.
const SEGMENTS: usize = 6;

/// The purposes to which the persons of a world agree, or not.
pub(super) const PURPOSES: &[&str] = &["analytics", "marketing"];

/// How often each form of the language occurs.
pub(super) type Forms = BTreeMap<&'static str, usize>;

/// What a world begins with.
pub(super) struct Draft {
    pub(super) rules: Rules,
    pub(super) forms: Forms,
    /// What all the rules wait for.
    pub(super) waits: Waits,
    /// The first moment.
    pub(super) epoch: i64,
    /// How long events happen.
    pub(super) span_ms: i64,
}

/// Settings, segments and the time in which everything happens.
pub(super) fn generate(rng: &mut Rng) -> Draft {
    let mut rules = settings(rng);
    let has_caps = rules.weights.iter().any(|weight| weight.cap_per_day.is_some());
    let days = if has_caps { 2 } else { *rng.pick(&[1, 3, 10, 30]) };
    let span_ms = days * DAY_MS;
    let epoch = epoch(rng, &rules.zone, span_ms);
    let mut grammar = Grammar::new(rng, epoch, span_ms);
    for index in 0..SEGMENTS {
        let segment = grammar.segment(format!("s{index}"));
        rules.segments.push(segment);
    }
    let forms = grammar.forms;
    let mut waits = Waits::default();
    for segment in &rules.segments {
        waits.add(Waits::of_segment(segment, &rules));
        waits.spans.extend(Some(segment.min_stay_ms).filter(|ms| *ms > 0));
    }
    Draft { rules, forms, waits, epoch, span_ms }
}

/// Where the world begins: on a round date, or so that clocks or a month or year change in it.
fn epoch(rng: &mut Rng, zone: &Zone, span_ms: i64) -> i64 {
    const NEW_YEAR_2024: i64 = 1_704_067_200_000;
    const LEAP_DAY_2024: i64 = 1_709_164_800_000;
    const NEW_YEAR_2027: i64 = 1_798_761_600_000;
    let change = zone.offsets.get(rng.index(3));
    let change = change.map_or(LEAP_DAY_2024, |(from, _)| *from);
    match rng.range(0, 9) {
        0..3 => NEW_YEAR_2024,
        3 => NEW_YEAR_2027 - rng.range(0, span_ms),
        _ => change - rng.range(0, span_ms),
    }
}

fn settings(rng: &mut Rng) -> Rules {
    let idle_ms = *rng.pick(&[30 * MINUTE_MS, 30 * MINUTE_MS, 5 * MINUTE_MS]);
    let capped = rng.chance(40);
    let lateness_ms = if capped { 72 * HOUR_MS } else { *rng.pick(&[72 * HOUR_MS, 2 * HOUR_MS]) };
    let max_ms = *rng.pick(&[24 * HOUR_MS, 24 * HOUR_MS, HOUR_MS]);
    Rules {
        idle_ms,
        max_ms,
        lateness_ms,
        split_on_campaign: rng.chance(30),
        conversions: vec!["Order Completed".into()],
        half_life_ms: *rng.pick(&[7 * DAY_MS, 7 * DAY_MS, DAY_MS]),
        scale: *rng.pick(&[20.0, 5.0]),
        weights: weights(rng, capped),
        engaged_second: *rng.pick(&[0.0, 0.1]),
        segments: Vec::<Segment>::new(),
        zone: rng.pick(&[UTC, PARIS, PARIS, BEIRUT, LORD_HOWE, ST_JOHNS]).clone(),
    }
}

/// Weights; `capped` ones may have caps.
fn weights(rng: &mut Rng, capped: bool) -> Vec<Weight> {
    let mut weights = Vec::new();
    let mut add = |event: &str, weight, property: Option<&str>, cap_per_day: Option<u32>| {
        let cap_per_day = cap_per_day.filter(|_| capped);
        let property = property.map(Into::into);
        weights.push(Weight { event: event.into(), weight, property, cap_per_day });
    };
    add("Product Viewed", 1.0, None, rng.chance(50).then_some(2));
    add("Product Added", 4.0, None, rng.chance(30).then_some(1));
    add("Order Completed", 0.25, rng.chance(50).then_some("price"), None);
    add("Order Refunded", -6.0, None, None);
    add("Page Viewed", 0.5, None, rng.chance(50).then_some(3));
    weights
}
