//! Which forms of files this version reads.
//!
//! Every file begins with what it is and the number of its form, under a checksum. A number that is
//! not known is no damage: a later version wrote the file, and only that one must touch it.
use crate::dedup::run;
use crate::{Disk, LogError, OpenAs, segment};
use std::io;
use std::path::Path;

/// Why a header cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is whole, and says that a later version wrote it.
    Newer { found: u32, reads: u32, otherwise: &'static str },
    /// It is not what was written.
    Damaged(&'static str),
}

impl Unread {
    /// As an error about a file; `position` is of the damage.
    pub(crate) fn of(self, file: &Path, position: u64) -> LogError {
        match self {
            Self::Newer { found, reads, otherwise } => {
                LogError::Newer { file: file.to_owned(), found, reads, otherwise }
            }
            Self::Damaged(what) => LogError::corrupt(file, position, what),
        }
    }
}

/// Looks at the files of a log, of its ids or of dead letters, and changes nothing. What is damaged
/// is left to whoever opens it; no directory is no files.
///
/// # Errors
/// [`LogError::Newer`] names the first file that a later version wrote.
///
/// # Cost
/// Reads the first bytes of each file.
pub fn check_forms(disk: &dyn Disk, dir: &Path) -> Result<(), LogError> {
    let listed = match disk.list(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        listed => listed.map_err(|e| LogError::io("list", dir, e))?,
    };
    for path in listed {
        let form = match path.extension().and_then(|e| e.to_str()) {
            Some(segment::EXTENSION) => {
                start_of(disk, &path)?.map(|bytes| segment::version_of(&bytes))
            }
            Some(run::EXTENSION) => start_of(disk, &path)?.map(|bytes| run::version_of(&bytes)),
            _ => None,
        };
        if let Some(Err(newer @ Unread::Newer { .. })) = form {
            return Err(newer.of(&path, 0));
        }
    }
    Ok(())
}

/// The first bytes of a file, if it has so many.
fn start_of<const BYTES: usize>(
    disk: &dyn Disk,
    path: &Path,
) -> Result<Option<[u8; BYTES]>, LogError> {
    let mut bytes = [0; BYTES];
    let read = disk.open(path, OpenAs::Read).and_then(|file| file.read_exact_at(&mut bytes, 0));
    match read {
        Ok(()) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(e) => Err(LogError::io("read", path, e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeadLetterConfig, DeadLetters, FileLog, FileLogConfig, FileSystem};
    use std::fs;
    use std::path::PathBuf;

    /// Gives the version another number, and the header its checksum again.
    fn raise(file: &Path, version: u32, sealed_bytes: usize) {
        let mut bytes = fs::read(file).unwrap();
        bytes[8..12].copy_from_slice(&version.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..sealed_bytes]).to_le_bytes();
        bytes[sealed_bytes..sealed_bytes + 4].copy_from_slice(&checksum);
        fs::write(file, bytes).unwrap();
    }

    fn only_file(dir: &Path, extension: &str) -> PathBuf {
        let mut files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| path.extension().is_some_and(|e| e == extension)).unwrap()
    }

    fn newer(of: Result<(), LogError>) -> (PathBuf, u32, String) {
        let error = of.unwrap_err();
        let text = error.to_string();
        match error {
            LogError::Newer { file, found, reads: 1, .. } => (file, found, text),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_log_of_a_later_version_is_refused_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let log = || {
            let (log, ids) = (dir.path().join("log"), dir.path().join("ids"));
            FileLogConfig { segment_bytes: 1_024, ..FileLogConfig::new(log, ids) }
        };
        drop(FileLog::open(log()).unwrap());
        fs::write(dir.path().join("log/00000000000000000009.new"), b"half").unwrap();
        let file = only_file(&log().dir, "log");
        raise(&file, 7, 60);
        let bytes = fs::read(&file).unwrap();
        let (named, found, text) = newer(check_forms(&FileSystem, &log().dir));
        assert_eq!((named, found), (file.clone(), 7));
        assert!(text.contains("has form 7, and this version reads up to 1"), "{text}");
        assert_eq!(newer(FileLog::open(log()).map(drop)).1, 7);
        assert_eq!(fs::read(&file).unwrap(), bytes);
        assert!(
            dir.path().join("log/00000000000000000009.new").exists(),
            "not even that is removed"
        );
    }

    #[test]
    fn ids_of_a_later_version_are_refused_and_not_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let (log, ids) = (dir.path().join("log"), dir.path().join("ids"));
        let coverage = run::Coverage { from: 0, to: 0, least_ms: 0, largest_ms: 0, salt: 3 };
        fs::create_dir_all(&ids).unwrap();
        run::Run::write((&FileSystem, &*ids), coverage, 1, &mut std::iter::once(Ok(4))).unwrap();
        let file = only_file(&ids, "run");
        raise(&file, 2, run::HEAD_BYTES);
        fs::write(ids.join("damaged.run"), b"SILDEDUP").unwrap();
        let (named, found, text) = newer(FileLog::open(FileLogConfig::new(log, &ids)).map(drop));
        assert_eq!((named, found), (file.clone(), 2));
        assert!(text.contains("remove the file"), "{text}");
        assert!(file.exists() && ids.join("damaged.run").exists());
    }

    #[test]
    fn letters_of_a_later_version_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        drop(DeadLetters::open(DeadLetterConfig::new(dir.path())).unwrap());
        raise(&only_file(dir.path(), "log"), u32::MAX, 60);
        let opened = DeadLetters::open(DeadLetterConfig::new(dir.path()));
        let (_, found, text) = newer(opened.map(drop));
        assert!(found == u32::MAX && text.contains("move the folder away"), "{text}");
    }

    #[test]
    fn a_damaged_number_is_no_later_version() {
        let dir = tempfile::tempdir().unwrap();
        drop(DeadLetters::open(DeadLetterConfig::new(dir.path())).unwrap());
        let file = only_file(dir.path(), "log");
        let mut bytes = fs::read(&file).unwrap();
        bytes[8] ^= 2;
        fs::write(&file, bytes).unwrap();
        assert!(check_forms(&FileSystem, dir.path()).is_ok());
        let opened = DeadLetters::open(DeadLetterConfig::new(dir.path()));
        assert!(matches!(opened, Err(LogError::Corrupt { .. })));
        assert!(check_forms(&FileSystem, &dir.path().join("none")).is_ok());
    }
}
