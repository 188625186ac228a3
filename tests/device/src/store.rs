//! Where a process keeps its units, and how that place can fail.
use crate::rng::Rng;
use sdk_core::Key;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One step of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Store a value.
    Put(Key, Arc<[u8]>),
    /// Remove a key.
    Remove(Key),
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// Killed: the system keeps what it was handed.
    Kill,
    /// The device lost power: what was not synced may be gone.
    PowerCut,
}

/// What is stored, by key.
pub type Records = BTreeMap<Key, Arc<[u8]>>;

/// A durable map whose units are atomic.
pub trait Disk {
    /// Hands a unit to the system; `false` if there is no room, and then nothing of it is there.
    fn write(&mut self, unit: &[Op]) -> bool;
    /// Makes everything that was written survive a power cut.
    fn sync(&mut self);
    /// The process ends, perhaps while `torn` is being written.
    fn die(&mut self, how: Death, torn: Option<&[Op]>, rng: &mut Rng);
    /// Some byte changes or is lost while nobody looks. Says whether anything was hit.
    fn rot(&mut self, rng: &mut Rng) -> bool;
    /// Whether there is room from now on.
    fn set_full(&mut self, full: bool);
    /// Opens it again: what it holds.
    ///
    /// # Errors
    /// What it holds is not what it was handed.
    fn open(&mut self) -> Result<Records, String>;
    /// Bytes taken, and how many there may be at most.
    fn bytes(&self) -> (u64, u64);
}

/// A list of units: the fast one, whose units are atomic by construction.
#[derive(Debug, Default)]
pub struct UnitList {
    base: Records,
    units: Vec<Vec<Op>>,
    synced: usize,
    full: bool,
}

/// Synced units that are kept apart, so that rot can hit one.
const KEPT_APART: usize = 16;

impl Disk for UnitList {
    fn write(&mut self, unit: &[Op]) -> bool {
        if !self.full {
            self.units.push(unit.to_vec());
        }
        !self.full
    }

    fn sync(&mut self) {
        self.synced = self.units.len();
        let old = self.synced.saturating_sub(KEPT_APART);
        for unit in self.units.drain(..old) {
            apply(&mut self.base, &unit);
        }
        self.synced -= old;
    }

    fn die(&mut self, how: Death, torn: Option<&[Op]>, rng: &mut Rng) {
        if let Some(unit) = torn
            && !self.full
            && rng.per_mille(500)
        {
            self.units.push(unit.to_vec());
        }
        if how == Death::PowerCut {
            self.units.truncate(rng.count(self.synced, self.units.len()));
            self.synced = self.units.len();
        }
    }

    fn rot(&mut self, rng: &mut Rng) -> bool {
        if self.units.is_empty() {
            return false;
        }
        let at = rng.count(0, self.units.len() - 1);
        if rng.per_mille(300) {
            self.units.truncate(at);
        } else {
            self.units.remove(at);
        }
        self.synced = self.units.len();
        true
    }

    fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    fn open(&mut self) -> Result<Records, String> {
        let mut all = self.base.clone();
        for unit in &self.units {
            apply(&mut all, unit);
        }
        Ok(all)
    }

    fn bytes(&self) -> (u64, u64) {
        (0, 0)
    }
}

/// What a unit does to what is stored.
pub fn apply(records: &mut Records, unit: &[Op]) {
    for op in unit {
        match op {
            Op::Put(key, value) => {
                records.insert(*key, Arc::clone(value));
            }
            Op::Remove(key) => {
                records.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(n: u64) -> Vec<Op> {
        vec![Op::Put(Key::Event(n), Arc::from([0_u8].as_slice()))]
    }

    #[test]
    fn a_kill_loses_nothing_that_was_written_and_a_power_cut_nothing_that_was_synced() {
        for seed in 0..50 {
            let (mut disk, mut rng) = (UnitList::default(), Rng::new(seed, 0));
            for n in 0..30 {
                assert!(disk.write(&put(n)));
                if n == 20 {
                    disk.sync();
                }
            }
            disk.die(Death::Kill, None, &mut rng);
            assert_eq!(disk.open().unwrap().len(), 30);
            assert!(disk.write(&put(30)));
            disk.die(Death::PowerCut, None, &mut rng);
            assert!((21..=31).contains(&disk.open().unwrap().len()));
        }
    }

    #[test]
    fn a_full_disk_takes_nothing() {
        let mut disk = UnitList::default();
        disk.set_full(true);
        assert!(!disk.write(&put(1)));
        assert_eq!(disk.open().unwrap().len(), 0);
    }
}
