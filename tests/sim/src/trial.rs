//! One world, held to the oracle in two ways of driving the engine that must not differ.
use crate::compare::{Disagreement, Outcome, Ticks, run};
use crate::engine::{Engine, Handling};
use crate::oracle::rule::Segment;
use crate::rng::Rng;
use crate::shrink::shrink;
use crate::subject::Subject;
use crate::world::World;
use std::fmt::Write;

/// Runs a world with time passing often and gently, then seldom and roughly, and compares the two.
///
/// # Errors
/// What the compiler says of the rules.
pub fn engine_alone(world: &World) -> Result<Outcome, String> {
    let mut gentle = Engine::new(&world.rules, Handling::Gentle)?;
    let mut outcome = run(world, &mut gentle, Ticks::Often);
    let mut rough = Engine::new(&world.rules, Handling::Rough(Rng::new(world.seed)))?;
    outcome.add(run(world, &mut rough, Ticks::Seldom));
    let end = world.asks.last().map_or(0, |ask| ask.now);
    let mut differ = |kind, what| {
        let owner = "everybody".to_owned();
        outcome.disagreements.push(Disagreement { kind, owner, now: end, what });
    };
    for (owner, bytes) in gentle.fingerprints() {
        if rough.fingerprints().get(&owner) != Some(&bytes) {
            differ("bytes", format!("the state of {owner} depends on how it was driven"));
        }
    }
    let (gentle, rough) = (gentle.look(end), rough.look(end));
    if gentle != rough {
        differ("drive", format!("often {gentle:?},\n    seldom {rough:?}"));
    }
    Ok(outcome)
}

/// Tells of a failing world's first disagreement, or first of that kind, in the smallest world that
/// still has it.
#[must_use]
pub fn explain(world: World, kind: Option<&str>) -> String {
    let seed = world.seed;
    let first = match engine_alone(&world) {
        Err(why) => return format!("seed {seed}: the rules were refused:\n{why}"),
        Ok(outcome) => {
            match outcome.disagreements.into_iter().find(|d| kind.is_none_or(|k| k == d.kind)) {
                None => return format!("seed {seed}: no disagreement"),
                Some(first) => first,
            }
        }
    };
    let same_kind = |world: &World| {
        engine_alone(world)
            .is_ok_and(|outcome| outcome.disagreements.iter().any(|d| d.kind == first.kind))
    };
    let small = shrink(world, same_kind);
    let mut told = format!("seed {seed}, smallest world found:\n");
    let settings = crate::oracle::Rules { segments: Vec::new(), ..small.rules.clone() };
    writeln!(told, "  {settings:?}").expect("a string takes all");
    for segment in &small.rules.segments {
        writeln!(told, "  {}", described(segment)).expect("a string takes all");
    }
    for event in &small.arrivals {
        writeln!(told, "  {event:?}").expect("a string takes all");
    }
    writeln!(told, "  {:?}", small.asks).expect("a string takes all");
    if let Ok(outcome) = engine_alone(&small) {
        for disagreement in outcome.disagreements.iter().filter(|d| d.kind == first.kind).take(3) {
            writeln!(told, "  {disagreement}").expect("a string takes all");
        }
    }
    told
}

/// A segment as one line.
fn described(segment: &Segment) -> String {
    let Segment { key, when, exit, min_stay_ms, holdout, requires_consent } = segment;
    let mut line = format!("{key}: {when}");
    if let Some(exit) = exit {
        write!(line, "  || exit: {exit}").expect("a string takes all");
    }
    if (*min_stay_ms, *holdout) != (0, 0) || requires_consent.is_some() {
        write!(line, "  || min_stay {min_stay_ms} ms, holdout {holdout}, {requires_consent:?}")
            .expect("a string takes all");
    }
    line
}
