//! Holds the SDK's core to its promises in as many worlds as asked:
//! `devices [--seeds N] [--first SEED] [--stop-after FAILURES] [--follow]`.
#![allow(clippy::print_stdout, reason = "a command speaks to the terminal")]
use sillage_device_sim::met::Met;
use sillage_device_sim::store::{Disk, UnitList};
use sillage_device_sim::world::{Follow, Outcome, run};
use std::collections::BTreeMap;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: u64| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let (first, count) = (number("--first", 0), number("--seeds", 300));
    let stop_after = number("--stop-after", 20);
    let told = args.iter().any(|arg| arg == "--follow");
    let follow = if told { Follow::Told } else { Follow::Silent };
    let disk = || -> Box<dyn Disk> { Box::new(UnitList::default()) };
    let mut met = Met::default();
    let mut broken: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    let mut failed = 0;
    for seed in first..first + count {
        let Outcome { violation, met: one, .. } = run(seed, &disk, follow);
        met.add(&one);
        if let Some(violation) = violation {
            failed += 1;
            let seeds = broken.entry(format!("{:?}", violation.rule)).or_default();
            seeds.push((seed, violation.seen));
        }
        if failed >= stop_after {
            println!("stopped at seed {seed}");
            break;
        }
    }
    for (what, n) in met.iter() {
        println!("{n:10}  {what}");
    }
    for (rule, seeds) in &broken {
        println!("{rule}: {} worlds", seeds.len());
        for (seed, seen) in seeds.iter().take(3) {
            println!("  {seed}: {seen}");
        }
    }
    println!("{count} worlds from seed {first}, {failed} broke a promise");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
