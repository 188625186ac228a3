//! What the engine knowingly does otherwise than a recomputation over all events would, asserted as
//! it is: a state that is bounded forgets the single events behind its sums after the lateness.
//!
//! Each of these fails when the engine changes, so that the documented limits stay true.
use sillage_sim::engine::{Engine, Handling};
use sillage_sim::oracle::calendar::UTC;
use sillage_sim::oracle::event::{Event, Kind, Props, Val};
use sillage_sim::oracle::identity::People;
use sillage_sim::oracle::{Person, Rules, Weight};
use sillage_sim::subject::{Look, Subject};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const START: i64 = 20_000 * DAY;

fn rules(cap_per_day: Option<u32>, engaged_second: f64) -> Rules {
    Rules {
        idle_ms: HOUR / 2,
        max_ms: DAY,
        lateness_ms: 3 * DAY,
        split_on_campaign: false,
        conversions: Vec::new(),
        half_life_ms: 7 * DAY,
        scale: 20.0,
        weights: vec![Weight { event: "Viewed".into(), weight: 5.0, property: None, cap_per_day }],
        engaged_second,
        segments: Vec::new(),
        zone: UTC,
    }
}

/// An event of a device, received when it happened.
fn event(message: u64, device: &str, at: i64, name: &str, props: Props) -> Event {
    Event {
        kind: Kind::Track,
        message,
        user: None,
        device: Some(device.into()),
        at: START + at,
        received: START + at,
        seq: None,
        name: name.into(),
        props,
        context: Vec::new(),
    }
}

fn viewed(message: u64, device: &str, at: i64) -> Event {
    event(message, device, at, "Viewed", Vec::new())
}

fn link(message: u64, device: &str, at: i64) -> Event {
    let user = Some("one".into());
    Event { kind: Kind::Identify, user, ..event(message, device, at, "", Vec::new()) }
}

/// What the engine shows of the only person, and the oracle's engagement and count of sessions.
fn both(events: &[Event], rules: &Rules, at: i64) -> (Look, f64, u64) {
    let now = START + at;
    let mut engine = Engine::new(rules, Handling::Gentle).expect("there are no rules");
    for event in events {
        engine.deliver(event).expect("every event is sound");
    }
    engine.advance(now);
    let (_, look) = engine.look(now).pop_first().expect("there is one person");
    let people = People::of(events.iter(), rules.lateness_ms);
    let (owner, owned) = people.events.iter().next().expect("there is one person");
    let person = Person::new(owner, owned, rules, now);
    (look, person.engagement(rules), person.sessions().len() as u64)
}

#[test]
fn a_capped_event_that_is_too_late_adds_nothing_to_the_score() {
    let mut late = viewed(2, "d", 0);
    late.received = START + 4 * DAY;
    let events = [event(1, "d", 4 * DAY, "Other", Vec::new()), late];
    let (plain, oracle, _) = both(&events, &rules(None, 0.0), 4 * DAY);
    assert!((plain.engagement - oracle).abs() < 1e-6 && oracle > 1.0);
    let (capped, oracle, _) = both(&events, &rules(Some(1), 0.0), 4 * DAY);
    assert!(oracle > 1.0);
    assert!(capped.engagement.abs() < 1e-9, "{}", capped.engagement);
}

#[test]
fn engaged_time_adds_nothing_to_the_score_once_its_view_is_forgotten() {
    let props = vec![("view_id", Val::text("v")), ("engaged_ms", Val::Int(60_000))];
    let engagement = |days| {
        let mut late = event(2, "d", 0, "Page Engaged", props.clone());
        late.received = START + days * DAY;
        let events = [event(1, "d", days * DAY, "Other", Vec::new()), late];
        let (look, oracle, _) = both(&events, &rules(None, 0.1), days * DAY);
        (look.engagement, oracle)
    };
    // A view is remembered for three days beyond the lateness.
    let (engine, oracle) = engagement(6);
    assert!((engine - oracle).abs() < 1e-6 && oracle > 1.0);
    let (engine, oracle) = engagement(7);
    assert!(engine.abs() < 1e-9 && oracle > 1.0);
}

#[test]
fn two_devices_linked_after_the_lateness_keep_a_cap_each_for_the_days_before() {
    let events =
        |linked| [viewed(1, "a", 0), viewed(2, "b", 1), link(3, "a", 2), link(4, "b", linked)];
    let rules = rules(Some(1), 0.0);
    let (soon, oracle, _) = both(&events(DAY), &rules, 5 * DAY);
    assert!((soon.engagement - oracle).abs() < 1e-6);
    let (late, oracle, _) = both(&events(4 * DAY), &rules, 5 * DAY);
    assert!(late.engagement > oracle * 1.5, "{} and {oracle}", late.engagement);
}

#[test]
fn what_a_device_sent_with_and_without_its_user_stays_two_sessions_if_the_link_comes_too_late() {
    let named = Event { user: Some("one".into()), ..viewed(2, "d", 60_000) };
    let events = |linked| [viewed(1, "d", 0), named.clone(), link(3, "d", linked)];
    let count = |look: &Look| look.held.as_ref().map(|held| held.count);
    let (soon, _, oracle) = both(&events(DAY), &rules(None, 0.0), 5 * DAY);
    assert_eq!((count(&soon), oracle), (Some(1), 1));
    let (late, _, oracle) = both(&events(4 * DAY), &rules(None, 0.0), 5 * DAY);
    assert_eq!((count(&late), oracle), (Some(2), 1));
}
