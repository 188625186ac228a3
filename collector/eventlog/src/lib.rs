//! The durable, partitioned, de-duplicating log of facts.
//!
//! This room knows fact bytes, offsets and durability. What a fact means it does not know.
//!
//! - [`EventLog`] is the interface, [`contract`] the suite that every backend passes.
//! - [`FileLog`] keeps facts in files and answers once they are durable; [`MemoryLog`] keeps them
//!   as long as the process lives.
//! - [`DeadLetters`] keeps what was refused, with the reason, in the same kind of files.
mod admission;
mod block;
mod clock;
pub mod contract;
mod dead_letter;
mod dedup;
mod disk;
mod error;
mod file;
mod form;
mod hand;
mod intake;
mod journal;
pub mod limits;
mod log;
mod memory;
mod segment;
#[cfg(test)]
mod wrapped;

pub use clock::Clock;
pub use dead_letter::{
    DeadLetter, DeadLetterConfig, DeadLetterId, DeadLetterStats, DeadLetters, ListOrder,
    StoredDeadLetter,
};
pub use disk::{Disk, DiskFile, DiskLock, FileSystem, OpenAs};
pub use error::LogError;
pub use file::{Durability, FileLog, FileLogConfig, LogStats};
pub use form::check_forms;
pub use log::{Append, AppendRecord, Appended, Cursor, EventLog, LogRecord};
pub use memory::MemoryLog;
