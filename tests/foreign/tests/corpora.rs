//! Every decoder of foreign bytes holds for the inputs that were kept and for some made of them.
//! `SILLAGE_FUZZ_SECONDS` lets it go on for so long with each, by other dice.
use sillage_foreign::corpus::{Dice, kept};
use sillage_foreign::{TARGETS, Target, target};
use std::time::{Duration, Instant};

/// How long each takes in the ordinary tests.
const BRIEFLY: Duration = Duration::from_secs(2);

#[allow(clippy::disallowed_methods, reason = "a test's only setting")]
fn holds(name: &str) {
    let Target { check, seeds, bytes_max, .. } = target(name);
    let mut inputs = seeds();
    inputs.extend(kept(target(name)));
    inputs.iter().for_each(|input| check(input));
    let asked = std::env::var("SILLAGE_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let long = asked.map_or(BRIEFLY, Duration::from_secs);
    let seed = if asked.is_some() { u64::from(std::process::id()) } else { 1 };
    let (mut dice, started, mut tries) = (Dice::new(seed), Instant::now(), 0_u64);
    while started.elapsed() < long {
        let input = dice.mutate(&inputs, bytes_max);
        let held = std::panic::catch_unwind(|| check(&input));
        assert!(held.is_ok(), "{name} does not hold for {}", input.escape_ascii());
        tries += 1;
    }
    eprintln!("{name}: {} inputs kept or made, {tries} more", inputs.len());
    assert!(tries > 10, "{name} is too slow to be tried");
}

macro_rules! hold {
    ($($name:ident)*) => {
        $(#[test] fn $name() { holds(stringify!($name)); })*

        #[test]
        fn every_target_is_tried() {
            let tried = [$(stringify!($name)),*];
            assert_eq!(TARGETS.map(|target| target.name), tried);
            for name in tried {
                let fuzzed = format!("../fuzz/fuzz_targets/{name}.rs");
                let text = std::fs::read_to_string(&fuzzed).expect("a fuzz target of that name");
                assert!(text.contains(&format!("target(\"{name}\")")), "{fuzzed}");
            }
        }
    };
}

hold! { body inflate fact ledger journal letters spool ingest lookup resp config import }
