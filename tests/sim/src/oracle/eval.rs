//! Walks a rule over the whole history of one person.
use super::event::{Event, Val, find};
use super::rule::{Decimal, Fold, Literal, Op, Rule, Select, Term};
use super::session::{Session, micros};
use super::{Person, Rules};
use std::cell::Cell;
use std::cmp::Ordering;
use std::sync::Arc;

/// How near to its threshold a value that is no exact number makes the answer doubtful.
const NEAR: f64 = 1e-7;

/// A value as the oracle compares it.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Missing,
    Value(Val),
    /// A count of millionths, divided.
    Exact {
        micros: i128,
        by: i128,
    },
    /// A number whose last digits depend on how it was added up.
    Rough(f64),
    Span(i64),
}

impl From<Option<Val>> for Seen {
    fn from(value: Option<Val>) -> Self {
        match value {
            None | Some(Val::Null) => Self::Missing,
            Some(value) => Self::Value(value),
        }
    }
}

impl From<Option<Arc<str>>> for Seen {
    fn from(text: Option<Arc<str>>) -> Self {
        text.map_or(Self::Missing, |text| Self::Value(Val::Text(text)))
    }
}

/// The rules asked of one person at one moment.
#[derive(Debug)]
pub struct Question<'a> {
    person: &'a Person<'a>,
    rules: &'a Rules,
    near: Cell<bool>,
}

impl<'a> Question<'a> {
    /// Asks of this person.
    #[must_use]
    pub fn new(person: &'a Person<'a>, rules: &'a Rules) -> Self {
        Self { person, rules, near: Cell::new(false) }
    }

    /// Whether any number that is not exact was so near to its threshold that the answer given so
    /// far may differ by rounding alone.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.near.get()
    }

    /// Whether the person satisfies the rule.
    #[must_use]
    pub fn holds(&self, rule: &Rule) -> bool {
        self.rule(rule, None)
    }

    fn rule(&self, rule: &Rule, at: Option<&Event>) -> bool {
        match rule {
            Rule::And(rules) => rules.iter().all(|r| self.rule(r, at)),
            Rule::Or(rules) => rules.iter().any(|r| self.rule(r, at)),
            Rule::Not(rule) => !self.rule(rule, at),
            Rule::Compare(term, op, literal) => self.compare(&self.term(term, at), *op, literal),
            Rule::In(term, literals) => {
                let seen = self.term(term, at);
                literals.iter().any(|literal| self.compare(&seen, Op::Eq, literal))
            }
            Rule::Contains(term, literal) => match (self.term(term, at), literal) {
                (Seen::Value(Val::Text(text)), Literal::Text(part)) => text.contains(part.as_str()),
                (Seen::Value(Val::List(items)), literal) => items
                    .into_iter()
                    .any(|item| self.compare(&Seen::from(Some(item)), Op::Eq, literal)),
                _ => false,
            },
            Rule::StartsWith(term, part) => {
                matches!(self.term(term, at), Seen::Value(Val::Text(t)) if t.starts_with(part))
            }
            Rule::EndsWith(term, part) => {
                matches!(self.term(term, at), Seen::Value(Val::Text(t)) if t.ends_with(part))
            }
            Rule::Between(term, low, high) => {
                let seen = self.term(term, at);
                self.compare(&seen, Op::Ge, low) && self.compare(&seen, Op::Le, high)
            }
            Rule::Present(term) => self.term(term, at) != Seen::Missing,
            Rule::Exists(select) => !self.select(select).is_empty(),
            Rule::Segment(key) => {
                let (_, rule) = self.rules.segment(key);
                self.rule(rule, None)
            }
        }
    }

    fn compare(&self, seen: &Seen, op: Op, literal: &Literal) -> bool {
        let ordering = match (seen, literal) {
            (Seen::Value(Val::Text(text)), Literal::Text(other)) => Some((**text).cmp(other)),
            (Seen::Value(Val::Bool(value)), Literal::Bool(other)) => Some(value.cmp(other)),
            (Seen::Value(value), Literal::Number(other)) => {
                value.number().and_then(|value| value.partial_cmp(&float(*other)))
            }
            (Seen::Exact { micros, by }, Literal::Number(Decimal(other))) => {
                Some(micros.cmp(&(i128::from(*other) * by)))
            }
            (Seen::Rough(value), Literal::Number(other)) => {
                let other = float(*other);
                if (value - other).abs() <= NEAR * other.abs().max(1.0) {
                    self.near.set(true);
                }
                value.partial_cmp(&other)
            }
            (Seen::Span(ms), Literal::Span(other)) => Some(ms.cmp(other)),
            _ => None,
        };
        ordering.is_some_and(|ordering| op.holds(ordering))
    }

    fn term(&self, term: &Term, at: Option<&Event>) -> Seen {
        match term {
            Term::Property(path) => {
                let event = at.expect("a property stands only inside a where");
                Seen::from(find(&event.props, path).cloned())
            }
            Term::Trait(path) => Seen::from(find(&self.person.traits, path).cloned()),
            Term::Session(field) => match self.person.latest_session() {
                None => Seen::Missing,
                Some(session) => session_field(session, field),
            },
            Term::Engagement => Seen::Rough(self.person.engagement(self.rules)),
            Term::Count(select) => count(self.select(select).len()),
            Term::Fold(fold, path, select) => fold_events(*fold, path, &self.select(select)),
            Term::TimeSince(select) => self.since(self.select(select).last()),
            Term::TimeSinceFirst(select) => self.since(self.select(select).first()),
        }
    }

    fn since(&self, event: Option<&&Event>) -> Seen {
        event.map_or(Seen::Missing, |event| Seen::Span(self.person.now - event.at))
    }

    /// The selected events in order.
    fn select(&self, select: &Select) -> Vec<&'a Event> {
        let now = self.person.now;
        let mut selected: Vec<&Event> = Vec::new();
        for &event in &self.person.activity {
            let named = select.names.is_empty() || select.names.iter().any(|n| **n == *event.name);
            let inside = select.within_ms.is_none_or(|ms| event.at > now - ms && event.at <= now);
            if named
                && inside
                && select.condition.as_ref().is_none_or(|c| self.rule(c, Some(event)))
            {
                selected.push(event);
            }
        }
        selected
    }
}

#[allow(clippy::cast_precision_loss, reason = "literals have few digits")]
fn float(decimal: Decimal) -> f64 {
    decimal.0 as f64 / 1e6
}

fn count(count: usize) -> Seen {
    let count = i128::try_from(count).expect("a count fits");
    Seen::Exact { micros: count * 1_000_000, by: 1 }
}

fn session_field(session: &Session, field: &str) -> Seen {
    let whole = |n: i64| Seen::Exact { micros: i128::from(n) * 1_000_000, by: 1 };
    match field {
        "events" => whole(session.events.into()),
        "pages" => whole(session.pages.into()),
        "screens" => whole(session.screens.into()),
        "engaged_ms" => whole(session.engaged_ms),
        "duration_ms" => whole(session.duration_ms()),
        "conversions" => whole(session.conversions.into()),
        "revenue" => Seen::Exact { micros: session.revenue_micros, by: 1 },
        "bounced" => Seen::Value(Val::Bool(session.bounced())),
        "entry_page" => Seen::from(session.entry_page.clone()),
        "exit_page" => Seen::from(session.exit_page.clone()),
        "referrer" => Seen::from(session.referrer.clone()),
        "campaign" => Seen::from(session.campaign.clone()),
        _ => panic!("the oracle knows no session.{field}"),
    }
}

fn fold_events(fold: Fold, path: &str, events: &[&Event]) -> Seen {
    let values: Vec<&Val> = events.iter().filter_map(|e| find(&e.props, path)).collect();
    let numbers: Vec<f64> = values.iter().filter_map(|v| v.number()).collect();
    let float = |number: Option<f64>| Seen::from(number.map(Val::Float));
    match fold {
        Fold::Sum => Seen::Exact { micros: numbers.iter().copied().map(micros).sum(), by: 1 },
        Fold::Min => float(numbers.into_iter().min_by(f64::total_cmp)),
        Fold::Max => float(numbers.into_iter().max_by(f64::total_cmp)),
        Fold::Avg if numbers.is_empty() => Seen::Missing,
        Fold::Avg => Seen::Exact {
            micros: numbers.iter().copied().map(micros).sum(),
            by: i128::try_from(numbers.len()).expect("a count fits"),
        },
        Fold::Distinct => {
            let mut known: Vec<&Val> = Vec::new();
            for value in values {
                if !known.iter().any(|k| same(k, value)) {
                    known.push(value);
                }
            }
            count(known.len())
        }
        Fold::First => Seen::from(values.first().copied().cloned()),
        Fold::Last => Seen::from(values.last().copied().cloned()),
    }
}

fn same(one: &Val, other: &Val) -> bool {
    match (one.number(), other.number()) {
        (Some(one), Some(other)) => one.partial_cmp(&other) == Some(Ordering::Equal),
        _ => one == other,
    }
}
