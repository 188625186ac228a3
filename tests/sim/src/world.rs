//! Seeded worlds: who did what and when it arrived, what the project set, and when to ask.
mod grammar;
mod life;
mod rules;

use crate::oracle::Rules;
use crate::oracle::event::Event;
use crate::rng::Rng;
use std::collections::BTreeMap;

/// Names of the events that carry shop properties.
const SHOP_EVENTS: &[&str] =
    &["Product Viewed", "Product Added", "Order Completed", "Order Refunded", "Content Shared"];

/// A moment at which everything is compared: once the first `after` arrivals are in, at `now`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// How many arrivals are in.
    pub after: usize,
    /// The moment; not before any of their receipts, and before the next one's.
    pub now: i64,
}

/// One world.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// The number that names it.
    pub seed: u64,
    /// What the project set.
    pub rules: Rules,
    /// Everything that reached the door, in order; some of it twice.
    pub arrivals: Vec<Event>,
    /// When to ask, in order.
    pub asks: Vec<Ask>,
    /// How often each form of the rule language occurs.
    pub forms: BTreeMap<&'static str, usize>,
}

impl World {
    /// The world of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let draft = rules::generate(&mut rng);
        let style = life::Style::generate(&mut rng, &draft.rules);
        let arrivals = life::generate(&mut rng, &draft, style);
        let asks = asks(&mut rng, &arrivals, &draft, style);
        Self { seed, rules: draft.rules, arrivals, asks, forms: draft.forms }
    }
}

/// Moments between arrivals and after the last, many of them exactly at a deadline or one
/// millisecond before it.
fn asks(rng: &mut Rng, arrivals: &[Event], draft: &rules::Draft, style: life::Style) -> Vec<Ask> {
    const BETWEEN: usize = 10;
    const AT_THE_END: usize = 8;
    let mut asks = Vec::new();
    if style == life::Style::Live {
        for _ in 0..BETWEEN.min(arrivals.len()) {
            let after = 1 + rng.index(arrivals.len());
            let earliest = newest(&arrivals[..after]);
            let latest = arrivals.get(after).map_or(earliest + 3_600_000, |e| e.received - 1);
            if latest >= earliest {
                let now = deadline(rng, &arrivals[..after], draft, earliest..=latest);
                let now = now.unwrap_or_else(|| rng.range(earliest, latest));
                asks.push(Ask { after, now });
            }
        }
    }
    let earliest = newest(arrivals);
    for _ in 0..AT_THE_END {
        let far = earliest + 86_400_000 * rng.range(1, 45);
        let now = deadline(rng, arrivals, draft, earliest..=far);
        let now = now.unwrap_or_else(|| rng.range(earliest, far));
        asks.push(Ask { after: arrivals.len(), now });
    }
    asks.sort_by_key(|ask| (ask.after, ask.now));
    asks.dedup();
    asks
}

fn newest(arrivals: &[Event]) -> i64 {
    arrivals.iter().map(|e| e.received).max().unwrap_or_default()
}

/// A moment in the range at which, or just before which, some event leaves some window, a local day
/// begins, or an instant comes that a rule names.
fn deadline(
    rng: &mut Rng,
    arrivals: &[Event],
    draft: &rules::Draft,
    range: std::ops::RangeInclusive<i64>,
) -> Option<i64> {
    const TRIES: usize = 30;
    let waits = &draft.waits;
    let spans: Vec<i64> = waits.spans.iter().copied().collect();
    let mut certain: Vec<i64> = waits.instants.iter().copied().collect();
    if waits.midnights {
        let far = (*range.end()).min(range.start() + 40 * 86_400_000);
        certain.extend(draft.rules.zone.midnights(*range.start(), far));
    }
    (0..TRIES).find_map(|_| {
        let at = if rng.chance(25) && !certain.is_empty() {
            *rng.pick(&certain)
        } else if !arrivals.is_empty() && !spans.is_empty() {
            rng.pick(arrivals).at + rng.pick(&spans)
        } else {
            return None;
        };
        let now = at - i64::from(rng.chance(50));
        range.contains(&now).then_some(now)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_names_one_world() {
        assert_eq!(World::new(7), World::new(7));
        assert_ne!(World::new(7).arrivals, World::new(8).arrivals);
    }

    #[test]
    fn no_two_events_of_a_world_are_tied() {
        for seed in 0..50 {
            let world = World::new(seed);
            let mut known: BTreeMap<_, u64> = BTreeMap::new();
            for event in &world.arrivals {
                let first = known.entry((event.at, event.seq)).or_insert(event.message);
                assert_eq!(*first, event.message, "seed {seed}");
            }
        }
    }
}
