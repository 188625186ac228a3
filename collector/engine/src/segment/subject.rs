//! What a rule may ask about one person, and how a verdict is given.
use super::feature::Features;
use sillage_model::{SegmentIndex, Value};

/// One person, as rules see them. The record of the engine is one.
pub(crate) trait Subject {
    /// What the rules' leaves keep about the person.
    fn features(&self) -> &Features;
    /// The trait at a dotted path; `None` if there is none.
    fn trait_value(&self, path: &str) -> Option<Value<'_>>;
    /// A field of the latest session; `None` if there was no session or it has no such value.
    fn session(&self, field: SessionField) -> Option<SessionValue<'_>>;
    /// A score at `now`, by its place in the score names the rules were compiled with.
    fn score(&self, index: usize, now: i64) -> f64;
    /// The first millisecond after `now` at which the score, left alone, compares with `threshold`
    /// in another way (less, equal, greater) than at `now`. It may be early, never late.
    fn score_next_crossing(&self, index: usize, threshold: f64, now: i64) -> Option<i64>;
    /// The latest session: the hash of its device, and the times of its first and last event.
    fn latest_session(&self) -> Option<(u64, i64, i64)>;
    /// How many sessions had an event after an instant, and when the first of them ended.
    fn sessions_after(&self, after: i64) -> (u64, Option<i64>);
    /// The person's place under a salt, in hundredths of a percent.
    fn bucket(&self, salt: &str) -> u16;
    /// Whether the person is in a segment that stands earlier in the rules' order.
    fn is_member(&self, segment: SegmentIndex) -> bool;
}

/// A value of a session. Durations are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum SessionValue<'a> {
    /// A count, a duration or an amount.
    Number(f64),
    /// A truth value.
    Bool(bool),
    /// Text.
    Text(&'a str),
}

/// The fields of `session.*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SessionField {
    Events,
    Pages,
    Screens,
    EngagedMs,
    DurationMs,
    Conversions,
    Revenue,
    Bounced,
    EntryPage,
    ExitPage,
    Referrer,
    Campaign,
    StartReason,
}

impl SessionField {
    /// Every field, in the order in which documentation lists them.
    pub(crate) const ALL: [Self; 13] = [
        Self::Events,
        Self::Pages,
        Self::Screens,
        Self::EngagedMs,
        Self::DurationMs,
        Self::Conversions,
        Self::Revenue,
        Self::Bounced,
        Self::EntryPage,
        Self::ExitPage,
        Self::Referrer,
        Self::Campaign,
        Self::StartReason,
    ];

    /// As it is written after `session.`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Pages => "pages",
            Self::Screens => "screens",
            Self::EngagedMs => "engaged_ms",
            Self::DurationMs => "duration_ms",
            Self::Conversions => "conversions",
            Self::Revenue => "revenue",
            Self::Bounced => "bounced",
            Self::EntryPage => "entry_page",
            Self::ExitPage => "exit_page",
            Self::Referrer => "referrer",
            Self::Campaign => "campaign",
            Self::StartReason => "start_reason",
        }
    }
}

/// Whether a person is in a segment at some instant, and until when that is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Whether the person is in it.
    pub(crate) member: bool,
    /// The first instant after that one at which the answer may be another by time alone; never
    /// later than the true change. Asking there may give the same answer and a later instant.
    pub(crate) changes_at: Option<i64>,
}
