//! A Redis that forgets, and the real writer that keeps it equal to the view.
//!
//! The server is a model, run by hand over real sockets: [`keys`] does what the writer's script does
//! to one server's keys, [`server`] speaks RESP and goes wrong, [`side`] runs the writer against it
//! between the moves of a world and looks at what must hold. The writer's time is virtual: it passes
//! only when both sides are quiet.
pub mod keys;
pub mod resp;
pub mod server;
pub mod side;
