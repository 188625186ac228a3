//! The native client as Kotlin, Swift and Python see it.
//!
//! The boundary is coarse and one-way: the other language calls, nothing calls it. It tells what happens
//! ([`Client::call`]), and one thread of it asks what there is to do ([`Client::next_task`]): an upload to
//! make with the platform's own network, segments that have changed, something to log. Objects of an app
//! (properties, traits, contexts) cross as JSON text, bodies as bytes.
//!
//! [`Tracker`] is the core alone, for hosts that have storage, clocks and threads of their own, and for
//! the scenarios that every language runs.

mod call;
mod client;
mod config;
mod reply;
mod tasks;
mod tracker;

pub use call::{Call, EventOptions, Lifecycle};
pub use client::{Client, Settings, SillageError};
pub use config::{Config, ConsentRule, PrivacySignal, SampleRate};
pub use reply::Reply;
pub use tasks::{Header, Signal, Task};
pub use tracker::{Action, Ledger, Now, Record, State, Tracker};

uniffi::setup_scaffolding!();
