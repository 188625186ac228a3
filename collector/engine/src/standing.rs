//! Which segments a person is in, since when, and when that may next change by itself.
use crate::bucket;
use crate::plan::Plan;
use crate::segment::{Features, SessionField, SessionValue, Subject, Touched, device_hash};
use crate::state::State;
use alloc::vec::Vec;
use core::cell::Cell;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sillage_model::{EventTime, Membership, SegmentChange, SegmentIndex, Transition, Value};

/// Memberships and deadlines at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// Sorted by segment.
    #[serde(serialize_with = "write_members", deserialize_with = "read_members")]
    pub(crate) members: Vec<Membership>,
    /// The segments that the person would be in if not held out. Sorted by segment.
    #[serde(serialize_with = "write_members", deserialize_with = "read_members")]
    pub(crate) held_out: Vec<Membership>,
    /// Sorted by segment; only those with something to tell.
    timings: Vec<Timing>,
    /// The earliest of their deadlines.
    wake_at: Option<i64>,
    /// The latest moment at which something was evaluated.
    pub(crate) clock: i64,
}

/// What is known of the past and the future of one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenTiming", into = "WrittenTiming")]
struct Timing {
    segment: SegmentIndex,
    /// When the segment must be evaluated although nothing happens; else [`NO_WAKE`].
    wake_at: i64,
    /// When the person left it last; else [`NEVER`].
    left_at: i64,
}

const NO_WAKE: i64 = i64::MAX;

/// In memory two moments are two words; written, one that is not there takes one byte.
type WrittenTiming = (u16, Option<i64>, Option<i64>);

impl From<WrittenTiming> for Timing {
    fn from((segment, wake_at, left_at): WrittenTiming) -> Self {
        let segment = SegmentIndex(segment);
        Self { segment, wake_at: wake_at.unwrap_or(NO_WAKE), left_at: left_at.unwrap_or(NEVER) }
    }
}

impl From<Timing> for WrittenTiming {
    fn from(timing: Timing) -> Self {
        let wake_at = Some(timing.wake_at).filter(|at| *at != NO_WAKE);
        (timing.segment.0, wake_at, Some(timing.left_at).filter(|at| *at != NEVER))
    }
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            members: Vec::new(),
            held_out: Vec::new(),
            timings: Vec::new(),
            wake_at: None,
            clock: NEVER,
        }
    }
}

/// The clock of a standing that was never evaluated.
pub(crate) const NEVER: i64 = i64::MIN;

/// Why segments are evaluated; it decides the stamp of what comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A fact that happened at this time.
    Fact(i64),
    /// Time alone.
    Time,
}

impl Standing {
    /// The next moment at which something must be evaluated.
    pub(crate) fn wake_at(&self) -> Option<i64> {
        self.wake_at
    }

    /// Marks the segments that must be evaluated at `now`.
    pub(crate) fn mark_due(&self, plan: &Plan, now: i64, due: &mut Touched) {
        let waking = self.timings.iter().filter(|timing| timing.wake_at <= now);
        due.mark_all(waking.filter_map(|timing| plan.rules.place(timing.segment)));
    }

    /// Evaluates what was touched, and what refers to segments that thereby change.
    pub(crate) fn evaluate(
        &mut self,
        with: With<'_>,
        touched: &mut Touched,
        cause: Cause,
        out: &mut Vec<Transition>,
    ) {
        self.clock = self.clock.max(with.clock);
        if touched.is_empty() {
            return;
        }
        let With { plan, state, clock, .. } = with;
        let cache = &Cache::default();
        let (mut member, mut timing) = (Seek::default(), Seek::default());
        let mut from = 0;
        while let Some(place) = touched.next(from) {
            from = usize::from(place) + 1;
            let segment = plan.rules.order()[usize::from(place)];
            let person = Person { with, state, standing: self, cache };
            let held_out = plan.rules.is_held_out(segment, &person);
            let (list, seek) = if held_out {
                (&self.held_out, &mut Seek::default())
            } else {
                (&self.members, &mut member)
            };
            let position = seek.find(list, segment, |member| member.segment);
            if !touched.matters(place, position.is_ok()) {
                continue;
            }
            let since = position.ok().map(|index| list[index].entered_at.0);
            let verdict = plan.rules.evaluate(segment, &person, clock, since);
            // A deadline that is not ahead would be fired for ever.
            let wake_at = verdict.changes_at.map_or(NO_WAKE, |at| at.max(clock.saturating_add(1)));
            let timing = timing.find(&self.timings, segment, |timing| timing.segment);
            if let Ok(index) = timing {
                self.timings[index].wake_at = wake_at;
            } else if let (Err(index), true) = (timing, wake_at != NO_WAKE) {
                self.note(index, Timing { segment, wake_at, left_at: NEVER });
            }
            if position.is_ok() != verdict.member {
                let at = match cause {
                    Cause::Fact(at) => at,
                    Cause::Time => clock,
                };
                let crossed = self.cross(segment, (position, held_out), at);
                if !held_out {
                    out.push(crossed);
                    plan.rules.touch_dependents(segment, touched);
                }
            }
        }
        let wakes = self.timings.iter().map(|timing| timing.wake_at);
        self.wake_at = wakes.min().filter(|at| *at != NO_WAKE);
    }

    /// Shows the person, as rules see one, to somebody.
    pub(crate) fn look<T>(&self, with: With<'_>, show: impl FnOnce(&Person<'_>) -> T) -> T {
        let cache = &Cache::default();
        show(&Person { with, state: with.state, standing: self, cache })
    }

    /// Lets the person into a segment or out of it, whichever is the other.
    fn cross(
        &mut self,
        segment: SegmentIndex,
        (position, held_out): (Result<usize, usize>, bool),
        at: i64,
    ) -> Transition {
        let timing = self.timing(segment);
        let list = if held_out { &mut self.held_out } else { &mut self.members };
        match position {
            Err(index) => {
                let left_at = timing.map_or(NEVER, |index| self.timings[index].left_at);
                let entered_at = EventTime(at.max(left_at));
                if list.len() == list.capacity() {
                    list.reserve_exact(1 + list.len() / 4);
                }
                list.insert(index, Membership { segment, entered_at });
                Transition { segment, change: SegmentChange::Enter, at: entered_at }
            }
            Ok(index) => {
                let entered_at = list.remove(index).entered_at;
                let at = EventTime(at).max(entered_at);
                match timing {
                    Ok(index) => self.timings[index].left_at = at.0,
                    Err(index) => {
                        self.note(index, Timing { segment, wake_at: NO_WAKE, left_at: at.0 });
                    }
                }
                Transition { segment, change: SegmentChange::Exit, at }
            }
        }
    }

    fn note(&mut self, index: usize, timing: Timing) {
        if self.timings.len() == self.timings.capacity() {
            self.timings.reserve_exact(1 + self.timings.len() / 4);
        }
        self.timings.insert(index, timing);
    }

    fn position(&self, segment: SegmentIndex) -> Result<usize, usize> {
        self.members.binary_search_by_key(&segment, |member| member.segment)
    }

    fn timing(&self, segment: SegmentIndex) -> Result<usize, usize> {
        self.timings.binary_search_by_key(&segment, |timing| timing.segment)
    }

    /// What must be told to someone who knows `before` so that they know this.
    pub(crate) fn changes_since(&self, before: &Self, out: &mut Vec<Transition>) {
        for old in &before.members {
            if self.position(old.segment).is_err() {
                let timing = self.timing(old.segment);
                let left_at = timing.map_or(NEVER, |index| self.timings[index].left_at);
                let at = EventTime(left_at).max(old.entered_at);
                let change = SegmentChange::Exit;
                out.push(Transition { segment: old.segment, change, at });
            }
        }
        for new in &self.members {
            if before.position(new.segment).is_err() {
                let change = SegmentChange::Enter;
                out.push(Transition { segment: new.segment, change, at: new.entered_at });
            }
        }
    }

    /// Checks what looking things up relies on.
    pub(crate) fn is_sorted(&self) -> bool {
        self.members.is_sorted_by(|a, b| a.segment < b.segment)
            && self.held_out.is_sorted_by(|a, b| a.segment < b.segment)
            && self.timings.is_sorted_by(|a, b| a.segment < b.segment)
    }

    /// What it holds on the heap, in bytes.
    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.members.capacity() * size_of::<Membership>()
            + self.timings.capacity() * size_of::<Timing>()
    }
}

/// Looks things up that are asked for in nearly ascending order, without starting over each time.
#[derive(Debug, Default)]
struct Seek(usize);

impl Seek {
    /// As [`slice::binary_search_by_key`].
    fn find<T>(
        &mut self,
        sorted: &[T],
        segment: SegmentIndex,
        key: impl Fn(&T) -> SegmentIndex,
    ) -> Result<usize, usize> {
        let before = self.0.checked_sub(1).and_then(|index| sorted.get(index));
        if before.is_some_and(|row| key(row) >= segment) || self.0 > sorted.len() {
            self.0 = sorted.partition_point(|row| key(row) < segment);
        }
        while sorted.get(self.0).is_some_and(|row| key(row) < segment) {
            self.0 += 1;
        }
        match sorted.get(self.0) {
            Some(row) if key(row) == segment => Ok(self.0),
            _ => Err(self.0),
        }
    }
}

/// What an evaluation looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct With<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) state: &'a State,
    pub(crate) clock: i64,
    /// The person's, see [`crate::bucket`].
    pub(crate) seed: u64,
}

/// A person as the rules see one.
pub(crate) struct Person<'a> {
    with: With<'a>,
    state: &'a State,
    standing: &'a Standing,
    cache: &'a Cache,
}

/// The score at the clock, once it was asked for: its raw sum, and as it is shown.
#[derive(Debug, Default)]
struct Cache {
    raw: Cell<Option<f64>>,
    shown: Cell<Option<f64>>,
}

impl Person<'_> {
    fn raw_score(&self, now: i64) -> f64 {
        let compute = || self.state.score.raw(&self.with.plan.engagement, now);
        if now != self.with.clock {
            return compute();
        }
        let raw = self.cache.raw.get().unwrap_or_else(compute);
        self.cache.raw.set(Some(raw));
        raw
    }
}

impl Subject for Person<'_> {
    fn features(&self) -> &Features {
        &self.state.features
    }

    fn trait_value(&self, path: &str) -> Option<Value<'_>> {
        self.state.traits.as_ref()?.map().get_path(path)
    }

    fn session(&self, field: SessionField) -> Option<SessionValue<'_>> {
        let device = self.state.latest_device()?;
        let run = device.latest()?;
        let texts = device.walking(&self.with.plan.session);
        #[allow(clippy::cast_precision_loss, reason = "spans and amounts are far below 2^53")]
        let number = match field {
            SessionField::Events => f64::from(run.events),
            SessionField::Pages => f64::from(run.pages),
            SessionField::Screens => f64::from(run.screens),
            SessionField::EngagedMs => run.engaged_ms as f64,
            SessionField::DurationMs => run.last.saturating_sub(run.start) as f64,
            SessionField::Conversions => f64::from(run.conversions),
            SessionField::Revenue => run.revenue as f64 / 1e6,
            SessionField::Bounced => return Some(SessionValue::Bool(run.bounced())),
            SessionField::EntryPage => return text(texts.entry(run)),
            SessionField::ExitPage => return text(texts.exit(run)),
            SessionField::Referrer => return text(texts.referrer(run)),
            SessionField::Campaign => return text(texts.campaign(run)),
            SessionField::StartReason => return text(run.start_reason.as_str()),
        };
        Some(SessionValue::Number(number))
    }

    fn score(&self, index: usize, now: i64) -> f64 {
        debug_assert_eq!(index, 0);
        let shown = || self.with.plan.engagement.shown(self.raw_score(now));
        if now != self.with.clock {
            return shown();
        }
        let score = self.cache.shown.get().unwrap_or_else(shown);
        self.cache.shown.set(Some(score));
        score
    }

    fn score_next_crossing(&self, index: usize, threshold: f64, now: i64) -> Option<i64> {
        // Left alone it falls towards nothing, so what it is below it stays below.
        if self.score(index, now) < threshold {
            return None;
        }
        let (rules, raw) = (&self.with.plan.engagement, self.raw_score(now));
        self.state.score.wake_for_crossing(rules, threshold, now, raw)
    }

    fn latest_session(&self) -> Option<(u64, i64, i64)> {
        let device = self.state.latest_device()?;
        let run = device.latest()?;
        Some((device_hash(&device.id), run.start, run.last))
    }

    fn sessions_after(&self, after: i64) -> (u64, Option<i64>) {
        self.state.sessions_after(after)
    }

    fn bucket(&self, salt: &str) -> u16 {
        bucket::place(self.with.seed, salt)
    }

    fn is_member(&self, segment: SegmentIndex) -> bool {
        self.standing.position(segment).is_ok()
    }
}

/// A text of a session; an empty one is none.
fn text(text: &str) -> Option<SessionValue<'_>> {
    if text.is_empty() { None } else { Some(SessionValue::Text(text)) }
}

fn write_members<S: Serializer>(members: &[Membership], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(members.iter().map(|member| (member.segment.0, member.entered_at.0)))
}

fn read_members<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Membership>, D::Error> {
    let members = Vec::<(u16, i64)>::deserialize(deserializer)?;
    let read =
        |(segment, at)| Membership { segment: SegmentIndex(segment), entered_at: EventTime(at) };
    Ok(members.into_iter().map(read).collect())
}
