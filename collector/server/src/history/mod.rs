//! Looking at segments over history: previews, audits, explanations. The fold is the worker's; here
//! is what is asked of it and how the answer is put. The same code serves the commands, on a log that
//! no collector has open, and the HTTP paths of one that runs.
pub(crate) mod audit;
mod audit_findings;
pub(crate) mod audit_svg;
pub(crate) mod audit_text;
pub(crate) mod definition;
pub(crate) mod draw;
pub(crate) mod explain;
pub(crate) mod explain_text;
pub(crate) mod preview;
pub(crate) mod preview_text;
pub(crate) mod source;

use serde::{Deserialize, Serialize};
use sillage_eventlog::{Cursor, EventLog};
use sillage_lookup::Diagnosis;
use sillage_worker::WorkerError;
use std::fmt;
use std::ops::ControlFlow;

/// Who is told how far a scan is, and may break it off.
pub(crate) type Watch<'a> = &'a mut dyn FnMut(Cursor) -> ControlFlow<()>;

/// Why history was not looked at.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// What was asked cannot be done; says why.
    Malformed(String),
    /// There is no segment with this key.
    SegmentUnknown(String),
    /// Nobody with this id was known at that moment.
    PersonUnknown,
    /// A rule is wrong.
    Rules(Vec<Diagnosis>),
    /// Whoever asked has gone.
    BrokenOff,
    /// The log cannot be read.
    Log(WorkerError),
}

impl From<WorkerError> for Refusal {
    fn from(error: WorkerError) -> Self {
        Self::Log(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => f.write_str(why),
            Self::SegmentUnknown(key) => write!(f, "the project has no segment `{key}`"),
            Self::PersonUnknown => {
                f.write_str("nobody with this id was known then, as far as the log still tells")
            }
            Self::Rules(faults) => {
                f.write_str("the rule cannot be used:")?;
                faults.iter().try_for_each(|fault| write!(f, "\n{}", fault.rendered))
            }
            Self::BrokenOff => f.write_str("it was broken off"),
            Self::Log(error) => {
                write!(f, "{error}")?;
                match std::error::Error::source(error) {
                    Some(source) => write!(f, ": {source}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl std::error::Error for Refusal {}

/// How much of the past an answer rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    /// Whether the log holds everything since its beginning.
    pub(crate) complete: bool,
    /// Receipt of the oldest event that it holds; null if it holds none.
    pub(crate) from: Option<String>,
}

impl Held {
    pub(crate) fn of<L: EventLog>(log: &L, from: Option<i64>) -> Self {
        Self { complete: log.oldest() == Cursor::START, from: from.map(time) }
    }

    /// What a reader should know of it, in words.
    pub(crate) fn told(&self) -> String {
        match (&self.from, self.complete) {
            (None, _) => "the log holds no event".to_owned(),
            (Some(from), true) => format!("the log holds all of history, from {from}"),
            (Some(from), false) => {
                format!("retention has removed what came before {from}; all numbers begin there")
            }
        }
    }
}

/// A moment as RFC 3339.
pub(crate) fn time(ms: i64) -> String {
    let mut text = String::new();
    sillage_wire::format_time_ms(ms, &mut text);
    text
}

/// A local day as `YYYY-MM-DD`.
pub(crate) fn date(day: i64) -> String {
    let mut text = time(day.saturating_mul(86_400_000));
    text.truncate("YYYY-MM-DD".len());
    text
}

/// A moment that somebody wrote, not after `now`.
pub(crate) fn moment(written: Option<&str>, now: i64) -> Result<i64, Refusal> {
    let Some(written) = written else { return Ok(now) };
    // In a query a `+` that was not escaped stands for a space.
    let parsed = sillage_wire::parse_time_ms(written)
        .or_else(|| sillage_wire::parse_time_ms(&written.replace(' ', "+")));
    match parsed {
        Some(at) if at <= now => Ok(at),
        Some(_) => Err(Refusal::Malformed(format!("{written} lies in the future"))),
        None => Err(Refusal::Malformed(format!(
            "`{written}` is no moment: write one such as 2026-01-31T12:00:00Z"
        ))),
    }
}
