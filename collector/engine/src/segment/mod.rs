//! The rule language of segments: from text to verdicts.
//!
//! text → `token` → `parse` → `ast` → `check` → `condition` and `leaf`, put together by `compile`
//! into [`Rules`]. A *leaf* is what is kept about events; `feature` holds the states, `look` reads
//! them at an instant and says when the answer changes by time alone.
//!
//! Nothing here knows a clock, a session or how scores decay: a [`Subject`] answers for those.
//!
//! # Grammar
//!
//! ```text
//! rule       = any
//! any        = all { "or" all }
//! all        = not { "and" not }
//! not        = "not" not | condition
//! condition  = operand
//!            | operand ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) operand
//!            | operand "in" "[" literal { "," literal } [ "," ] "]"
//!            | operand "between" operand "and" operand               both bounds belong to it
//!            | operand ( "contains" | "starts" "with" | "ends" "with" ) literal
//! operand    = literal | path | call | "(" any ")"
//! call       = ( "count" | "exists" | "time_since" | "time_since_first" ) "(" over ")"
//!            | ( "sum" | "min" | "max" | "avg" | "first" | "last" | "distinct" )
//!              "(" path "of" over ")"
//!            | "exists" "(" operand ")"
//!            | "segment" "(" string ")"
//! over       = events { "where" any | "within" duration }            each at most once
//! events     = string | "[" string { "," string } [ "," ] "]"        "*" is any event
//! path       = name { "." name }
//! name       = word | "`" characters "`"                             any word after a dot
//! literal    = [ "-" ] number | [ "-" ] duration | string | "true" | "false"
//! duration   = number ( "ms" | "s" | "m" | "h" | "d" | "w" )         a number of milliseconds
//! string     = '"' { character | "\" ( '"' | "\" | "/" | "n" | "t" | "r" | "u{" hex "}" ) } '"'
//! ```
//!
//! Outside `where` a path is a fact: `trait.*`, `session.*`, `score.*`. Inside it is a property of
//! the event; `context.page.url` is looked up in its context, `properties.x` is `x` (for properties
//! whose names begin like a fact).
//!
//! # Meaning
//!
//! - A missing value makes any comparison false, `!=` too; `not` of that is true. Null is missing.
//!   So is a value of another type than what it is compared with: numbers compare with numbers only.
//! - Text is equal byte by byte and has no order. `contains` looks into text, or for an item of a
//!   list. A value used as a condition holds if it is `true`.
//! - `within W` at `now` sees events with `now − W < at ≤ now`; without it everything ever counts.
//! - Of no events `count`, `sum` and `distinct` are 0, everything else is missing.
//! - `sum`, `min`, `max` and `avg` take numbers only; `first`, `last` and `distinct` take numbers,
//!   text and truth values. Events without such a value are passed over.
//! - `sum` and `avg` add millionths, each value rounded half away from zero.
//! - Windowed `count`, and `distinct`, compare with a number written in the rule: it decides how
//!   many entries are kept.
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

pub(crate) use compile::Setting;
pub use diagnostic::{Diagnostic, RulePart};
pub use explain::{Evidence, ExplainNode, Explanation, Flip};
pub(crate) use feature::Features;
pub(crate) use flip::{Candidate, Spelled, candidates};
pub(crate) use leaf::device_hash;
pub(crate) use rules::{FoldEvent, RuleInfo, Rules};
pub(crate) use subject::{SessionField, SessionValue, Subject};
pub(crate) use touched::Touched;
