//! Single events that might change a membership, made up from what the rule asks for.
//!
//! They are guesses: whoever uses them folds each into a copy of the person and keeps those that do
//! change it.
use super::ast::{Aggregate, CompareOp, Events, Expr, Function, Kind, Literal, Path, TextTest};
use super::check_fact::{context_place, property_of};
use super::condition::Plain;
use super::condition::PropertyRoot;
use super::explain::words_of;
use super::parse::parse;
use super::parse_aggregate::joined;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use sillage_model::FactKind;

/// Guesses made of one rule.
const GUESSES_MAX: usize = 128;

/// A made-up event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) kind: FactKind,
    pub(crate) name: String,
    /// By dotted path.
    pub(crate) props: Vec<(String, Spelled)>,
    pub(crate) context: Vec<(String, Spelled)>,
}

/// A value to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Spelled {
    Number(f64),
    Text(String),
    Bool(bool),
}

impl Candidate {
    fn track(name: &str) -> Self {
        let kind = match name {
            "Page Viewed" => FactKind::Page,
            "Screen Viewed" => FactKind::Screen,
            _ => FactKind::Track,
        };
        Self { kind, name: name.to_string(), props: Vec::new(), context: Vec::new() }
    }

    /// What would have to happen.
    pub(crate) fn words(&self) -> String {
        let mut text = match self.kind {
            FactKind::Identify => "an identify".to_string(),
            _ => format!("one `{}`", self.name),
        };
        let props = self.props.iter().map(|(path, value)| format!("{path} = {}", value.words()));
        let context = self.context.iter();
        let context = context.map(|(path, value)| format!("context.{path} = {}", value.words()));
        let details: Vec<String> = props.chain(context).collect();
        if !details.is_empty() {
            text.push_str(&format!(" with {}", details.join(", ")));
        }
        text
    }
}

impl Spelled {
    fn words(&self) -> String {
        match self {
            Self::Number(n) => words_of(Plain::Number(*n)),
            Self::Text(text) => words_of(Plain::Text(text)),
            Self::Bool(b) => words_of(Plain::Bool(*b)),
        }
    }

    fn of(literal: &Literal) -> Self {
        match literal {
            Literal::Number(n) => Self::Number(*n),
            Literal::Text(text) => Self::Text(text.clone()),
            Literal::Bool(b) => Self::Bool(*b),
        }
    }
}

/// Events that might make the rule hold or fail.
pub(crate) fn candidates(rule: &str) -> Vec<Candidate> {
    let mut found = Vec::new();
    if let Ok(expr) = parse(rule) {
        gather(&expr, &[], &mut found);
    }
    found.truncate(GUESSES_MAX);
    found
}

/// Goes through a condition; `near` are the numbers that its values are compared with.
fn gather(expr: &Expr, near: &[Literal], out: &mut Vec<Candidate>) {
    match &expr.kind {
        Kind::All(parts) | Kind::Any(parts) => parts.iter().for_each(|part| gather(part, &[], out)),
        Kind::Not(inner) | Kind::Present(inner) => gather(inner, near, out),
        Kind::Aggregate(aggregate) => of_aggregate(aggregate, near, out),
        Kind::Sequence(sequence) => {
            for step in &sequence.steps {
                for mut event in named(&step.events) {
                    if satisfy(step.predicate.as_deref(), &mut event) {
                        out.push(event);
                    }
                }
            }
        }
        Kind::Compare { op, left, right, .. } => match (&left.kind, &right.kind) {
            (Kind::Literal(literal), _) => gather(right, &around(op.swapped(), literal), out),
            (_, Kind::Literal(literal)) => gather(left, &around(*op, literal), out),
            _ => {
                gather(left, &[], out);
                gather(right, &[], out);
            }
        },
        Kind::Between { operand, low, high } => {
            let bounds = [low, high].into_iter().filter_map(|bound| match &bound.kind {
                Kind::Literal(literal) => Some(around(CompareOp::Equal, literal)),
                _ => None,
            });
            gather(operand, &bounds.flatten().collect::<Vec<_>>(), out);
        }
        Kind::In { operand, list } => {
            let values: Vec<Literal> = list.iter().map(|item| item.value.clone()).collect();
            gather(operand, &values, out);
        }
        Kind::Text { how, operand, needle } => {
            if *how != TextTest::Matches {
                gather(operand, core::slice::from_ref(&needle.value), out);
            }
        }
        Kind::Path(path) => of_fact(path, near, out),
        Kind::Ratio(above, below) => {
            gather(above, &[], out);
            gather(below, &[], out);
        }
        Kind::Sessions(_) => out.push(Candidate::track("Page Viewed")),
        Kind::Segment(_) | Kind::Literal(_) | Kind::Bucket(_) => {}
    }
}

fn of_aggregate(aggregate: &Aggregate, near: &[Literal], out: &mut Vec<Candidate>) {
    for mut event in named(&aggregate.events) {
        if !satisfy(aggregate.predicate.as_deref(), &mut event) {
            continue;
        }
        let property = aggregate.property.as_ref().and_then(|path| property_of(&path.value));
        let Some(property) = property else {
            out.push(event);
            continue;
        };
        let numbers = matches!(
            aggregate.function,
            Function::Sum | Function::Avg | Function::Min | Function::Max
        );
        let values = if near.is_empty() { &[Literal::Number(1.0)][..] } else { near };
        let distinct = [Literal::Text("something new".into())];
        let values = if aggregate.function == Function::Distinct { &distinct } else { values };
        for value in values {
            let mut event = event.clone();
            let list = match property.root {
                PropertyRoot::Props => &mut event.props,
                PropertyRoot::Context => &mut event.context,
            };
            list.retain(|(path, _)| **path != *property.path);
            if !numbers || matches!(value, Literal::Number(_)) {
                list.push((property.path.to_string(), Spelled::of(value)));
                out.push(event);
            }
        }
    }
}

/// An event that says a fact, or lets a session or a score grow.
fn of_fact(path: &Path, near: &[Literal], out: &mut Vec<Candidate>) {
    let name = joined(path);
    let values = if near.is_empty() { &[Literal::Bool(true)][..] } else { near };
    if let Some(name) = name.strip_prefix("trait.") {
        for value in values {
            let props = alloc::vec![(name.to_string(), Spelled::of(value))];
            let kind = FactKind::Identify;
            out.push(Candidate { kind, name: String::new(), props, context: Vec::new() });
        }
    } else if let Some(place) = context_place(path) {
        for value in values {
            let mut event = Candidate::track("Page Viewed");
            event.context.push((place.clone(), Spelled::of(value)));
            out.push(event);
        }
    } else if name.starts_with("session.") || name.starts_with("score.") {
        for event in ["Page Viewed", "Order Completed"] {
            out.push(Candidate::track(event));
        }
    }
}

fn named(events: &Events) -> Vec<Candidate> {
    match events {
        Events::Any | Events::Every => alloc::vec![Candidate::track("Page Viewed")],
        Events::Named(names) => names.iter().map(|name| Candidate::track(name)).collect(),
    }
}

/// Values on both sides of what a comparison turns at.
fn around(op: CompareOp, literal: &Literal) -> Vec<Literal> {
    match (op, literal) {
        (_, Literal::Number(n)) => {
            [*n, n + 1.0, n - 1.0, 0.0, 1e9, -1e9].map(Literal::Number).to_vec()
        }
        (_, Literal::Text(text)) => {
            alloc::vec![literal.clone(), Literal::Text(format!("not {text}"))]
        }
        (_, Literal::Bool(b)) => alloc::vec![Literal::Bool(*b), Literal::Bool(!b)],
    }
}

/// Gives an event what a `where` asks for. What it must not have it simply does not have: a
/// comparison with something missing is false.
fn satisfy(predicate: Option<&Expr>, event: &mut Candidate) -> bool {
    let Some(expr) = predicate else { return true };
    let mut set = |path: &Expr, value: Spelled| {
        let Kind::Path(path) = &path.kind else { return false };
        let Some(property) = property_of(path) else { return false };
        let list = match property.root {
            PropertyRoot::Props => &mut event.props,
            PropertyRoot::Context => &mut event.context,
        };
        list.retain(|(known, _)| **known != *property.path);
        list.push((property.path.to_string(), value));
        true
    };
    match &expr.kind {
        Kind::All(parts) => parts.iter().all(|part| satisfy(Some(part), event)),
        Kind::Any(parts) => parts.iter().any(|part| satisfy(Some(part), event)),
        Kind::Not(_) => true,
        Kind::Literal(Literal::Bool(holds)) => *holds,
        Kind::Path(_) => set(expr, Spelled::Bool(true)),
        Kind::Present(inner) => set(inner, Spelled::Bool(true)),
        Kind::Compare { op, left, right, .. } => match (&left.kind, &right.kind) {
            (_, Kind::Literal(literal)) => set(left, beyond(*op, literal)),
            (Kind::Literal(literal), _) => set(right, beyond(op.swapped(), literal)),
            _ => {
                let second = beyond(op.swapped(), &Literal::Number(1.0));
                set(left, Spelled::Number(1.0)) && set(right, second)
            }
        },
        Kind::Between { operand, low, .. } => match &low.kind {
            Kind::Literal(literal) => set(operand, Spelled::of(literal)),
            _ => false,
        },
        Kind::In { operand, list } => set(operand, Spelled::of(&list[0].value)),
        Kind::Text { how, operand, needle } if *how != TextTest::Matches => {
            set(operand, Spelled::of(&needle.value))
        }
        _ => false,
    }
}

/// A value that compares so with a literal.
fn beyond(op: CompareOp, literal: &Literal) -> Spelled {
    match (op, literal) {
        (CompareOp::Equal | CompareOp::AtLeast | CompareOp::AtMost, _) => Spelled::of(literal),
        (CompareOp::Less, Literal::Number(n)) => Spelled::Number(n - 1.0),
        (_, Literal::Number(n)) => Spelled::Number(n + 1.0),
        (_, Literal::Text(text)) => Spelled::Text(format!("not {text}")),
        (_, Literal::Bool(b)) => Spelled::Bool(!b),
    }
}
