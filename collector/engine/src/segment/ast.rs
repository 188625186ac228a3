//! A rule as it was written: a tree with the place of every part.
//!
//! It knows nothing of types, leaves or state. The enums grow with the language: a new window,
//! aggregate or condition is a new variant here and one more arm in the check.
use super::diagnostic::Span;
use crate::zone::Unit;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// A part of a rule and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expr {
    pub(super) span: Span,
    pub(super) kind: Kind,
}

/// What a part of a rule is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Literal(Literal),
    /// `trait.country`, or inside `where` a property such as `price`.
    Path(Path),
    /// `count(…)` and its like, also `exists("E" …)`.
    Aggregate(Aggregate),
    /// `exists(x)` of a fact, a property or an aggregate that may be missing.
    Present(Box<Expr>),
    /// `segment("key")`.
    Segment(Spanned<String>),
    Not(Box<Expr>),
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Compare {
        op: CompareOp,
        op_span: Span,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Between {
        operand: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
    },
    In {
        operand: Box<Expr>,
        list: Vec<Spanned<Literal>>,
    },
    Text {
        how: TextTest,
        operand: Box<Expr>,
        needle: Spanned<Literal>,
    },
    /// `sequence(…)`.
    Sequence(Sequence),
    /// `sessions(within 7d)`: only these two windows.
    Sessions(Option<i64>),
    /// `ratio(a, b)`.
    Ratio(Box<Expr>, Box<Expr>),
    /// `bucket("salt")`.
    Bucket(String),
}

/// `sequence("A" -> no "X" -> "B" within 1h same(id))`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sequence {
    /// In order; the first is none that must be absent.
    pub(super) steps: Vec<Step>,
    /// The properties that all its events must have in common; empty for none.
    pub(super) same: Vec<Spanned<Path>>,
}

/// A step of a sequence.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) span: Span,
    /// Whether no such event may come.
    pub(super) absent: bool,
    pub(super) events: Events,
    pub(super) predicate: Option<Box<Expr>>,
    pub(super) within: Option<Spanned<i64>>,
}

/// Something with its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spanned<T> {
    pub(super) span: Span,
    pub(super) value: T,
}

/// A value written in the rule. Durations are numbers of milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Number(f64),
    Text(String),
    Bool(bool),
}

/// Names with dots between them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path {
    pub(super) names: Vec<Spanned<String>>,
}

/// Comparisons of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CompareOp {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// Tests of text (and for `contains` of lists) against a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
    Matches,
}

/// What is computed over events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Count,
    Exists,
    Sum,
    Min,
    Max,
    Avg,
    First,
    Last,
    Distinct,
    TimeSince,
    TimeSinceFirst,
    DaysActive,
    Streak,
    Periods,
    FirstTime,
    Stopped,
    Resumed,
}

/// An aggregate over events.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Aggregate {
    pub(super) function: Function,
    pub(super) function_span: Span,
    /// The `p` of `sum(p of "E")`.
    pub(super) property: Option<Spanned<Path>>,
    pub(super) events: Events,
    /// The condition after `where`.
    pub(super) predicate: Option<Box<Expr>>,
    pub(super) window: Spanned<Window>,
    /// The `every 1w` of `periods` or the `after 30d` of `resumed`, in milliseconds.
    pub(super) step_ms: Option<Spanned<i64>>,
}

/// Which events an aggregate looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Events {
    /// `"*"`.
    Any,
    /// By name; sorted, each once.
    Named(Vec<String>),
    /// Every fact, also those that are no events to a rule: what a fact from the context is read
    /// from. Cannot be written.
    Every,
}

/// The stretch of time an aggregate looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Window {
    /// Everything ever.
    Lifetime,
    /// `(now − ms, now]`.
    Within(i64),
    /// `(now − from, now − to]`.
    Ago { from: i64, to: i64 },
    /// From the start of the current day, week or month on.
    Calendar(Unit),
    /// The person's latest session.
    Session,
}

impl Window {
    /// The length of a window that has one.
    pub(super) fn length(self) -> Option<i64> {
        match self {
            Self::Within(ms) => Some(ms),
            Self::Lifetime | Self::Ago { .. } | Self::Calendar(_) | Self::Session => None,
        }
    }

    /// Events further back than this are outside of it, in milliseconds; `None` if that is never
    /// certain.
    pub(super) fn reach(self) -> Option<i64> {
        match self {
            Self::Lifetime | Self::Session => None,
            Self::Within(ms) | Self::Ago { from: ms, .. } => Some(ms),
            Self::Calendar(unit) => Some(unit.longest_ms()),
        }
    }
}

impl CompareOp {
    /// The same comparison with its sides swapped.
    pub(super) fn swapped(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual => self,
            Self::Less => Self::Greater,
            Self::AtMost => Self::AtLeast,
            Self::Greater => Self::Less,
            Self::AtLeast => Self::AtMost,
        }
    }

    /// Whether it needs an order of its operands, which only numbers have.
    pub(super) fn needs_order(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }

    /// As it is written.
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }
}

impl TextTest {
    /// As it is written.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Contains => "contains",
            Self::StartsWith => "starts with",
            Self::EndsWith => "ends with",
            Self::Matches => "matches",
        }
    }
}

impl Aggregate {
    /// Whether its value is how many events there are.
    pub(super) fn counts_events(&self) -> bool {
        self.function == Function::Count
    }
}

impl Function {
    /// Every function, in the order in which documentation lists them.
    pub(super) const ALL: [Self; 17] = [
        Self::Count,
        Self::Exists,
        Self::Sum,
        Self::Min,
        Self::Max,
        Self::Avg,
        Self::First,
        Self::Last,
        Self::Distinct,
        Self::TimeSince,
        Self::TimeSinceFirst,
        Self::DaysActive,
        Self::Streak,
        Self::Periods,
        Self::FirstTime,
        Self::Stopped,
        Self::Resumed,
    ];

    /// As it is written.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Exists => "exists",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Avg => "avg",
            Self::First => "first",
            Self::Last => "last",
            Self::Distinct => "distinct",
            Self::TimeSince => "time_since",
            Self::TimeSinceFirst => "time_since_first",
            Self::DaysActive => "days_active",
            Self::Streak => "streak",
            Self::Periods => "periods",
            Self::FirstTime => "first_time",
            Self::Stopped => "stopped",
            Self::Resumed => "resumed",
        }
    }

    /// Whether it is written `f(p of "E")`.
    pub(super) fn takes_property(self) -> bool {
        matches!(
            self,
            Self::Sum
                | Self::Min
                | Self::Max
                | Self::Avg
                | Self::First
                | Self::Last
                | Self::Distinct
        )
    }

    /// Whether its events may be left out, which stands for any event.
    pub(super) fn defaults_to_any(self) -> bool {
        matches!(self, Self::DaysActive | Self::Streak)
    }

    /// The word before the duration that it needs beside its window.
    pub(super) fn step_word(self) -> Option<&'static str> {
        match self {
            Self::Periods => Some("every"),
            Self::Resumed => Some("after"),
            _ => None,
        }
    }

    /// Whether it is a condition and not a value.
    pub(super) fn is_condition(self) -> bool {
        matches!(self, Self::Exists | Self::FirstTime | Self::Stopped | Self::Resumed)
    }

    /// An example of its use.
    pub(super) fn example(self) -> &'static str {
        match self {
            Self::Periods => "periods(\"Page Viewed\" every 1w within 4w) >= 3",
            Self::Resumed => "resumed(\"Page Viewed\" after 30d within 7d)",
            Self::FirstTime => "first_time(\"Order Completed\" within 7d)",
            Self::Stopped => "stopped(\"Page Viewed\" within 30d)",
            Self::Streak => "streak(\"Page Viewed\") >= 7",
            Self::DaysActive => "days_active(within 30d) >= 5",
            _ => "count(\"Page Viewed\" within 7d) >= 3",
        }
    }
}
