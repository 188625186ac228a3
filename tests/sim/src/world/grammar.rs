//! Draws rules from the grammar: every production, to a bounded depth, counted when it is reached.
mod events;
mod numbers;
mod sequences;
mod values;

use super::rules::{Forms, PURPOSES};
use crate::oracle::rule::{Literal, Op, Rule, Segment, Term};
use crate::rng::Rng;

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// As long as a window may be: five years.
const WINDOW_MS_MAX: i64 = 1827 * DAY_MS;
/// How deep `and`, `or` and `not` nest.
const DEPTH_MAX: u32 = 2;

/// Draws the segments of one world, each after those it may name.
pub(super) struct Grammar<'a> {
    rng: &'a mut Rng,
    pub(super) forms: Forms,
    /// Segments that may be named, and whether all moments at which they change are known.
    earlier: Vec<(String, bool)>,
    epoch: i64,
    span_ms: i64,
    /// Whether the rule at hand may only change at moments that can be told from the rule and the
    /// events' times: what has a memory is replayed from one such moment to the next.
    is_plain: bool,
}

impl<'a> Grammar<'a> {
    pub(super) fn new(rng: &'a mut Rng, epoch: i64, span_ms: i64) -> Self {
        let forms = Forms::new();
        Self { rng, forms, earlier: Vec::new(), epoch, span_ms, is_plain: false }
    }

    fn saw(&mut self, form: &'static str) {
        *self.forms.entry(form).or_default() += 1;
    }

    /// A segment with any settings.
    pub(super) fn segment(&mut self, key: String) -> Segment {
        let has_exit = self.rng.chance(20);
        let has_stay = self.rng.chance(20);
        self.is_plain = has_exit || has_stay || self.rng.chance(15);
        let mut segment = Segment::plain(&key, self.rule(0));
        if has_exit {
            self.saw("exit");
            segment.exit = Some(self.rule(1));
        }
        if has_stay {
            self.saw("min_stay");
            segment.min_stay_ms = self.span();
        }
        if self.rng.chance(15) {
            self.saw("holdout");
            let percents = [1, 1000, 5000, 9999, 10_000];
            segment.holdout = *self.rng.pick(&percents);
        }
        if self.rng.chance(12) {
            self.saw("requires_consent");
            segment.requires_consent = Some(self.rng.word(PURPOSES).to_owned());
        }
        self.earlier.push((key, self.is_plain));
        segment
    }

    fn rule(&mut self, depth: u32) -> Rule {
        if depth < DEPTH_MAX && self.rng.chance(32) {
            return self.joined(depth, Self::rule);
        }
        match self.rng.range(0, 33) {
            0..2 => {
                self.saw("exists(events)");
                Rule::Exists(self.select())
            }
            2..14 => self.number_test(),
            14..17 => self.text_test(),
            17..19 => self.truth_test(),
            19 | 20 => self.presence(),
            21 | 22 => {
                self.saw("first_time");
                Rule::FirstTime(self.recent())
            }
            23 | 24 => {
                self.saw("stopped");
                Rule::Stopped(self.recent())
            }
            25 | 26 => {
                self.saw("resumed");
                let select = self.recent();
                Rule::Resumed(select, self.span())
            }
            27..32 => self.sequence(),
            _ => self.reference(),
        }
    }

    /// Conditions joined by a word, or one denied.
    fn joined(&mut self, depth: u32, mut inner: impl FnMut(&mut Self, u32) -> Rule) -> Rule {
        match self.rng.range(0, 2) {
            0 => {
                self.saw("and");
                Rule::And((0..2).map(|_| inner(self, depth + 1)).collect())
            }
            1 => {
                self.saw("or");
                let count = self.rng.range(2, 3);
                Rule::Or((0..count).map(|_| inner(self, depth + 1)).collect())
            }
            _ => {
                self.saw("not");
                Rule::Not(Box::new(inner(self, depth + 1)))
            }
        }
    }

    fn reference(&mut self) -> Rule {
        let is_plain = self.is_plain;
        let usable: Vec<String> = self
            .earlier
            .iter()
            .filter(|(_, plain)| *plain || !is_plain)
            .map(|e| e.0.clone())
            .collect();
        if usable.is_empty() {
            return self.truth_test();
        }
        self.saw("segment()");
        Rule::Segment(self.rng.pick(&usable).clone())
    }

    /// A comparison, now and then with the literal first.
    fn compare(&mut self, term: Term, op: Op, other: impl Into<Term>) -> Rule {
        let other = other.into();
        if matches!(other, Term::Literal(_)) && self.rng.chance(8) {
            self.saw("literal first");
            let swapped = match op {
                Op::Eq | Op::Ne => op,
                Op::Lt => Op::Gt,
                Op::Le => Op::Ge,
                Op::Gt => Op::Lt,
                Op::Ge => Op::Le,
            };
            return self.compared(other, swapped, term);
        }
        self.compared(term, op, other)
    }

    fn compared(&mut self, term: Term, op: Op, other: Term) -> Rule {
        self.saw(match op {
            Op::Eq => "==",
            Op::Ne => "!=",
            Op::Lt => "<",
            Op::Le => "<=",
            Op::Gt => ">",
            Op::Ge => ">=",
        });
        Rule::Compare(term, op, other)
    }

    fn op(&mut self) -> Op {
        *self.rng.pick(&[Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge, Op::Ge, Op::Gt])
    }

    fn order(&mut self) -> Op {
        *self.rng.pick(&[Op::Lt, Op::Le, Op::Gt, Op::Ge])
    }

    /// A length of time. The same few come again and again, so that events lie exactly so far
    /// apart and several rules wait for the same moment.
    fn span(&mut self) -> i64 {
        match self.rng.range(0, 11) {
            0 => 1500,
            1 if self.rng.chance(15) => WINDOW_MS_MAX,
            1 => 90 * SECOND_MS,
            2 => self.rng.range(1, 20) * DAY_MS + 1,
            3..5 => self.rng.range(1, 48) * HOUR_MS,
            5 => 7 * DAY_MS,
            6 | 7 => HOUR_MS,
            8 | 9 => DAY_MS,
            _ => self.rng.range(1, 30) * DAY_MS,
        }
    }

    /// A shorter length of time, such as lies between the steps of one visit.
    fn short_span(&mut self) -> i64 {
        let spans = [
            1500,
            90 * SECOND_MS,
            10 * MINUTE_MS,
            10 * MINUTE_MS,
            HOUR_MS,
            HOUR_MS,
            6 * HOUR_MS,
            DAY_MS,
            3 * DAY_MS,
        ];
        *self.rng.pick(&spans)
    }

    fn instant(&mut self) -> Literal {
        let after_ms = if self.rng.chance(60) { 0 } else { 30 * DAY_MS };
        let at = self.epoch + self.rng.range(0, self.span_ms + after_ms);
        let to = *self.rng.pick(&[DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, 1]);
        Literal::Instant(at.div_euclid(to) * to)
    }
}
