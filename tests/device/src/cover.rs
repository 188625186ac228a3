//! What must be met again and again, or a world has lost its dangers.
use crate::met::Met;
use crate::net::Fault;

/// Worlds in which each of these must be met at least once.
pub const WORLDS: u64 = 300;

/// Everything beside the faults of the network.
const RARE: [&str; 49] = [
    "app: background",
    "app: call beyond an event's size",
    "app: call that a collector refuses",
    "app: call that is no JSON object",
    "app: call that waits for consent",
    "app: call while nobody runs",
    "app: context that no collector takes",
    "app: flush",
    "app: foreground",
    "app: told of the network",
    "collector: 200 with refusals",
    "collector: 400",
    "collector: 413",
    "collector: 422",
    "collector: accepted",
    "collector: duplicates",
    "collector: reports",
    "device: network gone",
    "disk: full",
    "disk: rotten",
    "disk: unit refused",
    "dropped: consent_denied",
    "dropped: consent_withdrawn",
    "dropped: damaged",
    "dropped: expired",
    "dropped: invalid",
    "dropped: queue_full",
    "dropped: refused",
    "dropped: sampled",
    "dropped: stopped",
    "dropped: too_large",
    "dropped: unwritten",
    "dropped: waiting_full",
    "end: accounts compared",
    "end: unsure that had arrived",
    "events: died before they were written",
    "host: calls before storage was read",
    "host: died between writing and sending",
    "host: died while it wrote",
    "host: killed",
    "host: power cut",
    "net: sent without a network",
    "notice: foreign answer",
    "notice: held",
    "notice: stopped",
    "person: privacy signal",
    "person: reset",
    "send: leaving",
    "time: within the told error",
];

/// What was met less often than once in so many worlds as [`WORLDS`].
#[must_use]
pub fn missed(met: &Met, worlds: u64) -> Vec<&'static str> {
    let faults = Fault::NAMES.iter().map(|(_, name)| *name);
    let least = worlds / WORLDS;
    faults.chain(RARE).filter(|name| met.count(name) < least).collect()
}

/// Whether the waits after a first failure look as if they were drawn evenly up to their bound:
/// devices that fail together must not come back together.
#[must_use]
pub fn is_spread(first_waits: &[u64]) -> bool {
    let share = |low, high| {
        let inside = first_waits.iter().filter(|wait| (low..high).contains(*wait)).count();
        inside * 100 / first_waits.len().max(1)
    };
    // Half a second is the first bound; quarters of it, each near 25 % of what is below it.
    first_waits.len() < 100 || [0, 125, 250, 375].iter().all(|low| share(*low, low + 125) >= 8)
}
