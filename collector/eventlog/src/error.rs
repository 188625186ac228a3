//! What can go wrong with a log, by what the caller can do about it.
use crate::Cursor;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Why a log refused. Cloneable, because one failed group answers many appends.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Too much is waiting to become durable. Nothing was appended; try again later.
    #[error("the log is overloaded; try again in {retry_after:?}")]
    Overloaded {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The device failed. Final for this opened log: it appends nothing more until it is opened
    /// anew, which checks what really is on the device.
    #[error("the log cannot {what} {}", place.display())]
    Failed {
        /// What was tried.
        what: &'static str,
        /// The file or directory.
        place: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// Bytes are not what was written. Nothing after that place is read.
    #[error("{} is damaged at position {position}: {what}", file.display())]
    Corrupt {
        /// The damaged file.
        file: PathBuf,
        /// The journal position of the damaged block, or the byte in another kind of file.
        position: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// A later version wrote the file in a form that this one does not know. Nothing was changed.
    #[error(
        "{} has form {found}, and this version reads up to {reads}: start the version that wrote it, \
         or a later one{otherwise}",
        file.display()
    )]
    Newer {
        /// The file.
        file: PathBuf,
        /// The number of its form.
        found: u32,
        /// The highest number that is read.
        reads: u32,
        /// What else can be done; empty, or the rest of the sentence.
        otherwise: &'static str,
    },
    /// What the cursor asks for has been removed by retention; go on from `oldest`.
    #[error("the log starts at {}", oldest.0)]
    Retained {
        /// The cursor before the oldest block kept.
        oldest: Cursor,
    },
    /// The cursor is past the end: whoever made it read data that this log no longer has.
    #[error("the log ends at {}, before what was asked for", end.0)]
    Ahead {
        /// The cursor after the last durable block.
        end: Cursor,
    },
    /// The append can never succeed as it is: the caller made it wrongly.
    #[error("the append is malformed: {0}")]
    Refused(&'static str),
    /// Another process, or another part of this one, has the log open.
    #[error("{} is in use", dir.display())]
    Locked {
        /// The log's directory.
        dir: PathBuf,
    },
    /// The log has been closed.
    #[error("the log is closed")]
    Closed,
    /// The system refused; nothing was changed by it, and trying again may help.
    #[error("cannot {what} {}", place.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or directory.
        place: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
}

impl LogError {
    pub(crate) fn failed(what: &'static str, place: &Path, source: io::Error) -> Self {
        Self::Failed { what, place: place.to_owned(), source: Arc::new(source) }
    }

    pub(crate) fn io(what: &'static str, place: &Path, source: io::Error) -> Self {
        Self::Io { what, place: place.to_owned(), source: Arc::new(source) }
    }

    pub(crate) fn corrupt(file: &Path, position: u64, what: &'static str) -> Self {
        Self::Corrupt { file: file.to_owned(), position, what }
    }
}
