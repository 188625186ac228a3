//! The contract between a device and a collector: batch, event, verdict, limits and their JSON.
//!
//! This crate turns a foreign body into events that borrow from it, says of each event why it is
//! refused, and writes the reply. It knows no HTTP, no clock and no storage, allocates only for the
//! list of events and for text that holds escapes, and never panics on foreign bytes.
//!
//! What it repairs on the way, because real senders emit it: a byte order mark, `NaN` and
//! `±Infinity` (null), lone surrogates (U+FFFD), ids that are numbers (their text) or null (absent).
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod batch;
mod envelope;
mod event;
mod fields;
pub mod json;
mod limits;
mod reply;
mod time;
mod verdict;

pub use batch::{Batch, decode_batch, decode_single};
pub use envelope::{Envelope, Sillage};
pub use event::{Event, EventType};
pub use json::{Raw, ValueSink, transcode_object};
pub use limits::{DEPTH_CEILING, Limits};
pub use reply::{Rejected, Reply, write_rejected, write_reply};
pub use time::{format_time_ms, parse_own_time_ms, parse_time_ms, time_text};
pub use verdict::{BodyError, Code, EventError};
