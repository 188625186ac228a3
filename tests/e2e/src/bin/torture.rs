//! `torture [--kills N] [--cuts N] [--control N] [--faults 1|2] [--damage 1|2] [--seed S] [--seconds T]`: so many
//! kills, power cuts, and cuts of a collector that answers too early, in worlds of some twenty deaths each; some
//! (1) or all (2) faults of the disk and damages to files. `--seconds` begins no more worlds after that time. Prints
//! what was met; ends with 1 if anything was lost, doubled or wrong, if kills came only while nothing was done, or if
//! the control lost nothing.
use sillage_e2e::torture::check::Findings;
use sillage_e2e::torture::faults::Case;
use sillage_e2e::torture::report::{HEAD, Tally};
use sillage_e2e::torture::{cuts, damage, faults, in_own_namespace, kills};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Deaths of a world.
const DEATHS: u64 = 20;

/// Runs a world with this seed and so many deaths.
type World = fn(u64, u64) -> Tally;
/// Runs the cases of a kind.
type Cases = fn(u64) -> Vec<Case>;

#[allow(clippy::print_stdout, reason = "the tables are what it is run for")]
fn main() -> ExitCode {
    let arguments = in_own_namespace();
    let settings = settings(&arguments);
    let of = |name: &str| settings.get(name).copied().unwrap_or(0);
    let seed = settings.get("--seed").copied().unwrap_or(1);
    let seconds = settings.get("--seconds").copied().unwrap_or(86_400);
    let until = Instant::now() + Duration::from_secs(seconds);
    let (mut wrong, mut rows) = (Vec::new(), String::new());
    let kinds: [(&str, &str, World); 2] =
        [("--kills", "kill -9", kills::world), ("--cuts", "power cut", cuts::world)];
    for (option, name, world) in kinds {
        if of(option) > 0 {
            let tally = worlds(name, seed, of(option), until, world);
            println!("\n{name}: {} worlds\n\n{}", tally.worlds, tally.histogram());
            rows.push_str(&tally.row(name));
            judge(name, &tally, &mut wrong);
        }
    }
    if of("--control") > 0 {
        control(seed, of("--control"), &mut wrong);
    }
    let kinds: [(&str, Cases, Cases); 2] =
        [("--faults", faults::some, faults::all), ("--damage", damage::some, damage::all)];
    for (option, some, all) in kinds {
        match of(option) {
            0 => {}
            1 => tell(option, some(seed), &mut wrong),
            _ => tell(option, all(seed), &mut wrong),
        }
    }
    if !rows.is_empty() {
        println!("\n{HEAD}{rows}");
    }
    for text in &wrong {
        println!("FAULT: {text}");
    }
    println!("{}", if wrong.is_empty() { "all is well" } else { "NOT WELL" });
    ExitCode::from(u8::from(!wrong.is_empty()))
}

/// Cuts of a collector that answers too early: they must cost something, or the others prove nothing.
#[allow(clippy::print_stdout, reason = "it is a result")]
fn control(seed: u64, cuts: u64, wrong: &mut Vec<String>) {
    let cuts::Control { cuts, acked, lost, losing, recovered, said } = cuts::control(seed, cuts);
    println!(
        "\ncontrol, durability = \"os\": {cuts} cuts, {lost} of {acked} acknowledged events lost in {losing} cuts; \
         it came up by itself after {recovered}"
    );
    if lost == 0 {
        wrong.push("the control lost nothing: cuts prove nothing here".to_owned());
    }
    if recovered < cuts {
        wrong.push(format!("the control did not come up after {} cuts:\n{said}", cuts - recovered));
    }
}

/// Tells what came of faults or damages.
#[allow(clippy::print_stdout, reason = "it is a result")]
fn tell(option: &str, cases: Vec<Case>, wrong: &mut Vec<String>) {
    println!("\n| {} | what came of it |\n|---|---|", option.trim_start_matches('-'));
    for Case { fault, outcome } in cases {
        let text = outcome.as_ref().unwrap_or_else(|wrong| wrong);
        println!("| {fault} | {}{text} |", if outcome.is_ok() { "" } else { "NOT WELL: " });
        wrong.extend(outcome.err().map(|text| format!("{fault}: {text}")));
    }
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
fn worlds(name: &str, first: u64, deaths: u64, until: Instant, world: World) -> Tally {
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

fn judge(name: &str, tally: &Tally, wrong: &mut Vec<String>) {
    if !tally.findings.is_clean() {
        let Findings { notes, .. } = &tally.findings;
        wrong.push(format!(
            "{name}: {:?}",
            Findings { notes: Vec::new(), ..tally.findings.clone() }
        ));
        wrong.extend(notes.iter().cloned());
    }
    if tally.is_void() {
        wrong.push(format!(
            "{name}: the collector did nothing whenever it died: this proves nothing"
        ));
    }
    if tally.unknown.0 == 0 {
        wrong.push(format!("{name}: no request was interrupted"));
    }
}
