//! What a sequence needs to have kept, and how it is laid out for the walk.
use super::ast::{Events, Sequence};
use super::canonical::canonical_sequence;
use super::check::Check;
use super::condition::Node;
use super::diagnostic::Fault;
use super::leaf::LeafKind;
use super::leaf_table::KeepsAll;
use super::sequence::{Link, SequencePlan, StepTest, Tail};
use alloc::boxed::Box;
use alloc::vec::Vec;

impl Check<'_> {
    /// `sequence(…)`.
    pub(super) fn sequence(&mut self, sequence: &Sequence) -> Option<Node> {
        let span = sequence.steps[0].span;
        if self.in_where {
            let message = "`where` looks at one event; a sequence is of several";
            self.fault(Fault::new(span, message, "not about one event"));
            return None;
        }
        let faults_before = self.found.faults.len();
        let plan = self.sequence_plan(sequence)?;
        if self.found.faults.len() > faults_before {
            return None;
        }
        let (retain_ms, latches) = (plan.window_ms, plan.latches());
        self.found.moves |= plan.window_ms.is_some();
        self.found.moves |= plan.tail.iter().any(|tail| tail.within_ms.is_some());
        let events = union(sequence);
        let spelled = Some((None, canonical_sequence(sequence)));
        let kind = LeafKind::Sequence(Box::new(plan));
        let Some(leaf) = self.table.leaf(&events, spelled, kind, (retain_ms, KeepsAll::Yes)) else {
            let message = "all segments together have too many aggregates";
            self.fault(Fault::new(span, message, "one too many"));
            return None;
        };
        for step in &sequence.steps {
            if !self.found.events.contains(&step.events) {
                self.found.events.push(step.events.clone());
            }
        }
        let name = if latches { "sequence until it happens" } else { "sequence" };
        self.note_leaf(leaf, KeepsAll::Yes, name);
        Some(Node::Sequence(leaf))
    }

    fn sequence_plan(&mut self, sequence: &Sequence) -> Option<SequencePlan> {
        let mut plan = SequencePlan {
            steps: Vec::new(),
            chain: Vec::new(),
            tail: Vec::new(),
            window_ms: sequence.steps[0].within.as_ref().map(|within| within.value),
            same: Vec::new(),
        };
        for path in &sequence.same {
            plan.same.push(self.property(&path.value, path.span)?);
        }
        let last = sequence.steps.iter().rposition(|step| !step.absent)?;
        let mut forbidden = 0;
        for (place, step) in sequence.steps.iter().enumerate() {
            let predicate = step.predicate.as_deref().map(|expr| self.predicate(expr).0);
            plan.steps.push(StepTest { events: step.events.clone(), predicate });
            let bit = 1 << place;
            let within_ms = step.within.as_ref().map(|within| within.value);
            if !step.absent {
                let within_ms = within_ms.filter(|_| place > 0);
                plan.chain.push(Link { step: bit, within_ms, forbidden });
                forbidden = 0;
            } else if place > last {
                plan.tail.push(Tail { step: bit, within_ms });
            } else {
                forbidden |= bit;
            }
        }
        Some(plan)
    }
}

/// The events of all steps.
fn union(sequence: &Sequence) -> Events {
    let mut all = Vec::new();
    for step in &sequence.steps {
        match &step.events {
            Events::Any | Events::Every => return Events::Any,
            Events::Named(names) => all.extend(names.iter().cloned()),
        }
    }
    all.sort_unstable();
    all.dedup();
    Events::Named(all)
}
