//! HTTP in: a request becomes facts in the log and a verdict for the sender.
//!
//! This room knows HTTP, write keys, the wire contract and the log. What a session or a segment is,
//! it does not know, and it keeps nothing between requests but counters and buffers.
//!
//! - [`Ingest::respond`] is the whole of it: [`framing`], [`route`], [`auth`], [`body`],
//!   [`inflate`], [`admit`], the log, an answer.
//! - [`Refusal`] lists every reason to refuse a whole request; single events have verdicts.
//! - [`Signals`] counts.
pub mod address;
pub mod admit;
pub mod auth;
pub mod body;
mod config;
pub mod context;
pub mod cors;
mod counted;
mod error;
mod facts;
pub mod flight;
pub mod framing;
pub mod inflate;
mod ingest;
mod judge;
pub mod limits;
mod load;
mod pass;
mod quota;
mod reply;
mod report;
pub mod route;
mod segments;
mod signal;
mod valve;

pub use admit::{Admission, AdmitScratch, Admitted, Arrival, CONSENT_DENIED, Rejected};
pub use config::{ConfigError, IngestConfig, Intake, ProjectIngest};
pub use context::Visitor;
pub use error::{Face, Refusal};
pub use framing::check_framing;
pub use ingest::Ingest;
pub use quota::Quota;
pub use route::Route;
pub use segments::{AskedOf, PublicSegments, SegmentsTold};
pub use signal::{SignalSnapshot, Signals};
pub use valve::Valve;
