//! Histories of linked devices that their persons have not taken in yet, while all partitions are
//! folded beside each other.
use crate::identity::Derived;
use parking_lot::Mutex;
use sillage_model::{EventId, EventTime, Fact, FactKind, Map, PersonKey, ReceiptMillis};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Kept by device. A clone is another handle on the same histories. There are as many as devices
/// whose link has been folded and whose `Absorb` fact, which follows it in the log, has not.
#[derive(Debug, Default, Clone)]
pub(crate) struct Histories(Arc<Mutex<BTreeMap<Box<str>, Kept>>>);

#[derive(Debug)]
struct Kept {
    history: Vec<u8>,
    /// The link, so that the fact which it led to can be made again.
    id: EventId,
    subject: Box<str>,
    at: EventTime,
    received: ReceiptMillis,
    seq: Option<u64>,
    person: Box<str>,
    message_id: Box<str>,
}

impl Histories {
    /// Keeps what the device of this link was.
    pub(crate) fn keep(&self, id: EventId, link: &Fact<'_>, history: Vec<u8>) {
        let kept = Kept {
            history,
            id,
            subject: link.subject.into(),
            at: link.at,
            received: link.received,
            seq: link.seq,
            person: link.name.into(),
            message_id: link.message_id.into(),
        };
        self.0.lock().insert(link.device.into(), kept);
    }

    /// Gives what is kept of a device, once.
    pub(crate) fn take(&self, device: &str) -> Option<Vec<u8>> {
        self.0.lock().remove(device).map(|kept| kept.history)
    }

    /// Derives again, as the rules with this digest, the facts that bring these histories to their
    /// persons: what the log holds of them was made by other rules.
    pub(crate) fn derive(&self, digest: u64, partitions: u16, derived: &mut Derived) {
        for (device, kept) in self.0.lock().iter() {
            let link = Fact {
                kind: FactKind::Linked,
                subject: &kept.subject,
                device,
                at: kept.at,
                received: kept.received,
                seq: kept.seq,
                name: &kept.person,
                message_id: &kept.message_id,
                context: Map::default(),
                props: Map::default(),
            };
            let person = PersonKey::user(&kept.person);
            derived.absorb((kept.id, &link), &person, (digest, &kept.history), partitions);
        }
    }
}
