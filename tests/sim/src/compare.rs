//! Runs a world through a subject and holds it to the oracle at every moment asked.
use crate::oracle::eval::{Question, Standing};
use crate::oracle::event::Props;
use crate::oracle::identity::People;
use crate::oracle::path::Walk;
use crate::oracle::rule::{Rule, Segment, Term};
use crate::oracle::session::Session;
use crate::oracle::{Person, Rules};
use crate::subject::{Brief, Change, Held, Look, Subject};
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How far a score may be from the oracle's: the state keeps it in fixed point.
const SCORE_TOLERANCE: f64 = 1e-6;

/// One thing on which the subject and the oracle differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// A word for the kind of thing, the same for all of its kind.
    pub kind: &'static str,
    /// Whom it is about.
    pub owner: String,
    /// At which moment.
    pub now: i64,
    /// What exactly, with both answers.
    pub what: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {} at {}: {}", self.kind, self.owner, self.now, self.what)
    }
}

/// What was compared, and what differed.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Differences, in the order met.
    pub disagreements: Vec<Disagreement>,
    /// Memberships compared.
    pub memberships: usize,
    /// How many of these were true.
    pub members: usize,
    /// Sessions compared in every field.
    pub sessions: usize,
    /// Changes by time alone whose stamp was checked.
    pub deadlines: usize,
    /// Answers left out because a number was within rounding of its threshold.
    pub doubtful: usize,
    /// Memberships compared of persons who are held out of the segment.
    pub held_out: usize,
    /// Memberships compared, with their stamps, of segments with an exit or a shortest stay.
    pub remembered: usize,
}

impl Outcome {
    /// Adds another world's numbers.
    pub fn add(&mut self, other: Self) {
        let Self {
            disagreements,
            memberships,
            members,
            sessions,
            deadlines,
            doubtful,
            held_out,
            remembered,
        } = other;
        self.disagreements.extend(disagreements);
        self.memberships += memberships;
        self.members += members;
        self.sessions += sessions;
        self.deadlines += deadlines;
        self.doubtful += doubtful;
        self.held_out += held_out;
        self.remembered += remembered;
    }

    fn differ(&mut self, kind: &'static str, owner: &str, now: i64, what: String) {
        self.disagreements.push(Disagreement { kind, owner: owner.to_owned(), now, what });
    }
}

/// Whether time is let pass between arrivals, or only at the moments asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ticks {
    /// Before each arrival and at the moments asked; every change by time alone is checked.
    Often,
    /// Only at the moments asked.
    Seldom,
}

/// Runs the world through the subject.
pub fn run(world: &World, subject: &mut impl Subject, ticks: Ticks) -> Outcome {
    let mut outcome = Outcome::default();
    let mut inside = Inside::new();
    let mut asks = world.asks.iter().peekable();
    let mut clock = i64::MIN;
    let in_order = world.arrivals.is_sorted_by_key(|event| event.received);
    let mut walk = Walk::new(&world.rules);
    for after in 0..=world.arrivals.len() {
        while let Some(ask) = asks.next_if(|ask| ask.after == after) {
            clock = ask.now;
            let changes = subject.advance(ask.now);
            walk.advance(ask.now);
            let facts = Facts { world, after, walk: &walk };
            facts.check_changes(&changes, &mut inside, &mut outcome);
            let looks = subject.look(ask.now);
            facts.check_all(&looks, ask.now, &mut outcome);
            if subject.tells_changes() && in_order {
                check_stamps(&looks, &inside, ask.now, &mut outcome);
            }
        }
        let Some(event) = world.arrivals.get(after) else { break };
        if ticks == Ticks::Often && event.received > clock {
            clock = event.received;
            let changes = subject.advance(event.received);
            walk.advance(event.received);
            let facts = Facts { world, after, walk: &walk };
            facts.check_changes(&changes, &mut inside, &mut outcome);
        }
        walk.deliver(event);
        match subject.deliver(event) {
            Ok(changes) => check_turns(&changes, &mut inside, &mut outcome),
            Err(why) => outcome.differ("refused", &event.subject(), event.received, why),
        }
    }
    outcome
}

/// Who came into which segment, and when, as the changes told.
type Inside = BTreeMap<(String, String), i64>;

/// Whoever comes in was out before, and the other way round.
fn check_turns(changes: &[Change], inside: &mut Inside, outcome: &mut Outcome) {
    for change in changes {
        let place = (change.owner.clone(), change.segment.clone());
        let turned = if change.enters {
            inside.insert(place, change.at).is_none()
        } else {
            inside.remove(&place).is_some()
        };
        if !turned {
            let what = format!("{change:?} without the opposite before");
            outcome.differ("turns", &change.owner, change.at, what);
        }
    }
}

/// Whoever is in a segment is in it since they came in, as the changes told. A fact received before
/// a change that was already told may move the entry without another change: nobody left.
fn check_stamps(looks: &BTreeMap<String, Look>, inside: &Inside, now: i64, outcome: &mut Outcome) {
    for (owner, look) in looks {
        for (segment, entered_at) in &look.segments {
            let told = inside.get(&(owner.clone(), segment.clone()));
            if told != Some(entered_at) {
                let what = format!("{segment}: told {told:?}, shown {entered_at}");
                outcome.differ("stamps", owner, now, what);
            }
        }
    }
}

fn has_only_a_score(rule: &Rule) -> bool {
    match rule {
        Rule::Not(rule) => has_only_a_score(rule),
        Rule::Compare(term, ..) => *term == Term::Engagement,
        _ => false,
    }
}

/// The oracle's side: the world up to some arrival.
struct Facts<'w, 'p> {
    world: &'w World,
    after: usize,
    walk: &'p Walk<'w>,
}

impl<'w> Facts<'w, '_> {
    fn people(&self) -> People<'w> {
        let arrived = self.world.arrivals[..self.after].iter();
        People::of(arrived, self.world.rules.lateness_ms)
    }

    /// Each change by time alone happens at its stamp, and not a millisecond before.
    fn check_changes(&self, changes: &[Change], inside: &mut Inside, outcome: &mut Outcome) {
        check_turns(changes, inside, outcome);
        if changes.is_empty() {
            return;
        }
        let rules = &self.world.rules;
        let people = self.people();
        for change in changes {
            let owned = people.events.get(&change.owner).map_or(&[][..], Vec::as_slice);
            let segment = rules.segment(&change.segment);
            let answers = |before, then| {
                let ask = |now| {
                    let person = Person::new(&change.owner, owned, rules, now);
                    let standing = self.walk.standing(&change.owner, now);
                    let question = Question::new(&person, rules, &standing);
                    (question.is_member(segment), question.is_doubtful())
                };
                let ((before, near_before), (then, near_then)) = (ask(before), ask(then));
                (before, then, near_before || near_then)
            };
            outcome.deadlines += 1;
            let (mut before, mut then, mut doubtful) = answers(change.at - 1, change.at);
            doubtful |= reads_memory(segment, rules) && self.walk.is_doubtful(&change.owner);
            if doubtful && has_only_a_score(&segment.when) {
                // A score crosses its threshold so slowly that neighbouring milliseconds differ by
                // less than rounding; a second on either side is what the contract allows.
                (before, then, doubtful) = answers(change.at - 1000, change.at + 1000);
            }
            if doubtful {
                outcome.doubtful += 1;
            } else if then != change.enters || before == change.enters {
                let what = format!(
                    "{change:?}, but the oracle: before {before}, then {then}; {segment:?}"
                );
                outcome.differ("deadline", &change.owner, change.at, what);
            }
        }
    }

    fn check_all(&self, looks: &BTreeMap<String, Look>, now: i64, outcome: &mut Outcome) {
        let people = self.people();
        let ours: Vec<&String> = people.events.keys().collect();
        let theirs: Vec<&String> = looks.keys().collect();
        if ours != theirs {
            let what = format!("oracle {ours:?}, subject {theirs:?}");
            outcome.differ("who", "everybody", now, what);
        }
        for (owner, owned) in &people.events {
            let Some(look) = looks.get(owner) else { continue };
            let person = Person::new(owner, owned, &self.world.rules, now);
            let standing = self.walk.standing(owner, now);
            let rules = &self.world.rules;
            if self.walk.is_doubtful(owner) {
                outcome.doubtful += rules.segments.len();
            } else {
                check_person(&person, rules, &standing, look, outcome);
            }
            let newest = people.newest.get(owner).copied().unwrap_or(now);
            if look.as_of < newest || look.as_of > now {
                let what = format!("{}, last receipt {newest}", look.as_of);
                outcome.differ("as_of", owner, now, what);
            }
            let then = Person::new(owner, owned, &self.world.rules, look.as_of);
            check_engagement(owner, &then, &self.world.rules, look, outcome);
            if let Some(held) = &look.held {
                let person = Person::new(owner, owned, &self.world.rules, newest);
                check_sessions(owner, &person, &self.world.rules, held, outcome);
            }
            let devices: BTreeSet<String> =
                people.devices(owner).iter().map(ToString::to_string).collect();
            if devices != look.devices {
                let what = format!("oracle {devices:?}, subject {:?}", look.devices);
                outcome.differ("devices", owner, now, what);
            }
        }
    }
}

/// Holds the score to the oracle, `person` being seen at the score's moment.
pub fn check_engagement(
    owner: &str,
    person: &Person<'_>,
    rules: &Rules,
    look: &Look,
    outcome: &mut Outcome,
) {
    let (ours, theirs) = (person.engagement(rules), look.engagement);
    // Not "greater": a score that is no number is wrong too.
    let near = (ours - theirs).abs() <= SCORE_TOLERANCE;
    if !near {
        outcome.differ("engagement", owner, person.now, format!("oracle {ours}, subject {theirs}"));
    }
}

/// Holds one person to the oracle, but for score and sessions in detail. `standing` is how the
/// person stands in the segments that have a memory.
pub fn check_person(
    person: &Person<'_>,
    rules: &Rules,
    standing: &Standing,
    look: &Look,
    outcome: &mut Outcome,
) {
    let (owner, now) = (&person.owner, person.now);
    for segment in &rules.segments {
        check_membership(segment, (person, rules, standing), look, outcome);
    }
    for (key, entered_at) in look.segments.iter().chain(&look.held_out) {
        if *entered_at > now {
            outcome.differ("entered_at", owner, now, format!("{key} since {entered_at}"));
        }
    }
    let traits = rendered(&person.traits);
    if traits != look.traits {
        let what = format!("oracle {traits:?}, subject {:?}", look.traits);
        outcome.differ("traits", owner, now, what);
    }
    let brief = person.latest_session().map(brief);
    if brief != look.latest {
        let what = format!("oracle {brief:?}, subject {:?}", look.latest);
        outcome.differ("latest session", owner, now, what);
    }
}

fn check_membership(
    segment: &Segment,
    (person, rules, standing): (&Person<'_>, &Rules, &Standing),
    look: &Look,
    outcome: &mut Outcome,
) {
    let Segment { key, when, .. } = segment;
    let (owner, now) = (&person.owner, person.now);
    let question = Question::new(person, rules, standing);
    let ours = question.belongs(segment);
    let is_held_out = question.is_held_out(segment);
    outcome.memberships += 1;
    outcome.members += usize::from(ours);
    outcome.held_out += usize::from(ours && is_held_out);
    if question.is_doubtful() {
        outcome.doubtful += 1;
        return;
    }
    let (shown, hidden) = if is_held_out {
        (&look.held_out, &look.segments)
    } else {
        (&look.segments, &look.held_out)
    };
    if ours != shown.contains_key(key) || hidden.contains_key(key) {
        let what = format!(
            "oracle {ours}, held out {is_held_out}; subject {:?}, held out {:?}; {key}: {when}; {segment:?}",
            look.segments.get(key),
            look.held_out.get(key)
        );
        outcome.differ("membership", owner, now, what);
    } else if segment.has_memory() {
        outcome.remembered += 1;
        if standing.get(key) != shown.get(key) {
            let (ours, theirs) = (standing.get(key), shown.get(key));
            let what = format!("{key}: oracle {ours:?}, subject {theirs:?}; {segment:?}");
            outcome.differ("stay", owner, now, what);
        }
    }
}

/// Whether who is in the segment depends on who was in some segment.
#[must_use]
pub fn reads_memory(segment: &Segment, rules: &Rules) -> bool {
    segment.has_memory()
        || segment.rules().any(|rule| {
            let named = |other: &&Segment| {
                rule.to_string().contains(&format!("segment(\"{}\")", other.key))
            };
            rules.segments.iter().filter(named).any(|other| reads_memory(other, rules))
        })
}

/// Holds the sessions in detail to the oracle. They are those of the facts folded, so `person` is
/// seen at their latest receipt: what lies ahead of it is not folded yet.
pub fn check_sessions(
    owner: &str,
    person: &Person<'_>,
    rules: &Rules,
    held: &Held,
    outcome: &mut Outcome,
) {
    let ours = person.sessions();
    if u64::try_from(ours.len()) != Ok(held.count) {
        let what = format!("oracle {}, subject {}", ours.len(), held.count);
        outcome.differ("session count", owner, person.now, what);
    }
    for session in &held.sessions {
        outcome.sessions += 1;
        let same = |s: &&Session| s.device == session.device && s.start == session.start;
        match ours.iter().find(same) {
            Some(ours) if ours == session => {}
            Some(ours) => {
                let what = format!("oracle {ours:?},\n    subject {session:?}");
                outcome.differ("session fields", owner, person.now, what);
            }
            None => {
                let what = format!("the oracle has no {session:?}");
                outcome.differ("session", owner, person.now, what);
            }
        }
    }
    let latest = person.latest_session();
    let kept = |ours: &Session| {
        held.sessions.iter().any(|s| s.start == ours.start && s.device == ours.device)
    };
    let open = |ours: &&Session| ours.end >= person.now - rules.lateness_ms || latest == Some(ours);
    for missing in ours.iter().filter(open).filter(|ours| !kept(ours)) {
        outcome.differ("session", owner, person.now, format!("not held: {missing:?}"));
    }
}

fn brief(session: &Session) -> Brief {
    Brief {
        start: session.start,
        end: session.end,
        events: session.events,
        views: session.pages + session.screens,
        engaged_ms: session.engaged_ms,
    }
}

fn rendered(traits: &Props) -> BTreeMap<String, String> {
    traits.iter().map(|(key, value)| ((*key).to_owned(), value.render())).collect()
}
