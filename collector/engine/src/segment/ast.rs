//! A rule as it was written: a tree with the place of every part.
//!
//! It knows nothing of types, leaves or state. The enums grow with the language: a new window,
//! aggregate or condition is a new variant here and one more arm in the check.
use super::diagnostic::Span;
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
}

/// Which events an aggregate looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Events {
    /// `"*"`.
    Any,
    /// By name; sorted, each once.
    Named(Vec<String>),
}

/// The stretch of time an aggregate looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Window {
    /// Everything ever.
    Lifetime,
    /// `(now − ms, now]`.
    Within(i64),
}

impl Window {
    /// The length of a window that has one.
    pub(super) fn length(self) -> Option<i64> {
        match self {
            Self::Lifetime => None,
            Self::Within(ms) => Some(ms),
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
        }
    }
}

impl Function {
    /// Every function, in the order in which documentation lists them.
    pub(super) const ALL: [Self; 11] = [
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
        }
    }

    /// Whether it is written `f(p of "E")`.
    pub(super) fn takes_property(self) -> bool {
        match self {
            Self::Count | Self::Exists | Self::TimeSince | Self::TimeSinceFirst => false,
            Self::Sum
            | Self::Min
            | Self::Max
            | Self::Avg
            | Self::First
            | Self::Last
            | Self::Distinct => true,
        }
    }
}
