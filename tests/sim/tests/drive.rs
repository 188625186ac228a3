//! However a world is driven through the pipeline, everybody's state is the same bytes.
use sillage_sim::drive::{Driven, drive};
use sillage_sim::world::World;

const WORLDS: u64 = 60;
const PARTITIONS: &[u16] = &[1, 4, 64];

#[test]
fn partitions_batches_clocks_and_crashes_leave_no_trace() {
    let mut sum = Driven::default();
    for seed in 0..WORLDS {
        let world = World::new(seed);
        for &partitions in PARTITIONS {
            match drive(&world, partitions) {
                Ok(driven) => sum.add(driven),
                Err(why) => panic!("seed {seed}, {partitions} partitions: {why}"),
            }
        }
    }
    println!("{WORLDS} worlds, {PARTITIONS:?} partitions: {sum:#?}");
    assert!(sum.ticks > 500 && sum.restarts > 200 && sum.crashes > 300, "{sum:?}");
    assert!(sum.lost_checkpoints > 200 && sum.cut_appends > 50, "{sum:?}");
}
