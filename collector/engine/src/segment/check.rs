//! Tree to plan: resolves names, checks types and finds out what each leaf must keep.
//!
//! It goes on after a fault, so that one look shows them all. What it lets through evaluates
//! without surprises: in `where` only properties, in ratios only what stands still.
use super::ast::{CompareOp, Events, Expr, Function, Kind, Literal, Path, Spanned, TextTest};
use super::condition::{Node, Operand, Pattern, Plain, Reading, Test};
use super::diagnostic::{Fault, Span};
use super::instant::instant;
use super::leaf_table::LeafTable;
use super::limits::REGEX_BYTES_MAX;
use super::parse_aggregate::joined;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use regex::RegexBuilder;
use sillage_model::SegmentIndex;

/// What names may refer to.
pub(super) struct Names<'a> {
    pub(super) scores: &'a [&'a str],
    pub(super) segments: &'a BTreeMap<&'a str, SegmentIndex>,
}

/// Checks one rule; leaves are shared with the rules checked before.
pub(super) struct Check<'a> {
    pub(super) names: &'a Names<'a>,
    pub(super) table: &'a mut LeafTable,
    pub(super) found: Found,
    /// Whether the condition at hand is one about a single event.
    pub(super) in_where: bool,
}

/// What a rule turned out to be made of.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) faults: Vec<Fault>,
    pub(super) leaves: Vec<u16>,
    pub(super) events: Vec<Events>,
    /// Segments it refers to, and where.
    pub(super) segments: Vec<(SegmentIndex, Span)>,
    pub(super) reads_session: bool,
    pub(super) reads_score: bool,
    pub(super) reads_traits: bool,
    /// Whether it asks for the person's place under a salt, or for the time.
    pub(super) looks_at_who: bool,
    /// Whether the answer can change without an event.
    pub(super) moves: bool,
    /// How far back ends of sessions are asked for, in milliseconds.
    pub(super) sessions_ms: i64,
    /// What is kept only up to a number of entries, and in which leaf.
    pub(super) capped: Vec<(&'static str, u16)>,
}

/// What kind of values an operand has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Number,
    Text,
    Bool,
    Any,
}

impl<'a> Check<'a> {
    pub(super) fn new(names: &'a Names<'a>, table: &'a mut LeafTable) -> Self {
        Self { names, table, found: Found::default(), in_where: false }
    }

    pub(super) fn fault(&mut self, fault: Fault) {
        if !self.found.faults.contains(&fault) {
            self.found.faults.push(fault);
        }
    }

    /// A condition; after a fault any node will do.
    pub(super) fn condition(&mut self, expr: &Expr) -> Node {
        let node = match &expr.kind {
            Kind::Literal(Literal::Bool(holds)) => Some(Node::Constant(*holds)),
            Kind::Not(inner) => Some(Node::Not(Box::new(self.condition(inner)))),
            Kind::All(parts) => Some(Node::All(self.conditions(parts))),
            Kind::Any(parts) => Some(Node::Any(self.conditions(parts))),
            Kind::Present(inner) => self.present(inner),
            Kind::Segment(key) => self.member(key),
            Kind::Compare { op, op_span, left, right } => self.compare(*op, *op_span, left, right),
            Kind::Between { operand, low, high } => self.between(operand, low, high),
            Kind::In { operand, list } => self.membership(operand, list),
            Kind::Text { how, operand, needle } => self.text(*how, operand, needle),
            Kind::Aggregate(aggregate) if aggregate.function.is_condition() => {
                self.event_condition(aggregate)
            }
            Kind::Sequence(sequence) => self.sequence(sequence),
            Kind::Path(_)
            | Kind::Aggregate(_)
            | Kind::Literal(_)
            | Kind::Sessions(_)
            | Kind::Ratio(..)
            | Kind::Bucket(_) => self.truth(expr),
        };
        node.unwrap_or(Node::Constant(false))
    }

    fn conditions(&mut self, parts: &[Expr]) -> Box<[Node]> {
        parts.iter().map(|part| self.condition(part)).collect()
    }

    /// A value used as a condition.
    fn truth(&mut self, expr: &Expr) -> Option<Node> {
        let is_true = Test::Compare(CompareOp::Equal, Literal::Bool(true));
        if let Kind::Literal(literal) = &expr.kind {
            let message = format!("{} is not a condition", type_of(literal).name());
            let fault = Fault::new(expr.span, message, "a literal");
            self.fault(fault.help("compare something with it"));
            return None;
        }
        let (operand, of_type) = self.operand(expr, Some(&is_true))?;
        if matches!(of_type, Type::Bool | Type::Any) {
            return Some(Node::Test(operand, is_true));
        }
        let what = describe(expr);
        let example = if of_type == Type::Number { ">= 1" } else { "== \"…\"" };
        let message = format!("{what} is {}, not a condition", of_type.name());
        let fault = Fault::new(expr.span, message, "compare it with something");
        self.fault(fault.help(format!("for example: {what} {example}")));
        None
    }

    fn present(&mut self, inner: &Expr) -> Option<Node> {
        let never_missing = match &inner.kind {
            Kind::Aggregate(a) => matches!(
                a.function,
                Function::Count
                    | Function::Sum
                    | Function::Distinct
                    | Function::DaysActive
                    | Function::Streak
                    | Function::Periods
            ),
            Kind::Path(path) => path.names[0].value == "now" && !self.in_where,
            Kind::Ratio(..) => false,
            _ => true,
        };
        if never_missing {
            let message = "`exists` asks for a fact, a property or events";
            let fault = Fault::new(inner.span, message, "is never missing");
            self.fault(
                fault.help("compare it instead; of no events, count, sum and distinct are 0"),
            );
            return None;
        }
        let (operand, _) = self.operand(inner, None)?;
        Some(Node::Present(operand))
    }

    fn member(&mut self, key: &Spanned<String>) -> Option<Node> {
        if self.in_where {
            let message = "`where` looks at one event and knows no segments";
            self.fault(Fault::new(key.span, message, "not an event's property"));
            return None;
        }
        let Some(&segment) = self.names.segments.get(key.value.as_str()) else {
            let message = format!("there is no segment `{}`", key.value);
            let fault = Fault::new(key.span, message, "unknown segment");
            self.fault(fault.near(&key.value, self.names.segments.keys().copied()));
            return None;
        };
        self.found.segments.push((segment, key.span));
        Some(Node::Member(segment))
    }

    fn compare(&mut self, op: CompareOp, op_span: Span, left: &Expr, right: &Expr) -> Option<Node> {
        let (left, right) = (&self.dated(left, right)?, &self.dated(right, left)?);
        match (&left.kind, &right.kind) {
            (Kind::Literal(_), Kind::Literal(_)) => {
                let message = "both sides are literals, so the answer never changes";
                self.fault(Fault::new(left.span.to(right.span), message, "nothing to look at"));
                None
            }
            (_, Kind::Literal(literal)) => {
                self.test(left, Test::Compare(op, literal.clone()), right.span)
            }
            (Kind::Literal(literal), _) => {
                self.test(right, Test::Compare(op.swapped(), literal.clone()), left.span)
            }
            _ => self.compare_two(op, op_span, left, right),
        }
    }

    fn compare_two(
        &mut self,
        op: CompareOp,
        op_span: Span,
        left: &Expr,
        right: &Expr,
    ) -> Option<Node> {
        let (a, b) = (self.operand(left, None), self.operand(right, None));
        let ((a, a_type), (b, b_type)) = (a?, b?);
        let fault = if !a_type.meets(b_type) {
            let message = format!(
                "{} is {} and {} is {}, they never compare",
                describe(left),
                a_type.name(),
                describe(right),
                b_type.name()
            );
            Fault::new(left.span.to(right.span), message, "two types")
        } else if op.needs_order() && !(a_type.has_order() && b_type.has_order()) {
            let message = format!("`{}` compares numbers", op.symbol());
            Fault::new(op_span, message, "only numbers have an order").help("use `==` or `!=`")
        } else if is_score(&a) && moves_steadily(&b) || is_score(&b) && moves_steadily(&a) {
            let message = "a score compares with what stands still between events";
            Fault::new(left.span.to(right.span), message, "both sides move with time")
                .help("compare each with a number and join them with `and`")
        } else {
            return Some(Node::Compare(a, op, b));
        };
        self.fault(fault);
        None
    }

    fn between(&mut self, operand: &Expr, low: &Expr, high: &Expr) -> Option<Node> {
        let (low, high) = (&self.dated(low, operand)?, &self.dated(high, operand)?);
        let number = |expr: &Expr| match expr.kind {
            Kind::Literal(Literal::Number(n)) => Some(n),
            _ => None,
        };
        let span = low.span.to(high.span);
        if let (Some(low), Some(high)) = (number(low), number(high)) {
            if low > high {
                let fault =
                    Fault::new(span, "nothing is between these bounds", "upper bound first");
                self.fault(fault.help("write the smaller bound first"));
                return None;
            }
            return self.test(operand, Test::Between(low, high), span);
        }
        for bound in [low, high] {
            if matches!(bound.kind, Kind::Literal(Literal::Text(_) | Literal::Bool(_))) {
                let message = "the bounds of `between` are numbers or durations";
                self.fault(Fault::new(bound.span, message, "not a number"));
                return None;
            }
        }
        let from = self.compare(CompareOp::AtLeast, low.span, operand, low)?;
        let to = self.compare(CompareOp::AtMost, high.span, operand, high)?;
        Some(Node::All([from, to].into()))
    }

    /// A text that is compared with `now`, as the instant that it names; anything else as it is.
    fn dated(&mut self, expr: &Expr, with: &Expr) -> Option<Expr> {
        let is_now = |path: &Path| path.names.len() == 1 && path.names[0].value == "now";
        let Kind::Literal(Literal::Text(text)) = &expr.kind else { return Some(expr.clone()) };
        if self.in_where || !matches!(&with.kind, Kind::Path(path) if is_now(path)) {
            return Some(expr.clone());
        }
        match instant(text) {
            #[allow(clippy::cast_precision_loss, reason = "2^53 ms are 285 000 years")]
            Some(ms) => {
                Some(Expr { kind: Kind::Literal(Literal::Number(ms as f64)), ..expr.clone() })
            }
            None => {
                let fault = Fault::new(expr.span, "this text is no date", "not a date or time");
                self.fault(
                    fault.help(
                        "write \"2026-12-24\" (midnight UTC) or \"2026-12-24T18:00:00+01:00\"",
                    ),
                );
                None
            }
        }
    }

    fn membership(&mut self, operand: &Expr, list: &[Spanned<Literal>]) -> Option<Node> {
        let values: Vec<Literal> = list.iter().map(|item| item.value.clone()).collect();
        let whole = list.first()?.span.to(list.last()?.span);
        let test = Test::In(values);
        let (_, of_type) = self.operand(operand, Some(&test))?;
        for item in list {
            if let Some(fault) = mismatch(operand, of_type, &item.value, item.span) {
                self.fault(fault);
                return None;
            }
        }
        self.test(operand, test, whole)
    }

    fn text(&mut self, how: TextTest, operand: &Expr, needle: &Spanned<Literal>) -> Option<Node> {
        let words = how.words();
        let test = if how == TextTest::Matches {
            self.pattern(needle)?
        } else {
            Test::Text(how, needle.value.clone())
        };
        let (checked, of_type) = self.operand(operand, Some(&test))?;
        let is_text = matches!(needle.value, Literal::Text(_));
        let fault = if !matches!(of_type, Type::Text | Type::Any) {
            let message =
                format!("{} is {}, `{words}` looks into text", describe(operand), of_type.name());
            Fault::new(operand.span, message, "not text")
        } else if !is_text && (how != TextTest::Contains || of_type == Type::Text) {
            let message = format!("`{words}` needs text in quotes");
            Fault::new(needle.span, message, "not text")
        } else {
            return Some(Node::Test(checked, test));
        };
        self.fault(fault);
        None
    }

    fn pattern(&mut self, needle: &Spanned<Literal>) -> Option<Test> {
        let fault = match &needle.value {
            Literal::Text(text) => {
                let built = RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build();
                match built {
                    Ok(regex) => return Some(Test::Matches(Pattern(regex))),
                    Err(error) => {
                        // The last line of the parser's drawing says what is wrong.
                        let error = format!("{error}");
                        let why = error.lines().last().unwrap_or_default();
                        let why = why.trim_start_matches("error: ").trim();
                        let message = format!("this is no regular expression: {why}");
                        Fault::new(needle.span, message, "not a pattern")
                    }
                }
            }
            Literal::Number(_) | Literal::Bool(_) => {
                Fault::new(needle.span, "`matches` needs a pattern in quotes", "not text")
            }
        };
        self.fault(fault);
        None
    }

    /// A value against literals; `span` is where the literals stand.
    fn test(&mut self, expr: &Expr, test: Test, span: Span) -> Option<Node> {
        let (operand, of_type) = self.operand(expr, Some(&test))?;
        let fault = match &test {
            Test::Compare(op, literal) => mismatch(expr, of_type, literal, span).or_else(|| {
                let ordered = matches!(literal, Literal::Number(_));
                (op.needs_order() && !ordered).then(|| {
                    let message = format!("`{}` compares numbers", op.symbol());
                    let fault = Fault::new(span, message, "only numbers have an order");
                    with_number(fault, literal).or_help("use `==` or `!=`")
                })
            }),
            Test::Between(low, _) => mismatch(expr, of_type, &Literal::Number(*low), span),
            Test::In(_) | Test::Text(..) | Test::Matches(_) => None,
        };
        match fault {
            Some(fault) => {
                self.fault(fault);
                None
            }
            None => Some(Node::Test(operand, test)),
        }
    }

    /// A value. `test` is what it is tested with, if that is literals only: it decides how much of
    /// a window must be kept.
    pub(super) fn operand(&mut self, expr: &Expr, test: Option<&Test>) -> Option<(Operand, Type)> {
        match &expr.kind {
            Kind::Literal(literal) => Some((Operand::Literal(literal.clone()), type_of(literal))),
            Kind::Path(path) if self.in_where => {
                let property = self.property(path, expr.span)?;
                Some((Operand::Property(property), Type::Any))
            }
            Kind::Path(path) => self.fact(path, expr.span),
            Kind::Aggregate(aggregate) if !aggregate.function.is_condition() => {
                self.aggregate(aggregate, test)
            }
            Kind::Ratio(above, below) => self.ratio(above, below),
            Kind::Sessions(_) | Kind::Bucket(_) if self.in_where => {
                let message = "`where` looks at one event; this is about the person";
                let fault = Fault::new(expr.span, message, "not a property of the event");
                self.fault(fault.help("move it out of `where` and join it with `and`"));
                None
            }
            Kind::Sessions(within_ms) => {
                self.found.reads_session = true;
                self.found.moves |= within_ms.is_some();
                self.found.sessions_ms = self.found.sessions_ms.max(within_ms.unwrap_or(0));
                Some((Operand::Sessions(*within_ms), Type::Number))
            }
            Kind::Bucket(salt) => {
                self.found.looks_at_who = true;
                Some((Operand::Bucket(salt.as_str().into()), Type::Number))
            }
            _ => {
                let message = "a condition is true or false and is not compared";
                let fault = Fault::new(expr.span, message, "a condition, not a value");
                self.fault(fault.help("use it as it is, or put `not` before it"));
                None
            }
        }
    }

    /// `ratio(a, b)`. Values that grow by themselves are left out: when their quotient crosses a
    /// number is not computed.
    fn ratio(&mut self, above: &Expr, below: &Expr) -> Option<(Operand, Type)> {
        let (a, b) = (self.operand(above, None), self.operand(below, None));
        for (expr, found) in [(above, a.as_ref()), (below, b.as_ref())] {
            let (operand, of_type) = found?;
            let fault = if !of_type.has_order() {
                let message = format!("{} is {}, not a number", describe(expr), of_type.name());
                Fault::new(expr.span, message, "not a number")
            } else if moves_steadily(operand) {
                let message = "a ratio is of values that stand still between events";
                Fault::new(expr.span, message, "moves with time")
            } else {
                continue;
            };
            self.fault(fault);
            return None;
        }
        Some((Operand::Ratio(Box::new((a?.0, b?.0))), Type::Number))
    }
}

impl Type {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Text => "text",
            Self::Bool => "true or false",
            Self::Any => "a value of any type",
        }
    }

    fn meets(self, other: Self) -> bool {
        self == other || self == Self::Any || other == Self::Any
    }

    fn has_order(self) -> bool {
        matches!(self, Self::Number | Self::Any)
    }
}

fn type_of(literal: &Literal) -> Type {
    match Plain::of_literal(literal) {
        Plain::Number(_) => Type::Number,
        Plain::Text(_) => Type::Text,
        Plain::Bool(_) => Type::Bool,
        Plain::List(_) => Type::Any,
    }
}

fn is_score(operand: &Operand) -> bool {
    matches!(operand, Operand::Score(_))
}

fn moves_steadily(operand: &Operand) -> bool {
    matches!(
        operand,
        Operand::Score(_)
            | Operand::Now
            | Operand::Leaf(_, Reading::SinceLatest(_) | Reading::SinceEarliest(_))
    )
}

/// The fault of a literal that can never equal a value of that type.
fn mismatch(expr: &Expr, of_type: Type, literal: &Literal, span: Span) -> Option<Fault> {
    let written = type_of(literal);
    if of_type.meets(written) {
        return None;
    }
    let message = format!(
        "{} is {}, it never compares with {}",
        describe(expr),
        of_type.name(),
        written.name()
    );
    let fault = Fault::new(span, message, format!("this is {}", written.name()));
    Some(if of_type == Type::Number { with_number(fault, literal) } else { fault })
}

/// Suggests the number that a text literal spells.
fn with_number(fault: Fault, literal: &Literal) -> Fault {
    match literal {
        Literal::Text(text) if text.parse::<f64>().is_ok_and(f64::is_finite) => {
            fault.help(format!("write {text} without quotes"))
        }
        _ => fault,
    }
}

/// How a message names a part of the rule.
pub(super) fn describe(expr: &Expr) -> String {
    match &expr.kind {
        Kind::Path(path) => format!("`{}`", joined(path)),
        Kind::Aggregate(aggregate) => format!("`{}(…)`", aggregate.function.name()),
        Kind::Literal(literal) => type_of(literal).name().into(),
        Kind::Sessions(_) => "`sessions(…)`".into(),
        Kind::Ratio(..) => "`ratio(…)`".into(),
        Kind::Bucket(_) => "`bucket(…)`".into(),
        _ => "this".into(),
    }
}
