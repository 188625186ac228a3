//! One file of a journal.
//!
//! # Limits
//! A segment holds at least one block and is as long as was configured, or as its only block needs.
//!
//! # Layout (all numbers little-endian)
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | `SILLAGE` and a line feed |
//! | 8 | 4 | format version, 1 |
//! | 12 | 4 | what the journal holds: 1 facts, 2 dead letters |
//! | 16 | 8 | base: the journal position of the first block |
//! | 24 | 8 | salt: random, the same in all segments of one journal |
//! | 32 | 8 | time of creation, ms |
//! | 40 | 20 | zeros |
//! | 60 | 4 | CRC-32C of the bytes before |
//! | 64 | … | blocks without a gap (see `block`), then zeros to the end of the preallocated space |
//!
//! # Operation
//! A journal position minus the base plus 64 is the place in the file. The file is named after its
//! base. It is made under another name, with its space allocated and its header durable, and only
//! then renamed, so that a file with this name always has a header. When it is full it is cut to
//! its length, so that all segments but the last fit together exactly.
//!
//! # Versions
//! The version stands for all below it: blocks, and the records in them. Whoever changes one of these
//! raises it, begins a new segment, and goes on reading the old ones. The magic, the version and the
//! checksum keep their places, so that any version can tell a newer segment from a damaged one.
use crate::form::Unread;
use crate::{Disk, DiskFile, LogError, OpenAs};
use std::io;
use std::path::{Path, PathBuf};

pub(crate) const HEADER_BYTES: u64 = 64;
pub(crate) const HEADER_LEN: usize = 64;
const MAGIC: [u8; 8] = *b"SILLAGE\n";
const VERSION: u32 = 1;
pub(crate) const EXTENSION: &str = "log";
const UNFINISHED: &str = "new";

/// What a journal holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Facts = 1,
    DeadLetters = 2,
}

/// What the header of a segment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) base: u64,
    pub(crate) salt: u64,
    pub(crate) created: i64,
}

/// An open segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) header: Header,
    pub(crate) path: PathBuf,
    pub(crate) file: Box<dyn DiskFile>,
}

impl Segment {
    /// Makes a segment with room for `capacity` bytes of blocks. Durable, with its name, on return.
    pub(crate) fn create(
        disk: &dyn Disk,
        dir: &Path,
        header: Header,
        capacity: u64,
    ) -> Result<Self, LogError> {
        let path = dir.join(file_name(header.base));
        let unfinished = path.with_extension(UNFINISHED);
        let make = || {
            let file = disk.open(&unfinished, OpenAs::New)?;
            file.allocate(HEADER_BYTES + capacity)?;
            file.write_all_at(&header.encode(), 0)?;
            file.sync_all()?;
            disk.rename(&unfinished, &path)?;
            disk.sync_dir(dir)?;
            Ok(file)
        };
        let file = make().map_err(|e| LogError::failed("create", &path, e))?;
        Ok(Self { header, path, file })
    }

    /// Opens a segment and checks its header against its name.
    pub(crate) fn open(
        disk: &dyn Disk,
        path: PathBuf,
        kind: Kind,
        base: u64,
    ) -> Result<Self, LogError> {
        let file = disk.open(&path, OpenAs::Write);
        let file = file.map_err(|e| LogError::io("open", &path, e))?;
        let mut bytes = [0; HEADER_LEN];
        match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(LogError::corrupt(&path, base, "the header is cut"));
            }
            Err(e) => return Err(LogError::io("read", &path, e)),
        }
        let header = Header::decode(&bytes, kind).map_err(|unread| unread.of(&path, base))?;
        if header.base != base {
            return Err(LogError::corrupt(&path, base, "the header names another position"));
        }
        Ok(Self { header, path, file })
    }

    /// The place in the file of a journal position.
    pub(crate) fn offset(&self, position: u64) -> u64 {
        position - self.header.base + HEADER_BYTES
    }

    /// The journal position after the space this file has.
    pub(crate) fn space_end(&self) -> Result<u64, LogError> {
        let len = self.file.bytes().map_err(|e| LogError::io("measure", &self.path, e))?;
        Ok(self.header.base + len.saturating_sub(HEADER_BYTES))
    }

    /// Cuts the file after `end` and, if there is to be more space, gives it back as zeros.
    pub(crate) fn cut(&self, end: u64, space_end: u64) -> Result<(), LogError> {
        let cut = || {
            self.file.set_bytes(self.offset(end))?;
            if space_end > end {
                self.file.allocate(self.offset(space_end))?;
            }
            self.file.sync_all()
        };
        cut().map_err(|e| LogError::failed("cut", &self.path, e))
    }
}

impl Header {
    fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&(self.kind as u32).to_le_bytes());
        bytes[16..24].copy_from_slice(&self.base.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.salt.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.created.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; HEADER_LEN], kind: Kind) -> Result<Self, Unread> {
        let word = |at: usize| {
            let word = bytes[at..at + 4].try_into().expect("four bytes of the header");
            u32::from_le_bytes(word)
        };
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        version_of(bytes)?;
        if word(12) != kind as u32 {
            return Err(Unread::Damaged("it belongs to another kind of journal"));
        }
        Ok(Self { kind, base: long(16), salt: long(24), created: long(32).cast_signed() })
    }
}

/// Whether a header is whole and of a version that is read.
pub(crate) fn version_of(bytes: &[u8; HEADER_LEN]) -> Result<(), Unread> {
    let (sealed, checksum) = bytes.split_at(HEADER_LEN - 4);
    if bytes[..8] != MAGIC {
        return Err(Unread::Damaged("it is no segment"));
    }
    if checksum != crc32c::crc32c(sealed).to_le_bytes() {
        return Err(Unread::Damaged("the checksum of the header does not match"));
    }
    match u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) {
        VERSION => Ok(()),
        0 => Err(Unread::Damaged("no version has the number 0")),
        found => {
            let otherwise = if bytes[12] == Kind::DeadLetters as u8 { LETTERS } else { "" };
            Err(Unread::Newer { found, reads: VERSION, otherwise })
        }
    }
}

/// What else can be done about letters that a later version wrote.
const LETTERS: &str = "; or move the folder away: what was refused is in it for people alone";

/// What a journal's directory holds.
#[derive(Debug)]
pub(crate) struct Files {
    /// Base and path, ascending.
    pub(crate) segments: Vec<(u64, PathBuf)>,
    /// What an interrupted creation left behind.
    pub(crate) unfinished: Vec<PathBuf>,
}

/// Looks into a journal's directory.
pub(crate) fn list(disk: &dyn Disk, dir: &Path) -> io::Result<Files> {
    let mut segments = Vec::new();
    let mut unfinished = Vec::new();
    for path in disk.list(dir)? {
        let extension = path.extension().and_then(|e| e.to_str());
        let base = path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.parse().ok());
        match (extension, base) {
            (Some(EXTENSION), Some(base)) => segments.push((base, path)),
            (Some(UNFINISHED), Some(_)) => unfinished.push(path),
            _ => {}
        }
    }
    segments.sort_unstable();
    Ok(Files { segments, unfinished })
}

fn file_name(base: u64) -> String {
    format!("{base:020}.{EXTENSION}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileSystem;

    const HEADER: Header = Header { kind: Kind::Facts, base: 4_096, salt: 77, created: -1 };

    #[test]
    fn a_segment_opens_only_under_its_own_name_and_kind() {
        let dir = tempfile::tempdir().unwrap();
        let segment = Segment::create(&FileSystem, dir.path(), HEADER, 1_000).unwrap();
        assert_eq!(segment.space_end().unwrap(), 5_096);
        let open = |base, kind| Segment::open(&FileSystem, segment.path.clone(), kind, base);
        assert_eq!(open(4_096, Kind::Facts).unwrap().header, HEADER);
        assert!(matches!(open(4_096, Kind::DeadLetters), Err(LogError::Corrupt { .. })));
        assert!(matches!(open(0, Kind::Facts), Err(LogError::Corrupt { .. })));
    }

    #[test]
    fn any_flipped_bit_of_a_header_is_noticed() {
        let bytes = HEADER.encode();
        assert_eq!(Header::decode(&bytes, Kind::Facts), Ok(HEADER));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&bad, Kind::Facts).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn an_interrupted_creation_is_no_segment() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("00000000000000000000.new"), b"half").unwrap();
        std::fs::write(dir.path().join("notes.txt"), b"not ours").unwrap();
        let files = list(&FileSystem, dir.path()).unwrap();
        assert_eq!((files.segments.len(), files.unfinished.len()), (0, 1));
    }

    #[test]
    fn cut_space_reads_as_zeros() {
        let dir = tempfile::tempdir().unwrap();
        let segment = Segment::create(&FileSystem, dir.path(), HEADER, 1_000).unwrap();
        segment.file.write_all_at(&[7; 500], HEADER_BYTES).unwrap();
        segment.cut(4_096 + 100, 5_096).unwrap();
        let mut bytes = vec![1; 1_000];
        segment.file.read_exact_at(&mut bytes, HEADER_BYTES).unwrap();
        assert_eq!(bytes.iter().map(|&b| usize::from(b)).sum::<usize>(), 700);
    }
}
