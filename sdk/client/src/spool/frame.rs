//! The bytes of a segment.
//!
//! # Limits
//! A frame is shorter than 4 GiB and than its file. Ordinals ascend; the upper 32 bits count the
//! times that the spool was opened, so that nothing written before can pass for something newer.
//!
//! # Layout
//! | bytes | what |
//! |---|---|
//! | 8 | `SLSPOOL` and the version 1, once per segment |
//! | 4 | length of the frame's operations, little-endian like all numbers |
//! | 4 | CRC-32C of length, ordinal and operations |
//! | 8 | ordinal |
//! | … | operations: 1, key (8), length (4), value; or 2, key (8) |
//!
//! # Operation
//! Segments are read in the order of their names, frames in the order of their ordinals. A frame
//! counts whole or not at all. What is no frame is stepped over, byte by byte, to the next one whose
//! checksum holds and whose ordinal is higher than the last.
use crate::limits::RESYNC_BYTES_MAX;
use std::sync::Arc;

/// What each segment begins with.
pub(super) const MAGIC: [u8; 8] = *b"SLSPOOL\x01";
/// Bytes of a frame before its operations.
const HEADER_BYTES: usize = 16;
/// Bytes of a removal: the shortest operation.
const REMOVAL_BYTES: usize = 9;
/// Bytes of a value's operation beside the value.
pub(super) const PUT_BYTES: usize = 13;

const PUT: u8 = 1;
const REMOVE: u8 = 2;

/// Appends a frame to `out`. `None` if it would be too long.
pub(super) fn encode<'a>(
    ordinal: u64,
    ops: impl Iterator<Item = (u64, Option<&'a [u8]>)>,
    out: &mut Vec<u8>,
) -> Option<()> {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&ordinal.to_le_bytes());
    for (key, value) in ops {
        out.push(if value.is_some() { PUT } else { REMOVE });
        out.extend_from_slice(&key.to_le_bytes());
        if let Some(value) = value {
            out.extend_from_slice(&u32::try_from(value.len()).ok()?.to_le_bytes());
            out.extend_from_slice(value);
        }
    }
    let length = u32::try_from(out.len() - start - HEADER_BYTES).ok()?.to_le_bytes();
    let crc = checksum(length, out.get(start + 8..)?).to_le_bytes();
    out.get_mut(start..start + 4)?.copy_from_slice(&length);
    out.get_mut(start + 4..start + 8)?.copy_from_slice(&crc);
    Some(())
}

/// What a segment held.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// The ordinal of the last good frame, or what the scan began with.
    pub(super) last_ordinal: u64,
    /// Where the last good frame ends.
    pub(super) good_bytes: usize,
    /// Damaged places with good frames behind them.
    pub(super) skipped: u64,
}

/// Reads the frames of a segment whose ordinals are above `after`, in order.
pub(super) fn scan(
    bytes: &[u8],
    after: u64,
    mut found: impl FnMut(u64, Option<Arc<[u8]>>),
) -> Scanned {
    let mut scanned = Scanned { last_ordinal: after, ..Scanned::default() };
    let mut at = 0;
    let mut checked = 0;
    if bytes.starts_with(&MAGIC) {
        at = MAGIC.len();
        scanned.good_bytes = at;
    }
    while at < bytes.len() && checked < RESYNC_BYTES_MAX {
        match frame_at(bytes, at, scanned.last_ordinal, &mut checked) {
            Some((ordinal, ops)) => {
                Ops(ops).for_each(|(key, value)| found(key, value.map(Arc::from)));
                scanned.skipped += u64::from(at > scanned.good_bytes);
                at += HEADER_BYTES + ops.len();
                scanned.good_bytes = at;
                scanned.last_ordinal = ordinal;
                checked = 0;
            }
            None => at += 1,
        }
    }
    scanned
}

/// The ordinal and the operations of the frame that begins at `at`, if one does.
fn frame_at<'a>(
    bytes: &'a [u8],
    at: usize,
    after: u64,
    checked: &mut usize,
) -> Option<(u64, &'a [u8])> {
    let rest = bytes.get(at..)?;
    let length: [u8; 4] = *rest.first_chunk()?;
    let crc: [u8; 4] = *rest.get(4..)?.first_chunk()?;
    let ordinal = u64::from_le_bytes(*rest.get(8..)?.first_chunk()?);
    let ops_bytes = usize::try_from(u32::from_le_bytes(length)).ok()?;
    if ordinal <= after || ops_bytes < REMOVAL_BYTES {
        return None;
    }
    let ops = rest.get(HEADER_BYTES..)?.get(..ops_bytes)?;
    *checked += ops_bytes;
    let sealed = rest.get(8..HEADER_BYTES + ops_bytes)?;
    if checksum(length, sealed) != u32::from_le_bytes(crc) {
        return None;
    }
    let mut walk = Ops(ops);
    walk.by_ref().for_each(drop);
    walk.0.is_empty().then_some((ordinal, ops))
}

/// Walks over operations; stops, with the rest left, at what is none.
struct Ops<'a>(&'a [u8]);

impl<'a> Iterator for Ops<'a> {
    type Item = (u64, Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let (&tag, rest) = self.0.split_first()?;
        let (key, rest) = rest.split_first_chunk::<8>()?;
        let key = u64::from_le_bytes(*key);
        match tag {
            PUT => {
                let (length, rest) = rest.split_first_chunk::<4>()?;
                let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
                let (value, rest) = rest.split_at_checked(length)?;
                self.0 = rest;
                Some((key, Some(value)))
            }
            REMOVE => {
                self.0 = rest;
                Some((key, None))
            }
            _ => None,
        }
    }
}

fn checksum(length: [u8; 4], ordinal_and_ops: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length), ordinal_and_ops)
}
