//! Sessions: what they are, and the walk over ordered events that makes them.
//!
//! The walk is a left fold, so it may stop anywhere and go on later: that is how old events are let
//! go of and how an event in order costs O(1). It never looks at a clock: whether a session is over
//! is known when the next one begins.
use crate::atom::{Atom, Atoms, Text, hash_of};
use crate::limits::{ENDED_MAX, VIEW_SILENCE_MS};
use crate::rules::SessionRules;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Deref;
use serde::{Deserialize, Serialize};

/// How events become sessions, and what rules ask of sessions that are over.
#[derive(Debug, Clone)]
pub(crate) struct SessionPlan {
    pub(crate) rules: SessionRules,
    /// How long ends of sessions are remembered, in milliseconds; 0 if nobody asks for them.
    pub(crate) ended_ms: i64,
}

impl Deref for SessionPlan {
    type Target = SessionRules;

    fn deref(&self) -> &SessionRules {
        &self.rules
    }
}

/// Why a session began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StartReason {
    /// The device's first activity.
    First,
    /// The device had been idle for longer than the rules allow.
    Idle,
    /// The session before it had lasted as long as the rules allow.
    Max,
    /// The event came from another campaign.
    Campaign,
}

impl StartReason {
    /// One lower-case word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Idle => "idle",
            Self::Max => "max",
            Self::Campaign => "campaign",
        }
    }
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// Nothing came after it yet. Whether it is over depends on the moment.
    Open,
    /// The device was idle for longer than the rules allow.
    Idle,
    /// It had lasted as long as the rules allow.
    Max,
    /// The device came back from another campaign.
    Campaign,
}

impl EndReason {
    /// One lower-case word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Idle => "idle",
            Self::Max => "max",
            Self::Campaign => "campaign",
        }
    }

    fn before(next: StartReason) -> Self {
        match next {
            StartReason::First => Self::Open,
            StartReason::Idle => Self::Idle,
            StartReason::Max => Self::Max,
            StartReason::Campaign => Self::Campaign,
        }
    }
}

/// One session of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The anonymous id of the device; empty for events that came without one.
    pub device: Box<str>,
    /// Derived from the device and the start.
    pub id: u64,
    /// Time of its first event, in milliseconds since the epoch.
    pub start: i64,
    /// Time of its last event.
    pub end: i64,
    /// Why it began.
    pub start_reason: StartReason,
    /// Why it ended.
    pub end_reason: EndReason,
    /// How many track, page and screen events it has.
    pub events: u32,
    /// How many pages were viewed.
    pub pages: u32,
    /// How many screens were viewed.
    pub screens: u32,
    /// The first page or screen; empty if none is known.
    pub entry_page: Box<str>,
    /// The last page or screen; empty if none is known.
    pub exit_page: Box<str>,
    /// The first referrer met; empty if none.
    pub referrer: Box<str>,
    /// The first campaign met; empty if none.
    pub campaign: Box<str>,
    /// Engaged time: the largest of each view, in milliseconds. A view that goes on in a later
    /// session counts there, whole.
    pub engaged_ms: u64,
    /// How many conversions happened.
    pub conversions: u32,
    /// The revenue of the conversions, in millionths of whatever currency they were in.
    pub revenue_micros: i64,
    /// Whether it was of no consequence: below ten engaged seconds, without a conversion and with
    /// fewer than two pages or screens (the definition of Google Analytics 4, turned round).
    pub bounced: bool,
}

/// The numbers of a session in the making, and where its texts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) start: i64,
    pub(crate) last: i64,
    pub(crate) revenue: i64,
    pub(crate) engaged_ms: u64,
    /// How many sessions of the device came before it.
    pub(crate) ordinal: u32,
    pub(crate) events: u32,
    pub(crate) pages: u32,
    pub(crate) screens: u32,
    pub(crate) conversions: u32,
    pub(crate) entry: TextAt,
    pub(crate) exit: TextAt,
    pub(crate) referrer: TextAt,
    pub(crate) campaign: TextAt,
    pub(crate) start_reason: StartReason,
}

impl Run {
    pub(crate) fn bounced(&self) -> bool {
        self.engaged_ms < ENGAGED_SESSION_MS && self.conversions == 0 && self.views() < 2
    }

    /// Pages and screens.
    pub(crate) fn views(&self) -> u32 {
        self.pages.saturating_add(self.screens)
    }

    /// How many sessions there are, this one included.
    pub(crate) fn count(&self) -> u64 {
        u64::from(self.ordinal) + 1
    }
}

/// Engaged for this long, a session is no bounce (Google Analytics 4: ten seconds).
const ENGAGED_SESSION_MS: u64 = 10_000;

/// Where a text of a session is: with a held event, or kept apart since the event was let go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum TextAt {
    Nowhere,
    Kept,
    Held(u32),
}

impl TextAt {
    fn or(self, index: usize, text: &str) -> Self {
        match self {
            Self::Nowhere if !text.is_empty() => Self::held(index),
            Self::Nowhere | Self::Kept | Self::Held(_) => self,
        }
    }

    fn held(index: usize) -> Self {
        Self::Held(u32::try_from(index).expect("bounded by ATOMS_MAX"))
    }
}

/// The texts of a session whose events were let go of.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct KeptTexts {
    pub(crate) entry: Box<str>,
    pub(crate) exit: Box<str>,
    pub(crate) referrer: Box<str>,
    pub(crate) campaign: Box<str>,
}

/// The engaged time known of each view, sorted by view.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Views(Vec<ViewMark>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ViewMark {
    pub(crate) view: u64,
    pub(crate) last_at: i64,
    pub(crate) engaged_ms: u32,
    /// The ordinal of the session that has it.
    pub(crate) session: u32,
}

impl Views {
    pub(crate) fn marks(&self) -> &[ViewMark] {
        &self.0
    }

    pub(crate) fn from_marks(mut marks: Vec<ViewMark>) -> Self {
        marks.sort_unstable_by_key(|mark| mark.view);
        Self(marks)
    }

    /// Forgets views silent since before `horizon`; says whether there were any.
    pub(crate) fn forget_before(&mut self, horizon: i64) -> bool {
        let before = self.0.len();
        self.0.retain(|mark| mark.last_at >= horizon);
        self.0.len() != before
    }
}

/// What one event did beyond joining its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Pushed {
    /// The session that it ended by starting another.
    pub(crate) closed: Option<Run>,
    /// Engaged time that it took from an earlier session: its ordinal and how much.
    pub(crate) moved: Option<(u32, u32)>,
}

/// The state of the walk.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Walk {
    /// The session in the making; none before the first event.
    pub(crate) run: Option<Run>,
    pub(crate) views: Views,
    /// When the sessions before it ended, as far as anybody asks; ascending.
    pub(crate) ended: Vec<i64>,
}

impl Walk {
    /// Takes the event at `index` in. Events must come in order.
    pub(crate) fn push(&mut self, with: Walking<'_>, index: usize) -> Pushed {
        let atom = with.atoms.get(index);
        let mut pushed = Pushed::default();
        let reason = with.starts_anew(self.run.as_ref(), atom.at, &atom.campaign);
        if let Some(reason) = reason {
            pushed.closed = self.run;
            if let Some(run) = self.run.filter(|_| with.rules.ended_ms > 0) {
                self.note_end(run.last);
            }
            let ordinal = self.run.map_or(0, |run| run.ordinal.saturating_add(1));
            self.run = Some(Run::starting(atom.at, reason, ordinal));
        }
        let run = self.run.as_mut().expect("the first event starts a session");
        run.start = run.start.min(atom.at);
        run.last = run.last.max(atom.at);
        run.events = run.events.saturating_add(1);
        run.pages = run.pages.saturating_add(u32::from(atom.is_page));
        run.screens = run.screens.saturating_add(u32::from(atom.is_screen));
        run.conversions = run.conversions.saturating_add(u32::from(atom.is_conversion));
        run.revenue = run.revenue.saturating_add(atom.revenue);
        run.entry = run.entry.or(index, atom.page);
        run.referrer = run.referrer.or(index, atom.referrer);
        run.campaign = run.campaign.or(index, &atom.campaign);
        if !atom.page.is_empty() {
            run.exit = TextAt::held(index);
        }
        if let Some(view) = atom.view {
            pushed.moved = self.views.engage(run, view.id, view.engaged_ms, atom.at);
        }
        pushed
    }

    /// Takes an event in that belongs before others, at `index`, if that changes no more than the counts
    /// of the latest session; else says that the walk has to be made again. Whoever sends many events
    /// in one millisecond, or from several threads, sends nearly all of them like that.
    pub(crate) fn slip_in(&mut self, atom: &Atom<'_>, index: usize) -> bool {
        let Some(run) = &mut self.run else { return false };
        // At its start it might belong to the session before, and texts and views have an order.
        let is_inside = run.start < atom.at && atom.at <= run.last;
        let is_plain = atom.view.is_none()
            && atom.revenue == 0
            && atom.page.is_empty()
            && atom.referrer.is_empty()
            && atom.campaign.is_empty();
        if !is_inside || !is_plain {
            return false;
        }
        for at in [&mut run.entry, &mut run.exit, &mut run.referrer, &mut run.campaign] {
            if let TextAt::Held(held) = at
                && *held as usize >= index
            {
                *held += 1;
            }
        }
        run.events = run.events.saturating_add(1);
        run.pages = run.pages.saturating_add(u32::from(atom.is_page));
        run.screens = run.screens.saturating_add(u32::from(atom.is_screen));
        run.conversions = run.conversions.saturating_add(u32::from(atom.is_conversion));
        true
    }

    /// All times that it holds.
    pub(crate) fn times(&self) -> impl Iterator<Item = i64> {
        let run = self.run.iter().flat_map(|run| [run.start, run.last]);
        run.chain(self.views.0.iter().map(|mark| mark.last_at)).chain(self.ended.iter().copied())
    }

    /// Remembers the end of a session.
    pub(crate) fn note_end(&mut self, at: i64) {
        let index = self.ended.partition_point(|end| *end <= at);
        self.ended.insert(index, at);
        self.ended.drain(..self.ended.len().saturating_sub(ENDED_MAX));
    }
}

impl Views {
    fn engage(&mut self, run: &mut Run, view: u64, ms: u32, at: i64) -> Option<(u32, u32)> {
        match self.0.binary_search_by_key(&view, |mark| mark.view) {
            Err(index) => {
                let mark = ViewMark { view, last_at: at, engaged_ms: ms, session: run.ordinal };
                self.0.insert(index, mark);
                run.engaged_ms += u64::from(ms);
                None
            }
            Ok(index) => {
                let mark = &mut self.0[index];
                if at.saturating_sub(mark.last_at) > VIEW_SILENCE_MS {
                    *mark = ViewMark { view, last_at: at, engaged_ms: ms, session: run.ordinal };
                    run.engaged_ms += u64::from(ms);
                    return None;
                }
                mark.last_at = mark.last_at.max(at);
                if ms <= mark.engaged_ms {
                    return None;
                }
                let old = ViewMark { ..*mark };
                mark.engaged_ms = ms;
                mark.session = run.ordinal;
                run.engaged_ms += u64::from(ms);
                if old.session == run.ordinal {
                    run.engaged_ms = run.engaged_ms.saturating_sub(u64::from(old.engaged_ms));
                    return None;
                }
                Some((old.session, old.engaged_ms))
            }
        }
    }
}

impl Run {
    fn starting(at: i64, start_reason: StartReason, ordinal: u32) -> Self {
        Self {
            start: at,
            last: at,
            revenue: 0,
            engaged_ms: 0,
            ordinal,
            events: 0,
            pages: 0,
            screens: 0,
            conversions: 0,
            entry: TextAt::Nowhere,
            exit: TextAt::Nowhere,
            referrer: TextAt::Nowhere,
            campaign: TextAt::Nowhere,
            start_reason,
        }
    }
}

/// What the walk looks at but does not change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walking<'a> {
    pub(crate) rules: &'a SessionPlan,
    pub(crate) atoms: &'a Atoms,
    pub(crate) kept: Option<&'a KeptTexts>,
}

impl<'a> Walking<'a> {
    fn starts_anew(&self, run: Option<&Run>, at: i64, campaign: &str) -> Option<StartReason> {
        let Some(run) = run else {
            return Some(StartReason::First);
        };
        if at.saturating_sub(run.last) > self.rules.idle_ms {
            return Some(StartReason::Idle);
        }
        if at.saturating_sub(run.start) > self.rules.max_ms {
            return Some(StartReason::Max);
        }
        if self.rules.split_on_campaign && !campaign.is_empty() {
            let current = self.campaign(run);
            if current != campaign {
                return Some(StartReason::Campaign);
            }
        }
        None
    }

    pub(crate) fn entry(&self, run: &Run) -> &'a str {
        self.text(run.entry, Text::Page, |kept| &kept.entry)
    }

    pub(crate) fn exit(&self, run: &Run) -> &'a str {
        self.text(run.exit, Text::Page, |kept| &kept.exit)
    }

    pub(crate) fn referrer(&self, run: &Run) -> &'a str {
        self.text(run.referrer, Text::Referrer, |kept| &kept.referrer)
    }

    pub(crate) fn campaign(&self, run: &Run) -> &'a str {
        self.text(run.campaign, Text::Campaign, |kept| &kept.campaign)
    }

    fn text(&self, at: TextAt, which: Text, kept: impl Fn(&'a KeptTexts) -> &'a str) -> &'a str {
        match at {
            TextAt::Nowhere => "",
            TextAt::Kept => self.kept.map(kept).unwrap_or_default(),
            TextAt::Held(index) => self.atoms.text(index as usize, which),
        }
    }

    /// The texts of a session, to outlive its events.
    pub(crate) fn keep(&self, run: &Run) -> KeptTexts {
        KeptTexts {
            entry: self.entry(run).into(),
            exit: self.exit(run).into(),
            referrer: self.referrer(run).into(),
            campaign: self.campaign(run).into(),
        }
    }

    /// The session as it is shown; `next` is how the one after it began.
    pub(crate) fn show(&self, run: &Run, device: &str, next: Option<StartReason>) -> Session {
        let KeptTexts { entry, exit, referrer, campaign } = self.keep(run);
        Session {
            device: device.into(),
            id: session_id(device, run.start),
            start: run.start,
            end: run.last,
            start_reason: run.start_reason,
            end_reason: next.map_or(EndReason::Open, EndReason::before),
            events: run.events,
            pages: run.pages,
            screens: run.screens,
            entry_page: entry,
            exit_page: exit,
            referrer,
            campaign,
            engaged_ms: run.engaged_ms,
            conversions: run.conversions,
            revenue_micros: run.revenue,
            bounced: run.bounced(),
        }
    }
}

/// The id of the session of `device` that starts at `start`.
pub(crate) fn session_id(device: &str, start: i64) -> u64 {
    hash_of(&[device]) ^ mixed(start.cast_unsigned())
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): near starts give far ids.
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
