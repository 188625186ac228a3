//! Requests in, answers and facts out: the door as its senders see it, without a socket.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod encodings;
mod facts;
mod hostile;
mod overload;
mod pages;
mod reports;
mod rig;
mod times;
mod verdicts;
