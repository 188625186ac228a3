//! Folds facts into sessions, scores and segment memberships.
//!
//! A [`Record`] is one person. [`Record::step`] folds a fact into it, [`Record::advance`] lets time
//! pass, and both say which segments the person entered or left. What a record keeps depends on the
//! facts alone; what it shows depends on the facts and the moment, never on how often it was asked.
//!
//! There is deliberately no clock, no randomness, no input or output and no log here: the same facts
//! give the same bytes on every machine.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod atom;
mod bucket;
mod device;
mod explain;
mod limits;
mod pending;
mod plan;
mod record;
mod rules;
mod score;
mod segment;
mod session;
mod standing;
mod state;
mod traits;
mod zone;

pub use bucket::spread;
pub use plan::{Plan, SegmentInfo};
pub use record::Record;
pub use rules::{EngagementRules, RuleSet, SegmentSource, SessionRules, Weight, Zone};
pub use segment::{
    Diagnostic, Evidence, ExplainNode, Explanation, Flip, RulePart, canonical_rule, nearest,
};
pub use session::{EndReason, Session, StartReason};
