//! Numbers and what they are compared with.
use super::values::{decimal, whole};
use super::{Grammar, MINUTE_MS};
use crate::oracle::rule::{Area, Fold, Literal, Rule, Term, Window};

/// What a number counts, so that it is compared with its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Things; few.
    Things,
    /// Money, with two decimals.
    Money,
    /// Milliseconds.
    Span,
    /// Milliseconds since the epoch.
    Instant,
    /// Hundredths, up to a hundred.
    Percent,
    /// One number for each of another.
    Rate,
}

impl Grammar<'_> {
    pub(super) fn number_test(&mut self) -> Rule {
        let unit = match self.rng.range(0, 19) {
            0..8 => Unit::Things,
            8..12 => Unit::Money,
            12..15 => Unit::Span,
            15 => Unit::Instant,
            16 | 17 => Unit::Percent,
            _ => Unit::Rate,
        };
        let term = self.number(unit);
        if self.rng.chance(20)
            && let Some(other) = self.partner(&term, unit)
        {
            self.saw("operand and operand");
            if self.rng.chance(15) {
                self.saw("between operands");
                let high = self.number_literal(unit, false);
                return Rule::Between(term, other, high.into());
            }
            let op = self.op();
            return self.compare(term, op, other);
        }
        match unit {
            Unit::Things => self.count_test(term, 5),
            Unit::Money => self.money_test(term, true),
            Unit::Span => self.span_test(term),
            Unit::Instant | Unit::Percent | Unit::Rate => {
                let op = self.order();
                let is_now = term == Term::Now;
                let literal = self.number_literal(unit, is_now);
                if matches!(literal, Literal::Instant(_)) {
                    self.saw("now and a date");
                }
                self.compare(term, op, literal)
            }
        }
    }

    /// Something to compare a number with that changes when events come and when windows end.
    fn partner(&mut self, term: &Term, unit: Unit) -> Option<Term> {
        match term {
            // A score compares with what stands still between events.
            Term::Engagement => Some(Term::Trait("age".into())),
            Term::Now => Some(self.folded_instant()).filter(|_| !self.is_plain),
            Term::Fold(Fold::Avg, ..) | Term::Ratio(..) => None,
            _ if unit == Unit::Span && self.is_plain => None,
            _ if unit == Unit::Percent => Some(Term::Trait("age".into())),
            _ => Some(self.number(unit)).filter(|other| *other != Term::Now || !self.is_plain),
        }
    }

    fn number(&mut self, unit: Unit) -> Term {
        match unit {
            Unit::Things => self.things(),
            Unit::Money => self.money(),
            Unit::Span => self.since(),
            Unit::Instant if self.rng.chance(60) => {
                self.saw("now");
                Term::Now
            }
            Unit::Instant => self.folded_instant(),
            Unit::Percent if self.is_plain || self.rng.chance(50) => {
                self.saw("bucket");
                let salt = self.rng.word(&["spring", "autumn", "", "\u{e9}t\u{e9}"]);
                Term::Bucket(salt.to_owned())
            }
            Unit::Percent => {
                self.saw("score.engagement");
                Term::Engagement
            }
            Unit::Rate => self.ratio(),
        }
    }

    fn things(&mut self) -> Term {
        match self.rng.range(0, 21) {
            0..5 => {
                self.saw("count");
                Term::Count(self.select())
            }
            5..7 => {
                let path =
                    self.rng.word(&["product_id", "category", "note", "quantity", "mixed", "tags"]);
                self.folded(Fold::Distinct, path)
            }
            7..9 => {
                self.saw("days_active");
                Term::DaysActive(self.daily())
            }
            9..11 => {
                self.saw("sessions");
                let within = self.rng.chance(60).then(|| self.span());
                if within.is_some() {
                    self.saw("sessions within");
                }
                Term::Sessions(within)
            }
            11..13 => {
                self.saw("streak");
                Term::Streak(self.ever_or_any())
            }
            13..15 => {
                self.saw("periods");
                let (every, count) = self.rhythm();
                let names = self.names();
                let condition = self.filter(30);
                let select = crate::oracle::rule::Select { names, condition, window: Window::All };
                Term::Periods(select, every, count)
            }
            15 => {
                let fold = *self.rng.pick(&[Fold::First, Fold::Last]);
                self.folded(fold, "quantity")
            }
            16 => self.context_number(),
            _ => {
                let field = self.rng.word(SESSION_COUNTS);
                self.saw(session_form(field));
                Term::Session(field)
            }
        }
    }

    fn context_number(&mut self) -> Term {
        let (area, path, form) =
            *self.rng.pick(&[(Area::Device, "memory", "device.*"), (Area::App, "build", "app.*")]);
        self.saw(form);
        Term::Context(area, path.into())
    }

    fn money(&mut self) -> Term {
        let folds = [Fold::Sum, Fold::Min, Fold::Max, Fold::Avg, Fold::First, Fold::Last];
        match self.rng.range(0, 9) {
            0 => {
                self.saw("session.revenue");
                Term::Session("revenue")
            }
            1 => {
                self.saw("trait.*");
                Term::Trait("age".into())
            }
            _ => {
                let fold = *self.rng.pick(&folds);
                let paths = ["price", "price", "quantity", "cart.total", "context.device.memory"];
                let path = self.rng.word(&paths);
                self.folded(fold, path)
            }
        }
    }

    fn since(&mut self) -> Term {
        match self.rng.range(0, 9) {
            0..5 => {
                self.saw("time_since");
                Term::TimeSince(self.select())
            }
            5..8 => {
                self.saw("time_since_first");
                Term::TimeSinceFirst(self.select())
            }
            8 => {
                self.saw("session.duration_ms");
                Term::Session("duration_ms")
            }
            _ => {
                self.saw("session.engaged_ms");
                Term::Session("engaged_ms")
            }
        }
    }

    fn folded_instant(&mut self) -> Term {
        let fold = *self.rng.pick(&[Fold::Min, Fold::Max, Fold::First, Fold::Last]);
        self.folded(fold, "until")
    }

    /// One number for each of another, both of which stand still between events; whole ones where
    /// rounding must not matter.
    fn ratio(&mut self) -> Term {
        self.saw("ratio");
        let unit = |this: &mut Self| match this.rng.range(0, 3) {
            0 if !this.is_plain => Unit::Money,
            _ => Unit::Things,
        };
        let (one, other) = (unit(self), unit(self));
        Term::Ratio(Box::new(self.number(one)), Box::new(self.number(other)))
    }

    /// A number to compare with; only the instant itself compares with a date.
    fn number_literal(&mut self, unit: Unit, is_now: bool) -> Literal {
        match unit {
            Unit::Things => whole(self.rng.range(0, 5)),
            Unit::Money => decimal(self.rng.range(0, 12_000) * 10_000),
            Unit::Span => Literal::Span(self.span()),
            Unit::Instant => match self.instant() {
                Literal::Instant(at) if !is_now || self.rng.chance(30) => whole(at),
                instant => instant,
            },
            Unit::Percent => decimal(self.rng.range(1, 9_000) * 10_000),
            Unit::Rate => {
                decimal(*self.rng.pick(&[
                    0, 100_000, 250_000, 333_333, 500_000, 1_000_000, 2_000_000, 3_000_000,
                ]))
            }
        }
    }

    fn count_test(&mut self, term: Term, high: i64) -> Rule {
        match self.rng.range(0, 5) {
            0 => {
                self.saw("between");
                let low = self.rng.range(0, high);
                let high = low + self.rng.range(0, 3);
                Rule::Between(term, whole(low).into(), whole(high).into())
            }
            1 => {
                self.saw("in");
                let count = self.rng.range(1, 3);
                let items = (0..count).map(|_| whole(self.rng.range(0, high))).collect();
                Rule::In(term, items)
            }
            _ => {
                let op = self.op();
                let literal = whole(self.rng.range(0, high));
                self.compare(term, op, literal)
            }
        }
    }

    fn span_test(&mut self, term: Term) -> Rule {
        let low = if matches!(term, Term::Session(_)) {
            self.rng.range(0, 10) * MINUTE_MS
        } else {
            self.span()
        };
        match self.rng.range(0, 9) {
            0 => {
                self.saw("between");
                let high = low + self.span();
                Rule::Between(term, Literal::Span(low).into(), Literal::Span(high).into())
            }
            1 => {
                let op = self.op();
                self.compare(term, op, whole(low))
            }
            _ => {
                let op = self.order();
                self.compare(term, op, Literal::Span(low))
            }
        }
    }

    /// An amount against amounts.
    pub(super) fn money_test(&mut self, term: Term, may_be_list: bool) -> Rule {
        let low = match self.rng.range(0, 4) {
            0..2 => self.rng.range(-2, 6) * 1_000_000,
            2 => self.rng.range(0, 120) * 1_000_000,
            _ => self.rng.range(0, 12_000) * 10_000,
        };
        match self.rng.range(0, 9) {
            0 | 1 => {
                self.saw("between");
                let high = low + self.rng.range(0, 60) * 1_000_000;
                Rule::Between(term, decimal(low).into(), decimal(high).into())
            }
            2 if may_be_list => {
                self.saw("in");
                Rule::In(term, vec![decimal(low), whole(self.rng.range(0, 5))])
            }
            _ => {
                let op = self.order();
                self.compare(term, op, decimal(low))
            }
        }
    }
}

fn session_form(field: &str) -> &'static str {
    const FORMS: &[&str] =
        &["session.events", "session.pages", "session.screens", "session.conversions"];
    SESSION_COUNTS.iter().position(|f| *f == field).map_or("", |index| FORMS[index])
}

const SESSION_COUNTS: &[&str] = &["events", "pages", "screens", "conversions"];
