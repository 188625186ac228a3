//! When time alone may change the answer of a rule: so long after an event, at a certain instant,
//! or when a local day begins.
use super::Rules;
use super::rule::{Literal, Rule, Segment, Select, Step, Term, Window};
use std::collections::BTreeSet;

/// What the rules wait for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waits {
    /// Spans after an event, in milliseconds.
    pub spans: BTreeSet<i64>,
    /// Instants.
    pub instants: BTreeSet<i64>,
    /// Whether a local midnight may matter.
    pub midnights: bool,
    /// Whether there are other moments, which cannot be told from the rule alone.
    pub others: bool,
}

impl Waits {
    /// Of one rule, and of the segments it names.
    #[must_use]
    pub fn of(rule: &Rule, rules: &Rules) -> Self {
        let mut waits = Self::default();
        waits.rule(rule, rules);
        waits
    }

    /// Of a segment, but for the end of its shortest stay.
    #[must_use]
    pub fn of_segment(segment: &Segment, rules: &Rules) -> Self {
        let mut waits = Self::default();
        segment.rules().for_each(|rule| waits.rule(rule, rules));
        waits
    }

    /// Adds what another waits for.
    pub fn add(&mut self, other: Self) {
        self.spans.extend(other.spans);
        self.instants.extend(other.instants);
        self.midnights |= other.midnights;
        self.others |= other.others;
    }

    fn rule(&mut self, rule: &Rule, rules: &Rules) {
        match rule {
            Rule::And(inner) | Rule::Or(inner) => inner.iter().for_each(|r| self.rule(r, rules)),
            Rule::Not(inner) => self.rule(inner, rules),
            Rule::Compare(term, _, other) => self.compared(&[term, other]),
            Rule::Between(term, low, high) => self.compared(&[term, low, high]),
            Rule::In(term, literals) => {
                let literals: Vec<Term> = literals.iter().cloned().map(Term::Literal).collect();
                let terms: Vec<&Term> = std::iter::once(term).chain(&literals).collect();
                self.compared(&terms);
            }
            Rule::Is(term)
            | Rule::Contains(term, _)
            | Rule::StartsWith(term, _)
            | Rule::EndsWith(term, _)
            | Rule::Matches(term, _)
            | Rule::Present(term) => self.term(term),
            Rule::Exists(select) | Rule::FirstTime(select) | Rule::Stopped(select) => {
                self.window(select.window);
            }
            Rule::Resumed(select, gap) => {
                self.spans.insert(*gap);
                self.window(select.window);
            }
            Rule::Sequence(steps) => steps.iter().for_each(|step| self.step(step)),
            Rule::Segment(key) => self.add(Self::of_segment(rules.segment(key), rules)),
        }
    }

    fn step(&mut self, step: &Step) {
        self.spans.extend(step.within_ms);
    }

    fn compared(&mut self, terms: &[&Term]) {
        let has = |test: fn(&Term) -> bool| terms.iter().any(|term| test(term));
        let literals = terms.iter().filter_map(|term| match term {
            Term::Literal(Literal::Span(ms) | Literal::Instant(ms)) => Some(*ms),
            Term::Literal(Literal::Number(number)) => Some(number.0.div_euclid(1_000_000)),
            _ => None,
        });
        let moving = terms.iter().filter(|term| is_moving(term)).count();
        if has(|term| matches!(term, Term::TimeSince(_) | Term::TimeSinceFirst(_))) {
            self.spans.extend(literals.clone());
        }
        if has(|term| matches!(term, Term::Now)) {
            self.instants.extend(literals);
        }
        let others = terms.iter().filter(|term| !matches!(term, Term::Literal(_))).count();
        self.others |= moving > 0 && others > 1;
        terms.iter().for_each(|term| self.term(term));
    }

    fn term(&mut self, term: &Term) {
        match term {
            Term::Count(select)
            | Term::Fold(_, _, select)
            | Term::TimeSince(select)
            | Term::TimeSinceFirst(select) => self.window(select.window),
            Term::DaysActive(select) => self.window(select.window),
            Term::Streak(_) => self.midnights = true,
            Term::Sessions(within) => self.spans.extend(*within),
            Term::Periods(_, every, count) => self.spans.extend((1..=*count).map(|i| i * every)),
            Term::Ratio(one, other) => {
                self.others |= is_moving(one) || is_moving(other);
                self.term(one);
                self.term(other);
            }
            Term::Engagement => self.others = true,
            Term::Literal(_)
            | Term::Property(_)
            | Term::Trait(_)
            | Term::Context(..)
            | Term::Session(_)
            | Term::Now
            | Term::Bucket(_) => {}
        }
    }

    fn window(&mut self, window: Window) {
        match window {
            Window::All | Window::Session => {}
            Window::Within(ms) => self.spans.extend([ms]),
            Window::Ago { older, newer } => self.spans.extend([older, newer]),
            Window::Today | Window::Week | Window::Month => self.midnights = true,
        }
    }
}

/// Whether the value is another at each instant.
fn is_moving(term: &Term) -> bool {
    match term {
        Term::TimeSince(_) | Term::TimeSinceFirst(_) | Term::Now | Term::Engagement => true,
        Term::Ratio(one, other) => is_moving(one) || is_moving(other),
        _ => false,
    }
}

/// Every select of a rule, so that what it says can be looked at; the inside of a `where` too.
#[must_use]
pub fn selects(rule: &Rule) -> Vec<&Select> {
    fn of_term<'a>(term: &'a Term, found: &mut Vec<&'a Select>) {
        match term {
            Term::Count(select)
            | Term::Fold(_, _, select)
            | Term::TimeSince(select)
            | Term::TimeSinceFirst(select)
            | Term::DaysActive(select)
            | Term::Streak(select)
            | Term::Periods(select, ..) => found.push(select),
            Term::Ratio(one, other) => {
                of_term(one, found);
                of_term(other, found);
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    match rule {
        Rule::And(rules) | Rule::Or(rules) => {
            rules.iter().for_each(|rule| found.extend(selects(rule)));
        }
        Rule::Not(rule) => found.extend(selects(rule)),
        Rule::Compare(one, _, other) => {
            of_term(one, &mut found);
            of_term(other, &mut found);
        }
        Rule::Between(term, low, high) => {
            [term, low, high].into_iter().for_each(|term| of_term(term, &mut found));
        }
        Rule::Is(term)
        | Rule::In(term, _)
        | Rule::Contains(term, _)
        | Rule::StartsWith(term, _)
        | Rule::EndsWith(term, _)
        | Rule::Matches(term, _)
        | Rule::Present(term) => of_term(term, &mut found),
        Rule::Exists(select)
        | Rule::FirstTime(select)
        | Rule::Stopped(select)
        | Rule::Resumed(select, _) => found.push(select),
        Rule::Sequence(_) | Rule::Segment(_) => {}
    }
    found
}
