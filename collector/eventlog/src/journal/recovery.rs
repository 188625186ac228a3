//! Opening the segments of a journal after whatever ended the process that wrote them.
//!
//! # Guarantees
//! A tail is cut off only if nothing behind the cut proves it to have been durable. Every block
//! says how far the journal was durable when it was written: if a valid block behind a damaged one
//! says that the damaged one was durable, an answer may have been given for it, and the journal
//! refuses to open, naming the place. What it cannot know: damage within the very last group,
//! behind which nothing was ever written, looks like a torn write and is cut. The block that an
//! idle or closing journal adds keeps that group from being the last for long.
use super::walk::walk;
use crate::block::{ALIGNMENT, Block, FRAME_BYTES, Flaw, HEAD_BYTES, Seed};
use crate::segment::{Kind, Segment};
use crate::{Disk, LogError, limits, segment};
use std::io;
use std::path::Path;
use std::sync::Arc;

const SEARCH_BYTES: usize = 1 << 20;

/// A journal's segments as they were found.
pub(crate) struct Recovered {
    pub(crate) segments: Vec<Arc<Segment>>,
    /// The end of the last valid block.
    pub(crate) end: u64,
}

/// Opens all segments of `dir`; `None` if there are none.
pub(crate) fn recover(
    disk: &dyn Disk,
    dir: &Path,
    kind: Kind,
) -> Result<Option<Recovered>, LogError> {
    let files = segment::list(disk, dir).map_err(|e| LogError::io("list", dir, e))?;
    let mut segments: Vec<Arc<Segment>> = Vec::with_capacity(files.segments.len());
    for (base, path) in files.segments {
        let segment = Segment::open(disk, path, kind, base)?;
        if let Some(before) = segments.last() {
            check_joint(before, &segment)?;
        }
        segments.push(Arc::new(segment));
    }
    for path in files.unfinished {
        // Nothing in it was ever answered: that waits for the final name.
        disk.remove(&path).map_err(|e| LogError::io("remove", &path, e))?;
    }
    // A process that ended between naming a segment and making the name durable has left one that
    // is seen and that a power cut takes away, with everything answered from it since.
    disk.sync_dir(dir).map_err(|e| LogError::io("flush", dir, e))?;
    let Some(last) = segments.last() else { return Ok(None) };
    let end = recover_tail(last)?;
    Ok(Some(Recovered { segments, end }))
}

fn check_joint(before: &Segment, segment: &Segment) -> Result<(), LogError> {
    let base = segment.header.base;
    if segment.header.salt != before.header.salt {
        return Err(LogError::corrupt(&segment.path, base, "it belongs to another journal"));
    }
    let space_end = before.space_end()?;
    if space_end != base {
        let what = "its length does not reach the next segment: one is missing or was changed";
        return Err(LogError::corrupt(&before.path, space_end, what));
    }
    Ok(())
}

/// Finds the end of the last segment and cuts off what a crash left half written.
fn recover_tail(segment: &Segment) -> Result<u64, LogError> {
    flush_and_forget(segment).map_err(|e| LogError::failed("flush", &segment.path, e))?;
    let seed = Seed::from_salt(segment.header.salt);
    let space_end = segment.space_end()?;
    let read = |e| LogError::io("read", &segment.path, e);
    let span = segment.header.base..space_end;
    let walked = walk((segment, seed), span, usize::MAX, &mut Vec::new(), &mut |_| {});
    let walked = walked.map_err(read)?;
    let Some(what) = walked.flaw else { return Ok(walked.end) };
    let tail = Tail::search(segment, seed, walked.end, space_end).map_err(read)?;
    if tail.proves_durable {
        return Err(LogError::corrupt(&segment.path, walked.end, what));
    }
    if tail.is_dirty {
        tracing::warn!(
            file = %segment.path.display(),
            position = walked.end,
            blocks = tail.blocks,
            "cut off the unfinished end of the log"
        );
        segment.cut(walked.end, space_end)?;
    }
    Ok(walked.end)
}

/// Makes what the system still holds in memory durable before it is taken as such, and then reads
/// it from the device: after a failed flush the memory holds bytes that the device does not.
fn flush_and_forget(segment: &Segment) -> io::Result<()> {
    segment.file.sync_all()?;
    segment.file.forget_cached()
}

/// What lies behind the last valid block.
#[derive(Debug, Default)]
struct Tail {
    is_dirty: bool,
    proves_durable: bool,
    blocks: u64,
}

impl Tail {
    /// Looks for valid blocks behind `flaw` at every place where one could start.
    fn search(segment: &Segment, seed: Seed, flaw: u64, space_end: u64) -> io::Result<Self> {
        let mut tail = Self::default();
        let mut chunk = vec![0; SEARCH_BYTES];
        let mut at = flaw;
        while at < space_end {
            let bytes = usize::try_from(space_end - at).unwrap_or(usize::MAX).min(SEARCH_BYTES);
            let chunk = &mut chunk[..bytes];
            segment.file.read_exact_at(chunk, segment.offset(at))?;
            if chunk.iter().any(|&b| b != 0) {
                tail.is_dirty = true;
                tail.search_chunk((segment, seed), at, flaw, chunk)?;
            }
            // Chunks overlap by a frame and a position, less one step, so that no start is missed.
            let overlap = if at + bytes as u64 == space_end { 0 } else { FRAME_BYTES };
            at += (bytes - overlap) as u64;
        }
        Ok(tail)
    }

    fn search_chunk(
        &mut self,
        (segment, seed): (&Segment, Seed),
        at: u64,
        flaw: u64,
        chunk: &[u8],
    ) -> io::Result<()> {
        let (words, _) = chunk.as_chunks::<8>();
        for (start, pair) in (at..).step_by(ALIGNMENT as usize).zip(words.windows(2)) {
            let [frame, position] = pair else { continue };
            if start <= flaw || u64::from_le_bytes(*position) != start {
                continue;
            }
            let [l0, l1, l2, l3, ..] = *frame;
            let rest = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            if rest + FRAME_BYTES < HEAD_BYTES || rest > limits::BLOCK_BYTES_MAX {
                continue;
            }
            if let Some(durable) = durable_of_block(segment, seed, start, rest)? {
                self.blocks += 1;
                self.proves_durable |= durable > flaw;
            }
        }
        Ok(())
    }
}

fn durable_of_block(
    segment: &Segment,
    seed: Seed,
    start: u64,
    rest: usize,
) -> io::Result<Option<u64>> {
    let mut bytes = vec![0; FRAME_BYTES + rest];
    match segment.file.read_exact_at(&mut bytes, segment.offset(start)) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        done => done?,
    }
    match Block::parse(seed, start, &bytes) {
        Ok(block) => Ok(Some(block.durable)),
        Err(Flaw::Short(_) | Flaw::Empty | Flaw::Bad(_)) => Ok(None),
    }
}
