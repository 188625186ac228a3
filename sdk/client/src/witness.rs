//! A number that outlives the process without being written: how many events it has created.
//!
//! It lies in a page of a file that is mapped into memory. Storing it is one store of a processor; the
//! system keeps the page when the process is killed. So the next process knows how many events died in
//! memory, and counts them. A power cut may take it back to an earlier value, which then undercounts only
//! events that nobody else has seen either.
use crate::spool::private_file;
use std::io;
use std::path::Path;

/// The mapped number.
#[derive(Debug)]
pub(crate) struct Witness {
    #[cfg(unix)]
    page: mapped::Page,
}

/// The file's name, beside the spool's segments.
const NAME: &str = "witness";

impl Witness {
    /// Maps it, creating its file if there is none.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let file = private_file(&folder.join(NAME))?;
        #[cfg(unix)]
        return Ok(Self { page: mapped::Page::map(file)? });
        #[cfg(not(unix))]
        return Err(io::ErrorKind::Unsupported.into()).map(|(): ()| {
            let _ = file;
            Self {}
        });
    }

    /// What the last process stored; 0 if there was none.
    pub(crate) fn read(folder: &Path) -> u64 {
        let bytes = std::fs::read(folder.join(NAME)).unwrap_or_default();
        let number = bytes.get(..8).and_then(|bytes| bytes.try_into().ok());
        number.map_or(0, u64::from_ne_bytes)
    }

    /// Removes the file; a page that is mapped still works, and is kept by nobody.
    pub(crate) fn remove(folder: &Path) -> io::Result<()> {
        match std::fs::remove_file(folder.join(NAME)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Stores a number, which no process sees to be less later. Cost: an atomic maximum.
    pub(crate) fn store(&self, number: u64) {
        #[cfg(unix)]
        self.page.store(number);
        #[cfg(not(unix))]
        let _ = number;
    }
}

#[cfg(unix)]
mod mapped {
    use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::FileExt as _;
    use std::ptr::NonNull;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// One page of a file.
    #[derive(Debug)]
    pub(super) struct Page {
        start: NonNull<AtomicU64>,
        /// Nobody else shortens it, and no one may: see `map`.
        _file: File,
    }

    const BYTES: usize = 4_096;

    // SAFETY: the page lives as long as the value, and is only touched through an atomic.
    #[allow(unsafe_code, reason = "a pointer is not Send by itself")]
    unsafe impl Send for Page {}
    // SAFETY: as above.
    #[allow(unsafe_code, reason = "a pointer is not Sync by itself")]
    unsafe impl Sync for Page {}

    impl Page {
        #[allow(unsafe_code, reason = "mapping memory has no safe form")]
        pub(super) fn map(file: File) -> io::Result<Self> {
            let len = file.metadata()?.len();
            if len < BYTES as u64 {
                // Written, not only made longer: a page without a block behind it could find the
                // disk full at the moment of a store, which kills the process (SIGBUS).
                let missing = usize::try_from(BYTES as u64 - len).unwrap_or(BYTES);
                file.write_all_at(&vec![0; missing], len)?;
                file.sync_all()?;
            }
            // SAFETY: a new mapping, at an address of the kernel's choice, of a file that holds at
            // least these bytes. The lane's lock keeps other processes of ours away, and none of
            // them ever shortens it. It is unmapped when the value is dropped.
            let start = unsafe {
                let (read_write, shared) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
                mmap(std::ptr::null_mut(), BYTES, read_write, shared, &file, 0)?
            };
            let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
            Ok(Self { start, _file: file })
        }

        #[allow(unsafe_code, reason = "the mapping is reached through its address")]
        pub(super) fn store(&self, number: u64) {
            // SAFETY: mapped for as long as `self` lives, aligned to a page.
            let place = unsafe { self.start.as_ref() };
            place.fetch_max(number, Ordering::Relaxed);
        }
    }

    impl Drop for Page {
        #[allow(unsafe_code, reason = "the counterpart of mapping")]
        fn drop(&mut self) {
            // SAFETY: mapped in `map` with this length, and nobody refers to it any more.
            let unmapped = unsafe { munmap(self.start.as_ptr().cast(), BYTES) };
            // What the kernel did not give back it gives back at the end of the process.
            unmapped.ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_by_the_next() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Witness::read(folder.path()), 0);
        let witness = Witness::open(folder.path()).unwrap();
        witness.store(41);
        witness.store(7);
        assert_eq!(Witness::read(folder.path()), 41);
        drop(witness);
        Witness::open(folder.path()).unwrap().store(43);
        assert_eq!(Witness::read(folder.path()), 43);
        Witness::remove(folder.path()).unwrap();
        Witness::remove(folder.path()).unwrap();
        assert_eq!(Witness::read(folder.path()), 0);
    }
}
