//! Tests what rules ask at an instant, and says when the answer changes by time alone.
//!
//! Everything here is arithmetic on what is kept; nothing is changed. It relies on `now` being no
//! earlier than any folded event. What leaves say is read in `look_leaf`.
use super::ast::{CompareOp, Window};
use super::condition::{Node, Operand, Plain, Reading, Test, divided};
use super::feature::LeafState;
use super::leaf::LeafKind;
use super::rules::{Rules, SegmentPlan};
use super::subject::{SessionValue, Subject, Verdict};
use alloc::string::String;
use sillage_model::Value;

/// An answer and the first instant at which it may be another; [`NEVER`] if none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) holds: bool,
    pub(super) until: i64,
}

/// After all time.
pub(super) const NEVER: i64 = i64::MAX;

/// A value, or how it moves.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moving<'a> {
    Missing,
    Still(Plain<'a>),
    /// `now` minus this.
    Since(i64),
    /// A score: its place and what it is now.
    Score(usize, f64),
}

/// A person at an instant.
pub(super) struct Look<'a, S> {
    pub(super) rules: &'a Rules,
    pub(super) subject: &'a S,
    pub(super) now: i64,
}

impl Rules {
    /// What a condition comes to that is no part of the plan.
    pub(super) fn seen<S: Subject>(&self, node: &Node, subject: &S, now: i64) -> Seen {
        Look { rules: self, subject, now }.node(node)
    }

    /// A value that is no part of the plan, in words, and until when it stands.
    pub(super) fn read<S: Subject>(
        &self,
        operand: &Operand,
        subject: &S,
        now: i64,
    ) -> (Option<String>, i64) {
        let look = Look { rules: self, subject, now };
        let (value, until) = look.read(operand);
        (look.words(value), until)
    }
}

impl Seen {
    fn inverted(self) -> Self {
        Self { holds: !self.holds, ..self }
    }
}

impl<'a, S: Subject> Look<'a, S> {
    /// Whether the person is in a segment; `since` as in [`Rules::evaluate`].
    pub(super) fn verdict(&self, plan: &'a SegmentPlan, since: Option<i64>) -> Verdict {
        let agreed = plan.consent.as_ref().map(|consent| self.node(consent));
        let seen = match (agreed, since) {
            (Some(no @ Seen { holds: false, .. }), _) => no,
            (_, Some(since)) => self.staying(plan, since),
            (_, None) => self.entering(plan),
        };
        let until = agreed.map_or(NEVER, |agreed| agreed.until).min(seen.until);
        Verdict { member: seen.holds, changes_at: (until != NEVER).then_some(until) }
    }

    fn entering(&self, plan: &'a SegmentPlan) -> Seen {
        let when = self.node(&plan.when);
        match &plan.exit {
            None => when,
            Some(exit) => settled([when, self.node(exit).inverted()].into_iter(), false),
        }
    }

    fn staying(&self, plan: &'a SegmentPlan, since: i64) -> Seen {
        let leaving = match &plan.exit {
            None => self.node(&plan.when).inverted(),
            Some(exit) => self.node(exit),
        };
        let stays_until = since.saturating_add(plan.min_stay_ms);
        match leaving.holds {
            false => leaving.inverted(),
            true if self.now < stays_until => {
                Seen { holds: true, until: stays_until.min(leaving.until) }
            }
            // Nobody enters while what lets them out holds.
            true => Seen { holds: false, ..self.entering(plan) },
        }
    }

    pub(super) fn node(&self, node: &'a Node) -> Seen {
        match node {
            Node::Constant(holds) => Seen { holds: *holds, until: NEVER },
            Node::All(parts) => settled(parts.iter().map(|part| self.node(part)), false),
            Node::Any(parts) => settled(parts.iter().map(|part| self.node(part)), true),
            Node::Not(inner) => self.node(inner).inverted(),
            Node::Test(operand, test) => self.test(operand, test),
            Node::Compare(left, op, right) => self.compare(left, *op, right),
            Node::Present(operand) => self.present(operand),
            Node::Member(segment) => Seen { holds: self.subject.is_member(*segment), until: NEVER },
            Node::Sequence(leaf) => self.sequence(*leaf),
            Node::Resumed { times, earliest, gap_ms, window_ms } => {
                self.resumed([*times, *earliest], *gap_ms, *window_ms)
            }
        }
    }

    fn sequence(&self, leaf: u16) -> Seen {
        let kind = &self.rules.leaves[usize::from(leaf)].kind;
        let (holds, until) = match (kind, self.subject.features().of(leaf)) {
            (LeafKind::Sequence(plan), Some(LeafState::Steps(list))) => plan.seen(list, self.now),
            (_, Some(LeafState::Latched)) => (true, NEVER),
            _ => (false, NEVER),
        };
        Seen { holds, until }
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
                // What fails until it goes missing fails for ever.
                let fails_on = then_missing(operand) && !seen.holds && seen.until == until;
                Seen { until: if fails_on { NEVER } else { seen.until }, ..seen }
            }
            Moving::Score(index, value) => {
                let crossing = |x| self.subject.score_next_crossing(index, x, self.now);
                let next = test.thresholds().filter_map(crossing).min();
                Seen { holds: test.holds(Plain::Number(value)), until: next.unwrap_or(NEVER) }
            }
        }
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

    pub(super) fn settle(&self, value: Moving<'a>) -> Option<Plain<'a>> {
        match value {
            Moving::Missing => None,
            Moving::Still(value) => Some(value),
            Moving::Since(start) => Some(since(start, self.now)),
            Moving::Score(_, value) => Some(Plain::Number(value)),
        }
    }

    fn present(&self, operand: &'a Operand) -> Seen {
        let (value, until) = self.read(operand);
        let there = !matches!(value, Moving::Missing);
        let (holds, until) = match operand {
            // A map is no value to compare, but it is there.
            Operand::Trait(path) => {
                let value = self.subject.trait_value(path);
                (value.is_some_and(|value| value != Value::Null), NEVER)
            }
            Operand::Leaf(leaf, reading) => match self.subject.features().of(*leaf) {
                // It is there until the last entry is gone, not only until the value changes.
                Some(state) if there => (true, self.last_gone(state, *reading).unwrap_or(until)),
                _ => (there, until),
            },
            _ => (there, until),
        };
        Seen { holds, until }
    }

    /// The value and when it next changes other than by moving as it says.
    pub(super) fn read(&self, operand: &'a Operand) -> (Moving<'a>, i64) {
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
            Operand::Now => (Moving::Since(0), NEVER),
            Operand::Bucket(salt) => {
                still(Some(Plain::Number(f64::from(self.subject.bucket(salt)) / 100.0)))
            }
            Operand::Sessions(within_ms) => self.sessions(*within_ms),
            Operand::Ratio(parts) => {
                let (a, a_until) = self.read(&parts.0);
                let (b, b_until) = self.read(&parts.1);
                let parts = self.settle(a).zip(self.settle(b));
                let value = parts.and_then(|(a, b)| divided(a, b));
                (still(value).0, a_until.min(b_until))
            }
            Operand::Property(_) => (Moving::Missing, NEVER),
        }
    }

    fn sessions(&self, within_ms: Option<i64>) -> (Moving<'a>, i64) {
        let after = within_ms.map_or(i64::MIN, |within| self.now.saturating_sub(within));
        let (count, first_end) = self.subject.sessions_after(after);
        let until = within_ms.zip(first_end).map(|(within, end)| end.saturating_add(within));
        #[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 sessions")]
        let count = Plain::Number(count as f64);
        (Moving::Still(count), until.unwrap_or(NEVER))
    }
}

/// Whether no part is `decisive` (false decides an `and`, true an `or`). While one part stays
/// decisive the others do not matter, so the answer holds until the last of them changes; if none
/// is, until the first part changes.
fn settled(parts: impl Iterator<Item = Seen>, decisive: bool) -> Seen {
    let mut soonest = NEVER;
    let mut decided_until = None;
    for seen in parts {
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

/// Whether a value that grows only ever goes missing after it, without another event.
fn then_missing(operand: &Operand) -> bool {
    let Operand::Leaf(_, Reading::SinceLatest(window)) = operand else { return false };
    matches!(window, Window::Within(_) | Window::Calendar(_))
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
