//! The names in one directory: as they are seen, and as they would be after a power cut.
use crate::rng::Rng;
use std::collections::BTreeMap;
use std::ffi::OsString;

/// Names and the files that they lead to.
type Names = BTreeMap<OsString, u64>;

#[derive(Debug, Clone, Default)]
pub(super) struct Directory {
    pub(super) seen: Names,
    durable: Names,
    /// What was done since the last sync, in order.
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Link(OsString, u64),
    Rename(OsString, OsString, u64),
    Unlink(OsString),
}

impl Change {
    fn apply(self, names: &mut Names) {
        match self {
            Self::Link(name, file) => drop(names.insert(name, file)),
            Self::Unlink(name) => drop(names.remove(&name)),
            Self::Rename(from, to, file) => {
                names.remove(&from);
                names.insert(to, file);
            }
        }
    }
}

impl Directory {
    fn change(&mut self, change: Change) {
        change.clone().apply(&mut self.seen);
        self.pending.push(change);
    }

    pub(super) fn link(&mut self, name: OsString, file: u64) {
        self.change(Change::Link(name, file));
    }

    pub(super) fn rename(&mut self, from: OsString, to: OsString, file: u64) {
        self.change(Change::Rename(from, to, file));
    }

    pub(super) fn unlink(&mut self, name: OsString) {
        self.change(Change::Unlink(name));
    }

    pub(super) fn sync(&mut self) {
        self.durable.clone_from(&self.seen);
        self.pending.clear();
    }

    /// Power is cut: any of the changes arrived. How many were lost.
    pub(super) fn crash(&mut self, rng: &mut Rng) -> u64 {
        let percent = *rng.pick(&[0, 50, 100]);
        let mut lost = 0;
        for change in self.pending.drain(..) {
            if rng.chance(percent) {
                change.apply(&mut self.durable);
            } else {
                lost += 1;
            }
        }
        self.seen.clone_from(&self.durable);
        lost
    }

    /// The files that its names lead to, on the device too.
    pub(super) fn files(&self) -> impl Iterator<Item = u64> + '_ {
        self.seen.values().chain(self.durable.values()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rename_that_was_not_synced_is_undone_or_not() {
        let (mut old, mut new) = (0, 0);
        for seed in 0..100 {
            let mut directory = Directory::default();
            directory.link("a".into(), 1);
            directory.sync();
            directory.rename("a".into(), "b".into(), 1);
            directory.crash(&mut Rng::new(seed));
            old += u32::from(directory.seen.contains_key("a".as_ref() as &std::ffi::OsStr));
            new += u32::from(directory.seen.contains_key("b".as_ref() as &std::ffi::OsStr));
            assert_eq!(directory.seen.len(), 1);
        }
        assert!(old > 20 && new > 20, "{old} {new}");
    }
}
