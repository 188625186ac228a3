//! Windows and functions, on cases worked out by hand.
use super::{DAY, HOUR, MINUTE, at_times, event, holds, holds_in, number, select};
use crate::oracle::calendar::{BEIRUT, PARIS, UTC};
use crate::oracle::event::{Event, Kind, Val};
use crate::oracle::rule::{Area, Literal, Op, Rule, Select, Term, Window};

/// 2026-03-29T00:00 in Paris; the day has 23 hours.
const SHORT_DAY: i64 = 1_774_738_800_000;

/// Computed apart from this program, with a few lines of Python.
const PLACE_OF_42: u16 = 3614;
const PLACE_OF_D: u16 = 9810;

fn of(window: Window) -> Select {
    Select { window, ..Select::named("E") }
}

/// The whole number that a term is at `now`, if it is one up to 50.
fn worth(events: &[Event], term: &Term, now: i64) -> Option<i64> {
    (0..50).find(|&n| holds(events, &number(term.clone(), Op::Eq, n), now))
}

#[test]
fn a_window_in_the_past_excludes_its_far_end_and_includes_its_near_one() {
    let events = at_times(&[0]);
    let rule = Rule::Exists(of(Window::Ago { older: 2 * HOUR, newer: HOUR }));
    let answers = [HOUR - 1, HOUR, 2 * HOUR - 1, 2 * HOUR].map(|now| holds(&events, &rule, now));
    assert_eq!(answers, [false, true, true, false]);
}

#[test]
fn the_latest_session_is_that_of_one_device() {
    let mut events = at_times(&[0, HOUR, HOUR + MINUTE, HOUR + 2 * MINUTE]);
    let count = Term::Count(of(Window::Session));
    assert_eq!(worth(&events, &count, DAY), Some(3));
    events[2].device = None;
    events[2].user = Some("u".into());
    events.iter_mut().for_each(|e| e.user = Some("u".into()));
    assert_eq!(worth(&events, &count, DAY), Some(2));
}

#[test]
fn days_weeks_and_months_begin_by_the_local_clock() {
    let rule = |window| Rule::Exists(of(window));
    // The 29th lasts until 22:00 UTC; it is a Sunday, and April begins two days later.
    let events = at_times(&[SHORT_DAY]);
    let on = |window, now| holds_in(&PARIS, &events, &rule(window), now);
    assert!(on(Window::Today, SHORT_DAY + 23 * HOUR - 1));
    assert!(!on(Window::Today, SHORT_DAY + 23 * HOUR));
    assert!(on(Window::Week, SHORT_DAY + 23 * HOUR - 1));
    assert!(!on(Window::Week, SHORT_DAY + 23 * HOUR));
    assert!(on(Window::Month, SHORT_DAY + 23 * HOUR + 2 * DAY - 1));
    assert!(!on(Window::Month, SHORT_DAY + 23 * HOUR + 2 * DAY));
    assert!(!holds_in(&UTC, &events, &rule(Window::Today), SHORT_DAY + HOUR));
    // A moment earlier it was the 28th.
    let before = at_times(&[SHORT_DAY - 1]);
    assert!(!holds_in(&PARIS, &before, &rule(Window::Today), SHORT_DAY));
    assert!(holds_in(&PARIS, &before, &rule(Window::Week), SHORT_DAY));
}

#[test]
fn active_days_are_local_days() {
    // Two hours apart over midnight in Paris; one day in UTC.
    let events = at_times(&[SHORT_DAY - HOUR, SHORT_DAY + HOUR - 1, SHORT_DAY + 10 * HOUR]);
    let days = |zone, n, now| {
        let term = Term::DaysActive(of(Window::All));
        holds_in(zone, &events, &number(term, Op::Eq, n), now)
    };
    assert!(days(&PARIS, 2, SHORT_DAY + DAY));
    assert!(days(&UTC, 2, SHORT_DAY + DAY));
    assert!(days(&UTC, 1, SHORT_DAY + HOUR - 1));
    assert!(days(&PARIS, 2, SHORT_DAY + HOUR - 1));
}

#[test]
fn a_streak_ends_today_or_yesterday() {
    let events = at_times(&[0, DAY, 2 * DAY - 1, 2 * DAY, 4 * DAY]);
    let streak = |now| worth(&events, &Term::Streak(select(None)), now);
    assert_eq!(streak(2 * DAY), Some(3));
    assert_eq!(streak(4 * DAY - 1), Some(3));
    assert_eq!(streak(4 * DAY), Some(1));
    assert_eq!(streak(6 * DAY - 1), Some(1));
    assert_eq!(streak(6 * DAY), Some(0));
    // In Beirut the 29th begins at 01:00: what is an hour after the 28th's last hour is on it.
    let midnight = BEIRUT.offsets[1].0;
    let events = at_times(&[midnight - 1, midnight]);
    let two = number(Term::Streak(select(None)), Op::Eq, 2);
    assert!(holds_in(&BEIRUT, &events, &two, midnight));
}

#[test]
fn sessions_count_by_their_last_event() {
    let events = at_times(&[0, 10 * MINUTE, 2 * HOUR]);
    let sessions = |within, now| worth(&events, &Term::Sessions(within), now);
    assert_eq!(sessions(None, DAY), Some(2));
    assert_eq!(sessions(Some(2 * HOUR), 2 * HOUR + 10 * MINUTE - 1), Some(2));
    assert_eq!(sessions(Some(2 * HOUR), 2 * HOUR + 10 * MINUTE), Some(1));
}

#[test]
fn periods_count_back_from_now() {
    let events = at_times(&[0, HOUR, HOUR + 1]);
    let periods = |now| worth(&events, &Term::Periods(select(None), HOUR, 3), now);
    // (0, 1h] and (−1h, 0]: one each; then 1h+1 falls into a period of its own.
    assert_eq!(periods(HOUR), Some(2));
    assert_eq!(periods(HOUR + 1), Some(2));
    assert_eq!(periods(2 * HOUR), Some(3));
    assert_eq!(periods(3 * HOUR - 1), Some(2));
    assert_eq!(periods(4 * HOUR), Some(1));
    assert_eq!(periods(4 * HOUR + 1), Some(0));
}

#[test]
fn first_time_stopped_and_resumed_turn_at_their_bounds() {
    let events = at_times(&[0, DAY, 3 * DAY]);
    let ask = |rule: &Rule, times: &[i64]| -> Vec<bool> {
        times.iter().map(|&now| holds(&events, rule, now)).collect()
    };
    let first = Rule::FirstTime(select(Some(HOUR)));
    assert_eq!(ask(&first, &[0, HOUR - 1, HOUR, DAY]), [true, true, false, false]);
    let stopped = Rule::Stopped(select(Some(HOUR)));
    assert_eq!(ask(&stopped, &[-1, HOUR - 1, HOUR, DAY]), [false, false, true, false]);
    let resumed = Rule::Resumed(select(Some(HOUR)), 2 * DAY);
    let moments = [DAY, 3 * DAY, 3 * DAY + HOUR - 1, 3 * DAY + HOUR];
    assert_eq!(ask(&resumed, &moments), [false, true, true, false]);
    let longer = Rule::Resumed(select(Some(HOUR)), 2 * DAY + 1);
    assert_eq!(ask(&longer, &[3 * DAY]), [false]);
    let shorter = Rule::Resumed(select(Some(HOUR)), DAY);
    assert_eq!(ask(&shorter, &[DAY, 3 * DAY]), [true, true]);
}

#[test]
fn a_ratio_of_nothing_is_missing_and_others_are_exact() {
    let events = at_times(&[0, 1, 2]);
    let ratio = |one, other| Term::Ratio(Box::new(one), Box::new(other));
    let recent = || Term::Count(select(Some(2000)));
    let all = || Term::Count(select(None));
    assert!(holds(&events, &number(ratio(all(), recent()), Op::Eq, 1), 10));
    assert!(!holds(&events, &Rule::Present(ratio(all(), recent())), DAY));
    let third = Term::Literal(Literal::Number(crate::oracle::rule::Decimal(333_333)));
    assert!(holds(&events, &Rule::Compare(ratio(recent(), all()), Op::Gt, third.clone()), 2001));
    assert!(!holds(&events, &Rule::Compare(ratio(recent(), all()), Op::Gt, third), 2002));
}

#[test]
fn a_place_under_a_salt_is_what_anybody_computes() {
    assert_eq!(crate::oracle::bucket::place("u:42", "spring"), PLACE_OF_42);
    assert_eq!(crate::oracle::bucket::place("a:d", ""), PLACE_OF_D);
    let bucket = || Term::Bucket(String::new());
    let at_times = at_times(&[0]);
    let decimal = Literal::Number(crate::oracle::rule::Decimal(i64::from(PLACE_OF_D) * 10_000));
    assert!(holds(&at_times, &Rule::Compare(bucket(), Op::Eq, decimal.into()), 0));
}

#[test]
fn a_fact_of_the_context_is_what_the_latest_event_with_it_says() {
    let said = |message, at, kind, value| {
        let context = vec![("location", Val::Map(vec![("country", value)]))];
        Event { kind, context, ..event(message, at, "E", vec![]) }
    };
    let events = [
        said(0, 0, Kind::Track, Val::text("DE")),
        said(1, 10, Kind::Group, Val::text("FR")),
        said(2, 20, Kind::Page, Val::Null),
        said(3, 30, Kind::Page, Val::List(vec![])),
    ];
    let is = |country: &str, now| {
        let term = Term::Context(Area::Geo, "country".into());
        let literal = Literal::Text(country.into());
        holds(&events, &Rule::Compare(term, Op::Eq, literal.into()), now)
    };
    assert!(is("DE", 9) && is("FR", 10) && is("FR", 40));
}

#[test]
fn now_is_an_instant_that_compares_with_a_date() {
    let rule = Rule::Compare(Term::Now, Op::Ge, Literal::Instant(2 * DAY).into());
    assert_eq!(rule.to_string(), "now >= \"1970-01-03\"");
    let events = at_times(&[0]);
    assert!(!holds(&events, &rule, 2 * DAY - 1) && holds(&events, &rule, 2 * DAY));
}
