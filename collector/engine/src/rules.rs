//! What a project configures: how sessions are cut, how engagement is weighed, which segments exist.
//!
//! Plain data with defaults. Nothing here is checked; [`crate::Plan::compile`] does that.
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Everything that shapes a project's states.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleSet {
    /// How events become sessions.
    pub session: SessionRules,
    /// How the engagement score is made.
    pub engagement: EngagementRules,
    /// The segments, in the order of their indices.
    pub segments: Vec<SegmentSource>,
    /// The time zone in which days, weeks and months begin.
    pub zone: Zone,
}

/// One segment as its author wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SegmentSource {
    /// Its key: lower-case letters, digits and hyphens, at most 64.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The rule: who is in it.
    pub when: String,
    /// Whether a device may be told that it is in it.
    pub public: bool,
    /// Who is in it stays until this rule is true, whatever `when` says; without it, until `when` is
    /// false.
    pub exit: Option<String>,
    /// Who enters stays at least so long, in milliseconds.
    pub min_stay_ms: i64,
    /// So many hundredths of a percent of all persons are held out of it, to measure what it does.
    pub holdout: u16,
    /// Nobody is in it who has not agreed to this purpose.
    pub requires_consent: Option<String>,
}

/// A time zone: from when on its clocks are how far ahead of UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Its IANA name.
    pub name: String,
    /// Instants in milliseconds since the epoch, ascending, and the offset in milliseconds from
    /// then on. Before the first instant the first offset holds; none at all is UTC.
    pub offsets: Vec<(i64, i64)>,
}

impl Default for Zone {
    fn default() -> Self {
        Self { name: "UTC".to_string(), offsets: Vec::new() }
    }
}

/// How the events of a device become sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRules {
    /// A gap longer than this starts a new session. Milliseconds; 30 minutes by default, as web
    /// analytics tools have long agreed.
    pub idle_ms: i64,
    /// An event later than this after its session's start begins a new one. Milliseconds; 24 hours
    /// by default.
    pub max_ms: i64,
    /// How late an event may be and still shape sessions. Milliseconds; 72 hours by default, the
    /// weekend that a phone spends without a network.
    pub lateness_ms: i64,
    /// Whether an event of another campaign begins a new session.
    pub split_on_campaign: bool,
    /// Names of the events that are conversions; `Order Completed` by default.
    pub conversions: Vec<String>,
}

impl Default for SessionRules {
    fn default() -> Self {
        Self {
            idle_ms: 30 * MINUTE_MS,
            max_ms: 24 * 60 * MINUTE_MS,
            lateness_ms: 72 * 60 * MINUTE_MS,
            split_on_campaign: false,
            conversions: ["Order Completed".to_string()].into(),
        }
    }
}

/// How the engagement score is made: `raw(t)` is the sum over events of weight times
/// `2^(-(t - at) / half_life)`, the score is `100 * (1 - e^(-raw / scale))`, 0 while `raw` is negative.
#[derive(Debug, Clone, PartialEq)]
pub struct EngagementRules {
    /// After this time an event counts half. Milliseconds; 7 days by default, a visitor's week.
    pub half_life_ms: i64,
    /// The raw sum that makes a score of 63. 20 by default: twenty page views in one go.
    pub scale: f64,
    /// What events are worth.
    pub weights: Vec<Weight>,
    /// What one second of engaged time is worth. 0.02 by default: a minute is worth a page or so.
    pub engaged_second: f64,
}

impl Default for EngagementRules {
    fn default() -> Self {
        let weights = DEFAULT_WEIGHTS.iter().map(|&(event, weight)| Weight::of(event, weight));
        Self {
            half_life_ms: 7 * 24 * 60 * MINUTE_MS,
            scale: 20.0,
            weights: weights.collect(),
            engaged_second: 0.02,
        }
    }
}

/// What one kind of event adds to the engagement score.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Weight {
    /// The event's name.
    pub event: String,
    /// What it is worth; may be negative.
    pub weight: f64,
    /// A numeric property that multiplies the weight. An event without it adds nothing.
    pub property: Option<String>,
    /// Only the first so many of a day (UTC) count.
    pub cap_per_day: Option<u32>,
}

impl Weight {
    /// A plain weight: no factor, no cap.
    #[must_use]
    pub fn of(event: &str, weight: f64) -> Self {
        Self { event: event.to_string(), weight, property: None, cap_per_day: None }
    }
}

const MINUTE_MS: i64 = 60_000;

/// Looking is worth one, reaching for something more, giving money or a recommendation most.
const DEFAULT_WEIGHTS: [(&str, f64); 9] = [
    ("Page Viewed", 1.0),
    ("Screen Viewed", 1.0),
    ("Product Viewed", 1.0),
    ("Products Searched", 1.0),
    ("Product Added to Wishlist", 3.0),
    ("Product Added", 4.0),
    ("Content Shared", 5.0),
    ("Checkout Started", 6.0),
    ("Order Completed", 10.0),
];
