//! `sillage ledger`: what became of every event, from the collector that runs, or from the log and
//! the states of one that does not.
use super::profile::{ask, open};
use crate::cli::Ledger as Args;
use crate::config::{Config, ProjectConfig};
use crate::http_client::HttpClient;
use serde_json::Value;
use sillage_eventlog::Clock;
use std::io::Write;

/// Prints the ledger.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let config = super::configuration(&args.file)?;
    let project = super::chosen(&config, args.project.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = match runtime.block_on(HttpClient::connect(config.server.listen)) {
        Ok(client) => runtime.block_on(ask(client, project, "/v1/ledger"))?,
        Err(_) => stored(&config, project)?,
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{answer:#}")?;
    } else {
        print(&mut out, &answer)?;
    }
    Ok(())
}

fn stored(config: &Config, chosen: &ProjectConfig) -> anyhow::Result<Value> {
    let project = open(config, chosen)?;
    let sources = project.progress().ledger();
    project.close()?;
    let now = Clock::system().now_ms();
    Ok(serde_json::from_slice(&sillage_lookup::ledger_document(&chosen.name, now, &sources))?)
}

const HEADS: [&str; 10] = [
    "source",
    "version",
    "installs",
    "created",
    "received",
    "duplicates",
    "rejected",
    "dropped",
    "pending",
    "lost",
];

fn print(out: &mut impl Write, ledger: &Value) -> std::io::Result<()> {
    let sources = ledger["sources"].as_array().map(Vec::as_slice).unwrap_or_default();
    if sources.is_empty() {
        return writeln!(out, "no event has come yet");
    }
    let mut rows: Vec<Vec<String>> = vec![HEADS.map(str::to_owned).to_vec()];
    rows.extend(sources.iter().map(cells));
    if sources.len() > 1 {
        rows.push(cells(&ledger["total"]));
    }
    let widths: Vec<usize> = (0..HEADS.len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            // Names to the left, numbers to the right.
            match column {
                0 | 1 => line.push_str(&format!("{cell:<width$}  ")),
                _ => line.push_str(&format!("{cell:>width$}  ")),
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    explain(out, &ledger["total"])
}

/// One line of the table. What nobody can know is a dash.
fn cells(line: &Value) -> Vec<String> {
    let cell = |head: &&str| match &line[*head] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Object(counts) => counts.values().filter_map(Value::as_u64).sum::<u64>().to_string(),
        _ if *head == "source" => "all".to_owned(),
        _ if *head == "version" => String::new(),
        _ => "-".to_owned(),
    };
    HEADS.iter().map(cell).collect()
}

/// The reasons, and what they mean.
fn explain(out: &mut impl Write, total: &Value) -> std::io::Result<()> {
    let count = |what: &str| total[what].as_u64().unwrap_or(0);
    for what in ["rejected", "dropped", "unsure"] {
        let counts = total[what].as_object().into_iter().flatten();
        let reasons: Vec<String> = counts.map(|(why, count)| format!("{why} {count}")).collect();
        if reasons.is_empty() {
            continue;
        }
        let arrived = match what {
            "unsure" => format!("; {} of these had arrived", count("unsure_arrived")),
            _ => String::new(),
        };
        writeln!(out, "{what}: {}{arrived}", reasons.join(", "))?;
    }
    match count("lost") {
        0 if total["lost"].is_null() => {}
        0 => writeln!(out, "No event is lost.")?,
        lost => writeln!(
            out,
            "{lost} events are lost: their devices hold them for delivered, and they are not here."
        )?,
    }
    match count("surplus") {
        0 => Ok(()),
        surplus => writeln!(
            out,
            "{surplus} more events came than were created: an app's storage was copied to another \
             device."
        ),
    }
}
