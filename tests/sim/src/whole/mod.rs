//! Whole worlds: senders, a network, the real door, log, workers and view of a collector, on a disk
//! that tears and forgets, all in virtual time and by one seed.
//!
//! A world is a list of moves drawn by its seed: somebody makes an event, a request arrives or is
//! lost, the log takes a turn, power is cut in the seventh disk operation from now. After each move
//! what must hold is looked at ([`tape`]); at the end nothing goes wrong any more, and everything
//! must come to rest ([`rest`]). Nothing runs beside anything else: the collector's parts are run by
//! hand, turn by turn, so that a seed is the same world for ever. Some worlds have a Redis that
//! forgets, and its real writer beside them ([`redis`]).
pub mod collector;
pub mod cover;
pub mod damage;
pub mod disk;
pub mod kept;
pub mod met;
pub mod plan;
pub mod redis;
pub mod rest;
pub mod sender;
pub mod tape;
pub mod trace;
pub mod world;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub rule: &'static str,
    /// What was seen.
    pub seen: String,
}

impl Violation {
    /// A promise that was broken, with what was seen.
    #[must_use]
    pub fn new(rule: &'static str, seen: impl Into<String>) -> Self {
        Self { rule, seen: seen.into() }
    }
}
