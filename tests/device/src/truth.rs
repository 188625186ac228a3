//! What really happened, kept apart from what the SDK says, and the promises held against it.
use crate::call::{Said, canaries};
use crate::clock::WorldMs;
use crate::collector::Taken;
use crate::store::Op;
use sdk_core::{Choice, Config, Key, Ledger, PrivacySignal};
use std::collections::{BTreeMap, BTreeSet};

/// Which promise was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// created = acknowledged + rejected + dropped + unsure + pending, and each part is true.
    Balance,
    /// Created is the number of calls that were decided.
    Created,
    /// No event counts twice, and no two share an id or a number.
    Doubled,
    /// What arrives is what was said.
    Content,
    /// Numbers follow the order of the calls.
    Order,
    /// An event's corrected time is within the error that its batch admits.
    Time,
    /// Nothing that the system was handed is lost.
    Durable,
    /// Queues, batches and requests keep their bounds.
    Bounds,
    /// Nothing is sent when it must not be.
    Polite,
    /// Nothing is kept or sent of an event whose consent is not given.
    Consent,
    /// Once nothing goes wrong any more, everything is delivered.
    Drains,
    /// In the end the collector knows what became of every event.
    Account,
    /// What is given up is given up for a true reason.
    Reason,
    /// Bodies are what a collector understands.
    Body,
}

/// A broken promise, with what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// What was seen.
    pub seen: String,
}

/// The outcome of a check.
pub type Check = Result<(), Violation>;

/// Fails unless `holds`.
///
/// # Errors
/// The violation of `rule`.
pub fn hold(rule: Rule, holds: bool, seen: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(Violation { rule, seen: seen() }) }
}

/// Sums of a ledger's parts.
#[must_use]
pub fn sum(counts: &[(String, u64)]) -> u64 {
    counts.iter().map(|(_, count)| count).sum()
}

/// Who uses the device and what the person wants, by the checker's own account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// The known user; empty for none.
    pub user: String,
    /// What was chosen, by category.
    pub choices: BTreeMap<String, bool>,
    /// Global Privacy Control; of this process only.
    pub gpc: bool,
    /// Do Not Track; of this process only.
    pub dnt: bool,
}

/// Whether an event may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Gate {
    Open,
    Unknown,
    Closed,
}

impl Person {
    /// Takes choices.
    pub fn choose(&mut self, chosen: &[(&'static str, Choice)]) {
        for (category, choice) in chosen {
            self.choices.insert((*category).to_owned(), *choice == Choice::Granted);
        }
    }

    /// Whether an event of this name may be kept now.
    #[must_use]
    pub fn gate(&self, config: &Config, said: &Said) -> Gate {
        let named = said.kind == crate::call::Kind::Track;
        let own = config.consent_by_event.iter().find(|(name, _)| named && *name == said.name);
        let needed = own.map_or(&config.consent_required, |(_, needed)| needed);
        if own.is_some() && needed.is_empty() {
            return Gate::Open;
        }
        let denies = |on, meaning| on && meaning == PrivacySignal::Deny;
        if denies(self.gpc, config.gpc) || denies(self.dnt, config.dnt) {
            return Gate::Closed;
        }
        let answers = || needed.iter().map(|category| self.choices.get(category).copied());
        match () {
            () if answers().any(|answer| answer == Some(false)) => Gate::Closed,
            () if answers().any(|answer| answer.is_none()) => Gate::Unknown,
            () => Gate::Open,
        }
    }
}

/// A call that was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// What was said.
    pub said: Said,
    /// By which lane.
    pub lane: usize,
    /// When, in truth.
    pub at: WorldMs,
    /// By which process of the lane.
    pub generation: u32,
    /// Its place among all calls of the world.
    pub order: u64,
    /// The user of the device at that moment, if storage had been restored.
    pub user: Option<String>,
    /// The device's id after the call, if storage had been restored.
    pub device: Option<String>,
    /// Whether it was held back for storage or consent.
    pub waited: bool,
    /// Its number, once queued.
    pub seq: Option<u64>,
    /// Whether the collector has taken it.
    pub taken: bool,
}

/// What is true of one number of a lane.
#[derive(Debug, Clone, Copy, Default)]
struct Fate {
    call: u64,
    pending: bool,
    taken: bool,
    refused: bool,
}

/// What is true of the events of one lane.
#[derive(Debug, Default)]
pub struct LaneTruth {
    fates: BTreeMap<u64, Fate>,
    pending: u64,
    bytes: BTreeMap<u64, usize>,
    bytes_sum: usize,
    /// Of those that are no longer pending: taken, refused, either.
    taken: u64,
    refused: u64,
    either: u64,
    last_call: u64,
}

impl LaneTruth {
    fn change(&mut self, seq: u64, change: impl FnOnce(&mut Fate)) {
        let fate = self.fates.entry(seq).or_default();
        let before = *fate;
        change(fate);
        let after = *fate;
        let count = |counter: &mut u64, was: bool, is: bool| {
            *counter = *counter + u64::from(is) - u64::from(was);
        };
        let gone = |f: Fate| !f.pending;
        count(&mut self.pending, before.pending, after.pending);
        count(&mut self.taken, gone(before) && before.taken, gone(after) && after.taken);
        count(&mut self.refused, gone(before) && before.refused, gone(after) && after.refused);
        let known = |f: Fate| gone(f) && (f.taken || f.refused);
        count(&mut self.either, known(before), known(after));
    }

    /// How many are queued.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.pending
    }

    /// Bytes of the queued records.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes_sum
    }

    /// Which call a number stands for.
    #[must_use]
    pub fn call_of(&self, seq: u64) -> Option<u64> {
        self.fates.get(&seq).map(|fate| fate.call)
    }

    /// Whether a number is queued.
    #[must_use]
    pub fn is_pending(&self, seq: u64) -> bool {
        self.fates.get(&seq).is_some_and(|fate| fate.pending)
    }

    /// Whether the collector has refused a number.
    #[must_use]
    pub fn is_refused(&self, seq: u64) -> bool {
        self.fates.get(&seq).is_some_and(|fate| fate.refused)
    }

    /// Of the numbers up to `created` that are not queued: how many the collector took, refused, and
    /// neither.
    #[must_use]
    pub fn settled(&self, created: u64) -> (u64, u64, u64) {
        let neither = created.saturating_sub(self.pending).saturating_sub(self.either);
        (self.taken, self.refused, neither)
    }

    /// The collector took an event.
    pub fn note_taken(&mut self, seq: u64) {
        self.change(seq, |fate| fate.taken = true);
    }

    /// The collector refused an event.
    pub fn note_refused(&mut self, seq: u64) {
        self.change(seq, |fate| fate.refused = true);
    }

    fn enqueue(&mut self, seq: u64, call: u64, bytes: usize) {
        self.change(seq, |fate| {
            fate.pending = true;
            fate.call = call;
        });
        self.bytes_sum += bytes;
        self.bytes_sum -= self.bytes.insert(seq, bytes).unwrap_or(0);
    }

    fn forget(&mut self, seq: u64) {
        if self.fates.contains_key(&seq) {
            self.change(seq, |fate| fate.pending = false);
        }
        self.bytes_sum -= self.bytes.remove(&seq).unwrap_or(0);
    }

    /// A new process begins with these events in storage; numbers above `created` were never told
    /// to anybody and are given out again.
    pub fn restart<'r>(&mut self, stored: impl Iterator<Item = (u64, &'r [u8])>, created: u64) {
        let mut old = std::mem::take(self);
        old.fates.retain(|seq, _| *seq <= created);
        for (seq, fate) in old.fates {
            self.change(seq, |new| *new = Fate { pending: false, ..fate });
        }
        for (seq, record) in stored {
            let call = canaries(record).first().copied();
            let call = call.or(self.call_of(seq)).unwrap_or_default();
            self.enqueue(seq, call, record.len());
        }
        self.last_call = 0;
    }
}

/// What an app asked for and its person wants.
#[derive(Debug, Clone, Copy)]
pub struct App<'a> {
    /// The settings.
    pub config: &'a Config,
    /// The person.
    pub person: &'a Person,
    /// Whether storage has changed by itself.
    pub rotten: bool,
}

/// How much the checker knows of the numbers of an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It is the one that the lane has now.
    Now,
    /// The lane has begun anew since.
    Before,
    /// Its storage has changed by itself, so that numbers may be given out again.
    Rotten,
}

/// Everything that was called, in all lanes.
#[derive(Debug, Default)]
pub struct Truth {
    /// By number.
    pub calls: BTreeMap<u64, Made>,
    /// By lane.
    pub lanes: Vec<LaneTruth>,
    /// Of installations that are not the present ones of their lanes, with their names.
    past: BTreeMap<(usize, u32), (String, LaneTruth)>,
    message_ids: BTreeSet<String>,
    numbers: BTreeMap<(String, u64), u64>,
}

impl Truth {
    /// Takes what a tracker asked to be stored.
    ///
    /// # Errors
    /// An event is kept that must not be, or is numbered out of order.
    pub fn stored(&mut self, lane: usize, op: &Op, app: &App<'_>) -> Check {
        let App { config, person, rotten } = *app;
        let (key, value) = match op {
            Op::Put(key, value) => (*key, value),
            Op::Remove(Key::Event(seq)) => {
                self.lanes[lane].forget(*seq);
                return Ok(());
            }
            Op::Remove(_) => return Ok(()),
        };
        for number in canaries(value) {
            let Some(made) = self.calls.get(&number) else { continue };
            let gate = person.gate(config, &made.said);
            hold(Rule::Consent, gate == Gate::Open, || {
                format!("lane {lane}: call {number} is stored under {key:?} while {gate:?}")
            })?;
        }
        let Key::Event(seq) = key else { return Ok(()) };
        let number = canaries(value).first().copied().unwrap_or_default();
        let Some(made) = self.calls.get_mut(&number) else {
            let seen = format!("lane {lane}: event {seq} holds nothing of any call");
            return Err(Violation { rule: Rule::Content, seen });
        };
        let truth = &mut self.lanes[lane];
        let known = truth.fates.get(&seq).is_some_and(|fate| fate.pending);
        hold(Rule::Doubled, !known && (rotten || made.seq.is_none()), || {
            format!("lane {lane}: event {seq} is stored again, or call {number} is queued twice")
        })?;
        hold(Rule::Order, rotten || made.waited || made.order > truth.last_call, || {
            format!("lane {lane}: {made:?} is queued after call {}", truth.last_call)
        })?;
        made.seq = Some(seq);
        if !made.waited {
            truth.last_call = made.order;
        }
        truth.enqueue(seq, number, value.len());
        Ok(())
    }

    /// A lane goes on as another of its installations: puts one away, and gives the other's name.
    pub fn change_life(&mut self, lane: usize, old: (u32, String), new: u32) -> String {
        let (name, truth) = self.past.remove(&(lane, new)).unwrap_or_default();
        let before = std::mem::replace(&mut self.lanes[lane], truth);
        self.past.insert((lane, old.0), (old.1, before));
        name
    }

    /// What is true of an installation, if anything was heard of it: the present one of a lane, or a
    /// past one of this name.
    pub fn of(&mut self, lane: usize, name: &str, present: bool) -> Option<&mut LaneTruth> {
        if present {
            return self.lanes.get_mut(lane);
        }
        let mut past = self.past.iter_mut().filter(|((of, _), _)| *of == lane);
        past.find(|(_, (known, _))| known == name).map(|(_, (_, truth))| truth)
    }

    /// Holds a ledger against what is true.
    ///
    /// # Errors
    /// A part of it is not.
    pub fn audit(&self, lane: usize, ledger: &Ledger, rotten: bool) -> Check {
        let truth = &self.lanes[lane];
        hold(Rule::Balance, ledger.is_balanced(), || format!("lane {lane}: {ledger:?}"))?;
        hold(Rule::Balance, ledger.pending == truth.pending, || {
            format!("lane {lane}: {} events are stored, {ledger:?}", truth.pending)
        })?;
        let (taken, refused, neither) = truth.settled(ledger.created);
        let true_parts = rotten
            || ledger.acknowledged <= taken
                && sum(&ledger.rejected) <= refused
                && sum(&ledger.dropped) <= neither;
        hold(Rule::Balance, true_parts, || {
            format!("lane {lane}: taken {taken}, refused {refused}, neither {neither}, {ledger:?}")
        })
    }

    /// Takes an event that the collector took for the first time.
    ///
    /// # Errors
    /// It is not what was said, or not the first of it.
    pub fn took(&mut self, lane: usize, taken: &Taken, known: Known) -> Result<&Made, Violation> {
        let text = taken.props.to_string() + &taken.context.to_string();
        let number = canaries(text.as_bytes()).first().copied().unwrap_or_default();
        let Some(made) = self.calls.get_mut(&number) else {
            let seen = format!("lane {lane}: nobody said {taken:?}");
            return Err(Violation { rule: Rule::Content, seen });
        };
        let seq = taken.seq.unwrap_or_default();
        let fresh = self.message_ids.insert(taken.message_id.clone());
        let before = self.numbers.insert((taken.install.clone(), seq), number);
        let numbered = known == Known::Rotten || before.is_none();
        hold(Rule::Doubled, !made.taken && fresh && numbered, || {
            format!("lane {lane}: call {number} counts twice, as {seq} of {taken:?} ({before:?})")
        })?;
        made.taken = true;
        let (same, seen) = same_content(made, taken);
        hold(Rule::Content, same && made.lane == lane, || format!("lane {lane}: {seen}"))?;
        let known = known != Known::Now || self.lanes[lane].call_of(seq) == Some(number);
        hold(Rule::Content, known, || {
            format!("lane {lane}: call {number} arrived as event {seq}, which is another")
        })?;
        Ok(made)
    }
}

fn same_content(made: &Made, taken: &Taken) -> (bool, String) {
    use crate::call::Kind;
    use sillage_model::FactKind;
    let said = &made.said;
    let (kind, name) = match said.kind {
        Kind::Track => (FactKind::Track, said.name.as_str()),
        Kind::Page => (FactKind::Page, "Page Viewed"),
        Kind::Screen => (FactKind::Screen, "Screen Viewed"),
        Kind::Identify | Kind::Alias => (FactKind::Identify, ""),
        Kind::Group => (FactKind::Group, said.name.as_str()),
    };
    let names_user = matches!(said.kind, Kind::Identify | Kind::Alias);
    let user = match &said.about {
        _ if names_user => Some(said.name.clone()),
        Some(about) => Some(about.clone()),
        None => made.user.clone(),
    };
    let subject = match (&user, &made.device) {
        (Some(user), _) if !user.is_empty() => Some(format!("u:{user}")),
        (Some(_), Some(device)) => Some(format!("a:{device}")),
        _ => None,
    };
    let device = if said.about.is_some() { Some(String::new()) } else { made.device.clone() };
    let expected = said.expected();
    let same = taken.kind == kind
        && taken.name == name
        && taken.props == expected
        && subject.as_ref().is_none_or(|subject| *subject == taken.subject)
        && device.as_ref().is_none_or(|device| *device == taken.device);
    (same, format!("said {made:?}, expected {subject:?} {device:?} {expected}, got {taken:?}"))
}
