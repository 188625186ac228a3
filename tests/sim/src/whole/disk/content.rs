//! One file: what the system's memory holds of it, and what the device does.
use crate::rng::Rng;
use std::collections::BTreeSet;

/// What a device writes whole or not at all.
pub(super) const SECTOR: usize = 512;

/// A file's bytes, twice.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    /// What a read gives while the machine runs.
    pub(super) cached: Vec<u8>,
    /// What the device holds.
    pub(super) durable: Vec<u8>,
    /// Sectors of the memory that the device has yet to get.
    dirty: BTreeSet<usize>,
    /// Bytes of space that writes need not ask for.
    pub(super) reserved: usize,
}

impl Content {
    /// Lies in memory only.
    pub(super) fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        if self.cached.len() < end {
            self.set_len(end);
        }
        self.cached[offset..end].copy_from_slice(bytes);
        self.soil(offset, end);
    }

    /// Gives the file another length; what is new are zeros.
    pub(super) fn set_len(&mut self, len: usize) {
        let old = self.cached.len();
        self.cached.resize(len, 0);
        self.soil(old.min(len), old.max(len));
        self.reserved = self.reserved.max(len);
    }

    fn soil(&mut self, from: usize, to: usize) {
        self.dirty.extend(from / SECTOR..to.div_ceil(SECTOR));
    }

    /// Brings all of it to the device.
    pub(super) fn sync(&mut self) {
        self.durable.clone_from(&self.cached);
        self.dirty.clear();
    }

    /// Fails to: some sectors arrive, and the memory takes all of them for clean from now on.
    pub(super) fn fail_to_sync(&mut self, rng: &mut Rng) {
        self.write_back(rng, 50);
        self.dirty.clear();
    }

    /// The system brings some sectors to the device by itself, in any order.
    pub(super) fn write_back(&mut self, rng: &mut Rng, percent: u64) {
        let some: Vec<usize> = self.dirty.iter().copied().filter(|_| rng.chance(percent)).collect();
        for sector in some {
            self.dirty.remove(&sector);
            self.land(sector);
        }
    }

    /// One sector arrives.
    fn land(&mut self, sector: usize) {
        let from = sector * SECTOR;
        let to = (from + SECTOR).min(self.cached.len());
        if from >= to {
            // What was cut off lies behind the end, which comes of its own.
            return;
        }
        if self.durable.len() < to {
            self.durable.resize(to, 0);
        }
        self.durable[from..to].copy_from_slice(&self.cached[from..to]);
    }

    /// Power is cut. Any sectors that were not synced arrived or did not; so did the length.
    pub(super) fn crash(&mut self, rng: &mut Rng) -> bool {
        let was_dirty = !self.dirty.is_empty() || self.durable.len() != self.cached.len();
        let old_len = self.durable.len();
        // All, none, or any of them: the last two are what devices with and without a queue do most.
        let percent = *rng.pick(&[0, 50, 90, 100, 10]);
        self.write_back(rng, percent);
        if self.cached.len() != old_len {
            let len = if rng.chance(50) { self.cached.len() } else { old_len };
            self.durable.resize(len, 0);
        }
        self.dirty.clear();
        self.cached.clone_from(&self.durable);
        self.reserved = self.durable.len();
        was_dirty
    }

    /// Clean sectors come from the device when they are next read.
    pub(super) fn forget_cached(&mut self) {
        for sector in 0..self.cached.len().div_ceil(SECTOR) {
            if self.dirty.contains(&sector) {
                continue;
            }
            let from = sector * SECTOR;
            let to = (from + SECTOR).min(self.cached.len());
            for at in from..to {
                self.cached[at] = self.durable.get(at).copied().unwrap_or(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_survives_and_anything_else_may_be_torn_at_sectors() {
        let (mut kept, mut torn, mut lost) = (0, 0, 0);
        for seed in 0..200 {
            let mut content = Content::default();
            content.write(&[1; 4 * SECTOR], 0);
            content.sync();
            content.write(&[2; 3 * SECTOR], SECTOR);
            content.crash(&mut Rng::new(seed));
            assert_eq!(content.cached[..SECTOR], [1; SECTOR]);
            let sectors = content.cached[SECTOR..].chunks(SECTOR);
            let new: Vec<bool> = sectors
                .map(|s| {
                    assert!(s.iter().all(|b| b == s.first().unwrap()));
                    s[0] == 2
                })
                .collect();
            kept += u32::from(new.iter().all(|n| *n));
            lost += u32::from(new.iter().all(|n| !*n));
            torn += u32::from(new.iter().any(|n| *n) && new.iter().any(|n| !*n));
        }
        assert!(kept > 20 && lost > 20 && torn > 20, "{kept} {torn} {lost}");
    }

    #[test]
    fn after_a_failed_sync_the_next_one_succeeds_and_the_bytes_are_gone() {
        let mut content = Content::default();
        content.write(&[1; 8 * SECTOR], 0);
        content.sync();
        content.write(&[2; 8 * SECTOR], 0);
        content.fail_to_sync(&mut Rng::new(1));
        assert_eq!(content.cached, [2; 8 * SECTOR], "memory shows what the device has not");
        assert!(content.dirty.is_empty(), "so a second sync finds nothing to do");
        content.forget_cached();
        assert!(content.cached.contains(&1));
    }
}
