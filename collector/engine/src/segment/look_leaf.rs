//! Reads what leaves keep, as far as a window shows it.
//!
//! Windows that end now show the end of an ascending list; their entries only ever leave. Windows
//! that lie in the past, and sessions, show what passes a test; there the next instant at which any
//! entry comes or goes is told, which may be earlier than that at which the answer changes.
use super::ast::Window;
use super::condition::{NumberReading, Pick, Plain, Reading, Test};
use super::feature::{HashAt, LeafState, LogAt, NumberAt, ValueAt, order_values, to_micros, units};
use super::leaf::day_hash;
use super::look::{Look, Moving, NEVER, Seen};
use super::subject::Subject;
use alloc::vec::Vec;

/// What of an ascending list is seen, and when it goes.
#[derive(Debug, Clone, Copy)]
struct Lens {
    /// Entries from then on are seen.
    from: i64,
    gone: Gone,
}

/// When entries that are seen go.
#[derive(Debug, Clone, Copy)]
enum Gone {
    Never,
    /// So long after their time.
    After(i64),
    /// All at once.
    At(i64),
}

impl Lens {
    fn see<T>(self, list: &[T], at: impl Fn(&T) -> i64) -> &[T] {
        &list[list.partition_point(|held| at(held) < self.from)..]
    }

    fn gone(self, at: i64) -> i64 {
        match self.gone {
            Gone::Never => NEVER,
            Gone::After(ms) => at.saturating_add(ms),
            Gone::At(instant) => instant,
        }
    }
}

impl<'a, S: Subject> Look<'a, S> {
    /// `None` for windows that do not show the end of a list.
    fn lens(&self, window: Window) -> Option<Lens> {
        Some(match window {
            Window::Lifetime => Lens { from: i64::MIN, gone: Gone::Never },
            Window::Within(ms) => {
                Lens { from: self.now.saturating_sub(ms).saturating_add(1), gone: Gone::After(ms) }
            }
            Window::Calendar(unit) => {
                let (from, next) = self.rules.zone.around(unit, self.now);
                Lens { from, gone: Gone::At(next) }
            }
            Window::Ago { .. } | Window::Session => return None,
        })
    }

    /// Tests what is made of a list of entries, walking them as they leave the window.
    pub(super) fn test_entries(
        &self,
        state: &LeafState,
        reading: Reading,
        test: &Test,
    ) -> Option<Seen> {
        if let (LeafState::Distinct(list), Reading::Streak) = (state, reading) {
            return Some(self.test_streak(list, test));
        }
        let lens = self.lens(reading.window()?)?;
        Some(match (state, reading) {
            (LeafState::Latest(at), Reading::Count(_)) => {
                falling_count(lens.see(core::slice::from_ref(at), |at| *at), lens, |at| *at, test)
            }
            (LeafState::Times(list), Reading::Count(_)) => {
                falling_count(lens.see(list, |at| *at), lens, |at| *at, test)
            }
            (LeafState::Distinct(list), Reading::Distinct(_)) => {
                let at = |held: &HashAt| held.at;
                falling_count(lens.see(list, at), lens, at, test)
            }
            (LeafState::Numbers(list), Reading::Number(reading, _)) => {
                shrinking_numbers(lens.see(list, |held| held.at), lens, reading, test)
            }
            (LeafState::Value(held), Reading::Value(..)) => {
                let list = core::slice::from_ref(&**held);
                first_values(lens.see(list, |held| held.at), lens, test)
            }
            (LeafState::Values(list), Reading::Value(..)) => {
                first_values(lens.see(list, |held| held.at), lens, test)
            }
            _ => return None,
        })
    }

    /// When the last entry that is seen goes.
    pub(super) fn last_gone(&self, state: &LeafState, reading: Reading) -> Option<i64> {
        Some(self.lens(reading.window()?)?.gone(newest(state)?))
    }

    pub(super) fn read_leaf(
        &self,
        state: Option<&'a LeafState>,
        reading: Reading,
    ) -> (Moving<'a>, i64) {
        let Some(state) = state else {
            return match reading {
                Reading::Count(_)
                | Reading::Distinct(_)
                | Reading::Streak
                | Reading::Periods { .. }
                | Reading::Number(NumberReading::Sum, _) => (number(0.0), NEVER),
                _ => (Moving::Missing, NEVER),
            };
        };
        match (state, reading) {
            (LeafState::Log(list), _) => return self.read_log(list, reading),
            (LeafState::Distinct(list), Reading::Streak) => return self.read_streak(list),
            (_, Reading::Periods { every_ms, count }) => {
                return self.read_periods(times(state), every_ms, count);
            }
            _ => {}
        }
        match reading.window().and_then(|window| self.lens(window)) {
            Some(lens) => read_seen(state, reading, lens),
            // The state of another plan.
            None => (Moving::Missing, NEVER),
        }
    }

    /// Whether something happened again after a pause, see [`super::condition::Node::Resumed`].
    pub(super) fn resumed(&self, leaves: [u16; 2], gap_ms: i64, window_ms: i64) -> Seen {
        let no = Seen { holds: false, until: NEVER };
        let [list, first] = leaves.map(|leaf| self.subject.features().of(leaf));
        let (Some(list), Some(&LeafState::Earliest(first))) = (list.map(times), first) else {
            return no;
        };
        let from = self.now.saturating_sub(window_ms);
        for (place, &at) in list.iter().enumerate().rev() {
            if at <= from {
                break;
            }
            let before = at.saturating_sub(gap_ms);
            let earlier = &list[..place];
            let is_idle = earlier.iter().rev().find(|t| **t < at).is_none_or(|t| *t <= before);
            if first <= before && is_idle {
                return Seen { holds: true, until: at.saturating_add(window_ms) };
            }
        }
        no
    }

    /// How many days the streak is long, and the day after which it is over.
    fn streak(&self, list: &[HashAt]) -> (usize, i64) {
        let today = self.rules.zone.day(self.now);
        let Some(last) = list.last() else { return (0, today) };
        let last_day = last.hash.cast_signed();
        if last_day < today - 1 {
            return (0, last_day);
        }
        let days = (0..).zip(list.iter().rev());
        let count = days.take_while(|(back, held)| held.hash == day_hash(last_day - back)).count();
        (count, last_day)
    }

    fn test_streak(&self, list: &[HashAt], test: &Test) -> Seen {
        let (count, last_day) = self.streak(list);
        #[allow(clippy::cast_precision_loss, reason = "a bounded list")]
        let holds = test.holds(Plain::Number(count as f64));
        let turns = count > 0 && test.holds(Plain::Number(0.0)) != holds;
        let until = if turns { self.rules.zone.start_of_day(last_day + 2) } else { NEVER };
        Seen { holds, until }
    }

    fn read_streak(&self, list: &[HashAt]) -> (Moving<'a>, i64) {
        let (count, last_day) = self.streak(list);
        #[allow(clippy::cast_precision_loss, reason = "a bounded list")]
        let value = number(count as f64);
        (value, if count > 0 { self.rules.zone.start_of_day(last_day + 2) } else { NEVER })
    }

    /// How many of the last stretches have an entry. Each entry moves into the next one in time.
    fn read_periods(&self, list: &[i64], every_ms: i64, count: i64) -> (Moving<'a>, i64) {
        let (mut filled, mut last, mut until) = (0_u32, None, NEVER);
        for &at in list.iter().rev() {
            let place = self.now.saturating_sub(at) / every_ms;
            if place >= count {
                break;
            }
            until = until.min(at.saturating_add((place + 1).saturating_mul(every_ms)));
            filled += u32::from(last != Some(place));
            last = Some(place);
        }
        (number(f64::from(filled)), until)
    }

    /// What is made of events in a past window or of the latest session.
    fn read_log(&self, list: &'a [LogAt], reading: Reading) -> (Moving<'a>, i64) {
        let mut until = NEVER;
        let seen: Vec<&LogAt> = match reading.window() {
            Some(Window::Ago { from, to }) => {
                for held in list {
                    let (comes, goes) = (held.at.saturating_add(to), held.at.saturating_add(from));
                    let next = if comes > self.now { comes } else { goes };
                    until = if next > self.now { until.min(next) } else { until };
                }
                let is_seen = |held: &&LogAt| {
                    held.at.saturating_add(to) <= self.now
                        && self.now < held.at.saturating_add(from)
                };
                list.iter().filter(is_seen).collect()
            }
            Some(Window::Session) => match self.subject.latest_session() {
                Some((device, start, end)) => {
                    let inside = |held: &&LogAt| start <= held.at && held.at <= end;
                    list.iter().filter(inside).filter(|held| held.device == device).collect()
                }
                None => Vec::new(),
            },
            _ => Vec::new(),
        };
        (read_events(&seen, reading), until)
    }
}

impl Reading {
    /// What of the events is seen; `None` if the reading itself says.
    fn window(self) -> Option<Window> {
        match self {
            Self::Count(window)
            | Self::SinceLatest(window)
            | Self::SinceEarliest(window)
            | Self::Number(_, window)
            | Self::Value(_, window)
            | Self::Distinct(window) => Some(window),
            Self::Streak | Self::Periods { .. } => None,
        }
    }
}

fn number<'a>(n: f64) -> Moving<'a> {
    Moving::Still(Plain::Number(n))
}

#[allow(clippy::cast_precision_loss, reason = "a bounded list")]
fn count_of<'a>(count: usize) -> Moving<'a> {
    number(count as f64)
}

/// The times of a list of times.
fn times(state: &LeafState) -> &[i64] {
    match state {
        LeafState::Latest(at) => core::slice::from_ref(at),
        LeafState::Times(list) => list,
        _ => &[],
    }
}

/// What is read of the end of a list, or of what is no list.
fn read_seen(state: &LeafState, reading: Reading, lens: Lens) -> (Moving<'_>, i64) {
    let first_gone = |list: &[i64]| list.first().map_or(NEVER, |at| lens.gone(*at));
    let since = |at: Option<&i64>| match at {
        Some(&at) => (Moving::Since(at), lens.gone(at)),
        None => (Moving::Missing, NEVER),
    };
    match (state, reading) {
        #[allow(clippy::cast_precision_loss, reason = "nobody sends 2^53 events")]
        (LeafState::Counter(count), Reading::Count(_)) => (number(*count as f64), NEVER),
        (LeafState::Latest(_) | LeafState::Times(_), _) => {
            let list = lens.see(times(state), |at| *at);
            match reading {
                Reading::Count(_) => (count_of(list.len()), first_gone(list)),
                Reading::SinceLatest(_) => since(list.last()),
                Reading::SinceEarliest(_) => since(list.first()),
                _ => (Moving::Missing, NEVER),
            }
        }
        (LeafState::Earliest(at), Reading::SinceEarliest(_)) => (Moving::Since(*at), NEVER),
        (LeafState::Sum { micros, .. }, Reading::Number(NumberReading::Sum, _)) => {
            (number(micros.units()), NEVER)
        }
        (LeafState::Sum { count, micros }, Reading::Number(NumberReading::Avg, _)) => {
            (number(average((*micros).into(), *count)), NEVER)
        }
        (LeafState::Extremes { min, .. }, Reading::Number(NumberReading::Min, _)) => {
            (number(*min), NEVER)
        }
        (LeafState::Extremes { max, .. }, Reading::Number(NumberReading::Max, _)) => {
            (number(*max), NEVER)
        }
        (LeafState::Numbers(list), Reading::Number(reading, _)) => {
            let list = lens.see(list, |held| held.at);
            let until = list.first().map_or(NEVER, |held| lens.gone(held.at));
            let value = list.iter().fold(Tally::default(), Tally::with).read(reading);
            (value.map_or(Moving::Missing, number), until)
        }
        (LeafState::Distinct(list), Reading::Distinct(_)) => {
            let list = lens.see(list, |held| held.at);
            (count_of(list.len()), list.first().map_or(NEVER, |held| lens.gone(held.at)))
        }
        (LeafState::Value(held), Reading::Value(..)) => {
            read_value(lens.see(core::slice::from_ref(&**held), |held| held.at), lens)
        }
        (LeafState::Values(list), Reading::Value(..)) => {
            read_value(lens.see(list, |held| held.at), lens)
        }
        // The state of another plan.
        _ => (Moving::Missing, NEVER),
    }
}

fn read_value(list: &[ValueAt], lens: Lens) -> (Moving<'_>, i64) {
    match list.first() {
        Some(held) => (Moving::Still(held.value.plain()), lens.gone(held.at)),
        None => (Moving::Missing, NEVER),
    }
}

/// What is made of events that are seen, in the order of time.
fn read_events<'a>(seen: &[&'a LogAt], reading: Reading) -> Moving<'a> {
    let value = |held: Option<&&'a LogAt>| match held.and_then(|held| held.value.as_ref()) {
        Some(value) => Moving::Still(value.plain()),
        None => Moving::Missing,
    };
    let since = |held: Option<&&LogAt>| held.map_or(Moving::Missing, |held| Moving::Since(held.at));
    match reading {
        Reading::Count(_) => count_of(seen.len()),
        Reading::SinceLatest(_) => since(seen.last()),
        Reading::SinceEarliest(_) => since(seen.first()),
        Reading::Value(Pick::First, _) => value(seen.first()),
        Reading::Value(Pick::Last, _) => value(seen.last()),
        Reading::Number(reading, _) => {
            let numbers = seen.iter().filter_map(|held| match held.value.as_ref()?.plain() {
                Plain::Number(value) => Some(NumberAt { at: held.at, tie: held.tie, value }),
                _ => None,
            });
            let tally = numbers.fold(Tally::default(), |tally, held| tally.with(&held));
            tally.read(reading).map_or(Moving::Missing, number)
        }
        Reading::Distinct(_) => {
            let values = seen.iter().filter_map(|held| Some(held.value.as_ref()?.plain()));
            let mut values: Vec<Plain<'_>> = values.collect();
            values.sort_unstable_by(|a, b| order_values(*a, *b));
            values.dedup();
            count_of(values.len())
        }
        Reading::Streak | Reading::Periods { .. } => Moving::Missing,
    }
}

/// Tests the number of visible entries, and finds the first instant at which enough have left to
/// turn the answer. Entries of one time leave together.
fn falling_count<T>(list: &[T], lens: Lens, at: impl Fn(&T) -> i64, test: &Test) -> Seen {
    #[allow(clippy::cast_precision_loss, reason = "at most KEPT_MAX entries are kept")]
    let passes = |count: usize| test.holds(Plain::Number(count as f64));
    let holds = passes(list.len());
    let mut left = list;
    while let Some(first) = left.first() {
        let gone = lens.gone(at(first));
        let leaving = left.iter().take_while(|held| lens.gone(at(held)) == gone).count();
        left = &left[leaving..];
        if passes(left.len()) != holds {
            return Seen { holds, until: gone };
        }
    }
    Seen { holds, until: NEVER }
}

/// Tests what is made of the visible numbers. The states to come are the suffixes of the list, so
/// one walk from its end meets them all; the last met that turns the answer is the first to come.
fn shrinking_numbers(list: &[NumberAt], lens: Lens, reading: NumberReading, test: &Test) -> Seen {
    let passes =
        |tally: Tally| tally.read(reading).is_some_and(|number| test.holds(Plain::Number(number)));
    let holds = passes(list.iter().fold(Tally::default(), Tally::with));
    let mut until = NEVER;
    let mut tally = Tally::default();
    let mut after = None;
    for held in list.iter().rev() {
        let gone = lens.gone(held.at);
        if after != Some(gone) && passes(tally) != holds {
            until = gone;
        }
        after = Some(gone);
        tally = tally.with(held);
    }
    Seen { holds, until }
}

/// Tests the first visible value, which gives way to the next when it leaves.
fn first_values(list: &[ValueAt], lens: Lens, test: &Test) -> Seen {
    let passes = |held: Option<&ValueAt>| held.is_some_and(|held| test.holds(held.value.plain()));
    let holds = passes(list.first());
    let mut left = list;
    while let Some(first) = left.first() {
        let gone = lens.gone(first.at);
        let leaving = left.iter().take_while(|held| lens.gone(held.at) == gone).count();
        left = &left[leaving..];
        if passes(left.first()) != holds {
            return Seen { holds, until: gone };
        }
    }
    Seen { holds, until: NEVER }
}

/// The time of the newest entry.
fn newest(state: &LeafState) -> Option<i64> {
    match state {
        LeafState::Latest(at) | LeafState::Earliest(at) => Some(*at),
        LeafState::Times(list) => list.last().copied(),
        LeafState::Numbers(list) => list.last().map(|held| held.at),
        LeafState::Distinct(list) => list.last().map(|held| held.at),
        LeafState::Value(held) => Some(held.at),
        LeafState::Values(list) => list.last().map(|held| held.at),
        LeafState::Counter(_)
        | LeafState::Sum { .. }
        | LeafState::Extremes { .. }
        | LeafState::Log(_)
        | LeafState::Steps(_)
        | LeafState::Latched => None,
    }
}

/// Several numbers in one.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    count: u64,
    micros: i128,
    min: f64,
    max: f64,
}

impl Tally {
    fn with(self, held: &NumberAt) -> Self {
        let first = self.count == 0;
        Self {
            count: self.count + 1,
            micros: self.micros.wrapping_add(to_micros(held.value)),
            min: if first { held.value } else { self.min.min(held.value) },
            max: if first { held.value } else { self.max.max(held.value) },
        }
    }

    fn read(self, reading: NumberReading) -> Option<f64> {
        match reading {
            NumberReading::Sum => Some(units(self.micros)),
            _ if self.count == 0 => None,
            NumberReading::Avg => Some(average(self.micros, self.count)),
            NumberReading::Min => Some(self.min),
            NumberReading::Max => Some(self.max),
        }
    }
}

fn average(micros: i128, count: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "nobody sends 2^53 events")]
    let count = count as f64;
    units(micros) / count
}
