//! Why a person is in a segment or not: the rule as a tree, with what each part comes to.
//!
//! The tree follows the text. Each part is compiled again by the compiler that made the plan, onto
//! the same leaves, so what is said of a part is what the engine goes by.
use super::ast::{Aggregate, Expr, Kind, Window};
use super::check::Check;
use super::compile::{Setting, names_of, table_of};
use super::condition::{Operand, Plain};
use super::diagnostic::Span;
use super::evidence::{Facts, Found};
use super::look::{Look, Moving, NEVER};
use super::parse::parse;
use super::rules::Rules;
use super::subject::Subject;
use crate::rules::SegmentSource;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::Serialize;
use sillage_model::{Fact, SegmentIndex};

/// Why a person is in a segment at an instant, or is not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The segment's key.
    pub segment: String,
    /// Whether the person is in it.
    pub member: bool,
    /// Whether the person would be in it, had they not been held out of it.
    pub held_out: bool,
    /// Since when, in milliseconds since the epoch.
    pub entered_at: Option<i64>,
    /// When that changes by itself if nothing more happens; `None` if it does not within the next
    /// thousand instants at which anything changes.
    pub changes_at: Option<i64>,
    /// The rule that lets in.
    pub rule: ExplainNode,
    /// The rule that lets out, if there is one.
    pub exit: Option<ExplainNode>,
    /// Whether the purpose that the segment needs was agreed to; `None` if it needs none.
    pub consent: Option<bool>,
    /// Until when the person stays whatever the rules say, in milliseconds since the epoch.
    pub stays_until: Option<i64>,
    /// Single events that would change the membership at once; each was tried.
    pub flips: Vec<Flip>,
}

/// A part of a rule and what it comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExplainNode {
    /// The part as it was written.
    pub text: String,
    /// Its first byte in the rule.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// Whether it holds; `None` for a value, which neither holds nor does not.
    pub holds: Option<bool>,
    /// What it comes to, if it has a value; `missing` if it has none now.
    pub value: Option<String>,
    /// When it may come to something else by itself, in milliseconds since the epoch; never too late.
    pub until: Option<i64>,
    /// The latest of the events that made it so, oldest first.
    pub evidence: Vec<Evidence>,
    /// How many there are in all.
    pub evidence_total: usize,
    /// Its parts.
    pub children: Vec<ExplainNode>,
}

/// An event that a part of a rule saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Its name.
    pub name: String,
    /// When it happened, in milliseconds since the epoch.
    pub at: i64,
    /// The sender's id of it.
    pub message_id: String,
    /// The device it came from; empty if it came from none.
    pub device: String,
    /// What of it mattered: the value of a property, or which step of a sequence it was.
    pub what: String,
}

/// A single event that would change the membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flip {
    /// What would have to happen, in words.
    pub text: String,
}

/// One person at one instant, and what is known to have happened.
pub(crate) struct Explaining<'a, S> {
    look: Look<'a, S>,
    check: Check<'a>,
    text: &'a str,
    facts: Facts<'a>,
}

impl Rules {
    /// The trees of both rules of a segment, and whether its purpose was agreed to.
    pub(crate) fn explain<S: Subject>(
        &self,
        (sources, setting): (&[SegmentSource], Setting<'_>),
        segment: SegmentIndex,
        (subject, now): (&S, i64),
        facts: &[Fact<'_>],
    ) -> (ExplainNode, Option<ExplainNode>, Option<bool>) {
        let source = &sources[usize::from(segment.0)];
        let keys = names_of(sources);
        let (names, mut table) = table_of(sources, setting, &keys);
        let mut tree = |text: &str| {
            let expr = parse(text).expect("it was compiled before");
            let look = Look { rules: self, subject, now };
            let facts = Facts::new(facts, &self.zone, now, subject.latest_session());
            let check = Check::new(&names, &mut table);
            Explaining { look, check, text, facts }.node(&expr)
        };
        let rule = tree(&source.when);
        let exit = source.exit.as_deref().map(tree);
        let plan = &self.segments[usize::from(segment.0)];
        let look = Look { rules: self, subject, now };
        let consent = plan.consent.as_ref().map(|consent| look.node(consent).holds);
        (rule, exit, consent)
    }
}

impl<S: Subject> Explaining<'_, S> {
    fn node(&mut self, expr: &Expr) -> ExplainNode {
        let mut node = self.condition(expr);
        match &expr.kind {
            Kind::All(parts) | Kind::Any(parts) => {
                node.children = parts.iter().map(|part| self.node(part)).collect();
            }
            Kind::Not(inner) => node.children = alloc::vec![self.node(inner)],
            Kind::Aggregate(aggregate) => self.show_events(aggregate, &mut node),
            Kind::Sequence(sequence) => {
                let predicates =
                    self.predicates(sequence.steps.iter().map(|s| s.predicate.as_deref()));
                node.see(self.facts.of_sequence(sequence, &predicates));
            }
            Kind::Compare { left, right, .. } => self.operands(&[left, right], &mut node),
            Kind::Between { operand, low, high } => {
                self.operands(&[operand, low, high], &mut node);
            }
            Kind::In { operand, .. } | Kind::Text { operand, .. } => {
                self.operands(&[operand], &mut node);
            }
            Kind::Present(inner) => self.operands(&[inner], &mut node),
            Kind::Path(_) | Kind::Ratio(..) | Kind::Sessions(_) | Kind::Bucket(_) => {
                self.operands(&[expr], &mut node);
            }
            Kind::Segment(_) | Kind::Literal(_) => {}
        }
        node
    }

    /// A condition and whether it holds, without its parts.
    fn condition(&mut self, expr: &Expr) -> ExplainNode {
        let node = self.check.condition(expr);
        let seen = self.look.rules.seen(&node, self.look.subject, self.look.now);
        let mut found = self.blank(expr.span);
        found.holds = Some(seen.holds);
        found.until = (seen.until != NEVER).then_some(seen.until);
        found
    }

    /// The values that a condition is about: on the condition itself if it is one, else as parts.
    fn operands(&mut self, operands: &[&Expr], node: &mut ExplainNode) {
        let is_value = |expr: &&&Expr| !matches!(expr.kind, Kind::Literal(_));
        let values: Vec<&&Expr> = operands.iter().filter(is_value).collect();
        if let [one] = values[..] {
            self.value(one, node);
            return;
        }
        for expr in values {
            let mut part = self.blank(expr.span);
            self.value(expr, &mut part);
            node.children.push(part);
        }
    }

    /// Notes what a value is and where it comes from.
    fn value(&mut self, expr: &Expr, node: &mut ExplainNode) {
        let Some((operand, _)) = self.check.operand(expr, None) else { return };
        let (value, until) = self.look.rules.read(&operand, self.look.subject, self.look.now);
        node.value = Some(value.unwrap_or_else(|| "missing".to_string()));
        if node.holds.is_none() && until != NEVER {
            node.until = Some(until);
        }
        match (&expr.kind, &operand) {
            (Kind::Aggregate(aggregate), _) => self.show_events(aggregate, node),
            (Kind::Ratio(above, below), _) => {
                for part in [above, below] {
                    if !matches!(part.kind, Kind::Literal(_)) {
                        let mut child = self.blank(part.span);
                        self.value(part, &mut child);
                        node.children.push(child);
                    }
                }
            }
            (Kind::Path(path), Operand::Trait(_)) => node.see(self.facts.of_trait(path)),
            (Kind::Path(path), Operand::Leaf(..)) => node.see(self.facts.of_context(path)),
            _ => {}
        }
    }

    /// Notes the events that an aggregate saw. Of a count only as much is kept as its test needs;
    /// the events tell the whole of it.
    fn show_events(&mut self, aggregate: &Aggregate, node: &mut ExplainNode) {
        let predicates = self.predicates([aggregate.predicate.as_deref()].into_iter());
        let found = self.facts.of_aggregate(aggregate, predicates[0].as_ref());
        if aggregate.counts_events() && aggregate.window.value != Window::Lifetime {
            node.value = Some(found.total.to_string());
        }
        node.see(found);
    }

    fn predicates<'e>(
        &mut self,
        exprs: impl Iterator<Item = Option<&'e Expr>>,
    ) -> Vec<Option<super::condition::Node>> {
        let before = core::mem::replace(&mut self.check.in_where, true);
        let nodes = exprs.map(|expr| expr.map(|expr| self.check.condition(expr))).collect();
        self.check.in_where = before;
        nodes
    }

    fn blank(&self, span: Span) -> ExplainNode {
        ExplainNode {
            text: self.text.get(span.start..span.end).unwrap_or_default().to_string(),
            start: span.start,
            end: span.end,
            holds: None,
            value: None,
            until: None,
            evidence: Vec::new(),
            evidence_total: 0,
            children: Vec::new(),
        }
    }
}

impl ExplainNode {
    fn see(&mut self, found: Found) {
        self.evidence_total = found.total;
        self.evidence = found.latest;
    }
}

impl<S: Subject> Look<'_, S> {
    /// A value in words; `None` if it is missing.
    pub(super) fn words(&self, value: Moving<'_>) -> Option<String> {
        match value {
            Moving::Missing => None,
            Moving::Still(value) => Some(words_of(value)),
            Moving::Since(0) => Some(self.now.to_string()),
            Moving::Since(start) => Some(duration(self.now.saturating_sub(start))),
            Moving::Score(_, value) => Some(format!("{value:.3}")),
        }
    }
}

/// A value as it would be written in a rule.
pub(super) fn words_of(value: Plain<'_>) -> String {
    match value {
        Plain::Number(n) => format!("{n}"),
        Plain::Bool(b) => b.to_string(),
        Plain::Text(text) => format!("{text:?}"),
        Plain::List(list) => {
            let items = list.iter().filter_map(Plain::of).map(words_of);
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Milliseconds as `3d 4h 5m 6.007s`, without leading parts that are nothing.
fn duration(ms: i64) -> String {
    let mut text = String::new();
    let mut rest = ms;
    for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)] {
        if rest >= length || !text.is_empty() {
            text.push_str(&format!("{}{unit} ", rest / length));
        }
        rest %= length;
    }
    text + &format!("{}.{:03}s", rest / 1_000, rest % 1_000)
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_are_words() {
        assert_eq!(duration(0), "0.000s");
        assert_eq!(duration(61_005), "1m 1.005s");
        assert_eq!(duration(86_400_000), "1d 0h 0m 0.000s");
    }
}
