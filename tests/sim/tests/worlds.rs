//! The engine does as the oracle says, in every seeded world.
use sillage_sim::compare::Outcome;
use sillage_sim::trial::{engine_alone, explain};
use sillage_sim::world::World;
use std::collections::BTreeMap;

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
        "{WORLDS} worlds: {} memberships ({} true), {} sessions, {} deadlines, {} doubtful",
        sum.memberships, sum.members, sum.sessions, sum.deadlines, sum.doubtful
    );
    let share = sum.members * 100 / sum.memberships;
    assert!((15..85).contains(&share), "{share} % of memberships are true: the rules say little");
    assert!(sum.doubtful * 1000 < sum.memberships, "{} doubtful", sum.doubtful);
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
    let missing: Vec<_> = FORMS.iter().filter(|f| forms.get(**f).is_none_or(|c| *c < 5)).collect();
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

const FORMS: &[&str] = &[
    "!=",
    "\"*\"",
    "<",
    "<=",
    "==",
    ">",
    ">=",
    "[names]",
    "and",
    "avg",
    "between",
    "contains (list)",
    "contains (text)",
    "count",
    "distinct",
    "ends with",
    "exists(events)",
    "exists(value)",
    "first",
    "in",
    "last",
    "lifetime",
    "max",
    "min",
    "mixed types",
    "not",
    "or",
    "score.engagement",
    "segment()",
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
    "starts with",
    "sum",
    "time_since",
    "time_since_first",
    "trait.*",
    "where",
    "within",
];
