//! What is published about a person: the shape that the engine makes, the store keeps and lookups
//! read. Compact, because every known person has one in memory.
use crate::{EventTime, PersonKey};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The number of a segment in the project's current plan. Changes with the plan; the key does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentIndex(pub u16);

/// That a person is in a segment, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// Which segment.
    pub segment: SegmentIndex,
    /// When the person came in.
    pub entered_at: EventTime,
}

/// The direction of a transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SegmentChange {
    /// The person came in.
    Enter,
    /// The person left.
    Exit,
}

/// A person came into a segment or left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// Which segment.
    pub segment: SegmentIndex,
    /// In or out.
    pub change: SegmentChange,
    /// When: the event's time, or the deadline itself for an exit by time alone.
    pub at: EventTime,
}

/// The latest session of a person, as it is published.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionBrief {
    /// Derived from the device and the start, so that it is the same after any replay.
    pub id: u64,
    /// Time of its first event.
    pub start: EventTime,
    /// Time of its latest event.
    pub last: EventTime,
    /// How many track, page and screen events it has.
    pub events: u32,
    /// How many of them were page or screen views.
    pub pages: u32,
    /// Engaged time so far, in milliseconds.
    pub engaged_ms: u64,
}

/// Everything published about one person at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The key under which the person is listed in segments.
    pub member: PersonKey,
    /// Anonymous ids linked to the person, oldest link first; empty for an unlinked device.
    pub devices: Vec<Box<str>>,
    /// The segments the person is in, by index.
    pub segments: Vec<Membership>,
    /// The segments the person would be in, had they not been held out of them, by index.
    pub held_out: Vec<Membership>,
    /// Scores in the order of the plan's score names (`engagement` first), at `as_of`.
    pub scores: Vec<f64>,
    /// The latest session, if there was any activity.
    pub session: Option<SessionBrief>,
    /// All traits, as a map body (see [`crate::Map`]); shared with the state until they change.
    pub traits: Arc<[u8]>,
    /// The moment for which all this holds, in milliseconds since the epoch.
    pub as_of: i64,
    /// Grows with every publication of this person; a lower one never overwrites a higher one.
    pub version: u64,
}
