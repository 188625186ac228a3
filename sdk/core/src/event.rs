//! The stored form of one event.
//!
//! version (1 byte, `1`), priority (1), head (u32 LE), boot (u32 LE), steady time (i64 LE), message
//! id (16 bytes), then the members of its JSON object that do not depend on when it is sent.
use crate::codec::Source;
use crate::json::are_members;
use crate::random::Uuid;
use alloc::sync::Arc;
use alloc::vec::Vec;

const VERSION: u8 = 1;
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
    pub(crate) const ALL: [Self; 3] = [Self::Low, Self::Normal, Self::High];

    pub(crate) fn index(self) -> usize {
        match self {
            Self::Low => 0,
            Self::Normal => 1,
            Self::High => 2,
        }
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
        let mut head = [0; HEAD_BYTES];
        head[0] = VERSION;
        head[1] = u8::try_from(self.priority.index()).unwrap_or_default();
        head[2..6].copy_from_slice(&self.head.to_le_bytes());
        head[6..10].copy_from_slice(&self.boot.to_le_bytes());
        head[10..18].copy_from_slice(&self.at.to_le_bytes());
        head[18..].copy_from_slice(&self.message_id.0);
        if let Some(room) = record.get_mut(..HEAD_BYTES) {
            room.copy_from_slice(&head);
        }
    }

    /// Reads a record back.
    pub(crate) fn read(record: &[u8]) -> Option<Self> {
        let mut source = Source(record);
        let [version, priority] = source.array()?;
        if version != VERSION {
            return None;
        }
        let head = Self {
            priority: *Priority::ALL.get(usize::from(priority))?,
            head: u32::from_le_bytes(source.array()?),
            boot: u32::from_le_bytes(source.array()?),
            at: i64::from_le_bytes(source.array()?),
            message_id: Uuid(source.array()?),
        };
        // Its bytes go into a body with others, and must not spoil it.
        let members = core::str::from_utf8(source.0).ok()?;
        (!members.is_empty() && are_members(members)).then_some(head)
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

/// An event on its way.
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
