//! Leaves and predicates while rules are being checked: each once, however many rules ask for it.
use super::ast::Events;
use super::canonical::canonical_events;
use super::condition::{Node, Property, PropertyRoot};
use super::leaf::{Leaf, LeafKind};
use super::limits::LEAVES_MAX;
use super::sequence::SequencePlan;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// All leaves and predicates found so far.
#[derive(Debug, Default)]
pub(super) struct LeafTable {
    pub(super) leaves: Vec<Draft>,
    pub(super) predicates: Vec<Node>,
    leaf_by_spelling: BTreeMap<String, u16>,
    predicate_by_spelling: BTreeMap<String, u16>,
}

/// Whether a rule wants as many entries as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeepsAll {
    Yes,
    No,
}

/// A leaf and what reaches it.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) leaf: Leaf,
    pub(super) events: Events,
    pub(super) predicate: Option<u16>,
}

impl LeafTable {
    /// The number of a predicate.
    pub(super) fn predicate(&mut self, spelled: &str, node: Node) -> u16 {
        if let Some(&known) = self.predicate_by_spelling.get(spelled) {
            return known;
        }
        // Each leaf has at most one predicate and leaves are refused beyond their limit.
        let index = u16::try_from(self.predicates.len()).unwrap_or(u16::MAX);
        self.predicates.push(node);
        self.predicate_by_spelling.insert(spelled.into(), index);
        index
    }

    /// The number of a leaf that keeps at least this; `None` if there are too many. A leaf that tests
    /// events itself has no predicate, only the words for what it tests.
    pub(super) fn leaf(
        &mut self,
        events: &Events,
        predicate: Option<(Option<u16>, String)>,
        kind: LeafKind,
        (retain_ms, keeps_all): (Option<i64>, KeepsAll),
    ) -> Option<u16> {
        let (predicate, spelled) = predicate.unzip();
        let predicate = predicate.flatten();
        let canonical =
            format!("{} of {} where {spelled:?}", kind_of(&kind), canonical_events(events));
        if let Some(&known) = self.leaf_by_spelling.get(&canonical) {
            self.leaves[usize::from(known)].leaf.widen(&kind, retain_ms, keeps_all);
            return Some(known);
        }
        if self.leaves.len() >= LEAVES_MAX {
            return None;
        }
        let index = u16::try_from(self.leaves.len()).ok()?;
        self.leaf_by_spelling.insert(canonical.clone(), index);
        let mut leaf = Leaf { kind, retain_ms, cap: 0, canonical };
        if keeps_all == KeepsAll::Yes {
            leaf.cap = leaf.default_cap();
        }
        self.leaves.push(Draft { leaf, events: events.clone(), predicate });
        Some(index)
    }
}

impl Leaf {
    /// Makes it keep what another rule needs, too.
    fn widen(&mut self, wanted: &LeafKind, retain_ms: Option<i64>, keeps_all: KeepsAll) {
        if keeps_all == KeepsAll::Yes {
            self.cap = self.default_cap();
        }
        self.retain_ms = self.retain_ms.zip(retain_ms).map(|(a, b)| a.max(b));
        match (&mut self.kind, wanted) {
            (LeafKind::Times { keep }, LeafKind::Times { keep: more })
            | (LeafKind::Distinct { keep, .. }, LeafKind::Distinct { keep: more, .. })
            | (LeafKind::Days { keep }, LeafKind::Days { keep: more }) => {
                *keep = (*keep).max(*more);
            }
            _ => {}
        }
    }

    /// Its full name, with how much it keeps and how long: what a stored state belongs to.
    pub(super) fn identity(&self) -> String {
        format!("{} keep {} for {:?}", self.canonical, self.keep(), self.retain_ms)
    }
}

/// What kind of leaf, without how much it keeps.
fn kind_of(kind: &LeafKind) -> String {
    let (name, property) = match kind {
        LeafKind::Counter => return "counter".to_string(),
        LeafKind::Times { .. } => return "times".to_string(),
        LeafKind::Earliest => return "earliest".to_string(),
        LeafKind::Days { .. } => return "days".to_string(),
        LeafKind::Sequence(plan) => return spelled_sequence(plan),
        LeafKind::Log { property: None, by_device } => return format!("log {by_device}"),
        LeafKind::Log { property: Some(property), by_device } => {
            return format!("log {by_device} {}", spelled(property));
        }
        LeafKind::Sum(property) => ("sum", property),
        LeafKind::Extremes(property) => ("extremes", property),
        LeafKind::Numbers(property) => ("numbers", property),
        LeafKind::Distinct { property, .. } => ("distinct", property),
        LeafKind::First(property) => ("first", property),
        LeafKind::Last(property) => ("last", property),
        LeafKind::FirstWithin(property) => ("first within", property),
    };
    format!("{name} {}", spelled(property))
}

fn spelled(property: &Property) -> String {
    let root = match property.root {
        PropertyRoot::Props => "properties",
        PropertyRoot::Context => "context",
    };
    format!("{root} {:?}", property.path)
}

/// A sequence without the spelling of its predicates: those go into the canonical words beside it.
fn spelled_sequence(plan: &SequencePlan) -> String {
    let same: Vec<String> = plan.same.iter().map(spelled).collect();
    format!("sequence {:?} {:?} {:?} {same:?}", plan.chain, plan.tail, plan.window_ms)
}
