//! The engagement score by adding up every event, in plain floating point.
use super::event::{Event, Val, find};
use super::session::views;
use super::{Rules, Weight};
use std::collections::BTreeMap;

/// Milliseconds of a UTC day.
const DAY_MS: i64 = 86_400_000;

/// The score at `now` of activities that are in order and not after `now`. Where negative weights
/// prevail it is 0: a score lies between 0 and 100.
#[must_use]
pub fn engagement(events: &[&Event], rules: &Rules, now: i64) -> f64 {
    100.0 * (1.0 - (-raw(events, rules, now).max(0.0) / rules.scale).exp())
}

fn raw(events: &[&Event], rules: &Rules, now: i64) -> f64 {
    let mut sum = 0.0;
    for weight in &rules.weights {
        let mut of_day: BTreeMap<i64, u32> = BTreeMap::new();
        for event in events.iter().filter(|e| *e.name == *weight.event) {
            let count = of_day.entry(event.at.div_euclid(DAY_MS)).or_default();
            *count += 1;
            if weight.cap_per_day.is_none_or(|cap| *count <= cap) {
                sum += worth(event, weight) * decay(now - event.at, rules);
            }
        }
    }
    for view in views(events).values() {
        sum += seconds(view.engaged_ms) * rules.engaged_second * decay(now - view.at, rules);
    }
    sum
}

fn worth(event: &Event, weight: &Weight) -> f64 {
    let factor = weight.property.as_deref().map(|p| find(&event.props, p).and_then(Val::number));
    match factor {
        None => weight.weight,
        Some(factor) => weight.weight * factor.unwrap_or(0.0),
    }
}

#[allow(clippy::cast_precision_loss, reason = "ages are far below 2^53 ms")]
fn decay(age_ms: i64, rules: &Rules) -> f64 {
    (-(age_ms as f64) / rules.half_life_ms as f64).exp2()
}

#[allow(clippy::cast_precision_loss, reason = "engaged times are far below 2^53 ms")]
fn seconds(engaged_ms: i64) -> f64 {
    engaged_ms as f64 / 1000.0
}
