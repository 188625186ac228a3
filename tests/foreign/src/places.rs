//! Folders that come and go a thousand times a second.
use std::path::Path;
use tempfile::TempDir;

/// A folder, in memory where the system has such a place: there a flush costs nothing.
pub(crate) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    made.expect("a folder can be made")
}
