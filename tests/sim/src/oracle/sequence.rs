//! Whether events happened in an order, by trying them.
use super::eval::property;
use super::event::{Event, Val};
use super::rule::Step;
use super::value::{is_scalar, same};
use std::collections::BTreeMap;

/// Whether there is a choice of events, one for each step that is not forbidden, that satisfies
/// the sequence at `now`. `passes` tells whether an event is one of a step, by name and condition.
#[must_use]
pub fn holds(
    steps: &[Step],
    events: &[&Event],
    now: i64,
    passes: &dyn Fn(&Step, &Event) -> bool,
) -> bool {
    let paths = steps.iter().find(|s| !s.same.is_empty()).map_or(&[][..], |s| s.same.as_slice());
    let mut left: Vec<&Event> =
        events.iter().copied().filter(|e| e.at <= now && values(e, paths).is_some()).collect();
    // Events that agree in the properties make a world of their own.
    while let Some(first) = left.first().copied() {
        let alike = |event: &&Event| are_alike(event, first, paths);
        let group: Vec<&Event> = left.iter().copied().filter(alike).collect();
        left.retain(|event| !are_alike(event, first, paths));
        if holds_among(steps, &group, now, passes) {
            return true;
        }
    }
    false
}

/// The values at the paths, if all are there.
fn values<'a>(event: &'a Event, paths: &[String]) -> Option<Vec<&'a Val>> {
    paths.iter().map(|path| property(event, path).filter(|value| is_scalar(value))).collect()
}

fn are_alike(one: &Event, other: &Event, paths: &[String]) -> bool {
    let (one, other) = (values(one, paths), values(other, paths));
    let pairs = one.into_iter().flatten().zip(other.into_iter().flatten());
    pairs.into_iter().all(|(one, other)| same(one, other))
}

/// A step with the times of its events.
struct Timed<'a> {
    step: &'a Step,
    times: Vec<i64>,
}

impl Timed<'_> {
    /// Whether one happened after the one moment and before the other.
    fn any_between(&self, after: i64, before: i64) -> bool {
        self.times.iter().any(|&at| after < at && at < before)
    }
}

fn holds_among(
    steps: &[Step],
    events: &[&Event],
    now: i64,
    passes: &dyn Fn(&Step, &Event) -> bool,
) -> bool {
    let mut timed: Vec<Timed<'_>> = Vec::new();
    for step in steps {
        let times = events.iter().filter(|e| passes(step, e)).map(|e| e.at).collect();
        timed.push(Timed { step, times });
    }
    let Some((first, rest)) = timed.split_first() else { return false };
    let is_near = |at: &i64| first.step.within_ms.is_none_or(|ms| *at > now - ms);
    // For each event that may be the latest step so far, the latest time from which the next
    // `within` can count: a later one allows whatever an earlier one does.
    let mut reached: BTreeMap<i64, i64> =
        first.times.iter().copied().filter(is_near).map(|at| (at, at)).collect();
    let mut forbidden: Vec<&Timed<'_>> = Vec::new();
    for step in rest {
        if step.step.forbidden {
            forbidden.push(step);
            continue;
        }
        let mut next: BTreeMap<i64, i64> = BTreeMap::new();
        for (&last, &anchor) in &reached {
            for &at in &step.times {
                let soon = step.step.within_ms.is_none_or(|ms| at - anchor < ms);
                if at > last && soon && !forbidden.iter().any(|no| no.any_between(last, at)) {
                    let anchor = if step.step.within_ms.is_some() { at } else { anchor };
                    let known = next.entry(at).or_insert(anchor);
                    *known = anchor.max(*known);
                }
            }
        }
        reached = next;
        forbidden.clear();
    }
    reached.keys().any(|&last| forbidden.iter().all(|no| is_absent(no, last, now)))
}

/// Whether nothing of a forbidden step at the end came after the last one, for as long as it says.
fn is_absent(no: &Timed<'_>, last: i64, now: i64) -> bool {
    match no.step.within_ms {
        None => !no.any_between(last, now + 1),
        Some(ms) => now >= last + ms && !no.any_between(last, last + ms),
    }
}
