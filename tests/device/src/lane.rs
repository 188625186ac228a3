//! One process of the app and its storage: a host that keeps the contract to the letter.
use crate::clock::WorldMs;
use crate::polite::Polite;
use crate::store::{Disk, Op, Records};
use crate::truth::Person;
use sdk_core::{Config, Ledger, SendId, Tracker, Way};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::rc::Rc;

/// An installation over its whole life.
pub struct Lane {
    /// On which device.
    pub device: usize,
    /// Its settings.
    pub config: Config,
    /// Its storage.
    pub disk: Box<dyn Disk>,
    /// What storage will hold once everything that was polled is written.
    pub shown: Records,
    /// The highest number given out, in memory that outlives the process but not the device.
    pub witness: u64,
    /// What of it would survive a power cut.
    pub witness_synced: u64,
    /// The process, if one runs.
    pub process: Option<Process>,
    /// Processes so far.
    pub generation: u32,
    /// The checker's account of the person.
    pub person: Person,
    /// What was true when a state was stored, by the hash of its record.
    pub snapshots: BTreeMap<u64, Snapshot>,
    /// The installation's name on the wire, once it has sent anything.
    pub install: String,
    /// Which of its installations this is.
    pub life: u32,
    /// How many there have been.
    pub lives: u32,
    /// Storage changed by itself: not everything can be promised any more.
    pub rotten: bool,
}

/// What was true when a state was stored.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The person.
    pub person: Person,
    /// The ledger.
    pub ledger: Ledger,
    /// Which of the lane's installations.
    pub life: u32,
}

/// A running process.
pub struct Process {
    /// The machine.
    pub tracker: Tracker,
    /// Which process of the lane.
    pub generation: u32,
    /// Polled and not yet written.
    pub unit: Vec<Op>,
    /// Waiting for the unit to be written.
    pub sends: Vec<Posted>,
    /// Whether the worker has been woken.
    pub write_due: bool,
    /// Requests without an answer.
    pub in_flight: BTreeMap<SendId, Rc<Request>>,
    /// What it was told of when to ask.
    pub polite: Polite,
    /// Whether storage has been given to it.
    pub restored: bool,
    /// Calls made before that.
    pub early: Vec<u64>,
    /// Created when it took over, plus calls made since.
    pub calls: u64,
    /// Its ledger when it was last looked at.
    pub ledger: Ledger,
    /// Events that waited in memory then.
    pub waited: usize,
    /// The first number and the count of a batch that was too large.
    pub too_large: Option<(u64, usize)>,
    /// The time of the next tick; only the last one asked for counts.
    pub wake: Option<u64>,
}

/// A request that waits for its unit.
#[derive(Debug)]
pub struct Posted {
    /// Its name.
    pub id: SendId,
    /// What is to be sent.
    pub body: Vec<u8>,
    /// How.
    pub way: Way,
    /// When it was asked for.
    pub at: WorldMs,
}

/// A request on its way.
#[derive(Debug)]
pub struct Request {
    /// Whose.
    pub lane: usize,
    /// Of which process.
    pub generation: u32,
    /// Its name there.
    pub id: SendId,
    /// What is sent.
    pub body: Vec<u8>,
    /// The same, read.
    pub told: Json,
    /// When it was asked for.
    pub at: WorldMs,
    /// What the collector takes at that moment: bytes of a body, events of a batch.
    pub caps: (usize, usize),
}

/// A hash that is the same on every machine (FNV-1a, 64 bits).
#[must_use]
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
