//! Where states are kept and where memberships are read.
//!
//! Two stores that never meet. A [`PersonStore`] keeps the workers' checkpoints on disk: opaque
//! bytes per person, one atomic commit. A [`View`] holds in memory what the world may read of every
//! person; it is filled by workers, read by lookups, and mirrored to a Redis by a [`RedisWriter`]
//! if one is configured. This crate knows key names and their layout; it deliberately knows neither
//! what is in a state nor what a rule is.

mod embedded;
mod error;
mod fields;
pub mod keys;
pub mod limits;
mod memory;
mod person;
mod redis_check;
mod redis_writer;
mod view;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod sample;

pub use embedded::FjallStore;
pub use error::StoreError;
pub use fields::{Labels, SegmentLabel};
pub use memory::MemoryStore;
pub use person::{Checkpoint, PersonStore, StoreMeta};
pub use redis_check::{Difference, Fault, RedisCheck, RedisPhase, RedisProgress, RedisReport};
pub use redis_writer::{
    RedisAddress, RedisStats, RedisTls, RedisTopology, RedisTrouble, RedisWriter,
};
pub use view::{
    Change, Changes, Clock, Listed, Order, Reads, ScanPage, Shown, StreamId, Summary, Ttl, View,
    ViewConfig, system_clock,
};
