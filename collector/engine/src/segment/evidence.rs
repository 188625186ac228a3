//! The events behind a part of a rule, found among the person's facts by looking at each.
//!
//! This is a second way to the same answer as the leaves', by brute force; it only tells what they
//! saw and decides nothing.
use super::ast::{Aggregate, Events, Function, Path, Sequence, Window};
use super::check_fact::{context_place, property_of};
use super::condition::{EventValues, Node, Plain};
use super::explain::{Evidence, words_of};
use super::leaf::device_hash;
use super::parse_aggregate::joined;
use crate::atom::tie_of;
use crate::rules::Zone;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use sillage_model::{Fact, FactKind, Value};

/// How many events are shown of those found.
const SHOWN_MAX: usize = 20;

/// What a person did, as of an instant.
pub(super) struct Facts<'a> {
    facts: Vec<&'a Fact<'a>>,
    zone: &'a Zone,
    now: i64,
    session: Option<(u64, i64, i64)>,
}

/// Events that were found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The latest, oldest first.
    pub(super) latest: Vec<Evidence>,
    pub(super) total: usize,
}

impl<'a> Facts<'a> {
    pub(super) fn new(
        facts: &'a [Fact<'a>],
        zone: &'a Zone,
        now: i64,
        session: Option<(u64, i64, i64)>,
    ) -> Self {
        let mut facts: Vec<&Fact<'_>> = facts.iter().filter(|fact| fact.at.0 <= now).collect();
        facts.sort_by_key(|fact| (fact.at.0, tie_of(fact)));
        Self { facts, zone, now, session }
    }

    /// What an aggregate saw.
    pub(super) fn of_aggregate(&self, aggregate: &Aggregate, predicate: Option<&Node>) -> Found {
        let property = aggregate.property.as_ref().and_then(|path| property_of(&path.value));
        let seen = self.facts.iter().filter_map(|fact| {
            let values = values_of(fact);
            let is_seen = is_one_of(fact, &aggregate.events)
                && self.sees(aggregate, fact)
                && predicate.is_none_or(|predicate| predicate.accepts(values));
            if !is_seen {
                return None;
            }
            let what = match &property {
                None => String::new(),
                Some(property) => {
                    let value = Plain::scalar(property.of(values)?)?;
                    let path = aggregate.property.as_ref().map(|path| joined(&path.value));
                    format!("{} = {}", path.unwrap_or_default(), words_of(value))
                }
            };
            Some((*fact, what))
        });
        found(seen)
    }

    /// The events that are steps of a sequence.
    pub(super) fn of_sequence(&self, sequence: &Sequence, predicates: &[Option<Node>]) -> Found {
        let seen = self.facts.iter().filter_map(|fact| {
            let steps: Vec<String> = (1..)
                .zip(sequence.steps.iter().zip(predicates))
                .filter(|(_, (step, predicate))| {
                    let accepts = |node: &Node| node.accepts(values_of(fact));
                    is_one_of(fact, &step.events) && predicate.as_ref().is_none_or(accepts)
                })
                .map(|(number, (step, _))| match step.absent {
                    true => format!("forbidden step {number}"),
                    false => format!("step {number}"),
                })
                .collect();
            if steps.is_empty() { None } else { Some((*fact, steps.join(", "))) }
        });
        found(seen)
    }

    /// The event that set a trait.
    pub(super) fn of_trait(&self, path: &Path) -> Found {
        let name = joined(path);
        let name = name.strip_prefix("trait.").unwrap_or(&name);
        let root = name.split('.').next().unwrap_or(name);
        let set = self.facts.iter().rev().find(|fact| {
            fact.kind == FactKind::Identify
                && (fact.props.get(root).is_some() || fact.props.get_path(name).is_some())
        });
        found(set.into_iter().map(|fact| (*fact, said(name, fact.props.get_path(name)))))
    }

    /// The event whose context says a fact.
    pub(super) fn of_context(&self, path: &Path) -> Found {
        let Some(place) = context_place(path) else { return Found::default() };
        let value = |fact: &Fact<'a>| fact.context.get_path(&place).and_then(Plain::scalar);
        let last = self.facts.iter().rev().find(|fact| value(fact).is_some());
        found(last.into_iter().map(|fact| (*fact, said(&place, fact.context.get_path(&place)))))
    }

    /// Whether the window of an aggregate shows a fact.
    fn sees(&self, aggregate: &Aggregate, fact: &Fact<'_>) -> bool {
        let at = fact.at.0;
        // These compare with something long ago, so all of it is evidence.
        if matches!(aggregate.function, Function::Stopped | Function::FirstTime | Function::Resumed)
        {
            return true;
        }
        match aggregate.window.value {
            Window::Lifetime => true,
            Window::Within(ms) => at.saturating_add(ms) > self.now,
            Window::Ago { from, to } => {
                at.saturating_add(to) <= self.now && self.now < at.saturating_add(from)
            }
            Window::Calendar(unit) => at >= self.zone.around(unit, self.now).0,
            Window::Session => self.session.is_some_and(|(device, start, end)| {
                (start..=end).contains(&at) && device_hash(fact.device) == device
            }),
        }
    }
}

fn is_one_of(fact: &Fact<'_>, events: &Events) -> bool {
    fact.kind.is_activity()
        && match events {
            Events::Any | Events::Every => true,
            Events::Named(names) => names.iter().any(|name| name == fact.name),
        }
}

fn values_of<'a>(fact: &Fact<'a>) -> EventValues<'a> {
    EventValues { props: fact.props, context: fact.context }
}

fn said(name: &str, value: Option<Value<'_>>) -> String {
    match value.and_then(Plain::of) {
        Some(value) => format!("{name} = {}", words_of(value)),
        None => format!("{name} removed"),
    }
}

fn found<'f>(seen: impl Iterator<Item = (&'f Fact<'f>, String)>) -> Found {
    let all: Vec<(&Fact<'_>, String)> = seen.collect();
    let total = all.len();
    let latest = all.into_iter().skip(total.saturating_sub(SHOWN_MAX));
    let latest = latest.map(|(fact, what)| Evidence {
        name: if fact.kind == FactKind::Identify { "identify" } else { fact.name }.to_string(),
        at: fact.at.0,
        message_id: fact.message_id.to_string(),
        device: fact.device.to_string(),
        what,
    });
    Found { latest: latest.collect(), total }
}
