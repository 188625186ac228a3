//! `outage --case stop|empty|failover|cluster [--persons N] [--stop-seconds N] [--calm-seconds N]`:
//! Redis goes away under load and comes back; see `sillage_e2e::outage`. The collector is
//! `SILLAGE_BIN`, else the one built beside this.
use sillage_e2e::outage::{Case, Plan, run};
use std::process::ExitCode;
use std::time::Duration;

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "the numbers are what it is run for")]
fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(plan) = plan(&words) else {
        eprintln!(
            "outage --case stop|empty|failover|cluster [--persons N] [--stop-seconds N] \
             [--calm-seconds N]"
        );
        return ExitCode::from(2);
    };
    println!("{plan:?}");
    let outcome = run(plan);
    println!("{outcome}");
    let sound = outcome.versions.regressions == 0 && outcome.versions.never_healed == 0;
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn plan(words: &[String]) -> Option<Plan> {
    let mut plan = Plan {
        case: Case::Stop,
        persons: 100_000,
        stop: Duration::from_secs(60),
        calm: Duration::from_secs(10),
    };
    for pair in words.chunks(2) {
        let [name, value] = pair else { return None };
        let number = value.parse::<u64>().ok().filter(|&number| number > 0);
        match name.as_str() {
            "--case" => plan.case = Case::parse(value)?,
            "--persons" => plan.persons = number?,
            "--stop-seconds" => plan.stop = Duration::from_secs(number?),
            "--calm-seconds" => plan.calm = Duration::from_secs(number?),
            _ => return None,
        }
    }
    Some(plan)
}
