//! Watches what is behind ingest, and closes a project's intake while what it took already waits too
//! long: for the log's disk, or to be folded. How long a new event would wait is expected from
//! what waits and how fast it goes down, not from the age of what waits: that only grows late.
use crate::project::Progress;
use sillage_eventlog::{EventLog as _, FileLog};
use sillage_ingest::Ingest;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How often it is looked. A tenth of a second of events more or less is nothing beside the seconds
/// that are bounded.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Over which time the speed of a worker is averaged: longer than one turn of it, shorter than the
/// bounds.
const AVERAGED_OVER: Duration = Duration::from_secs(1);

/// The intake opens again below this share of a bound, so that it does not flutter.
const OPENS_AT: f64 = 0.9;

/// The bounds; zero is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) lag_max: Duration,
    pub(crate) wait_max: Duration,
}

/// One project as it is watched. Weak, because who watches must not keep files open.
pub(crate) struct Watched {
    pub(crate) name: String,
    pub(crate) log: Weak<FileLog>,
    pub(crate) progress: Progress,
}

/// Looks until it is stopped.
pub(crate) async fn watch(
    projects: Vec<Watched>,
    bounds: Bounds,
    ingest: Arc<Ingest<FileLog>>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut paces: Vec<Vec<Pace>> = projects
        .iter()
        .map(|p| p.progress.stats().iter().map(|_| Pace::default()).collect())
        .collect();
    let mut last = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stopped.wait_for(|&stop| stop) => return,
        }
        let passed = last.elapsed();
        last = Instant::now();
        for (index, (project, paces)) in projects.iter().zip(&mut paces).enumerate() {
            let (Some(log), Some(valve)) = (project.log.upgrade(), ingest.valve(index)) else {
                continue;
            };
            let end = log.end().0;
            let workers = project.progress.stats().iter().zip(paces);
            let lags = workers.map(|(worker, pace)| pace.look(worker.cursor(), end, passed));
            let lag = lags.fold(Duration::ZERO, Ord::max);
            // What was there before the start is not the senders' fault, and may take hours.
            let lag = if project.progress.recovered() { lag } else { Duration::ZERO };
            let share = if valve.is_closed() { OPENS_AT } else { 1.0 };
            let exceeds =
                |value: Duration, max: Duration| !max.is_zero() && value > max.mul_f64(share);
            let wait = log.oldest_wait();
            let closed = exceeds(lag, bounds.lag_max) || exceeds(wait, bounds.wait_max);
            if valve.close(closed) && closed {
                let (project, lag_ms, wait_ms) = (&project.name, lag.as_millis(), wait.as_millis());
                tracing::debug!(project, lag_ms, wait_ms, "new events are sent away");
            }
        }
    }
}

/// How fast a worker folds while there is something to fold.
#[derive(Debug, Default)]
struct Pace {
    cursor: u64,
    /// Whether it was behind when it was looked at last, so that all the time since was work.
    behind: bool,
    /// Bytes of log a second; unknown until it was behind for once.
    speed: Option<f64>,
}

impl Pace {
    /// How long it takes from now until everything before `end` is folded.
    #[allow(clippy::cast_precision_loss, reason = "an estimate")]
    fn look(&mut self, cursor: u64, end: u64, passed: Duration) -> Duration {
        let folded = cursor.saturating_sub(self.cursor) as f64;
        if self.behind && !passed.is_zero() {
            let now = folded / passed.as_secs_f64();
            let weight = (passed.as_secs_f64() / AVERAGED_OVER.as_secs_f64()).min(1.0);
            self.speed = Some(self.speed.map_or(now, |before| before + (now - before) * weight));
        }
        let left = end.saturating_sub(cursor);
        (self.cursor, self.behind) = (cursor, left > 0);
        match self.speed {
            _ if left == 0 => Duration::ZERO,
            None => Duration::ZERO,
            Some(speed) => {
                Duration::try_from_secs_f64(left as f64 / speed.max(1.0)).unwrap_or(Duration::MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(50);

    /// Looks at a worker that folds `speed` bytes a tick while `brought` come.
    fn run(pace: &mut Pace, at: &mut (u64, u64), (brought, speed, ticks): (u64, u64, u32)) -> u128 {
        let mut lag = Duration::ZERO;
        for _ in 0..ticks {
            at.1 += brought;
            at.0 = (at.0 + speed).min(at.1);
            lag = pace.look(at.0, at.1, TICK);
        }
        lag.as_millis()
    }

    #[test]
    fn the_wait_is_expected_from_what_waits_and_how_fast_it_goes_down() {
        let (mut pace, mut at) = (Pace::default(), (0, 0));
        assert_eq!(run(&mut pace, &mut at, (100, 1_000, 40)), 0, "it keeps up");
        // Twice what it can fold, for ten seconds: as much waits as takes ten more.
        let lag = run(&mut pace, &mut at, (2_000, 1_000, 200));
        assert!((9_500..=10_500).contains(&lag), "{lag}");
        // Nothing comes any more: it goes down with the clock.
        let lag = run(&mut pace, &mut at, (0, 1_000, 100));
        assert!((4_500..=5_500).contains(&lag), "{lag}");
        assert_eq!(run(&mut pace, &mut at, (0, 1_000, 101)), 0);
    }

    #[test]
    fn a_worker_that_stands_still_is_expected_never() {
        let (mut pace, mut at) = (Pace::default(), (0, 0));
        run(&mut pace, &mut at, (2_000, 1_000, 40));
        let lag = run(&mut pace, &mut at, (2_000, 0, 200));
        assert!(lag > 60_000, "{lag}");
    }
}
