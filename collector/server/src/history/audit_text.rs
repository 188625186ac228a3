//! An audit as a person reads it in a terminal.
use super::audit::{Audit, Row};
use super::audit_findings::Kind;
use super::draw::{count, line, percent};
use std::io::{Result, Write};

/// Characters of a line of sizes.
const TREND: usize = 30;
/// Segments whose correlations are shown; the rest is in the JSON and the picture.
const CORRELATED: usize = 12;

/// Writes it.
pub(crate) fn print(out: &mut impl Write, audit: &Audit) -> Result<()> {
    writeln!(
        out,
        "{}: {} segments, {} persons, {} events as of {}; {}\n",
        audit.project,
        audit.segments.len(),
        count(audit.persons),
        count(audit.events),
        audit.as_of,
        audit.history.told(),
    )?;
    table(out, audit)?;
    memberships(out, &audit.persons_by_memberships)?;
    correlation(out, audit)?;
    findings(out, audit)?;
    writeln!(out, "\n{} events in {:.2} s", count(audit.events), audit.seconds)
}

fn table(out: &mut impl Write, audit: &Audit) -> Result<()> {
    let keys = audit.segments.iter().map(|row| row.key.chars().count());
    let wide = keys.max().unwrap_or(0).max("segment".len());
    writeln!(
        out,
        "{:<wide$}  {:>8}  {:>7}  {:>7}  {:>7}  {:>7}  {:>7}  {:>7}  90 days",
        "segment", "members", "share", "7 d", "30 d", "in/day", "out/day", "reads"
    )?;
    for row in &audit.segments {
        writeln!(
            out,
            "{:<wide$}  {:>8}  {:>7}  {:>7}  {:>7}  {:>7.1}  {:>7.1}  {:>7}  {}",
            row.key,
            count(row.members),
            percent(row.members, audit.persons),
            growth(row, row.members_7d_ago),
            growth(row, row.members_30d_ago),
            row.entries_per_day,
            row.exits_per_day,
            row.reads.map_or("–".to_owned(), count),
            line(&row.members_by_day, TREND),
        )?;
    }
    Ok(())
}

/// How many more there are now.
pub(crate) fn growth(row: &Row, before: Option<u64>) -> String {
    let Some(before) = before else { return "–".to_owned() };
    if row.members >= before {
        format!("+{}", count(row.members - before))
    } else {
        format!("−{}", count(before - row.members))
    }
}

fn memberships(out: &mut impl Write, persons: &[u64]) -> Result<()> {
    let all = persons.iter().sum();
    let parts = persons.iter().enumerate().filter(|(_, persons)| **persons > 0);
    let parts: Vec<String> =
        parts.map(|(held, persons)| format!("{held}: {}", percent(*persons, all))).collect();
    writeln!(out, "\npersons by number of segments: {}", parts.join(", "))
}

fn correlation(out: &mut impl Write, audit: &Audit) -> Result<()> {
    let keys = &audit.correlation.segments;
    let shown = keys.len().min(CORRELATED);
    if shown < 2 {
        return Ok(());
    }
    let wide = keys.iter().take(shown).map(|key| key.chars().count()).max().unwrap_or(0);
    writeln!(out, "\ncorrelation of memberships (φ, in hundredths)")?;
    write!(out, "{:<w$}", "", w = wide + 4)?;
    for number in 1..=shown {
        write!(out, " {number:>4}")?;
    }
    writeln!(out)?;
    for (row, key) in keys.iter().take(shown).enumerate() {
        write!(out, "{:>3} {key:<wide$}", row + 1)?;
        for phi in &audit.correlation.phi[row][..row] {
            // Adding zero makes a negative zero a plain one.
            let cell =
                phi.map_or("–".to_owned(), |phi| format!("{}", (phi * 100.0).round() + 0.0));
            write!(out, " {cell:>4}")?;
        }
        writeln!(out, "    ·")?;
    }
    if keys.len() > shown {
        writeln!(out, "and {} smaller ones; --json and --svg have more", keys.len() - shown)?;
    }
    Ok(())
}

fn findings(out: &mut impl Write, audit: &Audit) -> Result<()> {
    if audit.findings.is_empty() {
        return writeln!(out, "\nnothing to complain about");
    }
    let mut before = None;
    for finding in &audit.findings {
        if before != Some(finding.kind) {
            writeln!(out, "\n{}", heading(finding.kind))?;
            before = Some(finding.kind);
        }
        writeln!(out, "    {}  {}", finding.segments.join(", "), finding.says)?;
        writeln!(out, "        → {}", finding.suggests)?;
    }
    Ok(())
}

fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::UnknownEvent => "events that never came",
        Kind::NeverMatches => "segments that nobody ever was in",
        Kind::AlwaysMatches => "segments that everybody is in",
        Kind::SameRule => "the same rule",
        Kind::NearDuplicate => "nearly the same members",
        Kind::Contained => "one within the other",
        Kind::Unused => "under-used",
        Kind::OverUsed => "over-used",
    }
}
