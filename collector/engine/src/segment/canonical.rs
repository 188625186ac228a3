//! One spelling for everything that means the same, so that equal parts of rules can be shared and
//! a plan can be told from another.
//!
//! Spaces, the order of `and` and `or`, doubled parts and the unit of a duration do not show.
use super::ast::{Aggregate, Events, Expr, Kind, Literal, Window};
use super::parse_aggregate::joined;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A condition or a value.
pub(super) fn canonical(expr: &Expr) -> String {
    match &expr.kind {
        Kind::Literal(value) => literal(value),
        // The first name decides what the others are names of, so it stands apart.
        Kind::Path(path) => format!("`{}`.`{}`", path.names[0].value, joined(path)),
        Kind::Aggregate(aggregate) => canonical_aggregate(aggregate),
        Kind::Present(inner) => format!("exists({})", canonical(inner)),
        Kind::Segment(key) => format!("segment({:?})", key.value),
        Kind::Not(inner) => format!("not({})", canonical(inner)),
        Kind::All(parts) => format!("all({})", sorted(parts.iter().map(canonical))),
        Kind::Any(parts) => format!("any({})", sorted(parts.iter().map(canonical))),
        Kind::Compare { op, left, right, .. } => {
            let (left, right) = (canonical(left), canonical(right));
            match left <= right {
                true => format!("({left} {} {right})", op.symbol()),
                false => format!("({right} {} {left})", op.swapped().symbol()),
            }
        }
        Kind::Between { operand, low, high } => {
            format!("({} between {} {})", canonical(operand), canonical(low), canonical(high))
        }
        Kind::In { operand, list } => {
            let list = sorted(list.iter().map(|item| literal(&item.value)));
            format!("({} in {list})", canonical(operand))
        }
        Kind::Text { how, operand, needle } => {
            format!("({} {} {})", canonical(operand), how.words(), literal(&needle.value))
        }
    }
}

/// The names of events.
pub(super) fn canonical_events(events: &Events) -> String {
    match events {
        Events::Any => "*".into(),
        Events::Named(names) => format!("{names:?}"),
    }
}

fn canonical_aggregate(aggregate: &Aggregate) -> String {
    let property = aggregate.property.as_ref().map(|path| joined(&path.value));
    let window = match aggregate.window.value {
        Window::Lifetime => "lifetime".to_string(),
        Window::Within(ms) => format!("within {ms}"),
    };
    format!(
        "{}({property:?} of {} where {:?} {window})",
        aggregate.function.name(),
        canonical_events(&aggregate.events),
        aggregate.predicate.as_deref().map(canonical),
    )
}

fn literal(value: &Literal) -> String {
    match value {
        Literal::Number(n) => format!("{n:?}"),
        Literal::Text(text) => format!("{text:?}"),
        Literal::Bool(b) => b.to_string(),
    }
}

fn sorted(parts: impl Iterator<Item = String>) -> String {
    let mut parts: Vec<String> = parts.collect();
    parts.sort_unstable();
    parts.dedup();
    parts.join(", ")
}
