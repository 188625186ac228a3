//! The state machine.
use crate::{Action, Config, Input, Now};
use alloc::collections::VecDeque;
use alloc::string::String;

/// All of the SDK that is the same on every platform.
///
/// # Cost
/// A tracked event costs one allocation: its own bytes.
#[derive(Debug)]
pub struct Tracker {
    config: Config,
    actions: VecDeque<Action>,
}

/// What became of every event that this installation created.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Ledger {
    /// Events created, dropped ones included: the last sequence number.
    pub created: u64,
    /// Known to be accepted, or to have been before.
    pub acknowledged: u64,
    /// Known to be refused.
    pub rejected: u64,
    /// Given up, and certainly never arrived.
    pub dropped: u64,
    /// Given up after a try whose answer never came.
    pub unsure: u64,
    /// Queued: `created − acknowledged − rejected − dropped − unsure`.
    pub pending: u64,
}

impl Tracker {
    /// Starts a tracker. `entropy` must come from the system's source of randomness, and be new with
    /// each process: ids are made of it.
    #[must_use]
    pub fn new(config: Config, entropy: [u8; 32], now: Now) -> Self {
        let _ = (entropy, now);
        Self { config, actions: VecDeque::new() }
    }

    /// Takes one input.
    ///
    /// # Guarantees
    /// Never panics on any input; what cannot be used is counted under a [`crate::DropReason`].
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        let _ = (now, input, &self.config);
    }

    /// Gives the next thing to do, `None` when there is no more.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The device's own id; empty until storage has been restored.
    #[must_use]
    pub fn anonymous_id(&self) -> &str {
        ""
    }

    /// Who uses the device; empty if nobody has been identified.
    #[must_use]
    pub fn user_id(&self) -> &str {
        ""
    }

    /// The device's public segments as the collector last told them, sorted.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &[]
    }

    /// What became of every event. Events that still wait for storage or consent are not in it.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        Ledger::default()
    }

    /// Events that wait in memory for storage or consent.
    #[must_use]
    pub fn waiting(&self) -> usize {
        0
    }
}
