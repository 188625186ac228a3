//! Segments with an exit, a shortest stay, a consent: how somebody came to be in them.
use super::{HOUR, MINUTE, event, rules, select};
use crate::oracle::Rules;
use crate::oracle::event::{Event, Kind, Val};
use crate::oracle::path::Walk;
use crate::oracle::rule::{Rule, Segment, Select};

fn segment(when: Rule) -> Segment {
    Segment::plain("s", when)
}

/// Since when the person `a:d` is in the segment at each of the times, all of which lie after the
/// last receipt.
fn stays(segment: Segment, events: &[Event], times: &[i64]) -> Vec<Option<i64>> {
    let rules = Rules { segments: vec![segment], ..rules() };
    let mut walk = Walk::new(&rules);
    events.iter().for_each(|event| walk.deliver(event));
    walk.advance(times.iter().copied().max().unwrap_or_default());
    times.iter().map(|&now| walk.standing("a:d", now).get("s").copied()).collect()
}

fn named(message: u64, at: i64, name: &str) -> Event {
    event(message, at, name, vec![])
}

#[test]
fn a_shortest_stay_ends_by_itself() {
    let recent = Segment { min_stay_ms: HOUR, ..segment(Rule::Exists(select(Some(MINUTE)))) };
    let events = [named(0, 10, "E")];
    assert_eq!(
        stays(recent.clone(), &events, &[10, 10 + MINUTE, 9 + HOUR, 10 + HOUR]),
        [Some(10), Some(10), Some(10), None]
    );
    // What is true again when the stay ends goes on, with the old stamp.
    let events = [named(0, 10, "E"), named(1, HOUR - MINUTE + 11, "E")];
    let end = HOUR + 11;
    assert_eq!(stays(recent, &events, &[10 + HOUR, end - 1, end]), [Some(10), Some(10), None]);
}

#[test]
fn an_exit_decides_alone_who_leaves_and_keeps_out_who_would_leave_at_once() {
    let out = Rule::Exists(Select::named("Out").within(HOUR));
    let sticky = Segment { exit: Some(out), ..segment(Rule::Exists(select(Some(MINUTE)))) };
    let events = [named(0, 0, "E"), named(1, 2 * HOUR, "Out"), named(2, 2 * HOUR + 1, "E")];
    let times = [0, HOUR, 2 * HOUR - 1, 2 * HOUR, 2 * HOUR + 1, 3 * HOUR];
    assert_eq!(
        stays(sticky.clone(), &events, &times),
        [Some(0), Some(0), Some(0), None, None, None]
    );
    // Out until the exit is over, then in by time alone.
    let events = [named(0, 0, "Out"), named(1, HOUR - MINUTE + 1, "E")];
    assert_eq!(stays(sticky, &events, &[HOUR - 1, HOUR, HOUR + 1]), [None, Some(HOUR), Some(HOUR)]);
}

#[test]
fn a_late_event_leaves_the_past_as_it_was() {
    let recent = Segment { min_stay_ms: MINUTE, ..segment(Rule::Exists(select(Some(HOUR)))) };
    let mut events = [named(0, 3 * HOUR, "F"), named(1, 0, "E"), named(2, 2 * HOUR + 1, "E")];
    events[1].received = 3 * HOUR + 1;
    events[2].received = 3 * HOUR + 2;
    // The first comes too late to matter; the second enters with its own time, not its receipt's.
    let times = [3 * HOUR, 3 * HOUR + 1];
    assert_eq!(stays(recent.clone(), &events[..2], &times), [None, None]);
    events[2].at = 2 * HOUR + MINUTE;
    let end = 3 * HOUR + MINUTE;
    assert_eq!(
        stays(recent, &events, &[3 * HOUR + 2, end - 1, end]),
        [Some(2 * HOUR + MINUTE), Some(2 * HOUR + MINUTE), None]
    );
}

#[test]
fn who_withdraws_a_consent_leaves_at_once() {
    let agree = |message, at, agrees| {
        let purposes = Val::Map(vec![("ads", Val::Bool(agrees))]);
        let context = vec![("consent", Val::Map(vec![("categoryPreferences", purposes)]))];
        Event { kind: Kind::Identify, context, ..named(message, at, "") }
    };
    let consented = Segment {
        min_stay_ms: HOUR,
        requires_consent: Some("ads".into()),
        ..segment(Rule::Exists(select(None)))
    };
    let events = [named(0, 0, "E"), agree(1, 5, true), agree(2, 7, false)];
    assert_eq!(stays(consented.clone(), &events[..2], &[5, HOUR]), [Some(5), Some(5)]);
    assert_eq!(stays(consented, &events, &[8, HOUR]), [None, None]);
}

#[test]
fn a_link_looks_anew_at_the_persons_own_standing() {
    let two = Rule::Exists(select(None));
    let kept = Segment { min_stay_ms: HOUR, ..segment(two) };
    let link = Event { kind: Kind::Identify, user: Some("u".into()), ..named(1, 9, "") };
    let events = [named(0, 0, "E"), Event { received: 20, ..link }];
    let rules = Rules { segments: vec![kept], ..rules() };
    let mut walk = Walk::new(&rules);
    events.iter().for_each(|event| walk.deliver(event));
    assert!(walk.standing("a:d", 20).is_empty());
    assert_eq!(walk.standing("u:u", 20).get("s"), Some(&20));
}
