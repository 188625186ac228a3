//! When a process may ask a collector, by the checker's own reading of what it was told.
use crate::net::{Answer, stay_away_ms};
use crate::truth::{Check, Rule, hold};
use std::collections::VecDeque;

/// Wait after our own word that key or address is wrong, in milliseconds.
const HOLD_MS: u64 = 3_600_000;
/// The same after anybody's.
const FOREIGN_HOLD_MS: u64 = 300_000;
/// Tries in any minute that follow a failure and that nobody asked for.
const TRIES_A_MINUTE_MAX: usize = 20;

/// What one process was told, and when it tried; times are those of its monotonic clock.
#[derive(Debug, Default)]
pub struct Polite {
    not_before: u64,
    held_until: u64,
    foreign_hold_until: u64,
    /// Somebody said that the collector is gone.
    pub stopped: bool,
    /// The host said that there is no network.
    pub offline: bool,
    failures: u64,
    last_failure: u64,
    tries: VecDeque<u64>,
    /// Waits between the first failure and the next try, for a look at how they are spread.
    pub first_waits: Vec<u64>,
    nudged: bool,
}

impl Polite {
    /// Somebody asks for a try: the app, the system, the network. What a collector asked for stays.
    pub fn nudge(&mut self) {
        self.tries.clear();
        self.foreign_hold_until = 0;
        self.nudged = true;
    }

    /// A request is about to leave.
    ///
    /// # Errors
    /// It must not.
    pub fn send(&mut self, mono: u64) -> Check {
        let free = !self.offline && !self.stopped;
        hold(Rule::Polite, free, || {
            format!("sent while offline ({}) or stopped ({})", self.offline, self.stopped)
        })?;
        let asked = self.not_before.max(self.held_until).max(self.foreign_hold_until);
        hold(Rule::Polite, mono >= asked, || format!("sent at {mono}, asked to wait to {asked}"))?;
        if self.failures > 0 {
            if self.failures == 1 && !self.nudged {
                self.first_waits.push(mono - self.last_failure);
            }
            self.tries.push_back(mono);
            while self.tries.front().is_some_and(|first| first + 60_000 <= mono) {
                self.tries.pop_front();
            }
        }
        self.nudged = false;
        hold(Rule::Polite, self.tries.len() <= TRIES_A_MINUTE_MAX, || {
            format!("{} tries in a minute after {} failures", self.tries.len(), self.failures)
        })
    }

    /// A request failed without an answer.
    pub fn fail(&mut self, mono: u64) {
        self.failures += 1;
        self.last_failure = mono;
    }

    /// An answer came after the core had given its request up: what it says of the collector counts.
    pub fn answered_late(&mut self, mono: u64, answer: &Answer) {
        if matches!(answer.status, 401 | 403 | 404 | 405 | 429 | 503) {
            self.answered(mono, answer, false);
        }
    }

    /// An answer came; `ours`: it was the collector's success or its word on each event.
    pub fn answered(&mut self, mono: u64, answer: &Answer, ours: bool) {
        if matches!(answer.status, 429 | 503)
            && let Some(away) = stay_away_ms(&answer.retry_after)
        {
            self.not_before = self.not_before.max(mono + away);
        }
        match answer.status {
            401 | 403 | 404 | 405 => {
                if answer.content_type == "application/problem+json" {
                    self.held_until = mono + HOLD_MS;
                } else {
                    self.foreign_hold_until = mono + FOREIGN_HOLD_MS;
                }
            }
            410 => self.stopped = true,
            // Halving is progress.
            400 | 413 => self.failures = 0,
            _ if ours => self.failures = 0,
            _ => self.fail(mono),
        }
        if ours {
            // Whoever stood in between does no longer.
            self.foreign_hold_until = 0;
        }
        if self.failures == 0 {
            self.tries.clear();
        }
    }
}
