//! The demo without a terminal: a line a second, then the sizes.
use super::board::Board;
use super::player::Played;
use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Prints until `done`. Never interrupted.
pub(crate) fn show(
    board: &Board,
    played: &Played,
    total: u64,
    done: &dyn Fn() -> bool,
) -> anyhow::Result<bool> {
    let (mut before, mut beats) = (0, 0);
    while !done() {
        std::thread::sleep(Duration::from_millis(100));
        beats += 1;
        if beats % 20 != 0 {
            continue;
        }
        let events = played.events.load(Ordering::Relaxed);
        let moment = board.moment();
        let sizes: Vec<String> =
            moment.segments.iter().map(|s| format!("{} {}", s.key, s.members)).collect();
        writeln!(
            std::io::stdout(),
            "live {events}/{total}: {} events/s, {} sessions, lag {} ms | {}",
            (events - before) / 2,
            moment.sessions,
            moment.lag_ms,
            sizes.join(", ")
        )?;
        before = events;
    }
    Ok(false)
}

/// The segments with their sizes before and after the live part.
pub(crate) fn sizes(out: &mut impl std::io::Write, board: &Board) -> anyhow::Result<()> {
    let moment = board.moment();
    writeln!(
        out,
        "{} persons, {} sessions, {} transitions",
        moment.persons, moment.sessions, moment.transition_count
    )?;
    writeln!(out, "{:>8} {:>8}  segment", "before", "now")?;
    for segment in &moment.segments {
        writeln!(
            out,
            "{:>8} {:>8}  {:<22} {}",
            segment.before, segment.members, segment.key, segment.name
        )?;
    }
    let bands: Vec<String> = moment
        .bands
        .iter()
        .enumerate()
        .map(|(band, count)| format!("{}: {count}", band * 10))
        .collect();
    writeln!(out, "engagement scores by band: {}", bands.join("  "))?;
    Ok(())
}
