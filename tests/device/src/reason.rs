//! For which reasons an event may be given up, and when.
use crate::call::{Said, Shape};
use crate::truth::{Check, Gate, Rule, hold};
use sdk_core::{Config, Ledger};
use std::collections::BTreeMap;

/// Longest that one record can be, in bytes.
const RECORD_BYTES_MAX: usize = 66_000;

/// What the core was told when it gave events up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause<'a> {
    /// The app spoke: what it said, and whether it may be kept.
    Call(&'a Said, Gate),
    /// The person chose, or the browser spoke.
    Choice,
    /// An answer came: its status and how many events were asked about.
    Answer(u16, usize),
    /// Storage was read; calls may have waited for that.
    Restored,
    /// Anything else.
    Other,
}

/// How full the queue was before.
#[derive(Debug, Clone, Copy)]
pub struct Fill {
    /// Events.
    pub events: usize,
    /// Bytes.
    pub bytes: usize,
    /// Events that waited in memory.
    pub waiting: usize,
    /// The collector is gone for good.
    pub stopped: bool,
}

/// Counts by reason, certain or not.
#[must_use]
pub fn by_reason(ledger: &Ledger) -> BTreeMap<&str, u64> {
    let mut counts = BTreeMap::new();
    for (reason, count) in ledger.dropped.iter().chain(&ledger.unsure) {
        *counts.entry(reason.as_str()).or_default() += count;
    }
    counts
}

/// Holds the reasons that were given against what had happened.
///
/// # Errors
/// A reason that is not true.
pub fn check(
    cause: Cause<'_>,
    config: &Config,
    fill: Fill,
    (before, after): (&Ledger, &Ledger),
) -> Check {
    let old = by_reason(before);
    for (reason, count) in by_reason(after) {
        let new = count - old.get(reason).copied().unwrap_or_default();
        let most = most(reason, cause, config, fill);
        hold(Rule::Reason, new <= most, || {
            format!("{new} given up as {reason} by {cause:?} with {fill:?}; at most {most}")
        })?;
        if let Cause::Call(said, Gate::Closed) = cause
            && reason == "consent_denied"
        {
            let otherwise = said.is_invalid() || fill.stopped || is_drawn(said, config);
            hold(Rule::Reason, new == 1 || otherwise || is_large(said), || {
                format!("{said:?} was not denied")
            })?;
        }
    }
    Ok(())
}

fn most(reason: &str, cause: Cause<'_>, config: &Config, fill: Fill) -> u64 {
    let any = |may: bool| if may { u64::MAX } else { 0 };
    let call = |may: bool| match cause {
        Cause::Call(..) => u64::from(may),
        _ => any(cause == Cause::Restored),
    };
    let (said, gate) = match cause {
        Cause::Call(said, gate) => (Some(said), gate),
        _ => (None, Gate::Open),
    };
    match reason {
        "invalid" => call(said.is_some_and(Said::is_invalid)),
        "sampled" => call(said.is_some_and(|said| is_drawn(said, config))),
        "stopped" => call(fill.stopped),
        "waiting_full" => call(gate == Gate::Unknown),
        "consent_denied" if cause == Cause::Choice => fill.waiting as u64,
        "consent_denied" => call(gate == Gate::Closed),
        "consent_withdrawn" => any(matches!(cause, Cause::Choice | Cause::Restored)),
        "refused" => match cause {
            Cause::Answer(400 | 414 | 415 | 422 | 431, 1) => 1,
            _ => 0,
        },
        "too_large" => match cause {
            Cause::Answer(413, 1) => 1,
            _ => call(said.is_some_and(is_large)),
        },
        "queue_full" => {
            let more = match cause {
                Cause::Choice | Cause::Restored => fill.waiting,
                _ => 1,
            };
            let events = fill.events + more > config.queue_events_max;
            let bytes = fill.bytes + more * RECORD_BYTES_MAX > config.queue_bytes_max;
            any(events || bytes)
        }
        "unwritten" | "damaged" => any(cause == Cause::Restored),
        _ => u64::MAX,
    }
}

fn is_drawn(said: &Said, config: &Config) -> bool {
    config.sampling.iter().any(|(name, rate)| *name == said.name && *rate < 1.0)
}

fn is_large(said: &Said) -> bool {
    matches!(said.shape, Shape::Long(bytes) if bytes > 65_000)
}
