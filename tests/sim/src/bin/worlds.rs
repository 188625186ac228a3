//! Holds the engine to the oracle in as many worlds as asked: `worlds [--seeds N] [--first SEED]
//! [--explained WORLDS_OF_EACH_KIND]`.
#![allow(clippy::print_stdout, reason = "a command speaks to the terminal")]
use sillage_sim::compare::Outcome;
use sillage_sim::trial::{engine_alone, explain};
use sillage_sim::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: u64| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let (first, count) = (number("--first", 0), number("--seeds", 200));
    let explained = usize::try_from(number("--explained", 1)).unwrap_or(usize::MAX);
    let mut sum = Outcome::default();
    let mut failed = 0_u64;
    let mut forms: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut kinds: BTreeMap<&'static str, Vec<u64>> = BTreeMap::new();
    for seed in first..first + count {
        let world = World::new(seed);
        for (form, count) in &world.forms {
            *forms.entry(form).or_default() += count;
        }
        match engine_alone(&world) {
            Ok(outcome) if outcome.disagreements.is_empty() => sum.add(outcome),
            Ok(outcome) => {
                failed += 1;
                let found: BTreeSet<_> = outcome.disagreements.iter().map(|d| d.kind).collect();
                for kind in found {
                    kinds.entry(kind).or_default().push(seed);
                }
            }
            Err(_) => {
                failed += 1;
                kinds.entry("refused").or_default().push(seed);
            }
        }
    }
    println!(
        "{count} worlds from seed {first}: {} memberships ({} true, {} held out, {} with a memory), \
         {} sessions, {} deadlines, {} doubtful; {failed} worlds disagree",
        sum.memberships,
        sum.members,
        sum.held_out,
        sum.remembered,
        sum.sessions,
        sum.deadlines,
        sum.doubtful
    );
    let fewest = forms.values().min().copied().unwrap_or_default();
    println!("{} forms, each at least {fewest} times:", forms.len());
    for (form, count) in &forms {
        println!("  {count:6}  {form}");
    }
    for (kind, seeds) in &kinds {
        println!(
            "  {} in {} worlds, such as {:?}",
            kind,
            seeds.len(),
            &seeds[..seeds.len().min(8)]
        );
    }
    for (kind, seeds) in kinds {
        for &seed in seeds.iter().take(explained) {
            println!("{}", explain(World::new(seed), Some(kind)));
        }
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
