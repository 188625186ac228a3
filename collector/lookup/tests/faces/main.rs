//! Both faces of the lookup room, from outside: sockets, real clients and a real Redis beside it.
#![allow(clippy::unwrap_used, reason = "a broken precondition fails the test, as it should")]

mod against_redis;
mod clients;
mod http;
mod protocol;
mod redis_desk;
mod world;
