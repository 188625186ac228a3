//! What a host may set. Every field has a unit, a default and the reason for it.
use alloc::string::String;
use alloc::vec::Vec;

/// The settings of a tracker. They do not change while it lives.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// A batch leaves as soon as so many events wait. 20: what Segment's clients use.
    pub batch_events: usize,
    /// A batch leaves when its oldest event has waited so long, in milliseconds. Web 5 000: pages
    /// are left soon; native 30 000: radios are woken rarely.
    pub batch_age_ms: u64,
    /// No batch holds more events, however many wait. 500: a backlog of 10 000 is 20 requests, and
    /// a refusal of each still fits what is read of an answer.
    pub batch_events_max: usize,
    /// The events of a batch take no more, in bytes before compression; a single one may. 475 000
    /// stays, with what a batch says of itself, under the 500 KB of Segment's collectors.
    pub batch_bytes_max: usize,
    /// Events that may be queued. 10 000.
    pub queue_events_max: usize,
    /// Bytes that may be queued. 20 MiB.
    pub queue_bytes_max: usize,
    /// Age at which a queued event is given up, in milliseconds. 30 days: a device that comes back
    /// from a drawer; Snowplow's clients use the same.
    pub queue_age_max_ms: u64,
    /// Events that may wait in memory for storage or consent. 1 000.
    pub waiting_events_max: usize,
    /// Bytes that may wait in memory for storage or consent. 1 MiB.
    pub waiting_bytes_max: usize,
    /// Unanswered batches while the app is left. 4: the rest waits for the next start.
    pub leaving_batches_max: usize,
    /// Inactivity that ends a session, in milliseconds. 30 min, as on the collector.
    pub session_idle_ms: u64,
    /// Length that ends a session, in milliseconds. 24 h, as on the collector.
    pub session_max_ms: u64,
    /// Names of events that are dropped last when the queue is full (conversions). `identify`,
    /// `group` and `alias` always are.
    pub events_kept_longest: Vec<String>,
    /// Names of events that are dropped first when the queue is full (heartbeats).
    pub events_dropped_first: Vec<String>,
    /// The share of events of a name that is kept, 0 to 1. Others are all kept.
    pub sampling: Vec<(String, f64)>,
    /// Consent categories that every event needs. Empty: none is needed.
    pub consent_required: Vec<String>,
    /// Names of events that need other categories than [`Config::consent_required`]; an empty list
    /// exempts the name.
    pub consent_by_event: Vec<(String, Vec<String>)>,
    /// What Global Privacy Control means. `Record`: what it forbids, sale and sharing, is decided on
    /// the collector.
    pub gpc: PrivacySignal,
    /// What Do Not Track means. `Ignore`: the header was given up by its authors in 2019.
    pub dnt: PrivacySignal,
}

/// What is done about a privacy signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivacySignal {
    /// Nothing.
    Ignore,
    /// The context says so (`gpc`, `dnt`: true).
    Record,
    /// Nothing is collected: as if every category that an event needs were denied. Exempt names
    /// stay exempt.
    Deny,
}

impl Config {
    /// For pages, which end without notice. Browsers let 64 KiB in all outlive a page, heads included:
    /// two batches of 28 000 bytes stay below.
    #[must_use]
    pub fn web() -> Self {
        let mut config = Self::native();
        config.batch_age_ms = 5_000;
        config.batch_bytes_max = 28_000;
        config.leaving_batches_max = 2;
        config
    }

    /// For apps, services and programs.
    #[must_use]
    pub fn native() -> Self {
        Self {
            batch_events: 20,
            batch_age_ms: 30_000,
            batch_events_max: 500,
            batch_bytes_max: 475_000,
            queue_events_max: 10_000,
            queue_bytes_max: 20 << 20,
            queue_age_max_ms: 30 * DAY_MS,
            waiting_events_max: 1_000,
            waiting_bytes_max: 1 << 20,
            leaving_batches_max: 4,
            session_idle_ms: 30 * 60_000,
            session_max_ms: DAY_MS,
            events_kept_longest: owned(&CONVERSIONS),
            events_dropped_first: owned(&HEARTBEATS),
            sampling: Vec::new(),
            consent_required: Vec::new(),
            consent_by_event: Vec::new(),
            gpc: PrivacySignal::Record,
            dnt: PrivacySignal::Ignore,
        }
    }
}

const DAY_MS: u64 = 24 * 60 * 60_000;

/// Of the Segment e-commerce specification: where money or intent is.
const CONVERSIONS: [&str; 8] = [
    "Order Completed",
    "Order Refunded",
    "Order Cancelled",
    "Checkout Started",
    "Payment Info Entered",
    "Product Added",
    "Signed Up",
    "Form Submitted",
];

/// Autocaptured events that come often and mean little one by one.
const HEARTBEATS: [&str; 4] =
    ["Page Engaged", "Scroll Depth Reached", "Element Clicked", "Video Content Playing"];

fn owned(names: &[&str]) -> Vec<String> {
    let mut owned = Vec::new();
    for name in names {
        owned.push(String::from(*name));
    }
    owned
}
