//! One spelling for everything that means the same, so that equal parts of rules can be shared and
//! a plan can be told from another.
//!
//! Spaces, the order of `and` and `or`, doubled parts and the unit of a duration do not show.
use super::ast::{Aggregate, Events, Expr, Kind, Literal, Sequence, Step, Window};
use super::parse_aggregate::joined;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// One spelling for all rules that say the same in other words; `None` if it is no rule.
#[must_use]
pub fn canonical_rule(rule: &str) -> Option<String> {
    super::parse::parse(rule).ok().map(|expr| canonical(&expr))
}

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
        Kind::Sequence(sequence) => canonical_sequence(sequence),
        Kind::Sessions(within) => format!("sessions({within:?})"),
        Kind::Ratio(above, below) => format!("ratio({}, {})", canonical(above), canonical(below)),
        Kind::Bucket(salt) => format!("bucket({salt:?})"),
    }
}

/// The names of events.
pub(super) fn canonical_events(events: &Events) -> String {
    match events {
        Events::Any => "*".into(),
        Events::Every => "**".into(),
        Events::Named(names) => format!("{names:?}"),
    }
}

fn canonical_aggregate(aggregate: &Aggregate) -> String {
    let property = aggregate.property.as_ref().map(|path| joined(&path.value));
    let window = match aggregate.window.value {
        Window::Lifetime => "lifetime".to_string(),
        Window::Within(ms) => format!("within {ms}"),
        Window::Ago { from, to } => format!("between {from} and {to} ago"),
        Window::Calendar(unit) => unit.name().to_string(),
        Window::Session => "in session".to_string(),
    };
    format!(
        "{}({property:?} of {} where {:?} {window} {:?})",
        aggregate.function.name(),
        canonical_events(&aggregate.events),
        aggregate.predicate.as_deref().map(canonical),
        aggregate.step_ms.as_ref().map(|step| step.value),
    )
}

/// A sequence, with what is asked of the events of each step.
pub(super) fn canonical_sequence(sequence: &Sequence) -> String {
    let step = |step: &Step| {
        let no = if step.absent { "no " } else { "" };
        let within = step.within.as_ref().map(|within| within.value);
        let predicate = step.predicate.as_deref().map(canonical);
        format!("{no}{} where {predicate:?} within {within:?}", canonical_events(&step.events))
    };
    let steps: Vec<String> = sequence.steps.iter().map(step).collect();
    let same: Vec<String> = sequence.same.iter().map(|path| joined(&path.value)).collect();
    format!("sequence({} same {same:?})", steps.join(" -> "))
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
