//! The oracle: recomputes everything from the plain list of events at each moment it is asked.
//!
//! Slow and simple on purpose. It was written from the contract, not from the engine, and shares
//! no code with it; where the two differ, one of them misreads the contract.
pub mod bucket;
pub mod calendar;
pub mod eval;
pub mod event;
pub mod identity;
pub mod path;
pub mod pattern;
mod print;
pub mod rule;
pub mod score;
pub mod sequence;
pub mod session;
pub mod value;
pub mod waits;

use calendar::Zone;
use event::{Event, Kind, Props, Val};
use identity::{Owned, People};
use rule::Segment;
use session::Session;
use std::sync::OnceLock;

/// How much one event adds to the engagement score.
#[derive(Debug, Clone, PartialEq)]
pub struct Weight {
    /// The event's name.
    pub event: String,
    /// What one event adds.
    pub weight: f64,
    /// A numeric property to multiply with.
    pub property: Option<String>,
    /// How many events of one UTC day count.
    pub cap_per_day: Option<u32>,
}

/// Everything a project sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Pause that ends a session.
    pub idle_ms: i64,
    /// Longest session.
    pub max_ms: i64,
    /// How late an event may still change sessions.
    pub lateness_ms: i64,
    /// Whether another campaign starts another session.
    pub split_on_campaign: bool,
    /// Names of conversion events.
    pub conversions: Vec<String>,
    /// Half-life of the engagement score.
    pub half_life_ms: i64,
    /// Scale of the engagement score.
    pub scale: f64,
    /// Weights of events.
    pub weights: Vec<Weight>,
    /// Weight of one engaged second.
    pub engaged_second: f64,
    /// Segments; a rule names only segments before its own.
    pub segments: Vec<Segment>,
    /// Where days begin.
    pub zone: Zone,
}

impl Rules {
    /// The segment with this key.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn segment(&self, key: &str) -> &Segment {
        self.segments
            .iter()
            .find(|segment| segment.key == key)
            .expect("rules name segments that are there")
    }
}

/// One person at one moment.
#[derive(Debug)]
pub struct Person<'a> {
    /// The person's key.
    pub owner: String,
    /// The moment.
    pub now: i64,
    /// All events up to the moment, in order.
    pub known: Vec<&'a Event>,
    /// Track, page and screen events among them.
    pub activity: Vec<&'a Event>,
    /// Traits as the latest identify of each key left them.
    pub traits: Props,
    owned: Vec<Owned<'a>>,
    rules: &'a Rules,
    sessions: OnceLock<Vec<Session>>,
    engagement: OnceLock<f64>,
}

impl<'a> Person<'a> {
    /// The person who owns these events, at `now`.
    #[must_use]
    pub fn new(owner: &str, owned: &[Owned<'a>], rules: &'a Rules, now: i64) -> Self {
        let mut known: Vec<&Event> =
            owned.iter().map(|o| o.event).filter(|e| e.at <= now).collect();
        known.sort_by_key(|e| e.order());
        let identifies = known.iter().filter(|e| e.kind == Kind::Identify);
        let mut traits = Props::new();
        for (key, value) in identifies.flat_map(|e| &e.props) {
            traits.retain(|(known, _)| known != key);
            if *value != Val::Null {
                traits.push((*key, value.clone()));
            }
        }
        Self {
            owner: owner.to_owned(),
            now,
            activity: known.iter().copied().filter(|e| e.kind.is_activity()).collect(),
            known,
            traits,
            owned: owned.to_vec(),
            rules,
            sessions: OnceLock::new(),
            engagement: OnceLock::new(),
        }
    }

    /// All sessions, by device, then time.
    #[must_use]
    pub fn sessions(&self) -> &[Session] {
        self.sessions.get_or_init(|| session::sessions(&self.owned, self.rules, self.now))
    }

    /// The session with the latest activity.
    #[must_use]
    pub fn latest_session(&self) -> Option<&Session> {
        self.sessions().iter().max_by_key(|s| (s.end, s.start))
    }

    /// The engagement score.
    #[must_use]
    pub fn engagement(&self, rules: &Rules) -> f64 {
        *self.engagement.get_or_init(|| score::engagement(&self.activity, rules, self.now))
    }
}

/// Everybody at `now`, given what had arrived by then.
#[must_use]
pub fn people<'a>(arrivals: &'a [Event], rules: &Rules, now: i64) -> People<'a> {
    let arrived = arrivals.iter().filter(move |e| e.received <= now);
    People::of(arrived, rules.lateness_ms)
}

#[cfg(test)]
mod tests;
