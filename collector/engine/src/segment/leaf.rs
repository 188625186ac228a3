//! A leaf of the rules: one thing that is kept about events of some names that pass some predicate.
//!
//! Rules that ask for the same thing share its leaf; it keeps as much as the most demanding of them
//! needs. Reading the state back is in `look`.
use super::ast::Events;
use super::condition::{EventValues, Plain, Property};
use super::feature::{
    Features, HashAt, Kept, LeafState, LogAt, Micros, NumberAt, StepAt, ValueAt, insert_bounded,
    keep_latest, rank, to_micros,
};
use super::hash::hash_bytes;
use super::limits::{
    SEQUENCE_ENTRIES_MAX, TEXT_ENTRIES_MAX, TEXT_VALUE_BYTES_MAX, WINDOW_ENTRIES_MAX,
};
use super::predicates::Asked;
use super::reads::Change;
use super::sequence::SequencePlan;
use crate::rules::Zone;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// Keep hashes of devices and of what sequences have in common apart from those of values.
const DEVICE_HASH: u8 = 9;
const SAME_HASH: u8 = 10;

/// What a leaf keeps, and how long.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leaf {
    pub(super) kind: LeafKind,
    /// Entries that old never matter again; `None` if they always do. The longest window of the
    /// rules that read it.
    pub(super) retain_ms: Option<i64>,
    /// How many entries are kept where as many as possible are wanted; 0 where they are not.
    pub(super) cap: u32,
    /// What it is, in canonical words: equal for equal leaves of any two sets of rules.
    pub(super) canonical: String,
}

/// What a leaf keeps.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum LeafKind {
    Counter,
    Times {
        keep: u32,
    },
    Earliest,
    Sum(Property),
    Extremes(Property),
    Numbers(Property),
    Distinct {
        property: Property,
        keep: u32,
    },
    /// The latest event of each local day.
    Days {
        keep: u32,
    },
    First(Property),
    Last(Property),
    FirstWithin(Property),
    /// Every event, with its value and its device as far as they are asked for.
    Log {
        property: Option<Property>,
        by_device: bool,
    },
    Sequence(Box<SequencePlan>),
}

/// One event on its way into a leaf.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) at: i64,
    pub(super) tie: u64,
    pub(super) name: &'a str,
    pub(super) device: &'a str,
    pub(super) shapes_sessions: bool,
    pub(super) values: EventValues<'a>,
    pub(super) asked: &'a Asked<'a>,
    pub(super) with: With<'a>,
}

/// What leaves look things up in.
#[derive(Debug, Clone, Copy)]
pub(super) struct With<'a> {
    pub(super) zone: &'a Zone,
    pub(super) session_max_ms: i64,
}

/// What of an event goes into a state.
#[derive(Debug, Clone, Copy)]
enum Input<'a> {
    Time,
    Number(f64),
    Hash(u64),
    Value(Plain<'a>),
    Log { device: u64, shapes: bool, value: Option<Plain<'a>> },
    Step { key: u64, steps: u16 },
}

impl Leaf {
    /// Takes an event in; says what that did. The features are pruned at `clock`.
    pub(super) fn fold(
        &self,
        index: u16,
        features: &mut Features,
        entry: Entry<'_>,
        clock: i64,
    ) -> Change {
        let stale_from = self.retain_ms.map_or(i64::MAX, |ms| entry.at.saturating_add(ms));
        if stale_from <= clock {
            return Change::Nothing;
        }
        let Some(input) = self.input(&entry) else { return Change::Nothing };
        features.stale_from = features.stale_from.min(stale_from);
        match features.position(index) {
            Ok(place) => self.update(&mut features.leaves[place].1, entry, input),
            Err(place) => match self.start(entry, input) {
                Some(state) => {
                    features.leaves.insert(place, (index, state));
                    self.grown(1)
                }
                None => Change::Nothing,
            },
        }
    }

    /// What of the event matters here; `None` if it lacks the value.
    fn input<'a>(&self, entry: &Entry<'a>) -> Option<Input<'a>> {
        let values = entry.values;
        Some(match &self.kind {
            LeafKind::Counter | LeafKind::Times { .. } | LeafKind::Earliest => Input::Time,
            LeafKind::Sum(property)
            | LeafKind::Extremes(property)
            | LeafKind::Numbers(property) => match Plain::of(property.of(values)?)? {
                Plain::Number(n) => Input::Number(n),
                Plain::Bool(_) | Plain::Text(_) | Plain::List(_) => return None,
            },
            LeafKind::Distinct { property, .. } => {
                Input::Hash(hash_value(Plain::scalar(property.of(values)?)?))
            }
            LeafKind::First(property)
            | LeafKind::Last(property)
            | LeafKind::FirstWithin(property) => Input::Value(Plain::scalar(property.of(values)?)?),
            LeafKind::Days { .. } => Input::Hash(day_hash(entry.with.zone.day(entry.at))),
            LeafKind::Log { property, by_device } => {
                let value = match property {
                    Some(property) => Some(Plain::scalar(property.of(values)?)?),
                    None => None,
                };
                let device = if *by_device { device_hash(entry.device) } else { 0 };
                Input::Log { device, shapes: *by_device && entry.shapes_sessions, value }
            }
            LeafKind::Sequence(plan) => plan.step(entry)?,
        })
    }

    /// The state after one event.
    fn start(&self, entry: Entry<'_>, input: Input<'_>) -> Option<LeafState> {
        let Entry { at, tie, .. } = entry;
        Some(match (&self.kind, input) {
            (LeafKind::Counter, _) => LeafState::Counter(1),
            (LeafKind::Times { .. }, _) if self.keep() == 1 => LeafState::Latest(at),
            (LeafKind::Times { .. }, _) => LeafState::Times(alloc::vec![at]),
            (LeafKind::Earliest, _) => LeafState::Earliest(at),
            (LeafKind::Sum(_), Input::Number(n)) => {
                LeafState::Sum { count: 1, micros: Micros::from(to_micros(n)) }
            }
            (LeafKind::Extremes(_), Input::Number(n)) => LeafState::Extremes { min: n, max: n },
            (LeafKind::Numbers(_), Input::Number(value)) => {
                LeafState::Numbers(alloc::vec![NumberAt { at, tie, value }])
            }
            (LeafKind::Distinct { .. } | LeafKind::Days { .. }, Input::Hash(hash)) => {
                LeafState::Distinct(alloc::vec![HashAt { at, hash }])
            }
            (LeafKind::First(_) | LeafKind::Last(_), Input::Value(value)) => {
                LeafState::Value(Box::new(ValueAt { at, tie, value: Kept::of(value)? }))
            }
            (LeafKind::FirstWithin(_), Input::Value(value)) => {
                LeafState::Values(alloc::vec![ValueAt { at, tie, value: Kept::of(value)? }])
            }
            (LeafKind::Log { .. }, Input::Log { device, shapes, value }) => {
                let value = value.and_then(Kept::of);
                LeafState::Log(alloc::vec![LogAt { at, tie, device, shapes, value }])
            }
            (LeafKind::Sequence(_), Input::Step { key, steps }) => {
                LeafState::Steps(alloc::vec![StepAt { at, key, steps }])
            }
            _ => return None,
        })
    }

    /// Adds one event to a state. A state of another kind than the leaf's is left alone.
    fn update(&self, state: &mut LeafState, entry: Entry<'_>, input: Input<'_>) -> Change {
        let Entry { at, tie, .. } = entry;
        match (state, input) {
            (LeafState::Counter(count), _) => {
                *count += 1;
                self.grown(usize::try_from(*count).unwrap_or(usize::MAX))
            }
            (LeafState::Latest(time), _) => {
                let before = *time;
                let changed = raise(time, at);
                if changed { Change::Refreshed { before, entries: 1 } } else { Change::Nothing }
            }
            (LeafState::Times(times), _) => {
                let changed = insert_bounded(times, at, self.keep(), i64::cmp);
                if changed { self.grown(times.len()) } else { Change::Nothing }
            }
            (LeafState::Earliest(time), _) => other(lower(time, at)),
            (LeafState::Sum { count, micros }, Input::Number(n)) => {
                *count += 1;
                *micros = micros.plus(to_micros(n));
                Change::Other
            }
            (LeafState::Extremes { min, max }, Input::Number(n)) => {
                let changed = n < *min || n > *max;
                (*min, *max) = (min.min(n), max.max(n));
                other(changed)
            }
            (LeafState::Numbers(list), Input::Number(value)) => {
                let entry = NumberAt { at, tie, value };
                other(insert_bounded(list, entry, self.keep(), NumberAt::order))
            }
            (LeafState::Distinct(list), Input::Hash(hash)) => {
                self.add_distinct(list, HashAt { at, hash })
            }
            (LeafState::Value(held), Input::Value(value)) => {
                let replaces = held.order(at, tie, value) == self.gives_way();
                if replaces && let Some(value) = Kept::of(value) {
                    **held = ValueAt { at, tie, value };
                }
                other(replaces)
            }
            (LeafState::Values(list), Input::Value(value)) => {
                let smallest = list.first().map(|held| held.order(at, tie, value));
                if list.len() >= self.keep() && smallest != Some(Ordering::Less) {
                    return Change::Nothing;
                }
                let Some(value) = Kept::of(value) else { return Change::Nothing };
                let held = ValueAt { at, tie, value };
                other(insert_bounded(list, held, self.keep(), order_values_at))
            }
            (LeafState::Log(list), Input::Log { device, shapes, value }) => {
                let value = value.and_then(Kept::of);
                let entry_at = LogAt { at, tie, device, shapes, value };
                let changed = insert_bounded(list, entry_at, self.keep(), LogAt::order);
                self.drop_sessions_past(list, entry.with.session_max_ms);
                other(changed)
            }
            (state @ LeafState::Steps(_), Input::Step { key, steps }) => {
                self.add_step(state, StepAt { at, key, steps })
            }
            _ => Change::Nothing,
        }
    }

    /// The change of a leaf that has so many entries now. One whose list is full may have lost an
    /// entry to it.
    fn grown(&self, entries: usize) -> Change {
        let is_full = self.is_capped() && entries >= self.keep();
        if is_full { Change::Other } else { Change::Added(entries) }
    }

    /// Adds a value, or makes it later.
    fn add_distinct(&self, list: &mut Vec<HashAt>, entry: HashAt) -> Change {
        let mut before = None;
        if let Some(place) = list.iter().rposition(|held| held.hash == entry.hash) {
            if list[place].at >= entry.at {
                return Change::Nothing;
            }
            before = Some(list.remove(place).at);
        }
        let changed = insert_bounded(list, entry, self.keep(), HashAt::cmp);
        match (changed, before) {
            (false, _) => Change::Nothing,
            (true, Some(before)) => Change::Refreshed { before, entries: list.len() },
            (true, None) => self.grown(list.len()),
        }
    }

    /// Adds a step and sees whether the sequence happened for good.
    fn add_step(&self, state: &mut LeafState, step: StepAt) -> Change {
        let LeafState::Steps(list) = state else { return Change::Nothing };
        let place = list.partition_point(|held| (held.at, held.key) < (step.at, step.key));
        let changed = match list.get_mut(place) {
            Some(held) if (held.at, held.key) == (step.at, step.key) => {
                let before = held.steps;
                held.steps |= step.steps;
                held.steps != before
            }
            _ => insert_bounded(list, step, self.keep(), StepAt::cmp),
        };
        if !changed {
            return Change::Nothing;
        }
        let change = self.grown(list.len());
        self.latch(state);
        change
    }

    /// Forgets how a sequence happened that nothing undoes.
    fn latch(&self, state: &mut LeafState) {
        if let (LeafKind::Sequence(plan), LeafState::Steps(list)) = (&self.kind, &*state)
            && plan.latches()
            && list.last().is_some_and(|last| plan.seen(list, last.at).0)
        {
            *state = LeafState::Latched;
        }
    }

    /// What is further back than a session can be from the latest entry that belongs to one belongs
    /// to no session that could still be the latest. Entries that came too late for sessions say
    /// nothing about them.
    fn drop_sessions_past(&self, list: &mut Vec<LogAt>, session_max_ms: i64) {
        if let Some(latest) = list.iter().rev().find(|held| held.shapes) {
            let limit = latest.at.saturating_sub(session_max_ms);
            list.drain(..list.partition_point(|held| held.at < limit));
        }
    }

    /// Adds all that another person's state says. A state of another kind is left alone.
    pub(super) fn merge(&self, into: &mut LeafState, from: &LeafState, with: With<'_>) {
        let keep = self.keep();
        match (&mut *into, from) {
            (LeafState::Counter(a), LeafState::Counter(b)) => *a += b,
            (LeafState::Latest(a), LeafState::Latest(b)) => {
                raise(a, *b);
            }
            (LeafState::Times(a), LeafState::Times(b)) => {
                a.extend_from_slice(b);
                a.sort_unstable();
                keep_latest(a, keep);
            }
            (LeafState::Earliest(a), LeafState::Earliest(b)) => {
                lower(a, *b);
            }
            (LeafState::Sum { count, micros }, LeafState::Sum { count: more, micros: sum }) => {
                *count += more;
                *micros = micros.plus((*sum).into());
            }
            (LeafState::Extremes { min, max }, LeafState::Extremes { min: low, max: high }) => {
                (*min, *max) = (min.min(*low), max.max(*high));
            }
            (LeafState::Numbers(a), LeafState::Numbers(b)) => {
                a.extend_from_slice(b);
                a.sort_unstable_by(NumberAt::order);
                keep_latest(a, keep);
            }
            (LeafState::Distinct(a), LeafState::Distinct(b)) => {
                a.extend_from_slice(b);
                // Latest first, so that of equal values the latest stays.
                a.sort_unstable_by_key(|held| (held.hash, core::cmp::Reverse(held.at)));
                a.dedup_by_key(|held| held.hash);
                a.sort_unstable();
                keep_latest(a, keep);
            }
            (LeafState::Value(a), LeafState::Value(b))
                if a.order(b.at, b.tie, b.value.plain()) == self.gives_way() =>
            {
                a.clone_from(b);
            }
            (LeafState::Values(a), LeafState::Values(b)) => {
                a.extend_from_slice(b);
                a.sort_unstable_by(order_values_at);
                keep_latest(a, keep);
            }
            (LeafState::Log(a), LeafState::Log(b)) => {
                a.extend_from_slice(b);
                a.sort_unstable_by(LogAt::order);
                keep_latest(a, keep);
                self.drop_sessions_past(a, with.session_max_ms);
            }
            (LeafState::Steps(a), LeafState::Steps(b)) => {
                a.extend_from_slice(b);
                a.sort_unstable();
                a.dedup_by(|later, held| {
                    let same = (later.at, later.key) == (held.at, held.key);
                    held.steps |= if same { later.steps } else { 0 };
                    same
                });
                keep_latest(a, keep);
                self.latch(into);
            }
            (LeafState::Steps(_), LeafState::Latched) => *into = LeafState::Latched,
            _ => {}
        }
    }

    /// How many entries of a list are kept.
    pub(super) fn keep(&self) -> usize {
        let keep = match self.kind {
            LeafKind::Times { keep }
            | LeafKind::Distinct { keep, .. }
            | LeafKind::Days { keep } => keep.max(self.cap),
            _ => self.cap,
        };
        keep.try_into().unwrap_or(usize::MAX)
    }

    /// How many entries it keeps at most of those that want as many as possible.
    pub(super) fn default_cap(&self) -> u32 {
        match self.kind {
            LeafKind::FirstWithin(_) | LeafKind::Log { property: Some(_), .. } => TEXT_ENTRIES_MAX,
            LeafKind::Sequence(_) => SEQUENCE_ENTRIES_MAX,
            _ => WINDOW_ENTRIES_MAX,
        }
    }

    /// How a held value compares with the one that replaces it.
    fn gives_way(&self) -> Ordering {
        match self.kind {
            LeafKind::First(_) => Ordering::Greater,
            _ => Ordering::Less,
        }
    }

    /// Whether a state is one that this leaf could have made.
    pub(super) fn fits(&self, state: &LeafState) -> bool {
        let keep = self.keep();
        match (&self.kind, state) {
            (LeafKind::Counter, LeafState::Counter(_))
            | (LeafKind::Earliest, LeafState::Earliest(_))
            | (LeafKind::Sum(_), LeafState::Sum { .. })
            | (LeafKind::First(_) | LeafKind::Last(_), LeafState::Value(_)) => true,
            (LeafKind::Times { .. }, LeafState::Latest(_)) => keep == 1,
            (LeafKind::Sequence(plan), LeafState::Latched) => plan.latches(),
            (LeafKind::Extremes(_), LeafState::Extremes { min, max }) => min <= max,
            (LeafKind::Times { .. }, LeafState::Times(list)) => {
                keep > 1 && list.len() <= keep && list.is_sorted()
            }
            (LeafKind::Numbers(_), LeafState::Numbers(list)) => {
                list.len() <= keep && list.is_sorted_by(|a, b| a.order(b) != Ordering::Greater)
            }
            (LeafKind::Distinct { .. } | LeafKind::Days { .. }, LeafState::Distinct(list)) => {
                list.len() <= keep && list.is_sorted()
            }
            (LeafKind::Log { .. }, LeafState::Log(list)) => {
                list.len() <= keep && list.is_sorted_by(|a, b| a.order(b) != Ordering::Greater)
            }
            (LeafKind::Sequence(_), LeafState::Steps(list)) => {
                let key = |step: &StepAt| (step.at, step.key);
                list.len() <= keep && list.is_sorted_by(|a, b| key(a) < key(b))
            }
            (LeafKind::FirstWithin(_), LeafState::Values(list)) => {
                let sorted = list.is_sorted_by(|a, b| order_values_at(a, b) != Ordering::Greater);
                list.len() <= keep && sorted
            }
            _ => false,
        }
    }

    /// The most bytes its state can take for one person.
    pub(super) fn bytes_max(&self) -> usize {
        let entries = match self.kind {
            LeafKind::First(_) | LeafKind::Last(_) => 1,
            _ => self.keep(),
        };
        size_of::<(u16, LeafState)>() + entries * self.entry_bytes()
    }

    /// The most bytes that one entry of its list takes; 0 if it keeps no list.
    pub(super) fn entry_bytes(&self) -> usize {
        match self.kind {
            LeafKind::Counter | LeafKind::Earliest | LeafKind::Sum(_) | LeafKind::Extremes(_) => 0,
            LeafKind::Times { .. } if self.keep() == 1 => 0,
            LeafKind::Times { .. } => size_of::<i64>(),
            LeafKind::Numbers(_) => size_of::<NumberAt>(),
            LeafKind::Distinct { .. } | LeafKind::Days { .. } => size_of::<HashAt>(),
            LeafKind::First(_) | LeafKind::Last(_) | LeafKind::FirstWithin(_) => {
                size_of::<ValueAt>() + TEXT_VALUE_BYTES_MAX
            }
            LeafKind::Log { property: None, .. } => size_of::<LogAt>(),
            LeafKind::Log { property: Some(_), .. } => size_of::<LogAt>() + TEXT_VALUE_BYTES_MAX,
            LeafKind::Sequence(_) => size_of::<StepAt>(),
        }
    }

    /// Whether its list is one of those that share what is left of a person's bytes.
    pub(super) fn is_capped(&self) -> bool {
        self.cap > 0
    }
}

impl SequencePlan {
    /// Which steps an event is; `None` if it is none, or has not what all of them must have.
    fn step<'a>(&self, entry: &Entry<'_>) -> Option<Input<'a>> {
        let mut steps = 0;
        for (place, test) in self.steps.iter().enumerate() {
            let named = match &test.events {
                Events::Named(names) => names.iter().any(|name| name == entry.name),
                Events::Any | Events::Every => true,
            };
            if named && test.predicate.is_none_or(|predicate| entry.asked.accepts(predicate)) {
                steps |= 1 << place;
            }
        }
        if steps == 0 {
            return None;
        }
        let mut key = 0_u64;
        for property in &self.same {
            let value = hash_value(Plain::scalar(property.of(entry.values)?)?);
            key = hash_bytes(SAME_HASH, &[key.to_le_bytes(), value.to_le_bytes()].concat());
        }
        Some(Input::Step { key, steps })
    }
}

impl LeafState {
    /// Drops entries at or before `limit` and gives the time of the oldest that is left; `None` if
    /// there is none. States without times are never asked.
    pub(super) fn forget(&mut self, limit: i64) -> Option<i64> {
        match self {
            Self::Latest(at) | Self::Earliest(at) => Some(*at).filter(|at| *at > limit),
            Self::Value(held) => Some(held.at).filter(|at| *at > limit),
            Self::Times(list) => forget(list, limit, |at| *at),
            Self::Numbers(list) => forget(list, limit, |held| held.at),
            Self::Distinct(list) => forget(list, limit, |held| held.at),
            Self::Values(list) => forget(list, limit, |held| held.at),
            Self::Log(list) => forget(list, limit, |held| held.at),
            Self::Steps(list) => forget(list, limit, |held| held.at),
            Self::Counter(_) | Self::Sum { .. } | Self::Extremes { .. } | Self::Latched => {
                Some(i64::MAX)
            }
        }
    }
}

fn forget<T>(list: &mut Vec<T>, limit: i64, at: impl Fn(&T) -> i64) -> Option<i64> {
    list.drain(..list.partition_point(|held| at(held) <= limit));
    list.first().map(at)
}

fn order_values_at(a: &ValueAt, b: &ValueAt) -> Ordering {
    a.order(b.at, b.tie, b.value.plain())
}

fn other(changed: bool) -> Change {
    if changed { Change::Other } else { Change::Nothing }
}

fn raise(time: &mut i64, at: i64) -> bool {
    let later = at > *time;
    if later {
        *time = at;
    }
    later
}

fn lower(time: &mut i64, at: i64) -> bool {
    let earlier = at < *time;
    if earlier {
        *time = at;
    }
    earlier
}

/// A local day, as values that must differ are told apart. It is no hash: days are counted back.
pub(super) fn day_hash(day: i64) -> u64 {
    day.cast_unsigned()
}

/// The hash of a device's id.
pub(crate) fn device_hash(id: &str) -> u64 {
    hash_bytes(DEVICE_HASH, id.as_bytes())
}

/// The hash of a value with its type: the text "1", the number 1 and true are three values.
fn hash_value(value: Plain<'_>) -> u64 {
    let kind = rank(value);
    match value {
        Plain::Bool(b) => hash_bytes(kind, &[u8::from(b)]),
        Plain::Number(n) => hash_bytes(kind, &n.to_bits().to_le_bytes()),
        Plain::Text(text) => hash_bytes(kind, text.as_bytes()),
        Plain::List(_) => hash_bytes(kind, &[]),
    }
}
