//! What a run of events shares: whom they are about, and in which context they happened. It is
//! stored once, referred to by a number, and written once into each batch.
use crate::action::{Key, Outbox};
use crate::codec::{Source, put};
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
        let mut out = Vec::new();
        for part in [&[1], &ids.to_le_bytes()[..], &self.ids, &self.context] {
            put(&mut out, part);
        }
        out
    }

    fn decode(number: u32, record: &[u8]) -> Option<Self> {
        let mut source = Source::new(record);
        let version = source.fixed(1);
        let len = usize::try_from(source.fixed(4)).unwrap_or(usize::MAX);
        let (ids, context) = (source.bytes(len), source.rest());
        source.must(version == 1 && are_members(ids) && are_members(context));
        source.is_whole().then(|| Self::new(number, ids, context, true))
    }

    pub(crate) fn new(number: u32, ids: &[u8], context: &[u8], stored: bool) -> Self {
        Self { number, ids: ids.to_vec(), context: context.to_vec(), events: 0, stored }
    }
}

/// All that are in use, by number.
#[derive(Debug, Default)]
pub(crate) struct Heads(Vec<Head>);

impl Heads {
    /// Takes up a stored one; they come by ascending number.
    pub(crate) fn restore(&mut self, number: u32, record: &[u8]) {
        self.0.extend(Head::decode(number, record));
    }

    pub(crate) fn find(&mut self, number: u32) -> Option<&mut Head> {
        // Events mostly ask for the latest.
        self.0.iter_mut().rev().find(|head| head.number == number)
    }

    /// Counts an event that refers to it, or one that no longer does.
    pub(crate) fn refer(&mut self, number: u32, events: isize) {
        if let Some(head) = self.find(number) {
            head.events = head.events.wrapping_add_signed(events);
        }
    }

    /// The number of this head: `next` and a new one if there is none like it.
    pub(crate) fn intern(&mut self, ids: &[u8], context: &[u8], next: &mut u32) -> u32 {
        for head in self.0.iter().rev() {
            if head.ids == ids && head.context == context {
                return head.number;
            }
        }
        let number = *next;
        *next = number.wrapping_add(1);
        self.0.push(Head::new(number, ids, context, false));
        number
    }

    /// Takes out what no event refers to and `keep` does not name.
    pub(crate) fn sweep(&mut self, keep: [Option<u32>; 2], out: &mut Outbox) {
        let mut at = 0;
        while let Some(head) = self.0.get(at) {
            if head.events > 0 || keep.contains(&Some(head.number)) {
                at += 1;
            } else {
                if head.stored {
                    out.forget(Key::Head(head.number));
                }
                self.0.remove(at);
            }
        }
    }

    /// Takes all out of storage.
    pub(crate) fn unstore(&mut self, out: &mut Outbox) {
        for head in &mut self.0 {
            if head.stored {
                head.stored = false;
                out.forget(Key::Head(head.number));
            }
        }
    }
}
