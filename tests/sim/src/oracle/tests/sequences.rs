//! Sequences, on cases worked out by hand.
use super::{HOUR, event, holds};
use crate::oracle::event::{Event, Val};
use crate::oracle::rule::{Rule, Step};

/// Events named by a letter, with an optional product, at times in milliseconds.
fn told(events: &[(&str, i64)]) -> Vec<Event> {
    let make = |(message, (name, at)): (u64, &(&str, i64))| {
        let (name, product) = name.split_once(':').unwrap_or((name, ""));
        let props = if product.is_empty() { vec![] } else { vec![("p", Val::text(product))] };
        event(message, *at, name, props)
    };
    (0..).zip(events).map(make).collect()
}

fn step(name: &str) -> Step {
    Step {
        forbidden: false,
        names: vec![name.into()],
        condition: None,
        within_ms: None,
        same: Vec::new(),
    }
}

fn no(name: &str) -> Step {
    Step { forbidden: true, ..step(name) }
}

fn soon(ms: i64, step: Step) -> Step {
    Step { within_ms: Some(ms), ..step }
}

#[track_caller]
fn is(steps: &[Step], events: &[(&str, i64)], now: i64, expected: bool) {
    let rule = Rule::Sequence(steps.to_vec());
    assert_eq!(holds(&told(events), &rule, now), expected, "{rule} of {events:?} at {now}");
}

#[test]
fn steps_are_strictly_one_after_the_other() {
    let steps = [step("A"), step("B")];
    is(&steps, &[("A", 5), ("B", 5)], 9, false);
    is(&steps, &[("A", 5), ("B", 6)], 9, true);
    is(&steps, &[("A", 5), ("B", 6)], 5, false);
    is(&steps, &[("B", 4), ("A", 5)], 9, false);
    is(&[step("A"), step("A")], &[("A", 5)], 9, false);
    is(&[step("A"), step("A")], &[("A", 5), ("A", 6)], 9, true);
}

#[test]
fn a_deadline_counts_from_the_latest_earlier_step_that_has_one() {
    let steps = [step("A"), step("B"), soon(HOUR, step("C"))];
    is(&steps, &[("A", 0), ("B", 1), ("C", HOUR - 1)], HOUR, true);
    is(&steps, &[("A", 0), ("B", 1), ("C", HOUR)], HOUR, false);
    let steps = [step("A"), soon(HOUR, step("B")), soon(2 * HOUR, step("C"))];
    let b = HOUR - 1;
    is(&steps, &[("A", 0), ("B", b), ("C", b + 2 * HOUR - 1)], 9 * HOUR, true);
    is(&steps, &[("A", 0), ("B", b), ("C", b + 2 * HOUR)], 9 * HOUR, false);
    is(&steps, &[("A", 0), ("B", HOUR), ("C", HOUR + 1)], 9 * HOUR, false);
    // Any choice of events will do.
    is(&steps, &[("A", 0), ("A", 1), ("B", HOUR), ("C", HOUR + 1)], 9 * HOUR, true);
}

#[test]
fn the_first_step_may_have_to_be_recent() {
    let steps = [soon(HOUR, step("A")), step("B")];
    is(&steps, &[("A", 0), ("B", 1)], HOUR - 1, true);
    is(&steps, &[("A", 0), ("B", 1)], HOUR, false);
}

#[test]
fn nothing_forbidden_lies_strictly_between_the_steps() {
    let steps = [step("A"), no("X"), no("Y"), step("B")];
    is(&steps, &[("A", 0), ("X", 1), ("B", 2)], 9, false);
    is(&steps, &[("A", 0), ("Y", 1), ("B", 2)], 9, false);
    is(&steps, &[("A", 0), ("X", 0), ("Y", 2), ("B", 2)], 9, true);
    is(&steps, &[("A", 0), ("X", 1), ("A", 1), ("B", 2)], 9, true);
    is(&steps, &[("A", 0), ("B", 2), ("X", 3)], 9, true);
}

#[test]
fn an_absence_at_the_end_is_known_when_its_time_is_over() {
    let steps = [step("A"), soon(HOUR, no("X"))];
    let answers = |events: &[(&str, i64)], expected: [bool; 3]| {
        for (now, expected) in [HOUR - 1, HOUR, 9 * HOUR].into_iter().zip(expected) {
            is(&steps, events, now, expected);
        }
    };
    answers(&[("A", 0)], [false, true, true]);
    answers(&[("A", 0), ("X", 0)], [false, true, true]);
    answers(&[("A", 0), ("X", 1)], [false, false, false]);
    answers(&[("A", 0), ("X", HOUR - 1)], [false, false, false]);
    answers(&[("A", 0), ("X", HOUR)], [false, true, true]);
    // An earlier one stands although a later one is not over.
    is(&steps, &[("A", 0), ("A", HOUR)], HOUR, true);
}

#[test]
fn an_absence_without_time_lasts_until_it_is_broken() {
    let steps = [step("A"), step("B"), no("X")];
    is(&steps, &[("A", 0), ("B", 1), ("X", 1)], 9, true);
    is(&steps, &[("A", 0), ("B", 1), ("X", 2)], 1, true);
    is(&steps, &[("A", 0), ("B", 1), ("X", 2)], 2, false);
    is(&steps, &[("A", 0), ("B", 1), ("X", 2), ("B", 2)], 2, true);
}

#[test]
fn equal_properties_hold_for_forbidden_events_too() {
    let steps = [Step { same: vec!["p".into()], ..step("A") }, no("X"), step("B")];
    is(&steps, &[("A:1", 0), ("B:1", 2)], 9, true);
    is(&steps, &[("A:1", 0), ("B:2", 2)], 9, false);
    is(&steps, &[("A", 0), ("B", 2)], 9, false);
    is(&steps, &[("A:1", 0), ("X:2", 1), ("B:1", 2)], 9, true);
    is(&steps, &[("A:1", 0), ("X", 1), ("B:1", 2)], 9, true);
    is(&steps, &[("A:1", 0), ("X:1", 1), ("B:1", 2)], 9, false);
}
