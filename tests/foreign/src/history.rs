//! The binary's reader of event files.
#![allow(dead_code, unreachable_pub, reason = "the binary uses all of it")]
#[path = "../../../collector/server/src/import/map.rs"]
mod map;
#[path = "../../../collector/server/src/import/rows.rs"]
pub(crate) mod rows;
