//! Seeded worlds that hold the SDK's core to its promises: devices with bad clocks, disks and
//! networks, a collector that decodes, admits and de-duplicates for real, and a checker that keeps its
//! own account of what happened.
//!
//! One seed is one world: [`plan::Plan`] draws it, [`world::run`] plays it in virtual time, and
//! [`truth::Rule`] lists what must hold.
mod account;
pub mod call;
pub mod clock;
pub mod collector;
pub mod cover;
mod host;
pub mod lane;
pub mod met;
pub mod net;
pub mod plan;
pub mod polite;
pub mod reason;
pub mod rng;
pub mod spool;
pub mod store;
pub mod truth;
mod watch;
pub mod world;
