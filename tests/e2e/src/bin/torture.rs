//! `torture [--kills N] [--cuts N] [--control N] [--faults 1|2] [--damage 1|2] [--seed S] [--seconds T]`: so many
//! kills, power cuts, and cuts of a collector that answers too early, in worlds of some twenty deaths each; some
//! (1) or all (2) faults of the disk and damages to files. `--seconds` begins no more worlds after that time. Prints what was met; ends with 1 if anything was lost, doubled or wrong, if kills came only
//! while nothing was done, or if the control lost nothing.
use sillage_e2e::torture::check::Findings;
use sillage_e2e::torture::report::{HEAD, Tally};
use sillage_e2e::torture::faults::Case;
use sillage_e2e::torture::{cuts, damage, faults, in_own_namespace, kills};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Deaths of a world.
const DEATHS: u64 = 20;

#[allow(clippy::print_stdout, reason = "the tables are what it is run for")]
fn main() -> ExitCode {
    let arguments = in_own_namespace();
    let settings = settings(&arguments);
    let of = |name: &str| settings.get(name).copied();
    let (seed, seconds) = (of("--seed").unwrap_or(1), of("--seconds").unwrap_or(86_400));
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut wrong = Vec::new();
    let mut rows = String::new();
    let kinds: [(&str, &str, fn(u64, u64) -> Tally); 2] =
        [("--kills", "kill -9", kills::world), ("--cuts", "power cut", cuts::world)];
    for (option, name, world) in kinds {
        let wanted = of(option).unwrap_or(0);
        let tally = worlds(name, seed, wanted, until, world);
        if wanted > 0 {
            rows.push_str(&tally.row(name));
            println!("\n{name}: {} worlds\n\n{}", tally.worlds, tally.histogram());
            judge(name, &tally, &mut wrong);
        }
    }
    let wanted = of("--control").unwrap_or(0);
    if wanted > 0 {
        let control = cuts::control(seed, wanted);
        let cuts::Control { cuts, acked, lost, losing, recovered, said } = control;
        println!(
            "\ncontrol, durability = \"os\": {cuts} cuts, {lost} of {acked} acknowledged events lost in {losing} \
             cuts; it came up by itself after {recovered}"
        );
        if lost == 0 {
            wrong.push("the control lost nothing: cuts prove nothing here".to_owned());
        }
        if recovered < cuts {
            wrong.push(format!("the control did not come up after {} cuts:\n{said}", cuts - recovered));
        }
    }
    let some: [(&str, fn(u64) -> Vec<Case>, fn(u64) -> Vec<Case>); 2] =
        [("--faults", faults::some, faults::all), ("--damage", damage::some, damage::all)];
    for (option, some, all) in some {
        let cases = match of(option).unwrap_or(0) {
            0 => continue,
            1 => some(seed),
            _ => all(seed),
        };
        println!("\n| {} | what came of it |\n|---|---|", option.trim_start_matches('-'));
        for Case { fault, outcome } in cases {
            let text = outcome.as_ref().unwrap_or_else(|wrong| wrong);
            println!("| {fault} | {}{text} |", if outcome.is_ok() { "" } else { "NOT WELL: " });
            wrong.extend(outcome.err().map(|text| format!("{fault}: {text}")));
        }
    }
    if !rows.is_empty() {
        println!("\n{HEAD}{rows}");
    }
    for fault in &wrong {
        println!("FAULT: {fault}");
    }
    println!("{}", if wrong.is_empty() { "all is well" } else { "NOT WELL" });
    ExitCode::from(u8::from(!wrong.is_empty()))
}

/// The numbers that follow the options.
fn settings(arguments: &[String]) -> BTreeMap<&str, u64> {
    let pairs = arguments.chunks(2).map(|pair| match pair {
        [name, value] => (name.as_str(), value.parse().expect("a number follows each option")),
        _ => panic!("torture [--kills N] [--cuts N] [--control N] [--seed S] [--seconds T]"),
    });
    pairs.collect()
}

#[allow(clippy::print_stdout, reason = "long runs tell how far they are")]
fn worlds(
    name: &str,
    first: u64,
    deaths: u64,
    until: Instant,
    world: fn(u64, u64) -> Tally,
) -> Tally {
    let mut all = Tally::default();
    let mut seed = first;
    while all.count() < deaths && all.findings.is_clean() && Instant::now() < until {
        let started = Instant::now();
        let tally = world(seed, DEATHS.min(deaths - all.count()));
        println!(
            "{name}: seed {seed}: {} deaths, {} acknowledged, {:.1} s{}",
            tally.count(),
            tally.acked,
            started.elapsed().as_secs_f64(),
            if tally.findings.is_clean() { "" } else { ", NOT WELL" }
        );
        all.add(tally);
        seed += 1;
    }
    all
}

fn judge(name: &str, tally: &Tally, faults: &mut Vec<String>) {
    if !tally.findings.is_clean() {
        let Findings { notes, .. } = &tally.findings;
        faults.push(format!("{name}: {:?}", Findings { notes: Vec::new(), ..tally.findings.clone() }));
        faults.extend(notes.iter().cloned());
    }
    if tally.is_void() {
        faults.push(format!("{name}: the collector did nothing whenever it died: this proves nothing"));
    }
    if tally.unknown.0 == 0 {
        faults.push(format!("{name}: no request was interrupted"));
    }
}
