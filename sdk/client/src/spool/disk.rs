//! What lies under a spool: numbered files that grow at the end.
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// All that a spool asks of a file system. Simulators replace it to tear writes and fail calls.
pub trait Disk {
    /// The numbers of the segments that are there, in any order.
    ///
    /// # Errors
    /// What the system says.
    fn segments(&mut self) -> io::Result<Vec<u64>>;

    /// The first `bytes_max` bytes of a segment.
    ///
    /// # Errors
    /// What the system says.
    fn read(&mut self, segment: u64, bytes_max: u64) -> io::Result<Vec<u8>>;

    /// Appends to a segment, which is created if it is not there.
    ///
    /// # Errors
    /// What the system says; any part of the bytes may have been written.
    fn append(&mut self, segment: u64, bytes: &[u8]) -> io::Result<()>;

    /// Shortens a segment to `length` bytes.
    ///
    /// # Errors
    /// What the system says; the segment is as it was.
    fn cut(&mut self, segment: u64, length: u64) -> io::Result<()>;

    /// Makes a segment's bytes and length durable.
    ///
    /// # Errors
    /// What the system says; nothing since the last success may be taken as durable, now or later.
    fn sync(&mut self, segment: u64) -> io::Result<()>;

    /// Removes a segment.
    ///
    /// # Errors
    /// What the system says; the segment is as it was.
    fn remove(&mut self, segment: u64) -> io::Result<()>;

    /// Makes durable which segments there are.
    ///
    /// # Errors
    /// What the system says.
    fn sync_names(&mut self) -> io::Result<()>;
}

/// A folder of a real file system.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The segment that was appended to last, kept open.
    open: Option<(u64, File)>,
}

impl Folder {
    /// Uses a folder, which is created, readable by its owner alone, if it is not there.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(path: &Path) -> io::Result<Self> {
        private_folder(path)?;
        Ok(Self { path: path.to_owned(), open: None })
    }

    fn file(&self, segment: u64) -> PathBuf {
        self.path.join(format!("{segment:016x}{SUFFIX}"))
    }

    fn appendable(&mut self, segment: u64) -> io::Result<&mut File> {
        let kept = self.open.take().filter(|(open, _)| *open == segment);
        let file = match kept {
            Some((_, file)) => file,
            None => private_file(&self.file(segment))?,
        };
        Ok(&mut self.open.insert((segment, file)).1)
    }
}

const SUFFIX: &str = ".seg";

impl Disk for Folder {
    fn segments(&mut self) -> io::Result<Vec<u64>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            found.extend(number.and_then(|number| u64::from_str_radix(number, 16).ok()));
        }
        Ok(found)
    }

    fn read(&mut self, segment: u64, bytes_max: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.file(segment))?.take(bytes_max).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn append(&mut self, segment: u64, bytes: &[u8]) -> io::Result<()> {
        self.appendable(segment)?.write_all(bytes)
    }

    fn cut(&mut self, segment: u64, length: u64) -> io::Result<()> {
        self.appendable(segment)?.set_len(length)
    }

    fn sync(&mut self, segment: u64) -> io::Result<()> {
        self.appendable(segment)?.sync_data()
    }

    fn remove(&mut self, segment: u64) -> io::Result<()> {
        self.open.take_if(|(open, _)| *open == segment);
        fs::remove_file(self.file(segment))
    }

    fn sync_names(&mut self) -> io::Result<()> {
        match File::open(&self.path)?.sync_all() {
            // Some file systems keep names durable by themselves and know no such call.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            synced => synced,
        }
    }
}

/// Creates a folder that only its owner can read: queued events may hold personal data.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Opens a file for reading and appending; a new one can be read by its owner alone.
pub(crate) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.read(true).append(true).create(true).open(path)
}
