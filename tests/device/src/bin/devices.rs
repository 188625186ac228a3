//! Holds the SDK's core to its promises in as many worlds as asked:
//! `devices [--seeds N] [--first SEED] [--stop-after FAILURES] [--follow] [--quiet]`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to the terminal")]
use sillage_device_sim::cover;
use sillage_device_sim::met::Met;
use sillage_device_sim::store::{Disk, UnitList};
use sillage_device_sim::truth::Violation;
use sillage_device_sim::world::{Follow, Outcome, run};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Worlds between two signs of life.
const PROGRESS: u64 = 1_000;
/// One world in so many is run twice.
const TWICE: u64 = 100;

#[derive(Default)]
struct Sum {
    met: Met,
    first_waits: Vec<u64>,
    broken: BTreeMap<String, Vec<(u64, String)>>,
    failed: u64,
    worlds: u64,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: u64| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let given = |name: &str| args.iter().any(|arg| arg == name);
    let (first, count) = (number("--first", 0), number("--seeds", cover::WORLDS));
    let stop_after = number("--stop-after", 20);
    let follow = if given("--follow") { Follow::Told } else { Follow::Silent };
    let mut sum = Sum::default();
    for seed in first..first + count {
        sum.take(seed, play(seed, follow));
        if sum.worlds % PROGRESS == 0 {
            eprintln!("{} worlds, {} broke a promise", sum.worlds, sum.failed);
        }
        if sum.failed >= stop_after {
            break;
        }
    }
    sum.tell(first, given("--quiet"))
}

/// Runs a world, one in a hundred twice: the same seed is the same world.
fn play(seed: u64, follow: Follow) -> Outcome {
    let disk = || -> Box<dyn Disk> { Box::new(UnitList::default()) };
    let outcome = run(seed, &disk, follow);
    if seed % TWICE == 0 {
        let again = run(seed, &disk, Follow::Silent).trace;
        assert_eq!(again, outcome.trace, "seed {seed} is not one world but two");
    }
    outcome
}

impl Sum {
    fn take(&mut self, seed: u64, outcome: Outcome) {
        let Outcome { violation, met, first_waits, .. } = outcome;
        self.worlds += 1;
        self.met.add(&met);
        self.first_waits.extend(first_waits);
        if let Some(Violation { rule, seen }) = violation {
            self.failed += 1;
            self.broken.entry(format!("{rule:?}")).or_default().push((seed, seen));
        }
    }

    fn tell(mut self, first: u64, quiet: bool) -> ExitCode {
        if !quiet {
            for (what, n) in self.met.iter() {
                println!("{n:10}  {what}");
            }
        }
        for (rule, seeds) in &self.broken {
            println!("{rule}: {} worlds", seeds.len());
            for (seed, seen) in seeds.iter().take(3) {
                println!("  {seed}: {seen}");
            }
        }
        let missed = cover::missed(&self.met, self.worlds);
        if self.failed == 0 && !missed.is_empty() {
            println!("met too rarely: {missed:?}");
        }
        let spread = cover::is_spread(&self.first_waits);
        if !spread {
            self.first_waits.sort_unstable();
            println!("Spread: 1 worlds\n  waits after a first failure are not drawn evenly");
        }
        let (worlds, failed) = (self.worlds, self.failed);
        println!("{worlds} worlds from seed {first}, {failed} broke a promise");
        let good = failed == 0 && missed.is_empty() && spread;
        if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
