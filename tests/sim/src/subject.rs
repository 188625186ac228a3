//! What can be held against the oracle: anything that takes events in and can be looked at.
use crate::oracle::event::Event;
use crate::oracle::session::Session;
use std::collections::{BTreeMap, BTreeSet};

/// What a person looks like from outside at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Look {
    /// Keys of the segments the person is in, and since when.
    pub segments: BTreeMap<String, i64>,
    /// Keys of the segments the person is held out of, and since when.
    pub held_out: BTreeMap<String, i64>,
    /// The engagement score, at `as_of`.
    pub engagement: f64,
    /// The moment of the score; a profile that nothing changed since is not published again.
    pub as_of: i64,
    /// The latest session, if any.
    pub latest: Option<Brief>,
    /// Linked devices.
    pub devices: BTreeSet<String>,
    /// Traits, each value as `Val::render` writes it.
    pub traits: BTreeMap<String, String>,
    /// Sessions in detail, where the subject still holds them.
    pub held: Option<Held>,
}

/// The latest session as it is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brief {
    /// First event.
    pub start: i64,
    /// Last event.
    pub end: i64,
    /// Count of events.
    pub events: u32,
    /// Count of page and screen views.
    pub views: u32,
    /// Engaged time.
    pub engaged_ms: i64,
}

/// Sessions in detail.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Held {
    /// How many there ever were.
    pub count: u64,
    /// Those still held.
    pub sessions: Vec<Session>,
}

/// A change of membership that the subject reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose.
    pub owner: String,
    /// Of which segment.
    pub segment: String,
    /// Whether the person came in.
    pub enters: bool,
    /// The stamp.
    pub at: i64,
}

/// Something that should do as the oracle says.
pub trait Subject {
    /// Takes one arrival in. A message that came before must change nothing.
    ///
    /// # Errors
    /// What went wrong, in words.
    fn deliver(&mut self, event: &Event) -> Result<Vec<Change>, String>;

    /// Lets time pass; gives the changes that time alone brought.
    fn advance(&mut self, now: i64) -> Vec<Change>;

    /// Everybody at `now`, to which time was just advanced. A linked device is nobody.
    fn look(&self, now: i64) -> BTreeMap<String, Look>;

    /// Whether it tells of every change; what it shows is then also held to what it told.
    fn tells_changes(&self) -> bool;
}
