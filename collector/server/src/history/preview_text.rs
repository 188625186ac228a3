//! A preview as a person reads it.
use super::draw::{bars_down, bars_up, count, line, percent};
use super::preview::{DayShown, OverlapShown, Preview, SampleShown};
use std::io::{Result, Write};

/// Rows of a drawing, for each direction.
const ROWS: usize = 5;
/// Other segments that are shown; the rest is in the JSON.
const OVERLAPS: usize = 20;

/// Writes it.
pub(crate) fn print(out: &mut impl Write, preview: &Preview) -> Result<()> {
    let segment = &preview.segment;
    writeln!(out, "{}/{}  {}", preview.project, segment.key, segment.name)?;
    for text in segment.when.lines() {
        writeln!(out, "    {}", text.trim())?;
    }
    if let Some(exit) = &segment.exit {
        writeln!(out, "    exit: {exit}")?;
    }
    writeln!(
        out,
        "    {}, {}; reads {}; at most {} bytes a person; exits at most {} ms late\n",
        segment.class,
        segment.exactness,
        if segment.events_read.is_empty() {
            "no events".to_owned()
        } else {
            segment.events_read.join(", ")
        },
        segment.bytes_per_person,
        segment.worst_exit_lag_ms,
    )?;
    let (members, persons) = (count(preview.members), count(preview.persons));
    let share = percent(preview.members, preview.persons);
    writeln!(out, "{members} of {persons} persons ({share}) as of {}", preview.as_of)?;
    if preview.held_out > 0 {
        writeln!(out, "{} more are held out", count(preview.held_out))?;
    }
    let (entries, exits) = (count(preview.entries), count(preview.exits));
    writeln!(out, "{entries} entries and {exits} exits over all of history\n")?;
    draw(out, &preview.days, &preview.zone)?;
    overlaps(out, &preview.overlap)?;
    sample(out, &preview.sample)?;
    writeln!(
        out,
        "\n{} events in {:.2} s ({} a second); {}",
        count(preview.events),
        preview.seconds,
        whole(preview.events_per_second),
        preview.history.told(),
    )
}

fn draw(out: &mut impl Write, days: &[DayShown], zone: &str) -> Result<()> {
    let values = |pick: fn(&DayShown) -> u64| days.iter().map(pick).collect::<Vec<u64>>();
    let (entries, exits) = (values(|day| day.entries), values(|day| day.exits));
    let members = values(|day| day.members);
    let most = |values: &[u64]| count(values.iter().copied().max().unwrap_or(0));
    writeln!(out, "entries and exits of the last {} days ({zone})", days.len())?;
    for (row, bars) in bars_up(&entries, ROWS).into_iter().enumerate() {
        let label = if row == 0 { most(&entries) } else { String::new() };
        writeln!(out, "{label:>9} │{}", bars.trim_end())?;
    }
    let (first, last) = (days.first(), days.last());
    let label = |day: Option<&DayShown>| day.map_or("", |day| day.day.as_str()).to_owned();
    let gap = "─".repeat(days.len().saturating_sub(22));
    writeln!(out, "{:>9} ┼{} {gap} {}", 0, label(first), label(last))?;
    for (row, bars) in bars_down(&exits, ROWS).into_iter().enumerate() {
        let label = if row == ROWS - 1 { most(&exits) } else { String::new() };
        writeln!(out, "{label:>9} │{}", bars.trim_end())?;
    }
    writeln!(out, "  members │{} up to {}\n", line(&members, members.len()), most(&members))
}

fn overlaps(out: &mut impl Write, overlaps: &[OverlapShown]) -> Result<()> {
    if overlaps.is_empty() {
        return Ok(());
    }
    let wide = overlaps.iter().take(OVERLAPS).map(|o| o.segment.chars().count()).max();
    let wide = wide.unwrap_or(0).max(14);
    writeln!(
        out,
        "{:<wide$}  {:>9}  {:>7}  {:>9}  {:>9}  {:>9}",
        "other segments", "members", "Jaccard", "both", "only this", "only that"
    )?;
    for overlap in overlaps.iter().take(OVERLAPS) {
        writeln!(
            out,
            "{:<wide$}  {:>9}  {:>7}  {:>9}  {:>9}  {:>9}",
            overlap.segment,
            count(overlap.members),
            overlap.jaccard.map_or("–".to_owned(), |jaccard| format!("{jaccard:.3}")),
            count(overlap.both),
            count(overlap.only_this),
            count(overlap.only_that),
        )?;
    }
    if overlaps.len() > OVERLAPS {
        writeln!(out, "and {} less alike; --json has all", overlaps.len() - OVERLAPS)?;
    }
    Ok(())
}

fn sample(out: &mut impl Write, sample: &[SampleShown]) -> Result<()> {
    if sample.is_empty() {
        return writeln!(out, "\nnobody is in it");
    }
    writeln!(out, "\n{} of the members", sample.len())?;
    for sampled in sample {
        let (what, id) = match (&sampled.user_id, &sampled.anonymous_id) {
            (Some(id), _) => ("user", id.as_str()),
            (None, Some(id)) => ("device", id.as_str()),
            (None, None) => ("", ""),
        };
        writeln!(out, "    {what:<6} {id:<38} since {}", sampled.entered_at)?;
    }
    Ok(())
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate, rounded")]
fn whole(rate: f64) -> String {
    count(rate.max(0.0).round() as u64)
}
