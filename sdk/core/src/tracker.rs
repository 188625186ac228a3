//! The state machine: what comes in, what goes out. How calls become events stands in `calls`, how
//! batches leave and are answered in `sending`, what survives a restart in `storing`.
mod calls;
mod sending;
mod storing;

use crate::action::Outbox;
use crate::clock::Clock;
use crate::event::Queued;
use crate::heads::Heads;
use crate::notice::Drops;
use crate::queue::Queue;
use crate::random::{MessageIds, Random, Uuid};
use crate::state::State;
use crate::{Action, Choice, Config, Input, Lifecycle, Now};
use alloc::string::String;
use alloc::vec::Vec;
use calls::Early;
use sending::Link;
use storing::Storage;

/// All of the SDK that is the same on every platform.
///
/// # Cost
/// A tracked event costs one allocation, its own bytes, beside what its queues grow by.
#[derive(Debug)]
pub struct Tracker {
    config: Config,
    random: Random,
    message_ids: MessageIds,
    clock: Clock,
    now: Now,
    /// The run of the process, for people.
    boot_id: Uuid,
    /// Counts changes of person, so that an answer about the last one is not taken for the next.
    generation: u32,
    /// What storage is to know.
    state: State,
    /// The members of the context that the host has set.
    context: Vec<u8>,
    queue: Queue,
    heads: Heads,
    /// The heads of events of this device, and of events that name their own subjects, as long as
    /// neither identity, context nor session changes.
    current: [Option<u32>; 2],
    early: Vec<Early>,
    /// Events that wait for consent; they have no number yet.
    waiting: Vec<Queued>,
    /// Of early and of waiting events together.
    waiting_bytes: usize,
    link: Link,
    storage: Storage,
    segments: Vec<String>,
    drops: Drops,
    actions: Outbox,
    /// Where events are written before their length is known.
    scratch: Vec<u8>,
}

/// What became of every event that this installation created.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Ledger {
    /// Events created, dropped ones included: the last sequence number.
    pub created: u64,
    /// Known to be accepted, or to have been before.
    pub acknowledged: u64,
    /// Known to be refused, by the collector's code.
    pub rejected: Vec<(String, u64)>,
    /// Given up, and certainly never arrived, by the name of the [`crate::DropReason`].
    pub dropped: Vec<(String, u64)>,
    /// Given up after a try whose answer never came, by the same names: they may have arrived.
    pub unsure: Vec<(String, u64)>,
    /// Queued.
    pub pending: u64,
}

impl Ledger {
    /// Whether every created event is in exactly one place.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        let sum = |counts: &[(String, u64)]| counts.iter().map(|(_, count)| count).sum::<u64>();
        let given_up = sum(&self.rejected) + sum(&self.dropped) + sum(&self.unsure);
        self.created == self.acknowledged + given_up + self.pending
    }
}

impl Tracker {
    /// Starts a tracker. `entropy` must come from the system's source of randomness, and be new with
    /// each process: ids are made of it.
    #[must_use]
    pub fn new(config: Config, entropy: [u8; 32], now: Now) -> Self {
        let mut random = Random::new(entropy);
        let message_ids = MessageIds::new(&mut random);
        let state = State { install: random.uuid(), boot: 1, ..State::default() };
        let now = now.bounded();
        Self {
            config,
            message_ids,
            clock: Clock::new(now),
            now,
            boot_id: random.uuid(),
            generation: 0,
            state,
            context: Vec::new(),
            queue: Queue::default(),
            heads: Heads::default(),
            current: [None; 2],
            early: Vec::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            link: Link::default(),
            storage: Storage::default(),
            segments: Vec::new(),
            drops: Drops::default(),
            actions: Outbox::default(),
            scratch: Vec::new(),
            random,
        }
    }

    /// Takes one input.
    ///
    /// # Guarantees
    /// Never panics on any input; what cannot be used is counted under a [`crate::DropReason`].
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        let now = now.bounded();
        // Calls made before the core was there come with their own, earlier time.
        if now.mono >= self.now.mono {
            self.now = now;
        }
        match input {
            Input::Track { .. }
            | Input::Page { .. }
            | Input::Screen { .. }
            | Input::Identify { .. }
            | Input::Group { .. }
            | Input::Alias { .. } => self.call(now, input),
            Input::Reset => self.reset(),
            Input::Consent(choices) => {
                for (category, choice) in choices {
                    self.state.consent.choose(category, *choice);
                }
                self.consent_changed();
            }
            Input::Privacy { gpc, dnt } => {
                self.state.consent.signal(gpc, dnt);
                self.consent_changed();
            }
            Input::Context(context) => self.set_context(&context),
            Input::Reply { send, outcome } => self.replied(send, &outcome),
            Input::Tick => {}
            Input::Lifecycle(lifecycle) => self.lifecycle(lifecycle),
            Input::Restored(restored) => self.restore(restored),
        }
        self.expire_flights();
    }

    /// Gives the next thing to do, `None` when there is no more. See the crate's documentation for
    /// what a host owes.
    pub fn poll_action(&mut self) -> Option<Action> {
        if let Some(action) = self.actions.pop() {
            return Some(action);
        }
        self.expire_events();
        if let Some(action) = self.actions.pop().or_else(|| self.store_event()) {
            return Some(action);
        }
        self.settle_storage();
        if let Some(action) = self.actions.pop() {
            return Some(action);
        }
        if let Some(dropped) = self.drops.take() {
            return Some(Action::Notice(dropped));
        }
        self.send().or_else(|| self.wake())
    }

    /// The device's own id; empty until storage has been restored.
    #[must_use]
    pub fn anonymous_id(&self) -> &str {
        &self.state.anonymous_id
    }

    /// The id of this installation, as the ledger knows it. It may change when storage is restored.
    #[must_use]
    pub fn install(&self) -> String {
        self.state.install.to_text()
    }

    /// Who uses the device; empty if nobody has been identified.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.state.user_id
    }

    /// What the person has chosen, as far as is known: for a host that drives several trackers of one
    /// person.
    #[must_use]
    pub fn choices(&self) -> &[(String, Choice)] {
        &self.state.consent.choices
    }

    /// The device's public segments as the collector last told them, sorted.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// What became of every event. Events that still wait for storage or consent are not in it.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let counts = &self.state.counts;
        Ledger {
            created: counts.created,
            acknowledged: counts.acknowledged,
            rejected: counts.rejected(),
            dropped: counts.dropped(),
            unsure: counts.unsure(),
            pending: self.queue.len() as u64,
        }
    }

    /// The sequence number that a host may keep in a witness (see [`crate::Restored::witness`]): 0
    /// as long as nothing may be stored.
    #[must_use]
    pub fn witness(&self) -> u64 {
        if self.storage.is_storing() { self.state.counts.created } else { 0 }
    }

    /// Bytes of the queued events.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Events that wait in memory for storage or consent.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.early.len() + self.waiting.len()
    }

    /// Whether there is nothing left to deliver or to report.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.storage.is_restored()
            && self.queue.is_empty()
            && self.link.is_quiet()
            && !self.report_is_due()
    }

    fn lifecycle(&mut self, lifecycle: Lifecycle) {
        let link = &mut self.link;
        match lifecycle {
            Lifecycle::Foreground => {
                link.background = false;
                link.forgive();
            }
            Lifecycle::Background => {
                link.background = true;
                link.push = true;
            }
            Lifecycle::Online => {
                link.offline = false;
                link.forgive();
            }
            Lifecycle::Offline => link.offline = true,
            Lifecycle::Flush => {
                link.push = true;
                link.forgive();
            }
        }
    }
}

#[cfg(test)]
mod tests;
