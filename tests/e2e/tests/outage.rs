//! Redis goes away under load, and nobody notices but its readers. The long runs are made with the
//! program `outage`.
use sillage_e2e::outage::{Case, Outcome, Plan, run};
use std::time::Duration;

#[allow(clippy::print_stdout, reason = "the numbers are what it is run for")]
fn check(case: Case) -> Outcome {
    let plan =
        Plan { case, persons: 2_000, stop: Duration::from_secs(3), calm: Duration::from_secs(1) };
    let outcome = run(plan);
    println!("{case:?}\n{outcome}");
    let versions = outcome.versions;
    assert_eq!((versions.regressions, versions.never_healed), (0, 0), "{outcome}");
    assert!(versions.distinct > 500, "the watcher saw them grow: {outcome}");
    assert!((1..=2_000).contains(&outcome.dirty), "one entry a changed person: {outcome}");
    let [before, peak, _] = outcome.memory;
    assert!(peak < before + (64 << 20), "{outcome}");
    assert!(outcome.waits.iter().all(|(events, _)| *events > 0), "{outcome}");
    outcome
}

#[test]
fn a_redis_that_is_gone_for_a_while_is_equal_soon_after() {
    check(Case::Stop);
}

#[test]
fn a_redis_that_comes_back_empty_is_equal_soon_after() {
    check(Case::Empty);
}

#[test]
fn a_replica_that_misses_the_last_writes_is_brought_up_to_date() {
    check(Case::Failover);
}

#[test]
fn a_cluster_without_one_of_its_servers_is_equal_soon_after_its_return() {
    check(Case::Cluster);
}
