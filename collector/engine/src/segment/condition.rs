//! The checked form of a condition: what is looked at and how it is tested.
//!
//! The same tree serves rules (over a person) and the predicates of `where` (over one event); which
//! operands may stand in which is settled by the check. Missing values never get here as values:
//! who holds one answers "no" without asking.
use super::ast::{CompareOp, Literal, TextTest, Window};
use super::subject::SessionField;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;
use regex::Regex;
use sillage_model::{List, Map, SegmentIndex, Value};

/// A condition. At most as deep as a rule may nest.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Constant(bool),
    All(Box<[Node]>),
    Any(Box<[Node]>),
    Not(Box<Node>),
    /// A value against literals.
    Test(Operand, Test),
    /// Two values that are both not literals.
    Compare(Operand, CompareOp, Operand),
    /// The value is there.
    Present(Operand),
    /// The person is in that segment.
    Member(SegmentIndex),
    /// The sequence of that leaf happened.
    Sequence(u16),
    /// After a pause of at least `gap_ms` something happened again, within `window_ms`.
    Resumed {
        times: u16,
        earliest: u16,
        gap_ms: i64,
        window_ms: i64,
    },
}

/// Something that has a value, or none.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Literal(Literal),
    /// A trait of the person, by its path.
    Trait(Box<str>),
    Session(SessionField),
    /// A score of the person, by its place in the plan's score names.
    Score(u16),
    /// What a leaf of the person's features says.
    Leaf(u16, Reading),
    /// A property of the event at hand; only in predicates.
    Property(Property),
    /// Milliseconds since the epoch.
    Now,
    /// The person's place under a salt, from 0 to below 100.
    Bucket(Box<str>),
    /// How many sessions ended less than so many milliseconds ago, or ever.
    Sessions(Option<i64>),
    /// One number divided by another.
    Ratio(Box<(Operand, Operand)>),
}

/// How the state of a leaf is read, and what of it is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Count(Window),
    SinceLatest(Window),
    SinceEarliest(Window),
    Number(NumberReading, Window),
    /// The value of `first` or `last`.
    Value(Pick, Window),
    Distinct(Window),
    /// Consecutive days up to today or yesterday.
    Streak,
    /// How many of the last `count` stretches of `every_ms` have an event.
    Periods {
        every_ms: i64,
        count: i64,
    },
}

/// Which of several values counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    First,
    Last,
}

/// What is made of many numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberReading {
    Sum,
    Avg,
    Min,
    Max,
}

/// A value of an event: from its properties or from its context.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Property {
    pub(super) root: PropertyRoot,
    pub(super) path: Box<str>,
}

/// Where a property is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PropertyRoot {
    Props,
    Context,
}

/// An event as predicates see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventValues<'a> {
    pub(super) props: Map<'a>,
    pub(super) context: Map<'a>,
}

/// A value that is there. Null and maps are not values to a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Plain<'a> {
    Number(f64),
    Bool(bool),
    Text(&'a str),
    List(List<'a>),
}

/// A test of one value against literals.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Compare(CompareOp, Literal),
    /// Both bounds belong to it.
    Between(f64, f64),
    In(Vec<Literal>),
    Text(TextTest, Literal),
    Matches(Pattern),
}

/// A compiled regular expression. Its search takes time linear in the text.
#[derive(Debug, Clone)]
pub(super) struct Pattern(pub(super) Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl<'a> Plain<'a> {
    /// The value as rules see it.
    pub(super) fn of(value: Value<'a>) -> Option<Self> {
        Some(match value {
            Value::Null | Value::Map(_) => return None,
            Value::Bool(b) => Self::Bool(b),
            // Adding zero makes one zero of two.
            Value::Int(_) | Value::Float(_) => Self::Number(value.as_number()? + 0.0),
            Value::Str(text) => Self::Text(text),
            Value::List(list) => Self::List(list),
        })
    }

    /// As [`Plain::of`], without lists: what aggregates take as the value of a property.
    pub(super) fn scalar(value: Value<'a>) -> Option<Self> {
        Self::of(value).filter(|plain| !matches!(plain, Self::List(_)))
    }

    pub(super) fn of_literal(literal: &'a Literal) -> Self {
        match literal {
            Literal::Number(n) => Self::Number(*n),
            Literal::Text(text) => Self::Text(text),
            Literal::Bool(b) => Self::Bool(*b),
        }
    }

    /// Whether `self op other`. Values of two types compare in no way, nor do lists.
    pub(super) fn compares(self, op: CompareOp, other: Plain<'_>) -> bool {
        let order = match (self, other) {
            (Self::Number(a), Plain::Number(b)) => a.partial_cmp(&b),
            (Self::Text(a), Plain::Text(b)) if !op.needs_order() => Some(a.cmp(b)),
            (Self::Bool(a), Plain::Bool(b)) if !op.needs_order() => Some(a.cmp(&b)),
            _ => None,
        };
        order.is_some_and(|order| match op {
            CompareOp::Equal => order == Ordering::Equal,
            CompareOp::NotEqual => order != Ordering::Equal,
            CompareOp::Less => order == Ordering::Less,
            CompareOp::AtMost => order != Ordering::Greater,
            CompareOp::Greater => order == Ordering::Greater,
            CompareOp::AtLeast => order != Ordering::Less,
        })
    }

    fn equals(self, literal: &Literal) -> bool {
        self.compares(CompareOp::Equal, Plain::of_literal(literal))
    }

    fn passes(self, how: TextTest, needle: &Literal) -> bool {
        match (self, needle) {
            (Self::Text(text), Literal::Text(needle)) => match how {
                TextTest::Contains => text.contains(needle.as_str()),
                TextTest::StartsWith => text.starts_with(needle.as_str()),
                TextTest::EndsWith => text.ends_with(needle.as_str()),
                TextTest::Matches => false,
            },
            (Self::List(list), needle) if how == TextTest::Contains => {
                list.iter().filter_map(Plain::of).any(|item| item.equals(needle))
            }
            _ => false,
        }
    }
}

impl Test {
    /// Whether a value that is there passes.
    pub(super) fn holds(&self, value: Plain<'_>) -> bool {
        match self {
            Self::Compare(op, literal) => value.compares(*op, Plain::of_literal(literal)),
            Self::Between(low, high) => {
                matches!(value, Plain::Number(n) if *low <= n && n <= *high)
            }
            Self::In(list) => list.iter().any(|literal| value.equals(literal)),
            Self::Text(how, needle) => value.passes(*how, needle),
            Self::Matches(pattern) => {
                matches!(value, Plain::Text(text) if pattern.0.is_match(text))
            }
        }
    }

    /// The number from which on a count passes or fails like every larger one; that many latest
    /// entries are enough to answer.
    pub(super) fn enough(&self) -> f64 {
        match self {
            Self::Compare(CompareOp::AtLeast | CompareOp::Less, Literal::Number(n)) => {
                libm::ceil(*n)
            }
            _ => libm::floor(self.thresholds().fold(0.0, f64::max)) + 1.0,
        }
    }

    /// The numbers it compares with.
    pub(super) fn thresholds(&self) -> impl Iterator<Item = f64> {
        let (bounds, list): ([Option<f64>; 2], &[Literal]) = match self {
            Self::Compare(_, Literal::Number(n)) => ([Some(*n), None], &[]),
            Self::Between(low, high) => ([Some(*low), Some(*high)], &[]),
            Self::In(list) => ([None, None], list),
            Self::Compare(..) | Self::Text(..) | Self::Matches(_) => ([None, None], &[]),
        };
        let listed = list.iter().filter_map(|literal| match literal {
            Literal::Number(n) => Some(*n),
            Literal::Text(_) | Literal::Bool(_) => None,
        });
        bounds.into_iter().flatten().chain(listed)
    }
}

impl Property {
    /// Its value in one event.
    pub(super) fn of<'a>(&self, event: EventValues<'a>) -> Option<Value<'a>> {
        match self.root {
            PropertyRoot::Props => event.props.get_path(&self.path),
            PropertyRoot::Context => event.context.get_path(&self.path),
        }
    }
}

impl Node {
    /// Whether an event satisfies a predicate.
    pub(super) fn accepts(&self, event: EventValues<'_>) -> bool {
        match self {
            Self::Constant(holds) => *holds,
            Self::All(parts) => parts.iter().all(|part| part.accepts(event)),
            Self::Any(parts) => parts.iter().any(|part| part.accepts(event)),
            Self::Not(inner) => !inner.accepts(event),
            Self::Test(operand, test) => {
                operand.in_event(event).is_some_and(|value| test.holds(value))
            }
            Self::Compare(left, op, right) => {
                let (left, right) = (left.in_event(event), right.in_event(event));
                left.zip(right).is_some_and(|(left, right)| left.compares(*op, right))
            }
            Self::Present(operand) => match operand {
                // A map is no value to compare, but it is there.
                Operand::Property(p) => p.of(event).is_some_and(|v| v != Value::Null),
                _ => operand.in_event(event).is_some(),
            },
            Self::Member(_) | Self::Sequence(_) | Self::Resumed { .. } => false,
        }
    }
}

impl Operand {
    /// The value within one event; operands about the person have none there.
    fn in_event<'a>(&'a self, event: EventValues<'a>) -> Option<Plain<'a>> {
        match self {
            Self::Literal(literal) => Some(Plain::of_literal(literal)),
            Self::Property(property) => property.of(event).and_then(Plain::of),
            Self::Ratio(parts) => divided(parts.0.in_event(event)?, parts.1.in_event(event)?),
            Self::Trait(_)
            | Self::Session(_)
            | Self::Score(_)
            | Self::Leaf(..)
            | Self::Now
            | Self::Bucket(_)
            | Self::Sessions(_) => None,
        }
    }
}

/// One number divided by another; nothing is divided by zero.
pub(super) fn divided<'a>(above: Plain<'_>, below: Plain<'_>) -> Option<Plain<'a>> {
    match (above, below) {
        (Plain::Number(a), Plain::Number(b)) if b != 0.0 => Some(Plain::Number(a / b)),
        _ => None,
    }
}
