//! A rule that is run over history tells what it would have told, had it been there from the start.
#![allow(clippy::print_stdout, reason = "the numbers are what the file is run for")]
use sillage_engine::{Plan, RuleSet, Zone};
use sillage_model::{PersonKey, SegmentChange, SegmentIndex};
use sillage_sim::encode::rule_set;
use sillage_sim::files::{self, DAY_MS};
use sillage_sim::live::Live;
use sillage_sim::oracle::event::Event;
use sillage_sim::world::World;
use sillage_store::Change;
use sillage_worker::history::{Day, KeptFact, Survey, SurveyOf, Whom, life, survey};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

/// Local days that are told one by one.
const DAYS: usize = 90;

/// The rules without one segment, and then with it again, at their end, as a preview has it.
fn with_last(rules: &RuleSet, key: &str) -> RuleSet {
    let mut rules = rules.clone();
    let place = rules.segments.iter().position(|s| s.key == key).expect("it is there");
    let previewed = rules.segments.remove(place);
    rules.segments.push(previewed);
    rules
}

fn surveyed(live: &Live, rules: &RuleSet, zone: &Zone, until: i64) -> (Survey, Arc<Plan>) {
    let plan = Arc::new(Plan::compile(rules).expect("the rules are sound"));
    let of = SurveyOf { plan: Arc::clone(&plan), zone: zone.clone(), until, days: DAYS };
    let found = survey(live.log.as_ref(), of, &mut |_| ControlFlow::Continue(()));
    (found.expect("the log is whole").expect("nobody broke it off"), plan)
}

/// What was told about one segment, in all and by day; `at` decides the day.
fn told_of(told: &[Change], segment: &str, zone: &Zone) -> BTreeMap<i64, Day> {
    let mut days: BTreeMap<i64, Day> = BTreeMap::new();
    for change in told.iter().filter(|change| *change.segment == *segment) {
        let day = days.entry(zone.day(change.at)).or_default();
        match change.change {
            SegmentChange::Enter => day.entered += 1,
            SegmentChange::Exit => day.left += 1,
        }
    }
    days
}

/// Holds a survey of everything that was live against what was told while it was.
fn hold(live: &Live, found: &Survey, plan: &Plan, zone: &Zone, what: &str) -> u64 {
    let told = live.told();
    for (place, info) in plan.segments().iter().enumerate() {
        let (key, trace) = (&info.key, &found.traces[place]);
        let segment = live.plan.segment_index(key).expect("it is live");
        let days = told_of(&told, key, zone);
        let sum = |pick: fn(&Day) -> u64| days.values().map(pick).sum::<u64>();
        assert_eq!(
            (trace.entered, trace.left),
            (sum(|day| day.entered), sum(|day| day.left)),
            "{what}: entries and exits of {key}"
        );
        for (day, traced) in (found.first_day..).zip(&trace.days) {
            let known = days.get(&day).copied().unwrap_or_default();
            let expected = (known.entered, known.left);
            assert_eq!((traced.entered, traced.left), expected, "{what}: {key}, day {day}");
        }
        let members = live.view.summary().members[usize::from(segment.0)];
        assert_eq!(trace.members, members, "{what}: members of {key}");
    }
    told.len() as u64
}

#[test]
fn a_preview_over_the_retail_file_equals_live() {
    let file = files::retail().expect("the file lies beside the example");
    let rules = rule_set(&file.rules);
    let mut live = Live::start(&rules).expect("workers start");
    let zone = Zone { name: "Test/East".to_owned(), offsets: vec![(0, 5 * 3_600_000 + 1_800_000)] };
    let (mut minutes, mut at_midnight) = (0, BTreeMap::new());
    let mut midnight = zone.start_of_day(zone.day(file.events[0].received) + 1);
    let mut events = file.events.clone();
    events.sort_by_key(|event| event.received);
    for together in events.chunk_by(|a, b| a.received == b.received) {
        while together[0].received >= midnight {
            live.pass_until(midnight - 1);
            at_midnight.insert(zone.day(midnight - 1), live.view.summary().members);
            midnight = zone.start_of_day(zone.day(midnight) + 1);
        }
        live.pass_until(together[0].received);
        live.deliver(together);
        minutes += 1;
    }
    // Three quiet days more, in which only time moves people.
    let end = events.last().map_or(0, |event| event.received) + 3 * DAY_MS;
    live.pass_until(end);
    let (mut rows, mut compared) = (0, 0);
    for previewed in ["vip", "lapsing", "engaged"] {
        let started = Instant::now();
        let rules = with_last(&rules, previewed);
        let (found, plan) = surveyed(&live, &rules, &zone, end);
        let took = started.elapsed();
        rows += hold(&live, &found, &plan, &zone, "retail");
        let (this, index) = found.traces.iter().enumerate().next_back().map_or_else(
            || panic!("there are segments"),
            |(place, trace)| (trace, SegmentIndex(u16::try_from(place).expect("few"))),
        );
        let segment = live.plan.segment_index(previewed).expect("it is live");
        for (day, traced) in (found.first_day..).zip(&this.days) {
            let Some(members) = at_midnight.get(&day) else { continue };
            let expected = members[usize::from(segment.0)];
            assert_eq!(traced.members, expected, "{previewed}: as day {day} ended");
            compared += 1;
        }
        let busy = this.days.iter().filter(|day| day.entered + day.left > 0).count();
        assert!(busy > 30, "{previewed} had entries and exits on {busy} days only");
        check_members(&live, &found, (index, segment), &plan);
        println!(
            "{previewed}: {} facts in {:.2} s, {} entries and {} exits on {busy} of {DAYS} days, \
             {} members",
            found.facts,
            took.as_secs_f64(),
            this.entered,
            this.left,
            this.members
        );
    }
    assert!(compared > 200, "{compared} midnights were compared");
    println!("{} events in {minutes} minutes; {rows} changes compared", events.len());
}

/// The sample is of members, with the moments that are shown; overlaps are those of the lists.
fn check_members(
    live: &Live,
    found: &Survey,
    (index, segment): (SegmentIndex, SegmentIndex),
    plan: &Plan,
) {
    let members = |segment| -> BTreeSet<Box<str>> {
        let (mut members, mut after) = (BTreeSet::new(), None);
        loop {
            let page = live.view.members(segment, after.as_ref(), 1_000);
            let Some(last) = page.last().cloned() else { return members };
            members.extend(page.into_iter().map(|listed| listed.member));
            after = Some(last);
        }
    };
    let here = members(segment);
    let sample = found.sample(index, 20);
    assert_eq!(sample.len(), here.len().min(20));
    for sampled in &sample {
        let profile = live.view.member(sampled.member.as_str()).expect("somebody who is known");
        let shown = profile.segments.iter().find(|m| m.segment == segment).expect("a member");
        assert_eq!(shown.entered_at.0, sampled.entered_at);
    }
    assert_eq!(found.sample(index, 20), sample, "the same each time");
    let all: Vec<SegmentIndex> = (0..).map(SegmentIndex).take(plan.segments().len()).collect();
    let pairs = found.pairs(&all);
    for (place, (info, overlap)) in plan.segments().iter().zip(found.overlaps(index)).enumerate() {
        let there = members(live.plan.segment_index(&info.key).expect("it is live"));
        let both = here.intersection(&there).count() as u64;
        assert_eq!(overlap.both, both, "{}", info.key);
        assert_eq!(overlap.only_this, here.len() as u64 - both);
        assert_eq!(overlap.only_that, there.len() as u64 - both);
        assert_eq!(pairs.overlap(usize::from(index.0), place), overlap, "{}", info.key);
    }
}

/// How many worlds; each has links, late events and timers.
const WORLDS: u64 = 40;

#[test]
fn a_survey_of_any_world_tells_what_was_told() {
    let (mut changes, mut lives, mut linked) = (0, 0, 0);
    for seed in 0..WORLDS {
        let world = World::new(seed);
        let rules = rule_set(&world.rules);
        let mut live = Live::start(&rules).expect("workers start");
        let mut arrivals = world.arrivals.clone();
        arrivals.sort_by_key(|event| event.received);
        for event in &arrivals {
            live.pass_until(event.received);
            live.deliver(std::slice::from_ref(event));
        }
        let asked = world.asks.iter().map(|ask| ask.now).max().expect("worlds are asked");
        let end = arrivals.last().map_or(asked, |event| event.received.max(asked));
        live.pass_until(end);
        let (found, plan) = surveyed(&live, &rules, &rules.zone, end);
        changes += hold(&live, &found, &plan, &rules.zone, &format!("world {seed}"));
        let (known, joined) = check_lives(&live, &arrivals, end, seed);
        lives += known;
        linked += joined;
    }
    println!("{WORLDS} worlds: {changes} changes, {lives} persons, {linked} of them with devices");
    assert!(changes > 1_000 && linked > 20, "{changes} changes, {linked} linked");
}

/// A person's facts alone make the memberships that everybody's facts made.
fn check_lives(live: &Live, arrivals: &[Event], now: i64, seed: u64) -> (usize, usize) {
    let subjects: BTreeSet<String> = arrivals.iter().map(Event::subject).collect();
    let mut linked = 0;
    for subject in &subjects {
        let profile = live.view.member(subject).expect("who did something is known");
        let devices = profile.devices.iter().map(|id| PersonKey::device(id));
        let ids: Vec<PersonKey> = devices.chain([profile.member.clone()]).collect();
        linked += usize::from(ids.len() > 1);
        let member = PersonKey::parse(subject).expect("a subject");
        let whom = Whom { member, ids };
        let mut go_on = |_| ControlFlow::Continue(());
        let found = life(live.log.as_ref(), &live.plan, &whom, now, &mut go_on);
        let found = found.expect("the log is whole").expect("they did something");
        assert_eq!(found.member, profile.member, "world {seed}: {subject}");
        assert_eq!(found.record.members(), profile.segments, "world {seed}: {subject}");
        let activities = found.facts.iter().map(KeptFact::fact).filter(|f| f.kind.is_activity());
        // What came ahead of its time counts once the next fact shows that the time has come.
        let ahead = activities.clone().filter(|fact| fact.at.0 > fact.received.0).count() as u64;
        let (all, counted) = (activities.count() as u64, found.record.event_count());
        assert!(
            (all - ahead..=all).contains(&counted),
            "world {seed}: {subject}: {counted} of {all}"
        );
    }
    (subjects.len(), linked)
}
