//! The trusted vocabulary of the collector: what every room may say to every other.
//!
//! Words here have been checked once, at the door. This crate holds their shapes and their binary
//! codec and deliberately nothing else: no JSON, no HTTP, no Redis, no clock.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod error;
mod fact;
mod key;
mod profile;
mod time;
mod value;

pub use error::Corrupt;
pub use fact::{EventId, Fact, FactKind, SharedContexts, SharedContextsWriter};
pub use key::{PARTITIONS_EMBEDDED, Partition, PersonKey, partition_of};
pub use profile::{Membership, Profile, SegmentChange, SegmentIndex, SessionBrief, Transition};
pub use time::{EventTime, ReceiptMillis};
pub use value::{List, Map, MapWriter, Opened, Value, ValueWriter};
