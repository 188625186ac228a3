//! Walks a rule over the whole history of one person.
use super::event::{Event, Val, find};
use super::rule::{Area, Fold, Literal, Op, Rule, Segment, Select, Step, Term, Window};
use super::session::{Session, micros};
use super::value::{Seen, is_scalar, same};
use super::{Person, Rules, bucket, sequence};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// Since when a person is in the segments that have a memory; held out or not.
pub type Standing = BTreeMap<String, i64>;

/// The rules asked of one person at one moment.
#[derive(Debug)]
pub struct Question<'a> {
    person: &'a Person<'a>,
    rules: &'a Rules,
    standing: &'a Standing,
    near: Cell<bool>,
}

impl<'a> Question<'a> {
    /// Asks of this person, who stands so in the segments that have a memory.
    #[must_use]
    pub fn new(person: &'a Person<'a>, rules: &'a Rules, standing: &'a Standing) -> Self {
        Self { person, rules, standing, near: Cell::new(false) }
    }

    /// Whether any number that is not exact was so near to its threshold that the answer given so
    /// far may differ by rounding alone.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.near.get()
    }

    /// Whether the person satisfies the rule.
    #[must_use]
    pub fn holds(&self, rule: &Rule) -> bool {
        self.rule(rule, None)
    }

    /// Whether the person is in the segment for anybody to see.
    #[must_use]
    pub fn is_member(&self, segment: &Segment) -> bool {
        self.belongs(segment) && !self.is_held_out(segment)
    }

    /// Whether the person would be in the segment if nobody were held out.
    #[must_use]
    pub fn belongs(&self, segment: &Segment) -> bool {
        if segment.has_memory() {
            return self.standing.contains_key(&segment.key);
        }
        self.has_agreed(segment) && self.holds(&segment.when)
    }

    /// Whether the person is among those held out of the segment.
    #[must_use]
    pub fn is_held_out(&self, segment: &Segment) -> bool {
        let salt = format!("holdout:{}", segment.key);
        bucket::place(&self.person.owner, &salt) < segment.holdout
    }

    /// Whether the person has agreed to the segment's purpose, if it has one.
    #[must_use]
    pub fn has_agreed(&self, segment: &Segment) -> bool {
        segment.requires_consent.as_ref().is_none_or(|purpose| {
            self.context(Area::Consent, purpose) == Seen::Value(Val::Bool(true))
        })
    }

    fn rule(&self, rule: &Rule, at: Option<&Event>) -> bool {
        match rule {
            Rule::And(rules) => rules.iter().all(|r| self.rule(r, at)),
            Rule::Or(rules) => rules.iter().any(|r| self.rule(r, at)),
            Rule::Not(rule) => !self.rule(rule, at),
            Rule::Is(term) => self.term(term, at) == Seen::Value(Val::Bool(true)),
            Rule::Compare(term, op, other) => {
                self.compare(&self.term(term, at), *op, &self.term(other, at))
            }
            Rule::In(term, literals) => {
                let seen = self.term(term, at);
                literals.iter().any(|literal| self.compare(&seen, Op::Eq, &Seen::from(literal)))
            }
            Rule::Contains(term, literal) => match (self.term(term, at), literal) {
                (Seen::Value(Val::Text(text)), Literal::Text(part)) => text.contains(part.as_str()),
                (Seen::Value(Val::List(items)), literal) => {
                    let literal = Seen::from(literal);
                    let mut items = items.into_iter().map(|item| Seen::from(Some(item)));
                    items.any(|item| self.compare(&item, Op::Eq, &literal))
                }
                _ => false,
            },
            Rule::StartsWith(term, part) => self.text(term, at, |text| text.starts_with(part)),
            Rule::EndsWith(term, part) => self.text(term, at, |text| text.ends_with(part)),
            Rule::Matches(term, pattern) => self.text(term, at, pattern.matches),
            Rule::Between(term, low, high) => {
                let seen = self.term(term, at);
                self.compare(&seen, Op::Ge, &self.term(low, at))
                    && self.compare(&seen, Op::Le, &self.term(high, at))
            }
            Rule::Present(term) => self.term(term, at) != Seen::Missing,
            Rule::Exists(select) => !self.select(select).is_empty(),
            Rule::FirstTime(select) => {
                let first = self.ever(select).first().map(|e| e.at);
                first.is_some_and(|first| self.is_inside(select.window, first))
            }
            Rule::Stopped(select) => {
                let ever = self.ever(select);
                !ever.is_empty() && !ever.iter().any(|e| self.is_inside(select.window, e.at))
            }
            Rule::Resumed(select, gap) => self.resumed(select, *gap),
            Rule::Sequence(steps) => {
                let passes = |step: &Step, event: &Event| {
                    is_named(&step.names, event)
                        && step.condition.as_ref().is_none_or(|c| self.rule(c, Some(event)))
                };
                sequence::holds(steps, &self.person.activity, self.person.now, &passes)
            }
            Rule::Segment(key) => self.is_member(self.rules.segment(key)),
        }
    }

    fn text(&self, term: &Term, at: Option<&Event>, test: impl Fn(&str) -> bool) -> bool {
        matches!(self.term(term, at), Seen::Value(Val::Text(text)) if test(&text))
    }

    fn compare(&self, seen: &Seen, op: Op, other: &Seen) -> bool {
        seen.compares(op, other, &self.near)
    }

    fn term(&self, term: &Term, at: Option<&Event>) -> Seen {
        match term {
            Term::Literal(literal) => Seen::from(literal),
            Term::Property(path) => {
                let event = at.expect("a property stands only inside a where");
                Seen::from(property(event, path).cloned())
            }
            Term::Trait(path) => Seen::from(find(&self.person.traits, path).cloned()),
            Term::Context(area, path) => self.context(*area, path),
            Term::Session(field) => match self.person.latest_session() {
                None => Seen::Missing,
                Some(session) => session_field(session, field),
            },
            Term::Engagement => Seen::Rough(self.person.engagement(self.rules)),
            Term::Now => Seen::whole(self.person.now),
            Term::Bucket(salt) => {
                let place = bucket::place(&self.person.owner, salt);
                Seen::Exact { micros: i128::from(place) * 10_000, by: 1 }
            }
            Term::Count(select) => Seen::count(self.select(select).len()),
            Term::Fold(fold, path, select) => fold_events(*fold, path, &self.select(select)),
            Term::TimeSince(select) => self.since(self.select(select).last()),
            Term::TimeSinceFirst(select) => self.since(self.select(select).first()),
            Term::DaysActive(select) => Seen::count(self.days(select).len()),
            Term::Sessions(within) => {
                let is_inside = |s: &&Session| within.is_none_or(|ms| s.end > self.person.now - ms);
                Seen::count(self.person.sessions().iter().filter(is_inside).count())
            }
            Term::Streak(select) => Seen::count(self.streak(select)),
            Term::Periods(select, every, count) => {
                let events = self.select(select);
                let is_filled = |i: &i64| {
                    let end = self.person.now - i * every;
                    events.iter().any(|e| end - every < e.at && e.at <= end)
                };
                Seen::count((0..*count).filter(is_filled).count())
            }
            Term::Ratio(one, other) => self.term(one, at).over(&self.term(other, at)),
        }
    }

    /// What the latest event that says something there says.
    fn context(&self, area: Area, path: &str) -> Seen {
        let path = format!("{}.{path}", area.place());
        let said = |event: &&Event| find(&event.context, &path).filter(|v| is_scalar(v)).cloned();
        Seen::from(self.person.known.iter().rev().find_map(said))
    }

    fn since(&self, event: Option<&&Event>) -> Seen {
        event.map_or(Seen::Missing, |event| Seen::whole(self.person.now - event.at))
    }

    /// The selected events in order.
    fn select(&self, select: &Select) -> Vec<&'a Event> {
        let mut events = self.ever(select);
        match select.window {
            Window::Session => {
                let session = self.person.latest_session();
                events.retain(|event| {
                    session.is_some_and(|s| {
                        event.device.as_deref().unwrap_or_default() == &*s.device
                            && s.start <= event.at
                            && event.at <= s.end
                    })
                });
            }
            window => events.retain(|event| self.is_inside(window, event.at)),
        }
        events
    }

    /// The selected events of all time, in order.
    fn ever(&self, select: &Select) -> Vec<&'a Event> {
        let mut selected: Vec<&Event> = Vec::new();
        for &event in &self.person.activity {
            if is_named(&select.names, event)
                && select.condition.as_ref().is_none_or(|c| self.rule(c, Some(event)))
            {
                selected.push(event);
            }
        }
        selected
    }

    fn is_inside(&self, window: Window, at: i64) -> bool {
        let now = self.person.now;
        let zone = &self.rules.zone;
        match window {
            Window::All => true,
            Window::Within(ms) => now - ms < at && at <= now,
            Window::Ago { older, newer } => now - older < at && at <= now - newer,
            Window::Today => zone.day(at) == zone.day(now),
            Window::Week => zone.week(at) == zone.week(now),
            Window::Month => zone.month(at) == zone.month(now),
            Window::Session => panic!("a session is of a device"),
        }
    }

    fn days(&self, select: &Select) -> BTreeSet<i64> {
        self.select(select).iter().map(|event| self.rules.zone.day(event.at)).collect()
    }

    fn streak(&self, select: &Select) -> usize {
        let days = self.days(select);
        let today = self.rules.zone.day(self.person.now);
        let last = [today, today - 1].into_iter().find(|day| days.contains(day));
        last.map_or(0, |last| (0..).take_while(|back| days.contains(&(last - back))).count())
    }

    fn resumed(&self, select: &Select, gap: i64) -> bool {
        let ever = self.ever(select);
        ever.iter().filter(|e| self.is_inside(select.window, e.at)).any(|e| {
            ever.iter().any(|before| before.at <= e.at - gap)
                && !ever.iter().any(|f| e.at - gap < f.at && f.at < e.at)
        })
    }
}

fn is_named(names: &[String], event: &Event) -> bool {
    names.is_empty() || names.iter().any(|n| **n == *event.name)
}

/// A property of an event, or a part of its context.
pub(super) fn property<'e>(event: &'e Event, path: &str) -> Option<&'e Val> {
    if let Some(path) = path.strip_prefix("context.") {
        return find(&event.context, path);
    }
    find(&event.props, path.strip_prefix("properties.").unwrap_or(path))
}

fn session_field(session: &Session, field: &str) -> Seen {
    match field {
        "events" => Seen::whole(session.events.into()),
        "pages" => Seen::whole(session.pages.into()),
        "screens" => Seen::whole(session.screens.into()),
        "engaged_ms" => Seen::whole(session.engaged_ms),
        "duration_ms" => Seen::whole(session.duration_ms()),
        "conversions" => Seen::whole(session.conversions.into()),
        "revenue" => Seen::Exact { micros: session.revenue_micros, by: 1 },
        "bounced" => Seen::Value(Val::Bool(session.bounced())),
        "entry_page" => Seen::from(session.entry_page.clone()),
        "exit_page" => Seen::from(session.exit_page.clone()),
        "referrer" => Seen::from(session.referrer.clone()),
        "campaign" => Seen::from(session.campaign.clone()),
        "start_reason" => Seen::Value(Val::text(session.start_reason.word())),
        _ => panic!("the oracle knows no session.{field}"),
    }
}

fn fold_events(fold: Fold, path: &str, events: &[&Event]) -> Seen {
    let values: Vec<&Val> =
        events.iter().filter_map(|e| property(e, path)).filter(|v| is_scalar(v)).collect();
    let numbers: Vec<f64> = values.iter().filter_map(|v| v.number()).collect();
    let float = |number: Option<f64>| Seen::from(number.map(Val::Float));
    match fold {
        Fold::Sum => Seen::Exact { micros: numbers.iter().copied().map(micros).sum(), by: 1 },
        Fold::Min => float(numbers.into_iter().min_by(f64::total_cmp)),
        Fold::Max => float(numbers.into_iter().max_by(f64::total_cmp)),
        Fold::Avg if numbers.is_empty() => Seen::Missing,
        Fold::Avg => Seen::Exact {
            micros: numbers.iter().copied().map(micros).sum(),
            by: i128::try_from(numbers.len()).expect("a count fits"),
        },
        Fold::Distinct => {
            let mut known: Vec<&Val> = Vec::new();
            for value in values {
                if !known.iter().any(|k| same(k, value)) {
                    known.push(value);
                }
            }
            Seen::count(known.len())
        }
        Fold::First => Seen::from(values.first().copied().cloned()),
        Fold::Last => Seen::from(values.last().copied().cloned()),
    }
}
