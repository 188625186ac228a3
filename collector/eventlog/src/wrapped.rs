//! The machine's disk, with the writes and flushes of blocks in the hands of a test.
use crate::{Disk, DiskFile, DiskLock, FileSystem, OpenAs};
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What happens when blocks are written and flushed. Headers, cuts and files of ids are not asked
/// about.
pub(crate) trait Hooks: Debug + Send + Sync + 'static {
    fn write_at(&self, file: &dyn DiskFile, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn sync(&self, file: &dyn DiskFile) -> io::Result<()>;
}

#[derive(Debug)]
pub(crate) struct Wrapped<H>(Arc<H>);

impl<H: Hooks> Wrapped<H> {
    pub(crate) fn disk(hooks: &Arc<H>) -> Arc<dyn Disk> {
        Arc::new(Self(Arc::clone(hooks)))
    }
}

impl<H: Hooks> Disk for Wrapped<H> {
    fn open(&self, path: &Path, how: OpenAs) -> io::Result<Box<dyn DiskFile>> {
        let file = FileSystem.open(path, how)?;
        let holds_blocks = path.extension().is_some_and(|e| e == "log" || e == "new");
        let hooks = Arc::clone(&self.0);
        Ok(if holds_blocks { Box::new(WrappedFile { file, hooks }) } else { file })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        FileSystem.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        FileSystem.remove(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        FileSystem.list(dir)
    }

    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        FileSystem.make_dir(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        FileSystem.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        FileSystem.lock(path)
    }
}

#[derive(Debug)]
struct WrappedFile<H> {
    file: Box<dyn DiskFile>,
    hooks: Arc<H>,
}

impl<H: Hooks> DiskFile for WrappedFile<H> {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if offset < crate::segment::HEADER_BYTES {
            return self.file.write_all_at(bytes, offset);
        }
        self.hooks.write_at(&*self.file, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.hooks.sync(&*self.file)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.file.set_bytes(bytes)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.file.allocate(bytes)
    }

    fn forget_cached(&self) -> io::Result<()> {
        self.file.forget_cached()
    }
}
