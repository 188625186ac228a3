//! The little JSON that a device needs. A general library costs 12 KB of a compressed web build,
//! five times the rest of this crate.
mod reader;
mod writer;

pub use reader::{Reader, count, is_object, member, text, texts, whole};
#[cfg(feature = "fields")]
pub use writer::push_float;
pub use writer::{push_i64, push_string, push_u64};

pub(crate) use reader::are_members;
pub(crate) use writer::{Unwritable, push_members};
