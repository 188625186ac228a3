//! How persons came to be where they are: replays, fact by fact and instant by instant, what
//! segments with an exit or a shortest stay made of them.
use super::eval::{Question, Standing};
use super::event::Event;
use super::identity::People;
use super::rule::Segment;
use super::waits::Waits;
use super::{Person, Rules};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Follows everybody through the facts as they arrive and the time as it passes.
#[derive(Debug)]
pub struct Walk<'a> {
    rules: &'a Rules,
    people: People<'a>,
    /// Everybody at their latest fact.
    walkers: BTreeMap<String, Walker>,
    /// The latest moment to which time has passed since the latest fact.
    now: i64,
    /// Those who were asked about, at that moment. Not where the next fact finds them: it may have
    /// been received before.
    ahead: RefCell<BTreeMap<String, Walker>>,
    waits: Waits,
}

/// One person on the way.
#[derive(Debug, Clone, Default)]
struct Walker {
    clock: Option<i64>,
    standing: Standing,
    left_at: BTreeMap<String, i64>,
    /// How the person stood from each moment on.
    past: Vec<(i64, Standing)>,
    doubtful: bool,
}

/// Why something is looked at; it decides the stamp of what comes of it.
#[derive(Debug, Clone, Copy)]
enum Cause {
    Fact(i64),
    Time,
}

impl<'a> Walk<'a> {
    /// Nobody yet.
    #[must_use]
    pub fn new(rules: &'a Rules) -> Self {
        let mut waits = Waits::default();
        for segment in rules.segments.iter().filter(|s| s.has_memory()) {
            waits.add(Waits::of_segment(segment, rules));
        }
        Self {
            rules,
            people: People::default(),
            walkers: BTreeMap::new(),
            now: i64::MIN,
            ahead: RefCell::default(),
            waits,
        }
    }

    /// Takes one arrival in.
    pub fn deliver(&mut self, event: &'a Event) {
        if !self.rules.segments.iter().any(Segment::has_memory) || !self.people.is_new(event) {
            return;
        }
        self.now = i64::MIN;
        self.ahead.borrow_mut().clear();
        let owner = self.people.owner(&event.subject());
        let mut walker = self.walkers.remove(&owner).unwrap_or_default();
        self.pass(&owner, &mut walker, event.received);
        self.people.take(event, self.rules.lateness_ms);
        self.look(&owner, &mut walker, event.received, Cause::Fact(event.at));
        if let Some((device, person)) = self.people.new_link(event) {
            // What links is about the person, who was just asked.
            debug_assert_eq!(owner, person);
            let device = format!("a:{device}");
            let newest = self.people.newest.get(&device).copied().unwrap_or(i64::MIN);
            self.walkers.remove(&device);
            self.pass(&person, &mut walker, event.received.max(newest));
            self.people.unite(event);
            self.look(&person, &mut walker, event.received, Cause::Fact(event.received));
        }
        self.walkers.insert(owner, walker);
    }

    /// Lets time pass for everybody.
    pub fn advance(&mut self, now: i64) {
        self.now = self.now.max(now);
    }

    /// How a person stood at an instant, all facts so far and their receipts given.
    #[must_use]
    pub fn standing(&self, owner: &str, now: i64) -> Standing {
        self.ask(owner, |walker| {
            let last = walker.past.iter().rev().find(|(from, _)| *from <= now);
            last.map(|(_, standing)| standing.clone()).unwrap_or_default()
        })
    }

    /// Whether rounding alone may have decided something on the person's way.
    #[must_use]
    pub fn is_doubtful(&self, owner: &str) -> bool {
        self.waits.others || self.ask(owner, |walker| walker.doubtful)
    }

    fn ask<T>(&self, owner: &str, what: impl FnOnce(&Walker) -> T) -> T {
        let mut ahead = self.ahead.borrow_mut();
        let settled = || self.walkers.get(owner).cloned().unwrap_or_default();
        let walker = ahead.entry(owner.to_owned()).or_insert_with(settled);
        if walker.clock.is_some_and(|clock| clock < self.now) {
            self.pass(owner, walker, self.now);
        }
        what(walker)
    }

    /// Looks at the person at every instant up to `to` at which something may change.
    fn pass(&self, owner: &str, walker: &mut Walker, to: i64) {
        let Some(from) = walker.clock else {
            walker.clock = Some(to);
            return;
        };
        let mut ahead = self.instants(owner, walker, from, to);
        while let Some(instant) = ahead.pop_first() {
            self.look(owner, walker, instant, Cause::Time);
            // Whoever came in now may leave after the shortest stay.
            ahead.extend(self.ends_of_stay(walker).filter(|at| *at > instant && *at <= to));
        }
        walker.clock = Some(from.max(to));
    }

    fn instants(&self, owner: &str, walker: &Walker, from: i64, to: i64) -> BTreeSet<i64> {
        let mut found: BTreeSet<i64> = self.ends_of_stay(walker).collect();
        for owned in self.people.events.get(owner).into_iter().flatten() {
            let at = owned.event.at;
            found.insert(at);
            found.extend(self.waits.spans.iter().flat_map(|span| [at + span, at + span + 1]));
        }
        found.extend(self.waits.instants.iter().flat_map(|at| [*at, at + 1]));
        found.retain(|at| from < *at && *at <= to);
        if self.waits.midnights {
            found.extend(self.rules.zone.midnights(from, to));
        }
        found
    }

    fn ends_of_stay(&self, walker: &Walker) -> impl Iterator<Item = i64> {
        let end = |(key, at): (&String, &i64)| at + self.rules.segment(key).min_stay_ms;
        walker.standing.iter().map(end).collect::<Vec<_>>().into_iter()
    }

    /// Asks all segments with a memory, in their order, at an instant or, of a fact, at the moment
    /// of its receipt.
    fn look(&self, owner: &str, walker: &mut Walker, moment: i64, cause: Cause) {
        let now = walker.clock.map_or(moment, |clock| clock.max(moment));
        walker.clock = Some(now);
        let stamp = match cause {
            Cause::Fact(at) => at.min(now),
            Cause::Time => now,
        };
        let owned = self.people.events.get(owner).map_or(&[][..], Vec::as_slice);
        let person = Person::new(owner, owned, self.rules, now);
        for segment in self.rules.segments.iter().filter(|s| s.has_memory()) {
            walker.ask(segment, &person, self.rules, stamp);
        }
        if walker.past.last().is_none_or(|(_, standing)| *standing != walker.standing) {
            walker.past.push((now, walker.standing.clone()));
        }
    }
}

impl Walker {
    fn ask(&mut self, segment: &Segment, person: &Person<'_>, rules: &Rules, stamp: i64) {
        let question = Question::new(person, rules, &self.standing);
        let has_agreed = question.has_agreed(segment);
        let when = question.holds(&segment.when);
        let exit = segment.exit.as_ref().map(|exit| question.holds(exit));
        self.doubtful |= question.is_doubtful();
        let key = &segment.key;
        match self.standing.get(key).copied() {
            None => {
                if has_agreed && when && exit != Some(true) {
                    let left_at = self.left_at.get(key).copied().unwrap_or(i64::MIN);
                    self.standing.insert(key.clone(), stamp.max(left_at));
                }
            }
            Some(entered_at) => {
                let wants_out = exit.unwrap_or(!when);
                let may_leave = person.now >= entered_at + segment.min_stay_ms;
                if !has_agreed || (wants_out && may_leave) {
                    self.standing.remove(key);
                    self.left_at.insert(key.clone(), stamp.max(entered_at));
                }
            }
        }
    }
}
