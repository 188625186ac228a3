//! The oracle itself, on cases small enough to be worked out by hand.
use super::calendar::{UTC, Zone};
use super::eval::{Question, Standing};
use super::event::{Event, Kind, Props, Val};
use super::identity::People;
use super::rule::{Decimal, Fold, Literal, Op, Rule, Select, Term, Window};
use super::session::{Reason, sessions};
use super::{Person, Rules, Weight};

mod language;
mod paths;
mod sequences;
mod texts;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn rules() -> Rules {
    Rules {
        idle_ms: 30 * MINUTE,
        max_ms: DAY,
        lateness_ms: 72 * HOUR,
        split_on_campaign: false,
        conversions: vec!["Order Completed".into()],
        half_life_ms: 7 * DAY,
        scale: 20.0,
        weights: Vec::new(),
        engaged_second: 0.0,
        segments: Vec::new(),
        zone: UTC,
    }
}

/// A track event of device `d`, received when it happened.
fn event(message: u64, at: i64, name: &str, props: Props) -> Event {
    Event {
        kind: Kind::Track,
        message,
        user: None,
        device: Some("d".into()),
        at,
        received: at,
        seq: None,
        name: name.into(),
        props,
        context: Vec::new(),
    }
}

fn at_times(times: &[i64]) -> Vec<Event> {
    (0..).zip(times).map(|(message, at)| event(message, *at, "E", vec![])).collect()
}

/// Start, end and reasons of the sessions of these events.
fn cut(events: &[Event], rules: &Rules) -> Vec<(i64, i64, Reason, Reason)> {
    let people = People::of(events.iter(), rules.lateness_ms);
    let owned = people.events.values().flatten().copied().collect::<Vec<_>>();
    let found = sessions(&owned, rules, i64::MAX);
    found.iter().map(|s| (s.start, s.end, s.start_reason, s.end_reason)).collect()
}

#[test]
fn a_pause_of_exactly_the_idle_limit_does_not_end_a_session() {
    let idle = 30 * MINUTE;
    assert_eq!(cut(&at_times(&[0, idle]), &rules()), [(0, idle, Reason::Edge, Reason::Edge)]);
    assert_eq!(
        cut(&at_times(&[0, idle + 1]), &rules()),
        [(0, 0, Reason::Edge, Reason::Idle), (idle + 1, idle + 1, Reason::Idle, Reason::Edge)]
    );
}

#[test]
fn a_late_event_bridges_two_sessions_and_a_too_late_one_does_not() {
    let mut events = at_times(&[0, 50 * MINUTE, 25 * MINUTE]);
    events[2].received = 72 * HOUR + 25 * MINUTE;
    assert_eq!(cut(&events, &rules()), [(0, 50 * MINUTE, Reason::Edge, Reason::Edge)]);
    events[2].received += 1;
    assert_eq!(cut(&events, &rules()).len(), 2);
}

#[test]
fn a_session_lasts_no_longer_than_the_limit() {
    let times: Vec<i64> = (0..=73).map(|n| n * 20 * MINUTE).collect();
    let second = DAY + 20 * MINUTE;
    assert_eq!(
        cut(&at_times(&times), &rules()),
        [(0, DAY, Reason::Edge, Reason::Max), (second, second, Reason::Max, Reason::Edge)]
    );
}

/// Whether the person of these events satisfies the rule at `now`.
fn holds(events: &[Event], rule: &Rule, now: i64) -> bool {
    holds_in(&UTC, events, rule, now)
}

/// The same where the clocks go like this.
fn holds_in(zone: &Zone, events: &[Event], rule: &Rule, now: i64) -> bool {
    let rules = Rules { zone: zone.clone(), ..rules() };
    let people = People::of(events.iter(), rules.lateness_ms);
    let owned = people.events.values().next().map_or(&[][..], Vec::as_slice);
    let person = Person::new("a:d", owned, &rules, now);
    Question::new(&person, &rules, &Standing::new()).holds(rule)
}

fn select(within_ms: Option<i64>) -> Select {
    let window = within_ms.map_or(Window::All, Window::Within);
    Select { window, ..Select::named("E") }
}

fn number(term: Term, op: Op, whole: i64) -> Rule {
    Rule::Compare(term, op, Literal::Number(Decimal(whole * 1_000_000)).into())
}

#[test]
fn a_window_includes_now_and_excludes_its_far_end() {
    let events = at_times(&[1000]);
    let rule = Rule::Exists(select(Some(HOUR)));
    let answers = [999, 1000, 1000 + HOUR - 1, 1000 + HOUR].map(|now| holds(&events, &rule, now));
    assert_eq!(answers, [false, true, true, false]);
}

#[test]
fn a_missing_value_is_false_in_any_comparison_and_true_in_its_negation() {
    let events = at_times(&[0]);
    for op in [Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge] {
        for term in [
            Term::Trait("age".into()),
            Term::Fold(Fold::Max, "p".into(), select(None)),
            Term::Fold(Fold::First, "p".into(), select(None)),
        ] {
            let rule = number(term, op, 0);
            assert!(!holds(&events, &rule, 1), "{rule}");
            assert!(holds(&events, &Rule::Not(Box::new(rule)), 1));
        }
    }
    assert!(holds(&events, &number(Term::Fold(Fold::Sum, "p".into(), select(None)), Op::Eq, 0), 1));
    assert!(holds(
        &events,
        &number(Term::Fold(Fold::Distinct, "p".into(), select(None)), Op::Eq, 0),
        1
    ));
}

#[test]
fn aggregates_are_what_arithmetic_says() {
    let priced = |message, price| event(message, message.cast_signed(), "E", vec![("p", price)]);
    let events = [
        priced(0, Val::Float(0.1)),
        priced(1, Val::Float(0.2)),
        priced(2, Val::Int(0)),
        priced(3, Val::Null),
    ];
    for (fold, micros) in [
        (Fold::Sum, 300_000),
        (Fold::Avg, 100_000),
        (Fold::Min, 0),
        (Fold::Max, 200_000),
        (Fold::First, 100_000),
        (Fold::Last, 0),
        (Fold::Distinct, 3_000_000),
    ] {
        let term = Term::Fold(fold, "p".into(), select(None));
        let rule = Rule::Compare(term, Op::Eq, Literal::Number(Decimal(micros)).into());
        assert!(holds(&events, &rule, 10), "{rule}");
    }
}

#[test]
fn a_score_halves_in_a_half_life_and_counts_the_first_of_a_day() {
    let weight = Weight { event: "E".into(), weight: 20.0, property: None, cap_per_day: Some(1) };
    let rules = Rules { weights: vec![weight], ..rules() };
    let events = at_times(&[0, 1]);
    let people = People::of(events.iter(), rules.lateness_ms);
    let score = |now| Person::new("a:d", &people.events["a:d"], &rules, now).engagement(&rules);
    assert!((score(1) - 100.0 * (1.0 - (-1.0_f64).exp())).abs() < 1e-6);
    assert!((score(7 * DAY) - 100.0 * (1.0 - (-0.5_f64).exp())).abs() < 1e-9);
}

#[test]
fn the_first_link_of_a_device_wins_and_takes_everything_along() {
    let mut events = at_times(&[0, 1, 2, 3]);
    for (index, user) in [(1, "one"), (2, "two")] {
        events[index].kind = Kind::Identify;
        events[index].user = Some(user.into());
    }
    let people = People::of(events.iter(), rules().lateness_ms);
    let messages =
        |owner: &str| people.events[owner].iter().map(|o| o.event.message).collect::<Vec<_>>();
    assert_eq!(people.events.keys().collect::<Vec<_>>(), ["u:one", "u:two"]);
    assert_eq!(messages("u:one"), [1, 0, 3]);
    assert_eq!(messages("u:two"), [2]);
}
