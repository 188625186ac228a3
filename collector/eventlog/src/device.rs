//! The two operations whose failure decides what has been promised: writing blocks and making
//! them durable. Simulators replace them to tear writes and to fail flushes.
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// What lies under the journal. Everything else (creating, renaming, removing files) is rare and
/// goes to the file system directly.
pub trait Device: Send + Sync + 'static {
    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// What the system says; part of the bytes may have been written.
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the file's contents durable.
    ///
    /// # Errors
    /// What the system says; nothing written since the last success may be taken as durable.
    fn sync(&self, file: &File) -> io::Result<()>;
}

/// The real one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Device for Disk {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}
