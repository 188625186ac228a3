//! Holds the SDK's core to its promises in as many worlds as asked:
//! `devices [--seeds N] [--first SEED] [--stop-after FAILURES] [--jobs N] [--follow]
//! [--quiet]`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to the terminal")]
use sillage_device_sim::cover;
use sillage_device_sim::met::Met;
use sillage_device_sim::spool::disk_of;
use sillage_device_sim::truth::Violation;
use sillage_device_sim::world::{Follow, Outcome, run};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

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
    last_broke: bool,
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
    let jobs = number("--jobs", 2).clamp(1, count.max(1));
    let (failed, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = |job: u64| {
        let mut sum = Sum::default();
        for seed in (first + job..first + count).step_by(usize::try_from(jobs).unwrap_or(1)) {
            if failed.load(Ordering::Relaxed) >= stop_after {
                break;
            }
            sum.take(seed, play(seed, follow));
            failed.fetch_add(u64::from(sum.last_broke), Ordering::Relaxed);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if done.is_multiple_of(PROGRESS) {
                eprintln!("{done} worlds, {} broke a promise", failed.load(Ordering::Relaxed));
            }
        }
        sum
    };
    let mut all = Sum::default();
    std::thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = (0..jobs).map(|job| scope.spawn(move || work(job))).collect();
        for thread in running {
            all.add(thread.join().expect("a world that panics has been told of"));
        }
    });
    all.tell(first, given("--quiet"))
}

/// Runs a world, one in a hundred twice: the same seed is the same world.
fn play(seed: u64, follow: Follow) -> Outcome {
    let outcome = run(seed, &|| disk_of(seed), follow);
    if seed.is_multiple_of(TWICE) {
        let again = run(seed, &|| disk_of(seed), Follow::Silent).trace;
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
        self.last_broke = violation.is_some();
        if let Some(Violation { rule, seen }) = violation {
            self.failed += 1;
            self.broken.entry(format!("{rule:?}")).or_default().push((seed, seen));
        }
    }

    fn add(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.failed += other.failed;
        self.met.add(&other.met);
        self.first_waits.extend(other.first_waits);
        for (rule, seeds) in other.broken {
            self.broken.entry(rule).or_default().extend(seeds);
        }
    }

    fn tell(self, first: u64, quiet: bool) -> ExitCode {
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
            println!("Spread: 1 worlds\n  waits after a first failure are not drawn evenly");
        }
        let (worlds, failed) = (self.worlds, self.failed);
        println!("{worlds} worlds from seed {first}, {failed} broke a promise");
        let good = failed == 0 && missed.is_empty() && spread;
        if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
