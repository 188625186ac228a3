//! What an aggregate needs to have kept, and how it is read back.
use super::ast::{Aggregate, Expr, Function, Window};
use super::canonical::canonical;
use super::check::{Check, Type};
use super::condition::{NumberReading, Operand, Property, Reading, Test};
use super::diagnostic::Fault;
use super::leaf::LeafKind;
use super::limits::{KEPT_MAX, WINDOW_ENTRIES_MAX};
use alloc::format;
use alloc::string::String;

impl Check<'_> {
    /// The condition after `where`, shared with all that are spelled alike.
    fn predicate(&mut self, expr: &Expr) -> (u16, String) {
        let before = core::mem::replace(&mut self.in_where, true);
        let node = self.condition(expr);
        self.in_where = before;
        let spelled = canonical(expr);
        (self.table.predicate(&spelled, node), spelled)
    }

    /// An aggregate over events; `test` as in [`Check::operand`].
    pub(super) fn aggregate(
        &mut self,
        aggregate: &Aggregate,
        test: Option<&Test>,
    ) -> Option<(Operand, Type)> {
        if self.in_where {
            let message = "`where` looks at one event; nothing is computed over events in it";
            let fault = Fault::new(aggregate.function_span, message, "not a property of the event");
            self.fault(fault.help("move it out of `where` and join it with `and`"));
            return None;
        }
        let faults_before = self.found.faults.len();
        let predicate = aggregate.predicate.as_deref().map(|expr| self.predicate(expr));
        let property = match &aggregate.property {
            Some(path) => Some(self.property(&path.value, path.span)?),
            None => None,
        };
        let (kind, reading) = self.plan(aggregate, property, test)?;
        if self.found.faults.len() > faults_before {
            return None;
        }
        self.found.moves |= reading.moves();
        if !self.found.events.contains(&aggregate.events) {
            self.found.events.push(aggregate.events.clone());
        }
        let retain_ms = aggregate.window.value.length();
        let leaf = self.table.leaf(&aggregate.events, predicate, kind, retain_ms);
        let Some(leaf) = leaf else {
            let message = "all segments together have too many aggregates";
            self.fault(Fault::new(aggregate.function_span, message, "one too many"));
            return None;
        };
        if !self.found.leaves.contains(&leaf) {
            self.found.leaves.push(leaf);
        }
        let of_type = match aggregate.function {
            Function::First | Function::Last => Type::Any,
            _ => Type::Number,
        };
        Some((Operand::Leaf(leaf, reading), of_type))
    }

    /// The leaf and the reading of one aggregate. The parser has seen to it that those that need a
    /// property have one.
    fn plan(
        &mut self,
        aggregate: &Aggregate,
        property: Option<Property>,
        test: Option<&Test>,
    ) -> Option<(LeafKind, Reading)> {
        let window = aggregate.window.value.length();
        let number = |reading| Reading::Number(reading, window);
        match (aggregate.function, aggregate.window.value) {
            (Function::Count | Function::Exists, Window::Lifetime) => {
                return Some((LeafKind::Counter, Reading::Count(None)));
            }
            (Function::Count | Function::Exists, Window::Within(_)) => {
                let keep = self.keep(aggregate, test)?;
                return Some((LeafKind::Times { keep }, Reading::Count(window)));
            }
            (Function::TimeSince, _) => {
                return Some((LeafKind::Times { keep: 1 }, Reading::SinceLatest(window)));
            }
            (Function::TimeSinceFirst, Window::Lifetime) => {
                return Some((LeafKind::Earliest, Reading::SinceEarliest(None)));
            }
            (Function::TimeSinceFirst, Window::Within(_)) => {
                self.capped(aggregate);
                let keep = WINDOW_ENTRIES_MAX;
                return Some((LeafKind::Times { keep }, Reading::SinceEarliest(window)));
            }
            _ => {}
        }
        let property = property?;
        Some(match (aggregate.function, aggregate.window.value) {
            (Function::Distinct, _) => {
                let keep = self.keep(aggregate, test)?;
                (LeafKind::Distinct { property, keep }, Reading::Distinct(window))
            }
            (Function::Last, _) => (LeafKind::Last(property), Reading::Value(window)),
            (Function::First, Window::Lifetime) => {
                (LeafKind::First(property), Reading::Value(None))
            }
            (Function::First, Window::Within(_)) => {
                self.capped(aggregate);
                (LeafKind::FirstWithin(property), Reading::Value(window))
            }
            (function, window) => {
                let reading = match function {
                    Function::Sum => NumberReading::Sum,
                    Function::Avg => NumberReading::Avg,
                    Function::Min => NumberReading::Min,
                    _ => NumberReading::Max,
                };
                let kind = match (window, reading) {
                    (Window::Within(_), _) => {
                        self.capped(aggregate);
                        LeafKind::Numbers(property)
                    }
                    (Window::Lifetime, NumberReading::Sum | NumberReading::Avg) => {
                        LeafKind::Sum(property)
                    }
                    (Window::Lifetime, _) => LeafKind::Extremes(property),
                };
                (kind, number(reading))
            }
        })
    }

    /// How many entries answer the test exactly.
    fn keep(&mut self, aggregate: &Aggregate, test: Option<&Test>) -> Option<u32> {
        let name = aggregate.function.name();
        let span = aggregate.function_span;
        let Some(test) = test else {
            let window = match aggregate.window.value {
                Window::Lifetime => "",
                Window::Within(_) => " within a window",
            };
            let message = format!("`{name}`{window} is compared with a number written in the rule");
            let fault = Fault::new(span, message, "compared with something else");
            self.fault(fault.help("the number decides how many entries are kept per person"));
            return None;
        };
        let enough = test.enough();
        if enough > f64::from(KEPT_MAX) {
            let message = format!("`{name}` may be compared with numbers up to {KEPT_MAX} here");
            let fault = Fault::new(span, message, "compared with a larger number");
            self.fault(fault.help("so many entries would be kept for each person"));
            return None;
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and KEPT_MAX"
        )]
        let keep = enough.max(1.0) as u32;
        Some(keep)
    }

    fn capped(&mut self, aggregate: &Aggregate) {
        let name = aggregate.function.name();
        if !self.found.capped.iter().any(|known| known == name) {
            self.found.capped.push(name.into());
        }
    }
}

impl Reading {
    /// Whether what is read changes without an event.
    fn moves(self) -> bool {
        match self {
            Self::SinceLatest(_) | Self::SinceEarliest(_) => true,
            Self::Count(window)
            | Self::Number(_, window)
            | Self::Value(window)
            | Self::Distinct(window) => window.is_some(),
        }
    }
}
