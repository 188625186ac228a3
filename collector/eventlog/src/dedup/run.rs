//! A file of ids, sorted, with its filter.
//!
//! # Limits
//! Immutable once it has its name. In memory it costs 10 bits of filter and half a bit of page
//! starts an id: 1.32 bytes.
//!
//! # Layout (all numbers little-endian)
//! | page | what |
//! |---|---|
//! | 0 | header: `SILDEDUP`, version (4), zeros (4), count of ids (8), first and last journal position covered (8, 8), least and largest receipt time (8, 8), salt of the journal (8), CRC-32C of those 64 bytes (4) |
//! | 1 … n | CRC-32C of the rest of the page (4), page number (4), ids in it (8), up to 255 ids (16 each), ascending |
//! | n + 1 … | the filter, the first id of each page, CRC-32C of both |
//!
//! # Operation
//! Written under another name, made durable, then renamed. Each lookup that passes the filter reads
//! one page and checks it, so a damaged page is named and never answers.
use super::filter::Filter;
use crate::disk::Stream;
use crate::form::Unread;
use crate::{Disk, DiskFile, LogError, OpenAs};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

const PAGE_BYTES: usize = 4_096;
const PAGE_IDS: usize = 255;
const PAGE_HEAD_BYTES: usize = 16;
const MAGIC: [u8; 8] = *b"SILDEDUP";
const VERSION: u32 = 1;
pub(crate) const HEAD_BYTES: usize = 64;
pub(crate) const EXTENSION: &str = "run";
pub(crate) const UNFINISHED: &str = "tmp";

/// What a run covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// The ids of all blocks from here …
    pub(crate) from: u64,
    /// … to before here.
    pub(crate) to: u64,
    pub(crate) least_ms: i64,
    pub(crate) largest_ms: i64,
    pub(crate) salt: u64,
}

/// An open run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) path: PathBuf,
    pub(crate) coverage: Coverage,
    pub(crate) count: u64,
    file: Box<dyn DiskFile>,
    filter: Filter,
    page_starts: Vec<u128>,
}

impl Run {
    /// Writes `count` ascending ids. Durable, with its name, on return.
    pub(crate) fn write(
        (disk, dir): (&dyn Disk, &Path),
        coverage: Coverage,
        count: u64,
        ids: &mut dyn Iterator<Item = io::Result<u128>>,
    ) -> io::Result<Self> {
        let path = dir.join(format!("{:020}-{:020}.{EXTENSION}", coverage.from, coverage.to));
        let unfinished = path.with_extension(UNFINISHED);
        let made = disk.open(&unfinished, OpenAs::New)?;
        let mut out = BufWriter::with_capacity(256 << 10, Stream::new(&*made));
        out.write_all(&head_page(coverage, count))?;
        let mut filter = Filter::for_ids(count);
        let mut page_starts = Vec::new();
        let mut page = [0; PAGE_BYTES];
        let mut page_ids = 0;
        let mut written = 0;
        for id in ids {
            let id = id?;
            filter.insert(id);
            if page_ids == 0 {
                page_starts.push(id);
            }
            let at = PAGE_HEAD_BYTES + page_ids * 16;
            page[at..at + 16].copy_from_slice(&id.to_le_bytes());
            page_ids += 1;
            written += 1;
            if page_ids == PAGE_IDS {
                write_page(&mut out, &mut page, page_starts.len(), page_ids)?;
                page_ids = 0;
            }
        }
        if page_ids > 0 {
            write_page(&mut out, &mut page, page_starts.len(), page_ids)?;
        }
        assert_eq!(written, count, "the caller counted the ids");
        write_index(&mut out, &filter, &page_starts)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?;
        made.sync_all()?;
        disk.rename(&unfinished, &path)?;
        disk.sync_dir(dir)?;
        let file = disk.open(&path, OpenAs::Read)?;
        Ok(Self { path, coverage, count, file, filter, page_starts })
    }

    /// Opens a run and checks everything but its pages.
    pub(crate) fn open(disk: &dyn Disk, path: &Path) -> Result<Self, LogError> {
        let io = |e: io::Error| match e.kind() {
            io::ErrorKind::UnexpectedEof => LogError::corrupt(path, 0, "it is cut"),
            _ => LogError::io("read", path, e),
        };
        let file = disk.open(path, OpenAs::Read).map_err(io)?;
        let mut head = [0; HEAD_BYTES + 4];
        file.read_exact_at(&mut head, 0).map_err(io)?;
        let damaged = |what| LogError::corrupt(path, 0, what);
        version_of(&head).map_err(|unread| unread.of(path, 0))?;
        let (coverage, count) = parse_head(&head).ok_or_else(|| damaged("the header is wrong"))?;
        let pages = count.div_ceil(PAGE_IDS as u64);
        let filter_bytes = Filter::bytes_for(count);
        let index_at = (1 + pages) * PAGE_BYTES as u64;
        let index_bytes = filter_bytes + pages * 16 + 4;
        let len = file.bytes().map_err(io)?;
        if len != index_at + index_bytes {
            return Err(damaged("its length is wrong"));
        }
        let size = |n: u64| usize::try_from(n).map_err(|_| damaged("it does not fit the memory"));
        let mut index = vec![0; size(index_bytes)?];
        file.read_exact_at(&mut index, index_at).map_err(io)?;
        let split = index.split_last_chunk::<4>();
        let (index, checksum) = split.ok_or_else(|| damaged("it is cut"))?;
        if u32::from_le_bytes(*checksum) != crc32c::crc32c(index) {
            return Err(LogError::corrupt(path, index_at, "the checksum of the index is wrong"));
        }
        let (filter, starts) = index.split_at(size(filter_bytes)?);
        let filter = Filter::from_bytes(filter);
        let page_starts = starts.as_chunks().0.iter().map(|id| u128::from_le_bytes(*id)).collect();
        Ok(Self { path: path.to_owned(), coverage, count, file, filter, page_starts })
    }

    /// Whether the run holds this id. Exact.
    pub(crate) fn contains(&self, id: u128) -> Result<bool, LogError> {
        if !self.filter.may_contain(id) {
            return Ok(false);
        }
        let after = self.page_starts.partition_point(|start| *start <= id);
        let Some(page) = after.checked_sub(1) else { return Ok(false) };
        let mut bytes = [0; PAGE_BYTES];
        let ids = self.read_page(page, &mut bytes)?;
        Ok(ids.binary_search_by(|probe| u128::from_le_bytes(*probe).cmp(&id)).is_ok())
    }

    fn read_page<'a>(
        &self,
        page: usize,
        bytes: &'a mut [u8; PAGE_BYTES],
    ) -> Result<&'a [[u8; 16]], LogError> {
        let at = (1 + page as u64) * PAGE_BYTES as u64;
        let read = self.file.read_exact_at(bytes, at);
        read.map_err(|e| LogError::io("read", &self.path, e))?;
        page_ids(bytes, page + 1)
            .ok_or_else(|| LogError::corrupt(&self.path, at, "a page of ids is damaged"))
    }

    /// All ids, ascending, read a page at a time.
    pub(crate) fn ids(&self) -> Ids<'_> {
        Ids { run: self, page: 0, index: 0, bytes: Box::new([0; PAGE_BYTES]), ids: 0 }
    }
}

/// The ids of a run, in order.
pub(crate) struct Ids<'a> {
    run: &'a Run,
    page: usize,
    index: usize,
    ids: usize,
    bytes: Box<[u8; PAGE_BYTES]>,
}

impl Iterator for Ids<'_> {
    type Item = io::Result<u128>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.index == self.ids {
            if self.page == self.run.page_starts.len() {
                return None;
            }
            match self.run.read_page(self.page, &mut self.bytes) {
                Ok(ids) => self.ids = ids.len(),
                Err(error) => {
                    self.page = self.run.page_starts.len();
                    return Some(Err(io::Error::other(error)));
                }
            }
            self.page += 1;
            self.index = 0;
        }
        let at = PAGE_HEAD_BYTES + self.index * 16;
        self.index += 1;
        let id = self.bytes[at..at + 16].try_into().expect("an id has 16 bytes");
        Some(Ok(u128::from_le_bytes(id)))
    }
}

fn head_page(coverage: Coverage, count: u64) -> [u8; PAGE_BYTES] {
    let mut page = [0; PAGE_BYTES];
    page[..8].copy_from_slice(&MAGIC);
    page[8..12].copy_from_slice(&VERSION.to_le_bytes());
    let Coverage { from, to, least_ms, largest_ms, salt } = coverage;
    let numbers = [count, from, to, least_ms.cast_unsigned(), largest_ms.cast_unsigned(), salt];
    for (at, number) in (16..).step_by(8).zip(numbers) {
        page[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    let checksum = crc32c::crc32c(&page[..HEAD_BYTES]);
    page[HEAD_BYTES..HEAD_BYTES + 4].copy_from_slice(&checksum.to_le_bytes());
    page
}

/// Whether a header is whole and of a version that is read.
pub(crate) fn version_of(head: &[u8; HEAD_BYTES + 4]) -> Result<(), Unread> {
    let (sealed, checksum) = head.split_at(HEAD_BYTES);
    if sealed[..8] != MAGIC || checksum != crc32c::crc32c(sealed).to_le_bytes() {
        return Err(Unread::Damaged("the header is wrong"));
    }
    let found = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
    match found {
        VERSION => Ok(()),
        0 => Err(Unread::Damaged("no version has the number 0")),
        found => Err(Unread::Newer { found, reads: VERSION, otherwise: REMOVE }),
    }
}

/// What else can be done about ids that a later version wrote.
const REMOVE: &str =
    "; or remove the file: its ids are read again from the log, as far as that goes back";

/// The numbers of a header that [`version_of`] let pass.
fn parse_head(head: &[u8; HEAD_BYTES + 4]) -> Option<(Coverage, u64)> {
    let (head, _) = head.split_last_chunk::<4>()?;
    let (numbers, _) = head[16..].as_chunks::<8>();
    let numbers: [u64; 6] =
        numbers.try_into().ok().map(|n: [[u8; 8]; 6]| n.map(u64::from_le_bytes))?;
    let [count, from, to, least, largest, salt] = numbers;
    let (least_ms, largest_ms) = (least.cast_signed(), largest.cast_signed());
    // The bound keeps the arithmetic on a forged header from overflowing.
    (count < 1 << 48).then_some((Coverage { from, to, least_ms, largest_ms, salt }, count))
}

fn write_page(
    out: &mut impl Write,
    page: &mut [u8; PAGE_BYTES],
    number: usize,
    ids: usize,
) -> io::Result<()> {
    let number = u32::try_from(number).map_err(io::Error::other)?;
    page[PAGE_HEAD_BYTES + ids * 16..].fill(0);
    page[4..8].copy_from_slice(&number.to_le_bytes());
    page[8..16].copy_from_slice(&(ids as u64).to_le_bytes());
    let checksum = crc32c::crc32c(&page[4..]);
    page[..4].copy_from_slice(&checksum.to_le_bytes());
    out.write_all(page)
}

fn page_ids(page: &[u8; PAGE_BYTES], number: usize) -> Option<&[[u8; 16]]> {
    let (checksum, rest) = page.split_first_chunk::<4>()?;
    let (own_number, rest) = rest.split_first_chunk::<4>()?;
    let (ids, rest) = rest.split_first_chunk::<8>()?;
    let is_whole = u32::from_le_bytes(*checksum) == crc32c::crc32c(&page[4..]);
    let is_here = usize::try_from(u32::from_le_bytes(*own_number)) == Ok(number);
    let ids = usize::try_from(u64::from_le_bytes(*ids)).ok()?;
    let (all, _) = rest.as_chunks::<16>();
    if is_whole && is_here { all.get(..ids) } else { None }
}

fn write_index(out: &mut impl Write, filter: &Filter, page_starts: &[u128]) -> io::Result<()> {
    let mut checksum = 0;
    let mut put = |bytes: &[u8]| {
        checksum = crc32c::crc32c_append(checksum, bytes);
        out.write_all(bytes)
    };
    for word in filter.bytes() {
        put(&word)?;
    }
    for id in page_starts {
        put(&id.to_le_bytes())?;
    }
    out.write_all(&checksum.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileSystem;
    use std::fs;

    const COVERAGE: Coverage = Coverage { from: 8, to: 96, least_ms: -1, largest_ms: 5, salt: 3 };

    fn written(dir: &Path, ids: &[u128]) -> Run {
        let count = ids.len() as u64;
        Run::write((&FileSystem, dir), COVERAGE, count, &mut ids.iter().map(|id| Ok(*id))).unwrap()
    }

    #[test]
    fn a_run_finds_exactly_its_ids_also_when_reopened() {
        let dir = tempfile::tempdir().unwrap();
        for (count, spread) in [(1, 1), (255, 1), (256, 7), (3_000, u128::MAX / 3_001)] {
            let ids: Vec<u128> = (1..=count).map(|n| n * spread).collect();
            let path = written(dir.path(), &ids).path;
            let run = Run::open(&FileSystem, &path).unwrap();
            assert_eq!((run.coverage, run.count), (COVERAGE, count as u64));
            assert!(ids.iter().all(|id| run.contains(*id).unwrap()));
            assert!(ids.iter().all(|id| spread == 1 || !run.contains(*id + 1).unwrap()));
            assert!(!run.contains(0).unwrap());
            assert_eq!(run.ids().map(Result::unwrap).collect::<Vec<_>>(), ids);
        }
    }

    #[test]
    fn damage_is_named_and_never_answers() {
        let dir = tempfile::tempdir().unwrap();
        let ids: Vec<u128> = (0..300).map(|n| n << 119).collect();
        let path = written(dir.path(), &ids).path;
        let good = fs::read(&path).unwrap();
        for at in (0..good.len()).filter(|at| at % 61 == 0 || *at < 70) {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            fs::write(&path, &bad).unwrap();
            let Ok(run) = Run::open(&FileSystem, &path) else { continue };
            for id in &ids {
                assert_ne!(run.contains(*id).ok(), Some(false), "byte {at}");
            }
        }
        fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert!(matches!(Run::open(&FileSystem, &path), Err(LogError::Corrupt { .. })));
    }
}
