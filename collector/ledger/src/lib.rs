//! The loss ledger's arithmetic: what became of every event that an installation has created.
//!
//! An installation tells cumulative counts with each batch; the collector adds what the batch itself
//! came to. Both are folded into one row per installation, whose balance says how many events
//! arrived, were refused, were given up, still wait, or are lost.
//!
//! - [`Report`] is what a batch adds, as the log keeps it.
//! - [`Row`] folds reports in any order and any number of times.
//! - [`Balance`] is what a row comes to, and [`Total`] the sum of balances of a [`Source`].
//!
//! No clock, no table and no I/O here: who keeps rows, and when one is forgotten, is decided elsewhere.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod balance;
mod bytes;
mod counts;
pub mod limits;
mod report;
mod row;
mod source;
#[cfg(test)]
mod tests;
mod total;

pub use balance::Balance;
pub use counts::Counts;
pub use report::{Counted, Report, Tally, Told};
pub use row::Row;
pub use source::Source;
pub use total::{Sums, Total};
