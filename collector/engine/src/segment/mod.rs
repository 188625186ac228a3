//! The rule language of segments: from text to verdicts.
//!
//! text → `token` → `parse` → `ast` → `check` → `condition` and `leaf`, put together by `compile`
//! into [`Rules`]. A *leaf* is what is kept about events; `feature` holds the states, `look` reads
//! them at an instant and says when the answer changes by time alone.
//!
//! Nothing here knows a clock, a session or how scores decay: a [`Subject`] answers for those.
//!
//! The grammar and what each form means are in `docs/RULES.md`; each file of the parser names the
//! lines of it that it reads. What must never change without a new format of states:
//!
//! - A missing value makes any comparison false, `!=` too; `not` of that is true. Null is missing.
//!   So is a value of another type than what it is compared with: numbers compare with numbers only.
//! - `within W` at `now` sees events with `now − W < at ≤ now`; without it everything ever counts.
//! - Of no events `count`, `sum`, `distinct` and other numbers of something are 0, everything else is
//!   missing.
//! - `sum` and `avg` add millionths, each value rounded half away from zero.
//! - A comparison with a number decides how many entries are kept; without one as many as may be.
mod ast;
mod blank;
mod canonical;
mod check;
mod check_aggregate;
mod check_fact;
mod check_sequence;
mod compile;
mod condition;
mod diagnostic;
mod evidence;
mod explain;
mod feature;
mod flip;
pub(crate) mod hash;
mod instant;
mod leaf;
mod leaf_table;
mod limits;
mod look;
mod look_leaf;
mod parse;
mod parse_aggregate;
mod parse_sequence;
mod predicates;
mod reads;
mod rules;
mod sequence;
mod subject;
mod token;
mod touched;
mod word;

#[cfg(test)]
mod tests;

pub use canonical::canonical_rule;
pub(crate) use compile::Setting;
pub use diagnostic::{Diagnostic, RulePart, nearest};
pub use explain::{Evidence, ExplainNode, Explanation, Flip};
pub(crate) use feature::Features;
pub(crate) use flip::{Candidate, Spelled, candidates};
pub(crate) use leaf::device_hash;
pub(crate) use rules::{FoldEvent, RuleInfo, Rules};
pub(crate) use subject::{SessionField, SessionValue, Subject};
pub(crate) use touched::Touched;
