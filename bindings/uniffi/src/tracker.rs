//! The core alone.
use crate::call::{Call, uuid};
use crate::client::SillageError;
use crate::config::Config;
use crate::reply::Reply;
use crate::tasks::{Signal, signal_of};
use sdk_core::{DeviceMillis, Input, Key, MonoMillis, Notice, Restored, SendId, Way};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Both clocks of a device.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct Now {
    /// Ms since 1970, as the device believes.
    pub wall_ms: i64,
    /// Ms since any moment, never backwards, sleep included.
    pub mono_ms: u64,
}

/// One stored record.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Record {
    /// Its key.
    pub key: u64,
    /// Its bytes.
    pub value: Vec<u8>,
}

/// What the core asks for.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum Action {
    /// Store a record.
    Persist {
        /// Under this key, in place of what is there.
        key: u64,
        /// The bytes.
        value: Vec<u8>,
    },
    /// Remove a record.
    Forget {
        /// Its key.
        key: u64,
    },
    /// Post a body, once all stored before is durable.
    Send {
        /// Which, for the reply.
        send: u64,
        /// JSON.
        body: Vec<u8>,
        /// Whether the app is being left.
        leaving: bool,
    },
    /// Tick at this moment of the monotonic clock, instead of any earlier wish.
    WakeAt {
        /// In ms.
        mono_ms: u64,
    },
    /// Segments have changed to these.
    Segments {
        /// Sorted.
        segments: Vec<String>,
    },
    /// Something to log.
    Told {
        /// What.
        signal: Signal,
    },
}

/// What became of every event of an installation: created = acknowledged + rejected + dropped + unsure
/// + pending, at every moment.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Ledger {
    /// Events created, dropped ones included.
    pub created: u64,
    /// Known to be accepted, or to have been before.
    pub acknowledged: u64,
    /// Known to be refused, by the collector's code.
    pub rejected: HashMap<String, u64>,
    /// Given up, and certainly never arrived, by reason.
    pub dropped: HashMap<String, u64>,
    /// Given up after a try whose answer never came, by reason: they may have arrived.
    pub unsure: HashMap<String, u64>,
    /// Queued.
    pub pending: u64,
}

/// What is known of a tracker.
#[derive(Debug, Clone, uniffi::Record)]
pub struct State {
    /// What became of every event.
    pub ledger: Ledger,
    /// Who uses the device, or empty.
    pub user_id: String,
    /// The device's own id, or empty before `restored`.
    pub anonymous_id: String,
    /// Sorted.
    pub segments: Vec<String>,
    /// Calls that wait for storage or consent.
    pub waiting: u64,
    /// Whether nothing is to be delivered.
    pub is_idle: bool,
    /// The last event's number, for a host that keeps it where it outlives a killed process.
    pub witness: u64,
}

/// The core, for hosts with storage, clocks, a network and threads of their own. After every call the
/// host polls until nothing comes, stores what was polled as one unit, and then does the rest; the whole
/// contract stands in `sdk/core/src/lib.rs`.
#[derive(Debug, uniffi::Object)]
pub struct Tracker(Mutex<sdk_core::Tracker>);

#[uniffi::export]
impl Tracker {
    /// `entropy` are 32 bytes that nobody can guess.
    #[uniffi::constructor]
    pub fn new(config: Config, entropy: Vec<u8>, now: Now) -> Result<Arc<Self>, SillageError> {
        let entropy = <[u8; 32]>::try_from(entropy).map_err(|given| SillageError::Argument {
            reason: format!("entropy has {} bytes and must have 32", given.len()),
        })?;
        let tracker = sdk_core::Tracker::new(config.into_core(), entropy, now.into());
        Ok(Arc::new(Self(Mutex::new(tracker))))
    }

    /// A call of the app.
    pub fn call(&self, now: Now, call: Call) {
        call.with(|input| self.tracker().handle(now.into(), input));
    }

    /// What storage held at the start. `witness` is 0 if none is kept; `install` and `anonymous_id`
    /// are given where something else keeps them.
    #[allow(clippy::too_many_arguments, reason = "each is named where it is called from")]
    pub fn restored(
        &self,
        now: Now,
        records: Vec<Record>,
        witness: u64,
        install: Option<String>,
        anonymous_id: Option<String>,
    ) -> Result<(), SillageError> {
        let key = |number| {
            Key::from_u64(number)
                .ok_or_else(|| SillageError::Argument { reason: format!("{number} is no key") })
        };
        let records: Result<_, SillageError> = records
            .into_iter()
            .map(|Record { key: number, value }| Ok((key(number)?, Arc::from(value))))
            .collect();
        let restored = Restored {
            records: records?,
            witness,
            install: install.as_deref().and_then(uuid),
            anonymous_id: anonymous_id.unwrap_or_default(),
        };
        self.tracker().handle(now.into(), Input::Restored(restored));
        Ok(())
    }

    /// What came of a send.
    pub fn reply(&self, now: Now, send: u64, reply: Reply) {
        let outcome = reply.outcome();
        self.tracker().handle(now.into(), Input::Reply { send: SendId(send), outcome });
    }

    /// The moment has come that was asked for.
    pub fn tick(&self, now: Now) {
        self.tracker().handle(now.into(), Input::Tick);
    }

    /// All that is to be done since the last time, in order.
    pub fn poll(&self) -> Vec<Action> {
        let mut tracker = self.tracker();
        let mut actions = Vec::new();
        while let Some(action) = tracker.poll_action() {
            actions.extend(told(action));
        }
        actions
    }

    /// What is known.
    pub fn state(&self) -> State {
        let tracker = self.tracker();
        State {
            ledger: tracker.ledger().into(),
            user_id: tracker.user_id().to_owned(),
            anonymous_id: tracker.anonymous_id().to_owned(),
            segments: tracker.segments().to_vec(),
            waiting: tracker.waiting() as u64,
            is_idle: tracker.is_idle(),
            witness: tracker.witness(),
        }
    }
}

impl Tracker {
    fn tracker(&self) -> MutexGuard<'_, sdk_core::Tracker> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn told(action: sdk_core::Action) -> Option<Action> {
    use sdk_core::Action as Core;
    Some(match action {
        Core::Persist { key, value } => {
            Action::Persist { key: key.to_u64(), value: value.to_vec() }
        }
        Core::Forget { key } => Action::Forget { key: key.to_u64() },
        Core::Send { id, body, way } => {
            Action::Send { send: id.0, body, leaving: way == Way::Leaving }
        }
        Core::WakeAt(at) => Action::WakeAt { mono_ms: at.0 },
        Core::Notice(Notice::SegmentsChanged(segments)) => Action::Segments { segments },
        Core::Notice(notice) => Action::Told { signal: signal_of(&notice)? },
        _ => return None,
    })
}

impl From<Now> for sdk_core::Now {
    fn from(now: Now) -> Self {
        Self { wall: DeviceMillis(now.wall_ms), mono: MonoMillis(now.mono_ms) }
    }
}

impl From<sdk_core::Ledger> for Ledger {
    fn from(ledger: sdk_core::Ledger) -> Self {
        Self {
            created: ledger.created,
            acknowledged: ledger.acknowledged,
            rejected: ledger.rejected.into_iter().collect(),
            dropped: ledger.dropped.into_iter().collect(),
            unsure: ledger.unsure.into_iter().collect(),
            pending: ledger.pending,
        }
    }
}
