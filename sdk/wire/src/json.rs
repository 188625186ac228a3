//! Just enough JSON, read in place and lenient where real senders are careless.
//!
//! Nothing here builds a tree: a value is skipped, borrowed as [`Raw`], or told to a [`ValueSink`].
//! Nothing recurses, so foreign nesting costs no stack.
mod raw;
mod reader;
mod scan;
mod transcode;
mod unescape;
mod write;

pub use raw::Raw;
pub use transcode::{ValueSink, transcode_object};
pub use write::write_string;

pub(crate) use reader::{Reader, Token};
