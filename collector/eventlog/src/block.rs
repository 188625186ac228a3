//! One append as it lies in a journal.
//!
//! # Limits
//! A block takes at most [`limits::BLOCK_BYTES_MAX`] and starts at a multiple of 8.
//!
//! # Layout (all numbers little-endian)
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 4 | bytes that follow the checksum, a multiple of 8; 0 means that no block follows |
//! | 4 | 4 | CRC-32C, seeded with the journal's own salt, of the length and of all that follows |
//! | 8 | 8 | position of this block in the journal |
//! | 16 | 8 | position up to which the journal was durable when this block was written |
//! | 24 | 8 | receipt time, ms |
//! | 32 | 4 | bytes of the shared part |
//! | 36 | 4 | count of records |
//! | 40 | 24 each | id (16), partition (2), flags (2: bit 0 companion, bit 1 tally), bytes of the body (4) |
//! | … | | the shared part, the bodies, zeros up to a multiple of 8 |
//!
//! # Operation
//! The position makes a block valid in one place only. The durable position makes it a witness: a
//! damaged block before it had been acknowledged, so it must not be cut off as a torn tail. The
//! salt keeps foreign bytes (an old file, a payload that imitates a block) from passing.
use crate::admission::{TALLY_BYTES, tally};
use crate::{Append, AppendRecord, limits};
use sillage_model::{EventId, Partition};

/// Bytes before the record heads.
pub(crate) const HEAD_BYTES: usize = 40;
/// Length and checksum.
pub(crate) const FRAME_BYTES: usize = 8;
pub(crate) const ALIGNMENT: u64 = 8;
const RECORD_HEAD_BYTES: usize = 24;
const COMPANION: u16 = 1;
const TALLY: u16 = 2;

/// Where checksums of one journal start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seed(u32);

impl Seed {
    pub(crate) fn from_salt(salt: u64) -> Self {
        Self(crc32c::crc32c(&salt.to_le_bytes()))
    }

    fn checksum(self, len: [u8; 4], rest: &[u8]) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c_append(self.0, &len), rest)
    }
}

/// What the writer knows about a block besides its append.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) position: u64,
    pub(crate) durable: u64,
    pub(crate) received: i64,
}

/// The bytes of a block that holds all of this append: an upper bound once duplicates are left out.
pub(crate) fn bytes_of(append: &Append) -> usize {
    let bodies: usize = append.records.iter().map(body_bytes).sum();
    let heads = append.records.len().saturating_mul(RECORD_HEAD_BYTES);
    let all = HEAD_BYTES.saturating_add(heads).saturating_add(append.shared.len());
    let all = all.saturating_add(append.tally.map_or(0, |_| TALLY_BYTES));
    all.saturating_add(bodies).next_multiple_of(8)
}

fn body_bytes(record: &AppendRecord) -> usize {
    usize::try_from(record.body.1 - record.body.0).unwrap_or(usize::MAX)
}

/// Appends the block of all records but the `duplicates` (ascending) to `out`.
pub(crate) fn encode(
    seed: Seed,
    stamp: Stamp,
    append: &Append,
    duplicates: &[u32],
    out: &mut Vec<u8>,
) {
    let start = out.len();
    let kept = append.records.len() - duplicates.len();
    out.extend_from_slice(&[0; FRAME_BYTES]);
    out.extend_from_slice(&stamp.position.to_le_bytes());
    out.extend_from_slice(&stamp.durable.to_le_bytes());
    out.extend_from_slice(&stamp.received.to_le_bytes());
    out.extend_from_slice(&number(append.shared.len()).to_le_bytes());
    out.extend_from_slice(&number(kept).to_le_bytes());
    for (index, record) in new_records(append, duplicates) {
        let is_tally = append.tally == Some(index);
        let mut head = [0; RECORD_HEAD_BYTES];
        head[..16].copy_from_slice(&record.id.0.to_le_bytes());
        head[16..18].copy_from_slice(&record.partition.0.to_le_bytes());
        let companion = if record.companion { COMPANION } else { 0 };
        let flags = if is_tally { TALLY } else { companion };
        head[18..20].copy_from_slice(&flags.to_le_bytes());
        let added = if is_tally { TALLY_BYTES } else { 0 };
        head[20..].copy_from_slice(&number(body_bytes(record) + added).to_le_bytes());
        out.extend_from_slice(&head);
    }
    out.extend_from_slice(&append.shared);
    for (index, record) in new_records(append, duplicates) {
        out.extend_from_slice(body_of(append, record));
        if append.tally == Some(index) {
            out.extend_from_slice(&tally(append, duplicates));
        }
    }
    let padded = start + (out.len() - start).next_multiple_of(8);
    out.resize(padded, 0);
    let len = number(out.len() - start - FRAME_BYTES).to_le_bytes();
    let checksum = seed.checksum(len, &out[start + FRAME_BYTES..]);
    out[start..start + 4].copy_from_slice(&len);
    out[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
}

fn new_records<'a>(
    append: &'a Append,
    duplicates: &'a [u32],
) -> impl Iterator<Item = (u32, &'a AppendRecord)> {
    let mut duplicates = duplicates.iter().peekable();
    let kept = move |index: u32| duplicates.next_if(|&&d| d == index).is_none();
    let mut kept = kept;
    (0u32..).zip(&append.records).filter(move |&(index, _)| kept(index))
}

fn body_of<'a>(append: &'a Append, record: &AppendRecord) -> &'a [u8] {
    let at = |n: u32| usize::try_from(n).expect("a checked body fits the address space");
    &append.bodies[at(record.body.0)..at(record.body.1)]
}

fn number(len: usize) -> u32 {
    u32::try_from(len).expect("a checked append is far below 4 GiB")
}

/// Why bytes are not the block expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// So many bytes are needed from the block's start to tell.
    Short(usize),
    /// No block was written here.
    Empty,
    /// Something else than a block of this journal and position.
    Bad(&'static str),
}

/// A block, checked and borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block<'a> {
    pub(crate) position: u64,
    pub(crate) durable: u64,
    pub(crate) received: i64,
    /// All its bytes, with frame and padding.
    pub(crate) bytes: usize,
    pub(crate) shared: &'a [u8],
    heads: &'a [u8],
    bodies: &'a [u8],
}

/// One record of a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) id: EventId,
    pub(crate) partition: Partition,
    /// Whether its id makes a later record a duplicate; not that of a companion or a tally.
    pub(crate) leads: bool,
    pub(crate) body: &'a [u8],
}

impl<'a> Block<'a> {
    /// Reads the block that must lie at `position`, of which `bytes` starts.
    pub(crate) fn parse(seed: Seed, position: u64, bytes: &'a [u8]) -> Result<Self, Flaw> {
        let frame: &[u8; FRAME_BYTES] = bytes.first_chunk().ok_or(Flaw::Short(FRAME_BYTES))?;
        let [l0, l1, l2, l3, c0, c1, c2, c3] = *frame;
        let len = [l0, l1, l2, l3];
        let rest_bytes = framed_bytes(len)?;
        let rest = bytes.get(FRAME_BYTES..FRAME_BYTES + rest_bytes);
        let rest = rest.ok_or(Flaw::Short(FRAME_BYTES + rest_bytes))?;
        if u32::from_le_bytes([c0, c1, c2, c3]) != seed.checksum(len, rest) {
            return Err(Flaw::Bad("the checksum of a block does not match"));
        }
        let block = Self::split(rest).ok_or(Flaw::Bad("a block contradicts itself"))?;
        if block.position != position {
            return Err(Flaw::Bad("a block of another place"));
        }
        Ok(block)
    }

    fn split(rest: &'a [u8]) -> Option<Self> {
        let bytes = FRAME_BYTES + rest.len();
        let (position, rest) = rest.split_first_chunk()?;
        let (durable, rest) = rest.split_first_chunk()?;
        let (received, rest) = rest.split_first_chunk()?;
        let (shared, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let (heads, rest) = rest.split_at_checked(count.checked_mul(RECORD_HEAD_BYTES)?)?;
        let shared = usize::try_from(u32::from_le_bytes(*shared)).ok()?;
        let (shared, bodies) = rest.split_at_checked(shared)?;
        let block = Self {
            position: u64::from_le_bytes(*position),
            durable: u64::from_le_bytes(*durable),
            received: i64::from_le_bytes(*received),
            bytes,
            shared,
            heads,
            bodies,
        };
        let used: usize = block.heads_parsed().map(|head| head.body_bytes).sum();
        (bodies.len().checked_sub(used)? < 8).then_some(block)
    }

    fn heads_parsed(&self) -> impl Iterator<Item = RecordHead> + use<'a> {
        let (heads, _) = self.heads.as_chunks::<RECORD_HEAD_BYTES>();
        heads.iter().map(RecordHead::read)
    }

    /// Its records, in order.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let mut bodies = self.bodies;
        self.heads_parsed().map(move |head| {
            let (body, rest) = bodies.split_at(head.body_bytes);
            bodies = rest;
            let RecordHead { id, partition, leads, body_bytes: _ } = head;
            Record { id, partition, leads, body }
        })
    }

    pub(crate) fn record_count(&self) -> usize {
        self.heads.len() / RECORD_HEAD_BYTES
    }
}

struct RecordHead {
    id: EventId,
    partition: Partition,
    leads: bool,
    body_bytes: usize,
}

impl RecordHead {
    fn read(head: &[u8; RECORD_HEAD_BYTES]) -> Self {
        let (id, rest) = head.split_first_chunk().expect("a head has 24 bytes");
        let [p0, p1, f0, f1, b0, b1, b2, b3] = *rest else {
            unreachable!("16 and 8 bytes are 24");
        };
        let body_bytes = u32::from_le_bytes([b0, b1, b2, b3]);
        Self {
            id: EventId(u128::from_le_bytes(*id)),
            partition: Partition(u16::from_le_bytes([p0, p1])),
            leads: u16::from_le_bytes([f0, f1]) & (COMPANION | TALLY) == 0,
            body_bytes: usize::try_from(body_bytes).unwrap_or(usize::MAX),
        }
    }
}

/// The bytes after the frame, if the length can be one.
fn framed_bytes(len: [u8; 4]) -> Result<usize, Flaw> {
    let len = usize::try_from(u32::from_le_bytes(len)).map_err(|_| Flaw::Bad("too long"))?;
    if len == 0 {
        return Err(Flaw::Empty);
    }
    let fits = (HEAD_BYTES - FRAME_BYTES..=limits::BLOCK_BYTES_MAX).contains(&len);
    if !fits || !len.is_multiple_of(8) {
        return Err(Flaw::Bad("the length of a block cannot be one"));
    }
    Ok(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn append(bodies: &[&[u8]]) -> Append {
        let mut append = Append { shared: b"shared".to_vec(), ..Append::default() };
        for (index, body) in (0u16..).zip(bodies) {
            let start = number(append.bodies.len());
            append.bodies.extend_from_slice(body);
            append.records.push(AppendRecord {
                id: EventId(u128::from(index) << 64 | 7),
                partition: Partition(index),
                body: (start, number(append.bodies.len())),
                companion: index % 2 == 1,
            });
        }
        append
    }

    fn encoded(append: &Append, duplicates: &[u32]) -> Vec<u8> {
        let mut out = Vec::new();
        let stamp = Stamp { position: 64, durable: 32, received: -5 };
        encode(Seed::from_salt(9), stamp, append, duplicates, &mut out);
        out
    }

    #[test]
    fn a_block_reads_back_without_its_duplicates() {
        let append = append(&[b"one", b"", b"three", b"4"]);
        let bytes = encoded(&append, &[0, 2]);
        assert!(bytes.len() <= bytes_of(&append));
        let block = Block::parse(Seed::from_salt(9), 64, &bytes).unwrap();
        assert_eq!((block.durable, block.received, block.shared), (32, -5, &b"shared"[..]));
        let records: Vec<_> = block.records().map(|r| (r.partition.0, r.leads, r.body)).collect();
        assert_eq!(records, [(1, false, &b""[..]), (3, false, b"4")]);
    }

    #[test]
    fn a_tally_is_completed_with_what_was_new_and_what_was_not() {
        let mut append = append(&[b"one", b"link", b"two", b"link", b"told"]);
        append.tally = Some(4);
        let bytes = encoded(&append, &[2, 3]);
        assert!(bytes.len() <= bytes_of(&append));
        let block = Block::parse(Seed::from_salt(9), 64, &bytes).unwrap();
        let records: Vec<_> = block.records().map(|r| (r.partition.0, r.leads, r.body)).collect();
        let told = b"told\x01\0\0\0\x01\0\0\0";
        assert_eq!(records, [(0, true, &b"one"[..]), (1, false, b"link"), (4, false, told)]);
    }

    #[test]
    fn any_flipped_bit_or_other_place_is_noticed() {
        let bytes = encoded(&append(&[b"one", b"two"]), &[]);
        let seed = Seed::from_salt(9);
        assert!(Block::parse(seed, 64, &bytes).is_ok());
        assert!(Block::parse(seed, 72, &bytes).is_err());
        assert!(Block::parse(Seed::from_salt(8), 64, &bytes).is_err());
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Block::parse(seed, 64, &bad).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(matches!(Block::parse(seed, 64, &bytes[..len]), Err(Flaw::Short(_))), "{len}");
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(rest in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(block) = Block::split(&rest) {
                prop_assert!(block.records().map(|r| r.body.len()).sum::<usize>() <= rest.len());
            }
        }
    }
}
