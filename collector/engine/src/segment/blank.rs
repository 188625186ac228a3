//! Somebody of whom nothing is known. What holds of them tells which rules a first event must look
//! at although it touches nothing that they read.
use super::feature::Features;
use super::rules::Rules;
use super::subject::{SessionField, SessionValue, Subject};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use sillage_model::{SegmentIndex, Value};

#[derive(Default)]
struct Blank {
    features: Features,
    members: BTreeSet<u16>,
}

impl Rules {
    /// The places of the rules that hold of somebody who never did anything, that change by time
    /// alone, or that look at who somebody is. All others fail until something touches them.
    ///
    /// Nor is it certain what refers to a segment in which somebody blank is: the first event may
    /// be what keeps them out, and of somebody who never was in nobody hears that they left.
    pub(super) fn unprompted(&self) -> Vec<u16> {
        let mut blank = Blank::default();
        let mut found = Vec::new();
        let mut uncertain = BTreeSet::<u16>::new();
        for (place, &segment) in (0..).zip(&self.order) {
            let plan = &self.segments[usize::from(segment.0)];
            let verdict = self.evaluate(segment, &blank, 0, None);
            if verdict.member {
                blank.members.insert(segment.0);
                uncertain.extend(&plan.dependents);
            }
            let is_settled = !verdict.member && verdict.changes_at.is_none();
            let is_certain = is_settled && !uncertain.contains(&place);
            if !is_certain || plan.looks_at_who || plan.holdout.is_some() {
                found.push(place);
            }
        }
        found
    }
}

impl Subject for Blank {
    fn features(&self) -> &Features {
        &self.features
    }

    fn trait_value(&self, _path: &str) -> Option<Value<'_>> {
        None
    }

    fn session(&self, _field: SessionField) -> Option<SessionValue<'_>> {
        None
    }

    fn score(&self, _index: usize, _now: i64) -> f64 {
        0.0
    }

    fn score_next_crossing(&self, _index: usize, _threshold: f64, _now: i64) -> Option<i64> {
        None
    }

    fn latest_session(&self) -> Option<(u64, i64, i64)> {
        None
    }

    fn sessions_after(&self, _after: i64) -> (u64, Option<i64>) {
        (0, None)
    }

    fn bucket(&self, _salt: &str) -> u16 {
        0
    }

    fn is_member(&self, segment: SegmentIndex) -> bool {
        self.members.contains(&segment.0)
    }
}
