//! What an aggregate needs to have kept, and how it is read back.
use super::ast::{Aggregate, CompareOp, Expr, Function, Literal, Window};
use super::canonical::canonical;
use super::check::{Check, Type};
use super::condition::{Node, NumberReading, Operand, Pick, Property, Reading, Test};
use super::diagnostic::Fault;
use super::leaf::LeafKind;
use super::leaf_table::KeepsAll;
use super::limits::{KEPT_MAX, PERIODS_MAX};
use crate::limits::DAY_MS;
use alloc::format;
use alloc::string::String;

/// A leaf to be, and for how long it keeps its entries.
struct Wanted {
    kind: LeafKind,
    retain_ms: Option<i64>,
    keeps_all: KeepsAll,
}

impl Wanted {
    /// A leaf that keeps what it needs.
    fn exact(kind: LeafKind, retain_ms: Option<i64>) -> Self {
        Self { kind, retain_ms, keeps_all: KeepsAll::No }
    }

    /// A leaf that keeps as much as it may.
    fn all(kind: LeafKind, retain_ms: Option<i64>) -> Self {
        Self { kind, retain_ms, keeps_all: KeepsAll::Yes }
    }
}

impl Check<'_> {
    /// The condition after `where`, shared with all that are spelled alike.
    pub(super) fn predicate(&mut self, expr: &Expr) -> (u16, String) {
        let before = core::mem::replace(&mut self.in_where, true);
        let node = self.condition(expr);
        self.in_where = before;
        let spelled = canonical(expr);
        (self.table.predicate(&spelled, node), spelled)
    }

    /// An aggregate that is a condition.
    pub(super) fn event_condition(&mut self, aggregate: &Aggregate) -> Option<Node> {
        let at = |op, n| Test::Compare(op, Literal::Number(n));
        #[allow(clippy::cast_precision_loss, reason = "a window is at most five years")]
        let window = aggregate.window.value.length().unwrap_or(0) as f64;
        let (function, test) = match aggregate.function {
            Function::FirstTime => (Function::TimeSinceFirst, at(CompareOp::Less, window)),
            Function::Stopped => (Function::TimeSince, at(CompareOp::AtLeast, window)),
            Function::Resumed => return self.resumed(aggregate),
            _ => {
                let test = at(CompareOp::AtLeast, 1.0);
                let (operand, _) = self.aggregate(aggregate, Some(&test))?;
                return Some(Node::Test(operand, test));
            }
        };
        let mut ever = aggregate.clone();
        (ever.function, ever.window.value) = (function, Window::Lifetime);
        let (operand, _) = self.aggregate(&ever, Some(&test))?;
        Some(Node::Test(operand, test))
    }

    fn resumed(&mut self, aggregate: &Aggregate) -> Option<Node> {
        let gap_ms = aggregate.step_ms.as_ref()?.value;
        let window_ms = aggregate.window.value.length()?;
        let reach = window_ms.saturating_add(gap_ms);
        let times = Wanted::all(LeafKind::Times { keep: 1 }, Some(reach));
        let times = self.leaf_of(aggregate, times)?;
        let earliest = self.leaf_of(aggregate, Wanted::exact(LeafKind::Earliest, None))?;
        self.found.moves = true;
        Some(Node::Resumed { times, earliest, gap_ms, window_ms })
    }

    /// An aggregate over events; `test` as in [`Check::operand`].
    pub(super) fn aggregate(
        &mut self,
        aggregate: &Aggregate,
        test: Option<&Test>,
    ) -> Option<(Operand, Type)> {
        let property = match &aggregate.property {
            Some(path) => Some(self.property(&path.value, path.span)?),
            None => None,
        };
        let (wanted, reading) = self.plan(aggregate, property, test)?;
        let leaf = self.leaf_of(aggregate, wanted)?;
        self.found.moves |= reading.moves();
        self.found.reads_session |= aggregate.window.value == Window::Session;
        let of_type = match aggregate.function {
            Function::First | Function::Last => Type::Any,
            _ => Type::Number,
        };
        Some((Operand::Leaf(leaf, reading), of_type))
    }

    /// The number of a leaf over the events of an aggregate.
    fn leaf_of(&mut self, aggregate: &Aggregate, wanted: Wanted) -> Option<u16> {
        if self.in_where {
            let message = "`where` looks at one event; nothing is computed over events in it";
            let fault = Fault::new(aggregate.function_span, message, "not a property of the event");
            self.fault(fault.help("move it out of `where` and join it with `and`"));
            return None;
        }
        let faults_before = self.found.faults.len();
        let predicate = aggregate.predicate.as_deref().map(|expr| self.predicate(expr));
        if self.found.faults.len() > faults_before {
            return None;
        }
        if !self.found.events.contains(&aggregate.events) {
            self.found.events.push(aggregate.events.clone());
        }
        let predicate = predicate.map(|(index, spelled)| (Some(index), spelled));
        let kept = (wanted.retain_ms, wanted.keeps_all);
        let leaf = self.table.leaf(&aggregate.events, predicate, wanted.kind, kept);
        if leaf.is_none() {
            let message = "all segments together have too many aggregates";
            self.fault(Fault::new(aggregate.function_span, message, "one too many"));
        }
        if let Some(leaf) = leaf {
            self.note_leaf(leaf, wanted.keeps_all, aggregate.function.name());
        }
        leaf
    }

    /// Notes that the rule reads a leaf.
    pub(super) fn note_leaf(&mut self, leaf: u16, keeps_all: KeepsAll, name: &'static str) {
        if !self.found.leaves.contains(&leaf) {
            self.found.leaves.push(leaf);
        }
        let capped = (name, leaf);
        if keeps_all == KeepsAll::Yes && !self.found.capped.contains(&capped) {
            self.found.capped.push(capped);
        }
    }

    /// The leaf and the reading of one aggregate. The parser has seen to it that those that need a
    /// property, a window or a step have one.
    fn plan(
        &mut self,
        aggregate: &Aggregate,
        property: Option<Property>,
        test: Option<&Test>,
    ) -> Option<(Wanted, Reading)> {
        let window = aggregate.window.value;
        let retain = window.reach();
        let reading = aggregate.reading()?;
        if matches!(window, Window::Ago { .. } | Window::Session) {
            let by_device = window == Window::Session;
            return Some((Wanted::all(LeafKind::Log { property, by_device }, retain), reading));
        }
        let wanted = match aggregate.function {
            Function::Count | Function::Exists if window == Window::Lifetime => {
                Wanted::exact(LeafKind::Counter, None)
            }
            Function::Count | Function::Exists => {
                let (keep, keeps_all) = self.keep(aggregate, test)?;
                Wanted { kind: LeafKind::Times { keep }, retain_ms: retain, keeps_all }
            }
            Function::DaysActive => {
                let (keep, keeps_all) = self.keep(aggregate, test)?;
                Wanted { kind: LeafKind::Days { keep }, retain_ms: retain, keeps_all }
            }
            Function::Streak => {
                let (keep, keeps_all) = self.keep(aggregate, test)?;
                // Yesterday and the days that clocks shorten or lengthen.
                let days = i64::from(keep) + 4;
                let retain_ms = (keeps_all == KeepsAll::No).then_some(days * DAY_MS);
                Wanted { kind: LeafKind::Days { keep }, retain_ms, keeps_all }
            }
            Function::Periods => Wanted::all(LeafKind::Times { keep: 1 }, self.periods(aggregate)?),
            Function::TimeSince => Wanted::exact(LeafKind::Times { keep: 1 }, retain),
            Function::TimeSinceFirst if window == Window::Lifetime => {
                Wanted::exact(LeafKind::Earliest, None)
            }
            Function::TimeSinceFirst => Wanted::all(LeafKind::Times { keep: 1 }, retain),
            Function::Distinct => {
                let property = property?;
                let (keep, keeps_all) = self.keep(aggregate, test)?;
                Wanted { kind: LeafKind::Distinct { property, keep }, retain_ms: retain, keeps_all }
            }
            Function::Last => Wanted::exact(LeafKind::Last(property?), retain),
            Function::First if window == Window::Lifetime => {
                Wanted::exact(LeafKind::First(property?), None)
            }
            Function::First => Wanted::all(LeafKind::FirstWithin(property?), retain),
            Function::Sum | Function::Avg if window == Window::Lifetime => {
                Wanted::exact(LeafKind::Sum(property?), None)
            }
            Function::Min | Function::Max if window == Window::Lifetime => {
                Wanted::exact(LeafKind::Extremes(property?), None)
            }
            Function::Sum | Function::Avg | Function::Min | Function::Max => {
                Wanted::all(LeafKind::Numbers(property?), retain)
            }
            Function::FirstTime | Function::Stopped | Function::Resumed => return None,
        };
        Some((wanted, reading))
    }

    /// How long `periods` looks back, if that is a whole number of periods.
    fn periods(&mut self, aggregate: &Aggregate) -> Option<Option<i64>> {
        let (every, window) = (aggregate.step_ms.as_ref()?, aggregate.window.value.length()?);
        let is_whole = window % every.value == 0;
        if is_whole && window / every.value <= PERIODS_MAX {
            return Some(Some(window));
        }
        let message = format!("`within` is 1 to {PERIODS_MAX} times `every`");
        let fault = Fault::new(every.span, message, "does not fit the window");
        self.fault(fault.help("write for example `every 1w within 4w`"));
        None
    }

    /// How many entries answer the test exactly; without one as many as there may be.
    fn keep(&mut self, aggregate: &Aggregate, test: Option<&Test>) -> Option<(u32, KeepsAll)> {
        let Some(test) = test else { return Some((1, KeepsAll::Yes)) };
        let enough = test.enough();
        if enough > f64::from(KEPT_MAX) {
            let name = aggregate.function.name();
            let message = format!("`{name}` may be compared with numbers up to {KEPT_MAX} here");
            let fault =
                Fault::new(aggregate.function_span, message, "compared with a larger number");
            self.fault(fault.help("so many entries would be kept for each person"));
            return None;
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and KEPT_MAX"
        )]
        let keep = enough.max(1.0) as u32;
        Some((keep, KeepsAll::No))
    }
}

impl Aggregate {
    fn reading(&self) -> Option<Reading> {
        let window = self.window.value;
        Some(match self.function {
            Function::Count | Function::Exists => Reading::Count(window),
            Function::Sum => Reading::Number(NumberReading::Sum, window),
            Function::Min => Reading::Number(NumberReading::Min, window),
            Function::Max => Reading::Number(NumberReading::Max, window),
            Function::Avg => Reading::Number(NumberReading::Avg, window),
            Function::First => Reading::Value(Pick::First, window),
            Function::Last => Reading::Value(Pick::Last, window),
            Function::Distinct | Function::DaysActive => Reading::Distinct(window),
            Function::TimeSince => Reading::SinceLatest(window),
            Function::TimeSinceFirst => Reading::SinceEarliest(window),
            Function::Streak => Reading::Streak,
            Function::Periods => {
                let every_ms = self.step_ms.as_ref()?.value;
                Reading::Periods { every_ms, count: window.length()? / every_ms }
            }
            Function::FirstTime | Function::Stopped | Function::Resumed => return None,
        })
    }
}

impl Reading {
    /// Whether what is read changes without an event.
    fn moves(self) -> bool {
        match self {
            Self::SinceLatest(_) | Self::SinceEarliest(_) | Self::Streak | Self::Periods { .. } => {
                true
            }
            Self::Count(window)
            | Self::Number(_, window)
            | Self::Value(_, window)
            | Self::Distinct(window) => !matches!(window, Window::Lifetime | Window::Session),
        }
    }
}
