//! `sillage replay`: the state again from the log, compared with what is stored.
use crate::cli;
use crate::config::{Config, ProjectConfig};
use crate::import::progress_bar;
use crate::project::{Folders, compile, open_log};
use anyhow::{Context as _, bail};
use serde_json::json;
use sillage_eventlog::{Clock, EventLog as _};
use sillage_model::{PARTITIONS_EMBEDDED, Partition};
use sillage_store::{FjallStore, PersonStore as _};
use sillage_worker::{Comparison, Replayed};
use std::io::Write as _;
use std::time::{Duration, Instant};

/// What a replay found.
pub(crate) struct Outcome {
    pub(crate) replayed: Replayed,
    /// Absent when only a part of the log was replayed.
    pub(crate) comparison: Option<Comparison>,
    pub(crate) took: Duration,
}

/// Replays the log of a project that no collector has open.
pub(crate) fn replay(
    config: &Config,
    project: &ProjectConfig,
    until: Option<i64>,
    clock: &Clock,
) -> anyhow::Result<Outcome> {
    let plan = compile(project)?;
    let log = open_log(config, project, clock)?;
    let folders = Folders::of(&config.server.data_dir, &project.name);
    let store = FjallStore::open(&folders.state)
        .with_context(|| format!("the state of project {}", project.name))?;
    let meta = store.meta()?;
    if until.is_none() && meta.is_none_or(|meta| meta.digest != plan.digest()) {
        bail!("the stored state was made by other rules; start the collector once, then replay");
    }
    let partitions: Vec<Partition> = (0..PARTITIONS_EMBEDDED).map(Partition).collect();
    let stored = store.load(&partitions, &mut |_, _, _| {})?;
    // A partition that was never committed has no state to compare: nothing of it is replayed.
    let cursors: Vec<(Partition, u64)> = partitions
        .into_iter()
        .map(|p| (p, stored.iter().find(|(q, _)| *q == p).map_or(0, |(_, at)| *at)))
        .collect();
    let cursors = if until.is_some() { Vec::new() } else { cursors };
    let bar = progress_bar("replaying the log");
    bar.set_length(log.end().0.saturating_sub(log.oldest().0));
    let started = Instant::now();
    let mut replayed = sillage_worker::replay(&plan, &log, &cursors, until, &mut |cursor| {
        bar.set_position(cursor.0.saturating_sub(log.oldest().0));
    })?;
    bar.finish_and_clear();
    let comparison = match until {
        Some(_) => None,
        None => Some(replayed.compare(&store, clock.now_ms())?),
    };
    Ok(Outcome { replayed, comparison, took: started.elapsed() })
}

/// The command.
pub(crate) fn run(args: &cli::Replay) -> anyhow::Result<()> {
    let config = crate::commands::configuration(&args.file)?;
    let project = crate::commands::chosen(&config, Some(&args.project))?;
    let clock = Clock::system();
    let until = args.until.as_deref().map(|text| {
        sillage_wire::parse_time_ms(text)
            .with_context(|| format!("--until {text}: write a time such as 2026-01-31T12:00:00Z"))
    });
    let until = until.transpose()?;
    let mut outcome = replay(&config, project, until, &clock)?;
    let now = until.unwrap_or_else(|| clock.now_ms());
    let mut out = std::io::stdout().lock();
    let (facts, persons) = (outcome.replayed.facts(), outcome.replayed.persons());
    let sessions = outcome.replayed.sessions();
    let members = outcome.replayed.members_at(now);
    if args.json {
        let members: serde_json::Map<String, serde_json::Value> = project
            .segments
            .iter()
            .enumerate()
            .map(|(index, segment)| (segment.key.clone(), json!(count_of(&members, index))))
            .collect();
        let compared = outcome.comparison.as_ref().map(|c| {
            json!({"stored": c.stored, "bytes": c.bytes, "differ": c.differ,
                   "members_differ": c.members_differ, "rows": c.rows,
                   "rows_differ": c.rows_differ, "named": c.named})
        });
        let summary = json!({"facts": facts, "persons": persons, "sessions": sessions,
                             "members": members, "comparison": compared});
        writeln!(out, "{summary}")?;
    } else {
        let seconds = outcome.took.as_secs_f64();
        writeln!(out, "{facts} facts, {persons} persons, {sessions} sessions in {seconds:.1} s")?;
        for (index, segment) in project.segments.iter().enumerate() {
            writeln!(out, "  {:>8}  {}", count_of(&members, index), segment.key)?;
        }
        if let Some(comparison) = &outcome.comparison {
            writeln!(out, "{}", verdict(comparison))?;
        }
    }
    match outcome.comparison {
        Some(comparison) if !comparison.is_equal() => bail!("the states differ"),
        _ => Ok(()),
    }
}

fn count_of(
    members: &std::collections::BTreeMap<sillage_model::SegmentIndex, u64>,
    index: usize,
) -> u64 {
    let index = u16::try_from(index).expect("a plan has fewer segments");
    members.get(&sillage_model::SegmentIndex(index)).copied().unwrap_or(0)
}

/// What a comparison found, in one sentence.
pub(crate) fn verdict(comparison: &Comparison) -> String {
    if comparison.is_equal() {
        let Comparison { stored, bytes, rows, .. } = comparison;
        let ledger = if *rows > 0 { format!(", {rows} installations") } else { String::new() };
        return format!(
            "live state and replayed log are equal: {stored} states, {bytes} bytes, every segment\
             {ledger}"
        );
    }
    format!(
        "{} of {} states differ, {} more in their segments only, and {} of {} installations: {}",
        comparison.differ,
        comparison.stored,
        comparison.members_differ,
        comparison.rows_differ,
        comparison.rows,
        comparison.named.join(", ")
    )
}
