//! What a run of events shares: whom they are about, and in which context they happened. It is
//! stored once, referred to by a number, and written once into each batch.
use crate::codec::Source;
use crate::json::are_members;
use alloc::vec::Vec;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) number: u32,
    /// The members `anonymousId` and `userId`; empty if each event names its own.
    pub(crate) ids: Vec<u8>,
    /// The members of the context.
    pub(crate) context: Vec<u8>,
    /// Events that refer to it, in the queue or waiting.
    pub(crate) events: usize,
    pub(crate) stored: bool,
}

impl Head {
    /// version (1 byte, `1`), length of the ids (u32 LE), ids, context.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let ids = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        [&[1], &ids.to_le_bytes()[..], &self.ids, &self.context].concat()
    }

    fn decode(number: u32, record: &[u8]) -> Option<Self> {
        let mut source = Source(record);
        let [version] = source.array()?;
        let len = usize::try_from(u32::from_le_bytes(source.array()?)).ok()?;
        let (ids, context) = (source.bytes(len)?.to_vec(), source.0.to_vec());
        let text = |bytes| core::str::from_utf8(bytes).is_ok_and(are_members);
        let whole = version == 1 && text(&ids) && text(&context);
        whole.then_some(Self { number, ids, context, events: 0, stored: true })
    }
}

/// All that are in use, by number.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    heads: Vec<Head>,
    /// Never used again, or a record of an earlier life could be taken for one of this.
    pub(crate) next: u32,
}

impl Heads {
    pub(crate) fn restore(&mut self, number: u32, record: &[u8]) {
        // Even one that cannot be read has been given out.
        self.next = self.next.max(number.wrapping_add(1));
        if let Some(head) = Head::decode(number, record) {
            let at = self.heads.partition_point(|known| known.number < number);
            self.heads.insert(at, head);
        }
    }

    pub(crate) fn find(&self, number: u32) -> Option<&Head> {
        let at = self.heads.binary_search_by_key(&number, |head| head.number).ok()?;
        self.heads.get(at)
    }

    pub(crate) fn find_mut(&mut self, number: u32) -> Option<&mut Head> {
        let at = self.heads.binary_search_by_key(&number, |head| head.number).ok()?;
        self.heads.get_mut(at)
    }

    /// The number of this head, a new one if there is none like it.
    pub(crate) fn intern(&mut self, ids: &[u8], context: &[u8]) -> u32 {
        let same = |head: &&Head| head.ids == ids && head.context == context;
        if let Some(head) = self.heads.iter().rev().find(same) {
            return head.number;
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let (ids, context) = (ids.to_vec(), context.to_vec());
        let at = self.heads.partition_point(|known| known.number < number);
        self.heads.insert(at, Head { number, ids, context, events: 0, stored: false });
        number
    }

    /// Takes out what no event refers to and `keep` does not name; `forget` is told of the stored.
    pub(crate) fn sweep(&mut self, keep: [Option<u32>; 2], mut forget: impl FnMut(u32)) {
        self.heads.retain(|head| {
            let used = head.events > 0 || keep.contains(&Some(head.number));
            if !used && head.stored {
                forget(head.number);
            }
            used
        });
    }

    /// Marks all as not stored; `forget` is told of those that were.
    pub(crate) fn unstore(&mut self, mut forget: impl FnMut(u32)) {
        for head in &mut self.heads {
            if core::mem::take(&mut head.stored) {
                forget(head.number);
            }
        }
    }
}
