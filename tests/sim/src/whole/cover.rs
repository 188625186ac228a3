//! What must be met again and again, or a world has lost its dangers.
use super::met::Met;

/// Worlds in which each of these must be met at least once.
pub const WORLDS: u64 = 200;

const RARE: [&str; 63] = [
    "answer: 200",
    "answer: 422",
    "answer: 503",
    "answer: duplicates",
    "damage: a bit",
    "damage: a sector of another place",
    "damage: a sector that was never written",
    "damage: named when opened",
    "damage: named when read",
    "damage: taken for a torn end",
    "disk: a change of names was lost",
    "disk: a file lost or kept what was not synced",
    "disk: a name was refused",
    "disk: a read failed",
    "disk: a sync failed",
    "disk: a write failed",
    "disk: died elsewhere",
    "disk: died in a change of names",
    "disk: died in a read",
    "disk: died in a sync",
    "disk: died in a write",
    "disk: full",
    "end: dead letters found",
    "end: looked for a byte without consent",
    "end: states compared",
    "end: the log has lost its beginning",
    "event: identify",
    "event: invalid",
    "event: plain",
    "event: without consent",
    "log: a group of several",
    "log: an id again after its window",
    "log: written but never answered, and kept",
    "net: a request arrives twice",
    "net: a request is lost",
    "net: an answer is lost",
    "process: died in its start",
    "process: ended for a failed log",
    "process: killed",
    "process: no start",
    "process: power cut",
    "process: restarted",
    "redis: a pipeline was done late",
    "redis: a writer was killed",
    "redis: a writer was killed over a pipeline",
    "redis: answered late",
    "redis: began anew with its keys",
    "redis: began anew with older keys",
    "redis: began anew without keys",
    "redis: compared",
    "redis: compared at the end",
    "redis: cut its connections",
    "redis: loading",
    "redis: lost its keys",
    "redis: lost its scripts",
    "redis: no memory",
    "redis: read only",
    "redis: took nobody in",
    "store: a commit was lost",
    "time: a leap",
    "worker: a checkpoint",
    "worker: facts forwarded to persons",
    "worker: stopped by the log",
];

/// What was met less often than once in so many worlds as [`WORLDS`].
#[must_use]
pub fn missed(met: &Met, worlds: u64) -> Vec<&'static str> {
    let least = worlds / WORLDS;
    RARE.into_iter().filter(|name| met.count(name) < least).collect()
}
