//! What no well-meaning client does to the real binary: each gets its answer, and everybody else is served.
#![allow(clippy::print_stdout, reason = "rows and numbers are what it is run for")]

mod http2;
mod resp;
mod slow;
mod table;
