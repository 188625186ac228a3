//! Random questions, and their answers computed afresh from all events.
//!
//! It shares nothing with the engine but the meaning of the words.
use super::{Sent, sent};
use proptest::prelude::*;
use sillage_model::Value;
use std::collections::BTreeSet;

/// A property of a test event.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Prop {
    Absent,
    Null,
    Number(f64),
    Text(&'static str),
    Bool(bool),
}

/// An event of a test world.
#[derive(Debug, Clone)]
pub(super) struct Happened {
    pub(super) name: &'static str,
    pub(super) at: i64,
    pub(super) tie: u64,
    pub(super) p: Prop,
    pub(super) q: i64,
    /// How long after `at` it was received.
    pub(super) delay: i64,
}

impl Happened {
    pub(super) fn sent(&self) -> Sent {
        let mut event = sent(self.name, self.at).with("q", Value::Int(self.q));
        event.tie = self.tie;
        match self.p {
            Prop::Absent => event,
            Prop::Null => event.with("p", Value::Null),
            // Whole numbers come in both spellings.
            Prop::Number(n) if n.fract() == 0.0 && self.tie.is_multiple_of(2) => {
                event.with("p", Value::Int(n as i64))
            }
            Prop::Number(n) => event.with("p", Value::Float(n)),
            Prop::Text(text) => event.with("p", Value::Str(text)),
            Prop::Bool(b) => event.with("p", Value::Bool(b)),
        }
    }
}

/// A comparison of an aggregate.
#[derive(Debug, Clone)]
pub(super) struct Term {
    pub(super) function: &'static str,
    pub(super) names: &'static [&'static str],
    pub(super) q_above: Option<i64>,
    pub(super) window: Option<i64>,
    pub(super) test: Tested,
}

/// What it is compared with.
#[derive(Debug, Clone)]
pub(super) enum Tested {
    Number(&'static str, f64),
    Text(&'static str),
    Between(f64, f64),
    In(Vec<f64>),
    Exists,
    /// Two aggregates.
    Other(&'static str, Box<Term>),
}

/// A condition.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    Term(Term),
    Not(Box<Rule>),
    All(Vec<Rule>),
    Any(Vec<Rule>),
}

const NEEDS_PROPERTY: [&str; 7] = ["sum", "min", "max", "avg", "first", "last", "distinct"];

impl Term {
    fn over(&self) -> String {
        let of = if NEEDS_PROPERTY.contains(&self.function) { "p of " } else { "" };
        let filter = self.q_above.map_or(String::new(), |q| format!(" where q > {q}"));
        let window = self.window.map_or(String::new(), |w| format!(" within {w}ms"));
        format!("{}({of}{:?}{filter}{window})", self.function, self.names)
    }

    fn text(&self) -> String {
        let over = self.over();
        match &self.test {
            Tested::Exists if self.function == "exists" => over,
            Tested::Exists => format!("exists({over})"),
            Tested::Number(op, n) => format!("{over} {op} {n}"),
            Tested::Text(text) => format!("{over} == {text:?}"),
            Tested::Between(low, high) => format!("{over} between {low} and {high}"),
            Tested::In(list) => format!("{over} in {list:?}"),
            Tested::Other(op, other) => format!("{over} {op} {}", other.over()),
        }
    }

    fn value(&self, world: &[Happened], now: i64) -> Prop {
        let any = self.names.contains(&"*");
        let mut seen: Vec<&Happened> = world
            .iter()
            .filter(|e| any || self.names.contains(&e.name))
            .filter(|e| self.q_above.is_none_or(|q| e.q > q))
            .filter(|e| self.window.is_none_or(|w| now - w < e.at && e.at <= now))
            .collect();
        seen.sort_by_key(|e| (e.at, e.tie));
        let given: Vec<&Prop> =
            seen.iter().map(|e| &e.p).filter(|p| !matches!(p, Prop::Absent | Prop::Null)).collect();
        let numbers: Vec<f64> = given
            .iter()
            .filter_map(|p| if let Prop::Number(n) = p { Some(*n) } else { None })
            .collect();
        let sum: f64 = numbers.iter().sum();
        let number = |n: Option<f64>| n.map_or(Prop::Absent, Prop::Number);
        let since = |e: Option<&&Happened>| number(e.map(|e| (now - e.at) as f64));
        match self.function {
            "count" | "exists" => Prop::Number(seen.len() as f64),
            "sum" => Prop::Number(sum),
            "avg" if numbers.is_empty() => Prop::Absent,
            "avg" => Prop::Number(sum / numbers.len() as f64),
            "min" => number(numbers.iter().copied().reduce(f64::min)),
            "max" => number(numbers.iter().copied().reduce(f64::max)),
            "first" => given.first().map_or(Prop::Absent, |p| (*p).clone()),
            "last" => given.last().map_or(Prop::Absent, |p| (*p).clone()),
            "distinct" => {
                let values: BTreeSet<String> = given.iter().map(|p| format!("{p:?}")).collect();
                Prop::Number(values.len() as f64)
            }
            "time_since" => since(seen.last()),
            _ => since(seen.first()),
        }
    }

    fn holds(&self, world: &[Happened], now: i64) -> bool {
        let value = self.value(world, now);
        match (&self.test, value) {
            (Tested::Exists, Prop::Number(n)) if self.function == "exists" => n > 0.0,
            (Tested::Exists, value) => value != Prop::Absent,
            (Tested::Number(op, x), Prop::Number(n)) => ordered(op, n, *x),
            (Tested::Text(text), Prop::Text(value)) => *text == value,
            (Tested::Between(low, high), Prop::Number(n)) => *low <= n && n <= *high,
            (Tested::In(list), Prop::Number(n)) => list.contains(&n),
            (Tested::Other(op, other), Prop::Number(n)) => match other.value(world, now) {
                Prop::Number(x) => ordered(op, n, x),
                _ => false,
            },
            (Tested::Other("==", other), value) => {
                value != Prop::Absent && value == other.value(world, now)
            }
            (Tested::Other("!=", other), Prop::Text(a)) => {
                matches!(other.value(world, now), Prop::Text(b) if a != b)
            }
            (Tested::Other("!=", other), Prop::Bool(a)) => {
                matches!(other.value(world, now), Prop::Bool(b) if a != b)
            }
            _ => false,
        }
    }
}

fn ordered(op: &str, a: f64, b: f64) -> bool {
    match op {
        "==" => a == b,
        "!=" => a != b,
        "<" => a < b,
        "<=" => a <= b,
        ">" => a > b,
        _ => a >= b,
    }
}

impl Rule {
    pub(super) fn text(&self) -> String {
        let joined = |parts: &[Self], word: &str| {
            let parts: Vec<String> = parts.iter().map(Self::text).collect();
            format!("({})", parts.join(word))
        };
        match self {
            Self::Term(term) => term.text(),
            Self::Not(inner) => format!("not ({})", inner.text()),
            Self::All(parts) => joined(parts, " and "),
            Self::Any(parts) => joined(parts, " or "),
        }
    }

    pub(super) fn holds(&self, world: &[Happened], now: i64) -> bool {
        match self {
            Self::Term(term) => term.holds(world, now),
            Self::Not(inner) => !inner.holds(world, now),
            Self::All(parts) => parts.iter().all(|part| part.holds(world, now)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(world, now)),
        }
    }
}

pub(super) fn event() -> impl Strategy<Value = Happened> {
    let prop = prop_oneof![
        1 => Just(Prop::Absent),
        1 => Just(Prop::Null),
        6 => (-8_i32..12).prop_map(|n| Prop::Number(f64::from(n) / 4.0)),
        2 => prop::sample::select(vec!["x", "y", "zz", ""]).prop_map(Prop::Text),
        1 => any::<bool>().prop_map(Prop::Bool),
    ];
    let name = prop::sample::select(vec!["A", "A", "B", "C"]);
    // Times in quarters of a second, so that several events share one.
    let delay = prop_oneof![Just(0_i64), 0_i64..4_000];
    (name, 0_i64..16, prop, 0_i64..4, delay).prop_map(|(name, at, p, q, delay)| Happened {
        name,
        at: at * 250,
        tie: 0,
        p,
        q,
        delay,
    })
}

/// Several events; ties tell them apart, as ids do.
pub(super) fn world() -> impl Strategy<Value = Vec<Happened>> {
    prop::collection::vec(event(), 0..14).prop_map(|mut world| {
        for (index, event) in world.iter_mut().enumerate() {
            event.tie = (index as u64 * 7) % 16;
        }
        world
    })
}

fn bare_term(function: &'static str) -> impl Strategy<Value = Term> {
    let names: Vec<&'static [&'static str]> = vec![&["A"], &["A", "B"], &["*"], &["C"]];
    let window = prop_oneof![
        Just(None),
        (4_i64..13).prop_map(|n| Some(n * 250)),
        (1_000_i64..4_000).prop_map(Some),
    ];
    (prop::sample::select(names), prop::option::weighted(0.3, 0_i64..3), window).prop_map(
        move |(names, q_above, window)| Term {
            function,
            names,
            q_above,
            window,
            test: Tested::Exists,
        },
    )
}

pub(super) const FUNCTIONS: [&str; 11] = [
    "count",
    "exists",
    "sum",
    "min",
    "max",
    "avg",
    "first",
    "last",
    "distinct",
    "time_since",
    "time_since_first",
];

fn op() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="])
}

fn number(function: &'static str) -> BoxedStrategy<f64> {
    match function {
        "count" | "distinct" => {
            prop_oneof![(0_u8..6).prop_map(f64::from), (-2_i8..12).prop_map(|n| f64::from(n) / 2.0)]
                .boxed()
        }
        "time_since" | "time_since_first" => prop_oneof![
            (0_i32..8_000).prop_map(f64::from),
            (0_i32..800).prop_map(|n| f64::from(n) * 2.5)
        ]
        .boxed(),
        _ => (-16_i32..32).prop_map(|n| f64::from(n) / 4.0).boxed(),
    }
}

pub(super) fn term_of(function: &'static str) -> BoxedStrategy<Term> {
    let bare = bare_term(function);
    if function == "exists" {
        return bare.boxed();
    }
    let never_missing = matches!(function, "count" | "sum" | "distinct");
    let n = || number(function);
    let tested = prop_oneof![
        6 => (op(), n()).prop_map(|(op, n)| Tested::Number(op, n)),
        2 => (n(), n()).prop_map(|(a, b)| Tested::Between(a.min(b), a.max(b))),
        1 => prop::collection::vec(n(), 1..4).prop_map(Tested::In),
        1 => Just(if never_missing { Tested::Number(">", 1.0) } else { Tested::Exists }),
        1 => if matches!(function, "first" | "last") {
            prop::sample::select(vec!["x", "y", ""]).prop_map(Tested::Text).boxed()
        } else {
            n().prop_map(|n| Tested::Number("==", n)).boxed()
        },
    ];
    (bare, tested).prop_map(|(term, test)| Term { test, ..term }).boxed()
}

/// Two aggregates compared with each other; those that need a literal are left out.
fn pair() -> impl Strategy<Value = Term> {
    let functions =
        vec!["sum", "min", "max", "avg", "first", "last", "time_since", "time_since_first"];
    let side = prop::sample::select(functions).prop_flat_map(bare_term);
    let other = prop::sample::select(vec!["sum", "max", "last", "time_since", "time_since_first"])
        .prop_flat_map(bare_term);
    (side, op(), other)
        .prop_map(|(term, op, other)| Term { test: Tested::Other(op, Box::new(other)), ..term })
}

pub(super) fn rule() -> impl Strategy<Value = Rule> {
    let term = prop_oneof![
        8 => prop::sample::select(FUNCTIONS.to_vec()).prop_flat_map(term_of),
        1 => pair(),
    ];
    let leaf = term.prop_map(Rule::Term);
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|rule| Rule::Not(Box::new(rule))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Rule::All),
            prop::collection::vec(inner, 2..4).prop_map(Rule::Any),
        ]
    })
}
