//! The rule language as a tree that prints itself as rule text.
//!
//! The engine reads the text, the oracle walks the tree, so the two share no parser and no
//! evaluation.
use std::fmt::{self, Display};

/// A whole number of millionths; prints as a decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal(pub i64);

/// What something is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A number.
    Number(Decimal),
    /// Text, without quotes or backslashes in it.
    Text(String),
    /// A truth value.
    Bool(bool),
    /// A span of time, in milliseconds.
    Span(i64),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

/// Which events an aggregate looks at.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// Names; empty for any event.
    pub names: Vec<String>,
    /// What must hold of the event.
    pub condition: Option<Box<Rule>>,
    /// Only the last so many milliseconds.
    pub within_ms: Option<i64>,
}

/// What an aggregate makes of the property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Total of the numbers.
    Sum,
    /// Smallest number.
    Min,
    /// Largest number.
    Max,
    /// Mean of the numbers.
    Avg,
    /// How many different values.
    Distinct,
    /// The earliest value.
    First,
    /// The latest value.
    Last,
}

/// Something that has a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// A property of the event at hand; only inside a `where`.
    Property(String),
    /// A trait of the person.
    Trait(String),
    /// A field of the person's latest session.
    Session(&'static str),
    /// The engagement score.
    Engagement,
    /// How many events.
    Count(Select),
    /// Something made of a property of events.
    Fold(Fold, String, Select),
    /// Time since the latest event.
    TimeSince(Select),
    /// Time since the earliest event.
    TimeSinceFirst(Select),
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// All of them.
    And(Vec<Rule>),
    /// Any of them.
    Or(Vec<Rule>),
    /// Not.
    Not(Box<Rule>),
    /// A comparison with a literal.
    Compare(Term, Op, Literal),
    /// One of a list.
    In(Term, Vec<Literal>),
    /// Text holds text, or a list holds a value.
    Contains(Term, Literal),
    /// Text begins so.
    StartsWith(Term, String),
    /// Text ends so.
    EndsWith(Term, String),
    /// Between two literals, both included.
    Between(Term, Literal, Literal),
    /// The value is not missing.
    Present(Term),
    /// There is such an event.
    Exists(Select),
    /// The person is in another segment.
    Segment(String),
}

impl Op {
    /// Whether an ordering satisfies it.
    #[must_use]
    pub fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Eq => ordering.is_eq(),
            Self::Ne => ordering.is_ne(),
            Self::Lt => ordering.is_lt(),
            Self::Le => ordering.is_le(),
            Self::Gt => ordering.is_gt(),
            Self::Ge => ordering.is_ge(),
        }
    }
}

impl Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let whole = self.0.unsigned_abs() / 1_000_000;
        let fraction = format!("{:06}", self.0.unsigned_abs() % 1_000_000);
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            fraction => write!(f, "{sign}{whole}.{fraction}"),
        }
    }
}

/// A span of time in the largest unit that divides it.
struct Span(i64);

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(i64, &str); 5] =
            [(604_800_000, "w"), (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
        match UNITS.iter().find(|(unit, _)| self.0 % unit == 0) {
            Some((unit, name)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}ms", self.0),
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Bool(value) => value.fmt(f),
            Self::Span(ms) => Span(*ms).fmt(f),
        }
    }
}

impl Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        })
    }
}

impl Display for Fold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Avg => "avg",
            Self::Distinct => "distinct",
            Self::First => "first",
            Self::Last => "last",
        })
    }
}

impl Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names.as_slice() {
            [] => f.write_str("\"*\"")?,
            [name] => write!(f, "\"{name}\"")?,
            names => {
                let names: Vec<String> = names.iter().map(|n| format!("\"{n}\"")).collect();
                write!(f, "[{}]", names.join(", "))?;
            }
        }
        if let Some(condition) = &self.condition {
            write!(f, " where {condition}")?;
        }
        if let Some(ms) = self.within_ms {
            write!(f, " within {}", Span(ms))?;
        }
        Ok(())
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Property(path) => f.write_str(path),
            Self::Trait(path) => write!(f, "trait.{path}"),
            Self::Session(field) => write!(f, "session.{field}"),
            Self::Engagement => f.write_str("score.engagement"),
            Self::Count(select) => write!(f, "count({select})"),
            Self::Fold(fold, path, select) => write!(f, "{fold}({path} of {select})"),
            Self::TimeSince(select) => write!(f, "time_since({select})"),
            Self::TimeSinceFirst(select) => write!(f, "time_since_first({select})"),
        }
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(rules) => join(f, rules, " and ", |r| matches!(r, Self::Or(_))),
            Self::Or(rules) => join(f, rules, " or ", |_| false),
            Self::Not(rule) if matches!(**rule, Self::And(_) | Self::Or(_)) => {
                write!(f, "not ({rule})")
            }
            Self::Not(rule) => write!(f, "not {rule}"),
            Self::Compare(term, op, literal) => write!(f, "{term} {op} {literal}"),
            Self::In(term, literals) => {
                let literals: Vec<String> = literals.iter().map(ToString::to_string).collect();
                write!(f, "{term} in [{}]", literals.join(", "))
            }
            Self::Contains(term, literal) => write!(f, "{term} contains {literal}"),
            Self::StartsWith(term, text) => write!(f, "{term} starts with \"{text}\""),
            Self::EndsWith(term, text) => write!(f, "{term} ends with \"{text}\""),
            Self::Between(term, low, high) => write!(f, "{term} between {low} and {high}"),
            Self::Present(term) => write!(f, "exists({term})"),
            Self::Exists(select) => write!(f, "exists({select})"),
            Self::Segment(key) => write!(f, "segment(\"{key}\")"),
        }
    }
}

fn join(
    f: &mut fmt::Formatter<'_>,
    rules: &[Rule],
    word: &str,
    wrapped: fn(&Rule) -> bool,
) -> fmt::Result {
    for (index, rule) in rules.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        if wrapped(rule) { write!(f, "({rule})")? } else { rule.fmt(f)? }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_prints_as_the_language_writes_it() {
        let viewed = Select {
            names: vec!["Product Viewed".into()],
            condition: Some(Box::new(Rule::Or(vec![
                Rule::Compare(
                    Term::Property("price".into()),
                    Op::Gt,
                    Literal::Number(Decimal(50_250_000)),
                ),
                Rule::In(Term::Property("category".into()), vec![Literal::Text("shoes".into())]),
            ]))),
            within_ms: Some(7 * 86_400_000),
        };
        let count = Rule::Compare(Term::Count(viewed), Op::Ge, Literal::Number(Decimal(3_000_000)));
        let rule = Rule::And(vec![
            count,
            Rule::Or(vec![
                Rule::Segment("a".into()),
                Rule::Not(Box::new(Rule::Segment("b".into()))),
            ]),
        ]);
        assert_eq!(
            rule.to_string(),
            "count(\"Product Viewed\" where price > 50.25 or category in [\"shoes\"] within 1w) \
             >= 3 and (segment(\"a\") or not segment(\"b\"))"
        );
    }
}
