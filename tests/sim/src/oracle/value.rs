//! Values as the oracle compares them, exactly where they are exact.
use super::event::Val;
use super::rule::{Literal, Op};
use std::cell::Cell;
use std::cmp::Ordering;
use std::sync::Arc;

/// How near to each other two numbers that are not exact make the answer doubtful.
const NEAR: f64 = 1e-7;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// Nothing.
    Missing,
    /// What an event or an identify said.
    Value(Val),
    /// A count of millionths, divided by a number above 0.
    Exact {
        /// The millionths.
        micros: i128,
        /// By what they are divided.
        by: i128,
    },
    /// A number whose last digits depend on how it was made.
    Rough(f64),
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

impl From<&Literal> for Seen {
    fn from(literal: &Literal) -> Self {
        match literal {
            Literal::Number(number) => Self::Exact { micros: number.0.into(), by: 1 },
            Literal::Text(text) => Self::Value(Val::text(text)),
            Literal::Bool(value) => Self::Value(Val::Bool(*value)),
            Literal::Span(ms) | Literal::Instant(ms) => Self::whole(*ms),
        }
    }
}

impl Seen {
    /// A whole number.
    #[must_use]
    pub fn whole(number: i64) -> Self {
        Self::Exact { micros: i128::from(number) * 1_000_000, by: 1 }
    }

    /// A count.
    #[must_use]
    pub fn count(count: usize) -> Self {
        Self::whole(i64::try_from(count).expect("a count fits"))
    }

    /// The number, as near as floating point comes to it.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "whoever needs it exact does not ask")]
    pub fn float(&self) -> Option<f64> {
        match self {
            // An instant in millionths has more digits than a float.
            Self::Exact { micros, by: 1 } if micros % 1_000_000 == 0 => {
                Some((micros / 1_000_000) as f64)
            }
            Self::Exact { micros, by: 1 } => Some(*micros as f64 / 1e6),
            Self::Exact { micros, by } => Some(*micros as f64 / (1e6 * *by as f64)),
            Self::Rough(number) => Some(*number),
            Self::Value(value) => value.number(),
            Self::Missing => None,
        }
    }

    /// The number, if it is a whole one beyond doubt.
    #[allow(clippy::cast_possible_truncation, reason = "only of whole numbers in range")]
    fn as_whole(&self) -> Option<i128> {
        match self {
            Self::Exact { micros, by: 1 } if micros % 1_000_000 == 0 => Some(micros / 1_000_000),
            Self::Value(value) => {
                value.number().filter(|n| n.fract() == 0.0 && n.abs() < 9e15).map(|n| n as i128)
            }
            Self::Exact { .. } | Self::Rough(_) | Self::Missing => None,
        }
    }

    /// This number divided by another.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        let (Some(one), Some(by)) = (self.float(), other.float()) else { return Self::Missing };
        if by == 0.0 {
            return Self::Missing;
        }
        match (self.as_whole(), other.as_whole()) {
            (Some(one), Some(by)) => {
                Self::Exact { micros: one * by.signum() * 1_000_000, by: by.abs() }
            }
            _ => Self::Rough(one / by),
        }
    }

    /// Whether the comparison holds; sets `near` if rounding alone may decide it.
    #[must_use]
    pub fn compares(&self, op: Op, other: &Self, near: &Cell<bool>) -> bool {
        let ordering = match (self, other) {
            (Self::Value(Val::Text(one)), Self::Value(Val::Text(other))) => {
                equality(op, one == other)
            }
            (Self::Value(Val::Bool(one)), Self::Value(Val::Bool(other))) => {
                equality(op, one == other)
            }
            (
                Self::Exact { micros: one, by: one_by },
                Self::Exact { micros: other, by: other_by },
            ) => Some((one * other_by).cmp(&(other * one_by))),
            _ => self.order_of_floats(other, near),
        };
        ordering.is_some_and(|ordering| op.holds(ordering))
    }

    fn order_of_floats(&self, other: &Self, near: &Cell<bool>) -> Option<Ordering> {
        let (one, two) = (self.float()?, other.float()?);
        if self.is_rounded() || other.is_rounded() {
            near.set(near.get() || (one - two).abs() <= NEAR * two.abs().max(1.0));
        }
        one.partial_cmp(&two)
    }

    fn is_rounded(&self) -> bool {
        match self {
            Self::Rough(_) => true,
            Self::Exact { by, .. } => *by != 1,
            Self::Value(_) | Self::Missing => false,
        }
    }
}

/// Text and truth values are equal or not, and have no order.
fn equality(op: Op, equal: bool) -> Option<Ordering> {
    let ordering = if equal { Ordering::Equal } else { Ordering::Less };
    (!op.needs_order()).then_some(ordering)
}

/// Whether two scalars are the same value of the same type.
#[must_use]
pub fn same(one: &Val, other: &Val) -> bool {
    match (one.number(), other.number()) {
        (Some(one), Some(other)) => one.partial_cmp(&other) == Some(Ordering::Equal),
        _ => one == other,
    }
}

/// Whether a value is text, a number, or true or false.
#[must_use]
pub fn is_scalar(value: &Val) -> bool {
    matches!(value, Val::Bool(_) | Val::Int(_) | Val::Float(_) | Val::Text(_))
}
