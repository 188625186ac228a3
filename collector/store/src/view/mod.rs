//! What the world may read of every person, in memory: written by workers, read by lookups.
//!
//! A publication costs its worker one lock that nobody else wants at that moment, and no text:
//! names and numbers are rendered when somebody reads. The view has no state of its own to lose;
//! workers publish everyone again after a restart.
mod changes;
mod dirty;
mod index;
mod read;
mod reads;
mod shard;
mod shown;
mod standing;
#[cfg(test)]
mod tests;

pub use changes::{Change, Changes, StreamId};
pub use index::{Listed, Order};
pub use read::{ScanPage, Summary, Ttl};
pub use reads::Reads;
pub use shown::Shown;

pub(crate) use dirty::{Sweep, Work};
pub(crate) use shard::Entry;
pub(crate) use standing::Standing;

use crate::limits::TABLE_SHARDS;
use crate::{Labels, SegmentLabel};
use parking_lot::RwLock;
use shard::{Link, Put, Shard};
use sillage_model::{PersonKey, Profile, SegmentChange, Transition};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time in milliseconds since the epoch.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The clock of the operating system.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "a door of time for views that stand alone")]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// What a view must know of its project.
pub struct ViewConfig {
    /// The project's name, as in `sl:<project>:`; without a colon.
    pub project: String,
    /// The segments, in the order of their numbers.
    pub segments: Vec<SegmentLabel>,
    /// The names of the scores, in the order of their numbers.
    pub scores: Vec<String>,
    /// The traits that may be read, by name or dotted path. Private until listed.
    pub traits_shown: Vec<String>,
    /// The half-life of the engagement score, in milliseconds.
    pub half_life_ms: i64,
    /// The digest of everything that shapes states.
    pub digest: u64,
    /// The generation of the states.
    pub generation: u32,
    /// By which clock profiles expire.
    pub clock: Clock,
}

/// The readable side of a project.
pub struct View {
    project: String,
    labels: Labels,
    half_life_ms: i64,
    digest: u64,
    generation: u32,
    clock: Clock,
    hasher: foldhash::fast::RandomState,
    shards: Vec<RwLock<Shard>>,
    index: index::Index,
    changes: Arc<Changes>,
    dirty: dirty::Dirty,
    /// Keys of segments that are gone, so that a Redis does not keep their sets.
    gone: Vec<String>,
    /// Shared, so that counts go on in a view that takes the place of this one.
    reads: Arc<Reads>,
}

impl View {
    /// An empty view.
    #[must_use]
    pub fn new(config: ViewConfig) -> Arc<Self> {
        let index = index::Index::new(config.segments.len());
        Arc::new(Self {
            project: config.project,
            labels: Labels::new(config.segments, &config.scores, config.traits_shown),
            half_life_ms: config.half_life_ms,
            digest: config.digest,
            generation: config.generation,
            clock: config.clock,
            hasher: foldhash::fast::RandomState::default(),
            shards: (0..TABLE_SHARDS).map(|_| RwLock::default()).collect(),
            index,
            changes: Arc::default(),
            dirty: dirty::Dirty::default(),
            gone: Vec::new(),
            reads: Arc::default(),
        })
    }

    /// An empty view where these segments were removed before.
    #[must_use]
    pub fn without(config: ViewConfig, gone: Vec<String>) -> Arc<Self> {
        let fresh = Arc::into_inner(Self::new(config)).expect("nobody else has it yet");
        Arc::new(Self { gone, ..fresh })
    }

    /// An empty view for other rules, to be filled aside and shown in place of this one: it goes on
    /// with the same change stream. `gone` are keys of segments that were removed.
    #[must_use]
    pub fn beside(&self, config: ViewConfig, gone: Vec<String>) -> Arc<Self> {
        let fresh = Arc::into_inner(Self::new(config)).expect("nobody else has it yet");
        Arc::new(Self {
            hasher: self.hasher.clone(),
            changes: Arc::clone(&self.changes),
            reads: Arc::clone(&self.reads),
            dirty: dirty::Dirty::beside(&self.dirty),
            gone,
            ..fresh
        })
    }

    /// Shows a person as they are now. `transitions` are what happened since the last publication;
    /// they go to the change stream as they are, under `now_ms`.
    ///
    /// *Guarantees*: idempotent. A version that is not above the one shown changes nothing, nor
    /// does a profile of a device that belongs to a person. The profile is readable before its
    /// transitions are.
    pub fn publish(&self, profile: Profile, transitions: &[Transition], now_ms: i64) {
        let profile = Arc::new(profile);
        let member = profile.member.as_str();
        let (shard, hash) = self.place(member);
        let before = {
            let mut shard = self.shards[shard].write();
            let put = shard.put_profile(hash, Arc::clone(&profile), |text| self.hash_of(text));
            let Put::Done { slot, before } = put else { return };
            // Within the lock, so that a link made meanwhile cannot leave the device listed.
            let listed = before.as_ref().map_or(&[][..], |before| &before.segments);
            self.index.replace(member, listed, &profile.segments);
            let held = before.as_ref().map_or(&[][..], |before| &before.held_out);
            self.index.recount(held, &profile.held_out);
            if self.dirty.is_on() {
                shard.remember(slot, self.exits(transitions));
                self.dirty.marked(shard.mark(slot, now_ms));
            }
            before
        };
        let known = before.as_ref().map_or(&[][..], |before| &before.devices);
        if known != profile.devices {
            for device in profile.devices.iter().filter(|device| !known.contains(device)) {
                self.link(PersonKey::device(device), &profile.member, false, now_ms);
            }
        }
        self.changes.append(&self.labels, &profile, transitions, now_ms);
    }

    /// Makes a device resolve to a person from now on. What was listed under the device itself
    /// vanishes without entries in the change stream: nobody left anything. Idempotent.
    pub fn publish_tombstone(&self, device: &PersonKey, person: &PersonKey) {
        self.link(device.clone(), person, true, self.now_ms());
    }

    fn link(&self, device: PersonKey, person: &PersonKey, overrule: bool, now_ms: i64) {
        let (shard, hash) = self.place(device.as_str());
        let link = Link { device: device.clone(), person: person.clone() };
        let mut shard = self.shards[shard].write();
        let put = shard.put_link(hash, link, overrule, |text| self.hash_of(text));
        let Put::Done { slot, before } = put else { return };
        if let Some(before) = before {
            self.index.replace(device.as_str(), &before.segments, &[]);
            self.index.recount(&before.held_out, &[]);
        }
        if self.dirty.is_on() {
            self.dirty.marked(shard.mark(slot, now_ms));
        }
    }

    fn exits(&self, transitions: &[Transition]) -> impl Iterator<Item = (Arc<str>, i64)> {
        let left = transitions.iter().filter(|t| t.change == SegmentChange::Exit);
        left.filter_map(|t| Some((Arc::clone(self.labels.segment_key(t.segment)?), t.at.0)))
    }

    fn hash_of(&self, member: &str) -> u64 {
        self.hasher.hash_one(member)
    }

    fn place(&self, member: &str) -> (usize, u64) {
        let hash = self.hash_of(member);
        // Bits that the table within a shard does not use: it takes the lowest and the highest.
        let [_, _, byte, ..] = hash.to_be_bytes();
        (usize::from(byte) % TABLE_SHARDS, hash)
    }
}
