//! What lies under every file of this room. Simulators put another in its place, which tears, loses
//! and refuses as real ones do.
use std::any::Any;
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenAs {
    /// To read what is there.
    Read,
    /// To read and write what is there.
    Write,
    /// Empty, whatever was there.
    New,
}

/// Held as long as the lock is.
pub type DiskLock = Box<dyn Any + Send + Sync>;

/// Directories, and names in them.
///
/// # Guarantees
/// A name that was created, renamed or removed is durable once its directory was synced; before, a
/// crash may undo any of it.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Opens a file.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, path: &Path, how: OpenAs) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name; what had that name is gone.
    ///
    /// # Errors
    /// What the system says; the file has one of both names.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The paths of what lies in a directory, in any order.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;

    /// Makes a directory, with its parents, whose names are durable on return.
    ///
    /// # Errors
    /// What the system says.
    fn make_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// What the system says.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes the lock that lies at `path`; `None` while somebody else has it. A crash releases it.
    ///
    /// # Errors
    /// What the system says.
    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>>;
}

/// An open file.
///
/// # Guarantees
/// What was written and its length are durable once it was synced; before, a crash may keep any
/// part of it.
pub trait DiskFile: Debug + Send + Sync {
    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] if the file is too short, and what the system says.
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// What the system says; part of the bytes may have been written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the contents durable.
    ///
    /// # Errors
    /// What the system says; nothing written since the last success may be taken as durable, not
    /// even if a later call succeeds.
    fn sync_data(&self) -> io::Result<()>;

    /// Makes the contents and everything else about the file durable.
    ///
    /// # Errors
    /// As [`DiskFile::sync_data`].
    fn sync_all(&self) -> io::Result<()>;

    /// How long the file is.
    ///
    /// # Errors
    /// What the system says.
    fn bytes(&self) -> io::Result<u64>;

    /// Cuts the file, or lengthens it with zeros.
    ///
    /// # Errors
    /// What the system says.
    fn set_bytes(&self, bytes: u64) -> io::Result<()>;

    /// Reserves the space, so that writing into it changes no file length and cannot run out of disk.
    ///
    /// # Errors
    /// What the system says.
    fn allocate(&self, bytes: u64) -> io::Result<()>;

    /// Lets the next read come from the device and not from memory.
    ///
    /// # Errors
    /// What the system says.
    fn forget_cached(&self) -> io::Result<()>;
}

/// The disk of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileSystem;

impl Disk for FileSystem {
    fn open(&self, path: &Path, how: OpenAs) -> io::Result<Box<dyn DiskFile>> {
        let (writes, is_new) = (how != OpenAs::Read, how == OpenAs::New);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(writes).create(is_new).truncate(is_new);
        Ok(Box::new(SystemFile(options.open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect()
    }

    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(dir)?;
        for above in dir.ancestors().skip(1) {
            let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
            // A directory further up that may not be opened was not made here either.
            match self.sync_dir(above) {
                Err(e) if e.kind() == io::ErrorKind::PermissionDenied => break,
                done => done?,
            }
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        let file = File::create(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[derive(Debug)]
struct SystemFile(File);

impl DiskFile for SystemFile {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(bytes, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        use rustix::fs::{FallocateFlags, fallocate};
        match fallocate(&self.0, FallocateFlags::empty(), 0, bytes) {
            // Some file systems cannot reserve; a sparse file is as correct, only slower to flush.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => self.0.set_len(bytes),
            done => Ok(done?),
        }
    }

    fn forget_cached(&self) -> io::Result<()> {
        Ok(rustix::fs::fadvise(&self.0, 0, None, rustix::fs::Advice::DontNeed)?)
    }
}

/// Writes a new file from its start to its end, in large pieces.
pub(crate) struct Stream<'a> {
    file: &'a dyn DiskFile,
    at: u64,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(file: &'a dyn DiskFile) -> Self {
        Self { file, at: 0 }
    }
}

impl io::Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all_at(bytes, self.at)?;
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
