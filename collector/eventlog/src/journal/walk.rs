//! Going through the blocks of one segment.
use crate::block::{Block, FRAME_BYTES, Flaw, Seed};
use crate::limits;
use crate::segment::Segment;
use std::io;
use std::ops::Range;

/// Where a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Walked {
    /// Every block before this position was visited.
    pub(crate) end: u64,
    /// What is wrong with the block at `end`, if that is why the walk ended.
    pub(crate) flaw: Option<&'static str>,
}

/// Visits the blocks of `span`, at least one and then as many as `budget` bytes hold. Nothing of a
/// block is shown before all of it was checked.
pub(crate) fn walk(
    (segment, seed): (&Segment, Seed),
    span: Range<u64>,
    budget: usize,
    buffer: &mut Vec<u8>,
    visit: &mut dyn FnMut(&Block<'_>),
) -> io::Result<Walked> {
    let mut at = span.start;
    let mut budget = budget;
    let mut wanted = FRAME_BYTES;
    while at < span.end {
        let left = usize::try_from(span.end - at).unwrap_or(usize::MAX);
        if wanted > left {
            return Ok(Walked { end: at, flaw: Some("a block reaches past the end") });
        }
        let chunk = budget.clamp(limits::READ_BYTES_MIN, limits::READ_BYTES_MAX);
        let chunk = chunk.max(wanted).min(left);
        fill(buffer, chunk, segment, at)?;
        let (used, stop) = visit_chunk(seed, at, buffer, budget, visit);
        at += u64::try_from(used).expect("a chunk is bounded");
        budget = budget.saturating_sub(used);
        match stop {
            Flaw::Empty => return Ok(Walked { end: at, flaw: Some("no block where one must be") }),
            Flaw::Bad(what) => return Ok(Walked { end: at, flaw: Some(what) }),
            Flaw::Short(_) if used > 0 && budget == 0 => break,
            Flaw::Short(need) => wanted = need,
        }
    }
    Ok(Walked { end: at, flaw: None })
}

/// Visits what lies whole in the chunk. A flaw behind visited blocks is left for the next walk if
/// the budget is used up.
fn visit_chunk(
    seed: Seed,
    at: u64,
    chunk: &[u8],
    budget: usize,
    visit: &mut dyn FnMut(&Block<'_>),
) -> (usize, Flaw) {
    let mut used = 0;
    loop {
        if used > 0 && used >= budget {
            return (used, Flaw::Short(FRAME_BYTES));
        }
        let position = at + u64::try_from(used).expect("a chunk is bounded");
        match Block::parse(seed, position, &chunk[used..]) {
            Ok(block) => {
                visit(&block);
                used += block.bytes;
            }
            Err(flaw) => return (used, flaw),
        }
    }
}

fn fill(buffer: &mut Vec<u8>, bytes: usize, segment: &Segment, at: u64) -> io::Result<()> {
    // Growing zeroes only what is new; shrinking costs nothing.
    buffer.resize(bytes, 0);
    segment.file.read_exact_at(buffer, segment.offset(at))
}
