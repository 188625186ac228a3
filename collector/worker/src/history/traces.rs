//! How segments came to their size: entries and exits, in all and by local day.
use sillage_model::{Membership, SegmentChange, SegmentIndex, Transition};

/// One local day of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Day {
    /// Entries stamped with this day.
    pub entered: u64,
    /// Exits stamped with this day.
    pub left: u64,
    /// Members when it ended, as they were known then; on the last day, now.
    pub members: u64,
}

/// One segment over all of history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trace {
    /// Entries ever told.
    pub entered: u64,
    /// Exits ever told.
    pub left: u64,
    /// The latest days, oldest first.
    pub days: Vec<Day>,
    /// Members at the moment that was reached.
    pub members: u64,
}

/// All segments.
#[derive(Debug)]
pub(super) struct Traces {
    traces: Vec<Trace>,
    /// The local day of the first of each trace's days.
    first_day: i64,
}

impl Traces {
    pub(super) fn new(segments: usize, first_day: i64, days: usize) -> Self {
        let trace = Trace { days: vec![Day::default(); days], ..Trace::default() };
        Self { traces: vec![trace; segments], first_day }
    }

    pub(super) fn first_day(&self) -> i64 {
        self.first_day
    }

    /// Somebody came in or left; `day` is the local day of the stamp.
    pub(super) fn note(&mut self, transition: &Transition, day: i64) {
        let place = usize::try_from(day.saturating_sub(self.first_day)).ok();
        let Some(trace) = self.trace(transition.segment) else { return };
        let mut none = Day::default();
        let day = place.and_then(|place| trace.days.get_mut(place)).unwrap_or(&mut none);
        match transition.change {
            SegmentChange::Enter => {
                trace.entered += 1;
                trace.members += 1;
                day.entered += 1;
            }
            SegmentChange::Exit => {
                trace.left += 1;
                trace.members = trace.members.saturating_sub(1);
                day.left += 1;
            }
        }
    }

    /// A device with these memberships became part of a person: nobody left, and it is no member of
    /// its own any more.
    pub(super) fn joined(&mut self, members: &[Membership]) {
        for membership in members {
            if let Some(trace) = self.trace(membership.segment) {
                trace.members = trace.members.saturating_sub(1);
            }
        }
    }

    /// Notes how many members there are as a local day ends.
    pub(super) fn close(&mut self, day: i64) {
        let place = usize::try_from(day.saturating_sub(self.first_day)).ok();
        for trace in &mut self.traces {
            let members = trace.members;
            if let Some(day) = place.and_then(|place| trace.days.get_mut(place)) {
                day.members = members;
            }
        }
    }

    pub(super) fn into_inner(self) -> Vec<Trace> {
        self.traces
    }

    fn trace(&mut self, segment: SegmentIndex) -> Option<&mut Trace> {
        self.traces.get_mut(usize::from(segment.0))
    }
}
