//! The stored form of one event.
//!
//! version (1 byte, `1`), priority (1), head (u32 LE), boot (u32 LE), steady time (i64 LE), message
//! id (16 bytes), then the members of its JSON object that do not depend on when it is sent.
use crate::codec::{Source, low_byte};
use crate::json::are_members;
use crate::random::Uuid;
use crate::time::bounded_time;
use alloc::sync::Arc;
use alloc::vec::Vec;

const VERSION: u64 = 1;
const HEAD_BYTES: usize = 34;

/// Who is dropped first when the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// Heartbeats.
    Low,
    /// Most.
    Normal,
    /// Conversions and identities.
    High,
}

impl Priority {
    fn from_byte(byte: u64) -> Option<Self> {
        [Self::Low, Self::Normal, Self::High].into_iter().find(|known| *known as u64 == byte)
    }
}

/// What an event's record begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventHead {
    pub(crate) priority: Priority,
    /// What it shares with its neighbours.
    pub(crate) head: u32,
    /// The run of the process that stamped it.
    pub(crate) boot: u32,
    /// Steady time of that boot.
    pub(crate) at: i64,
    pub(crate) message_id: Uuid,
}

impl EventHead {
    /// Makes room for it at the start of `out`, which is emptied.
    pub(crate) fn leave_room(out: &mut Vec<u8>) {
        out.clear();
        out.resize(HEAD_BYTES, 0);
    }

    /// Writes it where room was left.
    pub(crate) fn stamp(&self, record: &mut [u8]) {
        let numbers = [
            (1, VERSION),
            (1, self.priority as u64),
            (4, self.head.into()),
            (4, self.boot.into()),
            (8, self.at.cast_unsigned()),
        ];
        let mut room = record.iter_mut();
        for (len, number) in numbers {
            for (shift, byte) in (0..len).zip(&mut room) {
                *byte = low_byte(number >> (8 * shift));
            }
        }
        for (byte, room) in self.message_id.0.iter().zip(room) {
            *room = *byte;
        }
    }

    /// Reads a record back.
    pub(crate) fn read(record: &[u8]) -> Option<Self> {
        let mut source = Source::new(record);
        let (version, priority) = (source.fixed(1), source.fixed(1));
        source.must(version == VERSION);
        let head = Self {
            priority: Priority::from_byte(priority)?,
            head: u32::try_from(source.fixed(4)).unwrap_or_default(),
            boot: u32::try_from(source.fixed(4)).unwrap_or_default(),
            at: bounded_time(source.fixed(8).cast_signed()),
            message_id: Uuid(source.id()),
        };
        // Its bytes go into a body with others, and must not spoil it.
        let whole = !source.rest().is_empty() && are_members(source.rest());
        whole.then_some(head)
    }
}

/// The message id of a record.
pub(crate) fn message_id(record: &[u8]) -> Uuid {
    let id = record.get(18..HEAD_BYTES).and_then(|id| id.try_into().ok());
    Uuid(id.unwrap_or_default())
}

/// The JSON members of a record.
pub(crate) fn members(record: &[u8]) -> &[u8] {
    record.get(HEAD_BYTES..).unwrap_or_default()
}

/// An event on its way, or one that waits for consent.
#[derive(Debug, Clone)]
pub(crate) struct Queued {
    pub(crate) seq: u64,
    pub(crate) head: u32,
    pub(crate) boot: u32,
    pub(crate) at: i64,
    pub(crate) priority: Priority,
    /// When it was put here, on this process's monotonic clock; `None`: storage held it.
    pub(crate) since: Option<u64>,
    /// Part of a batch that is not answered yet.
    pub(crate) in_flight: bool,
    /// A try of it may have arrived.
    pub(crate) tried: bool,
    pub(crate) record: Arc<[u8]>,
}

impl Queued {
    pub(crate) fn new(seq: u64, head: &EventHead, record: Arc<[u8]>) -> Self {
        let EventHead { priority, head, boot, at, .. } = *head;
        let (since, in_flight, tried) = (None, false, false);
        Self { seq, head, boot, at, priority, since, in_flight, tried, record }
    }
}
