//! What happens on a device, without I/O: [`Tracker`] takes [`Input`]s and gives [`Action`]s.
//!
//! # The contract with a host
//! 1. Read both clocks, call [`Tracker::handle`] with what happened. It never fails and never blocks.
//! 2. Call [`Tracker::poll_action`] until it gives `None`, and collect what comes.
//! 3. Store what was polled ([`Action::Persist`], [`Action::Forget`]) **as one unit**: all of it or,
//!    after a crash, none; later units only if the earlier ones are there. Then do the rest.
//!
//! Steps 1 and 2 may be repeated before step 3: units may be joined, never split or reordered.
//!
//! # What is promised
//! At any moment `created = acknowledged + rejected + dropped + unsure + pending`, also after any
//! crash between or inside these steps. An event is forgotten only when a collector's own answer says
//! what became of it, or when it is dropped for a reason that is counted.
//!
//! It has no clock, thread, socket or file, and no randomness but what it is given.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod action;
mod batch;
mod clock;
mod codec;
mod config;
mod consent;
mod counts;
mod event;
mod heads;
mod input;
pub mod json;
pub mod limits;
mod notice;
mod queue;
mod random;
mod ranges;
mod reply;
mod session;
mod state;
mod time;
mod tracker;
mod value;

pub use action::{Action, Key, SendId, Way};
pub use config::{Config, PrivacySignal};
pub use input::{Choice, Input, Lifecycle, Options, Outcome, Restored, Subject};
pub use notice::{DropReason, Notice};
pub use time::{DeviceMillis, MonoMillis, Now};
pub use tracker::{Ledger, Tracker};
pub use value::Object;
#[cfg(feature = "fields")]
pub use value::Value;
