//! The compiled rules of a project: folds events into features, merges features, gives verdicts.
use super::condition::{EventValues, Node};
use super::feature::Features;
use super::hash::FixedHash;
use super::leaf::{Entry, Leaf, With};
use super::look::Look;
use super::predicates::Predicates;
use super::reads::{Change, Reader};
use super::subject::{Subject, Verdict};
use super::touched::{Matters, Touched};
use crate::rules::Zone;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use hashbrown::HashMap;
use sillage_model::{Map, SegmentIndex};

/// Compiled rules. Immutable; shared by all persons of a project.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(super) leaves: Vec<Leaf>,
    /// The rules that read each leaf.
    pub(super) readers: Vec<Vec<Reader>>,
    pub(super) predicates: Predicates,
    /// What an event of this name reaches, `"*"` included.
    pub(super) routes: HashMap<Box<str>, Vec<Route>, FixedHash>,
    /// What an event of any other name reaches.
    pub(super) any: Vec<Route>,
    /// The leaves that also facts reach which are no events to a rule.
    pub(super) every: Vec<u16>,
    pub(super) zone: Zone,
    pub(super) session_max_ms: i64,
    /// How far back rules ask for ends of sessions, in milliseconds.
    pub(super) sessions_ms: i64,
    pub(super) segments: Vec<SegmentPlan>,
    pub(super) infos: Vec<RuleInfo>,
    pub(super) order: Vec<SegmentIndex>,
    /// The place of each segment in that order.
    pub(super) places: Vec<u16>,
    /// The places of the rules that a first event must look at whatever it touches.
    pub(super) unprompted: Vec<u16>,
    pub(super) read_by_session: Vec<u16>,
    pub(super) read_by_score: Vec<Reader>,
    pub(super) read_by_traits: Vec<u16>,
    pub(super) digest: u64,
}

/// The leaves behind one predicate.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) predicate: Option<u16>,
    pub(super) leaves: Vec<u16>,
}

/// One segment.
#[derive(Debug)]
pub(super) struct SegmentPlan {
    pub(super) when: Node,
    /// Members stay until this holds.
    pub(super) exit: Option<Node>,
    /// Nobody is a member unless this holds.
    pub(super) consent: Option<Node>,
    pub(super) min_stay_ms: i64,
    /// Who has a place below the first under the second is held out.
    pub(super) holdout: Option<(u16, Box<str>)>,
    /// Whether its rules ask for the person's place under a salt, or for the time.
    pub(super) looks_at_who: bool,
    /// The places of those that refer to it.
    pub(super) dependents: Vec<u16>,
}

/// What a rule costs and how exact it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuleInfo {
    /// Names of the events it reads, sorted; `*` for any.
    pub(crate) events_read: Vec<String>,
    /// The most bytes kept for one person. What several segments share is counted in each.
    pub(crate) bytes_per_person: usize,
    /// How late an exit by time alone may be stamped: never.
    pub(crate) worst_exit_lag_ms: u64,
    /// When it is evaluated.
    pub(crate) class: Class,
    /// `exact`, or up to where.
    pub(crate) exactness: String,
}

/// When a rule is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// When a trait or another segment changes.
    Static,
    /// When an event it reads arrives.
    Event,
    /// Also at its own deadlines.
    Timed,
}

impl Class {
    /// As it is printed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Event => "event",
            Self::Timed => "timed",
        }
    }
}

/// An event as the rules fold it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FoldEvent<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Whether it is a track, page or screen event; others reach no rule.
    pub(crate) is_activity: bool,
    /// When it happened.
    pub(crate) at: i64,
    /// Orders events of the same millisecond; the same after any replay.
    pub(crate) tie: u64,
    /// Its properties.
    pub(crate) props: Map<'a>,
    /// Its context.
    pub(crate) context: Map<'a>,
    /// The device that it came from.
    pub(crate) device: &'a str,
    /// Whether it came in time to shape a session.
    pub(crate) shapes_sessions: bool,
}

impl Rules {
    /// A hash of everything that decides what is kept and who is a member. Another digest means
    /// that features kept so far say nothing.
    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    /// What each rule costs, by segment.
    pub(crate) fn infos(&self) -> &[RuleInfo] {
        &self.infos
    }

    /// The order of evaluation: each segment after those it refers to.
    pub(crate) fn order(&self) -> &[SegmentIndex] {
        &self.order
    }

    /// The place of a segment in that order.
    pub(crate) fn place(&self, segment: SegmentIndex) -> Option<u16> {
        self.places.get(usize::from(segment.0)).copied()
    }

    /// Marks what must be looked at when somebody appears. What else holds is touched by what the
    /// first event brings.
    pub(crate) fn touch_unprompted(&self, touched: &mut Touched) {
        touched.mark_all(self.unprompted.iter().copied());
    }

    /// Marks everything.
    pub(crate) fn touch_all(&self, touched: &mut Touched) {
        touched.mark_all(self.places.iter().copied());
    }

    /// The segments that refer to this one.
    pub(crate) fn dependents(&self, segment: SegmentIndex) -> impl Iterator<Item = SegmentIndex> {
        let plan = self.segments.get(usize::from(segment.0)).into_iter();
        let places = plan.flat_map(|plan| &plan.dependents);
        places.filter_map(|place| self.order.get(usize::from(*place)).copied())
    }

    /// Marks the segments that refer to this one.
    pub(crate) fn touch_dependents(&self, segment: SegmentIndex, touched: &mut Touched) {
        let plan = self.segments.get(usize::from(segment.0));
        touched.mark_all(plan.into_iter().flat_map(|plan| plan.dependents.iter().copied()));
    }

    /// Marks the segments that read `session.*`.
    pub(crate) fn touch_session(&self, touched: &mut Touched) {
        touched.mark_all(self.read_by_session.iter().copied());
    }

    /// Marks the segments that read `trait.*`.
    pub(crate) fn touch_traits(&self, touched: &mut Touched) {
        touched.mark_all(self.read_by_traits.iter().copied());
    }

    /// Marks the segments that read `score.*`; `rose` if nothing can have lowered it.
    pub(crate) fn touch_score(&self, rose: bool, touched: &mut Touched) {
        for reader in &self.read_by_score {
            let matters = if rose { reader.read.matters() } else { Matters::Always };
            touched.mark(reader.place, matters);
        }
    }

    /// Folds an event into a person's features and marks the segments that read what changed.
    ///
    /// `receipt_max` is the latest receipt time of that person's facts, this one's included. The
    /// features then depend on the set of events and on the largest `receipt_max` alone.
    ///
    /// # Cost
    /// One look-up of the name, each `where` once, a few words per leaf. Allocates only when a list
    /// grows, a text is kept or a leaf gets its first entry.
    pub(crate) fn fold(
        &self,
        features: &mut Features,
        event: &FoldEvent<'_>,
        receipt_max: i64,
        touched: &mut Touched,
    ) {
        self.prune(features, receipt_max);
        let &FoldEvent { at, tie, name, device, shapes_sessions, .. } = event;
        let values = EventValues { props: event.props, context: event.context };
        let asked = &self.predicates.ask(values);
        let with = self.with();
        let entry = Entry { at, tie, name, device, shapes_sessions, values, asked, with };
        if !event.is_activity {
            for &index in &self.every {
                self.fold_leaf(index, features, entry, (receipt_max, touched));
            }
            return;
        }
        for route in self.routes.get(event.name).unwrap_or(&self.any) {
            if route.predicate.is_some_and(|predicate| !asked.accepts(predicate)) {
                continue;
            }
            for &index in &route.leaves {
                self.fold_leaf(index, features, entry, (receipt_max, touched));
            }
        }
    }

    fn fold_leaf(
        &self,
        index: u16,
        features: &mut Features,
        entry: Entry<'_>,
        (receipt_max, touched): (i64, &mut Touched),
    ) {
        let place = usize::from(index);
        let change = self.leaves[place].fold(index, features, entry, receipt_max);
        if change == Change::Nothing {
            return;
        }
        for reader in &self.readers[place] {
            if let Some(matters) = reader.matters(change, receipt_max) {
                touched.mark(reader.place, matters);
            }
        }
    }

    fn with(&self) -> With<'_> {
        With { zone: &self.zone, session_max_ms: self.session_max_ms }
    }

    /// How far back rules ask for ends of sessions, in milliseconds; 0 if none does.
    pub(crate) fn sessions_ms(&self) -> i64 {
        self.sessions_ms
    }

    /// Whether a person is held out of a segment.
    pub(crate) fn is_held_out<S: Subject>(&self, segment: SegmentIndex, subject: &S) -> bool {
        let plan = self.segments.get(usize::from(segment.0));
        let holdout = plan.and_then(|plan| plan.holdout.as_ref());
        holdout.is_some_and(|(share, salt)| subject.bucket(salt) < *share)
    }

    /// Drops what no window sees any more at `receipt_max`. [`Rules::fold`] and [`Rules::merge`] do
    /// it themselves; facts that are not folded call it so that equal facts leave equal bytes.
    ///
    /// # Cost
    /// One comparison, unless something is to be dropped.
    pub(crate) fn prune(&self, features: &mut Features, receipt_max: i64) {
        if features.stale_from > receipt_max {
            return;
        }
        let mut stale_from = i64::MAX;
        features.leaves.retain_mut(|(index, state)| {
            let Some(leaf) = self.leaves.get(usize::from(*index)) else { return false };
            let Some(retain_ms) = leaf.retain_ms else { return true };
            let oldest = state.forget(receipt_max.saturating_sub(retain_ms));
            stale_from =
                oldest.map_or(stale_from, |at| stale_from.min(at.saturating_add(retain_ms)));
            oldest.is_some()
        });
        features.stale_from = stale_from;
    }

    /// Adds another history of the same person: the result is what one history would have given.
    /// The two must have no event in common.
    pub(crate) fn merge(&self, into: &mut Features, from: &Features, receipt_max: i64) {
        for (index, state) in &from.leaves {
            let Some(leaf) = self.leaves.get(usize::from(*index)) else { continue };
            match into.position(*index) {
                Ok(place) => leaf.merge(&mut into.leaves[place].1, state, self.with()),
                Err(place) => into.leaves.insert(place, (*index, state.clone())),
            }
        }
        into.stale_from = i64::MIN;
        self.prune(into, receipt_max);
    }

    /// Whether features that were read back are such as these rules make.
    pub(crate) fn fits(&self, features: &Features) -> bool {
        features.leaves.is_sorted_by(|(a, _), (b, _)| a < b)
            && features.leaves.iter().all(|(index, state)| {
                self.leaves.get(usize::from(*index)).is_some_and(|leaf| leaf.fits(state))
            })
    }

    /// Whether a person is in a segment at `now`, and until when that is settled. `since` is when
    /// the person entered, if the person is in it so far.
    ///
    /// `now` is not before any folded event. The memberships the rule refers to must be those of
    /// `now`: evaluate in [`Rules::order`]. When one changes, evaluate its dependents again.
    ///
    /// # Cost
    /// Linear in the entries of windowed sums, of sequences and of windows that lie in the past,
    /// else a few words per leaf and no allocation.
    pub(crate) fn evaluate<S: Subject>(
        &self,
        segment: SegmentIndex,
        subject: &S,
        now: i64,
        since: Option<i64>,
    ) -> Verdict {
        match self.segments.get(usize::from(segment.0)) {
            Some(plan) => Look { rules: self, subject, now }.verdict(plan, since),
            None => Verdict { member: false, changes_at: None },
        }
    }
}
