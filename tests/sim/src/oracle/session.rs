//! Sessions by sorting and scanning, as the contract words it.
use super::Rules;
use super::event::{Event, Kind, Val, find, find_text};
use super::identity::Owned;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Milliseconds of engaged time from which a session does not count as bounced (GA4).
const ENGAGED_MS_MIN: i64 = 10_000;
/// Views from which a session does not count as bounced (GA4).
const VIEWS_MIN: u32 = 2;

/// Why a session began or ended where it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Nothing known of the device before, or nothing after yet.
    Edge,
    /// A pause longer than the idle limit.
    Idle,
    /// The session had lasted as long as one may.
    Max,
    /// Another campaign.
    Campaign,
}

impl Reason {
    /// The word of a session that began for this reason.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Edge => "first",
            Self::Idle => "idle",
            Self::Max => "max",
            Self::Campaign => "campaign",
        }
    }
}

/// One session with all fields of the contract.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// The anonymous id; empty for events that name none.
    pub device: Arc<str>,
    /// Time of the first event.
    pub start: i64,
    /// Time of the last event.
    pub end: i64,
    /// Why it did not go on from the one before.
    pub start_reason: Reason,
    /// Why the next event of the device is not in it; `Edge` if there is none.
    pub end_reason: Reason,
    /// Count of track, page and screen events.
    pub events: u32,
    /// Count of page views.
    pub pages: u32,
    /// Count of screen views.
    pub screens: u32,
    /// First page or screen.
    pub entry_page: Option<Arc<str>>,
    /// Last page or screen.
    pub exit_page: Option<Arc<str>>,
    /// First referrer.
    pub referrer: Option<Arc<str>>,
    /// First campaign.
    pub campaign: Option<Arc<str>>,
    /// Sum over views of the largest engaged time. A view that goes on in a later session counts
    /// there, whole.
    pub engaged_ms: i64,
    /// Count of conversion events.
    pub conversions: u32,
    /// Revenue of the conversions, in millionths.
    pub revenue_micros: i128,
}

impl Session {
    /// Not ten seconds engaged, no conversion and fewer than two views.
    #[must_use]
    pub fn bounced(&self) -> bool {
        self.engaged_ms < ENGAGED_MS_MIN
            && self.conversions == 0
            && self.pages + self.screens < VIEWS_MIN
    }

    /// From the first to the last event.
    #[must_use]
    pub fn duration_ms(&self) -> i64 {
        self.end - self.start
    }
}

/// A number in millionths, half away from zero.
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "worlds hold no such large numbers")]
pub fn micros(number: f64) -> i128 {
    (number * 1e6).round() as i128
}

/// The campaign an event names.
#[must_use]
pub fn campaign_of(event: &Event) -> Option<Arc<str>> {
    find_text(&event.context, "campaign.name")
}

/// All sessions of a person at `now`, by device, then time.
#[must_use]
pub fn sessions(owned: &[Owned<'_>], rules: &Rules, now: i64) -> Vec<Session> {
    let mut by_device: BTreeMap<Arc<str>, Vec<&Event>> = BTreeMap::new();
    for Owned { event, late } in owned {
        if event.kind.is_activity() && event.at <= now && !late {
            let device = event.device.clone().unwrap_or_default();
            by_device.entry(device).or_default().push(event);
        }
    }
    let mut found = Vec::new();
    for (device, mut events) in by_device {
        events.sort_by_key(|e| e.order());
        cut(&device, &events, rules, &mut found);
    }
    found
}

fn cut(device: &Arc<str>, events: &[&Event], rules: &Rules, found: &mut Vec<Session>) {
    let mut from = 0;
    let mut start_reason = Reason::Edge;
    for index in 1..=events.len() {
        let reason = match events.get(index) {
            None => Reason::Edge,
            Some(next) => match boundary(&events[from..index], next, rules) {
                None => continue,
                Some(reason) => reason,
            },
        };
        let mut session = summarise(device, &events[from..index], rules);
        let ahead = views(&events[index..]);
        let here = views(&events[from..index]);
        let ends_here = here.iter().filter(|(view, _)| !ahead.contains_key(*view));
        session.engaged_ms = ends_here.map(|(_, view)| view.engaged_ms).sum();
        session.start_reason = start_reason;
        session.end_reason = reason;
        found.push(session);
        from = index;
        start_reason = reason;
    }
}

/// Why `next` does not belong to the session that has `so_far`; `None` if it does.
fn boundary(so_far: &[&Event], next: &Event, rules: &Rules) -> Option<Reason> {
    let (first, last) = (so_far.first()?, so_far.last()?);
    if next.at - last.at > rules.idle_ms {
        return Some(Reason::Idle);
    }
    if next.at - first.at > rules.max_ms {
        return Some(Reason::Max);
    }
    if rules.split_on_campaign {
        let current = so_far.iter().find_map(|e| campaign_of(e));
        let named = campaign_of(next);
        if named.is_some() && named != current {
            return Some(Reason::Campaign);
        }
    }
    None
}

fn summarise(device: &Arc<str>, events: &[&Event], rules: &Rules) -> Session {
    let count = |kind| events.iter().filter(|e| e.kind == kind).count();
    let count = |kind| u32::try_from(count(kind)).expect("a session is short");
    let mut pages = events.iter().filter_map(|e| page_of(e));
    let conversions = || events.iter().filter(|e| rules.conversions.iter().any(|c| **c == *e.name));
    Session {
        device: device.clone(),
        start: events.first().map_or(0, |e| e.at),
        end: events.last().map_or(0, |e| e.at),
        start_reason: Reason::Edge,
        end_reason: Reason::Edge,
        events: u32::try_from(events.len()).expect("a session is short"),
        pages: count(Kind::Page),
        screens: count(Kind::Screen),
        entry_page: pages.clone().next(),
        exit_page: pages.next_back(),
        referrer: events.iter().find_map(|e| find_text(&e.context, "page.referrer")),
        campaign: events.iter().find_map(|e| campaign_of(e)),
        engaged_ms: 0,
        conversions: u32::try_from(conversions().count()).expect("a session is short"),
        revenue_micros: conversions().map(|e| revenue_micros(e)).sum(),
    }
}

/// The address of a page, or the name of a screen.
fn page_of(event: &Event) -> Option<Arc<str>> {
    match event.kind {
        Kind::Page => find_text(&event.props, "url"),
        Kind::Screen => find_text(&event.props, "name"),
        Kind::Track | Kind::Identify | Kind::Group | Kind::Alias => None,
    }
}

fn revenue_micros(event: &Event) -> i128 {
    let named = |key| find(&event.props, key).and_then(Val::number);
    named("revenue").or_else(|| named("total")).map_or(0, micros)
}

/// The engaged time of one view.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// The largest cumulative value told.
    pub engaged_ms: i64,
    /// When it was told first.
    pub at: i64,
}

/// The views among events that are in order, by device and id.
#[must_use]
pub fn views(events: &[&Event]) -> BTreeMap<(Arc<str>, Arc<str>), View> {
    let mut views: BTreeMap<(Arc<str>, Arc<str>), View> = BTreeMap::new();
    for event in events {
        let Some(Val::Int(told)) = find(&event.props, "engaged_ms") else { continue };
        let Some(view) = find_text(&event.props, "view_id") else { continue };
        let device = event.device.clone().unwrap_or_default();
        let fresh = View { engaged_ms: *told, at: event.at };
        let view = views.entry((device, view)).or_insert(fresh);
        if *told > view.engaged_ms {
            *view = fresh;
        }
    }
    views
}
