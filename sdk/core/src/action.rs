//! What the core asks of its host.
use crate::notice::Notice;
use crate::time::MonoMillis;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// One thing to do. See [`crate::Tracker::poll_action`] for the order in which hosts do them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Store `value` under `key`, over what was there.
    Persist {
        /// Where.
        key: Key,
        /// What; opaque to the host.
        value: Arc<[u8]>,
    },
    /// Remove `key` from storage, if it is there.
    Forget {
        /// Which.
        key: Key,
    },
    /// Post `body` to `/v1/batch` and say what came of it with [`crate::Input::Reply`], exactly
    /// once. Never before the store actions polled in front of it are done.
    Send {
        /// What the reply must name.
        id: SendId,
        /// JSON; the host may compress it.
        body: Vec<u8>,
        /// Whether the process may end before the answer comes.
        way: Way,
    },
    /// Give [`crate::Input::Tick`] at this moment. Replaces the last one.
    WakeAt(MonoMillis),
    /// Something the app may want to know.
    Notice(Notice),
}

/// How a batch is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// With all the time that a request needs.
    Usual,
    /// The app may end at any moment: with whatever outlives it (keepalive, a beacon, a background
    /// task).
    Leaving,
}

/// A send that has not been answered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SendId(pub u64);

/// The name of a stored value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Identity, counters, clock: everything that is not an event.
    State,
    /// The segments that the collector last told.
    Segments,
    /// What a run of events shares on the wire.
    Head(u32),
    /// One event, by its sequence number.
    Event(u64),
}

impl Key {
    /// A number for it, different for each key: for stores whose keys are integers. Event numbers
    /// stay below 2^53 in any life of a device, so that it is exact as a float too.
    #[must_use]
    pub fn to_u64(self) -> u64 {
        match self {
            Self::State => 0,
            Self::Segments => 1,
            Self::Head(number) => FIRST_HEAD + u64::from(number),
            Self::Event(seq) => FIRST_EVENT.saturating_add(seq),
        }
    }

    /// The key of a number that [`Key::to_u64`] gave.
    #[must_use]
    pub fn from_u64(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::State),
            1 => Some(Self::Segments),
            FIRST_EVENT.. => Some(Self::Event(number - FIRST_EVENT)),
            FIRST_HEAD.. => u32::try_from(number - FIRST_HEAD).ok().map(Self::Head),
            _ => None,
        }
    }
}

const FIRST_HEAD: u64 = 1 << 32;
const FIRST_EVENT: u64 = 1 << 33;

/// Actions that wait to be polled.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    actions: Vec<Option<Action>>,
    polled: usize,
}

impl Outbox {
    pub(crate) fn push(&mut self, action: Action) {
        self.actions.push(Some(action));
    }

    pub(crate) fn notice(&mut self, notice: Notice) {
        self.push(Action::Notice(notice));
    }

    pub(crate) fn forget(&mut self, key: Key) {
        self.push(Action::Forget { key });
    }

    pub(crate) fn persist(&mut self, key: Key, value: &[u8]) {
        self.push(Action::Persist { key, value: Arc::from(value) });
    }

    pub(crate) fn pop(&mut self) -> Option<Action> {
        let next = self.actions.get_mut(self.polled).and_then(Option::take);
        self.polled += 1;
        if next.is_none() {
            self.actions.clear();
            self.polled = 0;
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_number_of_its_own() {
        let keys = [
            Key::State,
            Key::Segments,
            Key::Head(0),
            Key::Head(u32::MAX),
            Key::Event(0),
            Key::Event(1 << 52),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert_eq!(Key::from_u64(key.to_u64()), Some(*key));
            assert!(keys.iter().take(index).all(|other| other.to_u64() < key.to_u64()));
        }
        assert_eq!(Key::from_u64(2), None);
    }
}
