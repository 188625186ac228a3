//! What must hold in every world, in the first three hundred of them.
use sillage_device_sim::cover::{self, WORLDS};
use sillage_device_sim::met::Met;
use sillage_device_sim::spool::disk_of;
use sillage_device_sim::world::{Follow, Outcome, run};

fn play(seed: u64) -> Outcome {
    run(seed, &|| disk_of(seed), Follow::Silent)
}

#[test]
fn three_hundred_worlds_keep_every_promise_and_meet_every_danger() {
    let (mut met, mut first_waits) = (Met::default(), Vec::new());
    for seed in 0..WORLDS {
        let outcome = play(seed);
        assert_eq!(outcome.violation, None, "seed {seed}");
        met.add(&outcome.met);
        first_waits.extend(outcome.first_waits);
    }
    assert_eq!(cover::missed(&met, WORLDS), Vec::<&str>::new());
    assert!(first_waits.len() > 100 && cover::is_spread(&first_waits));
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in [0, 7, 42] {
        let (one, two) = (play(seed), play(seed));
        assert_eq!((one.trace, &one.met), (two.trace, &two.met));
        assert_ne!(one.trace, play(seed + 1).trace);
    }
}
