use super::*;
use crate::rules::{RuleSet, SegmentSource, SessionRules};
use sillage_model::{FactKind, Map, MapWriter, SegmentChange, Value};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const START: i64 = 1_700_000_000_000;

fn plan(rules: &[&str]) -> Plan {
    let source = |(index, when): (usize, &&str)| SegmentSource {
        key: format!("s{index}"),
        when: (*when).into(),
        ..SegmentSource::default()
    };
    let segments = rules.iter().enumerate().map(source).collect();
    Plan::compile(&RuleSet { segments, ..RuleSet::default() }).unwrap()
}

fn blank(member: &str) -> Record {
    Record::of(&PersonKey::parse(member).unwrap())
}

fn fact<'a>(name: &'a str, at: i64, received: i64) -> Fact<'a> {
    Fact {
        kind: FactKind::Track,
        subject: "a:d",
        device: "d",
        at: EventTime(START + at),
        received: ReceiptMillis(START + received),
        seq: None,
        name,
        message_id: name,
        context: Map::default(),
        props: Map::default(),
    }
}

/// What happened, with times since the start.
fn told(out: &[Transition]) -> Vec<(u16, SegmentChange, i64)> {
    out.iter().map(|t| (t.segment.0, t.change, t.at.0 - START)).collect()
}

fn bytes(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    record.state_bytes(&mut bytes);
    bytes
}

use SegmentChange::{Enter, Exit};

#[test]
fn entries_bear_the_time_of_the_event_and_exits_that_of_the_deadline() {
    let plan = plan(&["exists(\"E\" within 1h)", "not segment(\"s0\")"]);
    let (mut record, mut out) = (blank("u:p"), Vec::new());
    record.step(&plan, &fact("E", 0, 5_000), &mut out);
    assert_eq!(told(&out), [(0, Enter, 0)]);
    assert_eq!(record.wake_at(), Some(START + HOUR));
    out.clear();
    record.advance(&plan, START + HOUR - 1, &mut out);
    assert_eq!(told(&out), []);
    record.advance(&plan, START + 9 * HOUR, &mut out);
    assert_eq!(told(&out), [(0, Exit, HOUR), (1, Enter, HOUR)]);
    assert_eq!(record.wake_at(), None);
}

#[test]
fn deadlines_before_the_next_fact_fire_before_it() {
    let plan = plan(&["exists(\"E\" within 1h)"]);
    let (mut record, mut out) = (blank("u:p"), Vec::new());
    record.step(&plan, &fact("E", 0, 0), &mut out);
    record.step(&plan, &fact("E", 3 * HOUR, 3 * HOUR), &mut out);
    assert_eq!(told(&out), [(0, Enter, 0), (0, Exit, HOUR), (0, Enter, 3 * HOUR)]);
}

#[test]
fn what_comes_too_late_for_a_session_leaves_the_latest_one_its_events() {
    let plan = plan(&["exists(\"E\" in session)"]);
    let (mut record, mut out) = (blank("u:p"), Vec::new());
    record.step(&plan, &fact("E", 0, 0), &mut out);
    // Longer ago than sessions take in, and yet more than a session after the latest one.
    record.step(&plan, &fact("E", 30 * HOUR, 103 * HOUR), &mut out);
    assert_eq!(told(&out), [(0, Enter, 0)]);
    let mut other = blank("a:d");
    other.step(&plan, &fact("E", HOUR, 103 * HOUR), &mut Vec::new());
    let received = ReceiptMillis(START + 103 * HOUR);
    record.absorb(&plan, "d", &other.export(), received, &mut out).unwrap();
    assert_eq!(told(&out), [(0, Enter, 0)]);
}

#[test]
fn who_is_kept_out_by_the_first_event_is_seen_to_be_out() {
    let plan = plan(&["not exists(\"E\")", "not segment(\"s0\")", "not segment(\"s1\")"]);
    let (mut record, mut out) = (blank("u:p"), Vec::new());
    record.step(&plan, &fact("E", 0, 0), &mut out);
    assert_eq!(told(&out), [(1, Enter, 0)]);
    let (mut record, mut out) = (blank("u:p"), Vec::new());
    record.step(&plan, &fact("F", 0, 0), &mut out);
    assert_eq!(told(&out), [(0, Enter, 0), (2, Enter, 0)]);
}

#[test]
fn nobody_enters_before_having_left() {
    let plan = plan(&["count(\"E\" within 2h) >= 2"]);
    let (mut record, mut out) = (blank("u:p"), Vec::new());
    for (at, received) in [(0, 0), (HOUR, HOUR), (3 * HOUR - 1, 3 * HOUR - 1)] {
        record.step(&plan, &fact("E", at, received), &mut out);
    }
    // Out at two hours, in again by the third; then a late one comes for a time when it was in.
    assert_eq!(told(&out), [(0, Enter, HOUR), (0, Exit, 2 * HOUR), (0, Enter, 3 * HOUR - 1)]);
    out.clear();
    record.advance(&plan, START + 3 * HOUR, &mut out);
    assert_eq!(told(&out), [(0, Exit, 3 * HOUR)]);
    record.step(&plan, &fact("E", 2 * HOUR, 3 * HOUR + 1), &mut out);
    assert_eq!(told(&out)[1..], [(0, Enter, 3 * HOUR)]);
}

#[test]
fn a_fact_received_before_a_hasty_timer_fired_is_judged_first() {
    let plan = plan(&["exists(\"E\" within 1h)"]);
    let (mut record, mut out) = (blank("u:p"), Vec::new());
    record.step(&plan, &fact("E", 0, 0), &mut out);
    record.advance(&plan, START + 2 * HOUR, &mut out);
    out.clear();
    record.step(&plan, &fact("E", 30 * MINUTE, 31 * MINUTE), &mut out);
    // It never left at one hour.
    assert_eq!(told(&out), [(0, Enter, 0)]);
    record.step(&plan, &fact("E", 50 * MINUTE, 51 * MINUTE), &mut out);
    record.advance(&plan, START + 2 * HOUR, &mut out);
    let mut calm = blank("u:p");
    for minute in [0, 30, 50] {
        let fact = fact("E", minute * MINUTE, minute * MINUTE + MINUTE);
        calm.step(&plan, &fact, &mut Vec::new());
    }
    calm.step(&plan, &fact("X", 110 * MINUTE - 1, 110 * MINUTE - 1), &mut Vec::new());
    record.step(&plan, &fact("X", 110 * MINUTE - 1, 110 * MINUTE - 1), &mut out);
    calm.advance(&plan, START + 110 * MINUTE - 1, &mut Vec::new());
    assert_eq!(calm.members().len(), 1);
    calm.advance(&plan, START + 3 * HOUR, &mut Vec::new());
    record.advance(&plan, START + 3 * HOUR, &mut out);
    assert_eq!(calm.members(), record.members());
}

#[test]
fn a_fact_from_the_future_waits_for_its_time() {
    let plan = plan(&["exists(\"E\")"]);
    let (mut record, mut out) = (blank("u:p"), Vec::new());
    record.step(&plan, &fact("E", 4 * MINUTE, 0), &mut out);
    assert_eq!((told(&out), record.event_count()), (vec![], 0));
    assert_eq!(record.wake_at(), Some(START + 4 * MINUTE));
    let before = bytes(&record);
    record.advance(&plan, START + 5 * MINUTE, &mut out);
    assert_eq!(told(&out), [(0, Enter, 4 * MINUTE)]);
    assert_eq!((record.wake_at(), bytes(&record)), (None, before));
    let profile = record.profile(&plan, &PersonKey::device("d"), START + 5 * MINUTE, 1);
    assert_eq!(profile.session.map(|session| session.events), Some(1));
    record.step(&plan, &fact("F", 6 * MINUTE, 6 * MINUTE), &mut out);
    assert_eq!((record.event_count(), out.len()), (2, 1));
}

#[test]
fn more_facts_from_the_future_than_may_wait_are_folded_at_once() {
    let plan = plan(&["count(\"E\") >= 1"]);
    let (mut record, mut out) = (blank("u:p"), Vec::new());
    for _ in 0..=crate::limits::PENDING_MAX {
        record.step(&plan, &fact("E", MINUTE, 0), &mut out);
    }
    assert_eq!((told(&out), record.event_count()), (vec![(0, Enter, 0)], 1));
}

#[test]
fn a_first_fact_lets_the_person_into_what_needs_no_event() {
    let plan = plan(&["not exists(\"Order Completed\")"]);
    let (mut record, mut out) = (blank("u:p"), Vec::new());
    record.step(&plan, &fact("E", 0, 0), &mut out);
    assert_eq!(told(&out), [(0, Enter, 0)]);
}

#[test]
fn identify_and_group_are_no_activity() {
    let plan = plan(&["trait.plan == \"pro\"", "count(\"*\") >= 1"]);
    let (mut record, mut out) = (blank("u:p"), Vec::new());
    let traits = MapWriter::new().with("plan", Value::Str("pro"));
    let identify = Fact { kind: FactKind::Identify, props: traits.as_map(), ..fact("", 0, 0) };
    record.step(&plan, &identify, &mut out);
    record.step(&plan, &Fact { kind: FactKind::Group, ..fact("g-1", 1, 1) }, &mut out);
    assert_eq!(told(&out), [(0, Enter, 0)]);
    assert_eq!((record.session_count(), record.event_count()), (0, 0));
    assert_eq!(record.groups().collect::<Vec<_>>(), ["g-1"]);
    let profile = record.profile(&plan, &PersonKey::user("1"), START, 1);
    assert_eq!(Map::from_bytes(&profile.traits).get("plan"), Some(Value::Str("pro")));
}

#[test]
fn a_late_fact_counts_but_leaves_sessions_alone() {
    let plan = plan(&[]);
    let (mut record, mut out) = (blank("u:p"), Vec::new());
    let now = 100 * HOUR;
    record.step(&plan, &fact("E", now, now), &mut out);
    record.step(&plan, &fact("Page Viewed", now - 72 * HOUR - 1, now), &mut out);
    assert_eq!((record.session_count(), record.event_count()), (1, 2));
    assert!(record.engagement(&plan, START + now) > 0.0);
    record.step(&plan, &fact("E", now - 72 * HOUR, now), &mut out);
    assert_eq!(record.session_count(), 2);
}

#[test]
fn a_tombstone_only_knows_where_the_device_went() {
    let plan = plan(&["exists(\"E\" within 1h)"]);
    let (mut record, mut out) = (blank("u:p"), Vec::new());
    record.step(&plan, &fact("E", 0, 0), &mut out);
    let revision = record.revision();
    out.clear();
    record.leave_tombstone(&PersonKey::user("42"), &mut out);
    assert_eq!((out.len(), record.members().len(), record.wake_at()), (0, 0, None));
    assert!(record.revision() > revision);
    let mut written = Vec::new();
    record.encode(&mut written);
    let read = Record::decode(&written).unwrap();
    assert_eq!(read.linked_to(), Some(&PersonKey::user("42")));
}

#[test]
fn an_absorbed_device_brings_its_past_once() {
    let plan = plan(&["count(\"E\") >= 2"]);
    let (mut device, mut person) = (blank("a:d"), blank("u:p"));
    let mut out = Vec::new();
    device.step(&plan, &fact("E", 0, 0), &mut out);
    person.step(&plan, &Fact { device: "", ..fact("E", MINUTE, MINUTE) }, &mut out);
    let link = ReceiptMillis(START + HOUR);
    for _ in 0..2 {
        person.absorb(&plan, "d", &device.export(), link, &mut out).unwrap();
    }
    assert_eq!(told(&out), [(0, Enter, HOUR)]);
    assert_eq!((person.event_count(), person.session_count()), (2, 2));
    let profile = person.profile(&plan, &PersonKey::user("1"), START + HOUR, 3);
    assert_eq!(profile.devices, ["d".into()]);
    assert_eq!(profile.version >> 32, 3);
}

#[test]
fn a_person_is_never_published_below_a_device_that_joined() {
    let plan = plan(&[]);
    let (mut device, mut person) = (blank("a:d"), blank("u:p"));
    for minute in 0..9 {
        device.step(&plan, &fact("E", minute * MINUTE, minute * MINUTE), &mut Vec::new());
    }
    let history = device.export();
    device.leave_tombstone(&PersonKey::user("1"), &mut Vec::new());
    let link = ReceiptMillis(START + HOUR);
    person.absorb(&plan, "d", &history, link, &mut Vec::new()).unwrap();
    assert!(person.revision() > device.revision());
}

#[test]
fn a_history_of_another_plan_is_refused() {
    let (ours, theirs) = (plan(&[]), plan(&["sum(x of \"E\" within 1h) > 3", "exists(\"E\")"]));
    let (mut device, mut person) = (blank("a:d"), blank("u:p"));
    device.step(&theirs, &fact("E", 0, 0), &mut Vec::new());
    let absorbed = person.absorb(&ours, "d", &device.export(), ReceiptMillis(0), &mut Vec::new());
    assert!(absorbed.is_err());
    assert_eq!(person.revision(), 0);
}

#[test]
fn a_person_with_five_events_is_small() {
    let plan = plan(&[]);
    let (mut record, mut out) = (blank("u:p"), Vec::new());
    for minute in 0..5 {
        record.step(&plan, &fact("Product Added", minute * MINUTE, minute * MINUTE), &mut out);
    }
    let devices: usize = record.state.devices.iter().map(|d| size_of_val(d) + d.heap_bytes()).sum();
    let bytes = size_of::<Record>() + devices + record.standing.heap_bytes();
    assert!(bytes < 640, "{bytes}");
}

#[test]
fn digests_tell_plans_apart() {
    let digest = |set: RuleSet| Plan::compile(&set).unwrap().digest();
    let base = digest(RuleSet::default());
    assert_eq!(base, digest(RuleSet::default()));
    let session = SessionRules { idle_ms: 1_000_000, ..SessionRules::default() };
    assert_ne!(base, digest(RuleSet { session, ..RuleSet::default() }));
    assert_ne!(base, plan(&["exists(\"E\")"]).digest());
    assert_ne!(plan(&["exists(\"E\")"]).digest(), plan(&["exists(\"F\")"]).digest());
}

#[test]
fn rules_that_make_no_sense_are_all_named() {
    let mut set = RuleSet::default();
    set.session.idle_ms = 0;
    set.engagement.half_life_ms = -1;
    set.engagement.scale = f64::NAN;
    set.engagement.weights[0].cap_per_day = Some(0);
    set.engagement.weights[1].weight = f64::INFINITY;
    let faults = Plan::compile(&set).unwrap_err();
    assert_eq!(faults.len(), 5, "{faults:?}");
}
