//! The native host of the SDK: gives `sdk_core` a disk, a network, two clocks and a thread.
//!
//! A [`Client`] tracks events and delivers them, across failures of network, collector, disk and
//! process. What it decides is decided in `sdk_core`; here bytes are carried. Each event is on disk
//! before it is sent, and stays there until a collector's own answer says what became of it.
//!
//! Several processes may use one folder. Each has a lane of it, an installation of its own in the
//! ledger; what a process leaves behind is delivered by the next one that looks.

mod builder;
mod client;
mod clock;
mod courier;
mod driver;
mod endpoint;
mod guard;
mod keeping;
mod lanes;
pub mod limits;
mod shared;
pub mod spool;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "net")]
mod transport;
mod witness;

pub use builder::{Builder, StartError};
pub use client::{Client, Delivered, Durability, Fields, Signal};
pub use courier::{Answer, Upload};
pub use endpoint::EndpointError;
pub use sdk_core::{
    Choice, Config, DeviceMillis, DropReason, Input, Ledger, Lifecycle, Notice, Object, Options,
    Outcome, PrivacySignal, Subject, Value,
};
