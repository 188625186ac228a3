//! Plays as many whole worlds as asked:
//! `whole [--seeds N] [--first SEED] [--seconds T] [--jobs N] [--stop-after FAILURES] [--follow]`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to the terminal")]
use sillage_sim::whole::cover;
use sillage_sim::whole::met::Met;
use sillage_sim::whole::plan::Plan;
use sillage_sim::whole::world::{Follow, Outcome, run, run_plan};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One world in so many is played twice.
const TWICE: u64 = 100;

#[derive(Default)]
struct Sum {
    met: Met,
    failed: Vec<(u64, String)>,
    worlds: u64,
    records: u64,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: u64| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let (first, count) = (number("--first", 0), number("--seeds", cover::WORLDS));
    let seconds = Duration::from_secs(number("--seconds", u64::MAX >> 16));
    let (jobs, stop_after) = (number("--jobs", 2).max(1), number("--stop-after", 20));
    let given = |name: &str| args.iter().any(|arg| arg == name);
    let follow = if given("--follow") { Follow::Told } else { Follow::Silent };
    let (failed, started) = (AtomicU64::new(0), Instant::now());
    let next = AtomicU64::new(first);
    let work = || {
        let mut sum = Sum::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let enough = failed.load(Ordering::Relaxed) >= stop_after;
            if seed >= first + count || enough || started.elapsed() >= seconds {
                return sum;
            }
            let before = sum.failed.len();
            sum.take(seed, run_plan(seed, Plan::new(seed), follow));
            failed.fetch_add((sum.failed.len() - before) as u64, Ordering::Relaxed);
        }
    };
    let mut all = Sum::default();
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        for thread in running {
            all.add(thread.join().expect("a world that panics has been told of"));
        }
    });
    all.tell(first, started.elapsed())
}

impl Sum {
    fn take(&mut self, seed: u64, outcome: Outcome) {
        self.worlds += 1;
        if seed.is_multiple_of(TWICE) && run(seed).trace != outcome.trace {
            self.failed.push((seed, "it is not one world but two".to_owned()));
        }
        self.met.add(&outcome.met);
        self.records += outcome.records as u64;
        if let Some(violation) = outcome.violation {
            self.failed.push((seed, format!("{}: {}", violation.rule, violation.seen)));
        }
    }

    fn add(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.records += other.records;
        self.met.add(&other.met);
        self.failed.extend(other.failed);
    }

    fn tell(mut self, first: u64, took: Duration) -> ExitCode {
        for (what, n) in self.met.iter() {
            println!("{n:10}  {what}");
        }
        self.failed.sort();
        for (seed, why) in &self.failed {
            println!("seed {seed}: {}", why.chars().take(600).collect::<String>());
        }
        let missed = cover::missed(&self.met, self.worlds);
        if !missed.is_empty() {
            println!("met too rarely: {missed:?}");
        }
        let (worlds, failed) = (self.worlds, self.failed.len());
        let rate = worlds as f64 / took.as_secs_f64() * 3_600.0;
        println!(
            "{worlds} worlds from seed {first}, {} records, {failed} broke a promise; {:.1} s, {rate:.0} an hour",
            self.records,
            took.as_secs_f64(),
        );
        if failed == 0 && missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
