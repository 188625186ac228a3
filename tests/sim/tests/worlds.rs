//! The engine does as the oracle says, in every seeded world.
use sillage_sim::compare::Outcome;
use sillage_sim::oracle::waits::Waits;
use sillage_sim::trial::{engine_alone, explain};
use sillage_sim::world::World;
use std::collections::{BTreeMap, BTreeSet};

const WORLDS: u64 = 300;

#[test]
fn the_engine_agrees_with_the_oracle_in_every_world() {
    let mut sum = Outcome::default();
    for seed in 0..WORLDS {
        let world = World::new(seed);
        match engine_alone(&world) {
            Ok(outcome) if outcome.disagreements.is_empty() => sum.add(outcome),
            Ok(_) | Err(_) => panic!("{}", explain(world, None)),
        }
    }
    println!(
        "{WORLDS} worlds: {} memberships ({} true, {} held out, {} with a memory), {} sessions, \
         {} deadlines, {} doubtful",
        sum.memberships,
        sum.members,
        sum.held_out,
        sum.remembered,
        sum.sessions,
        sum.deadlines,
        sum.doubtful
    );
    let share = sum.members * 100 / sum.memberships;
    assert!((15..85).contains(&share), "{share} % of memberships are true: the rules say little");
    assert!(sum.doubtful * 1000 < sum.memberships, "{} doubtful", sum.doubtful);
    assert!(sum.held_out > 1000 && sum.remembered > 10_000, "{sum:?}");
}

#[test]
fn the_worlds_reach_every_form_of_the_language() {
    let mut forms: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..WORLDS {
        for (form, count) in World::new(seed).forms {
            *forms.entry(form).or_default() += count;
        }
    }
    println!("{forms:#?}");
    let missing: Vec<_> = FORMS.iter().filter(|f| forms.get(**f).is_none_or(|c| *c < 10)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(forms.len(), FORMS.len(), "a form is not listed here");
}

#[test]
fn the_worlds_hold_late_early_double_and_shuffled_arrivals() {
    let (mut late, mut too_late, mut early, mut double, mut links) = (0, 0, 0, 0, 0);
    for seed in 0..WORLDS {
        let world = World::new(seed);
        let mut known = BTreeMap::new();
        for event in &world.arrivals {
            let age = event.received - event.at;
            late += usize::from(age > 60_000 && age <= world.rules.lateness_ms);
            too_late += usize::from(age > world.rules.lateness_ms);
            early += usize::from(age < 0);
            double += usize::from(known.insert(event.message, ()).is_some());
            links += usize::from(event.link().is_some());
        }
    }
    println!("{late} late, {too_late} too late, {early} early, {double} double, {links} links");
    assert!([late, too_late, early, double, links].iter().all(|&count| count >= 200));
}

#[test]
fn the_worlds_hold_events_exactly_as_far_apart_as_rules_wait() {
    let (mut apart, mut tied, mut midnights, mut changes, mut named) = (0, 0, 0, 0, 0);
    for seed in 0..WORLDS {
        let World { rules, arrivals, .. } = World::new(seed);
        let mut waits = Waits::default();
        rules.segments.iter().for_each(|segment| waits.add(Waits::of_segment(segment, &rules)));
        let times: BTreeMap<u64, i64> = arrivals.iter().map(|e| (e.message, e.at)).collect();
        let distinct: BTreeSet<i64> = times.values().copied().collect();
        let has = |at: i64| distinct.contains(&at);
        let pairs = distinct.iter().flat_map(|at| waits.spans.iter().map(move |span| at + span));
        apart += pairs.filter(|at| has(*at)).count();
        tied += times.len() - distinct.len();
        let zone = &rules.zone;
        midnights += distinct.iter().filter(|at| zone.day(**at) != zone.day(**at - 1)).count();
        named += waits.instants.iter().filter(|at| has(**at)).count();
        let (first, last) = (distinct.first(), distinct.last());
        let within = |at: &i64| first.is_some_and(|f| f < at) && last.is_some_and(|l| at < l);
        changes += zone.offsets.iter().filter(|(from, _)| within(from)).count();
    }
    println!(
        "{apart} pairs a span apart, {tied} tied, {midnights} at midnight, {named} at an instant \
         named, {changes} worlds in which the clocks change"
    );
    assert!(apart >= 1000 && tied >= 500 && midnights >= 100 && named >= 5 && changes >= 80);
}

#[test]
fn what_has_a_memory_waits_for_nothing_unknown() {
    for seed in 0..WORLDS {
        let rules = World::new(seed).rules;
        for segment in rules.segments.iter().filter(|segment| segment.has_memory()) {
            assert!(!Waits::of_segment(segment, &rules).others, "seed {seed}: {segment:?}");
        }
    }
}

const FORMS: &[&str] = &[
    "!=",
    "\"*\"",
    "<",
    "<=",
    "==",
    ">",
    ">=",
    "[names]",
    "`name`",
    "and",
    "app.*",
    "avg",
    "between",
    "between operands",
    "between … ago",
    "bucket",
    "campaign.*",
    "consent.*",
    "contains (list)",
    "contains (text)",
    "count",
    "days_active",
    "device.*",
    "distinct",
    "ends with",
    "events by default",
    "exists(events)",
    "exists(property)",
    "exists(value)",
    "exit",
    "first",
    "first step within",
    "first_time",
    "four steps",
    "geo.*",
    "holdout",
    "in",
    "in session",
    "last",
    "later step within",
    "lifetime",
    "literal first",
    "matches",
    "max",
    "min",
    "min_stay",
    "mixed types",
    "no … at the end",
    "no … between steps",
    "no … within at the end",
    "not",
    "now",
    "now and a date",
    "one step",
    "operand and operand",
    "or",
    "os.*",
    "periods",
    "property and property",
    "ratio",
    "requires_consent",
    "resumed",
    "same(one)",
    "same(several)",
    "score.engagement",
    "segment()",
    "sequence",
    "session.bounced",
    "session.campaign",
    "session.conversions",
    "session.duration_ms",
    "session.engaged_ms",
    "session.entry_page",
    "session.events",
    "session.exit_page",
    "session.pages",
    "session.referrer",
    "session.revenue",
    "session.screens",
    "session.start_reason",
    "sessions",
    "sessions within",
    "starts with",
    "stopped",
    "streak",
    "sum",
    "text and text",
    "this month",
    "this week",
    "three steps",
    "time_since",
    "time_since_first",
    "today",
    "trait.*",
    "two steps",
    "value alone",
    "where",
    "where context.*",
    "where properties.*",
    "within",
];
