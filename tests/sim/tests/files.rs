//! The engine does as the oracle says for whole real files.
#![allow(clippy::print_stdout, reason = "the numbers are what the file is run for")]
use sillage_sim::compare::{Outcome, check_engagement, check_person, check_sessions};
use sillage_sim::engine::{Engine, Handling};
use sillage_sim::files::{self, File};
use sillage_sim::oracle::Person;
use sillage_sim::oracle::eval::Standing;
use sillage_sim::oracle::identity::People;
use sillage_sim::subject::Subject;
use std::collections::BTreeMap;

#[test]
fn the_retailers_invoices_give_what_the_oracle_says() {
    hold(files::retail().expect("the file lies beside the example"));
}

#[test]
fn the_shops_clicks_give_what_the_oracle_says() {
    hold(files::onlineshop().expect("the file lies beside the example"));
}

#[test]
fn the_readers_views_give_what_the_oracle_says() {
    hold(files::readers().expect("the file lies beside the example"));
}

fn hold(file: File) {
    let mut engine = Engine::new(&file.rules, Handling::Gentle).expect("the rules are sound");
    for event in &file.events {
        engine.deliver(event).expect("every event is sound");
    }
    let people = People::of(file.events.iter(), file.rules.lateness_ms);
    let mut outcome = Outcome::default();
    for now in file.asks() {
        engine.advance(now);
        let looks = engine.look(now);
        let mut sums = Sums::default();
        assert!(looks.keys().eq(people.events.keys()), "the same persons");
        for (owner, owned) in &people.events {
            let person = Person::new(owner, owned, &file.rules, now);
            check_person(&person, &file.rules, &Standing::new(), &looks[owner], &mut outcome);
            check_engagement(owner, &person, &file.rules, &looks[owner], &mut outcome);
            let held = looks[owner].held.as_ref().expect("the engine holds sessions");
            check_sessions(owner, &person, &file.rules, held, &mut outcome);
            sums.ours.0 += person.sessions().len() as u64;
            sums.ours.1 += person.engagement(&file.rules);
            let look = &looks[owner];
            sums.theirs.0 += held.count;
            sums.theirs.1 += look.engagement;
            for key in look.segments.keys() {
                *sums.members.entry(key.clone()).or_default() += 1;
            }
        }
        sums.print(&file, now, looks.len());
    }
    let shown: Vec<_> = outcome.disagreements.iter().take(5).map(ToString::to_string).collect();
    let count = outcome.disagreements.len();
    assert!(shown.is_empty(), "{count} disagreements in {}:\n{}", file.name, shown.join("\n"));
    let Outcome { memberships, sessions, doubtful, .. } = outcome;
    println!("{}: {memberships} memberships, {sessions} sessions, {doubtful} doubtful", file.name);
}

/// Sessions and score sums of the oracle (ours) and the engine (theirs), and the engine's members.
#[derive(Default)]
struct Sums {
    ours: (u64, f64),
    theirs: (u64, f64),
    members: BTreeMap<String, usize>,
}

impl Sums {
    fn print(&self, file: &File, now: i64, persons: usize) {
        let Self { ours, theirs, members } = self;
        println!(
            "{} at {now}: {} events, {persons} persons; sessions {} (oracle {}), score sum {:.6} \
             (oracle {:.6}); members {members:?}",
            file.name,
            file.events.len(),
            theirs.0,
            ours.0,
            theirs.1,
            ours.1
        );
    }
}
