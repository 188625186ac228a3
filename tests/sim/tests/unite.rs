//! A person put together from devices is the person that had been one from the start.
use sillage_sim::unite::{Compared, unite};
use sillage_sim::world::World;

const WORLDS: u64 = 400;

#[test]
fn devices_that_join_at_any_time_and_in_any_order_make_the_same_person() {
    let mut sum = Compared::default();
    for seed in 0..WORLDS {
        let world = World::new(seed);
        match unite(&world) {
            Ok(compared) => sum.add(compared),
            Err(why) => panic!("seed {seed}: {why}\n{:#?}", world.rules.segments),
        }
    }
    println!("{WORLDS} worlds: {sum:?}");
    assert!(sum.devices > 1000 && sum.split > 1000 && sum.memberships > 5000, "{sum:?}");
}
