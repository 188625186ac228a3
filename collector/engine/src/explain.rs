//! Explains a membership: the tree of the rule, when it changes by itself, and what would change it.
use crate::plan::Plan;
use crate::record::Record;
use crate::segment::{Candidate, Explanation, Flip, Spelled, candidates};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use sillage_model::{
    EventTime, Fact, FactKind, Map, MapWriter, ReceiptMillis, SegmentIndex, Value,
};

/// Deadlines looked at in search of the one that changes the membership.
const LOOKAHEAD_MAX: usize = 1_000;
/// Single events named that would change the membership.
const FLIPS_MAX: usize = 8;

impl Record {
    /// Why the person is in a segment at `now`, or is not. [`Record::advance`] must have reached
    /// that moment. `facts` are the person's facts and those of the devices that belong to the
    /// person; they are only shown as evidence.
    ///
    /// # Panics
    /// If the plan has no such segment.
    ///
    /// # Cost
    /// Compiles all rules again, looks at each fact once for each part of the rule, and folds at
    /// most 256 made-up events into copies of the person: milliseconds.
    #[must_use]
    pub fn explain(
        &self,
        plan: &Plan,
        segment: SegmentIndex,
        now: i64,
        facts: &[Fact<'_>],
    ) -> Explanation {
        let source = &plan.sources()[usize::from(segment.0)];
        let (rule, exit, consent) = self.explain_rules(plan, segment, now, facts);
        let (inside, held_out) = self.standing_in(segment);
        let entered_at = inside.or(held_out).map(|at| at.0);
        let stays_until = entered_at.filter(|_| source.min_stay_ms > 0);
        Explanation {
            segment: source.key.clone(),
            member: inside.is_some(),
            held_out: held_out.is_some(),
            entered_at,
            changes_at: self.changes_by_itself(plan, segment),
            rule,
            exit,
            consent,
            stays_until: stays_until.map(|at| at.saturating_add(source.min_stay_ms)),
            flips: self.flips(plan, segment, now, facts),
        }
    }

    /// The first instant after which the membership is another, without anything happening.
    fn changes_by_itself(&self, plan: &Plan, segment: SegmentIndex) -> Option<i64> {
        let mut later = self.clone();
        let before = self.is_in(segment);
        for _ in 0..LOOKAHEAD_MAX {
            let at = later.wake_at()?;
            later.advance(plan, at, &mut Vec::new());
            if later.is_in(segment) != before {
                return Some(at);
            }
        }
        None
    }

    fn is_in(&self, segment: SegmentIndex) -> bool {
        let (inside, held_out) = self.standing_in(segment);
        inside.or(held_out).is_some()
    }

    fn flips(&self, plan: &Plan, segment: SegmentIndex, now: i64, facts: &[Fact<'_>]) -> Vec<Flip> {
        let source = &plan.sources()[usize::from(segment.0)];
        let mut guesses = candidates(&source.when);
        guesses.extend(source.exit.as_deref().map(candidates).unwrap_or_default());
        if let Some(purpose) = &source.requires_consent {
            guesses.extend(candidates(&alloc::format!("consent.`{purpose}` == true")));
        }
        let before = self.is_in(segment);
        let device = facts.iter().rev().map(|fact| fact.device).find(|device| !device.is_empty());
        let mut flips: Vec<(Candidate, Flip)> = Vec::new();
        for guess in guesses {
            let alike = |(known, _): &(Candidate, _)| {
                (known.kind, &known.name) == (guess.kind, &guess.name)
                    && known.props.iter().map(|p| &p.0).eq(guess.props.iter().map(|p| &p.0))
            };
            if flips.len() == FLIPS_MAX || flips.iter().any(alike) {
                continue;
            }
            let mut changed = self.clone();
            changed.step_with(plan, &guess, device.unwrap_or_default(), now);
            if changed.is_in(segment) != before {
                let text = guess.words();
                flips.push((guess, Flip { text }));
            }
        }
        flips.into_iter().map(|(_, flip)| flip).collect()
    }

    /// Folds a made-up event.
    fn step_with(&mut self, plan: &Plan, guess: &Candidate, device: &str, now: i64) {
        let (props, context) = (nested(&guess.props), nested(&guess.context));
        let fact = Fact {
            kind: guess.kind,
            subject: "",
            device,
            at: EventTime(now),
            received: ReceiptMillis(now),
            seq: None,
            name: &guess.name,
            message_id: "",
            context: Map::from_bytes(&context),
            props: Map::from_bytes(&props),
        };
        debug_assert!(fact.kind.is_activity() || fact.kind == FactKind::Identify);
        self.step(plan, &fact, &mut Vec::new());
    }
}

/// A map body of values by dotted path.
fn nested(pairs: &[(String, Spelled)]) -> Vec<u8> {
    let mut writer = MapWriter::new();
    let mut below: BTreeMap<&str, Vec<(String, Spelled)>> = BTreeMap::new();
    for (path, value) in pairs {
        match path.split_once('.') {
            None => writer.push(path, value_of(value)),
            Some((head, rest)) => {
                below.entry(head).or_default().push((rest.into(), value.clone()));
            }
        }
    }
    for (head, pairs) in below {
        let body = nested(&pairs);
        writer.push(head, Value::Map(Map::from_bytes(&body)));
    }
    writer.into_bytes()
}

fn value_of(value: &Spelled) -> Value<'_> {
    match value {
        Spelled::Number(n) => Value::Float(*n),
        Spelled::Text(text) => Value::Str(text),
        Spelled::Bool(b) => Value::Bool(*b),
    }
}

#[cfg(test)]
mod tests;
