//! Drives as many worlds as asked through the pipeline in every way, and puts their persons together
//! from devices in any order: `drives [--seeds N] [--first SEED]`.
#![allow(clippy::print_stdout, reason = "a command speaks to the terminal")]
use sillage_sim::drive::{Driven, drive};
use sillage_sim::unite::{Compared, unite};
use sillage_sim::world::World;
use std::process::ExitCode;

const PARTITIONS: &[u16] = &[1, 4, 64];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: u64| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let (first, count) = (number("--first", 0), number("--seeds", 200));
    let (mut driven, mut united) = (Driven::default(), Compared::default());
    let mut failed = 0_u64;
    for seed in first..first + count {
        let world = World::new(seed);
        let drives = PARTITIONS.iter().map(|&partitions| {
            let done = drive(&world, partitions);
            done.map(|done| driven.add(done))
                .map_err(|why| format!("{partitions} partitions: {why}"))
        });
        let united = unite(&world).map(|compared| united.add(compared));
        for why in drives.chain([united]).filter_map(Result::err) {
            failed += 1;
            println!("seed {seed}: {why}");
        }
    }
    println!("{count} worlds from seed {first}, {PARTITIONS:?} partitions: {driven:#?}");
    println!("the same worlds as one person each: {united:#?}");
    println!("{failed} differ");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
