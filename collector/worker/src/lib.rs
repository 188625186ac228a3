//! A partition group's loop: read the log, fold, publish, fire timers, checkpoint.
//!
//! This is the only caller of the engine and the only owner of records. It knows order, cursors and
//! when to wake; it knows no HTTP, no wire shapes, no Redis and no rule.
//!
//! The path of one fact: [`EventLog::read`](sillage_eventlog::EventLog::read) → `fold` →
//! [`View::publish`](sillage_store::View::publish), and some seconds later a checkpoint.

mod checkpoint;
mod counts;
mod error;
mod fold;
mod halt;
mod hand;
mod histories;
pub mod history;
mod identity;
mod ledger;
mod limits;
mod persons;
mod rebuild;
mod replay;
mod reset;
mod run;
mod stats;
mod wakes;

pub use error::WorkerError;
pub use halt::Halter;
pub use hand::HandWorker;
pub use ledger::LedgerHandle;
pub use limits::WorkerConfig;
pub use rebuild::{Rebuild, RebuildProgress, Switched};
pub use replay::{Comparison, Replayed, replay};
pub(crate) use reset::derived_before;
pub use reset::reset;
pub use run::{Parts, WorkerHandle, spawn};
pub use stats::WorkerStats;
