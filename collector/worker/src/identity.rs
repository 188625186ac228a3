//! Facts that a worker derives and sends through the log, so that another partition folds them.
//!
//! Their ids are functions of the id of the fact they come from: when a crash makes the worker
//! derive them again, the log recognises them and does not append them twice.
use sillage_eventlog::{Append, AppendRecord};
use sillage_model::{EventId, Fact, FactKind, Map, PersonKey, SharedContextsWriter, partition_of};

/// Odd, so that multiplying by it is a bijection on 128 bits: two originals never share a derived
/// id. The digits are those of the golden ratio's fraction.
const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
const ABSORB: u128 = 1;
const FORWARD: u128 = 2;

/// Bytes before a history: the digest of the rules that made it. Other rules cannot read it.
const DIGEST_BYTES: usize = 8;

/// Facts to be appended, collected over one read of the log.
#[derive(Debug, Default)]
pub(crate) struct Derived {
    contexts: SharedContextsWriter,
    bodies: Vec<u8>,
    records: Vec<AppendRecord>,
}

impl Derived {
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The whole history of the linked device, as the rules with this digest know it, goes to the
    /// person it was linked to.
    pub(crate) fn absorb(
        &mut self,
        link: (EventId, &Fact<'_>),
        person: &PersonKey,
        (digest, history): (u64, &[u8]),
        partitions: u16,
    ) {
        let (id, linked) = link;
        let history = [&digest.to_le_bytes()[..], history].concat();
        let fact = Fact {
            kind: FactKind::Absorb,
            subject: person.as_str(),
            device: linked.device,
            at: linked.at,
            received: linked.received,
            seq: linked.seq,
            name: "",
            message_id: linked.message_id,
            context: Map::default(),
            props: Map::from_bytes(&history),
        };
        let purpose = ABSORB ^ (u128::from(digest) << 8);
        self.push(derived_id(id, purpose), &fact, None, partitions);
    }

    /// A fact that came for a linked device goes on to its person.
    pub(crate) fn forward(
        &mut self,
        id: EventId,
        fact: &Fact<'_>,
        person: &PersonKey,
        partitions: u16,
    ) {
        let context = fact.context.as_bytes();
        let index = if context.is_empty() {
            None
        } else {
            self.contexts.add(|out| out.extend_from_slice(context))
        };
        let forwarded = Fact { subject: person.as_str(), ..*fact };
        self.push(derived_id(id, FORWARD), &forwarded, index, partitions);
    }

    /// What is to be appended, leaving nothing behind.
    pub(crate) fn take(&mut self) -> Append {
        let append = Append {
            shared: self.contexts.as_bytes().to_vec(),
            bodies: std::mem::take(&mut self.bodies),
            records: std::mem::take(&mut self.records),
            tally: None,
        };
        self.contexts.clear();
        append
    }

    fn push(&mut self, id: EventId, fact: &Fact<'_>, context: Option<u16>, partitions: u16) {
        let start = self.position();
        fact.encode(context, &mut self.bodies);
        let body = (start, self.position());
        let partition = partition_of(fact.subject, partitions);
        self.records.push(AppendRecord { id, partition, body, companion: false });
    }

    fn position(&self) -> u32 {
        u32::try_from(self.bodies.len()).expect("one read of the log is far below 4 GiB")
    }
}

/// The history that an absorbing fact carries, if rules with this digest made it. Under other rules
/// the device's worker derives it anew, and that fact lies further on in the log.
pub(crate) fn history<'a>(fact: &Fact<'a>, digest: u64) -> Option<&'a [u8]> {
    let (head, history) = fact.props.as_bytes().split_first_chunk::<DIGEST_BYTES>()?;
    (u64::from_le_bytes(*head) == digest).then_some(history)
}

fn derived_id(origin: EventId, purpose: u128) -> EventId {
    EventId((origin.0 ^ purpose).wrapping_mul(SPREAD).rotate_left(61))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sillage_model::{EventTime, ReceiptMillis, SharedContexts};

    fn linked() -> Fact<'static> {
        Fact {
            kind: FactKind::Linked,
            subject: "a:d",
            device: "d",
            at: EventTime(1),
            received: ReceiptMillis(1),
            seq: None,
            name: "42",
            message_id: "m",
            context: Map::default(),
            props: Map::default(),
        }
    }

    fn absorbed(digest: u64) -> (AppendRecord, Option<Vec<u8>>) {
        let mut derived = Derived::default();
        let person = PersonKey::user("42");
        derived.absorb((EventId(7), &linked()), &person, (digest, b"past"), 64);
        let append = derived.take();
        let fact = Fact::decode(SharedContexts::default(), &append.bodies).expect("just encoded");
        (append.records[0], history(&fact, 5).map(<[u8]>::to_vec))
    }

    #[test]
    fn a_history_is_read_only_by_the_rules_that_made_it() {
        assert_eq!(absorbed(5).1.as_deref(), Some(&b"past"[..]));
        assert_eq!(absorbed(6).1, None);
    }

    #[test]
    fn deriving_again_gives_the_same_id_and_other_rules_another() {
        assert_eq!(absorbed(5).0, absorbed(5).0);
        assert_ne!(absorbed(5).0.id, absorbed(6).0.id);
        assert_ne!(derived_id(EventId(7), ABSORB), derived_id(EventId(7), FORWARD));
    }
}
