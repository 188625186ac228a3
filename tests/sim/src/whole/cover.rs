//! What must be met again and again, or a world has lost its dangers.
use super::met::Met;

/// Worlds in which each of these must be met at least once.
pub const WORLDS: u64 = 100;

const RARE: [&str; 1] = ["process: killed"];

/// What was met less often than once in so many worlds as [`WORLDS`].
#[must_use]
pub fn missed(met: &Met, worlds: u64) -> Vec<&'static str> {
    let least = worlds / WORLDS;
    RARE.into_iter().filter(|name| met.count(name) < least).collect()
}
