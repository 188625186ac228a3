//! One person: what the facts come to, and the memberships that follow from it.
//!
//! # Operation
//! The state changes by facts alone. The standing (memberships and deadlines) follows from it and
//! from the moment: a step first fires the deadlines up to the fact's receipt, each at its own time,
//! then folds the fact and evaluates what it touched. Time that passes without facts only fires
//! deadlines; the standing as of the last fact is kept beside, so that a fact which was received
//! before a deadline that a hasty timer fired is still judged first. Therefore memberships depend on
//! the facts and the moment, never on how often anyone asked.
use crate::bucket;
use crate::limits::{DEADLINES_MAX, REVISION_MAX};
use crate::plan::{FORMAT_VERSION, Plan};
use crate::segment::{ExplainNode, Touched};
use crate::session::Session;
use crate::standing::{Cause, NEVER, Standing, With};
use crate::state::State;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use sillage_model::{
    Corrupt, EventTime, Fact, Membership, PersonKey, Profile, ReceiptMillis, SegmentIndex,
    SessionBrief, Transition,
};

/// One person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// What places the person in percent groups, see [`crate::bucket`].
    seed: u64,
    state: State,
    standing: Standing,
    /// The standing as of the last fact, while time alone has changed it since.
    settled: Option<Box<Standing>>,
    revision: u64,
}

impl Record {
    /// A person or device of whom nothing else is known.
    #[must_use]
    pub fn of(member: &PersonKey) -> Self {
        Self {
            seed: bucket::seed(member.as_str()),
            state: State::default(),
            standing: Standing::default(),
            settled: None,
            revision: 0,
        }
    }

    /// Folds an activity, `Identify` or `Group` fact and appends the transitions that come of it and
    /// of the time that passed until it was received. Facts of other kinds are left to the caller.
    ///
    /// # Guarantees
    /// The caller sees to it that each fact is folded once. A fact from the future of its receipt
    /// waits until then, see [`Record::wake_at`].
    pub fn step(&mut self, plan: &Plan, fact: &Fact<'_>, out: &mut Vec<Transition>) {
        self.revision += 1;
        let moment = Moment { at: fact.at.0, received: fact.received.0 };
        self.change(plan, moment, out, |state, clock, touched| {
            state.receive(plan, fact, clock, touched);
            Touch::Marked
        });
    }

    /// Takes in the history of a device, as [`Record::export`] gave it. Does nothing if that device
    /// was taken in before.
    ///
    /// # Errors
    /// [`Corrupt`] if the bytes were not exported under this plan.
    #[allow(
        clippy::too_many_arguments,
        reason = "the parts of an `Absorb` fact, as the caller has them"
    )]
    pub fn absorb(
        &mut self,
        plan: &Plan,
        device: &str,
        exported: &[u8],
        received: ReceiptMillis,
        out: &mut Vec<Transition>,
    ) -> Result<(), Corrupt> {
        if self.state.has_absorbed(device) {
            return Ok(());
        }
        let (revision, exported) =
            exported.split_first_chunk().ok_or(Corrupt("a history that is cut short"))?;
        let mut other: State = unpack(exported)?;
        other.check()?;
        let revision = u64::from_le_bytes(*revision);
        if revision > REVISION_MAX {
            return Err(Corrupt("a revision that no history has"));
        }
        if !plan.rules.fits(&other.features) {
            return Err(Corrupt("a history made under another plan"));
        }
        // What is published under the device's id from now on is the person, and must not look
        // older than what was published of the device.
        self.revision = self.revision.max(revision).saturating_add(1);
        let moment = Moment { at: received.0, received: received.0.max(other.receipt_max) };
        self.change(plan, moment, out, |state, clock, touched| {
            state.ripen(plan, clock, touched);
            other.ripen(plan, clock, touched);
            state.merge(plan, &other);
            state.note_absorbed(received.0, device);
            Touch::Everything
        });
        Ok(())
    }

    /// The history that [`Record::absorb`] takes in.
    #[must_use]
    pub fn export(&self) -> Vec<u8> {
        // The tombstone that follows takes one revision more.
        let mut bytes = self.revision.saturating_add(1).to_le_bytes().to_vec();
        self.state_bytes(&mut bytes);
        bytes
    }

    /// Forgets everything but to whom the device belongs. Nothing is appended to the transitions: the person
    /// has entered the device's segments, and two changes for one visitor would be one too many.
    pub fn leave_tombstone(&mut self, person: &PersonKey, _out: &mut Vec<Transition>) {
        let revision = self.revision + 1;
        *self = Self {
            seed: self.seed,
            state: State::tombstone(person),
            standing: Standing::default(),
            settled: None,
            revision,
        };
    }

    /// The person this device belongs to, if it left a tombstone.
    #[must_use]
    pub fn linked_to(&self) -> Option<&PersonKey> {
        self.state.linked_to()
    }

    /// Lets time pass until `now`: fires the deadlines up to then, each at its own time.
    ///
    /// # Cost
    /// A few comparisons while nothing is due.
    pub fn advance(&mut self, plan: &Plan, now: i64, out: &mut Vec<Transition>) {
        if self.wake_at().is_none_or(|at| at > now) {
            return;
        }
        if self.settled.is_none() {
            self.settled = Some(Box::new(self.standing.clone()));
        }
        self.fire_until(plan, now, out);
    }

    /// When [`Record::advance`] must be called, if no fact comes before.
    #[must_use]
    pub fn wake_at(&self) -> Option<i64> {
        let waiting = self.state.pending().iter().map(|fact| fact.at);
        let waiting = waiting.filter(|at| *at > self.standing.clock).min();
        self.standing.wake_at().into_iter().chain(waiting).min()
    }

    /// The segments the person is in, by index.
    #[must_use]
    pub fn members(&self) -> &[Membership] {
        &self.standing.members
    }

    /// Since when the person is in a segment, and since when held out of it.
    pub(crate) fn standing_in(
        &self,
        segment: SegmentIndex,
    ) -> (Option<EventTime>, Option<EventTime>) {
        let of = |list: &[Membership]| {
            list.iter().find(|member| member.segment == segment).map(|member| member.entered_at)
        };
        (of(&self.standing.members), of(&self.standing.held_out))
    }

    /// The rules of a segment as trees, and whether its purpose was agreed to.
    pub(crate) fn explain_rules(
        &self,
        plan: &Plan,
        segment: SegmentIndex,
        now: i64,
        facts: &[Fact<'_>],
    ) -> (ExplainNode, Option<ExplainNode>, Option<bool>) {
        let state = self.state.as_of(plan, now, now, &mut Touched::default());
        let with = With { plan, state: &state, clock: now, seed: self.seed };
        let compiled = (plan.sources(), plan.setting());
        self.standing
            .look(with, |person| plan.rules.explain(compiled, segment, (person, now), facts))
    }

    /// How many sessions there were.
    #[must_use]
    pub fn session_count(&self) -> u64 {
        self.state.devices.iter().map(crate::device::Device::session_count).sum()
    }

    /// How many track, page and screen events were folded.
    #[must_use]
    pub fn event_count(&self) -> u64 {
        self.state.events
    }

    /// The anonymous ids whose history was taken in, oldest link first.
    pub fn devices(&self) -> impl Iterator<Item = &str> {
        self.state.absorbed().map(|device| &**device)
    }

    /// The groups that the person belongs to, sorted.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.state.groups().iter().map(|group| &**group)
    }

    /// The sessions still known one by one, by start. Older ones are known only by number.
    #[must_use]
    pub fn sessions(&self, plan: &Plan) -> Vec<Session> {
        let mut sessions = Vec::new();
        for device in &self.state.devices {
            device.sessions(&plan.session, &mut sessions);
        }
        sessions.sort_by(|a, b| (a.start, &a.device).cmp(&(b.start, &b.device)));
        sessions
    }

    /// The engagement score at `now`, from 0 to 100.
    #[must_use]
    pub fn engagement(&self, plan: &Plan, now: i64) -> f64 {
        let state = self.state.as_of(plan, now, now, &mut Touched::default());
        state.score.shown(&plan.engagement, now)
    }

    /// Grows with every fact folded and every deadline fired.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Time of the latest fact folded; `None` before the first.
    #[must_use]
    pub fn last_seen(&self) -> Option<EventTime> {
        (self.state.last_seen != i64::MIN).then_some(EventTime(self.state.last_seen))
    }

    /// Everything that is published about the person at `now`. [`Record::advance`] must have reached
    /// that moment.
    #[must_use]
    pub fn profile(&self, plan: &Plan, member: &PersonKey, now: i64, generation: u32) -> Profile {
        let state = self.state.as_of(plan, now, now, &mut Touched::default());
        let session = state.latest_device().and_then(|device| {
            let run = device.latest()?;
            Some(SessionBrief {
                id: crate::session::session_id(&device.id, run.start),
                start: EventTime(run.start),
                last: EventTime(run.last),
                events: run.events,
                pages: run.views(),
                engaged_ms: run.engaged_ms,
            })
        });
        let traits = state.traits.as_ref().map_or_else(Arc::default, |t| Arc::clone(t.body()));
        Profile {
            member: member.clone(),
            devices: state.absorbed().cloned().collect(),
            segments: self.standing.members.clone(),
            held_out: self.standing.held_out.clone(),
            scores: [state.score.shown(&plan.engagement, now)].into(),
            session,
            traits,
            as_of: now,
            version: u64::from(generation) << 32 | self.revision & u64::from(u32::MAX),
        }
    }

    /// Appends the whole record: a version byte, then its encoding.
    pub fn encode(&self, out: &mut Vec<u8>) {
        pack(self, out);
    }

    /// The version of what this crate writes; each record begins with it.
    pub const FORM: u8 = FORMAT_VERSION;

    /// Reads a record back.
    ///
    /// # Errors
    /// [`Corrupt`] if the bytes were not written by [`Record::encode`] of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let record: Self = unpack(bytes)?;
        record.state.check()?;
        if record.revision > REVISION_MAX {
            return Err(Corrupt("a revision that no history has"));
        }
        let mut standings = core::iter::once(&record.standing).chain(record.settled.as_deref());
        if !standings.all(Standing::is_sorted) {
            return Err(Corrupt("memberships are out of order"));
        }
        Ok(record)
    }

    /// Appends what facts alone determine: equal after any replay, whatever the timers did.
    pub fn state_bytes(&self, out: &mut Vec<u8>) {
        pack(&self.state, out);
    }

    /// The one way in which facts change a record.
    fn change(
        &mut self,
        plan: &Plan,
        moment: Moment,
        out: &mut Vec<Transition>,
        fold: impl FnOnce(&mut State, i64, &mut Touched) -> Touch,
    ) {
        let clock = self.state.receipt_max.max(moment.received);
        let hasty = match self.settled.take() {
            Some(settled) if self.standing.clock > clock => {
                Some(core::mem::replace(&mut self.standing, *settled))
            }
            _ => None,
        };
        // What a hasty timer told is told again only where it turns out otherwise.
        let mut silent = Vec::new();
        let told = if hasty.is_some() { &mut silent } else { &mut *out };
        self.fire_until(plan, clock, told);
        let mut touched = Touched::default();
        let touch = fold(&mut self.state, clock, &mut touched);
        if touch == Touch::Everything {
            plan.rules.touch_all(&mut touched);
        } else if self.standing.clock == NEVER {
            plan.rules.touch_unprompted(&mut touched);
        }
        let with = With { plan, state: &self.state, clock, seed: self.seed };
        let cause = Cause::Fact(moment.at.min(clock));
        self.standing.evaluate(with, &mut touched, cause, told);
        if let Some(hasty) = hasty {
            self.advance(plan, hasty.clock, &mut silent);
            self.standing.changes_since(&hasty, out);
        }
    }

    fn fire_until(&mut self, plan: &Plan, until: i64, out: &mut Vec<Transition>) {
        for _ in 0..DEADLINES_MAX {
            match self.wake_at() {
                Some(at) if at <= until => self.fire(plan, at, out),
                _ => return,
            }
        }
        self.fire(plan, until, out);
    }

    /// Evaluates at `at` what was to be evaluated until then.
    fn fire(&mut self, plan: &Plan, at: i64, out: &mut Vec<Transition>) {
        self.revision += 1;
        let mut touched = Touched::default();
        self.standing.mark_due(plan, at, &mut touched);
        let state = self.state.as_of(plan, at, self.standing.clock, &mut touched);
        let with = With { plan, state: &state, clock: at, seed: self.seed };
        self.standing.evaluate(with, &mut touched, Cause::Time, out);
    }
}

/// When something happened and when it was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    at: i64,
    received: i64,
}

/// What must be evaluated after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Touch {
    /// What the change marked.
    Marked,
    /// All segments.
    Everything,
}

fn pack(value: &impl Serialize, out: &mut Vec<u8>) {
    out.push(FORMAT_VERSION);
    let bytes = postcard::to_allocvec(value).expect("every type here can be written");
    out.extend_from_slice(&bytes);
}

fn unpack<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Corrupt> {
    match bytes.split_first() {
        Some((&FORMAT_VERSION, body)) => match postcard::take_from_bytes(body) {
            Ok((value, [])) => Ok(value),
            Ok(_) => Err(Corrupt("a record is followed by other bytes")),
            Err(_) => Err(Corrupt("a record cannot be read")),
        },
        Some(_) => Err(Corrupt("a record of another version")),
        None => Err(Corrupt("an empty record")),
    }
}

#[cfg(test)]
mod tests;
