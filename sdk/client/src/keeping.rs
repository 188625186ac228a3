//! Where one tracker's records are kept. Nothing is created before there is something to keep, and
//! nothing is left once the last of it is forgotten.
use crate::guard::Guard;
use crate::lanes::Lane;
use crate::spool::{Bounds, Disk as _, Folder, Op, Opened, Spool, SpoolError};
use crate::witness::Witness;
use sdk_core::{Key, Restored};
use std::io;
use std::path::{Path, PathBuf};

/// The keeping of one tracker.
#[derive(Debug)]
pub(crate) struct Keeping {
    /// `None`: everything stays in memory.
    folder: Option<PathBuf>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    spool: Spool<Folder>,
    lane: Lane,
}

impl Keeping {
    /// Takes up what a lane of this folder holds, if nobody else has it.
    pub(crate) fn open(folder: Option<PathBuf>, guard: &Guard) -> (Self, Restored, io::Result<()>) {
        let mut keeping = Self { folder, open: None };
        let mut restored = Restored::default();
        let opened = keeping.claim(guard, &mut restored);
        (keeping, restored, opened)
    }

    fn claim(&mut self, guard: &Guard, restored: &mut Restored) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        if let Some(lane) = Lane::claim(folder)? {
            *restored = self.take_up(lane, guard)?;
        }
        Ok(())
    }

    /// Takes up what an unattended lane holds; `None` if there is nothing to deliver.
    pub(crate) fn adopt(lane: Lane, guard: &Guard) -> io::Result<Option<(Self, Restored)>> {
        let mut keeping = Self { folder: None, open: None };
        let restored = keeping.take_up(lane, guard)?;
        let events = restored.records.iter().any(|(key, _)| matches!(key, Key::Event(_)));
        Ok(events.then_some((keeping, restored)))
    }

    fn take_up(&mut self, lane: Lane, guard: &Guard) -> io::Result<Restored> {
        let witness = Witness::read(&lane.path);
        let Opened { spool, records, damage: _ } =
            Spool::open(Folder::new(&lane.path)?, Bounds::default()).map_err(io::Error::other)?;
        guard.set_witness(Witness::open(&lane.path).ok());
        self.open = Some(Open { spool, lane });
        Ok(Restored { records, witness, ..Restored::default() })
    }

    /// Writes a unit, so that it survives the end of the process.
    pub(crate) fn write(&mut self, unit: &[Op], guard: &Guard) -> Result<(), SpoolError> {
        if self.open.is_none() && !unit.iter().any(|op| matches!(op, Op::Put(..))) {
            return Ok(());
        }
        if self.open.is_none() {
            let Some(folder) = &self.folder else { return Ok(()) };
            match Lane::create(folder).map_err(SpoolError::Disk)? {
                Some(lane) => drop(self.take_up(lane, guard).map_err(SpoolError::Disk)?),
                // More processes than lanes: this one keeps its events in memory.
                None => self.folder = None,
            }
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let written = open.spool.write(unit);
        // Not by what this unit removes: it may have put something back, or an earlier one may have
        // found the disk full.
        if written.is_ok() && open.spool.is_empty() {
            self.clear(guard);
        }
        written
    }

    /// Makes durable what was written.
    pub(crate) fn sync(&mut self) -> Result<(), SpoolError> {
        match &mut self.open {
            Some(open) if !open.spool.is_synced() => open.spool.sync(),
            _ => Ok(()),
        }
    }

    /// Whether all that was to be kept is durable. Without a folder nothing ever is.
    pub(crate) fn is_durable(&self) -> bool {
        match &self.open {
            Some(open) => open.spool.is_written() && open.spool.is_synced(),
            None => self.folder.is_some(),
        }
    }

    /// A consent was withdrawn: not even an empty file is left.
    fn clear(&mut self, guard: &Guard) {
        if let Some(Open { spool, lane }) = self.open.take() {
            guard.set_witness(None);
            drop(spool);
            // What cannot be removed now holds no event; the next unit will find the lane again.
            remove_lane(&lane.path).ok();
            drop(lane);
        }
    }
}

fn remove_lane(path: &Path) -> io::Result<()> {
    Witness::remove(path)?;
    let mut folder = Folder::new(path)?;
    for segment in folder.segments()? {
        folder.remove(segment)?;
    }
    std::fs::remove_file(path.join(crate::lanes::LOCK))?;
    std::fs::remove_dir(path)?;
    match path.parent() {
        // Other lanes, or files of the app, keep the folder.
        Some(parent) => std::fs::remove_dir(parent),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sdk_core::{Config, Tracker};
    use std::sync::Arc;

    #[test]
    fn a_lane_goes_with_its_last_record_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let tracker = Tracker::new(Config::native(), [1; 32], crate::clock::now());
        let guard = Guard::new(tracker);
        let path = folder.path().join("events");
        let (mut keeping, _, opened) = Keeping::open(Some(path.clone()), &guard);
        opened.unwrap();
        let put = |key| Op::Put(key, Arc::from(*b"value"));
        keeping.write(&[put(Key::State), put(Key::Event(1))], &guard).unwrap();
        assert!(path.exists());
        // A consent withdrawn and given again between two writes.
        let (event, state) = (Key::Event(1), Key::State);
        let again = [Op::Remove(event), Op::Remove(state), put(Key::Event(2)), put(state)];
        keeping.write(&again, &guard).unwrap();
        assert!(path.join("lane-0").exists());
        keeping.write(&[Op::Remove(Key::Event(2)), Op::Remove(state)], &guard).unwrap();
        assert!(!path.exists());
    }
}
