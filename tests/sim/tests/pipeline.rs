//! The whole path from the log to the view does as the oracle says, across partitions and restarts.
use sillage_sim::compare::{Outcome, Ticks, run};
use sillage_sim::pipeline::Pipeline;
use sillage_sim::world::World;

const WORLDS: u64 = 60;

#[test]
fn the_pipeline_agrees_with_the_oracle_in_every_world() {
    let mut sum = Outcome::default();
    for seed in 0..WORLDS {
        let world = World::new(seed);
        let mut pipeline = Pipeline::new(&world.rules).expect("workers start");
        let outcome = run(&world, &mut pipeline, Ticks::Seldom);
        let said: Vec<_> = outcome.disagreements.iter().take(5).map(ToString::to_string).collect();
        assert!(said.is_empty(), "seed {seed}:\n{}", said.join("\n"));
        sum.add(outcome);
    }
    println!("{WORLDS} worlds: {} memberships ({} true)", sum.memberships, sum.members);
    assert!(sum.memberships > 5000, "{}", sum.memberships);
}
