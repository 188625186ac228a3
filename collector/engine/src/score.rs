//! The engagement score: a sum of what events are worth, halving with time.
//!
//! # Operation
//! Time is cut into buckets of one half-life. An event of worth `w` at `t` in the bucket that starts
//! at `b` adds `w * 2^((t - b) / half_life)` to it, rounded once to units of 2^-32. From then on there
//! are only integers: sums come out the same in any order, can be united with others and can be taken
//! back exactly. The value at a moment is the sum of the buckets, each halved once per bucket that
//! separates it from the newest (exact), decayed from there to the moment in one step.
//!
//! # Limits
//! Buckets more than [`SCORE_BUCKETS_MAX`] half-lives before the latest receipt are dropped. Sums
//! saturate at 2^31 worth per bucket. An event whose daily cap is no longer known, because it comes
//! later than the lateness window, adds nothing; nor does engaged time that comes later than that and
//! [`VIEW_SILENCE_MS`] more. A view that was silent for so long and goes on counts anew.
use crate::atom::View;
use crate::limits::{DAY_MS, SCORE_BUCKETS_MAX, VIEW_SILENCE_MS};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::{Ordering, Reverse};
use serde::{Deserialize, Serialize};

/// A decaying sum.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ScoreSum {
    /// Number of the bucket and what is in it, in units; sorted, never zero.
    buckets: Vec<(i32, i64)>,
}

impl ScoreSum {
    /// Adds units to a bucket; a negative number takes them back.
    fn add(&mut self, bucket: i32, units: i64) {
        match self.buckets.binary_search_by_key(&bucket, |&(k, _)| k) {
            Ok(index) => {
                let sum = &mut self.buckets[index].1;
                *sum = sum.saturating_add(units);
                if *sum == 0 {
                    self.buckets.remove(index);
                }
            }
            Err(index) if units != 0 => {
                if self.buckets.len() == self.buckets.capacity() {
                    self.buckets.reserve_exact(1);
                }
                self.buckets.insert(index, (bucket, units));
            }
            Err(_) => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        other.buckets.iter().for_each(|&(bucket, units)| self.add(bucket, units));
    }

    fn drop_before(&mut self, bucket: i64) {
        let count = self.buckets.partition_point(|&(k, _)| i64::from(k) < bucket);
        if count > 0 {
            self.buckets.drain(..count);
        }
    }

    /// The sum at `now`.
    ///
    /// # Cost
    /// One power of two, whatever the number of buckets.
    pub(crate) fn value(&self, half_life_ms: i64, now: i64) -> f64 {
        let Some(&(newest, _)) = self.buckets.last() else {
            return 0.0;
        };
        let mut sum = 0.0;
        for &(bucket, units) in &self.buckets {
            #[allow(clippy::cast_precision_loss, reason = "relative error 2^-53, once per bucket")]
            let worth = units as f64;
            let halvings = i64::from(newest) - i64::from(bucket);
            sum += libm::ldexp(worth, i32::try_from(-halvings).unwrap_or(i32::MIN));
        }
        let start = i64::from(newest).saturating_mul(half_life_ms);
        libm::ldexp(sum, -UNIT_BITS) * libm::exp2(ratio(start.saturating_sub(now), half_life_ms))
    }
}

/// A crossing nearer than this is computed to the millisecond.
const NEAR_MS: i64 = 1_000;

/// What the closed form may be wrong by: below a millisecond for half-lives up to five years, and
/// one that is lost in rounding down.
const MARGIN_MS: i64 = 3;

/// One unit is 2^-32 worth.
const UNIT_BITS: i32 = 32;

/// The number of the bucket in which `at` lies.
fn bucket_of(half_life_ms: i64, at: i64) -> i32 {
    let bucket = at.div_euclid(half_life_ms);
    i32::try_from(bucket).unwrap_or(if bucket < 0 { i32::MIN } else { i32::MAX })
}

/// What `amount` at `at` adds to its bucket.
fn units(half_life_ms: i64, at: i64, amount: f64) -> i64 {
    let share = ratio(at.rem_euclid(half_life_ms), half_life_ms);
    #[allow(clippy::cast_possible_truncation, reason = "a cast from float saturates")]
    let units = libm::round(libm::ldexp(amount * libm::exp2(share), UNIT_BITS)) as i64;
    units
}

#[allow(clippy::cast_precision_loss, reason = "both are below 2^53 for any date in use")]
fn ratio(span_ms: i64, half_life_ms: i64) -> f64 {
    span_ms as f64 / half_life_ms as f64
}

/// Score and what it must remember to stay exact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Score {
    sum: ScoreSum,
    /// Absent while there is nothing capped and no engaged time.
    memory: Option<Box<Memory>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    /// Sorted by day and weight.
    days: Vec<CappedDay>,
    /// Sorted by view.
    views: Vec<ViewWorth>,
}

/// What counts of one capped weight on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CappedDay {
    day: i32,
    weight: u16,
    /// In order, at most as many as the cap.
    counted: Vec<Counted>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Counted {
    at: i64,
    tie: u64,
    units: i64,
}

/// The engaged time that counts for one view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct ViewWorth {
    view: u64,
    engaged_ms: u32,
    /// When it was first so long; the worth is counted there.
    at: i64,
    last_at: i64,
}

/// How the score of a project is made, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Engagement {
    pub(crate) half_life_ms: i64,
    pub(crate) scale: f64,
    pub(crate) engaged_second: f64,
}

impl Engagement {
    /// What a raw sum shows as: 0 for nothing and below, towards 100 for much.
    pub(crate) fn shown(&self, raw: f64) -> f64 {
        if raw <= 0.0 { 0.0 } else { -100.0 * libm::expm1(-raw / self.scale) }
    }

    /// The raw sum that shows as `threshold`; infinite at 100.
    fn raw_of(&self, threshold: f64) -> f64 {
        -self.scale * libm::log1p(-threshold / 100.0)
    }

    /// When `raw` at `now` has decayed to `target`, give or take a millisecond.
    fn decayed_at(&self, now: i64, raw: f64, target: f64) -> i64 {
        let halvings = libm::log2(raw / target);
        // After 1 100 halvings any sum has become zero. At an infinite target the search starts now.
        let halvings = if halvings.is_nan() { 0.0 } else { halvings.clamp(0.0, 1_100.0) };
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "clamped")]
        now.saturating_add((halvings * self.half_life_ms as f64) as i64)
    }

    fn view_amount(&self, engaged_ms: u32) -> f64 {
        self.engaged_second * f64::from(engaged_ms) / 1_000.0
    }
}

/// The moments before which something is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Horizons {
    /// The latest receipt.
    pub(crate) receipt_max: i64,
    /// No event before this shapes sessions any more.
    pub(crate) sealed: i64,
}

impl Horizons {
    fn first_bucket(&self, half_life_ms: i64) -> i64 {
        self.receipt_max.div_euclid(half_life_ms) - SCORE_BUCKETS_MAX
    }

    fn views(&self) -> i64 {
        self.sealed.saturating_sub(VIEW_SILENCE_MS)
    }

    fn first_open_day(&self) -> i64 {
        self.sealed.div_euclid(DAY_MS)
    }
}

/// One event's worth, on its way into a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Worth {
    pub(crate) weight: u16,
    pub(crate) amount: f64,
    pub(crate) cap: Option<usize>,
    pub(crate) at: i64,
    pub(crate) tie: u64,
}

impl Score {
    /// Adds what an event is worth.
    pub(crate) fn add(&mut self, rules: &Engagement, horizons: Horizons, worth: Worth) {
        let mut book = Book::of(&mut self.sum, rules, horizons);
        let units = units(rules.half_life_ms, worth.at, worth.amount);
        let Some(cap) = worth.cap else {
            book.enter(worth.at, units);
            return;
        };
        let day = worth.at.div_euclid(DAY_MS);
        let (true, Ok(day)) = (day >= horizons.first_open_day(), i32::try_from(day)) else {
            return;
        };
        let days = &mut self.memory.get_or_insert_default().days;
        let index = match days.binary_search_by_key(&(day, worth.weight), CappedDay::key) {
            Ok(index) => index,
            Err(index) => {
                days.insert(index, CappedDay { day, weight: worth.weight, counted: Vec::new() });
                index
            }
        };
        book.enter(worth.at, units);
        if let Some(out) = days[index].count(Counted { at: worth.at, tie: worth.tie, units }, cap) {
            book.enter(out.at, -out.units);
        }
    }

    /// Counts the engaged time of a view, instead of what counted for it before.
    pub(crate) fn engage(&mut self, rules: &Engagement, horizons: Horizons, at: i64, view: View) {
        let worth = ViewWorth { view: view.id, engaged_ms: view.engaged_ms, at, last_at: at };
        let is_known = self.memory.as_ref().is_some_and(|memory| memory.find(view.id).is_ok());
        if is_known || at >= horizons.views() {
            self.unite_view(rules, horizons, worth, Side::New);
        }
    }

    fn unite_view(&mut self, rules: &Engagement, horizons: Horizons, worth: ViewWorth, side: Side) {
        let mut book = Book::of(&mut self.sum, rules, horizons);
        let memory = self.memory.get_or_insert_default();
        match memory.find(worth.view) {
            Err(index) => {
                memory.views.insert(index, worth);
                if side == Side::New {
                    book.enter(worth.at, worth.units(rules));
                }
            }
            Ok(index) => {
                let known = &mut memory.views[index];
                let last_at = known.last_at.max(worth.last_at);
                let is_better = worth.key() > known.key();
                match (side, is_better) {
                    (Side::New, true) => {
                        book.enter(known.at, -known.units(rules));
                        book.enter(worth.at, worth.units(rules));
                    }
                    (Side::New, false) => {}
                    // Both sides have counted theirs: the lesser goes.
                    (Side::Counted, true) => book.enter(known.at, -known.units(rules)),
                    (Side::Counted, false) => book.enter(worth.at, -worth.units(rules)),
                }
                if is_better {
                    *known = worth;
                }
                known.last_at = last_at;
            }
        }
    }

    /// Forgets what the horizons have passed.
    pub(crate) fn seal(&mut self, rules: &Engagement, horizons: Horizons) {
        self.sum.drop_before(horizons.first_bucket(rules.half_life_ms));
        if let Some(memory) = &mut self.memory {
            memory.days.retain(|day| i64::from(day.day) >= horizons.first_open_day());
            memory.views.retain(|view| view.last_at >= horizons.views());
            if memory.days.is_empty() && memory.views.is_empty() {
                self.memory = None;
            }
        }
    }

    /// Unites two scores that were sealed to the same horizons. `cap` tells the cap of a weight.
    pub(crate) fn merge(
        &mut self,
        rules: &Engagement,
        horizons: Horizons,
        other: &Self,
        cap: impl Fn(u16) -> usize,
    ) {
        self.sum.merge(&other.sum);
        let mut book = Book::of(&mut self.sum, rules, horizons);
        let Some(theirs) = &other.memory else {
            return;
        };
        let days = &mut self.memory.get_or_insert_default().days;
        for day in &theirs.days {
            let index = match days.binary_search_by_key(&day.key(), CappedDay::key) {
                Err(index) => {
                    days.insert(index, day.clone());
                    continue;
                }
                Ok(index) => index,
            };
            for &counted in &day.counted {
                if let Some(out) = days[index].count(counted, cap(day.weight)) {
                    book.enter(out.at, -out.units);
                }
            }
        }
        for &view in &theirs.views {
            self.unite_view(rules, horizons, view, Side::Counted);
        }
    }

    /// The raw sum at `now`.
    pub(crate) fn raw(&self, rules: &Engagement, now: i64) -> f64 {
        self.sum.value(rules.half_life_ms, now)
    }

    /// The score at `now`, from 0 to 100.
    pub(crate) fn shown(&self, rules: &Engagement, now: i64) -> f64 {
        rules.shown(self.raw(rules, now))
    }

    /// A moment after `now` that is not after the next crossing, and the crossing itself once that
    /// is near: see [`Score::next_crossing`]. `raw` is the raw sum at `now`.
    ///
    /// # Cost
    /// Two logarithms. A score is evaluated with each event but crosses rarely, so the last
    /// millisecond is looked for when it is due.
    pub(crate) fn wake_for_crossing(
        &self,
        rules: &Engagement,
        threshold: f64,
        now: i64,
        raw: f64,
    ) -> Option<i64> {
        // Above this the closed form loses too many digits for the margin.
        if !(0.0..=99.9).contains(&threshold) {
            return self.next_crossing(rules, threshold, now);
        }
        let target = rules.raw_of(threshold);
        if raw < target || raw <= 0.0 {
            return self.next_crossing(rules, threshold, now);
        }
        let guess = rules.decayed_at(now, raw, target);
        if guess.saturating_sub(now) > NEAR_MS {
            return Some(guess - MARGIN_MS);
        }
        self.next_crossing(rules, threshold, now)
    }

    /// The first millisecond after `now` at which the score compares with `threshold` in another way
    /// than at `now`, if nothing happens until then. `None` if there is none.
    ///
    /// # Operation
    /// All buckets decay alike, so the sum at `now` decides when it has fallen to the one that shows
    /// as the threshold: a closed form. Rounding may miss that millisecond by a few, so the neighbours
    /// are asked.
    pub(crate) fn next_crossing(
        &self,
        rules: &Engagement,
        threshold: f64,
        now: i64,
    ) -> Option<i64> {
        // A negative zero would compare below the zero that is shown.
        let threshold = threshold + 0.0;
        let compare = |at: i64| self.shown(rules, at).total_cmp(&threshold);
        let before = compare(now);
        let is_settled = threshold < 0.0 || threshold.is_nan() || self.shown(rules, now) <= 0.0;
        if before == Ordering::Less || is_settled {
            return None;
        }
        let has_changed = |at: i64| compare(at) != before;
        let guess = rules.decayed_at(now, self.raw(rules, now), rules.raw_of(threshold));
        first_change(now, guess, has_changed)
    }
}

/// The first instant after `from` that `has_changed` (it stays so), looked for around `guess`.
fn first_change(from: i64, guess: i64, has_changed: impl Fn(i64) -> bool) -> Option<i64> {
    let (mut low, mut high) = (from, guess.max(from.saturating_add(1)));
    let mut step = 1_i64;
    if has_changed(high) {
        while high - step > from && has_changed(high - step) {
            high -= step;
            step = step.saturating_mul(2);
        }
        low = low.max(high - step);
    } else {
        while !has_changed(high) {
            if high == i64::MAX {
                return None;
            }
            low = high;
            high = high.saturating_add(step);
            step = step.saturating_mul(2);
        }
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if has_changed(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

/// Whether what comes in has been added to the sum before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    New,
    Counted,
}

impl Memory {
    fn find(&self, view: u64) -> Result<usize, usize> {
        self.views.binary_search_by_key(&view, |known| known.view)
    }
}

impl ViewWorth {
    fn units(&self, rules: &Engagement) -> i64 {
        units(rules.half_life_ms, self.at, rules.view_amount(self.engaged_ms))
    }

    /// The longest counts, where it was first so long.
    fn key(&self) -> (u32, Reverse<i64>) {
        (self.engaged_ms, Reverse(self.at))
    }
}

/// Enters units into the buckets that are still there.
struct Book<'a> {
    sum: &'a mut ScoreSum,
    half_life_ms: i64,
    first_bucket: i64,
}

impl<'a> Book<'a> {
    fn of(sum: &'a mut ScoreSum, rules: &Engagement, horizons: Horizons) -> Self {
        let first_bucket = horizons.first_bucket(rules.half_life_ms);
        Self { sum, half_life_ms: rules.half_life_ms, first_bucket }
    }

    fn enter(&mut self, at: i64, units: i64) {
        let bucket = bucket_of(self.half_life_ms, at);
        if i64::from(bucket) >= self.first_bucket {
            self.sum.add(bucket, units);
        }
    }
}

impl CappedDay {
    fn key(&self) -> (i32, u16) {
        (self.day, self.weight)
    }

    /// Lets the first `cap` count; gives back the one that thereby does not.
    fn count(&mut self, new: Counted, cap: usize) -> Option<Counted> {
        let index = self.counted.partition_point(|known| *known <= new);
        self.counted.insert(index, new);
        if self.counted.len() > cap { self.counted.pop() } else { None }
    }
}

#[cfg(test)]
mod tests;
