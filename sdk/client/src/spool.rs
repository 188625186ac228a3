//! A durable map from [`Key`] to bytes, changed in units that happen whole or not at all.
//!
//! It appends to numbered segments and removes the oldest ones once little in them still counts;
//! what does is written again at the end first. So a queue, whose oldest events leave first, is
//! cleaned almost for free, and no step needs more room than one segment.
mod disk;
mod frame;

#[cfg(test)]
mod tests;

pub use disk::{Disk, Folder};
pub(crate) use disk::{private_file, private_folder};

use crate::limits::{CLEANED_PER_WRITE_MAX, DISK_BYTES_MAX, MOVED_BYTES_MAX, SEGMENT_BYTES};
use sdk_core::Key;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;

/// One change of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Stores a value under a key, over what was there.
    Put(Key, Arc<[u8]>),
    /// Removes a key, if it is there.
    Remove(Key),
}

/// The bounds of a spool.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of a segment before the next is begun.
    pub segment_bytes: u64,
    /// Bytes on disk, cleaning included. At least eight segments.
    pub disk_bytes_max: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { segment_bytes: SEGMENT_BYTES, disk_bytes_max: DISK_BYTES_MAX }
    }
}

/// Why a unit is not on disk, or not durable, yet. It is kept and is written with the next one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// The file system or the spool's own bound is full; free space, or wait for deliveries.
    #[error("no room left for the event spool")]
    Full,
    /// The disk failed; try again later.
    #[error("the event spool's disk failed")]
    Disk(#[source] io::Error),
}

/// What was wrong on disk when a spool was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Damage {
    /// Bytes cut from the end: a write that a crash tore.
    pub cut_bytes: u64,
    /// Damaged places before that, each with at least one lost frame.
    pub skipped_frames: u64,
    /// Segments that could not be read at all.
    pub unreadable_segments: u64,
}

/// A spool and what it holds.
#[derive(Debug)]
pub struct Opened<D> {
    /// The spool.
    pub spool: Spool<D>,
    /// Every key with its value, by ascending key.
    pub records: Vec<(Key, Arc<[u8]>)>,
    /// What was wrong.
    pub damage: Damage,
}

/// The map. See the module.
///
/// # Guarantees
/// After a crash it holds the effect of a prefix of the units, with all that were written before the
/// last successful [`Spool::sync`], and, if only the process died, all for which [`Spool::write`]
/// succeeded. Damage in the middle takes its own units and no others; so does a sync that failed, if
/// power is lost before a later one succeeds. It never panics on any bytes.
#[derive(Debug)]
pub struct Spool<D> {
    disk: D,
    bounds: Bounds,
    live: BTreeMap<u64, Stored>,
    /// Those on disk, oldest first.
    segments: VecDeque<Segment>,
    /// Whether the newest segment may be appended to.
    head_open: bool,
    /// Changes that are not written, the last one of each key.
    owed: BTreeMap<u64, Option<Arc<[u8]>>>,
    next_ordinal: u64,
    /// Whether the newest segment holds bytes that are not durable.
    unsynced: bool,
    names_unsynced: bool,
    /// Segments below may have lost what a failed sync was to make durable; they are to be cleaned.
    distrusted_below: u64,
    /// Whether bytes of a failed write may be on disk: then any key may be there.
    may_hold_more: bool,
    buffer: Vec<u8>,
}

/// Numbers of segments end here, far beyond any life of a device: a file with a higher name is not
/// ours, and would leave no room for the next number.
const SEGMENTS_END: u64 = 1 << 62;

/// No key has this number; its removal means nothing.
const NO_KEY: u64 = u64::MAX;

#[derive(Debug)]
struct Stored {
    value: Arc<[u8]>,
    segment: u64,
}

impl Stored {
    fn bytes(&self) -> u64 {
        (self.value.len() + frame::PUT_BYTES) as u64
    }
}

#[derive(Debug)]
struct Segment {
    id: u64,
    bytes: u64,
    live_bytes: u64,
}

impl<D: Disk> Spool<D> {
    /// Opens what is on disk, or begins anew if nothing is.
    ///
    /// # Errors
    /// If it cannot even be listed what is there.
    ///
    /// # Cost
    /// Reads everything once.
    pub fn open(mut disk: D, bounds: Bounds) -> Result<Opened<D>, SpoolError> {
        let mut ids = disk.segments().map_err(SpoolError::Disk)?;
        ids.retain(|&id| id < SEGMENTS_END);
        ids.sort_unstable();
        let mut spool = Self {
            disk,
            bounds,
            live: BTreeMap::new(),
            segments: VecDeque::new(),
            head_open: false,
            owed: BTreeMap::new(),
            next_ordinal: 0,
            unsynced: !ids.is_empty(),
            names_unsynced: true,
            distrusted_below: 0,
            may_hold_more: false,
            buffer: Vec::new(),
        };
        let mut damage = Damage::default();
        let newest = ids.last().copied();
        for id in ids {
            spool.load(id, Some(id) == newest, &mut damage);
        }
        // The next number of openings: whatever an earlier process began to write is older.
        spool.next_ordinal = ((spool.next_ordinal >> 32) + 1) << 32;
        let records = spool.live.iter();
        let records = records
            .filter_map(|(&key, stored)| Some((Key::from_u64(key)?, Arc::clone(&stored.value))));
        Ok(Opened { records: records.collect(), spool, damage })
    }

    /// Adds a unit, and writes it with all that could not be written before: to the system, so that
    /// it survives the end of the process, but not yet of the machine.
    ///
    /// # Errors
    /// Nothing was written. The unit is kept, and is written with the next one, never after it;
    /// an empty unit tries again.
    pub fn write(&mut self, unit: &[Op]) -> Result<(), SpoolError> {
        for op in unit {
            match op {
                Op::Put(key, value) => {
                    self.owed.insert(key.to_u64(), Some(Arc::clone(value)));
                }
                Op::Remove(key) => {
                    let key = key.to_u64();
                    if self.live.contains_key(&key) || self.may_hold_more {
                        self.owed.insert(key, None);
                    } else {
                        self.owed.remove(&key);
                    }
                }
            }
        }
        self.write_owed()
    }

    /// Makes durable what was written.
    ///
    /// # Errors
    /// It may not be durable. Nothing that a failed sync was to save is trusted again by this process:
    /// the next call writes it anew into other files. One that takes over in between cannot know.
    pub fn sync(&mut self) -> Result<(), SpoolError> {
        if self.is_distrusted() {
            self.write_anew()?;
        }
        self.sync_head()
    }

    /// Whether it holds nothing, on disk or still to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty() && self.owed.is_empty()
    }

    /// Whether all that was given to [`Spool::write`] is written.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.owed.is_empty()
    }

    /// Whether all that is written is durable.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        !self.unsynced && !self.names_unsynced && !self.is_distrusted()
    }

    /// Bytes on disk.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Lets the disk go, as it is.
    #[must_use]
    pub fn into_disk(self) -> D {
        self.disk
    }

    fn load(&mut self, id: u64, is_newest: bool, damage: &mut Damage) {
        let Ok(bytes) = self.disk.read(id, self.bounds.disk_bytes_max) else {
            damage.unreadable_segments += 1;
            self.next_ordinal = self.next_ordinal.max(id);
            self.segments.push_back(Segment { id, bytes: 0, live_bytes: 0 });
            return;
        };
        self.segments.push_back(Segment { id, bytes: bytes.len() as u64, live_bytes: 0 });
        let after = self.next_ordinal.max(id.saturating_sub(1));
        let scanned = frame::scan(&bytes, after, |key, value| self.apply(id, key, value));
        self.next_ordinal = scanned.last_ordinal.max(id);
        damage.skipped_frames += scanned.skipped;
        let torn = (bytes.len() - scanned.good_bytes) as u64;
        if !is_newest {
            damage.skipped_frames += u64::from(torn > 0);
            return;
        }
        damage.cut_bytes += torn;
        let good = scanned.good_bytes as u64;
        self.head_open = torn == 0 || self.disk.cut(id, good).is_ok();
        if let (true, Some(head)) = (self.head_open, self.segments.back_mut()) {
            head.bytes = good;
        }
    }

    fn write_owed(&mut self) -> Result<(), SpoolError> {
        if self.owed.is_empty() {
            return Ok(());
        }
        let owed = std::mem::take(&mut self.owed);
        let disk_bytes_max = self.disk_bytes_max(&owed);
        let mut written = self.append(&owed, disk_bytes_max);
        // Full: what was delivered in the meantime makes room, segment by segment.
        for _ in 0..self.segments.len() {
            let is_full = matches!(written, Err(SpoolError::Full));
            if !is_full
                || self.garbage_bytes() == 0
                || self.clean_oldest(self.distrusted_below).is_err()
            {
                break;
            }
            written = self.append(&owed, disk_bytes_max);
        }
        if let Err(error) = written {
            self.owed = owed;
            return Err(error);
        }
        let head = self.segments.back().map_or(0, |head| head.id);
        owed.into_iter().for_each(|(key, value)| self.apply(head, key, value));
        self.tidy();
        Ok(())
    }

    fn is_distrusted(&self) -> bool {
        self.segments.front().is_some_and(|oldest| oldest.id < self.distrusted_below)
    }

    /// Moves everything out of segments that a failed sync has made doubtful.
    fn write_anew(&mut self) -> Result<(), SpoolError> {
        // A disk that still fails is found out by one small frame, not by moving everything again.
        let probe = BTreeMap::from([(NO_KEY, None)]);
        self.append(&probe, self.bounds.disk_bytes_max)?;
        self.sync_head()?;
        while self.is_distrusted() {
            match self.clean_oldest(self.distrusted_below) {
                // No room for a second copy of everything. One segment at a time needs little, but
                // loses more if power is lost in the middle of it.
                Err(SpoolError::Full) => self.clean_oldest(0)?,
                other => other?,
            }
        }
        Ok(())
    }

    /// What a frame may fill the disk to. Room is kept back for cleaning, which needs a segment or
    /// two, and for changes that leave less than there was: they are what makes room.
    fn disk_bytes_max(&self, ops: &BTreeMap<u64, Option<Arc<[u8]>>>) -> u64 {
        let put: usize = ops.values().flatten().map(|value| value.len() + frame::PUT_BYTES).sum();
        let removed: u64 = ops.keys().filter_map(|key| self.live.get(key)).map(Stored::bytes).sum();
        let kept_back = if put as u64 <= removed {
            self.bounds.segment_bytes
        } else {
            2 * self.bounds.segment_bytes
        };
        self.bounds.disk_bytes_max.saturating_sub(kept_back)
    }

    fn apply(&mut self, segment: u64, key: u64, value: Option<Arc<[u8]>>) {
        let before = match value {
            Some(value) => {
                let stored = Stored { value, segment };
                self.count_live(segment, stored.bytes().cast_signed());
                self.live.insert(key, stored)
            }
            None => self.live.remove(&key),
        };
        if let Some(before) = before {
            self.count_live(before.segment, -before.bytes().cast_signed());
        }
    }

    fn count_live(&mut self, segment: u64, change: i64) {
        if let Ok(at) = self.segments.binary_search_by_key(&segment, |segment| segment.id)
            && let Some(segment) = self.segments.get_mut(at)
        {
            segment.live_bytes = segment.live_bytes.saturating_add_signed(change);
        }
    }

    fn garbage_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes.saturating_sub(segment.live_bytes)).sum()
    }

    /// Appends one frame to the newest segment, within `disk_bytes_max` in all.
    fn append(
        &mut self,
        ops: &BTreeMap<u64, Option<Arc<[u8]>>>,
        disk_bytes_max: u64,
    ) -> Result<(), SpoolError> {
        self.buffer.clear();
        let ops = ops.iter().map(|(&key, value)| (key, value.as_deref()));
        frame::encode(self.next_ordinal, ops, &mut self.buffer).ok_or(SpoolError::Full)?;
        if self.disk_bytes() + self.buffer.len() as u64 + frame::MAGIC.len() as u64 > disk_bytes_max
        {
            return Err(SpoolError::Full);
        }
        let head_bytes = self.segments.back().map_or(0, |head| head.bytes);
        let fits = head_bytes + self.buffer.len() as u64 <= self.bounds.segment_bytes;
        if !fits && head_bytes > frame::MAGIC.len() as u64 {
            self.head_open = false;
        }
        if !self.head_open {
            // At most one segment is not durable, name and all: else a later one could outlive it.
            if self.unsynced || (self.names_unsynced && !self.segments.is_empty()) {
                self.sync_head()?;
            }
            self.segments.push_back(Segment { id: self.next_ordinal, bytes: 0, live_bytes: 0 });
            self.head_open = true;
            self.names_unsynced = true;
        }
        let ordinal = self.next_ordinal;
        self.next_ordinal += 1;
        let head = self.segments.back_mut().expect("a head was just opened if there was none");
        if head.bytes == 0 {
            self.buffer.splice(..0, frame::MAGIC);
        }
        self.unsynced = true;
        let written = self.disk.append(head.id, &self.buffer);
        let Err(error) = written else {
            head.bytes += self.buffer.len() as u64;
            return Ok(());
        };
        if self.disk.cut(head.id, head.bytes).is_err() {
            // The frame may be there whole. It stays true: what is kept says the same, and more.
            head.bytes += self.buffer.len() as u64;
            self.head_open = false;
            self.may_hold_more = true;
        }
        if head.id == ordinal && head.bytes == 0 {
            self.forget_empty_head();
        }
        let is_full = matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        );
        Err(if is_full { SpoolError::Full } else { SpoolError::Disk(error) })
    }

    /// A segment whose first write failed is not left behind, nor its name.
    fn forget_empty_head(&mut self) {
        let Some(head) = self.segments.back() else { return };
        if self.disk.remove(head.id).is_ok() {
            self.segments.pop_back();
            self.head_open = false;
            self.unsynced = false;
        }
    }

    fn sync_head(&mut self) -> Result<(), SpoolError> {
        if let (true, Some(head)) = (self.unsynced, self.segments.back()) {
            if let Err(error) = self.disk.sync(head.id) {
                // The system may drop what it could not write and call the next sync a success.
                self.head_open = false;
                self.unsynced = false;
                self.distrusted_below = self.next_ordinal;
                return Err(SpoolError::Disk(error));
            }
            self.unsynced = false;
        }
        if self.names_unsynced {
            self.disk.sync_names().map_err(SpoolError::Disk)?;
            self.names_unsynced = false;
        }
        Ok(())
    }

    /// Keeps garbage below what counts, or below two segments.
    fn tidy(&mut self) {
        for _ in 0..CLEANED_PER_WRITE_MAX {
            let live: u64 = self.segments.iter().map(|segment| segment.live_bytes).sum();
            let allowed = live.max(2 * self.bounds.segment_bytes);
            let is_due = self.segments.len() > 1 && self.garbage_bytes() > allowed;
            // A failure is tried again with the next write, and hurts only when the disk is full.
            if !is_due || self.clean_oldest(self.distrusted_below).is_err() {
                return;
            }
        }
    }

    /// Moves what still counts in the oldest segment, and in those below `below`, to the newest, and
    /// removes the oldest. At every moment the disk holds all that counts, and a removed key cannot
    /// come back: what said that it is removed is durable before its value's segment goes, and goes
    /// after it.
    fn clean_oldest(&mut self, below: u64) -> Result<(), SpoolError> {
        let Some(oldest) = self.segments.front().map(|oldest| oldest.id) else { return Ok(()) };
        if self.segments.len() == 1 {
            self.head_open = false;
        }
        let below = below.max(oldest + 1);
        let counted = self.live.iter().filter(|(_, stored)| stored.segment < below);
        let mut keys: VecDeque<u64> = counted.map(|(&key, _)| key).collect();
        while !keys.is_empty() {
            let mut moved = BTreeMap::new();
            let mut bytes = 0;
            while let (true, Some(key)) = (bytes < MOVED_BYTES_MAX, keys.pop_front()) {
                let value = self.live.get(&key).map(|stored| Arc::clone(&stored.value));
                bytes += value.as_ref().map_or(0, |value| value.len());
                moved.insert(key, value);
            }
            self.append(&moved, self.bounds.disk_bytes_max)?;
            let head = self.segments.back().map_or(0, |head| head.id);
            moved.into_iter().for_each(|(key, value)| self.apply(head, key, value));
        }
        self.sync_head()?;
        self.disk.remove(oldest).map_err(SpoolError::Disk)?;
        self.segments.pop_front();
        self.names_unsynced = true;
        self.sync_head()
    }
}
