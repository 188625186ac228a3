//! Whole worlds: what must hold in each of the first of them and in each that once broke a promise,
//! and that worlds find out a disk that lies and a log that answers too early.
use sillage_sim::whole::cover::{self, WORLDS};
use sillage_sim::whole::disk::Lie;
use sillage_sim::whole::met::Met;
use sillage_sim::whole::plan::Plan;
use sillage_sim::whole::world::{Follow, run, run_plan};

/// Seeds of worlds that once broke a promise, one a line, with what it was.
const BROKEN_ONCE: &str = include_str!("../seeds/whole.txt");
/// Worlds in which a deliberate fault must have shown.
const FOUND_WITHIN: u64 = 200;

#[test]
fn the_first_worlds_keep_every_promise_and_meet_every_danger() {
    let mut met = Met::default();
    for seed in 0..WORLDS {
        let outcome = run(seed);
        assert_eq!(outcome.violation, None, "seed {seed}");
        met.add(&outcome.met);
    }
    assert_eq!(cover::missed(&met, WORLDS), Vec::<&str>::new());
}

#[test]
fn worlds_that_once_broke_a_promise_keep_it_now() {
    for line in BROKEN_ONCE.lines().filter(|line| !line.starts_with('#')) {
        let seed = line.split_whitespace().next().and_then(|seed| seed.parse().ok());
        let seed: u64 = seed.expect("a line begins with a seed");
        assert_eq!(run(seed).violation, None, "{line}");
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in [0, 7, 42] {
        let (one, two) = (run(seed), run(seed));
        assert_eq!((one.trace, &one.met), (two.trace, &two.met));
        assert_ne!(one.trace, run(seed + 1).trace);
    }
}

fn is_found(fault: impl Fn(&mut Plan)) -> bool {
    (0..FOUND_WITHIN).any(|seed| {
        let mut plan = Plan::new(seed);
        fault(&mut plan);
        run_plan(seed, plan, Follow::Silent).violation.is_some()
    })
}

#[test]
fn a_disk_that_only_says_that_it_syncs_files_is_found_out() {
    assert!(is_found(|plan| plan.lie = Lie::FileSync));
}

#[test]
fn a_disk_that_only_says_that_it_syncs_directories_is_found_out() {
    assert!(is_found(|plan| plan.lie = Lie::DirectorySync));
}

#[test]
fn a_log_that_answers_before_it_syncs_is_found_out() {
    assert!(is_found(|plan| plan.answers_early = true));
}
