//! In which direction a rule can turn when more is kept in one of its leaves, and from which number
//! of entries on. It spares the evaluations that could not change anything.
//!
//! A rule *rises* with a leaf if an entry more can only make it hold, now and at any later instant
//! without another event; it *falls* if an entry more can only make it fail. Both is everything else.
//! An evaluation that is left out leaves its deadline where it is: never too late, as the answer
//! holds at least as long as it did without the entry.
use super::ast::{CompareOp, Literal, Window};
use super::condition::{Node, Operand, Reading, Test};
use super::leaf::{Leaf, LeafKind};
use super::touched::Matters;
use alloc::collections::BTreeMap;

/// What a rule has to do with one of its leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read {
    rises: bool,
    falls: bool,
    /// With fewer entries nothing changes.
    pub(super) at_least: u32,
    /// How far back entries are seen at least, in milliseconds.
    window_ms: i64,
}

/// Who reads a leaf.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader {
    /// Its place in the order of evaluation.
    pub(super) place: u16,
    pub(super) read: Read,
}

/// What happened to a leaf's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    /// An entry more; so many there are now.
    Added(usize),
    /// One of so many entries is of a later time now; it was of this one.
    Refreshed {
        before: i64,
        entries: usize,
    },
    /// Whatever else.
    Other,
}

/// All that a rule reads.
#[derive(Debug, Default)]
pub(super) struct Reads {
    pub(super) leaves: BTreeMap<u16, Read>,
    pub(super) score: Option<Read>,
}

impl Read {
    const ANY: Self = Self { rises: true, falls: true, at_least: 0, window_ms: 0 };

    fn or(self, other: Self) -> Self {
        Self {
            rises: self.rises || other.rises,
            falls: self.falls || other.falls,
            at_least: self.at_least.min(other.at_least),
            window_ms: self.window_ms.min(other.window_ms),
        }
    }

    fn turned(self, is_turned: bool) -> Self {
        if is_turned { Self { rises: self.falls, falls: self.rises, ..self } } else { self }
    }

    /// For whom an entry more matters.
    pub(super) fn matters(self) -> Matters {
        match (self.rises, self.falls) {
            (true, false) => Matters::Outside,
            (false, true) => Matters::Inside,
            _ => Matters::Always,
        }
    }
}

impl Reader {
    /// For whom a change matters at `now`; `None` for nobody.
    pub(super) fn matters(&self, change: Change, now: i64) -> Option<Matters> {
        match change {
            Change::Nothing => None,
            Change::Added(entries) if entries < self.read.at_least as usize => None,
            Change::Added(_) => Some(self.read.matters()),
            Change::Refreshed { before, entries } => {
                let was_seen = before > now.saturating_sub(self.read.window_ms);
                if was_seen && self.read.matters() != Matters::Always {
                    return None;
                }
                self.matters(Change::Added(entries), now)
            }
            Change::Other => Some(Matters::Always),
        }
    }
}

impl Reads {
    /// Notes what a condition reads; `turned` if it stands under an odd number of `not`.
    pub(super) fn of(&mut self, node: &Node, turned: bool, leaves: &[Leaf]) {
        match node {
            Node::All(parts) | Node::Any(parts) => {
                parts.iter().for_each(|part| self.of(part, turned, leaves));
            }
            Node::Not(inner) => self.of(inner, !turned, leaves),
            Node::Test(operand, test) => {
                let read = read_of(operand, test).turned(turned);
                self.operand(operand, read);
            }
            Node::Compare(left, _, right) => {
                self.operand(left, Read::ANY);
                self.operand(right, Read::ANY);
            }
            Node::Present(operand) => self.operand(operand, Read::ANY),
            Node::Sequence(leaf) => {
                let read = match &leaves[usize::from(*leaf)].kind {
                    LeafKind::Sequence(plan) if plan.only_rises() => {
                        let steps = u32::try_from(plan.chain.len()).unwrap_or(0);
                        Read { rises: true, falls: false, at_least: steps, window_ms: 0 }
                    }
                    _ => Read::ANY,
                };
                self.leaf(*leaf, read.turned(turned));
            }
            Node::Resumed { times, earliest, .. } => {
                self.leaf(*times, Read::ANY);
                self.leaf(*earliest, Read::ANY);
            }
            Node::Constant(_) | Node::Member(_) => {}
        }
    }

    /// Gives up on all directions: what else decides does not only follow the rule.
    pub(super) fn blur(&mut self) {
        self.leaves.values_mut().chain(&mut self.score).for_each(|read| *read = Read::ANY);
    }

    fn operand(&mut self, operand: &Operand, read: Read) {
        match operand {
            Operand::Leaf(leaf, _) => self.leaf(*leaf, read),
            Operand::Score(_) => self.score = Some(self.score.map_or(read, |known| known.or(read))),
            Operand::Ratio(parts) => {
                self.operand(&parts.0, Read::ANY);
                self.operand(&parts.1, Read::ANY);
            }
            _ => {}
        }
    }

    fn leaf(&mut self, leaf: u16, read: Read) {
        self.leaves.entry(leaf).and_modify(|known| *known = known.or(read)).or_insert(read);
    }
}

/// How the test of a value turns when the value grows.
fn read_of(operand: &Operand, test: &Test) -> Read {
    let window_ms = match operand {
        Operand::Leaf(_, Reading::Count(window) | Reading::Distinct(window)) => match window {
            Window::Lifetime => i64::MAX,
            Window::Within(ms) => *ms,
            Window::Ago { .. } | Window::Calendar(_) | Window::Session => 0,
        },
        Operand::Leaf(_, Reading::Streak) => i64::MAX,
        Operand::Leaf(_, Reading::Periods { .. }) | Operand::Score(_) => 0,
        _ => return Read::ANY,
    };
    let Test::Compare(op, Literal::Number(n)) = test else { return Read::ANY };
    let (rises, turns_at) = match op {
        CompareOp::AtLeast => (true, libm::ceil(*n)),
        CompareOp::Greater => (true, libm::floor(*n) + 1.0),
        CompareOp::Less => (false, libm::ceil(*n)),
        CompareOp::AtMost => (false, libm::floor(*n) + 1.0),
        CompareOp::Equal | CompareOp::NotEqual => return Read::ANY,
    };
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float saturates"
    )]
    let at_least = turns_at as u32;
    Read { rises, falls: !rises, at_least, window_ms }
}
