//! Reads operands at an instant, tests them, and says when the answer changes by time alone.
//!
//! Everything here is arithmetic on what is kept; nothing is changed and nothing allocated. It
//! relies on `now` being no earlier than any folded event.
use super::ast::CompareOp;
use super::condition::{Node, NumberReading, Operand, Plain, Reading, Test};
use super::feature::{HashAt, LeafState, NumberAt, ValueAt, to_micros, units};
use super::subject::{SessionValue, Subject, Verdict};
use sillage_model::Value;

/// An answer and the first instant at which it may be another; [`NEVER`] if none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    holds: bool,
    until: i64,
}

/// After all time.
const NEVER: i64 = i64::MAX;

/// A value, or how it moves.
#[derive(Debug, Clone, Copy)]
enum Moving<'a> {
    Missing,
    Still(Plain<'a>),
    /// `now` minus this.
    Since(i64),
    /// A score: its place and what it is now.
    Score(usize, f64),
}

/// A person at an instant.
pub(super) struct Look<'a, S> {
    pub(super) subject: &'a S,
    pub(super) now: i64,
}

impl<'a, S: Subject> Look<'a, S> {
    pub(super) fn verdict(&self, rule: &'a Node) -> Verdict {
        let Seen { holds, until } = self.node(rule);
        Verdict { member: holds, changes_at: (until != NEVER).then_some(until) }
    }

    fn node(&self, node: &'a Node) -> Seen {
        match node {
            Node::Constant(holds) => Seen { holds: *holds, until: NEVER },
            Node::All(parts) => self.all(parts, false),
            Node::Any(parts) => self.all(parts, true),
            Node::Not(inner) => {
                let seen = self.node(inner);
                Seen { holds: !seen.holds, ..seen }
            }
            Node::Test(operand, test) => self.test(operand, test),
            Node::Compare(left, op, right) => self.compare(left, *op, right),
            Node::Present(operand) => self.present(operand),
            Node::Member(segment) => Seen { holds: self.subject.is_member(*segment), until: NEVER },
        }
    }

    /// Whether no part is `decisive` (false decides an `and`, true an `or`). While one part stays
    /// decisive the others do not matter, so the answer holds until the last of them changes; if
    /// none is, until the first part changes.
    fn all(&self, parts: &'a [Node], decisive: bool) -> Seen {
        let mut soonest = NEVER;
        let mut decided_until = None;
        for part in parts {
            let seen = self.node(part);
            if seen.holds != decisive {
                soonest = soonest.min(seen.until);
                continue;
            }
            decided_until = decided_until.max(Some(seen.until));
            if seen.until == NEVER {
                break;
            }
        }
        match decided_until {
            Some(until) => Seen { holds: decisive, until },
            None => Seen { holds: !decisive, until: soonest },
        }
    }

    fn test(&self, operand: &'a Operand, test: &Test) -> Seen {
        if let Operand::Leaf(leaf, reading) = operand
            && let Some(state) = self.subject.features().of(*leaf)
            && let Some(seen) = self.test_entries(state, *reading, test)
        {
            return seen;
        }
        let (value, until) = self.read(operand);
        match value {
            Moving::Missing => Seen { holds: false, until },
            Moving::Still(value) => Seen { holds: test.holds(value), until },
            Moving::Since(start) => {
                let seen = self.test_since(start, until, test);
                let then_missing = matches!(operand, Operand::Leaf(_, Reading::SinceLatest(_)));
                // What fails until it goes missing fails for ever.
                let fails_on = then_missing && !seen.holds && seen.until == until;
                Seen { until: if fails_on { NEVER } else { seen.until }, ..seen }
            }
            Moving::Score(index, value) => {
                let crossing = |x| self.subject.score_next_crossing(index, x, self.now);
                let next = test.thresholds().filter_map(crossing).min();
                Seen { holds: test.holds(Plain::Number(value)), until: next.unwrap_or(NEVER) }
            }
        }
    }

    /// Tests what is made of a list of entries, walking them as they leave the window.
    fn test_entries(&self, state: &LeafState, reading: Reading, test: &Test) -> Option<Seen> {
        Some(match (state, reading) {
            (LeafState::Latest(at), Reading::Count(Some(window))) => {
                let times = self.visible(core::slice::from_ref(at), window, |at| *at);
                falling_count(times, window, |at| *at, test)
            }
            (LeafState::Times(list), Reading::Count(Some(window))) => {
                let times = self.visible(list, window, |at| *at);
                falling_count(times, window, |at| *at, test)
            }
            (LeafState::Distinct(list), Reading::Distinct(Some(window))) => {
                let values = self.visible(list, window, |held: &HashAt| held.at);
                falling_count(values, window, |held| held.at, test)
            }
            (LeafState::Numbers(list), Reading::Number(reading, Some(window))) => {
                let numbers = self.visible(list, window, |held: &NumberAt| held.at);
                shrinking_numbers(numbers, window, reading, test)
            }
            (LeafState::Value(held), Reading::Value(Some(window))) => {
                let list = core::slice::from_ref(&**held);
                first_values(self.visible(list, window, |held| held.at), window, test)
            }
            (LeafState::Values(list), Reading::Value(Some(window))) => {
                first_values(self.visible(list, window, |held| held.at), window, test)
            }
            _ => return None,
        })
    }

    /// Tests `now − start` while it grows, up to `gone`, when it goes missing or starts again.
    fn test_since(&self, start: i64, gone: i64, test: &Test) -> Seen {
        let holds = test.holds(since(start, self.now));
        let mut at = self.now;
        loop {
            let crossing = test.thresholds().map(|x| crossing_of(start, x, at)).min();
            let Some(next) = crossing.filter(|next| *next < gone) else {
                return Seen { holds, until: gone };
            };
            if test.holds(since(start, next)) != holds {
                return Seen { holds, until: next };
            }
            at = next;
        }
    }

    fn compare(&self, left: &'a Operand, op: CompareOp, right: &'a Operand) -> Seen {
        let (a, a_until) = self.read(left);
        let (b, b_until) = self.read(right);
        let until = a_until.min(b_until);
        let (Some(x), Some(y)) = (self.settle(a), self.settle(b)) else {
            return Seen { holds: false, until };
        };
        let crossing = match (a, y, b, x) {
            // Both grow alike, so how they compare does not change.
            (Moving::Since(_), _, Moving::Since(_), _) => NEVER,
            (Moving::Since(start), Plain::Number(y), ..) => crossing_of(start, y, self.now),
            (.., Moving::Since(start), Plain::Number(x)) => crossing_of(start, x, self.now),
            (Moving::Score(index, _), Plain::Number(y), ..) => self.score_crossing(index, y),
            (.., Moving::Score(index, _), Plain::Number(x)) => self.score_crossing(index, x),
            _ => NEVER,
        };
        Seen { holds: x.compares(op, y), until: until.min(crossing) }
    }

    fn score_crossing(&self, index: usize, threshold: f64) -> i64 {
        self.subject.score_next_crossing(index, threshold, self.now).unwrap_or(NEVER)
    }

    fn settle(&self, value: Moving<'a>) -> Option<Plain<'a>> {
        match value {
            Moving::Missing => None,
            Moving::Still(value) => Some(value),
            Moving::Since(start) => Some(since(start, self.now)),
            Moving::Score(_, value) => Some(Plain::Number(value)),
        }
    }

    fn present(&self, operand: &'a Operand) -> Seen {
        let (holds, until) = match operand {
            // A map is no value to compare, but it is there.
            Operand::Trait(path) => {
                let value = self.subject.trait_value(path);
                (value.is_some_and(|value| value != Value::Null), NEVER)
            }
            Operand::Leaf(leaf, reading) => {
                let (value, _) = self.read(operand);
                let newest = self.subject.features().of(*leaf).and_then(newest);
                let gone = reading.window().zip(newest).map(|(w, at)| at.saturating_add(w));
                match value {
                    Moving::Missing => (false, NEVER),
                    _ => (true, gone.unwrap_or(NEVER)),
                }
            }
            _ => (!matches!(self.read(operand).0, Moving::Missing), NEVER),
        };
        Seen { holds, until }
    }

    /// The value and when it next changes other than by moving as it says.
    fn read(&self, operand: &'a Operand) -> (Moving<'a>, i64) {
        let still =
            |value: Option<Plain<'a>>| (value.map_or(Moving::Missing, Moving::Still), NEVER);
        match operand {
            Operand::Literal(literal) => still(Some(Plain::of_literal(literal))),
            Operand::Trait(path) => still(self.subject.trait_value(path).and_then(Plain::of)),
            Operand::Session(field) => still(self.subject.session(*field).map(|v| match v {
                SessionValue::Number(n) => Plain::Number(n),
                SessionValue::Bool(b) => Plain::Bool(b),
                SessionValue::Text(text) => Plain::Text(text),
            })),
            Operand::Score(index) => {
                let index = usize::from(*index);
                (Moving::Score(index, self.subject.score(index, self.now)), NEVER)
            }
            Operand::Leaf(leaf, reading) => {
                self.read_leaf(self.subject.features().of(*leaf), *reading)
            }
            Operand::Property(_) => (Moving::Missing, NEVER),
        }
    }

    fn read_leaf(&self, state: Option<&'a LeafState>, reading: Reading) -> (Moving<'a>, i64) {
        let number = |n: f64| Moving::Still(Plain::Number(n));
        let Some(state) = state else {
            return match reading {
                Reading::Count(_)
                | Reading::Distinct(_)
                | Reading::Number(NumberReading::Sum, _) => (number(0.0), NEVER),
                _ => (Moving::Missing, NEVER),
            };
        };
        match (state, reading) {
            #[allow(clippy::cast_precision_loss, reason = "nobody sends 2^53 events")]
            (LeafState::Counter(count), Reading::Count(None)) => (number(*count as f64), NEVER),
            (LeafState::Latest(at), Reading::SinceLatest(window)) => {
                self.read_since(core::slice::from_ref(at).last(), window)
            }
            (LeafState::Times(list), Reading::SinceLatest(window)) => {
                self.read_since(list.last(), window)
            }
            (LeafState::Earliest(at), Reading::SinceEarliest(None)) => (Moving::Since(*at), NEVER),
            (LeafState::Times(list), Reading::SinceEarliest(Some(window))) => {
                self.read_since(self.visible(list, window, |at| *at).first(), Some(window))
            }
            (LeafState::Sum { micros, .. }, Reading::Number(NumberReading::Sum, None)) => {
                (number(micros.units()), NEVER)
            }
            (LeafState::Sum { count, micros }, Reading::Number(NumberReading::Avg, None)) => {
                (number(average((*micros).into(), *count)), NEVER)
            }
            (LeafState::Extremes { min, .. }, Reading::Number(NumberReading::Min, None)) => {
                (number(*min), NEVER)
            }
            (LeafState::Extremes { max, .. }, Reading::Number(NumberReading::Max, None)) => {
                (number(*max), NEVER)
            }
            (LeafState::Numbers(list), Reading::Number(reading, Some(window))) => {
                let list = self.visible(list, window, |held: &NumberAt| held.at);
                let until = list.first().map_or(NEVER, |held| held.at.saturating_add(window));
                let value = list.iter().fold(Tally::default(), Tally::with).read(reading);
                (value.map_or(Moving::Missing, number), until)
            }
            #[allow(clippy::cast_precision_loss, reason = "at most KEPT_MAX values are kept")]
            (LeafState::Distinct(list), Reading::Distinct(None)) => {
                (number(list.len() as f64), NEVER)
            }
            (LeafState::Value(held), Reading::Value(None)) => {
                (Moving::Still(held.value.plain()), NEVER)
            }
            (LeafState::Value(held), Reading::Value(Some(window))) => {
                self.read_value(core::slice::from_ref(&**held), window)
            }
            (LeafState::Values(list), Reading::Value(Some(window))) => {
                self.read_value(list, window)
            }
            // The state of another plan, or a windowed count, which is only tested.
            _ => (Moving::Missing, NEVER),
        }
    }

    fn read_since(&self, at: Option<&i64>, window: Option<i64>) -> (Moving<'a>, i64) {
        let gone = |at: i64| window.map_or(NEVER, |window| at.saturating_add(window));
        match at {
            Some(&at) if gone(at) > self.now => (Moving::Since(at), gone(at)),
            _ => (Moving::Missing, NEVER),
        }
    }

    fn read_value(&self, list: &'a [ValueAt], window: i64) -> (Moving<'a>, i64) {
        match self.visible(list, window, |held| held.at).first() {
            Some(held) => (Moving::Still(held.value.plain()), held.at.saturating_add(window)),
            None => (Moving::Missing, NEVER),
        }
    }

    /// The entries of an ascending list that are in the window.
    fn visible<'l, T>(&self, list: &'l [T], window: i64, at: impl Fn(&T) -> i64) -> &'l [T] {
        let first = list.partition_point(|held| at(held).saturating_add(window) <= self.now);
        &list[first..]
    }
}

impl Reading {
    fn window(self) -> Option<i64> {
        match self {
            Self::Count(window)
            | Self::SinceLatest(window)
            | Self::SinceEarliest(window)
            | Self::Number(_, window)
            | Self::Value(window)
            | Self::Distinct(window) => window,
        }
    }
}

fn since<'a>(start: i64, now: i64) -> Plain<'a> {
    #[allow(clippy::cast_precision_loss, reason = "2^53 ms are 285 000 years")]
    Plain::Number(now.saturating_sub(start) as f64)
}

/// The first instant after `after` at which `now − start` compares with `x` in another way.
fn crossing_of(start: i64, x: f64, after: i64) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
    let whole = |x: f64| x as i64;
    let reaches = start.saturating_add(whole(libm::ceil(x)));
    let passes = start.saturating_add(whole(libm::floor(x))).saturating_add(1);
    match (reaches > after, passes > after) {
        (true, true) => reaches.min(passes),
        (true, false) => reaches,
        (false, true) => passes,
        (false, false) => NEVER,
    }
}

/// Tests the number of visible entries, and finds the first instant at which enough have left to
/// turn the answer. Entries of one time leave together.
fn falling_count<T>(list: &[T], window: i64, at: impl Fn(&T) -> i64, test: &Test) -> Seen {
    #[allow(clippy::cast_precision_loss, reason = "at most KEPT_MAX entries are kept")]
    let passes = |count: usize| test.holds(Plain::Number(count as f64));
    let holds = passes(list.len());
    let mut left = list;
    while let Some(first) = left.first() {
        let time = at(first);
        let leaving = left.iter().take_while(|held| at(held) == time).count();
        left = &left[leaving..];
        if passes(left.len()) != holds {
            return Seen { holds, until: time.saturating_add(window) };
        }
    }
    Seen { holds, until: NEVER }
}

/// Tests what is made of the visible numbers. The states to come are the suffixes of the list, so
/// one walk from its end meets them all; the last met that turns the answer is the first to come.
fn shrinking_numbers(list: &[NumberAt], window: i64, reading: NumberReading, test: &Test) -> Seen {
    let passes =
        |tally: Tally| tally.read(reading).is_some_and(|number| test.holds(Plain::Number(number)));
    let holds = passes(list.iter().fold(Tally::default(), Tally::with));
    let mut until = NEVER;
    let mut tally = Tally::default();
    let mut after = None;
    for held in list.iter().rev() {
        if after != Some(held.at) && passes(tally) != holds {
            until = held.at.saturating_add(window);
        }
        after = Some(held.at);
        tally = tally.with(held);
    }
    Seen { holds, until }
}

/// Tests the first visible value, which gives way to the next when it leaves.
fn first_values(list: &[ValueAt], window: i64, test: &Test) -> Seen {
    let passes = |held: Option<&ValueAt>| held.is_some_and(|held| test.holds(held.value.plain()));
    let holds = passes(list.first());
    let mut left = list;
    while let Some(first) = left.first() {
        let leaving = left.iter().take_while(|held| held.at == first.at).count();
        left = &left[leaving..];
        if passes(left.first()) != holds {
            return Seen { holds, until: first.at.saturating_add(window) };
        }
    }
    Seen { holds, until: NEVER }
}

/// The time of the newest entry.
fn newest(state: &LeafState) -> Option<i64> {
    match state {
        LeafState::Latest(at) | LeafState::Earliest(at) => Some(*at),
        LeafState::Times(list) => list.last().copied(),
        LeafState::Numbers(list) => list.last().map(|held| held.at),
        LeafState::Distinct(list) => list.last().map(|held| held.at),
        LeafState::Value(held) => Some(held.at),
        LeafState::Values(list) => list.last().map(|held| held.at),
        LeafState::Counter(_) | LeafState::Sum { .. } | LeafState::Extremes { .. } => None,
    }
}

/// Several numbers in one.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    count: u64,
    micros: i128,
    min: f64,
    max: f64,
}

impl Tally {
    fn with(self, held: &NumberAt) -> Self {
        let first = self.count == 0;
        Self {
            count: self.count + 1,
            micros: self.micros.wrapping_add(to_micros(held.value)),
            min: if first { held.value } else { self.min.min(held.value) },
            max: if first { held.value } else { self.max.max(held.value) },
        }
    }

    fn read(self, reading: NumberReading) -> Option<f64> {
        match reading {
            NumberReading::Sum => Some(units(self.micros)),
            _ if self.count == 0 => None,
            NumberReading::Avg => Some(average(self.micros, self.count)),
            NumberReading::Min => Some(self.min),
            NumberReading::Max => Some(self.max),
        }
    }
}

fn average(micros: i128, count: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "nobody sends 2^53 events")]
    let count = count as f64;
    units(micros) / count
}
