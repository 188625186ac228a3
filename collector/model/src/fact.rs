//! A fact: one thing that is known to have happened, in the form the log keeps and the engine folds.
//!
//! # Layout
//! version (1 byte, `1`), kind (1 byte), event time and receipt time (8 bytes LE each), sequence
//! (8 bytes LE, 0 for none, else the device's number plus one), then length-prefixed (u16 LE)
//! subject, device, name and message id, then the context (u16 LE: 0 none, else index plus one in
//! the shared contexts of the append) and the properties (rest of the bytes).
//!
//! Contexts are shared because a device repeats the same one with each event of a batch: they are
//! the larger half of its bytes.
use crate::value::{take, take_array};
use crate::{Corrupt, EventTime, Map, ReceiptMillis};
use alloc::vec::Vec;

const VERSION: u8 = 1;

/// The de-duplication key of an event: a keyed 128-bit hash of its `messageId`, made at admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub u128);

/// What a fact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FactKind {
    /// A named event with properties.
    Track,
    /// A page was viewed; its event name is `Page Viewed`.
    Page,
    /// A screen was viewed; its event name is `Screen Viewed`.
    Screen,
    /// Traits of the subject; `props` holds them.
    Identify,
    /// The subject belongs to a group; `name` is the group id, `props` its traits.
    Group,
    /// `device` was linked to the person in `name` (a user id). Lies in the device's partition.
    Linked,
    /// `device` brings its history into the subject. `props` bytes are the engine's own encoding of
    /// that history, opaque here. Lies in the person's partition.
    Absorb,
    /// What became of events, for the loss ledger: `props` bytes are the ledger's own encoding, opaque
    /// here. About nobody: the subject is `i:` and an installation, or `s:` and the name of a library.
    Report,
}

impl FactKind {
    const ALL: [Self; 8] = [
        Self::Track,
        Self::Page,
        Self::Screen,
        Self::Identify,
        Self::Group,
        Self::Linked,
        Self::Absorb,
        Self::Report,
    ];

    /// Whether rules count it, and sessions are made of it (`"*"` in a rule).
    #[must_use]
    pub fn is_activity(self) -> bool {
        matches!(self, Self::Track | Self::Page | Self::Screen)
    }
}

/// One fact, borrowed from the bytes that hold it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fact<'a> {
    /// What it is.
    pub kind: FactKind,
    /// Whom it is about: the text of a person key, `u:…` or `a:…`; of a report as [`FactKind`] says.
    pub subject: &'a str,
    /// The anonymous id of the device it came from; empty if it came from a server.
    pub device: &'a str,
    /// When it happened.
    pub at: EventTime,
    /// When the collector received it.
    pub received: ReceiptMillis,
    /// The device's own running number, if it sent one. Decides the order of equal times.
    pub seq: Option<u64>,
    /// The event's name; for other kinds as [`FactKind`] says.
    pub name: &'a str,
    /// The sender's id of the event, as it was sent.
    pub message_id: &'a str,
    /// The context in which it happened (page, campaign, device, …).
    pub context: Map<'a>,
    /// Properties or traits.
    pub props: Map<'a>,
}

impl<'a> Fact<'a> {
    /// Appends the encoding of this fact to `out`. `context` is the number that
    /// [`SharedContextsWriter::add`] gave for the fact's context, `None` for an empty one; the
    /// field `context` itself is not written.
    ///
    /// # Panics
    /// If a text is longer than 65 535 bytes, which the admission limits exclude.
    pub fn encode(&self, context: Option<u16>, out: &mut Vec<u8>) {
        self.encode_head(context, out);
        out.extend_from_slice(self.props.as_bytes());
    }

    /// As [`Fact::encode`], but leaves the properties to be appended by the caller, who may write
    /// them in place with a [`crate::ValueWriter`] (keys and values, without opening a map).
    ///
    /// # Panics
    /// As [`Fact::encode`].
    pub fn encode_head(&self, context: Option<u16>, out: &mut Vec<u8>) {
        let kind = FactKind::ALL.iter().position(|k| *k == self.kind);
        let kind = kind.and_then(|k| u8::try_from(k).ok()).expect("every kind is in ALL");
        out.extend_from_slice(&[VERSION, kind]);
        out.extend_from_slice(&self.at.0.to_le_bytes());
        out.extend_from_slice(&self.received.0.to_le_bytes());
        out.extend_from_slice(&self.seq.map_or(0, |s| s.saturating_add(1)).to_le_bytes());
        for text in [self.subject, self.device, self.name, self.message_id] {
            let len = u16::try_from(text.len()).expect("admission bounds ids and names");
            out.extend_from_slice(&len.to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        let context = context.map_or(0, |c| c.checked_add(1).expect("fewer contexts than events"));
        out.extend_from_slice(&context.to_le_bytes());
    }

    /// Reads a fact in place.
    ///
    /// # Errors
    /// [`Corrupt`] if the bytes were not written by [`Fact::encode`] with these contexts.
    ///
    /// # Cost
    /// No allocation; properties and context are not looked into.
    pub fn decode(shared: SharedContexts<'a>, bytes: &'a [u8]) -> Result<Self, Corrupt> {
        let mut rest = bytes;
        let [version, kind] = *take_array(&mut rest)?;
        if version != VERSION {
            return Err(Corrupt("a fact of an unknown version"));
        }
        let kind = *FactKind::ALL.get(usize::from(kind)).ok_or(Corrupt("an unknown fact kind"))?;
        let at = EventTime(i64::from_le_bytes(*take_array(&mut rest)?));
        let received = ReceiptMillis(i64::from_le_bytes(*take_array(&mut rest)?));
        let seq = u64::from_le_bytes(*take_array(&mut rest)?).checked_sub(1);
        let subject = take_text(&mut rest)?;
        let device = take_text(&mut rest)?;
        let name = take_text(&mut rest)?;
        let message_id = take_text(&mut rest)?;
        let context = match u16::from_le_bytes(*take_array(&mut rest)?).checked_sub(1) {
            None => Map::default(),
            Some(index) => shared.get(index).ok_or(Corrupt("a context that is not there"))?,
        };
        let props = Map::from_bytes(rest);
        Ok(Self { kind, subject, device, at, received, seq, name, message_id, context, props })
    }
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Result<&'a str, Corrupt> {
    let len = u16::from_le_bytes(*take_array(rest)?);
    let bytes = take(rest, usize::from(len))?;
    core::str::from_utf8(bytes).map_err(|_| Corrupt("text is not UTF-8"))
}

/// The contexts that the facts of one append share, borrowed: each a u32 LE length and a map body.
#[derive(Debug, Clone, Copy, Default)]
pub struct SharedContexts<'a>(&'a [u8]);

impl<'a> SharedContexts<'a> {
    /// Takes the bytes that [`SharedContextsWriter`] made.
    #[must_use]
    pub fn from_bytes(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The context with this number, if there are so many.
    #[must_use]
    pub fn get(self, index: u16) -> Option<Map<'a>> {
        let mut rest = self.0;
        for _ in 0..index {
            let len = u32::from_le_bytes(*take_array(&mut rest).ok()?);
            take(&mut rest, usize::try_from(len).ok()?).ok()?;
        }
        let len = u32::from_le_bytes(*take_array(&mut rest).ok()?);
        take(&mut rest, usize::try_from(len).ok()?).ok().map(Map::from_bytes)
    }
}

/// Collects the contexts of one append.
#[derive(Debug, Default)]
pub struct SharedContextsWriter {
    bytes: Vec<u8>,
    count: u16,
}

impl SharedContextsWriter {
    /// Adds the context that `write` appends (keys and values, without opening a map) and gives its
    /// number. `None` once 65 534 have been added.
    pub fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Option<u16> {
        let index = self.count;
        self.count = index.checked_add(1).filter(|&c| c < u16::MAX)?;
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        write(&mut self.bytes);
        let len = u32::try_from(self.bytes.len() - at - 4).expect("a context is bounded");
        self.bytes[at..at + 4].copy_from_slice(&len.to_le_bytes());
        Some(index)
    }

    /// What has been collected.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets everything, keeping the buffer.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MapWriter, Value};
    use proptest::prelude::*;

    fn sample<'a>(props: Map<'a>, context: Map<'a>) -> Fact<'a> {
        Fact {
            kind: FactKind::Track,
            subject: "u:42",
            device: "d-1",
            at: EventTime(1_700_000_000_123),
            received: ReceiptMillis(1_700_000_000_456),
            seq: Some(7),
            name: "Product Viewed",
            message_id: "m-1",
            context,
            props,
        }
    }

    #[test]
    fn a_fact_reads_back_as_written() {
        let props = MapWriter::new().with("price", Value::Int(3));
        let first = MapWriter::new().with("locale", Value::Str("fr"));
        let second = MapWriter::new().with("locale", Value::Str("en"));
        let mut shared = SharedContextsWriter::default();
        assert_eq!(shared.add(|out| out.extend_from_slice(first.as_map().as_bytes())), Some(0));
        let index = shared.add(|out| out.extend_from_slice(second.as_map().as_bytes()));
        let fact = sample(props.as_map(), second.as_map());
        let mut bytes = Vec::new();
        fact.encode(index, &mut bytes);
        let read = Fact::decode(SharedContexts::from_bytes(shared.as_bytes()), &bytes);
        assert_eq!(read, Ok(fact));
        assert!(Fact::decode(SharedContexts::default(), &bytes).is_err());
    }

    #[test]
    fn every_cut_is_noticed_or_only_shortens_the_properties() {
        let fact = sample(Map::default(), Map::default());
        let mut bytes = Vec::new();
        fact.encode(None, &mut bytes);
        for len in 0..bytes.len() {
            assert!(Fact::decode(SharedContexts::default(), &bytes[..len]).is_err(), "{len}");
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(first) = bytes.first_mut() {
                *first = VERSION;
            }
            let shared = SharedContexts::from_bytes(&bytes);
            if let Ok(fact) = Fact::decode(shared, &bytes) {
                prop_assert!(fact.subject.len() <= bytes.len());
            }
        }
    }
}
