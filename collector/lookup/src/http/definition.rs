//! What is known of segments beside their members, and the door through which they are changed.
use crate::http::time::rfc3339_ms;
use serde::{Serialize, Serializer};
use std::future::Future;
use std::pin::Pin;

/// A segment's definition and what its compiler said of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SegmentDetail {
    /// Its key in paths and in Redis.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The rule.
    pub when: String,
    /// The rule by which members leave, if it is another.
    pub exit: Option<String>,
    /// How long a member stays at least, as it is written in the configuration.
    pub min_stay: String,
    /// Percent of all persons who are held out of it.
    pub holdout: f64,
    /// The purpose to which members must have agreed.
    pub requires_consent: Option<String>,
    /// Whether a device may be told that it is a member.
    pub public: bool,
    /// When it is evaluated: `static`, `event` or `timed`.
    pub class: &'static str,
    /// The events that its rule looks at.
    pub events_read: Vec<String>,
    /// The most that its rule keeps about one person.
    pub bytes: usize,
    /// How late an exit by time alone may be published, beyond the timer's own delay.
    pub worst_exit_lag_ms: u64,
    /// `exact`, or up to where it is.
    pub exactness: String,
    /// Grows by one with every change; 1 is the first definition.
    pub version: u64,
    /// When it was saved, in milliseconds since the epoch; `None` for one that is configured.
    #[serde(rename = "saved_at", serialize_with = "moment")]
    pub saved_at_ms: Option<i64>,
    /// Whether it is being changed.
    pub state: SegmentState,
    /// How much of the history the change has read, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// Why the last change of it was given up, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// Where a segment is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SegmentState {
    /// It is as it is shown.
    Live,
    /// Another definition is being prepared; until then it is as it is shown, or not there yet.
    Building,
    /// It is going away.
    Removing,
}

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// The key of the segment it is in.
    pub segment: String,
    /// Which of its rules: `when` or `exit`.
    pub part: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where it begins, in bytes of that rule.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What is said of the place.
    pub label: String,
    /// What may help.
    pub help: Option<String>,
    /// All of it, with the place underlined, for people.
    pub rendered: String,
}

/// A change that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Edited {
    /// The segment as it will be; as it was, if it is removed.
    pub detail: SegmentDetail,
    /// Whether that is so already.
    pub done: bool,
}

/// Why a change was not taken. Nothing has changed then.
#[derive(Debug, Clone, PartialEq)]
pub enum EditRefused {
    /// The body is no definition; the text says why.
    Malformed(String),
    /// There is no such segment.
    Unknown,
    /// The rule, or the rules together, are wrong.
    Invalid(Vec<Diagnosis>),
    /// These segments refer to it.
    Referred(Vec<String>),
    /// Another change is under way; come again.
    Busy,
    /// The log no longer holds all of history, and nobody said that this is all right.
    HistoryIncomplete,
    /// It cannot be done now; the text is for the reader.
    Unavailable(&'static str),
}

/// What a change will give.
pub type EditAnswer<'a> = Pin<Box<dyn Future<Output = Result<Edited, EditRefused>> + Send + 'a>>;

/// The segments of a project.
pub trait Segments: Send + Sync {
    /// All of them; one that is being made for the first time, too. Belongs to the view that is
    /// shown before and after the call, if that is the same.
    fn list(&self) -> Vec<SegmentDetail>;

    /// Defines a segment by a JSON document. `partial` says that a history that is no longer whole
    /// is all right. Answered when the change is durable as one that will be made.
    fn put(&self, key: String, definition: Vec<u8>, partial: bool) -> EditAnswer<'_>;

    /// Removes a segment; `partial` as in [`Segments::put`].
    fn remove(&self, key: String, partial: bool) -> EditAnswer<'_>;
}

fn moment<S: Serializer>(ms: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    ms.map(rfc3339_ms).serialize(serializer)
}
